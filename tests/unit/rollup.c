/* SPDX-License-Identifier: Apache-2.0 */
#include "query/rollup.h"

#include <errno.h>

#include "tests/unit/fake_shards.h"

static const uint32_t ann[] = {ANN};
static const uint32_t x_bob[] = {X, BOB};

#define RANGE "from:\"1970-01-01T01:10:00Z\" to:\"1970-01-01T02:20:00Z\""

TEST(too_many_points_are_refused)
{
    given_shards();
    ask("{timeSeries(tenantId:\"acme\" metric:EVENTS interval:MINUTE from:\"2026-01-01T00:00:00Z\" "
        "to:\"2026-01-02T00:00:01Z\"){value}}",
        NULL);
    CHECK(said_begins("{\"data\":null,"));
    CHECK(said_error("RANGE_TOO_LONG", "[\"timeSeries\"]"));
    ask("{timeSeries(tenantId:\"nobody\" metric:EVENTS interval:HOUR from:\"0000-01-01T00:00:00Z\" "
        "to:\"9999-01-02T00:00:01Z\"){value}}",
        NULL);
    CHECK(said_error("RANGE_TOO_LONG", "[\"timeSeries\"]"));
    ask("{timeSeries(tenantId:\"acme\" metric:EVENTS interval:MINUTE from:\"2026-01-01T00:00:00Z\" "
        "to:\"2026-01-02T00:00:00Z\"){value}}",
        NULL);
    CHECK(strstr(said(), "errors") == NULL);
}

TEST(an_empty_range_has_nothing)
{
    given_shards();
    fake_cube(0, (struct cube_row){.code = 2, .events = 5});
    ask("{timeSeries(tenantId:\"acme\" metric:EVENTS interval:DAY from:\"2026-01-01T00:00:01Z\" "
        "to:\"2026-01-01T00:00:01Z\"){value} breakdown(tenantId:\"acme\" metric:EVENTS by:OS "
        "from:\"2026-01-02T00:00:00Z\" to:\"2026-01-01T00:00:00Z\"){key} summary(tenantId:\"acme\" "
        "from:\"2026-01-02T00:00:00Z\" to:\"2026-01-01T00:00:00Z\"){users sessions events avgDurationSec "
        "eventsPerSession}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"timeSeries\":[],\"breakdown\":[],\"summary\":{\"users\":0,\"sessions\":0,"
               "\"events\":0,\"avgDurationSec\":0,\"eventsPerSession\":0}}}");
    CHECK_EQ(fake.kind_counts[QUESTION_CUBE], 0);
}

TEST(a_tenant_without_events_has_zeros)
{
    given_shards();
    ask("{timeSeries(tenantId:\"nobody\" metric:USERS interval:HOUR " RANGE "){time value} "
        "breakdown(tenantId:\"nobody\" metric:USERS by:OS " RANGE "){key} summary(tenantId:\"nobody\" " RANGE
        "){users}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeries\":[{\"time\":\"1970-01-01T01:00:00.000Z\",\"value\":0},"
                       "{\"time\":\"1970-01-01T02:00:00.000Z\",\"value\":0}],\"breakdown\":[],"
                       "\"summary\":{\"users\":0}}}");
}

TEST(a_summary_adds_all_slices_and_counts_merged_people_once)
{
    given_shards();
    fake_cube(
        0,
        (struct cube_row){
            .events = 5, .sessions = 3, .closed_sessions = 2, .closed_duration_ms = 1500, .users = {ann, 1}});
    fake_cube(
        3,
        (struct cube_row){
            .events = 2, .sessions = 1, .closed_sessions = 1, .closed_duration_ms = 0, .users = {x_bob, 2}});
    ask("{summary(tenantId:\"acme\" " RANGE
        "){__typename users sessions events avgDurationSec eventsPerSession}}",
        NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"summary\":{\"__typename\":\"Summary\",\"users\":2,\"sessions\":4,\"events\":7,"
               "\"avgDurationSec\":0.5,\"eventsPerSession\":1.75}}}");
    CHECK_EQ(fake.cube_scan.from.ms, MS_PER_HOUR);
    CHECK_EQ(fake.cube_scan.to.ms, 3 * MS_PER_HOUR);
    CHECK_EQ(fake.cube_scan.bucket_ms, 0);
}

TEST(what_nobody_wants_is_not_asked_for)
{
    given_shards();
    ask("{summary(tenantId:\"acme\" " RANGE "){events}}", NULL);
    CHECK(!fake.cube_scan.wants_users);
    CHECK(!fake.cube_scan.wants_sessions);
    CHECK_EQ(fake.kind_counts[QUESTION_USERS], 0);
}

TEST(a_series_has_a_point_for_every_interval)
{
    given_shards();
    fake_cube(0, (struct cube_row){.bucket = 1, .events = 5, .users = {ann, 1}});
    fake_cube(1, (struct cube_row){.bucket = 1, .events = 1, .users = {x_bob, 2}});
    fake_cube(1, (struct cube_row){.bucket = 3, .events = 7, .users = {x_bob, 1}});
    ask("{e:timeSeries(tenantId:\"acme\" metric:EVENTS interval:MINUTE from:\"2026-01-01T00:00:59Z\" "
        "to:\"2026-01-01T00:03:01Z\"){value} u:timeSeries(tenantId:\"acme\" metric:USERS interval:MINUTE "
        "from:\"2026-01-01T00:00:59Z\" to:\"2026-01-01T00:03:01Z\"){t:time value}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"e\":[{\"value\":0},{\"value\":6},{\"value\":0},{\"value\":7}],\"u\":["
                       "{\"t\":\"2026-01-01T00:00:00.000Z\",\"value\":0},"
                       "{\"t\":\"2026-01-01T00:01:00.000Z\",\"value\":2},"
                       "{\"t\":\"2026-01-01T00:02:00.000Z\",\"value\":0},"
                       "{\"t\":\"2026-01-01T00:03:00.000Z\",\"value\":1}]}}");
    CHECK_EQ(fake.cube_scan.bucket_ms, 60000);
}

TEST(groups_come_by_value_then_by_key)
{
    given_shards();
    fake_cube(0, (struct cube_row){.code = 2, .events = 3});
    fake_cube(0, (struct cube_row){.code = CODE_NONE, .events = 4});
    fake_cube(1, (struct cube_row){.code = 2, .events = 2});
    fake_cube(1, (struct cube_row){.code = 7, .events = 5}); /* ccc */
    fake_cube(2, (struct cube_row){.code = 5, .events = 5}); /* aaa */
    fake_cube(2, (struct cube_row){.code = 3, .events = 0, .sessions = 9});
    fake_cube(2, (struct cube_row){.code = CODE_OTHER, .events = 1});
    ask("{breakdown(tenantId:\"acme\" metric:EVENTS by:COUNTRY " RANGE "){key value}}", NULL);
    CHECK_TEXT(said(),
               "{\"data\":{\"breakdown\":[{\"key\":\"aaa\",\"value\":5},{\"key\":\"ccc\",\"value\":5},"
               "{\"key\":\"one\",\"value\":5},{\"key\":\"(none)\",\"value\":4},"
               "{\"key\":\"(other)\",\"value\":1}]}}");
    CHECK_EQ(fake.cube_scan.dimension, DIMENSION_COUNTRY);
    /* All three that tie for the first place have their texts compared. */
    ask("{breakdown(tenantId:\"acme\" metric:EVENTS by:COUNTRY " RANGE " first:1){key value}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"breakdown\":[{\"key\":\"aaa\",\"value\":5}]}}");
}

TEST(groups_of_users_and_means)
{
    given_shards();
    fake_cube(0, (struct cube_row){.code = 2, .events = 1, .sessions = 1, .users = {ann, 1}});
    fake_cube(1, (struct cube_row){.code = 2,
                                   .events = 1,
                                   .sessions = 3,
                                   .closed_sessions = 2,
                                   .closed_duration_ms = 3001,
                                   .users = {x_bob, 1}});
    fake_cube(1, (struct cube_row){.code = 3, .events = 9, .sessions = 2, .users = {x_bob, 2}});
    ask("{u:breakdown(tenantId:\"acme\" metric:USERS by:OS " RANGE "){key value} "
        "m:breakdown(tenantId:\"acme\" metric:AVG_SESSION_DURATION_SEC by:OS " RANGE "){key value} "
        "s:breakdown(tenantId:\"acme\" metric:SESSIONS by:OS " RANGE "){key value}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"u\":[{\"key\":\"two\",\"value\":2},{\"key\":\"one\",\"value\":1}],"
                       "\"m\":[{\"key\":\"one\",\"value\":1.5005}],"
                       "\"s\":[{\"key\":\"one\",\"value\":4},{\"key\":\"two\",\"value\":2}]}}");
}

TEST(where_becomes_codes)
{
    given_shards();
    fake_cube(0, (struct cube_row){.events = 5});
    ask("{timeSeries(tenantId:\"acme\" metric:EVENTS interval:DAY " RANGE
        " where:[{by:OS equals:\"one\"} {by:OS equals:\"never seen\"} {by:COUNTRY equals:null} {by:OS "
        "equals:\"two\"}])"
        "{value}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeries\":[{\"value\":5}]}}");
    CHECK_EQ(fake.cube_scan.filter_count, 3);
}

TEST(a_value_that_was_never_seen_matches_nothing)
{
    given_shards();
    fake_cube(0, (struct cube_row){.code = 2, .events = 5});
    ask("{timeSeries(tenantId:\"acme\" metric:EVENTS interval:DAY " RANGE
        " where:[{by:OS equals:\"one\"} {by:BROWSER equals:\"never seen\"}]){value} "
        "breakdown(tenantId:\"acme\" metric:EVENTS by:OS " RANGE " where:{by:OS equals:\"never\"}){key}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeries\":[{\"value\":0}],\"breakdown\":[]}}");
    CHECK_EQ(fake.kind_counts[QUESTION_CUBE], 0);
    CHECK_EQ(fake.kind_counts[QUESTION_STAMP], 1);
}

TEST(a_slice_that_cannot_answer_is_an_error)
{
    given_shards();
    fake.fault_kind = QUESTION_CUBE;
    fake.fault = -E2BIG;
    fake.fault_count = 1;
    ask("{summary(tenantId:\"acme\" " RANGE "){events}}", NULL);
    CHECK(said_begins("{\"data\":null,"));
    CHECK(said_error("TOO_LARGE", "[\"summary\"]"));
}
