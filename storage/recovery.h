/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * recovery - what the log holds after a stop of any kind
 *
 * recovery_settle() runs once at boot, before any shard: for each epoch that has not ended it finds the end
 * of every stream. Let k be the first missing or bad block of a stream. A valid later block with acked > k
 * (acked as in commit_log.h) means that k was durable once: corruption, the node must not start (-EUCLEAN,
 * reason with file and offset) unless accept_loss. Else the stream ends before k for ever. The segments that
 * were read are synced, the ends are recorded in the manifest (with a new epoch for this start), and only
 * then it returns. log_reader then replays.
 *
 * Also corruption: a missing segment file before the last, a header sector that is bad in front of good blocks, two
 * files that claim one place, and a segment of an ended epoch that is gone. With accept_loss every epoch is read
 * again, and each stream ends before the first block that is not good. A segment of another store stops the node
 * whatever was accepted: a store whose manifest is gone looks like that.
 *
 * Not seen: the loss of the last durable block, when nothing after it says that it was durable.
 *
 * Threads  Boot.
 * Memory   malloc at boot.
 * Errors   -EUCLEAN corruption, -ENOTSUP written by a newer version (both explained in reason), else the disk's.
 */

#include "storage/commit_log.h"
#include "storage/log_reader.h"

struct recovery_report {
    bool is_foreign;           /* there are segments of another store: refused whatever was accepted */
    bool is_manifest;          /* it is the manifest that cannot be read */
    bool is_checkpoint;        /* or a file of the newest checkpoint */
    uint64_t epoch;            /* of this start */
    struct wall_ms wall_floor; /* the latest wall_ms of any valid block */
    uint64_t blocks;
    uint64_t bytes;
    uint64_t torn_streams;
    uint64_t
        lost_blocks; /* with accept_loss: from the first bad block to the last good one; verified: the bad ones */
    uint64_t found_count; /* verified: damaged places */
    char reason
        [MANIFEST_REASON_BYTES]; /* set with -EUCLEAN and -ENOTSUP, and the first loss that was accepted */
};

/* Boot. The manifest is loaded, or created when manifest_load() said MANIFEST_NONE; then log/ is made and the
   manifest saved. After a fault the manifest in memory is to be thrown away. blocks and bytes count what was read. */
MUST_USE int recovery_settle(struct disk *disk, struct manifest *manifest, uint32_t stream_count,
                             bool accept_loss, struct recovery_report *out_report);

/* What a checker is told while it reads. */
struct recovery_watch {
    void (*found)(void *context, const char *what); /* each damaged place: file, offset and what is wrong */
    void (*noted)(void *context, const char *what); /* no damage: a torn end, which a start will cut off */
    void (*read)(void *context, uint64_t bytes);    /* so many more bytes were looked at */
    void *context;
};

/* Boot. The same as a checker: reads every epoch, reports (epoch: the last one), changes nothing. It goes on behind
   what is damaged: the reason is the first, and -EUCLEAN comes at the end. watch may be NULL. */
MUST_USE int recovery_verify(struct disk *disk, const struct manifest *manifest,
                             const struct recovery_watch *watch, struct recovery_report *out_report);
