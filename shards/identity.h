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
 * Identifiers and canonicals are records of the partition's store, which may answer later: identity_look_up() first
 * gets hold of everything that the event can touch, then identity_apply() waits for nothing. Records speak of each
 * other by person number and by key, never by address. What every event, every count of people and every list of
 * merges needs is in tables: a row for each person, and one for each merge.
 *
 * Threads  Home shard only; used by the sequencer, in log order.
 * Memory   Region.
 * Limits   IDENTITY_IDENTIFIERS_MAX for each canonical, IDENTITY_MERGES_MAX as winner.
 */

#include "core/table.h"
#include "shards/record.h"
#include "storage/store.h"

#define IDENTITY_IDENTIFIERS_MAX 500u
#define IDENTITY_MERGES_MAX 1000u
#define IDENTITY_NONE UINT32_MAX

/* What a record of the store is about. */
enum identity_kind { IDENTITY_USER, IDENTITY_ANONYMOUS, IDENTITY_CANONICAL, IDENTITY_KIND_COUNT };

struct identifier {
    struct store_key key;
    uint32_t person; /* that it was linked to; identity_living() of it is the one it stands for */
    uint8_t kind;
    uint16_t bytes;
    char value[];
};

struct canonical {
    struct store_key key;
    uint32_t person;
    uint8_t kind;
    bool has_owner;
    uint16_t identifier_count;
    uint16_t identifier_room;
    uint16_t merge_count;  /* taken part in as winner */
    uint32_t merged_count; /* canonicals merged into it, through however many merges */
    struct store_key
        identifiers[]; /* in the order in which they were linked; the first user ID is the owner */
};
static_assert(offsetof(struct identifier, kind) == offsetof(struct canonical, kind), "one look tells which");

/* By person number. */
struct identity_person {
    struct uuid uuid;
    uint32_t merged_into;  /* IDENTITY_NONE while living; followed until one that lives */
    uint32_t newest_merge; /* that it won: its number in `merges`; IDENTITY_NONE */
};

struct merge {
    uint32_t loser;
    uint32_t winner;
    uint64_t position;
    struct event_ms event_time;
    uint32_t before; /* the one that the winner won before; IDENTITY_NONE */
};

struct identity {
    struct region *region;
    struct store *store; /* borrows: the partition's, for all its tenants */
    struct hash_key keys[IDENTITY_KIND_COUNT];
    struct uuid tenant_namespace;
    struct table persons; /* struct identity_person */
    struct table merges;  /* struct merge, oldest first */
    uint32_t living;
};

/* Where the store has the identifiers that an event names; only of those that it does name. */
struct identity_keys {
    struct store_key user;
    struct store_key device;
};

#define IDENTITY_PREFETCH_STEPS 3u

struct identity_case;

struct identity_look_up {
    struct store_waiter waiter;
    struct identity_case *of;
    struct store_key key;
    void *record; /* NULL: there is none */
};

/* One event on its way through the rules, and what it needs for that. Empty at first. */
struct identity_case {
    const struct event_record *event; /* NULL: none */
    const struct identity *identity;
    struct text user_id;
    struct text anonymous_id;
    struct text previous_id; /* empty, but for an alias that counts as one */
    enum { CASE_IDENTIFIERS, CASE_CANONICALS, CASE_NAME, CASE_COMPLETE } stage;
    uint32_t late_count;
    struct identity_look_up user;
    struct identity_look_up device;
    struct identity_look_up previous_user;
    struct identity_look_up previous_device;
    uint32_t person;                       /* everything it names stands for already; else IDENTITY_NONE */
    struct identity_look_up canonicals[3]; /* of whom the event may change, and of whom it makes */
    uint32_t canonical_count;
    /* Whom it makes: the first name that was never used. */
    struct identity_look_up name;
    uint32_t name_generation;
    struct uuid uuid;
};

struct identity_outcome {
    uint32_t person;
    uint32_t merge_count; /* 0, 1 or 2: the last ones of identity->merges */
    bool alias_refused;
    bool limit_reached;
};

/* Home. The store and what is in it are the caller's. The secret keys the store, nothing else. */
void identity_init(struct identity *identity, struct region *region, struct store *store,
                   struct text tenant_id, struct hash_key secret);
void identity_deinit(struct identity *identity);
/* Home. Gives the memory of a record back, which was taken out of the store or goes with it. */
void identity_free_record(struct region *region, void *record);

/* Home. */
struct identity_keys identity_keys(const struct identity *identity, const struct event_record *event);
/* Home. This event will be looked up soon: steps 0 to IDENTITY_PREFETCH_STEPS - 1, each when what the one before asked
   for has come. */
void identity_prefetch(const struct identity *identity, const struct event_record *event,
                       const struct identity_keys *keys, uint32_t step);

/* Home. 0: everything is at hand. STORE_LATER: call it again, with the same event. Until identity_apply() nobody
   else may change the store. The keys are the event's. */
MUST_USE int identity_look_up(const struct identity *identity, struct identity_case *looked_up,
                              const struct event_record *event, const struct identity_keys *keys);
/* Home. The event whose case is complete; the case is empty afterwards. -ENOMEM is fatal to the caller: part of the
   event may have been applied. */
MUST_USE int identity_apply(struct identity *identity, struct identity_case *looked_up, uint64_t position,
                            struct identity_outcome *out_outcome);

/* Home. Where the store has it. The value of a canonical is its 16 bytes. */
struct store_key identity_key(const struct identity *identity, enum identity_kind kind, struct text value);
/* Home. The living canonical that a record found by that key stands for; IDENTITY_NONE for NULL. */
uint32_t identity_found(const struct identity *identity, const void *record, enum identity_kind kind,
                        struct text value);
/* Home. The living canonical that this one is now. */
uint32_t identity_living(const struct identity *identity, uint32_t person);

static inline struct identity_person *
identity_person(const struct identity *identity, uint32_t person)
{
    return table_at(&identity->persons, person);
}
