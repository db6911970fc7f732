/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/node_world.h"

#include "storage/commit_log.h"

static struct world_request first;
static struct world_request second;

static void
begin_one(struct world_request *request, uint32_t from, struct world_event event)
{
    world_begin(request, from);
    CHECK(world_add(request, event));
    CHECK_EQ(world_submit(request), 0);
}

/* Durability. */

TEST(a_request_is_not_answered_before_it_is_durable)
{
    given_a_world();
    given_a_node(2);
    begin_one(&first, 1, (struct world_event){.id = "1"});
    for (uint32_t i = 0; i < 50; i++) {
        world_turn(0);
        world_turn(1);
    }
    CHECK_EQ(first.done_count, 0);
    CHECK(env_sim_pending(world.shards[0].env) + env_sim_pending(world.shards[1].env) > 0);
    world_rest();
    CHECK_EQ(first.done_count, 1);
    CHECK_EQ(first.accepted, 1);
    world_end(&first);
    then_the_world_ends();
}

TEST(a_duplicate_is_not_answered_before_its_original_is_durable)
{
    given_a_world();
    given_a_node(3);
    begin_one(&first, 1, (struct world_event){.id = "1"});
    begin_one(&second, 2, (struct world_event){.id = "1"});
    for (uint32_t i = 0; i < 60; i++) {
        world_turn(i % 3);
    }
    CHECK_EQ(first.done_count, 0);
    CHECK_EQ(second.done_count, 0);
    world_rest();
    CHECK_EQ(first.accepted + second.accepted, 1);
    CHECK_EQ(first.duplicates + second.duplicates, 1);
    CHECK_EQ(world_stamp("acme").total_events, 1);
    world_end(&first);
    world_end(&second);

    /* Once it is durable a duplicate needs no disk. */
    begin_one(&second, 0, (struct world_event){.id = "1"});
    for (uint32_t i = 0; i < 30; i++) {
        world_turn(i % 3);
    }
    CHECK_EQ(second.done_count, 1);
    CHECK_EQ(second.duplicates, 1);
    world_end(&second);
    then_the_world_ends();
}

TEST(of_two_of_one_id_in_one_request_the_first_counts)
{
    given_a_world();
    given_a_node(2);
    world_begin(&first, 0);
    CHECK(world_add(&first, (struct world_event){.id = "1", .device = "a"}));
    CHECK(world_add(&first, (struct world_event){.id = "1", .device = "b"}));
    CHECK(world_add(&first, (struct world_event){.tenant = "other", .id = "1", .device = "b"}));
    CHECK_EQ(world_submit(&first), 0);
    world_rest();
    CHECK_EQ(first.accepted, 2);
    CHECK_EQ(first.duplicates, 1);
    CHECK_EQ(world_stamp("acme").total_events, 1);
    CHECK_EQ(world_stamp("other").total_events, 1);
    world_end(&first);
    then_the_world_ends();
}

TEST(an_id_is_of_its_tenant)
{
    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.tenant = "a", .id = "bc"}, 1);
    world_send(0, (struct world_event){.tenant = "ab", .id = "c"}, 1);
    world_send(0, (struct world_event){.tenant = "a", .id = "bc"}, 0);
    then_the_world_ends();
}

TEST(a_crash_before_durability_leaves_the_event_whole_or_not_at_all)
{
    uint32_t survived = 0;

    for (uint32_t seed = 0; seed < 12; seed++) {
        given_a_world();
        given_a_node(2);
        world.dice += seed;
        world_send(0, (struct world_event){.id = "before"}, 1);
        begin_one(&first, 0, (struct world_event){.id = "1", .bytes = 9000});
        for (uint32_t i = 0; i < 10 + seed; i++) {
            world_turn(i % 2);
        }
        CHECK_EQ(first.done_count, 0);
        world_end(&first);
        world_crash();

        given_a_node(1 + seed % 3);
        uint64_t total = world_stamp("acme").total_events;
        CHECK(total == 1 || total == 2);
        survived += total == 2;
        world_send(0, (struct world_event){.id = "1", .bytes = 9000},
                   total == 1); /* the client tries again */
        world_send(0, (struct world_event){.id = "before"}, 0);
        CHECK_EQ(world_stamp("acme").total_events, 2);
        then_the_world_ends();
    }
}

TEST(what_was_answered_survives_a_crash)
{
    given_a_world();
    given_a_node(3);
    for (uint32_t i = 0; i < 20; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        world_send(i % 3, (struct world_event){.id = id}, 1);
        if (i % 5 == 4) {
            world_crash();
            given_a_node(1 + i % 4);
            for (uint32_t k = 0; k <= i; k++) {
                snprintf(id, sizeof(id), "%u", k);
                world_send(0, (struct world_event){.id = id}, 0);
            }
            world_crash();
            given_a_node(3);
        }
    }
    CHECK_EQ(world_stamp("acme").total_events, 20);
    then_the_world_ends();
}

/* The same state. */

static void
send_a_mixture(uint32_t count)
{
    static uint32_t serial;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = world_roll(world.shard_count);

        world_begin(&first, from);
        for (uint32_t k = world_roll(8); k < 10; k++) {
            char tenant[16];
            char id[16];
            char device[16];
            char user[16];

            snprintf(tenant, sizeof(tenant), "t%u", world_roll(9));
            snprintf(id, sizeof(id), "%u", world_roll(10) == 0 ? world_roll(serial + 1) : serial++);
            snprintf(device, sizeof(device), "d%u", world_roll(12));
            snprintf(user, sizeof(user), "u%u", world_roll(8));
            CHECK(world_add(&first, (struct world_event){
                                        .tenant = tenant,
                                        .id = id,
                                        .device = world_roll(4) == 0 ? NULL : device,
                                        .user = world_roll(2) == 0 ? NULL : user,
                                        .bytes = world_roll(300),
                                        .ago_ms = world_roll(4) == 0 ? world_roll(4000000) : world_roll(5000),
                                    }));
        }
        CHECK_EQ(world_submit(&first), 0);
        for (uint32_t turns = world_roll(20); turns > 0; turns--) {
            world_turn(world_roll(world.shard_count));
        }
        world_rest();
        CHECK_EQ(first.done_count, 1);
        world_end(&first);
        world_pass(world_roll(3) == 0 ? 0 : world_roll(60000));
    }
}

TEST(the_log_means_the_same_to_any_number_of_shards)
{
    static const uint32_t counts[] = {3, 1, 2, 7, 4, 1};
    uint64_t hash = 0;

    given_a_world();
    for (uint32_t i = 0; i < COUNT_OF(counts); i++) {
        given_a_node(counts[i]);
        if (i > 0) {
            CHECK_EQ(world_hash(), hash);
        }
        send_a_mixture(30);
        hash = world_hash();
        if (i % 2 == 0) {
            world_crash();
        } else {
            world_stop();
        }
    }
    for (uint32_t i = 0; i < COUNT_OF(counts); i++) {
        given_a_node(counts[i]);
        CHECK_EQ(world_hash(), hash);
        world_crash();
    }
    then_the_world_ends();
}

TEST(positions_go_on_where_they_were)
{
    uint64_t position;

    given_a_world();
    given_a_node(2);
    CHECK_EQ(world_stamp("acme").reading.position, 0); /* the settings */
    CHECK(!world_stamp("acme").reading.is_known);
    for (uint32_t i = 1; i < 9; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        world_send(0, (struct world_event){.id = id}, 1);
        position = world_stamp("acme").reading.position;
        CHECK_EQ(position, i);
        world_crash();
        given_a_node(1 + i % 4);
        CHECK_EQ(world_stamp("acme").reading.position, i); /* no settings again */
    }
    then_the_world_ends();
}

TEST(settings_go_into_the_log_when_they_change)
{
    given_a_world();
    given_a_node(2);
    world_send(0, (struct world_event){.id = "1"}, 1);
    world_crash();
    world.rules.out_of_orderness_ms = 5000;
    given_a_node(2);
    CHECK_EQ(world_stamp("acme").reading.position, 2);
    world_send(0, (struct world_event){.id = "2"}, 1);
    CHECK_EQ(world_stamp("acme").reading.watermark.ms, world.clock.wall.ms - 5000);
    world_crash();
    given_a_node(1);
    CHECK_EQ(world_stamp("acme").reading.position, 3);
    CHECK_EQ(world_stamp("acme").reading.watermark.ms, world.clock.wall.ms - 5000);
    then_the_world_ends();
}

TEST(receipt_does_not_go_back_and_the_window_survives_a_start)
{
    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 1);
    world_crash();
    world.clock.wall.ms -= 3600000; /* somebody set the clock */
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 0);
    world_send(0, (struct world_event){.id = "2"}, 1);
    CHECK(world_stamp("acme").reading.wall.ms >= WORLD_WALL_MS);
    then_the_world_ends();
}

/* Blocks. */

static void
hold(uint32_t stage, bool is_held)
{
    for (uint32_t from = 0; from < world.shard_count; from++) {
        for (uint32_t to = 0; to < world.shard_count; to++) {
            struct lane *lane = mesh_lane(&world.node.mesh, stage, from, to);

            if (!is_held) {
                (void)lane_unhold(lane, UINT64_MAX);
            }
            lane->is_held = is_held;
        }
    }
}

TEST(blocks_stay_until_every_lane_has_passed_them)
{
    enum { COUNT = 40 };
    static struct world_request requests[COUNT];
    uint32_t done = 0;

    given_a_world();
    world.credit_bytes = 4 << 20;
    given_a_node(2);
    hold(STAGE_APPLY, true);
    for (uint32_t i = 0; i < COUNT; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        world_begin(&requests[i], 1);
        CHECK(world_add(&requests[i], (struct world_event){.id = id, .bytes = 60000}));
        int r = world_submit(&requests[i]);
        CHECK(r == 0 || r == INGEST_BUSY);
        if (r == INGEST_BUSY) {
            requests[i].done_count = 1; /* no credit: no part of this */
        }
        for (uint32_t round = 0; round < 10; round++) {
            world_round();
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        done += requests[i].done_count;
    }
    CHECK(done < COUNT); /* its blocks are all lent */
    CHECK(!world_is_idle());

    hold(STAGE_APPLY, false);
    world_rest();
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_EQ(requests[i].done_count, 1);
        world_end(&requests[i]);
    }
    then_the_world_ends();
}

TEST(a_replay_longer_than_its_ring_does_not_sleep_while_blocks_wait_to_be_passed)
{
    bool is_busy = false;

    given_a_world();
    given_a_node(1);
    for (uint32_t i = 0; i < 80; i++) { /* a block each, more than a reader lends */
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        world_send(0, (struct world_event){.id = id, .bytes = 50000}, 1);
    }
    world_crash();

    CHECK_EQ(world_start(2), 0);
    hold(STAGE_APPLY, true);
    for (uint32_t i = 0; i < 2000; i++) {
        world_round();
    }
    /* Nothing of the disk is under way, and the keepers' passing wakes nobody: it must look again by itself. */
    for (uint32_t i = 0; i < 2; i++) {
        is_busy |= world_turn(i) && !sequencer_is_ready(world.shards[i].sequencer);
        CHECK_EQ(env_sim_pending(world.shards[i].env), 0);
    }
    CHECK(is_busy);
    hold(STAGE_APPLY, false);
    world_rest();
    CHECK_EQ(world_stamp("acme").total_events, 80);
    then_the_world_ends();
}

/* The disk. */

/* Files that were prepared and not used serve a later start. With six streams some find none. */
TEST(a_node_whose_disk_is_full_starts_and_answers_questions)
{
    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 1);
    world_crash();
    world.is_full = true;
    CHECK_EQ(world_start(6), 0);
    for (uint32_t i = 0; i < 500; i++) {
        world_round();
    }
    CHECK(node_is_ready(&world.node)); /* the settings are in the log already */
    CHECK_EQ(world_stamp("acme").total_events, 1);
    world_begin(&first, 3);
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        CHECK(world_add(&first, (struct world_event){.tenant = world_tenant_of(p), .id = "2"}));
    }
    CHECK_EQ(world_submit(&first), INGEST_DISK_FULL);
    world.is_full = false;
    world_pass(1001);
    world_rest();
    CHECK_EQ(world_submit(&first), 0);
    world_rest();
    CHECK_EQ(first.accepted, WORLD_PARTITION_COUNT);
    world_end(&first);
    then_the_world_ends();
}

TEST(new_settings_wait_for_room_without_spinning_or_keeping_answers_away)
{
    bool is_busy = false;
    uint64_t position;

    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 1);
    world_crash();
    world.is_full = true;
    world.rules.session_gap_ms = 1000;
    CHECK_EQ(world_start(6), 0);
    for (uint32_t i = 0; i < 100; i++) {
        world_round();
    }
    for (uint32_t i = 0; i < 6; i++) {
        is_busy |= world_turn(i);
    }
    CHECK(!is_busy); /* the log tries again every second */
    CHECK(node_is_ready(&world.node));
    CHECK_EQ(world_stamp("acme").total_events, 1);
    world_begin(&first, 3); /* one of each partition: some shard has no room */
    for (uint16_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        CHECK(world_add(&first, (struct world_event){.tenant = world_tenant_of(p), .id = "2"}));
    }
    CHECK_EQ(world_submit(&first), INGEST_DISK_FULL);
    position = world_stamp("acme").reading.position;
    world.is_full = false;
    world_pass(1001);
    world_rest();
    CHECK_EQ(world_stamp("acme").reading.position, position + 1); /* the settings, before any event */
    CHECK_EQ(world_submit(&first), 0);
    world_rest();
    CHECK_EQ(first.accepted, WORLD_PARTITION_COUNT);
    world_end(&first);
    then_the_world_ends();
}

TEST(a_failed_write_ends_the_node_and_answers_nobody)
{
    given_a_world();
    given_a_node(1);
    begin_one(&first, 0, (struct world_event){.id = "1"});
    world_turn(0);
    world_turn(0);
    sim_disk_die_at(world.disk, sim_disk_operation_count(world.disk));
    begin_one(&second, 0, (struct world_event){.id = "2"});
    for (uint32_t i = 0; i < 20; i++) {
        world_round();
    }
    CHECK_EQ(second.done_count, 0);
    world_end(&first);
    world_end(&second);
    world_crash();
    given_a_node(1);
    CHECK(world_stamp("acme").total_events <= 1);
    then_the_world_ends();
}

TEST(loss_that_was_accepted_leaves_a_gap_and_the_node_goes_on)
{
    bool is_flipped = false;

    given_a_world();
    given_a_node(1);
    for (uint32_t i = 0; i < 6; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        world_send(0, (struct world_event){.id = id, .bytes = 5000}, 1);
    }
    world_crash();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "second start"}, 1);
    world_crash();

    /* A block in the middle of the first start goes bad. */
    for (uint32_t number = 0; number < 8 && !is_flipped; number++) {
        char name[64];

        snprintf(name, sizeof(name), "log/%08u.seg", number);
        is_flipped = sim_disk_flip(world.disk, name, 4096 * 6 + 200, 0);
    }
    CHECK(is_flipped);
    CHECK_EQ(world_start(1), 0); /* that start has ended: only the replay sees it */
    world_rest();
    CHECK_EQ(world.fatal_count, 1);
    CHECK(strstr(world.fatal_text, "offset") != NULL);
    world_crash();
    world.fatal_count = 0;
    world.accept_loss = true;
    given_a_node(1);
    CHECK(world.report.lost_blocks > 0);
    CHECK(world_stamp("acme").total_events < 7);
    CHECK(world_stamp("acme").total_events > 0);
    world_send(0, (struct world_event){.id = "third start"}, 1);
    uint64_t hash = world_hash();
    world_crash();

    world.accept_loss = false; /* accepted once and for all */
    given_a_node(2);
    CHECK_EQ(world_hash(), hash);
    world_send(0, (struct world_event){.id = "second start"}, 0);
    then_the_world_ends();
}

/* Records that this version does not write. */

static uint32_t written;

static void
on_durable(void *context, struct log_block *block)
{
    struct commit_log **log = context;

    commit_log_release(*log, block);
    written++;
}

static void
on_fatal(void *context, int fault, const char *what)
{
    (void)context;
    (void)fault;
    (void)what;
    CHECK(false);
}

/* A start of its own that writes one record and ends. */
static void
given_a_record(uint8_t kind, uint32_t bytes)
{
    static struct timers timers;
    struct commit_log *log = NULL;
    struct log_block *block;
    struct env *env;
    struct record_header *record;

    CHECK_EQ(node_open(&world.node, sim_disk_interface(world.disk),
                       (struct node_options){
                           .shard_count = 1,
                           .partition_count = WORLD_PARTITION_COUNT,
                           .slice_count = 7,
                           .rules = world.rules,
                           .dice = world_dice,
                           .fatal = world_fatal,
                       },
                       &world.report),
             0);
    timers_init(&timers);
    env = env_sim_create(world.disk, &world.clock, 3);
    here = (struct shard_id){.n = 0};
    CHECK_EQ(commit_log_open(env, &timers, world.node.manifest, world.node.epoch, 0, world.report.wall_floor,
                             (struct commit_log_options){
                                 .segment_bytes = WORLD_SEGMENT_BYTES,
                                 .block_bytes = WORLD_BLOCK_BYTES,
                                 .block_count = 4,
                                 .in_flight_max = 1,
                                 .segments_ahead = 1,
                                 .on_durable = on_durable,
                                 .on_fatal = on_fatal,
                                 .context = &log,
                             },
                             &log),
             0);
    /* Position 0 of each partition holds its settings. */
    record = commit_log_append(log, 0, 1, bytes, &block);
    CHECK(record != NULL);
    memset(record, 0, bytes);
    *record = (struct record_header){.bytes = bytes, .kind = kind, .version = 1};
    written = 0;
    commit_log_flush(log);
    for (uint32_t i = 0; i < 10; i++) {
        env_sim_release(env, UINT32_MAX);
        env_turn(env, (struct mono_ns){.ns = 0});
    }
    CHECK_EQ(written, 1);
    env_close(env);
    commit_log_close(log);
    node_close(&world.node);
}

static void
then_the_node_refuses(uint8_t kind, uint32_t bytes)
{
    given_a_world();
    given_a_node(1);
    world_stop();
    given_a_record(kind, bytes);
    CHECK_EQ(world_start(1), 0);
    world_rest();
    CHECK_EQ(world.fatal_count, 1);
    CHECK_EQ(world.fatal_status, 74);
    CHECK(!node_is_ready(&world.node));
    then_the_world_ends();
}

TEST(records_that_this_version_does_not_know_end_the_start)
{
    then_the_node_refuses(RECORD_DELETE, 16);
    then_the_node_refuses(RECORD_MERGE, 64);
    then_the_node_refuses(RECORD_WATERMARK, 8);
    then_the_node_refuses(0, 16);
    then_the_node_refuses(99, 16);
    then_the_node_refuses(RECORD_SETTINGS, 16); /* too short */
    then_the_node_refuses(RECORD_EVENT, 16);
}

/* Questions. */

TEST(a_question_is_answered_at_everything_durable_when_it_came)
{
    static struct question question;
    struct subquery subquery = {.unanswered = UINT32_MAX};

    given_a_world();
    given_a_node(1);
    begin_one(&first, 0, (struct world_event){.id = "1"});
    world_turn(0);
    world_turn(0);
    world_disk(0); /* durable, not applied */
    question = (struct question){.kind = QUESTION_STAMP, .subquery = &subquery};
    question.target = record_partition(world.node.secret, TEXT("acme"), WORLD_PARTITION_COUNT);
    question.ask.stamp.tenant_id = TEXT("acme");
    here = world.shards[0].id;
    subquery.first = &question;
    sequencer_ask(world.shards[0].sequencer, &subquery);
    CHECK_EQ(subquery.unanswered, UINT32_MAX);
    world_rest();
    CHECK_EQ(subquery.unanswered, UINT32_MAX - 1);
    CHECK_EQ(question.answer.stamp->row.total_events, 1);
    arena_reset(&question.arena);
    arena_reset(&subquery.common);
    world_end(&first);
    then_the_world_ends();
}

TEST(a_question_for_another_shards_partition_is_refused)
{
    struct question question = {.kind = QUESTION_STAMP, .target = 1};
    struct subquery subquery = {.first = &question, .unanswered = 1};

    given_a_world();
    given_a_node(2);
    here = world.shards[0].id;
    CHECK_DIES(sequencer_ask(world.shards[0].sequencer, &subquery));
    then_the_world_ends();
}

/* The clock. */

TEST(a_live_tenants_silence_is_written_once_a_second_until_its_sessions_are_closed)
{
    int64_t watermark;

    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 1);
    for (uint32_t i = 0; i < 60; i++) {
        world_pass(1000);
        world_rest();
    }
    watermark = world_stamp("acme").reading.watermark.ms;
    CHECK(watermark >= WORLD_WALL_MS - 60000 + 48000);
    for (uint32_t i = 0; i < 40 * 60; i++) {
        world_pass(1000);
        world_round();
        world_round();
    }
    world_rest();
    watermark = world_stamp("acme").reading.watermark.ms;
    CHECK(watermark > WORLD_WALL_MS + world.rules.session_gap_ms);
    for (uint32_t i = 0; i < 20; i++) {
        world_pass(1000);
        world_rest();
    }
    CHECK_EQ(world_stamp("acme").reading.watermark.ms, watermark); /* nothing more to close: no more blocks */
    then_the_world_ends();
}

TEST(time_while_the_node_was_down_counts)
{
    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1"}, 1);
    world_crash();
    world_pass(20 * 60000);
    given_a_node(3);
    world_pass(1001);
    world_rest();
    CHECK(world_stamp("acme").reading.watermark.ms > WORLD_WALL_MS + 18 * 60000);
    then_the_world_ends();
}

TEST(a_step_of_another_shard_is_refused)
{
    given_a_world();
    given_a_node(2);
    here = world.shards[1].id;
    CHECK_DIES((void)sequencer_step(world.shards[0].sequencer, (struct mono_ns){.ns = UINT64_MAX}));
    then_the_world_ends();
}

TEST(a_window_larger_than_memory_is_no_reason_not_to_start)
{
    given_a_world();
    world.rules.dedup_events = UINT64_C(1) << 40; /* it takes memory as it fills */
    CHECK_EQ(world_start(1), 0);
    world_rest();
    CHECK_EQ(world.fatal_count, 0);
    CHECK(node_is_ready(&world.node));
    then_the_world_ends();
}

/* Look-ups that answer later. */

static void
run_rounds(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        world_round();
    }
}

/* Acknowledged, applied or not. */
static void
send_and_hear(struct world_event event)
{
    begin_one(&second, 0, event);
    run_rounds(10);
    CHECK_EQ(second.done_count, 1);
    world_end(&second);
}

/* A question to the partition of a tenant, on a node of one shard; counts down when it is answered. */
static struct subquery subquery;

static void
ask(struct question *question, enum question_kind kind, const char *tenant)
{
    subquery = (struct subquery){.unanswered = UINT32_MAX};
    *question = (struct question){.kind = kind, .subquery = &subquery};
    question->target = record_partition(world.node.secret, text_of(tenant), WORLD_PARTITION_COUNT);
    if (kind == QUESTION_STAMP) {
        question->ask.stamp.tenant_id = text_of(tenant);
    } else {
        question->ask.resolve.tenant_id = text_of(tenant);
        question->ask.resolve.by = RESOLVE_ANONYMOUS;
        question->ask.resolve.value = TEXT("d");
    }
    here = world.shards[0].id;
    subquery.first = question;
    sequencer_ask(world.shards[0].sequencer, &subquery);
}

static bool
is_answered(void)
{
    return subquery.unanswered == UINT32_MAX - 1;
}

TEST(an_event_that_waits_for_its_key_holds_up_its_own_partition_only)
{
    static struct question question;

    given_a_world();
    given_a_node(1);
    world.is_held = true;
    world.late_percent = 100;
    send_and_hear((struct world_event){.tenant = world_tenant_of(1), .id = "1"}); /* durable, not applied */
    world.late_percent = 0;
    send_and_hear((struct world_event){.tenant = world_tenant_of(1), .id = "2"}); /* behind it */

    /* Many more blocks than there are buffers. */
    for (uint32_t i = 0; i < 50; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%u", i);
        send_and_hear((struct world_event){.tenant = world_tenant_of(2), .id = id});
    }
    ask(&question, QUESTION_STAMP, world_tenant_of(2));
    run_rounds(5);
    CHECK(is_answered());
    CHECK_EQ(question.answer.stamp->row.total_events, 50);
    arena_reset(&question.arena);
    arena_reset(&subquery.common);

    ask(&question, QUESTION_STAMP, world_tenant_of(1)); /* at what is durable: not yet */
    run_rounds(20);
    CHECK(!is_answered());
    CHECK(!world_is_idle());
    CHECK(!world_turn(0)); /* nor does the shard spin */
    world.is_held = false;
    world_rest();
    CHECK(is_answered());
    CHECK_EQ(question.answer.stamp->row.total_events, 2);
    arena_reset(&question.arena);
    arena_reset(&subquery.common);
    then_the_world_ends();
}

TEST(a_partition_that_waits_long_makes_clients_wait_and_loses_nothing)
{
    static struct world_request requests[40];
    uint32_t count = 0;
    uint32_t done_count = 0;

    given_a_world();
    given_a_node(1);
    world.is_held = true;
    world.late_percent = 100;
    for (;;) {
        char id[8];

        CHECK(count < COUNT_OF(requests));
        snprintf(id, sizeof(id), "%u", count);
        world_begin(&requests[count], 0);
        CHECK(world_add(&requests[count], (struct world_event){.id = id}));
        if (world_submit(&requests[count]) == INGEST_BUSY) {
            world_end(&requests[count]);
            break;
        }
        run_rounds(5);
        done_count += requests[count].done_count;
        count++;
    }
    CHECK(done_count > 4); /* as many blocks as there are buffers */
    CHECK(done_count < count);
    world.is_held = false;
    world_rest();
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(requests[i].done_count, 1);
        world_end(&requests[i]);
    }
    CHECK_EQ(world_stamp("acme").total_events, count);
    then_the_world_ends();
}

TEST(a_question_that_waits_for_its_key_holds_up_nobody)
{
    static struct question waiting;
    static struct question question;

    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1", .device = "d"}, 1);
    world.is_held = true;
    world.late_percent = 100;
    ask(&waiting, QUESTION_RESOLVE, "acme");
    run_rounds(5);
    CHECK(!is_answered());
    world.late_percent = 0;
    world_send(0, (struct world_event){.id = "2", .device = "d"}, 1);
    CHECK_EQ(world_stamp("acme").total_events, 2);
    ask(&question, QUESTION_RESOLVE, "acme"); /* came later, for the same key */
    run_rounds(1);
    CHECK(is_answered());
    CHECK(question.answer.resolve->is_known);
    arena_reset(&question.arena);
    arena_reset(&subquery.common);

    subquery.unanswered = UINT32_MAX;
    world_arrive(0);
    CHECK(!is_answered()); /* only a step tells */
    run_rounds(1);
    CHECK(is_answered());
    CHECK(waiting.answer.resolve->is_known);
    CHECK_TEXT(waiting.answer.resolve->anonymous_ids[0], "d");
    CHECK_EQ(waiting.answer.resolve->reading.position, 2);
    arena_reset(&waiting.arena);
    arena_reset(&subquery.common);
    then_the_world_ends();
}

TEST(a_node_may_die_while_look_ups_are_out)
{
    static struct question waiting;
    uint64_t hash;

    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1", .device = "d"}, 1);
    world.is_held = true;
    world.late_percent = 100;
    ask(&waiting, QUESTION_RESOLVE, "acme");
    send_and_hear((struct world_event){.id = "2", .device = "d", .user = "u"});
    send_and_hear((struct world_event){.id = "3", .device = "e", .user = "u"});
    arena_reset(&waiting.arena);
    arena_reset(&subquery.common);
    world_crash();
    CHECK_EQ(world_start(3), 0);
    run_rounds(100);
    CHECK(!node_is_ready(&world.node)); /* the replay waits, too */
    world_crash();

    world.is_held = false;
    world.late_percent = 60;
    given_a_node(3);
    hash = world_hash();
    CHECK_EQ(world_stamp("acme").total_events, 3);
    world_crash();
    world.late_percent = 0;
    given_a_node(2);
    CHECK_EQ(world_hash(), hash);
    then_the_world_ends();
}
