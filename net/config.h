/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * config - `millrace config`: what the settings are and where each is from, or whether a file of them is good
 *
 * Threads  Boot: it is all that its process does.
 */

/* Boot. argv[0] is "config". The exit status: 0 good, 1 something is wrong, 2 wrong usage. */
int config_main(int argc, char **argv);
