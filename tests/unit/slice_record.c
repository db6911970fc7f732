/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile.h"
#include "shards/share.h"
#include "shards/slice_record.h"

static struct share share = {.slice = 3, .partition = 5, .tenant_no = 7};
static struct person person;

static void
given_a_person(void)
{
    given_memory();
    share = (struct share){.slice = 3, .partition = 5, .tenant_no = 7};
    person = (struct person){.number = 9, .share = &share, .profile = profile_create(&memory, 0)};
    for (uint32_t i = 0; i < 3; i++) {
        struct applied_event event = an_event(T0 + i * MINUTE, "click", "/a", NULL);
        struct profile_change change = {.memory = &memory,
                                        .rules = {.gap_ms = 30 * MINUTE, .horizon_ms = MS_PER_DAY},
                                        .watermark = event.watermark};
        (void)profile_apply(&person, &change, &event);
    }
}

TEST(what_is_too_short_or_of_another_version_is_no_record)
{
    static _Alignas(8) uint8_t bytes[4096];
    struct slice_head *head = (struct slice_head *)(void *)bytes;
    uint32_t whole;

    given_a_person();
    whole = slice_record_person_bytes(&person);
    CHECK(whole < sizeof(bytes));
    slice_record_write_person(&person, (void *)bytes);
    CHECK_EQ(slice_record_kind(bytes, whole), SLICE_PERSON);
    for (uint32_t i = 0; i < whole; i++) {
        CHECK_EQ(slice_record_kind(bytes, i), 0);
    }
    struct session_at at = {
        .pack = &person.profile->pack,
        .session = session_set_rows(&person.profile->pack, &person.profile->sessions),
    };

    whole = slice_record_session_bytes(at);
    slice_record_write_session(&share, at, (void *)bytes);
    CHECK_EQ(slice_record_kind(bytes, whole), SLICE_SESSION);
    for (uint32_t i = 0; i < whole; i++) {
        CHECK_EQ(slice_record_kind(bytes, i), 0);
    }
    head->version++;
    CHECK_EQ(slice_record_kind(bytes, whole), 0);
    head->version--;
    head->kind = 99;
    CHECK_EQ(slice_record_kind(bytes, whole), 0);
    then_memory_ends();
}

TEST(an_event_whose_texts_do_not_end_in_it_is_no_record)
{
    struct applied_event event;

    given_a_person();
    event = an_event(T0, "click", "/a", NULL);
    uint32_t bytes = history_event_bytes(&event);
    struct kept_event *kept = memory_take(&memory, bytes);
    struct order order = {0};
    static const uint64_t seed[2] = {1, 2};

    history_init(&share.history, &memory, seed);
    history_add(&memory, &share.history, &order, kept, &event, true);
    CHECK_EQ(slice_record_kind(kept, bytes), SLICE_EVENT);
    for (uint32_t i = 0; i < bytes; i++) {
        CHECK_EQ(slice_record_kind(kept, i), 0);
    }
    struct event_record *record = (struct event_record *)(void *)(kept + 1);

    record->text_end[EVENT_TEXT_COUNT - 1]++;
    record->text_end[EVENT_TEXT_COUNT - 2] = (uint16_t)(record->text_end[EVENT_TEXT_COUNT - 1] + 1);
    CHECK_EQ(slice_record_kind(kept, bytes), 0);
    then_memory_ends();
}

TEST(who_was_merged_away_leaves_a_number_only)
{
    struct slice_person record;

    given_a_person();
    profile_destroy(&memory, person.profile);
    person.profile = NULL;
    CHECK_EQ(slice_record_person_bytes(&person), sizeof(record));
    slice_record_write_person(&person, &record);
    CHECK_EQ(slice_record_kind(&record, sizeof(record)), SLICE_PERSON);
    CHECK_EQ(record.number, 9);
    CHECK_EQ(record.profile_bytes, 0);
    CHECK_EQ(record.head.partition, 5);
    CHECK_EQ(record.head.tenant_no, 7);
    then_memory_ends();
}
