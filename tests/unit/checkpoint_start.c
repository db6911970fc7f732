/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/checkpoint_start.h"

#include <errno.h>
#include <stdio.h>

#include "core/env_sim.h"
#include "core/here.h"
#include "tests/check.h"

#define RULES 3u

static struct sim_disk *sim;
static struct disk *disk;
static struct env *env;
static struct sim_clock now;
static struct state_writer *writer;
static struct manifest manifest;
static char reason[MANIFEST_REASON_BYTES];

static uint64_t
dice(void *context)
{
    return *(uint64_t *)context += UINT64_C(0x9e3779b97f4a7c15);
}

static struct manifest_file
write_file(const char *name, uint64_t number)
{
    struct manifest_file file;
    int r;

    state_writer_begin(writer, name, manifest.store_id, number);
    while (!state_writer_may_end(writer)) {
        env_sim_release(env, UINT32_MAX);
        env_turn(env, (struct mono_ns){.ns = 0});
    }
    uint64_t *item = state_writer_add(writer, 1, 1, sizeof(*item));
    *item = number;
    state_writer_end(writer);
    while ((r = state_writer_result(writer, &file)) == STATE_LATER) {
        env_sim_release(env, UINT32_MAX);
        env_turn(env, (struct mono_ns){.ns = 0});
    }
    CHECK_EQ(r, 0);
    CHECK(state_writer_leave(writer));
    return file;
}

static void
given_a_checkpoint(uint64_t number)
{
    uint64_t begins[1] = {number * 10};
    uint64_t positions[2] = {0};
    struct manifest_file files[3];
    char name[STATE_NAME_BYTES];

    for (uint32_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s/%03u-%08u.state", i < 2 ? PARTITION_FOLDER : SLICE_FOLDER, i % 2,
                 (uint32_t)number);
        files[i] = write_file(name, number);
    }
    CHECK_EQ(manifest_add_checkpoint(&manifest, &(struct manifest_checkpoint){.number = number,
                                                                              .epoch = 1,
                                                                              .stream_count = 1,
                                                                              .position_count = 2,
                                                                              .file_count = 3,
                                                                              .rules_version = RULES,
                                                                              .stream_begins = begins,
                                                                              .positions = positions,
                                                                              .files = files}),
             0);
}

/* A store of two partitions and a slice, with that many checkpoints: 4, 5. */
static void
given_a_store(uint32_t checkpoint_count)
{
    uint64_t state = 1;
    uint64_t epoch;

    here = (struct shard_id){.n = 0};
    sim = sim_disk_create((struct sim_disk_options){.seed = 1});
    disk = sim_disk_interface(sim);
    env = env_sim_create(sim, &now, 5);
    CHECK_EQ(state_writer_create(env, &writer), 0);
    CHECK_EQ(manifest_create(&manifest, 2, 1, dice, &state), 0);
    CHECK_EQ(manifest_add_epoch(&manifest, 1, &epoch), 0);
    manifest.rules_version = RULES;
    CHECK_EQ(checkpoint_sweep(disk, &manifest), 0); /* makes the folders */
    for (uint32_t i = 0; i < checkpoint_count; i++) {
        given_a_checkpoint(4 + i);
    }
}

static void
end(void)
{
    env_close(env);
    state_writer_destroy(writer);
    manifest_deinit(&manifest);
    sim_disk_destroy(sim);
}

/* What the pages of these checkpoints are like. */
static uint64_t bad_pages[2];

static int
verify_pages(struct disk *verified, const struct manifest *of, const struct manifest_checkpoint *checkpoint,
             uint32_t index, char *out_reason)
{
    CHECK(index < checkpoint->file_count);
    if (index == 2 && (checkpoint->number == bad_pages[0] || checkpoint->number == bad_pages[1])) {
        snprintf(out_reason, MANIFEST_REASON_BYTES, "pages of %u", (uint32_t)checkpoint->number);
        return -EUCLEAN;
    }
    return state_file_verify(verified, &checkpoint->files[index], of->store_id, checkpoint->number,
                             out_reason);
}

static int
choose(bool accept_loss)
{
    return checkpoint_choose(disk, &manifest, RULES, accept_loss, verify_pages, reason);
}

static bool
is_there(const char *name)
{
    struct disk_file file;
    int r = disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file);

    if (r == 0) {
        disk->ops->close(disk, file);
    }
    return r == 0;
}

TEST(rules_that_this_program_does_not_know_are_refused)
{
    given_a_store(1);
    manifest.rules_version = RULES + 1;
    CHECK_EQ(choose(false), -ENOTSUP);
    CHECK(strstr(reason, "newer program") != NULL);
    CHECK_EQ(choose(true), -ENOTSUP);
    end();
}

TEST(damaged_pages_of_the_newest_one_are_passed_by_and_of_both_refused)
{
    given_a_store(2);
    bad_pages[0] = 5;
    CHECK_EQ(choose(false), 0); /* who restores it will see */
    CHECK_EQ(manifest.checkpoint_count, 2);
    bad_pages[1] = 4;
    CHECK_EQ(choose(true), -EUCLEAN);
    CHECK(strstr(reason, "pages of 5") != NULL);
    CHECK(strstr(reason, "in the checkpoint before, pages of 4") != NULL);
    end();

    given_a_store(2);
    bad_pages[1] = 0;
    CHECK_EQ(choose(true), 0);
    CHECK_EQ(manifest.checkpoint_count, 1);
    CHECK_EQ(manifest_newest_checkpoint(&manifest)->number, 4);
    bad_pages[0] = 0;
    end();
}

TEST(a_damaged_newest_one_is_refused_with_its_place_and_the_one_before_is_for_who_accepts_that)
{
    for (uint32_t file = 0; file < 3; file++) {
        given_a_store(2);
        const char *name = manifest.checkpoints[1].files[file].name;

        CHECK(sim_disk_flip(sim, name, 50, 3));
        CHECK_EQ(choose(false), -EUCLEAN);
        CHECK(strstr(reason, name) != NULL);
        CHECK(strstr(reason, "at offset 40") != NULL);
        CHECK_EQ(manifest.checkpoint_count, 2);
        CHECK_EQ(choose(true), 0);
        CHECK_EQ(manifest.checkpoint_count, 1);
        CHECK_EQ(manifest_newest_checkpoint(&manifest)->number, 4);
        end();
    }
}

TEST(a_file_that_is_missing_or_cut_off_is_damage)
{
    given_a_store(2);
    const char *name = manifest.checkpoints[1].files[2].name;

    CHECK_EQ(disk->ops->unlink(disk, name), 0);
    CHECK_EQ(choose(false), -EUCLEAN);
    CHECK(strstr(reason, name) != NULL);
    CHECK(strstr(reason, "missing") != NULL);
    struct disk_file file;
    CHECK_EQ(disk->ops->open(disk, name, DISK_OPEN_CREATE, &file), 0);
    CHECK_EQ(disk->ops->write(disk, file, "MRST", 4, 0), 0);
    disk->ops->close(disk, file);
    CHECK_EQ(choose(false), -EUCLEAN);
    CHECK(strstr(reason, "size") != NULL);
    end();
}

TEST(a_damaged_older_one_is_nobodys_business_until_it_is_needed)
{
    given_a_store(2);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[0].files[0].name, 50, 3));
    CHECK_EQ(choose(false), 0);
    CHECK_EQ(manifest.checkpoint_count, 2);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[1].files[0].name, 50, 3));
    CHECK_EQ(choose(true), -EUCLEAN); /* the log before the older one was given back */
    end();
}

TEST(a_single_damaged_one_leaves_the_whole_log_to_who_accepts_that)
{
    given_a_store(1);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[0].files[1].name, 50, 3));
    CHECK_EQ(choose(false), -EUCLEAN);
    CHECK_EQ(choose(true), 0);
    CHECK_EQ(manifest.checkpoint_count, 0);
    end();
}

TEST(the_one_before_is_refused_too_when_it_is_damaged_later_for_the_log_before_it_was_given_back)
{
    given_a_store(2);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[1].files[1].name, 50, 3));
    CHECK_EQ(choose(true), 0);
    CHECK_EQ(manifest.checkpoint_count, 1);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[0].files[1].name, 50, 3));
    CHECK_EQ(choose(true), -EUCLEAN);
    CHECK(strstr(reason, "given back") != NULL);
    CHECK_EQ(manifest.checkpoint_count, 1);
    end();
}

TEST(a_log_without_its_first_start_is_not_whole)
{
    uint64_t epoch;

    given_a_store(1);
    CHECK_EQ(manifest_add_epoch(&manifest, 1, &epoch), 0);
    manifest_drop_epoch(&manifest, 0);
    CHECK(sim_disk_flip(sim, manifest.checkpoints[0].files[1].name, 50, 3));
    CHECK_EQ(choose(true), -EUCLEAN);
    CHECK(strstr(reason, "given back") != NULL);
    end();
}

TEST(one_whose_log_was_given_back_is_refused_whatever_is_accepted)
{
    given_a_store(2);
    manifest.epochs[0].stream_begins[0] = 51; /* one block too much */
    CHECK_EQ(choose(false), -EUCLEAN);
    CHECK_EQ(choose(true), -EUCLEAN);
    CHECK(strstr(reason, "checkpoint 5") != NULL);
    CHECK(strstr(reason, "given back") != NULL);
    end();
}

TEST(a_checkpoint_of_another_number_of_parts_is_damage)
{
    given_a_store(1);
    manifest.checkpoints[0].file_count = 2;
    CHECK_EQ(choose(false), -EUCLEAN);
    end();
}

TEST(state_files_that_the_manifest_does_not_name_go_and_nothing_else)
{
    given_a_store(2);
    (void)write_file("partitions/000-00000006.state", 6);
    (void)write_file("slices/000-00000003.state", 3);
    (void)write_file("slices/000.people", 3);
    CHECK_EQ(checkpoint_sweep(disk, &manifest), 0);
    CHECK(!is_there("partitions/000-00000006.state"));
    CHECK(!is_there("slices/000-00000003.state"));
    CHECK(is_there("slices/000.people"));
    CHECK_EQ(choose(false), 0);
    CHECK_EQ(checkpoint_sweep(disk, &manifest), 0);
    CHECK_EQ(choose(false), 0);
    end();
}
