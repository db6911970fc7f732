/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * buckets - events and sessions by hour and by day, as far back as windows reach
 *
 * 25 hours and 91 days up to the newest event (the semantics); what is older was counted once and is gone. Rows
 * that are zero are not kept, the others ascend.
 *
 * Threads  Home shard only.
 * Memory   Rows lie in the pack that the buckets lie in.
 * Limits   BUCKET_HOURS and BUCKET_DAYS rows.
 */

#include "shards/pack.h"
#include "shards/question.h"

struct buckets {
    struct pack_list hours; /* struct bucket */
    struct pack_list days;
};

/* Home. Of one of its lists. */
static inline struct bucket *
buckets_rows(const struct pack *pack, const struct pack_list *list)
{
    return pack_at(pack, list->at);
}

/* Home. Drops what is out of reach of `newest`. */
void buckets_expire(struct pack *pack, struct buckets *buckets, struct event_ms newest);
/* Home. Counts at time `at`, unless that is out of reach of `newest`. `sessions` may be negative. */
void buckets_count(struct pack *pack, struct buckets *buckets, struct event_ms newest, struct event_ms at,
                   uint32_t events, int32_t sessions);
/* Home. The bytes that this takes at most; nothing for times at which something is counted already. */
uint64_t buckets_need(const struct buckets *buckets);
/* Home. Adds all rows of `other`, in another pack, that are in reach of `newest`. Needs at most twice the bytes of
   both. */
void buckets_combine(struct pack *pack, struct buckets *buckets, struct event_ms newest,
                     const struct pack *from, const struct buckets *other);
/* Home. Appends a row as it was encoded. */
void buckets_restore(struct pack *pack, struct pack_list *list, struct bucket row);
/* Home. To a new pack, into which the buckets were copied. */
void buckets_move(struct pack *to, const struct pack *from, struct buckets *buckets);
