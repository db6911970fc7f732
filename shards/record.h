/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * record - what stands in the commit log
 *
 * Every record begins with a header that gives its size (a multiple of 8) and kind, so that a run of them
 * can be walked. An event record is the unified event in compact binary: fixed part, then its texts one
 * after the other. Records are read in place from 8-byte aligned memory; nothing in them is a pointer.
 *
 * Positions are not stored: the first one of a section is, and records are consecutive.
 *
 * Limits   RECORD_TEXT_BYTES_MAX of all texts of an event together.
 */

#include <assert.h>

#include "core/base.h"
#include "core/hash.h"

#define RECORD_TEXT_BYTES_MAX 65535u

enum record_kind {
    RECORD_EVENT = 1,
    RECORD_SETTINGS = 2,
    RECORD_DELETE = 3,    /* a person is removed */
    RECORD_MERGE = 4,     /* two people are joined by an administrator */
    RECORD_WATERMARK = 5, /* a tenant's watermark is moved by an administrator */
};

struct record_header {
    uint32_t bytes; /* of the whole record, a multiple of 8 */
    uint8_t kind;   /* enum record_kind */
    uint8_t version;
    uint16_t flags;
};
static_assert(sizeof(struct record_header) == 8, "on disk");

enum event_text {
    EVENT_TENANT_ID,
    EVENT_EVENT_ID,
    EVENT_EVENT_TYPE,
    EVENT_ANONYMOUS_ID,
    EVENT_USER_ID,
    EVENT_PREVIOUS_ID,
    EVENT_GROUP_ID,
    EVENT_SESSION_ID, /* the client's label */
    EVENT_PAGE_URL,
    EVENT_REFERRER,
    EVENT_ELEMENT_ID,
    EVENT_FEATURE_NAME,
    EVENT_DEVICE_TYPE,
    EVENT_BROWSER,
    EVENT_OS,
    EVENT_COUNTRY,
    EVENT_PROPERTIES, /* JSON object as it was sent, validated; absent when none */
    EVENT_TRAITS,
    EVENT_CONTEXT,
    EVENT_TEXT_COUNT
};

struct event_record {
    struct record_header header;
    struct event_ms event_time;
    struct wall_ms received_at; /* never less than that of the record before in the partition */
    struct hash128 id_hash; /* keyed hash of (tenant_id, event_id): hash128_keyed() with the store's secret */
    uint16_t partition;
    uint16_t text_end[EVENT_TEXT_COUNT]; /* of each text, counted from `texts`; as the one before: absent */
    char texts[];
};
static_assert(offsetof(struct event_record, texts) == 80, "on disk");

static inline struct text
event_text(const struct event_record *record, enum event_text which)
{
    uint32_t begin = which == 0 ? 0 : record->text_end[which - 1];

    return (struct text){.data = record->texts + begin, .bytes = record->text_end[which] - begin};
}

static inline bool
event_has(const struct event_record *record, enum event_text which)
{
    return event_text(record, which).bytes > 0;
}

/* Every configured value that can change state. State reads settings from nowhere else. */
struct settings_record {
    struct record_header header;
    int64_t out_of_orderness_ms;
    int64_t allowed_lateness_ms;
    int64_t session_gap_ms;
    int64_t session_horizon_ms;
    uint64_t dedup_events; /* of the node; each partition has an even share */
};

/* Any thread. The unified event before it is a record: texts are borrowed until record_write_event(). */
struct event_draft {
    struct event_ms event_time;
    struct wall_ms received_at;
    struct text text[EVENT_TEXT_COUNT]; /* bytes 0: absent */
};

/* Any thread. Bytes of the record that this draft becomes; 0 when its texts pass RECORD_TEXT_BYTES_MAX. */
uint32_t record_event_bytes(const struct event_draft *draft);
/* Any thread. Writes it to `to` (8-byte aligned, record_event_bytes() of room). The partition and the ID's hash
   come from the secret, the tenant and the number of partitions. */
void record_write_event(void *to, const struct event_draft *draft, const uint8_t secret[32],
                        uint32_t partition_count);
/* Any thread. The same for who knows the partition already. */
void record_write_event_in(void *to, const struct event_draft *draft, const uint8_t secret[32],
                           uint16_t partition);
/* Any thread. Where a tenant's events are sequenced. */
uint16_t record_partition(const uint8_t secret[32], struct text tenant_id, uint32_t partition_count);
/* Any thread. True when `bytes` at `records` begin with a well-formed record (sizes, kinds, ends in order). */
bool record_is_sound(const void *records, uint32_t bytes);
