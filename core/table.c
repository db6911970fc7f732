/* SPDX-License-Identifier: Apache-2.0 */
#include "core/table.h"

#define CHUNKS_MIN 4u

void
table_deinit(struct table *table)
{
    for (uint32_t i = 0; i < table->chunk_count; i++) {
        region_put(table->region, table->chunks[i], (uint64_t)TABLE_CHUNK_COUNT * table->item_bytes);
    }
    region_put(table->region, table->chunks, table->chunk_count_max * sizeof(*table->chunks));
    table->chunks = NULL;
    table->chunk_count = 0;
    table->chunk_count_max = 0;
    table->count = 0;
}

static bool
add_chunk(struct table *table)
{
    if (table->chunk_count == table->chunk_count_max) {
        uint32_t max = table->chunk_count_max == 0 ? CHUNKS_MIN : table->chunk_count_max * 2;
        uint8_t **chunks = region_resize(table->region, table->chunks,
                                         table->chunk_count_max * sizeof(*chunks), max * sizeof(*chunks));
        if (chunks == NULL) {
            return false;
        }
        table->chunks = chunks;
        table->chunk_count_max = max;
    }
    table->chunks[table->chunk_count] =
        region_take_zero(table->region, (uint64_t)TABLE_CHUNK_COUNT * table->item_bytes);
    if (table->chunks[table->chunk_count] == NULL) {
        return false;
    }
    table->chunk_count++;
    return true;
}

void *
table_add(struct table *table)
{
    REQUIRE(table->count < UINT32_MAX - 1);

    if (table->count == table->chunk_count * TABLE_CHUNK_COUNT && !add_chunk(table)) {
        return NULL;
    }
    return table_at(table, table->count++);
}
