/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_value.h"

#include "core/arena.h"
#include "tests/check.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_value value;

static bool
coerces(struct graphql_type_ref ref, const char *json)
{
    struct json_tree *tree;

    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    CHECK_EQ(json_tree_parse(&arena, text_of(json), &tree), 0);
    return graphql_value_from_json(&errors, ref, tree, TEXT("v"), (struct graphql_place){.line = 1}, &value);
}

static void
refuses(enum graphql_type type, const char *json)
{
    if (coerces((struct graphql_type_ref){.type = type}, json) || errors.count != 1) {
        check_failed(__FILE__, __LINE__, "accepted: %s", json);
    }
    CHECK_TEXT(errors.first->code, "BAD_USER_INPUT");
}

static void
accepts(enum graphql_type type, const char *json, enum graphql_value_kind kind)
{
    if (!coerces((struct graphql_type_ref){.type = type}, json)) {
        check_failed(__FILE__, __LINE__, "refused: %s", json);
    }
    CHECK_EQ(value.kind, kind);
}

static int64_t
ms_of(const char *time)
{
    struct event_ms ms;

    CHECK(graphql_value_time(text_of(time), &ms));
    return ms.ms;
}

static bool
is_time(const char *time)
{
    struct event_ms ms;

    return graphql_value_time(text_of(time), &ms);
}

TEST(json_of_another_type_is_refused)
{
    refuses(TYPE_INT, "\"1\"");
    refuses(TYPE_INT, "1.5");
    refuses(TYPE_INT, "true");
    refuses(TYPE_INT, "2147483648");
    refuses(TYPE_INT, "-2147483649");
    refuses(TYPE_INT, "[]");
    refuses(TYPE_INT, "{}");
    refuses(TYPE_LONG, "9223372036854775808");
    refuses(TYPE_FLOAT, "\"1\"");
    refuses(TYPE_FLOAT, "1e400");
    refuses(TYPE_STRING, "1");
    refuses(TYPE_STRING, "true");
    refuses(TYPE_BOOLEAN, "0");
    refuses(TYPE_BOOLEAN, "\"true\"");
    refuses(TYPE_ID, "1.5");
    refuses(TYPE_ID, "true");
    refuses(TYPE_DATE_TIME, "0");
    refuses(TYPE_DATE_TIME, "\"yesterday\"");
    refuses(TYPE_METRIC, "\"DAY\"");
    refuses(TYPE_METRIC, "\"events\"");
    refuses(TYPE_METRIC, "1");
    refuses(TYPE_EVENT_FILTER, "[1]");
    refuses(TYPE_EVENT_FILTER, "\"x\"");
    refuses(TYPE_EVENT_FILTER, "{\"open\":true}");
    refuses(TYPE_EVENT_FILTER, "{\"late\":1}");
    refuses(TYPE_DIMENSION_VALUE, "{}");
    refuses(TYPE_DIMENSION_VALUE, "{\"by\":null}");
    CHECK(!coerces((struct graphql_type_ref){.type = TYPE_INT, .non_null = 1}, "null"));
    CHECK(!coerces((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 1, .non_null = 2}, "[1,null]"));
    CHECK(!coerces((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 1, .non_null = 1}, "null"));
}

TEST(a_variable_with_a_list_too_long_is_refused)
{
    static char json[2 * GRAPHQL_LIST_ITEMS_MAX + 4];
    struct graphql_type_ref ints = {.type = TYPE_INT, .list_depth = 1};

    memset(json, '1', sizeof(json) - 1);
    for (uint32_t i = 0; i <= GRAPHQL_LIST_ITEMS_MAX; i++) {
        json[2 * i] = i == 0 ? '[' : ',';
    }
    json[2 * GRAPHQL_LIST_ITEMS_MAX] = ']';
    json[2 * GRAPHQL_LIST_ITEMS_MAX + 1] = '\0';
    CHECK(coerces(ints, json));
    CHECK_EQ(value.count, GRAPHQL_LIST_ITEMS_MAX);
    memcpy(json + 2 * GRAPHQL_LIST_ITEMS_MAX, ",1]", 4);
    CHECK(!coerces(ints, json));
}

TEST(scalars_become_values)
{
    accepts(TYPE_INT, "-2147483648", GRAPHQL_VALUE_INTEGER);
    CHECK_EQ(value.integer, INT32_MIN);
    accepts(TYPE_INT, "1.0", GRAPHQL_VALUE_INTEGER);
    accepts(TYPE_LONG, "9223372036854775807", GRAPHQL_VALUE_INTEGER);
    CHECK_EQ(value.integer, INT64_MAX);
    accepts(TYPE_FLOAT, "3", GRAPHQL_VALUE_FLOAT);
    CHECK(value.number >= 3 && value.number <= 3);
    accepts(TYPE_BOOLEAN, "true", GRAPHQL_VALUE_BOOLEAN);
    CHECK(value.truth);
    accepts(TYPE_STRING, "\"\\u00e9\"", GRAPHQL_VALUE_TEXT);
    CHECK_TEXT(value.text, "\xc3\xa9");
    accepts(TYPE_ID, "12345678901234567890", GRAPHQL_VALUE_TEXT);
    CHECK_TEXT(value.text, "12345678901234567890");
    accepts(TYPE_ID, "\"x\"", GRAPHQL_VALUE_TEXT);
    accepts(TYPE_METRIC, "\"USERS\"", GRAPHQL_VALUE_ENUM);
    CHECK_EQ(value.enumerator, ENUM_METRIC_USERS);
    accepts(TYPE_JSON, "{\"a\":[1]}", GRAPHQL_VALUE_JSON);
    CHECK_EQ(value.json->kind, JSON_OBJECT);
    accepts(TYPE_DATE_TIME, "\"1970-01-01T00:00:01Z\"", GRAPHQL_VALUE_TIME);
    CHECK_EQ(value.time.ms, 1000);
    accepts(TYPE_INT, "null", GRAPHQL_VALUE_NULL);
}

TEST(one_value_stands_for_a_list_of_it)
{
    CHECK(coerces((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 2}, "7"));
    CHECK_EQ(value.count, 1);
    CHECK_EQ(value.items[0].kind, GRAPHQL_VALUE_LIST);
    CHECK_EQ(value.items[0].items[0].integer, 7);
    CHECK(coerces((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 1}, "[]"));
    CHECK_EQ(value.count, 0);
    CHECK(coerces((struct graphql_type_ref){.type = TYPE_INT, .list_depth = 1}, "[1,null]"));
    CHECK_EQ(value.items[1].kind, GRAPHQL_VALUE_NULL);
}

TEST(an_object_has_a_place_for_every_field_of_its_type)
{
    accepts(TYPE_EVENT_FILTER, "{\"country\":\"DE\",\"late\":null,\"country\":\"FR\"}", GRAPHQL_VALUE_OBJECT);
    CHECK_EQ(value.count, 7);
    CHECK_TEXT(graphql_value_field(&value, INPUT_EVENT_FILTER_COUNTRY)->text, "FR");
    CHECK_EQ(graphql_value_field(&value, INPUT_EVENT_FILTER_LATE)->kind, GRAPHQL_VALUE_NULL);
    CHECK_EQ(graphql_value_field(&value, INPUT_EVENT_FILTER_FROM)->kind, GRAPHQL_VALUE_ABSENT);
    CHECK_DIES(graphql_value_field(&value, INPUT_SESSION_FILTER_OPEN));
}

TEST(a_time_needs_a_zone)
{
    CHECK(!is_time(""));
    CHECK(!is_time("2026-01-01"));
    CHECK(!is_time("2026-01-01T00:00:00"));
    CHECK(!is_time("2026-01-01 00:00:00"));
    CHECK(!is_time("2026-01-01 00:00:00.123"));
    CHECK(!is_time("2026-02-29T00:00:00Z"));
    CHECK(!is_time("2026-13-01T00:00:00Z"));
    CHECK(!is_time("2026-01-01T24:00:00Z"));
    CHECK(!is_time("2026-01-01T00:00:00.Z"));
    CHECK(!is_time("2026-01-01T00:00:00+0100"));
    CHECK(!is_time("2026-01-01T00:00:00Zx"));
    CHECK_EQ(ms_of("1970-01-01T00:00:00Z"), 0);
    CHECK_EQ(ms_of("1969-12-31t23:59:59.999z"), -1);
    CHECK_EQ(ms_of("2000-02-29T12:00:00.123456+02:00"), 951818400123);
    CHECK_EQ(ms_of("2000-02-29 05:30:00-04:30"), 951818400000);
}
