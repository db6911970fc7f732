/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/manifest.h"

#include <errno.h>
#include <stdlib.h>

#include "core/env_sim.h"
#include "core/hash.h"
#include "tests/check.h"

static struct sim_disk *sim;
static struct disk *disk;
static char reason[MANIFEST_REASON_BYTES];

static uint64_t
dice(void *context)
{
    return *(uint64_t *)context += UINT64_C(0x9e3779b97f4a7c15);
}

static void
given_a_disk(uint64_t seed)
{
    sim = sim_disk_create((struct sim_disk_options){.seed = seed});
    disk = sim_disk_interface(sim);
}

/* In epoch 2, which has two streams. */
static void
add_checkpoint(struct manifest *manifest, uint64_t number, uint64_t epoch, uint64_t begin)
{
    uint64_t begins[3] = {begin, begin + 1, begin + 2};
    uint64_t positions[16] = {7, 8, number};
    struct manifest_file files[2] = {{.name = "a/1", .bytes = 4096, .checksum = 77}, {.name = "b/1"}};

    CHECK_EQ(
        manifest_add_checkpoint(manifest, &(struct manifest_checkpoint){.number = number,
                                                                        .epoch = epoch,
                                                                        .stream_count = epoch == 1 ? 3 : 2,
                                                                        .position_count = 16,
                                                                        .file_count = 2,
                                                                        .rules_version = 5,
                                                                        .stream_begins = begins,
                                                                        .positions = positions,
                                                                        .files = files}),
        0);
}

/* Two epochs, one with three streams that ended, and two checkpoints. */
static struct manifest
a_manifest(void)
{
    struct manifest manifest;
    uint64_t state = 1;
    uint64_t epoch;

    CHECK_EQ(manifest_create(&manifest, 16, 8, dice, &state), 0);
    manifest.rules_version = 3;
    manifest.wall_floor.ms = -5;
    CHECK_EQ(manifest_add_epoch(&manifest, 3, &epoch), 0);
    CHECK_EQ(epoch, 1);
    CHECK_EQ(manifest_add_epoch(&manifest, 2, &epoch), 0);
    CHECK_EQ(epoch, 2);
    manifest.epochs[0].is_ended = true;
    for (uint32_t i = 0; i < 3; i++) {
        manifest.epochs[0].stream_begins[i] = i;
        manifest.epochs[0].stream_ends[i] = 100 + i;
        manifest.epochs[0].segment_ends[i] = 10 + i;
    }
    add_checkpoint(&manifest, 4, 1, 0);
    add_checkpoint(&manifest, 6, 2, 50);
    return manifest;
}

static void
check_is_a_manifest(const struct manifest *manifest)
{
    struct manifest expected = a_manifest();

    CHECK(uuid_equal(manifest->store_id, expected.store_id));
    CHECK_BYTES(manifest->secret, expected.secret, sizeof(expected.secret));
    CHECK_EQ(manifest->partition_count, 16);
    CHECK_EQ(manifest->slice_count, 8);
    CHECK_EQ(manifest->rules_version, 3);
    CHECK_EQ(manifest->wall_floor.ms, -5);
    CHECK_EQ(manifest->epoch_count, 2);
    CHECK_EQ(manifest->epochs[0].stream_count, 3);
    CHECK(manifest->epochs[0].is_ended);
    CHECK_EQ(manifest->epochs[0].stream_begins[2], 2);
    CHECK_EQ(manifest->epochs[0].stream_ends[2], 102);
    CHECK_EQ(manifest->epochs[0].segment_ends[2], 12);
    CHECK_EQ(manifest->epochs[1].epoch, 2);
    CHECK(!manifest->epochs[1].is_ended);
    CHECK_EQ(manifest->checkpoint_count, 2);
    CHECK_EQ(manifest->checkpoints[0].number, 4);
    CHECK_EQ(manifest->checkpoints[0].epoch, 1);
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(manifest);
    CHECK_EQ(newest->number, 6);
    CHECK_EQ(newest->stream_count, 2);
    CHECK_EQ(newest->stream_begins[1], 51);
    CHECK_EQ(newest->positions[2], 6);
    CHECK_EQ(newest->rules_version, 5);
    CHECK_EQ(newest->file_count, 2);
    CHECK_TEXT(newest->files[0].name, "a/1");
    CHECK_EQ(newest->files[0].bytes, 4096);
    CHECK_EQ(newest->files[0].checksum, 77);
    manifest_deinit(&expected);
}

static void
replace(const uint8_t *bytes, uint64_t count)
{
    struct disk_file file;

    (void)disk->ops->unlink(disk, "manifest");
    CHECK_EQ(disk->ops->open(disk, "manifest", DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(count > 0 ? disk->ops->write(disk, file, bytes, count, 0) : 0, 0);
    disk->ops->close(disk, file);
}

TEST(an_empty_directory_has_no_manifest)
{
    struct manifest manifest;

    given_a_disk(1);
    CHECK_EQ(manifest_load(disk, &manifest, reason), MANIFEST_NONE);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

TEST(what_is_saved_is_loaded)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;

    given_a_disk(1);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(manifest_load(disk, &loaded, reason), 0);
    check_is_a_manifest(&loaded);
    manifest_deinit(&loaded);
    manifest_deinit(&loaded);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

TEST(dropped_epochs_are_gone_and_numbers_are_not_used_again)
{
    struct manifest manifest = a_manifest();
    uint64_t epoch;

    CHECK_DIES(manifest_drop_epoch(&manifest, 1));
    manifest_drop_epoch(&manifest, 0);
    CHECK(manifest_find_epoch(&manifest, 1) == NULL);
    CHECK(manifest_find_epoch(&manifest, 2) != NULL);
    CHECK_EQ(manifest_add_epoch(&manifest, 1, &epoch), 0);
    CHECK_EQ(epoch, 3);
    manifest_deinit(&manifest);
}

TEST(a_flipped_bit_anywhere_or_a_cut_anywhere_is_noticed)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;
    uint8_t *bytes;
    uint64_t count;

    given_a_disk(1);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(sim_disk_snapshot(sim, "manifest", &bytes, &count), 0);
    for (uint64_t i = 0; i < count; i++) {
        bytes[i] ^= 0x10;
        replace(bytes, count);
        bytes[i] ^= 0x10;
        CHECK_EQ(manifest_load(disk, &loaded, reason), -EUCLEAN);
        CHECK(reason[0] != '\0');
        replace(bytes, i);
        CHECK_EQ(manifest_load(disk, &loaded, reason), -EUCLEAN);
    }
    free(bytes);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

/* With a good checksum, so that the decoder itself is reached. */
TEST(nonsense_with_a_good_checksum_does_no_harm)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;
    uint8_t *bytes;
    uint64_t count;
    uint64_t state = 7;

    given_a_disk(1);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(sim_disk_snapshot(sim, "manifest", &bytes, &count), 0);
    for (uint32_t i = 0; i < 3000; i++) {
        uint8_t garbled[2048];
        uint32_t checksum = 0;

        CHECK(count <= sizeof(garbled));
        memcpy(garbled, bytes, count);
        for (uint32_t k = 0; k < 4; k++) {
            garbled[24 + dice(&state) % (count - 24)] = (uint8_t)(dice(&state) >> 32);
        }
        memcpy(garbled + 16, &checksum, sizeof(checksum));
        checksum = checksum32(garbled, count);
        memcpy(garbled + 16, &checksum, sizeof(checksum));
        replace(garbled, count);
        int r = manifest_load(disk, &loaded, reason);
        CHECK(r == 0 || r == -EUCLEAN);
        manifest_deinit(&loaded);
    }
    free(bytes);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

TEST(a_newer_version_is_refused_with_words)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;
    uint8_t *bytes;
    uint64_t count;
    uint32_t number = MANIFEST_FORMAT_VERSION + 1;

    given_a_disk(1);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(sim_disk_snapshot(sim, "manifest", &bytes, &count), 0);
    memcpy(bytes + 4, &number, sizeof(number));
    memset(bytes + 16, 0, 4);
    number = checksum32(bytes, count);
    memcpy(bytes + 16, &number, sizeof(number));
    replace(bytes, count);
    CHECK_EQ(manifest_load(disk, &loaded, reason), -ENOTSUP);
    CHECK(strstr(reason, "version 3") != NULL);
    free(bytes);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

/* As version 1 wrote it: the same without what is behind the epochs. */
TEST(a_manifest_without_checkpoints_is_read)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;
    uint8_t *bytes;
    uint64_t count;
    uint32_t number = 1;

    given_a_disk(1);
    manifest_drop_newest_checkpoint(&manifest);
    manifest_drop_newest_checkpoint(&manifest);
    CHECK_EQ(manifest_save(disk, &manifest), 0);
    CHECK_EQ(sim_disk_snapshot(sim, "manifest", &bytes, &count), 0);
    memcpy(bytes + 4, &number, sizeof(number));
    count -= 8;
    memcpy(bytes + 8, &count, sizeof(count));
    memset(bytes + 16, 0, 4);
    number = checksum32(bytes, count);
    memcpy(bytes + 16, &number, sizeof(number));
    replace(bytes, count);
    CHECK_EQ(manifest_load(disk, &loaded, reason), 0);
    CHECK_EQ(loaded.epoch_count, 2);
    CHECK_EQ(loaded.checkpoint_count, 0);
    CHECK(manifest_newest_checkpoint(&loaded) == NULL);
    free(bytes);
    manifest_deinit(&loaded);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

TEST(a_third_checkpoint_gives_back_what_only_the_first_needed)
{
    struct manifest manifest = a_manifest();
    struct manifest copy;

    CHECK_EQ(manifest.epochs[0].epoch, 1); /* the older one needs it */
    CHECK_EQ(manifest.epochs[0].stream_begins[2], 2);
    CHECK_EQ(manifest_copy(&manifest, &copy), 0);
    add_checkpoint(&copy, 7, 2, 60);
    check_is_a_manifest(&manifest); /* the copy is its own */
    CHECK_EQ(copy.checkpoint_count, 2);
    CHECK_EQ(copy.checkpoints[0].number, 6);
    CHECK_EQ(copy.epoch_count, 1);
    CHECK_EQ(copy.epochs[0].epoch, 2);
    CHECK_EQ(copy.epochs[0].stream_begins[0], 50); /* of the older one */
    CHECK_EQ(copy.epochs[0].stream_begins[1], 51);
    CHECK_DIES(add_checkpoint(&copy, 7, 2, 60));

    manifest_drop_newest_checkpoint(&copy);
    CHECK_EQ(manifest_newest_checkpoint(&copy)->number, 6);
    CHECK_EQ(copy.epochs[0].stream_begins[0], 50);
    manifest_deinit(&copy);
    manifest_deinit(&manifest);
}

TEST(one_checkpoint_alone_gives_nothing_back)
{
    struct manifest manifest = a_manifest();

    manifest_drop_newest_checkpoint(&manifest);
    manifest_drop_newest_checkpoint(&manifest);
    manifest.epochs[1].stream_begins[0] = 0;
    add_checkpoint(&manifest, 9, 2, 40);
    CHECK_EQ(manifest.epoch_count, 2);
    CHECK_EQ(manifest.epochs[1].stream_begins[0], 0);
    manifest_deinit(&manifest);
}

TEST(the_next_save_has_its_room_already)
{
    struct manifest manifest = a_manifest();
    struct manifest loaded;
    uint64_t now_bytes;
    uint64_t next_bytes;
    uint64_t epoch;
    uint8_t *bytes;

    given_a_disk(1);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(manifest_save(disk, &manifest), 0);
        CHECK_EQ(sim_disk_snapshot(sim, "manifest", &bytes, &now_bytes), 0);
        free(bytes);
        CHECK_EQ(sim_disk_snapshot(sim, "manifest.tmp", &bytes, &next_bytes), 0);
        free(bytes);
        CHECK(next_bytes >= now_bytes + MANIFEST_STREAM_COUNT_MAX * 24); /* a start adds an epoch */
        CHECK_EQ(manifest_add_epoch(&manifest, MANIFEST_STREAM_COUNT_MAX, &epoch), 0);
    }
    CHECK_EQ(manifest_load(disk, &loaded, reason), 0);
    CHECK_EQ(loaded.epoch_count, 4);
    manifest_deinit(&loaded);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

TEST(a_crash_while_saving_leaves_the_old_one_or_the_new_one)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        bool was_dead = true;

        for (uint64_t at = 0; was_dead; at++) {
            struct manifest manifest = a_manifest();
            struct manifest loaded;

            given_a_disk(seed * 1000 + at);
            CHECK_EQ(manifest_save(disk, &manifest), 0);
            manifest.rules_version = 4;
            sim_disk_die_at(sim, sim_disk_operation_count(sim) + at);
            int r = manifest_save(disk, &manifest);
            was_dead = sim_disk_is_dead(sim);
            CHECK_EQ(r == 0, !was_dead);
            sim_disk_crash(sim);
            CHECK_EQ(manifest_load(disk, &loaded, reason), 0);
            CHECK(loaded.rules_version == 3 || loaded.rules_version == 4);
            CHECK(r != 0 || loaded.rules_version == 4);
            CHECK_EQ(manifest_save(disk, &manifest), 0); /* over what the crash left */
            manifest_deinit(&loaded);
            manifest_deinit(&manifest);
            sim_disk_destroy(sim);
        }
    }
}
