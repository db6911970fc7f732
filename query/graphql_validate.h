/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_validate - may this document be executed against our schema?
 *
 * Every definition is walked once, used or not; then each operation sees the variables and spreads of the
 * fragments it reaches. So the work is bounded by the document, not by what its fragments expand to. The
 * rules are those of section 5 of the specification, except that fields of one response key are compared
 * when they are merged (graphql_request.h).
 *
 * Threads  Home shard only.
 * Errors   False, with at least one error in the list. The nodes' `field`, `fragment`, `type` and
 *          `key_hash` are set only when it is true.
 */

#include "query/graphql_ast.h"

/* Home. Every rule's function in the .c names its section. */
MUST_USE bool graphql_validate(struct graphql_ast_document *document, struct graphql_errors *errors);

/* Home. The type of a variable. False (and nothing added) when there is no such type. */
MUST_USE bool graphql_validate_ref(const struct graphql_ast_type *type, struct graphql_type_ref *out_ref);

/* The one argument of @skip and @include. */
#define GRAPHQL_CONDITION ((struct graphql_location){.ref = {.type = TYPE_BOOLEAN, .non_null = 1}})
