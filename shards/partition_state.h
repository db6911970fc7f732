/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * partition_state - a partition at a checkpoint
 *
 * All that the records before the applied position amount to: settings, clocks, tenants, dictionaries, the duplicate
 * window, merges, and where the log_store of identity has its pages. Events that are sequenced and not applied are not in it; replay sequences them again. A window
 * that was full has let go of its oldest for these, so where a crash loses them it is shorter by as many.
 *
 * Threads  Home shard only.
 * Memory   Region: what a cut copies is given back at its end.
 */

#include "shards/checkpoint.h"

struct partition;

/* The part is a struct partition. Restored into one that is new. */
extern const struct checkpoint_part_ops partition_state_ops;

/* Home. Gives up what is being saved, if anything is. */
void partition_state_forget(struct partition *partition);

/* Side or boot, for a checker: reads the pages that the state file describes. 0, -ENOMEM, or what the reader said; the
   reason, which names the file and offset of the pages, is the reader's. */
MUST_USE int partition_state_verify(struct disk *disk, struct uuid store_id, uint16_t number,
                                    struct state_reader *reader);
