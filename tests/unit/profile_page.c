/* SPDX-License-Identifier: Apache-2.0 */
#include "query/profile_page.h"

#include "query/execute.h"
#include "tests/unit/fake_shards.h"

#include <errno.h>

#define ANN_ID "01010101-0101-0101-0101-010101010101"
#define BOB_ID "03030303-0303-0303-0303-030303030303"

static void
ask_page(const char *query, const char *after)
{
    char variables[128];

    snprintf(variables, sizeof(variables), "{\"after\":\"%s\"}", after);
    ask(query, variables);
}

static struct profile_place
place_of(uint32_t person, int64_t value)
{
    return (struct profile_place){.value = value, .canonical = fake_uuid(person)};
}

/* Refusals. */

TEST(cursors_of_other_lists_and_orders_are_refused)
{
    static const char query[] = "query($after:String){profiles(tenantId:\"acme\" after:$after "
                                "orderBy:TOTAL_EVENTS_DESC){nodes{canonicalId}}}";
    char cursor[CURSOR_TEXT_BYTES];

    given_shards();
    ask_page(query, "");
    CHECK(said_error("INVALID_CURSOR", "[\"profiles\"]"));
    ask_page(query, "bm9uc2Vuc2U");
    CHECK(said_error("INVALID_CURSOR", "[\"profiles\"]"));
    cursor_of_session((struct session_place){.start = {5}}, cursor);
    ask_page(query, cursor);
    CHECK(said_error("INVALID_CURSOR", "[\"profiles\"]"));
    cursor_of_profile(place_of(ANN, 5), PROFILE_ORDER_LAST_SEEN, cursor);
    ask_page(query, cursor);
    CHECK(said_error("INVALID_CURSOR", "[\"profiles\"]"));
    cursor_of_profile(place_of(ANN, 5), PROFILE_ORDER_TOTAL_EVENTS, cursor);
    ask_page(query, cursor);
    CHECK_TEXT(said(), "{\"data\":{\"profiles\":{\"nodes\":[]}}}");
}

TEST(a_row_that_is_merged_away_begins_the_query_again_and_at_last_is_an_error)
{
    given_shards();
    fake_place(X, 5); /* its slice still lists it; the sequencer knows that it is ann */
    ask("{profiles(tenantId:\"acme\"){nodes{canonicalId}}}", NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_PROFILES], EXECUTE_STARTS_MAX * FAKE_SLICES);
    CHECK(said_begins("{\"data\":null,\"errors\":["));
    CHECK(said_error("UNAVAILABLE", "[\"profiles\",\"nodes\",0]"));
    ask("{profiles(tenantId:\"acme\"){edges{who:node{canonicalId}}}}", NULL);
    CHECK(said_error("UNAVAILABLE", "[\"profiles\",\"edges\",0,\"who\"]"));
}

TEST(a_slice_whose_people_were_moving_is_asked_again)
{
    given_shards();
    fake_place(ANN, 5);
    fake.fault_kind = QUESTION_PROFILES;
    fake.fault = -ESTALE;
    fake.fault_count = 2;
    ask("{profiles(tenantId:\"acme\"){nodes{canonicalId}}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"profiles\":{\"nodes\":[{\"canonicalId\":\"" ANN_ID "\"}]}}}");
}

/* Pages. */

TEST(nobody_is_an_empty_page)
{
    static const char empty[] =
        "{\"data\":{\"profiles\":{\"nodes\":[],\"edges\":[],\"totalCount\":0,\"pageInfo\":{"
        "\"hasNextPage\":false,\"hasPreviousPage\":false,\"startCursor\":null,"
        "\"endCursor\":null}}}}";

    given_shards();
    ask("{profiles(tenantId:\"nobody\"){nodes{canonicalId} edges{cursor} totalCount pageInfo{hasNextPage "
        "hasPreviousPage startCursor endCursor}}}",
        NULL);
    CHECK_TEXT(said(), empty);
    ask("{profiles(tenantId:\"acme\"){nodes{canonicalId} edges{cursor} totalCount pageInfo{hasNextPage "
        "hasPreviousPage startCursor endCursor}}}",
        NULL);
    CHECK_TEXT(said(), empty);
}

TEST(places_of_all_slices_are_merged_and_their_rows_loaded)
{
    char cursor[CURSOR_TEXT_BYTES];
    char wanted[1024];

    given_shards();
    fake_place(ANN, 5);
    fake_place(BOB, 5); /* of equals the greater canonical is first */
    fake.profile.total_events = 7;
    ask("{profiles(tenantId:\"acme\" orderBy:FIRST_SEEN_DESC){edges{cursor node{userId totalEvents}} "
        "nodes{canonicalId "
        "anonymousIds __typename} totalCount}}",
        NULL);
    cursor_of_profile(place_of(BOB, 5), PROFILE_ORDER_FIRST_SEEN, cursor);
    snprintf(wanted, sizeof(wanted),
             "{\"data\":{\"profiles\":{\"edges\":[{\"cursor\":\"%s\",\"node\":{\"userId\":\"bob\","
             "\"totalEvents\":7}},",
             cursor);
    CHECK(said_begins(wanted));
    cursor_of_profile(place_of(ANN, 5), PROFILE_ORDER_FIRST_SEEN, cursor);
    snprintf(wanted, sizeof(wanted),
             "{\"cursor\":\"%s\",\"node\":{\"userId\":\"ann\",\"totalEvents\":7}}],\"nodes\":[{"
             "\"canonicalId\":\"" BOB_ID
             "\",\"anonymousIds\":[],\"__typename\":\"Profile\"},{\"canonicalId\":\"" ANN_ID
             "\",\"anonymousIds\":[\"x\"],\"__typename\":\"Profile\"}],\"totalCount\":2}}}",
             cursor);
    CHECK(strstr(said(), wanted) != NULL);
    CHECK_EQ(fake.profile_scan.order, PROFILE_ORDER_FIRST_SEEN);
    CHECK_EQ(fake.profile_scan.count_max, 26);
}

TEST(pages_follow_each_other)
{
    static const char query[] = "query($after:String){profiles(tenantId:\"acme\" first:1 after:$after)"
                                "{nodes{userId} totalCount pageInfo{hasNextPage hasPreviousPage}}}";
    char cursor[CURSOR_TEXT_BYTES];

    given_shards();
    fake_place(ANN, 9);
    fake_place(BOB, -4);
    ask("{profiles(tenantId:\"acme\" first:1){nodes{userId} totalCount pageInfo{hasNextPage "
        "hasPreviousPage}}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"profiles\":{\"nodes\":[{\"userId\":\"ann\"}],\"totalCount\":2,\"pageInfo\":{"
               "\"hasNextPage\":true,\"hasPreviousPage\":false}}}}");
    cursor_of_profile(place_of(ANN, 9), PROFILE_ORDER_LAST_SEEN, cursor);
    ask_page(query, cursor);
    CHECK_TEXT(said(),
               "{\"data\":{\"profiles\":{\"nodes\":[{\"userId\":\"bob\"}],\"totalCount\":2,\"pageInfo\":{"
               "\"hasNextPage\":false,\"hasPreviousPage\":true}}}}");
    cursor_of_profile(place_of(BOB, -4), PROFILE_ORDER_LAST_SEEN, cursor);
    ask_page(query, cursor);
    CHECK_TEXT(said(), "{\"data\":{\"profiles\":{\"nodes\":[],\"totalCount\":2,\"pageInfo\":{"
                       "\"hasNextPage\":false,\"hasPreviousPage\":true}}}}");
}

TEST(filters_are_asked_of_the_slices)
{
    given_shards();
    ask("{profiles(tenantId:\"acme\" filter:{country:\"NO\" deviceType:\"tv\" "
        "seenFrom:\"1970-01-01T00:00:01Z\" "
        "seenTo:\"1970-01-01T00:00:02Z\" identified:false}){totalCount}}",
        NULL);
    CHECK_TEXT(fake.profile_scan.country, "NO");
    CHECK_TEXT(fake.profile_scan.device_type, "tv");
    CHECK_EQ(fake.profile_scan.seen_from.ms, 1000);
    CHECK_EQ(fake.profile_scan.seen_to.ms, 2000);
    CHECK_EQ(fake.profile_scan.identified, TRI_NO);
    ask("{profiles(tenantId:\"acme\" filter:{country:null identified:null} orderBy:null){totalCount}}", NULL);
    CHECK_EQ(fake.profile_scan.country.bytes, 0);
    CHECK_EQ(fake.profile_scan.identified, TRI_ANY);
    CHECK_EQ(fake.profile_scan.seen_from.ms, INT64_MIN);
    CHECK_EQ(fake.profile_scan.order, PROFILE_ORDER_LAST_SEEN);
}

TEST(a_row_has_lists_and_errors_of_its_own)
{
    given_shards();
    fake_place(BOB, 9);
    fake_event(BOB, 5000, 1, "click");
    fake_event(ANN, 5000, 2, "click");
    fake_session(10, BOB, 5000, 6000);
    fake.profile.last_seen.ms = 200 * MS_PER_DAY; /* now is day 10 */
    ask("{profiles(tenantId:\"acme\"){nodes{events7d currentSession{open} events{nodes{eventId}} "
        "sessions{nodes{durationSec}}}}}",
        NULL);
    CHECK(said_begins(
        "{\"data\":{\"profiles\":{\"nodes\":[{\"events7d\":null,\"currentSession\":null,\"events\":{"
        "\"nodes\":[{\"eventId\":\"e1\"}]},\"sessions\":{\"nodes\":[{\"durationSec\":1}]}}]}},"));
    CHECK(said_error("AS_OF_TOO_EARLY", "[\"profiles\",\"nodes\",0,\"events7d\"]"));
    ask("{profiles(tenantId:\"acme\"){edges{node{events7d}}}}", NULL);
    CHECK(said_error("AS_OF_TOO_EARLY", "[\"profiles\",\"edges\",0,\"node\",\"events7d\"]"));
}
