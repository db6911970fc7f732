/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_server - HTTP/1.1 inside a shard's turn
 *
 * h2o runs its own event loop in ours: its epoll descriptor is watched by the shard's env, and h2o's loop is run once a
 * turn when that is readable, when one of its timers is due, or when it has work in its own queues, which epoll does
 * not know of. The shard never sleeps while those are not empty.
 *
 * Bodies are read whole, and counted while they are here: over the node's limit (net.body_memory) requests are
 * answered 503, and uploads that have not ended yet are cut. What a connection has read before and does not need any
 * more is given back.
 *
 * Threads  Home shard only, but for the words of struct http_shared that say otherwise.
 * Memory   h2o allocates; calls live in arenas of the shard.
 * Limits   HTTP_BODY_READ_MAX a body: up to there a body over net.body_bytes_max is read and thrown away, so that
 *          the client sees its 413. connection_count_max connections a shard: more wait to be accepted.
 * Order    Calls of one connection are answered in order, one at a time.
 */

#include "core/here.h"
#include "core/metrics.h"
#include "core/timer.h"
#include "net/rate_limit.h"
#include "net/settings.h"

#include <stdatomic.h>

#define HTTP_BODY_READ_MAX (16u << 20)

struct geoip;
struct http_server;
struct keys;
struct node;
struct shard;

struct http_bodies {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t bytes; /* written by its shard */
    _Atomic uint64_t arena_bytes;  /* of requests, and their answers until they have left; too */
    _Atomic uint64_t answer_bytes; /* of shards to each other's queries; too */
};

struct http_queue {
    struct http_call *first;
    struct http_call *last;
};

/* Queries of a shard: some run, the others wait for their turn in the order in which they came. Its shard's alone. */
struct http_queries {
    alignas(CACHE_LINE_BYTES) uint32_t running;
    struct timer timer; /* while some wait */
    struct http_queue waiting;
    struct http_queue starved; /* they had begun, and wait for memory */
};

/* What the servers of a node share. Boot writes. */
struct http_shared {
    const struct settings *settings;
    struct node *node;
    const struct keys *keys; /* NULL: the node is open */
    struct rate_limit rate_limit;
    const struct geoip *geoip; /* NULL: no database */
    struct text listen_host;
    const char *io; /* the backend in use, for metrics */
    uint32_t shard_count;
    uint32_t connection_count_max; /* of each shard */
    const struct metrics *metrics[SHARD_COUNT_MAX];
    struct http_bodies bodies[SHARD_COUNT_MAX];
    struct http_queries queries[SHARD_COUNT_MAX];
};

/* Any shard. Bytes of bodies held by all servers, about. */
uint64_t http_shared_body_bytes(const struct http_shared *shared);
/* Any shard. And what is made of them, until it has left. */
uint64_t http_shared_request_bytes(const struct http_shared *shared);
/* Any shard. And what shards have answered to queries: all that net.body_memory is for. */
uint64_t http_shared_bytes(const struct http_shared *shared);
/* Any shard. NULL: requests are served; else why not. */
const char *http_shared_why_not(const struct http_shared *shared);

/* Home. Takes the listening socket. Hangs itself into the shard's turn. */
MUST_USE int http_server_open(struct shard *shard, struct http_shared *shared, int listener,
                              struct http_server **out_server);
/* Home. Closes every connection. Nothing may be under way in the shard any more. */
void http_server_close(struct http_server *server);
