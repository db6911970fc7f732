/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/away.h"
#include "shards/profile_codec.h"
#include "shards/share.h"

#define GAP (30 * MINUTE)

static struct share share;
static struct person person;

static void
apply(int64_t time_ms)
{
    struct applied_event event = an_event(time_ms, "click", "/a", NULL);
    struct profile_change change = {
        .memory = &memory,
        .rules = {.gap_ms = GAP, .horizon_ms = MS_PER_DAY},
        .watermark = event.watermark,
    };

    event.person = person.number;
    event.code[0] = 3;
    (void)profile_apply(&person, &change, &event);
}

static void
given_two_sessions(void)
{
    given_memory();
    share = (struct share){.gap_ms = GAP};
    person = (struct person){
        .number = 1, .share = &share, .profile = profile_create(&memory, PROFILE_FIRST_BYTES)};
    apply(T0);
    apply(T0 + MINUTE);
    apply(T0 + 10 * GAP);
}

static struct profile *
copy_by_codec(void)
{
    static uint8_t bytes[65536];
    uint64_t count = profile_codec_bytes(person.profile);
    struct profile_label label = {.person = person.number};
    struct profile *copy;

    CHECK(count <= sizeof(bytes));
    (void)profile_codec_encode(person.profile, label, bytes, count);
    CHECK_EQ(profile_codec_decode(&memory, bytes, count, &label, &copy), 0);
    return copy;
}

/* As on disk: what the share knows is not in it. */
static struct profile *
when_it_leaves(void)
{
    struct profile *copy = copy_by_codec();

    person.away = away_create(&memory, person.profile);
    profile_destroy(&memory, person.profile);
    person.profile = NULL;
    return copy;
}

TEST(another_profile_is_not_the_one_that_left)
{
    given_two_sessions();
    struct profile *copy = when_it_leaves();
    copy->total_events++;
    CHECK(!away_return(person.away, copy));
    copy->total_events--;
    session_set_rows(&copy->pack, &copy->sessions)[1].end.ms++;
    CHECK(!away_return(person.away, copy));
    session_set_rows(&copy->pack, &copy->sessions)[1].end.ms--;
    copy->sessions.rows.count--;
    CHECK(!away_return(person.away, copy));
    copy->sessions.rows.count++;
    CHECK(away_return(person.away, copy));
    then_memory_ends();
}

TEST(sessions_close_and_open_again_while_the_profile_is_away)
{
    given_two_sessions();
    struct profile *copy = when_it_leaves();
    struct event_ms between = {.ms = T0 + MINUTE + GAP + 1};

    CHECK_EQ(share.open_count, 2);
    CHECK_EQ(share_close(&memory, &share, between, 9), 1);
    CHECK_EQ(share.open_count, 1);
    CHECK(person.away->sessions[0].is_counted_closed);
    share_regap(&memory, &share, 2 * GAP);
    CHECK_EQ(share.open_count, 2);
    CHECK_EQ(share_close(&memory, &share, between, 9), 0);
    between.ms += GAP;
    CHECK_EQ(share_close(&memory, &share, between, 9), 1);
    CHECK(away_return(person.away, copy));
    away_destroy(&memory, person.away);
    person.away = NULL;
    person.profile = copy;
    CHECK(session_set_rows(&copy->pack, &copy->sessions)[0].is_counted_closed);
    CHECK(!session_set_rows(&copy->pack, &copy->sessions)[1].is_counted_closed);
    apply(T0 + 10 * GAP + MINUTE); /* it goes on as if it had never left */
    apply(T0 - MINUTE);
    CHECK_EQ(share.session_count, 2);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9), 2);
    CHECK_EQ(share.open_count, 0);
    then_memory_ends();
}

TEST(what_people_are_sorted_by_stays)
{
    given_two_sessions();
    (void)when_it_leaves();
    CHECK_EQ(person.away->first_seen.ms, T0);
    CHECK_EQ(person.away->last_seen.ms, T0 + 10 * GAP);
    CHECK_EQ(person.away->total_events, 3);
    CHECK_EQ(person.away->total_sessions, 2);
    CHECK(!person.away->is_identified);
    CHECK_EQ(away_bytes(person.away), sizeof(struct away) + 2 * sizeof(struct away_session));
    away_destroy(&memory, person.away);
    away_destroy(&memory, NULL);
    then_memory_ends();
}
