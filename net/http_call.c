/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include <stdio.h>

#include <netdb.h>

#include "core/json_in.h"
#include "core/json_out.h"
#include "net/field.h"
#include "net/http_h2o.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"

/* A body of 4 MiB of the smallest events is four times that in records, which grow by doubling. */
#define CALL_ARENA_BYTES (64u << 20)

static h2o_req_t *
request_of(const struct http_call *call)
{
    return call->request;
}

static struct text
text_of_iovec(h2o_iovec_t iovec)
{
    return (struct text){.data = iovec.base, .bytes = iovec.base != NULL ? (uint32_t)iovec.len : 0};
}

struct text
http_call_header(const struct http_call *call, struct text name)
{
    const h2o_req_t *request = request_of(call);

    for (size_t i = 0; request != NULL && i < request->headers.size; i++) {
        const h2o_header_t *header = &request->headers.entries[i];

        if (header->name->len == name.bytes && memcmp(header->name->base, name.data, name.bytes) == 0) {
            return text_of_iovec(header->value);
        }
    }
    return (struct text){.bytes = 0};
}

/* The last one: what stands before it, anybody may have said. */
static struct text
last_of(struct text list)
{
    const char *comma = list.bytes > 0 ? memrchr(list.data, ',', list.bytes) : NULL;
    uint32_t skipped = comma != NULL ? (uint32_t)(comma - list.data) + 1 : 0;

    return field_trim((struct text){.data = list.data + skipped, .bytes = list.bytes - skipped});
}

struct text
http_call_address(struct http_call *call)
{
    h2o_req_t *request = request_of(call);
    struct sockaddr_storage address;
    char said[NI_MAXHOST];
    socklen_t bytes;

    if (call->shared->settings->net_trust_forwarded_for) {
        return last_of(http_call_header(call, TEXT("x-forwarded-for")));
    }
    if (request == NULL) {
        return (struct text){.bytes = 0};
    }
    bytes = request->conn->callbacks->get_peername(request->conn, (struct sockaddr *)&address);
    if (bytes == 0 || getnameinfo((const struct sockaddr *)&address, bytes, said, sizeof(said), NULL, 0,
                                  NI_NUMERICHOST) != 0) {
        return (struct text){.bytes = 0};
    }
    return arena_text(&call->arena, text_of(said));
}

/* ---- The end of a call. ---- */

static void
forget_if_over(struct http_call *call)
{
    struct arena arena;

    if (call->request != NULL || call->held_count > 0 || call->is_queued) {
        return;
    }
    call->server->call_count--;
    arena = call->arena; /* the call itself is in it */
    arena_reset(&arena);
}

bool
http_call_is_overloaded(const struct http_call *call)
{
    uint64_t body_memory = call->shared->settings->net_body_memory_bytes;

    /* Uploads are cut at the limit, so they may fill it; what has come whole goes on for an eighth more. */
    http_server_note_arenas(call->shard, call->shared); /* this turn's too */
    return http_shared_request_bytes(call->shared) > body_memory + body_memory / 8;
}

void
http_call_hold(struct http_call *call)
{
    call->held_count++;
}

void
http_call_let_go(struct http_call *call)
{
    ASSERT(call->held_count > 0);
    call->held_count--;
    forget_if_over(call);
}

/*
 * While a request is worked on h2o takes its connection out of epoll, and puts it back afterwards: two system calls a
 * request, as much as its reading and writing. So we listen in the meantime, without reading (the body is in the
 * buffer that reading would move), and only if something does come the connection is taken out.
 */
static void
something_came(h2o_socket_t *socket, const char *problem)
{
    (void)problem;
    h2o_socket_read_stop(socket);
}

static void
listen_meanwhile(h2o_socket_t *socket)
{
    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, something_came);
}

/* Lives in the pool of a request. */
struct call_hook {
    struct http_call *call;
};

/* h2o: the request is over, one way or the other. */
static void
request_is_over(void *memory)
{
    struct call_hook *hook = memory;
    struct http_call *call = hook->call;
    struct http_connection *connection = call->connection;

    h2o_socket_dont_read(connection->socket, 0);
    http_gate_call_is_over(connection);
    connection->call = NULL;
    connection->answered = (struct mono_ns){.ns = 0};
    connection->is_acked = false;
    connection->since = call->shard->now;
    call->request = NULL;
    call->connection = NULL;
    call->query = call->host = call->body = call->route.key = (struct text){.bytes = 0};

    http_call_hold(call); /* `gone` may let go */
    if (!call->is_answered && call->gone != NULL) {
        call->gone(call);
    }
    http_call_let_go(call);
}

/* ---- Answers. ---- */

static const char *
reason_of(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return "Error";
    }
}

/* Borrows both until the request is over. */
static void
add_header(h2o_req_t *request, struct text name, struct text value)
{
    h2o_add_header_by_str(&request->pool, &request->res.headers, name.data, name.bytes, 0, NULL, value.data,
                          value.bytes);
}

static void
add_retry_after(h2o_req_t *request, uint32_t seconds)
{
    char said[16];
    int bytes = snprintf(said, sizeof(said), "%u", seconds);
    h2o_iovec_t value = h2o_strdup(&request->pool, said, (size_t)bytes);

    add_header(request, TEXT("retry-after"), text_of_iovec(value));
}

/* Mirrors: a wildcard would cover neither credentials nor the header Authorization. */
static void
add_cors(struct http_call *call, h2o_req_t *request)
{
    struct text origin = http_call_header(call, TEXT("origin"));
    struct text headers = http_call_header(call, TEXT("access-control-request-headers"));

    if (!http_route_has_cors(&call->route) || origin.bytes == 0) {
        return;
    }
    add_header(request, TEXT("access-control-allow-origin"), origin);
    add_header(request, TEXT("access-control-allow-credentials"), TEXT("true"));
    add_header(request, TEXT("vary"), TEXT("Origin"));
    add_header(request, TEXT("access-control-expose-headers"), TEXT("Retry-After")); /* SDKs keep to it */
    if (call->method == HTTP_OPTIONS) {
        add_header(request, TEXT("access-control-allow-methods"), TEXT("GET,POST,HEAD,OPTIONS"));
        add_header(request, TEXT("access-control-max-age"), TEXT("86400"));
        if (headers.bytes > 0) {
            add_header(request, TEXT("access-control-allow-headers"), headers);
        }
    }
}

static void
count_answer(const struct http_call *call, int status)
{
    if (call->route.door == HTTP_DOOR_INGEST && call->method == HTTP_POST && call->shard->metrics != NULL) {
        metrics_add(call->shard->metrics, metrics_ingest_status(status), 1);
    }
}

void
http_call_answer(struct http_call *call, const struct http_answer *answer)
{
    static h2o_generator_t generator = {NULL, NULL};
    const char *content_type = answer->content_type != NULL ? answer->content_type : "application/json";
    h2o_req_t *request = request_of(call);
    h2o_iovec_t body = h2o_iovec_init(answer->body.data, answer->body.bytes);
    struct http_connection *connection = call->connection;

    REQUIRE(!call->is_answered);
    call->is_answered = true;
    count_answer(call, answer->status);
    if (request == NULL) {
        return;
    }
    connection->answered = call->shard->now;
    request->res.status = answer->status;
    request->res.reason = reason_of(answer->status);
    request->res.content_length = answer->body.bytes;
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                   strlen(content_type));
    if (answer->is_busy || answer->wait_s > 0) {
        add_retry_after(request, answer->is_busy ? 1 : answer->wait_s);
    }
    if (answer->status == 401) { /* Basic would make browsers ask their user */
        add_header(request, TEXT("www-authenticate"), TEXT("Bearer"));
    }
    if (answer->allow != NULL) {
        add_header(request, TEXT("allow"), text_of(answer->allow));
    }
    add_cors(call, request);
    if (atomic_load_explicit(&call->shared->node->is_stopping, memory_order_relaxed)) {
        request->http1_is_persistent = 0;
    }
    h2o_start_response(request, &generator);
    h2o_send(request, &body, call->method == HTTP_HEAD || body.len == 0 ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void
http_call_refuse(struct http_call *call, int status, struct text why)
{
    struct json_out out;
    struct text body;

    json_out_init(&out, &call->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("success"));
    json_out_bool(&out, false);
    json_out_key(&out, TEXT("error"));
    json_out_text(&out, why);
    json_out_object_end(&out);
    body = json_out_finish(&out);
    if (body.data == NULL) {
        body = TEXT("{\"success\":false,\"error\":\"no memory for this request\"}");
    }
    http_call_answer(call, &(struct http_answer){.status = status, .body = body, .is_busy = status == 503});
}

/* ---- The queue. ---- */

void
http_call_queue(struct http_call *call, enum step (*step)(struct http_call *call, struct mono_ns until))
{
    struct http_server *server = call->server;

    REQUIRE(!call->is_queued);
    call->step = step;
    call->is_queued = true;
    call->next_queued = NULL;
    if (server->last_queued != NULL) {
        server->last_queued->next_queued = call;
    } else {
        server->first_queued = call;
    }
    server->last_queued = call;
}

bool
http_call_work(struct http_server *server, struct mono_ns until)
{
    while (server->first_queued != NULL) {
        struct http_call *call = server->first_queued;

        if (call->step(call, until) == STEP_MORE) {
            return true;
        }
        server->first_queued = call->next_queued;
        if (server->first_queued == NULL) {
            server->last_queued = NULL;
        }
        call->is_queued = false;
        forget_if_over(call);
        if (env_mono(server->shard->env).ns >= until.ns) {
            break;
        }
    }
    return server->first_queued != NULL;
}

struct normaliser *
http_call_normaliser(struct http_call *call)
{
    REQUIRE(call->server->first_queued == call);
    return call->server->normaliser;
}

/* ---- The beginning. ---- */

static void
open_door(struct http_call *call)
{
    if (call->route.door == HTTP_DOOR_NONE) {
        http_call_refuse(call, 404, TEXT("no such route"));
        return;
    }
    if (!http_route_allows(&call->route, call->method)) {
        http_call_answer(call,
                         &(struct http_answer){
                             .status = 405,
                             .body = TEXT("{\"success\":false,\"error\":\"this route has no such method\"}"),
                             .allow = http_route_methods(&call->route),
                         });
        return;
    }
    if (call->method == HTTP_OPTIONS) {
        http_call_answer(call, &(struct http_answer){.status = 200, .body = TEXT("{}")});
        return;
    }
    if (http_route_needs_token(&call->route) && !http_access_reader(call)) {
        return;
    }
    switch (call->route.door) {
    case HTTP_DOOR_INGEST:
        http_ingest_open(call);
        return;
    case HTTP_DOOR_GRAPHQL:
        http_graphql_open(call);
        return;
    case HTTP_DOOR_SEGMENT_SETTINGS:
    case HTTP_DOOR_RUDDER_CONFIG:
        http_sdk_open(call);
        return;
    case HTTP_DOOR_NONE:
    case HTTP_DOOR_DROP:
    case HTTP_DOOR_METRICS:
    case HTTP_DOOR_HEALTH:
    case HTTP_DOOR_READY:
        http_status_open(call);
        return;
    }
}

/* Parsers read a little past the end: what is there is still the connection's buffer, if it is long enough. */
static bool
is_padded(const h2o_socket_t *socket, h2o_iovec_t entity)
{
    const h2o_buffer_t *input = socket->input;
    const char *end = entity.base + entity.len;

    return input->bytes != NULL && end >= input->_buf &&
           end + JSON_IN_PADDING <= input->_buf + input->capacity;
}

static struct http_call *
new_call(struct http_server *server)
{
    struct arena arena;
    struct http_call *call;

    arena_init(&arena, &server->shard->arenas, CALL_ARENA_BYTES);
    call = arena_take_zero(&arena, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->arena = arena;
    call->server = server;
    call->shared = server->shared;
    call->shard = server->shard;
    call->begun = server->shard->now;
    server->call_count++;
    return call;
}

static void
split_query(struct text *path, struct text *out_query)
{
    const char *mark = path->bytes > 0 ? memchr(path->data, '?', path->bytes) : NULL;

    if (mark != NULL) {
        *out_query =
            (struct text){.data = mark + 1, .bytes = path->bytes - (uint32_t)(mark + 1 - path->data)};
        path->bytes = (uint32_t)(mark - path->data);
    }
}

void
http_call_begin(struct http_server *server, h2o_req_t *request)
{
    h2o_socket_t *socket = request->conn->callbacks->get_socket(request->conn);
    struct http_connection *connection = socket->on_close.data;
    struct http_call *call = new_call(server);
    struct text path = text_of_iovec(request->path);
    struct call_hook *hook;

    if (call == NULL) {
        /* By the path of h2o's own refusals, which makes JSON of it. */
        h2o_req_bind_conf(request, request->hostconf, &request->hostconf->fallback_path);
        h2o_send_error_503(request, "Service Unavailable", "", H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return;
    }
    hook = h2o_mem_alloc_shared(&request->pool, sizeof(*hook), request_is_over);
    hook->call = call;
    call->request = request;
    call->connection = connection;
    connection->call = call;
    http_connection_count(connection);
    http_gate_look_ahead(connection, request);

    call->method = http_method_of(text_of_iovec(request->method));
    /* h2o fills in its own name where the client gave none. */
    if (request->authority.base != request->hostconf->authority.hostport.base) {
        call->host = text_of_iovec(request->authority);
    }
    (void)http_head_split_target(&path, &call->host);
    split_query(&path, &call->query);
    call->route = http_route_find(path);
    call->body = text_of_iovec(request->entity);
    call->is_body_padded = call->body.bytes > 0 && is_padded(socket, request->entity);
    http_call_hold(call);
    open_door(call);
    if (!call->is_answered) {
        listen_meanwhile(socket);
    }
    http_call_let_go(call);
}
