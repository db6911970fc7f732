/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/segment.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "storage/commit_log.h"

#define SEGMENT_DIGITS 8u

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are written as they are");
static_assert(sizeof(struct segment_header) <= 512, "one sector of any disk");

static uint32_t
header_checksum(struct segment_header header)
{
    header.checksum = 0;
    return checksum32(&header, sizeof(header));
}

/* The list. */

struct gathering {
    struct segment_list *list;
    uint32_t stride;
    uint32_t first;
    int fault;
};

/* 0 when it is not the name of a segment; numbers begin at 1. */
static uint32_t
number_of(const char *name)
{
    uint32_t number = 0;

    if (strlen(name) != SEGMENT_DIGITS + 4 || strcmp(name + SEGMENT_DIGITS, ".seg") != 0) {
        return 0;
    }
    for (uint32_t i = 0; i < SEGMENT_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint32_t)(name[i] - '0');
    }
    return number;
}

static void
gather(void *context, const char *name)
{
    struct gathering *gathering = context;
    struct segment_list *list = gathering->list;
    uint32_t number = number_of(name);

    if (number == 0 || gathering->fault != 0) {
        return;
    }
    list->number_max = number > list->number_max ? number : list->number_max;
    if (number % gathering->stride != gathering->first) {
        return;
    }
    if (list->count == list->count_max) {
        uint32_t count_max = list->count_max == 0 ? 64 : list->count_max * 2;
        struct segment *segments = realloc(list->segments, count_max * sizeof(*segments));

        if (segments == NULL) {
            gathering->fault = -ENOMEM;
            return;
        }
        list->segments = segments;
        list->count_max = count_max;
    }
    list->segments[list->count] = (struct segment){.number = number, .state = SEGMENT_DAMAGED};
    list->count++;
}

static enum segment_state
judge(const struct segment_header *header, const struct uuid *store_id)
{
    if (header->magic != SEGMENT_MAGIC || header->checksum != header_checksum(*header)) {
        return SEGMENT_DAMAGED;
    }
    if (!uuid_equal(header->store_id, *store_id)) {
        return SEGMENT_FOREIGN;
    }
    return header->version == LOG_FORMAT_VERSION ? SEGMENT_OURS : SEGMENT_NEWER;
}

static int
look_into(struct disk *disk, const struct uuid *store_id, struct segment *segment)
{
    char name[SEGMENT_NAME_BYTES];
    struct disk_file file;
    struct segment_header header;
    int r;

    segment_name(segment->number, name);
    r = disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file);
    if (r != 0) {
        return fault_new(r);
    }
    r = disk->ops->size(disk, file, &segment->bytes);
    if (r == 0 && segment->bytes >= DISK_SECTOR_BYTES) {
        r = disk->ops->read(disk, file, &header, sizeof(header), 0);
        if (r == 0) {
            segment->state = judge(&header, store_id);
        }
        if (segment->state != SEGMENT_DAMAGED) {
            segment->header = header;
        }
    }
    disk->ops->close(disk, file);
    return r != 0 ? fault_up(r) : 0;
}

static int
order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int
compare(const void *left, const void *right)
{
    const struct segment *a = left;
    const struct segment *b = right;
    int r = order(a->state, b->state);

    r = r != 0 ? r : order(a->header.epoch, b->header.epoch);
    r = r != 0 ? r : order(a->header.stream, b->header.stream);
    r = r != 0 ? r : order(a->header.index, b->header.index);
    return r != 0 ? r : order(a->number, b->number);
}

int
segment_list_read(struct disk *disk, const struct uuid *store_id, uint32_t stride, uint32_t first,
                  struct segment_list *out_list)
{
    struct segment_list list = {0};
    struct gathering gathering = {.list = &list, .stride = stride, .first = first};
    uint32_t kept = 0;
    int r;

    REQUIRE(first < stride);

    r = disk->ops->list(disk, SEGMENT_FOLDER, gather, &gathering);
    if (r == 0) {
        r = gathering.fault;
    }
    if (r == -ENOENT) {
        r = 0;
    }
    for (uint32_t i = 0; i < list.count && r == 0; i++) {
        struct segment segment = list.segments[i];

        r = look_into(disk, store_id, &segment);
        if (r == 0) {
            list.segments[kept] = segment;
            kept++;
        }
        if (r == -ENOENT) {
            r = 0; /* Another shard's file, unlinked since: it was half made. */
        }
    }
    if (r != 0) {
        segment_list_deinit(&list);
        return fault_up(r);
    }
    list.count = kept;
    if (kept > 0) {
        qsort(list.segments, kept, sizeof(*list.segments), compare);
    }
    *out_list = list;
    return 0;
}

void
segment_list_deinit(struct segment_list *list)
{
    free(list->segments);
    *list = (struct segment_list){0};
}

uint32_t
segment_list_find(const struct segment_list *list, uint64_t epoch, uint32_t stream, uint32_t *out_count)
{
    uint32_t count = 0;
    uint32_t first = list->count;

    /* Linear: done once for each stream of an epoch, at boot. */
    for (uint32_t i = 0; i < list->count; i++) {
        const struct segment *segment = &list->segments[i];

        if (segment->state == SEGMENT_OURS && segment->header.epoch == epoch &&
            segment->header.stream == stream) {
            first = count == 0 ? i : first;
            count++;
        }
    }
    *out_count = count;
    return first;
}

void
segment_name(uint32_t number, char *out_name)
{
    REQUIRE(number > 0);
    REQUIRE(number <= SEGMENT_NUMBER_MAX);
    snprintf(out_name, SEGMENT_NAME_BYTES, SEGMENT_FOLDER "/%08u.seg", number);
}

/* Preparing. */

static int
open_either(struct disk *disk, const char *name, struct disk_file *out_file)
{
    int r = disk->ops->open(disk, name, DISK_OPEN_CREATE, out_file);

    if (r == -EEXIST) { /* Left half made by a crash. */
        r = disk->ops->open(disk, name, DISK_OPEN_EXISTING, out_file);
    }
    return r;
}

/* A recycled file keeps its old blocks: writing zeros over them would cost as much as the blocks to come. */
static int
fill(struct disk *disk, struct disk_file file, enum segment_origin origin, uint64_t bytes)
{
    uint64_t bytes_now;
    int r;

    if (origin == SEGMENT_RECYCLED) {
        r = disk->ops->size(disk, file, &bytes_now);
        if (r != 0) {
            return fault_new(r);
        }
        if (bytes_now == bytes) {
            return 0;
        }
    }
    r = disk->ops->zero_fill(disk, file, bytes);
    return r != 0 ? fault_new(r) : 0;
}

static int
write_header(struct disk *disk, struct disk_file file, const struct segment_header *header)
{
    uint8_t sector[DISK_SECTOR_BYTES] = {0};
    struct segment_header mine = *header;
    int r;

    mine.magic = SEGMENT_MAGIC;
    mine.version = LOG_FORMAT_VERSION;
    mine.checksum = header_checksum(mine);
    memcpy(sector, &mine, sizeof(mine));

    r = disk->ops->write(disk, file, sector, sizeof(sector), 0);
    if (r != 0) {
        return fault_new(r);
    }
    r = disk->ops->sync(disk, file);
    if (r != 0) {
        return fault_new(r);
    }
    r = disk->ops->sync_folder(disk, SEGMENT_FOLDER);
    return r != 0 ? fault_new(r) : 0;
}

/* The unlinking is made durable, or a crash could bring two files back that claim the same place. */
static int
unmake(struct disk *disk, const char *name, int because)
{
    int r = disk->ops->unlink(disk, name);

    if (r == 0 || r == -ENOENT) {
        r = disk->ops->sync_folder(disk, SEGMENT_FOLDER);
    }
    return r != 0 ? fault_new(r) : because;
}

int
segment_prepare(struct disk *disk, uint32_t number, enum segment_origin origin,
                const struct segment_header *header, struct disk_file *out_file)
{
    char name[SEGMENT_NAME_BYTES];
    struct disk_file file = DISK_FILE_NONE;
    int r;

    segment_name(number, name);
    r = origin == SEGMENT_NEW ? open_either(disk, name, &file)
                              : disk->ops->open(disk, name, DISK_OPEN_EXISTING, &file);
    if (r != 0) {
        return fault_new(r);
    }
    r = fill(disk, file, origin, header->bytes);
    if (r != 0) {
        goto fail;
    }
    r = write_header(disk, file, header);
    if (r != 0) {
        goto fail;
    }
    *out_file = file;
    return 0;

fail:
    disk->ops->close(disk, file);
    if (origin == SEGMENT_NEW) {
        return unmake(disk, name, r);
    }
    return fault_up(r);
}

static void
count_file(void *context, const char *name)
{
    uint32_t *count = context;

    (void)name;
    (*count)++;
}

static int
check_share(struct disk *disk, uint64_t bytes, uint64_t held_bytes)
{
    uint32_t count = 0;
    uint64_t room;
    int r = disk->ops->list(disk, SEGMENT_FOLDER, count_file, &count);

    if (r == 0) {
        r = disk->ops->room(disk, &room);
    }
    if (r != 0) {
        return fault_new(r);
    }
    return held_bytes <= (room + count * bytes) / 2 ? 0 : -ENOSPC;
}

int
segment_prepare_modestly(struct disk *disk, uint32_t number, enum segment_origin origin,
                         const struct segment_header *header, uint64_t held_bytes, struct disk_file *out_file)
{
    char name[SEGMENT_NAME_BYTES];
    int r = held_bytes > 0 ? check_share(disk, header->bytes, held_bytes) : 0;

    if (r == 0) {
        return segment_prepare(disk, number, origin, header, out_file);
    }
    if (r == -ENOSPC && origin == SEGMENT_RECYCLED) {
        segment_name(number, name);
        return unmake(disk, name, SEGMENT_GIVEN_BACK);
    }
    return fault_up(r);
}

/* Blocks. */

uint32_t
block_checksum(const struct log_block_header *header)
{
    struct log_block_header mine = *header;

    mine.checksum = 0;
    return checksum32_more(checksum32(&mine, sizeof(mine)), header + 1, header->length - sizeof(*header));
}

uint64_t
block_padded_bytes(const struct log_block_header *header)
{
    return align_up(header->length, DISK_SECTOR_BYTES);
}

static bool
is_in_place(const struct log_block_header *header, const struct block_place *place)
{
    return header->magic == LOG_BLOCK_MAGIC && header->epoch == place->epoch &&
           header->stream == place->stream && header->segment == place->segment &&
           uuid_equal(header->store_id, place->store_id);
}

/* Only of blocks with a good checksum, so a "no" here is a bug of the writer or a forgery. */
static bool
has_sound_sections(const struct log_block_header *header)
{
    const uint8_t *bytes = (const uint8_t *)header;
    uint64_t offset = sizeof(*header);

    for (uint32_t i = 0; i < header->section_count; i++) {
        struct log_section section;

        if (header->length - offset < sizeof(section)) {
            return false;
        }
        memcpy(&section, bytes + offset, sizeof(section));
        offset += sizeof(section);
        if (section.bytes > header->length - offset || section.bytes % 8 != 0) {
            return false;
        }
        offset += section.bytes;
    }
    return offset == header->length;
}

int
block_check(const struct log_block_header *header, uint64_t bytes_max, const struct block_place *place)
{
    REQUIRE(bytes_max >= DISK_SECTOR_BYTES);

    if (!is_in_place(header, place)) {
        return BLOCK_BAD;
    }
    if (header->length < sizeof(*header) || header->length > LOG_BLOCK_BYTES_MAX) {
        return BLOCK_TORN;
    }
    if (header->length > bytes_max) {
        return BLOCK_MORE;
    }
    if (header->checksum != block_checksum(header)) {
        return BLOCK_TORN;
    }
    if (header->version != LOG_FORMAT_VERSION) {
        return BLOCK_NEWER;
    }
    return header->acked <= header->sequence && has_sound_sections(header) ? 0 : BLOCK_TORN;
}
