/* SPDX-License-Identifier: Apache-2.0 */
#include "query/series.h"

#include <errno.h>

#include "tests/unit/fake_shards.h"

static const uint32_t ann[] = {ANN};
static const uint32_t x[] = {X};
static const uint32_t x_bob[] = {X, BOB};

/* Two hours. */
#define RANGE "from:\"1970-01-01T01:10:00Z\" to:\"1970-01-01T02:20:00Z\""
#define POINTS(a, b) "\"points\":[{\"value\":" #a "},{\"value\":" #b "}]"

static void
ask_series(const char *arguments)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{s:timeSeriesBy(tenantId:\"acme\" by:OS interval:HOUR " RANGE " %s){key points{value}}}",
             arguments);
    ask(text, NULL);
}

TEST(too_long_ranges_and_too_many_cells_are_refused)
{
    given_shards();
    ask("{timeSeriesBy(tenantId:\"acme\" metric:EVENTS by:OS interval:MINUTE from:\"2026-01-01T00:00:00Z\" "
        "to:\"2026-01-02T00:00:01Z\"){key}}",
        NULL);
    CHECK(said_begins("{\"data\":null,"));
    CHECK(said_error("RANGE_TOO_LONG", "[\"timeSeriesBy\"]"));
    ask("{timeSeriesBy(tenantId:\"acme\" metric:EVENTS by:OS interval:DAY from:\"0001-01-01T00:00:00Z\" "
        "to:\"2026-01-02T00:00:01Z\"){key}}",
        NULL);
    CHECK(said_error("RANGE_TOO_LONG", "[\"timeSeriesBy\"]"));
    CHECK_EQ(fake.kind_counts[QUESTION_CUBE], 0);

    /* 10 000 points of 50 series do not fit in the memory of a request. */
    for (uint32_t i = 0; i < 60; i++) {
        fake_cube(0, (struct cube_row){.code = i % 6 + 2, .events = i + 1});
    }
    fake.arena_bytes_max = 4u << 20;
    ask("{timeSeriesBy(tenantId:\"acme\" metric:EVENTS by:OS interval:DAY from:\"2000-01-01T00:00:00Z\" "
        "to:\"2027-01-01T00:00:00Z\"){key points{value}}}",
        NULL);
    CHECK(strstr(said(), "TOO_LARGE") != NULL);
    fake.arena_bytes_max = 0;
}

TEST(a_slice_that_cannot_answer_is_an_error_in_either_pass)
{
    for (uint32_t pass = 0; pass < 2; pass++) {
        given_shards();
        fake_cube(0, (struct cube_row){.code = 2, .events = 5});
        fake.fault = -E2BIG;
        fake.fault_kind = pass == 0 ? QUESTION_CUBE : QUESTION_USERS;
        fake.fault_count = 1;
        ask_series("metric:USERS");
        CHECK(said_error("TOO_LARGE", "[\"s\"]"));
    }
}

TEST(nothing_counted_is_no_series)
{
    given_shards();
    ask("{timeSeriesBy(tenantId:\"nobody\" metric:USERS by:OS interval:HOUR " RANGE "){key}}", NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeriesBy\":[]}}");
    ask_series("metric:EVENTS");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[]}}");
    fake_cube(0, (struct cube_row){.code = 2, .events = 5, .sessions = 1}); /* not closed */
    ask_series("metric:AVG_SESSION_DURATION_SEC");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[]}}");
    ask("{timeSeriesBy(tenantId:\"acme\" metric:EVENTS by:OS interval:HOUR from:\"2026-01-02T00:00:00Z\" "
        "to:\"2026-01-01T00:00:00Z\"){key}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeriesBy\":[]}}");
    ask_series("metric:EVENTS where:[{by:COUNTRY equals:\"never seen\"}]");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[]}}");
}

TEST(the_largest_groups_have_a_series_each_and_the_rest_one)
{
    given_shards();
    fake_cube(0, (struct cube_row){.bucket = 0, .code = 3, .events = 5}); /* two */
    fake_cube(1, (struct cube_row){.bucket = 1, .code = 3, .events = 1});
    fake_cube(1, (struct cube_row){.bucket = 1, .code = CODE_NONE, .events = 9});
    fake_cube(2, (struct cube_row){.bucket = 0, .code = 2, .events = 2}); /* one */
    fake_cube(2, (struct cube_row){
                     .bucket = 1, .code = 4, .events = 6}); /* three: as many as two, by its key first */
    ask_series("metric:EVENTS first:2");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[{\"key\":\"(none)\"," POINTS(0, 9) "},{\"key\":\"three\"," POINTS(
                           0, 6) "},{\"key\":\"(other)\"," POINTS(7, 1) "}]}}");
    CHECK_EQ(fake.cube_scan.bucket_ms, MS_PER_HOUR);
    CHECK(!fake.cube_scan.reads_events);
    ask_series("metric:EVENTS first:4");
    CHECK(strstr(said(), "(other)") == NULL);
}

TEST(the_other_of_the_dictionary_is_in_the_rest)
{
    given_shards();
    fake_cube(0, (struct cube_row){.bucket = 1, .code = CODE_OTHER, .events = 50});
    ask_series("metric:EVENTS first:2");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[{\"key\":\"(other)\"," POINTS(0, 50) "}]}}");
    fake_cube(1, (struct cube_row){.bucket = 0, .code = 2, .events = 2});
    ask_series("metric:EVENTS first:2");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[{\"key\":\"one\"," POINTS(2, 0) "},{\"key\":\"(other)\"," POINTS(
                           0, 50) "}]}}");
}

TEST(users_of_the_rest_count_once)
{
    given_shards();
    fake_cube(0, (struct cube_row){.bucket = 0, .code = 2, .users = {x_bob, 2}, .events = 2});
    fake_cube(0, (struct cube_row){.bucket = 0, .code = 3, .users = {ann, 1}, .events = 1});
    fake_cube(1, (struct cube_row){.bucket = 0, .code = 4, .users = {x, 1}, .events = 1}); /* who is ann */
    ask_series("metric:USERS first:1");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[{\"key\":\"one\"," POINTS(2, 0) "},{\"key\":\"(other)\"," POINTS(
                           1, 0) "}]}}");
}

TEST(means_are_of_closed_sessions)
{
    given_shards();
    fake_cube(0,
              (struct cube_row){
                  .bucket = 0, .code = 2, .sessions = 5, .closed_sessions = 2, .closed_duration_ms = 3000});
    fake_cube(1,
              (struct cube_row){
                  .bucket = 1, .code = 2, .sessions = 1, .closed_sessions = 1, .closed_duration_ms = 9000});
    fake_cube(1, (struct cube_row){
                     .bucket = 1, .code = 3, .sessions = 4, .closed_sessions = 1, .closed_duration_ms = 500});
    fake_cube(1, (struct cube_row){
                     .bucket = 0, .code = 4, .sessions = 1, .closed_sessions = 1, .closed_duration_ms = 250});
    ask_series("metric:AVG_SESSION_DURATION_SEC first:1");
    CHECK_TEXT(said(), "{\"data\":{\"s\":[{\"key\":\"one\"," POINTS(1.5, 9) "},{\"key\":\"(other)\"," POINTS(
                           0.25, 0.5) "}]}}");
}

TEST(minutes_choose_their_groups_from_the_events)
{
    given_shards();
    fake_cube(0, (struct cube_row){.bucket = 1, .code = 2, .events = 5});
    ask("{timeSeriesBy(tenantId:\"acme\" metric:EVENTS by:OS interval:MINUTE from:\"2026-01-01T00:00:59Z\" "
        "to:\"2026-01-01T00:01:01Z\"){__typename points{time value}}}",
        NULL);
    CHECK_TEXT(said(), "{\"data\":{\"timeSeriesBy\":[{\"__typename\":\"Series\",\"points\":["
                       "{\"time\":\"2026-01-01T00:00:00.000Z\",\"value\":0},"
                       "{\"time\":\"2026-01-01T00:01:00.000Z\",\"value\":5}]}]}}");
    CHECK(fake.cube_scan.reads_events);
    CHECK_EQ(fake.kind_counts[QUESTION_CUBE], 2 * FAKE_SLICES);
}
