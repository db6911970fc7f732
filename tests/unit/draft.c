/* SPDX-License-Identifier: Apache-2.0 */

#include "net/draft.h"

#include <stdio.h>

#include "tests/check.h"

/* The rules are tried through native.c and segment.c, where they have their names; here is what these cannot reach. */

static struct draft draft;
static struct identifier_blocked blocked;

static uint64_t
throw_dice(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static void
given_a_draft(void)
{
    CHECK(identifier_blocked_init(&blocked, NULL, 0));
    draft = (struct draft){.blocked = &blocked, .received_at = {.ms = 1000}, .random = throw_dice};
    draft_begin(&draft);
}

TEST(a_reason_too_long_is_cut)
{
    given_a_draft();
    CHECK_EQ(draft_reject(&draft, "%0*d", (int)DRAFT_REASON_BYTES_MAX * 2, 0), DRAFT_REJECT);
    CHECK_EQ(strlen(draft.reason), DRAFT_REASON_BYTES_MAX - 1);
}

TEST(an_object_may_have_64_levels_whatever_it_stands_in)
{
    char raw[400 + JSON_IN_PADDING];
    uint32_t at;
    struct json_value value;
    struct json_in *json;

    CHECK_EQ(json_in_create(sizeof(raw), &json), 0);
    for (uint32_t levels = 60; levels < 70; levels++) {
        given_a_draft();
        draft.json = json;
        at = (uint32_t)snprintf(raw, sizeof(raw), "{\"{{[[\\\"{\":[{}],\"\\\\\":");
        for (uint32_t i = 1; i < levels; i++) {
            raw[at++] = '[';
        }
        for (uint32_t i = 1; i < levels; i++) {
            raw[at++] = ']';
        }
        raw[at++] = '}';
        CHECK_EQ(json_in_open(json, (struct text){.data = raw, .bytes = at}, &value), 0);
        CHECK_EQ(draft_object(&draft, EVENT_TRAITS, "traits", &value), levels <= 64 ? 0 : DRAFT_REJECT);
    }
    json_in_destroy(json);
}

TEST(dice_become_a_uuid_of_version_4)
{
    given_a_draft();
    draft.event.text[EVENT_TENANT_ID] = TEXT("t");
    draft.event.text[EVENT_USER_ID] = TEXT("u");
    CHECK_EQ(draft_finish(&draft, 0, "x"), 0);
    CHECK_TEXT(draft.event.text[EVENT_EVENT_ID], "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(an_index_of_seven_digits_fits_behind_the_longest_key)
{
    static const char key[] = "012345678901234567890123456789012345678901234567890123456789"
                              "012345678901234567890123456789012345678901234567890123456789";

    static_assert(sizeof(key) - 1 == DRAFT_IDEMPOTENCY_BYTES_MAX, "the longest");
    given_a_draft();
    draft.idempotency_key = TEXT(key);
    draft.event.text[EVENT_TENANT_ID] = TEXT("t");
    draft.event.text[EVENT_USER_ID] = TEXT("u");
    CHECK_EQ(draft_finish(&draft, 9999999, "x"), 0);
    CHECK_EQ(draft.event.text[EVENT_EVENT_ID].bytes, 128);
}

TEST(what_a_made_id_makes_too_long_is_rejected)
{
    static char many[65536];

    given_a_draft();
    memset(many, 'x', sizeof(many));
    draft.event.text[EVENT_TENANT_ID] = TEXT("t");
    draft.event.text[EVENT_USER_ID] = TEXT("u");
    draft.event.text[EVENT_TRAITS] = (struct text){.data = many, .bytes = 65535 - 2 - 36};
    CHECK_EQ(draft_finish(&draft, 0, "x"), 0);
    draft.event.text[EVENT_EVENT_ID].bytes = 0;
    draft.event.text[EVENT_TRAITS].bytes++;
    CHECK_EQ(draft_finish(&draft, 0, "x"), DRAFT_REJECT);
}

TEST(an_event_is_never_later_than_its_receipt)
{
    given_a_draft();
    CHECK_EQ(draft.event.event_time.ms, 1000);
    CHECK_EQ(draft_set_time(&draft, "t", 999), 0);
    CHECK_EQ(draft.event.event_time.ms, 999);
    CHECK_EQ(draft_set_time(&draft, "t", 1001), 0);
    CHECK_EQ(draft.event.event_time.ms, 1000);
    CHECK_EQ(draft_set_time(&draft, "t", INT64_MAX), 0);
    CHECK_EQ(draft.event.event_time.ms, 1000);
}

TEST(an_event_is_never_before_what_can_be_written)
{
    int64_t ms = 7;

    given_a_draft();
    CHECK_EQ(draft_set_time(&draft, "t", FIELD_TIME_MS_FIRST - 1), DRAFT_REJECT);
    CHECK_TEXT(text_of(draft.reason), "t: before the year 0000");
    CHECK_EQ(draft_set_time(&draft, "t", INT64_MIN), DRAFT_REJECT);
    CHECK_EQ(draft.event.event_time.ms, 1000);
    CHECK_EQ(draft_set_time(&draft, "t", FIELD_TIME_MS_FIRST), 0);
    CHECK_EQ(draft.event.event_time.ms, FIELD_TIME_MS_FIRST);
    /* A zone makes it. */
    CHECK(!draft_time_of_text(TEXT("0000-01-01T00:00:00+00:01"), &ms));
    CHECK_EQ(ms, 7);
    CHECK(draft_time_of_text(TEXT("0000-01-01T00:00:00Z"), &ms));
    CHECK_EQ(ms, FIELD_TIME_MS_FIRST);
}
