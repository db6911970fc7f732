/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_reach - what an operation reaches through its fragments
 *
 * The rules that cannot be told from one definition alone: fragments that reach themselves or that nobody
 * reaches, variables that an operation does not define, does not use, or uses where they do not fit, and
 * subscriptions to more than one thing (sections 5.5.1.4, 5.5.2.2, 5.8.3 to 5.8.5, 5.2.3.1). Fragments are
 * visited, not expanded, so the work is bounded by definitions times uses.
 *
 * Threads  Home shard only.
 * Memory   In the arena of the errors.
 * Errors   In the list.
 */

#include "query/graphql_ast.h"
#include "query/graphql_value.h"

/* A variable, where it is used; location.ref.type TYPE_NONE: nobody knows what stands there. */
struct graphql_variable_use {
    const struct graphql_ast_value *value;
    struct graphql_location location;
    struct graphql_variable_use *next;
};

struct graphql_spread_use {
    const struct graphql_ast_selection *selection;
    struct graphql_spread_use *next;
};

/* What one definition uses by itself, fragments not followed. */
struct graphql_uses {
    struct graphql_variable_use *variables;
    struct graphql_variable_use **variables_end;
    struct graphql_spread_use *spreads;
};

/* Home. NULL: arena full. */
struct graphql_uses *graphql_uses_create(struct graphql_errors *errors);
void graphql_uses_variable(struct graphql_uses *uses, struct graphql_errors *errors,
                           const struct graphql_ast_value *value, struct graphql_location location);

/*
 * Home. Each definition has `uses` with its variables, and each spread has its fragment; spreads are collected
 * here.
 */
void graphql_reach_check(struct graphql_ast_document *document, struct graphql_errors *errors);

/* Home. The type of a variable. False (and nothing added) when there is no such type. */
MUST_USE bool graphql_reach_ref(const struct graphql_ast_type *type, struct graphql_type_ref *out_ref);
