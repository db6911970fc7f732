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
#include "storage/segment.h"

struct log_tap_block {
    const struct log_block_header *header;
    const char *name; /* of its file */
    uint64_t offset;
};

/* Blocks whose files the node may have overwritten since, and what epochs were when they were in the manifest. */
struct log_archive {
    const struct log_archive *before; /* NULL, or borrowed: what was archived before this one was begun */
    uint8_t **blocks;                 /* each starts with its header; none twice */
    uint32_t count;
    uint32_t count_max;
    struct manifest manifest; /* only its epochs: all there ever were */
};

struct log_tap {
    struct log_tap_block *blocks; /* by (epoch, stream, sequence) */
    uint32_t count;
    uint32_t count_max;
    uint8_t **files;                   /* what the headers point into */
    char (*names)[SEGMENT_NAME_BYTES]; /* of the folder */
    uint32_t file_count;
    struct manifest manifest;
    const struct log_archive *archive;
    char problem[160]; /* empty: the log is whole */
};

/* Reads what is on the disk, also what is void; notes no problem but a manifest that cannot be read. */
void log_tap_read_raw(struct log_tap *tap, struct sim_disk *disk);
/* Of another disk, that begins as a copy of the one of `before`. */
void log_archive_begin(struct log_archive *archive, const struct log_archive *before);
/* Copies every block on the disk that is not here yet; to be called before files are overwritten. */
void log_archive_add(struct log_archive *archive, struct sim_disk *disk);
/* Notes where the epochs of this manifest end. */
void log_archive_note(struct log_archive *archive, const struct manifest *manifest);
void log_archive_deinit(struct log_archive *archive);

/* Reads all; what a reader would see now (drain the node before), and what he would have seen once. */
void log_tap_read(struct log_tap *tap, struct sim_disk *disk, const struct log_archive *archive);
void log_tap_free(struct log_tap *tap);
/* Of logs: equal ones have equal blocks in the same order. Begins with 0. */
uint64_t log_tap_hash(uint64_t hash, const struct log_block_header *header);
/* How many streams the epoch of this block had. */
uint32_t log_tap_stream_count(const struct log_tap *tap, uint64_t epoch);
