/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * query - one GraphQL request, from its text to the JSON of its answer
 *
 * Parsed and planned on the shard that got it, sent as questions to the partitions and slices concerned, in
 * rounds (a field may need what another round brought), and written as JSON without a tree between. A deadline ends
 * it with an error, never with a silent partial answer.
 *
 * Threads  Home shard only.
 * Memory   Everything in the request's arena, which must stay until `finished`. Answers of other shards are given
 *          back before that.
 * Errors   In the GraphQL form, with extensions.code. `is_refused`: there is no `data` (syntax, validation,
 *          variables): net chooses the status.
 */

#include "core/arena.h"
#include "query/json_tree.h"
#include "query/principal.h"

struct shard;
struct query;

enum query_answer_kind {
    QUERY_OK,        /* data, perhaps with field errors */
    QUERY_REFUSED,   /* no data: the request is at fault */
    QUERY_FORBIDDEN, /* no data: not for this principal */
    QUERY_UNSAFE,    /* no data: a mutation, where only questions are allowed */
    QUERY_DEADLINE,  /* no data: it took too long */
};

struct query_request {
    struct shard *shard;
    struct arena *arena; /* of the request */
    struct text text;
    struct text operation_name;        /* bytes 0: none */
    const struct json_tree *variables; /* NULL: none */
    struct principal principal;
    bool only_asks; /* a link or an image can make a browser send it: mutations are QUERY_UNSAFE */
    int64_t now_ms; /* the server's clock, for windows without asOf */
    /* The answer is ready; lends response until `finished`. Not called after query_abandon(). */
    void (*answered)(void *context, enum query_answer_kind kind, struct text response);
    /* Nothing of the query is in use any more: the arena may go. Always called once, after `answered` if that is. */
    void (*finished)(void *context);
    /* There was no memory for its answers. It has given back what it had, and waits for query_resume(), also when it was
       abandoned or its deadline has passed. NULL: it does not wait, and the fields concerned are UNAVAILABLE. */
    void (*starved)(void *context);
    void *context;
};

/* Home. Both callbacks may come before this returns, or in a later turn. The query itself lives in the arena;
   NULL (and both were called) when it is already over. */
struct query *query_start(const struct query_request *request);
/* Home. Of one that starved: it begins again. It may be over when this returns. */
void query_resume(struct query *query);
/* Home. The client is gone: `answered` will not be called, `finished` will. */
void query_abandon(struct query *query);
