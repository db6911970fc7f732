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

/* How far an entry lies at most behind where it is sought first. */
static uint32_t
longest_way(const struct map *map)
{
    uint32_t longest = 0;

    for (uint32_t i = 0; i < map->capacity; i++) {
        uint32_t way = (i - map->entries[i].tag) & (map->capacity - 1);

        longest = map->entries[i].value != 0 && way > longest ? way : longest;
    }
    return longest;
}

TEST(cells_that_differ_in_one_dimension_alone_are_not_in_each_others_way)
{
    enum { CELLS = 3000 };

    for (uint32_t dimension = 0; dimension < DIMENSION_COUNT; dimension++) {
        given_memory();
        cube = (struct cube){0};
        for (uint32_t i = 0; i < CELLS; i++) {
            uint32_t codes[DIMENSION_COUNT] = {3, 5, 2, 4, 3, 2};

            codes[dimension] = i;
            cube_add_event(&memory, &cube, (struct event_ms){.ms = T0}, codes, i % 50);
        }
        CHECK_EQ(cube.hours[0]->cell_count, CELLS);
        CHECK(longest_way(&cube.hours[0]->cell_map) < 200);
        CHECK(longest_way(&cube.hours[0]->user_map) < 200);
        then_memory_ends();
    }
}

static uint32_t
sum_sessions(const struct cube_hour *hour)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < hour->cell_count; i++) {
        sum += hour->cells[i].sessions;
    }
    return (uint32_t)sum;
}

static void
then_both_are_the_same(const struct cube *a, const struct cube *b)
{
    CHECK_EQ(a->hour_count, b->hour_count);
    for (uint32_t i = 0; i < a->hour_count; i++) {
        CHECK_EQ(a->hours[i]->hour, b->hours[i]->hour);
        CHECK_EQ(a->hours[i]->cell_count, b->hours[i]->cell_count);
        CHECK_EQ(a->hours[i]->user_count, b->hours[i]->user_count);
        CHECK_BYTES(a->hours[i]->cells, b->hours[i]->cells,
                    a->hours[i]->cell_count * sizeof(struct cube_cell));
        CHECK_BYTES(a->hours[i]->users, b->hours[i]->users,
                    a->hours[i]->user_count * sizeof(struct cube_user));
    }
}

static uint32_t
mapped_hours(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < cube.hour_count; i++) {
        count += cube.hours[i]->user_map.count > 0;
    }
    return count;
}

TEST(an_hour_long_past_knows_its_users_without_a_map_until_an_event_comes)
{
    enum { HOURS = 200, USERS = 100 };

    given_memory();
    cube = (struct cube){0};
    for (uint32_t i = 0; i < HOURS * USERS; i++) {
        add(T0 + i / USERS * MS_PER_HOUR, i % 3, i % USERS);
    }
    CHECK_EQ(mapped_hours(), 48);
    add(T0 - MS_PER_HOUR, 1, 1); /* an older hour is new: nothing is forgotten */
    CHECK_EQ(mapped_hours(), 48);
    for (uint32_t i = 0; i < 3 * USERS; i++) {
        add(T0 + 7 * MS_PER_HOUR, i % 3, i % USERS);
    }
    CHECK_EQ(mapped_hours(), 49);
    CHECK_EQ(cube.hours[8]->hour, T0 / MS_PER_HOUR + 7);
    CHECK_EQ(cube.hours[8]->user_count, 3 * USERS); /* each with each code, once */
    (void)cube_cell(&memory, &cube, (struct event_ms){.ms = T0 + 9 * MS_PER_HOUR},
                    (const uint32_t[DIMENSION_COUNT]){1, 7});
    CHECK_EQ(mapped_hours(), 49); /* who corrects a cell needs no pairs */
    for (uint32_t i = 0; i < USERS; i++) {
        add(T0 + 9 * MS_PER_HOUR, (9 * USERS + i) % 3, i); /* as before */
    }
    CHECK_EQ(cube.hours[10]->user_count, USERS);
    then_memory_ends();
}

TEST(what_waited_is_added_as_if_it_had_not)
{
    struct cube_queue *queue = calloc(1, sizeof(*queue));
    struct cube waiting[2];

    given_memory();
    for (uint32_t i = 0; i < COUNT_OF(waiting); i++) {
        waiting[i] = (struct cube){.queue = queue};
    }
    cube = (struct cube){0};
    cube_queue_run(&memory, queue); /* nothing */
    for (uint32_t i = 0; i < 10000; i++) {
        struct event_ms at = {.ms = T0 + (i % 7 == 0 ? (int64_t)(i % 5) * MS_PER_HOUR : i)};
        uint32_t codes[DIMENSION_COUNT] = {i % 130, 7, i % 3};

        cube_add_event(&memory, &cube, at, codes, i % 70);
        cube_add_event(&memory, &waiting[0], at, codes, i % 70);
        cube_add_event(&memory, &waiting[1], at, codes, i % 70);
        if (i % 11 == 0) {
            cube_add_session(&memory, &cube, at, codes);
            cube_add_session(&memory, &waiting[0], at, codes);
            cube_add_session(&memory, &waiting[1], at, codes);
        }
        if (i % 1000 == 999) {
            cube_queue_run(&memory, queue);
            CHECK_EQ(queue->count, 0);
        }
    }
    CHECK_EQ(cube.hour_count, 5);
    CHECK_EQ(sum_sessions(cube.hours[0]) + sum_sessions(cube.hours[1]) + sum_sessions(cube.hours[2]) +
                 sum_sessions(cube.hours[3]) + sum_sessions(cube.hours[4]),
             910);
    then_both_are_the_same(&cube, &waiting[0]);
    then_both_are_the_same(&cube, &waiting[1]);
    then_memory_ends();
    free(queue);
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
