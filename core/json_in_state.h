/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json_in_state - what the files of json_in share
 *
 * What tokens and notes are is said in json_in.cc.
 *
 * Threads  Home shard only.
 */

#include "core/json_in.h"

/* Behind the last token, all saying the end. simdjson has room for so many there. */
#define JSON_IN_END_TOKENS 3u

struct json_in {
    uint32_t magic;
    uint32_t bytes_max;
    uint32_t opened; /* counts openings, to recognise values of earlier ones */
    const char *reason;

    /* What stage 1 was run over. */
    void *stage_1; /* simdjson's */
    const char *base;
    uint32_t end;         /* of the value or line, counted from base */
    uint32_t escape_next; /* no backslash from the last string walked up to here */
    uint32_t indexed_bytes;
    uint32_t *tokens; /* in stage_1 */
    uint32_t *notes;

    char *scratch; /* pieces of uint32_t length and text */
    uint32_t scratch_bytes;

    struct json_value *listed;
    uint32_t listed_count;
    uint32_t dense_token; /* of the object whose members json_in_list_dense() has listed, first of all */
    uint32_t dense_count; /* 0: there is none */

    /* Lines. */
    const char *line;
    const char *window_end;
    const char *lines_end;
    uint32_t token;  /* of the line, in an indexed window */
    bool is_indexed; /* the window as a whole */
};

/*
 * Home. The object at `token`, if there is no blank between its tokens: its members are listed. The token behind it; 0
 * says nothing, not even that it is bad, and is to be followed by forgetting what was listed and unescaped.
 */
MUST_USE uint32_t json_in_list_dense(struct json_in *json, uint32_t token);

/* Home. A string that a backslash may be in, between quotes at `at` and `close`: its note. False with a reason. */
MUST_USE bool json_in_unescape(struct json_in *json, uint32_t at, uint32_t close, uint32_t *out_note);

static inline bool
json_in_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* Any thread. The end of the number that begins at `at`, or NULL when none does. */
static inline const char *
json_in_skip_number(const char *at, const char *limit)
{
    if (*at == '-') {
        at++;
    }
    if (at == limit || !json_in_is_digit(*at)) {
        return NULL;
    }
    if (*at++ != '0') {
        while (at < limit && json_in_is_digit(*at)) {
            at++;
        }
    }
    if (at < limit && *at == '.') {
        at++;
        if (at == limit || !json_in_is_digit(*at)) {
            return NULL;
        }
        while (at < limit && json_in_is_digit(*at)) {
            at++;
        }
    }
    if (at < limit && (*at | 0x20) == 'e') {
        at++;
        if (at < limit && (*at == '+' || *at == '-')) {
            at++;
        }
        if (at == limit || !json_in_is_digit(*at)) {
            return NULL;
        }
        while (at < limit && json_in_is_digit(*at)) {
            at++;
        }
    }
    return at;
}
