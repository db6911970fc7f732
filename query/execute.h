/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * execute - the rounds of a query, until nothing is missing for its answer
 *
 * The fields of the root have loads. In a round every load that waits takes as many steps as it can; a load that
 * knows its rows gets branches for the fields below them that need loads in turn. Then the questions go out. When
 * a round asks nothing more, errors are settled: a field without a value is null, and where its type forbids that,
 * the object around it is, up to the whole answer.
 *
 * A round of many loads is prepared in slices, as are the steps of a load that has much to do.
 *
 * When somebody was merged away between two rounds, everything is loaded again from the start, so that the answer
 * is of one moment; EXECUTE_STARTS_MAX times, then the fields concerned say UNAVAILABLE.
 *
 * Threads  Home shard only.
 */

#include "query/load.h"

#define EXECUTE_STARTS_MAX 12u

enum execute_answer {
    EXECUTE_READY = 1, /* everything is here and settled */
    EXECUTE_FULL,      /* the arena is */
    EXECUTE_STALE,     /* end it and begin again */
    EXECUTE_STARVED,   /* the same, when there is memory for its answers */
    EXECUTE_MORE,      /* its time is over: call again */
};

struct execute {
    struct loads loads;
    const struct graphql_plan *plan;
    struct graphql_errors errors; /* of fields */
    bool may_restart;
    bool may_wait;

    /* The pass over what waits, while a round is prepared. */
    struct load **at; /* NULL: none is on its way */
    struct load *before;
    bool has_moved;
};

struct execute_options {
    struct shard *shard;
    struct arena *arena;
    const struct graphql_plan *plan;
    const struct principal *principal;
    struct event_ms now;
    bool may_restart;
    bool may_wait;                         /* for memory */
    void (*done)(struct scatter *scatter); /* a round is back: call execute_arrived() and execute_round() */
    void *context;
};

/* Home. Loads for the root's fields. False: arena full. */
MUST_USE bool execute_begin(struct execute *execute, const struct execute_options *options);
/* Home. 0: the round was sent. */
MUST_USE int execute_round(struct execute *execute, const struct time_slice *time);
/* Home. A round is back. Before execute_round(). */
void execute_arrived(struct execute *execute);

/* Home. The way to a load's field. NULL for the root, or when the arena is full. */
const struct graphql_path *execute_path(struct execute *execute, const struct load *load);
