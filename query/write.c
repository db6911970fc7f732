/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write.h"

#include "query/introspection.h"
#include "query/rollup.h"
#include "query/write_profile.h"
#include "query/write_value.h"

/*
 * One function for each object type, a switch over its fields. The fields of nested objects call each other:
 * as deep as the plan, which is limited.
 */

struct writer {
    struct execute *execute;
    struct json_out *out;
};

static void write_load(struct writer *writer, const struct load *load);

/* ---- small words ---- */

static void
put_winner(struct json_out *out, const struct load *load, uint32_t person)
{
    const struct member *winner = load_winner(load, person);

    ASSERT(winner != NULL); /* the load has waited for it */
    json_out_uuid(out, winner->canonical);
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
            write_value_count(out, tenant->total_events);
            break;
        case FIELD_TENANT_TOTAL_PROFILES:
            write_value_count(out, tenant->total_profiles);
            break;
        case FIELD_TENANT_ACTIVE_SESSIONS:
            write_value_count(out, load->open_sessions[row]);
            break;
        case FIELD_TENANT_WATERMARK:
            if (tenant->reading.watermark.ms == NO_WATERMARK.ms) {
                json_out_null(out);
            } else {
                json_out_time(out, tenant->reading.watermark.ms);
            }
            break;
        default:
            write_value_typename(out, at);
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
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

/* ---- profile ---- */

static void
write_profile(struct writer *writer, const struct load *load)
{
    json_out_object_begin(writer->out);
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        json_out_key(writer->out, at->response_key);
        if (load_branch_find(load, at) != NULL) {
            write_child(writer, load, 0, at);
        } else {
            write_profile_field(writer->execute, writer->out, load, at);
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
            write_value_text(out, event_text(record, texts[i].which));
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
        write_value_typename(out, at);
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
        write_value_count(out, session->event_count);
        break;
    case FIELD_SESSION_PAGES:
        write_value_texts(out, session->pages, session->page_count);
        break;
    case FIELD_SESSION_ENTRY_PAGE:
        write_value_text(out, session->entry_page);
        break;
    case FIELD_SESSION_EXIT_PAGE:
        write_value_text(out, session->exit_page);
        break;
    case FIELD_SESSION_EVENT_TYPES:
        write_value_counts(out, at, session->event_types, session->event_type_count);
        break;
    case FIELD_SESSION_DEVICE_TYPE:
        write_value_text(out, session->device_type);
        break;
    case FIELD_SESSION_BROWSER:
        write_value_text(out, session->browser);
        break;
    case FIELD_SESSION_OS:
        write_value_text(out, session->os);
        break;
    case FIELD_SESSION_COUNTRY:
        write_value_text(out, session->country);
        break;
    case FIELD_SESSION_EVENTS:
        write_child(writer, load, row, at);
        break;
    default:
        write_value_typename(out, at);
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
    } else if (page->kind == LOAD_PROFILES) {
        cursor_of_profile(*page->places[row], page->profile_scan->order, cursor);
    } else {
        cursor_of_merge(page->merges[row].ordinal, cursor);
    }
    json_out_text(out, text_of(cursor));
}

static void
write_node(struct writer *writer, const struct load *page, uint32_t row, const struct graphql_selection *node)
{
    const struct graphql_selection *fields = node->children;

    if (page->kind == LOAD_PROFILES) {
        write_child(writer, page, row, node);
    } else if (page->kind == LOAD_EVENTS) {
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
        write_node(writer, page, i, selection);
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
            case FIELD_PROFILE_EDGE_CURSOR:
                put_cursor(out, page, i);
                break;
            case FIELD_EVENT_EDGE_NODE:
            case FIELD_SESSION_EDGE_NODE:
            case FIELD_MERGE_EDGE_NODE:
            case FIELD_PROFILE_EDGE_NODE:
                write_node(writer, page, i, at);
                break;
            default:
                write_value_typename(out, at);
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
            write_value_typename(out, at);
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
        case FIELD_PROFILE_CONNECTION_NODES:
            write_nodes(writer, page, at);
            break;
        case FIELD_EVENT_CONNECTION_EDGES:
        case FIELD_SESSION_CONNECTION_EDGES:
        case FIELD_MERGE_CONNECTION_EDGES:
        case FIELD_PROFILE_CONNECTION_EDGES:
            write_edges(writer, page, at);
            break;
        case FIELD_EVENT_CONNECTION_PAGE_INFO:
        case FIELD_SESSION_CONNECTION_PAGE_INFO:
        case FIELD_MERGE_CONNECTION_PAGE_INFO:
        case FIELD_PROFILE_CONNECTION_PAGE_INFO:
            write_page_info(writer, page, at);
            break;
        case FIELD_PROFILE_CONNECTION_TOTAL_COUNT:
            write_value_count(writer->out, page->total_count);
            break;
        default:
            write_value_typename(writer->out, at);
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
            write_value_count(out, cell->users);
            break;
        case FIELD_SUMMARY_SESSIONS:
            write_value_count(out, cell->sessions);
            break;
        case FIELD_SUMMARY_EVENTS:
            write_value_count(out, cell->events);
            break;
        case FIELD_SUMMARY_AVG_DURATION_SEC:
            json_out_double(out, rollup_mean_seconds(cell->closed_duration_ms, cell->closed_sessions));
            break;
        case FIELD_SUMMARY_EVENTS_PER_SESSION:
            json_out_double(out, cell->sessions == 0 ? 0 : (double)cell->events / (double)cell->sessions);
            break;
        default:
            write_value_typename(out, at);
            break;
        }
    }
    json_out_object_end(out);
}

/* Points or groups. */
static void
write_cells(struct json_out *out, const struct rollup *rollup, const struct rollup_cell *cells,
            uint32_t count, const struct graphql_selection *fields)
{
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_TIME_POINT_TIME:
                json_out_time(out, rollup->from_ms + (int64_t)i * rollup->step_ms);
                break;
            case FIELD_GROUP_KEY:
                json_out_text(out, cells[i].key);
                break;
            case FIELD_TIME_POINT_VALUE:
            case FIELD_GROUP_VALUE:
                json_out_double(out, cells[i].value);
                break;
            default:
                write_value_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void
write_series(struct json_out *out, const struct rollup *rollup, const struct graphql_selection *fields)
{
    uint32_t count = rollup->group_count + (rollup->has_rest ? 1 : 0);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(out);
        for (const struct graphql_selection *at = fields; at != NULL; at = at->next) {
            json_out_key(out, at->response_key);
            switch ((int)at->field) {
            case FIELD_SERIES_KEY:
                json_out_text(out, i < rollup->group_count ? rollup->groups[i].key : TEXT("(other)"));
                break;
            case FIELD_SERIES_POINTS:
                write_cells(out, rollup, &rollup->cells[i * rollup->point_count], rollup->point_count,
                            at->children);
                break;
            default:
                write_value_typename(out, at);
                break;
            }
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void
write_rollup(struct writer *writer, const struct load *load)
{
    const struct rollup *rollup = load->rollup;
    const struct graphql_selection *fields = load->selection->children;

    if (load->selection->field == FIELD_QUERY_SUMMARY) {
        write_summary(writer, load);
    } else if (rollup->is_series) {
        write_series(writer->out, rollup, fields);
    } else {
        write_cells(writer->out, rollup, rollup->cells, rollup->cell_count, fields);
    }
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
    case LOAD_PROFILES:
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
    case LOAD_ROLLUP:
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
    case LOAD_PROFILES:
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
        write_page(writer, load);
        return;
    case LOAD_ROLLUP:
        write_rollup(writer, load);
        return;
    case LOAD_ROOT:
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
            write_value_typename(out, at);
        } else if (!introspection_write(out, at)) {
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
