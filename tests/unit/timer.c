/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer.h"

#include <stdlib.h>

#include "tests/check.h"

struct alarm {
    struct timer timer;
    uint32_t number;
};

static struct timers timers;
static uint32_t fired[TIMER_COUNT_MAX + 8];
static uint32_t fired_count;

static void
ring(struct timer *timer)
{
    fired[fired_count++] = CONTAINER_OF(timer, struct alarm, timer)->number;
}

static void
ring_again(struct timer *timer)
{
    ring(timer);
    CHECK(timer_start(&timers, timer, (struct mono_ns){timer->due.ns + 10}, ring_again));
}

static void
given_no_timers(void)
{
    timers_init(&timers);
    fired_count = 0;
}

static bool
start(struct alarm *alarm, uint64_t due)
{
    return timer_start(&timers, &alarm->timer, (struct mono_ns){due}, ring);
}

static uint32_t
run(uint64_t now, uint32_t count_max)
{
    return timer_run(&timers, (struct mono_ns){now}, count_max);
}

TEST(one_timer_too_many_is_refused)
{
    static struct alarm alarms[TIMER_COUNT_MAX + 1];

    given_no_timers();
    memset(alarms, 0, sizeof(alarms));
    for (uint32_t i = 0; i < TIMER_COUNT_MAX; i++) {
        CHECK(start(&alarms[i], i));
    }
    CHECK(!start(&alarms[TIMER_COUNT_MAX], 0));
    CHECK_EQ(alarms[TIMER_COUNT_MAX].timer.heap_index, 0);
    CHECK(start(&alarms[5], 9999)); /* a restart needs no room */
    timer_stop(&timers, &alarms[0].timer);
    CHECK(start(&alarms[TIMER_COUNT_MAX], 0));
}

TEST(no_timer_is_due_never)
{
    given_no_timers();
    CHECK_EQ(timer_next_due(&timers).ns, UINT64_MAX);
    CHECK_EQ(run(UINT64_MAX, 100), 0);

    struct alarm alarm = {0};
    timer_stop(&timers, &alarm.timer); /* not started */
    CHECK(start(&alarm, 5));
    timer_stop(&timers, &alarm.timer);
    timer_stop(&timers, &alarm.timer);
    CHECK_EQ(run(UINT64_MAX, 100), 0);
}

TEST(a_timer_fires_when_it_is_due_and_once)
{
    struct alarm alarm = {.number = 7};

    given_no_timers();
    CHECK(start(&alarm, 100));
    CHECK_EQ(timer_next_due(&timers).ns, 100);
    CHECK_EQ(run(99, 10), 0);
    CHECK_EQ(run(100, 10), 1);
    CHECK_EQ(fired[0], 7);
    CHECK_EQ(run(1000, 10), 0);
    CHECK_EQ(alarm.timer.heap_index, 0);
}

TEST(a_restarted_timer_is_due_at_the_new_time_only)
{
    struct alarm alarm = {0};

    given_no_timers();
    CHECK(start(&alarm, 10));
    CHECK(start(&alarm, 50));
    CHECK_EQ(run(49, 10), 0);
    CHECK(start(&alarm, 20));
    CHECK_EQ(run(49, 10), 1);
    CHECK_EQ(run(1000, 10), 0);
}

TEST(equal_times_fire_in_the_order_they_were_started)
{
    static struct alarm alarms[1000];

    given_no_timers();
    memset(alarms, 0, sizeof(alarms));
    for (uint32_t i = 0; i < COUNT_OF(alarms); i++) {
        alarms[i].number = i;
        CHECK(start(&alarms[i], 77));
    }
    CHECK(start(&alarms[3], 77)); /* started last now */
    CHECK_EQ(run(77, UINT32_MAX), 1000);
    for (uint32_t i = 0; i < 999; i++) {
        CHECK_EQ(fired[i], i < 3 ? i : i + 1);
    }
    CHECK_EQ(fired[999], 3);
}

TEST(a_storm_is_spread_over_turns)
{
    static struct alarm alarms[TIMER_COUNT_MAX];

    given_no_timers();
    memset(alarms, 0, sizeof(alarms));
    for (uint32_t i = 0; i < TIMER_COUNT_MAX; i++) {
        alarms[i].number = i;
        CHECK(start(&alarms[i], 1000 - i % 7));
    }
    for (uint32_t turn = 0; turn < TIMER_COUNT_MAX / 256; turn++) {
        CHECK_EQ(run(5000, 256), 256);
    }
    CHECK_EQ(run(5000, 256), 0);
    for (uint32_t i = 1; i < TIMER_COUNT_MAX; i++) {
        uint32_t before = 1000 - fired[i - 1] % 7;
        uint32_t after = 1000 - fired[i] % 7;
        CHECK(before < after || (before == after && fired[i - 1] < fired[i]));
    }
}

TEST(a_timer_may_start_itself_while_it_fires)
{
    struct alarm alarm = {.number = 1};

    given_no_timers();
    CHECK(timer_start(&timers, &alarm.timer, (struct mono_ns){10}, ring_again));
    CHECK_EQ(run(35, 100), 3); /* 10, 20, 30 */
    CHECK_EQ(timer_next_due(&timers).ns, 40);
    CHECK_EQ(run(1000000, 5), 5); /* and never more than it was allowed */
}

static struct alarm *victim;

static void
stop_another(struct timer *timer)
{
    ring(timer);
    timer_stop(&timers, &victim->timer);
}

TEST(a_timer_may_stop_another_that_is_due)
{
    struct alarm first = {.number = 1};
    struct alarm second = {.number = 2};

    given_no_timers();
    victim = &second;
    CHECK(timer_start(&timers, &first.timer, (struct mono_ns){10}, stop_another));
    CHECK(start(&second, 10));
    CHECK_EQ(run(10, 100), 1);
    CHECK_EQ(fired[0], 1);
}

TEST(the_heap_agrees_with_a_list)
{
    static struct alarm alarms[64];
    uint64_t random = 9;
    uint64_t now = 0;

    given_no_timers();
    memset(alarms, 0, sizeof(alarms));
    for (uint32_t i = 0; i < COUNT_OF(alarms); i++) {
        alarms[i].number = i;
    }
    for (uint32_t step = 0; step < 200000; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        struct alarm *alarm = &alarms[(random >> 33) % COUNT_OF(alarms)];
        switch ((random >> 50) % 4) {
        case 0:
        case 1:
            CHECK(start(alarm, now + (random >> 55)));
            break;
        case 2:
            timer_stop(&timers, &alarm->timer);
            break;
        case 3: {
            struct alarm *next = NULL;
            for (uint32_t i = 0; i < COUNT_OF(alarms); i++) {
                struct alarm *other = &alarms[i];
                if (other->timer.heap_index != 0 &&
                    (next == NULL || other->timer.due.ns < next->timer.due.ns ||
                     (other->timer.due.ns == next->timer.due.ns && other->timer.order < next->timer.order))) {
                    next = other;
                }
            }
            now += 20;
            fired_count = 0;
            bool is_due = next != NULL && next->timer.due.ns <= now;
            CHECK_EQ(run(now, 1), is_due);
            CHECK(!is_due || fired[0] == next->number);
            break;
        }
        }
    }
}
