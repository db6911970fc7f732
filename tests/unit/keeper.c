/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_world.h"

#include <errno.h>

/* What it refuses, and what is late. */

TEST(a_question_waits_until_its_position_is_applied)
{
    struct question question = {
        .kind = QUESTION_PROFILE, .target = 0, .ask.profile.canonical = canonical_of(0)};
    struct subquery message;

    given_a_world(2, 64, 8);
    send_event(0, T0, "click", (struct extra){0});
    question.reading = reading_of(0);
    here = (struct shard_id){.n = 0};
    keeper_ask_one(0, &message, &question);
    publish();
    turn(0);
    turn(0);
    CHECK(world.answered == NULL); /* the event is applied, but nobody said so */

    send_progress(0);
    run_until_quiet();
    CHECK(world.answered == &question);
    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.profile->total_events, 1);
    release(&question);
    then_the_world_ends();
}

TEST(a_question_that_nobody_wants_comes_back_with_a_fault_when_it_is_reached)
{
    struct question question = {
        .kind = QUESTION_PROFILE, .target = 0, .ask.profile.canonical = canonical_of(0)};
    struct scatter scatter = {.is_unwanted = false};
    struct subquery message;

    given_a_world(1, 64, 8);
    send_event(0, T0, "click", (struct extra){0});
    question.reading = reading_of(0);
    keeper_ask_one(0, &message, &question);
    message.scatter = &scatter;
    turn(0);
    CHECK(!keeper_is_idle(world.keepers[0]));
    scatter_abandon(&scatter);
    send_progress(0);
    run_until_quiet();
    CHECK(world.answered == &question);
    CHECK_EQ(question.fault, -ETIMEDOUT);
    CHECK_EQ(world.answered_count, 1);
    then_the_world_ends();
}

TEST(a_person_merged_away_is_stale_and_one_never_seen_is_unknown)
{
    struct question question;

    given_a_world(2, 64, 8);
    send_event(1, T0, "click", (struct extra){0});
    send_event(2, T0, "click", (struct extra){0});
    send_merge(0, 1, 2);
    send_event(2, T0 + 1, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();

    question = ask_profile_of(1);
    CHECK_EQ(question.fault, -ESTALE);
    question = ask_profile_of(9);
    CHECK_EQ(question.fault, 0);
    CHECK(!question.answer.profile->is_known);
    release(&question);
    question = ask_profile_of(2);
    CHECK(question.answer.profile->is_known);
    CHECK_EQ(question.answer.profile->total_events, 3);
    release(&question);
    then_the_world_ends();
}

TEST(a_lane_whose_pool_is_full_is_not_read_and_goes_on_later)
{
    struct lane *lane;
    struct question question;

    given_a_world(2, 8192, 8);
    send_event(1, T0, "click", (struct extra){0});
    send_event(2, T0, "click", (struct extra){0});
    send_merge(0, 1, 2);
    for (uint32_t i = 0; i < KEEPER_WAIT_MAX + 100; i++) {
        send_event(2, T0 + i, "click", (struct extra){0});
    }
    send_event(2, T0, "login", (struct extra){.partition = 1});
    send_progress(0);
    send_progress(1);
    publish();
    lane = mesh_lane(&world.node.mesh, STAGE_APPLY, 0, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        (void)turn(0);
    }
    CHECK(!lane_is_empty(lane));
    CHECK_EQ(turn(0), STEP_DONE); /* it does not spin */
    CHECK_EQ(keeper_counts(world.keepers[0]).events, 1);

    run_until_quiet();
    CHECK(lane_is_empty(lane));
    question = ask_profile_of(2);
    CHECK_EQ(question.answer.profile->total_events, 3 + KEEPER_WAIT_MAX + 100);
    release(&question);
    then_the_world_ends();
}

/* Merges, in every order in which their parts can come. */

static void
then_the_merge_is_done(void)
{
    struct question question = ask_profile_of(2);

    CHECK_EQ(question.fault, 0);
    CHECK_EQ(question.answer.profile->total_events, 4);
    CHECK_EQ(question.answer.profile->total_sessions, 1);
    CHECK_EQ(question.answer.profile->first_seen.ms, T0);
    CHECK_EQ(question.answer.profile->last_seen.ms, T0 + 3 * MINUTE);
    CHECK_EQ(question.answer.profile->current_session->event_count, 4);
    release(&question);
}

static const struct applied_merge *
given_a_merge(void)
{
    const struct applied_merge *merge;

    given_a_world(2, 64, 8);
    send_event(1, T0, "click", (struct extra){0});
    send_event(2, T0 + MINUTE, "click", (struct extra){0});
    send_event(1, T0 + 2 * MINUTE, "click", (struct extra){0});
    merge = make_merge(0, 1, 2);
    return merge;
}

TEST(a_take_before_its_give_holds_back_the_winner_and_nobody_else)
{
    const struct applied_merge *merge = given_a_merge();

    send_half(0, merge, MESSAGE_TAKE);
    send_event(2, T0 + 3 * MINUTE, "login", (struct extra){0});
    send_event(4, T0 + 3 * MINUTE, "login", (struct extra){0});
    publish();
    turn(0);
    turn(0);
    CHECK_EQ(keeper_counts(world.keepers[0]).events, 2); /* of person 2 and person 4 */
    CHECK(!keeper_is_idle(world.keepers[0]));

    send_half(0, merge, MESSAGE_GIVE);
    send_progress(0);
    run_until_quiet();
    then_the_merge_is_done();
    then_the_world_ends();
}

TEST(a_hand_over_before_its_take_waits_for_it)
{
    const struct applied_merge *merge = given_a_merge();

    send_half(0, merge, MESSAGE_GIVE);
    publish();
    turn(1);
    turn(0);
    CHECK(!keeper_is_idle(world.keepers[0]));
    CHECK_EQ(keeper_counts(world.keepers[0]).profiles, 1);

    send_half(0, merge, MESSAGE_TAKE);
    send_event(2, T0 + 3 * MINUTE, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    then_the_merge_is_done();
    then_the_world_ends();
}

TEST(a_merge_with_the_winner_still_being_looked_up_is_done_in_order)
{
    const struct applied_merge *merge = given_a_merge();

    run_until_quiet();
    world.late_permille = 1000;
    send_half(0, merge, MESSAGE_TAKE);
    send_half(0, merge, MESSAGE_GIVE);
    send_event(2, T0 + 3 * MINUTE, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    then_the_merge_is_done();
    then_the_world_ends();
}

TEST(a_merge_within_one_slice_goes_the_same_way)
{
    struct question question;

    given_a_world(2, 64, 8);
    send_event(2, T0, "click", (struct extra){0});
    send_event(6, T0, "click", (struct extra){0});
    send_merge(0, 2, 6);
    send_progress(0);
    run_until_quiet();
    question = ask_profile_of(6);
    CHECK_EQ(question.answer.profile->total_events, 2);
    CHECK_EQ(question.answer.profile->total_sessions, 1);
    release(&question);
    then_the_world_ends();
}

TEST(a_chain_of_merges_ends_with_everything_at_the_last_winner)
{
    struct question question;

    given_a_world(2, 64, 1); /* one hand-over at a time */
    for (uint32_t person = 0; person < 8; person++) {
        send_event(person, T0 + person * MINUTE, "click", (struct extra){0});
    }
    /* A into B while B awaits C; TAKE, then GIVE of the same person at once. */
    for (uint32_t person = 0; person < 7; person++) {
        send_merge(0, person, person + 1);
        send_event(person + 1, T0 + 10 * MINUTE, "login", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    question = ask_profile_of(7);
    CHECK_EQ(question.answer.profile->total_events, 15);
    CHECK_EQ(question.answer.profile->total_sessions, 1);
    CHECK_EQ(question.answer.profile->logins, 7);
    CHECK_EQ(question.answer.profile->current_session->source_count, 8);
    release(&question);
    then_the_world_ends();
}

TEST(what_waited_while_the_gap_became_less_closes_by_the_new_one)
{
    const struct applied_merge *merge = given_a_merge();
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = slice_of(2)};

    send_half(0, merge, MESSAGE_TAKE);
    send_event(2, T0 + 3 * MINUTE, "login", (struct extra){0}); /* waits, with the rules of before */
    send_progress(0);
    publish();
    turn(0);
    send_settings(0, 5 * MINUTE, MS_PER_DAY);
    publish();
    turn(0);
    send_half(0, merge, MESSAGE_GIVE);
    send_event(3, T0 + 10 * MINUTE, "click",
               (struct extra){0}); /* the watermark is 6 minutes behind its end */
    send_progress(0);
    run_until_quiet();
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 0);
    release(&question);
    then_the_world_ends();
}

TEST(two_merges_of_one_event_into_one_winner_are_both_done)
{
    struct question question;

    given_a_world(2, 64, 8);
    for (uint32_t person = 1; person < 4; person++) {
        send_event(person, T0, "click", (struct extra){0});
    }
    send_merge(0, 1, 2);
    send_merge(0, 3, 2);
    send_event(2, T0, "alias", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    question = ask_profile_of(2);
    CHECK_EQ(question.answer.profile->total_events, 4);
    release(&question);
    then_the_world_ends();
}

/* A day of chance, played in one thread by few and by many shards: nobody can see the difference. */

static uint64_t
play(uint64_t seed, uint32_t shard_count, uint32_t late_permille)
{
    uint32_t living[40];
    uint32_t living_count = COUNT_OF(living);
    uint64_t dice = seed;
    int64_t clock = T0;
    uint64_t hash;

    given_a_world(shard_count, 4096, 2);
    world.late_permille = late_permille;
    world.dice = seed * 77 + shard_count;
    world.ns_per_look = late_permille > 0 ? 100 * NS_PER_US : 0;
    for (uint32_t i = 0; i < COUNT_OF(living); i++) {
        living[i] = i;
    }
    for (uint32_t i = 0; i < 1500; i++) {
        send_chance(&dice, living, &living_count, &clock);
        if (roll(&world.dice) % 7 == 0) {
            uint32_t shard = (uint32_t)(roll(&world.dice) % shard_count);
            mesh_publish(&world.node.mesh,
                         (struct shard_id){.n = (uint16_t)(roll(&world.dice) % shard_count)});
            (void)turn(shard);
            if (roll(&world.dice) % 3 == 0) {
                (void)keeper_look_ups_arrive(world.keepers[shard], 2);
            }
            if (roll(&world.dice) % 5 == 0) {
                send_progress(0);
            }
        }
    }
    send_progress(0);
    run_until_quiet();
    hash = state_hash();
    then_the_world_ends();
    return hash;
}

TEST(the_number_of_shards_and_late_look_ups_cannot_be_seen)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t hash = play(seed, 1, 0);
        CHECK_EQ(play(seed, 1, 0), hash);
        CHECK_EQ(play(seed, 2, 300), hash);
        CHECK_EQ(play(seed, 4, 100), hash);
        CHECK_EQ(play(seed, 3, 600), hash);
        CHECK(play(seed + 100, 1, 0) != hash);
    }
}

/* Questions. */

static struct question
ask_events(uint16_t slice, struct event_scan *scan)
{
    struct question question = {.kind = QUESTION_EVENTS, .target = slice, .ask.events = scan};

    ask(&question);
    return question;
}

TEST(pages_of_events_join_without_gap_or_overlap)
{
    struct event_scan scan = {.from = {.ms = INT64_MIN},
                              .to = {.ms = INT64_MAX},
                              .count_max = 7,
                              .texts = UINT32_MAX,
                              .bytes_max = UINT64_MAX};
    struct event_place last = {.event_time = {.ms = INT64_MAX}};
    uint32_t total = 0;

    given_a_world(1, 4096, 8);
    world.ns_per_look = 200 * NS_PER_US; /* each piece of an answer is one look long */
    for (uint32_t i = 0; i < 1000; i++) {
        send_event(i % 3 == 0 ? 4 : 8, T0 + (int64_t)(i * 37 % 11) * MINUTE, "click", (struct extra){0});
    }
    send_progress(0);
    for (;;) {
        struct question question = ask_events(0, &scan);
        const struct events_answer *answer = question.answer.events;
        for (uint32_t i = 0; i < answer->count; i++) {
            const struct event_row *row = &answer->rows[i];
            struct event_ms time = row->record->event_time;
            CHECK(time.ms < last.event_time.ms ||
                  (time.ms == last.event_time.ms && row->position < last.position));
            CHECK(event_has(row->record, EVENT_PROPERTIES));
            CHECK(!event_has(row->record, EVENT_CONTEXT));
            last = (struct event_place){.event_time = time, .position = row->position};
        }
        total += answer->count;
        uint32_t count = answer->count;
        release(&question);
        if (count < scan.count_max) {
            break;
        }
        scan.has_after = true;
        scan.after = last;
    }
    CHECK_EQ(total, 1000);
    then_the_world_ends();
}

TEST(events_are_filtered_and_those_of_members_only_are_theirs)
{
    struct member members[] = {member_of(4), member_of(1), member_of(8)};
    struct event_scan scan = {.from = {.ms = T0 + MINUTE},
                              .to = {.ms = T0 + 3 * MINUTE},
                              .texts = UINT32_MAX,
                              .count_max = 100,
                              .bytes_max = UINT64_MAX,
                              .members = members,
                              .member_count = COUNT_OF(members)};
    struct question question;

    given_a_world(1, 4096, 8);
    for (uint32_t i = 0; i < 5; i++) {
        send_event(4, T0 + i * MINUTE, "click", (struct extra){.country = "NO"});
        send_event(8, T0 + i * MINUTE, "login", (struct extra){.device = "tv"});
        send_event(12, T0 + i * MINUTE, "login", (struct extra){0});
        send_event(1, T0 + i * MINUTE, "login", (struct extra){0}); /* in another slice */
    }
    send_progress(0);
    question = ask_events(0, &scan);
    CHECK_EQ(question.answer.events->count, 4);
    CHECK_EQ(question.answer.events->rows[0].person, 8);
    CHECK_EQ(question.answer.events->rows[0].record->event_time.ms, T0 + 2 * MINUTE);
    CHECK_EQ(question.answer.events->rows[3].person, 4);
    release(&question);

    scan.event_type = TEXT("login");
    question = ask_events(0, &scan);
    CHECK_EQ(question.answer.events->count, 2);
    release(&question);
    scan.event_type = (struct text){0};
    scan.country = TEXT("NO");
    question = ask_events(0, &scan);
    CHECK_EQ(question.answer.events->count, 2);
    release(&question);
    scan.country = (struct text){0};
    scan.device_type = TEXT("tv");
    scan.late = TRI_YES;
    question = ask_events(0, &scan);
    CHECK_EQ(question.answer.events->count, 0);
    release(&question);
    then_the_world_ends();
}

TEST(an_event_is_found_by_its_id_and_the_newest_of_two)
{
    struct question question = {
        .kind = QUESTION_EVENT, .target = 0, .ask.event = {.event_id = TEXT("twice"), .texts = UINT32_MAX}};

    given_a_world(1, 64, 8);
    send_event(4, T0 + MINUTE, "old", (struct extra){.id = "twice"});
    send_event(8, T0, "new", (struct extra){.id = "twice"});
    send_progress(0);
    ask(&question);
    CHECK_EQ(question.answer.events->count, 1);
    CHECK_TEXT(event_text(question.answer.events->rows[0].record, EVENT_EVENT_TYPE), "new");
    release(&question);
    question = (struct question){
        .kind = QUESTION_EVENT, .target = 0, .ask.event = {.event_id = TEXT("never"), .texts = UINT32_MAX}};
    ask(&question);
    CHECK_EQ(question.answer.events->count, 0);
    release(&question);
    then_the_world_ends();
}

TEST(sessions_are_listed_latest_first_with_those_archived_elsewhere)
{
    struct member members[] = {member_of(1), member_of(2)};
    struct session_scan scan = {.from = {.ms = INT64_MIN},
                                .to = {.ms = INT64_MAX},
                                .with = UINT32_MAX,
                                .count_max = 10,
                                .bytes_max = UINT64_MAX,
                                .members = members,
                                .member_count = 2};
    struct question question;

    given_a_world(2, 64, 8);
    send_event(1, T0, "click", (struct extra){0}); /* final when they merge */
    send_event(1, T0 + 30 * MS_PER_HOUR, "click", (struct extra){0});
    send_event(2, T0 + 30 * MS_PER_HOUR + 30 * MINUTE, "click", (struct extra){0});
    send_merge(0, 1, 2);
    send_event(2, T0 + 30 * MS_PER_HOUR + 31 * MINUTE, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();

    question = (struct question){.kind = QUESTION_SESSIONS, .target = 1, .ask.sessions = &scan};
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    CHECK_EQ(question.answer.sessions->rows[0].start.ms, T0);
    CHECK_EQ(question.answer.sessions->rows[0].person, 1);
    CHECK(!question.answer.sessions->rows[0].is_open);
    release(&question);
    question = (struct question){.kind = QUESTION_SESSIONS, .target = 2, .ask.sessions = &scan};
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    CHECK_EQ(question.answer.sessions->rows[0].start.ms, T0 + 30 * MS_PER_HOUR);
    CHECK_EQ(question.answer.sessions->rows[0].event_count, 3);
    CHECK_EQ(question.answer.sessions->rows[0].person, 2);
    CHECK(question.answer.sessions->rows[0].is_open);
    release(&question);

    question = (struct question){.kind = QUESTION_EVENT_SESSION, .target = 1};
    question.ask.event_session.members = members;
    question.ask.event_session.member_count = 2;
    question.ask.event_session.person = 1;
    question.ask.event_session.with = UINT32_MAX;
    question.ask.event_session.event_time.ms = T0;
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    release(&question);
    question.target = 2;
    question.ask.event_session.event_time.ms = T0 + 30 * MS_PER_HOUR;
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 1);
    release(&question);
    question.ask.event_session.event_time.ms = T0 + 30 * MS_PER_HOUR - 1;
    ask(&question);
    CHECK_EQ(question.answer.sessions->count, 0);
    release(&question);

    question = ask_profile_of(2);
    CHECK_EQ(question.answer.profile->total_sessions, 2);
    CHECK_EQ(question.answer.profile->closed_sessions, 1);
    release(&question);
    then_the_world_ends();
}

static struct question
ask_cube(struct cube_scan *scan)
{
    struct question question = {.kind = QUESTION_CUBE, .target = 0, .ask.cube = scan};

    ask(&question);
    return question;
}

TEST(the_cube_counts_hours_codes_users_and_sessions)
{
    struct code_filter filters[] = {
        {DIMENSION_COUNTRY, 5}, {DIMENSION_COUNTRY, 6}, {DIMENSION_EVENT_TYPE, 2}};
    struct cube_scan scan = {.from = {.ms = T0},
                             .to = {.ms = T0 + 2 * MS_PER_HOUR},
                             .bucket_ms = MS_PER_HOUR,
                             .has_dimension = true,
                             .dimension = DIMENSION_COUNTRY,
                             .wants_users = true,
                             .wants_sessions = true};
    struct question question;
    const struct cube_row *rows;

    given_a_world(1, 4096, 8);
    send_event(4, T0, "a", (struct extra){.code = {2, 5}});
    send_event(4, T0 + MINUTE, "a", (struct extra){.code = {2, 6}});
    send_event(8, T0 + MINUTE, "a", (struct extra){.code = {3, 5}});
    send_event(8, T0 + MS_PER_HOUR, "a", (struct extra){.code = {3, 5}});
    send_event(4, T0 + 5 * MS_PER_HOUR, "a", (struct extra){.code = {3, 5}});
    send_progress(0);

    question = ask_cube(&scan);
    rows = question.answer.cube->rows;
    CHECK_EQ(question.answer.cube->count, 3);
    CHECK_EQ(rows[0].bucket, 0);
    CHECK_EQ(rows[0].code, 5);
    CHECK_EQ(rows[0].events, 2);
    CHECK_EQ(rows[0].users.count, 2);
    CHECK_EQ(rows[0].users.persons[0], 4);
    CHECK_EQ(rows[0].sessions, 2);
    CHECK_EQ(rows[0].closed_sessions, 2);
    CHECK_EQ(rows[0].closed_duration_ms, MINUTE);
    CHECK_EQ(rows[1].code, 6);
    CHECK_EQ(rows[1].events, 1);
    CHECK_EQ(rows[1].sessions, 0);
    CHECK_EQ(rows[2].bucket, 1);
    CHECK_EQ(rows[2].sessions, 1);
    release(&question);

    scan.filters = filters;
    scan.filter_count = COUNT_OF(filters);
    scan.has_dimension = false;
    scan.bucket_ms = 0;
    question = ask_cube(&scan);
    rows = question.answer.cube->rows;
    CHECK_EQ(question.answer.cube->count, 1);
    CHECK_EQ(rows[0].events, 2);
    CHECK_EQ(rows[0].users.count, 1);
    CHECK_EQ(rows[0].sessions, 1);
    release(&question);

    scan = (struct cube_scan){.from = {.ms = T0},
                              .to = {.ms = T0 + 2 * MINUTE},
                              .bucket_ms = MINUTE,
                              .wants_users = true,
                              .wants_sessions = true};
    question = ask_cube(&scan);
    rows = question.answer.cube->rows;
    CHECK_EQ(question.answer.cube->count, 2);
    CHECK_EQ(rows[0].events, 1);
    CHECK_EQ(rows[0].sessions, 1);
    CHECK_EQ(rows[1].events, 2);
    CHECK_EQ(rows[1].users.count, 2);
    CHECK_EQ(rows[1].sessions, 1);
    CHECK_EQ(rows[1].closed_sessions, 1);
    release(&question);
    then_the_world_ends();
}

/* Cells and single events say the same, in pieces too, after merges and revisions. */
TEST(hours_from_cells_are_the_same_as_from_events)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint32_t living[40];
        uint32_t living_count = COUNT_OF(living);
        uint64_t dice = seed;
        int64_t clock = T0;

        given_a_world(1, 8192, 8);
        for (uint32_t i = 0; i < COUNT_OF(living); i++) {
            living[i] = i;
        }
        for (uint32_t i = 0; i < 1500; i++) {
            send_chance(&dice, living, &living_count, &clock);
            if (i % 100 == 0) {
                send_progress(0);
                publish();
                (void)turn(0);
            }
        }
        send_progress(0);
        run_until_quiet();
        world.ns_per_look = 100 * NS_PER_US;
        for (uint16_t slice = 0; slice < WORLD_SLICES; slice++) {
            struct cube_scan scan = {.from = {.ms = T0 - 2 * MS_PER_DAY},
                                     .to = {.ms = T0 + 4 * MS_PER_DAY},
                                     .has_dimension = true,
                                     .dimension = DIMENSION_EVENT_TYPE,
                                     .wants_users = true,
                                     .wants_sessions = true};
            struct question cells = {.kind = QUESTION_CUBE, .target = slice, .ask.cube = &scan};
            struct question events = cells;
            uint64_t sums[4][4] = {0};

            ask(&cells);
            for (uint32_t i = 0; i < cells.answer.cube->count; i++) {
                const struct cube_row *row = &cells.answer.cube->rows[i];
                sums[row->code][0] = row->events;
                sums[row->code][1] = row->sessions;
                sums[row->code][2] = row->closed_sessions;
                sums[row->code][3] = row->closed_duration_ms;
            }
            scan.bucket_ms = 60000;
            ask(&events);
            for (uint32_t i = 0; i < events.answer.cube->count; i++) {
                const struct cube_row *row = &events.answer.cube->rows[i];
                sums[row->code][0] -= row->events;
                sums[row->code][1] -= row->sessions;
                sums[row->code][2] -= row->closed_sessions;
                sums[row->code][3] -= row->closed_duration_ms;
            }
            for (uint32_t code = 0; code < 4; code++) {
                for (uint32_t i = 0; i < 4; i++) {
                    CHECK_EQ(sums[code][i], 0);
                }
            }
            release(&cells);
            release(&events);
        }
        then_the_world_ends();
    }
}

TEST(codes_that_are_not_asked_for_are_one_row_and_their_people_count_once)
{
    static const uint32_t codes[] = {2, 5};

    given_a_world(1, 64, 8);
    for (uint32_t code = CODE_OTHER; code < 6; code++) {
        send_event(4, T0 + code, "click", (struct extra){.code = {code}});
    }
    send_event(8, T0 + MS_PER_HOUR, "click", (struct extra){.code = {3}});
    send_progress(0);
    for (uint32_t by_events = 0; by_events < 2; by_events++) {
        struct cube_scan scan = {.from = {.ms = T0},
                                 .to = {.ms = T0 + 2 * MS_PER_HOUR},
                                 .reads_events = by_events > 0,
                                 .has_dimension = true,
                                 .has_codes = true,
                                 .codes = codes,
                                 .code_count = COUNT_OF(codes),
                                 .wants_users = true};
        struct question question = {.kind = QUESTION_CUBE, .ask.cube = &scan};

        ask(&question);
        CHECK_EQ(question.answer.cube->count, 3);
        CHECK_EQ(question.answer.cube->rows[0].code, CODE_OTHER);
        CHECK_EQ(question.answer.cube->rows[0].events, 4); /* 1, 3, 4, and 3 again */
        CHECK_EQ(question.answer.cube->rows[0].users.count, 2);
        CHECK_EQ(question.answer.cube->rows[1].code, 2);
        CHECK_EQ(question.answer.cube->rows[2].code, 5);
        release(&question);

        scan.code_count = 0; /* nothing but the rest */
        question = (struct question){.kind = QUESTION_CUBE, .ask.cube = &scan};
        ask(&question);
        CHECK_EQ(question.answer.cube->count, 1);
        CHECK_EQ(question.answer.cube->rows[0].events, 6);
        release(&question);
    }
    then_the_world_ends();
}

TEST(open_sessions_are_those_that_the_watermark_has_not_passed)
{
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = 0};

    given_a_world(1, 64, 8);
    send_event(4, T0, "a", (struct extra){0});
    send_event(8, T0 + 31 * MINUTE, "a", (struct extra){0}); /* W = T0 + 30 min: exactly is open */
    send_progress(0);
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 2);
    release(&question);
    send_event(8, T0 + 31 * MINUTE + 1, "a", (struct extra){0});
    send_progress(0);
    question = (struct question){.kind = QUESTION_OPEN_SESSIONS, .target = 0};
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 1);
    release(&question);
    then_the_world_ends();
}

TEST(sessions_read_from_before_a_merge_are_stale)
{
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = 0};

    given_a_world(2, 64, 8);
    send_event(1, T0, "click", (struct extra){0});
    send_event(2, T0, "click", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    struct reading before = reading_of(0);
    send_merge(0, 1, 2);
    send_event(2, T0 + 1, "login", (struct extra){0});
    send_progress(0);
    run_until_quiet();

    question.reading = before;
    ask(&question);
    CHECK_EQ(question.fault, -ESTALE);
    question = (struct question){.kind = QUESTION_OPEN_SESSIONS};
    ask(&question);
    CHECK_EQ(question.fault, 0);
    release(&question);
    then_the_world_ends();
}

TEST(a_wider_gap_opens_sessions_again)
{
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = 0};

    given_a_world(1, 64, 8);
    send_event(4, T0, "a", (struct extra){0});
    send_event(8, T0 + 60 * MINUTE, "a", (struct extra){0});
    send_progress(0);
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 1);
    release(&question);
    send_settings(0, 120 * MINUTE, MS_PER_DAY);
    send_progress(0);
    question = (struct question){.kind = QUESTION_OPEN_SESSIONS, .target = 0};
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 2);
    release(&question);
    then_the_world_ends();
}

TEST(a_keeper_that_is_never_idle_closes_sessions_too)
{
    struct progress *progress;
    uint32_t turns = 0;

    given_a_world(1, 64, 8);
    send_event(4, T0, "a", (struct extra){0});
    progress = world_payload(sizeof(*progress) + sizeof(struct progress_tenant));
    progress->tenant_count = 1;
    progress->wall.ms = T0 + 31 * MINUTE + 10001; /* W = T0 + 30 min + 1 ms */
    progress->tenants[0] = (struct progress_tenant){
        .clock = {.watermark = {.ms = T0 - MINUTE}, .block_wall = {.ms = T0}, .is_live = true}};
    world_send(0, (struct message){.kind = MESSAGE_PROGRESS, .position = 1, .payload = progress});
    do {
        send_event(5, T0 + 31 * MINUTE, "a", (struct extra){0});
        publish();
        (void)turn(0);
        turns++;
    } while (turns < 4096 && keeper_counts(world.keepers[0]).sessions_open > 1);
    CHECK_EQ(keeper_counts(world.keepers[0]).sessions_open, 1); /* the one that goes on */
    CHECK(turns > 1);
    run_until_quiet();
    then_the_world_ends();
}

TEST(silence_closes_sessions_of_a_live_tenant)
{
    struct question question = {.kind = QUESTION_OPEN_SESSIONS, .target = 0};
    struct progress *progress;

    given_a_world(1, 64, 8);
    send_event(4, T0, "a", (struct extra){0});
    progress = world_payload(sizeof(*progress) + sizeof(struct progress_tenant));
    progress->tenant_count = 1;
    progress->wall.ms = T0;
    progress->tenants[0] = (struct progress_tenant){
        .clock = {.watermark = {.ms = T0 - MINUTE}, .block_wall = {.ms = T0}, .is_live = true}};
    world_send(0, (struct message){.kind = MESSAGE_PROGRESS, .position = 1, .payload = progress});
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 1);
    release(&question);

    progress = world_payload(sizeof(*progress));
    progress->wall.ms = T0 + 31 * MINUTE + 10001; /* W = T0 + 30 min + 1 ms */
    world_send(0, (struct message){.kind = MESSAGE_PROGRESS, .position = 1, .payload = progress});
    run_until_quiet();
    CHECK_EQ(keeper_counts(world.keepers[0]).sessions_open, 0); /* nobody asked */
    question = (struct question){.kind = QUESTION_OPEN_SESSIONS, .target = 0};
    ask(&question);
    CHECK_EQ(question.answer.open_sessions, 0);
    release(&question);
    then_the_world_ends();
}
