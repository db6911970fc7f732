/* SPDX-License-Identifier: Apache-2.0 */
#include "query/rollup.h"

#include "query/series.h"
#include "shards/shard.h"
#include "shards/sort.h"

#define MS_PER_MINUTE INT64_C(60000)

/*
 *   BEGIN, WAIT_TENANT, WAIT_CUBE
 *   COUNT_GROUPS, MAKE_GROUPS   (of a dimension) a cell for each code that any slice has, with its sums
 *   ADD                         (without, and for the points of a series) the slices' sums into their cells
 *   COUNT_USERS, JOIN_USERS     (users) the sets of all slices, joined for each cell
 *   WAIT_USERS
 *   VALUES
 *   SORT, WAIT_CODES, SORT_KEYS (of a dimension) the largest groups; for a series, WAIT_CUBE again
 *
 * What is done for each row or cell is done in pieces: a step is one of them.
 */
enum rollup_stage {
    ROLLUP_BEGIN,
    ROLLUP_WAIT_TENANT,
    ROLLUP_WAIT_CUBE,
    ROLLUP_COUNT_GROUPS,
    ROLLUP_MAKE_GROUPS,
    ROLLUP_ADD,
    ROLLUP_COUNT_USERS,
    ROLLUP_JOIN_USERS,
    ROLLUP_WAIT_USERS,
    ROLLUP_VALUES,
    ROLLUP_SORT,
    ROLLUP_WAIT_CODES,
    ROLLUP_SORT_KEYS,
};

#define PIECE_COUNT 512u          /* rows or cells of a step */
#define PIECE_PERSON_COUNT 32768u /* or numbers of people */
#define PIECE_SORT_COUNT 128u     /* or cells put in order */

double
rollup_mean_seconds(uint64_t duration_ms, uint64_t count)
{
    return count == 0 ? 0 : (double)duration_ms / 1000.0 / (double)count;
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
    load_where_want(load->tenant, where); /* all roll-ups are at the root */
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
        return load_finish(load, 1); /* zeros */
    }
    question.reading = load->tenant->reading;
    load->stage = ROLLUP_WAIT_CUBE;
    load->round_due = loads->round + 1;
    return load_ask_slices(loads, &question, NULL, 0, &load->questions);
}

static void begin_users(struct load *load);

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

/* The least code that is next in some slice, CODE_UNKNOWN at the end: rows are by code. */
static uint32_t
next_code(const struct load *load)
{
    const uint32_t *heads = load->rollup->heads;
    uint32_t least = CODE_UNKNOWN;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        if (heads[i] < answer->count && answer->rows[heads[i]].code < least) {
            least = answer->rows[heads[i]].code;
        }
    }
    return least;
}

/* All rows of the code are taken; into the cell, unless it is NULL. */
static void
take_code(struct load *load, uint32_t code, struct rollup_cell *cell)
{
    uint32_t *heads = load->rollup->heads;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct cube_answer *answer = load->questions.at[i].answer.cube;

        if (heads[i] < answer->count && answer->rows[heads[i]].code == code) {
            if (cell != NULL) {
                add_row(cell, &answer->rows[heads[i]]);
            }
            heads[i]++;
        }
    }
}

static bool
count_groups(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    for (uint32_t i = 0; i < PIECE_COUNT; i++) {
        uint32_t code = next_code(load);

        if (code == CODE_UNKNOWN) {
            memset(rollup->heads, 0, load->questions.count * sizeof(*rollup->heads));
            rollup->cells = arena_take_zero(loads->arena, rollup->cell_count * sizeof(*rollup->cells));
            rollup->cell_count = 0;
            load->stage = ROLLUP_MAKE_GROUPS;
            return rollup->cells != NULL;
        }
        take_code(load, code, NULL);
        rollup->cell_count++;
    }
    return true;
}

static bool
make_groups(struct load *load)
{
    struct rollup *rollup = load->rollup;

    for (uint32_t i = 0; i < PIECE_COUNT; i++) {
        uint32_t code = next_code(load);

        if (code == CODE_UNKNOWN) {
            begin_users(load);
            return true;
        }
        rollup->cells[rollup->cell_count].code = code;
        take_code(load, code, &rollup->cells[rollup->cell_count++]);
    }
    return true;
}

/* The row that is next of all slices, one after the other; NULL at the end. */
static const struct cube_row *
next_row(const struct load *load)
{
    struct rollup *rollup = load->rollup;

    while (rollup->slice < load->questions.count) {
        const struct cube_answer *answer = load->questions.at[rollup->slice].answer.cube;

        if (rollup->row < answer->count) {
            return &answer->rows[rollup->row++];
        }
        rollup->slice++;
        rollup->row = 0;
    }
    rollup->slice = 0;
    return NULL;
}

static bool
add_rows(struct load *load)
{
    for (uint32_t i = 0; i < PIECE_COUNT; i++) {
        const struct cube_row *row = next_row(load);

        if (row == NULL) {
            begin_users(load);
            return true;
        }
        add_row(cell_of(load->rollup, row), row);
    }
    return true;
}

/* ---- users ---- */

static struct person_set *
set_of(const struct rollup *rollup, const struct cube_row *row)
{
    return &rollup->sets[cell_of(rollup, row) - rollup->cells];
}

/* Where the numbers of each cell will be. */
static bool
make_sets(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    uint32_t *persons = arena_take(loads->arena, rollup->person_count * sizeof(*persons));

    if (persons == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        rollup->sets[i].persons = persons;
        persons += rollup->sets[i].count;
        rollup->sets[i].count = 0;
    }
    load->stage = ROLLUP_JOIN_USERS;
    return true;
}

static bool
count_users(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (rollup->sets == NULL) {
        rollup->sets = arena_take_zero(loads->arena, rollup->cell_count * sizeof(*rollup->sets));
        rollup->person_count = 0;
    }
    if (rollup->sets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < PIECE_COUNT; i++) {
        const struct cube_row *row = next_row(load);

        if (row == NULL) {
            return make_sets(loads, load);
        }
        set_of(rollup, row)->count += row->users.count;
        rollup->person_count += row->users.count;
    }
    return true;
}

static bool
ask_users(struct loads *loads, struct load *load)
{
    const struct load_tenant *tenant = load->tenant;
    struct question *question = load_question(loads, QUESTION_USERS, tenant->partition, &tenant->reading);

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

static bool
join_users(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    uint64_t person_count = 0;

    for (uint32_t i = 0; i < PIECE_COUNT && person_count < PIECE_PERSON_COUNT; i++) {
        const struct cube_row *row = next_row(load);

        if (row == NULL) {
            return ask_users(loads, load);
        }
        if (row->users.count > 0) {
            struct person_set *set = set_of(rollup, row);

            memcpy((uint32_t *)(uintptr_t)set->persons + set->count, row->users.persons,
                   row->users.count * sizeof(*set->persons));
            set->count += row->users.count;
            person_count += row->users.count;
        }
    }
    return true;
}

static void
begin_users(struct load *load)
{
    struct rollup *rollup = load->rollup;

    rollup->sets = NULL;
    rollup->next = 0;
    load->stage = rollup->scan.wants_users && rollup->cell_count > 0 ? ROLLUP_COUNT_USERS : ROLLUP_VALUES;
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

/* What has no value is no group. */
static void
begin_sort(struct rollup *rollup)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rollup->cell_count; i++) {
        if (rollup_counted(rollup, &rollup->cells[i]) == 0) {
            continue;
        }
        if (rollup->is_series && rollup->cells[i].code == CODE_OTHER) {
            rollup->has_other = true; /* with the rest, never a series of its own */
            continue;
        }
        rollup->cells[count++] = rollup->cells[i];
    }
    rollup->cell_count = count;
    item_sort_begin(&rollup->sort, rollup->cells, count, sizeof(*rollup->cells), compare_values);
}

/* Those that may be on the page: as many as it holds, and those that are no less than the last of them. */
static bool
ask_codes(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    const struct load_tenant *tenant = load->tenant;
    struct question *question;
    uint32_t count = rollup->cell_count;
    uint32_t *codes;

    if (!item_sort_go_on(&rollup->sort, PIECE_SORT_COUNT)) {
        return true;
    }
    rollup->cell_count = count < rollup->first ? count : rollup->first;
    while (rollup->cell_count > 0 && rollup->cell_count < count &&
           rollup->cells[rollup->cell_count].value >= rollup->cells[rollup->first - 1].value) {
        rollup->cell_count++;
    }
    if (rollup->cell_count == 0) {
        return rollup->has_other ? ask_points(loads, load) : load_finish(load, 1);
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
take_values(struct load *load)
{
    struct rollup *rollup = load->rollup;
    uint32_t left = rollup->cell_count - rollup->next;
    uint32_t end = rollup->next + (left < PIECE_COUNT ? left : PIECE_COUNT);

    for (; rollup->next < end; rollup->next++) {
        struct rollup_cell *cell = &rollup->cells[rollup->next];

        cell->value = rollup->metric == ENUM_METRIC_AVG_SESSION_DURATION_SEC
                          ? rollup_mean_seconds(cell->closed_duration_ms, cell->closed_sessions)
                          : (double)rollup_counted(rollup, cell);
    }
    if (rollup->next < rollup->cell_count) {
        return true;
    }
    if (rollup->groups != NULL) {
        series_take(rollup);
        return load_finish(load, 1);
    }
    if (!rollup->scan.has_dimension) {
        return load_finish(load, 1);
    }
    begin_sort(rollup);
    load->stage = ROLLUP_SORT;
    return true;
}

static bool
take_cube(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    rollup->slice = 0;
    rollup->row = 0;
    load->stage = ROLLUP_ADD;
    if (rollup->scan.has_dimension && rollup->groups == NULL) {
        rollup->heads = arena_take_zero(loads->arena, load->questions.count * sizeof(*rollup->heads));
        load->stage = ROLLUP_COUNT_GROUPS;
        return rollup->heads != NULL;
    }
    return true;
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
    load->stage = ROLLUP_VALUES;
    return true;
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
    item_sort_begin(&rollup->sort, rollup->cells, rollup->cell_count, sizeof(*rollup->cells), compare_values);
    load->stage = ROLLUP_SORT_KEYS;
    return true;
}

static bool
sort_keys(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;

    if (!item_sort_go_on(&rollup->sort, PIECE_SORT_COUNT)) {
        return true;
    }
    if (rollup->cell_count > rollup->first) {
        rollup->cell_count = rollup->first;
    }
    return rollup->is_series ? ask_points(loads, load) : load_finish(load, 1);
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
    case ROLLUP_COUNT_GROUPS:
        return count_groups(loads, load);
    case ROLLUP_MAKE_GROUPS:
        return make_groups(load);
    case ROLLUP_ADD:
        return add_rows(load);
    case ROLLUP_COUNT_USERS:
        return count_users(loads, load);
    case ROLLUP_JOIN_USERS:
        return join_users(loads, load);
    case ROLLUP_WAIT_USERS:
        return take_users(loads, load);
    case ROLLUP_VALUES:
        return take_values(load);
    case ROLLUP_SORT:
        return ask_codes(loads, load);
    case ROLLUP_WAIT_CODES:
        return take_codes(loads, load);
    case ROLLUP_SORT_KEYS:
        return sort_keys(loads, load);
    }
    base_die("ASSERT", "a stage of a roll-up", __FILE__, __LINE__);
}
