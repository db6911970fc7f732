/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce - `millrace produce`: traffic of people who do not exist, for demos and for measuring
 *
 * People (produce_people) make events, connections (produce_client) bring them to a node in batches, or they are printed;
 * here are the pace and the line of figures a second.
 *
 * The pace is open: events are due at fixed times whatever the node does, and the time of an answer counts from when
 * its batch was due. What is more than PRODUCE_BACKLOG_S behind is left out, and said. Without a rate the next batch
 * is made when a connection is free. A history has its own times, and comes as fast as the node takes it.
 *
 * Threads  The process's only one: signals are the producer's.
 */

#include "core/base.h"

#define PRODUCE_BACKLOG_S 10u

/* `millrace produce ...`; argv[0] is skipped. The exit status: 0 good, 1 not everything was answered, 2 wrong usage. */
int produce_main(int argc, char **argv);
