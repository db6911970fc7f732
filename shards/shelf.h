/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * shelf - the older part of an order, on disk alone
 *
 * Stretches of entries that are never removed, each one a record of the journal. What is here says where a stretch is, and between
 * which entries it lies. Each stretch lies behind the one before it. An entry that comes late, and belongs between those of a
 * stretch, stays in the order: who reads, reads both as one (scan.h).
 *
 * Threads  Home shard only.
 * Memory   Region: 40 bytes a stretch.
 * Limits   ORDER_CHUNK_COUNT entries in a stretch.
 */

#include "shards/order.h"
#include "shards/slice_record.h"

struct slice_state;

struct shelf_place {
    int64_t time;
    uint64_t key;
};

struct shelf_stretch {
    struct shelf_place first;
    struct shelf_place last;
    uint64_t address;
};

struct shelf {
    struct shelf_stretch *stretches;
    uint32_t stretch_count;
    uint32_t stretch_capacity;
};

/* Home. Entries that lie behind the last stretch, ascending, become a record and a stretch. The owner removes them. */
void shelf_add(struct memory *memory, struct shelf *shelf, struct slice_state *state, struct slice_head head,
               const struct order_entry *entries, uint32_t count);
/* Boot. A stretch whose record is in the journal already. False: it does not ascend, or lie behind the last one. */
MUST_USE bool shelf_restore(struct memory *memory, struct shelf *shelf, const struct slice_stretch *record,
                            uint64_t address);
/* Home. How many stretches begin before (time, key). */
uint32_t shelf_seek(const struct shelf *shelf, int64_t time, uint64_t key);
/* Home. Where in the order the entries are that may become the next stretch: from there on all of them lie behind the last
   one. */
struct order_place shelf_end(const struct shelf *shelf, const struct order *order);
