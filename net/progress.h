/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * progress - how far long work is: a bar on a terminal, a line now and then elsewhere
 *
 *     [###########.............]  46 %  1,234,567 events, 98,765/s  12 s left
 *
 * Threads  One.
 */

#include "core/base.h"

#include <stdio.h>

#define PROGRESS_TEXT_BYTES 512u
#define PROGRESS_NUMBER_BYTES 32u

struct progress {
    FILE *out;
    bool is_terminal;
    bool is_quiet;
    bool has_line; /* a line on the terminal is open */
    struct mono_ns began;
    struct mono_ns said_at;
    double part_began;
};

/* part_began: what was done before, 0 to 1. */
void progress_begin(struct progress *progress, FILE *out, bool is_quiet, struct mono_ns now,
                    double part_began);
/* Says it when it is time to. part: 0 to 1; below 0 when nobody knows. */
void progress_say(struct progress *progress, struct mono_ns now, double part, const char *what);
/* Is it time to? */
bool progress_is_due(const struct progress *progress, struct mono_ns now);
/* What else is written begins on a line of its own. */
void progress_break(struct progress *progress);

/* What is said, without the control characters of a terminal. `to` has PROGRESS_TEXT_BYTES. */
void progress_text(const struct progress *progress, struct mono_ns now, double part, const char *what,
                   char *to);
/* "1,234,567"; returns `to`. */
const char *progress_number(uint64_t number, char to[PROGRESS_NUMBER_BYTES]);
