/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * normaliser - a request's body in, drafts of unified events out
 *
 * One for each shard, one body at a time. Nothing here knows HTTP: the route is an enum, headers are texts.
 *
 *     r = normaliser_begin(normaliser, &options);               NORMALISER_NOT_JSON, NORMALISER_BAD_SHAPE: 400
 *     key = normaliser_write_key(normaliser);                   authenticate, if no header did
 *     normaliser_bind(normaliser, tenant_id, NORMALISER_IS_BOUND);
 *     while ((r = normaliser_next(normaliser, &draft)) != NORMALISER_END) {
 *         0: ingest_add(request, draft, normaliser_index())
 *         NORMALISER_REJECT: note normaliser_index() and normaliser_reason()
 *         NORMALISER_NOT_JSON: nothing was JSON; 400, forget the request
 *     }
 *
 * Shapes of NORMALISER_EVENTS: what begins with '[' is a JSON array; what begins with '{' and whose first line is no
 * JSON, but the whole is, is one object over several lines; all else is NDJSON, one event a line.
 * An array that is not JSON as a whole (and no NDJSON with an array as its first line), and a batch whose events are not,
 * is split into its elements by quotes and brackets, and each that is not JSON is rejected by itself. Where no end is
 * found, or no element is JSON, the whole is NORMALISER_NOT_JSON.
 * An index counts elements, or lines that are not blank, from 0. A byte order mark at the beginning is stepped over.
 *
 * Threads  Home shard only.
 * Memory   All at creation. Body, headers and tenant are borrowed until NORMALISER_END or the next begin. A draft and
 *          a reason are lent until the next call. The body needs JSON_IN_PADDING readable bytes after its end.
 * Limits   Bodies of bytes_max. A body may take milliseconds: callers look at the clock between events. Another body
 *          must wait until this one is at its end or given up.
 * Errors   NORMALISER_REJECT is of one event; the other two are of the request.
 */

#include "net/segment_call.h"

enum normaliser_answer {
    NORMALISER_REJECT = DRAFT_REJECT,
    NORMALISER_END = 2,
    NORMALISER_NOT_JSON = 3,  /* 400 */
    NORMALISER_BAD_SHAPE = 4, /* 400 */
};

enum normaliser_route {
    NORMALISER_EVENTS, /* native */
    NORMALISER_BATCH,  /* all from here on: Segment */
    NORMALISER_TRACK,
    NORMALISER_IDENTIFY,
    NORMALISER_PAGE,
    NORMALISER_SCREEN,
    NORMALISER_GROUP,
    NORMALISER_ALIAS,
};

enum normaliser_binding {
    NORMALISER_IS_FREE,  /* the tenant is for events that name none */
    NORMALISER_IS_BOUND, /* and an event that names another one is rejected */
};

struct normaliser_options {
    enum normaliser_route route;
    struct text body;
    struct wall_ms received_at;
    struct text idempotency_key;       /* Idempotency-Key, or nothing */
    struct text sent_at;               /* SentAt, or nothing */
    struct text user_agent;            /* User-Agent, on browser routes only */
    struct text address;               /* the client's, on browser routes only */
    const struct geoip *geoip;         /* NULL: countries are not looked up */
    uint64_t (*random)(void *context); /* for IDs of events without one */
    void *random_context;
};

struct normaliser;

/*
 * Boot. `blocked` are the configured values beside the built-in ones, copied. keep_query: page addresses keep query
 * and fragment. bytes_max: of a body. -ENOMEM; -E2BIG: too many blocked values.
 */
MUST_USE int normaliser_create(const struct text *blocked, uint32_t blocked_count, bool keep_query,
                               uint32_t bytes_max, struct normaliser **out_normaliser);
/* Boot. NULL is nothing to do. */
void normaliser_destroy(struct normaliser *normaliser);

/* Home. 0, NORMALISER_NOT_JSON or NORMALISER_BAD_SHAPE. No tenant is set. */
MUST_USE int normaliser_begin(struct normaliser *normaliser, const struct normaliser_options *options);

/* Home. The body's writeKey, or nothing. Native bodies have none. */
struct text normaliser_write_key(const struct normaliser *normaliser);

/* Home. Before the first normaliser_next(). False: no tenant can have this name, and none is set. */
MUST_USE bool normaliser_bind(struct normaliser *normaliser, struct text tenant_id,
                              enum normaliser_binding binding);

/* Home. 0 and a draft, NORMALISER_REJECT, NORMALISER_END, or NORMALISER_NOT_JSON instead of NORMALISER_END. */
MUST_USE int normaliser_next(struct normaliser *normaliser, const struct event_draft **out_draft);

/* Home. Of the last draft or reject. */
uint32_t normaliser_index(const struct normaliser *normaliser);
/* Home. Of the last answer that was neither a draft nor the end; lent until the next call. */
struct text normaliser_reason(const struct normaliser *normaliser);
