/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env_real.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/*
 * For where io_uring is forbidden. The shard waits in epoll, and reads are made by the writer threads too.
 */

#define EVENT_COUNT (ENV_WATCH_COUNT_MAX + 1)
#define EVENT_BELL UINT32_MAX

struct env_epoll {
    struct env_real real;
    int epoll;
    bool has_no_pwait2; /* a kernel before 5.11, or a filter that does not know it */
};

static struct env_epoll *
epoll_of(struct env *env)
{
    return CONTAINER_OF(env, struct env_epoll, real.env);
}

static int
listen_to(struct env_epoll *epoll, int fd, uint32_t who)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = who};

    return epoll_ctl(epoll->epoll, EPOLL_CTL_ADD, fd, &event) != 0 ? fault_new(-errno) : 0;
}

static int
epoll_watch(struct env *env, int fd, void (*ready)(void *context), void *context)
{
    struct env_epoll *epoll = epoll_of(env);

    int index = env_real_add_watch(&epoll->real, fd, ready, context);
    if (index < 0) {
        return fault_up(index);
    }
    int r = listen_to(epoll, fd, (uint32_t)index);
    if (r != 0) {
        epoll->real.watch_count--;
        return fault_up(r);
    }
    return 0;
}

static int
wait_ms(struct mono_ns wait)
{
    if (wait.ns == UINT64_MAX) {
        return -1;
    }
    /* Up, so that a timer is due when we are back; and a day at a time. */
    uint64_t ms = wait.ns / NS_PER_MS + (wait.ns % NS_PER_MS != 0);
    return ms < (uint64_t)MS_PER_DAY ? (int)ms : (int)MS_PER_DAY;
}

static int
wait_for_events(struct env_epoll *epoll, struct epoll_event *events, struct mono_ns wait)
{
    if (!epoll->has_no_pwait2 && wait.ns != 0 && wait.ns != UINT64_MAX) {
        struct timespec timeout = {
            .tv_sec = (time_t)(wait.ns / NS_PER_S),
            .tv_nsec = (long)(wait.ns % NS_PER_S),
        };
        int count = epoll_pwait2(epoll->epoll, events, EVENT_COUNT, &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count;
        }
        epoll->has_no_pwait2 = true;
    }
    return epoll_wait(epoll->epoll, events, EVENT_COUNT, wait_ms(wait));
}

static uint32_t
epoll_turn(struct env *env, struct mono_ns wait)
{
    struct env_epoll *epoll = epoll_of(env);
    struct epoll_event events[EVENT_COUNT];

    int count = wait_for_events(epoll, events, wait);
    ASSERT(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == EVENT_BELL) {
            env_real_hear(&epoll->real);
        } else {
            epoll->real.watches[events[i].data.u32].is_ready = true;
        }
    }
    env_real_take_sides(&epoll->real);
    return env_real_run(&epoll->real);
}

static void
epoll_close(struct env *env)
{
    struct env_epoll *epoll = epoll_of(env);

    env_real_deinit(&epoll->real);
    if (epoll->epoll >= 0) {
        (void)close(epoll->epoll);
    }
    free(epoll);
}

static const struct env_ops epoll_ops = {
    .mono = env_real_mono,
    .wall = env_real_wall,
    .random = env_real_random,
    .write = env_real_write,
    .read = env_real_read,
    .side = env_real_side,
    .spare = env_real_spare,
    .watch = epoll_watch,
    .turn = epoll_turn,
    .wake = env_real_wake,
    .close = epoll_close,
};

int
env_epoll_open(struct disk *disk, struct env **out_env)
{
    int r;

    struct env_epoll *epoll = aligned_alloc(CACHE_LINE_BYTES, align_up(sizeof(*epoll), CACHE_LINE_BYTES));
    if (epoll == NULL) {
        return fault_new(-ENOMEM);
    }
    *epoll = (struct env_epoll){.real = {.wake_fd = -1}, .epoll = -1};
    r = env_real_init(&epoll->real, &epoll_ops, disk, ENV_EPOLL);
    if (r != 0) {
        goto fail;
    }
    epoll->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->epoll < 0) {
        r = fault_new(-errno);
        goto fail;
    }
    r = listen_to(epoll, epoll->real.wake_fd, EVENT_BELL);
    if (r != 0) {
        goto fail;
    }
    *out_env = &epoll->real.env;
    return 0;

fail:
    epoll_close(&epoll->real.env);
    return fault_up(r);
}
