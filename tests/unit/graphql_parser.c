/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_parser.h"

#include <stdio.h>

#include "core/arena.h"
#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_ast_document document;

static int
parse(const char *source)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    return graphql_parse(text_of(source), &errors, &document);
}

static void
refuses(const char *source)
{
    if (parse(source) != GRAPHQL_PARSER_BAD || errors.count != 1) {
        check_failed(__FILE__, __LINE__, "accepted: %s", source);
    }
}

TEST(what_is_no_executable_document_is_refused)
{
    static const char *const sources[] = {
        "",
        "#",
        "a",
        "{",
        "}",
        "{}",
        "{a",
        "{a}}",
        "{a{}}",
        "{a:}",
        "{:a}",
        "{a(}",
        "{a()}",
        "{a(b)}",
        "{a(b:)}",
        "{a(b:1}",
        "{a @}",
        "{a @b(}",
        "{...}",
        "{... on}",
        "{... on A}",
        "{...on{a}}",
        "{a(b:[1)}",
        "{a(b:{c})}",
        "{a(b:{c:1)}",
        "{a(b:{1:1})}",
        "{a(b:$)}",
        "{a(b:!)}",
        "query",
        "query(",
        "query(){a}",
        "query($){a}",
        "query($a){a}",
        "query($a:){a}",
        "query($a:[){a}",
        "query($a:[I){a}",
        "query($a:I!!){a}",
        "query($a:I=){a}",
        "query($a:I=$b){a}",
        "query($a:I=[$b]){a}",
        "query($a:I @b(c:$d)){a}",
        "query(a:I){a}",
        "query a b{a}",
        "fragment{a}",
        "fragment a{a}",
        "fragment on on A{a}",
        "fragment a on{a}",
        "fragment a on A",
        "type A{a:I}",
        "schema{query:A}",
        "extend type A{a:I}",
        "\"d\" {a}",
        "\"d\"",
        "\"d\" \"e\" query{a}",
        "type",
        "type A {b:C}",
        "\"d\" extend type A {b:C}",
        "extend {a}",
        "schema {query:A}",
        "directive @a on FIELD",
        "query($a:B \"d\"){a}",
        "{a} 1",
        "{a|b}",
        "{a&b}",
        "subscription",
        "{a(b:1,b)}",
        "query($a:[[[[[[[[I]]]]]]]]){a}",
    };

    for (uint32_t i = 0; i < COUNT_OF(sources); i++) {
        refuses(sources[i]);
    }
}

/* `count` times `opening`, then `middle`, then `count` times `closing`. */
static int
parse_nested(uint32_t count, const char *before, const char *opening, const char *middle, const char *closing,
             const char *after)
{
    static char source[200000];
    struct written written = {.to = source, .room = sizeof(source)};

    write_on(&written, "%s", before);
    for (uint32_t i = 0; i < count; i++) {
        write_on(&written, "%s", opening);
    }
    write_on(&written, "%s", middle);
    for (uint32_t i = 0; i < count; i++) {
        write_on(&written, "%s", closing);
    }
    write_on(&written, "%s", after);
    return parse(source);
}

TEST(deep_documents_are_refused_by_name_and_never_overflow_the_stack)
{
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX, "", "{a", "", "}", ""), 0);
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX + 1, "", "{a", "", "}", ""), GRAPHQL_PARSER_BAD);
    CHECK_TEXT(errors.first->code, "TOO_DEEP");
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX - 1, "{a(b:", "[", "", "]", ")}"), 0);
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX, "{a(b:", "[", "", "]", ")}"), GRAPHQL_PARSER_BAD);
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX, "{a(b:", "{c:", "1", "}", ")}"), GRAPHQL_PARSER_BAD);
    CHECK_EQ(parse_nested(GRAPHQL_AST_DEPTH_MAX, "{", "...{", "a", "}", "}"), GRAPHQL_PARSER_BAD);
    CHECK_EQ(parse_nested(20000, "{a(b:", "[", "", "]", ")}"), GRAPHQL_PARSER_BAD);
}

TEST(a_full_arena_is_an_error_at_every_n)
{
    const char *source =
        "query a($b:[I!]!=[1]@c(d:{e:\"\\n\"})){f:g(h:$b){...i ...on j@k{l}}} fragment i on j{m}";
    bool has_succeeded = false;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    for (uint64_t bytes = 1; bytes < 8000; bytes += 16) {
        arena_init(&arena, &pool, bytes);
        graphql_errors_init(&errors, &arena);
        if (graphql_parse(text_of(source), &errors, &document) == 0) {
            has_succeeded = true;
        } else {
            CHECK(errors.is_full);
        }
        arena_reset(&arena);
    }
    CHECK(has_succeeded);
}

TEST(an_operation_has_all_its_parts)
{
    const struct graphql_ast_definition *at;
    const struct graphql_ast_selection *field;

    CHECK_EQ(
        parse(
            "mutation m($a: [Int!]! = [1, 2] @x, $b: Boolean) @y(z: null) { k: f(a: $a, b: ENUM, c: {d: "
            "1.5, e: \"s\", g: true}) @skip(if: $b) { ...F ... on T { h } ... @include(if: true) { i } } }"),
        0);
    at = document.definitions;
    CHECK_EQ(at->operation, GRAPHQL_MUTATION);
    CHECK_TEXT(at->name, "m");
    CHECK_TEXT(at->variables->name, "a");
    CHECK_EQ(at->variables->type.list_depth, 1);
    CHECK_EQ(at->variables->type.non_null, 3);
    CHECK_EQ(at->variables->default_value->count, 2);
    CHECK_TEXT(at->variables->directives->name, "x");
    CHECK_EQ(at->variables->next->type.non_null, 0);
    CHECK_EQ(at->directives->arguments->value->kind, GRAPHQL_AST_NULL);
    field = at->selections;
    CHECK_TEXT(field->alias, "k");
    CHECK_TEXT(field->name, "f");
    CHECK_EQ(field->place.column, 64);
    CHECK_EQ(field->arguments->value->kind, GRAPHQL_AST_VARIABLE);
    CHECK_TEXT(field->arguments->value->text, "a");
    CHECK_EQ(field->arguments->next->value->kind, GRAPHQL_AST_ENUM);
    CHECK_EQ(field->arguments->next->next->value->kind, GRAPHQL_AST_OBJECT);
    CHECK_EQ(field->arguments->next->next->value->count, 3);
    CHECK_TEXT(field->arguments->next->next->value->items->next->name, "e");
    CHECK_TEXT(field->arguments->next->next->value->items->next->text, "s");
    CHECK_EQ(field->selections->kind, GRAPHQL_AST_SPREAD);
    CHECK_TEXT(field->selections->name, "F");
    CHECK_EQ(field->selections->next->kind, GRAPHQL_AST_INLINE);
    CHECK_TEXT(field->selections->next->type_condition, "T");
    CHECK_EQ(field->selections->next->next->type_condition.bytes, 0);
}

TEST(key_words_are_names_where_names_may_stand)
{
    CHECK_EQ(
        parse("query query{query fragment on:on mutation(true:true null:null){type}} fragment a on on{on}"),
        0);
    CHECK_EQ(parse("{a(b:[]c:{}d:[[1][]]e:-0)}"), 0);
}

TEST(descriptions_are_read_over)
{
    CHECK_EQ(parse("\"d\" query a(\"\"\"of b\"\"\" $b:C){a} \"e\" fragment f on A{a}"), 0);
    CHECK_TEXT(document.definitions->name, "a");
    CHECK_EQ(document.definitions->place.column, 1);
    CHECK_TEXT(document.definitions->variables->name, "b");
    CHECK_EQ(document.definitions->variables->place.column, 13);
    CHECK_EQ(document.definitions->variables->name_place.column, 25);
}

TEST(a_part_of_a_schema_is_named)
{
    CHECK_EQ(parse("{a} extend type A {b:C}"), GRAPHQL_PARSER_BAD);
    CHECK_TEXT(errors.first->message, "The \"A\" definition is not executable.");
    CHECK_TEXT(errors.first->code, "GRAPHQL_VALIDATION_FAILED");
    CHECK_EQ(errors.first->places[0].column, 5);
    CHECK_EQ(parse("extend schema @a"), GRAPHQL_PARSER_BAD);
    CHECK_TEXT(errors.first->message, "The schema definition is not executable.");
    CHECK_EQ(parse("directive @a on FIELD"), GRAPHQL_PARSER_BAD);
    CHECK_TEXT(errors.first->message, "The \"a\" definition is not executable.");
}
