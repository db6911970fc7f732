/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile.h"
#include "shards/share.h"
#include "shards/slice_state.h"

#include <stdio.h>

static struct share share;
static struct slice_state state; /* with the journal, in memory */

static void
given_people(struct person *person, struct person *other)
{
    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    share = (struct share){.gap_ms = 30 * MINUTE, .state = &state};
    *person = (struct person){
        .number = 1, .share = &share, .profile = profile_create(&memory, PROFILE_FIRST_BYTES)};
    *other = (struct person){
        .number = 2, .share = &share, .profile = profile_create(&memory, PROFILE_FIRST_BYTES)};
}

static const struct session *
session_of(const struct person *person)
{
    return session_set_rows(&person->profile->pack, &person->profile->sessions);
}

static const struct counts_row *
find(const struct person *person, struct text name)
{
    return counts_find(&person->profile->pack, &person->profile->event_counts, name);
}

static struct text
trait_of(const struct person *person)
{
    const struct pack *pack = &person->profile->pack;

    return pack_text(pack, &traits_rows(pack, &person->profile->traits)[0].value);
}

static struct bucket
day_of(const struct person *person)
{
    return buckets_rows(&person->profile->pack, &person->profile->buckets.days)[0];
}

static struct profile_change
a_change(struct event_ms watermark)
{
    return (struct profile_change){.memory = &memory,
                                   .rules = {.gap_ms = 30 * MINUTE, .horizon_ms = MS_PER_DAY},
                                   .watermark = watermark};
}

static bool
apply(struct person *person, struct applied_event event)
{
    struct profile_change change = a_change(event.watermark);

    event.person = person->number;
    return profile_apply(person, &change, &event);
}

static void
merge(struct person *winner, struct person *loser)
{
    struct profile_change change = a_change((struct event_ms){.ms = T0});

    profile_detach(loser, &change);
    profile_combine(winner, &change, loser->profile);
    loser->profile = NULL;
}

TEST(an_event_older_than_the_horizon_takes_no_part_in_sessions)
{
    struct person person;
    struct person other;
    struct applied_event event;

    given_people(&person, &other);
    event = an_event(T0, "click", NULL, NULL);
    event.watermark_before.ms = T0 + MS_PER_DAY; /* exactly takes part */
    CHECK(apply(&person, event));
    event.watermark_before.ms = T0 + MS_PER_DAY + 1;
    CHECK(!apply(&person, event));
    event.watermark_before = NO_WATERMARK;
    CHECK(apply(&person, event));
    CHECK_EQ(person.profile->total_events, 3);
    CHECK_EQ(session_of(&person)->event_count, 2);
    then_memory_ends();
}

TEST(names_past_64_are_other_and_other_takes_no_place)
{
    struct person person;
    struct person other;
    char name[16];

    given_people(&person, &other);
    apply(&person, an_event(T0, "other", NULL, NULL));
    for (int i = 0; i < 70; i++) {
        snprintf(name, sizeof(name), "t%02d", 69 - i);
        apply(&person, an_event(T0, name, NULL, NULL));
    }
    CHECK_EQ(person.profile->event_counts.rows.count, 64);
    CHECK_EQ(person.profile->other_count, 7);
    CHECK(find(&person, TEXT("t69")) != NULL);
    CHECK(find(&person, TEXT("t05")) == NULL);
    then_memory_ends();
}

TEST(the_losers_names_go_in_by_count_then_name)
{
    struct person person;
    struct person other;
    char name[16];

    given_people(&person, &other);
    for (int i = 0; i < 62; i++) {
        snprintf(name, sizeof(name), "w%02d", i);
        apply(&person, an_event(T0, name, NULL, NULL));
    }
    apply(&other, an_event(T0, "c", NULL, NULL));
    apply(&other, an_event(T0, "b", NULL, NULL));
    apply(&other, an_event(T0, "a", NULL, NULL));
    apply(&other, an_event(T0, "c", NULL, NULL));
    apply(&other, an_event(T0, "w00", NULL, NULL));
    merge(&person, &other);
    CHECK_EQ(person.profile->event_counts.rows.count, 64);
    CHECK_EQ(find(&person, TEXT("c"))->count, 2);
    CHECK_EQ(find(&person, TEXT("a"))->count, 1);
    CHECK(find(&person, TEXT("b")) == NULL);
    CHECK_EQ(find(&person, TEXT("w00"))->count, 2);
    CHECK_EQ(person.profile->other_count, 1);
    then_memory_ends();
}

TEST(two_people_combined_have_what_both_had)
{
    struct person person;
    struct person other;

    given_people(&person, &other);
    apply(&person, an_event(T0 + MINUTE, "page_view", "/late", "{\"a\":1}"));
    apply(&other, an_event(T0, "page_view", "/early", "{\"a\":2,\"b\":3}"));
    apply(&other, an_event(T0 + 2 * MINUTE, "login", NULL, NULL));
    merge(&person, &other);
    CHECK_EQ(person.profile->first_seen.ms, T0);
    CHECK_EQ(person.profile->last_seen.ms, T0 + 2 * MINUTE);
    CHECK_EQ(person.profile->total_events, 3);
    CHECK_EQ(person.profile->kinds[PROFILE_PAGE_VIEWS], 2);
    CHECK_EQ(person.profile->kinds[PROFILE_LOGINS], 1);
    CHECK_TEXT(pack_text(&person.profile->pack, &person.profile->latest[PROFILE_LAST_PAGE].text), "/late");
    CHECK_TEXT(trait_of(&person), "1");
    CHECK_EQ(person.profile->traits.rows.count, 2);
    CHECK_EQ(person.profile->sessions.rows.count, 1);
    CHECK_EQ(session_of(&person)->event_count, 3);
    CHECK_EQ(day_of(&person).events, 3);
    CHECK_EQ(day_of(&person).sessions, 1);
    then_memory_ends();
}

TEST(whoever_had_a_user_id_is_identified_and_stays_so)
{
    struct person person;
    struct person other;

    given_people(&person, &other);
    apply(&person, an_event(T0, "click", NULL, NULL));
    CHECK(!person.profile->is_identified);
    kept_user = TEXT("ann");
    apply(&other, an_event(T0, "login", NULL, NULL));
    kept_user = (struct text){0};
    apply(&other, an_event(T0, "click", NULL, NULL));
    CHECK(other.profile->is_identified);
    merge(&person, &other);
    CHECK(person.profile->is_identified);
    then_memory_ends();
}

TEST(a_profile_that_ends_gives_all_memory_back)
{
    struct person person;
    struct person other;
    struct profile_change change = a_change((struct event_ms){.ms = T0});
    uint64_t before;

    given_people(&person, &other);
    profile_destroy(&memory, other.profile);
    profile_destroy(&memory, person.profile);
    before = region_used(&kept_region);
    person.profile = profile_create(&memory, PROFILE_FIRST_BYTES);
    for (int i = 0; i < 300; i++) {
        apply(&person,
              an_event(T0 + i * 7 * MINUTE * (i % 9), "click", i % 2 == 0 ? "/a" : "/b", "{\"a\":[1]}"));
    }
    profile_detach(&person, &change);
    CHECK_EQ(share.open_count, 0);
    profile_destroy(&memory, person.profile);
    closings_clear(&memory, &share.closings);
    order_clear(&memory, &share.sessions);
    CHECK(region_used(&kept_region) >= before); /* the cube and archived sessions stay */
    then_memory_ends();
}
