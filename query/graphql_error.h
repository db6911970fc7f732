/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_error - what is wrong with a request or a field, in the form that GraphQL clients read
 *
 * A *request error* (syntax, validation, coercion, a limit) means that nothing was executed: the answer
 * has no `data` key. A *field error* happens while a value is made: it has a path, and `data` is present.
 * A list holds one of the two kinds; graphql_prepare() makes only request errors.
 *
 * Threads  Home shard only.
 * Memory   Everything lives in the list's arena; paths must live there too.
 * Limits   GRAPHQL_ERRORS_MAX in a list, more are counted and dropped; messages of at most
 *          GRAPHQL_MESSAGE_BYTES_MAX.
 * Errors   When the arena is full the list says so with one constant error and needs no memory for it.
 */

#include "core/arena.h"
#include "core/base.h"

#define GRAPHQL_ERRORS_MAX 100u
#define GRAPHQL_MESSAGE_BYTES_MAX 1200u

/* extensions.code */
#define GRAPHQL_CODE_SYNTAX "GRAPHQL_PARSE_FAILED"
#define GRAPHQL_CODE_VALIDATION "GRAPHQL_VALIDATION_FAILED"
#define GRAPHQL_CODE_FIELDS_CONFLICT "FIELDS_CONFLICT"
#define GRAPHQL_CODE_OPERATION "OPERATION_RESOLUTION_FAILURE"
#define GRAPHQL_CODE_INPUT "BAD_USER_INPUT"
#define GRAPHQL_CODE_NOT_SUPPORTED "NOT_SUPPORTED"
#define GRAPHQL_CODE_TOKENS "TOO_MANY_TOKENS"
#define GRAPHQL_CODE_VARIABLES "TOO_MANY_VARIABLES"
#define GRAPHQL_CODE_DEEP "TOO_DEEP"
#define GRAPHQL_CODE_COSTLY "TOO_COSTLY"
#define GRAPHQL_CODE_COMPLEX "TOO_COMPLEX"
#define GRAPHQL_CODE_FIRST "INVALID_FIRST"
#define GRAPHQL_CODE_MEMORY "TOO_LARGE"

struct json_out;

/* Both count from 1, columns in characters; line 0 is nowhere. */
struct graphql_place {
    uint32_t line;
    uint32_t column;
};

/* The way to a value in the response, innermost first. */
struct graphql_path {
    const struct graphql_path *parent;
    struct text key; /* a response key, or */
    uint32_t index;  /* the place in a list when key.data is NULL */
};

struct graphql_error {
    struct text message;
    const struct graphql_place *places; /* where in the document */
    uint32_t place_count;
    struct text code;
    const struct graphql_path *path; /* of field errors */
    struct graphql_error *next;
};

struct graphql_errors {
    struct arena *arena;
    struct graphql_error *first;
    struct graphql_error *last;
    uint32_t count; /* in the list */
    uint32_t dropped_count;
    bool is_full; /* the arena was full */
};

/* Home. Borrows the arena. */
void graphql_errors_init(struct graphql_errors *errors, struct arena *arena);

/* Home. `code` is one of the constants above, or of the caller's own; a literal either way. */
PRINTF_LIKE(4, 5)
void graphql_error_add(struct graphql_errors *errors, struct graphql_place place, const char *code,
                       const char *format, ...);
/* Home. The same, at several places, which are copied. */
void graphql_error_add_all(struct graphql_errors *errors, const struct graphql_place *places,
                           uint32_t place_count, const char *code, struct text message);
/* Home. A field error. Borrows `path` as long as the arena. */
PRINTF_LIKE(5, 6)
void graphql_error_add_at(struct graphql_errors *errors, struct graphql_place place,
                          const struct graphql_path *path, const char *code, const char *format, ...);
/* Home. From now on the list says TOO_LARGE. */
void graphql_errors_full(struct graphql_errors *errors);
/* Home. Zeroed memory of the arena. NULL when that is full, which the list says from now on. */
MUST_USE void *graphql_errors_take(struct graphql_errors *errors, uint64_t bytes);

/* Home. What is added now is only counted. */
static inline bool
graphql_errors_enough(const struct graphql_errors *errors)
{
    return errors->count == GRAPHQL_ERRORS_MAX || errors->is_full;
}

static inline bool
graphql_errors_any(const struct graphql_errors *errors)
{
    return errors->count > 0 || errors->is_full;
}

/* Home. Writes the array that belongs after "errors":. At least one error must be there. */
void graphql_errors_write(const struct graphql_errors *errors, struct json_out *out);

/* For "%.*s" in messages: a name that a client chose, cut where it gets silly. */
#define GRAPHQL_NAME(text_) \
    ((text_).bytes < 60u ? (int)(text_).bytes : 60), ((text_).data != NULL ? (text_).data : "")
