/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The way of a block, with the function behind each arrow:
 *
 *   free --commit_log_append--> open --seal--> waiting --start_write--> in flight --write_done--> written
 *     ^                                                                                              |
 *     +--------------commit_log_release-- lent <--on_durable-- (all earlier ones are written) <------+
 *
 * A sealed block has its place and its sequence. It is written only after commit_log_flush(), because until
 * the end of the turn the caller may still be filling it. Waiting, in-flight and written blocks are one queue
 * (`submitted`), in sequence order; `unstarted` points at the first that waits.
 *
 * The way of a segment, by its index in the stream:
 *
 *   live_begin ......... current ......... live_end
 *     filled, not          being    prepared ahead
 *     recycled             filled
 *
 * commit_log_recycle() moves live_begin up and the files to the end of `spares`, a queue: so they are
 * overwritten in the order of their indexes, and what a crash leaves of the stream has no hole.
 *
 * Invariants
 * 1. A block is at most block_bytes, so of a segment that is left because the next block did not fit, at most
 *    waste_max = block_bytes - sector is lost. `room` counts that loss in every segment but the last.
 * 2. room_now() >= 0: what is open can be placed.
 * 3. durable <= started <= sequence of the next block; at most in_flight_max blocks are between.
 * 4. One preparation at a time: segment i + 1 is begun when i is durable.
 */

#include "storage/commit_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/segment.h"

#define RETRY_NS NS_PER_S
#define SEGMENT_BLOCK_COUNT_MIN 2u
#define MODEST_COUNT 3u /* files: half of their room may be promised to who does not use it */
#define FATAL_BYTES_MAX 160u

/* A segment of this stream. */
struct live {
    uint64_t first_sequence; /* of the first block in it, once it was current */
    uint64_t generation;
    struct disk_file file; /* open from its preparation until its last write is done */
    uint32_t number;
    uint32_t write_count; /* sealed blocks in it that are not written yet */
};

/* A file that may be overwritten, or (of an older epoch) that may be one day. */
struct spare {
    uint64_t epoch; /* 0: now */
    uint64_t generation;
    uint32_t number;
};

/* What the side task works on. It touches nothing else of the log. */
struct preparation {
    struct disk *disk;
    struct segment_header header;
    struct disk_file file;
    enum segment_origin origin;
    uint32_t number;
    uint64_t held_bytes; /* 0: any number is right */
    bool is_under_way;
};

struct commit_log {
    struct env *env;
    struct disk *disk;
    struct timers *timers;
    struct commit_log_options options;
    struct uuid store_id;
    uint64_t epoch;
    uint32_t stream;
    uint32_t stream_count;

    struct log_block *blocks; /* [block_count] */
    uint8_t *buffers;
    struct log_block *free;
    struct log_block *open;
    struct log_block *submitted;
    struct log_block **submitted_end;
    struct log_block *unstarted;
    uint32_t in_flight_count;
    uint64_t sequence_next;
    uint64_t flushed;    /* blocks before may be written */
    uint64_t durable;    /* blocks before are */
    struct wall_ms wall; /* of the last sealed block */
    struct wall_ms wall_durable;

    struct live *lives; /* [LOG_SEGMENT_COUNT_MAX], by index modulo that */
    uint32_t live_begin;
    uint32_t current;
    uint32_t live_end;
    uint64_t offset; /* in the current one: where the next block goes */

    struct spare *spares; /* a queue, [spare_count_max] */
    uint32_t spare_begin;
    uint32_t spare_end;
    uint32_t spare_count_max;
    struct spare *elders; /* of older epochs */
    uint32_t elder_count;
    uint32_t number_next; /* of the next new file */

    struct preparation preparation;
    struct env_op prepare_op;
    struct timer retry;
    bool is_disk_full;
    bool is_fatal;
};

static void prepare_when_needed(struct commit_log *log);

/* Bad news. */

static void
fatal(struct commit_log *log, int fault, uint32_t number, uint64_t offset, const char *doing)
{
    char name[SEGMENT_NAME_BYTES];
    char what[FATAL_BYTES_MAX];

    if (log->is_fatal) {
        return;
    }
    log->is_fatal = true;
    segment_name(number, name);
    snprintf(what, sizeof(what), "%s at offset %llu: %s: %s", name, (unsigned long long)offset, doing,
             strerror(-fault));
    log->options.on_fatal(log->options.context, fault, what);
}

/* Segments. */

static struct live *
live_at(struct commit_log *log, uint32_t index)
{
    return &log->lives[index % LOG_SEGMENT_COUNT_MAX];
}

static void
spare_put(struct commit_log *log, struct spare spare)
{
    ASSERT(log->spare_end - log->spare_begin < log->spare_count_max);

    spare.epoch = 0;
    log->spares[log->spare_end % log->spare_count_max] = spare;
    log->spare_end++;
}

static bool
has_spare(const struct commit_log *log)
{
    return log->spare_begin != log->spare_end;
}

/* The next file: a spare one, which stays in the queue until it is done, or a new one. */
static int
preparation_begin(struct commit_log *log)
{
    struct preparation *preparation = &log->preparation;
    uint64_t generation = 1;
    uint32_t held_count;

    if (log->live_end - log->live_begin >= LOG_SEGMENT_COUNT_MAX) {
        return fault_new(-EFBIG);
    }
    if (has_spare(log)) {
        const struct spare *spare = &log->spares[log->spare_begin % log->spare_count_max];

        preparation->origin = SEGMENT_RECYCLED;
        preparation->number = spare->number;
        generation = spare->generation + 1;
    } else {
        if (log->number_next > SEGMENT_NUMBER_MAX) {
            return fault_new(-EFBIG);
        }
        preparation->origin = SEGMENT_NEW;
        preparation->number = log->number_next;
    }
    preparation->disk = log->disk;
    /* Only a checkpoint ends the need for a file, and it needs room too: a log that took the whole disk would keep it for
       ever. Each stream has the same share, and what it cannot do without. */
    held_count = log->live_end - log->live_begin + log->elder_count + log->spare_end - log->spare_begin +
                 (preparation->origin == SEGMENT_NEW ? 1 : 0);
    preparation->held_bytes = log->options.is_modest && held_count > MODEST_COUNT
                                  ? log->options.segment_bytes * held_count * log->stream_count
                                  : 0;
    preparation->file = DISK_FILE_NONE;
    preparation->header = (struct segment_header){
        .store_id = log->store_id,
        .epoch = log->epoch,
        .stream = log->stream,
        .index = log->live_end,
        .generation = generation,
        .bytes = log->options.segment_bytes,
    };
    return 0;
}

/* Side, or boot. */
static int
preparation_run(void *context)
{
    struct preparation *preparation = context;

    return segment_prepare_modestly(preparation->disk, preparation->number, preparation->origin,
                                    &preparation->header, preparation->held_bytes, &preparation->file);
}

static void
preparation_end(struct commit_log *log)
{
    struct preparation *preparation = &log->preparation;

    if (preparation->origin == SEGMENT_RECYCLED) {
        log->spare_begin++;
    } else {
        log->number_next += log->stream_count;
    }
    *live_at(log, log->live_end) = (struct live){
        .generation = preparation->header.generation,
        .file = preparation->file,
        .number = preparation->number,
        .first_sequence = log->sequence_next, /* Right for the first; roll() corrects the others. */
    };
    if (log->live_end == log->current) {
        log->offset = DISK_SECTOR_BYTES;
    }
    log->live_end++;
    log->is_disk_full = false;
    timer_stop(log->timers, &log->retry);
}

static void
retry_fire(struct timer *timer)
{
    prepare_when_needed(CONTAINER_OF(timer, struct commit_log, retry));
}

/* Whoever waits for the timer is also woken by commit_log_flush(), should there be no timer left. */
static void
retry_later(struct commit_log *log)
{
    struct mono_ns due = {.ns = env_mono(log->env).ns + RETRY_NS};

    log->is_disk_full = true;
    (void)timer_start(log->timers, &log->retry, due, retry_fire);
}

static void
prepare_done(struct env_op *op, int result)
{
    struct commit_log *log = CONTAINER_OF(op, struct commit_log, prepare_op);

    log->preparation.is_under_way = false;
    if (log->is_fatal) {
        if (result == 0) {
            log->disk->ops->close(log->disk, log->preparation.file);
        }
        return;
    }
    if (result == 0) {
        preparation_end(log);
        prepare_when_needed(log);
        if (log->options.on_room != NULL) {
            log->options.on_room(log->options.context);
        }
        return;
    }
    if (result == SEGMENT_GIVEN_BACK) {
        log->spare_begin++;
        prepare_when_needed(log);
        return;
    }
    if (segment_is_disk_full(result)) {
        retry_later(log);
        return;
    }
    fatal(log, result, log->preparation.number, 0, "preparing the segment failed");
}

static void
prepare_when_needed(struct commit_log *log)
{
    int r;

    if (log->is_fatal || log->preparation.is_under_way ||
        log->live_end - log->current > log->options.segments_ahead) {
        return;
    }
    r = preparation_begin(log);
    if (r != 0) {
        retry_later(log);
        return;
    }
    log->preparation.is_under_way = true;
    log->prepare_op = (struct env_op){.done = prepare_done};
    env_side(log->env, &log->prepare_op, preparation_run, &log->preparation);
}

/* Opening. */

/* Files the manifest knows nothing of, and those behind the end of a stream, hold nothing of value. */
static bool
is_needed(const struct segment *segment, const struct manifest *manifest)
{
    const struct manifest_epoch *epoch;

    if (segment->state != SEGMENT_OURS) {
        return false;
    }
    epoch = manifest_find_epoch(manifest, segment->header.epoch);
    if (epoch == NULL || segment->header.stream >= epoch->stream_count) {
        return false;
    }
    return !epoch->is_ended || segment->header.index < epoch->segment_ends[segment->header.stream];
}

static int
take_stock(struct commit_log *log, const struct manifest *manifest)
{
    uint32_t class = log->stream % log->stream_count;
    struct segment_list list;
    int r = segment_list_read(log->disk, &log->store_id, log->stream_count, class, &list);

    if (r != 0) {
        return fault_up(r);
    }
    log->spare_count_max = LOG_SEGMENT_COUNT_MAX + list.count + 1;
    log->spares = calloc(log->spare_count_max, sizeof(*log->spares));
    log->elders = calloc(list.count + 1, sizeof(*log->elders));
    if (log->spares == NULL || log->elders == NULL) {
        segment_list_deinit(&list);
        return fault_new(-ENOMEM);
    }
    log->number_next = class == 0 ? log->stream_count : class;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct segment *segment = &list.segments[i];
        struct spare spare = {.epoch = segment->header.epoch,
                              .generation = segment->header.generation,
                              .number = segment->number};

        if (segment->number >= log->number_next) {
            log->number_next = segment->number + log->stream_count;
        }
        if (is_needed(segment, manifest)) {
            log->elders[log->elder_count] = spare;
            log->elder_count++;
        } else {
            spare_put(log, spare);
        }
    }
    segment_list_deinit(&list);
    return 0;
}

static int
make_buffers(struct commit_log *log)
{
    const struct commit_log_options *options = &log->options;

    log->blocks = calloc(options->block_count, sizeof(*log->blocks));
    log->lives = calloc(LOG_SEGMENT_COUNT_MAX, sizeof(*log->lives));
    log->buffers = aligned_alloc(DISK_SECTOR_BYTES, (uint64_t)options->block_count * options->block_bytes);
    if (log->blocks == NULL || log->lives == NULL || log->buffers == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = options->block_count; i > 0; i--) {
        struct log_block *block = &log->blocks[i - 1];

        block->header =
            (struct log_block_header *)(void *)(log->buffers + (uint64_t)(i - 1) * options->block_bytes);
        block->bytes_max = options->block_bytes;
        block->index = i - 1;
        block->log = log;
        block->next = log->free;
        log->free = block;
    }
    return 0;
}

static void
check_options(const struct commit_log_options *options)
{
    REQUIRE(options->block_bytes % DISK_SECTOR_BYTES == 0);
    REQUIRE(options->block_bytes >= LOG_RECORD_BYTES_MAX + DISK_SECTOR_BYTES);
    REQUIRE(options->block_bytes <= LOG_BLOCK_BYTES_MAX);
    REQUIRE(options->segment_bytes % DISK_SECTOR_BYTES == 0);
    REQUIRE(options->segment_bytes >= (uint64_t)options->block_bytes * SEGMENT_BLOCK_COUNT_MIN);
    REQUIRE(options->block_count > 0);
    REQUIRE(options->in_flight_max > 0);
    REQUIRE(options->on_durable != NULL);
    REQUIRE(options->on_fatal != NULL);
}

static int
prepare_first(struct commit_log *log)
{
    int r;

    do {
        r = preparation_begin(log);
        r = r == 0 ? preparation_run(&log->preparation) : r;
        log->spare_begin += r == SEGMENT_GIVEN_BACK ? 1 : 0;
    } while (r == SEGMENT_GIVEN_BACK);
    if (r != 0) {
        return fault_up(r);
    }
    preparation_end(log);
    prepare_when_needed(log);
    return 0;
}

int
commit_log_open(struct env *env, struct timers *timers, const struct manifest *manifest, uint64_t epoch,
                uint32_t stream, struct wall_ms wall_floor, struct commit_log_options options,
                struct commit_log **out_log)
{
    const struct manifest_epoch *this_start = manifest_find_epoch(manifest, epoch);
    struct commit_log *log;
    int r;

    REQUIRE(this_start != NULL);
    REQUIRE(!this_start->is_ended);
    REQUIRE(stream < this_start->stream_count);
    check_options(&options);

    log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return fault_new(-ENOMEM);
    }
    log->env = env;
    log->disk = env->disk;
    log->timers = timers;
    log->options = options;
    log->store_id = manifest->store_id;
    log->epoch = epoch;
    log->stream = stream;
    log->stream_count = this_start->stream_count;
    log->wall = wall_floor;
    log->submitted_end = &log->submitted;

    r = make_buffers(log);
    if (r != 0) {
        goto fail;
    }
    r = take_stock(log, manifest);
    if (r != 0) {
        goto fail;
    }
    r = prepare_first(log);
    if (segment_is_disk_full(r)) {
        retry_later(log);
        *out_log = log;
        return fault_new(-ENOSPC);
    }
    if (r != 0) {
        goto fail;
    }
    *out_log = log;
    return 0;

fail:
    commit_log_close(log);
    return fault_up(r);
}

void
commit_log_close(struct commit_log *log)
{
    if (log == NULL) {
        return;
    }
    timer_stop(log->timers, &log->retry);
    for (uint32_t i = log->live_begin; log->lives != NULL && i != log->live_end; i++) {
        if (live_at(log, i)->file.n >= 0) {
            log->disk->ops->close(log->disk, live_at(log, i)->file);
        }
    }
    free(log->blocks);
    free(log->buffers);
    free(log->lives);
    free(log->spares);
    free(log->elders);
    free(log);
}

/* Room. */

static uint64_t
open_bytes(const struct commit_log *log)
{
    return log->open != NULL ? align_up(log->open->header->length, DISK_SECTOR_BYTES) : 0;
}

/* Before what is open. Invariant 1. */
static uint64_t
room_of_segments(const struct commit_log *log)
{
    uint64_t count = log->live_end - log->current;
    uint64_t waste_max = log->options.block_bytes - DISK_SECTOR_BYTES;
    uint64_t whole = log->options.segment_bytes - DISK_SECTOR_BYTES;
    uint64_t left;

    if (count == 0) {
        return 0;
    }
    left = log->options.segment_bytes - log->offset;
    if (count == 1) {
        return left;
    }
    return (left > waste_max ? left - waste_max : 0) + (count - 2) * (whole - waste_max) + whole;
}

uint64_t
commit_log_room(const struct commit_log *log)
{
    uint64_t room = room_of_segments(log);
    uint64_t taken = open_bytes(log);

    ASSERT(room >= taken);
    return room - taken;
}

bool
commit_log_is_disk_full(const struct commit_log *log)
{
    return log->is_disk_full;
}

bool
commit_log_is_preparing(const struct commit_log *log)
{
    return log->preparation.is_under_way;
}

/* Writing. */

static void
leave_segment(struct commit_log *log, uint32_t index)
{
    struct live *live = live_at(log, index);

    if (index != log->current && live->write_count == 0 && live->file.n >= 0) {
        log->disk->ops->close(log->disk, live->file);
        live->file = DISK_FILE_NONE;
    }
}

/* Hands over what became durable. The owner may append, release and flush from on_durable. */
static void
lend_durable(struct commit_log *log)
{
    while (log->submitted != NULL && log->submitted->is_written && !log->is_fatal) {
        struct log_block *block = log->submitted;

        log->submitted = block->next;
        if (log->submitted == NULL) {
            log->submitted_end = &log->submitted;
        }
        block->next = NULL;
        block->is_durable = true;
        ASSERT(block->header->sequence == log->durable);
        log->durable++;
        log->wall_durable = (struct wall_ms){.ms = block->header->wall_ms};
        log->options.on_durable(log->options.context, block);
    }
}

static void start_writes(struct commit_log *log);

static void
write_done(struct env_op *op, int result)
{
    struct log_block *block = CONTAINER_OF(op, struct log_block, op);
    struct commit_log *log = block->log;
    uint32_t segment = block->header->segment;
    struct live *live = live_at(log, segment);

    log->in_flight_count--;
    live->write_count--;
    if (result != 0) {
        fatal(log, result, live->number, block->offset, "writing a block failed");
    }
    leave_segment(log, segment);
    if (log->is_fatal) {
        return;
    }
    block->is_written = true;
    lend_durable(log);
    start_writes(log);
}

static void
start_write(struct commit_log *log, struct log_block *block)
{
    struct log_block_header *header = block->header;
    uint64_t bytes = align_up(header->length, DISK_SECTOR_BYTES);

    memset((uint8_t *)header + header->length, 0, bytes - header->length);
    header->acked = log->durable;
    header->checksum = block_checksum(header);

    log->in_flight_count++;
    block->started = env_mono(log->env);
    block->op = (struct env_op){.done = write_done};
    env_write(log->env, &block->op, live_at(log, header->segment)->file, header, bytes, block->offset);
}

static void
start_writes(struct commit_log *log)
{
    while (!log->is_fatal && log->unstarted != NULL && log->unstarted->header->sequence < log->flushed &&
           log->in_flight_count < log->options.in_flight_max) {
        struct log_block *block = log->unstarted;

        log->unstarted = block->next;
        start_write(log, block);
    }
}

/* Sealing. */

static void
roll(struct commit_log *log)
{
    uint32_t left = log->current;

    log->current++;
    ASSERT(log->current != log->live_end);
    log->offset = DISK_SECTOR_BYTES;
    live_at(log, log->current)->first_sequence = log->sequence_next;
    leave_segment(log, left);
    prepare_when_needed(log);
}

static void
stamp(struct commit_log *log, struct log_block_header *header)
{
    int64_t now = env_wall(log->env).ms;

    log->wall.ms = now > log->wall.ms ? now : log->wall.ms;
    header->wall_ms = log->wall.ms;
}

/* Gives the block its place. Invariant 2 says that there is one. */
static void
seal(struct commit_log *log, struct log_block *block)
{
    struct log_block_header *header = block->header;
    uint64_t bytes = align_up(header->length, DISK_SECTOR_BYTES);

    if (log->offset + bytes > log->options.segment_bytes) {
        roll(log);
    }
    stamp(log, header);
    header->sequence = log->sequence_next;
    header->segment = log->current;
    log->sequence_next++;
    live_at(log, log->current)->write_count++;
    block->offset = log->offset;
    log->offset += bytes;

    block->is_sealed = true;
    block->section_open = NULL;
    block->next = NULL;
    *log->submitted_end = block;
    log->submitted_end = &block->next;
    if (log->unstarted == NULL) {
        log->unstarted = block;
    }
}

static void
seal_open(struct commit_log *log)
{
    struct log_block *block = log->open;

    log->open = NULL;
    seal(log, block);
}

/* Filling. */

static struct log_block *
block_take(struct commit_log *log)
{
    struct log_block *block = log->free;

    if (block == NULL) {
        return NULL;
    }
    log->free = block->next;
    block->next = NULL;
    block->is_sealed = false;
    block->is_durable = false;
    block->is_written = false;
    block->section_open = NULL;
    *block->header = (struct log_block_header){
        .magic = LOG_BLOCK_MAGIC,
        .version = LOG_FORMAT_VERSION,
        .store_id = log->store_id,
        .epoch = log->epoch,
        .stream = log->stream,
        .length = sizeof(struct log_block_header),
    };
    return block;
}

static bool
continues_section(const struct log_block *block, uint32_t partition, uint64_t position)
{
    const struct log_section *section = block->section_open;

    return section != NULL && section->partition == partition &&
           section->first_position + section->count == position;
}

/* What a record adds to the open block. */
static uint32_t
added_bytes(const struct log_block *block, uint32_t partition, uint64_t position, uint32_t bytes)
{
    return continues_section(block, partition, position) ? bytes
                                                         : bytes + (uint32_t)sizeof(struct log_section);
}

static void *
extend(struct log_block *block, uint32_t bytes)
{
    uint8_t *end = (uint8_t *)block->header + block->header->length;

    ASSERT(block->header->length + bytes <= block->bytes_max);
    block->header->length += bytes;
    return end;
}

static void
begin_section(struct log_block *block, uint32_t partition, uint64_t position)
{
    block->section_open = extend(block, sizeof(struct log_section));
    *block->section_open = (struct log_section){.partition = partition, .first_position = position};
    block->header->section_count++;
}

void *
commit_log_append(struct commit_log *log, uint32_t partition, uint64_t position, uint32_t bytes,
                  struct log_block **out_block)
{
    struct log_block *block;
    void *record;

    REQUIRE(bytes > 0);
    REQUIRE(bytes <= LOG_RECORD_BYTES_MAX);
    REQUIRE(bytes % 8 == 0);

    if (log->open != NULL) {
        block = log->open;
        if (block->header->length + added_bytes(block, partition, position, bytes) > block->bytes_max) {
            seal_open(log);
        }
    }
    if (log->open == NULL) {
        log->open = block_take(log);
        if (log->open != NULL) {
            log->open->header->sequence =
                log->sequence_next; /* Known already: it is sealed before any other. */
        }
    }
    block = log->open;
    if (block == NULL) {
        return NULL;
    }
    if (!continues_section(block, partition, position)) {
        begin_section(block, partition, position);
    }
    block->section_open->count++;
    block->section_open->bytes += bytes;
    record = extend(block, bytes);
    REQUIRE(open_bytes(log) <= room_of_segments(log)); /* The caller counted with more room than there is. */
    *out_block = block;
    return record;
}

/*
 * A write takes as long as it takes, whatever is in it: who waits for the one before waits twice. So small blocks go
 * out side by side, as many as may, and only when those are under way are records collected.
 */
void
commit_log_flush(struct commit_log *log)
{
    if (log->is_fatal) {
        return;
    }
    if (log->open != NULL && (log->sequence_next - log->durable < log->options.in_flight_max ||
                              log->open->header->length >= log->options.block_bytes / 2)) {
        seal_open(log);
    }
    log->flushed = log->sequence_next;
    start_writes(log);
    if (log->is_disk_full && log->retry.heap_index == 0) {
        prepare_when_needed(log);
    }
}

void
commit_log_beat(struct commit_log *log)
{
    struct log_block *block;

    if (log->is_fatal || !commit_log_is_idle(log) || commit_log_room(log) < commit_log_cost(0)) {
        return;
    }
    block = block_take(log);
    if (block != NULL) {
        seal(log, block);
        log->flushed = log->sequence_next;
        start_writes(log);
    }
}

void
commit_log_release(struct commit_log *log, struct log_block *block)
{
    REQUIRE(block->log == log);
    REQUIRE(block->is_durable);

    block->is_durable = false;
    block->next = log->free;
    log->free = block;
}

bool
commit_log_is_idle(const struct commit_log *log)
{
    return log->submitted == NULL && log->open == NULL;
}

struct wall_ms
commit_log_wall(const struct commit_log *log)
{
    return log->wall_durable;
}

uint64_t
commit_log_durable(const struct commit_log *log)
{
    return log->durable;
}

/* Recycling. */

void
commit_log_recycle(struct commit_log *log, uint64_t sequence)
{
    REQUIRE(sequence <= log->durable);

    while (log->live_begin < log->current && live_at(log, log->live_begin + 1)->first_sequence <= sequence) {
        const struct live *live = live_at(log, log->live_begin);

        ASSERT(live->file.n < 0);
        spare_put(log, (struct spare){.generation = live->generation, .number = live->number});
        log->live_begin++;
    }
    if (log->is_disk_full) {
        prepare_when_needed(log);
    }
}

void
commit_log_recycle_epoch(struct commit_log *log, uint64_t epoch)
{
    uint32_t kept = 0;

    REQUIRE(epoch < log->epoch);

    for (uint32_t i = 0; i < log->elder_count; i++) {
        if (log->elders[i].epoch == epoch) {
            spare_put(log, log->elders[i]);
        } else {
            log->elders[kept] = log->elders[i];
            kept++;
        }
    }
    log->elder_count = kept;
    if (log->is_disk_full) {
        prepare_when_needed(log);
    }
}

uint64_t
commit_log_held_bytes(const struct commit_log *log)
{
    return (uint64_t)(log->live_end - log->live_begin + log->elder_count) * log->options.segment_bytes;
}
