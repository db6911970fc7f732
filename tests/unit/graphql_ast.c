/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_ast.h"

#include "core/arena.h"
#include "query/graphql_parser.h"
#include "tests/check.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_ast_document document;

/* Two fields in one document: are their arguments equal? */
static bool
are_equal(const char *source)
{
    const struct graphql_ast_selection *first;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    CHECK_EQ(graphql_parse(text_of(source), &errors, &document), 0);
    first = document.definitions->selections;
    return graphql_ast_arguments_equal(first->arguments, first->next->arguments);
}

TEST(arguments_that_differ_are_not_equal)
{
    CHECK(!are_equal("{a(b:1) a}"));
    CHECK(!are_equal("{a a(b:1)}"));
    CHECK(!are_equal("{a(b:1) a(b:2)}"));
    CHECK(!are_equal("{a(b:1) a(c:1)}"));
    CHECK(!are_equal("{a(b:1) a(b:\"1\")}"));
    CHECK(!are_equal("{a(b:$c) a(b:c)}"));
    CHECK(!are_equal("{a(b:[1 2]) a(b:[2 1])}"));
    CHECK(!are_equal("{a(b:[1]) a(b:[1 1])}"));
    CHECK(!are_equal("{a(b:{c:1}) a(b:{c:2})}"));
    CHECK(!are_equal("{a(b:{c:1}) a(b:{d:1})}"));
    CHECK(!are_equal("{a(b:\"x\") a(b:\"\"\"x\"\"\")}")); /* as graphql-js has it */
}

TEST(order_of_names_does_not_count)
{
    CHECK(are_equal("{a a}"));
    CHECK(are_equal("{a(b:1 c:$d) a(c:$d b:1)}"));
    CHECK(are_equal("{a(b:{c:[1 \"x\"] d:E}) a(b:{d:E c:[1 \"x\"]})}"));
}

TEST(nodes_are_found_by_name)
{
    CHECK(are_equal("{a@b@c(d:1) a} fragment a on A{a} query q{a}"));
    CHECK(graphql_ast_fragment(&document, TEXT("a")) == document.definitions->next);
    CHECK(graphql_ast_fragment(&document, TEXT("q")) == NULL);
    CHECK(graphql_ast_directive(document.definitions->selections->directives, TEXT("c")) != NULL);
    CHECK(graphql_ast_directive(document.definitions->selections->directives, TEXT("d")) == NULL);
    CHECK_TEXT(graphql_ast_response_key(document.definitions->selections), "a");
}
