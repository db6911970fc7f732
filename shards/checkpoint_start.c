/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/checkpoint_start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/log_line.h"
#include "shards/keeper.h"
#include "shards/partition_state.h"

#define NAMES_MAX 65536u

static int
verify(struct disk *disk, const struct manifest *manifest, const struct manifest_checkpoint *checkpoint,
       checkpoint_verify_fn *verify_pages, char *out_reason)
{
    if (checkpoint->file_count != manifest->partition_count + manifest->slice_count) {
        snprintf(out_reason, MANIFEST_REASON_BYTES, "checkpoint %llu has %u files, not %u",
                 (unsigned long long)checkpoint->number, checkpoint->file_count,
                 manifest->partition_count + manifest->slice_count);
        return fault_new(-EUCLEAN);
    }
    for (uint32_t i = 0; i < checkpoint->file_count; i++) {
        int r = verify_pages != NULL ? verify_pages(disk, manifest, checkpoint, i, out_reason)
                                     : state_file_verify(disk, &checkpoint->files[i], manifest->store_id,
                                                         checkpoint->number, out_reason);

        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

/* What was wrong with the newest comes first. */
static void
add_reason(char *out_reason, const char *link, const char *reason)
{
    size_t bytes = strlen(out_reason);

    snprintf(out_reason + bytes, MANIFEST_REASON_BYTES - bytes, "%s%s", bytes > 0 ? link : "", reason);
}

/* Nothing was given back. (An earlier start that wrote nothing is none, but then it did not even write its settings.) */
static bool
is_log_whole(const struct manifest *manifest)
{
    uint64_t begins = 0;

    for (uint32_t i = 0; i < manifest->epoch_count; i++) {
        for (uint32_t k = 0; k < manifest->epochs[i].stream_count; k++) {
            begins |= manifest->epochs[i].stream_begins[k];
        }
    }
    return begins == 0 && (manifest->epoch_count == 0 || manifest->epochs[0].epoch == 1);
}

static bool
has_its_log(const struct manifest *manifest, const struct manifest_checkpoint *checkpoint)
{
    const struct manifest_epoch *epoch = manifest_find_epoch(manifest, checkpoint->epoch);

    if (epoch == NULL || epoch->stream_count != checkpoint->stream_count) {
        return true; /* it was empty, and was dropped */
    }
    for (uint32_t i = 0; i < epoch->stream_count; i++) {
        if (epoch->stream_begins[i] > checkpoint->stream_begins[i]) {
            return false;
        }
    }
    return true;
}

int
checkpoint_choose(struct disk *disk, struct manifest *manifest, uint32_t rules_version, bool accept_loss,
                  checkpoint_verify_fn *verify_pages, char *out_reason)
{
    const struct manifest_checkpoint *newest;
    char reason[MANIFEST_REASON_BYTES] = "";

    out_reason[0] = '\0';
    if (manifest->rules_version > rules_version) {
        snprintf(out_reason, MANIFEST_REASON_BYTES,
                 "the store was written under rules version %u and this program has %u: use a newer program",
                 manifest->rules_version, rules_version);
        return fault_new(-ENOTSUP);
    }
    while ((newest = manifest_newest_checkpoint(manifest)) != NULL) {
        int r = verify(disk, manifest, newest, accept_loss ? verify_pages : NULL, reason);

        if (r == 0 && has_its_log(manifest, newest)) {
            break;
        }
        if (r == 0) {
            snprintf(reason, sizeof(reason), "checkpoint %llu needs log that was given back",
                     (unsigned long long)newest->number);
            r = fault_new(-EUCLEAN);
        }
        add_reason(out_reason, "; and in the checkpoint before, ", reason);
        if (r != -EUCLEAN || !accept_loss) {
            return fault_up(r);
        }
        if (manifest->checkpoint_count == 1 && !is_log_whole(manifest)) {
            add_reason(out_reason, "; ", "and the log before it was given back");
            return fault_up(r);
        }
        manifest_drop_newest_checkpoint(manifest);
    }
    if (out_reason[0] != '\0') {
        log_warn("a checkpoint is damaged and its loss was accepted: the one before is used, or the log",
                 LOG_TEXT("why", out_reason));
    }
    return 0;
}

/* Files of a checkpoint are those of the partitions, then those of the slices. */
int
checkpoint_verify_pages(struct disk *disk, const struct manifest *manifest,
                        const struct manifest_checkpoint *checkpoint, uint32_t index, char *out_reason)
{
    struct state_reader *reader;
    int r = state_reader_open(disk, &checkpoint->files[index], manifest->store_id, checkpoint->number,
                              out_reason, &reader);

    if (r != 0) {
        return fault_up(r);
    }
    if (index < manifest->partition_count) {
        r = partition_state_verify(disk, manifest->store_id, (uint16_t)index, reader);
    } else {
        r = keeper_verify(disk, manifest->store_id, (uint16_t)(index - manifest->partition_count), reader);
    }
    state_reader_close(reader);
    return fault_up(r);
}

struct sweep {
    struct disk *disk;
    const struct manifest *manifest;
    const char *folder;
    char (*names)[STATE_NAME_BYTES];
    uint32_t count;
};

static bool
is_named(const struct manifest *manifest, const char *name)
{
    for (uint32_t c = 0; c < manifest->checkpoint_count; c++) {
        const struct manifest_checkpoint *checkpoint = &manifest->checkpoints[c];

        for (uint32_t i = 0; i < checkpoint->file_count; i++) {
            if (strcmp(checkpoint->files[i].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
found(void *context, const char *name)
{
    struct sweep *sweep = context;
    size_t bytes = strlen(name);
    char whole[STATE_NAME_BYTES];

    if (bytes < 6 || strcmp(name + bytes - 6, ".state") != 0 || sweep->count == NAMES_MAX ||
        (size_t)snprintf(whole, sizeof(whole), "%s/%s", sweep->folder, name) >= sizeof(whole)) {
        return;
    }
    if (!is_named(sweep->manifest, whole)) {
        memcpy(sweep->names[sweep->count++], whole, sizeof(whole));
    }
}

int
checkpoint_sweep(struct disk *disk, const struct manifest *manifest)
{
    static const char *const folders[] = {PARTITION_FOLDER, SLICE_FOLDER};
    struct sweep sweep = {.disk = disk, .manifest = manifest};
    int r = 0;

    sweep.names = calloc(NAMES_MAX, sizeof(*sweep.names));
    if (sweep.names == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < COUNT_OF(folders) && r == 0; i++) {
        r = disk->ops->make_folder(disk, folders[i]);
        if (r == 0) {
            sweep.folder = folders[i];
            r = disk->ops->list(disk, folders[i], found, &sweep);
        }
    }
    for (uint32_t i = 0; i < sweep.count && r == 0; i++) {
        r = disk->ops->unlink(disk, sweep.names[i]);
    }
    free(sweep.names);
    if (r == 0) {
        r = disk->ops->sync_folder(disk, "");
    }
    return r != 0 ? fault_new(r) : 0;
}
