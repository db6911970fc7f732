/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/damage.h"

#include "shards/checkpoint.h"
#include "tests/sim/log_tap.h"

#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES 512u
#define ASKED_PERCENT 10u
#define SHARDS_MAX 4u
#define MANIFEST_NAME "manifest"

enum mishap {
    MISHAP_FLIP,
    MISHAP_LOST,
    MISHAP_MISDIRECTED,
    MISHAP_FIRST_SECTOR_LOST,
    MISHAP_MANIFEST_FLIP,
    MISHAP_COUNT
};

static const char *const mishap_names[] = {"a bit flips", "a write is lost", "a write goes elsewhere",
                                           "a first sector is lost", "a bit of the manifest flips"};

/* What the log says of itself. */
struct verdict {
    bool has_manifest;
    bool is_damaged;
    uint64_t block_count; /* good ones in their place, up to the end of each stream */
    uint64_t log_hash;    /* of those */
};

/* Judging. */

static const struct manifest_epoch *
epoch_of(const struct manifest *manifest, const struct log_block_header *header)
{
    const struct manifest_epoch *epoch = manifest_find_epoch(manifest, header->epoch);

    return epoch != NULL && header->stream < epoch->stream_count ? epoch : NULL;
}

static bool
is_same_stream(const struct log_block_header *a, const struct log_block_header *b)
{
    return a->epoch == b->epoch && a->stream == b->stream;
}

static bool
is_in_place(const struct log_tap_block *block, const struct log_tap_block *before)
{
    if (before == NULL) { /* the first of the stream, or of what is left of it */
        return block->offset == DISK_SECTOR_BYTES;
    }
    if (block->header->segment == before->header->segment) {
        return block->offset == before->offset + align_up(before->header->length, DISK_SECTOR_BYTES);
    }
    return block->header->segment == before->header->segment + 1 && block->offset == DISK_SECTOR_BYTES;
}

/* One stream, from its first block in the list to its last. Before `begin` nothing is needed; some of it may be there. */
static void
judge_stream(const struct log_tap *tap, uint32_t first, uint32_t count, uint64_t begin, uint64_t end,
             struct verdict *verdict)
{
    const struct log_tap_block *before = NULL;
    uint64_t sequence = tap->blocks[first].header->sequence;
    uint64_t next = sequence < begin ? sequence : begin;
    uint64_t acked_max = 0;
    bool has_ended = false;

    for (uint32_t i = first; i < first + count; i++) {
        const struct log_tap_block *block = &tap->blocks[i];

        if (block->header->sequence >= end) {
            continue; /* void, as was settled */
        }
        acked_max = block->header->acked > acked_max ? block->header->acked : acked_max;
        has_ended |= block->header->sequence != next || !is_in_place(block, before);
        if (has_ended) {
            continue;
        }
        verdict->block_count++;
        verdict->log_hash = log_tap_hash(verdict->log_hash, block->header);
        next++;
        before = block;
    }
    verdict->is_damaged |= end != UINT64_MAX ? next < end : has_ended && acked_max > next;
}

/* A stream whose blocks are all gone is in no list of blocks. */
static bool
has_lost_streams(const struct log_tap *tap)
{
    const struct manifest *manifest = &tap->manifest;

    for (uint32_t e = 0; e < manifest->epoch_count; e++) {
        const struct manifest_epoch *epoch = &manifest->epochs[e];

        for (uint32_t stream = 0; epoch->is_ended && stream < epoch->stream_count; stream++) {
            bool is_there = epoch->stream_ends[stream] <= epoch->stream_begins[stream];

            for (uint32_t i = 0; i < tap->count && !is_there; i++) {
                is_there =
                    tap->blocks[i].header->epoch == epoch->epoch && tap->blocks[i].header->stream == stream;
            }
            if (!is_there) {
                return true;
            }
        }
    }
    return false;
}

/* Of the epochs before this one. */
static struct verdict
judge(struct sim_disk *disk, uint64_t epoch_end)
{
    struct verdict verdict = {.has_manifest = true};
    struct log_tap tap;
    uint32_t first = 0;

    log_tap_read_raw(&tap, disk);
    if (tap.problem[0] != '\0') {
        log_tap_free(&tap);
        return (struct verdict){.has_manifest = false};
    }
    while (first < tap.count) {
        const struct log_block_header *header = tap.blocks[first].header;
        const struct manifest_epoch *epoch = epoch_of(&tap.manifest, header);
        uint32_t count = 1;

        while (first + count < tap.count && is_same_stream(header, tap.blocks[first + count].header)) {
            count++;
        }
        if (epoch != NULL && epoch->epoch < epoch_end) {
            judge_stream(&tap, first, count, epoch->stream_begins[header->stream],
                         epoch->is_ended ? epoch->stream_ends[header->stream] : UINT64_MAX, &verdict);
        }
        first += count;
    }
    verdict.is_damaged |= has_lost_streams(&tap);
    log_tap_free(&tap);
    return verdict;
}

/* Damaging. */

static void
overwrite(struct sim_disk *disk, const char *name, const void *bytes, uint64_t count, uint64_t offset)
{
    struct disk *interface = sim_disk_interface(disk);
    struct disk_file file;
    int r = interface->ops->open(interface, name, DISK_OPEN_EXISTING, &file);

    ASSERT(r == 0);
    r = interface->ops->write(interface, file, bytes, count, offset);
    ASSERT(r == 0);
    r = interface->ops->sync(interface, file);
    ASSERT(r == 0);
    interface->ops->close(interface, file);
}

/* Zeros were there before: no file of the simulated log has been used twice. */
static void
lose(struct sim_disk *disk, const char *name, uint64_t count, uint64_t offset)
{
    void *zeros = calloc(1, count);

    overwrite(disk, name, zeros, count, offset);
    free(zeros);
}

static uint64_t
file_bytes(struct sim_disk *disk, const char *name)
{
    struct disk *interface = sim_disk_interface(disk);
    struct disk_file file;
    uint64_t bytes = 0;
    int r = interface->ops->open(interface, name, DISK_OPEN_EXISTING, &file);

    ASSERT(r == 0);
    r = interface->ops->size(interface, file, &bytes);
    ASSERT(r == 0);
    interface->ops->close(interface, file);
    return bytes;
}

/* To a sector of the file of any block, also over a first one. */
static void
misdirect(struct sim_disk *disk, struct dice *dice, const struct log_tap *tap,
          const struct log_tap_block *block)
{
    uint64_t bytes = align_up(block->header->length, DISK_SECTOR_BYTES);
    const char *name = tap->blocks[dice_below(dice, tap->count)].name;
    uint64_t end = file_bytes(disk, name);
    uint8_t *copy = calloc(1, bytes);
    uint64_t sector_count = (end - bytes) / DISK_SECTOR_BYTES;
    uint64_t begin_count = sector_count < 32 ? sector_count : 32; /* where something is */
    uint64_t offset =
        dice_roll(dice) % (dice_chance(dice, 50) ? sector_count : begin_count) * DISK_SECTOR_BYTES;

    memcpy(copy, block->header, block->header->length);
    lose(disk, block->name, bytes, block->offset);
    overwrite(disk, name, copy, bytes, offset);
    free(copy);
}

static void
happen(struct sim_disk *disk, struct dice *dice, enum mishap mishap, char *out_what)
{
    const struct log_tap_block *block = NULL;
    struct log_tap tap;
    uint64_t at = 0;

    log_tap_read_raw(&tap, disk);
    if (tap.count > 0) {
        block = &tap.blocks[dice_below(dice, tap.count)];
        at = block->offset;
    }
    if (block == NULL || mishap == MISHAP_MANIFEST_FLIP) {
        at = dice_roll(dice) % file_bytes(disk, MANIFEST_NAME);
        (void)!sim_disk_flip(disk, MANIFEST_NAME, at, dice_below(dice, 8));
        block = NULL;
    } else if (mishap == MISHAP_FLIP) {
        at += dice_below(dice, block->header->length);
        (void)!sim_disk_flip(disk, block->name, at, dice_below(dice, 8));
    } else if (mishap == MISHAP_LOST) {
        lose(disk, block->name, align_up(block->header->length, DISK_SECTOR_BYTES), block->offset);
    } else if (mishap == MISHAP_FIRST_SECTOR_LOST) {
        lose(disk, block->name, DISK_SECTOR_BYTES, 0);
    } else {
        misdirect(disk, dice, &tap, block);
    }
    snprintf(out_what, WHY_BYTES / 4, "%s at %llu of %s", mishap_names[mishap], (unsigned long long)at,
             block != NULL ? block->name : MANIFEST_NAME);
    log_tap_free(&tap);
}

/* What the node does. */

static bool
is_refusal_good(const struct cluster *node, const struct verdict *verdict, enum mishap mishap)
{
    if (!verdict->has_manifest) {
        return strstr(node->failure, MANIFEST_NAME) != NULL;
    }
    /* The sector that a write went to may be a first one. */
    return (verdict->is_damaged || mishap == MISHAP_MISDIRECTED) &&
           strstr(node->failure, SEGMENT_FOLDER "/") != NULL;
}

static bool
look(struct cluster *node, struct traffic *traffic, struct dice *dice, const struct verdict *verdict,
     struct census *census, char *out_why)
{
    struct verdict is_left;

    if (!verdict->has_manifest || verdict->is_damaged) {
        snprintf(out_why, WHY_BYTES, "and a node starts");
        return false;
    }
    is_left = judge(node->disk, node->node.epoch);
    if (is_left.is_damaged || is_left.log_hash != verdict->log_hash) {
        snprintf(out_why, WHY_BYTES, "and %llu blocks are left of %llu that are good",
                 (unsigned long long)is_left.block_count, (unsigned long long)verdict->block_count);
        return false;
    }
    return !dice_chance(dice, ASKED_PERCENT) || check_run(node, traffic, census, out_why);
}

bool
damage_try(const struct cluster *cluster, struct traffic *traffic, struct dice *dice,
           struct damage_counts *counts, char *out_why)
{
    static struct cluster node;
    struct census census = {.count = 0};
    struct sim_disk *disk = sim_disk_copy(cluster->disk, dice_roll(dice));
    enum mishap mishap = (enum mishap)dice_below(dice, MISHAP_COUNT);
    struct verdict before = judge(disk, UINT64_MAX);
    struct verdict verdict;
    char what[WHY_BYTES / 4] = "";
    char why[WHY_BYTES / 2] = "";
    bool is_good;

    if (!before.has_manifest || before.block_count == 0) {
        sim_disk_destroy(disk);
        return true;
    }
    happen(disk, dice, mishap, what);
    verdict = judge(disk, UINT64_MAX);
    /* Good blocks behind a bad first sector are seen although nothing else may speak for them. */
    verdict.is_damaged |= mishap == MISHAP_FIRST_SECTOR_LOST && verdict.block_count < before.block_count;
    cluster_init_copy(&node, cluster, disk, dice_roll(dice));
    counts->tried++;
    if (cluster_start(&node, 1 + dice_below(dice, SHARDS_MAX)) && cluster_drain(&node)) {
        is_good = look(&node, traffic, dice, &verdict, &census, out_why);
        counts->unseen += verdict.block_count < before.block_count;
    } else {
        is_good = is_refusal_good(&node, &verdict, mishap);
        if (!is_good) {
            snprintf(out_why, WHY_BYTES, "and the node says %s", node.failure);
        }
        counts->refused++;
    }
    cluster_deinit(&node);
    free(census.rows);
    if (!is_good) {
        snprintf(why, sizeof(why), "%s", out_why);
        snprintf(out_why, WHY_BYTES, "%s: %s", what, why);
    }
    return is_good;
}

/* A file of the newest checkpoint, or of pages that it may need. */
static void
choose_victim(struct cluster *cluster, const struct manifest *manifest, char *out_name)
{
    static const char *const kinds[] = {"people", "journal"};
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(manifest);
    uint32_t number = dice_below(&cluster->dice, newest->file_count);

    if (dice_chance(&cluster->dice, 50)) {
        snprintf(out_name, DISK_NAME_BYTES_MAX, "%s", newest->files[number].name);
    } else if (number < manifest->partition_count) {
        snprintf(out_name, DISK_NAME_BYTES_MAX, PARTITION_FOLDER "/%03u.pages", number);
    } else {
        snprintf(out_name, DISK_NAME_BYTES_MAX, SLICE_FOLDER "/%03u.%s", number - manifest->partition_count,
                 kinds[dice_below(&cluster->dice, 2)]);
    }
}

/* A start in which nothing was damaged: it is as it was. */
static bool
starts_as_if_whole(struct cluster *cluster)
{
    if (!cluster_start(cluster, 2)) {
        return false;
    }
    cluster_crash(cluster);
    return true;
}

/* What of the file is to be damaged. False: there is nothing in it. */
static bool
choose_bit(struct cluster *cluster, const char *name, uint64_t *out_offset, uint32_t *out_bit)
{
    uint8_t *bytes;
    uint64_t count;

    if (sim_disk_snapshot_used(cluster->disk, name, &bytes, &count) != 0) {
        return false;
    }
    free(bytes);
    *out_offset = count > 0 ? dice_roll(&cluster->dice) % count : 0;
    *out_bit = dice_below(&cluster->dice, 8);
    return count > 0;
}

/* The bit is flipped. */
static bool
check_damaged(struct cluster *cluster, const char *name, uint64_t offset, uint32_t bit, char *out_why)
{
    if (starts_as_if_whole(cluster)) {
        return true; /* no checkpoint needs that place */
    }
    bool has_refused = strstr(cluster->failure, name) != NULL;

    cluster->has_failed = false;
    cluster->accept_loss = true;
    if (!has_refused) {
        snprintf(out_why, WHY_BYTES, "a damaged checkpoint: %.200s", cluster->failure);
        return false;
    }
    if (starts_as_if_whole(cluster)) {
        return true;
    }
    /* Pages may be of both; of what only the newest has, nothing is in the one before. */
    has_refused =
        strstr(name, ".state") == NULL && strstr(cluster->failure, "in the checkpoint before") != NULL;
    if (!has_refused) {
        snprintf(out_why, WHY_BYTES, "a damaged checkpoint, and its loss is accepted: %.200s",
                 cluster->failure);
    }
    cluster->has_failed = false;
    sim_disk_flip(cluster->disk, name, offset, bit);
    return has_refused;
}

bool
damage_newest_checkpoint(struct cluster *cluster, char *out_why)
{
    char reason[MANIFEST_REASON_BYTES];
    char name[DISK_NAME_BYTES_MAX];
    struct manifest manifest;
    bool is_good = true;
    uint64_t offset;
    uint32_t bit;

    if (manifest_load(sim_disk_interface(cluster->disk), &manifest, reason) != 0) {
        snprintf(out_why, WHY_BYTES, "the manifest: %s", reason);
        return false;
    }
    if (manifest.checkpoint_count == MANIFEST_CHECKPOINT_COUNT_MAX) {
        choose_victim(cluster, &manifest, name);
        if (choose_bit(cluster, name, &offset, &bit)) {
            sim_disk_flip(cluster->disk, name, offset, bit);
            is_good = check_damaged(cluster, name, offset, bit, out_why);
        }
    }
    manifest_deinit(&manifest);
    return is_good;
}
