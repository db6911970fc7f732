/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sort - orders arrays without asking for memory
 *
 * The C library's qsort() may use the heap; this is a heap sort in place. Not stable.
 *
 * Threads  Everything here is pure.
 * Limits   SORT_ITEM_BYTES_MAX an item.
 */

#include "core/base.h"

#define SORT_ITEM_BYTES_MAX 128u

/* Any thread. compare() as for qsort(). */
void sort_items(void *items, uint64_t count, uint32_t item_bytes,
                int (*compare)(const void *a, const void *b));
/* Any thread. Ascending, in place. */
void sort_numbers(uint64_t *numbers, uint64_t count);
