/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_world.h"

#include "shards/keeper_state.h"

#include <errno.h>

/* What a slice leaves: records in memory of their own. */

#define RECORDS_MAX 40000u

struct left_record {
    struct store_key key;
    void *data;
    uint32_t bytes;
    enum { LEFT_PARTITION, LEFT_TENANT, LEFT_PERSON, LEFT_KEPT } kind;
};

struct left {
    struct left_record records[RECORDS_MAX];
    uint32_t count;
    uint32_t slice_end[WORLD_SLICES];
};

static struct left lefts[2]; /* what events point into must stay until the next save */
static struct left *left = &lefts[0];

static void
forget(struct left *old)
{
    for (uint32_t i = 0; i < old->count; i++) {
        free(old->records[i].data);
    }
    old->count = 0;
}

static struct left_record *
add_record(int kind, uint64_t bytes)
{
    struct left_record *record = &left->records[left->count++];

    CHECK(left->count < RECORDS_MAX);
    *record = (struct left_record){.data = calloc(1, bytes), .bytes = (uint32_t)bytes, .kind = kind};
    CHECK(record->data != NULL);
    return record;
}

static void
save_session(const struct person *person, struct session_at at)
{
    struct left_record *record = add_record(LEFT_KEPT, slice_record_session_bytes(at));

    slice_record_write_session(person->share, at, record->data);
}

static void
save_person(void *context, void *item)
{
    const struct person *person = item;
    struct left_record *record = add_record(LEFT_PERSON, slice_record_person_bytes(person));
    struct order_place place = {0};

    (void)context;
    memcpy(&record->key, &person->canonical, sizeof(record->key));
    slice_record_write_person(person, record->data);
    for (;;) {
        const struct order_entry *entry = order_next(&person->archive.order, &place);
        if (entry == NULL) {
            return;
        }
        save_session(person, share_session(entry));
    }
}

static void
save_share(const struct keeper *keeper, const struct share *share)
{
    struct slice_tenant row = keeper_tenant_row(keeper, share);
    struct order_place place = {0};

    memcpy(add_record(LEFT_TENANT, sizeof(row))->data, &row, sizeof(row));
    for (;;) {
        const struct order_entry *entry = order_next(&share->history.events, &place);
        if (entry == NULL) {
            return;
        }
        uint32_t bytes = (uint32_t)(sizeof(struct kept_event) + kept_event_record(entry->item)->header.bytes);
        memcpy(add_record(LEFT_KEPT, bytes)->data, entry->item, bytes);
    }
}

static void
save_slice(uint16_t slice, uint64_t *dice)
{
    uint16_t shard = node_slice_owner(&world.node, slice);
    struct keeper *keeper = world.keepers[shard];
    uint32_t first = left->count;

    here = (struct shard_id){.n = shard};
    for (uint16_t i = 0; i < WORLD_PARTITIONS; i++) {
        struct slice_partition row = keeper_partition_row(keeper, i);
        memcpy(add_record(LEFT_PARTITION, sizeof(row))->data, &row, sizeof(row));
    }
    store_each(&keeper->persons[slice], save_person, NULL);
    for (const struct share *share = keeper->shares; share != NULL; share = share->next) {
        if (share->slice == slice) {
            save_share(keeper, share);
        }
    }
    /* Nothing depends on their order within a kind. */
    for (uint32_t i = first; i < left->count; i++) {
        uint32_t other = first + (uint32_t)(roll(dice) % (left->count - first));
        struct left_record spare = left->records[i];
        left->records[i] = left->records[other];
        left->records[other] = spare;
    }
    left->slice_end[slice] = left->count;
}

static void
save(uint64_t *dice)
{
    left = left == &lefts[0] ? &lefts[1] : &lefts[0];
    forget(left);
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        save_slice(slice, dice);
    }
}

/* But for events, what a record lies in is not needed any more. */
static void
restore_record(struct slice_restore *restore, const struct left_record *record)
{
    if (record->kind == LEFT_KEPT && slice_record_kind(record->data, record->bytes) == SLICE_EVENT) {
        keeper_restore_kept(restore, record->data, record->bytes);
        return;
    }
    void *copy = malloc(record->bytes);

    CHECK(copy != NULL);
    memcpy(copy, record->data, record->bytes);
    switch (record->kind) {
    case LEFT_PARTITION:
        keeper_restore_partition(restore, copy);
        break;
    case LEFT_TENANT:
        keeper_restore_tenant(restore, copy);
        break;
    case LEFT_PERSON:
        keeper_restore_person(restore, record->key, copy, record->bytes);
        break;
    case LEFT_KEPT:
        keeper_restore_kept(restore, copy, record->bytes);
        break;
    }
    free(copy);
}

static int
restore_slice(uint16_t slice)
{
    uint16_t shard = node_slice_owner(&world.node, slice);

    here = (struct shard_id){.n = shard};
    struct slice_restore *restore = keeper_restore_begin(world.keepers[shard], slice);

    for (int kind = LEFT_PARTITION; kind <= LEFT_KEPT; kind++) {
        for (uint32_t i = slice == 0 ? 0 : left->slice_end[slice - 1]; i < left->slice_end[slice]; i++) {
            if ((int)left->records[i].kind == kind) {
                restore_record(restore, &left->records[i]);
            }
        }
    }
    return keeper_restore_end(restore);
}

static void
restore(void)
{
    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        CHECK_EQ(restore_slice(slice), 0);
    }
}

/* The node stops when all is quiet, and starts with so many shards. */
static void
stop_and_start(uint32_t shard_count, uint64_t *dice)
{
    struct world before;

    run_until_quiet();
    save(dice);
    before = world;
    then_the_world_ends();
    given_keepers(shard_count, 4096, 2);
    memcpy(world.positions, before.positions, sizeof(world.positions));
    memcpy(world.watermarks, before.watermarks, sizeof(world.watermarks));
    world.dice = before.dice;
    world.late_permille = before.late_permille;
    restore();
}

static void
then_the_tests_end(void)
{
    then_the_world_ends();
    forget(&lefts[0]);
    forget(&lefts[1]);
}

/* What it refuses. */

static void
given_what_two_people_left(void)
{
    uint64_t dice = 5;

    given_a_world(1, 4096, 2);
    for (uint32_t i = 0; i < 20; i++) {
        send_event(4 + 4 * (i % 2), T0 + i * MS_PER_DAY, "click", (struct extra){.page = "/a"});
    }
    send_progress(0);
    run_until_quiet();
    save(&dice);
    then_the_world_ends();
}

static struct left_record *
record_of(uint8_t kind, uint32_t nth)
{
    for (uint32_t i = 0; i < left->count; i++) {
        struct left_record *record = &left->records[i];
        bool has_kind = record->kind == LEFT_PERSON || record->kind == LEFT_KEPT;
        if (has_kind && slice_record_kind(record->data, record->bytes) == kind && nth-- == 0) {
            return record;
        }
    }
    check_failed(__FILE__, __LINE__, "nobody left such a record");
    return NULL;
}

static int
restore_slice_alone(void)
{
    given_keepers(1, 16, 2);
    int r = restore_slice(0);

    then_the_world_ends();
    return r;
}

TEST(people_and_journal_that_do_not_fit_together_are_refused)
{
    struct left_record spare;

    given_what_two_people_left();
    CHECK_EQ(restore_slice_alone(), 0);

    struct slice_person *person = record_of(SLICE_PERSON, 0)->data;
    struct kept_event *event = record_of(SLICE_EVENT, 3)->data;
    struct left_record *session = record_of(SLICE_SESSION, 0);

    event->person += 1; /* nobody */
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    event->person = UINT32_MAX;
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    event->person = person->number;
    CHECK_EQ(restore_slice_alone(), 0);
    event->head.tenant_no = 1; /* whom no row names */
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    event->head.tenant_no = 0;
    event->head.partition = WORLD_PARTITIONS;
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    event->head.partition = 0;
    event->head.version++;
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    event->head.version--;
    person->number++; /* its profile says otherwise */
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    person->number--;
    session->bytes -= 8;
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    session->bytes += 8;
    spare = *session; /* a person twice */
    *session = *record_of(SLICE_PERSON, 1);
    CHECK_EQ(restore_slice_alone(), -EUCLEAN);
    *session = spare;
    CHECK_EQ(restore_slice_alone(), 0);
    forget(left);
}

TEST(nonsense_in_any_record_is_refused_or_read_as_something_else)
{
    uint64_t dice = 11;
    uint32_t refused = 0;

    given_what_two_people_left();
    for (uint32_t i = 0; i < 400; i++) {
        const struct left_record *record = &left->records[roll(&dice) % left->slice_end[0]];
        uint8_t *byte = (uint8_t *)record->data + roll(&dice) % record->bytes;
        uint8_t was = *byte;

        *byte ^= (uint8_t)(1 + roll(&dice) % 255);
        refused += restore_slice_alone() != 0;
        *byte = was;
    }
    CHECK(refused > 50);
    CHECK_EQ(restore_slice_alone(), 0);
    forget(left);
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
        note(digest, row->record, row->record->header.bytes);
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
    struct event_scan events = {.from = {.ms = INT64_MIN}, .to = {.ms = INT64_MAX}, .count_max = 5000};
    struct session_scan sessions = {.from = {.ms = INT64_MIN}, .to = {.ms = INT64_MAX}, .count_max = 5000};
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
                                .count_max = 5000,
                                .members = &member,
                                .member_count = 1};
    struct session_scan sessions = {.from = {.ms = INT64_MIN},
                                    .to = {.ms = INT64_MAX},
                                    .count_max = 5000,
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
                                                            .event_time = {.ms = T0 + hour * MS_PER_HOUR}}});
    }
}

static uint64_t
digest_answers(uint32_t people)
{
    struct digest digest = {.hash = 1};

    for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
        note_slice(&digest, slice);
        note_events(
            &digest,
            (struct question){.kind = QUESTION_EVENT, .target = slice, .ask.event.event_id = TEXT("twice")});
    }
    for (uint32_t person = 0; person < people; person++) {
        note_person(&digest, person);
    }
    return digest.hash;
}

/* The same day of chance with and without stops cannot be told apart. */

struct outcome {
    uint64_t state;
    uint64_t answers;
};

static struct outcome
play(uint64_t seed, uint32_t stop_permille, uint32_t late_permille)
{
    uint32_t living[40];
    uint32_t living_count = COUNT_OF(living);
    uint64_t dice = seed;
    uint64_t stop_dice = seed + 7;
    int64_t clock = T0;
    struct outcome outcome;

    given_a_world(2, 4096, 2);
    world.late_permille = late_permille;
    for (uint32_t i = 0; i < COUNT_OF(living); i++) {
        living[i] = i;
    }
    for (uint32_t i = 0; i < 900; i++) {
        send_chance(&dice, living, &living_count, &clock);
        if (i % 100 == 50) { /* found by ID: the later one, and of another tenant */
            send_event(4 * (i / 100 % 5), clock - MINUTE, "click", (struct extra){.id = "twice"});
            send_event(40 + 4 * (i % 2), clock, "login", (struct extra){.partition = 1, .id = "twice"});
        }
        for (uint32_t k = 0; i % 30 == 20 && k < 4; k++) { /* at one moment */
            send_event(40 + 4 * (k % 2), T0 + 2 * (int64_t)i * MINUTE, "click",
                       (struct extra){.partition = 1});
        }
        if (i == 450) {
            /* A gap so long that what is archived would be open again. */
            send_settings(0, seed % 2 == 0 ? 20 * MINUTE : 3 * MS_PER_DAY, MS_PER_DAY / 2);
        }
        if (roll(&stop_dice) % 5 == 0) {
            send_progress(roll(&stop_dice) % 4 == 0 ? 1 : 0);
        }
        if (roll(&stop_dice) % 1000 < stop_permille) {
            stop_and_start(1 + (uint32_t)(roll(&stop_dice) % WORLD_SHARDS_MAX), &stop_dice);
        } else if (i % 50 == 0) {
            run_until_quiet();
        }
    }
    send_progress(0);
    send_progress(1);
    run_until_quiet();
    outcome = (struct outcome){.state = state_hash(), .answers = digest_answers(48)};
    then_the_tests_end();
    return outcome;
}

TEST(days_with_stops_give_the_same_answers)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct outcome outcome = play(seed, 0, 0);
        struct outcome stopped = play(seed, 10, 0);
        CHECK_EQ(stopped.state, outcome.state);
        CHECK_EQ(stopped.answers, outcome.answers);
        stopped = play(seed, 30, 200);
        CHECK_EQ(stopped.state, outcome.state);
        CHECK_EQ(stopped.answers, outcome.answers);
    }
}
