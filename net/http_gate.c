/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_h2o.h"

#include <stdio.h>
#include <stdlib.h>

#include <sys/socket.h>

#include "core/log_line.h"
#include "shards/shard.h"

/*
 * h2o reads the socket and calls what stands in socket->_cb.read; that is h2o's own reader of requests, and we put
 * ourselves in front of it: h2o sees a head when it is whole and good, and every byte of a body has been counted, and its
 * frames checked. What is refused is answered here, past h2o: nothing else can be on its way while a request is read.
 *
 *   HEAD --whole and good--> BODY    h2o gets it, and every byte that follows
 *     \--bad--> refused              answered; what still comes is thrown away, until the client closes or LINGER is over
 *
 * h2o puts its reader back when a request is over, and goes on by itself with what the client has sent behind it. So:
 *   1. when a request is whole (http_gate_look_ahead), what is behind it is looked at. A whole good head is left for h2o.
 *      Half a head is taken away, and put back when the request is over; a bad one is dropped and its refusal kept;
 *   2. when it is over, the connection is noted, and after h2o's run we put ourselves in front again (http_gate_return).
 * h2o reads a socket at the beginning of a run only, so no byte comes between.
 *
 * h2o empties every socket that is ready in one run, so a hundred clients that upload as fast as they can would make turns
 * of tens of milliseconds. Whoever had a lot to be read rests afterwards: it is not read before its turn comes, a few in
 * each run, and what it sends meanwhile waits in the kernel, which tells it to wait too (the listener bounds how much).
 */

#define LINGER_NS (2 * NS_PER_S)
#define REST_BYTES_MIN (64u << 10)
#define RESUMED_AT_ONCE 2u

static struct text
input_of(const struct http_connection *connection, uint64_t at)
{
    const h2o_buffer_t *input = connection->socket->input;

    return (struct text){.data = input->bytes + at, .bytes = (uint32_t)(input->size - at)};
}

/* ---- Memory. ---- */

static uint64_t
buffer_bytes(const struct http_connection *connection)
{
    uint64_t bytes = connection->socket != NULL ? connection->socket->input->capacity : 0;

    return bytes > HTTP_BUFFER_BYTES_USUAL ? bytes : 0;
}

void
http_connection_count(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    _Atomic uint64_t *counter = &server->shared->bodies[server->shard->id.n].bytes;
    uint64_t bytes = buffer_bytes(connection);
    uint64_t sum = atomic_load_explicit(counter, memory_order_relaxed);

    if (bytes != connection->counted_bytes) {
        /* Relaxed: a limit of memory may be a little late. */
        atomic_store_explicit(counter, sum + bytes - connection->counted_bytes, memory_order_relaxed);
        connection->counted_bytes = bytes;
    }
}

/* With what has just come. It is cut before that is counted, so that nobody else is refused for it. */
static bool
is_over_budget(const struct http_connection *connection)
{
    const struct http_shared *shared = connection->server->shared;
    uint64_t bytes = buffer_bytes(connection);

    return bytes > 0 && http_shared_bytes(shared) - connection->counted_bytes + bytes >
                            shared->settings->net_body_memory_bytes;
}

/* ---- Refusals. ---- */

static void
throw_input_away(struct http_connection *connection)
{
    h2o_buffer_consume(&connection->socket->input, connection->socket->input->size);
    http_connection_count(connection);
}

/*
 * The client sees the answer even while it is sending: were the socket closed with bytes unread, the kernel would reset
 * the connection, and the answer would be lost with it.
 */
static void
refuse(struct http_connection *connection, const char *status, const char *more, const char *why)
{
    char body[128];
    char answer[384];
    int body_bytes = snprintf(body, sizeof(body), "{\"success\":false,\"error\":\"%s\"}", why);
    int bytes = snprintf(answer, sizeof(answer),
                         "HTTP/1.1 %s\r\nConnection: close\r\n%sContent-Type: application/json\r\n"
                         "Content-Length: %d\r\n\r\n%s",
                         status, more, body_bytes, body);

    (void)!send(h2o_socket_get_fd(connection->socket), answer, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    connection->is_broken = true;
    connection->linger_end.ns = connection->server->shard->now.ns + LINGER_NS;
    shutdown(h2o_socket_get_fd(connection->socket), SHUT_WR);
    throw_input_away(connection);
}

static void
refuse_head(struct http_connection *connection, int answer, const char *why)
{
    static const char *const statuses[] = {
        [HTTP_HEAD_BAD] = "400 Bad Request",
        [HTTP_HEAD_TOO_LONG] = "431 Request Header Fields Too Large",
        [HTTP_HEAD_BODY_LARGE] = "413 Content Too Large",
    };

    refuse(connection, statuses[answer], "", why);
}

void
http_gate_cut(struct http_connection *connection)
{
    log_warn_seldom("an upload was cut: net.body_memory is used up",
                    LOG_UINT("bytes", http_shared_bytes(connection->server->shared)));
    refuse(connection, "503 Service Unavailable", "Retry-After: 1\r\n", "too many bodies are being received");
}

/* ---- Reading. ---- */

/* The frames of the last `bytes` of the input, if the body has any. */
static int
read_chunks(struct http_connection *connection, struct text bytes)
{
    int r;

    if (!connection->head.is_chunked || connection->has_body) {
        return 0;
    }
    r = http_chunks_read(&connection->chunks, bytes);
    connection->has_body = r == 0;
    return r == HTTP_CHUNKS_BAD ? HTTP_HEAD_BAD : 0;
}

/* Of a request that begins at `at`. 0: whole and good, the rest is its body's; or an answer. */
static int
read_head(struct http_connection *connection, uint64_t at)
{
    struct http_head *head = &connection->head;
    int r = http_head_read(head, input_of(connection, at), HTTP_BODY_READ_MAX);

    if (r != 0) {
        return r;
    }
    connection->has_head = true;
    connection->has_body = false;
    http_chunks_begin(&connection->chunks);
    return read_chunks(connection, input_of(connection, at + head->line));
}

static const char *
reason_of(const struct http_connection *connection)
{
    return connection->has_head ? "body: broken chunks" : connection->head.reason;
}

static void
note_for_return(struct http_connection *connection)
{
    if (!connection->is_noted) {
        connection->is_noted = true;
        connection->next_noted = connection->server->noted;
        connection->server->noted = connection;
    }
}

/* Some bytes more have come, or were put back. The connection may be gone afterwards. */
static void
look_at_input(struct http_connection *connection, uint64_t new_bytes)
{
    h2o_socket_t *socket = connection->socket;
    uint64_t size = socket->input->size;
    int r = connection->has_head ? read_chunks(connection, input_of(connection, size - new_bytes))
                                 : read_head(connection, 0);

    if (r == HTTP_HEAD_MORE) {
        return; /* h2o need not try each time */
    }
    if (r != 0) {
        refuse_head(connection, r, reason_of(connection));
        return;
    }
    if (connection->head.has_expectation) {
        note_for_return(connection); /* h2o puts its reader back once it has told the client to go on */
    }
    connection->server->h2o_read(socket, NULL);
}

static void on_read(h2o_socket_t *socket, const char *problem);

/* Unless h2o has taken the reading over, or is about to. */
static void
rest(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    if (connection->socket->_cb.read != on_read || connection->is_noted) {
        return;
    }
    h2o_socket_read_stop(connection->socket);
    connection->is_resting = true;
    connection->next_resting = NULL;
    connection->previous_resting = server->last_resting;
    *(server->last_resting != NULL ? &server->last_resting->next_resting : &server->first_resting) =
        connection;
    server->last_resting = connection;
}

static void
wake(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_connection *next = connection->next_resting;
    struct http_connection *previous = connection->previous_resting;

    connection->is_resting = false;
    *(previous != NULL ? &previous->next_resting : &server->first_resting) = next;
    *(next != NULL ? &next->previous_resting : &server->last_resting) = previous;
}

void
http_gate_resume(struct http_server *server)
{
    for (uint32_t i = 0; i < RESUMED_AT_ONCE && server->first_resting != NULL; i++) {
        struct http_connection *connection = server->first_resting;

        wake(connection);
        h2o_socket_read_start(connection->socket, on_read);
    }
}

/* The connection may be gone afterwards. */
static void
take_bytes(struct http_connection *connection)
{
    if (connection->is_broken) {
        throw_input_away(connection);
        return;
    }
    if (is_over_budget(connection)) {
        http_gate_cut(connection);
        return;
    }
    http_connection_count(connection);
    look_at_input(connection, connection->socket->bytes_read);
}

static void
on_read(h2o_socket_t *socket, const char *problem)
{
    struct http_connection *connection = socket->on_close.data;
    struct http_server *server = connection->server;
    bool is_much = socket->bytes_read >= REST_BYTES_MIN;

    if (problem != NULL) {
        server->h2o_read(socket, problem);
        return;
    }
    server->reading = connection;
    take_bytes(connection);
    if (is_much && server->reading != NULL) {
        rest(connection);
    }
    server->reading = NULL;
}

void
http_gate_open(struct http_connection *connection)
{
    connection->server->h2o_read = connection->socket->_cb.read;
    connection->socket->_cb.read = on_read;
    http_head_begin(&connection->head);
}

/* ---- One request after the other. ---- */

static uint64_t
end_of(const struct http_connection *connection, const h2o_req_t *request)
{
    const h2o_buffer_t *input = connection->socket->input;

    if (request->entity.base != NULL) {
        return (uint64_t)(request->entity.base + request->entity.len - input->bytes);
    }
    return connection->head.line;
}

void
http_gate_look_ahead(struct http_connection *connection, const h2o_req_t *request)
{
    h2o_buffer_t *input = connection->socket->input;
    uint64_t end = end_of(connection, request);
    struct text rest;
    int r;

    connection->has_head = false;
    http_head_begin(&connection->head);
    if (input->size <= end) {
        return;
    }
    rest = input_of(connection, end);
    r = read_head(connection, end);
    if (r == 0) {
        return;
    }
    if (r == HTTP_HEAD_MORE) {
        connection->kept = malloc(rest.bytes);
        if (connection->kept != NULL) {
            memcpy(connection->kept, rest.data, rest.bytes);
            connection->kept_bytes = rest.bytes;
        }
        http_head_begin(&connection->head);
    } else {
        connection->refused = r;
        connection->refused_why = reason_of(connection);
    }
    input->size = end;
}

void
http_gate_call_is_over(struct http_connection *connection)
{
    note_for_return(connection);
}

static void
put_back(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;
    uint32_t bytes = connection->kept_bytes;

    memcpy(h2o_buffer_reserve(&socket->input, bytes).base, connection->kept, bytes);
    socket->input->size += bytes;
    free(connection->kept);
    connection->kept = NULL;
    connection->kept_bytes = 0;
    look_at_input(connection, bytes);
}

static void
stand_in_front(struct http_connection *connection)
{
    connection->socket->_cb.read = on_read;
    if (connection->refused != 0) {
        refuse_head(connection, connection->refused, connection->refused_why);
    } else if (connection->kept != NULL) {
        put_back(connection);
    }
}

void
http_gate_return(struct http_server *server)
{
    struct http_connection **link = &server->noted;

    while (*link != NULL) {
        struct http_connection *connection = *link;
        h2o_socket_cb read = connection->socket->_cb.read;

        if (connection->call == NULL && read == NULL) {
            link = &connection->next_noted; /* 100 (Continue) is still on its way */
            continue;
        }
        *link = connection->next_noted;
        connection->is_noted = false;
        if (read == server->h2o_read) {
            stand_in_front(connection);
        }
    }
}

bool
http_gate_is_reading(const struct http_connection *connection)
{
    return connection->socket->_cb.read == on_read || connection->is_resting;
}

void
http_gate_hang_up(struct http_connection *connection)
{
    REQUIRE(http_gate_is_reading(connection));
    connection->server->h2o_read(connection->socket, h2o_socket_error_closed);
}

void
http_gate_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_connection **link = &server->noted;

    free(connection->kept);
    if (connection->is_resting) {
        wake(connection);
    }
    server->reading = server->reading != connection ? server->reading : NULL;
    if (!connection->is_noted) {
        return;
    }
    while (*link != connection) {
        link = &(*link)->next_noted;
    }
    *link = connection->next_noted;
}
