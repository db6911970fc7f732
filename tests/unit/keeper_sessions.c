/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Questions about archived sessions that have left memory.
 */

#include "tests/unit/keeper_world.h"

#include "core/hash.h"

#include <errno.h>

#define VISITS 150 /* of each of two people */

/* Person 8 was merged into 4 half way: some of the sessions before reach over one another. */
static struct member members[2];
static uint32_t member_count = 2;

static void
given_visits(void)
{
    given_a_world_disk();
    given_a_world(1, 8192, 8);
    members[0] = member_of(8);
    members[1] = member_of(4);
    for (int64_t i = 0; i < 300; i++) { /* a long one: who looks for a session looks as far back */
        send_event(4, T0 - 101 * MS_PER_HOUR + i * 20 * MINUTE, "click", (struct extra){0});
    }
    for (int64_t i = 0; i < VISITS; i++) {
        for (int64_t k = 0; k < 1 + i % 4; k++) {
            int64_t time = T0 + i * MS_PER_HOUR + k * 5 * MINUTE;
            struct extra extra = {.page = k % 2 == 0 ? "/a" : "/b",
                                  .country = i % 5 == 0 ? "NO" : NULL,
                                  .code = {(uint32_t)i % 4, (uint32_t)k % 3}};
            send_event(4, time, "click", extra);
            if (i < VISITS / 2) {
                send_event(8, time + i * 1000, "login", extra);
            }
        }
        if (i == VISITS / 2) {
            send_merge(0, 8, 4);
            send_event(4, T0 + i * MS_PER_HOUR + 16 * MINUTE, "login", (struct extra){0});
        }
        send_progress(0);
        run_until_quiet();
    }
}

static uint64_t
digest_texts(const struct text *texts, uint32_t count)
{
    uint64_t sum = count;

    for (uint32_t i = 0; i < count; i++) {
        sum = hash64(sum, texts[i]);
    }
    return sum;
}

static uint64_t
digest(const struct sessions_answer *answer)
{
    uint64_t sum = answer->has_more;

    for (uint32_t i = 0; i < answer->count; i++) {
        const struct session_row *row = &answer->rows[i];
        const uint64_t words[] = {row->revision,
                                  row->person,
                                  row->is_open,
                                  (uint64_t)row->start.ms,
                                  (uint64_t)row->end.ms,
                                  row->event_count,
                                  row->event_type_count,
                                  digest_texts(row->pages, row->page_count),
                                  digest_texts(&row->country, 1),
                                  row->source_count};
        sum = hash64(sum, (struct text){.data = (const char *)&row->session_id, .bytes = 16});
        sum = hash64(sum, (struct text){.data = (const char *)words, .bytes = sizeof(words)});
        sum = hash64(sum, (struct text){.data = (const char *)row->sources,
                                        .bytes = row->source_count * (uint32_t)sizeof(uint32_t)});
    }
    return sum;
}

static uint64_t
ask_sessions(const struct session_scan *scan, uint32_t *out_count)
{
    struct session_scan ask_for = *scan;
    struct question question = {.kind = QUESTION_SESSIONS, .target = 0, .ask.sessions = &ask_for};

    ask(&question);
    CHECK_EQ(question.fault, 0);
    *out_count = question.answer.sessions->count;
    uint64_t sum = digest(question.answer.sessions);
    release(&question);
    return sum;
}

static struct question
session_of(uint32_t person, int64_t time_ms)
{
    struct question question = {.kind = QUESTION_EVENT_SESSION, .target = 0};

    question.ask.event_session.members = members;
    question.ask.event_session.member_count = member_count;
    question.ask.event_session.person = person;
    question.ask.event_session.with = UINT32_MAX;
    question.ask.event_session.event_time.ms = time_ms;
    return question;
}

static uint64_t
digest_sessions_of_events(uint32_t *out_found)
{
    uint64_t sum = 0;

    *out_found = 0;
    for (int64_t i = 0; i < VISITS; i += 3) {
        for (uint32_t k = 0; k < 4; k++) {
            int64_t time = T0 + i * MS_PER_HOUR + (k / 2) * 5 * MINUTE + (k % 2) * i * 1000;
            struct question question = session_of(k % 2 == 0 ? 4 : 8, time);
            ask(&question);
            CHECK_EQ(question.fault, 0);
            *out_found += question.answer.sessions->count;
            sum = hash_mix(sum ^ digest(question.answer.sessions));
            release(&question);
        }
    }
    return sum;
}

#define EVERYTHING \
    .from = {.ms = INT64_MIN}, .to = {.ms = INT64_MAX}, .bytes_max = UINT64_MAX, .with = UINT32_MAX

TEST(sessions_on_disk_are_the_same_sessions)
{
    const struct session_scan scans[] = {
        {EVERYTHING, .count_max = 10000},
        {EVERYTHING, .count_max = 1},
        {EVERYTHING, .count_max = 100, .members = members, .member_count = 2},
        {EVERYTHING, .count_max = 100, .members = &members[1], .member_count = 1},
        {EVERYTHING, .count_max = 100, .open = TRI_NO},
        {EVERYTHING, .count_max = 100, .open = TRI_YES},
        {.from = {.ms = T0 + 5 * MS_PER_HOUR},
         .to = {.ms = T0 + 40 * MS_PER_HOUR},
         .bytes_max = UINT64_MAX,
         .count_max = 1000},
        {EVERYTHING, .count_max = 7, .has_after = true,
         .after = {.start = {.ms = T0 + 30 * MS_PER_HOUR}, .session_id = {{99}}}},
    };
    uint64_t sums[COUNT_OF(scans)];
    uint32_t counts[COUNT_OF(scans)];
    uint32_t count;

    given_visits();
    for (uint32_t i = 0; i < COUNT_OF(scans); i++) {
        sums[i] = ask_sessions(&scans[i], &counts[i]);
    }
    CHECK(counts[0] >= VISITS);
    CHECK_EQ(cold_reads(), 0);
    when_the_journal_leaves_memory();
    for (uint32_t pass = 0; pass < 2; pass++) {
        world.ns_per_look = pass * 60 * NS_PER_US; /* in one piece, and in many */
        for (uint32_t i = 0; i < COUNT_OF(scans); i++) {
            CHECK_EQ(ask_sessions(&scans[i], &count), sums[i]);
            CHECK_EQ(count, counts[i]);
        }
    }
    CHECK(cold_reads() > 0);
    CHECK(cold_reads() < VISITS); /* many at once */
    then_the_disk_world_ends();
}

TEST(open_sessions_are_found_without_a_read)
{
    const struct session_scan open = {EVERYTHING, .count_max = 100, .open = TRI_YES};
    uint32_t count;

    given_visits();
    when_the_journal_leaves_memory();
    (void)ask_sessions(&open, &count);
    CHECK_EQ(count, 1);
    CHECK_EQ(cold_reads(), 0);
    then_the_disk_world_ends();
}

TEST(the_session_of_an_event_is_found_on_disk)
{
    uint32_t found;
    uint32_t found_again;

    given_visits();
    uint64_t sum = digest_sessions_of_events(&found);

    CHECK(found >= VISITS / 3);
    when_the_journal_leaves_memory();
    for (uint32_t pass = 0; pass < 2; pass++) {
        world.ns_per_look = pass * 60 * NS_PER_US;
        CHECK_EQ(digest_sessions_of_events(&found_again), sum);
        CHECK_EQ(found_again, found);
    }
    CHECK(cold_reads() > 0);
    then_the_disk_world_ends();
}

TEST(a_session_that_is_archived_while_its_event_waits_is_found)
{
    const int64_t time = T0 + (VISITS - 25) * MS_PER_HOUR; /* the first one that is not final */
    struct question question = session_of(4, time);
    struct subquery message;

    given_visits();
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    uint64_t sum = digest(question.answer.sessions);

    release(&question);
    when_the_journal_leaves_memory();
    question = session_of(4, time);
    question.reading = reading_of(0);
    keeper_ask_one(0, &message, &question);
    for (uint32_t i = 0; i < 5; i++) {
        turn_without_disk();
    }
    uint64_t first = cold_reads();

    while (cold_reads() == first) { /* some have been looked at, and more are read */
        (void)turn(0);
        CHECK_EQ(message.unanswered, 1);
    }
    send_event(4, T0 + VISITS * MS_PER_HOUR + 3 * MS_PER_DAY, "click", (struct extra){0});
    publish();
    for (uint32_t i = 0; i < 5; i++) {
        turn_without_disk();
    }
    CHECK_EQ(message.unanswered, 1);
    send_progress(0);
    run_until_quiet();
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.sessions->count, 1);
    CHECK_EQ(digest(question.answer.sessions), sum);
    release(&question);
    then_the_disk_world_ends();
}

TEST(a_read_of_sessions_that_nobody_wants_any_more_ends_the_question)
{
    static struct question question;
    static struct session_scan scan = {EVERYTHING, .count_max = 1000};

    given_visits();
    when_the_journal_leaves_memory();
    question = (struct question){.kind = QUESTION_SESSIONS, .reading = reading_of(0), .ask.sessions = &scan};
    then_it_ends_unwanted(&question);
    then_the_disk_world_ends();
}

static uint64_t
digest_minutes(uint64_t *out_sessions)
{
    struct cube_scan scan = {.from = {.ms = T0},
                             .to = {.ms = T0 + (VISITS + 1) * MS_PER_HOUR},
                             .bucket_ms = MS_PER_HOUR,
                             .reads_events = true,
                             .has_dimension = true,
                             .wants_sessions = true};
    struct question question = {.kind = QUESTION_CUBE, .ask.cube = &scan};
    uint64_t sum = 0;

    ask(&question);
    CHECK_EQ(question.fault, 0);
    *out_sessions = 0;
    for (uint32_t i = 0; i < question.answer.cube->count; i++) {
        const struct cube_row *row = &question.answer.cube->rows[i];
        *out_sessions += row->sessions;
        sum = hash_mix(sum ^ row->bucket ^ hash_mix(row->code) ^ row->sessions << 30 ^
                       row->closed_sessions << 40 ^ hash_mix(row->closed_duration_ms));
    }
    release(&question);
    return sum;
}

TEST(sessions_are_counted_from_disk)
{
    uint64_t sessions;
    uint64_t sessions_again;

    given_visits();
    uint64_t sum = digest_minutes(&sessions);

    CHECK(sessions >= VISITS);
    when_the_journal_leaves_memory();
    for (uint32_t pass = 0; pass < 2; pass++) {
        world.ns_per_look = pass * 60 * NS_PER_US;
        CHECK_EQ(digest_minutes(&sessions_again), sum);
        CHECK_EQ(sessions_again, sessions);
    }
    CHECK(cold_reads() > 0);
    then_the_disk_world_ends();
}

TEST(archived_sessions_on_disk_are_the_same_state)
{
    given_visits();
    uint64_t hash = state_hash();

    keeper_set_journal_memory(world.keepers[0], 1);
    keeper_end_pages(world.keepers[0]);
    for (uint32_t i = 0; i < 1000; i++) {
        (void)turn(0);
    }
    CHECK_EQ(state_hash(), hash);
    then_the_disk_world_ends();
}

/* Three records and more of the journal. */
static void
given_a_long_session(void)
{
    char type[129];

    given_a_world_disk();
    given_a_world(1, 8192, 8);
    members[0] = member_of(4);
    member_count = 1;
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(type, sizeof(type), "%0128u", i);
        send_event(4, T0 + i, type, (struct extra){.page = type});
        if (i % 100 == 0) {
            run_until_quiet();
        }
    }
    for (int64_t i = 1; i < 4; i++) {
        send_event(4, T0 + i * 3 * MS_PER_DAY, "click", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
}

TEST(a_session_longer_than_a_page_is_put_together_from_disk)
{
    const struct session_scan scan = {EVERYTHING, .count_max = 100};
    struct cube_scan minutes = {
        .from = {.ms = T0}, .to = {.ms = T0 + MINUTE}, .bucket_ms = MINUTE, .wants_sessions = true};
    uint32_t count;

    given_a_long_session();
    uint64_t sum = ask_sessions(&scan, &count);

    CHECK_EQ(count, 4);
    when_the_journal_leaves_memory();
    for (uint32_t pass = 0; pass < 2; pass++) {
        world.ns_per_look = pass * 60 * NS_PER_US;
        CHECK_EQ(ask_sessions(&scan, &count), sum);
        struct question question = session_of(4, T0 + 4999);
        ask(&question);
        CHECK_EQ(question.answer.sessions->count, 1);
        CHECK_EQ(question.answer.sessions->rows[0].event_count, 5000);
        CHECK_EQ(question.answer.sessions->rows[0].event_type_count, 5000);
        release(&question);
        question = (struct question){.kind = QUESTION_CUBE, .ask.cube = &minutes};
        ask(&question);
        CHECK_EQ(question.answer.cube->rows[0].closed_sessions, 1);
        CHECK_EQ(question.answer.cube->rows[0].closed_duration_ms, 4999);
        release(&question);
    }
    CHECK(cold_reads() > 6);
    member_count = 2;
    then_the_disk_world_ends();
}

TEST(a_long_session_that_nobody_wants_any_more_leaves_nothing)
{
    static struct question question;
    static struct session_scan scan = {EVERYTHING, .count_max = 1000};
    struct scatter scatter = {.is_unwanted = false};
    struct subquery message = {.scatter = &scatter, .first = &question, .unanswered = 1};

    given_a_long_session();
    when_the_journal_leaves_memory();
    question = (struct question){
        .kind = QUESTION_SESSIONS, .reading = reading_of(0), .subquery = &message, .ask.sessions = &scan};
    keeper_ask(world.keepers[0], &message);
    while (cold_reads() < 2) { /* one part has come, and the next one is on its way */
        (void)turn(0);
        CHECK_EQ(message.unanswered, 1);
    }
    scatter_abandon(&scatter);
    run_until_quiet();
    CHECK_EQ(message.unanswered, 0);
    CHECK_EQ(question.fault, -ETIMEDOUT);
    member_count = 2;
    then_the_disk_world_ends();
}
