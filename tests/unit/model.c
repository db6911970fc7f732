/* SPDX-License-Identifier: Apache-2.0 */

/* The model against the vectors, and against what they do not touch. */

#include "tests/check.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/time_text.h"
#include "shards/record.h"
#include "tests/sim/model.h"
#include "tests/sim/model_json.h"

#define RECEIVED_MS INT64_C(1795000000000) /* long after every vector: no tenant is live */
#define NOON INT64_C(1780315200000)        /* 2026-06-01T12:00:00Z */
#define MINUTE INT64_C(60000)

static struct arena_pool pool;
static struct arena arena;

static int64_t
time_of(const struct model_json *value)
{
    struct event_ms time = {0};

    REQUIRE(time_text_parse(model_json_string(value), &time));
    return time.ms;
}

/* ---- the vectors' comparison, as their `check` does it ---- */

static void
complain(const char *path, const struct model_json *want, const struct model_json *got)
{
    print_error("%s: want %.*s, got %.*s\n", path,
                want != NULL ? (int)(want->raw.bytes < 300 ? want->raw.bytes : 300) : 0,
                want != NULL ? want->raw.data : "",
                got != NULL ? (int)(got->raw.bytes < 300 ? got->raw.bytes : 300) : 0,
                got != NULL ? got->raw.data : "");
}

static uint32_t diff(const char *path, const struct model_json *want, const struct model_json *got);

/* {"page_view": 2} is [{"key": "page_view", "count": 2}]. */
static uint32_t
diff_counts(const char *path, const struct model_json *want, const struct model_json *got)
{
    const struct model_json *row = got->first;

    if (want->count != got->count) {
        complain(path, want, got);
        return 1;
    }
    for (; row != NULL; row = row->next) {
        const struct model_json *count =
            model_json_get(want, model_json_string(model_json_get(row, TEXT("key"))));
        if (count == NULL || model_json_get(row, TEXT("count"))->number != count->number) {
            complain(path, want, got);
            return 1;
        }
    }
    return 0;
}

static uint32_t
diff_list(const char *path, const struct model_json *want, const struct model_json *got)
{
    uint32_t most = strstr(path, ".topPages") != NULL      ? 5
                    : strstr(path, ".topFeatures") != NULL ? 3
                                                           : UINT32_MAX;
    uint32_t bad = 0;
    const struct model_json *right = got->first;

    if (want->count != (got->count < most ? got->count : most)) {
        complain(path, want, got);
        return 1;
    }
    for (const struct model_json *left = want->first; left != NULL; left = left->next, right = right->next) {
        const struct model_json *node = right;
        if (left->kind == MODEL_JSON_STRING && right->kind == MODEL_JSON_OBJECT) {
            node = model_json_get(right, TEXT("eventId"));
        }
        bad += diff(path, left, node);
    }
    return bad;
}

static uint32_t
diff(const char *path, const struct model_json *want, const struct model_json *got)
{
    uint32_t bad = 0;

    if (got != NULL && want->kind == MODEL_JSON_ARRAY && got->kind == MODEL_JSON_OBJECT) {
        got = model_json_get(got, TEXT("nodes"));
    }
    if (got != NULL && want->kind == MODEL_JSON_OBJECT && got->kind == MODEL_JSON_ARRAY) {
        return diff_counts(path, want, got);
    }
    if (got == NULL || want->kind != got->kind) {
        complain(path, want, got);
        return 1;
    }
    switch (want->kind) {
    case MODEL_JSON_NULL:
        return 0;
    case MODEL_JSON_BOOL:
    case MODEL_JSON_NUMBER:
        bad = fabs(want->number - got->number) > 1e-3;
        break;
    case MODEL_JSON_STRING:
        bad = !text_equal(want->string, got->string);
        break;
    case MODEL_JSON_ARRAY:
        return diff_list(path, want, got);
    case MODEL_JSON_OBJECT:
        for (const struct model_json *child = want->first; child != NULL; child = child->next) {
            char deeper[256];
            snprintf(deeper, sizeof(deeper), "%s.%.*s", path, (int)child->key.bytes, child->key.data);
            bad += diff(deeper, child, model_json_get(got, child->key));
        }
        return bad;
    }
    if (bad > 0) {
        complain(path, want, got);
    }
    return bad;
}

/* ---- feeding ---- */

static struct model *model;
static uint64_t position;

static void
given_an_empty_model(void)
{
    arena_init(&arena, &pool, UINT64_C(1) << 30);
    model = model_create(1);
    position = 0;
}

static void
done(void)
{
    model_destroy(model);
    arena_reset(&arena);
}

static void
happened(const struct event_draft *draft, int64_t wall)
{
    static alignas(8) uint8_t record[RECORD_TEXT_BYTES_MAX + 256];
    static const uint8_t secret[32] = {1};

    REQUIRE(record_event_bytes(draft) > 0 && record_event_bytes(draft) <= sizeof(record));
    record_write_event(record, draft, secret, 1);
    model_apply(model, 0, position++, record, wall);
}

static void
settings_are(int64_t out_of_orderness, int64_t lateness, int64_t gap, int64_t horizon, int64_t wall)
{
    struct settings_record settings = {
        .header = {.bytes = sizeof(settings), .kind = RECORD_SETTINGS, .version = 1},
        .out_of_orderness_ms = out_of_orderness,
        .allowed_lateness_ms = lateness,
        .session_gap_ms = gap,
        .session_horizon_ms = horizon,
        .dedup_events = 4194304,
    };

    model_apply(model, 0, position++, &settings, wall);
}

static const struct model_json *
answer(enum model_shape shape, const struct model_variables *variables)
{
    struct model_answer told = model_answer(model, shape, variables);
    struct text copy =
        arena_text(&arena, (struct text){.data = told.data, .bytes = (uint32_t)strlen(told.data) + 1});

    model_answer_free(&told);
    REQUIRE(copy.data != NULL);
    return model_json_parse(&arena, copy.data);
}

static struct text
text_at(const struct model_json *value, const char *path)
{
    value = model_json_path(value, path);
    return value == NULL ? TEXT("(nothing)") : value->kind == MODEL_JSON_STRING ? value->string : value->raw;
}

/* ---- vectors ---- */

/* Enough of §2 and §3 for the vectors: identifiers may be numbers, some values are no identifiers. */
static struct text
identifier_of(const struct model_json *value)
{
    static const char *const blocked[] = {"null",
                                          "undefined",
                                          "none",
                                          "nil",
                                          "nan",
                                          "anonymous",
                                          "unknown",
                                          "guest",
                                          "0",
                                          "-1",
                                          "true",
                                          "false",
                                          "[object object]",
                                          "00000000-0000-0000-0000-000000000000"};
    struct text text =
        value != NULL && value->kind == MODEL_JSON_NUMBER ? value->raw : model_json_string(value);

    while (text.bytes > 0 && strchr(" \t\r\n\v\f", text.data[0]) != NULL) {
        text.data++;
        text.bytes--;
    }
    while (text.bytes > 0 && strchr(" \t\r\n\v\f", text.data[text.bytes - 1]) != NULL) {
        text.bytes--;
    }
    if (text.bytes == 0) {
        return (struct text){0};
    }
    for (size_t i = 0; i < COUNT_OF(blocked); i++) {
        if (strlen(blocked[i]) == text.bytes && strncasecmp(blocked[i], text.data, text.bytes) == 0) {
            return (struct text){0};
        }
    }
    return value->kind == MODEL_JSON_NUMBER ? value->raw : value->string;
}

/* False: rejected. */
static bool
draft_of(const struct model_json *event, struct event_draft *draft)
{
    static const struct {
        const char *name;
        enum event_text text;
    } fields[] = {
        {"tenant_id", EVENT_TENANT_ID},       {"event_id", EVENT_EVENT_ID},
        {"event_type", EVENT_EVENT_TYPE},     {"group_id", EVENT_GROUP_ID},
        {"session_id", EVENT_SESSION_ID},     {"page_url", EVENT_PAGE_URL},
        {"referrer", EVENT_REFERRER},         {"element_id", EVENT_ELEMENT_ID},
        {"feature_name", EVENT_FEATURE_NAME}, {"device_type", EVENT_DEVICE_TYPE},
        {"browser", EVENT_BROWSER},           {"os", EVENT_OS},
        {"country", EVENT_COUNTRY},
    };
    const struct model_json *time = model_json_get(event, TEXT("event_time"));

    *draft = (struct event_draft){.received_at = {RECEIVED_MS}, .event_time = {RECEIVED_MS}};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        draft->text[fields[i].text] = model_json_string(model_json_get(event, text_of(fields[i].name)));
    }
    draft->text[EVENT_USER_ID] = identifier_of(model_json_get(event, TEXT("user_id")));
    draft->text[EVENT_ANONYMOUS_ID] = identifier_of(model_json_get(event, TEXT("anonymous_id")));
    draft->text[EVENT_PREVIOUS_ID] = identifier_of(model_json_get(event, TEXT("previous_id")));
    if (model_json_get(event, TEXT("properties")) != NULL) {
        draft->text[EVENT_PROPERTIES] = model_json_get(event, TEXT("properties"))->raw;
    }
    if (model_json_get(event, TEXT("traits")) != NULL) {
        draft->text[EVENT_TRAITS] = model_json_get(event, TEXT("traits"))->raw;
    }
    if (time != NULL && time->kind == MODEL_JSON_STRING) {
        draft->event_time.ms = time_of(time);
    } else if (time != NULL) {
        draft->event_time.ms = (int64_t)time->number;
    }
    draft->event_time.ms = draft->event_time.ms < RECEIVED_MS ? draft->event_time.ms : RECEIVED_MS;
    return draft->event_time.ms >= INT64_C(100000000000) && draft->text[EVENT_EVENT_TYPE].bytes > 0 &&
           draft->text[EVENT_EVENT_ID].bytes > 0 && draft->text[EVENT_TENANT_ID].bytes > 0 &&
           (draft->text[EVENT_USER_ID].bytes > 0 || draft->text[EVENT_ANONYMOUS_ID].bytes > 0);
}

static uint32_t
feed_vector(const struct model_json *document)
{
    const struct model_json *ingest = model_json_path(document, "expect.ingest");
    uint32_t accepted = 0;
    uint32_t duplicate = 0;
    uint32_t rejected = 0;

    for (const struct model_json *event = model_json_get(document, TEXT("events"))->first; event != NULL;
         event = event->next) {
        struct event_draft draft;
        if (!draft_of(event, &draft)) {
            rejected++;
            continue;
        }
        struct model_variables by_id = {.tenant_id = draft.text[EVENT_TENANT_ID],
                                        .event_id = draft.text[EVENT_EVENT_ID]};
        if (model_json_path(answer(MODEL_EVENT, &by_id), "event")->kind != MODEL_JSON_NULL) {
            duplicate++;
            continue;
        }
        happened(&draft, RECEIVED_MS);
        accepted++;
    }
    return (accepted != model_json_get(ingest, TEXT("accepted"))->number) +
           (duplicate != model_json_get(ingest, TEXT("duplicate"))->number) +
           (rejected != model_json_get(ingest, TEXT("rejected"))->number);
}

static uint32_t
compare_vector(const struct model_json *document)
{
    struct text tenant = model_json_string(model_json_get(document, TEXT("tenant")));
    const struct model_json *expect = model_json_get(document, TEXT("expect"));
    const struct model_json *summary = model_json_get(expect, TEXT("summary"));
    struct model_variables range = {
        .tenant_id = tenant,
        .from_ms = time_of(model_json_get(summary, TEXT("from"))),
        .to_ms = time_of(model_json_get(summary, TEXT("to"))),
        .metric = MODEL_METRIC_EVENTS,
        .by = MODEL_COUNTRY,
        .first = 10,
    };
    const struct model_json *got;
    const struct model_json *merge;
    uint32_t merges = 0;
    uint32_t bad = 0;

    for (const struct model_json *row = model_json_get(expect, TEXT("profiles"))->first; row != NULL;
         row = row->next) {
        const struct model_json *by = model_json_get(row, TEXT("by"))->first;
        struct model_variables variables = {
            .tenant_id = tenant, .has_as_of = true, .as_of_ms = time_of(model_json_get(row, TEXT("asOf")))};
        *(text_equal(by->key, TEXT("userId"))        ? &variables.user_id
          : text_equal(by->key, TEXT("anonymousId")) ? &variables.anonymous_id
                                                     : &variables.id) = by->string;
        bad += diff("profile", model_json_get(row, TEXT("profile")),
                    model_json_path(answer(MODEL_PROFILE, &variables), "profile"));
    }

    got = model_json_path(answer(MODEL_SUMMARY, &range), "summary");
    for (const struct model_json *field = summary->first; field != NULL; field = field->next) {
        if (!text_equal(field->key, TEXT("from")) && !text_equal(field->key, TEXT("to"))) {
            bad += diff("summary", field, model_json_get(got, field->key));
        }
    }
    bad += diff("countries", model_json_get(expect, TEXT("countries")),
                model_json_path(answer(MODEL_BREAKDOWN, &range), "breakdown"));

    range.first = 500;
    got = model_json_path(answer(MODEL_MERGES, &range), "merges.nodes");
    bad += got->count != model_json_get(expect, TEXT("merges"))->count;
    for (merge = got->first; merge != NULL && bad == 0; merge = merge->next, merges++) {
        char index[16];
        snprintf(index, sizeof(index), "%u", got->count - 1 - merges);
        bad += diff("merges", model_json_path(model_json_get(expect, TEXT("merges")), index), merge);
    }
    return bad;
}

static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    long bytes;
    char *text;

    REQUIRE(file != NULL);
    fseek(file, 0, SEEK_END);
    bytes = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)bytes + 1);
    REQUIRE(text != NULL && fread(text, 1, (size_t)bytes, file) == (size_t)bytes);
    fclose(file);
    return text;
}

static bool
is_vector(const char *name)
{
    return strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".json") == 0;
}

TEST(all_vectors_agree)
{
    const char *shared = getenv("MILLRACE_SHARED");
    char folder[1024];
    char path[2048];
    DIR *directory;
    uint32_t passed = 0;
    uint32_t failed = 0;

    /* This file's path as the compiler saw it: absolute from ninja, or relative to where we stand. */
    snprintf(folder, sizeof(folder), "%s/vectors", shared != NULL ? shared : "../shared");
    directory = opendir(folder);
    if (directory == NULL && shared == NULL) {
        const char *tail = strstr(__FILE__, "tests/unit/model.c");
        snprintf(folder, sizeof(folder), "%.*s../shared/vectors", tail != NULL ? (int)(tail - __FILE__) : 0,
                 __FILE__);
        directory = opendir(folder);
    }
    if (directory == NULL) {
        print_message("skipped: no vectors in %s\n", folder);
        return;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        uint32_t bad;
        char *text;
        if (!is_vector(entry->d_name)) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        text = read_file(path);
        given_an_empty_model();
        const struct model_json *document = model_json_parse(&arena, text);
        bad = feed_vector(document) + compare_vector(document);
        if (bad > 0) {
            print_error("%s: %u differences\n", entry->d_name, bad);
        }
        passed += bad == 0;
        failed += bad > 0;
        done();
        free(text);
    }
    closedir(directory);
    print_message("%u vectors passed, %u failed\n", passed, failed);
    CHECK_EQ(failed, 0);
    CHECK(passed > 0);
}

/* ---- what the vectors do not touch ---- */

static uint32_t event_number;
static char event_names[4096][16];

/* An event of tenant "t", received a second after it happened, in a block of that moment. */
static void
event(int64_t time, struct text user, struct text anonymous, struct text country)
{
    char *name = event_names[event_number++ % COUNT_OF(event_names)];

    snprintf(name, sizeof(event_names[0]), "e%u", event_number);
    struct event_draft draft = {.event_time = {time}, .received_at = {time + 1000}};
    draft.text[EVENT_TENANT_ID] = TEXT("t");
    draft.text[EVENT_EVENT_ID] = text_of(name);
    draft.text[EVENT_EVENT_TYPE] = TEXT("page_view");
    draft.text[EVENT_USER_ID] = user;
    draft.text[EVENT_ANONYMOUS_ID] = anonymous;
    draft.text[EVENT_COUNTRY] = country;
    happened(&draft, RECEIVED_MS);
}

static void
live_event(int64_t time, int64_t received, int64_t wall, struct text anonymous)
{
    struct event_draft draft = {.event_time = {time}, .received_at = {received}};

    draft.text[EVENT_TENANT_ID] = TEXT("t");
    draft.text[EVENT_EVENT_ID] = TEXT("live");
    draft.text[EVENT_EVENT_TYPE] = TEXT("page_view");
    draft.text[EVENT_ANONYMOUS_ID] = anonymous;
    happened(&draft, wall);
}

TEST(a_silent_tenant_that_is_live_moves_on)
{
    struct model_variables all = {.tenant_id = TEXT("t"), .first = 10};
    int64_t wall = NOON + 2000;
    const struct model_json *got;

    given_an_empty_model();
    model_see(model, 0, NOON - 5000);
    CHECK_EQ(model_watermark(model, TEXT("t")), INT64_MIN);
    live_event(NOON, NOON + 1000, wall, TEXT("a"));
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON - MINUTE);
    model_see(model, 0, wall + 10000);
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON - MINUTE);
    model_see(model, 0, wall + 10001);
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON - MINUTE + 1);
    model_see(model, 0, wall + 10000 + 31 * MINUTE);
    CHECK_TEXT(text_at(answer(MODEL_SESSIONS, &all), "sessions.nodes.0.open"), "true");
    model_see(model, 0, wall + 10000 + 31 * MINUTE + 1);
    CHECK_TEXT(text_at(answer(MODEL_SESSIONS, &all), "sessions.nodes.0.open"), "false");

    /* Late now, and the closed session is revised; it stays closed. */
    live_event(NOON + MINUTE, NOON + 40 * MINUTE, wall + 40 * MINUTE, TEXT("a"));
    got = answer(MODEL_SESSIONS, &all);
    CHECK_TEXT(text_at(got, "sessions.nodes.0.revision"), "1");
    CHECK_TEXT(text_at(got, "sessions.nodes.0.open"), "false");
    CHECK_TEXT(text_at(answer(MODEL_EVENTS, &all), "events.nodes.0.late"), "true");
    done();
}

TEST(a_silent_tenant_that_replays_stays)
{
    given_an_empty_model();
    live_event(NOON, NOON + 10 * MINUTE + 1, NOON + 10 * MINUTE + 1, TEXT("a"));
    model_see(model, 0, NOON + 1000 * MINUTE);
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON - MINUTE);
    done();

    given_an_empty_model();
    live_event(NOON, NOON + 10 * MINUTE, NOON + 10 * MINUTE, TEXT("a"));
    model_see(model, 0, NOON + 1000 * MINUTE);
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON - MINUTE + 990 * MINUTE - 10000);
    done();
}

TEST(windows_that_need_forgotten_buckets_are_errors)
{
    struct model_variables variables = {.tenant_id = TEXT("t"), .anonymous_id = TEXT("a"), .has_as_of = true};
    struct model_answer told;

    given_an_empty_model();
    event(NOON, (struct text){0}, TEXT("a"), (struct text){0});
    variables.as_of_ms = NOON - 1;
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.events1d"), "0");
    variables.as_of_ms = NOON - 60 * MINUTE - 1;
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.events1d"), "null");
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.events90d"), "1");
    told = model_answer(model, MODEL_PROFILE, &variables);
    CHECK_EQ(told.error_count, 2);
    CHECK_TEXT(told.errors[0].code, "AS_OF_TOO_EARLY");
    CHECK_TEXT(told.errors[1].path, "profile.sessions1d");
    model_answer_free(&told);
    variables.as_of_ms = NOON - 200 * MS_PER_DAY;
    told = model_answer(model, MODEL_PROFILE, &variables);
    CHECK_EQ(told.error_count, 8);
    model_answer_free(&told);
    done();
}

TEST(a_person_holds_500_identifiers)
{
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .user_id = TEXT("u"), .has_as_of = true, .as_of_ms = NOON};
    const struct model_json *got;
    char name[16];

    given_an_empty_model();
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "a%d", i);
        event(NOON + i, TEXT("u"), text_of(name), (struct text){0});
    }
    CHECK_EQ(model_totals(model).identity_limit, 1);
    got = answer(MODEL_PROFILE, &variables);
    CHECK_EQ(model_json_path(got, "profile.anonymousIds")->count, 499);
    CHECK_TEXT(text_at(got, "profile.totalEvents"), "500");
    CHECK_TEXT(text_at(got, "profile.events.pageInfo.hasNextPage"), "true");
    event(NOON + 501, TEXT(""), TEXT("a499"), (struct text){0});  /* unlinked, so it is somebody of its own */
    event(NOON + 502, TEXT("u"), TEXT("a499"), (struct text){0}); /* no room for a merge */
    CHECK_EQ(model_totals(model).identity_limit, 2);
    CHECK_EQ(model_totals(model).merges, 0);
    CHECK_TEXT(text_at(answer(MODEL_TENANTS, &variables), "tenants.0.totalProfiles"), "2");
    done();
}

TEST(values_beyond_the_dictionary_are_other)
{
    struct model_where other = {.by = MODEL_COUNTRY, .equals = TEXT("(other)")};
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .from_ms = NOON, .to_ms = NOON + 1, .first = 10, .by = MODEL_COUNTRY};
    const struct model_json *got;

    given_an_empty_model();
    model_dictionary_values_max(model, 2);
    event(NOON, TEXT(""), TEXT("a"), TEXT("DE"));
    event(NOON, TEXT(""), TEXT("b"), TEXT(""));
    event(NOON, TEXT(""), TEXT("c"), TEXT("FR"));
    event(NOON, TEXT(""), TEXT("d"), TEXT("GB"));
    event(NOON, TEXT(""), TEXT("e"), TEXT("IT"));
    event(NOON, TEXT(""), TEXT("e"), TEXT("DE"));
    event(NOON + MS_PER_DAY, TEXT(""), TEXT("e"), TEXT("GB"));
    got = answer(MODEL_BREAKDOWN, &variables);
    CHECK_TEXT(
        text_at(got, "breakdown"),
        "[{\"key\":\"(other)\",\"value\":2},{\"key\":\"DE\",\"value\":2},{\"key\":\"(none)\",\"value\":1},"
        "{\"key\":\"FR\",\"value\":1}]");
    variables.where = &other;
    variables.where_count = 1;
    variables.metric = MODEL_METRIC_USERS;
    variables.interval = MODEL_DAY;
    variables.to_ms = NOON + MS_PER_DAY;
    CHECK_TEXT(text_at(answer(MODEL_TIME_SERIES, &variables), "timeSeries"),
               "[{\"time\":\"2026-06-01T00:00:00.000Z\",\"value\":2},{\"time\":\"2026-06-02T00:00:00.000Z\","
               "\"value\":0}]");
    variables.where_count = 0;
    variables.metric = MODEL_METRIC_EVENTS;
    variables.first = 1; /* not (other), which has as many: it is in the rest */
    CHECK_TEXT(text_at(answer(MODEL_TIME_SERIES_BY, &variables), "timeSeriesBy"),
               "[{\"key\":\"DE\",\"points\":[{\"time\":\"2026-06-01T00:00:00.000Z\",\"value\":2},"
               "{\"time\":\"2026-06-02T00:00:00.000Z\",\"value\":0}]},"
               "{\"key\":\"(other)\",\"points\":[{\"time\":\"2026-06-01T00:00:00.000Z\",\"value\":4},"
               "{\"time\":\"2026-06-02T00:00:00.000Z\",\"value\":1}]}]");
    done();
}

TEST(people_are_listed_once_each_where_they_stand)
{
    struct model_variables variables = {.tenant_id = TEXT("t"), .first = 2, .order = MODEL_TOTAL_EVENTS};
    const struct model_json *got;

    given_an_empty_model();
    event(NOON, TEXT("u"), TEXT(""), TEXT("DE"));
    event(NOON + 3 * MINUTE, TEXT(""), TEXT("a"), TEXT("FR"));
    event(NOON + 4 * MINUTE, TEXT(""), TEXT("b"), TEXT(""));
    event(NOON + 5 * MINUTE, TEXT(""), TEXT("b"), TEXT("DE"));
    event(NOON + 6 * MINUTE, TEXT("u"), TEXT("a"), TEXT("")); /* a is merged into u, who has three now */
    event(NOON + 1 * MINUTE, TEXT("v"), TEXT(""), TEXT(""));
    got = answer(MODEL_PROFILES, &variables);
    CHECK_TEXT(text_at(got, "profiles.nodes.0.userId"), "u");
    CHECK_TEXT(text_at(got, "profiles.nodes.0.totalEvents"), "3");
    CHECK_TEXT(text_at(got, "profiles.nodes.0.lastCountry"), "FR");
    CHECK_TEXT(text_at(got, "profiles.nodes.1.totalEvents"), "2");
    CHECK_TEXT(text_at(got, "profiles.totalCount"), "3");
    CHECK_TEXT(text_at(got, "profiles.pageInfo.hasNextPage"), "true");
    variables.identified = MODEL_NO;
    variables.has_from = true; /* exactly its last event's time */
    variables.from_ms = NOON + 5 * MINUTE;
    CHECK_TEXT(text_at(answer(MODEL_PROFILES, &variables), "profiles.totalCount"), "1");
    variables.has_to = true;
    variables.to_ms = NOON + 5 * MINUTE;
    CHECK_TEXT(text_at(answer(MODEL_PROFILES, &variables), "profiles.totalCount"), "0");
    done();
}

TEST(merged_people_count_once_and_their_sessions_join_as_they_were)
{
    struct model_variables variables = {.tenant_id = TEXT("t"),
                                        .user_id = TEXT("u"),
                                        .has_as_of = true,
                                        .as_of_ms = NOON,
                                        .from_ms = NOON,
                                        .to_ms = NOON + 60 * MINUTE,
                                        .first = 10};
    const struct model_json *got;

    given_an_empty_model();
    event(NOON, TEXT(""), TEXT("a"), TEXT("DE"));
    event(NOON + 20 * MINUTE, TEXT("u"), TEXT(""), TEXT("FR"));
    CHECK_TEXT(text_at(answer(MODEL_SUMMARY, &variables), "summary.users"), "2");
    event(NOON + 180 * MINUTE, TEXT("u"), TEXT("a"),
          TEXT("DE")); /* closes what it joins, but after the merge */
    got = answer(MODEL_PROFILE, &variables);
    CHECK_TEXT(text_at(got, "profile.sessions.nodes.1.revision"), "0");
    CHECK_TEXT(text_at(got, "profile.sessions.nodes.1.open"), "false");
    CHECK_TEXT(text_at(got, "profile.sessions.nodes.1.durationSec"), "1200");
    CHECK_EQ(model_json_path(got, "profile.mergedIds")->count, 1);
    CHECK_TEXT(text_at(answer(MODEL_SUMMARY, &variables), "summary"),
               "{\"users\":1,\"sessions\":1,\"events\":2,\"avgDurationSec\":1200,\"eventsPerSession\":2}");
    variables.id = text_at(got, "profile.mergedIds.0");
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.userId"), "u");
    variables.skip = 1;
    variables.end_cursor = TEXT("x");
    CHECK_TEXT(text_at(answer(MODEL_EVENTS, &variables), "events.pageInfo"),
               "{\"hasNextPage\":false,\"hasPreviousPage\":true,\"endCursor\":\"x\"}");
    CHECK_EQ(model_list_count(model, MODEL_EVENTS, &variables), 3);
    CHECK_EQ(model_list_count(model, MODEL_MERGES, &variables), 1);
    done();
}

TEST(settings_hold_from_their_record_on)
{
    struct model_variables all = {.tenant_id = TEXT("t"), .first = 10};

    given_an_empty_model();
    settings_are(0, 1000, MINUTE, MS_PER_DAY, RECEIVED_MS);
    event(NOON, TEXT(""), TEXT("a"), TEXT(""));
    event(NOON + MINUTE + 1, TEXT(""), TEXT("a"), TEXT(""));
    CHECK_EQ(model_watermark(model, TEXT("t")), NOON + MINUTE + 1);
    event(NOON + MINUTE + 1 - 1000, TEXT(""), TEXT("b"), TEXT(""));
    event(NOON + MINUTE - 1000, TEXT(""), TEXT("b"), TEXT(""));
    CHECK_EQ(model_totals(model).late, 1);
    CHECK_EQ(model_list_count(model, MODEL_SESSIONS, &all), 3);
    settings_are(0, 1000, 5 * MINUTE, MS_PER_DAY, RECEIVED_MS);
    event(NOON + 2 * MINUTE, TEXT(""), TEXT("a"), TEXT(""));
    CHECK_EQ(model_list_count(model, MODEL_SESSIONS, &all), 2);
    done();
}

static void
traits(int64_t time, const char *json)
{
    struct event_draft draft = {.event_time = {time}, .received_at = {time}};

    draft.text[EVENT_TENANT_ID] = TEXT("t");
    draft.text[EVENT_EVENT_ID] = text_of(json).bytes < 100 ? text_of(json) : TEXT("long");
    draft.text[EVENT_EVENT_TYPE] = TEXT("identify");
    draft.text[EVENT_ANONYMOUS_ID] = TEXT("a");
    draft.text[EVENT_TRAITS] = text_of(json);
    happened(&draft, RECEIVED_MS);
}

TEST(traits_are_bounded_and_in_byte_order)
{
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .anonymous_id = TEXT("a"), .has_as_of = true, .as_of_ms = NOON};
    static char many[40000];
    int at;

    given_an_empty_model();
    traits(NOON, " { \"z\" : [1, \"}\"] , \"\\u00e9\":\"\\\"\" , \"a\":1,\"a\" : 2.50, \"n\":3 }");
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.traits"),
               "{\"a\":2.50,\"n\":3,\"z\":[1, \"}\"],\"\xc3\xa9\":\"\\\"\"}");
    traits(NOON + 1, "{\"n\":null}");
    traits(NOON, "{\"n\":4,\"a\":5}"); /* of equal times the later */
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.traits"),
               "{\"a\":5,\"z\":[1, \"}\"],\"\xc3\xa9\":\"\\\"\"}");

    at = snprintf(many, sizeof(many), "{\"big\":\"");
    memset(many + at, 'x', 32700);
    at += 32700;
    (void)snprintf(many + at, sizeof(many) - (size_t)at, "\",\"bigger\":\"%050d\",\"c\":1}", 7);
    traits(NOON + 2, many);
    CHECK_EQ(model_totals(model).traits_ignored, 1);
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.traits.c"), "1");
    done();
}

static uint64_t
dice(uint64_t *state, uint64_t sides)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % sides;
}

/* The groups of a breakdown, the points of a series and the summary tell of the same things. */
TEST(totals_agree_with_their_parts)
{
    uint64_t state = 88172645463325252u;
    struct model_variables variables = {.tenant_id = TEXT("t"),
                                        .from_ms = NOON,
                                        .to_ms = NOON + 3 * MS_PER_DAY,
                                        .first = 1000,
                                        .interval = MODEL_HOUR};
    static const char *const countries[] = {"", "DE", "FR", "GB"};
    const struct model_json *summary;

    given_an_empty_model();
    for (uint32_t i = 0; i < 2000; i++) {
        int64_t time =
            NOON + (int64_t)i * 2 * MINUTE - (int64_t)dice(&state, 100) * (int64_t)dice(&state, 40) * MINUTE;
        char user[8] = "";
        char anonymous[8] = "";
        if (dice(&state, 4) == 0) {
            snprintf(user, sizeof(user), "u%u", (unsigned)dice(&state, 30));
        }
        if (dice(&state, 8) != 0 || user[0] == '\0') {
            snprintf(anonymous, sizeof(anonymous), "a%u", (unsigned)dice(&state, 200));
        }
        event(time, text_of(user), text_of(anonymous), text_of(countries[dice(&state, 4)]));
    }
    CHECK(model_totals(model).merges > 10);
    CHECK(model_totals(model).sessions_joined > 10);
    CHECK(model_totals(model).sessions_revised > 10);
    summary = model_json_path(answer(MODEL_SUMMARY, &variables), "summary");
    for (variables.metric = 0; variables.metric < MODEL_METRIC_COUNT; variables.metric++) {
        static const char *const fields[] = {"events", "users", "sessions"};
        double total = variables.metric < COUNT_OF(fields)
                           ? model_json_path(summary, fields[variables.metric])->number
                           : 0;
        double sum = 0;
        for (variables.by = 0; variables.by < MODEL_BY_COUNT; variables.by++) {
            const struct model_json *groups =
                model_json_path(answer(MODEL_BREAKDOWN, &variables), "breakdown");
            for (const struct model_json *group = groups->first;
                 group != NULL && variables.by == MODEL_COUNTRY; group = group->next) {
                sum += model_json_path(group, "value")->number;
            }
        }
        if (variables.metric == MODEL_METRIC_EVENTS || variables.metric == MODEL_METRIC_SESSIONS) {
            CHECK_EQ((int64_t)sum, (int64_t)total);
            const struct model_json *points =
                model_json_path(answer(MODEL_TIME_SERIES, &variables), "timeSeries");
            sum = 0;
            CHECK_EQ(points->count, 72);
            for (const struct model_json *point = points->first; point != NULL; point = point->next) {
                sum += model_json_path(point, "value")->number;
            }
            CHECK_EQ((int64_t)sum, (int64_t)total);
        }
    }
    for (uint32_t i = 0; i < 200; i++) {
        char name[8];
        snprintf(name, sizeof(name), "a%u", i);
        variables.anonymous_id = text_of(name);
        const struct model_json *got = model_json_path(answer(MODEL_PROFILE, &variables), "profile");
        if (got->kind != MODEL_JSON_NULL) {
            variables.id = text_at(got, "canonicalId");
            CHECK_EQ((int64_t)model_json_get(got, TEXT("totalEvents"))->number,
                     model_list_count(model, MODEL_EVENTS, &variables));
            CHECK_EQ((int64_t)model_json_get(got, TEXT("totalSessions"))->number,
                     model_list_count(model, MODEL_SESSIONS, &variables));
            variables.id = (struct text){0};
        }
    }
    done();
}

TEST(a_new_page_takes_the_place_of_the_least_with_the_greatest_name)
{
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .anonymous_id = TEXT("a"), .has_as_of = true, .as_of_ms = NOON};
    const struct model_json *got;

    given_an_empty_model();
    for (uint32_t i = 0; i < 66; i++) {
        char page[16];
        snprintf(page, sizeof(page), "/%02u", i % 65);
        struct event_draft draft = {.event_time = {NOON + i}, .received_at = {NOON + i}};
        draft.text[EVENT_TENANT_ID] = TEXT("t");
        draft.text[EVENT_EVENT_ID] = text_of(page);
        draft.text[EVENT_EVENT_TYPE] = TEXT("page_view");
        draft.text[EVENT_ANONYMOUS_ID] = TEXT("a");
        draft.text[EVENT_PAGE_URL] = text_of(page);
        happened(&draft, RECEIVED_MS);
    }
    /* /64 replaced /63 with 2, then /00 came again. */
    got = answer(MODEL_PROFILE, &variables);
    CHECK_EQ(model_json_path(got, "profile.topPages")->count, 64);
    CHECK_TEXT(text_at(got, "profile.topPages.0.key"), "/00");
    CHECK_TEXT(text_at(got, "profile.topPages.1.key"), "/64");
    CHECK_TEXT(text_at(got, "profile.topPages.1.count"), "2");
    CHECK_TEXT(text_at(got, "profile.topPages.63.key"), "/62");
    done();
}

TEST(final_sessions_stay_apart_when_people_merge)
{
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .user_id = TEXT("u"), .has_as_of = true, .as_of_ms = NOON};
    int64_t later = MS_PER_DAY + 30 * MINUTE + MINUTE;

    /* W must pass end + gap + horizon; one millisecond less and they join. */
    for (int64_t more = 0; more < 2; more++) {
        given_an_empty_model();
        event(NOON, TEXT(""), TEXT("a"), TEXT(""));
        event(NOON, TEXT("u"), TEXT(""), TEXT(""));
        event(NOON + later + more, TEXT(""), TEXT("clock"), TEXT(""));
        event(NOON + later, TEXT("u"), TEXT("a"), TEXT(""));
        CHECK_EQ(model_json_path(answer(MODEL_PROFILE, &variables), "profile.sessions.nodes")->count,
                 2 + more);
        CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.sessions.nodes.1.revision"),
                   more ? "0" : "1");
        done();
    }
}

TEST(an_alias_that_is_refused_is_counted)
{
    struct model_variables variables = {
        .tenant_id = TEXT("t"), .user_id = TEXT("v"), .has_as_of = true, .as_of_ms = NOON};
    struct event_draft draft = {.event_time = {NOON}, .received_at = {NOON}};

    given_an_empty_model();
    event(NOON, TEXT("u"), TEXT("a"), TEXT(""));
    draft.text[EVENT_TENANT_ID] = TEXT("t");
    draft.text[EVENT_EVENT_ID] = TEXT("alias");
    draft.text[EVENT_EVENT_TYPE] = TEXT("alias");
    draft.text[EVENT_USER_ID] = TEXT("v");
    draft.text[EVENT_PREVIOUS_ID] = TEXT("a");
    happened(&draft, RECEIVED_MS);
    CHECK_EQ(model_totals(model).alias_refused, 1);
    CHECK_TEXT(text_at(answer(MODEL_PROFILE, &variables), "profile.totalEvents"), "1");
    draft.text[EVENT_PREVIOUS_ID] = TEXT(" NULL ");
    happened(&draft, RECEIVED_MS);
    CHECK_EQ(model_totals(model).alias_refused, 1);
    done();
}

TEST(variables_are_sent_only_when_they_are_set)
{
    struct model_where where = {.by = MODEL_OS};
    struct model_variables variables = {.tenant_id = TEXT("t"),
                                        .from_ms = NOON,
                                        .to_ms = NOON,
                                        .first = 3,
                                        .where = &where,
                                        .where_count = 1};
    char *json = model_query_variables(MODEL_BREAKDOWN, &variables);

    CHECK_TEXT(
        json, "{\"tenantId\":\"t\",\"from\":\"2026-06-01T12:00:00.000Z\",\"to\":\"2026-06-01T12:00:00.000Z\","
              "\"metric\":\"EVENTS\",\"where\":[{\"by\":\"OS\",\"equals\":null}],\"by\":\"EVENT_TYPE\","
              "\"first\":3}");
    free(json);
    json = model_query_variables(MODEL_EVENTS, &variables);
    CHECK_TEXT(json, "{\"tenantId\":\"t\",\"first\":3}");
    free(json);
    for (enum model_shape shape = 0; shape < MODEL_SHAPE_COUNT; shape++) {
        CHECK(strlen(model_query(shape)) < 3000);
    }
}
