/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/cube.h"

#include "core/hash.h"

#define FEW 8u           /* found by looking at all of them */
#define STEP_ROWS 2u     /* additions from one step of fetching to the next */
#define MAPPED_COUNT 48u /* newest hours, whose pairs events look for all the time */

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

static bool
is_in(const struct cube_hour *hour, struct event_ms at)
{
    return (uint64_t)at.ms - (uint64_t)(hour->hour * MS_PER_HOUR) < MS_PER_HOUR;
}

/* A new hour is the newest. Few events come to those far behind it: their pairs have a map again when one does. */
static void
forget_maps(struct cube *cube)
{
    uint32_t count = cube->hour_count;

    for (uint32_t i = MAPPED_COUNT; i < 2 * MAPPED_COUNT && i < count; i++) {
        map_deinit(&cube->hours[count - 1 - i]->user_map);
    }
}

static struct cube_hour *
find_hour(struct memory *memory, struct cube *cube, struct event_ms at)
{
    if (LIKELY(cube->last != NULL && is_in(cube->last, at))) {
        return cube->last;
    }
    int64_t number = floor_div(at.ms, MS_PER_HOUR);
    uint32_t index = cube_seek(cube, number);

    if (index < cube->hour_count && cube->hours[index]->hour == number) {
        cube->last = cube->hours[index];
        return cube->last;
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
    cube->last = hour;
    if (index + 1 == cube->hour_count) {
        forget_maps(cube);
    }
    return hour;
}

static uint64_t
hash_of_code(const uint32_t *code)
{
    uint64_t word[DIMENSION_COUNT / 2];
    uint64_t hash = 0;

    static_assert(DIMENSION_COUNT % 2 == 0, "codes in pairs");
    memcpy(word, code, sizeof(word));
    for (uint32_t i = 0; i < COUNT_OF(word); i++) {
        hash = (hash ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash_mix(
        hash); /* a map folds it once more, and would have less than half of the last product without */
}

/* Of a cell's codes and a person, so that a pair is found without its cell. */
static uint64_t
hash_of_pair(uint64_t code_hash, uint32_t person)
{
    return hash_mix(code_hash ^ person * UINT64_C(0xd6e8feb86659fd93));
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

struct pair {
    const uint32_t *code;
    uint32_t person;
};

static bool
pair_equal(const void *owner, uint32_t value, const void *key)
{
    const struct cube_hour *hour = owner;
    const struct pair *pair = key;
    const struct cube_user *user = &hour->users[value];

    return user->person == pair->person && has_code(&hour->cells[user->cell], pair->code);
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
find_cell(struct memory *memory, struct cube_hour *hour, const uint32_t *code, uint64_t code_hash)
{
    if (hour->cell_count > FEW) {
        uint32_t index = map_find_inline(&hour->cell_map, code_hash, cell_equal, hour, code);
        return index != MAP_NONE ? index : add_cell(memory, hour, code);
    }
    for (uint32_t i = 0; i < hour->cell_count; i++) {
        if (has_code(&hour->cells[i], code)) {
            return i;
        }
    }
    return add_cell(memory, hour, code);
}

/* The pair, or MAP_NONE. */
static uint32_t
find_pair(const struct cube_hour *hour, const struct pair *pair, uint64_t pair_hash)
{
    if (hour->user_count > FEW) {
        return map_find_inline(&hour->user_map, pair_hash, pair_equal, hour, pair);
    }
    for (uint32_t i = 0; i < hour->user_count; i++) {
        if (pair_equal(hour, i, pair)) {
            return i;
        }
    }
    return MAP_NONE;
}

static void
map_users(struct memory *memory, struct cube_hour *hour)
{
    for (uint32_t i = hour->user_map.count; i < hour->user_count; i++) {
        const struct cube_user *row = &hour->users[i];
        note(memory, &hour->user_map, hash_of_pair(hash_of_code(hour->cells[row->cell].code), row->person),
             i);
    }
}

static void
add_user(struct memory *memory, struct cube_hour *hour, struct cube_user user)
{
    hour->users =
        memory_grow(memory, hour->users, &hour->user_capacity, hour->user_count, sizeof(*hour->users));
    hour->users[hour->user_count++] = user;
    if (hour->user_count > FEW) {
        map_users(memory, hour);
    }
}

/* What is known of an addition from one step to the next. */
struct ahead {
    const struct cube_hour *hour; /* where it probably belongs; NULL: nothing is known */
    uint64_t code_hash;
    uint64_t pair_hash;
    uint32_t cell; /* what the maps said; MAP_NONE: it was not there */
    uint32_t user;
    uint32_t cell_count; /* how many were in the maps then */
    uint32_t user_count;
};

static struct ahead
look_ahead(const struct cube_addition *row)
{
    uint64_t code_hash = hash_of_code(row->code);

    return (struct ahead){.code_hash = code_hash, .pair_hash = hash_of_pair(code_hash, row->person)};
}

/* As find_cell(), which it is spared nearly always. */
static uint32_t
find_cell_again(struct memory *memory, struct cube_hour *hour, const uint32_t *code,
                const struct ahead *ahead)
{
    if (LIKELY(ahead->hour == hour && ahead->cell_count == hour->cell_count)) {
        if (ahead->cell == MAP_NONE) {
            return add_cell(memory, hour, code);
        }
        if (LIKELY(has_code(&hour->cells[ahead->cell], code))) {
            return ahead->cell;
        }
    }
    return find_cell(memory, hour, code, ahead->code_hash);
}

/* As find_pair(), likewise. */
static uint32_t
find_pair_again(const struct cube_hour *hour, const struct pair *pair, const struct ahead *ahead)
{
    if (LIKELY(ahead->hour == hour && ahead->user_count == hour->user_count)) {
        if (ahead->user == MAP_NONE || LIKELY(pair_equal(hour, ahead->user, pair))) {
            return ahead->user;
        }
    }
    return find_pair(hour, pair, ahead->pair_hash);
}

static void
add(struct memory *memory, const struct cube_addition *row, const struct ahead *ahead)
{
    struct cube_hour *hour = find_hour(memory, row->cube, row->at);

    if (row->is_session) {
        uint32_t index = find_cell_again(memory, hour, row->code, ahead); /* may move the cells */

        hour->cells[index].sessions++;
        return;
    }
    struct pair pair = {.code = row->code, .person = row->person};

    if (hour->user_count > FEW && UNLIKELY(hour->user_map.count < hour->user_count)) {
        map_users(memory, hour);
    }
    uint32_t known = find_pair_again(hour, &pair, ahead);

    if (known != MAP_NONE) {
        hour->cells[hour->users[known].cell].events++;
        return;
    }
    uint32_t index = find_cell_again(memory, hour, row->code, ahead);

    hour->cells[index].events++;
    add_user(memory, hour, (struct cube_user){.cell = index, .person = row->person});
}

/* Each of these asks for what is known where to find after the one before. */

static void
fetch_hour(const struct cube_addition *row)
{
    if (row->cube->last != NULL) {
        prefetch_lines(row->cube->last, sizeof(*row->cube->last));
    }
}

static void
fetch_maps(const struct cube_addition *row, struct ahead *ahead)
{
    const struct cube_hour *hour = row->cube->last;

    *ahead = look_ahead(row);
    if (hour != NULL && is_in(hour, row->at)) {
        ahead->hour = hour;
        map_prefetch(&hour->cell_map, ahead->code_hash);
        map_prefetch(&hour->user_map, ahead->pair_hash);
    }
}

static void
fetch_rows(struct ahead *ahead)
{
    const struct cube_hour *hour = ahead->hour;

    if (hour == NULL) {
        return;
    }
    ahead->cell = map_guess(&hour->cell_map, ahead->code_hash);
    ahead->user = map_guess(&hour->user_map, ahead->pair_hash);
    ahead->cell_count = hour->cell_map.count;
    ahead->user_count = hour->user_map.count;
    if (ahead->cell != MAP_NONE) {
        prefetch_lines(&hour->cells[ahead->cell], offsetof(struct cube_cell, sessions));
    }
    if (hour->user_count > 0) {
        prefetch_line_to_write(&hour->users[ahead->user != MAP_NONE ? ahead->user : hour->user_count]);
    }
}

void
cube_queue_run(struct memory *memory, struct cube_queue *queue)
{
    struct ahead ahead[CUBE_QUEUE_COUNT];

    for (uint32_t turn = 0; turn < queue->count + 3 * STEP_ROWS; turn++) {
        uint32_t maps = turn - STEP_ROWS; /* beyond all when there is none */
        uint32_t rows = turn - 2 * STEP_ROWS;
        uint32_t last = turn - 3 * STEP_ROWS;

        if (turn < queue->count) {
            fetch_hour(&queue->rows[turn]);
        }
        if (maps < queue->count) {
            fetch_maps(&queue->rows[maps], &ahead[maps]);
        }
        if (rows < queue->count) {
            fetch_rows(&ahead[rows]);
        }
        if (last < queue->count) {
            add(memory, &queue->rows[last], &ahead[last]);
        }
    }
    queue->count = 0;
}

static void
take(struct memory *memory, struct cube_addition row)
{
    struct cube_queue *queue = row.cube->queue;

    if (queue == NULL) {
        struct ahead ahead = look_ahead(&row);

        add(memory, &row, &ahead);
        return;
    }
    if (queue->count == CUBE_QUEUE_COUNT) {
        cube_queue_run(memory, queue);
    }
    queue->rows[queue->count++] = row;
}

void
cube_add_event(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code,
               uint32_t person)
{
    struct cube_addition row = {.cube = cube, .at = at, .person = person};

    memcpy(row.code, code, sizeof(row.code));
    take(memory, row);
}

void
cube_add_session(struct memory *memory, struct cube *cube, struct event_ms start, const uint32_t *code)
{
    struct cube_addition row = {.cube = cube, .at = start, .is_session = true};

    memcpy(row.code, code, sizeof(row.code));
    take(memory, row);
}

struct cube_cell *
cube_cell(struct memory *memory, struct cube *cube, struct event_ms at, const uint32_t *code)
{
    struct cube_hour *hour = find_hour(memory, cube, at);
    uint32_t index = find_cell(memory, hour, code, hash_of_code(code)); /* may move the cells */

    return &hour->cells[index];
}
