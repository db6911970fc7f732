/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * history - the events that were kept in one slice
 *
 * An event is a record of the slice's journal: a copy of what was sequenced, without traits and context. It is named by
 * its address there, never moves, and may be on disk alone. What points at it are the orders of its tenant and its
 * person, by (event_time, position), and an index by event ID. An event stays with the person it was kept under;
 * merges are followed when it is read.
 *
 * The index knows 32 bits of an ID's hash and one event for each of these: the one that was kept last. That one's record
 * names the one before it. So two IDs that look alike, and events that have one ID (duplicates that came too late to be
 * known as such), are a chain, and who looks for an ID reads all of it: the greatest position wins.
 *
 * Threads  Home shard only.
 * Memory   Region: an entry in each of two orders, and 10 to 12 bytes of index.
 */

#include "shards/message.h"
#include "shards/order.h"
#include "shards/slice_record.h"
#include "storage/log_index.h"

struct slice_state;

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
    struct memory *memory;
    struct slice_state *state; /* whose journal has the records; borrowed */
    struct log_index by_id;
};

static inline const struct event_record *
kept_event_record(const struct kept_event *event)
{
    return (const struct event_record *)(const void *)(event + 1);
}

/* Boot. -ENOMEM. */
MUST_USE int history_init(struct history *history, struct memory *memory, struct slice_state *state,
                          const uint64_t seed[2]);
/* Home. What the copy of an event takes. */
uint32_t history_event_bytes(const struct applied_event *event);
/* Home. Makes the copy, and enters it into the orders of its tenant and person. */
void history_add(struct history *history, struct order *tenant_events, struct order *person_events,
                 const struct applied_event *event, bool is_in_session);
/* Home. A record that is in the journal already is to be found again: by its ID; in the order in which they were
   added. */
void history_restore(struct history *history, struct hash128 id_hash, uint64_t address);
/* Home. An event of this ID will be added soon: the steps of fetching from memory what that touches. */
void history_prefetch(const struct history *history, struct hash128 id_hash, uint32_t step);

/* Home. The event at an address, lent as the journal lends it; NULL: it is on disk. */
const struct kept_event *history_at(const struct history *history, uint64_t address);
/* Home. Where the last event is that may have this ID, and (of one of those, as the journal lends it) the one before
   it; 0: none. */
uint64_t history_last(const struct history *history, struct hash128 id_hash);
uint64_t history_before(const struct kept_event *event);
