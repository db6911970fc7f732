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

/* splitmix64: small, and the same on every machine. */
static inline uint64_t
sim_dice(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Counts one operation that changes the disk. False when the disk is dead, or dies of it. */
MUST_USE bool sim_disk_begin(struct sim_disk *disk);

/* The file behind an open handle, held until sim_file_drop(), also beyond its close and unlink. */
struct sim_file *sim_file_hold(struct sim_disk *disk, struct disk_file file);
void sim_file_drop(struct sim_file *file);

/* 0 or -EIO (past the end). */
int sim_file_read(const struct sim_file *file, void *buffer, uint64_t bytes, uint64_t offset);
/* A begun durable write ends: 0, or -EIO by dice. */
int sim_file_write_durable(struct sim_disk *disk, struct sim_file *file, const void *data, uint64_t bytes,
                           uint64_t offset);
/* A begun durable write never ended. */
void sim_file_abandon(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset);
