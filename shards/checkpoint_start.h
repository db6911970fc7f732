/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * checkpoint_start - which checkpoint a start begins with, and whether the pages of one are good
 *
 * Threads  Boot, before any shard.
 */

#include "shards/checkpoint.h"

/* Boot. Chooses what a start begins with: nothing if there is no checkpoint, the newest, or, with accept_loss, the one
   before when files of the newest are damaged (then it drops that from the manifest). Called before the log is settled.
   out_reason has MANIFEST_REASON_BYTES. -EUCLEAN, -ENOTSUP. */
MUST_USE int checkpoint_choose(struct disk *disk, struct manifest *manifest, uint32_t rules_version,
                               bool accept_loss, char *out_reason);
/* Boot, for a checker (see storage/checker.h): the pages that the state file at this index describes. */
MUST_USE int checkpoint_verify_pages(struct disk *disk, const struct manifest *manifest,
                                     const struct manifest_checkpoint *checkpoint, uint32_t index,
                                     char *out_reason);
/* Boot. Makes the folders; state files that the manifest does not name go. */
MUST_USE int checkpoint_sweep(struct disk *disk, const struct manifest *manifest);
