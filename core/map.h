/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * map - finds numbers by hash: open addressing, 8 bytes an entry
 *
 * The map holds (hash, number) pairs; what a number stands for is the owner's, who says in a callback
 * whether it is the one looked for. Linear probing, removal without marks, doubled at 3/4 full.
 *
 * Threads  Home shard only.
 * Memory   From a region. Growing moves all entries at once (about 10 ns each).
 * Errors   -ENOMEM when the region is at its limit.
 */

#include "core/region.h"

#define MAP_NONE UINT32_MAX

struct map_entry {
    uint32_t tag;   /* of the hash */
    uint32_t value; /* number + 1; 0 is empty */
};

struct map {
    struct region *region;
    struct map_entry *entries;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

/* True when `value` is what `key` asks for. */
typedef bool map_equal(const void *owner, uint32_t value, const void *key);

/* Any thread. What one of so many takes of its region. */
uint64_t map_memory_bytes(uint32_t count);

static inline void
map_init(struct map *map, struct region *region)
{
    *map = (struct map){.region = region};
}
void map_deinit(struct map *map);

/* Both halves take part, so that callers may use either as placement elsewhere. */
static inline uint32_t
map_tag(uint64_t hash)
{
    return (uint32_t)(hash ^ (hash >> 32));
}

/* Home. The number, or MAP_NONE. */
uint32_t map_find(const struct map *map, uint64_t hash, map_equal *equal, const void *owner, const void *key);

/* Home. The same where it is hot: the compiler puts `equal` into the loop. */
static inline __attribute__((always_inline)) uint32_t
map_find_inline(const struct map *map, uint64_t hash, map_equal *equal, const void *owner, const void *key)
{
    uint32_t tag = map_tag(hash);
    uint32_t mask = map->capacity - 1;

    if (map->capacity == 0) {
        return MAP_NONE;
    }
    for (uint32_t i = tag & mask;; i = (i + 1) & mask) {
        struct map_entry entry = map->entries[i];

        if (entry.value == 0) {
            return MAP_NONE;
        }
        if (entry.tag == tag && equal(owner, entry.value - 1, key)) {
            return entry.value - 1;
        }
    }
}
/* Home. A look-up of this hash will follow soon. */
static inline void
map_prefetch(const struct map *map, uint64_t hash)
{
    if (map->capacity > 0) {
        prefetch_line(&map->entries[map_tag(hash) & (map->capacity - 1)]);
    }
}
static inline bool
map_is_any(const void *owner, uint32_t value, const void *key)
{
    (void)owner;
    (void)value;
    (void)key;
    return true;
}
/* Home. Whom it will probably find, as far as the map alone can tell; MAP_NONE for nobody. */
static inline uint32_t
map_guess(const struct map *map, uint64_t hash)
{
    return map_find_inline(map, hash, map_is_any, NULL, NULL);
}
/* Home. Adds a pair that is not there yet. */
MUST_USE int map_insert(struct map *map, uint64_t hash, uint32_t value);
/* Home. Removes the pair, which must be there. */
void map_remove(struct map *map, uint64_t hash, uint32_t value);
