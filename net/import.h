/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * import - `millrace import`: files of NDJSON go to a node, each event once
 *
 * One batch after the other, in the order of the file. When a batch is answered its end is written down durably
 * (import_position), so that the same command goes on from there after kill -9. What was taken and not written down
 * goes out again with the same Idempotency-Key: events with an ID, and those that get one from that key, are
 * duplicates then, as long as the node remembers them.
 *
 * Threads  The process's only one: signals are the import's.
 */

#include "core/base.h"

/* `millrace import ...`; argv[0] is skipped. The exit status: 0 all accepted, 1 not all, 2 wrong usage. */
int import_main(int argc, char **argv);
