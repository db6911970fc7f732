/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/dictionary.h"
#include "shards/question.h"

#include <errno.h>
#include <stdio.h>

static struct region region;
static struct dictionary dictionary;

static void
given_a_dictionary(uint32_t day_count_max)
{
    CHECK_EQ(region_init(&region, 64 << 20), 0);
    dictionary_init(&dictionary, &region, day_count_max);
}

static void
then_nothing_is_left(void)
{
    dictionary_deinit(&dictionary);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static int
try_code(struct text value, int64_t day, uint32_t *out_code)
{
    return dictionary_codes(&dictionary, &value, 1, day, out_code);
}

static uint32_t
code(const char *value, int64_t day)
{
    uint32_t out_code = CODE_UNKNOWN;

    CHECK_EQ(try_code(text_of(value), day, &out_code), 0);
    return out_code;
}

static uint32_t
code_of_number(uint32_t number, int64_t day)
{
    char value[32];

    snprintf(value, sizeof(value), "value %u", number);
    return code(value, day);
}

TEST(a_dictionary_without_memory_says_so)
{
    uint32_t out_code;

    CHECK_EQ(region_init(&region, 0), 0);
    dictionary_init(&dictionary, &region, 10);
    CHECK_EQ(try_code(TEXT("a"), 1, &out_code), -ENOMEM);
    CHECK_EQ(try_code(TEXT(""), 1, &out_code), 0);
    then_nothing_is_left();
}

TEST(absent_and_reserved_values_have_no_code_of_their_own)
{
    given_a_dictionary(2);
    CHECK_EQ(code("", 1), CODE_NONE);
    CHECK_EQ(code(NULL, 1), CODE_NONE);
    CHECK_EQ(code("(none)", 1), CODE_NONE);
    CHECK_EQ(code("(other)", 1), CODE_OTHER);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("(none)")), CODE_NONE);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("(other)")), CODE_OTHER);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("a")), CODE_UNKNOWN);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("")), CODE_UNKNOWN);
    CHECK_TEXT(dictionary_text(&dictionary, CODE_NONE), "(none)");
    CHECK_TEXT(dictionary_text(&dictionary, CODE_OTHER), "(other)");

    /* They used nothing of the day. */
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK_EQ(code("b", 1), CODE_FIRST + 1);
    CHECK_EQ(code("c", 1), CODE_OTHER);
    then_nothing_is_left();
}

TEST(the_value_after_the_days_last_is_other_on_that_day_only)
{
    given_a_dictionary(3);
    CHECK_EQ(code("a", 5), CODE_FIRST);
    CHECK_EQ(code("b", 5), CODE_FIRST + 1);
    CHECK_EQ(code("c", 5), CODE_FIRST + 2);
    CHECK_EQ(code("d", 5), CODE_OTHER);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("d")), CODE_UNKNOWN);
    CHECK_EQ(code("a", 5), CODE_FIRST);

    CHECK_EQ(code("d", 6), CODE_FIRST + 3);
    CHECK_EQ(code("d", 5), CODE_OTHER); /* has a code, but not there */
    CHECK_EQ(code("d", 6), CODE_FIRST + 3);
    CHECK_EQ(dictionary_find(&dictionary, TEXT("d")), CODE_FIRST + 3);
    CHECK_TEXT(dictionary_text(&dictionary, CODE_FIRST + 3), "d");
    then_nothing_is_left();
}

TEST(a_value_keeps_its_code_and_counts_once_a_day_whatever_the_order_of_days)
{
    static const int64_t days[] = {5, 3, 9, 5, 4, 9, 3, -1, 5, 4, -1, 10, 9};

    given_a_dictionary(2);
    for (uint32_t i = 0; i < COUNT_OF(days); i++) {
        CHECK_EQ(code("a", days[i]), CODE_FIRST);
    }
    /* On each of those days there is room for exactly one more. */
    for (uint32_t i = 0; i < COUNT_OF(days); i++) {
        CHECK_EQ(code("b", days[i]), CODE_FIRST + 1);
    }
    for (uint32_t i = 0; i < COUNT_OF(days); i++) {
        CHECK_EQ(code("c", days[i]), CODE_OTHER);
        CHECK_EQ(code("a", days[i]), CODE_FIRST);
        CHECK_EQ(code("b", days[i]), CODE_FIRST + 1);
    }
    CHECK_EQ(code("c", 6), CODE_FIRST + 2);
    then_nothing_is_left();
}

TEST(a_value_refused_on_a_later_day_is_still_known_on_its_own)
{
    given_a_dictionary(1);
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK_EQ(code("b", 2), CODE_FIRST + 1);
    CHECK_EQ(code("a", 2), CODE_OTHER);
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK_EQ(code("b", 1), CODE_OTHER);
    CHECK_EQ(code("a", 3), CODE_FIRST);
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK_EQ(code("a", 2), CODE_OTHER);
    then_nothing_is_left();
}

TEST(ten_thousand_values_a_day)
{
    given_a_dictionary(DICTIONARY_DAY_COUNT_MAX);
    for (uint32_t i = 0; i < DICTIONARY_DAY_COUNT_MAX; i++) {
        CHECK_EQ(code_of_number(i, 100), CODE_FIRST + i);
    }
    CHECK_EQ(code_of_number(DICTIONARY_DAY_COUNT_MAX, 100), CODE_OTHER);
    CHECK_EQ(code_of_number(DICTIONARY_DAY_COUNT_MAX - 1, 100), CODE_FIRST + DICTIONARY_DAY_COUNT_MAX - 1);
    CHECK_EQ(code_of_number(DICTIONARY_DAY_COUNT_MAX, 101), CODE_FIRST + DICTIONARY_DAY_COUNT_MAX);
    then_nothing_is_left();
}

TEST(a_value_is_unseen_until_it_comes_and_nobody_knows_once_one_was_refused)
{
    given_a_dictionary(2);
    CHECK(dictionary_is_unseen(&dictionary, TEXT("a")));
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("(none)")));
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("(other)")));
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("a")));
    CHECK_EQ(code("b", 1), CODE_FIRST + 1);
    CHECK(dictionary_is_unseen(&dictionary, TEXT("c")));
    CHECK_EQ(code("c", 1), CODE_OTHER);
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("c")));
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("d")));
    then_nothing_is_left();

    /* Known on another day, refused on this one. */
    given_a_dictionary(1);
    CHECK_EQ(code("a", 1), CODE_FIRST);
    CHECK_EQ(code("b", 2), CODE_FIRST + 1);
    CHECK(dictionary_is_unseen(&dictionary, TEXT("c")));
    CHECK_EQ(code("a", 2), CODE_OTHER);
    CHECK(!dictionary_is_unseen(&dictionary, TEXT("c")));
    then_nothing_is_left();
}

/* Values and days in any order, against the rule said plainly. */
TEST(a_dictionary_knows_what_a_plain_table_knows)
{
    enum { VALUES = 60, DAYS = 12, MAX = 9 };
    static bool is_admitted[DAYS][VALUES];
    uint32_t codes[VALUES] = {0};
    uint32_t counts[DAYS] = {0};
    uint32_t next = CODE_FIRST;
    uint64_t dice = 3;

    given_a_dictionary(MAX);
    memset(is_admitted, 0, sizeof(is_admitted));
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t value;
        uint32_t day;
        uint32_t expected = CODE_OTHER;

        dice = hash_mix(dice + round + 1);
        value = (uint32_t)(dice % VALUES);
        day = (uint32_t)((dice >> 32) % DAYS);
        if (!is_admitted[day][value] && counts[day] < MAX) {
            is_admitted[day][value] = true;
            counts[day]++;
            codes[value] = codes[value] != 0 ? codes[value] : next++;
        }
        if (is_admitted[day][value]) {
            expected = codes[value];
        }
        CHECK_EQ(code_of_number(value, (int64_t)day - 5), expected);
    }
    then_nothing_is_left();
}

TEST(codes_of_several_dictionaries_are_each_their_own)
{
    struct dictionary several[3];
    uint32_t codes[3];
    const char long_text[] = "https://example.com/a/long/way";

    CHECK_EQ(region_init(&region, 64 << 20), 0);
    for (uint32_t i = 0; i < 3; i++) {
        dictionary_init(&several[i], &region, 2);
    }
    for (uint32_t round = 0; round < 40; round++) {
        char value[32];
        struct text texts[3] = {text_of(NULL), text_of(long_text),
                                text_of(round % 2 == 0 ? NULL : "(other)")};

        snprintf(value, sizeof(value), "v%u", round % 4);
        texts[0] = text_of(value);
        CHECK_EQ(dictionary_codes(several, texts, 3, 1, codes), 0);
        CHECK_EQ(codes[0], round % 4 < 2 ? CODE_FIRST + round % 4 : CODE_OTHER);
        CHECK_EQ(codes[1], CODE_FIRST);
        CHECK_EQ(codes[2], round % 2 == 0 ? CODE_NONE : CODE_OTHER);
    }
    for (uint32_t i = 0; i < 3; i++) {
        dictionary_deinit(&several[i]);
    }
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(memory_failing_at_every_point_is_said)
{
    for (uint64_t limit = 0; limit < 64 * 1024; limit += 4096) {
        uint32_t out_code;
        uint32_t i = 0;
        int r = 0;

        CHECK_EQ(region_init(&region, limit), 0);
        dictionary_init(&dictionary, &region, 1000);
        while (r == 0) {
            char value[32];

            snprintf(value, sizeof(value), "v%u", i / 3);
            r = try_code(text_of(value), 10 + i % 3, &out_code);
            i++;
            CHECK(i < 100000);
        }
        CHECK_EQ(r, -ENOMEM);
        then_nothing_is_left();
    }
}
