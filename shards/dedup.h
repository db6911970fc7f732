/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * dedup - the window in which a second event with the same ID is a duplicate
 *
 * One for each partition. The window is the last 24 hours by received_at and the newest `capacity` accepted
 * events, whichever is shorter, but never less than a tenant's newest 256. IDs are compared by the 128-bit
 * keyed hash that stands in the record.
 *
 * A ring holds the accepted events in order. What leaves it and is still among its tenant's newest 256 moves
 * to that tenant's own small ring.
 *
 * Threads  Home shard only.
 * Memory   Region: 48 bytes an event in the window, and 8 to 16 of index; taken as it fills.
 * Order    Calls come in log order; received_at never goes back.
 */

#include "core/map.h"
#include "core/table.h"
#include "shards/record.h"

#define DEDUP_WINDOW_MS MS_PER_DAY
#define DEDUP_TENANT_COUNT_MIN 256u

struct dedup_entry {
    struct hash128 id_hash;
    struct wall_ms received_at;
    uint64_t durable_when; /* sequence of the block that holds the original, plus 1; 0 when it was replayed */
    uint64_t order;        /* the how-manieth accepted event of its tenant */
    uint32_t tenant_no;
};

struct dedup {
    struct region *region;
    struct dedup_entry *ring;
    uint32_t ring_count_max; /* slots there are now; grows to the capacity as it is needed */
    uint32_t capacity;
    uint32_t head; /* oldest */
    uint32_t count;
    struct map index;     /* number: slot in the ring, or capacity + tenant_no * 256 + slot */
    struct table tenants; /* struct dedup_tenant by tenant_no */
};

/* Boot. capacity is at least 1. */
void dedup_init(struct dedup *dedup, struct region *region);
void dedup_deinit(struct dedup *dedup);
/* Home. The window becomes the newest `capacity` events; those beyond it leave. -ENOMEM. */
MUST_USE int dedup_resize(struct dedup *dedup, uint32_t capacity);

/* Home. This ID will be looked for soon. */
void dedup_prefetch(const struct dedup *dedup, struct hash128 id_hash);
/* Home. Forgets what is older than 24 hours at `now`. Then the original, lent until the next call, or NULL. */
const struct dedup_entry *dedup_find(struct dedup *dedup, struct hash128 id_hash, struct wall_ms now);
/* Home. Remembers an accepted event that was not found. -ENOMEM. */
MUST_USE int dedup_add(struct dedup *dedup, struct hash128 id_hash, uint32_t tenant_no,
                       struct wall_ms received_at, uint64_t durable_when);
/* Home. The time that the window covers, in milliseconds: 24 hours unless its capacity is used up before. */
int64_t dedup_window_ms(const struct dedup *dedup, struct wall_ms now);
