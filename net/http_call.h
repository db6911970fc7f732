/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_call - one request of a client, until its answer has left
 *
 * The server makes a call when the whole body has arrived, and gives it to the handler of its door. A handler answers
 * at once, or it queues the call, to be worked on in slices (step), or it holds the call while something elsewhere
 * works on it (the log, a query). In the end it answers, once, and lets go. The call's memory goes when the answer has
 * left, or the client has, and nobody holds it.
 *
 * The client may leave at any moment: `request` is NULL from then on, and headers, query and body are gone. What needs
 * them must copy, or end in `gone`.
 *
 * Threads  Home shard only.
 * Memory   The call lives in its own arena, with whatever the handler makes for it. An answer's body is borrowed until
 *          the call is gone: it is in the arena, or constant.
 */

#include "core/arena.h"
#include "net/http_route.h"
#include "query/principal.h"
#include "shards/keeper.h"

struct http_server;
struct http_shared;
struct normaliser;
struct shard;

struct http_call {
    struct http_server *server;
    struct http_shared *shared;
    struct shard *shard;
    struct arena arena;
    void *request;    /* private: h2o's; NULL once the client is gone */
    void *connection; /* private */
    struct http_route route;
    enum http_method method;
    struct text query; /* behind the question mark */
    struct text host;  /* nothing: the client did not say */
    struct text body;
    bool is_body_padded; /* JSON_IN_PADDING readable bytes follow */
    struct mono_ns begun;
    uint64_t rate_bucket;       /* of the tenant that writes */
    struct principal principal; /* nobody, until a door that needs somebody has found out */

    void *work;                                                      /* the handler's */
    enum step (*step)(struct http_call *call, struct mono_ns until); /* while queued */
    void (*gone)(struct http_call *call);                            /* the handler's; may be NULL */
    struct http_call *next_queued;
    uint32_t held_count;
    bool is_queued;
    bool is_answered;
};

struct http_answer {
    int status;
    const char *content_type; /* NULL: application/json */
    struct text body;
    bool is_busy;      /* adds Retry-After: 1 */
    uint32_t wait_s;   /* adds Retry-After of so many seconds, unless 0 */
    const char *allow; /* of a 405; else NULL */
};

/* Home. A request header, by its name in small letters; nothing when it is not there. */
struct text http_call_header(const struct http_call *call, struct text name);

/* Home. Where the client is, as text; by net.trust_forwarded_for what the proxy in front says. Nothing: not known. Lent
   until the call is gone. */
struct text http_call_address(struct http_call *call);

/* Home. Once. The client may be gone already. */
void http_call_answer(struct http_call *call, const struct http_answer *answer);
/* Home. {"success":false,"error":why} with this status; 503 gets a Retry-After. */
void http_call_refuse(struct http_call *call, int status, struct text why);

/* Home. `step` is called from later turns, until it says STEP_DONE. Calls are worked on one after the other. */
void http_call_queue(struct http_call *call, enum step (*step)(struct http_call *call, struct mono_ns until));
/* Home. The call stays until it is let go as often as it was held, which may end it. */
void http_call_hold(struct http_call *call);
void http_call_let_go(struct http_call *call);

/* Home. Bodies, and what is made of them until it has left, take an eighth more than net.body_memory: refuse with 503. */
bool http_call_is_overloaded(const struct http_call *call);

/* Home. The shard's one normaliser: of the queued call whose step it is. */
struct normaliser *http_call_normaliser(struct http_call *call);

/*
 * Home. Who asks? On an open node everybody may do everything. False: it was refused, with 401 or 403. The first is for
 * routes that read, and asked before their door is opened; the others are for a write key, wherever it was found.
 */
MUST_USE bool http_access_reader(struct http_call *call);
MUST_USE bool http_access_writer(struct http_call *call, struct text write_key);
/* Home. The write key of headers and query, or nothing; lent until the client is gone. */
struct text http_access_write_key(struct http_call *call);
/* Home. False, and 429: the tenant of call->principal has sent too much. */
MUST_USE bool http_access_in_time(struct http_call *call);
/* Home. So many events were taken. */
void http_access_charge(struct http_call *call, uint32_t event_count);

/* The doors. Each answers, queues or holds before it returns. */
void http_ingest_open(struct http_call *call);
void http_graphql_open(struct http_call *call);
/* As GraphQL says it. `code` and `why` are literals. */
void http_graphql_refuse(struct http_call *call, int status, const char *code, const char *why);
void http_sdk_open(struct http_call *call);
void http_status_open(struct http_call *call);
