/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is here is the way of a record in memory: found, added, changed. Around it:
 *
 *   log_store_pages.c    pages are opened, filled, closed, evicted, freed
 *   log_store_write.c    closed runs become durable
 *   log_store_read.c     records that are not in memory come back
 *   log_store_collect.c  what lives in pages full of garbage is moved, so that they can be freed
 *   log_store_restore.c  a cut is described, and a store made from it
 *
 * Cost of a look-up in memory: three dependent reads (directory, entry, record), each of which the caller can have
 * prefetched; the table of frames is small.
 */

#include "storage/log_store_state.h"

#define PREFETCH_LINE_COUNT 4u

uint32_t
log_store_record_bytes_max(uint64_t page_bytes)
{
    return log_page_room(page_bytes) - (uint32_t)sizeof(struct log_run_header) -
           (uint32_t)sizeof(struct log_record);
}

int
log_store_open(struct log_store_options options, struct log_store **out_store)
{
    struct log_store *store;
    int r;

    REQUIRE(options.page_bytes >= LOG_STORE_PAGE_BYTES_MIN);
    REQUIRE(options.page_bytes <= LOG_STORE_PAGE_BYTES_MAX);
    REQUIRE((options.page_bytes & (options.page_bytes - 1)) == 0);
    REQUIRE(strlen(options.name) < DISK_NAME_BYTES_MAX);
    REQUIRE(options.on_fatal != NULL || options.env == NULL);
    REQUIRE(options.env != NULL || !options.is_indexed);
    REQUIRE(options.place_of == NULL || (options.is_indexed && options.is_late == NULL));

    store = region_take_zero(options.region, sizeof(*store));
    if (store == NULL) {
        return fault_new(-ENOMEM);
    }
    store->options = options;
    store->region = options.region;
    store->disk = options.env != NULL ? options.env->disk : NULL;
    memcpy(store->name, options.name, strlen(options.name) + 1);
    store->options.name = store->name;
    if (options.prefetch_bytes == 0) {
        store->options.prefetch_bytes =
            PREFETCH_LINE_COUNT * CACHE_LINE_BYTES - (uint32_t)sizeof(struct log_record);
    }
    store->page_shift = (uint32_t)__builtin_ctzll(options.page_bytes);
    store->room = log_page_room(options.page_bytes);
    store->file = DISK_FILE_NONE;
    store->free = LOG_SLOT_NONE;
    store->dead = LOG_SLOT_NONE;
    store->dying = LOG_SLOT_NONE;
    store->unwritten = (struct log_list){LOG_SLOT_NONE, LOG_SLOT_NONE};
    for (uint32_t i = 0; i < LOG_STREAM_COUNT; i++) {
        store->tails[i] = LOG_SLOT_NONE;
        store->resident[i] = (struct log_list){LOG_SLOT_NONE, LOG_SLOT_NONE};
    }
    table_init(&store->pages, options.region, sizeof(struct log_page));
    log_store_set_memory(store, options.memory_bytes);
    r = log_index_init(&store->index, options.region, options.seed);
    if (r != 0) {
        log_store_close(store);
        return fault_up(r);
    }
    *out_store = store;
    return 0;
}

void
log_store_close(struct log_store *store)
{
    if (store == NULL) {
        return;
    }
    log_collect_deinit(store);
    log_reads_deinit(store);
    log_pages_deinit(store);
    log_index_deinit(&store->index);
    if (store->file.n >= 0) {
        store->disk->ops->close(store->disk, store->file);
    }
    region_put(store->options.region, store, sizeof(*store));
}

/* Finding. */

uint64_t *
log_store_entry(const struct log_store *store, struct store_key key, uint64_t hash, uint64_t address)
{
    if (!log_store_has_places(store)) {
        return log_index_find(&store->index, hash, address);
    }
    log_store_place *place = store->options.place_of(store->options.context, key);

    return place != NULL && log_index_address(*place) == address ? place : NULL;
}

static int
seek_place(const struct log_store *store, struct store_key key, uint64_t **out_entry,
           struct log_record **out_record, uint64_t *out_cold)
{
    log_store_place *place = store->options.place_of(store->options.context, key);

    *out_record = NULL;
    *out_cold = 0;
    if (place == NULL || *place == 0) {
        return LOG_STORE_ABSENT;
    }
    *out_entry = place;
    *out_record = log_record_at(store, log_index_address(*place));
    *out_cold = log_index_address(*place);
    return 0;
}

int
log_store_seek(const struct log_store *store, struct store_key key, uint64_t hash, uint64_t **out_entry,
               struct log_record **out_record, uint64_t *out_cold)
{
    if (log_store_has_places(store)) {
        return seek_place(store, key, out_entry, out_record, out_cold);
    }
    struct log_probe probe = log_index_probe(&store->index, hash);
    uint64_t cold = 0;

    for (;;) {
        uint64_t *entry = log_index_next(&probe);
        if (entry == NULL) {
            break;
        }
        struct log_record *record = log_record_at(store, log_index_address(*entry));
        if (record == NULL) {
            cold = cold == 0 ? log_index_address(*entry) : cold;
        } else if (memcmp(&record->key, &key, sizeof(key)) == 0) {
            *out_entry = entry;
            *out_record = record;
            return 0;
        }
    }
    *out_record = NULL;
    *out_cold = cold;
    return cold == 0 ? LOG_STORE_ABSENT : 0;
}

static bool
is_mutable(const struct log_store *store, uint64_t address)
{
    const struct log_page *page = log_page_at(store, log_slot_of(store, address));

    return page->is_open && log_offset_of(store, address) >= page->closed;
}

struct log_record *
log_store_copy(struct log_store *store, enum log_stream stream, uint64_t *entry,
               const struct log_record *record)
{
    uint32_t stride = log_record_stride(record->size);
    uint64_t from = log_index_address(*entry);
    uint64_t address;
    struct log_record *copy = log_pages_place(store, stream, stride, &address);

    if (copy != NULL) {
        memcpy(copy, record, stride);
        log_index_move(entry, address);
        log_pages_lose(store, from, stride);
    }
    return copy;
}

/* Simulation. What was just read would still be in memory. */
static bool
makes_late(struct log_store *store, struct store_key key, struct log_store_waiter *waiter)
{
    for (uint32_t i = 0; i < LOG_SURE_COUNT; i++) {
        if (memcmp(&store->sure[i], &key, sizeof(key)) == 0) {
            return false;
        }
    }
    if (!store->options.is_late(store->options.context)) {
        return false;
    }
    waiter->key = key;
    log_waiter_add(&store->late_first, &store->late_last, waiter);
    store->counts.late++;
    return true;
}

uint64_t
log_store_arrive(struct log_store *store, uint64_t count)
{
    uint64_t arrived = 0;

    while (arrived < count && store->late_first != NULL) {
        struct log_store_waiter *waiter = log_waiter_take(&store->late_first, &store->late_last);

        store->counts.late--;
        store->sure[store->sure_next++ % LOG_SURE_COUNT] = waiter->key;
        arrived++;
        waiter->arrived(waiter);
    }
    return arrived;
}

int
log_store_find(struct log_store *store, struct store_key key, struct log_store_waiter *waiter,
               void **out_record, uint32_t *out_bytes)
{
    uint64_t hash = log_index_hash(&store->index, key);
    struct log_record *record;
    uint64_t *entry;
    uint64_t cold;

    if (UNLIKELY(store->options.is_late != NULL) && makes_late(store, key, waiter)) {
        return LOG_STORE_LATER;
    }
    if (log_store_seek(store, key, hash, &entry, &record, &cold) == LOG_STORE_ABSENT) {
        return LOG_STORE_ABSENT;
    }
    if (record == NULL) {
        log_reads_wait(store, waiter, key, cold);
        return LOG_STORE_LATER;
    }
    if (UNLIKELY(store->second_chance > 0) && !log_store_has_places(store)) {
        uint64_t address = log_index_address(*entry);
        const struct log_page *page = log_page_at(store, log_slot_of(store, address));

        if (page->opened < store->second_chance && !is_mutable(store, address)) {
            struct log_record *copy = log_store_copy(store, LOG_STREAM_HOT, entry, record);
            record = copy != NULL ? copy : record;
        }
    }
    *out_record = record->payload;
    *out_bytes = log_record_bytes(record->size);
    return 0;
}

void
log_store_prefetch(const struct log_store *store, struct store_key key)
{
    REQUIRE(!log_store_has_places(store));
    log_index_prefetch(&store->index, log_index_hash(&store->index, key));
}

void
log_store_prefetch_record(struct log_store *store, struct store_key key)
{
    REQUIRE(!log_store_has_places(store));
    struct log_probe probe = log_index_probe(&store->index, log_index_hash(&store->index, key));
    const uint64_t *entry = log_index_next(&probe);

    if (entry != NULL) {
        const struct log_record *record = log_record_at(store, log_index_address(*entry));
        if (record != NULL) {
            prefetch_lines(record, sizeof(*record) + store->options.prefetch_bytes);
        } else {
            log_reads_ahead(store, key, log_index_address(*entry));
        }
    }
}

const void *
log_store_peek(const struct log_store *store, struct store_key key, uint32_t *out_bytes)
{
    REQUIRE(!log_store_has_places(store));
    struct log_record *record;
    uint64_t *entry;
    uint64_t cold;
    int r = log_store_seek(store, key, log_index_hash(&store->index, key), &entry, &record, &cold);

    if (r != 0 || record == NULL) {
        return NULL;
    }
    *out_bytes = log_record_bytes(record->size);
    return record->payload;
}

/* Adding and changing. */

static uint32_t
padded(uint32_t bytes)
{
    return (bytes + LOG_RECORD_ALIGN - 1) & ~(LOG_RECORD_ALIGN - 1);
}

static void
check_bytes(const struct log_store *store, uint32_t bytes)
{
    REQUIRE(bytes <= log_store_record_bytes_max(store->options.page_bytes));
}

void *
log_store_add(struct log_store *store, struct store_key key, uint32_t bytes)
{
    uint64_t hash = log_index_hash(&store->index, key);
    uint64_t address;

    REQUIRE(store->options.is_indexed);
    REQUIRE(!log_store_has_places(store));
    check_bytes(store, bytes);
    if (log_index_reserve(&store->index, hash) != 0) {
        return NULL;
    }
    struct log_record *record =
        log_pages_place(store, LOG_STREAM_HOT, (uint32_t)sizeof(*record) + padded(bytes), &address);
    if (record == NULL) {
        return NULL;
    }
    record->size = bytes;
    record->key = key;
    log_index_insert(&store->index, hash, address);
    store->counts.changed_bytes += bytes;
    return record->payload;
}

void *
log_store_append(struct log_store *store, struct store_key key, uint32_t bytes, uint64_t *out_address)
{
    REQUIRE(!store->options.is_indexed);
    check_bytes(store, bytes);
    struct log_record *record =
        log_pages_place(store, LOG_STREAM_HOT, (uint32_t)sizeof(*record) + padded(bytes), out_address);
    if (record == NULL) {
        return NULL;
    }
    record->size = bytes;
    record->key = key;
    store->counts.changed_bytes += bytes;
    return record->payload;
}

const void *
log_store_at(const struct log_store *store, uint64_t address, uint32_t *out_bytes)
{
    REQUIRE(!store->options.is_indexed);
    REQUIRE(log_slot_of(store, address) < store->pages.count);
    const struct log_record *record = log_record_at(store, address);

    if (record == NULL) {
        return NULL;
    }
    *out_bytes = log_record_bytes(record->size);
    return record->payload;
}

uint64_t
log_store_address(log_store_place place)
{
    return log_index_address(place);
}

struct store_key
log_store_key_of(const void *payload)
{
    const struct log_record *record =
        (const struct log_record *)(const void *)((const uint8_t *)payload -
                                                  offsetof(struct log_record, payload));

    return record->key;
}

/* Where a record is that its caller has in his hand. */
static uint64_t *
entry_of(const struct log_store *store, uint64_t hash, const void *payload)
{
    struct log_probe probe = log_index_probe(&store->index, hash);

    for (;;) {
        uint64_t *entry = log_index_next(&probe);
        REQUIRE(entry != NULL); /* it was found, and nothing has moved it since */
        const struct log_record *record = log_record_at(store, log_index_address(*entry));
        if (record != NULL && record->payload == payload) {
            return entry;
        }
    }
}

/* Of a record that has room for so many. What is left over becomes slack, or a dead record of its own. */
static void
resize_in_place(struct log_store *store, struct log_record *record, uint64_t address, uint32_t bytes)
{
    uint32_t stride = log_record_stride(record->size);
    uint32_t least = (uint32_t)sizeof(*record) + padded(bytes);
    uint32_t slack = (stride - least) / LOG_RECORD_ALIGN;

    if (slack <= LOG_RECORD_SLACK_MAX) {
        record->size = bytes | slack << 24;
        return;
    }
    struct log_record *rest = (struct log_record *)(void *)((uint8_t *)record + least);
    *rest = (struct log_record){
        .size = LOG_RECORD_DEAD | (stride - least - (uint32_t)sizeof(*rest)),
    };
    record->size = bytes;
    log_pages_lose(store, address, stride - least);
}

void *
log_store_change(struct log_store *store, struct store_key key, void *payload, uint32_t bytes)
{
    REQUIRE(!log_store_has_places(store));
    struct log_record *record = CONTAINER_OF(payload, struct log_record, payload);
    uint64_t *entry = entry_of(store, log_index_hash(&store->index, key), payload);
    uint64_t from = log_index_address(*entry);
    uint32_t stride = log_record_stride(record->size);
    bool can_change = is_mutable(store, from);
    uint64_t address;

    check_bytes(store, bytes);
    store->counts.changed_bytes += bytes;
    if (can_change && sizeof(*record) + padded(bytes) <= stride) {
        resize_in_place(store, record, from, bytes);
        return payload;
    }
    struct log_record *changed =
        log_pages_place(store, LOG_STREAM_HOT, (uint32_t)sizeof(*record) + padded(bytes), &address);
    if (changed == NULL) {
        return NULL;
    }
    uint32_t kept = log_record_bytes(record->size) < bytes ? log_record_bytes(record->size) : bytes;
    memcpy(changed->payload, payload, kept);
    changed->size = bytes;
    changed->key = key;
    if (can_change) {
        record->size |= LOG_RECORD_DEAD; /* so that no start takes it for the newest */
    }
    log_index_move(entry, address);
    log_pages_lose(store, from, stride);
    return changed->payload;
}

void *
log_store_put(struct log_store *store, struct store_key key, log_store_place *place, uint32_t bytes)
{
    uint32_t stride = (uint32_t)sizeof(struct log_record) + padded(bytes);
    uint64_t before = log_index_address(*place);
    bool can_change = *place != 0 && is_mutable(store, before);
    struct log_record *known = can_change ? log_record_at(store, before) : NULL;
    uint64_t address;

    REQUIRE(log_store_has_places(store));
    check_bytes(store, bytes);
    if (known != NULL && stride <= log_record_stride(known->size)) {
        resize_in_place(store, known, before, bytes);
        *place = log_place_make(before, log_record_stride(known->size));
        store->counts.changed_bytes += bytes;
        return known->payload;
    }
    struct log_record *record = log_pages_place(store, LOG_STREAM_HOT, stride, &address);
    if (record == NULL) {
        return NULL;
    }
    record->size = bytes;
    record->key = key;
    if (known != NULL) {
        known->size |= LOG_RECORD_DEAD; /* so that no start takes it for the newest */
    }
    if (*place != 0) {
        log_pages_lose(store, before, log_place_stride(*place));
    } else {
        store->placed_count++;
    }
    *place = log_place_make(address, stride);
    store->counts.changed_bytes += bytes;
    return record->payload;
}

/* Turns and cuts. */

void
log_store_set_memory(struct log_store *store, uint64_t bytes)
{
    uint64_t count = bytes / store->options.page_bytes;
    uint64_t least = store->options.is_indexed ? 4 : 1;

    store->limit_count = bytes == 0 ? UINT64_MAX : count < least ? least : count;
}

bool
log_store_step(struct log_store *store, struct mono_ns until)
{
    bool has_more;

    if (store->is_fatal || store->options.env == NULL) {
        return false;
    }
    log_pages_bury(store);
    log_pages_relieve(store);
    log_reads_step(store);
    has_more = log_writes_step(store, until);
    return log_collect_step(store, until) || has_more;
}

void
log_store_cut(struct log_store *store, uint64_t cut)
{
    REQUIRE(!store->has_cut || cut > store->cut);
    REQUIRE(log_store_is_cut_durable(store));

    for (uint32_t i = 0; i < LOG_STREAM_COUNT; i++) {
        uint32_t slot = store->resident[i].first;

        for (; slot != LOG_SLOT_NONE; slot = log_page_at(store, slot)->resident_next) {
            const struct log_page *page = log_page_at(store, slot);
            if (page->is_open && (page->live_bytes > 0 || page->is_tail)) {
                log_pages_close_run(store, slot);
            }
        }
    }
    store->has_cut = true;
    store->cut = cut;
    store->cut_sequence = store->sequence;
    store->cut_opened = store->opened;
    store->cut_key_count = log_store_key_count(store);
    store->cut_unwritten_count = store->unwritten_count;
}

bool
log_store_is_cut_durable(const struct log_store *store)
{
    return store->cut_unwritten_count == 0;
}

bool
log_store_is_disk_full(const struct log_store *store)
{
    return store->is_disk_full;
}

bool
log_store_is_behind(const struct log_store *store)
{
    return store->limit_count != UINT64_MAX &&
           store->resident_count > store->limit_count + store->limit_count / 4 + 2;
}

bool
log_store_is_idle(const struct log_store *store)
{
    return store->write_count == 0 && store->read_count == 0 && store->file_state != LOG_FILE_OPENING &&
           store->collect.state != LOG_COLLECT_READING;
}

struct log_store_counts
log_store_counts(const struct log_store *store)
{
    struct log_store_counts counts = store->counts;

    counts.keys = log_store_key_count(store);
    counts.page_bytes = store->used_count * store->options.page_bytes;
    counts.kept_bytes = store->dead_count * store->options.page_bytes;
    counts.resident_bytes = store->resident_count * store->options.page_bytes;
    counts.index_bytes = store->index.bytes;
    return counts;
}
