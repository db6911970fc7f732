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

/* A sort in pieces: items stay where they are, and are in no order in between. */
struct item_sort {
    char *items;
    uint64_t count;
    uint32_t item_bytes;
    int (*compare)(const void *a, const void *b);
    uint64_t heap_left; /* to be made a heap */
    uint64_t left;      /* in the heap */
};

#define NUMBER_SORT_DEPTH 66u

struct number_range {
    uint64_t begin;
    uint64_t end;
    uint64_t low; /* between low and high it is not known on which side a number belongs */
    uint64_t high;
    uint64_t bit;
};

struct number_sort {
    uint64_t *numbers;
    uint64_t count;
    uint64_t seen; /* for `all` */
    uint64_t all;  /* bits that any number has */
    uint32_t depth;
    struct number_range ranges[NUMBER_SORT_DEPTH];
};

/* Any thread. Begins a sort of all items, as sort_items() and sort_numbers() below do it at once. */
void item_sort_begin(struct item_sort *sort, void *items, uint64_t count, uint32_t item_bytes,
                     int (*compare)(const void *a, const void *b));
void number_sort_begin(struct number_sort *sort, uint64_t *numbers, uint64_t count);
/* Any thread. Goes on with the work of about so many items. True: sorted. */
bool item_sort_go_on(struct item_sort *sort, uint64_t piece_count);
bool number_sort_go_on(struct number_sort *sort, uint64_t piece_count);

/* Any thread. compare() as for qsort(). */
void sort_items(void *items, uint64_t count, uint32_t item_bytes,
                int (*compare)(const void *a, const void *b));
/* Any thread. Ascending, in place. */
void sort_numbers(uint64_t *numbers, uint64_t count);
