/* SPDX-License-Identifier: Apache-2.0 */

#include "core/json_in.h"

#include "tests/check.h"

#include <stdlib.h>

#define BYTES_MAX (1u << 20)

static struct json_in *json;

/* The input last opened, in memory of its own with padding that would go on with it. */
static char *input;

static struct text
given(struct text text, char padding)
{
    free(input);
    input = malloc((uint64_t)text.bytes + JSON_IN_PADDING);
    if (text.bytes > 0) {
        memcpy(input, text.data, text.bytes);
    }
    memset(input + text.bytes, padding, JSON_IN_PADDING);
    return (struct text){.data = input, .bytes = text.bytes};
}

static void
begin(void)
{
    CHECK_EQ(json_in_create(BYTES_MAX, &json), 0);
}

static void
end(void)
{
    json_in_destroy(json);
    json = NULL;
    free(input);
    input = NULL;
}

static int
opened(struct text text, struct json_value *out_value)
{
    static const char paddings[] = "}]\"1.e, \n:\\x";
    int r = json_in_open(json, given(text, '\0'), out_value);

    for (uint32_t i = 0; i < sizeof(paddings); i++) {
        CHECK_EQ(json_in_open(json, given(text, paddings[i]), out_value), r);
    }
    return r;
}

static void
refused(struct text text, const char *reason)
{
    struct json_value value;

    if (opened(text, &value) != JSON_IN_BAD) {
        check_failed(__FILE__, __LINE__, "%.*s was taken for JSON", (int)text.bytes, text.data);
    }
    CHECK_TEXT(json_in_reason(json), reason);
}

static struct json_value
accepted(struct text text, enum json_kind kind)
{
    struct json_value value;

    if (opened(text, &value) != 0) {
        check_failed(__FILE__, __LINE__, "%.*s: %s", (int)text.bytes, text.data, json_in_reason(json));
    }
    CHECK_EQ(value.kind, kind);
    CHECK_EQ(value.key.bytes, 0);
    return value;
}

TEST(what_is_no_json_is_refused)
{
    struct json_value value;

    begin();
    refused(TEXT(""), "no value");
    refused(TEXT(" \t\r\n"), "no value");
    refused(TEXT("{"), "ends too early");
    refused(TEXT("{\"a\""), "ends too early");
    refused(TEXT("{\"a\":"), "ends too early");
    refused(TEXT("{\"a\":1"), "ends too early");
    refused(TEXT("{\"a\":1,"), "ends too early");
    refused(TEXT("[1,"), "ends too early");
    refused(TEXT("[1"), "ends too early");
    refused(TEXT("[[]"), "ends too early");
    refused(TEXT("[1,]"), "not a value");
    refused(TEXT("[,1]"), "not a value");
    refused(TEXT("{\"a\":1,}"), "a member without a key");
    refused(TEXT("{1:1}"), "a member without a key");
    refused(TEXT("{a:1}"), "a member without a key");
    refused(TEXT("{\"a\" 1}"), "no : after a key");
    refused(TEXT("{\"a\":1 \"b\":2}"), "neither , nor } after a member");
    refused(TEXT("{\"a\":1]"), "neither , nor } after a member");
    refused(TEXT("[1 2]"), "neither , nor ] after an element");
    refused(TEXT("[\"a\"b]"), "neither , nor ] after an element");
    refused(TEXT("[1}"), "neither , nor ] after an element");
    refused(TEXT("1 2"), "more after the value");
    refused(TEXT("{}{}"), "more after the value");
    refused(TEXT("{}\n{}"), "more after the value");
    refused(TEXT("{}x"), "more after the value");
    refused(TEXT("'a'"), "not a value");
    refused(TEXT("}"), "not a value");
    refused(TEXT("/* a */1"), "not a value");
    refused(TEXT("\xef\xbb\xbf{}"), "not a value");
    refused((struct text){.data = "1\0", .bytes = 2}, "not a number");
    /* simdjson's kernels see these differently: no one reason. */
    CHECK_EQ(opened(TEXT("[1\f]"), &value), JSON_IN_BAD);
    CHECK_EQ(opened(TEXT("[1\v]"), &value), JSON_IN_BAD);
    end();
}

TEST(words_are_spelled_so)
{
    begin();
    refused(TEXT("True"), "not a value");
    refused(TEXT("tru"), "not a value");
    refused(TEXT("truex"), "not a value");
    refused(TEXT("true\"\""), "not a value");
    refused(TEXT("nul"), "not a value");
    refused(TEXT("fals"), "not a value");
    refused(TEXT("NaN"), "not a value");
    refused(TEXT("Infinity"), "not a value");
    accepted(TEXT(" true "), JSON_TRUE);
    accepted(TEXT("false"), JSON_FALSE);
    accepted(TEXT("null\n"), JSON_NULL);
    end();
}

TEST(numbers_are_spelled_so)
{
    static const char *const bad[] = {"-",   "01",  "-01", "1.", ".5",    "1.e5",  "1e",  "1e+", "0x1",
                                      "1_0", "--1", "1a",  "-a", "1.5.5", "1e5e5", "1-1", "00",  "1\"\""};
    static const char *const good[] = {"0",     "-0",   "1",     "10",
                                       "-10.5", "0.50", "1e5",   "1E+5",
                                       "1e-05", "0e0",  "1e999", "123456789012345678901234567890.123456789"};

    begin();
    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        refused(text_of(bad[i]), bad[i][0] == '.' ? "not a value" : "not a number");
    }
    refused(TEXT("+1"), "not a value");
    for (uint32_t i = 0; i < COUNT_OF(good); i++) {
        CHECK_TEXT(accepted(text_of(good[i]), JSON_NUMBER).raw, good[i]);
    }
    CHECK_TEXT(accepted(TEXT(" 12 \n"), JSON_NUMBER).raw, "12");
    end();
}

TEST(strings_are_utf_8_with_known_escapes)
{
    begin();
    refused(TEXT("\"a"), "a string without an end");
    refused(TEXT("\"a\\\""), "a string without an end");
    refused(TEXT("\"a\nb\""), "a control character in a string");
    refused((struct text){.data = "\"\0\"", .bytes = 3}, "a control character in a string");
    refused(TEXT("\"\x1f\""), "a control character in a string");
    refused(TEXT("\"\xff\""), "not UTF-8");
    refused(TEXT("\"\xc0\x80\""), "not UTF-8");
    refused(TEXT("\"\xed\xa0\x80\""), "not UTF-8");
    refused(TEXT("\"\xf4\x90\x80\x80\""), "not UTF-8");
    refused(TEXT("\"\xe2\x82\""), "not UTF-8");
    refused(TEXT("\"\\x\""), "an unknown escape");
    refused(TEXT("\"\\U0041\""), "an unknown escape");
    refused(TEXT("\"\\u12\""), "a \\u without four hexadecimal digits");
    refused(TEXT("\"\\u12g4\""), "a \\u without four hexadecimal digits");
    refused(TEXT("\"\\u+123\""), "a \\u without four hexadecimal digits");
    refused(TEXT("{\"\\q\":1}"), "an unknown escape");
    end();
}

TEST(strings_are_unescaped)
{
    struct json_value value;

    begin();
    value = accepted(TEXT(" \"plain\" "), JSON_STRING);
    CHECK_TEXT(value.text, "plain");
    CHECK_TEXT(value.raw, "\"plain\"");
    CHECK(value.text.data == input + 2); /* in the input */
    value = accepted(TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JSON_STRING);
    CHECK_TEXT(value.text, "\"\\/\b\f\n\r\t");
    CHECK_TEXT(value.raw, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"");
    CHECK_TEXT(accepted(TEXT("\"a\\u0041\\u00e9\\u20AC\\ud83D\\uDe00z\""), JSON_STRING).text,
               "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    CHECK_TEXT(accepted(TEXT("\"\\u0000\""), JSON_STRING).text, ((struct text){.data = "", .bytes = 1}));
    CHECK_TEXT(accepted(TEXT("\"\\uffff\\\\\""), JSON_STRING).text, "\xef\xbf\xbf\\");
    CHECK_TEXT(accepted(TEXT("\"\""), JSON_STRING).text, "");
    end();
}

TEST(a_lone_surrogate_is_grammatical_and_reads_as_the_replacement_character)
{
    begin();
    CHECK_TEXT(accepted(TEXT("\"\\ud800\""), JSON_STRING).text, "\xef\xbf\xbd");
    CHECK_TEXT(accepted(TEXT("\"\\udc00x\""), JSON_STRING).text, "\xef\xbf\xbdx");
    CHECK_TEXT(accepted(TEXT("\"\\ud800\\ud800\""), JSON_STRING).text, "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK_TEXT(accepted(TEXT("\"\\ud800\\u0041\""), JSON_STRING).text, "\xef\xbf\xbd"
                                                                       "A");
    accepted(TEXT("{\"raw\":{\"deep\":[\"\\ud800\"]}}"), JSON_OBJECT);
    end();
}

TEST(a_hundred_and_twenty_eight_levels_are_deep_enough)
{
    static char text[400];

    begin();
    memset(text, '[', 129);
    memset(text + 129, ']', 129);
    refused((struct text){.data = text, .bytes = 258}, "deeper than 128 levels");
    accepted((struct text){.data = text + 1, .bytes = 256}, JSON_ARRAY);
    memcpy(text, "[{\"a\":", 6);
    memset(text + 6, '[', 126);
    memset(text + 132, ']', 126);
    memcpy(text + 258, "}]", 2);
    accepted((struct text){.data = text, .bytes = 260}, JSON_ARRAY);
    end();
}

TEST(a_text_may_be_as_long_as_was_said_and_no_longer)
{
    struct json_in *small;
    struct json_value value;

    begin();
    CHECK_EQ(json_in_create(10, &small), 0);
    CHECK_EQ(json_in_open(small, given(TEXT("[\"\\n\\n\\n\"]"), ']'), &value), 0);
    CHECK_EQ(json_in_open(small, given(TEXT("\"\\n\\n\\n\\n\""), '"'), &value), 0);
    CHECK_TEXT(value.text, "\n\n\n\n");
    CHECK_EQ(json_in_open(small, given(TEXT("[\"\\n\\n\\n\"] "), ']'), &value), JSON_IN_BAD);
    CHECK_TEXT(json_in_reason(small), "too long");

    json_in_open_lines(small, given(TEXT("1234567890\n12345678901\n\n12"), '3'));
    CHECK_EQ(json_in_next_line(small, &value), 0);
    CHECK_EQ(json_in_next_line(small, &value), JSON_IN_BAD);
    CHECK_TEXT(json_in_reason(small), "too long");
    CHECK_EQ(json_in_next_line(small, &value), 0);
    CHECK_TEXT(value.raw, "12");
    CHECK_EQ(json_in_next_line(small, &value), JSON_IN_END);
    CHECK_EQ(json_in_next_line(small, &value), JSON_IN_END);
    json_in_destroy(small);
    end();
}

TEST(members_come_in_order_with_their_raw_text)
{
    const struct json_value *members;
    uint32_t count;

    begin();
    CHECK_EQ(json_in_object(
                 json,
                 given(TEXT(" { \"a\" : 1 , \"b\\n\":\"x\\ty\",\"c\":{\"d\" : [1, 2] } ,\"e\":[ ],\"f\":true,"
                            "\"g\":false,\"h\":null,\"a\":-2.5e3, \"\":\"\"} "),
                       '}'),
                 &members, &count),
             0);
    CHECK_EQ(count, 9);
    CHECK_TEXT(members[0].key, "a");
    CHECK_TEXT(members[0].raw, "1");
    CHECK_EQ(members[0].kind, JSON_NUMBER);
    CHECK_TEXT(members[1].key, "b\n");
    CHECK_TEXT(members[1].raw, "\"x\\ty\"");
    CHECK_TEXT(members[1].text, "x\ty");
    CHECK_TEXT(members[2].raw, "{\"d\" : [1, 2] }");
    CHECK_EQ(members[2].kind, JSON_OBJECT);
    CHECK_TEXT(members[3].raw, "[ ]");
    CHECK_EQ(members[3].kind, JSON_ARRAY);
    CHECK_EQ(members[4].kind, JSON_TRUE);
    CHECK_TEXT(members[5].raw, "false");
    CHECK_TEXT(members[6].raw, "null");
    CHECK_TEXT(members[7].key, "a"); /* again */
    CHECK_TEXT(members[7].raw, "-2.5e3");
    CHECK_EQ(members[8].key.bytes, 0);
    CHECK_EQ(members[8].kind, JSON_STRING);

    CHECK_EQ(json_in_object(json, given(TEXT("{ }"), '}'), &members, &count), 0);
    CHECK_EQ(count, 0);
    end();
}

TEST(only_objects_have_members_and_only_arrays_elements)
{
    const struct json_value *members;
    struct json_cursor cursor;
    struct json_value value;
    uint32_t count;

    begin();
    CHECK_EQ(json_in_object(json, given(TEXT("[]"), 0), &members, &count), JSON_IN_TYPE);
    CHECK_EQ(json_in_object(json, given(TEXT("\"{}\""), 0), &members, &count), JSON_IN_TYPE);
    CHECK_EQ(json_in_object(json, given(TEXT("[}"), 0), &members, &count), JSON_IN_BAD);
    value = accepted(TEXT("{}"), JSON_OBJECT);
    CHECK_EQ(json_in_elements(json, &value, &cursor), JSON_IN_TYPE);
    end();
}

TEST(a_value_of_an_earlier_opening_is_a_mistake)
{
    const struct json_value *members;
    struct json_value value;
    uint32_t count;

    begin();
    value = accepted(TEXT("{}"), JSON_OBJECT);
    accepted(TEXT("{}"), JSON_OBJECT);
    CHECK_DIES((void)!json_in_members(json, &value, &members, &count));
    end();
}

TEST(values_open_at_any_depth_and_lists_live_together)
{
    const struct json_value *outer;
    const struct json_value *inner;
    const struct json_value *again;
    struct json_value value;
    uint32_t count;

    begin();
    value = accepted(TEXT("{\"a\":{\"b\":{\"c\\u0064\":\"\\u0065\"}},\"f\":1}"), JSON_OBJECT);
    CHECK_EQ(json_in_members(json, &value, &outer, &count), 0);
    CHECK_EQ(count, 2);
    CHECK_EQ(json_in_members(json, &outer[0], &inner, &count), 0);
    CHECK_EQ(count, 1);
    CHECK_EQ(json_in_members(json, &inner[0], &again, &count), 0);
    CHECK_EQ(count, 1);
    CHECK_TEXT(again[0].key, "cd");
    CHECK_TEXT(again[0].text, "e");
    CHECK_TEXT(inner[0].key, "b");
    CHECK_TEXT(outer[1].key, "f");
    CHECK_EQ(json_in_members(json, &inner[0], &again, &count), 0);
    CHECK_TEXT(again[0].text, "e");
    end();
}

TEST(elements_come_one_by_one)
{
    const struct json_value *members;
    struct json_cursor cursor;
    struct json_cursor inner;
    struct json_value value;
    struct json_value element;
    struct json_value number;
    uint32_t count;
    int64_t sum = 0;

    begin();
    value = accepted(TEXT("[ {\"a\":[1,2]} , {\"a\":[3 ,4 ]},{\"a\":[]}]"), JSON_ARRAY);
    CHECK_EQ(json_in_elements(json, &value, &cursor), 0);
    while (json_in_next_element(json, &cursor, &element)) {
        CHECK_EQ(json_in_members(json, &element, &members, &count), 0);
        CHECK_EQ(count, 1);
        CHECK_EQ(json_in_elements(json, &members[0], &inner), 0);
        while (json_in_next_element(json, &inner, &number)) {
            int64_t n;

            CHECK(json_number_int64(number.raw, &n));
            sum = sum * 10 + n;
        }
        CHECK_TEXT(members[0].key, "a"); /* made before the inner loop */
    }
    CHECK_EQ(sum, 1234);
    CHECK(!json_in_next_element(json, &cursor, &element));
    end();
}

/* {"k":0,"k":0,...} */
static struct text
object_of(uint32_t member_count, char *buffer)
{
    uint32_t bytes = 0;

    buffer[bytes++] = '{';
    for (uint32_t i = 0; i < member_count; i++) {
        memcpy(buffer + bytes, i > 0 ? ",\"k\":0" : "\"k\":0", i > 0 ? 6 : 5);
        bytes += i > 0 ? 6 : 5;
    }
    buffer[bytes++] = '}';
    return (struct text){.data = buffer, .bytes = bytes};
}

TEST(a_listed_object_has_at_most_1024_members_and_a_raw_one_any_number)
{
    static char buffer[30000];
    const struct json_value *members;
    uint32_t count;
    struct text large;

    begin();
    CHECK_EQ(json_in_object(json, given(object_of(JSON_IN_MEMBERS_MAX + 1, buffer), 0), &members, &count),
             JSON_IN_BAD);
    CHECK_TEXT(json_in_reason(json), "more than 1024 members");
    CHECK_EQ(json_in_object(json, given(object_of(JSON_IN_MEMBERS_MAX, buffer), 0), &members, &count), 0);
    CHECK_EQ(count, JSON_IN_MEMBERS_MAX);
    large = object_of(3000, buffer + 5);
    memcpy(buffer, "{\"r\":", 5);
    buffer[5 + large.bytes] = '}';
    CHECK_EQ(json_in_object(json, given((struct text){.data = buffer, .bytes = large.bytes + 6}, 0), &members,
                            &count),
             0);
    CHECK_EQ(count, 1);
    CHECK_EQ(members[0].raw.bytes, large.bytes);
    end();
}

TEST(lists_end_with_the_loop_they_were_made_in)
{
    static char buffer[600000];
    const struct json_value *members;
    struct json_cursor cursor;
    struct json_value value;
    struct json_value element;
    uint32_t bytes = 0;
    uint32_t count;

    begin();
    buffer[bytes++] = '[';
    for (uint32_t i = 0; i < 50; i++) {
        bytes += object_of(JSON_IN_MEMBERS_MAX, buffer + bytes).bytes;
        buffer[bytes++] = ',';
    }
    buffer[bytes - 1] = ']';
    CHECK_EQ(json_in_open(json, given((struct text){.data = buffer, .bytes = bytes}, 0), &value), 0);
    CHECK_EQ(json_in_elements(json, &value, &cursor), 0);
    for (uint32_t i = 0; i < 50; i++) {
        CHECK(json_in_next_element(json, &cursor, &element));
        CHECK_EQ(json_in_members(json, &element, &members, &count), 0);
        CHECK_EQ(count, JSON_IN_MEMBERS_MAX);
    }
    CHECK(!json_in_next_element(json, &cursor, &element));

    /* Without a loop they add up. */
    CHECK_EQ(json_in_open(json, given((struct text){.data = buffer, .bytes = bytes}, 0), &value), 0);
    CHECK_EQ(json_in_elements(json, &value, &cursor), 0);
    CHECK(json_in_next_element(json, &cursor, &element));
    for (uint32_t i = 0; i < JSON_IN_LISTED_MAX / JSON_IN_MEMBERS_MAX; i++) {
        CHECK_EQ(json_in_members(json, &element, &members, &count), 0);
    }
    CHECK_EQ(json_in_members(json, &element, &members, &count), JSON_IN_BAD);
    end();
}

TEST(a_string_may_be_opened_in_its_turn)
{
    const struct json_value *members;
    struct json_in *inner;
    struct json_value value;
    uint32_t count;

    begin();
    CHECK_EQ(json_in_create(BYTES_MAX, &inner), 0);
    value = accepted(TEXT("\"{\\\"a\\\":\\\"b\\\"}\""), JSON_STRING);
    CHECK_EQ(json_in_object(inner, value.text, &members, &count), 0);
    CHECK_EQ(count, 1);
    CHECK_TEXT(members[0].text, "b");
    value = accepted(TEXT("\"[1,2]\""), JSON_STRING);
    CHECK_EQ(json_in_open(inner, value.text, &value), 0);
    CHECK_TEXT(value.raw, "[1,2]");
    json_in_destroy(inner);
    end();
}

/* Each line as raw text, or its reason in brackets, and a '|'. */
static void
check_lines(struct text text, const char *says)
{
    static char said[10000];
    struct json_value value;
    uint32_t bytes = 0;
    int r;

    json_in_open_lines(json, given(text, '1'));
    while ((r = json_in_next_line(json, &value)) != JSON_IN_END) {
        struct text line = r == 0 ? value.raw : text_of(json_in_reason(json));

        CHECK(r == 0 || r == JSON_IN_BAD);
        if (r != 0) {
            said[bytes++] = '<';
        }
        memcpy(said + bytes, line.data, line.bytes);
        bytes += line.bytes;
        said[bytes++] = r != 0 ? '>' : '|';
    }
    CHECK_TEXT(((struct text){.data = said, .bytes = bytes}), says);
}

TEST(a_bad_line_spoils_no_other)
{
    begin();
    check_lines(TEXT(""), "");
    check_lines(TEXT("\n \n\r\n"), "");
    check_lines(TEXT("1"), "1|");
    check_lines(TEXT("{\"a\":1}\r\n\n 2 \n\"x\"\n"), "{\"a\":1}|2|\"x\"|");
    check_lines(TEXT("1\n{\"a\":\n1}\n2\n"), "1|<ends too early><more after the value>2|");
    check_lines(TEXT("1\n\"a\n2\n\"\n3"), "1|<a string without an end>2|<a string without an end>3|");
    check_lines(TEXT("1\n\"\xff\"\n2"), "1|<not UTF-8>2|");
    check_lines(TEXT("1\n\xe2\x82\n\xac\n2"), "1|<not UTF-8><not UTF-8>2|");
    check_lines(TEXT("1 2\n3"), "<more after the value>3|");
    check_lines(TEXT("1\n[1,\n2\n,3]\n4"), "1|<ends too early>2|<not a value>4|");
    check_lines(TEXT("\\\n1\nx\n2\n"), "<not a value>1|<not a value>2|");
    check_lines(TEXT("\"a\\\n\"b\"\n2\n"), "<a string without an end>\"b\"|2|");
    check_lines(TEXT("{\"a\":\"\\x\"}\n{\"a\":\"\\n\"}"), "<an unknown escape>{\"a\":\"\\n\"}|");
    end();
}

TEST(lines_are_the_same_however_they_fall_into_windows)
{
    enum { LINE_COUNT = 30000 };
    char *text = malloc(LINE_COUNT * 64);
    uint32_t bytes = 0;
    struct json_value value;
    const struct json_value *members;
    uint32_t count;

    begin();
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        char number[16];
        uint32_t digits = 0;

        for (uint32_t left = i + 1; left > 0; left /= 10) {
            number[digits++] = (char)('0' + left % 10);
        }
        memcpy(text + bytes, i % 1000 == 999 ? "[{\"n\\u0000\":" : " {\"n\\u0000\":", 12);
        bytes += 12;
        while (digits > 0) {
            text[bytes++] = number[--digits];
        }
        memcpy(text + bytes, "}\n", 2);
        bytes += 2;
    }
    json_in_open_lines(json, given((struct text){.data = text, .bytes = bytes}, '\n'));
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        int64_t n;

        CHECK_EQ(json_in_next_line(json, &value), i % 1000 == 999 ? JSON_IN_BAD : 0);
        if (i % 1000 == 999) {
            continue;
        }
        CHECK_EQ(json_in_members(json, &value, &members, &count), 0);
        CHECK_TEXT(members[0].key, ((struct text){.data = "n", .bytes = 2}));
        CHECK(json_number_int64(members[0].raw, &n));
        CHECK_EQ(n, i + 1);
    }
    CHECK_EQ(json_in_next_line(json, &value), JSON_IN_END);
    free(text);
    end();
}

/* Corrupts a body at random; the lines must be what each of them is alone. */
TEST(corrupted_bodies_are_read_as_if_line_by_line)
{
    static const char body[] = "{\"type\":\"track\",\"p\":{\"a\":[1,-2.5e3,\"x\\ny\"]},\"t\":true}\n"
                               "{\"k\":\"caf\xc3\xa9 \\u20ac \\ud83d\\ude00\",\"n\":null}\n"
                               "  [1,2,{\"deep\":[[[]]]}]  \r\n"
                               "\n"
                               "\"alone\"\n"
                               "{\"x\":\"\\\\\",\"y\":\"\\\"\"}\n";
    static const char spoilers[] = "\"\\\n{}[]:,1e-. \xff\xc3\x01t";
    uint64_t dice = 42;
    struct json_in *alone;

    begin();
    CHECK_EQ(json_in_create(BYTES_MAX, &alone), 0);
    for (uint32_t round = 0; round < 20000; round++) {
        char spoiled[sizeof(body) - 1];
        struct json_value ours;
        struct json_value theirs;
        struct text text;
        const char *at;
        const char *text_end;

        memcpy(spoiled, body, sizeof(spoiled));
        for (uint32_t i = 0; i <= round % 3; i++) {
            dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            spoiled[(dice >> 40) % sizeof(spoiled)] = spoilers[(dice >> 20) % (sizeof(spoilers) - 1)];
        }
        text = given((struct text){.data = spoiled, .bytes = sizeof(spoiled)}, '"');
        text_end = text.data + text.bytes;
        json_in_open_lines(json, text);
        for (at = text.data; at < text_end;) {
            const char *newline = memchr(at, '\n', (size_t)(text_end - at));
            struct text line = {.data = at, .bytes = (uint32_t)((newline != NULL ? newline : text_end) - at)};
            int r = json_in_open(alone, line, &theirs);

            at += line.bytes + 1;
            if (r != 0 && strcmp(json_in_reason(alone), "no value") == 0) {
                continue;
            }
            CHECK_EQ(json_in_next_line(json, &ours), r);
            if (r != 0) {
                CHECK_TEXT(json_in_reason(json), json_in_reason(alone));
                continue;
            }
            CHECK_EQ(ours.kind, theirs.kind);
            CHECK_TEXT(ours.raw, theirs.raw);
            CHECK_TEXT(ours.text, theirs.text);
            CHECK(ours.raw.data == theirs.raw.data);
        }
        CHECK_EQ(json_in_next_line(json, &ours), JSON_IN_END);
    }
    json_in_destroy(alone);
    end();
}

TEST(what_is_no_integer_is_refused)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "a",
                                      "1.",
                                      ".1",
                                      "01",
                                      "1e",
                                      "1 ",
                                      " 1",
                                      "+1",
                                      "1e999",
                                      "-1e999",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "1e19",
                                      "9.3e18",
                                      "99999999999999999999",
                                      "1e99999999999999999999999"};
    int64_t value = 7;

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        if (json_number_int64(text_of(bad[i]), &value)) {
            check_failed(__FILE__, __LINE__, "\"%s\" was taken for an integer", bad[i]);
        }
    }
    CHECK_EQ(value, 7);
}

TEST(integers_are_exact_and_fractions_cut_off)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"0e999999999999", 0},
        {"0.000", 0},
        {"1", 1},
        {"-1", -1},
        {"1e3", 1000},
        {"1.5e3", 1500},
        {"1.9", 1},
        {"-1.9", -1},
        {"0.9", 0},
        {"-0.9", 0},
        {"1234e-2", 12},
        {"1e-99999999999999999999", 0},
        {"0.001e3", 1},
        {"0.0019e3", 1},
        {"100e-2", 1},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775807.9", INT64_MAX},
        {"9.223372036854775807e18", INT64_MAX},
        {"922337203685477580.7e1", INT64_MAX},
        {"1767225601000.25", INT64_C(1767225601000)},
        {"0.00000000000000000000000000000000000000001e41", 1},
        {"10000000000000000000000000000000000000000e-40", 1},
    };

    for (uint32_t i = 0; i < COUNT_OF(good); i++) {
        int64_t value = 7;

        CHECK(json_number_int64(text_of(good[i].text), &value));
        CHECK_EQ(value, good[i].value);
    }
}

TEST(the_text_of_a_number_is_its_shortest)
{
    static const char *const pairs[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"1", "1"},
        {"-1", "-1"},
        {"1.0", "1"},
        {"1e0", "1"},
        {"1e2", "100"},
        {"1.50", "1.5"},
        {"0.1", "0.1"},
        {"1e21", "1e+21"},
        {"1e20", "100000000000000000000"},
        {"1e-6", "0.000001"},
        {"1e-7", "1e-7"},
        {"1.25e-7", "1.25e-7"},
        {"123e-20", "1.23e-18"},
        {"12345678901234567890", "12345678901234567890"},
        {"-1234567890123456789012345678901", "-1.2345678901234568e+30"},
        {"1234567890123456789012345678901", "1234567890123456789012345678901"},
        {"12345678901234567890123456789012", "1.2345678901234567e+31"},
        {"123.456", "123.456"},
        {"1e999", ""},
        {"-1e999", ""},
        {"1e-999", "0"},
        {"-1e-999", "0"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"-5e-324", "-5e-324"},
        {"01", ""},
        {"", ""},
        {"1 ", ""},
    };

    for (uint32_t i = 0; i < COUNT_OF(pairs); i++) {
        char buffer[JSON_NUMBER_BYTES_MAX];
        struct text text = json_number_text(text_of(pairs[i][0]), buffer);

        CHECK_TEXT(text, pairs[i][1]);
    }
}

TEST(doubles_are_the_nearest)
{
    static const char *const bad[] = {"", "1 ", "1 e5", "1 2", "01", "nan", "inf", "0x1", "1e999", "-1e999"};
    double value = 7;

    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        if (json_number_double(text_of(bad[i]), &value)) {
            check_failed(__FILE__, __LINE__, "\"%s\" was taken for a double", bad[i]);
        }
    }
    CHECK(value == 7.0);
    CHECK(json_number_double(TEXT("-1.5e3"), &value) && value == -1500.0);
    CHECK(json_number_double(TEXT("0.1"), &value) && value == 0.1);
    CHECK(json_number_double(TEXT("1e-999"), &value) && value == 0.0);
    CHECK(json_number_double(TEXT("9007199254740993"), &value) && value == 9007199254740992.0);
}
