/* SPDX-License-Identifier: Apache-2.0 */

#include "net/segment_call.h"

#include <unistd.h>

#include "tests/unit/mmdb.h"
#include "tests/unit/normalised.h"

#define CHROME \
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
#define FIREFOX "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
#define IPHONE \
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1"

#define NOON "\"2026-06-01T12:00:00.000Z\"" /* RECEIVED_AT */
#define ELEVEN "\"2026-06-01T11:00:00Z\""
#define ELEVEN_MS (RECEIVED_AT - 3600000)

static void
given_route(enum normaliser_route route)
{
    given(route, NULL, 0, false);
}

/* A batch of one good track with these members too, and with these beside it: "" or ",\"a\":1". */
static const char *
batch_with(const char *members, const char *beside)
{
    return print(
        "{\"batch\":[{\"type\":\"track\",\"event\":\"x\",\"messageId\":\"m\",\"userId\":\"u\"%s}]%s}",
        members, beside);
}

static struct text
text_of_batch(enum event_text which, const char *members, const char *beside)
{
    return event_of(batch_with(members, beside))->text[which];
}

static struct text
text_with(enum event_text which, const char *members)
{
    return text_of_batch(which, members, "");
}

static int64_t
time_of(const char *members, const char *beside)
{
    return event_of(batch_with(members, beside))->event_time.ms;
}

static struct text
refusal_of(const char *body)
{
    CHECK_EQ(begin(text_of(body)), NORMALISER_BAD_SHAPE);
    return normaliser_reason(normaliser);
}

TEST(bodies_without_the_shape_of_their_route_are_refused)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(refusal_of("[]"), "body: not an object");
    CHECK_TEXT(refusal_of("7"), "body: not an object");
    CHECK_TEXT(refusal_of("{}"), "batch: not an array");
    CHECK_TEXT(refusal_of("{\"batch\":null}"), "batch: not an array");
    CHECK_TEXT(refusal_of("{\"batch\":{}}"), "batch: not an array");
    CHECK_TEXT(refusal_of("{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\"}"), "batch: not an array");
    CHECK_TEXT(refusal_of("{\"batch\":[],\"context\":[]}"), "context: not an object");
    CHECK_TEXT(refusal_of("{\"batch\":[],\"context\":\"{}\"}"), "context: not an object");
    CHECK_EQ(begin(TEXT("")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(TEXT("{\"batch\":[}")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(TEXT("{\"batch\":[]}\n{\"batch\":[]}")), NORMALISER_NOT_JSON);

    given_route(NORMALISER_TRACK);
    CHECK_TEXT(refusal_of("[]"), "body: not an object");
    CHECK_TEXT(refusal_of("null"), "body: not an object");
    CHECK_EQ(begin(TEXT("{")), NORMALISER_NOT_JSON);
}

#define CALL(id) "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"messageId\":\"" id "\"}"

TEST(a_bad_event_of_a_batch_costs_itself_only)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    CHECK_EQ(begin(TEXT("{\"writeKey\":\"key\",\"batch\":[" CALL("a") ",{\"x\":\"\xc3\x28\"}," CALL(
                 "b") "],\"context\":{\"os\":{\"name\":\"Plan 9\"},\"app\":1},\"sentAt\":" NOON "}")),
             0);
    CHECK_TEXT(normaliser_write_key(normaliser), "key");
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "a");
    CHECK_TEXT(draft->text[EVENT_OS], "Plan 9");
    CHECK_TEXT(draft->text[EVENT_CONTEXT], "{\"os\":{\"name\":\"Plan 9\"},\"app\":1}");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_index(normaliser), 1);
    CHECK_TEXT(normaliser_reason(normaliser), "not JSON: not UTF-8");
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "b");
    CHECK_TEXT(draft->text[EVENT_OS], "Plan 9");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END);
}

TEST(a_batch_that_is_bad_beside_its_events_is_refused)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    CHECK_EQ(begin(TEXT("{\"batch\":[" CALL("a") ",oops],\"context\":oops}")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(TEXT("{\"batch\":[" CALL("a") ",oops],}")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(TEXT("{\"batch\":[" CALL("a") ",oops,]}")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(TEXT("{\"batch\":{oops}}")), NORMALISER_NOT_JSON);
    CHECK_EQ(begin(text_of(print("{\"batch\":[oops],\"x\":\"%s\"}", many('x', FIELD_EVENT_BYTES_MAX)))),
             NORMALISER_NOT_JSON);
    CHECK_TEXT(refusal_of("{\"batch\":[" CALL("a") ",oops],\"context\":7}"), "context: not an object");
    /* And where no event is JSON. */
    CHECK_EQ(begin(TEXT("{\"batch\":[oops,{\"a\":}]}")), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_NOT_JSON);
    CHECK_TEXT(normaliser_reason(normaliser), "body: not JSON: not a value");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END);
}

/* `"m0":0,"m1":0,...`, lent until the next call. */
static const char *
members_of(uint32_t count)
{
    static char text[32768];
    int at = 0;

    for (uint32_t i = 0; i < count; i++) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s\"m%u\":0", i > 0 ? "," : "", i);
        CHECK(at < (int)sizeof(text));
    }
    return text;
}

TEST(a_batch_with_a_context_of_too_many_members_is_refused)
{
    const char *members = members_of(SEGMENT_CONTEXT_MEMBERS_MAX);

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, "", print(",\"context\":{%s}", members)), print("{%s}", members));
    CHECK_TEXT(refusal_of(print("{\"batch\":[],\"context\":{%s,\"one\":1}}", members)),
               "context: more than 256 members");
}

TEST(rejects_say_which_field_and_why)
{
    static const struct {
        const char *members;
        const char *reason;
    } rows[] = {
        {"\"type\":null", "type: missing"},
        {"\"type\":\"\"", "type: unknown"},
        {"\"type\":\"Track\"", "type: unknown"},
        {"\"type\":\"page_view\"", "type: unknown"},
        {"\"type\":5", "type: unknown"},
        {"\"event\":null", "event: missing"},
        {"\"event\":\"\"", "event: missing"},
        {"\"event\":7", "event: not a string"},
        {"\"messageId\":true", "messageId: neither a string nor a number"},
        {"\"messageId\":1e999", "messageId: not a finite number"},
        {"\"userId\":[1]", "userId: neither a string nor a number"},
        {"\"anonymousId\":{}", "anonymousId: neither a string nor a number"},
        {"\"previousId\":false", "previousId: neither a string nor a number"},
        {"\"groupId\":[]", "groupId: neither a string nor a number"},
        {"\"userId\":null", "anonymousId, userId: one is needed"},
        {"\"userId\":\"\",\"anonymousId\":\"\"", "anonymousId, userId: one is needed"},
        {"\"userId\":\" Guest\",\"anonymousId\":0", "anonymousId, userId: one is needed"},
        {"\"originalTimestamp\":true", "originalTimestamp: not a time"},
        {"\"originalTimestamp\":\"yesterday\"", "originalTimestamp: not a time"},
        {"\"originalTimestamp\":1780315200", "originalTimestamp: not a time in milliseconds"},
        {"\"originalTimestamp\":\"oops\",\"timestamp\":" NOON, "originalTimestamp: not a time"},
        {"\"timestamp\":{}", "timestamp: not a time"},
        {"\"timestamp\":\"2026-06-01T12:00:00\"", "timestamp: not a time"},
        {"\"timestamp\":\"2026-02-30T12:00:00Z\"", "timestamp: not a time"},
        {"\"timestamp\":99999999999", "timestamp: not a time in milliseconds"},
        {"\"sentAt\":\"now\"", "sentAt: not a time"},
        {"\"sentAt\":[]", "sentAt: not a time"},
        {"\"sentAt\":1", "sentAt: not a time in milliseconds"},
        {"\"sentAt\":253402300800000", "sentAt: not a time"},
        {"\"context\":true", "context: not an object"},
        {"\"context\":\"{}\"", "context: not an object"},
        {"\"properties\":[]", "properties: not an object"},
        {"\"properties\":\"{}\"", "properties: not an object"},
        {"\"type\":\"identify\",\"traits\":\"x\"", "traits: not an object"},
        {"\"type\":\"group\",\"traits\":[]", "traits: not an object"},
    };

    given_route(NORMALISER_BATCH);
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_TEXT(reject_of(batch_with(print(",%s", rows[i].members), "")), rows[i].reason);
    }
    CHECK_TEXT(reject_of("{\"batch\":[7]}"), "event: not an object");
    CHECK_TEXT(reject_of("{\"batch\":[null]}"), "event: not an object");
    CHECK_TEXT(reject_of("{\"batch\":[{\"event\":\"x\",\"userId\":\"u\"}]}"), "type: missing");
    CHECK_TEXT(reject_of("{\"batch\":[{\"type\":\"track\",\"userId\":\"u\"}]}"), "event: missing");
    CHECK_TEXT(reject_of("{\"batch\":[{\"type\":\"page\"}]}"), "anonymousId, userId: one is needed");
}

TEST(what_is_longer_than_its_field_is_rejected)
{
    static const struct {
        const char *name;
        uint32_t bytes_max;
    } rows[] = {{"event", 128},       {"messageId", 128},  {"userId", 256},
                {"anonymousId", 256}, {"previousId", 256}, {"groupId", 256}};

    given_route(NORMALISER_BATCH);
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        const char *members = print(",\"%s\":\"%s\"", rows[i].name, many('x', rows[i].bytes_max));
        (void)event_of(batch_with(members, ""));
        members = print(",\"%s\":\"%s\"", rows[i].name, many('x', rows[i].bytes_max + 1));
        CHECK_TEXT(reject_of(batch_with(members, "")),
                   print("%s: longer than %u bytes", rows[i].name, rows[i].bytes_max));
    }
    CHECK_TEXT(reject_of(batch_with(print(",\"x\":\"%s\"", many('x', FIELD_EVENT_BYTES_MAX)), "")),
               "event: longer than 65536 bytes");
}

TEST(one_bad_call_does_not_fail_its_batch)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    CHECK_EQ(begin(TEXT("{\"batch\":[{\"type\":\"page\",\"userId\":\"a\"},{\"type\":\"oops\"},5,"
                        "{\"type\":\"screen\",\"userId\":\"b\"}]}")),
             0);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "page_view");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_index(normaliser), 1);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_index(normaliser), 2);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_EQ(normaliser_index(normaliser), 3);
    CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "screen_view");
    CHECK_TEXT(draft->text[EVENT_USER_ID], "b");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END);
    CHECK_EQ(begin(TEXT("{\"batch\":[]}")), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END);
}

static const struct {
    enum normaliser_route route;
    const char *type;
    const char *event_type; /* where `event` is "x" */
} kinds[] = {
    {NORMALISER_TRACK, "track", "x"},
    {NORMALISER_PAGE, "page", "page_view"},
    {NORMALISER_SCREEN, "screen", "screen_view"},
    {NORMALISER_IDENTIFY, "identify", "identify"},
    {NORMALISER_GROUP, "group", "group"},
    {NORMALISER_ALIAS, "alias", "alias"},
};

TEST(types_of_calls_become_types_of_events)
{
    given_route(NORMALISER_BATCH);
    for (uint32_t i = 0; i < COUNT_OF(kinds); i++) {
        CHECK_TEXT(text_with(EVENT_EVENT_TYPE, print(",\"type\":\"%s\"", kinds[i].type)),
                   kinds[i].event_type);
    }
    CHECK_TEXT(text_with(EVENT_EVENT_TYPE, ",\"event\":\"page_view\""), "page_view");
    CHECK_TEXT(text_with(EVENT_EVENT_TYPE, ",\"event\":\"Order Completed\""), "Order Completed");
    /* Only of a track: elsewhere nobody looks at it. */
    CHECK_TEXT(text_with(EVENT_EVENT_TYPE, ",\"type\":\"page\",\"event\":7"), "page_view");
}

TEST(a_route_of_one_call_needs_no_type_and_minds_none)
{
    for (uint32_t i = 0; i < COUNT_OF(kinds); i++) {
        given_route(kinds[i].route);
        CHECK_TEXT(event_of("{\"event\":\"x\",\"userId\":\"u\"}")->text[EVENT_EVENT_TYPE],
                   kinds[i].event_type);
        CHECK_TEXT(event_of("{\"type\":\"oops\",\"event\":\"x\",\"userId\":\"u\"}")->text[EVENT_EVENT_TYPE],
                   kinds[i].event_type);
        CHECK_TEXT(reject_of("{\"event\":\"x\"}"), "anonymousId, userId: one is needed");
    }
    given_route(NORMALISER_TRACK);
    CHECK_TEXT(reject_of("{\"userId\":\"u\"}"), "event: missing");
}

TEST(identifiers_have_their_names)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    draft =
        event_of("{\"batch\":[{\"type\":\"alias\",\"messageId\":\"m\",\"userId\":\"u\",\"anonymousId\":\"a\","
                 "\"previousId\":\"p\",\"groupId\":\"g\"}]}");
    CHECK_TEXT(draft->text[EVENT_TENANT_ID], "acme"); /* the key's */
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "m");
    CHECK_TEXT(draft->text[EVENT_USER_ID], "u");
    CHECK_TEXT(draft->text[EVENT_ANONYMOUS_ID], "a");
    CHECK_TEXT(draft->text[EVENT_PREVIOUS_ID], "p");
    CHECK_TEXT(draft->text[EVENT_GROUP_ID], "g");
    CHECK_TEXT(draft->text[EVENT_SESSION_ID], "");
    CHECK_EQ(draft->received_at.ms, RECEIVED_AT);

    draft = event_of("{\"batch\":[{\"type\":\"group\",\"messageId\":1.0,\"userId\":12345678901234567890,"
                     "\"anonymousId\":-5e-1,\"previousId\":2e0,\"groupId\":10}]}");
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "1");
    CHECK_TEXT(draft->text[EVENT_USER_ID], "12345678901234567890");
    CHECK_TEXT(draft->text[EVENT_ANONYMOUS_ID], "-0.5");
    CHECK_TEXT(draft->text[EVENT_PREVIOUS_ID], "2");
    CHECK_TEXT(draft->text[EVENT_GROUP_ID], "10");

    /* The native names mean nothing here, and what is blocked goes. */
    draft = event_of(
        "{\"batch\":[{\"type\":\"alias\",\"tenant_id\":\"t\",\"event_id\":\"e\",\"user_id\":\"n\","
        "\"userId\":\"undefined\",\"anonymousId\":\"a\",\"previousId\":\"null\",\"groupId\":\"null\"}]}");
    CHECK_TEXT(draft->text[EVENT_TENANT_ID], "acme");
    CHECK_EQ(draft->text[EVENT_EVENT_ID].bytes, 36); /* made */
    CHECK_TEXT(draft->text[EVENT_USER_ID], "");
    CHECK_TEXT(draft->text[EVENT_ANONYMOUS_ID], "a");
    CHECK_TEXT(draft->text[EVENT_PREVIOUS_ID], "");
    CHECK_TEXT(draft->text[EVENT_GROUP_ID], "null");
}

TEST(the_write_key_of_a_body_is_found)
{
    given_route(NORMALISER_BATCH);
    (void)event_of(batch_with("", ",\"writeKey\":\"k\""));
    CHECK_TEXT(normaliser_write_key(normaliser), "k");
    (void)event_of(batch_with(",\"writeKey\":\"of an event\"", ",\"writeKey\":7"));
    CHECK_TEXT(normaliser_write_key(normaliser), "");
    given_route(NORMALISER_PAGE);
    (void)event_of("{\"userId\":\"u\",\"writeKey\":\"k\"}");
    CHECK_TEXT(normaliser_write_key(normaliser), "k");
    (void)event_of("{\"userId\":\"u\"}");
    CHECK_TEXT(normaliser_write_key(normaliser), "");
}

/* Page. */

TEST(the_page_is_a_path_before_it_is_the_path_of_an_url)
{
    const char *all_properties = "\"properties\":{\"path\":\"/1\",\"url\":\"https://x.org/3\"}";
    const char *all_context = "\"context\":{\"page\":{\"path\":\"/2\",\"url\":\"https://x.org/4\"}}";

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"properties\":{\"path\":\"/1\"}"), "/1");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"context\":{\"page\":{\"path\":\"/2\"}}"), "/2");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"properties\":{\"url\":\"https://x.org/3?q#f\"}"), "/3");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"context\":{\"page\":{\"url\":\"https://x.org/4?q#f\"}}"), "/4");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, print(",%s,%s", all_context, all_properties)), "/1");
    CHECK_TEXT(
        text_with(EVENT_PAGE_URL, print(",%s,\"properties\":{\"url\":\"https://x.org/3\"}", all_context)),
        "/2");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"context\":{\"page\":{\"url\":\"https://x.org/4\"}},"
                                         "\"properties\":{\"url\":\"https://x.org/3\"}"),
               "/3");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ""), "");
}

TEST(what_is_no_string_or_empty_is_as_if_it_were_not_there)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(
        text_with(EVENT_PAGE_URL, ",\"properties\":{\"path\":5},\"context\":{\"page\":{\"path\":\"/2\"}}"),
        "/2");
    CHECK_TEXT(
        text_with(EVENT_PAGE_URL, ",\"properties\":{\"path\":\"\"},\"context\":{\"page\":{\"path\":\"/2\"}}"),
        "/2");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"context\":{\"page\":\"/2\"}"), "");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"context\":{\"page\":[{\"path\":\"/2\"}]}"), "");
    CHECK_TEXT(text_with(EVENT_REFERRER, ",\"properties\":{\"referrer\":null}"), "");
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"properties\":{\"feature\":true}"), "");
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"properties\":{\"feature_name\":1,\"feature\":\"f\"}"), "f");
    CHECK_TEXT(text_with(EVENT_ELEMENT_ID, ",\"properties\":{\"element_id\":7}"), "");
    CHECK_TEXT(text_with(EVENT_DEVICE_TYPE, ",\"context\":{\"device\":{\"type\":1}}"), "");
    CHECK_TEXT(text_with(EVENT_BROWSER, ",\"context\":{\"browser\":\"Chrome\"}"), "");
    CHECK_TEXT(text_with(EVENT_OS, ",\"context\":{\"os\":{\"name\":{}},\"userAgent\":{}}"), "");
    CHECK_TEXT(text_with(EVENT_COUNTRY, ",\"context\":{\"location\":{\"country\":49}}"), "");
    CHECK_TEXT(text_with(EVENT_COUNTRY, ",\"properties\":null,\"context\":null"), "");
}

TEST(pages_lose_query_and_fragment_unless_they_are_kept)
{
    const char *path = ",\"properties\":{\"path\":\"/a?b#c\",\"referrer\":\"https://y.org/?q=secret\"}";
    const char *url = ",\"properties\":{\"url\":\"https://x.org/a?b#c\"}";

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_PAGE_URL, path), "/a");
    CHECK_TEXT(text_with(EVENT_REFERRER, path), "https://y.org/");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"properties\":{\"url\":\"https://x.org\"}"), "/");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, ",\"properties\":{\"url\":\"https://x.org?q\"}"), "/");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, print(",\"properties\":{\"path\":\"/%s\"}", many('x', 1024))),
               print("/%s", many('x', 1023)));
    given(NORMALISER_BATCH, NULL, 0, true);
    CHECK_TEXT(text_with(EVENT_PAGE_URL, path), "/a?b#c");
    CHECK_TEXT(text_with(EVENT_REFERRER, path), "https://y.org/?q=secret");
    CHECK_TEXT(text_with(EVENT_PAGE_URL, url), "/a"); /* the path of it */
}

TEST(the_referrer_is_the_page_s_before_the_property)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_REFERRER, ",\"properties\":{\"referrer\":\"https://p/\"},"
                                         "\"context\":{\"page\":{\"referrer\":\"https://c/\"}}"),
               "https://c/");
    CHECK_TEXT(text_with(EVENT_REFERRER, ",\"properties\":{\"referrer\":\"https://p/\"}"), "https://p/");
    CHECK_TEXT(text_of_batch(EVENT_REFERRER, ",\"properties\":{\"referrer\":\"https://p/\"}",
                             ",\"context\":{\"page\":{\"referrer\":\"https://b/\"}}"),
               "https://b/");
}

TEST(feature_and_element_are_properties)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"properties\":{\"feature\":\"f\"}"), "f");
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"properties\":{\"feature_name\":\"n\"}"), "n");
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"properties\":{\"feature\":\"f\",\"feature_name\":\"n\"}"),
               "n");
    CHECK_TEXT(text_with(EVENT_ELEMENT_ID, ",\"properties\":{\"element_id\":\"e\"}"), "e");
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, ",\"feature\":\"f\",\"context\":{\"feature\":\"f\"}"), "");
    CHECK_TEXT(text_with(EVENT_ELEMENT_ID, print(",\"properties\":{\"element_id\":\"%s\"}", many('e', 1025))),
               print("%s", many('e', 1024)));
    CHECK_TEXT(text_with(EVENT_PROPERTIES, ",\"properties\": {\"element_id\" : \"e\" }"),
               "{\"element_id\" : \"e\" }");
}

TEST(more_properties_than_can_be_looked_through_are_stored)
{
    const char *properties = members_of(JSON_IN_MEMBERS_MAX);

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_PROPERTIES, print(",\"properties\":{\"feature\":\"f\",%s}", properties)),
               print("{\"feature\":\"f\",%s}", properties));
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, print(",\"properties\":{\"feature\":\"f\",%s}", properties)),
               "");
    properties = members_of(JSON_IN_MEMBERS_MAX - 1);
    CHECK_TEXT(text_with(EVENT_FEATURE_NAME, print(",\"properties\":{\"feature\":\"f\",%s}", properties)),
               "f");
}

/* Device. */

TEST(the_device_is_what_the_context_says_else_what_its_user_agent_says)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    draft =
        event_of(batch_with(",\"context\":{\"device\":{\"type\":\"watch\"},\"browser\":{\"name\":\"Lynx\"},"
                            "\"os\":{\"name\":\"Plan 9\"},\"userAgent\":\"" CHROME "\"}",
                            ""));
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "watch");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "Lynx");
    CHECK_TEXT(draft->text[EVENT_OS], "Plan 9");
    draft = event_of(batch_with(",\"context\":{\"userAgent\":\"" CHROME "\"}", ""));
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "desktop");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "Chrome");
    CHECK_TEXT(draft->text[EVENT_OS], "Windows");
    /* Each on its own. */
    draft =
        event_of(batch_with(",\"context\":{\"os\":{\"name\":\"Plan 9\"},\"userAgent\":\"" CHROME "\"}", ""));
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "desktop");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "Chrome");
    CHECK_TEXT(draft->text[EVENT_OS], "Plan 9");
    draft = event_of(batch_with(",\"context\":{\"os\":{\"name\":\"Plan 9\"}}", ""));
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "");
    CHECK_TEXT(draft->text[EVENT_OS], "Plan 9");
}

TEST(the_header_s_user_agent_comes_after_every_context_s)
{
    given_route(NORMALISER_BATCH);
    options.user_agent = TEXT(IPHONE);
    CHECK_TEXT(text_with(EVENT_OS, ""), "iOS");
    CHECK_TEXT(text_with(EVENT_DEVICE_TYPE, ",\"context\":{\"os\":{\"name\":\"x\"}}"), "mobile");
    CHECK_TEXT(text_of_batch(EVENT_OS, "", ",\"context\":{\"userAgent\":\"" FIREFOX "\"}"), "Linux");
    CHECK_TEXT(text_with(EVENT_OS, ",\"context\":{\"userAgent\":\"" CHROME "\"}"), "Windows");
    CHECK_TEXT(text_of_batch(EVENT_OS, ",\"context\":{\"userAgent\":\"" CHROME "\"}",
                             ",\"context\":{\"userAgent\":\"" FIREFOX "\"}"),
               "Windows");
    /* A line that says nothing is still the line of this event. */
    CHECK_TEXT(text_with(EVENT_OS, ",\"context\":{\"userAgent\":\"curl/8.5.0\"}"), "");
}

TEST(the_country_is_the_location_s)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_COUNTRY, ",\"context\":{\"location\":{\"country\":\"DE\"}}"), "DE");
    CHECK_TEXT(text_with(EVENT_COUNTRY, ",\"country\":\"DE\",\"properties\":{\"country\":\"DE\"},"
                                        "\"context\":{\"country\":\"DE\",\"locale\":\"de-DE\"}"),
               "");
    CHECK_TEXT(
        text_with(EVENT_COUNTRY, print(",\"context\":{\"location\":{\"country\":\"%s\"}}", many('c', 129))),
        print("%s", many('c', 128)));
}

/* Contexts. */

static const struct geoip *
given_a_database(void)
{
    char path[] = "/tmp/unit_segment_call.XXXXXX";
    int fd = mkstemp(path);
    static struct geoip *geoip;
    const char *why;
    uint32_t bytes;

    mmdb_begin();
    mmdb_add("1.2.3.0", 24, mmdb_country("DE"));
    mmdb_add("5.6.7.8", 32, mmdb_country("NZ"));
    bytes = mmdb_end();
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, mmdb.file, bytes), bytes);
    close(fd);
    CHECK_EQ(geoip_open(path, &geoip, &why), 0);
    unlink(path);
    return geoip;
}

TEST(the_country_is_the_address_s_when_nothing_says_it)
{
    static const struct {
        const char *context;
        const char *address; /* of a browser's connection */
        const char *country;
    } rows[] = {
        {"{\"ip\":\"1.2.3.4\",\"location\":{\"country\":\"Oz\"}}", "", "Oz"},
        {"{\"ip\":\"1.2.3.4\"}", "5.6.7.8", "DE"},
        {"{\"ip\":\"1.2.3.4\",\"location\":{\"city\":\"Ulm\"}}", "", "DE"},
        {"{\"ip\":\"0.0.0.0\"}", "5.6.7.8", ""}, /* he does not want it known */
        {"{\"ip\":\"no address\"}", "5.6.7.8", ""},
        {"{\"ip\":\"\"}", "5.6.7.8", "NZ"},
        {"{\"ip\":7}", "5.6.7.8", "NZ"},
        {"{}", "5.6.7.8", "NZ"},
        {"{}", "9.9.9.9", ""},
        {"{}", "", ""},
    };
    const struct geoip *geoip = given_a_database();

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        const struct event_draft *event;

        given(NORMALISER_TRACK, NULL, 0, false);
        options.geoip = geoip;
        options.address = text_of(rows[i].address);
        event = event_of(print("{\"event\":\"e\",\"userId\":\"u\",\"context\":%s}", rows[i].context));
        CHECK_TEXT(event->text[EVENT_COUNTRY], rows[i].country);
        given(NORMALISER_BATCH, NULL, 0, false);
        options.geoip = geoip;
        options.address = text_of(rows[i].address);
        event = event_of(
            print("{\"context\":%s,\"batch\":[{\"type\":\"track\",\"event\":\"e\",\"userId\":\"u\"}]}",
                  rows[i].context));
        CHECK_TEXT(event->text[EVENT_COUNTRY], rows[i].country);
    }
    given(NORMALISER_TRACK, NULL, 0, false);
    CHECK_TEXT(
        event_of("{\"event\":\"e\",\"userId\":\"u\",\"context\":{\"ip\":\"1.2.3.4\"}}")->text[EVENT_COUNTRY],
        "");
}

TEST(the_batch_s_context_lies_under_each_event_s)
{
    const char *batch = ",\"context\":{\"a\":1,\"page\":{\"path\":\"/b\"},\"os\":{\"name\":\"batch\"},"
                        "\"browser\":{\"name\":\"batch\"},\"device\":{\"type\":\"batch\"},"
                        "\"location\":{\"country\":\"batch\"},\"quo\\\"\\\\te\":[2]}";
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_of_batch(EVENT_PAGE_URL, "", batch), "/b");
    CHECK_TEXT(text_of_batch(EVENT_PAGE_URL, ",\"context\":{\"page\":{\"path\":\"/e\"}}", batch), "/e");
    draft =
        event_of(batch_with(",\"context\":{\"browser\":{\"name\":\"event\"},\"device\":{\"type\":\"event\"},"
                            "\"location\":{\"country\":\"event\"}}",
                            batch));
    CHECK_TEXT(draft->text[EVENT_OS], "batch");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "event");
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "event");
    CHECK_TEXT(draft->text[EVENT_COUNTRY], "event");
    draft = event_of(batch_with(",\"context\":{\"os\":{\"name\":\"event\"},\"z\":0}", batch));
    CHECK_TEXT(draft->text[EVENT_OS], "event");
    CHECK_TEXT(draft->text[EVENT_BROWSER], "batch");
    CHECK_TEXT(draft->text[EVENT_DEVICE_TYPE], "batch");
    CHECK_TEXT(draft->text[EVENT_COUNTRY], "batch");
    CHECK_TEXT(draft->text[EVENT_PAGE_URL], "/b");
    CHECK_TEXT(draft->text[EVENT_CONTEXT],
               "{\"os\":{\"name\":\"event\"},\"z\":0,\"a\":1,\"page\":{\"path\":\"/b\"},"
               "\"browser\":{\"name\":\"batch\"},\"device\":{\"type\":\"batch\"},"
               "\"location\":{\"country\":\"batch\"},\"quo\\u0022\\u005cte\":[2]}");
}

TEST(each_event_of_a_batch_has_the_batch_s_context)
{
    const struct event_draft *draft;

    given_route(NORMALISER_BATCH);
    CHECK_EQ(begin(TEXT("{\"context\":{\"os\":{\"name\":\"b\"}},\"batch\":["
                        "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"os\":{\"name\":\"e\"},\"z\":0}},"
                        "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"y\":0}},"
                        "{\"type\":\"page\",\"userId\":\"u\"}]}")),
             0);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_OS], "e");
    CHECK_TEXT(draft->text[EVENT_CONTEXT], "{\"os\":{\"name\":\"e\"},\"z\":0}");
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_OS], "b");
    CHECK_TEXT(draft->text[EVENT_CONTEXT], "{\"y\":0,\"os\":{\"name\":\"b\"}}");
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_OS], "b");
    CHECK_TEXT(draft->text[EVENT_CONTEXT], "{\"os\":{\"name\":\"b\"}}");
}

TEST(a_context_alone_is_kept_as_it_was_sent)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_CONTEXT, ""), "");
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, "", ",\"context\":null"), "");
    CHECK_TEXT(text_with(EVENT_CONTEXT, ",\"context\": { \"a\" : 1.0 }"), "{ \"a\" : 1.0 }");
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, ",\"context\":{\"a\":1}", ",\"context\":{}"), "{\"a\":1}");
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, ",\"context\":{\"a\":1}", ",\"context\":{\"a\":2}"), "{\"a\":1}");
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, ",\"context\":{ }", ",\"context\":{ \"b\": 2}"), "{ \"b\": 2}");
    CHECK_TEXT(text_of_batch(EVENT_CONTEXT, ",\"context\":null", ",\"context\":{\"b\":2}"), "{\"b\":2}");
    /* A single call has nothing around it. */
    given_route(NORMALISER_PAGE);
    CHECK_TEXT(event_of("{\"userId\":\"u\",\"context\":{\"page\":{\"path\":\"/p\"}}}")->text[EVENT_PAGE_URL],
               "/p");
}

TEST(contexts_that_are_too_long_together_reject_the_event)
{
    const char *half = many('x', FIELD_EVENT_BYTES_MAX / 2);

    given_route(NORMALISER_BATCH);
    (void)event_of(batch_with("", print(",\"context\":{\"b\":\"%s\"}", half)));
    CHECK_TEXT(reject_of(batch_with(print(",\"context\":{\"a\":\"%s\"}", half),
                                    print(",\"context\":{\"b\":\"%s\"}", half))),
               "event: longer than 65536 bytes");
    /* Not longer together, but the event is with the rest of it. */
    CHECK_TEXT(
        reject_of(batch_with("", print(",\"context\":{\"b\":\"%s\"}", many('x', FIELD_EVENT_BYTES_MAX)))),
        "event: longer than 65536 bytes");
}

/* Traits. */

TEST(traits_are_an_identify_s)
{
    const char *context = ",\"context\":{\"traits\":{\"c\":2}}";

    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_TRAITS, ",\"type\":\"identify\",\"traits\":{\"t\":1}"), "{\"t\":1}");
    CHECK_TEXT(text_with(EVENT_TRAITS,
                         ",\"type\":\"identify\",\"traits\":{\"t\":1},\"context\":{\"traits\":{\"c\":2}}"),
               "{\"t\":1}");
    CHECK_TEXT(text_with(EVENT_TRAITS, ",\"type\":\"identify\",\"context\":{\"traits\":{\"c\":2}}"),
               "{\"c\":2}");
    CHECK_TEXT(
        text_with(EVENT_TRAITS, ",\"type\":\"identify\",\"traits\":null,\"context\":{\"traits\":{\"c\":2}}"),
        "{\"c\":2}");
    CHECK_TEXT(text_of_batch(EVENT_TRAITS, ",\"type\":\"identify\"", context), "{\"c\":2}");
    CHECK_TEXT(
        text_of_batch(EVENT_TRAITS, ",\"type\":\"identify\",\"context\":{\"traits\":{\"e\":3}}", context),
        "{\"e\":3}");
    CHECK_TEXT(text_with(EVENT_TRAITS, ",\"type\":\"identify\",\"context\":{\"traits\":\"c\"}"), "");
    CHECK_TEXT(text_with(EVENT_TRAITS, ",\"type\":\"identify\",\"properties\":{\"traits\":{}}"), "");
    given_route(NORMALISER_IDENTIFY);
    CHECK_TEXT(event_of("{\"userId\":\"u\",\"traits\":{\"t\":1}}")->text[EVENT_TRAITS], "{\"t\":1}");
}

TEST(other_calls_have_no_traits)
{
    given_route(NORMALISER_BATCH);
    for (uint32_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].route == NORMALISER_IDENTIFY) {
            continue;
        }
        const char *members =
            print(",\"type\":\"%s\",\"traits\":{\"t\":1},\"context\":{\"traits\":{\"c\":2}}", kinds[i].type);
        CHECK_TEXT(text_with(EVENT_TRAITS, members), "");
        CHECK_TEXT(text_of_batch(EVENT_TRAITS, members, ",\"context\":{\"traits\":{\"b\":3}}"), "");
    }
    CHECK_TEXT(text_with(EVENT_PROPERTIES, ",\"traits\":7"), ""); /* nobody looks */
}

TEST(a_group_s_traits_are_kept_as_properties_where_it_has_none)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(text_with(EVENT_PROPERTIES, ",\"type\":\"group\",\"traits\":{\"plan\":1}"), "{\"plan\":1}");
    CHECK_TEXT(
        text_with(EVENT_PROPERTIES, ",\"type\":\"group\",\"traits\":{\"plan\":1},\"properties\":{\"p\":2}"),
        "{\"p\":2}");
    CHECK_TEXT(text_with(EVENT_GROUP_ID, ",\"type\":\"group\",\"groupId\":\"g\""), "g");
    given_route(NORMALISER_GROUP);
    CHECK_TEXT(event_of("{\"userId\":\"u\",\"traits\":{\"plan\":1}}")->text[EVENT_PROPERTIES],
               "{\"plan\":1}");
}

/* Time. */

TEST(the_time_is_the_original_one_else_the_other_else_the_receipt_s)
{
    given_route(NORMALISER_BATCH);
    CHECK_EQ(time_of(",\"originalTimestamp\":" ELEVEN ",\"timestamp\":" NOON, ""), ELEVEN_MS);
    CHECK_EQ(time_of(",\"originalTimestamp\":" ELEVEN ",\"timestamp\":\"oops\"", ""), ELEVEN_MS);
    CHECK_EQ(time_of(",\"originalTimestamp\":" ELEVEN, ""), ELEVEN_MS);
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN, ""), ELEVEN_MS);
    CHECK_EQ(time_of(",\"originalTimestamp\":null,\"timestamp\":" ELEVEN, ""), ELEVEN_MS);
    CHECK_EQ(time_of(",\"originalTimestamp\":\"\",\"timestamp\":" ELEVEN, ""), ELEVEN_MS);
    CHECK_EQ(time_of("", ""), RECEIVED_AT);
    CHECK_EQ(time_of(",\"timestamp\":null", ""), RECEIVED_AT);
    CHECK_EQ(time_of(",\"event_time\":" ELEVEN, ",\"timestamp\":" ELEVEN), RECEIVED_AT);
    /* In every form. */
    CHECK_EQ(time_of(",\"timestamp\":\"2026-06-01T13:00:00.0019+02:00\"", ""), ELEVEN_MS + 1);
    CHECK_EQ(time_of(",\"timestamp\":\"2026-06-01 11:00:00.001\"", ""), ELEVEN_MS + 1);
    CHECK_EQ(time_of(print(",\"timestamp\":%lld.9", (long long)ELEVEN_MS), ""), ELEVEN_MS);
}

TEST(no_time_is_later_than_the_receipt)
{
    given_route(NORMALISER_BATCH);
    CHECK_EQ(time_of(",\"timestamp\":" NOON, ""), RECEIVED_AT);
    CHECK_EQ(time_of(",\"timestamp\":\"2026-06-01T11:59:59.999Z\"", ""), RECEIVED_AT - 1);
    CHECK_EQ(time_of(",\"timestamp\":\"2026-06-01T12:00:00.001Z\"", ""), RECEIVED_AT);
    CHECK_EQ(time_of(",\"timestamp\":9223372036854775807", ""), RECEIVED_AT);
    /* Nor is a corrected one: it happened after it was sent. */
    CHECK_EQ(time_of(",\"timestamp\":" NOON ",\"sentAt\":" ELEVEN, ""), RECEIVED_AT);
    CHECK_EQ(time_of(",\"timestamp\":9223372036854775807,\"sentAt\":" ELEVEN, ""), RECEIVED_AT);
}

/* The event's time when it says eleven and was sent, by its own clock, this much after it was received. */
static int64_t
time_if_sent(int64_t later_ms)
{
    return time_of(print(",\"timestamp\":" ELEVEN ",\"sentAt\":%lld", (long long)(RECEIVED_AT + later_ms)),
                   "");
}

TEST(a_clock_that_is_wrong_by_more_than_five_seconds_is_set_right)
{
    given_route(NORMALISER_BATCH);
    CHECK_EQ(time_if_sent(0), ELEVEN_MS);
    CHECK_EQ(time_if_sent(-1), ELEVEN_MS);
    CHECK_EQ(time_if_sent(-5000), ELEVEN_MS);
    CHECK_EQ(time_if_sent(-5001), ELEVEN_MS + 5001);
    CHECK_EQ(time_if_sent(5000), ELEVEN_MS);
    CHECK_EQ(time_if_sent(5001), ELEVEN_MS - 5001);
    CHECK_EQ(time_if_sent(-1800000), ELEVEN_MS + 1800000);
    CHECK_EQ(time_if_sent(86400000), ELEVEN_MS - 86400000);
    CHECK_EQ(time_if_sent(ELEVEN_MS - FIELD_TIME_MS_FIRST), FIELD_TIME_MS_FIRST);
    /* A wrong clock does not move what has no time of its own. */
    CHECK_EQ(time_of(",\"sentAt\":" ELEVEN, ""), RECEIVED_AT);
    /* A year ahead: what it calls the future was half an hour ago. */
    CHECK_EQ(
        time_of(",\"originalTimestamp\":\"2027-06-01T11:30:00Z\",\"sentAt\":\"2027-06-01T12:00:00Z\"", ""),
        RECEIVED_AT - 1800000);
}

TEST(a_correction_leads_to_no_time_before_the_year_0000)
{
    given_route(NORMALISER_BATCH);
    CHECK_EQ(time_of(",\"timestamp\":\"0001-01-01T00:00:00Z\"", ""), INT64_C(-62135596800000));
    CHECK_TEXT(reject_of(batch_with(
                   ",\"timestamp\":\"0001-01-01T00:00:00Z\",\"sentAt\":\"2036-06-01T12:00:00Z\"", "")),
               "timestamp, sentAt: before the year 0000");
    CHECK_TEXT(reject_of(batch_with(",\"timestamp\":\"0000-01-01T00:00:00+00:01\"", "")),
               "timestamp: not a time");
    CHECK_TEXT(reject_of(batch_with(
                   print(",\"timestamp\":" ELEVEN ",\"sentAt\":%lld", (long long)FIELD_TIME_MS_MAX), "")),
               "timestamp, sentAt: before the year 0000");
}

TEST(it_was_sent_when_the_event_says_else_the_batch_else_the_header)
{
    const char *of_event = ",\"timestamp\":" ELEVEN ",\"sentAt\":\"2026-06-01T12:00:10Z\"";
    const char *nothing = ",\"timestamp\":" ELEVEN;
    const char *of_batch = ",\"sentAt\":\"2026-06-01T12:00:20Z\"";

    given_route(NORMALISER_BATCH);
    options.sent_at = TEXT("2026-06-01T12:00:40Z");
    CHECK_EQ(time_of(of_event, of_batch), ELEVEN_MS - 10000);
    CHECK_EQ(time_of(of_event, ""), ELEVEN_MS - 10000);
    CHECK_EQ(time_of(nothing, of_batch), ELEVEN_MS - 20000);
    CHECK_EQ(time_of(nothing, ""), ELEVEN_MS - 40000);
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN ",\"sentAt\":null", of_batch), ELEVEN_MS - 20000);
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN ",\"sentAt\":\"\"", ",\"sentAt\":null"), ELEVEN_MS - 40000);
    /* What is right where it was said first is not asked for further on. */
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN ",\"sentAt\":" NOON, of_batch), ELEVEN_MS);
    CHECK_EQ(time_of(nothing, ",\"sentAt\":" NOON), ELEVEN_MS);

    given_route(NORMALISER_TRACK);
    options.sent_at = TEXT("2026-06-01T12:00:40Z");
    CHECK_EQ(event_of("{\"event\":\"x\",\"userId\":\"u\",\"timestamp\":" ELEVEN "}")->event_time.ms,
             ELEVEN_MS - 40000);
    CHECK_EQ(event_of("{\"event\":\"x\",\"userId\":\"u\",\"timestamp\":" ELEVEN
                      ",\"sentAt\":\"2026-06-01T12:00:10Z\"}")
                 ->event_time.ms,
             ELEVEN_MS - 10000);
}

TEST(a_time_of_sending_that_cannot_be_read_rejects_but_for_the_header_s)
{
    given_route(NORMALISER_BATCH);
    CHECK_TEXT(reject_of(batch_with(",\"timestamp\":" ELEVEN, ",\"sentAt\":\"oops\"")), "sentAt: not a time");
    CHECK_TEXT(reject_of(batch_with("", ",\"sentAt\":{}")), "sentAt: not a time");
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN ",\"sentAt\":" NOON, ",\"sentAt\":\"oops\""), ELEVEN_MS);
    options.sent_at = TEXT("oops");
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN, ""), ELEVEN_MS);
    options.sent_at = TEXT("1780311600000");
    CHECK_EQ(time_of(",\"timestamp\":" ELEVEN, ""), ELEVEN_MS);
}
