/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * order - items by time, then by a key of their own
 *
 * Many people have one event, and one session that is final: an only entry lies in the order itself. More are in chunks of
 * at most ORDER_CHUNK_COUNT; the first one begins with two and grows by half. Adding at the end is O(1), elsewhere it
 * moves at most one chunk. Nobody looks at an item to find its place: it may lie
 * anywhere. A place is a chunk and an index in it, valid until the next change; what must last longer is kept as (time,
 * key) and sought again.
 *
 * Of events the key is the position, of sessions session_key(). Two of one time should not have one key: each is
 * kept and removed as its own, but who stops between the two and seeks again goes on behind or in front of both.
 *
 * Threads  Home shard only.
 * Memory   Chunks from the region; items are the owner's.
 */

#include "shards/memory.h"

#define ORDER_CHUNK_COUNT 255u /* of which a chunk fills its piece of the region: */
#define ORDER_CHUNK_BYTES UINT64_C(6144)

struct order_entry {
    int64_t time;
    uint64_t key;
    uint64_t
        item; /* the owner knows what it means; see order_item(). Not 0, and less than ORDER_HAS_CHUNKS */
};

struct order_chunk {
    uint32_t count;
    uint32_t capacity;
    struct order_entry entries[];
};

#define ORDER_HAS_CHUNKS (UINT64_C(1) << 63)

struct order {
    union {
        struct order_entry one; /* while there is one; item 0: there is none */
        struct {
            union {
                struct order_chunk *only; /* while chunk_count is 1 */
                struct order_chunk **chunks;
            } of;
            uint32_t chunk_count;
            uint32_t chunk_capacity; /* of the list; 0 while there is none */
            uint64_t count;          /* and ORDER_HAS_CHUNKS */
        };
    };
};
static_assert(sizeof(struct order) == sizeof(struct order_entry), "of those with one entry there are most");

struct order_place {
    uint32_t chunk;
    uint32_t index; /* of the entry behind this place */
};

static inline bool
order_has_chunks(const struct order *order)
{
    return (order->count & ORDER_HAS_CHUNKS) != 0;
}

static inline uint64_t
order_count(const struct order *order)
{
    return order_has_chunks(order) ? order->count - ORDER_HAS_CHUNKS : order->one.item != 0;
}

/* Chunks that are there, but the last one. */
static inline uint32_t
order_full_count(const struct order *order)
{
    return order_has_chunks(order) ? order->chunk_count - 1 : 0;
}

/* Of items that are in memory. */
static inline uint64_t
order_item(const void *item)
{
    return (uintptr_t)item;
}

static inline void *
order_pointer(const struct order_entry *entry)
{
    return (void *)(uintptr_t)entry->item;
}

static inline bool
order_is_before(const struct order_entry *entry, int64_t time, uint64_t key)
{
    return entry->time < time || (entry->time == time && entry->key < key);
}

/* Home. Of equals the new one comes first. */
void order_insert(struct memory *memory, struct order *order, struct order_entry entry);
/* Home. The item must be there, at its (time, key). */
void order_remove(struct memory *memory, struct order *order, struct order_entry entry);
/* Home. The same, and another item takes its place. */
void order_replace(struct order *order, struct order_entry entry, uint64_t other);
void order_clear(struct memory *memory, struct order *order);

/* Home. Puts entries in the order of (time, key); equals stay as they are. */
void order_sort(struct memory *memory, struct order_entry *entries, uint64_t count);
/* Home. The entries behind the place, as many as lie one after the other; lent until the next change. NULL: none. */
const struct order_entry *order_entries(const struct order *order, struct order_place *place,
                                        uint32_t *out_count);
/* Home. Removes so many of these. */
void order_take(struct memory *memory, struct order *order, struct order_place place, uint32_t count);

/* Home. The first items of an empty order, ascending: much quicker than one after the other. */
void order_fill(struct memory *memory, struct order *order, const struct order_entry *entries,
                uint64_t count);

/* Home. An entry will be added at the end soon: the first, second and third step of fetching it from memory. */
void order_prefetch(const struct order *order, uint32_t step);

/* Home. The place in front of the first entry that is not before (time, key); no key is less than 0. */
struct order_place order_seek(const struct order *order, int64_t time, uint64_t key);
struct order_place order_end(const struct order *order);
/* Home. The entry in front of the place, and one step back; NULL at the beginning. */
const struct order_entry *order_previous(const struct order *order, struct order_place *place);
/* Home. The entry behind the place, and one step on; NULL at the end. */
const struct order_entry *order_next(const struct order *order, struct order_place *place);
