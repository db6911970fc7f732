/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * latest - the value of the newest event that has one
 *
 * Newest by (event_time, position), so that it does not matter in which order events come.
 *
 * Threads  Home shard only.
 * Memory   The text lies in the pack that the value lies in.
 */

#include "shards/pack.h"

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
    struct pack_text text; /* bytes 0: no event has had one */
    struct stamp at;
};

/* Home. A text of this pack; an empty one is no value. */
static inline void
latest_offer(struct latest *latest, const struct pack_text *text, struct stamp at)
{
    if (text->bytes == 0 || (latest->text.bytes > 0 && !stamp_is_after(at, latest->at))) {
        return;
    }
    *latest = (struct latest){.text = *text, .at = at};
}

/* Home. What this text is when it is kept in the pack: the one that is there, when they are equal. */
static inline struct pack_text
latest_keep(struct pack *pack, const struct latest *latest, struct text text)
{
    if (UNLIKELY(text.bytes > SHORT_TEXT_ROOM)) {
        struct short_text lent = short_text_lend(text);
        return pack_text_is(pack, &latest->text, &lent) ? latest->text : pack_keep(pack, text);
    }
    return pack_keep(pack, text);
}
/* Home. Offers what `other` has, in another pack, from which its text moves. */
void latest_take(struct pack *pack, struct latest *latest, struct pack *from, const struct latest *other);
