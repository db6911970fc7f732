/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_request.h"

#include "core/arena.h"
#include "query/graphql_parser.h"
#include "query/graphql_reach.h"
#include "query/graphql_validate.h"

/*
 * Planning is CollectFields() and MergeSelectionSets() of the specification, one selection set at a time:
 * first all fields of the set are gathered by response key, through fragments and conditions, then each
 * key's own selections are planned together. A fragment enters a set once, but may enter exponentially
 * many sets, so every selection that is visited takes one from a budget, and planning stops where a limit
 * is passed.
 *
 * Arguments are coerced once for each node of the document, not once for each visit.
 */

/* A set may have hundreds of keys and be gathered dozens of times: one list took 18 ms for the worst document. */
#define BUCKET_COUNT 32u

struct planner {
    struct graphql_errors *errors;
    struct graphql_ast_document *document;
    struct graphql_plan *plan;
    struct graphql_coercion coercion;
    uint64_t expansion_count;
};

/* A field node of a response key. */
struct node {
    const struct graphql_ast_selection *ast;
    struct node *next;
};

/* A response key while its set is gathered. */
struct group {
    struct graphql_selection *selection;
    uint32_t key_hash;
    struct node first;
    struct node *last;
    struct group *next;
    struct group *next_in_bucket;
};

struct groups {
    struct group *first;
    struct group *last;
    struct group *buckets[BUCKET_COUNT];
    uint32_t count;
    uint32_t visit; /* fragments that have entered this set carry it */
};

static bool gather(struct planner *planner, enum graphql_type parent, struct groups *groups,
                   struct graphql_ast_selection *selections);

static bool
spend_visit(struct planner *planner, struct graphql_place place)
{
    planner->expansion_count++;
    if (planner->expansion_count <= GRAPHQL_EXPANSIONS_MAX) {
        return true;
    }
    graphql_error_add(planner->errors, place, GRAPHQL_CODE_COMPLEX,
                      "The operation has more than %u selections when its fragments are expanded.",
                      GRAPHQL_EXPANSIONS_MAX);
    return false;
}

/* One of @skip and @include. */
static bool
evaluate(struct planner *planner, const struct graphql_ast_directive *directive, bool *out_truth)
{
    const struct graphql_ast_argument *argument;
    struct graphql_value value;

    argument = graphql_ast_argument(directive->arguments, TEXT("if"));
    if (!graphql_value_from_literal(&planner->coercion, GRAPHQL_CONDITION, argument->value, &value)) {
        return false;
    }
    ASSERT(value.kind == GRAPHQL_VALUE_BOOLEAN);
    *out_truth = value.truth;
    return true;
}

static bool
evaluate_all(struct planner *planner, const struct graphql_ast_directive *directives, bool *out_is_included)
{
    *out_is_included = true;
    for (const struct graphql_ast_directive *at = directives; at != NULL; at = at->next) {
        bool truth;

        if (!evaluate(planner, at, &truth)) {
            return false;
        }
        if (truth == text_equal(at->name, TEXT("skip"))) {
            *out_is_included = false;
        }
    }
    return true;
}

/* `first` of any field. */
static bool
check_first(struct planner *planner, const struct graphql_argument_info *info,
            const struct graphql_value *value, struct graphql_place place)
{
    if (!text_equal(info->name, TEXT("first")) || value->kind != GRAPHQL_VALUE_INTEGER) {
        return true;
    }
    if (value->integer >= 1 && value->integer <= (int64_t)GRAPHQL_FIRST_MAX) {
        return true;
    }
    graphql_error_add(planner->errors, place, GRAPHQL_CODE_FIRST,
                      "Argument \"first\" must be from 1 to %u, not %lld.", GRAPHQL_FIRST_MAX,
                      (long long)value->integer);
    return false;
}

static bool
coerce_argument(struct planner *planner, const struct graphql_ast_selection *node,
                const struct graphql_argument_info *info, struct graphql_value *value)
{
    const struct graphql_ast_argument *argument = graphql_ast_argument(node->arguments, info->name);
    struct graphql_location location = {.ref = info->ref, .has_default = info->default_literal.bytes > 0};

    *value = (struct graphql_value){0};
    if (argument != NULL &&
        !graphql_value_from_literal(&planner->coercion, location, argument->value, value)) {
        return false;
    }
    if (location.has_default && !graphql_value_is_given(value)) {
        *value = graphql_value_default(info->ref, info->default_literal);
    }
    return check_first(planner, info, value, argument != NULL ? argument->value->place : node->place);
}

static bool
coerce_arguments(struct planner *planner, struct graphql_ast_selection *node, uint32_t count)
{
    enum graphql_argument first = graphql_field_info(node->field)->first;

    if (node->values != NULL || count == 0) {
        return true;
    }
    node->values = graphql_errors_take(planner->errors, count * sizeof(*node->values));
    if (node->values == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct graphql_argument_info *info = graphql_argument_info((enum graphql_argument)(first + i));

        if (!coerce_argument(planner, node, info, &node->values[i])) {
            return false;
        }
    }
    return true;
}

/* A key's first field makes its selection. */
static struct group *
add_group(struct planner *planner, enum graphql_type parent, struct groups *groups,
          struct graphql_ast_selection *node)
{
    struct group *group = graphql_errors_take(planner->errors, sizeof(*group));
    struct graphql_selection *selection = graphql_errors_take(planner->errors, sizeof(*selection));
    uint32_t argument_count = graphql_argument_count(node->field);

    if (group == NULL || selection == NULL || !coerce_arguments(planner, node, argument_count)) {
        return NULL;
    }
    *selection = (struct graphql_selection){
        .response_key = graphql_ast_response_key(node),
        .field = node->field,
        .parent = parent,
        .ref = graphql_field_info(node->field)->ref,
        .argument_count = argument_count,
        .arguments = node->values,
        .place = node->place,
    };
    group->selection = selection;
    group->key_hash = node->key_hash;
    group->first.ast = node;
    group->last = &group->first;
    group->next_in_bucket = groups->buckets[node->key_hash % BUCKET_COUNT];
    groups->buckets[node->key_hash % BUCKET_COUNT] = group;
    if (groups->last != NULL) {
        groups->last->next = group;
        groups->last->selection->next = selection;
    } else {
        groups->first = group;
    }
    groups->last = group;
    groups->count++;
    return group;
}

static bool
gather_field(struct planner *planner, enum graphql_type parent, struct groups *groups,
             struct graphql_ast_selection *node)
{
    struct text key = graphql_ast_response_key(node);
    struct group *group = groups->buckets[node->key_hash % BUCKET_COUNT];
    struct node *more;

    while (group != NULL &&
           !(group->key_hash == node->key_hash && text_equal(group->selection->response_key, key))) {
        group = group->next_in_bucket;
    }
    if (group == NULL) {
        return add_group(planner, parent, groups, node) != NULL;
    }
    ASSERT(group->selection->field == node->field); /* validation has compared them */
    if (!node->has_selections) {
        return true;
    }
    more = graphql_errors_take(planner->errors, sizeof(*more));
    if (more == NULL) {
        return false;
    }
    more->ast = node;
    group->last->next = more;
    group->last = more;
    return true;
}

/* A second spread of one fragment adds nothing to a set. */
static bool
gather_spread(struct planner *planner, enum graphql_type parent, struct groups *groups,
              struct graphql_ast_definition *fragment)
{
    if (fragment->visit == groups->visit) {
        return true;
    }
    fragment->visit = groups->visit;
    ASSERT(fragment->type == parent);
    return gather(planner, parent, groups, fragment->selections);
}

/* Recursion: fragments, each once, and inline fragments, as deep as the parser lets them be. */
static bool
gather(struct planner *planner, enum graphql_type parent, struct groups *groups,
       struct graphql_ast_selection *selections)
{
    for (struct graphql_ast_selection *at = selections; at != NULL; at = at->next) {
        bool is_included;
        bool is_good = true;

        if (!spend_visit(planner, at->place) || !evaluate_all(planner, at->directives, &is_included)) {
            return false;
        }
        if (!is_included) {
            continue;
        }
        switch (at->kind) {
        case GRAPHQL_AST_FIELD:
            is_good = gather_field(planner, parent, groups, at);
            break;
        case GRAPHQL_AST_INLINE:
            is_good = gather(planner, parent, groups, at->selections);
            break;
        case GRAPHQL_AST_SPREAD:
            is_good = gather_spread(planner, parent, groups, at->fragment);
            break;
        }
        if (!is_good) {
            return false;
        }
    }
    return true;
}

/*
 * How many of each child there may be: `first`, else the usual for a list, whose page is above it in a
 * connection.
 */
static uint64_t
page_size(const struct graphql_selection *selection)
{
    enum graphql_argument first = graphql_argument_find(selection->field, TEXT("first"));

    if (first != ARGUMENT_NONE) {
        return (uint64_t)graphql_argument(selection, first)->integer;
    }
    if (selection->ref.list_depth > 0 && !graphql_type_info(selection->parent)->is_connection) {
        return GRAPHQL_LIST_ITEMS_USUAL;
    }
    return 1;
}

static bool
spend_cost(struct planner *planner, const struct graphql_selection *selection, uint64_t cost)
{
    uint64_t sum = planner->plan->cost + cost;

    if (sum > GRAPHQL_COST_MAX) {
        graphql_error_add(planner->errors, selection->place, GRAPHQL_CODE_COSTLY,
                          "The operation costs more than %u: ask for fewer fields or smaller pages.",
                          GRAPHQL_COST_MAX);
        return false;
    }
    planner->plan->cost = (uint32_t)sum;
    return true;
}

/* Where a selection set is. */
struct level {
    enum graphql_type type; /* what it selects from */
    uint32_t depth;
    uint32_t meta_fields; /* `fields` of __Type above it */
    uint64_t pages;       /* the product of the page sizes above it */
};

static bool plan_groups(struct planner *planner, const struct groups *groups, struct level level);

/* The selections of all fields of one key, together. */
static bool
plan_children(struct planner *planner, const struct group *group, struct level level)
{
    struct graphql_selection *selection = group->selection;
    struct groups groups = {.visit = ++planner->document->visit};

    for (const struct node *at = &group->first; at != NULL; at = at->next) {
        if (!gather(planner, level.type, &groups, at->ast->selections)) {
            return false;
        }
    }
    if (groups.first != NULL) {
        selection->children = groups.first->selection;
        selection->child_count = groups.count;
    }
    return plan_groups(planner, &groups, level);
}

static struct level
level_below(const struct graphql_selection *selection, struct level above)
{
    return (struct level){
        .type = selection->ref.type,
        .depth = above.depth + 1,
        .meta_fields = above.meta_fields + (selection->field == FIELD_META_TYPE_FIELDS ? 1 : 0),
        .pages = above.pages * page_size(selection),
    };
}

/*
 * What introspection answers grows by a factor with each `fields`: with three of them in each other it has
 * some thousand fields, with four too many.
 */
static bool
check_depth(struct planner *planner, const struct groups *groups, struct level level)
{
    uint32_t depth_max = graphql_type_info(level.type)->is_meta ? GRAPHQL_DEPTH_META_MAX : GRAPHQL_DEPTH_MAX;

    if (level.depth > depth_max) {
        graphql_error_add(planner->errors, groups->first->selection->place, GRAPHQL_CODE_DEEP,
                          "The operation is deeper than %u levels.", depth_max);
        return false;
    }
    if (level.meta_fields > GRAPHQL_META_FIELDS_MAX) {
        graphql_error_add(planner->errors, groups->first->selection->place, GRAPHQL_CODE_DEEP,
                          "Introspection enters types by \"fields\" more than %u times on one path.",
                          GRAPHQL_META_FIELDS_MAX);
        return false;
    }
    if (planner->plan->depth < level.depth) {
        planner->plan->depth = level.depth;
    }
    return true;
}

/* Whatever is asked about the schema is at hand. */
static bool
is_free(const struct graphql_selection *selection)
{
    return graphql_type_info(selection->parent)->is_meta || graphql_type_info(selection->ref.type)->is_meta;
}

/*
 * Recursion: GRAPHQL_DEPTH_META_MAX. Nor can `pages` wrap: a product that has cost too much was refused a
 * level above, and introspection does not use them.
 */
static bool
plan_groups(struct planner *planner, const struct groups *groups, struct level level)
{
    if (groups->first == NULL) {
        return true;
    }
    if (!check_depth(planner, groups, level)) {
        return false;
    }
    for (const struct group *group = groups->first; group != NULL; group = group->next) {
        if (!is_free(group->selection) && !spend_cost(planner, group->selection, level.pages)) {
            return false;
        }
        if (graphql_type_info(group->selection->ref.type)->kind == GRAPHQL_KIND_OBJECT &&
            !plan_children(planner, group, level_below(group->selection, level))) {
            return false;
        }
    }
    return true;
}

static bool
plan_operation(struct planner *planner, struct graphql_ast_definition *operation)
{
    struct groups groups = {.visit = ++planner->document->visit};

    if (!gather(planner, operation->type, &groups, operation->selections) ||
        !plan_groups(planner, &groups, (struct level){.type = operation->type, .depth = 1, .pages = 1})) {
        return false;
    }
    if (groups.first != NULL) {
        planner->plan->selections = groups.first->selection;
        planner->plan->selection_count = groups.count;
    }
    return true;
}

static bool
coerce_variable(struct graphql_errors *errors, const struct graphql_ast_variable *ast,
                const struct json_tree *variables, struct graphql_variable *variable)
{
    struct graphql_coercion defaults = {.errors = errors};
    const struct json_tree *json = json_tree_member(variables, ast->name);
    struct graphql_location location = {0};
    char type[GRAPHQL_REF_BYTES_MAX];

    *variable = (struct graphql_variable){.name = ast->name};
    ASSERT(graphql_reach_ref(&ast->type, &location.ref));
    if (json != NULL) {
        return graphql_value_from_json(errors, location.ref, json, ast->name, ast->place, &variable->value);
    }
    if (ast->default_value != NULL) {
        return graphql_value_from_literal(&defaults, location, ast->default_value, &variable->value);
    }
    if (graphql_ref_is_non_null(location.ref)) {
        graphql_error_add(errors, ast->place, GRAPHQL_CODE_INPUT,
                          "Variable \"$%.*s\" of required type \"%s\" was not provided.",
                          GRAPHQL_NAME(ast->name), graphql_ref_print(location.ref, type));
        return false;
    }
    return true;
}

/* All of them, so that a client sees every wrong one at once. */
static bool
coerce_variables(struct planner *planner, const struct graphql_ast_definition *operation,
                 const struct json_tree *variables)
{
    struct graphql_variable *variable;
    uint32_t count = 0;

    if (variables != NULL && variables->kind != JSON_OBJECT && variables->kind != JSON_NULL) {
        graphql_error_add(planner->errors, (struct graphql_place){0}, GRAPHQL_CODE_INPUT,
                          "The variables must be an object.");
        return false;
    }
    if (variables != NULL && variables->count > GRAPHQL_VARIABLES_MAX) {
        graphql_error_add(planner->errors, (struct graphql_place){0}, GRAPHQL_CODE_VARIABLES,
                          "The request has more than %u variables.", GRAPHQL_VARIABLES_MAX);
        return false;
    }
    for (const struct graphql_ast_variable *at = operation->variables; at != NULL; at = at->next) {
        count++;
    }
    variable = graphql_errors_take(planner->errors, (count + 1) * sizeof(*variable));
    if (variable == NULL) {
        return false;
    }
    planner->coercion =
        (struct graphql_coercion){.errors = planner->errors, .variables = variable, .variable_count = count};
    for (const struct graphql_ast_variable *at = operation->variables; at != NULL; at = at->next) {
        /* False has left its error in the list. */
        (void)!coerce_variable(planner->errors, at, variables, variable++);
    }
    return !graphql_errors_any(planner->errors);
}

/* NULL: none of that name, or no name and several. */
static struct graphql_ast_definition *
find_operation(const struct graphql_ast_document *document, struct text name)
{
    struct graphql_ast_definition *found = NULL;

    for (struct graphql_ast_definition *at = document->definitions; at != NULL; at = at->next) {
        if (at->kind != GRAPHQL_AST_OPERATION) {
            continue;
        }
        if (name.bytes > 0 ? text_equal(at->name, name) : found == NULL) {
            found = at;
        } else if (name.bytes == 0) {
            return NULL;
        }
    }
    return found;
}

static bool
check_operation(struct graphql_errors *errors, const struct graphql_ast_definition *operation,
                struct text name)
{
    if (operation == NULL && name.bytes > 0) {
        graphql_error_add(errors, (struct graphql_place){0}, GRAPHQL_CODE_OPERATION,
                          "Unknown operation named \"%.*s\".", GRAPHQL_NAME(name));
        return false;
    }
    if (operation == NULL) {
        graphql_error_add(errors, (struct graphql_place){0}, GRAPHQL_CODE_OPERATION,
                          "Must provide an operation, and its name if the document has several.");
        return false;
    }
    if (graphql_type_info(operation->type)->is_unsupported) {
        graphql_error_add(errors, operation->place, GRAPHQL_CODE_NOT_SUPPORTED,
                          "Operations of type \"%.*s\" are not supported yet.",
                          GRAPHQL_NAME(graphql_type_info(operation->type)->name));
        return false;
    }
    return true;
}

int
graphql_prepare(struct arena *arena, struct text query, struct text operation_name,
                const struct json_tree *variables, struct graphql_plan *out_plan)
{
    struct graphql_errors *errors = &out_plan->errors;
    struct graphql_ast_document document;
    struct planner planner = {.errors = errors, .document = &document, .plan = out_plan};
    struct graphql_ast_definition *operation;

    *out_plan = (struct graphql_plan){0};
    graphql_errors_init(errors, arena);

    if (graphql_parse(query, errors, &document) != 0) {
        return GRAPHQL_REFUSED;
    }
    operation = find_operation(&document, operation_name);
    if (operation != NULL) {
        out_plan->has_operation = true;
        out_plan->operation = operation->operation;
        out_plan->operation_name = operation->name;
    }
    if (!graphql_validate(&document, errors) || !check_operation(errors, operation, operation_name) ||
        !coerce_variables(&planner, operation, variables)) {
        return GRAPHQL_REFUSED;
    }
    out_plan->type = operation->type;
    if (!plan_operation(&planner, operation)) {
        return GRAPHQL_REFUSED;
    }
    ASSERT(!graphql_errors_any(errors));
    return 0;
}

const struct graphql_value *
graphql_argument(const struct graphql_selection *selection, enum graphql_argument argument)
{
    REQUIRE(graphql_argument_info(argument)->field == selection->field);

    return &selection->arguments[argument - graphql_field_info(selection->field)->first];
}
