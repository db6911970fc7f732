/* SPDX-License-Identifier: Apache-2.0 */

#include "storage/manifest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "storage/segment.h"

#define MANIFEST_NAME "manifest"
#define MANIFEST_NAME_NEW "manifest.tmp"
#define MANIFEST_MAGIC UINT32_C(0x464e414d)
#define MANIFEST_BYTES_MAX (UINT64_C(256) << 20)

/* On disk: preface, body, and for each epoch its head and one entry for each stream; since version 2 then how many
   checkpoints there are, and for each its head, begins, positions and files. The preface is the same in every
   version. */

#define VERSION_WITHOUT_CHECKPOINTS 1u

struct preface {
    uint32_t magic;
    uint32_t version;
    uint64_t bytes;    /* of the file */
    uint32_t checksum; /* of the file, this field zero */
    uint32_t reserved;
};

struct body {
    struct uuid store_id;
    uint8_t secret[MANIFEST_SECRET_BYTES];
    uint32_t partition_count;
    uint32_t slice_count;
    uint32_t rules_version;
    uint32_t epoch_count;
    int64_t wall_floor;
};

struct epoch_head {
    uint64_t epoch;
    uint32_t stream_count;
    uint32_t is_ended;
};

struct stream_entry {
    uint64_t begin;
    uint64_t end;
    uint32_t segment_end;
    uint32_t reserved;
};

struct checkpoint_count {
    uint32_t count;
    uint32_t reserved;
};

struct checkpoint_head {
    uint64_t number;
    uint64_t epoch;
    uint32_t stream_count;
    uint32_t position_count;
    uint32_t file_count;
    uint32_t rules_version;
};

struct file_entry {
    char name[STATE_NAME_BYTES];
    uint64_t bytes;
    uint32_t checksum;
    uint32_t reserved;
};

static_assert(sizeof(struct checkpoint_count) == 8 && sizeof(struct checkpoint_head) == 32, "on disk");
static_assert(sizeof(struct file_entry) == STATE_NAME_BYTES + 16, "on disk");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are written as they are");
static_assert(sizeof(struct preface) == 24 && sizeof(struct body) == 72, "on disk");
static_assert(sizeof(struct epoch_head) == 16 && sizeof(struct stream_entry) == 24, "on disk");

int
manifest_create(struct manifest *manifest, uint32_t partition_count, uint32_t slice_count,
                uint64_t (*dice)(void *context), void *context)
{
    REQUIRE(partition_count > 0);
    REQUIRE(slice_count > 0);

    *manifest = (struct manifest){.partition_count = partition_count, .slice_count = slice_count};
    for (size_t i = 0; i < sizeof(manifest->store_id); i += sizeof(uint64_t)) {
        uint64_t roll = dice(context);

        memcpy(manifest->store_id.byte + i, &roll, sizeof(roll));
    }
    manifest->store_id.byte[6] = (uint8_t)((manifest->store_id.byte[6] & 0x0f) | 0x40); /* random UUID */
    manifest->store_id.byte[8] = (uint8_t)((manifest->store_id.byte[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof(manifest->secret); i += sizeof(uint64_t)) {
        uint64_t roll = dice(context);

        memcpy(manifest->secret + i, &roll, sizeof(roll));
    }
    return 0;
}

/* Epochs. */

static void
epoch_deinit(struct manifest_epoch *epoch)
{
    free(epoch->stream_begins);
    free(epoch->stream_ends);
    free(epoch->segment_ends);
    *epoch = (struct manifest_epoch){0};
}

static int
epoch_append(struct manifest *manifest, uint64_t number, uint32_t stream_count)
{
    struct manifest_epoch *epochs;
    struct manifest_epoch epoch = {.epoch = number, .stream_count = stream_count};

    if (manifest->epoch_count == MANIFEST_EPOCH_COUNT_MAX) {
        return fault_new(-E2BIG);
    }
    epochs = realloc(manifest->epochs, (manifest->epoch_count + 1) * sizeof(*epochs));
    if (epochs == NULL) {
        return fault_new(-ENOMEM);
    }
    manifest->epochs = epochs;

    epoch.stream_begins = calloc(stream_count, sizeof(*epoch.stream_begins));
    epoch.stream_ends = calloc(stream_count, sizeof(*epoch.stream_ends));
    epoch.segment_ends = calloc(stream_count, sizeof(*epoch.segment_ends));
    if (epoch.stream_begins == NULL || epoch.stream_ends == NULL || epoch.segment_ends == NULL) {
        epoch_deinit(&epoch);
        return fault_new(-ENOMEM);
    }
    epochs[manifest->epoch_count] = epoch;
    manifest->epoch_count++;
    return 0;
}

int
manifest_add_epoch(struct manifest *manifest, uint32_t stream_count, uint64_t *out_epoch)
{
    uint64_t number = 1;
    int r;

    REQUIRE(stream_count > 0);
    REQUIRE(stream_count <= MANIFEST_STREAM_COUNT_MAX);

    if (manifest->epoch_count > 0) {
        number = manifest->epochs[manifest->epoch_count - 1].epoch + 1;
    }
    r = epoch_append(manifest, number, stream_count);
    if (r != 0) {
        return fault_up(r);
    }
    *out_epoch = number;
    return 0;
}

void
manifest_drop_epoch(struct manifest *manifest, uint32_t epoch_index)
{
    REQUIRE(epoch_index + 1 < manifest->epoch_count);

    epoch_deinit(&manifest->epochs[epoch_index]);
    manifest->epoch_count--;
    memmove(&manifest->epochs[epoch_index], &manifest->epochs[epoch_index + 1],
            (manifest->epoch_count - epoch_index) * sizeof(*manifest->epochs));
}

struct manifest_epoch *
manifest_find_epoch(const struct manifest *manifest, uint64_t epoch)
{
    for (uint32_t i = manifest->epoch_count; i > 0; i--) {
        if (manifest->epochs[i - 1].epoch == epoch) {
            return &manifest->epochs[i - 1];
        }
    }
    return NULL;
}

/* Checkpoints. */

void
manifest_checkpoint_deinit(struct manifest_checkpoint *checkpoint)
{
    free(checkpoint->stream_begins);
    free(checkpoint->positions);
    free(checkpoint->files);
    *checkpoint = (struct manifest_checkpoint){0};
}

/* The numbers are those of `like`; the arrays are there, and empty. */
static int
checkpoint_init(struct manifest_checkpoint *checkpoint, const struct manifest_checkpoint *like)
{
    *checkpoint = *like;
    checkpoint->stream_begins = calloc(like->stream_count + 1, sizeof(*checkpoint->stream_begins));
    checkpoint->positions = calloc(like->position_count + 1, sizeof(*checkpoint->positions));
    checkpoint->files = calloc(like->file_count + 1, sizeof(*checkpoint->files));
    if (checkpoint->stream_begins == NULL || checkpoint->positions == NULL || checkpoint->files == NULL) {
        manifest_checkpoint_deinit(checkpoint);
        return fault_new(-ENOMEM);
    }
    return 0;
}

static int
checkpoint_copy(struct manifest_checkpoint *copy, const struct manifest_checkpoint *checkpoint)
{
    int r = checkpoint_init(copy, checkpoint);

    if (r != 0) {
        return fault_up(r);
    }
    memcpy(copy->stream_begins, checkpoint->stream_begins,
           checkpoint->stream_count * sizeof(*checkpoint->stream_begins));
    memcpy(copy->positions, checkpoint->positions,
           checkpoint->position_count * sizeof(*checkpoint->positions));
    memcpy(copy->files, checkpoint->files, checkpoint->file_count * sizeof(*checkpoint->files));
    return 0;
}

const struct manifest_checkpoint *
manifest_newest_checkpoint(const struct manifest *manifest)
{
    return manifest->checkpoint_count == 0 ? NULL : &manifest->checkpoints[manifest->checkpoint_count - 1];
}

void
manifest_drop_newest_checkpoint(struct manifest *manifest)
{
    REQUIRE(manifest->checkpoint_count > 0);
    manifest->checkpoint_count--;
    manifest_checkpoint_deinit(&manifest->checkpoints[manifest->checkpoint_count]);
}

void
manifest_begin_at(struct manifest *manifest, const struct manifest_checkpoint *checkpoint)
{
    struct manifest_epoch *epoch;

    while (manifest->epoch_count > 1 && manifest->epochs[0].epoch < checkpoint->epoch) {
        manifest_drop_epoch(manifest, 0);
    }
    epoch = manifest_find_epoch(manifest, checkpoint->epoch);
    if (epoch == NULL || epoch->stream_count != checkpoint->stream_count) {
        return; /* it was empty, and was dropped */
    }
    for (uint32_t i = 0; i < epoch->stream_count; i++) {
        if (checkpoint->stream_begins[i] > epoch->stream_begins[i]) {
            epoch->stream_begins[i] = checkpoint->stream_begins[i];
        }
    }
}

int
manifest_add_checkpoint(struct manifest *manifest, const struct manifest_checkpoint *checkpoint)
{
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(manifest);
    struct manifest_checkpoint copy;
    int r;

    REQUIRE(newest == NULL || newest->number < checkpoint->number);
    r = checkpoint_copy(&copy, checkpoint);
    if (r != 0) {
        return fault_up(r);
    }
    if (manifest->checkpoint_count == MANIFEST_CHECKPOINT_COUNT_MAX) {
        manifest_checkpoint_deinit(&manifest->checkpoints[0]);
        memmove(&manifest->checkpoints[0], &manifest->checkpoints[1],
                (MANIFEST_CHECKPOINT_COUNT_MAX - 1) * sizeof(manifest->checkpoints[0]));
        manifest->checkpoint_count--;
    }
    manifest->checkpoints[manifest->checkpoint_count++] = copy;
    if (manifest->checkpoint_count == MANIFEST_CHECKPOINT_COUNT_MAX) {
        manifest_begin_at(manifest, &manifest->checkpoints[0]);
    }
    return 0;
}

int
manifest_copy(const struct manifest *manifest, struct manifest *out_copy)
{
    struct manifest copy = *manifest;
    int r = 0;

    *out_copy = (struct manifest){0};
    copy.epochs = NULL;
    copy.epoch_count = 0;
    copy.checkpoint_count = 0;
    for (uint32_t i = 0; i < manifest->epoch_count && r == 0; i++) {
        const struct manifest_epoch *epoch = &manifest->epochs[i];

        r = epoch_append(&copy, epoch->epoch, epoch->stream_count);
        if (r == 0) {
            struct manifest_epoch *to = &copy.epochs[i];

            to->is_ended = epoch->is_ended;
            memcpy(to->stream_begins, epoch->stream_begins,
                   epoch->stream_count * sizeof(*epoch->stream_begins));
            memcpy(to->stream_ends, epoch->stream_ends, epoch->stream_count * sizeof(*epoch->stream_ends));
            memcpy(to->segment_ends, epoch->segment_ends, epoch->stream_count * sizeof(*epoch->segment_ends));
        }
    }
    for (uint32_t i = 0; i < manifest->checkpoint_count && r == 0; i++) {
        r = checkpoint_copy(&copy.checkpoints[i], &manifest->checkpoints[i]);
        copy.checkpoint_count += r == 0 ? 1 : 0;
    }
    if (r != 0) {
        manifest_deinit(&copy);
        return fault_up(r);
    }
    *out_copy = copy;
    return 0;
}

void
manifest_deinit(struct manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        epoch_deinit(&manifest->epochs[i]);
    }
    free(manifest->epochs);
    for (uint32_t i = 0; i < manifest->checkpoint_count; i++) {
        manifest_checkpoint_deinit(&manifest->checkpoints[i]);
    }
    *manifest = (struct manifest){0};
}

/* Decoding. */

struct cursor {
    const uint8_t *bytes;
    uint64_t left;
};

static bool
take(struct cursor *cursor, void *out_piece, uint64_t bytes)
{
    if (cursor->left < bytes) {
        return false;
    }
    memcpy(out_piece, cursor->bytes, bytes);
    cursor->bytes += bytes;
    cursor->left -= bytes;
    return true;
}

static int
damaged(char *out_reason, const char *why)
{
    snprintf(out_reason, MANIFEST_REASON_BYTES, "%s is damaged: %s", MANIFEST_NAME, why);
    return fault_new(-EUCLEAN);
}

static int
decode_epoch(struct cursor *cursor, struct manifest *manifest, char *out_reason)
{
    uint64_t after = manifest->epoch_count > 0 ? manifest->epochs[manifest->epoch_count - 1].epoch : 0;
    struct manifest_epoch *epoch;
    struct epoch_head head;
    int r;

    if (!take(cursor, &head, sizeof(head))) {
        return damaged(out_reason, "an epoch is missing");
    }
    if (head.epoch <= after || head.stream_count == 0 || head.stream_count > MANIFEST_STREAM_COUNT_MAX) {
        return damaged(out_reason, "an epoch makes no sense");
    }
    r = epoch_append(manifest, head.epoch, head.stream_count);
    if (r != 0) {
        return fault_up(r);
    }
    epoch = &manifest->epochs[manifest->epoch_count - 1];
    epoch->is_ended = head.is_ended != 0;
    for (uint32_t i = 0; i < head.stream_count; i++) {
        struct stream_entry entry;

        if (!take(cursor, &entry, sizeof(entry))) {
            return damaged(out_reason, "a stream is missing");
        }
        epoch->stream_begins[i] = entry.begin;
        epoch->stream_ends[i] = entry.end;
        epoch->segment_ends[i] = entry.segment_end;
    }
    return 0;
}

static int
decode_arrays(struct cursor *cursor, struct manifest_checkpoint *checkpoint, char *out_reason)
{
    if (!take(cursor, checkpoint->stream_begins,
              checkpoint->stream_count * sizeof(*checkpoint->stream_begins)) ||
        !take(cursor, checkpoint->positions, checkpoint->position_count * sizeof(*checkpoint->positions))) {
        return damaged(out_reason, "a checkpoint is cut off");
    }
    for (uint32_t i = 0; i < checkpoint->file_count; i++) {
        struct file_entry entry;

        if (!take(cursor, &entry, sizeof(entry))) {
            return damaged(out_reason, "a checkpoint is cut off");
        }
        if (memchr(entry.name, '\0', sizeof(entry.name)) == NULL) {
            return damaged(out_reason, "the name of a file makes no sense");
        }
        memcpy(checkpoint->files[i].name, entry.name, sizeof(entry.name));
        checkpoint->files[i].bytes = entry.bytes;
        checkpoint->files[i].checksum = entry.checksum;
    }
    return 0;
}

static int
decode_checkpoint(struct cursor *cursor, struct manifest *manifest, char *out_reason)
{
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(manifest);
    struct checkpoint_head head;
    struct manifest_checkpoint *checkpoint = &manifest->checkpoints[manifest->checkpoint_count];
    int r;

    if (!take(cursor, &head, sizeof(head))) {
        return damaged(out_reason, "a checkpoint is missing");
    }
    if (head.number <= (newest == NULL ? 0 : newest->number) || head.stream_count == 0 ||
        head.stream_count > MANIFEST_STREAM_COUNT_MAX || head.position_count != manifest->partition_count ||
        head.file_count > MANIFEST_FILE_COUNT_MAX) {
        return damaged(out_reason, "a checkpoint makes no sense");
    }
    r = checkpoint_init(checkpoint, &(struct manifest_checkpoint){.number = head.number,
                                                                  .epoch = head.epoch,
                                                                  .stream_count = head.stream_count,
                                                                  .position_count = head.position_count,
                                                                  .file_count = head.file_count,
                                                                  .rules_version = head.rules_version});
    if (r != 0) {
        return fault_up(r);
    }
    manifest->checkpoint_count++;
    return decode_arrays(cursor, checkpoint, out_reason);
}

static int
decode_checkpoints(struct cursor *cursor, struct manifest *manifest, char *out_reason)
{
    struct checkpoint_count counted;

    if (!take(cursor, &counted, sizeof(counted)) || counted.count > MANIFEST_CHECKPOINT_COUNT_MAX) {
        return damaged(out_reason, "its checkpoints make no sense");
    }
    for (uint32_t i = 0; i < counted.count; i++) {
        int r = decode_checkpoint(cursor, manifest, out_reason);

        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

static int
decode(struct cursor cursor, uint32_t version, struct manifest *manifest, char *out_reason)
{
    struct body body;

    if (!take(&cursor, &body, sizeof(body))) {
        return damaged(out_reason, "it is too short");
    }
    if (body.partition_count == 0 || body.slice_count == 0 || body.epoch_count > MANIFEST_EPOCH_COUNT_MAX) {
        return damaged(out_reason, "its numbers make no sense");
    }
    manifest->store_id = body.store_id;
    memcpy(manifest->secret, body.secret, sizeof(body.secret));
    manifest->partition_count = body.partition_count;
    manifest->slice_count = body.slice_count;
    manifest->rules_version = body.rules_version;
    manifest->wall_floor = (struct wall_ms){.ms = body.wall_floor};
    for (uint32_t i = 0; i < body.epoch_count; i++) {
        int r = decode_epoch(&cursor, manifest, out_reason);

        if (r != 0) {
            return fault_up(r);
        }
    }
    if (version != VERSION_WITHOUT_CHECKPOINTS) {
        int r = decode_checkpoints(&cursor, manifest, out_reason);

        if (r != 0) {
            return fault_up(r);
        }
    }
    return cursor.left == 0 ? 0 : damaged(out_reason, "there is something behind its end");
}

/* The checksum first: a version is only believed in a file that is whole. */
static int
check_preface(uint8_t *bytes, uint64_t count, uint32_t *out_version, char *out_reason)
{
    struct preface preface;
    uint32_t said;

    if (count < sizeof(preface)) {
        return damaged(out_reason, "it is too short");
    }
    memcpy(&preface, bytes, sizeof(preface));
    if (preface.magic != MANIFEST_MAGIC) {
        return damaged(out_reason, "it does not begin like one");
    }
    if (preface.bytes != count) {
        return damaged(out_reason, "its size is wrong");
    }
    said = preface.checksum;
    preface.checksum = 0;
    memcpy(bytes, &preface, sizeof(preface));
    if (checksum32(bytes, count) != said) {
        return damaged(out_reason, "its checksum is wrong");
    }
    if (preface.version == 0 || preface.version > MANIFEST_FORMAT_VERSION) {
        snprintf(out_reason, MANIFEST_REASON_BYTES,
                 "%s has format version %u and this program knows %u: use a newer program", MANIFEST_NAME,
                 preface.version, MANIFEST_FORMAT_VERSION);
        return fault_new(-ENOTSUP);
    }
    *out_version = preface.version;
    return 0;
}

static int
read_whole(struct disk *disk, struct disk_file file, uint8_t **out_bytes, uint64_t *out_count,
           char *out_reason)
{
    uint8_t *bytes;
    uint64_t count;
    int r = disk->ops->size(disk, file, &count);

    if (r != 0) {
        return fault_new(r);
    }
    if (count > MANIFEST_BYTES_MAX) {
        return damaged(out_reason, "it is too long");
    }
    bytes = malloc(count + 1);
    if (bytes == NULL) {
        return fault_new(-ENOMEM);
    }
    r = count > 0 ? disk->ops->read(disk, file, bytes, count, 0) : 0;
    if (r != 0) {
        free(bytes);
        return fault_new(r);
    }
    *out_bytes = bytes;
    *out_count = count;
    return 0;
}

int
manifest_load(struct disk *disk, struct manifest *out_manifest, char *out_reason)
{
    struct manifest manifest = {0};
    struct disk_file file = DISK_FILE_NONE;
    uint8_t *bytes = NULL;
    uint64_t count = 0;
    uint32_t version = 0;
    int r;

    *out_manifest = manifest;
    out_reason[0] = '\0';

    r = disk->ops->open(disk, MANIFEST_NAME, DISK_OPEN_EXISTING, &file);
    if (r == -ENOENT) {
        return MANIFEST_NONE;
    }
    if (r != 0) {
        return fault_new(r);
    }
    r = read_whole(disk, file, &bytes, &count, out_reason);
    disk->ops->close(disk, file);
    if (r != 0) {
        return fault_up(r);
    }
    r = check_preface(bytes, count, &version, out_reason);
    if (r == 0) {
        r = decode(
            (struct cursor){.bytes = bytes + sizeof(struct preface), .left = count - sizeof(struct preface)},
            version, &manifest, out_reason);
    }
    free(bytes);
    if (r != 0) {
        manifest_deinit(&manifest);
        return fault_up(r);
    }
    *out_manifest = manifest;
    return 0;
}

/* Encoding. */

static uint64_t
encoded_bytes(const struct manifest *manifest)
{
    uint64_t bytes = sizeof(struct preface) + sizeof(struct body);

    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        bytes += sizeof(struct epoch_head) + manifest->epochs[i].stream_count * sizeof(struct stream_entry);
    }
    bytes += sizeof(struct checkpoint_count);
    for (uint32_t i = 0; i < manifest->checkpoint_count; i++) {
        const struct manifest_checkpoint *checkpoint = &manifest->checkpoints[i];

        bytes += sizeof(struct checkpoint_head) +
                 checkpoint->stream_count * sizeof(*checkpoint->stream_begins) +
                 checkpoint->position_count * sizeof(*checkpoint->positions) +
                 checkpoint->file_count * sizeof(struct file_entry);
    }
    return bytes;
}

static uint8_t *
put(uint8_t *to, const void *piece, uint64_t bytes)
{
    memcpy(to, piece, bytes);
    return to + bytes;
}

static uint8_t *
encode_epoch(uint8_t *to, const struct manifest_epoch *epoch)
{
    struct epoch_head head = {
        .epoch = epoch->epoch, .stream_count = epoch->stream_count, .is_ended = epoch->is_ended ? 1 : 0};

    to = put(to, &head, sizeof(head));
    for (uint32_t i = 0; i < epoch->stream_count; i++) {
        struct stream_entry entry = {.begin = epoch->stream_begins[i],
                                     .end = epoch->stream_ends[i],
                                     .segment_end = epoch->segment_ends[i]};

        to = put(to, &entry, sizeof(entry));
    }
    return to;
}

static uint8_t *
encode_checkpoint(uint8_t *to, const struct manifest_checkpoint *checkpoint)
{
    struct checkpoint_head head = {
        .number = checkpoint->number,
        .epoch = checkpoint->epoch,
        .stream_count = checkpoint->stream_count,
        .position_count = checkpoint->position_count,
        .file_count = checkpoint->file_count,
        .rules_version = checkpoint->rules_version,
    };

    to = put(to, &head, sizeof(head));
    to = put(to, checkpoint->stream_begins, checkpoint->stream_count * sizeof(*checkpoint->stream_begins));
    to = put(to, checkpoint->positions, checkpoint->position_count * sizeof(*checkpoint->positions));
    for (uint32_t i = 0; i < checkpoint->file_count; i++) {
        const struct manifest_file *file = &checkpoint->files[i];
        struct file_entry entry = {.bytes = file->bytes, .checksum = file->checksum};

        memcpy(entry.name, file->name, sizeof(entry.name));
        to = put(to, &entry, sizeof(entry));
    }
    return to;
}

static void
encode(const struct manifest *manifest, uint8_t *bytes, uint64_t count)
{
    struct preface preface = {.magic = MANIFEST_MAGIC, .version = MANIFEST_FORMAT_VERSION, .bytes = count};
    struct body body = {
        .store_id = manifest->store_id,
        .partition_count = manifest->partition_count,
        .slice_count = manifest->slice_count,
        .rules_version = manifest->rules_version,
        .epoch_count = manifest->epoch_count,
        .wall_floor = manifest->wall_floor.ms,
    };
    uint8_t *to = put(bytes, &preface, sizeof(preface));

    memcpy(body.secret, manifest->secret, sizeof(body.secret));
    to = put(to, &body, sizeof(body));
    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        to = encode_epoch(to, &manifest->epochs[i]);
    }
    to = put(to, &(struct checkpoint_count){.count = manifest->checkpoint_count},
             sizeof(struct checkpoint_count));
    for (uint32_t i = 0; i < manifest->checkpoint_count; i++) {
        to = encode_checkpoint(to, &manifest->checkpoints[i]);
    }
    ASSERT(to == bytes + count);

    preface.checksum = checksum32(bytes, count);
    memcpy(bytes, &preface, sizeof(preface));
}

/*
 * Empty, or of this size. What an earlier save left behind is overwritten in place where it can be: then no room is
 * asked for, and there may be none.
 */
static int
open_new(struct disk *disk, uint64_t count, struct disk_file *out_file)
{
    int r = disk->ops->open(disk, MANIFEST_NAME_NEW, DISK_OPEN_CREATE, out_file);

    if (r != -EEXIST) {
        return r != 0 ? fault_new(r) : 0;
    }
    r = disk->ops->open(disk, MANIFEST_NAME_NEW, DISK_OPEN_EXISTING, out_file);
    if (r != 0) {
        return fault_new(r);
    }
    if (disk->ops->zero_fill(disk, *out_file, count) == 0) {
        return 0;
    }
    disk->ops->close(disk, *out_file);
    r = disk->ops->unlink(disk, MANIFEST_NAME_NEW);
    if (r == 0) {
        r = disk->ops->open(disk, MANIFEST_NAME_NEW, DISK_OPEN_CREATE, out_file);
    }
    return r != 0 ? fault_new(r) : 0;
}

static int
write_new(struct disk *disk, const uint8_t *bytes, uint64_t count)
{
    struct disk_file file;
    int r = open_new(disk, count, &file);

    if (r != 0) {
        return fault_up(r);
    }
    r = disk->ops->write(disk, file, bytes, count, 0);
    if (r == 0) {
        r = disk->ops->sync(disk, file);
    }
    disk->ops->close(disk, file);
    return r != 0 ? fault_new(r) : 0;
}

/*
 * Room for the next save, so that a node with a full disk can start: it has to say where the epoch before ended. When
 * there is none it is tried again then; the file that was just replaced gave some back.
 */
static int
keep_room(struct disk *disk, uint64_t count)
{
    uint64_t epoch_bytes_max =
        sizeof(struct epoch_head) + MANIFEST_STREAM_COUNT_MAX * sizeof(struct stream_entry);
    struct disk_file file;
    int r = disk->ops->open(disk, MANIFEST_NAME_NEW, DISK_OPEN_CREATE, &file);

    if (r == 0) {
        r = disk->ops->zero_fill(disk, file, align_up(count + epoch_bytes_max, DISK_SECTOR_BYTES));
        disk->ops->close(disk, file);
    }
    if (r == 0) {
        r = disk->ops->sync_folder(disk, "");
    }
    return r != 0 && !segment_is_disk_full(r) ? fault_new(r) : 0;
}

int
manifest_save(struct disk *disk, const struct manifest *manifest)
{
    uint64_t count = encoded_bytes(manifest);
    uint8_t *bytes = malloc(count);
    int r;

    if (bytes == NULL) {
        return fault_new(-ENOMEM);
    }
    encode(manifest, bytes, count);
    r = write_new(disk, bytes, count);
    free(bytes);
    if (r != 0) {
        return fault_up(r);
    }
    r = disk->ops->rename(disk, MANIFEST_NAME_NEW, MANIFEST_NAME);
    if (r != 0) {
        return fault_new(r);
    }
    r = disk->ops->sync_folder(disk, "");
    if (r != 0) {
        return fault_new(r);
    }
    r = keep_room(disk, count);
    return r != 0 ? fault_up(r) : 0;
}
