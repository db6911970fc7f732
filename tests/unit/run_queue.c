/* SPDX-License-Identifier: Apache-2.0 */
#include "core/run_queue.h"

#include "tests/check.h"

#include <stdio.h>

#define TASK_COUNT 8u
#define PIECE_NS (10 * NS_PER_US)

struct work {
    struct task task;
    uint32_t piece_count; /* left */
    uint32_t slice_count; /* had */
    struct work *follower;
};

static struct run_queue queue;
static struct work works[TASK_COUNT];
static struct mono_ns clock_now;
static char done[64];

static struct mono_ns
now(void *context)
{
    (void)context;
    return clock_now;
}

static enum step
step(struct task *task, const struct time_slice *time)
{
    struct work *work = CONTAINER_OF(task, struct work, task);

    work->slice_count++;
    if (work->follower != NULL) {
        run_queue_add(&queue, &work->follower->task, step);
    }
    while (work->piece_count > 0) {
        clock_now.ns += PIECE_NS;
        if (--work->piece_count > 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    snprintf(done + strlen(done), sizeof(done) - strlen(done), "%u", (unsigned)(work - works));
    return STEP_DONE;
}

static void
given_a_queue(void)
{
    memset(works, 0, sizeof(works));
    done[0] = '\0';
    clock_now.ns = NS_PER_S;
    run_queue_init(&queue, now, NULL);
}

static void
add(uint32_t which, uint32_t piece_count)
{
    works[which].piece_count = piece_count;
    run_queue_add(&queue, &works[which].task, step);
}

TEST(an_empty_queue_has_nothing_to_do)
{
    given_a_queue();
    CHECK_EQ(run_queue_run(&queue), STEP_DONE);
    CHECK(run_queue_is_empty(&queue));
}

TEST(no_task_is_queued_twice)
{
    given_a_queue();
    add(1, 1);
    add(1, 1);
    CHECK_EQ(run_queue_run(&queue), STEP_DONE);
    CHECK_TEXT(done, "1");
    add(1, 1);
    CHECK_EQ(run_queue_run(&queue), STEP_DONE);
    CHECK_TEXT(done, "11");
}

TEST(what_comes_late_and_is_small_is_done_first)
{
    given_a_queue();
    add(0, 1000); /* 10 ms */
    CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    add(1, 1);
    CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    CHECK_TEXT(done, "1");
    CHECK(works[0].slice_count >= 2);
}

TEST(a_run_ends_with_its_time)
{
    given_a_queue();
    for (uint32_t i = 0; i < TASK_COUNT; i++) {
        add(i, 1000);
    }
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t began_ns = clock_now.ns;

        CHECK_EQ(run_queue_run(&queue), STEP_MORE);
        CHECK(clock_now.ns - began_ns <= RUN_QUEUE_SLICE_NS + RUN_QUEUE_SLICE_NS / 4 + PIECE_NS);
    }
}

TEST(the_large_have_equal_shares)
{
    given_a_queue();
    for (uint32_t i = 0; i < TASK_COUNT; i++) {
        add(i, 10000);
    }
    while (queue.fresh.first != NULL) {
        CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    }
    for (uint32_t i = 0; i < TASK_COUNT; i++) {
        works[i].slice_count = 0;
    }
    for (uint32_t i = 0; i < 100 * TASK_COUNT; i++) {
        CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    }
    for (uint32_t i = 1; i < TASK_COUNT; i++) {
        CHECK_EQ(works[i].slice_count, works[0].slice_count);
    }
}

TEST(a_flood_of_small_ones_does_not_stop_a_large_one)
{
    given_a_queue();
    add(0, 50);
    for (uint32_t i = 0; i < 100 && works[0].piece_count > 0; i++) {
        for (uint32_t k = 1; k < TASK_COUNT; k++) {
            add(k, 20); /* more than a run can do */
        }
        CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    }
    CHECK_EQ(works[0].piece_count, 0);
}

TEST(a_step_may_add_tasks_which_wait_for_the_next_run)
{
    given_a_queue();
    works[0].follower = &works[1];
    works[1].follower = &works[1]; /* itself */
    add(0, 1);
    CHECK_EQ(run_queue_run(&queue), STEP_MORE);
    CHECK_TEXT(done, "0");
    works[1].follower = NULL;
    CHECK_EQ(run_queue_run(&queue), STEP_DONE);
    CHECK_TEXT(done, "01");
}

TEST(time_is_over_when_it_has_come)
{
    struct time_slice time = {.now = now, .until = {.ns = NS_PER_S}};

    given_a_queue();
    CHECK(time_slice_is_over(&time));
    time.until.ns++;
    CHECK(!time_slice_is_over(&time));
    CHECK(!time_slice_is_over(NULL));
}
