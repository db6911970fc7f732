/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/log_store.h"

#include "tests/unit/log_store_world.h"

#define BYTES 300u
#define FULL_REGION_BYTES (1u << 20)
#define PAGE_RECORDS 180u /* of BYTES, about, in a page */

static void
given_records(uint32_t count)
{
    for (uint32_t key = 0; key < count; key++) {
        world_add(key, BYTES);
    }
}

static void
when_it_starts_again(void)
{
    world_crash();
    CHECK_EQ(world_restore(world.cuts[0]), 0);
}

/* A store that has a limit of memory, more records than that, all on disk. */
static void
given_more_than_fits(uint32_t count)
{
    world_begin(1);
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    for (uint32_t key = 0; key < count; key++) {
        world_add(key, BYTES);
        if (key % 50 == 49) {
            world_drain();
        }
    }
    world_drain();
    CHECK(log_store_counts(world.store).resident_bytes <= 4 * WORLD_PAGE_BYTES);
}

TEST(a_region_without_room_opens_no_store)
{
    struct log_store *store;

    world_begin_disk((struct sim_disk_options){.seed = 1});
    region_deinit(&world.region);
    CHECK_EQ(region_init(&world.region, 0), 0);
    CHECK_EQ(log_store_open(world.options, &store), -ENOMEM);
    world_end();
}

TEST(contracts_are_kept)
{
    world_begin(1);
    uint32_t most = log_store_record_bytes_max(WORLD_PAGE_BYTES);
    uint64_t address;
    CHECK_DIES((void)!log_store_add(world.store, world_key(1), most + 1));
    CHECK_DIES((void)!log_store_append(world.store, world_key(1), 8, &address));
    CHECK_DIES(log_store_read(world.store, 1, &(struct log_store_waiter){0}));
    world_add(1, most);
    world_add(2, 0);
    CHECK_DIES((void)!log_store_change(world.store, world_key(3), &world, 8));
    log_store_cut(world.store, 3);
    CHECK_DIES(log_store_cut(world.store, 4)); /* the last one is not durable */
    world_drain();
    CHECK_DIES(log_store_cut(world.store, 3));
    CHECK_DIES({
        world.options.page_bytes = 100000;
        (void)!log_store_open(world.options, &world.store);
    });
    world_check_all();
    world_end();
}

TEST(nothing_is_on_disk_before_the_first_page_is_written)
{
    struct disk_file file;

    world_begin(1);
    world_drain();
    CHECK_EQ(world.env->disk->ops->open(world.env->disk, WORLD_NAME, DISK_OPEN_EXISTING, &file), -ENOENT);
    world_cut();
    CHECK_EQ(world.env->disk->ops->open(world.env->disk, WORLD_NAME, DISK_OPEN_EXISTING, &file), -ENOENT);
    when_it_starts_again();
    world_check_all();
    world_add(1, 8);
    world_cut();
    CHECK_EQ(world.env->disk->ops->open(world.env->disk, WORLD_NAME, DISK_OPEN_EXISTING, &file), 0);
    when_it_starts_again();
    world_check_all();
    world_end();
}

TEST(what_is_not_there_is_absent)
{
    struct log_store_waiter waiter;
    void *record;
    uint32_t bytes;

    world_begin(1);
    log_store_prefetch(world.store, world_key(1));
    log_store_prefetch_record(world.store, world_key(1));
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), LOG_STORE_ABSENT);
    world_add(2, 8);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), LOG_STORE_ABSENT);
    world_end();
}

/* Simulation. */

static uint32_t late_percent;
static uint32_t arrived_count;

static bool
is_late(void *context)
{
    (void)context;
    return world_dice(100) < late_percent;
}

static void
count_arrived(struct log_store_waiter *waiter)
{
    (void)waiter;
    arrived_count++;
}

TEST(what_is_made_late_arrives_when_it_may_and_can_be_found_then)
{
    struct log_store_waiter waiters[3] = {
        {.arrived = count_arrived}, {.arrived = count_arrived}, {.arrived = count_arrived}};
    const void *peeked;
    void *record;
    uint32_t bytes;

    world_begin_disk((struct sim_disk_options){.seed = 1});
    world.options.is_late = is_late;
    late_percent = 0;
    arrived_count = 0;
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    world_add(1, 24);
    late_percent = 100;
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiters[0], &record, &bytes), LOG_STORE_LATER);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiters[1], &record, &bytes), LOG_STORE_LATER);
    CHECK_EQ(log_store_find(world.store, world_key(2), &waiters[2], &record, &bytes), LOG_STORE_LATER);
    CHECK_EQ(log_store_counts(world.store).late, 3);
    CHECK_EQ(log_store_arrive(world.store, 2), 2);
    CHECK_EQ(arrived_count, 2);
    CHECK_EQ(log_store_counts(world.store).late, 1);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiters[0], &record, &bytes), 0);
    CHECK_EQ(bytes, 24);
    CHECK_EQ(log_store_arrive(world.store, 9), 1);
    CHECK_EQ(log_store_find(world.store, world_key(2), &waiters[2], &record, &bytes), LOG_STORE_ABSENT);

    peeked = log_store_peek(world.store, world_key(1), &bytes); /* is never late */
    CHECK(peeked == record);
    CHECK_EQ(bytes, 24);
    CHECK(log_store_peek(world.store, world_key(2), &bytes) == NULL);
    late_percent = 0;
    world_end();
}

TEST(a_region_that_is_full_says_no_and_keeps_what_there_is)
{
    uint32_t count = 0;
    void *record;
    uint32_t bytes;
    struct log_store_waiter waiter;

    world_begin_disk((struct sim_disk_options){.seed = 1});
    region_deinit(&world.region);
    CHECK_EQ(region_init(&world.region, FULL_REGION_BYTES), 0);
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    while ((record = log_store_add(world.store, world_key(count), BYTES)) != NULL) {
        world.map[count] = world_next(BYTES);
        world_fill(record, count, world.map[count].value, BYTES);
        count++;
    }
    CHECK(count > 500);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), 0);
    CHECK(log_store_change(world.store, world_key(1), record, 2 * BYTES) == NULL);
    CHECK(log_store_change(world.store, world_key(1), record, BYTES) == record);
    world_check_all();
    world_end();
}

TEST(a_record_changes_in_place_until_it_is_cut)
{
    struct log_store_waiter waiter;
    void *record;
    void *found;
    uint32_t bytes;

    world_begin(1);
    record = log_store_add(world.store, world_key(1), 300);
    memset(record, 7, 300);
    CHECK(log_store_change(world.store, world_key(1), record, 100) == record);
    CHECK(log_store_change(world.store, world_key(1), record, 296) == record);
    CHECK(log_store_change(world.store, world_key(1), record, 301) == record); /* within its padding */
    CHECK(log_store_change(world.store, world_key(1), record, 305) != record);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), 0);
    CHECK_EQ(bytes, 305);
    CHECK_EQ(((uint8_t *)record)[299], 7);

    log_store_cut(world.store, 1);
    found = log_store_change(world.store, world_key(1), record, 305);
    CHECK(found != record);
    CHECK_EQ(((uint8_t *)found)[299], 7);
    CHECK(log_store_change(world.store, world_key(1), found, 305) == found);
    world_drain();
    CHECK_EQ(world.fault, 0);
    world_end();
}

TEST(a_record_that_shrinks_much_gives_its_room_back)
{
    world_begin(1);
    world_add(1, 5000);
    uint64_t before = log_store_counts(world.store).live_bytes;
    world_look(1, 100);
    CHECK_EQ(log_store_counts(world.store).live_bytes, before - 4896);
    world_add(2, 50);
    world_cut();
    when_it_starts_again();
    world_check_all();
    world_end();
}

TEST(a_cut_comes_back_and_nothing_after_it)
{
    world_begin(1);
    given_records(1000);
    for (uint32_t key = 0; key < 1000; key += 3) {
        world_look(key, 100 + key);
    }
    world_cut();
    for (uint32_t key = 0; key < 1000; key += 2) {
        world_look(key, 200 + key);
    }
    for (uint32_t key = 1000; key < 1500; key++) {
        world_add(key, 10);
    }
    world_check_all();
    when_it_starts_again();
    CHECK_EQ(world.visited, 1000);
    world_check_all();

    for (uint32_t key = 0; key < 1000; key += 2) { /* and it goes on from there */
        world_look(key, 200 + key);
    }
    world_cut();
    when_it_starts_again();
    world_check_all();
    world_end();
}

TEST(a_cut_is_not_durable_before_its_writes_are)
{
    world_begin(1);
    given_records(10);
    world_cut_begin();
    CHECK(!log_store_is_cut_durable(world.store));
    while (world_step()) {
    }
    env_sim_release(world.env, 1); /* the file */
    (void)env_turn(world.env, (struct mono_ns){0});
    CHECK(!log_store_is_cut_durable(world.store));
    CHECK(!log_store_is_idle(world.store) || env_sim_pending(world.env) == 0);
    while (world_step()) {
    }
    CHECK_EQ(env_sim_pending(world.env), 1);
    CHECK(!log_store_is_cut_durable(world.store));
    env_sim_release(world.env, 1);
    CHECK(!log_store_is_cut_durable(world.store));
    (void)env_turn(world.env, (struct mono_ns){0});
    CHECK(log_store_is_cut_durable(world.store));
    CHECK(log_store_is_idle(world.store));
    world_end();
}

TEST(many_cuts_of_little_traffic_share_a_page)
{
    world_begin(1);
    for (uint32_t i = 0; i < 15; i++) {
        world_add(i, 100);
        world_cut();
    }
    CHECK_EQ(log_store_counts(world.store).page_bytes, WORLD_PAGE_BYTES);
    CHECK_EQ(log_store_counts(world.store).written_bytes, 15 * DISK_SECTOR_BYTES);
    when_it_starts_again();
    world_check_all();
    world_end();
}

TEST(an_empty_cut_after_a_full_one_changes_nothing)
{
    world_begin(1);
    given_records(500);
    world_cut();
    uint64_t written = log_store_counts(world.store).written_bytes;
    world_cut();
    CHECK_EQ(log_store_counts(world.store).written_bytes, written);
    when_it_starts_again();
    world_check_all();
    world_end();
}

TEST(memory_stays_within_its_limit_and_everything_is_found)
{
    given_more_than_fits(2000);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 0);
    world_check_all();
    CHECK(log_store_counts(world.store).cold_reads > 1000);
    CHECK(log_store_counts(world.store).resident_bytes <= 4 * WORLD_PAGE_BYTES);
    world_end();
}

TEST(several_waiters_for_a_key_share_a_read_and_are_called_in_order)
{
    given_more_than_fits(2000);
    for (uint32_t i = 0; i < 10; i++) {
        world_look(0, i % 2 == 0 ? UINT32_MAX : 100 + i);
    }
    CHECK_EQ(world.waiting_count, 10);
    CHECK_EQ(env_sim_pending(world.env), 1);
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 1);
    CHECK_EQ(world.map[0].bytes, 109);
    world_end();
}

TEST(keys_that_the_index_cannot_tell_apart_are_told_apart_by_their_records)
{
    struct log_store_waiter waiter;
    void *record;
    uint32_t bytes;

    world_begin(1);
    world_add(0, 100);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), LOG_STORE_ABSENT);
    world_add(1, 200);
    world_check_all();
    world_end();

    given_more_than_fits(2000);
    world_look(1, UINT32_MAX); /* one of the two is read, and may be the other */
    world_look(0, 50);
    world_look(1, 60);
    world_look(0, UINT32_MAX);
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 2);
    CHECK_EQ(world.map[0].bytes, 50);
    CHECK_EQ(world.map[1].bytes, 60);
    world_end();
}

TEST(a_cold_stranger_is_read_before_a_key_is_absent)
{
    world_begin(1);
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    world_add(0, BYTES);
    for (uint32_t key = WORLD_STRANGER_COUNT; key < 2000; key++) {
        world_add(key, BYTES);
        if (key % 50 == 49) {
            world_drain();
        }
    }
    world_drain();
    world_look(1, UINT32_MAX);
    CHECK_EQ(world.waiting_count, 1);
    world_drain();
    CHECK_EQ(world.waiting_count, 0); /* the map says that it is not there, and so did the store */
    world_look(1, UINT32_MAX);
    CHECK_EQ(world.waiting_count, 0);
    world_end();
}

TEST(no_more_reads_are_under_way_than_allowed_and_all_are_answered)
{
    given_more_than_fits(2000);
    for (uint32_t key = 0; key < 200; key++) {
        world_look(key, UINT32_MAX);
    }
    CHECK_EQ(world.waiting_count, 200);
    CHECK_EQ(env_sim_pending(world.env), 32);
    CHECK(!log_store_is_idle(world.store));
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK(log_store_is_idle(world.store));
    world_end();
}

TEST(records_that_are_asked_for_ahead_are_read_side_by_side)
{
    enum { FIRST = WORLD_STRANGER_COUNT };

    given_more_than_fits(2000);
    for (uint32_t i = 0; i < 100; i++) {
        log_store_prefetch_record(world.store, world_key(FIRST + i / 2));
    }
    CHECK_EQ(env_sim_pending(world.env), 32); /* the others are read when they are looked up */
    world_look(FIRST, UINT32_MAX);
    world_look(FIRST, 77);
    CHECK_EQ(world.waiting_count, 2);
    CHECK_EQ(env_sim_pending(world.env), 32);
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK_EQ(world.map[FIRST].bytes, 77);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 32);
    for (uint32_t i = 0; i < 32; i++) {
        world_look(FIRST + i, UINT32_MAX);
    }
    CHECK_EQ(world.waiting_count, 0);
    CHECK(log_store_is_idle(world.store));
    world_end();
}

TEST(what_is_read_ahead_may_be_a_stranger_or_have_moved_or_never_be_wanted)
{
    given_more_than_fits(2000);
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t key = 0; key < 40; key++) {
            log_store_prefetch_record(world.store, world_key((key * 7 + round * 31) % 2000));
        }
        for (uint32_t key = 0; key < 40; key += 3) {
            world_look((key * 7 + round * 31) % 2000, round % 2 == 0 ? UINT32_MAX : 40 + key);
        }
        if (round % 5 == 4) {
            world_drain();
        }
    }
    log_store_prefetch_record(world.store, world_key(1)); /* it is closed while it reads */
    world_end();
}

TEST(a_cold_record_longer_than_most_is_read_whole)
{
    world_begin(1);
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    world_add(0, log_store_record_bytes_max(WORLD_PAGE_BYTES));
    world_add(1, 20000);
    for (uint32_t key = 2; key < 2000; key++) {
        world_add(key, 50 + key % 300);
        if (key % 50 == 0) {
            world_drain();
        }
    }
    world_drain();
    world_look(0, UINT32_MAX);
    world_look(1, UINT32_MAX);
    CHECK_EQ(world.waiting_count, 2);
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 2);
    world_check_all();
    world_end();
}

TEST(garbage_is_collected_and_slots_serve_again)
{
    world_begin(1);
    log_store_set_memory(world.store, 6 * WORLD_PAGE_BYTES);
    for (uint32_t key = 0; key < 1000; key++) {
        world_add(key, BYTES);
    }
    for (uint32_t i = 0; i < 40000; i++) {
        world_look((uint32_t)world_dice(1000), BYTES);
        if (i % 20 == 19) {
            world_drain();
        }
        if (i % 2000 == 1999) {
            world_cut();
        }
    }
    world_drain();
    struct log_store_counts counts = log_store_counts(world.store);
    CHECK(counts.page_bytes <= 2 * counts.live_bytes + 8 * WORLD_PAGE_BYTES);
    CHECK(counts.file_bytes <= 6 * counts.live_bytes);
    world_check_all();
    when_it_starts_again();
    world_check_all();
    world_end();
}

/* Places that the owner has. */

static void
given_places(uint32_t count)
{
    world_begin_disk((struct sim_disk_options){.seed = 1});
    world.options.place_of = world_place_of;
    world.options.memory_bytes = 4 * WORLD_PAGE_BYTES;
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    for (uint32_t key = 0; key < count; key++) {
        world_add(key, BYTES);
        if (key % 50 == 49) {
            world_drain();
        }
    }
    world_drain();
}

TEST(a_store_has_an_index_or_places)
{
    given_places(1);
    CHECK_DIES((void)!log_store_add(world.store, world_key(9), 8));
    CHECK_DIES((void)!log_store_change(world.store, world_key(0), &world, 8));
    CHECK_DIES(log_store_prefetch(world.store, world_key(0)));
    CHECK_DIES({
        world.options.is_late = is_late;
        (void)!log_store_open(world.options, &world.store);
    });
    world_check_all();
    world_end();
    world_begin(1);
    CHECK_DIES((void)!log_store_put(world.store, world_key(1), &world.places[1], 8));
    world_end();
}

TEST(what_is_replaced_is_not_read_and_its_bytes_are_garbage)
{
    enum { COUNT = 3000 };

    given_places(COUNT);
    uint64_t before = log_store_counts(world.store).live_bytes;
    CHECK(log_store_counts(world.store).resident_bytes < COUNT * BYTES / 2);
    for (uint32_t key = 0; key < COUNT; key += 3) {
        world_put(key, BYTES);
        if (key % 150 == 0) {
            world_drain();
        }
    }
    CHECK_EQ(log_store_counts(world.store).live_bytes, before);
    CHECK_EQ(log_store_counts(world.store).keys, COUNT);
    CHECK_EQ(log_store_counts(world.store).cold_reads, 0);
    world_check_all();
    world_cut();
    when_it_starts_again();
    CHECK_EQ(log_store_counts(world.store).live_bytes, before);
    world_check_all();
    world_end();
}

TEST(what_is_replaced_while_it_is_read_arrives_as_it_is_now)
{
    given_places(2000);
    world_look(0, UINT32_MAX);
    CHECK_EQ(world.waiting_count, 1);
    world_put(0, 20); /* the read is under way */
    world_look(1, UINT32_MAX);
    world_look(1, 50); /* changes it in its turn: who is behind it gets that */
    world_look(1, UINT32_MAX);
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    world_end();
}

TEST(a_key_without_a_place_is_absent)
{
    struct log_store_waiter waiter;
    void *record;
    uint32_t bytes;

    given_places(1);
    CHECK_EQ(log_store_find(world.store, world_key(7), &waiter, &record, &bytes), LOG_STORE_ABSENT);
    CHECK_EQ(log_store_find(world.store, world_key(WORLD_KEY_COUNT + 1), &waiter, &record, &bytes),
             LOG_STORE_ABSENT);
    world_end();
}

TEST(no_memory_for_a_replacement_leaves_what_was_there)
{
    uint32_t count = 0;
    void *record;
    uint32_t bytes;
    struct log_store_waiter waiter;

    world_begin_disk((struct sim_disk_options){.seed = 1});
    world.options.place_of = world_place_of;
    region_deinit(&world.region);
    CHECK_EQ(region_init(&world.region, FULL_REGION_BYTES), 0);
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    while ((record = log_store_put(world.store, world_key(count), &world.places[count], BYTES)) != NULL) {
        world.map[count] = world_next(BYTES);
        world_fill(record, count, world.map[count].value, BYTES);
        count++;
    }
    CHECK(count > 500);
    CHECK_EQ(world.places[count], 0);
    uint64_t live_bytes = log_store_counts(world.store).live_bytes;
    CHECK(log_store_put(world.store, world_key(1), &world.places[1], 2 * BYTES) == NULL);
    CHECK_EQ(log_store_counts(world.store).live_bytes, live_bytes);
    CHECK_EQ(log_store_find(world.store, world_key(1), &waiter, &record, &bytes), 0);
    world_check_all();
    world_end();
}

TEST(a_start_keeps_no_more_in_memory_than_it_may)
{
    world_begin(1);
    given_records(3000);
    world_cut();
    world.options.memory_bytes = 5 * WORLD_PAGE_BYTES;
    when_it_starts_again();
    CHECK_EQ(world.visited, 3000);
    CHECK(log_store_counts(world.store).resident_bytes <= 5 * WORLD_PAGE_BYTES);
    world_check_all();
    world_end();
}
