/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log_line.h"
#include "net/http_h2o.h"
#include "net/normaliser.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"

/*
 * What h2o does not do and is done here, a few connections a turn (look_after()):
 *   - it has no timeout for a client that does not read its answer;
 *   - it does not know a limit for all bodies together.
 */

/* A client that takes less of its answer in net.write_timeout holds memory for nothing. */
#define WRITE_BYTES_MIN (64u << 10)
/* Most answers are gone long before: only then is it worth a system call to ask. */
#define WRITE_LOOK_NS NS_PER_S
/* When the node stops, what has begun to arrive may still arrive. */
#define UPLOAD_GRACE_NS (1 * NS_PER_S)
#define ACCEPTS_AT_ONCE 64u
#define ACCEPT_PAUSE_NS (100 * NS_PER_MS)
#define WORK_NS (300 * NS_PER_US)
#define LOOKED_AFTER_AT_ONCE 64u
#define TICK_NS NS_PER_S
/* To make room for a new connection, one that has waited for less is not broken off. */
#define IDLE_NS_MIN (1 * NS_PER_S)
/* A smaller upload is not cut: it is refused when it has arrived. */
#define CUT_BYTES_MIN (256u << 10)
#define CLOSE_PATIENCE 50 /* turns of 10 ms */

uint64_t
http_shared_body_bytes(const struct http_shared *shared)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < shared->shard_count; i++) {
        /* Relaxed: a limit of memory may be a little late. */
        bytes += atomic_load_explicit(&shared->bodies[i].bytes, memory_order_relaxed);
    }
    return bytes;
}

uint64_t
http_shared_request_bytes(const struct http_shared *shared)
{
    uint64_t bytes = http_shared_body_bytes(shared);

    for (uint32_t i = 0; i < shared->shard_count; i++) {
        bytes += atomic_load_explicit(&shared->bodies[i].arena_bytes, memory_order_relaxed);
    }
    return bytes;
}

uint64_t
http_shared_bytes(const struct http_shared *shared)
{
    uint64_t bytes = http_shared_request_bytes(shared);

    for (uint32_t i = 0; i < shared->shard_count; i++) {
        bytes += atomic_load_explicit(&shared->bodies[i].answer_bytes, memory_order_relaxed);
    }
    return bytes;
}

void
http_server_note_arenas(const struct shard *shard, struct http_shared *shared)
{
    atomic_store_explicit(&shared->bodies[shard->id.n].arena_bytes, shard->arenas.bytes_taken,
                          memory_order_relaxed);
    atomic_store_explicit(&shared->bodies[shard->id.n].answer_bytes, shard->answers.bytes_taken,
                          memory_order_relaxed);
}

const char *
http_shared_why_not(const struct http_shared *shared)
{
    if (atomic_load_explicit(&shared->node->is_stopping, memory_order_relaxed)) {
        return "the node is stopping";
    }
    return node_is_ready(shared->node) ? NULL : "the node is starting: it reads its log";
}

/* ---- Connections. ---- */

static void
note_connections(const struct http_server *server)
{
    if (server->shard->metrics != NULL) {
        metrics_set(server->shard->metrics, METRIC_OPEN_CONNECTIONS, server->connection_count);
    }
}

static void
connection_closed(void *context)
{
    struct http_connection *connection = context;
    struct http_server *server = connection->server;

    ASSERT(connection->call == NULL);
    http_gate_close(connection);
    connection->socket = NULL;
    http_connection_count(connection);
    connection->next->previous = connection->previous;
    connection->previous->next = connection->next;
    if (server->connections == connection) {
        server->connections = connection->next != connection ? connection->next : NULL;
    }
    server->connection_count--;
    note_connections(server);
    free(connection);
}

static bool
add_connection(struct http_server *server, h2o_socket_t *socket)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        return false;
    }
    connection->socket = socket;
    connection->server = server;
    connection->since = server->shard->now;
    if (server->connections != NULL) {
        connection->next = server->connections;
        connection->previous = server->connections->previous;
        connection->next->previous = connection;
        connection->previous->next = connection;
    } else {
        connection->next = connection->previous = connection;
    }
    server->connections = connection;
    server->connection_count++;
    socket->on_close.cb = connection_closed;
    socket->on_close.data = connection;
    note_connections(server);
    return true;
}

/* h2o sees the end of the stream, and closes. */
static void
break_off(struct http_connection *connection)
{
    connection->is_broken = true;
    shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
}

/*
 * Somebody who holds connections open must not keep others out: of some that no request is worked on, the one that
 * has been silent for longest goes, if it has been so for a while. False: there is none.
 */
static bool
make_room(struct http_server *server)
{
    struct http_connection *oldest = NULL;

    for (uint32_t i = 0; i < LOOKED_AFTER_AT_ONCE; i++) {
        struct http_connection *connection = server->connections = server->connections->next;

        if (connection->is_broken) {
            if (http_gate_is_reading(connection)) {
                http_gate_hang_up(connection);
            }
            return true; /* it is gone, or on its way out */
        }
        if (connection->call == NULL && (oldest == NULL || connection->since.ns < oldest->since.ns)) {
            oldest = connection;
        }
    }
    log_warn_seldom("too many connections: silent ones are closed, new ones wait",
                    LOG_UINT("connections", server->connection_count));
    if (oldest == NULL || server->shard->now.ns < oldest->since.ns + IDLE_NS_MIN) {
        return false;
    }
    break_off(oldest);
    return true;
}

static void
pause_accepting(struct http_server *server)
{
    h2o_socket_read_stop(server->listener);
    server->is_paused = true;
    server->resume = (struct mono_ns){.ns = server->shard->now.ns + ACCEPT_PAUSE_NS};
}

static void
on_accept(h2o_socket_t *listener, const char *problem)
{
    struct http_server *server = listener->data;

    if (problem != NULL) {
        return;
    }
    for (uint32_t i = 0; i < ACCEPTS_AT_ONCE; i++) {
        h2o_socket_t *socket;

        if (server->connection_count >= server->shared->connection_count_max) {
            if (i == 0 && !make_room(server)) { /* later on, nobody may be waiting */
                pause_accepting(server);
            }
            return;
        }
        socket = h2o_evloop_socket_accept(listener);
        if (socket == NULL) {
            if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
                log_warn_seldom("cannot accept a connection", LOG_TEXT("why", strerror(errno)));
                pause_accepting(server);
            }
            return;
        }
        if (!add_connection(server, socket)) {
            h2o_socket_close(socket);
            return;
        }
        h2o_accept(&server->accept, socket);
        http_gate_open(socket->on_close.data);
    }
}

/* How much the client has taken so far. */
static uint64_t
acked_bytes(const struct http_connection *connection)
{
    struct tcp_info info = {.tcpi_bytes_acked = 0};
    socklen_t bytes = sizeof(info);

    getsockopt(h2o_socket_get_fd(connection->socket), IPPROTO_TCP, TCP_INFO, &info, &bytes);
    return info.tcpi_bytes_acked;
}

/* A slow client may take its time, one that takes next to nothing may not. */
static void
look_at_writing(struct http_connection *connection)
{
    const struct http_server *server = connection->server;
    uint64_t timeout_ns = (uint64_t)server->shared->settings->net_write_timeout_ms * NS_PER_MS;
    uint64_t wait_ns = !connection->is_acked && WRITE_LOOK_NS < timeout_ns ? WRITE_LOOK_NS : timeout_ns;
    uint64_t bytes;

    if (server->shard->now.ns <= connection->answered.ns + wait_ns) {
        return;
    }
    bytes = acked_bytes(connection);
    if (connection->is_acked && bytes < connection->acked_bytes + WRITE_BYTES_MIN) {
        break_off(connection);
        return;
    }
    connection->is_acked = true;
    connection->acked_bytes = bytes;
    connection->answered = server->shard->now;
}

static void
look_at(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    h2o_socket_t *socket = connection->socket;

    if (connection->is_broken && http_gate_is_reading(connection) &&
        server->shard->now.ns >= connection->linger_end.ns) {
        http_gate_hang_up(connection);
        return;
    }
    http_connection_count(connection);
    if (http_gate_is_reading(connection) && socket->input->size >= CUT_BYTES_MIN &&
        http_shared_bytes(server->shared) > server->shared->settings->net_body_memory_bytes) {
        http_gate_cut(connection);
        return;
    }
    if (connection->answered.ns != 0) {
        look_at_writing(connection);
    }
}

static void
look_after(struct http_server *server)
{
    for (uint32_t i = 0; i < LOOKED_AFTER_AT_ONCE && i < server->connection_count; i++) {
        server->connections = server->connections->next;
        look_at(server->connections);
    }
}

/* ---- Turns. ---- */

/* Work that epoll does not know of. */
static bool
has_own_work(const struct http_server *server)
{
    const h2o_evloop_t *loop = server->loop;

    return server->first_resting != NULL || loop->_statechanged.head != NULL ||
           loop->_pending_as_client != NULL || loop->_pending_as_server != NULL;
}

static uint64_t
timers_due_ms(const struct http_server *server)
{
    return h2o_timeout_get_wake_at(&server->loop->_timeouts);
}

static void
loop_is_ready(void *context)
{
    struct http_server *server = context;

    server->is_ready = true;
}

static void
close_listener(struct http_server *server)
{
    if (server->listener == NULL) {
        return;
    }
    if (!server->is_paused) {
        on_accept(server->listener, NULL); /* who is in the queue would see a reset */
    }
    h2o_socket_close(server->listener);
    server->listener = NULL;
    server->stopped = server->shard->now;
    h2o_context_request_shutdown(&server->context);
}

static void
set_memory(struct shard *shard, const struct keeper_counts *kept)
{
    struct sequencer_memory known = sequencer_memory(shard->sequencer);
    uint64_t used = region_used(&shard->region);
    uint64_t events_bytes = kept->journal_bytes + kept->history_bytes;
    uint64_t told = kept->people_bytes + events_bytes + known.identifiers_bytes + known.duplicates_bytes;

    metrics_set(shard->metrics, METRIC_MEMORY_PROFILES, kept->people_bytes);
    metrics_set(shard->metrics, METRIC_MEMORY_EVENTS, events_bytes);
    metrics_set(shard->metrics, METRIC_MEMORY_IDENTIFIERS, known.identifiers_bytes);
    metrics_set(shard->metrics, METRIC_MEMORY_DUPLICATES, known.duplicates_bytes);
    metrics_set(shard->metrics, METRIC_MEMORY_REST, used > told ? used - told : 0);
}

static void
set_gauges(struct http_server *server)
{
    struct metrics *metrics = server->shard->metrics;

    if (metrics != NULL && server->shard->keeper != NULL) {
        struct keeper_counts counts = keeper_counts(server->shard->keeper);
        metrics_set(metrics, METRIC_PROFILES, counts.profiles);
        set_memory(server->shard, &counts);
    }
}

static void
tick(struct http_server *server, struct mono_ns now)
{
    if (server->is_paused && server->listener != NULL && now.ns >= server->resume.ns) {
        server->is_paused = false;
        h2o_socket_read_start(server->listener, on_accept);
    }
    if (now.ns >= server->tick.ns) {
        server->tick.ns = now.ns + TICK_NS;
        set_gauges(server);
        look_after(server);
    }
}

static bool
turn(void *context, struct mono_ns now)
{
    struct http_server *server = context;
    bool has_more;

    if (atomic_load_explicit(&server->shared->node->is_stopping, memory_order_relaxed)) {
        close_listener(server);
    }
    tick(server, now);
    http_server_note_arenas(server->shard, server->shared);
    if (server->is_ready || has_own_work(server) ||
        timers_due_ms(server) <= (uint64_t)env_wall(server->shard->env).ms) {
        server->is_ready = false;
        http_gate_resume(server);
        h2o_evloop_run(server->loop, 0); /* -1 is a signal, or task work of the ring: nothing is lost */
        http_gate_return(server);
        look_after(server);
    }
    has_more = http_call_work(server, (struct mono_ns){.ns = env_mono(server->shard->env).ns + WORK_NS});
    return has_more || has_own_work(server);
}

static struct mono_ns
turn_due(void *context)
{
    struct http_server *server = context;
    struct mono_ns due = server->tick;
    uint64_t timer_ms = timers_due_ms(server);

    if (server->is_paused && server->resume.ns < due.ns) {
        due = server->resume;
    }
    if (timer_ms != UINT64_MAX) {
        uint64_t now_ms = (uint64_t)env_wall(server->shard->env).ms;
        uint64_t wait_ns = timer_ms > now_ms ? (timer_ms - now_ms) * NS_PER_MS : 0;
        uint64_t timer_ns = env_mono(server->shard->env).ns + wait_ns;

        due.ns = timer_ns < due.ns ? timer_ns : due.ns;
    }
    return due;
}

static bool
is_receiving(const struct http_server *server)
{
    const struct http_connection *connection = server->connections;

    for (uint32_t i = 0; i < server->connection_count; i++, connection = connection->next) {
        if (connection->call == NULL && connection->socket->input->size > 0) {
            return true;
        }
    }
    return false;
}

static bool
is_at_rest(void *context)
{
    const struct http_server *server = context;

    if (server->listener != NULL || server->call_count > 0 || has_own_work(server)) {
        return false;
    }
    return server->shard->now.ns > server->stopped.ns + UPLOAD_GRACE_NS || !is_receiving(server);
}

/* ---- Opening and closing. ---- */

struct door_handler {
    h2o_handler_t super;
    struct http_server *server;
};

static int
on_request(h2o_handler_t *handler, h2o_req_t *request)
{
    http_call_begin(((struct door_handler *)handler)->server, request);
    return 0;
}

/*
 * What h2o refuses by itself (a body over HTTP_BODY_READ_MAX, broken chunks) is plain text there; our clients parse
 * JSON. It comes through the fallback path, which no request of ours takes.
 */
static struct text
refusal_of(const h2o_req_t *request)
{
    switch (request->res.status) {
    case 413:
        return TEXT("{\"success\":false,\"error\":\"body: over the limit\"}");
    case 417:
        return TEXT("{\"success\":false,\"error\":\"Expect: only 100-continue\"}");
    case 503:
        return TEXT("{\"success\":false,\"error\":\"no memory for this request\"}");
    default:
        return TEXT("{\"success\":false,\"error\":\"not a request that HTTP allows\"}");
    }
}

static void
send_refusal(h2o_ostream_t *stream, h2o_req_t *request, h2o_iovec_t *buffers, size_t buffer_count,
             h2o_send_state_t state)
{
    struct text body = refusal_of(request);
    h2o_iovec_t buffer = h2o_iovec_init(body.data, body.bytes);

    (void)buffers;
    h2o_ostream_send_next(stream, request, &buffer, buffer_count > 0 ? 1 : 0, state);
}

static void
make_refusal(h2o_filter_t *filter, h2o_req_t *request, h2o_ostream_t **slot)
{
    ssize_t at = h2o_find_header(&request->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
    h2o_ostream_t *stream = h2o_add_ostream(request, sizeof(*stream), slot);

    (void)filter;
    if (at >= 0) {
        request->res.headers.entries[at].value = h2o_iovec_init(H2O_STRLIT("application/json"));
    }
    request->res.content_length = refusal_of(request).bytes;
    stream->do_send = send_refusal;
    h2o_setup_next_ostream(request, &stream->next);
}

static void
configure(struct http_server *server)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* h2o fills tables of its own the first time */
    h2o_hostconf_t *host;
    h2o_filter_t *filter;
    struct door_handler *handler;

    pthread_mutex_lock(&lock);
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX; /* no files for large buffers */
    h2o_config_init(&server->config);
    server->has_config = true;
    server->config.server_name = h2o_iovec_init(H2O_STRLIT("millrace"));
    server->config.max_request_entity_size = HTTP_BODY_READ_MAX;
    server->config.http1.req_timeout = (uint64_t)server->shared->settings->net_request_timeout_ms;
    server->config.http1.upgrade_to_http2 = 0;
    server->config.http2.callbacks.request_shutdown =
        NULL; /* it starts a timer that the context must not have at its end */
    host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    filter = h2o_create_filter(&host->fallback_path, sizeof(*filter));
    filter->on_setup_ostream = make_refusal;
    handler = (void *)h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(*handler));
    handler->super.on_req = on_request;
    handler->server = server;
    h2o_context_init(&server->context, server->loop, &server->config);
    server->has_context = true;
    pthread_mutex_unlock(&lock);
}

/*
 * The descriptor is in a private struct right behind the public one. If that is ever another one, epoll_ctl says so.
 */
static int
find_loop_fd(struct http_server *server)
{
    struct epoll_event event = {.events = EPOLLIN};
    int probe = eventfd(0, EFD_CLOEXEC);
    int fd;
    int r;

    memcpy(&fd, (const char *)server->loop + sizeof(h2o_evloop_t), sizeof(fd));
    if (probe < 0) {
        return fault_new(-errno);
    }
    r = epoll_ctl(fd, EPOLL_CTL_ADD, probe, &event) == 0 && epoll_ctl(fd, EPOLL_CTL_DEL, probe, NULL) == 0
            ? 0
            : fault_new(-errno);
    close(probe);
    server->loop_fd = fd;
    return r;
}

int
http_server_open(struct shard *shard, struct http_shared *shared, int listener,
                 struct http_server **out_server)
{
    const struct settings *settings = shared->settings;
    struct http_server *server = calloc(1, sizeof(*server));
    int r;

    if (server == NULL) {
        close(listener);
        return fault_new(-ENOMEM);
    }
    server->shard = shard;
    server->shared = shared;
    server->loop = h2o_evloop_create();
    configure(server);
    server->accept = (h2o_accept_ctx_t){.ctx = &server->context, .hosts = server->config.hosts};
    server->listener = h2o_evloop_socket_create(server->loop, listener, H2O_SOCKET_FLAG_DONT_READ);
    server->listener->data = server;
    r = find_loop_fd(server);
    if (r != 0) {
        goto fail;
    }
    r = normaliser_create(settings->identity_blocked.item, settings->identity_blocked.count,
                          settings->ingest_keep_query, (uint32_t)settings->net_body_bytes_max,
                          &server->normaliser);
    if (r != 0) {
        goto fail;
    }
    r = env_watch(shard->env, server->loop_fd, loop_is_ready, server);
    if (r != 0) {
        goto fail;
    }
    h2o_socket_read_start(server->listener, on_accept);
    shard->outside = turn;
    shard->outside_due = turn_due;
    shard->outside_is_at_rest = is_at_rest;
    shard->outside_context = server;
    *out_server = server;
    return 0;

fail:
    http_server_close(server);
    return fault_up(r);
}

void
http_server_close(struct http_server *server)
{
    struct http_connection *connection;

    if (server == NULL) {
        return;
    }
    server->shard->outside = NULL;
    if (server->listener != NULL) {
        h2o_socket_close(server->listener);
    }
    /* h2o has no call for this; it closes what comes to its end. */
    connection = server->connections;
    for (uint32_t i = 0; i < server->connection_count; i++, connection = connection->next) {
        break_off(connection);
    }
    for (int i = 0; i < CLOSE_PATIENCE && (server->connection_count > 0 || has_own_work(server)); i++) {
        http_gate_resume(server);
        h2o_evloop_run(server->loop, 10);
    }
    if (server->connection_count > 0) {
        return; /* at the end of a process; somebody's call is not over */
    }
    h2o_context_dispose(&server->context);
    h2o_config_dispose(&server->config);
    h2o_evloop_run(server->loop, 0);
    close(server->loop_fd);
    h2o_evloop_destroy(server->loop);
    normaliser_destroy(server->normaliser);
    free(server);
}
