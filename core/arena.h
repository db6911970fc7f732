/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * arena - memory that dies together
 *
 * A chain of chunks from a pool of the shard. One request (or one turn) takes as much as it needs,
 * up to a limit, and gives everything back at once. Overflow is sticky: arena_take() returns NULL,
 * `is_full` stays set until the reset, and the request is answered with an error.
 *
 * Threads  Home shard only.
 * Memory   Chunks are ARENA_CHUNK_BYTES, larger takes get a chunk of their own. They come from the pool's reserve, and
 *          of the system nothing is asked; a pool without one (programs that are no node, tests) has the heap.
 * Limits   bytes_max for each arena (ARENA_BYTES_MAX unless told), and for all arenas of a pool with a reserve. An arena
 *          that is full because of the pool `is_starved`: who asks again later may have more luck. The last quarter of a
 *          reserve is for the first ARENA_SMALL_BYTES of each, so that those who take much keep out nobody who takes little.
 *
 * Many small arenas that die together need no chunk each: the first ARENA_COMMON_BYTES of each may lie in one that is
 * `common` to them. A reset gives back only what is beyond.
 */

#include "core/buddy.h"

#include <errno.h>

#define ARENA_CHUNK_BYTES (BUDDY_LEAF_BYTES - 48u) /* a leaf, with the chunk's own words */
#define ARENA_BYTES_MAX (16u << 20)
#define ARENA_SMALL_BYTES (512u << 10) /* sixteen chunks */
#define ARENA_COMMON_BYTES \
    (ARENA_CHUNK_BYTES / 2u) /* who takes more than these has a chunk that is half full at least */

struct arena_chunk;

/* The free chunks of one shard. */
struct arena_pool {
    struct arena_chunk *free;
    struct arena_chunk *taken; /* those in arenas */
    uint64_t free_count;
    uint64_t bytes_taken; /* in arenas now; a metric */
    uint64_t bytes_kept_max;
    uint64_t bytes_max; /* of bytes_taken; 0: no reserve */
    struct buddy buddy;
};

struct arena {
    struct arena_pool *pool;
    struct arena_chunk *chunk;
    uint64_t bytes_used;
    uint64_t bytes_max;
    uint64_t bytes_held; /* of its chunks */
    uint64_t
        bytes_before; /* held by others that count as one with it: they share what is for who takes little */
    struct arena *common; /* NULL: all it takes is in its own chunks */
    bool is_full;
    bool is_starved; /* by the pool */
};

/* Boot. Keeps at most bytes_kept_max of free chunks. */
void arena_pool_init(struct arena_pool *pool, uint64_t bytes_kept_max);
/* Boot. The same, and chunks of at most bytes_max together come from memory that is reserved now. -ENOMEM. */
MUST_USE int arena_pool_init_reserve(struct arena_pool *pool, uint64_t bytes_kept_max, uint64_t bytes_max);
/* Boot. Nothing of it may be in arenas. May be called twice. */
void arena_pool_deinit(struct arena_pool *pool);
/* Home. What is in arenas is gone, wherever they are: nobody may look at them any more, nor reset them. */
void arena_pool_drop(struct arena_pool *pool);
/* Home. Gives free chunks back to the system. */
void arena_pool_trim(struct arena_pool *pool);

/* Home. Every now and then: gives a little (2 MiB) of free memory in a reserve back, if there is more than is kept. */
void arena_pool_decay(struct arena_pool *pool);

/* Home. bytes_max 0 means ARENA_BYTES_MAX. */
void arena_init(struct arena *arena, struct arena_pool *pool, uint64_t bytes_max);
/* Home. The same, with the first bytes in `common`, which is of the same pool and is reset later. */
void arena_init_in(struct arena *arena, struct arena *common, uint64_t bytes_max);
/* Home. Gives all memory back; the arena may be used again. May be called twice. */
void arena_reset(struct arena *arena);

/* Any shard that may look at it. Of one that is full: -E2BIG (its own limit) or -ENOMEM (that of all). 0: it is not. */
static inline int
arena_fault(const struct arena *arena)
{
    if (!arena->is_full) {
        return 0;
    }
    return arena->is_starved ? -ENOMEM : -E2BIG;
}

/* Home. 16-byte aligned, not zeroed; NULL when the limit is reached. */
MUST_USE void *arena_take(struct arena *arena, uint64_t bytes);
/* Home. The same, zeroed. */
MUST_USE void *arena_take_zero(struct arena *arena, uint64_t bytes);
/* Home. A copy in the arena; data is NULL when the arena is full. */
struct text arena_text(struct arena *arena, struct text text);

/*
 * An arena that was filled on one shard and lent to another comes back by its memory alone, so that it does
 * not matter who still has the struct: the borrower joins and detaches, the pool's home adopts.
 */

/* Who was lent both. All memory of `from` (of the same pool) becomes that of `to`; `from` is empty. */
void arena_join(struct arena *to, struct arena *from);
/* Who was lent it. Empties the arena; NULL when it had no memory. The bytes are for arena_pool_adopt(). */
void *arena_detach(struct arena *arena, uint64_t *out_bytes);
/* Home of the pool. Takes back what was detached. */
void arena_pool_adopt(struct arena_pool *pool, void *detached, uint64_t bytes);
