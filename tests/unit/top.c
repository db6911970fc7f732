/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/top.h"

#include <stdio.h>

static struct pack *pack;
static struct top top;

static void
given_no_names(void)
{
    given_memory();
    pack = given_pack();
    top = (struct top){0};
}

static uint64_t
count_of(struct text name)
{
    const struct top_row *rows = top_rows(pack, &top);

    for (uint32_t i = 0; i < top.rows.count; i++) {
        if (text_equal(top_name(pack, &rows[i]), name)) {
            return rows[i].count;
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
    given_no_names();
    for (uint32_t i = 0; i < TOP_COUNT_MAX; i++) {
        (void)top_count(pack, &top, name_of(i));
    }
    (void)top_count(pack, &top, name_of(63)); /* 2 now; 62 is the greatest of the least */
    (void)top_count(pack, &top, TEXT("new"));
    CHECK_EQ(top.rows.count, TOP_COUNT_MAX);
    CHECK_EQ(count_of(name_of(62)), 0);
    CHECK_EQ(count_of(name_of(63)), 2);
    CHECK_EQ(count_of(TEXT("new")), 2); /* the replaced count and one */
    (void)top_count(pack, &top, name_of(62));
    CHECK_EQ(count_of(name_of(61)), 0);
    CHECK_EQ(count_of(name_of(62)), 2);
    then_memory_ends();
}

TEST(sixty_four_names_are_exact)
{
    given_no_names();
    for (uint32_t i = 0; i < 64 * 65; i++) {
        if (i / 64 <= i % 64) {
            (void)top_count(pack, &top, name_of(i % 64));
        }
    }
    for (uint32_t i = 0; i < 64; i++) {
        CHECK_EQ(count_of(name_of(i)), i + 1);
    }
    then_memory_ends();
}

TEST(two_combined_keep_the_best_by_count_then_name)
{
    struct top other = {0};
    struct pack *from;

    given_no_names();
    from = given_pack();
    for (uint32_t i = 0; i < TOP_COUNT_MAX; i++) {
        (void)top_count(pack, &top, name_of(i));
        (void)top_count(from, &other, name_of(i + 32));
    }
    top_combine(pack, &top, from, &other);
    CHECK_EQ(top.rows.count, TOP_COUNT_MAX);
    CHECK_EQ(count_of(name_of(40)), 2);
    CHECK_EQ(count_of(name_of(0)), 1);
    CHECK_EQ(count_of(name_of(31)), 1); /* 32 with two, and the first 32 of those with one */
    CHECK_EQ(count_of(name_of(64)), 0);
    then_memory_ends();
}
