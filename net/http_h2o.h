/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_h2o - what http_server.c, http_gate.c and http_call.c know of each other, and of h2o; nobody else includes this
 *
 * Who keeps what alive. A call is known to h2o's request through a hook in the request's pool: when the pool is
 * cleared (the answer has left, or the connection broke) the hook tells the call. h2o stops reading a connection while
 * its request is being worked on, so a client that leaves is noticed when the answer cannot be written.
 *
 *   http_call_begin -> call --http_call_answer--> written -> pool cleared -> forgotten
 *                          \--held, queued------------------> let go
 *
 * Threads  Home shard only.
 */

#include <h2o.h>

#include "net/http_call.h"
#include "net/http_chunks.h"
#include "net/http_head.h"
#include "net/http_server.h"

/* A connection's usual buffer is neither counted nor given back. */
#define HTTP_BUFFER_BYTES_USUAL (16u << 10)

struct http_connection {
    h2o_socket_t *socket;
    struct http_server *server;
    struct http_connection *next; /* a ring of all of the server */
    struct http_connection *previous;
    struct http_call *call;    /* being worked on, or its answer being written */
    bool is_broken;            /* refused or broken off: what it sends is thrown away */
    struct mono_ns linger_end; /* of what is broken: then it is closed whatever the client does */
    struct mono_ns since;      /* when it was opened, or its last request was over */
    struct mono_ns answered;   /* when, or when its client last took some of it; 0: not yet */
    uint64_t counted_bytes;    /* of body memory */
    uint64_t acked_bytes;      /* when that was last looked at */
    bool is_acked;             /* it was */

    /* The gate's. */
    struct http_head head;     /* of the request that is read now */
    struct http_chunks chunks; /* of its body */
    bool has_head;             /* whole and good, and h2o has it */
    bool has_body;             /* to the last of its chunks */
    bool is_noted;
    struct http_connection *next_noted;
    bool is_resting; /* sent a lot, and is not read until its turn comes */
    struct http_connection *next_resting;
    struct http_connection *previous_resting;
    char *kept; /* half of the next head; NULL: none */
    uint32_t kept_bytes;
    int refused; /* what stood behind the request that is worked on; 0: nothing bad */
    const char *refused_why;
};

struct http_server {
    struct shard *shard;
    struct http_shared *shared;
    struct normaliser *normaliser;
    h2o_evloop_t *loop;
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_cb h2o_read;        /* its reader of requests */
    struct http_connection *noted; /* the gate returns to these after h2o's run */
    struct http_connection *first_resting;
    struct http_connection *last_resting;
    struct http_connection *reading; /* its bytes are looked at; NULL when it has gone meanwhile */
    h2o_socket_t *listener;          /* NULL: closed, we are stopping */
    int loop_fd;                     /* its epoll descriptor */
    bool has_config;
    bool has_context;
    bool is_ready;  /* the epoll descriptor is readable */
    bool is_paused; /* not accepting until `resume` */
    struct mono_ns resume;
    struct mono_ns tick;
    struct mono_ns stopped;              /* when the listener was closed */
    struct http_connection *connections; /* one of the ring */
    uint32_t connection_count;
    uint32_t call_count;
    struct http_call *first_queued;
    struct http_call *last_queued;
};

/* Home. h2o has a whole request. */
void http_call_begin(struct http_server *server, h2o_req_t *request);
/* Home. Works on queued calls. True: there are more. */
bool http_call_work(struct http_server *server, struct mono_ns until);

/* Home. What requests of the shard take now, for the others to see. */
void http_server_note_arenas(const struct shard *shard, struct http_shared *shared);
/* Home. Counts a connection's memory anew. */
void http_connection_count(struct http_connection *connection);

/* ---- The gate: what of a connection h2o may see. All: Home. ---- */

/* h2o has begun to read the connection. */
void http_gate_open(struct http_connection *connection);
/* h2o has a whole request: what the client has sent behind it is looked at. */
void http_gate_look_ahead(struct http_connection *connection, const h2o_req_t *request);
/* That request is over. */
void http_gate_call_is_over(struct http_connection *connection);
/* Before each run of h2o: a few of those that have much to send may be read again. */
void http_gate_resume(struct http_server *server);
/* After each run of h2o. */
void http_gate_return(struct http_server *server);
/* A request is read, or awaited: nothing is being written, and what follows may be called. */
bool http_gate_is_reading(const struct http_connection *connection);
/* 503: there is no memory for its body. */
void http_gate_cut(struct http_connection *connection);
/* The connection is gone when this returns. */
void http_gate_hang_up(struct http_connection *connection);
/* The connection is about to go. */
void http_gate_close(struct http_connection *connection);
