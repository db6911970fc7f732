/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The way of a waiter whose record is on disk:
 *
 *   log_reads_wait --+--> waits at the read of that address --read_done--> settle --+--> arrived()
 *   log_reads_ahead -+                   ^                                          |
 *                    +--> waits for its turn, in order --log_reads_step             +--> waits again: it was
 *                                                                                        another key's record
 *
 * An entry of the index has no key, so what is read may be a stranger with the same tag. It is kept at the tail all
 * the same: so the next look at the entries passes it by, and each entry is read at most once for a waiter.
 *
 * Between start and end of a read the record may have been moved by the collection of garbage, and the slot may
 * even serve another page: then the index says so, and the waiter looks again.
 *
 * When the owner has the places, keys are told apart: the record goes to those who wait for it, from where it was read.
 *
 * Records of a journal do not move, and waiters know where theirs is. A read serves all whose records it covers, each
 * in its turn; when it does not have the whole of the next one's, it is done again from there, as long as that one is.
 *
 * Order: waiters of one key are called in the order in which they came. Nobody attaches to a read while others wait
 * for their turn, and all of one key are at one read, though the record may have moved between their coming.
 */

#include "storage/log_store_state.h"

#define TYPICAL_BYTES_MIN 512u

static void read_done(struct env_op *op, int result);

/* Reads. */

static int
set_buffer(struct log_store *store, struct log_read *read, uint64_t piece_bytes)
{
    void *piece;

    if (read->piece_bytes >= piece_bytes) {
        return 0;
    }
    piece = region_take(store->region, piece_bytes);
    if (piece == NULL) {
        return fault_new(-ENOMEM);
    }
    region_put(store->region, read->piece, read->piece_bytes);
    read->piece = piece;
    read->piece_bytes = piece_bytes;
    read->buffer = (uint8_t *)piece + (align_up((uintptr_t)piece, DISK_SECTOR_BYTES) - (uintptr_t)piece);
    return 0;
}

static struct log_read *
read_take(struct log_store *store)
{
    struct log_read *read = store->spare;

    if (read != NULL) {
        store->spare = read->next;
        return read;
    }
    read = region_take_zero(store->region, sizeof(*read));
    if (read == NULL) {
        return NULL;
    }
    read->store = store;
    if (set_buffer(store, read, LOG_READ_PIECE_BYTES) != 0) {
        region_put(store->region, read, sizeof(*read));
        return NULL;
    }
    return read;
}

static void
read_free(struct log_store *store, struct log_read *read)
{
    region_put(store->region, read->piece, read->piece_bytes);
    region_put(store->region, read, sizeof(*read));
}

static void
read_put(struct log_store *store, struct log_read *read)
{
    if (read->piece_bytes > LOG_READ_PIECE_BYTES) {
        read_free(store, read);
        return;
    }
    read->next = store->spare;
    store->spare = read;
}

/* `bytes` from the record on, and whole sectors around them. */
static void
read_start(struct log_store *store, struct log_read *read, uint32_t bytes)
{
    uint32_t slot = log_slot_of(store, read->address);
    uint32_t offset = log_offset_of(store, read->address);
    const struct log_page *page = log_page_at(store, slot);
    uint64_t from = offset / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES;
    uint64_t end = align_up((uint64_t)offset + bytes, DISK_SECTOR_BYTES);

    read->from = from;
    read->bytes = (end < page->closed ? end : page->closed) - from;
    read->stamp = page->stamp;
    read->op = (struct env_op){.done = read_done};
    env_read(store->options.env, &read->op, store->file, read->buffer, read->bytes,
             log_place_in_file(store, slot, (uint32_t)from));
}

/* What a record of this store has, and as much again. */
static uint32_t
typical_bytes(const struct log_store *store)
{
    uint64_t keys = log_store_key_count(store);
    uint64_t mean = keys > 0 ? store->counts.live_bytes / keys : 0;
    uint64_t bytes = 2 * mean < TYPICAL_BYTES_MIN ? TYPICAL_BYTES_MIN : 2 * mean;

    return bytes < LOG_READ_BYTES - DISK_SECTOR_BYTES ? (uint32_t)bytes : LOG_READ_BYTES - DISK_SECTOR_BYTES;
}

static bool
may_read(const struct log_store *store)
{
    return store->read_count < LOG_READ_COUNT_MAX &&
           store->options.env->ops_outstanding < ENV_OPS_MAX - LOG_OPS_LEFT;
}

static struct log_read *
begin_read(struct log_store *store, uint64_t address, uint32_t bytes)
{
    struct log_read *read = may_read(store) ? read_take(store) : NULL;

    if (read == NULL) {
        return NULL;
    }
    read->address = address;
    read->next = store->reads;
    store->reads = read;
    store->read_count++;
    store->counts.cold_reads++;
    read_start(store, read, bytes);
    return read;
}

/* Where somebody waits for the same key; its record may have moved since. Linear: there are few. */
static struct log_read *
read_of_key(const struct log_store *store, const struct store_key *key)
{
    for (struct log_read *read = store->reads; read != NULL; read = read->next) {
        for (const struct log_store_waiter *waiter = read->first; waiter != NULL; waiter = waiter->next) {
            if (memcmp(&waiter->key, key, sizeof(*key)) == 0) {
                return read;
            }
        }
    }
    return NULL;
}

static struct log_read *
read_of_address(const struct log_store *store, uint64_t address)
{
    struct log_read *read = store->reads;

    while (read != NULL && read->address != address) {
        read = read->next;
    }
    return read;
}

/* Where others of its key wait, or at the read of this address, a new one if need be. False: there is no room for one
   now. */
static bool
attach(struct log_store *store, struct log_store_waiter *waiter, uint64_t address)
{
    struct log_read *read = read_of_key(store, &waiter->key);

    if (read == NULL) {
        read = read_of_address(store, address);
    }
    if (read == NULL) {
        read = begin_read(store, address, typical_bytes(store));
    }
    if (read == NULL) {
        return false;
    }
    log_waiter_add(&read->first, &read->last, waiter);
    return true;
}

/* Of a journal: so many bytes from where the record begins are in the read's buffer, or will be. */
static bool
covers(const struct log_store *store, const struct log_read *read, uint64_t address, uint64_t bytes)
{
    uint64_t offset = log_offset_of(store, address);

    return log_slot_of(store, read->address) == log_slot_of(store, address) && offset >= read->from &&
           offset + bytes <= read->from + read->bytes;
}

static bool
attach_to_journal(struct log_store *store, struct log_store_waiter *waiter)
{
    struct log_read *read = store->reads;

    while (read != NULL && !covers(store, read, waiter->address, sizeof(struct log_record))) {
        read = read->next;
    }
    if (read == NULL) {
        read = begin_read(store, waiter->address, LOG_READ_BYTES - DISK_SECTOR_BYTES);
    }
    if (read == NULL) {
        return false;
    }
    log_waiter_add(&read->first, &read->last, waiter);
    return true;
}

void
log_store_read(struct log_store *store, uint64_t address, struct log_store_waiter *waiter)
{
    REQUIRE(!store->options.is_indexed);
    REQUIRE(log_record_at(store, address) == NULL);
    waiter->address = address;
    if (store->waiting_first != NULL || !attach_to_journal(store, waiter)) {
        log_waiter_add(&store->waiting_first, &store->waiting_last, waiter);
    }
}

void
log_reads_wait(struct log_store *store, struct log_store_waiter *waiter, struct store_key key,
               uint64_t address)
{
    waiter->key = key;
    if (store->waiting_first != NULL || !attach(store, waiter, address)) {
        log_waiter_add(&store->waiting_first, &store->waiting_last, waiter);
    }
}

void
log_reads_ahead(struct log_store *store, struct store_key key, uint64_t address)
{
    if (store->waiting_first != NULL || read_of_key(store, &key) != NULL ||
        read_of_address(store, address) != NULL) {
        return;
    }
    struct log_read *read = begin_read(store, address, typical_bytes(store));

    if (read != NULL) {
        read->ahead = (struct log_store_waiter){.key = key};
        log_waiter_add(&read->first, &read->last, &read->ahead);
    }
}

/* It can be called now. */
static bool
is_answered(struct log_store *store, const struct log_store_waiter *waiter, uint64_t *out_cold)
{
    struct log_record *record;
    uint64_t *entry;
    int r = log_store_seek(store, waiter->key, log_index_hash(&store->index, waiter->key), &entry, &record,
                           out_cold);

    return r != 0 || record != NULL;
}

static void
unlink_read(struct log_store *store, struct log_read *read)
{
    struct log_read **link = &store->reads;

    while (*link != read) {
        link = &(*link)->next;
    }
    *link = read->next;
    store->read_count--;
}

static void
call(struct log_store *store, struct log_store_waiter *waiter)
{
    struct log_record *record = NULL;
    uint64_t *entry;
    uint64_t cold;

    if (log_store_has_places(store)) {
        (void)log_store_seek(store, waiter->key, 0, &entry, &record, &cold);
        waiter->record = record != NULL ? record->payload : NULL;
        waiter->record_bytes = record != NULL ? log_record_bytes(record->size) : 0;
    }
    waiter->arrived(waiter);
}

/* First all that must wait on find their places, then the others are called, so that who comes from there is behind. */
static void
settle(struct log_store *store, struct log_read *read)
{
    if (read->first == &read->ahead) {
        (void)log_waiter_take(&read->first, &read->last);
    }
    struct log_store_waiter *first = read->first;
    struct log_store_waiter *last = read->last;
    struct log_store_waiter *ready[2] = {0}; /* first and last, as the next */
    struct log_store_waiter *left[2] = {0};
    uint64_t cold;

    read->first = NULL;
    read->last = NULL;
    unlink_read(store, read);
    read_put(store, read);
    while (first != NULL) {
        struct log_store_waiter *waiter = log_waiter_take(&first, &last);
        if (is_answered(store, waiter, &cold)) {
            log_waiter_add(&ready[0], &ready[1], waiter);
        } else if (!attach(store, waiter, cold)) {
            log_waiter_add(&left[0], &left[1], waiter);
        }
    }
    if (left[0] != NULL) {
        left[1]->next = store->waiting_first;
        store->waiting_last = store->waiting_last == NULL ? left[1] : store->waiting_last;
        store->waiting_first = left[0];
    }
    while (ready[0] != NULL) {
        call(store, log_waiter_take(&ready[0], &ready[1]));
    }
}

/* What was read, to those who wait for it. One of them may replace it: then the others get the newer one. */
static void
hand_over(struct log_store *store, struct log_read *read, const struct log_record *record)
{
    unlink_read(store, read);
    while (read->first != NULL) {
        struct log_store_waiter *waiter = log_waiter_take(&read->first, &read->last);
        if (log_store_entry(store, waiter->key, 0, read->address) == NULL) {
            call(store, waiter);
            continue;
        }
        waiter->record = record->payload;
        waiter->record_bytes = log_record_bytes(record->size);
        waiter->arrived(waiter);
    }
    read_put(store, read);
}

static void
damaged(struct log_store *store, uint64_t address)
{
    log_store_fatal(store, -EUCLEAN, address * LOG_RECORD_ALIGN, "the checksum of a record is wrong");
}

/* Reads again, from this record on. */
static void
read_longer(struct log_store *store, struct log_read *read, uint64_t address, uint64_t bytes)
{
    if (log_offset_of(store, address) + bytes > log_page_at(store, log_slot_of(store, address))->closed) {
        damaged(store, address);
        return;
    }
    if (set_buffer(store, read, align_up(bytes, DISK_SECTOR_BYTES) + 3 * DISK_SECTOR_BYTES) != 0) {
        log_store_fatal(store, -ENOMEM, address * LOG_RECORD_ALIGN, "no memory to read a long record");
        return;
    }
    read->address = address;
    read_start(store, read, (uint32_t)bytes);
}

/* Who is called may read more, and come to wait here too. */
static void
arrive_from_journal(struct log_store *store, struct log_read *read)
{
    while (read->first != NULL) {
        uint64_t address = read->first->address;
        uint32_t offset = log_offset_of(store, address);
        const struct log_page *page = log_page_at(store, log_slot_of(store, address));
        const struct log_record *record =
            (const struct log_record *)(void *)(read->buffer + (offset - read->from));

        if (!covers(store, read, address, sizeof(*record))) {
            read_longer(store, read, address, LOG_READ_BYTES - DISK_SECTOR_BYTES);
            return;
        }
        if (!covers(store, read, address, log_record_stride(record->size))) {
            read_longer(store, read, address, log_record_stride(record->size));
            return;
        }
        if (log_record_check(record, page->seed, offset, page->closed) != 0) {
            damaged(store, address);
            return;
        }
        struct log_store_waiter *waiter = log_waiter_take(&read->first, &read->last);
        waiter->record = record->payload;
        waiter->record_bytes = log_record_bytes(record->size);
        waiter->arrived(waiter);
    }
    unlink_read(store, read);
    read_put(store, read);
}

static void
arrive(struct log_store *store, struct log_read *read)
{
    const struct log_page *page = log_page_at(store, log_slot_of(store, read->address));
    uint32_t offset = log_offset_of(store, read->address);
    uint64_t hash = log_index_hash(&store->index, read->first->key);
    uint64_t *entry = log_store_entry(store, read->first->key, hash, read->address);
    const struct log_record *record =
        (const struct log_record *)(void *)(read->buffer + (offset - read->from));

    if (entry == NULL || page->stamp != read->stamp) {
        settle(store, read);
        return;
    }
    if (!covers(store, read, read->address, sizeof(*record))) {
        read_longer(store, read, read->address, sizeof(*record));
        return;
    }
    if (!covers(store, read, read->address, log_record_stride(record->size))) {
        read_longer(store, read, read->address, log_record_stride(record->size));
        return;
    }
    if (log_record_check(record, page->seed, offset, page->closed) != 0) {
        damaged(store, read->address);
        return;
    }
    if (log_store_has_places(store)) {
        hand_over(store, read, record);
        return;
    }
    if (log_store_copy(store, LOG_STREAM_HOT, entry, record) == NULL) {
        read->is_stuck = true;
        store->stuck_count++;
        return;
    }
    settle(store, read);
}

static void
read_done(struct env_op *op, int result)
{
    struct log_read *read = CONTAINER_OF(op, struct log_read, op);
    struct log_store *store = read->store;

    if (store->is_fatal) {
        return;
    }
    if (result != 0) {
        log_store_fatal(store, result, read->address * LOG_RECORD_ALIGN, "reading failed");
        return;
    }
    if (store->options.is_indexed) {
        arrive(store, read);
    } else {
        arrive_from_journal(store, read);
    }
}

/* Those that came when there was no memory for their records. */
static void
retry_stuck(struct log_store *store)
{
    struct log_read *read = store->reads;
    uint32_t count = store->stuck_count;

    while (count > 0 && read != NULL) {
        struct log_read *next = read->next;
        if (read->is_stuck) {
            read->is_stuck = false;
            store->stuck_count--;
            count--;
            arrive(store, read);
        }
        read = next;
    }
}

static void
step_journal(struct log_store *store)
{
    while (store->waiting_first != NULL) {
        struct log_store_waiter *waiter = store->waiting_first;
        struct log_store_waiter *next = waiter->next;

        if (!attach_to_journal(store, waiter)) {
            return;
        }
        store->waiting_first = next;
        store->waiting_last = next == NULL ? NULL : store->waiting_last;
    }
}

void
log_reads_step(struct log_store *store)
{
    if (!store->options.is_indexed) {
        step_journal(store);
        return;
    }
    retry_stuck(store);
    while (store->waiting_first != NULL) {
        struct log_store_waiter *waiter = store->waiting_first;
        struct log_store_waiter *next = waiter->next;
        struct log_read *read = read_of_key(store, &waiter->key);
        uint64_t cold;

        if (read == NULL && is_answered(store, waiter, &cold)) {
            call(store, log_waiter_take(&store->waiting_first, &store->waiting_last));
            continue;
        }
        if (read != NULL) {
            log_waiter_add(&read->first, &read->last, waiter);
        } else if (!attach(store, waiter, cold)) {
            return;
        }
        /* It leaves the queue last: until then whoever comes is behind it. */
        store->waiting_first = next;
        store->waiting_last = next == NULL ? NULL : store->waiting_last;
    }
}

/* So many bytes from where a record on disk begins, unchecked; out_piece is to be put back whatever is answered. */
static int
fetch(struct log_store *store, uint64_t address, uint32_t bytes, struct log_piece *out_piece)
{
    uint32_t slot = log_slot_of(store, address);
    uint32_t offset = log_offset_of(store, address);
    const struct log_page *page = log_page_at(store, slot);
    uint64_t from = offset / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES;
    uint64_t end = align_up((uint64_t)offset + bytes, DISK_SECTOR_BYTES);

    end = end < page->closed ? end : page->closed;
    *out_piece = (struct log_piece){.bytes = end - from + DISK_SECTOR_BYTES};
    out_piece->piece = region_take(store->region, out_piece->bytes);
    if (out_piece->piece == NULL) {
        return fault_new(-ENOMEM);
    }
    uint64_t begin = align_up((uintptr_t)out_piece->piece, DISK_SECTOR_BYTES) - (uintptr_t)out_piece->piece;
    uint8_t *buffer = (uint8_t *)out_piece->piece + begin;
    const struct log_record *record = (const struct log_record *)(void *)(buffer + (offset - from));
    int r = store->disk->ops->read(store->disk, store->file, buffer, end - from,
                                   log_place_in_file(store, slot, (uint32_t)from));

    if (r == 0) {
        out_piece->record = record->payload;
        out_piece->record_bytes = log_record_bytes(record->size);
    }
    return fault_up(r);
}

static const struct log_record *
record_in(const struct log_piece *piece)
{
    return CONTAINER_OF(piece->record, struct log_record, payload);
}

static int
fetch_record(struct log_store *store, uint64_t address, uint32_t stride, struct log_piece *out_piece)
{
    const struct log_page *page = log_page_at(store, log_slot_of(store, address));
    int r = fetch(store, address, stride, out_piece);

    if (r == 0 && log_record_check(record_in(out_piece), page->seed, log_offset_of(store, address),
                                   page->closed) != 0) {
        return fault_new(-EUCLEAN);
    }
    return fault_up(r);
}

/* The same when nobody has said how long it is. */
static int
fetch_unknown(struct log_store *store, uint64_t address, struct log_piece *out_piece)
{
    int r = fetch(store, address, sizeof(struct log_record), out_piece);

    if (r != 0) {
        return fault_up(r);
    }
    uint32_t stride = log_record_stride(record_in(out_piece)->size);

    log_piece_put(store, out_piece);
    return fetch_record(store, address, stride, out_piece);
}

void
log_piece_put(struct log_store *store, struct log_piece *piece)
{
    region_put(store->region, piece->piece, piece->bytes);
    *piece = (struct log_piece){0};
}

/* Entries of an index may be those of other keys with the same tag. */
static int
read_indexed(struct log_store *store, struct store_key key, struct log_piece *out)
{
    struct log_probe probe = log_index_probe(&store->index, log_index_hash(&store->index, key));
    const uint64_t *entry;

    while ((entry = log_index_next(&probe)) != NULL) {
        uint64_t address = log_index_address(*entry);
        if (log_record_at(store, address) != NULL) {
            continue; /* it was looked at */
        }
        int r = fetch_unknown(store, address, out);
        if (r != 0) {
            return fault_up(r);
        }
        if (memcmp(&record_in(out)->key, &key, sizeof(key)) == 0) {
            return 0;
        }
        log_piece_put(store, out);
    }
    return LOG_STORE_ABSENT;
}

int
log_store_read_now(struct log_store *store, struct store_key key, struct log_piece *out)
{
    struct log_record *known;
    uint64_t *entry;
    uint64_t address;
    int r = log_store_seek(store, key, log_index_hash(&store->index, key), &entry, &known, &address);

    *out = (struct log_piece){0};
    if (r == 0 && known != NULL) {
        out->record = known->payload;
        out->record_bytes = log_record_bytes(known->size);
    } else if (r == 0 && log_store_has_places(store)) {
        r = fetch_record(store, address, log_place_stride(*entry), out);
    } else if (r == 0) {
        r = read_indexed(store, key, out);
    }
    if (r < 0) {
        log_piece_put(store, out);
    }
    return r;
}

int
log_store_read_at_now(struct log_store *store, uint64_t address, struct log_piece *out)
{
    int r = 0;

    *out = (struct log_piece){0};
    out->record = log_store_at(store, address, &out->record_bytes);
    if (out->record == NULL) {
        r = fetch_unknown(store, address, out);
    }
    if (r < 0) {
        log_piece_put(store, out);
    }
    return fault_up(r);
}

static void
free_all(struct log_store *store, struct log_read *read)
{
    while (read != NULL) {
        struct log_read *next = read->next;
        read_free(store, read);
        read = next;
    }
}

void
log_reads_deinit(struct log_store *store)
{
    free_all(store, store->reads);
    free_all(store, store->spare);
}
