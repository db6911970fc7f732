/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * history - the events that were kept in one slice
 *
 * An event is a record of the slice's journal: a copy of what was sequenced, without traits and context. It is named by
 * its address there, never moves, and may be on disk alone. What points at it are the orders of its tenant and its
 * person, by (event_time, position). An event stays with the person it was kept under; merges are followed when it is
 * read.
 *
 * Few ask for an event by its ID, and every event would pay for an index of all of them. So there are lists, in the order
 * in which events came, of 24 bits of each ID's hash and the event's address. Behind each HISTORY_RUN_EVENTS their list
 * goes to the journal, too, and a filter stays in memory, which says of nearly all IDs that are not in the list that they
 * are not. Who looks for an ID asks all filters, newest first, reads the lists that may have it, and the events: two
 * IDs can look alike, and events can have one ID (duplicates that came too late to be known as such).
 *
 * Threads  Home shard only.
 * Memory   Region: an entry in each of two orders (the tenant's may be on disk, shelf.h), and 2.24 bytes of filters; of the
 *          events behind the last filter 8.
 */

#include "shards/message.h"
#include "shards/order.h"
#include "shards/slice_record.h"

#define HISTORY_RUN_EVENTS 1148u /* with which a filter fills its piece of the region */

struct history_run;
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
    struct history_run **runs; /* of events whose list is in the journal, oldest first */
    uint64_t *newest;          /* the list of those behind, as slice_record.h has it */
    uint32_t run_events;       /* of each */
    uint32_t run_count;
    uint32_t run_capacity;
    uint32_t newest_count;
    uint32_t newest_capacity;
};

/* On the way from the newest event to the oldest. Between two steps others may be added: they are not looked at. */
struct history_search {
    struct hash128 id_hash;
    uint64_t left; /* events that were not looked at yet */
    uint64_t list; /* the address of the list that must be read for the next step; 0: of none */
};

static inline const struct event_record *
kept_event_record(const struct kept_event *event)
{
    return (const struct event_record *)(const void *)(event + 1);
}

/* Boot. `run_events` is HISTORY_RUN_EVENTS or less, and the same whenever this history is restored. */
void history_init(struct history *history, struct memory *memory, struct slice_state *state,
                  uint32_t run_events);
/* Home. What the copy of an event takes. */
uint32_t history_event_bytes(const struct applied_event *event);
/* Home. Makes the copy, and enters it into the orders of its tenant and person. */
void history_add(struct history *history, struct order *tenant_events, struct order *person_events,
                 const struct applied_event *event, bool is_in_session);
/* Boot. Records that are in the journal already, in the order in which they were added: an event's, */
void history_restore(struct history *history, struct hash128 id_hash, uint64_t address);
/* Boot. and a list. False: it is not of the events that came before it. */
MUST_USE bool history_restore_list(struct history *history, const struct slice_list *list, uint64_t address);
/* Home. Some events will be added soon: fetches what that touches from memory. */
void history_prefetch(const struct history *history);
/* Home. Bytes of memory for finding events by their IDs. */
uint64_t history_bytes(const struct history *history);

/* Home. The event at an address, lent as the journal lends it; NULL: it is on disk. */
const struct kept_event *history_at(const struct history *history, uint64_t address);
/* Home. Where those events are that may have an ID, one after the other; the greatest position wins. 0: there is none left,
   or search->list is not 0: then `list`, else NULL, is the record there the next time. */
struct history_search history_search_begin(const struct history *history, struct hash128 id_hash);
uint64_t history_search_next(const struct history *history, struct history_search *search,
                             const struct slice_list *list);
