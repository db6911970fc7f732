/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/traffic.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const tenants[TRAFFIC_TENANT_COUNT] = {"t0", "t1", "t2"};
static const char *const common_types[] = {"page_view", "page_view", "page_view", "click",        "signup",
                                           "login",     "alias",     "other",     "feature_used", "purchase"};
static const char *const countries[] = {"DE", "FR", "US", "(other)", "JP", "BR"};
static const char *const devices[] = {"desktop", "mobile", "tablet"};
static const char *const browsers[] = {"Chrome", "Firefox", "Safari", "Edge"};
static const char *const systems[] = {"Linux", "iOS", "Windows"};

void
traffic_init(struct traffic *traffic, struct dice *dice, struct wall_ms now)
{
    *traffic = (struct traffic){
        .dice = dice,
        .person_count = 2 + dice_below(dice, 12),
        .page_count = 3 + dice_below(dice, dice_chance(dice, 20) ? 150 : 20),
        .type_count = dice_chance(dice, 20) ? 90 : 4,
        .live_percent = dice_chance(dice, 50) ? 100 : dice_below(dice, 100),
        .history_ms = (int64_t[]){3600000, 6 * 3600000, MS_PER_DAY, 4 * MS_PER_DAY,
                                  120 * MS_PER_DAY}[dice_below(dice, 5)],
        .history_end_ms = now.ms - (int64_t)dice_below(dice, 3) * MS_PER_DAY,
    };
}

struct text
traffic_tenant(uint32_t index)
{
    return text_of(tenants[index % TRAFFIC_TENANT_COUNT]);
}

struct text
traffic_event_id(uint64_t number, char buffer[32])
{
    int bytes = snprintf(buffer, 32, "e%llu", (unsigned long long)number);

    return (struct text){.data = buffer, .bytes = (uint32_t)bytes};
}

static struct text
identifier(struct traffic *traffic, const char *kind, char buffer[32])
{
    int bytes = snprintf(buffer, 32, "%s%u", kind, dice_below(traffic->dice, traffic->person_count));

    return (struct text){.data = buffer, .bytes = (uint32_t)bytes};
}

struct text
traffic_user_id(struct traffic *traffic, char buffer[32])
{
    return identifier(traffic, "u", buffer);
}

struct text
traffic_anonymous_id(struct traffic *traffic, char buffer[32])
{
    return identifier(traffic, "a", buffer);
}

static struct event_ms
event_time(struct traffic *traffic, struct wall_ms now)
{
    struct dice *dice = traffic->dice;
    int64_t time;

    if (dice_chance(dice, traffic->live_percent)) {
        time = now.ms - (int64_t)dice_below(dice, dice_chance(dice, 80) ? 3000 : 200000);
    } else {
        time = traffic->history_end_ms - (int64_t)(dice_roll(dice) % (uint64_t)traffic->history_ms);
    }
    if (dice_chance(dice, 5)) {
        time -= (int64_t)dice_below(dice, 30) * 3600000;
    }
    if (dice_chance(dice, 10)) {
        time = floor_div(time, 60000) * 60000; /* ties, and exact gaps */
    }
    return (struct event_ms){.ms = time < now.ms ? time : now.ms};
}

static struct text
pick(struct traffic *traffic, const char *const *from, uint32_t count)
{
    return dice_chance(traffic->dice, 30) ? (struct text){.data = NULL}
                                          : text_of(from[dice_below(traffic->dice, count)]);
}

static struct text
traits(struct traffic *traffic)
{
    struct dice *dice = traffic->dice;
    uint32_t count = dice_chance(dice, 3) ? 120 : 1 + dice_below(dice, 3);
    uint32_t keys = dice_chance(dice, 10) ? 400 : 8;
    int bytes = snprintf(traffic->json, sizeof(traffic->json), "{");

    for (uint32_t i = 0; i < count; i++) {
        static const char *const values[] = {"null", "1",    "\"x\"",         "{\"a\":[1,2]}",
                                             "true", "1.50", "\"\\u00e9\\n\""};
        const char *value = values[dice_below(dice, COUNT_OF(values))];

        bytes += snprintf(traffic->json + bytes, sizeof(traffic->json) - (size_t)bytes, "%s\"k%u\":%s",
                          i > 0 ? ", " : "", dice_below(dice, keys), value);
    }
    if (dice_chance(dice, 3)) {
        bytes += snprintf(traffic->json + bytes, sizeof(traffic->json) - (size_t)bytes, ",\"big%u\":\"%*s\"",
                          dice_below(dice, 20), 3000, "");
    }
    bytes += snprintf(traffic->json + bytes, sizeof(traffic->json) - (size_t)bytes, "}");
    return (struct text){.data = traffic->json, .bytes = (uint32_t)bytes};
}

/* Copies what the draft points to, so that it can be sent again after a crash. */
static void
own_texts(struct traffic_event *event)
{
    uint64_t bytes = 1;
    char *at;

    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        bytes += event->draft.text[i].bytes;
    }
    event->texts = malloc(bytes);
    at = event->texts;
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        struct text *text = &event->draft.text[i];

        if (text->bytes > 0) {
            memcpy(at, text->data, text->bytes);
        }
        text->data = at;
        at += text->bytes;
    }
}

static void
write_identifiers(struct traffic *traffic, struct event_draft *draft)
{
    struct dice *dice = traffic->dice;
    uint32_t what = dice_below(dice, 100);

    if (what < 75) {
        draft->text[EVENT_ANONYMOUS_ID] = identifier(traffic, "a", traffic->scratch[0]);
    }
    if (what >= 55) {
        draft->text[EVENT_USER_ID] = identifier(traffic, "u", traffic->scratch[1]);
    }
    if (text_equal(draft->text[EVENT_EVENT_TYPE], TEXT("alias")) && dice_chance(dice, 80)) {
        draft->text[EVENT_USER_ID] = identifier(traffic, "u", traffic->scratch[1]);
        draft->text[EVENT_PREVIOUS_ID] =
            identifier(traffic, dice_chance(dice, 70) ? "a" : "u", traffic->scratch[2]);
    }
}

struct traffic_event
traffic_event(struct traffic *traffic, struct wall_ms now)
{
    struct dice *dice = traffic->dice;
    struct traffic_event event = {.number = traffic->sent};
    struct event_draft *draft = &event.draft;
    char id[32];
    int bytes;

    if (traffic->sent > 8 && dice_chance(dice, 12)) {
        /* Often one that is still on its way. */
        event.number =
            dice_chance(dice, 60) ? traffic->sent - 1 - dice_below(dice, 8) : dice_roll(dice) % traffic->sent;
    } else {
        traffic->sent++;
    }
    draft->received_at = now;
    draft->event_time = event_time(traffic, now);
    /* An ID belongs to one tenant, so that a check by ID knows where to look. */
    draft->text[EVENT_TENANT_ID] = traffic_tenant((uint32_t)(event.number % 7 % TRAFFIC_TENANT_COUNT));
    draft->text[EVENT_EVENT_ID] = traffic_event_id(event.number, id);
    if (traffic->type_count > 10 && dice_chance(dice, 60)) {
        bytes = snprintf(traffic->scratch[3], sizeof(traffic->scratch[3]), "type_%u",
                         dice_below(dice, traffic->type_count));
        draft->text[EVENT_EVENT_TYPE] = (struct text){.data = traffic->scratch[3], .bytes = (uint32_t)bytes};
    } else {
        draft->text[EVENT_EVENT_TYPE] = text_of(common_types[dice_below(dice, COUNT_OF(common_types))]);
    }
    write_identifiers(traffic, draft);
    if (dice_chance(dice, 70)) {
        bytes = snprintf(traffic->scratch[4], sizeof(traffic->scratch[4]), "/page/%u",
                         dice_below(dice, traffic->page_count));
        draft->text[EVENT_PAGE_URL] = (struct text){.data = traffic->scratch[4], .bytes = (uint32_t)bytes};
    }
    if (dice_chance(dice, 20)) {
        bytes = snprintf(traffic->scratch[5], sizeof(traffic->scratch[5]), "feature-%u",
                         dice_below(dice, traffic->page_count));
        draft->text[EVENT_FEATURE_NAME] =
            (struct text){.data = traffic->scratch[5], .bytes = (uint32_t)bytes};
    }
    draft->text[EVENT_COUNTRY] = pick(traffic, countries, COUNT_OF(countries));
    draft->text[EVENT_DEVICE_TYPE] = pick(traffic, devices, COUNT_OF(devices));
    draft->text[EVENT_BROWSER] = pick(traffic, browsers, COUNT_OF(browsers));
    draft->text[EVENT_OS] = pick(traffic, systems, COUNT_OF(systems));
    if (dice_chance(dice, 20)) {
        draft->text[EVENT_TRAITS] = traits(traffic);
    }
    if (dice_chance(dice, 30)) {
        draft->text[EVENT_PROPERTIES] = TEXT("{ \"plan\": \"pro\", \"n\": [1, 2.50, null] }");
    }
    if (dice_chance(dice, 5)) {
        draft->text[EVENT_REFERRER] = TEXT("https://example.com/");
        draft->text[EVENT_ELEMENT_ID] = TEXT("button");
        draft->text[EVENT_SESSION_ID] = TEXT("client-session");
        draft->text[EVENT_CONTEXT] = TEXT("{\"library\":{\"name\":\"sim\"}}");
    }
    own_texts(&event);
    return event;
}
