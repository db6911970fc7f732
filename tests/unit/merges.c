/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/merges.h"
#include "tests/check.h"

#include <errno.h>

static struct region region;
static struct merges merges;

static void
given_no_merges(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    merges_init(&merges, &region);
}

static void
then_nothing_is_left(void)
{
    merges_deinit(&merges);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static struct uuid
uuid_of(uint32_t person)
{
    struct uuid uuid = {{0}};

    memcpy(uuid.byte, &person, sizeof(person));
    return uuid;
}

static int
try_merge(uint32_t loser, uint32_t winner)
{
    return merges_add(&merges, (struct merge){.loser = loser,
                                              .winner = winner,
                                              .loser_uuid = uuid_of(loser),
                                              .winner_uuid = uuid_of(winner)});
}

static uint32_t
winner_of(uint32_t person)
{
    struct who who = merges_winner(&merges, (struct who){.person = person, .uuid = uuid_of(person)});

    CHECK_EQ(who.person, merges_living(&merges, person));
    CHECK(uuid_equal(who.uuid, uuid_of(who.person)));
    return who.person;
}

TEST(who_was_never_merged_is_himself)
{
    given_no_merges(1 << 20);
    CHECK_EQ(winner_of(0), 0);
    CHECK_EQ(winner_of(UINT32_MAX - 2), UINT32_MAX - 2);
    CHECK_EQ(merges_newest(&merges, 7), MERGES_NONE);
    CHECK_EQ(merges_count(&merges), 0);
    CHECK_EQ(region_used(&region), 0);
    then_nothing_is_left();
}

TEST(nobody_is_merged_twice_or_into_himself)
{
    given_no_merges(1 << 20);
    CHECK_EQ(try_merge(1, 2), 0);
    CHECK_DIES((void)!try_merge(1, 3));
    CHECK_DIES((void)!try_merge(3, 1));
    CHECK_DIES((void)!try_merge(3, 3));
    then_nothing_is_left();
}

TEST(a_merge_leads_to_the_winner_and_is_listed)
{
    given_no_merges(1 << 20);
    CHECK_EQ(try_merge(5, 9), 0);
    CHECK_EQ(try_merge(6, 9), 0);
    CHECK_EQ(winner_of(5), 9);
    CHECK_EQ(winner_of(6), 9);
    CHECK_EQ(winner_of(9), 9);
    CHECK_EQ(winner_of(7), 7);
    CHECK_EQ(merges_newest(&merges, 9), 1);
    CHECK_EQ(merges_newest(&merges, 5), MERGES_NONE);
    CHECK_EQ(merges_at(&merges, 1)->loser, 6);
    CHECK_EQ(merges_at(&merges, 1)->before, 0);
    CHECK_EQ(merges_at(&merges, 0)->before, MERGES_NONE);
    then_nothing_is_left();
}

TEST(who_comes_late_is_told_from_his_neighbours)
{
    given_no_merges(1 << 20);
    CHECK_EQ(try_merge(3, 70000), 0);
    CHECK_EQ(try_merge(70001, 70002), 0);
    CHECK_EQ(try_merge(70000, 70002), 0);
    for (uint32_t i = 69000; i < 72000; i++) {
        CHECK_EQ(winner_of(i), i == 70000 || i == 70001 ? 70002 : i);
    }
    CHECK_EQ(winner_of(3), 70002);
    then_nothing_is_left();
}

TEST(a_chain_ends_at_the_one_that_lives)
{
    enum { COUNT = 5000 };

    given_no_merges(16 << 20);
    for (uint32_t i = 0; i + 1 < COUNT; i++) {
        CHECK_EQ(try_merge(i, i + 1), 0);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_EQ(winner_of((i * 7919) % COUNT), COUNT - 1);
    }
    then_nothing_is_left();
}

TEST(memory_failing_at_every_point_is_said)
{
    for (uint64_t limit = 0; limit < 64 * 1024; limit += 2048) {
        int r = 0;

        given_no_merges(limit);
        for (uint32_t i = 0; r == 0; i++) {
            r = try_merge(i, 1000000);
            CHECK(i < 100000);
        }
        CHECK_EQ(r, -ENOMEM);
        then_nothing_is_left();
    }
}
