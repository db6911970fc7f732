/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_value - what a client gave for an argument, in the form that the executor uses
 *
 * Literals of the document and the JSON of the variables are coerced by the rules of the specification
 * (section 3, "Input Coercion", and 6.1.2) into one kind of value. Literals were validated before
 * (graphql_literal.h), which asks here whether a scalar fits.
 *
 * Threads  Home shard only.
 * Memory   Values live in the arena, their texts in the document, the variables or the arena.
 * Limits   GRAPHQL_LIST_ITEMS_MAX in a list of a variable; the tokens of the document bound its own lists.
 * Errors   False, with at least one error in the list.
 */

#include "core/base.h"
#include "query/graphql_ast.h"
#include "query/graphql_error.h"
#include "query/graphql_schema.h"
#include "query/json_tree.h"

#define GRAPHQL_LIST_ITEMS_MAX 1000u

enum graphql_value_kind {
    GRAPHQL_VALUE_ABSENT, /* not given, and no default */
    GRAPHQL_VALUE_NULL,
    GRAPHQL_VALUE_INTEGER, /* Int and Long: integer */
    GRAPHQL_VALUE_FLOAT,   /* number */
    GRAPHQL_VALUE_BOOLEAN, /* truth */
    GRAPHQL_VALUE_TEXT,    /* String and ID: text */
    GRAPHQL_VALUE_TIME,    /* DateTime: time */
    GRAPHQL_VALUE_ENUM,    /* enumerator */
    GRAPHQL_VALUE_LIST,    /* items[count] */
    GRAPHQL_VALUE_OBJECT,  /* items[count], one for each field of the input type: see graphql_value_field() */
    GRAPHQL_VALUE_JSON,    /* JSON: json */
};

struct graphql_value {
    enum graphql_value_kind kind;
    uint32_t count;
    enum graphql_type type; /* of an OBJECT */
    union {
        int64_t integer;
        double number;
        bool truth;
        struct text text;
        struct event_ms time;
        enum graphql_enum enumerator;
        const struct graphql_value *items;
        const struct json_tree *json;
    };
};

/* A variable of the operation that runs; ABSENT when it was not given and has no default. */
struct graphql_variable {
    struct text name;
    struct graphql_value value;
};

/* The place where a value stands. */
struct graphql_location {
    struct graphql_type_ref ref;
    bool has_default; /* the argument or field has one in the schema */
};

struct graphql_coercion {
    struct graphql_errors *errors;
    const struct graphql_variable *variables;
    uint32_t variable_count;
};

/* Home. ABSENT and true when the literal is a variable without a value. */
MUST_USE bool graphql_value_from_literal(const struct graphql_coercion *coercion,
                                         struct graphql_location location,
                                         const struct graphql_ast_value *literal,
                                         struct graphql_value *out_value);

/* Home. Whether a literal is one of this scalar or enum. */
bool graphql_value_fits(enum graphql_type type, const struct graphql_ast_value *literal);

/* Home. A variable's value. `name` and `place` are for messages. */
MUST_USE bool graphql_value_from_json(struct graphql_errors *errors, struct graphql_type_ref ref,
                                      const struct json_tree *json, struct text name,
                                      struct graphql_place place, struct graphql_value *out_value);

/*
 * Home. What the schema says when nothing is given; ABSENT when it says nothing. `literal` is a row's
 * default.
 */
struct graphql_value graphql_value_default(struct graphql_type_ref ref, struct text literal);

/* Home. A field of an OBJECT. REQUIREs that the field is one of its type. */
const struct graphql_value *graphql_value_field(const struct graphql_value *object, enum graphql_input field);

/* Any thread. Neither absent nor null. */
static inline bool
graphql_value_is_given(const struct graphql_value *value)
{
    return value->kind != GRAPHQL_VALUE_ABSENT && value->kind != GRAPHQL_VALUE_NULL;
}

/* Any thread. RFC 3339 with a zone; the rest as time_text_parse() has it. */
MUST_USE bool graphql_value_time(struct text text, struct event_ms *out_time);
