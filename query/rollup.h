/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rollup - summary, timeSeries, timeSeriesBy and breakdown
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
#include "shards/sort.h"

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
    uint64_t person_count;   /* of all of them */

    /* Where the next piece goes on. */
    uint32_t *heads; /* of each slice's rows, by code */
    uint32_t slice;  /* and its row: of all rows, slice by slice */
    uint32_t row;
    uint32_t next; /* cell */
    struct item_sort sort;
    bool has_other; /* the group of codes that have no number is there */

    /* Of timeSeriesBy, whose cells are at first groups as those of a breakdown: see series.h. */
    bool is_series;
    uint32_t point_count;
    struct rollup_cell *groups; /* largest first; NULL: not chosen yet */
    uint32_t group_count;
    uint64_t *group_codes; /* code << 32 | index of the group; ascending */
    bool has_rest;         /* something was counted in other groups */
};

/* Home. A load of kind LOAD_ROLLUP. True: it got further. */
bool rollup_step(struct loads *loads, struct load *load);

/* Home. For series.c: parts of the first step. */
enum dimension rollup_dimension(enum graphql_enum value);
/* The range, rounded to whole intervals, and how many they are; refuses what is too long. */
void rollup_set_points(struct load *load, struct event_ms from, struct event_ms to,
                       enum graphql_enum interval);
MUST_USE bool rollup_take_where(struct loads *loads, struct load *load, const struct graphql_value *list);
/* Any thread. What the metric counts; a group in which that is 0 is none. */
uint64_t rollup_counted(const struct rollup *rollup, const struct rollup_cell *cell);

/* Any thread. Seconds; 0 when there is nothing to divide by. */
double rollup_mean_seconds(uint64_t duration_ms, uint64_t count);
