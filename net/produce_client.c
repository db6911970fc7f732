/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/*
 *              connect             connected                 sent
 *   CLOSED ------------> CONNECTING ------> READY --> SENDING ---> WAITING
 *     ^  due_at                               ^  fill()              |
 *     |                                       +---- 200 -------------+
 *     |  lost, from anywhere                  +-- PAUSED <-- later --+
 *
 * A body belongs to its connection from fill() to its 200, whatever happens to the socket. Descriptors are in the
 * epoll set edge-triggered and for both directions, once, so that a request costs a send, a receive and its share of
 * an epoll_wait.
 */

#define HEAD_BYTES_MAX 2048u
#define ANSWER_PADDING 64u
#define HOST_BYTES_MAX 256u
#define EVENTS_A_TURN 256
#define BACKOFF_NS_MIN (50 * NS_PER_MS)
#define BACKOFF_NS_MAX (1000 * NS_PER_MS)
#define PAUSE_S_MAX 30u
#define PATIENCE_NS (30 * NS_PER_S) /* with a connection or an answer */

enum state {
    STATE_CLOSED,
    STATE_CONNECTING,
    STATE_READY,
    STATE_SENDING,
    STATE_WAITING,
    STATE_PAUSED,
};

struct connection {
    int fd;
    enum state state;
    bool has_body;
    bool was_sent;         /* the body, in full, at least once */
    struct mono_ns due_at; /* CLOSED, PAUSED: go on; else, but for READY: give up */
    uint64_t backoff_ns;
    struct addrinfo *address;
    struct produce_batch batch;
    char *request; /* HEAD_BYTES_MAX, then the body: the head ends where the body begins */
    uint32_t request_begin;
    uint32_t request_end;
    uint32_t request_sent; /* from request_begin on */
    char *answer;
    uint32_t answer_bytes;
};

struct produce_client {
    struct produce_client_options options;
    struct produce_client_counts counts;
    struct addrinfo *addresses;
    char host[HOST_BYTES_MAX];
    char port[8];
    char prefix[HOST_BYTES_MAX];
    int epoll;
    struct connection *connections;
    char *buffers;
    bool is_refused;
    char problem[PRODUCE_PROBLEM_BYTES];
};

/* The head of an answer. */
struct answer {
    uint32_t status;
    uint32_t head_bytes;
    uint32_t body_bytes;
    uint32_t retry_after_s; /* 0: not said */
    bool has_length;
    bool is_last; /* on this connection */
};

struct mono_ns
produce_client_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct mono_ns){.ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

PRINTF_LIKE(2, 3)
static void
refuse(struct produce_client *client, const char *format, ...)
{
    va_list arguments;

    if (!client->is_refused) {
        va_start(arguments, format);
        vsnprintf(client->problem, sizeof(client->problem), format, arguments);
        va_end(arguments);
    }
    client->is_refused = true;
}

/* http://HOST[:PORT][/PREFIX]; an IPv6 host is in brackets. */
static bool
read_url(struct produce_client *client)
{
    static const char scheme[] = "http://";
    const char *url = client->options.url;
    const char *at = url + sizeof(scheme) - 1;
    const char *host_end;
    const char *end;
    const char *path;
    char port_end;
    unsigned port = 80;

    if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0) {
        refuse(client, "%s: the URL must begin with http:// (TLS is not for the producer)", url);
        return false;
    }
    path = at + strcspn(at, "/?#");
    end = path;
    host_end = at + strcspn(at, ":/?#");
    if (*at == '[') {
        at++;
        host_end = at + strcspn(at, "]/?#");
        if (*host_end != ']') {
            refuse(client, "%s: the bracket of the address does not close", url);
            return false;
        }
    }
    const char *colon = *host_end == ']' ? host_end + 1 : host_end;
    if (host_end == at || host_end - at >= (ptrdiff_t)sizeof(client->host) ||
        memchr(at, '@', (size_t)(end - at)) ||
        (colon != end && (sscanf(colon, ":%5u%c", &port, &port_end) != (*end == '\0' ? 1 : 2))) ||
        port == 0 || port > 65535 || *path == '?' || *path == '#' || strpbrk(path, "?# ") != NULL ||
        strlen(path) >= sizeof(client->prefix)) {
        refuse(client, "%s: not a URL of the form http://HOST:PORT", url);
        return false;
    }
    snprintf(client->host, sizeof(client->host), "%.*s", (int)(host_end - at), at);
    snprintf(client->port, sizeof(client->port), "%u", port);
    snprintf(client->prefix, sizeof(client->prefix), "%s", path);
    while (client->prefix[0] != '\0' && client->prefix[strlen(client->prefix) - 1] == '/') {
        client->prefix[strlen(client->prefix) - 1] = '\0';
    }
    return true;
}

int
produce_client_open(const struct produce_client_options *options, struct produce_client **out_client,
                    char *problem)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    uint64_t request_bytes = HEAD_BYTES_MAX + options->body_bytes_max;
    uint64_t each_bytes =
        align_up(request_bytes + options->answer_bytes_max + ANSWER_PADDING, CACHE_LINE_BYTES);
    struct produce_client *client;
    int r;

    REQUIRE(options->connection_count > 0);
    REQUIRE(options->connection_count <= PRODUCE_CONNECTION_COUNT_MAX);
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return fault_new(-ENOMEM);
    }
    client->options = *options;
    client->epoll = -1;
    r = PRODUCE_CLIENT_REFUSED;
    if (!read_url(client)) {
        goto fail;
    }
    int looked_up = getaddrinfo(client->host, client->port, &hints, &client->addresses);
    if (looked_up != 0) {
        refuse(client, "%s: %s", client->host, gai_strerror(looked_up));
        goto fail;
    }
    client->connections = calloc(options->connection_count, sizeof(*client->connections));
    client->buffers = malloc(options->connection_count * each_bytes);
    if (client->connections == NULL || client->buffers == NULL) {
        r = fault_new(-ENOMEM);
        goto fail;
    }
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll < 0) {
        r = fault_new(-errno);
        goto fail;
    }
    for (uint32_t i = 0; i < options->connection_count; i++) {
        char *buffer = client->buffers + i * each_bytes;

        client->connections[i] = (struct connection){
            .fd = -1,
            .address = client->addresses,
            .request = buffer,
            .answer = buffer + request_bytes,
        };
    }
    *out_client = client;
    return 0;

fail:
    snprintf(problem, PRODUCE_PROBLEM_BYTES, "%s", client->problem);
    produce_client_close(client);
    return r < 0 ? fault_up(r) : r;
}

void
produce_client_close(struct produce_client *client)
{
    if (client == NULL) {
        return;
    }
    for (uint32_t i = 0; client->epoll >= 0 && i < client->options.connection_count; i++) {
        if (client->connections[i].fd >= 0) {
            close(client->connections[i].fd);
        }
    }
    if (client->epoll >= 0) {
        close(client->epoll);
    }
    if (client->addresses != NULL) {
        freeaddrinfo(client->addresses);
    }
    free(client->connections);
    free(client->buffers);
    free(client);
}

/* Ends the socket, keeps the body. The first time it comes back at once, then slower. */
static void
lose(struct produce_client *client, struct connection *connection)
{
    if (connection->state > STATE_CONNECTING) {
        client->counts.connected--;
        client->counts.lost += connection->has_body;
    } else {
        connection->address =
            connection->address->ai_next != NULL ? connection->address->ai_next : client->addresses;
    }
    if (connection->fd >= 0) {
        close(connection->fd); /* leaves the epoll set by itself */
    }
    connection->fd = -1;
    connection->state = STATE_CLOSED;
    connection->due_at.ns = produce_client_now().ns + connection->backoff_ns;
    connection->backoff_ns = connection->backoff_ns == 0 ? BACKOFF_NS_MIN : connection->backoff_ns * 2;
    if (connection->backoff_ns > BACKOFF_NS_MAX) {
        connection->backoff_ns = BACKOFF_NS_MAX;
    }
}

static void
send_more(struct produce_client *client, struct connection *connection)
{
    while (connection->request_sent < connection->request_end) {
        ssize_t sent = send(connection->fd, connection->request + connection->request_sent,
                            connection->request_end - connection->request_sent, MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno != EAGAIN) {
                lose(client, connection);
            }
            return;
        }
        connection->request_sent += (uint32_t)sent;
    }
    connection->state = STATE_WAITING;
    connection->was_sent = true;
}

static void
send_request(struct produce_client *client, struct connection *connection)
{
    client->counts.sent++;
    client->counts.again += connection->was_sent;
    connection->request_sent = connection->request_begin;
    connection->answer_bytes = 0;
    connection->state = STATE_SENDING;
    connection->due_at.ns = produce_client_now().ns + PATIENCE_NS;
    send_more(client, connection);
}

/* The head goes right before the body. */
static void
write_head(struct produce_client *client, struct connection *connection, uint32_t body_bytes)
{
    bool is_v6 = strchr(client->host, ':') != NULL;
    const char *key = connection->batch.key != NULL ? connection->batch.key : client->options.key;
    const char *once = connection->batch.idempotency_key;
    char head[HEAD_BYTES_MAX * 2];
    int bytes = snprintf(
        head, sizeof(head),
        "POST %s%s HTTP/1.1\r\n"
        "Host: %s%s%s:%s\r\n"
        "%s%s%s%s%s%s"
        "Content-Type: application/x-ndjson\r\n"
        "Content-Length: %u\r\n\r\n",
        client->prefix, client->options.path, is_v6 ? "[" : "", client->host, is_v6 ? "]" : "", client->port,
        key != NULL ? "X-Write-Key: " : "", key != NULL ? key : "", key != NULL ? "\r\n" : "",
        once[0] != '\0' ? "Idempotency-Key: " : "", once, once[0] != '\0' ? "\r\n" : "", body_bytes);

    if (bytes < 0 || (uint32_t)bytes > HEAD_BYTES_MAX) {
        refuse(client, "%s: too long", client->options.url);
        bytes = 0;
    }
    connection->request_begin = HEAD_BYTES_MAX - (uint32_t)bytes;
    connection->request_end = HEAD_BYTES_MAX + body_bytes;
    memcpy(connection->request + connection->request_begin, head, (uint32_t)bytes);
}

/* False: there is nothing now, for this connection or another. */
static bool
ask_for_body(struct produce_client *client, struct connection *connection)
{
    uint32_t bytes;

    connection->batch.idempotency_key[0] = '\0';
    connection->batch.key = NULL;
    bytes = client->options.fill(client->options.context, connection->request + HEAD_BYTES_MAX,
                                 &connection->batch);

    REQUIRE(bytes <= client->options.body_bytes_max);
    if (bytes > 0) {
        connection->has_body = true;
        connection->was_sent = false;
        client->counts.unanswered++;
        write_head(client, connection, bytes);
        send_request(client, connection);
    }
    return bytes > 0;
}

static void
connected(struct produce_client *client, struct connection *connection)
{
    client->counts.connected++;
    connection->state = STATE_READY;
    if (connection->has_body) {
        send_request(client, connection);
    }
}

static void
begin_connecting(struct produce_client *client, struct connection *connection)
{
    const struct addrinfo *address = connection->address;
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    int on = 1;

    connection->state = STATE_CONNECTING;
    connection->due_at.ns = produce_client_now().ns + PATIENCE_NS;
    connection->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) {
        lose(client, connection);
        return;
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if ((connect(connection->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, connection->fd, &wanted) != 0) {
        lose(client, connection);
    }
}

/* True and the value when the header has this name. */
static bool
header_is(struct text line, struct text name, struct text *out_value)
{
    uint32_t at = name.bytes;

    if (line.bytes <= at || line.data[at] != ':' || strncasecmp(line.data, name.data, name.bytes) != 0) {
        return false;
    }
    do {
        at++;
    } while (at < line.bytes && (line.data[at] == ' ' || line.data[at] == '\t'));
    *out_value = (struct text){.data = line.data + at, .bytes = line.bytes - at};
    return true;
}

/* Digits, and nothing over 1e9. */
static bool
read_number(struct text text, uint32_t *out_number)
{
    uint32_t number = 0;
    uint32_t i;

    for (i = 0; i < text.bytes && text.data[i] >= '0' && text.data[i] <= '9' && i < 9; i++) {
        number = number * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (i == 0 || (i < text.bytes && text.data[i] != ' ')) {
        return false;
    }
    *out_number = number;
    return true;
}

/* False: not whole yet, or refused. */
static bool
read_head(struct produce_client *client, const struct connection *connection, struct answer *out_answer)
{
    struct text all = {.data = connection->answer, .bytes = connection->answer_bytes};
    const char *end = all.bytes > 0 ? memmem(all.data, all.bytes, "\r\n\r\n", 4) : NULL;
    const char *line = all.data;
    struct text value;

    if (end == NULL) {
        if (all.bytes == client->options.answer_bytes_max) {
            refuse(client, "the answer's head is longer than %u bytes", all.bytes);
        }
        return false;
    }
    *out_answer = (struct answer){.head_bytes = (uint32_t)(end - all.data) + 4};
    if (all.bytes < 12 || memcmp(line, "HTTP/1.", 7) != 0 ||
        !read_number((struct text){.data = line + 9, .bytes = 3}, &out_answer->status)) {
        refuse(client, "the answer is no HTTP/1.1: %.*s", (int)strcspn(line, "\r\n"), line);
        return false;
    }
    out_answer->is_last = line[7] == '0';
    for (;;) {
        line = (const char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2;
        if (line > end) {
            break;
        }
        const char *line_end = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        struct text header = {.data = line, .bytes = (uint32_t)(line_end - line)};
        if (header_is(header, TEXT("content-length"), &value)) {
            out_answer->has_length = read_number(value, &out_answer->body_bytes);
        } else if (header_is(header, TEXT("retry-after"), &value)) {
            if (!read_number(value, &out_answer->retry_after_s)) {
                out_answer->retry_after_s = 1; /* a date */
            }
        } else if (header_is(header, TEXT("connection"), &value)) {
            out_answer->is_last |= value.bytes == 5 && strncasecmp(value.data, "close", 5) == 0;
        }
    }
    return true;
}

static bool
is_later(uint32_t status)
{
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/* The body stays, and goes out again when the pause is over. */
static void
pause_connection(struct produce_client *client, struct connection *connection, const struct answer *answer)
{
    uint32_t seconds = answer->retry_after_s;

    seconds = seconds == 0 ? 1 : seconds;
    seconds = seconds > PAUSE_S_MAX ? PAUSE_S_MAX : seconds;
    client->counts.later++;
    client->counts.status_later = answer->status;
    connection->was_sent = true;
    connection->state = STATE_PAUSED;
    connection->due_at.ns = produce_client_now().ns + seconds * NS_PER_S;
}

/* True: there is nothing more to do for this body. */
static bool
settle(struct produce_client *client, const struct connection *connection, uint32_t status, struct text body)
{
    const struct produce_client_options *options = &client->options;

    if (status == 200) {
        options->answered(options->context, &connection->batch, body);
        return true;
    }
    return options->refused != NULL && options->refused(options->context, &connection->batch, status, body);
}

static void
take_answer(struct produce_client *client, struct connection *connection, const struct answer *answer)
{
    struct text body = {.data = connection->answer + answer->head_bytes, .bytes = answer->body_bytes};
    bool was_sending = connection->state == STATE_SENDING;
    struct mono_ns due_at;

    connection->backoff_ns = 0;
    if (is_later(answer->status)) {
        pause_connection(client, connection, answer);
    } else if (settle(client, connection, answer->status, body)) {
        connection->has_body = false;
        connection->state = STATE_READY;
        client->counts.unanswered--;
    } else {
        refuse(client, "the server answered %u: %.*s", answer->status,
               (int)(body.bytes > 300 ? 300 : body.bytes), body.data);
        return;
    }
    connection->answer_bytes = 0;
    if (answer->is_last || was_sending) {
        due_at = connection->state == STATE_PAUSED ? connection->due_at : (struct mono_ns){.ns = 0};
        client->counts.lost -= connection->has_body; /* it was not lost: it was said */
        lose(client, connection);
        connection->due_at = due_at;
    }
}

/* Takes the answer from what has arrived, if it is there. */
static void
look_at_answer(struct produce_client *client, struct connection *connection)
{
    struct answer answer;

    while (connection->answer_bytes > 0 && read_head(client, connection, &answer)) {
        if (answer.status >= 100 && answer.status < 200) {
            connection->answer_bytes -= answer.head_bytes;
            memmove(connection->answer, connection->answer + answer.head_bytes, connection->answer_bytes);
            continue;
        }
        if (!answer.has_length && answer.status != 204) {
            refuse(client, "the server answered %u without a Content-Length", answer.status);
            return;
        }
        if (answer.body_bytes > client->options.answer_bytes_max - answer.head_bytes) {
            refuse(client, "the server answered %u with %u bytes, which is too much", answer.status,
                   answer.body_bytes);
            return;
        }
        if (connection->answer_bytes >= answer.head_bytes + answer.body_bytes) {
            take_answer(client, connection, &answer);
        }
        return;
    }
}

static void
receive_more(struct produce_client *client, struct connection *connection)
{
    while (connection->state > STATE_CONNECTING && !client->is_refused) {
        uint32_t room = client->options.answer_bytes_max - connection->answer_bytes;
        ssize_t got = recv(connection->fd, connection->answer + connection->answer_bytes, room, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            lose(client, connection);
            return;
        }
        if (connection->state != STATE_SENDING && connection->state != STATE_WAITING) {
            lose(client, connection); /* nobody asked it */
            return;
        }
        connection->answer_bytes += (uint32_t)got;
        look_at_answer(client, connection);
        if ((uint32_t)got < room) {
            return; /* that was all; if not, there is another edge */
        }
    }
}

static void
handle(struct produce_client *client, struct connection *connection, uint32_t events)
{
    if (connection->state == STATE_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
        int problem = 0;
        socklen_t bytes = sizeof(problem);

        if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &problem, &bytes) != 0 || problem != 0) {
            lose(client, connection);
            return;
        }
        connected(client, connection);
    } else if (connection->state == STATE_SENDING && (events & EPOLLOUT) != 0) {
        send_more(client, connection);
    }
    if (connection->state > STATE_CONNECTING &&
        (events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
        receive_more(client, connection);
    }
    /* The end of the stream has one edge only, and it may have come with the last bytes. */
    if (connection->state > STATE_CONNECTING && (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) {
        lose(client, connection);
    }
}

/* Starts what is due. Linear in connections: few, and each costs a look. Returns when to come back. */
static struct mono_ns
start_due(struct produce_client *client, struct mono_ns until)
{
    struct mono_ns now = produce_client_now();
    bool may_ask = true;

    for (uint32_t i = 0; i < client->options.connection_count && !client->is_refused; i++) {
        struct connection *connection = &client->connections[i];

        if (may_ask && connection->state == STATE_READY && !connection->has_body) {
            may_ask = ask_for_body(client, connection);
        }
        if (connection->state == STATE_READY) {
            continue;
        }
        if (connection->due_at.ns <= now.ns) {
            if (connection->state == STATE_CLOSED) {
                begin_connecting(client, connection);
            } else if (connection->state == STATE_PAUSED) {
                send_request(client, connection);
            } else {
                lose(client, connection);
            }
        }
        until.ns = connection->due_at.ns < until.ns ? connection->due_at.ns : until.ns;
    }
    return until;
}

/* To the microsecond: what is sent late counts as late. */
static struct timespec
wait_of(struct mono_ns until)
{
    uint64_t now = produce_client_now().ns;
    uint64_t wait = until.ns > now ? until.ns - now : 0;

    wait = wait < NS_PER_S ? wait : NS_PER_S;
    return (struct timespec){.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};
}

int
produce_client_turn(struct produce_client *client, struct mono_ns until)
{
    struct epoll_event events[EVENTS_A_TURN];
    struct timespec wait;
    int count;

    until = start_due(client, until);
    if (client->is_refused) {
        return PRODUCE_CLIENT_REFUSED;
    }
    wait = wait_of(until);
    count = epoll_pwait2(client->epoll, events, EVENTS_A_TURN, &wait, NULL);
    for (int i = 0; i < count && !client->is_refused; i++) {
        handle(client, events[i].data.ptr, events[i].events);
    }
    return client->is_refused ? PRODUCE_CLIENT_REFUSED : 0;
}

struct produce_client_counts
produce_client_counts(const struct produce_client *client)
{
    struct produce_client_counts counts = client->counts;

    for (uint32_t i = 0; i < client->options.connection_count; i++) {
        const struct connection *connection = &client->connections[i];

        counts.in_flight += connection->state == STATE_SENDING || connection->state == STATE_WAITING;
    }
    return counts;
}

const char *
produce_client_problem(const struct produce_client *client)
{
    return client->problem;
}
