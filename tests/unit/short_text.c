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
