/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/segment.h"

#include <stdlib.h>

#include "core/env_sim.h"
#include "storage/commit_log.h"
#include "tests/check.h"

#define FILE_BYTES (64u << 10)

static struct sim_disk *sim;
static struct disk *disk;
static const struct uuid store_id = {.byte = {1, 2, 3}};

static void
given_a_disk(uint64_t seed)
{
    struct disk_file file;

    sim = sim_disk_create((struct sim_disk_options){.seed = seed});
    disk = sim_disk_interface(sim);
    /* sim_disk_crash() before the first open() would memset(NULL, 0, 0), which the sanitizer does not like. */
    CHECK_EQ(disk->ops->open(disk, "touched", DISK_OPEN_CREATE, &file), 0);
    disk->ops->close(disk, file);
    CHECK_EQ(disk->ops->make_folder(disk, SEGMENT_FOLDER), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
}

static int
prepare(uint32_t number, enum segment_origin origin, uint64_t epoch, uint32_t stream, uint32_t index)
{
    struct segment_header header = {.store_id = store_id,
                                    .epoch = epoch,
                                    .stream = stream,
                                    .index = index,
                                    .generation = 1,
                                    .bytes = FILE_BYTES};
    struct disk_file file;
    int r = segment_prepare(disk, number, origin, &header, &file);

    if (r == 0) {
        disk->ops->close(disk, file);
    }
    return r;
}

TEST(names_have_eight_digits)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(42, name);
    CHECK_TEXT(name, "log/00000042.seg");
    CHECK_DIES(segment_name(0, name));
    CHECK_DIES(segment_name(SEGMENT_NUMBER_MAX + 1, name));
}

TEST(the_list_is_in_order_and_others_numbers_and_files_are_left_out)
{
    struct segment_list list;
    struct disk_file file;
    uint32_t count;

    given_a_disk(1);
    CHECK_EQ(prepare(5, SEGMENT_NEW, 1, 0, 1), 0);
    CHECK_EQ(prepare(9, SEGMENT_NEW, 1, 0, 0), 0);
    CHECK_EQ(prepare(6, SEGMENT_NEW, 1, 1, 0), 0);
    CHECK_EQ(prepare(1, SEGMENT_NEW, 2, 0, 0), 0);
    CHECK_EQ(disk->ops->open(disk, "log/00000003.seg", DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->open(disk, "log/0000000a.seg", DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->open(disk, "log/notes", DISK_OPEN_CREATE, &file), 0);

    CHECK_EQ(segment_list_read(disk, &store_id, 1, 0, &list), 0);
    CHECK_EQ(list.count, 5);
    CHECK_EQ(list.number_max, 9);
    CHECK_EQ(list.segments[0].number, 9);
    CHECK_EQ(list.segments[1].number, 5);
    CHECK_EQ(list.segments[2].number, 6);
    CHECK_EQ(list.segments[3].number, 1);
    CHECK_EQ(list.segments[4].number, 3);
    CHECK_EQ(list.segments[4].state, SEGMENT_DAMAGED);
    CHECK_EQ(segment_list_find(&list, 1, 0, &count), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(segment_list_find(&list, 1, 1, &count), 2);
    CHECK_EQ(count, 1);
    (void)segment_list_find(&list, 3, 0, &count);
    CHECK_EQ(count, 0);
    segment_list_deinit(&list);

    CHECK_EQ(segment_list_read(disk, &store_id, 2, 0, &list), 0);
    CHECK_EQ(list.count, 1);
    CHECK_EQ(list.segments[0].number, 6);
    segment_list_deinit(&list);
    sim_disk_destroy(sim);
}

TEST(no_folder_is_no_segments)
{
    struct segment_list list;

    sim = sim_disk_create((struct sim_disk_options){.seed = 1});
    disk = sim_disk_interface(sim);
    CHECK_EQ(segment_list_read(disk, &store_id, 1, 0, &list), 0);
    CHECK_EQ(list.count, 0);
    segment_list_deinit(&list);
    sim_disk_destroy(sim);
}

TEST(a_crash_while_preparing_leaves_what_was_a_good_one_or_a_damaged_one)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        bool was_dead = true;

        for (uint64_t at = 0; was_dead; at++) {
            struct segment_list list;

            given_a_disk(seed * 100 + at);
            if (seed % 2 == 1) {
                CHECK_EQ(prepare(1, SEGMENT_NEW, 1, 0, 7), 0);
            }
            sim_disk_die_at(sim, sim_disk_operation_count(sim) + at);
            int r = prepare(1, seed % 2 == 1 ? SEGMENT_RECYCLED : SEGMENT_NEW, 2, 0, 8);
            was_dead = sim_disk_is_dead(sim);
            sim_disk_crash(sim);
            CHECK_EQ(segment_list_read(disk, &store_id, 1, 0, &list), 0);
            CHECK(r != 0 || (list.count == 1 && list.segments[0].header.index == 8));
            for (uint32_t i = 0; i < list.count; i++) {
                const struct segment *segment = &list.segments[i];

                CHECK(segment->state == SEGMENT_DAMAGED || segment->state == SEGMENT_OURS);
                CHECK(segment->state == SEGMENT_DAMAGED || segment->header.index == 7 ||
                      segment->header.index == 8);
                CHECK(segment->state == SEGMENT_DAMAGED || segment->bytes == FILE_BYTES);
            }
            segment_list_deinit(&list);
            CHECK_EQ(prepare(1, SEGMENT_NEW, 3, 0, 0), 0); /* over what is left */
            sim_disk_destroy(sim);
        }
    }
}

/* Blocks. */

static uint8_t sector[DISK_SECTOR_BYTES] __attribute__((aligned(16)));
static struct log_block_header *const header = (struct log_block_header *)(void *)sector;
static const struct block_place place = {
    .store_id = {.byte = {1, 2, 3}}, .epoch = 4, .stream = 5, .segment = 6};

static void
given_a_block(void)
{
    struct log_section *section = (struct log_section *)(void *)(header + 1);

    memset(sector, 0xee, sizeof(sector));
    *header = (struct log_block_header){
        .magic = LOG_BLOCK_MAGIC,
        .version = LOG_FORMAT_VERSION,
        .section_count = 1,
        .store_id = place.store_id,
        .epoch = 4,
        .stream = 5,
        .segment = 6,
        .length = sizeof(*header) + sizeof(*section) + 32,
        .sequence = 3,
        .acked = 3,
    };
    *section = (struct log_section){.partition = 1, .count = 2, .bytes = 32};
    header->checksum = block_checksum(header);
}

static int
check_with_good_checksum(void)
{
    header->checksum = block_checksum(header);
    return block_check(header, sizeof(sector), &place);
}

TEST(a_good_block_is_good_in_its_place_only)
{
    struct block_place other = place;

    given_a_block();
    CHECK_EQ(block_check(header, sizeof(sector), &place), 0);
    other.segment++;
    CHECK_EQ(block_check(header, sizeof(sector), &other), BLOCK_BAD);
    other = place;
    other.stream++;
    CHECK_EQ(block_check(header, sizeof(sector), &other), BLOCK_BAD);
    other = place;
    other.epoch++;
    CHECK_EQ(block_check(header, sizeof(sector), &other), BLOCK_BAD);
    other = place;
    other.store_id.byte[15] = 1;
    CHECK_EQ(block_check(header, sizeof(sector), &other), BLOCK_BAD);
}

TEST(every_flipped_bit_of_a_block_is_noticed)
{
    given_a_block();
    for (uint32_t bit = 0; bit < header->length * 8; bit++) {
        given_a_block();
        sector[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(block_check(header, sizeof(sector), &place) != 0);
    }
}

TEST(a_block_that_makes_no_sense_is_bad_even_with_a_good_checksum)
{
    struct log_section *section = (struct log_section *)(void *)(header + 1);

    given_a_block();
    section->bytes = 40;
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    section->bytes = UINT32_MAX - 7;
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    section->bytes = 24; /* something is left */
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    given_a_block();
    header->section_count = 2;
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    header->section_count = 0;
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    given_a_block();
    header->acked = 4;
    CHECK_EQ(check_with_good_checksum(), BLOCK_TORN);
    given_a_block();
    header->version++;
    CHECK_EQ(check_with_good_checksum(), BLOCK_NEWER);
}

TEST(lengths_are_looked_at_before_they_are_used)
{
    given_a_block();
    header->length = 71;
    CHECK_EQ(block_check(header, sizeof(sector), &place), BLOCK_TORN);
    header->length = 0;
    CHECK_EQ(block_check(header, sizeof(sector), &place), BLOCK_TORN);
    header->length = UINT32_MAX;
    CHECK_EQ(block_check(header, sizeof(sector), &place), BLOCK_TORN);
    header->length = sizeof(sector) + 1;
    CHECK_EQ(block_check(header, sizeof(sector), &place), BLOCK_MORE);
}
