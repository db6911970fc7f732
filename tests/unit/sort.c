/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/sort.h"

#include <stdlib.h>

struct item {
    uint32_t number;
    uint8_t rest[9];
};

static int
compare(const void *a, const void *b)
{
    const struct item *item_a = a;
    const struct item *item_b = b;

    return (item_a->number > item_b->number) - (item_a->number < item_b->number);
}

TEST(items_that_are_too_large_are_refused)
{
    uint8_t large[2][SORT_ITEM_BYTES_MAX + 1];

    CHECK_DIES(sort_items(large, 2, sizeof(large[0]), compare));
}

TEST(items_of_any_number_are_put_in_order)
{
    struct item items[300];
    uint64_t dice = 1;

    for (uint32_t count = 0; count < COUNT_OF(items); count += 1 + count / 4) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < count; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            items[i] = (struct item){.number = (uint32_t)(dice >> 33) % 50};
            items[i].rest[8] = (uint8_t)items[i].number;
            sum += items[i].number;
        }
        sort_items(items, count, sizeof(items[0]), compare);
        for (uint32_t i = 0; i < count; i++) {
            CHECK(i == 0 || items[i - 1].number <= items[i].number);
            CHECK_EQ(items[i].rest[8], items[i].number);
            sum -= items[i].number;
        }
        CHECK_EQ(sum, 0);
    }
}

TEST(numbers_of_any_size_are_put_in_order)
{
    enum { COUNT = 30000 };
    uint64_t *numbers = calloc(COUNT, sizeof(*numbers));
    uint64_t dice = 1;

    CHECK(numbers != NULL);
    for (uint32_t shift = 0; shift < 64; shift += 9) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            numbers[i] = (dice ^ (dice >> 30)) >> shift;
            sum += numbers[i];
        }
        sort_numbers(numbers, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            CHECK(i == 0 || numbers[i - 1] <= numbers[i]);
            sum -= numbers[i];
        }
        CHECK_EQ(sum, 0);
    }
    sort_numbers(numbers, 0);
    free(numbers);
}

TEST(a_sort_in_pieces_comes_to_the_same)
{
    enum { COUNT = 3000 };
    static uint64_t numbers[COUNT];
    static struct item items[COUNT];
    struct number_sort number_sort;
    struct item_sort item_sort;
    uint64_t dice = 7;

    for (uint64_t piece = 1; piece < 10000; piece = piece * 7 + 1) {
        for (uint32_t shift = 0; shift < 64; shift += 21) {
            uint32_t calls = 1;

            for (uint32_t i = 0; i < COUNT; i++) {
                dice = dice * UINT64_C(6364136223846793005) + 1;
                numbers[i] = i % 3 == 0 ? 5 : dice >> shift;
                items[i].number = (uint32_t)(dice >> 33);
            }
            number_sort_begin(&number_sort, numbers, COUNT);
            while (!number_sort_go_on(&number_sort, piece)) {
                calls++;
            }
            CHECK(calls * piece >= COUNT);
            item_sort_begin(&item_sort, items, COUNT, sizeof(items[0]), compare);
            for (calls = 1; !item_sort_go_on(&item_sort, piece);) {
                calls++;
            }
            CHECK(calls * piece >= COUNT);
            for (uint32_t i = 1; i < COUNT; i++) {
                CHECK(numbers[i - 1] <= numbers[i]);
                CHECK(items[i - 1].number <= items[i].number);
            }
        }
    }
    number_sort_begin(&number_sort, numbers, 0);
    CHECK(number_sort_go_on(&number_sort, 1));
    item_sort_begin(&item_sort, items, 0, sizeof(items[0]), compare);
    CHECK(item_sort_go_on(&item_sort, 1));
}
