/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * buckets - events and sessions by hour and by day, as far back as windows reach
 *
 * 25 hours and 91 days up to the newest event (the semantics); what is older was counted once and is gone. Rows
 * that are zero are not kept, the others ascend.
 *
 * Threads  Home shard only.
 * Memory   Region.
 * Limits   BUCKET_HOURS and BUCKET_DAYS rows.
 */

#include "shards/memory.h"
#include "shards/question.h"

struct bucket_list {
    struct bucket *rows;
    uint32_t count;
    uint32_t capacity;
};

struct buckets {
    struct bucket_list hours;
    struct bucket_list days;
};

/* Home. Drops what is out of reach of `newest`. */
void buckets_expire(struct buckets *buckets, struct event_ms newest);
/* Home. Counts at time `at`, unless that is out of reach of `newest`. `sessions` may be negative. */
void buckets_count(struct memory *memory, struct buckets *buckets, struct event_ms newest, struct event_ms at,
                   uint32_t events, int32_t sessions);
/* Home. Adds all rows of `other` that are in reach of `newest`, and empties it. */
void buckets_combine(struct memory *memory, struct buckets *buckets, struct event_ms newest,
                     struct buckets *other);
/* Home. Appends a row as it was encoded. */
void buckets_restore(struct memory *memory, struct bucket_list *list, struct bucket row);
void buckets_clear(struct memory *memory, struct buckets *buckets);
