/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keeper_day - a day of chance at some keepers, that can be gone on with from any moment, and what its answers are
 */

#include "tests/unit/keeper_world.h"

#include <errno.h>

#define DAY_STEPS 900u

/* Where the day stands: all that the next steps depend on. */
struct day {
    uint64_t seed;
    uint64_t dice;
    uint32_t living[40];
    uint32_t living_count;
    int64_t clock;
    uint32_t step;
    uint64_t positions[WORLD_PARTITIONS];
    struct event_ms watermarks[WORLD_PARTITIONS];
};

static struct day
day_begin(uint64_t seed)
{
    struct day day = {.seed = seed, .dice = seed, .clock = T0, .living_count = COUNT_OF(day.living)};

    for (uint32_t i = 0; i < COUNT_OF(day.living); i++) {
        day.living[i] = i;
    }
    memcpy(day.positions, world.positions, sizeof(day.positions));
    memcpy(day.watermarks, world.watermarks, sizeof(day.watermarks));
    return day;
}

/* Sends what comes next. False: the day is over. */
static bool
day_go_on(struct day *day)
{
    uint32_t i = day->step++;

    if (i == DAY_STEPS) {
        return false;
    }
    memcpy(world.positions, day->positions, sizeof(day->positions));
    memcpy(world.watermarks, day->watermarks, sizeof(day->watermarks));
    send_chance(&day->dice, day->living, &day->living_count, &day->clock);
    if (i % 100 == 50) { /* found by ID: the later one, and of another tenant */
        send_event(4 * (i / 100 % 5), day->clock - MINUTE, "click", (struct extra){.id = "twice"});
        send_event(40 + 4 * (i % 2), day->clock, "login", (struct extra){.partition = 1, .id = "twice"});
    }
    for (uint32_t k = 0; i % 30 == 20 && k < 4; k++) { /* at one moment */
        send_event(40 + 4 * (k % 2), T0 + 2 * (int64_t)i * MINUTE, "click", (struct extra){.partition = 1});
    }
    if (i == DAY_STEPS / 2) {
        /* A gap so long that what is archived would be open again. */
        send_settings(0, day->seed % 2 == 0 ? 20 * MINUTE : 3 * MS_PER_DAY, MS_PER_DAY / 2);
    }
    if (i % 5 == 0) {
        send_progress(i % 4 == 0 ? 1 : 0);
    }
    memcpy(day->positions, world.positions, sizeof(day->positions));
    memcpy(day->watermarks, world.watermarks, sizeof(day->watermarks));
    return true;
}

/* What answers show beyond the state hash: every order, and what is found by ID. */

struct digest {
    uint64_t hash;
};

static void
note(struct digest *digest, const void *data, uint64_t bytes)
{
    digest->hash = hash64(digest->hash, (struct text){.data = data, .bytes = (uint32_t)bytes});
}

static void
note_number(struct digest *digest, uint64_t number)
{
    note(digest, &number, sizeof(number));
}

static void
note_events(struct digest *digest, struct question question)
{
    ask(&question);
    CHECK_EQ(question.fault, 0);
    for (uint32_t i = 0; i < question.answer.events->count; i++) {
        const struct event_row *row = &question.answer.events->rows[i];
        note_number(digest, row->position);
        note_number(digest, row->person);
        note_number(digest, row->is_late);
        note_number(digest, row->is_in_session);
        struct text said = record_said(row->record);
        note(digest, said.data, said.bytes);
    }
    release(&question);
}

static void
note_sessions(struct digest *digest, struct question question)
{
    ask(&question);
    if (question.fault == -ESTALE) {
        return;
    }
    CHECK_EQ(question.fault, 0);
    for (uint32_t i = 0; i < question.answer.sessions->count; i++) {
        const struct session_row *row = &question.answer.sessions->rows[i];
        note(digest, &row->session_id, sizeof(row->session_id));
        note_number(digest, row->revision);
        note_number(digest, row->person);
        note_number(digest, row->is_open);
        note_number(digest, (uint64_t)row->start.ms);
        note_number(digest, (uint64_t)row->end.ms);
        note_number(digest, row->event_count);
        note_number(digest, row->page_count);
    }
    release(&question);
}

static void
note_cube(struct digest *digest, uint16_t slice)
{
    struct cube_scan scan = {
        .from = {.ms = T0 - 40 * MS_PER_DAY},
        .to = {.ms = T0 + 40 * MS_PER_DAY},
        .bucket_ms = MS_PER_HOUR,
        .has_dimension = true,
        .dimension = DIMENSION_EVENT_TYPE,
        .wants_users = true,
        .wants_sessions = true,
    };
    struct question question = {.kind = QUESTION_CUBE, .target = slice, .ask.cube = &scan};

    ask(&question);
    CHECK_EQ(question.fault, 0);
    for (uint32_t i = 0; i < question.answer.cube->count; i++) {
        const struct cube_row *row = &question.answer.cube->rows[i];
        note(digest, row, offsetof(struct cube_row, users));
        note(digest, row->users.persons, row->users.count * sizeof(*row->users.persons));
    }
    release(&question);
}

static void
note_people(struct digest *digest, uint16_t slice)
{
    struct profile_scan scan = {.order = PROFILE_ORDER_TOTAL_SESSIONS,
                                .seen_from = {.ms = INT64_MIN},
                                .seen_to = {.ms = INT64_MAX},
                                .count_max = 100};
    struct question question = {.kind = QUESTION_PROFILES, .target = slice, .ask.profiles = &scan};

    ask(&question);
    CHECK_EQ(question.fault, 0);
    note_number(digest, question.answer.profiles->total);
    note(digest, question.answer.profiles->rows,
         question.answer.profiles->count * sizeof(*question.answer.profiles->rows));
    release(&question);
}

static void
note_slice(struct digest *digest, uint16_t slice)
{
    struct event_scan events = {.from = {.ms = INT64_MIN},
                                .to = {.ms = INT64_MAX},
                                .count_max = 5000,
                                .texts = UINT32_MAX,
                                .bytes_max = UINT64_MAX};
    struct session_scan sessions = {.from = {.ms = INT64_MIN},
                                    .to = {.ms = INT64_MAX},
                                    .count_max = 5000,
                                    .with = UINT32_MAX,
                                    .bytes_max = UINT64_MAX};
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = slice};

    note_events(digest, (struct question){.kind = QUESTION_EVENTS, .target = slice, .ask.events = &events});
    note_sessions(digest,
                  (struct question){.kind = QUESTION_SESSIONS, .target = slice, .ask.sessions = &sessions});
    note_cube(digest, slice);
    note_people(digest, slice);
    ask(&question);
    note_number(digest, question.answer.open_sessions);
}

static void
note_person(struct digest *digest, uint32_t person)
{
    struct member member = member_of(person);
    struct event_scan events = {.from = {.ms = INT64_MIN},
                                .to = {.ms = INT64_MAX},
                                .texts = UINT32_MAX,
                                .count_max = 5000,
                                .bytes_max = UINT64_MAX,
                                .members = &member,
                                .member_count = 1};
    struct session_scan sessions = {.from = {.ms = INT64_MIN},
                                    .to = {.ms = INT64_MAX},
                                    .with = UINT32_MAX,
                                    .count_max = 5000,
                                    .bytes_max = UINT64_MAX,
                                    .members = &member,
                                    .member_count = 1};
    struct question question = ask_profile_of(person);

    note_number(digest, (uint64_t)(int64_t)question.fault);
    if (question.fault == 0) {
        note(digest, question.answer.profile, offsetof(struct profile_answer, hours));
        release(&question);
    }
    note_events(digest, (struct question){
                            .kind = QUESTION_EVENTS, .target = slice_of(person), .ask.events = &events});
    note_sessions(
        digest,
        (struct question){.kind = QUESTION_SESSIONS, .target = slice_of(person), .ask.sessions = &sessions});
    for (int64_t hour = 0; hour < 20; hour += 4) {
        note_sessions(
            digest, (struct question){.kind = QUESTION_EVENT_SESSION,
                                      .target = slice_of(person),
                                      .ask.event_session = {.members = &member,
                                                            .member_count = 1,
                                                            .person = person,
                                                            .with = UINT32_MAX,
                                                            .event_time = {.ms = T0 + hour * MS_PER_HOUR}}});
    }
}

static uint64_t
digest_answers(uint32_t people)
{
    struct digest digest = {.hash = 1};

    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        note_slice(&digest, slice);
        note_events(&digest,
                    (struct question){.kind = QUESTION_EVENT,
                                      .target = slice,
                                      .ask.event = {.event_id = TEXT("twice"), .texts = UINT32_MAX}});
    }
    for (uint32_t person = 0; person < people; person++) {
        note_person(&digest, person);
    }
    return digest.hash;
}

struct outcome {
    uint64_t state;
    uint64_t answers;
};

static struct outcome
day_end(void)
{
    send_progress(0);
    send_progress(1);
    run_until_quiet();
    return (struct outcome){.state = state_hash(), .answers = digest_answers(48)};
}
