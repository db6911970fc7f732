/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/short_text.h"

struct short_text
short_text_take(struct memory *memory, struct text text)
{
    return short_text_lend(text.bytes > SHORT_TEXT_ROOM ? memory_text(memory, text) : text);
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
short_text_set_any(struct memory *memory, struct short_text *to, struct text text)
{
    struct short_text lent = short_text_lend(text);

    if (short_text_equal(to, &lent)) {
        return;
    }
    short_text_put(memory, to);
    *to = short_text_take(memory, text);
}
