/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * checker - is everything in a data directory as it was written?
 *
 * Reads the manifest, the log and the state files of checkpoints, from first byte to last, and compares every checksum;
 * looks for everything that one thing says of another. It goes on behind what is damaged (in a state file: behind that
 * file) and changes nothing. Pages of log_stores are read as far as checkpoints describe them, and are not in
 * bytes_all. What is not seen is told in storage/README.md.
 *
 * A kind of files is one row of `kinds` in checker.c. They are checked in that order; a damaged manifest ends it, for
 * nothing can be told without one.
 *
 * Threads  Boot, or a program of its own. No node has the directory.
 * Memory   malloc.
 * Errors   -ENOTSUP a newer version, or the disk's: in both cases reason says which file.
 */

#include "core/env.h"
#include "storage/manifest.h"

struct checker {
    void (*found)(void *context, const char *what); /* each damaged place: file, offset and what is wrong */
    void (*noted)(void *context, const char *what); /* what is no damage but should be known */
    void (*read)(void *context, uint64_t bytes);    /* of bytes_all, so many more */
    /* Of a checkpoint, the state file at this index, which is good: whether the pages of log_stores that it describes are
       good too. Its owner knows where the descriptions are. 0; -EUCLEAN or another fault, explained in out_reason
       (MANIFEST_REASON_BYTES). NULL: state files describe none. */
    int (*stores)(struct disk *disk, const struct manifest *manifest,
                  const struct manifest_checkpoint *checkpoint, uint32_t index, char *out_reason);
    void *context;
};

struct checker_report {
    uint64_t bytes_all; /* of the files that are read; known before the first is */
    uint64_t blocks;    /* good ones */
    uint64_t bytes;     /* of those */
    uint64_t found_count;
    char reason[MANIFEST_REASON_BYTES];
};

enum checker_answer {
    CHECKER_DAMAGED = 1,
    CHECKER_NO_STORE = 2, /* neither a manifest nor a log */
};

/* Boot. 0 when all is good. out_report is filled whatever is returned. */
MUST_USE int checker_run(struct disk *disk, const struct checker *checker, struct checker_report *out_report);
