/* SPDX-License-Identifier: Apache-2.0 */

#include "net/native.h"

enum rule {
    RULE_IDENTIFIER,
    RULE_STRING,
    RULE_LABEL,
    RULE_URL,
    RULE_OBJECT,
    RULE_OBJECT_OR_STRING,
};

/* A client's label looks like an identifier and some SDKs send it as a number, so it is taken as one. */
static const struct {
    const char *name;
    enum rule rule;
    uint32_t bytes_max;
} fields[EVENT_TEXT_COUNT] = {
    [EVENT_TENANT_ID] = {"tenant_id", RULE_STRING, UINT32_MAX}, /* draft_finish() knows better. */
    [EVENT_EVENT_ID] = {"event_id", RULE_IDENTIFIER, FIELD_EVENT_ID_BYTES_MAX},
    [EVENT_EVENT_TYPE] = {"event_type", RULE_STRING, FIELD_EVENT_TYPE_BYTES_MAX},
    [EVENT_ANONYMOUS_ID] = {"anonymous_id", RULE_IDENTIFIER, FIELD_IDENTIFIER_BYTES_MAX},
    [EVENT_USER_ID] = {"user_id", RULE_IDENTIFIER, FIELD_IDENTIFIER_BYTES_MAX},
    [EVENT_PREVIOUS_ID] = {"previous_id", RULE_IDENTIFIER, FIELD_IDENTIFIER_BYTES_MAX},
    [EVENT_GROUP_ID] = {"group_id", RULE_IDENTIFIER, FIELD_IDENTIFIER_BYTES_MAX},
    [EVENT_SESSION_ID] = {"session_id", RULE_IDENTIFIER, FIELD_SESSION_BYTES_MAX},
    [EVENT_PAGE_URL] = {"page_url", RULE_URL, 0},
    [EVENT_REFERRER] = {"referrer", RULE_URL, 0},
    [EVENT_ELEMENT_ID] = {"element_id", RULE_LABEL, FIELD_NAME_BYTES_MAX},
    [EVENT_FEATURE_NAME] = {"feature_name", RULE_LABEL, FIELD_NAME_BYTES_MAX},
    [EVENT_DEVICE_TYPE] = {"device_type", RULE_LABEL, FIELD_LABEL_BYTES_MAX},
    [EVENT_BROWSER] = {"browser", RULE_LABEL, FIELD_LABEL_BYTES_MAX},
    [EVENT_OS] = {"os", RULE_LABEL, FIELD_LABEL_BYTES_MAX},
    [EVENT_COUNTRY] = {"country", RULE_LABEL, FIELD_LABEL_BYTES_MAX},
    [EVENT_PROPERTIES] = {"properties", RULE_OBJECT_OR_STRING, 0},
    [EVENT_TRAITS] = {"traits", RULE_OBJECT, 0},
    [EVENT_CONTEXT] = {"context", RULE_OBJECT, 0},
};

/* Behind the texts. */
#define SLOT_EVENT_TIME EVENT_TEXT_COUNT
#define SLOT_COUNT (EVENT_TEXT_COUNT + 1)
#define SLOT_NONE UINT32_MAX
static_assert(SLOT_COUNT <= 32, "a bit for each");

#define IS(literal, slot) \
    if (memcmp(key.data, literal, sizeof(literal) - 1) == 0) { \
        return slot; \
    }

/* By length first: at most five comparisons of constant length are left, a load or two each. */
static inline uint32_t
find_slot(struct text key)
{
    switch (key.bytes) {
    case 2:
        IS("os", EVENT_OS)
        break;
    case 6:
        IS("traits", EVENT_TRAITS)
        break;
    case 7:
        IS("user_id", EVENT_USER_ID)
        IS("browser", EVENT_BROWSER)
        IS("country", EVENT_COUNTRY)
        IS("context", EVENT_CONTEXT)
        break;
    case 8:
        IS("event_id", EVENT_EVENT_ID)
        IS("page_url", EVENT_PAGE_URL)
        IS("referrer", EVENT_REFERRER)
        IS("group_id", EVENT_GROUP_ID)
        break;
    case 9:
        IS("tenant_id", EVENT_TENANT_ID)
        break;
    case 10:
        IS("event_type", EVENT_EVENT_TYPE)
        IS("event_time", SLOT_EVENT_TIME)
        IS("properties", EVENT_PROPERTIES)
        IS("session_id", EVENT_SESSION_ID)
        IS("element_id", EVENT_ELEMENT_ID)
        break;
    case 11:
        IS("device_type", EVENT_DEVICE_TYPE)
        IS("previous_id", EVENT_PREVIOUS_ID)
        break;
    case 12:
        IS("anonymous_id", EVENT_ANONYMOUS_ID)
        IS("feature_name", EVENT_FEATURE_NAME)
        break;
    default:
        break;
    }
    return SLOT_NONE;
}

static int
read_field(struct draft *draft, enum event_text which, const struct json_value *value)
{
    const char *name = fields[which].name;
    uint32_t bytes_max = fields[which].bytes_max;

    switch (fields[which].rule) {
    case RULE_IDENTIFIER:
        return draft_identifier(draft, which, name, value, bytes_max);
    case RULE_STRING:
        return draft_string(draft, which, name, value, bytes_max);
    case RULE_LABEL:
        return draft_label(draft, which, name, value, bytes_max);
    case RULE_URL:
        return draft_url(draft, which, name, value);
    case RULE_OBJECT:
        return draft_object(draft, which, name, value);
    case RULE_OBJECT_OR_STRING:
        return draft_object_or_string(draft, which, name, value);
    }
    return 0;
}

static int
read_time(struct draft *draft, const struct json_value *value)
{
    int64_t ms;
    bool is_set;
    int r = draft_time(draft, "event_time", value, &ms, &is_set);

    return r == 0 && is_set ? draft_set_time(draft, "event_time", ms) : r;
}

int
native_read(struct draft *draft, const struct json_value *event, uint32_t index)
{
    const struct json_value *values[SLOT_COUNT];
    const struct json_value *members;
    uint32_t seen = 0; /* a bit for each slot: most have no value */
    uint32_t member_count;
    int r;

    draft_begin(draft);
    r = draft_open(draft, event, &members, &member_count);
    if (r != 0) {
        return r;
    }
    for (uint32_t i = 0; i < member_count; i++) {
        uint32_t slot = find_slot(members[i].key);
        if (slot != SLOT_NONE) {
            values[slot] = &members[i];
            seen |= UINT32_C(1) << slot;
        }
    }

    for (uint32_t left = seen & ~(UINT32_C(1) << SLOT_EVENT_TIME); left != 0; left &= left - 1) {
        uint32_t which = (uint32_t)__builtin_ctz(left);

        /* Most are plain text, which no rule changes. Where there are others, bytes_max is 0. */
        if (LIKELY(values[which]->kind == JSON_STRING &&
                   values[which]->text.bytes - 1 < fields[which].bytes_max)) {
            draft->event.text[which] = values[which]->text;
            continue;
        }
        r = read_field(draft, (enum event_text)which, values[which]);
        if (r != 0) {
            return r;
        }
    }
    if ((seen >> SLOT_EVENT_TIME & 1) != 0) {
        r = read_time(draft, values[SLOT_EVENT_TIME]);
        if (r != 0) {
            return r;
        }
    }
    if (draft->event.text[EVENT_EVENT_TYPE].bytes == 0) {
        return draft_reject(draft, "event_type: missing");
    }
    return draft_finish(draft, index, "anonymous_id, user_id");
}
