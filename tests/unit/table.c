/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/table.h"

#define ITEM_BYTES 24u

static struct region region;
static struct table table;

static void
given_a_table(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    table_init(&table, &region, ITEM_BYTES);
}

static void
then_nothing_is_left(void)
{
    table_deinit(&table);
    table_deinit(&table);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static uint32_t
add_until_full(void)
{
    uint32_t count = 0;
    uint8_t *item;

    while ((item = table_add(&table)) != NULL) {
        memset(item, (int)(count & 0xff), ITEM_BYTES);
        count++;
    }
    CHECK_EQ(table.count, count);
    for (uint32_t i = 0; i < count; i++) {
        item = table_at(&table, i);
        CHECK_EQ(item[0], i & 0xff);
        CHECK_EQ(item[ITEM_BYTES - 1], i & 0xff);
    }
    return count;
}

TEST(a_table_at_the_regions_limit_says_no_and_keeps_its_items)
{
    uint32_t count_before = 0;

    /* Every limit: now the items, now the list of chunks does not fit. */
    for (uint64_t limit = 4096; limit <= 16 * 4096; limit += 4096) {
        uint32_t count;

        given_a_table(limit);
        count = add_until_full();
        CHECK(table_add(&table) == NULL);
        CHECK_EQ(table.count, count);
        CHECK(count >= count_before);
        CHECK_EQ(count % TABLE_CHUNK_COUNT, 0);
        count_before = count;
        then_nothing_is_left();
    }
    CHECK(count_before > 0);
}

TEST(a_table_without_memory_has_no_items)
{
    given_a_table(0);
    CHECK(table_add(&table) == NULL);
    CHECK_EQ(table.count, 0);
    then_nothing_is_left();
}

TEST(items_never_move_and_begin_as_zero)
{
    uint8_t *at[10 * TABLE_CHUNK_COUNT + 1];
    static const uint8_t zeros[ITEM_BYTES];

    given_a_table(1 << 20);
    for (uint32_t i = 0; i < COUNT_OF(at); i++) {
        at[i] = table_add(&table);
        CHECK(at[i] != NULL);
        CHECK_BYTES(at[i], zeros, ITEM_BYTES);
        memset(at[i], 0xee, ITEM_BYTES);
    }
    for (uint32_t i = 0; i < COUNT_OF(at); i++) {
        CHECK(table_at(&table, i) == at[i]);
    }
    CHECK_EQ(table.count, COUNT_OF(at));
    CHECK_EQ(table.chunk_count, 11);
    then_nothing_is_left();
}

TEST(a_table_may_be_used_again_after_its_end)
{
    given_a_table(1 << 20);
    CHECK(table_add(&table) != NULL);
    table_deinit(&table);
    CHECK(table_add(&table) != NULL);
    CHECK_EQ(table.count, 1);
    then_nothing_is_left();
}
