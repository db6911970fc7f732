/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/budget.h"

#define FREE_PART 8u

static uint64_t
share_of(uint64_t bytes, uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : (uint64_t)((unsigned __int128)bytes * part / whole);
}

uint64_t
budget_limit(const struct budget *budget, uint64_t part_bytes)
{
    uint64_t goal = budget->bytes_max - budget->bytes_max / FREE_PART;
    uint64_t limit;

    if (budget->used_bytes <= goal) {
        limit = part_bytes + (goal - budget->used_bytes);
    } else {
        uint64_t own = share_of(budget->used_bytes - goal, budget->own_bytes, budget->used_bytes);
        uint64_t excess = share_of(own, part_bytes, budget->leavable_bytes);

        limit = part_bytes > excess ? part_bytes - excess : 0;
    }
    return limit > BUDGET_PART_BYTES_MIN ? limit : BUDGET_PART_BYTES_MIN;
}
