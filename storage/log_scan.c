/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/log_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOT_COUNT_MAX (UINT32_C(1) << 27) /* 8 TiB of the smallest pages */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are written as they are");

void
log_store_say(char *what, const char *name, uint64_t offset, const char *doing, int fault)
{
    snprintf(what, LOG_STORE_REASON_BYTES, "%.128s at offset %llu: %s: %s", name, (unsigned long long)offset,
             doing, strerror(-fault));
}

uint32_t
log_page_seed(uint32_t number, uint64_t stamp)
{
    uint64_t word[2] = {stamp, number};

    return checksum32(word, sizeof(word));
}

uint32_t
log_record_checksum(const struct log_record *record, uint32_t seed, uint32_t offset, uint32_t stride)
{
    /* Another beginning gives another checksum of the same bytes, always: so no place is taken for another. */
    return checksum32_more(seed + offset, &record->size, stride - sizeof(record->checksum));
}

uint32_t
log_run_checksum(const struct log_run_header *header)
{
    struct log_run_header copy = *header;

    copy.checksum = 0;
    return checksum32(&copy, sizeof(copy));
}

uint32_t
log_description_checksum(const struct log_description_head *head, const void *bytes, uint64_t count)
{
    struct log_description_head copy = *head;

    copy.checksum = 0;
    return checksum32_more(checksum32(&copy, sizeof(copy)), (const uint8_t *)bytes + sizeof(copy),
                           count - sizeof(copy));
}

int
log_record_check(const struct log_record *record, uint32_t seed, uint32_t offset, uint32_t end)
{
    if (offset + sizeof(*record) > end) {
        return LOG_RECORD_BAD;
    }
    uint32_t stride = log_record_stride(record->size);

    if (stride > end - offset) {
        return LOG_RECORD_BAD;
    }
    return log_record_checksum(record, seed, offset, stride) == record->checksum ? 0 : LOG_RECORD_BAD;
}

/* Descriptions. */

static int
refuse(const char *name, const char *why, char *out_reason)
{
    snprintf(out_reason, LOG_STORE_REASON_BYTES, "%.128s: its description in the checkpoint %s", name, why);
    return fault_new(-EUCLEAN);
}

static int
read_head(const char *name, const void *bytes, uint64_t count, struct log_description_head *head,
          char *out_reason)
{
    if (count < sizeof(*head)) {
        return refuse(name, "is cut short", out_reason);
    }
    memcpy(head, bytes, sizeof(*head));
    if (head->magic != LOG_DESCRIPTION_MAGIC) {
        return refuse(name, "is damaged: its first bytes are wrong", out_reason);
    }
    if (head->bytes != count || head->checksum != log_description_checksum(head, bytes, count)) {
        return refuse(name, "is damaged: its checksum is wrong", out_reason);
    }
    if (head->version > LOG_STORE_FORMAT_VERSION) {
        snprintf(out_reason, LOG_STORE_REASON_BYTES,
                 "%.128s: of format version %u; this program knows versions up to %u", name, head->version,
                 LOG_STORE_FORMAT_VERSION);
        return fault_new(-ENOTSUP);
    }
    if (head->page_bytes < LOG_STORE_PAGE_BYTES_MIN || head->page_bytes > LOG_STORE_PAGE_BYTES_MAX ||
        (head->page_bytes & (head->page_bytes - 1)) != 0 || head->slot_count > SLOT_COUNT_MAX ||
        head->page_count > head->slot_count ||
        count != sizeof(*head) + (uint64_t)head->page_count * sizeof(struct log_description_page) +
                     (uint64_t)head->run_count * sizeof(struct log_run)) {
        return refuse(name, "has impossible numbers", out_reason);
    }
    return 0;
}

static bool
are_runs_good(const struct log_description_head *head, const struct log_run *runs, uint32_t count)
{
    uint64_t end = 0;
    uint64_t sequence = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (runs[i].offset % DISK_SECTOR_BYTES != 0 || runs[i].offset < end ||
            runs[i].bytes < sizeof(struct log_run_header) || runs[i].bytes % LOG_RECORD_ALIGN != 0 ||
            runs[i].sequence <= sequence || runs[i].sequence > head->sequence) {
            return false;
        }
        end = (uint64_t)runs[i].offset + runs[i].bytes;
        sequence = runs[i].sequence;
        if (end > log_page_room(head->page_bytes)) {
            return false;
        }
    }
    return count > 0;
}

static bool
are_pages_good(struct log_description *description)
{
    const struct log_description_head *head = &description->head;
    uint64_t run_index = 0;

    for (uint32_t i = 0; i < head->page_count; i++) {
        const struct log_description_page *page = &description->pages[i];

        if (page->slot >= head->slot_count || page->run_count > head->run_count - run_index ||
            page->stream >= 2 || page->opened > head->opened ||
            (i > 0 && page->slot <= description->pages[i - 1].slot) ||
            !are_runs_good(head, &description->runs[run_index], page->run_count)) {
            return false;
        }
        for (uint32_t k = 0; k < page->run_count; k++) {
            description->run_pages[run_index + k] = i;
        }
        run_index += page->run_count;
    }
    return run_index == head->run_count;
}

static int
compare_pages(const void *a, const void *b, void *context)
{
    const struct log_description_page *pages = context;
    uint64_t first = pages[*(const uint32_t *)a].opened;
    uint64_t second = pages[*(const uint32_t *)b].opened;

    return (first > second) - (first < second);
}

static int
compare_runs(const void *a, const void *b, void *context)
{
    const struct log_run *runs = context;
    uint64_t first = runs[*(const uint32_t *)a].sequence;
    uint64_t second = runs[*(const uint32_t *)b].sequence;

    return (first > second) - (first < second);
}

/* False: two are equal. */
static bool
put_in_order(struct log_description *description)
{
    const struct log_description_page *pages = description->pages;
    const struct log_run *runs = description->runs;
    uint32_t page_count = description->head.page_count;
    uint32_t run_count = description->head.run_count;

    for (uint32_t i = 0; i < page_count; i++) {
        description->age[i] = i;
    }
    for (uint32_t i = 0; i < run_count; i++) {
        description->order[i] = i;
    }
    qsort_r(description->age, page_count, sizeof(*description->age), compare_pages, description->pages);
    qsort_r(description->order, run_count, sizeof(*description->order), compare_runs, description->runs);
    for (uint32_t i = 1; i < page_count; i++) {
        if (pages[description->age[i]].opened == pages[description->age[i - 1]].opened) {
            return false;
        }
    }
    for (uint32_t i = 1; i < run_count; i++) {
        if (runs[description->order[i]].sequence == runs[description->order[i - 1]].sequence) {
            return false;
        }
    }
    return true;
}

int
log_description_read(const char *name, const void *bytes, uint64_t count,
                     struct log_description *out_description, char *out_reason)
{
    struct log_description *description = out_description;
    const uint8_t *at = bytes;
    int r;

    *description = (struct log_description){0};
    r = read_head(name, bytes, count, &description->head, out_reason);
    if (r != 0) {
        description->head = (struct log_description_head){0};
        return fault_up(r);
    }
    uint32_t page_count = description->head.page_count;
    uint32_t run_count = description->head.run_count;

    description->pages = calloc(page_count + 1u, sizeof(*description->pages));
    description->age = calloc(page_count + 1u, sizeof(*description->age));
    description->runs = calloc(run_count + UINT64_C(1), sizeof(*description->runs));
    description->run_pages = calloc(run_count + UINT64_C(1), sizeof(*description->run_pages));
    description->order = calloc(run_count + UINT64_C(1), sizeof(*description->order));
    if (description->pages == NULL || description->age == NULL || description->runs == NULL ||
        description->run_pages == NULL || description->order == NULL) {
        snprintf(out_reason, LOG_STORE_REASON_BYTES, "%.128s: no memory for its description", name);
        log_description_deinit(description);
        return fault_new(-ENOMEM);
    }
    at += sizeof(description->head);
    memcpy(description->pages, at, page_count * sizeof(*description->pages));
    at += page_count * sizeof(*description->pages);
    memcpy(description->runs, at, run_count * sizeof(*description->runs));

    if (!are_pages_good(description) || !put_in_order(description)) {
        log_description_deinit(description);
        return refuse(name, "has impossible pages", out_reason);
    }
    return 0;
}

void
log_description_deinit(struct log_description *description)
{
    free(description->pages);
    free(description->age);
    free(description->runs);
    free(description->run_pages);
    free(description->order);
    *description = (struct log_description){0};
}

/* Runs. */

static uint64_t
place_of(const struct log_scan *scan, uint32_t run_index, uint32_t offset)
{
    const struct log_description *description = scan->description;
    uint32_t slot = description->pages[description->run_pages[run_index]].slot;

    return slot * description->head.page_bytes + offset;
}

int
log_scan_read(const struct log_scan *scan, uint32_t run_index, uint8_t *buffer)
{
    const struct log_run *run = &scan->description->runs[run_index];
    uint64_t place = place_of(scan, run_index, run->offset);
    uint64_t bytes = align_up(run->bytes, DISK_SECTOR_BYTES);
    int r;

    if (bytes > scan->file_bytes || place > scan->file_bytes - bytes) {
        log_store_say(scan->out_reason, scan->name, place, "the file ends before what must be here",
                      -EUCLEAN);
        return fault_new(-EUCLEAN);
    }
    r = scan->disk->ops->read(scan->disk, scan->file, buffer, bytes, place);
    if (r != 0) {
        log_store_say(scan->out_reason, scan->name, place, "reading failed", r);
        return fault_up(r);
    }
    return 0;
}

static const char *
header_problem(const struct log_scan *scan, uint32_t run_index, const struct log_run_header *header)
{
    const struct log_description *description = scan->description;
    const struct log_description_page *page = &description->pages[description->run_pages[run_index]];
    const struct log_run *run = &description->runs[run_index];

    if (header->magic != LOG_RUN_MAGIC) {
        return "no pages were written here, or they are overwritten";
    }
    if (header->checksum != log_run_checksum(header)) {
        return "the checksum of the header is wrong";
    }
    if (!uuid_equal(header->store_id, scan->store_id) || header->number != description->head.number) {
        return "this is of another store";
    }
    if (header->slot != page->slot || header->offset != run->offset) {
        return "this belongs elsewhere";
    }
    if (header->stamp != page->stamp || header->sequence != run->sequence || header->bytes != run->bytes) {
        return "this is older or newer than the checkpoint";
    }
    return NULL;
}

static int
bad_record(const struct log_scan *scan, uint32_t run_index, uint32_t offset, const char *what)
{
    log_store_say(scan->out_reason, scan->name, place_of(scan, run_index, offset), what, -EUCLEAN);
    return fault_new(-EUCLEAN);
}

int
log_scan_check(const struct log_scan *scan, uint32_t run_index, uint8_t *run_bytes,
               int (*found)(void *context, struct log_record *record, uint32_t offset), void *context)
{
    const struct log_description *description = scan->description;
    const struct log_description_page *page = &description->pages[description->run_pages[run_index]];
    const struct log_run *run = &description->runs[run_index];
    const struct log_run_header *header = (const struct log_run_header *)(void *)run_bytes;
    uint32_t seed = log_page_seed(description->head.number, page->stamp);
    uint32_t end = run->offset + run->bytes;
    uint32_t offset = run->offset + (uint32_t)sizeof(*header);
    uint32_t count = 0;
    const char *problem = header_problem(scan, run_index, header);

    if (problem != NULL) {
        return bad_record(scan, run_index, run->offset, problem);
    }
    while (offset < end) {
        struct log_record *record = (struct log_record *)(void *)(run_bytes + (offset - run->offset));

        if (log_record_check(record, seed, offset, end) != 0) {
            return bad_record(scan, run_index, offset, "the checksum of a record is wrong");
        }
        if (found != NULL && !log_record_is_dead(record->size)) {
            int r = found(context, record, offset);
            if (r != 0) {
                return fault_up(r);
            }
        }
        offset += log_record_stride(record->size);
        count++;
    }
    if (count != header->record_count) {
        return bad_record(scan, run_index, run->offset, "records are missing");
    }
    return 0;
}
