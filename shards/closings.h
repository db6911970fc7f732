/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * closings - open sessions by when they close
 *
 * A binary heap by end + gap. It names a session by its person and its start, and nobody takes a row out when the
 * session goes or its end grows: when a row comes to the top, whoever takes it looks at what has become of the
 * session, and puts it in again when that ends later.
 *
 * Threads  Home shard only.
 * Memory   Region: 16 bytes a row. So of a start the last bits are kept: closing_is_of() may take another session of
 *          that person for it, one that began a multiple of two years sooner or later, to the millisecond.
 * Limits   Deadlines from the year 0 on; one after the year 8000 is earlier than what was asked for, but never comes.
 */

#include "shards/memory.h"

struct person;

#define CLOSING_START_BITS 36u

struct closing {
    int64_t deadline; /* never later than the session's */
    uint64_t start;   /* the last CLOSING_START_BITS of its ms */
    struct person *person;
};

struct closing_row;

struct closings {
    struct closing_row *rows; /* from 1 on */
    uint32_t count;
    uint32_t capacity;
    int64_t due; /* no row's deadline is less: who asks too early touches no row */
};

/* Home. */
void closings_add(struct memory *memory, struct closings *closings, int64_t deadline, struct event_ms start,
                  struct person *person);
/* Home. True and the row with the least deadline, taken out, when the watermark has passed that. */
bool closings_pop(struct closings *closings, struct event_ms watermark, struct closing *out_row);
/* Home. Gives room back that so few rows do not need. */
void closings_trim(struct memory *memory, struct closings *closings);
void closings_clear(struct memory *memory, struct closings *closings);

/* Any thread. It may be this one of its person's sessions. */
static inline bool
closing_is_of(const struct closing *closing, struct event_ms start)
{
    return (((uint64_t)start.ms ^ closing->start) & ((UINT64_C(1) << CLOSING_START_BITS) - 1)) == 0;
}
