/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t
number_of(const char *program, const char *option, const char *value, uint64_t min, uint64_t max)
{
    uint64_t number = value != NULL ? strtoull(value, NULL, 10) : 0;

    if (number < min || number > max) {
        fprintf(stderr, "%s: %s is a number from %" PRIu64 " to %" PRIu64 "\n", program, option, min, max);
        exit(2);
    }
    return number;
}
