/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * share - what one slice keeps of one tenant as a whole
 *
 * Its people, its history, its sessions by start, its cube, and the heap of sessions that will close. Sums and sets:
 * the order in which two people's messages came cannot be seen in them. A session is entered when it is made or
 * comes with a merge, left before anything in it changes, and entered again. The cube counts it by its start at
 * once, and as closed when share_close() is run, which may be any time after the watermark has passed it.
 * The people themselves are the keeper's.
 *
 * Threads  Home shard only.
 * Memory   Region.
 */

#include "shards/closings.h"
#include "shards/cube.h"
#include "shards/history.h"

struct person;
struct restoring;

struct share {
    struct share *next; /* of all of the keeper, for its rounds */
    uint16_t slice;
    uint16_t partition;
    uint32_t tenant_no;
    uint64_t session_count; /* entered */
    struct history history;
    struct order sessions; /* by (start, session_id) */
    struct cube cube;
    struct closings closings;
    /* Every canonical that was ever kept here, in the order in which they came: an index names a place to go on
       from. Pointers only, so that whoever reads all of them can fetch ahead. */
    struct person **people;
    uint32_t person_count;
    uint32_t person_capacity;
    struct restoring *restoring; /* while it is being read from disk: keeper_restore.c */
};

/* Home. */
void share_enter(struct memory *memory, struct share *share, struct session *session, int64_t gap_ms);
void share_leave(struct memory *memory, struct share *share, struct session *session);
/* Home. The first sessions of a share, ascending by (start, session_id); none of them counts as closed yet. */
void share_fill(struct memory *memory, struct share *share, const struct order_entry *sessions,
                uint64_t count, int64_t gap_ms);
/* Home. A session that is in became final: it counts as closed from now on, whatever the rules become. */
void share_archive(struct memory *memory, struct share *share, struct session *session);
/* Home. Counts as closed what is, at most `count_max` sessions. Returns how many. */
uint32_t share_close(struct memory *memory, struct share *share, struct event_ms watermark, int64_t gap_ms,
                     uint32_t count_max);
/* Home. The gap changed: nothing but what is archived counts as closed until share_close(). */
void share_regap(struct memory *memory, struct share *share, int64_t gap_ms);
/* Home. Once for each. */
void share_add_person(struct memory *memory, struct share *share, struct person *person);
/* Home. For order_seek(): the key is a struct uuid. */
int share_compare_session(const void *item, const void *key);
