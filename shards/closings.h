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
 * Memory   Region.
 */

#include "shards/memory.h"

struct person;

struct closing {
    int64_t deadline; /* never later than the session's */
    struct event_ms start;
    struct person *person;
};

struct closings {
    struct closing *rows; /* from 1 on */
    uint32_t count;
    uint32_t capacity;
    int64_t due; /* no row's deadline is less: who asks too early touches no row */
};

/* Home. */
void closings_add(struct memory *memory, struct closings *closings, struct closing row);
/* Home. True and the row with the least deadline, taken out, when the watermark has passed that. */
bool closings_pop(struct closings *closings, struct event_ms watermark, struct closing *out_row);
/* Home. Gives room back that so few rows do not need. */
void closings_trim(struct memory *memory, struct closings *closings);
void closings_clear(struct memory *memory, struct closings *closings);
