/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * buddy - one address range, reserved at start, in pieces that come and go and are merged again
 *
 * Pieces are BUDDY_LEAF_BYTES times a power of two; what is free beside its equal becomes one with it, so a range that was
 * full of small pieces can serve a large one afterwards. A piece's memory is touched only as far as it is used. What is
 * free keeps it, until buddy_trim() gives it back to the system, a little at a time: all at once would be a stall, and who
 * asks next would have to touch it anew.
 *
 * Threads  Home shard only.
 * Memory   The range and 12 bytes for each leaf of it, reserved at start; nothing else is ever asked for.
 * Limits   A piece has BUDDY_PIECE_BYTES_MAX; who takes counts, and keeps to less than the range.
 */

#include "core/base.h"

#define BUDDY_LEAF_BYTES 32768u
#define BUDDY_ORDER_COUNT 13u
#define BUDDY_PIECE_BYTES_MAX ((uint64_t)BUDDY_LEAF_BYTES << (BUDDY_ORDER_COUNT - 1))

struct buddy_leaf;

struct buddy {
    uint8_t *base;
    struct buddy_leaf *leaves;
    uint32_t leaf_count;
    uint32_t kept_count;     /* leaves that are free and still have their memory */
    uint32_t kept_count_max; /* are not given back */
    uint32_t hand;           /* where the last trim ended */
    uint32_t free[BUDDY_ORDER_COUNT];
};

/* Boot. bytes is rounded up to BUDDY_PIECE_BYTES_MAX. -ENOMEM. */
MUST_USE int buddy_init(struct buddy *buddy, uint64_t bytes, uint64_t bytes_kept_max);
/* Boot. Everything taken is gone. May be called twice. */
void buddy_deinit(struct buddy *buddy);

/* Home. Begins at a page, not zeroed; NULL: there is no such piece. */
MUST_USE void *buddy_take(struct buddy *buddy, uint64_t bytes);
/* Home. `bytes` is what was asked for. */
void buddy_put(struct buddy *buddy, void *piece, uint64_t bytes);
/* Home. Of what is free and more than is to be kept, gives the memory of at most so many leaves back. */
void buddy_trim(struct buddy *buddy, uint32_t leaf_count_max);
