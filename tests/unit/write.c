/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write.h"

#include "tests/unit/fake_shards.h"

static const struct text_count counts[] = {{{"b", 1}, 5}, {{"a", 1}, 4}, {{"c", 1}, 4}};

TEST(an_absent_text_is_null_and_absent_properties_are_an_object)
{
    given_shards();
    fake_event(ANN, 1767225600123, 1, "click");
    ask("{event(tenantId:\"acme\" eventId:\"e1\"){tenantId eventId eventType eventTime receivedAt "
        "anonymousId userId "
        "clientSessionId pageUrl referrer elementId featureName deviceType browser os country properties "
        "late}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"event\":{\"tenantId\":\"acme\",\"eventId\":\"e1\",\"eventType\":\"click\","
               "\"eventTime\":\"2026-01-01T00:00:00.123Z\",\"receivedAt\":\"2026-01-01T00:00:00.124Z\","
               "\"anonymousId\":null,\"userId\":null,\"clientSessionId\":null,\"pageUrl\":null,"
               "\"referrer\":null,\"elementId\":null,\"featureName\":null,\"deviceType\":null,"
               "\"browser\":null,\"os\":null,\"country\":null,\"properties\":{},\"late\":false}}}");
}

TEST(properties_are_as_they_were_sent)
{
    given_shards();
    fake_event_with(ANN, 0, 1, "click", "e1", "{ \"a\" : 1.50, \"\\u0041\":[ ] }");
    ask("{event(tenantId:\"acme\" eventId:\"e1\"){p:properties properties}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"event\":{\"p\":{ \"a\" : 1.50, \"\\u0041\":[ ] },"
                       "\"properties\":{ \"a\" : 1.50, \"\\u0041\":[ ] }}}}");
}

TEST(fields_come_in_the_order_and_by_the_names_of_the_query)
{
    given_shards();
    fake_event(BOB, 0, 1, "click");
    ask("{b:events(tenantId:\"acme\"){pageInfo{__typename b:hasNextPage} __typename edges{__typename "
        "x:node{t:eventType "
        "__typename i:eventId}} n:nodes{late}} __typename a:tenants{__typename}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"b\":{\"pageInfo\":{\"__typename\":\"PageInfo\",\"b\":false},"
               "\"__typename\":\"EventConnection\",\"edges\":[{\"__typename\":\"EventEdge\","
               "\"x\":{\"t\":\"click\",\"__typename\":\"Event\",\"i\":\"e1\"}}],\"n\":[{\"late\":false}]},"
               "\"__typename\":\"Query\",\"a\":[{\"__typename\":\"Tenant\"},{\"__typename\":\"Tenant\"},"
               "{\"__typename\":\"Tenant\"}]}}");
}

TEST(a_session_is_written_whole)
{
    static const struct text pages[] = {{"/a", 2}, {"/b", 2}};
    struct session_row *session;

    given_shards();
    session = fake_session(10, BOB, 1000, 2500);
    session->is_open = true;
    session->revision = 3;
    session->event_count = 4;
    session->pages = pages;
    session->page_count = 2;
    session->entry_page = TEXT("/a");
    session->event_types = counts;
    session->event_type_count = 2;
    session->os = TEXT("\"os\"");
    ask("{sessions(tenantId:\"acme\"){nodes{__typename sessionId revision tenantId canonicalId open "
        "startTime endTime "
        "durationSec eventCount pages entryPage exitPage eventTypes{key count __typename} deviceType browser "
        "os "
        "country}}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"sessions\":{\"nodes\":[{\"__typename\":\"Session\","
               "\"sessionId\":\"0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b\",\"revision\":3,\"tenantId\":\"acme\","
               "\"canonicalId\":\"03030303-0303-0303-0303-030303030303\",\"open\":true,"
               "\"startTime\":\"1970-01-01T00:00:01.000Z\",\"endTime\":\"1970-01-01T00:00:02.500Z\","
               "\"durationSec\":1.5,\"eventCount\":4,\"pages\":[\"/a\",\"/b\"],\"entryPage\":\"/a\","
               "\"exitPage\":null,\"eventTypes\":[{\"key\":\"b\",\"count\":5,\"__typename\":\"Count\"},"
               "{\"key\":\"a\",\"count\":4,\"__typename\":\"Count\"}],\"deviceType\":null,\"browser\":null,"
               "\"os\":\"\\\"os\\\"\",\"country\":null}]}}}");
}

TEST(a_profile_is_written_whole)
{
    static const struct trait_row traits[] = {{{"a\"b", 3}, {"[1, 2]", 6}}, {{"c", 1}, {"1e5", 3}}};

    given_shards();
    fake.profile = (struct profile_answer){
        .is_known = true,
        .first_seen = {1000},
        .last_seen = {2000},
        .total_events = 7,
        .total_sessions = 3,
        .closed_sessions = 2,
        .closed_duration_ms = 5000,
        .event_counts = counts,
        .event_count_count = 3,
        .page_views = 1,
        .clicks = 2,
        .signups = 3,
        .logins = 4,
        .feature_uses = 5,
        .top_pages = counts,
        .top_page_count = 3,
        .top_features = counts,
        .top_feature_count = 1,
        .last_page = TEXT("/"),
        .traits = traits,
        .trait_count = 2,
    };
    ask("{profile(tenantId:\"acme\" userId:\"ann\" asOf:\"1970-01-01T00:00:00Z\"){firstSeen lastSeen "
        "totalEvents "
        "totalSessions avgSessionDurationSec eventCounts{count} pageViews clicks signups logins featureUses "
        "topPages(first:2){key} topFeatures{key} lastPage lastCountry lastDevice lastBrowser lastOs traits}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profile\":{\"firstSeen\":\"1970-01-01T00:00:01.000Z\","
               "\"lastSeen\":\"1970-01-01T00:00:02.000Z\",\"totalEvents\":7,\"totalSessions\":3,"
               "\"avgSessionDurationSec\":2.5,\"eventCounts\":[{\"count\":5},{\"count\":4},{\"count\":4}],"
               "\"pageViews\":1,\"clicks\":2,\"signups\":3,\"logins\":4,\"featureUses\":5,"
               "\"topPages\":[{\"key\":\"b\"},{\"key\":\"a\"}],\"topFeatures\":[{\"key\":\"b\"}],"
               "\"lastPage\":\"/\",\"lastCountry\":null,\"lastDevice\":null,\"lastBrowser\":null,"
               "\"lastOs\":null,\"traits\":{\"a\\\"b\":[1, 2],\"c\":1e5}}}}");
}

TEST(a_window_that_is_not_kept_is_null_with_an_error)
{
    given_shards();
    fake.hours[0] = (struct bucket){.index = 240, .events = 3, .sessions = 2};
    fake.days[0] = (struct bucket){.index = 10, .events = 4, .sessions = 1};
    fake.profile.hours = fake.hours;
    fake.profile.hour_count = 1;
    fake.profile.days = fake.days;
    fake.profile.day_count = 1;
    ask("{profile(tenantId:\"acme\" userId:\"ann\"){events1d events7d events30d events90d sessions1d "
        "sessions7d "
        "sessions30d sessions90d}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profile\":{\"events1d\":3,\"events7d\":4,\"events30d\":4,\"events90d\":4,"
               "\"sessions1d\":2,\"sessions7d\":1,\"sessions30d\":1,\"sessions90d\":1}}}");
    ask("{p:profile(tenantId:\"acme\" userId:\"ann\" asOf:\"1970-01-05T00:00:00Z\"){a:events1d "
        "b:sessions7d}}",
        NULL);
    CHECK(said_begins("{\"data\":{\"p\":{\"a\":null,\"b\":0}},\"errors\":[{"));
    CHECK(said_error("AS_OF_TOO_EARLY", "[\"p\",\"a\"]"));
    CHECK(!said_error("AS_OF_TOO_EARLY", "[\"p\",\"b\"]"));
}
