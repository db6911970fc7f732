/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * share - what one slice keeps of one tenant as a whole
 *
 * Its people, its history, its sessions by start, its cube, and the heap of sessions that will close. Sums and sets:
 * the order in which two people's messages came cannot be seen in them. A session is entered when it is made or
 * comes with a merge, left before anything in it changes, and entered again. The cube counts it by its start at
 * once, and as closed when share_close() is run, which may be any time after the watermark has passed it.
 *
 * A session that can change lies in its person's profile, which moves. So it is named by the person and its start:
 * sessions of one person that are entered never begin at the same time. While the profile is on disk, what is needed to
 * count it as closed is in the person's `away`. An archived one is a record of the slice's journal, named by its address
 * there: nothing else of it is in memory.
 * The people themselves are the keeper's.
 *
 * Threads  Home shard only.
 * Memory   Region.
 */

#include "shards/away.h"
#include "shards/closings.h"
#include "shards/cube.h"
#include "shards/history.h"
#include "shards/session.h"
#include "shards/shelf.h"

struct person;
struct restoring;
struct slice_state;

struct share {
    struct share *next; /* of all of the keeper, for its rounds, which look at this and what follows */
    struct closings closings;
    uint16_t slice;
    uint16_t partition;
    uint32_t tenant_no;
    int64_t gap_ms; /* in force now. What closes when is by it, and not by that of a record that waited */
    struct share *slice_next;  /* of its slice */
    struct slice_state *state; /* of it */
    struct history *history;   /* likewise: what the items of `events` are in */
    uint64_t session_count;    /* entered */
    uint64_t open_count;       /* of those, that are not counted as closed */
    struct order events;       /* kept_events by (event_time, position), */
    struct shelf shelf;        /* and those of them that are not in that order any more */
    struct order sessions;     /* by (start, session_id); share_entry_...() say what an item is */
    struct cube cube;
    /* Every canonical that was ever kept here, in the order in which they came: an index names a place to go on
       from. Pointers only, so that whoever reads all of them can fetch ahead. */
    struct person **people;
    uint32_t person_count;
    uint32_t person_capacity;
    struct restoring *restoring; /* while it is being read from disk: keeper_restore.c */
};

/* Home. A session of the person's profile. */
void share_enter(struct memory *memory, struct share *share, struct person *person, struct session *session);
void share_leave(struct memory *memory, struct share *share, struct person *person, struct session *session);
/* Boot. An archived session that share_fill() enters counts from now on, as closed. */
void share_count_archived(struct memory *memory, struct share *share, const struct session *session);
/* Boot. The first sessions of a share, ascending by (start, session_id). Archived ones are counted; none of the others
   counts as closed yet, and they say that they are entered. */
void share_fill(struct memory *memory, struct share *share, const struct order_entry *sessions,
                uint64_t count);
/* Home. A session that is in became final, and has a record at this address: it counts as closed from now on, whatever
   the rules become, and the profile's goes. */
void share_archive(struct memory *memory, struct share *share, struct person *person, struct session *session,
                   uint64_t address);
/* Home. Counts as closed what is: looks at `count_max` sessions at most. Returns how many. */
uint32_t share_close(struct memory *memory, struct share *share, struct event_ms watermark,
                     uint32_t count_max);
/* Home. The gap changed: nothing but what is archived counts as closed until share_close(). */
void share_regap(struct memory *memory, struct share *share, int64_t gap_ms);
/* Home. Once for each. */
void share_add_person(struct memory *memory, struct share *share, struct person *person);
/* Home. Whose profile has the session of an entry of `sessions`, or of an archive, or of a share_entry(); NULL: it is
   archived, */
struct person *share_entry_person(const struct order_entry *entry);
/* Home. and this is the address of its record; 0: it is not. */
uint64_t share_entry_address(const struct order_entry *entry);
/* Home. That session of a profile, which is in memory. */
struct session_at share_session(const struct order_entry *entry);
/* Home. The same, wherever the profile is; lent until the person changes. */
struct known_session share_known_session(const struct order_entry *entry);
/* Home. The entry of a session of this person's profile, */
struct order_entry share_entry(const struct person *person, const struct session *session);
/* Home. and of one that is archived. */
struct order_entry share_archived_entry(const struct session *session, uint64_t address);
