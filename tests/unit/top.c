/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/top.h"

#include <stdio.h>

static uint64_t
count_of(const struct top *top, struct text name)
{
    for (uint32_t i = 0; i < top->count; i++) {
        if (text_equal(top_name(&top->rows[i]), name)) {
            return top->rows[i].count;
        }
    }
    return 0;
}

static struct text
name_of(uint32_t number)
{
    static char name[16];

    snprintf(name, sizeof(name), "/%03u", number);
    return text_of(name);
}

TEST(a_new_name_replaces_the_least_and_of_equals_the_greatest)
{
    struct top top = {0};

    given_memory();
    for (uint32_t i = 0; i < TOP_COUNT_MAX; i++) {
        top_count(&memory, &top, name_of(i));
    }
    top_count(&memory, &top, name_of(63)); /* 2 now; 62 is the greatest of the least */
    top_count(&memory, &top, TEXT("new"));
    CHECK_EQ(top.count, TOP_COUNT_MAX);
    CHECK_EQ(count_of(&top, name_of(62)), 0);
    CHECK_EQ(count_of(&top, name_of(63)), 2);
    CHECK_EQ(count_of(&top, TEXT("new")), 2); /* the replaced count and one */
    top_count(&memory, &top, name_of(62));
    CHECK_EQ(count_of(&top, name_of(61)), 0);
    CHECK_EQ(count_of(&top, name_of(62)), 2);
    top_clear(&memory, &top);
    then_nothing_is_left();
}

TEST(sixty_four_names_are_exact)
{
    struct top top = {0};

    given_memory();
    for (uint32_t i = 0; i < 64 * 65; i++) {
        if (i / 64 <= i % 64) {
            top_count(&memory, &top, name_of(i % 64));
        }
    }
    for (uint32_t i = 0; i < 64; i++) {
        CHECK_EQ(count_of(&top, name_of(i)), i + 1);
    }
    top_clear(&memory, &top);
    then_nothing_is_left();
}

TEST(two_combined_keep_the_best_by_count_then_name)
{
    struct top top = {0};
    struct top other = {0};

    given_memory();
    for (uint32_t i = 0; i < TOP_COUNT_MAX; i++) {
        top_count(&memory, &top, name_of(i));
        top_count(&memory, &other, name_of(i + 32));
    }
    top_combine(&memory, &top, &other);
    CHECK_EQ(other.count, 0);
    CHECK_EQ(top.count, TOP_COUNT_MAX);
    CHECK_EQ(count_of(&top, name_of(40)), 2);
    CHECK_EQ(count_of(&top, name_of(0)), 1);
    CHECK_EQ(count_of(&top, name_of(31)), 1); /* 32 with two, and the first 32 of those with one */
    CHECK_EQ(count_of(&top, name_of(64)), 0);
    top_clear(&memory, &top);
    then_nothing_is_left();
}
