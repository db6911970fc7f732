/* SPDX-License-Identifier: Apache-2.0 */

/* the semantics, row by row. */

#include "tests/sim/model_state.h"

#include <stdio.h>

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_blocked(struct text value)
{
    static const char *const blocked[] = {
        "null",
        "undefined",
        "none",
        "nil",
        "nan",
        "anonymous",
        "unknown",
        "guest",
        "0",
        "-1",
        "true",
        "false",
        "[object object]",
        "00000000-0000-0000-0000-000000000000",
    };
    char folded[64];

    while (value.bytes > 0 && is_blank(value.data[0])) {
        value.data++;
        value.bytes--;
    }
    while (value.bytes > 0 && is_blank(value.data[value.bytes - 1])) {
        value.bytes--;
    }
    if (value.bytes == 0) {
        return true;
    }
    if (value.bytes > sizeof(folded)) {
        return false;
    }
    for (uint32_t i = 0; i < value.bytes; i++) {
        char c = value.data[i];
        folded[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    for (uint32_t i = 0; i < COUNT_OF(blocked); i++) {
        if (text_equal((struct text){.data = folded, .bytes = value.bytes}, text_of(blocked[i]))) {
            return true;
        }
    }
    return false;
}

/* An identifier of the event, empty when absent. */
static struct text
identifier_text(const struct model_event *event, enum event_text which)
{
    struct text value = event_text(event->record, which);

    return is_blocked(value) ? (struct text){0} : value;
}

static struct text
identifier_name(enum model_kind kind, struct text value, char to[1 + RECORD_TEXT_BYTES_MAX])
{
    to[0] = (char)kind;
    memcpy(to + 1, value.data, value.bytes);
    return (struct text){.data = to, .bytes = value.bytes + 1};
}

static struct model_identifier *
identifier_find(const struct model_tenant *tenant, enum model_kind kind, struct text value)
{
    static char name[1 + RECORD_TEXT_BYTES_MAX];

    if (value.bytes == 0) {
        return NULL;
    }
    return model_map_find(&tenant->identifiers, identifier_name(kind, value, name));
}

struct model_person *
model_person_find(const struct model_tenant *tenant, enum model_kind kind, struct text value)
{
    const struct model_identifier *identifier = identifier_find(tenant, kind, value);

    return identifier == NULL ? NULL : identifier->person;
}

struct model_person *
model_person_now(struct model_person *person)
{
    while (person->merged_into != NULL) {
        person = person->merged_into;
    }
    return person;
}

static bool
has_room(const struct model_person *person, uint32_t count)
{
    return person->identifiers.count + count <= MODEL_IDENTIFIERS_MAX;
}

/* The identifier is unknown until now. */
static void
link_new(struct model *model, struct model_tenant *tenant, enum model_kind kind, struct text value,
         struct model_person *person)
{
    static char name[1 + RECORD_TEXT_BYTES_MAX];
    struct model_identifier *identifier = model_take(&model->arena, sizeof(*identifier));

    ASSERT(has_room(person, 1));
    *identifier =
        (struct model_identifier){.kind = kind, .value = model_text(&model->arena, value), .person = person};
    model_map_put(&model->arena, &tenant->identifiers, identifier_name(kind, value, name), identifier);
    model_list_add(&model->arena, &person->identifiers, identifier);
    if (kind == MODEL_USER && person->owner == NULL) {
        person->owner = identifier;
    }
}

static void
relink(struct model *model, struct model_identifier *identifier, struct model_person *to)
{
    ASSERT(has_room(to, 1));
    model_list_remove(&identifier->person->identifiers, identifier);
    identifier->person = to;
    model_list_add(&model->arena, &to->identifiers, identifier);
    model->totals.relinks++;
}

/* A new canonical, named after the identifier that made it, which is linked. */
static struct model_person *
create(struct model *model, struct model_tenant *tenant, enum model_kind kind, struct text value)
{
    struct model_person *person = model_take(&model->arena, sizeof(*person));
    struct text word = kind == MODEL_USER ? TEXT("user") : TEXT("anon");
    char number[16] = "";
    char id[37];

    for (uint32_t i = 1;; i++) {
        struct text parts[] = {word, text_of(number), TEXT(":"), value};
        person->id = model_uuid5(tenant->space, parts, COUNT_OF(parts));
        if (model_map_find(&tenant->canonicals, model_uuid_text(person->id, id)) == NULL) {
            break;
        }
        snprintf(number, sizeof(number), "/%u", i);
    }
    person->number = tenant->persons.count;
    model_map_put(&model->arena, &tenant->canonicals, model_uuid_text(person->id, id), person);
    model_list_add(&model->arena, &tenant->persons, person);
    tenant->living_count++;
    link_new(model, tenant, kind, value, person);
    return person;
}

static bool
may_merge(const struct model_person *loser, const struct model_person *winner)
{
    return has_room(winner, loser->identifiers.count) && winner->merges_won < MODEL_MERGES_MAX;
}

static void
merge(struct model *model, struct model_tenant *tenant, struct model_person *loser,
      struct model_person *winner, int64_t event_time, int64_t watermark)
{
    struct model_merge *merged = model_take(&model->arena, sizeof(*merged));

    ASSERT(loser != winner && loser->owner == NULL);
    for (uint32_t i = 0; i < loser->identifiers.count; i++) {
        struct model_identifier *identifier = loser->identifiers.at[i];
        identifier->person = winner;
        model_list_add(&model->arena, &winner->identifiers, identifier);
    }
    loser->identifiers.count = 0;
    loser->merged_into = winner;
    winner->merges_won++;
    tenant->living_count--;
    *merged = (struct model_merge){.loser = loser, .winner = winner, .time = event_time};
    model_list_add(&model->arena, &tenant->merges, merged);
    model->totals.merges++;

    for (uint32_t i = 0; i < loser->events.count; i++) {
        model_list_add(&model->arena, &winner->events, loser->events.at[i]);
    }
    model_profile_combine(model, loser, winner);
    model_session_combine(model, tenant, loser, winner, watermark);
}

static void
apply_alias(struct model *model, struct model_tenant *tenant, struct text p, struct text u,
            int64_t event_time, int64_t watermark)
{
    struct model_person *of_u = model_person_find(tenant, MODEL_USER, u);
    struct model_person *of_p = model_person_find(tenant, MODEL_USER, p);

    if (of_p == NULL) {
        of_p = model_person_find(tenant, MODEL_ANON, p);
    }

    if (of_p == NULL) {
        if (of_u == NULL) {
            of_u = create(model, tenant, MODEL_USER, u);
        }
        if (has_room(of_u, 1)) {
            link_new(model, tenant, MODEL_ANON, p, of_u);
        } else {
            model->totals.identity_limit++;
        }
        return;
    }
    if (of_u == NULL) {
        if (of_p->owner == NULL && has_room(of_p, 1)) {
            link_new(model, tenant, MODEL_USER, u, of_p);
            return;
        }
        if (of_p->owner == NULL) {
            model->totals.identity_limit++;
        } else {
            model->totals.alias_refused++;
        }
        create(model, tenant, MODEL_USER, u);
        return;
    }
    if (of_p == of_u) {
        return;
    }
    if (of_p->owner != NULL) {
        model->totals.alias_refused++;
    } else if (may_merge(of_p, of_u)) {
        merge(model, tenant, of_p, of_u, event_time, watermark);
    } else {
        model->totals.identity_limit++;
    }
}

/* The table; at least one of a and u is there. */
static struct model_person *
apply_table(struct model *model, struct model_tenant *tenant, struct text a, struct text u,
            int64_t event_time, int64_t watermark)
{
    struct model_identifier *anon = identifier_find(tenant, MODEL_ANON, a);
    struct model_identifier *user = identifier_find(tenant, MODEL_USER, u);
    struct model_person *of_a = anon != NULL ? anon->person : NULL;
    struct model_person *of_u = user != NULL ? user->person : NULL;

    if (u.bytes == 0) {
        return of_a != NULL ? of_a : create(model, tenant, MODEL_ANON, a);
    }
    if (a.bytes == 0) {
        return of_u != NULL ? of_u : create(model, tenant, MODEL_USER, u);
    }

    if (of_u == NULL && of_a == NULL) {
        of_u = create(model, tenant, MODEL_USER, u);
        link_new(model, tenant, MODEL_ANON, a, of_u);
        return of_u;
    }
    if (of_u == NULL && of_a->owner == NULL) {
        if (has_room(of_a, 1)) {
            link_new(model, tenant, MODEL_USER, u, of_a);
            return of_a;
        }
        model->totals.identity_limit++;
        return create(model, tenant, MODEL_USER, u);
    }
    if (of_u == NULL) {
        of_u = create(model, tenant, MODEL_USER, u);
        relink(model, anon, of_u);
        return of_u;
    }
    if (of_a == of_u) {
        return of_u;
    }
    if (of_a != NULL && of_a->owner == NULL) {
        if (may_merge(of_a, of_u)) {
            merge(model, tenant, of_a, of_u, event_time, watermark);
        } else {
            model->totals.identity_limit++;
        }
        return of_u;
    }
    if (!has_room(of_u, 1)) {
        model->totals.identity_limit++;
    } else if (of_a == NULL) {
        link_new(model, tenant, MODEL_ANON, a, of_u);
    } else {
        relink(model, anon, of_u);
    }
    return of_u;
}

struct model_person *
model_identity_apply(struct model *model, struct model_tenant *tenant, const struct model_event *event,
                     int64_t watermark)
{
    struct text a = identifier_text(event, EVENT_ANONYMOUS_ID);
    struct text u = identifier_text(event, EVENT_USER_ID);
    struct text p = identifier_text(event, EVENT_PREVIOUS_ID);

    REQUIRE(a.bytes > 0 || u.bytes > 0);
    if (text_equal(event_text(event->record, EVENT_EVENT_TYPE), TEXT("alias")) && u.bytes > 0 &&
        p.bytes > 0 && !text_equal(p, u)) {
        apply_alias(model, tenant, p, u, event->time, watermark);
    }
    return apply_table(model, tenant, a, u, event->time, watermark);
}
