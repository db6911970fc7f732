/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/history.h"

static struct history history;
static const uint64_t seed[2] = {1, 2};

static void
keep(struct order *person, const struct applied_event *event, bool is_in_session)
{
    history_add(&memory, &history, person, memory_take(&memory, history_event_bytes(event)), event,
                is_in_session);
}

TEST(an_id_that_was_not_kept_is_not_found)
{
    given_memory();
    history_init(&history, &memory, seed);
    CHECK(history_find(&history, (struct hash128){1, 2}) == NULL);
    then_memory_ends();
}

TEST(an_event_is_kept_without_traits_and_context)
{
    struct order person = {0};
    struct applied_event event;
    const struct kept_event *kept;

    given_memory();
    history_init(&history, &memory, seed);
    event = an_event(T0, "click", "/a", "{\"a\":1}");
    keep(&person, &event, true);
    kept = history_find(&history, event.record->id_hash);
    CHECK(kept != NULL);
    CHECK(kept->is_in_session);
    CHECK(record_is_sound(kept_event_record(kept), kept_event_record(kept)->header.bytes));
    CHECK_TEXT(event_text(kept_event_record(kept), EVENT_PAGE_URL), "/a");
    CHECK(!event_has(kept_event_record(kept), EVENT_TRAITS));
    CHECK_EQ(person.count, 1);
    then_memory_ends();
}

TEST(of_one_id_the_greatest_position_is_found_whichever_came_first)
{
    struct order person = {0};
    struct applied_event events[2];

    for (uint32_t first = 0; first < 2; first++) {
        given_memory();
        history_init(&history, &memory, seed);
        person = (struct order){0};
        events[0] = an_event(T0 + 1, "old", NULL, NULL);
        events[1] = an_event(T0, "new", NULL, NULL);
        keep(&person, &events[first], false);
        keep(&person, &events[1 - first], false);
        CHECK_EQ(history_find(&history, events[0].record->id_hash)->position, 1);
        CHECK_EQ(history.events.count, 2);
        CHECK_EQ(history.by_id.count, 1);
        then_memory_ends();
    }
}
