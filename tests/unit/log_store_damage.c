/* SPDX-License-Identifier: Apache-2.0 */

/* What is not as it was written is found, and said with its file and place; and what a disk refuses. */

#include "tests/unit/log_store_world.h"

#define BYTES 300u

static const char *
in_reason(const char *words)
{
    return strstr(world.reason, words);
}

static void
given_a_cut(uint32_t count)
{
    world_begin(1);
    for (uint32_t key = 0; key < count; key++) {
        world_add(key, BYTES);
    }
    world_cut();
}

static void
then_a_start_finds_damage(const char *words)
{
    struct log_store_verified verified;
    struct world_cut *cut = world.cuts[0];

    world_crash();
    world.reason[0] = '\0';
    CHECK_EQ(log_store_verify(sim_disk_interface(world.disk), WORLD_NAME, &world.options.store_id,
                              cut->description, cut->bytes, &verified, world.reason),
             -EUCLEAN);
    CHECK(in_reason(WORLD_NAME) != NULL);
    CHECK(in_reason(words) != NULL);
    world.reason[0] = '\0';
    CHECK_EQ(world_restore(cut), -EUCLEAN);
    CHECK(in_reason(WORLD_NAME) != NULL);
    CHECK(in_reason(words) != NULL);
}

/* Of the first run: header, a record's header, its key, its payload, the last record. */
TEST(a_flipped_bit_is_found)
{
    static const uint32_t offsets[] = {0,  4,  8,  24, 28, 32, 36, 40,  48,  56,
                                       60, 64, 68, 71, 72, 87, 88, 387, 388, 60000};

    for (uint32_t i = 0; i < COUNT_OF(offsets); i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            given_a_cut(400);
            CHECK(sim_disk_flip(world.disk, WORLD_NAME, offsets[i], bit));
            then_a_start_finds_damage(offsets[i] < 64 ? "offset 0" : "the checksum of a record is wrong");
            world_end();
        }
    }
}

static void
write_at(const void *bytes, uint64_t count, uint64_t offset)
{
    struct disk *disk = sim_disk_interface(world.disk);
    struct disk_file file;

    CHECK_EQ(disk->ops->open(disk, WORLD_NAME, DISK_OPEN_EXISTING, &file), 0);
    CHECK_EQ(disk->ops->write(disk, file, bytes, count, offset), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    disk->ops->close(disk, file);
}

TEST(a_page_in_another_ones_place_is_found)
{
    uint8_t *bytes;
    uint64_t count;

    given_a_cut(400);
    CHECK_EQ(sim_disk_snapshot(world.disk, WORLD_NAME, &bytes, &count), 0);
    CHECK(count > 2 * WORLD_PAGE_BYTES);
    write_at(bytes, DISK_SECTOR_BYTES, WORLD_PAGE_BYTES);
    free(bytes);
    then_a_start_finds_damage("this belongs elsewhere");
    world_end();
}

TEST(a_page_without_its_header_is_found)
{
    static const uint8_t zeros[DISK_SECTOR_BYTES];

    given_a_cut(400);
    write_at(zeros, sizeof(zeros), WORLD_PAGE_BYTES);
    then_a_start_finds_damage("at offset 65536: no pages were written here");
    world_end();
}

/* The second run of a page is lost: what is there is what the same page had in an earlier life. */
TEST(a_write_that_was_lost_is_found)
{
    uint8_t *bytes;
    uint64_t count;

    given_a_cut(10);
    for (uint32_t key = 0; key < 10; key++) {
        world_look(key, BYTES);
    }
    log_store_cut(world.store, 50);
    world_drain();
    CHECK_EQ(sim_disk_snapshot(world.disk, WORLD_NAME, &bytes, &count), 0);
    world_crash();
    CHECK_EQ(world_restore(world.cuts[0]), 0); /* 50 never had a manifest */
    world.cut_next = 50;
    for (uint32_t key = 0; key < 10; key++) {
        world_look(key, BYTES);
    }
    world_cut();
    /* Wherever the new life wrote, there is what the old one had, or nothing. */
    uint8_t *newer;
    uint64_t newer_count;
    CHECK_EQ(sim_disk_snapshot(world.disk, WORLD_NAME, &newer, &newer_count), 0);
    memset(newer, 0, newer_count);
    memcpy(newer, bytes, count < newer_count ? count : newer_count);
    write_at(newer, newer_count, 0);
    free(bytes);
    free(newer);
    then_a_start_finds_damage("at offset ");
    world_end();
}

TEST(a_file_that_is_missing_or_short_is_found)
{
    struct disk *disk;

    given_a_cut(400);
    disk = sim_disk_interface(world.disk);
    world_close();
    CHECK_EQ(disk->ops->unlink(disk, WORLD_NAME), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, "slices"), 0);
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    CHECK(in_reason("the file is missing") != NULL);
    world_close();

    struct disk_file file;
    CHECK_EQ(disk->ops->open(disk, WORLD_NAME, DISK_OPEN_CREATE, &file), 0);
    disk->ops->close(disk, file);
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    CHECK(in_reason("ends before") != NULL);
    world_end();
}

TEST(a_store_of_somebody_else_is_refused)
{
    given_a_cut(10);
    world_crash();
    world.options.store_id.byte[0] ^= 1;
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    world_close();
    world.options.store_id.byte[0] ^= 1;
    world.options.number++;
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    world_close();
    world.options.number--;
    world.options.page_bytes *= 2;
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    CHECK(in_reason("pages of another kind") != NULL);
    world_close();
    world.options.page_bytes /= 2;
    world.options.is_indexed = false;
    CHECK_EQ(world_restore(world.cuts[0]), -EUCLEAN);
    world_close();
    world.options.is_indexed = true;
    CHECK_EQ(world_restore(world.cuts[0]), 0);
    world_check_all();
    world_end();
}

TEST(a_description_that_is_damaged_is_refused)
{
    struct log_description description;

    given_a_cut(400);
    struct world_cut *cut = world.cuts[0];
    uint8_t *bytes = cut->description;
    for (uint64_t i = 0; i < cut->bytes * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK_EQ(log_description_read(WORLD_NAME, bytes, cut->bytes, &description, world.reason), -EUCLEAN);
        CHECK(in_reason(WORLD_NAME) != NULL);
        log_description_deinit(&description);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (uint64_t i = 0; i < cut->bytes; i++) {
        CHECK_EQ(log_description_read(WORLD_NAME, bytes, i, &description, world.reason), -EUCLEAN);
    }
    CHECK_EQ(log_description_read(WORLD_NAME, bytes, cut->bytes, &description, world.reason), 0);
    log_description_deinit(&description);
    world_end();
}

/* The checksum is right, as a mistake of ours or malice would have it. */
static int
read_changed(struct world_cut *cut, uint64_t at, uint32_t value)
{
    struct log_description description;
    uint8_t *bytes = malloc(cut->bytes);
    struct log_description_head *head = (struct log_description_head *)(void *)bytes;

    memcpy(bytes, cut->description, cut->bytes);
    memcpy(bytes + at, &value, sizeof(value));
    head->checksum = 0;
    head->checksum = checksum32(bytes, cut->bytes);
    int r = log_description_read(WORLD_NAME, bytes, cut->bytes, &description, world.reason);
    log_description_deinit(&description);
    free(bytes);
    return r;
}

TEST(a_description_of_a_newer_version_is_refused_with_a_reason)
{
    given_a_cut(10);
    CHECK_EQ(read_changed(world.cuts[0], 4, 2), -ENOTSUP);
    CHECK_TEXT(world.reason, WORLD_NAME ": of format version 2; this program knows versions up to 1");
    CHECK_EQ(read_changed(world.cuts[0], 4, 1), 0);
    world_end();
}

TEST(no_numbers_in_a_description_lead_astray)
{
    static const uint32_t values[] = {0, 1, 7, 4095, 4096, 65536, 0x7fffffff, 0xffffffff};

    given_a_cut(400);
    for (uint64_t at = 4; at + 4 <= world.cuts[0]->bytes; at += 4) {
        for (uint32_t i = 0; i < COUNT_OF(values); i++) {
            int r = read_changed(world.cuts[0], at, values[i]);
            CHECK(r == 0 || r == -EUCLEAN || r == -ENOTSUP);
        }
    }
    world_end();
}

TEST(what_is_whole_is_verified)
{
    struct log_store_verified verified;

    given_a_cut(400);
    CHECK_EQ(log_store_verify(sim_disk_interface(world.disk), WORLD_NAME, &world.options.store_id,
                              world.cuts[0]->description, world.cuts[0]->bytes, &verified, world.reason),
             0);
    CHECK_EQ(verified.page_count, 3);
    CHECK_EQ(verified.run_count, 3);
    CHECK_EQ(verified.record_count, 400);
    CHECK_EQ(verified.bytes, 400 * (24 + 304) + 3 * 64);
    world_end();
}

static void
given_cold_records(void)
{
    world_begin(1);
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    for (uint32_t key = 0; key < 2000; key++) {
        world_add(key, BYTES);
        if (key % 50 == 49) {
            world_drain();
        }
    }
    world_drain();
}

TEST(a_cold_record_that_is_damaged_is_fatal_with_its_place)
{
    given_cold_records();
    CHECK(sim_disk_flip(world.disk, WORLD_NAME, 64 + 328 + 100, 3));
    world_look(1, UINT32_MAX);
    world_look(0, UINT32_MAX);
    world_look(1, UINT32_MAX);
    world_drain();
    CHECK_EQ(world.fault, -EUCLEAN);
    CHECK(strstr(world.what, WORLD_NAME " at offset 392: the checksum of a record is wrong") != NULL);
    world_end();
}

TEST(a_cold_record_whose_length_is_damaged_is_fatal)
{
    for (uint32_t bit = 0; bit < 8; bit++) {
        given_cold_records();
        CHECK(sim_disk_flip(world.disk, WORLD_NAME, 64 + 328 + 4 + 2, bit));
        world_look(1, UINT32_MAX);
        world_drain();
        CHECK_EQ(world.fault, -EUCLEAN);
        world_end();
    }
}

TEST(damage_that_collecting_meets_is_fatal)
{
    given_cold_records();
    CHECK(sim_disk_flip(world.disk, WORLD_NAME, 64 + 328 + 100, 3));
    for (uint32_t i = 0; i < 100000 && world.fault == 0; i++) {
        world_look(2 + (uint32_t)world_dice(1998), BYTES);
        if (i % 20 == 0) {
            world_drain();
        }
    }
    CHECK_EQ(world.fault, -EUCLEAN);
    CHECK(strstr(world.what, "at offset 392") != NULL);
    world_end();
}

TEST(a_write_that_fails_is_fatal_once)
{
    world_begin_disk((struct sim_disk_options){.seed = 1, .write_fails_permille = 1000});
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    for (uint32_t key = 0; key < 1000; key++) {
        world_add(key, BYTES);
    }
    log_store_cut(world.store, 1);
    world_drain();
    CHECK_EQ(world.fault, -EIO);
    CHECK(strstr(world.what, "writing failed") != NULL);
    CHECK(!log_store_is_cut_durable(world.store));
    world_check_all(); /* what is in memory is still there */
    world_end();
}

/* A disk without room. */

static struct env_ops full_ops;
static bool is_full;
static void (*real_write)(struct env *env, struct env_op *op, struct disk_file file, const void *buffer,
                          uint64_t bytes, uint64_t offset);

static int
say_full(void *context)
{
    (void)context;
    return -ENOSPC;
}

static void
write_unless_full(struct env *env, struct env_op *op, struct disk_file file, const void *buffer,
                  uint64_t bytes, uint64_t offset)
{
    if (is_full) {
        env_side(env, op, say_full, NULL);
        return;
    }
    real_write(env, op, file, buffer, bytes, offset);
}

TEST(a_full_disk_is_waited_for_and_nothing_leaves_memory_meanwhile)
{
    world_begin(1);
    full_ops = *world.env->ops;
    real_write = full_ops.write;
    full_ops.write = write_unless_full;
    world.env->ops = &full_ops;
    log_store_set_memory(world.store, 4 * WORLD_PAGE_BYTES);
    is_full = true;
    CHECK(!log_store_is_behind(world.store));
    for (uint32_t key = 0; key < 2000; key++) {
        world_add(key, BYTES);
        world_drain();
    }
    CHECK(log_store_is_disk_full(world.store));
    CHECK(log_store_is_behind(world.store));
    CHECK(log_store_counts(world.store).resident_bytes > 8 * WORLD_PAGE_BYTES);
    CHECK_EQ(log_store_counts(world.store).written_bytes, 0);
    world_check_all();
    CHECK_EQ(log_store_counts(world.store).cold_reads, 0);

    world_drain(); /* not before its time */
    CHECK_EQ(env_sim_pending(world.env), 0);
    is_full = false;
    world_drain();
    CHECK(log_store_is_disk_full(world.store));
    world.clock.mono.ns += NS_PER_S;
    world_drain();
    CHECK(!log_store_is_disk_full(world.store));
    CHECK(!log_store_is_behind(world.store));
    CHECK(log_store_counts(world.store).resident_bytes <= 4 * WORLD_PAGE_BYTES);
    CHECK_EQ(world.fault, 0);
    world_cut();
    world_crash();
    CHECK_EQ(world_restore(world.cuts[0]), 0);
    world_check_all();
    world_end();
}
