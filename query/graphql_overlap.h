/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_overlap - can all fields of one response key be merged?
 *
 * Section 5.3.2 of the specification, on the document as it was written: sets of fields are compared with each
 * other and with the fragments that they spread, and nothing is expanded. Fields of one key must be the same
 * field with the same arguments, unless their parents are different types; then only the shapes of what they
 * return must fit.
 *
 * Threads  Home shard only.
 * Memory   In the arena of the errors.
 * Limits   GRAPHQL_COMPARISONS_MAX for the whole document, and GRAPHQL_OVERLAP_DEPTH_MAX comparisons in each
 *          other; TOO_COMPLEX behind them.
 * Errors   In the list, with FIELDS_CONFLICT.
 */

#include "query/graphql_ast.h"

#define GRAPHQL_COMPARISONS_MAX 100000u
#define GRAPHQL_OVERLAP_DEPTH_MAX 512u

/* Home. The types of definitions, and the fields and fragments of selections, are known. */
void graphql_overlap_check(struct graphql_ast_document *document, struct graphql_errors *errors);
