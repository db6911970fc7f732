/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rate_limit.h"

#include "tests/check.h"

static struct rate_limit limit;

static struct mono_ns
at_ms(uint64_t ms)
{
    return (struct mono_ns){.ns = (ms + 1000000) * NS_PER_MS};
}

TEST(who_sent_too_much_waits_in_whole_seconds)
{
    CHECK_EQ(rate_limit_open(&limit, 10, 4), 0);
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(0)), 0);
    rate_limit_charge(&limit, 1, 9, at_ms(0));
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(0)), 0); /* one token is left */
    rate_limit_charge(&limit, 1, 1, at_ms(0));
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(0)), 1);
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(1)), 0); /* a part of one */

    rate_limit_charge(&limit, 1, 35, at_ms(1)); /* a batch larger than the bucket */
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(2)), 4);
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(3000)), 1);
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(3501)), 0);
    rate_limit_close(&limit);
}

TEST(silence_saves_no_more_than_a_second)
{
    CHECK_EQ(rate_limit_open(&limit, 10, 1), 0);
    rate_limit_charge(&limit, 0, 10, at_ms(3600000));
    CHECK_EQ(rate_limit_wait_s(&limit, 0, at_ms(3600000)), 1);
    rate_limit_close(&limit);
}

TEST(buckets_are_one_by_one)
{
    CHECK_EQ(rate_limit_open(&limit, 1, 3), 0);
    rate_limit_charge(&limit, 2, 1000, at_ms(0));
    CHECK(rate_limit_wait_s(&limit, 2, at_ms(0)) >= 999);
    CHECK(rate_limit_wait_s(&limit, 5, at_ms(0)) >= 999); /* modulo their number */
    CHECK_EQ(rate_limit_wait_s(&limit, 0, at_ms(0)), 0);
    CHECK_EQ(rate_limit_wait_s(&limit, 1, at_ms(0)), 0);
    rate_limit_close(&limit);
}

TEST(without_a_limit_nobody_waits)
{
    CHECK_EQ(rate_limit_open(&limit, 0, 1), 0);
    rate_limit_charge(&limit, 7, UINT32_MAX, at_ms(0));
    CHECK_EQ(rate_limit_wait_s(&limit, 7, at_ms(0)), 0);
    rate_limit_close(&limit);
    rate_limit_close(&limit);
}

TEST(the_largest_numbers_fit)
{
    CHECK_EQ(rate_limit_open(&limit, 1, 1), 0);
    rate_limit_charge(&limit, 0, UINT32_MAX, at_ms(0));
    CHECK_EQ(rate_limit_wait_s(&limit, 0, at_ms(0)), UINT32_MAX);
    rate_limit_close(&limit);
}
