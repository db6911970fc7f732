/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * order - items by time, then by a key of their own
 *
 * Pointers in chunks of at most ORDER_CHUNK_COUNT; the first chunk begins small. Adding at the end is O(1),
 * elsewhere it moves at most one chunk. A place is a chunk and an index in it, valid until the next change; what
 * must last longer is kept as (time, key) and sought again.
 *
 * Threads  Home shard only.
 * Memory   Chunks from the region; items are the owner's.
 */

#include "shards/memory.h"

#define ORDER_CHUNK_COUNT 256u

struct order_entry {
    int64_t time;
    void *item;
};

/* The key of an entry. */
typedef const void *order_key(const struct order_entry *entry);
/* How an entry compares with a key of the same time: < 0 when the entry is first. */
typedef int order_compare(const struct order_entry *entry, const void *key);

struct order_chunk {
    uint32_t count;
    uint32_t capacity;
    struct order_entry entries[];
};

struct order {
    union {
        struct order_chunk *only; /* while chunk_count <= 1 */
        struct order_chunk **chunks;
    } of;
    uint32_t chunk_count;
    uint32_t chunk_capacity; /* of the list; 0 while there is none */
    uint64_t count;
};

struct order_place {
    uint32_t chunk;
    uint32_t index; /* of the entry behind this place */
};

/* Home. Of equals the new one comes first; nobody should make equals. */
void order_insert(struct memory *memory, struct order *order, int64_t time, const void *key, void *item,
                  order_compare *compare);
/* Home. The item must be there, at (time, key). */
void order_remove(struct memory *memory, struct order *order, int64_t time, const void *key, const void *item,
                  order_compare *compare);
/* Home. The same, and another item for the same key takes its place. */
void order_replace(struct order *order, int64_t time, const void *key, const void *item, void *other,
                   order_compare *compare);
void order_clear(struct memory *memory, struct order *order);

/* Home. Puts entries in the order of (time, key); equals stay as they are. compare NULL: by time alone. */
void order_sort(struct memory *memory, struct order_entry *entries, uint64_t count, order_key *key_of,
                order_compare *compare);
/* Home. The first items of an empty order, ascending: much quicker than one after the other. */
void order_fill(struct memory *memory, struct order *order, const struct order_entry *entries,
                uint64_t count);

/* Home. An entry will be added at the end soon: the first, second and third step of fetching it from memory. */
void order_prefetch(const struct order *order, uint32_t step);

/* Home. The place in front of the first entry that is not less than (time, key); key NULL is less than any. */
struct order_place order_seek(const struct order *order, int64_t time, const void *key,
                              order_compare *compare);
struct order_place order_end(const struct order *order);
/* Home. The entry in front of the place, and one step back; NULL at the beginning. */
const struct order_entry *order_previous(const struct order *order, struct order_place *place);
/* Home. The entry behind the place, and one step on; NULL at the end. */
const struct order_entry *order_next(const struct order *order, struct order_place *place);
