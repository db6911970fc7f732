/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_request - from the text of a request to a plan that can be executed without looking back
 *
 * graphql_prepare() parses the document, validates it, picks the operation, coerces its variables and
 * expands its fragments and conditions into a tree of selections: exactly the response fields, in response
 * order, each key once, with its arguments coerced and its defaults filled in. An executor walks the tree
 * and switches on numbers:
 *
 *     for (const struct graphql_selection *at = plan.selections; at != NULL; at = at->next) {
 *         switch (at->field) {
 *         case FIELD_QUERY_EVENTS:
 *             first = graphql_argument(at, ARGUMENT_QUERY_EVENTS_FIRST)->integer;  always there, 1 to 1000
 *             filter = graphql_argument(at, ARGUMENT_QUERY_EVENTS_FILTER);         ABSENT, NULL or OBJECT
 *             if (graphql_value_is_given(filter)) {
 *                 late = graphql_value_field(filter, INPUT_EVENT_FILTER_LATE);     ABSENT, NULL or BOOLEAN
 *             }
 *
 * What an executor may rely on: an argument of a type with "!" is given, one with a default is given (an
 * explicit null counts as the default), a value's kind follows from its type in the schema, and
 * FIELD_TYPENAME may come in any selection set (its answer is the name of `parent`).
 *
 * Threads  Home shard only.
 * Memory   Everything lives in the arena. Borrows the three inputs as long as the plan is used.
 * Limits   Below, each refused by its own extensions.code. Work and memory are bounded by them whatever is
 *          sent.
 * Errors   GRAPHQL_REFUSED: out_plan->errors holds request errors, nothing may be executed, and the answer
 *          has no `data` key. Field errors are the executor's: it begins a list of its own, with paths.
 */

#include "core/base.h"
#include "query/graphql_ast.h"
#include "query/graphql_error.h"
#include "query/graphql_schema.h"
#include "query/graphql_value.h"

#define GRAPHQL_DEPTH_MAX 12u      /* TOO_DEEP: fields in each other, the root's are at depth 1 */
#define GRAPHQL_DEPTH_META_MAX 20u /* TOO_DEEP: the same inside of __schema and __type */
#define GRAPHQL_META_FIELDS_MAX 3u /* TOO_DEEP: `fields` of __Type in each other */
#define GRAPHQL_COST_MAX \
    20000u                            /* TOO_COSTLY: a field costs the product of the page sizes above it,
                                         introspection nothing */
#define GRAPHQL_EXPANSIONS_MAX 20000u /* TOO_COMPLEX: selections visited while fragments are expanded */
#define GRAPHQL_FIRST_MAX 1000u       /* INVALID_FIRST: `first` is 1 to this */
#define GRAPHQL_LIST_ITEMS_USUAL 10u  /* what a list without `first` counts */
#define GRAPHQL_VARIABLES_MAX 2000u   /* TOO_MANY_VARIABLES: members of the variables object, used or not */

enum graphql_request_answer {
    GRAPHQL_REFUSED = 1,
};

/* One field of the response. */
struct graphql_selection {
    struct text response_key; /* the alias, else the name */
    enum graphql_field field;
    enum graphql_type parent;    /* the type it is a field of */
    struct graphql_type_ref ref; /* its type: ref.type is the named one, lists and "!" as in the schema */
    uint32_t argument_count;
    uint32_t child_count;
    const struct graphql_value *arguments;    /* in the order of the schema: see graphql_argument() */
    const struct graphql_selection *children; /* of an object or a list of them; NULL when all are skipped */
    const struct graphql_selection *next;
    struct graphql_place place; /* of the first field of that key in the document */
};

struct graphql_plan {
    struct graphql_errors errors;     /* request errors; empty after 0 */
    bool has_operation;               /* the next two are known, also when the request was refused later */
    enum graphql_operation operation; /* for who must refuse mutations by GET */
    struct text operation_name;       /* empty: it has none */
    enum graphql_type type;           /* the root type */
    uint32_t selection_count;
    uint32_t depth;
    uint32_t cost;
    const struct graphql_selection *selections;
};

/*
 * Home. `operation_name` empty: there is only one. `variables` is NULL, JSON null or an object. Writes
 * out_plan in any case; selections only when 0.
 */
MUST_USE int graphql_prepare(struct arena *arena, struct text query, struct text operation_name,
                             const struct json_tree *variables, struct graphql_plan *out_plan);

/* Home. The argument's value, never NULL. REQUIREs that the argument is one of the selection's field. */
const struct graphql_value *graphql_argument(const struct graphql_selection *selection,
                                             enum graphql_argument argument);
