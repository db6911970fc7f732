/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_schema.h"

#define WRAP_OPTIONAL .list_depth = 0, .non_null = 0
#define WRAP_REQUIRED .list_depth = 0, .non_null = 1
#define WRAP_OPTIONAL_LIST .list_depth = 1, .non_null = 2
#define WRAP_REQUIRED_LIST .list_depth = 1, .non_null = 3
#define REF(OF, wrap) \
    { \
        .type = TYPE_##OF, WRAP_##wrap \
    }
#define LITERAL(string) \
    { \
        .data = (string), .bytes = sizeof(string) - 1 \
    }
#define SAID(name_, description_) .name = LITERAL(name_), .description = LITERAL(description_)
#define TAKES(OF, wrap, literal) .ref = REF(OF, wrap), .default_literal = LITERAL(literal)
#define FIRST(number) .first = (enum graphql_argument)(number)

#define FLAG_PLAIN .is_connection = false
#define FLAG_CONNECTION .is_connection = true
#define FLAG_UNSUPPORTED .is_unsupported = true
#define FLAG_META .is_meta = true
#define FLAG_HIDDEN .is_connection = false

/*
 * Where the rows of a parent begin. Each parent counts as 0 in these copies of the enums of the header: it
 * takes the next number, and then hands it on to the row after it.
 */
enum {
    FIELDS_BEFORE = FIELD_TYPENAME,
#define GRAPHQL_OBJECT(TYPE, name, flag, description) \
    FIELDS_OF_##TYPE, FIELDS_BACK_##TYPE = FIELDS_OF_##TYPE - 1,
#define GRAPHQL_FIELD(TYPE, FIELD, name, OF, wrap, description) FIELDS_##TYPE##__##FIELD,
#include "query/graphql_schema.def"
};

enum {
    ARGUMENTS_BEFORE,
#define GRAPHQL_FIELD(TYPE, FIELD, name, OF, wrap, description) \
    ARGUMENTS_OF_##TYPE##_##FIELD, ARGUMENTS_BACK_##TYPE##_##FIELD = ARGUMENTS_OF_##TYPE##_##FIELD - 1,
#define GRAPHQL_ARGUMENT(TYPE, FIELD, ARGUMENT, name, OF, wrap, default, description) \
    ARGUMENTS_##TYPE##__##FIELD##__##ARGUMENT,
#include "query/graphql_schema.def"
};

enum {
    INPUTS_BEFORE,
#define GRAPHQL_INPUT(TYPE, name, description) INPUTS_OF_##TYPE, INPUTS_BACK_##TYPE = INPUTS_OF_##TYPE - 1,
#define GRAPHQL_INPUT_FIELD(TYPE, FIELD, name, OF, wrap, default, description) INPUTS_##TYPE##__##FIELD,
#include "query/graphql_schema.def"
};

enum {
    ENUMS_BEFORE,
#define GRAPHQL_ENUM(TYPE, name, description) ENUMS_OF_##TYPE, ENUMS_BACK_##TYPE = ENUMS_OF_##TYPE - 1,
#define GRAPHQL_ENUM_VALUE(TYPE, VALUE, name, description) ENUMS_##TYPE##__##VALUE,
#include "query/graphql_schema.def"
};

static const struct graphql_type_info types[TYPE_ROWS] = {
#define GRAPHQL_SCALAR(TYPE, name, description) \
    [TYPE_##TYPE] = {SAID(name, description), .kind = GRAPHQL_KIND_SCALAR},
#define GRAPHQL_OBJECT(TYPE, name, flag, description) \
    [TYPE_##TYPE] = {SAID(name, description), .kind = GRAPHQL_KIND_OBJECT, .first = FIELDS_OF_##TYPE, \
                     FLAG_##flag},
#define GRAPHQL_ENUM(TYPE, name, description) \
    [TYPE_##TYPE] = {SAID(name, description), .kind = GRAPHQL_KIND_ENUM, .first = ENUMS_OF_##TYPE},
#define GRAPHQL_INPUT(TYPE, name, description) \
    [TYPE_##TYPE] = {SAID(name, description), .kind = GRAPHQL_KIND_INPUT, .first = INPUTS_OF_##TYPE},
#include "query/graphql_schema.def"
};

static const struct graphql_field_info fields[FIELD_ROWS] = {
    [FIELD_TYPENAME] = {SAID("__typename", "The name of this type."), .ref = REF(STRING, REQUIRED)},
#define GRAPHQL_FIELD(TYPE, FIELD, name, OF, wrap, description) \
    [FIELD_##TYPE##_##FIELD] = {SAID(name, description), .parent = TYPE_##TYPE, .ref = REF(OF, wrap), \
                                FIRST(ARGUMENTS_OF_##TYPE##_##FIELD)},
#include "query/graphql_schema.def"
};

static const struct graphql_argument_info arguments[ARGUMENT_ROWS] = {
#define GRAPHQL_ARGUMENT(TYPE, FIELD, ARGUMENT, name, OF, wrap, default, description) \
    [ARGUMENT_##TYPE##_##FIELD##_## \
        ARGUMENT] = {SAID(name, description), .field = FIELD_##TYPE##_##FIELD, TAKES(OF, wrap, default)},
#include "query/graphql_schema.def"
};

static const struct graphql_input_info inputs[INPUT_ROWS] = {
#define GRAPHQL_INPUT_FIELD(TYPE, FIELD, name, OF, wrap, default, description) \
    [INPUT_##TYPE##_##FIELD] = {SAID(name, description), .parent = TYPE_##TYPE, TAKES(OF, wrap, default)},
#include "query/graphql_schema.def"
};

static const struct graphql_enum_info enums[ENUM_ROWS] = {
#define GRAPHQL_ENUM_VALUE(TYPE, VALUE, name, description) \
    [ENUM_##TYPE##_##VALUE] = {SAID(name, description), .parent = TYPE_##TYPE},
#include "query/graphql_schema.def"
};

const struct graphql_type_info *
graphql_type_info(enum graphql_type type)
{
    REQUIRE(type > TYPE_NONE && type < TYPE_ROWS);

    return &types[type];
}

const struct graphql_field_info *
graphql_field_info(enum graphql_field field)
{
    REQUIRE(field > FIELD_NONE && field < FIELD_ROWS);

    return &fields[field];
}

const struct graphql_argument_info *
graphql_argument_info(enum graphql_argument argument)
{
    REQUIRE(argument > ARGUMENT_NONE && argument < ARGUMENT_ROWS);

    return &arguments[argument];
}

const struct graphql_input_info *
graphql_input_info(enum graphql_input input)
{
    REQUIRE(input > INPUT_NONE && input < INPUT_ROWS);

    return &inputs[input];
}

const struct graphql_enum_info *
graphql_enum_info(enum graphql_enum value)
{
    REQUIRE(value > ENUM_NONE && value < ENUM_ROWS);

    return &enums[value];
}

uint32_t
graphql_directive_places(enum graphql_field directive)
{
    REQUIRE(graphql_field_info(directive)->parent == TYPE_DIRECTIVES);

    switch ((int)directive) {
    case FIELD_DIRECTIVES_INCLUDE:
    case FIELD_DIRECTIVES_SKIP:
        return graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_FIELD) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_FRAGMENT_SPREAD) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_INLINE_FRAGMENT);
    case FIELD_DIRECTIVES_DEPRECATED:
        return graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_FIELD_DEFINITION) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_ARGUMENT_DEFINITION) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_INPUT_FIELD_DEFINITION) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_ENUM_VALUE) |
               graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_DIRECTIVE_DEFINITION);
    case FIELD_DIRECTIVES_SPECIFIED_BY:
        return graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_SCALAR);
    default:
        return graphql_directive_place(ENUM_META_DIRECTIVE_LOCATION_INPUT_OBJECT);
    }
}

uint32_t
graphql_field_count(enum graphql_type object)
{
    uint32_t first = graphql_type_info(object)->first;
    uint32_t i = first;

    while (i < FIELD_ROWS && fields[i].parent == object) {
        i++;
    }
    return i - first;
}

uint32_t
graphql_argument_count(enum graphql_field field)
{
    uint32_t first = graphql_field_info(field)->first;
    uint32_t i = first;

    while (i < ARGUMENT_ROWS && arguments[i].field == field) {
        i++;
    }
    return i - first;
}

uint32_t
graphql_input_count(enum graphql_type input)
{
    uint32_t first = graphql_type_info(input)->first;
    uint32_t i = first;

    while (i < INPUT_ROWS && inputs[i].parent == input) {
        i++;
    }
    return i - first;
}

uint32_t
graphql_enum_count(enum graphql_type enumeration)
{
    uint32_t first = graphql_type_info(enumeration)->first;
    uint32_t i = first;

    while (i < ENUM_ROWS && enums[i].parent == enumeration) {
        i++;
    }
    return i - first;
}

/* Linear, here and below: the longest of these lists has some forty short names, most differing in length. */
enum graphql_type
graphql_type_find(struct text name)
{
    for (uint32_t i = 1; i <= GRAPHQL_TYPE_LAST; i++) {
        if (text_equal(types[i].name, name)) {
            return (enum graphql_type)i;
        }
    }
    return TYPE_NONE;
}

enum graphql_field
graphql_field_find(enum graphql_type object, struct text name)
{
    REQUIRE(graphql_type_info(object)->kind == GRAPHQL_KIND_OBJECT);

    for (uint32_t i = types[object].first; i < FIELD_ROWS && fields[i].parent == object; i++) {
        if (text_equal(fields[i].name, name)) {
            return (enum graphql_field)i;
        }
    }
    return text_equal(fields[FIELD_TYPENAME].name, name) ? FIELD_TYPENAME : FIELD_NONE;
}

enum graphql_argument
graphql_argument_find(enum graphql_field field, struct text name)
{
    for (uint32_t i = graphql_field_info(field)->first; i < ARGUMENT_ROWS && arguments[i].field == field;
         i++) {
        if (text_equal(arguments[i].name, name)) {
            return (enum graphql_argument)i;
        }
    }
    return ARGUMENT_NONE;
}

enum graphql_input
graphql_input_find(enum graphql_type input, struct text name)
{
    REQUIRE(graphql_type_info(input)->kind == GRAPHQL_KIND_INPUT);

    for (uint32_t i = types[input].first; i < INPUT_ROWS && inputs[i].parent == input; i++) {
        if (text_equal(inputs[i].name, name)) {
            return (enum graphql_input)i;
        }
    }
    return INPUT_NONE;
}

enum graphql_enum
graphql_enum_find(enum graphql_type enumeration, struct text name)
{
    REQUIRE(graphql_type_info(enumeration)->kind == GRAPHQL_KIND_ENUM);

    for (uint32_t i = types[enumeration].first; i < ENUM_ROWS && enums[i].parent == enumeration; i++) {
        if (text_equal(enums[i].name, name)) {
            return (enum graphql_enum)i;
        }
    }
    return ENUM_NONE;
}

const char *
graphql_ref_print(struct graphql_type_ref ref, char out[GRAPHQL_REF_BYTES_MAX])
{
    struct text name = graphql_type_info(ref.type)->name;
    uint32_t at = 0;

    REQUIRE(ref.list_depth <= GRAPHQL_LIST_DEPTH_MAX);
    REQUIRE(name.bytes + 3u * GRAPHQL_LIST_DEPTH_MAX + 2u <= GRAPHQL_REF_BYTES_MAX);

    memset(out, '[', ref.list_depth);
    at = ref.list_depth;
    memcpy(out + at, name.data, name.bytes);
    at += name.bytes;
    for (uint32_t level = ref.list_depth + 1u; level-- > 0;) {
        if ((ref.non_null >> level & 1u) != 0) {
            out[at++] = '!';
        }
        if (level > 0) {
            out[at++] = ']';
        }
    }
    out[at] = '\0';
    return out;
}
