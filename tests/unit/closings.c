/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/closings.h"

static struct closings closings;

static struct event_ms
at(int64_t ms)
{
    return (struct event_ms){.ms = ms};
}

TEST(nobody_closes_at_the_very_deadline)
{
    struct session session = {.end = {.ms = 100}};

    given_memory();
    closings = (struct closings){0};
    CHECK(closings_pop(&closings, at(INT64_MAX), 10) == NULL);
    closings_add(&memory, &closings, &session, 10);
    CHECK_DIES(closings_add(&memory, &closings, &session, 10));
    CHECK(closings_pop(&closings, at(110), 10) == NULL);
    CHECK(closings_pop(&closings, at(111), 10) == &session);
    CHECK_EQ(session.closing_index, 0);
    closings_remove(&closings, &session); /* no effect */
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(a_session_that_grew_closes_when_it_really_ends)
{
    struct session early = {.end = {.ms = 100}};
    struct session late = {.end = {.ms = 200}};

    given_memory();
    closings = (struct closings){0};
    closings_add(&memory, &closings, &early, 10);
    closings_add(&memory, &closings, &late, 10);
    early.end.ms = 300;
    CHECK(closings_pop(&closings, at(211), 10) == &late);
    CHECK(closings_pop(&closings, at(310), 10) == NULL);
    CHECK(closings_pop(&closings, at(311), 10) == &early);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(all_that_is_due_comes_whatever_was_removed_or_grew)
{
    enum { COUNT = 2000 };
    struct session *sessions = calloc(COUNT, sizeof(*sessions));
    uint64_t dice = 1;
    uint32_t popped = 0;
    uint32_t left = 0;

    CHECK(sessions != NULL);
    given_memory();
    closings = (struct closings){0};
    for (uint32_t i = 0; i < COUNT; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        sessions[i].end.ms = (int64_t)((dice >> 33) % 10000);
        closings_add(&memory, &closings, &sessions[i], 10);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        if (i % 5 == 0) {
            closings_remove(&closings, &sessions[i]);
        } else if (i % 3 == 0) {
            sessions[i].end.ms += 3000;
        }
    }
    for (;;) {
        struct session *session = closings_pop(&closings, at(5000), 10);
        if (session == NULL) {
            break;
        }
        CHECK(session->end.ms + 10 < 5000);
        popped++;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        left += i % 5 != 0 && sessions[i].end.ms + 10 >= 5000;
    }
    CHECK_EQ(closings.count, left);
    CHECK_EQ(popped + left, COUNT - COUNT / 5);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
    free(sessions);
}
