/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keeper - keeps the people of a shard's slices
 *
 * Reads the apply and hand-over lanes that end at this shard, in order of each lane, and runs every kept event
 * through the consumers (profile, sessions, history, cube, live). What waits for a key (a merge's winner whose
 * loser has not arrived, a look-up that answers later) waits in that key's queue, in order, and holds up nobody
 * else. Queues come from a fixed pool for each source lane; when it is empty that lane alone is not read, the
 * hand-over lanes always are. Questions are answered at a position: once everything up to it is applied.
 *
 * A profile that was not used lately may be on disk alone (keeper_set_people_memory()). What needs it waits in its key's
 * queue, too; a question that looks at many people comes back when the next one is here.
 *
 * Threads  Home shard only.
 * Memory   The region of the shard.
 * Limits   KEEPER_WAIT_MAX messages or KEEPER_WAIT_BYTES_MAX of them wait for each source lane. KEEPER_RECALL_COUNT_MAX
 *          questions at once hold records that were read from disk; others that need some wait, in order.
 * Order    Per partition as in its log, per person without exception. Nothing depends on the interleaving of
 *          partitions or lanes.
 */

#include "core/arena.h"
#include "core/region.h"
#include "core/run_queue.h"
#include "shards/checkpoint.h"
#include "shards/node.h"
#include "shards/question.h"

#define KEEPER_WAIT_MAX 4096u
#define KEEPER_WAIT_BYTES_MAX (8u << 20)
#define KEEPER_RECALL_COUNT_MAX 64u

struct budget;
struct metrics;
struct keeper;
struct subquery;

struct keeper_options {
    struct node *node;
    struct shard_id home;
    struct region *region;
    struct env *env; /* NULL: nothing is saved */
    struct arena_pool *arenas;
    struct metrics *metrics;    /* may be NULL */
    uint64_t people_bytes_max;  /* see keeper_set_people_memory() */
    uint64_t journal_bytes_max; /* see keeper_set_journal_memory() */
    /* Now, for deadlines inside a step. */
    struct mono_ns (*now)(void *context);
    /* The question is answered (or has a fault) and is the caller's again. */
    void (*answered)(void *context, struct question *question);
    /* Simulation: true makes this look-up answer later, when keeper_look_ups_arrive() is called. NULL: never. */
    bool (*is_late)(void *context);
    uint64_t people_page_bytes; /* simulation: small ones, so that they die and serve again. 0: as usual */
    uint32_t run_events; /* simulation: few, so that there are runs; see history.h. 0: as many as usual */
    void *context;
};

/* Boot. -ENOMEM. */
MUST_USE int keeper_open(struct keeper_options options, struct keeper **out_keeper);
/* Home. After env_close(). */
void keeper_close(struct keeper *keeper);
/* Boot. How one of its slices is saved and restored; with an env. */
struct checkpoint_part keeper_part(struct keeper *keeper, uint16_t slice);
/* Side or boot, for a checker, without a keeper: reads the pages that the state file of a slice describes. 0, -ENOMEM, or
   what the reader said; the reason, which names the file and offset of the pages, is the reader's. */
MUST_USE int keeper_verify(struct disk *disk, struct uuid store_id, uint16_t slice,
                           struct state_reader *reader);

/* Home. Kept events beyond so many bytes leave memory and are read back for questions; 0, or no env: none does. A slice
   has a few pages at least. */
void keeper_set_journal_memory(struct keeper *keeper, uint64_t bytes);

/* Home. Drains hand-over lanes, then apply lanes, then waiting look-ups, until `until`; then questions, for a slice. */
enum step keeper_step(struct keeper *keeper, struct mono_ns until);
/* Home. Takes questions to this shard's slices; `answered` comes for each from a keeper_step(), never from here. Once
   the message's scatter is unwanted they are answered with -ETIMEDOUT at their next slice, or when they are reached. */
void keeper_ask(struct keeper *keeper, struct subquery *subquery);

/* Home. For checkpoints: of each apply lane all slots below marks[from] are applied, and nothing waits or was handed over. */
bool keeper_is_still(const struct keeper *keeper, const uint64_t *marks);
/* Home. Profiles take about this much memory at most (0: as much as there is): who was not used lately leaves, and comes
   back from disk when somebody wants to know. Without an env nobody leaves. */
void keeper_set_people_memory(struct keeper *keeper, uint64_t bytes);
/* Home. State in memory that could be on disk alone; and how much of it may stay. */
uint64_t keeper_leavable_bytes(const struct keeper *keeper);
void keeper_keep_to(struct keeper *keeper, const struct budget *budget);
/* Home. Reads no lane until keeper_resume(); questions go on. */
void keeper_pause(struct keeper *keeper);
void keeper_resume(struct keeper *keeper);

/* Simulation. What was kept so far may leave memory, though it fills no pages, and a little of the orders does. */
void keeper_end_pages(struct keeper *keeper);
/* Simulation. Lets up to `count` late look-ups arrive; returns how many are still out. */
uint32_t keeper_look_ups_arrive(struct keeper *keeper, uint32_t count);
/* Home. Nothing queued, awaited or unanswered. */
bool keeper_is_idle(const struct keeper *keeper);
/* Home. A sum of hashes of everything an answer depends on; the sum over all shards does not depend on their number. */
uint64_t keeper_state_hash(struct keeper *keeper);
/* Home. For gauges. */
struct keeper_counts {
    uint64_t profiles;
    uint64_t events;
    uint64_t sessions_open;
    uint64_t people_bytes;       /* of profiles in memory */
    uint64_t people_left;        /* profiles that left memory, */
    uint64_t people_read;        /* and that came back from disk, ever */
    uint64_t journal_bytes;      /* of journals' pages in memory */
    uint64_t history_bytes;      /* of what finds their events */
    uint64_t journal_cold_reads; /* of their records that were not */
};
struct keeper_counts keeper_counts(const struct keeper *keeper);
