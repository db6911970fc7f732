/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The ring
 *
 *     slack | slot 0 | slot 1 | slot 2 | slot 3
 *
 * Chunks are numbered 0, 1, 2 ... over everything that is read; chunk n is in slot n modulo 4, so a block that
 * begins in one chunk and ends in the next is in one piece, unless it goes round the end. Then its first part is
 * copied in front of slot 0, into the slack. Places are counted in bytes from the first chunk (`at`), as if all
 * slots were full; the last chunk of a segment may be shorter, the next segment begins with the next chunk.
 *
 * Two walks through the same segments: the planner starts reads, ahead of the consumer, which looks at blocks. Where
 * the blocks of a segment end is only known to the consumer; when it leaves one early, it sends the planner on, and
 * passes over the chunks of that segment that were already asked for.
 *
 * Invariants
 * 1. A slot is read into again when no lent block and not the consumer is in it or before it, and it is not
 *    being read into.
 * 2. A file is closed when the consumer passes the last chunk asked for of it: then its reads are done.
 */

#include "storage/log_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/segment.h"

#define RING_BYTES ((uint64_t)LOG_READER_SLOT_COUNT * LOG_READER_SLOT_BYTES)
#define SLACK_BYTES LOG_BLOCK_BYTES_MAX

static_assert(LOG_READER_SLOT_BYTES >= LOG_BLOCK_BYTES_MAX, "a block is in two slots at most");

/* A segment to read; all in order of epoch, stream, index. */
struct part {
    uint64_t epoch;
    uint64_t begin; /* of the stream: blocks before are not lent */
    uint64_t end;   /* of the stream */
    uint64_t bytes; /* of the file, in whole sectors */
    uint32_t stream;
    uint32_t index;
    uint32_t number;
    bool is_first_of_stream;
};

struct slot {
    struct env_op op;
    struct log_reader *reader;
    struct disk_file file;
    uint64_t offset; /* in the file */
    uint32_t bytes;
    uint32_t part;
    bool is_asked_for;
    bool is_reading;
    bool is_last_of_file;
    int fault;
};

/* A block that is lent. */
struct loan {
    struct log_block block;
    uint64_t at;
};

struct log_reader {
    struct env *env;
    struct disk *disk;
    struct uuid store_id;
    struct part *parts;
    uint32_t part_count;

    uint8_t *memory; /* slack and ring */
    uint8_t *ring;
    struct slot slots[LOG_READER_SLOT_COUNT];
    uint32_t reading_count;

    /* The planner. */
    uint64_t plan_chunk; /* the next to ask for */
    uint32_t plan_part;
    uint64_t plan_offset; /* in that part; 0 when its file is not open */
    struct disk_file plan_file;

    /* The consumer. */
    uint64_t at;
    uint32_t part;
    uint64_t offset; /* in that part */
    uint64_t sequence_next;
    bool is_stream_begun;
    uint32_t end_number; /* the file and place behind the last good block of the stream */
    uint64_t end_offset;

    struct loan loans[LOG_READER_BLOCK_COUNT_MAX];
    uint64_t lent_begin;
    uint64_t lent_end;

    int fault;
    char reason[MANIFEST_REASON_BYTES];
};

/* Opening: what to read. */

static bool
is_stream_wanted(const struct manifest *manifest, const struct manifest_epoch *epoch, uint32_t stream,
                 bool (*wants)(void *context, uint32_t partition), void *context)
{
    for (uint32_t partition = stream; partition < manifest->partition_count;
         partition += epoch->stream_count) {
        if (wants(context, partition)) {
            return true;
        }
    }
    return false;
}

static void
add_parts(struct log_reader *reader, const struct segment_list *list, const struct manifest_epoch *epoch,
          uint32_t stream)
{
    uint32_t count;
    uint32_t first = segment_list_find(list, epoch->epoch, stream, &count);
    bool is_first = true;

    for (uint32_t i = 0; i < count; i++) {
        const struct segment *segment = &list->segments[first + i];
        bool is_twin = i > 0 && segment->header.index == list->segments[first + i - 1].header.index;

        if (is_twin || segment->header.index >= epoch->segment_ends[stream]) {
            continue;
        }
        reader->parts[reader->part_count] = (struct part){
            .epoch = epoch->epoch,
            .begin = epoch->stream_begins[stream],
            .end = epoch->stream_ends[stream],
            .bytes = segment->bytes / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES,
            .stream = stream,
            .index = segment->header.index,
            .number = segment->number,
            .is_first_of_stream = is_first,
        };
        reader->part_count++;
        is_first = false;
    }
    if (is_first) { /* recovery_settle() has seen its files: somebody has taken them away since. */
        snprintf(reader->reason, sizeof(reader->reason), "all files of epoch %llu, stream %u are missing",
                 (unsigned long long)epoch->epoch, stream);
        reader->fault = fault_new(-EUCLEAN);
    }
}

static int
find_parts(struct log_reader *reader, const struct manifest *manifest, uint64_t epoch_end,
           bool (*wants)(void *context, uint32_t partition), void *context)
{
    struct segment_list list;
    int r = segment_list_read(reader->disk, &manifest->store_id, 1, 0, &list);

    if (r != 0) {
        return fault_up(r);
    }
    reader->parts = calloc(list.count + 1, sizeof(*reader->parts));
    if (reader->parts == NULL) {
        segment_list_deinit(&list);
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < manifest->epoch_count && manifest->epochs[i].epoch < epoch_end; i++) {
        const struct manifest_epoch *epoch = &manifest->epochs[i];

        REQUIRE(epoch->is_ended);
        for (uint32_t stream = 0; stream < epoch->stream_count; stream++) {
            if (epoch->stream_begins[stream] < epoch->stream_ends[stream] &&
                is_stream_wanted(manifest, epoch, stream, wants, context)) {
                add_parts(reader, &list, epoch, stream);
            }
        }
    }
    segment_list_deinit(&list);
    return 0;
}

int
log_reader_open(struct env *env, const struct manifest *manifest, uint64_t epoch_end,
                bool (*wants)(void *context, uint32_t partition), void *context,
                struct log_reader **out_reader)
{
    struct log_reader *reader = calloc(1, sizeof(*reader));
    int r;

    if (reader == NULL) {
        return fault_new(-ENOMEM);
    }
    reader->env = env;
    reader->disk = env->disk;
    reader->store_id = manifest->store_id;
    reader->plan_file = DISK_FILE_NONE;
    reader->offset = DISK_SECTOR_BYTES;
    for (uint32_t i = 0; i < LOG_READER_SLOT_COUNT; i++) {
        reader->slots[i].reader = reader;
        reader->slots[i].file = DISK_FILE_NONE;
    }
    reader->memory = aligned_alloc(DISK_SECTOR_BYTES, SLACK_BYTES + RING_BYTES);
    if (reader->memory == NULL) {
        r = fault_new(-ENOMEM);
        goto fail;
    }
    reader->ring = reader->memory + SLACK_BYTES;
    r = find_parts(reader, manifest, epoch_end, wants, context);
    if (r != 0) {
        goto fail;
    }
    *out_reader = reader;
    return 0;

fail:
    log_reader_close(reader);
    return fault_up(r);
}

/* The planner. */

static struct slot *
slot_of(struct log_reader *reader, uint64_t chunk)
{
    return &reader->slots[chunk % LOG_READER_SLOT_COUNT];
}

/* The chunk the consumer is in. */
static uint64_t
chunk_now(const struct log_reader *reader)
{
    return reader->at / LOG_READER_SLOT_BYTES;
}

/* What is before this is not needed any more. */
static uint64_t
kept_from(const struct log_reader *reader)
{
    return reader->lent_begin < reader->lent_end
               ? reader->loans[reader->lent_begin % LOG_READER_BLOCK_COUNT_MAX].at
               : reader->at;
}

static bool
may_ask(struct log_reader *reader)
{
    if (reader->fault != 0 || reader->plan_part == reader->part_count ||
        reader->reading_count == LOG_READER_READS_MAX || slot_of(reader, reader->plan_chunk)->is_reading) {
        return false;
    }
    return reader->plan_chunk < LOG_READER_SLOT_COUNT ||
           (reader->plan_chunk - LOG_READER_SLOT_COUNT + 1) * LOG_READER_SLOT_BYTES <= kept_from(reader);
}

static void
read_done(struct env_op *op, int result)
{
    struct slot *slot = CONTAINER_OF(op, struct slot, op);

    slot->is_reading = false;
    slot->fault = result;
    slot->reader->reading_count--;
}

static int
plan_open(struct log_reader *reader)
{
    const struct part *part = &reader->parts[reader->plan_part];
    char name[SEGMENT_NAME_BYTES];
    int r;

    segment_name(part->number, name);
    r = reader->disk->ops->open(reader->disk, name, DISK_OPEN_EXISTING, &reader->plan_file);
    if (r != 0) {
        reader->plan_file = DISK_FILE_NONE;
        return fault_new(r);
    }
    reader->plan_offset = DISK_SECTOR_BYTES;
    return 0;
}

/* Invariant 2: from now on the last chunk asked for owns the file. */
static void
plan_leave_part(struct log_reader *reader)
{
    if (reader->plan_offset != 0) {
        slot_of(reader, reader->plan_chunk - 1)->is_last_of_file = true;
        reader->plan_file = DISK_FILE_NONE;
    }
    reader->plan_part++;
    reader->plan_offset = 0;
}

static void
ask(struct log_reader *reader)
{
    const struct part *part = &reader->parts[reader->plan_part];
    struct slot *slot = slot_of(reader, reader->plan_chunk);
    uint64_t left = part->bytes - reader->plan_offset;

    slot->file = reader->plan_file;
    slot->offset = reader->plan_offset;
    slot->bytes = left < LOG_READER_SLOT_BYTES ? (uint32_t)left : LOG_READER_SLOT_BYTES;
    slot->part = reader->plan_part;
    slot->is_last_of_file = false;
    slot->is_reading = true;
    slot->fault = 0;
    slot->op = (struct env_op){.done = read_done};
    reader->reading_count++;
    env_read(reader->env, &slot->op, slot->file,
             reader->ring + (reader->plan_chunk % LOG_READER_SLOT_COUNT) * LOG_READER_SLOT_BYTES, slot->bytes,
             slot->offset);
    reader->plan_chunk++;
    reader->plan_offset += slot->bytes;
}

static int
plan(struct log_reader *reader)
{
    while (may_ask(reader)) {
        const struct part *part = &reader->parts[reader->plan_part];

        if (part->bytes <= DISK_SECTOR_BYTES) {
            plan_leave_part(reader); /* Cut off; the consumer will miss its blocks. */
            continue;
        }
        if (reader->plan_offset == 0) {
            int r = plan_open(reader);

            if (r != 0) {
                return fault_up(r);
            }
        }
        ask(reader);
        if (reader->plan_offset == part->bytes) {
            plan_leave_part(reader);
        }
    }
    return 0;
}

/* The consumer. */

static int
bad_block(struct log_reader *reader)
{
    const struct part *part = &reader->parts[reader->part];
    char name[SEGMENT_NAME_BYTES];

    segment_name(reader->is_stream_begun ? reader->end_number : part->number, name);
    snprintf(reader->reason, sizeof(reader->reason),
             "%s at offset %llu: block %llu of epoch %llu, stream %u is bad or missing, but was valid before",
             name, (unsigned long long)(reader->is_stream_begun ? reader->end_offset : DISK_SECTOR_BYTES),
             (unsigned long long)(reader->is_stream_begun ? reader->sequence_next : part->begin),
             (unsigned long long)part->epoch, part->stream);
    return fault_new(-EUCLEAN);
}

/* On to the next chunk; the one that is left has been read. */
static void
pass_chunk(struct log_reader *reader)
{
    struct slot *slot = slot_of(reader, chunk_now(reader));

    ASSERT(!slot->is_reading);
    if (slot->is_last_of_file) {
        reader->disk->ops->close(reader->disk, slot->file);
        slot->file = DISK_FILE_NONE;
        slot->is_last_of_file = false;
    }
    reader->at = (chunk_now(reader) + 1) * LOG_READER_SLOT_BYTES;
}

static bool
is_stream_over(const struct log_reader *reader)
{
    return reader->is_stream_begun && reader->sequence_next >= reader->parts[reader->part].end;
}

/* The consumer has seen all of this part that it wants to. */
static int
leave_part(struct log_reader *reader)
{
    bool is_over = is_stream_over(reader);
    uint32_t next = reader->part + 1;

    while (is_over && next < reader->part_count && !reader->parts[next].is_first_of_stream) {
        next++;
    }
    if (!is_over && (next == reader->part_count || reader->parts[next].is_first_of_stream)) {
        return fault_up(bad_block(reader)); /* No more segments, but the stream goes on. */
    }
    while (reader->plan_part < next) {
        plan_leave_part(reader);
    }
    reader->part = next;
    reader->offset = DISK_SECTOR_BYTES;
    if (is_over) {
        reader->is_stream_begun = false;
    }
    return 0;
}

/* 0: a chunk of the consumer's part is under its eyes. */
static int
come_to_chunk(struct log_reader *reader)
{
    for (;;) {
        struct slot *slot = slot_of(reader, chunk_now(reader));

        if (chunk_now(reader) >= reader->plan_chunk || slot->is_reading) {
            return LOG_READER_WAIT;
        }
        if (slot->part >= reader->part) {
            ASSERT(slot->part == reader->part);
            return slot->fault != 0 ? fault_new(slot->fault) : 0;
        }
        pass_chunk(reader);
    }
}

/* How much of the consumer's part, from `at` on, was read. */
static int
bytes_read(struct log_reader *reader, uint64_t *out_bytes)
{
    uint64_t chunk = chunk_now(reader);
    const struct slot *slot = slot_of(reader, chunk);
    uint64_t bytes = slot->offset + slot->bytes - reader->offset;
    const struct slot *next = slot_of(reader, chunk + 1);

    if (slot->bytes == LOG_READER_SLOT_BYTES && chunk + 1 < reader->plan_chunk &&
        next->part == reader->part && !next->is_reading) {
        if (next->fault != 0) {
            return fault_new(next->fault);
        }
        bytes += next->bytes;
    }
    *out_bytes = bytes;
    return 0;
}

/* In one piece: what is at the end of the ring is copied in front of its beginning. */
static struct log_block_header *
in_one_piece(struct log_reader *reader, uint64_t bytes)
{
    uint64_t from = reader->at % RING_BYTES;
    uint64_t to_end = RING_BYTES - from;

    if (bytes > to_end) {
        memcpy(reader->ring - to_end, reader->ring + from, to_end);
        return (struct log_block_header *)(void *)(reader->ring - to_end);
    }
    return (struct log_block_header *)(void *)(reader->ring + from);
}

enum look {
    LOOK_BLOCK = 0,
    LOOK_WAIT = LOG_READER_WAIT,
    LOOK_LEAVE = 3, /* there is no block of the stream here */
};

/*
 * Is the next block here? If what is here is not it, the segment ended: the writer went on in the next one, because
 * the block did not fit. If it did not, the block is not there either, and that is noticed then.
 */
static int
look(struct log_reader *reader, struct log_block_header **out_header)
{
    const struct part *part = &reader->parts[reader->part];
    struct block_place place = {
        .store_id = reader->store_id, .epoch = part->epoch, .stream = part->stream, .segment = part->index};
    struct log_block_header *header;
    uint64_t bytes = 0;
    uint64_t left = part->bytes - reader->offset;
    int r = bytes_read(reader, &bytes);

    if (r != 0) {
        return fault_up(r);
    }
    header = (struct log_block_header *)(void *)(reader->ring + reader->at % RING_BYTES);
    if (header->length > bytes && header->length <= LOG_BLOCK_BYTES_MAX && header->length <= left &&
        header->magic == LOG_BLOCK_MAGIC) {
        return LOOK_WAIT; /* It ends in a chunk that is on its way. */
    }
    if (header->length <= bytes && header->length <= LOG_BLOCK_BYTES_MAX) {
        header = in_one_piece(reader, header->length);
    }
    r = block_check(header, bytes, &place);
    if (r != 0) {
        return LOOK_LEAVE;
    }
    if (!reader->is_stream_begun) {
        reader->is_stream_begun = true;
        reader->end_number = part->number;
        reader->end_offset = reader->offset;
        reader->sequence_next = header->sequence < part->begin ? header->sequence : part->begin;
    }
    if (header->sequence != reader->sequence_next) {
        return LOOK_LEAVE;
    }
    *out_header = header;
    return LOOK_BLOCK;
}

static struct log_block *
lend(struct log_reader *reader, struct log_block_header *header)
{
    uint32_t index = (uint32_t)(reader->lent_end % LOG_READER_BLOCK_COUNT_MAX);
    struct loan *loan = &reader->loans[index];

    *loan = (struct loan){
        .block = {.header = header,
                  .bytes_max = (uint32_t)block_padded_bytes(header),
                  .index = index,
                  .is_sealed = true,
                  .is_durable = true,
                  .offset = reader->offset},
        .at = reader->at,
    };
    reader->lent_end++;
    return &loan->block;
}

/* Behind the block: the chunk it ends in, the next one if it ends there, or the next part. */
static void
step_over(struct log_reader *reader, uint64_t bytes)
{
    uint64_t chunk = chunk_now(reader);
    uint64_t at = reader->at + bytes;

    reader->offset += bytes;
    reader->sequence_next++;
    reader->end_number = reader->parts[reader->part].number;
    reader->end_offset = reader->offset;
    if (at / LOG_READER_SLOT_BYTES > chunk) {
        pass_chunk(reader);
    }
    reader->at = at;
}

/* One look: LOOK_LEAVE also when there is nothing more to look at in this part. */
static int
look_on(struct log_reader *reader, struct log_block_header **out_header)
{
    int r = plan(reader);

    if (r != 0) {
        return fault_up(r);
    }
    if (is_stream_over(reader) || reader->offset >= reader->parts[reader->part].bytes) {
        return LOOK_LEAVE;
    }
    r = come_to_chunk(reader);
    if (r == 0) {
        r = look(reader, out_header);
    }
    if (r == LOOK_LEAVE && reader->offset == DISK_SECTOR_BYTES) {
        return fault_up(bad_block(reader)); /* The writer never leaves a segment empty. */
    }
    if (r == LOOK_WAIT) {
        r = plan(reader); /* Coming to the chunk may have made place. */
        return r != 0 ? fault_up(r) : LOOK_WAIT;
    }
    return r;
}

/* 0, an answer, or a fault. */
static int
next_block(struct log_reader *reader, struct log_block **out_block)
{
    while (reader->part < reader->part_count) {
        struct log_block_header *header = NULL;
        int r = look_on(reader, &header);

        if (r == LOOK_LEAVE) {
            r = leave_part(reader);
            if (r != 0) {
                return fault_up(r);
            }
            continue;
        }
        if (r != LOOK_BLOCK) {
            return r;
        }
        if (header->sequence < reader->parts[reader->part].begin) {
            step_over(reader, block_padded_bytes(header));
            continue;
        }
        *out_block = lend(reader, header);
        step_over(reader, block_padded_bytes(header));
        return 0;
    }
    return LOG_READER_END;
}

int
log_reader_next(struct log_reader *reader, struct log_block **out_block)
{
    int r = reader->fault;

    if (r == 0 && reader->lent_end - reader->lent_begin == LOG_READER_BLOCK_COUNT_MAX) {
        return LOG_READER_WAIT;
    }
    if (r == 0) {
        r = next_block(reader, out_block);
    }
    if (r < 0) {
        reader->fault = r;
    }
    if (r < 0 || r == LOG_READER_END) {
        return reader->reading_count > 0 ? LOG_READER_WAIT : r;
    }
    ASSERT(r != LOG_READER_WAIT || reader->reading_count > 0 || reader->lent_begin < reader->lent_end);
    return r;
}

const char *
log_reader_reason(const struct log_reader *reader)
{
    return reader->reason;
}

void
log_reader_release(struct log_reader *reader, struct log_block *block)
{
    REQUIRE(reader->lent_begin < reader->lent_end);
    REQUIRE(block == &reader->loans[reader->lent_begin % LOG_READER_BLOCK_COUNT_MAX].block);

    reader->lent_begin++;
}

void
log_reader_close(struct log_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (uint32_t i = 0; i < LOG_READER_SLOT_COUNT; i++) {
        if (reader->slots[i].is_last_of_file) {
            reader->disk->ops->close(reader->disk, reader->slots[i].file);
        }
    }
    if (reader->plan_file.n >= 0) {
        reader->disk->ops->close(reader->disk, reader->plan_file);
    }
    free(reader->parts);
    free(reader->memory);
    free(reader);
}
