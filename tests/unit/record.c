/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/record.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/check.h"

static const uint8_t secret[32] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
static alignas(8) uint8_t memory[128 * 1024];
static char long_text[RECORD_TEXT_BYTES_MAX + 1];

static struct event_draft
draft_of(const char *tenant_id, const char *event_id)
{
    return (struct event_draft){
        .event_time = {.ms = -5},
        .received_at = {.ms = 7},
        .text = {[EVENT_TENANT_ID] = text_of(tenant_id),
                 [EVENT_EVENT_ID] = text_of(event_id),
                 [EVENT_EVENT_TYPE] = TEXT("click"),
                 [EVENT_USER_ID] = TEXT("u")},
    };
}

/* Lent until the next call. */
static struct event_record *
write(const struct event_draft *draft)
{
    memset(memory, 0xee, sizeof(memory));
    record_write_event(memory, draft, secret, 16);
    return (struct event_record *)(void *)memory;
}

TEST(texts_past_the_limit_make_no_record)
{
    struct event_draft draft = draft_of("t", "e");
    uint32_t others = 1 + 1 + 5 + 1;

    memset(long_text, 'x', sizeof(long_text));
    draft.text[EVENT_CONTEXT] = (struct text){.data = long_text, .bytes = RECORD_TEXT_BYTES_MAX - others + 1};
    CHECK_EQ(record_event_bytes(&draft), 0);
    CHECK_DIES(write(&draft));
    draft.text[EVENT_CONTEXT].bytes--;
    CHECK_EQ(record_event_bytes(&draft), 80 + 65536);
    CHECK(record_is_sound(write(&draft), 80 + 65536));
    CHECK_EQ(event_text((struct event_record *)(void *)memory, EVENT_CONTEXT).bytes,
             draft.text[EVENT_CONTEXT].bytes);

    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        draft.text[i] = (struct text){.data = long_text, .bytes = UINT32_MAX};
    }
    CHECK_EQ(record_event_bytes(&draft), 0); /* the sum does not wrap */
}

TEST(a_record_gives_back_what_was_written)
{
    struct event_draft draft = draft_of("tenant", "id");
    struct event_record *record;

    draft.text[EVENT_CONTEXT] = TEXT("{\"a\":1}");
    draft.text[EVENT_COUNTRY] = TEXT("\0z");
    record = write(&draft);
    CHECK_EQ(record->header.kind, RECORD_EVENT);
    CHECK_EQ(record->header.bytes, record_event_bytes(&draft));
    CHECK_EQ(record->header.bytes % 8, 0);
    CHECK_EQ(record->header.flags, 0);
    CHECK_EQ(record->event_time.ms, -5);
    CHECK_EQ(record->received_at.ms, 7);
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        CHECK_TEXT(event_text(record, (enum event_text)i), draft.text[i]);
        CHECK_EQ(event_has(record, (enum event_text)i), draft.text[i].bytes > 0);
    }
    /* Every byte is decided, and none behind it touched. */
    for (uint32_t i = 80 + record->text_end[EVENT_TEXT_COUNT - 1]; i < record->header.bytes; i++) {
        CHECK_EQ(memory[i], 0);
    }
    CHECK_EQ(memory[record->header.bytes], 0xee);
}

TEST(sizes_are_multiples_of_8_for_every_length)
{
    struct event_draft draft = draft_of("t", "e");

    memset(long_text, 'x', sizeof(long_text));
    for (uint32_t bytes = 0; bytes < 32; bytes++) {
        draft.text[EVENT_OS] = (struct text){.data = long_text, .bytes = bytes};
        CHECK_EQ(record_event_bytes(&draft), align_up(80 + 8 + bytes, 8));
        CHECK(record_is_sound(write(&draft), record_event_bytes(&draft)));
    }
}

TEST(the_hash_is_of_tenant_and_id_alone)
{
    struct event_draft draft = draft_of("ab", "c");
    struct hash128 hash = write(&draft)->id_hash;
    struct event_draft other = draft_of("a", "bc");
    uint8_t other_secret[32] = {0};

    CHECK(!hash128_equal(write(&other)->id_hash, hash));
    draft.text[EVENT_USER_ID] = TEXT("other");
    draft.event_time.ms = 0;
    CHECK(hash128_equal(write(&draft)->id_hash, hash));
    record_write_event(memory, &draft, other_secret, 16);
    CHECK(!hash128_equal(((struct event_record *)(void *)memory)->id_hash, hash));
}

TEST(a_tenant_has_one_partition_and_tenants_are_spread)
{
    uint32_t counts[16] = {0};
    char tenant_id[16];

    for (uint32_t i = 0; i < 1600; i++) {
        snprintf(tenant_id, sizeof(tenant_id), "t%u", i);
        struct event_draft draft = draft_of(tenant_id, "e");
        uint16_t partition = record_partition(secret, text_of(tenant_id), 16);
        CHECK(partition < 16);
        CHECK_EQ(write(&draft)->partition, partition);
        counts[partition]++;
        CHECK_EQ(record_partition(secret, text_of(tenant_id), 1), 0);
        CHECK(record_partition(secret, text_of(tenant_id), 65536) <= 65535);
    }
    for (uint32_t i = 0; i < 16; i++) {
        CHECK(counts[i] > 50);
        CHECK(counts[i] < 150);
    }
}

TEST(damage_is_not_sound)
{
    struct event_draft draft = draft_of("t", "e");
    struct event_record *record = write(&draft);
    uint32_t bytes = record->header.bytes;
    struct settings_record settings = {.header = {.bytes = sizeof(settings), .kind = RECORD_SETTINGS}};

    CHECK(record_is_sound(record, bytes));
    CHECK(record_is_sound(record, bytes + 8)); /* more records follow */
    for (uint32_t i = 0; i < bytes; i++) {
        CHECK(!record_is_sound(record, i));
    }

    record->header.bytes = 0;
    CHECK(!record_is_sound(record, bytes));
    record->header.bytes = bytes + 8;
    CHECK(!record_is_sound(record, bytes));
    CHECK(!record_is_sound(record, bytes + 8));
    record->header.bytes = bytes - 8;
    CHECK(!record_is_sound(record, bytes));
    record->header.bytes = bytes - 4;
    CHECK(!record_is_sound(record, bytes));
    record->header.bytes = UINT32_MAX - 7;
    CHECK(!record_is_sound(record, bytes));
    record = write(&draft);
    record->header.kind = 0;
    CHECK(!record_is_sound(record, bytes));
    record->header.kind = 6;
    CHECK(!record_is_sound(record, bytes));
    record = write(&draft);
    record->header.version = 2;
    CHECK(!record_is_sound(record, bytes));
    record = write(&draft);
    record->text_end[EVENT_USER_ID] = 0; /* goes back */
    CHECK(!record_is_sound(record, bytes));
    record = write(&draft);
    record->text_end[EVENT_TEXT_COUNT - 1] = 9; /* past the record */
    CHECK(!record_is_sound(record, bytes));

    CHECK(record_is_sound(&settings, sizeof(settings)));
    settings.header.bytes -= 8;
    CHECK(!record_is_sound(&settings, sizeof(settings)));
}

/* Thrown dice, the same each time. */
static uint32_t throw(uint32_t sides)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % sides;
}

TEST(garbage_does_no_harm)
{
    uint8_t *garbage;

    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t bytes = throw(200);
        garbage = malloc(bytes + 1); /* exactly, and not aligned */
        CHECK(garbage != NULL);
        for (uint32_t i = 0; i <= bytes; i++) {
            garbage[i] = (uint8_t) throw(256);
        }
        if (bytes > 8 && round % 2 == 0) {
            struct record_header header = {
                .bytes = bytes & ~7u, .kind = (uint8_t)(round / 2 % 7), .version = 1};
            memcpy(garbage + 1, &header, sizeof(header));
        }
        if (record_is_sound(garbage + 1, bytes)) {
            CHECK(bytes >= 8);
        }
        free(garbage);
    }
}
