/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Closed runs become durable: their records get checksums, a slice of time for each turn, then one write for each
 * run, in the order in which pages were closed, a few at a time. A write that finds no room keeps its place in
 * `writes` and is begun again when LOG_RETRY_NS have passed.
 */

#include "storage/log_store_state.h"
#include "storage/segment.h"

void
log_store_fatal(struct log_store *store, int fault, uint64_t offset, const char *doing)
{
    char what[LOG_STORE_REASON_BYTES];

    if (store->is_fatal) {
        return;
    }
    store->is_fatal = true;
    log_store_say(what, store->name, offset, doing, fault);
    store->options.on_fatal(store->options.context, fault, what);
}

void
log_writes_add(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);

    store->unwritten_count++;
    if (page->is_queued) {
        return;
    }
    page->is_queued = true;
    page->list_next = LOG_SLOT_NONE;
    if (store->unwritten.last != LOG_SLOT_NONE) {
        log_page_at(store, store->unwritten.last)->list_next = slot;
    } else {
        store->unwritten.first = slot;
    }
    store->unwritten.last = slot;
}

static void
queue_pop(struct log_store *store)
{
    struct log_page *page = log_page_at(store, store->unwritten.first);

    page->is_queued = false;
    store->unwritten.first = page->list_next;
    if (store->unwritten.first == LOG_SLOT_NONE) {
        store->unwritten.last = LOG_SLOT_NONE;
    }
}

/* The file. */

/* Side. It may be there from a life that never got as far as a manifest: then nothing in it counts. */
static int
open_file(void *context)
{
    struct log_store *store = context;
    struct disk *disk = store->disk;
    char folder[DISK_NAME_BYTES_MAX];
    const char *slash = strchr(store->name, '/');
    uint64_t folder_bytes = slash != NULL ? (uint64_t)(slash - store->name) : 0;
    int r;

    memcpy(folder, store->name, folder_bytes);
    folder[folder_bytes] = '\0';
    if (store->file.n < 0) {
        r = disk->ops->open(disk, store->name, DISK_OPEN_EXISTING, &store->file);
        if (r == -ENOENT) {
            r = disk->ops->open(disk, store->name, DISK_OPEN_CREATE, &store->file);
        }
        if (r != 0) {
            return fault_up(r);
        }
    }
    return disk->ops->sync_folder(disk, folder);
}

static void
retry_later(struct log_store *store)
{
    store->is_disk_full = true;
    store->retry_at.ns = env_mono(store->options.env).ns + LOG_RETRY_NS;
}

static void
file_done(struct env_op *op, int result)
{
    struct log_store *store = CONTAINER_OF(op, struct log_store, file_op);

    if (result == 0) {
        store->file_state = LOG_FILE_OPEN;
        store->is_disk_full = false;
        return;
    }
    store->file_state = LOG_FILE_NONE;
    if (segment_is_disk_full(result)) {
        retry_later(store);
        return;
    }
    log_store_fatal(store, result, 0, "making the file failed");
}

static bool
may_try(const struct log_store *store)
{
    return !store->is_disk_full || env_mono(store->options.env).ns >= store->retry_at.ns;
}

static bool
has_ops(const struct log_store *store)
{
    return store->options.env->ops_outstanding < ENV_OPS_MAX - LOG_OPS_LEFT;
}

static bool
has_file(struct log_store *store)
{
    if (store->file_state == LOG_FILE_NONE && may_try(store) && has_ops(store)) {
        store->file_state = LOG_FILE_OPENING;
        store->file_op = (struct env_op){.done = file_done};
        env_side(store->options.env, &store->file_op, open_file, store);
    }
    return store->file_state == LOG_FILE_OPEN;
}

/* Writes. */

static void
write_done(struct env_op *op, int result)
{
    struct log_write *write = CONTAINER_OF(op, struct log_write, op);
    struct log_store *store = write->store;
    struct log_page *page = log_page_at(store, write->slot);
    const struct log_run *run = &page->runs[write->run_index];
    uint64_t place = log_place_in_file(store, write->slot, run->offset);

    store->write_count--;
    if (segment_is_disk_full(result)) {
        write->is_failed = true;
        store->write_failed_count++;
        retry_later(store);
        return;
    }
    if (result != 0) {
        log_store_fatal(store, result, place, "writing failed");
        return;
    }
    write->is_used = false;
    store->is_disk_full = false;
    store->unwritten_count--;
    page->unwritten_count--;
    store->counts.written_bytes += op->bytes;
    if (place + op->bytes > store->counts.file_bytes) {
        store->counts.file_bytes = place + op->bytes;
    }
    if (store->has_cut && run->sequence <= store->cut_sequence) {
        ASSERT(store->cut_unwritten_count > 0);
        store->cut_unwritten_count--;
    }
    log_pages_check(store, write->slot);
}

static void
write_start(struct log_store *store, struct log_write *write)
{
    const struct log_page *page = log_page_at(store, write->slot);
    const struct log_run *run = &page->runs[write->run_index];

    store->write_count++;
    write->op = (struct env_op){.done = write_done};
    env_write(store->options.env, &write->op, store->file, store->frames[write->slot] + run->offset,
              align_up(run->bytes, DISK_SECTOR_BYTES), log_place_in_file(store, write->slot, run->offset));
}

static void
write_again(struct log_store *store)
{
    for (uint32_t i = 0; i < LOG_WRITE_COUNT; i++) {
        struct log_write *write = &store->writes[i];

        if (write->is_failed && has_ops(store)) {
            write->is_failed = false;
            store->write_failed_count--;
            write_start(store, write);
        }
    }
}

static struct log_write *
unused_write(struct log_store *store)
{
    for (uint32_t i = 0; i < LOG_WRITE_COUNT; i++) {
        if (!store->writes[i].is_used) {
            return &store->writes[i];
        }
    }
    return NULL;
}

static void
finish_run(struct log_store *store, uint32_t slot, const struct log_run *run, uint32_t record_count)
{
    const struct log_page *page = log_page_at(store, slot);
    uint8_t *at = store->frames[slot] + run->offset;
    struct log_run_header *header = (struct log_run_header *)(void *)at;

    *header = (struct log_run_header){
        .magic = LOG_RUN_MAGIC,
        .version = LOG_STORE_FORMAT_VERSION,
        .store_id = store->options.store_id,
        .number = store->options.number,
        .slot = slot,
        .offset = run->offset,
        .bytes = run->bytes,
        .sequence = run->sequence,
        .stamp = page->stamp,
        .record_count = record_count,
    };
    header->checksum = log_run_checksum(header);
    memset(at + run->bytes, 0, align_up(run->bytes, DISK_SECTOR_BYTES) - run->bytes);
}

/* Of the page's next run, until time is up: false. */
static bool
seal(struct log_store *store, uint32_t slot, struct mono_ns until)
{
    struct log_page *page = log_page_at(store, slot);
    const struct log_run *run = &page->runs[page->started_count];
    uint8_t *frame = store->frames[slot];
    uint32_t count = 0;

    if (page->sealed == 0) {
        page->sealed = run->offset + (uint32_t)sizeof(struct log_run_header);
        page->sealed_count = 0;
    }
    while (page->sealed < run->offset + run->bytes) {
        struct log_record *record = (struct log_record *)(void *)(frame + page->sealed);
        uint32_t stride = log_record_stride(record->size);

        if (++count % LOG_TIME_EVERY == 0 && env_mono(store->options.env).ns >= until.ns) {
            return false;
        }
        record->checksum = log_record_checksum(record, page->seed, page->sealed, stride);
        page->sealed += stride;
        page->sealed_count++;
    }
    ASSERT(page->sealed == run->offset + run->bytes);
    finish_run(store, slot, run, page->sealed_count);
    page->sealed = 0;
    return true;
}

bool
log_writes_step(struct log_store *store, struct mono_ns until)
{
    if (store->unwritten_count == 0 || store->is_fatal || !has_file(store) || !may_try(store)) {
        return false;
    }
    if (store->write_failed_count > 0) {
        write_again(store);
    }
    while (store->unwritten.first != LOG_SLOT_NONE && has_ops(store)) {
        struct log_write *write = unused_write(store);
        uint32_t slot = store->unwritten.first;
        struct log_page *page = log_page_at(store, slot);

        if (write == NULL) {
            return false;
        }
        if (!seal(store, slot, until)) {
            return true;
        }
        *write = (struct log_write){
            .store = store, .slot = slot, .run_index = page->started_count, .is_used = true};
        page->started_count++;
        if (page->started_count == page->run_count) {
            queue_pop(store);
        }
        write_start(store, write);
    }
    return false;
}
