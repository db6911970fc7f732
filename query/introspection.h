/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * introspection - what __schema and __type answer
 *
 * Written straight from the tables of graphql_schema, in their order; nothing is kept. A type with wrappers
 * is told from the outside in: NON_NULL, LIST, then the named one.
 *
 * Threads  Home shard only.
 * Limits   INTROSPECTION_BYTES_MAX for one of the two, since a document of 2 000 tokens could ask for millions of
 *          names in one turn. Planning bounds how often types enter each other (graphql_request.h).
 * Errors   When the arena or the limit is full the writer goes quiet, as json_out has it.
 */

#include "core/json_out.h"
#include "query/graphql_request.h"

#define INTROSPECTION_BYTES_MAX (512u << 10) /* some six times what tools ask for */

/* Home. True when the field is one of ours: then its value was written. */
MUST_USE bool introspection_write(struct json_out *out, const struct graphql_selection *selection);
