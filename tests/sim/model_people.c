/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A list of profiles: everyone who lives is looked at, sorted whole, and a page cut out.
 */

#include "tests/sim/model_state.h"

#include <stdlib.h>

/* One row, with what it is sorted and filtered by. */
struct row {
    const struct model_person *person;
    int64_t value;
    int64_t first_seen;
    int64_t last_seen;
    struct text country;
    struct text device_type;
    uint64_t session_count;
};

/* Of the event with the greatest (event_time, position) that has one. */
static struct text
latest_text(const struct model_person *person, enum event_text which)
{
    const struct model_event *latest = NULL;

    for (uint32_t i = 0; i < person->events.count; i++) {
        const struct model_event *event = person->events.at[i];
        if (event_has(event->record, which) && (latest == NULL || model_event_order(latest, event) < 0)) {
            latest = event;
        }
    }
    return latest == NULL ? (struct text){0} : event_text(latest->record, which);
}

static struct row
row_of(const struct model_person *person, enum model_order order)
{
    struct row row = {
        .person = person,
        .first_seen = INT64_MAX,
        .last_seen = INT64_MIN,
        .country = latest_text(person, EVENT_COUNTRY),
        .device_type = latest_text(person, EVENT_DEVICE_TYPE),
        .session_count = person->sessions.count,
    };

    for (uint32_t i = 0; i < person->events.count; i++) {
        int64_t time = ((const struct model_event *)person->events.at[i])->time;
        row.first_seen = time < row.first_seen ? time : row.first_seen;
        row.last_seen = time > row.last_seen ? time : row.last_seen;
    }
    switch (order) {
    case MODEL_LAST_SEEN:
        row.value = row.last_seen;
        break;
    case MODEL_FIRST_SEEN:
        row.value = row.first_seen;
        break;
    case MODEL_TOTAL_EVENTS:
        row.value = person->events.count;
        break;
    case MODEL_TOTAL_SESSIONS:
        row.value = (int64_t)row.session_count;
        break;
    case MODEL_ORDER_COUNT:
        break;
    }
    return row;
}

static bool
passes(const struct row *row, const struct model_variables *variables)
{
    return (variables->country.bytes == 0 || text_equal(variables->country, row->country)) &&
           (variables->device_type.bytes == 0 || text_equal(variables->device_type, row->device_type)) &&
           (!variables->has_from || row->last_seen >= variables->from_ms) &&
           (!variables->has_to || row->last_seen < variables->to_ms) &&
           (variables->identified == MODEL_ANY ||
            (variables->identified == MODEL_YES) == (row->person->owner != NULL));
}

static int
by_value_desc(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;

    if (left->value != right->value) {
        return left->value > right->value ? -1 : 1;
    }
    return memcmp(right->person->id.byte, left->person->id.byte, sizeof(left->person->id.byte));
}

static void
write_row(struct json_out *out, const struct row *row)
{
    const struct model_person *person = row->person;

    json_out_object_begin(out);
    json_out_key(out, TEXT("canonicalId"));
    json_out_uuid(out, person->id);
    model_put_text(out, TEXT("userId"), person->owner != NULL ? person->owner->value : (struct text){0});
    model_put_time(out, TEXT("firstSeen"), row->first_seen);
    model_put_time(out, TEXT("lastSeen"), row->last_seen);
    model_put_int(out, TEXT("totalEvents"), person->events.count);
    model_put_int(out, TEXT("totalSessions"), row->session_count);
    model_put_text(out, TEXT("lastCountry"), row->country);
    model_put_text(out, TEXT("lastDevice"), row->device_type);
    json_out_object_end(out);
}

void
model_write_profiles(struct model *model, struct json_out *out, const struct model_variables *variables)
{
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);
    uint32_t person_count = tenant == NULL ? 0 : tenant->persons.count;
    struct row *rows = model_take(&model->scratch, (person_count + 1) * sizeof(*rows));
    uint32_t total = 0;

    for (uint32_t i = 0; i < person_count; i++) {
        const struct model_person *person = tenant->persons.at[i];
        if (person->merged_into == NULL) {
            rows[total] = row_of(person, variables->order);
            total += passes(&rows[total], variables);
        }
    }
    qsort(rows, total, sizeof(*rows), by_value_desc);

    uint32_t first = variables->skip < total ? variables->skip : total;
    uint32_t count = total - first < variables->first ? total - first : variables->first;

    json_out_object_begin(out);
    json_out_key(out, TEXT("nodes"));
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        write_row(out, &rows[first + i]);
    }
    json_out_array_end(out);
    json_out_key(out, TEXT("pageInfo"));
    json_out_object_begin(out);
    model_put_bool(out, TEXT("hasNextPage"), first + count < total);
    model_put_bool(out, TEXT("hasPreviousPage"), first > 0);
    model_put_text(out, TEXT("endCursor"), count > 0 ? variables->end_cursor : (struct text){0});
    json_out_object_end(out);
    model_put_int(out, TEXT("totalCount"), total);
    json_out_object_end(out);
}
