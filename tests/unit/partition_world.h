/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * partition_world - one partition and its log, for its tests
 *
 * event() sequences and applies one; `late_percent` of the look-ups on their way are late, and arrive at once.
 */

#include "core/arena.h"
#include "core/env_sim.h"
#include "core/uuid.h"
#include "shards/partition.h"
#include "tests/check.h"

#include <errno.h>
#include <stdio.h>

#define T0 INT64_C(1780315200000)
#define MINUTE INT64_C(60000)
#define OUT_OF_ORDERNESS MINUTE
#define GAP (30 * MINUTE)
#define LIVE (10 * MINUTE)
#define RECORDS_MAX 512u

static struct node node;
static struct region region;
static struct sim_disk *store_disk;
static struct sim_clock store_clock;
static struct env *store_env;
static struct arena_pool pool;
static struct partition partition;
static struct partition_outcome outcome;
static struct question question;
static struct settings_record settings;

/* As the log does, records stay where they are until the test ends. */
static alignas(8) uint8_t records[RECORDS_MAX][1024];
static uint32_t record_count;

static uint32_t late_percent;
static uint64_t dice;

static inline bool
is_late(void *context)
{
    (void)context;
    dice = hash_mix(dice + 1);
    return dice % 100 < late_percent;
}

static inline void
on_fatal(void *context, int fault, const char *what)
{
    (void)context;
    (void)fault;
    check_failed(__FILE__, __LINE__, "%s", what);
}

static inline void
make_partition(void)
{
    CHECK_EQ(partition_init(&partition, (struct partition_options){.node = &node,
                                                                   .region = &region,
                                                                   .number = 2,
                                                                   .env = store_env,
                                                                   .on_fatal = on_fatal,
                                                                   .is_late = is_late}),
             0);
}

static inline void
given_a_store(uint8_t secret, uint64_t dedup_events)
{
    memset(&node, 0, sizeof(node));
    memset(node.secret, secret, sizeof(node.secret));
    node.shard_count = 1;
    node.partition_count = 4;
    node.slice_count = 8;
    node.dictionary_day_count_max = 3;
    CHECK_EQ(region_init(&region, 64 << 20), 0);
    arena_pool_init(&pool, 1 << 20);
    late_percent = 0;
    store_disk = sim_disk_create((struct sim_disk_options){.seed = secret});
    store_env = env_sim_create(store_disk, &store_clock, secret);
    make_partition();
    settings = (struct settings_record){
        .header = {.bytes = sizeof(settings), .kind = RECORD_SETTINGS, .version = 1},
        .out_of_orderness_ms = OUT_OF_ORDERNESS,
        .session_gap_ms = GAP,
        .session_horizon_ms = MS_PER_DAY,
        .dedup_events = dedup_events,
    };
    record_count = 0;
}

static inline void
apply_settings(void)
{
    CHECK_EQ(partition_sequence(&partition, &settings.header, 0), 0);
    CHECK_EQ(partition_apply_settings(&partition, &settings, partition.wall), 0);
    partition.applied_count++;
}

static inline void
given_a_partition(void)
{
    given_a_store(1, 4000);
    apply_settings();
}

static inline void
then_nothing_is_left(void)
{
    arena_reset(&question.arena);
    arena_pool_deinit(&pool);
    env_close(store_env);
    partition_deinit(&partition);
    sim_disk_destroy(store_disk);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

struct sent {
    const char *tenant;
    const char *type;
    const char *device;
    const char *user;
    const char *previous;
    const char *country;
    int64_t event_time;
    int64_t received_at; /* 0: the event time */
    int64_t wall;        /* of the block; 0: the receipt */
};

static inline struct event_record *
sequence(struct sent sent)
{
    struct event_draft draft = {
        .event_time = {.ms = sent.event_time},
        .received_at = {.ms = sent.received_at != 0 ? sent.received_at : sent.event_time},
    };
    char id[32];

    CHECK(record_count < RECORDS_MAX);
    snprintf(id, sizeof(id), "event %u", record_count);
    draft.text[EVENT_TENANT_ID] = text_of(sent.tenant != NULL ? sent.tenant : "acme");
    draft.text[EVENT_EVENT_ID] = text_of(id);
    draft.text[EVENT_EVENT_TYPE] = text_of(sent.type != NULL ? sent.type : "click");
    draft.text[EVENT_ANONYMOUS_ID] = text_of(sent.device == NULL && sent.user == NULL ? "d" : sent.device);
    draft.text[EVENT_USER_ID] = text_of(sent.user);
    draft.text[EVENT_PREVIOUS_ID] = text_of(sent.previous);
    draft.text[EVENT_COUNTRY] = text_of(sent.country);
    CHECK(record_event_bytes(&draft) <= sizeof(records[0]));
    record_write_event(records[record_count], &draft, node.secret, node.partition_count);

    struct event_record *record = (void *)records[record_count++];
    CHECK_EQ(partition_sequence(&partition, &record->header, 7), 0);
    return record;
}

static inline int
try_apply(const struct event_record *record, int64_t wall)
{
    int r = partition_apply_event(&partition, record, partition.applied_count, (struct wall_ms){.ms = wall},
                                  &outcome);

    partition.applied_count += r == 0;
    return r;
}

static inline const struct applied_event *
apply(const struct event_record *record, int64_t wall)
{
    int r;

    while ((r = try_apply(record, wall)) == LOG_STORE_LATER) {
        CHECK_EQ(log_store_arrive(partition.identities, 1), 1);
    }
    CHECK_EQ(r, 0);
    return &outcome.event;
}

/* Sequenced and applied in a block of its own. */
static inline const struct applied_event *
event(struct sent sent)
{
    const struct event_record *record = sequence(sent);
    int64_t wall = sent.wall != 0 ? sent.wall : record->received_at.ms;

    apply(record, wall);
    partition_see(&partition, (struct wall_ms){.ms = wall});
    return &outcome.event;
}

static inline int
ask_resolve(struct question *asked, int by, const char *value)
{
    arena_reset(&asked->arena);
    *asked = (struct question){.kind = QUESTION_RESOLVE};
    asked->ask.resolve.tenant_id = TEXT("acme");
    asked->ask.resolve.by = by;
    asked->ask.resolve.value = text_of(value);
    arena_init(&asked->arena, &pool, 0);
    return partition_answer(&partition, asked, NULL);
}

static inline void
resolve(int by, const char *value)
{
    CHECK_EQ(ask_resolve(&question, by, value), 0);
    CHECK_EQ(question.fault, 0);
}
