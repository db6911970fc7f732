/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/history.h"
#include "shards/scan.h"
#include "shards/shelf.h"
#include "shards/slice_state.h"

static struct arena_pool pool;
static struct arena arena;
static struct kept_event events[3000];
static struct order orders[3];

static void
add(uint32_t index, uint32_t order, int64_t time)
{
    events[index] = (struct kept_event){.position = index, .person = order};
    order_insert(&memory, &orders[order],
                 (struct order_entry){.time = time, .key = index, .item = order_item(&events[index])});
}

static struct kept_event *
next_event(struct scan *scan)
{
    struct order_entry entry;

    return scan_next(scan, &entry) ? order_pointer(&entry) : NULL;
}

static struct scan *
given_a_scan(void)
{
    struct scan *scan;

    given_memory();
    memset(orders, 0, sizeof(orders));
    arena_pool_init(&pool, 1 << 20);
    arena_init(&arena, &pool, 0);
    scan = scan_create(&arena, 3);
    CHECK(scan != NULL);
    for (uint32_t i = 0; i < 3; i++) {
        scan_add_order(scan, &orders[i]);
    }
    return scan;
}

static void
then_it_ends(void)
{
    arena_reset(&arena);
    arena_pool_deinit(&pool);
    then_memory_ends();
}

TEST(a_scan_of_nothing_ends_at_once)
{
    struct scan *scan = given_a_scan();

    scan_resume(scan);
    CHECK(next_event(scan) == NULL);
    CHECK_DIES(scan_add_order(scan, &orders[0])); /* more than was said */
    then_it_ends();
}

TEST(a_start_is_behind_its_key_or_in_front_of_its_time)
{
    struct scan *scan = given_a_scan();

    add(0, 0, 5);
    add(1, 1, 5);
    add(2, 2, 5);
    add(3, 0, 4);
    scan_start_at(scan, 5, 1);
    scan_resume(scan);
    CHECK(next_event(scan) == &events[0]);
    CHECK(next_event(scan) == &events[3]);
    CHECK(next_event(scan) == NULL);
    scan_start_at(scan, 5, 0);
    scan_resume(scan);
    CHECK(next_event(scan) == &events[3]);
    then_it_ends();
}

/* While others are added, everything that was there comes once, newest first. */
TEST(a_scan_in_pieces_misses_nothing_that_was_there)
{
    struct scan *scan = given_a_scan();
    uint64_t dice = 5;
    uint32_t seen = 0;
    int64_t last = INT64_MAX;
    uint32_t next = 1000;

    for (uint32_t i = 0; i < 1000; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        add(i, i % 3, (int64_t)((dice >> 33) % 200));
    }
    scan_resume(scan);
    for (uint32_t i = 0;; i++) {
        if (i % 5 == 0 && next < COUNT_OF(events)) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            add(next, next % 3, (int64_t)((dice >> 33) % 200));
            next++;
            scan_resume(scan);
        }
        const struct kept_event *event = next_event(scan);
        if (event == NULL) {
            break;
        }
        CHECK(scan->time <= last);
        last = scan->time;
        seen += event->position < 1000;
    }
    CHECK_EQ(seen, 1000);
    then_it_ends();
}

/* An order whose older part is on disk, and the rest. */

static struct slice_state state;
static struct shelf shelf;

/* The oldest `count` of what is behind the shelf go there. */
static void
shelve(uint32_t count)
{
    static const struct slice_head head = {.kind = SLICE_STRETCH, .version = SLICE_RECORD_VERSION};
    struct order_place place = shelf_end(&shelf, &orders[0]);
    uint32_t here_count;
    const struct order_entry *entries = order_entries(&orders[0], &place, &here_count);

    CHECK(here_count >= count);
    shelf_add(&memory, &shelf, &state, head, entries, count);
    order_take(&memory, &orders[0], place, count);
}

static struct scan *
given_a_shelf(void)
{
    struct scan *scan;

    given_memory();
    memset(orders, 0, sizeof(orders));
    shelf = (struct shelf){0};
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    arena_pool_init(&pool, 1 << 20);
    arena_init(&arena, &pool, 0);
    scan = scan_create(&arena, 3);
    CHECK(scan != NULL);
    scan_add_order(scan, &orders[0]);
    scan_add_shelf(scan, &shelf);
    return scan;
}

/* The stretch that is missing is given, and counted. */
static uint32_t given_count;
static struct order_entry room[ORDER_CHUNK_COUNT];

static bool
next_time(struct scan *scan, int64_t *out_time)
{
    struct order_entry entry;

    while (scan_next(scan, &entry)) {
        if (entry.item != 0) {
            *out_time = entry.time;
            return true;
        }
        uint32_t bytes;
        struct order_entry again;
        CHECK(scan_next(scan, &again)); /* nothing has changed */
        CHECK_EQ(again.item, 0);
        scan_give(scan, log_store_at(state.journal, scan->missing, &bytes), room);
        given_count++;
    }
    return false;
}

TEST(nothing_is_read_of_a_shelf_while_there_is_something_newer)
{
    struct scan *scan = given_a_shelf();
    int64_t time;

    for (uint32_t i = 0; i < 20; i++) {
        add(i, 0, i);
    }
    shelve(10);
    given_count = 0;
    scan_resume(scan);
    for (int64_t i = 19; i >= 10; i--) {
        CHECK(next_time(scan, &time));
        CHECK_EQ(time, i);
    }
    CHECK_EQ(given_count, 0);
    CHECK(next_time(scan, &time));
    CHECK_EQ(time, 9);
    CHECK_EQ(given_count, 1);
    then_it_ends();
}

TEST(a_shelf_and_an_order_are_read_as_one_wherever_a_piece_begins)
{
    for (uint32_t piece = 1; piece < 50; piece += 6) {
        struct scan *scan = given_a_shelf();
        uint32_t count = 0;
        int64_t time;

        /* Every seventh comes when its place is on the shelf. */
        for (uint32_t i = 0; i < 300; i++) {
            if (i % 7 != 3) {
                add(i, 0, i);
            }
        }
        shelve(1);
        shelve(30);
        shelve(100);
        for (uint32_t i = 3; i < 300; i += 7) {
            add(i, 0, i);
        }
        given_count = 0;
        scan_resume(scan);
        while (next_time(scan, &time)) {
            count++;
            CHECK_EQ(time, 300 - count);
            if (count % piece == 0) {
                scan_resume(scan);
            }
            if (count == 200) {
                shelve(10); /* what was in the order is on the shelf */
                scan_resume(scan);
            }
        }
        CHECK_EQ(count, 300);
        CHECK_EQ(given_count, 3); /* each once */
        then_it_ends();
    }
}

TEST(a_scan_may_begin_within_a_stretch)
{
    for (int64_t start = -1; start <= 61; start++) {
        struct scan *scan = given_a_shelf();
        int64_t time;

        for (uint32_t i = 0; i < 30; i++) {
            add(i, 0, 2 * i);
        }
        shelve(10);
        shelve(10);
        scan_start_at(scan, start, 0);
        scan_resume(scan);
        bool is_there = next_time(scan, &time);
        CHECK_EQ(is_there, start > 0);
        if (is_there) {
            int64_t wanted = start > 59 ? 58 : (start - 1) / 2 * 2;
            CHECK_EQ(time, wanted);
        }
        then_it_ends();
    }
}
