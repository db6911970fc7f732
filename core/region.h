/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * region - the state memory of a shard: one address range, reserved at start
 *
 * Nothing is asked of the system after start: pages are touched when they are first used, or a little before by
 * whoever has time (region_ahead()). Sizes are rounded to classes (16-byte steps to 128, then four classes to each doubling), those over REGION_LARGE_BYTES to
 * 32 KiB. What was freed serves its class again, and others when nothing around it is in use. What is used
 * beyond the first 4 MiB lies in huge pages where the system has them.
 *
 * Threads  Home shard only; region_used() may be read by any thread.
 * Errors   region_take() returns NULL when the limit is reached. Callers that have passed admission
 *          treat that as fatal; admission refuses before it comes to that (region_is_tight()).
 * Memory   In sanitizer builds each piece is its own malloc, so that overruns and leaks are seen.
 */

#include "core/base.h"

#include <stdatomic.h>

#define REGION_CLASS_COUNT 44u
#define REGION_LARGE_BYTES 65536u
#define REGION_AHEAD_BYTES_MAX (UINT64_C(16) << 20)

struct region_span;

struct region {
    uint8_t *base;
    uint64_t bytes_max;
    _Atomic uint64_t bytes_used;
    struct region_span *spans; /* a row for each granule */
    uint64_t *taken;           /* a bit for each */
    uint64_t granules_held;
    uint64_t granules_touched; /* from the first one on */
    uint64_t bytes_ahead;      /* of the range, from its beginning: used, or given by region_ahead() */
    uint64_t first_free;       /* no granule before it is */
    uint32_t with_room[REGION_CLASS_COUNT]; /* spans of a class */
    void *first;                            /* piece, in sanitizer builds */
};

/* Boot. Reserves address space only. -ENOMEM. */
MUST_USE int region_init(struct region *region, uint64_t bytes_max);
/* Boot. Everything taken is gone. */
void region_deinit(struct region *region);

/* Home. 16-byte aligned, not zeroed; NULL when the limit is reached. */
MUST_USE void *region_take(struct region *region, uint64_t bytes);
/* Home. Zeroed. */
MUST_USE void *region_take_zero(struct region *region, uint64_t bytes);
/* Home. `bytes` is what was asked for. NULL is allowed. */
void region_put(struct region *region, void *piece, uint64_t bytes);
/* Home. Like realloc: contents up to the lesser size are kept. NULL (piece untouched) at the limit. */
MUST_USE void *region_resize(struct region *region, void *piece, uint64_t bytes_old, uint64_t bytes_new);
/* Any thread. What a piece of so many bytes takes: as many are there to be asked for. */
uint64_t region_piece_bytes(uint64_t bytes);
/* Home. A copy; data NULL at the limit. Empty text takes nothing. */
struct text region_text(struct region *region, struct text text);
/* Any thread. */
uint64_t region_used(const struct region *region);
/* Home. What was ever used: it is resident, free or not. */
uint64_t region_touched(const struct region *region);
/* Home. What of the range is not free for all: pieces, and what lies free between those of a class. */
uint64_t region_held(const struct region *region);
/* Home. The huge page that is likely to be used next; each is given once. NULL: as many as an eighth of what was ever used,
   or REGION_AHEAD_BYTES_MAX, were given and not used yet. */
MUST_USE void *region_ahead(struct region *region);
/* Any thread, until region_deinit(). The huge page is resident then. Its contents stay, even if it is in use by now. */
void region_touch(void *page);
/* Home. Less than 1/16 of the limit is left for all. */
bool region_is_tight(const struct region *region);
