/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Questions about kept events that have left memory.
 */

#include "tests/unit/keeper_world.h"

#include "core/hash.h"
#include "shards/keeper_state.h"

#include <errno.h>

#define EVENT_COUNT 1000u

static struct event_scan everything = {.from = {.ms = INT64_MIN},
                                       .to = {.ms = INT64_MAX},
                                       .count_max = 10000,
                                       .bytes_max = UINT64_MAX,
                                       .texts = UINT32_MAX};

static void
given_events(void)
{
    given_a_world_disk();
    given_a_world(1, 4096, 8);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        struct extra extra = {.page = i % 3 == 0 ? "/a" : "/b", .code = {i % 4, i % 3}};
        send_event(i % 2 == 0 ? 4 : 8, T0 + (int64_t)(i % 7 == 0 && i >= 30 ? i - 30 : i) * 1000,
                   i % 10 == 0 ? "login" : "click", extra);
    }
    send_progress(0);
    run_until_quiet();
}

static uint64_t
digest(const struct events_answer *answer)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < answer->count; i++) {
        const struct event_row *row = &answer->rows[i];
        sum = hash64(sum ^ row->position, record_said(row->record));
    }
    return sum;
}

static uint64_t
ask_events(struct event_scan *scan, uint32_t *out_count)
{
    struct question question = {.kind = QUESTION_EVENTS, .target = 0, .ask.events = scan};

    ask(&question);
    CHECK_EQ(question.fault, 0);
    *out_count = question.answer.events->count;
    uint64_t sum = digest(question.answer.events);
    release(&question);
    return sum;
}

/* The older part of the tenant's order does. */
static void
when_the_order_leaves_memory(void)
{
    struct keeper *keeper = world.keepers[0];

    here = (struct shard_id){.n = 0};
    keeper->order_bytes_max = 1;
    (void)turn(0);
    CHECK(keeper->order_chunks < 3);
    CHECK(keeper->slices[0].shares->shelf.stretch_count > 0);
}

TEST(events_on_disk_are_the_same_events)
{
    struct member members[] = {member_of(8), member_of(4), member_of(12)};
    struct event_scan scans[] = {
        {.from = {.ms = INT64_MIN},
         .to = {.ms = T0 + 1000000},
         .count_max = 10000,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX},
        {.from = {.ms = T0 + 5000},
         .to = {.ms = T0 + 50000},
         .count_max = 10000,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 1,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 100,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 7,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX,
         .event_type = TEXT("login")},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 9,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX,
         .event_type = TEXT("nothing")},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 300,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX,
         .members = members,
         .member_count = 3},
        {.from = {.ms = T0},
         .to = {.ms = INT64_MAX},
         .count_max = 20,
         .bytes_max = UINT64_MAX,
         .texts = UINT32_MAX,
         .has_after = true,
         .after = {.event_time = {.ms = T0 + 40000}, .position = 3}},
    };
    uint64_t sums[COUNT_OF(scans)];
    uint32_t counts[COUNT_OF(scans)];
    uint32_t count;

    given_events();
    for (uint32_t i = 0; i < COUNT_OF(scans); i++) {
        sums[i] = ask_events(&scans[i], &counts[i]);
    }
    CHECK_EQ(cold_reads(), 0);
    when_the_journal_leaves_memory();
    for (uint32_t pass = 0; pass < 4; pass++) {
        world.ns_per_look = pass % 2 * 60 * NS_PER_US; /* in one piece, and in many */
        if (pass == 2) {
            when_the_order_leaves_memory();
        }
        for (uint32_t i = 0; i < COUNT_OF(scans); i++) {
            scans[i].from.ms = scans[i].from.ms < T0 ? T0 : scans[i].from.ms;
            CHECK_EQ(ask_events(&scans[i], &count), sums[i]);
            CHECK_EQ(count, counts[i]);
        }
    }
    CHECK(cold_reads() > 0);
    CHECK(cold_reads() < 2 * EVENT_COUNT); /* many at once */
    then_the_disk_world_ends();
}

TEST(of_a_message_one_question_waits_and_the_others_are_answered)
{
    static struct question questions[3];
    struct subquery message = {.first = questions, .unanswered = COUNT_OF(questions)};

    given_events();
    when_the_journal_leaves_memory();
    questions[0] = (struct question){.kind = QUESTION_EVENTS, .ask.events = &everything};
    questions[1] = (struct question){.kind = QUESTION_PROFILE, .ask.profile.canonical = canonical_of(4)};
    questions[2] = (struct question){.kind = QUESTION_OPEN_SESSIONS};
    for (uint32_t i = 0; i < COUNT_OF(questions); i++) {
        questions[i].reading = reading_of(0);
        questions[i].subquery = &message;
        questions[i].sibling = i + 1 < COUNT_OF(questions) ? &questions[i + 1] : NULL;
    }
    keeper_ask(world.keepers[0], &message);
    for (uint32_t i = 0; i < 5; i++) {
        turn_without_disk();
    }
    CHECK_EQ(message.unanswered, 1);
    CHECK_EQ(questions[1].answer.profile->total_events, EVENT_COUNT / 2);
    CHECK(questions[2].fault == 0);
    CHECK(!keeper_is_idle(world.keepers[0]));
    /* What comes meanwhile is kept, and is not missed by who asks next. */
    send_event(4, T0 + 5000000, "click", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    CHECK_EQ(message.unanswered, 0);
    CHECK(questions[0].answer.events->count >= EVENT_COUNT + 1);
    for (uint32_t i = 0; i < COUNT_OF(questions); i++) {
        release(&questions[i]);
    }
    then_the_disk_world_ends();
}

TEST(a_read_that_nobody_wants_any_more_ends_the_question)
{
    static struct question question;

    given_events();
    when_the_journal_leaves_memory();
    question =
        (struct question){.kind = QUESTION_EVENTS, .reading = reading_of(0), .ask.events = &everything};
    then_it_ends_unwanted(&question);
    then_the_disk_world_ends();
}

/* Whatever wants to read from disk at once, so many do, and all get there. */
TEST(more_questions_than_may_read_at_once_are_answered_in_turn)
{
    enum { MESSAGES = 3, EACH = KEEPER_RECALL_COUNT_MAX };
    static struct question questions[MESSAGES][EACH];
    static struct subquery messages[MESSAGES];
    struct scatter scatters[MESSAGES] = {0};
    struct event_scan few = everything;

    given_events();
    when_the_journal_leaves_memory();
    few.count_max = 20;
    few.to.ms = T0 + 300000;
    for (uint32_t m = 0; m < MESSAGES; m++) {
        messages[m] = (struct subquery){.scatter = &scatters[m], .first = questions[m], .unanswered = EACH};
        for (uint32_t i = 0; i < EACH; i++) {
            questions[m][i] = (struct question){.kind = QUESTION_EVENTS,
                                                .reading = reading_of(0),
                                                .subquery = &messages[m],
                                                .sibling = i + 1 < EACH ? &questions[m][i + 1] : NULL,
                                                .ask.events = &few};
        }
        keeper_ask(world.keepers[0], &messages[m]);
    }
    for (uint32_t i = 0; i < 10; i++) {
        turn_without_disk();
    }
    CHECK_EQ(world.keepers[0]->recall_count, KEEPER_RECALL_COUNT_MAX);
    CHECK_EQ(messages[0].unanswered + messages[1].unanswered + messages[2].unanswered, MESSAGES * EACH);
    scatter_abandon(&scatters[1]);
    run_until_quiet();
    for (uint32_t m = 0; m < MESSAGES; m++) {
        CHECK_EQ(messages[m].unanswered, 0);
        for (uint32_t i = 0; i < EACH; i++) {
            CHECK_EQ(questions[m][i].fault, m == 1 ? -ETIMEDOUT : 0);
            CHECK(m == 1 || questions[m][i].answer.events->count == 20);
            release(&questions[m][i]);
        }
    }
    CHECK_EQ(world.keepers[0]->recall_count, 0);
    then_the_disk_world_ends();
}

TEST(of_one_id_the_newest_is_found_on_disk)
{
    uint64_t newest = 0;

    given_events();
    for (uint32_t i = 0; i < 5; i++) {
        newest = send_event(4, T0 - (int64_t)i * 1000, "again", (struct extra){.id = "the one"});
        run_until_quiet();
        when_the_journal_leaves_memory();
    }
    struct question question = {.kind = QUESTION_EVENT,
                                .ask.event = {.event_id = TEXT("the one"), .texts = UINT32_MAX}};

    uint64_t before = cold_reads();
    ask(&question);
    CHECK_EQ(question.answer.events->count, 1);
    CHECK_EQ(question.answer.events->rows[0].position, newest);
    CHECK(cold_reads() >= before + 5);
    release(&question);
    question = (struct question){.kind = QUESTION_EVENT, .ask.event.event_id = TEXT("another")};
    ask(&question);
    CHECK_EQ(question.answer.events->count, 0);
    release(&question);
    then_the_disk_world_ends();
}

static uint64_t
position_of(const char *id)
{
    struct question question = {
        .kind = QUESTION_EVENT,
        .ask.event = {.event_id = {.data = id, .bytes = (uint32_t)strlen(id)}, .texts = UINT32_MAX}};

    ask(&question);
    CHECK_EQ(question.fault, 0);
    uint64_t position = question.answer.events->count > 0 ? question.answer.events->rows[0].position : 0;
    release(&question);
    return position;
}

/* A list, and an event that it names. */
TEST(an_event_is_found_by_a_list_that_is_on_disk)
{
    uint64_t positions[3];

    world_run_events = 100;
    given_a_world_disk();
    given_a_world(1, 4096, 8);
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        static const char *const ids[] = {"first", "again", "again"};
        struct extra extra = {.id = i % 300 == 50 && i < 900 ? ids[i / 300] : NULL};
        uint64_t position = send_event(4, T0 + (int64_t)i * 1000, "click", extra);
        if (extra.id != NULL) {
            positions[i / 300] = position;
        }
    }
    send_progress(0);
    run_until_quiet();
    for (uint32_t pass = 0; pass < 2; pass++) {
        uint64_t before = cold_reads();
        CHECK_EQ(position_of("first"), positions[0]);
        CHECK_EQ(cold_reads() - before, pass * 2); /* a list, and the event */
        before = cold_reads();
        CHECK_EQ(position_of("again"), positions[2]);
        CHECK_EQ(cold_reads() - before, pass * 5); /* two of each, and the newest once more */
        before = cold_reads();
        CHECK_EQ(position_of("never"), 0);
        CHECK_EQ(cold_reads(), before);
        when_the_journal_leaves_memory();
    }
    world_run_events = 0;
    then_the_disk_world_ends();
}

/* What comes between those that are on disk, and what comes when a question is on its way. */
TEST(events_that_come_late_are_between_those_on_disk)
{
    struct event_scan scan = {.from = {.ms = T0 + 100500},
                              .to = {.ms = T0 + 102500},
                              .count_max = 10,
                              .bytes_max = UINT64_MAX,
                              .texts = UINT32_MAX};
    uint32_t before;
    uint32_t count;

    given_events();
    uint64_t sum = ask_events(&scan, &before);

    when_the_order_leaves_memory();
    when_the_journal_leaves_memory();
    CHECK_EQ(ask_events(&scan, &count), sum);
    CHECK_EQ(count, before);
    for (int64_t ms = T0 + 99999; ms < T0 + 103000; ms += 250) {
        send_event(4, ms, "late", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    CHECK(ask_events(&scan, &count) != sum);
    CHECK_EQ(count, 10);
    scan.count_max = 100;
    sum = ask_events(&scan, &count);
    CHECK_EQ(count, before + 8);
    keeper_shelve_little(world.keepers[0], 100);
    CHECK_EQ(ask_events(&scan, &count), sum);
    then_the_disk_world_ends();
}

TEST(minutes_are_counted_from_disk)
{
    struct cube_scan scan = {.from = {.ms = T0},
                             .to = {.ms = T0 + 20 * MINUTE},
                             .bucket_ms = MINUTE,
                             .has_dimension = true,
                             .wants_users = true,
                             .wants_sessions = true};
    uint64_t sums[3] = {0};

    given_events();
    for (uint32_t pass = 0; pass < COUNT_OF(sums); pass++) {
        struct question question = {.kind = QUESTION_CUBE, .ask.cube = &scan};
        if (pass == 1) {
            when_the_order_leaves_memory();
            when_the_journal_leaves_memory();
        }
        world.ns_per_look = pass == 2 ? 60 * NS_PER_US : 0;
        ask(&question);
        uint64_t events = 0;
        for (uint32_t i = 0; i < question.answer.cube->count; i++) {
            const struct cube_row *row = &question.answer.cube->rows[i];
            events += row->events;
            sums[pass] = hash_mix(sums[pass] ^ row->bucket ^ hash_mix(row->code) ^
                                  hash_mix(row->events << 20) ^ row->users.count << 40 ^ row->sessions << 50);
        }
        CHECK_EQ(events, EVENT_COUNT);
        CHECK_EQ(sums[pass], sums[0]);
        release(&question);
    }
    CHECK(cold_reads() > 0);
    then_the_disk_world_ends();
}

/* The sum is over what is on disk too. */
TEST(what_leaves_memory_is_the_same_state)
{
    given_events();
    send_event(4, T0 - 1000, "before", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    uint64_t hash = state_hash();

    when_the_order_leaves_memory();
    keeper_set_journal_memory(world.keepers[0], 1);
    keeper_end_pages(world.keepers[0]);
    for (uint32_t i = 0; i < 1000; i++) {
        (void)turn(0);
    }
    CHECK_EQ(state_hash(), hash);
    then_the_disk_world_ends();
}
