/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scatter - a query's questions, out to the shards that can answer and back
 *
 * Questions are added, then sent together: one message for each shard. `done` is called when the last one is
 * back. A query may scatter many times, one round after the other; all answers stay lent until scatter_end().
 * Nobody may want them any more (the deadline has passed, the client is gone): then the shards are told to stop,
 * and questions that they have not answered come back soon, with -ETIMEDOUT.
 *
 * Threads  Home shard only (of the coordinator).
 * Memory   Everything is in the coordinator's arena, which must stay until `done` of the last round: a query whose
 *          client has gone or whose deadline has passed waits for its answers all the same.
 *          The answering shard works on a message in the message itself.
 * Limits   SCATTER_MESSAGES_MAX messages unanswered for each pair of shards; what is over waits its turn. A query
 *          that holds answers holds no such place, so that its next round cannot wait for itself.
 */

#include "core/run_queue.h"
#include "shards/question.h"

#include <stdatomic.h>

#define SCATTER_MESSAGES_MAX 256u

struct asked;
struct shard;
struct scatter;

/* The questions of one round to one shard's partitions, or to its slices. */
struct subquery {
    struct scatter *scatter;
    struct question *first;
    struct question *last;
    struct subquery *next;     /* of the scatter: all rounds */
    struct subquery *next_out; /* waiting to be sent */
    uint16_t from;
    uint16_t to;
    bool is_answered;

    /* The answering shard's while it is there. */
    uint32_t unanswered;
    uint64_t answer_bytes;        /* of those that are answered, in chunks of their own */
    struct arena common;          /* what is small of all answers */
    struct question *unbegun;     /* it and its siblings */
    struct question *first_ready; /* of a sequencer: whose position is reached */
    struct question *last_ready;
    struct asked *first_asked; /* for a keeper: those that can go on */
    struct asked *last_asked;
    struct task task;
    void *answerer;
};

struct scatter {
    struct shard *shard;
    struct arena *arena;
    struct subquery *subqueries;
    struct subquery **open; /* [2 * shard_count]: being filled for the next round */
    uint32_t outstanding;
    /* Written by the coordinator, read by who answers. Relaxed: it says nothing about other memory, and may be seen
       a little late. */
    _Atomic bool is_unwanted;
    void (*done)(struct scatter *scatter);
    void *context;
};

/* Home. False when the arena is full. */
MUST_USE bool scatter_begin(struct scatter *scatter, struct shard *shard, struct arena *arena,
                            void (*done)(struct scatter *scatter), void *context);
/* Home. Adds a question (in the arena) to the next round; kind and target say to which shard. False: arena full. */
MUST_USE bool scatter_add(struct scatter *scatter, struct question *question);
/* Home. Sends the round. Returns how many messages that were; with 0 `done` is not called. */
uint32_t scatter_go(struct scatter *scatter);
/* Home. Nobody wants the answers any more: `done` comes soon. */
void scatter_abandon(struct scatter *scatter);
/* The answering shard. Before it answers this question: opens the arena of the answer, in its pool. */
void scatter_open_answer(struct question *question, struct arena_pool *pool);
/* Any shard. */
bool scatter_is_unwanted(const struct scatter *scatter);
/* Home. Gives all answers back. Nothing may be outstanding. */
void scatter_end(struct scatter *scatter);

/* Home. A message came back with all its answers. For shard.c. */
void scatter_answered(struct subquery *subquery);
/* Home. End of a turn: memory of answers goes back, and what waited for a place is sent. For shard.c. */
void scatter_flush(struct shard *shard);
/* Home. Nothing of this shard's waits to be sent or given back. */
bool scatter_is_flushed(const struct shard *shard);
