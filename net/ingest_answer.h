/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ingest_answer - what a node says to a request of events, for who sent it
 *
 *     {"success":true,"accepted":48,"duplicates":1,"rejected":[{"index":7,"error":"event_time: not a time"}]}
 *
 * Threads  One.
 * Memory   Rejects are lent until the json_in is used again.
 */

#include "core/base.h"
#include "core/json_in.h"

struct ingest_answer {
    struct json_in *json;
    uint64_t accepted;
    uint64_t duplicates;
    struct json_cursor rejects;
};

struct ingest_reject {
    uint64_t index;
    struct text error;
};

/* False: it is no such answer. JSON_IN_PADDING bytes behind the text are readable. */
MUST_USE bool ingest_answer_read(struct json_in *json, struct text text, struct ingest_answer *out_answer);
/* The next reject; false when there is no other. */
MUST_USE bool ingest_answer_reject(struct ingest_answer *answer, struct ingest_reject *out_reject);
/* Why a node refused all of a request: its "error", or the text itself. */
struct text ingest_answer_error(struct json_in *json, struct text text);
