/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * draft - JSON values become the fields of one event
 *
 * The rules that both input shapes share, a function for each kind of field. A value that is null or an empty
 * string is absent. A value of another type than the field takes rejects the event, with the name that the client
 * used for it: "user_id: neither a string nor a number".
 *
 *     draft_begin(draft);
 *     r = draft_identifier(draft, EVENT_USER_ID, "user_id", value, FIELD_IDENTIFIER_BYTES_MAX);
 *     ...
 *     r = draft_finish(draft, index, "anonymous_id, user_id");
 *
 * Threads  Home shard only.
 * Memory   Texts of draft->event point into the body, into `draft` or into what the client's values point to: lent
 *          until the next draft_begin() or the next opening of either json_in.
 * Limits   An event of FIELD_EVENT_BYTES_MAX bytes of JSON.
 * Errors   DRAFT_REJECT, with the reason in draft->reason.
 */

#include "core/base.h"
#include "core/json_in.h"
#include "net/field.h"
#include "net/identifier.h"
#include "shards/record.h"

#define DRAFT_NUMBER_COUNT_MAX 8u
#define DRAFT_REASON_BYTES_MAX 192u
/* An ID made from it is "key:index", and an index has at most seven digits. */
#define DRAFT_IDEMPOTENCY_BYTES_MAX (FIELD_EVENT_ID_BYTES_MAX - 8u)

enum draft_answer {
    DRAFT_REJECT = 1,
};

struct draft {
    /* The shard's. */
    const struct identifier_blocked *blocked;
    struct json_in *json;  /* of the body */
    struct json_in *inner; /* of strings that hold JSON */
    bool keep_query;

    /* The request's. */
    bool is_bound;         /* an event may not name another tenant */
    struct text tenant_id; /* of the key, or nothing */
    struct text idempotency_key;
    struct wall_ms received_at;
    uint64_t (*random)(void *context);
    void *random_context;

    /* The event's. */
    struct event_draft event;
    uint32_t number_count;
    char numbers[DRAFT_NUMBER_COUNT_MAX][JSON_NUMBER_BYTES_MAX];
    char event_id[FIELD_EVENT_ID_BYTES_MAX + 1]; /* and what snprintf() adds */
    char reason[DRAFT_REASON_BYTES_MAX];
};

/* Home. An event without fields, received when its request was. */
void draft_begin(struct draft *draft);

/* Home. Notes why and returns DRAFT_REJECT. */
PRINTF_LIKE(2, 3) int draft_reject(struct draft *draft, const char *format, ...);

/* All below: Home. `value` NULL is absent; `name` is what the client calls the field. 0 or DRAFT_REJECT. */

/* The event's members. Rejects what is no object, or too large. */
MUST_USE int draft_open(struct draft *draft, const struct json_value *event,
                        const struct json_value **out_members, uint32_t *out_count);
/* A string or a number, up to bytes_max. */
MUST_USE int draft_identifier(struct draft *draft, enum event_text which, const char *name,
                              const struct json_value *value, uint32_t bytes_max);
/* A string, up to bytes_max. */
MUST_USE int draft_string(struct draft *draft, enum event_text which, const char *name,
                          const struct json_value *value, uint32_t bytes_max);
/* A string, cut. */
MUST_USE int draft_label(struct draft *draft, enum event_text which, const char *name,
                         const struct json_value *value, uint32_t bytes_max);
/* A string: query and fragment go unless they are kept, and the rest is cut. */
MUST_USE int draft_url(struct draft *draft, enum event_text which, const char *name,
                       const struct json_value *value);
/* An object, kept as it was sent. */
MUST_USE int draft_object(struct draft *draft, enum event_text which, const char *name,
                          const struct json_value *value);
/* An object, or a string that holds one. */
MUST_USE int draft_object_or_string(struct draft *draft, enum event_text which, const char *name,
                                    const struct json_value *value);
/* A time in any of the forms. *out_is_set false: absent, and *out_ms is unchanged. */
MUST_USE int draft_time(struct draft *draft, const char *name, const struct json_value *value,
                        int64_t *out_ms, bool *out_is_set);

/* Any thread. The same for text that is no JSON. Never before the year 0000, which a zone can make of it. */
bool draft_time_of_text(struct text text, int64_t *out_ms);

/* Home. Texts that were found already; none rejects. */
void draft_set_url(struct draft *draft, enum event_text which, struct text text);
void draft_set_label(struct draft *draft, enum event_text which, struct text text, uint32_t bytes_max);

/* Home. The event's own time, corrected; later than its receipt is its receipt, before the year 0000 rejects. */
MUST_USE int draft_set_time(struct draft *draft, const char *name, int64_t ms);

/* Home. What concerns the event as a whole: blocked values go, someone must remain, an ID is made. */
MUST_USE int draft_finish(struct draft *draft, uint32_t index, const char *identifier_names);
