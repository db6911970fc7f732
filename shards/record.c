/* SPDX-License-Identifier: Apache-2.0 */

#include "shards/record.h"

#define RECORD_VERSION 1u
#define RECORD_ALIGN_BYTES 8u
#define EVENT_FIXED_BYTES ((uint32_t)offsetof(struct event_record, texts))

/* The store's secret is two keys, so that a place tells nothing about an ID's hash. */
#define KEY_OF_IDS 0u
#define KEY_OF_PLACES 16u

static struct hash_key
key_at(const uint8_t secret[32], uint32_t begin)
{
    struct hash_key key;

    memcpy(&key.lo, secret + begin, sizeof(key.lo));
    memcpy(&key.hi, secret + begin + sizeof(key.lo), sizeof(key.hi));
    return key;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "keys are read, and records written, as little-endian");

uint32_t
record_event_bytes(const struct event_draft *draft)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        bytes += draft->text[i].bytes;
    }
    if (bytes > RECORD_TEXT_BYTES_MAX) {
        return 0;
    }
    return (uint32_t)align_up(EVENT_FIXED_BYTES + bytes, RECORD_ALIGN_BYTES);
}

void
record_write_event(void *to, const struct event_draft *draft, const uint8_t secret[32],
                   uint32_t partition_count)
{
    record_write_event_in(to, draft, secret,
                          record_partition(secret, draft->text[EVENT_TENANT_ID], partition_count));
}

/* Most texts are short, and a call costs more than to copy both ends, which may overlap. */
static inline void
copy_text(char *to, struct text text)
{
    const char *from = text.data;
    uint32_t bytes = text.bytes;

    if (bytes > 64) {
        memcpy(to, from, bytes);
    } else if (bytes >= 32) {
        memcpy(to, from, 32);
        memcpy(to + bytes - 32, from + bytes - 32, 32);
    } else if (bytes >= 16) {
        memcpy(to, from, 16);
        memcpy(to + bytes - 16, from + bytes - 16, 16);
    } else if (bytes >= 8) {
        memcpy(to, from, 8);
        memcpy(to + bytes - 8, from + bytes - 8, 8);
    } else if (bytes >= 4) {
        memcpy(to, from, 4);
        memcpy(to + bytes - 4, from + bytes - 4, 4);
    } else {
        to[0] = from[0];
        to[bytes / 2] = from[bytes / 2];
        to[bytes - 1] = from[bytes - 1];
    }
}

void
record_write_event_in(void *to, const struct event_draft *draft, const uint8_t secret[32], uint16_t partition)
{
    struct event_record *record = to;
    uint32_t end = 0;

    REQUIRE((uintptr_t)to % RECORD_ALIGN_BYTES == 0);

    record->event_time = draft->event_time;
    record->received_at = draft->received_at;
    record->id_hash =
        hash128_keyed(key_at(secret, KEY_OF_IDS), draft->text[EVENT_TENANT_ID], draft->text[EVENT_EVENT_ID]);
    record->partition = partition;
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        struct text text = draft->text[i];
        if (text.bytes > 0) {
            REQUIRE(text.bytes <= RECORD_TEXT_BYTES_MAX - end);
            copy_text(record->texts + end, text);
            end += text.bytes;
        }
        record->text_end[i] = (uint16_t)end;
    }
    uint32_t bytes = (uint32_t)align_up(EVENT_FIXED_BYTES + end, RECORD_ALIGN_BYTES);

    record->header = (struct record_header){.bytes = bytes, .kind = RECORD_EVENT, .version = RECORD_VERSION};
    memset(record->texts + end, 0, bytes - EVENT_FIXED_BYTES - end);
}

uint16_t
record_partition(const uint8_t secret[32], struct text tenant_id, uint32_t partition_count)
{
    struct hash128 hash = hash128_keyed_one(key_at(secret, KEY_OF_PLACES), tenant_id);

    REQUIRE(partition_count > 0);
    REQUIRE(partition_count <= UINT16_MAX + 1u);
    return (uint16_t)((hash.lo >> 32) * partition_count >> 32);
}

/* `records` may be anything and lie anywhere, so the fixed part is copied before it is looked at. */
static bool
event_is_sound(const void *records, uint32_t bytes)
{
    union {
        struct event_record record;
        uint8_t bytes[offsetof(struct event_record, texts)];
    } fixed;
    uint32_t end = 0;

    if (bytes < EVENT_FIXED_BYTES) {
        return false;
    }
    memcpy(fixed.bytes, records, sizeof(fixed.bytes));
    if (fixed.record.header.version != RECORD_VERSION) {
        return false;
    }
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        if (fixed.record.text_end[i] < end) {
            return false;
        }
        end = fixed.record.text_end[i];
    }
    return bytes == align_up(EVENT_FIXED_BYTES + end, RECORD_ALIGN_BYTES);
}

bool
record_is_sound(const void *records, uint32_t bytes)
{
    struct record_header header;

    if (bytes < sizeof(header)) {
        return false;
    }
    memcpy(&header, records, sizeof(header));
    if (header.bytes < sizeof(header) || header.bytes > bytes || header.bytes % RECORD_ALIGN_BYTES != 0) {
        return false;
    }
    switch (header.kind) {
    case RECORD_EVENT:
        return event_is_sound(records, header.bytes);
    case RECORD_SETTINGS:
        return header.bytes == sizeof(struct settings_record);
    case RECORD_DELETE:
    case RECORD_MERGE:
    case RECORD_WATERMARK:
        return true; /* What is in them is their reader's to check. */
    default:
        return false;
    }
}
