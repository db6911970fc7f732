/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/check.h"

/*
 * The server is played by the test in the same thread: it listens, the client takes turns, the test reads what came
 * and writes what it likes.
 */

#define BODY_BYTES 2000000u

static struct produce_client *client;
static char problem[PRODUCE_PROBLEM_BYTES];
static int listener = -1;
static int peer = -1;
static uint16_t port;
static uint32_t body_bytes;
static uint32_t bodies_left; /* that fill() will still give */
static uint32_t fill_count;
static uint32_t answer_count;
static char last_answer[256];
static const char *key;
static const char *idempotency_key = "";
static uint32_t settled_status; /* that refused() settles */
static uint32_t refused_count;
static char received[BODY_BYTES + 4096];
static uint32_t received_bytes;

static uint32_t
fill(void *context, char *body, struct produce_batch *out_batch)
{
    (void)context;
    if (bodies_left == 0) {
        return 0;
    }
    bodies_left--;
    memset(body, 'a' + (int)(fill_count++ % 26), body_bytes);
    *out_batch = (struct produce_batch){.count = 1, .ready_at = produce_client_now()};
    snprintf(out_batch->idempotency_key, sizeof(out_batch->idempotency_key), "%s", idempotency_key);
    return body_bytes;
}

static bool
refused(void *context, const struct produce_batch *batch, uint32_t status, struct text answer)
{
    (void)context;
    CHECK_EQ(batch->count, 1);
    CHECK(answer.bytes > 0);
    refused_count++;
    return status == settled_status;
}

static void
answered(void *context, const struct produce_batch *batch, struct text answer)
{
    (void)context;
    CHECK_EQ(batch->count, 1);
    answer_count++;
    snprintf(last_answer, sizeof(last_answer), "%.*s", (int)answer.bytes, answer.data);
}

static void
listen_again(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    socklen_t bytes = sizeof(address);
    int on = 1;

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(listener >= 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CHECK_EQ(bind(listener, (struct sockaddr *)&address, bytes), 0);
    CHECK_EQ(listen(listener, 8), 0);
    CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &bytes), 0);
    port = ntohs(address.sin_port);
}

static int
open_url(const char *url)
{
    produce_client_close(client);
    client = NULL;
    return produce_client_open(
        &(struct produce_client_options){
            .url = url,
            .path = "/v1/events",
            .connection_count = 1,
            .body_bytes_max = BODY_BYTES,
            .answer_bytes_max = 1024,
            .fill = fill,
            .key = key,
            .answered = answered,
            .refused = settled_status > 0 ? refused : NULL,
        },
        &client, problem);
}

static void
drop_peer(void)
{
    if (peer >= 0) {
        close(peer);
    }
    peer = -1;
    received_bytes = 0;
}

static void
given_a_server(uint32_t body_count, uint32_t bytes)
{
    char url[64];

    drop_peer();
    if (listener >= 0) {
        close(listener);
    }
    port = 0;
    listen_again();
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/in/", port);
    fill_count = 0;
    answer_count = 0;
    last_answer[0] = '\0';
    bodies_left = body_count;
    body_bytes = bytes;
    CHECK_EQ(open_url(url), 0);
}

static int
turn(void)
{
    return produce_client_turn(client, (struct mono_ns){.ns = produce_client_now().ns + 5 * NS_PER_MS});
}

/* Turns until a whole request is there; its body's first byte. */
static char
take_request(void)
{
    for (uint32_t i = 0; i < 1000; i++) {
        char *end;
        ssize_t got;

        CHECK_EQ(turn(), 0);
        if (peer < 0) {
            peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            continue;
        }
        got = recv(peer, received + received_bytes, sizeof(received) - 1 - received_bytes, 0);
        received_bytes += got > 0 ? (uint32_t)got : 0;
        received[received_bytes] = '\0';
        end = strstr(received, "\r\n\r\n");
        if (received_bytes > 0 && end != NULL && received + received_bytes == end + 4 + body_bytes) {
            received_bytes = 0;
            return end[4];
        }
    }
    CHECK(false);
    return 0;
}

static void
say(const char *text)
{
    CHECK_EQ(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
turn_until_answered(uint32_t count)
{
    for (uint32_t i = 0; i < 200 && answer_count < count; i++) {
        CHECK_EQ(turn(), 0);
    }
    CHECK_EQ(answer_count, count);
}

static void
check_refused(const char *sentence)
{
    int r = 0;

    for (uint32_t i = 0; i < 200 && r == 0; i++) {
        r = turn();
    }
    CHECK_EQ(r, PRODUCE_CLIENT_REFUSED);
    if (strstr(produce_client_problem(client), sentence) == NULL) {
        CHECK_TEXT(produce_client_problem(client), sentence);
    }
}

TEST(what_is_no_url_is_refused)
{
    static const char *const bad[] = {"127.0.0.1:8080",      "https://127.0.0.1", "http://",
                                      "http://:80",          "http://a:0",        "http://a:65536",
                                      "http://a:8080x",      "http://a:",         "http://a?b",
                                      "http://me:pw@a:8080", "http://[::1",       "http://a/b c"};

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        if (open_url(bad[i]) != PRODUCE_CLIENT_REFUSED) {
            CHECK_TEXT(bad[i], "refused");
        }
        CHECK(problem[0] != '\0');
    }
}

TEST(hosts_may_be_names_and_numbers)
{
    static const char *const good[] = {"http://127.0.0.1", "http://127.0.0.1:8080/", "http://[::1]:8080",
                                       "HTTP://localhost:1/prefix"};

    for (uint32_t i = 0; i < COUNT_OF(good); i++) {
        if (open_url(good[i]) != 0) {
            CHECK_TEXT(good[i], problem);
        }
    }
}

TEST(bodies_go_out_one_after_the_other_on_one_connection)
{
    static const char head[] = "POST /in/v1/events HTTP/1.1\r\nHost: 127.0.0.1:";

    given_a_server(2, 10);
    CHECK_EQ(take_request(), 'a');
    CHECK_BYTES(received, head, sizeof(head) - 1);
    say("HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nyes");
    turn_until_answered(1);
    CHECK_TEXT(last_answer, "yes");
    CHECK_EQ(take_request(), 'b');
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(2);
    CHECK_EQ(produce_client_counts(client).unanswered, 0);
    CHECK_EQ(produce_client_counts(client).again, 0);
}

TEST(a_body_larger_than_the_socket_takes_goes_out_whole)
{
    given_a_server(1, BODY_BYTES);
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    turn_until_answered(1);
}

TEST(an_answer_may_come_byte_by_byte)
{
    static const char answer[] =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

    given_a_server(1, 10);
    take_request();
    for (uint32_t i = 0; i < sizeof(answer) - 1; i++) {
        char one[2] = {answer[i], '\0'};

        CHECK_EQ(answer_count, 0);
        say(one);
        CHECK_EQ(turn(), 0);
    }
    turn_until_answered(1);
    CHECK_TEXT(last_answer, "good");
}

TEST(what_was_not_answered_goes_out_again_when_the_connection_is_lost)
{
    given_a_server(1, 10);
    CHECK_EQ(take_request(), 'a');
    drop_peer();
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 200 OK\r\nContent-Le");
    CHECK_EQ(turn(), 0);
    drop_peer();
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(1);
    CHECK_EQ(fill_count, 1);
    CHECK_EQ(produce_client_counts(client).again, 2);
    CHECK_EQ(produce_client_counts(client).lost, 2);
}

TEST(a_server_that_is_gone_is_waited_for)
{
    given_a_server(1, 10);
    CHECK_EQ(take_request(), 'a');
    close(listener);
    drop_peer();
    for (uint32_t i = 0; i < 30; i++) {
        CHECK_EQ(turn(), 0);
    }
    CHECK_EQ(produce_client_counts(client).connected, 0);
    listen_again();
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(1);
}

TEST(a_full_disk_and_a_limited_rate_are_later_too)
{
    given_a_server(1, 10);
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 507 Full\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_EQ(take_request(), 'a');
    CHECK_EQ(produce_client_counts(client).status_later, 507);
    say("HTTP/1.1 429 Limit\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_EQ(take_request(), 'a');
    CHECK_EQ(produce_client_counts(client).status_later, 429);
    CHECK_EQ(produce_client_counts(client).later, 2);
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(1);
    CHECK_EQ(fill_count, 1);
}

TEST(later_is_after_what_the_server_says)
{
    uint64_t began;

    given_a_server(1, 10);
    CHECK_EQ(take_request(), 'a');
    began = produce_client_now().ns;
    say("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_EQ(take_request(), 'a');
    CHECK(produce_client_now().ns - began >= NS_PER_S);
    CHECK_EQ(produce_client_counts(client).later, 1);
    CHECK_EQ(produce_client_counts(client).status_later, 503);
    CHECK_EQ(produce_client_counts(client).lost, 0);
    say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(1);
}

TEST(connection_close_is_obeyed)
{
    given_a_server(2, 10);
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    turn_until_answered(1);
    drop_peer();
    CHECK_EQ(take_request(), 'b');
    CHECK_EQ(produce_client_counts(client).lost, 0);
}

TEST(what_no_repeating_cures_ends_it)
{
    given_a_server(1, 10);
    take_request();
    say("HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwrong key");
    check_refused("401: wrong key");

    given_a_server(1, 10);
    take_request();
    say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    check_refused("without a Content-Length");

    given_a_server(1, 10);
    take_request();
    say("SSH-2.0-OpenSSH\r\n\r\n");
    check_refused("no HTTP/1.1: SSH-2.0-OpenSSH");

    given_a_server(1, 10);
    take_request();
    say("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n");
    check_refused("too much");
}

TEST(headers_are_those_that_were_asked_for)
{
    given_a_server(1, 10);
    take_request();
    CHECK(strstr(received, "X-Write-Key") == NULL);
    CHECK(strstr(received, "Idempotency-Key") == NULL);

    key = "k-1";
    idempotency_key = "import-1";
    given_a_server(1, 10);
    take_request();
    CHECK(strstr(received, "\r\nX-Write-Key: k-1\r\nIdempotency-Key: import-1\r\n") != NULL);
    drop_peer();
    received[0] = '\0';
    take_request(); /* again, with the same head */
    CHECK(strstr(received, "\r\nX-Write-Key: k-1\r\nIdempotency-Key: import-1\r\n") != NULL);
    key = NULL;
    idempotency_key = "";
}

TEST(a_refusal_may_be_settled_and_the_next_body_goes_out)
{
    settled_status = 413;
    refused_count = 0;
    given_a_server(3, 10);
    CHECK_EQ(take_request(), 'a');
    say("HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_EQ(take_request(), 'b');
    CHECK_EQ(refused_count, 1);
    CHECK_EQ(produce_client_counts(client).unanswered, 1);
    say("HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
    CHECK_EQ(turn(), 0);
    drop_peer();
    CHECK_EQ(take_request(), 'c');
    say("HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwrong key");
    check_refused("401: wrong key");
    CHECK_EQ(refused_count, 3);
    settled_status = 0;
}
