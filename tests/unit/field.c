/* SPDX-License-Identifier: Apache-2.0 */

#include "net/field.h"

#include "tests/check.h"

TEST(a_tenant_is_1_to_64_of_a_small_alphabet)
{
    static const char *const bad[] = {
        "",       " ",   "a b", "a/b",
        "\u00fc", "a\n", "a:b", "a@",
        "[",      "`",   "{",   "12345678901234567890123456789012345678901234567890123456789012345"};
    static const char *const good[] = {"a",
                                       "Z",
                                       "0",
                                       ".",
                                       "_",
                                       "-",
                                       "Acme.shop_2-eu",
                                       "1234567890123456789012345678901234567890123456789012345678901234"};

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!field_is_tenant(text_of(bad[i])));
    }
    for (uint32_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(field_is_tenant(text_of(good[i])));
    }
    CHECK(!field_is_tenant((struct text){.data = "a\0b", .bytes = 3}));
}

TEST(a_cut_never_divides_a_character)
{
    static const struct {
        const char *text;
        uint32_t bytes_max;
        const char *cut;
    } rows[] = {
        {"", 0, ""},
        {"abc", 3, "abc"},
        {"abc", 2, "ab"},
        {"abc", 0, ""},
        {"a\u00e4", 2, "a"},
        {"a\u00e4", 3, "a\u00e4"},
        {"\u20ac\u20ac", 5, "\u20ac"},
        {"\u20ac", 2, ""},
        {"x\U0001f600y", 4, "x"},
        {"x\U0001f600y", 5, "x\U0001f600"},
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_TEXT(field_cut(text_of(rows[i].text), rows[i].bytes_max), rows[i].cut);
    }
}

TEST(query_and_fragment_begin_at_the_first_mark)
{
    CHECK_TEXT(field_without_query(TEXT("")), "");
    CHECK_TEXT(field_without_query(TEXT("/a")), "/a");
    CHECK_TEXT(field_without_query(TEXT("/a?b#c")), "/a");
    CHECK_TEXT(field_without_query(TEXT("/a#c?b")), "/a");
    CHECK_TEXT(field_without_query(TEXT("#")), "");
}

TEST(the_path_of_a_url)
{
    static const struct {
        const char *url;
        const char *path;
    } rows[] = {
        {"https://x.com/a/b?c#d", "/a/b"},
        {"https://x.com", "/"},
        {"https://x.com?c", "/"},
        {"https://x.com/", "/"},
        {"http://u:p@h:80/a", "/a"},
        {"//x.com/a", "/a"},
        {"file:///a", "/a"},
        {"/a/b#c", "/a/b"},
        {"a/b", "a/b"},
        {"/a//b", "/a//b"},
        {"x.com:80/a", "x.com:80/a"},
        {"", ""},
        {"?a", ""},
        {":", ":"},
        {"://a", "://a"},
        {"/", "/"},
        {"https:", "https:"},
        {"https:/", "https:/"},
        {"https://", "/"},
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_TEXT(field_path(text_of(rows[i].url)), rows[i].path);
    }
}

TEST(trimming_takes_ascii_blanks_only)
{
    CHECK_TEXT(field_trim(TEXT(" \t\r\n\v\fa b\n ")), "a b");
    CHECK_TEXT(field_trim(TEXT(" \n ")), "");
    CHECK_TEXT(field_trim(TEXT("\u00a0")), "\u00a0");
}
