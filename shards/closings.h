/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * closings - open sessions by when they close
 *
 * A binary heap by end + gap. A session whose end grows stays where it is; its place is mended when it comes to
 * the top. Sessions know their index.
 *
 * Threads  Home shard only.
 * Memory   Region.
 */

#include "shards/session.h"

struct closing {
    int64_t deadline; /* never later than the session's */
    struct session *session;
};

struct closings {
    struct closing *rows; /* from 1 on */
    uint32_t count;
    uint32_t capacity;
};

/* Home. */
void closings_add(struct memory *memory, struct closings *closings, struct session *session, int64_t gap_ms);
/* Home. No effect when it is not there. */
void closings_remove(struct closings *closings, struct session *session);
/* Home. A session that is closed at this watermark, taken out; NULL for none. */
struct session *closings_pop(struct closings *closings, struct event_ms watermark, int64_t gap_ms);
void closings_clear(struct memory *memory, struct closings *closings);
