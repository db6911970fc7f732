/* SPDX-License-Identifier: Apache-2.0 */

#include "net/normaliser.h"

#include <errno.h>
#include <stdlib.h>

#include "core/json_split.h"
#include "net/native.h"

#define NORMALISER_MAGIC 0x6d726f6eu
/* A batch without its events: what is in there counts as a part of each of them. */
#define FRAME_BYTES_MAX FIELD_EVENT_BYTES_MAX

enum shape {
    SHAPE_NOTHING, /* begun badly, or at its end */
    SHAPE_LINES,
    SHAPE_ARRAY,
    SHAPE_SPLIT, /* an array with elements that are no JSON */
    SHAPE_ONE,
};

struct normaliser {
    uint32_t magic;
    enum shape shape;
    bool is_native;
    bool has_line;    /* `value` is the first line already, or `first_r` says why not */
    bool is_any_json; /* of the lines, or split elements, so far */
    int first_r;
    const char *whole_reason; /* why the whole, whose elements are taken one by one, is not JSON */
    struct text split;        /* what is left of it */
    uint32_t index_next;
    uint32_t index;
    struct json_value value;
    struct json_cursor cursor;
    struct draft draft;
    struct segment_envelope envelope;
    struct identifier_blocked blocked;
    struct user_agent_cache user_agents;
    struct json_in *frame; /* reads `frame_text` */
    char frame_text[FRAME_BYTES_MAX + JSON_IN_PADDING];
    char scratch[FIELD_EVENT_BYTES_MAX];
};

int
normaliser_create(const struct text *blocked, uint32_t blocked_count, bool keep_query, uint32_t bytes_max,
                  struct normaliser **out_normaliser)
{
    struct normaliser *normaliser = calloc(1, sizeof(*normaliser));
    int r;

    if (normaliser == NULL) {
        return fault_new(-ENOMEM);
    }
    normaliser->magic = NORMALISER_MAGIC;
    if (!identifier_blocked_init(&normaliser->blocked, blocked, blocked_count)) {
        r = fault_new(-E2BIG);
        goto fail;
    }
    r = json_in_create(bytes_max, &normaliser->draft.json);
    if (r != 0) {
        goto fail;
    }
    r = json_in_create(FIELD_EVENT_BYTES_MAX, &normaliser->draft.inner);
    if (r != 0) {
        goto fail;
    }
    r = json_in_create(FRAME_BYTES_MAX, &normaliser->frame);
    if (r != 0) {
        goto fail;
    }
    normaliser->draft.blocked = &normaliser->blocked;
    normaliser->draft.keep_query = keep_query;
    *out_normaliser = normaliser;
    return 0;

fail:
    normaliser_destroy(normaliser);
    return fault_up(r);
}

void
normaliser_destroy(struct normaliser *normaliser)
{
    if (normaliser == NULL) {
        return;
    }
    REQUIRE(normaliser->magic == NORMALISER_MAGIC);
    json_in_destroy(normaliser->draft.json);
    json_in_destroy(normaliser->draft.inner);
    json_in_destroy(normaliser->frame);
    normaliser->magic = 0;
    free(normaliser);
}

static int
refuse_json(struct normaliser *normaliser)
{
    draft_reject(&normaliser->draft, "body: not JSON: %s", json_in_reason(normaliser->draft.json));
    return NORMALISER_NOT_JSON;
}

static char
first_byte(struct text body)
{
    struct text trimmed = field_trim(body);

    return trimmed.bytes > 0 ? trimmed.data[0] : '\0';
}

/* Looks at the first line, which the first normaliser_next() finds in `value` and `first_r`. */
static void
open_lines(struct normaliser *normaliser, struct text body)
{
    json_in_open_lines(normaliser->draft.json, body);
    normaliser->first_r = json_in_next_line(normaliser->draft.json, &normaliser->value);
    normaliser->has_line = true;
    normaliser->shape = SHAPE_LINES;
}

/* The elements of an array that is not JSON as a whole are taken one by one. False: it has no end, or more behind it. */
static bool
open_split(struct normaliser *normaliser, struct text array, const char *reason)
{
    if (!json_split_array(array, &normaliser->split)) {
        return false;
    }
    normaliser->whole_reason = reason;
    normaliser->shape = SHAPE_SPLIT;
    return true;
}

/*
 * Begins with '[': as a whole; when that is not JSON, lines if the first one is, else its elements as far as they are.
 */
static int
open_array(struct normaliser *normaliser, struct text body)
{
    struct json_in *json = normaliser->draft.json;
    const char *reason;
    int r = json_in_open(json, body, &normaliser->value);

    if (r == 0) {
        r = json_in_elements(json, &normaliser->value, &normaliser->cursor);
        ASSERT(r == 0);
        normaliser->shape = SHAPE_ARRAY;
        return 0;
    }
    reason = json_in_reason(json);
    refuse_json(normaliser);
    open_lines(normaliser, body);
    if (normaliser->first_r == 0) {
        return 0;
    }
    normaliser->has_line = false;
    normaliser->shape = SHAPE_NOTHING;
    return open_split(normaliser, body, reason) ? 0
                                                : NORMALISER_NOT_JSON; /* for the reason that the whole has */
}

static int
open_native(struct normaliser *normaliser, struct text body)
{
    char first = first_byte(body);

    if (first == '\0') {
        draft_reject(&normaliser->draft, "body: empty");
        return NORMALISER_NOT_JSON;
    }
    if (first == '[') {
        return open_array(normaliser, body);
    }
    open_lines(normaliser, body);
    if (normaliser->first_r == 0 || first != '{') {
        return 0;
    }
    if (json_in_open(normaliser->draft.json, body, &normaliser->value) == 0) {
        normaliser->shape = SHAPE_ONE;
        return 0;
    }
    open_lines(normaliser, body);
    return 0;
}

/* A batch that is not JSON as a whole: it is read without its events, and those one by one. 0 or an answer. */
static int
open_split_batch(struct normaliser *normaliser, struct text body)
{
    static const char nothing[] = "[]";
    struct draft *draft = &normaliser->draft;
    const char *reason = json_in_reason(draft->json);
    struct json_in *json = draft->json;
    char *frame = normaliser->frame_text;
    struct text batch;
    uint32_t before;
    uint32_t behind;
    bool is_good;

    if (!json_split_member(body, TEXT("batch"), &batch) || !open_split(normaliser, batch, reason)) {
        return refuse_json(normaliser);
    }
    before = (uint32_t)(batch.data - body.data);
    behind = body.bytes - before - batch.bytes;
    if (before + sizeof(nothing) - 1 + behind > FRAME_BYTES_MAX) {
        return refuse_json(normaliser);
    }
    memcpy(frame, body.data, before);
    memcpy(frame + before, nothing, sizeof(nothing) - 1);
    memcpy(frame + before + sizeof(nothing) - 1, batch.data + batch.bytes, behind);
    if (json_in_open(normaliser->frame,
                     (struct text){.data = frame, .bytes = before + (uint32_t)sizeof(nothing) - 1 + behind},
                     &normaliser->value) != 0) {
        return refuse_json(normaliser);
    }
    draft->json = normaliser->frame;
    is_good = segment_open_batch(draft, &normaliser->envelope, &normaliser->value, &normaliser->cursor);
    draft->json = json;
    return is_good ? 0 : NORMALISER_BAD_SHAPE;
}

static int
open_segment(struct normaliser *normaliser, enum normaliser_route route, struct text body)
{
    static const enum segment_type types[] = {
        [NORMALISER_BATCH] = SEGMENT_TYPE_OF_EVENT, [NORMALISER_TRACK] = SEGMENT_TRACK,
        [NORMALISER_IDENTIFY] = SEGMENT_IDENTIFY,   [NORMALISER_PAGE] = SEGMENT_PAGE,
        [NORMALISER_SCREEN] = SEGMENT_SCREEN,       [NORMALISER_GROUP] = SEGMENT_GROUP,
        [NORMALISER_ALIAS] = SEGMENT_ALIAS,
    };
    struct draft *draft = &normaliser->draft;
    struct segment_envelope *envelope = &normaliser->envelope;
    bool is_good;

    REQUIRE(route < COUNT_OF(types));
    envelope->type = types[route];
    if (json_in_open(draft->json, body, &normaliser->value) != 0) {
        int r = route == NORMALISER_BATCH ? open_split_batch(normaliser, body) : refuse_json(normaliser);

        normaliser->shape = r == 0 ? SHAPE_SPLIT : SHAPE_NOTHING;
        return r;
    }
    if (route == NORMALISER_BATCH) {
        is_good = segment_open_batch(draft, envelope, &normaliser->value, &normaliser->cursor);
        normaliser->shape = is_good ? SHAPE_ARRAY : SHAPE_NOTHING;
    } else {
        is_good = segment_open_call(draft, envelope, &normaliser->value);
        normaliser->shape = is_good ? SHAPE_ONE : SHAPE_NOTHING;
    }
    return is_good ? 0 : NORMALISER_BAD_SHAPE;
}

/* It becomes part of event IDs, which are text. */
static bool
is_idempotency_key(struct text key)
{
    for (uint32_t i = 0; i < key.bytes; i++) {
        if (key.data[i] < 0x20 || key.data[i] > 0x7e) {
            return false;
        }
    }
    return key.bytes <= DRAFT_IDEMPOTENCY_BYTES_MAX;
}

int
normaliser_begin(struct normaliser *normaliser, const struct normaliser_options *options)
{
    struct draft *draft = &normaliser->draft;
    struct text body = options->body;

    REQUIRE(normaliser->magic == NORMALISER_MAGIC);
    REQUIRE(options->random != NULL);

    normaliser->shape = SHAPE_NOTHING;
    normaliser->is_native = options->route == NORMALISER_EVENTS;
    normaliser->has_line = false;
    normaliser->is_any_json = false;
    normaliser->index_next = 0;
    normaliser->index = 0;
    normaliser->envelope = (struct segment_envelope){
        .user_agent = options->user_agent,
        .address = options->address,
        .geoip = options->geoip,
        .sent_at_header = options->sent_at,
        .user_agents = &normaliser->user_agents,
        .scratch = normaliser->scratch,
    };
    draft->tenant_id = (struct text){.bytes = 0};
    draft->is_bound = false;
    draft->idempotency_key = options->idempotency_key;
    draft->received_at = options->received_at;
    draft->random = options->random;
    draft->random_context = options->random_context;
    draft->reason[0] = '\0';

    if (!is_idempotency_key(options->idempotency_key)) {
        draft_reject(draft, "Idempotency-Key: not up to %u bytes of printable ASCII",
                     DRAFT_IDEMPOTENCY_BYTES_MAX);
        return NORMALISER_BAD_SHAPE;
    }
    if (body.bytes >= 3 && memcmp(body.data, "\xef\xbb\xbf", 3) == 0) {
        body = (struct text){.data = body.data + 3, .bytes = body.bytes - 3};
    }
    if (normaliser->is_native) {
        return open_native(normaliser, body);
    }
    return open_segment(normaliser, options->route, body);
}

struct text
normaliser_write_key(const struct normaliser *normaliser)
{
    return normaliser->envelope.write_key;
}

bool
normaliser_bind(struct normaliser *normaliser, struct text tenant_id, enum normaliser_binding binding)
{
    REQUIRE(normaliser->index_next == 0);

    if (!field_is_tenant(tenant_id)) {
        return false;
    }
    normaliser->draft.tenant_id = tenant_id;
    normaliser->draft.is_bound = binding == NORMALISER_IS_BOUND;
    return true;
}

/* 0 and `value`, NORMALISER_REJECT, NORMALISER_END, NORMALISER_NOT_JSON. */
static int
next_line(struct normaliser *normaliser)
{
    int r = normaliser->first_r;

    if (!normaliser->has_line) {
        r = json_in_next_line(normaliser->draft.json, &normaliser->value);
    }
    normaliser->has_line = false;

    if (r == JSON_IN_END) {
        normaliser->shape = SHAPE_NOTHING;
        /* The last line's reason is as good as any. */
        return normaliser->is_any_json ? NORMALISER_END : NORMALISER_NOT_JSON;
    }
    if (r != 0) {
        draft_reject(&normaliser->draft, "not JSON: %s", json_in_reason(normaliser->draft.json));
        return NORMALISER_REJECT;
    }
    normaliser->is_any_json = true;
    return 0;
}

/* As next_line(), of the elements. */
static int
next_split(struct normaliser *normaliser)
{
    struct draft *draft = &normaliser->draft;
    struct text element;

    if (!json_split_next(&normaliser->split, &element)) {
        normaliser->shape = SHAPE_NOTHING;
        draft_reject(draft, "body: not JSON: %s", normaliser->whole_reason);
        return normaliser->is_any_json ? NORMALISER_END : NORMALISER_NOT_JSON;
    }
    if (json_in_open(draft->json, element, &normaliser->value) != 0) {
        draft_reject(draft, "not JSON: %s", json_in_reason(draft->json));
        return NORMALISER_REJECT;
    }
    normaliser->is_any_json = true;
    return 0;
}

static int
next_value(struct normaliser *normaliser)
{
    switch (normaliser->shape) {
    case SHAPE_NOTHING:
        return NORMALISER_END;
    case SHAPE_LINES:
        return next_line(normaliser);
    case SHAPE_SPLIT:
        return next_split(normaliser);
    case SHAPE_ARRAY:
        if (json_in_next_element(normaliser->draft.json, &normaliser->cursor, &normaliser->value)) {
            return 0;
        }
        normaliser->shape = SHAPE_NOTHING;
        return NORMALISER_END;
    case SHAPE_ONE:
        normaliser->shape = SHAPE_NOTHING;
        return 0;
    }
    return NORMALISER_END;
}

static int
read_event(struct normaliser *normaliser)
{
    struct draft *draft = &normaliser->draft;

    if (normaliser->is_native) {
        return native_read(draft, &normaliser->value, normaliser->index);
    }
    return segment_read(draft, &normaliser->envelope, &normaliser->value, normaliser->index);
}

int
normaliser_next(struct normaliser *normaliser, const struct event_draft **out_draft)
{
    int r = next_value(normaliser);

    if (r == NORMALISER_END || r == NORMALISER_NOT_JSON) {
        return r;
    }
    normaliser->index = normaliser->index_next;
    normaliser->index_next++;
    if (r == 0) {
        r = read_event(normaliser);
    }
    if (r != 0) {
        return r;
    }
    *out_draft = &normaliser->draft.event;
    return 0;
}

uint32_t
normaliser_index(const struct normaliser *normaliser)
{
    return normaliser->index;
}

struct text
normaliser_reason(const struct normaliser *normaliser)
{
    return text_of(normaliser->draft.reason);
}
