/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/zipf.h"

#include "core/hash.h"

#include <math.h>

#define EXPONENT 0.99

void
zipf_init(struct zipf *zipf, uint64_t count, uint64_t dice)
{
    REQUIRE(count > 0);
    *zipf = (struct zipf){
        .count = count, .dice = dice, .zeta2 = 1 + pow(0.5, EXPONENT), .alpha = 1 / (1 - EXPONENT)};
    for (uint64_t i = 1; i <= count; i++) {
        zipf->zeta += 1 / pow((double)i, EXPONENT);
    }
    zipf->eta = (1 - pow(2 / (double)count, 1 - EXPONENT)) / (1 - zipf->zeta2 / zipf->zeta);
}

uint64_t
zipf_next(struct zipf *zipf)
{
    double n = (double)zipf->count;

    zipf->dice += UINT64_C(0x9e3779b97f4a7c15);
    double u = (double)(hash_mix(zipf->dice) >> 11) * 0x1p-53;
    double uz = u * zipf->zeta;
    double rank = uz < 1 ? 0 : uz < zipf->zeta2 ? 1 : n * pow(zipf->eta * u - zipf->eta + 1, zipf->alpha);
    uint64_t number = rank < n ? (uint64_t)rank : zipf->count - 1;

    return hash_mix(number + 1) % zipf->count;
}
