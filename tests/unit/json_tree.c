/* SPDX-License-Identifier: Apache-2.0 */
#include "query/json_tree.h"

#include "tests/check.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct json_tree *tree;

static int
parse(const char *input)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    return json_tree_parse(&arena, text_of(input), &tree);
}

static void
refuses(const char *input)
{
    if (parse(input) != JSON_TREE_BAD) {
        check_failed(__FILE__, __LINE__, "accepted: %s", input);
    }
}

TEST(what_is_not_json_is_refused)
{
    static const char *const inputs[] = {
        "",
        " ",
        "nul",
        "tru",
        "falsE",
        "nulll",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "NaN",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "]",
        "{",
        "{}}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\t\"",
        "1 2",
        "'a'",
        "[1 2]",
        "//\n1",
        "\"\\\x01\"",
        "\xef\xbb\xbf"
        "1",
    };

    for (uint32_t i = 0; i < COUNT_OF(inputs); i++) {
        refuses(inputs[i]);
    }
}

TEST(bytes_that_are_not_utf8_are_refused)
{
    refuses("\"\xff\"");
    refuses("\"\xc0\xaf\"");
    refuses("\"\xe0\x80\xaf\"");
    refuses("\"\xed\xa0\x80\"");
    refuses("\"\xf4\x90\x80\x80\"");
    refuses("\"\xe2\x82\"");
    refuses("\"\x80\"");
}

TEST(a_surrogate_without_the_other_half_is_refused)
{
    refuses("\"\\ud83d\"");
    refuses("\"\\ude00\"");
    refuses("\"\\ud83d\\ud83d\"");
    refuses("\"\\ud83dx\\ude00\"");
    refuses("\"\\ud83d\\u\"");
    CHECK_EQ(parse("\"\\ud83d\\ude00\""), 0);
    CHECK_TEXT(tree->text, "\xf0\x9f\x98\x80");
}

TEST(the_deepest_value_is_read_and_one_more_is_refused)
{
    char input[2 * JSON_TREE_DEPTH_MAX + 3] = {0};

    memset(input, '[', JSON_TREE_DEPTH_MAX);
    memset(input + JSON_TREE_DEPTH_MAX, ']', JSON_TREE_DEPTH_MAX);
    CHECK_EQ(parse(input), 0);
    memset(input, '[', JSON_TREE_DEPTH_MAX + 1);
    memset(input + JSON_TREE_DEPTH_MAX + 1, ']', JSON_TREE_DEPTH_MAX + 1);
    refuses(input);
}

TEST(a_full_arena_says_so)
{
    struct arena small;

    for (uint64_t bytes = 1; bytes < 2000; bytes += 16) {
        arena_init(&small, &pool, bytes);
        int r = json_tree_parse(&small, TEXT("[1,[\"\\n\"],{\"a\":2}]"), &tree);
        CHECK(r == 0 || r == JSON_TREE_FULL);
        arena_reset(&small);
    }
}

TEST(a_tree_has_its_children_in_order)
{
    CHECK_EQ(parse(" {\"a\" : [1, -2.5e3 ,null,true,false,\"x\\n\\u00e9\"], \"b\":{}, \"a\":\"last\"} "), 0);
    CHECK_EQ(tree->kind, JSON_OBJECT);
    CHECK_EQ(tree->count, 3);
    CHECK_TEXT(tree->children->name, "a");
    CHECK_EQ(tree->children->count, 6);
    CHECK_TEXT(tree->children->children->next->text, "-2.5e3");
    CHECK_TEXT(tree->children->children->next->next->next->next->next->text, "x\n\xc3\xa9");
    CHECK_TEXT(json_tree_member(tree, TEXT("a"))->text, "last");
    CHECK(json_tree_member(tree, TEXT("c")) == NULL);
    CHECK(json_tree_member(tree->children, TEXT("a")) == NULL);
    CHECK(json_tree_member(NULL, TEXT("a")) == NULL);
}

TEST(whole_numbers_are_exact_in_64_bits)
{
    int64_t value;

    CHECK(json_tree_whole(TEXT("9223372036854775807"), &value));
    CHECK_EQ(value, INT64_MAX);
    CHECK(json_tree_whole(TEXT("-9223372036854775808"), &value));
    CHECK_EQ(value, INT64_MIN);
    CHECK(json_tree_whole(TEXT("-0"), &value));
    CHECK_EQ(value, 0);
    CHECK(json_tree_whole(TEXT("12.0"), &value));
    CHECK_EQ(value, 12);
    CHECK(json_tree_whole(TEXT("1.2e1"), &value));
    CHECK_EQ(value, 12);
    CHECK(!json_tree_whole(TEXT("9223372036854775808"), &value));
    CHECK(!json_tree_whole(TEXT("12.5"), &value));
    CHECK(!json_tree_whole(TEXT("1e400"), &value));
}
