/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * counts - how often each name came
 *
 * Rows in order of their names (bytes).
 *
 * Threads  Home shard only.
 * Memory   Rows and names lie in the pack that the counts lie in.
 * Limits   The owner's, who looks at how many there are before it adds a new name.
 */

#include "shards/pack.h"

struct text_count;

struct counts_row {
    struct pack_text name;
    uint64_t count;
};

struct counts {
    struct pack_list rows;
};

/* Home. */
static inline struct counts_row *
counts_rows(const struct pack *pack, const struct counts *counts)
{
    return pack_at(pack, counts->rows.at);
}

static inline struct text
counts_name(const struct pack *pack, const struct counts_row *row)
{
    return pack_text(pack, &row->name);
}

/* Home. NULL when the name has no row. */
struct counts_row *counts_find(const struct pack *pack, const struct counts *counts, struct text name);
/* Home. Adds `by` to the row of a name of this pack, which is made when it is not there. */
void counts_add(struct pack *pack, struct counts *counts, const struct pack_text *name, uint64_t by);
/* Home. To a new pack, into which the counts were copied. */
void counts_move(struct pack *to, struct pack *from, struct counts *counts);

/* Home. Orders by count desc, then name. */
void counts_rank(struct text_count *rows, uint32_t count);
