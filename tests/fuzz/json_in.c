/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_in.h"

#include "tests/fuzz/fuzz.h"

#define BYTES_MAX (1u << 20)

/* Lists end with the loop that they were made in, so members are looked at first and arrays one after the other. */
static void
walk(struct json_in *json, const struct json_value *value, uint32_t depth)
{
    const struct json_value *members;
    uint32_t count;
    struct json_cursor cursor;
    struct json_value element;
    char number[JSON_NUMBER_BYTES_MAX];
    int64_t integer;
    double real;

    REQUIRE(depth <= JSON_IN_DEPTH_MAX);
    REQUIRE(value->raw.bytes > 0);
    switch (value->kind) {
    case JSON_OBJECT:
        if (json_in_members(json, value, &members, &count) == 0) {
            for (uint32_t i = 0; i < count; i++) {
                walk(json, &members[i], depth + 1);
            }
        }
        return;
    case JSON_ARRAY:
        REQUIRE(json_in_elements(json, value, &cursor) == 0);
        while (json_in_next_element(json, &cursor, &element)) {
            if (element.kind != JSON_OBJECT || depth < 4) { /* a loop ends the lists of those around it */
                walk(json, &element, depth + 1);
            }
        }
        return;
    case JSON_NUMBER:
        (void)json_number_int64(value->raw, &integer);
        (void)json_number_double(value->raw, &real);
        REQUIRE(json_number_text(value->raw, number).bytes < sizeof(number));
        return;
    default:
        return;
    }
}

/* With a blank behind its first byte an object is what it is without. */
static void
open_spaced(struct json_in *json, struct text object, bool is_value)
{
    static char buffer[BYTES_MAX + 1 + JSON_IN_PADDING];
    struct text spaced = {.data = buffer, .bytes = object.bytes + 1};
    struct json_value value;

    memcpy(buffer, "{ ", 2);
    memcpy(buffer + 2, object.data + 1, object.bytes - 1);
    memset(buffer + spaced.bytes, 0, JSON_IN_PADDING);
    const char *reason = is_value ? NULL : json_in_reason(json);
    REQUIRE((json_in_open(json, spaced, &value) == 0) == is_value);
    REQUIRE(is_value || strcmp(json_in_reason(json), reason) == 0);
}

/* One value, and the same bytes as lines. What has no line end is a value exactly when it is a good line. */
FUZZ(data, bytes)
{
    static struct json_in *json;
    struct json_value value;
    uint32_t good = 0;
    uint32_t lines = 0;
    int r;

    if (bytes > BYTES_MAX || (json == NULL && json_in_create(BYTES_MAX, &json) != 0)) {
        return 0;
    }
    const struct text input = fuzz_copy(data, bytes, JSON_IN_PADDING);
    const bool is_value = json_in_open(json, input, &value) == 0;
    if (is_value) {
        walk(json, &value, 0);
    }
    if (bytes > 0 && bytes < BYTES_MAX && data[0] == '{') {
        open_spaced(json, input, is_value);
    }
    json_in_open_lines(json, input);
    while ((r = json_in_next_line(json, &value)) != JSON_IN_END) {
        lines++;
        if (r == 0) {
            good++;
            walk(json, &value, 0);
        }
    }
    if (bytes == 0 || (memchr(data, '\n', bytes) == NULL && memchr(data, '\r', bytes) == NULL)) {
        REQUIRE((lines == 1 && good == 1) == is_value);
    }
    fuzz_free(input);
    return 0;
}
