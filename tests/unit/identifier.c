/* SPDX-License-Identifier: Apache-2.0 */

#include "net/identifier.h"

#include "tests/check.h"

static struct identifier_blocked blocked;

TEST(values_that_name_nobody_are_blocked)
{
    static const char *const values[] = {
        "",
        " ",
        "\t\n",
        "null",
        "NULL",
        "undefined",
        "none",
        "nil",
        "nan",
        "NaN",
        "anonymous",
        "Guest",
        "unknown",
        "0",
        " 0 ",
        "-1",
        "true",
        "False",
        "[object Object]",
        "00000000-0000-0000-0000-000000000000",
        "  undefined\r\n",
    };

    CHECK(identifier_blocked_init(&blocked, NULL, 0));
    for (uint32_t i = 0; i < COUNT_OF(values); i++) {
        CHECK(identifier_is_blocked(&blocked, text_of(values[i])));
    }
}

TEST(all_others_are_not)
{
    static const char *const values[] = {
        "nul",        "nulls",
        "1",          "-10",
        "00",         "n\u00fcll",
        "no ne",      "test",
        "\u00a0null", "00000000-0000-0000-0000-000000000001",
        "[object]",   "01234567890123456789012345678901234567890123456789012345678901234567",
    };

    CHECK(identifier_blocked_init(&blocked, NULL, 0));
    for (uint32_t i = 0; i < COUNT_OF(values); i++) {
        CHECK(!identifier_is_blocked(&blocked, text_of(values[i])));
    }
    CHECK(!identifier_is_blocked(&blocked, (struct text){.data = "null\0", .bytes = 5}));
}

TEST(configured_values_are_blocked_too)
{
    static const char longest[] = "a value that is longer than sixty-three bytes, so that its bit is shared";
    const struct text configured[] = {TEXT("Test "), TEXT(""), TEXT("\u00dcber"), TEXT(longest)};

    CHECK(identifier_blocked_init(&blocked, configured, COUNT_OF(configured)));
    CHECK(identifier_is_blocked(&blocked, TEXT(" tEST")));
    CHECK(identifier_is_blocked(&blocked, TEXT("\u00dcBER")));
    CHECK(!identifier_is_blocked(&blocked, TEXT("\u00fcber"))); /* ASCII case only */
    CHECK(identifier_is_blocked(&blocked, TEXT(longest)));
    CHECK(!identifier_is_blocked(&blocked, (struct text){.data = longest, .bytes = sizeof(longest) - 2}));
    CHECK(identifier_is_blocked(&blocked, TEXT("null")));
}

TEST(the_list_is_bounded)
{
    static struct text configured[IDENTIFIER_BLOCKED_COUNT_MAX];
    static char longest[IDENTIFIER_BLOCKED_BYTES_MAX];
    uint32_t built_in_count;

    memset(longest, 'x', sizeof(longest));
    CHECK(identifier_blocked_init(&blocked, NULL, 0));
    built_in_count = blocked.count;
    for (uint32_t i = 0; i < COUNT_OF(configured); i++) {
        configured[i] = TEXT("x");
    }
    CHECK(identifier_blocked_init(&blocked, configured, IDENTIFIER_BLOCKED_COUNT_MAX - built_in_count));
    CHECK(!identifier_blocked_init(&blocked, configured, IDENTIFIER_BLOCKED_COUNT_MAX - built_in_count + 1));
    configured[0] = (struct text){.data = longest, .bytes = sizeof(longest)};
    CHECK(!identifier_blocked_init(&blocked, configured, 1));
}
