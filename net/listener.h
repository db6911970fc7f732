/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * listener - sockets that accept connections, one for each shard, all at one address
 *
 * The kernel spreads connections over sockets of one address (SO_REUSEPORT). It would also let a second node of the
 * same user join them, and half of the clients would go there; so the address is first tried without.
 *
 * Threads  Boot.
 * Errors   A fault, with out_problem in words.
 */

#include "core/base.h"

#define LISTENER_TEXT_BYTES 256u

/*
 * Boot. `count` sockets that listen, for the caller to close. Port 0 is any free one. out_address is the address as
 * host:port; both texts have LISTENER_TEXT_BYTES.
 */
MUST_USE int listener_open(struct text host, uint16_t port, uint32_t count, int *out_sockets,
                           char *out_address, char *out_problem);
