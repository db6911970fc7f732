/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * top - the most frequent names, in 64 counters
 *
 * The space-saving rule of the semantics: a new name replaces the one with the least count (of equals the
 * greatest name) and starts at that count + 1. Exact until there are more than 64 names.
 *
 * Threads  Home shard only.
 * Memory   Rows and names lie in the pack that the top lies in.
 * Limits   TOP_COUNT_MAX counters.
 */

#include "shards/pack.h"

#define TOP_COUNT_MAX 64u

struct top_row {
    struct pack_text name;
    uint64_t count;
};

struct top {
    struct pack_list rows; /* in no order that means anything */
};

/* Home. */
static inline struct top_row *
top_rows(const struct pack *pack, const struct top *top)
{
    return pack_at(pack, top->rows.at);
}

static inline struct text
top_name(const struct pack *pack, const struct top_row *row)
{
    return pack_text(pack, &row->name);
}

/* Home. Counts a name, which is kept when it is new; it is of this pack from now on. */
struct pack_text top_count(struct pack *pack, struct top *top, struct text name);
/* Home. The bytes that top_count() takes at most, beside the name's. */
uint64_t top_need(const struct top *top);
/* Home. Adds the counts of `other`, in another pack, which moves to this one, and keeps the best 64 by (count desc,
   name). Needs at most twice the bytes of both. */
void top_combine(struct pack *pack, struct top *top, struct pack *from, const struct top *other);
/* Home. Adds a row as it was encoded; names come once, and at most TOP_COUNT_MAX. */
void top_restore(struct pack *pack, struct top *top, struct text name, uint64_t count);
/* Home. To a new pack, into which the top was copied. */
void top_move(struct pack *to, struct pack *from, struct top *top);
