/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The answers to the queries of model_query.c, field by field in the same order.
 */

#include "tests/sim/model_state.h"

#include <stdlib.h>

/* ---- small words ---- */

void
model_put_text(struct json_out *out, struct text key, struct text value)
{
    json_out_key(out, key);
    if (value.bytes > 0) {
        json_out_text(out, value);
    } else {
        json_out_null(out);
    }
}

void
model_put_int(struct json_out *out, struct text key, uint64_t value)
{
    json_out_key(out, key);
    json_out_int(out, (int64_t)value);
}

static void
put_double(struct json_out *out, struct text key, double value)
{
    json_out_key(out, key);
    json_out_double(out, value);
}

void
model_put_bool(struct json_out *out, struct text key, bool value)
{
    json_out_key(out, key);
    json_out_bool(out, value);
}

void
model_put_time(struct json_out *out, struct text key, int64_t value)
{
    json_out_key(out, key);
    json_out_time(out, value);
}

static void
put_uuid(struct json_out *out, struct text key, struct uuid value)
{
    json_out_key(out, key);
    json_out_uuid(out, value);
}

static void
put_counters(struct json_out *out, struct text key, struct model_counter *counters, uint32_t count)
{
    model_counters_sort(counters, count);
    json_out_key(out, key);
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(out);
        model_put_text(out, TEXT("key"), counters[i].name);
        model_put_int(out, TEXT("count"), counters[i].count);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

char *
model_finish(struct model *model, struct json_out *out)
{
    struct text text = json_out_finish(out);
    char *copy = malloc((size_t)text.bytes + 1);

    ASSERT(text.data != NULL && copy != NULL);
    memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = '\0';
    arena_reset(&model->scratch);
    return copy;
}

/* ---- nodes ---- */

static void
write_event(struct json_out *out, const struct model_tenant *tenant, const struct model_event *event)
{
    const struct event_record *record = event->record;
    struct text properties = event_text(record, EVENT_PROPERTIES);

    json_out_object_begin(out);
    model_put_text(out, TEXT("tenantId"), tenant->id);
    model_put_text(out, TEXT("eventId"), event_text(record, EVENT_EVENT_ID));
    model_put_text(out, TEXT("eventType"), event_text(record, EVENT_EVENT_TYPE));
    model_put_time(out, TEXT("eventTime"), event->time);
    model_put_time(out, TEXT("receivedAt"), record->received_at.ms);
    put_uuid(out, TEXT("canonicalId"), model_person_now(event->person)->id);
    model_put_text(out, TEXT("anonymousId"), event_text(record, EVENT_ANONYMOUS_ID));
    model_put_text(out, TEXT("userId"), event_text(record, EVENT_USER_ID));
    model_put_text(out, TEXT("clientSessionId"), event_text(record, EVENT_SESSION_ID));
    json_out_key(out, TEXT("session"));
    if (event->session != NULL) {
        json_out_object_begin(out);
        put_uuid(out, TEXT("sessionId"), event->session->id);
        model_put_int(out, TEXT("revision"), event->session->revision);
        json_out_object_end(out);
    } else {
        json_out_null(out);
    }
    model_put_text(out, TEXT("pageUrl"), event_text(record, EVENT_PAGE_URL));
    model_put_text(out, TEXT("referrer"), event_text(record, EVENT_REFERRER));
    model_put_text(out, TEXT("elementId"), event_text(record, EVENT_ELEMENT_ID));
    model_put_text(out, TEXT("featureName"), event_text(record, EVENT_FEATURE_NAME));
    model_put_text(out, TEXT("deviceType"), event_text(record, EVENT_DEVICE_TYPE));
    model_put_text(out, TEXT("browser"), event_text(record, EVENT_BROWSER));
    model_put_text(out, TEXT("os"), event_text(record, EVENT_OS));
    model_put_text(out, TEXT("country"), event_text(record, EVENT_COUNTRY));
    json_out_key(out, TEXT("properties"));
    json_out_raw(out, properties.bytes > 0 ? properties : TEXT("{}"));
    model_put_bool(out, TEXT("late"), event->is_late);
    json_out_object_end(out);
}

/* The value of a text in the latest (or first) event that has one; `events` is sorted by time. */
static struct text
text_at_end(const struct model_list *events, enum event_text which, bool is_last)
{
    for (uint32_t i = 0; i < events->count; i++) {
        const struct model_event *event = events->at[is_last ? events->count - 1 - i : i];
        if (event_has(event->record, which)) {
            return event_text(event->record, which);
        }
    }
    return (struct text){0};
}

static int
by_time(const void *a, const void *b)
{
    return model_event_order(*(const struct model_event *const *)a, *(const struct model_event *const *)b);
}

static struct model_list
sorted_events(struct model *model, const struct model_list *events)
{
    struct model_list sorted = {0};

    for (uint32_t i = 0; i < events->count; i++) {
        model_list_add(&model->scratch, &sorted, events->at[i]);
    }
    if (sorted.count > 1) {
        qsort(sorted.at, sorted.count, sizeof(*sorted.at), by_time);
    }
    return sorted;
}

static void
write_session(struct model *model, struct json_out *out, const struct model_tenant *tenant,
              const struct model_session *session)
{
    struct model_list events = sorted_events(model, &session->events);
    struct model_counter *types = model_take(&model->scratch, events.count * sizeof(*types));
    uint32_t type_count = 0;
    struct model_map by_type = {0};
    struct model_map pages = {0};

    json_out_object_begin(out);
    put_uuid(out, TEXT("sessionId"), session->id);
    model_put_int(out, TEXT("revision"), session->revision);
    model_put_text(out, TEXT("tenantId"), tenant->id);
    put_uuid(out, TEXT("canonicalId"), session->person->id);
    model_put_bool(out, TEXT("open"), !model_session_is_closed(model, tenant, session, tenant->watermark));
    model_put_time(out, TEXT("startTime"), session->start);
    model_put_time(out, TEXT("endTime"), session->end);
    put_double(out, TEXT("durationSec"), (double)(session->end - session->start) / 1000.0);
    model_put_int(out, TEXT("eventCount"), events.count);

    json_out_key(out, TEXT("pages"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < events.count; i++) {
        struct model_event *event = events.at[i];
        struct text page = event_text(event->record, EVENT_PAGE_URL);
        if (page.bytes > 0 && pages.count < MODEL_SESSION_PAGES_MAX && model_map_find(&pages, page) == NULL) {
            model_map_put(&model->scratch, &pages, page, event);
            json_out_text(out, page);
        }
    }
    json_out_array_end(out);
    model_put_text(out, TEXT("entryPage"), text_at_end(&events, EVENT_PAGE_URL, false));
    model_put_text(out, TEXT("exitPage"), text_at_end(&events, EVENT_PAGE_URL, true));

    for (uint32_t i = 0; i < events.count; i++) {
        const struct model_event *event = events.at[i];
        struct text type = event_text(event->record, EVENT_EVENT_TYPE);
        struct model_counter *counter = model_map_find(&by_type, type);
        if (counter == NULL) {
            counter = &types[type_count++];
            counter->name = type;
            model_map_put(&model->scratch, &by_type, type, counter);
        }
        counter->count++;
    }
    put_counters(out, TEXT("eventTypes"), types, type_count);
    model_put_text(out, TEXT("deviceType"), text_at_end(&events, EVENT_DEVICE_TYPE, true));
    model_put_text(out, TEXT("browser"), text_at_end(&events, EVENT_BROWSER, true));
    model_put_text(out, TEXT("os"), text_at_end(&events, EVENT_OS, true));
    model_put_text(out, TEXT("country"), text_at_end(&events, EVENT_COUNTRY, true));
    json_out_object_end(out);
}

static void
write_tenant(struct model *model, struct json_out *out, const struct model_tenant *tenant)
{
    uint64_t open_count = 0;

    for (uint32_t i = 0; i < tenant->sessions.count; i++) {
        const struct model_session *session = tenant->sessions.at[i];
        open_count +=
            !session->is_gone && !model_session_is_closed(model, tenant, session, tenant->watermark);
    }
    json_out_object_begin(out);
    model_put_text(out, TEXT("id"), tenant->id);
    model_put_int(out, TEXT("totalEvents"), tenant->events.count);
    model_put_int(out, TEXT("totalProfiles"), tenant->living_count);
    model_put_int(out, TEXT("activeSessions"), open_count);
    model_put_time(out, TEXT("watermark"), tenant->watermark);
    json_out_object_end(out);
}

/* ---- lists ---- */

static bool
passes_text(struct text wanted, const struct model_event *event, enum event_text which)
{
    return wanted.bytes == 0 || text_equal(wanted, event_text(event->record, which));
}

static bool
passes_range(const struct model_variables *variables, int64_t time)
{
    return (!variables->has_from || time >= variables->from_ms) &&
           (!variables->has_to || time < variables->to_ms);
}

static bool
passes_maybe(enum model_maybe wanted, bool is)
{
    return wanted == MODEL_ANY || (wanted == MODEL_YES) == is;
}

static bool
passes_person(const struct model_tenant *tenant, const struct model_variables *variables,
              struct model_person *person)
{
    struct model_person *wanted;

    if (variables->id.bytes == 0) {
        return true;
    }
    wanted = model_map_find(&tenant->canonicals, variables->id);
    return wanted != NULL && model_person_now(wanted) == model_person_now(person);
}

static int
by_time_desc(const void *a, const void *b)
{
    return by_time(b, a);
}

static int
by_start_desc(const void *a, const void *b)
{
    const struct model_session *left = *(const struct model_session *const *)a;
    const struct model_session *right = *(const struct model_session *const *)b;

    if (left->start != right->start) {
        return left->start > right->start ? -1 : 1;
    }
    return memcmp(right->id.byte, left->id.byte, sizeof(left->id.byte));
}

static void
sort(struct model_list *list, int (*order)(const void *a, const void *b))
{
    if (list->count > 1) {
        qsort(list->at, list->count, sizeof(*list->at), order);
    }
}

/* The whole list in its order, all pages of it. */
static struct model_list
full_list(struct model *model, enum model_shape shape, const struct model_variables *variables)
{
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);
    struct model_list list = {0};

    if (tenant == NULL) {
        return list;
    }
    if (shape == MODEL_MERGES) {
        for (uint32_t i = tenant->merges.count; i-- > 0;) {
            model_list_add(&model->scratch, &list, tenant->merges.at[i]);
        }
        return list;
    }
    if (shape == MODEL_SESSIONS) {
        for (uint32_t i = 0; i < tenant->sessions.count; i++) {
            struct model_session *session = tenant->sessions.at[i];
            if (!session->is_gone && passes_range(variables, session->start) &&
                passes_maybe(variables->open,
                             !model_session_is_closed(model, tenant, session, tenant->watermark)) &&
                passes_person(tenant, variables, session->person)) {
                model_list_add(&model->scratch, &list, session);
            }
        }
        sort(&list, by_start_desc);
        return list;
    }
    REQUIRE(shape == MODEL_EVENTS);
    for (uint32_t i = 0; i < tenant->events.count; i++) {
        struct model_event *event = tenant->events.at[i];
        if (passes_range(variables, event->time) && passes_maybe(variables->late, event->is_late) &&
            passes_text(variables->event_type, event, EVENT_EVENT_TYPE) &&
            passes_text(variables->device_type, event, EVENT_DEVICE_TYPE) &&
            passes_text(variables->country, event, EVENT_COUNTRY) &&
            passes_person(tenant, variables, event->person)) {
            model_list_add(&model->scratch, &list, event);
        }
    }
    sort(&list, by_time_desc);
    return list;
}

static void
write_node(struct model *model, struct json_out *out, enum model_shape shape,
           const struct model_tenant *tenant, void *node)
{
    const struct model_merge *merge = node;

    if (shape == MODEL_EVENTS) {
        write_event(out, tenant, node);
    } else if (shape == MODEL_SESSIONS) {
        write_session(model, out, tenant, node);
    } else {
        json_out_object_begin(out);
        model_put_text(out, TEXT("tenantId"), tenant->id);
        put_uuid(out, TEXT("loser"), merge->loser->id);
        put_uuid(out, TEXT("winner"), merge->winner->id);
        model_put_time(out, TEXT("eventTime"), merge->time);
        json_out_object_end(out);
    }
}

static void
write_page(struct model *model, struct json_out *out, enum model_shape shape,
           const struct model_variables *variables)
{
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);
    struct model_list list = full_list(model, shape, variables);
    uint32_t first = variables->skip < list.count ? variables->skip : list.count;
    uint32_t count = list.count - first < variables->first ? list.count - first : variables->first;

    json_out_object_begin(out);
    json_out_key(out, TEXT("nodes"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        write_node(model, out, shape, tenant, list.at[first + i]);
    }
    json_out_array_end(out);
    json_out_key(out, TEXT("pageInfo"));
    json_out_object_begin(out);
    model_put_bool(out, TEXT("hasNextPage"), first + count < list.count);
    model_put_bool(out, TEXT("hasPreviousPage"), first > 0);
    model_put_text(out, TEXT("endCursor"), count > 0 ? variables->end_cursor : (struct text){0});
    json_out_object_end(out);
    json_out_object_end(out);
}

uint32_t
model_list_count(struct model *model, enum model_shape shape, const struct model_variables *variables)
{
    uint32_t count = full_list(model, shape, variables).count;

    arena_reset(&model->scratch);
    return count;
}

struct text
model_list_event_id(struct model *model, const struct model_variables *variables, uint32_t index)
{
    struct model_list list = full_list(model, MODEL_EVENTS, variables);
    const struct model_event *event;

    REQUIRE(index < list.count);
    event = list.at[index];
    arena_reset(&model->scratch);
    return event_text(event->record, EVENT_EVENT_ID);
}

/* ---- the profile ---- */

static void
add_error(struct model_answer *answer, const char *code, const char *path)
{
    REQUIRE(answer->error_count < MODEL_ERROR_COUNT_MAX);
    answer->errors[answer->error_count].code = code;
    answer->errors[answer->error_count].path = path;
    answer->error_count++;
}

/* Events or sessions in the buckets up to that of `as_of`. */
static void
put_window(struct json_out *out, struct model_answer *answer, const struct model_list *events,
           const struct model_list *sessions, int64_t as_of, uint32_t which)
{
    static const struct {
        struct text key;
        const char *path;
        int64_t bucket;
        int64_t bucket_count;
        int64_t kept_count; /* before the newest event's */
        bool is_events;
    } windows[8] = {
        {{"events1d", 8}, "profile.events1d", MS_PER_HOUR, 24, 24, true},
        {{"events7d", 8}, "profile.events7d", MS_PER_DAY, 7, 90, true},
        {{"events30d", 9}, "profile.events30d", MS_PER_DAY, 30, 90, true},
        {{"events90d", 9}, "profile.events90d", MS_PER_DAY, 90, 90, true},
        {{"sessions1d", 10}, "profile.sessions1d", MS_PER_HOUR, 24, 24, false},
        {{"sessions7d", 10}, "profile.sessions7d", MS_PER_DAY, 7, 90, false},
        {{"sessions30d", 11}, "profile.sessions30d", MS_PER_DAY, 30, 90, false},
        {{"sessions90d", 11}, "profile.sessions90d", MS_PER_DAY, 90, 90, false},
    };
    const struct model_event *newest = events->at[events->count - 1];
    int64_t bucket = windows[which].bucket;
    int64_t last = floor_div(as_of, bucket);
    int64_t first = last - windows[which].bucket_count + 1;
    uint64_t count = 0;

    json_out_key(out, windows[which].key);
    if (first < floor_div(newest->time, bucket) - windows[which].kept_count) {
        json_out_null(out);
        add_error(answer, "AS_OF_TOO_EARLY", windows[which].path);
        return;
    }
    if (windows[which].is_events) {
        for (uint32_t i = 0; i < events->count; i++) {
            int64_t at = floor_div(((const struct model_event *)events->at[i])->time, bucket);
            count += at >= first && at <= last;
        }
    } else {
        for (uint32_t i = 0; i < sessions->count; i++) {
            int64_t at = floor_div(((const struct model_session *)sessions->at[i])->start, bucket);
            count += at >= first && at <= last;
        }
    }
    json_out_int(out, (int64_t)count);
}

static int
by_bytes(const void *a, const void *b)
{
    const struct model_identifier *left = *(const struct model_identifier *const *)a;
    const struct model_identifier *right = *(const struct model_identifier *const *)b;

    return text_compare(left->value, right->value);
}

static void
put_identifiers(struct model *model, struct json_out *out, struct text key, const struct model_person *person,
                enum model_kind kind)
{
    struct model_list list = {0};

    for (uint32_t i = 0; i < person->identifiers.count; i++) {
        struct model_identifier *identifier = person->identifiers.at[i];
        if (identifier->kind == kind) {
            model_list_add(&model->scratch, &list, identifier);
        }
    }
    sort(&list, by_bytes);
    json_out_key(out, key);
    json_out_array_begin(out);
    for (uint32_t i = 0; i < list.count; i++) {
        json_out_text(out, ((const struct model_identifier *)list.at[i])->value);
    }
    json_out_array_end(out);
}

static void
put_identity(struct model *model, struct json_out *out, const struct model_tenant *tenant,
             const struct model_person *person)
{
    model_put_text(out, TEXT("tenantId"), tenant->id);
    put_uuid(out, TEXT("canonicalId"), person->id);
    model_put_text(out, TEXT("userId"), person->owner != NULL ? person->owner->value : (struct text){0});
    put_identifiers(model, out, TEXT("userIds"), person, MODEL_USER);
    put_identifiers(model, out, TEXT("anonymousIds"), person, MODEL_ANON);
    json_out_key(out, TEXT("mergedIds"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < tenant->merges.count; i++) {
        const struct model_merge *merge = tenant->merges.at[i];
        if (model_person_now(merge->loser) == person) {
            json_out_uuid(out, merge->loser->id);
        }
    }
    json_out_array_end(out);
}

static void
put_sessions(struct model *model, struct json_out *out, const struct model_tenant *tenant,
             const struct model_list *sessions)
{
    const struct model_session *current = NULL;
    uint64_t closed_count = 0;
    int64_t closed_ms = 0;

    for (uint32_t i = 0; i < sessions->count; i++) {
        const struct model_session *session = sessions->at[i];
        if (model_session_is_closed(model, tenant, session, tenant->watermark)) {
            closed_count++;
            closed_ms += session->end - session->start;
        } else if (current == NULL || session->end > current->end ||
                   (session->end == current->end &&
                    memcmp(session->id.byte, current->id.byte, sizeof(session->id.byte)) > 0)) {
            current = session;
        }
    }
    put_double(out, TEXT("avgSessionDurationSec"),
               closed_count == 0 ? 0 : (double)closed_ms / 1000.0 / (double)closed_count);
    json_out_key(out, TEXT("currentSession"));
    if (current != NULL) {
        write_session(model, out, tenant, current);
    } else {
        json_out_null(out);
    }
}

static void
put_counts(struct json_out *out, struct model_person *person, const struct model_list *events)
{
    static const char *const types[5] = {"page_view", "click", "signup", "login", "feature_used"};
    static const char *const fields[5] = {"pageViews", "clicks", "signups", "logins", "featureUses"};
    struct model_counter counts[MODEL_COUNTERS_MAX + 1];
    uint32_t count = person->type_count;

    /* The order of the first names decides nothing any more, that of the copy does not matter. */
    memcpy(counts, person->types, sizeof(person->types));
    if (person->other_count > 0) {
        counts[count++] = (struct model_counter){.name = TEXT("other"), .count = person->other_count};
    }
    put_counters(out, TEXT("eventCounts"), counts, count);
    for (uint32_t i = 0; i < COUNT_OF(types); i++) {
        uint64_t exact = 0;
        for (uint32_t j = 0; j < events->count; j++) {
            const struct model_event *event = events->at[j];
            exact += text_equal(event_text(event->record, EVENT_EVENT_TYPE), text_of(types[i]));
        }
        model_put_int(out, text_of(fields[i]), exact);
    }
    memcpy(counts, person->pages, sizeof(person->pages));
    put_counters(out, TEXT("topPages"), counts, person->page_count);
    memcpy(counts, person->features, sizeof(person->features));
    put_counters(out, TEXT("topFeatures"), counts, person->feature_count);
}

static void
put_traits(struct json_out *out, const struct model_person *person)
{
    json_out_key(out, TEXT("traits"));
    json_out_object_begin(out);
    for (uint32_t i = 0; i < person->trait_count; i++) {
        if (!text_equal(person->traits[i].raw, TEXT("null"))) {
            json_out_key(out, person->traits[i].key);
            json_out_raw(out, person->traits[i].raw);
        }
    }
    json_out_object_end(out);
}

static void
put_profile_page_info(struct json_out *out, bool has_next)
{
    json_out_key(out, TEXT("pageInfo"));
    json_out_object_begin(out);
    model_put_bool(out, TEXT("hasNextPage"), has_next);
    model_put_bool(out, TEXT("hasPreviousPage"), false);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void
put_lists(struct model *model, struct json_out *out, const struct model_tenant *tenant,
          const struct model_list *events, struct model_list *sessions)
{
    sort(sessions, by_start_desc);
    json_out_key(out, TEXT("sessions"));
    json_out_object_begin(out);
    json_out_key(out, TEXT("nodes"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < sessions->count && i < MODEL_PROFILE_SESSIONS; i++) {
        write_session(model, out, tenant, sessions->at[i]);
    }
    json_out_array_end(out);
    put_profile_page_info(out, sessions->count > MODEL_PROFILE_SESSIONS);

    json_out_key(out, TEXT("events"));
    json_out_object_begin(out);
    json_out_key(out, TEXT("nodes"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < events->count && i < MODEL_PROFILE_EVENTS; i++) {
        write_event(out, tenant, events->at[events->count - 1 - i]);
    }
    json_out_array_end(out);
    put_profile_page_info(out, events->count > MODEL_PROFILE_EVENTS);
}

static void
write_profile(struct model *model, struct json_out *out, struct model_answer *answer,
              const struct model_variables *variables)
{
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);
    struct model_person *person = NULL;
    struct model_list events;
    struct model_list sessions = {0};
    int64_t as_of = variables->has_as_of ? variables->as_of_ms : variables->now_ms;

    if (tenant != NULL && variables->id.bytes > 0) {
        person = model_map_find(&tenant->canonicals, variables->id);
    } else if (tenant != NULL && variables->user_id.bytes > 0) {
        person = model_person_find(tenant, MODEL_USER, variables->user_id);
    } else if (tenant != NULL) {
        person = model_person_find(tenant, MODEL_ANON, variables->anonymous_id);
    }
    if (person == NULL) {
        json_out_null(out);
        return;
    }
    person = model_person_now(person);
    events = sorted_events(model, &person->events);
    for (uint32_t i = 0; i < person->sessions.count; i++) {
        model_list_add(&model->scratch, &sessions, person->sessions.at[i]);
    }

    json_out_object_begin(out);
    put_identity(model, out, tenant, person);
    model_put_time(out, TEXT("firstSeen"), ((const struct model_event *)events.at[0])->time);
    model_put_time(out, TEXT("lastSeen"), ((const struct model_event *)events.at[events.count - 1])->time);
    model_put_int(out, TEXT("totalEvents"), events.count);
    model_put_int(out, TEXT("totalSessions"), sessions.count);
    for (uint32_t i = 0; i < 8; i++) {
        put_window(out, answer, &events, &sessions, as_of, i);
    }
    put_sessions(model, out, tenant, &sessions);
    put_counts(out, person, &events);
    model_put_text(out, TEXT("lastPage"), text_at_end(&events, EVENT_PAGE_URL, true));
    model_put_text(out, TEXT("lastCountry"), text_at_end(&events, EVENT_COUNTRY, true));
    model_put_text(out, TEXT("lastDevice"), text_at_end(&events, EVENT_DEVICE_TYPE, true));
    model_put_text(out, TEXT("lastBrowser"), text_at_end(&events, EVENT_BROWSER, true));
    model_put_text(out, TEXT("lastOs"), text_at_end(&events, EVENT_OS, true));
    put_traits(out, person);
    put_lists(model, out, tenant, &events, &sessions);
    json_out_object_end(out);
}

/* ---- answers ---- */

static int
by_size(const void *a, const void *b)
{
    const struct model_tenant *left = *(const struct model_tenant *const *)a;
    const struct model_tenant *right = *(const struct model_tenant *const *)b;

    if (left->events.count != right->events.count) {
        return left->events.count > right->events.count ? -1 : 1;
    }
    return text_compare(left->id, right->id);
}

static void
write_tenants(struct model *model, struct json_out *out)
{
    struct model_list list = {0};

    for (uint32_t i = 0; i < model->tenant_list.count; i++) {
        model_list_add(&model->scratch, &list, model->tenant_list.at[i]);
    }
    sort(&list, by_size);
    json_out_array_begin(out);
    for (uint32_t i = 0; i < list.count; i++) {
        write_tenant(model, out, list.at[i]);
    }
    json_out_array_end(out);
}

/* False: the answer has no data. */
static bool
write_field(struct model *model, struct json_out *out, struct model_answer *answer, enum model_shape shape,
            const struct model_variables *variables)
{
    static const char *const names[MODEL_SHAPE_COUNT] = {
        "profile", "tenants", "tenant",    "events",     "sessions",     "merges",
        "event",   "summary", "breakdown", "timeSeries", "timeSeriesBy", "profiles"};
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);
    const struct model_event *event;

    json_out_key(out, text_of(names[shape]));
    switch (shape) {
    case MODEL_PROFILE:
        write_profile(model, out, answer, variables);
        return true;
    case MODEL_TENANTS:
        write_tenants(model, out);
        return true;
    case MODEL_TENANT:
        if (tenant != NULL) {
            write_tenant(model, out, tenant);
        } else {
            json_out_null(out);
        }
        return true;
    case MODEL_EVENTS:
    case MODEL_SESSIONS:
    case MODEL_MERGES:
        write_page(model, out, shape, variables);
        return true;
    case MODEL_EVENT:
        event = tenant != NULL ? model_map_find(&tenant->event_ids, variables->event_id) : NULL;
        if (event != NULL) {
            write_event(out, tenant, event);
        } else {
            json_out_null(out);
        }
        return true;
    case MODEL_SUMMARY:
        model_write_summary(model, out, variables);
        return true;
    case MODEL_BREAKDOWN:
        model_write_breakdown(model, out, variables);
        return true;
    case MODEL_TIME_SERIES:
        if (!model_write_time_series(model, out, variables)) {
            add_error(answer, NULL, "timeSeries");
            return false;
        }
        return true;
    case MODEL_TIME_SERIES_BY:
        if (!model_write_time_series_by(model, out, variables)) {
            add_error(answer, NULL, "timeSeriesBy");
            return false;
        }
        return true;
    case MODEL_PROFILES:
        model_write_profiles(model, out, variables);
        return true;
    case MODEL_SHAPE_COUNT:
        break;
    }
    base_die("REQUIRE", "a shape that exists", __FILE__, __LINE__);
}

struct model_answer
model_answer(struct model *model, enum model_shape shape, const struct model_variables *variables)
{
    struct model_answer answer = {0};
    struct json_out out;
    bool has_data;

    json_out_init(&out, &model->scratch);
    json_out_object_begin(&out);
    has_data = write_field(model, &out, &answer, shape, variables);
    json_out_object_end(&out);
    answer.data = model_finish(model, &out);
    if (!has_data) {
        free(answer.data);
        answer.data = strdup("null");
        ASSERT(answer.data != NULL);
    }
    return answer;
}

void
model_answer_free(struct model_answer *answer)
{
    free(answer->data);
    *answer = (struct model_answer){0};
}
