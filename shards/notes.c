/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/notes.h"

struct notes_chunk {
    struct notes_chunk *next;
    uint64_t bytes_max; /* of data */
    uint64_t bytes_used;
    uint64_t reserved;
    alignas(16) uint8_t data[];
};

#define DATA_BYTES (NOTES_CHUNK_BYTES - sizeof(struct notes_chunk))

void
notes_pool_init(struct notes_pool *pool, struct region *region)
{
    *pool = (struct notes_pool){.region = region};
}

void
notes_pool_deinit(struct notes_pool *pool)
{
    while (pool->free != NULL) {
        struct notes_chunk *chunk = pool->free;

        pool->free = chunk->next;
        region_put(pool->region, chunk, NOTES_CHUNK_BYTES);
    }
}

void
notes_init(struct notes *notes, struct notes_pool *pool)
{
    *notes = (struct notes){.pool = pool};
}

void
notes_deinit(struct notes *notes)
{
    while (notes->chunk != NULL) {
        struct notes_chunk *chunk = notes->chunk;

        notes->chunk = chunk->next;
        if (chunk->bytes_max == DATA_BYTES) {
            chunk->next = notes->pool->free;
            notes->pool->free = chunk;
        } else {
            region_put(notes->pool->region, chunk, sizeof(*chunk) + chunk->bytes_max);
        }
    }
}

static struct notes_chunk *
chunk_take(struct notes_pool *pool, uint64_t bytes)
{
    uint64_t bytes_max = bytes > DATA_BYTES ? bytes : DATA_BYTES;
    struct notes_chunk *chunk = pool->free;

    if (bytes_max == DATA_BYTES && chunk != NULL) {
        pool->free = chunk->next;
    } else {
        chunk = region_take(pool->region, sizeof(*chunk) + bytes_max);
        if (chunk == NULL) {
            return NULL;
        }
    }
    *chunk = (struct notes_chunk){.bytes_max = bytes_max};
    return chunk;
}

void *
notes_take(struct notes *notes, uint64_t bytes)
{
    struct notes_chunk *chunk = notes->chunk;
    void *piece;

    if (bytes > notes->pool->region->bytes_max) {
        return NULL; /* before it wraps */
    }
    bytes = align_up(bytes, 16);
    if (chunk == NULL || chunk->bytes_max - chunk->bytes_used < bytes) {
        chunk = chunk_take(notes->pool, bytes);
        if (chunk == NULL) {
            return NULL;
        }
        chunk->next = notes->chunk;
        notes->chunk = chunk;
    }
    piece = chunk->data + chunk->bytes_used;
    chunk->bytes_used += bytes;
    return piece;
}

struct text
notes_text(struct notes *notes, struct text text)
{
    char *copy = notes_take(notes, text.bytes);

    if (copy == NULL) {
        return (struct text){.data = NULL};
    }
    if (text.bytes > 0) {
        memcpy(copy, text.data, text.bytes);
    }
    return (struct text){.data = copy, .bytes = text.bytes};
}
