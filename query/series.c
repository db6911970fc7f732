/* SPDX-License-Identifier: Apache-2.0 */
#include "query/series.h"

#include "shards/sort.h"

bool
series_begin(struct loads *loads, struct load *load)
{
    const struct graphql_selection *selection = load->selection;
    struct rollup *rollup = load->rollup;
    enum graphql_enum interval =
        graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_INTERVAL)->enumerator;

    rollup_set_points(load, graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_FROM)->time,
                      graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_TO)->time, interval);
    rollup->is_series = true;
    rollup->metric = graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_METRIC)->enumerator;
    rollup->first = (uint32_t)graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_FIRST)->integer;
    rollup->scan.reads_events = interval == ENUM_INTERVAL_MINUTE;
    rollup->scan.has_dimension = true;
    rollup->scan.dimension =
        rollup_dimension(graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_BY)->enumerator);
    return rollup_take_where(loads, load, graphql_argument(selection, ARGUMENT_QUERY_TIME_SERIES_BY_WHERE));
}

/* The codes of the groups, for the slices and for series_cell(). False: arena full. */
static bool
sort_groups(struct loads *loads, struct rollup *rollup)
{
    uint64_t *group_codes = arena_take(loads->arena, rollup->group_count * sizeof(*group_codes));
    uint32_t *codes = arena_take(loads->arena, rollup->group_count * sizeof(*codes));

    if (group_codes == NULL || codes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rollup->group_count; i++) {
        group_codes[i] = (uint64_t)rollup->groups[i].code << 32 | i;
    }
    sort_numbers(group_codes, rollup->group_count);
    for (uint32_t i = 0; i < rollup->group_count; i++) {
        codes[i] = (uint32_t)(group_codes[i] >> 32);
    }
    rollup->group_codes = group_codes;
    rollup->scan.has_codes = true;
    rollup->scan.codes = codes;
    rollup->scan.code_count = rollup->group_count;
    return true;
}

bool
series_ask(struct loads *loads, struct load *load)
{
    struct rollup *rollup = load->rollup;
    struct question question = {
        .kind = QUESTION_CUBE, .reading = load->tenant->reading, .ask.cube = &rollup->scan};

    rollup->groups = rollup->cells;
    rollup->group_count = rollup->cell_count;
    rollup->cell_count = (rollup->group_count + 1) * rollup->point_count;
    rollup->cells = arena_take_zero(loads->arena, (uint64_t)rollup->cell_count * sizeof(*rollup->cells));
    if (rollup->cells == NULL || !sort_groups(loads, rollup)) {
        return false;
    }
    rollup->scan.bucket_ms = rollup->step_ms;
    return load_ask_slices(loads, &question, NULL, 0, &load->questions);
}

struct rollup_cell *
series_cell(const struct rollup *rollup, const struct cube_row *row)
{
    uint32_t group = rollup->group_count;
    uint32_t begin = 0;
    uint32_t end = rollup->group_count;

    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;

        if (rollup->group_codes[middle] >> 32 < row->code) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    if (begin < rollup->group_count && rollup->group_codes[begin] >> 32 == row->code) {
        group = (uint32_t)rollup->group_codes[begin];
    }
    ASSERT(group < rollup->group_count || row->code == CODE_OTHER);
    ASSERT(row->bucket < rollup->point_count);
    return &rollup->cells[group * rollup->point_count + row->bucket];
}

void
series_take(struct rollup *rollup)
{
    const struct rollup_cell *rest = &rollup->cells[rollup->group_count * rollup->point_count];

    for (uint32_t i = 0; i < rollup->point_count && !rollup->has_rest; i++) {
        rollup->has_rest = rollup_counted(rollup, &rest[i]) > 0;
    }
}
