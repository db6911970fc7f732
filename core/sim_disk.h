/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sim_disk - the simulated disk as the simulated env needs it
 *
 * What tests use is in core/env_sim.h; this is the seam between its two halves. An asynchronous write
 * is begun (it counts, and may be the one the disk dies at), and then either finished or, when its env
 * is closed first, abandoned: a crash decides by dice what of it is on the disk.
 *
 * Threads  One.
 * Memory   From malloc: this is test machinery.
 */

#include "core/env_sim.h"

struct sim_file;
struct sim_write;

/* Counts one operation that changes the disk. False when the disk is dead, or dies of it. */
MUST_USE bool sim_disk_begin(struct sim_disk *disk);

/* The file behind an open handle, held until sim_file_drop(), also beyond its close and unlink. */
struct sim_file *sim_file_hold(struct sim_disk *disk, struct disk_file file);
void sim_file_drop(struct sim_file *file);

/* A begun durable write ends: 0, -EIO by dice, or -ENOSPC. */
int sim_disk_write_end(struct sim_disk *disk, struct sim_file *file, struct sim_write *write);
