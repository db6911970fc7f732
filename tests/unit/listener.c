/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <errno.h>

#include <unistd.h>

#include "tests/check.h"

static int sockets[4];
static char address[LISTENER_TEXT_BYTES];
static char problem[LISTENER_TEXT_BYTES];

static uint16_t
port_of(const char *said)
{
    uint32_t port = 0;

    for (const char *at = strrchr(said, ':') + 1; *at != '\0'; at++) {
        port = port * 10 + (uint32_t)(*at - '0');
    }
    return (uint16_t)port;
}

static void
close_all(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        close(sockets[i]);
    }
}

TEST(a_name_that_nobody_has_is_refused_in_words)
{
    CHECK(listener_open(TEXT("no such host"), 1, 1, sockets, address, problem) < 0);
    CHECK(strlen(problem) > 0);
    CHECK_EQ(listener_open(TEXT("192.0.2.1"), 0, 1, sockets, address, problem), -EADDRNOTAVAIL);
    CHECK_TEXT(problem, "bind: this machine has no such address");
}

TEST(all_listen_at_one_port)
{
    CHECK_EQ(listener_open(TEXT("127.0.0.1"), 0, 3, sockets, address, problem), 0);
    CHECK(port_of(address) != 0);
    close_all(3);
}

TEST(a_second_node_is_refused_though_the_kernel_would_let_it)
{
    int first;

    CHECK_EQ(listener_open(TEXT("127.0.0.1"), 0, 1, &first, address, problem), 0);
    CHECK_EQ(listener_open(TEXT("127.0.0.1"), port_of(address), 2, sockets, address, problem), -EADDRINUSE);
    CHECK_TEXT(problem, "bind: another program listens there already");
    close(first);
}

TEST(localhost_is_the_address_that_every_client_tries)
{
    CHECK_EQ(listener_open(TEXT("localhost"), 0, 1, sockets, address, problem), 0);
    CHECK_BYTES(address, "127.0.0.1:", 10);
    close_all(1);
}
