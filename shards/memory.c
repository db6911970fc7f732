/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/memory.h"

#include "shards/node.h"

#define FATAL_STATUS 74
#define ARRAY_COUNT_FIRST 2u
#define LARGE_GROWTH_PART 8u

void
memory_exhausted(struct memory *memory)
{
    memory->node->fatal(memory->node, FATAL_STATUS, "memory");
    /* The simulator notes it and comes back, but there is nothing to go on with. */
    base_die("ASSERT", "state memory is exhausted", __FILE__, __LINE__);
}

void *
memory_take(struct memory *memory, uint64_t bytes)
{
    void *piece = region_take(memory->region, bytes);

    if (UNLIKELY(piece == NULL)) {
        memory_exhausted(memory);
    }
    return piece;
}

void *
memory_take_zero(struct memory *memory, uint64_t bytes)
{
    void *piece = memory_take(memory, bytes);

    memset(piece, 0, bytes);
    return piece;
}

void
memory_put(struct memory *memory, void *piece, uint64_t bytes)
{
    region_put(memory->region, piece, bytes);
}

void *
memory_grow(struct memory *memory, void *array, uint32_t *capacity, uint32_t count, uint32_t item_bytes)
{
    if (LIKELY(count < *capacity)) {
        return array;
    }
    uint64_t bytes = (uint64_t)*capacity * item_bytes;
    uint64_t more = bytes < REGION_LARGE_BYTES ? bytes : bytes / LARGE_GROWTH_PART;
    uint64_t larger = *capacity == 0 ? ARRAY_COUNT_FIRST : region_piece_bytes(bytes + more) / item_bytes;
    void *moved = region_resize(memory->region, array, bytes, larger * item_bytes);

    if (UNLIKELY(moved == NULL || larger > UINT32_MAX)) {
        memory_exhausted(memory);
    }
    *capacity = (uint32_t)larger;
    return moved;
}

struct text
memory_text(struct memory *memory, struct text text)
{
    if (text.bytes == 0) {
        return (struct text){0};
    }
    char *copy = memory_take(memory, text.bytes);

    memcpy(copy, text.data, text.bytes);
    return (struct text){.data = copy, .bytes = text.bytes};
}
