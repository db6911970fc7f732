/* SPDX-License-Identifier: Apache-2.0 */
#include "query/load_object.h"

#include "tests/unit/fake_shards.h"

TEST(a_profile_needs_exactly_one_name)
{
    given_shards();
    ask("{profile(tenantId:\"acme\"){userId}}", NULL);
    CHECK(said_begins("{\"data\":{\"profile\":null},"));
    CHECK(said_error("BAD_USER_INPUT", "[\"profile\"]"));
    ask("{profile(tenantId:\"acme\" userId:\"ann\" anonymousId:\"x\"){userId}}", NULL);
    CHECK(said_error("BAD_USER_INPUT", "[\"profile\"]"));
    ask("{profile(tenantId:\"acme\" userId:\"ann\" anonymousId:null){userId}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profile\":{\"userId\":\"ann\"}}}");
}

TEST(who_is_unknown_is_null)
{
    given_shards();
    ask("{a:profile(tenantId:\"acme\" userId:\"nobody\"){userId events{nodes{eventId}}} "
        "b:profile(tenantId:\"nowhere\" userId:\"ann\"){userId} c:profile(tenantId:\"acme\" "
        "id:\"\"){totalEvents} "
        "d:tenant(id:\"nowhere\"){id} e:event(tenantId:\"acme\" eventId:\"?\"){eventId} "
        "f:event(tenantId:\"nowhere\" eventId:\"?\"){eventId}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null}}");
}

TEST(an_identity_asks_no_slice)
{
    given_shards();
    ask("{profile(tenantId:\"acme\" id:\"02020202-0202-0202-0202-020202020202\"){__typename tenantId "
        "canonicalId "
        "userId userIds anonymousIds mergedIds}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profile\":{\"__typename\":\"Profile\",\"tenantId\":\"acme\","
                       "\"canonicalId\":\"01010101-0101-0101-0101-010101010101\",\"userId\":\"ann\","
                       "\"userIds\":[\"ann\",\"zoe\"],\"anonymousIds\":[\"x\"],"
                       "\"mergedIds\":[\"02020202-0202-0202-0202-020202020202\"]}}}");
    CHECK_EQ(fake.kind_counts[QUESTION_PROFILE], 0);
    CHECK_EQ(fake.round_count, 1);
}

TEST(tenants_come_by_size_then_by_name)
{
    given_shards();
    ask("{tenants{id totalEvents activeSessions watermark}}", NULL);
    /* Each slice has as many open sessions as its number. */
    CHECK_TEXT(said(), "{\"data\":{\"tenants\":["
                       "{\"id\":\"acme\",\"totalEvents\":9,\"activeSessions\":6,"
                       "\"watermark\":\"1970-01-01T00:00:05.000Z\"},"
                       "{\"id\":\"a\",\"totalEvents\":5,\"activeSessions\":6,\"watermark\":null},"
                       "{\"id\":\"b\",\"totalEvents\":5,\"activeSessions\":6,\"watermark\":null}]}}");
    ask("{tenants{id}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"tenants\":[{\"id\":\"acme\"},{\"id\":\"a\"},{\"id\":\"b\"}]}}");
    CHECK_EQ(fake.kind_counts[QUESTION_OPEN_SESSIONS], 3 * FAKE_SLICES);
}

TEST(a_tenant_has_its_open_sessions_of_all_slices)
{
    given_shards();
    ask("{tenant(id:\"acme\"){id totalEvents totalProfiles activeSessions watermark}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"tenant\":{\"id\":\"acme\",\"totalEvents\":0,\"totalProfiles\":2,"
                       "\"activeSessions\":6,\"watermark\":\"1970-01-01T00:00:05.000Z\"}}}");
}

TEST(of_two_events_of_one_id_the_later_one_counts)
{
    given_shards();
    fake_event_with(BOB, 9000, 5, "early", "same", NULL);
    fake_event_with(X, 8000, 6, "late", "same", NULL);
    ask("{event(tenantId:\"acme\" eventId:\"same\"){eventType canonicalId}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"event\":{\"eventType\":\"late\","
                       "\"canonicalId\":\"01010101-0101-0101-0101-010101010101\"}}}");
}

TEST(an_event_that_is_in_no_session_has_none)
{
    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake.events[0].row.is_in_session = false;
    fake_session(10, ANN, 4000, 6000);
    ask("{event(tenantId:\"acme\" eventId:\"e1\"){session{sessionId}} "
        "events(tenantId:\"acme\"){nodes{session{open}}}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"event\":{\"session\":null},\"events\":{\"nodes\":[{\"session\":null}]}}}");
    CHECK_EQ(fake.kind_counts[QUESTION_EVENT_SESSION], 0);
}

TEST(of_two_sessions_over_an_event_it_is_in_the_one_that_ended_first)
{
    given_shards();
    fake_event(X, 5000, 1, "click");
    fake_session(10, X, 4000, 6000);
    fake_session(11, ANN, 3000, 9000)->sources = (const uint32_t[]){X};
    ask("{event(tenantId:\"acme\" eventId:\"e1\"){session{sessionId}}}", NULL);
    CHECK_TEXT(
        said(),
        "{\"data\":{\"event\":{\"session\":{\"sessionId\":\"0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b\"}}}}");
}

TEST(events_between_two_of_one_session_are_not_asked_for)
{
    given_shards();
    for (uint32_t i = 0; i < 10; i++) {
        fake_event(BOB, 5000 + i, i, "click");
        fake_event(ANN, 5000 + i, 20 + i, "click");
    }
    fake_session(10, BOB, 5000, 5009);
    fake_session(11, ANN, 5000, 5002);
    fake_session(12, ANN, 5003, 5009);
    ask("{events(tenantId:\"acme\"){nodes{eventId session{sessionId}}}}", NULL);
    /* Two of bob; all ten of ann, in each of her two slices. */
    CHECK_EQ(fake.kind_counts[QUESTION_EVENT_SESSION], 2 + 2 * 10);
    CHECK(strstr(said(), "\"eventId\":\"e5\",\"session\":{\"sessionId\":\"0b0b0b0b-") != NULL);
    CHECK(strstr(said(), "\"eventId\":\"e22\",\"session\":{\"sessionId\":\"0c0c0c0c-") != NULL);
    CHECK(strstr(said(), "\"eventId\":\"e23\",\"session\":{\"sessionId\":\"0d0d0d0d-") != NULL);
    CHECK(strstr(said(), "null") == NULL);
}

TEST(events_far_from_each_other_are_asked_one_by_one)
{
    given_shards();
    fake_event(BOB, 0, 1, "click");
    fake_event(BOB, 31 * FAKE_MINUTE, 2, "click");
    fake_event(BOB, 62 * FAKE_MINUTE, 3, "click");
    fake_session(10, BOB, 0, 62 * FAKE_MINUTE);
    ask("{events(tenantId:\"acme\"){nodes{session{sessionId}}}}", NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_EVENT_SESSION], 3);
}

TEST(the_current_session_has_its_events_and_its_person)
{
    static struct session_row session;

    given_shards();
    fake_event(X, 5000, 1, "click");
    session = *fake_session(10, X, 5000, 5000);
    fake.profile.current_session = &session;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){currentSession{canonicalId events{nodes{eventId}}}}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profile\":{\"currentSession\":{"
                       "\"canonicalId\":\"01010101-0101-0101-0101-010101010101\","
                       "\"events\":{\"nodes\":[{\"eventId\":\"e1\"}]}}}}}");
    fake.profile.current_session = NULL;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){currentSession{canonicalId}}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profile\":{\"currentSession\":null}}}");
}
