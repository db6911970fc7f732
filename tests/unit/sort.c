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
