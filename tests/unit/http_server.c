/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"
#include "storage/recovery.h"
#include "tests/check.h"

/* A node of one shard on a real disk, in the thread of the test, which is also its client. */

#define PATIENCE_NS (20 * NS_PER_S)
#define ANSWER_BYTES_MAX (4u << 20)

static char directory[64];
static struct disk *disk;
static struct settings settings;
static struct node node;
static struct shard shard;
static struct metrics metrics;
static struct http_shared shared;
static struct http_server *server;
static uint16_t port;
static bool is_kept_starting;

static char answer[ANSWER_BYTES_MAX];
static uint32_t answer_bytes;
static bool is_closed; /* by the server */

static uint64_t
dice(void *context)
{
    static uint64_t number = 4711;

    (void)context;
    number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
    return number;
}

static void
turn(void)
{
    if (is_kept_starting) {
        atomic_store(&node.words[0].is_ready, false);
    }
    if (!shard_turn(&shard)) {
        env_turn(shard.env, (struct mono_ns){.ns = NS_PER_MS});
    } else {
        env_turn(shard.env, (struct mono_ns){.ns = 0});
    }
}

static void
turns(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        turn();
    }
}

static void
given_a_server(void)
{
    static struct recovery_report report;
    char address[LISTENER_TEXT_BYTES];
    char problem[LISTENER_TEXT_BYTES];
    char reason[128];
    struct env *env;
    int listener;

    snprintf(directory, sizeof(directory), "/tmp/unit_http_server.XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    CHECK_EQ(disk_real_open_buffered(directory, &disk), 0);
    settings_open(&settings);
    CHECK_EQ(node_open(&node, disk,
                       (struct node_options){
                           .shard_count = 1,
                           .partition_count = 2,
                           .slice_count = 2,
                           .rules = {.out_of_orderness_ms = 60000,
                                     .session_gap_ms = 1800000,
                                     .session_horizon_ms = 86400000,
                                     .dedup_events = 65536},
                           .deadline_ns = 5 * NS_PER_S,
                           .dice = dice,
                       },
                       &report),
             0);
    CHECK_EQ(metrics_init(&metrics, &metrics_table), 0);
    CHECK_EQ(env_open(ENV_AUTO, disk, &env, reason), 0);
    CHECK_EQ(shard_open(&shard,
                        (struct shard_options){
                            .node = &node,
                            .id = {.n = 0},
                            .env = env,
                            .metrics = &metrics,
                            .region_bytes = UINT64_C(1) << 30,
                            .segment_bytes = 4u << 20,
                            .block_bytes = 128u << 10,
                        }),
             0);
    shared = (struct http_shared){
        .settings = &settings,
        .node = &node,
        .listen_host = TEXT("127.0.0.1"),
        .io = "io_uring",
        .shard_count = 1,
        .connection_count_max = 32,
        .metrics = {&metrics},
    };
    CHECK_EQ(listener_open(TEXT("127.0.0.1"), 0, 1, &listener, address, problem), 0);
    port = (uint16_t)atoi(strrchr(address, ':') + 1);
    CHECK_EQ(http_server_open(&shard, &shared, listener, &server), 0);
    is_kept_starting = false;
    for (uint64_t end = env_mono(env).ns + PATIENCE_NS; !node_is_ready(&node);) {
        CHECK(env_mono(env).ns < end);
        turn();
    }
}

static int
remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static void
when_it_is_closed(void)
{
    http_server_close(server);
    shard_close(&shard);
    node_close(&node);
    metrics_deinit(&metrics);
    settings_close(&settings);
    disk_real_close(disk);
    CHECK_EQ(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int
dial(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* All of it; the server reads while we write. */
static void
say(int fd, const char *bytes, uint64_t count)
{
    uint64_t end = env_mono(shard.env).ns + PATIENCE_NS;

    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0) {
            if (errno != EAGAIN) {
                return; /* the server would not hear any more */
            }
            CHECK(env_mono(shard.env).ns < end);
            turn();
            continue;
        }
        bytes += sent;
        count -= (uint64_t)sent;
    }
}

/* Turns until `marker` was seen `count` times, or the server closes. */
static void
hear(int fd, const char *marker, uint32_t count)
{
    uint64_t end = env_mono(shard.env).ns + PATIENCE_NS;

    answer_bytes = 0;
    is_closed = false;
    for (;;) {
        ssize_t got = recv(fd, answer + answer_bytes, sizeof(answer) - 1 - answer_bytes, MSG_DONTWAIT);
        uint32_t seen = 0;

        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            is_closed = true;
            return;
        }
        answer_bytes += got > 0 ? (uint32_t)got : 0;
        answer[answer_bytes] = '\0';
        for (const char *at = answer; (at = strstr(at, marker)) != NULL; at++) {
            seen++;
        }
        if (seen >= count) {
            return;
        }
        CHECK(env_mono(shard.env).ns < end);
        turn();
    }
}

static void
hear_one(int fd)
{
    hear(fd, "}", 1);
}

static bool
heard(const char *what)
{
    return strstr(answer, what) != NULL;
}

static void
post(int fd, const char *path, const char *body)
{
    char request[4096];
    int bytes = snprintf(request, sizeof(request),
                         "POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: %zu\r\n\r\n%s", path,
                         strlen(body), body);

    say(fd, request, (uint64_t)bytes);
}

static void
get(int fd, const char *path)
{
    char request[1024];
    int bytes = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n", path);

    say(fd, request, (uint64_t)bytes);
}

static uint64_t
counted(enum metric row)
{
    const struct metrics *sets[] = {&metrics};

    return metrics_value(sets, 1, row);
}

#define ONE_EVENT "{\"event_type\":\"click\",\"user_id\":\"u1\",\"tenant_id\":\"t1\"}"

TEST(what_has_no_door_is_told_so_in_json)
{
    int fd;

    given_a_server();
    fd = dial();
    get(fd, "/nothing");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 404 "));
    CHECK(heard("content-type: application/json"));
    get(fd, "/v1/events/");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 405 "));
    CHECK(heard("allow: POST, OPTIONS"));
    close(fd);
    when_it_is_closed();
}

TEST(while_the_log_is_read_events_are_told_to_wait)
{
    int fd;

    given_a_server();
    is_kept_starting = true;
    fd = dial();
    post(fd, "/v1/events", ONE_EVENT);
    hear_one(fd);
    CHECK(heard("HTTP/1.1 503 "));
    CHECK(heard("retry-after: 1"));
    get(fd, "/readyz");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 503 "));
    CHECK(heard("\"ready\":false"));
    get(fd, "/healthz");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 200 "));
    close(fd);
    when_it_is_closed();
}

TEST(an_event_is_answered_when_it_is_durable)
{
    int fd;

    given_a_server();
    fd = dial();
    post(fd, "/v1/events", ONE_EVENT);
    hear_one(fd);
    CHECK(heard("{\"success\":true,\"accepted\":1,\"duplicates\":0,\"rejected\":[]}"));
    CHECK_EQ(counted(METRIC_INGEST_ACCEPTED), 1);
    CHECK_EQ(counted(METRIC_INGEST_REQUESTS_200), 1);
    CHECK(counted(METRIC_LOG_BLOCKS) > 0);
    post(fd, "/v1/track", "{\"userId\":\"u1\"}");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 401 "));
    post(fd, "/v1/events", "nonsense");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 400 "));
    CHECK(heard("\"success\":false"));
    close(fd);
    when_it_is_closed();
}

TEST(pipelined_requests_are_answered_in_order)
{
    int fd;

    given_a_server();
    fd = dial();
    for (uint32_t i = 0; i < 10; i++) {
        post(fd, "/v1/events", ONE_EVENT);
    }
    get(fd, "/nothing");
    hear(fd, "no such route", 1);
    CHECK_EQ(counted(METRIC_INGEST_ACCEPTED), 10);
    close(fd);
    when_it_is_closed();
}

/* Sends the good one and, cut in two, the bad one; both are answered, and the connection ends. */
static void
check_refused(const char *bad, uint64_t cut, const char *status)
{
    static const char good[] = "POST /v1/m HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
    char bytes[1024];
    int fd = dial();
    int count = snprintf(bytes, sizeof(bytes), "%s%s", good, bad);
    uint64_t first = sizeof(good) - 1 + cut;

    say(fd, bytes, first);
    if (cut % 2 == 0) {
        turns(1);
    }
    say(fd, bytes + first, (uint64_t)count - first);
    hear(fd, "never", 1);
    CHECK(is_closed);
    CHECK(heard("HTTP/1.1 200 "));
    CHECK(heard(status));
    CHECK(heard("Content-Type: application/json\r\n"));
    CHECK(strstr(answer, "no such route") == NULL);
    close(fd);
}

TEST(a_bad_head_behind_a_good_request_is_refused_however_it_is_cut)
{
    static const struct {
        const char *bad;
        const char *status;
    } rows[] = {
        {"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nGET /a HTTP/1.1\r\n",
         "HTTP/1.1 400 "},
        {"POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
         "HTTP/1.1 400 "},
        {"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 17000000\r\n\r\n", "HTTP/1.1 413 "},
        {"nonsense\r\n", "HTTP/1.1 400 "},
    };

    given_a_server();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        for (uint64_t cut = 0; cut <= strlen(rows[i].bad); cut++) {
            check_refused(rows[i].bad, cut, rows[i].status);
        }
    }
    when_it_is_closed();
}

TEST(good_requests_in_a_row_are_answered_however_they_are_cut)
{
    static const char row[] =
        "POST /v1/m HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"
        "GET http://localhost/healthz HTTP/1.1\r\nhost: b\r\n\r\n"
        "POST /v1/m HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;x\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
        "\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

    given_a_server();
    for (uint64_t cut = 0; cut < sizeof(row); cut += 3) {
        int fd = dial();

        say(fd, row, cut);
        turns(cut % 3);
        say(fd, row + cut, sizeof(row) - 1 - cut);
        hear(fd, "HTTP/1.1 200 ", 4);
        CHECK(!is_closed);
        close(fd);
    }
    when_it_is_closed();
}

TEST(what_a_client_sent_before_it_left_counts)
{
    int fd;

    given_a_server();
    fd = dial();
    post(fd, "/v1/events", ONE_EVENT);
    close(fd);
    for (uint64_t end = env_mono(shard.env).ns + PATIENCE_NS;
         counted(METRIC_INGEST_ACCEPTED) == 0 || counted(METRIC_OPEN_CONNECTIONS) > 0;) {
        CHECK(env_mono(shard.env).ns < end);
        turn();
    }
    CHECK_EQ(shard.arenas.bytes_taken, 0);
    when_it_is_closed();
}

TEST(a_body_over_the_limit_is_read_before_it_is_refused)
{
    static char body[(4u << 20) + 1];
    char head[256];
    int bytes = snprintf(head, sizeof(head),
                         "POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: %zu\r\n\r\n", sizeof(body));
    int fd;

    given_a_server();
    fd = dial();
    memset(body, ' ', sizeof(body));
    say(fd, head, (uint64_t)bytes);
    say(fd, body, sizeof(body));
    hear_one(fd);
    CHECK(heard("HTTP/1.1 413 "));
    CHECK(heard("\"success\":false"));
    post(fd, "/v1/events", ONE_EVENT); /* on the same connection */
    hear_one(fd);
    CHECK(heard("\"accepted\":1"));
    turns(2100); /* a second and more of silence */
    CHECK_EQ(http_shared_body_bytes(&shared), 0);
    close(fd);
    when_it_is_closed();
}

TEST(an_upload_is_cut_when_there_is_no_room_for_bodies)
{
    static char body[1u << 20];
    static const char head[] = "POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n";
    int fd;

    given_a_server();
    settings.net_body_memory_bytes = 512u << 10;
    fd = dial();
    say(fd, head, sizeof(head) - 1);
    say(fd, body, sizeof(body));
    hear(fd, "}", 1);
    CHECK(is_closed || heard("HTTP/1.1 503 ")); /* a reset may overtake the words */
    close(fd);
    for (uint64_t end = env_mono(shard.env).ns + PATIENCE_NS; counted(METRIC_OPEN_CONNECTIONS) > 0;) {
        CHECK(env_mono(shard.env).ns < end);
        turn();
    }
    CHECK_EQ(http_shared_body_bytes(&shared), 0);
    when_it_is_closed();
}

TEST(more_connections_than_allowed_wait_for_others_to_close)
{
    int fds[34];

    given_a_server();
    for (uint32_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial();
    }
    turns(50);
    CHECK_EQ(counted(METRIC_OPEN_CONNECTIONS), 32);
    get(fds[33], "/healthz");
    turns(50);
    for (uint32_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
    hear_one(fds[33]);
    CHECK(heard("HTTP/1.1 200 "));
    for (uint32_t i = 4; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
    when_it_is_closed();
}

TEST(who_holds_connections_open_does_not_keep_others_out)
{
    int fds[32];
    int fd;

    given_a_server();
    for (uint32_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial();
    }
    for (uint64_t end = env_mono(shard.env).ns + 1100 * NS_PER_MS; env_mono(shard.env).ns < end;) {
        turn();
    }
    CHECK_EQ(counted(METRIC_OPEN_CONNECTIONS), 32);
    fd = dial();
    get(fd, "/healthz");
    hear_one(fd);
    CHECK(heard("HTTP/1.1 200 "));
    CHECK_EQ(counted(METRIC_OPEN_CONNECTIONS), 32);
    close(fd);
    for (uint32_t i = 0; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
    when_it_is_closed();
}

TEST(http_2_is_not_spoken)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    int fd;

    given_a_server();
    fd = dial();
    say(fd, preface, sizeof(preface) - 1);
    hear(fd, "Bad Request\r\n", 1);
    CHECK(heard("HTTP/1.1 400 "));
    close(fd);
    when_it_is_closed();
}

TEST(a_node_that_stops_finishes_what_it_has_and_rests)
{
    int late;
    int fd;

    given_a_server();
    fd = dial();
    late = dial();
    get(late, "/healthz");
    hear_one(late);
    CHECK(!shard.outside_is_at_rest(shard.outside_context));

    post(fd, "/v1/events", ONE_EVENT);
    for (uint64_t end = env_mono(shard.env).ns + PATIENCE_NS; shard.requests_out == 0;) {
        CHECK(env_mono(shard.env).ns < end);
        turn();
    }
    atomic_store(&node.is_stopping, true);
    hear_one(fd);
    CHECK(heard("\"accepted\":1"));
    CHECK(heard("Connection: close"));
    post(late, "/v1/events", ONE_EVENT);
    hear_one(late);
    CHECK(heard("HTTP/1.1 503 "));
    turns(5);
    CHECK(shard.outside_is_at_rest(shard.outside_context));
    close(fd);
    close(late);
    when_it_is_closed();
}
