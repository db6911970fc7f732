/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cube - roll-ups of one tenant in one slice
 *
 * For each hour, cells by the codes of the six dimensions: events, sessions by their start (closed or not), closed
 * sessions and their durations; and the distinct (cell, person) pairs, from which users are counted exactly. A
 * correction is an addition with a sign, so a cell may be zero again. Cells and pairs are only ever appended:
 * (hour, index) names a place to go on from.
 *
 * Threads  Home shard only.
 * Memory   Region.
 */

#include "core/map.h"
#include "shards/memory.h"
#include "shards/message.h"

struct cube_cell {
    uint32_t code[DIMENSION_COUNT];
    uint64_t events;
    int64_t sessions;
    int64_t closed_sessions;
    int64_t closed_duration_ms;
};

struct cube_user {
    uint32_t cell; /* index in the hour */
    uint32_t person;
};

struct cube_hour {
    int64_t hour;
    struct cube_cell *cells;
    uint32_t cell_count;
    uint32_t cell_capacity;
    struct cube_user *users; /* each pair once */
    uint32_t user_count;
    uint32_t user_capacity;
    struct map cell_map; /* empty while there are few */
    struct map user_map;
};

struct cube {
    struct cube_hour **hours; /* ascending */
    uint32_t hour_count;
    uint32_t hour_capacity;
    uint32_t last; /* index of the hour used last */
};

/* Home. */
void cube_add_event(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code,
                    uint32_t person);
/* What cube_prefetch() knows of an event from one step to the next. */
struct cube_ahead {
    uint64_t code_hash;
    uint64_t pair_hash;
};

/* Home. Such an event will be added soon: the steps of fetching from memory what it touches. */
void cube_prefetch(const struct cube *cube, struct event_ms at, const uint32_t *code, uint32_t person,
                   uint32_t step, struct cube_ahead *ahead);
/* Home. The cell of a time and codes, made when it is not there; lent until the next call. */
struct cube_cell *cube_cell(struct memory *memory, struct cube *cube, struct event_ms at,
                            const uint32_t *code);
/* Home. Index of the first hour that is not less; hour_count when there is none. */
uint32_t cube_seek(const struct cube *cube, int64_t hour);
