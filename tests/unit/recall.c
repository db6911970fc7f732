/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/log_store_world.h"

#include "shards/recall.h"

#define RECORDS_MAX 4000u

static uint64_t addresses[RECORDS_MAX];
static uint32_t lengths[RECORDS_MAX];
static uint32_t record_count;
static struct memory memory;
static struct recall *recall;
static uint32_t arrived_count;

static void
arrived(void *context)
{
    CHECK(context == &arrived_count);
    arrived_count++;
}

static void
append(uint32_t bytes)
{
    uint32_t i = record_count++;
    void *record = log_store_append(world.store, world_key(i), bytes, &addresses[i]);

    CHECK(record != NULL);
    lengths[i] = bytes;
    world_fill(record, i, i, bytes);
    if (i % 50 == 0) {
        world_drain();
    }
}

/* The first ones are on disk, the last ones in memory. */
static void
given_records(uint32_t count, uint32_t bytes)
{
    world_begin_disk((struct sim_disk_options){.seed = 1});
    world.options.is_indexed = false;
    world.options.memory_bytes = 4 * WORLD_PAGE_BYTES;
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    record_count = 0;
    arrived_count = 0;
    while (record_count < count) {
        append(bytes);
    }
    world_drain();
    memory = (struct memory){.region = &world.region};
    recall = recall_create(&memory, world.store, arrived, &arrived_count);
}

static void
then_it_ends(void)
{
    recall_destroy(&memory, recall);
    world_end();
}

static bool
is_there(uint32_t i)
{
    const void *record = recall_find(recall, addresses[i]);
    struct store_key key = world_key(i);

    if (record == NULL) {
        return false;
    }
    struct store_key is = log_store_key_of(record);
    CHECK_EQ(memcmp(&key, &is, sizeof(key)), 0);
    world_then_is(record, i, i, lengths[i]);
    return true;
}

TEST(what_is_not_on_disk_is_not_asked_for)
{
    given_records(2000, 300);
    CHECK(is_there(1999));
    CHECK(!is_there(0));
    CHECK_DIES((void)recall_ask(recall, &addresses[1999], 1));
    CHECK_DIES((void)recall_ask(recall, addresses, 0));
    CHECK_DIES((void)recall_ask(recall, addresses, RECALL_COUNT_MAX + 1));
    recall_destroy(&memory, NULL);
    then_it_ends();
}

TEST(nobody_asks_or_goes_while_something_is_awaited)
{
    given_records(2000, 300);
    CHECK_EQ(recall_ask(recall, addresses, 2), 2);
    CHECK_DIES((void)recall_ask(recall, addresses, 2));
    CHECK_DIES(recall_destroy(&memory, recall));
    CHECK_EQ(arrived_count, 0);
    world_drain();
    CHECK_EQ(arrived_count, 1);
    then_it_ends();
}

TEST(all_that_was_asked_for_is_there_in_whatever_order_until_it_asks_again)
{
    uint64_t asked[RECALL_COUNT_MAX];

    given_records(2000, 300);
    for (uint32_t i = 0; i < RECALL_COUNT_MAX; i++) {
        asked[i] = i % 3 == 2 ? addresses[1999 - i] : addresses[(i * 37) % 200];
    }
    (void)recall_ask(recall, asked, RECALL_COUNT_MAX);
    world_drain();
    CHECK_EQ(arrived_count, 1);
    while (record_count < 4000) {
        append(300); /* what was in memory leaves it */
    }
    for (uint32_t i = 0; i < RECALL_COUNT_MAX; i++) {
        CHECK(i % 3 == 2 || is_there((i * 37) % 200));
    }
    (void)recall_ask(recall, &addresses[500], 1);
    world_drain();
    CHECK(is_there(500));
    CHECK(!is_there(0));
    CHECK_EQ(arrived_count, 2);
    then_it_ends();
}

TEST(of_long_records_the_first_one_is_there)
{
    uint64_t asked[20];
    uint32_t count = 0;

    given_records(40, 60000);
    for (uint32_t i = 0; i < COUNT_OF(asked); i++) {
        asked[i] = addresses[COUNT_OF(asked) - i - 1];
    }
    (void)recall_ask(recall, asked, COUNT_OF(asked));
    world_drain();
    CHECK_EQ(arrived_count, 1);
    CHECK(is_there(COUNT_OF(asked) - 1));
    for (uint32_t i = 0; i < COUNT_OF(asked); i++) {
        count += is_there(i);
    }
    CHECK(count <= RECALL_BYTES_MAX / 60000 + 1);
    then_it_ends();
}
