/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_value.h"

#include "core/arena.h"
#include "core/time_text.h"

/* Digits, perhaps behind a minus: how an ID may be given as a number. */
static bool
is_whole_text(struct text number)
{
    uint32_t i = number.bytes > 0 && number.data[0] == '-' ? 1 : 0;

    if (i == number.bytes) {
        return false;
    }
    for (; i < number.bytes; i++) {
        if (number.data[i] < '0' || number.data[i] > '9') {
            return false;
        }
    }
    return true;
}

/* The shared reader of times also takes some without a zone, which an API should not have to guess. */
bool
graphql_value_time(struct text text, struct event_ms *out_time)
{
    bool has_zone = false;

    if (text.bytes >= sizeof("YYYY-MM-DDTHH:MM:SSZ") - 1) {
        char last = text.data[text.bytes - 1];
        char sign = text.data[text.bytes - 6];

        has_zone = last == 'Z' || last == 'z' || sign == '+' || sign == '-';
    }
    return has_zone && time_text_parse(text, out_time);
}

/*
 * A scalar or an enumerator, wherever it came from. `is_string` tells "1" from 1. JSON has no enumerators:
 * there a string names one.
 */
struct leaf {
    enum {
        LEAF_WORD, /* an enumerator as literal */
        LEAF_STRING,
        LEAF_NUMBER, /* text is its digits */
        LEAF_TRUTH,
    } kind;
    struct text text;
    bool truth;
    bool is_json;
};

static bool
coerce_whole(struct leaf leaf, int64_t min, int64_t max, struct graphql_value *value)
{
    value->kind = GRAPHQL_VALUE_INTEGER;
    if (leaf.kind != LEAF_NUMBER || !json_tree_whole(leaf.text, &value->integer)) {
        return false;
    }
    /* In JSON 1.0 and 1 are one number; in a literal the first is a Float. */
    if (!leaf.is_json && !is_whole_text(leaf.text)) {
        return false;
    }
    return value->integer >= min && value->integer <= max;
}

static bool
coerce_enumerator(enum graphql_type type, struct leaf leaf, struct graphql_value *value)
{
    if (leaf.kind != (leaf.is_json ? LEAF_STRING : LEAF_WORD)) {
        return false;
    }
    value->kind = GRAPHQL_VALUE_ENUM;
    value->enumerator = graphql_enum_find(type, leaf.text);
    return value->enumerator != ENUM_NONE;
}

/* `type` is a scalar other than JSON, or an enum. */
static bool
coerce_leaf(enum graphql_type type, struct leaf leaf, struct graphql_value *value)
{
    if (graphql_type_info(type)->kind == GRAPHQL_KIND_ENUM) {
        return coerce_enumerator(type, leaf, value);
    }
    if (type == TYPE_INT) {
        return coerce_whole(leaf, INT32_MIN, INT32_MAX, value);
    }
    if (type == TYPE_LONG) {
        return coerce_whole(leaf, INT64_MIN, INT64_MAX, value);
    }
    if (type == TYPE_FLOAT) {
        value->kind = GRAPHQL_VALUE_FLOAT;
        return leaf.kind == LEAF_NUMBER && json_tree_double(leaf.text, &value->number);
    }
    if (type == TYPE_BOOLEAN) {
        value->kind = GRAPHQL_VALUE_BOOLEAN;
        value->truth = leaf.truth;
        return leaf.kind == LEAF_TRUTH;
    }
    if (type == TYPE_DATE_TIME) {
        value->kind = GRAPHQL_VALUE_TIME;
        return leaf.kind == LEAF_STRING && graphql_value_time(leaf.text, &value->time);
    }
    ASSERT(type == TYPE_STRING || type == TYPE_ID);
    value->kind = GRAPHQL_VALUE_TEXT;
    value->text = leaf.text;
    return leaf.kind == LEAF_STRING ||
           (type == TYPE_ID && leaf.kind == LEAF_NUMBER && is_whole_text(leaf.text));
}

static struct graphql_value *
take_values(struct graphql_errors *errors, uint32_t count)
{
    return graphql_errors_take(errors, (uint64_t)(count + 1u) * sizeof(struct graphql_value));
}

struct graphql_value
graphql_value_default(struct graphql_type_ref ref, struct text literal)
{
    struct leaf leaf = {.kind = LEAF_WORD, .text = literal};
    struct graphql_value value = {0};

    if (literal.bytes == 0) {
        return value;
    }
    if (literal.data[0] == '-' || (literal.data[0] >= '0' && literal.data[0] <= '9')) {
        leaf.kind = LEAF_NUMBER;
    } else if (text_equal(literal, TEXT("true")) || text_equal(literal, TEXT("false"))) {
        leaf.kind = LEAF_TRUTH;
        leaf.truth = literal.data[0] == 't';
    } else if (literal.data[0] == '"') {
        leaf.kind = LEAF_STRING;
        leaf.text = (struct text){.data = literal.data + 1, .bytes = literal.bytes - 2};
    }
    ASSERT(ref.list_depth == 0); /* our schema has no other defaults; a test reads them all */
    ASSERT(coerce_leaf(ref.type, leaf, &value));
    return value;
}

const struct graphql_value *
graphql_value_field(const struct graphql_value *object, enum graphql_input field)
{
    uint32_t first = 0;

    REQUIRE(object->kind == GRAPHQL_VALUE_OBJECT);
    REQUIRE(graphql_input_info(field)->parent == object->type);

    first = graphql_type_info(object->type)->first;
    ASSERT((uint32_t)field - first < object->count);
    return &object->items[(uint32_t)field - first];
}

/* Makes an OBJECT whose fields are what the schema says when nothing is given. */
static struct graphql_value *
begin_object(struct graphql_errors *errors, enum graphql_type type, struct graphql_value *object)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_input_count(type);
    struct graphql_value *fields = take_values(errors, count);

    if (fields == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_input_info *info = graphql_input_info((enum graphql_input)(first + i));

        fields[i] = graphql_value_default(info->ref, info->default_literal);
    }
    *object =
        (struct graphql_value){.kind = GRAPHQL_VALUE_OBJECT, .count = count, .type = type, .items = fields};
    return fields;
}

/* The first required field without a value, INPUT_NONE when all is well. */
static enum graphql_input
missing_field(const struct graphql_value *object)
{
    uint32_t first = graphql_type_info(object->type)->first;

    for (uint32_t i = 0; i < object->count; i++) {
        enum graphql_input field = (enum graphql_input)(first + i);

        if (graphql_ref_is_non_null(graphql_input_info(field)->ref) &&
            !graphql_value_is_given(&object->items[i])) {
            return field;
        }
    }
    return INPUT_NONE;
}

/* Validation has looked before, so nobody should come here; but a request must not end the node. */
static bool
bad_literal(const struct graphql_coercion *coercion, struct graphql_type_ref ref,
            const struct graphql_ast_value *literal)
{
    char type[GRAPHQL_REF_BYTES_MAX];

    graphql_error_add(coercion->errors, literal->place, GRAPHQL_CODE_INPUT,
                      "Expected a value of type \"%s\".", graphql_ref_print(ref, type));
    return false;
}

static bool
use_variable(const struct graphql_coercion *coercion, struct graphql_location location,
             const struct graphql_ast_value *use, struct graphql_value *out_value)
{
    char type[GRAPHQL_REF_BYTES_MAX];
    const struct graphql_variable *variable = NULL;

    for (uint32_t i = 0; i < coercion->variable_count && variable == NULL; i++) {
        if (text_equal(coercion->variables[i].name, use->text)) {
            variable = &coercion->variables[i];
        }
    }
    ASSERT(variable != NULL); /* validation refuses unknown ones */
    *out_value = variable->value;
    if (!graphql_ref_is_non_null(location.ref) || graphql_value_is_given(out_value) ||
        (out_value->kind == GRAPHQL_VALUE_ABSENT && location.has_default)) {
        return true;
    }
    graphql_error_add(coercion->errors, use->place, GRAPHQL_CODE_INPUT,
                      "Variable \"$%.*s\" has no value where one of type \"%s\" is needed.",
                      GRAPHQL_NAME(use->text), graphql_ref_print(location.ref, type));
    return false;
}

static bool
literal_list(const struct graphql_coercion *coercion, struct graphql_type_ref ref,
             const struct graphql_ast_value *literal, struct graphql_value *out_value)
{
    struct graphql_location item = {.ref = graphql_ref_item(ref)};
    bool is_one = literal->kind != GRAPHQL_AST_LIST; /* one value stands for a list of it */
    uint32_t count = is_one ? 1 : literal->count;
    struct graphql_value *items = take_values(coercion->errors, count);
    bool is_good = true;

    if (items == NULL) {
        return false;
    }
    *out_value = (struct graphql_value){.kind = GRAPHQL_VALUE_LIST, .count = count, .items = items};
    if (is_one) {
        return graphql_value_from_literal(coercion, item, literal, &items[0]);
    }
    for (const struct graphql_ast_value *at = literal->items; at != NULL; at = at->next) {
        is_good = graphql_value_from_literal(coercion, item, at, items) && is_good;
        if (items->kind == GRAPHQL_VALUE_ABSENT) {
            items->kind = GRAPHQL_VALUE_NULL; /* a variable without a value, in a list */
        }
        items++;
    }
    return is_good;
}

static bool
literal_field(const struct graphql_coercion *coercion, enum graphql_type type,
              const struct graphql_ast_value *literal, struct graphql_value *fields)
{
    enum graphql_input field = graphql_input_find(type, literal->name);
    const struct graphql_input_info *info;
    struct graphql_value value = {0};

    if (field == INPUT_NONE) {
        return bad_literal(coercion, (struct graphql_type_ref){.type = type}, literal);
    }
    info = graphql_input_info(field);
    if (!graphql_value_from_literal(
            coercion,
            (struct graphql_location){.ref = info->ref, .has_default = info->default_literal.bytes > 0},
            literal, &value)) {
        return false;
    }
    if (value.kind != GRAPHQL_VALUE_ABSENT) {
        fields[(uint32_t)field - graphql_type_info(type)->first] = value;
    }
    return true;
}

static bool
literal_object(const struct graphql_coercion *coercion, struct graphql_type_ref ref,
               const struct graphql_ast_value *literal, struct graphql_value *out_value)
{
    struct graphql_value *fields;
    bool is_good = true;

    if (literal->kind != GRAPHQL_AST_OBJECT) {
        return bad_literal(coercion, ref, literal);
    }
    fields = begin_object(coercion->errors, ref.type, out_value);
    if (fields == NULL) {
        return false;
    }
    for (const struct graphql_ast_value *at = literal->items; at != NULL; at = at->next) {
        is_good = literal_field(coercion, ref.type, at, fields) && is_good;
    }
    if (is_good && missing_field(out_value) != INPUT_NONE) {
        return bad_literal(coercion, ref, literal);
    }
    return is_good;
}

/* A literal as JSON. An enumerator becomes its name. NULL: no memory, or a variable inside. */
static struct json_tree *
json_of_literal(const struct graphql_coercion *coercion, const struct graphql_ast_value *literal)
{
    struct json_tree *json = graphql_errors_take(coercion->errors, sizeof(*json));
    struct json_tree **tail;

    if (json == NULL) {
        return NULL;
    }
    json->name = literal->name;
    json->text = literal->text;
    json->count = literal->count;
    switch (literal->kind) {
    case GRAPHQL_AST_VARIABLE:
        graphql_error_add(coercion->errors, literal->place, GRAPHQL_CODE_INPUT,
                          "A variable cannot stand inside of a JSON value: make the whole value a variable.");
        return NULL;
    case GRAPHQL_AST_INT:
    case GRAPHQL_AST_FLOAT:
        json->kind = JSON_NUMBER;
        break;
    case GRAPHQL_AST_STRING:
    case GRAPHQL_AST_ENUM:
        json->kind = JSON_STRING;
        break;
    case GRAPHQL_AST_BOOLEAN:
        json->kind = text_equal(literal->text, TEXT("true")) ? JSON_TRUE : JSON_FALSE;
        break;
    case GRAPHQL_AST_NULL:
        json->kind = JSON_NULL;
        break;
    case GRAPHQL_AST_LIST:
        json->kind = JSON_ARRAY;
        break;
    case GRAPHQL_AST_OBJECT:
        json->kind = JSON_OBJECT;
        break;
    }
    tail = &json->children;
    for (const struct graphql_ast_value *at = literal->items; at != NULL; at = at->next) {
        *tail = json_of_literal(coercion, at);
        if (*tail == NULL) {
            return NULL;
        }
        tail = &(*tail)->next;
    }
    return json;
}

static bool
literal_leaf(enum graphql_type type, const struct graphql_ast_value *literal, struct graphql_value *out_value)
{
    struct leaf leaf = {.text = literal->text};

    switch (literal->kind) {
    case GRAPHQL_AST_INT:
    case GRAPHQL_AST_FLOAT:
        leaf.kind = LEAF_NUMBER;
        break;
    case GRAPHQL_AST_STRING:
        leaf.kind = LEAF_STRING;
        break;
    case GRAPHQL_AST_BOOLEAN:
        leaf.kind = LEAF_TRUTH;
        leaf.truth = text_equal(literal->text, TEXT("true"));
        break;
    case GRAPHQL_AST_ENUM:
        leaf.kind = LEAF_WORD;
        break;
    case GRAPHQL_AST_LIST:
    case GRAPHQL_AST_OBJECT:
    case GRAPHQL_AST_VARIABLE:
    case GRAPHQL_AST_NULL:
        return false;
    }
    return coerce_leaf(type, leaf, out_value);
}

bool
graphql_value_fits(enum graphql_type type, const struct graphql_ast_value *literal)
{
    struct graphql_value unused;

    return type == TYPE_JSON || literal_leaf(type, literal, &unused);
}

bool
graphql_value_from_literal(const struct graphql_coercion *coercion, struct graphql_location location,
                           const struct graphql_ast_value *literal, struct graphql_value *out_value)
{
    *out_value = (struct graphql_value){0};

    if (literal->kind == GRAPHQL_AST_VARIABLE) {
        return use_variable(coercion, location, literal, out_value);
    }
    if (literal->kind == GRAPHQL_AST_NULL) {
        out_value->kind = GRAPHQL_VALUE_NULL;
        return !graphql_ref_is_non_null(location.ref) || bad_literal(coercion, location.ref, literal);
    }
    if (location.ref.list_depth > 0) {
        return literal_list(coercion, location.ref, literal, out_value);
    }
    if (location.ref.type == TYPE_JSON) {
        out_value->kind = GRAPHQL_VALUE_JSON;
        out_value->json = json_of_literal(coercion, literal);
        return out_value->json != NULL;
    }
    if (graphql_type_info(location.ref.type)->kind == GRAPHQL_KIND_INPUT) {
        return literal_object(coercion, location.ref, literal, out_value);
    }
    return literal_leaf(location.ref.type, literal, out_value) ||
           bad_literal(coercion, location.ref, literal);
}

/* What messages about a variable need. */
struct json_source {
    struct graphql_errors *errors;
    struct text name;
    struct graphql_place place;
};

static bool read_json(const struct json_source *source, struct graphql_type_ref ref,
                      const struct json_tree *json, struct graphql_value *out_value);

static bool
bad_json(const struct json_source *source, struct graphql_type_ref ref)
{
    char type[GRAPHQL_REF_BYTES_MAX];

    graphql_error_add(source->errors, source->place, GRAPHQL_CODE_INPUT,
                      "Variable \"$%.*s\" got an invalid value: expected \"%s\".", GRAPHQL_NAME(source->name),
                      graphql_ref_print(ref, type));
    return false;
}

static bool
json_list(const struct json_source *source, struct graphql_type_ref ref, const struct json_tree *json,
          struct graphql_value *out_value)
{
    bool is_one = json->kind != JSON_ARRAY;
    uint32_t count = is_one ? 1 : json->count;
    struct graphql_value *items;

    if (count > GRAPHQL_LIST_ITEMS_MAX) {
        graphql_error_add(source->errors, source->place, GRAPHQL_CODE_INPUT,
                          "Variable \"$%.*s\" has a list of more than %u items.", GRAPHQL_NAME(source->name),
                          GRAPHQL_LIST_ITEMS_MAX);
        return false;
    }
    items = take_values(source->errors, count);
    if (items == NULL) {
        return false;
    }
    *out_value = (struct graphql_value){.kind = GRAPHQL_VALUE_LIST, .count = count, .items = items};
    if (is_one) {
        return read_json(source, graphql_ref_item(ref), json, &items[0]);
    }
    for (const struct json_tree *at = json->children; at != NULL; at = at->next) {
        if (!read_json(source, graphql_ref_item(ref), at, items)) {
            return false;
        }
        items++;
    }
    return true;
}

static bool
json_object(const struct json_source *source, struct graphql_type_ref ref, const struct json_tree *json,
            struct graphql_value *out_value)
{
    struct graphql_value *fields;
    enum graphql_input missing;
    char type[GRAPHQL_REF_BYTES_MAX];

    if (json->kind != JSON_OBJECT) {
        return bad_json(source, ref);
    }
    fields = begin_object(source->errors, ref.type, out_value);
    if (fields == NULL) {
        return false;
    }
    for (const struct json_tree *at = json->children; at != NULL; at = at->next) {
        enum graphql_input field = graphql_input_find(ref.type, at->name);

        if (field == INPUT_NONE) {
            graphql_error_add(
                source->errors, source->place, GRAPHQL_CODE_INPUT,
                "Variable \"$%.*s\" got an invalid value: field \"%.*s\" is not defined by type \"%s\".",
                GRAPHQL_NAME(source->name), GRAPHQL_NAME(at->name), graphql_ref_print(ref, type));
            return false;
        }
        if (!read_json(source, graphql_input_info(field)->ref, at,
                       &fields[(uint32_t)field - graphql_type_info(ref.type)->first])) {
            return false;
        }
    }
    missing = missing_field(out_value);
    if (missing != INPUT_NONE) {
        graphql_error_add(
            source->errors, source->place, GRAPHQL_CODE_INPUT,
            "Variable \"$%.*s\" got an invalid value: field \"%.*s\" of required type \"%s\" was not "
            "provided.",
            GRAPHQL_NAME(source->name), GRAPHQL_NAME(graphql_input_info(missing)->name),
            graphql_ref_print(graphql_input_info(missing)->ref, type));
        return false;
    }
    return true;
}

static bool
json_leaf(const struct json_source *source, struct graphql_type_ref ref, const struct json_tree *json,
          struct graphql_value *out_value)
{
    struct leaf leaf = {.text = json->text, .is_json = true};

    switch (json->kind) {
    case JSON_NUMBER:
        leaf.kind = LEAF_NUMBER;
        break;
    case JSON_STRING:
        leaf.kind = LEAF_STRING;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        leaf.kind = LEAF_TRUTH;
        leaf.truth = json->kind == JSON_TRUE;
        break;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        return bad_json(source, ref);
    }
    return coerce_leaf(ref.type, leaf, out_value) || bad_json(source, ref);
}

static bool
read_json(const struct json_source *source, struct graphql_type_ref ref, const struct json_tree *json,
          struct graphql_value *out_value)
{
    *out_value = (struct graphql_value){0};

    if (json->kind == JSON_NULL) {
        out_value->kind = GRAPHQL_VALUE_NULL;
        return !graphql_ref_is_non_null(ref) || bad_json(source, ref);
    }
    if (ref.list_depth > 0) {
        return json_list(source, ref, json, out_value);
    }
    if (ref.type == TYPE_JSON) {
        *out_value = (struct graphql_value){.kind = GRAPHQL_VALUE_JSON, .json = json};
        return true;
    }
    if (graphql_type_info(ref.type)->kind == GRAPHQL_KIND_INPUT) {
        return json_object(source, ref, json, out_value);
    }
    return json_leaf(source, ref, json, out_value);
}

bool
graphql_value_from_json(struct graphql_errors *errors, struct graphql_type_ref ref,
                        const struct json_tree *json, struct text name, struct graphql_place place,
                        struct graphql_value *out_value)
{
    struct json_source source = {.errors = errors, .name = name, .place = place};

    return read_json(&source, ref, json, out_value);
}
