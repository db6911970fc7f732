/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/shelf.h"
#include "shards/slice_state.h"

static struct slice_state state;
static struct shelf shelf;
static const struct slice_head head = {
    .kind = SLICE_STRETCH, .version = SLICE_RECORD_VERSION, .tenant_no = 3};

static void
given_a_shelf(void)
{
    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    shelf = (struct shelf){0};
}

/* Entries with these times, and keys that are 10 times as much. */
static void
add(int64_t from, int64_t to)
{
    struct order_entry entries[ORDER_CHUNK_COUNT];
    uint32_t count = 0;

    for (int64_t time = from; time <= to; time++) {
        entries[count++] =
            (struct order_entry){.time = time, .key = 10 * (uint64_t)time, .item = 7 + (uint64_t)time};
    }
    shelf_add(&memory, &shelf, &state, head, entries, count);
}

static const struct slice_stretch *
record_of(uint32_t index)
{
    uint32_t bytes;
    const struct slice_stretch *record = log_store_at(state.journal, shelf.stretches[index].address, &bytes);

    CHECK_EQ(slice_record_kind(record, bytes), SLICE_STRETCH);
    return record;
}

TEST(what_does_not_lie_behind_the_last_stretch_is_refused)
{
    given_a_shelf();
    add(5, 8);
    CHECK_DIES(add(7, 9));
    CHECK_DIES(add(1, 2));
    CHECK(!shelf_restore(&memory, &shelf, record_of(0), shelf.stretches[0].address));
    CHECK_EQ(shelf.stretch_count, 1);
    then_memory_ends();
}

TEST(a_record_that_does_not_ascend_is_refused)
{
    uint64_t bytes[2 + 2 * 3] = {0};
    struct slice_stretch *stretch = (struct slice_stretch *)(void *)bytes;

    given_a_shelf();
    *stretch = (struct slice_stretch){.head = head, .count = 2};
    stretch->entries[0] = (struct order_entry){.time = 5, .key = 2, .item = 1};
    stretch->entries[1] = (struct order_entry){.time = 5, .key = 2, .item = 1};
    CHECK(!shelf_restore(&memory, &shelf, stretch, 8));
    stretch->entries[1].key = 3;
    CHECK(shelf_restore(&memory, &shelf, stretch, 8));
    then_memory_ends();
}

TEST(a_stretch_is_a_record_and_a_place)
{
    given_a_shelf();
    add(5, 8);
    add(9, 263);
    CHECK_EQ(shelf.stretch_count, 2);
    CHECK_EQ(record_of(0)->count, 4);
    CHECK_EQ(record_of(0)->head.tenant_no, 3);
    CHECK_EQ(record_of(1)->count, ORDER_CHUNK_COUNT);
    CHECK_EQ(record_of(1)->entries[254].item, 270);
    CHECK_EQ(shelf.stretches[1].first.time, 9);
    CHECK_EQ(shelf.stretches[1].last.key, 2630);
    then_memory_ends();
}

TEST(it_says_how_many_begin_before_a_place)
{
    given_a_shelf();
    CHECK_EQ(shelf_seek(&shelf, 5, 0), 0);
    add(5, 8);
    add(20, 30);
    CHECK_EQ(shelf_seek(&shelf, 5, 50), 0);
    CHECK_EQ(shelf_seek(&shelf, 5, 51), 1);
    CHECK_EQ(shelf_seek(&shelf, 15, 0), 1);
    CHECK_EQ(shelf_seek(&shelf, 20, 200), 1);
    CHECK_EQ(shelf_seek(&shelf, INT64_MAX, 0), 2);
    then_memory_ends();
}

TEST(the_next_stretch_begins_behind_the_last_and_what_came_late_stays)
{
    struct order order = {0};
    uint32_t count;

    given_a_shelf();
    for (uint64_t i = 1; i <= 10; i++) {
        order_insert(&memory, &order, (struct order_entry){.time = (int64_t)i * 4, .key = i * 40, .item = i});
    }
    struct order_place place = shelf_end(&shelf, &order);

    CHECK_EQ(order_entries(&order, &place, &count)->time, 4);
    add(5, 8);
    place = shelf_end(&shelf, &order);
    CHECK_EQ(order_entries(&order, &place, &count)->time, 8); /* as no two are the same */
    add(9, 39);
    place = shelf_end(&shelf, &order);
    CHECK_EQ(order_entries(&order, &place, &count)->time, 40);
    add(40, 41);
    place = shelf_end(&shelf, &order);
    CHECK(order_entries(&order, &place, &count) == NULL);
    then_memory_ends();
}

TEST(what_was_on_the_shelf_is_there_again)
{
    struct shelf old;

    given_a_shelf();
    add(5, 8);
    add(9, 20);
    old = shelf;
    shelf = (struct shelf){0};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t bytes;
        const void *record = log_store_at(state.journal, old.stretches[i].address, &bytes);
        CHECK(shelf_restore(&memory, &shelf, record, old.stretches[i].address));
        CHECK_EQ(memcmp(&shelf.stretches[i], &old.stretches[i], sizeof(old.stretches[i])), 0);
    }
    then_memory_ends();
}
