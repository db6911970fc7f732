/* SPDX-License-Identifier: Apache-2.0 */

#include "core/json_in.h"

#include "tests/check.h"

#include <stdlib.h>

#define BYTES_MAX (1u << 20)

static struct json_in *json;
static struct json_in *spaced_json; /* reads the same with a blank in it */

/* The input last opened, in memory of its own with padding that would go on with it. */
static char *input;

static struct text
given(struct text text, char padding)
{
    free(input);
    input = malloc((uint64_t)text.bytes + JSON_IN_PADDING);
    memcpy(input, text.data, text.bytes);
    memset(input + text.bytes, padding, JSON_IN_PADDING);
    return (struct text){.data = input, .bytes = text.bytes};
}

static void
begin(void)
{
    CHECK_EQ(json_in_create(BYTES_MAX, &json), 0);
    CHECK_EQ(json_in_create(BYTES_MAX, &spaced_json), 0);
}

static void
end(void)
{
    json_in_destroy(json);
    json_in_destroy(spaced_json);
    free(input);
    input = NULL;
}

/* All that can be read of it, one line a value. */
static void
describe(struct json_in *of, const struct json_value *value, struct text *out)
{
    static const char kinds[] = "nftd\"{[";
    const struct json_value *members;
    struct json_cursor cursor;
    struct json_value element;
    struct text part[] = {value->key, value->text, value->raw};
    char *to = (char *)(uintptr_t)out->data;
    uint32_t count;

    to[out->bytes++] = kinds[value->kind];
    for (uint32_t i = 0; i < COUNT_OF(part); i++) {
        if (part[i].bytes > 0 && !(i == 2 && value->kind == JSON_OBJECT)) {
            memcpy(to + out->bytes, part[i].data, part[i].bytes);
            out->bytes += part[i].bytes;
        }
        to[out->bytes++] = i == 2 ? '\n' : '|';
    }
    if (value->kind == JSON_OBJECT) {
        CHECK_EQ(json_in_members(of, value, &members, &count), 0);
        for (uint32_t i = 0; i < count; i++) {
            describe(of, &members[i], out);
        }
    }
    if (value->kind == JSON_ARRAY) {
        CHECK_EQ(json_in_elements(of, value, &cursor), 0);
        while (json_in_next_element(of, &cursor, &element)) {
            describe(of, &element, out);
        }
    }
}

static void
add(struct text *to, struct text text)
{
    memcpy((char *)(uintptr_t)to->data + to->bytes, text.data, text.bytes);
    to->bytes += text.bytes;
}

/* Between two others, as it is or with a blank behind its first byte, and theirs. */
static struct text
lines_with(struct text object, bool is_spaced, char *buffer)
{
    struct text lines = {.data = buffer, .bytes = 0};

    add(&lines, is_spaced ? TEXT("{ \"a\":[\"\\n\"]}\n") : TEXT("{\"a\":[\"\\n\"]}\n"));
    add(&lines, is_spaced ? TEXT("{ ") : TEXT("{"));
    add(&lines, (struct text){.data = object.data + 1, .bytes = object.bytes - 1});
    add(&lines, is_spaced ? TEXT("\n{ \"\\\\\":1}") : TEXT("\n{\"\\\\\":1}"));
    return lines;
}

/* Whatever becomes of an object, alone and among lines, becomes of it with a blank in it too. */
static void
check_blank_is_nothing(struct text object)
{
    static const char paddings[] = "}]\"1.e, \n:\\x";
    static char description[2][50000];
    static char buffer[2][1000];
    struct text says[2] = {{.data = description[0]}, {.data = description[1]}};
    struct text lines = lines_with(object, false, buffer[0]);
    struct text spaced_lines = lines_with(object, true, buffer[1]);
    struct text spaced = {.data = spaced_lines.data + sizeof("{ \"a\":[\"\\n\"]}\n") - 1,
                          .bytes = object.bytes + 1};
    struct json_value value[2];
    int r[2];

    for (uint32_t i = 0; i < sizeof(paddings); i++) {
        r[0] = json_in_open(json, given(object, paddings[i]), &value[0]);
        r[1] = json_in_open(spaced_json, spaced, &value[1]);
        CHECK_EQ(r[0], r[1]);
        if (r[0] != 0) {
            CHECK_TEXT(json_in_reason(json), json_in_reason(spaced_json));
            continue;
        }
        says[0].bytes = says[1].bytes = 0;
        describe(json, &value[0], &says[0]);
        describe(spaced_json, &value[1], &says[1]);
        CHECK_TEXT(says[0], says[1]);
    }
    json_in_open_lines(json, lines);
    json_in_open_lines(spaced_json, spaced_lines);
    do {
        r[0] = json_in_next_line(json, &value[0]);
        r[1] = json_in_next_line(spaced_json, &value[1]);
        CHECK_EQ(r[0], r[1]);
        if (r[0] == JSON_IN_BAD) {
            CHECK_TEXT(json_in_reason(json), json_in_reason(spaced_json));
        }
        if (r[0] == 0) {
            says[0].bytes = says[1].bytes = 0;
            describe(json, &value[0], &says[0]);
            describe(spaced_json, &value[1], &says[1]);
            CHECK_TEXT(says[0], says[1]);
        }
    } while (r[0] != JSON_IN_END);
}

TEST(an_object_without_blanks_reads_as_one_with_them)
{
    static const char *const objects[] = {
        "{}",
        "{\"a\":{}}",
        "{\"tenant\":\"t\",\"n\":-12.5e3,\"i\":1234567,\"zero\":0,\"t\":true,\"f\":false,\"u\":null}",
        "{\"p\":{\"a\":[1,[],{},\"x\",{\"b\":[[0]]}],\"c\":{\"d\":\"\"}},\"e\":\"\",\"\":[null,12345678]}",
        "{\"\\u0061\":\"b\\n\",\"c\":{\"\\td\":[\"\\\\\",\"e\"]},\"f\":\"g\",\"h\":\"\\/\"}",
    };
    static const char spoilers[] = "{}[]:,\"\\ \n\r01-.etfna\x01\xff";
    char spoiled[200];

    begin();
    for (uint32_t i = 0; i < COUNT_OF(objects); i++) {
        uint32_t bytes = (uint32_t)strlen(objects[i]);

        check_blank_is_nothing(text_of(objects[i]));
        for (uint32_t at = 1; at < bytes; at++) {
            memcpy(spoiled, objects[i], at);
            memcpy(spoiled + at, objects[i] + at + 1, bytes - at - 1);
            check_blank_is_nothing((struct text){.data = spoiled, .bytes = bytes - 1});
            check_blank_is_nothing((struct text){.data = objects[i], .bytes = at});
            for (uint32_t k = 0; k < sizeof(spoilers) - 1; k++) {
                memcpy(spoiled, objects[i], bytes);
                spoiled[at] = spoilers[k];
                check_blank_is_nothing((struct text){.data = spoiled, .bytes = bytes});
                memcpy(spoiled + at + 1, objects[i] + at, bytes - at);
                check_blank_is_nothing((struct text){.data = spoiled, .bytes = bytes + 1});
            }
        }
    }
    end();
}

TEST(an_object_is_as_deep_without_blanks_as_with_them)
{
    static char text[300] = "{\"a\":";

    begin();
    for (uint32_t levels = 1; levels <= 128; levels++) {
        memset(text + 5, '[', levels);
        memset(text + 5 + levels, ']', levels);
        text[5 + 2 * levels] = '}';
        check_blank_is_nothing((struct text){.data = text, .bytes = 6 + 2 * levels});
    }
    CHECK_TEXT(json_in_reason(json), "deeper than 128 levels");
    end();
}

/* {"k":"v",...} */
TEST(an_object_has_as_many_members_without_blanks_as_with_them)
{
    static char text[JSON_IN_MEMBERS_MAX * 8 + 10] = "{";
    const struct json_value *members;
    struct json_value value;
    uint32_t count;
    uint32_t bytes = 1;

    begin();
    for (uint32_t i = 0; i <= JSON_IN_MEMBERS_MAX; i++) {
        memcpy(text + bytes, "\"k\":\"v\",", 8);
        bytes += 8;
        text[bytes - 1] = '}';
        CHECK_EQ(json_in_open(json, (struct text){.data = text, .bytes = bytes}, &value), 0);
        CHECK_EQ(json_in_members(json, &value, &members, &count), i < JSON_IN_MEMBERS_MAX ? 0 : JSON_IN_BAD);
        CHECK(i == JSON_IN_MEMBERS_MAX || count == i + 1);
        text[bytes - 1] = ',';
    }
    CHECK_TEXT(json_in_reason(json), "more than 1024 members");
    end();
}
