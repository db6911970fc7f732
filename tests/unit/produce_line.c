/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_line.h"

#include "tests/unit/normalised.h"

static struct produce_line *line;
static char head[PRODUCE_HEAD_BYTES_MAX];
static char text[65536];
static struct produce_visitor visitor = {.tenant = "acme", .person = 7, .device_person = 7};

static void
given_lines(uint32_t event_bytes)
{
    produce_line_destroy(line);
    line = NULL;
    CHECK_EQ(produce_line_create(1, event_bytes, &line), 0);
    given(NORMALISER_EVENTS, NULL, 0, false);
}

static uint32_t
put(const struct produce_deed *deed)
{
    uint32_t head_bytes = produce_line_head(line, &visitor, head);
    uint32_t bytes = produce_line_put(line, (struct text){.data = head, .bytes = head_bytes}, deed, text);

    CHECK(bytes <= produce_line_bytes_max(line));
    text[bytes] = '\0';
    return bytes;
}

static const struct event_draft *
draft_of(const struct produce_deed *deed)
{
    put(deed);
    return event_of(text);
}

TEST(a_line_says_what_was_done)
{
    struct produce_deed deed = {
        .time = {.ms = RECEIVED_AT - 5}, .number = 12, .referrer = PRODUCE_PAGE_COUNT};
    const struct event_draft *draft;

    given_lines(0);
    for (uint32_t page = 0; page < PRODUCE_PAGE_COUNT; page++) {
        deed.page = (uint8_t)page;
        deed.done = PRODUCE_SAW;
        draft = draft_of(&deed);
        CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "page_view");
        CHECK_EQ(draft->event_time.ms, RECEIVED_AT - 5);
        CHECK_TEXT(draft->text[EVENT_TENANT_ID], "acme");
        deed.done = PRODUCE_CLICKED;
        draft = draft_of(&deed);
        CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "click");
        CHECK(draft->text[EVENT_ELEMENT_ID].bytes > 0);
        if (produce_line_has_features(line, (uint8_t)page)) {
            deed.done = PRODUCE_USED;
            draft = draft_of(&deed);
            CHECK_TEXT(draft->text[EVENT_EVENT_TYPE], "feature_used");
            CHECK(draft->text[EVENT_FEATURE_NAME].bytes > 0);
        }
    }
    deed.done = PRODUCE_SIGNED_UP;
    CHECK_TEXT(draft_of(&deed)->text[EVENT_EVENT_TYPE], "signup");
    deed.done = PRODUCE_LOGGED_IN;
    CHECK_TEXT(draft_of(&deed)->text[EVENT_EVENT_TYPE], "login");
}

TEST(people_and_their_devices_have_ids_of_their_own)
{
    static char first[37];
    struct produce_deed deed = {.time = {.ms = RECEIVED_AT}};
    const struct event_draft *draft;

    given_lines(0);
    draft = draft_of(&deed);
    CHECK_EQ(draft->text[EVENT_USER_ID].bytes, 0);
    memcpy(first, draft->text[EVENT_ANONYMOUS_ID].data, 36);
    visitor.device = 1;
    CHECK(memcmp(draft_of(&deed)->text[EVENT_ANONYMOUS_ID].data, first, 36) != 0);
    visitor.device = 0;
    visitor.is_named = true;
    draft = draft_of(&deed);
    CHECK_BYTES(draft->text[EVENT_ANONYMOUS_ID].data, first, 36);
    CHECK(draft->text[EVENT_USER_ID].bytes > 0);
    CHECK_EQ(draft->text[EVENT_USER_ID].data[draft->text[EVENT_USER_ID].bytes - 1], '7');
    visitor.person = 8; /* on the same device */
    draft = draft_of(&deed);
    CHECK_BYTES(draft->text[EVENT_ANONYMOUS_ID].data, first, 36);
    CHECK_EQ(draft->text[EVENT_USER_ID].data[draft->text[EVENT_USER_ID].bytes - 1], '8');
    visitor = (struct produce_visitor){.tenant = "acme", .person = 7, .device_person = 7};
}

TEST(a_blocked_user_id_leaves_the_anonymous_one)
{
    struct produce_deed deed = {.time = {.ms = RECEIVED_AT}};

    given_lines(0);
    visitor.blocked = "undefined";
    put(&deed);
    CHECK(strstr(text, "\"user_id\":\"undefined\"") != NULL);
    CHECK_EQ(draft_of(&deed)->text[EVENT_USER_ID].bytes, 0);
    visitor.blocked = NULL;
}

TEST(lines_have_the_wanted_size_on_average)
{
    struct produce_deed deed = {.time = {.ms = RECEIVED_AT}};
    uint64_t bytes = 0;

    given_lines(PRODUCE_EVENT_BYTES_MAX);
    for (uint32_t i = 0; i < 2000; i++) {
        deed.dice = i * UINT64_C(0x9e3779b97f4a7c15) >> 20;
        bytes += put(&deed);
    }
    CHECK(bytes / 2000 > PRODUCE_EVENT_BYTES_MAX - PRODUCE_EVENT_BYTES_MAX / 50);
    CHECK(bytes / 2000 < PRODUCE_EVENT_BYTES_MAX + PRODUCE_EVENT_BYTES_MAX / 50);
    CHECK(event_of(text) != NULL);
}

TEST(tenants_beyond_the_named_ones_have_numbers)
{
    char name[PRODUCE_TENANT_BYTES];

    produce_line_tenant(0, name);
    CHECK_TEXT(name, "acme");
    produce_line_tenant(4095, name);
    CHECK_TEXT(name, "tenant-4096");
}
