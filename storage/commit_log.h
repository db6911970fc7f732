/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * commit_log - one stream of blocks, each durable by one write
 *
 * Records are appended to the open block; a block is submitted as one RWF_DSYNC write, a few in flight;
 * blocks become durable in order and are handed to `on_durable`, stay lent to the owner while it applies
 * them, and come back by commit_log_release(). Space in preallocated, zeroed segments is what admission
 * counts with: commit_log_room() bytes can be appended whatever happens next.
 *
 * A block on disk: struct log_block_header, then sections (struct log_section and its records), padded with
 * zeros to DISK_SECTOR_BYTES. Blocks lie one behind the other in a segment after its header sector, never
 * across two. All integers little-endian. A block names its segment, for a recycled file is full of old blocks.
 *
 * `acked` of a block is the highest sequence of this stream that was durable when the block was submitted,
 * plus one (0: none). With it recovery tells a torn end from corruption: see recovery.h.
 *
 * Threads  Home shard only.
 * Memory   block_count buffers, taken at boot. A record is at most LOG_RECORD_BYTES_MAX, a multiple of 8.
 * Limits   LOG_SEGMENT_COUNT_MAX segments a stream that are not recycled; more is "disk full".
 * Errors   A failed write is fatal: on_fatal is called once and nothing becomes durable any more.
 *          A failed preallocation is "disk full": room is not renewed, and is tried again every second. So is one
 *          that would be more than `is_modest` allows; then free files go back to the disk.
 * Order    Blocks become durable in sequence order.
 */

#include "core/env.h"
#include "core/timer.h"
#include "storage/manifest.h"

#include <assert.h>

#define LOG_RECORD_BYTES_MAX (96u << 10)
#define LOG_BLOCK_MAGIC UINT32_C(0x4b4c424d)
#define LOG_FORMAT_VERSION 1u
#define LOG_BLOCK_BYTES_MAX (1u << 20)
#define LOG_SEGMENT_COUNT_MAX 65536u

struct log_block_header {
    uint32_t magic;
    uint16_t version;
    uint16_t section_count;
    struct uuid store_id;
    uint64_t epoch;
    uint32_t stream;
    uint32_t length; /* of header and sections, before padding */
    uint64_t sequence;
    uint64_t acked;
    int64_t wall_ms;   /* never less than that of the block before */
    uint32_t checksum; /* CRC32C of header (this field zero) and sections */
    uint32_t segment;  /* index in the stream of the segment it was written to */
};
static_assert(sizeof(struct log_block_header) == 72, "on disk");

struct log_section {
    uint32_t partition;
    uint32_t count; /* records */
    uint64_t first_position;
    uint32_t bytes; /* of the records that follow */
    uint32_t reserved;
};
static_assert(sizeof(struct log_section) == 24, "on disk");

/* A block in memory: being filled, in flight, durable and lent, or read back. */
struct log_block {
    struct log_block_header *header; /* start of the buffer */
    uint32_t bytes_max;
    uint32_t index; /* 0 .. block_count-1: owners keep arrays beside */
    bool is_sealed; /* submitted: no more records, sequence and wall_ms are set */
    bool is_durable;
    bool is_written;                  /* private: its write is done, though an earlier one may not be */
    uint64_t offset;                  /* private: in its segment file */
    struct mono_ns started;           /* when its write began */
    struct log_section *section_open; /* being appended to; private */
    struct env_op op;                 /* private */
    struct commit_log *log;
    struct log_block *next;
};

struct commit_log_options {
    uint64_t
        segment_bytes; /* of each file; at least 2 blocks, in whole sectors; far more, or much of it is lost at ends */
    uint32_t block_bytes; /* most that is written at once; at least LOG_RECORD_BYTES_MAX + 1 sector, at
                                 most LOG_BLOCK_BYTES_MAX, in whole sectors */
    uint32_t block_count; /* buffers: filling + in flight + being applied */
    uint32_t in_flight_max;
    uint32_t segments_ahead; /* prepared before they are needed */
    bool is_modest;          /* takes no more than its share of half of what others leave of the disk */
    void (*on_durable)(void *context,
                       struct log_block *block); /* lends the block until commit_log_release() */
    void (*on_fatal)(void *context, int fault, const char *what);
    void (*on_room)(void *context); /* room grew: segments were prepared; NULL: nobody asks */
    void *context;
};

struct commit_log;

/* Home. Starts stream `stream` of `epoch` (which must be durable in the manifest). The first segment is
   prepared before it returns (boot is blocking), the others in the background. -ENOSPC when not even one could
   be: out_log is set all the same, and the log is open with no room. wall_floor: no block gets an earlier
   wall_ms. Borrows env and timers; copies what it needs of the manifest. */
MUST_USE int commit_log_open(struct env *env, struct timers *timers, const struct manifest *manifest,
                             uint64_t epoch, uint32_t stream, struct wall_ms wall_floor,
                             struct commit_log_options options, struct commit_log **out_log);
/* Home. Either env_close() was called before (a crash; whatever was in flight never completes), or nothing is in
   flight: commit_log_is_idle() and not commit_log_is_preparing(). NULL is allowed. Lent blocks are gone. */
void commit_log_close(struct commit_log *log);

/* Home. Bytes of records that surely can still be appended, if appended in pieces that cost
   commit_log_cost() each. */
uint64_t commit_log_room(const struct commit_log *log);
/*
 * Any shard. The most room a run of `bytes` (records of one partition, appended one behind the other) may use
 * up. Wherever it begins, the run is split over at most 2 + 2 * (bytes / LOG_RECORD_BYTES_MAX) blocks, because two
 * neighbouring blocks hold more than a record; each split costs a header, a section and a padding.
 */
static inline uint64_t
commit_log_cost(uint64_t bytes)
{
    uint64_t split_count = 1 + 2 * (bytes / LOG_RECORD_BYTES_MAX);
    uint64_t split_bytes = sizeof(struct log_block_header) + sizeof(struct log_section);

    return align_up(bytes + sizeof(struct log_section) + split_count * split_bytes, DISK_SECTOR_BYTES) +
           split_count * DISK_SECTOR_BYTES;
}
/* Home. The last preallocation failed. */
bool commit_log_is_disk_full(const struct commit_log *log);
/* Home. A side task is preparing a segment. */
bool commit_log_is_preparing(const struct commit_log *log);

/*
 * Home. Room for one record of a partition in the open block, to be filled by the caller before the turn
 * ends. NULL when every buffer is busy: go on after the next commit_log_release(). A full block is sealed
 * on the way, and written by commit_log_flush(). out_block is the block it is in. Records with consecutive
 * positions share a section. The caller has seen to it that there is room.
 */
MUST_USE void *commit_log_append(struct commit_log *log, uint32_t partition, uint64_t position,
                                 uint32_t bytes, struct log_block **out_block);
/* Home. End of every turn: submits the open block when fewer than in_flight_max are not durable yet, or it is at least
   half full. */
void commit_log_flush(struct commit_log *log);
/* Home. Submits an empty block (the wall clock) when none is open or in flight, a buffer is free and there is
   room. It uses up commit_log_cost(0) of room: who has promised room to others looks first. */
void commit_log_beat(struct commit_log *log);
/* Home. Gives a durable block back. */
void commit_log_release(struct commit_log *log, struct log_block *block);
/* Home. No blocks are submitted and not yet durable, or open with records in them. */
bool commit_log_is_idle(const struct commit_log *log);
/* Home. wall_ms of the last durable block; 0 when there is none. */
struct wall_ms commit_log_wall(const struct commit_log *log);
/* Home. Sequence of the next block that will become durable. */
uint64_t commit_log_durable(const struct commit_log *log);

/* Home. Bytes of the files of this stream that are not recycled, those prepared ahead included, and of older epochs. */
uint64_t commit_log_held_bytes(const struct commit_log *log);
/* Home. For checkpoints: this stream's segments whose blocks all lie below `sequence` may be overwritten. The
   manifest durably says so (stream_begins of this epoch and stream is at least `sequence`). */
void commit_log_recycle(struct commit_log *log, uint64_t sequence);
/* Home. An older epoch is gone from the durable manifest: its files may be overwritten. Files belong to the log
   that opened them by number modulo stream_count, so every log of the node is told. */
void commit_log_recycle_epoch(struct commit_log *log, uint64_t epoch);

/* Walks the sections of a block: start with *cursor = 0. False at the end. */
static inline bool
log_block_next_section(const struct log_block_header *header, uint32_t *cursor,
                       const struct log_section **out_section, const uint8_t **out_records)
{
    uint32_t offset = *cursor == 0 ? (uint32_t)sizeof(*header) : *cursor;

    if (offset + sizeof(struct log_section) > header->length) {
        return false;
    }
    *out_section = (const struct log_section *)(const void *)((const uint8_t *)header + offset);
    *out_records = (const uint8_t *)(*out_section + 1);
    *cursor = offset + (uint32_t)sizeof(struct log_section) + (*out_section)->bytes;
    return true;
}
