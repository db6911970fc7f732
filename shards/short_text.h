/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * short_text - owned text that lies in its struct while it is short
 *
 * Most names, countries and browsers have at most 12 bytes: comparing with one of those touches no other memory,
 * and keeping it takes none.
 *
 * Threads  Home shard only.
 * Memory   Longer texts from the region. short_text() lends: until the struct moves or changes.
 */

#include "shards/memory.h"

#define SHORT_TEXT_ROOM 12u

struct short_text {
    uint32_t bytes;
    char room[SHORT_TEXT_ROOM]; /* the text, or where it is in the last eight */
};

static inline struct text
short_text(const struct short_text *of)
{
    const char *data = of->room;

    if (of->bytes > SHORT_TEXT_ROOM) {
        memcpy(&data, of->room + 4, sizeof(data));
    }
    return (struct text){.data = data, .bytes = of->bytes};
}

/* Home. */
struct short_text short_text_take(struct memory *memory, struct text text);
/* Home. Gives it back and leaves it empty. */
void short_text_put(struct memory *memory, struct short_text *of);
/* Home. Nothing moves when it is equal. */
void short_text_set(struct memory *memory, struct short_text *to, struct text text);
