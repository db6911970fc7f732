/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/closings.h"

static struct closings closings;

static void
add(int64_t deadline, int64_t start)
{
    closings_add(&memory, &closings, deadline, (struct event_ms){.ms = start}, NULL);
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
    CHECK_EQ(row.start, 7);
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
    CHECK_EQ(row.start, 3);
    CHECK(pop(9001, &row));
    CHECK_EQ(row.start, 2);
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(what_is_told_of_a_session_comes_back)
{
    const int64_t year_0_ms = INT64_C(-62167219200000);
    const struct event_ms starts[] = {{year_0_ms}, {-1}, {0}, {INT64_C(1780315200123)}};
    struct person *person = (struct person *)UINTPTR_MAX; /* only its address counts */
    struct closing row;

    given_memory();
    closings = (struct closings){0};
    person = (struct person *)((uintptr_t)person >> 20 << 3); /* the highest there can be */
    for (uint32_t i = 0; i < COUNT_OF(starts); i++) {
        closings_add(&memory, &closings, starts[i].ms + i, starts[i], person);
        CHECK(!pop(starts[i].ms + i, &row));
        CHECK(pop(starts[i].ms + i + 1, &row));
        CHECK_EQ(row.deadline, starts[i].ms + i);
        CHECK(row.person == person);
        CHECK(closing_is_of(&row, starts[i]));
        CHECK(!closing_is_of(&row, (struct event_ms){.ms = starts[i].ms + 1}));
        CHECK(!closing_is_of(&row, (struct event_ms){.ms = starts[i].ms - (INT64_C(1) << 35)}));
    }
    closings_clear(&memory, &closings);
    then_nothing_is_left();
}

TEST(a_deadline_that_never_comes_is_kept)
{
    struct closing row;

    given_memory();
    closings = (struct closings){0};
    add(INT64_MAX, 1);
    add(INT64_C(253402300799999), 2); /* the end of the year 9999 */
    CHECK(!pop(INT64_C(200000000000000), &row));
    CHECK(pop(INT64_MAX, &row));
    CHECK(pop(INT64_MAX, &row));
    CHECK(!pop(INT64_MAX, &row));
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
            CHECK_EQ(row.deadline, deadlines[row.start]);
            CHECK(row.deadline < 3000);
            popped++;
        }
    }
    while (pop(5000, &row)) {
        CHECK_EQ(row.deadline, deadlines[row.start]);
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
        CHECK_EQ(row.start, i);
        closings_trim(&memory, &closings);
        CHECK(closings.capacity > closings.count);
        CHECK(closings.capacity <= 128 || closings.capacity <= 5 * closings.count / 2);
    }
    CHECK(region_used(&kept_region) < most / 50);
    add(5, 5);
    CHECK(pop(6, &row));
    CHECK_EQ(row.start, 5);
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
        closings_add(&tight, &closings, i, (struct event_ms){.ms = i}, NULL);
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
    CHECK_EQ(row.start, 800);
    closings_clear(&tight, &closings);
    region_deinit(&small);
    then_nothing_is_left();
}
