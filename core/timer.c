/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer.h"

void
timers_init(struct timers *timers)
{
    timers->count = 0;
    timers->order_next = 0;
}

static bool
is_before(const struct timer *a, const struct timer *b)
{
    return a->due.ns != b->due.ns ? a->due.ns < b->due.ns : a->order < b->order;
}

/* Fills the hole at `index` with `timer`, or with ancestors that are due later. */
static void
sift_up(struct timers *timers, uint32_t index, struct timer *timer)
{
    while (index > 1 && is_before(timer, timers->heap[index / 2])) {
        timers->heap[index] = timers->heap[index / 2];
        timers->heap[index]->heap_index = index;
        index /= 2;
    }
    timers->heap[index] = timer;
    timer->heap_index = index;
}

static void
sift_down(struct timers *timers, uint32_t index, struct timer *timer)
{
    for (;;) {
        uint32_t child = index * 2;
        if (child > timers->count) {
            break;
        }
        if (child < timers->count && is_before(timers->heap[child + 1], timers->heap[child])) {
            child++;
        }
        if (!is_before(timers->heap[child], timer)) {
            break;
        }
        timers->heap[index] = timers->heap[child];
        timers->heap[index]->heap_index = index;
        index = child;
    }
    timers->heap[index] = timer;
    timer->heap_index = index;
}

bool
timer_start(struct timers *timers, struct timer *timer, struct mono_ns due, void (*fire)(struct timer *timer))
{
    timer_stop(timers, timer);
    if (timers->count == TIMER_COUNT_MAX) {
        return false;
    }
    timer->fire = fire;
    timer->due = due;
    timer->order = timers->order_next++;
    timers->count++;
    sift_up(timers, timers->count, timer);
    return true;
}

void
timer_stop(struct timers *timers, struct timer *timer)
{
    uint32_t index = timer->heap_index;

    if (index == 0) {
        return;
    }
    REQUIRE(index <= timers->count);
    REQUIRE(timers->heap[index] == timer);
    struct timer *last = timers->heap[timers->count];

    timer->heap_index = 0;
    timers->count--;
    if (last == timer) {
        return;
    }
    if (index > 1 && is_before(last, timers->heap[index / 2])) {
        sift_up(timers, index, last);
        return;
    }
    sift_down(timers, index, last);
}

uint32_t
timer_run(struct timers *timers, struct mono_ns now, uint32_t count_max)
{
    uint32_t count = 0;

    while (count < count_max && timers->count > 0 && timers->heap[1]->due.ns <= now.ns) {
        struct timer *timer = timers->heap[1];
        timer_stop(timers, timer);
        count++;
        timer->fire(timer);
    }
    return count;
}

struct mono_ns
timer_next_due(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->due : MONO_NEVER;
}
