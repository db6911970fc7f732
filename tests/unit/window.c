/* SPDX-License-Identifier: Apache-2.0 */
#include "query/window.h"

#include "tests/check.h"

/* The newest event is in hour 2400 of day 100. */
static const struct bucket hours[] = {{2376, 1, 0}, {2377, 2, 1}, {2399, 4, 0}, {2400, 8, 1}};
static const struct bucket days[] = {{10, 100, 1}, {11, 200, 2}, {71, 300, 3}, {94, 400, 4}, {100, 500, 5}};
static const struct profile_answer profile = {
    .last_seen = {100 * MS_PER_DAY + 5},
    .hours = hours,
    .hour_count = COUNT_OF(hours),
    .days = days,
    .day_count = COUNT_OF(days),
};

static struct event_ms
at(int64_t day, int64_t hour)
{
    return (struct event_ms){.ms = day * MS_PER_DAY + hour * MS_PER_HOUR};
}

TEST(a_window_that_begins_before_the_buckets_has_no_answer)
{
    uint64_t count = 77;

    CHECK_EQ(window_events(&profile, WINDOW_1D, at(99, 22), &count), WINDOW_TOO_EARLY);
    CHECK_EQ(window_sessions(&profile, WINDOW_1D, at(99, 22), &count), WINDOW_TOO_EARLY);
    CHECK_EQ(window_events(&profile, WINDOW_90D, at(98, 0), &count), WINDOW_TOO_EARLY);
    CHECK_EQ(window_events(&profile, WINDOW_30D, at(38, 0), &count), WINDOW_TOO_EARLY);
    CHECK_EQ(window_events(&profile, WINDOW_7D, at(15, 0), &count), WINDOW_TOO_EARLY);
    CHECK_EQ(count, 77);
}

TEST(the_oldest_bucket_that_is_kept_may_be_the_first_of_a_window)
{
    uint64_t count;

    CHECK_EQ(window_events(&profile, WINDOW_1D, at(99, 23), &count), 0);
    CHECK_EQ(count, 7);
    CHECK_EQ(window_events(&profile, WINDOW_90D, at(99, 0), &count), 0);
    CHECK_EQ(count, 1000);
    CHECK_EQ(window_events(&profile, WINDOW_7D, at(16, 0), &count), 0);
    CHECK_EQ(count, 300);
}

TEST(a_window_has_its_last_bucket_and_as_many_before)
{
    uint64_t count;

    CHECK_EQ(window_events(&profile, WINDOW_1D, at(100, 0), &count), 0);
    CHECK_EQ(count, 14);
    CHECK_EQ(window_sessions(&profile, WINDOW_1D, at(100, 0), &count), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(window_events(&profile, WINDOW_7D, at(100, 23), &count), 0);
    CHECK_EQ(count, 900);
    CHECK_EQ(window_events(&profile, WINDOW_30D, at(100, 0), &count), 0);
    CHECK_EQ(count, 1200);
    CHECK_EQ(window_sessions(&profile, WINDOW_90D, at(100, 0), &count), 0);
    CHECK_EQ(count, 14);
}

TEST(counters_decay_while_nothing_happens)
{
    uint64_t count;

    CHECK_EQ(window_events(&profile, WINDOW_1D, at(101, 0), &count), 0);
    CHECK_EQ(count, 0);
    CHECK_EQ(window_events(&profile, WINDOW_7D, at(107, 0), &count), 0);
    CHECK_EQ(count, 0);
    CHECK_EQ(window_events(&profile, WINDOW_90D, at(150, 0), &count), 0);
    CHECK_EQ(count, 1200);
}
