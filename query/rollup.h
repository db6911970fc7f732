/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rollup - summary, timeSeries and breakdown
 *
 * Every slice sums its share of the cube; the sums of all slices are added by bucket or by code. Distinct users
 * cannot be added: the sets of persons of all slices are joined and counted by the tenant's sequencer, which knows
 * who has been merged. Groups are ordered by value, then by key, so that only the groups that may be on the page
 * have their codes turned into texts.
 *
 * Threads  Home shard only.
 * Limits   ROLLUP_POINTS_MAX points, ROLLUP_MINUTES_MAX of them minutes: RANGE_TOO_LONG.
 */

#include "query/load.h"

#define ROLLUP_POINTS_MAX 10000u
#define ROLLUP_MINUTES_MAX 1440u

struct json_out;

/* One group, one point, or the whole. */
struct rollup_cell {
    uint32_t code;
    uint64_t events;
    uint64_t sessions;
    uint64_t closed_sessions;
    uint64_t closed_duration_ms;
    uint64_t users;
    double value; /* of the metric */
    struct text key;
};

struct rollup {
    enum graphql_enum metric; /* ENUM_NONE: a summary has all of them */
    int64_t from_ms;
    int64_t step_ms;
    uint32_t first;
    bool is_empty; /* from >= to */
    struct load_where where;
    struct cube_scan scan;
    struct rollup_cell *cells;
    uint32_t cell_count;
    struct person_set *sets; /* of the cells */
};

/* Home. A load of kind LOAD_ROLLUP. True: it got further. */
bool rollup_step(struct loads *loads, struct load *load);

/* Any thread. Seconds; 0 when there is nothing to divide by. */
double rollup_mean_seconds(uint64_t duration_ms, uint64_t count);
