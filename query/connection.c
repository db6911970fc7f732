/* SPDX-License-Identifier: Apache-2.0 */
#include "query/connection.h"

#include <errno.h>

#include "shards/shard.h"

/*
 * The rows of events and sessions lie in all slices, and a page has a few of each. So a slice answers a part of a page
 * first: twice its even share, and some. When all of a part is in the page and the page is not full, that slice is asked
 * for what comes behind, twice as much each time. Each such round has put a whole part into the page, so there are at
 * most about half as many rounds as slices.
 *
 * Parts end by bytes too. So what slices answer takes about PAGE_BYTES, and three times what is in the page.
 */

#define PART_ROWS_MIN 8u
#define PAGE_BYTES (4u << 20) /* of the first parts together */

enum page_stage {
    PAGE_BEGIN,
    PAGE_WAIT_TENANT,
    PAGE_WAIT_ANSWERS,
    PAGE_WAIT_PEOPLE,
};

/* The arguments of the fields that are pages. */
struct arguments {
    enum graphql_field field;
    enum graphql_argument first;
    enum graphql_argument after;
    enum graphql_argument filter; /* ARGUMENT_NONE: it has none */
};

static const struct arguments fields[] = {
    {FIELD_QUERY_EVENTS, ARGUMENT_QUERY_EVENTS_FIRST, ARGUMENT_QUERY_EVENTS_AFTER,
     ARGUMENT_QUERY_EVENTS_FILTER},
    {FIELD_PROFILE_EVENTS, ARGUMENT_PROFILE_EVENTS_FIRST, ARGUMENT_PROFILE_EVENTS_AFTER,
     ARGUMENT_PROFILE_EVENTS_FILTER},
    {FIELD_SESSION_EVENTS, ARGUMENT_SESSION_EVENTS_FIRST, ARGUMENT_SESSION_EVENTS_AFTER, ARGUMENT_NONE},
    {FIELD_QUERY_SESSIONS, ARGUMENT_QUERY_SESSIONS_FIRST, ARGUMENT_QUERY_SESSIONS_AFTER,
     ARGUMENT_QUERY_SESSIONS_FILTER},
    {FIELD_PROFILE_SESSIONS, ARGUMENT_PROFILE_SESSIONS_FIRST, ARGUMENT_PROFILE_SESSIONS_AFTER, ARGUMENT_NONE},
    {FIELD_QUERY_MERGES, ARGUMENT_QUERY_MERGES_FIRST, ARGUMENT_QUERY_MERGES_AFTER, ARGUMENT_NONE},
};

static const struct arguments *
arguments_of(enum graphql_field field)
{
    for (uint32_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].field == field) {
            return &fields[i];
        }
    }
    base_die("REQUIRE", "a field that is a page", __FILE__, __LINE__);
}

static bool
refuse_cursor(struct load *load)
{
    load_refuse(load, LOAD_CODE_CURSOR, "Argument \"after\" is not a cursor of this list.");
    return true;
}

/* ---- arguments ---- */

static void
filter_text(const struct graphql_value *filter, enum graphql_input input, struct text *to)
{
    const struct graphql_value *value = graphql_value_field(filter, input);

    if (graphql_value_is_given(value)) {
        *to = value->text;
    }
}

static void
filter_time(const struct graphql_value *filter, enum graphql_input input, struct event_ms *to)
{
    const struct graphql_value *value = graphql_value_field(filter, input);

    if (graphql_value_is_given(value)) {
        *to = value->time;
    }
}

static void
filter_tri(const struct graphql_value *filter, enum graphql_input input, enum tri *to)
{
    const struct graphql_value *value = graphql_value_field(filter, input);

    if (graphql_value_is_given(value)) {
        *to = value->truth ? TRI_YES : TRI_NO;
    }
}

/* Only this person's rows; below a profile, only if it is the same one. False: arena full. */
static bool
filter_person(struct loads *loads, struct load *load, const struct graphql_value *filter,
              enum graphql_input input)
{
    const struct graphql_value *value = graphql_value_field(filter, input);
    struct load_person *person;

    if (!graphql_value_is_given(value)) {
        return true;
    }
    person = load_person_get(loads, load->tenant, RESOLVE_CANONICAL, value->text);
    if (load->person == NULL) {
        load->person = person;
    } else {
        load->filter = person;
    }
    return person != NULL;
}

static void
want_value(struct load_where *where, enum dimension dimension, struct text equals)
{
    if (equals.bytes > 0) {
        where->values[where->count++] = (struct dimension_value){.dimension = dimension, .equals = equals};
    }
}

/* So that nobody looks through all events for what none has. False: arena full. */
static bool
want_values(struct loads *loads, struct load *load)
{
    const struct event_scan *scan = load->event_scan;
    struct load_where *where = arena_take_zero(loads->arena, sizeof(*where));

    if (where == NULL) {
        return false;
    }
    where->values = arena_take_zero(loads->arena, 3 * sizeof(*where->values));
    if (where->values == NULL) {
        return false;
    }
    want_value(where, DIMENSION_EVENT_TYPE, scan->event_type);
    want_value(where, DIMENSION_DEVICE_TYPE, scan->device_type);
    want_value(where, DIMENSION_COUNTRY, scan->country);
    load_where_want(load->tenant, where);
    load->wanted = where;
    return true;
}

static bool
begin_events(struct loads *loads, struct load *load, const struct graphql_value *filter, struct text after)
{
    struct event_scan *scan = arena_take_zero(loads->arena, sizeof(*scan));

    if (scan == NULL) {
        return false;
    }
    *scan = (struct event_scan){.from = {INT64_MIN}, .to = {INT64_MAX}, .texts = load_event_texts(load)};
    load->event_scan = scan;
    if (filter != NULL) {
        filter_text(filter, INPUT_EVENT_FILTER_EVENT_TYPE, &scan->event_type);
        filter_text(filter, INPUT_EVENT_FILTER_DEVICE_TYPE, &scan->device_type);
        filter_text(filter, INPUT_EVENT_FILTER_COUNTRY, &scan->country);
        filter_time(filter, INPUT_EVENT_FILTER_FROM, &scan->from);
        filter_time(filter, INPUT_EVENT_FILTER_TO, &scan->to);
        filter_tri(filter, INPUT_EVENT_FILTER_LATE, &scan->late);
        if (!filter_person(loads, load, filter, INPUT_EVENT_FILTER_CANONICAL_ID)) {
            return false;
        }
        if (load->selection->field == FIELD_QUERY_EVENTS && !want_values(loads, load)) {
            return false;
        }
    }
    scan->has_after = load->has_after;
    if (load->has_after && !cursor_to_event(after, &scan->after)) {
        return refuse_cursor(load);
    }
    return true;
}

/* A session's events: kept under its sources, in its time, and in a session at all. */
static bool
begin_session_events(struct loads *loads, struct load *load)
{
    const struct session_row *session = load->parent->sessions[load->row];

    load->event_scan->from = session->start;
    load->event_scan->to = (struct event_ms){.ms = session->end.ms + 1};
    load->event_scan->only_in_session = true;
    if (load->person == NULL) {
        const struct member *winner = load_people_find(load->tenant, session->person);

        ASSERT(winner != NULL); /* the parent has waited */
        load->person = load_person_of(loads, load->tenant, winner->canonical);
    }
    return load->person != NULL;
}

static bool
begin_sessions(struct loads *loads, struct load *load, const struct graphql_value *filter, struct text after)
{
    struct session_scan *scan = arena_take_zero(loads->arena, sizeof(*scan));

    if (scan == NULL) {
        return false;
    }
    *scan = (struct session_scan){.from = {INT64_MIN}, .to = {INT64_MAX}, .with = load_session_with(load)};
    load->session_scan = scan;
    if (filter != NULL) {
        filter_time(filter, INPUT_SESSION_FILTER_FROM, &scan->from);
        filter_time(filter, INPUT_SESSION_FILTER_TO, &scan->to);
        filter_tri(filter, INPUT_SESSION_FILTER_OPEN, &scan->open);
        if (!filter_person(loads, load, filter, INPUT_SESSION_FILTER_CANONICAL_ID)) {
            return false;
        }
    }
    scan->has_after = load->has_after;
    if (load->has_after && !cursor_to_session(after, &scan->after)) {
        return refuse_cursor(load);
    }
    return true;
}

static bool
begin(struct loads *loads, struct load *load)
{
    const struct arguments *arguments = arguments_of(load->selection->field);
    const struct graphql_value *after = graphql_argument(load->selection, arguments->after);
    const struct graphql_value *filter = NULL;
    struct text cursor = {0};

    if (arguments->filter != ARGUMENT_NONE &&
        graphql_value_is_given(graphql_argument(load->selection, arguments->filter))) {
        filter = graphql_argument(load->selection, arguments->filter);
    }
    load->stage = PAGE_WAIT_TENANT;
    load->first = (uint32_t)graphql_argument(load->selection, arguments->first)->integer;
    load->has_after = graphql_value_is_given(after);
    if (load->has_after) {
        cursor = after->text;
    }
    if (load->kind == LOAD_EVENTS) {
        return begin_events(loads, load, filter, cursor) &&
               (arguments->field != FIELD_SESSION_EVENTS || load->is_done ||
                begin_session_events(loads, load));
    }
    if (load->kind == LOAD_SESSIONS) {
        return begin_sessions(loads, load, filter, cursor);
    }
    load->before = UINT64_MAX;
    if (load->has_after && !cursor_to_merge(cursor, &load->before)) {
        return refuse_cursor(load);
    }
    return true;
}

/* ---- questions ---- */

static bool
wants_previous(const struct load *load)
{
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        if (load_has_child(at, FIELD_PAGE_INFO_HAS_PREVIOUS_PAGE)) {
            return load->has_after;
        }
    }
    return false;
}

static bool
wants_what_is_unseen(const struct load *load)
{
    for (uint32_t i = 0; load->wanted != NULL && i < load->wanted->count; i++) {
        if (load->wanted->values[i].is_unseen) {
            return true;
        }
    }
    return false;
}

/* Nothing can be in this list, whatever the slices have. */
static bool
is_surely_empty(const struct load *load)
{
    if (!load->tenant->reading.is_known) {
        return true;
    }
    if (load->person != NULL && !load->person->answer->is_known) {
        return true;
    }
    if (load->filter != NULL &&
        (!load->filter->answer->is_known ||
         load->filter->answer->winner.person != load->person->answer->winner.person)) {
        return true;
    }
    if (load->kind == LOAD_EVENTS) {
        return load->event_scan->from.ms >= load->event_scan->to.ms || wants_what_is_unseen(load);
    }
    return load->kind == LOAD_SESSIONS && load->session_scan->from.ms >= load->session_scan->to.ms;
}

/* Of the session's person, only those under whom its events were kept. NULL: arena full. */
static const struct member *
sources_of(struct loads *loads, const struct load *load, uint32_t *out_count)
{
    const struct session_row *session = load->parent->sessions[load->row];
    const struct resolve_answer *person = load->person->answer;
    struct member *members = arena_take(loads->arena, person->member_count * sizeof(*members));
    uint32_t count = 0;

    if (members == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < person->member_count; i++) {
        for (uint32_t j = 0; j < session->source_count; j++) {
            if (session->sources[j] == person->members[i].person) {
                members[count++] = person->members[i];
                break;
            }
        }
    }
    if (count == 0) {
        *out_count = person->member_count; /* its sources are not this person's any more */
        return person->members;
    }
    *out_count = count;
    return members;
}

/* Rows of a first part; `wanted` are those of the page, and one to know whether there is a next page. */
static uint32_t
part_rows(uint32_t wanted, uint32_t slice_count)
{
    uint32_t rows = 2 * wanted / slice_count + PART_ROWS_MIN;

    return slice_count == 1 || rows > wanted ? wanted : rows;
}

/* The slices are asked for their first parts. */
static bool
begin_parts(struct loads *loads, struct load *load)
{
    uint32_t count = load->questions.count;
    uint32_t rows = count > 0 ? part_rows(load->first + 1, count) : 0;
    uint64_t bytes = count > 0 ? PAGE_BYTES / count : 0;

    if (load->kind == LOAD_EVENTS) {
        load->event_scan->count_max = rows;
        load->event_scan->bytes_max = bytes;
        load->events = arena_take(loads->arena, load->first * sizeof(*load->events));
    } else {
        load->session_scan->count_max = rows;
        load->session_scan->bytes_max = bytes;
        load->sessions = arena_take(loads->arena, load->first * sizeof(*load->sessions));
    }
    load->parts = arena_take(loads->arena, count * sizeof(*load->parts));
    if (load->parts == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        load->parts[i] = (struct load_part){.question = &load->questions.at[i]};
    }
    return true;
}

static bool
ask_events(struct loads *loads, struct load *load)
{
    struct event_scan *scan = load->event_scan;
    struct question question = {
        .kind = QUESTION_EVENTS, .reading = load->tenant->reading, .ask.events = scan};
    struct event_scan *probe;

    if (load->person != NULL) {
        scan->members = load->person->answer->members;
        scan->member_count = load->person->answer->member_count;
    }
    if (load->selection->field == FIELD_SESSION_EVENTS) {
        scan->members = sources_of(loads, load, &scan->member_count);
        if (scan->members == NULL) {
            return false;
        }
    }
    if (!load_ask_slices(loads, &question, scan->members, scan->member_count, &load->questions) ||
        !begin_parts(loads, load)) {
        return false;
    }
    if (!wants_previous(load)) {
        return true;
    }
    probe = arena_take(loads->arena, sizeof(*probe));
    if (probe == NULL) {
        return false;
    }
    *probe = *scan;
    probe->has_after = false;
    probe->texts = 0;
    probe->count_max = 1;
    question.ask.events = probe;
    return load_ask_slices(loads, &question, scan->members, scan->member_count, &load->probes);
}

static bool
ask_sessions(struct loads *loads, struct load *load)
{
    struct session_scan *scan = load->session_scan;
    struct question question = {
        .kind = QUESTION_SESSIONS, .reading = load->tenant->reading, .ask.sessions = scan};
    struct session_scan *probe;

    if (load->person != NULL) {
        scan->members = load->person->answer->members;
        scan->member_count = load->person->answer->member_count;
    }
    if (!load_ask_slices(loads, &question, scan->members, scan->member_count, &load->questions) ||
        !begin_parts(loads, load)) {
        return false;
    }
    if (!wants_previous(load)) {
        return true;
    }
    probe = arena_take(loads->arena, sizeof(*probe));
    if (probe == NULL) {
        return false;
    }
    *probe = *scan;
    probe->has_after = false;
    probe->with = 0;
    probe->count_max = 1;
    question.ask.sessions = probe;
    return load_ask_slices(loads, &question, scan->members, scan->member_count, &load->probes);
}

static bool
ask_merges(struct loads *loads, struct load *load)
{
    const struct load_tenant *tenant = load->tenant;
    struct question *question = load_question(loads, QUESTION_MERGES, tenant->partition, &tenant->reading);

    if (question == NULL) {
        return false;
    }
    question->ask.merges.count_max = load->first + 1;
    question->ask.merges.before = load->before;
    load->questions = (struct load_questions){.at = question, .count = 1};
    if (!wants_previous(load)) {
        return true;
    }
    question = load_question(loads, QUESTION_MERGES, tenant->partition, &tenant->reading);
    if (question == NULL) {
        return false;
    }
    question->ask.merges.count_max = 1;
    question->ask.merges.before = UINT64_MAX;
    load->probes = (struct load_questions){.at = question, .count = 1};
    return true;
}

static bool
ask(struct loads *loads, struct load *load)
{
    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    if (is_surely_empty(load)) {
        return load_finish(load, load->row_count);
    }
    load->stage = PAGE_WAIT_ANSWERS;
    load->round_due = loads->round + 1;
    if (load->kind == LOAD_EVENTS) {
        return ask_events(loads, load);
    }
    return load->kind == LOAD_SESSIONS ? ask_sessions(loads, load) : ask_merges(loads, load);
}

/* ---- answers ---- */

/* Whether `a` comes before `b`. */
static bool
event_precedes(const struct event_row *a, const struct event_row *b)
{
    if (a->record->event_time.ms != b->record->event_time.ms) {
        return a->record->event_time.ms > b->record->event_time.ms;
    }
    return a->position > b->position;
}

static bool
session_precedes(const struct session_row *a, const struct session_row *b)
{
    if (a->start.ms != b->start.ms) {
        return a->start.ms > b->start.ms;
    }
    return memcmp(a->session_id.byte, b->session_id.byte, sizeof(a->session_id.byte)) > 0;
}

/* The next one of a slice; NULL at the end of its part. */
static const void *
row_of(const struct load *load, const struct load_part *part)
{
    if (load->kind == LOAD_EVENTS) {
        const struct events_answer *answer = part->question->answer.events;

        return part->used < answer->count ? &answer->rows[part->used] : NULL;
    }
    const struct sessions_answer *answer = part->question->answer.sessions;

    return part->used < answer->count ? &answer->rows[part->used] : NULL;
}

/* All of the part is in the page, and the slice may have more. */
static bool
is_used_up(const struct load *load, const struct load_part *part)
{
    return row_of(load, part) == NULL &&
           (load->kind == LOAD_EVENTS ? part->question->answer.events->has_more
                                      : part->question->answer.sessions->has_more);
}

static bool
row_precedes(const struct load *load, const void *a, const void *b)
{
    return load->kind == LOAD_EVENTS ? event_precedes(a, b) : session_precedes(a, b);
}

enum merged {
    MERGED_ALL,  /* the page is full, or everything is in it */
    MERGED_PART, /* first those slices must be asked whose part is used up */
};

static enum merged
merge(struct load *load)
{
    for (;;) {
        struct load_part *best = NULL;
        const void *best_row = NULL;
        bool is_waiting = false;

        for (uint32_t i = 0; i < load->questions.count; i++) {
            struct load_part *part = &load->parts[i];
            const void *row = row_of(load, part);

            is_waiting |= is_used_up(load, part);
            if (row != NULL && (best == NULL || row_precedes(load, row, best_row))) {
                best = part;
                best_row = row;
            }
        }
        if (load->row_count == load->first && best != NULL) {
            load->has_next = true;
            return MERGED_ALL;
        }
        if (is_waiting) {
            return MERGED_PART;
        }
        if (best == NULL) {
            return MERGED_ALL;
        }
        if (load->kind == LOAD_EVENTS) {
            load->events[load->row_count++] = best_row;
        } else {
            load->sessions[load->row_count++] = best_row;
        }
        best->used++;
    }
}

/* Twice as much as the last time, but not more than the page has room for. */
static uint32_t
more_rows(const struct load *load, uint32_t rows)
{
    uint32_t room = load->first + 1 - load->row_count;

    return 2 * rows < room ? 2 * rows : room;
}

/* The slice's next part, behind the last row of this one. False: arena full. */
static bool
ask_more(struct loads *loads, const struct load *load, struct load_part *part)
{
    const struct question *before = part->question;
    struct question *question = load_question(loads, before->kind, before->target, &before->reading);

    if (question == NULL) {
        return false;
    }
    if (load->kind == LOAD_EVENTS) {
        const struct event_row *last = &before->answer.events->rows[part->used - 1];
        struct event_scan *scan = arena_take(loads->arena, sizeof(*scan));

        if (scan == NULL) {
            return false;
        }
        *scan = *before->ask.events;
        scan->has_after = true;
        scan->after =
            (struct event_place){.event_time = last->record->event_time, .position = last->position};
        scan->count_max = more_rows(load, scan->count_max);
        scan->bytes_max *= 2;
        question->ask.events = scan;
    } else {
        const struct session_row *last = &before->answer.sessions->rows[part->used - 1];
        struct session_scan *scan = arena_take(loads->arena, sizeof(*scan));

        if (scan == NULL) {
            return false;
        }
        *scan = *before->ask.sessions;
        scan->has_after = true;
        scan->after = (struct session_place){.start = last->start, .session_id = last->session_id};
        scan->count_max = more_rows(load, scan->count_max);
        scan->bytes_max *= 2;
        question->ask.sessions = scan;
    }
    *part = (struct load_part){.question = question};
    return true;
}

/* Of all slices whose part is used up. What is in the page must not be more than an answer may be. */
static bool
ask_for_more(struct loads *loads, struct load *load)
{
    load->round_due = loads->round + 1;
    for (uint32_t i = 0; i < load->questions.count; i++) {
        struct load_part *part = &load->parts[i];

        if (!is_used_up(load, part)) {
            continue;
        }
        load->used_bytes += part->question->arena.bytes_used;
        if (load->used_bytes > ARENA_BYTES_MAX) {
            load_fail(loads, load, -E2BIG);
            return true;
        }
        if (!ask_more(loads, load, part)) {
            return false;
        }
    }
    return true;
}

static bool
has_failed_part(struct loads *loads, struct load *load)
{
    for (uint32_t i = 0; i < load->questions.count; i++) {
        if (load->parts[i].question->fault != 0) {
            load_fail(loads, load, load->parts[i].question->fault);
            return true;
        }
    }
    return load_has_failed(loads, load, load->probes);
}

/* Whether something of the list precedes the page: the first row of a slice does. */
static bool
has_previous(const struct load *load)
{
    bool has_one = false;

    for (uint32_t i = 0; i < load->probes.count; i++) {
        if (load->kind == LOAD_EVENTS) {
            const struct events_answer *answer = load->probes.at[i].answer.events;
            const struct event_place *after = &load->event_scan->after;

            if (answer->count > 0) {
                int64_t time = answer->rows[0].record->event_time.ms;
                has_one |= time > after->event_time.ms ||
                           (time == after->event_time.ms && answer->rows[0].position >= after->position);
            }
        } else {
            const struct sessions_answer *answer = load->probes.at[i].answer.sessions;
            const struct session_place *after = &load->session_scan->after;
            struct session_row place = {.start = after->start, .session_id = after->session_id};

            has_one |= answer->count > 0 && !session_precedes(&place, &answer->rows[0]);
        }
    }
    return has_one;
}

static bool
take_merges(struct loads *loads, struct load *load)
{
    const struct merges_answer *answer;

    if (load_has_failed(loads, load, load->questions) || load_has_failed(loads, load, load->probes)) {
        return true;
    }
    answer = load->questions.at[0].answer.merges;
    load->merges = answer->rows;
    load->has_next = answer->count > load->first;
    load->row_count = load->has_next ? load->first : answer->count;
    if (load->probes.count > 0) {
        answer = load->probes.at[0].answer.merges;
        load->has_previous = answer->count > 0 && answer->rows[0].ordinal >= load->before;
    }
    return load_finish(load, load->row_count);
}

/* The rows are somebody's, but who are they now? */
static bool
wants_people(const struct load *load)
{
    if (load->person != NULL || load->row_count == 0) {
        return false;
    }
    if (load->kind == LOAD_EVENTS) {
        return load_rows_have(load, FIELD_EVENT_CANONICAL_ID) || load_rows_have(load, FIELD_EVENT_SESSION);
    }
    return load_rows_have(load, FIELD_SESSION_CANONICAL_ID) || load_rows_have(load, FIELD_SESSION_EVENTS);
}

static bool
take_answers(struct loads *loads, struct load *load)
{
    uint32_t *persons;

    if (load->kind == LOAD_MERGES) {
        return take_merges(loads, load);
    }
    if (has_failed_part(loads, load)) {
        return true;
    }
    if (merge(load) == MERGED_PART) {
        return ask_for_more(loads, load);
    }
    load->has_previous = has_previous(load);
    if (!wants_people(load)) {
        return load_finish(load, load->row_count);
    }
    persons = arena_take(loads->arena, load->row_count * sizeof(*persons));
    if (persons == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < load->row_count; i++) {
        persons[i] = load->kind == LOAD_EVENTS ? load->events[i]->person : load->sessions[i]->person;
    }
    load_people_want(loads, load->tenant, persons, load->row_count);
    load->stage = PAGE_WAIT_PEOPLE;
    return true;
}

static bool
take_people(struct loads *loads, struct load *load)
{
    if (load->tenant->people_fault != 0) {
        load_fail(loads, load, load->tenant->people_fault);
        return true;
    }
    for (uint32_t i = 0; i < load->row_count; i++) {
        uint32_t person = load->kind == LOAD_EVENTS ? load->events[i]->person : load->sessions[i]->person;

        if (load_people_find(load->tenant, person) == NULL) {
            return false;
        }
    }
    return load_finish(load, load->row_count);
}

bool
connection_step(struct loads *loads, struct load *load)
{
    switch ((enum page_stage)load->stage) {
    case PAGE_BEGIN:
        return begin(loads, load);
    case PAGE_WAIT_TENANT:
        return ask(loads, load);
    case PAGE_WAIT_ANSWERS:
        return take_answers(loads, load);
    case PAGE_WAIT_PEOPLE:
        return take_people(loads, load);
    }
    base_die("ASSERT", "a stage of a page", __FILE__, __LINE__);
}
