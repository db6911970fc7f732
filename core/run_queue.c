/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run_queue.h"

/* Fresh tasks may use up a slice; who has waited goes on for a little nevertheless. */
#define BEGUN_NS_MIN (RUN_QUEUE_SLICE_NS / 4)

void
run_queue_init(struct run_queue *queue, struct mono_ns (*now)(void *context), void *context)
{
    *queue = (struct run_queue){.now = now, .context = context};
}

static void
append(struct task_list *list, struct task *task)
{
    task->next = NULL;
    if (list->last != NULL) {
        list->last->next = task;
    } else {
        list->first = task;
    }
    list->last = task;
}

static struct task *
take_first(struct task_list *list)
{
    struct task *task = list->first;

    list->first = task->next;
    if (list->first == NULL) {
        list->last = NULL;
    }
    return task;
}

void
run_queue_add(struct run_queue *queue, struct task *task,
              enum step (*step)(struct task *task, const struct time_slice *time))
{
    if (task->is_queued) {
        return;
    }
    task->step = step;
    task->is_queued = true;
    append(&queue->fresh, task);
}

/* The first of the list, which goes to the end of those that were begun. */
static void
run_first(struct run_queue *queue, struct task_list *list, const struct time_slice *time)
{
    struct task *task = take_first(list);

    task->is_queued = false; /* before its step: a task that is done may be gone */
    if (task->step(task, time) == STEP_MORE) {
        ASSERT(!task->is_queued);
        task->is_queued = true;
        append(&queue->begun, task);
    }
}

struct time_slice
run_queue_time(const struct run_queue *queue)
{
    struct mono_ns now = queue->now(queue->context);

    return (struct time_slice){
        .until = {.ns = now.ns + RUN_QUEUE_SLICE_NS}, .now = queue->now, .context = queue->context};
}

enum step
run_queue_run(struct run_queue *queue)
{
    struct time_slice time;
    struct task *last_fresh = queue->fresh.last;
    struct task *last_begun = queue->begun.last;
    struct mono_ns now;

    if (run_queue_is_empty(queue)) {
        return STEP_DONE;
    }
    time = run_queue_time(queue);
    for (bool is_last = last_fresh == NULL; !is_last;) {
        is_last = queue->fresh.first == last_fresh;
        run_first(queue, &queue->fresh, &time);
        is_last |= time_slice_is_over(&time);
    }
    now = queue->now(queue->context);
    if (time.until.ns < now.ns + BEGUN_NS_MIN) {
        time.until.ns = now.ns + BEGUN_NS_MIN;
    }
    for (bool is_last = last_begun == NULL; !is_last;) {
        is_last = queue->begun.first == last_begun;
        run_first(queue, &queue->begun, &time);
        is_last |= time_slice_is_over(&time);
    }
    return run_queue_is_empty(queue) ? STEP_DONE : STEP_MORE;
}

bool
run_queue_is_empty(const struct run_queue *queue)
{
    return queue->fresh.first == NULL && queue->begun.first == NULL;
}
