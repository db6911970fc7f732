/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "shards/budget.h"
#include "shards/checkpoint.h"
#include "shards/keeper_state.h"
#include "shards/sequencer_state.h"

#define SEGMENT_BYTES (1u << 20)
#define BLOCK_BYTES (112u << 10) /* so that a record of any size fits, and little more */
#define REGION_BYTES (UINT64_C(1) << 30)
#define CREDIT_BYTES (96u << 10)
#define START_WALL_MS INT64_C(1780315200000)
#define DRAIN_ROUNDS_MAX 200000u
#define DICTIONARY_DAY_COUNT 12u
#define CHECKPOINT_PERCENT 70u
#define END_PAGES_PERCENT 3u
#define RUN_EVENTS 10u /* there are few events */

uint64_t
dice_roll(struct dice *dice)
{
    uint64_t value = dice->state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint32_t
dice_below(struct dice *dice, uint32_t count)
{
    return (uint32_t)(dice_roll(dice) % count);
}

bool
dice_chance(struct dice *dice, uint32_t percent)
{
    return dice_below(dice, 100) < percent;
}

static uint64_t
roll_for_node(void *context)
{
    return dice_roll(context);
}

static bool
look_up_is_late(void *context)
{
    struct shard *shard = context;
    struct cluster *cluster = CONTAINER_OF(shard->node, struct cluster, node);

    return dice_chance(&cluster->dice, cluster->late_percent);
}

static void
node_failed(struct node *node, int status, const char *what)
{
    struct cluster *cluster = CONTAINER_OF(node, struct cluster, node);

    if (!cluster->has_failed) {
        snprintf(cluster->failure, sizeof(cluster->failure), "%d: %s", status, what);
    }
    cluster->has_failed = true;
}

void
cluster_init(struct cluster *cluster, uint64_t seed)
{
    memset(cluster, 0, sizeof(*cluster));
    cluster->dice.state = seed * 2 + 1;
    cluster->disk = sim_disk_create((struct sim_disk_options){.seed = dice_roll(&cluster->dice)});
    cluster->clock.mono.ns = NS_PER_S;
    cluster->clock.wall.ms = START_WALL_MS;
    cluster->rules = (struct rules){
        .out_of_orderness_ms = 60000,
        .session_gap_ms = 30 * 60 * 1000,
        .session_horizon_ms = MS_PER_DAY,
        .dedup_events = 4194304,
    };
    if (dice_chance(&cluster->dice, 30)) {
        cluster->rules.allowed_lateness_ms = dice_below(&cluster->dice, 120000);
    }
    if (dice_chance(&cluster->dice, 20)) {
        cluster->rules.session_horizon_ms = 3600000;
    }
    cluster->segment_bytes = SEGMENT_BYTES;
    cluster->partition_count = 5;
    cluster->slice_count = 7;
    cluster->checkpoint_events = 150;
    if (dice_chance(&cluster->dice, CHECKPOINT_PERCENT)) {
        cluster->checkpoint_interval_ns = (1 + dice_below(&cluster->dice, 400)) * NS_PER_MS;
        cluster->people_bytes_max =
            dice_chance(&cluster->dice, 70) ? 1 + dice_below(&cluster->dice, 3) * 20000 : 0;
    }
    cluster->late_percent = dice_below(&cluster->dice, 3) * 10;
    cluster->journal_bytes_max = dice_chance(&cluster->dice, 60) ? 1 : 0;
    cluster->ns_per_look = dice_chance(&cluster->dice, 60) ? dice_below(&cluster->dice, 150) * NS_PER_US : 0;
}

void
cluster_init_copy(struct cluster *cluster, const struct cluster *of, struct sim_disk *disk, uint64_t seed)
{
    *cluster = (struct cluster){
        .dice = {.state = seed * 2 + 1},
        .disk = disk,
        .clock = {.mono = of->clock.mono, .wall = of->clock.wall},
        .rules = of->rules,
        .segment_bytes = of->segment_bytes,
        .partition_count = of->partition_count,
        .slice_count = of->slice_count,
        .people_page_bytes = of->people_page_bytes,
        .late_percent = of->late_percent,
        .people_bytes_max = of->people_bytes_max,
        .journal_bytes_max = of->journal_bytes_max,
        .is_frozen = true,
    };
    log_archive_begin(&cluster->archive, &of->archive);
}

void
cluster_deinit(struct cluster *cluster)
{
    cluster_stop(cluster);
    log_archive_deinit(&cluster->archive);
    sim_disk_destroy(cluster->disk);
}

static void
close_shards(struct cluster *cluster, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        struct keeper_counts counts = keeper_counts(cluster->shards[i].keeper);
        cluster->people_left += counts.people_left;
        cluster->people_read += counts.people_read;
        cluster->cold_reads += counts.journal_cold_reads;
        shard_close(&cluster->shards[i]);
    }
    node_close(&cluster->node);
    cluster->shard_count = 0;
}

bool
cluster_start(struct cluster *cluster, uint32_t shard_count)
{
    struct recovery_report report;
    int r;

    cluster->has_failed = false;
    /* The start may overwrite what the manifest does not need any more. */
    if (cluster->checkpoint_interval_ns > 0 || cluster->archive.before != NULL) {
        log_archive_add(&cluster->archive, cluster->disk);
    }
    r = node_open(&cluster->node, sim_disk_interface(cluster->disk),
                  (struct node_options){
                      .shard_count = shard_count,
                      .partition_count = cluster->partition_count,
                      .slice_count = cluster->slice_count,
                      .rules = cluster->rules,
                      .deadline_ns = UINT64_MAX / 4,
                      .dictionary_day_count_max = DICTIONARY_DAY_COUNT,
                      .credit_bytes = CREDIT_BYTES,
                      .accept_loss = cluster->accept_loss,
                      .checkpoint_interval_ns = cluster->checkpoint_interval_ns,
                      .checkpoint_events = cluster->checkpoint_events,
                      .dice = roll_for_node,
                      .dice_context = &cluster->dice,
                      .fatal = node_failed,
                  },
                  &report);
    if (r != 0) {
        if (!sim_disk_is_dead(cluster->disk)) {
            snprintf(cluster->failure, sizeof(cluster->failure), "start: %d %.200s", r, report.reason);
            cluster->has_failed = true;
        }
        return false;
    }
    log_archive_note(&cluster->archive, cluster->node.manifest);
    for (uint32_t stage = 0; stage < STAGE_COUNT; stage++) {
        for (uint32_t from = 0; from < shard_count; from++) {
            for (uint32_t to = 0; to < shard_count; to++) {
                mesh_lane(&cluster->node.mesh, stage, from, to)->is_held = true;
            }
        }
    }
    for (uint32_t i = 0; i < shard_count; i++) {
        r = shard_open(&cluster->shards[i],
                       (struct shard_options){
                           .node = &cluster->node,
                           .id = {.n = (uint16_t)i},
                           .env = env_sim_create(cluster->disk, &cluster->clock, dice_roll(&cluster->dice)),
                           .region_bytes = REGION_BYTES,
                           .people_bytes_max = cluster->people_bytes_max,
                           .journal_bytes_max = cluster->journal_bytes_max,
                           .segment_bytes = cluster->segment_bytes,
                           .block_bytes = BLOCK_BYTES,
                           .wall_floor = report.wall_floor,
                           .is_late = look_up_is_late,
                           .people_page_bytes = cluster->people_page_bytes,
                           .run_events = RUN_EVENTS,
                       });
        if (r != 0) {
            close_shards(cluster, i);
            if (!sim_disk_is_dead(cluster->disk)) {
                snprintf(cluster->failure, sizeof(cluster->failure), "shard: %d %.200s", r,
                         cluster->shards[i].reason);
                cluster->has_failed = true;
            }
            return false;
        }
    }
    for (uint32_t i = 0; cluster->people_bytes_max > 0 && i < shard_count; i++) {
        static const struct budget nothing = {.bytes_max = 1, .used_bytes = UINT64_MAX};

        here = (struct shard_id){.n = (uint16_t)i};
        sequencer_keep_to(cluster->shards[i].sequencer, &nothing);
    }
    cluster->shard_count = shard_count;
    return true;
}

void
cluster_stop(struct cluster *cluster)
{
    if (cluster->shard_count > 0) {
        close_shards(cluster, cluster->shard_count);
    }
}

void
cluster_crash(struct cluster *cluster)
{
    cluster_stop(cluster);
    sim_disk_crash(cluster->disk);
}

void
cluster_kill(struct cluster *cluster)
{
    cluster_stop(cluster);
    sim_disk_kill(cluster->disk);
}

bool
cluster_is_dead(const struct cluster *cluster)
{
    return sim_disk_is_dead(cluster->disk) || cluster->has_failed;
}

static void
turn(struct cluster *cluster, struct shard *shard)
{
    struct mono_ns began = cluster->clock.mono;

    cluster->clock.mono.ns += cluster->is_frozen ? 0 : 1 + dice_below(&cluster->dice, 20000);
    if (cluster->journal_bytes_max > 0 && dice_chance(&cluster->dice, END_PAGES_PERCENT)) {
        here = shard->id;
        keeper_end_pages(shard->keeper);
    }
    cluster->clock.ns_per_look = cluster->ns_per_look;
    shard_turn(shard);
    cluster->clock.ns_per_look = 0;
    if (cluster->is_frozen) { /* the turn took time, but none has passed */
        cluster->clock.mono = began;
    }
    env_turn(shard->env, (struct mono_ns){.ns = 0});
    /* Files it has given back are overwritten by a side task, which has not run yet. */
    if (cluster->checkpoint_interval_ns > 0) {
        const struct manifest_checkpoint *newest = manifest_newest_checkpoint(cluster->node.manifest);
        uint64_t bytes = sequencer_log_bytes(shard->sequencer);

        bool is_new = newest != NULL && newest->number != cluster->newest_checkpoint;

        if (is_new || bytes < cluster->log_bytes[shard->id.n]) {
            log_archive_add(&cluster->archive, cluster->disk);
        }
        cluster->log_bytes[shard->id.n] = bytes;
        if (is_new) {
            cluster->newest_checkpoint = newest->number;
            cluster->checkpoints++;
        }
    }
}

static void
show_some_messages(struct cluster *cluster)
{
    uint32_t stage = dice_below(&cluster->dice, STAGE_COUNT);
    uint32_t from = dice_below(&cluster->dice, cluster->shard_count);
    uint32_t to = dice_below(&cluster->dice, cluster->shard_count);

    lane_unhold(mesh_lane(&cluster->node.mesh, stage, from, to), 1 + dice_below(&cluster->dice, 16));
}

bool
cluster_step(struct cluster *cluster)
{
    struct shard *shard = &cluster->shards[dice_below(&cluster->dice, cluster->shard_count)];
    uint32_t what = dice_below(&cluster->dice, 100);

    cluster->steps++;
    if (what < 45) {
        turn(cluster, shard);
    } else if (what < 80) {
        show_some_messages(cluster);
    } else if (what < 92) {
        env_sim_release(shard->env, 1 + dice_below(&cluster->dice, 4));
    } else if (what < 96) {
        here = shard->id;
        if (dice_chance(&cluster->dice, 50)) {
            keeper_look_ups_arrive(shard->keeper, 1 + dice_below(&cluster->dice, 4));
        } else {
            sequencer_look_ups_arrive(shard->sequencer, 1 + dice_below(&cluster->dice, 4));
        }
    } else {
        uint64_t ms = dice_below(&cluster->dice, 30);

        cluster->clock.mono.ns += ms * NS_PER_MS;
        cluster->clock.wall.ms += (int64_t)ms;
    }
    return !cluster_is_dead(cluster);
}

static bool
is_all_idle(struct cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->shard_count; i++) {
        if (!shard_is_idle(&cluster->shards[i])) {
            return false;
        }
    }
    return true;
}

bool
cluster_drain(struct cluster *cluster)
{
    uint32_t idle_rounds = 0;

    for (uint32_t round = 0; round < DRAIN_ROUNDS_MAX && idle_rounds < 3; round++) {
        uint64_t held = 0;

        for (uint32_t stage = 0; stage < STAGE_COUNT; stage++) {
            for (uint32_t from = 0; from < cluster->shard_count; from++) {
                for (uint32_t to = 0; to < cluster->shard_count; to++) {
                    struct lane *lane = mesh_lane(&cluster->node.mesh, stage, from, to);

                    held += lane_unhold(lane, UINT64_MAX) + !lane_is_empty(lane);
                }
            }
        }
        for (uint32_t i = 0; i < cluster->shard_count; i++) {
            here = cluster->shards[i].id;
            keeper_look_ups_arrive(cluster->shards[i].keeper, UINT32_MAX);
            sequencer_look_ups_arrive(cluster->shards[i].sequencer, UINT64_MAX);
            env_sim_release(cluster->shards[i].env, UINT32_MAX);
            turn(cluster, &cluster->shards[i]);
            if (cluster_is_dead(cluster)) {
                return false;
            }
        }
        idle_rounds = held == 0 && is_all_idle(cluster) ? idle_rounds + 1 : 0;
    }
    if (idle_rounds < 3) {
        snprintf(cluster->failure, sizeof(cluster->failure), "the node does not come to rest");
        cluster->has_failed = true;
        return false;
    }
    return true;
}

uint64_t
cluster_wall_sum(const struct cluster *cluster)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < cluster->shard_count; i++) {
        const struct sequencer *sequencer = cluster->shards[i].sequencer;

        for (uint32_t p = 0; p < cluster->node.partition_count; p++) {
            sum += sequencer->partitions[p] != NULL ? (uint64_t)sequencer->partitions[p]->wall.ms : 0;
        }
    }
    return sum;
}

uint64_t
cluster_state_hash(struct cluster *cluster)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < cluster->shard_count; i++) {
        here = cluster->shards[i].id;
        hash += sequencer_state_hash(cluster->shards[i].sequencer);
        hash += keeper_state_hash(cluster->shards[i].keeper);
    }
    return hash;
}

static uint64_t
reused_pages(const struct log_store *store)
{
    return store == NULL ? 0 : log_store_counts(store).reused_pages;
}

uint64_t
cluster_reused_pages(const struct cluster *cluster)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < cluster->shard_count; i++) {
        const struct shard *shard = &cluster->shards[i];

        for (uint32_t p = 0; p < cluster->node.partition_count; p++) {
            const struct partition *partition = shard->sequencer->partitions[p];
            sum += partition == NULL ? 0 : reused_pages(partition->identities);
        }
        for (uint32_t s = 0; s < cluster->node.slice_count; s++) {
            sum += reused_pages(shard->keeper->slices[s].state.people);
        }
    }
    return sum;
}

bool
cluster_is_in_checkpoint(const struct cluster *cluster)
{
    const struct checkpoint_round *round = cluster->shard_count > 0 ? cluster->node.round : NULL;

    return round != NULL && round->begun > round->settled;
}
