/* SPDX-License-Identifier: Apache-2.0 */
#include "query/profile_page.h"

#include "shards/shard.h"

enum page_stage {
    PAGE_BEGIN,
    PAGE_WAIT_TENANT,
    PAGE_WAIT_ANSWERS,
};

/* ---- arguments ---- */

static enum profile_order
order_of(enum graphql_enum value)
{
    static const enum profile_order orders[] = {PROFILE_ORDER_LAST_SEEN, PROFILE_ORDER_FIRST_SEEN,
                                                PROFILE_ORDER_TOTAL_EVENTS, PROFILE_ORDER_TOTAL_SESSIONS};

    static_assert(ENUM_PROFILE_ORDER_TOTAL_SESSIONS_DESC - ENUM_PROFILE_ORDER_LAST_SEEN_DESC + 1 ==
                      COUNT_OF(orders),
                  "the same order");
    return orders[value - ENUM_PROFILE_ORDER_LAST_SEEN_DESC];
}

static void
set_filter(struct profile_scan *scan, const struct graphql_value *filter)
{
    const struct graphql_value *country = graphql_value_field(filter, INPUT_PROFILE_FILTER_COUNTRY);
    const struct graphql_value *device = graphql_value_field(filter, INPUT_PROFILE_FILTER_DEVICE_TYPE);
    const struct graphql_value *from = graphql_value_field(filter, INPUT_PROFILE_FILTER_SEEN_FROM);
    const struct graphql_value *to = graphql_value_field(filter, INPUT_PROFILE_FILTER_SEEN_TO);
    const struct graphql_value *identified = graphql_value_field(filter, INPUT_PROFILE_FILTER_IDENTIFIED);

    if (graphql_value_is_given(country)) {
        scan->country = country->text;
    }
    if (graphql_value_is_given(device)) {
        scan->device_type = device->text;
    }
    if (graphql_value_is_given(from)) {
        scan->seen_from = from->time;
    }
    if (graphql_value_is_given(to)) {
        scan->seen_to = to->time;
    }
    if (graphql_value_is_given(identified)) {
        scan->identified = identified->truth ? TRI_YES : TRI_NO;
    }
}

static bool
begin(struct loads *loads, struct load *load)
{
    const struct graphql_selection *selection = load->selection;
    const struct graphql_value *after = graphql_argument(selection, ARGUMENT_QUERY_PROFILES_AFTER);
    const struct graphql_value *filter = graphql_argument(selection, ARGUMENT_QUERY_PROFILES_FILTER);
    struct profile_scan *scan = arena_take_zero(loads->arena, sizeof(*scan));

    if (scan == NULL) {
        return false;
    }
    load->profile_scan = scan;
    load->stage = PAGE_WAIT_TENANT;
    load->first = (uint32_t)graphql_argument(selection, ARGUMENT_QUERY_PROFILES_FIRST)->integer;
    load->has_after = graphql_value_is_given(after);
    *scan = (struct profile_scan){
        .order = order_of(graphql_argument(selection, ARGUMENT_QUERY_PROFILES_ORDER_BY)->enumerator),
        .seen_from = {INT64_MIN},
        .seen_to = {INT64_MAX},
        .has_after = load->has_after,
        .count_max = load->first + 1,
    };
    if (graphql_value_is_given(filter)) {
        set_filter(scan, filter);
    }
    if (load->has_after && !cursor_to_profile(after->text, scan->order, &scan->after)) {
        load_refuse(load, LOAD_CODE_CURSOR, "Argument \"after\" is not a cursor of this list in this order.");
    }
    return true;
}

/* ---- questions ---- */

static bool
ask(struct loads *loads, struct load *load)
{
    struct question question = {.kind = QUESTION_PROFILES, .ask.profiles = load->profile_scan};

    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    if (!load->tenant->reading.is_known) {
        return load_finish(load, load->row_count);
    }
    question.reading = load->tenant->reading;
    load->stage = PAGE_WAIT_ANSWERS;
    load->round_due = loads->round + 1;
    return load_ask_slices(loads, &question, NULL, 0, &load->questions);
}

/* ---- answers ---- */

/* The next place of all slices, and one step further in its slice; NULL at the end. */
static const struct profile_place *
next_place(const struct load *load, uint32_t *used)
{
    const struct profile_place *best = NULL;
    uint32_t best_slice = 0;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct profiles_answer *answer = load->questions.at[i].answer.profiles;

        if (used[i] < answer->count &&
            (best == NULL || profile_place_precedes(&answer->rows[used[i]], best))) {
            best = &answer->rows[used[i]];
            best_slice = i;
        }
    }
    used[best_slice]++;
    return best;
}

static bool
take_answers(struct loads *loads, struct load *load)
{
    uint32_t used[SLICE_COUNT_MAX + 1] = {0};
    uint64_t count = 0;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct profiles_answer *answer = load->questions.at[i].answer.profiles;

        count += answer->count;
        load->total_count += answer->total;
        load->has_previous |= answer->has_previous;
    }
    count = count < load->first ? count : load->first;
    load->places = arena_take(loads->arena, count * sizeof(*load->places));
    if (load->places == NULL) {
        return false;
    }
    while (load->row_count < count) {
        load->places[load->row_count++] = next_place(load, used);
    }
    load->has_next = next_place(load, used) != NULL;
    return load_finish(load, load->row_count);
}

bool
profile_page_step(struct loads *loads, struct load *load)
{
    switch ((enum page_stage)load->stage) {
    case PAGE_BEGIN:
        return begin(loads, load);
    case PAGE_WAIT_TENANT:
        return ask(loads, load);
    case PAGE_WAIT_ANSWERS:
        return take_answers(loads, load);
    }
    base_die("ASSERT", "a stage of a page", __FILE__, __LINE__);
}
