/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * identity - which person an identifier stands for, in one tenant
 *
 * Identifiers are (kind, value); each resolves to one canonical. A canonical has a UUID, a number in its tenant,
 * at most one owner (the first user ID linked to it), and after a merge the canonical it was merged into. The
 * rules are a pure function of the events in log order: identity_apply() decides where one event goes, what is
 * linked, relinked, merged or refused.
 *
 * All that is known of somebody is in records of the partition's store, which may answer later: identity_look_up()
 * first gets hold of everything that the event can touch, then identity_apply() waits for nothing. Records speak of
 * each other by person number and by key, never by address. In memory are merges, oldest first, and a row for each who
 * took part in one (merges.h).
 *
 * Threads  Home shard only; used by the sequencer, in log order.
 * Memory   Region.
 * Limits   IDENTITY_IDENTIFIERS_MAX for each canonical, IDENTITY_MERGES_MAX as winner.
 */

#include "shards/merges.h"
#include "shards/record.h"
#include "storage/log_store.h"

#define IDENTITY_IDENTIFIERS_MAX 500u
#define IDENTITY_MERGES_MAX 1000u
#define IDENTITY_NONE MERGES_NONE

#define IDENTITY_PEOPLE_COUNT 64u /* UUIDs in one record */

/* What a record of the store is about. */
enum identity_kind {
    IDENTITY_USER,
    IDENTITY_ANONYMOUS,
    IDENTITY_CANONICAL,
    IDENTITY_PEOPLE,
    IDENTITY_KIND_COUNT
};

struct identifier {
    uint8_t kind;
    uint16_t bytes;
    uint32_t person; /* that it was linked to; merges_winner() is who it stands for */
    struct uuid uuid;
    char value[];
};

struct canonical {
    uint8_t kind;
    bool has_owner;
    uint16_t identifier_count;
    uint32_t person;
    uint32_t merged_count; /* canonicals merged into it, through however many merges */
    uint32_t merge_count;  /* taken part in as winner */
    /* In the order in which they were linked; the first user ID is the owner. */
    struct store_key identifiers[];
};

/* The UUIDs of those whose numbers follow each other. */
struct identity_people {
    uint8_t kind;
    uint8_t room;
    uint16_t reserved[3];
    struct uuid uuids[]; /* by person % IDENTITY_PEOPLE_COUNT */
};

struct identity {
    struct region *region;
    struct log_store *store; /* borrows: the partition's, for all its tenants */
    struct hash_key keys[IDENTITY_KIND_COUNT];
    struct uuid tenant_namespace;
    uint32_t person_count; /* merged ones included */
    struct merges merges;
};

/* Where the store has the identifiers that an event names; only of those that it does name. */
struct identity_keys {
    struct store_key user;
    struct store_key device;
};

#define IDENTITY_PREFETCH_STEPS 2u

struct identity_case;

struct identity_look_up {
    struct log_store_waiter waiter;
    struct identity_case *of;
    struct store_key key;
    void *record; /* NULL: there is none */
    uint32_t bytes;
};

/* One event on its way through the rules, and what it needs for that. Empty at first. */
struct identity_case {
    const struct event_record *event; /* NULL: none */
    const struct identity *identity;
    struct text user_id;
    struct text anonymous_id;
    struct text previous_id; /* empty, but for an alias that counts as one */
    uint32_t late_count;
    bool is_complete;
    struct identity_look_up user;
    struct identity_look_up device;
    struct identity_look_up previous_user;
    struct identity_look_up previous_device;
    struct who who;                        /* everything it names stands for already; else IDENTITY_NONE */
    struct identity_look_up canonicals[3]; /* of whom the event may change, and of whom it makes */
    struct who people[3];                  /* whose they are */
    uint32_t canonical_count;
    /* Whom it makes: the first name that was never used, and the record with the UUIDs of the numbers around it. */
    struct identity_look_up name;
    uint32_t name_generation;
    struct uuid uuid;
    struct identity_look_up numbers;
};

struct identity_outcome {
    struct who who;
    uint32_t merge_count; /* 0, 1 or 2: the last ones of identity->merges */
    bool alias_refused;
    bool limit_reached;
};

/* Home. The store and what is in it are the caller's. The secret keys the store, nothing else. */
void identity_init(struct identity *identity, struct region *region, struct log_store *store,
                   struct text tenant_id, struct hash_key secret);
void identity_deinit(struct identity *identity);

/* Home. */
struct identity_keys identity_keys(const struct identity *identity, const struct event_record *event);
/* Home. This event will be looked up soon: steps 0 to IDENTITY_PREFETCH_STEPS - 1, each when what the one before asked
   for has come. */
void identity_prefetch(const struct identity *identity, const struct event_record *event,
                       const struct identity_keys *keys, uint32_t step);

/* Home. 0: everything is at hand. LOG_STORE_LATER: when what is late has come, call it again, with the same event. Until
   identity_apply(), in the same turn as the 0, nobody else may change the store, nor step it. The keys are the event's. */
MUST_USE int identity_look_up(const struct identity *identity, struct identity_case *looked_up,
                              const struct event_record *event, const struct identity_keys *keys);
/* Home. The event whose case is complete; the case is empty afterwards. -ENOMEM is fatal to the caller: part of the
   event may have been applied. */
MUST_USE int identity_apply(struct identity *identity, struct identity_case *looked_up, uint64_t position,
                            struct identity_outcome *out_outcome);

/* Home. Where the store has it. The value of a canonical is its 16 bytes. */
struct store_key identity_key(const struct identity *identity, enum identity_kind kind, struct text value);
struct store_key identity_canonical_key(const struct identity *identity, struct uuid uuid);
/* Home. Where the store has the UUID of a person who is there, and that UUID. */
struct store_key identity_people_key(const struct identity *identity, uint32_t person);
struct uuid identity_uuid(const void *people, uint32_t person);
/* Home. The living canonical that a record found by that key stands for; IDENTITY_NONE for NULL. */
struct who identity_found(const struct identity *identity, const void *record, enum identity_kind kind,
                          struct text value);
/* Home. How many canonicals live. */
static inline uint32_t
identity_living_count(const struct identity *identity)
{
    return identity->person_count - merges_count(&identity->merges);
}

/*
 * A checkpoint. What is not in records is two numbers, person_count and merges_count(), and so many merges: nothing of it
 * changes afterwards but that more comes, so it can be written long after the cut.
 */

/* Boot. Into an empty one: the people of the cut, then its merges, oldest first, in any portions; `before` of them is
   not read. -ENOMEM; -EUCLEAN: they make no sense. */
void identity_restore(struct identity *identity, uint32_t person_count);
MUST_USE int identity_restore_merges(struct identity *identity, const struct merge *merges, uint32_t count);
