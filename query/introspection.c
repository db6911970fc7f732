/* SPDX-License-Identifier: Apache-2.0 */
#include "query/introspection.h"

#include "query/write_value.h"

/*
 * One function for each type of introspection, a switch over its fields. They call each other: as deep as the
 * plan, which is limited. Each stops when the writer is full.
 */

static void write_type(struct json_out *out, struct graphql_type_ref ref,
                       const struct graphql_selection *fields);

/* ---- small words ---- */

/* Nothing of our schema is deprecated. */
static void
write_reason(struct json_out *out)
{
    json_out_null(out);
}

static struct graphql_type_ref
ref_of(enum graphql_type type)
{
    return (struct graphql_type_ref){.type = type};
}

static void
write_ref_or_null(struct json_out *out, bool is_there, struct graphql_type_ref ref,
                  const struct graphql_selection *fields)
{
    if (is_there) {
        write_type(out, ref, fields);
    } else {
        json_out_null(out);
    }
}

/* ---- arguments and fields of input objects ---- */

static void
write_input_value(struct json_out *out, struct text name, struct text description,
                  struct graphql_type_ref ref, struct text default_literal,
                  const struct graphql_selection *fields)
{
    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_META_INPUT_VALUE_NAME:
            json_out_text(out, name);
            break;
        case FIELD_META_INPUT_VALUE_DESCRIPTION:
            write_value_text(out, description);
            break;
        case FIELD_META_INPUT_VALUE_TYPE:
            write_type(out, ref, at->children);
            break;
        case FIELD_META_INPUT_VALUE_DEFAULT_VALUE:
            write_value_text(out, default_literal);
            break;
        case FIELD_META_INPUT_VALUE_IS_DEPRECATED:
            json_out_bool(out, false);
            break;
        case FIELD_META_INPUT_VALUE_DEPRECATION_REASON:
            write_reason(out);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_arguments(struct json_out *out, enum graphql_field field, const struct graphql_selection *fields)
{
    uint32_t first = graphql_field_info(field)->first;
    uint32_t count = graphql_argument_count(field);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)(first + i));

        write_input_value(out, info->name, info->description, info->ref, info->default_literal, fields);
    }
    json_out_array_end(out);
}

static void
write_input_fields(struct json_out *out, enum graphql_type type, const struct graphql_selection *fields)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_input_count(type);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_input_info *info = graphql_input_info((enum graphql_input)(first + i));

        write_input_value(out, info->name, info->description, info->ref, info->default_literal, fields);
    }
    json_out_array_end(out);
}

/* ---- fields and values of enums ---- */

static void
write_field(struct json_out *out, enum graphql_field field, const struct graphql_selection *fields)
{
    const struct graphql_field_info *info = graphql_field_info(field);

    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_META_FIELD_NAME:
            json_out_text(out, info->name);
            break;
        case FIELD_META_FIELD_DESCRIPTION:
            write_value_text(out, info->description);
            break;
        case FIELD_META_FIELD_ARGS:
            write_arguments(out, field, at->children);
            break;
        case FIELD_META_FIELD_TYPE:
            write_type(out, info->ref, at->children);
            break;
        case FIELD_META_FIELD_IS_DEPRECATED:
            json_out_bool(out, false);
            break;
        case FIELD_META_FIELD_DEPRECATION_REASON:
            write_reason(out);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_fields(struct json_out *out, enum graphql_type type, const struct graphql_selection *fields)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_field_count(type);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        enum graphql_field field = (enum graphql_field)(first + i);

        if (!graphql_field_is_hidden(graphql_field_info(field))) {
            write_field(out, field, fields);
        }
    }
    json_out_array_end(out);
}

static void
write_enum_value(struct json_out *out, const struct graphql_enum_info *info,
                 const struct graphql_selection *fields)
{
    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_META_ENUM_VALUE_NAME:
            json_out_text(out, info->name);
            break;
        case FIELD_META_ENUM_VALUE_DESCRIPTION:
            write_value_text(out, info->description);
            break;
        case FIELD_META_ENUM_VALUE_IS_DEPRECATED:
            json_out_bool(out, false);
            break;
        case FIELD_META_ENUM_VALUE_DEPRECATION_REASON:
            write_reason(out);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_enum_values(struct json_out *out, enum graphql_type type, const struct graphql_selection *fields)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_enum_count(type);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        write_enum_value(out, graphql_enum_info((enum graphql_enum)(first + i)), fields);
    }
    json_out_array_end(out);
}

/* ---- types ---- */

enum shape {
    SHAPE_NAMED,
    SHAPE_LIST,
    SHAPE_NON_NULL,
};

/* The outermost wrapper, and what is in it. */
static enum shape
unwrap(struct graphql_type_ref ref, struct graphql_type_ref *out_inner)
{
    *out_inner = ref;
    if (graphql_ref_is_non_null(ref)) {
        out_inner->non_null &= (uint8_t)~1u;
        return SHAPE_NON_NULL;
    }
    if (ref.list_depth > 0) {
        *out_inner = graphql_ref_item(ref);
        return SHAPE_LIST;
    }
    return SHAPE_NAMED;
}

static struct text
kind_of(enum shape shape, const struct graphql_type_info *info)
{
    static const enum graphql_enum kinds[] = {
        [GRAPHQL_KIND_SCALAR] = ENUM_META_TYPE_KIND_SCALAR,
        [GRAPHQL_KIND_OBJECT] = ENUM_META_TYPE_KIND_OBJECT,
        [GRAPHQL_KIND_ENUM] = ENUM_META_TYPE_KIND_ENUM,
        [GRAPHQL_KIND_INPUT] = ENUM_META_TYPE_KIND_INPUT_OBJECT,
    };
    enum graphql_enum kind = shape == SHAPE_LIST       ? ENUM_META_TYPE_KIND_LIST
                             : shape == SHAPE_NON_NULL ? ENUM_META_TYPE_KIND_NON_NULL
                                                       : kinds[info->kind];

    return graphql_enum_info(kind)->name;
}

/* A field that says something about types of one kind only; `type` is of that kind. */
static void
write_of_kind(struct json_out *out, enum graphql_type type, const struct graphql_selection *at)
{
    switch ((int)at->field) {
    case FIELD_META_TYPE_FIELDS:
        write_fields(out, type, at->children);
        break;
    case FIELD_META_TYPE_INTERFACES:
        json_out_array_begin(out);
        json_out_array_end(out);
        break;
    case FIELD_META_TYPE_ENUM_VALUES:
        write_enum_values(out, type, at->children);
        break;
    case FIELD_META_TYPE_INPUT_FIELDS:
        write_input_fields(out, type, at->children);
        break;
    default: /* isOneOf */
        json_out_bool(out, false);
        break;
    }
}

static bool
is_of_kind(enum graphql_field field, enum graphql_kind kind)
{
    switch ((int)field) {
    case FIELD_META_TYPE_FIELDS:
    case FIELD_META_TYPE_INTERFACES:
        return kind == GRAPHQL_KIND_OBJECT;
    case FIELD_META_TYPE_ENUM_VALUES:
        return kind == GRAPHQL_KIND_ENUM;
    case FIELD_META_TYPE_INPUT_FIELDS:
    case FIELD_META_TYPE_IS_ONE_OF:
        return kind == GRAPHQL_KIND_INPUT;
    default: /* specifiedByURL, which none of our scalars has, and possibleTypes of abstract types */
        return false;
    }
}

static void
write_type(struct json_out *out, struct graphql_type_ref ref, const struct graphql_selection *fields)
{
    const struct graphql_type_info *info = graphql_type_info(ref.type);
    struct graphql_type_ref inner;
    enum shape shape = unwrap(ref, &inner);
    bool is_named = shape == SHAPE_NAMED;

    out->is_full |= json_out_bytes(out) > INTROSPECTION_BYTES_MAX;
    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_TYPENAME:
            write_value_typename(out, at);
            break;
        case FIELD_META_TYPE_KIND:
            json_out_text(out, kind_of(shape, info));
            break;
        case FIELD_META_TYPE_NAME:
            write_value_text(out, is_named ? info->name : (struct text){0});
            break;
        case FIELD_META_TYPE_DESCRIPTION:
            write_value_text(out, is_named ? info->description : (struct text){0});
            break;
        case FIELD_META_TYPE_OF_TYPE:
            write_ref_or_null(out, !is_named, inner, at->children);
            break;
        default:
            if (is_named && is_of_kind(at->field, info->kind)) {
                write_of_kind(out, ref.type, at);
            } else {
                json_out_null(out);
            }
            break;
        }
    }
    json_out_object_end(out);
}

/* ---- directives and the schema ---- */

static void
write_places(struct json_out *out, uint32_t places)
{
    uint32_t first = graphql_type_info(TYPE_META_DIRECTIVE_LOCATION)->first;

    json_out_array_begin(out);
    for (uint32_t i = 0; places >> i != 0; i++) {
        if ((places >> i & 1u) != 0) {
            json_out_text(out, graphql_enum_info((enum graphql_enum)(first + i))->name);
        }
    }
    json_out_array_end(out);
}

static void
write_directive(struct json_out *out, enum graphql_field directive, const struct graphql_selection *fields)
{
    const struct graphql_field_info *info = graphql_field_info(directive);

    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_META_DIRECTIVE_NAME:
            json_out_text(out, info->name);
            break;
        case FIELD_META_DIRECTIVE_DESCRIPTION:
            write_value_text(out, info->description);
            break;
        case FIELD_META_DIRECTIVE_IS_REPEATABLE:
        case FIELD_META_DIRECTIVE_IS_DEPRECATED:
            json_out_bool(out, false);
            break;
        case FIELD_META_DIRECTIVE_LOCATIONS:
            write_places(out, graphql_directive_places(directive));
            break;
        case FIELD_META_DIRECTIVE_ARGS:
            write_arguments(out, directive, at->children);
            break;
        case FIELD_META_DIRECTIVE_DEPRECATION_REASON:
            write_reason(out);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_directives(struct json_out *out, const struct graphql_selection *fields)
{
    uint32_t first = graphql_type_info(TYPE_DIRECTIVES)->first;
    uint32_t count = graphql_field_count(TYPE_DIRECTIVES);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        write_directive(out, (enum graphql_field)(first + i), fields);
    }
    json_out_array_end(out);
}

static void
write_types(struct json_out *out, const struct graphql_selection *fields)
{
    json_out_array_begin(out);
    for (uint32_t i = TYPE_NONE + 1; i <= GRAPHQL_TYPE_LAST && !out->is_full; i++) {
        write_type(out, ref_of((enum graphql_type)i), fields);
    }
    json_out_array_end(out);
}

static void
write_schema(struct json_out *out, const struct graphql_selection *fields)
{
    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL && !out->is_full; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_META_SCHEMA_DESCRIPTION:
            json_out_null(out);
            break;
        case FIELD_META_SCHEMA_TYPES:
            write_types(out, at->children);
            break;
        case FIELD_META_SCHEMA_QUERY_TYPE:
            write_type(out, ref_of(TYPE_QUERY), at->children);
            break;
        case FIELD_META_SCHEMA_MUTATION_TYPE:
            write_type(out, ref_of(TYPE_MUTATION), at->children);
            break;
        case FIELD_META_SCHEMA_SUBSCRIPTION_TYPE:
            write_type(out, ref_of(TYPE_SUBSCRIPTION), at->children);
            break;
        case FIELD_META_SCHEMA_DIRECTIVES:
            write_directives(out, at->children);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

bool
introspection_write(struct json_out *out, const struct graphql_selection *selection)
{
    enum graphql_type type;
    struct json_out own; /* so that its bytes can be counted */
    struct text written;

    json_out_init(&own, out->arena);
    switch ((int)selection->field) {
    case FIELD_QUERY_SCHEMA:
        write_schema(&own, selection->children);
        break;
    case FIELD_QUERY_TYPE:
        type = graphql_type_find(graphql_argument(selection, ARGUMENT_QUERY_TYPE_NAME)->text);
        write_ref_or_null(&own, type != TYPE_NONE, ref_of(type), selection->children);
        break;
    default:
        return false;
    }
    written = json_out_finish(&own);
    out->is_full |= written.data == NULL;
    if (written.data != NULL) {
        json_out_raw(out, written);
    }
    return true;
}
