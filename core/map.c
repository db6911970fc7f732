/* SPDX-License-Identifier: Apache-2.0 */
#include "core/map.h"

#include <errno.h>

#define MAP_CAPACITY_MIN 16u

/* Three quarters of the entries are used at most. */
static uint32_t
room(uint32_t capacity)
{
    return capacity - capacity / 4;
}

uint64_t
map_memory_bytes(uint32_t count)
{
    uint32_t capacity = MAP_CAPACITY_MIN;

    while (room(capacity) < count) {
        capacity *= 2;
    }
    return region_piece_bytes(capacity * sizeof(struct map_entry));
}

void
map_deinit(struct map *map)
{
    region_put(map->region, map->entries, map->capacity * sizeof(struct map_entry));
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

uint32_t
map_find(const struct map *map, uint64_t hash, map_equal *equal, const void *owner, const void *key)
{
    return map_find_inline(map, hash, equal, owner, key);
}

static void
place(struct map_entry *entries, uint32_t mask, struct map_entry entry)
{
    uint32_t i = entry.tag & mask;

    while (entries[i].value != 0) {
        i = (i + 1) & mask;
    }
    entries[i] = entry;
}

static int
grow(struct map *map)
{
    uint32_t capacity = map->capacity == 0 ? MAP_CAPACITY_MIN : map->capacity * 2;
    struct map_entry *entries = region_take_zero(map->region, capacity * sizeof(*entries));

    if (entries == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < map->capacity; i++) {
        if (map->entries[i].value != 0) {
            place(entries, capacity - 1, map->entries[i]);
        }
    }
    region_put(map->region, map->entries, map->capacity * sizeof(*entries));
    map->entries = entries;
    map->capacity = capacity;
    return 0;
}

int
map_insert(struct map *map, uint64_t hash, uint32_t value)
{
    REQUIRE(value < MAP_NONE);

    if (map->count + 1 > room(map->capacity)) {
        int r = grow(map);
        if (r != 0) {
            return fault_up(r);
        }
    }
    place(map->entries, map->capacity - 1, (struct map_entry){.tag = map_tag(hash), .value = value + 1});
    map->count++;
    return 0;
}

void
map_remove(struct map *map, uint64_t hash, uint32_t value)
{
    uint32_t mask = map->capacity - 1;
    uint32_t hole = map_tag(hash) & mask;

    REQUIRE(map->count > 0);
    while (map->entries[hole].value != value + 1) {
        ASSERT(map->entries[hole].value != 0);
        hole = (hole + 1) & mask;
    }
    /* Close the gap: whatever probed past the hole moves into it. */
    for (uint32_t i = (hole + 1) & mask; map->entries[i].value != 0; i = (i + 1) & mask) {
        uint32_t distance_home = (i - map->entries[i].tag) & mask;
        uint32_t distance_hole = (i - hole) & mask;

        if (distance_home >= distance_hole) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct map_entry){0};
    map->count--;
}
