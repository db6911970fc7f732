/* SPDX-License-Identifier: Apache-2.0 */

#include "core/arena.h"

#include <assert.h>
#include <stdlib.h>

#define ALIGN_BYTES 16u
#define DECAY_LEAVES 64u                  /* some ten microseconds */
#define BYTES_MAX_MAX (UINT64_C(1) << 62) /* rounding up and a header may be added without a wrap */

struct arena_chunk {
    struct arena_chunk *next;       /* of the arena, or of the pool's free ones */
    struct arena_chunk *next_taken; /* of the pool */
    struct arena_chunk **link;      /* who points at us there */
    uint64_t bytes;                 /* of data */
    uint64_t bytes_used;
    uint64_t is_pooled;
    alignas(ALIGN_BYTES) uint8_t data[];
};

static_assert(sizeof(struct arena_chunk) % ALIGN_BYTES == 0, "data begins aligned");
static_assert(sizeof(struct arena_chunk) + ARENA_CHUNK_BYTES == BUDDY_LEAF_BYTES, "a chunk is a leaf");

/* Under AddressSanitizer each take is its own piece of the heap, so that overruns are seen. */
#ifdef __SANITIZE_ADDRESS__
static const bool is_each_alone = true;
#else
static const bool is_each_alone = false;
#endif

void
arena_pool_init(struct arena_pool *pool, uint64_t bytes_kept_max)
{
    *pool = (struct arena_pool){.bytes_kept_max = bytes_kept_max};
}

/* Pieces are rounded up, so the range is twice what may be taken. */
int
arena_pool_init_reserve(struct arena_pool *pool, uint64_t bytes_kept_max, uint64_t bytes_max)
{
    arena_pool_init(pool, bytes_kept_max / 2);
    pool->bytes_max = bytes_max;
    return is_each_alone ? 0 : fault_up(buddy_init(&pool->buddy, 2 * bytes_max, bytes_kept_max / 2));
}

void
arena_pool_deinit(struct arena_pool *pool)
{
    REQUIRE(pool->bytes_taken == 0);
    arena_pool_trim(pool);
    buddy_deinit(&pool->buddy);
}

static bool
has_range(const struct arena_pool *pool)
{
    return !is_each_alone && pool->bytes_max > 0;
}

/* A chunk with so many bytes of data. */
static struct arena_chunk *
system_take(struct arena_pool *pool, uint64_t bytes)
{
    uint64_t whole = sizeof(struct arena_chunk) + bytes;

    return has_range(pool) ? buddy_take(&pool->buddy, whole) : malloc(whole);
}

static void
system_put(struct arena_pool *pool, struct arena_chunk *chunk)
{
    if (has_range(pool)) {
        buddy_put(&pool->buddy, chunk, sizeof(*chunk) + chunk->bytes);
    } else {
        free(chunk);
    }
}

static bool
may_take(const struct arena *arena, uint64_t bytes)
{
    const struct arena_pool *pool = arena->pool;
    bool is_small = arena->bytes_before + arena->bytes_held + bytes <= ARENA_SMALL_BYTES;
    uint64_t limit = is_small ? pool->bytes_max : pool->bytes_max - pool->bytes_max / 4;

    return pool->bytes_max == 0 || (pool->bytes_taken < limit && bytes <= limit - pool->bytes_taken);
}

void
arena_pool_trim(struct arena_pool *pool)
{
    while (pool->free != NULL) {
        struct arena_chunk *chunk = pool->free;
        pool->free = chunk->next;
        system_put(pool, chunk);
    }
    pool->free_count = 0;
}

void
arena_pool_decay(struct arena_pool *pool)
{
    if (has_range(pool)) {
        buddy_trim(&pool->buddy, DECAY_LEAVES);
    }
}

static void
note_taken(struct arena_pool *pool, struct arena_chunk *chunk)
{
    chunk->next_taken = pool->taken;
    chunk->link = &pool->taken;
    if (pool->taken != NULL) {
        pool->taken->link = &chunk->next_taken;
    }
    pool->taken = chunk;
    pool->bytes_taken += chunk->bytes;
}

static void
note_put(struct arena_pool *pool, struct arena_chunk *chunk)
{
    *chunk->link = chunk->next_taken;
    if (chunk->next_taken != NULL) {
        chunk->next_taken->link = chunk->link;
    }
    ASSERT(pool->bytes_taken >= chunk->bytes);
    pool->bytes_taken -= chunk->bytes;
}

void
arena_pool_drop(struct arena_pool *pool)
{
    while (pool->taken != NULL) {
        struct arena_chunk *chunk = pool->taken;

        note_put(pool, chunk);
        system_put(pool, chunk);
    }
}

static struct arena_chunk *
pool_take(struct arena_pool *pool)
{
    struct arena_chunk *chunk = pool->free;

    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->free_count--;
    } else {
        chunk = system_take(pool, ARENA_CHUNK_BYTES);
        if (chunk == NULL) {
            return NULL;
        }
    }
    *chunk = (struct arena_chunk){.bytes = ARENA_CHUNK_BYTES, .is_pooled = true};
    note_taken(pool, chunk);
    return chunk;
}

static struct arena_chunk *
large_take(struct arena_pool *pool, uint64_t bytes)
{
    struct arena_chunk *chunk = system_take(pool, bytes);

    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct arena_chunk){.bytes = bytes, .bytes_used = bytes, .is_pooled = false};
    note_taken(pool, chunk);
    return chunk;
}

static void
pool_put(struct arena_pool *pool, struct arena_chunk *chunk)
{
    note_put(pool, chunk);
    if (!chunk->is_pooled || (pool->free_count + 1) * ARENA_CHUNK_BYTES > pool->bytes_kept_max) {
        system_put(pool, chunk);
        return;
    }
    chunk->next = pool->free;
    pool->free = chunk;
    pool->free_count++;
}

void
arena_init(struct arena *arena, struct arena_pool *pool, uint64_t bytes_max)
{
    if (bytes_max == 0) {
        bytes_max = ARENA_BYTES_MAX;
    }
    *arena = (struct arena){.pool = pool, .bytes_max = bytes_max < BYTES_MAX_MAX ? bytes_max : BYTES_MAX_MAX};
}

void
arena_init_in(struct arena *arena, struct arena *common, uint64_t bytes_max)
{
    arena_init(arena, common->pool, bytes_max);
    arena->common = common;
}

void
arena_reset(struct arena *arena)
{
    while (arena->chunk != NULL) {
        struct arena_chunk *chunk = arena->chunk;
        arena->chunk = chunk->next;
        pool_put(arena->pool, chunk);
    }
    arena->bytes_used = arena->bytes_held = 0;
    arena->is_full = arena->is_starved = false;
}

/* The chunk in use stays at the head: it has room left for small takes. */
static void *
take_alone(struct arena *arena, uint64_t bytes)
{
    struct arena_chunk *chunk = may_take(arena, bytes) ? large_take(arena->pool, bytes) : NULL;
    struct arena_chunk *head = arena->chunk;

    if (chunk == NULL) {
        return NULL;
    }
    arena->bytes_held += chunk->bytes;
    if (head != NULL && head->is_pooled) {
        chunk->next = head->next;
        head->next = chunk;
    } else {
        chunk->next = head;
        arena->chunk = chunk;
    }
    return chunk->data;
}

/* Of two chunks the one with more room left is at the head, so that a large take does not waste the rest. */
static void *
take_shared(struct arena *arena, uint64_t bytes)
{
    struct arena_chunk *head = arena->chunk;
    struct arena_chunk *chunk = head;
    void *taken;

    if (head == NULL || head->bytes - head->bytes_used < bytes) {
        chunk = may_take(arena, ARENA_CHUNK_BYTES) ? pool_take(arena->pool) : NULL;
        if (chunk == NULL) {
            return NULL;
        }
        arena->bytes_held += chunk->bytes;
        if (head != NULL && head->bytes - head->bytes_used > chunk->bytes - bytes) {
            chunk->next = head->next;
            head->next = chunk;
        } else {
            chunk->next = head;
            arena->chunk = chunk;
        }
    }
    taken = chunk->data + chunk->bytes_used;
    chunk->bytes_used += bytes;
    return taken;
}

void *
arena_take(struct arena *arena, uint64_t bytes)
{
    uint64_t bytes_aligned;
    void *taken;

    REQUIRE(arena->pool != NULL);

    if (arena->is_full || bytes > arena->bytes_max) {
        arena->is_full = true;
        return NULL;
    }
    bytes_aligned = bytes > 0 ? align_up(bytes, ALIGN_BYTES) : ALIGN_BYTES;
    if (bytes_aligned > arena->bytes_max - arena->bytes_used) {
        arena->is_full = true;
        return NULL;
    }

    if (arena->common != NULL && arena->bytes_used + bytes_aligned <= ARENA_COMMON_BYTES) {
        taken = arena_take(arena->common, bytes);
    } else if (is_each_alone || bytes_aligned > ARENA_CHUNK_BYTES) {
        taken = take_alone(arena, bytes);
    } else {
        taken = take_shared(arena, bytes_aligned);
    }
    if (taken == NULL) {
        arena->is_full = arena->is_starved = true;
        return NULL;
    }
    arena->bytes_used += bytes_aligned;
    return taken;
}

void *
arena_take_zero(struct arena *arena, uint64_t bytes)
{
    void *taken = arena_take(arena, bytes);

    if (taken != NULL) {
        memset(taken, 0, bytes);
    }
    return taken;
}

struct text
arena_text(struct arena *arena, struct text text)
{
    char *copy = arena_take(arena, text.bytes);

    if (copy == NULL) {
        return (struct text){0};
    }
    if (text.bytes > 0) {
        memcpy(copy, text.data, text.bytes);
    }
    return (struct text){.data = copy, .bytes = text.bytes};
}

void
arena_join(struct arena *to, struct arena *from)
{
    struct arena_chunk *last = from->chunk;

    if (last == NULL) {
        return;
    }
    while (last->next != NULL) {
        last = last->next;
    }
    last->next = to->chunk;
    to->chunk = from->chunk;
    to->bytes_used += from->bytes_used;
    to->bytes_held += from->bytes_held;
    from->chunk = NULL;
    from->bytes_used = from->bytes_held = 0;
}

void *
arena_detach(struct arena *arena, uint64_t *out_bytes)
{
    struct arena_chunk *chunks = arena->chunk;

    *out_bytes = arena->bytes_held;
    arena->chunk = NULL;
    arena->bytes_used = arena->bytes_held = 0;
    return chunks;
}

void
arena_pool_adopt(struct arena_pool *pool, void *detached, uint64_t bytes)
{
    struct arena_chunk *chunk = detached;

    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;

        ASSERT(bytes >= chunk->bytes);
        bytes -= chunk->bytes;
        pool_put(pool, chunk);
        chunk = next;
    }
    ASSERT(bytes == 0);
}
