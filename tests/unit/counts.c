/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/counts.h"
#include "shards/question.h"

#include <stdio.h>

TEST(a_name_that_never_came_has_no_row)
{
    struct counts counts = {0};

    given_memory();
    CHECK(counts_find(&counts, TEXT("a")) == NULL);
    counts_add(&memory, &counts, TEXT("b"), 1);
    CHECK(counts_find(&counts, TEXT("a")) == NULL);
    counts_clear(&memory, &counts);
    then_nothing_is_left();
}

TEST(rows_are_in_order_of_names_and_ranked_by_count_then_name)
{
    struct counts counts = {0};
    struct text_count ranked[4];

    given_memory();
    counts_add(&memory, &counts, TEXT("d"), 2);
    counts_add(&memory, &counts, TEXT("a"), 1);
    counts_add(&memory, &counts, TEXT("c"), 1);
    counts_add(&memory, &counts, TEXT("ab"), 3);
    counts_add(&memory, &counts, TEXT("c"), 1);
    CHECK_EQ(counts.count, 4);
    CHECK_TEXT(short_text(&counts.rows[1].name), "ab");
    for (uint32_t i = 0; i < 4; i++) {
        ranked[i] =
            (struct text_count){.key = short_text(&counts.rows[i].name), .count = counts.rows[i].count};
    }
    counts_rank(ranked, 4);
    CHECK_TEXT(ranked[0].key, "ab");
    CHECK_TEXT(ranked[1].key, "c");
    CHECK_TEXT(ranked[2].key, "d");
    CHECK_TEXT(ranked[3].key, "a");
    counts_clear(&memory, &counts);
    then_nothing_is_left();
}

TEST(many_names_are_found_as_few_are)
{
    struct counts counts = {0};
    char name[32];

    given_memory();
    for (uint32_t i = 0; i < 100; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            int bytes =
                snprintf(name, sizeof(name), "%s%u", k % 2 == 0 ? "n" : "a-name-of-length-", k * 7 % 100);
            counts_add(&memory, &counts, (struct text){.data = name, .bytes = (uint32_t)bytes}, 1);
        }
        CHECK_EQ(counts.count, i + 1);
        CHECK(counts_find(&counts, TEXT("nobody")) == NULL);
        CHECK(counts_find(&counts, TEXT("zz")) == NULL);
    }
    for (uint32_t i = 1; i < counts.count; i++) {
        CHECK(text_compare(short_text(&counts.rows[i - 1].name), short_text(&counts.rows[i].name)) < 0);
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < counts.count; i++) {
        sum += counts.rows[i].count;
    }
    CHECK_EQ(sum, 5050);
    counts_clear(&memory, &counts);
    then_nothing_is_left();
}
