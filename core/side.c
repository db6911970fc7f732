/* SPDX-License-Identifier: Apache-2.0 */
#include "core/side.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/env.h"

#define SLICE_NS 100000u /* the least there is */
#define NICE_SPARE 19

/* What sched_setattr(2) takes; not every libc declares it. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

void
side_init(struct side *side, struct env *env, uint32_t thread_count, enum side_haste haste,
          int (*run)(struct env_op *op))
{
    REQUIRE(thread_count >= 1);
    REQUIRE(thread_count <= SIDE_THREAD_COUNT_MAX);

    *side = (struct side){.env = env, .run = run, .haste = haste, .thread_count = thread_count};
    side->todo_end = &side->todo;
    side->done_end = &side->done;
    (void)pthread_mutex_init(&side->mutex, NULL);
    (void)pthread_cond_init(&side->wanted, NULL);
}

static void
append(struct env_op ***end, struct env_op *op)
{
    op->next = NULL;
    **end = op;
    *end = &op->next;
}

/* Of the running thread. What the system refuses is left as it was. */
static void
take_haste(enum side_haste haste)
{
    struct scheduling scheduling = {.size = sizeof(scheduling)};

    switch (haste) {
    case SIDE_URGENT:
        /* Who asks for short slices gets a core before those who ask for long ones: Linux 6.12 and later. */
        if (syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0) == 0) {
            scheduling.slice_ns = SLICE_NS;
            (void)syscall(SYS_sched_setattr, 0, &scheduling, 0);
        }
        break;
    case SIDE_PLAIN:
        break;
    case SIDE_SPARE:
        /* Of a thread, in Linux. Not SCHED_IDLE: a lock that it holds might not come free for as long as all are busy. */
        (void)setpriority(PRIO_PROCESS, 0, NICE_SPARE);
        break;
    }
}

static void *
work(void *context)
{
    struct side *side = context;

    take_haste(side->haste);
    (void)pthread_mutex_lock(&side->mutex);
    for (;;) {
        struct env_op *op = side->todo;
        if (op == NULL) {
            if (side->is_stopping) {
                break;
            }
            (void)pthread_cond_wait(&side->wanted, &side->mutex);
            continue;
        }
        side->todo = op->next;
        if (side->todo == NULL) {
            side->todo_end = &side->todo;
        }
        (void)pthread_mutex_unlock(&side->mutex);
        int result = side->run(op);
        (void)pthread_mutex_lock(&side->mutex);
        op->result = result;
        bool is_first = side->done == NULL;
        append(&side->done_end, op);
        if (is_first) {
            /* Under the mutex, so that side_deinit() cannot end the env under our hands. */
            env_wake(side->env);
        }
    }
    (void)pthread_mutex_unlock(&side->mutex);
    return NULL;
}

static void
start_thread(struct side *side)
{
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    cpu_set_t cpus;

    /* Signals are for the main thread. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    (void)pthread_attr_init(&attributes);
    /* A shard may be bound to one core, which it keeps busy: its helpers run wherever the process may. */
    if (sched_getaffinity(getpid(), sizeof(cpus), &cpus) == 0) {
        (void)pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    }
    if (pthread_create(&side->threads[side->started_count], &attributes, work, side) == 0) {
        side->started_count++;
    }
    (void)pthread_attr_destroy(&attributes);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
side_put(struct side *side, struct env_op *op)
{
    if (side->started_count < side->thread_count) {
        start_thread(side);
    }
    side->outstanding_count++;

    (void)pthread_mutex_lock(&side->mutex);
    if (side->started_count == 0) {
        op->result = -EAGAIN;
        append(&side->done_end, op);
        env_wake(side->env);
    } else {
        append(&side->todo_end, op);
        (void)pthread_cond_signal(&side->wanted);
    }
    (void)pthread_mutex_unlock(&side->mutex);
}

struct env_op *
side_take(struct side *side)
{
    if (side->outstanding_count == 0) {
        return NULL;
    }

    /* Whoever gets a core last may be put off while it holds the mutex, and nobody waits for what it did. */
    if (side->haste != SIDE_SPARE) {
        (void)pthread_mutex_lock(&side->mutex);
    } else if (pthread_mutex_trylock(&side->mutex) != 0) {
        return NULL;
    }
    struct env_op *done = side->done;
    side->done = NULL;
    side->done_end = &side->done;
    (void)pthread_mutex_unlock(&side->mutex);

    for (struct env_op *op = done; op != NULL; op = op->next) {
        ASSERT(side->outstanding_count > 0);
        side->outstanding_count--;
    }
    return done;
}

void
side_deinit(struct side *side)
{
    (void)pthread_mutex_lock(&side->mutex);
    side->is_stopping = true;
    (void)pthread_cond_broadcast(&side->wanted);
    (void)pthread_mutex_unlock(&side->mutex);
    for (uint32_t i = 0; i < side->started_count; i++) {
        (void)pthread_join(side->threads[i], NULL);
    }
    side->started_count = 0;
    (void)pthread_mutex_destroy(&side->mutex);
    (void)pthread_cond_destroy(&side->wanted);
}
