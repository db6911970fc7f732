/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/commit_log.h"

#include "tests/unit/log_world.h"

static void
given_a_log(void)
{
    world_begin(1);
    CHECK_EQ(world_start(), 0);
}

/* Lets `count` operations complete. */
static void
complete(uint32_t count)
{
    env_sim_release(world.env, count);
    (void)env_turn(world.env, (struct mono_ns){0});
}

static void
then_all_is_read_back(uint32_t count)
{
    world_close();
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, count);
    world_check_found();
    world_end();
}

TEST(a_log_that_nobody_wrote_to_is_idle)
{
    given_a_log();
    CHECK(commit_log_is_idle(world.log));
    CHECK_EQ(commit_log_durable(world.log), 0);
    CHECK_EQ(commit_log_wall(world.log).ms, 0);
    CHECK(!commit_log_is_disk_full(world.log));
    world_end();
}

TEST(a_record_becomes_durable_and_is_read_back)
{
    given_a_log();
    CHECK(world_append(2, 64));
    CHECK(!commit_log_is_idle(world.log));
    world_drain();
    CHECK(commit_log_is_idle(world.log));
    CHECK_EQ(world.seen_count, 1);
    CHECK_EQ(commit_log_durable(world.log), 1);
    then_all_is_read_back(1);
}

TEST(nothing_is_durable_before_the_write_is_done)
{
    given_a_log();
    world_drain();
    CHECK(world_append(2, 64));
    commit_log_flush(world.log);
    CHECK_EQ(env_turn(world.env, (struct mono_ns){0}), 0);
    CHECK_EQ(world.seen_count, 0);
    complete(1);
    CHECK_EQ(world.seen_count, 1);
    world_end();
}

TEST(while_as_many_as_allowed_are_in_flight_the_next_block_waits_until_it_is_half_full)
{
    uint32_t left;

    given_a_log();
    world_drain();
    for (uint32_t i = 0; i < world.options.in_flight_max; i++) {
        CHECK(world_append(1, 64));
        commit_log_flush(world.log);
        CHECK_EQ(env_sim_pending(world.env), i + 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(world_append(1, 64));
        commit_log_flush(world.log);
        CHECK_EQ(env_sim_pending(world.env), world.options.in_flight_max);
    }
    while (commit_log_durable(world.log) == 0) {
        complete(1); /* any of them */
    }
    left = env_sim_pending(world.env);
    CHECK(left < world.options.in_flight_max); /* until the end of the turn it may grow */
    commit_log_flush(world.log);
    CHECK_EQ(env_sim_pending(world.env), left + 1);
    world_drain();
    CHECK_EQ(commit_log_durable(world.log), 5);
    then_all_is_read_back(7);
}

TEST(a_block_that_is_half_full_is_sealed_though_it_has_to_wait)
{
    given_a_log();
    world_drain();
    for (uint32_t i = 0; i < world.options.in_flight_max; i++) {
        CHECK(world_append(1, 64));
        commit_log_flush(world.log);
    }
    CHECK(world_append(1, WORLD_BLOCK_BYTES / 2));
    commit_log_flush(world.log);
    CHECK(world_append(1, 64));
    commit_log_flush(world.log);
    CHECK_EQ(env_sim_pending(world.env), world.options.in_flight_max);
    world_drain();
    CHECK_EQ(commit_log_durable(world.log), 6);
    then_all_is_read_back(6);
}

/* A small block may be done before one that was sent earlier: it is not durable before that one is. */
TEST(small_blocks_that_overtake_each_other_become_durable_in_order)
{
    given_a_log();
    world_drain();
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < world.options.in_flight_max; i++) {
            CHECK(world_append(1, 64));
            commit_log_flush(world.log);
        }
        while (env_sim_pending(world.env) > 0) {
            complete(1); /* any of them */
            for (uint32_t i = 0; i < world.seen_count; i++) {
                CHECK_EQ(world.seen[i], i);
            }
        }
    }
    CHECK_EQ(world.seen_count, 50 * world.options.in_flight_max);
    then_all_is_read_back(50 * world.options.in_flight_max);
}

TEST(no_more_blocks_are_in_flight_than_allowed)
{
    given_a_log();
    world_drain();
    for (uint32_t i = 0; i < 7; i++) {
        CHECK(world_append(1, 90000));
        commit_log_flush(world.log);
    }
    CHECK_EQ(env_sim_pending(world.env), 4);
    complete(1);
    world_drain();
    CHECK_EQ(commit_log_durable(world.log), 7);
    then_all_is_read_back(7);
}

TEST(when_every_buffer_is_busy_append_says_no)
{
    given_a_log();
    world_drain();
    world.keeps = true;
    for (uint32_t i = 0; i < world.options.block_count; i++) {
        CHECK(world_append(1, 90000));
    }
    CHECK(!world_append(1, 90000));
    world_drain();
    CHECK_EQ(world.seen_count, world.options.block_count);
    CHECK(!world_append(1, 90000));
    commit_log_release(world.log, world.kept);
    CHECK(world_append(1, 90000));
    world_end();
}

TEST(a_record_may_be_filled_until_the_turn_ends_though_its_block_is_full)
{
    struct log_block *block;
    void *record;

    given_a_log();
    record = commit_log_append(world.log, 1, 0, 90000, &block);
    CHECK(record != NULL);
    world.value_next = 1;
    CHECK(world_append(1, 90000));
    CHECK(block->is_sealed);
    world_fill(record, 0, 90000);
    world_drain();
    then_all_is_read_back(2);
}

TEST(a_full_block_is_not_written_before_the_flush_even_if_another_write_is_done_meanwhile)
{
    struct log_block *block;
    void *record;

    given_a_log();
    world_put(1, 8);
    CHECK(world_append(1, 8));
    commit_log_flush(world.log);
    record = commit_log_append(world.log, 1, 2, 90000, &block);
    CHECK(record != NULL);
    world.value_next = 3;
    CHECK(world_append(1, 90000));
    complete(1);
    CHECK_EQ(env_sim_pending(world.env), 0);
    world_fill(record, 2, 90000);
    world_drain();
    then_all_is_read_back(4);
}

TEST(consecutive_positions_of_a_partition_share_a_section)
{
    struct log_block *block;

    given_a_log();
    world_fill(commit_log_append(world.log, 1, 7, 16, &block), 0, 16);
    world_fill(commit_log_append(world.log, 1, 8, 16, &block), 1, 16);
    CHECK_EQ(block->header->section_count, 1);
    world_fill(commit_log_append(world.log, 1, 10, 16, &block), 2, 16);
    CHECK_EQ(block->header->section_count, 2);
    world_fill(commit_log_append(world.log, 3, 11, 16, &block), 3, 16);
    CHECK_EQ(block->header->section_count, 3);
    world.value_next = 4;
    world_drain();
    then_all_is_read_back(4);
}

TEST(the_clock_of_the_blocks_never_goes_back)
{
    given_a_log();
    world.clock.wall.ms = 5000000;
    world_put(1, 8);
    CHECK_EQ(commit_log_wall(world.log).ms, 5000000);
    world.clock.wall.ms = 4000000;
    world_put(1, 8);
    CHECK_EQ(commit_log_wall(world.log).ms, 5000000);
    world_close();

    CHECK_EQ(world_start(), 0); /* nor from one start to the next */
    CHECK_EQ(world.report.wall_floor.ms, 5000000);
    commit_log_beat(world.log);
    world_drain();
    CHECK_EQ(commit_log_wall(world.log).ms, 5000000);
    world_close();

    CHECK_EQ(world_start(), 0);
    world_close();
    CHECK_EQ(world_start(), 0); /* a start without blocks in between */
    CHECK_EQ(world.report.wall_floor.ms, 5000000);
    world_end();
}

TEST(a_beat_is_an_empty_block_unless_there_is_something_to_write)
{
    given_a_log();
    world_drain();
    commit_log_beat(world.log);
    CHECK_EQ(env_sim_pending(world.env), 1);
    commit_log_beat(world.log);
    CHECK_EQ(env_sim_pending(world.env), 1);
    world_drain();
    CHECK_EQ(commit_log_durable(world.log), 1);
    CHECK(world_append(1, 8));
    commit_log_beat(world.log);
    CHECK_EQ(env_sim_pending(world.env), 0);
    world_drain();
    CHECK_EQ(commit_log_durable(world.log), 2);
    CHECK_EQ(world.seen_count, 1);
    world_end();
}

TEST(records_must_be_of_the_right_size)
{
    given_a_log();
    CHECK_DIES(world_append(0, 0));
    CHECK_DIES(world_append(0, 12));
    CHECK_DIES(world_append(0, LOG_RECORD_BYTES_MAX + 8));
    CHECK(world_append(0, LOG_RECORD_BYTES_MAX));
    world_end();
}

/* Room. */

/* A size that hurts: just over or under whole sectors and blocks. */
static uint32_t
awkward_bytes(void)
{
    static const uint32_t sizes[] = {8,
                                     3984,
                                     4000,
                                     4008,
                                     8072,
                                     8096,
                                     8104,
                                     49152,
                                     65536,
                                     90000,
                                     LOG_RECORD_BYTES_MAX - 96,
                                     LOG_RECORD_BYTES_MAX};

    return world_roll(3) == 0 ? 8 * (1 + (uint32_t)world_roll(LOG_RECORD_BYTES_MAX / 8))
                              : sizes[world_roll(COUNT_OF(sizes))];
}

/* Appends until there is no more room for anything. Whatever was promised fits: the log dies of a broken promise. */
static void
fill_up(bool is_run)
{
    uint32_t refused = 0;

    while (refused < 40) {
        uint64_t before = commit_log_room(world.log);
        uint32_t bytes = awkward_bytes();
        uint32_t count = is_run ? 1 + (uint32_t)world_roll(7) : 1;
        uint32_t partition = (uint32_t)world_roll(WORLD_PARTITION_COUNT);
        uint64_t cost = commit_log_cost((uint64_t)bytes * count);

        if (before < cost) {
            refused++;
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            while (!world_append(partition, bytes)) {
                commit_log_flush(world.log);
                complete(1);
            }
        }
        CHECK(commit_log_room(world.log) + cost >= before);
        if (world_roll(3) == 0) {
            commit_log_flush(world.log);
        }
        if (world_roll(4) == 0) {
            complete(1);
        }
    }
}

static void
check_room(uint64_t seed, bool is_run, uint32_t segments_ahead)
{
    world_begin(seed);
    world.options.segments_ahead = segments_ahead;
    world.options.block_count = 16;
    CHECK_EQ(world_start(), 0);
    if (segments_ahead > 0) {
        complete(1);
    }
    world.zero_fill_fault = -ENOSPC;
    for (uint32_t round = 0; round < 3; round++) {
        fill_up(is_run);
        world_drain();
        if (segments_ahead > 0) {
            CHECK(commit_log_is_disk_full(world.log));
        }
        world.zero_fill_fault = 0; /* one more segment, or a few */
        world.clock.mono.ns += 2 * NS_PER_S;
        (void)timer_run(&world.timers, world.clock.mono, 10);
        complete(1);
        world.zero_fill_fault = -ENOSPC;
    }
    CHECK_EQ(world.fatal_count, 0);
    then_all_is_read_back((uint32_t)world.value_next);
}

TEST(what_room_promises_can_be_appended_whatever_the_sizes)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        check_room(seed, false, (uint32_t)(seed % 3));
    }
}

TEST(what_room_promises_holds_for_runs_of_records_too)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        check_room(seed, true, 1 + (uint32_t)(seed % 2));
    }
}

TEST(who_appends_more_than_there_is_room_for_dies)
{
    world_begin(3);
    world.options.segments_ahead = 0;
    CHECK_EQ(world_start(), 0);
    world.zero_fill_fault = -ENOSPC;
    while (commit_log_room(world.log) >= commit_log_cost(90000)) {
        world_put(0, 90000);
    }
    while (commit_log_room(world.log) >= 2u * DISK_SECTOR_BYTES) {
        world_put(0, 8);
    }
    CHECK_DIES(world_append(0, 90000));
    world_end();
}

/* Disk full. */

TEST(a_full_disk_at_the_start_leaves_a_log_without_room_that_recovers)
{
    world_begin(4);
    CHECK_EQ(world_settle(1, false), 0);
    world_env();
    world.zero_fill_fault = -EDQUOT;
    CHECK_EQ(world_open(0), -ENOSPC);
    CHECK(commit_log_is_disk_full(world.log));
    CHECK_EQ(commit_log_room(world.log), 0);
    CHECK_EQ(world_file_count(), 0); /* half made, and taken away */
    commit_log_beat(world.log);
    CHECK(commit_log_is_idle(world.log));

    world.clock.mono.ns += NS_PER_S / 2;
    CHECK_EQ(timer_run(&world.timers, world.clock.mono, 10), 0);
    world.clock.mono.ns += NS_PER_S;
    CHECK_EQ(timer_run(&world.timers, world.clock.mono, 10), 1);
    complete(1);
    CHECK(commit_log_is_disk_full(world.log));
    CHECK_EQ(world.room_count, 0);

    world.zero_fill_fault = 0;
    world.clock.mono.ns += NS_PER_S;
    CHECK_EQ(timer_run(&world.timers, world.clock.mono, 10), 1);
    complete(1);
    CHECK(!commit_log_is_disk_full(world.log));
    CHECK_EQ(world.room_count, 1);
    world_drain();
    CHECK_EQ(world.room_count, 3);
    world_put(0, 800);
    CHECK_EQ(world.fatal_count, 0);
    then_all_is_read_back(1);
}

TEST(another_fault_of_the_preparation_is_fatal)
{
    world_begin(5);
    CHECK_EQ(world_settle(1, false), 0);
    world_env();
    world.zero_fill_fault = -EIO;
    CHECK_EQ(world_open(0), -EIO);
    world.zero_fill_fault = 0;
    CHECK_EQ(world_open(0), 0);
    world.sync_fault = -EIO;
    complete(1);
    CHECK_EQ(world.fatal_count, 1);
    CHECK_EQ(world.fatal_fault, -EIO);
    CHECK(strstr(world.fatal_text, "log/00000002.seg") != NULL);
    world.sync_fault = 0;
    world_end();
}

TEST(a_failed_write_is_fatal_once_and_nothing_becomes_durable_after_it)
{
    world_begin_with((struct sim_disk_options){.seed = 6, .write_fails_permille = 1000});
    CHECK_EQ(world_settle(1, false), -EIO);
    world_end();

    world_begin_with((struct sim_disk_options){.seed = 7, .write_fails_permille = 30});
    while (world_settle(1, false) != 0) {
    }
    world_env();
    while (world_open(0) != 0) {
    }
    while (world.fatal_count == 0) {
        while (commit_log_room(world.log) >= commit_log_cost(50000) && world_append(1, 50000)) {
        }
        commit_log_flush(world.log);
        complete(3);
        CHECK(world.value_next < 5000);
    }
    CHECK_EQ(world.fatal_fault, -EIO);
    CHECK(strstr(world.fatal_text, "log/0000") != NULL);
    CHECK(strstr(world.fatal_text, "offset") != NULL);
    uint32_t seen_count = world.seen_count;
    world_drain();
    CHECK_EQ(world.seen_count, seen_count);
    CHECK_EQ(world.fatal_count, 1);
    world_end();
}

/* Recycling. */

static uint64_t
fill_segments(uint32_t count)
{
    for (uint32_t i = 0; i < count * 8; i++) {
        world_put(0, 90000 + 8 * (uint32_t)world_roll(500));
    }
    return commit_log_durable(world.log);
}

static void
release_below(uint64_t sequence)
{
    struct manifest_epoch *epoch = manifest_find_epoch(&world.manifest, world.report.epoch);

    epoch->stream_begins[0] = sequence;
    CHECK_EQ(manifest_save(sim_disk_interface(world.disk), &world.manifest), 0);
    commit_log_recycle(world.log, sequence);
}

TEST(recycled_segments_serve_again_and_their_old_blocks_are_not_read)
{
    given_a_log();
    fill_segments(3);
    uint32_t file_count = world_file_count();
    uint64_t begin = 0;
    for (uint32_t round = 0; round < 6; round++) {
        begin = commit_log_durable(world.log) - world_roll(4);
        release_below(begin);
        fill_segments(2);
    }
    CHECK(world_file_count() <= file_count + 1);
    world_crash();
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, world.seen_count - begin);
    for (uint32_t i = 0; i < world.found_count; i++) {
        CHECK_EQ(world.found[i], begin + i);
    }
    world_end();
}

TEST(files_of_a_dropped_epoch_serve_again)
{
    given_a_log();
    fill_segments(4);
    world_close();
    CHECK_EQ(world_start(), 0);
    fill_segments(1);
    uint32_t file_count = world_file_count();

    manifest_drop_epoch(&world.manifest, 0);
    CHECK_EQ(manifest_save(sim_disk_interface(world.disk), &world.manifest), 0);
    commit_log_recycle_epoch(world.log, world.report.epoch - 1);
    fill_segments(4);
    CHECK_EQ(world_file_count(), file_count);
    world_crash();
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 5 * 8);
    CHECK_EQ(world.found[0], 4 * 8);
    world_end();
}

TEST(recycling_ends_a_full_disk)
{
    given_a_log();
    fill_segments(2);
    world.zero_fill_fault = -ENOSPC;
    while (commit_log_room(world.log) >= commit_log_cost(90000)) {
        world_put(0, 90000);
    }
    CHECK(commit_log_is_disk_full(world.log));
    release_below(commit_log_durable(world.log));
    world_drain();
    CHECK(!commit_log_is_disk_full(world.log));
    fill_segments(2);
    world_end();
}

TEST(free_files_are_used_before_new_ones_are_made)
{
    given_a_log();
    world_drain();
    uint32_t file_count = world_file_count();
    CHECK_EQ(file_count, 3);
    for (uint32_t i = 0; i < 5; i++) { /* starts that write nothing */
        world_close();
        CHECK_EQ(world_start(), 0);
        world_drain();
        CHECK_EQ(world_file_count(), 3);
        CHECK(world.manifest.epoch_count <= 2);
    }
    world_end();
}

TEST(a_free_file_of_another_size_is_made_to_fit)
{
    given_a_log();
    world_drain();
    world_close();
    world.options.segment_bytes = 2 * WORLD_SEGMENT_BYTES;
    CHECK_EQ(world_start(), 0);
    fill_segments(5);
    then_all_is_read_back(40);
}

/* A modest log. */

static void
given_a_modest_log(uint32_t segments_of_room)
{
    world_begin(1);
    CHECK_EQ(world_settle(1, false), 0);
    world_env();
    world.options.is_modest = true;
    sim_disk_limit(world.disk, segments_of_room * WORLD_SEGMENT_BYTES);
    CHECK_EQ(world_open(0), 0);
    world_drain();
}

static void
put_while_there_is_room(void)
{
    while (commit_log_room(world.log) >= commit_log_cost(90000)) {
        world_put(0, 90000);
    }
}

static uint64_t
room_of_disk(void)
{
    struct disk *disk = sim_disk_interface(world.disk);
    uint64_t room;

    CHECK_EQ(disk->ops->room(disk, &room), 0);
    return room;
}

static void
a_second_later(void)
{
    world.clock.mono.ns += NS_PER_S;
    (void)timer_run(&world.timers, world.clock.mono, 10);
    world_drain();
}

TEST(a_modest_log_leaves_half_of_the_disk_and_goes_on_when_it_is_given_back)
{
    given_a_modest_log(10);
    for (uint32_t round = 0; round < 4; round++) {
        put_while_there_is_room();
        CHECK(commit_log_is_disk_full(world.log));
        CHECK_EQ(world_file_count(), 5);
        CHECK_EQ(room_of_disk(), 5 * WORLD_SEGMENT_BYTES);
        release_below(commit_log_durable(world.log));
        a_second_later();
        CHECK(commit_log_room(world.log) > WORLD_SEGMENT_BYTES);
    }
    CHECK_EQ(world.fatal_count, 0);
    world_end();
}

TEST(what_others_take_is_not_the_logs_and_its_free_files_go_back_to_the_disk)
{
    struct disk *disk;
    struct disk_file file;

    given_a_modest_log(16);
    disk = sim_disk_interface(world.disk);
    put_while_there_is_room();
    CHECK_EQ(world_file_count(), 8);
    CHECK_EQ(disk->ops->open(disk, "state", DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, 6 * WORLD_SEGMENT_BYTES), 0);
    release_below(
        commit_log_durable(world.log)); /* all but the current one are free: of ten, five are the log's */
    put_while_there_is_room();
    a_second_later();
    CHECK_EQ(world_file_count(), 5);
    CHECK_EQ(room_of_disk(), 5 * WORLD_SEGMENT_BYTES);

    disk->ops->close(disk, file);
    CHECK_EQ(disk->ops->unlink(disk, "state"), 0);
    a_second_later();
    put_while_there_is_room();
    CHECK_EQ(world_file_count(), 8);
    uint32_t seen_count = world.seen_count;
    world_crash();
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found[world.found_count - 1] + 1, seen_count);
    world_end();
}

TEST(a_modest_log_takes_what_it_cannot_do_without_while_there_is_any)
{
    given_a_modest_log(4);
    CHECK_EQ(world_file_count(), 3);
    put_while_there_is_room();
    CHECK_EQ(world_file_count(), 3);
    sim_disk_limit(world.disk, 0); /* and recycles it, though others have taken the rest */
    for (uint32_t round = 0; round < 4; round++) {
        put_while_there_is_room();
        release_below(commit_log_durable(world.log));
        a_second_later();
        CHECK_EQ(world_file_count(), 3);
        CHECK(commit_log_room(world.log) > WORLD_SEGMENT_BYTES);
    }
    world_end();
}

TEST(files_of_earlier_epochs_are_the_logs_too)
{
    given_a_modest_log(8);
    put_while_there_is_room();
    CHECK_EQ(world_file_count(), 4);
    world_close();
    CHECK_EQ(world_settle(1, false), 0);
    world_env();
    CHECK_EQ(world_open(0), -ENOSPC);
    CHECK_EQ(world_file_count(), 4);
    manifest_drop_epoch(&world.manifest, 0);
    CHECK_EQ(manifest_save(sim_disk_interface(world.disk), &world.manifest), 0);
    commit_log_recycle_epoch(world.log, world.report.epoch - 1);
    world_drain();
    CHECK(!commit_log_is_disk_full(world.log));
    put_while_there_is_room();
    CHECK_EQ(world_file_count(), 4);
    world_end();
}
