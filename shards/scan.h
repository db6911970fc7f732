/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scan - several orders read as one, newest first, in pieces
 *
 * Between two pieces the orders may change; the scan remembers the last item it gave by (time, key) and goes on
 * behind it. Sessions of people's profiles can take part too.
 *
 * Threads  Home shard only.
 * Memory   From an arena; orders are borrowed and must stay where they are.
 */

#include "core/arena.h"
#include "shards/order.h"
#include "shards/share.h"

struct person;

struct scan_cursor {
    const struct order *order;   /* or */
    const struct person *person; /* whose profile's sessions */
    struct order_place place;
    struct order_entry entry; /* the one that is next */
};

struct scan {
    struct scan_cursor *cursors;
    uint32_t cursor_count;
    uint32_t cursor_count_max;
    uint32_t *heap; /* cursors by their entry, the newest first */
    uint32_t heap_count;
    /* Wanted is what is strictly older than this. */
    int64_t time;
    uint64_t key;
};

/* Home. NULL when the arena is full. Its orders are all of events, or all of sessions. */
MUST_USE struct scan *scan_create(struct arena *arena, uint32_t cursor_count_max);
/* Home. Everything at or behind (time, key) is too new; key 0: everything at `time`. */
void scan_start_at(struct scan *scan, int64_t time, uint64_t key);
/* Home. Takes no part any more: orders are added anew. */
void scan_clear(struct scan *scan);
void scan_add_order(struct scan *scan, const struct order *order);
/* Home. Somebody with a profile. */
void scan_add_person(struct scan *scan, const struct person *person);
/* Home. To be called before the first scan_next() of each piece. */
void scan_resume(struct scan *scan);
/* Home. False at the end. */
MUST_USE bool scan_next(struct scan *scan, struct order_entry *out_entry);
