/* SPDX-License-Identifier: Apache-2.0 */

/* Identity, when look-ups answer later. */

#include "tests/unit/identity_world.h"

TEST(an_event_is_not_applied_before_everything_is_there)
{
    const struct event_record *record = write_event("click", "d", "u", NULL);

    given_nobody();
    CHECK_DIES((void)!identity_apply(&identity, &looked_up, 0, &outcome));
    late_percent = 100;
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_counts(store).late, 2); /* both identifiers at once */
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_counts(store).late, 2); /* asking again asks for nothing again */
    CHECK_DIES((void)!identity_apply(&identity, &looked_up, 0, &outcome));
    CHECK_EQ(log_store_arrive(store, 1), 1);
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(store, 1), 1);
    CHECK_EQ(look_up(record), LOG_STORE_LATER); /* the name of a new person, and the record for its number */
    CHECK_DIES((void)!identity_apply(&identity, &looked_up, 0, &outcome));
    CHECK_EQ(log_store_arrive(store, 9), 2);
    CHECK_EQ(look_up(record), 0);
    CHECK_EQ(identity_apply(&identity, &looked_up, 0, &outcome), 0);
    CHECK_EQ(outcome.who.person, 0);
    CHECK_TEXT(names_of(0), "u d");
    then_nothing_is_left();
}

TEST(one_event_at_a_time_is_looked_up)
{
    const struct event_record *record = write_event("click", "d", NULL, NULL);
    static alignas(8) uint8_t other[4096];

    memcpy(other, record, record->header.bytes);
    given_nobody();
    late_percent = 100;
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_DIES((void)!look_up((const void *)other));
    then_nothing_is_left(); /* with a look-up that never arrives */
}

TEST(a_known_person_costs_one_look_up_for_each_identifier)
{
    const struct event_record *record;

    given_nobody();
    event("d", "u");
    event("e", "v");
    record = write_event("click", "d", "u", NULL);
    late_percent = 100;
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(store, 9), 2);
    CHECK_EQ(look_up(record), 0);
    CHECK_EQ(identity_apply(&identity, &looked_up, position++, &outcome), 0);

    record = write_event("click", "d", "v", NULL); /* changes hands: both of them change */
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(store, 9), 1); /* the device arrived a moment ago */
    CHECK_EQ(look_up(record), LOG_STORE_LATER);
    CHECK_EQ(log_store_arrive(store, 9), 2);
    CHECK_EQ(look_up(record), 0);
    CHECK_EQ(identity_apply(&identity, &looked_up, position++, &outcome), 0);
    CHECK_TEXT(names_of(0), "u");
    CHECK_TEXT(names_of(1), "v e d");
    then_nothing_is_left();
}

/* The same events, with every share of look-ups late: the same people, by the same names. */
TEST(lateness_decides_nothing)
{
    uint64_t sums[3];

    for (uint32_t round = 0; round < 3; round++) {
        given_nobody();
        late_percent = round * 50;
        sums[round] = 0;
        for (uint32_t i = 0; i < 3000; i++) {
            uint64_t roll = hash_mix(i + 12345);
            char device[16];
            char user[16];
            char previous[16];

            snprintf(device, sizeof(device), "d%u", (uint32_t)(roll % 40));
            snprintf(user, sizeof(user), "u%u", (uint32_t)(roll >> 8) % 30);
            snprintf(previous, sizeof(previous), "%c%u", (roll >> 16) % 2 == 0 ? 'd' : 'u',
                     (uint32_t)(roll >> 24) % 40);
            CHECK_EQ(try_event(roll % 7 == 0 ? "alias" : "click", roll % 5 == 0 ? NULL : device,
                               roll % 5 > 0 && roll % 3 == 0 ? NULL : user, previous),
                     0);
            sums[round] = hash_mix(sums[round] + outcome.who.person + outcome.merge_count * 3u +
                                   outcome.alias_refused * 5u + outcome.limit_reached * 7u);
        }
        for (uint32_t person = 0; person < identity.person_count; person++) {
            const char *names = names_of(person);

            sums[round] = hash64(sums[round] + merges_living(&identity.merges, person), text_of(names));
        }
        CHECK_EQ(log_store_counts(store).late, 0);
        then_nothing_is_left();
    }
    CHECK_EQ(sums[1], sums[0]);
    CHECK_EQ(sums[2], sums[0]);
}
