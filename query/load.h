/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * load - what one field of a query needs from the shards, and what came back
 *
 * A field whose value is not in its parent's row has a load. Loads hang below the rows that they belong to: a
 * branch holds one load for each row of its parent, so that a page of sessions with `events` has a branch of as
 * many event pages. All loads that wait take a step, the questions of all of them go out as one round, and when
 * its answers are back they take the next step.
 *
 * Beside the loads of fields there are things that many of them share, asked for once: the stamp of a tenant (its
 * reading, the codes of `where` values), a person (who an identifier is, and all that was merged into it), and
 * who the persons in rows are now.
 *
 * Threads  Home shard only.
 * Memory   Everything in the request's arena; results point into answers of other shards, lent until the
 *          scatter's end. Whoever gets NULL or false because the arena is full just returns: the round ends the
 *          query.
 */

#include "query/cursor.h"
#include "query/graphql_request.h"
#include "query/principal.h"
#include "shards/scatter.h"

#define LOAD_PERSON_BUCKETS 64u

/* extensions.code of field errors; those of requests are in graphql_error.h */
#define LOAD_CODE_FORBIDDEN "FORBIDDEN"
#define LOAD_CODE_CURSOR "INVALID_CURSOR"
#define LOAD_CODE_RANGE "RANGE_TOO_LONG"
#define LOAD_CODE_EARLY "AS_OF_TOO_EARLY"
#define LOAD_CODE_UNAVAILABLE "UNAVAILABLE"
#define LOAD_CODE_INTERNAL "INTERNAL"

struct rollup;

/* Values of a `where`, to be looked up by the stamp. */
struct load_where {
    struct dimension_value *values;
    uint32_t count;
    struct load_where *next;
};

/* Numbers of people whose present selves somebody wants to know. */
struct load_people {
    uint32_t *persons; /* ascending, each once, when asked */
    uint32_t count;
    struct question *question;    /* NULL: not asked yet */
    const struct member *winners; /* NULL: not answered yet */
    struct load_people *next;
};

struct load_tenant {
    struct text tenant_id;
    uint16_t partition;
    struct question *stamp;
    struct load_where *wheres;
    bool is_ready; /* the stamp is here, or `fault` */
    int fault;
    const struct stamp_answer *answer;
    struct reading reading; /* for every question: the newest that came with a stamp or a person */
    struct load_person *persons[LOAD_PERSON_BUCKETS];
    struct load_people *wanted; /* for the next round */
    struct load_people *people; /* asked */
    int people_fault;
    struct load_tenant *next;
};

/* Somebody, by one of their names. */
struct load_person {
    int by; /* RESOLVE_CANONICAL and so on */
    struct text value;
    struct question *question;
    bool is_ready;
    int fault;
    const struct resolve_answer *answer;
    struct load_person *next;
};

enum load_kind {
    LOAD_ROOT,
    LOAD_TENANTS,
    LOAD_TENANT,
    LOAD_PROFILE,
    LOAD_PROFILES, /* its rows are loads of kind LOAD_PROFILE */
    LOAD_EVENT,
    LOAD_EVENTS,
    LOAD_SESSIONS,
    LOAD_MERGES,
    LOAD_EVENT_SESSION,
    LOAD_CURRENT_SESSION,
    LOAD_ROLLUP, /* summary, timeSeries, timeSeriesBy, breakdown */
};

/* Questions of one kind, one for each place that is asked. */
struct load_questions {
    struct question *at;
    uint32_t count;
};

/* The rows of a page that one slice has answered last. */
struct load_part {
    struct question *question;
    uint32_t used; /* so many of them are in the page */
};

struct load {
    enum load_kind kind;
    uint32_t stage;     /* of its steps: the owner's */
    uint32_t round_due; /* no step before this round: its answers are not here */
    bool has_rows;      /* row_count is known: what lies below may be loaded */
    bool is_expanded;   /* and has been asked for */
    bool is_done;
    bool is_null; /* has no value because of an error, its own or one below; known after settling */
    const struct graphql_selection *selection;
    struct load *parent;
    struct load_branch *branch; /* where it hangs; NULL for the root */
    uint32_t row;               /* of the parent */
    struct load_tenant *tenant;
    struct load_person *person; /* whose rows these are; NULL: of a whole tenant */
    struct load_person *filter; /* canonicalId of a filter, below a profile */
    struct load_questions questions;
    struct load_questions probes; /* the first row of the whole list, for hasPreviousPage */
    struct load_part *parts;      /* of a page of events or sessions: [questions.count] */
    uint64_t used_bytes;          /* of those that are used up */
    const char *error_code;       /* NULL: none */
    const char *error_message;

    uint32_t row_count; /* 0 or 1, but for lists */
    union {
        const struct tenant_row **tenants;
        const struct profile_answer *profile;
        const struct profile_place **places; /* of profiles */
        const struct event_row **events;
        const struct session_row **sessions;
        const struct merge_row *merges;
        struct rollup *rollup;
    };
    uint64_t *open_sessions; /* of tenants */
    struct event_ms as_of;   /* of a profile */

    /* Of a page. */
    uint32_t first;
    bool has_after;
    bool has_next;
    bool has_previous;
    uint64_t total_count;      /* profiles that pass the filter */
    struct load_where *wanted; /* values that events must have; NULL: they were not looked up */
    union {
        struct profile_scan *profile_scan;
        struct event_scan *event_scan;
        struct session_scan *session_scan;
        uint64_t before; /* merges */
    };

    /* Of an event's session: when both of these have the same session, so has this. */
    const struct load *left;
    const struct load *right;

    struct load_branch *branches; /* in the order of the selections */
    struct load_branch *last_branch;
    struct load *next_pending;
};

/* One load for each row of the parent. */
struct load_branch {
    const struct graphql_selection *selection;
    const struct graphql_selection
        *list; /* nodes or edges, when the parent is a page; nodes of profiles: the same */
    const struct graphql_selection *node; /* in edges, unless it is the selection */
    struct load *loads;
    uint32_t count;
    struct load_branch *next;
};

/* All loads of a query, and what they share. */
struct loads {
    struct shard *shard;
    struct arena *arena;
    const struct principal *principal;
    struct event_ms now; /* the server's clock */
    struct scatter scatter;
    struct load root;
    struct load_tenant *tenants;
    struct load *first_pending;
    struct load *last_pending;
    uint32_t round;  /* how many have come back */
    bool is_stale;   /* somebody was merged away between two rounds */
    bool is_starved; /* some answers had no room beside those to others */
};

/* Home. False: arena full. `done` is the scatter's. */
MUST_USE bool loads_begin(struct loads *loads, struct shard *shard, struct arena *arena,
                          const struct principal *principal, struct event_ms now,
                          void (*done)(struct scatter *scatter), void *context);
/* Home. Takes what came for tenants, persons and people. Before the loads' steps. */
void loads_arrived(struct loads *loads);
/* Home. Asks for tenants and people, and sends the round. Returns how many messages that were. */
uint32_t loads_send(struct loads *loads);

/* Home. Hangs `count` loads below the rows of the parent and lets them wait. NULL: arena full. */
struct load_branch *load_branch_add(struct loads *loads, struct load *parent, enum load_kind kind,
                                    const struct graphql_selection *selection, uint32_t count);
/* Home. The branch of a field; NULL: it has none. */
const struct load_branch *load_branch_find(const struct load *load,
                                           const struct graphql_selection *selection);

/* Home. Whether the objects in its rows are asked for this field. */
bool load_rows_have(const struct load *load, enum graphql_field field);
bool load_has_child(const struct graphql_selection *selection, enum graphql_field field);
/* Home. What may be long of its rows, as far as they are asked for it: texts of events (bits 1 << enum event_text),
   SESSION_WITH_..., PROFILE_WITH_... */
uint32_t load_event_texts(const struct load *load);
uint32_t load_session_with(const struct load *load);
uint32_t load_profile_with(const struct load *load);
/* Home. The text of an event's record that the field is. False: it is none. */
MUST_USE bool load_event_text(enum graphql_field field, enum event_text *out_text);
/* Home. The tenant and the persons are here. False: not yet, or the load has failed for one of them. */
MUST_USE bool load_is_ready(struct loads *loads, struct load *load);
/* Home. Who this person of a row is now; the load has waited for people, or all rows are one person's. */
const struct member *load_winner(const struct load *load, uint32_t person);

/* Home. A question of the round that will be sent next; its `ask` is the caller's. NULL: arena full. */
struct question *load_question(struct loads *loads, enum question_kind kind, uint16_t target,
                               const struct reading *reading);
/* Home. The same to every slice where one of the members lies, or to all slices when members is NULL. */
MUST_USE bool load_ask_slices(struct loads *loads, const struct question *question,
                              const struct member *members, uint32_t member_count,
                              struct load_questions *out_questions);

/* Home. A tenant; its stamp is asked for with the next round when it is new. NULL: arena full. */
struct load_tenant *load_tenant_get(struct loads *loads, struct text tenant_id);
/* Home. The tenant's stamp looks these values up; before it is asked for, so at the root only. */
void load_where_want(struct load_tenant *tenant, struct load_where *where);
/* Home. A person; asked for with the next round when it is new. NULL: arena full. */
struct load_person *load_person_get(struct loads *loads, struct load_tenant *tenant, int by,
                                    struct text value);
struct load_person *load_person_of(struct loads *loads, struct load_tenant *tenant, struct uuid canonical);
/* Home. Who these are now: `persons` (in the arena, taken) are asked with the next round. */
void load_people_want(struct loads *loads, struct load_tenant *tenant, uint32_t *persons, uint32_t count);
/* Home. NULL: not answered yet, or a fault. */
const struct member *load_people_find(const struct load_tenant *tenant, uint32_t person);

/* Home. The load is done and has so many rows. True. */
bool load_finish(struct load *load, uint32_t row_count);
/* Home. The load is done and has no value. Texts are constants. */
void load_refuse(struct load *load, const char *code, const char *message);
/* Home. The same for a fault of an answer. */
void load_fail(struct loads *loads, struct load *load, int fault);
/* Home. True when one of them has a fault, which became the load's. */
MUST_USE bool load_has_failed(struct loads *loads, struct load *load, struct load_questions questions);
