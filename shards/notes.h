/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * notes - what the messages about one log block point to
 *
 * A bump allocator in pooled chunks of a region, given back as a whole when every lane has passed the block.
 *
 * Threads  Home shard only.
 * Errors   NULL at the region's limit.
 */

#include "core/region.h"

#define NOTES_CHUNK_BYTES 65536u

struct notes_chunk;

struct notes_pool {
    struct region *region;
    struct notes_chunk *free;
};

struct notes {
    struct notes_pool *pool;
    struct notes_chunk *chunk;
};

void notes_pool_init(struct notes_pool *pool, struct region *region);
/* Home. Gives the free chunks back to the region. */
void notes_pool_deinit(struct notes_pool *pool);

void notes_init(struct notes *notes, struct notes_pool *pool);
void notes_deinit(struct notes *notes);
/* Home. 16-byte aligned, not zeroed. */
MUST_USE void *notes_take(struct notes *notes, uint64_t bytes);
/* Home. A copy; data NULL when there is no room. */
struct text notes_text(struct notes *notes, struct text text);
