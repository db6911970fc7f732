/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_day.h"

#include "shards/keeper_state.h"

/* Profiles that leave memory and come back, on a simulated disk: reads and writes end when the test says so. */

#define MANY 800u /* people of slice 0, with more to their name than the few pages that stay in memory */

static char page[3000];

static void
given_a_disk(void)
{
    world_disk = sim_disk_create((struct sim_disk_options){.seed = 1});
    struct disk *disk = sim_disk_interface(world_disk);

    CHECK_EQ(disk->ops->make_folder(disk, "slices"), 0);
    memset(page, 'p', sizeof(page) - 1);
}

static void
then_it_ends(void)
{
    then_the_world_ends();
    sim_disk_destroy(world_disk);
    world_disk = NULL;
    world_people_bytes = 0;
}

static struct keeper_counts
counts_of(uint32_t shard)
{
    here = (struct shard_id){.n = (uint16_t)shard};
    return keeper_counts(world.keepers[shard]);
}

static void
send_many(int64_t time_ms)
{
    for (uint32_t i = 0; i < MANY; i++) {
        send_event(4 * i, time_ms, "click",
                   (struct extra){.page = page, .country = i % 2 == 0 ? "NO" : "SE"});
        if (i % 50 == 49) {
            send_progress(0);
            run_until_quiet();
        }
    }
    send_progress(0);
    run_until_quiet();
}

/* Until they have left who have to. */
static void
set_memory(uint64_t bytes)
{
    here = (struct shard_id){.n = 0};
    keeper_set_people_memory(world.keepers[0], bytes);
    for (uint32_t i = 0; i < 100000 && bytes > 0 && counts_of(0).people_bytes > bytes; i++) {
        (void)turn(0);
    }
}

/* Steps in which no read or write ends. */
static void
step_without_disk(void)
{
    here = (struct shard_id){.n = 0};
    publish();
    for (uint32_t i = 0; i < 20; i++) {
        (void)keeper_step(world.keepers[0], (struct mono_ns){.ns = world.now.ns + 500 * NS_PER_US});
        (void)keeper_look_ups_arrive(world.keepers[0], 1000);
        publish();
    }
}

TEST(while_the_disk_is_full_nobody_who_changed_leaves_and_events_go_on)
{
    given_a_disk();
    world_people_bytes = 1;
    given_a_world(1, 8192, 8);
    sim_disk_fill(world_disk, true);
    send_many(T0);
    uint64_t left = counts_of(0).people_left; /* before the first write said so */
    send_many(T0 + 1);
    CHECK_EQ(counts_of(0).events, 2 * MANY);
    CHECK(counts_of(0).people_left <= left + MANY / 10);
    CHECK(counts_of(0).people_bytes > 0);

    sim_disk_fill(world_disk, false);
    world_clock.mono.ns += 10 * NS_PER_S;
    send_many(T0 + 2);
    CHECK_EQ(counts_of(0).people_bytes, 0);
    then_it_ends();
}

TEST(memory_keeps_to_its_limit)
{
    enum { LIMIT = 1 << 20 };

    given_a_disk();
    world_people_bytes = LIMIT;
    given_a_world(1, 8192, 8);
    send_many(T0);
    CHECK(counts_of(0).people_bytes <= LIMIT);
    CHECK(counts_of(0).people_bytes > LIMIT / 2);
    CHECK_EQ(counts_of(0).profiles, MANY);
    set_memory(LIMIT / 4);
    CHECK(counts_of(0).people_bytes <= LIMIT / 4);
    set_memory(0);
    send_many(T0 + 1);
    CHECK(counts_of(0).people_bytes > LIMIT);
    then_it_ends();
}

TEST(who_was_used_lately_stays)
{
    given_a_disk();
    given_a_world(1, 8192, 8);
    send_many(T0);
    uint64_t half = counts_of(0).people_bytes / 2;

    set_memory(half);
    set_memory(0);
    uint64_t left = counts_of(0).people_left;
    for (uint32_t i = 0; i < 10; i++) {
        struct question question = ask_profile_of(4 * i);
        release(&question);
    }
    set_memory(half / 2);
    CHECK(counts_of(0).people_left > left);
    uint64_t read = counts_of(0).people_read;
    for (uint32_t i = 0; i < 10; i++) {
        struct question question = ask_profile_of(4 * i);
        CHECK_EQ(question.answer.profile->total_events, 1);
        release(&question);
    }
    CHECK_EQ(counts_of(0).people_read, read);
    then_it_ends();
}

TEST(who_is_on_disk_is_waited_for_in_order_and_holds_up_nobody_else)
{
    given_a_disk();
    world_people_bytes = 1;
    given_a_world(1, 8192, 8);
    send_many(T0);
    CHECK_EQ(counts_of(0).people_bytes, 0);
    uint64_t events = counts_of(0).events;

    send_event(0, T0 + MINUTE, "login", (struct extra){0});
    send_event(0, T0 + 2 * MINUTE, "signup", (struct extra){.traits = "{\"a\":1}"});
    send_event(4 * MANY, T0 + MINUTE, "click", (struct extra){0}); /* somebody new */
    step_without_disk();
    CHECK_EQ(counts_of(0).events, events + 1);
    CHECK(!keeper_is_still(world.keepers[0], (const uint64_t[]){0}));
    send_progress(0);
    struct question question = ask_profile_of(0);
    CHECK_EQ(question.answer.profile->total_events, 3);
    CHECK_EQ(question.answer.profile->trait_count, 1);
    CHECK_EQ(question.answer.profile->last_seen.ms, T0 + 2 * MINUTE);
    CHECK_EQ(question.answer.profile->total_sessions, 1);
    release(&question);
    CHECK_EQ(counts_of(0).events, events + 3);
    CHECK_EQ(counts_of(0).people_bytes, 0); /* and left again */
    then_it_ends();
}

TEST(a_merge_of_two_who_are_on_disk)
{
    given_a_disk();
    world_people_bytes = 1;
    given_a_world(1, 8192, 8);
    send_many(T0);
    send_merge(0, 4, 8);
    send_event(8, T0 + MINUTE, "login", (struct extra){0});
    step_without_disk();
    send_progress(0);
    struct question question = ask_profile_of(8);
    CHECK_EQ(question.answer.profile->total_events, 3);
    CHECK_EQ(question.answer.profile->total_sessions, 1);
    release(&question);
    question = ask_profile_of(4);
    CHECK_EQ(question.fault, -ESTALE);
    then_it_ends();
}

TEST(lists_of_people_and_sessions_are_whole)
{
    given_a_disk();
    world_people_bytes = 1;
    given_a_world(1, 8192, 8);
    send_many(T0);

    uint64_t left = counts_of(0).people_left;
    struct profile_scan people_asked = {
        .order = PROFILE_ORDER_LAST_SEEN, .seen_from = {INT64_MIN}, .seen_to = {INT64_MAX}, .count_max = 10};
    struct question question = {.kind = QUESTION_PROFILES, .ask.profiles = &people_asked};
    ask(&question);
    CHECK_EQ(question.answer.profiles->total, MANY);
    release(&question);
    people_asked.country = TEXT("NO"); /* that is on disk alone */
    question = (struct question){.kind = QUESTION_PROFILES, .ask.profiles = &people_asked};
    ask(&question);
    CHECK_EQ(question.answer.profiles->total, MANY / 2);
    CHECK_EQ(question.answer.profiles->count, 10);
    release(&question);
    CHECK_EQ(counts_of(0).people_left, left); /* nobody came back for that */

    struct session_scan sessions_asked = {.from = {INT64_MIN},
                                          .to = {INT64_MAX},
                                          .count_max = MANY,
                                          .with = UINT32_MAX,
                                          .bytes_max = UINT64_MAX};
    question = (struct question){.kind = QUESTION_SESSIONS, .ask.sessions = &sessions_asked};
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_EQ(question.answer.sessions->rows[i].page_count, 1);
    }
    release(&question);
    then_it_ends();
}

TEST(a_day_is_the_same_with_everybody_on_disk)
{
    given_a_world(2, 4096, 2);
    struct day day = day_begin(5);

    while (day_go_on(&day)) {
        if (day.step % 50 == 0) {
            run_until_quiet();
        }
    }
    struct outcome whole = day_end();

    then_the_world_ends();
    given_a_disk();
    world_people_bytes = 1;
    given_a_world(3, 4096, 2);
    day = day_begin(5);
    while (day_go_on(&day)) {
        publish();
        (void)turn((uint32_t)(roll(&world.dice) % world.node.shard_count));
        if (day.step % 50 == 0) {
            run_until_quiet();
        }
    }
    struct outcome away = day_end();

    CHECK_EQ(away.state, whole.state);
    CHECK_EQ(away.answers, whole.answers);
    CHECK(counts_of(0).people_left > 50);
    then_it_ends();
}
