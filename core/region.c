/* SPDX-License-Identifier: Apache-2.0 */
#include "core/region.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * Classes: 0..7 are 16, 32, .. 128; 8..43 are four steps to each doubling up to 64 KiB. Every class is a multiple of 16,
 * so every piece is aligned whatever was handed out before it.
 *
 * The range is handed out in granules of 32 KiB. A large piece is a row of them; small ones of one class share a span of
 * one, four or eight. A span without pieces is given back, so what was freed in one class serves all others: things that
 * grow are freed in one class and taken in the next, for years. The first granules that are free are taken, so that what
 * was used before is used again before more is touched.
 *
 * State is read all over the place, and a huge page saves the walk to it (2.6 times on random reads) and 511
 * faults. The range is handed out from its beginning, so huge pages are asked for from PLAIN_BYTES on: an idle node,
 * which touches a little of each shard's region, has none. Where the system gives none, all is as before.
 *
 * A huge page is zeroed when it is first touched. Where the system has memory of its own that is 0.1 ms, but a virtual
 * machine may have to ask its host for each 4 KiB of it: 4 ms, of which a busy shard would lose 18 a second.
 */

#define SMALL_CLASS_COUNT 8u
#define PAGE_BYTES 4096u
#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define PLAIN_BYTES (2 * HUGE_PAGE_BYTES)
#define GRANULE_BYTES (UINT64_C(32) << 10)

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

/* Of no more than REGION_LARGE_BYTES. */
static uint32_t
class_of(uint64_t bytes)
{
    if (bytes <= 128) {
        return bytes == 0 ? 0 : (uint32_t)((bytes - 1) / 16);
    }
    uint32_t log = 63 - (uint32_t)__builtin_clzll(bytes - 1); /* 2^log < bytes <= 2^(log + 1), and log >= 7 */
    uint64_t above = bytes - 1 - (UINT64_C(1) << log);

    return SMALL_CLASS_COUNT + (log - 7) * 4 + (uint32_t)(above >> (log - 2));
}

static uint64_t
class_bytes(uint32_t class_index)
{
    if (class_index < SMALL_CLASS_COUNT) {
        return (class_index + 1) * UINT64_C(16);
    }
    uint32_t step = class_index - SMALL_CLASS_COUNT;

    return (UINT64_C(128) << (step / 4)) + ((step % 4) + 1) * (UINT64_C(32) << (step / 4));
}

uint64_t
region_piece_bytes(uint64_t bytes)
{
    return bytes <= REGION_LARGE_BYTES ? class_bytes(class_of(bytes)) : align_up(bytes, GRANULE_BYTES);
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

/* `first` is the list of all pieces; each knows what was asked for, and put must say the same. */

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
    struct piece *piece = region->first;

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
    uint64_t whole = region_piece_bytes(bytes);
    if (whole > region->bytes_max - region_used(region)) {
        return NULL;
    }

    struct piece *piece = malloc(sizeof(*piece) + bytes);
    if (piece == NULL) {
        return NULL;
    }
    struct piece **head = (struct piece **)&region->first;
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
    count_used(region, 0, region_piece_bytes(bytes));
}

#else

struct free_piece {
    struct free_piece *next;
};

/* Pieces of one class in consecutive granules. Of each granule a row; those of a span are in its first one's. */
struct region_span {
    struct free_piece *free; /* those that came back */
    uint32_t next;           /* of the class's spans that have room */
    uint32_t previous;
    uint32_t used;   /* pieces in use */
    uint32_t carved; /* pieces handed out at least once */
    uint32_t most;   /* pieces there are room for */
    uint8_t class_index;
    uint8_t back; /* granules from the span's first one to this one */
    uint8_t count;
    bool has_room; /* and is listed */
};

#define NO_SPAN UINT32_MAX

static uint64_t
granule_count(const struct region *region)
{
    return region->bytes_max / GRANULE_BYTES;
}

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

static uint64_t
book_bytes(const struct region *region)
{
    uint64_t words = granule_count(region) / 64 + 1;

    return align_up(words * sizeof(*region->taken) + granule_count(region) * sizeof(*region->spans),
                    PAGE_BYTES);
}

int
region_init(struct region *region, uint64_t bytes_max)
{
    *region = (struct region){.bytes_max = align_up(bytes_max, GRANULE_BYTES)};
    for (uint32_t i = 0; i < REGION_CLASS_COUNT; i++) {
        region->with_room[i] = NO_SPAN;
    }
    if (region->bytes_max < bytes_max) {
        region->bytes_max = 0;
        return fault_new(-ENOMEM);
    }
    if (region->bytes_max == 0) {
        return 0;
    }

    void *book = mmap(NULL, book_bytes(region), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    region->base = book != MAP_FAILED ? reserve(region->bytes_max) : NULL;
    if (region->base == NULL) {
        if (book != MAP_FAILED) {
            (void)munmap(book, book_bytes(region));
        }
        region->bytes_max = 0;
        return fault_new(-ENOMEM);
    }
    region->spans = book;
    region->taken = (uint64_t *)(region->spans + granule_count(region));
    if (region->bytes_max > PLAIN_BYTES) {
        (void)madvise(region->base + PLAIN_BYTES, region->bytes_max - PLAIN_BYTES, MADV_HUGEPAGE);
    }
    return 0;
}

void
region_deinit(struct region *region)
{
    if (region->base != NULL) {
        (void)munmap(region->spans, book_bytes(region));
        (void)munmap(region->base, region->bytes_max);
    }
    *region = (struct region){0};
}

/* Granules. */

/* The first granule from `at` on that is taken, or is not; `end` for none. */
static uint64_t
find_granule(const struct region *region, uint64_t at, uint64_t end, bool is_taken)
{
    uint64_t turn = is_taken ? 0 : UINT64_MAX;

    while (at < end) {
        uint64_t word = (region->taken[at / 64] ^ turn) >> at % 64;

        if (word != 0) {
            at += (uint64_t)__builtin_ctzll(word);
            return at < end ? at : end;
        }
        at = (at / 64 + 1) * 64;
    }
    return end;
}

static void
mark_granules(struct region *region, uint64_t first, uint64_t count, bool is_taken)
{
    for (uint64_t i = first; i < first + count; i++) {
        uint64_t bit = UINT64_C(1) << i % 64;
        region->taken[i / 64] = is_taken ? region->taken[i / 64] | bit : region->taken[i / 64] & ~bit;
    }
    region->granules_held = is_taken ? region->granules_held + count : region->granules_held - count;
}

/* As far in front as there are so many side by side: what is not used lies at the end, untouched. False: nowhere. */
static bool
take_granules(struct region *region, uint64_t count, uint64_t *out_first)
{
    uint64_t end = granule_count(region);
    uint64_t first = find_granule(region, region->first_free, end, false);

    region->first_free = first;
    while (first < end) {
        uint64_t most = count < end - first ? first + count : end;
        uint64_t next = find_granule(region, first, most, true);
        if (next - first == count) {
            mark_granules(region, first, count, true);
            if (first + count > region->granules_touched) {
                region->granules_touched = first + count;
            }
            *out_first = first;
            return true;
        }
        first = find_granule(region, next, end, false);
    }
    return false;
}

static void
put_granules(struct region *region, uint64_t first, uint64_t count)
{
    mark_granules(region, first, count, false);
    region->first_free = first < region->first_free ? first : region->first_free;
}

/* Spans. */

static void
list_span(struct region *region, uint32_t number)
{
    struct region_span *span = &region->spans[number];
    uint32_t *first = &region->with_room[span->class_index];

    span->has_room = true;
    span->previous = NO_SPAN;
    span->next = *first;
    if (*first != NO_SPAN) {
        region->spans[*first].previous = number;
    }
    *first = number;
}

static void
unlist_span(struct region *region, uint32_t number)
{
    struct region_span *span = &region->spans[number];

    span->has_room = false;
    if (span->previous != NO_SPAN) {
        region->spans[span->previous].next = span->next;
    } else {
        region->with_room[span->class_index] = span->next;
    }
    if (span->next != NO_SPAN) {
        region->spans[span->next].previous = span->previous;
    }
}

/* So that little is left over at its end. */
static uint64_t
span_granules(uint64_t piece_bytes)
{
    uint64_t count = piece_bytes <= GRANULE_BYTES / 8 ? 1 : piece_bytes <= GRANULE_BYTES / 2 ? 4 : 8;

    return count;
}

static bool
add_span(struct region *region, uint32_t class_index)
{
    uint64_t piece_bytes = class_bytes(class_index);
    uint64_t count = span_granules(piece_bytes);
    uint64_t first;

    /* Where there is not so much in one place, a shorter one will do. */
    while (!take_granules(region, count, &first)) {
        count /= 2;
        if (count * GRANULE_BYTES < piece_bytes) {
            return false;
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        region->spans[first + i].back = (uint8_t)i;
    }
    struct region_span *span = &region->spans[first];

    span->free = NULL;
    span->used = 0;
    span->carved = 0;
    span->most = (uint32_t)(count * GRANULE_BYTES / piece_bytes);
    span->class_index = (uint8_t)class_index;
    span->count = (uint8_t)count;
    list_span(region, (uint32_t)first);
    return true;
}

static void *
take_small(struct region *region, uint32_t class_index)
{
    uint32_t number = region->with_room[class_index];

    if (number == NO_SPAN) {
        if (!add_span(region, class_index)) {
            return NULL;
        }
        number = region->with_room[class_index];
    }
    struct region_span *span = &region->spans[number];
    void *piece = span->free;

    if (piece != NULL) {
        span->free = span->free->next;
    } else {
        piece = region->base + number * GRANULE_BYTES + span->carved * class_bytes(class_index);
        span->carved++;
    }
    span->used++;
    if (span->used == span->most) {
        unlist_span(region, number);
    }
    return piece;
}

static void
put_small(struct region *region, void *memory, uint32_t class_index)
{
    uint64_t granule = (uint64_t)((uint8_t *)memory - region->base) / GRANULE_BYTES;
    uint32_t number = (uint32_t)(granule - region->spans[granule].back);
    struct region_span *span = &region->spans[number];
    struct free_piece *piece = memory;

    REQUIRE(span->class_index == class_index);
    ASSERT(span->used > 0);
    span->used--;
    if (span->used == 0) {
        if (span->has_room) {
            unlist_span(region, number);
        }
        put_granules(region, number, span->count);
        return;
    }
    piece->next = span->free;
    span->free = piece;
    if (!span->has_room) {
        list_span(region, number);
    }
}

void *
region_take(struct region *region, uint64_t bytes)
{
    if (bytes > region->bytes_max) {
        return NULL;
    }
    uint64_t whole = region_piece_bytes(bytes);
    uint64_t first;
    void *piece = NULL;

    if (bytes <= REGION_LARGE_BYTES) {
        piece = take_small(region, class_of(bytes));
    } else if (take_granules(region, whole / GRANULE_BYTES, &first)) {
        piece = region->base + first * GRANULE_BYTES;
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
    REQUIRE((uint8_t *)memory < region->base + region->bytes_max);
    uint64_t whole = region_piece_bytes(bytes);

    if (bytes <= REGION_LARGE_BYTES) {
        put_small(region, memory, class_of(bytes));
    } else {
        put_granules(region, (uint64_t)((uint8_t *)memory - region->base) / GRANULE_BYTES,
                     whole / GRANULE_BYTES);
    }
    count_used(region, 0, whole);
}

#endif

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
        region_piece_bytes(bytes_old) == region_piece_bytes(bytes_new)) {
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
region_held(const struct region *region)
{
    return REGION_IS_CHECKED ? region_used(region) : region->granules_held * GRANULE_BYTES;
}

uint64_t
region_used(const struct region *region)
{
    return atomic_load_explicit(&region->bytes_used, memory_order_relaxed);
}

uint64_t
region_touched(const struct region *region)
{
    return REGION_IS_CHECKED ? region_used(region) : region->granules_touched * GRANULE_BYTES;
}

void *
region_ahead(struct region *region)
{
    uint64_t used = region->granules_touched * GRANULE_BYTES;
    uint64_t more = used / 8 < REGION_AHEAD_BYTES_MAX ? used / 8 : REGION_AHEAD_BYTES_MAX;
    uint64_t begin = region->bytes_ahead > used ? region->bytes_ahead : align_up(used, HUGE_PAGE_BYTES);
    uint64_t end = begin + HUGE_PAGE_BYTES;

    if (end > used + more || end > region->bytes_max) {
        return NULL;
    }
    region->bytes_ahead = end;
    return region->base + begin;
}

void
region_touch(void *page)
{
    uint8_t *bytes = page;

    /* Not by madvise(): that keeps whoever maps memory waiting meanwhile. */
    for (uint64_t at = 0; at < HUGE_PAGE_BYTES; at += PAGE_BYTES) {
        /* Nothing is added, but in one piece: it may have an owner who writes just now. */
        (void)__atomic_fetch_add(bytes + at, 0, __ATOMIC_RELAXED);
    }
}

bool
region_is_tight(const struct region *region)
{
    return region->bytes_max - region_held(region) < region->bytes_max / 16;
}
