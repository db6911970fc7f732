/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_reach.h"

#include "core/arena.h"
#include "query/graphql_words.h"

#define PLACES_MAX 64u /* of one error */

struct reach {
    struct graphql_ast_document *document;
    struct graphql_errors *errors;
    uint32_t entered; /* the number of a visit: this fragment is on the way */
    uint32_t done;
};

static void
wrong(const struct reach *reach, const struct graphql_place *places, uint32_t count,
      const struct graphql_words *words)
{
    graphql_error_add_all(reach->errors, places, count, GRAPHQL_CODE_VALIDATION, graphql_words_text(words));
}

bool
graphql_reach_ref(const struct graphql_ast_type *type, struct graphql_type_ref *out_ref)
{
    enum graphql_type named = graphql_type_find(type->name);

    if (named == TYPE_NONE) {
        return false;
    }
    *out_ref =
        (struct graphql_type_ref){.type = named, .list_depth = type->list_depth, .non_null = type->non_null};
    return true;
}

/* ---- uses ---- */

struct graphql_uses *
graphql_uses_create(struct graphql_errors *errors)
{
    struct graphql_uses *uses = graphql_errors_take(errors, sizeof(*uses));

    if (uses != NULL) {
        uses->variables_end = &uses->variables;
    }
    return uses;
}

void
graphql_uses_variable(struct graphql_uses *uses, struct graphql_errors *errors,
                      const struct graphql_ast_value *value, struct graphql_location location)
{
    struct graphql_variable_use *use = graphql_errors_take(errors, sizeof(*use));

    if (use != NULL) {
        *use = (struct graphql_variable_use){.value = value, .location = location};
        *uses->variables_end = use;
        uses->variables_end = &use->next;
    }
}

struct spreads {
    struct graphql_spread_use *first;
    struct graphql_spread_use *last;
};

/*
 * The spreads of a set, then those of the sets in it, the last of them first: the order decides which way
 * round a cycle is told. As deep as the parser lets it be.
 */
static struct spreads
collect(struct graphql_errors *errors, const struct graphql_ast_selection *selections)
{
    struct spreads own = {.first = NULL};
    struct spreads below = {.first = NULL};

    for (const struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_SPREAD) {
            struct graphql_spread_use *use = graphql_errors_take(errors, sizeof(*use));

            if (use == NULL) {
                break;
            }
            use->selection = at;
            if (own.last != NULL) {
                own.last->next = use;
            } else {
                own.first = use;
            }
            own.last = use;
        } else if (at->has_selections) {
            struct spreads inner = collect(errors, at->selections);

            if (inner.last != NULL) {
                inner.last->next = below.first;
                below.first = inner.first;
                below.last = below.last != NULL ? below.last : inner.last;
            }
        }
    }
    if (own.last == NULL) {
        return below;
    }
    own.last->next = below.first;
    own.last = below.last != NULL ? below.last : own.last;
    return own;
}

/* ---- cycles ---- */

/* The way from the fragment where we began, innermost first. */
struct way {
    const struct graphql_ast_definition *from;
    const struct graphql_ast_selection *spread;
    const struct way *before;
};

static void
report_cycle(struct reach *reach, const struct way *way)
{
    const struct graphql_ast_definition *target = way->spread->fragment;
    struct graphql_place places[PLACES_MAX];
    struct graphql_words words = {.bytes = 0};
    const struct way *begin = way;
    const struct way *steps[PLACES_MAX];
    uint32_t length = 1;
    uint32_t count;

    if (graphql_errors_enough(reach->errors)) {
        return;
    }
    while (begin->from != target) {
        begin = begin->before;
        length++;
    }
    /* From the target on; of a very long way the last steps are left out. */
    count = length < PLACES_MAX ? length : PLACES_MAX;
    begin = way;
    for (uint32_t i = length; i-- > 0; begin = begin->before) {
        if (i < count) {
            steps[i] = begin;
        }
    }
    graphql_words_add(&words, "Cannot spread fragment \"%.*s\" within itself", GRAPHQL_NAME(target->name));
    for (uint32_t i = 0; i < count; i++) {
        places[i] = steps[i]->spread->place;
        if (i + 1 < length) {
            graphql_words_add(&words, "%s\"%.*s\"", i == 0 ? " via " : ", ",
                              GRAPHQL_NAME(steps[i]->spread->name));
        }
    }
    graphql_words_add(&words, ".");
    wrong(reach, places, count, &words);
}

/*
 * Each fragment is entered once, so the recursion is as deep as there are fragments, a few hundred at most.
 */
static void
follow_cycle(struct reach *reach, struct graphql_ast_definition *fragment, const struct way *before)
{
    fragment->visit = reach->entered;
    for (const struct graphql_spread_use *at = fragment->uses->spreads; at != NULL; at = at->next) {
        struct graphql_ast_definition *next = at->selection->fragment;
        struct way way = {.from = fragment, .spread = at->selection, .before = before};

        if (next == NULL || next->visit == reach->done) {
            continue;
        }
        if (next->visit == reach->entered) {
            report_cycle(reach, &way);
        } else {
            follow_cycle(reach, next, &way);
        }
    }
    fragment->visit = reach->done;
}

/* 5.5.2.2: no fragment reaches itself. */
static void
check_cycles(struct reach *reach)
{
    reach->entered = ++reach->document->visit;
    reach->done = ++reach->document->visit;
    for (struct graphql_ast_definition *at = reach->document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_FRAGMENT && at->visit != reach->done) {
            follow_cycle(reach, at, NULL);
        }
    }
}

/* ---- what is reached ---- */

/* As deep as there are fragments. */
static void
visit_reached(struct graphql_ast_definition *definition, uint32_t visit)
{
    definition->visit = visit;
    for (const struct graphql_spread_use *at = definition->uses->spreads; at != NULL; at = at->next) {
        struct graphql_ast_definition *next = at->selection->fragment;

        if (next != NULL && next->visit != visit) {
            visit_reached(next, visit);
        }
    }
}

/* 5.5.1.4: of several with one name, which is another error, the last stands for all. */
static void
check_unused_fragments(struct reach *reach)
{
    uint32_t visit = ++reach->document->visit;

    for (struct graphql_ast_definition *at = reach->document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_OPERATION) {
            visit_reached(at, visit);
        }
    }
    for (const struct graphql_ast_definition *at = reach->document->definitions; at != NULL; at = at->next) {
        struct graphql_words words = {.bytes = 0};

        if (at->kind == GRAPHQL_AST_OPERATION ||
            graphql_ast_fragment(reach->document, at->name)->visit == visit) {
            continue;
        }
        graphql_words_add(&words, "Fragment \"%.*s\" is never used.", GRAPHQL_NAME(at->name));
        wrong(reach, &at->place, 1, &words);
    }
}

/* Of several with one name, which is another error, the last counts. */
static const struct graphql_ast_variable *
find_variable(const struct graphql_ast_definition *operation, struct text name)
{
    const struct graphql_ast_variable *found = NULL;

    for (const struct graphql_ast_variable *at = operation->variables; at != NULL; at = at->next) {
        if (text_equal(at->name, name)) {
            found = at;
        }
    }
    return found;
}

/* 5.8.5: every "!" of the place is one of the variable, or made up for by a default at the top. */
static bool
is_compatible(struct graphql_type_ref from, bool has_default, struct graphql_location to)
{
    uint8_t needed = to.ref.non_null;

    if (has_default || to.has_default) {
        needed &= (uint8_t)~1u;
    }
    return from.type == to.ref.type && from.list_depth == to.ref.list_depth && (needed & ~from.non_null) == 0;
}

/* 5.8.5 */
static void
check_position(struct reach *reach, const struct graphql_ast_variable *variable,
               const struct graphql_variable_use *use)
{
    bool has_default = variable->default_value != NULL && variable->default_value->kind != GRAPHQL_AST_NULL;
    struct graphql_words words = {.bytes = 0};
    struct graphql_type_ref ref = {0};
    char from[GRAPHQL_REF_BYTES_MAX];
    char to[GRAPHQL_REF_BYTES_MAX];

    if (use->location.ref.type == TYPE_NONE || !graphql_reach_ref(&variable->type, &ref) ||
        is_compatible(ref, has_default, use->location)) {
        return;
    }
    graphql_words_add(&words, "Variable \"$%.*s\" of type \"%s\" used in position expecting type \"%s\".",
                      GRAPHQL_NAME(variable->name), graphql_ref_print(ref, from),
                      graphql_ref_print(use->location.ref, to));
    wrong(reach, (struct graphql_place[]){variable->place, use->value->place}, 2, &words);
}

/* 5.8.3 */
static void
report_undefined(struct reach *reach, const struct graphql_ast_definition *operation,
                 const struct graphql_variable_use *use)
{
    struct graphql_words words = {.bytes = 0};

    graphql_words_add(&words, "Variable \"$%.*s\" is not defined", GRAPHQL_NAME(use->value->text));
    if (operation->name.bytes > 0) {
        graphql_words_add(&words, " by operation \"%.*s\"", GRAPHQL_NAME(operation->name));
    }
    graphql_words_add(&words, ".");
    wrong(reach, (struct graphql_place[]){use->value->place, operation->place}, 2, &words);
}

static bool
uses_variable(const struct graphql_uses *uses, struct text name)
{
    for (const struct graphql_variable_use *at = uses->variables; at != NULL; at = at->next) {
        if (text_equal(at->value->text, name)) {
            return true;
        }
    }
    return false;
}

/* 5.8.4 */
static void
check_unused_variables(struct reach *reach, const struct graphql_ast_definition *operation, uint32_t visit)
{
    for (const struct graphql_ast_variable *variable = operation->variables; variable != NULL;
         variable = variable->next) {
        const struct graphql_ast_definition *at = reach->document->definitions;
        struct graphql_words words = {.bytes = 0};

        while (at != NULL && !(at->visit == visit && uses_variable(at->uses, variable->name))) {
            at = at->next;
        }
        if (at != NULL) {
            continue;
        }
        graphql_words_add(&words, "Variable \"$%.*s\" is never used", GRAPHQL_NAME(variable->name));
        if (operation->name.bytes > 0) {
            graphql_words_add(&words, " in operation \"%.*s\"", GRAPHQL_NAME(operation->name));
        }
        graphql_words_add(&words, ".");
        wrong(reach, &variable->place, 1, &words);
    }
}

/* The variables of an operation, seen from all that it reaches. */
static void
check_variables(struct reach *reach, struct graphql_ast_definition *operation)
{
    uint32_t visit = ++reach->document->visit;

    visit_reached(operation, visit);
    for (const struct graphql_ast_definition *at = reach->document->definitions; at != NULL; at = at->next) {
        if (at->visit != visit) {
            continue;
        }
        for (const struct graphql_variable_use *use = at->uses->variables;
             use != NULL && !graphql_errors_enough(reach->errors); use = use->next) {
            const struct graphql_ast_variable *variable = find_variable(operation, use->value->text);

            if (variable == NULL) {
                report_undefined(reach, operation, use);
            } else {
                check_position(reach, variable, use);
            }
        }
    }
    check_unused_variables(reach, operation, visit);
}

/* ---- subscriptions ---- */

/* The fields of the root, fragments followed. */
struct root_field {
    const struct graphql_ast_selection *field;
    struct root_field *next;
};

struct root_fields {
    struct root_field *first;
    struct root_field **end;
    uint32_t visit;
    bool has_variable; /* a condition that only the request can tell */
};

/* What @skip and @include say; a variable has no value here. */
static bool
is_included(struct root_fields *fields, const struct graphql_ast_directive *directives)
{
    static const char *const names[] = {"skip", "include"};

    for (uint32_t i = 0; i < COUNT_OF(names); i++) {
        const struct graphql_ast_directive *directive = graphql_ast_directive(directives, text_of(names[i]));
        const struct graphql_ast_argument *argument =
            directive != NULL ? graphql_ast_argument(directive->arguments, TEXT("if")) : NULL;

        if (argument == NULL) {
            continue;
        }
        fields->has_variable |= argument->value->kind == GRAPHQL_AST_VARIABLE;
        if (argument->value->kind == GRAPHQL_AST_BOOLEAN &&
            text_equal(argument->value->text, TEXT("true")) == (i == 0)) {
            return false;
        }
    }
    return true;
}

/* Each fragment is entered once. */
static void
collect_root(struct reach *reach, struct root_fields *fields, const struct graphql_ast_selection *selections)
{
    for (const struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        struct root_field *field;

        if (at->kind == GRAPHQL_AST_SPREAD && at->fragment != NULL && at->fragment->visit == fields->visit) {
            continue;
        }
        if (!is_included(fields, at->directives)) {
            continue;
        }
        switch (at->kind) {
        case GRAPHQL_AST_FIELD:
            field = graphql_errors_take(reach->errors, sizeof(*field));
            if (field == NULL) {
                return;
            }
            field->field = at;
            *fields->end = field;
            fields->end = &field->next;
            break;
        case GRAPHQL_AST_INLINE:
            if (at->type_condition.bytes == 0 || graphql_type_find(at->type_condition) == TYPE_SUBSCRIPTION) {
                collect_root(reach, fields, at->selections);
            }
            break;
        case GRAPHQL_AST_SPREAD:
            if (at->fragment != NULL) {
                at->fragment->visit = fields->visit;
            }
            if (at->fragment != NULL && at->fragment->type == TYPE_SUBSCRIPTION) {
                collect_root(reach, fields, at->fragment->selections);
            }
            break;
        }
    }
}

static bool
is_of_key(const struct root_field *a, const struct root_field *b)
{
    return text_equal(graphql_ast_response_key(a->field), graphql_ast_response_key(b->field));
}

/* The places of all fields of this key, behind those that are there. */
static uint32_t
add_places(struct graphql_place *places, uint32_t count, const struct root_field *of)
{
    for (const struct root_field *at = of; at != NULL && count < PLACES_MAX; at = at->next) {
        if (is_of_key(of, at)) {
            places[count++] = at->field->place;
        }
    }
    return count;
}

static bool
is_first_of_key(const struct root_fields *fields, const struct root_field *field)
{
    const struct root_field *at = fields->first;

    while (!is_of_key(at, field)) {
        at = at->next;
    }
    return at == field;
}

static void
report_subscription(struct reach *reach, const struct graphql_ast_definition *operation, const char *rest,
                    const struct graphql_place *places, uint32_t count)
{
    struct graphql_words words = {.bytes = 0};

    if (operation->name.bytes > 0) {
        graphql_words_add(&words, "Subscription \"%.*s\" %s", GRAPHQL_NAME(operation->name), rest);
    } else {
        graphql_words_add(&words, "Anonymous Subscription %s", rest);
    }
    wrong(reach, places, count, &words);
}

/* 5.2.3.1 */
static void
check_subscription(struct reach *reach, const struct graphql_ast_definition *operation)
{
    struct root_fields fields = {.visit = ++reach->document->visit};
    struct graphql_place places[PLACES_MAX];
    uint32_t count = 0;

    fields.end = &fields.first;
    collect_root(reach, &fields, operation->selections);
    if (fields.has_variable) {
        report_subscription(reach, operation,
                            "must not use variables in @skip and @include of its top level field.",
                            &operation->place, 1);
    }
    for (const struct root_field *at = fields.first; at != NULL; at = at->next) {
        if (at != fields.first && is_first_of_key(&fields, at)) {
            count = add_places(places, count, at);
        }
    }
    if (count > 0) {
        report_subscription(reach, operation, "must select only one top level field.", places, count);
    }
    for (const struct root_field *at = fields.first; at != NULL; at = at->next) {
        if (at->field->name.bytes > 2 && memcmp(at->field->name.data, "__", 2) == 0 &&
            is_first_of_key(&fields, at)) {
            report_subscription(reach, operation, "must not select an introspection top level field.", places,
                                add_places(places, 0, at));
        }
    }
}

void
graphql_reach_check(struct graphql_ast_document *document, struct graphql_errors *errors)
{
    struct reach reach = {.document = document, .errors = errors};

    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        at->uses->spreads = collect(errors, at->selections).first;
    }
    check_cycles(&reach);
    check_unused_fragments(&reach);
    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_OPERATION) {
            check_variables(&reach, at);
        }
        if (at->kind == GRAPHQL_AST_OPERATION && at->operation == GRAPHQL_SUBSCRIPTION) {
            check_subscription(&reach, at);
        }
    }
}
