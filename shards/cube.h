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
 * Nearly every event adds where nobody was for a long time: a cell, a pair and the maps that lead to them. So events and
 * new sessions may wait in a queue, which all cubes of a keeper share, and are added together: then their waits for
 * memory overlap. Whoever reads a cube runs the queue first; sums do not mind that corrections came earlier.
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
    struct map user_map; /* likewise, and of hours that are not among the newest */
};

struct cube_queue;

struct cube {
    struct cube_hour **hours; /* ascending */
    uint32_t hour_count;
    uint32_t hour_capacity;
    struct cube_hour *last;   /* the hour used last; NULL: none */
    struct cube_queue *queue; /* borrowed as long as it is there; NULL: what comes is added at once */
};

#define CUBE_QUEUE_COUNT 64u

/* An event, or a session by its start. */
struct cube_addition {
    struct cube *cube;
    struct event_ms at;
    uint32_t code[DIMENSION_COUNT];
    uint32_t person;
    bool is_session;
};

struct cube_queue {
    uint32_t count;
    struct cube_addition rows[CUBE_QUEUE_COUNT];
};

/* Home. */
void cube_add_event(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code,
                    uint32_t person);
void cube_add_session(struct memory *memory, struct cube *cube, struct event_ms start, const uint32_t *code);
/* Home. Adds what waits, in the order in which it came. */
void cube_queue_run(struct memory *memory, struct cube_queue *queue);
/* Home. The cell of a time and codes, made when it is not there; lent until the next call. */
struct cube_cell *cube_cell(struct memory *memory, struct cube *cube, struct event_ms at,
                            const uint32_t *code);
/* Home. Index of the first hour that is not less; hour_count when there is none. */
uint32_t cube_seek(const struct cube *cube, int64_t hour);
