/* SPDX-License-Identifier: Apache-2.0 */

#include "net/segment_call.h"

/* A client's clock that is less wrong than this is right: drift, and the way of the request. */
#define SKEW_MS_MIN 5000

static const struct {
    struct text name;
    const char *event_type; /* NULL: of track, its `event` */
} types[] = {
    [SEGMENT_TYPE_OF_EVENT] = {{.bytes = 0}, NULL}, /* never looked up */
    [SEGMENT_TRACK] = {TEXT("track"), NULL},        [SEGMENT_IDENTIFY] = {TEXT("identify"), "identify"},
    [SEGMENT_PAGE] = {TEXT("page"), "page_view"},   [SEGMENT_SCREEN] = {TEXT("screen"), "screen_view"},
    [SEGMENT_GROUP] = {TEXT("group"), "group"},     [SEGMENT_ALIAS] = {TEXT("alias"), "alias"},
};

/* Members of a call that mean something to us. */
enum slot {
    SLOT_TYPE,
    SLOT_EVENT,
    SLOT_MESSAGE_ID,
    SLOT_USER_ID,
    SLOT_ANONYMOUS_ID,
    SLOT_PREVIOUS_ID,
    SLOT_GROUP_ID,
    SLOT_ORIGINAL_TIMESTAMP,
    SLOT_TIMESTAMP,
    SLOT_SENT_AT,
    SLOT_CONTEXT,
    SLOT_PROPERTIES,
    SLOT_TRAITS,
    SLOT_COUNT,
};

static const struct text slot_names[SLOT_COUNT] = {
    [SLOT_TYPE] = TEXT("type"),
    [SLOT_EVENT] = TEXT("event"),
    [SLOT_MESSAGE_ID] = TEXT("messageId"),
    [SLOT_USER_ID] = TEXT("userId"),
    [SLOT_ANONYMOUS_ID] = TEXT("anonymousId"),
    [SLOT_PREVIOUS_ID] = TEXT("previousId"),
    [SLOT_GROUP_ID] = TEXT("groupId"),
    [SLOT_ORIGINAL_TIMESTAMP] = TEXT("originalTimestamp"),
    [SLOT_TIMESTAMP] = TEXT("timestamp"),
    [SLOT_SENT_AT] = TEXT("sentAt"),
    [SLOT_CONTEXT] = TEXT("context"),
    [SLOT_PROPERTIES] = TEXT("properties"),
    [SLOT_TRAITS] = TEXT("traits"),
};

/* A string that is looked for among the members of an object. */
struct wanted {
    struct text name;
    struct text *to;
};

/* What the look-ups in `properties` find. */
struct segment_properties {
    struct text path;
    struct text url;
    struct text referrer;
    struct text feature_name;
    struct text feature;
    struct text element_id;
};

/* Members that are no strings, and objects that are none, are as if they were not there. */
static void
look_in(struct draft *draft, const struct json_value *object, const struct wanted *wanted,
        uint32_t wanted_count)
{
    const struct json_value *members;
    uint32_t count;

    if (json_in_members(draft->json, object, &members, &count) != 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (members[i].kind != JSON_STRING) {
            continue;
        }
        /* Linear: at most six names, and most differ in length. */
        for (uint32_t k = 0; k < wanted_count; k++) {
            if (text_equal(members[i].key, wanted[k].name)) {
                *wanted[k].to = members[i].text;
            }
        }
    }
}

#define LOOK_IN(draft, object, ...) \
    look_in((draft), (object), (const struct wanted[]){__VA_ARGS__}, \
            (uint32_t)(sizeof((const struct wanted[]){__VA_ARGS__}) / sizeof(struct wanted)))

/* Members of a context, by name. */
static void
read_context(struct draft *draft, const struct json_value *members, uint32_t count,
             struct segment_context *context)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct json_value *member = &members[i];
        struct text key = member->key;

        if (text_equal(key, TEXT("page"))) {
            LOOK_IN(draft, member, {TEXT("path"), &context->page_path}, {TEXT("url"), &context->page_url},
                    {TEXT("referrer"), &context->page_referrer});
        } else if (text_equal(key, TEXT("device"))) {
            LOOK_IN(draft, member, {TEXT("type"), &context->device_type});
        } else if (text_equal(key, TEXT("browser"))) {
            LOOK_IN(draft, member, {TEXT("name"), &context->browser});
        } else if (text_equal(key, TEXT("os"))) {
            LOOK_IN(draft, member, {TEXT("name"), &context->os});
        } else if (text_equal(key, TEXT("location"))) {
            LOOK_IN(draft, member, {TEXT("country"), &context->country});
        } else if (text_equal(key, TEXT("ip")) && member->kind == JSON_STRING) {
            context->ip = member->text;
        } else if (text_equal(key, TEXT("userAgent")) && member->kind == JSON_STRING) {
            context->user_agent = member->text;
        } else if (text_equal(key, TEXT("traits")) && member->kind == JSON_OBJECT) {
            context->traits = member->raw;
        }
    }
}

static bool
refuse_shape(struct draft *draft, const char *reason)
{
    draft_reject(draft, "%s", reason);
    return false;
}

static bool
open_context(struct draft *draft, struct segment_envelope *envelope, const struct json_value *context)
{
    const struct json_value *members;
    uint32_t count;

    if (context->kind == JSON_NULL) {
        return true;
    }
    if (context->kind != JSON_OBJECT) {
        return refuse_shape(draft, "context: not an object");
    }
    if (json_in_members(draft->json, context, &members, &count) != 0 || count > SEGMENT_CONTEXT_MEMBERS_MAX) {
        return refuse_shape(draft, "context: more than 256 members");
    }
    envelope->context_members = members;
    envelope->context_member_count = count;
    envelope->context.raw = context->raw;
    read_context(draft, members, count, &envelope->context);
    return true;
}

bool
segment_open_batch(struct draft *draft, struct segment_envelope *envelope, const struct json_value *body,
                   struct json_cursor *out_events)
{
    const struct json_value *members;
    const struct json_value *batch = NULL;
    const struct json_value *context = NULL;
    uint32_t count;

    if (json_in_members(draft->json, body, &members, &count) != 0) {
        return refuse_shape(draft, "body: not an object");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(members[i].key, TEXT("batch"))) {
            batch = &members[i];
        } else if (text_equal(members[i].key, TEXT("context"))) {
            context = &members[i];
        } else if (text_equal(members[i].key, TEXT("sentAt"))) {
            envelope->sent_at = members[i];
        } else if (text_equal(members[i].key, TEXT("writeKey"))) {
            envelope->write_key = members[i].text;
        }
    }
    if (context != NULL && !open_context(draft, envelope, context)) {
        return false;
    }
    if (batch == NULL || json_in_elements(draft->json, batch, out_events) != 0) {
        return refuse_shape(draft, "batch: not an array");
    }
    return true;
}

bool
segment_open_call(struct draft *draft, struct segment_envelope *envelope, const struct json_value *body)
{
    if (body->kind != JSON_OBJECT) {
        return refuse_shape(draft, "body: not an object");
    }
    LOOK_IN(draft, body, {TEXT("writeKey"), &envelope->write_key});
    return true;
}

/* Linear over names of about equal length, but a call has some ten members and most leave at the first byte. */
static inline enum slot
find_slot(struct text key)
{
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (key.bytes == slot_names[slot].bytes && key.data[0] == slot_names[slot].data[0] &&
            memcmp(key.data, slot_names[slot].data, key.bytes) == 0) {
            return (enum slot)slot;
        }
    }
    return SLOT_COUNT;
}

static int
read_type(struct draft *draft, enum segment_type of_route, const struct json_value *const *values,
          enum segment_type *out_type)
{
    const struct json_value *value = values[SLOT_TYPE];
    enum segment_type type = of_route;

    if (type == SEGMENT_TYPE_OF_EVENT) {
        if (value == NULL || value->kind == JSON_NULL) {
            return draft_reject(draft, "type: missing");
        }
        for (uint32_t i = SEGMENT_TRACK; i < COUNT_OF(types); i++) {
            if (value->kind == JSON_STRING && text_equal(value->text, types[i].name)) {
                type = (enum segment_type)i;
            }
        }
        if (type == SEGMENT_TYPE_OF_EVENT) {
            return draft_reject(draft, "type: unknown");
        }
    }
    *out_type = type;
    if (types[type].event_type != NULL) {
        draft->event.text[EVENT_EVENT_TYPE] = text_of(types[type].event_type);
        return 0;
    }
    return draft_string(draft, EVENT_EVENT_TYPE, "event", values[SLOT_EVENT], FIELD_EVENT_TYPE_BYTES_MAX);
}

/* When the client sent the request, by its own clock: the event says so, else the batch, else the header. */
static int
read_sent_at(struct draft *draft, const struct segment_envelope *envelope, const struct json_value *of_event,
             int64_t *out_ms, bool *out_is_set)
{
    int r = draft_time(draft, "sentAt", of_event, out_ms, out_is_set);

    if (r == 0 && !*out_is_set) {
        r = draft_time(draft, "sentAt", &envelope->sent_at, out_ms, out_is_set);
    }
    if (r != 0) {
        return r;
    }
    if (!*out_is_set) {
        *out_is_set =
            envelope->sent_at_header.bytes > 0 && draft_time_of_text(envelope->sent_at_header, out_ms);
    }
    if (*out_is_set && *out_ms > FIELD_TIME_MS_MAX) {
        return draft_reject(draft, "sentAt: not a time");
    }
    return 0;
}

static int
read_time(struct draft *draft, const struct segment_envelope *envelope,
          const struct json_value *const *values)
{
    int64_t ms = 0;
    int64_t sent_ms = 0;
    int64_t skew_ms;
    bool is_set;
    bool is_sent;
    int r = draft_time(draft, "originalTimestamp", values[SLOT_ORIGINAL_TIMESTAMP], &ms, &is_set);

    if (r == 0 && !is_set) {
        r = draft_time(draft, "timestamp", values[SLOT_TIMESTAMP], &ms, &is_set);
    }
    if (r != 0) {
        return r;
    }
    r = read_sent_at(draft, envelope, values[SLOT_SENT_AT], &sent_ms, &is_sent);
    if (r != 0 || !is_set) {
        return r;
    }
    if (is_sent) {
        skew_ms = draft->received_at.ms - sent_ms;
        if (skew_ms > SKEW_MS_MIN || skew_ms < -SKEW_MS_MIN) {
            ms = __builtin_add_overflow(ms, skew_ms, &ms) ? INT64_MAX : ms;
        }
    }
    return draft_set_time(draft, "timestamp, sentAt", ms);
}

static bool
has_key(const struct json_value *members, uint32_t count, struct text key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(members[i].key, key)) {
            return true;
        }
    }
    return false;
}

struct writer {
    char *to;
    uint32_t bytes;
    bool is_full;
};

static void
put(struct writer *writer, const char *data, uint32_t bytes)
{
    if (bytes > FIELD_EVENT_BYTES_MAX - writer->bytes) {
        writer->is_full = true;
        return;
    }
    memcpy(writer->to + writer->bytes, data, bytes);
    writer->bytes += bytes;
}

/* The key was unescaped, so what may not stand in a string is escaped again. */
static void
put_key(struct writer *writer, struct text key)
{
    static const char digits[] = "0123456789abcdef";

    put(writer, ",\"", 2);
    for (uint32_t i = 0; i < key.bytes; i++) {
        uint8_t byte = (uint8_t)key.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
            put(writer, escape, sizeof(escape));
        } else {
            put(writer, key.data + i, 1);
        }
    }
    put(writer, "\":", 2);
}

/* The event's context with the members that only the batch's has. */
static int
join_contexts(struct draft *draft, const struct segment_envelope *envelope, struct text raw,
              const struct json_value *members, uint32_t count)
{
    struct writer writer = {.to = envelope->scratch};

    if (count == 0) {
        draft->event.text[EVENT_CONTEXT] = envelope->context.raw;
        return 0;
    }
    put(&writer, raw.data, raw.bytes - 1);
    for (uint32_t i = 0; i < envelope->context_member_count && !writer.is_full; i++) {
        const struct json_value *member = &envelope->context_members[i];
        if (!has_key(members, count, member->key)) {
            put_key(&writer, member->key);
            put(&writer, member->raw.data, member->raw.bytes);
        }
    }
    put(&writer, "}", 1);
    if (writer.is_full) {
        return draft_reject(draft, "event: longer than %u bytes", FIELD_EVENT_BYTES_MAX);
    }
    draft->event.text[EVENT_CONTEXT] = (struct text){.data = writer.to, .bytes = writer.bytes};
    return 0;
}

static int
read_contexts(struct draft *draft, const struct segment_envelope *envelope, const struct json_value *value,
              struct segment_context *context)
{
    const struct json_value *members;
    uint32_t count;
    int r = draft_object(draft, EVENT_CONTEXT, "context", value);

    if (r != 0) {
        return r;
    }
    if (draft->event.text[EVENT_CONTEXT].bytes == 0) {
        draft->event.text[EVENT_CONTEXT] = envelope->context.raw;
        return 0;
    }
    if (json_in_members(draft->json, value, &members, &count) != 0) {
        return draft_reject(draft, "context: %s", json_in_reason(draft->json));
    }
    read_context(draft, members, count, context);
    if (envelope->context_member_count == 0) {
        return 0;
    }
    return join_contexts(draft, envelope, value->raw, members, count);
}

/* The first that is there. */
static inline struct text
either(struct text first, struct text second)
{
    return first.bytes > 0 ? first : second;
}

static void
set_page(struct draft *draft, const struct segment_properties *properties,
         const struct segment_context *event, const struct segment_context *batch)
{
    struct text path = either(properties->path, either(event->page_path, batch->page_path));
    struct text url = either(properties->url, either(event->page_url, batch->page_url));
    struct text referrer = either(either(event->page_referrer, batch->page_referrer), properties->referrer);

    if (path.bytes == 0 && url.bytes > 0) {
        path = field_path(url);
    }
    draft_set_url(draft, EVENT_PAGE_URL, path);
    draft_set_url(draft, EVENT_REFERRER, referrer);
}

static void
set_device(struct draft *draft, const struct segment_envelope *envelope, const struct segment_context *event)
{
    const struct segment_context *batch = &envelope->context;
    struct text device_type = either(event->device_type, batch->device_type);
    struct text browser = either(event->browser, batch->browser);
    struct text os = either(event->os, batch->os);
    struct text line = either(either(event->user_agent, batch->user_agent), envelope->user_agent);

    if (line.bytes > 0 && (device_type.bytes == 0 || browser.bytes == 0 || os.bytes == 0)) {
        struct user_agent user_agent = user_agent_recall(envelope->user_agents, line);
        device_type = either(device_type, user_agent.device_type);
        browser = either(browser, user_agent.browser);
        os = either(os, user_agent.os);
    }
    draft_set_label(draft, EVENT_DEVICE_TYPE, device_type, FIELD_LABEL_BYTES_MAX);
    draft_set_label(draft, EVENT_BROWSER, browser, FIELD_LABEL_BYTES_MAX);
    draft_set_label(draft, EVENT_OS, os, FIELD_LABEL_BYTES_MAX);
}

/* Who says by context.ip where he is, 0.0.0.0 included, is not looked for elsewhere. */
static void
set_country(struct draft *draft, const struct segment_envelope *envelope, const struct segment_context *event)
{
    const struct segment_context *batch = &envelope->context;
    struct text country = either(event->country, batch->country);

    if (country.bytes == 0 && envelope->geoip != NULL) {
        country = geoip_country(envelope->geoip, either(either(event->ip, batch->ip), envelope->address));
    }
    draft_set_label(draft, EVENT_COUNTRY, country, FIELD_LABEL_BYTES_MAX);
}

/* Only an identify describes the person. What a group call says of the group is kept where nobody takes it for that. */
static int
read_traits(struct draft *draft, const struct segment_envelope *envelope, enum segment_type type,
            const struct json_value *const *values, const struct segment_context *context)
{
    int r;

    if (type == SEGMENT_GROUP && draft->event.text[EVENT_PROPERTIES].bytes == 0) {
        return draft_object(draft, EVENT_PROPERTIES, "traits", values[SLOT_TRAITS]);
    }
    if (type != SEGMENT_IDENTIFY) {
        return 0;
    }
    r = draft_object(draft, EVENT_TRAITS, "traits", values[SLOT_TRAITS]);
    if (r == 0 && draft->event.text[EVENT_TRAITS].bytes == 0) {
        draft->event.text[EVENT_TRAITS] = either(context->traits, envelope->context.traits);
    }
    return r;
}

static int
read_identifiers(struct draft *draft, const struct json_value *const *values)
{
    static const struct {
        enum event_text which;
        enum slot slot;
        uint32_t bytes_max;
    } identifiers[] = {
        {EVENT_EVENT_ID, SLOT_MESSAGE_ID, FIELD_EVENT_ID_BYTES_MAX},
        {EVENT_ANONYMOUS_ID, SLOT_ANONYMOUS_ID, FIELD_IDENTIFIER_BYTES_MAX},
        {EVENT_USER_ID, SLOT_USER_ID, FIELD_IDENTIFIER_BYTES_MAX},
        {EVENT_PREVIOUS_ID, SLOT_PREVIOUS_ID, FIELD_IDENTIFIER_BYTES_MAX},
        {EVENT_GROUP_ID, SLOT_GROUP_ID, FIELD_IDENTIFIER_BYTES_MAX},
    };

    for (uint32_t i = 0; i < COUNT_OF(identifiers); i++) {
        enum slot slot = identifiers[i].slot;
        int r = draft_identifier(draft, identifiers[i].which, slot_names[slot].data, values[slot],
                                 identifiers[i].bytes_max);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int
read_properties(struct draft *draft, const struct json_value *value, struct segment_properties *properties)
{
    int r = draft_object(draft, EVENT_PROPERTIES, "properties", value);

    if (r == 0 && draft->event.text[EVENT_PROPERTIES].bytes > 0) {
        LOOK_IN(draft, value, {TEXT("path"), &properties->path}, {TEXT("url"), &properties->url},
                {TEXT("referrer"), &properties->referrer}, {TEXT("feature_name"), &properties->feature_name},
                {TEXT("feature"), &properties->feature}, {TEXT("element_id"), &properties->element_id});
    }
    return r;
}

int
segment_read(struct draft *draft, const struct segment_envelope *envelope, const struct json_value *event,
             uint32_t index)
{
    const struct json_value *values[SLOT_COUNT + 1] = {NULL}; /* the last one is where the rest goes */
    struct segment_context context = {.raw = {.bytes = 0}};
    struct segment_properties properties = {.path = {.bytes = 0}};
    const struct json_value *members;
    enum segment_type type = SEGMENT_TYPE_OF_EVENT;
    uint32_t count;
    int r;

    draft_begin(draft);
    r = draft_open(draft, event, &members, &count);
    if (r != 0) {
        return r;
    }
    for (uint32_t i = 0; i < count; i++) {
        values[find_slot(members[i].key)] = &members[i];
    }

    r = read_type(draft, envelope->type, values, &type);
    if (r == 0) {
        r = read_identifiers(draft, values);
    }
    if (r == 0) {
        r = read_time(draft, envelope, values);
    }
    if (r == 0) {
        r = read_contexts(draft, envelope, values[SLOT_CONTEXT], &context);
    }
    if (r == 0) {
        r = read_properties(draft, values[SLOT_PROPERTIES], &properties);
    }
    if (r == 0) {
        r = read_traits(draft, envelope, type, values, &context);
    }
    if (r != 0) {
        return r;
    }
    set_page(draft, &properties, &context, &envelope->context);
    set_device(draft, envelope, &context);
    set_country(draft, envelope, &context);
    draft_set_label(draft, EVENT_FEATURE_NAME, either(properties.feature_name, properties.feature),
                    FIELD_NAME_BYTES_MAX);
    draft_set_label(draft, EVENT_ELEMENT_ID, properties.element_id, FIELD_NAME_BYTES_MAX);
    if (draft->event.text[EVENT_EVENT_TYPE].bytes == 0) {
        return draft_reject(draft, "event: missing");
    }
    return draft_finish(draft, index, "anonymousId, userId");
}
