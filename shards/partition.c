/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/partition.h"

#include "core/hash.h"
#include "shards/partition_state.h"

#include <errno.h>
#include <stdio.h>

#define LIVE_MS (10 * 60 * INT64_C(1000))

#define UNAPPLIED_ROOM_MIN 64u
#define IDENTITY_PAGE_BYTES (UINT64_C(64) << 10)

static struct hash_key
secret_of(const struct node *node)
{
    struct hash_key key;

    memcpy(&key.lo, node->secret, sizeof(key.lo));
    memcpy(&key.hi, node->secret + sizeof(key.lo), sizeof(key.hi));
    return key;
}

void
partition_store_name(uint16_t number, char name[DISK_NAME_BYTES_MAX])
{
    snprintf(name, DISK_NAME_BYTES_MAX, PARTITION_FOLDER "/%03u.pages", number);
}

/* Of identifiers, at a start: what all partitions of the shard may have then, less what those before this one took. The
   next turn knows how much is free. */
static uint64_t
bytes_at_start(const struct partition *partition)
{
    uint64_t most = node_bytes_at_start(partition->options.node);
    uint64_t used = region_used(partition->region);

    return most == 0 ? 0 : most > used ? most - used : 1;
}

struct log_store_options
partition_store_options(const struct partition *partition, char name[DISK_NAME_BYTES_MAX])
{
    const struct partition_options *options = &partition->options;
    struct log_store_options store = {
        .env = options->env,
        .region = partition->region,
        .name = name,
        .store_id = options->store_id,
        .number = partition->number,
        .page_bytes = IDENTITY_PAGE_BYTES,
        .memory_bytes = bytes_at_start(partition),
        .is_indexed = true,
        .prefetch_bytes = sizeof(struct identifier),
        .on_fatal = options->on_fatal,
        .is_late = options->is_late,
        .context = options->context,
    };

    memcpy(store.seed, options->node->secret + sizeof(struct hash_key), sizeof(store.seed));
    partition_store_name(partition->number, name);
    return store;
}

int
partition_init(struct partition *partition, struct partition_options options)
{
    struct region *region = options.region;
    char name[DISK_NAME_BYTES_MAX];

    *partition = (struct partition){
        .number = options.number,
        .region = region,
        .node = options.node,
        .options = options,
        .last_received = {.ms = INT64_MIN},
        .applied_received = {.ms = INT64_MIN},
        .wall = {.ms = 0},
    };
    dedup_init(&partition->dedup, region);
    table_init(&partition->tenants, region, sizeof(struct tenant *));
    table_init(&partition->moved, region, sizeof(uint32_t));
    table_init(&partition->watched, region, sizeof(uint32_t));
    map_init(&partition->by_name, region);
    return log_store_open(partition_store_options(partition, name), &partition->identities);
}

/* Questions that wait belong to who asked; late look-ups have nobody to arrive at any more. */
void
partition_deinit(struct partition *partition)
{
    partition_state_forget(partition);
    log_store_close(partition->identities);
    partition->identities = NULL;
    region_put(partition->region, partition->unapplied, partition->unapplied_room * sizeof(struct unapplied));
    partition->unapplied = NULL;
    partition->unapplied_room = 0;
    for (uint32_t i = 0; i < partition->tenants.count; i++) {
        struct tenant *tenant = partition_tenant_at(partition, i);

        identity_deinit(&tenant->identity);
        for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
            dictionary_deinit(&tenant->dictionaries[d]);
        }
        region_put(partition->region, (void *)(uintptr_t)tenant->name.data, tenant->name.bytes);
        region_put(partition->region, tenant, sizeof(*tenant));
    }
    dedup_deinit(&partition->dedup);
    table_deinit(&partition->tenants);
    table_deinit(&partition->moved);
    table_deinit(&partition->watched);
    map_deinit(&partition->by_name);
}

static bool
is_same_tenant(const void *owner, uint32_t number, const void *key)
{
    return text_equal(partition_tenant_at(owner, number)->name, *(const struct text *)key);
}

static uint32_t
find_tenant(const struct partition *partition, struct text name)
{
    return map_find(&partition->by_name, hash64(secret_of(partition->node).lo, name), is_same_tenant,
                    partition, &name);
}

struct tenant *
partition_tenant(const struct partition *partition, struct text name)
{
    uint32_t no = find_tenant(partition, name);

    return no == MAP_NONE ? NULL : partition_tenant_at(partition, no);
}

struct tenant *
partition_make_tenant(struct partition *partition, struct text name)
{
    struct tenant *tenant = partition->last_made;
    struct tenant **slot;
    uint32_t no;

    /* A request's events are all of one tenant. */
    if (tenant != NULL && text_equal(tenant->name, name)) {
        return tenant;
    }
    no = find_tenant(partition, name);
    if (no != MAP_NONE) {
        partition->last_made = partition_tenant_at(partition, no);
        return partition->last_made;
    }
    tenant = region_take_zero(partition->region, sizeof(*tenant));
    slot = tenant == NULL ? NULL : table_add(&partition->tenants);
    if (slot == NULL) {
        return NULL;
    }
    *slot = tenant;
    tenant->no = partition->tenants.count - 1;
    tenant->name = region_text(partition->region, name);
    tenant->clock.watermark = NO_WATERMARK;
    tenant->newest_time = NO_WATERMARK;
    identity_init(&tenant->identity, partition->region, partition->identities, name,
                  secret_of(partition->node));
    for (uint32_t i = 0; i < DIMENSION_COUNT; i++) {
        dictionary_init(&tenant->dictionaries[i], partition->region,
                        partition->node->dictionary_day_count_max);
    }
    if (tenant->name.data == NULL ||
        map_insert(&partition->by_name, hash64(secret_of(partition->node).lo, name), tenant->no) != 0) {
        return NULL;
    }
    return tenant;
}

static struct unapplied *
unapplied_at(const struct partition *partition, uint32_t number)
{
    return &partition->unapplied[(partition->unapplied_first + number) & (partition->unapplied_room - 1)];
}

/* Whose the event is that was sequenced now; partition_apply_event() asks when its turn comes. */
static int
note_unapplied(struct partition *partition, uint32_t tenant_no)
{
    if (partition->unapplied_count == partition->unapplied_room) {
        uint32_t room = partition->unapplied_room == 0 ? UNAPPLIED_ROOM_MIN : partition->unapplied_room * 2;
        struct unapplied *larger = region_take(partition->region, room * sizeof(*larger));

        if (larger == NULL) {
            return fault_new(-ENOMEM);
        }
        for (uint32_t i = 0; i < partition->unapplied_count; i++) {
            larger[i] = *unapplied_at(partition, i);
        }
        region_put(partition->region, partition->unapplied, partition->unapplied_room * sizeof(*larger));
        partition->unapplied = larger;
        partition->unapplied_room = room;
        partition->unapplied_first = 0;
    }
    struct unapplied *unapplied = unapplied_at(partition, partition->unapplied_count++);

    unapplied->tenant_no = tenant_no;
    unapplied->has_keys = false;
    return 0;
}

uint32_t
partition_window_count(const struct partition *partition, const struct settings_record *settings)
{
    uint64_t share = settings->dedup_events / partition->node->partition_count;

    /* Settings stand before every event, unless their loss was accepted. */
    if (settings->header.bytes == 0) {
        return DEDUP_TENANT_COUNT_MIN;
    }
    return share == 0 ? 1 : (uint32_t)(share < INT32_MAX ? share : INT32_MAX);
}

int
partition_sequence(struct partition *partition, const struct record_header *record, uint64_t durable_when)
{
    partition->next_position++;
    if (record->kind == RECORD_SETTINGS) {
        partition->newest_settings = *(const struct settings_record *)(const void *)record;
        return dedup_resize(&partition->dedup,
                            partition_window_count(partition, &partition->newest_settings));
    }
    if (record->kind == RECORD_EVENT) {
        int r = partition->dedup.capacity > 0
                    ? 0
                    : dedup_resize(&partition->dedup,
                                   partition_window_count(partition, &partition->newest_settings));
        const struct event_record *event = (const void *)record;
        struct tenant *tenant = partition_make_tenant(partition, event_text(event, EVENT_TENANT_ID));

        if (r != 0 || tenant == NULL || note_unapplied(partition, tenant->no) != 0) {
            return fault_new(-ENOMEM);
        }
        partition->last_received = event->received_at;
        return dedup_add(&partition->dedup, event->id_hash, tenant->no, event->received_at, durable_when);
    }
    return 0;
}

/*
 * An event touches a page of the store for each identifier, its record and its person: 100 ns each, one after the
 * other, where nobody was for a long time. So each step asks for what all events of the batch need that is known where
 * to find after the step before. What is on disk is read, 100 us each, side by side. All of these are hints.
 */
void
partition_prefetch(const struct event_ahead *batch, uint32_t count)
{
    struct unapplied *unapplied[PARTITION_AHEAD_COUNT];
    const struct identity *identities[PARTITION_AHEAD_COUNT];

    REQUIRE(count <= PARTITION_AHEAD_COUNT);
    for (uint32_t i = 0; i < count; i++) {
        const struct partition *partition = batch[i].partition;

        ASSERT(batch[i].before < partition->unapplied_count);
        unapplied[i] = unapplied_at(partition, batch[i].before);
        identities[i] = &partition_tenant_at(partition, unapplied[i]->tenant_no)->identity;
        unapplied[i]->keys = identity_keys(identities[i], batch[i].record);
        unapplied[i]->has_keys = true;
    }
    for (uint32_t step = 0; step < IDENTITY_PREFETCH_STEPS; step++) {
        for (uint32_t i = 0; i < count; i++) {
            identity_prefetch(identities[i], batch[i].record, &unapplied[i]->keys, step);
        }
    }
}

bool
partition_is_prefetched(const struct partition *partition)
{
    return partition->unapplied_count > 0 && unapplied_at(partition, 0)->has_keys;
}

/* Puts a tenant on a list of numbers, whose table only ever grows. */
static int
list_tenant(struct table *list, uint32_t *count, uint32_t no)
{
    if (*count == list->count && table_add(list) == NULL) {
        return fault_new(-ENOMEM);
    }
    *(uint32_t *)table_at(list, (*count)++) = no;
    return 0;
}

/* For the next PROGRESS. */
static int
note_moved(struct partition *partition, struct tenant *tenant)
{
    if (tenant->has_moved) {
        return 0;
    }
    tenant->has_moved = true;
    return list_tenant(&partition->moved, &partition->moved_count, tenant->no);
}

int
partition_watch(struct partition *partition, struct tenant *tenant)
{
    if (tenant->is_watched) {
        return 0;
    }
    tenant->is_watched = true;
    return list_tenant(&partition->watched, &partition->watched_count, tenant->no);
}

/* The order of the semantics: late?, identity, watermark; then codes, which depend on nothing else. */
int
partition_apply_event(struct partition *partition, const struct event_record *record, uint64_t position,
                      struct wall_ms wall, struct partition_outcome *out_outcome)
{
    struct unapplied *unapplied;
    struct tenant *tenant;
    const struct settings_record *settings = &partition->settings;
    struct applied_event *event = &out_outcome->event;
    struct event_ms before;
    struct event_ms after;
    struct identity_outcome identity;
    int r;

    REQUIRE(partition->unapplied_count > 0);
    unapplied = unapplied_at(partition, 0);
    tenant = partition_tenant_at(partition, unapplied->tenant_no);
    if (!unapplied->has_keys) {
        unapplied->keys = identity_keys(&tenant->identity, record);
        unapplied->has_keys = true;
    }
    r = identity_look_up(&tenant->identity, &partition->event, record, &unapplied->keys);
    if (r != 0) {
        return r;
    }
    partition->unapplied_first = (partition->unapplied_first + 1) & (partition->unapplied_room - 1);
    partition->unapplied_count--;
    before = tenant_clock_watermark(&tenant->clock, wall, settings->out_of_orderness_ms);
    *event = (struct applied_event){
        .record = record,
        .position = position,
        .tenant_no = tenant->no,
        .watermark_before = before,
        .is_late =
            before.ms != INT64_MIN && record->event_time.ms < before.ms - settings->allowed_lateness_ms,
    };

    r = identity_apply(&tenant->identity, &partition->event, position, &identity);
    if (r != 0) {
        return fault_up(r);
    }
    after.ms = record->event_time.ms - settings->out_of_orderness_ms;
    after.ms = after.ms > before.ms ? after.ms : before.ms;
    if (record->event_time.ms >= tenant->newest_time.ms) {
        tenant->newest_time = record->event_time;
        tenant->newest_received = record->received_at;
    }
    tenant->clock = (struct tenant_clock){
        .watermark = after,
        .block_wall = wall,
        .is_live = tenant->newest_received.ms - tenant->newest_time.ms <= LIVE_MS,
    };
    tenant->total_events++;
    partition->applied_received = record->received_at;

    event->watermark = after;
    event->person = identity.who.person;
    event->canonical = identity.who.uuid;
    out_outcome->alias_refused = identity.alias_refused;
    out_outcome->limit_reached = identity.limit_reached;
    out_outcome->merge_count = identity.merge_count;
    for (uint32_t i = 0; i < identity.merge_count; i++) {
        const struct merges *merges = &tenant->identity.merges;
        const struct merge *merge = merges_at(merges, merges_count(merges) - identity.merge_count + i);

        out_outcome->merges[i] = (struct applied_merge){
            .position = position,
            .tenant_no = tenant->no,
            .loser_person = merge->loser,
            .winner_person = merge->winner,
            .loser_slice = node_slice(partition->node, merge->loser_uuid),
            .winner_slice = node_slice(partition->node, merge->winner_uuid),
            .loser = merge->loser_uuid,
            .winner = merge->winner_uuid,
            .watermark = before,
            .tenant_id = tenant->name,
        };
    }

    static const enum event_text dimension_texts[DIMENSION_COUNT] = {
        [DIMENSION_EVENT_TYPE] = EVENT_EVENT_TYPE,
        [DIMENSION_COUNTRY] = EVENT_COUNTRY,
        [DIMENSION_DEVICE_TYPE] = EVENT_DEVICE_TYPE,
        [DIMENSION_BROWSER] = EVENT_BROWSER,
        [DIMENSION_OS] = EVENT_OS,
        [DIMENSION_PAGE_URL] = EVENT_PAGE_URL,
    };
    struct text texts[DIMENSION_COUNT];

    for (uint32_t i = 0; i < DIMENSION_COUNT; i++) {
        texts[i] = event_text(record, dimension_texts[i]);
    }
    r = dictionary_codes(tenant->dictionaries, texts, DIMENSION_COUNT,
                         floor_div(record->event_time.ms, MS_PER_DAY), event->code);
    if (r != 0) {
        return fault_up(r);
    }

    r = note_moved(partition, tenant);
    if (r != 0) {
        return fault_up(r);
    }
    return tenant->clock.is_live ? partition_watch(partition, tenant) : 0;
}

/* What the clock said so far stays: a watermark never goes back. It goes on from there at the pace it had. */
static int
fold_clock(struct partition *partition, struct tenant *tenant, struct wall_ms wall)
{
    struct tenant_clock *clock = &tenant->clock;
    struct event_ms now = tenant_clock_watermark(clock, wall, partition->settings.out_of_orderness_ms);

    if (now.ms == clock->watermark.ms) {
        return 0;
    }
    clock->block_wall.ms += now.ms - clock->watermark.ms;
    clock->watermark = now;
    return note_moved(partition, tenant);
}

int
partition_apply_settings(struct partition *partition, const struct settings_record *settings,
                         struct wall_ms wall)
{
    bool is_new = settings->out_of_orderness_ms != partition->settings.out_of_orderness_ms;

    /* Linear: settings change at a start. */
    for (uint32_t i = 0; is_new && i < partition->tenants.count; i++) {
        int r = fold_clock(partition, partition_tenant_at(partition, i), wall);

        if (r != 0) {
            return fault_up(r);
        }
    }
    partition->settings = *settings;
    return 0;
}

void
partition_see(struct partition *partition, struct wall_ms wall)
{
    if (wall.ms > partition->wall.ms) {
        partition->wall = wall;
        partition->has_progress |= partition->watched_count > 0;
    }
}

struct event_ms
partition_watermark(const struct partition *partition, const struct tenant *tenant)
{
    return tenant_clock_watermark(&tenant->clock, partition->wall, partition->settings.out_of_orderness_ms);
}

bool
partition_needs_clock(struct partition *partition)
{
    uint32_t kept = 0;

    /* Linear: over tenants that were live lately, once a second. Those whose sessions all closed leave the list. */
    for (uint32_t i = 0; i < partition->watched_count; i++) {
        uint32_t no = *(uint32_t *)table_at(&partition->watched, i);
        struct tenant *tenant = partition_tenant_at(partition, no);
        int64_t open_until = tenant->newest_time.ms + partition->settings.session_gap_ms;

        if (tenant->clock.is_live && partition_watermark(partition, tenant).ms <= open_until) {
            *(uint32_t *)table_at(&partition->watched, kept++) = no;
        } else {
            tenant->is_watched = false;
        }
    }
    partition->watched_count = kept;
    return kept > 0;
}

struct reading
partition_reading(const struct partition *partition, const struct tenant *tenant)
{
    return (struct reading){
        .is_known = tenant != NULL && tenant->total_events > 0,
        .partition = partition->number,
        .tenant_no = tenant == NULL ? 0 : tenant->no,
        .position = partition->applied_count == 0 ? NO_POSITION : partition->applied_count - 1,
        .watermark = tenant == NULL ? NO_WATERMARK : partition_watermark(partition, tenant),
        .wall = partition->wall,
    };
}

/* Wherever it is. To be put back. */
static const void *
record_at(const struct identity *identity, struct store_key key, struct log_piece *piece)
{
    REQUIRE(log_store_read_now(identity->store, key, piece) == 0);
    return piece->record;
}

static uint64_t
person_state_hash(const struct identity *identity, uint32_t person)
{
    struct log_piece piece;
    const struct uuid uuid =
        identity_uuid(record_at(identity, identity_people_key(identity, person), &piece), person);
    struct log_piece canonical_piece;
    struct text name = {.data = (const char *)uuid.byte, .bytes = sizeof(uuid.byte)};
    const struct canonical *canonical =
        record_at(identity, identity_canonical_key(identity, uuid), &canonical_piece);
    uint64_t hash = 0;

    log_piece_put(identity->store, &piece);
    for (uint32_t i = 0; i < canonical->identifier_count; i++) {
        const struct identifier *identifier = record_at(identity, canonical->identifiers[i], &piece);

        ASSERT(merges_living(&identity->merges, identifier->person) == person);
        hash = hash_mix(hash + hash64(identifier->kind,
                                      (struct text){.data = identifier->value, .bytes = identifier->bytes}));
        log_piece_put(identity->store, &piece);
    }
    hash += hash64(canonical->merge_count, name);
    hash = hash_mix(hash + merges_living(&identity->merges, person) + canonical->has_owner);
    log_piece_put(identity->store, &canonical_piece);
    return hash;
}

static uint64_t
merges_state_hash(const struct identity *identity)
{
    uint64_t hash = hash_mix(identity->person_count);

    for (uint32_t i = 0; i < merges_count(&identity->merges); i++) {
        const struct merge *merge = merges_at(&identity->merges, i);

        hash = hash_mix(hash + merge->loser + ((uint64_t)merge->winner << 32)) + merge->position;
        hash = hash_mix(hash + (uint64_t)merge->event_time.ms + ((uint64_t)merge->before << 32));
    }
    return hash;
}

uint64_t
partition_state_hash(const struct partition *partition)
{
    uint64_t hash = hash_mix(partition->applied_count + partition->number);

    for (uint32_t t = 0; t < partition->tenants.count; t++) {
        const struct tenant *tenant = partition_tenant_at(partition, t);

        hash = hash_mix(hash + hash64(t, tenant->name) + tenant->total_events);
        hash = hash_mix(hash + (uint64_t)tenant->clock.watermark.ms + tenant->clock.is_live);
        for (uint32_t p = 0; p < tenant->identity.person_count; p++) {
            hash = hash_mix(hash + person_state_hash(&tenant->identity, p));
        }
        hash = hash_mix(hash + merges_state_hash(&tenant->identity) + (uint64_t)tenant->newest_time.ms);
        hash = hash_mix(hash + (uint64_t)tenant->newest_received.ms);
        for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
            hash = hash_mix(hash + dictionary_state_hash(&tenant->dictionaries[d]));
        }
    }
    hash = hash_mix(hash + (uint64_t)partition->last_received.ms + partition->next_position);
    hash = hash_mix(hash + hash64(1, (struct text){.data = (const char *)&partition->newest_settings,
                                                   .bytes = sizeof(partition->newest_settings)}));
    hash = hash_mix(hash + hash64(2, (struct text){.data = (const char *)&partition->settings,
                                                   .bytes = sizeof(partition->settings)}));
    return hash + dedup_state_hash(&partition->dedup);
}
