/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/session_set.h"

#include <stdio.h>

#define GAP (30 * MINUTE)

static struct share share;
static struct session_archive archive;
static struct buckets buckets;
static struct session_set set;
static struct session_change change;
static int64_t watermark;

static void
given_no_sessions(void)
{
    given_memory();
    share = (struct share){0};
    archive = (struct session_archive){0};
    buckets = (struct buckets){0};
    set = (struct session_set){0};
    watermark = INT64_MIN;
    change = (struct session_change){
        .memory = &memory,
        .share = &share,
        .archive = &archive,
        .buckets = &buckets,
        .newest = {.ms = T0 + 10 * MS_PER_DAY},
        .watermark = NO_WATERMARK,
        .rules = {.gap_ms = GAP, .horizon_ms = MS_PER_DAY},
        .person = 1,
    };
}

/* W follows by a minute, unless it is set. */
static void
add(int64_t time_ms, const char *page)
{
    struct applied_event event = an_event(time_ms, "click", page, NULL);

    watermark = time_ms - MINUTE > watermark ? time_ms - MINUTE : watermark;
    event.watermark.ms = watermark;
    event.person = change.person;
    change.watermark.ms = watermark;
    session_set_archive(&set, &change);
    session_set_add(&set, &change, &event);
}

static const struct session *
row(uint32_t index)
{
    CHECK(index < set.count);
    return set.rows[index];
}

TEST(one_millisecond_more_than_the_gap_is_another_session)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + GAP + 1, NULL);
    CHECK_EQ(set.count, 2);
    then_memory_ends();
}

TEST(exactly_the_gap_is_the_same_session)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + GAP, NULL);
    CHECK_EQ(set.count, 1);
    CHECK_EQ(row(0)->end.ms, T0 + GAP);
    CHECK_EQ(row(0)->event_count, 2);
    CHECK_EQ(row(0)->revision, 0);
    add(T0 - GAP, NULL);
    CHECK_EQ(set.count, 1);
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
    CHECK_EQ(set.count, 2);
    first = row(0)->session_id;
    add(T0 + 20 * MINUTE, "/c");
    CHECK_EQ(set.count, 1);
    CHECK(uuid_equal(row(0)->session_id, first));
    CHECK_EQ(row(0)->event_count, 3);
    CHECK_EQ(row(0)->page_count, 3);
    CHECK_TEXT(short_text(&row(0)->pages[0].page), "/a");
    CHECK_TEXT(short_text(&row(0)->pages[1].page), "/c");
    CHECK_TEXT(short_text(&row(0)->exit_page.text), "/b");
    CHECK_EQ(row(0)->revision, 1); /* the first was closed: W was 9 minutes past its end and gap */
    CHECK_EQ(share.session_count, 1);
    CHECK_EQ(buckets.days.rows[0].sessions, 1);
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
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MS_PER_DAY}, GAP, 10), 1);
    add(T0 + MINUTE, NULL);
    CHECK_EQ(row(0)->revision, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_sessions, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].closed_duration_ms, 0);
    CHECK_EQ(share.cube.hours[0]->cells[0].sessions, 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MS_PER_DAY}, GAP, 10), 1);
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
    CHECK_EQ(set.count, 1);
    CHECK_EQ(row(0)->event_count, 1);
    CHECK_EQ(set.archived_count, 1);
    CHECK_EQ(set.archived_duration_ms, 2 * MINUTE);
    CHECK_EQ(archive.order.count, 1);
    CHECK_EQ(archive.duration_ms_max, 2 * MINUTE);
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
    CHECK_EQ(row(0)->page_count, SESSION_PAGE_COUNT_MAX);
    CHECK_TEXT(short_text(&row(0)->pages[0].page), "/150");
    CHECK_TEXT(short_text(&row(0)->pages[1].page), "/1");
    CHECK_TEXT(short_text(&row(0)->pages[99].page), "/99");
    CHECK_TEXT(short_text(&row(0)->exit_page.text), "/101");
    then_memory_ends();
}

TEST(the_session_not_closed_with_the_greatest_end_is_current)
{
    given_no_sessions();
    add(T0, NULL);
    add(T0 + 40 * MINUTE, NULL);
    CHECK(session_set_current(&set, (struct event_ms){.ms = T0}, GAP) == row(1));
    CHECK(session_set_current(&set, (struct event_ms){.ms = T0 + 40 * MINUTE + GAP}, GAP) == row(1));
    CHECK(session_set_current(&set, (struct event_ms){.ms = T0 + 40 * MINUTE + GAP + 1}, GAP) == NULL);
    then_memory_ends();
}

/* Two people become one. */

static struct session_set
take_all(void)
{
    struct session_set other = set;

    session_set_leave(&set, &change);
    set = (struct session_set){0};
    change.person = 2;
    return other;
}

TEST(a_merge_joins_what_is_within_the_gap_and_keeps_the_rest)
{
    struct session_set other;
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
    session_set_combine(&set, &change, &other);
    CHECK_EQ(set.count, 3);
    CHECK_EQ(row(0)->start.ms, T0);
    CHECK_EQ(row(0)->end.ms, T0 + 40 * MINUTE);
    CHECK_EQ(row(0)->event_count, 3);
    CHECK_EQ(row(0)->source_count, 2);
    CHECK_EQ(row(0)->revision, 0); /* none of them was closed at the merge */
    CHECK(uuid_equal(row(1)->session_id, kept));
    CHECK_EQ(row(1)->revision, 0); /* only its person changed */
    CHECK_EQ(row(1)->person, 2);
    CHECK_EQ(share.session_count, 3);
    then_memory_ends();
}

TEST(a_merge_revises_once_however_many_join)
{
    struct session_set other;

    given_no_sessions();
    add(T0 + 20 * MINUTE, NULL);
    add(T0 + 60 * MINUTE, NULL);
    ((struct session *)(uintptr_t)row(1))->revision = 5;
    other = take_all();
    watermark = INT64_MIN;
    add(T0, NULL);
    add(T0 + 40 * MINUTE, NULL);
    change.watermark.ms = T0 + 3 * MS_PER_HOUR;
    session_set_combine(&set, &change, &other);
    CHECK_EQ(set.count, 1);
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
        struct session_set other = {0};
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
        session_set_combine(&set, &change, &other);

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
        CHECK_EQ(set.count, at);
        CHECK_EQ(share.session_count, at);
        CHECK_EQ(share.sessions.count, at);
        uint64_t in_buckets = 0;
        for (uint32_t i = 0; i < buckets.days.count; i++) {
            in_buckets += buckets.days.rows[i].sessions;
        }
        if (round % 2 == 0) {
            CHECK_EQ(in_buckets, at);
        }
        then_memory_ends();
    }
}
