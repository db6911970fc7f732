/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/answer_row.h"

#include "tests/unit/keeper_world.h"

static const struct extra rich = {.page = "/a", .device = "mobile", .country = "DE"};

static struct question
ask_rows(enum question_kind kind, struct event_scan *events, struct session_scan *sessions)
{
    struct question question = {.kind = kind, .target = slice_of(0)};

    if (kind == QUESTION_EVENTS) {
        question.ask.events = events;
    } else {
        question.ask.sessions = sessions;
    }
    ask(&question);
    CHECK_EQ(question.fault, 0);
    return question;
}

static struct question
ask_events(uint32_t texts, uint64_t bytes_max)
{
    static struct event_scan scan;

    scan = (struct event_scan){.from = {.ms = INT64_MIN},
                               .to = {.ms = INT64_MAX},
                               .texts = texts,
                               .count_max = 100,
                               .bytes_max = bytes_max};
    return ask_rows(QUESTION_EVENTS, &scan, NULL);
}

static struct question
ask_sessions(uint32_t with, uint64_t bytes_max)
{
    static struct session_scan scan;

    scan = (struct session_scan){.from = {.ms = INT64_MIN},
                                 .to = {.ms = INT64_MAX},
                                 .with = with,
                                 .count_max = 100,
                                 .bytes_max = bytes_max};
    return ask_rows(QUESTION_SESSIONS, NULL, &scan);
}

TEST(a_record_has_the_texts_that_were_asked_for)
{
    struct question question;
    uint64_t bytes;

    given_a_world(1, 64, 8);
    send_event(0, T0, "click", rich);
    send_progress(0);

    question = ask_events(0, UINT64_MAX);
    bytes = question.arena.bytes_used;
    CHECK_EQ(question.answer.events->count, 1);
    CHECK_EQ(question.answer.events->rows[0].record->event_time.ms, T0);
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        CHECK(!event_has(question.answer.events->rows[0].record, i));
    }
    CHECK(record_is_sound(question.answer.events->rows[0].record,
                          question.answer.events->rows[0].record->header.bytes));
    release(&question);

    question = ask_events(1u << EVENT_PAGE_URL | 1u << EVENT_COUNTRY, UINT64_MAX);
    CHECK(question.arena.bytes_used > bytes);
    CHECK_TEXT(event_text(question.answer.events->rows[0].record, EVENT_PAGE_URL), "/a");
    CHECK_TEXT(event_text(question.answer.events->rows[0].record, EVENT_COUNTRY), "DE");
    CHECK(!event_has(question.answer.events->rows[0].record, EVENT_EVENT_ID));
    CHECK(!event_has(question.answer.events->rows[0].record, EVENT_PROPERTIES));
    CHECK(record_is_sound(question.answer.events->rows[0].record,
                          question.answer.events->rows[0].record->header.bytes));
    release(&question);
    then_the_world_ends();
}

TEST(a_session_has_what_was_asked_for)
{
    struct question question;
    const struct session_row *row;

    given_a_world(1, 64, 8);
    send_event(0, T0, "click", rich);
    send_event(0, T0 + 1, "view", (struct extra){.page = "/b"});
    send_progress(0);

    question = ask_sessions(0, UINT64_MAX);
    CHECK_EQ(question.answer.sessions->count, 1);
    row = &question.answer.sessions->rows[0];
    CHECK_EQ(row->event_count, 2);
    CHECK_TEXT(row->country, "DE");
    CHECK_EQ(row->page_count + row->event_type_count + row->source_count, 0);
    CHECK_EQ(row->entry_page.bytes + row->exit_page.bytes, 0);
    release(&question);

    question = ask_sessions(SESSION_WITH_ENTRY_PAGE | SESSION_WITH_SOURCES, UINT64_MAX);
    row = &question.answer.sessions->rows[0];
    CHECK_TEXT(row->entry_page, "/a");
    CHECK_EQ(row->exit_page.bytes, 0);
    CHECK_EQ(row->page_count, 0);
    CHECK_EQ(row->source_count, 1);
    release(&question);

    question =
        ask_sessions(SESSION_WITH_PAGES | SESSION_WITH_EXIT_PAGE | SESSION_WITH_EVENT_TYPES, UINT64_MAX);
    row = &question.answer.sessions->rows[0];
    CHECK_EQ(row->page_count, 2);
    CHECK_TEXT(row->pages[1], "/b");
    CHECK_TEXT(row->exit_page, "/b");
    CHECK_EQ(row->event_type_count, 2);
    CHECK_EQ(row->entry_page.bytes, 0);
    release(&question);
    then_the_world_ends();
}

TEST(a_profile_has_what_was_asked_for)
{
    struct question question = {.kind = QUESTION_PROFILE, .target = slice_of(0)};
    const struct profile_answer *profile;

    given_a_world(1, 64, 8);
    send_event(0, T0, "page_view", rich);
    send_progress(0);
    question.ask.profile.canonical = canonical_of(0);
    ask(&question);
    profile = question.answer.profile;
    CHECK_EQ(profile->total_events, 1);
    CHECK_TEXT(profile->last_page, "/a");
    CHECK(profile->current_session == NULL);
    CHECK_EQ(profile->hour_count + profile->day_count + profile->event_count_count, 0);
    CHECK_EQ(profile->top_page_count + profile->top_feature_count + profile->trait_count, 0);
    release(&question);

    question.ask.profile.with = PROFILE_WITH_BUCKETS | PROFILE_WITH_CURRENT_SESSION |
                                SESSION_WITH_PAGES << PROFILE_WITH_SESSION_SHIFT;
    ask(&question);
    profile = question.answer.profile;
    CHECK_EQ(profile->hour_count, 1);
    CHECK_EQ(profile->day_count, 1);
    CHECK_EQ(profile->event_count_count, 0);
    CHECK(profile->current_session != NULL);
    CHECK_EQ(profile->current_session->page_count, 1);
    CHECK_EQ(profile->current_session->event_type_count, 0);
    release(&question);
    then_the_world_ends();
}

/* Of a thousand such answers each has room for one row. */
TEST(an_answer_with_one_row_takes_little)
{
    struct question question = {.kind = QUESTION_EVENT_SESSION, .target = slice_of(0)};
    struct member member = member_of(0);

    given_a_world(1, 64, 8);
    send_event(0, T0, "click", (struct extra){0});
    send_progress(0);
    question.ask.event_session.members = &member;
    question.ask.event_session.member_count = 1;
    question.ask.event_session.event_time.ms = T0;
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    CHECK(question.arena.bytes_used < 4 * sizeof(struct session_row));
    release(&question);
    then_the_world_ends();
}

TEST(a_part_ends_by_its_bytes_and_says_so)
{
    struct question question;

    given_a_world(1, 64, 8);
    for (uint32_t i = 0; i < 30; i++) {
        send_event(0, T0 + (int64_t)i * MS_PER_HOUR, "click", rich);
    }
    send_progress(0);

    question = ask_events(UINT32_MAX, 0);
    CHECK_EQ(question.answer.events->count, 1);
    CHECK(question.answer.events->has_more);
    release(&question);
    question = ask_events(UINT32_MAX, 6000);
    CHECK(question.answer.events->count > 1 && question.answer.events->count < 30);
    CHECK(question.answer.events->has_more);
    release(&question);
    question = ask_events(UINT32_MAX, UINT64_MAX);
    CHECK_EQ(question.answer.events->count, 30);
    CHECK(!question.answer.events->has_more);
    release(&question);

    question = ask_sessions(UINT32_MAX, 22500);
    CHECK(question.answer.sessions->count > 1 && question.answer.sessions->count < 30);
    CHECK(question.answer.sessions->has_more);
    release(&question);
    question = ask_sessions(UINT32_MAX, UINT64_MAX);
    CHECK_EQ(question.answer.sessions->count, 30);
    CHECK(!question.answer.sessions->has_more);
    release(&question);
    then_the_world_ends();
}
