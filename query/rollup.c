/* SPDX-License-Identifier: Apache-2.0 */
#include "query/rollup.h"

#include "query/series.h"
#include "shards/shard.h"
#include "shards/sort.h"

#define MS_PER_MINUTE INT64_C(60000)

enum rollup_stage {
    ROLLUP_BEGIN,
    ROLLUP_WAIT_TENANT,
    ROLLUP_WAIT_CUBE,
    ROLLUP_WAIT_USERS,
    ROLLUP_WAIT_CODES,
};

double
rollup_mean_seconds(uint64_t duration_ms, uint64_t count)
{
    return count == 0 ? 0 : (double)duration_ms / 1000.0 / (double)count;
}

static bool
finish(struct load *load)
{
    load->row_count = 1;
    load->has_rows = true;
    load->is_done = true;
    return true;
}

/* ---- arguments ---- */

enum dimension
rollup_dimension(enum graphql_enum value)
{
    static const enum dimension dimensions[] = {DIMENSION_EVENT_TYPE,  DIMENSION_COUNTRY,
                                                DIMENSION_DEVICE_TYPE, DIMENSION_BROWSER,
                                                DIMENSION_OS,          DIMENSION_PAGE_URL};

    static_assert(ENUM_DIMENSION_PAGE_URL - ENUM_DIMENSION_EVENT_TYPE + 1 == COUNT_OF(dimensions),
                  "the same order");
    return dimensions[value - ENUM_DIMENSION_EVENT_TYPE];
}

bool
rollup_take_where(struct loads *loads, struct load *load, const struct graphql_value *list)
{
    struct load_where *where = &load->rollup->where;

    if (!graphql_value_is_given(list) || list->count == 0) {
        return true;
    }
    where->values = arena_take_zero(loads->arena, list->count * sizeof(*where->values));
    if (where->values == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        const struct graphql_value *by = graphql_value_field(&list->items[i], INPUT_DIMENSION_VALUE_BY);
        const struct graphql_value *equals =
            graphql_value_field(&list->items[i], INPUT_DIMENSION_VALUE_EQUALS);
        struct dimension_value *value = &where->values[where->count++];

        value->dimension = rollup_dimension(by->enumerator);
        value->is_missing = !graphql_value_is_given(equals) || equals->text.bytes == 0;
        if (!value->is_missing) {
            value->equals = equals->text;
        }
    }
    /* Before the tenant's stamp is asked for: all roll-ups are at the root. */
    ASSERT(load->tenant->stamp == NULL);
    where->next = load->tenant->wheres;
    load->tenant->wheres = where;
    return true;
}

/* Rounded to whole steps. */
static void
set_range(struct load *load, struct event_ms from, struct event_ms to, int64_t step_ms)
{
    struct rollup *rollup = load->rollup;

    rollup->is_empty = from.ms >= to.ms;
    rollup->step_ms = step_ms;
    rollup->from_ms = floor_div(from.ms, step_ms) * step_ms;
    rollup->scan.from.ms = rollup->from_ms;
    rollup->scan.to.ms = -floor_div(-to.ms, step_ms) * step_ms;
}

void
rollup_set_points(struct load *load, struct event_ms from, struct event_ms to, enum graphql_enum interval)
{
    struct rollup *rollup = load->rollup;
    int64_t step_ms = 0;
    int64_t count;

    switch ((int)interval) {
    case ENUM_INTERVAL_MINUTE:
        step_ms = MS_PER_MINUTE;
        break;
    case ENUM_INTERVAL_HOUR:
        step_ms = MS_PER_HOUR;
        break;
    case ENUM_INTERVAL_DAY:
        step_ms = MS_PER_DAY;
        break;
    }
    ASSERT(step_ms > 0);
    set_range(load, from, to, step_ms);
    count = rollup->is_empty ? 0 : (rollup->scan.to.ms - rollup->scan.from.ms) / step_ms;
    if (step_ms == MS_PER_MINUTE && count > ROLLUP_MINUTES_MAX) {
        load_refuse(load, LOAD_CODE_RANGE, "Minutes are for at most 24 hours.");
    } else if (count > ROLLUP_POINTS_MAX) {
        load_refuse(load, LOAD_CODE_RANGE, "The range has more than 10000 intervals.");
    } else {
        rollup->point_count = (uint32_t)count;
    }
}

static bool
begin_time_series(struct loads *loads, struct load *load)
{
    const struct graphql_selection *selection = load->selection;
    struct rollup *rollup = load->rollup;

    rollup_set_points(load, graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_FROM)->time,
                      graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_TO)->time,
                      graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_INTERVAL)->enumerator);
    rollup->metric = graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_METRIC)->enumerator;
    rollup->scan.bucket_ms = rollup->step_ms;
    rollup->cell_count = rollup->point_count;
    return rollup_take_where(loads, load, graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_WHERE));
}

static bool
begin_breakdown(struct loads *loads, struct load *load)
{
    const struct graphql_selection *selection = load->selection;
    struct rollup *rollup = load->rollup;

    set_range(load, graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_FROM)->time,
              graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_TO)->time, MS_PER_HOUR);
    rollup->metric = graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_METRIC)->enumerator;
    rollup->first = (uint32_t)graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_FIRST)->integer;
    rollup->scan.has_dimension = true;
    rollup->scan.dimension =
        rollup_dimension(graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_BY)->enumerator);
    return rollup_take_where(loads, load, graphql_argument(selection, ARGUMENT_QUERY_BREAKDOWN_WHERE));
}

static void
begin_summary(struct load *load)
{
    const struct graphql_selection *selection = load->selection;
    struct rollup *rollup = load->rollup;

    set_range(load, graphql_argument(selection, ARGUMENT_QUERY_SUMMARY_FROM)->time,
              graphql_argument(selection, ARGUMENT_QUERY_SUMMARY_TO)->time, MS_PER_HOUR);
    rollup->scan.wants_users = load_has_child(selection, FIELD_SUMMARY_USERS);
    rollup->scan.wants_sessions = load_has_child(selection, FIELD_SUMMARY_SESSIONS) ||
                                  load_has_child(selection, FIELD_SUMMARY_AVG_DURATION_SEC) ||
                                  load_has_child(selection, FIELD_SUMMARY_EVENTS_PER_SESSION);
    rollup->cell_count = 1;
}

static bool
begin(struct loads *loads, struct load *load)
{
    struct rollup *rollup = arena_take_zero(loads->arena, sizeof(*rollup));

    if (rollup == NULL) {
        return false;
    }
    load->rollup = rollup;
    load->stage = ROLLUP_WAIT_TENANT;
    if (load->selection->field == FIELD_QUERY_TIME_SERIES && !begin_time_series(loads, load)) {
        return false;
    }
    if (load->selection->field == FIELD_QUERY_TIME_SERIES_BY && !series_begin(loads, load)) {
        return false;
    }
    if (load->selection->field == FIELD_QUERY_BREAKDOWN && !begin_breakdown(loads, load)) {
        return false;
    }
    if (load->selection->field == FIELD_QUERY_SUMMARY) {
        begin_summary(load);
    }
    if (rollup->metric != ENUM_NONE) {
        rollup->scan.wants_users = rollup->metric == ENUM_METRIC_USERS;
        rollup->scan.wants_sessions =
            rollup->metric == ENUM_METRIC_SESSIONS || rollup->metric == ENUM_METRIC_AVG_SESSION_DURATION_SEC;
    }
    rollup->cells = arena_take_zero(loads->arena, rollup->cell_count * sizeof(*rollup->cells));
    return rollup->cells != NULL;
}

/* ---- the cube ---- */

/* The codes that may be, of the values that have one. False: some dimension can match nothing. */
static bool
set_filters(struct rollup *rollup, struct code_filter *filters)
{
    bool is_asked[DIMENSION_COUNT] = {0};
    bool is_there[DIMENSION_COUNT] = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < rollup->where.count; i++) {
        const struct dimension_value *value = &rollup->where.values[i];

        is_asked[value->dimension] = true;
        if (value->code != CODE_UNKNOWN) {
            is_there[value->dimension] = true;
            filters[count++] = (struct code_filter){.dimension = value->dimension, .code = value->code};
        }
    }
    rollup->scan.filters = filters;
    rollup->scan.filter_count = count;
    for (uint32_t i = 0; i < DIMENSION_COUNT; i++) {
        if (is_asked[i] && !is_there[i]) {
            return false;
        }
    }
    return true;
}

static bool
ask_cube(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    struct question question = {.kind = QUESTION_CUBE, .ask.cube = &rollup->scan};
    struct code_filter *filters;

    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    filters = arena_take(loads->arena, rollup->where.count * sizeof(*filters));
    if (filters == NULL) {
        return false;
    }
    if (rollup->is_empty || !load->tenant->reading.is_known || !set_filters(rollup, filters)) {
        return finish(load); /* zeros */
    }
    question.reading = load->tenant->reading;
    load->stage = ROLLUP_WAIT_CUBE;
    load->round_due = loads->round + 1;
    return load_ask_slices(loads, &question, NULL, 0, &load->questions);
}

static void
add_row(struct rollup_cell *cell, const struct cube_row *row)
{
    cell->events += row->events;
    cell->sessions += row->sessions;
    cell->closed_sessions += row->closed_sessions;
    cell->closed_duration_ms += row->closed_duration_ms;
}

/* Which cell a row belongs to. Cells of a breakdown are by code, ascending. */
static struct rollup_cell *
cell_of(const struct rollup *rollup, const struct cube_row *row)
{
    uint32_t begin = 0;
    uint32_t end = rollup->cell_count;

    if (rollup->groups != NULL) {
        return series_cell(rollup, row);
    }
    if (!rollup->scan.has_dimension) {
        uint32_t index = rollup->scan.bucket_ms == 0 ? 0 : row->bucket;

        ASSERT(index < rollup->cell_count);
        return &rollup->cells[index];
    }
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;

        if (rollup->cells[middle].code < row->code) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    ASSERT(begin < rollup->cell_count);
    ASSERT(rollup->cells[begin].code == row->code);
    return &rollup->cells[begin];
}

/* One cell for each code that any slice has. */
static bool
make_groups(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    uint64_t count = 0;
    uint64_t *codes;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        count += load->questions.at[i].answer.cube->count;
    }
    codes = arena_take(loads->arena, count * sizeof(*codes));
    if (codes == NULL) {
        return false;
    }
    count = 0;
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        for (uint32_t j = 0; j < answer->count; j++) {
            codes[count++] = answer->rows[j].code;
        }
    }
    sort_numbers(codes, count);
    for (uint64_t i = 0; i < count; i++) {
        if (rollup->cell_count == 0 || codes[rollup->cell_count - 1] != codes[i]) {
            codes[rollup->cell_count++] = codes[i];
        }
    }
    rollup->cells = arena_take_zero(loads->arena, rollup->cell_count * sizeof(*rollup->cells));
    if (rollup->cells == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        rollup->cells[i].code = (uint32_t)codes[i];
    }
    return true;
}

/* The sets of all slices, joined for each cell. */
static bool
join_users(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    uint64_t total = 0;
    uint32_t *persons;

    rollup->sets = arena_take_zero(loads->arena, rollup->cell_count * sizeof(*rollup->sets));
    if (rollup->sets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        for (uint32_t j = 0; j < answer->count; j++) {
            rollup->sets[cell_of(rollup, &answer->rows[j]) - rollup->cells].count +=
                answer->rows[j].users.count;
            total += answer->rows[j].users.count;
        }
    }
    persons = arena_take(loads->arena, total * sizeof(*persons));
    if (persons == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        rollup->sets[i].persons = persons;
        persons += rollup->sets[i].count;
        rollup->sets[i].count = 0;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        for (uint32_t j = 0; j < answer->count; j++) {
            const struct person_set *users = &answer->rows[j].users;
            struct person_set *set = &rollup->sets[cell_of(rollup, &answer->rows[j]) - rollup->cells];

            if (users->count > 0) {
                memcpy((uint32_t *)(uintptr_t)set->persons + set->count, users->persons,
                       users->count * sizeof(*persons));
                set->count += users->count;
            }
        }
    }
    return true;
}

static bool
ask_users(struct loads *loads, struct load *load)
{
    const struct load_tenant *tenant = load->tenant;
    struct question *question;

    if (!join_users(loads, load)) {
        return false;
    }
    question = load_question(loads, QUESTION_USERS, tenant->partition, &tenant->reading);
    if (question == NULL) {
        return false;
    }
    question->ask.users.sets = load->rollup->sets;
    question->ask.users.count = load->rollup->cell_count;
    load->questions = (struct load_questions){.at = question, .count = 1};
    load->stage = ROLLUP_WAIT_USERS;
    load->round_due = loads->round + 1;
    return true;
}

/* ---- values ---- */

/* What the metric counts, and thereby whether a group is there at all. */
uint64_t
rollup_counted(const struct rollup *rollup, const struct rollup_cell *cell)
{
    switch ((int)rollup->metric) {
    case ENUM_METRIC_EVENTS:
        return cell->events;
    case ENUM_METRIC_USERS:
        return cell->users;
    case ENUM_METRIC_SESSIONS:
        return cell->sessions;
    case ENUM_METRIC_AVG_SESSION_DURATION_SEC:
        return cell->closed_sessions;
    default:
        return 0;
    }
}

static int
compare_values(const void *a, const void *b)
{
    const struct rollup_cell *left = a;
    const struct rollup_cell *right = b;

    if (left->value < right->value || left->value > right->value) {
        return left->value > right->value ? -1 : 1;
    }
    return text_compare(left->key, right->key);
}

/* The groups are chosen: once more, for their points. */
static bool
ask_points(struct loads *loads, struct load *load)
{
    load->stage = ROLLUP_WAIT_CUBE;
    load->round_due = loads->round + 1;
    return series_ask(loads, load);
}

/* Those that may be on the page: as many as it holds, and those that are no less than the last of them. */
static bool
ask_codes(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    const struct load_tenant *tenant = load->tenant;
    struct question *question;
    uint32_t count = 0;
    uint32_t *codes;
    bool has_other = false;

    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        if (rollup_counted(rollup, &rollup->cells[i]) == 0) {
            continue;
        }
        if (rollup->is_series && rollup->cells[i].code == CODE_OTHER) {
            has_other = true; /* with the rest, never a series of its own */
            continue;
        }
        rollup->cells[count++] = rollup->cells[i];
    }
    sort_items(rollup->cells, count, sizeof(*rollup->cells), compare_values);
    rollup->cell_count = count < rollup->first ? count : rollup->first;
    while (rollup->cell_count > 0 && rollup->cell_count < count &&
           rollup->cells[rollup->cell_count].value >= rollup->cells[rollup->first - 1].value) {
        rollup->cell_count++;
    }
    if (rollup->cell_count == 0) {
        return has_other ? ask_points(loads, load) : finish(load);
    }
    codes = arena_take(loads->arena, rollup->cell_count * sizeof(*codes));
    question = load_question(loads, QUESTION_CODES, tenant->partition, &tenant->reading);
    if (codes == NULL || question == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        codes[i] = rollup->cells[i].code;
    }
    question->ask.codes.dimension = rollup->scan.dimension;
    question->ask.codes.codes = codes;
    question->ask.codes.count = rollup->cell_count;
    load->questions = (struct load_questions){.at = question, .count = 1};
    load->stage = ROLLUP_WAIT_CODES;
    load->round_due = loads->round + 1;
    return true;
}

static bool
take_values(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        struct rollup_cell *cell = &rollup->cells[i];

        cell->value = rollup->metric == ENUM_METRIC_AVG_SESSION_DURATION_SEC
                          ? rollup_mean_seconds(cell->closed_duration_ms, cell->closed_sessions)
                          : (double)rollup_counted(rollup, cell);
    }
    if (rollup->groups != NULL) {
        series_take(rollup);
        return finish(load);
    }
    return rollup->scan.has_dimension ? ask_codes(loads, load) : finish(load);
}

static bool
take_cube(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    if (rollup->scan.has_dimension && rollup->groups == NULL && !make_groups(loads, load)) {
        return false;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        for (uint32_t j = 0; j < answer->count; j++) {
            add_row(cell_of(rollup, &answer->rows[j]), &answer->rows[j]);
        }
    }
    if (rollup->scan.wants_users && rollup->cell_count > 0) {
        return ask_users(loads, load);
    }
    return take_values(loads, load);
}

static bool
take_users(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        rollup->cells[i].users = load->questions.at[0].answer.users[i];
    }
    return take_values(loads, load);
}

static bool
take_codes(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        rollup->cells[i].key = load->questions.at[0].answer.codes[i];
    }
    sort_items(rollup->cells, rollup->cell_count, sizeof(*rollup->cells), compare_values);
    if (rollup->cell_count > rollup->first) {
        rollup->cell_count = rollup->first;
    }
    return rollup->is_series ? ask_points(loads, load) : finish(load);
}

bool
rollup_step(struct loads *loads, struct load *load)
{
    switch ((enum rollup_stage)load->stage) {
    case ROLLUP_BEGIN:
        return begin(loads, load);
    case ROLLUP_WAIT_TENANT:
        return ask_cube(loads, load);
    case ROLLUP_WAIT_CUBE:
        return take_cube(loads, load);
    case ROLLUP_WAIT_USERS:
        return take_users(loads, load);
    case ROLLUP_WAIT_CODES:
        return take_codes(loads, load);
    }
    base_die("ASSERT", "a stage of a roll-up", __FILE__, __LINE__);
}
