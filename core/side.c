/* SPDX-License-Identifier: Apache-2.0 */
#include "core/side.h"

#include <errno.h>
#include <signal.h>

#include "core/env.h"

void
side_init(struct side *side, struct env *env, uint32_t thread_count, int (*run)(struct env_op *op))
{
    REQUIRE(thread_count >= 1);
    REQUIRE(thread_count <= SIDE_THREAD_COUNT_MAX);

    *side = (struct side){.env = env, .run = run, .thread_count = thread_count};
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

static void *
work(void *context)
{
    struct side *side = context;

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

    /* Signals are for the main thread. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&side->threads[side->started_count], NULL, work, side) == 0) {
        side->started_count++;
    }
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

    (void)pthread_mutex_lock(&side->mutex);
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
