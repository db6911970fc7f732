/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_ast.h"

struct graphql_ast_definition *
graphql_ast_fragment(const struct graphql_ast_document *document, struct text name)
{
    struct graphql_ast_definition *found = NULL;

    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_FRAGMENT && text_equal(at->name, name)) {
            found = at;
        }
    }
    return found;
}

const struct graphql_ast_argument *
graphql_ast_argument(const struct graphql_ast_argument *arguments, struct text name)
{
    for (const struct graphql_ast_argument *at = arguments; at != NULL; at = at->next) {
        if (text_equal(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

const struct graphql_ast_directive *
graphql_ast_directive(const struct graphql_ast_directive *directives, struct text name)
{
    for (const struct graphql_ast_directive *at = directives; at != NULL; at = at->next) {
        if (text_equal(at->name, name)) {
            return at;
        }
    }
    return NULL;
}

static bool values_equal(const struct graphql_ast_value *a, const struct graphql_ast_value *b);

static bool
lists_equal(const struct graphql_ast_value *a, const struct graphql_ast_value *b)
{
    while (a != NULL && b != NULL && values_equal(a, b)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

/* Quadratic in the fields of an input type, of which there are less than ten, unique and equally many. */
static bool
objects_equal(const struct graphql_ast_value *a, const struct graphql_ast_value *b)
{
    for (; a != NULL; a = a->next) {
        const struct graphql_ast_value *other = b;

        while (other != NULL && !text_equal(a->name, other->name)) {
            other = other->next;
        }
        if (other == NULL || !values_equal(a, other)) {
            return false;
        }
    }
    return true;
}

static bool
values_equal(const struct graphql_ast_value *a, const struct graphql_ast_value *b)
{
    if (a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case GRAPHQL_AST_LIST:
        return lists_equal(a->items, b->items);
    case GRAPHQL_AST_OBJECT:
        return objects_equal(a->items, b->items);
    case GRAPHQL_AST_VARIABLE:
    case GRAPHQL_AST_INT:
    case GRAPHQL_AST_FLOAT:
    case GRAPHQL_AST_STRING:
    case GRAPHQL_AST_BOOLEAN:
    case GRAPHQL_AST_NULL:
    case GRAPHQL_AST_ENUM:
        return a->is_block == b->is_block && text_equal(a->text, b->text);
    }
    return false;
}

bool
graphql_ast_arguments_equal(const struct graphql_ast_argument *a, const struct graphql_ast_argument *b)
{
    uint32_t a_count = 0;
    uint32_t b_count = 0;

    if (a == b) {
        return true;
    }
    for (const struct graphql_ast_argument *at = b; at != NULL; at = at->next) {
        b_count++;
    }
    for (const struct graphql_ast_argument *at = a; at != NULL; at = at->next) {
        const struct graphql_ast_argument *other = graphql_ast_argument(b, at->name);

        if (other == NULL || !values_equal(at->value, other->value)) {
            return false;
        }
        a_count++;
    }
    return a_count == b_count;
}
