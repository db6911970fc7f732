/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/history.h"
#include "shards/slice_state.h"

static struct history history;
static struct slice_state state;
static struct order tenant;
static struct order person;
static const uint64_t seed[2] = {1, 2};

static void
given_a_history(void)
{
    given_memory();
    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    CHECK_EQ(history_init(&history, &memory, &state, seed), 0);
    tenant = (struct order){0};
    person = (struct order){0};
}

/* The events that may have this ID, as they are found: the positions, ending with UINT64_MAX. */
static void
find(struct hash128 id_hash, uint64_t *out_positions)
{
    uint64_t at = history_last(&history, id_hash);

    while (at != 0) {
        const struct kept_event *event = history_at(&history, at);
        *out_positions++ = event->position;
        at = history_before(event);
    }
    *out_positions = UINT64_MAX;
}

TEST(an_id_that_was_not_kept_is_not_found)
{
    given_a_history();
    CHECK_EQ(history_last(&history, (struct hash128){1, 2}), 0);
    then_memory_ends();
}

TEST(without_memory_there_is_no_history)
{
    CHECK_EQ(region_init(&kept_region, 0), 0);
    memory = (struct memory){.region = &kept_region};
    CHECK_EQ(history_init(&history, &memory, &state, seed), -ENOMEM);
    then_memory_ends();
}

TEST(an_event_is_kept_without_traits_and_context)
{
    struct applied_event event;
    const struct kept_event *kept;

    given_a_history();
    event = an_event(T0, "click", "/a", "{\"a\":1}");
    history_add(&history, &tenant, &person, &event, true);
    kept = history_at(&history, history_last(&history, event.record->id_hash));
    CHECK(kept != NULL);
    CHECK(kept->is_in_session);
    CHECK(record_is_sound(kept_event_record(kept), kept_event_record(kept)->header.bytes));
    CHECK_TEXT(event_text(kept_event_record(kept), EVENT_PAGE_URL), "/a");
    CHECK(!event_has(kept_event_record(kept), EVENT_TRAITS));
    CHECK_EQ(tenant.count, 1);
    CHECK_EQ(person.count, 1);
    CHECK(history_at(&history, person.of.only->entries[0].item) == kept);
    CHECK_EQ(history_before(kept), 0);
    then_memory_ends();
}

TEST(events_of_one_id_are_all_found_the_last_one_first)
{
    struct applied_event events[3];
    uint64_t positions[4];

    given_a_history();
    for (uint32_t i = 0; i < COUNT_OF(events); i++) {
        events[i] = an_event(T0 - i, "click", NULL, NULL);
        history_add(&history, &tenant, &person, &events[i], false);
    }
    find(events[0].record->id_hash, positions);
    CHECK_EQ(positions[0], 2);
    CHECK_EQ(positions[1], 1);
    CHECK_EQ(positions[2], 0);
    CHECK_EQ(positions[3], UINT64_MAX);
    CHECK_EQ(tenant.count, 3);
    CHECK_EQ(history.by_id.count, 1);
    then_memory_ends();
}

TEST(what_was_kept_before_is_found_again)
{
    struct applied_event events[3];
    uint64_t positions[4];

    given_a_history();
    for (uint32_t i = 0; i < COUNT_OF(events); i++) {
        events[i] = an_event(T0, "click", NULL, NULL);
        history_add(&history, &tenant, &person, &events[i], false);
    }
    log_index_deinit(&history.by_id);
    CHECK_EQ(history_init(&history, &memory, &state, seed), 0);
    for (uint32_t i = 0; i < COUNT_OF(events); i++) {
        history_restore(&history, events[i].record->id_hash, tenant.of.only->entries[i].item);
    }
    find(events[0].record->id_hash, positions);
    CHECK_EQ(positions[0], 2);
    CHECK_EQ(positions[2], 0);
    CHECK_EQ(positions[3], UINT64_MAX);
    then_memory_ends();
}
