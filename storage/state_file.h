/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * state_file - what somebody knew at a checkpoint: one file of sections
 *
 * A section is a run of items of one type and version, in the order in which they were added; what an item is, its
 * owner knows. The file begins with a header (whose store, which checkpoint) and ends with an empty section, so that
 * one that was cut off is known by itself. Each section has a checksum; the manifest has one of the whole file.
 *
 * A writer is asynchronous and writes one file at a time: items go into the buffer of the open section, full buffers
 * are written by one durable write each, and while both are under way it says "later". A reader is blocking.
 *
 * Threads  Writer: home shard. Reader: boot.
 * Memory   Writer: two buffers of STATE_BUFFER_BYTES, taken when it is made. Reader: one, by malloc.
 * Limits   An item is at most STATE_ITEM_BYTES_MAX, and a multiple of 8.
 * Errors   Writer: the disk's, kept until the file is left. Reader: -EUCLEAN damaged, -ENOTSUP written by a newer
 *          version, each with a reason that names file and offset.
 */

#include "core/env.h"
#include "storage/manifest.h"

#define STATE_FORMAT_VERSION 1u
#define STATE_BUFFER_BYTES (512u << 10)
#define STATE_ITEM_BYTES_MAX (256u << 10)

/* ---- Writing. ---- */

struct state_writer;

/* Boot. Borrows env. */
MUST_USE int state_writer_create(struct env *env, struct state_writer **out_writer);
/* Home. After env_close(), or when nothing is under way. NULL is allowed. */
void state_writer_destroy(struct state_writer *writer);

/* Home. Begins a file, which must not be there; the one before was left. Its folder must be there. */
void state_writer_begin(struct state_writer *writer, const char *name, struct uuid store_id,
                        uint64_t checkpoint);
/* Home. Room for the next item, 8-byte aligned, not zeroed, to be filled before the next call. NULL: not now (or never,
   after a fault); the shard is woken when there is room again. */
MUST_USE void *state_writer_add(struct state_writer *writer, uint16_t type, uint16_t version, uint32_t bytes);
/* Home. Whether state_writer_end() can be called now; as for state_writer_add(). */
bool state_writer_may_end(const struct state_writer *writer);
/* Home. Nothing more comes. */
void state_writer_end(struct state_writer *writer);

enum state_answer {
    STATE_LATER = 1, /* writes are under way, or state_writer_end() was not called */
    STATE_END = 2,
};

/* Home. 0: the file is durable (its name is, when its folder is synced); what the manifest says about it.
   STATE_LATER, or a fault. */
MUST_USE int state_writer_result(const struct state_writer *writer, struct manifest_file *out_file);
/* Home. Done with the file, or gives it up: it stays where it is. False: something is under way, call again. */
MUST_USE bool state_writer_leave(struct state_writer *writer);

/* ---- Reading. ---- */

struct state_reader;

struct state_section {
    uint16_t type;
    uint16_t version;
    uint32_t count;       /* of items */
    const uint8_t *items; /* 8-byte aligned, lent until the next call */
    uint64_t bytes;       /* of them */
    uint64_t offset;      /* of the section in the file */
};

/* Boot. The file that the manifest speaks of. out_reason has MANIFEST_REASON_BYTES and is borrowed until the reader is
   closed. A file that is missing or has another size is -EUCLEAN. */
MUST_USE int state_reader_open(struct disk *disk, const struct manifest_file *file, struct uuid store_id,
                               uint64_t checkpoint, char *out_reason, struct state_reader **out_reader);
/* Boot. 0 and the next section; STATE_END: all was read, and the whole is what the manifest says; or a fault. */
MUST_USE int state_reader_next(struct state_reader *reader, struct state_section *out_section);
/* Boot. For owners to whom the section that was read last makes no sense: -EUCLEAN, with the place. */
MUST_USE int state_reader_bad(struct state_reader *reader, const char *why);
/* Boot. The same for a version of the section that its owner does not know: -ENOTSUP. */
MUST_USE int state_reader_newer(struct state_reader *reader);
/* Boot. For owners to whom something else than this file is damaged: the reason, with its own place. */
void state_reader_say(struct state_reader *reader, const char *reason);
/* Boot. NULL is allowed. */
void state_reader_close(struct state_reader *reader);

/* Boot. Reads all of it and checks everything that does not need its owner. */
MUST_USE int state_file_verify(struct disk *disk, const struct manifest_file *file, struct uuid store_id,
                               uint64_t checkpoint, char *out_reason);
