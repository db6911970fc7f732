/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * node_world - a simulated node, moved step by step, for the tests of sequencer, ingest and scatter
 *
 * Nothing happens by itself: world_turn() gives one shard a turn, world_disk() lets what it asked of the disk
 * complete, world_rest() goes on until nothing is in flight. A request is written by world_add() and
 * world_submit(), and says itself what became of it.
 */

#include "core/env_sim.h"
#include "shards/shard.h"
#include "storage/recovery.h"
#include "tests/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WORLD_PARTITION_COUNT 6u
#define WORLD_SEGMENT_BYTES (1u << 20)
#define WORLD_BLOCK_BYTES (112u << 10)
#define WORLD_CREDIT_BYTES (256u << 10)
#define WORLD_WALL_MS INT64_C(1780315200000)
#define WORLD_ROUNDS_MAX 100000u

struct world {
    struct sim_disk *disk;
    struct sim_clock clock;
    struct node node;
    struct shard shards[SHARD_COUNT_MAX];
    uint32_t shard_count;
    struct rules rules;
    uint64_t credit_bytes;
    uint64_t region_bytes;
    bool accept_loss;
    struct recovery_report report;
    uint64_t dice;
    uint32_t fatal_count;
    int fatal_status;
    char fatal_text[512];

    const struct disk_ops *real_ops;
    struct disk_ops ops;
    bool is_full; /* no segment can be preallocated */

    uint32_t late_percent; /* of look-ups */
    bool is_held;          /* late ones do not arrive */
};

static struct world world;

static inline uint64_t
world_dice(void *context)
{
    (void)context;
    world.dice += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(world.dice);
}

static inline uint32_t
world_roll(uint32_t limit)
{
    return (uint32_t)(world_dice(NULL) % limit);
}

static inline int
world_zero_fill(struct disk *disk, struct disk_file file, uint64_t bytes)
{
    return world.is_full ? -ENOSPC : world.real_ops->zero_fill(disk, file, bytes);
}

static inline void
world_fatal(struct node *node, int status, const char *what)
{
    (void)node;
    world.fatal_count++;
    world.fatal_status = status;
    snprintf(world.fatal_text, sizeof(world.fatal_text), "%s", what);
}

static inline bool
world_is_late(void *context)
{
    (void)context;
    return world.late_percent > 0 && world_roll(100) < world.late_percent;
}

static inline void
given_a_world(void)
{
    struct disk *disk;

    memset(&world, 0, sizeof(world));
    world.dice = 1;
    world.disk = sim_disk_create((struct sim_disk_options){.seed = 5});
    disk = sim_disk_interface(world.disk);
    world.real_ops = disk->ops;
    world.ops = *disk->ops;
    world.ops.zero_fill = world_zero_fill;
    disk->ops = &world.ops;
    world.clock.mono.ns = NS_PER_S;
    world.clock.wall.ms = WORLD_WALL_MS;
    world.credit_bytes = WORLD_CREDIT_BYTES;
    world.region_bytes = UINT64_C(1) << 30;
    world.rules = (struct rules){
        .out_of_orderness_ms = 60000,
        .session_gap_ms = 30 * 60 * 1000,
        .session_horizon_ms = MS_PER_DAY,
        .dedup_events = 60000,
    };
}

/* The answer of the first that refuses. */
static inline int
world_start(uint32_t shard_count)
{
    int r = node_open(&world.node, sim_disk_interface(world.disk),
                      (struct node_options){
                          .shard_count = shard_count,
                          .partition_count = WORLD_PARTITION_COUNT,
                          .slice_count = 7,
                          .rules = world.rules,
                          .deadline_ns = UINT64_MAX / 4,
                          .credit_bytes = world.credit_bytes,
                          .accept_loss = world.accept_loss,
                          .dice = world_dice,
                          .fatal = world_fatal,
                      },
                      &world.report);

    for (uint32_t i = 0; r == 0 && i < shard_count; i++) {
        r = shard_open(&world.shards[i],
                       (struct shard_options){
                           .node = &world.node,
                           .id = {.n = (uint16_t)i},
                           .env = env_sim_create(world.disk, &world.clock, world_dice(NULL)),
                           .region_bytes = world.region_bytes,
                           .segment_bytes = WORLD_SEGMENT_BYTES,
                           .block_bytes = WORLD_BLOCK_BYTES,
                           .wall_floor = world.report.wall_floor,
                           .is_late = world_is_late,
                       });
    }
    world.shard_count = r == 0 ? shard_count : 0;
    return r;
}

/* The process ends here and now. */
static inline void
world_stop(void)
{
    for (uint32_t i = 0; i < world.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        shard_close(&world.shards[i]);
    }
    if (world.shard_count > 0) {
        node_close(&world.node);
    }
    world.shard_count = 0;
}

static inline void
world_crash(void)
{
    world_stop();
    sim_disk_crash(world.disk);
}

static inline void
then_the_world_ends(void)
{
    world_stop();
    sim_disk_destroy(world.disk);
}

static inline bool
world_turn(uint32_t shard)
{
    world.clock.mono.ns += 1000;
    return shard_turn(&world.shards[shard]);
}

static inline void
world_disk(uint32_t shard)
{
    here = world.shards[shard].id;
    env_sim_release(world.shards[shard].env, UINT32_MAX);
    env_turn(world.shards[shard].env, (struct mono_ns){.ns = 0});
}

static inline void
world_pass(uint64_t ms)
{
    world.clock.mono.ns += ms * NS_PER_MS;
    world.clock.wall.ms += (int64_t)ms;
}

static inline void
world_arrive(uint32_t shard)
{
    here = world.shards[shard].id;
    (void)sequencer_look_ups_arrive(world.shards[shard].sequencer, UINT64_MAX);
    (void)keeper_look_ups_arrive(world.shards[shard].keeper, UINT32_MAX);
}

static inline void
world_round(void)
{
    for (uint32_t i = 0; i < world.shard_count; i++) {
        world_turn(i);
        world_disk(i);
        if (!world.is_held) {
            world_arrive(i);
        }
    }
}

static inline bool
world_is_idle(void)
{
    for (uint32_t i = 0; i < world.shard_count; i++) {
        if (!shard_is_idle(&world.shards[i])) {
            return false;
        }
    }
    return true;
}

/* Until nothing is in flight, or the node has failed. */
static inline void
world_rest(void)
{
    uint32_t idle = 0;

    for (uint32_t round = 0; idle < 4; round++) {
        CHECK(round < WORLD_ROUNDS_MAX);
        world_round();
        idle = world_is_idle() ? idle + 1 : 0;
        if (world.fatal_count > 0) {
            return;
        }
    }
}

static inline void
given_a_node(uint32_t shard_count)
{
    CHECK_EQ(world_start(shard_count), 0);
    world_rest();
    CHECK_EQ(world.fatal_count, 0);
    CHECK(node_is_ready(&world.node));
}

static inline uint64_t
world_hash(void)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < world.shard_count; i++) {
        here = world.shards[i].id;
        hash += sequencer_state_hash(world.shards[i].sequencer) + keeper_state_hash(world.shards[i].keeper);
    }
    return hash;
}

/* Requests. */

struct world_request {
    struct ingest_request ingest;
    struct arena arena;
    uint32_t from;
    uint32_t done_count;
    uint32_t accepted;
    uint32_t duplicates;
};

static inline void
world_done(struct ingest_request *ingest)
{
    struct world_request *request = ingest->context;

    request->done_count++;
    request->accepted = ingest->accepted;
    request->duplicates = ingest->duplicates;
}

static inline void
world_begin(struct world_request *request, uint32_t from)
{
    memset(request, 0, sizeof(*request));
    request->from = from;
    arena_init(&request->arena, &world.shards[from].arenas, 0);
    CHECK(ingest_begin(&request->ingest, &world.shards[from], &request->arena));
}

struct world_event {
    const char *tenant; /* NULL: acme */
    const char *id;
    const char *device;
    const char *user;
    uint32_t bytes; /* of properties */
    int64_t ago_ms;
};

static inline bool
world_add(struct world_request *request, struct world_event event)
{
    static char filling[60000];
    struct event_draft draft = {
        .event_time = {.ms = world.clock.wall.ms - event.ago_ms},
        .received_at = world.clock.wall,
    };

    memset(filling, 'x', sizeof(filling));
    draft.text[EVENT_TENANT_ID] = text_of(event.tenant != NULL ? event.tenant : "acme");
    draft.text[EVENT_EVENT_ID] = text_of(event.id);
    draft.text[EVENT_EVENT_TYPE] = TEXT("click");
    draft.text[EVENT_ANONYMOUS_ID] = text_of(event.device == NULL && event.user == NULL ? "d" : event.device);
    draft.text[EVENT_USER_ID] = text_of(event.user);
    draft.text[EVENT_PROPERTIES] = (struct text){.data = filling, .bytes = event.bytes};
    return ingest_add(&request->ingest, &draft, request->ingest.count);
}

static inline int
world_submit(struct world_request *request)
{
    here = world.shards[request->from].id;
    return ingest_submit(&request->ingest, world_done, request);
}

static inline void
world_end(struct world_request *request)
{
    arena_reset(&request->arena);
}

/* A tenant whose partition has this number. */
static inline const char *
world_tenant_of(uint16_t partition)
{
    static char names[WORLD_PARTITION_COUNT][16];

    for (uint32_t i = 0;; i++) {
        snprintf(names[partition], sizeof(names[partition]), "tenant-%u", i);
        if (record_partition(world.node.secret, text_of(names[partition]), WORLD_PARTITION_COUNT) ==
            partition) {
            return names[partition];
        }
    }
}

/* One event, to the end. */
static inline void
world_send(uint32_t from, struct world_event event, uint32_t expected_accepted)
{
    struct world_request request;

    world_begin(&request, from);
    CHECK(world_add(&request, event));
    CHECK_EQ(world_submit(&request), 0);
    world_rest();
    CHECK_EQ(request.done_count, 1);
    CHECK_EQ(request.accepted, expected_accepted);
    CHECK_EQ(request.duplicates, 1 - expected_accepted);
    world_end(&request);
}

/* What the tenant's partition says of it. */
static inline struct tenant_row
world_stamp(const char *tenant)
{
    static struct question question;
    uint16_t partition = record_partition(world.node.secret, text_of(tenant), WORLD_PARTITION_COUNT);
    struct shard *shard = &world.shards[node_partition_owner(&world.node, partition)];
    struct subquery subquery = {.from = shard->id.n, .first = &question, .unanswered = UINT32_MAX};
    struct tenant_row row;

    question = (struct question){.kind = QUESTION_STAMP, .target = partition, .subquery = &subquery};
    question.ask.stamp.tenant_id = text_of(tenant);
    here = shard->id;
    sequencer_ask(shard->sequencer, &subquery);
    world_rest();
    CHECK_EQ(subquery.unanswered, UINT32_MAX - 1);
    row = question.answer.stamp->row;
    arena_reset(&question.arena);
    arena_reset(&subquery.common);
    return row;
}
