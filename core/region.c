/* SPDX-License-Identifier: Apache-2.0 */
#include "core/region.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * Classes: 0..7 are 16, 32, .. 128; 8..43 are four steps to each doubling up to 64 KiB; from 44 on
 * powers of two from 128 KiB. Every class is a multiple of 16, so every piece is aligned whatever was
 * handed out before it.
 *
 * A piece comes from its class's list, else a larger free one is split, its rest going to the lists of the classes that
 * fill it, else it comes from the untouched end of the range. So what was freed in one class
 * serves others before more is touched. Large pieces are split for small ones only when that end is reached: pieces are
 * never merged, so a region full of small free pieces cannot serve a large one.
 *
 * State is read all over the place, and a huge page saves the walk to it (2.6 times on random reads) and 511
 * faults. The range is handed out from its beginning, so huge pages are asked for from PLAIN_BYTES on: an idle node,
 * which touches a little of each shard's region, has none. Where the system gives none, all is as before.
 */

#define SMALL_CLASS_COUNT 8u
#define LARGE_CLASS_FIRST 44u
#define PAGE_BYTES 4096u
#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define PLAIN_BYTES (2 * HUGE_PAGE_BYTES)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REGION_IS_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define REGION_IS_CHECKED 1
#endif
#endif

#ifndef REGION_IS_CHECKED
#define REGION_IS_CHECKED 0
#endif

static uint32_t
class_of(uint64_t bytes)
{
    if (bytes <= 128) {
        return bytes == 0 ? 0 : (uint32_t)((bytes - 1) / 16);
    }
    uint32_t log = 63 - (uint32_t)__builtin_clzll(bytes - 1); /* 2^log < bytes <= 2^(log + 1), and log >= 7 */
    if (bytes <= REGION_LARGE_BYTES) {
        uint64_t above = bytes - 1 - (UINT64_C(1) << log);
        return SMALL_CLASS_COUNT + (log - 7) * 4 + (uint32_t)(above >> (log - 2));
    }
    return LARGE_CLASS_FIRST + (log - 16);
}

static uint64_t
class_bytes(uint32_t class_index)
{
    if (class_index < SMALL_CLASS_COUNT) {
        return (class_index + 1) * UINT64_C(16);
    }
    if (class_index < LARGE_CLASS_FIRST) {
        uint32_t step = class_index - SMALL_CLASS_COUNT;
        return (UINT64_C(128) << (step / 4)) + ((step % 4) + 1) * (UINT64_C(32) << (step / 4));
    }
    return UINT64_C(131072) << (class_index - LARGE_CLASS_FIRST);
}

static void
count_used(struct region *region, uint64_t more, uint64_t less)
{
    /* Relaxed: one writer, and readers want a number, not an order. */
    uint64_t used = atomic_load_explicit(&region->bytes_used, memory_order_relaxed);

    ASSERT(used + more >= less);
    atomic_store_explicit(&region->bytes_used, used + more - less, memory_order_relaxed);
}

#if REGION_IS_CHECKED

/* free[0] is the list of all pieces; each knows what was asked for, and put must say the same. */

#define PIECE_MAGIC UINT64_C(0x7069656365206f6b)

struct piece {
    struct piece *next;
    struct piece **link; /* who points at us */
    uint64_t bytes;
    uint64_t magic;
};

static_assert(sizeof(struct piece) % 16 == 0, "what follows a header is aligned");

int
region_init(struct region *region, uint64_t bytes_max)
{
    *region = (struct region){.bytes_max = align_up(bytes_max, PAGE_BYTES)};
    return 0;
}

void
region_deinit(struct region *region)
{
    struct piece *piece = region->free[0];

    while (piece != NULL) {
        struct piece *next = piece->next;
        free(piece);
        piece = next;
    }
    *region = (struct region){0};
}

void *
region_take(struct region *region, uint64_t bytes)
{
    if (bytes > region->bytes_max) {
        return NULL;
    }
    uint64_t whole = class_bytes(class_of(bytes));
    if (whole > region->bytes_max - region_used(region)) {
        return NULL;
    }

    struct piece *piece = malloc(sizeof(*piece) + bytes);
    if (piece == NULL) {
        return NULL;
    }
    struct piece **head = (struct piece **)&region->free[0];
    *piece = (struct piece){.next = *head, .link = head, .bytes = bytes, .magic = PIECE_MAGIC};
    if (*head != NULL) {
        (*head)->link = &piece->next;
    }
    *head = piece;

    count_used(region, whole, 0);
    return piece + 1;
}

void
region_put(struct region *region, void *memory, uint64_t bytes)
{
    if (memory == NULL) {
        return;
    }
    struct piece *piece = (struct piece *)memory - 1;
    REQUIRE(piece->magic == PIECE_MAGIC);
    REQUIRE(piece->bytes == bytes);

    *piece->link = piece->next;
    if (piece->next != NULL) {
        piece->next->link = piece->link;
    }
    piece->magic = 0;
    free(piece);
    count_used(region, 0, class_bytes(class_of(bytes)));
}

#else

struct free_piece {
    struct free_piece *next;
};

/* A range that begins where a huge page can; NULL when there is none. */
static uint8_t *
reserve(uint64_t bytes)
{
    uint64_t whole = bytes + HUGE_PAGE_BYTES;
    uint8_t *range =
        mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (range == MAP_FAILED) {
        return NULL;
    }
    uint64_t before = align_up((uintptr_t)range, HUGE_PAGE_BYTES) - (uintptr_t)range;

    if (before > 0) {
        (void)munmap(range, before);
    }
    (void)munmap(range + before + bytes, whole - before - bytes);
    return range + before;
}

int
region_init(struct region *region, uint64_t bytes_max)
{
    *region = (struct region){.bytes_max = align_up(bytes_max, PAGE_BYTES)};
    if (region->bytes_max == 0) {
        return 0;
    }

    region->base = reserve(region->bytes_max);
    if (region->base == NULL) {
        region->bytes_max = 0;
        return fault_new(-ENOMEM);
    }
    if (region->bytes_max > PLAIN_BYTES) {
        (void)madvise(region->base + PLAIN_BYTES, region->bytes_max - PLAIN_BYTES, MADV_HUGEPAGE);
    }
    return 0;
}

void
region_deinit(struct region *region)
{
    if (region->base != NULL) {
        (void)munmap(region->base, region->bytes_max);
    }
    *region = (struct region){0};
}

static void
push_free(struct region *region, uint32_t class_index, void *memory)
{
    struct free_piece *piece = memory;

    piece->next = region->free[class_index];
    region->free[class_index] = piece;
    region->free_map[class_index / 64] |= UINT64_C(1) << class_index % 64;
    region->bytes_large_free += class_index >= LARGE_CLASS_FIRST ? class_bytes(class_index) : 0;
}

static void *
pop_free(struct region *region, uint32_t class_index)
{
    struct free_piece *piece = region->free[class_index];

    if (piece != NULL) {
        region->free[class_index] = piece->next;
        if (piece->next == NULL) {
            region->free_map[class_index / 64] &= ~(UINT64_C(1) << class_index % 64);
        }
        region->bytes_large_free -= class_index >= LARGE_CLASS_FIRST ? class_bytes(class_index) : 0;
    }
    return piece;
}

/* The least class from `first` on, and before `end`, that has a free piece; `end` for none. */
static uint32_t
find_free(const struct region *region, uint32_t first, uint32_t end)
{
    for (uint32_t word = first / 64; word < COUNT_OF(region->free_map) && word * 64 < end; word++) {
        uint64_t map = region->free_map[word];

        map &= word == first / 64 ? UINT64_MAX << first % 64 : UINT64_MAX;
        if (map != 0) {
            uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(map);
            return found < end ? found : end;
        }
    }
    return end;
}

/* Gives `bytes` of memory at `at` to the lists, in the largest classes that fit. */
static void
scatter(struct region *region, uint8_t *at, uint64_t bytes)
{
    while (bytes > 0) {
        uint32_t class_index = class_of(bytes);
        if (class_bytes(class_index) > bytes) {
            class_index--;
        }
        push_free(region, class_index, at);
        at += class_bytes(class_index);
        bytes -= class_bytes(class_index);
    }
}

static void *
split_larger(struct region *region, uint32_t class_index, uint32_t end)
{
    uint32_t larger = find_free(region, class_index + 1, end);

    if (larger == end) {
        return NULL;
    }
    uint8_t *piece = pop_free(region, larger);

    scatter(region, piece + class_bytes(class_index), class_bytes(larger) - class_bytes(class_index));
    return piece;
}

void *
region_take(struct region *region, uint64_t bytes)
{
    if (bytes > region->bytes_max) {
        return NULL;
    }
    uint32_t class_index = class_of(bytes);
    uint64_t whole = class_bytes(class_index);

    void *piece = pop_free(region, class_index);
    if (piece == NULL && class_index < LARGE_CLASS_FIRST) {
        piece = split_larger(region, class_index, LARGE_CLASS_FIRST);
    }
    if (piece == NULL && whole <= region->bytes_max - region->bytes_bumped) {
        piece = region->base + region->bytes_bumped;
        region->bytes_bumped += whole;
    }
    if (piece == NULL) {
        piece = split_larger(region, class_index, REGION_CLASS_COUNT);
    }
    if (piece == NULL) {
        return NULL;
    }

    count_used(region, whole, 0);
    return piece;
}

void
region_put(struct region *region, void *memory, uint64_t bytes)
{
    if (memory == NULL) {
        return;
    }
    REQUIRE((uint8_t *)memory >= region->base);
    REQUIRE((uint8_t *)memory < region->base + region->bytes_bumped);
    uint32_t class_index = class_of(bytes);

    push_free(region, class_index, memory);
    count_used(region, 0, class_bytes(class_index));
}

#endif

uint64_t
region_piece_bytes(uint64_t bytes)
{
    return class_bytes(class_of(bytes));
}

void *
region_take_zero(struct region *region, uint64_t bytes)
{
    void *piece = region_take(region, bytes);

    if (piece != NULL) {
        memset(piece, 0, bytes);
    }
    return piece;
}

void *
region_resize(struct region *region, void *piece, uint64_t bytes_old, uint64_t bytes_new)
{
    /* In checked builds it always moves, so that a pointer kept across a resize is seen. */
    if (!REGION_IS_CHECKED && piece != NULL && bytes_new <= region->bytes_max &&
        class_of(bytes_old) == class_of(bytes_new)) {
        return piece;
    }

    void *moved = region_take(region, bytes_new);
    if (moved == NULL) {
        return NULL;
    }
    if (piece != NULL) {
        memcpy(moved, piece, bytes_old < bytes_new ? bytes_old : bytes_new);
        region_put(region, piece, bytes_old);
    }
    return moved;
}

struct text
region_text(struct region *region, struct text text)
{
    if (text.bytes == 0) {
        return (struct text){0};
    }
    char *copy = region_take(region, text.bytes);
    if (copy == NULL) {
        return (struct text){0};
    }
    memcpy(copy, text.data, text.bytes);
    return (struct text){.data = copy, .bytes = text.bytes};
}

uint64_t
region_used(const struct region *region)
{
    return atomic_load_explicit(&region->bytes_used, memory_order_relaxed);
}

uint64_t
region_touched(const struct region *region)
{
    return REGION_IS_CHECKED ? region_used(region) : region->bytes_bumped;
}

bool
region_is_tight(const struct region *region)
{
    uint64_t least = region->bytes_max / 16;

    return region->bytes_max - region_used(region) < least ||
           region->bytes_max - region->bytes_bumped + region->bytes_large_free < least;
}
