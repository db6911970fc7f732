/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/sim/model_state.h"

#include <stdlib.h>

#define LIVE_MS_MAX 600000
#define SILENCE_MS 10000

/* ---- containers ---- */

void *
model_take(struct arena *arena, uint64_t bytes)
{
    void *at = arena_take_zero(arena, bytes);

    ASSERT(at != NULL);
    return at;
}

struct text
model_text(struct arena *arena, struct text text)
{
    char *copy = model_take(arena, (uint64_t)text.bytes + 1);

    if (text.bytes > 0) {
        memcpy(copy, text.data, text.bytes);
    }
    return (struct text){.data = copy, .bytes = text.bytes};
}

void
model_list_add(struct arena *arena, struct model_list *list, void *item)
{
    if (list->count == list->count_max) {
        uint32_t count_max = list->count_max == 0 ? 4 : list->count_max * 2;
        void **at = model_take(arena, count_max * sizeof(*at));
        if (list->count > 0) {
            memcpy(at, list->at, list->count * sizeof(*at));
        }
        list->at = at;
        list->count_max = count_max;
    }
    list->at[list->count++] = item;
}

void
model_list_remove(struct model_list *list, const void *item)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        if (list->at[i] != item) {
            list->at[kept++] = list->at[i];
        }
    }
    ASSERT(kept + 1 == list->count);
    list->count = kept;
}

/* FNV-1a; the slot of the key or the free one where it belongs. */
static struct model_map_slot *
map_slot(const struct model_map *map, struct text key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (uint32_t i = 0; i < key.bytes; i++) {
        hash = (hash ^ (uint8_t)key.data[i]) * UINT64_C(0x100000001b3);
    }
    for (uint64_t i = hash ^ (hash >> 32);; i++) {
        struct model_map_slot *slot = &map->slots[i & (map->slot_count - 1)];
        if (slot->key.data == NULL || text_equal(slot->key, key)) {
            return slot;
        }
    }
}

void *
model_map_find(const struct model_map *map, struct text key)
{
    return map->slot_count == 0 ? NULL : map_slot(map, key)->value;
}

void
model_map_put(struct arena *arena, struct model_map *map, struct text key, void *value)
{
    struct model_map_slot *slot;

    REQUIRE(value != NULL);
    if (2 * (map->count + 1) > map->slot_count) {
        struct model_map old = *map;
        map->slot_count = old.slot_count == 0 ? 16 : old.slot_count * 2;
        map->slots = model_take(arena, map->slot_count * sizeof(*map->slots));
        for (uint32_t i = 0; i < old.slot_count; i++) {
            if (old.slots[i].key.data != NULL) {
                *map_slot(map, old.slots[i].key) = old.slots[i];
            }
        }
    }
    slot = map_slot(map, key);
    if (slot->key.data == NULL) {
        slot->key = model_text(arena, key);
        map->count++;
    }
    slot->value = value;
}

/* ---- name-based UUIDs (RFC 9562 version 5), with a plain SHA-1 of its own ---- */

static uint32_t
rotate(uint32_t value, uint32_t by)
{
    return value << by | value >> (32 - by);
}

static void
sha1_block(uint32_t state[5], const uint8_t block[64])
{
    uint32_t w[80];
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    uint32_t e = state[4];

    for (uint32_t i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    }
    for (uint32_t i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    for (uint32_t i = 0; i < 80; i++) {
        static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t mix[4] = {(b & c) | (~b & d), b ^ c ^ d, (b & c) | (b & d) | (c & d), b ^ c ^ d};
        uint32_t next = rotate(a, 5) + mix[i / 20] + e + k[i / 20] + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

struct uuid
model_uuid5(struct uuid space, const struct text *parts, uint32_t part_count)
{
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t block[64];
    uint64_t bytes = sizeof(space);
    struct uuid uuid;

    memcpy(block, space.byte, sizeof(space.byte));
    for (uint32_t i = 0; i < part_count; i++) {
        for (uint32_t j = 0; j < parts[i].bytes; j++) {
            block[bytes++ % 64] = (uint8_t)parts[i].data[j];
            if (bytes % 64 == 0) {
                sha1_block(state, block);
            }
        }
    }
    uint64_t bits = bytes * 8;
    block[bytes++ % 64] = 0x80;
    while (bytes % 64 != 56) {
        if (bytes % 64 == 0) {
            sha1_block(state, block);
        }
        block[bytes++ % 64] = 0;
    }
    for (uint32_t i = 0; i < 8; i++) {
        block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    sha1_block(state, block);
    for (uint32_t i = 0; i < 16; i++) {
        uuid.byte[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    }
    uuid.byte[6] = (uuid.byte[6] & 0x0f) | 0x50;
    uuid.byte[8] = (uuid.byte[8] & 0x3f) | 0x80;
    return uuid;
}

struct text
model_uuid_text(struct uuid uuid, char to[37])
{
    static const char hex[] = "0123456789abcdef";
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            to[bytes++] = '-';
        }
        to[bytes++] = hex[uuid.byte[i] >> 4];
        to[bytes++] = hex[uuid.byte[i] & 15];
    }
    to[bytes] = '\0';
    return (struct text){.data = to, .bytes = bytes};
}

/* ---- the log ---- */

struct model *
model_create(uint32_t partition_count)
{
    struct model *model = calloc(1, sizeof(*model));

    ASSERT(model != NULL);
    arena_pool_init(&model->pool, 1u << 20);
    arena_init(&model->arena, &model->pool, UINT64_C(1) << 40);
    arena_init(&model->scratch, &model->pool, UINT64_C(1) << 40);
    model->dictionary_values_max = 10000;
    model->partition_count = partition_count;
    model->partitions = model_take(&model->arena, partition_count * sizeof(*model->partitions));
    for (uint32_t i = 0; i < partition_count; i++) {
        model->partitions[i].wall = MODEL_NEVER;
        model->partitions[i].settings = (struct settings_record){
            .out_of_orderness_ms = 60000,
            .allowed_lateness_ms = 0,
            .session_gap_ms = 30 * 60000,
            .session_horizon_ms = MS_PER_DAY,
        };
    }
    return model;
}

void
model_destroy(struct model *model)
{
    if (model == NULL) {
        return;
    }
    arena_reset(&model->scratch);
    arena_reset(&model->arena);
    arena_pool_deinit(&model->pool);
    free(model);
}

void
model_dictionary_values_max(struct model *model, uint32_t values_max)
{
    model->dictionary_values_max = values_max;
}

struct model_tenant *
model_tenant_find(const struct model *model, struct text id)
{
    return model_map_find(&model->tenants, id);
}

const struct settings_record *
model_settings(const struct model *model, const struct model_tenant *tenant)
{
    return &model->partitions[tenant->partition].settings;
}

/* §5 "Silence". */
static void
look_at_watermark(const struct model *model, struct model_tenant *tenant, int64_t wall)
{
    int64_t silence;
    int64_t most;

    if (tenant->watermark == MODEL_NEVER || tenant->newest_received - tenant->newest_time > LIVE_MS_MAX) {
        return;
    }
    silence = tenant->watermark_then + (wall - tenant->wall_then - SILENCE_MS);
    most = wall - model_settings(model, tenant)->out_of_orderness_ms;
    silence = silence < most ? silence : most;
    if (silence > tenant->watermark) {
        tenant->watermark = silence;
    }
}

void
model_see(struct model *model, uint32_t partition, int64_t block_wall_ms)
{
    struct model_partition *here;

    REQUIRE(partition < model->partition_count);
    here = &model->partitions[partition];
    REQUIRE(block_wall_ms >= here->wall);
    here->wall = block_wall_ms;
    for (uint32_t i = 0; i < here->tenants.count; i++) {
        look_at_watermark(model, here->tenants.at[i], block_wall_ms);
    }
}

static struct model_tenant *
tenant_of(struct model *model, uint32_t partition, struct text id)
{
    static const struct uuid namespace_oid = {
        {0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
    struct model_tenant *tenant = model_tenant_find(model, id);

    if (tenant == NULL) {
        tenant = model_take(&model->arena, sizeof(*tenant));
        tenant->id = model_text(&model->arena, id);
        tenant->space = model_uuid5(namespace_oid, (struct text[]){TEXT("millrace/"), id}, 2);
        tenant->partition = partition;
        tenant->watermark = MODEL_NEVER;
        tenant->newest_time = MODEL_NEVER;
        model_map_put(&model->arena, &model->tenants, id, tenant);
        model_list_add(&model->arena, &model->tenant_list, tenant);
        model_list_add(&model->arena, &model->partitions[partition].tenants, tenant);
    }
    REQUIRE(tenant->partition == partition);
    return tenant;
}

/* The key that a value has in roll-ups: the first values of a day are themselves. */
static struct text
dimension_key(struct model *model, struct model_tenant *tenant, uint32_t dimension, int64_t day,
              struct text value)
{
    char name[2048];
    struct text of_day = {.data = name, .bytes = 9};
    struct text of_value = {.data = name, .bytes = 9 + value.bytes};
    uint32_t *count;

    if (value.bytes == 0) {
        return TEXT("(none)");
    }
    REQUIRE(of_value.bytes <= sizeof(name));
    name[0] = (char)('0' + dimension);
    memcpy(name + 1, &day, sizeof(day));
    memcpy(name + 9, value.data, value.bytes);
    if (model_map_find(&tenant->dictionary, of_value) != NULL) {
        return value;
    }
    count = model_map_find(&tenant->dictionary_counts, of_day);
    if (count == NULL) {
        count = model_take(&model->arena, sizeof(*count));
        model_map_put(&model->arena, &tenant->dictionary_counts, of_day, count);
    }
    if (*count == model->dictionary_values_max) {
        return TEXT("(other)");
    }
    ++*count;
    model_map_put(&model->arena, &tenant->dictionary, of_value, tenant);
    return value;
}

static void
apply_event(struct model *model, uint32_t partition, uint64_t position, const struct event_record *at,
            int64_t wall)
{
    static const enum event_text dimension_texts[MODEL_BY_COUNT] = {
        EVENT_EVENT_TYPE, EVENT_COUNTRY, EVENT_DEVICE_TYPE, EVENT_BROWSER, EVENT_OS, EVENT_PAGE_URL};
    struct model_tenant *tenant = tenant_of(model, partition, event_text(at, EVENT_TENANT_ID));
    const struct settings_record *settings = model_settings(model, tenant);
    struct model_event *event = model_take(&model->arena, sizeof(*event));
    struct event_record *record = model_take(&model->arena, at->header.bytes);
    int64_t watermark_before = tenant->watermark;

    memcpy(record, at, at->header.bytes);
    *event = (struct model_event){.record = record, .position = position, .time = record->event_time.ms};

    /* 1. Late or not. */
    event->is_late =
        watermark_before != MODEL_NEVER && event->time < watermark_before - settings->allowed_lateness_ms;

    /* 2. Identity, a merge included. */
    event->person = model_identity_apply(model, tenant, event, watermark_before);

    /* 3. The watermark. 4. What W passed is closed by the look of it. */
    if (event->time - settings->out_of_orderness_ms > tenant->watermark) {
        tenant->watermark = event->time - settings->out_of_orderness_ms;
    }
    tenant->watermark_then = tenant->watermark;
    tenant->wall_then = wall;
    if (event->time >= tenant->newest_time) {
        tenant->newest_time = event->time;
        tenant->newest_received = record->received_at.ms;
    }

    /* 5. The event is added. */
    for (uint32_t i = 0; i < MODEL_BY_COUNT; i++) {
        event->key[i] = dimension_key(model, tenant, i, floor_div(event->time, MS_PER_DAY),
                                      event_text(record, dimension_texts[i]));
    }
    model_list_add(&model->arena, &tenant->events, event);
    model_list_add(&model->arena, &event->person->events, event);
    model_map_put(&model->arena, &tenant->event_ids, event_text(record, EVENT_EVENT_ID), event);
    model_profile_add(model, event->person, event);
    model_session_add(model, tenant, event, watermark_before, tenant->watermark);
    model->totals.events++;
    model->totals.late += event->is_late;
}

void
model_apply(struct model *model, uint32_t partition, uint64_t position, const void *record,
            int64_t block_wall_ms)
{
    const struct record_header *header = record;
    struct model_partition *here;

    model_see(model, partition, block_wall_ms);
    here = &model->partitions[partition];
    REQUIRE(!here->has_record || position > here->position);
    here->has_record = true;
    here->position = position;

    switch ((enum record_kind)header->kind) {
    case RECORD_EVENT:
        apply_event(model, partition, position, record, block_wall_ms);
        return;
    case RECORD_SETTINGS:
        memcpy(&here->settings, record, sizeof(here->settings));
        model_see(model, partition, block_wall_ms); /* with those */
        return;
    case RECORD_DELETE:
    case RECORD_MERGE:
    case RECORD_WATERMARK:
        base_die("REQUIRE", "the model knows events and settings only", __FILE__, __LINE__);
    }
    base_die("REQUIRE", "a record kind that exists", __FILE__, __LINE__);
}

/* ---- questions of the simulator ---- */

struct model_totals
model_totals(const struct model *model)
{
    return model->totals;
}

uint32_t
model_tenant_count(const struct model *model)
{
    return model->tenant_list.count;
}

struct text
model_tenant_id(const struct model *model, uint32_t index)
{
    const struct model_tenant *tenant = model->tenant_list.at[index];

    return tenant->id;
}

int64_t
model_watermark(const struct model *model, struct text tenant_id)
{
    const struct model_tenant *tenant = model_tenant_find(model, tenant_id);

    return tenant == NULL ? MODEL_NEVER : tenant->watermark;
}
