/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_validate - may this document be executed against our schema?
 *
 * The rules of section 5 of the specification, all of them, so that a client sees everything that is wrong at
 * once. Every definition is walked once, used or not, and what is below something unknown is still looked at;
 * then operations are seen with what they reach (graphql_reach.h), and fields of one response key are compared
 * (graphql_overlap.h). So the work is bounded by the document, not by what its fragments expand to.
 *
 * Verdicts, messages and places are those of the reference implementation; a test compares them.
 *
 * Threads  Home shard only.
 * Errors   False, with at least one error in the list. The nodes' `field`, `fragment`, `type` and
 *          `key_hash` are set only when it is true.
 */

#include "query/graphql_ast.h"

/* Home. Every rule's function names its section. */
MUST_USE bool graphql_validate(struct graphql_ast_document *document, struct graphql_errors *errors);

/* The one argument of @skip and @include. */
#define GRAPHQL_CONDITION ((struct graphql_location){.ref = {.type = TYPE_BOOLEAN, .non_null = 1}})
