/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * counts - how often each name came
 *
 * Rows in order of their names (bytes).
 *
 * Threads  Home shard only.
 * Memory   Region.
 * Limits   The owner's, who looks at `count` before it adds a new name.
 */

#include "shards/short_text.h"

struct text_count;

struct counts_row {
    struct short_text name;
    uint64_t count;
};

struct counts {
    struct counts_row *rows;
    uint32_t count;
    uint32_t capacity;
};

/* Home. NULL when the name has no row. */
struct counts_row *counts_find(const struct counts *counts, struct text name);
/* Home. Adds `by` to the row of a name, which is made when it is not there. */
void counts_add(struct memory *memory, struct counts *counts, struct text name, uint64_t by);
void counts_clear(struct memory *memory, struct counts *counts);

/* Home. Orders by count desc, then name. */
void counts_rank(struct text_count *rows, uint32_t count);
