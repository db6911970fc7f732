/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * model_json - reads JSON that is known to be good: our answers and our vectors
 *
 * Dies on anything else. Escapes of surrogate pairs are not read.
 *
 * Memory   The tree lives in the arena and borrows the text.
 */

#include "core/arena.h"
#include "core/base.h"

enum model_json_kind {
    MODEL_JSON_NULL,
    MODEL_JSON_BOOL,
    MODEL_JSON_NUMBER,
    MODEL_JSON_STRING,
    MODEL_JSON_ARRAY,
    MODEL_JSON_OBJECT,
};

struct model_json {
    struct model_json *next; /* in its parent */
    struct model_json *first;
    struct model_json *last;
    enum model_json_kind kind;
    uint32_t count;
    struct text raw;    /* as it stands in the text */
    struct text key;    /* in its parent, decoded */
    struct text string; /* decoded */
    double number;      /* 1 and 0 for true and false */
};

/* NUL-terminated; what follows the value is not looked at. */
const struct model_json *model_json_parse(struct arena *arena, const char *text);
/* NULL when there is none, or no parent. */
const struct model_json *model_json_get(const struct model_json *value, struct text key);
/* "profile.sessions.nodes.0.revision"; NULL when the way ends before. */
const struct model_json *model_json_path(const struct model_json *value, const char *path);
/* No bytes when it is no string. */
struct text model_json_string(const struct model_json *value);
