/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * damage - what a disk does to what it said was durable, and what a node must do then
 *
 * On copies of the disk of a node that is down: a bit flips; a write that was reported as durable was lost, and what
 * was there before is there; it went elsewhere, over other bytes. A running node does not read its log, so it does not
 * matter when that happened.
 *
 * Read by its format alone, the log then says what is left: if a block is missing that was durable once (the manifest
 * has a later end, or a later block says so), a start has to be refused, with the name of the file. Else there must be
 * a start, on exactly the blocks that are left. The last blocks of a stream have no witness: that their loss is not
 * seen is by design.
 *
 * Threads  One.
 */

#include "tests/sim/check_run.h"

struct damage_counts {
    uint64_t tried;
    uint64_t refused;
    uint64_t unseen; /* started without what nothing says was durable */
};

/* The cluster is down and its disk at rest; the disk stays as it is. False: *out_why (512 bytes) says what is wrong. */
bool damage_try(const struct cluster *cluster, struct traffic *traffic, struct dice *dice,
                struct damage_counts *counts, char *out_why);

/* The cluster is down. When there are two checkpoints, a bit of the newest one flips, in a state file or in a page: a
   start refuses, and says where. From then on the cluster's starts accept the loss. Where the one before is damaged by
   it too, they refuse both, and the bit is mended. False: *out_why says what is wrong. */
bool damage_newest_checkpoint(struct cluster *cluster, char *out_why);
