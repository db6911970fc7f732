/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * write_value - values that many fields have
 *
 * Threads  Home shard only.
 */

#include "core/json_out.h"
#include "query/graphql_request.h"
#include "shards/question.h"

/* Home. A text without bytes is null. */
void write_value_text(struct json_out *out, struct text text);
void write_value_count(struct json_out *out, uint64_t count);
/* Home. Of the object that the field belongs to. */
void write_value_typename(struct json_out *out, const struct graphql_selection *at);
/* Home. [String!]! */
void write_value_texts(struct json_out *out, const struct text *texts, uint32_t count);
/* Home. [Count!]!, the field's selections of each. */
void write_value_counts(struct json_out *out, const struct graphql_selection *selection,
                        const struct text_count *counts, uint32_t count);
