/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/counts.h"
#include "shards/question.h"

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
