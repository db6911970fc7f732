/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_literal - does a literal of the document fit the place where it stands?
 *
 * Section 5.6 of the specification: values of the right type, input fields known, there and unique. A place
 * may have no type (the argument of an unknown field); then only what needs none is looked at. Every variable
 * on the way is told, with the place it stands in.
 *
 * Threads  Home shard only.
 * Errors   In the list.
 */

#include "query/graphql_ast.h"
#include "query/graphql_value.h"

struct graphql_literal {
    struct graphql_errors *errors;
    void (*on_variable)(void *context, const struct graphql_ast_value *use, struct graphql_location location);
    void *context;
};

/* Home. location.ref.type TYPE_NONE: nobody knows what stands here. */
void graphql_literal_check(const struct graphql_literal *literal, struct graphql_location location,
                           const struct graphql_ast_value *value);
