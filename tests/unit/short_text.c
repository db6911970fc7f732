/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/short_text.h"

#include <stdlib.h>

TEST(one_byte_more_than_the_room_lies_elsewhere)
{
    struct text exact = TEXT("123456789012");
    struct text longer = TEXT("1234567890123");
    struct short_text text = short_text_lend(exact);

    CHECK(short_text(&text).data == text.room);
    CHECK_TEXT(short_text(&text), "123456789012");
    text = short_text_lend(longer);
    CHECK(short_text(&text).data == longer.data);
    text = short_text_lend((struct text){0});
    CHECK_EQ(short_text(&text).bytes, 0);
}

TEST(texts_of_any_length_are_equal_only_to_themselves)
{
    enum { LONGEST = 20 };
    char letters[LONGEST + 1] = "abcdefghijklmnopqrst";

    for (uint32_t bytes = 0; bytes <= LONGEST; bytes++) {
        char *exact = malloc(bytes + 1); /* nothing in front of it or behind its end is read */
        CHECK(exact != NULL);
        char *same = malloc(bytes + 1);
        CHECK(same != NULL);
        memcpy(exact, letters, bytes);
        memcpy(same, letters, bytes);
        struct text text = {.data = exact, .bytes = bytes};
        struct short_text known = short_text_lend((struct text){.data = same, .bytes = bytes});
        struct short_text lent = short_text_lend(text);

        CHECK(text_equal(short_text(&lent), text));
        CHECK(short_text_equal(&known, &lent));
        CHECK(short_text_may_be_same(&known, &lent));
        CHECK_EQ(short_text_is(&lent, &known), bytes <= SHORT_TEXT_ROOM);
        for (uint32_t i = 0; i < bytes; i++) {
            exact[i] ^= 1;
            lent = short_text_lend(text);
            CHECK(!short_text_equal(&known, &lent));
            CHECK(!short_text_is(&lent, &known));
            exact[i] ^= 1;
        }
        if (bytes > 0) {
            text.bytes--;
            lent = short_text_lend(text);
            CHECK(!short_text_equal(&known, &lent));
        }
        free(exact);
        free(same);
    }
}
