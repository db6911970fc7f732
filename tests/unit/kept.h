/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * kept - memory and events for tests of what a keeper is made of
 */

#include "tests/check.h"

#include "shards/memory.h"
#include "shards/message.h"
#include "shards/pack.h"

#include <stdlib.h>

#define MINUTE INT64_C(60000)
#define T0 INT64_C(1780315200000) /* 2026-06-01T12:00:00Z */

static struct region kept_region;
static struct memory memory;
static void *kept_records[8192];
static uint32_t kept_record_count;
static uint64_t kept_position;
static struct text kept_user; /* of the next events; bytes 0: nobody */

__attribute__((unused)) static void
given_memory(void)
{
    CHECK_EQ(region_init(&kept_region, UINT64_C(1) << 30), 0);
    memory = (struct memory){.region = &kept_region};
    kept_position = 0;
    kept_user = (struct text){0};
}

__attribute__((unused)) static void
then_memory_ends(void)
{
    region_deinit(&kept_region);
    while (kept_record_count > 0) {
        free(kept_records[--kept_record_count]);
    }
}

/* All of it came back. */
__attribute__((unused)) static void
then_nothing_is_left(void)
{
    CHECK_EQ(region_used(&kept_region), 0);
    then_memory_ends();
}

/* One with plenty of room, in memory that ends with the rest. */
__attribute__((unused)) static struct pack *
given_pack(void)
{
    uint32_t bytes = 1u << 20;
    struct pack *pack = memory_take(&memory, bytes);

    *pack = (struct pack){.capacity = bytes, .used = sizeof(*pack)};
    return pack;
}

/* A whole copy with no spare room, elsewhere; the old one is overwritten. */
__attribute__((unused)) static struct pack *
moved_pack(struct pack *pack, uint64_t bytes)
{
    struct pack *moved = memory_take(&memory, bytes);

    memcpy(moved, pack, bytes);
    memset(pack, 0xa5, bytes);
    return moved;
}

/* Texts by which; NULL-terminated pairs are not needed: one page, one device. Positions go up. */
__attribute__((unused)) static struct applied_event
an_event(int64_t time_ms, const char *type, const char *page, const char *traits)
{
    static const uint8_t secret[32] = {1, 2, 3};
    struct event_draft draft = {.event_time = {.ms = time_ms}, .received_at = {.ms = time_ms}};

    draft.text[EVENT_TENANT_ID] = TEXT("acme");
    draft.text[EVENT_EVENT_ID] = TEXT("id");
    draft.text[EVENT_EVENT_TYPE] = text_of(type);
    draft.text[EVENT_USER_ID] = kept_user;
    draft.text[EVENT_PAGE_URL] = text_of(page);
    draft.text[EVENT_TRAITS] = text_of(traits);
    void *record = calloc(1, record_event_bytes(&draft));
    CHECK(record != NULL);
    CHECK(kept_record_count < COUNT_OF(kept_records));
    kept_records[kept_record_count++] = record;
    record_write_event(record, &draft, secret, 16);
    return (struct applied_event){
        .record = record,
        .position = kept_position++,
        .person = 1,
        .watermark_before = NO_WATERMARK,
        .watermark = {.ms = time_ms - MINUTE},
    };
}
