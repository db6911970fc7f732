/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lane.h"

#include <assert.h>

#include "core/mesh_order.h"

/*
 * Invariants, in indexes that run freely and wrap (differences, never comparisons, tell the order):
 *
 *   1. released <= fetched <= published <= held <= claimed
 *   2. claimed - released_seen <= slot_count, hence no slot is claimed before it was released
 *   3. released_seen is never ahead of released, published_seen never ahead of published
 *
 * held == published, unless the simulator holds the lane.
 *
 * ThreadSanitizer does not know fences, and mesh's bells need store-then-load order between
 * `published` and the sleeping flag. Under it the ends of that pattern are sequentially consistent.
 */

static_assert(sizeof(struct lane_slot) == CACHE_LINE_BYTES, "a slot is a cache line");
static_assert(offsetof(struct lane, claimed) / CACHE_LINE_BYTES !=
                  offsetof(struct lane, fetched) / CACHE_LINE_BYTES,
              "sender and receiver write different lines");
static_assert(offsetof(struct lane, published) / CACHE_LINE_BYTES ==
                  offsetof(struct lane, claimed) / CACHE_LINE_BYTES,
              "the sender writes one line");

void
lane_init(struct lane *lane, struct lane_slot *slots, uint64_t slot_count, struct shard_id sender,
          struct shard_id receiver)
{
    REQUIRE(slot_count > 0);
    REQUIRE((slot_count & (slot_count - 1)) == 0);
    REQUIRE((uintptr_t)slots % CACHE_LINE_BYTES == 0);

    *lane = (struct lane){.slots = slots, .slot_count = slot_count, .sender = sender, .receiver = receiver};
}

static struct lane_slot *
slot_at(const struct lane *lane, uint64_t index)
{
    return &lane->slots[index & (lane->slot_count - 1)];
}

uint64_t
lane_passed(struct lane *lane)
{
    /* Acquire, with lane_release(): the receiver's last reads of a slot come before we write it again. */
    lane->released_seen = atomic_load_explicit(&lane->released, memory_order_acquire);
    return lane->released_seen;
}

uint64_t
lane_room(struct lane *lane)
{
    return lane->slot_count - (lane->claimed - lane_passed(lane));
}

struct lane_slot *
lane_claim(struct lane *lane)
{
    if (lane->claimed - lane->released_seen == lane->slot_count &&
        lane->claimed - lane_passed(lane) == lane->slot_count) {
        return NULL;
    }
    struct lane_slot *slot = slot_at(lane, lane->claimed);

    lane->claimed++;
    ASSERT(lane->claimed - lane->released_seen <= lane->slot_count); /* invariant 2 */
    return slot;
}

uint64_t
lane_publish(struct lane *lane)
{
    uint64_t count = lane->claimed - lane->held;

    if (lane->is_held) {
        lane->held = lane->claimed;
        return count;
    }
    lane->held = lane->claimed;
    if (atomic_load_explicit(&lane->published, memory_order_relaxed) != lane->claimed) {
        /* Release, with lane_fetch(): the slots' contents are seen no later than the index that covers them. */
        atomic_store_explicit(&lane->published, lane->claimed, MESH_ORDER_PUBLISH);
    }
    return count;
}

uint64_t
lane_unhold(struct lane *lane, uint64_t count)
{
    uint64_t published = atomic_load_explicit(&lane->published, memory_order_relaxed);
    uint64_t left = lane->held - published;

    count = count < left ? count : left;
    atomic_store_explicit(&lane->published, published + count, MESH_ORDER_PUBLISH);
    return left - count;
}

bool
lane_is_empty(struct lane *lane)
{
    if (lane->fetched == lane->published_seen) {
        /* Acquire, with lane_publish(). */
        lane->published_seen = atomic_load_explicit(&lane->published, MESH_ORDER_LOOK);
    }
    return lane->fetched == lane->published_seen;
}

const struct lane_slot *
lane_fetch(struct lane *lane)
{
    if (lane_is_empty(lane)) {
        return NULL;
    }
    return slot_at(lane, lane->fetched++);
}

void
lane_unfetch(struct lane *lane)
{
    REQUIRE(lane->fetched != atomic_load_explicit(&lane->released, memory_order_relaxed));

    lane->fetched--;
}

uint64_t
lane_release(struct lane *lane)
{
    uint64_t count = lane->fetched - atomic_load_explicit(&lane->released, memory_order_relaxed);

    if (count > 0) {
        /* Release, with lane_passed(): our reads of the slots are over. */
        atomic_store_explicit(&lane->released, lane->fetched, memory_order_release);
    }
    return count;
}
