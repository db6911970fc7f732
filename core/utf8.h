/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * utf8 - one character at a time, for the readers of text that people typed
 *
 * Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Threads  Everything here is pure.
 */

#include "core/base.h"

/* Any thread. Bytes of the character at `data` (1 to 4), 0 when it is not UTF-8 or bytes is 0. */
static inline uint32_t
utf8_decode(const char *data, uint32_t bytes, uint32_t *out_code)
{
    const unsigned char *at = (const unsigned char *)data;
    uint32_t code;
    uint32_t length;
    uint32_t code_min;

    if (bytes == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        *out_code = at[0];
        return 1;
    }
    if (at[0] < 0xc2 || at[0] > 0xf4) {
        return 0;
    }
    length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    code_min = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (bytes < length) {
        return 0;
    }
    code = at[0] & (0x7fu >> length);
    for (uint32_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < code_min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    *out_code = code;
    return length;
}

/* Any thread. Writes the character to `out` and returns its bytes. `code` is a Unicode scalar value. */
static inline uint32_t
utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Any thread. */
static inline bool
utf8_is_valid(struct text text)
{
    uint32_t code;

    for (uint32_t i = 0; i < text.bytes;) {
        uint32_t length = utf8_decode(text.data + i, text.bytes - i, &code);

        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

/* Any thread. The value of `count` hexadecimal digits at `data`, false when one of them is none. */
static inline bool
utf8_hex(const char *data, uint32_t count, uint32_t *out_code)
{
    uint32_t code = 0;

    for (uint32_t i = 0; i < count; i++) {
        char c = data[i];
        uint32_t digit;

        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        code = code << 4 | digit;
    }
    *out_code = code;
    return true;
}

/*
 * Any thread. The character that a JSON escape means: `at` is behind its \u, and moves behind the whole of it, which may
 * be two escapes (a pair of surrogates). A surrogate alone is grammatical, and what cutting an emoji in half makes: it
 * reads as U+FFFD. UINT32_MAX, and unchanged: no four hexadecimal digits.
 */
static inline uint32_t
utf8_of_escape(const char **at, const char *end)
{
    uint32_t code;
    uint32_t low;

    if (end - *at < 4 || !utf8_hex(*at, 4, &code)) {
        return UINT32_MAX;
    }
    *at += 4;
    if (code < 0xd800 || code > 0xdfff) {
        return code;
    }
    if (code > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u' ||
        !utf8_hex(*at + 2, 4, &low) || low < 0xdc00 || low > 0xdfff) {
        return 0xfffd;
    }
    *at += 6;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}
