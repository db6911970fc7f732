/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * session_set - the sessions of one person that can still change
 *
 * In order of start, disjoint. Each time the person is touched, by an event or a merge, those that are final by
 * that record's watermark are archived first: they go to the person's history and nothing changes them any more.
 * What is "closed" for a revision is decided by that watermark, too, and never by when closing work ran.
 *
 * Threads  Home shard only.
 * Memory   Rows lie in the pack of the person's profile. Whoever adds sees to its room first.
 */

#include "shards/buckets.h"
#include "shards/order.h"
#include "shards/session.h"

struct person;
struct profile;

struct session_set {
    struct pack_list rows;   /* struct session */
    uint64_t archived_count; /* of the person and of all merged into it, wherever they lie */
    uint64_t archived_duration_ms;
};

/* Sessions that were final when they were with this person; none without any. They may overlap those that came with a
   merge later. */
struct session_archive {
    struct order order;      /* by (start, session_id); entries as share.h has them */
    int64_t duration_ms_max; /* of all in it: how far back one can begin that still covers a moment */
};

/* With what a change of somebody's sessions comes. */
struct session_change {
    struct memory *memory;
    struct person *person; /* with a profile; the event or the loser is in its lastSeen already */
    struct event_ms watermark;
    struct session_rules rules;
    struct uuid tenant_namespace;
};

/* Home. */
static inline struct session *
session_set_rows(const struct pack *pack, const struct session_set *set)
{
    return pack_at(pack, set->rows.at);
}

/* Home. One that is archived; the person gets an archive with the first. */
void session_archive_add(struct memory *memory, struct person *person, struct order_entry entry,
                         int64_t duration_ms);
/* Home. Archives what is final. Takes no room. */
void session_set_archive(const struct session_change *change);
/* Home. An event that takes part in sessions. */
void session_set_add(const struct session_change *change, const struct applied_event *event,
                     const struct session_texts *texts);
/* Home. The bytes that this takes at most. */
uint64_t session_set_need(const struct pack *pack, const struct session_set *set, struct event_ms time,
                          int64_t gap_ms);
/* Home. Sessions of another person, in no share, become this one's, and their texts move; those within the gap join.
   The buckets hold both persons' sessions already. Needs at most three times the bytes of both. */
void session_set_combine(const struct session_change *change, struct profile *loser);
/* Home. Takes all sessions out of the share, for they leave the slice. */
void session_set_leave(const struct session_change *change);
/* Home. To a new pack, into which the set was copied. */
void session_set_move(struct pack *to, struct pack *from, struct session_set *set);

/* Home. Of those not closed, the one with the greatest (end, session_id); NULL for none. */
const struct session *session_set_current(const struct pack *pack, const struct session_set *set,
                                          struct event_ms watermark, int64_t gap_ms);
