/* SPDX-License-Identifier: Apache-2.0 */
#include "core/utf8.h"

#include "tests/check.h"

/* What the escape in `text`, which begins behind its \u, means, and how far it goes. */
static uint32_t
code_of(const char *text, uint32_t *out_bytes)
{
    const char *at = text;
    uint32_t code = utf8_of_escape(&at, text + strlen(text));

    *out_bytes = (uint32_t)(at - text);
    return code;
}

TEST(an_escape_without_four_digits_is_none)
{
    const char *rows[] = {"", "0", "00e", "00eg", "-0e9", " 0e9", "0x9f"};
    uint32_t bytes;

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(code_of(rows[i], &bytes), UINT32_MAX);
        CHECK_EQ(bytes, 0);
    }
}

TEST(a_surrogate_alone_is_the_replacement_character_and_takes_no_more_than_itself)
{
    const char *rows[] = {"d83d",        "d83dx",       "d83d\\",    "d83d\\u",
                          "d83d\\ude0",  "d83d\\ude0g", "d83d\\n00", "d83d\\u0041",
                          "d83d\\ud83d", "dc00\\udc00", "DFFF"};
    uint32_t bytes;

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(code_of(rows[i], &bytes), 0xfffd);
        CHECK_EQ(bytes, 4);
    }
}

TEST(an_escape_is_a_character_and_a_pair_is_one)
{
    uint32_t bytes;

    CHECK_EQ(code_of("0000", &bytes), 0);
    CHECK_EQ(code_of("00e9more", &bytes), 0xe9);
    CHECK_EQ(bytes, 4);
    CHECK_EQ(code_of("FFFF", &bytes), 0xffff);
    CHECK_EQ(code_of("d800\\udc00", &bytes), 0x10000);
    CHECK_EQ(code_of("dBfF\\uDffFmore", &bytes), 0x10ffff);
    CHECK_EQ(bytes, 10);
}

TEST(what_was_written_reads_back)
{
    static const uint32_t codes[] = {0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
    char buffer[4];
    uint32_t code = 0;

    for (uint32_t i = 0; i < COUNT_OF(codes); i++) {
        uint32_t bytes = utf8_encode(codes[i], buffer);

        CHECK_EQ(utf8_decode(buffer, bytes, &code), bytes);
        CHECK_EQ(code, codes[i]);
        CHECK_EQ(utf8_decode(buffer, bytes - 1, &code), 0);
    }
}

TEST(what_is_not_utf8_is_refused)
{
    CHECK(!utf8_is_valid(TEXT("\xc3\x28")));
    CHECK(!utf8_is_valid(TEXT("\xc0\x80")));
    CHECK(!utf8_is_valid(TEXT("\xe0\x80\x80")));
    CHECK(!utf8_is_valid(TEXT("\xed\xa0\x80")));
    CHECK(!utf8_is_valid(TEXT("\xf4\x90\x80\x80")));
    CHECK(!utf8_is_valid(TEXT("\x80")));
    CHECK(utf8_is_valid(TEXT("a\xc3\xa9\xf0\x9f\x98\x80")));
}
