/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/buckets.h"

static struct pack *pack;
static struct buckets buckets;

static void
given_no_buckets(void)
{
    given_memory();
    pack = given_pack();
    buckets = (struct buckets){0};
}

static struct bucket
day(uint32_t index)
{
    return buckets_rows(pack, &buckets.days)[index];
}

static struct bucket
hour(uint32_t index)
{
    return buckets_rows(pack, &buckets.hours)[index];
}

static void
count(int64_t at, int64_t newest, uint32_t events, int32_t sessions)
{
    buckets_expire(pack, &buckets, (struct event_ms){.ms = newest});
    buckets_count(pack, &buckets, (struct event_ms){.ms = newest}, (struct event_ms){.ms = at}, events,
                  sessions);
}

TEST(what_is_out_of_reach_is_not_counted)
{
    given_no_buckets();
    count(T0, T0, 1, 1);
    count(T0 - 24 * MS_PER_HOUR, T0, 1, 0); /* the 25th hour */
    count(T0 - 25 * MS_PER_HOUR, T0, 1, 0);
    CHECK_EQ(buckets.hours.count, 2);
    CHECK_EQ(buckets.days.count, 2);
    count(T0 - 90 * MS_PER_DAY, T0, 1, 0);
    count(T0 - 91 * MS_PER_DAY, T0, 1, 0);
    CHECK_EQ(buckets.days.count, 3);
    CHECK_EQ(day(0).index, floor_div(T0, MS_PER_DAY) - 90);
    then_memory_ends();
}

TEST(a_newer_event_drops_what_falls_out)
{
    given_no_buckets();
    for (int64_t hour = 0; hour < 3000; hour++) {
        count(T0 + hour * MS_PER_HOUR, T0 + hour * MS_PER_HOUR, 1, 0);
    }
    CHECK_EQ(buckets.hours.count, BUCKET_HOURS);
    CHECK_EQ(buckets.days.count, BUCKET_DAYS);
    CHECK_EQ(day(1).events, 24);
    then_memory_ends();
}

TEST(a_row_that_is_zero_again_is_not_kept)
{
    given_no_buckets();
    count(T0, T0, 1, 0);
    count(T0 - MS_PER_HOUR, T0, 0, 1);
    count(T0 - MS_PER_HOUR, T0, 0, -1);
    CHECK_EQ(buckets.hours.count, 1);
    CHECK_DIES(count(T0, T0, 0, -1));
    then_memory_ends();
}

TEST(times_before_1970_fall_into_the_right_hour)
{
    given_no_buckets();
    count(-1, 0, 1, 0);
    count(0, 0, 1, 0);
    CHECK_EQ(buckets.hours.count, 2);
    CHECK_EQ(hour(0).index, -1);
    then_memory_ends();
}

TEST(combining_adds_what_is_still_in_reach)
{
    struct buckets loser = {0};
    struct pack *from;

    given_no_buckets();
    from = given_pack();
    count(T0, T0, 2, 1);
    buckets_count(from, &loser, (struct event_ms){.ms = T0 - 25 * MS_PER_HOUR},
                  (struct event_ms){.ms = T0 - 25 * MS_PER_HOUR}, 4, 1);
    buckets_count(from, &loser, (struct event_ms){.ms = T0}, (struct event_ms){.ms = T0}, 3, 1);
    buckets_combine(pack, &buckets, (struct event_ms){.ms = T0}, from, &loser);
    CHECK_EQ(buckets.hours.count, 1);
    CHECK_EQ(hour(0).events, 5);
    CHECK_EQ(hour(0).sessions, 2);
    CHECK_EQ(buckets.days.count, 2);
    then_memory_ends();
}
