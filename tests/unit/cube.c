/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/cube.h"

static struct cube cube;

static void
add(int64_t time, uint32_t code, uint32_t person)
{
    uint32_t codes[DIMENSION_COUNT] = {code, 7};

    cube_add_event(&memory, &cube, (struct event_ms){.ms = time}, codes, person);
}

TEST(the_last_millisecond_of_an_hour_is_still_in_it)
{
    given_memory();
    cube = (struct cube){0};
    CHECK_EQ(cube_seek(&cube, 0), 0);
    add(T0 + MS_PER_HOUR, 2, 1);
    add(T0 + MS_PER_HOUR - 1, 2, 1);
    add(-1, 2, 1);
    CHECK_EQ(cube.hour_count, 3);
    CHECK_EQ(cube.hours[0]->hour, -1);
    CHECK_EQ(cube.hours[1]->hour, T0 / MS_PER_HOUR);
    CHECK_EQ(cube_seek(&cube, T0 / MS_PER_HOUR + 1), 2);
    CHECK_EQ(cube_seek(&cube, T0 / MS_PER_HOUR + 2), 3);
    then_memory_ends();
}

TEST(cells_and_users_come_once_however_many)
{
    given_memory();
    cube = (struct cube){0};
    for (uint32_t i = 0; i < 20000; i++) {
        add(T0 + i % 3600, i % 130, i % 70);
    }
    struct cube_hour *hour = cube.hours[0];
    CHECK_EQ(cube.hour_count, 1);
    CHECK_EQ(hour->cell_count, 130);
    CHECK_EQ(hour->user_count, 910); /* 130 and 70 meet in every number below 910 */
    uint64_t events = 0;
    for (uint32_t i = 0; i < hour->cell_count; i++) {
        CHECK_EQ(hour->cells[i].code[0], i);
        CHECK_EQ(hour->cells[i].code[1], 7);
        events += hour->cells[i].events;
    }
    CHECK_EQ(events, 20000);
    then_memory_ends();
}

TEST(a_correction_takes_away_what_was_added)
{
    uint32_t codes[DIMENSION_COUNT] = {1};

    given_memory();
    cube = (struct cube){0};
    cube_cell(&memory, &cube, (struct event_ms){.ms = T0}, codes)->closed_sessions += 1;
    cube_cell(&memory, &cube, (struct event_ms){.ms = T0}, codes)->closed_sessions -= 1;
    CHECK_EQ(cube.hours[0]->cell_count, 1);
    CHECK_EQ(cube.hours[0]->cells[0].closed_sessions, 0);
    then_memory_ends();
}
