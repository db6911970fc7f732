/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * lane - a bounded ring between two shards, one sender and one receiver
 *
 * 64-byte slots. The sender claims slots, fills them, and publishes once a turn; the receiver fetches
 * slots and releases them once a turn (or sooner). Both indexes run freely; each side keeps a copy of
 * the other's and looks only when the copy says full or empty. What a slot points to belongs to the
 * sender and is free again when lane_passed() has gone by it.
 *
 * Threads  Sender and Receiver, each one thread (they may be the same).
 * Limits   slot_count is a power of two, fixed at start. A full lane says no; nothing waits here.
 * Order    First in, first out. Release on publish pairs with acquire on fetch, and release on
 *          lane_release with acquire on claim.
 */

#include "core/base.h"
#include "core/here.h"

#include <stdatomic.h>

#define LANE_SLOT_BYTES 64u

struct lane_slot {
    uint64_t word[LANE_SLOT_BYTES / 8];
};

struct lane {
    struct lane_slot *slots;
    uint64_t slot_count;
    struct shard_id sender;
    struct shard_id receiver;
    bool is_held; /* simulation: what is published stays out of sight until lane_unhold() */

    /* Sender's line. */
    alignas(CACHE_LINE_BYTES) uint64_t claimed;
    uint64_t released_seen;
    uint64_t held; /* simulation: published but not yet visible up to here */
    _Atomic uint64_t published;

    /* Receiver's line. */
    alignas(CACHE_LINE_BYTES) uint64_t fetched;
    uint64_t published_seen;
    _Atomic uint64_t released;
};

/* Boot. Borrows `slots` (slot_count of them, 64-byte aligned) for the life of the lane. */
void lane_init(struct lane *lane, struct lane_slot *slots, uint64_t slot_count, struct shard_id sender,
               struct shard_id receiver);

/* Sender. How many slots can be claimed now. */
uint64_t lane_room(struct lane *lane);
/* Sender. The next slot, lent until lane_publish(); NULL when the lane is full. */
MUST_USE struct lane_slot *lane_claim(struct lane *lane);
/* Sender. Makes all claimed slots visible. Returns how many that were. */
uint64_t lane_publish(struct lane *lane);
/* Sender. Index of the next slot to be claimed: a payload sent now is free once lane_passed() > this. */
static inline uint64_t
lane_index(const struct lane *lane)
{
    return lane->claimed;
}
/* Sender. Every slot with an index below this was released by the receiver. */
uint64_t lane_passed(struct lane *lane);

/* Receiver. The next slot, lent until lane_release(); NULL when there is none. */
MUST_USE const struct lane_slot *lane_fetch(struct lane *lane);
/* Receiver. Un-fetches the slot fetched last: it will be fetched again. Only before lane_release(). */
void lane_unfetch(struct lane *lane);
/* Receiver. Gives all fetched slots back. Returns how many. */
uint64_t lane_release(struct lane *lane);
/* Receiver. Index of the next slot to be fetched. */
static inline uint64_t
lane_fetched(const struct lane *lane)
{
    return lane->fetched;
}
/* Receiver. Nothing visible to fetch. */
bool lane_is_empty(struct lane *lane);

/* Simulation. Lets up to `count` of the held slots be seen. Returns how many are still held. */
uint64_t lane_unhold(struct lane *lane, uint64_t count);
