/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * fake_shards - the other side of a query, played from tables
 *
 * Takes the place of scatter.c: questions are answered from the tables below when a test says so, and what was
 * answered is gone with scatter_end(), so that the sanitizer sees whoever looks at it afterwards.
 *
 *     given_shards();
 *     fake_event(ANN, 5000, 7, "click");
 *     ask("{events(tenantId:\"acme\"){nodes{eventId}}}", NULL);
 *     CHECK_TEXT(said(), "{\"data\":…}");
 *
 * The tenant acme has ann (user, slice 0), whom x (anonymous, slice 1) was merged into, and bob (user, slice 2).
 */

#include <stdio.h>
#include <stdlib.h>

#include "core/uuid.h"
#include "query/query.h"
#include "shards/shard.h"
#include "tests/check.h"

#define FAKE_SLICES 4u
#define FAKE_PARTITIONS 2u
#define FAKE_ROWS_MAX 64u
#define FAKE_MINUTE INT64_C(60000)

enum fake_person { ANN, X, BOB, FAKE_PERSON_COUNT };

static const struct fake_person_row {
    uint16_t slice;
    uint32_t winner;
    int by;
    const char *name;
} fake_persons[FAKE_PERSON_COUNT] = {
    [ANN] = {0, ANN, RESOLVE_USER, "ann"},
    [X] = {1, ANN, RESOLVE_ANONYMOUS, "x"},
    [BOB] = {2, BOB, RESOLVE_USER, "bob"},
};

struct fake_event_row {
    struct event_row row;
    alignas(8) char record[512];
};

struct fake_session_row {
    struct session_row row;
    uint16_t slice;
    uint32_t sources[2];
};

struct fake_place {
    struct profile_place place;
    uint16_t slice;
};

struct fake_cube_row {
    struct cube_row row;
    uint16_t slice;
};

static struct {
    struct arena_pool pool; /* keeps nothing */
    struct arena arena;     /* of the request */
    struct arena answers;
    uint64_t arena_bytes_max;
    struct node node;
    struct shard shard;
    struct principal principal;
    struct text principal_tenants[1];
    int64_t now_ms;

    struct fake_event_row events[FAKE_ROWS_MAX];
    uint32_t event_count;
    struct fake_session_row sessions[FAKE_ROWS_MAX];
    uint32_t session_count;
    struct fake_cube_row cube[FAKE_ROWS_MAX];
    uint32_t cube_count;
    struct merge_row merges[FAKE_ROWS_MAX]; /* newest first */
    uint32_t merge_count;
    struct fake_place places[FAKE_ROWS_MAX];
    uint32_t place_count;
    struct profile_scan profile_scan; /* the last one */
    struct profile_answer profile;
    struct bucket hours[4];
    struct bucket days[4];
    bool has_no_tenant;

    enum question_kind fault_kind;
    int fault;
    uint32_t fault_count; /* how often */

    struct scatter *scatter;
    struct question *asked[16384];
    uint32_t asked_count; /* in the round that was sent last */
    uint32_t event_scans; /* so many slices were asked for events */
    uint32_t rows_answered;
    uint64_t answer_bytes; /* that each takes, as it says */
    uint32_t added_count;  /* and in the next one */
    uint32_t round_count;
    uint32_t kind_counts[QUESTION_OPEN_SESSIONS + 1]; /* asked so far */
    uint32_t ended_count;
    uint32_t abandoned_count;
    struct mono_ns clock;
    uint64_t ns_per_look;       /* the clock goes on when it is looked at */
    struct cube_scan cube_scan; /* the last one */

    struct query *query;
    uint32_t answered_count;
    uint32_t finished_count;
    bool waits_for_memory;
    bool only_asks;
    uint32_t starved_count;
    enum query_answer_kind kind;
    char response[65536];
} fake;

/* ---- tables ---- */

static inline struct uuid
fake_uuid(uint32_t number)
{
    struct uuid uuid;

    memset(uuid.byte, (int)(number + 1), sizeof(uuid.byte));
    return uuid;
}

static inline struct mono_ns
fake_now(void *context)
{
    (void)context;
    fake.clock.ns += fake.ns_per_look;
    return fake.clock;
}

static inline void
given_shards(void)
{
    uint64_t arena_bytes_max = fake.arena_bytes_max;

    if (fake.arena.pool != NULL) {
        arena_reset(&fake.arena);
        arena_reset(&fake.answers);
    }
    memset(&fake, 0, sizeof(fake));
    fake.arena_bytes_max = arena_bytes_max;
    fake.node =
        (struct node){.shard_count = 1, .partition_count = FAKE_PARTITIONS, .slice_count = FAKE_SLICES};
    fake.node.deadline_ns = 5 * NS_PER_S;
    fake.shard.node = &fake.node;
    fake.shard.now.ns = 1000;
    here = fake.shard.id;
    timers_init(&fake.shard.timers);
    run_queue_init(&fake.shard.queries, fake_now, NULL);
    fake.principal = principal_open();
    fake.now_ms = 10 * MS_PER_DAY;
    arena_init(&fake.answers, &fake.pool, 0);
    fake.profile =
        (struct profile_answer){.is_known = true, .first_seen = {1000}, .last_seen = {10 * MS_PER_DAY}};
}

static inline void
fake_event_with(uint32_t person, int64_t time, uint64_t position, const char *type, const char *id,
                const char *properties)
{
    struct fake_event_row *event = &fake.events[fake.event_count++];
    struct event_draft draft = {.event_time = {time}, .received_at = {time + 1}};

    CHECK(fake.event_count <= FAKE_ROWS_MAX);
    draft.text[EVENT_TENANT_ID] = TEXT("acme");
    draft.text[EVENT_EVENT_ID] = text_of(id);
    draft.text[EVENT_EVENT_TYPE] = text_of(type);
    draft.text[EVENT_PROPERTIES] = text_of(properties);
    CHECK(record_event_bytes(&draft) <= sizeof(event->record));
    record_write_event(event->record, &draft, fake.node.secret, FAKE_PARTITIONS);
    event->row = (struct event_row){.position = position,
                                    .person = person,
                                    .is_in_session = true,
                                    .record = (const struct event_record *)(const void *)event->record};
}

static inline void
fake_event(uint32_t person, int64_t time, uint64_t position, const char *type)
{
    char id[24];

    snprintf(id, sizeof(id), "e%u", (unsigned)position);
    fake_event_with(person, time, position, type, id, NULL);
}

static inline struct session_row *
fake_session(uint32_t number, uint32_t person, int64_t start, int64_t end)
{
    struct fake_session_row *session = &fake.sessions[fake.session_count++];

    CHECK(fake.session_count <= FAKE_ROWS_MAX);
    *session = (struct fake_session_row){.slice = fake_persons[person].slice, .sources = {person}};
    session->row = (struct session_row){.session_id = fake_uuid(number),
                                        .person = person,
                                        .start = {start},
                                        .end = {end},
                                        .sources = session->sources,
                                        .source_count = 1};
    return &session->row;
}

static inline void
fake_cube(uint16_t slice, struct cube_row row)
{
    fake.cube[fake.cube_count++] = (struct fake_cube_row){.row = row, .slice = slice};
}

/* Somebody's place in the order that is asked for. */
static inline void
fake_place(uint32_t person, int64_t value)
{
    fake.places[fake.place_count++] = (struct fake_place){
        .place = {.value = value, .canonical = fake_uuid(person)}, .slice = fake_persons[person].slice};
}

/* ---- answers ---- */

static inline void *
fake_take(uint64_t bytes)
{
    void *taken = arena_take_zero(&fake.answers, bytes);

    ASSERT(taken != NULL);
    return taken;
}

static inline struct reading
fake_reading(struct text tenant_id)
{
    return (struct reading){.is_known = text_equal(tenant_id, TEXT("acme")) && !fake.has_no_tenant,
                            .partition = record_partition(fake.node.secret, tenant_id, FAKE_PARTITIONS),
                            .position = 100,
                            .watermark = {5000}};
}

static inline struct member
fake_member(uint32_t person)
{
    return (struct member){
        .person = person, .slice = fake_persons[person].slice, .canonical = fake_uuid(person)};
}

static inline bool
fake_is_member(const struct member *members, uint32_t count, uint32_t person)
{
    for (uint32_t i = 0; i < count; i++) {
        if (members[i].person == person) {
            return true;
        }
    }
    return members == NULL;
}

static inline void
fake_stamp(struct question *question)
{
    struct stamp_answer *answer = fake_take(sizeof(*answer));

    answer->row.reading = fake_reading(question->ask.stamp.tenant_id);
    answer->row.tenant_id = TEXT("acme");
    answer->row.total_events = fake.event_count;
    answer->row.total_profiles = 2;
    /* The values one, two, three have the codes 2, 3, 4. */
    for (uint32_t i = 0; i < question->ask.stamp.value_count; i++) {
        struct dimension_value *value = &question->ask.stamp.values[i];

        value->code = CODE_UNKNOWN;
        value->code = text_equal(value->equals, TEXT("one")) ? 2 : value->code;
        value->code = text_equal(value->equals, TEXT("two")) ? 3 : value->code;
        value->code = value->is_missing ? CODE_NONE : value->code;
        value->is_unseen = text_equal(value->equals, TEXT("unseen"));
    }
    question->answer.stamp = answer;
}

static inline void
fake_tenants(struct question *question)
{
    struct tenants_answer *answer = fake_take(sizeof(*answer));
    struct tenant_row *rows = fake_take(3 * sizeof(*rows));

    answer->rows = rows;
    if (question->target == 0) {
        rows[answer->count++] = (struct tenant_row){.tenant_id = TEXT("b"), .total_events = 5};
        rows[answer->count++] = (struct tenant_row){.tenant_id = TEXT("a"), .total_events = 5};
    } else {
        rows[answer->count++] = (struct tenant_row){.tenant_id = TEXT("acme"), .total_events = 9};
        rows[0].reading.watermark = (struct event_ms){5000};
    }
    for (uint32_t i = 0; i < answer->count; i++) {
        rows[i].reading.is_known = true;
        rows[i].total_profiles = 1;
        if (question->target == 0) {
            rows[i].reading.watermark = NO_WATERMARK;
        }
    }
    question->answer.tenants = answer;
}

static inline void
fake_resolve(struct question *question)
{
    static struct text anns_users[] = {{"zoe", 3}, {"ann", 3}};
    static struct text anns_others[] = {{"x", 1}};
    static struct text bobs_users[] = {{"bob", 3}};
    struct resolve_answer *answer = fake_take(sizeof(*answer));
    struct member *members = fake_take(2 * sizeof(*members));
    uint32_t person = FAKE_PERSON_COUNT;
    struct uuid uuid;

    for (uint32_t i = 0; i < FAKE_PERSON_COUNT; i++) {
        struct text value = question->ask.resolve.value;

        if (question->ask.resolve.by == RESOLVE_CANONICAL
                ? uuid_parse(value, &uuid) && uuid_equal(uuid, fake_uuid(i))
                : (int)question->ask.resolve.by == fake_persons[i].by &&
                      text_equal(value, text_of(fake_persons[i].name))) {
            person = fake_persons[i].winner;
        }
    }
    answer->reading = fake_reading(question->ask.resolve.tenant_id);
    answer->members = members;
    question->answer.resolve = answer;
    if (person == FAKE_PERSON_COUNT || !answer->reading.is_known) {
        return;
    }
    answer->is_known = true;
    answer->winner = fake_member(person);
    answer->has_owner = true;
    if (person == ANN) {
        answer->owner = TEXT("ann");
        answer->user_ids = anns_users;
        answer->user_id_count = 2;
        answer->anonymous_ids = anns_others;
        answer->anonymous_id_count = 1;
        members[answer->member_count++] = fake_member(X);
    } else {
        answer->owner = TEXT("bob");
        answer->user_ids = bobs_users;
        answer->user_id_count = 1;
    }
    members[answer->member_count++] = fake_member(person);
}

static inline void
fake_people(struct question *question)
{
    struct people_answer *answer = fake_take(sizeof(*answer));
    struct member *winners = fake_take(question->ask.people.count * sizeof(*winners));

    for (uint32_t i = 0; i < question->ask.people.count; i++) {
        winners[i] = fake_member(fake_persons[question->ask.people.persons[i]].winner);
    }
    answer->winners = winners;
    question->answer.people = answer;
}

static inline void
fake_merges(struct question *question)
{
    struct merges_answer *answer = fake_take(sizeof(*answer));
    struct merge_row *rows = fake_take(FAKE_ROWS_MAX * sizeof(*rows));

    for (uint32_t i = 0; i < fake.merge_count && answer->count < question->ask.merges.count_max; i++) {
        if (fake.merges[i].ordinal < question->ask.merges.before) {
            rows[answer->count++] = fake.merges[i];
        }
    }
    answer->rows = rows;
    question->answer.merges = answer;
}

static inline void
fake_codes(struct question *question)
{
    static const char *const texts[] = {"(none)", "(other)", "one", "two", "three", "aaa", "bbb", "ccc"};
    struct text *codes = fake_take(question->ask.codes.count * sizeof(*codes));

    for (uint32_t i = 0; i < question->ask.codes.count; i++) {
        CHECK(question->ask.codes.codes[i] < COUNT_OF(texts));
        codes[i] = text_of(texts[question->ask.codes.codes[i]]);
    }
    question->answer.codes = codes;
}

static inline void
fake_users(struct question *question)
{
    uint64_t *users = fake_take(question->ask.users.count * sizeof(*users));

    for (uint32_t i = 0; i < question->ask.users.count; i++) {
        const struct person_set *set = &question->ask.users.sets[i];
        bool is_there[FAKE_PERSON_COUNT] = {0};

        for (uint64_t j = 0; j < set->count; j++) {
            is_there[fake_persons[set->persons[j]].winner] = true;
        }
        for (uint32_t j = 0; j < FAKE_PERSON_COUNT; j++) {
            users[i] += is_there[j];
        }
    }
    question->answer.users = users;
}

static inline int
fake_compare_events(const void *a, const void *b)
{
    const struct event_row *left = a;
    const struct event_row *right = b;

    if (left->record->event_time.ms != right->record->event_time.ms) {
        return left->record->event_time.ms > right->record->event_time.ms ? -1 : 1;
    }
    return (left->position < right->position) - (left->position > right->position);
}

static inline bool
fake_event_passes(const struct event_row *row, const struct event_scan *scan)
{
    int64_t time = row->record->event_time.ms;

    if (scan->has_after && (time > scan->after.event_time.ms ||
                            (time == scan->after.event_time.ms && row->position >= scan->after.position))) {
        return false;
    }
    return fake_is_member(scan->members, scan->member_count, row->person) && time >= scan->from.ms &&
           time < scan->to.ms && (!scan->only_in_session || row->is_in_session) &&
           (scan->late == TRI_ANY || (scan->late == TRI_YES) == row->is_late) &&
           (scan->event_type.bytes == 0 ||
            text_equal(scan->event_type, event_text(row->record, EVENT_EVENT_TYPE)));
}

static inline void
fake_events(struct question *question)
{
    struct events_answer *answer = fake_take(sizeof(*answer));
    struct event_row *rows = fake_take(FAKE_ROWS_MAX * sizeof(*rows));

    fake.event_scans++;
    for (uint32_t i = 0; i < fake.event_count; i++) {
        const struct event_row *row = &fake.events[i].row;
        bool passes = question->kind == QUESTION_EVENT
                          ? text_equal(event_text(row->record, EVENT_EVENT_ID), question->ask.event.event_id)
                          : fake_event_passes(row, question->ask.events);

        if (fake_persons[row->person].slice == question->target && passes) {
            rows[answer->count] = *row;
            struct event_record *copy = fake_take(row->record->header.bytes);
            memcpy(copy, row->record, row->record->header.bytes);
            rows[answer->count++].record = copy;
        }
    }
    qsort(rows, answer->count, sizeof(*rows), fake_compare_events);
    if (question->kind == QUESTION_EVENTS && answer->count > question->ask.events->count_max) {
        answer->count = question->ask.events->count_max;
        answer->has_more = true;
    }
    answer->rows = rows;
    fake.rows_answered += answer->count;
    question->answer.events = answer;
}

static inline int
fake_compare_sessions(const void *a, const void *b)
{
    const struct session_row *left = a;
    const struct session_row *right = b;

    if (left->start.ms != right->start.ms) {
        return left->start.ms > right->start.ms ? -1 : 1;
    }
    return memcmp(right->session_id.byte, left->session_id.byte, 16);
}

static inline bool
fake_session_passes(const struct session_row *row, const struct question *question)
{
    const struct session_scan *scan = question->ask.sessions;

    if (question->kind == QUESTION_EVENT_SESSION) {
        return row->sources[0] == question->ask.event_session.person &&
               question->ask.event_session.event_time.ms >= row->start.ms &&
               question->ask.event_session.event_time.ms <= row->end.ms;
    }
    if (scan->has_after && (row->start.ms > scan->after.start.ms ||
                            (row->start.ms == scan->after.start.ms &&
                             memcmp(row->session_id.byte, scan->after.session_id.byte, 16) >= 0))) {
        return false;
    }
    return fake_is_member(scan->members, scan->member_count, row->person) && row->start.ms >= scan->from.ms &&
           row->start.ms < scan->to.ms && (scan->open == TRI_ANY || (scan->open == TRI_YES) == row->is_open);
}

static inline void
fake_sessions(struct question *question)
{
    struct sessions_answer *answer = fake_take(sizeof(*answer));
    struct session_row *rows = fake_take(FAKE_ROWS_MAX * sizeof(*rows));

    for (uint32_t i = 0; i < fake.session_count; i++) {
        if (fake.sessions[i].slice == question->target &&
            fake_session_passes(&fake.sessions[i].row, question)) {
            rows[answer->count++] = fake.sessions[i].row;
        }
    }
    qsort(rows, answer->count, sizeof(*rows), fake_compare_sessions);
    if (question->kind == QUESTION_SESSIONS && answer->count > question->ask.sessions->count_max) {
        answer->count = question->ask.sessions->count_max;
        answer->has_more = true;
    }
    answer->rows = rows;
    question->answer.sessions = answer;
}

/* Other codes than those asked for are one. */
static inline struct cube_row
fake_cube_row(const struct cube_scan *scan, struct cube_row row)
{
    bool is_other = scan->has_codes;

    for (uint32_t i = 0; i < scan->code_count; i++) {
        is_other = is_other && scan->codes[i] != row.code;
    }
    row.code = is_other ? CODE_OTHER : row.code;
    row.bucket = scan->bucket_ms == 0 ? 0 : row.bucket;
    return row;
}

static inline int
fake_compare_cubes(const void *a, const void *b)
{
    const struct cube_row *left = a;
    const struct cube_row *right = b;

    if (left->bucket != right->bucket) {
        return left->bucket < right->bucket ? -1 : 1;
    }
    return (left->code > right->code) - (left->code < right->code);
}

static inline void
fake_cubes(struct question *question)
{
    struct cube_answer *answer = fake_take(sizeof(*answer));
    struct cube_row *rows = fake_take(FAKE_ROWS_MAX * sizeof(*rows));

    fake.cube_scan = *question->ask.cube;
    for (uint32_t i = 0; i < fake.cube_count; i++) {
        if (fake.cube[i].slice == question->target) {
            rows[answer->count++] = fake_cube_row(question->ask.cube, fake.cube[i].row);
        }
    }
    qsort(rows, answer->count, sizeof(*rows), fake_compare_cubes);
    answer->rows = rows;
    question->answer.cube = answer;
}

static inline void
fake_profile(struct question *question)
{
    struct profile_answer *answer = fake_take(sizeof(*answer));

    *answer = fake.profile;
    question->answer.profile = answer;
}

static inline int
fake_compare_places(const void *a, const void *b)
{
    return profile_place_precedes(a, b) ? -1 : 1;
}

static inline void
fake_profiles(struct question *question)
{
    const struct profile_scan *scan = question->ask.profiles;
    struct profiles_answer *answer = fake_take(sizeof(*answer));
    struct profile_place *rows = fake_take(FAKE_ROWS_MAX * sizeof(*rows));

    fake.profile_scan = *scan;
    for (uint32_t i = 0; i < fake.place_count; i++) {
        if (fake.places[i].slice != question->target) {
            continue;
        }
        answer->total++;
        if (scan->has_after && !profile_place_precedes(&scan->after, &fake.places[i].place)) {
            answer->has_previous = true;
        } else {
            rows[answer->count++] = fake.places[i].place;
        }
    }
    qsort(rows, answer->count, sizeof(*rows), fake_compare_places);
    if (answer->count > scan->count_max) {
        answer->count = scan->count_max;
    }
    answer->rows = rows;
    question->answer.profiles = answer;
}

static inline void
fake_answer(struct question *question)
{
    fake.kind_counts[question->kind]++;
    question->arena.bytes_used = fake.answer_bytes;
    CHECK(question->target < (question->kind < QUESTION_PROFILE ? FAKE_PARTITIONS : FAKE_SLICES));
    if (fake.fault != 0 && question->kind == fake.fault_kind && fake.fault_count > 0) {
        fake.fault_count--;
        question->fault = fake.fault;
        return;
    }
    switch (question->kind) {
    case QUESTION_TENANTS:
        fake_tenants(question);
        break;
    case QUESTION_STAMP:
        fake_stamp(question);
        break;
    case QUESTION_RESOLVE:
        fake_resolve(question);
        break;
    case QUESTION_PEOPLE:
        fake_people(question);
        break;
    case QUESTION_MERGES:
        fake_merges(question);
        break;
    case QUESTION_CODES:
        fake_codes(question);
        break;
    case QUESTION_USERS:
        fake_users(question);
        break;
    case QUESTION_PROFILE:
        fake_profile(question);
        break;
    case QUESTION_PROFILES:
        fake_profiles(question);
        break;
    case QUESTION_EVENTS:
    case QUESTION_EVENT:
        fake_events(question);
        break;
    case QUESTION_SESSIONS:
    case QUESTION_EVENT_SESSION:
        fake_sessions(question);
        break;
    case QUESTION_CUBE:
        fake_cubes(question);
        break;
    case QUESTION_OPEN_SESSIONS:
        question->answer.open_sessions = question->target;
        break;
    }
}

/* ---- the scatter ---- */

bool
scatter_begin(struct scatter *scatter, struct shard *shard, struct arena *arena,
              void (*done)(struct scatter *scatter), void *context)
{
    *scatter = (struct scatter){.shard = shard, .arena = arena, .done = done, .context = context};
    fake.added_count = 0;
    return arena_take(arena, 8) != NULL;
}

bool
scatter_add(struct scatter *scatter, struct question *question)
{
    if (arena_take(scatter->arena, 8) == NULL) {
        return false;
    }
    CHECK(fake.added_count < COUNT_OF(fake.asked));
    fake.asked[fake.added_count++] = question;
    question->fault = 0;
    return true;
}

uint32_t
scatter_go(struct scatter *scatter)
{
    if (fake.added_count == 0) {
        return 0;
    }
    fake.scatter = scatter;
    fake.asked_count = fake.added_count;
    fake.added_count = 0;
    fake.round_count++;
    scatter->outstanding = 1;
    return 1;
}

void
scatter_abandon(struct scatter *scatter)
{
    (void)scatter;
    fake.abandoned_count++;
}

void
scatter_end(struct scatter *scatter)
{
    CHECK_EQ(scatter->outstanding, 0);
    fake.ended_count++;
    arena_reset(&fake.answers);
}

/* ---- the client ---- */

static inline void
fake_answered(void *context, enum query_answer_kind kind, struct text response)
{
    (void)context;
    CHECK(response.bytes < sizeof(fake.response));
    memcpy(fake.response, response.data, response.bytes);
    fake.response[response.bytes] = '\0';
    fake.kind = kind;
    fake.answered_count++;
}

static inline void
fake_finished(void *context)
{
    (void)context;
    fake.finished_count++;
    arena_reset(&fake.arena);
}

static inline void
fake_starved(void *context)
{
    (void)context;
    fake.starved_count++;
}

/* The round that is out comes back, and is not worked on yet. False: none is. */
static inline bool
fake_reply(void)
{
    struct scatter *scatter = fake.scatter;

    if (fake.asked_count == 0) {
        return false;
    }
    for (uint32_t i = 0; i < fake.asked_count; i++) {
        fake_answer(fake.asked[i]);
    }
    fake.asked_count = 0;
    scatter->outstanding = 0;
    scatter->done(scatter);
    return true;
}

/* The round that is out comes back, and is worked on. False: none is. */
static inline bool
fake_round(void)
{
    bool has_come = fake_reply();

    while (run_queue_run(&fake.shard.queries) == STEP_MORE) {
    }
    return has_come;
}

static inline void
start(const char *text, const char *variables)
{
    struct json_tree *tree = NULL;
    struct query_request request = {
        .shard = &fake.shard,
        .arena = &fake.arena,
        .text = text_of(text),
        .principal = fake.principal,
        .now_ms = fake.now_ms,
        .answered = fake_answered,
        .finished = fake_finished,
        .only_asks = fake.only_asks,
        .starved = fake.waits_for_memory ? fake_starved : NULL,
    };

    arena_init(&fake.arena, &fake.pool, fake.arena_bytes_max);
    if (variables != NULL && json_tree_parse(&fake.arena, text_of(variables), &tree) == 0) {
        request.variables = tree;
    }
    fake.answered_count = 0;
    fake.finished_count = 0;
    fake.query = query_start(&request);
}

static inline void
ask(const char *text, const char *variables)
{
    start(text, variables);
    while (fake_round()) {
    }
    CHECK_EQ(fake.answered_count, 1);
    CHECK_EQ(fake.finished_count, 1);
    CHECK_EQ(fake.pool.bytes_taken, 0);
    CHECK_EQ(fake.shard.timers.count, 0);
}

static inline const char *
said(void)
{
    return fake.response;
}

/* The answer has one error: of that code and path (JSON). */
static inline bool
said_error(const char *code, const char *path)
{
    char wanted[256];

    snprintf(wanted, sizeof(wanted), "\"path\":%s,\"extensions\":{\"code\":\"%s\"}", path, code);
    return strstr(fake.response, wanted) != NULL;
}

static inline bool
said_begins(const char *text)
{
    return strncmp(fake.response, text, strlen(text)) == 0;
}
