/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * gather - bytes that are longer than an item of a state file, and come back piece by piece
 *
 * Who writes them says how many there are; who reads them makes room for as many, adds the pieces in order, and asks
 * whether that was all.
 *
 * Threads  Home shard, with a region; any, without.
 * Memory   From the region, or the heap; gather_end() gives it back.
 * Errors   -ENOMEM: no room for so many. -EINVAL: what is read makes no sense; nothing changed.
 */

#include "core/region.h"

struct gather {
    struct region *region; /* NULL: the heap */
    uint8_t *bytes;        /* NULL: not begun */
    uint64_t total_bytes;
    uint64_t gathered_bytes;
};

/* Home. -EINVAL: it has begun already, or of nothing. */
MUST_USE int gather_begin(struct gather *gather, uint64_t total_bytes);
/* Home. -EINVAL: before the beginning, nothing, or more than there should be. */
MUST_USE int gather_add(struct gather *gather, const void *piece, uint64_t bytes);
/* Home. All is there. */
bool gather_is_whole(const struct gather *gather);
/* Home. May be called at any stage, and twice. */
void gather_end(struct gather *gather);
