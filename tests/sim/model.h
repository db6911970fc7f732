/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * model - what the answers must be
 *
 * A small naive oracle, written from the semantics alone. It reads the records that the commit log
 * holds, each partition's in its order, and gives the JSON that a node must answer to a fixed set of
 * GraphQL queries (shapes). It keeps every event and derives most things only when asked; what depends on
 * the order of the log (identity, watermark, session joins, top lists, traits) it keeps as it reads.
 *
 * Usage    model_see() for a block of a partition's stream, empty ones included, then model_apply() for its
 *          records. A query is answered as of the last block seen.
 * Threads  One.
 * Memory   Everything read is copied and kept until model_destroy(). Answers are the caller's to free.
 * Errors   None: it dies where the log breaks its contract. Deletions, administrative merges and watermarks
 *          are not in the log yet and are refused by name.
 *
 * Where the semantics is silent the model does this. Nodes must agree, or the choice is changed here:
 *
 *  1. Lists without a stated order: userIds and anonymousIds by bytes; tenants of equal size by ID
 *     (bytes); all lists of counts (eventCounts, eventTypes) by count desc, then name, `other` in its
 *     place by its count.
 *  2. A tenant is live by its event with the greatest (event_time, position): received_at - event_time <=
 *     600 000.
 *  3. The silence watermark is looked at for every tenant of the partition when a block is seen, thus also
 *     before a settings record takes effect. Looking does not change W0 and w0; W never goes back,
 *     whatever the settings do.
 *  4. "closed" and "final" are predicates on W and the settings of now. For a merge (step 2) it is W of
 *     step 1, for the event itself (step 5) W after step 3. Before a tenant's first event no session can
 *     be closed or too old.
 *  5. A merge of people joins every group of their sessions, not final, that are chained within the gap,
 *     also two of one person (possible only when the gap grew between).
 *  6. 25 hour buckets are the newest event's and 24 before it, 91 day buckets its day and 90 before it. A
 *     window whose first bucket is older is null with AS_OF_TOO_EARLY, even if the profile is younger.
 *     Session windows have the same limit.
 *  7. Traits: the 32 KiB are the sum of key bytes (decoded) and value bytes (raw), a `null` mark counts
 *     its key and 4 bytes and one of the 256. A replacement that would pass the limit is ignored, and the
 *     old value stays. When combining, the loser's keys (marks too) are taken in byte order into the
 *     winner's. A key twice in an object: the last counts. Keys are compared and counted as decoded text;
 *     a lone surrogate escape in a key is U+FFFD.
 *  8. eventCounts: `other` of both are added when combining; "first" is the order of the log.
 *  9. Session device, browser, OS, country: each the latest that is set. eventTypes has no limit.
 * 10. Dimension keys: a value after the dictionary limit is (other) everywhere in roll-ups, MINUTE and
 *     `where` too. `where` compares with the key as breakdown shows it, so "(other)" and "(none)" can be
 *     asked for; null is (none). A real value spelled (none) or (other) falls into that group. Only values
 *     that are set take a dictionary place.
 * 11. breakdown lists groups with at least one thing counted: an event, user, session, or for the average
 *     a closed session. Its mean, and points and summaries with nothing to divide by, are 0. A mean is
 *     (double)sum_ms / 1000.0 / (double)count, durationSec is ms / 1000.0.
 * 12. from >= to, before rounding, is an empty range: zeros, no groups, no points.
 * 13. MINUTE over more than 24 hours (after rounding): an error of any code, data null.
 * 14. event(eventId) of an ID accepted twice (beyond the duplicate window): the later one.
 * 15. hasPreviousPage is true when `after` was given and something precedes the page.
 * 16. An unknown ID, malformed ones included: null, or an empty list when it filters. tenant(id) of a
 *     tenant without events is null; lists, summary, breakdown and timeSeries of one are empty or zeros.
 * 17. U unknown in an alias, and C(P), ownerless, is full: C(U) is created, P stays (as for A). P unknown,
 *     or to be merged, and C(U) has no room: nothing linked. "Holds" counts identifiers that resolve to
 *     the canonical now; a merge needs room for all of the loser's, and counts as one merge of the winner,
 *     whatever the loser had won.
 * 18. The blocked values of §3 are absent, wherever they stand in a record (normalisation has removed them
 *     before).
 * 19. Of several settings records each replaces the one before; until the first the defaults hold.
 * 20. profiles: of equal values the greater canonicalId first. country and deviceType are lastCountry and lastDevice,
 *     seenFrom and seenTo are of lastSeen (from included, to not), identified is whether there is a userId.
 *     totalCount is of all that pass the filter.
 * 21. timeSeriesBy: the groups are those of note 11, over the series' own range, by value desc, then key. (other) is
 *     never one of them: the dictionary's joins the rest, which comes last, if anything was counted in it.
 */

#include "core/base.h"

struct model;

enum model_shape {
    MODEL_PROFILE,        /* tenant_id; one of id, user_id, anonymous_id; as_of */
    MODEL_TENANTS,        /* - */
    MODEL_TENANT,         /* tenant_id */
    MODEL_EVENTS,         /* tenant_id, first, page; event_type, id, device_type, country, late, from, to */
    MODEL_SESSIONS,       /* tenant_id, first, page; id, open, from, to */
    MODEL_MERGES,         /* tenant_id, first, page */
    MODEL_EVENT,          /* tenant_id, event_id */
    MODEL_SUMMARY,        /* tenant_id, from, to */
    MODEL_BREAKDOWN,      /* tenant_id, metric, by, from, to, first, where */
    MODEL_TIME_SERIES,    /* tenant_id, metric, interval, from, to, where */
    MODEL_TIME_SERIES_BY, /* tenant_id, metric, by, interval, from, to, first, where */
    MODEL_PROFILES,       /* tenant_id, first, page; order, country, device_type, identified, from, to */
    MODEL_SHAPE_COUNT
};

enum model_metric {
    MODEL_METRIC_EVENTS,
    MODEL_METRIC_USERS,
    MODEL_METRIC_SESSIONS,
    MODEL_METRIC_AVG_DURATION,
    MODEL_METRIC_COUNT
};
enum model_interval { MODEL_MINUTE, MODEL_HOUR, MODEL_DAY, MODEL_INTERVAL_COUNT };
enum model_order {
    MODEL_LAST_SEEN,
    MODEL_FIRST_SEEN,
    MODEL_TOTAL_EVENTS,
    MODEL_TOTAL_SESSIONS,
    MODEL_ORDER_COUNT
};
enum model_by {
    MODEL_EVENT_TYPE,
    MODEL_COUNTRY,
    MODEL_DEVICE_TYPE,
    MODEL_BROWSER,
    MODEL_OS,
    MODEL_PAGE_URL,
    MODEL_BY_COUNT
};
enum model_maybe { MODEL_ANY, MODEL_NO, MODEL_YES };

/* A page of this size keeps an EVENTS or SESSIONS query under the cost limit of 20 000. */
#define MODEL_FIRST_MAX 500u
/* Page sizes inside PROFILE: events(first:1000) with every field would pass the cost limit. */
#define MODEL_PROFILE_EVENTS 400u
#define MODEL_PROFILE_SESSIONS 200u

struct model_where {
    enum model_by by;
    struct text equals; /* no bytes: null, the missing value */
};

/* Texts without bytes and false has_ flags are variables that are not sent. All texts are borrowed. */
struct model_variables {
    struct text tenant_id;
    struct text id; /* canonical, as 36 characters */
    struct text user_id;
    struct text anonymous_id;
    struct text event_id;
    struct text event_type;
    struct text device_type;
    struct text country;
    enum model_maybe late;
    enum model_maybe open;
    enum model_maybe identified;
    enum model_order order;
    bool has_as_of;
    bool has_from;
    bool has_to;
    int64_t as_of_ms;
    int64_t now_ms; /* the node's clock, asOf when none is sent */
    int64_t from_ms;
    int64_t to_ms;
    enum model_metric metric;
    enum model_interval interval;
    enum model_by by;
    const struct model_where *where;
    uint32_t where_count;
    uint32_t first;
    /* Paging. Cursors are the node's secret: the caller sends `after`, counts what came before it in
       `skip`, and gives the endCursor of the node's answer back to be echoed (no bytes: null). */
    uint32_t skip;
    struct text after;
    struct text end_cursor;
};

#define MODEL_ERROR_COUNT_MAX 8

struct model_answer {
    char *data; /* the `data` object as JSON text, or "null" */
    uint32_t error_count;
    struct {
        const char *code; /* extensions.code; NULL: any */
        const char *path; /* "profile.events1d" */
    } errors[MODEL_ERROR_COUNT_MAX];
};

/* What the model counts beside the answers: the node has metrics of the same meaning. */
struct model_totals {
    uint64_t events;
    uint64_t late;
    uint64_t merges;
    uint64_t relinks;
    uint64_t alias_refused;
    uint64_t identity_limit;
    uint64_t sessions_joined;  /* sessions that vanished into another one */
    uint64_t sessions_revised; /* times a closed session changed */
    uint64_t traits_ignored;
};

struct model *model_create(uint32_t partition_count);
void model_destroy(struct model *model);
/* The dictionary limit of a day, 10 000 unless told. Before the first record. */
void model_dictionary_values_max(struct model *model, uint32_t values_max);

/* A record (struct record_header...) at `position`, in a block with this wall clock; 8-byte aligned.
   Positions of a partition grow. */
void model_apply(struct model *model, uint32_t partition, uint64_t position, const void *record,
                 int64_t block_wall_ms);
/* A block with this wall clock is in the partition's stream. */
void model_see(struct model *model, uint32_t partition, int64_t block_wall_ms);

/* The GraphQL text of a shape, for ever. */
const char *model_query(enum model_shape shape);
/* The variables as a JSON object for that text; free() it. */
char *model_query_variables(enum model_shape shape, const struct model_variables *variables);
/* What the node must answer; model_answer_free() it. */
struct model_answer model_answer(struct model *model, enum model_shape shape,
                                 const struct model_variables *variables);
void model_answer_free(struct model_answer *answer);

struct model_totals model_totals(const struct model *model);
/* For the simulator's dice: how many tenants there are and their names, in order of appearance; lent. */
uint32_t model_tenant_count(const struct model *model);
struct text model_tenant_id(const struct model *model, uint32_t index);
/* The watermark as of the last block seen; INT64_MIN when there is none. */
int64_t model_watermark(const struct model *model, struct text tenant_id);
/* How many nodes an EVENTS, SESSIONS or MERGES list has over all its pages. */
uint32_t model_list_count(struct model *model, enum model_shape shape,
                          const struct model_variables *variables);
/* The event ID at a place of the full EVENTS list; lent until model_destroy(). */
struct text model_list_event_id(struct model *model, const struct model_variables *variables, uint32_t index);
