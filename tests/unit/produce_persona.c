/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_persona.h"

#include "tests/check.h"

static struct produce_personas personas;

TEST(a_day_is_an_average_day)
{
    double total = 0;

    for (uint32_t hour = 0; hour < 24; hour++) {
        CHECK(produce_persona_hour(hour) > 0);
        total += produce_persona_hour(hour);
    }
    CHECK(total > 23.999 && total < 24.001);
    CHECK_DIES(produce_persona_hour(24));
}

TEST(the_shortest_and_the_longest_thought_keep_a_visit_together)
{
    produce_personas_init(&personas, 1);
    for (uint32_t i = 0; i < PRODUCE_PERSONA_COUNT; i++) {
        int64_t least = INT64_MAX;
        int64_t most = 0;

        for (uint64_t dice = 0; dice < PRODUCE_THINK_COUNT; dice++) {
            int64_t ms = produce_persona_think_ms(&personas, i, dice);

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        CHECK(least > 0);
        CHECK(most < INT64_C(30) * 60 * 1000);
    }
}

TEST(a_proposal_is_later_and_hours_that_are_busy_are_shorter)
{
    double noon_ms = 1780315200000;
    double night_ms = noon_ms - 9 * (double)MS_PER_HOUR;
    uint64_t middle = UINT64_C(1) << 63;

    produce_personas_init(&personas, 1);
    CHECK(produce_persona_proposal(&personas, 1000, noon_ms, UINT64_MAX) >= noon_ms);
    CHECK(produce_persona_proposal(&personas, 1000, noon_ms, 0) < noon_ms + 1e9);
    CHECK(produce_persona_proposal(&personas, 1000, night_ms, middle) - night_ms >
          produce_persona_proposal(&personas, 1000, noon_ms, middle) - noon_ms);
    /* One person, who comes after days. */
    CHECK(produce_persona_proposal(&personas, 1, noon_ms, 0) > noon_ms + (double)MS_PER_DAY);
    CHECK(produce_persona_proposal(&personas, 1, -noon_ms, middle) > -noon_ms);
}

TEST(the_busiest_come_whenever_they_are_proposed)
{
    bool is_anybody_refused = false;

    produce_personas_init(&personas, 1);
    for (uint32_t person = 0; person < 1000; person++) {
        bool comes = produce_persona_comes(&personas, person, UINT64_MAX);

        CHECK(comes || produce_persona_of(&personas, person) != PRODUCE_POWER);
        CHECK(produce_persona_comes(&personas, person, 0));
        is_anybody_refused |= !comes;
    }
    CHECK(is_anybody_refused);
}

TEST(another_seed_is_another_crowd)
{
    struct produce_personas others;
    uint32_t same = 0;

    produce_personas_init(&personas, 1);
    produce_personas_init(&others, 2);
    for (uint32_t person = 0; person < 1000; person++) {
        same += produce_persona_of(&personas, person) == produce_persona_of(&others, person);
    }
    CHECK(same < 500);
    CHECK(same > 200);
}
