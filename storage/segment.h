/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * segment - a file of the commit log: log/NNNNNNNN.seg
 *
 * Its first sector says which part of which stream it holds; blocks follow. The number in the name means nothing:
 * a file that is not needed any more gets a new first sector and serves again, old blocks and all. That is why a
 * block is only good in its place: store, epoch, stream and segment must be those of the first sector. Within one
 * (epoch, stream) a file's index only grows, so a stale block of the same stream names another segment.
 *
 * Threads  segment_prepare(): side or boot. The others: boot; the list is taken by malloc.
 * Errors   -ENOMEM and the disk's. What is wrong with a file's first sector is its `state`.
 */

#include "core/env.h"

#include <assert.h>
#include <errno.h>

#define SEGMENT_FOLDER "log"
#define SEGMENT_MAGIC UINT32_C(0x47455347)
#define SEGMENT_NAME_BYTES 32u
#define SEGMENT_NUMBER_MAX 99999999u

struct segment_header {
    uint32_t magic;
    uint16_t version; /* LOG_FORMAT_VERSION, of the blocks too; this struct is the same in every version */
    uint16_t reserved;
    struct uuid store_id;
    uint64_t epoch;
    uint32_t stream;
    uint32_t index;      /* in the stream: 0, 1, 2 ... */
    uint64_t generation; /* how often the file has been given a first sector */
    uint64_t bytes;      /* of the file */
    uint32_t reserved_too;
    uint32_t checksum; /* CRC32C of this struct, this field zero */
};
static_assert(sizeof(struct segment_header) == 64, "on disk");

enum segment_state {
    SEGMENT_OURS,
    SEGMENT_DAMAGED, /* or never finished */
    SEGMENT_FOREIGN, /* of another store */
    SEGMENT_NEWER,   /* of a newer version */
};

struct segment {
    uint32_t number; /* in the name */
    enum segment_state state;
    struct segment_header header; /* zeros when it is SEGMENT_DAMAGED */
    uint64_t bytes;               /* of the file */
};

/* Ours first, by epoch, stream and index; then the others; equal ones by number. */
struct segment_list {
    struct segment *segments;
    uint32_t count;
    uint32_t count_max;
    uint32_t number_max; /* the highest in the folder, of all files; 0 when there is none */
};

/* Numbers are shared out: those with number modulo stride == first belong to one caller (1, 0: all of them).
   Others' files may be created and written meanwhile. No folder is no files. */
MUST_USE int segment_list_read(struct disk *disk, const struct uuid *store_id, uint32_t stride,
                               uint32_t first, struct segment_list *out_list);
void segment_list_deinit(struct segment_list *list);
/* Index into the list where (epoch, stream) begins; out_count of them. */
uint32_t segment_list_find(const struct segment_list *list, uint64_t epoch, uint32_t stream,
                           uint32_t *out_count);

/* out_name has SEGMENT_NAME_BYTES: "log/00000001.seg". */
void segment_name(uint32_t number, char *out_name);

enum segment_origin {
    SEGMENT_NEW,
    SEGMENT_RECYCLED,
};
enum segment_answer {
    SEGMENT_GIVEN_BACK = 1,
};

/* Makes `number` the file that `header` describes (magic, version and checksum are filled in here) and leaves it
   open and durable. A new file is created and filled with zeros, and unlinked again after a fault. */
MUST_USE int segment_prepare(struct disk *disk, uint32_t number, enum segment_origin origin,
                             const struct segment_header *header, struct disk_file *out_file);
/* The same, if with it files of so many bytes are no more than half of what is free on the disk or in segments. If not:
   a new file is -ENOSPC, and a recycled one is unlinked, SEGMENT_GIVEN_BACK. 0 bytes are always right. */
MUST_USE int segment_prepare_modestly(struct disk *disk, uint32_t number, enum segment_origin origin,
                                      const struct segment_header *header, uint64_t held_bytes,
                                      struct disk_file *out_file);
/* Faults of segment_prepare() that mean: not now. */
static inline bool
segment_is_disk_full(int fault)
{
    return fault == -ENOSPC || fault == -EDQUOT || fault == -EFBIG;
}

/* Blocks, as bytes of any origin. */

struct log_block_header;

/* Where a block would have to be from. */
struct block_place {
    struct uuid store_id;
    uint64_t epoch;
    uint32_t stream;
    uint32_t segment;
};

enum block_answer {
    BLOCK_BAD = 1,   /* nothing, stale or garbled */
    BLOCK_NEWER = 2, /* good, but of a newer version */
    BLOCK_MORE = 3,  /* could be one, but it is longer than what was given */
    BLOCK_TORN = 4,  /* it claims this place, but is not whole */
};

/* Any thread. 0 when a good block of this place begins here: then its length is within bytes_max and its sections
   within its length. bytes_max is at least a sector. */
MUST_USE int block_check(const struct log_block_header *header, uint64_t bytes_max,
                         const struct block_place *place);
/* Any thread. Of header and sections. */
MUST_USE uint32_t block_checksum(const struct log_block_header *header);
/* Any thread. What it takes up in the file. */
MUST_USE uint64_t block_padded_bytes(const struct log_block_header *header);
