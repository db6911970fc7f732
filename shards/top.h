/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * top - the most frequent names, in 64 counters
 *
 * The space-saving rule of the semantics: a new name replaces the one with the least count (of equals the
 * greatest name) and starts at that count + 1. Exact until there are more than 64 names.
 *
 * Threads  Home shard only.
 * Memory   Region; names are copies.
 * Limits   TOP_COUNT_MAX counters.
 */

#include "shards/short_text.h"

#define TOP_COUNT_MAX 64u

struct top_row {
    struct short_text name;
    uint64_t count;
};

struct top {
    struct top_row *rows; /* in no order that means anything */
    uint32_t count;
    uint32_t capacity;
};

static inline struct text
top_name(const struct top_row *row)
{
    return short_text(&row->name);
}

/* Home. */
void top_count(struct memory *memory, struct top *top, struct text name);
/* Home. Adds the counts of `other` and keeps the best 64 by (count desc, name); `other` is emptied. */
void top_combine(struct memory *memory, struct top *top, struct top *other);
/* Home. Adds a row as it was encoded; names come once, and at most TOP_COUNT_MAX. */
void top_restore(struct memory *memory, struct top *top, struct text name, uint64_t count);
void top_clear(struct memory *memory, struct top *top);
