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
 * Memory   One piece of the region: numbers as they come, in as few bytes as each needs. 32 bytes for one session of
 *          one event, 48 for three sessions within a day.
 */

#include "shards/profile.h"

struct away;

/* What the profile is sorted by. */
struct away_summary {
    struct event_ms first_seen;
    struct event_ms last_seen;
    uint64_t total_events;
    uint64_t total_sessions; /* there have been, archived ones too */
    uint32_t session_count;  /* that can still change: all of them entered */
    bool is_identified;
};

/* What a share has to know of a session that is entered, and can still change, wherever that is. */
struct known_session {
    struct event_ms start;
    struct event_ms end;
    uint32_t code[DIMENSION_COUNT];
    bool *
        is_counted_closed; /* as in struct session; it may change while the profile is away. NULL: no session */
};

/* Goes over the sessions, in the order of the profile's. */
struct away_reader {
    uint8_t *at;
    uint32_t left;
    struct event_ms last_seen;
};

/* Home. Of a profile whose sessions are all entered. */
MUST_USE struct away *away_create(struct memory *memory, const struct profile *profile);
/* Home. NULL is allowed. */
void away_destroy(struct memory *memory, struct away *away);
uint64_t away_bytes(struct away *away);
/* Home. The reader is in front of the first session. */
struct away_summary away_read(struct away *away, struct away_reader *out_reader);
/* Home. The next session, lent until the profile returns; false: there is none. */
bool away_next(struct away_reader *reader, struct known_session *out_session);
/* Home. The same profile, read again, gets to know what its share knows of its sessions. False: it is another one. */
MUST_USE bool away_return(struct away *away, struct profile *profile);
/* Home. Sessions there have been, archived ones too. */
uint64_t profile_session_count(const struct profile *profile);
