/* SPDX-License-Identifier: Apache-2.0 */

#include "net/normaliser.h"

#include <errno.h>

#include "tests/unit/normalised.h"

#define GIVEN() given(NORMALISER_EVENTS, NULL, 0, false)
#define GOOD "{\"tenant_id\":\"t\",\"event_type\":\"x\",\"user_id\":\"u\"}"
#define BAD "{\"tenant_id\":\"t\",\"event_type\":\"x\"}"

/* "+" draft, "-" reject, and the end: "." or "!" for not JSON. Indexes must count up. */
static struct text
story_of(const char *body)
{
    static char story[64];
    const struct event_draft *draft;
    uint32_t at = 0;
    int r = begin(text_of(body));

    if (r != 0) {
        return r == NORMALISER_NOT_JSON ? TEXT("not JSON") : TEXT("bad shape");
    }
    for (;;) {
        r = normaliser_next(normaliser, &draft);
        if (r == NORMALISER_END || r == NORMALISER_NOT_JSON) {
            break;
        }
        CHECK_EQ(normaliser_index(normaliser), at);
        CHECK(at < sizeof(story) - 1);
        story[at++] = r == 0 ? '+' : '-';
    }
    story[at++] = r == NORMALISER_END ? '.' : '!';
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_END); /* stays at the end */
    return (struct text){.data = story, .bytes = at};
}

TEST(bodies_that_are_no_events_are_refused)
{
    GIVEN();
    CHECK_TEXT(story_of(""), "not JSON");
    CHECK_TEXT(story_of(" \r\n\t\n"), "not JSON");
    CHECK_TEXT(story_of("\xef\xbb\xbf"), "not JSON");
    CHECK_TEXT(story_of("oops"), "-!");
    CHECK_TEXT(story_of("{oops"), "-!");
    CHECK_TEXT(story_of("{oops\n\n<html>\n"), "--!");
    CHECK_TEXT(story_of("[oops"), "not JSON");
    CHECK_TEXT(story_of("[" GOOD ",\n" GOOD), "not JSON");
    CHECK_TEXT(story_of("[" GOOD ",\n" GOOD ",\n]"), "not JSON");
    CHECK_TEXT(story_of("\x1f\x8b\x08"), "-!");
    CHECK_TEXT(story_of("\xff\xfe{"), "-!");
}

TEST(ndjson_is_an_event_a_line_and_blank_lines_do_not_count)
{
    GIVEN();
    CHECK_TEXT(story_of(GOOD), "+.");
    CHECK_TEXT(story_of(GOOD "\n"), "+.");
    CHECK_TEXT(story_of("\n\r\n" GOOD "\r\n \t\n\n" BAD "\n" GOOD), "+-+.");
    CHECK_TEXT(story_of("oops\n" GOOD "\n{\"a\":\n" GOOD), "-+-+.");
    CHECK_TEXT(story_of("{oops}\n" GOOD), "-+.");
    CHECK_TEXT(story_of("\"\xff\"\n" GOOD), "-+."); /* not UTF-8 spoils its line only */
    CHECK_TEXT(story_of("5\nnull\n" BAD), "---.");  /* JSON, but no events */
    CHECK_TEXT(story_of(GOOD GOOD "\n" GOOD), "-+.");
    CHECK_TEXT(story_of("[]\n" GOOD), "-+.");
    CHECK_TEXT(story_of("\xef\xbb\xbf" GOOD), "+.");
}

TEST(a_bad_element_of_an_array_costs_itself_only)
{
    GIVEN();
    CHECK_TEXT(story_of("[" GOOD ",{\"a\":\"\xc3\x28\"}," GOOD "]"), "+-+.");
    CHECK_TEXT(story_of(" [ {\"a\":}, " GOOD " ,\n tru , " GOOD "\n]\n"), "-+-+.");
    CHECK_TEXT(story_of("[{\"a\":\"\x01\"}," GOOD "," BAD "]"), "-+-.");
    CHECK_TEXT(story_of("[{\"a\":1]," GOOD "]"), "-+."); /* brackets are counted */
    CHECK_TEXT(story_of("[" GOOD " " GOOD "," GOOD "]"), "-+.");
    CHECK_TEXT(story_of("\xef\xbb\xbf[oops," GOOD "]"), "-+.");
    /* Where it ends is not known, or nothing is JSON. */
    CHECK_TEXT(story_of("[" GOOD ",{\"a\":\"}," GOOD "]"), "not JSON");
    CHECK_TEXT(story_of("[" GOOD ",oops] more"), "not JSON");
    CHECK_TEXT(story_of("[{\"a\":},oops]"), "--!");
    CHECK_TEXT(reject_of("[\"\xff\"," GOOD "]"), "not JSON: not UTF-8");
}

TEST(an_element_that_is_too_deep_costs_itself_only)
{
    static char body[4096];
    char deep[2 * 200 + 1];

    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    deep[400] = '\0';
    GIVEN();
    snprintf(body, sizeof(body), "[" GOOD ",%s," GOOD "]", deep);
    CHECK_TEXT(story_of(body), "+-+.");
    snprintf(body, sizeof(body), "[%s," GOOD "]", deep);
    CHECK_TEXT(reject_of(body), "not JSON: deeper than 128 levels");
}

TEST(a_bad_line_says_why)
{
    GIVEN();
    CHECK_TEXT(reject_of("oops\n" GOOD), "not JSON: not a value");
    CHECK_TEXT(reject_of("{\"a\":\n" GOOD), "not JSON: ends too early");
    CHECK_TEXT(reject_of("7\n" GOOD), "event: not an object");
}

TEST(one_object_may_take_several_lines)
{
    GIVEN();
    CHECK_TEXT(story_of("{\n  \"tenant_id\": \"t\",\n  \"event_type\": \"x\",\n  \"user_id\": \"u\"\n}\n"),
               "+.");
    CHECK_TEXT(story_of("\n{\n}\n"), "-.");
    CHECK_TEXT(story_of("{\n}\n" GOOD), "--+."); /* two of them are lines */
}

TEST(an_array_is_an_event_an_element)
{
    GIVEN();
    CHECK_TEXT(story_of("[]"), ".");
    CHECK_TEXT(story_of("[" GOOD "]"), "+.");
    CHECK_TEXT(story_of(" [\n" GOOD ",\n" BAD ",\n1,\n[],\nnull,\n" GOOD "\n]\n"), "+----+.");
}

TEST(an_event_too_large_is_rejected_alone)
{
    const char *body = print(GOOD "\n{\"x\":\"%s\"}\n" GOOD, many('x', 1u << 17));

    GIVEN();
    CHECK_TEXT(story_of(body), "+-+.");
    body = print("[" GOOD ",{\"x\":\"%s\"}," GOOD "]", many('x', 1u << 17));
    CHECK_TEXT(story_of(body), "+-+.");
}

TEST(an_idempotency_key_makes_ids_of_indexes)
{
    const struct event_draft *draft;

    GIVEN();
    options.idempotency_key = TEXT("key");
    CHECK_EQ(begin(TEXT(GOOD "\noops\n\n" GOOD)), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "key:0");
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_TEXT(draft->text[EVENT_EVENT_ID], "key:2");

    options.idempotency_key =
        (struct text){.data = many('k', DRAFT_IDEMPOTENCY_BYTES_MAX), .bytes = DRAFT_IDEMPOTENCY_BYTES_MAX};
    CHECK_EQ(begin(TEXT(GOOD)), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_EQ(draft->text[EVENT_EVENT_ID].bytes, DRAFT_IDEMPOTENCY_BYTES_MAX + 2);
    options.idempotency_key.data = many('k', DRAFT_IDEMPOTENCY_BYTES_MAX + 1);
    options.idempotency_key.bytes++;
    CHECK_EQ(begin(TEXT(GOOD)), NORMALISER_BAD_SHAPE);
    options.idempotency_key = TEXT("\n");
    CHECK_EQ(begin(TEXT(GOOD)), NORMALISER_BAD_SHAPE);
}

TEST(ids_made_without_a_key_differ)
{
    const struct event_draft *draft;
    char first[36];

    GIVEN();
    CHECK_EQ(begin(TEXT(GOOD "\n" GOOD)), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    memcpy(first, draft->text[EVENT_EVENT_ID].data, 36);
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK(memcmp(first, draft->text[EVENT_EVENT_ID].data, 36) != 0);
}

TEST(a_body_given_up_half_way_does_not_matter_to_the_next)
{
    const struct event_draft *draft;

    GIVEN();
    options.route = NORMALISER_BATCH;
    CHECK_EQ(begin(TEXT("{\"batch\":[{},{}],\"writeKey\":\"k\",\"context\":{\"os\":{\"name\":\"x\"}}}")), 0);
    CHECK_EQ(normaliser_next(normaliser, &draft), NORMALISER_REJECT);
    options.route = NORMALISER_EVENTS;
    CHECK_TEXT(story_of(GOOD "\n" GOOD), "++.");
    CHECK_TEXT(normaliser_write_key(normaliser), "");
    options.route = NORMALISER_PAGE;
    CHECK_EQ(begin(TEXT("{\"userId\":\"u\"}")), 0);
    CHECK(!normaliser_bind(normaliser, TEXT("no tenant"), NORMALISER_IS_BOUND));
    CHECK(normaliser_bind(normaliser, TEXT("t"), NORMALISER_IS_BOUND));
    CHECK_EQ(normaliser_next(normaliser, &draft), 0);
    CHECK_EQ(draft->text[EVENT_OS].bytes, 0);
}

TEST(too_many_blocked_values_are_refused_at_boot)
{
    static struct text blocked[IDENTIFIER_BLOCKED_COUNT_MAX];
    struct normaliser *none = NULL;

    for (uint32_t i = 0; i < COUNT_OF(blocked); i++) {
        blocked[i] = TEXT("x");
    }
    CHECK_EQ(normaliser_create(blocked, COUNT_OF(blocked), false, 1024, &none), -E2BIG);
    CHECK(none == NULL);
    normaliser_destroy(NULL);
}

/* Thrown dice, the same each time. */
static uint32_t throw(uint32_t sides)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % sides;
}

/* Bytes of nearly good bodies are changed, cut and doubled; nothing may fall over, and drafts keep their promises. */
TEST(damaged_bodies_do_no_harm)
{
    static const char *const bodies[] = {
        GOOD "\n" GOOD "\n" BAD,
        "[" GOOD "," GOOD "]",
        "{\n\"tenant_id\":\"t\",\"properties\":\"{\\\"a\\\":[1,2,{}]}\",\"event_time\":\"2026-01-01T00:00:"
        "00Z\"}",
        "{\"batch\":[{\"type\":\"track\",\"event\":\"x\",\"userId\":7,\"context\":{\"page\":{\"url\":\"http:/"
        "/x/y\"}},"
        "\"timestamp\":\"2026-01-01T00:00:00Z\"}],\"context\":{\"os\":{\"name\":\"x\"},\"a\":1},\"sentAt\":"
        "1780315200000}",
    };
    static const char alphabet[] = "{}[]\",:\\u0\n \xc3\xff\x01"
                                   "1-e.tnf";
    char body[512];
    const struct event_draft *draft;

    GIVEN();
    tenant = TEXT("t");
    for (uint32_t round = 0; round < 20000; round++) {
        const char *from = bodies[round % COUNT_OF(bodies)];
        uint32_t bytes = (uint32_t)strlen(from);
        memcpy(body, from, bytes);
        for (uint32_t i = throw(4) + 1; i > 0; i--) {
            body[throw(bytes)] = alphabet[throw(sizeof(alphabet) - 1)];
        }
        if (throw(4) == 0) {
            bytes = throw(bytes);
        }
        options.route = (enum normaliser_route)(round / COUNT_OF(bodies) % 8);
        if (begin((struct text){.data = body, .bytes = bytes}) != 0) {
            CHECK(normaliser_reason(normaliser).bytes > 0);
            continue;
        }
        for (;;) {
            int r = normaliser_next(normaliser, &draft);
            if (r == NORMALISER_END || r == NORMALISER_NOT_JSON) {
                break;
            }
            if (r != 0) {
                CHECK(normaliser_reason(normaliser).bytes > 0);
                continue;
            }
            CHECK(field_is_tenant(draft->text[EVENT_TENANT_ID]));
            CHECK(draft->text[EVENT_EVENT_ID].bytes >= 1);
            CHECK(draft->text[EVENT_EVENT_TYPE].bytes >= 1);
            CHECK(draft->text[EVENT_USER_ID].bytes + draft->text[EVENT_ANONYMOUS_ID].bytes >= 1);
            CHECK(draft->event_time.ms <= RECEIVED_AT);
            CHECK(record_event_bytes(draft) > 0);
        }
    }
}
