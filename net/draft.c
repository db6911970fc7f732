/* SPDX-License-Identifier: Apache-2.0 */

#include "net/draft.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/time_text.h"
#include "core/uuid.h"

void
draft_begin(struct draft *draft)
{
    /* Only what says that they are absent: all of it would be three times as much to write. */
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        draft->event.text[i].bytes = 0;
    }
    draft->event.received_at = draft->received_at;
    draft->event.event_time = (struct event_ms){.ms = draft->received_at.ms};
    draft->number_count = 0;
}

int
draft_reject(struct draft *draft, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(draft->reason, sizeof(draft->reason), format, arguments);
    va_end(arguments);
    return DRAFT_REJECT;
}

int
draft_open(struct draft *draft, const struct json_value *event, const struct json_value **out_members,
           uint32_t *out_count)
{
    if (event->kind != JSON_OBJECT) {
        return draft_reject(draft, "event: not an object");
    }
    if (event->raw.bytes > FIELD_EVENT_BYTES_MAX) {
        return draft_reject(draft, "event: longer than %u bytes", FIELD_EVENT_BYTES_MAX);
    }
    if (json_in_members(draft->json, event, out_members, out_count) != 0) {
        return draft_reject(draft, "event: %s", json_in_reason(draft->json));
    }
    return 0;
}

static bool
is_absent(const struct json_value *value)
{
    return value == NULL || value->kind == JSON_NULL ||
           (value->kind == JSON_STRING && value->text.bytes == 0);
}

static int
too_long(struct draft *draft, const char *name, uint32_t bytes_max)
{
    return draft_reject(draft, "%s: longer than %u bytes", name, bytes_max);
}

int
draft_identifier(struct draft *draft, enum event_text which, const char *name, const struct json_value *value,
                 uint32_t bytes_max)
{
    struct text text;

    if (is_absent(value)) {
        return 0;
    }
    text = value->text;
    if (value->kind == JSON_NUMBER) {
        REQUIRE(draft->number_count < DRAFT_NUMBER_COUNT_MAX);
        text = json_number_text(value->raw, draft->numbers[draft->number_count]);
        draft->number_count++;
        if (text.bytes == 0) {
            return draft_reject(draft, "%s: not a finite number", name);
        }
    } else if (value->kind != JSON_STRING) {
        return draft_reject(draft, "%s: neither a string nor a number", name);
    }
    if (text.bytes > bytes_max) {
        return too_long(draft, name, bytes_max);
    }
    draft->event.text[which] = text;
    return 0;
}

static int
not_a_string(struct draft *draft, const char *name)
{
    return draft_reject(draft, "%s: not a string", name);
}

int
draft_string(struct draft *draft, enum event_text which, const char *name, const struct json_value *value,
             uint32_t bytes_max)
{
    if (is_absent(value)) {
        return 0;
    }
    if (value->kind != JSON_STRING) {
        return not_a_string(draft, name);
    }
    if (value->text.bytes > bytes_max) {
        return too_long(draft, name, bytes_max);
    }
    draft->event.text[which] = value->text;
    return 0;
}

void
draft_set_label(struct draft *draft, enum event_text which, struct text text, uint32_t bytes_max)
{
    draft->event.text[which] = field_cut(text, bytes_max);
}

int
draft_label(struct draft *draft, enum event_text which, const char *name, const struct json_value *value,
            uint32_t bytes_max)
{
    if (is_absent(value)) {
        return 0;
    }
    if (value->kind != JSON_STRING) {
        return not_a_string(draft, name);
    }
    draft_set_label(draft, which, value->text, bytes_max);
    return 0;
}

void
draft_set_url(struct draft *draft, enum event_text which, struct text text)
{
    if (!draft->keep_query) {
        text = field_without_query(text);
    }
    draft->event.text[which] = field_cut(text, FIELD_URL_BYTES_MAX);
}

int
draft_url(struct draft *draft, enum event_text which, const char *name, const struct json_value *value)
{
    if (is_absent(value)) {
        return 0;
    }
    if (value->kind != JSON_STRING) {
        return not_a_string(draft, name);
    }
    draft_set_url(draft, which, value->text);
    return 0;
}

/* The parser's limit is of the whole body, the object's is its own. */
static bool
is_too_deep(struct text raw)
{
    uint32_t depth = 0;
    bool is_in_string = false;

    for (uint32_t i = 0; i < raw.bytes; i++) {
        char byte = raw.data[i];
        if (is_in_string) {
            i += byte == '\\';
            is_in_string = byte != '"';
        } else if (byte == '"') {
            is_in_string = true;
        } else if (byte == '{' || byte == '[') {
            depth++;
            if (depth > FIELD_DEPTH_MAX) {
                return true;
            }
        } else if (byte == '}' || byte == ']') {
            depth--;
        }
    }
    return false;
}

static int
set_object(struct draft *draft, enum event_text which, const char *name, const struct json_in *json,
           const struct json_value *value)
{
    if (json_in_levels_max(json, value) > FIELD_DEPTH_MAX && is_too_deep(value->raw)) {
        return draft_reject(draft, "%s: deeper than %u levels", name, FIELD_DEPTH_MAX);
    }
    draft->event.text[which] = value->raw;
    return 0;
}

int
draft_object(struct draft *draft, enum event_text which, const char *name, const struct json_value *value)
{
    if (is_absent(value)) {
        return 0;
    }
    if (value->kind != JSON_OBJECT) {
        return draft_reject(draft, "%s: not an object", name);
    }
    return set_object(draft, which, name, draft->json, value);
}

int
draft_object_or_string(struct draft *draft, enum event_text which, const char *name,
                       const struct json_value *value)
{
    struct json_value inner;

    if (is_absent(value) || value->kind != JSON_STRING) {
        return draft_object(draft, which, name, value);
    }
    if (json_in_open(draft->inner, value->text, &inner) != 0) {
        return draft_reject(draft, "%s: a string that is not JSON: %s", name, json_in_reason(draft->inner));
    }
    if (inner.kind != JSON_OBJECT) {
        return draft_reject(draft, "%s: a string that holds no object", name);
    }
    return set_object(draft, which, name, draft->inner, &inner);
}

bool
draft_time_of_text(struct text text, int64_t *out_ms)
{
    struct event_ms time;

    if (!time_text_parse(text, &time) || time.ms < FIELD_TIME_MS_FIRST) {
        return false;
    }
    *out_ms = time.ms;
    return true;
}

int
draft_time(struct draft *draft, const char *name, const struct json_value *value, int64_t *out_ms,
           bool *out_is_set)
{
    int64_t ms;
    bool is_time = false;

    *out_is_set = false;
    if (is_absent(value)) {
        return 0;
    }
    if (value->kind == JSON_STRING) {
        is_time = draft_time_of_text(value->text, &ms);
    } else if (value->kind == JSON_NUMBER) {
        is_time = json_number_int64(value->raw, &ms);
        if (is_time && ms < FIELD_TIME_MS_MIN) {
            return draft_reject(draft, "%s: not a time in milliseconds", name);
        }
    }
    if (!is_time) {
        return draft_reject(draft, "%s: not a time", name);
    }
    *out_ms = ms;
    *out_is_set = true;
    return 0;
}

int
draft_set_time(struct draft *draft, const char *name, int64_t ms)
{
    if (ms < FIELD_TIME_MS_FIRST) {
        return draft_reject(draft, "%s: before the year 0000", name);
    }
    draft->event.event_time.ms = ms < draft->received_at.ms ? ms : draft->received_at.ms;
    return 0;
}

static void
forget_if_blocked(struct draft *draft, enum event_text which)
{
    struct text *text = &draft->event.text[which];

    if (text->bytes > 0 && identifier_is_blocked(draft->blocked, *text)) {
        text->bytes = 0;
    }
}

static int
check_tenant(struct draft *draft)
{
    struct text *tenant_id = &draft->event.text[EVENT_TENANT_ID];

    if (tenant_id->bytes == 0) {
        *tenant_id = draft->tenant_id;
        return tenant_id->bytes > 0 ? 0 : draft_reject(draft, "tenant_id: missing");
    }
    if (!field_is_tenant(*tenant_id)) {
        return draft_reject(draft, "tenant_id: not 1 to 64 of A-Z a-z 0-9 . _ -");
    }
    if (draft->is_bound && !text_equal(*tenant_id, draft->tenant_id)) {
        return draft_reject(draft, "tenant_id: not this key's tenant");
    }
    return 0;
}

static void
make_event_id(struct draft *draft, uint32_t index)
{
    struct text key = draft->idempotency_key;
    uint64_t dice;
    uint32_t bytes;

    if (key.bytes > 0) {
        memcpy(draft->event_id, key.data, key.bytes);
        bytes = key.bytes;
        bytes += (uint32_t)snprintf(draft->event_id + bytes, sizeof(draft->event_id) - bytes, ":%u", index);
        ASSERT(bytes <= FIELD_EVENT_ID_BYTES_MAX);
    } else {
        dice = draft->random(draft->random_context);
        uuid_format(uuid_random(dice, draft->random(draft->random_context)), draft->event_id);
        bytes = UUID_TEXT_BYTES - 1;
    }
    draft->event.text[EVENT_EVENT_ID] = (struct text){.data = draft->event_id, .bytes = bytes};
}

int
draft_finish(struct draft *draft, uint32_t index, const char *identifier_names)
{
    const struct text *text = draft->event.text;
    int r = check_tenant(draft);

    if (r != 0) {
        return r;
    }
    forget_if_blocked(draft, EVENT_ANONYMOUS_ID);
    forget_if_blocked(draft, EVENT_USER_ID);
    forget_if_blocked(draft, EVENT_PREVIOUS_ID);
    if (text[EVENT_ANONYMOUS_ID].bytes == 0 && text[EVENT_USER_ID].bytes == 0) {
        return draft_reject(draft, "%s: one is needed", identifier_names);
    }
    if (text[EVENT_EVENT_ID].bytes == 0) {
        make_event_id(draft, index);
    }
    /* With a batch's context, or a made ID. */
    if (record_event_bytes(&draft->event) == 0) {
        return draft_reject(draft, "event: longer than %u bytes", FIELD_EVENT_BYTES_MAX);
    }
    return 0;
}
