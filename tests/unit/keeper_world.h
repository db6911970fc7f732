/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keeper_world - keepers of a few shards in one thread, and a hand that plays the sequencer
 *
 * Real lanes and regions. A test says what was sequenced (event, merge), the world sends it in log order with
 * positions and watermarks (60 s out of order), and runs steps until all is quiet.
 */

#include "tests/check.h"

#include "core/env_sim.h"
#include "core/uuid.h"
#include "shards/keeper.h"
#include "shards/node.h"
#include "shards/scatter.h"

#include <stdio.h>
#include <stdlib.h>

#define WORLD_SHARDS_MAX 4u
#define WORLD_PARTITIONS 2u
#define WORLD_SLICES 4u
#define WORLD_PEOPLE_MAX 64u
#define WORLD_PAYLOADS 65536u /* at a time */
#define MINUTE INT64_C(60000)
#define T0 INT64_C(1780315200000) /* 2026-06-01T12:00:00Z */

struct world {
    struct node node;
    struct region regions[WORLD_SHARDS_MAX];
    struct arena_pool arenas[WORLD_SHARDS_MAX];
    struct keeper *keepers[WORLD_SHARDS_MAX];
    uint64_t positions[WORLD_PARTITIONS];
    struct event_ms watermarks[WORLD_PARTITIONS]; /* one tenant in each */
    struct settings_record settings;
    void **payloads;
    uint32_t payload_count;
    uint64_t dice;
    uint32_t late_permille;
    struct mono_ns now;
    uint64_t ns_per_look; /* the clock moves when it is looked at */
    uint32_t answered_count;
    struct question *answered;
};

static struct world world;
/* Where slices are saved; NULL: nowhere. It outlives the keepers. */
static struct sim_disk *world_disk;
static struct sim_clock world_clock;
static struct env *world_envs[WORLD_SHARDS_MAX];
static uint64_t world_people_bytes; /* of profiles in memory; 0: no limit */
static uint32_t world_run_events;   /* of a list of their IDs; 0: as many as usual */
static struct manifest world_manifest = {.store_id = {.byte = {4, 5, 6}}};

static uint64_t
roll(uint64_t *dice)
{
    *dice = *dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *dice >> 33;
}

static struct mono_ns
world_now(void *context)
{
    (void)context;
    world.now.ns += world.ns_per_look;
    return world.now;
}

static void
world_answered(void *context, struct question *question)
{
    (void)context;
    world.answered = question;
    world.answered_count++;
    question->subquery->unanswered--;
    /* The message goes before its answers, and those that are faults are not given back. */
    if (question->fault == 0) {
        arena_join(&question->arena, &question->subquery->common);
    } else if (question->subquery->unanswered == 0) {
        arena_reset(&question->subquery->common);
    }
}

static bool
world_is_late(void *context)
{
    (void)context;
    return roll(&world.dice) % 1000 < world.late_permille;
}

static void
world_fatal(struct node *node, int status, const char *what)
{
    (void)node;
    check_failed(__FILE__, __LINE__, "fatal %d: %s", status, what);
}

static void *
world_payload(uint64_t bytes)
{
    void *payload = calloc(1, bytes);

    CHECK(payload != NULL);
    if (world.payload_count % WORLD_PAYLOADS == 0) {
        world.payloads =
            realloc(world.payloads, (world.payload_count + WORLD_PAYLOADS) * sizeof(*world.payloads));
        CHECK(world.payloads != NULL);
    }
    world.payloads[world.payload_count++] = payload;
    return payload;
}

static void
world_send(uint32_t to, struct message message)
{
    struct lane *lane =
        mesh_lane(&world.node.mesh, STAGE_APPLY, node_partition_owner(&world.node, message.partition), to);
    struct lane_slot *slot = lane_claim(lane);

    CHECK(slot != NULL);
    memcpy(slot, &message, sizeof(message));
}

static void
send_settings(uint16_t partition, int64_t gap_ms, int64_t horizon_ms)
{
    struct settings_record *settings = world_payload(sizeof(*settings));

    *settings = (struct settings_record){
        .out_of_orderness_ms = MINUTE, .session_gap_ms = gap_ms, .session_horizon_ms = horizon_ms};
    world.positions[partition]++;
    for (uint32_t to = 0; to < world.node.shard_count; to++) {
        world_send(to,
                   (struct message){.kind = MESSAGE_SETTINGS, .partition = partition, .payload = settings});
    }
}

/* Without settings: the keepers know nothing. */
static void
given_keepers(uint32_t shard_count, uint32_t apply_slots, uint32_t handover_slots)
{
    const uint32_t slot_counts[STAGE_COUNT] = {1, apply_slots, handover_slots, 1, 1};

    world = (struct world){.dice = 1};
    world.node = (struct node){
        .shard_count = shard_count,
        .partition_count = WORLD_PARTITIONS,
        .slice_count = WORLD_SLICES,
        .manifest = &world_manifest,
        .fatal = world_fatal,
    };
    for (uint32_t i = 0; i < MANIFEST_SECRET_BYTES; i++) {
        world.node.secret[i] = (uint8_t)(i * 7 + 1);
    }
    CHECK_EQ(mesh_init(&world.node.mesh, shard_count, STAGE_COUNT, slot_counts), 0);
    for (uint32_t i = 0; i < shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        CHECK_EQ(region_init(&world.regions[i], UINT64_C(1) << 30), 0);
        arena_pool_init(&world.arenas[i], 1 << 20);
        world_envs[i] = world_disk != NULL ? env_sim_create(world_disk, &world_clock, i + 1) : NULL;
        CHECK_EQ(keeper_open(
                     (struct keeper_options){
                         .node = &world.node,
                         .home = here,
                         .region = &world.regions[i],
                         .env = world_envs[i],
                         .people_bytes_max = world_people_bytes,
                         .arenas = &world.arenas[i],
                         .now = world_now,
                         .answered = world_answered,
                         .is_late = world_is_late,
                         .run_events = world_run_events,
                     },
                     &world.keepers[i]),
                 0);
    }
}

static void
given_a_world(uint32_t shard_count, uint32_t apply_slots, uint32_t handover_slots)
{
    given_keepers(shard_count, apply_slots, handover_slots);
    for (uint16_t i = 0; i < WORLD_PARTITIONS; i++) {
        world.watermarks[i] = NO_WATERMARK;
        send_settings(i, 30 * MINUTE, MS_PER_DAY);
    }
}

/* Whatever is under way. */
static void
then_the_world_ends_early(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        env_close(world_envs[i]);
        keeper_close(world.keepers[i]);
        region_deinit(&world.regions[i]);
        CHECK_EQ(world.arenas[i].bytes_taken, 0);
        arena_pool_deinit(&world.arenas[i]);
    }
    mesh_deinit(&world.node.mesh);
    while (world.payload_count > 0) {
        free(world.payloads[--world.payload_count]);
    }
    free(world.payloads);
    world.payloads = NULL;
}

__attribute__((unused)) static void
then_the_world_ends(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        CHECK(keeper_is_idle(world.keepers[i]));
    }
    then_the_world_ends_early();
}

/* One turn of one shard. */
static enum step
turn(uint32_t shard)
{
    here = (struct shard_id){.n = (uint16_t)shard};
    if (world_envs[shard] != NULL) {
        env_sim_release(world_envs[shard], (uint32_t)(roll(&world.dice) % 4));
        env_turn(world_envs[shard], (struct mono_ns){.ns = 0});
    }
    enum step step =
        keeper_step(world.keepers[shard], (struct mono_ns){.ns = world.now.ns + 500 * NS_PER_US});

    mesh_publish(&world.node.mesh, here);
    return step;
}

static void
publish(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        mesh_publish(&world.node.mesh, (struct shard_id){.n = (uint16_t)i});
    }
}

static bool
is_quiet(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        if (!keeper_is_idle(world.keepers[i])) {
            return false;
        }
    }
    return true;
}

static void
arrive(void)
{
    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        (void)keeper_look_ups_arrive(world.keepers[i], 1000);
    }
}

static void
run_until_quiet(void)
{
    publish();
    for (uint32_t i = 0; i < 100000; i++) {
        bool has_more = false;
        for (uint32_t shard = 0; shard < world.node.shard_count; shard++) {
            has_more |= turn(shard) == STEP_MORE;
        }
        arrive();
        if (!has_more && is_quiet()) {
            return;
        }
    }
    check_failed(__FILE__, __LINE__, "it never gets quiet");
}

static struct uuid
canonical_of(uint32_t person)
{
    char name[16];

    snprintf(name, sizeof(name), "person %u", person);
    return uuid_v5(UUID_NAMESPACE_OID, text_of(name));
}

/* Person i lies in slice i % 4. */
static uint16_t
slice_of(uint32_t person)
{
    return (uint16_t)(person % WORLD_SLICES);
}

static struct text
tenant_of(uint16_t partition)
{
    return partition == 0 ? TEXT("acme") : TEXT("globex");
}

/* All that a record says: behind it is what nobody reads. */
__attribute__((unused)) static struct text
record_said(const struct event_record *record)
{
    return (struct text){
        .data = (const char *)record + sizeof(record->header),
        .bytes = (uint32_t)(offsetof(struct event_record, texts) - sizeof(record->header)) +
                 record->text_end[EVENT_TEXT_COUNT - 1],
    };
}

/* What an event has beyond type, person and time. */
struct extra {
    uint16_t partition;
    const char *id;
    const char *page;
    const char *feature;
    const char *device;
    const char *country;
    const char *traits;
    bool is_anonymous; /* no user ID */
    uint32_t code[DIMENSION_COUNT];
};

static uint64_t
send_event(uint32_t person, int64_t time_ms, const char *type, struct extra extra)
{
    char id[32];
    struct event_draft draft = {.event_time = {.ms = time_ms}, .received_at = {.ms = time_ms}};
    struct applied_event *event = world_payload(sizeof(*event));
    uint64_t position = world.positions[extra.partition]++;
    struct event_ms *watermark = &world.watermarks[extra.partition];

    snprintf(id, sizeof(id), "e%u-%llu", (unsigned)extra.partition, (unsigned long long)position);
    draft.text[EVENT_TENANT_ID] = tenant_of(extra.partition);
    draft.text[EVENT_EVENT_ID] = text_of(extra.id != NULL ? extra.id : id);
    draft.text[EVENT_EVENT_TYPE] = text_of(type);
    draft.text[extra.is_anonymous ? EVENT_ANONYMOUS_ID : EVENT_USER_ID] = TEXT("somebody");
    draft.text[EVENT_PAGE_URL] = text_of(extra.page);
    draft.text[EVENT_FEATURE_NAME] = text_of(extra.feature);
    draft.text[EVENT_DEVICE_TYPE] = text_of(extra.device);
    draft.text[EVENT_COUNTRY] = text_of(extra.country);
    draft.text[EVENT_TRAITS] = text_of(extra.traits);
    draft.text[EVENT_PROPERTIES] = TEXT("{\"a\":1}");
    draft.text[EVENT_CONTEXT] = TEXT("{\"b\":2}");
    void *record = world_payload(record_event_bytes(&draft));
    record_write_event_in(record, &draft, world.node.secret, extra.partition);

    *event = (struct applied_event){
        .record = record,
        .position = position,
        .canonical = canonical_of(person),
        .person = person,
        .watermark_before = *watermark,
        .is_late = watermark->ms != INT64_MIN && time_ms < watermark->ms,
    };
    memcpy(event->code, extra.code, sizeof(event->code));
    if (time_ms - MINUTE > watermark->ms) {
        watermark->ms = time_ms - MINUTE;
    }
    event->watermark = *watermark;
    world_send(node_slice_owner(&world.node, slice_of(person)), (struct message){
                                                                    .kind = MESSAGE_EVENT,
                                                                    .slice = slice_of(person),
                                                                    .partition = extra.partition,
                                                                    .position = position,
                                                                    .payload = event,
                                                                });
    return position;
}

/* The merge that the next event of this partition causes. */
static struct applied_merge *
make_merge(uint16_t partition, uint32_t loser, uint32_t winner)
{
    struct applied_merge *merge = world_payload(sizeof(*merge));

    *merge = (struct applied_merge){
        .position = world.positions[partition],
        .loser_person = loser,
        .winner_person = winner,
        .loser_slice = slice_of(loser),
        .winner_slice = slice_of(winner),
        .loser = canonical_of(loser),
        .winner = canonical_of(winner),
        .watermark = world.watermarks[partition],
        .tenant_id = tenant_of(partition),
    };
    return merge;
}

static void
send_half(uint16_t partition, const struct applied_merge *merge, enum message_kind kind)
{
    uint16_t slice = kind == MESSAGE_TAKE ? merge->winner_slice : merge->loser_slice;

    world_send(node_slice_owner(&world.node, slice), (struct message){
                                                         .kind = (uint8_t)kind,
                                                         .slice = slice,
                                                         .partition = partition,
                                                         .position = merge->position,
                                                         .payload = merge,
                                                     });
}

__attribute__((unused)) static void
send_merge(uint16_t partition, uint32_t loser, uint32_t winner)
{
    const struct applied_merge *merge = make_merge(partition, loser, winner);

    send_half(partition, merge, MESSAGE_TAKE);
    send_half(partition, merge, MESSAGE_GIVE);
}

static void
send_progress(uint16_t partition)
{
    struct progress *progress = world_payload(sizeof(*progress) + sizeof(struct progress_tenant));

    progress->tenant_count = world.watermarks[partition].ms != INT64_MIN ? 1 : 0;
    progress->tenants[0] = (struct progress_tenant){.clock = {.watermark = world.watermarks[partition]}};
    for (uint32_t to = 0; to < world.node.shard_count; to++) {
        world_send(to, (struct message){
                           .kind = MESSAGE_PROGRESS,
                           .partition = partition,
                           .position = world.positions[partition] - 1,
                           .payload = progress,
                       });
    }
}

static struct reading
reading_of(uint16_t partition)
{
    return (struct reading){
        .is_known = true,
        .partition = partition,
        .position = world.positions[partition] - 1,
        .watermark = world.watermarks[partition],
    };
}

/* One question in a message of its own, which must stay until it is answered. */
static void
keeper_ask_one(uint32_t shard, struct subquery *message, struct question *question)
{
    *message = (struct subquery){.first = question, .last = question, .unanswered = 1};
    question->subquery = message;
    question->sibling = NULL;
    keeper_ask(world.keepers[shard], message);
}

/* Asks, and runs until it is answered. */
static void
ask(struct question *question)
{
    uint16_t shard = node_slice_owner(&world.node, question->target);
    struct subquery message;

    if (!question->reading.is_known) {
        question->reading = reading_of(question->reading.partition);
    }
    here = (struct shard_id){.n = shard};
    world.answered = NULL;
    keeper_ask_one(shard, &message, question);
    CHECK(world.answered == NULL);
    run_until_quiet();
    CHECK(world.answered == question);
}

static void
release(struct question *question)
{
    arena_reset(&question->arena);
}

__attribute__((unused)) static struct question
ask_profile_of(uint32_t person)
{
    struct question question = {
        .kind = QUESTION_PROFILE,
        .target = slice_of(person),
        .ask.profile = {.canonical = canonical_of(person), .with = UINT32_MAX},
    };

    ask(&question);
    return question;
}

__attribute__((unused)) static struct member
member_of(uint32_t person)
{
    return (struct member){.person = person, .slice = slice_of(person), .canonical = canonical_of(person)};
}

__attribute__((unused)) static uint64_t
state_hash(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < world.node.shard_count; i++) {
        here = (struct shard_id){.n = (uint16_t)i};
        sum += keeper_state_hash(world.keepers[i]);
    }
    return sum;
}

/* A day of chance: what one of those who live does next, or a merge of two of them. */
__attribute__((unused)) static void
send_chance(uint64_t *dice, uint32_t *living, uint32_t *living_count, int64_t *clock)
{
    static const char *const types[] = {"page_view", "click", "login", "other", "x1", "x2", "x3"};
    static const char *const pages[] = {NULL, "/", "/a", "/b", "/c", "/d"};
    static const char *const traits[] = {NULL, "{\"a\":1}", "{\"a\":null,\"b\":\"x\"}",
                                         "{\"c\":[1,2],\"a\":2}"};
    uint32_t at = (uint32_t)(roll(dice) % *living_count);
    int64_t back = roll(dice) % 20 == 0 ? (int64_t)(roll(dice) % (30 * (uint64_t)MS_PER_HOUR)) : 0;
    struct extra extra = {
        .page = pages[roll(dice) % COUNT_OF(pages)],
        .traits = traits[roll(dice) % COUNT_OF(traits)],
        .country = roll(dice) % 2 == 0 ? "NO" : NULL,
        .code = {(uint32_t)(roll(dice) % 4), (uint32_t)(roll(dice) % 3)},
    };

    *clock += (int64_t)(roll(dice) % (4 * (uint64_t)MINUTE));
    if (*living_count > 3 && roll(dice) % 25 == 0) {
        uint32_t loser = (uint32_t)(roll(dice) % *living_count);
        if (loser != at) {
            send_merge(0, living[loser], living[at]);
            send_event(living[at], *clock - back, types[roll(dice) % COUNT_OF(types)], extra);
            living[loser] = living[--*living_count];
            return;
        }
    }
    send_event(living[at], *clock - back, types[roll(dice) % COUNT_OF(types)], extra);
}

/* Questions about what has left memory. */

__attribute__((unused)) static void
given_a_world_disk(void)
{
    world_disk = sim_disk_create((struct sim_disk_options){.seed = 1});
    struct disk *disk = sim_disk_interface(world_disk);

    CHECK_EQ(disk->ops->make_folder(disk, "slices"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
}

__attribute__((unused)) static void
then_the_disk_world_ends(void)
{
    then_the_world_ends();
    sim_disk_destroy(world_disk);
    world_disk = NULL;
}

__attribute__((unused)) static uint64_t
cold_reads(void)
{
    return keeper_counts(world.keepers[0]).journal_cold_reads;
}

/* All that was kept is on disk alone. */
__attribute__((unused)) static void
when_the_journal_leaves_memory(void)
{
    here = (struct shard_id){.n = 0};
    keeper_set_journal_memory(world.keepers[0], 1);
    keeper_end_pages(world.keepers[0]);
    for (uint32_t i = 0; keeper_counts(world.keepers[0]).journal_bytes > WORLD_SLICES * (256u << 10); i++) {
        CHECK(i < 10000);
        (void)turn(0);
    }
    /* One page of each slice may stay: of what came last. */
    for (uint32_t slice = 0; slice < WORLD_SLICES; slice++) {
        send_event(slice, T0 - MINUTE, "last", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    for (uint32_t i = 0; keeper_counts(world.keepers[0]).journal_bytes > WORLD_SLICES * (256u << 10); i++) {
        CHECK(i < 10000);
        (void)turn(0);
    }
}

/* The disk does nothing. */
__attribute__((unused)) static void
turn_without_disk(void)
{
    here = (struct shard_id){.n = 0};
    (void)keeper_step(world.keepers[0], (struct mono_ns){.ns = world.now.ns + 500 * NS_PER_US});
}

/* A question that waits for the disk when nobody wants it any more. */
__attribute__((unused)) static void
then_it_ends_unwanted(struct question *question)
{
    struct scatter scatter = {.is_unwanted = false};
    struct subquery message = {.scatter = &scatter, .first = question, .unanswered = 1};

    question->subquery = &message;
    keeper_ask(world.keepers[0], &message);
    turn_without_disk();
    scatter_abandon(&scatter);
    turn_without_disk();
    CHECK_EQ(message.unanswered, 1); /* its record is on its way */
    run_until_quiet();
    CHECK_EQ(message.unanswered, 0);
    CHECK_EQ(question->fault, -ETIMEDOUT);
}
