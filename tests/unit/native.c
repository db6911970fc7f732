/* SPDX-License-Identifier: Apache-2.0 */

#include "net/native.h"

#include "tests/unit/normalised.h"

#define GIVEN() given(NORMALISER_EVENTS, NULL, 0, false)

/* A good event with these members too. */
static const char *
with(const char *members)
{
    return print("{\"tenant_id\":\"t\",\"event_id\":\"e\",\"event_type\":\"click\",\"user_id\":\"u\",%s}",
                 members);
}

static struct text
text_with(enum event_text which, const char *members)
{
    return event_of(with(members))->text[which];
}

TEST(rejects_say_which_field_and_why)
{
    static const struct {
        const char *members;
        const char *reason;
    } rows[] = {
        {"\"tenant_id\":5", "tenant_id: not a string"},
        {"\"tenant_id\":\"a b\"", "tenant_id: not 1 to 64 of A-Z a-z 0-9 . _ -"},
        {"\"tenant_id\":\"\\u00fc\"", "tenant_id: not 1 to 64 of A-Z a-z 0-9 . _ -"},
        {"\"tenant_id\":null", "tenant_id: missing"},
        {"\"tenant_id\":\"\"", "tenant_id: missing"},
        {"\"event_type\":null", "event_type: missing"},
        {"\"event_type\":\"\"", "event_type: missing"},
        {"\"event_type\":7", "event_type: not a string"},
        {"\"event_id\":true", "event_id: neither a string nor a number"},
        {"\"event_id\":{}", "event_id: neither a string nor a number"},
        {"\"event_id\":1e999", "event_id: not a finite number"},
        {"\"user_id\":[1]", "user_id: neither a string nor a number"},
        {"\"anonymous_id\":false", "anonymous_id: neither a string nor a number"},
        {"\"previous_id\":{}", "previous_id: neither a string nor a number"},
        {"\"group_id\":[]", "group_id: neither a string nor a number"},
        {"\"session_id\":true", "session_id: neither a string nor a number"},
        {"\"page_url\":1", "page_url: not a string"},
        {"\"referrer\":{}", "referrer: not a string"},
        {"\"element_id\":1", "element_id: not a string"},
        {"\"feature_name\":true", "feature_name: not a string"},
        {"\"device_type\":1", "device_type: not a string"},
        {"\"browser\":[]", "browser: not a string"},
        {"\"os\":1", "os: not a string"},
        {"\"country\":49", "country: not a string"},
        {"\"properties\":[]", "properties: not an object"},
        {"\"properties\":1", "properties: not an object"},
        {"\"properties\":\"[]\"", "properties: a string that holds no object"},
        {"\"properties\":\"{} {}\"", "properties: a string that is not JSON: more after the value"},
        {"\"properties\":\"{oops}\"", "properties: a string that is not JSON: a member without a key"},
        {"\"traits\":\"{}\"", "traits: not an object"},
        {"\"context\":true", "context: not an object"},
        {"\"event_time\":true", "event_time: not a time"},
        {"\"event_time\":{}", "event_time: not a time"},
        {"\"event_time\":\"yesterday\"", "event_time: not a time"},
        {"\"event_time\":\"1780315200000\"", "event_time: not a time"},
        {"\"event_time\":\"2026-01-01\"", "event_time: not a time"},
        {"\"event_time\":\"2026-01-01T00:00:00\"", "event_time: not a time"}, /* no zone */
        {"\"event_time\":1e999", "event_time: not a time"},
        {"\"event_time\":\"0000-01-01T00:00:00+00:01\"", "event_time: not a time"}, /* a year below 0000 */
        {"\"event_time\":1780315200", "event_time: not a time in milliseconds"},
        {"\"event_time\":99999999999", "event_time: not a time in milliseconds"},
        {"\"event_time\":0", "event_time: not a time in milliseconds"},
        {"\"event_time\":-1780315200000", "event_time: not a time in milliseconds"},
        {"\"user_id\":null", "anonymous_id, user_id: one is needed"},
        {"\"user_id\":\"\"", "anonymous_id, user_id: one is needed"},
        {"\"user_id\":\"null\"", "anonymous_id, user_id: one is needed"},
        {"\"user_id\":0", "anonymous_id, user_id: one is needed"},
        {"\"user_id\":-1.0,\"anonymous_id\":\" NaN\"", "anonymous_id, user_id: one is needed"},
    };

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_TEXT(reject_of(with(rows[i].members)), rows[i].reason);
    }
    CHECK_TEXT(reject_of("[1]"), "event: not an object");
    CHECK_TEXT(reject_of("[null]"), "event: not an object");
}

TEST(up_to_n_takes_n_and_rejects_one_more)
{
    static const struct {
        const char *name;
        enum event_text which;
        uint32_t bytes_max;
    } rows[] = {
        {"event_id", EVENT_EVENT_ID, 128},         {"event_type", EVENT_EVENT_TYPE, 128},
        {"anonymous_id", EVENT_ANONYMOUS_ID, 256}, {"user_id", EVENT_USER_ID, 256},
        {"previous_id", EVENT_PREVIOUS_ID, 256},   {"group_id", EVENT_GROUP_ID, 256},
        {"session_id", EVENT_SESSION_ID, 128},     {"tenant_id", EVENT_TENANT_ID, 64},
    };

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        const char *name = rows[i].name;
        CHECK_EQ(text_with(rows[i].which, print("\"%s\":\"%s\"", name, many('x', rows[i].bytes_max))).bytes,
                 rows[i].bytes_max);
        struct text reason = reject_of(with(print("\"%s\":\"%s\"", name, many('x', rows[i].bytes_max + 1))));
        if (rows[i].which != EVENT_TENANT_ID) {
            CHECK_TEXT(reason, print("%s: longer than %u bytes", name, rows[i].bytes_max));
        }
    }
}

TEST(cut_fields_are_cut_at_a_character)
{
    static const struct {
        const char *name;
        enum event_text which;
        uint32_t bytes_max;
    } rows[] = {
        {"page_url", EVENT_PAGE_URL, 1024},
        {"referrer", EVENT_REFERRER, 1024},
        {"element_id", EVENT_ELEMENT_ID, 1024},
        {"feature_name", EVENT_FEATURE_NAME, 1024},
        {"device_type", EVENT_DEVICE_TYPE, 128},
        {"browser", EVENT_BROWSER, 128},
        {"os", EVENT_OS, 128},
        {"country", EVENT_COUNTRY, 128},
    };

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        const char *name = rows[i].name;
        uint32_t bytes_max = rows[i].bytes_max;
        CHECK_EQ(text_with(rows[i].which, print("\"%s\":\"%s\"", name, many('x', bytes_max))).bytes,
                 bytes_max);
        CHECK_EQ(text_with(rows[i].which, print("\"%s\":\"%s\"", name, many('x', bytes_max + 1))).bytes,
                 bytes_max);
        /* The euro sign has three bytes. */
        CHECK_EQ(text_with(rows[i].which, print("\"%s\":\"%s\u20ac\"", name, many('x', bytes_max - 2))).bytes,
                 bytes_max - 2);
        CHECK_EQ(text_with(rows[i].which, print("\"%s\":\"%s\u20ac\"", name, many('x', bytes_max - 3))).bytes,
                 bytes_max);
    }
}

TEST(all_fields_arrive)
{
    const struct event_draft *draft;

    GIVEN();
    draft =
        event_of("{\"tenant_id\":\"t-1\",\"event_id\":\"e1\",\"event_type\":\"page_view\","
                 "\"event_time\":\"2026-06-01T11:59:59.5+00:00\",\"received_at\":1,\"anonymous_id\":\"a\","
                 "\"user_id\":\"u\",\"previous_id\":\"p\",\"group_id\":\"g\",\"session_id\":\"s\","
                 "\"page_url\":\"/x?q=1#f\",\"referrer\":\"https://r/#top\",\"element_id\":\"el\","
                 "\"feature_name\":\"f\",\"device_type\":\"mobile\",\"browser\":\"Chrome\",\"os\":\"iOS\","
                 "\"country\":\"DE\",\"properties\":{ \"a\" : [1] },\"traits\":{\"n\":null},\"context\":{},"
                 "\"canonical_id\":\"x\",\"late\":true,\"more\":[{}]}");
    CHECK_EQ(draft->event_time.ms, RECEIVED_AT - 500);
    CHECK_EQ(draft->received_at.ms, RECEIVED_AT);
    CHECK_TEXT(draft->text[EVENT_TENANT_ID], "t-1");
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "e1");
    CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "page_view");
    CHECK_TEXT(draft->text[EVENT_ANONYMOUS_ID], "a");
    CHECK_TEXT(draft->text[EVENT_USER_ID], "u");
    CHECK_TEXT(draft->text[EVENT_PREVIOUS_ID], "p");
    CHECK_TEXT(draft->text[EVENT_GROUP_ID], "g");
    CHECK_TEXT(draft->text[EVENT_SESSION_ID], "s");
    CHECK_TEXT(draft->text[EVENT_PAGE_URL], "/x");
    CHECK_TEXT(draft->text[EVENT_REFERRER], "https://r/");
    CHECK_TEXT(draft->text[EVENT_ELEMENT_ID], "el");
    CHECK_TEXT(draft->text[EVENT_FEATURE_NAME], "f");
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "mobile");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "Chrome");
    CHECK_TEXT(draft->text[EVENT_OS], "iOS");
    CHECK_TEXT(draft->text[EVENT_COUNTRY], "DE");
    CHECK_TEXT(draft->text[EVENT_PROPERTIES], "{ \"a\" : [1] }");
    CHECK_TEXT(draft->text[EVENT_TRAITS], "{\"n\":null}");
    CHECK_TEXT(draft->text[EVENT_CONTEXT], "{}");
}

TEST(null_and_empty_are_absent_and_the_last_of_a_name_counts)
{
    static const char *const names[] = {
        "anonymous_id", "previous_id", "group_id",     "session_id",  "page_url",
        "referrer",     "element_id",  "feature_name", "device_type", "browser",
        "os",           "country",     "traits",       "properties",  "context",
    };
    const struct event_draft *draft;

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        for (uint32_t k = 0; k < 2; k++) {
            draft = event_of(with(print("\"%s\":%s", names[i], k == 0 ? "null" : "\"\"")));
            for (uint32_t which = EVENT_PREVIOUS_ID; which < EVENT_TEXT_COUNT; which++) {
                CHECK_EQ(draft->text[which].bytes, 0);
            }
            CHECK_EQ(draft->text[EVENT_ANONYMOUS_ID].bytes, 0);
        }
    }
    CHECK_EQ(event_of(with("\"event_time\":null"))->event_time.ms, RECEIVED_AT);
    CHECK_EQ(event_of(with("\"event_time\":\"\""))->event_time.ms, RECEIVED_AT);

    CHECK_TEXT(text_with(EVENT_OS, "\"os\":5,\"os\":\"a\",\"os\":\"b\""), "b");
    CHECK_EQ(text_with(EVENT_OS, "\"os\":\"a\",\"os\":null").bytes, 0);
    CHECK_TEXT(text_with(EVENT_OS, "\"\\u006fs\":\"escaped\""), "escaped");
}

TEST(numbers_become_their_shortest_decimal_text)
{
    static const struct {
        const char *number;
        const char *text;
    } rows[] = {
        {"7", "7"},     {"7.0", "7"},    {"7e0", "7"},
        {"-12", "-12"}, {"1.50", "1.5"}, {"12345678901234567890", "12345678901234567890"},
    };
    static const struct {
        const char *name;
        enum event_text which;
    } names[] = {
        {"event_id", EVENT_EVENT_ID}, {"anonymous_id", EVENT_ANONYMOUS_ID},
        {"user_id", EVENT_USER_ID},   {"previous_id", EVENT_PREVIOUS_ID},
        {"group_id", EVENT_GROUP_ID}, {"session_id", EVENT_SESSION_ID},
    };

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        for (uint32_t k = 0; k < COUNT_OF(names); k++) {
            CHECK_TEXT(text_with(names[k].which, print("\"%s\":%s", names[k].name, rows[i].number)),
                       rows[i].text);
        }
    }
    /* Each has its own place. */
    const struct event_draft *draft = event_of(with("\"event_id\":1,\"user_id\":2,\"anonymous_id\":3"));
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "1");
    CHECK_TEXT(draft->text[EVENT_USER_ID], "2");
    CHECK_TEXT(draft->text[EVENT_ANONYMOUS_ID], "3");
}

TEST(a_time_has_three_forms_and_is_never_later_than_its_receipt)
{
    static const struct {
        const char *time;
        int64_t ms;
    } rows[] = {
        {"\"2026-06-01T12:00:00Z\"", RECEIVED_AT},
        {"\"2026-06-01T14:00:00+02:00\"", RECEIVED_AT},
        {"\"2026-06-01T11:59:59.123456Z\"", RECEIVED_AT - 877},
        {"\"2026-06-01 11:59:58\"", RECEIVED_AT - 2000},
        {"\"2026-06-01 11:59:58.250\"", RECEIVED_AT - 1750},
        {"\"1969-12-31T23:59:59.999Z\"", -1},
        {"1780315199999", RECEIVED_AT - 1},
        {"1780315199998.9", RECEIVED_AT - 2},
        {"1.780315199e12", RECEIVED_AT - 1000},
        {"100000000000", INT64_C(100000000000)},
        {"1780315200001", RECEIVED_AT},
        {"9000000000000000000", RECEIVED_AT},
        {"\"2026-06-01T12:00:00.001Z\"", RECEIVED_AT},
        {"\"9999-12-31T23:59:59Z\"", RECEIVED_AT},
    };

    GIVEN();
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(event_of(with(print("\"event_time\":%s", rows[i].time)))->event_time.ms, rows[i].ms);
    }
    CHECK_EQ(event_of(with("\"os\":\"x\""))->event_time.ms, RECEIVED_AT);
}

TEST(properties_may_be_a_string_that_holds_an_object)
{
    GIVEN();
    CHECK_TEXT(text_with(EVENT_PROPERTIES, "\"properties\":\"{\\\"a\\\":\\\"\\u00e4\\\"}\""),
               "{\"a\":\"\u00e4\"}");
    CHECK_TEXT(text_with(EVENT_PROPERTIES, "\"properties\":\"  {}\\n\""), "{}");
}

TEST(objects_are_validated_and_stored_as_they_were_sent)
{
    char deep[512];
    uint32_t fits = JSON_IN_DEPTH_MAX > 64 ? 64 : JSON_IN_DEPTH_MAX - 1; /* the parser counts the event too */
    const struct event_draft *draft = NULL;

    GIVEN();
    CHECK_TEXT(text_with(EVENT_TRAITS, "\"traits\":{\"b\" :1.50,\"a\":\"\\u0041\"}"),
               "{\"b\" :1.50,\"a\":\"\\u0041\"}");
    for (uint32_t more = 0; more < 2; more++) {
        uint32_t levels = fits + more;
        uint32_t at = 0;
        for (uint32_t i = 0; i < levels; i++) {
            at += (uint32_t)snprintf(deep + at, sizeof(deep) - at, "{\"\":");
        }
        deep[at++] = '0';
        for (uint32_t i = 0; i < levels; i++) {
            deep[at++] = '}';
        }
        deep[at] = '\0';
        CHECK_EQ(begin(text_of(print("{\"event_type\":\"x\"}\n%s", with(print("\"traits\":%s", deep))))), 0);
        CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
        CHECK_EQ(normaliser_next(normaliser, &draft), more == 0 ? 0 : NORMALISER_REJECT);
    }
}

TEST(page_and_referrer_lose_query_and_fragment_before_they_are_cut)
{
    GIVEN();
    CHECK_TEXT(text_with(EVENT_PAGE_URL, "\"page_url\":\"https://x/y?a=1#b\""), "https://x/y");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, "\"page_url\":\"/y#b?a\""), "/y");
    CHECK_TEXT(text_with(EVENT_REFERRER, "\"referrer\":\"/?a\""), "/");
    CHECK_EQ(text_with(EVENT_PAGE_URL, "\"page_url\":\"?a\"").bytes, 0);
    CHECK_EQ(text_with(EVENT_PAGE_URL, print("\"page_url\":\"/?%s\"", many('x', 5000))).bytes, 1);

    given(NORMALISER_EVENTS, NULL, 0, true);
    CHECK_TEXT(text_with(EVENT_PAGE_URL, "\"page_url\":\"/y?a=1#b\""), "/y?a=1#b");
    CHECK_EQ(text_with(EVENT_PAGE_URL, print("\"page_url\":\"/?%s\"", many('x', 5000))).bytes, 1024);
}

TEST(a_blocked_identifier_is_absent_and_another_must_remain)
{
    const struct text blocked[] = {TEXT("Test-User "), TEXT("42")};
    const struct event_draft *draft;

    GIVEN();
    draft = event_of(
        with("\"anonymous_id\":\" Undefined \",\"previous_id\":\"[object Object]\",\"group_id\":\"none\""));
    CHECK_EQ(draft->text[EVENT_ANONYMOUS_ID].bytes, 0);
    CHECK_EQ(draft->text[EVENT_PREVIOUS_ID].bytes, 0);
    CHECK_TEXT(draft->text[EVENT_USER_ID], "u");
    CHECK_TEXT(draft->text[EVENT_GROUP_ID], "none"); /* names a group, not a person */
    CHECK_TEXT(text_with(EVENT_ANONYMOUS_ID, "\"anonymous_id\":\" x \""), " x "); /* kept as it is */

    given(NORMALISER_EVENTS, blocked, COUNT_OF(blocked), false);
    CHECK_EQ(text_with(EVENT_ANONYMOUS_ID, "\"anonymous_id\":\"TEST-USER\"").bytes, 0);
    CHECK_EQ(text_with(EVENT_ANONYMOUS_ID, "\"anonymous_id\":42.0").bytes, 0);
}

TEST(the_tenant_is_the_keys_unless_the_event_names_one)
{
    GIVEN();
    CHECK_TEXT(reject_of("{\"event_type\":\"x\",\"user_id\":\"u\"}"), "tenant_id: missing");
    tenant = TEXT("acme");
    CHECK_TEXT(event_of("{\"event_type\":\"x\",\"user_id\":\"u\"}")->text[EVENT_TENANT_ID], "acme");
    CHECK_TEXT(text_with(EVENT_TENANT_ID, "\"os\":\"x\""), "t");
    is_bound = true;
    CHECK_TEXT(reject_of(with("\"os\":\"x\"")), "tenant_id: not this key's tenant");
    CHECK_TEXT(text_with(EVENT_TENANT_ID, "\"tenant_id\":\"acme\""), "acme");
    CHECK_TEXT(event_of("{\"event_type\":\"x\",\"user_id\":\"u\"}")->text[EVENT_TENANT_ID], "acme");
}

TEST(an_event_of_65536_bytes_is_taken_and_of_one_more_is_not)
{
    const char *frame = "{\"tenant_id\":\"t\",\"event_id\":\"e\",\"event_type\":\"x\",\"user_id\":\"u\","
                        "\"traits\":{\"a\":\"%s\"}}";
    uint32_t frame_bytes = (uint32_t)strlen(frame) - 2;
    const char *body;

    GIVEN();
    body = print("{\"tenant_id\":\"t\",\"event_id\":\"e\",\"event_type\":\"x\",\"user_id\":\"u\",\"traits\":{"
                 "\"a\":\"%s\"}}",
                 many('x', 65536 - frame_bytes));
    CHECK_EQ(strlen(body), 65536);
    CHECK_EQ(event_of(body)->text[EVENT_TRAITS].bytes, 65536 - frame_bytes + 8);
    body = print("{\"tenant_id\":\"t\",\"event_id\":\"e\",\"event_type\":\"x\",\"user_id\":\"u\",\"traits\":{"
                 "\"a\":\"%s\"}}",
                 many('x', 65537 - frame_bytes));
    CHECK_TEXT(reject_of(body), "event: longer than 65536 bytes");
}

TEST(an_event_without_id_gets_one)
{
    GIVEN();
    CHECK_TEXT(text_with(EVENT_EVENT_ID, "\"event_id\":null"), "00000000-0000-4001-8000-000000000002");
    options.idempotency_key = TEXT("retry me");
    CHECK_TEXT(text_with(EVENT_EVENT_ID, "\"event_id\":\"\""), "retry me:0");
    CHECK_TEXT(text_with(EVENT_EVENT_ID, "\"event_id\":\"own\""), "own");
}
