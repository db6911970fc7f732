/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * budget - how much may stay in memory of what can leave it
 *
 * Much of a node's state may be on disk alone: profiles that were not used lately, kept events and the older parts of their
 * tenants' orders, pages of identifiers. All else only grows. So memory that is nearly full is not yet a reason to refuse events: what can leave makes room until seven
 * eighths are in use, and only when that is not enough it is tight.
 *
 * Each shard says so for its own part, from what all of them use: of the excess its share, by what it uses itself, and
 * of that each of its parts by its size. While there is no excess, each part may have all that is free; the next turn
 * knows what has become of it. So there is no plan that could be wrong, and a limit is never far from what is.
 *
 * Threads  Any; it is a computation.
 */

#include "core/base.h"

#define BUDGET_PART_BYTES_MIN (UINT64_C(256) << 10) /* less is asked of nobody */

struct budget {
    uint64_t bytes_max;      /* of the node */
    uint64_t used_bytes;     /* of the node, now; */
    uint64_t own_bytes;      /* of that, this shard; */
    uint64_t leavable_bytes; /* of that, what can leave, all parts together */
};

/* How much a part that can leave, and takes so much now, may take. */
uint64_t budget_limit(const struct budget *budget, uint64_t part_bytes);
