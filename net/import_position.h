/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * import_position - how far the import of a file has come, in a file beside it
 *
 * Written whole under another name, synced, and renamed: after a crash it is the old one or the new one. It says which
 * file it is of and where that goes, so that nobody goes on with another file, or at another node, by mistake. The
 * limits of batches are part of it: who goes on must send the same batches, or events without an ID would get other
 * ones and count twice.
 *
 * Threads  One.
 * Limits   url and tenant as long as IMPORT_TARGET_BYTES, longer ones cannot be gone on with.
 */

#include "core/base.h"
#include "net/import_file.h"

#define IMPORT_TARGET_BYTES 512u

enum import_position_answer {
    IMPORT_POSITION_NONE = 1,
    IMPORT_POSITION_BAD = 2, /* with a sentence */
};

struct import_position {
    struct import_identity identity;
    char target[IMPORT_TARGET_BYTES]; /* where it goes, in words; one line */
    struct import_limits limits;
    struct import_place place; /* all before it was answered */
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t rejected;
    bool is_done;
};

/* IMPORT_POSITION_NONE, IMPORT_POSITION_BAD. `problem` has IMPORT_PROBLEM_BYTES. */
MUST_USE int import_position_load(const char *path, struct import_position *out_position, char *problem);
/* Durable when it returns 0. IMPORT_POSITION_BAD. */
MUST_USE int import_position_save(const char *path, const struct import_position *position, char *problem);
