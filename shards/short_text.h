/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * short_text - text that lies in its struct while it is short
 *
 * Most names, countries and browsers have at most 12 bytes: comparing with one of those touches no other memory.
 * Of a longer one the length and the last four bytes are there, which tell most texts apart.
 *
 * Threads  Home shard only.
 * Memory   Longer texts are somebody else's. short_text() lends: until the struct moves or changes.
 */

#include <assert.h>

#include "core/base.h"

#define SHORT_TEXT_ROOM 12u

struct short_text {
    uint32_t bytes;
    char room[SHORT_TEXT_ROOM]; /* the text, zeros behind it; or its last four bytes, and where it is */
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "made of two numbers at a time");

static inline struct text
short_text(const struct short_text *of)
{
    const char *data = of->room;

    if (of->bytes > SHORT_TEXT_ROOM) {
        memcpy(&data, of->room + 4, sizeof(data));
    }
    return (struct text){.data = data, .bytes = of->bytes};
}

static inline uint64_t
short_text_read(const char *at, uint32_t bytes)
{
    uint64_t word = 0;

    memcpy(&word, at, bytes);
    return word;
}

/* Up to 12 bytes as they stand in memory behind a length; reads nothing beyond the end. */
static inline void
short_text_pack(struct text text, uint64_t *low, uint64_t *high)
{
    if (text.bytes >= 8) {
        *low = short_text_read(text.data, 8);
        *high = short_text_read(text.data + text.bytes - 4, 4) >> (8 * (12 - text.bytes));
    } else if (text.bytes >= 4) {
        *low = short_text_read(text.data, 4) | short_text_read(text.data + text.bytes - 4, 4)
                                                   << (8 * (text.bytes - 4));
        *high = 0;
    } else {
        *high = 0;
        *low = text.bytes == 0 ? 0
                               : (uint64_t)(uint8_t)text.data[0] |
                                     (uint64_t)(uint8_t)text.data[text.bytes / 2] << (8 * (text.bytes / 2)) |
                                     (uint64_t)(uint8_t)text.data[text.bytes - 1] << (8 * (text.bytes - 1));
    }
}

/* Home. A longer text is the caller's. */
static inline struct short_text
short_text_lend(struct text text)
{
    struct short_text lent;
    uint64_t low;
    uint64_t high;
    uint64_t word[2];

    if (text.bytes > SHORT_TEXT_ROOM) {
        word[0] = text.bytes | short_text_read(text.data + text.bytes - 4, 4) << 32;
        word[1] = (uintptr_t)text.data;
    } else {
        short_text_pack(text, &low, &high);
        word[0] = text.bytes | low << 32;
        word[1] = low >> 32 | high << 32;
    }
    static_assert(sizeof(word) == sizeof(lent), "two numbers");
    memcpy(&lent, word, sizeof(lent));
    return lent;
}

/* Home. Of two structs of this form: false for nearly all that are not the same, without a look at where texts lie. */
static inline bool
short_text_may_be_same(const void *a, const void *b)
{
    uint64_t word_a;
    uint64_t word_b;

    memcpy(&word_a, a, sizeof(word_a));
    memcpy(&word_b, b, sizeof(word_b));
    return word_a == word_b;
}

/* Home. Of two structs of this form, whose longer texts may lie anywhere: `text_a` and `text_b` are what they say. */
static inline bool
short_text_same(const void *a, struct text text_a, const void *b, struct text text_b)
{
    uint64_t word_a[2];
    uint64_t word_b[2];

    memcpy(word_a, a, sizeof(word_a));
    memcpy(word_b, b, sizeof(word_b));
    if (word_a[0] != word_b[0]) {
        return false;
    }
    return text_a.bytes <= SHORT_TEXT_ROOM
               ? word_a[1] == word_b[1]
               : text_a.data == text_b.data || memcmp(text_a.data, text_b.data, text_a.bytes) == 0;
}

/* Home. `b` is known to be short. */
static inline bool
short_text_is(const struct short_text *a, const struct short_text *b)
{
    uint64_t word_a[2];
    uint64_t word_b[2];

    memcpy(word_a, a, sizeof(word_a));
    memcpy(word_b, b, sizeof(word_b));
    return ((word_a[0] ^ word_b[0]) | (word_a[1] ^ word_b[1])) == 0;
}

/* Home. */
static inline bool
short_text_equal(const struct short_text *a, const struct short_text *b)
{
    return short_text_same(a, short_text(a), b, short_text(b));
}
