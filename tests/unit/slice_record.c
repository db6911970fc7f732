/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile.h"
#include "shards/share.h"
#include "shards/slice_record.h"
#include "shards/slice_state.h"

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
    whole = slice_record_write_person(&person, (void *)bytes, sizeof(struct slice_person));
    CHECK(whole < sizeof(bytes));
    CHECK_EQ(slice_record_write_person(&person, (void *)bytes, whole - 1), whole);
    CHECK_EQ(bytes[whole - 1], 0); /* there was no room for it, */
    CHECK_EQ(bytes[whole], 0);
    CHECK_EQ(slice_record_write_person(&person, (void *)bytes, whole), whole);
    CHECK_EQ(bytes[whole], 0);
    CHECK_EQ(slice_record_kind(bytes, whole), SLICE_PERSON);
    CHECK_EQ(slice_record_kind(bytes, whole + 1), 0);
    for (uint32_t i = 0; i < sizeof(struct slice_person); i++) {
        CHECK_EQ(slice_record_kind(bytes, i), 0);
    }
    struct session_at at = {
        .pack = &person.profile->pack,
        .session = session_set_rows(&person.profile->pack, &person.profile->sessions),
    };

    whole = slice_record_session_bytes(at);
    slice_record_write_session(&share, at, (void *)bytes);
    CHECK_EQ(slice_record_kind(bytes, whole), SLICE_SESSION);
    CHECK_EQ(slice_record_kind(bytes, whole + 1), 0);
    for (uint32_t i = 0; i <= sizeof(struct slice_session); i++) {
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
    struct slice_state state;
    struct history history;
    struct order orders[2] = {0};

    CHECK_EQ(slice_state_open(&state, (struct slice_state_options){.memory = &memory}), 0);
    history_init(&history, &memory, &state, HISTORY_RUN_EVENTS);
    history_add(&history, &orders[0], &orders[1], &event, true);
    memcpy(kept, history_at(&history, orders[0].one.item), bytes);
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

TEST(a_list_has_as_many_entries_as_it_says)
{
    uint64_t bytes[5] = {0};
    struct slice_list *list = (struct slice_list *)(void *)bytes;

    *list = (struct slice_list){.head = {.kind = SLICE_LIST, .version = SLICE_RECORD_VERSION}, .count = 3};
    CHECK_EQ(slice_record_kind(list, sizeof(bytes)), SLICE_LIST);
    list->count = 2;
    CHECK_EQ(slice_record_kind(list, sizeof(bytes)), 0);
    list->count = 3 + (1u << 29);
    CHECK_EQ(slice_record_kind(list, sizeof(bytes)), 0);
    list->count = 0;
    CHECK_EQ(slice_record_kind(list, sizeof(*list)), 0);
}

TEST(a_stretch_has_as_many_entries_as_it_says)
{
    uint64_t bytes[2 + 2 * 3] = {0};
    struct slice_stretch *stretch = (struct slice_stretch *)(void *)bytes;

    *stretch =
        (struct slice_stretch){.head = {.kind = SLICE_STRETCH, .version = SLICE_RECORD_VERSION}, .count = 2};
    CHECK_EQ(slice_record_kind(stretch, sizeof(bytes)), SLICE_STRETCH);
    CHECK_EQ(slice_record_kind(stretch, sizeof(bytes) - 8), 0);
    stretch->count = 1;
    CHECK_EQ(slice_record_kind(stretch, sizeof(bytes)), 0);
    CHECK_EQ(slice_record_kind(stretch, sizeof(bytes) - 24), SLICE_STRETCH);
    stretch->count = 0;
    CHECK_EQ(slice_record_kind(stretch, sizeof(*stretch)), 0);
}

TEST(who_was_merged_away_leaves_a_number_only)
{
    struct slice_person record;

    given_a_person();
    profile_destroy(&memory, person.profile);
    person.profile = NULL;
    CHECK_EQ(slice_record_write_person(&person, &record, sizeof(record)), sizeof(record));
    CHECK_EQ(slice_record_kind(&record, sizeof(record)), SLICE_PERSON);
    CHECK_EQ(record.number, 9);
    CHECK_EQ(record.profile_bytes, 0);
    CHECK_EQ(record.head.partition, 5);
    CHECK_EQ(record.head.tenant_no, 7);
    then_memory_ends();
}

TEST(a_record_is_split_into_parts_that_fit_and_have_keys_of_their_own)
{
    static _Alignas(8) uint8_t whole[1000];
    static _Alignas(8) uint8_t part[100];
    struct slice_head *head = (struct slice_head *)(void *)whole;

    for (uint32_t bytes = sizeof(struct slice_person); bytes <= sizeof(whole); bytes++) {
        for (uint32_t i = 0; i < bytes; i++) {
            whole[i] = (uint8_t)(i * 7);
        }
        *head = (struct slice_head){.kind = SLICE_PERSON, .version = SLICE_RECORD_VERSION, .tenant_no = 3};
        uint32_t count = slice_record_part_count(bytes, sizeof(part));
        uint32_t done = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t part_bytes = slice_record_write_part(whole, bytes, sizeof(part), i, part);
            const struct slice_part *said = (const void *)part;
            CHECK(part_bytes <= sizeof(part));
            CHECK_EQ(slice_record_write_part(whole, bytes, sizeof(part), i, NULL), part_bytes);
            if (i > 0) {
                CHECK_EQ(slice_record_kind(part, part_bytes), SLICE_PART);
                CHECK_EQ(said->part, i);
                CHECK_EQ(said->head.tenant_no, 3);
            }
            uint32_t skip = i == 0 ? 0 : (uint32_t)sizeof(*said);
            CHECK(memcmp(part + skip, whole + done, part_bytes - skip) == 0);
            done += part_bytes - skip;
        }
        CHECK_EQ(done, bytes);
    }
}

/* Each key says which part it is of, so no two are the same; the first 63 are as they always were. */
TEST(a_part_has_a_key_that_says_whose_and_which_it_is)
{
    const struct store_key canonical = {.byte = {[0] = 7, [6] = 0x5a, [8] = 0xb7, [15] = 0xc3}};
    const struct store_key common = slice_record_common_key(canonical);
    struct store_key said;

    CHECK(!slice_record_is_part_key(slice_record_part_key(canonical, 0)));
    for (uint32_t i = 1; i < SLICE_PART_COUNT_MAX; i++) {
        struct store_key key = slice_record_part_key(canonical, i);
        struct store_key its_common = slice_record_common_key(key);
        CHECK(slice_record_is_part_key(key));
        CHECK_BYTES(&its_common, &common, sizeof(common));
        CHECK_EQ(slice_record_part_number(canonical, key), i);
        CHECK(slice_record_part_canonical(key, i, &said));
        CHECK_BYTES(&said, &canonical, sizeof(said));
        CHECK(!slice_record_part_canonical(key, i - 1, &said));
        CHECK(!slice_record_part_canonical(key, i + 1, &said));
        CHECK(i > 63 || key.byte[15] == canonical.byte[15]);
    }
    CHECK(!slice_record_part_canonical(slice_record_part_key(canonical, 1), SLICE_PART_COUNT_MAX, &said));
    CHECK(!slice_record_part_canonical(slice_record_part_key(canonical, 1), UINT32_MAX, &said));
    CHECK_DIES(slice_record_part_key(canonical, SLICE_PART_COUNT_MAX));
}
