/* SPDX-License-Identifier: Apache-2.0 */
#include "query/load_object.h"

#include <errno.h>

#include "shards/shard.h"
#include "shards/sort.h"

/* Events of one person that are nearer than this are asked as a bracket. Any number is right; this one is the
   usual gap, so that few brackets have two sessions. */
#define BRACKET_GAP_MS (30 * INT64_C(60000))

enum object_stage {
    OBJECT_BEGIN,
    OBJECT_WAIT_TENANT,
    OBJECT_WAIT_ANSWERS,
    OBJECT_WAIT_MORE,
};

static void
wait_answers(struct loads *loads, struct load *load, enum object_stage stage)
{
    load->stage = stage;
    load->round_due = loads->round + 1;
}

/* ---- tenants ---- */

static bool
ask_tenants(struct loads *loads, struct load *load)
{
    uint32_t count = loads->shard->node->partition_count;
    struct question *questions = arena_take_zero(loads->arena, count * sizeof(*questions));

    if (questions == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        questions[i].kind = QUESTION_TENANTS;
        questions[i].target = (uint16_t)i;
        if (!scatter_add(&loads->scatter, &questions[i])) {
            return false;
        }
    }
    load->questions = (struct load_questions){.at = questions, .count = count};
    wait_answers(loads, load, OBJECT_WAIT_ANSWERS);
    return true;
}

/* Most events first, then by id. */
static int
compare_tenants(const void *a, const void *b)
{
    const struct tenant_row *left = *(const struct tenant_row *const *)a;
    const struct tenant_row *right = *(const struct tenant_row *const *)b;

    if (left->total_events != right->total_events) {
        return left->total_events > right->total_events ? -1 : 1;
    }
    return text_compare(left->tenant_id, right->tenant_id);
}

static bool
collect_tenants(struct loads *loads, struct load *load)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        count += load->questions.at[i].answer.tenants->count;
    }
    load->tenants = arena_take(loads->arena, count * sizeof(*load->tenants));
    if (load->tenants == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct tenants_answer *answer = load->questions.at[i].answer.tenants;

        for (uint32_t j = 0; j < answer->count; j++) {
            if (principal_may_read(loads->principal, answer->rows[j].tenant_id)) {
                load->tenants[load->row_count++] = &answer->rows[j];
            }
        }
    }
    sort_items(load->tenants, load->row_count, sizeof(*load->tenants), compare_tenants);
    return true;
}

/* Of every tenant in every slice: questions[row * slice_count + slice]. */
static bool
ask_open_sessions(struct loads *loads, struct load *load)
{
    uint32_t slice_count = loads->shard->node->slice_count;
    uint64_t count = (uint64_t)load->row_count * slice_count;
    struct question *questions = arena_take_zero(loads->arena, count * sizeof(*questions));

    load->open_sessions = arena_take_zero(loads->arena, load->row_count * sizeof(*load->open_sessions));
    if (questions == NULL || load->open_sessions == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        questions[i].kind = QUESTION_OPEN_SESSIONS;
        questions[i].target = (uint16_t)(i % slice_count);
        questions[i].reading = load->tenants[i / slice_count]->reading;
        if (!scatter_add(&loads->scatter, &questions[i])) {
            return false;
        }
    }
    load->questions = (struct load_questions){.at = questions, .count = (uint32_t)count};
    wait_answers(loads, load, OBJECT_WAIT_MORE);
    return true;
}

static bool
take_open_sessions(struct loads *loads, struct load *load)
{
    uint32_t slice_count = loads->shard->node->slice_count;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        load->open_sessions[i / slice_count] += load->questions.at[i].answer.open_sessions;
    }
    return load_finish(load, load->row_count);
}

static bool
take_tenants(struct loads *loads, struct load *load)
{
    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    if (!collect_tenants(loads, load)) {
        return false;
    }
    if (load->row_count == 0 || !load_has_child(load->selection, FIELD_TENANT_ACTIVE_SESSIONS)) {
        return load_finish(load, load->row_count);
    }
    return ask_open_sessions(loads, load);
}

static bool
take_tenant(struct loads *loads, struct load *load)
{
    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    if (!load->tenant->answer->row.reading.is_known) {
        return load_finish(load, 0);
    }
    load->tenants = arena_take(loads->arena, sizeof(*load->tenants));
    if (load->tenants == NULL) {
        return false;
    }
    load->tenants[0] = &load->tenant->answer->row;
    load->row_count = 1;
    if (!load_has_child(load->selection, FIELD_TENANT_ACTIVE_SESSIONS)) {
        return load_finish(load, 1);
    }
    return ask_open_sessions(loads, load);
}

static bool
step_tenants(struct loads *loads, struct load *load)
{
    switch ((enum object_stage)load->stage) {
    case OBJECT_BEGIN:
        return ask_tenants(loads, load);
    case OBJECT_WAIT_ANSWERS:
        return take_tenants(loads, load);
    case OBJECT_WAIT_TENANT:
    case OBJECT_WAIT_MORE:
        return take_open_sessions(loads, load);
    }
    base_die("ASSERT", "a stage of tenants", __FILE__, __LINE__);
}

static bool
step_tenant(struct loads *loads, struct load *load)
{
    if (load->stage == OBJECT_WAIT_MORE) {
        return take_open_sessions(loads, load);
    }
    return take_tenant(loads, load);
}

/* ---- profile ---- */

static bool
is_row(const struct load *load)
{
    return load->parent->kind == LOAD_PROFILES;
}

/* A row of a page: the page knows who. */
static bool
begin_profile_row(struct loads *loads, struct load *load)
{
    load->as_of = loads->now;
    load->person = load_person_of(loads, load->tenant, load->parent->places[load->row]->canonical);
    load->stage = OBJECT_WAIT_TENANT;
    return load->person != NULL;
}

static bool
begin_profile(struct loads *loads, struct load *load)
{
    static const struct {
        enum graphql_argument argument;
        int by;
    } names[] = {
        {ARGUMENT_QUERY_PROFILE_ID, RESOLVE_CANONICAL},
        {ARGUMENT_QUERY_PROFILE_USER_ID, RESOLVE_USER},
        {ARGUMENT_QUERY_PROFILE_ANONYMOUS_ID, RESOLVE_ANONYMOUS},
    };
    const struct graphql_value *as_of = graphql_argument(load->selection, ARGUMENT_QUERY_PROFILE_AS_OF);
    const struct graphql_value *name = NULL;
    int by = RESOLVE_CANONICAL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        const struct graphql_value *value = graphql_argument(load->selection, names[i].argument);

        if (graphql_value_is_given(value)) {
            name = value;
            by = names[i].by;
            count++;
        }
    }
    if (count != 1) {
        load_refuse(load, GRAPHQL_CODE_INPUT, "Give exactly one of \"id\", \"userId\" and \"anonymousId\".");
        return true;
    }
    load->as_of = graphql_value_is_given(as_of) ? as_of->time : loads->now;
    load->person = load_person_get(loads, load->tenant, by, name->text);
    load->stage = OBJECT_WAIT_TENANT;
    return load->person != NULL;
}

/* Not everything about a profile is kept in its slice. */
static bool
wants_profile(const struct load *load)
{
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        switch ((int)at->field) {
        case FIELD_TYPENAME:
        case FIELD_PROFILE_TENANT_ID:
        case FIELD_PROFILE_CANONICAL_ID:
        case FIELD_PROFILE_USER_ID:
        case FIELD_PROFILE_USER_IDS:
        case FIELD_PROFILE_ANONYMOUS_IDS:
        case FIELD_PROFILE_MERGED_IDS:
        case FIELD_PROFILE_EVENTS:
        case FIELD_PROFILE_SESSIONS:
            break;
        default:
            return true;
        }
    }
    return false;
}

static bool
ask_profile(struct loads *loads, struct load *load)
{
    const struct member *winner;
    struct question *question;

    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    winner = &load->person->answer->winner;
    if (is_row(load) && (!load->person->answer->is_known ||
                         !uuid_equal(winner->canonical, load->parent->places[load->row]->canonical))) {
        load_fail(loads, load, -ESTALE); /* merged away since the page was put together */
        return true;
    }
    if (!load->person->answer->is_known) {
        return load_finish(load, 0);
    }
    if (!wants_profile(load)) {
        return load_finish(load, 1);
    }
    question = load_question(loads, QUESTION_PROFILE, winner->slice, &load->tenant->reading);
    if (question == NULL) {
        return false;
    }
    question->ask.profile.canonical = winner->canonical;
    question->ask.profile.with = load_profile_with(load);
    load->questions = (struct load_questions){.at = question, .count = 1};
    load->row_count = 1;
    load->has_rows = true; /* its lists need not wait */
    wait_answers(loads, load, OBJECT_WAIT_ANSWERS);
    return true;
}

static bool
take_profile(struct loads *loads, struct load *load)
{
    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    load->profile = load->questions.at[0].answer.profile;
    if (!load->profile->is_known) {
        load_fail(loads, load, -ESTALE); /* the sequencer knows it: then it is somewhere else by now */
        return true;
    }
    return load_finish(load, 1);
}

static bool
step_profile(struct loads *loads, struct load *load)
{
    switch ((enum object_stage)load->stage) {
    case OBJECT_BEGIN:
        return is_row(load) ? begin_profile_row(loads, load) : begin_profile(loads, load);
    case OBJECT_WAIT_TENANT:
        return ask_profile(loads, load);
    case OBJECT_WAIT_ANSWERS:
    case OBJECT_WAIT_MORE:
        return take_profile(loads, load);
    }
    base_die("ASSERT", "a stage of a profile", __FILE__, __LINE__);
}

static bool
step_current_session(struct loads *loads, struct load *load)
{
    const struct load *profile = load->parent;

    if (!profile->is_done) {
        return false;
    }
    if (profile->error_code != NULL || profile->profile->current_session == NULL) {
        return load_finish(load, 0);
    }
    load->sessions = arena_take(loads->arena, sizeof(*load->sessions));
    if (load->sessions == NULL) {
        return false;
    }
    load->sessions[0] = profile->profile->current_session;
    return load_finish(load, 1);
}

/* ---- event ---- */

static bool
ask_event(struct loads *loads, struct load *load)
{
    struct question question = {.kind = QUESTION_EVENT};

    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    if (!load->tenant->reading.is_known) {
        return load_finish(load, 0);
    }
    question.reading = load->tenant->reading;
    question.ask.event.event_id = graphql_argument(load->selection, ARGUMENT_QUERY_EVENT_EVENT_ID)->text;
    question.ask.event.texts = load_event_texts(load);
    wait_answers(loads, load, OBJECT_WAIT_ANSWERS);
    return load_ask_slices(loads, &question, NULL, 0, &load->questions);
}

/* An ID may be accepted again after the window for duplicates: the later one counts. */
static const struct event_row *
latest_event(const struct load *load)
{
    const struct event_row *latest = NULL;

    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct events_answer *answer = load->questions.at[i].answer.events;

        for (uint32_t j = 0; j < answer->count; j++) {
            if (latest == NULL || answer->rows[j].position > latest->position) {
                latest = &answer->rows[j];
            }
        }
    }
    return latest;
}

static bool
take_event(struct loads *loads, struct load *load)
{
    uint32_t *person = arena_take(loads->arena, sizeof(*person));
    const struct event_row *row;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    row = latest_event(load);
    if (row == NULL) {
        return load_finish(load, 0);
    }
    load->events = arena_take(loads->arena, sizeof(*load->events));
    if (person == NULL || load->events == NULL) {
        return false;
    }
    load->events[0] = row;
    if (!load_has_child(load->selection, FIELD_EVENT_CANONICAL_ID) &&
        !load_has_child(load->selection, FIELD_EVENT_SESSION)) {
        return load_finish(load, 1);
    }
    *person = row->person;
    load_people_want(loads, load->tenant, person, 1);
    load->stage = OBJECT_WAIT_MORE;
    return true;
}

static bool
take_event_person(struct loads *loads, struct load *load)
{
    if (load->tenant->people_fault != 0) {
        load_fail(loads, load, load->tenant->people_fault);
        return true;
    }
    return load_people_find(load->tenant, load->events[0]->person) != NULL && load_finish(load, 1);
}

static bool
step_event(struct loads *loads, struct load *load)
{
    switch ((enum object_stage)load->stage) {
    case OBJECT_BEGIN:
    case OBJECT_WAIT_TENANT:
        return ask_event(loads, load);
    case OBJECT_WAIT_ANSWERS:
        return take_event(loads, load);
    case OBJECT_WAIT_MORE:
        return take_event_person(loads, load);
    }
    base_die("ASSERT", "a stage of an event", __FILE__, __LINE__);
}

/* ---- an event's session ---- */

static const struct event_row *
event_of(const struct load *load)
{
    return load->parent->events[load->row];
}

/* The first and the last event of the bracket say it, or let us ask ourselves. False: not yet. */
static bool
try_bracket(struct load *load)
{
    const struct load *left = load->left;
    const struct load *right = load->right;

    if (!left->is_done || !right->is_done) {
        return false;
    }
    load->left = NULL;
    if (left->error_code == NULL && right->error_code == NULL && left->row_count == 1 &&
        right->row_count == 1 && uuid_equal(left->sessions[0]->session_id, right->sessions[0]->session_id)) {
        load->sessions = left->sessions;
        load->person = left->person;
        return load_finish(load, 1);
    }
    return true;
}

static bool
begin_event_session(struct loads *loads, struct load *load)
{
    const struct event_row *event = event_of(load);

    if (!event->is_in_session) {
        return load_finish(load, 0);
    }
    if (load->left != NULL) {
        return try_bracket(load);
    }
    if (load->person == NULL) {
        const struct member *winner = load_people_find(load->tenant, event->person);

        ASSERT(winner != NULL); /* the parent has waited */
        load->person = load_person_of(loads, load->tenant, winner->canonical);
    }
    load->stage = OBJECT_WAIT_TENANT;
    return load->person != NULL;
}

static bool
ask_event_session(struct loads *loads, struct load *load)
{
    const struct resolve_answer *person;
    struct question question = {.kind = QUESTION_EVENT_SESSION};

    if (!load_is_ready(loads, load)) {
        return load->is_done;
    }
    person = load->person->answer;
    if (!person->is_known) {
        return load_finish(load, 0);
    }
    question.reading = load->tenant->reading;
    question.ask.event_session.members = person->members;
    question.ask.event_session.member_count = person->member_count;
    question.ask.event_session.person = event_of(load)->person;
    question.ask.event_session.event_time = event_of(load)->record->event_time;
    question.ask.event_session.with = load_session_with(load);
    wait_answers(loads, load, OBJECT_WAIT_ANSWERS);
    return load_ask_slices(loads, &question, person->members, person->member_count, &load->questions);
}

/*
 * Two slices may each have a session that covers the event's time, when somebody with a final session was merged
 * into somebody with a long one. The events that were kept under one person joined the long one only after the
 * other was final, so it is the session that ended first.
 */
static bool
take_event_session(struct loads *loads, struct load *load)
{
    const struct session_row *best = NULL;

    if (load_has_failed(loads, load, load->questions)) {
        return true;
    }
    for (uint32_t i = 0; i < load->questions.count; i++) {
        const struct sessions_answer *answer = load->questions.at[i].answer.sessions;

        for (uint32_t j = 0; j < answer->count; j++) {
            if (best == NULL || answer->rows[j].end.ms < best->end.ms) {
                best = &answer->rows[j];
            }
        }
    }
    if (best == NULL) {
        return load_finish(load, 0);
    }
    load->sessions = arena_take(loads->arena, sizeof(*load->sessions));
    if (load->sessions == NULL) {
        return false;
    }
    load->sessions[0] = best;
    return load_finish(load, 1);
}

static bool
step_event_session(struct loads *loads, struct load *load)
{
    switch ((enum object_stage)load->stage) {
    case OBJECT_BEGIN:
        return begin_event_session(loads, load);
    case OBJECT_WAIT_TENANT:
        return ask_event_session(loads, load);
    case OBJECT_WAIT_ANSWERS:
    case OBJECT_WAIT_MORE:
        return take_event_session(loads, load);
    }
    base_die("ASSERT", "a stage of an event's session", __FILE__, __LINE__);
}

/* Those from `begin` to `end` are one person's events, near each other. */
static void
bracket_run(struct load_branch *branch, const uint64_t *rows, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin + 1; i + 1 < end; i++) {
        struct load *load = &branch->loads[(uint32_t)rows[i]];

        load->left = &branch->loads[(uint32_t)rows[begin]];
        load->right = &branch->loads[(uint32_t)rows[end - 1]];
    }
}

void
load_object_bracket(struct loads *loads, struct load_branch *branch)
{
    uint64_t *rows = arena_take(loads->arena, branch->count * sizeof(*rows)); /* person, row */
    uint32_t count = 0;
    uint32_t begin = 0;

    if (rows == NULL) {
        return;
    }
    for (uint32_t i = 0; i < branch->count; i++) {
        const struct event_row *event = event_of(&branch->loads[i]);

        if (event->is_in_session) {
            rows[count++] = (uint64_t)event->person << 32 | i;
        }
    }
    sort_numbers(rows, count);
    for (uint32_t i = 1; i <= count; i++) {
        const struct event_row *before = event_of(&branch->loads[(uint32_t)rows[i - 1]]);
        const struct event_row *event = i < count ? event_of(&branch->loads[(uint32_t)rows[i]]) : NULL;

        /* A page has the newest first. */
        if (event == NULL || event->person != before->person ||
            before->record->event_time.ms - event->record->event_time.ms > BRACKET_GAP_MS) {
            bracket_run(branch, rows, begin, i);
            begin = i;
        }
    }
}

bool
load_object_step(struct loads *loads, struct load *load)
{
    switch ((int)load->kind) {
    case LOAD_TENANTS:
        return step_tenants(loads, load);
    case LOAD_TENANT:
        return step_tenant(loads, load);
    case LOAD_PROFILE:
        return step_profile(loads, load);
    case LOAD_EVENT:
        return step_event(loads, load);
    case LOAD_EVENT_SESSION:
        return step_event_session(loads, load);
    case LOAD_CURRENT_SESSION:
        return step_current_session(loads, load);
    default:
        base_die("REQUIRE", "a load of one object", __FILE__, __LINE__);
    }
}
