/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/sort.h"

static void
swap(char *a, char *b, uint32_t bytes)
{
    char spare[SORT_ITEM_BYTES_MAX];

    memcpy(spare, a, bytes);
    memcpy(a, b, bytes);
    memcpy(b, spare, bytes);
}

static void
sift(char *items, uint64_t at, uint64_t count, uint32_t bytes, int (*compare)(const void *a, const void *b))
{
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare(items + child * bytes, items + (child + 1) * bytes) < 0) {
            child++;
        }
        if (compare(items + at * bytes, items + child * bytes) >= 0) {
            return;
        }
        swap(items + at * bytes, items + child * bytes, bytes);
        at = child;
    }
}

void
item_sort_begin(struct item_sort *sort, void *items, uint64_t count, uint32_t item_bytes,
                int (*compare)(const void *a, const void *b))
{
    REQUIRE(item_bytes <= SORT_ITEM_BYTES_MAX);
    *sort = (struct item_sort){
        .items = items,
        .count = count,
        .item_bytes = item_bytes,
        .compare = compare,
        .heap_left = count / 2,
        .left = count,
    };
}

bool
item_sort_go_on(struct item_sort *sort, uint64_t piece_count)
{
    for (; sort->heap_left > 0 && piece_count > 0; piece_count--) {
        sift(sort->items, --sort->heap_left, sort->count, sort->item_bytes, sort->compare);
    }
    for (; sort->left > 1 && piece_count > 0; piece_count--) {
        sort->left--;
        swap(sort->items, sort->items + sort->left * sort->item_bytes, sort->item_bytes);
        sift(sort->items, 0, sort->left, sort->item_bytes, sort->compare);
    }
    return sort->left <= 1;
}

void
sort_items(void *items, uint64_t count, uint32_t item_bytes, int (*compare)(const void *a, const void *b))
{
    struct item_sort sort;

    item_sort_begin(&sort, items, count, item_bytes, compare);
    (void)item_sort_go_on(&sort, UINT64_MAX);
}

/* Numbers: radix exchange by bit. Reads in order, and ends early on short runs. */

#define SHORT_RUN 24u

void
number_sort_begin(struct number_sort *sort, uint64_t *numbers, uint64_t count)
{
    sort->numbers = numbers;
    sort->count = count;
    sort->seen = 0;
    sort->all = 0;
    sort->depth = 0;
}

static void
push(struct number_sort *sort, uint64_t begin, uint64_t end, uint64_t bit)
{
    if (end - begin > 1) {
        ASSERT(sort->depth < NUMBER_SORT_DEPTH);
        sort->ranges[sort->depth++] =
            (struct number_range){.begin = begin, .end = end, .low = begin, .high = end, .bit = bit};
    }
}

static void
insert_all(uint64_t *numbers, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        uint64_t number = numbers[i];
        uint64_t at = i;
        for (; at > 0 && numbers[at - 1] > number; at--) {
            numbers[at] = numbers[at - 1];
        }
        numbers[at] = number;
    }
}

/* Numbers without the bit to the front, those with it behind them. */
static uint64_t
part(uint64_t *numbers, struct number_range *range, uint64_t piece_count)
{
    while (range->low < range->high && piece_count > 0) {
        piece_count--;
        if ((numbers[range->low] & range->bit) == 0) {
            range->low++;
            continue;
        }
        range->high--;
        uint64_t spare = numbers[range->low];
        numbers[range->low] = numbers[range->high];
        numbers[range->high] = spare;
    }
    return piece_count;
}

static bool
look_at_bits(struct number_sort *sort, uint64_t piece_count)
{
    uint64_t left = sort->count - sort->seen;
    uint64_t end = sort->seen + (left < piece_count ? left : piece_count);

    for (; sort->seen < end; sort->seen++) {
        sort->all |= sort->numbers[sort->seen];
    }
    if (sort->seen < sort->count) {
        return false;
    }
    if (sort->all != 0) {
        push(sort, 0, sort->count, UINT64_C(1) << (63 - __builtin_clzll(sort->all)));
    }
    return true;
}

bool
number_sort_go_on(struct number_sort *sort, uint64_t piece_count)
{
    if (sort->seen < sort->count && !look_at_bits(sort, piece_count)) {
        return false;
    }
    while (sort->depth > 0 && piece_count > 0) {
        struct number_range *range = &sort->ranges[sort->depth - 1];

        if (range->end - range->begin <= SHORT_RUN || range->bit == 0) {
            uint64_t count = range->end - range->begin;

            if (count <= SHORT_RUN) { /* else all are equal */
                insert_all(sort->numbers + range->begin, count);
            }
            piece_count -= count < piece_count ? count : piece_count;
            sort->depth--;
            continue;
        }
        piece_count = part(sort->numbers, range, piece_count);
        if (range->low == range->high) {
            struct number_range done = *range;

            sort->depth--;
            push(sort, done.low, done.end, done.bit >> 1);
            push(sort, done.begin, done.low, done.bit >> 1);
        }
    }
    return sort->depth == 0;
}

void
sort_numbers(uint64_t *numbers, uint64_t count)
{
    struct number_sort sort;

    number_sort_begin(&sort, numbers, count);
    (void)number_sort_go_on(&sort, UINT64_MAX);
}
