/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_lexer.h"

#include "core/arena.h"
#include "tests/check.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_lexer lexer;
static struct graphql_token token;

static int
begin(struct text source)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    return graphql_lexer_init(&lexer, source, &errors);
}

static int
next(void)
{
    return graphql_lexer_next(&lexer, &token);
}

/* Reads all tokens, and says how the last one went. */
static int
read_all(struct text source)
{
    int r = begin(source);

    while (r == 0) {
        r = next();
        if (r == 0 && token.kind == GRAPHQL_TOKEN_END) {
            return 0;
        }
    }
    return r;
}

static void
refuses(const char *source)
{
    if (read_all(text_of(source)) != GRAPHQL_LEXER_BAD || errors.count != 1) {
        check_failed(__FILE__, __LINE__, "accepted: %s", source);
    }
}

static void
reads_string(const char *source, const char *value)
{
    CHECK_EQ(begin(text_of(source)), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(token.kind, GRAPHQL_TOKEN_STRING);
    CHECK_TEXT(token.text, value);
    CHECK_EQ(next(), 0);
    CHECK_EQ(token.kind, GRAPHQL_TOKEN_END);
}

TEST(what_is_no_token_is_refused)
{
    static const char *const sources[] = {
        "?",
        ".",
        "..",
        "%",
        "^",
        "~",
        "`",
        "'a'",
        "\x01",
        "\x7f",
        "a\x02",
        "#\x01",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "01",
        "-01",
        "00",
        "-",
        "-a",
        "1.",
        "1.a",
        "1e",
        "1e+",
        "1.2.3",
        "1a",
        "1_",
        "0x1",
        "1e1e",
        ".5",
        "1..2",
        "\"",
        "\"\n\"",
        "\"\r\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u{}\"",
        "\"\\u{110000}\"",
        "\"\\u{d800}\"",
        "\"\\u{1\"",
        "\"\\u{g}\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\ud83dxx\"",
        "\"\x01\"",
        "\"\"\"",
        "\"\"\"a\"\"",
        "\"\"\"\x01\"\"\"",
        "\"\"\"\\\"\"\"",
        "\"\xff\"",
        "#\xff",
        "\"\xed\xa0\x80\"",
    };

    for (uint32_t i = 0; i < COUNT_OF(sources); i++) {
        refuses(sources[i]);
    }
    CHECK_EQ(read_all((struct text){.data = "a\0b", .bytes = 3}), GRAPHQL_LEXER_BAD);
}

TEST(an_error_says_where)
{
    refuses("a # \xc3\xa9\xc3\xa9\r\n\r  \"\xf0\x9f\x98\x80\xc3\xa9\" ?");
    CHECK_EQ(errors.first->places[0].line, 3);
    CHECK_EQ(errors.first->places[0].column, 8);
    CHECK_TEXT(errors.first->message, "Syntax Error: Unexpected character \"?\".");
}

TEST(one_token_too_many_is_refused_by_name)
{
    static char source[2 * (GRAPHQL_TOKENS_MAX + 1)];

    memset(source, ' ', sizeof(source));
    for (uint32_t i = 0; i <= GRAPHQL_TOKENS_MAX; i++) {
        source[2 * i] = 'a';
    }
    CHECK_EQ(read_all((struct text){.data = source, .bytes = sizeof(source) - 2}), 0);
    CHECK_EQ(read_all((struct text){.data = source, .bytes = sizeof(source)}), GRAPHQL_LEXER_BAD);
    CHECK_TEXT(errors.first->code, "TOO_MANY_TOKENS");
}

TEST(a_name_may_have_256_characters)
{
    static char source[GRAPHQL_NAME_BYTES_MAX + 1];

    memset(source, 'a', sizeof(source));
    CHECK_EQ(read_all((struct text){.data = source, .bytes = sizeof(source) - 1}), 0);
    CHECK_EQ(read_all((struct text){.data = source, .bytes = sizeof(source)}), GRAPHQL_LEXER_BAD);
}

TEST(all_tokens_are_read)
{
    static const struct {
        enum graphql_token_kind kind;
        const char *text;
    } tokens[] = {
        {GRAPHQL_TOKEN_PUNCTUATOR, "!"},   {GRAPHQL_TOKEN_PUNCTUATOR, "$"}, {GRAPHQL_TOKEN_PUNCTUATOR, "&"},
        {GRAPHQL_TOKEN_PUNCTUATOR, "("},   {GRAPHQL_TOKEN_PUNCTUATOR, ")"}, {GRAPHQL_TOKEN_PUNCTUATOR, "..."},
        {GRAPHQL_TOKEN_PUNCTUATOR, ":"},   {GRAPHQL_TOKEN_PUNCTUATOR, "="}, {GRAPHQL_TOKEN_PUNCTUATOR, "@"},
        {GRAPHQL_TOKEN_PUNCTUATOR, "["},   {GRAPHQL_TOKEN_PUNCTUATOR, "]"}, {GRAPHQL_TOKEN_PUNCTUATOR, "{"},
        {GRAPHQL_TOKEN_PUNCTUATOR, "|"},   {GRAPHQL_TOKEN_PUNCTUATOR, "}"}, {GRAPHQL_TOKEN_NAME, "_a1"},
        {GRAPHQL_TOKEN_INT, "0"},          {GRAPHQL_TOKEN_INT, "-12"},      {GRAPHQL_TOKEN_FLOAT, "0.5"},
        {GRAPHQL_TOKEN_FLOAT, "-1.5E+10"}, {GRAPHQL_TOKEN_FLOAT, "1e9"},    {GRAPHQL_TOKEN_STRING, ""},
        {GRAPHQL_TOKEN_STRING, "a"},       {GRAPHQL_TOKEN_STRING, "b"},     {GRAPHQL_TOKEN_END, ""},
        {GRAPHQL_TOKEN_END, ""},
    };

    CHECK_EQ(
        begin(TEXT(
            "\xef\xbb\xbf!$&()...:=@[]{|},,,_a1 0 -12\t0.5 -1.5E+10 1e9 # no\n\"\" \"a\"\"\"\"b\"\"\"#end")),
        0);
    for (uint32_t i = 0; i < COUNT_OF(tokens); i++) {
        CHECK_EQ(next(), 0);
        CHECK_EQ(token.kind, tokens[i].kind);
        CHECK_TEXT(token.text, tokens[i].text);
    }
}

TEST(escapes_become_what_they_mean)
{
    reads_string("\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"", "\" \\ / \b \f \n \r \t");
    reads_string("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac");
    reads_string("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
    reads_string("\"\\u{1F600}\\u{0000000041}\"", "\xf0\x9f\x98\x80"
                                                  "A");
    reads_string("\"\xf0\x9f\x98\x80 # , \t\"", "\xf0\x9f\x98\x80 # , \t");
}

TEST(a_block_string_loses_its_indentation)
{
    reads_string("\"\"\"\"\"\"", "");
    reads_string("\"\"\"\n\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \n\"\"\"",
                 "Hello,\n  World!\n\nYours,\n  GraphQL.");
    reads_string("\"\"\"  first\r\n\t\tx\r\t\ty\"\"\"", "  first\nx\ny");
    reads_string("\"\"\"a \\\"\"\" b \\n \"c\" \"\" d\"\"\"", "a \"\"\" b \\n \"c\" \"\" d");
    reads_string("\"\"\"   \n \n\"\"\"", "");
    reads_string("\"\"\"\n    a\n b\n   c\n\"\"\"", "   a\nb\n  c");
}

TEST(lines_are_counted_inside_of_block_strings)
{
    CHECK_EQ(begin(TEXT("\"\"\"\n\r\n\r\xc3\xa9\"\"\" a")), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(next(), 0);
    CHECK_EQ(token.place.line, 4);
    CHECK_EQ(token.place.column, 6);
}
