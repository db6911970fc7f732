/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scan - several orders read as one, newest first, in pieces
 *
 * Between two pieces the orders may change; the scan remembers the last item it gave by (time, key) and goes on
 * behind it. Sessions of people's profiles can take part too, and one order's older part that is on disk: when the scan
 * comes there, somebody must read what is next of it.
 *
 * Threads  Home shard only.
 * Memory   From an arena; orders are borrowed and must stay where they are.
 */

#include "core/arena.h"
#include "shards/order.h"
#include "shards/share.h"

struct person;
struct shelf;
struct slice_stretch;

struct scan_cursor {
    const struct order *order;   /* or */
    const struct person *person; /* whose profile's sessions, or */
    const struct shelf *shelf;
    struct order_place place;
    struct order_entry
        entry; /* the one that is next; of a stretch that is not here its last one, with item 0 */
};

struct scan {
    struct scan_cursor *cursors;
    uint32_t cursor_count;
    uint32_t cursor_count_max;
    uint32_t *heap; /* cursors by their entry, the newest first */
    uint32_t heap_count;
    const struct order_entry *stretch; /* a copy of the one that was given last */
    uint32_t stretch_count;
    uint64_t stretch_address;
    uint64_t missing; /* the address of the one that must be given next */
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
/* Home. At most one. */
void scan_add_shelf(struct scan *scan, const struct shelf *shelf);
/* Home. Somebody with a profile. */
void scan_add_person(struct scan *scan, const struct person *person);
/* Home. To be called before the first scan_next() of each piece. */
void scan_resume(struct scan *scan);
/* Home. False at the end. An entry with item 0 was not given yet: the stretch at scan->missing is, before it goes on. */
MUST_USE bool scan_next(struct scan *scan, struct order_entry *out_entry);
/* Home. What was missing; it is copied to `room`, [ORDER_CHUNK_COUNT], which the scan borrows. */
void scan_give(struct scan *scan, const struct slice_stretch *stretch, struct order_entry *room);
