/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * away - what is left in memory of a profile that is on disk
 *
 * What sessions close, and how many there are, is asked of everybody all the time, and pages of people are put in order
 * by a few numbers. So that none of this has to wait for a disk, these stay: of each session that can still change when it
 * ends and where the cube counts it, of the profile what it is sorted by. All else comes back with the profile.
 *
 * Threads  Home shard only.
 * Memory   One piece of the region: 48 bytes, and as many for each session.
 */

#include "shards/profile.h"

struct away_session {
    struct event_ms start;
    struct event_ms end;
    uint32_t code[DIMENSION_COUNT];
    bool is_counted_closed; /* as in struct session; it may change while the profile is away */
};

struct away {
    struct event_ms first_seen;
    struct event_ms last_seen;
    uint64_t total_events;
    uint64_t total_sessions;
    uint32_t session_count;
    bool is_identified;
    struct away_session sessions[]; /* in the order of the profile's, all of them entered */
};

/* Home. Of a profile whose sessions are all entered. */
MUST_USE struct away *away_create(struct memory *memory, const struct profile *profile);
/* Home. NULL is allowed. */
void away_destroy(struct memory *memory, struct away *away);
uint64_t away_bytes(const struct away *away);
/* Home. The same profile, read again, gets to know what its share knows of its sessions. False: it is another one. */
MUST_USE bool away_return(const struct away *away, struct profile *profile);
/* Home. Sessions there have been, archived ones too. */
uint64_t profile_session_count(const struct profile *profile);
