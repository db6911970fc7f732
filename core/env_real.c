/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_real.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/disk_real.h"

/*
 * Durable writes are blocking calls of a few threads, not operations of a ring: whether a file system has more to do
 * when the bytes are written (a flush, its journal) it leaves, for an asynchronous write, to a worker of the core on
 * which the write began. That is the core which the shard keeps busy, and the worker waits for its turn while all the
 * answers wait for the worker. A thread that waits for its own write does the same in its own name, on any core.
 */

#define WRITER_COUNT 4u /* as many as the log has blocks under way */

static ssize_t
write_durably(int fd, const struct iovec *iovec, off_t offset)
{
    ssize_t count = pwritev2(fd, iovec, 1, offset, RWF_DSYNC);

    if (count >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) {
        return count;
    }
    count = pwritev(fd, iovec, 1, offset);
    if (count >= 0 && fdatasync(fd) != 0) {
        return -1;
    }
    return count;
}

/* On a writer thread. */
static int
transfer(struct env_op *op)
{
    int fd = op->result;
    struct iovec iovec = {.iov_base = op->buffer, .iov_len = op->bytes};
    ssize_t count;

    do {
        count = op->kind == ENV_KIND_WRITE ? write_durably(fd, &iovec, (off_t)op->offset)
                                           : preadv2(fd, &iovec, 1, (off_t)op->offset, 0);
    } while (count < 0 && (errno == EINTR || errno == EAGAIN));
    if (count < 0) {
        return -errno;
    }
    return (uint64_t)count == op->bytes ? 0 : env_real_cut_short(op);
}

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
    side_init(&real->side, &real->env, 1, SIDE_PLAIN, run_side);
    side_init(&real->spare, &real->env, 1, SIDE_SPARE, run_side);
    side_init(&real->writers, &real->env, WRITER_COUNT, SIDE_URGENT, transfer);
    return 0;
}

void
env_real_deinit(struct env_real *real)
{
    if (real->wake_fd >= 0) {
        side_deinit(&real->writers);
        side_deinit(&real->spare);
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

static void
put(struct env_real *real, struct side *side, struct env_op *op, int (*run)(void *context), void *context)
{
    REQUIRE(run != NULL);
    count_begun(real, op, ENV_KIND_SIDE);
    op->run = run;
    op->context = context;
    side_put(side, op);
}

void
env_real_side(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    put(real_of(env), &real_of(env)->side, op, run, context);
}

void
env_real_spare(struct env *env, struct env_op *op, int (*run)(void *context), void *context)
{
    put(real_of(env), &real_of(env)->spare, op, run, context);
}

void
env_real_write(struct env *env, struct env_op *op, struct disk_file file, const void *buffer, uint64_t bytes,
               uint64_t offset)
{
    struct env_real *real = real_of(env);

    env_real_begin(real, op, ENV_KIND_WRITE, file, (void *)(uintptr_t)buffer, bytes, offset);
    op->result = disk_real_descriptor(env->disk, file); /* on its way in, the descriptor */
    side_put(&real->writers, op);
}

void
env_real_read(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
              uint64_t offset)
{
    struct env_real *real = real_of(env);

    env_real_begin(real, op, ENV_KIND_READ, file, buffer, bytes, offset);
    op->result = disk_real_descriptor(env->disk, file); /* on its way in, the descriptor */
    side_put(&real->writers, op);
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

static void
ready_all(struct env_real *real, struct env_op *list)
{
    while (list != NULL) {
        struct env_op *op = list;
        list = op->next;
        env_real_ready(real, op, op->result);
    }
}

void
env_real_take_sides(struct env_real *real)
{
    ready_all(real, side_take(&real->writers));
    ready_all(real, side_take(&real->side));
    ready_all(real, side_take(&real->spare));
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
