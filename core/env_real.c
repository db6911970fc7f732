/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_real.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int
run_side(struct env_op *op)
{
    return op->run(op->context);
}

int
env_real_init(struct env_real *real, const struct env_ops *ops, struct disk *disk, enum env_backend backend)
{
    *real = (struct env_real){.env = {.ops = ops, .disk = disk, .backend = backend}};
    real->ready_end = &real->ready;
    real->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (real->wake_fd < 0) {
        return fault_new(-errno);
    }
    side_init(&real->side, &real->env, 1, run_side);
    return 0;
}

void
env_real_deinit(struct env_real *real)
{
    if (real->wake_fd >= 0) {
        side_deinit(&real->side);
        (void)close(real->wake_fd);
        real->wake_fd = -1;
    }
}

static struct env_real *
real_of(struct env *env)
{
    return CONTAINER_OF(env, struct env_real, env);
}

struct mono_ns
env_real_mono(struct env *env)
{
    struct timespec now;

    (void)env;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct mono_ns){.ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

struct wall_ms
env_real_wall(struct env *env)
{
    struct timespec now;

    (void)env;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_ms){.ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / (int64_t)NS_PER_MS};
}

uint64_t
env_real_random(struct env *env)
{
    struct env_real *real = real_of(env);

    /* The kernel's, good enough for names and secrets; 32 a call, as the call is what costs. */
    while (real->random_count == 0) {
        if (getrandom(real->random, sizeof(real->random), 0) == (ssize_t)sizeof(real->random)) {
            real->random_count = ENV_RANDOM_COUNT;
        } else {
            ASSERT(errno == EINTR);
        }
    }
    uint64_t random = real->random[--real->random_count];
    real->random[real->random_count] = 0;
    return random;
}

void
env_real_wake(struct env *env)
{
    struct env_real *real = real_of(env);
    uint64_t one = 1;

    /* Acquire and release, with env_real_hear(): who finds the flag up is heard by whoever lowers it. */
    if (atomic_exchange_explicit(&real->is_woken, 1, memory_order_acq_rel) != 0) {
        return;
    }
    while (write(real->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void
env_real_hear(struct env_real *real)
{
    uint64_t counter;

    /* First the counter, then the flag: a wake between the two is silent, but we are awake already. */
    while (read(real->wake_fd, &counter, sizeof(counter)) < 0 && errno == EINTR) {
    }
    (void)atomic_exchange_explicit(&real->is_woken, 0, memory_order_acq_rel);
}

static void
count_begun(struct env_real *real, struct env_op *op, enum env_kind kind)
{
    REQUIRE(op->done != NULL);
    REQUIRE(real->env.ops_outstanding < ENV_OPS_MAX);

    op->kind = kind;
    op->next = NULL;
    real->env.ops_outstanding++;
}

void
env_real_begin(struct env_real *real, struct env_op *op, enum env_kind kind, struct disk_file file,
               void *buffer, uint64_t bytes, uint64_t offset)
{
    REQUIRE(real->env.disk != NULL);
    REQUIRE((uintptr_t)buffer % DISK_SECTOR_BYTES == 0);
    REQUIRE(bytes % DISK_SECTOR_BYTES == 0);
    REQUIRE(bytes > 0);
    REQUIRE(bytes <= ENV_TRANSFER_BYTES_MAX);
    REQUIRE(offset % DISK_SECTOR_BYTES == 0);

    count_begun(real, op, kind);
    op->file = file;
    op->buffer = buffer;
    op->bytes = bytes;
    op->offset = offset;
}

void
env_real_side(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    struct env_real *real = real_of(env);

    REQUIRE(run != NULL);
    count_begun(real, op, ENV_KIND_SIDE);
    op->run = run;
    op->context = context;
    side_put(&real->side, op);
}

int
env_real_add_watch(struct env_real *real, int fd, void (*ready)(void *context), void *context)
{
    if (real->watch_count == ENV_WATCH_COUNT_MAX) {
        return fault_new(-ENOSPC);
    }
    real->watches[real->watch_count] = (struct env_watch){.fd = fd, .ready = ready, .context = context};
    return (int)real->watch_count++;
}

void
env_real_ready(struct env_real *real, struct env_op *op, int result)
{
    op->result = result;
    op->next = NULL;
    *real->ready_end = op;
    real->ready_end = &op->next;
}

void
env_real_ready_all(struct env_real *real, struct env_op *list)
{
    while (list != NULL) {
        struct env_op *op = list;
        list = op->next;
        env_real_ready(real, op, op->result);
    }
}

uint32_t
env_real_run(struct env_real *real)
{
    struct env_op *ready = real->ready;
    uint32_t count = 0;

    real->ready = NULL;
    real->ready_end = &real->ready;
    while (ready != NULL) {
        struct env_op *op = ready;
        ready = op->next;
        op->next = NULL;
        real->env.ops_outstanding--;
        count++;
        op->done(op, op->result);
    }
    for (uint32_t i = 0; i < real->watch_count; i++) {
        struct env_watch *watch = &real->watches[i];
        if (watch->is_ready) {
            watch->is_ready = false;
            count++;
            watch->ready(watch->context);
        }
    }
    return count;
}
