/* SPDX-License-Identifier: Apache-2.0 */
#include "query/cursor.h"

#include "tests/check.h"

static const struct event_place somewhere = {{1767225600123}, 77};

TEST(what_is_not_a_cursor_is_refused)
{
    static const char *const bad[] = {"", "x", "!!!!", "ZQAAAZt3dCJ7AAAAAAAAAE1", "offset:5", "ZQ=="};
    char text[CURSOR_TEXT_BYTES];
    struct event_place place;
    struct session_place session;
    struct profile_place profile;
    uint64_t ordinal;

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!cursor_to_event(text_of(bad[i]), &place));
        CHECK(!cursor_to_session(text_of(bad[i]), &session));
        CHECK(!cursor_to_merge(text_of(bad[i]), &ordinal));
        CHECK(!cursor_to_profile(text_of(bad[i]), PROFILE_ORDER_LAST_SEEN, &profile));
    }
    /* Changed, cut, made longer, spelled in another way. */
    cursor_of_event(somewhere, text);
    CHECK(!cursor_to_event((struct text){text, (uint32_t)strlen(text) - 1}, &place));
    CHECK(!cursor_to_event((struct text){text, (uint32_t)strlen(text) + 1}, &place));
    text[0] = 'A';
    CHECK(!cursor_to_event(text_of(text), &place));
    cursor_of_event(somewhere, text);
    text[strlen(text) - 1]++;
    CHECK(!cursor_to_event(text_of(text), &place));
    text[3] = '=';
    CHECK(!cursor_to_event(text_of(text), &place));
}

TEST(a_cursor_of_another_list_is_refused)
{
    char text[CURSOR_TEXT_BYTES];
    struct event_place place;
    struct session_place session;
    struct profile_place profile = {.value = 5};
    uint64_t ordinal;

    cursor_of_event(somewhere, text);
    CHECK(!cursor_to_session(text_of(text), &session));
    CHECK(!cursor_to_merge(text_of(text), &ordinal));
    cursor_of_merge(5, text);
    CHECK(!cursor_to_event(text_of(text), &place));
    /* And of another order. */
    cursor_of_profile(profile, PROFILE_ORDER_TOTAL_EVENTS, text);
    CHECK(!cursor_to_session(text_of(text), &session));
    CHECK(!cursor_to_profile(text_of(text), PROFILE_ORDER_TOTAL_SESSIONS, &profile));
    CHECK(!cursor_to_profile(text_of(text), PROFILE_ORDER_LAST_SEEN, &profile));
    CHECK(!cursor_to_profile(text_of(text), PROFILE_ORDER_FIRST_SEEN, &profile));
    CHECK(cursor_to_profile(text_of(text), PROFILE_ORDER_TOTAL_EVENTS, &profile));
}

TEST(a_cursor_names_its_place)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, 1767225600123, INT64_MAX};
    static const uint64_t numbers[] = {0, 1, 255, 256, UINT64_MAX};
    char text[CURSOR_TEXT_BYTES];

    for (uint32_t i = 0; i < COUNT_OF(times); i++) {
        for (uint32_t j = 0; j < COUNT_OF(numbers); j++) {
            struct event_place event = {{times[i]}, numbers[j]};
            struct session_place session = {.start = {times[i]}};
            struct profile_place profile = {.value = times[i]};
            struct event_place event_back;
            struct session_place session_back;
            struct profile_place profile_back;
            uint64_t ordinal_back;

            memset(session.session_id.byte, (int)j * 51, 16);
            cursor_of_event(event, text);
            CHECK(cursor_to_event(text_of(text), &event_back));
            CHECK_EQ(event_back.event_time.ms, event.event_time.ms);
            CHECK_EQ(event_back.position, event.position);
            cursor_of_session(session, text);
            CHECK(cursor_to_session(text_of(text), &session_back));
            CHECK_EQ(session_back.start.ms, session.start.ms);
            CHECK(uuid_equal(session_back.session_id, session.session_id));
            memset(profile.canonical.byte, (int)j * 51, 16);
            cursor_of_profile(profile, (enum profile_order)(j % 4), text);
            CHECK(cursor_to_profile(text_of(text), (enum profile_order)(j % 4), &profile_back));
            CHECK_EQ(profile_back.value, profile.value);
            CHECK(uuid_equal(profile_back.canonical, profile.canonical));
            cursor_of_merge(numbers[j], text);
            CHECK(cursor_to_merge(text_of(text), &ordinal_back));
            CHECK_EQ(ordinal_back, numbers[j]);
        }
    }
}
