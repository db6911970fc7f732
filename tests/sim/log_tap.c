/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/log_tap.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>

struct names {
    char name[4096][SEGMENT_NAME_BYTES];
    uint32_t count;
};

static void
found(void *context, const char *name)
{
    struct names *names = context;

    if (names->count < COUNT_OF(names->name)) {
        snprintf(names->name[names->count++], SEGMENT_NAME_BYTES, "log/%.20s", name);
    }
}

static bool
is_block(const uint8_t *at, uint64_t room, const struct segment_header *segment)
{
    struct log_block_header header;
    uint32_t checksum;

    memcpy(&header, at, sizeof(header));
    if (header.magic != LOG_BLOCK_MAGIC || !uuid_equal(header.store_id, segment->store_id) ||
        header.epoch != segment->epoch || header.stream != segment->stream ||
        header.segment != segment->index || header.length < sizeof(header) || header.length > room) {
        return false;
    }
    checksum = header.checksum;
    header.checksum = 0;
    return checksum32_more(checksum32(&header, sizeof(header)), at + sizeof(header),
                           header.length - sizeof(header)) == checksum;
}

static void
add_block(struct log_tap *tap, const uint8_t *at, const char *name, uint64_t offset)
{
    if (tap->count == tap->count_max) {
        tap->count_max = tap->count_max * 2 + 64;
        tap->blocks = realloc(tap->blocks, tap->count_max * sizeof(*tap->blocks));
    }
    tap->blocks[tap->count++] =
        (struct log_tap_block){.header = (const void *)at, .name = name, .offset = offset};
}

static void
read_file(struct log_tap *tap, struct sim_disk *disk, const char *name)
{
    struct segment_header segment;
    uint8_t *bytes;
    uint64_t count;

    if (sim_disk_snapshot_used(disk, name, &bytes, &count) != 0) {
        return;
    }
    tap->files = realloc(tap->files, (tap->file_count + 1) * sizeof(*tap->files));
    tap->files[tap->file_count++] = bytes;
    if (count < DISK_SECTOR_BYTES) {
        return;
    }
    memcpy(&segment, bytes, sizeof(segment));
    if (segment.magic != SEGMENT_MAGIC || !uuid_equal(segment.store_id, tap->manifest.store_id)) {
        return;
    }
    for (uint64_t offset = DISK_SECTOR_BYTES; offset + DISK_SECTOR_BYTES <= count;
         offset += DISK_SECTOR_BYTES) {
        if (is_block(bytes + offset, count - offset, &segment)) {
            add_block(tap, bytes + offset, name, offset);
        }
    }
}

static int
compare_blocks(const void *a, const void *b)
{
    const struct log_block_header *left = ((const struct log_tap_block *)a)->header;
    const struct log_block_header *right = ((const struct log_tap_block *)b)->header;

    if (left->epoch != right->epoch) {
        return left->epoch < right->epoch ? -1 : 1;
    }
    if (left->stream != right->stream) {
        return left->stream < right->stream ? -1 : 1;
    }
    return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* One that went from the manifest without having ended was found to be empty by the start after it. */
static const struct manifest_epoch *
find_epoch(const struct log_tap *tap, uint64_t epoch)
{
    const struct manifest_epoch *row = manifest_find_epoch(&tap->manifest, epoch);

    if (row == NULL) {
        row = manifest_find_epoch(&tap->archive->manifest, epoch);
        row = row != NULL && row->is_ended ? row : NULL;
    }
    return row;
}

uint32_t
log_tap_stream_count(const struct log_tap *tap, uint64_t epoch)
{
    const struct manifest_epoch *row = find_epoch(tap, epoch);

    return row == NULL ? 1 : row->stream_count;
}

/* Drops what is void, and notes what is missing. */
static void
keep_valid(struct log_tap *tap)
{
    uint32_t kept = 0;
    uint64_t expected = 0;

    for (uint32_t i = 0; i < tap->count; i++) {
        const struct log_block_header *header = tap->blocks[i].header;
        const struct manifest_epoch *epoch = find_epoch(tap, header->epoch);

        if (epoch == NULL || header->stream >= epoch->stream_count ||
            (epoch->is_ended && header->sequence >= epoch->stream_ends[header->stream])) {
            continue;
        }
        if (kept == 0 || tap->blocks[kept - 1].header->epoch != header->epoch ||
            tap->blocks[kept - 1].header->stream != header->stream) {
            expected = 0;
        }
        if (kept > 0 && compare_blocks(&tap->blocks[kept - 1], &tap->blocks[i]) == 0) {
            continue; /* archived, and still there */
        }
        if (header->sequence != expected) {
            snprintf(tap->problem, sizeof(tap->problem), "epoch %llu stream %u: block %llu where %llu is due",
                     (unsigned long long)header->epoch, header->stream, (unsigned long long)header->sequence,
                     (unsigned long long)expected);
        }
        expected = header->sequence + 1;
        tap->blocks[kept++] = tap->blocks[i];
    }
    tap->count = kept;
}

static void
read_files(struct log_tap *tap, struct sim_disk *disk)
{
    struct disk *interface = sim_disk_interface(disk);
    struct names *names = calloc(1, sizeof(*names));

    (void)!interface->ops->list(interface, "log", found, names);
    tap->names = calloc(names->count + 1, SEGMENT_NAME_BYTES);
    for (uint32_t i = 0; i < names->count; i++) {
        memcpy(tap->names[i], names->name[i], SEGMENT_NAME_BYTES);
        read_file(tap, disk, tap->names[i]);
    }
    free(names);
}

static int
compare_archived(const void *a, const void *b)
{
    struct log_tap_block left = {.header = *(const void *const *)a};
    struct log_tap_block right = {.header = *(const void *const *)b};

    return compare_blocks(&left, &right);
}

/* Among the first `count`, which are in order. */
static bool
is_archived(const struct log_archive *archive, uint32_t count, const struct log_block_header *header)
{
    return count > 0 && bsearch(&header, archive->blocks, count, sizeof(*archive->blocks), compare_archived);
}

void
log_archive_begin(struct log_archive *archive, const struct log_archive *before)
{
    *archive = (struct log_archive){.before = before};
    if (manifest_copy(&before->manifest, &archive->manifest) != 0) {
        abort();
    }
}

void
log_archive_add(struct log_archive *archive, struct sim_disk *disk)
{
    struct log_tap tap = {.archive = archive};
    uint32_t count = archive->count;
    char reason[MANIFEST_REASON_BYTES];

    if (manifest_load(sim_disk_interface(disk), &tap.manifest, reason) == 0) {
        read_files(&tap, disk);
    }
    for (uint32_t i = 0; i < tap.count; i++) {
        uint32_t bytes = tap.blocks[i].header->length;

        if (is_archived(archive, count, tap.blocks[i].header)) {
            continue;
        }
        if (archive->count == archive->count_max) {
            archive->count_max = archive->count_max * 2 + 64;
            archive->blocks = realloc(archive->blocks, archive->count_max * sizeof(*archive->blocks));
        }
        archive->blocks[archive->count] = malloc(bytes);
        memcpy(archive->blocks[archive->count++], tap.blocks[i].header, bytes);
    }
    if (archive->count > count) {
        qsort(archive->blocks, archive->count, sizeof(*archive->blocks), compare_archived);
    }
    log_tap_free(&tap);
}

void
log_archive_note(struct log_archive *archive, const struct manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        const struct manifest_epoch *epoch = &manifest->epochs[i];
        struct manifest_epoch *row = manifest_find_epoch(&archive->manifest, epoch->epoch);
        uint64_t number;

        while (row == NULL) { /* numbers that were never saved have no blocks */
            if (manifest_add_epoch(&archive->manifest, epoch->stream_count, &number) != 0) {
                abort();
            }
            row = manifest_find_epoch(&archive->manifest, epoch->epoch);
        }
        row->is_ended = epoch->is_ended;
        if (row->stream_count != epoch->stream_count) {
            continue;
        }
        for (uint32_t s = 0; s < epoch->stream_count; s++) {
            row->stream_ends[s] = epoch->stream_ends[s];
        }
    }
}

void
log_archive_deinit(struct log_archive *archive)
{
    for (uint32_t i = 0; i < archive->count; i++) {
        free(archive->blocks[i]);
    }
    free(archive->blocks);
    manifest_deinit(&archive->manifest);
    *archive = (struct log_archive){0};
}

static void
read_all(struct log_tap *tap, struct sim_disk *disk, const struct log_archive *archive)
{
    char reason[MANIFEST_REASON_BYTES];

    *tap = (struct log_tap){.archive = archive};
    if (manifest_load(sim_disk_interface(disk), &tap->manifest, reason) != 0) {
        snprintf(tap->problem, sizeof(tap->problem), "no manifest");
        return;
    }
    read_files(tap, disk);
    for (; archive != NULL; archive = archive->before) {
        for (uint32_t i = 0; i < archive->count; i++) {
            add_block(tap, archive->blocks[i], "", 0);
        }
    }
    if (tap->count > 0) {
        qsort(tap->blocks, tap->count, sizeof(*tap->blocks), compare_blocks);
    }
}

void
log_tap_read_raw(struct log_tap *tap, struct sim_disk *disk)
{
    read_all(tap, disk, NULL);
}

void
log_tap_read(struct log_tap *tap, struct sim_disk *disk, const struct log_archive *archive)
{
    read_all(tap, disk, archive);
    if (tap->problem[0] == '\0') {
        keep_valid(tap);
    }
}

uint64_t
log_tap_hash(uint64_t hash, const struct log_block_header *header)
{
    uint64_t words[] = {header->epoch, header->stream, header->sequence, header->checksum};

    return hash64(hash, (struct text){.data = (const char *)words, .bytes = sizeof(words)});
}

void
log_tap_free(struct log_tap *tap)
{
    for (uint32_t i = 0; i < tap->file_count; i++) {
        free(tap->files[i]);
    }
    free(tap->files);
    free(tap->names);
    free(tap->blocks);
    manifest_deinit(&tap->manifest);
    *tap = (struct log_tap){.count = 0};
}
