/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Journals: records that stay where they were put, and are found by their address, in memory or not.
 */

#include "tests/unit/log_store_world.h"

#define RECORD_COUNT_MAX 6000u
#define WAIT_COUNT 64u

struct look {
    struct log_store_waiter waiter;
    uint32_t record; /* UINT32_MAX: not used */
};

static uint64_t addresses[RECORD_COUNT_MAX];
static uint32_t lengths[RECORD_COUNT_MAX];
static uint32_t record_count;
static uint32_t visited;
static struct look looks[WAIT_COUNT];
static uint32_t looking;
static uint32_t read_again; /* so many more are read from where one has arrived */

static void
given_a_journal(uint64_t memory_bytes)
{
    world_begin_disk((struct sim_disk_options){.seed = 1});
    world.options.is_indexed = false;
    world.options.memory_bytes = memory_bytes;
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    record_count = 0;
    looking = 0;
    read_again = 0;
    for (uint32_t i = 0; i < WAIT_COUNT; i++) {
        looks[i].record = UINT32_MAX;
    }
}

static void
append(uint32_t bytes)
{
    uint32_t i = record_count++;
    void *record = log_store_append(world.store, world_key(i), bytes, &addresses[i]);

    CHECK(record != NULL);
    CHECK(addresses[i] > 0);
    lengths[i] = bytes;
    world_fill(record, i, i, bytes);
}

static void
append_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        append(record_count % 400);
        if (i % 100 == 0) {
            world_drain();
        }
    }
}

static void
then_it_is(uint32_t i, const void *record, uint32_t bytes)
{
    struct store_key key = world_key(i);
    struct store_key is = log_store_key_of(record);

    CHECK_EQ(bytes, lengths[i]);
    world_then_is(record, i, i, bytes);
    CHECK_EQ(memcmp(&key, &is, sizeof(key)), 0);
}

static void look(uint32_t i);

static void
arrived(struct log_store_waiter *waiter)
{
    struct look *one = CONTAINER_OF(waiter, struct look, waiter);
    uint32_t i = one->record;

    then_it_is(i, waiter->record, waiter->record_bytes);
    one->record = UINT32_MAX;
    looking--;
    if (read_again > 0) {
        read_again--;
        look(i + 1);
    }
}

/* Now or later. */
static void
look(uint32_t i)
{
    uint32_t bytes;
    const void *record = log_store_at(world.store, addresses[i], &bytes);
    struct look *one = looks;

    if (record != NULL) {
        then_it_is(i, record, bytes);
        return;
    }
    while (one->record != UINT32_MAX) {
        one++;
        CHECK(one < looks + WAIT_COUNT);
    }
    *one = (struct look){.waiter = {.arrived = arrived}, .record = i};
    looking++;
    log_store_read(world.store, addresses[i], &one->waiter);
}

static void
then_all_are_found(void)
{
    for (uint32_t i = 0; i < record_count; i++) {
        look(i);
        if (looking == WAIT_COUNT) {
            world_drain();
        }
    }
    world_drain();
    CHECK_EQ(looking, 0);
    CHECK(log_store_is_idle(world.store));
}

static void
visit(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    struct store_key is = world_key(visited);

    (void)context;
    CHECK_EQ(memcmp(&key, &is, sizeof(key)), 0);
    CHECK_EQ(log_store_address(place), addresses[visited]);
    then_it_is(visited, record, bytes);
    visited++;
}

/* Crashes, and comes back as the cut had it. */
static void
when_it_starts_again(uint64_t memory_bytes, uint64_t region_bytes)
{
    uint64_t count;
    void *description = world_describe(&count);

    world_crash();
    world.env = env_sim_create(world.disk, &world.clock, 2);
    world.options.env = world.env;
    world.options.memory_bytes = memory_bytes;
    region_deinit(&world.region);
    CHECK_EQ(region_init(&world.region, region_bytes), 0);
    visited = 0;
    CHECK_EQ(log_store_restore(world.options, description, count, visit, NULL, &world.store, world.reason),
             0);
    free(description);
}

TEST(a_journal_has_no_keys_to_find_by)
{
    struct log_store_waiter waiter = {0};
    uint64_t place = 0;
    uint32_t bytes;

    given_a_journal(0);
    CHECK_DIES((void)!log_store_add(world.store, world_key(1), 8));
    CHECK_DIES((void)!log_store_put(world.store, world_key(1), &place, 8));
    CHECK_DIES(log_store_at(world.store, UINT64_C(1) << 30, &bytes));
    append(8);
    CHECK_DIES(log_store_read(world.store, addresses[0], &waiter)); /* it is in memory */
    world_end();
}

TEST(a_journal_comes_back_in_order_and_where_it_was)
{
    static const uint64_t limits[] = {0, 4 * WORLD_PAGE_BYTES};

    for (uint32_t i = 0; i < COUNT_OF(limits); i++) {
        given_a_journal(4 * WORLD_PAGE_BYTES);
        append_many(3000);
        log_store_cut(world.store, 1);
        CHECK(log_store_append(world.store, world_key(0), 400, &(uint64_t){0}) != NULL); /* behind the cut */
        world_drain();
        CHECK(log_store_counts(world.store).resident_bytes <= 4 * WORLD_PAGE_BYTES);
        when_it_starts_again(limits[i], UINT64_C(64) << 20);
        CHECK_EQ(visited, 3000);
        CHECK_EQ(limits[i] == 0,
                 log_store_counts(world.store).resident_bytes > limits[1]); /* without a limit: all of it */
        then_all_are_found();
        append_many(1000);
        then_all_are_found();
        world_end();
    }
}

TEST(what_has_no_room_at_a_start_stays_on_disk)
{
    given_a_journal(0);
    append_many(5000);
    log_store_cut(world.store, 1);
    world_drain();
    when_it_starts_again(0, 12 * WORLD_PAGE_BYTES);
    CHECK_EQ(visited, 5000);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 0);
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    then_all_are_found();
    CHECK(log_store_counts(world.store).cold_reads > 0);
    world_end();
}

TEST(records_that_lie_close_share_a_read)
{
    given_a_journal(4 * WORLD_PAGE_BYTES);
    append_many(4000);
    for (uint32_t i = 100; i < 100 + 16; i++) {
        look(i);
    }
    CHECK_EQ(looking, 16);
    CHECK(log_store_counts(world.store).cold_reads <= 2);
    world_drain();
    CHECK_EQ(looking, 0);
    world_end();
}

TEST(who_is_called_may_read_more)
{
    given_a_journal(4 * WORLD_PAGE_BYTES);
    append_many(4000);
    read_again = 500;
    for (uint32_t i = 0; i < 10; i++) {
        look(i);
    }
    world_drain();
    CHECK_EQ(looking, 0);
    CHECK_EQ(read_again, 0);
    world_end();
}

TEST(no_more_reads_of_a_journal_are_under_way_than_allowed)
{
    given_a_journal(4 * WORLD_PAGE_BYTES);
    append_many(5000);
    for (uint32_t i = 0; i < WAIT_COUNT; i++) {
        look(i * 50); /* each in another part of a page */
    }
    CHECK_EQ(looking, WAIT_COUNT);
    CHECK_EQ(env_sim_pending(world.env), 32);
    CHECK(!log_store_is_idle(world.store));
    world_drain();
    CHECK_EQ(looking, 0);
    world_end();
}

TEST(long_records_of_a_journal_are_read_whole)
{
    uint32_t most = log_store_record_bytes_max(WORLD_PAGE_BYTES);
    const uint32_t bytes[] = {3000, 100, 20000, 50, 8000, 0, most, 1, 4090, 4090};

    given_a_journal(4 * WORLD_PAGE_BYTES);
    for (uint32_t i = 0; i < COUNT_OF(bytes); i++) {
        append(bytes[i]);
    }
    append_many(3000);
    for (uint32_t i = 0; i < COUNT_OF(bytes); i++) {
        struct log_piece piece;
        CHECK_EQ(log_store_read_at_now(world.store, addresses[i], &piece), 0);
        struct store_key is = log_store_key_of(piece.record);
        struct store_key key = world_key(i);
        CHECK_EQ(memcmp(&is, &key, sizeof(key)), 0);
        CHECK_EQ(piece.record_bytes, bytes[i]);
        world_then_is(piece.record, i, i, bytes[i]);
        log_piece_put(world.store, &piece);
        look(i);
    }
    for (uint32_t i = COUNT_OF(bytes); i > 0; i--) {
        look(i - 1);
    }
    CHECK_EQ(looking, 2 * COUNT_OF(bytes));
    world_drain();
    CHECK_EQ(looking, 0);
    world_end();
}

TEST(a_cold_record_of_a_journal_that_is_damaged_is_fatal_with_its_place)
{
    char what[64];

    given_a_journal(4 * WORLD_PAGE_BYTES);
    append_many(3000);
    snprintf(what, sizeof(what), "at offset %llu: the checksum", (unsigned long long)addresses[70] * 8);
    CHECK(sim_disk_flip(world.disk, WORLD_NAME, addresses[70] * 8 + 30, 3));
    look(69);
    look(70);
    look(71);
    world_drain();
    CHECK_EQ(looking, 2);
    CHECK_EQ(world.fault, -EUCLEAN);
    CHECK(strstr(world.what, what) != NULL);
    world_end();

    for (uint32_t bit = 0; bit < 8; bit++) {
        given_a_journal(4 * WORLD_PAGE_BYTES);
        append_many(3000);
        CHECK(sim_disk_flip(world.disk, WORLD_NAME, addresses[70] * 8 + 4 + 2, bit)); /* its length */
        look(70);
        world_drain();
        CHECK_EQ(world.fault, -EUCLEAN);
        world_end();
    }
}

/* Reads, writes, cuts and what leaves memory in any order. */
TEST(whatever_happens_a_record_of_a_journal_is_what_was_appended)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        given_a_journal((4 + seed % 3) * WORLD_PAGE_BYTES);
        world.dice = seed;
        uint64_t cut = 0;
        for (uint32_t i = 0; i < 8000; i++) {
            if (world_dice(2) == 0 && record_count < RECORD_COUNT_MAX) {
                append(world_dice(200) == 0 ? (uint32_t)world_dice(30000) : (uint32_t)world_dice(400));
            } else if (record_count > 0 && looking < WAIT_COUNT) {
                look((uint32_t)world_dice(record_count));
            }
            if (world_dice(20) == 0) {
                (void)log_store_step(world.store, MONO_NEVER);
            }
            if (world_dice(20) == 0) {
                env_sim_release(world.env, 1 + (uint32_t)world_dice(4));
                (void)env_turn(world.env, (struct mono_ns){0});
            }
            if (world_dice(1000) == 0 && log_store_is_cut_durable(world.store)) {
                log_store_cut(world.store, ++cut);
            }
        }
        world_drain();
        then_all_are_found();
        CHECK(log_store_counts(world.store).cold_reads > 100);
        log_store_cut(world.store, ++cut);
        world_drain();
        when_it_starts_again(world_dice(2) * 5 * WORLD_PAGE_BYTES, UINT64_C(64) << 20);
        CHECK_EQ(visited, record_count);
        then_all_are_found();
        world_end();
    }
}
