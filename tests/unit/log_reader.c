/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/log_reader.h"

#include "tests/unit/log_world.h"

/* Many sizes over several segments, so that blocks go round the ring's end. */
static void
given_a_long_log(uint64_t seed, uint32_t value_count)
{
    world_begin(seed);
    world.options.segment_bytes = 3u << 20;
    world.options.block_bytes = 256u << 10;
    CHECK_EQ(world_start(), 0);
    while (world.value_next < value_count) {
        uint32_t bytes = 8 * (1 + (uint32_t)world_roll(world_roll(2) == 0 ? 60 : 12000));

        for (uint32_t i = 0; i < 1 + world_roll(3); i++) {
            CHECK(world_append(1, bytes));
        }
        world_drain();
    }
    world_close();
    CHECK_EQ(world_settle(1, false), 0);
}

TEST(an_empty_log_ends_at_once)
{
    world_begin(1);
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 0);
    world_end();
}

TEST(a_long_log_is_read_in_order_however_many_blocks_are_held)
{
    for (uint32_t lent_max = 1; lent_max <= LOG_READER_BLOCK_COUNT_MAX; lent_max += 9) {
        given_a_long_log(lent_max, 500);
        CHECK_EQ(world_read_wanted(world_wants_all, NULL, lent_max), 0);
        CHECK_EQ(world.found_count, world.seen_count);
        world_check_found();
        world_end();
    }
}

TEST(blocks_that_are_held_keep_their_bytes)
{
    struct log_reader *reader;
    struct log_block *lent[LOG_READER_BLOCK_COUNT_MAX];
    struct log_block *block;
    uint32_t first = 0;
    uint32_t end = 0;
    uint32_t count = 0;
    int r;

    given_a_long_log(77, 800);
    world_env();
    CHECK_EQ(log_reader_open(world.env, &world.manifest, world.report.epoch, world_wants_all, NULL, &reader),
             0);
    for (;;) {
        r = log_reader_next(reader, &block);
        if (r == 0) {
            lent[end % COUNT_OF(lent)] = block;
            end++;
            continue;
        }
        if (r == LOG_READER_END) {
            break;
        }
        CHECK_EQ(r, LOG_READER_WAIT);
        if (env_sim_pending(world.env) > 0) {
            env_sim_release(world.env, 1);
            (void)env_turn(world.env, (struct mono_ns){0});
        } else { /* Only now, as late as can be, one is looked at and given back. */
            CHECK(first < end);
            count = world_values(lent[first % COUNT_OF(lent)], world.found, count);
            log_reader_release(reader, lent[first % COUNT_OF(lent)]);
            first++;
        }
    }
    while (first < end) {
        count = world_values(lent[first % COUNT_OF(lent)], world.found, count);
        log_reader_release(reader, lent[first % COUNT_OF(lent)]);
        first++;
    }
    log_reader_close(reader);
    world.found_count = count;
    CHECK_EQ(count, world.seen_count);
    world_check_found();
    world_end();
}

TEST(blocks_come_back_in_the_order_they_were_lent)
{
    struct log_reader *reader;
    struct log_block *a = NULL;
    struct log_block *b = NULL;

    given_a_long_log(5, 10);
    world_env();
    CHECK_EQ(log_reader_open(world.env, &world.manifest, world.report.epoch, world_wants_all, NULL, &reader),
             0);
    CHECK_EQ(log_reader_next(reader, &a), LOG_READER_WAIT);
    env_sim_release(world.env, 2);
    (void)env_turn(world.env, (struct mono_ns){0});
    CHECK_EQ(log_reader_next(reader, &a), 0);
    CHECK_EQ(log_reader_next(reader, &b), 0);
    CHECK_DIES(log_reader_release(reader, b));
    log_reader_release(reader, a);
    env_close(world.env); /* with a read under way, perhaps */
    world.env = NULL;
    log_reader_close(reader);
    world_end();
}

TEST(a_block_that_went_bad_after_it_was_settled_is_never_given)
{
    for (uint32_t at = 0; at < 40; at++) {
        given_a_long_log(8, 300);
        uint32_t number = world_segment(1, 0, at % 3);
        uint64_t offset = DISK_SECTOR_BYTES * (1 + world_roll(200));
        world_flip(number, offset + world_roll(70)); /* a header, or inside a block */
        int r = world_read();
        CHECK(r == 0 || r == -EUCLEAN);
        CHECK(r == 0 || strstr(world.reason, "log/0000") != NULL);
        CHECK((r == 0) == (world.found_count == world.seen_count)); /* 0: in the padding */
        for (uint32_t i = 0; i < world.found_count; i++) {
            CHECK_EQ(world.found[i], i);
        }
        world_end();
    }
}

TEST(a_garbled_length_never_makes_it_read_beyond)
{
    for (uint32_t at = 0; at < 60; at++) {
        uint32_t length;

        given_a_long_log(8, 200);
        length =
            at < 30 ? (uint32_t)world_roll(LOG_BLOCK_BYTES_MAX + 2) : (uint32_t)world_roll(UINT64_C(1) << 32);
        world_write(world_segment(1, 0, 0), &length, sizeof(length),
                    DISK_SECTOR_BYTES + offsetof(struct log_block_header, length));
        CHECK_EQ(world_read(), -EUCLEAN);
        CHECK_EQ(world.found_count, 0);
        world_end();
    }
}

TEST(a_failing_read_is_a_fault_and_stays_one)
{
    struct log_reader *reader;
    struct log_block *block;
    struct disk *disk;
    struct disk_file file;
    char name[SEGMENT_NAME_BYTES];
    int r = LOG_READER_WAIT;

    given_a_long_log(8, 200);
    world_env();
    CHECK_EQ(log_reader_open(world.env, &world.manifest, world.report.epoch, world_wants_all, NULL, &reader),
             0);
    disk = sim_disk_interface(world.disk);
    segment_name(world_segment(1, 0, 0), name);
    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, DISK_SECTOR_BYTES), 0);
    disk->ops->close(disk, file);
    while (r == LOG_READER_WAIT) {
        r = log_reader_next(reader, &block);
        env_sim_release(world.env, 1);
        (void)env_turn(world.env, (struct mono_ns){0});
    }
    CHECK_EQ(r, -EIO);
    CHECK_EQ(log_reader_next(reader, &block), -EIO);
    CHECK_EQ(env_sim_pending(world.env), 0);
    log_reader_close(reader);
    world_end();
}

TEST(what_a_checkpoint_released_is_not_given)
{
    given_a_long_log(8, 200);
    CHECK_EQ(world_read(), 0);
    uint64_t block_count = world.found_blocks;
    world.manifest.epochs[0].stream_begins[0] = 7;
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_blocks, block_count - 7);
    world.manifest.epochs[0].stream_begins[0] = block_count;
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_blocks, 0);
    world_end();
}

static bool
wants_none(void *context, uint32_t partition)
{
    (void)context;
    (void)partition;
    return false;
}

TEST(streams_of_unwanted_partitions_are_not_read)
{
    uint32_t partition = 3;

    given_a_long_log(8, 50);
    CHECK_EQ(world_read_wanted(wants_none, NULL, 1), 0);
    CHECK_EQ(world.found_count, 0);
    CHECK_EQ(world_read_wanted(world_wants_one, &partition, 1), 0);
    CHECK_EQ(world.found_count, world.seen_count); /* one stream held them all */
    world_end();
}
