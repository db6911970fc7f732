/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * checkpoint - a consistent cut of all shards on disk
 *
 * Shard 0 begins a round, numbered; the number is the checkpoint's. Every sequencer stops applying and notes how far
 * it came (sequencing, logging and acknowledging go on); keepers go on until what was sent to them is applied, and
 * nothing waits for a key or is on its way between them. When that is so everywhere, each shard cuts in its next turn,
 * and goes on. Then each shard writes its state files, a slice of time in each turn, and when all are durable shard 0
 * writes the manifest. Then what only older checkpoints needed is given back.
 *
 *   shard 0: round = R         each shard: stopped = R --all stopped, lanes read--> still = R --all still--> cut = R
 *                              --files durable--> written = R         shard 0: --all written--> manifest, settled = R
 *
 * From `still` to its cut a keeper reads no lane: a shard that has cut before may send it what comes after.
 *
 * What a shard saves is a list of parts: its partitions and its slices (keeper_part()), each with a state file of its
 * own ("partitions/007-00000042.state"). A part is known here by struct checkpoint_part_ops alone.
 *
 * A start restores the parts on the shards that own them now, before the first record of the tail is applied. Each part
 * has in its own file all that it needs: what every keeper knows of partitions (rules, clock, how far it was sent) is in
 * the file of each slice.
 *
 * Threads  Home shard, but for the words, each of which has one writer.
 * Errors   A checkpoint that does not fit on the disk, or in memory, is given up and tried again after the next interval:
 *          what is on disk already stays whole. Other write faults end the node (status 74).
 */

#include "core/run_queue.h"
#include "storage/state_file.h"

/*
 * A part of the state, as its owner implements it. All but restore: home. In this order for each round:
 *
 *   cut --> write, again and again --> is_durable, again and again --> end
 *   release, some rounds later
 */
struct checkpoint_part_ops {
    /* In the turn of the cut, when nothing waits and nothing is sent: what the part knows now is the checkpoint's.
       Copies only what is small or will change. -ENOMEM: this checkpoint is given up, and nothing needs an end. */
    int (*cut)(void *part, uint64_t checkpoint);
    /* Appends what is missing to the part's state file, until `time` is over or the writer says not now. STEP_DONE: all
       of it was added; STEP_MORE; -ENOMEM: this checkpoint is given up. */
    int (*write)(void *part, struct state_writer *writer, const struct time_slice *time);
    /* After STEP_DONE: whatever else the checkpoint needs of the part (pages of its stores) is on disk too. NULL: nothing. */
    bool (*is_durable)(const void *part);
    /* The checkpoint is durable or was given up, at any point after cut(): forgets what was copied. */
    void (*end)(void *part, uint64_t checkpoint, bool is_given_up);
    /* No manifest names a checkpoint before this one any more. NULL: the part has nothing but its state files. */
    void (*release)(void *part, uint64_t checkpoint);
    /* Boot, on the shard that owns the part now; blocking. Reads all sections. 0, -ENOMEM, or what the reader said. */
    int (*restore)(void *part, struct state_reader *reader, uint64_t checkpoint);
};

#define PARTITION_FOLDER "partitions"
#define SLICE_FOLDER "slices"

struct checkpoint_part {
    const struct checkpoint_part_ops *ops;
    void *part;
    const char *folder; /* of its state files: one of these two */
    uint16_t number;    /* in the folder */
};

/* ---- Rounds. ---- */

struct checkpoint;
struct node;
struct node_options;
struct shard;

/* What the shards of a node share about the round that is under way. Arrays: by shard, partition, part. */
struct checkpoint_round {
    uint64_t interval_ns; /* 0: no checkpoints are made */
    uint64_t event_count;
    /* Shard 0. */
    _Atomic uint64_t begun;    /* number of the round */
    _Atomic uint64_t settled;  /* rounds up to this one are over */
    _Atomic bool is_last_done; /* stopping: the last one is settled, or there is none to make */
    bool is_given_up;          /* the one that `settled` tells of */
    uint64_t *dropped_epochs;  /* by it */
    uint32_t dropped_count;
    /* Each shard, before it tells of it. */
    uint64_t *marks; /* [from * shard_count + to]: messages before are applied */
    uint64_t *stream_begins;
    uint64_t *positions;
    struct manifest_file *files; /* partitions, then slices */
};

/* Boot. */
MUST_USE int checkpoint_round_create(const struct node *node, uint64_t interval_ns, uint64_t event_count,
                                     struct checkpoint_round **out_round);
void checkpoint_round_destroy(struct checkpoint_round *round);

/* Boot, home. Restores the parts of this shard from the newest checkpoint of the manifest, if there is one, and takes
   part in rounds from now on. out_reason as above. */
MUST_USE int checkpoint_open(struct shard *shard, char *out_reason, struct checkpoint **out_checkpoint);
/* Home. After env_close(). NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);
/* Home. At the beginning of a turn. True: there is more to do at once. */
bool checkpoint_step(struct checkpoint *checkpoint);
/* Home, while stopping, when nothing is in flight any more in any shard: true once the last checkpoint is settled. */
bool checkpoint_may_leave(struct checkpoint *checkpoint);
