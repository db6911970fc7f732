/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * table - a growing array whose items never move
 *
 * Items of one size in chunks of TABLE_CHUNK_COUNT, numbered from 0; only the list of chunks is copied
 * when it grows.
 *
 * Threads  Home shard only.
 * Memory   From a region; new items are zero.
 */

#include "core/region.h"

#define TABLE_CHUNK_COUNT 64u

struct table {
    struct region *region;
    uint8_t **chunks;
    uint32_t item_bytes;
    uint32_t chunk_count;
    uint32_t chunk_count_max;
    uint32_t count;
};

static inline void
table_init(struct table *table, struct region *region, uint32_t item_bytes)
{
    *table = (struct table){.region = region, .item_bytes = item_bytes};
}
void table_deinit(struct table *table);

/* Home. */
static inline void *
table_at(const struct table *table, uint32_t index)
{
    return table->chunks[index / TABLE_CHUNK_COUNT] + (size_t)(index % TABLE_CHUNK_COUNT) * table->item_bytes;
}
/* Home. A new zeroed item at the end, its number is the old count; NULL at the region's limit. */
MUST_USE void *table_add(struct table *table);
