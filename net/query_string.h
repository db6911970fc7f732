/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * query_string - what stands behind the question mark of an address
 *
 * Threads  Home shard only: decoded values live in an arena.
 * Errors   A broken % escape is taken as it is written, as browsers do.
 */

#include "core/arena.h"

/*
 * Home. The first value of that name, decoded (%41 and + for a blank). False: there is none, or the arena is full.
 * A value that needs no decoding points into `query`.
 */
MUST_USE bool query_string_find(struct text query, struct text name, struct arena *arena,
                                struct text *out_value);
