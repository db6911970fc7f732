/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/recovery.h"

#include <stdio.h>

#include "core/hash.h"
#include "tests/unit/log_world.h"

#define SECTOR DISK_SECTOR_BYTES

static void
given_a_store(uint64_t seed)
{
    world_begin(seed);
    CHECK_EQ(world_start(), 0);
    world_drain();
}

/* `count` blocks of one sector each. */
static void
given_blocks(uint32_t count)
{
    given_a_store(1);
    for (uint32_t i = 0; i < count; i++) {
        world_put(i % WORLD_PARTITION_COUNT, 800);
    }
    CHECK_EQ(commit_log_durable(world.log), count);
    world_close();
}

static void
settle_and_read(void)
{
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    world_check_found();
}

TEST(a_new_store_gets_its_first_epoch_and_later_starts_the_next)
{
    world_begin(1);
    CHECK_EQ(world_settle(2, false), 0);
    CHECK_EQ(world.report.epoch, 1);
    CHECK_EQ(world.manifest.epochs[0].stream_count, 2);
    CHECK_EQ(world_settle(3, false), 0);
    CHECK_EQ(world.report.epoch, 2);
    CHECK_EQ(world.manifest.epoch_count, 1); /* the empty one is forgotten */
    CHECK_EQ(world_settle(3, false), 0);
    CHECK_EQ(world.report.epoch, 3);
    world_end();
}

TEST(a_clean_stop_loses_nothing)
{
    given_blocks(20);
    settle_and_read();
    CHECK_EQ(world.found_count, 20);
    CHECK_EQ(world.report.blocks, 20);
    CHECK_EQ(world.report.bytes, 20 * SECTOR);
    CHECK_EQ(world.report.torn_streams, 0);
    settle_and_read(); /* settled now, and not read again */
    CHECK_EQ(world.report.blocks, 0);
    CHECK_EQ(world.found_count, 20);
    CHECK_EQ(recovery_verify(sim_disk_interface(world.disk), &world.manifest, NULL, &world.report), 0);
    CHECK_EQ(world.report.blocks, 20);
    CHECK_EQ(world.report.epoch, 3);
    world_end();
}

/* Torn or corrupt. */

static void
forge(uint32_t number, uint32_t sequence, uint64_t acked, bool is_good)
{
    uint8_t sector[SECTOR] = {0};
    struct log_block_header *header = (struct log_block_header *)(void *)sector;
    struct log_section *section = (struct log_section *)(void *)(header + 1);

    *header = (struct log_block_header){
        .magic = LOG_BLOCK_MAGIC,
        .version = LOG_FORMAT_VERSION,
        .section_count = 1,
        .store_id = world.manifest.store_id,
        .epoch = 1,
        .length = sizeof(*header) + sizeof(*section) + 16,
        .sequence = sequence,
        .acked = acked,
        .wall_ms = 7,
    };
    *section = (struct log_section){.partition = 0, .count = 1, .first_position = sequence, .bytes = 16};
    world_fill(section + 1, sequence, 16);
    header->checksum = block_checksum(header) ^ (is_good ? 0 : 1);
    world_write(number, sector, sizeof(sector), SECTOR * (1 + sequence));
}

enum { TABLE_COUNT = 4 };

/* Each block is good, bad or not there (3^4), and was sent when 0 .. its own sequence were durable (4!). */
TEST(a_stream_is_torn_unless_a_later_block_says_that_the_bad_one_was_durable)
{
    static const char *const kinds[] = {"good", "bad", "missing"};
    uint32_t corrupt_count = 0;

    for (uint32_t table = 0; table < 81 * 24; table++) {
        uint32_t kind[TABLE_COUNT];
        uint32_t acked[TABLE_COUNT];
        uint32_t dice = table;
        uint32_t k = TABLE_COUNT;
        bool is_corrupt = false;

        for (uint32_t i = 0; i < TABLE_COUNT; i++) {
            kind[i] = dice % 3;
            dice /= 3;
        }
        for (uint32_t i = 0; i < TABLE_COUNT; i++) {
            acked[i] = dice % (i + 1);
            dice /= i + 1;
            k = kind[i] != 0 && k == TABLE_COUNT ? i : k;
        }
        for (uint32_t i = k + 1; i < TABLE_COUNT; i++) {
            is_corrupt |= kind[i] == 0 && acked[i] > k;
        }

        given_a_store(2);
        uint32_t number = world_segment(1, 0, 0);
        for (uint32_t i = 0; i < TABLE_COUNT; i++) {
            if (kind[i] < 2) {
                forge(number, i, acked[i], kind[i] == 0);
            }
        }
        world_close();
        int r = world_settle(1, false);
        if (r != (is_corrupt ? -EUCLEAN : 0)) {
            fprintf(stderr, "%s %s %s %s, acked %u %u %u %u: %d\n", kinds[kind[0]], kinds[kind[1]],
                    kinds[kind[2]], kinds[kind[3]], acked[0], acked[1], acked[2], acked[3], r);
        }
        CHECK_EQ(r, is_corrupt ? -EUCLEAN : 0);
        if (is_corrupt) {
            char place[64];

            snprintf(place, sizeof(place), "log/%08u.seg at offset %u: block %u", number, SECTOR * (1 + k),
                     k);
            CHECK(strstr(world.report.reason, place) != NULL);
            corrupt_count++;
            CHECK_EQ(world_settle(1, true), 0);
            CHECK(world.report.lost_blocks > 0);
        }
        CHECK_EQ(world_read(), 0);
        CHECK_EQ(world.found_blocks, k);
        world_end();
    }
    CHECK(corrupt_count > 100);
}

TEST(one_flipped_bit_in_an_acknowledged_block_stops_the_node)
{
    for (uint32_t at = 0; at < 96 + 800; at += 5) {
        given_blocks(10);
        world_flip(world_segment(1, 0, 0), SECTOR * 5 + at);
        CHECK_EQ(world_settle(1, false), -EUCLEAN);
        CHECK(strstr(world.report.reason, "at offset 20480: block 4 of epoch 1, stream 0") != NULL);
        world_end();
    }
}

TEST(with_accept_loss_the_stream_ends_before_the_bad_block)
{
    given_blocks(10);
    world_flip(world_segment(1, 0, 0), SECTOR * 5 + 90);
    CHECK_EQ(world_settle(1, true), 0);
    CHECK_EQ(world.report.lost_blocks, 6);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 4);
    CHECK_EQ(world_settle(1, false), 0); /* and that is for ever */
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 4);
    world_end();
}

TEST(a_bad_block_of_a_settled_epoch_is_found_by_the_verifier_and_may_be_given_up)
{
    given_blocks(10);
    CHECK_EQ(world_settle(1, false), 0);
    world_flip(world_segment(1, 0, 0),
               SECTOR * 10 + 90); /* the last: no later block speaks for it, but the manifest */
    CHECK_EQ(recovery_verify(sim_disk_interface(world.disk), &world.manifest, NULL, &world.report), -EUCLEAN);
    CHECK(strstr(world.report.reason, "block 9") != NULL);
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), -EUCLEAN);
    CHECK_EQ(world_settle(1, true), 0);
    CHECK_EQ(world.report.lost_blocks, 1);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 9);
    world_end();
}

/* Files. */

static void
given_segments(uint32_t count)
{
    given_a_store(3);
    for (uint32_t i = 0; i < 8 * count; i++) {
        world_put(0, 96000); /* eight fill a segment */
    }
    world_close();
}

TEST(a_missing_file_is_corruption)
{
    for (uint32_t index = 0; index < 3; index++) { /* 3 and 4 are prepared */
        given_segments(3);
        world_unlink(world_segment(1, 0, index));
        CHECK_EQ(world_settle(1, false), -EUCLEAN);
        CHECK(strstr(world.report.reason, "missing") != NULL);
        CHECK_EQ(world_settle(1, true), 0);
        CHECK_EQ(world_read(), 0);
        CHECK_EQ(world.found_count, index * 8);
        world_end();
    }
}

TEST(a_missing_file_of_a_settled_epoch_is_corruption)
{
    for (uint32_t index = 0; index < 3; index++) {
        given_segments(3);
        CHECK_EQ(world_settle(1, false), 0);
        world_unlink(world_segment(1, 0, index));
        CHECK_EQ(world_settle(1, false), -EUCLEAN);
        CHECK(strstr(world.report.reason, "missing") != NULL);
        CHECK_EQ(world_settle(1, true), 0);
        CHECK_EQ(world_read(), 0);
        CHECK_EQ(world.found_count, index * 8);
        world_end();
    }
}

TEST(a_bad_first_sector_before_good_blocks_is_corruption_and_can_be_healed)
{
    for (uint32_t index = 0; index < 3; index++) {
        given_segments(3);
        uint32_t number = world_segment(1, 0, index);
        world_flip(number, 20);
        CHECK_EQ(world_settle(1, false), -EUCLEAN);
        CHECK(strstr(world.report.reason, "first sector") != NULL);
        CHECK_EQ(world_settle(1, true), 0);
        CHECK_EQ(world_segment(1, 0, index), number);
        settle_and_read();
        CHECK_EQ(world.found_count, 24);
        world_end();
    }
}

TEST(a_bad_first_sector_of_a_free_file_does_not_matter)
{
    given_segments(1);
    CHECK_EQ(world_settle(1, false), 0);
    world_flip(world_segment(1, 0, 1), 20);
    world_flip(world_segment(1, 0, 2), 20);
    settle_and_read();
    CHECK_EQ(world.found_count, 8);
    world_end();
}

TEST(a_file_that_was_cut_off_is_corruption)
{
    struct disk *disk;
    struct disk_file file;
    char name[SEGMENT_NAME_BYTES];

    given_segments(2);
    disk = sim_disk_interface(world.disk);
    segment_name(world_segment(1, 0, 1), name);
    uint8_t first[SECTOR];
    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file), 0);
    CHECK_EQ(disk->ops->read(disk, file, first, sizeof(first), 0), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, 3 * SECTOR + 100), 0);
    CHECK_EQ(disk->ops->write(disk, file, first, sizeof(first), 0), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    disk->ops->close(disk, file);
    CHECK_EQ(world_settle(1, false), -EUCLEAN);
    CHECK(strstr(world.report.reason, "bytes") != NULL);
    CHECK_EQ(world_settle(1, true), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 8);
    world_end();
}

static void
rewrite_first_sector(uint32_t number, void (*change)(struct segment_header *header))
{
    struct segment_list list;

    CHECK_EQ(segment_list_read(sim_disk_interface(world.disk), &world.manifest.store_id, 1, 0, &list), 0);
    for (uint32_t i = 0; i < list.count; i++) {
        struct segment_header header = list.segments[i].header;

        if (list.segments[i].number == number) {
            change(&header);
            header.checksum = 0;
            header.checksum = checksum32(&header, sizeof(header));
            world_write(number, &header, sizeof(header), 0);
        }
    }
    segment_list_deinit(&list);
}

static void
make_foreign(struct segment_header *header)
{
    header->store_id.byte[3] ^= 1;
}

static void
make_newer(struct segment_header *header)
{
    header->version++;
}

static void
make_twin(struct segment_header *header)
{
    header->index--;
}

TEST(a_segment_of_another_store_stops_the_node)
{
    given_segments(2);
    rewrite_first_sector(world_segment(1, 0, 3), make_foreign);
    CHECK_EQ(world_settle(1, false), -EUCLEAN);
    CHECK(strstr(world.report.reason, "another store") != NULL);
    CHECK(world.report.is_foreign);
    CHECK_EQ(world_settle(1, true), -EUCLEAN); /* no loss to accept: it would be written over */
    CHECK(world.report.is_foreign);
    world_end();
}

TEST(segments_without_their_manifest_stop_the_node)
{
    struct disk *disk;

    given_segments(1);
    disk = sim_disk_interface(world.disk);
    CHECK_EQ(disk->ops->unlink(disk, "manifest"), 0);
    CHECK_EQ(world_settle(1, false), -EUCLEAN);
    world_end();
}

TEST(a_segment_or_block_of_a_newer_version_stops_the_node_loss_or_no_loss)
{
    given_segments(2);
    rewrite_first_sector(world_segment(1, 0, 3), make_newer);
    CHECK_EQ(world_settle(1, false), -ENOTSUP);
    CHECK(strstr(world.report.reason, "newer") != NULL);
    CHECK_EQ(world_settle(1, true), -ENOTSUP);
    world_end();

    given_blocks(5);
    uint8_t *bytes;
    uint64_t count;
    char name[SEGMENT_NAME_BYTES];
    uint32_t number = world_segment(1, 0, 0);
    segment_name(number, name);
    CHECK_EQ(sim_disk_snapshot(world.disk, name, &bytes, &count), 0);
    struct log_block_header *header = (struct log_block_header *)(void *)(bytes + 3 * SECTOR);
    header->version++;
    header->checksum = block_checksum(header);
    world_write(number, header, SECTOR, 3 * SECTOR);
    free(bytes);
    CHECK_EQ(world_settle(1, true), -ENOTSUP);
    world_end();
}

TEST(two_files_that_claim_one_place_are_corruption)
{
    given_segments(2);
    rewrite_first_sector(world_segment(1, 0, 2), make_twin);
    CHECK_EQ(world_settle(1, false), -EUCLEAN);
    CHECK(strstr(world.report.reason, "another file") != NULL);
    CHECK_EQ(world_settle(1, true), 0);
    CHECK_EQ(world_read(), 0);
    CHECK_EQ(world.found_count, 16);
    world_end();
}

/* Headers with any content, and even a good checksum. */
TEST(garbled_blocks_never_crash_the_node)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        uint8_t *bytes;
        uint64_t count;
        char name[SEGMENT_NAME_BYTES];

        given_blocks(10);
        world.dice = seed;
        uint32_t number = world_segment(1, 0, 0);
        segment_name(number, name);
        CHECK_EQ(sim_disk_snapshot(world.disk, name, &bytes, &count), 0);
        struct log_block_header *header = (struct log_block_header *)(void *)(bytes + 5 * SECTOR);
        uint8_t *target = (uint8_t *)header;
        switch (seed % 4) {
        case 0:
            header->length = (uint32_t)world_roll(UINT64_C(1) << 32);
            break;
        case 1:
            header->length = (uint32_t)world_roll(LOG_BLOCK_BYTES_MAX + 100);
            break;
        case 2:
            header->section_count = (uint16_t)world_roll(65536);
            break;
        case 3:
            for (uint32_t i = 0; i < 4; i++) {
                target[60 + world_roll(60)] = (uint8_t)world_roll(256);
            }
            break;
        }
        if (header->length >= sizeof(*header) && header->length <= count - 5 * SECTOR && world_roll(2) == 0) {
            header->checksum = block_checksum(header);
        }
        world_write(number, header, SECTOR, 5 * SECTOR);
        free(bytes);
        int r = world_settle(1, false);
        CHECK(r == 0 || r == -EUCLEAN);
        if (r != 0) {
            CHECK_EQ(world_settle(1, true), 0);
        }
        (void)world_settle(1, true);
        world_end();
    }
}

/* Epochs. */

static const uint32_t stream_counts[] = {1, 3, 2, 4, 1};

TEST(every_partition_is_read_in_order_over_epochs_with_differing_stream_counts)
{
    uint64_t next[WORLD_PARTITION_COUNT] = {0};

    world_begin(9);
    for (uint32_t start = 0; start < COUNT_OF(stream_counts); start++) {
        uint32_t stream_count = stream_counts[start];

        CHECK_EQ(world_settle(stream_count, false), 0);
        for (uint32_t stream = 0; stream < stream_count; stream++) {
            world_env();
            CHECK_EQ(world_open(stream), 0);
            for (uint32_t i = 0; i < 60; i++) {
                uint32_t partition =
                    stream + stream_count * (uint32_t)world_roll(WORLD_PARTITION_COUNT / stream_count);

                if (partition < WORLD_PARTITION_COUNT) {
                    world.value_next = partition * 10000 + next[partition];
                    next[partition]++;
                    world_put(partition, 8 * (1 + (uint32_t)world_roll(12000)));
                }
            }
            world_close(); /* env and log of one shard */
        }
    }
    CHECK_EQ(world_settle(2, false), 0);
    for (uint32_t partition = 0; partition < WORLD_PARTITION_COUNT; partition++) {
        uint64_t expected = 0;

        CHECK_EQ(world_read_wanted(world_wants_one, &partition, 3), 0);
        for (uint32_t i = 0; i < world.found_count; i++) {
            if (world.found[i] / 10000 == partition) {
                CHECK_EQ(world.found[i] % 10000, expected);
                expected++;
            }
        }
        CHECK_EQ(expected, next[partition]);
        CHECK(partition == 0 || world.found_blocks < 5 * 60 * 2);
    }
    CHECK_EQ(recovery_verify(sim_disk_interface(world.disk), &world.manifest, NULL, &world.report), 0);
    world_end();
}

/* Crashes. */

/* A busy while on an open log, with whatever completes. */
static void
work(uint32_t turn_count)
{
    for (uint32_t turn = 0; turn < turn_count && !sim_disk_is_dead(world.disk); turn++) {
        uint32_t bytes = 8 * (1 + (uint32_t)world_roll(world_roll(2) == 0 ? 100 : 12000));

        for (uint32_t i = 0; i < 3; i++) {
            if (commit_log_room(world.log) >= commit_log_cost(bytes)) {
                (void)world_append((uint32_t)world_roll(WORLD_PARTITION_COUNT), bytes);
            }
        }
        if (world_roll(8) == 0) {
            commit_log_beat(world.log);
        }
        commit_log_flush(world.log);
        env_sim_release(world.env, (uint32_t)world_roll(3));
        (void)env_turn(world.env, (struct mono_ns){0});
        world.clock.wall.ms++;
    }
}

/* Starts, works and dies again and again; the disk dies at operation `at` of each life. */
static void
live_and_die(uint64_t seed, uint32_t life_count, uint64_t at)
{
    world_begin(seed);
    for (uint32_t life = 0; life < life_count; life++) {
        sim_disk_die_at(world.disk, sim_disk_operation_count(world.disk) + at + world_roll(3));
        int r = world_settle(1, false);
        if (r == 0) {
            CHECK_EQ(world_read(), 0);
            world_check_found();
            world_go_on_from_found();
            world_env();
            r = world_open(0);
            if (r == 0) {
                work(60);
            }
        }
        CHECK(r == 0 || sim_disk_is_dead(world.disk));
        CHECK(world.fatal_count == 0 || sim_disk_is_dead(world.disk));
        world_crash();
    }
    CHECK_EQ(world_settle(1, false), 0);
    CHECK_EQ(world_read(), 0);
    world_check_found();
    CHECK_EQ(recovery_verify(sim_disk_interface(world.disk), &world.manifest, NULL, &world.report), 0);
    world_end();
}

TEST(whatever_operation_the_disk_dies_at_what_was_durable_is_read_back)
{
    for (uint64_t at = 0; at < 150; at++) {
        for (uint64_t seed = 0; seed < 2; seed++) {
            live_and_die(seed * 1000 + at + 1, 3, at);
        }
    }
}

TEST(a_crash_at_any_operation_of_settling_is_followed_by_the_same_decision)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t end = 0;
        bool was_dead = true;

        for (uint64_t at = 0; was_dead; at++) {
            world_begin(seed);
            CHECK_EQ(world_start(), 0);
            work(50);
            world_crash();

            sim_disk_die_at(world.disk, sim_disk_operation_count(world.disk) + at);
            int r = world_settle(1, false);
            was_dead = sim_disk_is_dead(world.disk);
            CHECK_EQ(r == 0, !was_dead);
            sim_disk_crash(world.disk);
            CHECK_EQ(world_settle(1, false), 0);
            CHECK_EQ(world_read(), 0);
            world_check_found();
            CHECK(at == 0 || world.found_count == end);
            end = world.found_count;
            world_end();
        }
    }
}

/* The same with the checkpoint's recycling, so that segments are overwritten all the time. */
TEST(crashes_with_recycled_segments_lose_nothing_that_is_needed)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t needed = 0; /* values before it are not needed any more */

        world_begin(seed);
        for (uint32_t life = 0; life < 5; life++) {
            sim_disk_die_at(world.disk, sim_disk_operation_count(world.disk) + 30 + world_roll(150));
            if (world_settle(1, false) == 0) {
                CHECK_EQ(world_read(), 0);
                CHECK(world.found_count == 0 || world.found[0] <= needed);
                uint64_t last = world.found_count > 0 ? world.found[world.found_count - 1] + 1 : needed;
                for (uint32_t i = 1; i < world.found_count; i++) {
                    CHECK_EQ(world.found[i], world.found[i - 1] + 1);
                }
                CHECK(last >= (world.seen_count > 0 ? world.seen[world.seen_count - 1] + 1 : 0) ||
                      last == needed);
                world.seen_count = 0;
                world.value_next = last;
                world_env();
                if (world_open(0) == 0) {
                    for (uint32_t round = 0; round < 10 && !sim_disk_is_dead(world.disk); round++) {
                        struct manifest_epoch *epoch =
                            manifest_find_epoch(&world.manifest, world.report.epoch);

                        work(10);
                        if (sim_disk_is_dead(world.disk) || world.seen_count == 0) {
                            break;
                        }
                        /* A checkpoint: all that was durable is kept elsewhere, older epochs go too. */
                        epoch->stream_begins[0] = commit_log_durable(world.log);
                        while (manifest_find_epoch(&world.manifest, world.report.epoch) !=
                               &world.manifest.epochs[0]) {
                            manifest_drop_epoch(&world.manifest, 0);
                        }
                        if (manifest_save(sim_disk_interface(world.disk), &world.manifest) != 0) {
                            needed = world.seen[world.seen_count - 1] + 1; /* may be durable all the same */
                            break;
                        }
                        needed = world.seen[world.seen_count - 1] + 1;
                        for (uint64_t old = 1; old < world.report.epoch; old++) {
                            commit_log_recycle_epoch(world.log, old);
                        }
                        commit_log_recycle(world.log, commit_log_durable(world.log));
                    }
                }
            }
            world_crash();
        }
        CHECK_EQ(world_settle(1, false), 0);
        CHECK_EQ(world_read(), 0);
        CHECK(world_file_count() < 60);
        world_end();
    }
}
