/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * check - millrace check DIR: is a data directory as it was written?
 *
 * Threads  A program of its own.
 */

/* The subcommand; its exit status: 0 good, 1 damaged, 2 wrong usage or no directory to be checked, 74 it cannot be read. */
int check_main(int argc, char **argv);
