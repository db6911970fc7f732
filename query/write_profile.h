/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * write_profile - the fields of a profile that have no loads of their own
 *
 * Threads  Home shard only.
 */

#include "core/json_out.h"
#include "query/execute.h"

/* Home. A window that is not kept is null, with an error at its path. */
void write_profile_field(struct execute *execute, struct json_out *out, const struct load *load,
                         const struct graphql_selection *at);
