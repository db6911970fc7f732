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

    struct profile *profile = person.profile;

    person.away = away_create(&memory, profile);
    person.is_away = true;
    profile_destroy(&memory, profile);
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
    struct away_reader reader;
    struct known_session known;

    CHECK_EQ(share.open_count, 2);
    CHECK_EQ(share_close(&memory, &share, between, 9), 1);
    CHECK_EQ(share.open_count, 1);
    (void)away_read(person.away, &reader);
    CHECK(away_next(&reader, &known));
    CHECK(*known.is_counted_closed);
    CHECK(away_next(&reader, &known));
    CHECK(!*known.is_counted_closed);
    CHECK(!away_next(&reader, &known));
    share_regap(&memory, &share, 2 * GAP);
    CHECK_EQ(share.open_count, 2);
    CHECK_EQ(share_close(&memory, &share, between, 9), 0);
    between.ms += GAP;
    CHECK_EQ(share_close(&memory, &share, between, 9), 1);
    CHECK(away_return(person.away, copy));
    away_destroy(&memory, person.away);
    person.is_away = false;
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
    struct away_reader reader;

    given_two_sessions();
    (void)when_it_leaves();
    struct away_summary summary = away_read(person.away, &reader);
    CHECK_EQ(summary.first_seen.ms, T0);
    CHECK_EQ(summary.last_seen.ms, T0 + 10 * GAP);
    CHECK_EQ(summary.total_events, 3);
    CHECK_EQ(summary.total_sessions, 2);
    CHECK_EQ(summary.session_count, 2);
    CHECK(!summary.is_identified);
    away_destroy(&memory, person.away);
    away_destroy(&memory, NULL);
    then_memory_ends();
}

TEST(the_greatest_and_the_least_numbers_are_kept)
{
    static struct session rows[2];
    struct away_reader reader;
    struct known_session known;

    given_memory();
    struct profile *profile = profile_create(&memory, 4096);
    profile->first_seen.ms = INT64_C(-62167219200000); /* the year 0 */
    profile->last_seen.ms = INT64_C(253402300799999);
    profile->total_events = UINT64_MAX;
    profile->sessions.archived_count = UINT64_MAX - 2;
    profile->is_identified = true;
    rows[0] = (struct session){.start = profile->first_seen, .end = profile->last_seen, .is_entered = true};
    rows[1] = (struct session){.start = {.ms = -2},
                               .end = {.ms = -1},
                               .code = {UINT32_MAX, 0, 127, 128, 16383, 16384},
                               .is_entered = true,
                               .is_counted_closed = true};
    pack_list_reserve(&profile->pack, &profile->sessions.rows, 2, sizeof(rows[0]));
    for (uint32_t i = 0; i < 2; i++) {
        *(struct session *)pack_list_insert(&profile->pack, &profile->sessions.rows, i, sizeof(rows[0])) =
            rows[i];
    }
    struct away *away = away_create(&memory, profile);
    struct away_summary summary = away_read(away, &reader);
    CHECK_EQ(summary.first_seen.ms, profile->first_seen.ms);
    CHECK_EQ(summary.last_seen.ms, profile->last_seen.ms);
    CHECK_EQ(summary.total_events, UINT64_MAX);
    CHECK_EQ(summary.total_sessions, UINT64_MAX);
    CHECK(summary.is_identified);
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(away_next(&reader, &known));
        CHECK_EQ(known.start.ms, rows[i].start.ms);
        CHECK_EQ(known.end.ms, rows[i].end.ms);
        CHECK_EQ(*known.is_counted_closed, rows[i].is_counted_closed);
        CHECK_BYTES(known.code, rows[i].code, sizeof(known.code));
    }
    CHECK(!away_next(&reader, &known));
    CHECK(away_return(away, profile));
    away_destroy(&memory, away);
    profile_destroy(&memory, profile);
    then_nothing_is_left();
}

TEST(one_session_takes_32_bytes_and_three_of_a_day_48)
{
    given_memory();
    share = (struct share){.gap_ms = GAP};
    person = (struct person){
        .number = 1, .share = &share, .profile = profile_create(&memory, PROFILE_FIRST_BYTES)};
    apply(T0);
    struct away *away = away_create(&memory, person.profile);
    CHECK(away_bytes(away) <= 32);
    away_destroy(&memory, away);
    apply(T0 + 10 * GAP);
    apply(T0 + 20 * GAP);
    away = away_create(&memory, person.profile);
    CHECK(away_bytes(away) <= 48);
    away_destroy(&memory, away);
    then_memory_ends();
}
