/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/cube.h"

#include "core/hash.h"

#define FEW 8u /* found by looking at all of them */

uint32_t
cube_seek(const struct cube *cube, int64_t hour)
{
    uint32_t low = 0;
    uint32_t high = cube->hour_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (cube->hours[middle]->hour < hour) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct cube_hour *
find_hour(struct memory *memory, struct cube *cube, struct event_ms at)
{
    int64_t number = floor_div(at.ms, MS_PER_HOUR);

    if (cube->last < cube->hour_count && cube->hours[cube->last]->hour == number) {
        return cube->hours[cube->last];
    }
    uint32_t index = cube_seek(cube, number);

    cube->last = index;
    if (index < cube->hour_count && cube->hours[index]->hour == number) {
        return cube->hours[index];
    }
    struct cube_hour *hour = memory_take_zero(memory, sizeof(*hour));
    hour->hour = number;
    map_init(&hour->cell_map, memory->region);
    map_init(&hour->user_map, memory->region);
    cube->hours =
        memory_grow(memory, cube->hours, &cube->hour_capacity, cube->hour_count, sizeof(*cube->hours));
    memmove(&cube->hours[index + 1], &cube->hours[index], (cube->hour_count - index) * sizeof(*cube->hours));
    cube->hours[index] = hour;
    cube->hour_count++;
    return hour;
}

static uint64_t
hash_of_code(const uint32_t *code)
{
    return hash64(0, (struct text){.data = (const char *)code, .bytes = DIMENSION_COUNT * sizeof(*code)});
}

static uint64_t
hash_of_user(struct cube_user user)
{
    return hash_mix((uint64_t)user.cell << 32 | user.person);
}

static bool
has_code(const struct cube_cell *cell, const uint32_t *code)
{
    return memcmp(cell->code, code, sizeof(cell->code)) == 0;
}

static bool
cell_equal(const void *owner, uint32_t value, const void *key)
{
    const struct cube_hour *hour = owner;

    return has_code(&hour->cells[value], key);
}

static bool
user_equal(const void *owner, uint32_t value, const void *key)
{
    const struct cube_hour *hour = owner;

    return memcmp(&hour->users[value], key, sizeof(hour->users[value])) == 0;
}

static void
note(struct memory *memory, struct map *map, uint64_t hash, uint32_t value)
{
    if (map_insert(map, hash, value) != 0) {
        memory_exhausted(memory);
    }
}

static uint32_t
add_cell(struct memory *memory, struct cube_hour *hour, const uint32_t *code)
{
    uint32_t index = hour->cell_count;

    hour->cells = memory_grow(memory, hour->cells, &hour->cell_capacity, index, sizeof(*hour->cells));
    hour->cells[index] = (struct cube_cell){0};
    memcpy(hour->cells[index].code, code, sizeof(hour->cells[index].code));
    hour->cell_count++;
    if (hour->cell_count > FEW) {
        /* From the ninth on all are in the map; the first eight go there with it. */
        for (uint32_t i = hour->cell_map.count; i < hour->cell_count; i++) {
            note(memory, &hour->cell_map, hash_of_code(hour->cells[i].code), i);
        }
    }
    return index;
}

static uint32_t
find_cell(struct memory *memory, struct cube_hour *hour, const uint32_t *code)
{
    if (hour->cell_count > FEW) {
        uint32_t index = map_find(&hour->cell_map, hash_of_code(code), cell_equal, hour, code);
        return index != MAP_NONE ? index : add_cell(memory, hour, code);
    }
    for (uint32_t i = 0; i < hour->cell_count; i++) {
        if (has_code(&hour->cells[i], code)) {
            return i;
        }
    }
    return add_cell(memory, hour, code);
}

static bool
has_user(const struct cube_hour *hour, struct cube_user user)
{
    if (hour->user_count > FEW) {
        return map_find(&hour->user_map, hash_of_user(user), user_equal, hour, &user) != MAP_NONE;
    }
    for (uint32_t i = 0; i < hour->user_count; i++) {
        if (hour->users[i].cell == user.cell && hour->users[i].person == user.person) {
            return true;
        }
    }
    return false;
}

static void
add_user(struct memory *memory, struct cube_hour *hour, struct cube_user user)
{
    if (has_user(hour, user)) {
        return;
    }
    hour->users =
        memory_grow(memory, hour->users, &hour->user_capacity, hour->user_count, sizeof(*hour->users));
    hour->users[hour->user_count++] = user;
    if (hour->user_count > FEW) {
        for (uint32_t i = hour->user_map.count; i < hour->user_count; i++) {
            note(memory, &hour->user_map, hash_of_user(hour->users[i]), i);
        }
    }
}

void
cube_add_event(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code,
               uint32_t person)
{
    struct cube_hour *hour = find_hour(memory, cube, at);
    uint32_t index = find_cell(memory, hour, code);

    hour->cells[index].events++;
    add_user(memory, hour, (struct cube_user){.cell = index, .person = person});
}

struct cube_cell *
cube_cell(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code)
{
    struct cube_hour *hour = find_hour(memory, cube, at);
    uint32_t index = find_cell(memory, hour, code); /* may move the cells */

    return &hour->cells[index];
}
