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

TEST(a_mutation_where_only_questions_are_allowed_is_refused_whoever_asks)
{
    given_shards();
    fake.only_asks = true;
    for (uint32_t i = 0; i < 2; i++) {
        fake.principal.may_administer = i == 0;
        ask("mutation{nothing}", NULL);
        CHECK_EQ(fake.kind, QUERY_UNSAFE);
        CHECK_TEXT(said(), "{\"errors\":[{\"message\":\"Mutations are for POST.\",\"extensions\":{\"code\":"
                           "\"METHOD_NOT_ALLOWED\"}}]}");
    }
    ask("{tenants{id} nothing}", NULL);
    CHECK_EQ(fake.kind, QUERY_REFUSED);
    ask("{tenants{id}}", NULL);
    CHECK_EQ(fake.kind, QUERY_OK);
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

/* ---- slices ---- */

#define LONG_FIELDS \
    "nodes{eventId eventType tenantId anonymousId userId canonicalId eventTime receivedAt " \
    "pageUrl referrer deviceType browser os country properties late}"

static const char longest[] = "{a:events(tenantId:\"acme\" first:50){" LONG_FIELDS "} "
                              "b:events(tenantId:\"acme\" first:50){" LONG_FIELDS "} "
                              "c:events(tenantId:\"acme\" first:50){" LONG_FIELDS "}}";

/* Its rounds have come back as far as they were sent; it is in the middle of what it does with them. */
static void
given_a_query_between_two_slices(void)
{
    given_a_lot();
    for (uint32_t i = 0; i < 40; i++) {
        fake_event(BOB, 6000 + i, 100 + i, "click");
    }
    fake.ns_per_look = RUN_QUEUE_SLICE_NS; /* each look is one too many */
    start(longest, NULL);
    while (fake.asked_count > 0) {
        CHECK(fake_reply());
        for (uint32_t i = 0; fake.asked_count == 0 && fake.answered_count == 0 && i < 5; i++) {
            (void)run_queue_run(&fake.shard.queries);
        }
    }
    CHECK_EQ(fake.answered_count, 0);
    CHECK(!run_queue_is_empty(&fake.shard.queries));
}

static void
then_nothing_is_left(void)
{
    CHECK_EQ(fake.finished_count, 1);
    CHECK_EQ(fake.pool.bytes_taken, 0);
    CHECK_EQ(fake.shard.timers.count, 0);
    CHECK(run_queue_is_empty(&fake.shard.queries));
}

TEST(an_answer_is_the_same_however_it_is_sliced)
{
    static char whole[sizeof(fake.response)];
    uint32_t runs = 0;

    given_a_lot();
    ask(everything, NULL);
    memcpy(whole, said(), sizeof(whole));
    for (uint32_t divisor = 1; divisor <= 3; divisor++) {
        given_a_lot();
        fake.ns_per_look = RUN_QUEUE_SLICE_NS / divisor;
        start(everything, NULL);
        while (fake.answered_count == 0) {
            if (run_queue_run(&fake.shard.queries) == STEP_DONE && fake.answered_count == 0) {
                CHECK(fake_reply());
            }
            runs++;
        }
        CHECK_TEXT(said(), whole);
        then_nothing_is_left();
    }
    CHECK(runs > 60);
}

static uint32_t small_answered;
static uint32_t small_finished;

static void
note_answered(void *context, enum query_answer_kind kind, struct text response)
{
    (void)context;
    CHECK_EQ(kind, QUERY_OK);
    CHECK(response.bytes > 0);
    small_answered++;
}

static void
note_finished(void *context)
{
    arena_reset(context);
    small_finished++;
}

TEST(a_small_query_is_answered_before_a_large_one_that_came_first)
{
    struct arena arena;

    given_a_query_between_two_slices();
    arena_init(&arena, &fake.pool, 0);
    small_answered = small_finished = 0;
    (void)query_start(&(struct query_request){
        .shard = &fake.shard,
        .arena = &arena,
        .text = TEXT("{tenant(id:\"nobody\"){id}}"),
        .principal = fake.principal,
        .answered = note_answered,
        .finished = note_finished,
        .context = &arena,
    });
    CHECK(fake_reply()); /* the small one's */
    for (uint32_t i = 0; small_answered == 0; i++) {
        CHECK(i < 10);
        CHECK_EQ(run_queue_run(&fake.shard.queries), STEP_MORE);
    }
    CHECK_EQ(small_finished, 1);
    CHECK_EQ(fake.answered_count, 0);
    while (fake.answered_count == 0) {
        CHECK(!run_queue_is_empty(&fake.shard.queries) || fake.asked_count > 0);
        (void)fake_round();
    }
    CHECK_EQ(fake.kind, QUERY_OK);
    then_nothing_is_left();
}

TEST(the_deadline_ends_a_query_between_two_slices)
{
    given_a_query_between_two_slices();
    CHECK_EQ(timer_run(&fake.shard.timers, (struct mono_ns){.ns = 1000 + 5 * NS_PER_S}, 10), 1);
    CHECK_EQ(fake.kind, QUERY_DEADLINE);
    CHECK_EQ(fake.finished_count, 0); /* the queue still knows it */
    CHECK_EQ(run_queue_run(&fake.shard.queries), STEP_DONE);
    CHECK_EQ(fake.answered_count, 1);
    then_nothing_is_left();
}

TEST(a_query_whose_client_is_gone_stops_at_its_next_slice)
{
    given_a_query_between_two_slices();
    query_abandon(fake.query);
    CHECK_EQ(run_queue_run(&fake.shard.queries), STEP_DONE);
    CHECK_EQ(fake.answered_count, 0);
    then_nothing_is_left();
}

static void
given_no_memory_for_answers(uint32_t count)
{
    given_a_lot();
    fake.waits_for_memory = true;
    fake.fault_kind = QUESTION_EVENTS;
    fake.fault = -ENOMEM;
    fake.fault_count = count;
}

static void
go_on(void)
{
    while (run_queue_run(&fake.shard.queries) == STEP_MORE) {
    }
    while (fake_round()) {
    }
}

TEST(a_query_without_memory_for_answers_gives_back_what_it_has_and_begins_again)
{
    static char whole[sizeof(fake.response)];

    given_a_lot();
    ask(everything, NULL);
    memcpy(whole, said(), sizeof(whole));
    given_no_memory_for_answers(1);
    start(everything, NULL);
    go_on();
    CHECK_EQ(fake.starved_count, 1);
    CHECK_EQ(fake.answered_count, 0);
    CHECK_EQ(fake.ended_count, 1);
    CHECK_EQ(fake.answers.bytes_used, 0);
    query_resume(fake.query);
    CHECK_DIES(query_resume(fake.query));
    go_on();
    CHECK_EQ(fake.starved_count, 1);
    CHECK_TEXT(said(), whole);
    CHECK_EQ(fake.finished_count, 1);
    then_nothing_is_left();
}

TEST(who_has_waited_for_memory_long_enough_is_told_so)
{
    given_no_memory_for_answers(UINT32_MAX);
    start(everything, NULL);
    go_on();
    CHECK_EQ(fake.starved_count, 1);
    fake.shard.now.ns += 2 * NS_PER_S;
    query_resume(fake.query);
    go_on();
    CHECK_EQ(fake.starved_count, 1);
    CHECK_EQ(fake.answered_count, 1);
    CHECK(said_error("UNAVAILABLE", "[\"events\"]"));
    then_nothing_is_left();
}

TEST(who_finds_no_memory_again_and_again_is_told_so)
{
    given_no_memory_for_answers(UINT32_MAX);
    start(everything, NULL);
    while (fake.answered_count == 0) {
        go_on();
        if (fake.answered_count == 0) {
            query_resume(fake.query);
        }
    }
    CHECK(fake.starved_count < 20);
    CHECK(said_error("UNAVAILABLE", "[\"events\"]"));
    then_nothing_is_left();
}

TEST(the_deadline_and_the_end_of_a_client_come_while_a_query_waits_for_memory_too)
{
    given_no_memory_for_answers(1);
    start(everything, NULL);
    go_on();
    CHECK_EQ(timer_run(&fake.shard.timers, (struct mono_ns){.ns = 1000 + 5 * NS_PER_S}, 10), 1);
    CHECK_EQ(fake.kind, QUERY_DEADLINE);
    CHECK_EQ(fake.finished_count, 0); /* it stands in line */
    query_resume(fake.query);
    CHECK_EQ(fake.answered_count, 1);
    CHECK_EQ(fake.finished_count, 1);
    then_nothing_is_left();

    given_no_memory_for_answers(1);
    start(everything, NULL);
    go_on();
    query_abandon(fake.query);
    CHECK_EQ(fake.finished_count, 0);
    query_resume(fake.query);
    CHECK_EQ(fake.answered_count, 0);
    CHECK_EQ(fake.finished_count, 1);
    then_nothing_is_left();
}
