/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * side - threads beside a shard, for what would block it
 *
 * Operations go in at one end, are run in order of arrival by one thread (or by a few, when order does
 * not matter), and come out of side_take(); the env is woken when there is something to take. The
 * threads start with the first operation, so a shard that never needs them does not have them. They are not bound to the
 * core of their shard.
 *
 * Threads  Home shard, except where said. One struct side has one home.
 * Memory   The owner keeps an operation until it is taken.
 * Errors   When no thread can be started, operations come out with -EAGAIN.
 */

#include "core/base.h"

#include <pthread.h>

struct env;
struct env_op;

#define SIDE_THREAD_COUNT_MAX 4u

/* How soon a thread that has something to do gets a core, while others want it too. */
enum side_haste {
    SIDE_URGENT, /* before others: for short work that answers wait for */
    SIDE_PLAIN,
    SIDE_SPARE, /* what others leave */
};

struct side {
    struct env *env;
    int (*run)(struct env_op *op);
    enum side_haste haste;
    uint32_t thread_count;
    uint32_t started_count;
    uint32_t outstanding_count; /* home's own count: put and not yet taken */
    pthread_t threads[SIDE_THREAD_COUNT_MAX];
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t wanted;
    struct env_op *todo;
    struct env_op **todo_end;
    struct env_op *done;
    struct env_op **done_end;
    bool is_stopping;
};

/* Boot. Borrows env until side_deinit(). run() is called on a side thread; its value becomes op->result. */
void side_init(struct side *side, struct env *env, uint32_t thread_count, enum side_haste haste,
               int (*run)(struct env_op *op));
/* Home. Runs what was put, then ends the threads; what was not taken is forgotten. */
void side_deinit(struct side *side);
/* Home. */
void side_put(struct side *side, struct env_op *op);
/* Home. All that is done, linked by `next`, in the order it ended; NULL when nothing is, or, of a SIDE_SPARE, when it
   would have to wait for it. */
MUST_USE struct env_op *side_take(struct side *side);
