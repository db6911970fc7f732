/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * introspection - what __schema and __type answer
 *
 * Written straight from the tables of graphql_schema, in their order; nothing is kept. A type with wrappers
 * is told from the outside in: NON_NULL, LIST, then the named one.
 *
 * Threads  Home shard only.
 * Limits   An answer has no more than the memory of the request; planning bounds how often types enter each
 *          other (graphql_request.h).
 * Errors   When the arena is full the writer goes quiet, and so does this.
 */

#include "core/json_out.h"
#include "query/graphql_request.h"

/* Home. True when the field is one of ours: then its value was written. */
MUST_USE bool introspection_write(struct json_out *out, const struct graphql_selection *selection);
