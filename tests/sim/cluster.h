/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cluster - a node whose shards, clock, lanes and disk are played from one seed
 *
 * All shards run in this thread. cluster_step() does one thing, chosen by dice: a turn of a shard, a few
 * messages of a lane come into sight, a disk operation completes, a look-up arrives, time passes.
 *
 * Threads  One.
 */

#include "core/env_sim.h"
#include "shards/shard.h"
#include "storage/recovery.h"
#include "tests/sim/log_tap.h"

struct dice {
    uint64_t state;
};

/* The next number; the same seed gives the same numbers. */
uint64_t dice_roll(struct dice *dice);
/* 0 .. count-1. */
uint32_t dice_below(struct dice *dice, uint32_t count);
/* True in `percent` of 100. */
bool dice_chance(struct dice *dice, uint32_t percent);

struct cluster {
    struct dice dice;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct rules rules;
    uint64_t segment_bytes; /* of each file of the log */
    struct node node;
    struct shard shards[SHARD_COUNT_MAX];
    uint32_t shard_count;     /* 0: not running */
    uint32_t late_percent;    /* look-ups that answer later */
    uint64_t ns_per_look;     /* so that long work is done in slices */
    bool is_frozen;           /* no time passes: nothing new comes into the log by itself */
    uint32_t partition_count; /* of a new store */
    uint32_t slice_count;
    uint64_t checkpoint_interval_ns; /* 0: none are made */
    uint64_t checkpoint_events;
    uint64_t people_page_bytes; /* 0: as usual */
    uint64_t people_bytes_max;  /* of a shard's profiles in memory */
    uint64_t people_left;       /* as in keeper_counts, of all that have stopped */
    uint64_t people_read;
    bool accept_loss;
    uint64_t journal_bytes_max; /* of memory for kept events of a shard; 0: no limit */
    uint64_t cold_reads;        /* of such events */
    uint64_t checkpoints;       /* that became durable, or were found at a start */
    uint64_t newest_checkpoint;
    struct log_archive archive; /* of what the node gave back */
    uint64_t log_bytes[SHARD_COUNT_MAX];
    bool has_failed; /* node->fatal was called */
    char failure[256];
    uint64_t steps;
};

void cluster_init(struct cluster *cluster, uint64_t seed);
/* Another node, not running, with the settings and at the time of `of`, on a disk of its own, which is taken. No time
   passes for it, and it makes no checkpoints. Borrows the archive of `of`. */
void cluster_init_copy(struct cluster *cluster, const struct cluster *of, struct sim_disk *disk,
                       uint64_t seed);
void cluster_deinit(struct cluster *cluster);

/* Starts a node with this many shards. False when the disk died on the way: crash, and start again. */
bool cluster_start(struct cluster *cluster, uint32_t shard_count);
/* The process dies here and now; the disk keeps what it would keep. */
void cluster_crash(struct cluster *cluster);
/* The process dies, the machine does not: the disk keeps what was written, and may lose it yet. */
void cluster_kill(struct cluster *cluster);
/* The process ends and the disk keeps everything. */
void cluster_stop(struct cluster *cluster);
/* One thing happens. False: the disk is dead, or the node has failed. */
bool cluster_step(struct cluster *cluster);
/* Until nothing is in flight. False as above. */
bool cluster_drain(struct cluster *cluster);
bool cluster_is_dead(const struct cluster *cluster);
uint64_t cluster_state_hash(struct cluster *cluster);
/* Of the stores, in this life: where an older page was, there is a newer one. */
uint64_t cluster_reused_pages(const struct cluster *cluster);
/* A checkpoint is being made. */
bool cluster_is_in_checkpoint(const struct cluster *cluster);
/* Of the clocks in the newest blocks that each partition saw: the same as long as there was none. */
uint64_t cluster_wall_sum(const struct cluster *cluster);
