/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * write - the answer of a query as JSON
 *
 * Straight from the rows that the shards sent, in the order of the selections, without a tree between.
 *
 * Threads  Home shard only.
 * Errors   When the arena is full the writer goes quiet: json_out_finish() says so.
 */

#include "core/json_out.h"
#include "query/execute.h"

/* Home. {"data":…} and "errors", when there are any. After EXECUTE_READY. */
void write_answer(struct execute *execute, struct json_out *out);
