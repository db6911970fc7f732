/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_validate.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/arena.h"
#include "query/graphql_value.h"

/* A variable, where it is used. */
struct variable_use {
    const struct graphql_ast_value *value;
    struct graphql_location location;
    struct variable_use *next;
};

/* ...name, where it is used. */
struct spread_use {
    struct graphql_ast_selection *selection;
    struct spread_use *next;
};

/* What one definition uses by itself, fragments not followed. */
struct graphql_uses {
    struct variable_use *variables;
    struct spread_use *spreads;
};

struct validation {
    struct graphql_ast_document *document;
    struct graphql_errors *errors;
    struct graphql_ast_definition *definition; /* being walked */
    struct graphql_coercion coercion;          /* that only checks */
};

static void check_selections(struct validation *validation, enum graphql_type parent,
                             struct graphql_ast_selection *selections);

PRINTF_LIKE(3, 4)
static void
wrong(struct validation *validation, struct graphql_place place, const char *format, ...)
{
    char message[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    graphql_error_add(validation->errors, place, GRAPHQL_CODE_VALIDATION, "%s", message);
}

static void *
take(struct validation *validation, uint64_t bytes)
{
    void *memory = arena_take_zero(validation->errors->arena, bytes);

    if (memory == NULL) {
        graphql_errors_full(validation->errors);
    }
    return memory;
}

bool
graphql_validate_ref(const struct graphql_ast_type *type, struct graphql_type_ref *out_ref)
{
    enum graphql_type named = graphql_type_find(type->name);

    if (named == TYPE_NONE) {
        return false;
    }
    *out_ref =
        (struct graphql_type_ref){.type = named, .list_depth = type->list_depth, .non_null = type->non_null};
    return true;
}

/* 5.2.1, 5.2.2, 5.5.1.1: names of operations and of fragments are unique, and who has none is alone. */
static void
check_definition_names(struct validation *validation)
{
    uint32_t operation_count = 0;

    for (const struct graphql_ast_definition *at = validation->document->definitions; at != NULL;
         at = at->next) {
        operation_count += at->kind == GRAPHQL_AST_OPERATION ? 1 : 0;
    }
    for (const struct graphql_ast_definition *at = validation->document->definitions; at != NULL;
         at = at->next) {
        if (at->name.bytes == 0) {
            if (operation_count > 1) {
                wrong(validation, at->place, "An operation without a name must be the only one.");
            }
            continue;
        }
        for (const struct graphql_ast_definition *other = at->next; other != NULL; other = other->next) {
            if (other->kind == at->kind && text_equal(other->name, at->name)) {
                wrong(validation, other->place, "There can be only one %s named \"%.*s\".",
                      at->kind == GRAPHQL_AST_OPERATION ? "operation" : "fragment", GRAPHQL_NAME(at->name));
                break;
            }
        }
    }
}

static bool
note_variable(void *context, const struct graphql_ast_value *value, struct graphql_location location)
{
    struct validation *validation = context;
    struct variable_use *use = take(validation, sizeof(*use));

    if (use == NULL) {
        return false;
    }
    *use = (struct variable_use){
        .value = value, .location = location, .next = validation->definition->uses->variables};
    validation->definition->uses->variables = use;
    return true;
}

/* 5.6: literals fit the type of the place where they stand. */
static void
check_value(struct validation *validation, struct graphql_location location,
            const struct graphql_ast_value *value)
{
    struct graphql_value unused;

    /* False has left its error in the list. */
    (void)!graphql_value_from_literal(&validation->coercion, location, value, &unused);
}

/* 5.4.2 */
static void
check_argument_names(struct validation *validation, const struct graphql_ast_argument *arguments)
{
    for (const struct graphql_ast_argument *at = arguments; at != NULL; at = at->next) {
        if (graphql_ast_argument(at->next, at->name) != NULL) {
            wrong(validation, at->place, "There can be only one argument named \"%.*s\".",
                  GRAPHQL_NAME(at->name));
        }
    }
}

/* 5.7.3, and 5.4 for the arguments: we know @skip and @include, both with `if` only. */
static void
check_condition(struct validation *validation, const struct graphql_ast_directive *directive)
{
    bool has_if = false;

    check_argument_names(validation, directive->arguments);
    for (const struct graphql_ast_argument *at = directive->arguments; at != NULL; at = at->next) {
        if (!text_equal(at->name, TEXT("if"))) {
            wrong(validation, at->place, "Unknown argument \"%.*s\" on directive \"@%.*s\".",
                  GRAPHQL_NAME(at->name), GRAPHQL_NAME(directive->name));
            continue;
        }
        has_if = true;
        check_value(validation, GRAPHQL_CONDITION, at->value);
    }
    if (!has_if) {
        wrong(
            validation, directive->place,
            "Directive \"@%.*s\" argument \"if\" of type \"Boolean!\" is required, but it was not provided.",
            GRAPHQL_NAME(directive->name));
    }
}

/* 5.7: known, where they may stand, at most once. `place` is NULL where @skip and @include may stand. */
static void
check_directives(struct validation *validation, const struct graphql_ast_directive *directives,
                 const char *place)
{
    for (const struct graphql_ast_directive *at = directives; at != NULL; at = at->next) {
        bool is_condition = text_equal(at->name, TEXT("skip")) || text_equal(at->name, TEXT("include"));
        bool is_known = is_condition || text_equal(at->name, TEXT("deprecated")) ||
                        text_equal(at->name, TEXT("specifiedBy"));

        if (!is_known) {
            wrong(validation, at->place, "Unknown directive \"@%.*s\".", GRAPHQL_NAME(at->name));
        } else if (!is_condition || place != NULL) {
            wrong(validation, at->place, "Directive \"@%.*s\" may not be used on %s.", GRAPHQL_NAME(at->name),
                  place != NULL ? place : "a selection");
        } else if (graphql_ast_directive(at->next, at->name) != NULL) {
            wrong(validation, at->place, "The directive \"@%.*s\" can be used only once at this place.",
                  GRAPHQL_NAME(at->name));
        } else {
            check_condition(validation, at);
        }
    }
}

/* 5.8.1, 5.8.2, and the defaults. */
static void
check_variables(struct validation *validation, const struct graphql_ast_variable *variables)
{
    for (const struct graphql_ast_variable *at = variables; at != NULL; at = at->next) {
        struct graphql_location location = {0};

        for (const struct graphql_ast_variable *other = variables; other != at; other = other->next) {
            if (text_equal(other->name, at->name)) {
                wrong(validation, at->place, "There can be only one variable named \"$%.*s\".",
                      GRAPHQL_NAME(at->name));
                break;
            }
        }
        check_directives(validation, at->directives, "VARIABLE_DEFINITION");
        if (!graphql_validate_ref(&at->type, &location.ref)) {
            wrong(validation, at->type.place, "Unknown type \"%.*s\".", GRAPHQL_NAME(at->type.name));
            continue;
        }
        if (graphql_type_info(location.ref.type)->kind == GRAPHQL_KIND_OBJECT) {
            wrong(validation, at->type.place, "Variable \"$%.*s\" cannot be of the output type \"%.*s\".",
                  GRAPHQL_NAME(at->name), GRAPHQL_NAME(at->type.name));
            continue;
        }
        if (at->default_value != NULL) {
            check_value(validation, location, at->default_value);
        }
    }
}

/* 5.4: known, once, required ones there. */
static void
check_arguments(struct validation *validation, const struct graphql_ast_selection *node)
{
    const struct graphql_field_info *field = graphql_field_info(node->field);
    uint32_t count = graphql_argument_count(node->field);

    check_argument_names(validation, node->arguments);
    for (const struct graphql_ast_argument *at = node->arguments; at != NULL; at = at->next) {
        enum graphql_argument argument = graphql_argument_find(node->field, at->name);
        const struct graphql_argument_info *info;

        if (argument == ARGUMENT_NONE) {
            wrong(validation, at->place, "Unknown argument \"%.*s\" on field \"%.*s\".",
                  GRAPHQL_NAME(at->name), GRAPHQL_NAME(node->name));
            continue;
        }
        info = graphql_argument_info(argument);
        check_value(
            validation,
            (struct graphql_location){.ref = info->ref, .has_default = info->default_literal.bytes > 0},
            at->value);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_argument_info *info =
            graphql_argument_info((enum graphql_argument)(field->first + i));
        char type[GRAPHQL_REF_BYTES_MAX];

        if (graphql_ref_is_non_null(info->ref) && info->default_literal.bytes == 0 &&
            graphql_ast_argument(node->arguments, info->name) == NULL) {
            wrong(validation, node->place,
                  "Field \"%.*s\" argument \"%.*s\" of type \"%s\" is required, but it was not provided.",
                  GRAPHQL_NAME(node->name), GRAPHQL_NAME(info->name), graphql_ref_print(info->ref, type));
        }
    }
}

/* 5.3.3: a leaf has no selections, an object has some. */
static void
check_leaf(struct validation *validation, struct graphql_ast_selection *node)
{
    struct graphql_type_ref ref = graphql_field_info(node->field)->ref;
    bool is_object = graphql_type_info(ref.type)->kind == GRAPHQL_KIND_OBJECT;
    char type[GRAPHQL_REF_BYTES_MAX];

    (void)graphql_ref_print(ref, type);
    if (is_object && !node->has_selections) {
        wrong(validation, node->place,
              "Field \"%.*s\" of type \"%s\" must have a selection of subfields. Did you mean \"%.*s { ... "
              "}\"?",
              GRAPHQL_NAME(node->name), type, GRAPHQL_NAME(node->name));
    } else if (!is_object && node->has_selections) {
        wrong(validation, node->place,
              "Field \"%.*s\" must not have a selection since type \"%s\" has no subfields.",
              GRAPHQL_NAME(node->name), type);
    } else if (is_object) {
        check_selections(validation, ref.type, node->selections);
    }
}

/* FNV-1a: short keys, and an attacker who finds collisions gains a few comparisons of short names. */
static uint32_t
hash_of(struct text text)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < text.bytes; i++) {
        hash = (hash ^ (uint8_t)text.data[i]) * 16777619u;
    }
    return hash;
}

/* 5.3.1 */
static void
check_field(struct validation *validation, enum graphql_type parent, struct graphql_ast_selection *node)
{
    node->field = graphql_field_find(parent, node->name);
    node->key_hash = hash_of(graphql_ast_response_key(node));
    check_directives(validation, node->directives, NULL);
    if (node->field != FIELD_NONE) {
        check_arguments(validation, node);
        check_leaf(validation, node);
        return;
    }
    wrong(validation, node->place, "Cannot query field \"%.*s\" on type \"%.*s\".", GRAPHQL_NAME(node->name),
          GRAPHQL_NAME(graphql_type_info(parent)->name));
}

/* 5.5.1.2, 5.5.1.3: the type of a condition exists and has fields. TYPE_NONE after an error. */
static enum graphql_type
check_condition_type(struct validation *validation, struct graphql_place place, struct text name)
{
    enum graphql_type type = graphql_type_find(name);

    if (type == TYPE_NONE) {
        wrong(validation, place, "Unknown type \"%.*s\".", GRAPHQL_NAME(name));
        return TYPE_NONE;
    }
    if (graphql_type_info(type)->kind != GRAPHQL_KIND_OBJECT) {
        wrong(validation, place, "A fragment cannot condition on the type \"%.*s\", which has no fields.",
              GRAPHQL_NAME(name));
        return TYPE_NONE;
    }
    return type;
}

/* 5.5.2.3: without interfaces and unions only the type itself is possible. */
static void
check_possible(struct validation *validation, struct graphql_place place, enum graphql_type parent,
               enum graphql_type type)
{
    if (parent != type) {
        wrong(validation, place, "A fragment on type \"%.*s\" can never be part of type \"%.*s\".",
              GRAPHQL_NAME(graphql_type_info(type)->name), GRAPHQL_NAME(graphql_type_info(parent)->name));
    }
}

static void
check_inline(struct validation *validation, enum graphql_type parent, struct graphql_ast_selection *node)
{
    enum graphql_type type = parent;

    check_directives(validation, node->directives, NULL);
    if (node->type_condition.bytes > 0) {
        type = check_condition_type(validation, node->place, node->type_condition);
        if (type == TYPE_NONE) {
            return;
        }
        check_possible(validation, node->place, parent, type);
    }
    check_selections(validation, type, node->selections);
}

/* 5.5.2.1 */
static void
check_spread(struct validation *validation, enum graphql_type parent, struct graphql_ast_selection *node)
{
    struct spread_use *use;
    enum graphql_type type;

    check_directives(validation, node->directives, NULL);
    node->fragment = graphql_ast_fragment(validation->document, node->name);
    if (node->fragment == NULL) {
        wrong(validation, node->place, "Unknown fragment \"%.*s\".", GRAPHQL_NAME(node->name));
        return;
    }
    /* A bad condition is reported once, at the fragment. */
    type = graphql_type_find(node->fragment->type_condition);
    if (type != TYPE_NONE && graphql_type_info(type)->kind == GRAPHQL_KIND_OBJECT) {
        check_possible(validation, node->place, parent, type);
    }
    use = take(validation, sizeof(*use));
    if (use != NULL) {
        *use = (struct spread_use){.selection = node, .next = validation->definition->uses->spreads};
        validation->definition->uses->spreads = use;
    }
}

/* As deep as the parser lets it be. */
static void
check_selections(struct validation *validation, enum graphql_type parent,
                 struct graphql_ast_selection *selections)
{
    for (struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        switch (at->kind) {
        case GRAPHQL_AST_FIELD:
            check_field(validation, parent, at);
            break;
        case GRAPHQL_AST_INLINE:
            check_inline(validation, parent, at);
            break;
        case GRAPHQL_AST_SPREAD:
            check_spread(validation, parent, at);
            break;
        }
    }
}

static void
check_operation(struct validation *validation, struct graphql_ast_definition *operation)
{
    static const enum graphql_type roots[] = {
        [GRAPHQL_QUERY] = TYPE_QUERY,
        [GRAPHQL_MUTATION] = TYPE_MUTATION,
        [GRAPHQL_SUBSCRIPTION] = TYPE_SUBSCRIPTION,
    };
    static const char *const places[] = {
        [GRAPHQL_QUERY] = "QUERY",
        [GRAPHQL_MUTATION] = "MUTATION",
        [GRAPHQL_SUBSCRIPTION] = "SUBSCRIPTION",
    };

    operation->type = roots[operation->operation];
    check_variables(validation, operation->variables);
    check_directives(validation, operation->directives, places[operation->operation]);
    check_selections(validation, operation->type, operation->selections);
}

static void
check_fragment(struct validation *validation, struct graphql_ast_definition *fragment)
{
    check_directives(validation, fragment->directives, "FRAGMENT_DEFINITION");
    fragment->type = check_condition_type(validation, fragment->place, fragment->type_condition);
    if (fragment->type != TYPE_NONE) {
        check_selections(validation, fragment->type, fragment->selections);
    }
}

/*
 * Each fragment is entered once, so the recursion is as deep as there are fragments, a few hundred at
 * most.
 */
static bool
follow_cycle(struct validation *validation, struct graphql_ast_definition *fragment, uint32_t entered,
             uint32_t done)
{
    fragment->visit = entered;
    for (const struct spread_use *at = fragment->uses->spreads; at != NULL; at = at->next) {
        struct graphql_ast_definition *next = at->selection->fragment;

        if (next->visit == done) {
            continue;
        }
        if (next->visit == entered) {
            wrong(validation, at->selection->place, "Cannot spread fragment \"%.*s\" within itself.",
                  GRAPHQL_NAME(next->name));
            return false;
        }
        if (!follow_cycle(validation, next, entered, done)) {
            return false;
        }
    }
    fragment->visit = done;
    return true;
}

/* 5.5.2.2: no fragment reaches itself. */
static void
check_cycles(struct validation *validation)
{
    uint32_t entered = ++validation->document->visit;
    uint32_t done = ++validation->document->visit;

    for (struct graphql_ast_definition *at = validation->document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_FRAGMENT && at->visit != done &&
            !follow_cycle(validation, at, entered, done)) {
            return;
        }
    }
}

static const struct graphql_ast_variable *
find_variable(const struct graphql_ast_definition *operation, struct text name)
{
    for (const struct graphql_ast_variable *at = operation->variables; at != NULL; at = at->next) {
        if (text_equal(at->name, name)) {
            return at;
        }
    }
    return NULL;
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

/* 5.8.3, 5.8.5: a variable is defined, and fits. */
static void
check_use(struct validation *validation, const struct graphql_ast_definition *operation,
          const struct variable_use *use)
{
    const struct graphql_ast_variable *variable = find_variable(operation, use->value->text);
    struct graphql_type_ref ref = {0};
    char from[GRAPHQL_REF_BYTES_MAX];
    char to[GRAPHQL_REF_BYTES_MAX];
    bool has_default;

    if (variable == NULL) {
        wrong(validation, use->value->place, "Variable \"$%.*s\" is not defined.",
              GRAPHQL_NAME(use->value->text));
        return;
    }
    ASSERT(graphql_validate_ref(&variable->type, &ref)); /* or we would not be here */
    has_default = variable->default_value != NULL && variable->default_value->kind != GRAPHQL_AST_NULL;
    if (!is_compatible(ref, has_default, use->location)) {
        wrong(validation, use->value->place,
              "Variable \"$%.*s\" of type \"%s\" used in position expecting type \"%s\".",
              GRAPHQL_NAME(use->value->text), graphql_ref_print(ref, from),
              graphql_ref_print(use->location.ref, to));
    }
}

static bool
uses_variable(const struct graphql_uses *uses, struct text name)
{
    for (const struct variable_use *at = uses->variables; at != NULL; at = at->next) {
        if (text_equal(at->value->text, name)) {
            return true;
        }
    }
    return false;
}

static void
visit_reached(struct validation *validation, struct graphql_ast_definition *definition, uint32_t visit)
{
    definition->visit = visit;
    for (const struct spread_use *at = definition->uses->spreads; at != NULL; at = at->next) {
        if (at->selection->fragment->visit != visit) {
            visit_reached(validation, at->selection->fragment, visit);
        }
    }
}

/* 5.8.4 */
static void
check_unused_variables(struct validation *validation, const struct graphql_ast_definition *operation,
                       uint32_t visit)
{
    for (const struct graphql_ast_variable *variable = operation->variables; variable != NULL;
         variable = variable->next) {
        const struct graphql_ast_definition *at = validation->document->definitions;

        while (at != NULL && !(at->visit == visit && uses_variable(at->uses, variable->name))) {
            at = at->next;
        }
        if (at == NULL) {
            wrong(validation, variable->place, "Variable \"$%.*s\" is never used.",
                  GRAPHQL_NAME(variable->name));
        }
    }
}

/* What an operation reaches through its fragments, seen with its variables. */
static void
check_reached(struct validation *validation, struct graphql_ast_definition *operation)
{
    uint32_t visit = ++validation->document->visit;

    visit_reached(validation, operation, visit);
    for (const struct graphql_ast_definition *at = validation->document->definitions; at != NULL;
         at = at->next) {
        if (at->visit != visit) {
            continue;
        }
        for (const struct variable_use *use = at->uses->variables; use != NULL; use = use->next) {
            check_use(validation, operation, use);
        }
    }
    check_unused_variables(validation, operation, visit);
}

/* 5.5.1.4 */
static void
check_unused_fragments(struct validation *validation)
{
    uint32_t visit = ++validation->document->visit;

    for (struct graphql_ast_definition *at = validation->document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_OPERATION) {
            visit_reached(validation, at, visit);
        }
    }
    for (const struct graphql_ast_definition *at = validation->document->definitions; at != NULL;
         at = at->next) {
        if (at->visit != visit) {
            wrong(validation, at->place, "Fragment \"%.*s\" is never used.", GRAPHQL_NAME(at->name));
        }
    }
}

bool
graphql_validate(struct graphql_ast_document *document, struct graphql_errors *errors)
{
    struct validation validation = {.document = document, .errors = errors};

    validation.coercion =
        (struct graphql_coercion){.errors = errors, .on_variable = note_variable, .context = &validation};
    check_definition_names(&validation);
    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        validation.definition = at;
        at->uses = take(&validation, sizeof(*at->uses));
        if (at->uses == NULL) {
            return false;
        }
        if (at->kind == GRAPHQL_AST_OPERATION) {
            check_operation(&validation, at);
        } else {
            check_fragment(&validation, at);
        }
    }
    /* From here on every name leads somewhere; after an error the rest would be noise. */
    if (!graphql_errors_any(errors)) {
        check_cycles(&validation);
    }
    if (graphql_errors_any(errors)) {
        return false;
    }
    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        if (at->kind == GRAPHQL_AST_OPERATION) {
            check_reached(&validation, at);
        }
    }
    check_unused_fragments(&validation);
    return !graphql_errors_any(errors);
}
