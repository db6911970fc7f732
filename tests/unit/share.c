/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/share.h"

#define GAP (30 * MINUTE)

static struct share share;
static struct session session;

static void
given_a_session_in_a_share(void)
{
    given_memory();
    share = (struct share){0};
    session = (struct session){.start = {.ms = T0}, .end = {.ms = T0 + MINUTE}, .code = {3}};
    share_enter(&memory, &share, &session, GAP);
}

static struct cube_cell
cell(void)
{
    return *cube_cell(&memory, &share.cube, session.start, session.code);
}

TEST(a_session_is_counted_closed_only_past_its_gap_and_once)
{
    given_a_session_in_a_share();
    CHECK_EQ(cell().sessions, 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MINUTE + GAP}, GAP, 9), 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + MINUTE + GAP + 1}, GAP, 9), 1);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, GAP, 9), 0);
    CHECK_EQ(cell().closed_sessions, 1);
    CHECK_EQ(cell().closed_duration_ms, MINUTE);
    share_archive(&memory, &share, &session);
    CHECK_EQ(cell().closed_sessions, 1);
    then_memory_ends();
}

TEST(a_session_that_leaves_takes_its_counts_along)
{
    given_a_session_in_a_share();
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = INT64_MAX}, GAP, 9), 1);
    share_leave(&memory, &share, &session);
    CHECK_EQ(cell().sessions, 0);
    CHECK_EQ(cell().closed_sessions, 0);
    CHECK_EQ(cell().closed_duration_ms, 0);
    CHECK_EQ(share.sessions.count, 0);
    then_memory_ends();
}

TEST(an_open_session_that_is_archived_is_closed)
{
    given_a_session_in_a_share();
    share_archive(&memory, &share, &session);
    CHECK_EQ(share.closings.count, 0);
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
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 2 * GAP}, GAP, 9), 1);
    share_regap(&memory, &share, 10 * GAP);
    CHECK_EQ(cell().closed_sessions, 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 2 * GAP}, 10 * GAP, 9), 0);
    CHECK_EQ(share_close(&memory, &share, (struct event_ms){.ms = T0 + 11 * GAP}, 10 * GAP, 9), 1);
    then_memory_ends();
}
