/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_tap - reads the simulated disk's commit log by its format alone, for the model
 *
 * Independent of storage/recovery: it looks at every sector of every segment, keeps the blocks that are valid in
 * their place, and orders them by epoch, stream and sequence.
 *
 * Threads  One.
 */

#include "core/env_sim.h"
#include "storage/commit_log.h"

struct log_tap_block {
    const struct log_block_header *header;
};

struct log_tap {
    struct log_tap_block *blocks; /* by (epoch, stream, sequence) */
    uint32_t count;
    uint32_t count_max;
    uint8_t **files; /* what the headers point into */
    uint32_t file_count;
    struct manifest manifest;
    char problem[160]; /* empty: the log is whole */
};

/* Reads all; what a reader would see now (drain the node before). */
void log_tap_read(struct log_tap *tap, struct sim_disk *disk);
void log_tap_free(struct log_tap *tap);
/* How many streams the epoch of this block had. */
uint32_t log_tap_stream_count(const struct log_tap *tap, uint64_t epoch);
