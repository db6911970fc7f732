/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <errno.h>
#include <stdio.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

struct address {
    struct sockaddr_storage name;
    socklen_t bytes;
};

static int
complain(char *out_problem, const char *doing, int code)
{
    const char *why = code == EADDRINUSE      ? "another program listens there already"
                      : code == EADDRNOTAVAIL ? "this machine has no such address"
                      : code == EACCES        ? "ports below 1024 need a privilege"
                                              : strerror(code);

    snprintf(out_problem, LISTENER_TEXT_BYTES, "%s: %s", doing, why);
    return fault_new(-code);
}

/* Names have several addresses; of "localhost" we take the IPv4 one, which every client tries. */
static int
look_up(struct text host, uint16_t port, struct address *out_address, char *out_problem)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const struct addrinfo *best;
    char name[NI_MAXHOST];
    char service[8];
    int r;

    snprintf(name, sizeof(name), "%.*s", (int)host.bytes, host.data);
    snprintf(service, sizeof(service), "%u", port);
    r = getaddrinfo(name, service, &hints, &found);
    if (r != 0) {
        snprintf(out_problem, LISTENER_TEXT_BYTES, "%.100s: %s", name, gai_strerror(r));
        return fault_new(-EADDRNOTAVAIL);
    }
    best = found;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            best = at;
            break;
        }
    }
    memcpy(&out_address->name, best->ai_addr, best->ai_addrlen);
    out_address->bytes = best->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/*
 * What a connection may hold in the kernel is read at once, and the kernel would let it grow to megabytes. Twice this is
 * what it makes of it; a client 100 ms away can still send 2.5 MB/s on one connection.
 */
#define RECEIVE_BYTES (256 << 10)

static int
bind_one(struct address *address, bool is_shared, int *out_socket, char *out_problem)
{
    int on = 1;
    int receive_bytes = RECEIVE_BYTES;
    int fd = socket(address->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return complain(out_problem, "socket", errno);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
               sizeof(receive_bytes)); /* those it accepts inherit it */
    if (is_shared) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    /* The port that 0 became is for the others too. */
    if (bind(fd, (struct sockaddr *)&address->name, address->bytes) != 0 ||
        getsockname(fd, (struct sockaddr *)&address->name, &address->bytes) != 0) {
        int code = errno;

        close(fd);
        return complain(out_problem, "bind", code);
    }
    *out_socket = fd;
    return 0;
}

static void
write_address(const struct address *address, char *out_address)
{
    char name[NI_MAXHOST] = "";
    char service[NI_MAXSERV] = "";

    getnameinfo((const struct sockaddr *)&address->name, address->bytes, name, sizeof(name), service,
                sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(out_address, LISTENER_TEXT_BYTES,
             address->name.ss_family == AF_INET6 ? "[%.200s]:%.10s" : "%.200s:%.10s", name, service);
}

int
listener_open(struct text host, uint16_t port, uint32_t count, int *out_sockets, char *out_address,
              char *out_problem)
{
    struct address address = {.bytes = 0};
    uint32_t opened = 0;
    int probe;
    int r;

    r = look_up(host, port, &address, out_problem);
    if (r != 0) {
        return fault_up(r);
    }
    r = bind_one(&address, false, &probe, out_problem);
    if (r != 0) {
        return fault_up(r);
    }
    close(probe);
    for (; opened < count; opened++) {
        r = bind_one(&address, true, &out_sockets[opened], out_problem);
        if (r == 0 && listen(out_sockets[opened], BACKLOG) != 0) {
            close(out_sockets[opened]);
            r = complain(out_problem, "listen", errno);
        }
        if (r != 0) {
            goto fail;
        }
    }
    write_address(&address, out_address);
    return 0;

fail:
    while (opened > 0) {
        close(out_sockets[--opened]);
    }
    return fault_up(r);
}
