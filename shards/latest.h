/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * latest - the value of the newest event that has one
 *
 * Newest by (event_time, position), so that it does not matter in which order events come.
 *
 * Threads  Home shard only.
 * Memory   A copy of the text from the region.
 */

#include "shards/short_text.h"

/* An event's place in time. No two events of a tenant have the same. */
struct stamp {
    struct event_ms event_time;
    uint64_t position;
};

static inline bool
stamp_is_after(struct stamp a, struct stamp b)
{
    return a.event_time.ms != b.event_time.ms ? a.event_time.ms > b.event_time.ms : a.position > b.position;
}

struct latest {
    struct short_text text; /* bytes 0: no event has had one */
    struct stamp at;
};

/* Home. Empty text is no value. */
static inline void
latest_offer(struct memory *home, struct latest *latest, struct text text, struct stamp at)
{
    if (text.bytes == 0 || (latest->text.bytes > 0 && !stamp_is_after(at, latest->at))) {
        return;
    }
    short_text_set(home, &latest->text, text);
    latest->at = at;
}
/* Home. Offers what `other` has, and empties it. */
void latest_take(struct memory *memory, struct latest *latest, struct latest *other);
