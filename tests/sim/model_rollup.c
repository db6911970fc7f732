/* SPDX-License-Identifier: Apache-2.0 */

/* the semantics, without a cube: every event and session is looked at for every answer. */

#include "tests/sim/model_state.h"

#include <stdlib.h>

/* One event or one session, as a roll-up sees it. */
struct fact {
    int64_t time;
    const struct text *key; /* [MODEL_BY_COUNT] */
    const struct model_person *person;
    bool is_closed;
    int64_t duration;
};

struct facts {
    struct fact *at;
    uint32_t count;
};

struct tally {
    struct text key;
    uint64_t count; /* what the metric counts */
    int64_t duration;
    double value;
};

static int64_t
round_down(int64_t value, int64_t by)
{
    return floor_div(value, by) * by;
}

static int64_t
round_up(int64_t value, int64_t by)
{
    return -floor_div(-value, by) * by;
}

static bool
passes_where(const struct fact *fact, const struct model_where *where, uint32_t where_count)
{
    for (uint32_t by = 0; by < MODEL_BY_COUNT; by++) {
        bool is_asked = false;
        bool is_there = false;
        for (uint32_t i = 0; i < where_count; i++) {
            struct text equals = where[i].equals.bytes > 0 ? where[i].equals : TEXT("(none)");
            if ((uint32_t)where[i].by == by) {
                is_asked = true;
                is_there = is_there || text_equal(equals, fact->key[by]);
            }
        }
        if (is_asked && !is_there) {
            return false;
        }
    }
    return true;
}

static void
fact_add(struct facts *facts, const struct fact *fact, int64_t from, int64_t to,
         const struct model_variables *variables)
{
    if (fact->time >= from && fact->time < to &&
        passes_where(fact, variables->where, variables->where_count)) {
        facts->at[facts->count++] = *fact;
    }
}

static struct facts
events_of(struct model *model, const struct model_tenant *tenant, int64_t from, int64_t to,
          const struct model_variables *variables)
{
    struct facts facts = {.at =
                              model_take(&model->scratch, (tenant->events.count + 1) * sizeof(struct fact))};

    for (uint32_t i = 0; i < tenant->events.count; i++) {
        struct model_event *event = tenant->events.at[i];
        fact_add(
            &facts,
            &(struct fact){.time = event->time, .key = event->key, .person = model_person_now(event->person)},
            from, to, variables);
    }
    return facts;
}

static struct facts
sessions_of(struct model *model, const struct model_tenant *tenant, int64_t from, int64_t to,
            const struct model_variables *variables)
{
    struct facts facts = {
        .at = model_take(&model->scratch, (tenant->sessions.count + 1) * sizeof(struct fact))};

    for (uint32_t i = 0; i < tenant->sessions.count; i++) {
        const struct model_session *session = tenant->sessions.at[i];
        if (session->is_gone) {
            continue;
        }
        fact_add(
            &facts,
            &(struct fact){.time = session->start,
                           .key = model_session_first(session)->key,
                           .person = session->person,
                           .is_closed = model_session_is_closed(model, tenant, session, tenant->watermark),
                           .duration = session->end - session->start},
            from, to, variables);
    }
    return facts;
}

static struct facts
facts_of(struct model *model, int64_t from, int64_t to, const struct model_variables *variables)
{
    const struct model_tenant *tenant = model_tenant_find(model, variables->tenant_id);

    if (tenant == NULL || variables->from_ms >= variables->to_ms) {
        return (struct facts){0};
    }
    if (variables->metric == MODEL_METRIC_EVENTS || variables->metric == MODEL_METRIC_USERS) {
        return events_of(model, tenant, from, to, variables);
    }
    return sessions_of(model, tenant, from, to, variables);
}

/* `seen` remembers (group, person), so that a person counts once in a group. */
static void
tally_add(struct model *model, struct tally *tally, uint32_t group, const struct fact *fact,
          enum model_metric metric, struct model_map *seen)
{
    uint32_t pair[2] = {group, fact->person->number};
    struct text name = {.data = (const char *)pair, .bytes = sizeof(pair)};

    switch (metric) {
    case MODEL_METRIC_EVENTS:
    case MODEL_METRIC_SESSIONS:
        tally->count++;
        break;
    case MODEL_METRIC_USERS:
        if (model_map_find(seen, name) == NULL) {
            model_map_put(&model->scratch, seen, name, tally);
            tally->count++;
        }
        break;
    case MODEL_METRIC_AVG_DURATION:
        if (fact->is_closed) {
            tally->count++;
            tally->duration += fact->duration;
        }
        break;
    case MODEL_METRIC_COUNT:
        break;
    }
}

static double
mean_seconds(int64_t duration, uint64_t count)
{
    return count == 0 ? 0 : (double)duration / 1000.0 / (double)count;
}

static double
tally_value(const struct tally *tally, enum model_metric metric)
{
    return metric == MODEL_METRIC_AVG_DURATION ? mean_seconds(tally->duration, tally->count)
                                               : (double)tally->count;
}

static struct tally
total_of(struct model *model, const struct model_variables *variables, enum model_metric metric, int64_t from,
         int64_t to)
{
    struct model_variables own = *variables;
    struct model_map seen = {0};
    struct tally total = {0};
    struct facts facts;

    own.metric = metric;
    own.where_count = 0;
    facts = facts_of(model, from, to, &own);
    for (uint32_t i = 0; i < facts.count; i++) {
        tally_add(model, &total, 0, &facts.at[i], metric, &seen);
    }
    return total;
}

void
model_write_summary(struct model *model, struct json_out *out, const struct model_variables *variables)
{
    int64_t from = round_down(variables->from_ms, MS_PER_HOUR);
    int64_t to = round_up(variables->to_ms, MS_PER_HOUR);
    struct tally users = total_of(model, variables, MODEL_METRIC_USERS, from, to);
    struct tally sessions = total_of(model, variables, MODEL_METRIC_SESSIONS, from, to);
    struct tally events = total_of(model, variables, MODEL_METRIC_EVENTS, from, to);
    struct tally closed = total_of(model, variables, MODEL_METRIC_AVG_DURATION, from, to);

    json_out_object_begin(out);
    json_out_key(out, TEXT("users"));
    json_out_int(out, (int64_t)users.count);
    json_out_key(out, TEXT("sessions"));
    json_out_int(out, (int64_t)sessions.count);
    json_out_key(out, TEXT("events"));
    json_out_int(out, (int64_t)events.count);
    json_out_key(out, TEXT("avgDurationSec"));
    json_out_double(out, mean_seconds(closed.duration, closed.count));
    json_out_key(out, TEXT("eventsPerSession"));
    json_out_double(out, sessions.count == 0 ? 0 : (double)events.count / (double)sessions.count);
    json_out_object_end(out);
}

static int
by_value(const void *a, const void *b)
{
    const struct tally *left = a;
    const struct tally *right = b;

    if (left->value < right->value || left->value > right->value) {
        return left->value > right->value ? -1 : 1;
    }
    return text_compare(left->key, right->key);
}

void
model_write_breakdown(struct model *model, struct json_out *out, const struct model_variables *variables)
{
    struct facts facts = facts_of(model, round_down(variables->from_ms, MS_PER_HOUR),
                                  round_up(variables->to_ms, MS_PER_HOUR), variables);
    struct tally *groups = model_take(&model->scratch, (facts.count + 1) * sizeof(*groups));
    struct model_map by_name = {0};
    struct model_map seen = {0};
    uint32_t count = 0;
    uint32_t written = 0;

    for (uint32_t i = 0; i < facts.count; i++) {
        struct text key = facts.at[i].key[variables->by];
        struct tally *group = model_map_find(&by_name, key);
        if (group == NULL) {
            group = &groups[count++];
            group->key = key;
            model_map_put(&model->scratch, &by_name, key, group);
        }
        tally_add(model, group, (uint32_t)(group - groups), &facts.at[i], variables->metric, &seen);
    }
    for (uint32_t i = 0; i < count; i++) {
        groups[i].value = tally_value(&groups[i], variables->metric);
    }
    qsort(groups, count, sizeof(*groups), by_value);

    json_out_array_begin(out);
    for (uint32_t i = 0; i < count && written < variables->first; i++) {
        if (groups[i].count == 0) {
            continue;
        }
        json_out_object_begin(out);
        json_out_key(out, TEXT("key"));
        json_out_text(out, groups[i].key);
        json_out_key(out, TEXT("value"));
        json_out_double(out, groups[i].value);
        json_out_object_end(out);
        written++;
    }
    json_out_array_end(out);
}

/* The intervals of a series. */
struct series_range {
    int64_t from;
    int64_t to;
    int64_t step;
    uint64_t count;
};

/* False: too long. */
static bool
series_range(const struct model_variables *variables, struct series_range *range)
{
    static const int64_t steps[MODEL_INTERVAL_COUNT] = {60000, MS_PER_HOUR, MS_PER_DAY};

    range->step = steps[variables->interval];
    range->from = round_down(variables->from_ms, range->step);
    range->to = round_up(variables->to_ms, range->step);
    range->count =
        variables->from_ms < variables->to_ms ? (uint64_t)((range->to - range->from) / range->step) : 0;
    return variables->interval != MODEL_MINUTE || range->count * 60000 <= (uint64_t)MS_PER_DAY;
}

/* One for each interval, of the facts whose series this is. */
static void
write_points(struct model *model, struct json_out *out, const struct facts *facts, const uint32_t *series_of,
             uint32_t series, const struct series_range *range, enum model_metric metric)
{
    struct tally *points = model_take(&model->scratch, (range->count + 1) * sizeof(*points));
    struct model_map seen = {0};

    for (uint32_t i = 0; i < facts->count; i++) {
        uint64_t index = (uint64_t)((facts->at[i].time - range->from) / range->step);
        if (series_of == NULL || series_of[i] == series) {
            tally_add(model, &points[index], (uint32_t)index, &facts->at[i], metric, &seen);
        }
    }
    json_out_array_begin(out);
    for (uint64_t i = 0; i < range->count; i++) {
        json_out_object_begin(out);
        json_out_key(out, TEXT("time"));
        json_out_time(out, range->from + (int64_t)i * range->step);
        json_out_key(out, TEXT("value"));
        json_out_double(out, tally_value(&points[i], metric));
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

bool
model_write_time_series(struct model *model, struct json_out *out, const struct model_variables *variables)
{
    struct series_range range;
    struct facts facts;

    if (!series_range(variables, &range)) {
        return false;
    }
    facts = facts_of(model, range.from, range.to, variables);
    write_points(model, out, &facts, NULL, 0, &range, variables->metric);
    return true;
}

/* By key, with something counted, the largest first; (other) is none of them. */
static uint32_t
rank_groups(struct model *model, const struct facts *facts, const struct model_variables *variables,
            struct tally *groups)
{
    struct model_map by_name = {0};
    struct model_map seen = {0};
    uint32_t count = 0;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < facts->count; i++) {
        struct text key = facts->at[i].key[variables->by];
        struct tally *group = model_map_find(&by_name, key);
        if (text_equal(key, TEXT("(other)"))) {
            continue;
        }
        if (group == NULL) {
            group = &groups[count++];
            group->key = key;
            model_map_put(&model->scratch, &by_name, key, group);
        }
        tally_add(model, group, (uint32_t)(group - groups), &facts->at[i], variables->metric, &seen);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (groups[i].count > 0) {
            groups[kept] = groups[i];
            groups[kept].value = tally_value(&groups[kept], variables->metric);
            kept++;
        }
    }
    qsort(groups, kept, sizeof(*groups), by_value);
    return kept;
}

bool
model_write_time_series_by(struct model *model, struct json_out *out, const struct model_variables *variables)
{
    struct series_range range;
    struct facts facts;
    struct tally rest = {0};
    struct model_map seen = {0};

    if (!series_range(variables, &range)) {
        return false;
    }
    facts = facts_of(model, range.from, range.to, variables);
    struct tally *groups = model_take(&model->scratch, (facts.count + 1) * sizeof(*groups));
    uint32_t *series_of = model_take(&model->scratch, (facts.count + 1) * sizeof(*series_of));
    uint32_t count = rank_groups(model, &facts, variables, groups);

    count = count < variables->first ? count : variables->first;
    for (uint32_t i = 0; i < facts.count; i++) {
        series_of[i] = 0;
        while (series_of[i] < count &&
               !text_equal(groups[series_of[i]].key, facts.at[i].key[variables->by])) {
            series_of[i]++;
        }
        if (series_of[i] == count) {
            tally_add(model, &rest, 0, &facts.at[i], variables->metric, &seen);
        }
    }
    json_out_array_begin(out);
    for (uint32_t i = 0; i < count + (rest.count > 0 ? 1 : 0); i++) {
        json_out_object_begin(out);
        json_out_key(out, TEXT("key"));
        json_out_text(out, i < count ? groups[i].key : TEXT("(other)"));
        json_out_key(out, TEXT("points"));
        write_points(model, out, &facts, series_of, i, &range, variables->metric);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    return true;
}
