/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_day.h"

#include "shards/keeper_state.h"

#include <errno.h>

/*
 * A hand that plays the checkpoints: it cuts when all is quiet, has the slices written while the day goes on, and kills
 * the node at any moment.
 */

static struct {
    uint32_t restored_count;
    uint64_t number; /* of the checkpoint that is under way, or was last */
    bool is_under_way;
    bool is_added[WORLD_SLICES];
    struct state_writer *writers[WORLD_SLICES];
    struct manifest_file files[WORLD_SLICES];
    struct day day;

    bool has_durable;
    uint64_t durable;
    struct manifest_file durable_files[WORLD_SLICES];
    struct day durable_day;
} saver;

static void
given_a_disk(uint64_t seed)
{
    memset(&saver, 0, sizeof(saver));
    world_disk = sim_disk_create((struct sim_disk_options){.seed = seed});
    struct disk *disk = sim_disk_interface(world_disk);

    CHECK_EQ(disk->ops->make_folder(disk, "slices"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
}

static void
then_the_disk_ends(void)
{
    sim_disk_destroy(world_disk);
    world_disk = NULL;
}

static struct checkpoint_part
part_of(uint16_t slice)
{
    uint16_t shard = node_slice_owner(&world.node, slice);

    here = (struct shard_id){.n = shard};
    return keeper_part(world.keepers[shard], slice);
}

/* False: what a checkpoint that was given up has begun is still being written. */
static bool
cut_slices(void)
{
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        struct checkpoint_part part = part_of(slice);
        int r = part.ops->cut(part.part, saver.number);
        if (r == 0) {
            continue;
        }
        CHECK_EQ(r, -ENOMEM);
        while (slice-- > 0) {
            part = part_of(slice);
            part.ops->end(part.part, saver.number, true);
        }
        return false;
    }
    return true;
}

/* At a quiet point. */
static void
begin_checkpoint(const struct day *day)
{
    char name[DISK_NAME_BYTES_MAX];

    saver.number++;
    if (!cut_slices()) {
        return;
    }
    saver.is_under_way = true;
    saver.day = *day;
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        (void)part_of(slice);
        CHECK_EQ(state_writer_create(world_envs[here.n], &saver.writers[slice]), 0);
        snprintf(name, sizeof(name), "slices/%03u-%08u.state", slice, (unsigned)saver.number);
        state_writer_begin(saver.writers[slice], name, world_manifest.store_id, saver.number);
        saver.is_added[slice] = false;
    }
}

static void
leave_checkpoint(bool is_given_up)
{
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        struct checkpoint_part part = part_of(slice);
        part.ops->end(part.part, saver.number, is_given_up);
        while (!state_writer_leave(saver.writers[slice])) {
            (void)turn(here.n);
        }
        state_writer_destroy(saver.writers[slice]);
    }
    saver.is_under_way = false;
}

/* Some of what is to be written. */
static void
go_on_writing(void)
{
    struct time_slice little = {.until = {.ns = world.now.ns}, .now = world_now}; /* over at once */
    bool is_all_durable = true;

    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        struct checkpoint_part part = part_of(slice);
        if (!saver.is_added[slice]) {
            int r = part.ops->write(part.part, saver.writers[slice], &little);
            CHECK(r == STEP_DONE || r == STEP_MORE);
            saver.is_added[slice] = r == STEP_DONE;
            if (r == STEP_DONE) {
                state_writer_end(saver.writers[slice]);
            }
        }
        is_all_durable = is_all_durable && saver.is_added[slice] &&
                         state_writer_result(saver.writers[slice], &saver.files[slice]) == 0;
    }
    if (!is_all_durable) {
        return;
    }
    struct disk *disk = sim_disk_interface(world_disk);

    CHECK_EQ(disk->ops->sync_folder(disk, "slices"), 0);
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        struct checkpoint_part part = part_of(slice);
        part.ops->release(part.part, saver.has_durable ? saver.durable : 0);
    }
    leave_checkpoint(false);
    saver.has_durable = true;
    saver.durable = saver.number;
    saver.durable_day = saver.day;
    memcpy(saver.durable_files, saver.files, sizeof(saver.files));
}

static void
kill_keepers(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        env_close(world_envs[i]);
        world_envs[i] = NULL;
    }
    for (uint16_t slice = 0; saver.is_under_way && slice < WORLD_SLICES; slice++) {
        state_writer_destroy(saver.writers[slice]);
    }
    saver.is_under_way = false;
    then_the_world_ends_early();
    sim_disk_crash(world_disk);
}

static void
restore_slice(uint16_t slice)
{
    struct checkpoint_part part = part_of(slice);
    char reason[MANIFEST_REASON_BYTES] = "";
    struct state_reader *reader;

    CHECK_EQ(state_reader_open(sim_disk_interface(world_disk), &saver.durable_files[slice],
                               world_manifest.store_id, saver.durable, reason, &reader),
             0);
    int r = part.ops->restore(part.part, reader, saver.durable);

    if (r != 0) {
        check_failed(__FILE__, __LINE__, "slice %u: %s", slice, reason);
    }
    state_reader_close(reader);
}

/* The node dies, and starts with what is on disk. Returns where the day goes on. */
static struct day
die_and_start(uint32_t shard_count, struct day first)
{
    uint64_t dice = world.dice;

    kill_keepers();
    if (!saver.has_durable) {
        given_a_world(shard_count, 4096, 2);
        world.dice = dice;
        return first;
    }
    given_keepers(shard_count, 4096, 2);
    world.dice = dice;
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        restore_slice(slice);
    }
    saver.restored_count++;
    return saver.durable_day;
}

static struct outcome
play_whole(uint64_t seed)
{
    given_a_world(2, 4096, 2);
    struct day day = day_begin(seed);

    while (day_go_on(&day)) {
        if (day.step % 50 == 0) {
            run_until_quiet();
        }
    }
    struct outcome outcome = day_end();

    then_the_world_ends();
    return outcome;
}

static struct outcome
play_with_deaths(uint64_t seed)
{
    uint64_t dice = seed * 31;
    struct outcome outcome;

    given_a_disk(seed);
    world_people_bytes = seed % 3 == 0   ? 0
                         : seed % 3 == 1 ? 1
                                         : 20000; /* with most of them on disk, or some */
    given_a_world(1 + (uint32_t)(seed % WORLD_SHARDS_MAX), 4096, 2);
    world.dice = seed;
    struct day first = day_begin(seed);
    struct day day = first;

    while (day_go_on(&day)) {
        publish();
        (void)turn((uint32_t)(roll(&dice) % world.node.shard_count));
        if (roll(&dice) % 40 == 0 || day.step % 50 == 0) {
            run_until_quiet();
            if (!saver.is_under_way) {
                begin_checkpoint(&day);
            }
        }
        if (saver.is_under_way && roll(&dice) % 2 == 0) {
            go_on_writing();
        }
        if (saver.is_under_way && roll(&dice) % 25 == 0) {
            leave_checkpoint(true);
        }
        if (saver.restored_count < 8 && roll(&dice) % 100 == 0) {
            day = die_and_start(1 + (uint32_t)(roll(&dice) % WORLD_SHARDS_MAX), first);
        }
    }
    outcome = day_end();
    while (saver.is_under_way) {
        go_on_writing();
        run_until_quiet();
    }
    then_the_world_ends();
    then_the_disk_ends();
    return outcome;
}

TEST(a_node_that_died_answers_as_one_that_never_did)
{
    uint32_t restored_count = 0;

    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct outcome whole = play_whole(seed);
        struct outcome died = play_with_deaths(seed);
        CHECK_EQ(died.state, whole.state);
        CHECK_EQ(died.answers, whole.answers);
        restored_count += saver.restored_count;
    }
    CHECK(restored_count > 40);
    world_people_bytes = 0;
}

/* Somebody whose state, and whose session when it is archived, is longer than a page. */

static void
save_whole(void)
{
    struct day nobody = {0};

    run_until_quiet();
    begin_checkpoint(&nobody);
    CHECK(saver.is_under_way);
    while (saver.is_under_way) {
        go_on_writing();
        run_until_quiet();
    }
}

static void
then_a_start_changes_nothing(void)
{
    struct world before = world;
    uint64_t hash = state_hash();
    uint64_t answers = digest_answers(8);

    (void)die_and_start(3, (struct day){0});
    memcpy(world.positions, before.positions, sizeof(world.positions));
    memcpy(world.watermarks, before.watermarks, sizeof(world.watermarks));
    CHECK_EQ(state_hash(), hash);
    CHECK_EQ(digest_answers(8), answers);
}

static void
send_many_types(uint32_t person, uint32_t first, uint32_t count)
{
    char type[129];

    for (uint32_t i = first; i < first + count; i++) {
        snprintf(type, sizeof(type), "%0128u", i);
        send_event(person, T0 + i, type, (struct extra){.page = type});
        if (i % 100 == 0) {
            run_until_quiet();
        }
    }
}

static void
play_people_longer_than_a_page(void)
{
    given_a_disk(1);
    given_a_world(2, 4096, 2);
    send_event(1, T0, "click", (struct extra){0});
    send_many_types(4, 0, 2500);
    send_progress(0);
    save_whole();
    then_a_start_changes_nothing();

    send_many_types(4, 2500, 2500); /* more parts */
    send_progress(0);
    save_whole();
    then_a_start_changes_nothing();

    send_event(4, T0 + 3 * MS_PER_DAY, "click", (struct extra){0}); /* the session is final: fewer parts */
    send_event(4, T0 + 3 * MS_PER_DAY, "click", (struct extra){0});
    send_progress(0);
    save_whole();
    then_a_start_changes_nothing();
    then_the_world_ends();
    then_the_disk_ends();
}

TEST(people_longer_than_a_page_come_back)
{
    play_people_longer_than_a_page();
}

TEST(people_longer_than_a_page_come_back_where_the_others_are_away)
{
    world_people_bytes = 1;
    play_people_longer_than_a_page();
    world_people_bytes = 0;
}

static void
then_a_start_has_the_same_state(void)
{
    struct world before = world;
    uint64_t hash = state_hash();

    (void)die_and_start(3, (struct day){0});
    memcpy(world.positions, before.positions, sizeof(world.positions));
    memcpy(world.watermarks, before.watermarks, sizeof(world.watermarks));
    CHECK_EQ(state_hash(), hash);
}

/* 40 MB, in a node that answers no question of so much. */
TEST(somebody_of_hundreds_of_parts_comes_back)
{
    given_a_disk(1);
    given_a_world(2, 4096, 2);
    send_event(1, T0, "click", (struct extra){0});
    send_many_types(4, 0, 300000);
    send_progress(0);
    save_whole();
    then_a_start_has_the_same_state();
    send_many_types(4, 300000, 1);
    send_progress(0);
    save_whole();
    then_a_start_has_the_same_state();
    then_the_world_ends();
    then_the_disk_ends();
}
