/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/checker.h"

#include <stdio.h>

#include "tests/unit/log_world.h"

#define SECTOR DISK_SECTOR_BYTES

static struct checker_report report;
static char said[16][256];
static uint32_t said_count;
static uint32_t noted_count;
static uint64_t read_bytes;

static void
remember(void *context, const char *what)
{
    (void)context;
    CHECK(said_count < COUNT_OF(said));
    snprintf(said[said_count++], sizeof(said[0]), "%s", what);
}

static void
count_note(void *context, const char *what)
{
    (void)context;
    (void)what;
    noted_count++;
}

static void
count_bytes(void *context, uint64_t bytes)
{
    (void)context;
    read_bytes += bytes;
}

static int
run(void)
{
    static const struct checker checker = {.found = remember, .noted = count_note, .read = count_bytes};

    said_count = 0;
    noted_count = 0;
    read_bytes = 0;
    return checker_run(sim_disk_interface(world.disk), &checker, &report);
}

static bool
was_said(const char *words)
{
    for (uint32_t i = 0; i < said_count; i++) {
        if (strstr(said[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

/* Each a sector in the first segment, stopped in order; settled: the manifest knows how many they are. */
static void
given_blocks(uint32_t count, bool is_settled)
{
    world_begin(1);
    CHECK_EQ(world_start(), 0);
    world_drain();
    for (uint32_t i = 0; i < count; i++) {
        world_put(i % WORLD_PARTITION_COUNT, 800);
    }
    CHECK_EQ(commit_log_durable(world.log), count);
    world_close();
    if (is_settled) {
        CHECK_EQ(world_settle(1, false), 0);
    }
}

TEST(what_is_no_store_is_said)
{
    world_begin(1);
    CHECK_EQ(run(), CHECKER_NO_STORE);
    CHECK_EQ(said_count, 0);
    world_end();
}

TEST(a_log_without_its_manifest_is_damaged)
{
    struct disk *disk;

    given_blocks(3, true);
    disk = sim_disk_interface(world.disk);
    CHECK_EQ(disk->ops->unlink(disk, "manifest"), 0);
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK(was_said("manifest is missing"));
    world_end();
}

TEST(a_flipped_bit_of_the_manifest_is_named)
{
    given_blocks(3, true);
    for (uint64_t offset = 0; sim_disk_flip(world.disk, "manifest", offset, 5); offset++) {
        CHECK_EQ(run(), CHECKER_DAMAGED);
        CHECK_EQ(said_count, 1);
        CHECK(was_said("manifest is damaged"));
        CHECK(sim_disk_flip(world.disk, "manifest", offset, 5));
    }
    CHECK_EQ(run(), 0);
    world_end();
}

TEST(a_good_store_is_read_from_end_to_end)
{
    given_blocks(20, true);
    CHECK_EQ(run(), 0);
    CHECK_EQ(said_count, 0);
    CHECK_EQ(report.blocks, 20);
    CHECK(report.bytes_all >= WORLD_SEGMENT_BYTES);
    CHECK(read_bytes > 0);
    CHECK(read_bytes <= report.bytes_all);
    world_end();
}

TEST(every_damaged_place_is_named)
{
    uint32_t number;

    given_blocks(30, true);
    number = world_segment(1, 0, 0);
    world_flip(number, SECTOR * 3 + 90);  /* block 2 */
    world_flip(number, SECTOR * 11 + 90); /* blocks 10 and 11 */
    world_flip(number, SECTOR * 12 + 90);
    world_flip(number, SECTOR * 30 + 90); /* the last */
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK_EQ(said_count, 3);
    CHECK_EQ(report.found_count, 3);
    CHECK(was_said(
        ".seg at offset 12288: block 2 of epoch 1, stream 0 is bad or missing, but was durable once"));
    CHECK(was_said(".seg at offset 45056: blocks 10 to 11 of"));
    CHECK(was_said(".seg at offset 122880: block 29"));
    CHECK_EQ(report.blocks, 26);
    world_end();
}

TEST(damage_in_an_epoch_that_has_not_ended_needs_a_witness)
{
    uint32_t number;

    given_blocks(10, false);
    number = world_segment(1, 0, 0);
    world_flip(number, SECTOR * 4 + 90);
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK(was_said("at offset 16384: block 3"));
    CHECK_EQ(said_count, 1);
    world_end();

    given_blocks(10, false);
    world_flip(world_segment(1, 0, 0), SECTOR * 10 + 90); /* the last: nobody knows that it was durable */
    CHECK_EQ(run(), 0);
    CHECK_EQ(noted_count, 1);
    world_end();
}

TEST(a_bad_first_sector_is_named_and_other_files_are_read_all_the_same)
{
    given_blocks(10, true);
    world_flip(world_segment(1, 0, 0), 20);
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK(was_said("at offset 0: the first sector is bad"));
    world_end();
}

TEST(a_file_of_another_store_is_named)
{
    given_blocks(10, true);
    world.manifest.store_id.byte[0] ^= 1;
    CHECK_EQ(manifest_save(sim_disk_interface(world.disk), &world.manifest), 0);
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK(was_said("belongs to another store"));
    world_end();
}

/* Wherever the bit is, there is no store in which the checker sees less than a start does. */
TEST(whatever_stops_a_start_is_found)
{
    uint32_t found_count = 0;

    for (uint64_t offset = 0; offset < SECTOR * 12; offset += 61) {
        bool is_found;
        int r;

        given_blocks(10, true);
        world_flip(world_segment(1, 0, 0), offset);
        is_found = run() == CHECKER_DAMAGED;
        found_count += is_found;
        r = world_settle(1, false);
        r = r == 0 ? world_read() : r;
        CHECK_EQ(is_found, r == -EUCLEAN);
        world_end();
    }
    CHECK(found_count > 50);
}

/* As a checkpoint of the epoch that has ended; of its two files there is none. */
static void
given_checkpoint_without_files(void)
{
    struct disk *disk = sim_disk_interface(world.disk);
    struct manifest manifest;
    uint64_t begins[1] = {0};
    uint64_t positions[WORLD_PARTITION_COUNT] = {0};
    struct manifest_file files[2] = {{.name = "a/1.state", .bytes = 100},
                                     {.name = "b/1.state", .bytes = 200}};

    CHECK_EQ(manifest_load(disk, &manifest, world.reason), 0);
    const struct manifest_checkpoint checkpoint = {
        .number = 1,
        .epoch = 1,
        .stream_count = 1,
        .position_count = WORLD_PARTITION_COUNT,
        .file_count = 2,
        .stream_begins = begins,
        .positions = positions,
        .files = files,
    };
    CHECK_EQ(manifest_add_checkpoint(&manifest, &checkpoint), 0);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    manifest_deinit(&manifest);
}

TEST(each_missing_state_file_is_named_beside_a_damaged_log)
{
    given_blocks(10, true);
    given_checkpoint_without_files();
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK_EQ(said_count, 2);
    CHECK(was_said("a/1.state at offset 0: the file is missing"));
    CHECK(was_said("b/1.state at offset 0: the file is missing"));
    CHECK(read_bytes <= report.bytes_all);
    world_flip(world_segment(1, 0, 0), SECTOR * 3 + 90);
    CHECK_EQ(run(), CHECKER_DAMAGED);
    CHECK_EQ(report.found_count, 3);
    world_end();
}
