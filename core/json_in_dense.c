/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Objects as machines write them, with no blank between their tokens, are checked and listed in one go.
 *
 * No token is taken but right behind the one before. The end tokens, behind the last one, do not lie like that, so what
 * they point to is looked at, whatever it is, and never passed. Nor does a line end in such an object, so nobody needs to
 * know where its line does.
 *
 * Notes are left as walk() leaves them (json_in.cc), but for strings that are members of the object itself: those are
 * listed, and never read again.
 */

#include "core/json_in_state.h"

/* 0: a string, from its first quote to its last, right before the next token. */
static inline uint32_t
string_flaw(const char *base, uint32_t at, uint32_t next)
{
    return (uint32_t)(base[at] ^ '"') | (uint32_t)(base[next - 1] ^ '"') | (next - at - 2) >> 31;
}

/* 0: a key and its colon. One sum, because a branch for each would cost more than the rest. */
static inline uint32_t
key_flaw(const char *base, uint32_t at, uint32_t next)
{
    return string_flaw(base, at, next) | (uint32_t)(base[next] ^ ':');
}

/* Leaves the note. */
static inline bool
escapes_are_good(struct json_in *json, uint32_t token, uint32_t at, uint32_t next)
{
    json->notes[token] = 0;
    return LIKELY(json->escape_next >= next - 1) || json_in_unescape(json, at, next - 1, &json->notes[token]);
}

static inline bool
is_container(char first)
{
    return (first | 0x20) == '{';
}

/* Up to 7 digits, which are most numbers: all at once, because a loop's end is hard to foresee. */
static inline bool
is_short_integer(const char *at, uint32_t bytes)
{
    uint64_t word;
    uint64_t digits;

    if (bytes - 1 >= 7) {
        return false;
    }
    memcpy(&word, at, sizeof(word));
    digits = (word << (64 - 8 * bytes)) ^ (UINT64_C(0x3030303030303030) << (64 - 8 * bytes));
    return ((digits | (digits + UINT64_C(0x0606060606060606))) & UINT64_C(0xf0f0f0f0f0f0f0f0)) == 0 &&
           (*at != '0' || bytes == 1);
}

/* A number or a word. */
static inline bool
is_dense_scalar(const char *at, uint32_t bytes)
{
    switch (*at) {
    case 't':
        return bytes == 4 && memcmp(at, "true", 4) == 0;
    case 'f':
        return bytes == 5 && memcmp(at, "false", 5) == 0;
    case 'n':
        return bytes == 4 && memcmp(at, "null", 4) == 0;
    default:
        return is_short_integer(at, bytes) ||
               (bytes > 0 && json_in_skip_number(at, at + bytes) == at + bytes);
    }
}

/* The object or array at `token`, in so many others. The token behind it, or 0. */
__attribute__((noinline)) static uint32_t
skip_dense(struct json_in *json, uint32_t token, uint32_t depth)
{
    const uint32_t depth_around = depth;
    const char *const base = json->base;
    const uint32_t *const tokens = json->tokens;
    uint32_t *const notes = json->notes;
    uint32_t open = token; /* its note is that of the one around it, while it is open */
    uint32_t at;           /* where a token must be next */
    uint32_t next;
    char closing;

open:
    if (UNLIKELY(depth == JSON_IN_DEPTH_MAX)) {
        return 0;
    }
    depth++;
    notes[token] = open;
    open = token;
    at = tokens[token++] + 1;
    closing = (char)(base[at - 1] + 2);
    if (UNLIKELY(base[at] == closing && tokens[token] == at)) {
        goto close;
    }
    if (closing == ']') {
        goto value;
    }

key:
    next = tokens[token + 1];
    if (((tokens[token] ^ at) | key_flaw(base, at, next)) != 0 || !escapes_are_good(json, token, at, next)) {
        return 0;
    }
    token += 2;
    at = next + 1;

value:
    if (tokens[token] != at) {
        return 0;
    }
    next = tokens[token + 1];
    if (LIKELY(base[at] == '"')) {
        if (string_flaw(base, at, next) != 0 || !escapes_are_good(json, token, at, next)) {
            return 0;
        }
    } else if (is_container(base[at])) {
        goto open;
    } else if (!is_dense_scalar(base + at, next - at)) {
        return 0;
    }
    token++;
    at = next;

after:
    if (LIKELY(base[at] == ',')) {
        at++;
        token++;
        if (closing == '}') {
            goto key;
        }
        goto value;
    }
    if (base[at] != closing) {
        return 0;
    }

close:
    next = notes[open];
    notes[open] = token++;
    if (--depth == depth_around) {
        return token;
    }
    open = next;
    closing = (char)(base[tokens[open]] + 2);
    at++;
    if (tokens[token] != at) {
        return 0;
    }
    goto after;
}

/* Of a string without a flaw. */
static inline bool
take_string(struct json_in *json, uint32_t at, uint32_t next, struct text *out_text)
{
    uint32_t note = 0;
    uint32_t bytes;

    *out_text = (struct text){.data = json->base + at + 1, .bytes = next - at - 2};
    if (LIKELY(json->escape_next >= next - 1)) {
        return true;
    }
    if (!json_in_unescape(json, at, next - 1, &note)) {
        return false;
    }
    if (note != 0) {
        memcpy(&bytes, json->scratch + note - 1, sizeof(bytes));
        *out_text = (struct text){.data = json->scratch + note - 1 + sizeof(bytes), .bytes = bytes};
    }
    return true;
}

/* The value at `token`, which must be at `at` and is not a string. The token behind it, or 0. */
static inline uint32_t
take_dense(struct json_in *json, uint32_t token, uint32_t at, struct json_value *value)
{
    const uint32_t *tokens = json->tokens;
    const char *first = json->base + at;

    value->text = (struct text){.bytes = 0};
    if (tokens[token] != at) {
        return 0;
    }
    if (is_container(*first)) {
        value->kind = *first == '{' ? JSON_OBJECT : JSON_ARRAY;
        token = skip_dense(json, token, 1);
        return token == 0 || tokens[token] != tokens[token - 1] + 1 ? 0 : token;
    }
    value->kind = *first == 't'   ? JSON_TRUE
                  : *first == 'f' ? JSON_FALSE
                  : *first == 'n' ? JSON_NULL
                                  : JSON_NUMBER;
    return is_dense_scalar(first, tokens[token + 1] - at) ? token + 1 : 0;
}

uint32_t
json_in_list_dense(struct json_in *json, uint32_t token)
{
    const char *const base = json->base;
    const uint32_t *const tokens = json->tokens;
    const uint32_t opened = json->opened;
    const uint32_t first = token++;
    struct json_value *member = json->listed;
    struct json_value *const members_end = member + JSON_IN_MEMBERS_MAX;
    uint32_t at = tokens[first] + 1;

    if (base[at - 1] != '{' || tokens[token] != at) {
        return 0;
    }
    while (base[at] != '}') {
        uint32_t next = tokens[token + 1];

        if (UNLIKELY(member == members_end) || key_flaw(base, at, next) != 0 ||
            !take_string(json, at, next, &member->key)) {
            return 0;
        }
        token += 2;
        at = next + 1;
        next = tokens[token + 1];
        member->token = token;
        member->opened = opened;
        if (LIKELY(base[at] == '"')) {
            if (((tokens[token] ^ at) | string_flaw(base, at, next)) != 0 ||
                !take_string(json, at, next, &member->text)) {
                return 0;
            }
            member->kind = JSON_STRING;
            token++;
        } else {
            token = take_dense(json, token, at, member);
            if (token == 0) {
                return 0;
            }
            next = tokens[token];
        }
        member->raw = (struct text){.data = base + at, .bytes = next - at};
        member++;
        at = next;
        if (LIKELY(base[at] == ',')) {
            at++;
            token++;
            if (tokens[token] != at || base[at] == '}') {
                return 0;
            }
        } else if (base[at] != '}') {
            return 0;
        }
    }
    if (at >= json->indexed_bytes) {
        return 0;
    }
    json->notes[first] = token;
    json->dense_token = first;
    json->dense_count = (uint32_t)(member - json->listed);
    json->listed_count = json->dense_count;
    return token + 1;
}
