/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sequencer - decides the order of a partition's events, once
 *
 * For each partition of its shard: takes parts from the ingest lanes, leaves out duplicates, appends the rest to
 * the shard's stream of the commit log, and replies when every block that matters is durable. Durable records are
 * then applied in log order: late or not, identity and merges, watermark, dictionary codes; and go to the owners of
 * the slices on the apply lanes. A look-up that answers later holds up the events of its partition and nothing else: a
 * question that needs one waits by itself, other partitions go on, and so does sequencing as long as the log has buffers.
 * At the end of a step it tells every shard how far each partition has come.
 *
 * Replay after a start is the same apply code, fed by a log_reader.
 *
 * Life of a block: filled and submitted (commit_log) -> durable: its sections are queued at their partitions
 * -> applied -> passed by every apply lane -> released.
 *
 * Threads  Home shard only.
 * Memory   The region of the shard; annotations of events in pooled chunks that are given back with their block.
 * Order    Per partition as in the log. A partition's queue never waits for another partition's.
 * Errors   Storage faults and -ENOMEM past admission end the node (node->fatal).
 */

#include "core/region.h"
#include "core/timer.h"
#include "shards/ingest.h"
#include "shards/keeper.h"
#include "shards/node.h"
#include "shards/question.h"
#include "storage/recovery.h"

struct budget;
struct metrics;
struct sequencer;

struct sequencer_options {
    struct node *node;
    struct shard_id home;
    struct env *env;
    struct timers *timers;
    struct region *region;
    struct arena_pool *arenas;
    struct metrics *metrics; /* may be NULL */
    uint64_t segment_bytes;
    uint32_t block_bytes;
    struct wall_ms wall_floor;
    void (*answered)(void *context, struct question *question);
    /* Simulation: true makes this look-up answer later, when sequencer_look_ups_arrive() is called. NULL: never. */
    bool (*is_late)(void *context);
    void *context;
};

/* Home. Starts the replay of everything before node->epoch. */
MUST_USE int sequencer_open(struct sequencer_options options, struct sequencer **out_sequencer);
void sequencer_close(struct sequencer *sequencer);

/* Home. */
enum step sequencer_step(struct sequencer *sequencer, struct mono_ns until);
/* Home. State in memory that could be on disk alone (pages of identities); and how much of it may stay. */
uint64_t sequencer_leavable_bytes(const struct sequencer *sequencer);
void sequencer_keep_to(struct sequencer *sequencer, const struct budget *budget);
/* Home. For gauges. */
struct sequencer_memory {
    uint64_t identifiers_bytes; /* pages in memory, and their index */
    uint64_t duplicates_bytes;  /* windows */
};
struct sequencer_memory sequencer_memory(const struct sequencer *sequencer);
/* Home. Takes questions to this shard's partitions; each is answered in a later step. Once the message's scatter is
   unwanted they are answered with -ETIMEDOUT. */
void sequencer_ask(struct sequencer *sequencer, struct subquery *subquery);

/* Home. For checkpoints: applies nothing until sequencer_resume(). What was applied is on the lanes and told. */
void sequencer_pause(struct sequencer *sequencer);
void sequencer_resume(struct sequencer *sequencer);
/* Home. Blocks of this stream before are not needed for what is not applied. */
uint64_t sequencer_tail_begin(const struct sequencer *sequencer);
/* Home. One of this shard's. */
struct partition *sequencer_partition(struct sequencer *sequencer, uint16_t number);
/* Home. As commit_log.h has them. */
void sequencer_recycle(struct sequencer *sequencer, uint64_t sequence);
void sequencer_recycle_epoch(struct sequencer *sequencer, uint64_t epoch);
uint64_t sequencer_log_bytes(const struct sequencer *sequencer);
/* Home. Records applied since the start. */
uint64_t sequencer_applied_count(const struct sequencer *sequencer);

/* Simulation. Lets up to `count` late look-ups arrive; returns how many are still out. */
uint64_t sequencer_look_ups_arrive(struct sequencer *sequencer, uint64_t count);
/* Home. The replay is applied, and the settings are in the log or the disk has no room for them. */
bool sequencer_is_ready(const struct sequencer *sequencer);
/* Home. No part in hand, everything durable, applied and passed. */
bool sequencer_is_idle(const struct sequencer *sequencer);
/* Home. A sum of hashes of all that the partitions know; does not depend on the number of shards. */
uint64_t sequencer_state_hash(struct sequencer *sequencer);
