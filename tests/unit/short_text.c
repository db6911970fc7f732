/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/short_text.h"

TEST(one_byte_more_than_the_room_lies_elsewhere)
{
    struct short_text text;

    given_memory();
    text = short_text_take(&memory, TEXT("123456789012"));
    CHECK_EQ(region_used(&kept_region), 0);
    CHECK_TEXT(short_text(&text), "123456789012");
    short_text_set(&memory, &text, TEXT("1234567890123"));
    CHECK(region_used(&kept_region) > 0);
    CHECK_TEXT(short_text(&text), "1234567890123");
    short_text_set(&memory, &text, TEXT("1234567890124"));
    CHECK_TEXT(short_text(&text), "1234567890124");
    short_text_set(&memory, &text, (struct text){0});
    CHECK_EQ(text.bytes, 0);
    short_text_put(&memory, &text); /* empty: no effect */
    then_nothing_is_left();
}

TEST(texts_of_any_length_are_equal_only_to_themselves)
{
    enum { LONGEST = 20 };
    char letters[LONGEST + 1] = "abcdefghijklmnopqrst";

    given_memory();
    for (uint32_t bytes = 0; bytes <= LONGEST; bytes++) {
        char exact[LONGEST]; /* nothing behind the end is read */
        memcpy(exact + LONGEST - bytes, letters, bytes);
        struct text text = {.data = exact + LONGEST - bytes, .bytes = bytes};
        struct short_text taken = short_text_take(&memory, text);
        struct short_text lent = short_text_lend(text);

        CHECK(text_equal(short_text(&taken), text));
        CHECK(text_equal(short_text(&lent), text));
        CHECK(short_text_equal(&taken, &lent));
        for (uint32_t i = 0; i < bytes; i++) {
            exact[LONGEST - bytes + i] ^= 1;
            lent = short_text_lend(text);
            CHECK(!short_text_equal(&taken, &lent));
            exact[LONGEST - bytes + i] ^= 1;
        }
        if (bytes > 0) {
            text.bytes--;
            lent = short_text_lend(text);
            CHECK(!short_text_equal(&taken, &lent));
            text.bytes++;
        }
        short_text_put(&memory, &taken);
    }
    then_nothing_is_left();
}
