/* SPDX-License-Identifier: Apache-2.0 */
#include "query/load.h"

#include <errno.h>

#include "core/hash.h"
#include "core/uuid.h"
#include "shards/shard.h"
#include "shards/sort.h"

bool
loads_begin(struct loads *loads, struct shard *shard, struct arena *arena, const struct principal *principal,
            struct event_ms now, void (*done)(struct scatter *scatter), void *context)
{
    *loads = (struct loads){
        .shard = shard,
        .arena = arena,
        .principal = principal,
        .now = now,
        .root = {.kind = LOAD_ROOT, .is_done = true, .row_count = 1},
    };
    return scatter_begin(&loads->scatter, shard, arena, done, context);
}

/* ---- questions ---- */

struct question *
load_question(struct loads *loads, enum question_kind kind, uint16_t target, const struct reading *reading)
{
    struct question *question = arena_take_zero(loads->arena, sizeof(*question));

    if (question == NULL) {
        return NULL;
    }
    question->kind = kind;
    question->target = target;
    if (reading != NULL) {
        question->reading = *reading;
    }
    return scatter_add(&loads->scatter, question) ? question : NULL;
}

bool
load_ask_slices(struct loads *loads, const struct question *question, const struct member *members,
                uint32_t member_count, struct load_questions *out_questions)
{
    uint32_t slice_count = loads->shard->node->slice_count;
    bool is_wanted[SLICE_COUNT_MAX] = {0};
    uint32_t count = 0;

    REQUIRE(slice_count <= SLICE_COUNT_MAX);
    for (uint32_t i = 0; i < member_count; i++) {
        ASSERT(members[i].slice < slice_count);
        is_wanted[members[i].slice] = true;
    }
    for (uint32_t i = 0; i < slice_count; i++) {
        is_wanted[i] |= members == NULL;
        count += is_wanted[i];
    }
    *out_questions = (struct load_questions){.at = arena_take(loads->arena, count * sizeof(*question))};
    if (out_questions->at == NULL) {
        return false;
    }
    for (uint16_t i = 0; i < slice_count; i++) {
        struct question *copy = &out_questions->at[out_questions->count];

        if (!is_wanted[i]) {
            continue;
        }
        *copy = *question;
        copy->target = i;
        if (!scatter_add(&loads->scatter, copy)) {
            return false;
        }
        out_questions->count++;
    }
    return true;
}

/* ---- loads ---- */

struct load_branch *
load_branch_add(struct loads *loads, struct load *parent, enum load_kind kind,
                const struct graphql_selection *selection, uint32_t count)
{
    struct load_branch *branch = arena_take_zero(loads->arena, sizeof(*branch));

    if (branch == NULL) {
        return NULL;
    }
    branch->selection = selection;
    branch->count = count;
    branch->loads = arena_take_zero(loads->arena, count * sizeof(*branch->loads));
    if (branch->loads == NULL) {
        return NULL;
    }
    if (parent->last_branch != NULL) {
        parent->last_branch->next = branch;
    } else {
        parent->branches = branch;
    }
    parent->last_branch = branch;
    for (uint32_t i = 0; i < count; i++) {
        struct load *load = &branch->loads[i];

        load->kind = kind;
        load->selection = selection;
        load->parent = parent;
        load->branch = branch;
        load->row = i;
        load->tenant = parent->tenant;
        load->person = parent->person;
        if (loads->last_pending != NULL) {
            loads->last_pending->next_pending = load;
        } else {
            loads->first_pending = load;
        }
        loads->last_pending = load;
    }
    return branch;
}

const struct load_branch *
load_branch_find(const struct load *load, const struct graphql_selection *selection)
{
    const struct load_branch *branch = load->branches;

    /* Linear: as many as a selection set has fields with loads. */
    while (branch != NULL && branch->selection != selection) {
        branch = branch->next;
    }
    return branch;
}

bool
load_has_child(const struct graphql_selection *selection, enum graphql_field field)
{
    for (const struct graphql_selection *at = selection->children; at != NULL; at = at->next) {
        if (at->field == field) {
            return true;
        }
    }
    return false;
}

static bool
is_list_of_rows(enum graphql_field field)
{
    return field == FIELD_EVENT_CONNECTION_NODES || field == FIELD_EVENT_CONNECTION_EDGES ||
           field == FIELD_SESSION_CONNECTION_NODES || field == FIELD_SESSION_CONNECTION_EDGES;
}

static bool
is_edges(enum graphql_field field)
{
    return field == FIELD_EVENT_CONNECTION_EDGES || field == FIELD_SESSION_CONNECTION_EDGES;
}

bool
load_rows_have(const struct load *load, enum graphql_field field)
{
    if (load->kind != LOAD_EVENTS && load->kind != LOAD_SESSIONS) {
        return load_has_child(load->selection, field);
    }
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        if (!is_list_of_rows(at->field)) {
            continue;
        }
        if (!is_edges(at->field) && load_has_child(at, field)) {
            return true;
        }
        /* In edges, `node` may come under several names. */
        for (const struct graphql_selection *node = at->children; is_edges(at->field) && node != NULL;
             node = node->next) {
            if (load_has_child(node, field)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- what rows are asked for ---- */

static const struct {
    enum graphql_field field;
    enum event_text text;
} event_texts[] = {
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
    {FIELD_EVENT_PROPERTIES, EVENT_PROPERTIES},
};

struct with {
    enum graphql_field field;
    uint32_t bit;
};

static const struct with session_with[] = {
    {FIELD_SESSION_PAGES, SESSION_WITH_PAGES},         {FIELD_SESSION_ENTRY_PAGE, SESSION_WITH_ENTRY_PAGE},
    {FIELD_SESSION_EXIT_PAGE, SESSION_WITH_EXIT_PAGE}, {FIELD_SESSION_EVENT_TYPES, SESSION_WITH_EVENT_TYPES},
    {FIELD_SESSION_EVENTS, SESSION_WITH_SOURCES},
};

static const struct with profile_with[] = {
    {FIELD_PROFILE_EVENTS_1D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_EVENTS_7D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_EVENTS_30D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_EVENTS_90D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_SESSIONS_1D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_SESSIONS_7D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_SESSIONS_30D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_SESSIONS_90D, PROFILE_WITH_BUCKETS},
    {FIELD_PROFILE_EVENT_COUNTS, PROFILE_WITH_EVENT_COUNTS},
    {FIELD_PROFILE_TOP_PAGES, PROFILE_WITH_TOP_PAGES},
    {FIELD_PROFILE_TOP_FEATURES, PROFILE_WITH_TOP_FEATURES},
    {FIELD_PROFILE_TRAITS, PROFILE_WITH_TRAITS},
    {FIELD_PROFILE_CURRENT_SESSION, PROFILE_WITH_CURRENT_SESSION},
};

bool
load_event_text(enum graphql_field field, enum event_text *out_text)
{
    for (uint32_t i = 0; i < COUNT_OF(event_texts); i++) {
        if (event_texts[i].field == field) {
            *out_text = event_texts[i].text;
            return true;
        }
    }
    return false;
}

uint32_t
load_event_texts(const struct load *load)
{
    uint32_t texts = 0;

    for (uint32_t i = 0; i < COUNT_OF(event_texts); i++) {
        texts |= load_rows_have(load, event_texts[i].field) ? 1u << event_texts[i].text : 0;
    }
    return texts;
}

uint32_t
load_session_with(const struct load *load)
{
    uint32_t with = 0;

    for (uint32_t i = 0; i < COUNT_OF(session_with); i++) {
        with |= load_rows_have(load, session_with[i].field) ? session_with[i].bit : 0;
    }
    return with;
}

uint32_t
load_profile_with(const struct load *load)
{
    uint32_t session = 0;
    uint32_t with = 0;

    for (uint32_t i = 0; i < COUNT_OF(profile_with); i++) {
        with |= load_has_child(load->selection, profile_with[i].field) ? profile_with[i].bit : 0;
    }
    for (const struct graphql_selection *at = load->selection->children; at != NULL; at = at->next) {
        for (uint32_t i = 0; at->field == FIELD_PROFILE_CURRENT_SESSION && i < COUNT_OF(session_with); i++) {
            session |= load_has_child(at, session_with[i].field) ? session_with[i].bit : 0;
        }
    }
    return with | session << PROFILE_WITH_SESSION_SHIFT;
}

bool
load_is_ready(struct loads *loads, struct load *load)
{
    const struct load_person *persons[] = {load->person, load->filter};

    if (!load->tenant->is_ready) {
        return false;
    }
    if (load->tenant->fault != 0) {
        load_fail(loads, load, load->tenant->fault);
        return false;
    }
    for (uint32_t i = 0; i < COUNT_OF(persons); i++) {
        if (persons[i] != NULL && !persons[i]->is_ready) {
            return false;
        }
    }
    for (uint32_t i = 0; i < COUNT_OF(persons); i++) {
        if (persons[i] != NULL && persons[i]->fault != 0) {
            load_fail(loads, load, persons[i]->fault);
            return false;
        }
    }
    return true;
}

const struct member *
load_winner(const struct load *load, uint32_t person)
{
    if (load->person != NULL) {
        return &load->person->answer->winner;
    }
    return load_people_find(load->tenant, person);
}

bool
load_finish(struct load *load, uint32_t row_count)
{
    load->row_count = row_count;
    load->has_rows = true;
    load->is_done = true;
    return true;
}

void
load_refuse(struct load *load, const char *code, const char *message)
{
    load->error_code = code;
    load->error_message = message;
    load->is_done = true;
}

void
load_fail(struct loads *loads, struct load *load, int fault)
{
    switch (-fault) {
    case E2BIG:
        load_refuse(load, GRAPHQL_CODE_MEMORY, "The answer needs more memory than one request may use.");
        return;
    case ENOMEM:
        loads->is_starved = true;
        load_refuse(load, LOAD_CODE_UNAVAILABLE,
                    "Queries have no more memory than those that run now take: try again.");
        return;
    case EAGAIN:
        load_refuse(load, LOAD_CODE_UNAVAILABLE, "The node is starting: try again.");
        return;
    case ESTALE:
        loads->is_stale = true;
        load_refuse(load, LOAD_CODE_UNAVAILABLE, "People were merged while the query ran: try again.");
        return;
    default:
        load_refuse(load, LOAD_CODE_INTERNAL, "Something is broken on our side.");
        return;
    }
}

bool
load_has_failed(struct loads *loads, struct load *load, struct load_questions questions)
{
    for (uint32_t i = 0; i < questions.count; i++) {
        if (questions.at[i].fault != 0) {
            load_fail(loads, load, questions.at[i].fault);
            return true;
        }
    }
    return false;
}

/* ---- tenants ---- */

struct load_tenant *
load_tenant_get(struct loads *loads, struct text tenant_id)
{
    const struct node *node = loads->shard->node;
    struct load_tenant *tenant;

    /* Linear: as many as a person types into a query. */
    for (tenant = loads->tenants; tenant != NULL; tenant = tenant->next) {
        if (text_equal(tenant->tenant_id, tenant_id)) {
            return tenant;
        }
    }
    tenant = arena_take_zero(loads->arena, sizeof(*tenant));
    if (tenant == NULL) {
        return NULL;
    }
    tenant->tenant_id = tenant_id;
    tenant->partition = record_partition(node->secret, tenant_id, node->partition_count);
    tenant->next = loads->tenants;
    loads->tenants = tenant;
    return tenant;
}

void
load_where_want(struct load_tenant *tenant, struct load_where *where)
{
    ASSERT(tenant->stamp == NULL);
    where->next = tenant->wheres;
    tenant->wheres = where;
}

/* The values of all wheres as one array. */
static void
ask_stamp(struct loads *loads, struct load_tenant *tenant)
{
    struct question *stamp = load_question(loads, QUESTION_STAMP, tenant->partition, NULL);
    struct dimension_value *values;
    uint32_t count = 0;

    for (const struct load_where *where = tenant->wheres; where != NULL; where = where->next) {
        count += where->count;
    }
    values = arena_take(loads->arena, count * sizeof(*values));
    if (stamp == NULL || values == NULL) {
        return;
    }
    stamp->ask.stamp.tenant_id = tenant->tenant_id;
    stamp->ask.stamp.values = values;
    stamp->ask.stamp.value_count = count;
    for (const struct load_where *where = tenant->wheres; where != NULL; where = where->next) {
        memcpy(values, where->values, where->count * sizeof(*values));
        values += where->count;
    }
    tenant->stamp = stamp;
}

/* Two readings of one tenant: the later one has seen what the other has. */
static void
advance_reading(struct load_tenant *tenant, const struct reading *reading)
{
    bool is_later = tenant->reading.position == NO_POSITION ||
                    (reading->position != NO_POSITION && reading->position > tenant->reading.position);

    if (!tenant->reading.is_known || is_later) {
        tenant->reading = *reading;
    }
}

static void
take_stamp(struct load_tenant *tenant)
{
    const struct dimension_value *values = tenant->stamp->ask.stamp.values;

    tenant->is_ready = true;
    tenant->fault = tenant->stamp->fault;
    if (tenant->fault != 0) {
        return;
    }
    tenant->answer = tenant->stamp->answer.stamp;
    advance_reading(tenant, &tenant->answer->row.reading);
    for (const struct load_where *where = tenant->wheres; where != NULL; where = where->next) {
        memcpy(where->values, values, where->count * sizeof(*values));
        values += where->count;
    }
}

/* ---- persons ---- */

struct load_person *
load_person_get(struct loads *loads, struct load_tenant *tenant, int by, struct text value)
{
    struct load_person **bucket = &tenant->persons[hash64((uint64_t)by, value) % LOAD_PERSON_BUCKETS];
    struct load_person *person;
    struct question *question;

    for (person = *bucket; person != NULL; person = person->next) {
        if (person->by == by && text_equal(person->value, value)) {
            return person;
        }
    }
    person = arena_take_zero(loads->arena, sizeof(*person));
    question = load_question(loads, QUESTION_RESOLVE, tenant->partition, NULL);
    if (person == NULL || question == NULL) {
        return NULL;
    }
    question->ask.resolve.tenant_id = tenant->tenant_id;
    question->ask.resolve.by = by;
    question->ask.resolve.value = value;
    *person = (struct load_person){.by = by, .value = value, .question = question, .next = *bucket};
    *bucket = person;
    return person;
}

struct load_person *
load_person_of(struct loads *loads, struct load_tenant *tenant, struct uuid canonical)
{
    char text[UUID_TEXT_BYTES];
    struct text value;

    uuid_format(canonical, text);
    value = arena_text(loads->arena, text_of(text));
    return value.data == NULL ? NULL : load_person_get(loads, tenant, RESOLVE_CANONICAL, value);
}

static void
take_persons(struct loads *loads, struct load_tenant *tenant)
{
    const struct resolve_answer *named = NULL;

    for (uint32_t i = 0; i < LOAD_PERSON_BUCKETS; i++) {
        for (struct load_person *person = tenant->persons[i]; person != NULL; person = person->next) {
            if (person->is_ready) {
                continue;
            }
            person->is_ready = true;
            person->fault = person->question->fault;
            if (person->fault == 0) {
                person->answer = person->question->answer.resolve;
                advance_reading(tenant, &person->answer->reading);
                /* Those that a client named are told of one moment. */
                loads->is_stale |= named != NULL && named->merge_count != person->answer->merge_count;
                named = loads->round == 1 ? person->answer : NULL;
            }
        }
    }
}

/* ---- people ---- */

void
load_people_want(struct loads *loads, struct load_tenant *tenant, uint32_t *persons, uint32_t count)
{
    struct load_people *people = arena_take_zero(loads->arena, sizeof(*people));

    if (people == NULL || count == 0) {
        return;
    }
    people->persons = persons;
    people->count = count;
    people->next = tenant->wanted;
    tenant->wanted = people;
}

const struct member *
load_people_find(const struct load_tenant *tenant, uint32_t person)
{
    for (const struct load_people *people = tenant->people; people != NULL; people = people->next) {
        uint32_t begin = 0;
        uint32_t end = people->count;

        while (begin < end) {
            uint32_t middle = begin + (end - begin) / 2;

            if (people->persons[middle] < person) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        if (begin < people->count && people->persons[begin] == person && people->winners != NULL) {
            return &people->winners[begin];
        }
    }
    return NULL;
}

static int
compare_persons(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

/* All that are wanted and not known, in one question. */
static void
ask_people(struct loads *loads, struct load_tenant *tenant)
{
    struct load_people *people = arena_take_zero(loads->arena, sizeof(*people));
    uint32_t count = 0;
    uint32_t *persons;

    for (const struct load_people *wanted = tenant->wanted; wanted != NULL; wanted = wanted->next) {
        count += wanted->count;
    }
    persons = arena_take(loads->arena, count * sizeof(*persons));
    if (people == NULL || persons == NULL) {
        return;
    }
    count = 0;
    for (const struct load_people *wanted = tenant->wanted; wanted != NULL; wanted = wanted->next) {
        memcpy(persons + count, wanted->persons, wanted->count * sizeof(*persons));
        count += wanted->count;
    }
    tenant->wanted = NULL;
    sort_items(persons, count, sizeof(*persons), compare_persons);
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = people->count == 0 || people->persons[people->count - 1] != persons[i];

        people->persons = persons;
        if (is_new && load_people_find(tenant, persons[i]) == NULL) {
            persons[people->count++] = persons[i];
        }
    }
    if (people->count == 0) {
        return;
    }
    people->question = load_question(loads, QUESTION_PEOPLE, tenant->partition, &tenant->reading);
    if (people->question == NULL) {
        return;
    }
    people->question->ask.people.persons = people->persons;
    people->question->ask.people.count = people->count;
    people->next = tenant->people;
    tenant->people = people;
}

static void
take_people(struct load_tenant *tenant)
{
    for (struct load_people *people = tenant->people; people != NULL; people = people->next) {
        if (people->question->fault != 0) {
            tenant->people_fault = people->question->fault;
        } else {
            people->winners = people->question->answer.people->winners;
        }
    }
}

/* ---- rounds ---- */

void
loads_arrived(struct loads *loads)
{
    loads->round++;
    for (struct load_tenant *tenant = loads->tenants; tenant != NULL; tenant = tenant->next) {
        if (!tenant->is_ready) {
            take_stamp(tenant);
        }
        take_persons(loads, tenant);
        take_people(tenant);
    }
}

uint32_t
loads_send(struct loads *loads)
{
    for (struct load_tenant *tenant = loads->tenants; tenant != NULL; tenant = tenant->next) {
        if (tenant->stamp == NULL) {
            ask_stamp(loads, tenant);
        }
        if (tenant->wanted != NULL) {
            ask_people(loads, tenant);
        }
    }
    return loads->arena->is_full ? 0 : scatter_go(&loads->scatter);
}
