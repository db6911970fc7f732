/* SPDX-License-Identifier: Apache-2.0 */

#include "core/json_out.h"

#include "tests/check.h"

#include <math.h>

#include "core/json_in.h"

static struct arena_pool pool;
static struct arena arena;
static struct json_out out;

static void
given_a_writer(uint64_t bytes_max)
{
    arena_pool_init(&pool, 0);
    arena_init(&arena, &pool, bytes_max);
    json_out_init(&out, &arena);
}

static void
end(void)
{
    arena_reset(&arena);
    arena_pool_deinit(&pool);
}

/* What was written; ends the writer. */
static void
then_it_says(const char *json)
{
    uint64_t bytes = json_out_bytes(&out);
    struct text text = json_out_finish(&out);

    CHECK(text.data != NULL);
    CHECK_EQ(text.bytes, bytes);
    CHECK_TEXT(text, json);
    end();
}

static void
check_text_of(struct text text, const char *json)
{
    given_a_writer(0);
    json_out_text(&out, text);
    then_it_says(json);
}

static void
check_double(double value, const char *json)
{
    given_a_writer(0);
    json_out_double(&out, value);
    then_it_says(json);
}

static void
check_time(int64_t ms, const char *json)
{
    given_a_writer(0);
    json_out_time(&out, ms);
    then_it_says(json);
}

static void
write_everything(void)
{
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("text"));
    json_out_text(&out, TEXT("a \"text\"\n"));
    json_out_key(&out, TEXT("list"));
    json_out_array_begin(&out);
    json_out_int(&out, INT64_MIN);
    json_out_bool(&out, true);
    json_out_null(&out);
    json_out_double(&out, 0.5);
    json_out_time(&out, 1000);
    json_out_uuid(&out, (struct uuid){.byte = {1}});
    json_out_raw(&out, TEXT("{\"raw\":1}"));
    json_out_array_end(&out);
    json_out_object_end(&out);
}

TEST(a_full_arena_makes_the_writer_quiet)
{
    uint64_t bytes;

    given_a_writer(ARENA_CHUNK_BYTES);
    for (uint32_t i = 0; i < 10000; i++) {
        write_everything();
    }
    CHECK(out.is_full);
    bytes = json_out_bytes(&out);
    write_everything();
    CHECK_EQ(json_out_bytes(&out), bytes);
    CHECK(json_out_finish(&out).data == NULL);
    end();
}

TEST(an_arena_too_small_for_joining_is_full_too)
{
    given_a_writer(200000);
    while (json_out_bytes(&out) < 120000 && !out.is_full) {
        json_out_int(&out, 1000000);
    }
    CHECK(!out.is_full);
    CHECK(json_out_finish(&out).data == NULL);
    CHECK(out.is_full);
    end();
}

TEST(nothing_is_nothing)
{
    given_a_writer(0);
    then_it_says("");
}

TEST(commas_stand_where_they_must)
{
    given_a_writer(0);
    write_everything();
    then_it_says("{\"text\":\"a \\\"text\\\"\\n\",\"list\":[-9223372036854775808,true,null,0.5,"
                 "\"1970-01-01T00:00:01.000Z\",\"01000000-0000-0000-0000-000000000000\",{\"raw\":1}]}");

    given_a_writer(0);
    json_out_array_begin(&out);
    json_out_object_begin(&out);
    json_out_object_end(&out);
    json_out_array_begin(&out);
    json_out_array_end(&out);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("a"));
    json_out_object_begin(&out);
    json_out_object_end(&out);
    json_out_key(&out, TEXT("b"));
    json_out_bool(&out, false);
    json_out_object_end(&out);
    json_out_int(&out, 0);
    json_out_array_end(&out);
    then_it_says("[{},[],{\"a\":{},\"b\":false},0]");
}

TEST(texts_are_escaped)
{
    check_text_of((struct text){0}, "\"\"");
    check_text_of(TEXT("\"\\/"), "\"\\\"\\\\/\"");
    check_text_of(TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    check_text_of((struct text){.data = "\0\1\x1f\x7f", .bytes = 4}, "\"\\u0000\\u0001\\u001f\x7f\"");
    check_text_of(TEXT("sixteen bytes, plain and more\nthan that, \"quoted\" here and there"),
                  "\"sixteen bytes, plain and more\\nthan that, \\\"quoted\\\" here and there\"");
    check_text_of(TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

TEST(what_is_not_utf_8_is_replaced)
{
    check_text_of(TEXT("a\377b"), "\"a\357\277\275b\""); /* octal: "\xffb" is one escape */
    check_text_of(TEXT("\xc3"), "\"\xef\xbf\xbd\"");
    check_text_of(TEXT("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text_of(TEXT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text_of(TEXT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check_text_of(TEXT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(any_text_of_any_length_reads_back)
{
    static const char *const parts[] = {"plain", "\"",   "\n", "\xc3\xa9", "\xf0\x9f\x98\x80",
                                        "\\",    "\x01", "x"};
    static char buffer[40000 + JSON_IN_PADDING];
    struct json_in *json;
    uint64_t dice = 1;

    CHECK_EQ(json_in_create(1 << 20, &json), 0);
    for (uint32_t bytes_max = 0; bytes_max < 40000; bytes_max += 1 + bytes_max / 8) {
        uint32_t bytes = 0;
        struct json_value value;
        struct text text;
        char *padded;

        while (bytes < bytes_max) {
            struct text part;
            dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            part = text_of(parts[dice >> 61]);
            memcpy(buffer + bytes, part.data, part.bytes);
            bytes += part.bytes;
        }
        given_a_writer(0);
        json_out_text(&out, (struct text){.data = buffer, .bytes = bytes});
        text = json_out_finish(&out);
        CHECK(text.data != NULL);
        padded = arena_take_zero(&arena, (uint64_t)text.bytes + JSON_IN_PADDING);
        memcpy(padded, text.data, text.bytes);
        CHECK_EQ(json_in_open(json, (struct text){.data = padded, .bytes = text.bytes}, &value), 0);
        CHECK_EQ(value.kind, JSON_STRING);
        CHECK_TEXT(value.text, ((struct text){.data = buffer, .bytes = bytes}));
        end();
    }
    json_in_destroy(json);
}

TEST(numbers_are_short)
{
    check_double(0, "0");
    check_double(-0.0, "0");
    check_double(9, "9");
    check_double(-9, "-9");
    check_double(9.5, "9.5");
    check_double(0.1, "0.1");
    check_double(0.1 + 0.2, "0.30000000000000004");
    check_double(1e-7, "1e-7");
    check_double(5e-324, "5e-324");
    check_double(1.7976931348623157e308, "1.7976931348623157e+308");
    check_double(9007199254740991.0, "9007199254740991");
    check_double(9007199254740992.0, "9007199254740992.0");
    check_double(-1e20, "-100000000000000000000.0");
    check_double(1e21, "1e+21");
    check_double(1e300, "1e+300");
}

TEST(what_is_not_finite_is_null)
{
    check_double((double)INFINITY, "null");
    check_double(-(double)INFINITY, "null");
    check_double((double)NAN, "null");
}

TEST(integers_are_written_whole)
{
    given_a_writer(0);
    json_out_array_begin(&out);
    json_out_int(&out, INT64_MAX);
    json_out_int(&out, INT64_MIN);
    json_out_int(&out, 0);
    json_out_int(&out, -1);
    json_out_int(&out, 10);
    json_out_array_end(&out);
    then_it_says("[9223372036854775807,-9223372036854775808,0,-1,10]");
}

TEST(times_outside_of_the_calendar_are_the_nearest_inside)
{
    check_time(INT64_MIN, "\"0000-01-01T00:00:00.000Z\"");
    check_time(INT64_MAX, "\"9999-12-31T23:59:59.999Z\"");
}

TEST(many_pieces_are_joined)
{
    uint64_t digits = 0;
    struct text text;

    given_a_writer(0);
    json_out_array_begin(&out);
    for (uint32_t i = 0; i < 100000; i++) {
        json_out_int(&out, i);
    }
    json_out_array_end(&out);
    text = json_out_finish(&out);
    CHECK(text.data != NULL);
    CHECK_EQ(text.bytes, 10 + 90 * 2 + 900 * 3 + 9000 * 4 + 90000 * 5 + 99999 + 2);
    for (uint32_t i = 0; i < text.bytes; i++) {
        digits += text.data[i] >= '0' && text.data[i] <= '9' ? 1 : 0;
    }
    CHECK_EQ(digits, text.bytes - 99999 - 2);
    end();
}
