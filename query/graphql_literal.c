/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_literal.h"

#include "query/graphql_words.h"

/* Whether the values below are still compared with types: not below one that is wrong as a whole. */
enum depth {
    CHECK_TYPES,
    CHECK_NAMES,
};

static void walk(const struct graphql_literal *literal, struct graphql_location location,
                 const struct graphql_ast_value *value, enum depth depth);

static void
wrong(const struct graphql_literal *literal, struct graphql_place place, const struct graphql_words *words)
{
    graphql_error_add_all(literal->errors, &place, 1, GRAPHQL_CODE_VALIDATION, graphql_words_text(words));
}

static void
not_expected(const struct graphql_literal *literal, struct graphql_type_ref ref,
             const struct graphql_ast_value *value)
{
    struct graphql_words words = {.bytes = 0};
    char type[GRAPHQL_REF_BYTES_MAX];

    graphql_words_add(&words, "Expected value of type \"%s\", found ", graphql_ref_print(ref, type));
    graphql_words_add_value(&words, value);
    graphql_words_add(&words, ".");
    wrong(literal, value->place, &words);
}

static void
not_an_enumerator(const struct graphql_literal *literal, enum graphql_type type,
                  const struct graphql_ast_value *value)
{
    struct text name = graphql_type_info(type)->name;
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_enum_count(type);
    struct graphql_options options = {.count = 0};
    struct graphql_words words = {.bytes = 0};
    struct graphql_words printed = {.bytes = 0};

    for (uint32_t i = 0; i < count; i++) {
        graphql_options_add(&options, graphql_enum_info((enum graphql_enum)(first + i))->name);
    }
    graphql_words_add_value(&printed, value);
    if (value->kind == GRAPHQL_AST_ENUM) {
        graphql_words_add(&words, "Value \"%.*s\" does not exist in \"%.*s\" enum.",
                          GRAPHQL_NAME(value->text), GRAPHQL_NAME(name));
    } else {
        graphql_words_add(&words, "Enum \"%.*s\" cannot represent non-enum value: ", GRAPHQL_NAME(name));
        graphql_words_add_value(&words, value);
        graphql_words_add(&words, ".");
    }
    graphql_words_add_meant(&words, "the enum value ", graphql_words_text(&printed), &options);
    wrong(literal, value->place, &words);
}

static void
not_a_scalar(const struct graphql_literal *literal, enum graphql_type type,
             const struct graphql_ast_value *value)
{
    static const struct {
        enum graphql_type type;
        const char *what;
    } sentences[] = {
        {TYPE_INT, "Int cannot represent non-integer value: "},
        {TYPE_FLOAT, "Float cannot represent non numeric value: "},
        {TYPE_STRING, "String cannot represent a non string value: "},
        {TYPE_BOOLEAN, "Boolean cannot represent a non boolean value: "},
        {TYPE_ID, "ID cannot represent a non-string and non-integer value: "},
    };
    struct graphql_words words = {.bytes = 0};

    for (uint32_t i = 0; i < COUNT_OF(sentences); i++) {
        if (sentences[i].type == type) {
            graphql_words_add(&words, "%s",
                              type == TYPE_INT && value->kind == GRAPHQL_AST_INT
                                  ? "Int cannot represent non 32-bit signed integer value: "
                                  : sentences[i].what);
        }
    }
    graphql_words_add_value(&words, value);
    wrong(literal, value->place, &words);
}

static bool
is_custom(enum graphql_type type)
{
    return type == TYPE_DATE_TIME || type == TYPE_LONG || type == TYPE_JSON;
}

/* A value that is none of ours below: scalars, enumerators, and lists and objects that are no lists and objects here. */
static void
check_leaf(const struct graphql_literal *literal, struct graphql_type_ref ref,
           const struct graphql_ast_value *value)
{
    enum graphql_kind kind;

    if (ref.type == TYPE_NONE) {
        return;
    }
    kind = graphql_type_info(ref.type)->kind;
    if (kind == GRAPHQL_KIND_INPUT) {
        not_expected(literal, ref, value);
    } else if (graphql_value_fits(ref.type, value)) {
        return;
    } else if (kind == GRAPHQL_KIND_ENUM) {
        not_an_enumerator(literal, ref.type, value);
    } else if (is_custom(ref.type)) {
        not_expected(literal, ref, value);
    } else {
        not_a_scalar(literal, ref.type, value);
    }
}

/* One value stands for a list of it, but a list does not stand for a value. */
static void
check_list(const struct graphql_literal *literal, struct graphql_location location,
           const struct graphql_ast_value *value, enum depth depth)
{
    struct graphql_location item = {.ref = location.ref};

    if (location.ref.list_depth > 0) {
        item.ref = graphql_ref_item(location.ref);
    } else {
        item.ref.non_null = 0;
        if (depth == CHECK_TYPES) {
            check_leaf(literal, item.ref, value);
        }
        depth = CHECK_NAMES;
    }
    for (const struct graphql_ast_value *at = value->items; at != NULL; at = at->next) {
        walk(literal, item, at, depth);
    }
}

static const struct graphql_ast_value *
find_item(const struct graphql_ast_value *items, const struct graphql_ast_value *end, struct text name)
{
    for (const struct graphql_ast_value *at = items; at != end; at = at->next) {
        if (text_equal(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

static void
check_unique(const struct graphql_literal *literal, const struct graphql_ast_value *value)
{
    for (const struct graphql_ast_value *at = value->items; at != NULL; at = at->next) {
        const struct graphql_ast_value *first = find_item(value->items, at, at->name);
        struct graphql_words words = {.bytes = 0};

        if (first != NULL) {
            graphql_words_add(&words, "There can be only one input field named \"%.*s\".",
                              GRAPHQL_NAME(at->name));
            graphql_error_add_all(literal->errors,
                                  (struct graphql_place[]){first->name_place, at->name_place}, 2,
                                  GRAPHQL_CODE_VALIDATION, graphql_words_text(&words));
        }
    }
}

static void
check_required(const struct graphql_literal *literal, enum graphql_type type,
               const struct graphql_ast_value *value)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_input_count(type);

    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_input_info *info = graphql_input_info((enum graphql_input)(first + i));
        struct graphql_words words = {.bytes = 0};
        char ref[GRAPHQL_REF_BYTES_MAX];

        if (!graphql_ref_is_non_null(info->ref) || info->default_literal.bytes > 0 ||
            find_item(value->items, NULL, info->name) != NULL) {
            continue;
        }
        graphql_words_add(&words, "Field \"%.*s.%.*s\" of required type \"%s\" was not provided.",
                          GRAPHQL_NAME(graphql_type_info(type)->name), GRAPHQL_NAME(info->name),
                          graphql_ref_print(info->ref, ref));
        wrong(literal, value->place, &words);
    }
}

static void
unknown_field(const struct graphql_literal *literal, enum graphql_type type,
              const struct graphql_ast_value *field)
{
    uint32_t first = graphql_type_info(type)->first;
    uint32_t count = graphql_input_count(type);
    struct graphql_options options = {.count = 0};
    struct graphql_words words = {.bytes = 0};

    for (uint32_t i = 0; i < count; i++) {
        graphql_options_add(&options, graphql_input_info((enum graphql_input)(first + i))->name);
    }
    graphql_words_add(&words, "Field \"%.*s\" is not defined by type \"%.*s\".", GRAPHQL_NAME(field->name),
                      GRAPHQL_NAME(graphql_type_info(type)->name));
    graphql_words_add_meant(&words, "", field->name, &options);
    wrong(literal, field->name_place, &words);
}

static void
check_object(const struct graphql_literal *literal, struct graphql_location location,
             const struct graphql_ast_value *value, enum depth depth)
{
    enum graphql_type type = location.ref.type;
    bool is_input = type != TYPE_NONE && graphql_type_info(type)->kind == GRAPHQL_KIND_INPUT;

    check_unique(literal, value);
    if (depth == CHECK_TYPES && is_input) {
        check_required(literal, type, value);
    } else if (depth == CHECK_TYPES) {
        check_leaf(literal, location.ref, value);
        depth = CHECK_NAMES;
    }
    for (const struct graphql_ast_value *at = value->items; at != NULL; at = at->next) {
        enum graphql_input field = is_input ? graphql_input_find(type, at->name) : INPUT_NONE;
        struct graphql_location inner = {.has_default = false};

        if (field != INPUT_NONE) {
            inner.ref = graphql_input_info(field)->ref;
            inner.has_default = graphql_input_info(field)->default_literal.bytes > 0;
        } else if (is_input && depth == CHECK_TYPES) {
            unknown_field(literal, type, at);
        }
        walk(literal, inner, at, depth);
    }
}

/* As deep as the parser lets it be. */
static void
walk(const struct graphql_literal *literal, struct graphql_location location,
     const struct graphql_ast_value *value, enum depth depth)
{
    switch (value->kind) {
    case GRAPHQL_AST_VARIABLE:
        literal->on_variable(literal->context, value, location);
        break;
    case GRAPHQL_AST_LIST:
        check_list(literal, location, value, depth);
        break;
    case GRAPHQL_AST_OBJECT:
        check_object(literal, location, value, depth);
        break;
    case GRAPHQL_AST_NULL:
        if (depth == CHECK_TYPES && graphql_ref_is_non_null(location.ref)) {
            not_expected(literal, location.ref, value);
        }
        break;
    case GRAPHQL_AST_INT:
    case GRAPHQL_AST_FLOAT:
    case GRAPHQL_AST_STRING:
    case GRAPHQL_AST_BOOLEAN:
    case GRAPHQL_AST_ENUM:
        if (depth == CHECK_TYPES) {
            check_leaf(literal, location.ref, value);
        }
        break;
    }
}

void
graphql_literal_check(const struct graphql_literal *literal, struct graphql_location location,
                      const struct graphql_ast_value *value)
{
    walk(literal, location, value, CHECK_TYPES);
}
