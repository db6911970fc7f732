/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * serve - a node, from its start to its end
 *
 * The main thread reads the settings, opens the disk and the log, starts one thread for each shard, and then waits for
 * a signal. SIGTERM and SIGINT end the node in order: no more connections, what is in flight is answered, exit. A
 * second signal ends it at once; so does the tenth second. Nothing that was answered is lost either way.
 *
 * Threads  The main thread of the process, once.
 * Errors   Exit statuses: 0 stopped in order, 1 it could not start or was told twice to stop, 2 wrong usage, 74 storage.
 */

/* The main thread. `millrace serve ...`: argv[0] is "serve". Returns the exit status. */
int serve_main(int argc, char **argv);
