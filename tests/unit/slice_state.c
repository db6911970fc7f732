/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "core/env_sim.h"
#include "core/here.h"
#include "core/uuid.h"
#include "shards/share.h"
#include "shards/slice_record.h"
#include "shards/slice_state.h"

#include <errno.h>
#include <stdio.h>

#define PEOPLE_COUNT 40u

static struct sim_disk *disk;
static struct sim_clock clock_now;
static struct env *env;
static struct slice_state state;
static struct share share;
static struct person people[PEOPLE_COUNT];
static struct store persons;

static struct mono_ns
now(void *context)
{
    (void)context;
    return clock_now.mono;
}

static const struct time_slice no_time = {.now = now}; /* over at once */

static void
fatal(void *context, int fault, const char *what)
{
    (void)context;
    check_failed(__FILE__, __LINE__, "fatal %d: %s", fault, what);
}

static struct slice_state_options
options(void)
{
    return (struct slice_state_options){
        .memory = &memory, .persons = &persons, .env = env, .slice = 3, .seed = {1, 2}, .on_fatal = fatal};
}

static void
given_a_slice(uint64_t region_bytes)
{
    here = (struct shard_id){.n = 0};
    given_memory();
    region_deinit(&kept_region);
    CHECK_EQ(region_init(&kept_region, region_bytes), 0);
    disk = sim_disk_create((struct sim_disk_options){.seed = 1});
    struct disk *files = sim_disk_interface(disk);

    CHECK_EQ(files->ops->make_folder(files, "slices"), 0);
    env = env_sim_create(disk, &clock_now, 1);
    store_init(&persons, (struct store_options){.region = &kept_region,
                                                .key_offset = offsetof(struct person, canonical)});
    CHECK_EQ(slice_state_open(&state, options()), 0);
    share = (struct share){.slice = 3, .partition = 5, .tenant_no = 7, .state = &state};
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "person %u", i);
        people[i] = (struct person){
            .canonical = uuid_v5(UUID_NAMESPACE_OID, text_of(name)), .number = i, .share = &share};
        CHECK_EQ(store_add(&persons, &people[i]), 0);
    }
}

static void
then_the_slice_ends(void)
{
    env_close(env);
    slice_state_close(&state);
    slice_state_close(&state);
    sim_disk_destroy(disk);
    then_memory_ends();
}

static void
change(uint32_t index, uint32_t number)
{
    slice_state_touch(&state, &people[index]);
    people[index].number = number;
}

static void
let_it_write(void)
{
    while (slice_state_step(&state, (struct mono_ns){.ns = UINT64_MAX}) || env_sim_pending(env) > 0) {
        env_sim_release(env, UINT32_MAX);
        env_turn(env, (struct mono_ns){.ns = 0});
    }
}

static void
save_all(void)
{
    int r;

    while ((r = slice_state_save(&state, &no_time)) == STEP_MORE) {
    }
    CHECK_EQ(r, STEP_DONE);
    let_it_write();
    CHECK(slice_state_is_durable(&state));
}

/* What a start would read. */

static uint32_t seen_numbers[PEOPLE_COUNT];
static uint32_t seen_count;

static void
see_person(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    const struct slice_person *person = record;

    (void)context;
    CHECK_EQ(slice_record_kind(record, bytes), SLICE_PERSON);
    CHECK_EQ(person->head.partition, 5);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        if (memcmp(&key, &people[i].canonical, sizeof(key)) == 0) {
            seen_numbers[i] = person->number;
            people[i].place = place;
            seen_count++;
        }
    }
}

static void
see_kept(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    (void)place;
    (void)context;
    (void)key;
    (void)record;
    CHECK_EQ(bytes, 24);
}

static void
when_it_starts_again(void)
{
    struct slice_description description;
    void *people_bytes;
    void *journal_bytes;
    char reason[LOG_STORE_REASON_BYTES] = "";

    CHECK_EQ(log_store_describe(state.people, &kept_region, &people_bytes, &description.people_bytes), 0);
    CHECK_EQ(log_store_describe(state.journal, &kept_region, &journal_bytes, &description.journal_bytes), 0);
    description.people = people_bytes;
    description.journal = journal_bytes;
    env_close(env);
    slice_state_close(&state);
    env = env_sim_create(disk, &clock_now, 2);
    seen_count = 0;
    CHECK_EQ(slice_state_restore(&state, options(), &description,
                                 (struct slice_visitor){.person = see_person, .kept = see_kept}, reason),
             0);
    region_put(&kept_region, people_bytes, description.people_bytes);
    region_put(&kept_region, journal_bytes, description.journal_bytes);
}

TEST(a_cut_is_refused_while_the_one_before_is_being_written)
{
    given_a_slice(64 << 20);
    memset(slice_state_append(&state, (struct store_key){0}, 24, &(uint64_t){0}), 1, 24);
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    slice_state_end(&state); /* given up */
    CHECK_EQ(slice_state_cut(&state, 2), -EBUSY);
    let_it_write();
    CHECK_EQ(slice_state_cut(&state, 3), 0);
    CHECK_DIES((void)!slice_state_cut(&state, 4));
    save_all();
    slice_state_end(&state);
    then_the_slice_ends();
}

#define HOARD_BYTES 4096u

TEST(without_memory_a_cut_is_spoiled_and_the_next_one_has_everybody)
{
    static void *hoard[4096];
    uint32_t count = 0;

    given_a_slice(8 << 20);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, 100 + i);
    }
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    while ((hoard[count] = region_take(&kept_region, HOARD_BYTES)) != NULL) {
        count++;
    }
    CHECK_EQ(slice_state_save(&state, NULL), -ENOMEM);
    CHECK_EQ(slice_state_save(&state, NULL), -ENOMEM); /* spoiled is spoiled */
    CHECK(!slice_state_is_durable(&state));
    while (count > 0) {
        region_put(&kept_region, hoard[--count], HOARD_BYTES);
    }
    slice_state_end(&state);
    let_it_write();

    change(7, 7);
    CHECK_EQ(slice_state_cut(&state, 2), 0);
    save_all();
    when_it_starts_again();
    CHECK_EQ(seen_count, PEOPLE_COUNT);
    CHECK_EQ(seen_numbers[6], 106);
    CHECK_EQ(seen_numbers[7], 7);
    then_the_slice_ends();
}

TEST(who_changes_after_the_cut_is_saved_as_before_it)
{
    given_a_slice(64 << 20);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, i);
    }
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    change(0, 1000);
    change(0, 2000);
    CHECK_EQ(slice_state_save(&state, &no_time), STEP_MORE); /* some of them */
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, 3000 + i);
    }
    save_all();
    when_it_starts_again();
    CHECK_EQ(seen_count, PEOPLE_COUNT);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        CHECK_EQ(seen_numbers[i], i);
    }
    then_the_slice_ends();
}

TEST(who_did_not_change_is_not_written_again)
{
    given_a_slice(64 << 20);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, i);
    }
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    save_all();
    slice_state_end(&state);
    uint64_t changed = log_store_counts(state.people).changed_bytes;

    change(5, 500);
    change(5, 501);
    CHECK_EQ(slice_state_cut(&state, 2), 0);
    save_all();
    CHECK_EQ(log_store_counts(state.people).changed_bytes - changed, sizeof(struct slice_person));
    slice_state_release(&state, 2);
    when_it_starts_again();
    CHECK_EQ(seen_count, PEOPLE_COUNT);
    CHECK_EQ(seen_numbers[5], 501);
    CHECK_EQ(seen_numbers[6], 6);
    then_the_slice_ends();
}

TEST(without_an_env_records_lie_in_memory_and_nobody_is_noted)
{
    given_a_slice(64 << 20);
    env_close(env);
    slice_state_close(&state);
    env = NULL;
    CHECK_EQ(slice_state_open(&state, options()), 0);
    uint64_t address;
    void *record = slice_state_append(&state, (struct store_key){0}, 100, &address);

    uint32_t bytes;
    CHECK(record != NULL);
    CHECK(log_store_at(state.journal, address, &bytes) == record);
    CHECK_EQ(bytes, 100);
    change(1, 5);
    CHECK_EQ(state.changed.count, 0);
    CHECK(!slice_state_step(&state, (struct mono_ns){.ns = 0}));
    then_the_slice_ends();
}

/* People who leave. */

static uint32_t arrived_count;
static uint32_t arrived_number;

static void
arrived(struct log_store_waiter *waiter)
{
    const struct slice_person *record = waiter->record;

    arrived_count++;
    arrived_number = record->number;
}

static uint32_t
number_on_record(uint32_t index)
{
    struct log_store_waiter waiter = {.arrived = arrived};
    const struct slice_person *record;

    if (slice_state_fetch(&state, &people[index], &waiter) == LOG_STORE_LATER) {
        uint32_t before = arrived_count;
        let_it_write();
        CHECK_EQ(arrived_count, before + 1);
        return arrived_number;
    }
    record = waiter.record;
    return record->number;
}

TEST(who_changed_after_a_cut_may_not_leave_before_its_people_are_saved)
{
    given_a_slice(64 << 20);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, i);
    }
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    change(0, 1000);
    CHECK(!slice_state_let_go(&state, &people[0]));
    CHECK(slice_state_let_go(&state, &people[1])); /* as they were at the cut */
    CHECK(!people[1].is_changed);
    change(1, 1001);
    CHECK(!slice_state_let_go(&state, &people[1]));
    save_all();
    CHECK(slice_state_let_go(&state, &people[0])); /* behind the cut */
    CHECK(slice_state_let_go(&state, &people[1]));
    CHECK_EQ(number_on_record(0), 1000);
    CHECK_EQ(number_on_record(1), 1001);
    when_it_starts_again();
    CHECK_EQ(seen_count, PEOPLE_COUNT);
    CHECK_EQ(seen_numbers[0], 0);
    CHECK_EQ(seen_numbers[1], 1);
    then_the_slice_ends();
}

TEST(who_comes_and_goes_is_noted_once_and_in_the_next_cut)
{
    given_a_slice(64 << 20);
    for (uint32_t i = 0; i < 100; i++) {
        change(3, i);
        CHECK(slice_state_let_go(&state, &people[3]));
        CHECK(slice_state_let_go(&state, &people[3])); /* the store knows already */
        CHECK_EQ(number_on_record(3), i);
    }
    CHECK_EQ(state.changed.count, 1);
    change(3, 500);
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    save_all();
    slice_state_end(&state);
    change(3, 600);
    CHECK(slice_state_let_go(&state, &people[3]));
    CHECK_EQ(slice_state_cut(&state, 2), 0);
    save_all();
    when_it_starts_again();
    CHECK_EQ(seen_count, 1);
    CHECK_EQ(seen_numbers[3], 600);
    then_the_slice_ends();
}

TEST(who_left_comes_back_after_a_start)
{
    given_a_slice(64 << 20);
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        change(i, 70 + i);
        CHECK(slice_state_let_go(&state, &people[i]));
    }
    CHECK_EQ(slice_state_cut(&state, 1), 0);
    save_all();
    when_it_starts_again();
    for (uint32_t i = 0; i < PEOPLE_COUNT; i++) {
        struct log_piece piece;

        CHECK_EQ(number_on_record(i), 70 + i);
        CHECK_EQ(slice_state_fetch_now(&state, &people[i], &piece), 0);
        CHECK_EQ(((const struct slice_person *)piece.record)->number, 70 + i);
        CHECK_EQ(piece.record_bytes, sizeof(struct slice_person));
        log_piece_put(state.people, &piece);
    }
    then_the_slice_ends();
}

TEST(without_an_env_nobody_leaves)
{
    given_a_slice(64 << 20);
    env_close(env);
    slice_state_close(&state);
    env = NULL;
    CHECK_EQ(slice_state_open(&state, options()), 0);
    CHECK(!slice_state_let_go(&state, &people[1]));
    CHECK(!slice_state_is_behind(&state));
    then_the_slice_ends();
}
