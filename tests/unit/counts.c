/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/counts.h"
#include "shards/question.h"

#include <stdio.h>

static struct pack *pack;
static struct counts counts;

static void
given_no_counts(void)
{
    given_memory();
    pack = given_pack();
    counts = (struct counts){0};
}

static void
add(struct text name, uint64_t by)
{
    struct pack_text kept = pack_keep(pack, name);

    counts_add(pack, &counts, &kept, by);
}

static struct text
name_at(uint32_t index)
{
    return counts_name(pack, &counts_rows(pack, &counts)[index]);
}

TEST(a_name_that_never_came_has_no_row)
{
    given_no_counts();
    CHECK(counts_find(pack, &counts, TEXT("a")) == NULL);
    add(TEXT("b"), 1);
    CHECK(counts_find(pack, &counts, TEXT("a")) == NULL);
    then_memory_ends();
}

TEST(rows_are_in_order_of_names_and_ranked_by_count_then_name)
{
    struct text_count ranked[4];

    given_no_counts();
    add(TEXT("d"), 2);
    add(TEXT("a"), 1);
    add(TEXT("c"), 1);
    add(TEXT("ab"), 3);
    add(TEXT("c"), 1);
    CHECK_EQ(counts.rows.count, 4);
    CHECK_TEXT(name_at(1), "ab");
    for (uint32_t i = 0; i < 4; i++) {
        ranked[i] = (struct text_count){.key = name_at(i), .count = counts_rows(pack, &counts)[i].count};
    }
    counts_rank(ranked, 4);
    CHECK_TEXT(ranked[0].key, "ab");
    CHECK_TEXT(ranked[1].key, "c");
    CHECK_TEXT(ranked[2].key, "d");
    CHECK_TEXT(ranked[3].key, "a");
    then_memory_ends();
}

TEST(many_names_are_found_as_few_are)
{
    char name[32];

    given_no_counts();
    for (uint32_t i = 0; i < 100; i++) {
        for (uint32_t k = 0; k <= i; k++) {
            int bytes =
                snprintf(name, sizeof(name), "%s%u", k % 2 == 0 ? "n" : "a-name-of-length-", k * 7 % 100);
            add((struct text){.data = name, .bytes = (uint32_t)bytes}, 1);
        }
        CHECK_EQ(counts.rows.count, i + 1);
        CHECK(counts_find(pack, &counts, TEXT("nobody")) == NULL);
        CHECK(counts_find(pack, &counts, TEXT("zz")) == NULL);
    }
    for (uint32_t i = 1; i < counts.rows.count; i++) {
        CHECK(text_compare(name_at(i - 1), name_at(i)) < 0);
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < counts.rows.count; i++) {
        sum += counts_rows(pack, &counts)[i].count;
    }
    CHECK_EQ(sum, 5050);
    then_memory_ends();
}
