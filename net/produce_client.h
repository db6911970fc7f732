/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_client - bodies of events go out over some connections, and each comes back answered
 *
 * HTTP/1.1, keep-alive, one request at a time on each connection. A connection that is idle asks for a body; it keeps
 * it until it is answered, so that the same bytes go out again when the connection is lost, or when the answer is
 * "later" (408, 429, 500, 502, 503, 504, 507, Retry-After observed). A server may thus be killed and started again
 * under it, and nothing is lost; what was taken twice has the same event IDs.
 *
 *     while (is_wanted) {
 *         r = produce_client_turn(client, until);     calls fill() and answered()
 *     }
 *
 * Threads  One.
 * Memory   All at opening: a body and an answer for each connection.
 * Limits   PRODUCE_CONNECTION_COUNT_MAX. Answers have a Content-Length.
 * Errors   PRODUCE_CLIENT_REFUSED with a sentence in `problem`: the URL is none, or the server answered what no
 *          repeating cures (400, 401, 404, ...) or what is no HTTP. A server that is not there is waited for.
 */

#include "core/base.h"

#define PRODUCE_CONNECTION_COUNT_MAX 1024u
#define PRODUCE_PROBLEM_BYTES 512u

enum produce_client_answer {
    PRODUCE_CLIENT_REFUSED = 1,
};

#define PRODUCE_IDEMPOTENCY_BYTES 80u

/* What a body is, to who filled it. */
struct produce_batch {
    uint32_t count;                                  /* events in it */
    struct mono_ns ready_at;                         /* when it could have gone out */
    char idempotency_key[PRODUCE_IDEMPOTENCY_BYTES]; /* "": none. As a header, so printable ASCII */
    const char *key; /* the write key of this one, lent until it is answered; NULL: that of the options */
};

struct produce_client_options {
    const char *url;  /* http://HOST[:PORT][/PREFIX] */
    const char *path; /* after the prefix: "/v1/events" */
    const char *key;  /* a write key, printable ASCII; NULL: none */
    uint32_t connection_count;
    uint32_t body_bytes_max;
    uint32_t answer_bytes_max;
    /* A body of at most body_bytes_max for a connection that is idle; 0: nothing now. */
    uint32_t (*fill)(void *context, char *body, struct produce_batch *out_batch);
    /* It was answered with 200. 64 bytes after the answer are readable. */
    void (*answered)(void *context, const struct produce_batch *batch, struct text answer);
    /*
     * It was refused for good. True: that is settled, go on with the next one; NULL or false: it ends here. The same
     * 64 bytes are readable.
     */
    bool (*refused)(void *context, const struct produce_batch *batch, uint32_t status, struct text answer);
    void *context;
};

struct produce_client_counts {
    uint32_t connected;    /* now */
    uint32_t unanswered;   /* bodies that were filled and are not answered */
    uint32_t in_flight;    /* those of them that are on a connection */
    uint64_t sent;         /* bodies, each time they went out */
    uint64_t again;        /* those of them that had gone out before */
    uint64_t lost;         /* connections that had been there, and ended with a body on them */
    uint64_t later;        /* answers "later" */
    uint32_t status_later; /* the last of them */
};

struct produce_client;

/* Boot. Looks the host up. `problem` has PRODUCE_PROBLEM_BYTES. PRODUCE_CLIENT_REFUSED, -ENOMEM, ... */
MUST_USE int produce_client_open(const struct produce_client_options *options,
                                 struct produce_client **out_client, char *problem);
/* NULL is nothing to do. */
void produce_client_close(struct produce_client *client);

/* Sends and receives what can be, and waits until something happens, or `until`. PRODUCE_CLIENT_REFUSED. */
MUST_USE int produce_client_turn(struct produce_client *client, struct mono_ns until);

struct produce_client_counts produce_client_counts(const struct produce_client *client);
/* After PRODUCE_CLIENT_REFUSED. */
const char *produce_client_problem(const struct produce_client *client);
/* The clock of everything here. */
struct mono_ns produce_client_now(void);
