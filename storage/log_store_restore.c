/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A cut on disk is the runs that its description names. A start reads them from the newest to the oldest, so the first
 * record of a key that comes is the one that counts, and each is read once. Which keys have come is in a table of its
 * own while that lasts, as index entries have no keys and most records may not stay in memory: 16 bytes × 4/3 for each.
 * It tells them apart by 64 bits of hash and 24 of their own; that two of a hundred million agree in these is not
 * expected in any store's life, and then the start would say that there are fewer keys than it counted.
 * It is in order of hashes, so in the end the index is filled from its beginning to its end.
 *
 * Slots that no described page is in may belong to the cut before, which is kept too: they are free from the next
 * release on. What lies behind all slots of this cut is free now.
 */

#include "storage/log_store_state.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_COUNT 32u

/* Describing. */

static bool
is_in_cut(const struct log_store *store, const struct log_page *page)
{
    return page->run_count > 0 && page->runs[0].sequence <= store->cut_sequence &&
           (page->state == LOG_PAGE_USED ||
            (page->state == LOG_PAGE_DEAD && page->needed_before > store->cut));
}

static uint32_t
cut_runs(const struct log_store *store, const struct log_page *page)
{
    uint32_t count = 0;

    while (count < page->run_count && page->runs[count].sequence <= store->cut_sequence) {
        count++;
    }
    return count;
}

static void
fill_description(const struct log_store *store, uint8_t *bytes, struct log_description_head *head)
{
    struct log_description_page *pages = (struct log_description_page *)(void *)(bytes + sizeof(*head));
    struct log_run *runs = (struct log_run *)(void *)(pages + head->page_count);
    struct log_description_page *at = pages;

    for (uint32_t slot = 0; slot < store->pages.count; slot++) {
        const struct log_page *page = log_page_at(store, slot);

        if (!is_in_cut(store, page)) {
            continue;
        }
        *at = (struct log_description_page){
            .stamp = page->stamp,
            .opened = page->opened,
            .slot = slot,
            .run_count = cut_runs(store, page),
            .stream = page->stream,
        };
        memcpy(runs, page->runs, at->run_count * sizeof(*runs));
        runs += at->run_count;
        at++;
    }
    head->checksum = log_description_checksum(head, bytes, head->bytes);
    memcpy(bytes, head, sizeof(*head));
}

int
log_store_describe(struct log_store *store, struct region *region, void **out_bytes, uint64_t *out_count)
{
    struct log_description_head head = {
        .magic = LOG_DESCRIPTION_MAGIC,
        .version = LOG_STORE_FORMAT_VERSION,
        .is_indexed = store->options.is_indexed,
        .store_id = store->options.store_id,
        .number = store->options.number,
        .page_bytes = store->options.page_bytes,
        .cut = store->cut,
        .sequence = store->cut_sequence,
        .opened = store->cut_opened,
        .key_count = store->cut_key_count,
        .slot_count = store->pages.count, /* those that an earlier cut needs are among them */
    };

    REQUIRE(store->has_cut);
    REQUIRE(log_store_is_cut_durable(store));
    for (uint32_t slot = 0; slot < store->pages.count; slot++) {
        const struct log_page *page = log_page_at(store, slot);

        if (is_in_cut(store, page)) {
            head.page_count++;
            head.run_count += cut_runs(store, page);
        }
    }
    head.bytes = sizeof(head) + (uint64_t)head.page_count * sizeof(struct log_description_page) +
                 (uint64_t)head.run_count * sizeof(struct log_run);
    uint8_t *bytes = region_take(region, head.bytes);
    if (bytes == NULL) {
        return fault_new(-ENOMEM);
    }
    fill_description(store, bytes, &head);
    *out_bytes = bytes;
    *out_count = head.bytes;
    return 0;
}

/* Restoring. */

struct seen {
    uint64_t hash;
    uint64_t address : LOG_INDEX_ADDRESS_BITS; /* 0: none */
    uint64_t key : 64 - LOG_INDEX_ADDRESS_BITS;
};

struct arrival {
    struct log_record *record;
    uint64_t hash;
    uint64_t address;
};

struct restore {
    struct log_store *store;
    struct log_scan scan;
    struct log_description description;
    void (*visit)(void *context, struct store_key key, void *record, uint32_t record_bytes,
                  log_store_place place);
    void *context;
    char *out_reason;
    uint8_t *scratch;
    struct seen *table;
    uint64_t table_count_max;
    uint64_t seen_count;
    uint32_t slot; /* of the run that is being read */
    struct arrival arrivals[BATCH_COUNT];
    uint32_t arrival_count;
};

static int
refuse(struct restore *restore, const char *why)
{
    snprintf(restore->out_reason, LOG_STORE_REASON_BYTES, "%.128s: %s", restore->store->name, why);
    return fault_new(-EUCLEAN);
}

static int
no_memory(struct restore *restore)
{
    snprintf(restore->out_reason, LOG_STORE_REASON_BYTES, "%.128s: not enough memory to read it",
             restore->store->name);
    return fault_new(-ENOMEM);
}

static int
check_match(struct restore *restore)
{
    const struct log_description_head *head = &restore->description.head;
    const struct log_store_options *options = &restore->store->options;
    uint64_t bytes = 0;

    if (!uuid_equal(head->store_id, options->store_id) || head->number != options->number) {
        return refuse(restore, "the checkpoint describes another store");
    }
    if (head->page_bytes != options->page_bytes || head->is_indexed != (uint32_t)options->is_indexed) {
        return refuse(restore, "the checkpoint describes pages of another kind");
    }
    for (uint32_t i = 0; i < head->run_count; i++) {
        bytes += restore->description.runs[i].bytes;
    }
    if (head->key_count > bytes / sizeof(struct log_record)) {
        return refuse(restore, "the checkpoint counts more keys than there can be");
    }
    return 0;
}

static int
open_existing(struct restore *restore)
{
    struct log_store *store = restore->store;
    struct disk *disk = store->disk;
    int r = disk->ops->open(disk, store->name, DISK_OPEN_EXISTING, &store->file);

    if (r == -ENOENT) {
        return refuse(restore, "the file is missing");
    }
    if (r == 0) {
        store->file_state = LOG_FILE_OPEN;
        r = disk->ops->size(disk, store->file, &store->counts.file_bytes);
    }
    if (r != 0) {
        log_store_say(restore->out_reason, store->name, 0, "opening failed", r);
        return fault_up(r);
    }
    restore->scan = (struct log_scan){
        .disk = disk,
        .file = store->file,
        .name = store->name,
        .store_id = store->options.store_id,
        .description = &restore->description,
        .file_bytes = store->counts.file_bytes,
        .out_reason = restore->out_reason,
    };
    return 0;
}

/* Pages as they are described, nothing in memory, nothing alive. */
static int
make_pages(struct restore *restore)
{
    struct log_store *store = restore->store;
    const struct log_description *description = &restore->description;
    const struct log_run *runs = description->runs;

    if (log_pages_make(store, description->head.slot_count) != 0) {
        return no_memory(restore);
    }
    store->free = LOG_SLOT_NONE;
    for (uint32_t i = 0; i < description->head.page_count; i++) {
        const struct log_description_page *described = &description->pages[i];
        struct log_page *page = log_page_at(store, described->slot);
        const struct log_run *last = &runs[described->run_count - 1];

        *page = (struct log_page){
            .stamp = described->stamp,
            .opened = described->opened,
            .state = LOG_PAGE_USED,
            .stream = (uint8_t)described->stream,
            .closed = (uint32_t)align_up(last->offset + last->bytes, DISK_SECTOR_BYTES),
            .used = store->room, /* a start goes on in new pages */
            .seed = log_page_seed(store->options.number, described->stamp),
        };
        if (log_pages_set_runs(store, page, runs, described->run_count) != 0) {
            return no_memory(restore);
        }
        runs += described->run_count;
        store->used_count++;
    }
    for (uint32_t slot = description->head.slot_count; slot > 0; slot--) {
        struct log_page *page = log_page_at(store, slot - 1);

        if (page->state != LOG_PAGE_USED) {
            page->state = LOG_PAGE_DEAD;
            page->needed_before = description->head.cut;
            page->list_next = store->dead;
            store->dead = slot - 1;
            store->dead_count++;
        }
    }
    return 0;
}

/* The newest pages stay in memory, those that were filled by collecting last; of a limit of few pages none. */
static void
take_frames(struct restore *restore)
{
    static const enum log_stream order[] = {LOG_STREAM_HOT, LOG_STREAM_COLD};
    struct log_store *store = restore->store;
    const struct log_description *description = &restore->description;
    uint64_t most = store->limit_count == UINT64_MAX ? UINT64_MAX : store->limit_count / 8 * 7;
    uint64_t count = 0;

    for (uint32_t k = 0; k < COUNT_OF(order); k++) {
        for (uint32_t i = description->head.page_count; i > 0 && count < most; i--) {
            const struct log_description_page *described = &description->pages[description->age[i - 1]];
            if (described->stream != (uint32_t)order[k]) {
                continue;
            }
            store->frames[described->slot] =
                log_frame_take(store, &log_page_at(store, described->slot)->piece);
            if (store->frames[described->slot] == NULL) {
                break;
            }
            count++;
        }
    }
    /* Into the lists from the oldest on. */
    for (uint32_t i = 0; i < description->head.page_count; i++) {
        uint32_t slot = description->pages[description->age[i]].slot;
        if (store->frames[slot] != NULL) {
            log_pages_add_resident(store, slot, log_page_at(store, slot)->piece, store->frames[slot]);
        }
    }
}

static void
see(struct restore *restore, const struct log_record *record, uint64_t address)
{
    struct log_store *store = restore->store;
    struct log_page *page = log_page_at(store, restore->slot);
    uint32_t stride = log_record_stride(record->size);

    page->live_bytes += stride;
    store->counts.live_bytes += stride;
    if (restore->visit != NULL) {
        restore->visit(restore->context, record->key, (void *)(uintptr_t)record->payload,
                       log_record_bytes(record->size), log_place_make(address, stride));
    }
}

static uint64_t
place_of(const struct restore *restore, uint64_t hash)
{
    return (hash >> 32) * restore->table_count_max >> 32;
}

static struct seen
seen_of(const struct arrival *arrival)
{
    uint64_t word;

    memcpy(&word, &arrival->record->key, sizeof(word));
    return (struct seen){
        .hash = arrival->hash, .address = arrival->address, .key = word >> LOG_INDEX_ADDRESS_BITS};
}

static int
see_arrivals(struct restore *restore)
{
    for (uint32_t i = 0; i < restore->arrival_count; i++) {
        const struct arrival *arrival = &restore->arrivals[i];
        struct seen seen = seen_of(arrival);
        uint64_t at = place_of(restore, arrival->hash);

        while (restore->table[at].address != 0 &&
               (restore->table[at].hash != seen.hash || restore->table[at].key != seen.key)) {
            at = at + 1 == restore->table_count_max ? 0 : at + 1;
        }
        if (restore->table[at].address != 0) {
            continue; /* a newer one is known */
        }
        if (restore->seen_count == restore->description.head.key_count) {
            return refuse(restore, "there are more keys than the checkpoint counts");
        }
        restore->table[at] = seen;
        restore->seen_count++;
        see(restore, arrival->record, arrival->address);
    }
    restore->arrival_count = 0;
    return 0;
}

static int
found(void *context, struct log_record *record, uint32_t offset)
{
    struct restore *restore = context;
    uint64_t address = log_address_of(restore->store, restore->slot, offset);

    if (!restore->store->options.is_indexed) {
        see(restore, record, address);
        return 0;
    }
    uint64_t hash = log_index_hash(&restore->store->index, record->key);
    prefetch_line(&restore->table[place_of(restore, hash)]);
    restore->arrivals[restore->arrival_count] =
        (struct arrival){.record = record, .hash = hash, .address = address};
    restore->arrival_count++;
    return restore->arrival_count < BATCH_COUNT ? 0 : see_arrivals(restore);
}

static int
read_runs(struct restore *restore)
{
    const struct log_description *description = &restore->description;
    uint32_t count = description->head.run_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t run_index = description->order[restore->store->options.is_indexed ? count - 1 - i : i];
        const struct log_run *run = &description->runs[run_index];
        int r;

        restore->slot = description->pages[description->run_pages[run_index]].slot;
        uint8_t *frame = restore->store->frames[restore->slot];
        uint8_t *buffer = frame != NULL ? frame + run->offset : restore->scratch;
        r = log_scan_read(&restore->scan, run_index, buffer);
        if (r == 0) {
            r = log_scan_check(&restore->scan, run_index, buffer, found, restore);
        }
        if (r == 0) {
            r = see_arrivals(restore);
        }
        if (r != 0) {
            return fault_up(r);
        }
    }
    if (restore->store->options.is_indexed && restore->seen_count != description->head.key_count) {
        return refuse(restore, "there are fewer keys than the checkpoint counts");
    }
    return 0;
}

static int
fill_index(struct restore *restore)
{
    struct log_index *index = &restore->store->index;

    restore->store->placed_count = restore->seen_count;
    if (log_store_has_places(restore->store)) {
        return 0;
    }
    if (log_index_presize(index, restore->seen_count) != 0) {
        return no_memory(restore);
    }
    for (uint64_t i = 0; i < restore->table_count_max; i++) {
        const struct seen *seen = &restore->table[i];
        if (seen->address == 0) {
            continue;
        }
        if (log_index_reserve(index, seen->hash) != 0) {
            return no_memory(restore);
        }
        log_index_insert(index, seen->hash, seen->address);
    }
    return 0;
}

static void
take_over_cut(struct restore *restore)
{
    const struct log_description_head *head = &restore->description.head;
    struct log_store *store = restore->store;

    store->sequence = head->sequence;
    store->opened = head->opened;
    store->has_cut = true;
    store->cut = head->cut;
    store->cut_sequence = head->sequence;
    store->cut_opened = head->opened;
    store->cut_key_count = head->key_count;
    for (uint32_t i = 0; i < head->page_count; i++) {
        log_pages_check(store, restore->description.pages[i].slot);
    }
}

static int
restore_all(struct restore *restore, const void *description, uint64_t bytes)
{
    struct log_store *store = restore->store;
    int r = log_description_read(store->name, description, bytes, &restore->description, restore->out_reason);

    if (r == 0) {
        r = check_match(restore);
    }
    if (r == 0 && restore->description.head.page_count > 0) {
        r = open_existing(restore);
    }
    if (r == 0) {
        r = make_pages(restore);
    }
    if (r != 0) {
        return fault_up(r);
    }
    take_frames(restore);
    restore->scratch = aligned_alloc(DISK_SECTOR_BYTES, store->options.page_bytes);
    restore->table_count_max = restore->description.head.key_count / 3 * 4 + BATCH_COUNT;
    restore->table = calloc(restore->table_count_max, sizeof(*restore->table));
    if (restore->scratch == NULL || restore->table == NULL) {
        return no_memory(restore);
    }
    r = read_runs(restore);
    if (r == 0 && store->options.is_indexed) {
        r = fill_index(restore);
    }
    if (r != 0) {
        return fault_up(r);
    }
    take_over_cut(restore);
    return 0;
}

int
log_store_restore(struct log_store_options options, const void *description, uint64_t bytes,
                  void (*visit)(void *context, struct store_key key, void *record, uint32_t record_bytes,
                                log_store_place place),
                  void *context, struct log_store **out_store, char *out_reason)
{
    struct restore restore = {.visit = visit, .context = context, .out_reason = out_reason};
    int r = log_store_open(options, &restore.store);

    if (r != 0) {
        snprintf(out_reason, LOG_STORE_REASON_BYTES, "%.128s: not enough memory to open it", options.name);
        return fault_up(r);
    }
    r = restore_all(&restore, description, bytes);
    log_description_deinit(&restore.description);
    free(restore.scratch);
    free(restore.table);
    if (r != 0) {
        log_store_close(restore.store);
        return fault_up(r);
    }
    *out_store = restore.store;
    return 0;
}

/* Verifying. */

static int
count_record(void *context, struct log_record *record, uint32_t offset)
{
    struct log_store_verified *verified = context;

    (void)record;
    (void)offset;
    verified->record_count++;
    return 0;
}

static int
verify_runs(struct log_scan *scan, uint8_t *buffer, struct log_store_verified *verified)
{
    const struct log_description *description = scan->description;
    int r = scan->disk->ops->size(scan->disk, scan->file, &scan->file_bytes);

    if (r != 0) {
        log_store_say(scan->out_reason, scan->name, 0, "its size is not known", r);
        return fault_up(r);
    }
    for (uint32_t i = 0; i < description->head.run_count; i++) {
        r = log_scan_read(scan, i, buffer);
        if (r == 0) {
            r = log_scan_check(scan, i, buffer, count_record, verified);
        }
        if (r != 0) {
            return fault_up(r);
        }
        verified->run_count++;
        verified->bytes += description->runs[i].bytes;
    }
    return 0;
}

static int
verify_described(struct disk *disk, const char *name, const struct uuid *store_id,
                 const struct log_description *description, struct log_store_verified *verified,
                 char *out_reason)
{
    struct log_scan scan = {
        .disk = disk,
        .name = name,
        .store_id = *store_id,
        .description = description,
        .out_reason = out_reason,
    };
    int r;

    verified->page_count = description->head.page_count;
    if (description->head.page_count == 0) {
        return 0;
    }
    r = disk->ops->open(disk, name, DISK_OPEN_EXISTING, &scan.file);
    if (r != 0) {
        log_store_say(out_reason, name, 0, "opening failed", r);
        return r == -ENOENT ? fault_new(-EUCLEAN) : fault_up(r);
    }
    uint8_t *buffer = aligned_alloc(DISK_SECTOR_BYTES, description->head.page_bytes);
    if (buffer != NULL) {
        r = verify_runs(&scan, buffer, verified);
    } else {
        snprintf(out_reason, LOG_STORE_REASON_BYTES, "%.128s: not enough memory to read it", name);
        r = fault_new(-ENOMEM);
    }
    free(buffer);
    disk->ops->close(disk, scan.file);
    return fault_up(r);
}

int
log_store_verify(struct disk *disk, const char *name, const struct uuid *store_id, const void *description,
                 uint64_t bytes, struct log_store_verified *out_verified, char *out_reason)
{
    struct log_description described;
    int r = log_description_read(name, description, bytes, &described, out_reason);

    *out_verified = (struct log_store_verified){0};
    if (r == 0) {
        r = verify_described(disk, name, store_id, &described, out_verified, out_reason);
    }
    log_description_deinit(&described);
    return r;
}
