/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * memory - state memory that is there, or the node ends
 *
 * Admission refuses events before a region is full (region_is_tight()); what was admitted must be kept. So these
 * never say no: at the limit they call node->fatal(). Growable arrays double from a few items until they are large
 * (REGION_LARGE_BYTES), and then grow by an eighth, since all that a node has in memory of each person is in such.
 *
 * Threads  Home shard only.
 */

#include "core/region.h"

struct node;

struct memory {
    struct region *region;
    struct node *node;
};

/* Home. Never NULL. */
MUST_USE void *memory_take(struct memory *memory, uint64_t bytes);
MUST_USE void *memory_take_zero(struct memory *memory, uint64_t bytes);
void memory_put(struct memory *memory, void *piece, uint64_t bytes);

/* Home. Room for one item more in an array of *capacity items, of which `count` are used. Returns the array. */
MUST_USE void *memory_grow(struct memory *memory, void *array, uint32_t *capacity, uint32_t count,
                           uint32_t item_bytes);

/* Home. A copy; empty text takes nothing. */
struct text memory_text(struct memory *memory, struct text text);

/* Home. The node ends: a take was refused that must not be. */
__attribute__((noreturn, cold)) void memory_exhausted(struct memory *memory);
