/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * history - the events of one tenant in one slice
 *
 * In the order of (event_time, position), for the tenant and for each person, and by event ID. An event stays with
 * the person it was kept under; merges are followed when it is read.
 *
 * Threads  Home shard only.
 * Memory   Region. An event is a copy of its record without traits and context; it lies where its keeper says, and
 *          never moves.
 */

#include "shards/message.h"
#include "shards/order.h"
#include "shards/slice_record.h"
#include "storage/store.h"

struct kept_event {
    struct slice_head head;
    uint64_t position;
    uint32_t person;
    uint32_t code[DIMENSION_COUNT];
    bool is_late;
    bool is_in_session;
    uint8_t reserved[2];
    /* The record follows. */
};
static_assert(sizeof(struct kept_event) == 48, "on disk, and the record behind it is aligned");

struct history {
    struct order events;
    struct store by_id; /* the newest event of each ID */
};

static inline const struct event_record *
kept_event_record(const struct kept_event *event)
{
    return (const struct event_record *)(const void *)(event + 1);
}

/* Boot. */
void history_init(struct history *history, struct memory *memory, const uint64_t seed[2]);
/* Home. What the copy of an event takes. */
uint32_t history_event_bytes(const struct applied_event *event);
/* Home. Makes the copy in so many bytes at `place`, and keeps it in the tenant's order and in the person's. */
void history_add(struct memory *memory, struct history *history, struct order *person_events,
                 struct kept_event *place, const struct applied_event *event, bool is_in_session);
/* Home. Of a copy that was kept before and is to be found again: by its ID; in the orders it comes with order_fill(). */
void history_restore(struct memory *memory, struct history *history, struct kept_event *event);
/* Home. An event of this ID will be added soon: the steps of fetching from memory what it touches. */
void history_prefetch(const struct history *history, struct hash128 id_hash, uint32_t step);
/* Home. The event of this ID with the greatest position; NULL for none. */
const struct kept_event *history_find(const struct history *history, struct hash128 id_hash);
