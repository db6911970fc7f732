/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/profile.h"
#include "shards/share.h"

#define GAP (30 * MINUTE)

static struct share share;
static struct person person;
static struct session *session;

static struct session *
a_session(int64_t start, uint8_t id)
{
    struct pack_list *rows = &person.profile->sessions.rows;
    struct session *row = pack_list_insert(&person.profile->pack, rows, rows->count, sizeof(*row));

    *row = (struct session){
        .session_id = {{id}}, .start = {.ms = start}, .end = {.ms = start + MINUTE}, .code = {3}};
    return row;
}

/* Its block, when it has become final. */
static struct session_block *
archive(void)
{
    struct session_at at = {
        .pack = &person.profile->pack,
        .session = session_set_rows(&person.profile->pack, &person.profile->sessions),
    };
    struct session_block *block = session_copy(&memory, at);

    share_archive(&memory, &share, &person, block);
    pack_list_remove(&person.profile->pack, &person.profile->sessions.rows, 0, 1, sizeof(*session));
    return block;
}

static void
given_a_session_in_a_share(void)
{
    given_memory();
    share = (struct share){.gap_ms = GAP};
    person = (struct person){.share = &share, .profile = profile_create(&memory, 4096)};
    session = a_session(T0, 1);
    share_enter(&memory, &share, &person, session);
}

static struct cube_cell
cell(void)
{
    return *cube_cell(&memory, &share.cube, (struct event_ms){.ms = T0},
                      (const uint32_t[DIMENSION_COUNT]){3});
}

TEST(a_session_is_counted_closed_only_past_its_gap_and_once)
{
    given_a_session_in_a_share();
    CHECK_EQ(cell().sessions, 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MINUTE + GAP}, 9), 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MINUTE + GAP + 1}, 9), 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9), 0);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(cell().closed_duration_ms, MINUTE);
    (void)archive();
    CHECK_EQ(cell().closed_sessions, 1);
    then_memory_ends();
}

TEST(a_session_that_leaves_takes_its_counts_along)
{
    given_a_session_in_a_share();
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9), 1);
    CHECK_EQ(share.open_count, 0);
    share_leave(&memory, &share, &person, session);
    CHECK_EQ(share.open_count, 0);
    CHECK_EQ(cell().sessions, 0);
    CHECK_EQ(cell().closed_sessions, 0);
    CHECK_EQ(cell().closed_duration_ms, 0);
    CHECK_EQ(share.sessions.count, 0);
    then_memory_ends();
}

TEST(an_open_session_that_is_archived_is_closed)
{
    given_a_session_in_a_share();
    (void)archive();
    CHECK_EQ(share.open_count, 0);
    CHECK_EQ(cell().closed_sessions, 1);
    share_regap(&memory, &share, 10 * GAP); /* what is archived stays closed */
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(share.closings.count, 0);
    then_memory_ends();
}

TEST(people_stay_in_the_order_in_which_they_came)
{
    char people[100]; /* only their addresses count */

    given_a_session_in_a_share();
    for (uint32_t i = 0; i < COUNT_OF(people); i++) {
        share_add_person(&memory, &share, (struct person *)&people[i]);
    }
    CHECK_EQ(share.person_count, COUNT_OF(people));
    for (uint32_t i = 0; i < COUNT_OF(people); i++) {
        CHECK((char *)share.people[i] == &people[i]);
    }
    then_memory_ends();
}

TEST(another_gap_begins_the_closing_anew)
{
    given_a_session_in_a_share();
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 2 * GAP}, 9), 1);
    share_regap(&memory, &share, 10 * GAP);
    CHECK_EQ(cell().closed_sessions, 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 2 * GAP}, 9), 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 11 * GAP}, 9), 1);
    then_memory_ends();
}

TEST(a_session_that_grew_closes_when_it_really_ends)
{
    given_a_session_in_a_share();
    session->end.ms += 10 * MINUTE;
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 11 * MINUTE + GAP}, 9), 0);
    CHECK_EQ(share.open_count, 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 11 * MINUTE + GAP + 1}, 9), 1);
    CHECK_EQ(share.open_count, 0);
    CHECK_EQ(cell().closed_duration_ms, 11 * MINUTE);
    then_memory_ends();
}

TEST(a_session_that_left_or_whose_person_has_no_profile_closes_nothing)
{
    given_a_session_in_a_share();
    share_leave(&memory, &share, &person, session);
    CHECK_EQ(share.open_count, 0);
    (void)share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9);
    CHECK_EQ(cell().closed_sessions, 0);
    share_enter(&memory, &share, &person, session);
    share_leave(&memory, &share, &person, session);
    person.profile = NULL;
    (void)share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9);
    CHECK_EQ(cell().closed_sessions, 0);
    CHECK_EQ(share.closings.count, 0);
    then_memory_ends();
}

TEST(a_session_that_left_and_came_again_closes_once)
{
    given_a_session_in_a_share();
    for (int i = 0; i < 3; i++) {
        share_leave(&memory, &share, &person, session);
        share_enter(&memory, &share, &person, session);
    }
    CHECK_EQ(share.open_count, 1);
    (void)share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 9);
    CHECK_EQ(share.open_count, 0);
    CHECK_EQ(cell().sessions, 1);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(share.closings.count, 0);
    then_memory_ends();
}

TEST(sessions_are_found_wherever_their_profile_has_moved)
{
    struct order_place place = {0};
    const struct session_block *block;

    given_a_session_in_a_share();
    share_enter(&memory, &share, &person, a_session(T0 + 2 * GAP, 2));
    block = archive();
    struct profile *moved = profile_renew(&memory, person.profile, 0);
    memset(person.profile, 0xa5, person.profile->pack.used);
    person.profile = moved;
    CHECK(share_session(order_next(&share.sessions, &place)).session == &block->session);
    struct session_at at = share_session(order_next(&share.sessions, &place));
    CHECK_EQ(at.session->start.ms, T0 + 2 * GAP);
    CHECK(at.pack == &moved->pack);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 1), 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 1), 1);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(share.open_count, 0);
    then_memory_ends();
}

TEST(of_many_sessions_each_is_found_by_its_start)
{
    struct order_place place = {0};
    uint32_t count = 0;

    given_memory();
    share = (struct share){.gap_ms = GAP};
    person = (struct person){.share = &share, .profile = profile_create(&memory, 1 << 20)};
    for (int64_t i = 0; i < 200; i++) {
        share_enter(&memory, &share, &person, a_session(T0 + 2 * i * GAP, (uint8_t)i));
    }
    /* One that is not in, and begins as another one does. */
    *a_session(0, 0) = (struct session){.session_id = {{77}}, .start = {.ms = T0 + 398 * GAP}};
    for (;;) {
        const struct order_entry *entry = order_next(&share.sessions, &place);
        if (entry == NULL) {
            break;
        }
        CHECK_EQ(share_session(entry).session->start.ms, entry->time);
        CHECK_EQ(share_session(entry).session->session_id.byte[0], count);
        count++;
    }
    CHECK_EQ(count, 200);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 100 * GAP}, 500), 50);
    CHECK_EQ(share.open_count, 150);
    then_memory_ends();
}
