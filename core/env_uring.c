/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_real.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>

#include <liburing.h>

#include "core/disk_real.h"

/*
 * A turn: arm what is to be listened to (the bell, the watched descriptors), submit and wait, copy all
 * completions off the queue, run them. Reads and polls go over the ring; writes do not, see env_real.c.
 *
 *   - A wait is judged by what is in the completion queue afterwards, never by its return value: that is
 *     the number submitted even when it then timed out.
 *   - With DEFER_TASKRUN completions are posted only while we are in the kernel asking for events.
 *     TASKRUN_FLAG tells when there are some, and io_uring_peek_batch_cqe() then enters by itself, so a
 *     turn that does not wait and has nothing to submit costs no system call.
 *   - One reap may be a part of what is there: we reap until there is nothing.
 *   - The queues have room for all that may be outstanding, so neither can overflow.
 */

#define SUBMISSION_COUNT 1024u
#define COMPLETION_COUNT 4096u
#define REAP_COUNT 64u

static_assert(ENV_OPS_MAX + ENV_WATCH_COUNT_MAX + 2 <= SUBMISSION_COUNT, "an operation always finds a place");

/* The low bits of user_data say whose it is. */
#define TAG_OP 0u
#define TAG_WATCH 1u
#define TAG_BELL 2u
#define TAG_TEST 3u
#define TAG_MASK 3u

struct env_uring {
    struct env_real real;
    struct io_uring ring;
    bool has_ring;
    bool is_bell_armed;
    bool is_test_done;
    uint32_t read_count; /* under way */
};

static struct env_uring *
uring_of(struct env *env)
{
    return CONTAINER_OF(env, struct env_uring, real.env);
}

static struct io_uring_sqe *
take_sqe(struct env_uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

    ASSERT(sqe != NULL); /* SUBMISSION_COUNT */
    return sqe;
}

static void
submit_read(struct env_uring *uring, struct env_op *op)
{
    int fd = disk_real_descriptor(uring->real.env.disk, op->file);
    struct io_uring_sqe *sqe = take_sqe(uring);

    io_uring_prep_read(sqe, fd, op->buffer, (uint32_t)op->bytes, op->offset);
    io_uring_sqe_set_data64(sqe, (uintptr_t)op | TAG_OP);
    uring->read_count++;
}

static void
uring_read(struct env *env, struct env_op *op, struct disk_file file, void *buffer, uint64_t bytes,
           uint64_t offset)
{
    struct env_uring *uring = uring_of(env);

    env_real_begin(&uring->real, op, ENV_KIND_READ, file, buffer, bytes, offset);
    submit_read(uring, op);
}

static int
uring_watch(struct env *env, int fd, void (*ready)(void *context), void *context)
{
    int index = env_real_add_watch(&uring_of(env)->real, fd, ready, context);

    return index < 0 ? fault_up(index) : 0;
}

static void
arm(struct env_uring *uring)
{
    if (!uring->is_bell_armed) {
        struct io_uring_sqe *sqe = take_sqe(uring);
        io_uring_prep_poll_add(sqe, uring->real.wake_fd, POLLIN);
        io_uring_sqe_set_data64(sqe, TAG_BELL);
        uring->is_bell_armed = true;
    }
    for (uint32_t i = 0; i < uring->real.watch_count; i++) {
        struct env_watch *watch = &uring->real.watches[i];
        if (!watch->is_armed) {
            struct io_uring_sqe *sqe = take_sqe(uring);
            io_uring_prep_poll_add(sqe, watch->fd, POLLIN); /* one shot: arming it tests for readiness */
            io_uring_sqe_set_data64(sqe, (uint64_t)i << 2 | TAG_WATCH);
            watch->is_armed = true;
        }
    }
}

/* 0, or what no turn can go on after. */
static int
enter(struct env_uring *uring, struct mono_ns wait)
{
    struct io_uring *ring = &uring->ring;
    struct io_uring_cqe *cqe;
    int r = 0;

    if (wait.ns == 0 || io_uring_cq_ready(ring) > 0) {
        if (io_uring_sq_ready(ring) > 0) {
            r = io_uring_submit_and_get_events(ring);
        }
    } else if (wait.ns == UINT64_MAX) {
        r = io_uring_submit_and_wait(ring, 1);
    } else {
        struct __kernel_timespec timeout = {
            .tv_sec = (int64_t)(wait.ns / NS_PER_S),
            .tv_nsec = (long long)(wait.ns % NS_PER_S),
        };
        r = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
    }
    switch (r) {
    case -ETIME:
    case -EINTR:
    case -EAGAIN: /* what was not submitted stays and is tried again in the next turn */
    case -EBUSY:
    case -ENOMEM:
        return 0;
    }
    return r < 0 ? fault_new(r) : 0;
}

static void
take_watch(struct env_uring *uring, uint64_t index, int result)
{
    struct env_watch *watch = &uring->real.watches[index];

    watch->is_ready = true;
    /* A descriptor that cannot be polled is reported once and not armed again. */
    watch->is_armed = result < 0 && result != -EINTR && result != -EAGAIN;
}

static void
take_read(struct env_uring *uring, struct env_op *op, int result)
{
    uring->read_count--;
    if (result == -EINTR || result == -EAGAIN) {
        submit_read(uring, op); /* nothing was moved, and it is nobody's fault */
        return;
    }
    if (result >= 0) {
        result = (uint64_t)result == op->bytes ? 0 : -EIO;
    }
    env_real_ready(&uring->real, op, result);
}

static void
take_cqe(struct env_uring *uring, uint64_t data, int result)
{
    switch (data & TAG_MASK) {
    case TAG_OP:
        take_read(uring, (struct env_op *)(uintptr_t)data, result);
        break;
    case TAG_WATCH:
        take_watch(uring, data >> 2, result);
        break;
    case TAG_BELL:
        uring->is_bell_armed = false;
        env_real_hear(&uring->real);
        break;
    case TAG_TEST:
        uring->is_test_done = true;
        break;
    }
}

static void
reap(struct env_uring *uring)
{
    struct io_uring_cqe *cqes[REAP_COUNT];

    for (;;) {
        unsigned count = io_uring_peek_batch_cqe(&uring->ring, cqes, REAP_COUNT);
        if (count == 0) {
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            take_cqe(uring, io_uring_cqe_get_data64(cqes[i]), cqes[i]->res);
        }
        io_uring_cq_advance(&uring->ring, count);
    }
}

static uint32_t
uring_turn(struct env *env, struct mono_ns wait)
{
    struct env_uring *uring = uring_of(env);

    arm(uring);
    int r = enter(uring, wait);
    ASSERT(r == 0);
    reap(uring);
    env_real_take_sides(&uring->real);
    return env_real_run(&uring->real);
}

static void
uring_close(struct env *env)
{
    struct env_uring *uring = uring_of(env);

    /* The kernel writes into buffers until it is done with them. */
    while (uring->has_ring && uring->read_count > 0 && enter(uring, MONO_NEVER) == 0) {
        reap(uring);
    }
    env_real_deinit(&uring->real);
    if (uring->has_ring) {
        io_uring_queue_exit(&uring->ring);
    }
    free(uring);
}

static const struct env_ops uring_ops = {
    .mono = env_real_mono,
    .wall = env_real_wall,
    .random = env_real_random,
    .write = env_real_write,
    .read = uring_read,
    .side = env_real_side,
    .spare = env_real_spare,
    .watch = uring_watch,
    .turn = uring_turn,
    .wake = env_real_wake,
    .close = uring_close,
};

/* As much of what we like as the kernel has. */
static int
make_ring(struct env_uring *uring)
{
    static const uint32_t flags[] = {
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_SINGLE_ISSUER,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_SUBMIT_ALL,
        0,
    };
    int r = -EINVAL;

    for (uint32_t i = 0; i < COUNT_OF(flags) && r == -EINVAL; i++) {
        struct io_uring_params params = {.flags = flags[i] | IORING_SETUP_CQSIZE,
                                         .cq_entries = COMPLETION_COUNT};
        r = io_uring_queue_init_params(SUBMISSION_COUNT, &uring->ring, &params);
    }
    if (r != 0) {
        return fault_new(r);
    }
    uring->has_ring = true;

    /* EXT_ARG waits with a timeout without a timer of its own; NODROP keeps completions when it is tight. */
    uint32_t needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;
    return (uring->ring.features & needed) == needed ? 0 : fault_new(-EOPNOTSUPP);
}

/* One operation there and back, and one ring of the bell. */
static int
test_ring(struct env_uring *uring)
{
    struct mono_ns deadline = {.ns = env_real_mono(&uring->real.env).ns + 2 * NS_PER_S};
    struct io_uring_sqe *sqe = take_sqe(uring);

    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, TAG_TEST);
    arm(uring);
    int r = enter(uring, (struct mono_ns){0});
    if (r != 0) {
        return fault_up(r);
    }
    env_real_wake(&uring->real.env);
    for (;;) {
        reap(uring);
        if (uring->is_test_done && !uring->is_bell_armed) {
            return 0;
        }
        if (env_real_mono(&uring->real.env).ns > deadline.ns) {
            return fault_new(-EIO);
        }
        r = enter(uring, (struct mono_ns){.ns = 100 * NS_PER_MS});
        if (r != 0) {
            return fault_up(r);
        }
    }
}

int
env_uring_open(struct disk *disk, struct env **out_env)
{
    int r;

    struct env_uring *uring = aligned_alloc(CACHE_LINE_BYTES, align_up(sizeof(*uring), CACHE_LINE_BYTES));
    if (uring == NULL) {
        return fault_new(-ENOMEM);
    }
    *uring = (struct env_uring){.real = {.wake_fd = -1}};
    r = env_real_init(&uring->real, &uring_ops, disk, ENV_URING);
    if (r != 0) {
        goto fail;
    }
    r = make_ring(uring);
    if (r != 0) {
        goto fail;
    }
    r = test_ring(uring);
    if (r != 0) {
        goto fail;
    }
    *out_env = &uring->real.env;
    return 0;

fail:
    uring_close(&uring->real.env);
    return fault_up(r);
}
