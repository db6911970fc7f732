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

TEST(rows_that_have_gone_leave_no_room_behind)
{
    enum { COUNT = 10000 };
    struct closing row;
    uint64_t most;

    given_memory();
    closings = (struct closings){0};
    for (int64_t i = 0; i < COUNT; i++) {
        add(i, i);
    }
    most = region_used(&kept_region);
    closings_trim(&memory, &closings);
    CHECK_EQ(region_used(&kept_region), most);
    for (int64_t i = 0; i < COUNT; i++) {
        CHECK(pop(INT64_MAX, &row));
        CHECK_EQ(row.start.ms, i);
        closings_trim(&memory, &closings);
        CHECK(closings.capacity > closings.count);
        CHECK(closings.capacity <= 64 || closings.capacity <= 4 * closings.count + 4);
    }
    CHECK(region_used(&kept_region) < most / 50);
    add(5, 5);
    CHECK(pop(6, &row));
    CHECK_EQ(row.start.ms, 5);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(without_memory_for_less_room_there_is_as_much_as_before)
{
    struct closing row;
    struct region small;

    given_memory();
    CHECK_EQ(region_init(&small, 64 << 10), 0);
    struct memory tight = {.region = &small};
    closings = (struct closings){0};
    for (int64_t i = 0; i < 1000; i++) {
        closings_add(&tight, &closings, (struct closing){.deadline = i, .start = {.ms = i}});
    }
    while (closings.count > 200) {
        CHECK(pop(INT64_MAX, &row));
    }
    void *rest = NULL;
    uint64_t rest_bytes = 64 << 10;
    while (rest == NULL) { /* all that is left */
        rest_bytes -= 16;
        rest = region_take(&small, rest_bytes);
    }
    closings_trim(&tight, &closings);
    CHECK(closings.capacity >= 1000);
    region_put(&small, rest, rest_bytes);
    closings_trim(&tight, &closings);
    CHECK(closings.capacity < 1000);
    CHECK(pop(INT64_MAX, &row));
    CHECK_EQ(row.start.ms, 800);
    closings_clear(&tight, &closings);
    region_deinit(&small);
    then_nothing_is_left();
}
