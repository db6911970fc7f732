/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sequencer_state - what the files of the sequencer share, and nobody else
 *
 * sequencer.c takes parts into the log, starts, and answers; sequencer_apply.c takes durable blocks through
 * apply to the lanes.
 *
 * Threads  Home shard only.
 */

#include "shards/metrics_table.h"
#include "shards/notes.h"
#include "shards/partition.h"
#include "shards/sequencer.h"

/* A durable or replayed block on its way through apply. */
struct applying {
    struct applying *next;
    struct log_block *block;
    bool is_replay;
    uint32_t pieces_left;
    struct notes notes;              /* what its messages point to */
    uint64_t marks[SHARD_COUNT_MAX]; /* apply lanes: released when all have passed these */
};

struct sequencer {
    struct sequencer_options options;
    struct node *node;
    struct commit_log *log;
    struct log_reader *reader;                         /* NULL once the replay has been read */
    struct partition *partitions[PARTITION_COUNT_MAX]; /* those of this shard */
    bool is_ready;
    bool has_failed;
    bool settings_appended;
    bool is_paused; /* for a checkpoint */
    uint64_t applied_count;
    struct timer beat;

    /* Parts: the one being worked on at each ingest lane, and those that wait to be durable, in order. */
    struct ingest_part *in_hand[SHARD_COUNT_MAX];
    uint32_t lane_first;
    struct ingest_part *first_waiting;
    struct ingest_part *last_waiting;
    uint64_t granted[SHARD_COUNT_MAX];   /* credit given in total */
    uint64_t processed[SHARD_COUNT_MAX]; /* credit used up in total */
    uint64_t appended_sequence;          /* block of the last append */

    /* Blocks: being applied, in the log's order; then waiting to be passed, as they were applied. */
    struct applying *first_applying;
    struct applying *last_applying;
    struct applying *first_passing;
    struct applying *last_passing;
    struct applying *newest; /* touched in this step: PROGRESS goes into its notes */
    struct applying *free_applying;
    struct notes_pool notes;

    struct run_queue tasks; /* messages with questions that can be answered */
};

/* The node is over: says why, once. */
void sequencer_fail(struct sequencer *sequencer, const char *what);
void sequencer_count(struct sequencer *sequencer, enum metric metric, uint64_t amount);

/* A block is durable, or was read back: queues its sections at their partitions. stream_count: of its epoch. */
void sequencer_enter(struct sequencer *sequencer, struct log_block *block, uint32_t stream_count,
                     bool is_replay);
/* Goes on with one partition. STEP_MORE: its lanes are full or time is up. STEP_DONE: nothing is left, or it waits for
   look-ups, which wake the shard. */
enum step sequencer_apply(struct sequencer *sequencer, struct partition *partition, struct mono_ns until);
/* End of a step: tells every shard how far each partition has come. */
void sequencer_tell_progress(struct sequencer *sequencer);
/* Applied blocks begin to wait for the lanes, in any order; passed ones are given back. */
void sequencer_let_pass(struct sequencer *sequencer);
void sequencer_release_passed(struct sequencer *sequencer);
