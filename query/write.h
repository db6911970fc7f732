/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * write - the answer of a query as JSON
 *
 * Straight from the rows that the shards sent, in the order of the selections, without a tree between. A large one is
 * written in slices.
 *
 * Threads  Home shard only.
 * Errors   When the arena is full the writer goes quiet: json_out_finish() says so.
 */

#include "core/json_out.h"
#include "query/execute.h"

struct writer;

/* Home. {"data":…} and "errors", when there are any. After EXECUTE_READY; both stay until the last step. NULL: the arena
   is full. */
struct writer *write_begin(struct execute *execute, struct json_out *out);
/* Home. STEP_DONE: all of it is written. */
enum step write_step(struct writer *writer, const struct time_slice *time);
