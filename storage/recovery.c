/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A stream is scanned from its first segment to its last, sector by sector. A good block that stands where the next
 * one is expected and has the next sequence is taken; the place after it is where the next one is expected, or the
 * start of the segment that follows. Anything else that is a good block of this stream is `later`: either void
 * (written while an earlier one was not yet durable, and never acknowledged) or the witness of corruption.
 *
 *   taken  taken  taken   bad     later, acked <= k        -> torn: the stream ends before k
 *     0      1      2    k = 3    later, acked >  k        -> corruption: k was durable when that one was sent
 *
 * Once settled, a stream's end is a fact and needs no witness: fewer good blocks than that is corruption.
 *
 * Whoever verifies takes the next good block all the same, and notes the gap before it.
 *
 * Nothing is changed before the manifest is saved, except that files are synced and, with accept_loss, that a bad
 * first sector in front of good blocks is written again; so a crash at any point is followed by the same decision.
 */

#include "storage/recovery.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/segment.h"

#define WINDOW_BYTES (4u * LOG_BLOCK_BYTES_MAX)
#define GAP_COUNT_MAX 4096u /* of a stream; what is behind is one more */

enum purpose {
    PURPOSE_SETTLE,
    PURPOSE_ACCEPT_LOSS,
    PURPOSE_VERIFY,
};

struct settling {
    struct disk *disk;
    const struct manifest *manifest;
    struct recovery_report *report;
    struct segment_list list;
    uint8_t *window; /* [WINDOW_BYTES] */
    enum purpose purpose;
    const struct recovery_watch *watch; /* NULL: nobody */
    struct gap *gaps;                   /* [GAP_COUNT_MAX], when verifying */
};

/* Blocks next .. end - 1 are not where they should be: at this offset, and on. None: the next is, but elsewhere. */
struct gap {
    uint64_t next;
    uint64_t end;
    uint64_t offset;
    uint32_t number;
};

/* One stream being scanned. */
struct scan {
    const struct manifest_epoch *epoch;
    uint32_t stream;
    uint64_t begin;
    uint64_t limit; /* what has this sequence or more is void, as was settled once; UINT64_MAX if not yet */
    bool is_begun;  /* `next` is known */
    bool is_broken; /* nothing more is taken */
    bool is_torn;
    bool is_witnessed;  /* `next` was durable once */
    uint64_t next;      /* sequence that is expected */
    uint64_t later_end; /* 1 + the highest sequence that was not taken */
    uint64_t acked_max; /* of any good block */
    uint32_t gap_count;
    uint32_t segment_end;
    /* Where it is expected, or at the start of the next segment. */
    uint32_t index;
    uint32_t number;
    uint64_t offset;
};

/* Bad news. */

PRINTF_LIKE(2, 3)
static int
corrupt(struct settling *settling, const char *format, ...)
{
    struct recovery_report *report = settling->report;
    char what[MANIFEST_REASON_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (report->reason[0] == '\0') {
        memcpy(report->reason, what, sizeof(what));
    }
    report->found_count++;
    if (settling->watch != NULL) {
        settling->watch->found(settling->watch->context, what);
    }
    return settling->purpose == PURPOSE_SETTLE ? fault_new(-EUCLEAN) : 0;
}

static int
too_new(struct settling *settling, uint32_t number)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(number, name);
    snprintf(settling->report->reason, sizeof(settling->report->reason),
             "%s was written by a newer version: use a newer program", name);
    return fault_new(-ENOTSUP);
}

/* A file through a window. */

struct view {
    struct settling *settling;
    struct disk_file file;
    uint64_t bytes; /* whole sectors of the file */
    uint64_t from;
    uint64_t to;
    uint64_t read_to; /* the most so far */
    uint32_t number;
};

static int
unreadable(const struct view *view, uint64_t offset, int fault)
{
    struct recovery_report *report = view->settling->report;
    char name[SEGMENT_NAME_BYTES];

    segment_name(view->number, name);
    snprintf(report->reason, sizeof(report->reason), "%s at offset %llu cannot be read", name,
             (unsigned long long)offset);
    return fault_new(fault);
}

static int
view_open(struct settling *settling, const struct segment *segment, struct view *out_view)
{
    struct view view = {.settling = settling,
                        .number = segment->number,
                        .bytes = segment->bytes / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES};
    char name[SEGMENT_NAME_BYTES];
    int r;

    segment_name(segment->number, name);
    r = settling->disk->ops->open(settling->disk, name, DISK_OPEN_EXISTING, &view.file);
    if (r != 0) {
        return fault_new(r);
    }
    *out_view = view;
    return 0;
}

/* At least `bytes` of the file from offset on, or all there is. */
static int
view_load(struct view *view, uint64_t offset, uint64_t bytes)
{
    struct settling *settling = view->settling;
    uint64_t end = bytes < view->bytes - offset ? offset + bytes : view->bytes;
    int r;

    if (offset >= view->from && end <= view->to) {
        return 0;
    }
    end = WINDOW_BYTES < view->bytes - offset ? offset + WINDOW_BYTES : view->bytes;
    r = settling->disk->ops->read(settling->disk, view->file, settling->window, end - offset, offset);
    if (r != 0) {
        return unreadable(view, offset, r);
    }
    if (settling->watch != NULL && end > view->read_to) {
        settling->watch->read(settling->watch->context, end - view->read_to);
        view->read_to = end;
    }
    view->from = offset;
    view->to = end;
    return 0;
}

static struct log_block_header *
view_header(const struct view *view, uint64_t offset)
{
    return (struct log_block_header *)(void *)(view->settling->window + (offset - view->from));
}

/* block_check() of what is at offset, which is inside the file. */
static int
view_check(struct view *view, uint64_t offset, const struct block_place *place)
{
    int r = view_load(view, offset, DISK_SECTOR_BYTES);

    if (r != 0) {
        return fault_up(r);
    }
    r = block_check(view_header(view, offset), view->to - offset, place);
    if (r != BLOCK_MORE) {
        return r;
    }
    r = view_load(view, offset, LOG_BLOCK_BYTES_MAX);
    if (r != 0) {
        return fault_up(r);
    }
    r = block_check(view_header(view, offset), view->to - offset, place);
    return r == BLOCK_MORE ? BLOCK_TORN : r;
}

/* Scanning. */

static bool
is_expected_here(const struct scan *scan, const struct segment *segment, uint64_t offset)
{
    if (segment->header.index == scan->index) {
        return offset == scan->offset;
    }
    return segment->header.index == scan->index + 1 && offset == DISK_SECTOR_BYTES;
}

static void
take_block(struct settling *settling, struct scan *scan, const struct segment *segment,
           const struct log_block_header *header, uint64_t offset)
{
    struct recovery_report *report = settling->report;
    uint64_t bytes = block_padded_bytes(header);

    scan->next++;
    scan->index = segment->header.index;
    scan->number = segment->number;
    scan->offset = offset + bytes;
    scan->segment_end = segment->header.index + 1;

    report->blocks++;
    report->bytes += bytes;
    if (header->wall_ms > report->wall_floor.ms) {
        report->wall_floor.ms = header->wall_ms;
    }
}

/* The first good block of a stream whose beginning was recycled says where it begins now. */
static void
begin_at(struct scan *scan, uint64_t sequence)
{
    if (!scan->is_begun) {
        scan->is_begun = true;
        scan->next = sequence < scan->begin ? sequence : scan->begin;
    }
}

static void
note_gap(struct settling *settling, struct scan *scan, uint64_t end)
{
    settling->gaps[scan->gap_count] =
        (struct gap){.next = scan->next, .end = end, .offset = scan->offset, .number = scan->number};
    scan->gap_count++;
    scan->next = end;
}

static void
look_at_block(struct settling *settling, struct scan *scan, const struct segment *segment,
              const struct log_block_header *header, uint64_t offset)
{
    if (header->sequence >= scan->limit) {
        return;
    }
    begin_at(scan, header->sequence);
    scan->acked_max = header->acked > scan->acked_max ? header->acked : scan->acked_max;
    if (!scan->is_broken && header->sequence == scan->next && is_expected_here(scan, segment, offset)) {
        take_block(settling, scan, segment, header, offset);
        return;
    }
    if (header->sequence < scan->next) {
        return; /* No writer of ours leaves this; it says nothing about the next one. */
    }
    if (settling->purpose == PURPOSE_VERIFY && scan->gap_count < GAP_COUNT_MAX) {
        note_gap(settling, scan, header->sequence);
        scan->is_broken = false;
        take_block(settling, scan, segment, header, offset);
        return;
    }
    scan->is_broken = true;
    scan->is_torn = true;
    scan->is_witnessed |= header->acked > scan->next;
    scan->later_end = header->sequence >= scan->later_end ? header->sequence + 1 : scan->later_end;
}

static int
scan_sectors(struct settling *settling, struct scan *scan, const struct segment *segment, struct view *view)
{
    struct block_place place = {.store_id = settling->manifest->store_id,
                                .epoch = segment->header.epoch,
                                .stream = segment->header.stream,
                                .segment = segment->header.index};
    uint64_t offset = DISK_SECTOR_BYTES;

    while (offset < view->bytes) {
        int r = view_check(view, offset, &place);

        if (r < 0) {
            return fault_up(r);
        }
        if (r == BLOCK_NEWER) {
            return too_new(settling, segment->number);
        }
        if (r != 0) {
            scan->is_torn |= r == BLOCK_TORN && scan->limit == UINT64_MAX;
            offset += DISK_SECTOR_BYTES;
            continue;
        }
        look_at_block(settling, scan, segment, view_header(view, offset), offset);
        offset += block_padded_bytes(view_header(view, offset));
    }
    return 0;
}

static int
check_size(struct settling *settling, const struct segment *segment)
{
    if (segment->bytes == segment->header.bytes) {
        return 0;
    }
    char name[SEGMENT_NAME_BYTES];

    segment_name(segment->number, name);
    return corrupt(settling, "%s has %llu bytes, not %llu", name, (unsigned long long)segment->bytes,
                   (unsigned long long)segment->header.bytes);
}

/* What was read is made to last: it may have been in the page cache only, and is about to be called valid. */
static int
scan_segment(struct settling *settling, struct scan *scan, const struct segment *segment)
{
    struct view view;
    int r = check_size(settling, segment);

    if (r != 0) {
        return fault_up(r);
    }
    r = view_open(settling, segment, &view);
    if (r != 0) {
        return fault_up(r);
    }
    r = scan_sectors(settling, scan, segment, &view);
    if (r == 0 && settling->purpose != PURPOSE_VERIFY) {
        r = settling->disk->ops->sync(settling->disk, view.file);
    }
    settling->disk->ops->close(settling->disk, view.file);
    return r != 0 ? fault_up(r) : 0;
}

/* Segments are all there, up to segment_end at least: they are prepared one after the other, and recycled from
   the front. */
static int
check_segments(struct settling *settling, const struct manifest_epoch *epoch, uint32_t stream,
               const struct segment *segments, uint32_t count, uint32_t segment_end)
{
    uint32_t index = count > 0 && epoch->stream_begins[stream] > 0 ? segments[0].header.index : 0;
    int r = 0;

    for (uint32_t i = 0; i < count && r == 0; i++, index++) {
        uint32_t found = segments[i].header.index;

        if (found < index) {
            char name[SEGMENT_NAME_BYTES];

            segment_name(segments[i].number, name);
            return corrupt(settling,
                           "%s claims to be segment %u of epoch %llu, stream %u, as another file does", name,
                           found, (unsigned long long)epoch->epoch, stream);
        }
        if (found > index) {
            break;
        }
    }
    if (index < segment_end || (count > 0 && index <= segments[count - 1].header.index)) {
        r = corrupt(settling, "the file with segment %u of epoch %llu, stream %u is missing from %s/", index,
                    (unsigned long long)epoch->epoch, stream, SEGMENT_FOLDER);
    }
    return r;
}

static void
torn(struct settling *settling, const struct scan *scan, uint32_t number, uint64_t offset)
{
    char name[SEGMENT_NAME_BYTES];
    char what[MANIFEST_REASON_BYTES];

    settling->report->torn_streams++;
    if (settling->watch == NULL || number == 0) {
        return;
    }
    segment_name(number, name);
    snprintf(what, sizeof(what),
             "%s at offset %llu: epoch %llu, stream %u ends torn, as after a power cut; the next start cuts "
             "it there",
             name, (unsigned long long)offset, (unsigned long long)scan->epoch->epoch, scan->stream);
    settling->watch->noted(settling->watch->context, what);
}

static void
report_gap(struct settling *settling, const struct scan *scan, const struct gap *gap, const char *name)
{
    unsigned long long epoch = scan->epoch->epoch;
    unsigned long long last = gap->end > gap->next ? gap->end - 1 : gap->next;

    if (last > gap->next) {
        (void)corrupt(
            settling,
            "%s at offset %llu: blocks %llu to %llu of epoch %llu, stream %u are bad or missing, but were "
            "durable once",
            name, (unsigned long long)gap->offset, (unsigned long long)gap->next, last, epoch, scan->stream);
        return;
    }
    (void)corrupt(settling, "%s at offset %llu: block %llu of epoch %llu, stream %u is bad or missing%s",
                  name, (unsigned long long)gap->offset, last, epoch, scan->stream,
                  gap->end > gap->next ? ", but was durable once" : " here, and somewhere else");
}

/* Gaps that were durable once. The first that was not is the end of the stream. False: that was seen. */
static bool
judge_gaps(struct settling *settling, const struct scan *scan)
{
    for (uint32_t i = 0; i < scan->gap_count; i++) {
        const struct gap *gap = &settling->gaps[i];
        char name[SEGMENT_NAME_BYTES];

        if (scan->limit == UINT64_MAX && gap->next >= scan->acked_max) {
            torn(settling, scan, gap->number, gap->offset);
            return false;
        }
        settling->report->lost_blocks += gap->end - gap->next;
        if (gap->number == 0) {
            continue; /* The file is missing, as was said. */
        }
        segment_name(gap->number, name);
        report_gap(settling, scan, gap, name);
    }
    return true;
}

static int
judge_scan(struct settling *settling, struct scan *scan)
{
    char name[SEGMENT_NAME_BYTES] = SEGMENT_FOLDER "/";
    uint64_t known_end = scan->limit != UINT64_MAX ? scan->limit : scan->later_end;
    int r;

    if (!judge_gaps(settling, scan)) {
        return 0;
    }
    if (scan->limit != UINT64_MAX && scan->next < scan->limit) {
        scan->is_witnessed = true;
    }
    if (!scan->is_witnessed) {
        if (scan->is_torn) {
            torn(settling, scan, scan->number, scan->offset);
        }
        return 0;
    }
    if (scan->number > 0) {
        segment_name(scan->number, name);
    }
    r = corrupt(
        settling,
        "%s at offset %llu: block %llu of epoch %llu, stream %u is bad or missing, but was durable once",
        name, (unsigned long long)scan->offset, (unsigned long long)scan->next,
        (unsigned long long)scan->epoch->epoch, scan->stream);
    settling->report->lost_blocks += known_end - scan->next;
    return r;
}

/* This stream's segments. Those behind the end of an ended one are free files that still have their old first
   sector. */
static const struct segment *
segments_of(const struct settling *settling, const struct manifest_epoch *epoch, uint32_t stream,
            uint32_t *out_count)
{
    uint32_t count;
    uint32_t first = segment_list_find(&settling->list, epoch->epoch, stream, &count);
    const struct segment *segments = count > 0 ? &settling->list.segments[first] : NULL;

    while (count > 0 && epoch->is_ended && segments[count - 1].header.index >= epoch->segment_ends[stream]) {
        count--;
    }
    *out_count = count;
    return segments;
}

/* Everything in it was released, or it never had anything. */
static bool
is_void(const struct manifest_epoch *epoch, uint32_t stream)
{
    return epoch->is_ended && epoch->stream_ends[stream] <= epoch->stream_begins[stream];
}

static int
scan_stream(struct settling *settling, struct manifest_epoch *epoch, uint32_t stream, struct scan *out_scan)
{
    uint32_t count;
    const struct segment *segments = segments_of(settling, epoch, stream, &count);
    struct scan scan = {
        .epoch = epoch,
        .stream = stream,
        .begin = epoch->stream_begins[stream],
        .limit = epoch->is_ended ? epoch->stream_ends[stream] : UINT64_MAX,
        .offset = DISK_SECTOR_BYTES,
    };
    int r = check_segments(settling, epoch, stream, segments, count,
                           epoch->is_ended ? epoch->segment_ends[stream] : 0);

    if (count > 0) {
        scan.index = segments[0].header.index;
        scan.number = segments[0].number;
        scan.segment_end = scan.begin > 0 ? scan.index : 0;
    }
    if (scan.begin == 0 || scan.index == 0) {
        begin_at(&scan, 0);
    }
    if (scan.begin == 0 && scan.index > 0) {
        scan.index = 0; /* Missing; nothing is expected in what is there. */
        scan.is_broken = true;
    }
    for (uint32_t i = 0; i < count && r == 0; i++) {
        r = scan_segment(settling, &scan, &segments[i]);
    }
    if (r != 0) {
        return fault_up(r);
    }
    if (!scan.is_witnessed && scan.next < scan.begin) {
        scan.next = scan.begin; /* Nothing is left of what was released. */
    }
    r = judge_scan(settling, &scan);
    if (r != 0) {
        return fault_up(r);
    }
    *out_scan = scan;
    return 0;
}

/* Files whose first sector is not good. */

/* Would the manifest miss this block, were it lost? */
static bool
is_missed(const struct settling *settling, const struct log_block_header *header)
{
    const struct manifest_epoch *epoch = manifest_find_epoch(settling->manifest, header->epoch);
    uint32_t stream = header->stream;
    uint32_t count;
    uint32_t first;

    if (epoch == NULL || stream >= epoch->stream_count || header->sequence < epoch->stream_begins[stream]) {
        return false;
    }
    if (epoch->is_ended &&
        (header->sequence >= epoch->stream_ends[stream] || header->segment >= epoch->segment_ends[stream])) {
        return false;
    }
    first = segment_list_find(&settling->list, header->epoch, stream, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (settling->list.segments[first + i].header.index == header->segment) {
            return false;
        }
    }
    return true;
}

/* out_header is what the first sector should have said, index UINT32_MAX when it does not matter. */
static int
find_missed(struct settling *settling, const struct segment *segment, struct view *view,
            struct segment_header *out_header)
{
    struct segment_header header = {.index = UINT32_MAX};
    uint64_t offset = DISK_SECTOR_BYTES;

    while (offset < view->bytes && header.index == UINT32_MAX) {
        struct log_block_header *block;
        int r = view_load(view, offset, DISK_SECTOR_BYTES);

        if (r != 0) {
            return fault_up(r);
        }
        block = view_header(view, offset);
        if (block->magic == LOG_BLOCK_MAGIC && is_missed(settling, block)) {
            struct block_place place = {.store_id = settling->manifest->store_id,
                                        .epoch = block->epoch,
                                        .stream = block->stream,
                                        .segment = block->segment};

            r = view_check(view, offset, &place);
            if (r < 0) {
                return fault_up(r);
            }
            if (r == 0) {
                header = (struct segment_header){.store_id = place.store_id,
                                                 .epoch = place.epoch,
                                                 .stream = place.stream,
                                                 .index = place.segment,
                                                 .generation = 1,
                                                 .bytes = segment->bytes};
            }
        }
        offset += DISK_SECTOR_BYTES;
    }
    *out_header = header;
    return 0;
}

static int
heal(struct settling *settling, uint32_t number, const struct segment_header *header)
{
    struct disk_file file;
    int r = segment_prepare(settling->disk, number, SEGMENT_RECYCLED, header, &file);

    if (r != 0) {
        return fault_up(r);
    }
    settling->disk->ops->close(settling->disk, file);
    return 0;
}

static int
look_into_damaged(struct settling *settling, const struct segment *segment, bool *out_is_healed)
{
    struct segment_header header;
    struct view view;
    char name[SEGMENT_NAME_BYTES];
    int r = view_open(settling, segment, &view);

    if (r != 0) {
        return fault_up(r);
    }
    r = find_missed(settling, segment, &view, &header);
    settling->disk->ops->close(settling->disk, view.file);
    if (r != 0) {
        return fault_up(r);
    }
    if (header.index == UINT32_MAX) {
        return 0;
    }
    segment_name(segment->number, name);
    r = corrupt(settling,
                "%s at offset 0: the first sector is bad, but blocks of epoch %llu, stream %u follow", name,
                (unsigned long long)header.epoch, header.stream);
    if (r != 0) {
        return fault_up(r);
    }
    if (settling->purpose == PURPOSE_VERIFY) {
        return 0;
    }
    *out_is_healed = true;
    return heal(settling, segment->number, &header);
}

static int
foreign(struct settling *settling, const char *name)
{
    if (settling->purpose == PURPOSE_VERIFY) {
        return corrupt(settling, "%s belongs to another store", name);
    }
    snprintf(settling->report->reason, sizeof(settling->report->reason),
             "%s belongs to another store: take it away, or bring its manifest back", name);
    settling->report->is_foreign = true;
    return fault_new(-EUCLEAN);
}

static int
look_into_files(struct settling *settling, bool *out_is_healed)
{
    bool is_healed = false;
    int r = 0;

    for (uint32_t i = 0; i < settling->list.count && r == 0; i++) {
        const struct segment *segment = &settling->list.segments[i];
        char name[SEGMENT_NAME_BYTES];

        segment_name(segment->number, name);
        switch (segment->state) {
        case SEGMENT_OURS:
            break;
        case SEGMENT_DAMAGED:
            r = look_into_damaged(settling, segment, &is_healed);
            break;
        case SEGMENT_FOREIGN:
            /* Never a loss to accept: a store whose manifest is gone looks like this, and all of it is still there. */
            r = foreign(settling, name);
            break;
        case SEGMENT_NEWER:
            r = too_new(settling, segment->number);
            break;
        }
    }
    if (r != 0) {
        return fault_up(r);
    }
    *out_is_healed = is_healed;
    return 0;
}

/* The whole. */

static int
take_stock(struct settling *settling)
{
    const struct uuid *store_id = &settling->manifest->store_id;
    bool is_healed = false;
    int r = segment_list_read(settling->disk, store_id, 1, 0, &settling->list);

    if (r != 0) {
        return fault_up(r);
    }
    r = look_into_files(settling, &is_healed);
    if (r == 0 && is_healed) {
        segment_list_deinit(&settling->list);
        r = segment_list_read(settling->disk, store_id, 1, 0, &settling->list);
    }
    return r != 0 ? fault_up(r) : 0;
}

/* An epoch that ended before, on an ordinary start. The reader will find what is wrong inside its segments. */
static int
check_ended(struct settling *settling, const struct manifest_epoch *epoch, uint32_t stream)
{
    uint32_t count;
    const struct segment *segments = segments_of(settling, epoch, stream, &count);
    int r = check_segments(settling, epoch, stream, segments, count, epoch->segment_ends[stream]);

    for (uint32_t i = 0; i < count && r == 0; i++) {
        r = check_size(settling, &segments[i]);
    }
    return r != 0 ? fault_up(r) : 0;
}

/* Writes to the epoch's ends only, which the caller owns, and only when not verifying. */
static int
settle_epoch(struct settling *settling, struct manifest_epoch *epoch)
{
    for (uint32_t stream = 0; stream < epoch->stream_count; stream++) {
        struct scan scan = {.next = 0};
        int r;

        if (is_void(epoch, stream)) {
            continue;
        }
        if (epoch->is_ended && settling->purpose == PURPOSE_SETTLE) {
            r = check_ended(settling, epoch, stream);
            if (r != 0) {
                return fault_up(r);
            }
            continue;
        }
        r = scan_stream(settling, epoch, stream, &scan);
        if (r != 0) {
            return fault_up(r);
        }
        if (settling->purpose != PURPOSE_VERIFY) {
            epoch->stream_ends[stream] = scan.next;
            epoch->segment_ends[stream] = scan.segment_end;
        }
    }
    if (settling->purpose != PURPOSE_VERIFY) {
        epoch->is_ended = true;
    }
    return 0;
}

static int
settle_epochs(struct disk *disk, const struct manifest *manifest, uint32_t epoch_count, enum purpose purpose,
              const struct recovery_watch *watch, struct recovery_report *report)
{
    struct settling settling = {
        .disk = disk, .manifest = manifest, .report = report, .purpose = purpose, .watch = watch};
    int r = 0;

    settling.window = aligned_alloc(DISK_SECTOR_BYTES, WINDOW_BYTES);
    if (purpose == PURPOSE_VERIFY) {
        settling.gaps = calloc(GAP_COUNT_MAX, sizeof(*settling.gaps));
    }
    if (settling.window == NULL || (purpose == PURPOSE_VERIFY && settling.gaps == NULL)) {
        r = fault_new(-ENOMEM);
        goto done;
    }
    r = take_stock(&settling);
    for (uint32_t i = 0; i < epoch_count && r == 0; i++) {
        r = settle_epoch(&settling, &manifest->epochs[i]);
    }
    segment_list_deinit(&settling.list);
done:
    free(settling.gaps);
    free(settling.window);
    return r != 0 ? fault_up(r) : 0;
}

static bool
is_empty(const struct manifest_epoch *epoch)
{
    for (uint32_t stream = 0; stream < epoch->stream_count; stream++) {
        if (epoch->stream_ends[stream] > epoch->stream_begins[stream]) {
            return false;
        }
    }
    return epoch->is_ended;
}

static void
drop_empty(struct manifest *manifest)
{
    for (uint32_t i = manifest->epoch_count - 1; i > 0; i--) {
        if (is_empty(&manifest->epochs[i - 1])) {
            manifest_drop_epoch(manifest, i - 1);
        }
    }
}

static int
make_log_folder(struct disk *disk)
{
    int r = disk->ops->make_folder(disk, SEGMENT_FOLDER);

    if (r == 0) {
        r = disk->ops->sync_folder(disk, "");
    }
    return r != 0 ? fault_new(r) : 0;
}

int
recovery_settle(struct disk *disk, struct manifest *manifest, uint32_t stream_count, bool accept_loss,
                struct recovery_report *out_report)
{
    struct recovery_report *report = out_report;
    uint32_t epoch_count = manifest->epoch_count;
    int r;

    *report = (struct recovery_report){.wall_floor = manifest->wall_floor};
    r = make_log_folder(disk);
    if (r != 0) {
        return fault_up(r);
    }
    r = settle_epochs(disk, manifest, epoch_count, accept_loss ? PURPOSE_ACCEPT_LOSS : PURPOSE_SETTLE, NULL,
                      report);
    if (r != 0) {
        return fault_up(r);
    }
    r = manifest_add_epoch(manifest, stream_count, &report->epoch);
    if (r != 0) {
        return fault_up(r);
    }
    manifest->wall_floor = report->wall_floor;
    drop_empty(manifest);
    r = manifest_save(disk, manifest);
    return r != 0 ? fault_up(r) : 0;
}

int
recovery_verify(struct disk *disk, const struct manifest *manifest, const struct recovery_watch *watch,
                struct recovery_report *out_report)
{
    int r;

    *out_report = (struct recovery_report){.wall_floor = manifest->wall_floor};
    if (manifest->epoch_count > 0) {
        out_report->epoch = manifest->epochs[manifest->epoch_count - 1].epoch;
    }
    r = settle_epochs(disk, manifest, manifest->epoch_count, PURPOSE_VERIFY, watch, out_report);
    if (r == 0 && out_report->found_count > 0) {
        r = fault_new(-EUCLEAN);
    }
    return r != 0 ? fault_up(r) : 0;
}
