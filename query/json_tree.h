/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json_tree - a JSON value as a small tree, for the bodies and variables of GraphQL requests
 *
 * Strict RFC 8259: one value, UTF-8, no lone surrogates, no comments or trailing commas. The event path
 * has its own reader (core/json_in.h), which shares our words for kinds.
 *
 * Threads  Home shard only.
 * Memory   The tree lives in the arena; texts without escapes point into the input, which must live as long.
 * Limits   JSON_TREE_DEPTH_MAX levels; the arena's bytes.
 */

#include "core/arena.h"
#include "core/base.h"
#include "core/json_in.h"

#define JSON_TREE_DEPTH_MAX 64u

enum json_tree_answer {
    JSON_TREE_BAD = 1,  /* not JSON, or deeper than we read */
    JSON_TREE_FULL = 2, /* the arena is full */
};

struct json_tree {
    enum json_kind kind;
    uint32_t count;             /* children, of lists and objects */
    struct text name;           /* of a member of an object, unescaped */
    struct text text;           /* a string unescaped, a number as it was written */
    struct json_tree *children; /* in order */
    struct json_tree *next;     /* sibling */
};

/* Home. The whole input is one value; blanks around it are fine. */
MUST_USE int json_tree_parse(struct arena *arena, struct text input, struct json_tree **out_value);

/* Any thread. NULL when the value is no object or has no such member; of equal names the last one counts. */
const struct json_tree *json_tree_member(const struct json_tree *object, struct text name);

/*
 * Any thread. True when the text of a JSON or GraphQL number is a whole number that fits ("12", also
 * "12.0" and "1.2e1").
 */
MUST_USE bool json_tree_whole(struct text number, int64_t *out_value);
/* Any thread. True when the number is finite as a double. */
MUST_USE bool json_tree_double(struct text number, double *out_value);
