/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/short_text.h"

struct short_text
short_text_take(struct memory *memory, struct text text)
{
    struct short_text new = {.bytes = text.bytes};

    if (text.bytes > SHORT_TEXT_ROOM) {
        struct text copy = memory_text(memory, text);
        memcpy(new.room + 4, &copy.data, sizeof(copy.data));
    } else if (text.bytes > 0) {
        memcpy(new.room, text.data, text.bytes);
    }
    return new;
}

void
short_text_put(struct memory *memory, struct short_text *of)
{
    struct text text = short_text(of);

    if (text.bytes > SHORT_TEXT_ROOM) {
        memory_text_put(memory, &text);
    }
    *of = (struct short_text){0};
}

void
short_text_set(struct memory *memory, struct short_text *to, struct text text)
{
    if (text_equal(short_text(to), text)) {
        return;
    }
    short_text_put(memory, to);
    *to = short_text_take(memory, text);
}
