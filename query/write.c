/* SPDX-License-Identifier: Apache-2.0 */
#include "query/write.h"

#include "query/introspection.h"
#include "query/rollup.h"
#include "query/write_profile.h"
#include "query/write_value.h"

/*
 * An answer is objects and lists in each other. Each that was begun and not ended has a frame, which knows what comes
 * next in it: a field, or a row. A step takes the innermost frame one further, which writes a value or begins a frame in
 * it; so the writing may stop after any step. There are as many frames as the plan is deep.
 */

#define FRAME_COUNT_MAX 32u
#define TURN_COUNT 64u    /* values between two looks at the clock */
#define TURN_BYTES 65536u /* or so much text */

struct frame {
    /* Of an object: writes the field `at`. Of a list: writes the row, which has the fields of `at`. */
    void (*write)(struct writer *writer, const struct load *load, uint32_t row,
                  const struct graphql_selection *at);
    const struct load *load;
    uint32_t row; /* of a list: the next one */
    uint32_t row_end;
    bool is_list;
    const struct graphql_selection *at; /* of an object: the next one */
};

struct writer {
    struct execute *execute;
    struct json_out *out;
    uint64_t bytes_seen; /* written, when the clock was looked at */
    uint32_t depth;
    struct frame frames[FRAME_COUNT_MAX];
};

static_assert(FRAME_COUNT_MAX >= 2 * GRAPHQL_DEPTH_MAX + 2, "a field may be a list of objects");

static void write_load(struct writer *writer, const struct load *load);

/* ---- frames ---- */

static void
push(struct writer *writer, struct frame frame)
{
    ASSERT(writer->depth < FRAME_COUNT_MAX);
    writer->frames[writer->depth++] = frame;
}

static void
begin_object(struct writer *writer, const struct load *load, uint32_t row,
             const struct graphql_selection *fields,
             void (*write)(struct writer *writer, const struct load *load, uint32_t row,
                           const struct graphql_selection *at))
{
    json_out_object_begin(writer->out);
    push(writer, (struct frame){.write = write, .load = load, .row = row, .at = fields});
}

/* The rows from `row` on, `count` of them. */
static void
begin_list(struct writer *writer, const struct load *load, uint32_t row, uint32_t count,
           const struct graphql_selection *at,
           void (*write)(struct writer *writer, const struct load *load, uint32_t row,
                         const struct graphql_selection *at))
{
    json_out_array_begin(writer->out);
    push(writer,
         (struct frame){
             .write = write, .load = load, .row = row, .row_end = row + count, .is_list = true, .at = at});
}

static void
go_on(struct writer *writer)
{
    struct frame *frame = &writer->frames[writer->depth - 1];

    if (frame->is_list ? frame->row == frame->row_end : frame->at == NULL) {
        writer->depth--;
        if (frame->is_list) {
            json_out_array_end(writer->out);
        } else {
            json_out_object_end(writer->out);
        }
        return;
    }
    if (frame->is_list) {
        frame->write(writer, frame->load, frame->row++, frame->at);
    } else {
        const struct graphql_selection *at = frame->at;

        frame->at = at->next;
        json_out_key(writer->out, at->response_key);
        frame->write(writer, frame->load, frame->row, at);
    }
}

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
write_tenant_field(struct writer *writer, const struct load *load, uint32_t row,
                   const struct graphql_selection *at)
{
    struct json_out *out = writer->out;
    const struct tenant_row *tenant = load->tenants[row];

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

static void
write_tenant(struct writer *writer, const struct load *load, uint32_t row, const struct graphql_selection *at)
{
    begin_object(writer, load, row, at->children, write_tenant_field);
}

static void
write_merge_field(struct writer *writer, const struct load *load, uint32_t row,
                  const struct graphql_selection *at)
{
    struct json_out *out = writer->out;
    const struct merge_row *merge = &load->merges[row];

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

/* ---- profile ---- */

static void
write_own_profile_field(struct writer *writer, const struct load *load, uint32_t row,
                        const struct graphql_selection *at)
{
    if (load_branch_find(load, at) != NULL) {
        write_child(writer, load, row, at);
    } else {
        write_profile_field(writer->execute, writer->out, load, at);
    }
}

/* ---- events ---- */

static void
write_event_field(struct writer *writer, const struct load *load, uint32_t row,
                  const struct graphql_selection *at)
{
    const struct event_row *event = load->events[row];
    struct json_out *out = writer->out;
    enum event_text text;

    if (at->field != FIELD_EVENT_PROPERTIES && load_event_text(at->field, &text)) {
        write_value_text(out, event_text(event->record, text));
        return;
    }
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
    if (page->kind == LOAD_PROFILES) {
        write_child(writer, page, row, node);
    } else if (page->kind == LOAD_EVENTS) {
        begin_object(writer, page, row, node->children, write_event_field);
    } else if (page->kind == LOAD_SESSIONS) {
        begin_object(writer, page, row, node->children, write_session_field);
    } else {
        begin_object(writer, page, row, node->children, write_merge_field);
    }
}

static void
write_edge_field(struct writer *writer, const struct load *page, uint32_t row,
                 const struct graphql_selection *at)
{
    switch ((int)at->field) {
    case FIELD_EVENT_EDGE_CURSOR:
    case FIELD_SESSION_EDGE_CURSOR:
    case FIELD_MERGE_EDGE_CURSOR:
    case FIELD_PROFILE_EDGE_CURSOR:
        put_cursor(writer->out, page, row);
        break;
    case FIELD_EVENT_EDGE_NODE:
    case FIELD_SESSION_EDGE_NODE:
    case FIELD_MERGE_EDGE_NODE:
    case FIELD_PROFILE_EDGE_NODE:
        write_node(writer, page, row, at);
        break;
    default:
        write_value_typename(writer->out, at);
        break;
    }
}

static void
write_edge(struct writer *writer, const struct load *page, uint32_t row, const struct graphql_selection *at)
{
    begin_object(writer, page, row, at->children, write_edge_field);
}

static void
write_page_info_field(struct writer *writer, const struct load *page, uint32_t row,
                      const struct graphql_selection *at)
{
    struct json_out *out = writer->out;

    (void)row;
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

static void
write_page_field(struct writer *writer, const struct load *page, uint32_t row,
                 const struct graphql_selection *at)
{
    switch ((int)at->field) {
    case FIELD_EVENT_CONNECTION_NODES:
    case FIELD_SESSION_CONNECTION_NODES:
    case FIELD_MERGE_CONNECTION_NODES:
    case FIELD_PROFILE_CONNECTION_NODES:
        begin_list(writer, page, 0, page->row_count, at, write_node);
        break;
    case FIELD_EVENT_CONNECTION_EDGES:
    case FIELD_SESSION_CONNECTION_EDGES:
    case FIELD_MERGE_CONNECTION_EDGES:
    case FIELD_PROFILE_CONNECTION_EDGES:
        begin_list(writer, page, 0, page->row_count, at, write_edge);
        break;
    case FIELD_EVENT_CONNECTION_PAGE_INFO:
    case FIELD_SESSION_CONNECTION_PAGE_INFO:
    case FIELD_MERGE_CONNECTION_PAGE_INFO:
    case FIELD_PROFILE_CONNECTION_PAGE_INFO:
        begin_object(writer, page, row, at->children, write_page_info_field);
        break;
    case FIELD_PROFILE_CONNECTION_TOTAL_COUNT:
        write_value_count(writer->out, page->total_count);
        break;
    default:
        write_value_typename(writer->out, at);
        break;
    }
}

/* ---- roll-ups ---- */

static void
write_summary_field(struct writer *writer, const struct load *load, uint32_t row,
                    const struct graphql_selection *at)
{
    const struct rollup_cell *cell = &load->rollup->cells[row];
    struct json_out *out = writer->out;

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

/* A point or a group. Points of several series lie behind each other. */
static void
write_cell_field(struct writer *writer, const struct load *load, uint32_t row,
                 const struct graphql_selection *at)
{
    const struct rollup *rollup = load->rollup;
    struct json_out *out = writer->out;

    switch ((int)at->field) {
    case FIELD_TIME_POINT_TIME:
        json_out_time(out, rollup->from_ms + (int64_t)(row % rollup->point_count) * rollup->step_ms);
        break;
    case FIELD_GROUP_KEY:
        json_out_text(out, rollup->cells[row].key);
        break;
    case FIELD_TIME_POINT_VALUE:
    case FIELD_GROUP_VALUE:
        json_out_double(out, rollup->cells[row].value);
        break;
    default:
        write_value_typename(out, at);
        break;
    }
}

static void
write_cell(struct writer *writer, const struct load *load, uint32_t row, const struct graphql_selection *at)
{
    begin_object(writer, load, row, at->children, write_cell_field);
}

static void
write_series_field(struct writer *writer, const struct load *load, uint32_t row,
                   const struct graphql_selection *at)
{
    const struct rollup *rollup = load->rollup;

    switch ((int)at->field) {
    case FIELD_SERIES_KEY:
        json_out_text(writer->out, row < rollup->group_count ? rollup->groups[row].key : TEXT("(other)"));
        break;
    case FIELD_SERIES_POINTS:
        begin_list(writer, load, row * rollup->point_count, rollup->point_count, at, write_cell);
        break;
    default:
        write_value_typename(writer->out, at);
        break;
    }
}

static void
write_series(struct writer *writer, const struct load *load, uint32_t row, const struct graphql_selection *at)
{
    begin_object(writer, load, row, at->children, write_series_field);
}

static void
write_rollup(struct writer *writer, const struct load *load)
{
    const struct rollup *rollup = load->rollup;

    if (load->selection->field == FIELD_QUERY_SUMMARY) {
        begin_object(writer, load, 0, load->selection->children, write_summary_field);
    } else if (rollup->is_series) {
        begin_list(writer, load, 0, rollup->group_count + (rollup->has_rest ? 1 : 0), load->selection,
                   write_series);
    } else {
        begin_list(writer, load, 0, rollup->cell_count, load->selection, write_cell);
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
write_load(struct writer *writer, const struct load *load)
{
    if (load->is_null || is_nothing(load)) {
        json_out_null(writer->out);
        return;
    }
    switch (load->kind) {
    case LOAD_TENANTS:
        begin_list(writer, load, 0, load->row_count, load->selection, write_tenant);
        return;
    case LOAD_TENANT:
        write_tenant(writer, load, 0, load->selection);
        return;
    case LOAD_PROFILE:
        begin_object(writer, load, 0, load->selection->children, write_own_profile_field);
        return;
    case LOAD_EVENT:
        begin_object(writer, load, 0, load->selection->children, write_event_field);
        return;
    case LOAD_EVENT_SESSION:
    case LOAD_CURRENT_SESSION:
        begin_object(writer, load, 0, load->selection->children, write_session_field);
        return;
    case LOAD_PROFILES:
    case LOAD_EVENTS:
    case LOAD_SESSIONS:
    case LOAD_MERGES:
        begin_object(writer, load, 0, load->selection->children, write_page_field);
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
write_root_field(struct writer *writer, const struct load *root, uint32_t row,
                 const struct graphql_selection *at)
{
    if (at->field == FIELD_TYPENAME) {
        write_value_typename(writer->out, at);
    } else if (!introspection_write(writer->out, at)) {
        write_child(writer, root, row, at);
    }
}

struct writer *
write_begin(struct execute *execute, struct json_out *out)
{
    const struct load *root = &execute->loads.root;
    struct writer *writer = arena_take(execute->loads.arena, sizeof(*writer));

    if (writer == NULL) {
        return NULL;
    }
    writer->execute = execute;
    writer->out = out;
    writer->bytes_seen = 0;
    writer->depth = 0;
    json_out_object_begin(out);
    json_out_key(out, TEXT("data"));
    if (root->is_null) {
        json_out_null(out);
    } else {
        begin_object(writer, root, 0, execute->plan->selections, write_root_field);
    }
    return writer;
}

static bool
is_time_up(struct writer *writer, uint32_t count, const struct time_slice *time)
{
    if (count % TURN_COUNT != 0 && json_out_bytes(writer->out) - writer->bytes_seen < TURN_BYTES) {
        return false;
    }
    writer->bytes_seen = json_out_bytes(writer->out);
    return time_slice_is_over(time);
}

enum step
write_step(struct writer *writer, const struct time_slice *time)
{
    struct execute *execute = writer->execute;

    for (uint32_t count = 1; writer->depth > 0 && !writer->out->is_full; count++) {
        go_on(writer);
        if (is_time_up(writer, count, time)) {
            return STEP_MORE;
        }
    }
    if (graphql_errors_any(&execute->errors)) {
        json_out_key(writer->out, TEXT("errors"));
        graphql_errors_write(&execute->errors, writer->out);
    }
    json_out_object_end(writer->out);
    return STEP_DONE;
}
