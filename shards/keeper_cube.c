/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

#include "shards/profile_codec.h"

#include "core/hash.h"
#include "core/map.h"
#include "shards/sort.h"

#include <errno.h>

/*
 * QUESTION_CUBE: sums over cells, or over events and sessions themselves when intervals are minutes.
 *
 *   CLOSE     run the closings up to the watermark, so that cells are right
 *   CELLS     hour by hour: cells, then their users
 *   EVENTS    (minutes) events of the range by event_time
 *   SESSIONS  (minutes) sessions that start in the range
 *   SORT_     the users by row, then the rows by interval and code, each
 *   COPY_     into the arena
 *
 * Each stage stops at its deadline and goes on where it was, by hour and index or by time and key. Rows and the set
 * of (row, person) pairs grow in the region and are given back at the end; both are refused (-E2BIG) when the answer
 * would not fit its arena anyway.
 */

#define TURN_COUNT 64u
#define MS_PER_MINUTE INT64_C(60000)
#define SORT_COUNT 1024u /* numbers sorted between two looks at the clock */
#define CELL_HAS_NO_ROW UINT32_MAX

enum cube_stage {
    CUBE_CLOSE,
    CUBE_CELLS,
    CUBE_EVENTS,
    CUBE_SESSIONS,
    CUBE_SORT_USERS,
    CUBE_COPY_USERS,
    CUBE_SORT_ROWS,
    CUBE_COPY_ROWS,
    CUBE_FINISH,
};

struct cube_work {
    enum cube_stage stage;
    struct cube_row *rows;
    uint32_t row_count;
    uint32_t row_capacity;
    struct map row_map;
    uint64_t *users; /* row << 32 | person, each once */
    uint32_t user_count;
    uint32_t user_capacity;
    struct map user_map;

    /* CELLS */
    int64_t hour;
    bool is_in_hour;
    uint32_t *cell_rows; /* row of each cell that the hour had when it was begun */
    uint32_t cell_count;
    uint32_t cell_index;
    uint32_t user_index;
    uint32_t user_end;

    /* SORT and COPY */
    bool is_sorting;
    struct number_sort user_sort;
    struct item_sort row_sort;
    uint32_t copied;
    uint32_t *persons;            /* in the answer's arena */
    struct cube_row *answer_rows; /* likewise */
    struct cube_answer *answer;

    /* EVENTS, SESSIONS: behind this place, once there was one. */
    bool has_place;
    int64_t time;
    uint64_t key;
};

static void
free_cell_rows(struct memory *memory, struct cube_work *work)
{
    memory_put(memory, work->cell_rows, (uint64_t)work->cell_count * sizeof(*work->cell_rows));
    work->cell_rows = NULL;
    work->cell_count = 0;
}

void
cube_work_destroy(struct keeper *keeper, struct cube_work *work)
{
    struct memory *memory = &keeper->memory;

    if (work == NULL) {
        return;
    }
    free_cell_rows(memory, work);
    memory_put(memory, work->rows, (uint64_t)work->row_capacity * sizeof(*work->rows));
    memory_put(memory, work->users, (uint64_t)work->user_capacity * sizeof(*work->users));
    map_deinit(&work->row_map);
    map_deinit(&work->user_map);
    memory_put(memory, work, sizeof(*work));
}

static struct cube_work *
create_work(struct keeper *keeper, const struct cube_scan *ask)
{
    struct cube_work *work = memory_take_zero(&keeper->memory, sizeof(*work));

    map_init(&work->row_map, keeper->memory.region);
    map_init(&work->user_map, keeper->memory.region);
    work->stage = ask->reads_events || ask->bucket_ms == MS_PER_MINUTE ? CUBE_EVENTS : CUBE_CLOSE;
    work->hour = floor_div(ask->from.ms, MS_PER_HOUR);
    return work;
}

/* The same dimension ORed, different ones ANDed. */
static bool
takes_code(const struct cube_scan *ask, const uint32_t *code)
{
    uint32_t asked = 0;
    uint32_t met = 0;

    for (uint32_t i = 0; i < ask->filter_count; i++) {
        uint32_t bit = 1u << ask->filters[i].dimension;
        asked |= bit;
        if (code[ask->filters[i].dimension] == ask->filters[i].code) {
            met |= bit;
        }
    }
    return asked == met;
}

struct row_key {
    uint32_t bucket;
    uint32_t code;
};

static bool
row_equal(const void *owner, uint32_t value, const void *key)
{
    const struct cube_work *work = owner;
    const struct row_key *row_key = key;

    return work->rows[value].bucket == row_key->bucket && work->rows[value].code == row_key->code;
}

static uint32_t
row_code(const struct cube_scan *ask, uint32_t code)
{
    uint32_t begin = 0;
    uint32_t end = ask->code_count;

    if (!ask->has_codes) {
        return code;
    }
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;

        if (ask->codes[middle] < code) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    return begin < ask->code_count && ask->codes[begin] == code ? code : CODE_OTHER;
}

/* The row of a time and codes, made when it is not there. */
static uint32_t
find_row(struct keeper *keeper, struct cube_work *work, const struct cube_scan *ask, int64_t time,
         const uint32_t *code)
{
    struct row_key key = {
        .bucket = ask->bucket_ms == 0 ? 0 : (uint32_t)((time - ask->from.ms) / ask->bucket_ms),
        .code = ask->has_dimension ? row_code(ask, code[ask->dimension]) : CODE_NONE,
    };
    uint64_t hash = hash_mix((uint64_t)key.bucket << 32 | key.code);
    uint32_t row = map_find(&work->row_map, hash, row_equal, work, &key);

    if (row != MAP_NONE) {
        return row;
    }
    work->rows =
        memory_grow(&keeper->memory, work->rows, &work->row_capacity, work->row_count, sizeof(*work->rows));
    work->rows[work->row_count] = (struct cube_row){.bucket = key.bucket, .code = key.code};
    if (map_insert(&work->row_map, hash, work->row_count) != 0) {
        memory_exhausted(&keeper->memory);
    }
    return work->row_count++;
}

static bool
user_equal(const void *owner, uint32_t value, const void *key)
{
    const struct cube_work *work = owner;

    return work->users[value] == *(const uint64_t *)key;
}

static void
add_user(struct keeper *keeper, struct cube_work *work, uint32_t row, uint32_t person)
{
    uint64_t user = (uint64_t)row << 32 | person;
    uint64_t hash = hash_mix(user);

    if (map_find(&work->user_map, hash, user_equal, work, &user) != MAP_NONE) {
        return;
    }
    work->users = memory_grow(&keeper->memory, work->users, &work->user_capacity, work->user_count,
                              sizeof(*work->users));
    work->users[work->user_count] = user;
    if (map_insert(&work->user_map, hash, work->user_count) != 0) {
        memory_exhausted(&keeper->memory);
    }
    work->user_count++;
}

static bool
is_too_big(const struct cube_work *work)
{
    return (uint64_t)work->row_count * sizeof(struct cube_row) +
               (uint64_t)work->user_count * sizeof(uint32_t) >
           ARENA_BYTES_MAX;
}

static bool
is_time_up(uint32_t count, const struct time_slice *time)
{
    return count % TURN_COUNT == 0 && time_slice_is_over(time);
}

static void
begin_hour(struct keeper *keeper, struct cube_work *work, const struct cube_hour *hour)
{
    work->is_in_hour = true;
    work->hour = hour->hour;
    work->cell_index = 0;
    work->user_index = 0;
    work->user_end = hour->user_count;
    work->cell_count = hour->cell_count;
    work->cell_rows = memory_take(&keeper->memory, (uint64_t)work->cell_count * sizeof(*work->cell_rows));
}

static void
end_hour(struct keeper *keeper, struct cube_work *work)
{
    free_cell_rows(&keeper->memory, work);
    work->is_in_hour = false;
    work->hour++;
}

static void
add_cell(struct keeper *keeper, struct cube_work *work, const struct cube_scan *ask,
         const struct cube_hour *hour)
{
    const struct cube_cell *cell = &hour->cells[work->cell_index];
    uint32_t row = CELL_HAS_NO_ROW;

    if ((cell->events != 0 || cell->sessions != 0) && takes_code(ask, cell->code)) {
        row = find_row(keeper, work, ask, hour->hour * MS_PER_HOUR, cell->code);
        work->rows[row].events += cell->events;
        if (ask->wants_sessions) {
            work->rows[row].sessions += (uint64_t)cell->sessions;
            work->rows[row].closed_sessions += (uint64_t)cell->closed_sessions;
            work->rows[row].closed_duration_ms += (uint64_t)cell->closed_duration_ms;
        }
    }
    work->cell_rows[work->cell_index++] = row;
}

static enum step
sum_hour(struct keeper *keeper, struct cube_work *work, const struct cube_scan *ask,
         const struct cube_hour *hour, const struct time_slice *time)
{
    for (uint32_t count = 1; work->cell_index < work->cell_count; count++) {
        add_cell(keeper, work, ask, hour);
        if (is_time_up(count, time)) {
            return STEP_MORE;
        }
    }
    for (uint32_t count = 1; ask->wants_users && work->user_index < work->user_end; count++) {
        const struct cube_user *user = &hour->users[work->user_index++];
        if (user->cell < work->cell_count && work->cell_rows[user->cell] != CELL_HAS_NO_ROW) {
            add_user(keeper, work, work->cell_rows[user->cell], user->person);
        }
        if (is_time_up(count, time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static enum step
sum_cells(struct keeper *keeper, struct cube_work *work, const struct cube_scan *ask,
          const struct share *share, const struct time_slice *time)
{
    for (uint32_t count = 1; !is_too_big(work); count++) {
        uint32_t index = cube_seek(&share->cube, work->hour);
        if (index == share->cube.hour_count || share->cube.hours[index]->hour * MS_PER_HOUR >= ask->to.ms) {
            break;
        }
        const struct cube_hour *hour = share->cube.hours[index];
        if (!work->is_in_hour) {
            begin_hour(keeper, work, hour);
        }
        if (sum_hour(keeper, work, ask, hour, time) == STEP_MORE) {
            return STEP_MORE;
        }
        end_hour(keeper, work);
        if (is_time_up(count, time)) {
            return STEP_MORE;
        }
    }
    work->stage = CUBE_SORT_USERS;
    return STEP_DONE;
}

/* The entry behind the place where the last piece stopped. */
static struct order_place
find_place(const struct cube_work *work, const struct cube_scan *ask, const struct order *order)
{
    if (!work->has_place) {
        return order_seek(order, ask->from.ms, 0);
    }
    struct order_place place = order_seek(order, work->time, work->key);
    struct order_place next = place;
    const struct order_entry *entry = order_next(order, &next);

    return entry != NULL && entry->time == work->time && entry->key == work->key ? next : place;
}

static enum step
read_events_ahead(struct keeper *keeper, struct asked *asked, const struct cube_scan *ask,
                  const struct share *share, uint64_t missing)
{
    return keeper_read_ahead(keeper, asked, share->history,
                             &(struct read_ahead){.missing = missing,
                                                  .from_ms = ask->from.ms,
                                                  .wanted = RECALL_COUNT_MAX,
                                                  .address_of = keeper_event_address});
}

static enum step
sum_events(struct keeper *keeper, struct asked *asked, struct cube_work *work, const struct cube_scan *ask,
           const struct share *share, const struct time_slice *time)
{
    if (asked->scan == NULL) {
        if (!keeper_scan_events(asked, share)) {
            work->stage = CUBE_FINISH;
            return STEP_DONE;
        }
        scan_start_at(asked->scan, ask->to.ms, 0);
    }
    scan_resume(asked->scan);
    for (uint32_t count = 1; !is_too_big(work); count++) {
        int64_t before_time = asked->scan->time;
        uint64_t before_key = asked->scan->key;
        struct order_entry entry;
        if (!scan_next(asked->scan, &entry) || entry.time < ask->from.ms) {
            break;
        }
        if (entry.item == 0) {
            if (keeper_read_stretch(keeper, asked, share->history) == STEP_LATER) {
                return STEP_LATER;
            }
            continue;
        }
        const struct kept_event *event = keeper_record_at(asked, share->history, entry.item);
        if (event == NULL) {
            enum step step = read_events_ahead(keeper, asked, ask, share, entry.item);
            scan_start_at(asked->scan, before_time, before_key);
            return step;
        }
        if (takes_code(ask, event->code)) {
            uint32_t row = find_row(keeper, work, ask, entry.time, event->code);
            work->rows[row].events++;
            if (ask->wants_users) {
                add_user(keeper, work, row, event->person);
            }
        }
        if (is_time_up(count, time)) {
            return STEP_MORE;
        }
    }
    work->stage = ask->wants_sessions ? CUBE_SESSIONS : CUBE_SORT_USERS;
    return STEP_DONE;
}

/* What is counted of a session. */
struct cube_session {
    uint32_t code[DIMENSION_COUNT];
    int64_t duration_ms;
    bool is_closed;
};

/* False: it is archived, and the record at *out_missing is on disk. */
static bool
read_session(struct keeper *keeper, struct asked *asked, const struct share *share,
             const struct order_entry *entry, struct event_ms watermark, struct cube_session *out_session,
             uint64_t *out_missing)
{
    uint64_t address = share_entry_address(entry);

    if (address == 0) {
        struct known_session known = share_known_session(entry);
        *out_session = (struct cube_session){
            .duration_ms = known.end.ms - known.start.ms,
            .is_closed = watermark.ms > known.end.ms + keeper->partitions[share->partition].rules.gap_ms,
        };
        memcpy(out_session->code, known.code, sizeof(out_session->code));
        return true;
    }
    const struct slice_session *record = keeper_archived_at(keeper, asked, share, address, out_missing);

    if (record == NULL) {
        return false;
    }
    const struct profile_codec_session *session = (const void *)record->session;

    *out_session =
        (struct cube_session){.duration_ms = session->end.ms - session->start.ms, .is_closed = true};
    memcpy(out_session->code, session->code, sizeof(out_session->code));
    return true;
}

/* A record is on disk: it is read, with the sessions behind. */
static enum step
read_sessions_ahead(struct keeper *keeper, struct asked *asked, const struct cube_scan *ask,
                    const struct share *share, struct order_place behind, uint64_t missing)
{
    uint64_t addresses[RECALL_COUNT_MAX] = {missing};
    uint32_t count = 1;

    for (uint32_t i = 1; i < RECALL_COUNT_MAX; i++) {
        const struct order_entry *entry = order_next(&share->sessions, &behind);
        if (entry == NULL || entry->time >= ask->to.ms) {
            break;
        }
        if (share_entry_address(entry) != 0) {
            addresses[count++] = share_entry_address(entry);
        }
    }
    return keeper_read_records(keeper, asked, share->history, addresses, count);
}

static enum step
sum_sessions(struct keeper *keeper, struct asked *asked, struct cube_work *work, const struct cube_scan *ask,
             const struct share *share, struct event_ms watermark, const struct time_slice *time)
{
    const struct order *order = &share->sessions;
    struct order_place place = find_place(work, ask, order);

    for (uint32_t count = 1; !is_too_big(work); count++) {
        const struct order_entry *entry = order_next(order, &place);
        if (entry == NULL || entry->time >= ask->to.ms) {
            break;
        }
        struct cube_session session;
        uint64_t missing;
        if (!read_session(keeper, asked, share, entry, watermark, &session, &missing)) {
            return read_sessions_ahead(keeper, asked, ask, share, place, missing);
        }
        work->has_place = true;
        work->time = entry->time;
        work->key = entry->key;
        if (takes_code(ask, session.code)) {
            uint32_t index = find_row(keeper, work, ask, entry->time, session.code); /* may move the rows */
            struct cube_row *row = &work->rows[index];
            row->sessions++;
            if (session.is_closed) {
                row->closed_sessions++;
                row->closed_duration_ms += (uint64_t)session.duration_ms;
            }
        }
        if (is_time_up(count, time)) {
            return STEP_MORE;
        }
    }
    work->stage = CUBE_SORT_USERS;
    return STEP_DONE;
}

static int
compare_rows(const void *a, const void *b)
{
    const struct cube_row *row_a = a;
    const struct cube_row *row_b = b;

    if (row_a->bucket != row_b->bucket) {
        return row_a->bucket < row_b->bucket ? -1 : 1;
    }
    return (row_a->code > row_b->code) - (row_a->code < row_b->code);
}

static bool
is_zero(const struct cube_row *row)
{
    return row->events == 0 && row->sessions == 0;
}

/* What is behind the sums: the users in order and into the arena, then the rows. */

static enum step
sort_users(struct cube_work *work, const struct time_slice *time)
{
    if (!work->is_sorting) {
        number_sort_begin(&work->user_sort, work->users, work->user_count);
        work->is_sorting = true;
    }
    while (!number_sort_go_on(&work->user_sort, SORT_COUNT)) {
        if (time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    work->is_sorting = false;
    work->stage = CUBE_COPY_USERS;
    return STEP_DONE;
}

/* Rows know which part of the sorted users is theirs before they are put in order themselves. */
static enum step
copy_users(struct arena *arena, struct cube_work *work, const struct time_slice *time)
{
    if (work->persons == NULL) {
        work->persons = arena_take(arena, (uint64_t)work->user_count * sizeof(*work->persons));
    }
    if (work->persons == NULL) {
        work->stage = CUBE_FINISH;
        return STEP_DONE;
    }
    for (uint32_t i = work->copied; i < work->user_count; i++) {
        struct person_set *users = &work->rows[work->users[i] >> 32].users;
        work->persons[i] = (uint32_t)work->users[i];
        if (users->count++ == 0) {
            users->persons = &work->persons[i];
        }
        if (is_time_up(i + 1, time)) {
            work->copied = i + 1;
            return STEP_MORE;
        }
    }
    work->stage = CUBE_SORT_ROWS;
    return STEP_DONE;
}

static enum step
sort_rows(struct cube_work *work, const struct time_slice *time)
{
    if (!work->is_sorting) {
        item_sort_begin(&work->row_sort, work->rows, work->row_count, sizeof(*work->rows), compare_rows);
        work->is_sorting = true;
        work->copied = 0;
    }
    while (!item_sort_go_on(&work->row_sort, TURN_COUNT)) {
        if (time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    work->is_sorting = false;
    work->stage = CUBE_COPY_ROWS;
    return STEP_DONE;
}

static enum step
copy_rows(struct arena *arena, struct cube_work *work, const struct time_slice *time)
{
    if (work->answer == NULL) {
        struct cube_answer *answer = arena_take_zero(arena, sizeof(*answer));

        work->answer_rows = arena_take(arena, (uint64_t)work->row_count * sizeof(*work->answer_rows));
        if (answer == NULL || work->answer_rows == NULL) {
            work->stage = CUBE_FINISH;
            return STEP_DONE;
        }
        answer->rows = work->answer_rows;
        work->answer = answer;
    }
    for (uint32_t i = work->copied; i < work->row_count; i++) {
        if (!is_zero(&work->rows[i])) {
            work->answer_rows[work->answer->count++] = work->rows[i];
        }
        if (is_time_up(i + 1, time)) {
            work->copied = i + 1;
            return STEP_MORE;
        }
    }
    work->stage = CUBE_FINISH;
    return STEP_DONE;
}

static void
finish(struct keeper *keeper, struct asked *asked)
{
    struct question *question = asked->question;
    struct cube_work *work = asked->cube_work;
    int fault = work != NULL && is_too_big(work) ? -E2BIG : 0;

    question->answer.cube =
        work != NULL ? work->answer : arena_take_zero(&question->arena, sizeof(struct cube_answer));
    keeper_finish(keeper, asked, fault);
}

static enum step
close_due(struct keeper *keeper, struct cube_work *work, struct share *share, struct event_ms watermark,
          const struct time_slice *time)
{
    while (share_close(&keeper->memory, share, watermark, TURN_COUNT) == TURN_COUNT) {
        if (time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    work->stage = CUBE_CELLS;
    return STEP_DONE;
}

static enum step
run_stage(struct keeper *keeper, struct asked *asked, struct share *share, struct event_ms watermark,
          const struct time_slice *time)
{
    struct cube_work *work = asked->cube_work;
    struct arena *arena = &asked->question->arena;
    const struct cube_scan *ask = asked->question->ask.cube;

    switch (work->stage) {
    case CUBE_CLOSE:
        return close_due(keeper, work, share, watermark, time);
    case CUBE_CELLS:
        return sum_cells(keeper, work, ask, share, time);
    case CUBE_EVENTS:
        return sum_events(keeper, asked, work, ask, share, time);
    case CUBE_SESSIONS:
        return sum_sessions(keeper, asked, work, ask, share, watermark, time);
    case CUBE_SORT_USERS:
        return sort_users(work, time);
    case CUBE_COPY_USERS:
        return copy_users(arena, work, time);
    case CUBE_SORT_ROWS:
        return sort_rows(work, time);
    case CUBE_COPY_ROWS:
        return copy_rows(arena, work, time);
    case CUBE_FINISH:
        break;
    }
    return STEP_DONE;
}

enum step
keeper_answer_cube(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    struct question *question = asked->question;
    const struct cube_scan *ask = question->ask.cube;
    struct share *share = keeper_share_of(keeper, question);

    if (share == NULL) {
        finish(keeper, asked);
        return STEP_DONE;
    }
    if (asked->cube_work == NULL) {
        asked->cube_work = create_work(keeper, ask);
    }
    struct event_ms watermark = keeper_watermark_of(keeper, question);

    while (asked->cube_work->stage != CUBE_FINISH && !is_too_big(asked->cube_work)) {
        enum step step = run_stage(keeper, asked, share, watermark, time);
        if (step != STEP_DONE) {
            return step;
        }
    }
    finish(keeper, asked);
    return STEP_DONE;
}
