/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * series - timeSeriesBy: the points of the largest groups, and of the rest
 *
 * A roll-up in two passes. The first is a breakdown over the range of the series, and chooses the groups. The second
 * asks for their points alone, everything else being one group more, so that the answers are as large as what is
 * shown, however many values the dimension has. `(other)` of the dictionary is in the rest, never a group: two
 * series with one name could not be told apart.
 *
 * Threads  Home shard only. For rollup.c.
 * Limits   Those of rollup; and the memory of the request, with a cell for each point of each series.
 */

#include "query/rollup.h"

/* Home. The arguments. False: arena full. */
MUST_USE bool series_begin(struct loads *loads, struct load *load);
/* Home. The cells are the groups that were chosen; cells of points take their place, and are asked for. False: arena
   full. */
MUST_USE bool series_ask(struct loads *loads, struct load *load);
/* Home. The point that a row of the second pass belongs to. */
struct rollup_cell *series_cell(const struct rollup *rollup, const struct cube_row *row);
/* Home. All points have their values: is there a rest? */
void series_take(struct rollup *rollup);
