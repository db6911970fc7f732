/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * run_queue - long tasks take turns, a slice of time each
 *
 * A task is a step that is called until it says that it is done. In each run those that were not run yet come first,
 * in the order in which they came; then the one that has waited longest goes on. So what is small waits for a slice
 * of what is large and not for its end, and what is large goes on however much comes.
 *
 * Threads  Home shard only.
 * Memory   Tasks are the caller's, and borrowed until they are done.
 * Limits   A run takes RUN_QUEUE_SLICE_NS, and what a task does between two looks at its time.
 */

#include "core/base.h"

#define RUN_QUEUE_SLICE_NS (100 * NS_PER_US)

enum step {
    STEP_DONE,
    STEP_MORE,  /* stopped at its deadline: call again */
    STEP_LATER, /* waits for what will have it called again; of parts of a task, never of a task itself */
};

/* Until when a step may go on. */
struct time_slice {
    struct mono_ns until;
    struct mono_ns (*now)(void *context);
    void *context;
};

/* Home. Time to stop. NULL: never. Reads the clock, so it is asked every now and then. */
static inline bool
time_slice_is_over(const struct time_slice *time)
{
    return time != NULL && time->now(time->context).ns >= time->until.ns;
}

struct task {
    enum step (*step)(struct task *task, const struct time_slice *time);
    struct task *next;
    bool is_queued;
};

struct task_list {
    struct task *first;
    struct task *last;
};

struct run_queue {
    struct mono_ns (*now)(void *context);
    void *context;
    struct task_list fresh;
    struct task_list begun;
};

/* Boot. Nothing of it needs an end: tasks that are not done are forgotten. */
void run_queue_init(struct run_queue *queue, struct mono_ns (*now)(void *context), void *context);
/* Home. Takes part from the next run on. No effect when it is queued. */
void run_queue_add(struct run_queue *queue, struct task *task,
                   enum step (*step)(struct task *task, const struct time_slice *time));
/* Home. A slice that begins now, for a first step that does not wait for a run. */
struct time_slice run_queue_time(const struct run_queue *queue);
/* Home. STEP_MORE: there is a task that is not done. A step may add tasks, and its own when it is done. */
enum step run_queue_run(struct run_queue *queue);
/* Home. */
bool run_queue_is_empty(const struct run_queue *queue);
