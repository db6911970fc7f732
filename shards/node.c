/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/node.h"

#include "core/hash.h"
#include "shards/checkpoint_start.h"
#include "shards/dictionary.h"
#include "shards/scatter.h"
#include "shards/shard.h"
#include "storage/recovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(INGEST_PARTS_MAX + SCATTER_MESSAGES_MAX <= NODE_REPLY_SLOTS, "every reply has a slot");
static_assert(2 * SCATTER_MESSAGES_MAX <= NODE_QUERY_SLOTS, "questions are not kept waiting by releases");
static_assert(INGEST_PARTS_MAX <= NODE_INGEST_SLOTS, "every part has a slot");

static int
open_manifest(struct node *node, struct disk *disk, struct node_options options,
              struct recovery_report *report)
{
    int r = manifest_load(disk, node->manifest, report->reason);

    if (r != MANIFEST_NONE) {
        report->is_manifest = r != 0;
        return fault_up(r);
    }
    return manifest_create(node->manifest, options.partition_count, options.slice_count, options.dice,
                           options.dice_context);
}

static uint64_t
credit_of(uint32_t shard_count)
{
    uint64_t share = NODE_CREDIT_BYTES_ALL / shard_count;

    share = share < NODE_CREDIT_BYTES ? share : NODE_CREDIT_BYTES;
    return share > NODE_CREDIT_BYTES_LEAST ? share : NODE_CREDIT_BYTES_LEAST;
}

/* The log as a start reads it begins at the newest checkpoint; more of it is kept for the one before. */
static int
open_checkpoints(struct node *node, struct disk *disk, const struct node_options *options)
{
    int r = checkpoint_round_create(node, options->checkpoint_interval_ns, options->checkpoint_events,
                                    &node->round);

    node->has_checkpoints = options->checkpoint_interval_ns > 0 || node->manifest->checkpoint_count > 0;
    if (r == 0 && node->has_checkpoints) {
        r = checkpoint_sweep(disk, node->manifest);
    }
    if (r == 0) {
        r = manifest_copy(node->manifest, node->tail);
    }
    if (r == 0 && node->tail->checkpoint_count > 0) {
        manifest_begin_at(node->tail, manifest_newest_checkpoint(node->tail));
    }
    return r != 0 ? fault_up(r) : 0;
}

int
node_open(struct node *node, struct disk *disk, struct node_options options,
          struct recovery_report *out_report)
{
    static const uint32_t slot_counts[STAGE_COUNT] = {
        [STAGE_INGEST] = NODE_INGEST_SLOTS,     [STAGE_APPLY] = NODE_APPLY_SLOTS,
        [STAGE_HANDOVER] = NODE_HANDOVER_SLOTS, [STAGE_QUERY] = NODE_QUERY_SLOTS,
        [STAGE_REPLY] = NODE_REPLY_SLOTS,
    };
    int r;

    REQUIRE(options.shard_count > 0);
    REQUIRE(options.shard_count <= SHARD_COUNT_MAX);
    memset(node, 0, sizeof(*node));
    memset(out_report, 0, sizeof(*out_report));
    node->shard_count = options.shard_count;
    node->rules = options.rules;
    node->deadline_ns = options.deadline_ns;
    node->memory_bytes_max = options.memory_bytes_max;
    node->fatal = options.fatal;
    node->credit_bytes = options.credit_bytes != 0 ? options.credit_bytes : credit_of(options.shard_count);
    node->dictionary_day_count_max =
        options.dictionary_day_count_max != 0 ? options.dictionary_day_count_max : DICTIONARY_DAY_COUNT_MAX;

    node->manifest = calloc(1, sizeof(*node->manifest));
    node->tail = calloc(1, sizeof(*node->tail));
    node->credits =
        aligned_alloc(CACHE_LINE_BYTES, options.shard_count * options.shard_count * sizeof(node->credits[0]));
    if (node->manifest == NULL || node->tail == NULL || node->credits == NULL) {
        r = fault_new(-ENOMEM);
        goto fail;
    }
    memset(node->credits, 0, options.shard_count * options.shard_count * sizeof(node->credits[0]));
    r = open_manifest(node, disk, options, out_report);
    if (r != 0) {
        goto fail;
    }
    if (node->manifest->partition_count > PARTITION_COUNT_MAX ||
        node->manifest->slice_count > SLICE_COUNT_MAX) {
        snprintf(out_report->reason, sizeof(out_report->reason),
                 "the store has %u partitions and %u slices, over %u", node->manifest->partition_count,
                 node->manifest->slice_count, PARTITION_COUNT_MAX);
        r = fault_new(-ENOTSUP);
        goto fail;
    }
    r = checkpoint_choose(disk, node->manifest, NODE_RULES_VERSION, options.accept_loss,
                          checkpoint_verify_pages, out_report->reason);
    if (r != 0) {
        out_report->is_checkpoint = r == -EUCLEAN;
        goto fail;
    }
    node->manifest->rules_version = NODE_RULES_VERSION;
    r = recovery_settle(disk, node->manifest, options.shard_count, options.accept_loss, out_report);
    if (r != 0) {
        goto fail;
    }
    node->partition_count = node->manifest->partition_count;
    node->slice_count = node->manifest->slice_count;
    node->epoch = out_report->epoch;
    r = open_checkpoints(node, disk, &options);
    if (r != 0) {
        goto fail;
    }
    memcpy(node->secret, node->manifest->secret, sizeof(node->secret));
    r = mesh_init(&node->mesh, options.shard_count, STAGE_COUNT, slot_counts);
    if (r != 0) {
        goto fail;
    }
    return 0;

fail:
    node_close(node);
    return fault_up(r);
}

void
node_close(struct node *node)
{
    if (node->mesh.lanes != NULL) {
        mesh_deinit(&node->mesh);
    }
    free(node->credits);
    node->credits = NULL;
    checkpoint_round_destroy(node->round);
    node->round = NULL;
    if (node->tail != NULL) {
        manifest_deinit(node->tail);
        free(node->tail);
        node->tail = NULL;
    }
    if (node->manifest != NULL) {
        manifest_deinit(node->manifest);
        free(node->manifest);
        node->manifest = NULL;
    }
}

uint16_t
node_slice(const struct node *node, struct uuid canonical)
{
    uint64_t seed;

    memcpy(&seed, node->secret + sizeof(seed), sizeof(seed));
    return (uint16_t)(hash64(seed, (struct text){.data = (const char *)canonical.byte, .bytes = 16}) %
                      node->slice_count);
}
