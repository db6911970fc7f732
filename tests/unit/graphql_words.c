/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_words.h"

#include "core/arena.h"
#include "query/graphql_parser.h"
#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_words words;

/* The literal as it is printed. */
static struct text
printed(const char *literal)
{
    static char source[4000];
    struct written written = {.to = source, .room = sizeof(source)};
    struct graphql_ast_document document;
    struct graphql_errors errors;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    write_on(&written, "{a(b:%s)}", literal);
    CHECK_EQ(graphql_parse(text_of(source), &errors, &document), 0);
    words.bytes = 0;
    graphql_words_add_value(&words, document.definitions->selections->arguments->value);
    return graphql_words_text(&words);
}

/* What is said to have been meant, of options between blanks. */
static struct text
meant(const char *name, const char *options_text)
{
    struct graphql_options options = {.count = 0};

    while (*options_text != '\0') {
        size_t bytes = strcspn(options_text, " ");

        graphql_options_add(&options, (struct text){.data = options_text, .bytes = (uint32_t)bytes});
        options_text += bytes + (options_text[bytes] == ' ' ? 1 : 0);
    }
    words.bytes = 0;
    graphql_words_add_meant(&words, "", text_of(name), &options);
    return graphql_words_text(&words);
}

TEST(what_is_too_long_is_cut_between_characters)
{
    words.bytes = 0;
    graphql_words_add(&words, "%*d", (int)GRAPHQL_MESSAGE_BYTES_MAX - 1, 7);
    graphql_words_add(&words, "é");
    CHECK_EQ(words.bytes, GRAPHQL_MESSAGE_BYTES_MAX - 1);
    graphql_words_add(&words, "ab");
    CHECK_EQ(words.bytes, GRAPHQL_MESSAGE_BYTES_MAX);
    graphql_words_add(&words, "c");
    CHECK_EQ(words.bytes, GRAPHQL_MESSAGE_BYTES_MAX);
}

TEST(literals_are_printed_as_graphql)
{
    CHECK_TEXT(printed("[1,2.50 $c true,null E]"), "[1, 2.50, $c, true, null, E]");
    CHECK_TEXT(printed("{a:{b:[]} c:{}}"), "{a: {b: []}, c: {}}");
    CHECK_TEXT(printed("\"a\\\"\\\\\\n\\u0007\\u007f\\u0085é\""), "\"a\\\"\\\\\\n\\u0007\\u007F\\u0085é\"");
    CHECK_TEXT(printed("\"\"\"a \"b\" \"\"\""), "\"\"\"a \"b\" \"\"\"");
    CHECK_TEXT(printed("\"\"\"a\n  b\"\"\""), "\"\"\"\na\nb\n\"\"\"");
}

TEST(nothing_alike_is_nothing_said)
{
    CHECK_TEXT(meant("x", ""), "");
    CHECK_TEXT(meant("horse", "cart wheel"), "");
    CHECK_TEXT(meant("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                     "aaaaaaaaaaaaaaaa"
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                     "aaaa"),
               "");
}

TEST(what_is_most_alike_comes_first)
{
    CHECK_TEXT(meant("tenent", "tenant"), " Did you mean \"tenant\"?");
    CHECK_TEXT(meant("TENANT", "tenents tenant"), " Did you mean \"tenant\" or \"tenents\"?");
    CHECK_TEXT(meant("tneant", "tenant"), " Did you mean \"tenant\"?");
    CHECK_TEXT(meant("event7d", "events30d events events7d"),
               " Did you mean \"events7d\", \"events\", or \"events30d\"?");
    CHECK_TEXT(meant("ab", "ac aa"), " Did you mean \"aa\" or \"ac\"?");
    CHECK_TEXT(meant("a", "g f e d c b"), " Did you mean \"b\", \"c\", \"d\", \"e\", or \"f\"?");
    CHECK_TEXT(meant("a1", "a10 a9 a01"), " Did you mean \"a01\", \"a9\", or \"a10\"?");
}

TEST(more_options_than_there_is_room_for_die)
{
    struct graphql_options options = {.count = GRAPHQL_OPTIONS_MAX};

    CHECK_DIES(graphql_options_add(&options, TEXT("a")));
}
