/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_reader - replay: every block of the streams that held given partitions, epoch by epoch, in order
 *
 * Reads ahead through a ring of LOG_READER_SLOT_COUNT chunks of LOG_READER_SLOT_BYTES; blocks are lent where they
 * were read. Runs after recovery_settle(), which has said where each stream ends.
 *
 * Threads  Home shard only.
 * Memory   Ring and tables are taken when it is opened and given back when closed.
 * Limits   LOG_READER_BLOCK_COUNT_MAX blocks are lent at once, and less than the ring.
 * Errors   -EUCLEAN: a block that was settled as valid is not good now (log_reader_reason()); else the disk's.
 */

#include "storage/commit_log.h"

#define LOG_READER_BLOCK_COUNT_MAX 64u
#define LOG_READER_SLOT_COUNT 4u
#define LOG_READER_SLOT_BYTES LOG_BLOCK_BYTES_MAX
#define LOG_READER_READS_MAX 2u

struct log_reader;

enum log_reader_answer {
    LOG_READER_WAIT =
        1, /* a read is under way: call again after the next env_turn(); or release blocks first */
    LOG_READER_END = 2,
};

/* Home. wants(context, partition) says which partitions matter: streams of an epoch that held none of them
   (partition modulo stream_count) are not read. Epochs before `epoch_end` only; all of them are settled. Copies what
   it needs of the manifest. */
MUST_USE int log_reader_open(struct env *env, const struct manifest *manifest, uint64_t epoch_end,
                             bool (*wants)(void *context, uint32_t partition), void *context,
                             struct log_reader **out_reader);
/* Home. The next block, lent until log_reader_release() (several may be lent at once, released in order);
   its epoch, stream and wall_ms are in its header; sections of unwanted partitions may be in it. Never gives
   a bad block: -EUCLEAN for one that was settled as valid. After a fault it repeats the fault. No read is under way
   when it returns LOG_READER_END or a fault. */
MUST_USE int log_reader_next(struct log_reader *reader, struct log_block **out_block);
/* Home. With -EUCLEAN, which file and offset; lends until the reader is closed. */
const char *log_reader_reason(const struct log_reader *reader);
/* Home. In the order they were lent. block->index is in 0 .. LOG_READER_BLOCK_COUNT_MAX-1. */
void log_reader_release(struct log_reader *reader, struct log_block *block);
/* Home. After LOG_READER_END or a fault, or after env_close(). Blocks still lent are gone. NULL is allowed. */
void log_reader_close(struct log_reader *reader);
