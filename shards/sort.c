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
sort_items(void *items, uint64_t count, uint32_t item_bytes, int (*compare)(const void *a, const void *b))
{
    REQUIRE(item_bytes <= SORT_ITEM_BYTES_MAX);
    for (uint64_t at = count / 2; at > 0; at--) {
        sift(items, at - 1, count, item_bytes, compare);
    }
    for (uint64_t left = count; left > 1; left--) {
        swap(items, (char *)items + (left - 1) * item_bytes, item_bytes);
        sift(items, 0, left - 1, item_bytes, compare);
    }
}

/* Radix exchange by bit: reads in order, and ends early on short runs. */
static void
sort_by_bits(uint64_t *numbers, uint64_t count, uint64_t bit)
{
    while (count > 24 && bit > 0) {
        uint64_t low = 0;
        uint64_t high = count;
        while (low < high) {
            if ((numbers[low] & bit) == 0) {
                low++;
                continue;
            }
            high--;
            uint64_t spare = numbers[low];
            numbers[low] = numbers[high];
            numbers[high] = spare;
        }
        bit >>= 1;
        sort_by_bits(numbers, low, bit);
        numbers += low;
        count -= low;
    }
    for (uint64_t i = 1; i < count; i++) {
        uint64_t number = numbers[i];
        uint64_t at = i;
        for (; at > 0 && numbers[at - 1] > number; at--) {
            numbers[at] = numbers[at - 1];
        }
        numbers[at] = number;
    }
}

void
sort_numbers(uint64_t *numbers, uint64_t count)
{
    uint64_t all = 0;

    for (uint64_t i = 0; i < count; i++) {
        all |= numbers[i];
    }
    if (all != 0) {
        sort_by_bits(numbers, count, UINT64_C(1) << (63 - __builtin_clzll(all)));
    }
}
