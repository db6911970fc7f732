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
 * Memory   Region.
 */

#include "shards/buckets.h"
#include "shards/share.h"

struct session_set {
    struct session **rows;
    uint32_t count;
    uint32_t capacity;
    uint64_t archived_count; /* of the person and of all merged into it, wherever they lie */
    uint64_t archived_duration_ms;
};

/* Sessions that were final when they were with this person. They may overlap those that came with a merge later. */
struct session_archive {
    struct order order;      /* by (start, session_id) */
    int64_t duration_ms_max; /* of all in it: how far back one can begin that still covers a moment */
};

/* What a change of somebody's sessions touches. */
struct session_change {
    struct memory *memory;
    struct share *share;
    struct session_archive *archive; /* of the person */
    struct buckets *buckets;
    struct event_ms newest; /* the person's lastSeen, the event included */
    struct event_ms watermark;
    struct session_rules rules;
    struct uuid tenant_namespace;
    struct uuid canonical;
    uint32_t person;
};

/* Home. */
void session_set_archive(struct session_set *set, const struct session_change *change);
/* Home. An event that takes part in sessions. */
void session_set_add(struct session_set *set, const struct session_change *change,
                     const struct applied_event *event);
/* Home. Sessions of another person, in no share yet, become this one's; those within the gap join. Empties `other`.
   The buckets hold both persons' sessions already. */
void session_set_combine(struct session_set *set, const struct session_change *change,
                         struct session_set *other);
/* Home. Takes all sessions out of the share, for they leave the slice. */
void session_set_leave(struct session_set *set, const struct session_change *change);
/* Home. Destroys sessions that are in no share. */
void session_set_clear(struct memory *memory, struct session_set *set);
/* Home. Appends a session as it was encoded. */
void session_set_restore(struct memory *memory, struct session_set *set, struct session *session);

/* Home. Of those not closed, the one with the greatest (end, session_id); NULL for none. */
const struct session *session_set_current(const struct session_set *set, struct event_ms watermark,
                                          int64_t gap_ms);
