/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/keeper_world.h"

#include <errno.h>

TEST(what_nobody_wants_stops_between_two_slices)
{
    static struct question questions[3];
    struct scatter scatter = {.is_unwanted = false};
    struct subquery message = {.scatter = &scatter, .first = questions, .unanswered = 3};
    struct event_scan scan = {.from = {.ms = INT64_MIN},
                              .to = {.ms = INT64_MAX},
                              .count_max = 1000,
                              .texts = UINT32_MAX,
                              .bytes_max = UINT64_MAX};

    given_a_world(1, 4096, 8);
    for (uint32_t i = 0; i < 1000; i++) {
        send_event(4, T0 + i, "click", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    world.ns_per_look = 60 * NS_PER_US;
    for (uint32_t i = 0; i < 3; i++) {
        questions[i] = (struct question){.kind = QUESTION_EVENTS,
                                         .reading = reading_of(0),
                                         .subquery = &message,
                                         .sibling = i < 2 ? &questions[i + 1] : NULL,
                                         .ask.events = &scan};
    }
    keeper_ask(world.keepers[0], &message);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(turn(0), STEP_MORE);
    }
    CHECK_EQ(world.answered_count, 0);
    CHECK(questions[0].arena.bytes_used > 0);
    scatter_abandon(&scatter);
    CHECK_EQ(turn(0), STEP_DONE);
    CHECK_EQ(world.answered_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(questions[i].fault, -ETIMEDOUT);
    }
    then_the_world_ends();
}

/* With its last answer a message is the coordinator's again, however late it is: nobody comes back to it. */
TEST(a_message_that_is_answered_as_its_slice_ends_is_left_alone)
{
    static struct question questions[8]; /* as many as are answered between two looks at the clock */
    struct subquery message = {.first = questions, .unanswered = COUNT_OF(questions)};

    given_a_world(1, 64, 8);
    send_event(0, T0, "click", (struct extra){0});
    send_progress(0);
    run_until_quiet();
    for (uint32_t i = 0; i < COUNT_OF(questions); i++) {
        questions[i] = (struct question){.kind = QUESTION_PROFILE,
                                         .reading = reading_of(0),
                                         .subquery = &message,
                                         .sibling = i + 1 < COUNT_OF(questions) ? &questions[i + 1] : NULL,
                                         .ask.profile.canonical = canonical_of(0)};
    }
    world.ns_per_look = NS_PER_MS;
    keeper_ask(world.keepers[0], &message);
    while (message.unanswered > 0) {
        (void)turn(0);
    }
    memset(&message, 0xa5, sizeof(message)); /* it serves somebody else */
    CHECK_EQ(turn(0), STEP_DONE);
    for (uint32_t i = 0; i < COUNT_OF(questions); i++) {
        release(&questions[i]);
    }
    then_the_world_ends();
}

TEST(a_small_question_is_answered_before_a_large_one_that_came_first)
{
    static struct question large[64];
    struct question small = {.kind = QUESTION_PROFILE, .target = 0, .ask.profile.canonical = canonical_of(4)};
    struct subquery message = {.first = large, .unanswered = COUNT_OF(large)};
    struct subquery other;
    struct event_scan scan = {.from = {.ms = INT64_MIN},
                              .to = {.ms = INT64_MAX},
                              .count_max = 1000,
                              .texts = UINT32_MAX,
                              .bytes_max = UINT64_MAX};

    given_a_world(1, 4096, 8);
    for (uint32_t i = 0; i < 1000; i++) {
        send_event(4, T0 + i, "click", (struct extra){0});
    }
    send_progress(0);
    run_until_quiet();
    world.ns_per_look = 10 * NS_PER_US;
    for (uint32_t i = 0; i < COUNT_OF(large); i++) {
        large[i] = (struct question){.kind = QUESTION_EVENTS,
                                     .reading = reading_of(0),
                                     .subquery = &message,
                                     .sibling = i + 1 < COUNT_OF(large) ? &large[i + 1] : NULL,
                                     .ask.events = &scan};
    }
    keeper_ask(world.keepers[0], &message);
    CHECK_EQ(turn(0), STEP_MORE);
    uint32_t answered_before = world.answered_count;
    CHECK(answered_before < COUNT_OF(large) / 2);
    small.reading = reading_of(0);
    keeper_ask_one(0, &other, &small);
    CHECK_EQ(turn(0), STEP_MORE);
    CHECK_EQ(other.unanswered, 0);
    CHECK(small.answer.profile != NULL);
    CHECK_EQ(small.answer.profile->total_events, 1000);
    release(&small);
    run_until_quiet();
    CHECK_EQ(world.answered_count, COUNT_OF(large) + 1);
    for (uint32_t i = 0; i < COUNT_OF(large); i++) {
        CHECK_EQ(large[i].answer.events->count, 1000);
        release(&large[i]);
    }
    then_the_world_ends();
}
