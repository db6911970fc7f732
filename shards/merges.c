/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/merges.h"

#include "core/hash.h"

#include <errno.h>

#define LOST_COUNT_FIRST 8u

/* Somebody who took part in one. */
struct party {
    uint32_t person;
    uint32_t into;   /* its row; MERGES_NONE while living; followed until one that lives */
    uint32_t newest; /* that it won, or MERGES_NONE */
};

void
merges_init(struct merges *merges, struct region *region)
{
    table_init(&merges->rows, region, sizeof(struct merge));
    table_init(&merges->parties, region, sizeof(struct party));
    map_init(&merges->by_person, region);
    merges->lost = NULL;
    merges->lost_count = 0;
}

void
merges_deinit(struct merges *merges)
{
    table_deinit(&merges->rows);
    table_deinit(&merges->parties);
    region_put(merges->rows.region, merges->lost, merges->lost_count * sizeof(*merges->lost));
    merges->lost = NULL;
    merges->lost_count = 0;
    map_deinit(&merges->by_person);
}

static struct party *
party_at(const struct merges *merges, uint32_t number)
{
    return table_at(&merges->parties, number);
}

static bool
is_same_person(const void *owner, uint32_t number, const void *key)
{
    return party_at(owner, number)->person == *(const uint32_t *)key;
}

static struct party *
party_of(const struct merges *merges, uint32_t person)
{
    uint32_t number = map_find_inline(&merges->by_person, hash_mix(person), is_same_person, merges, &person);

    return number == MAP_NONE ? NULL : party_at(merges, number);
}

/* The number of its row, made now when need be; MERGES_NONE: no memory. */
static uint32_t
add_party(struct merges *merges, uint32_t person)
{
    uint32_t number = map_find(&merges->by_person, hash_mix(person), is_same_person, merges, &person);
    struct party *party;

    if (number != MAP_NONE) {
        return number;
    }
    party = table_add(&merges->parties);
    if (party == NULL || map_insert(&merges->by_person, hash_mix(person), merges->parties.count - 1) != 0) {
        return MERGES_NONE;
    }
    *party = (struct party){.person = person, .into = MERGES_NONE, .newest = MERGES_NONE};
    return merges->parties.count - 1;
}

/* Room for this person's bit. */
static int
reserve_lost(struct merges *merges, uint32_t person)
{
    uint32_t count = merges->lost_count == 0 ? LOST_COUNT_FIRST : merges->lost_count;
    uint64_t *lost;

    while (count <= person / 64) {
        count *= 2;
    }
    if (count == merges->lost_count) {
        return 0;
    }
    lost = region_resize(merges->rows.region, merges->lost, merges->lost_count * sizeof(*lost),
                         count * sizeof(*lost));
    if (lost == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(lost + merges->lost_count, 0, (count - merges->lost_count) * sizeof(*lost));
    merges->lost = lost;
    merges->lost_count = count;
    return 0;
}

static const struct party *
living_party(const struct merges *merges, struct party *party)
{
    while (party->into != MERGES_NONE) {
        struct party *into = party_at(merges, party->into);

        if (into->into != MERGES_NONE) {
            /* Halve the way for the next look; where it ends stays the same. */
            party->into = into->into;
        }
        party = party_at(merges, party->into);
    }
    return party;
}

int
merges_add(struct merges *merges, struct merge merge)
{
    uint32_t loser = add_party(merges, merge.loser);
    uint32_t winner = add_party(merges, merge.winner);
    struct merge *row = table_add(&merges->rows);

    if (loser == MERGES_NONE || winner == MERGES_NONE || row == NULL ||
        reserve_lost(merges, merge.loser) != 0) {
        return fault_new(-ENOMEM);
    }
    ASSERT(loser != winner);
    ASSERT(party_at(merges, loser)->into == MERGES_NONE);
    ASSERT(party_at(merges, winner)->into == MERGES_NONE);
    *row = merge;
    row->before = party_at(merges, winner)->newest;
    party_at(merges, winner)->newest = merges->rows.count - 1;
    party_at(merges, loser)->into = winner;
    merges->lost[merge.loser / 64] |= UINT64_C(1) << merge.loser % 64;
    return 0;
}

uint32_t
merges_living(const struct merges *merges, uint32_t person)
{
    return merges_has_lost(merges, person) ? living_party(merges, party_of(merges, person))->person : person;
}

struct who
merges_last_winner(const struct merges *merges, uint32_t loser)
{
    const struct party *winner = living_party(merges, party_of(merges, loser));

    return (struct who){.person = winner->person, .uuid = merges_at(merges, winner->newest)->winner_uuid};
}

uint32_t
merges_newest(const struct merges *merges, uint32_t person)
{
    const struct party *party = party_of(merges, person);

    return party == NULL ? MERGES_NONE : party->newest;
}
