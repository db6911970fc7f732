/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/state_file.h"

#include <errno.h>
#include <stdlib.h>

#include "core/env_sim.h"
#include "core/hash.h"
#include "core/here.h"
#include "tests/check.h"

#define CHECKPOINT 42u
#define NAME "state/a.state"

static const struct uuid store_id = {.byte = {1, 2, 3}};
static struct sim_disk *sim;
static struct disk *disk;
static struct env *env;
static struct sim_clock now;
static struct state_writer *writer;
static char reason[MANIFEST_REASON_BYTES];

static void
given_a_writer(struct sim_disk_options options)
{
    here = (struct shard_id){.n = 0};
    sim = sim_disk_create(options);
    disk = sim_disk_interface(sim);
    CHECK_EQ(disk->ops->make_folder(disk, "state"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    env = env_sim_create(sim, &now, 5);
    CHECK_EQ(state_writer_create(env, &writer), 0);
}

static void
end(void)
{
    env_close(env);
    state_writer_destroy(writer);
    sim_disk_destroy(sim);
}

static void
let_it_write(void)
{
    env_sim_release(env, UINT32_MAX);
    env_turn(env, (struct mono_ns){.ns = 0});
}

/* The number-th item of the file is `number` in all its words. */
static uint32_t
item_bytes(uint32_t number)
{
    return number % 7 == 6 ? STATE_ITEM_BYTES_MAX : 8 + number % 5 * 4000;
}

static void
add(uint32_t number)
{
    uint64_t *item;

    while ((item = state_writer_add(writer, (uint16_t)(1 + number / 10), 3, item_bytes(number))) == NULL) {
        CHECK(env_sim_pending(env) > 0);
        let_it_write();
    }
    for (uint32_t i = 0; i < item_bytes(number) / 8; i++) {
        item[i] = number;
    }
}

static struct manifest_file
written(uint32_t item_count)
{
    struct manifest_file file;
    int r;

    state_writer_begin(writer, NAME, store_id, CHECKPOINT);
    for (uint32_t i = 0; i < item_count; i++) {
        add(i);
    }
    while (!state_writer_may_end(writer)) {
        let_it_write();
    }
    CHECK_EQ(state_writer_result(writer, &file), STATE_LATER);
    state_writer_end(writer);
    while ((r = state_writer_result(writer, &file)) == STATE_LATER) {
        CHECK(!state_writer_leave(writer));
        let_it_write();
    }
    CHECK_EQ(r, 0);
    CHECK(state_writer_leave(writer));
    CHECK(state_writer_leave(writer));
    return file;
}

/* How many items were read back; what ended it is in out_result. */
static uint32_t
read_back(const struct manifest_file *file, int *out_result)
{
    struct state_reader *reader;
    struct state_section section;
    uint32_t number = 0;
    int r = state_reader_open(disk, file, store_id, CHECKPOINT, reason, &reader);

    if (r != 0) {
        *out_result = r;
        return 0;
    }
    while ((r = state_reader_next(reader, &section)) == 0) {
        const uint64_t *word = (const void *)section.items;

        CHECK_EQ(section.version, 3);
        for (uint32_t i = 0; i < section.count; i++, number++) {
            CHECK_EQ(section.type, 1 + number / 10);
            for (uint32_t k = 0; k < item_bytes(number) / 8; k++) {
                CHECK_EQ(*word++, number);
            }
        }
        CHECK_EQ((const uint8_t *)word - section.items, section.bytes);
    }
    state_reader_close(reader);
    *out_result = r;
    return number;
}

static void
replace(const uint8_t *bytes, uint64_t count)
{
    struct disk_file file;

    (void)disk->ops->unlink(disk, NAME);
    CHECK_EQ(disk->ops->open(disk, NAME, DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(count > 0 ? disk->ops->write(disk, file, bytes, count, 0) : 0, 0);
    disk->ops->close(disk, file);
}

TEST(what_is_written_is_read_back_in_order)
{
    static const uint32_t counts[] = {0, 1, 9, 10, 11, 200};
    int r;

    for (uint32_t i = 0; i < COUNT_OF(counts); i++) {
        given_a_writer((struct sim_disk_options){.seed = i});
        struct manifest_file file = written(counts[i]);

        CHECK_EQ(file.bytes % DISK_SECTOR_BYTES, 0);
        CHECK_TEXT(file.name, NAME);
        CHECK_EQ(read_back(&file, &r), counts[i]);
        CHECK_EQ(r, STATE_END);
        CHECK_EQ(state_file_verify(disk, &file, store_id, CHECKPOINT, reason), 0);
        end();
    }
}

TEST(a_flipped_bit_anywhere_and_a_cut_anywhere_is_damage_with_its_place)
{
    uint8_t *bytes;
    uint64_t count;

    given_a_writer((struct sim_disk_options){.seed = 1});
    struct manifest_file file = written(3);

    CHECK_EQ(sim_disk_snapshot(sim, NAME, &bytes, &count), 0);
    CHECK_EQ(count, file.bytes);
    for (uint64_t i = 0; i < count; i += i < 200 ? 1 : 61) {
        bytes[i] ^= 0x10;
        replace(bytes, count);
        bytes[i] ^= 0x10;
        int r = state_file_verify(disk, &file, store_id, CHECKPOINT, reason);
        CHECK_EQ(r, -EUCLEAN);
        CHECK(strstr(reason, NAME " at offset ") != NULL);
        replace(bytes, i);
        CHECK_EQ(state_file_verify(disk, &file, store_id, CHECKPOINT, reason), -EUCLEAN);
        struct manifest_file cut = file;
        cut.bytes = i; /* as if the manifest had been told so */
        CHECK_EQ(state_file_verify(disk, &cut, store_id, CHECKPOINT, reason), -EUCLEAN);
    }
    free(bytes);
    end();
}

TEST(a_missing_file_another_file_and_a_newer_one_are_refused)
{
    struct uuid other_id = {.byte = {9}};
    uint8_t *bytes;
    uint64_t count;
    uint16_t version = STATE_FORMAT_VERSION + 1;

    given_a_writer((struct sim_disk_options){.seed = 1});
    struct manifest_file file = written(30);
    struct manifest_file other = file;

    CHECK_EQ(state_file_verify(disk, &file, other_id, CHECKPOINT, reason), -EUCLEAN);
    CHECK_EQ(state_file_verify(disk, &file, store_id, CHECKPOINT + 1, reason), -EUCLEAN);
    other.checksum++;
    CHECK_EQ(state_file_verify(disk, &other, store_id, CHECKPOINT, reason), -EUCLEAN);
    CHECK(strstr(reason, "manifest") != NULL);

    CHECK_EQ(sim_disk_snapshot(sim, NAME, &bytes, &count), 0);
    memcpy(bytes + 4, &version, sizeof(version));
    memset(bytes + 36, 0, 4);
    uint32_t checksum = checksum32(bytes, 40);
    memcpy(bytes + 36, &checksum, sizeof(checksum));
    replace(bytes, count);
    CHECK_EQ(state_file_verify(disk, &file, store_id, CHECKPOINT, reason), -ENOTSUP);
    CHECK(strstr(reason, "newer") != NULL);
    free(bytes);

    CHECK_EQ(disk->ops->unlink(disk, NAME), 0);
    CHECK_EQ(state_file_verify(disk, &file, store_id, CHECKPOINT, reason), -EUCLEAN);
    CHECK(strstr(reason, "missing") != NULL);
    end();
}

TEST(an_owner_who_does_not_understand_says_where)
{
    struct state_reader *reader;
    struct state_section section;

    given_a_writer((struct sim_disk_options){.seed = 1});
    struct manifest_file file = written(30);

    CHECK_EQ(state_reader_open(disk, &file, store_id, CHECKPOINT, reason, &reader), 0);
    CHECK_EQ(state_reader_next(reader, &section), 0);
    CHECK_EQ(state_reader_bad(reader, "no sense"), -EUCLEAN);
    CHECK_TEXT(reason, NAME " at offset 40: no sense");
    CHECK_EQ(state_reader_newer(reader), -ENOTSUP);
    state_reader_close(reader);
    end();
}

TEST(a_fault_of_the_disk_is_kept_and_nothing_more_is_taken)
{
    struct manifest_file file;

    given_a_writer((struct sim_disk_options){.seed = 3, .write_fails_permille = 1000});
    state_writer_begin(writer, NAME, store_id, CHECKPOINT);
    let_it_write();
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(state_writer_add(writer, 1, 1, STATE_ITEM_BYTES_MAX) != NULL || i > 1);
        let_it_write();
    }
    CHECK(state_writer_add(writer, 1, 1, 8) == NULL);
    CHECK(!state_writer_may_end(writer));
    CHECK_EQ(state_writer_result(writer, &file), -EIO);
    CHECK(state_writer_leave(writer));

    /* A name that is there is a fault too. */
    state_writer_begin(writer, NAME, store_id, CHECKPOINT + 1);
    let_it_write();
    CHECK_EQ(state_writer_result(writer, &file), -EEXIST);
    CHECK(state_writer_leave(writer));
    end();
}

TEST(a_file_that_was_given_up_leaves_the_writer_free_for_the_next)
{
    given_a_writer((struct sim_disk_options){.seed = 3});
    state_writer_begin(writer, "state/b.state", store_id, CHECKPOINT);
    CHECK(!state_writer_leave(writer)); /* it is being opened */
    let_it_write();
    CHECK(state_writer_add(writer, 1, 1, 8) != NULL);
    CHECK(state_writer_leave(writer));
    (void)written(20);
    end();
}

TEST(what_said_that_it_is_durable_survives_a_crash)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        int r;

        given_a_writer((struct sim_disk_options){.seed = seed});
        struct manifest_file file = written(40);

        CHECK_EQ(disk->ops->sync_folder(disk, "state"), 0);
        env_close(env);
        sim_disk_crash(sim);
        CHECK_EQ(read_back(&file, &r), 40);
        CHECK_EQ(r, STATE_END);
        state_writer_destroy(writer);
        sim_disk_destroy(sim);
    }
}
