/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * sim_file - one file of a simulated disk: what a reader sees, what lasts, and what is between
 *
 * `live` is what a reader sees, `durable` what a crash cannot take away, and a list of pending writes leads from the
 * second to the first. A sync plays the list into `durable`; a crash plays each entry as it is told: whole, not at
 * all, cut at a sector, or with one torn sector. Entries that are not visible are durable writes that are under way,
 * never ended, or failed: readers do not see them, a sync does not keep them, a crash may.
 *
 * Threads  One.
 * Memory   From malloc: this is test machinery.
 */

#include "core/env_sim.h"
#include "core/sim_content.h"

/* splitmix64: small, and the same on every machine. */
static inline uint64_t
sim_dice(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct sim_write;

struct sim_file {
    bool is_folder;
    uint32_t held_count; /* by operations under way */
    bool is_marked;
    uint32_t index; /* among the files of its disk, while they are copied */
    struct content live;
    struct content durable;
    struct sim_write **pending;
    uint32_t pending_count;
};

struct sim_file *sim_file_create(bool is_folder);
void sim_file_destroy(struct sim_file *file);
/* The same file; what is under way in the other is pending in this one, and nobody holds it. */
struct sim_file *sim_file_copy(const struct sim_file *file);

/* 0 or -EIO (past the end). */
int sim_file_read(const struct sim_file *file, void *buffer, uint64_t bytes, uint64_t offset);
/* Not durable until a sync. data NULL writes zeros. */
void sim_file_write(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset);
/* The same that has failed: a crash may show it, nobody else. */
void sim_file_write_failed(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset);
void sim_file_sync(struct sim_file *file);
/* This many zeros, durable, and nothing else. */
void sim_file_zero(struct sim_file *file, uint64_t bytes);

/* A durable write begins: it is pending until its end. */
struct sim_write *sim_file_write_begin(struct sim_file *file, const void *data, uint64_t bytes,
                                       uint64_t offset);
const uint8_t *sim_write_data(const struct sim_write *write);
uint64_t sim_write_end(const struct sim_write *write); /* in the file */
/* It ends, and is there for ever. */
void sim_file_write_end(struct sim_file *file, struct sim_write *write);
/* It failed, or its owner is gone: only a crash may show it. */
void sim_file_write_abandon(struct sim_write *write);

/* The machine stops: pending writes are kept or not, and what is durable then is all there is. */
void sim_file_crash(struct sim_file *file, enum sim_crash how, uint64_t *dice);
/* The process stops and the machine goes on: what was under way may be seen from now on, and is not durable yet. */
void sim_file_kill(struct sim_file *file, uint64_t *dice);
