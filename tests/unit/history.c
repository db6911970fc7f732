/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/history.h"
#include "shards/slice_state.h"

static struct history history;
static struct slice_state state;
static struct order tenant;
static struct order person;
static struct applied_event event_to_come;
static uint64_t list_count; /* that were read for the last search */

static void
given_a_history(void)
{
    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    history_init(&history, &memory, &state, HISTORY_RUN_EVENTS);
    tenant = (struct order){0};
    person = (struct order){0};
    event_to_come = an_event(T0, "click", NULL, NULL);
}

static struct hash128
hash_of(uint64_t number)
{
    return (struct hash128){.lo = hash_mix(number), .hi = number};
}

/* An event whose ID has this hash; the tenant's order has them in the order in which they came. */
static void
add(struct hash128 id_hash)
{
    struct event_record *record = (struct event_record *)(uintptr_t)event_to_come.record;

    record->id_hash = id_hash;
    record->event_time.ms = T0 + (int64_t)order_count(&tenant);
    event_to_come.position = order_count(&tenant);
    history_add(&history, &tenant, &person, &event_to_come, false);
}

static const struct slice_list *
list_at(uint64_t address)
{
    uint32_t bytes;
    const struct slice_list *list = log_store_at(state.journal, address, &bytes);

    CHECK_EQ(slice_record_kind(list, bytes), SLICE_LIST);
    list_count++;
    return list;
}

static uint64_t
next_of(struct history_search *search)
{
    for (;;) {
        const struct slice_list *list = search->list != 0 ? list_at(search->list) : NULL;
        uint64_t found = history_search_next(&history, search, list);
        if (found != 0 || search->list == 0) {
            return found;
        }
    }
}

/* The events that may have this ID, as they are found: the positions, ending with UINT64_MAX. */
static void
find(struct hash128 id_hash, uint64_t *out_positions)
{
    struct history_search search = history_search_begin(&history, id_hash);
    uint64_t at;

    list_count = 0;
    while ((at = next_of(&search)) != 0) {
        *out_positions++ = history_at(&history, at)->position;
    }
    CHECK_EQ(search.left, 0);
    *out_positions = UINT64_MAX;
}

static void
then_only(struct hash128 id_hash, uint64_t position)
{
    uint64_t positions[HISTORY_RUN_EVENTS];

    find(id_hash, positions);
    CHECK_EQ(positions[0], position);
    CHECK_EQ(positions[1], UINT64_MAX);
}

TEST(an_id_that_was_not_kept_is_not_found)
{
    uint64_t positions[1];

    given_a_history();
    find(hash_of(1), positions);
    CHECK_EQ(positions[0], UINT64_MAX);
    then_memory_ends();
}

TEST(an_event_is_kept_without_traits_and_context)
{
    struct applied_event event;
    const struct kept_event *kept;

    given_a_history();
    event = an_event(T0, "click", "/a", "{\"a\":1}");
    history_add(&history, &tenant, &person, &event, true);
    kept = history_at(&history, person.one.item);
    CHECK(kept != NULL);
    CHECK(kept->is_in_session);
    CHECK(record_is_sound(kept_event_record(kept), kept_event_record(kept)->header.bytes));
    CHECK_TEXT(event_text(kept_event_record(kept), EVENT_PAGE_URL), "/a");
    CHECK(!event_has(kept_event_record(kept), EVENT_TRAITS));
    CHECK_EQ(order_count(&tenant), 1);
    CHECK_EQ(order_count(&person), 1);
    CHECK_EQ(tenant.one.item, person.one.item);
    then_only(event.record->id_hash, event.position);
    then_memory_ends();
}

TEST(events_of_one_id_are_all_found_the_last_one_first)
{
    uint64_t positions[4];

    given_a_history();
    for (uint32_t i = 0; i < 3; i++) {
        add(hash_of(7));
    }
    find(hash_of(7), positions);
    CHECK_EQ(positions[0], 2);
    CHECK_EQ(positions[1], 1);
    CHECK_EQ(positions[2], 0);
    CHECK_EQ(positions[3], UINT64_MAX);
    CHECK_EQ(list_count, 0);
    then_memory_ends();
}

static void
given_runs(uint64_t count)
{
    given_a_history();
    for (uint64_t i = 0; i < count; i++) {
        add(hash_of(i));
    }
    CHECK_EQ(history.run_count, count / HISTORY_RUN_EVENTS);
}

TEST(every_event_is_found_whether_it_is_in_a_run_or_behind_the_last)
{
    uint64_t count = 3 * HISTORY_RUN_EVENTS + 5;
    uint64_t read = 0;

    given_runs(count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t positions[8];
        find(hash_of(i), positions);
        uint32_t found = 0;
        for (uint32_t k = 0; positions[k] != UINT64_MAX; k++) {
            found += positions[k] == i;
        }
        CHECK_EQ(found, 1);
        read += list_count;
    }
    CHECK(read >= 3 * HISTORY_RUN_EVENTS); /* one for each, */
    CHECK(read < 3 * HISTORY_RUN_EVENTS + 10);
    read = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t positions[8];
        find(hash_of(count + i), positions);
        read += list_count;
    }
    CHECK(read < 30); /* and hardly any for those that are not there: one in seven thousand, of three */
    then_memory_ends();
}

TEST(a_run_takes_two_bytes_and_a_quarter_of_an_event)
{
    given_runs(64 * HISTORY_RUN_EVENTS);
    CHECK(history_bytes(&history) - history.newest_capacity * sizeof(uint64_t) <
          64 * HISTORY_RUN_EVENTS * 9 / 4);
    then_memory_ends();
}

TEST(events_of_one_id_in_several_runs_and_many_in_one_are_all_found)
{
    static const uint64_t at[] = {0, 1, HISTORY_RUN_EVENTS - 1, HISTORY_RUN_EVENTS,
                                  2 * HISTORY_RUN_EVENTS + 3};
    uint64_t positions[8];

    given_a_history();
    for (uint64_t i = 0, next = 0; i < 2 * HISTORY_RUN_EVENTS + 10; i++) {
        bool is_one = next < COUNT_OF(at) && at[next] == i;
        add(hash_of(is_one ? 1000000 : i));
        next += is_one;
    }
    find(hash_of(1000000), positions);
    for (uint32_t i = 0; i < COUNT_OF(at); i++) {
        CHECK_EQ(positions[i], at[COUNT_OF(at) - 1 - i]);
    }
    CHECK_EQ(positions[COUNT_OF(at)], UINT64_MAX);
    then_memory_ends();
}

TEST(a_search_goes_on_where_it_was_when_what_it_looked_at_became_a_run)
{
    given_a_history();
    for (uint32_t i = 0; i < 4; i++) {
        add(hash_of(7));
    }
    struct history_search search = history_search_begin(&history, hash_of(7));
    uint64_t at = next_of(&search);

    CHECK_EQ(history_at(&history, at)->position, 3);
    for (uint32_t i = 0; i < HISTORY_RUN_EVENTS; i++) {
        add(hash_of(i == 5 ? 7 : 100 + i));
    }
    CHECK_EQ(history.run_count, 1);
    for (uint64_t left = 3; left > 0; left--) {
        at = next_of(&search);
        CHECK_EQ(history_at(&history, at)->position, left - 1);
    }
    CHECK_EQ(next_of(&search), 0);
    CHECK_EQ(search.left, 0);
    then_memory_ends();
}

/* As it is after a start: what is in the journal comes in the order in which it was added. */
static struct history old;

static void
restore_event(uint64_t index)
{
    struct order_place place = {.chunk = (uint32_t)(index / ORDER_CHUNK_COUNT),
                                .index = (uint32_t)(index % ORDER_CHUNK_COUNT)};
    const struct order_entry *entry = order_next(&tenant, &place);

    history_restore(&history, kept_event_record(history_at(&history, entry->item))->id_hash, entry->item);
}

static uint64_t
list_of(const struct history *of, uint64_t run)
{
    struct history_search search = {.id_hash = hash_of(run * HISTORY_RUN_EVENTS),
                                    .left = (run + 1) * HISTORY_RUN_EVENTS};

    CHECK_EQ(history_search_next(of, &search, NULL), 0);
    return search.list;
}

static bool
restore_list(uint64_t run, uint64_t change)
{
    uint64_t address = list_of(&old, run);
    const struct slice_list *list = list_at(address);
    uint64_t bytes = sizeof(*list) + list->count * sizeof(list->entries[0]);
    struct slice_list *copy = test_malloc(bytes);

    memcpy(copy, list, bytes);
    copy->entries[HISTORY_RUN_EVENTS - 1] ^= change;
    bool is_restored = history_restore_list(&history, copy, address);

    test_free(copy);
    return is_restored;
}

TEST(what_was_kept_before_is_found_again)
{
    uint64_t count = 2 * HISTORY_RUN_EVENTS + 7;

    given_runs(count);
    old = history;
    history_init(&history, &memory, &state, HISTORY_RUN_EVENTS);
    for (uint64_t i = 0; i < count; i++) {
        restore_event(i);
        if ((i + 1) % HISTORY_RUN_EVENTS == 0) {
            CHECK(restore_list(i / HISTORY_RUN_EVENTS, 0));
        }
    }
    CHECK_EQ(history.run_count, 2);
    CHECK_EQ(history.newest_count, 7);
    CHECK_EQ(list_of(&history, 1), list_of(&old, 1));
    then_only(hash_of(5), 5);
    then_only(hash_of(count - 1), count - 1);
    then_memory_ends();
}

TEST(a_list_of_other_events_is_refused)
{
    given_runs(HISTORY_RUN_EVENTS);
    old = history;
    history_init(&history, &memory, &state, HISTORY_RUN_EVENTS);
    for (uint64_t i = 0; i + 1 < HISTORY_RUN_EVENTS; i++) {
        restore_event(i);
    }
    CHECK(!restore_list(0, 0)); /* one is missing */
    restore_event(HISTORY_RUN_EVENTS - 1);
    CHECK(!restore_list(0, 1));
    CHECK(!restore_list(0, UINT64_C(1) << 63));
    CHECK(restore_list(0, 0));
    CHECK(!restore_list(0, 0)); /* twice */
    then_memory_ends();
}

TEST(events_without_lists_get_theirs_when_more_come)
{
    given_runs(2 * HISTORY_RUN_EVENTS + 7);
    history_init(&history, &memory, &state, HISTORY_RUN_EVENTS);
    for (uint64_t i = 0; i < 2 * HISTORY_RUN_EVENTS + 7; i++) {
        restore_event(i);
    }
    then_only(hash_of(5), 5);
    for (uint64_t i = 0; i < 2; i++) {
        add(hash_of(1000000 + i));
    }
    CHECK_EQ(history.run_count, 2);
    CHECK_EQ(history.newest_count, 9);
    then_only(hash_of(5), 5);
    then_only(hash_of(2 * HISTORY_RUN_EVENTS), 2 * HISTORY_RUN_EVENTS);
    then_memory_ends();
}
