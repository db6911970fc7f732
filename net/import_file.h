/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * import_file - a file of NDJSON, plain or gzip, as batches of rows with the numbers of their lines
 *
 * Where batches begin and end follows from the place where reading begins and from the limits, never from how the
 * file was read: the same place and limits give the same batch again, byte for byte.
 *
 * Blank lines are left out. A line that cannot be an event (it begins with no brace, or is longer than
 * IMPORT_LINE_BYTES_MAX) is listed and left out too, so that it spoils no request.
 *
 * Threads  One.
 * Memory   All at opening, and what zlib takes.
 * Errors   IMPORT_FILE_BAD with a sentence: not there, not readable, not whole.
 */

#include "core/base.h"

#define IMPORT_LINE_BYTES_MAX (1u << 20)
#define IMPORT_ROW_COUNT_MAX 10000u
#define IMPORT_PROBLEM_BYTES 512u

enum import_file_answer {
    IMPORT_FILE_BAD = 1,
    IMPORT_FILE_END = 2,
};

/* Which file it is; all 0 of what cannot be read twice. */
struct import_identity {
    uint64_t bytes;
    uint64_t inode;
    int64_t changed_ns; /* its content, by the file system */
    uint64_t head_hash; /* of its first 64 KiB */
};

/* A place in it. */
struct import_place {
    uint64_t offset; /* of what is inside when it is compressed */
    uint64_t lines;  /* before it */
};

struct import_limits {
    uint32_t row_count; /* 1 to IMPORT_ROW_COUNT_MAX */
    uint32_t bytes;     /* of rows together, unless it is one alone */
};

struct import_bad_line {
    uint64_t line; /* from 1 */
    const char *why;
};

struct import_batch {
    struct import_place begin;
    struct import_place end;
    uint32_t row_count;
    uint32_t bytes;
    uint32_t bad_count;
    uint64_t line[IMPORT_ROW_COUNT_MAX]; /* of each row, from 1 */
    struct import_bad_line bad[IMPORT_ROW_COUNT_MAX];
};

struct import_file;

/* "-" is standard input. `problem` has IMPORT_PROBLEM_BYTES. IMPORT_FILE_BAD, -ENOMEM. */
MUST_USE int import_file_open(const char *path, struct import_file **out_file, char *problem);
/* NULL is nothing to do. */
void import_file_close(struct import_file *file);

/* A file that can be read twice, and that nobody else imports meanwhile. */
bool import_file_is_seekable(const struct import_file *file);
const struct import_identity *import_file_identity(const struct import_file *file);

/* Goes on from there; of a seekable file. IMPORT_FILE_BAD. */
MUST_USE int import_file_seek(struct import_file *file, struct import_place place, char *problem);

/*
 * The next batch; `body` has limits.bytes or IMPORT_LINE_BYTES_MAX, whatever is more, and 1. 0 with no rows: all were
 * bad or blank. IMPORT_FILE_END, IMPORT_FILE_BAD.
 */
MUST_USE int import_file_next(struct import_file *file, const struct import_limits *limits, char *body,
                              struct import_batch *out_batch, char *problem);

/* How much of it was read: 0 to 1; below 0 when nobody knows. */
double import_file_part(const struct import_file *file);
