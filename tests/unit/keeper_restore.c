/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_day.h"

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

/* Events of the slice that is being restored. */
struct appended {
    struct hash128 id_hash;
    uint64_t address;
};

static struct appended appended[20000];
static uint32_t appended_count;

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
save_session(const struct person *person, uint64_t address)
{
    struct slice_parts parts = {0};

    slice_parts_begin(&parts, address);
    slice_parts_add_all_now(person->share->state, &parts);
    memcpy(add_record(LEFT_KEPT, parts.bytes)->data, parts.whole, parts.bytes);
    slice_parts_end(&world.keepers[here.n]->memory, &parts);
}

static void
save_person(void *context, void *item)
{
    const struct person *person = item;
    struct slice_person head;
    struct left_record *record =
        add_record(LEFT_PERSON, slice_record_write_person(person, &head, sizeof(head)));
    struct order_place place = {0};

    (void)context;
    memcpy(&record->key, &person->canonical, sizeof(record->key));
    (void)slice_record_write_person(person, record->data, record->bytes);
    for (;;) {
        const struct order_entry *entry =
            person->archive == NULL ? NULL : order_next(&person->archive->order, &place);
        if (entry == NULL) {
            return;
        }
        save_session(person, share_entry_address(entry));
    }
}

static void
save_share(const struct keeper *keeper, const struct share *share)
{
    struct slice_tenant row = keeper_tenant_row(keeper, share);
    struct order_place place = {0};

    memcpy(add_record(LEFT_TENANT, sizeof(row))->data, &row, sizeof(row));
    for (;;) {
        const struct order_entry *entry = order_next(&share->events, &place);
        if (entry == NULL) {
            return;
        }
        const struct kept_event *event = history_at(share->history, entry->item);
        uint32_t bytes = (uint32_t)(sizeof(*event) + kept_event_record(event)->header.bytes);
        memcpy(add_record(LEFT_KEPT, bytes)->data, event, bytes);
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

/* Into the journal, where it names the event before it that has its ID. */
static uint64_t
append(uint16_t slice, const struct left_record *record)
{
    struct slice_state *state = &world.keepers[here.n]->slices[slice].state;
    const bool is_event = slice_record_kind(record->data, record->bytes) == SLICE_EVENT;
    struct store_key key = {0};
    uint64_t address;

    for (uint32_t i = appended_count; is_event && i > 0; i--) {
        if (hash128_equal(appended[i - 1].id_hash, kept_event_record(record->data)->id_hash)) {
            memcpy(&key, &appended[i - 1].address, sizeof(address));
            break;
        }
    }
    memcpy(slice_state_append(state, key, record->bytes, &address), record->data, record->bytes);
    if (is_event) {
        CHECK(appended_count < COUNT_OF(appended));
        appended[appended_count++] =
            (struct appended){.id_hash = kept_event_record(record->data)->id_hash, .address = address};
    }
    return address;
}

/* What a record lies in is not needed any more, but that of the journal is there. */
static void
restore_record(struct slice_restore *restore, uint16_t slice, const struct left_record *record)
{
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
        keeper_restore_person(restore, record->key, copy, record->bytes, 0);
        break;
    case LEFT_KEPT:
        keeper_restore_kept(restore, copy, record->bytes, append(slice, record));
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

    appended_count = 0;

    for (int kind = LEFT_PARTITION; kind <= LEFT_KEPT; kind++) {
        for (uint32_t i = slice == 0 ? 0 : left->slice_end[slice - 1]; i < left->slice_end[slice]; i++) {
            if ((int)left->records[i].kind == kind) {
                restore_record(restore, slice, &left->records[i]);
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
    session->bytes -= 8; /* the rest does not come */
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

/* The same day of chance with and without stops cannot be told apart. */

static struct outcome
play(uint64_t seed, uint32_t stop_permille, uint32_t late_permille)
{
    uint64_t stop_dice = seed + 7;
    struct outcome outcome;

    given_a_world(2, 4096, 2);
    world.late_permille = late_permille;
    struct day day = day_begin(seed);

    while (day_go_on(&day)) {
        if (roll(&stop_dice) % 1000 < stop_permille) {
            stop_and_start(1 + (uint32_t)(roll(&stop_dice) % WORLD_SHARDS_MAX), &stop_dice);
        } else if (day.step % 50 == 0) {
            run_until_quiet();
        }
    }
    outcome = day_end();
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
