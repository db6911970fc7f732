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
 * A cut is the window as of a moment, written while it goes on: what leaves a ring before it was written is copied.
 *
 * Threads  Home shard only.
 * Memory   Region: 48 bytes an event in the window, and 8 to 16 of index; taken as it fills.
 * Order    Calls come in log order; received_at never goes back.
 */

#include "core/map.h"
#include "core/run_queue.h"
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

struct dedup_cut;
struct state_writer;

/* On disk: an entry of a cut. */
struct dedup_row {
    struct hash128 id_hash;
    struct wall_ms received_at;
    uint32_t tenant_no;
    uint32_t age; /* events of its tenant that were accepted later */
};
static_assert(sizeof(struct dedup_row) == 32, "on disk");

struct dedup {
    struct region *region;
    struct dedup_entry *ring;
    uint32_t ring_count_max; /* slots there are now; grows to the capacity as it is needed */
    uint32_t capacity;
    uint32_t head; /* oldest */
    uint32_t count;
    uint64_t left;         /* entries that have ever left the ring: the number of the oldest */
    struct dedup_cut *cut; /* being written; NULL: none */
    struct map index;      /* number: slot in the ring, or capacity + tenant_no * 256 + slot */
    struct table tenants;  /* struct dedup_tenant by tenant_no */
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

/* Home. The window as of now, of the first `tenant_count` tenants. -ENOMEM. */
MUST_USE int dedup_cut_begin(struct dedup *dedup, uint32_t tenant_count);
/* Home. In the same turn: a tenant's newest event is not part of it; once for each such event. */
void dedup_cut_without(struct dedup *dedup, uint32_t tenant_no);
/* Home. How many events of a tenant were accepted up to the cut. */
uint64_t dedup_cut_accepted(const struct dedup *dedup, uint32_t tenant_no);
/* Home. Goes on: rows of small rings (section kept_type), then of the ring. STEP_DONE: all were added. */
enum step dedup_cut_write(struct dedup *dedup, struct state_writer *writer, uint16_t kept_type,
                          uint16_t ring_type, uint16_t version, const struct time_slice *time);
/* Home. There was no memory for a copy: the cut is not whole. */
bool dedup_cut_has_failed(const struct dedup *dedup);
/* Home. At any point, or without a cut. */
void dedup_cut_end(struct dedup *dedup);

/* Boot. How many events of a tenant were ever accepted; once for each, in order of their numbers. -ENOMEM. */
MUST_USE int dedup_restore_tenant(struct dedup *dedup, uint64_t accepted);
/* Boot. In the order in which they were written, into a window of the same capacity. -EINVAL: no cut has this row. -ENOMEM. */
MUST_USE int dedup_restore_kept(struct dedup *dedup, const struct dedup_row *row);
MUST_USE int dedup_restore(struct dedup *dedup, const struct dedup_row *row);
/* Home. What the window takes of the region, now. */
uint64_t dedup_memory_bytes(const struct dedup *dedup);
/* Any thread. And at most, but for the small rings of tenants. */
uint64_t dedup_memory_bytes_max(uint32_t capacity);
/* Home. Of what the window is, as far as it is the same after a start from the log alone. */
uint64_t dedup_state_hash(const struct dedup *dedup);
