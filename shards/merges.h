/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * merges - who became whom, in one tenant
 *
 * All merges, oldest first, and a row for each person who took part in one: most people never do, and then nothing here
 * is theirs. A merge never changes, so the first N of them are what was known when there were N.
 *
 * Threads  Home shard only.
 * Memory   Region: 80 bytes a merge, and up to 30 for each who took part; with the first merge a bit for everybody.
 * Limits   People are numbered from 0 on, without gaps.
 */

#include "core/map.h"
#include "core/table.h"

#define MERGES_NONE UINT32_MAX

/* A canonical, or nobody: MERGES_NONE. */
struct who {
    struct uuid uuid; /* first: copies then read what was just written in the pieces in which it was */
    uint32_t person;
};

struct merge {
    uint32_t loser;
    uint32_t winner;
    uint64_t position;
    struct event_ms event_time;
    struct uuid loser_uuid;
    struct uuid winner_uuid;
    uint32_t before; /* the one that the winner won before; MERGES_NONE */
};

struct merges {
    struct table rows;    /* struct merge */
    struct table parties; /* struct party */
    struct map by_person; /* of parties */
    uint64_t *lost;       /* bit for bit, by person; most questions end here */
    uint32_t lost_count;  /* words; all people beyond them live */
};

void merges_init(struct merges *merges, struct region *region);
void merges_deinit(struct merges *merges);
/* Home. Of two who live; `before` is not read. -ENOMEM. */
MUST_USE int merges_add(struct merges *merges, struct merge merge);

static inline uint32_t
merges_count(const struct merges *merges)
{
    return merges->rows.count;
}
static inline const struct merge *
merges_at(const struct merges *merges, uint32_t number)
{
    return table_at(&merges->rows, number);
}
/* Home. Who this one is now. */
uint32_t merges_living(const struct merges *merges, uint32_t person);
struct who merges_last_winner(const struct merges *merges, uint32_t loser);

static inline bool
merges_has_lost(const struct merges *merges, uint32_t person)
{
    uint32_t word = person / 64;

    return word < merges->lost_count && (merges->lost[word] >> person % 64 & 1) != 0;
}
static inline struct who
merges_winner(const struct merges *merges, struct who who)
{
    return LIKELY(!merges_has_lost(merges, who.person)) ? who : merges_last_winner(merges, who.person);
}
/* Home. The newest merge that it won, or MERGES_NONE. */
uint32_t merges_newest(const struct merges *merges, uint32_t person);
