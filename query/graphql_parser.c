/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_parser.h"

#include "core/arena.h"
#include "query/graphql_lexer.h"

/*
 * Recursive descent, one token ahead. Every read_...() returns false once an error is in the list, and
 * nobody adds another: the first false goes straight to the top. Recursion happens in selections and
 * values only, and both count their levels in enter().
 */

struct parser {
    struct graphql_lexer lexer;
    struct graphql_errors *errors;
    struct graphql_token token; /* not used yet */
    uint32_t depth;
};

enum constness {
    VALUE_CONST, /* no variables: a default */
    VALUE_ANY,
};

static bool read_selections(struct parser *parser, struct graphql_ast_selection **out_selections);
static bool read_value(struct parser *parser, enum constness constness, struct graphql_ast_value **out_value);

static bool
advance(struct parser *parser)
{
    return graphql_lexer_next(&parser->lexer, &parser->token) == 0;
}

static bool
unexpected(struct parser *parser, const char *expected)
{
    const struct graphql_token *token = &parser->token;

    switch (token->kind) {
    case GRAPHQL_TOKEN_END:
        graphql_error_add(parser->errors, token->place, GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: Expected %s, found the end of the document.", expected);
        break;
    case GRAPHQL_TOKEN_STRING:
        graphql_error_add(parser->errors, token->place, GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: Expected %s, found a string.", expected);
        break;
    case GRAPHQL_TOKEN_PUNCTUATOR:
    case GRAPHQL_TOKEN_NAME:
    case GRAPHQL_TOKEN_INT:
    case GRAPHQL_TOKEN_FLOAT:
        graphql_error_add(parser->errors, token->place, GRAPHQL_CODE_SYNTAX,
                          "Syntax Error: Expected %s, found \"%.*s\".", expected, GRAPHQL_NAME(token->text));
        break;
    }
    return false;
}

static bool
is_at(const struct parser *parser, const char *punctuator)
{
    return parser->token.kind == GRAPHQL_TOKEN_PUNCTUATOR &&
           text_equal(parser->token.text, text_of(punctuator));
}

static bool
is_at_word(const struct parser *parser, struct text word)
{
    return parser->token.kind == GRAPHQL_TOKEN_NAME && text_equal(parser->token.text, word);
}

static bool
expect(struct parser *parser, const char *punctuator)
{
    char expected[8] = {'"'};
    size_t bytes = strlen(punctuator);

    if (is_at(parser, punctuator)) {
        return advance(parser);
    }
    memcpy(expected + 1, punctuator, bytes);
    expected[bytes + 1] = '"';
    return unexpected(parser, expected);
}

static bool
read_name(struct parser *parser, struct text *out_name)
{
    if (parser->token.kind != GRAPHQL_TOKEN_NAME) {
        return unexpected(parser, "a name");
    }
    *out_name = parser->token.text;
    return advance(parser);
}

static bool
enter(struct parser *parser)
{
    if (parser->depth == GRAPHQL_AST_DEPTH_MAX) {
        graphql_error_add(parser->errors, parser->token.place, GRAPHQL_CODE_DEEP,
                          "The document is nested deeper than %u levels.", GRAPHQL_AST_DEPTH_MAX);
        return false;
    }
    parser->depth++;
    return true;
}

static void
leave(struct parser *parser)
{
    parser->depth--;
}

/* Items of a list up to "]", or fields of an object up to "}". */
static bool
read_items(struct parser *parser, enum constness constness, struct graphql_ast_value *parent,
           const char *closing)
{
    struct graphql_ast_value **tail = &parent->items;

    while (!is_at(parser, closing)) {
        struct text name = {0};
        struct graphql_place place = parser->token.place;

        if (parent->kind == GRAPHQL_AST_OBJECT && (!read_name(parser, &name) || !expect(parser, ":"))) {
            return false;
        }
        if (!read_value(parser, constness, tail)) {
            return false;
        }
        (*tail)->name = name;
        (*tail)->name_place = place;
        tail = &(*tail)->next;
        parent->count++;
    }
    return advance(parser);
}

static bool
read_branch(struct parser *parser, enum constness constness, struct graphql_ast_value *value)
{
    bool is_object = is_at(parser, "{");

    value->kind = is_object ? GRAPHQL_AST_OBJECT : GRAPHQL_AST_LIST;
    if (!enter(parser) || !advance(parser) || !read_items(parser, constness, value, is_object ? "}" : "]")) {
        return false;
    }
    leave(parser);
    return true;
}

static bool
read_variable(struct parser *parser, enum constness constness, struct graphql_ast_value *value)
{
    if (constness == VALUE_CONST) {
        return unexpected(parser, "a constant value");
    }
    value->kind = GRAPHQL_AST_VARIABLE;
    return advance(parser) && read_name(parser, &value->text);
}

static bool
read_word_value(struct parser *parser, struct graphql_ast_value *value)
{
    if (is_at_word(parser, TEXT("true")) || is_at_word(parser, TEXT("false"))) {
        value->kind = GRAPHQL_AST_BOOLEAN;
    } else if (is_at_word(parser, TEXT("null"))) {
        value->kind = GRAPHQL_AST_NULL;
    } else {
        value->kind = GRAPHQL_AST_ENUM;
    }
    return read_name(parser, &value->text);
}

static bool
read_value(struct parser *parser, enum constness constness, struct graphql_ast_value **out_value)
{
    struct graphql_ast_value *value = graphql_errors_take(parser->errors, sizeof(*value));

    if (value == NULL) {
        return false;
    }
    *out_value = value;
    value->place = parser->token.place;
    value->text = parser->token.text;
    switch (parser->token.kind) {
    case GRAPHQL_TOKEN_INT:
        value->kind = GRAPHQL_AST_INT;
        return advance(parser);
    case GRAPHQL_TOKEN_FLOAT:
        value->kind = GRAPHQL_AST_FLOAT;
        return advance(parser);
    case GRAPHQL_TOKEN_STRING:
        value->kind = GRAPHQL_AST_STRING;
        value->is_block = parser->token.is_block;
        return advance(parser);
    case GRAPHQL_TOKEN_NAME:
        return read_word_value(parser, value);
    case GRAPHQL_TOKEN_PUNCTUATOR:
    case GRAPHQL_TOKEN_END:
        break;
    }
    if (is_at(parser, "$")) {
        return read_variable(parser, constness, value);
    }
    if (is_at(parser, "{") || is_at(parser, "[")) {
        return read_branch(parser, constness, value);
    }
    return unexpected(parser, "a value");
}

/* None, or "(" with at least one. */
static bool
read_arguments(struct parser *parser, enum constness constness, struct graphql_ast_argument **tail)
{
    if (!is_at(parser, "(")) {
        return true;
    }
    if (!advance(parser)) {
        return false;
    }
    do {
        struct graphql_ast_argument *argument = graphql_errors_take(parser->errors, sizeof(*argument));

        if (argument == NULL) {
            return false;
        }
        argument->place = parser->token.place;
        if (!read_name(parser, &argument->name) || !expect(parser, ":") ||
            !read_value(parser, constness, &argument->value)) {
            return false;
        }
        *tail = argument;
        tail = &argument->next;
    } while (!is_at(parser, ")"));
    return advance(parser);
}

static bool
read_directives(struct parser *parser, enum constness constness, struct graphql_ast_directive **tail)
{
    while (is_at(parser, "@")) {
        struct graphql_ast_directive *directive = graphql_errors_take(parser->errors, sizeof(*directive));

        if (directive == NULL) {
            return false;
        }
        directive->place = parser->token.place;
        if (!advance(parser) || !read_name(parser, &directive->name) ||
            !read_arguments(parser, constness, &directive->arguments)) {
            return false;
        }
        *tail = directive;
        tail = &directive->next;
    }
    return true;
}

static bool
read_field(struct parser *parser, struct graphql_ast_selection *field)
{
    uint32_t offset;

    field->kind = GRAPHQL_AST_FIELD;
    if (!read_name(parser, &field->name)) {
        return false;
    }
    if (is_at(parser, ":")) {
        field->alias = field->name;
        if (!advance(parser) || !read_name(parser, &field->name)) {
            return false;
        }
    }
    offset = parser->lexer.offset;
    if (!read_arguments(parser, VALUE_ANY, &field->arguments)) {
        return false;
    }
    field->arguments_bytes = parser->lexer.offset - offset;
    if (!read_directives(parser, VALUE_ANY, &field->directives)) {
        return false;
    }
    if (!is_at(parser, "{")) {
        return true;
    }
    field->has_selections = true;
    field->selections_place = parser->token.place;
    return read_selections(parser, &field->selections);
}

/* After "...". */
static bool
read_fragment_selection(struct parser *parser, struct graphql_ast_selection *selection)
{
    if (parser->token.kind == GRAPHQL_TOKEN_NAME && !is_at_word(parser, TEXT("on"))) {
        selection->kind = GRAPHQL_AST_SPREAD;
        selection->name_place = parser->token.place;
        return read_name(parser, &selection->name) &&
               read_directives(parser, VALUE_ANY, &selection->directives);
    }
    selection->kind = GRAPHQL_AST_INLINE;
    if (is_at_word(parser, TEXT("on"))) {
        if (!advance(parser)) {
            return false;
        }
        selection->type_place = parser->token.place;
        if (!read_name(parser, &selection->type_condition)) {
            return false;
        }
    }
    if (!read_directives(parser, VALUE_ANY, &selection->directives)) {
        return false;
    }
    selection->has_selections = true;
    selection->selections_place = parser->token.place;
    return read_selections(parser, &selection->selections);
}

/* "{" with at least one selection. */
static bool
read_selections(struct parser *parser, struct graphql_ast_selection **tail)
{
    if (!enter(parser) || !expect(parser, "{")) {
        return false;
    }
    do {
        struct graphql_ast_selection *selection = graphql_errors_take(parser->errors, sizeof(*selection));

        if (selection == NULL) {
            return false;
        }
        selection->place = parser->token.place;
        if (is_at(parser, "...")) {
            if (!advance(parser) || !read_fragment_selection(parser, selection)) {
                return false;
            }
        } else if (!read_field(parser, selection)) {
            return false;
        }
        *tail = selection;
        tail = &selection->next;
    } while (!is_at(parser, "}"));
    leave(parser);
    return advance(parser);
}

/* Brackets are counted rather than recursed into; bits for "!" come from the inside out. */
static bool
read_type(struct parser *parser, struct graphql_ast_type *type)
{
    uint32_t depth = 0;

    type->place = parser->token.place;
    while (is_at(parser, "[")) {
        if (depth == GRAPHQL_LIST_DEPTH_MAX) {
            graphql_error_add(parser->errors, parser->token.place, GRAPHQL_CODE_DEEP,
                              "A type has more than %u lists in each other.", GRAPHQL_LIST_DEPTH_MAX);
            return false;
        }
        depth++;
        if (!advance(parser)) {
            return false;
        }
    }
    type->list_depth = (uint8_t)depth;
    type->name_place = parser->token.place;
    if (!read_name(parser, &type->name)) {
        return false;
    }
    for (uint32_t level = depth + 1; level-- > 0;) {
        if (is_at(parser, "!")) {
            type->non_null |= (uint8_t)(1u << level);
            if (!advance(parser)) {
                return false;
            }
        }
        if (level > 0 && !expect(parser, "]")) {
            return false;
        }
    }
    return true;
}

/* A description is read over. */
static bool
skip_description(struct parser *parser)
{
    return parser->token.kind != GRAPHQL_TOKEN_STRING || advance(parser);
}

/* None, or "(" with at least one. */
static bool
read_variables(struct parser *parser, struct graphql_ast_variable **tail)
{
    if (!is_at(parser, "(")) {
        return true;
    }
    if (!advance(parser)) {
        return false;
    }
    do {
        struct graphql_ast_variable *variable = graphql_errors_take(parser->errors, sizeof(*variable));

        if (variable == NULL) {
            return false;
        }
        variable->place = parser->token.place;
        if (!skip_description(parser) || !expect(parser, "$")) {
            return false;
        }
        variable->name_place = parser->token.place;
        if (!read_name(parser, &variable->name) || !expect(parser, ":") ||
            !read_type(parser, &variable->type)) {
            return false;
        }
        if (is_at(parser, "=") &&
            (!advance(parser) || !read_value(parser, VALUE_CONST, &variable->default_value))) {
            return false;
        }
        if (!read_directives(parser, VALUE_CONST, &variable->directives)) {
            return false;
        }
        *tail = variable;
        tail = &variable->next;
    } while (!is_at(parser, ")"));
    return advance(parser);
}

/* After "fragment". */
static bool
read_fragment(struct parser *parser, struct graphql_ast_definition *fragment)
{
    fragment->kind = GRAPHQL_AST_FRAGMENT;
    if (is_at_word(parser, TEXT("on"))) {
        return unexpected(parser, "the name of a fragment");
    }
    fragment->name_place = parser->token.place;
    if (!read_name(parser, &fragment->name)) {
        return false;
    }
    if (!is_at_word(parser, TEXT("on"))) {
        return unexpected(parser, "\"on\"");
    }
    if (!advance(parser)) {
        return false;
    }
    fragment->type_place = parser->token.place;
    return read_name(parser, &fragment->type_condition) &&
           read_directives(parser, VALUE_ANY, &fragment->directives) &&
           read_selections(parser, &fragment->selections);
}

/* After the word that says which. */
static bool
read_operation(struct parser *parser, struct graphql_ast_definition *operation)
{
    operation->name_place = parser->token.place;
    if (parser->token.kind == GRAPHQL_TOKEN_NAME && !read_name(parser, &operation->name)) {
        return false;
    }
    return read_variables(parser, &operation->variables) &&
           read_directives(parser, VALUE_ANY, &operation->directives) &&
           read_selections(parser, &operation->selections);
}

/* The words that begin a part of a schema. */
static bool
is_at_schema(const struct parser *parser)
{
    static const char *const words[] = {"directive", "enum",   "extend", "input", "interface",
                                        "scalar",    "schema", "type",   "union"};

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (is_at_word(parser, text_of(words[i]))) {
            return true;
        }
    }
    return false;
}

/* 5.1.1: `type Name`, `extend type Name`, `directive @name` or `schema`. It ends the reading. */
static bool
refuse_schema(struct parser *parser, struct graphql_place place)
{
    struct text name = {0};

    if (is_at_word(parser, TEXT("extend"))) {
        if (!advance(parser)) {
            return false;
        }
        if (!is_at_schema(parser)) {
            return unexpected(parser, "a part of a schema");
        }
    }
    if (is_at_word(parser, TEXT("schema"))) {
        graphql_error_add(parser->errors, place, GRAPHQL_CODE_VALIDATION,
                          "The schema definition is not executable.");
        return false;
    }
    if (!advance(parser) || (is_at(parser, "@") && !advance(parser)) || !read_name(parser, &name)) {
        return false;
    }
    graphql_error_add(parser->errors, place, GRAPHQL_CODE_VALIDATION,
                      "The \"%.*s\" definition is not executable.", GRAPHQL_NAME(name));
    return false;
}

static bool
read_definition(struct parser *parser, struct graphql_ast_definition *definition)
{
    bool has_description = parser->token.kind == GRAPHQL_TOKEN_STRING;

    definition->kind = GRAPHQL_AST_OPERATION;
    definition->place = parser->token.place;
    if (!skip_description(parser)) {
        return false;
    }
    if (is_at(parser, "{") && !has_description) {
        return read_selections(parser, &definition->selections);
    }
    if (is_at_word(parser, TEXT("fragment"))) {
        return advance(parser) && read_fragment(parser, definition);
    }
    if (is_at_word(parser, TEXT("query"))) {
        definition->operation = GRAPHQL_QUERY;
    } else if (is_at_word(parser, TEXT("mutation"))) {
        definition->operation = GRAPHQL_MUTATION;
    } else if (is_at_word(parser, TEXT("subscription"))) {
        definition->operation = GRAPHQL_SUBSCRIPTION;
    } else if (is_at_schema(parser)) {
        return refuse_schema(parser, definition->place);
    } else {
        return unexpected(parser, "an operation or a fragment");
    }
    return advance(parser) && read_operation(parser, definition);
}

int
graphql_parse(struct text source, struct graphql_errors *errors, struct graphql_ast_document *out_document)
{
    struct parser parser = {.errors = errors};
    struct graphql_ast_document document = {0};
    struct graphql_ast_definition **tail = &document.definitions;

    if (graphql_lexer_init(&parser.lexer, source, errors) != 0 || !advance(&parser)) {
        return GRAPHQL_PARSER_BAD;
    }
    do {
        struct graphql_ast_definition *definition = graphql_errors_take(parser.errors, sizeof(*definition));

        if (definition == NULL || !read_definition(&parser, definition)) {
            return GRAPHQL_PARSER_BAD;
        }
        *tail = definition;
        tail = &definition->next;
    } while (parser.token.kind != GRAPHQL_TOKEN_END);
    *out_document = document;
    return 0;
}
