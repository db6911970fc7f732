/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_ast - an executable GraphQL document as it was written
 *
 * Lists are linked by `next`, in the order of the source. Validation writes what it finds out (field,
 * fragment) into the nodes, so that it is looked up once. A field node stands on one type only, since ours
 * are all object types.
 *
 * Threads  Home shard only.
 * Memory   Nodes live in the request's arena; names and strings may point into the source.
 * Limits   GRAPHQL_AST_DEPTH_MAX levels of selections, values and types each, so recursion over nodes is
 *          safe.
 */

#include "core/base.h"
#include "query/graphql_error.h"
#include "query/graphql_schema.h"

#define GRAPHQL_AST_DEPTH_MAX 64u

enum graphql_operation {
    GRAPHQL_QUERY,
    GRAPHQL_MUTATION,
    GRAPHQL_SUBSCRIPTION,
};

enum graphql_ast_value_kind {
    GRAPHQL_AST_VARIABLE,
    GRAPHQL_AST_INT,
    GRAPHQL_AST_FLOAT,
    GRAPHQL_AST_STRING,
    GRAPHQL_AST_BOOLEAN,
    GRAPHQL_AST_NULL,
    GRAPHQL_AST_ENUM,
    GRAPHQL_AST_LIST,
    GRAPHQL_AST_OBJECT,
};

struct graphql_ast_value {
    enum graphql_ast_value_kind kind;
    bool is_block; /* a string in three quotes */
    struct graphql_place place;
    uint32_t count;   /* of items */
    struct text name; /* of a field of an object */
    struct graphql_place name_place;
    struct text text; /* as written; a variable without its $; a string's value */
    struct graphql_ast_value *items;
    struct graphql_ast_value *next;
};

struct graphql_ast_argument {
    struct text name;
    struct graphql_place place;
    struct graphql_ast_value *value;
    struct graphql_ast_argument *next;
};

struct graphql_ast_directive {
    struct text name;
    struct graphql_place place;
    struct graphql_ast_argument *arguments;
    struct graphql_ast_directive *next;
};

/* [[Name!]]!: see struct graphql_type_ref for the bits. */
struct graphql_ast_type {
    struct text name;
    struct graphql_place place; /* of its first bracket */
    struct graphql_place name_place;
    uint8_t list_depth;
    uint8_t non_null;
};

struct graphql_ast_variable {
    struct text name;
    struct graphql_place place; /* of its description, or its $ */
    struct graphql_place name_place;
    struct graphql_ast_type type;
    struct graphql_ast_value *default_value; /* NULL: none */
    struct graphql_ast_directive *directives;
    struct graphql_ast_variable *next;
};

enum graphql_ast_selection_kind {
    GRAPHQL_AST_FIELD,
    GRAPHQL_AST_SPREAD, /* ...name */
    GRAPHQL_AST_INLINE, /* ... on Name { } */
};

struct graphql_ast_definition;
struct graphql_overlap_set;
struct graphql_uses;
struct graphql_value;

struct graphql_ast_selection {
    enum graphql_ast_selection_kind kind;
    struct graphql_place place;
    struct text alias; /* of a field, empty: none */
    struct text name;  /* of the field, or of the fragment */
    struct graphql_place name_place;
    struct graphql_ast_argument *arguments;
    uint32_t arguments_bytes; /* of source: what comparing them may cost */
    struct graphql_ast_directive *directives;
    struct text type_condition; /* of an inline fragment, empty: none */
    struct graphql_place type_place;
    bool has_selections; /* the braces are there */
    struct graphql_place selections_place;
    struct graphql_ast_selection *selections;
    struct graphql_ast_selection *next;

    enum graphql_field field;                /* validation: of a field; FIELD_NONE: unknown */
    enum graphql_type parent;                /* validation: what has the field; TYPE_NONE: unknown */
    uint32_t key_hash;                       /* validation: of its response key */
    struct graphql_ast_definition *fragment; /* validation: of a spread; NULL: unknown */
    struct graphql_overlap_set *set;         /* validation: what is selected below a field */
    struct graphql_value *values;            /* planning: the arguments of a field */
};

enum graphql_ast_definition_kind {
    GRAPHQL_AST_OPERATION,
    GRAPHQL_AST_FRAGMENT,
};

struct graphql_ast_definition {
    enum graphql_ast_definition_kind kind;
    enum graphql_operation operation;
    struct text name; /* empty: an operation without */
    struct graphql_place place;
    struct graphql_place name_place;
    struct graphql_ast_variable *variables;
    struct text type_condition; /* of a fragment */
    struct graphql_place type_place;
    struct graphql_ast_directive *directives;
    struct graphql_ast_selection *selections;
    struct graphql_ast_definition *next;

    enum graphql_type type;          /* validation: what it selects from; TYPE_NONE: unknown */
    uint32_t visit;                  /* the last visit that came here */
    uint32_t index;                  /* validation: of a fragment */
    struct graphql_uses *uses;       /* validation: its variables and spreads */
    struct graphql_overlap_set *set; /* validation: what it selects */
};

struct graphql_ast_document {
    struct graphql_ast_definition *definitions;
    uint32_t visit; /* numbers of visits given out so far */
};

/* Home. NULL when there is none; of several (which validation refuses) the last. */
struct graphql_ast_definition *graphql_ast_fragment(const struct graphql_ast_document *document,
                                                    struct text name);
const struct graphql_ast_argument *graphql_ast_argument(const struct graphql_ast_argument *arguments,
                                                        struct text name);
const struct graphql_ast_directive *graphql_ast_directive(const struct graphql_ast_directive *directives,
                                                          struct text name);

/*
 * Home. The same values under the same names; the order of arguments and of an object's fields does not
 * count.
 */
bool graphql_ast_arguments_equal(const struct graphql_ast_argument *a, const struct graphql_ast_argument *b);

/* Any thread. What a field is called in the response. */
static inline struct text
graphql_ast_response_key(const struct graphql_ast_selection *field)
{
    return field->alias.bytes > 0 ? field->alias : field->name;
}
