/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * manifest - the one file that says what a data directory is
 *
 * Store id, secret, the numbers fixed at creation, and every start of a node (an epoch) with the number
 * of log streams it had and, once known, where each of them ended. Written as a whole: temporary file,
 * fsync, rename, fsync of the directory; with a checksum of itself. The temporary file of the next save is there
 * already, preallocated: where the disk has no room left a node must still be able to start.
 *
 * An epoch that is not named here does not exist: its segment files may be overwritten. So an epoch is
 * dropped, or a stream_begins raised, and the manifest saved, before commit_log_recycle*() is told.
 *
 * A checkpoint is what all records before a place in the log amount to, in state files; with the log from there on it
 * is the whole. The newest is what a start takes, the older one is for the day when the newest is damaged. Adding one
 * drops the third, and with it the log that only the third needed.
 *
 * Threads  Boot, or one side task at a time.
 * Memory   From malloc, at boot and while a checkpoint is made durable.
 * Limits   MANIFEST_STREAM_COUNT_MAX streams for each epoch, MANIFEST_EPOCH_COUNT_MAX epochs (-E2BIG),
 *          MANIFEST_FILE_COUNT_MAX files of a checkpoint.
 * Errors   MANIFEST_NONE; -EUCLEAN damaged, -ENOTSUP written by a newer version (both explained in out_reason).
 */

#include "core/env.h"

#define MANIFEST_REASON_BYTES 256u
#define MANIFEST_SECRET_BYTES 32u
#define MANIFEST_FORMAT_VERSION 2u /* 1, without checkpoints, is read too */
#define MANIFEST_STREAM_COUNT_MAX 1024u
#define MANIFEST_EPOCH_COUNT_MAX 65536u
#define MANIFEST_CHECKPOINT_COUNT_MAX 2u
#define MANIFEST_FILE_COUNT_MAX 65536u
#define STATE_NAME_BYTES 48u

enum manifest_answer {
    MANIFEST_NONE = 1, /* an empty directory */
};

struct manifest_epoch {
    uint64_t epoch; /* 1, 2, 3 ...; not consecutive once old ones are dropped */
    uint32_t stream_count;
    bool is_ended; /* the ends below are final */
    uint64_t *
        stream_begins; /* [stream_count]: blocks before are not needed any more; 0 unless a checkpoint said so */
    uint64_t
        *stream_ends; /* [stream_count]: blocks 0 .. end-1 are valid, everything later is void for ever */
    uint32_t *segment_ends; /* [stream_count]: segments .. end-1 hold them; later ones are free files */
};

/* A state file: see state_file.h. */
struct manifest_file {
    char name[STATE_NAME_BYTES];
    uint64_t bytes;
    uint32_t checksum;
};

struct manifest_checkpoint {
    uint64_t number; /* ascends; 0 is none */
    uint64_t epoch;  /* it was made in this one; what earlier ones hold it does not need */
    uint32_t stream_count;
    uint32_t position_count;
    uint32_t file_count;
    uint32_t rules_version;  /* the owner's */
    uint64_t *stream_begins; /* [stream_count] of that epoch: blocks before are not needed */
    uint64_t *positions;     /* [position_count]: records before are in the state; the owner's */
    struct manifest_file *files;
};

struct manifest {
    struct uuid store_id;
    uint8_t secret[MANIFEST_SECRET_BYTES];
    uint32_t partition_count;
    uint32_t slice_count;
    uint32_t rules_version;    /* the owner's; 0 in a new store until it says otherwise */
    struct wall_ms wall_floor; /* the latest wall_ms in any ended epoch */
    uint32_t epoch_count;
    struct manifest_epoch *epochs; /* oldest first */
    uint32_t checkpoint_count;
    struct manifest_checkpoint checkpoints[MANIFEST_CHECKPOINT_COUNT_MAX]; /* older first */
};

/* Boot. A new store: nothing on disk yet, no epoch. dice() fills store_id and secret. */
MUST_USE int manifest_create(struct manifest *manifest, uint32_t partition_count, uint32_t slice_count,
                             uint64_t (*dice)(void *context), void *context);
/* Boot. out_reason has MANIFEST_REASON_BYTES; out_manifest is empty (manifest_deinit() is allowed) unless 0. */
MUST_USE int manifest_load(struct disk *disk, struct manifest *out_manifest, char *out_reason);
/* Boot or side. Durable when it returns 0. */
MUST_USE int manifest_save(struct disk *disk, const struct manifest *manifest);
/* Boot. Adds an epoch after the last; returns its number in out_epoch. -ENOMEM, -E2BIG. */
MUST_USE int manifest_add_epoch(struct manifest *manifest, uint32_t stream_count, uint64_t *out_epoch);
/* Boot. Forgets one; never the last, whose number the next one is counted from. */
void manifest_drop_epoch(struct manifest *manifest, uint32_t epoch_index);
/* Boot. NULL when it is not there. */
struct manifest_epoch *manifest_find_epoch(const struct manifest *manifest, uint64_t epoch);
/* Boot or side. out_copy is empty unless 0. -ENOMEM. */
MUST_USE int manifest_copy(const struct manifest *manifest, struct manifest *out_copy);
/* Boot or side. Adds a copy of the newest. Of three the oldest goes, and then epochs and blocks that the older of the
   two does not need. -ENOMEM. */
MUST_USE int manifest_add_checkpoint(struct manifest *manifest, const struct manifest_checkpoint *checkpoint);
/* Boot. The newest is not to be used; the log that the older one needs is still there. */
void manifest_drop_newest_checkpoint(struct manifest *manifest);
/* Boot or side. NULL: there is none. */
const struct manifest_checkpoint *manifest_newest_checkpoint(const struct manifest *manifest);
/* Boot or side. What came before this checkpoint does not exist any more. */
void manifest_begin_at(struct manifest *manifest, const struct manifest_checkpoint *checkpoint);
/* Boot or side. May be called twice. */
void manifest_checkpoint_deinit(struct manifest_checkpoint *checkpoint);
/* Boot. May be called twice. */
void manifest_deinit(struct manifest *manifest);
