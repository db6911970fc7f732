/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/node_world.h"

static struct world_request request;

static uint64_t
spent(void)
{
    uint64_t bytes = 0;

    for (uint32_t from = 0; from < world.shard_count; from++) {
        for (uint32_t to = 0; to < world.shard_count; to++) {
            bytes += world.shards[from].credit_spent[to];
        }
    }
    return bytes;
}

/* Takes all credit that shard `from` has at shard `to`, but for `left` bytes. */
static void
given_little_credit(uint32_t from, uint32_t to, uint64_t left)
{
    struct credit_line *line = &world.node.credits[to * world.node.shard_count + from];

    world.shards[from].credit_spent[to] = atomic_load(&line->returned_bytes) - left;
}

static void
then_nothing_was_taken(uint64_t spent_before)
{
    CHECK_EQ(spent(), spent_before);
    CHECK_EQ(world.shards[request.from].requests_out, 0);
    world_rest();
    CHECK_EQ(request.done_count, 0);
    CHECK_EQ(request.ingest.parts_outstanding, 0);
    CHECK(!world_stamp("acme").reading.is_known);
}

TEST(a_node_that_starts_is_busy)
{
    given_a_world();
    CHECK_EQ(world_start(2), 0);
    world_begin(&request, 1);
    CHECK(world_add(&request, (struct world_event){.id = "1"}));
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    world_rest();
    CHECK_EQ(request.done_count, 0);
    CHECK_EQ(world_submit(&request), 0); /* the same request, again */
    world_rest();
    CHECK_EQ(request.done_count, 1);
    CHECK_EQ(request.accepted, 1);
    world_end(&request);
    then_the_world_ends();
}

TEST(a_node_that_stops_or_is_short_of_memory_is_busy)
{
    given_a_world();
    given_a_node(2);
    world_begin(&request, 0);
    CHECK(world_add(&request, (struct world_event){.id = "1"}));
    atomic_store(&world.node.is_stopping, true);
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    atomic_store(&world.node.is_stopping, false);
    atomic_store(&world.node.words[1].is_memory_tight, true);
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    then_nothing_was_taken(0);
    world_end(&request);
    then_the_world_ends();
}

TEST(a_request_that_does_not_fit_its_arena_is_not_taken)
{
    given_a_world();
    given_a_node(1);
    world_begin(&request, 0);
    world_end(&request);
    memset(&request, 0, sizeof(request));
    arena_init(&request.arena, &world.shards[0].arenas, 20000);
    CHECK(ingest_begin(&request.ingest, &world.shards[0], &request.arena));
    CHECK(world_add(&request, (struct world_event){.id = "1", .bytes = 1000}));
    CHECK(!world_add(&request, (struct world_event){.id = "2", .bytes = 30000}));
    CHECK_EQ(world_submit(&request), INGEST_TOO_LARGE);
    then_nothing_was_taken(0);
    world_end(&request);
    then_the_world_ends();
}

TEST(an_empty_request_is_done_at_once)
{
    given_a_world();
    given_a_node(1);
    world_begin(&request, 0);
    CHECK_EQ(world_submit(&request), 0);
    CHECK_EQ(request.done_count, 1);
    CHECK_EQ(request.accepted, 0);
    CHECK_EQ(world.shards[0].requests_out, 0);
    world_end(&request);
    then_the_world_ends();
}

TEST(a_request_is_refused_whole_when_one_sequencer_has_no_room)
{
    uint64_t before;

    given_a_world();
    given_a_node(3);
    given_little_credit(0, 2, 1000);
    before = spent();
    world_begin(&request, 0);
    for (uint16_t partition = 0; partition < WORLD_PARTITION_COUNT; partition++) {
        CHECK(world_add(&request, (struct world_event){.tenant = world_tenant_of(partition), .id = "1"}));
    }
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    then_nothing_was_taken(before);
    for (uint16_t partition = 0; partition < WORLD_PARTITION_COUNT; partition++) {
        CHECK(!world_stamp(world_tenant_of(partition)).reading.is_known);
    }
    world_end(&request);

    /* Those that have room take others. */
    world_send(0, (struct world_event){.tenant = world_tenant_of(1), .id = "1"}, 1);
    then_the_world_ends();
}

TEST(credit_is_enough_to_the_byte)
{
    uint64_t cost;

    given_a_world();
    given_a_node(1);
    world_begin(&request, 0);
    CHECK(world_add(&request, (struct world_event){.id = "1", .bytes = 5000}));
    given_little_credit(0, 0, 0);
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    cost = request.ingest.parts[0].cost;
    CHECK(cost > 5000);
    given_little_credit(0, 0, cost - 1);
    CHECK_EQ(world_submit(&request), INGEST_BUSY);
    given_little_credit(0, 0, cost);
    CHECK_EQ(world_submit(&request), 0);
    world_rest();
    CHECK_EQ(request.done_count, 1);
    world_end(&request);
    then_the_world_ends();
}

TEST(no_more_parts_are_out_than_replies_have_slots)
{
    static struct world_request requests[INGEST_PARTS_MAX + 1];

    given_a_world();
    world.credit_bytes = 32 << 20;
    given_a_node(1);
    /* The log's room is what is granted: let there be more than there is, for parts of duplicates use none. */
    atomic_fetch_add(&world.node.credits[0].returned_bytes, UINT64_C(1) << 40);
    for (uint32_t i = 0; i <= INGEST_PARTS_MAX; i++) {
        world_begin(&requests[i], 0);
        CHECK(world_add(&requests[i], (struct world_event){.id = "the same"}));
        CHECK_EQ(world_submit(&requests[i]), i < INGEST_PARTS_MAX ? 0 : INGEST_BUSY);
    }
    CHECK_EQ(world.shards[0].parts_out[0], INGEST_PARTS_MAX);
    world_rest();
    CHECK_EQ(world.shards[0].parts_out[0], 0);
    for (uint32_t i = 0; i <= INGEST_PARTS_MAX; i++) {
        CHECK_EQ(requests[i].done_count, i < INGEST_PARTS_MAX);
        CHECK_EQ(requests[i].accepted, i == 0);
        world_end(&requests[i]);
    }
    then_the_world_ends();
}

TEST(credit_comes_back_with_every_reply)
{
    given_a_world();
    given_a_node(2);
    /* Many times what may be outstanding at once, by one shard and to one. */
    for (uint32_t i = 0; i < 60; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%u", i);
        world_send(i % 2, (struct world_event){.id = id, .bytes = 50000}, 1);
    }
    CHECK(spent() > 8 * world.credit_bytes);
    CHECK_EQ(world_stamp("acme").total_events, 60);
    then_the_world_ends();
}

TEST(duplicates_give_their_credit_back_too)
{
    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "1", .bytes = 50000}, 1);
    for (uint32_t i = 0; i < 30; i++) {
        world_send(0, (struct world_event){.id = "1", .bytes = 50000}, 0);
    }
    CHECK(spent() > 4 * world.credit_bytes);
    then_the_world_ends();
}

static int
send_until_refused(uint32_t *count)
{
    int r = 0;

    while (r == 0) {
        char id[16];

        snprintf(id, sizeof(id), "%u", (*count)++);
        world_begin(&request, 0);
        CHECK(world_add(&request, (struct world_event){.id = id, .bytes = 50000}));
        r = world_submit(&request);
        world_rest();
        CHECK_EQ(world.fatal_count, 0);
        CHECK_EQ(request.done_count, r == 0);
        world_end(&request);
        CHECK(*count < 1000);
    }
    return r;
}

TEST(a_full_disk_is_said_when_the_room_is_used_up_and_heals)
{
    uint32_t count = 0;
    uint32_t refused_at;

    given_a_world();
    given_a_node(1);
    world.is_full = true;
    CHECK_EQ(send_until_refused(&count), INGEST_DISK_FULL);
    CHECK(count > 20); /* what was prepared is used first */
    refused_at = count;
    CHECK_EQ(world_stamp("acme").total_events, count - 1); /* queries go on */
    for (uint32_t i = 0; i < 5; i++) {
        world_pass(1000);
        world_rest();
    }
    CHECK_EQ(send_until_refused(&count), INGEST_DISK_FULL);
    CHECK_EQ(count, refused_at + 1);

    world.is_full = false;
    world_pass(1001);
    world_rest();
    world_send(0, (struct world_event){.id = "after", .bytes = 50000}, 1);
    then_the_world_ends();
}

TEST(the_clock_does_not_eat_the_room_of_credit_that_is_out)
{
    uint32_t count = 0;
    uint64_t total;

    given_a_world();
    given_a_node(1);
    world_send(0, (struct world_event){.id = "live"}, 1); /* a session is open: the log beats */
    world.is_full = true;
    for (uint32_t i = 0; i < 1500; i++) {
        world_pass(1000);
        world_round();
        world_round();
    }
    (void)send_until_refused(&count); /* all that was promised fits */
    total = world_stamp("acme").total_events;
    CHECK(total >= 2);
    CHECK_EQ(total, count);
    then_the_world_ends();
}

TEST(outcomes_and_indexes_survive_the_growth_of_a_run)
{
    enum { COUNT = 1000 };
    uint32_t seen[COUNT] = {0};

    given_a_world();
    given_a_node(2);
    world_begin(&request, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%u", i / 2); /* each twice */
        CHECK(world_add(
            &request, (struct world_event){.tenant = world_tenant_of(i / 2 % 6), .id = id, .bytes = i % 40}));
    }
    CHECK_EQ(world_submit(&request), 0);
    world_rest();
    CHECK_EQ(request.accepted, COUNT / 2);
    CHECK_EQ(request.duplicates, COUNT / 2);
    for (uint32_t p = 0; p < WORLD_PARTITION_COUNT; p++) {
        const struct ingest_run *run = request.ingest.runs[p];

        for (uint32_t i = 0; i < run->count; i++) {
            uint32_t index = run->indexes[i];

            CHECK(index < COUNT);
            seen[index]++;
            CHECK_EQ(run->outcomes[i], index % 2 == 0 ? INGEST_ACCEPTED : INGEST_DUPLICATE);
        }
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK_EQ(seen[i], 1);
    }
    world_end(&request);
    then_the_world_ends();
}

/* 4 MiB of {"event_type":"x","user_id":"u"} lines, a tenant named by its key, IDs made here: the door allows it. */
TEST(the_largest_body_of_the_smallest_events_can_be_admitted_one_day)
{
    given_a_world();
    given_a_node(1);
    world_begin(&request, 0);
    world_end(&request);
    memset(&request, 0, sizeof(request));
    arena_init(&request.arena, &world.shards[0].arenas, 64 << 20);
    CHECK(ingest_begin(&request.ingest, &world.shards[0], &request.arena));
    for (uint32_t i = 0; i < (4u << 20) / 33; i++) {
        char id[40];

        snprintf(id, sizeof(id), "00000000-0000-0000-0000-%012u", i);
        CHECK(world_add(&request, (struct world_event){.id = id}));
    }
    CHECK_EQ(world_submit(&request), INGEST_TOO_LARGE); /* this world has little credit */
    CHECK(request.ingest.parts[0].cost <= NODE_CREDIT_BYTES);
    world_end(&request);
    then_the_world_ends();
}

/* The log dies when a part uses more than its cost: shapes that split, pad and interleave, to the last byte of room. */
TEST(whatever_is_admitted_fits_the_room_that_is_left)
{
    enum { REQUESTS = 400 };
    static struct world_request requests[REQUESTS];

    for (uint32_t seed = 0; seed < 6; seed++) {
        uint32_t count = 0;
        uint32_t refused = 0;

        given_a_world();
        world.dice = seed * 1000 + 1;
        world.credit_bytes = 700 << 10;
        given_a_node(1 + seed % 3);
        world.is_full = true;
        while (refused < 40 && count < REQUESTS) {
            struct world_request *next = &requests[count];
            uint32_t shape = world_roll(3);
            uint32_t events = shape == 0 ? 1 : 1 + world_roll(shape == 1 ? 150 : 8);

            world_begin(next, world_roll(world.shard_count));
            for (uint32_t i = 0; i < events; i++) {
                char id[24];

                snprintf(id, sizeof(id), "%u-%u", count, i);
                CHECK(world_add(next,
                                (struct world_event){
                                    .tenant = world_tenant_of((uint16_t)world_roll(WORLD_PARTITION_COUNT)),
                                    .id = id,
                                    .bytes = shape == 2 ? world_roll(60000) : world_roll(200),
                                }));
            }
            if (world_submit(next) == 0) {
                count++;
            } else {
                refused++;
                world_end(next);
                world_rest();
            }
            for (uint32_t turns = world_roll(12); turns > 0; turns--) {
                uint32_t shard = world_roll(world.shard_count);

                world_turn(shard);
                if (world_roll(2) == 0) {
                    world_disk(shard);
                }
            }
        }
        world_rest();
        CHECK_EQ(world.fatal_count, 0);
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQ(requests[i].done_count, 1);
            CHECK_EQ(requests[i].accepted, requests[i].ingest.count);
            world_end(&requests[i]);
        }
        then_the_world_ends();
    }
}
