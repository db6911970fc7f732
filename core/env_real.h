/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * env_real - what the io_uring and the epoll env have in common
 *
 * Clocks, dice, the bell (an eventfd that is written only when it has not been written since it was last
 * heard), watched descriptors, side tasks, durable writes, and the list of completions that a turn runs at
 * its end. A backend embeds struct env_real first and adds how it waits and how it reads.
 *
 * Threads  Home shard, except env_real_wake(): any.
 * Limits   ENV_WATCH_COUNT_MAX watched descriptors: -ENOSPC.
 * Order    A turn hears the bell before it collects side tasks, so that none is missed.
 */

#include "core/env.h"
#include "core/side.h"

#include <errno.h>
#include <stdatomic.h>

#define ENV_WATCH_COUNT_MAX 16u
#define ENV_TRANSFER_BYTES_MAX (UINT64_C(1) << 30) /* one system call moves less than 2 GiB */
#define ENV_RANDOM_COUNT 32u

enum env_kind {
    ENV_KIND_READ,
    ENV_KIND_WRITE,
    ENV_KIND_SIDE,
};

/* What moved less than all of its bytes: a write found no room for the rest, a read the end of the file. */
static inline int
env_real_cut_short(const struct env_op *op)
{
    return op->kind == ENV_KIND_WRITE ? -ENOSPC : -EIO;
}

struct env_watch {
    int fd;
    bool is_armed; /* io_uring: a poll is under way */
    bool is_ready;
    void (*ready)(void *context);
    void *context;
};

struct env_real {
    struct env env;
    int wake_fd;
    struct side side;
    struct side spare;
    struct side writers;
    struct env_op *ready; /* completed, to be run by this turn */
    struct env_op **ready_end;
    struct env_watch watches[ENV_WATCH_COUNT_MAX];
    uint32_t watch_count;
    uint32_t random_count; /* left in random[] */
    uint64_t random[ENV_RANDOM_COUNT];

    alignas(CACHE_LINE_BYTES) _Atomic uint32_t is_woken;
};

/* The backends, for env_open(). */
MUST_USE int env_uring_open(struct disk *disk, struct env **out_env);
MUST_USE int env_epoll_open(struct disk *disk, struct env **out_env);

MUST_USE int env_real_init(struct env_real *real, const struct env_ops *ops, struct disk *disk,
                           enum env_backend backend);
/* Waits for side tasks that are under way. */
void env_real_deinit(struct env_real *real);

/* For the tables of functions. */
struct mono_ns env_real_mono(struct env *env);
struct wall_ms env_real_wall(struct env *env);
uint64_t env_real_random(struct env *env);
void env_real_side(struct env *env, struct env_op *op, int (*run)(void *context), void *context);
void env_real_spare(struct env *env, struct env_op *op, int (*run)(void *context), void *context);
void env_real_wake(struct env *env);
/* By writer threads: a few at once, which end in any order. */
void env_real_write(struct env *env, struct env_op *op, struct disk_file file, const void *buffer,
                    uint64_t bytes, uint64_t offset);
void env_real_read(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
                   uint64_t offset);

/* Checks the contract, notes what is to be done and counts it. */
void env_real_begin(struct env_real *real, struct env_op *op, enum env_kind kind, struct disk_file file,
                    void *buffer, uint64_t bytes, uint64_t offset);
/* -ENOSPC, or the index of the new watch. */
MUST_USE int env_real_add_watch(struct env_real *real, int fd, void (*ready)(void *context), void *context);
/* wake_fd is readable: from now on a wake rings again. */
void env_real_hear(struct env_real *real);
void env_real_ready(struct env_real *real, struct env_op *op, int result);
/* What the side thread and the writers are done with becomes ready. */
void env_real_take_sides(struct env_real *real);
/* Runs what is ready: completions, then watches. Returns how many. */
uint32_t env_real_run(struct env_real *real);
