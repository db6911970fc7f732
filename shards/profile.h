/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * profile - what is known about a person now
 *
 * Everything of the semantics that a Profile answers, as counters that never need to run: windows are evaluated
 * when read. profile_combine() is the merge of two people.
 *
 * All of it, lists, texts and sessions that can change, is one piece of memory without an address in it (pack.h):
 * `pack.used` bytes that may be copied to another shard, or to disk, and used there. Whatever changes a person may
 * put the profile elsewhere; who keeps a pointer into it asks the person anew.
 *
 * Threads  Home shard only.
 * Memory   One piece of the region, made anew with half as much again when it is full.
 * Limits   PROFILE_NAME_COUNT_MAX event types by name; those of top, traits and buckets.
 */

#include "shards/buckets.h"
#include "shards/counts.h"
#include "shards/latest.h"
#include "shards/session_set.h"
#include "shards/top.h"
#include "shards/traits.h"

#define PROFILE_NAME_COUNT_MAX 64u /* and `other` */
#define PROFILE_FIRST_BYTES 512u   /* of room to begin with: a first event and a little more */

enum profile_kind {
    PROFILE_PAGE_VIEWS,
    PROFILE_CLICKS,
    PROFILE_SIGNUPS,
    PROFILE_LOGINS,
    PROFILE_FEATURE_USES,
    PROFILE_KIND_COUNT
};

enum profile_latest {
    PROFILE_LAST_PAGE,
    PROFILE_LAST_COUNTRY,
    PROFILE_LAST_DEVICE,
    PROFILE_LAST_BROWSER,
    PROFILE_LAST_OS,
    PROFILE_LATEST_COUNT
};

struct profile {
    struct pack pack; /* that begins here */
    struct event_ms first_seen;
    struct event_ms last_seen;
    uint64_t total_events;
    bool is_identified; /* an event had a user ID: somebody owns the canonical */
    uint64_t kinds[PROFILE_KIND_COUNT];
    struct counts event_counts; /* the first 64 names other than `other` */
    uint64_t other_count;
    struct buckets buckets;
    struct session_set sessions;
    struct top top_pages;
    struct top top_features;
    struct latest latest[PROFILE_LATEST_COUNT];
    struct traits traits;
};

/* A canonical of this slice. Its history stays when the profile has been merged away. */
struct person {
    struct uuid canonical; /* the key; first */
    uint32_t number;
    uint32_t profile_bytes;   /* used in it when it was changed last */
    uint32_t changed_in;      /* slice_state.h: on the list of which cut this is; 0: of none */
    uint32_t pin_count : 28;  /* of those who need the profile in memory, where it is */
    uint32_t is_changed : 1;  /* the store does not know this state */
    uint32_t is_used : 1;     /* lately */
    uint32_t is_resident : 1; /* on the keeper's list of people whose profiles are in memory */
    uint32_t is_away : 1;
    union {
        struct profile *profile; /* of one who is not away; NULL: merged into somebody else */
        struct away *away;       /* what is left of a profile that is on disk */
    };
    uint64_t place; /* of the newest record, in the store; 0: there is none */
    struct share *share;
    struct order events;             /* struct kept_event */
    struct session_archive *archive; /* NULL: nothing was archived yet */
};

/* There is one for everybody who ever came. */
static_assert(sizeof(struct person) <= 96, "somebody takes six lines of 16 bytes");

/* Home. NULL: on disk, or merged into somebody else. */
static inline struct profile *
person_profile(const struct person *person)
{
    return person->is_away ? NULL : person->profile;
}

/* Home. NULL: the profile is in memory, or there is none. */
static inline struct away *
person_away(const struct person *person)
{
    return person->is_away ? person->away : NULL;
}

/* Whose profile travels. */
struct profile_label {
    struct uuid canonical;
    uint32_t person;
    uint32_t tenant_no;
};

/* With what a record is applied. */
struct profile_change {
    struct memory *memory;
    struct session_rules rules; /* in force at the record */
    struct uuid tenant_namespace;
    struct event_ms watermark; /* after the event that is applied; before the event that caused the merge */
    uint64_t traits_ignored;   /* counts up */
};

/* Home. An empty one with room for `bytes`. */
MUST_USE struct profile *profile_create(struct memory *memory, uint64_t bytes);
void profile_destroy(struct memory *memory, struct profile *profile);
/* Home. A copy with room for `bytes` more, compact. `from` is good for profile_destroy() only. */
MUST_USE struct profile *profile_renew(struct memory *memory, struct profile *from, uint64_t bytes);
/* Home. A profile of the bytes of one. */
MUST_USE struct profile *profile_copy(struct memory *memory, const struct profile *from);
/* Home. It will be read soon: fetches a part of it from memory, without a look at it. The first two, 0 and 1, are all of
   most. */
void profile_prefetch(const struct profile *profile, uint32_t bytes, uint32_t part);
/* Home. True when the event took part in sessions. */
bool profile_apply(struct person *person, struct profile_change *change, const struct applied_event *event);
/* Home. The loser's is added to the person's, and destroyed. Its sessions are in no share. */
void profile_combine(struct person *person, struct profile_change *change, struct profile *loser);
/* Home. Archives what is final and takes the other sessions out of the share: the profile may leave. */
void profile_detach(struct person *person, const struct profile_change *change);
