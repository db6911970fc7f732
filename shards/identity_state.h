/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * identity_state - the records of identity, at a checkpoint
 *
 * They change in place, so a cut copies them.
 *
 * Threads  Home shard only.
 * Memory   Region: a cut takes as much again as the records.
 */

#include "core/run_queue.h"
#include "shards/identity.h"

struct state_writer;

/* On disk. A record of identity.h follows, filled up to a multiple of 8. */
struct identity_record_row {
    uint32_t bytes;
    uint32_t reserved;
};
static_assert(sizeof(struct identity_record_row) == 8, "on disk");

/* The records of a partition's store as they were. */
struct identity_cut {
    struct region *region;
    uint8_t *rows;
    uint64_t bytes;
    uint64_t room;
    uint64_t next; /* to be written */
};

/* Home. -ENOMEM. */
MUST_USE int identity_cut_begin(struct identity_cut *cut, struct region *region, const struct store *store);
/* Home. Goes on. STEP_DONE: all rows were added. */
enum step identity_cut_write(struct identity_cut *cut, struct state_writer *writer, uint16_t type,
                             uint16_t version, const struct time_slice *time);
/* Home. At any point; may be called twice. */
void identity_cut_end(struct identity_cut *cut);

/* Boot. A row with all of its bytes. -EINVAL: it makes no sense, or was there. -ENOMEM. */
MUST_USE int identity_restore_record(struct region *region, struct store *store,
                                     const struct identity_record_row *row);
