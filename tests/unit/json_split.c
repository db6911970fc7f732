/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_split.h"

#include "tests/check.h"

TEST(what_is_no_array_from_end_to_end_is_not_split)
{
    static const char *const rows[] = {
        "",      "[",    "]",    " ",     "{}",        "[}",       "7",         "[1] 2",         "[1][2]",
        "[1]]",  "[[1]", "[\"]", "[\"\\", "[\"\\\"]",  "[1, \"a]", "[1,[2]},",  "[1},{\"a\":2]", "1]",
        "[1,2}", "[]",   "[,]",  "[1,]",  "[1, \n,2]", "[,1]",     "[\"a\\\"]",
    };
    struct text inside = {.data = "as before", .bytes = 9};

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK(!json_split_array(text_of(rows[i]), &inside));
        CHECK_TEXT(inside, "as before");
    }
    CHECK(!json_split_array((struct text){.data = NULL, .bytes = 0}, &inside));
}

static void
check_split(struct text text, const char *const *want, uint32_t count)
{
    struct text inside;
    struct text element;

    CHECK(json_split_array(text, &inside));
    for (uint32_t i = 0; i < count; i++) {
        CHECK(json_split_next(&inside, &element));
        CHECK_TEXT(element, want[i]);
    }
    CHECK(!json_split_next(&inside, &element));
    CHECK(!json_split_next(&inside, &element));
}

#define CHECK_SPLIT(text_, ...) \
    check_split(text_, (const char *const[]){__VA_ARGS__}, \
                (uint32_t)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

TEST(elements_end_where_quotes_and_brackets_say)
{
    CHECK_SPLIT(TEXT("[1]"), "1");
    CHECK_SPLIT(TEXT(" [ 1 , 2 ]\n"), "1", "2");
    CHECK_SPLIT(TEXT("[{\"a\":[1,2]},{\"b\":{\"c\":3}}]"), "{\"a\":[1,2]}", "{\"b\":{\"c\":3}}");
    CHECK_SPLIT(TEXT("[\"],[\",\"\\\"],\",\"\\\\\",{\"}\":\"{\"}]"), "\"],[\"", "\"\\\"],\"", "\"\\\\\"",
                "{\"}\":\"{\"}");
}

TEST(what_is_in_an_element_does_not_matter)
{
    CHECK_SPLIT(TEXT("[{\"a\":},tru,\"\xc3\x28\",{} {}]"), "{\"a\":}", "tru", "\"\xc3\x28\"", "{} {}");
    /* Brackets are counted, not paired. */
    CHECK_SPLIT(TEXT("[{\"a\":1],2]"), "{\"a\":1]", "2");
}

TEST(depth_costs_nothing)
{
    static char text[1 << 20];
    uint32_t half = sizeof(text) / 2 - 1;
    struct text inside;
    struct text element;

    memset(text, '[', half);
    memset(text + half, ']', half);
    memcpy(text + 2 * half - 1, ",7", 2);
    text[2 * half + 1] = ']';
    CHECK(json_split_array((struct text){.data = text, .bytes = 2 * half + 2}, &inside));
    CHECK(json_split_next(&inside, &element));
    CHECK_EQ(element.bytes, 2 * half - 2);
    CHECK(json_split_next(&inside, &element));
    CHECK_TEXT(element, "7");
    CHECK(!json_split_next(&inside, &element));
}

TEST(a_member_is_found_by_its_key)
{
    struct text value = {.data = "as before", .bytes = 9};
    static const char *const rows[] = {
        "",
        "{}",
        "{\"a\":1}",
        "{\"batch\":1",
        "{\"batch\":1]",
        "[\"batch\",1]",
        "{batch:1}",
        "{\"batch\" 1}",
        "{\"batch\":1} 2",
        "{\"batch\":\"1}",
        "{\"batch\":1,}",
        "{\"batch\":1}}",
        "{\"a\":{\"batch\":1}}",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK(!json_split_member(text_of(rows[i]), TEXT("batch"), &value));
        CHECK_TEXT(value, "as before");
    }
    CHECK(
        json_split_member(TEXT(" {\"a\" : {\"batch\":[1]}, \"batch\" : [ tru, \"}\" ] , \"b\":\"batch\"}\n"),
                          TEXT("batch"), &value));
    CHECK_TEXT(value, "[ tru, \"}\" ]");
    CHECK(json_split_member(TEXT("{\"batch\":[1],\"batch\":}"), TEXT("batch"), &value));
    CHECK_TEXT(value, "");
}
