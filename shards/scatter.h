/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * scatter - a query's questions, out to the shards that can answer and back
 *
 * Questions are added, then sent together: one message for each shard. `done` is called when the last one is
 * back. A query may scatter many times, one round after the other; all answers stay lent until scatter_end().
 *
 * Threads  Home shard only (of the coordinator).
 * Memory   Everything is in the coordinator's arena, which must stay until `done` of the last round: a query whose
 *          client has gone or whose deadline has passed waits for its answers all the same.
 * Limits   SCATTER_MESSAGES_MAX messages unanswered for each pair of shards; what is over waits its turn. A query
 *          that holds answers holds no such place, so that its next round cannot wait for itself.
 */

#include "shards/question.h"

#define SCATTER_MESSAGES_MAX 256u

struct shard;
struct scatter;

/* The questions of one round to one shard. */
struct subquery {
    struct scatter *scatter;
    struct question *first;
    struct question *last;
    struct subquery *next;     /* of the scatter: all rounds */
    struct subquery *next_out; /* waiting to be sent */
    uint32_t unanswered;       /* the answering shard's while it is there */
    uint16_t from;
    uint16_t to;
    bool is_answered;
};

struct scatter {
    struct shard *shard;
    struct arena *arena;
    struct subquery *subqueries;
    struct subquery **open; /* [shard_count]: being filled for the next round */
    uint32_t outstanding;
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
/* Home. Gives all answers back. Nothing may be outstanding. */
void scatter_end(struct scatter *scatter);

/* Home. A message came back with all its answers. For shard.c. */
void scatter_answered(struct subquery *subquery);
/* Home. End of a turn: memory of answers goes back, and what waited for a place is sent. For shard.c. */
void scatter_flush(struct shard *shard);
/* Home. Nothing of this shard's waits to be sent or given back. */
bool scatter_is_flushed(const struct shard *shard);
