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
 * Threads  Home shard only; used by the sequencer, in log order.
 * Memory   Region.
 * Limits   IDENTITY_IDENTIFIERS_MAX for each canonical, IDENTITY_MERGES_MAX as winner.
 */

#include "core/map.h"
#include "core/table.h"
#include "shards/record.h"

#define IDENTITY_IDENTIFIERS_MAX 500u
#define IDENTITY_MERGES_MAX 1000u
#define IDENTITY_NONE UINT32_MAX

enum identifier_kind {
    IDENTIFIER_USER,
    IDENTIFIER_ANONYMOUS,
};

struct identifier {
    struct identifier *next; /* of its canonical, in the order in which they were linked */
    struct identifier *previous;
    uint32_t canonical;
    uint16_t bytes;
    uint8_t kind;
    char value[];
};

struct canonical {
    struct uuid uuid;
    uint32_t merged_into; /* IDENTITY_NONE while living; followed until one that lives */
    uint32_t identifier_count;
    struct identifier *first;
    struct identifier *last;
    struct identifier *owner;
    uint32_t merged_by;    /* the merge that ended it: its number in `merges` */
    uint32_t merge_count;  /* taken part in as winner */
    uint32_t merged_count; /* canonicals merged into it, through however many merges */
    uint32_t first_merged; /* canonicals merged into it, newest first; IDENTITY_NONE */
    uint32_t next_merged;  /* of the winner's list */
};

struct merge {
    uint32_t loser;
    uint32_t winner;
    uint64_t position;
    struct event_ms event_time;
};

struct identity {
    struct region *region;
    struct uuid tenant_namespace;
    uint64_t seed;
    struct table canonicals;  /* struct canonical by person number */
    struct table identifiers; /* struct identifier * */
    struct table merges;      /* struct merge, oldest first */
    struct map by_identifier;
    struct map by_uuid;
    uint32_t living;
};

struct identity_outcome {
    uint32_t person;
    uint32_t merge_count; /* 0, 1 or 2: the last ones of identity->merges */
    bool alias_refused;
    bool limit_reached;
};

/* Home. seed places identifiers in tables, nothing else. */
void identity_init(struct identity *identity, struct region *region, struct text tenant_id, uint64_t seed);
void identity_deinit(struct identity *identity);

/* Home. -ENOMEM is fatal to the caller: part of the event may have been applied. */
MUST_USE int identity_apply(struct identity *identity, const struct event_record *event, uint64_t position,
                            struct identity_outcome *out_outcome);

/* Home. The living canonical that this resolves to, or IDENTITY_NONE. */
uint32_t identity_find(const struct identity *identity, enum identifier_kind kind, struct text value);
uint32_t identity_find_uuid(const struct identity *identity, struct uuid uuid);
/* Home. The living canonical that this one is now. */
uint32_t identity_living(const struct identity *identity, uint32_t person);

static inline struct canonical *
identity_canonical(const struct identity *identity, uint32_t person)
{
    return table_at(&identity->canonicals, person);
}
