/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * zipf - which of many is touched, when a few are touched often
 *
 * Gray et al., "Quickly generating billion-record synthetic databases", as YCSB has it, with the exponent 0.99. Ranks are
 * scattered over all numbers. The same dice give the same numbers.
 *
 * Threads  One for each.
 */

#include "core/base.h"

struct zipf {
    uint64_t count;
    uint64_t dice;
    double zeta;
    double zeta2;
    double alpha;
    double eta;
};

/* Takes as long as `count` additions. */
void zipf_init(struct zipf *zipf, uint64_t count, uint64_t dice);
/* Below `count`. */
uint64_t zipf_next(struct zipf *zipf);
