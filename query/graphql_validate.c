/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_validate.h"

#include <stdarg.h>
#include <stdio.h>

#include "query/graphql_literal.h"
#include "query/graphql_overlap.h"
#include "query/graphql_reach.h"
#include "query/graphql_words.h"

#define PLACES_MAX 64u /* of one error */

struct validation {
    struct graphql_ast_document *document;
    struct graphql_errors *errors;
    struct graphql_uses *uses; /* of the definition that is walked */
    struct graphql_literal literal;
};

/* Where a selection set is. */
struct scope {
    enum graphql_type type;   /* what it selects from; TYPE_NONE: nobody knows */
    enum graphql_field field; /* the field above it; FIELD_NONE: none, or unknown */
};

static void check_selections(struct validation *validation, struct scope scope,
                             struct graphql_ast_selection *selections);

static void
report(struct validation *validation, struct graphql_place place, const struct graphql_words *words)
{
    graphql_error_add_all(validation->errors, &place, 1, GRAPHQL_CODE_VALIDATION, graphql_words_text(words));
}

PRINTF_LIKE(3, 4)
static void
wrong(struct validation *validation, struct graphql_place place, const char *format, ...)
{
    char message[GRAPHQL_MESSAGE_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    graphql_error_add(validation->errors, place, GRAPHQL_CODE_VALIDATION, "%s", message);
}

static bool
is_object(enum graphql_type type)
{
    return type != TYPE_NONE && graphql_type_info(type)->kind == GRAPHQL_KIND_OBJECT;
}

/* ---- names of definitions ---- */

/* 5.2.1.1, 5.5.1.1: the first of the same kind and name. */
static const struct graphql_ast_definition *
find_first(const struct validation *validation, const struct graphql_ast_definition *definition)
{
    const struct graphql_ast_definition *at = validation->document->definitions;

    while (at->kind != definition->kind || !text_equal(at->name, definition->name)) {
        at = at->next;
    }
    return at;
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
        const struct graphql_ast_definition *first = find_first(validation, at);
        struct graphql_words words = {.bytes = 0};

        if (at->name.bytes == 0) {
            if (operation_count > 1) {
                wrong(validation, at->place, "This anonymous operation must be the only defined operation.");
            }
        } else if (first != at) {
            graphql_words_add(&words, "There can be only one %s named \"%.*s\".",
                              at->kind == GRAPHQL_AST_OPERATION ? "operation" : "fragment",
                              GRAPHQL_NAME(at->name));
            graphql_error_add_all(validation->errors,
                                  (struct graphql_place[]){first->name_place, at->name_place}, 2,
                                  GRAPHQL_CODE_VALIDATION, graphql_words_text(&words));
        }
    }
}

/* ---- arguments ---- */

static void
note_variable(void *context, const struct graphql_ast_value *value, struct graphql_location location)
{
    struct validation *validation = context;

    graphql_uses_variable(validation->uses, validation->errors, value, location);
}

/* 5.4.2: one error for all of one name. */
static void
check_argument_names(struct validation *validation, const struct graphql_ast_argument *arguments)
{
    for (const struct graphql_ast_argument *at = arguments; at != NULL; at = at->next) {
        struct graphql_place places[PLACES_MAX] = {at->place};
        struct graphql_words words = {.bytes = 0};
        uint32_t count = 1;

        if (graphql_ast_argument(arguments, at->name) != at || graphql_errors_enough(validation->errors)) {
            continue;
        }
        for (const struct graphql_ast_argument *other = at->next; other != NULL; other = other->next) {
            if (count < PLACES_MAX && text_equal(other->name, at->name)) {
                places[count++] = other->place;
            }
        }
        if (count > 1) {
            graphql_words_add(&words, "There can be only one argument named \"%.*s\".",
                              GRAPHQL_NAME(at->name));
            graphql_error_add_all(validation->errors, places, count, GRAPHQL_CODE_VALIDATION,
                                  graphql_words_text(&words));
        }
    }
}

/* 5.4.2 and 5.6, whoever's arguments they are. `field` is FIELD_NONE when nobody knows. */
static void
check_argument_values(struct validation *validation, enum graphql_field field,
                      const struct graphql_ast_argument *arguments)
{
    check_argument_names(validation, arguments);
    for (const struct graphql_ast_argument *at = arguments; at != NULL; at = at->next) {
        enum graphql_argument argument =
            field != FIELD_NONE ? graphql_argument_find(field, at->name) : ARGUMENT_NONE;
        struct graphql_location location = {.has_default = false};

        if (argument != ARGUMENT_NONE) {
            location.ref = graphql_argument_info(argument)->ref;
            location.has_default = graphql_argument_info(argument)->default_literal.bytes > 0;
        }
        graphql_literal_check(&validation->literal, location, at->value);
    }
}

/* 5.4.1: `words` say where, and end here. */
static void
unknown_argument(struct validation *validation, enum graphql_field field,
                 const struct graphql_ast_argument *argument, struct graphql_words *words)
{
    uint32_t first = graphql_field_info(field)->first;
    uint32_t count = graphql_argument_count(field);
    struct graphql_options options = {.count = 0};

    for (uint32_t i = 0; i < count; i++) {
        graphql_options_add(&options, graphql_argument_info((enum graphql_argument)(first + i))->name);
    }
    graphql_words_add_meant(words, "", argument->name, &options);
    report(validation, argument->place, words);
}

/* 5.4.2.1: the next argument behind `after` that must be there and is not; ARGUMENT_NONE: no more. */
static enum graphql_argument
find_missing(enum graphql_field field, const struct graphql_ast_argument *arguments,
             enum graphql_argument after)
{
    uint32_t first = graphql_field_info(field)->first;
    uint32_t count = graphql_argument_count(field);

    for (uint32_t i = after == ARGUMENT_NONE ? first : after + 1; i < first + count; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)i);

        if (graphql_ref_is_non_null(info->ref) && info->default_literal.bytes == 0 &&
            graphql_ast_argument(arguments, info->name) == NULL) {
            return (enum graphql_argument)i;
        }
    }
    return ARGUMENT_NONE;
}

/* ---- directives ---- */

static void
check_directive_arguments(struct validation *validation, enum graphql_field field,
                          const struct graphql_ast_directive *directive)
{
    char type[GRAPHQL_REF_BYTES_MAX];

    for (const struct graphql_ast_argument *at = directive->arguments; at != NULL; at = at->next) {
        struct graphql_words words = {.bytes = 0};

        if (graphql_argument_find(field, at->name) == ARGUMENT_NONE) {
            graphql_words_add(&words, "Unknown argument \"%.*s\" on directive \"@%.*s\".",
                              GRAPHQL_NAME(at->name), GRAPHQL_NAME(directive->name));
            unknown_argument(validation, field, at, &words);
        }
    }
    for (enum graphql_argument at = find_missing(field, directive->arguments, ARGUMENT_NONE);
         at != ARGUMENT_NONE; at = find_missing(field, directive->arguments, at)) {
        const struct graphql_argument_info *info = graphql_argument_info(at);

        wrong(validation, directive->place,
              "Directive \"@%.*s\" argument \"%.*s\" of type \"%s\" is required, but it was not provided.",
              GRAPHQL_NAME(directive->name), GRAPHQL_NAME(info->name), graphql_ref_print(info->ref, type));
    }
}

/* 5.7.1, 5.7.2, 5.7.3: known, where it may stand, at most once. */
static void
check_directive_place(struct validation *validation, enum graphql_field field,
                      const struct graphql_ast_directive *directives,
                      const struct graphql_ast_directive *directive, enum graphql_enum place)
{
    const struct graphql_ast_directive *first = graphql_ast_directive(directives, directive->name);
    struct graphql_words words = {.bytes = 0};

    if (field == FIELD_NONE) {
        wrong(validation, directive->place, "Unknown directive \"@%.*s\".", GRAPHQL_NAME(directive->name));
        return;
    }
    if ((graphql_directive_places(field) & graphql_directive_place(place)) == 0) {
        wrong(validation, directive->place, "Directive \"@%.*s\" may not be used on %.*s.",
              GRAPHQL_NAME(directive->name), GRAPHQL_NAME(graphql_enum_info(place)->name));
    }
    if (first != directive) {
        graphql_words_add(&words, "The directive \"@%.*s\" can only be used once at this location.",
                          GRAPHQL_NAME(directive->name));
        graphql_error_add_all(validation->errors, (struct graphql_place[]){first->place, directive->place}, 2,
                              GRAPHQL_CODE_VALIDATION, graphql_words_text(&words));
    }
}

/* `above` is the field whose arguments those of an unknown directive are taken for. */
static void
check_directives(struct validation *validation, const struct graphql_ast_directive *directives,
                 enum graphql_enum place, enum graphql_field above)
{
    for (const struct graphql_ast_directive *at = directives; at != NULL; at = at->next) {
        enum graphql_field field = graphql_field_find(TYPE_DIRECTIVES, at->name);

        field = field == FIELD_TYPENAME ? FIELD_NONE : field;
        check_directive_place(validation, field, directives, at, place);
        check_argument_values(validation, field != FIELD_NONE ? field : above, at->arguments);
        if (field != FIELD_NONE) {
            check_directive_arguments(validation, field, at);
        }
    }
}

/* ---- types ---- */

/* 5.5.1.2, 5.8.2: TYPE_NONE after an error. */
static enum graphql_type
check_type_name(struct validation *validation, struct graphql_place place, struct text name)
{
    enum graphql_type type = graphql_type_find(name);
    struct graphql_options options = {.count = 0};
    struct graphql_words words = {.bytes = 0};

    if (type != TYPE_NONE || graphql_errors_enough(validation->errors)) {
        return type;
    }
    for (uint32_t i = TYPE_NONE + 1; i <= GRAPHQL_TYPE_LAST; i++) {
        graphql_options_add(&options, graphql_type_info((enum graphql_type)i)->name);
    }
    graphql_words_add(&words, "Unknown type \"%.*s\".", GRAPHQL_NAME(name));
    graphql_words_add_meant(&words, "", name, &options);
    report(validation, place, &words);
    return TYPE_NONE;
}

/* 5.8.1: one error for all of one name. */
static void
check_variable_names(struct validation *validation, const struct graphql_ast_variable *variables)
{
    for (const struct graphql_ast_variable *at = variables; at != NULL; at = at->next) {
        struct graphql_place places[PLACES_MAX] = {at->name_place};
        struct graphql_words words = {.bytes = 0};
        const struct graphql_ast_variable *first = variables;
        uint32_t count = 1;

        while (!text_equal(first->name, at->name)) {
            first = first->next;
        }
        for (const struct graphql_ast_variable *other = at->next; first == at && other != NULL;
             other = other->next) {
            if (count < PLACES_MAX && text_equal(other->name, at->name)) {
                places[count++] = other->name_place;
            }
        }
        if (count > 1) {
            graphql_words_add(&words, "There can be only one variable named \"$%.*s\".",
                              GRAPHQL_NAME(at->name));
            graphql_error_add_all(validation->errors, places, count, GRAPHQL_CODE_VALIDATION,
                                  graphql_words_text(&words));
        }
    }
}

/* 5.8.2, and the defaults. */
static void
check_variables(struct validation *validation, const struct graphql_ast_variable *variables)
{
    check_variable_names(validation, variables);
    for (const struct graphql_ast_variable *at = variables; at != NULL; at = at->next) {
        char type[GRAPHQL_REF_BYTES_MAX];
        struct graphql_location location = {.has_default = false};

        check_directives(validation, at->directives, ENUM_META_DIRECTIVE_LOCATION_VARIABLE_DEFINITION,
                         FIELD_NONE);
        (void)check_type_name(validation, at->type.name_place, at->type.name);
        if (graphql_reach_ref(&at->type, &location.ref) && is_object(location.ref.type)) {
            wrong(validation, at->type.place, "Variable \"$%.*s\" cannot be non-input type \"%s\".",
                  GRAPHQL_NAME(at->name), graphql_ref_print(location.ref, type));
            location.ref = (struct graphql_type_ref){.type = TYPE_NONE};
        }
        if (at->default_value != NULL) {
            graphql_literal_check(&validation->literal, location, at->default_value);
        }
    }
}

/* ---- selections ---- */

/* 5.4 */
static void
check_arguments(struct validation *validation, enum graphql_type parent,
                const struct graphql_ast_selection *node)
{
    char type[GRAPHQL_REF_BYTES_MAX];

    check_argument_values(validation, node->field, node->arguments);
    if (node->field == FIELD_NONE) {
        return;
    }
    for (const struct graphql_ast_argument *at = node->arguments; at != NULL; at = at->next) {
        struct graphql_words words = {.bytes = 0};

        if (graphql_argument_find(node->field, at->name) == ARGUMENT_NONE) {
            graphql_words_add(&words, "Unknown argument \"%.*s\" on field \"%.*s.%.*s\".",
                              GRAPHQL_NAME(at->name), GRAPHQL_NAME(graphql_type_info(parent)->name),
                              GRAPHQL_NAME(node->name));
            unknown_argument(validation, node->field, at, &words);
        }
    }
    for (enum graphql_argument at = find_missing(node->field, node->arguments, ARGUMENT_NONE);
         at != ARGUMENT_NONE; at = find_missing(node->field, node->arguments, at)) {
        const struct graphql_argument_info *info = graphql_argument_info(at);

        wrong(validation, node->place,
              "Field \"%.*s\" argument \"%.*s\" of type \"%s\" is required, but it was not provided.",
              GRAPHQL_NAME(node->name), GRAPHQL_NAME(info->name), graphql_ref_print(info->ref, type));
    }
}

/* 5.3.3: a leaf has no selections, an object has some. */
static void
check_leaf(struct validation *validation, const struct graphql_ast_selection *node)
{
    struct graphql_type_ref ref = graphql_field_info(node->field)->ref;
    char type[GRAPHQL_REF_BYTES_MAX];

    (void)graphql_ref_print(ref, type);
    if (is_object(ref.type) && !node->has_selections) {
        wrong(validation, node->place,
              "Field \"%.*s\" of type \"%s\" must have a selection of subfields. Did you mean \"%.*s { ... "
              "}\"?",
              GRAPHQL_NAME(node->name), type, GRAPHQL_NAME(node->name));
    } else if (!is_object(ref.type) && node->has_selections) {
        wrong(validation, node->selections_place,
              "Field \"%.*s\" must not have a selection since type \"%s\" has no subfields.",
              GRAPHQL_NAME(node->name), type);
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

static void
unknown_field(struct validation *validation, enum graphql_type parent,
              const struct graphql_ast_selection *node)
{
    uint32_t first = graphql_type_info(parent)->first;
    uint32_t count = graphql_field_count(parent);
    struct graphql_options options = {.count = 0};
    struct graphql_words words = {.bytes = 0};

    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_field_info *info = graphql_field_info((enum graphql_field)(first + i));

        if (!graphql_field_is_hidden(info)) {
            graphql_options_add(&options, info->name);
        }
    }
    graphql_words_add(&words, "Cannot query field \"%.*s\" on type \"%.*s\".", GRAPHQL_NAME(node->name),
                      GRAPHQL_NAME(graphql_type_info(parent)->name));
    graphql_words_add_meant(&words, "", node->name, &options);
    report(validation, node->place, &words);
}

/* 5.3.1 */
static void
check_field(struct validation *validation, struct scope scope, struct graphql_ast_selection *node)
{
    struct scope below = {.type = TYPE_NONE};

    node->parent = scope.type;
    node->field = scope.type != TYPE_NONE ? graphql_field_find(scope.type, node->name) : FIELD_NONE;
    node->key_hash = hash_of(graphql_ast_response_key(node));
    if (node->field != FIELD_NONE) {
        check_leaf(validation, node);
        below.type = graphql_field_info(node->field)->ref.type;
        below.type = is_object(below.type) ? below.type : TYPE_NONE;
        below.field = node->field;
    } else if (scope.type != TYPE_NONE && !graphql_errors_enough(validation->errors)) {
        unknown_field(validation, scope.type, node);
    }
    check_arguments(validation, scope.type, node);
    check_directives(validation, node->directives, ENUM_META_DIRECTIVE_LOCATION_FIELD, node->field);
    check_selections(validation, below, node->selections);
}

/* 5.5.2.3: without interfaces and unions only the type itself is possible. */
static bool
is_possible(enum graphql_type parent, enum graphql_type type)
{
    return !is_object(parent) || !is_object(type) || parent == type;
}

static void
check_inline(struct validation *validation, struct scope scope, struct graphql_ast_selection *node)
{
    struct scope below = scope;

    if (node->type_condition.bytes > 0) {
        enum graphql_type type = check_type_name(validation, node->type_place, node->type_condition);

        if (type != TYPE_NONE && !is_object(type)) {
            wrong(validation, node->type_place, "Fragment cannot condition on non composite type \"%.*s\".",
                  GRAPHQL_NAME(node->type_condition));
        }
        if (!is_possible(scope.type, type)) {
            wrong(validation, node->place,
                  "Fragment cannot be spread here as objects of type \"%.*s\" can never be of type \"%.*s\".",
                  GRAPHQL_NAME(graphql_type_info(scope.type)->name), GRAPHQL_NAME(node->type_condition));
        }
        below.type = is_object(type) ? type : TYPE_NONE;
    }
    check_directives(validation, node->directives, ENUM_META_DIRECTIVE_LOCATION_INLINE_FRAGMENT, scope.field);
    check_selections(validation, below, node->selections);
}

/* 5.5.2.1 */
static void
check_spread(struct validation *validation, struct scope scope, struct graphql_ast_selection *node)
{
    node->fragment = graphql_ast_fragment(validation->document, node->name);
    if (node->fragment == NULL) {
        wrong(validation, node->name_place, "Unknown fragment \"%.*s\".", GRAPHQL_NAME(node->name));
    } else if (!is_possible(scope.type, graphql_type_find(node->fragment->type_condition))) {
        wrong(validation, node->place,
              "Fragment \"%.*s\" cannot be spread here as objects of type \"%.*s\" can never be of type "
              "\"%.*s\".",
              GRAPHQL_NAME(node->name), GRAPHQL_NAME(graphql_type_info(scope.type)->name),
              GRAPHQL_NAME(node->fragment->type_condition));
    }
    check_directives(validation, node->directives, ENUM_META_DIRECTIVE_LOCATION_FRAGMENT_SPREAD, scope.field);
}

/* As deep as the parser lets it be. */
static void
check_selections(struct validation *validation, struct scope scope, struct graphql_ast_selection *selections)
{
    for (struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        switch (at->kind) {
        case GRAPHQL_AST_FIELD:
            check_field(validation, scope, at);
            break;
        case GRAPHQL_AST_INLINE:
            check_inline(validation, scope, at);
            break;
        case GRAPHQL_AST_SPREAD:
            check_spread(validation, scope, at);
            break;
        }
    }
}

/* ---- definitions ---- */

static void
check_operation(struct validation *validation, struct graphql_ast_definition *operation)
{
    static const enum graphql_type roots[] = {
        [GRAPHQL_QUERY] = TYPE_QUERY,
        [GRAPHQL_MUTATION] = TYPE_MUTATION,
        [GRAPHQL_SUBSCRIPTION] = TYPE_SUBSCRIPTION,
    };
    static const enum graphql_enum places[] = {
        [GRAPHQL_QUERY] = ENUM_META_DIRECTIVE_LOCATION_QUERY,
        [GRAPHQL_MUTATION] = ENUM_META_DIRECTIVE_LOCATION_MUTATION,
        [GRAPHQL_SUBSCRIPTION] = ENUM_META_DIRECTIVE_LOCATION_SUBSCRIPTION,
    };

    operation->type = roots[operation->operation];
    check_variables(validation, operation->variables);
    check_directives(validation, operation->directives, places[operation->operation], FIELD_NONE);
    check_selections(validation, (struct scope){.type = operation->type}, operation->selections);
}

/* 5.5.1.2, 5.5.1.3 */
static void
check_fragment(struct validation *validation, struct graphql_ast_definition *fragment)
{
    enum graphql_type type = check_type_name(validation, fragment->type_place, fragment->type_condition);

    if (type != TYPE_NONE && !is_object(type)) {
        wrong(validation, fragment->type_place,
              "Fragment \"%.*s\" cannot condition on non composite type \"%.*s\".",
              GRAPHQL_NAME(fragment->name), GRAPHQL_NAME(fragment->type_condition));
    }
    fragment->type = is_object(type) ? type : TYPE_NONE;
    check_directives(validation, fragment->directives, ENUM_META_DIRECTIVE_LOCATION_FRAGMENT_DEFINITION,
                     FIELD_NONE);
    check_selections(validation, (struct scope){.type = fragment->type}, fragment->selections);
}

bool
graphql_validate(struct graphql_ast_document *document, struct graphql_errors *errors)
{
    struct validation validation = {.document = document, .errors = errors};

    validation.literal =
        (struct graphql_literal){.errors = errors, .on_variable = note_variable, .context = &validation};
    check_definition_names(&validation);
    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        at->uses = graphql_uses_create(errors);
        if (at->uses == NULL) {
            return false;
        }
        validation.uses = at->uses;
        if (at->kind == GRAPHQL_AST_OPERATION) {
            check_operation(&validation, at);
        } else {
            check_fragment(&validation, at);
        }
    }
    graphql_reach_check(document, errors);
    graphql_overlap_check(document, errors);
    return !graphql_errors_any(errors);
}
