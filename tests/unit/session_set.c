/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile.h"
#include "shards/share.h"
#include "shards/slice_state.h"

#include <stdio.h>

#define GAP (30 * MINUTE)

static struct share share;
static struct slice_state state; /* with the journal, in memory */
static struct person people[2];
static struct person *person;
static struct session_change change;
static int64_t watermark;

static struct person
a_person(uint32_t number)
{
    return (struct person){.number = number, .share = &share, .profile = profile_create(&memory, 1 << 20)};
}

static void
given_no_sessions(void)
{
    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    share = (struct share){.gap_ms = GAP, .state = &state};
    people[0] = a_person(1);
    people[1] = a_person(2);
    person = &people[0];
    watermark = INT64_MIN;
    change = (struct session_change){
        .memory = &memory,
        .person = person,
        .watermark = NO_WATERMARK,
        .rules = {.gap_ms = GAP, .horizon_ms = MS_PER_DAY},
    };
    person->profile->last_seen.ms = T0 + 10 * MS_PER_DAY;
}

/* W follows by a minute, unless it is set. */
static void
add(int64_t time_ms, const char *page)
{
    struct applied_event event = an_event(time_ms, "click", page, NULL);
    struct pack *pack = &person->profile->pack;
    struct session_texts texts = {.type = pack_keep(pack, TEXT("click")),
                                  .page = pack_keep(pack, text_of(page))};

    watermark = time_ms - MINUTE > watermark ? time_ms - MINUTE : watermark;
    event.watermark.ms = watermark;
    event.person = person->number;
    change.watermark.ms = watermark;
    session_set_archive(&change);
    uint64_t need = session_set_need(pack, &person->profile->sessions, event.record->event_time, GAP);
    uint32_t hours = person->profile->buckets.hours.count;
    uint32_t days = person->profile->buckets.days.count;
    uint32_t used = pack->used;
    session_set_add(&change, &event, &texts);
    if (person->profile->buckets.hours.count == hours && person->profile->buckets.days.count == days) {
        CHECK(pack->used - used <= need);
    }
}

static uint32_t
count(void)
{
    return person->profile->sessions.rows.count;
}

static struct session *
row(uint32_t index)
{
    CHECK(index < count());
    return &session_set_rows(&person->profile->pack, &person->profile->sessions)[index];
}

static struct text
page_at(uint32_t index)
{
    return pack_text(&person->profile->pack, &session_pages(&person->profile->pack, row(0))[index].page);
}

static struct text
exit_page(void)
{
    return pack_text(&person->profile->pack, &row(0)->exit_page.text);
}

static const struct bucket *
days(void)
{
    return buckets_rows(&person->profile->pack, &person->profile->buckets.days);
}

static const struct session *
current(int64_t at)
{
    return session_set_current(&person->profile->pack, &person->profile->sessions,
                               (struct event_ms){.ms = at}, GAP);
}

TEST(one_millisecond_more_than_the_gap_is_another_session)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + GAP + 1, NULL);
    CHECK_EQ(count(), 2);
    then_memory_ends();
}

TEST(exactly_the_gap_is_the_same_session)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + GAP, NULL);
    CHECK_EQ(count(), 1);
    CHECK_EQ(row(0)->end.ms, T0 + GAP);
    CHECK_EQ(row(0)->event_count, 2);
    CHECK_EQ(row(0)->revision, 0);
    add(T0 - GAP, NULL);
    CHECK_EQ(count(), 1);
    CHECK_EQ(row(0)->start.ms, T0 - GAP);
    CHECK(uuid_equal(row(0)->session_id,
                     session_make_id((struct uuid){0}, (struct uuid){0}, (struct event_ms){T0})));
    then_memory_ends();
}

TEST(an_event_between_joins_both_and_the_earlier_keeps_its_id)
{
    struct uuid first;

    given_no_sessions();
    add(T0 + 40 * MINUTE, "/b");
    add(T0, "/a");
    CHECK_EQ(count(), 2);
    first = row(0)->session_id;
    add(T0 + 20 * MINUTE, "/c");
    CHECK_EQ(count(), 1);
    CHECK(uuid_equal(row(0)->session_id, first));
    CHECK_EQ(row(0)->event_count, 3);
    CHECK_EQ(row(0)->pages.count, 3);
    CHECK_TEXT(page_at(0), "/a");
    CHECK_TEXT(page_at(1), "/c");
    CHECK_TEXT(exit_page(), "/b");
    CHECK_EQ(row(0)->revision, 1); /* the first was closed: W was 9 minutes past its end and gap */
    CHECK_EQ(share.session_count, 1);
    CHECK_EQ(days()[0].sessions, 1);
    then_memory_ends();
}

TEST(a_closed_session_is_revised_and_an_open_one_is_not)
{
    given_no_sessions();
    add(T0, NULL);
    watermark = T0 + GAP;
    add(T0 + MINUTE, NULL); /* W = end + gap: open */
    CHECK_EQ(row(0)->revision, 0);
    watermark = T0 + MINUTE + GAP + 1;
    add(T0 + MINUTE, NULL);
    CHECK_EQ(row(0)->revision, 1);
    add(T0, NULL);
    CHECK_EQ(row(0)->revision, 2);
    add(T0 + 2 * MINUTE + 1, NULL); /* open again, but it was closed when it came */
    CHECK_EQ(row(0)->revision, 3);
    add(T0 + 2 * MINUTE + 2, NULL);
    CHECK_EQ(row(0)->revision, 3);
    then_memory_ends();
}

TEST(when_closing_work_ran_cannot_be_seen)
{
    given_no_sessions();
    add(T0, NULL);
    /* Somebody asked with a later watermark: the cube counts it as closed. */
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MS_PER_DAY}, 10), 1);
    add(T0 + MINUTE, NULL);
    CHECK_EQ(row(0)->revision, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_sessions, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_duration_ms, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].sessions, 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MS_PER_DAY}, 10), 1);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_sessions, 1);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_duration_ms, MINUTE);
    then_memory_ends();
}

TEST(a_final_session_is_archived_and_joins_nothing)
{
    given_no_sessions();
    add(T0, NULL);
    watermark = T0 + GAP + MS_PER_DAY;
    add(T0 + 2 * MINUTE, NULL); /* not final yet */
    CHECK_EQ(row(0)->event_count, 2);
    watermark = T0 + 2 * MINUTE + GAP + MS_PER_DAY + 1;
    add(T0 + 2 * MINUTE + 1, NULL);
    CHECK_EQ(count(), 1);
    CHECK_EQ(row(0)->event_count, 1);
    CHECK_EQ(person->profile->sessions.archived_count, 1);
    CHECK_EQ(person->profile->sessions.archived_duration_ms, 2 * MINUTE);
    CHECK_EQ(order_count(&person->archive->order), 1);
    CHECK_EQ(person->archive->duration_ms_max, 2 * MINUTE);
    then_memory_ends();
}

TEST(a_session_keeps_the_hundred_earliest_pages)
{
    char page[16];

    given_no_sessions();
    for (int i = 150; i > 0; i--) {
        snprintf(page, sizeof(page), "/%d", i);
        add(T0 + i, page);
    }
    add(T0 + 200, "/101");
    add(T0, "/150");
    CHECK_EQ(row(0)->pages.count, SESSION_PAGE_COUNT_MAX);
    CHECK_TEXT(page_at(0), "/150");
    CHECK_TEXT(page_at(1), "/1");
    CHECK_TEXT(page_at(99), "/99");
    CHECK_TEXT(exit_page(), "/101");
    then_memory_ends();
}

TEST(the_session_not_closed_with_the_greatest_end_is_current)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + 40 * MINUTE, NULL);
    CHECK(current(T0) == row(1));
    CHECK(current(T0 + 40 * MINUTE + GAP) == row(1));
    CHECK(current(T0 + 40 * MINUTE + GAP + 1) == NULL);
    then_memory_ends();
}

/* Two people become one. */

/* What there is becomes a loser's; more is added to the other person. */
static struct profile *
take_all(void)
{
    struct profile *loser = person->profile;
    struct event_ms newest = loser->last_seen;

    session_set_leave(&change);
    person->profile = NULL;
    person = &people[1];
    change.person = person;
    person->profile->last_seen = newest;
    return loser;
}

static void
combine(struct profile *loser)
{
    struct profile *profile = person->profile;

    buckets_combine(&profile->pack, &profile->buckets, profile->last_seen, &loser->pack, &loser->buckets);
    session_set_combine(&change, loser);
}

TEST(a_merge_joins_what_is_within_the_gap_and_keeps_the_rest)
{
    struct profile *other;
    struct uuid kept;

    given_no_sessions();
    add(T0 + 10 * MINUTE, NULL);
    add(T0 + 3 * MS_PER_HOUR, NULL);
    kept = row(1)->session_id;
    other = take_all();
    watermark = INT64_MIN;
    add(T0, NULL);
    add(T0 + 40 * MINUTE, NULL);
    add(T0 + 6 * MS_PER_HOUR, NULL);
    change.watermark.ms = T0;
    combine(other);
    CHECK_EQ(count(), 3);
    CHECK_EQ(row(0)->start.ms, T0);
    CHECK_EQ(row(0)->end.ms, T0 + 40 * MINUTE);
    CHECK_EQ(row(0)->event_count, 3);
    CHECK_EQ(row(0)->sources.count, 2);
    CHECK_EQ(row(0)->revision, 0); /* none of them was closed at the merge */
    CHECK(uuid_equal(row(1)->session_id, kept));
    CHECK_EQ(row(1)->revision, 0); /* only its person changed */
    CHECK_EQ(row(1)->person, 2);
    CHECK_EQ(share.session_count, 3);
    then_memory_ends();
}

TEST(a_merge_revises_once_however_many_join)
{
    struct profile *other;

    given_no_sessions();
    add(T0 + 20 * MINUTE, NULL);
    add(T0 + 60 * MINUTE, NULL);
    row(1)->revision = 5;
    other = take_all();
    watermark = INT64_MIN;
    add(T0, NULL);
    add(T0 + 40 * MINUTE, NULL);
    change.watermark.ms = T0 + 3 * MS_PER_HOUR;
    combine(other);
    CHECK_EQ(count(), 1);
    CHECK_EQ(row(0)->revision, 6);
    CHECK_EQ(row(0)->end.ms, T0 + 60 * MINUTE);
    then_memory_ends();
}

/* Sessions are the parts of the time line that events within a gap of each other cover. */
TEST(any_order_of_events_gives_the_same_sessions)
{
    enum { COUNT = 400 };
    int64_t times[COUNT];
    uint64_t dice = 3;

    for (uint32_t round = 0; round < 6; round++) {
        struct profile *other = NULL;
        uint32_t at = 0;
        given_no_sessions();
        change.rules.horizon_ms = 1000 * MS_PER_DAY;
        for (uint32_t i = 0; i < COUNT; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            times[i] = T0 + (int64_t)((dice >> 33) % (uint64_t)(5 * MS_PER_DAY));
            if (i == COUNT / 2 && round % 2 == 1) {
                other = take_all();
            }
            add(times[i], NULL);
        }
        combine(other != NULL ? other : profile_create(&memory, 0));

        for (uint32_t i = 1; i < COUNT; i++) { /* in order */
            int64_t time = times[i];
            uint32_t k = i;
            for (; k > 0 && times[k - 1] > time; k--) {
                times[k] = times[k - 1];
            }
            times[k] = time;
        }
        for (uint32_t i = 0; i < COUNT; at++) {
            uint32_t end = i + 1;
            while (end < COUNT && times[end] - times[end - 1] <= GAP) {
                end++;
            }
            CHECK_EQ(row(at)->start.ms, times[i]);
            CHECK_EQ(row(at)->end.ms, times[end - 1]);
            CHECK_EQ(row(at)->event_count, end - i);
            i = end;
        }
        CHECK_EQ(count(), at);
        CHECK_EQ(share.session_count, at);
        CHECK_EQ(order_count(&share.sessions), at);
        uint64_t in_buckets = 0;
        for (uint32_t i = 0; i < person->profile->buckets.days.count; i++) {
            in_buckets += days()[i].sessions;
        }
        if (round % 2 == 0) {
            CHECK_EQ(in_buckets, at);
        }
        then_memory_ends();
    }
}
