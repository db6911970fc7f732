/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_sim.h"

#include <errno.h>
#include <stdlib.h>

#include "core/here.h"
#include "core/sim_disk.h"
#include "core/sim_file.h"

/*
 *   started   --env_sim_release-->  ready   --env_turn-->  done
 *      |                              |
 *      +---------- env_close ---------+--->  abandoned: a write that was not ready is left to the dice
 *
 * An operation has its effect on the disk, or runs its function, when it is released. Which one that is
 * is decided by this env's dice, from the list in order of starting; of side tasks only the oldest may go.
 */

enum kind {
    KIND_READ,
    KIND_WRITE,
    KIND_SIDE,
};

struct started {
    struct started *next;
    struct env_op *op;
    struct sim_file *file;
    struct sim_write
        *write; /* a copy of what is to be written, as the owner may be gone when the env is closed */
};

struct env_sim {
    struct env env;
    struct sim_disk *disk;
    struct sim_clock *clock;
    uint64_t dice;
    bool was_woken;
    struct started *started; /* oldest first */
    struct started **started_end;
    struct env_op *ready;
    struct env_op **ready_end;
};

static struct env_sim *
sim_of(struct env *env)
{
    return CONTAINER_OF(env, struct env_sim, env);
}

static bool
is_dead(const struct env_sim *sim)
{
    return sim->disk != NULL && sim_disk_is_dead(sim->disk);
}

static struct mono_ns
sim_mono(struct env *env)
{
    struct sim_clock *clock = sim_of(env)->clock;

    clock->mono.ns += clock->ns_per_look;
    return clock->mono;
}

static struct wall_ms
sim_wall(struct env *env)
{
    return sim_of(env)->clock->wall;
}

static uint64_t
sim_random(struct env *env)
{
    return sim_dice(&sim_of(env)->dice);
}

static struct started *
start(struct env_sim *sim, struct env_op *op, enum kind kind)
{
    struct started *started = calloc(1, sizeof(*started));

    REQUIRE(op->done != NULL);
    REQUIRE(sim->env.ops_outstanding < ENV_OPS_MAX);
    ASSERT(started != NULL);
    op->kind = kind;
    op->next = NULL;
    started->op = op;
    *sim->started_end = started;
    sim->started_end = &started->next;
    sim->env.ops_outstanding++;
    return started;
}

static void
check_aligned(const void *buffer, uint64_t bytes, uint64_t offset)
{
    REQUIRE((uintptr_t)buffer % DISK_SECTOR_BYTES == 0);
    REQUIRE(bytes % DISK_SECTOR_BYTES == 0);
    REQUIRE(bytes > 0);
    REQUIRE(offset % DISK_SECTOR_BYTES == 0);
}

static void
sim_write(struct env *env, struct env_op *op, struct disk_file file, const void *buffer, uint64_t bytes,
          uint64_t offset)
{
    struct env_sim *sim = sim_of(env);

    check_aligned(buffer, bytes, offset);
    op->file = file;
    op->buffer = (void *)(uintptr_t)buffer;
    op->bytes = bytes;
    op->offset = offset;
    if (!sim_disk_begin(sim->disk)) {
        (void)start(sim, op, KIND_WRITE); /* it will never end, and leaves nothing behind */
        return;
    }
    struct started *started = start(sim, op, KIND_WRITE);
    started->file = sim_file_hold(sim->disk, file);
    started->write = sim_file_write_begin(started->file, buffer, bytes, offset);
}

static void
sim_read(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
         uint64_t offset)
{
    struct env_sim *sim = sim_of(env);
    struct started *started = start(sim, op, KIND_READ);

    check_aligned(buffer, bytes, offset);
    op->file = file;
    op->buffer = buffer;
    op->bytes = bytes;
    op->offset = offset;
    started->file = sim_file_hold(sim->disk, file);
}

static void
sim_side(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    REQUIRE(run != NULL);

    op->run = run;
    op->context = context;
    (void)start(sim_of(env), op, KIND_SIDE);
}

static int
sim_watch(struct env *env, int fd, void (*ready)(void *context), void *context)
{
    (void)env;
    (void)fd;
    (void)ready;
    (void)context;
    return fault_new(-EOPNOTSUPP); /* descriptors belong to the real world */
}

static uint32_t
sim_turn(struct env *env, struct mono_ns wait)
{
    struct env_sim *sim = sim_of(env);
    struct env_op *ready = sim->ready;
    uint32_t count = 0;

    (void)wait; /* time moves only when told */
    sim->ready = NULL;
    sim->ready_end = &sim->ready;
    while (ready != NULL && !is_dead(sim)) {
        struct env_op *op = ready;
        ready = op->next;
        op->next = NULL;
        env->ops_outstanding--;
        count++;
        op->done(op, op->result);
    }
    return count;
}

static void
sim_wake(struct env *env)
{
    sim_of(env)->was_woken = true;
}

static void
forget(struct started *started)
{
    if (started->file != NULL) {
        sim_file_drop(started->file);
    }
    free(started);
}

static void
sim_close(struct env *env)
{
    struct env_sim *sim = sim_of(env);

    while (sim->started != NULL) {
        struct started *started = sim->started;
        sim->started = started->next;
        if (started->write != NULL) {
            sim_file_write_abandon(started->write);
        }
        forget(started);
    }
    free(sim);
}

static const struct env_ops sim_ops = {
    .mono = sim_mono,
    .wall = sim_wall,
    .random = sim_random,
    .write = sim_write,
    .read = sim_read,
    .side = sim_side,
    .spare = sim_side,
    .watch = sim_watch,
    .turn = sim_turn,
    .wake = sim_wake,
    .close = sim_close,
};

struct env *
env_sim_create(struct sim_disk *disk, struct sim_clock *clock, uint64_t seed)
{
    struct env_sim *sim = calloc(1, sizeof(*sim));

    ASSERT(sim != NULL);
    sim->env = (struct env){
        .ops = &sim_ops,
        .disk = disk != NULL ? sim_disk_interface(disk) : NULL,
        .backend = ENV_SIMULATED,
    };
    sim->disk = disk;
    sim->clock = clock;
    sim->dice = seed;
    sim->started_end = &sim->started;
    sim->ready_end = &sim->ready;
    return &sim->env;
}

uint32_t
env_sim_pending(struct env *env)
{
    struct env_sim *sim = sim_of(env);
    bool has_side = false;
    uint32_t count = 0;

    if (is_dead(sim)) {
        return 0;
    }
    for (struct started *started = sim->started; started != NULL; started = started->next) {
        bool is_side = started->op->kind == KIND_SIDE;
        count += !is_side || !has_side;
        has_side |= is_side;
    }
    return count;
}

/* The index-th operation that could end, taken from the list. */
static struct started *
take_started(struct env_sim *sim, uint64_t index)
{
    bool has_side = false;

    for (struct started **link = &sim->started;; link = &(*link)->next) {
        struct started *started = *link;
        bool is_side = started->op->kind == KIND_SIDE;
        if (is_side && has_side) {
            continue;
        }
        has_side |= is_side;
        if (index-- > 0) {
            continue;
        }
        *link = started->next;
        if (sim->started_end == &started->next) {
            sim->started_end = link;
        }
        return started;
    }
}

static int
perform(struct env_sim *sim, struct started *started)
{
    struct env_op *op = started->op;

    switch ((enum kind)op->kind) {
    case KIND_READ:
        return sim_file_read(started->file, op->buffer, op->bytes, op->offset);
    case KIND_WRITE:
        /* The owner kept its hands off. */
        REQUIRE(memcmp(op->buffer, sim_write_data(started->write), op->bytes) == 0);
        return sim_disk_write_end(sim->disk, started->file, started->write);
    case KIND_SIDE: {
        struct shard_id home = here;
        here = SHARD_NONE; /* as on a side thread */
        int r = op->run(op->context);
        here = home;
        return r;
    }
    }
    return -EINVAL;
}

void
env_sim_release(struct env *env, uint32_t count)
{
    struct env_sim *sim = sim_of(env);

    while (count > 0) {
        uint32_t pending_count = env_sim_pending(env);
        if (pending_count == 0) {
            return;
        }
        struct started *started = take_started(sim, sim_dice(&sim->dice) % pending_count);
        struct env_op *op = started->op;
        op->result = perform(sim, started);
        forget(started);
        op->next = NULL;
        *sim->ready_end = op;
        sim->ready_end = &op->next;
        count--;
    }
}

bool
env_sim_was_woken(struct env *env)
{
    struct env_sim *sim = sim_of(env);
    bool was_woken = sim->was_woken;

    sim->was_woken = false;
    return was_woken;
}
