/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "storage/store.h"

#include <errno.h>
#include <stdlib.h>

struct thing {
    uint64_t number;
    struct store_key key;
};

static struct region region;
static struct store store;
static bool is_late_now;
static uint64_t arrived_count;
static void *arrived_record;

static bool
is_late(void *context)
{
    (void)context;
    return is_late_now;
}

static void
arrived(struct store_waiter *waiter, void *record)
{
    (void)waiter;
    arrived_count++;
    arrived_record = record;
}

static struct store_key
key_of(uint64_t number)
{
    struct store_key key = {0};

    number *= UINT64_C(0x9e3779b97f4a7c15);
    memcpy(key.byte, &number, 8);
    return key;
}

static void
given_a_store(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    store_init(&store, (struct store_options){.region = &region,
                                              .seed = {1, 2},
                                              .key_offset = offsetof(struct thing, key),
                                              .is_late = is_late});
    is_late_now = false;
    arrived_count = 0;
    arrived_record = NULL;
}

static void
then_nothing_is_left(void)
{
    store_deinit(&store);
    store_deinit(&store);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static void
count_thing(void *context, void *record)
{
    uint64_t *sum = context;

    *sum += ((struct thing *)record)->number;
}

TEST(an_empty_store_has_nothing)
{
    struct store_waiter waiter = {.arrived = arrived};
    void *record = NULL;

    given_a_store(1 << 20);
    CHECK_EQ(store_find_known(&store, key_of(1), NULL, &waiter, &record), STORE_ABSENT);
    CHECK(store_peek(&store, key_of(1)) == NULL);
    CHECK_EQ(store_arrive(&store, 10), 0);
    then_nothing_is_left();
}

TEST(a_key_that_is_there_is_not_added_again)
{
    struct thing thing = {.number = 1, .key = key_of(1)};
    struct thing other = thing;

    given_a_store(1 << 20);
    CHECK_EQ(store_add(&store, &thing), 0);
    CHECK_DIES((void)!store_add(&store, &other));
    CHECK(store_replace(&store, &other) == &thing);
    CHECK(store_peek(&store, key_of(1)) == &other);
    CHECK_DIES(store_remove(&store, &thing));
    store_remove(&store, &other);
    then_nothing_is_left();
}

TEST(without_memory_nothing_changes)
{
    struct thing *things = calloc(100000, sizeof(*things));
    uint64_t added = 0;

    CHECK(things != NULL);
    given_a_store(65536);
    for (; added < 100000; added++) {
        things[added] = (struct thing){.number = added, .key = key_of(added)};
        int r = store_add(&store, &things[added]);
        if (r != 0) {
            CHECK_EQ(r, -ENOMEM);
            break;
        }
    }
    CHECK(added < 100000);
    CHECK_EQ(store.count, added);
    for (uint64_t i = 0; i < added; i++) {
        CHECK(store_peek(&store, key_of(i)) == &things[i]);
    }
    CHECK(store_peek(&store, key_of(added)) == NULL);
    then_nothing_is_left();
    free(things);
}

TEST(a_late_look_up_tells_what_is_there_when_it_arrives)
{
    struct thing thing = {.number = 1, .key = key_of(1)};
    struct store_waiter first = {.arrived = arrived};
    struct store_waiter second = {.arrived = arrived};
    void *record = NULL;

    given_a_store(1 << 20);
    is_late_now = true;
    CHECK_EQ(store_find_known(&store, key_of(2), NULL, &first, &record), STORE_LATER);
    CHECK_EQ(store_find_known(&store, key_of(1), NULL, &second, &record), STORE_LATER);
    CHECK_EQ(store.late_count, 2);
    CHECK_EQ(store_add(&store, &thing), 0); /* meanwhile */

    CHECK_EQ(store_arrive(&store, 1), 1);
    CHECK_EQ(arrived_count, 1);
    CHECK(arrived_record == NULL);
    CHECK_EQ(store_arrive(&store, 9), 1);
    CHECK(arrived_record == &thing);
    CHECK_EQ(store.late_count, 0);
    then_nothing_is_left();
}

TEST(what_was_peeked_is_late_all_the_same)
{
    struct thing thing = {.number = 1, .key = key_of(1)};
    struct store_waiter waiter = {.arrived = arrived};
    void *record = NULL;

    given_a_store(1 << 20);
    CHECK_EQ(store_find_known(&store, key_of(1), NULL, &waiter, &record), STORE_ABSENT);
    CHECK_EQ(store_add(&store, &thing), 0);
    CHECK_EQ(store_find_known(&store, key_of(1), store_peek(&store, key_of(1)), &waiter, &record), 0);
    CHECK(record == &thing);
    is_late_now = true;
    CHECK_EQ(store_find_known(&store, key_of(1), &thing, &waiter, &record), STORE_LATER);
    CHECK_EQ(store_arrive(&store, 1), 1);
    CHECK(arrived_record == &thing);
    then_nothing_is_left();
}

/* The same thing as an array, under additions, removals and replacements by chance. */
TEST(a_store_is_a_map)
{
    enum { COUNT = 20000 };
    struct thing *things = calloc(2 * COUNT, sizeof(*things));
    struct thing **there = calloc(COUNT, sizeof(*there));
    uint64_t dice = 7;
    uint64_t count = 0;
    uint64_t sum = 0;
    uint64_t walked = 0;

    CHECK(things != NULL && there != NULL);
    given_a_store(64 << 20);
    for (uint64_t i = 0; i < 10 * COUNT; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        uint64_t n = (dice >> 33) % COUNT;
        struct thing *thing = &things[2 * n + (dice >> 60) % 2];
        *thing = (struct thing){.number = n, .key = key_of(n)};
        if (there[n] == NULL) {
            CHECK_EQ(store_add(&store, thing), 0);
            there[n] = thing;
            count++;
        } else if ((dice >> 50) % 3 == 0) {
            store_remove(&store, there[n]);
            there[n] = NULL;
            count--;
        } else {
            CHECK(store_replace(&store, thing) == there[n]);
            there[n] = thing;
        }
    }
    CHECK_EQ(store.count, count);
    for (uint64_t n = 0; n < COUNT; n++) {
        CHECK(store_peek(&store, key_of(n)) == there[n]);
        sum += there[n] != NULL ? n : 0;
    }
    store_each(&store, count_thing, &walked);
    CHECK_EQ(walked, sum);
    then_nothing_is_left();
    free(things);
    free(there);
}

TEST(what_is_there_is_said_when_it_is_added_again)
{
    struct thing thing = {.number = 1, .key = key_of(1)};
    struct thing other = thing;
    void *known = NULL;

    given_a_store(1 << 20);
    store_prefetch(&store, key_of(1));
    CHECK(store_prefetch_record(&store, key_of(1), sizeof(thing)) == NULL);
    CHECK_EQ(store_add_new(&store, &thing, &known), 0);
    CHECK(known == NULL);
    CHECK_EQ(store_add_new(&store, &other, &known), STORE_THERE);
    CHECK(known == &thing);
    CHECK_EQ(store.count, 1);
    CHECK(store_peek(&store, key_of(1)) == &thing);
    CHECK(store_prefetch_record(&store, key_of(1), sizeof(thing)) == &thing);
    (void)store_prefetch_record(&store, key_of(2), sizeof(thing)); /* one that looks like it, or none */
    then_nothing_is_left();
}

TEST(a_key_takes_10_to_12_bytes)
{
    enum { COUNT = 400000 };
    static struct thing things[COUNT];

    given_a_store(UINT64_C(1) << 30);
    for (uint64_t i = 0; i < COUNT; i++) {
        things[i] = (struct thing){.number = i, .key = key_of(i)};
        CHECK_EQ(store_add(&store, &things[i]), 0);
        if (i > 20000 && i % 1000 == 0) {
            uint64_t directory = sizeof(uint64_t) << store.depth;
            CHECK(region_used(&region) - directory < i * 12);
            CHECK(directory < i);
        }
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        CHECK(store_peek(&store, key_of(i)) == &things[i]);
    }
    store_deinit(&store);
    then_nothing_is_left();
}
