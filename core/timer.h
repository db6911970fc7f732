/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * timer - calls that are due later
 *
 * An intrusive binary heap by due time; equal times run in the order they were started.
 *
 * Threads  Home shard only.
 * Limits   TIMER_COUNT_MAX for each shard, in memory given at start.
 * Order    timer_run() runs what is due, at most `count_max` a call, so that a storm is spread over turns.
 */

#include "core/base.h"

#define TIMER_COUNT_MAX 4096u

struct timer {
    void (*fire)(struct timer *timer);
    struct mono_ns due;
    uint64_t order;
    uint32_t heap_index; /* 0 when it is not started */
};

struct timers {
    struct timer *heap[TIMER_COUNT_MAX + 1];
    uint32_t count;
    uint64_t order_next;
};

void timers_init(struct timers *timers);
/* Home. Starts or restarts. False when TIMER_COUNT_MAX are running. The timer is borrowed until it fires or stops. */
bool timer_start(struct timers *timers, struct timer *timer, struct mono_ns due,
                 void (*fire)(struct timer *timer));
/* Home. No effect when it is not started. */
void timer_stop(struct timers *timers, struct timer *timer);
/* Home. Returns how many fired. A timer may start itself or others again while it fires. */
uint32_t timer_run(struct timers *timers, struct mono_ns now, uint32_t count_max);
/* Home. MONO_NEVER when none is running. */
struct mono_ns timer_next_due(const struct timers *timers);
