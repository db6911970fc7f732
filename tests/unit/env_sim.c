/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_sim.h"

#include <errno.h>
#include <stdlib.h>

#include "core/here.h"
#include "tests/check.h"

#define SECTORS 8u
#define BYTES (SECTORS * DISK_SECTOR_BYTES)

static struct sim_disk *sim;
static struct disk *disk;
static struct sim_clock now;
static struct env *env;
static alignas(DISK_SECTOR_BYTES) uint8_t old_bytes[BYTES];
static alignas(DISK_SECTOR_BYTES) uint8_t new_bytes[BYTES];
static alignas(DISK_SECTOR_BYTES) uint8_t buffer[BYTES];

struct note {
    struct env_op op;
    uint32_t done_count;
    uint32_t order;
    int result;
};

static uint32_t done_order;

static void
note_done(struct env_op *op, int result)
{
    struct note *note = CONTAINER_OF(op, struct note, op);

    note->done_count++;
    note->order = done_order++;
    note->result = result;
}

static void
given_a_disk(struct sim_disk_options options)
{
    memset(old_bytes, 0x11, sizeof(old_bytes));
    memset(new_bytes, 0x22, sizeof(new_bytes));
    done_order = 0;
    sim = sim_disk_create(options);
    disk = sim_disk_interface(sim);
    env = env_sim_create(sim, &now, options.seed + 1);
}

static void
end(void)
{
    env_close(env);
    env = NULL;
    sim_disk_destroy(sim);
}

static void
crash(void)
{
    env_close(env);
    sim_disk_crash(sim);
    env = env_sim_create(sim, &now, 77);
}

static struct disk_file
must_open(const char *name, enum disk_open how)
{
    struct disk_file file = DISK_FILE_NONE;

    CHECK_EQ(disk->ops->open(disk, name, how, &file), 0);
    return file;
}

/* A file of old bytes that is durable, with its name. */
static struct disk_file
given_a_durable_file(const char *name)
{
    struct disk_file file = must_open(name, DISK_OPEN_CREATE);

    CHECK_EQ(disk->ops->write(disk, file, old_bytes, BYTES, 0), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    return file;
}

static void
finish_all(void)
{
    while (env_sim_pending(env) > 0) {
        env_sim_release(env, 1);
        (void)env_turn(env, (struct mono_ns){0});
    }
}

TEST(the_disk_refuses_what_a_disk_refuses)
{
    struct disk_file file;
    uint64_t bytes;

    given_a_disk((struct sim_disk_options){.seed = 1});
    CHECK_EQ(disk->ops->open(disk, "nothing", DISK_OPEN_EXISTING, &file), -ENOENT);
    CHECK_EQ(disk->ops->open(disk, "no/folder", DISK_OPEN_CREATE, &file), -ENOENT);
    CHECK_EQ(disk->ops->unlink(disk, "nothing"), -ENOENT);
    CHECK_EQ(disk->ops->rename(disk, "nothing", "something"), -ENOENT);
    CHECK_EQ(disk->ops->sync_folder(disk, "nothing"), -ENOENT);
    CHECK_EQ(disk->ops->list(disk, "nothing", NULL, NULL), -ENOENT);
    file = given_a_durable_file("a");
    struct disk_file again;
    CHECK_EQ(disk->ops->open(disk, "a", DISK_OPEN_CREATE, &again), -EEXIST);
    CHECK_EQ(disk->ops->read(disk, file, buffer, 1, BYTES), -EIO);
    CHECK_EQ(disk->ops->read(disk, file, buffer, 2, BYTES - 1), -EIO);
    CHECK_EQ(disk->ops->read(disk, file, buffer, 1, UINT64_MAX), -EIO);
    CHECK_EQ(disk->ops->size(disk, file, &bytes), 0);
    CHECK_EQ(bytes, BYTES);
    disk->ops->close(disk, file);
    CHECK_DIES(disk->ops->close(disk, file));
    CHECK_DIES((void)disk->ops->unlink(disk, "a/b/c"));
    uint8_t *data;
    CHECK_EQ(sim_disk_snapshot(sim, "nothing", &data, &bytes), -ENOENT);
    end();
}

static void
count_file(void *context, const char *name)
{
    uint32_t *bits = context;

    *bits |= 1u << (name[0] - 'a');
    CHECK_EQ(name[1], 0);
}

TEST(files_are_read_renamed_listed_and_removed)
{
    uint32_t bits = 0;

    given_a_disk((struct sim_disk_options){.seed = 1});
    CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
    CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
    disk->ops->close(disk, must_open("log/a", DISK_OPEN_CREATE));
    disk->ops->close(disk, must_open("log/b", DISK_OPEN_CREATE));
    struct disk_file file = must_open("c", DISK_OPEN_CREATE);
    CHECK_EQ(disk->ops->write(disk, file, "hello", 5, 100001), 0); /* a hole before it */
    CHECK_EQ(disk->ops->read(disk, file, buffer, 6, 100000), 0);
    CHECK_BYTES(buffer, "\0hello", 6);
    CHECK_EQ(disk->ops->rename(disk, "c", "log/d"), 0);
    CHECK_EQ(disk->ops->read(disk, file, buffer, 5, 100001), 0); /* the handle follows */
    CHECK_EQ(disk->ops->unlink(disk, "log/a"), 0);
    CHECK_EQ(disk->ops->list(disk, "log", count_file, &bits), 0);
    CHECK_EQ(bits, (1u << 1) | (1u << 3));
    bits = 0;
    CHECK_EQ(disk->ops->list(disk, "", count_file, &bits), 0);
    CHECK_EQ(bits, 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, 50000), 0);
    uint8_t *data;
    uint64_t count;
    CHECK_EQ(sim_disk_snapshot(sim, "log/d", &data, &count), 0);
    CHECK_EQ(count, 50000);
    for (uint64_t i = 0; i < count; i++) {
        CHECK_EQ(data[i], 0);
    }
    free(data);
    end();
}

TEST(a_crash_keeps_what_was_synced)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = given_a_durable_file("a");
        CHECK_EQ(disk->ops->write(disk, file, new_bytes, DISK_SECTOR_BYTES, BYTES), 0); /* after it */
        crash();
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        CHECK_BYTES(buffer, old_bytes, BYTES);
        end();
    }
}

TEST(what_was_not_synced_is_kept_lost_cut_or_torn)
{
    uint32_t kept = 0;
    uint32_t lost = 0;
    uint32_t cut = 0;
    uint32_t torn = 0;
    uint32_t later_only = 0;

    for (uint64_t seed = 0; seed < 400; seed++) {
        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = given_a_durable_file("a");
        CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES / 2, 0), 0);
        CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES / 2, BYTES / 2), 0);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        CHECK_BYTES(buffer, new_bytes, BYTES); /* a reader sees them at once */
        crash();
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);

        uint32_t new_count[2] = {0};
        bool is_torn = false;
        for (uint32_t i = 0; i < BYTES; i++) {
            CHECK(buffer[i] == 0x11 || buffer[i] == 0x22);
            new_count[i / (BYTES / 2)] += buffer[i] == 0x22;
            is_torn |= i % 512 != 0 && buffer[i] != buffer[i - 1];
        }
        kept += new_count[0] == BYTES / 2;
        lost += new_count[0] == 0;
        cut += new_count[0] % 512 == 0 && new_count[0] > 0 && new_count[0] < BYTES / 2;
        torn += is_torn;
        later_only += new_count[0] == 0 && new_count[1] == BYTES / 2;
        end();
    }
    CHECK(kept > 50);
    CHECK(lost > 50);
    CHECK(cut > 20);
    CHECK(torn > 20);
    CHECK(later_only > 10);
}

TEST(a_durable_write_not_yet_done_may_be_anything)
{
    uint32_t kept = 0;
    uint32_t lost = 0;
    uint32_t partial = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct note note = {.op.done = note_done};
        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = given_a_durable_file("a");
        memcpy(buffer, new_bytes, BYTES);
        env_write(env, &note.op, file, buffer, BYTES, 0);
        CHECK_EQ(env_turn(env, (struct mono_ns){0}), 0);
        memset(buffer, 0xee, BYTES); /* the owner is gone when the node dies */
        crash();
        CHECK_EQ(note.done_count, 0);
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        uint32_t new_count = 0;
        for (uint32_t i = 0; i < BYTES; i++) {
            CHECK(buffer[i] == 0x11 || buffer[i] == 0x22);
            new_count += buffer[i] == 0x22;
        }
        kept += new_count == BYTES;
        lost += new_count == 0;
        partial += new_count > 0 && new_count < BYTES;
        end();
    }
    CHECK(kept > 20);
    CHECK(lost > 20);
    CHECK(partial > 50);
}

TEST(a_durable_write_that_is_done_stays)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct note note = {.op.done = note_done};
        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = given_a_durable_file("a");
        /* Older, unsynced, and may not come back. */
        CHECK_EQ(disk->ops->write(disk, file, old_bytes, BYTES, 0), 0);
        env_write(env, &note.op, file, new_bytes, BYTES, 0);
        finish_all();
        CHECK_EQ(note.done_count, 1);
        CHECK_EQ(note.result, 0);
        crash();
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        CHECK_BYTES(buffer, new_bytes, BYTES);
        end();
    }
}

TEST(names_not_synced_may_vanish)
{
    uint32_t created = 0;
    uint32_t renamed = 0;
    uint32_t unlinked = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct disk_file file;
        given_a_disk((struct sim_disk_options){.seed = seed});
        disk->ops->close(disk, given_a_durable_file("manifest"));
        disk->ops->close(disk, given_a_durable_file("victim"));
        file = must_open("tmp", DISK_OPEN_CREATE);
        CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
        CHECK_EQ(disk->ops->sync(disk, file), 0);
        CHECK_EQ(disk->ops->rename(disk, "tmp", "manifest"), 0);
        CHECK_EQ(disk->ops->unlink(disk, "victim"), 0);
        disk->ops->close(disk, must_open("fresh", DISK_OPEN_CREATE));
        crash();
        file = must_open("manifest", DISK_OPEN_EXISTING); /* the old or the new, never none */
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        bool is_new = memcmp(buffer, new_bytes, BYTES) == 0;
        CHECK(is_new || memcmp(buffer, old_bytes, BYTES) == 0);
        renamed += is_new;
        created += disk->ops->open(disk, "fresh", DISK_OPEN_EXISTING, &file) == 0;
        unlinked += disk->ops->open(disk, "victim", DISK_OPEN_EXISTING, &file) == -ENOENT;
        end();
    }
    CHECK(renamed > 50 && renamed < 150);
    CHECK(created > 50 && created < 150);
    CHECK(unlinked > 50 && unlinked < 150);
}

TEST(names_synced_stay_and_a_folder_takes_its_files_with_it)
{
    uint32_t lost = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct disk_file file;
        given_a_disk((struct sim_disk_options){.seed = seed});
        CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
        disk->ops->close(disk, must_open("log/a", DISK_OPEN_CREATE));
        CHECK_EQ(disk->ops->sync_folder(disk, "log"), 0);
        crash();
        if (disk->ops->open(disk, "log/a", DISK_OPEN_EXISTING, &file) != 0) {
            lost++; /* its folder was not synced */
            end();
            continue;
        }
        CHECK_EQ(disk->ops->rename(disk, "log/a", "log/b"), 0);
        CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
        CHECK_EQ(disk->ops->sync_folder(disk, "log"), 0);
        crash();
        CHECK_EQ(disk->ops->open(disk, "log/a", DISK_OPEN_EXISTING, &file), -ENOENT);
        CHECK_EQ(disk->ops->open(disk, "log/b", DISK_OPEN_EXISTING, &file), 0);
        end();
    }
    CHECK(lost > 20 && lost < 80);
}

TEST(a_dead_disk_takes_nothing_and_ends_nothing)
{
    struct note before = {.op.done = note_done};
    struct note after = {.op.done = note_done};
    struct disk_file again;

    given_a_disk((struct sim_disk_options){.seed = 5});
    struct disk_file file = given_a_durable_file("a");
    CHECK_EQ(sim_disk_operation_count(sim), 4);
    env_write(env, &before.op, file, new_bytes, BYTES, 0);
    env_sim_release(env, 1);
    sim_disk_die_at(sim, sim_disk_operation_count(sim));
    CHECK(!sim_disk_is_dead(sim));
    CHECK_EQ(disk->ops->sync_folder(disk, ""), -EIO);
    CHECK(sim_disk_is_dead(sim));
    env_write(env, &after.op, file, old_bytes, BYTES, 0);
    CHECK_EQ(env_sim_pending(env), 0);
    env_sim_release(env, 9);
    CHECK_EQ(env_turn(env, (struct mono_ns){0}), 0);
    CHECK_EQ(before.done_count, 0); /* durable, and nobody lives to hear it */
    CHECK_EQ(after.done_count, 0);
    CHECK_EQ(disk->ops->write(disk, file, old_bytes, BYTES, 0), -EIO);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), -EIO);
    CHECK_EQ(disk->ops->zero_fill(disk, file, 1), -EIO);
    CHECK_EQ(disk->ops->unlink(disk, "a"), -EIO);
    CHECK_EQ(disk->ops->open(disk, "a", DISK_OPEN_EXISTING, &again), -EIO);
    CHECK_EQ(sim_disk_operation_count(sim), 5);
    crash();
    CHECK(!sim_disk_is_dead(sim));
    file = must_open("a", DISK_OPEN_EXISTING);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_BYTES(buffer, new_bytes, BYTES);
    end();
}

TEST(a_zero_fill_may_die_in_the_middle)
{
    uint32_t partial = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        uint64_t bytes;
        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = must_open("a", DISK_OPEN_CREATE);
        CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
        sim_disk_die_at(sim, sim_disk_operation_count(sim) + 1);
        CHECK_EQ(disk->ops->zero_fill(disk, file, BYTES), -EIO);
        crash();
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->size(disk, file, &bytes), 0);
        CHECK(bytes <= BYTES);
        partial += bytes > 0 && bytes < BYTES;
        end();
    }
    CHECK(partial > 5);
}

TEST(operations_fail_when_the_dice_say_so)
{
    uint32_t failed = 0;
    uint32_t full = 0;

    given_a_disk(
        (struct sim_disk_options){.seed = 3, .write_fails_permille = 300, .zero_fill_fails_permille = 300});
    struct disk_file file = must_open("a", DISK_OPEN_CREATE);
    for (uint32_t i = 0; i < 200; i++) {
        struct note note = {.op.done = note_done};
        env_write(env, &note.op, file, new_bytes, BYTES, 0);
        finish_all();
        CHECK(note.result == 0 || note.result == -EIO);
        failed += note.result != 0;
        int r = disk->ops->zero_fill(disk, file, BYTES);
        CHECK(r == 0 || r == -ENOSPC);
        full += r != 0;
    }
    CHECK(failed > 30 && failed < 90);
    CHECK(full > 30 && full < 90);
    end();
}

TEST(operations_end_in_any_order_each_once_and_only_in_a_turn)
{
    bool was_reordered = false;

    given_a_disk((struct sim_disk_options){.seed = 9});
    struct disk_file file = given_a_durable_file("a");
    struct note notes[16];
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        notes[i] = (struct note){.op.done = note_done};
        env_write(env, &notes[i].op, file, new_bytes, DISK_SECTOR_BYTES, 0);
    }
    CHECK_EQ(env->ops_outstanding, 16);
    CHECK_EQ(env_sim_pending(env), 16);
    env_sim_release(env, 100);
    CHECK_EQ(done_order, 0);
    CHECK_EQ(env_turn(env, (struct mono_ns){0}), 16);
    CHECK_EQ(env->ops_outstanding, 0);
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        CHECK_EQ(notes[i].done_count, 1);
        was_reordered |= notes[i].order != i;
    }
    CHECK(was_reordered);

    struct note past_the_end = {.op.done = note_done};
    env_read(env, &past_the_end.op, file, buffer, BYTES, DISK_SECTOR_BYTES);
    finish_all();
    CHECK_EQ(past_the_end.result, -EIO);
    end();
}

TEST(contracts_of_operations_are_checked)
{
    struct note note = {.op.done = note_done};

    given_a_disk((struct sim_disk_options){.seed = 9});
    struct disk_file file = given_a_durable_file("a");
    CHECK_DIES(env_write(env, &note.op, file, new_bytes, 100, 0));
    CHECK_DIES(env_write(env, &note.op, file, new_bytes + 1, DISK_SECTOR_BYTES, 0));
    CHECK_DIES(env_read(env, &note.op, file, buffer, DISK_SECTOR_BYTES, 1));
    CHECK_DIES(env_write(env, &note.op, DISK_FILE_NONE, new_bytes, DISK_SECTOR_BYTES, 0));
    memset(buffer, 1, BYTES);
    env_write(env, &note.op, file, buffer, BYTES, 0);
    buffer[5] = 2;
    CHECK_DIES(env_sim_release(env, 1)); /* the buffer was lent */
    CHECK_DIES(sim_disk_crash(sim));     /* with an env open */
    end();
}

static uint32_t side_seen;

static int
run_side(void *context)
{
    CHECK_EQ(here.n, SHARD_NONE.n);
    CHECK_EQ(*(uint32_t *)context, side_seen);
    return (int)(100 + side_seen++);
}

TEST(side_tasks_keep_their_order)
{
    static uint32_t numbers[10];
    struct note notes[10];
    struct note reads[10];

    side_seen = 0;
    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    here = (struct shard_id){.n = 3};
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        notes[i] = (struct note){.op.done = note_done};
        reads[i] = (struct note){.op.done = note_done};
        numbers[i] = i;
        env_side(env, &notes[i].op, run_side, &numbers[i]);
        env_read(env, &reads[i].op, file, buffer, BYTES, 0);
    }
    CHECK_EQ(env_sim_pending(env), 11); /* of the side tasks only the oldest */
    finish_all();
    CHECK_EQ(here.n, 3);
    here = SHARD_NONE;
    for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
        CHECK_EQ(notes[i].result, 100 + i);
        CHECK(i == 0 || notes[i - 1].order < notes[i].order);
        CHECK_EQ(reads[i].done_count, 1);
    }
    end();
}

TEST(waking_is_remembered_once)
{
    given_a_disk((struct sim_disk_options){.seed = 4});
    CHECK(!env_sim_was_woken(env));
    env_wake(env);
    env_wake(env);
    CHECK(env_sim_was_woken(env));
    CHECK(!env_sim_was_woken(env));
    CHECK_EQ(env_watch(env, 0, NULL, NULL), -EOPNOTSUPP);
    end();
}

TEST(time_moves_only_when_told)
{
    given_a_disk((struct sim_disk_options){.seed = 4});
    now = (struct sim_clock){.mono = {5}, .wall = {6}};
    CHECK_EQ(env_turn(env, (struct mono_ns){1000}), 0);
    CHECK_EQ(env_mono(env).ns, 5);
    CHECK_EQ(env_wall(env).ms, 6);
    now.mono.ns = 9;
    CHECK_EQ(env_mono(env).ns, 9);
    end();
}

TEST(a_flipped_bit_is_seen_and_survives)
{
    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    CHECK(!sim_disk_flip(sim, "a", BYTES, 0));
    CHECK(!sim_disk_flip(sim, "b", 0, 0));
    CHECK(sim_disk_flip(sim, "a", 4097, 3));
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(buffer[4097], 0x11 ^ 8);
    CHECK_EQ(buffer[4096], 0x11);
    crash();
    file = must_open("a", DISK_OPEN_EXISTING);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(buffer[4097], 0x11 ^ 8);
    end();
}

/* How a file of old bytes, with new ones written over it and not synced, looks after such a crash. */
static void
crash_with_a_write_pending(enum sim_crash how)
{
    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
    CHECK_EQ(disk->ops->rename(disk, "a", "b"), 0);
    CHECK(!sim_disk_is_settled(sim));
    env_close(env);
    sim_disk_crash_as(sim, how);
    CHECK(sim_disk_is_settled(sim));
    env = env_sim_create(sim, &now, 77);
    file = must_open(how == SIM_CRASH_UNSYNCED_LOST ? "a" : "b", DISK_OPEN_EXISTING);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    end();
}

TEST(a_crash_is_as_it_is_told)
{
    crash_with_a_write_pending(SIM_CRASH_ALL_WRITTEN);
    CHECK_EQ(memcmp(buffer, new_bytes, BYTES), 0);
    crash_with_a_write_pending(SIM_CRASH_UNSYNCED_LOST);
    CHECK_EQ(memcmp(buffer, old_bytes, BYTES), 0);
    crash_with_a_write_pending(SIM_CRASH_LAST_TORN);
    CHECK_EQ(memcmp(buffer, new_bytes, BYTES - DISK_SECTOR_BYTES), 0);
    CHECK(buffer[BYTES - 1] != buffer[BYTES - 512] || buffer[BYTES - 1] != buffer[BYTES - 4096]);
}

TEST(a_copy_of_a_disk_goes_its_own_way)
{
    struct note note = {.op.done = note_done};

    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    env_write(env, &note.op, file, new_bytes, DISK_SECTOR_BYTES, 0); /* under way here, pending there */

    struct sim_disk *copy = sim_disk_copy(sim, 5);
    sim_disk_crash_as(copy, SIM_CRASH_ALL_WRITTEN);
    struct disk *other = sim_disk_interface(copy);
    struct disk_file twin = DISK_FILE_NONE;
    CHECK_EQ(other->ops->open(other, "a", DISK_OPEN_EXISTING, &twin), 0);
    CHECK_EQ(other->ops->read(other, twin, buffer, BYTES, 0), 0);
    CHECK_EQ(buffer[0], 0x22);
    CHECK_EQ(buffer[DISK_SECTOR_BYTES], 0x11);
    CHECK_EQ(other->ops->write(other, twin, new_bytes, BYTES, 0), 0);
    CHECK_EQ(other->ops->unlink(other, "a"), 0);

    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(memcmp(buffer, old_bytes, BYTES), 0);
    finish_all();
    CHECK_EQ(note.result, 0);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(buffer[0], 0x22);
    CHECK_EQ(buffer[DISK_SECTOR_BYTES], 0x11);
    sim_disk_destroy(copy);
    end();
}

/* What another process reads then is not durable before it is synced. */
TEST(a_killed_process_leaves_what_can_be_seen_and_lost)
{
    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
    env_close(env);
    sim_disk_kill(sim);
    env = env_sim_create(sim, &now, 77);
    file = must_open("a", DISK_OPEN_EXISTING);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(memcmp(buffer, new_bytes, BYTES), 0);
    env_close(env);
    sim_disk_crash_as(sim, SIM_CRASH_UNSYNCED_LOST);
    env = env_sim_create(sim, &now, 77);
    file = must_open("a", DISK_OPEN_EXISTING);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(memcmp(buffer, old_bytes, BYTES), 0);
    end();
}

TEST(a_killed_process_may_have_written_what_was_under_way)
{
    uint32_t seen_count = 0;

    for (uint64_t seed = 0; seed < 32; seed++) {
        struct note note = {.op.done = note_done};

        given_a_disk((struct sim_disk_options){.seed = seed});
        struct disk_file file = given_a_durable_file("a");
        env_write(env, &note.op, file, new_bytes, BYTES, 0);
        env_close(env);
        sim_disk_kill(sim);
        env = env_sim_create(sim, &now, 77);
        file = must_open("a", DISK_OPEN_EXISTING);
        CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
        seen_count += buffer[0] == 0x22;
        end();
    }
    CHECK(seen_count > 4);
    CHECK(seen_count < 28);
}

static uint32_t change_counts[2];

static void
count_change(void *context, enum sim_change change)
{
    CHECK(context == sim);
    change_counts[change]++;
}

TEST(whoever_watches_is_told_before_each_change)
{
    struct note note = {.op.done = note_done};

    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    uint64_t count = sim_disk_operation_count(sim);
    memset(change_counts, 0, sizeof(change_counts));
    sim_disk_watch(sim, count_change, sim);
    env_write(env, &note.op, file, new_bytes, BYTES, 0);
    finish_all();
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
    CHECK_EQ(disk->ops->zero_fill(disk, file, BYTES), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(change_counts[SIM_CHANGE_BEGINS], sim_disk_operation_count(sim) - count);
    CHECK_EQ(change_counts[SIM_CHANGE_WRITE_ENDS], 1);
    end();
}

TEST(one_write_or_sync_fails_when_it_is_told)
{
    struct note note = {.op.done = note_done};

    given_a_disk((struct sim_disk_options){.seed = 4});
    struct disk_file file = given_a_durable_file("a");
    sim_disk_fail_at(sim, sim_disk_operation_count(sim));
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), -EIO);
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
    sim_disk_fail_at(sim, sim_disk_operation_count(sim));
    CHECK(!sim_disk_has_failed(sim));
    CHECK_EQ(disk->ops->sync(disk, file), -EIO);
    CHECK(sim_disk_has_failed(sim));
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    sim_disk_fail_at(sim, sim_disk_operation_count(sim) + 1);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), -EIO);
    sim_disk_fail_at(sim, sim_disk_operation_count(sim));
    env_write(env, &note.op, file, old_bytes, BYTES, 0);
    finish_all();
    CHECK_EQ(note.result, -EIO);
    CHECK_EQ(disk->ops->read(disk, file, buffer, BYTES, 0), 0);
    CHECK_EQ(memcmp(buffer, new_bytes, BYTES), 0);
    end();
}

TEST(a_full_disk_has_no_room_and_keeps_what_it_has)
{
    struct disk_file file;
    struct disk_file other = DISK_FILE_NONE;

    given_a_disk((struct sim_disk_options){.seed = 4});
    file = given_a_durable_file("a");
    sim_disk_fill(sim, true);
    CHECK_EQ(disk->ops->open(disk, "b", DISK_OPEN_CREATE, &other), -ENOSPC);
    CHECK_EQ(disk->ops->make_folder(disk, "log"), -ENOSPC);
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 1), -ENOSPC);
    CHECK_EQ(disk->ops->zero_fill(disk, file, BYTES + 1), -ENOSPC);
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 0), 0);
    CHECK_EQ(disk->ops->sync(disk, file), 0);
    CHECK_EQ(disk->ops->rename(disk, "a", "b"), 0);
    sim_disk_fill(sim, false);
    CHECK_EQ(disk->ops->write(disk, file, new_bytes, BYTES, 1), 0);
    end();
}

TEST(a_disk_with_a_limit_has_room_for_so_much_and_gets_back_what_is_unlinked)
{
    struct note note = {.op.done = note_done};
    struct disk_file file;
    uint64_t left;

    given_a_disk((struct sim_disk_options){.seed = 4});
    file = given_a_durable_file("a");
    CHECK_EQ(disk->ops->room(disk, &left), 0);
    CHECK(left > UINT32_MAX);
    sim_disk_limit(sim, BYTES + DISK_SECTOR_BYTES);
    CHECK_EQ(disk->ops->room(disk, &left), 0);
    CHECK_EQ(left, BYTES + DISK_SECTOR_BYTES);
    CHECK_EQ(disk->ops->zero_fill(disk, given_a_durable_file("b"), BYTES + DISK_SECTOR_BYTES + 1), -ENOSPC);
    CHECK_EQ(disk->ops->room(disk, &left), 0);
    CHECK_EQ(left, DISK_SECTOR_BYTES);
    env_write(env, &note.op, file, new_bytes, BYTES, 2 * DISK_SECTOR_BYTES);
    finish_all();
    CHECK_EQ(note.result, -ENOSPC);
    CHECK_EQ(disk->ops->unlink(disk, "b"), 0);
    env_write(env, &note.op, file, new_bytes, BYTES, 2 * DISK_SECTOR_BYTES);
    finish_all();
    CHECK_EQ(note.result, 0);
    end();
}

/* A small life with crashes, summed up in a number. */
static uint64_t
live_a_life(uint64_t seed)
{
    uint64_t sum = 14695981039346656037u;
    uint64_t dice = seed;

    given_a_disk((struct sim_disk_options){.seed = seed, .write_fails_permille = 20});
    CHECK_EQ(disk->ops->make_folder(disk, "log"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    for (uint32_t life = 0; life < 5; life++) {
        static struct note notes[64];
        struct disk_file file;
        if (disk->ops->open(disk, "log/x", DISK_OPEN_EXISTING, &file) != 0) {
            file = must_open("log/x", DISK_OPEN_CREATE);
            CHECK_EQ(disk->ops->zero_fill(disk, file, BYTES), 0);
            if (seed % 2 == 0) {
                CHECK_EQ(disk->ops->sync_folder(disk, "log"), 0);
            }
        }
        for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
            notes[i] = (struct note){.op.done = note_done};
            dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint64_t offset = (dice >> 40) % SECTORS * DISK_SECTOR_BYTES;
            if (i % 5 == 0) {
                (void)disk->ops->write(disk, file, new_bytes, 1000, offset + 7);
            }
            env_write(env, &notes[i].op, file, i % 2 == 0 ? old_bytes : new_bytes, DISK_SECTOR_BYTES, offset);
            env_sim_release(env, (uint32_t)(env_random(env) % 2));
            sum = (sum ^ env_turn(env, (struct mono_ns){0})) * 1099511628211u;
        }
        for (uint32_t i = 0; i < COUNT_OF(notes); i++) {
            sum = (sum ^ (notes[i].order + (uint32_t)notes[i].result)) * 1099511628211u;
        }
        crash();
        uint8_t *data;
        uint64_t count;
        if (sim_disk_snapshot(sim, "log/x", &data, &count) == 0) {
            for (uint64_t i = 0; i < count; i++) {
                sum = (sum ^ data[i]) * 1099511628211u;
            }
            free(data);
        }
    }
    end();
    return sum;
}

TEST(the_same_seed_gives_the_same_life)
{
    uint32_t same_as_neighbour = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t first = live_a_life(seed);
        void *noise = malloc(seed * 1000 + 1); /* addresses differ, lives do not */
        CHECK_EQ(live_a_life(seed), first);
        free(noise);
        same_as_neighbour += live_a_life(seed + 1) == first;
    }
    CHECK_EQ(same_as_neighbour, 0);
}
