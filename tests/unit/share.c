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

/* The address of its record, when it has become final. */
static uint64_t
archive(void)
{
    const uint64_t address = 77;

    share_archive(&memory, &share, &person,
                  session_set_rows(&person.profile->pack, &person.profile->sessions), address);
    pack_list_remove(&person.profile->pack, &person.profile->sessions.rows, 0, 1, sizeof(*session));
    return address;
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
    CHECK_EQ(order_count(&share.sessions), 0);
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
    const struct order_entry *entry;

    given_a_session_in_a_share();
    share_enter(&memory, &share, &person, a_session(T0 + 2 * GAP, 2));
    uint64_t address = archive();
    struct profile *moved = profile_renew(&memory, person.profile, 0);
    memset(person.profile, 0xa5, person.profile->pack.used);
    person.profile = moved;
    entry = order_next(&share.sessions, &place);
    CHECK(share_entry_person(entry) == NULL);
    CHECK_EQ(share_entry_address(entry), address);
    CHECK_EQ(entry->time, T0);
    CHECK_DIES(share_session(entry));
    CHECK_DIES(share_known_session(entry));
    entry = order_next(&share.sessions, &place);
    CHECK(share_entry_person(entry) == &person);
    CHECK_EQ(share_entry_address(entry), 0);
    struct session_at at = share_session(entry);
    CHECK_EQ(at.session->start.ms, T0 + 2 * GAP);
    CHECK(at.pack == &moved->pack);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 1), 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, 1), 1);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(share.open_count, 0);
    then_memory_ends();
}

TEST(what_was_archived_is_filled_in_with_the_rest)
{
    struct session archived = {.session_id = {{9}}, .start = {.ms = T0}, .end = {.ms = T0 + 5}, .code = {3}};
    struct order_entry entries[2];

    given_memory();
    share = (struct share){.gap_ms = GAP};
    person = (struct person){.share = &share, .profile = profile_create(&memory, 4096)};
    session = a_session(T0, 1);
    session->is_entered = true;
    entries[0] = share_entry(&person, session);
    entries[1] = share_archived_entry(&archived, (UINT64_C(1) << 40) - 1);
    share_count_archived(&memory, &share, &archived);
    share_fill(&memory, &share, entries, 2);
    CHECK_EQ(share_entry_address(&entries[1]), (UINT64_C(1) << 40) - 1);
    CHECK_EQ(share.session_count, 2);
    CHECK_EQ(share.open_count, 1);
    CHECK_EQ(share.closings.count, 1);
    CHECK_EQ(cell().sessions, 2);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(cell().closed_duration_ms, 5);
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
