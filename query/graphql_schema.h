/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_schema - our schema as tables, with a number for every name in it
 *
 * The rows are in graphql_schema.def. Executors switch on these numbers: TYPE_EVENT, FIELD_EVENT_COUNTRY,
 * ARGUMENT_QUERY_EVENTS_FIRST, INPUT_EVENT_FILTER_LATE, ENUM_METRIC_USERS. Numbers are for this build only.
 *
 * Types that begin with TYPE_META_ are those of introspection. A directive is a row like a field, of
 * TYPE_DIRECTIVES, which is no type and comes last: FIELD_DIRECTIVES_SKIP with
 * ARGUMENT_DIRECTIVES_SKIP_IF. So whatever is done with the arguments of fields is done with theirs.
 *
 * Threads  Any thread: everything is constant.
 */

#include "core/base.h"

enum graphql_type {
    TYPE_NONE,
#define GRAPHQL_SCALAR(TYPE, name, description) TYPE_##TYPE,
#define GRAPHQL_OBJECT(TYPE, name, flag, description) TYPE_##TYPE,
#define GRAPHQL_ENUM(TYPE, name, description) TYPE_##TYPE,
#define GRAPHQL_INPUT(TYPE, name, description) TYPE_##TYPE,
#include "query/graphql_schema.def"
    TYPE_ROWS
};

/* Fields of object types, those of one type next to each other. */
enum graphql_field {
    FIELD_NONE,
    FIELD_TYPENAME, /* __typename, a field of every type */
#define GRAPHQL_FIELD(TYPE, FIELD, name, OF, wrap, description) FIELD_##TYPE##_##FIELD,
#include "query/graphql_schema.def"
    FIELD_ROWS
};

/* Arguments, those of one field next to each other. */
enum graphql_argument {
    ARGUMENT_NONE,
#define GRAPHQL_ARGUMENT(TYPE, FIELD, ARGUMENT, name, OF, wrap, default, description) \
    ARGUMENT_##TYPE##_##FIELD##_##ARGUMENT,
#include "query/graphql_schema.def"
    ARGUMENT_ROWS
};

/* Fields of input types, those of one type next to each other. */
enum graphql_input {
    INPUT_NONE,
#define GRAPHQL_INPUT_FIELD(TYPE, FIELD, name, OF, wrap, default, description) INPUT_##TYPE##_##FIELD,
#include "query/graphql_schema.def"
    INPUT_ROWS
};

/* The values of all enums, those of one enum next to each other. */
enum graphql_enum {
    ENUM_NONE,
#define GRAPHQL_ENUM_VALUE(TYPE, VALUE, name, description) ENUM_##TYPE##_##VALUE,
#include "query/graphql_schema.def"
    ENUM_ROWS
};

enum graphql_kind {
    GRAPHQL_KIND_SCALAR,
    GRAPHQL_KIND_OBJECT,
    GRAPHQL_KIND_ENUM,
    GRAPHQL_KIND_INPUT,
};

#define GRAPHQL_LIST_DEPTH_MAX 7u

/* A named type in its wrappers. Bit 0 of non_null is for the whole, bit n for the items n levels down. */
struct graphql_type_ref {
    enum graphql_type type;
    uint8_t list_depth;
    uint8_t non_null;
};

struct graphql_type_info {
    struct text name;
    struct text description;
    enum graphql_kind kind;
    uint16_t first;      /* graphql_field, graphql_input or graphql_enum, by kind; 0 for scalars */
    bool is_connection;  /* its lists are as long as the page that made it */
    bool is_unsupported; /* a root type whose operations are not executed yet */
    bool is_meta;        /* of introspection */
};

struct graphql_field_info {
    struct text name;
    struct text description;
    enum graphql_type parent; /* TYPE_NONE: of every type */
    struct graphql_type_ref ref;
    enum graphql_argument first; /* the first argument, if there is any */
};

struct graphql_argument_info {
    struct text name;
    struct text description;
    enum graphql_field field;
    struct graphql_type_ref ref;
    struct text default_literal; /* empty: none */
};

struct graphql_input_info {
    struct text name;
    struct text description;
    enum graphql_type parent;
    struct graphql_type_ref ref;
    struct text default_literal; /* empty: none */
};

struct graphql_enum_info {
    struct text name;
    struct text description;
    enum graphql_type parent;
};

const struct graphql_type_info *graphql_type_info(enum graphql_type type);
const struct graphql_field_info *graphql_field_info(enum graphql_field field);
const struct graphql_argument_info *graphql_argument_info(enum graphql_argument argument);
const struct graphql_input_info *graphql_input_info(enum graphql_input input);
const struct graphql_enum_info *graphql_enum_info(enum graphql_enum value);

/* The types of the schema, those of introspection too, are TYPE_NONE + 1 to this. */
#define GRAPHQL_TYPE_LAST ((enum graphql_type)(TYPE_DIRECTIVES - 1))

/* A field that is known and not shown: it begins with "__". */
static inline bool
graphql_field_is_hidden(const struct graphql_field_info *field)
{
    return field->name.bytes > 2 && field->name.data[0] == '_' && field->name.data[1] == '_';
}

/* The places where a directive may stand, as bits: 0 for QUERY, and so on in the order of the enum. */
uint32_t graphql_directive_places(enum graphql_field directive);

static inline uint32_t
graphql_directive_place(enum graphql_enum location)
{
    return 1u << (location - ENUM_META_DIRECTIVE_LOCATION_QUERY);
}

/* How many rows belong to this one, beginning with its `first`. */
uint32_t graphql_field_count(enum graphql_type object);
uint32_t graphql_argument_count(enum graphql_field field);
uint32_t graphql_input_count(enum graphql_type input);
uint32_t graphql_enum_count(enum graphql_type enumeration);

/* By name; 0 (..._NONE) when there is none. FIELD_TYPENAME is found in every object type. */
enum graphql_type graphql_type_find(struct text name);
enum graphql_field graphql_field_find(enum graphql_type object, struct text name);
enum graphql_argument graphql_argument_find(enum graphql_field field, struct text name);
enum graphql_input graphql_input_find(enum graphql_type input, struct text name);
enum graphql_enum graphql_enum_find(enum graphql_type enumeration, struct text name);

static inline bool
graphql_ref_is_non_null(struct graphql_type_ref ref)
{
    return (ref.non_null & 1u) != 0;
}

/* The type of the items of a list. */
static inline struct graphql_type_ref
graphql_ref_item(struct graphql_type_ref ref)
{
    return (struct graphql_type_ref){
        .type = ref.type, .list_depth = (uint8_t)(ref.list_depth - 1), .non_null = ref.non_null >> 1};
}

#define GRAPHQL_REF_BYTES_MAX 64u

/* "[DimensionValue!]", as it is written in GraphQL. Returns `out`, ended by a NUL. */
const char *graphql_ref_print(struct graphql_type_ref ref, char out[GRAPHQL_REF_BYTES_MAX]);
