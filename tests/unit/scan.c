/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/history.h"
#include "shards/scan.h"

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
