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
