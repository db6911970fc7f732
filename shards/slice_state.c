/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/slice_state.h"

#include "core/log_line.h"
#include "shards/checkpoint.h"
#include "shards/slice_record.h"

#include <errno.h>
#include <stdio.h>

#define NAME_BYTES 32u
#define SMALL_BYTES 8192u /* most records: their length is known when they have been written once */
#define PEOPLE_PAGES 4u   /* in memory: what is written or read, no more */
#define AHEAD_COUNT 8u    /* people whose waits for memory overlap */
#define LOOK_COUNT 8u     /* people between two looks at the clock */

/* Of the stores of one data directory, so that no page is taken for another store's. */
#define PEOPLE_NUMBER 0x10000u
#define JOURNAL_NUMBER 0x20000u

/* By the key that their parts have in common. */
struct large_places {
    struct store_key key;
    struct store_key canonical;
    log_store_place *places; /* of the parts; the first one's is in the row */
    uint32_t count_max;
};

static void
store_name(uint16_t slice, bool is_people, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, SLICE_FOLDER "/%03u.%s", slice, is_people ? "people" : "journal");
}

static log_store_place *
place_of(void *context, struct store_key key)
{
    struct slice_state *state = context;

    if (UNLIKELY(slice_record_is_part_key(key))) {
        const struct large_places *large = store_peek(&state->large, slice_record_common_key(key));
        uint32_t number = large != NULL ? slice_record_part_number(large->canonical, key) : UINT32_MAX;
        return large != NULL && number < large->count_max ? &large->places[number] : NULL;
    }
    struct person *person = store_peek(state->persons, key);

    return person != NULL ? &person->place : NULL;
}

static void
storage_failed(void *context, int fault, const char *what)
{
    struct slice_state *state = context;

    state->on_fatal(state->context, fault, what);
}

static struct log_store_options
store_options(struct slice_state *state, const struct slice_state_options *options, bool is_people,
              char name[NAME_BYTES])
{
    store_name(options->slice, is_people, name);
    return (struct log_store_options){
        .env = options->env,
        .region = options->memory->region,
        .name = name,
        .store_id = options->store_id,
        .number = (is_people ? PEOPLE_NUMBER : JOURNAL_NUMBER) + options->slice,
        .seed = {options->seed[0], options->seed[1]},
        .page_bytes = is_people ? state->people_page_bytes : SLICE_PAGE_BYTES,
        .memory_bytes = is_people ? PEOPLE_PAGES * state->people_page_bytes : options->journal_bytes_max,
        .is_indexed = is_people,
        .place_of = is_people ? place_of : NULL,
        .on_fatal = storage_failed,
        .context = state,
    };
}

static void
init(struct slice_state *state, const struct slice_state_options *options)
{
    *state = (struct slice_state){
        .memory = options->memory,
        .persons = options->persons,
        .people_page_bytes = options->people_page_bytes > 0 ? options->people_page_bytes : SLICE_PAGE_BYTES,
        .on_fatal = options->on_fatal,
        .context = options->context,
        .generation = 1,
    };
    store_init(&state->large, (struct store_options){
                                  .region = options->memory->region,
                                  .seed = {options->seed[0], options->seed[1]},
                                  .key_offset = offsetof(struct large_places, key),
                              });
}

int
slice_state_open(struct slice_state *state, struct slice_state_options options)
{
    char name[NAME_BYTES];
    int r = 0;

    init(state, &options);
    if (options.env != NULL) {
        r = log_store_open(store_options(state, &options, true, name), &state->people);
    }
    if (r == 0) {
        r = log_store_open(store_options(state, &options, false, name), &state->journal);
    }
    if (r != 0) {
        slice_state_close(state);
        return fault_up(r);
    }
    return 0;
}

int
slice_state_restore(struct slice_state *state, struct slice_state_options options,
                    const struct slice_description *description, struct slice_visitor visitor,
                    char *out_reason)
{
    char name[NAME_BYTES];
    int r;

    init(state, &options);
    r = log_store_restore(store_options(state, &options, true, name), description->people,
                          description->people_bytes, visitor.person, visitor.context, &state->people,
                          out_reason);
    if (r == 0) {
        r = log_store_restore(store_options(state, &options, false, name), description->journal,
                              description->journal_bytes, visitor.kept, visitor.context, &state->journal,
                              out_reason);
    }
    if (r != 0) {
        slice_state_close(state);
        return fault_up(r);
    }
    return 0;
}

int
slice_state_verify(struct disk *disk, struct uuid store_id, uint16_t slice,
                   const struct slice_description *description, char *out_reason)
{
    struct log_store_verified verified;
    char name[NAME_BYTES];
    int r;

    store_name(slice, true, name);
    r = log_store_verify(disk, name, &store_id, description->people, description->people_bytes, &verified,
                         out_reason);
    if (r == 0) {
        store_name(slice, false, name);
        r = log_store_verify(disk, name, &store_id, description->journal, description->journal_bytes,
                             &verified, out_reason);
    }
    return fault_up(r);
}

static void
free_large(void *context, void *record)
{
    struct large_places *large = record;

    memory_put(context, large->places, (uint64_t)large->count_max * sizeof(large->places[0]));
    memory_put(context, large, sizeof(*large));
}

static void
free_people(struct memory *memory, struct changed_people *people)
{
    memory_put(memory, people->rows, (uint64_t)people->capacity * sizeof(*people->rows));
    *people = (struct changed_people){0};
}

void
slice_state_close(struct slice_state *state)
{
    if (state->memory == NULL) {
        return;
    }
    log_store_close(state->people);
    log_store_close(state->journal);
    state->people = NULL;
    state->journal = NULL;
    store_each(&state->large, free_large, state->memory);
    store_deinit(&state->large);
    free_people(state->memory, &state->changed);
    free_people(state->memory, &state->saving);
}

/* People. */

/* Of a record. */
static uint32_t
people_bytes_max(const struct slice_state *state)
{
    return log_store_record_bytes_max(state->people_page_bytes) / 8 * 8;
}

static uint32_t
journal_bytes_max(void)
{
    return log_store_record_bytes_max(SLICE_PAGE_BYTES) / 8 * 8;
}

static void
list(struct slice_state *state, struct person *person)
{
    struct changed_people *changed = &state->changed;

    changed->rows =
        memory_grow(state->memory, changed->rows, &changed->capacity, changed->count, sizeof(*changed->rows));
    changed->rows[changed->count++] = person;
    person->changed_in = state->generation;
}

static void
make_places(struct slice_state *state, struct large_places *large, uint32_t count)
{
    uint32_t before = large->count_max;

    while (large->count_max < count) {
        large->places = memory_grow(state->memory, large->places, &large->count_max, large->count_max,
                                    sizeof(large->places[0]));
    }
    memset(large->places + before, 0, (large->count_max - before) * sizeof(large->places[0]));
}

/* NULL: somebody else has what their keys would have in common. */
static log_store_place *
large_places(struct slice_state *state, struct store_key canonical, uint32_t count)
{
    struct store_key key = slice_record_common_key(canonical);
    struct large_places *large = store_peek(&state->large, key);

    if (large == NULL) {
        large = memory_take_zero(state->memory, sizeof(*large));
        large->key = key;
        large->canonical = canonical;
        if (store_add(&state->large, large) != 0) {
            memory_exhausted(state->memory);
        }
    }
    if (memcmp(&large->canonical, &canonical, sizeof(canonical)) != 0) {
        return NULL;
    }
    if (large->count_max < count) {
        make_places(state, large, count);
    }
    return large->places;
}

int
slice_state_place_part(struct slice_state *state, struct store_key part_key, uint32_t number,
                       log_store_place place)
{
    struct store_key canonical;

    if (!slice_record_part_canonical(part_key, number, &canonical)) {
        return fault_new(-EUCLEAN);
    }
    log_store_place *places = large_places(state, canonical, number + 1);

    if (places == NULL) {
        return fault_new(-EUCLEAN);
    }
    places[number] = place;
    return 0;
}

/* Parts that this person does not need any more stay, and nobody asks for them. */
static int
save_large(struct slice_state *state, struct person *person, struct store_key key, uint32_t bytes)
{
    uint32_t count = slice_record_part_count(bytes, people_bytes_max(state));
    log_store_place *places = count <= SLICE_PART_COUNT_MAX ? large_places(state, key, count) : NULL;
    struct slice_person *whole = region_take(state->memory->region, bytes);
    int r = whole != NULL && places != NULL ? 0 : fault_new(-ENOMEM);

    if (places == NULL) {
        log_warn_seldom("somebody is too large to be saved: no checkpoint is made", LOG_UINT("bytes", bytes));
    }
    if (r == 0) {
        (void)slice_record_write_person(person, whole, bytes);
    }
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        uint32_t part_bytes = slice_record_write_part(whole, bytes, people_bytes_max(state), i, NULL);
        void *part = log_store_put(state->people, slice_record_part_key(key, i),
                                   i == 0 ? &person->place : &places[i], part_bytes);
        if (part == NULL) {
            r = fault_new(-ENOMEM);
        } else {
            (void)slice_record_write_part(whole, bytes, people_bytes_max(state), i, part);
        }
    }
    region_put(state->memory->region, whole, bytes);
    return r;
}

static int
save_person(struct slice_state *state, struct person *person)
{
    struct store_key key;
    _Alignas(8) uint8_t small[SMALL_BYTES];
    uint32_t bytes = slice_record_write_person(person, (void *)small, sizeof(small));

    memcpy(&key, &person->canonical, sizeof(key));
    if (UNLIKELY(bytes > people_bytes_max(state))) {
        int r = save_large(state, person, key, bytes);
        if (r != 0) {
            return fault_up(r);
        }
    } else {
        struct slice_person *record = log_store_put(state->people, key, &person->place, bytes);
        if (record == NULL) {
            return fault_new(-ENOMEM);
        }
        if (LIKELY(bytes <= sizeof(small))) {
            memcpy(record, small, bytes);
        } else {
            (void)slice_record_write_person(person, record, bytes);
        }
    }
    person->is_changed = false;
    return 0;
}

static bool
is_to_be_saved(const struct slice_state *state, const struct person *person)
{
    return state->is_saving && person->is_changed && person->changed_in == state->generation - 1;
}

/* Not on the list of the next cut: new, clean, or to be saved as they still are. */
void
slice_state_note(struct slice_state *state, struct person *person)
{
    if (state->people == NULL) {
        return;
    }
    if (is_to_be_saved(state, person) && save_person(state, person) != 0) {
        state->is_spoiled = true;
    }
    list(state, person);
}

/* And will not be for ever. */
static bool
is_behind(const struct log_store *store)
{
    return log_store_is_behind(store) && !log_store_is_disk_full(store);
}

/* Somebody who is split stays: the first part alone is no state. */
static bool
is_split(const struct slice_state *state, const struct person *person)
{
    struct store_key key;

    memcpy(&key, &person->canonical, sizeof(key));
    return state->large.count > 0 && store_peek(&state->large, slice_record_common_key(key)) != NULL;
}

/* The cut to come may not have what changed after it. */
static bool
may_be_saved(const struct slice_state *state, const struct person *person)
{
    bool is_of_next_cut =
        state->is_saving && !state->has_all_people && person->changed_in == state->generation;

    return !is_of_next_cut && person->profile_bytes <= people_bytes_max(state) && !is_behind(state->people) &&
           !log_store_is_disk_full(state->people);
}

bool
slice_state_let_go(struct slice_state *state, struct person *person)
{
    if (state->people == NULL) {
        return false;
    }
    if (person->is_changed && (!may_be_saved(state, person) || save_person(state, person) != 0)) {
        return false;
    }
    return !is_split(state, person);
}

int
slice_state_fetch(struct slice_state *state, const struct person *person, struct log_store_waiter *waiter)
{
    struct store_key key;
    void *record;

    memcpy(&key, &person->canonical, sizeof(key));
    int r = log_store_find(state->people, key, waiter, &record, &waiter->record_bytes);

    REQUIRE(r != LOG_STORE_ABSENT);
    if (r == 0) {
        waiter->record = record;
    }
    return r;
}

int
slice_state_fetch_now(struct slice_state *state, const struct person *person, struct log_piece *out_piece)
{
    struct store_key key;

    memcpy(&key, &person->canonical, sizeof(key));
    return log_store_read_now(state->people, key, out_piece);
}

bool
slice_state_is_behind(const struct slice_state *state)
{
    return state->people != NULL && (is_behind(state->people) || is_behind(state->journal));
}

/* The journal. */

void *
slice_state_append(struct slice_state *state, struct store_key key, uint32_t bytes, uint64_t *out_address)
{
    void *record = log_store_append(state->journal, key, bytes, out_address);

    if (record == NULL) {
        memory_exhausted(state->memory);
    }
    return record;
}

static struct store_key
key_of_address(uint64_t before)
{
    struct store_key key = {0};

    memcpy(&key, &before, sizeof(before));
    return key;
}

uint64_t
slice_state_keep_session(struct slice_state *state, const struct share *share, struct session_at at)
{
    uint32_t bytes = slice_record_session_bytes(at);
    uint64_t address = 0;

    if (LIKELY(bytes <= journal_bytes_max())) {
        slice_record_write_session(share, at, slice_state_append(state, key_of_address(0), bytes, &address));
        return address;
    }
    struct slice_session *whole = memory_take(state->memory, bytes);

    slice_record_write_session(share, at, whole);
    for (uint32_t i = 0; i < slice_record_part_count(bytes, journal_bytes_max()); i++) {
        uint32_t part_bytes = slice_record_write_part(whole, bytes, journal_bytes_max(), i, NULL);
        void *part = slice_state_append(state, key_of_address(address), part_bytes, &address);
        (void)slice_record_write_part(whole, bytes, journal_bytes_max(), i, part);
    }
    memory_put(state->memory, whole, bytes);
    return address;
}

void
slice_parts_begin(struct slice_parts *parts, uint64_t address)
{
    REQUIRE(parts->address == 0);
    *parts = (struct slice_parts){.address = address, .next = address};
}

void
slice_parts_end(struct memory *memory, struct slice_parts *parts)
{
    memory_put(memory, parts->whole, parts->bytes);
    *parts = (struct slice_parts){0};
}

void
slice_parts_add(struct slice_state *state, struct slice_parts *parts, const void *record)
{
    const struct slice_session *session = record;
    struct store_key before = log_store_key_of(record);
    const bool is_first = session->head.kind == SLICE_SESSION;

    REQUIRE(parts->next != 0);
    if (parts->whole == NULL) {
        parts->bytes = is_first ? sizeof(*session) + (uint64_t)session->session_bytes
                                : slice_record_whole_bytes(record, journal_bytes_max());
        parts->whole = memory_take(state->memory, parts->bytes);
    }
    if (is_first && parts->bytes <= journal_bytes_max()) {
        memcpy(parts->whole, record, parts->bytes);
    } else {
        slice_record_read_part(record, journal_bytes_max(), parts->whole);
    }
    parts->next = 0;
    if (!is_first) {
        memcpy(&parts->next, &before, sizeof(parts->next));
    }
}

void
slice_parts_add_all_now(struct slice_state *state, struct slice_parts *parts)
{
    while (parts->next != 0) {
        struct log_piece piece;

        REQUIRE(log_store_read_at_now(state->journal, parts->next, &piece) == 0);
        slice_parts_add(state, parts, piece.record);
        log_piece_put(state->journal, &piece);
    }
}

/* Cuts. */

bool
slice_state_step(struct slice_state *state, struct mono_ns until)
{
    if (state->people == NULL) {
        return false;
    }
    bool has_more = log_store_step(state->people, until);

    return log_store_step(state->journal, until) || has_more;
}

int
slice_state_cut(struct slice_state *state, uint64_t cut)
{
    struct changed_people spare = state->saving;

    REQUIRE(state->people != NULL);
    REQUIRE(!state->is_saving);
    if (!log_store_is_cut_durable(state->people) || !log_store_is_cut_durable(state->journal)) {
        return fault_new(-EBUSY);
    }
    log_store_cut(state->journal, cut);
    state->saving = state->changed;
    state->changed = spare;
    state->changed.count = 0;
    state->saved_count = 0;
    state->generation++;
    state->cut = cut;
    state->is_saving = true;
    state->is_spoiled = false;
    state->has_all_people = false;
    return 0;
}

static void
prefetch(const struct slice_state *state)
{
    uint32_t at = state->saved_count;

    if (at + 2 * AHEAD_COUNT < state->saving.count) {
        prefetch_lines(state->saving.rows[at + 2 * AHEAD_COUNT], sizeof(struct person));
    }
    if (at + AHEAD_COUNT < state->saving.count) {
        const struct person *person = state->saving.rows[at + AHEAD_COUNT];
        if (person_profile(person) != NULL) {
            profile_prefetch(person->profile, person->profile_bytes, 0);
            profile_prefetch(person->profile, person->profile_bytes, 1);
        }
    }
}

int
slice_state_save(struct slice_state *state, const struct time_slice *time)
{
    REQUIRE(state->is_saving);
    while (!state->is_spoiled && state->saved_count < state->saving.count) {
        if (is_behind(state->people)) {
            return STEP_MORE;
        }
        struct person *person = state->saving.rows[state->saved_count];

        prefetch(state);
        if (is_to_be_saved(state, person) && save_person(state, person) != 0) {
            state->is_spoiled = true;
            break;
        }
        state->saved_count++;
        if (state->saved_count % LOOK_COUNT == 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    if (state->is_spoiled) {
        return fault_new(-ENOMEM);
    }
    if (!state->has_all_people) {
        log_store_cut(state->people, state->cut);
        state->has_all_people = true;
    }
    return STEP_DONE;
}

bool
slice_state_is_durable(const struct slice_state *state)
{
    return state->has_all_people && log_store_is_cut_durable(state->people) &&
           log_store_is_cut_durable(state->journal);
}

/* Who was not saved yet is saved with the next cut. */
void
slice_state_end(struct slice_state *state)
{
    for (uint32_t i = state->saved_count; state->is_saving && i < state->saving.count; i++) {
        struct person *person = state->saving.rows[i];
        if (is_to_be_saved(state, person)) {
            list(state, person);
        }
    }
    state->saving.count = 0;
    state->saved_count = 0;
    state->is_saving = false;
}

void
slice_state_release(struct slice_state *state, uint64_t cut)
{
    log_store_release(state->people, cut);
    log_store_release(state->journal, cut);
}
