/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_parser - GraphQL text to its tree
 *
 * Executable documents of October 2021, operations and fragments, and descriptions of them as in September 2025.
 * Definitions of types are refused.
 *
 * Threads  Home shard only.
 * Memory   The tree lives in the arena of `errors` and may point into the source.
 * Limits   GRAPHQL_TOKENS_MAX tokens, GRAPHQL_AST_DEPTH_MAX levels, GRAPHQL_LIST_DEPTH_MAX lists in a type.
 * Errors   GRAPHQL_PARSER_BAD, with one error in the list: the first thing that is wrong.
 */

#include "query/graphql_ast.h"

enum graphql_parser_answer {
    GRAPHQL_PARSER_BAD = 1,
};

/* Home. At least one definition, or it is BAD. */
MUST_USE int graphql_parse(struct text source, struct graphql_errors *errors,
                           struct graphql_ast_document *out_document);
