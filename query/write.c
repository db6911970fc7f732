/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write.h"

#include "query/rollup.h"
#include "query/window.h"
#include "shards/sort.h"

/*
 * One function for each object type, a switch over its fields. The fields of nested objects call each other:
 * as deep as the plan, which is limited.
 */

struct writer {
    struct execute *execute;
    struct json_out *out;
};

static void write_load(struct writer *writer, const struct load *load);
static void write_event(struct writer *writer, const struct load *load, uint32_t row,
                        const struct graphql_selection *fields);
static void write_session(struct writer *writer, const struct load *load, uint32_t row,
                          const struct graphql_selection *fields);

/* ---- small words ---- */

static void
put_text_or_null(struct json_out *out, struct text text)
{
    if (text.bytes > 0) {
        json_out_text(out, text);
    } else {
        json_out_null(out);
    }
}

static void
put_count(struct json_out *out, uint64_t count)
{
    json_out_int(out, (int64_t)count);
}

static void
put_typename(struct json_out *out, const struct graphql_selection *at)
{
    json_out_text(out, graphql_type_info(at->parent)->name);
}

static void
put_texts(struct json_out *out, const struct text *texts, uint32_t count)
{
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_text(out, texts[i]);
    }
    json_out_array_end(out);
}

static void
put_winner(struct json_out *out, const struct load *load, uint32_t person)
{
    const struct member *winner = load_winner(load, person);

    ASSERT(winner != NULL); /* the load has waited for it */
    json_out_uuid(out, winner->canonical);
}

/* [Count!]! */
static void
put_text_counts(struct json_out *out, const struct graphql_selection *selection,
                const struct text_count *counts, uint32_t count)
{
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = selection->children; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_COUNT_KEY:
                json_out_text(out, counts[i].key);
                break;
            case FIELD_COUNT_COUNT:
                put_count(out, counts[i].count);
                break;
            default:
                put_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

/* The field's own load, of this row. */
static void
write_child(struct writer *writer, const struct load *load, uint32_t row, const struct graphql_selection *at)
{
    const struct load_branch *branch = load_branch_find(load, at);

    ASSERT(branch != NULL);
    ASSERT(row < branch->count);
    write_load(writer, &branch->loads[row]);
}

/* ---- tenants and merges ---- */

static void
write_tenant(struct writer *writer, const struct load *load, uint32_t row)
{
    struct json_out *out = writer->out;
    const struct tenant_row *tenant = load->tenants[row];

    json_out_object_begin(out);
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_TENANT_ID:
            json_out_text(out, tenant->tenant_id);
            break;
        case FIELD_TENANT_TOTAL_EVENTS:
            put_count(out, tenant->total_events);
            break;
        case FIELD_TENANT_TOTAL_PROFILES:
            put_count(out, tenant->total_profiles);
            break;
        case FIELD_TENANT_ACTIVE_SESSIONS:
            put_count(out, load->open_sessions[row]);
            break;
        case FIELD_TENANT_WATERMARK:
            if (tenant->reading.watermark.ms == NO_WATERMARK.ms) {
                json_out_null(out);
            } else {
                json_out_time(out, tenant->reading.watermark.ms);
            }
            break;
        default:
            put_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_merge(struct writer *writer, const struct load *load, uint32_t row,
            const struct graphql_selection *fields)
{
    struct json_out *out = writer->out;
    const struct merge_row *merge = &load->merges[row];

    json_out_object_begin(out);
    for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_MERGE_TENANT_ID:
            json_out_text(out, load->tenant->tenant_id);
            break;
        case FIELD_MERGE_LOSER:
            json_out_uuid(out, merge->loser);
            break;
        case FIELD_MERGE_WINNER:
            json_out_uuid(out, merge->winner);
            break;
        case FIELD_MERGE_EVENT_TIME:
            json_out_time(out, merge->event_time.ms);
            break;
        default:
            put_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

/* ---- profile ---- */

static int
compare_texts(const void *a, const void *b)
{
    return text_compare(*(const struct text *)a, *(const struct text *)b);
}

/* They come in the order in which they were linked. */
static void
put_sorted(struct writer *writer, const struct text *texts, uint32_t count)
{
    struct text *sorted = arena_take(writer->execute->loads.arena, count * sizeof(*sorted));

    if (sorted == NULL) {
        writer->out->is_full = true;
        return;
    }
    if (count > 0) {
        memcpy(sorted, texts, count * sizeof(*sorted));
    }
    sort_items(sorted, count, sizeof(*sorted), compare_texts);
    put_texts(writer->out, sorted, count);
}

static void
put_merged_ids(struct json_out *out, const struct resolve_answer *person)
{
    json_out_array_begin(out);
    /* The winner comes last. */
    for (uint32_t i = 0; i + 1 < person->member_count; i++) {
        json_out_uuid(out, person->members[i].canonical);
    }
    json_out_array_end(out);
}

static void
put_traits(struct json_out *out, const struct profile_answer *profile)
{
    json_out_object_begin(out);
    for (uint32_t i = 0; i < profile->trait_count; i++) {
        json_out_key(out, profile->traits[i].key);
        json_out_raw(out, profile->traits[i].value);
    }
    json_out_object_end(out);
}

static void
put_window(struct writer *writer, const struct load *load, const struct graphql_selection *at,
           enum window window,
           int (*count_window)(const struct profile_answer *, enum window, struct event_ms, uint64_t *))
{
    struct graphql_path *path;
    uint64_t count;

    if (count_window(load->profile, window, load->as_of, &count) == 0) {
        put_count(writer->out, count);
        return;
    }
    json_out_null(writer->out);
    path = arena_take_zero(writer->execute->loads.arena, sizeof(*path));
    if (path == NULL) {
        writer->out->is_full = true;
        return;
    }
    *path = (struct graphql_path){.parent = execute_path(writer->execute, load), .key = at->response_key};
    graphql_error_add_at(&writer->execute->errors, at->place, path, LOAD_CODE_EARLY,
                         "The window begins before the buckets that are kept.");
}

static void
put_counts_first(struct json_out *out, const struct graphql_selection *at, enum graphql_argument argument,
                 const struct text_count *counts, uint32_t count)
{
    uint64_t first = (uint64_t)graphql_argument(at, argument)->integer;

    put_text_counts(out, at, counts, count < first ? count : (uint32_t)first);
}

/* What the sequencer knows. False: not one of those. */
static bool
write_identity_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    const struct resolve_answer *person = load->person->answer;
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_PROFILE_TENANT_ID:
        json_out_text(out, load->tenant->tenant_id);
        return true;
    case FIELD_PROFILE_CANONICAL_ID:
        json_out_uuid(out, person->winner.canonical);
        return true;
    case FIELD_PROFILE_USER_ID:
        if (person->has_owner) {
            json_out_text(out, person->owner);
        } else {
            json_out_null(out);
        }
        return true;
    case FIELD_PROFILE_USER_IDS:
        put_sorted(writer, person->user_ids, person->user_id_count);
        return true;
    case FIELD_PROFILE_ANONYMOUS_IDS:
        put_sorted(writer, person->anonymous_ids, person->anonymous_id_count);
        return true;
    case FIELD_PROFILE_MERGED_IDS:
        put_merged_ids(out, person);
        return true;
    default:
        return false;
    }
}

/* False: not one of those. */
static bool
write_window_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    switch ((int)at->field) {
    case FIELD_PROFILE_EVENTS_1D:
        put_window(writer, load, at, WINDOW_1D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_7D:
        put_window(writer, load, at, WINDOW_7D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_30D:
        put_window(writer, load, at, WINDOW_30D, window_events);
        return true;
    case FIELD_PROFILE_EVENTS_90D:
        put_window(writer, load, at, WINDOW_90D, window_events);
        return true;
    case FIELD_PROFILE_SESSIONS_1D:
        put_window(writer, load, at, WINDOW_1D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_7D:
        put_window(writer, load, at, WINDOW_7D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_30D:
        put_window(writer, load, at, WINDOW_30D, window_sessions);
        return true;
    case FIELD_PROFILE_SESSIONS_90D:
        put_window(writer, load, at, WINDOW_90D, window_sessions);
        return true;
    default:
        return false;
    }
}

static void
write_profile_field(struct writer *writer, const struct load *load, const struct graphql_selection *at)
{
    const struct profile_answer *profile = load->profile;
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_PROFILE_FIRST_SEEN:
        json_out_time(out, profile->first_seen.ms);
        break;
    case FIELD_PROFILE_LAST_SEEN:
        json_out_time(out, profile->last_seen.ms);
        break;
    case FIELD_PROFILE_TOTAL_EVENTS:
        put_count(out, profile->total_events);
        break;
    case FIELD_PROFILE_TOTAL_SESSIONS:
        put_count(out, profile->total_sessions);
        break;
    case FIELD_PROFILE_AVG_SESSION_DURATION_SEC:
        json_out_double(out, rollup_mean_seconds(profile->closed_duration_ms, profile->closed_sessions));
        break;
    case FIELD_PROFILE_EVENT_COUNTS:
        put_text_counts(out, at, profile->event_counts, profile->event_count_count);
        break;
    case FIELD_PROFILE_PAGE_VIEWS:
        put_count(out, profile->page_views);
        break;
    case FIELD_PROFILE_CLICKS:
        put_count(out, profile->clicks);
        break;
    case FIELD_PROFILE_SIGNUPS:
        put_count(out, profile->signups);
        break;
    case FIELD_PROFILE_LOGINS:
        put_count(out, profile->logins);
        break;
    case FIELD_PROFILE_FEATURE_USES:
        put_count(out, profile->feature_uses);
        break;
    case FIELD_PROFILE_TOP_PAGES:
        put_counts_first(out, at, ARGUMENT_PROFILE_TOP_PAGES_FIRST, profile->top_pages,
                         profile->top_page_count);
        break;
    case FIELD_PROFILE_TOP_FEATURES:
        put_counts_first(out, at, ARGUMENT_PROFILE_TOP_FEATURES_FIRST, profile->top_features,
                         profile->top_feature_count);
        break;
    case FIELD_PROFILE_LAST_PAGE:
        put_text_or_null(out, profile->last_page);
        break;
    case FIELD_PROFILE_LAST_COUNTRY:
        put_text_or_null(out, profile->last_country);
        break;
    case FIELD_PROFILE_LAST_DEVICE:
        put_text_or_null(out, profile->last_device);
        break;
    case FIELD_PROFILE_LAST_BROWSER:
        put_text_or_null(out, profile->last_browser);
        break;
    case FIELD_PROFILE_LAST_OS:
        put_text_or_null(out, profile->last_os);
        break;
    case FIELD_PROFILE_TRAITS:
        put_traits(out, profile);
        break;
    default:
        put_typename(out, at);
        break;
    }
}

static void
write_profile(struct writer *writer, const struct load *load)
{
    json_out_object_begin(writer->out);
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        json_out_key(writer->out, at->response_key);
        if (load_branch_find(load, at) != NULL) {
            write_child(writer, load, 0, at);
        } else if (!write_identity_field(writer, load, at) && !write_window_field(writer, load, at)) {
            write_profile_field(writer, load, at);
        }
    }
    json_out_object_end(writer->out);
}

/* ---- events ---- */

/* False: not a text of the record. */
static bool
write_event_text(struct json_out *out, const struct event_record *record, enum graphql_field field)
{
    static const struct {
        enum graphql_field field;
        enum event_text which;
    } texts[] = {
        {FIELD_EVENT_EVENT_ID, EVENT_EVENT_ID},
        {FIELD_EVENT_EVENT_TYPE, EVENT_EVENT_TYPE},
        {FIELD_EVENT_ANONYMOUS_ID, EVENT_ANONYMOUS_ID},
        {FIELD_EVENT_USER_ID, EVENT_USER_ID},
        {FIELD_EVENT_CLIENT_SESSION_ID, EVENT_SESSION_ID},
        {FIELD_EVENT_PAGE_URL, EVENT_PAGE_URL},
        {FIELD_EVENT_REFERRER, EVENT_REFERRER},
        {FIELD_EVENT_ELEMENT_ID, EVENT_ELEMENT_ID},
        {FIELD_EVENT_FEATURE_NAME, EVENT_FEATURE_NAME},
        {FIELD_EVENT_DEVICE_TYPE, EVENT_DEVICE_TYPE},
        {FIELD_EVENT_BROWSER, EVENT_BROWSER},
        {FIELD_EVENT_OS, EVENT_OS},
        {FIELD_EVENT_COUNTRY, EVENT_COUNTRY},
    };

    for (uint32_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].field == field) {
            put_text_or_null(out, event_text(record, texts[i].which));
            return true;
        }
    }
    return false;
}

static void
write_event_field(struct writer *writer, const struct load *load, uint32_t row,
                  const struct graphql_selection *at)
{
    const struct event_row *event = load->events[row];
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_EVENT_TENANT_ID:
        json_out_text(out, load->tenant->tenant_id);
        break;
    case FIELD_EVENT_EVENT_TIME:
        json_out_time(out, event->record->event_time.ms);
        break;
    case FIELD_EVENT_RECEIVED_AT:
        json_out_time(out, event->record->received_at.ms);
        break;
    case FIELD_EVENT_CANONICAL_ID:
        put_winner(out, load, event->person);
        break;
    case FIELD_EVENT_SESSION:
        write_child(writer, load, row, at);
        break;
    case FIELD_EVENT_PROPERTIES:
        json_out_raw(out, event_has(event->record, EVENT_PROPERTIES)
                              ? event_text(event->record, EVENT_PROPERTIES)
                              : TEXT("{}"));
        break;
    case FIELD_EVENT_LATE:
        json_out_bool(out, event->is_late);
        break;
    default:
        put_typename(out, at);
        break;
    }
}

static void
write_event(struct writer *writer, const struct load *load, uint32_t row,
            const struct graphql_selection *fields)
{
    json_out_object_begin(writer->out);
    for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
        json_out_key(writer->out, at->response_key);
        if (!write_event_text(writer->out, load->events[row]->record, at->field)) {
            write_event_field(writer, load, row, at);
        }
    }
    json_out_object_end(writer->out);
}

/* ---- sessions ---- */

static void
write_session_field(struct writer *writer, const struct load *load, uint32_t row,
                    const struct graphql_selection *at)
{
    const struct session_row *session = load->sessions[row];
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_SESSION_SESSION_ID:
        json_out_uuid(out, session->session_id);
        break;
    case FIELD_SESSION_REVISION:
        json_out_int(out, session->revision);
        break;
    case FIELD_SESSION_TENANT_ID:
        json_out_text(out, load->tenant->tenant_id);
        break;
    case FIELD_SESSION_CANONICAL_ID:
        put_winner(out, load, session->person);
        break;
    case FIELD_SESSION_OPEN:
        json_out_bool(out, session->is_open);
        break;
    case FIELD_SESSION_START_TIME:
        json_out_time(out, session->start.ms);
        break;
    case FIELD_SESSION_END_TIME:
        json_out_time(out, session->end.ms);
        break;
    case FIELD_SESSION_DURATION_SEC:
        json_out_double(out, (double)(session->end.ms - session->start.ms) / 1000.0);
        break;
    case FIELD_SESSION_EVENT_COUNT:
        put_count(out, session->event_count);
        break;
    case FIELD_SESSION_PAGES:
        put_texts(out, session->pages, session->page_count);
        break;
    case FIELD_SESSION_ENTRY_PAGE:
        put_text_or_null(out, session->entry_page);
        break;
    case FIELD_SESSION_EXIT_PAGE:
        put_text_or_null(out, session->exit_page);
        break;
    case FIELD_SESSION_EVENT_TYPES:
        put_text_counts(out, at, session->event_types, session->event_type_count);
        break;
    case FIELD_SESSION_DEVICE_TYPE:
        put_text_or_null(out, session->device_type);
        break;
    case FIELD_SESSION_BROWSER:
        put_text_or_null(out, session->browser);
        break;
    case FIELD_SESSION_OS:
        put_text_or_null(out, session->os);
        break;
    case FIELD_SESSION_COUNTRY:
        put_text_or_null(out, session->country);
        break;
    case FIELD_SESSION_EVENTS:
        write_child(writer, load, row, at);
        break;
    default:
        put_typename(out, at);
        break;
    }
}

static void
write_session(struct writer *writer, const struct load *load, uint32_t row,
              const struct graphql_selection *fields)
{
    json_out_object_begin(writer->out);
    for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
        json_out_key(writer->out, at->response_key);
        write_session_field(writer, load, row, at);
    }
    json_out_object_end(writer->out);
}

/* ---- pages ---- */

static void
put_cursor(struct json_out *out, const struct load *page, uint32_t row)
{
    char cursor[CURSOR_TEXT_BYTES];

    if (page->kind == LOAD_EVENTS) {
        const struct event_row *event = page->events[row];

        cursor_of_event((struct event_place){event->record->event_time, event->position}, cursor);
    } else if (page->kind == LOAD_SESSIONS) {
        const struct session_row *session = page->sessions[row];

        cursor_of_session((struct session_place){session->start, session->session_id}, cursor);
    } else {
        cursor_of_merge(page->merges[row].ordinal, cursor);
    }
    json_out_text(out, text_of(cursor));
}

static void
write_node(struct writer *writer, const struct load *page, uint32_t row,
           const struct graphql_selection *fields)
{
    if (page->kind == LOAD_EVENTS) {
        write_event(writer, page, row, fields);
    } else if (page->kind == LOAD_SESSIONS) {
        write_session(writer, page, row, fields);
    } else {
        write_merge(writer, page, row, fields);
    }
}

static void
write_nodes(struct writer *writer, const struct load *page, const struct graphql_selection *selection)
{
    json_out_array_begin(writer->out);
    for (uint32_t i = 0; i < page->row_count; i++) {
        write_node(writer, page, i, selection->children);
    }
    json_out_array_end(writer->out);
}

static void
write_edges(struct writer *writer, const struct load *page, const struct graphql_selection *selection)
{
    struct json_out *out = writer->out;

    json_out_array_begin(out);
    for (uint32_t i = 0; i < page->row_count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = selection->children; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_EVENT_EDGE_CURSOR:
            case FIELD_SESSION_EDGE_CURSOR:
            case FIELD_MERGE_EDGE_CURSOR:
                put_cursor(out, page, i);
                break;
            case FIELD_EVENT_EDGE_NODE:
            case FIELD_SESSION_EDGE_NODE:
            case FIELD_MERGE_EDGE_NODE:
                write_node(writer, page, i, at->children);
                break;
            default:
                put_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void
write_page_info(struct writer *writer, const struct load *page, const struct graphql_selection *selection)
{
    struct json_out *out = writer->out;

    json_out_object_begin(out);
    for (const struct graphql_selection *at = selection->children; at != NULL; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_PAGE_INFO_HAS_NEXT_PAGE:
            json_out_bool(out, page->has_next);
            break;
        case FIELD_PAGE_INFO_HAS_PREVIOUS_PAGE:
            json_out_bool(out, page->has_previous);
            break;
        case FIELD_PAGE_INFO_START_CURSOR:
        case FIELD_PAGE_INFO_END_CURSOR:
            if (page->row_count == 0) {
                json_out_null(out);
            } else {
                put_cursor(out, page, at->field == FIELD_PAGE_INFO_START_CURSOR ? 0 : page->row_count - 1);
            }
            break;
        default:
            put_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

static void
write_page(struct writer *writer, const struct load *page)
{
    json_out_object_begin(writer->out);
    for (const struct graphql_selection *at = page->selection->children; at != NULL; at = at->next) {
        json_out_key(writer->out, at->response_key);
        switch ((int)at->field) {
        case FIELD_EVENT_CONNECTION_NODES:
        case FIELD_SESSION_CONNECTION_NODES:
        case FIELD_MERGE_CONNECTION_NODES:
            write_nodes(writer, page, at);
            break;
        case FIELD_EVENT_CONNECTION_EDGES:
        case FIELD_SESSION_CONNECTION_EDGES:
        case FIELD_MERGE_CONNECTION_EDGES:
            write_edges(writer, page, at);
            break;
        case FIELD_EVENT_CONNECTION_PAGE_INFO:
        case FIELD_SESSION_CONNECTION_PAGE_INFO:
        case FIELD_MERGE_CONNECTION_PAGE_INFO:
            write_page_info(writer, page, at);
            break;
        default:
            put_typename(writer->out, at);
            break;
        }
    }
    json_out_object_end(writer->out);
}

/* ---- roll-ups ---- */

static void
write_summary(struct writer *writer, const struct load *load)
{
    const struct rollup_cell *cell = &load->rollup->cells[0];
    struct json_out *out = writer->out;

    json_out_object_begin(out);
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        json_out_key(out, at->response_key);
        switch ((int)at->field) {
        case FIELD_SUMMARY_USERS:
            put_count(out, cell->users);
            break;
        case FIELD_SUMMARY_SESSIONS:
            put_count(out, cell->sessions);
            break;
        case FIELD_SUMMARY_EVENTS:
            put_count(out, cell->events);
            break;
        case FIELD_SUMMARY_AVG_DURATION_SEC:
            json_out_double(out, rollup_mean_seconds(cell->closed_duration_ms, cell->closed_sessions));
            break;
        case FIELD_SUMMARY_EVENTS_PER_SESSION:
            json_out_double(out, cell->sessions == 0 ? 0 : (double)cell->events / (double)cell->sessions);
            break;
        default:
            put_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

/* Points and groups. */
static void
write_cells(struct writer *writer, const struct load *load)
{
    const struct rollup *rollup = load->rollup;
    struct json_out *out = writer->out;

    json_out_array_begin(out);
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_TIME_POINT_TIME:
                json_out_time(out, rollup->from_ms + (int64_t)i * rollup->step_ms);
                break;
            case FIELD_GROUP_KEY:
                json_out_text(out, rollup->cells[i].key);
                break;
            case FIELD_TIME_POINT_VALUE:
            case FIELD_GROUP_VALUE:
                json_out_double(out, rollup->cells[i].value);
                break;
            default:
                put_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

/* ---- all of it ---- */

/* A nullable field that found nothing. */
static bool
is_nothing(const struct load *load)
{
    switch (load->kind) {
    case LOAD_TENANT:
    case LOAD_PROFILE:
    case LOAD_EVENT:
    case LOAD_EVENT_SESSION:
    case LOAD_CURRENT_SESSION:
        return load->row_count == 0;
    case LOAD_ROOT:
    case LOAD_TENANTS:
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
    case LOAD_ROLLUP:
    case LOAD_NOTHING:
        break;
    }
    return false;
}

static void
write_tenants(struct writer *writer, const struct load *load)
{
    json_out_array_begin(writer->out);
    for (uint32_t i = 0; i < load->row_count; i++) {
        write_tenant(writer, load, i);
    }
    json_out_array_end(writer->out);
}

static void
write_load(struct writer *writer, const struct load *load)
{
    if (load->is_null || is_nothing(load)) {
        json_out_null(writer->out);
        return;
    }
    switch (load->kind) {
    case LOAD_TENANTS:
        write_tenants(writer, load);
        return;
    case LOAD_TENANT:
        write_tenant(writer, load, 0);
        return;
    case LOAD_PROFILE:
        write_profile(writer, load);
        return;
    case LOAD_EVENT:
        write_event(writer, load, 0, load->selection->children);
        return;
    case LOAD_EVENT_SESSION:
    case LOAD_CURRENT_SESSION:
        write_session(writer, load, 0, load->selection->children);
        return;
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
        write_page(writer, load);
        return;
    case LOAD_ROLLUP:
        if (load->selection->field == FIELD_QUERY_SUMMARY) {
            write_summary(writer, load);
        } else {
            write_cells(writer, load);
        }
        return;
    case LOAD_ROOT:
    case LOAD_NOTHING:
        break;
    }
    base_die("ASSERT", "a load with a value", __FILE__, __LINE__);
}

static void
write_data(struct writer *writer)
{
    const struct load *root = &writer->execute->loads.root;
    struct json_out *out = writer->out;

    if (root->is_null) {
        json_out_null(out);
        return;
    }
    json_out_object_begin(out);
    for (const struct graphql_selection *at = writer->execute->plan->selections; at != NULL; at = at->next) {
        json_out_key(out, at->response_key);
        if (at->field == FIELD_TYPENAME) {
            put_typename(out, at);
        } else {
            write_child(writer, root, 0, at);
        }
    }
    json_out_object_end(out);
}

void
write_answer(struct execute *execute, struct json_out *out)
{
    struct writer writer = {.execute = execute, .out = out};

    json_out_object_begin(out);
    json_out_key(out, TEXT("data"));
    write_data(&writer);
    if (graphql_errors_any(&execute->errors)) {
        json_out_key(out, TEXT("errors"));
        graphql_errors_write(&execute->errors, out);
    }
    json_out_object_end(out);
}
