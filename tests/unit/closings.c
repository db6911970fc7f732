/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/closings.h"

static struct closings closings;

static void
add(int64_t deadline, int64_t start)
{
    closings_add(&memory, &closings, (struct closing){.deadline = deadline, .start = {.ms = start}});
}

static bool
pop(int64_t watermark, struct closing *out_row)
{
    return closings_pop(&closings, (struct event_ms){.ms = watermark}, out_row);
}

TEST(nobody_closes_at_the_very_deadline)
{
    struct closing row;

    given_memory();
    closings = (struct closings){0};
    CHECK(!pop(INT64_MAX, &row));
    add(110, 7);
    CHECK(!pop(110, &row));
    CHECK(pop(111, &row));
    CHECK_EQ(row.start.ms, 7);
    CHECK(!pop(INT64_MAX, &row));
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(a_deadline_before_1970_and_one_before_the_last_look_are_seen)
{
    struct closing row;

    given_memory();
    closings = (struct closings){0};
    add(-10000, 1);
    CHECK(!pop(-10000, &row));
    CHECK(pop(-5000, &row));
    CHECK(!pop(5000, &row));
    add(9000, 2);
    CHECK(!pop(9000, &row));
    add(-9000, 3);
    CHECK(pop(-8999, &row));
    CHECK_EQ(row.start.ms, 3);
    CHECK(pop(9001, &row));
    CHECK_EQ(row.start.ms, 2);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(all_that_is_due_comes_in_order)
{
    enum { COUNT = 2000 };
    static int64_t deadlines[COUNT];
    uint64_t dice = 1;
    uint32_t popped = 0;
    uint32_t due = 0;
    int64_t last = INT64_MIN;
    struct closing row;

    given_memory();
    closings = (struct closings){0};
    for (uint32_t i = 0; i < COUNT; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        deadlines[i] = (int64_t)((dice >> 33) % 10000);
        add(deadlines[i], i);
        if (i % 7 == 0 && pop(3000, &row)) {
            CHECK_EQ(row.deadline, deadlines[row.start.ms]);
            CHECK(row.deadline < 3000);
            popped++;
        }
    }
    while (pop(5000, &row)) {
        CHECK_EQ(row.deadline, deadlines[row.start.ms]);
        CHECK(row.deadline >= last);
        last = row.deadline;
        popped++;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        due += deadlines[i] < 5000;
    }
    CHECK_EQ(popped, due);
    CHECK_EQ(closings.count, COUNT - due);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}
