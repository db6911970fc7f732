/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sim_file.h"

#include <errno.h>
#include <stdlib.h>

#define SMALL_SECTOR_BYTES 512u

struct sim_write {
    uint64_t offset;
    uint64_t bytes;
    bool is_visible;
    bool is_under_way;
    uint8_t data[];
};

static uint64_t
dice_below(uint64_t *dice, uint64_t limit)
{
    return sim_dice(dice) % limit;
}

/* Life. */

struct sim_file *
sim_file_create(bool is_folder)
{
    struct sim_file *file = calloc(1, sizeof(*file));

    ASSERT(file != NULL);
    file->is_folder = is_folder;
    return file;
}

static void
forget_pending(struct sim_file *file)
{
    for (uint32_t i = 0; i < file->pending_count; i++) {
        free(file->pending[i]);
    }
    free(file->pending);
    file->pending = NULL;
    file->pending_count = 0;
}

void
sim_file_destroy(struct sim_file *file)
{
    forget_pending(file);
    content_clear(&file->live);
    content_clear(&file->durable);
    free(file);
}

static struct sim_write *
add_pending(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset)
{
    struct sim_write *write = malloc(sizeof(*write) + bytes);

    ASSERT(write != NULL);
    *write = (struct sim_write){.offset = offset, .bytes = bytes};
    if (data != NULL) {
        memcpy(write->data, data, bytes);
    } else {
        memset(write->data, 0, bytes);
    }
    file->pending = realloc(file->pending, (file->pending_count + UINT64_C(1)) * sizeof(struct sim_write *));
    ASSERT(file->pending != NULL);
    file->pending[file->pending_count++] = write;
    return write;
}

struct sim_file *
sim_file_copy(const struct sim_file *file)
{
    struct sim_file *copy = sim_file_create(file->is_folder);

    content_copy(&copy->live, &file->live);
    content_copy(&copy->durable, &file->durable);
    for (uint32_t i = 0; i < file->pending_count; i++) {
        const struct sim_write *write = file->pending[i];

        add_pending(copy, write->data, write->bytes, write->offset)->is_visible = write->is_visible;
    }
    return copy;
}

/* Reading and writing. */

int
sim_file_read(const struct sim_file *file, void *buffer, uint64_t bytes, uint64_t offset)
{
    if (bytes > file->live.bytes || offset > file->live.bytes - bytes) {
        return -EIO;
    }
    content_read(&file->live, buffer, bytes, offset);
    return 0;
}

void
sim_file_write(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset)
{
    if (bytes > 0) {
        content_write(&file->live, data, bytes, offset);
        add_pending(file, data, bytes, offset)->is_visible = true;
    }
}

void
sim_file_write_failed(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset)
{
    if (bytes > 0) {
        (void)add_pending(file, data, bytes, offset);
    }
}

/*
 * The first `count` pending writes carry the bytes of a newer durable write where it overlaps them, so that
 * none can bring old bytes back. What is under way may still come later.
 */
static void
overlay_pending(struct sim_file *file, uint32_t count, const uint8_t *data, uint64_t bytes, uint64_t offset)
{
    for (uint32_t i = 0; i < count; i++) {
        struct sim_write *write = file->pending[i];
        uint64_t from = offset > write->offset ? offset : write->offset;
        uint64_t until =
            offset + bytes < write->offset + write->bytes ? offset + bytes : write->offset + write->bytes;
        if (from < until && !write->is_under_way) {
            memcpy(write->data + (from - write->offset), data + (from - offset), until - from);
        }
    }
}

void
sim_file_sync(struct sim_file *file)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < file->pending_count; i++) {
        struct sim_write *write = file->pending[i];
        if (write->is_visible) {
            content_write(&file->durable, write->data, write->bytes, write->offset);
            overlay_pending(file, kept_count, write->data, write->bytes, write->offset);
            free(write);
        } else {
            file->pending[kept_count++] = write;
        }
    }
    file->pending_count = kept_count;
}

void
sim_file_zero(struct sim_file *file, uint64_t bytes)
{
    forget_pending(file);
    content_clear(&file->live);
    content_resize(&file->live, bytes);
    content_clear(&file->durable);
    content_resize(&file->durable, bytes);
}

/* Durable writes. */

struct sim_write *
sim_file_write_begin(struct sim_file *file, const void *data, uint64_t bytes, uint64_t offset)
{
    struct sim_write *write = add_pending(file, data, bytes, offset);

    write->is_under_way = true;
    return write;
}

const uint8_t *
sim_write_data(const struct sim_write *write)
{
    return write->data;
}

uint64_t
sim_write_end(const struct sim_write *write)
{
    return write->offset + write->bytes;
}

void
sim_file_write_end(struct sim_file *file, struct sim_write *write)
{
    uint32_t kept_count = 0;

    for (uint32_t i = 0; i < file->pending_count; i++) {
        if (file->pending[i] != write) {
            file->pending[kept_count++] = file->pending[i];
        }
    }
    ASSERT(kept_count + 1 == file->pending_count);
    file->pending_count = kept_count;
    overlay_pending(file, kept_count, write->data, write->bytes, write->offset);
    content_write(&file->live, write->data, write->bytes, write->offset);
    content_write(&file->durable, write->data, write->bytes, write->offset);
    free(write);
}

void
sim_file_write_abandon(struct sim_write *write)
{
    write->is_under_way = false;
}

/* Ends. */

/* Keeps a run of whole sectors, and of the sector that begins at `torn` the first or the second half. */
static void
tear_at(struct sim_file *file, const struct sim_write *write, uint64_t torn, uint64_t sector_bytes,
        bool is_head_new, bool is_rest_kept)
{
    uint64_t middle = torn + sector_bytes / 2;
    uint64_t end = write->offset + write->bytes;
    uint64_t torn_end = torn + sector_bytes < end ? torn + sector_bytes : end;
    uint64_t torn_begin = torn > write->offset ? torn : write->offset;

    content_write(&file->durable, write->data, torn_begin - write->offset, write->offset);
    if (is_head_new && torn_begin < middle) {
        uint64_t until = middle < end ? middle : end;
        content_write(&file->durable, write->data + (torn_begin - write->offset), until - torn_begin,
                      torn_begin);
    }
    if (!is_head_new && torn_end > middle) {
        uint64_t from = middle > write->offset ? middle : write->offset;
        content_write(&file->durable, write->data + (from - write->offset), torn_end - from, from);
    }
    if (is_rest_kept) {
        content_write(&file->durable, write->data + (torn_end - write->offset), end - torn_end, torn_end);
    }
}

static void
tear(struct sim_file *file, const struct sim_write *write, uint64_t sector_bytes, uint64_t *dice)
{
    uint64_t first = write->offset / sector_bytes;
    uint64_t sector_count = (write->offset + write->bytes - 1) / sector_bytes - first + 1;
    uint64_t torn = (first + dice_below(dice, sector_count)) * sector_bytes;
    bool is_head_new = dice_below(dice, 2) == 0;
    bool is_rest_kept = dice_below(dice, 2) == 0;

    tear_at(file, write, torn, sector_bytes, is_head_new, is_rest_kept);
}

static void
crash_by_dice(struct sim_file *file, const struct sim_write *write, uint64_t *dice)
{
    uint64_t sector_bytes = dice_below(dice, 2) == 0 ? SMALL_SECTOR_BYTES : DISK_SECTOR_BYTES;
    uint64_t end = write->offset + write->bytes;
    uint64_t sector_count = (end - 1) / sector_bytes - write->offset / sector_bytes + 1;

    switch (dice_below(dice, 4)) {
    case 0:
        content_write(&file->durable, write->data, write->bytes, write->offset);
        break;
    case 1:
        break;
    case 2: {
        uint64_t cut = (write->offset / sector_bytes + dice_below(dice, sector_count)) * sector_bytes;
        if (cut > write->offset) {
            content_write(&file->durable, write->data, cut - write->offset, write->offset);
        }
        break;
    }
    case 3:
        tear(file, write, sector_bytes, dice);
        break;
    }
    /* A file may have grown although what it grew by is lost: then that is zeros. */
    if (end > file->durable.bytes && dice_below(dice, 4) == 0) {
        content_resize(&file->durable, end);
    }
}

static void
crash_write(struct sim_file *file, const struct sim_write *write, enum sim_crash how, bool is_last,
            uint64_t *dice)
{
    switch (how) {
    case SIM_CRASH_BY_DICE:
        crash_by_dice(file, write, dice);
        break;
    case SIM_CRASH_ALL_WRITTEN:
        content_write(&file->durable, write->data, write->bytes, write->offset);
        break;
    case SIM_CRASH_UNSYNCED_LOST:
        break;
    case SIM_CRASH_SUBSET:
        if (dice_below(dice, 2) == 0) {
            content_write(&file->durable, write->data, write->bytes, write->offset);
        }
        break;
    case SIM_CRASH_LAST_TORN:
        if (is_last) {
            uint64_t sector_bytes = dice_below(dice, 2) == 0 ? SMALL_SECTOR_BYTES : DISK_SECTOR_BYTES;
            uint64_t torn = (write->offset + write->bytes - 1) / sector_bytes * sector_bytes;
            tear_at(file, write, torn, sector_bytes, dice_below(dice, 2) == 0, false);
        } else {
            content_write(&file->durable, write->data, write->bytes, write->offset);
        }
        break;
    }
}

void
sim_file_crash(struct sim_file *file, enum sim_crash how, uint64_t *dice)
{
    REQUIRE(file->held_count == 0); /* the envs of the dead node are closed */

    if (file->pending_count == 0) {
        return; /* live is durable already */
    }
    for (uint32_t i = 0; i < file->pending_count; i++) {
        crash_write(file, file->pending[i], how, i + 1 == file->pending_count, dice);
    }
    forget_pending(file);
    content_copy(&file->live, &file->durable);
}

void
sim_file_kill(struct sim_file *file, uint64_t *dice)
{
    struct sim_write **pending = file->pending;
    uint32_t count = file->pending_count;

    REQUIRE(file->held_count == 0); /* the envs of the dead node are closed */

    file->pending = NULL;
    file->pending_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sim_write *write = pending[i];

        if (write->is_visible || dice_below(dice, 2) == 0) {
            sim_file_write(file, write->data, write->bytes, write->offset);
        }
        free(write);
    }
    free(pending);
}
