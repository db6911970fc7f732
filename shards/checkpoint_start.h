/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * checkpoint_start - which checkpoint a start begins with, and whether the pages of one are good
 *
 * Threads  Boot, before any shard.
 */

#include "shards/checkpoint.h"

/* How the state file at this index of a checkpoint, and the pages that it describes, are verified. NULL: files alone. */
typedef int checkpoint_verify_fn(struct disk *disk, const struct manifest *manifest,
                                 const struct manifest_checkpoint *checkpoint, uint32_t index,
                                 char *out_reason);

/* Boot. Chooses what a start begins with: nothing if there is no checkpoint, the newest, or, with accept_loss, the one
   before when the newest is damaged and that one is whole (then it drops the newest from the manifest). Pages are
   verified here for who accepts a loss; others find them damaged when they restore them. One whose log was given
   back is as good as damaged; and if there is none left, all of the log must be there. Called before the log is
   settled. out_reason has MANIFEST_REASON_BYTES. -EUCLEAN, -ENOTSUP. */
MUST_USE int checkpoint_choose(struct disk *disk, struct manifest *manifest, uint32_t rules_version,
                               bool accept_loss, checkpoint_verify_fn *verify_pages, char *out_reason);
/* Boot, for a checker (see storage/checker.h): the pages that the state file at this index describes. */
MUST_USE checkpoint_verify_fn checkpoint_verify_pages;
/* Boot. Makes the folders; state files that the manifest does not name go. */
MUST_USE int checkpoint_sweep(struct disk *disk, const struct manifest *manifest);
