/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

#include "shards/profile_codec.h"

#include <errno.h>

/*
 * A slice as it was, from its records. What is derived is not on disk: it is made here, for each tenant at once,
 * because a million items put in order one after the other would each wait for memory several times.
 *
 *   people   decoded as they come, found by their canonical from then on
 *   journal  events are found by ID as before, counted in their cells, and listed; sessions are looked at, counted and listed. What
 *            is needed of them later is in their entries and the numbers of their persons: the records need not stay
 *   end      for each share: people by number, events by (time, position), sessions by (start, session_id); from
 *            these all orders are filled, and sessions entered
 *
 * Nothing here depends on the order of records, but that events of the journal come as they were added. Whether
 * a session is open is not on disk either: those that are not archived go to the heap of closings, and the next round
 * counts what has closed.
 */

#define BATCH_COUNT 16u /* items whose waits for memory overlap */
#define NUMBER_NONE UINT32_MAX

struct entries {
    struct order_entry *rows;
    uint32_t count;
    uint32_t capacity;
};

/* Of an archived session what its person has to know. */
struct archived {
    struct order_entry entry;
    int64_t duration_ms;
    uint32_t person;
};

/* Of a stretch of the shelf. */
struct stretched {
    uint32_t events_before; /* that came before it: those that lie in it and came later are not in it */
    uint32_t count;
};

/* A share while it is read. */
struct restoring {
    struct restoring *next;
    struct share *share;
    struct entries events; /* by (time, position) in the end */
    uint32_t *persons;     /* [events.capacity]: whose each is, by number, while they are as they came */
    uint32_t person_capacity;
    struct archived *archived;
    uint32_t archived_count;
    uint32_t archived_capacity;
    struct stretched *stretched; /* [share->shelf.stretch_count] */
    uint32_t stretched_count;
    uint32_t stretched_capacity;
    struct entries sessions; /* as share.h has them: those that can still change, in the end all */
};

/* A record that goes on elsewhere, or a part of one. */
struct large {
    struct store_key key;
    struct large *next;
    log_store_place place;
    uint32_t bytes;
    uint32_t reserved;
    uint8_t record[];
};

struct slice_restore {
    struct keeper *keeper;
    uint16_t slice;
    bool is_bad;
    uint32_t tenant_counts[PARTITION_COUNT_MAX];
    struct restoring *shares;
    struct person *people[BATCH_COUNT]; /* not in the slice's store yet */
    uint32_t people_count;
    bool is_joining;            /* who is restored is one of these: they never leave */
    struct large *large_people; /* the first part of each */
    struct store parts;         /* struct large by key: of some people the later parts */
    uint8_t *session;           /* the record of a large one, as far as it came; NULL: none is begun */
    uint32_t session_bytes;
    uint32_t session_done;
};

/* Persons of a share by number: the first of each group of numbers, and then one after the other. */
struct numbers {
    uint32_t *numbers; /* ascending */
    uint32_t *first;   /* [(greatest >> shift) + 1] */
    uint32_t count;
    uint32_t first_count;
    uint32_t shift;
};

struct slice_restore *
keeper_restore_begin(struct keeper *keeper, uint16_t slice)
{
    struct slice_restore *restore = memory_take_zero(&keeper->memory, sizeof(*restore));

    REQUIRE(slice < keeper->options.node->slice_count);
    REQUIRE(keeper->persons[slice].count == 0);
    restore->keeper = keeper;
    restore->slice = slice;
    store_init(&restore->parts, (struct store_options){
                                    .region = keeper->memory.region,
                                    .seed = {keeper->seed[0], keeper->seed[1]},
                                    .key_offset = offsetof(struct large, key),
                                });
    return restore;
}

static void
add_entry(struct memory *memory, struct entries *entries, struct order_entry entry)
{
    entries->rows =
        memory_grow(memory, entries->rows, &entries->capacity, entries->count, sizeof(*entries->rows));
    entries->rows[entries->count++] = entry;
}

static void
free_entries(struct memory *memory, struct entries *entries)
{
    memory_put(memory, entries->rows, (uint64_t)entries->capacity * sizeof(*entries->rows));
    *entries = (struct entries){0};
}

/* What belongs to nobody. */

/* Not there: until where merges have moved people. It is for questions that were stamped before; after a start there
   are none. */
struct slice_partition
keeper_partition_row(const struct keeper *keeper, uint16_t number)
{
    const struct keeper_partition *partition = &keeper->partitions[number];

    return (struct slice_partition){
        .partition = number,
        .tenant_count = partition->tenants.count,
        .gap_ms = partition->rules.gap_ms,
        .horizon_ms = partition->rules.horizon_ms,
        .out_of_orderness_ms = partition->out_of_orderness_ms,
        .wall_ms = partition->wall.ms,
        .sent_count = partition->sent_count,
    };
}

struct slice_tenant
keeper_tenant_row(const struct keeper *keeper, const struct share *share)
{
    const struct keeper_tenant *tenant = keeper_known_tenant(keeper, share->partition, share->tenant_no);
    struct slice_tenant row = {
        .partition = share->partition,
        .has_clock = tenant->has_clock,
        .is_live = tenant->clock.is_live,
        .tenant_no = share->tenant_no,
        .watermark = tenant->watermark.ms,
        .clock_watermark = tenant->clock.watermark.ms,
        .clock_wall_ms = tenant->clock.block_wall.ms,
        .name_bytes = tenant->name.bytes,
    };

    ASSERT(tenant->name.bytes > 0 && tenant->name.bytes <= sizeof(row.name));
    memcpy(row.name, tenant->name.data, tenant->name.bytes);
    return row;
}

void
keeper_restore_partition(struct slice_restore *restore, const struct slice_partition *row)
{
    struct keeper *keeper = restore->keeper;

    if (row->partition >= keeper->options.node->partition_count) {
        restore->is_bad = true;
        return;
    }
    struct keeper_partition *partition = &keeper->partitions[row->partition];

    partition->rules = (struct session_rules){.gap_ms = row->gap_ms, .horizon_ms = row->horizon_ms};
    partition->out_of_orderness_ms = row->out_of_orderness_ms;
    partition->wall.ms = row->wall_ms;
    partition->sent_count = row->sent_count;
    restore->tenant_counts[row->partition] = row->tenant_count;
}

static void
add_share(struct slice_restore *restore, uint16_t partition, uint32_t tenant_no)
{
    struct keeper *keeper = restore->keeper;
    struct share *share = keeper_share(keeper, partition, tenant_no, restore->slice);
    struct restoring *restoring = memory_take_zero(&keeper->memory, sizeof(*restoring));

    restoring->share = share;
    restoring->next = restore->shares;
    restore->shares = restoring;
    share->restoring = restoring;
}

static struct restoring *
find_share(const struct slice_restore *restore, const struct slice_head *head)
{
    const struct keeper *keeper = restore->keeper;
    const struct keeper_tenant *tenant = NULL;

    if (head->partition < keeper->options.node->partition_count) {
        tenant = keeper_known_tenant(keeper, head->partition, head->tenant_no);
    }
    if (tenant == NULL || tenant->shares == NULL || tenant->shares[restore->slice] == NULL) {
        return NULL;
    }
    return tenant->shares[restore->slice]->restoring;
}

void
keeper_restore_tenant(struct slice_restore *restore, const struct slice_tenant *row)
{
    struct keeper *keeper = restore->keeper;
    struct slice_head head = {.partition = row->partition, .tenant_no = row->tenant_no};

    if (row->partition >= keeper->options.node->partition_count ||
        row->tenant_no >= restore->tenant_counts[row->partition] || row->name_bytes == 0 ||
        row->name_bytes > sizeof(row->name) || row->has_clock > 1 || row->is_live > 1 ||
        find_share(restore, &head) != NULL) {
        restore->is_bad = true;
        return;
    }
    add_share(restore, row->partition, row->tenant_no);
    struct keeper_tenant *tenant = keeper_tenant(keeper, row->partition, row->tenant_no);

    keeper_name_tenant(keeper, tenant, (struct text){.data = row->name, .bytes = (uint32_t)row->name_bytes});
    tenant->watermark.ms = row->watermark;
    tenant->has_clock = row->has_clock;
    tenant->clock = (struct tenant_clock){
        .watermark = {.ms = row->clock_watermark},
        .block_wall = {.ms = row->clock_wall_ms},
        .is_live = row->is_live,
    };
}

/* People. */

static struct store_key
key_of(const struct person *person)
{
    struct store_key key;

    memcpy(&key, &person->canonical, sizeof(key));
    return key;
}

/* Into the slice's store. */
static void
find_people(struct slice_restore *restore)
{
    struct keeper *keeper = restore->keeper;
    struct store *persons = &keeper->persons[restore->slice];

    for (uint32_t i = 0; i < restore->people_count; i++) {
        store_prefetch(persons, key_of(restore->people[i]));
    }
    for (uint32_t i = 0; i < restore->people_count; i++) {
        void *known;
        int r = store_add_new(persons, restore->people[i], &known);
        if (r == STORE_THERE) {
            restore->is_bad = true;
        } else if (r != 0) {
            memory_exhausted(&keeper->memory);
        }
    }
    restore->people_count = 0;
}

static uint64_t
large_bytes(const struct large *large)
{
    return sizeof(*large) + large->bytes;
}

static struct large *
copy_large(struct slice_restore *restore, struct store_key key, const void *record, uint32_t bytes,
           log_store_place place)
{
    struct large *large = memory_take(&restore->keeper->memory, sizeof(*large) + bytes);

    *large = (struct large){.key = key, .place = place, .bytes = bytes};
    memcpy(large->record, record, bytes);
    return large;
}

static void
keep_part(struct slice_restore *restore, struct store_key key, const void *record, uint32_t bytes,
          log_store_place place)
{
    struct large *part = copy_large(restore, key, record, bytes, place);
    void *known;
    int r = store_add_new(&restore->parts, part, &known);

    if (r == STORE_THERE) {
        restore->is_bad = true;
        memory_put(&restore->keeper->memory, part, large_bytes(part));
        return;
    }
    if (r != 0) {
        memory_exhausted(&restore->keeper->memory);
    }
    if (slice_state_place_part(&restore->keeper->slices[restore->slice].state, key,
                               ((const struct slice_part *)record)->part, place) != 0) {
        restore->is_bad = true;
    }
}

static void
free_part(void *context, void *record)
{
    memory_put(context, record, large_bytes(record));
}

/* Puts the parts of one person behind the first; what is missing leaves it as bad as it is. */
static void
join_person(struct slice_restore *restore, const struct large *first)
{
    const struct slice_person *head = (const void *)first->record;
    uint64_t bytes = sizeof(*head) + (uint64_t)head->profile_bytes;
    uint64_t done = first->bytes;
    uint8_t *whole = memory_take(&restore->keeper->memory, bytes);

    memcpy(whole, first->record, first->bytes);
    for (uint32_t i = 1; done < bytes && i < SLICE_PART_COUNT_MAX; i++) {
        const struct large *large = store_peek(&restore->parts, slice_record_part_key(first->key, i));
        const struct slice_part *part = large != NULL ? (const void *)large->record : NULL;
        if (part == NULL || part->part != i || part->bytes > bytes - done) {
            break;
        }
        memcpy(whole + done, part->data, part->bytes);
        done += part->bytes;
    }
    if (done == bytes) {
        keeper_restore_person(restore, first->key, whole, (uint32_t)bytes, first->place);
    } else {
        restore->is_bad = true;
    }
    memory_put(&restore->keeper->memory, whole, bytes);
}

static void
join_people(struct slice_restore *restore)
{
    struct memory *memory = &restore->keeper->memory;

    restore->is_joining = true;
    while (restore->large_people != NULL) {
        struct large *first = restore->large_people;
        restore->large_people = first->next;
        join_person(restore, first);
        memory_put(memory, first, large_bytes(first));
    }
    store_each(&restore->parts, free_part, memory);
    store_deinit(&restore->parts);
}

/* The sessions that can still change. */
static void
add_sessions(struct memory *memory, struct entries *sessions, const struct person *person)
{
    const struct profile *profile = person->profile;

    for (uint32_t i = 0; profile != NULL && i < profile->sessions.rows.count; i++) {
        struct session *session = &session_set_rows(&profile->pack, &profile->sessions)[i];
        session->is_entered = true;
        add_entry(memory, sessions, share_entry(person, session));
    }
}

void
keeper_restore_person(struct slice_restore *restore, struct store_key canonical, const void *bytes,
                      uint32_t byte_count, log_store_place place)
{
    struct keeper *keeper = restore->keeper;
    struct memory *memory = &keeper->memory;
    const struct slice_person *record = bytes;
    uint8_t kind = slice_record_kind(bytes, byte_count);

    if (kind == SLICE_PART && slice_record_is_part_key(canonical)) {
        keep_part(restore, canonical, bytes, byte_count, place);
        return;
    }
    if (kind != SLICE_PERSON || slice_record_is_part_key(canonical)) {
        restore->is_bad = true;
        return;
    }
    if (UNLIKELY(byte_count - sizeof(*record) < record->profile_bytes)) {
        struct large *first = copy_large(restore, canonical, bytes, byte_count, place);
        first->next = restore->large_people;
        restore->large_people = first;
        return;
    }
    struct restoring *restoring = find_share(restore, &record->head);

    if (restoring == NULL) {
        restore->is_bad = true;
        return;
    }
    struct person *person = memory_take_zero(memory, sizeof(*person));

    memcpy(&person->canonical, &canonical, sizeof(person->canonical));
    person->number = record->number;
    person->place = place;
    if (record->profile_bytes > 0) {
        person->profile = keeper_read_profile(memory, bytes, byte_count, person);
        if (person->profile == NULL) {
            memory_put(memory, person, sizeof(*person));
            restore->is_bad = true;
            return;
        }
        keeper->profile_count++;
    }
    person->profile_bytes = person->profile != NULL ? person->profile->pack.used : 0;
    person->share = restoring->share;
    share_add_person(memory, restoring->share, person);
    add_sessions(memory, &restoring->sessions, person);
    keeper_note_profile(keeper, person, 0);
    if (!restore->is_joining) {
        keeper_let_go_early(keeper, person);
    }
    restore->people[restore->people_count++] = person;
    if (restore->people_count == BATCH_COUNT) {
        find_people(restore);
    }
}

/* The journal. */

static void
read_event(struct slice_restore *restore, struct restoring *restoring, const struct kept_event *event,
           uint64_t address)
{
    struct memory *memory = &restore->keeper->memory;
    const struct event_record *record = kept_event_record(event);

    restoring->persons = memory_grow(memory, restoring->persons, &restoring->person_capacity,
                                     restoring->events.count, sizeof(*restoring->persons));
    restoring->persons[restoring->events.count] = event->person;
    add_entry(memory, &restoring->events,
              (struct order_entry){.time = record->event_time.ms, .key = event->position, .item = address});
    cube_add_event(memory, &restoring->share->cube, record->event_time, event->code, event->person);
    restore->keeper->event_count++;
    history_restore(restoring->share->history, record->id_hash, address);
}

static void
read_session(struct slice_restore *restore, struct restoring *restoring, const struct slice_session *record,
             uint64_t address)
{
    struct memory *memory = &restore->keeper->memory;
    struct session_block *block;

    if (profile_codec_decode_session(memory, record->session, record->session_bytes, &block) != 0) {
        restore->is_bad = true;
        return;
    }
    restoring->archived = memory_grow(memory, restoring->archived, &restoring->archived_capacity,
                                      restoring->archived_count, sizeof(*restoring->archived));
    restoring->archived[restoring->archived_count++] =
        (struct archived){.entry = share_archived_entry(&block->session, address),
                          .duration_ms = session_duration_ms(&block->session),
                          .person = block->session.person};
    share_count_archived(memory, restoring->share, &block->session);
    session_block_destroy(memory, block);
}

static bool
is_session_large(const struct slice_session *record, uint32_t bytes)
{
    return bytes - sizeof(*record) < record->session_bytes;
}

static void
begin_session(struct slice_restore *restore, const struct slice_session *record, uint32_t bytes)
{
    uint64_t whole = sizeof(*record) + (uint64_t)record->session_bytes;

    if (whole > UINT32_MAX) {
        restore->is_bad = true;
        return;
    }
    restore->session = memory_take(&restore->keeper->memory, whole);
    restore->session_bytes = (uint32_t)whole;
    restore->session_done = bytes;
    memcpy(restore->session, record, bytes);
}

static void
end_session(struct slice_restore *restore)
{
    memory_put(&restore->keeper->memory, restore->session, restore->session_bytes);
    restore->session = NULL;
}

static void
go_on_with_session(struct slice_restore *restore, struct restoring *restoring, const struct slice_part *part,
                   uint64_t address)
{
    if (part->bytes > restore->session_bytes - restore->session_done) {
        restore->is_bad = true;
        return;
    }
    memcpy(restore->session + restore->session_done, part->data, part->bytes);
    restore->session_done += part->bytes;
    if (restore->session_done == restore->session_bytes) {
        read_session(restore, restoring, (const void *)restore->session, address);
        end_session(restore);
    }
}

static void
read_stretch(struct slice_restore *restore, struct restoring *restoring, const struct slice_stretch *record,
             uint64_t address)
{
    struct memory *memory = &restore->keeper->memory;

    if (!shelf_restore(memory, &restoring->share->shelf, record, address)) {
        restore->is_bad = true;
        return;
    }
    restoring->stretched = memory_grow(memory, restoring->stretched, &restoring->stretched_capacity,
                                       restoring->stretched_count, sizeof(*restoring->stretched));
    restoring->stretched[restoring->stretched_count++] =
        (struct stretched){.events_before = restoring->events.count, .count = record->count};
}

void
keeper_restore_kept(struct slice_restore *restore, const void *record, uint32_t bytes, uint64_t address)
{
    uint8_t kind = slice_record_kind(record, bytes);
    struct restoring *restoring = kind != 0 && kind != SLICE_LIST ? find_share(restore, record) : NULL;

    if ((restoring == NULL && kind != SLICE_LIST) || (restore->session != NULL) != (kind == SLICE_PART)) {
        restore->is_bad = true;
    } else if (kind == SLICE_LIST) {
        struct history *history = &restore->keeper->slices[restore->slice].history;
        restore->is_bad = !history_restore_list(history, record, address) || restore->is_bad;
    } else if (kind == SLICE_STRETCH) {
        read_stretch(restore, restoring, record, address);
    } else if (kind == SLICE_EVENT) {
        read_event(restore, restoring, record, address);
    } else if (kind == SLICE_PART) {
        go_on_with_session(restore, restoring, record, address);
    } else if (kind == SLICE_SESSION && is_session_large(record, bytes)) {
        begin_session(restore, record, bytes);
    } else if (kind == SLICE_SESSION) {
        read_session(restore, restoring, record, address);
    } else {
        restore->is_bad = true;
    }
}

/* The end: what is derived. */

static void
free_numbers(struct memory *memory, struct numbers *numbers)
{
    memory_put(memory, numbers->numbers, (uint64_t)numbers->count * sizeof(*numbers->numbers));
    memory_put(memory, numbers->first, (uint64_t)numbers->first_count * sizeof(*numbers->first));
}

static void
prefetch_person(const struct share *share, uint32_t index)
{
    if (index < share->person_count) {
        prefetch_lines(share->people[index], sizeof(struct person));
    }
}

/* False: two have the same number. Puts the people of the share in order. */
static bool
number_people(struct memory *memory, struct share *share, struct numbers *out_numbers)
{
    uint32_t count = share->person_count;
    struct order_entry *entries = memory_take(memory, (uint64_t)count * sizeof(*entries));
    struct numbers numbers = {.count = count,
                              .numbers = memory_take(memory, (uint64_t)count * sizeof(uint32_t))};
    bool is_sound = true;

    for (uint32_t i = 0; i < count; i++) {
        prefetch_person(share, i + BATCH_COUNT);
        entries[i] =
            (struct order_entry){.time = share->people[i]->number, .item = order_item(share->people[i])};
    }
    order_sort(memory, entries, count);
    for (uint32_t i = 0; i < count; i++) {
        share->people[i] = order_pointer(&entries[i]);
        numbers.numbers[i] = (uint32_t)entries[i].time;
        is_sound = is_sound && (i == 0 || numbers.numbers[i - 1] < numbers.numbers[i]);
    }
    memory_put(memory, entries, (uint64_t)count * sizeof(*entries));

    uint32_t greatest = count > 0 ? numbers.numbers[count - 1] : 0;

    while (greatest >> numbers.shift > 2 * (uint64_t)count) {
        numbers.shift++;
    }
    numbers.first_count = (greatest >> numbers.shift) + 1;
    numbers.first = memory_take(memory, (uint64_t)numbers.first_count * sizeof(*numbers.first));
    uint32_t at = 0;

    for (uint32_t i = 0; i < numbers.first_count; i++) {
        while (at < count && numbers.numbers[at] >> numbers.shift < i) {
            at++;
        }
        numbers.first[i] = at;
    }
    *out_numbers = numbers;
    return is_sound;
}

/* Index of the person with this number, or NUMBER_NONE. */
static uint32_t
find_number(const struct numbers *numbers, uint32_t number)
{
    uint32_t group = number >> numbers->shift;

    if (group >= numbers->first_count) {
        return NUMBER_NONE;
    }
    for (uint32_t i = numbers->first[group]; i < numbers->count && numbers->numbers[i] <= number; i++) {
        if (numbers->numbers[i] == number) {
            return i;
        }
    }
    return NUMBER_NONE;
}

/* Says whose each event is. False: somebody's who is not there. */
static bool
find_owners(const struct restoring *restoring, const struct numbers *numbers, uint32_t *owners,
            uint32_t *counts)
{
    for (uint32_t i = 0; i < restoring->events.count; i++) {
        owners[i] = find_number(numbers, restoring->persons[i]);
        if (owners[i] == NUMBER_NONE) {
            return false;
        }
        counts[owners[i]]++;
    }
    return true;
}

/* Each person's events, in order: they came nearly so. */
static void
deal_events(struct memory *memory, const struct restoring *restoring, const uint32_t *owners,
            const uint32_t *counts)
{
    const struct entries *events = &restoring->events;
    const struct share *share = restoring->share;
    struct order_entry *dealt = memory_take(memory, (uint64_t)events->count * sizeof(*dealt));
    uint32_t *places = memory_take(memory, (uint64_t)share->person_count * sizeof(*places));
    uint32_t place = 0;

    for (uint32_t i = 0; i < share->person_count; i++) {
        places[i] = place;
        place += counts[i];
    }
    for (uint32_t i = 0; i < events->count; i++) {
        dealt[places[owners[i]]++] = events->rows[i];
    }
    for (uint32_t i = 0; i < share->person_count; i++) {
        struct order_entry *own = &dealt[places[i] - counts[i]];
        prefetch_person(share, i + BATCH_COUNT);
        order_sort(memory, own, counts[i]);
        order_fill(memory, &share->people[i]->events, own, counts[i]);
    }
    memory_put(memory, places, (uint64_t)share->person_count * sizeof(*places));
    memory_put(memory, dealt, (uint64_t)events->count * sizeof(*dealt));
}

/* Whether an event lies in a stretch, which then has one less to come. */
static bool
take_from_stretch(struct restoring *restoring, const struct order_entry *entry, uint32_t index)
{
    const struct shelf *shelf = &restoring->share->shelf;
    uint32_t begun = shelf_seek(shelf, entry->time, entry->key + 1);

    if (begun == 0) {
        return false;
    }
    struct stretched *stretched = &restoring->stretched[begun - 1];
    struct shelf_place last = shelf->stretches[begun - 1].last;

    if (stretched->events_before <= index ||
        order_is_before(&(struct order_entry){.time = last.time, .key = last.key}, entry->time, entry->key)) {
        return false;
    }
    stretched->count--;
    return true;
}

/* Those that are on the shelf are not in the order. False: a stretch has other events than these. */
static bool
drop_shelved(struct restoring *restoring)
{
    struct entries *events = &restoring->events;
    uint32_t count = 0;
    bool is_sound = true;

    for (uint32_t i = 0; i < events->count; i++) {
        if (!take_from_stretch(restoring, &events->rows[i], i)) {
            events->rows[count++] = events->rows[i];
        }
    }
    events->count = count;
    for (uint32_t i = 0; i < restoring->stretched_count; i++) {
        is_sound = is_sound && restoring->stretched[i].count == 0;
    }
    return is_sound;
}

static bool
make_history(struct memory *memory, struct restoring *restoring, const struct numbers *numbers)
{
    struct entries *events = &restoring->events;
    struct share *share = restoring->share;
    uint64_t owner_bytes = (uint64_t)events->count * sizeof(uint32_t);
    uint64_t count_bytes = (uint64_t)share->person_count * sizeof(uint32_t);
    uint32_t *owners = memory_take(memory, owner_bytes);
    uint32_t *counts = memory_take_zero(memory, count_bytes);
    bool is_sound = find_owners(restoring, numbers, owners, counts);

    if (is_sound) {
        deal_events(memory, restoring, owners, counts);
    }
    memory_put(memory, counts, count_bytes);
    memory_put(memory, owners, owner_bytes);
    is_sound = drop_shelved(restoring) && is_sound;
    order_sort(memory, events->rows, events->count);
    order_fill(memory, &share->events, events->rows, events->count);
    return is_sound;
}

static bool
make_sessions(struct memory *memory, struct restoring *restoring, const struct numbers *numbers)
{
    struct entries *sessions = &restoring->sessions;
    struct share *share = restoring->share;

    for (uint32_t i = 0; i < restoring->archived_count; i++) {
        const struct archived *archived = &restoring->archived[i];
        uint32_t owner = find_number(numbers, archived->person);
        if (owner == NUMBER_NONE) {
            return false;
        }
        session_archive_add(memory, share->people[owner], archived->entry, archived->duration_ms);
        add_entry(memory, sessions, archived->entry);
    }
    order_sort(memory, sessions->rows, sessions->count);
    share_fill(memory, share, sessions->rows, sessions->count);
    return true;
}

static void
make_share(struct slice_restore *restore, struct restoring *restoring)
{
    struct keeper *keeper = restore->keeper;
    struct numbers numbers;

    if (!number_people(&keeper->memory, restoring->share, &numbers) ||
        !make_history(&keeper->memory, restoring, &numbers) ||
        !make_sessions(&keeper->memory, restoring, &numbers)) {
        restore->is_bad = true;
    }
    keeper_note_order(keeper, restoring->share, 0);
    free_numbers(&keeper->memory, &numbers);
}

int
keeper_restore_end(struct slice_restore *restore)
{
    struct keeper *keeper = restore->keeper;

    join_people(restore);
    find_people(restore);
    if (restore->session != NULL) {
        restore->is_bad = true; /* the rest of it never came */
        end_session(restore);
    }
    while (restore->shares != NULL) {
        struct restoring *restoring = restore->shares;
        if (!restore->is_bad) {
            make_share(restore, restoring);
        }
        restore->shares = restoring->next;
        restoring->share->restoring = NULL;
        free_entries(&keeper->memory, &restoring->events);
        memory_put(&keeper->memory, restoring->persons,
                   (uint64_t)restoring->person_capacity * sizeof(*restoring->persons));
        memory_put(&keeper->memory, restoring->stretched,
                   (uint64_t)restoring->stretched_capacity * sizeof(*restoring->stretched));
        memory_put(&keeper->memory, restoring->archived,
                   (uint64_t)restoring->archived_capacity * sizeof(*restoring->archived));
        free_entries(&keeper->memory, &restoring->sessions);
        memory_put(&keeper->memory, restoring, sizeof(*restoring));
    }
    cube_queue_run(&keeper->memory, &keeper->cube_queue);
    int r = restore->is_bad ? fault_new(-EUCLEAN) : 0;

    memory_put(&keeper->memory, restore, sizeof(*restore));
    keeper->wants_round = true;
    return r;
}
