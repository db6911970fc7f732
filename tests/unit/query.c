/* SPDX-License-Identifier: Apache-2.0 */
#include "query/query.h"

#include <errno.h>

#include "tests/unit/fake_shards.h"

static const char everything[] =
    "{tenants{id activeSessions} tenant(id:\"acme\"){id activeSessions} "
    "profile(tenantId:\"acme\" userId:\"ann\"){userIds events1d topPages{key} "
    "currentSession{events{nodes{eventId}}} "
    "sessions{nodes{events{edges{node{session{sessionId}}}}}} events(after:\"ZQAAAAAAACcQAAAAAAAAAAE\"){"
    "pageInfo{hasPreviousPage} nodes{session{sessionId}}}} "
    "events(tenantId:\"acme\"){nodes{canonicalId session{canonicalId events{nodes{eventId}}}}} "
    "merges(tenantId:\"acme\"){nodes{loser}} event(tenantId:\"acme\" eventId:\"e1\"){session{sessionId}} "
    "summary(tenantId:\"acme\" from:\"2026-01-01T00:00:00Z\" to:\"2026-01-02T00:00:00Z\"){users events} "
    "breakdown(tenantId:\"acme\" metric:USERS by:COUNTRY from:\"2026-01-01T00:00:00Z\" "
    "to:\"2026-01-02T00:00:00Z\" "
    "where:[{by:OS equals:\"one\"}]){key value}}";

static void
given_a_lot(void)
{
    static const uint32_t people[] = {ANN, X, BOB};

    given_shards();
    fake_event(ANN, 5000, 1, "click");
    fake_event(X, 4000, 2, "click");
    fake_event(BOB, 3000, 3, "click");
    fake_session(10, ANN, 4500, 5500);
    fake_session(11, X, 3500, 4500);
    fake_session(12, BOB, 2500, 3500);
    fake.merges[fake.merge_count++] = (struct merge_row){.ordinal = 0};
    fake_cube(1, (struct cube_row){.code = 2, .events = 3, .users = {people, 3}});
}

TEST(what_is_refused_has_no_data)
{
    given_shards();
    ask("{", NULL);
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    CHECK(said_begins("{\"errors\":[{\"message\":"));
    CHECK(strstr(said(), "data") == NULL);
    ask("mutation{deleteProfile(tenantId:\"acme\" id:\"x\"){events}}", NULL);
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    CHECK(strstr(said(), "\"code\":\"NOT_SUPPORTED\"") != NULL);
    ask("subscription{pulse(tenantId:\"acme\"){time}}", NULL);
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    CHECK(strstr(said(), "\"code\":\"NOT_SUPPORTED\"") != NULL);
    ask("query($id:ID!){tenant(id:$id){id}}", NULL);
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    CHECK_EQ(fake.round_count, 0);
}

TEST(who_may_not_administer_may_not_change_anything)
{
    static const char *const mutations[] = {"mutation{deleteProfile(tenantId:\"acme\" id:\"x\"){events}}",
                                            "mutation{nothing}", "mutation a{x} mutation a{y}"};

    given_shards();
    fake.principal.may_administer = false;
    for (uint32_t i = 0; i < COUNT_OF(mutations) - 1; i++) {
        ask(mutations[i], NULL);
        CHECK_EQ(fake.kind, QUERY_FORBIDDEN);
        CHECK_TEXT(said(),
                   "{\"errors\":[{\"message\":\"Mutations need the right admin.\",\"extensions\":{\"code\":"
                   "\"FORBIDDEN\"}}]}");
    }
    ask(mutations[COUNT_OF(mutations) - 1], NULL); /* which one, it does not say */
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    CHECK_EQ(fake.round_count, 0);
}

TEST(who_asks_for_nothing_has_the_answer_at_once)
{
    given_shards();
    start("{__typename}", NULL);
    CHECK(fake.query == NULL);
    CHECK_EQ(fake.answered_count, 1);
    CHECK_EQ(fake.finished_count, 1);
    CHECK_EQ(fake.kind, QUERY_OK);
    CHECK_TEXT(said(), "{\"data\":{\"__typename\":\"Query\"}}");
}

TEST(the_deadline_answers_and_what_is_out_is_awaited)
{
    given_a_lot();
    start(everything, NULL);
    CHECK(fake_round());
    CHECK_EQ(timer_run(&fake.shard.timers, (struct mono_ns){.ns = 1000 + 5 * NS_PER_S}, 10), 1);
    CHECK_EQ(fake.answered_count, 1);
    CHECK_EQ(fake.kind, QUERY_DEADLINE);
    CHECK_TEXT(said(), "{\"errors\":[{\"message\":\"The query took longer than queries may.\","
                       "\"extensions\":{\"code\":\"DEADLINE\"}}]}");
    CHECK_EQ(fake.finished_count, 0);
    CHECK_EQ(fake.ended_count, 0);
    CHECK_EQ(fake.abandoned_count, 1);
    CHECK(fake_round());
    CHECK_EQ(fake.finished_count, 1);
    CHECK_EQ(fake.ended_count, 1);
    CHECK_EQ(fake.answered_count, 1);
    CHECK(!fake_round());
    CHECK_EQ(fake.pool.bytes_taken, 0);
}

TEST(an_abandoned_query_is_not_answered_but_finished)
{
    given_a_lot();
    start(everything, NULL);
    query_abandon(fake.query);
    CHECK_EQ(timer_run(&fake.shard.timers, (struct mono_ns){.ns = 1000 + 5 * NS_PER_S}, 10), 0);
    CHECK_EQ(fake.finished_count, 0);
    CHECK(fake_round());
    CHECK_EQ(fake.answered_count, 0);
    CHECK_EQ(fake.finished_count, 1);

    given_a_lot();
    start(everything, NULL);
    CHECK_EQ(timer_run(&fake.shard.timers, (struct mono_ns){.ns = 1000 + 5 * NS_PER_S}, 10), 1);
    query_abandon(fake.query);
    CHECK(fake_round());
    CHECK_EQ(fake.answered_count, 1);
    CHECK_EQ(fake.finished_count, 1);
}

TEST(a_full_arena_is_an_error_wherever_it_happens)
{
    uint32_t too_large = 0;

    for (uint64_t bytes = 16; bytes < 200000; bytes += bytes / 40 + 16) {
        fake.arena_bytes_max = bytes;
        given_a_lot();
        ask(everything, NULL);
        too_large += strstr(said(), "\"code\":\"TOO_LARGE\"") != NULL;
    }
    CHECK(too_large > 50);
    CHECK_EQ(fake.kind, QUERY_OK);
    CHECK(strstr(said(), "errors") == NULL);
    fake.arena_bytes_max = 0;
}

TEST(too_many_timers_are_an_error)
{
    static struct timer timers[TIMER_COUNT_MAX];

    given_shards();
    for (uint32_t i = 0; i < TIMER_COUNT_MAX; i++) {
        CHECK(timer_start(&fake.shard.timers, &timers[i], MONO_NEVER, NULL));
    }
    start("{__typename}", NULL);
    CHECK(fake.query == NULL);
    CHECK(strstr(said(), "\"code\":\"UNAVAILABLE\"") != NULL);
    CHECK_EQ(fake.finished_count, 1);
}

TEST(everything_at_once_is_answered)
{
    given_a_lot();
    ask(everything, NULL);
    CHECK_EQ(fake.kind, QUERY_OK);
    CHECK(strstr(said(), "errors") == NULL);
    CHECK_EQ(fake.kind_counts[QUESTION_STAMP], 1);
    CHECK(fake.round_count <= 7);
}
