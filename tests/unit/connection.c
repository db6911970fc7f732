/* SPDX-License-Identifier: Apache-2.0 */
#include "query/connection.h"

#include <errno.h>

#include "tests/unit/fake_shards.h"

static char cursor[64];

/* The endCursor of the last answer. */
static const char *
end_cursor(void)
{
    const char *at = strstr(said(), "\"endCursor\":\"");

    CHECK(at != NULL);
    at += strlen("\"endCursor\":\"");
    snprintf(cursor, sizeof(cursor), "%.*s", (int)(strchr(at, '"') - at), at);
    return cursor;
}

static void
ask_page(const char *query, const char *after)
{
    char variables[128];

    snprintf(variables, sizeof(variables), "{\"after\":%s%s%s}", after != NULL ? "\"" : "",
             after != NULL ? after : "null", after != NULL ? "\"" : "");
    ask(query, variables);
}

TEST(cursors_of_something_else_are_refused)
{
    given_shards();
    ask("{events(tenantId:\"acme\" after:\"\"){nodes{eventId}}}", NULL);
    CHECK(said_error("INVALID_CURSOR", "[\"events\"]"));
    ask("{sessions(tenantId:\"acme\" after:\"ZQAAAAAAAAAAAAAAAAAAAAA\"){nodes{sessionId}}}", NULL);
    CHECK(said_error("INVALID_CURSOR", "[\"sessions\"]"));
    ask("{merges(tenantId:\"acme\" after:\"1\"){nodes{loser}}}", NULL);
    CHECK(said_error("INVALID_CURSOR", "[\"merges\"]"));
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){sessions(after:\"x\"){nodes{open}}}}", NULL);
    CHECK(said_error("INVALID_CURSOR", "[\"profile\",\"sessions\"]"));
}

TEST(nothing_is_an_empty_page)
{
    static const char *const empty[] = {
        "{events(tenantId:\"nobody\"){nodes{eventId} edges{cursor} pageInfo{hasNextPage hasPreviousPage "
        "startCursor "
        "endCursor}}}",
        "{events(tenantId:\"acme\" filter:{canonicalId:\"not even one\"}){nodes{eventId} edges{cursor} "
        "pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}",
        "{events(tenantId:\"acme\" filter:{from:\"2026-01-01T00:00:00Z\" "
        "to:\"2026-01-01T00:00:00Z\"}){nodes{eventId} "
        "edges{cursor} pageInfo{hasNextPage hasPreviousPage startCursor endCursor}}}",
        "{events(tenantId:\"acme\" filter:{eventType:\"none\"}){nodes{eventId} edges{cursor} "
        "pageInfo{hasNextPage "
        "hasPreviousPage startCursor endCursor}}}",
    };

    for (uint32_t i = 0; i < COUNT_OF(empty); i++) {
        given_shards();
        fake_event(ANN, 5000, 1, "click");
        ask(empty[i], NULL);
        CHECK_TEXT(said(),
                   "{\"data\":{\"events\":{\"nodes\":[],\"edges\":[],\"pageInfo\":{\"hasNextPage\":false,"
                   "\"hasPreviousPage\":false,\"startCursor\":null,\"endCursor\":null}}}}");
    }
}

TEST(nobody_looks_for_events_with_what_none_has)
{
    static const char *const filters[] = {"eventType:\"unseen\"", "country:\"unseen\"",
                                          "deviceType:\"unseen\" eventType:\"click\"",
                                          "country:\"unseen\" late:false from:\"2026-01-01T00:00:00Z\""};
    char query[256];

    for (uint32_t i = 0; i < COUNT_OF(filters); i++) {
        given_shards();
        fake_event(ANN, 5000, 1, "click");
        snprintf(query, sizeof(query), "{events(tenantId:\"acme\" filter:{%s}){nodes{eventId}}}", filters[i]);
        ask(query, NULL);
        CHECK_TEXT(said(), "{\"data\":{\"events\":{\"nodes\":[]}}}");
        CHECK_EQ(fake.event_scans, 0);
    }
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    ask("{a:events(tenantId:\"acme\" filter:{eventType:\"unseen\"}){nodes{eventType}} "
        "b:events(tenantId:\"acme\" filter:{eventType:\"click\"}){nodes{eventType}} "
        "c:summary(tenantId:\"acme\" from:\"2026-01-01T00:00:00Z\" to:\"2026-01-02T00:00:00Z\"){events}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"a\":{\"nodes\":[]},\"b\":{\"nodes\":[{\"eventType\":\"click\"}]},"
                       "\"c\":{\"events\":0}}}");
    CHECK(fake.event_scans > 0);
}

TEST(events_of_all_slices_come_newest_first)
{
    given_shards();
    fake_event(ANN, 5000, 1, "a");
    fake_event(BOB, 5000, 2, "b");
    fake_event(X, 6000, 3, "c");
    fake_event(ANN, 4000, 9, "d");
    fake_event(BOB, 7000, 4, "e");
    ask("{events(tenantId:\"acme\"){nodes{eventType canonicalId} pageInfo{hasNextPage hasPreviousPage}}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"events\":{\"nodes\":["
                       "{\"eventType\":\"e\",\"canonicalId\":\"03030303-0303-0303-0303-030303030303\"},"
                       "{\"eventType\":\"c\",\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"},"
                       "{\"eventType\":\"b\",\"canonicalId\":\"03030303-0303-0303-0303-030303030303\"},"
                       "{\"eventType\":\"a\",\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"},"
                       "{\"eventType\":\"d\",\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"}],"
                       "\"pageInfo\":{\"hasNextPage\":false,\"hasPreviousPage\":false}}}}");
}

TEST(pages_of_events_follow_each_other)
{
    static const char query[] =
        "query($after:String){events(tenantId:\"acme\" first:2 after:$after)"
        "{edges{node{eventId} cursor} pageInfo{hasNextPage hasPreviousPage endCursor}}}";

    given_shards();
    for (uint32_t i = 0; i < 5; i++) {
        fake_event(i % FAKE_PERSON_COUNT, 5000 + i / 2, i, "click");
    }
    ask_page(query, NULL);
    CHECK(strstr(said(), "[{\"node\":{\"eventId\":\"e4\"},") != NULL);
    CHECK(strstr(said(), ",{\"node\":{\"eventId\":\"e3\"},") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true,\"hasPreviousPage\":false") != NULL);
    ask_page(query, end_cursor());
    CHECK(strstr(said(), "[{\"node\":{\"eventId\":\"e2\"},") != NULL);
    CHECK(strstr(said(), ",{\"node\":{\"eventId\":\"e1\"},") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true,\"hasPreviousPage\":true") != NULL);
    ask_page(query, end_cursor());
    CHECK(strstr(said(), "\"edges\":[{\"node\":{\"eventId\":\"e0\"},") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":false,\"hasPreviousPage\":true") != NULL);
    ask_page(query, end_cursor());
    CHECK(strstr(said(), "\"edges\":[]") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":false,\"hasPreviousPage\":true,\"endCursor\":null") != NULL);
}

TEST(a_place_before_everything_has_nothing_before_it)
{
    char text[CURSOR_TEXT_BYTES];

    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_session(10, ANN, 5000, 5000);
    fake.merges[fake.merge_count++] = (struct merge_row){.ordinal = 0};
    cursor_of_event((struct event_place){{9000}, 1}, text);
    ask_page("query($after:String){events(tenantId:\"acme\" after:$after){pageInfo{hasPreviousPage}}}", text);
    CHECK_TEXT(said(), "{\"data\":{\"events\":{\"pageInfo\":{\"hasPreviousPage\":false}}}}");
    cursor_of_session((struct session_place){.start = {9000}}, text);
    ask_page("query($after:String){sessions(tenantId:\"acme\" after:$after){pageInfo{hasPreviousPage}}}",
             text);
    CHECK_TEXT(said(), "{\"data\":{\"sessions\":{\"pageInfo\":{\"hasPreviousPage\":false}}}}");
    cursor_of_merge(7, text);
    ask_page("query($after:String){merges(tenantId:\"acme\" after:$after){pageInfo{hasPreviousPage}}}", text);
    CHECK_TEXT(said(), "{\"data\":{\"merges\":{\"pageInfo\":{\"hasPreviousPage\":false}}}}");
}

TEST(a_person_has_the_events_of_all_who_were_merged_into_them)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_event(BOB, 6000, 2, "click");
    fake_event(X, 7000, 3, "click");
    /* x was merged into ann: its canonical ID is hers. */
    ask("{events(tenantId:\"acme\" filter:{canonicalId:\"02020202-0202-0202-0202-020202020202\"})"
        "{nodes{eventId canonicalId}}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"events\":{\"nodes\":["
                       "{\"eventId\":\"e3\",\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"},"
                       "{\"eventId\":\"e1\",\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"}]}}}");
    CHECK_EQ(fake.kind_counts[QUESTION_EVENTS], 2); /* not in all slices */
    CHECK_EQ(fake.kind_counts[QUESTION_PEOPLE], 0);
}

TEST(a_filter_below_a_profile_may_name_the_same_person_only)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_event(BOB, 6000, 2, "click");
    ask("{profile(tenantId:\"acme\" anonymousId:\"x\"){"
        "a:events(filter:{canonicalId:\"01010101-0101-0101-0101-010101010101\"}){nodes{eventId}} "
        "b:events(filter:{canonicalId:\"03030303-0303-0303-0303-030303030303\"}){nodes{eventId}} "
        "c:events(filter:{late:true}){nodes{eventId}} d:events(filter:{late:false}){nodes{eventId}}}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profile\":{\"a\":{\"nodes\":[{\"eventId\":\"e1\"}]},\"b\":{\"nodes\":[]},"
               "\"c\":{\"nodes\":[]},\"d\":{\"nodes\":[{\"eventId\":\"e1\"}]}}}}");
}

TEST(pages_of_sessions_follow_each_other)
{
    static const char query[] =
        "query($after:String){sessions(tenantId:\"acme\" first:2 after:$after)"
        "{nodes{sessionId} pageInfo{hasNextPage hasPreviousPage endCursor startCursor}}}";

    given_shards();
    fake_session(0x10, ANN, 5000, 6000);
    fake_session(0x12, BOB, 5000, 5500);
    fake_session(0x11, X, 5000, 5100);
    ask_page(query, NULL);
    CHECK(strstr(said(), "\"nodes\":[{\"sessionId\":\"13131313-1313-1313-1313-131313131313\"},"
                         "{\"sessionId\":\"12121212-1212-1212-1212-121212121212\"}]") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true,\"hasPreviousPage\":false") != NULL);
    ask_page(query, end_cursor());
    CHECK(strstr(said(), "\"nodes\":[{\"sessionId\":\"11111111-1111-1111-1111-111111111111\"}]") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":false,\"hasPreviousPage\":true") != NULL);
}

TEST(pages_of_merges_follow_each_other)
{
    static const char query[] = "query($after:String){merges(tenantId:\"acme\" first:2 after:$after)"
                                "{nodes{tenantId loser winner eventTime} edges{cursor node{loser}} "
                                "pageInfo{hasNextPage hasPreviousPage endCursor}}}";

    given_shards();
    for (uint32_t i = 0; i < 3; i++) {
        fake.merges[fake.merge_count++] = (struct merge_row){
            .loser = fake_uuid(1), .winner = fake_uuid(0), .event_time = {i}, .ordinal = 2 - i};
    }
    ask_page(query, NULL);
    CHECK(strstr(said(), "{\"data\":{\"merges\":{\"nodes\":[{\"tenantId\":\"acme\","
                         "\"loser\":\"02020202-0202-0202-0202-020202020202\","
                         "\"winner\":\"01010101-0101-0101-0101-010101010101\","
                         "\"eventTime\":\"1970-01-01T00:00:00.000Z\"},") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true,\"hasPreviousPage\":false") != NULL);
    ask_page(query, end_cursor());
    CHECK(strstr(said(), "1970-01-01T00:00:00.002Z") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":false,\"hasPreviousPage\":true") != NULL);
}

/* One person's events are all in one slice, which answers twice an even share of the page first. */
TEST(a_slice_is_asked_for_more_when_its_part_is_used_up)
{
    char id[16];
    const char *at;

    given_shards();
    for (uint32_t i = 0; i < 60; i++) {
        fake_event(ANN, 5000 + i, i, "a");
    }
    fake_event(BOB, 5000, 100, "b");
    ask("{events(tenantId:\"acme\" first:59){nodes{eventId} pageInfo{hasNextPage}}}", NULL);
    at = said();
    for (uint32_t i = 59; i >= 1; i--) {
        snprintf(id, sizeof(id), "\"e%u\"", (unsigned)i);
        at = strstr(at, id);
        CHECK(at != NULL);
    }
    CHECK(strstr(said(), "\"e0\"") == NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true") != NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_EVENTS], FAKE_SLICES + 1);
    CHECK_EQ(fake.rows_answered, 38 + 1 + 22);

    /* The last of one slice is the last of the page: whether there is a next one is not known before it is asked. */
    ask("{events(tenantId:\"acme\" first:38 filter:{to:\"1970-01-01T00:00:05.043Z\" "
        "from:\"1970-01-01T00:00:05.005Z\"}){nodes{eventId} pageInfo{hasNextPage}}}",
        NULL);
    CHECK(strstr(said(), "\"e42\"") != NULL);
    CHECK(strstr(said(), "\"e5\"") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":false") != NULL);
}

TEST(an_even_page_is_one_round)
{
    given_shards();
    for (uint32_t i = 0; i < 48; i++) {
        fake_event(i % FAKE_PERSON_COUNT, 5000 + i, i, "a");
    }
    ask("{events(tenantId:\"acme\" first:30){nodes{eventId} pageInfo{hasNextPage}}}", NULL);
    CHECK(strstr(said(), "\"e47\"") != NULL);
    CHECK(strstr(said(), "\"e18\"") != NULL);
    CHECK(strstr(said(), "\"e17\"") == NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_EVENTS], FAKE_SLICES);
}

TEST(sessions_of_one_slice_follow_each_other_through_its_parts)
{
    given_shards();
    for (uint32_t i = 0; i < 60; i++) {
        fake_session(i, ANN, 5000 + i / 2, 6000);
    }
    ask("{sessions(tenantId:\"acme\" first:59){nodes{sessionId} pageInfo{hasNextPage}}}", NULL);
    CHECK(strstr(said(), "[{\"sessionId\":\"3c3c3c3c-3c3c-3c3c-3c3c-3c3c3c3c3c3c\"},"
                         "{\"sessionId\":\"3b3b3b3b-") != NULL);
    CHECK(strstr(said(), "{\"sessionId\":\"02020202-0202-0202-0202-020202020202\"}]") != NULL);
    CHECK(strstr(said(), "\"hasNextPage\":true") != NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_SESSIONS], FAKE_SLICES + 1);
}

TEST(a_page_that_is_more_than_an_answer_may_be_is_given_up)
{
    given_shards();
    for (uint32_t i = 0; i < 60; i++) {
        fake_event(ANN, 5000 + i, i, "a");
    }
    fake.answer_bytes = ARENA_BYTES_MAX + 1;
    ask("{events(tenantId:\"acme\" first:59){nodes{eventId}}}", NULL);
    CHECK(said_error("TOO_LARGE", "[\"events\"]"));
    CHECK_EQ(fake.kind_counts[QUESTION_EVENTS], FAKE_SLICES);
}

TEST(a_second_part_may_fail_too)
{
    given_shards();
    for (uint32_t i = 0; i < 60; i++) {
        fake_event(ANN, 5000 + i, i, "a");
    }
    start("{events(tenantId:\"acme\" first:59){nodes{eventId}}}", NULL);
    (void)fake_round();
    (void)fake_round();
    fake.fault_kind = QUESTION_EVENTS;
    fake.fault = -ENOMEM;
    fake.fault_count = 1;
    while (fake_round()) {
    }
    CHECK(said_error("UNAVAILABLE", "[\"events\"]"));
}
