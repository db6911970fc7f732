/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * shard - one thread's share of a node, and the turn that moves it
 *
 * A turn: time is read once; timers; a step of a checkpoint; replies; questions; a slice of the queries that go on; the sequencer; the keeper;
 * what net hangs in; then everything that was sent is published once, and the shard waits in its env, if there is nothing left to do.
 *
 * Threads  Home only, but for shard_wake() and the words in struct node.
 * Memory   One region and two arena pools for each shard, reserved at start: nothing is asked of the system afterwards.
 */

#include "core/arena.h"
#include "core/env.h"
#include "core/region.h"
#include "core/timer.h"
#include "shards/checkpoint.h"
#include "shards/keeper.h"
#include "shards/node.h"
#include "shards/scatter.h"
#include "shards/sequencer.h"

#define SHARD_TURN_NS (500 * NS_PER_US)
#define SHARD_SPIN_NS (30 * NS_PER_US)
#define SHARD_STALL_NS (25 * NS_PER_MS)
/*
 * What all requests of a node may take together, and all answers to questions; each shard has an even share, and not less
 * than a large upload with its events needs. Reserved at start, and touched when it is used.
 */
#define SHARD_REQUESTS_BYTES_NODE (UINT64_C(512) << 20)
#define SHARD_ANSWERS_BYTES_NODE (UINT64_C(256) << 20)
#define SHARD_ARENAS_BYTES_MIN (UINT64_C(96) << 20)
#define INGEST_PARTS_MAX 512u

struct metrics;

struct shard {
    struct node *node;
    struct shard_id id;
    struct env *env;
    struct metrics *metrics; /* may be NULL */
    struct region region;
    struct env_op ahead;       /* memory of the region is made resident; `done` is NULL: it is not */
    struct arena_pool arenas;  /* of requests */
    struct arena_pool answers; /* to questions: lent to coordinators */
    struct timers timers;
    struct sequencer *sequencer;
    struct keeper *keeper;
    struct checkpoint *checkpoint;
    char reason[MANIFEST_REASON_BYTES]; /* why it could not be opened, if that can be said */
    struct mono_ns now;                 /* of this turn */
    struct mono_ns decayed;

    /* Ingest: what this shard has outstanding at each sequencer. */
    uint64_t credit_spent[SHARD_COUNT_MAX];
    uint32_t parts_out[SHARD_COUNT_MAX];
    uint32_t requests_out;

    /* Scatter. */
    uint32_t messages_out[SHARD_COUNT_MAX];
    struct arena to_release[SHARD_COUNT_MAX]; /* used answers: memory on its way back to whose it is */
    struct subquery *first_unsent[SHARD_COUNT_MAX];
    struct subquery *last_unsent[SHARD_COUNT_MAX];
    uint32_t queries_out;
    struct run_queue queries; /* what the coordinators of this shard have to do */

    /* What the layers above do in a turn: returns true when there is more to do at once. */
    bool (*outside)(void *context, struct mono_ns now);
    /* When they want to be called at the latest. */
    struct mono_ns (*outside_due)(void *context);
    /* While stopping: they take nothing new, and wait for nothing. */
    bool (*outside_is_at_rest)(void *context);
    void *outside_context;

    uint64_t turn_count;
    /* What took longest in this turn, to be named when the turn was too long. */
    const char *longest;
    uint64_t longest_ns;
    struct mono_ns noted;
};

struct shard_options {
    struct node *node;
    struct shard_id id;
    struct env *env; /* takes */
    struct metrics *metrics;
    uint64_t region_bytes;
    uint64_t people_bytes_max;  /* of profiles in memory; 0: no limit */
    uint64_t journal_bytes_max; /* of kept events in memory; 0: no limit */
    uint64_t segment_bytes;
    uint32_t block_bytes;
    struct wall_ms wall_floor;
    bool (*is_late)(void *context); /* simulation: see keeper.h, */
    uint64_t people_page_bytes;     /* likewise */
    uint32_t run_events;            /* likewise */
};

/* Home (its thread). Opens the stream and starts the replay. */
MUST_USE int shard_open(struct shard *shard, struct shard_options options);
/* Home. */
void shard_close(struct shard *shard);

/* Home. One turn without waiting. True: there is more to do at once. */
bool shard_turn(struct shard *shard);
/* Home. Turns until node->is_stopping and every shard is at rest (or the grace time is over). */
void shard_run(struct shard *shard);
/* Any shard. Ends its wait. */
void shard_wake(struct node *node, struct shard_id id);
/* Home. Nothing in flight that starts or ends here. */
bool shard_is_idle(const struct shard *shard);
/* Any shard. Every shard has replayed. */
bool node_is_ready(const struct node *node);
