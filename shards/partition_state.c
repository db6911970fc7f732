/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/partition_state.h"

#include <assert.h>
#include <errno.h>

#include "shards/partition.h"
#include "storage/gather.h"

#define STATE_VERSION 1u
#define ROWS_A_LOOK 256u /* between two looks at the clock */
#define NAME_BYTES_MAX 64u
#define PIECE_BYTES_MAX 65536u

/* Sections, in the order in which they stand in the file. */
enum section {
    SECTION_PARTITION = 1,
    SECTION_TENANTS,
    SECTION_DICTIONARIES, /* days, admissions, values */
    SECTION_DAYS = SECTION_DICTIONARIES,
    SECTION_ADMISSIONS,
    SECTION_VALUES,
    SECTION_MERGES,
    SECTION_WINDOW_KEPT,
    SECTION_WINDOW,
    SECTION_RECORDS, /* how the log_store is found again, in pieces */
};

struct saved_partition {
    uint32_t partition;
    uint32_t tenant_count;
    uint64_t applied_count;
    uint64_t epoch;
    int64_t wall;
    int64_t last_received;
    struct settings_record settings; /* all zero: none yet */
};

/* The name follows, filled up to a multiple of 8. */
struct saved_tenant {
    uint64_t total_events;
    uint64_t accepted_events;
    int64_t watermark;
    int64_t block_wall;
    int64_t newest_time;
    int64_t newest_received;
    uint32_t person_count;
    uint32_t merge_count;
    uint32_t name_bytes;
    uint8_t is_live;
    uint8_t dictionaries_refused; /* a bit for each dimension */
    uint16_t reserved;
};

struct saved_merge {
    uint64_t of; /* number of the tenant */
    struct merge merge;
};

/* The piece follows, filled up to a multiple of 8. */
struct saved_piece {
    uint64_t total_bytes; /* of all pieces */
    uint64_t bytes;
};

static_assert(sizeof(struct saved_merge) == 72, "on disk");
static_assert(sizeof(struct saved_piece) == 16, "on disk");
static_assert(sizeof(struct settings_record) == 48 && sizeof(struct saved_partition) == 88, "on disk");
static_assert(sizeof(struct saved_tenant) == 64, "on disk");
static_assert(DIMENSION_COUNT <= 8, "a bit for each");

struct partition_cut {
    struct saved_partition row;
    struct saved_tenant *tenants;        /* [tenant_count] */
    struct dictionary_cut *dictionaries; /* [tenant_count * DIMENSION_COUNT] */
    struct dictionary_day_row *days;
    uint64_t day_count;
    void *description; /* of the log_store's cut; NULL before that is durable */
    uint64_t description_bytes;
    uint64_t described;   /* bytes of it that were written */
    enum section section; /* being written */
    uint32_t tenant;      /* in it */
    uint32_t index;       /* dimension, merge */
};

static uint64_t
of_dictionary(uint32_t tenant_no, uint32_t dimension)
{
    return ((uint64_t)tenant_no << 8) | dimension;
}

/* Those that have an event; they are the first. */
static uint32_t
count_tenants(const struct partition *partition)
{
    uint32_t count = partition->tenants.count;

    while (count > 0 && partition_tenant_at(partition, count - 1)->total_events == 0) {
        count--;
    }
    return count;
}

/* ---- The cut. ---- */

static void
free_cut(struct partition *partition)
{
    struct partition_cut *cut = partition->cut;
    struct region *region = partition->region;
    uint64_t count;

    if (cut == NULL) {
        return;
    }
    count = cut->row.tenant_count;
    for (uint32_t t = 0; cut->dictionaries != NULL && t < count; t++) {
        for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
            dictionary_cut_end(&partition_tenant_at(partition, t)->dictionaries[d]);
        }
    }
    dedup_cut_end(&partition->dedup);
    region_put(region, cut->description, cut->description_bytes);
    region_put(region, cut->days, cut->day_count * sizeof(*cut->days));
    region_put(region, cut->dictionaries, count * DIMENSION_COUNT * sizeof(*cut->dictionaries));
    region_put(region, cut->tenants, count * sizeof(*cut->tenants));
    region_put(region, cut, sizeof(*cut));
    partition->cut = NULL;
}

void
partition_state_forget(struct partition *partition)
{
    free_cut(partition);
}

static void
cut_tenant(const struct partition *partition, struct tenant *tenant)
{
    struct saved_tenant *row = &partition->cut->tenants[tenant->no];

    *row = (struct saved_tenant){
        .total_events = tenant->total_events,
        .accepted_events = dedup_cut_accepted(&partition->dedup, tenant->no),
        .watermark = tenant->clock.watermark.ms,
        .block_wall = tenant->clock.block_wall.ms,
        .is_live = tenant->clock.is_live,
        .newest_time = tenant->newest_time.ms,
        .newest_received = tenant->newest_received.ms,
        .person_count = tenant->identity.person_count,
        .merge_count = merges_count(&tenant->identity.merges),
        .name_bytes = tenant->name.bytes,
    };
    for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
        row->dictionaries_refused |= (uint8_t)(tenant->dictionaries[d].has_refused << d);
    }
}

static int
cut_tenants(struct partition *partition)
{
    struct partition_cut *cut = partition->cut;
    uint64_t count = cut->row.tenant_count;
    uint64_t days = 0;

    cut->tenants = region_take(partition->region, count * sizeof(*cut->tenants));
    cut->dictionaries =
        region_take_zero(partition->region, count * DIMENSION_COUNT * sizeof(*cut->dictionaries));
    if (cut->tenants == NULL || cut->dictionaries == NULL) {
        region_put(partition->region, cut->dictionaries,
                   count * DIMENSION_COUNT * sizeof(*cut->dictionaries));
        cut->dictionaries = NULL;
        return fault_new(-ENOMEM);
    }
    for (uint32_t t = 0; t < count; t++) {
        struct tenant *tenant = partition_tenant_at(partition, t);

        cut_tenant(partition, tenant);
        for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
            cut->day_count += tenant->dictionaries[d].days.count;
        }
    }
    cut->days = region_take(partition->region, cut->day_count * sizeof(*cut->days));
    if (cut->days == NULL) {
        cut->day_count = 0;
        return fault_new(-ENOMEM);
    }
    for (uint32_t t = 0; t < count; t++) {
        for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
            struct dictionary *dictionary = &partition_tenant_at(partition, t)->dictionaries[d];

            dictionary_cut_begin(dictionary, of_dictionary(t, d), &cut->dictionaries[t * DIMENSION_COUNT + d],
                                 &cut->days[days]);
            days += dictionary->days.count;
        }
    }
    return 0;
}

static int
cut_window(struct partition *partition)
{
    int r = dedup_cut_begin(&partition->dedup, partition->cut->row.tenant_count);

    if (r != 0) {
        return fault_up(r);
    }
    for (uint32_t i = 0; i < partition->unapplied_count; i++) {
        uint32_t slot = (partition->unapplied_first + i) & (partition->unapplied_room - 1);

        dedup_cut_without(&partition->dedup, partition->unapplied[slot].tenant_no);
    }
    return 0;
}

static int
state_cut(void *part, uint64_t checkpoint)
{
    struct partition *partition = part;
    int r;

    REQUIRE(partition->cut == NULL);
    if (!log_store_is_cut_durable(partition->identities)) {
        return fault_new(-ENOMEM); /* one that was given up is still being written: this one is tried again */
    }
    partition->cut = region_take_zero(partition->region, sizeof(*partition->cut));
    if (partition->cut == NULL) {
        return fault_new(-ENOMEM);
    }
    partition->cut->row = (struct saved_partition){
        .partition = partition->number,
        .tenant_count = count_tenants(partition),
        .applied_count = partition->applied_count,
        .epoch = partition->node->epoch,
        .wall = partition->wall.ms,
        .last_received = partition->applied_received.ms,
        .settings = partition->settings,
    };
    partition->cut->section = SECTION_PARTITION;
    r = cut_window(partition);
    if (r == 0) {
        r = cut_tenants(partition);
    }
    if (r != 0) {
        free_cut(partition);
        return fault_up(r);
    }
    log_store_cut(partition->identities, checkpoint);
    return 0;
}

/* ---- Writing: each step adds what it can of one section; STEP_DONE: all of it. ---- */

static enum step
write_partition(struct partition_cut *cut, struct state_writer *writer)
{
    struct saved_partition *row = state_writer_add(writer, SECTION_PARTITION, STATE_VERSION, sizeof(*row));

    if (row != NULL) {
        *row = cut->row;
    }
    return row != NULL ? STEP_DONE : STEP_MORE;
}

static enum step
write_tenants(const struct partition *partition, struct state_writer *writer, const struct time_slice *time)
{
    struct partition_cut *cut = partition->cut;

    while (cut->tenant < cut->row.tenant_count) {
        struct text name = partition_tenant_at(partition, cut->tenant)->name;
        uint32_t bytes = (uint32_t)align_up(name.bytes, 8);
        struct saved_tenant *row =
            state_writer_add(writer, SECTION_TENANTS, STATE_VERSION, (uint32_t)sizeof(*row) + bytes);

        if (row == NULL) {
            return STEP_MORE;
        }
        *row = cut->tenants[cut->tenant++];
        memcpy(row + 1, name.data, name.bytes);
        memset((uint8_t *)(row + 1) + name.bytes, 0, bytes - name.bytes);
        if (cut->tenant % ROWS_A_LOOK == 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static int
write_dictionaries(const struct partition *partition, struct state_writer *writer,
                   const struct time_slice *time)
{
    struct partition_cut *cut = partition->cut;

    for (uint32_t count = 1; cut->tenant < cut->row.tenant_count; count++) {
        struct dictionary *dictionary =
            &partition_tenant_at(partition, cut->tenant)->dictionaries[cut->index];
        enum step step = dictionary_cut_write(dictionary, of_dictionary(cut->tenant, cut->index), writer,
                                              SECTION_DICTIONARIES, STATE_VERSION, time);

        if (dictionary->cut->has_failed) {
            return fault_new(-ENOMEM);
        }
        if (step == STEP_MORE) {
            return STEP_MORE;
        }
        cut->index = (cut->index + 1) % DIMENSION_COUNT;
        cut->tenant += cut->index == 0;
        if (count % ROWS_A_LOOK == 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static enum step
write_merges(const struct partition *partition, struct state_writer *writer, const struct time_slice *time)
{
    struct partition_cut *cut = partition->cut;
    uint32_t count = 0;

    for (; cut->tenant < cut->row.tenant_count; cut->tenant++, cut->index = 0) {
        const struct merges *merges = &partition_tenant_at(partition, cut->tenant)->identity.merges;

        while (cut->index < cut->tenants[cut->tenant].merge_count) {
            struct saved_merge *row = state_writer_add(writer, SECTION_MERGES, STATE_VERSION, sizeof(*row));

            if (row == NULL) {
                return STEP_MORE;
            }
            *row = (struct saved_merge){.of = cut->tenant, .merge = *merges_at(merges, cut->index)};
            cut->index++;
            if (++count % ROWS_A_LOOK == 0 && time_slice_is_over(time)) {
                return STEP_MORE;
            }
        }
    }
    return STEP_DONE;
}

static int
write_window(struct partition *partition, struct state_writer *writer, const struct time_slice *time)
{
    enum step step =
        dedup_cut_write(&partition->dedup, writer, SECTION_WINDOW_KEPT, SECTION_WINDOW, STATE_VERSION, time);

    return dedup_cut_has_failed(&partition->dedup) ? fault_new(-ENOMEM) : (int)step;
}

/* When its pages are on disk. */
static int
write_description(struct partition *partition, struct state_writer *writer)
{
    struct partition_cut *cut = partition->cut;

    if (cut->description == NULL) {
        int r;

        if (!log_store_is_cut_durable(partition->identities)) {
            return STEP_MORE;
        }
        r = log_store_describe(partition->identities, partition->region, &cut->description,
                               &cut->description_bytes);
        if (r != 0) {
            return fault_up(r);
        }
    }
    while (cut->described < cut->description_bytes) {
        uint64_t left = cut->description_bytes - cut->described;
        struct saved_piece piece = {.total_bytes = cut->description_bytes,
                                    .bytes = left < PIECE_BYTES_MAX ? left : PIECE_BYTES_MAX};
        uint32_t bytes = (uint32_t)align_up(piece.bytes, 8);
        struct saved_piece *row =
            state_writer_add(writer, SECTION_RECORDS, STATE_VERSION, (uint32_t)sizeof(*row) + bytes);

        if (row == NULL) {
            return STEP_MORE;
        }
        *row = piece;
        memcpy(row + 1, (const uint8_t *)cut->description + cut->described, piece.bytes);
        memset((uint8_t *)(row + 1) + piece.bytes, 0, bytes - piece.bytes);
        cut->described += piece.bytes;
    }
    return STEP_DONE;
}

static int
write_section(struct partition *partition, struct state_writer *writer, const struct time_slice *time)
{
    switch (partition->cut->section) {
    case SECTION_PARTITION:
        return write_partition(partition->cut, writer);
    case SECTION_TENANTS:
        return write_tenants(partition, writer, time);
    case SECTION_DICTIONARIES:
        return write_dictionaries(partition, writer, time);
    case SECTION_ADMISSIONS:
    case SECTION_VALUES:
        return STEP_DONE; /* with the days, dictionary by dictionary */
    case SECTION_MERGES:
        return write_merges(partition, writer, time);
    case SECTION_WINDOW_KEPT:
        return STEP_DONE; /* with the ring */
    case SECTION_WINDOW:
        return write_window(partition, writer, time);
    case SECTION_RECORDS:
        return write_description(partition, writer);
    }
    return STEP_DONE;
}

static int
state_write(void *part, struct state_writer *writer, const struct time_slice *time)
{
    struct partition *partition = part;
    struct partition_cut *cut = partition->cut;

    while (cut->section <= SECTION_RECORDS) {
        int r = write_section(partition, writer, time);

        if (r != STEP_DONE) {
            return r;
        }
        cut->section++;
        cut->tenant = 0;
        cut->index = 0;
    }
    return STEP_DONE;
}

static void
state_end(void *part, uint64_t checkpoint, bool is_given_up)
{
    (void)checkpoint;
    (void)is_given_up;
    free_cut(part);
}

static void
state_release(void *part, uint64_t checkpoint)
{
    struct partition *partition = part;

    log_store_release(partition->identities, checkpoint);
}

/* ---- Restoring. ---- */

struct restoring {
    struct partition *partition;
    struct state_reader *reader;
    struct saved_partition row;
    bool has_row;
    struct gather description;
};

/* What follows an item of this many bytes, within its section. NULL: too short. */
static const void *
take(const uint8_t **at, uint64_t *left, uint64_t bytes)
{
    const uint8_t *item = *at;

    if (bytes > *left) {
        return NULL;
    }
    *at += bytes;
    *left -= bytes;
    return item;
}

static int
restore_partition(struct restoring *restoring, const uint8_t **at, uint64_t *left)
{
    struct partition *partition = restoring->partition;
    const struct saved_partition *row = take(at, left, sizeof(*row));

    if (row == NULL || row->partition != partition->number || restoring->has_row) {
        return fault_new(-EINVAL);
    }
    restoring->row = *row;
    restoring->has_row = true;
    partition->next_position = row->applied_count;
    partition->durable_count = row->applied_count;
    partition->applied_count = row->applied_count;
    partition->epoch = row->epoch;
    partition->restored_count = row->applied_count;
    partition->restored_epoch = row->epoch;
    partition->wall.ms = row->wall;
    partition->last_received.ms = row->last_received;
    partition->applied_received.ms = row->last_received;
    partition->newest_settings = row->settings;
    partition->settings = row->settings;
    if (row->settings.header.bytes == 0 && row->tenant_count == 0) {
        return 0;
    }
    return dedup_resize(&partition->dedup, partition_window_count(partition, &row->settings));
}

static int
restore_tenant(struct restoring *restoring, const uint8_t **at, uint64_t *left)
{
    struct partition *partition = restoring->partition;
    const struct saved_tenant *row = take(at, left, sizeof(*row));
    uint32_t count = partition->tenants.count;
    struct tenant *tenant;
    const char *name;

    if (row == NULL || row->name_bytes == 0 || row->name_bytes > NAME_BYTES_MAX) {
        return fault_new(-EINVAL);
    }
    name = take(at, left, align_up(row->name_bytes, 8));
    if (name == NULL) {
        return fault_new(-EINVAL);
    }
    tenant = partition_make_tenant(partition, (struct text){.data = name, .bytes = row->name_bytes});
    if (tenant == NULL) {
        return fault_new(-ENOMEM);
    }
    if (tenant->no != count) {
        return fault_new(-EINVAL); /* it was there */
    }
    tenant->total_events = row->total_events;
    tenant->clock = (struct tenant_clock){.watermark = {.ms = row->watermark},
                                          .block_wall = {.ms = row->block_wall},
                                          .is_live = row->is_live != 0};
    tenant->newest_time.ms = row->newest_time;
    tenant->newest_received.ms = row->newest_received;
    for (uint32_t d = 0; d < DIMENSION_COUNT; d++) {
        tenant->dictionaries[d].has_refused = (row->dictionaries_refused >> d & 1) != 0;
    }
    identity_restore(&tenant->identity, row->person_count);
    if (tenant->clock.is_live && partition_watch(partition, tenant) != 0) {
        return fault_new(-ENOMEM);
    }
    return dedup_restore_tenant(&partition->dedup, row->accepted_events);
}

/* NULL: no such. */
static struct dictionary *
dictionary_of(const struct partition *partition, uint64_t of)
{
    uint64_t tenant_no = of >> 8;
    uint64_t dimension = of & 0xff;

    if (tenant_no >= partition->tenants.count || dimension >= DIMENSION_COUNT) {
        return NULL;
    }
    return &partition_tenant_at(partition, (uint32_t)tenant_no)->dictionaries[dimension];
}

static int
restore_day(const struct partition *partition, const uint8_t **at, uint64_t *left)
{
    const struct dictionary_day_row *row = take(at, left, sizeof(*row));
    struct dictionary *dictionary = row == NULL ? NULL : dictionary_of(partition, row->of);

    return dictionary == NULL ? fault_new(-EINVAL) : dictionary_restore_day(dictionary, row);
}

static int
restore_admission(const struct partition *partition, const uint8_t **at, uint64_t *left)
{
    const struct dictionary_admission_row *row = take(at, left, sizeof(*row));
    struct dictionary *dictionary = row == NULL ? NULL : dictionary_of(partition, row->of);

    return dictionary == NULL ? fault_new(-EINVAL) : dictionary_restore_admission(dictionary, row);
}

static int
restore_value(const struct partition *partition, const uint8_t **at, uint64_t *left)
{
    const struct dictionary_value_row *row = take(at, left, sizeof(*row));
    struct dictionary *dictionary = row == NULL ? NULL : dictionary_of(partition, row->of);
    const char *text = row == NULL ? NULL : take(at, left, align_up(row->bytes, 8));

    if (dictionary == NULL || text == NULL) {
        return fault_new(-EINVAL);
    }
    return dictionary_restore_value(dictionary, row, (struct text){.data = text, .bytes = row->bytes});
}

static int
restore_merge(const struct partition *partition, const uint8_t **at, uint64_t *left)
{
    const struct saved_merge *row = take(at, left, sizeof(*row));
    int r;

    if (row == NULL || row->of >= partition->tenants.count) {
        return fault_new(-EINVAL);
    }
    r = identity_restore_merges(&partition_tenant_at(partition, (uint32_t)row->of)->identity, &row->merge, 1);
    return r == -EUCLEAN ? fault_new(-EINVAL) : fault_up(r);
}

/* -EINVAL: it makes no sense. */
static int
gather_piece(struct gather *description, const uint8_t **at, uint64_t *left)
{
    const struct saved_piece *row = take(at, left, sizeof(*row));
    const void *piece =
        row == NULL || row->bytes > PIECE_BYTES_MAX ? NULL : take(at, left, align_up(row->bytes, 8));
    int r;

    if (piece == NULL) {
        return fault_new(-EINVAL);
    }
    r = description->bytes == NULL ? gather_begin(description, row->total_bytes) : 0;
    if (r != 0) {
        return fault_up(r);
    }
    return row->total_bytes == description->total_bytes ? gather_add(description, piece, row->bytes)
                                                        : fault_new(-EINVAL);
}

static int
check_whole(const struct gather *description, struct state_reader *reader)
{
    return gather_is_whole(description)
               ? 0
               : state_reader_bad(reader, "the description of its records is not all there");
}

/* The empty store makes way for that of the cut. */
static int
restore_store(struct restoring *restoring)
{
    struct partition *partition = restoring->partition;
    char name[DISK_NAME_BYTES_MAX];
    char reason[LOG_STORE_REASON_BYTES] = "";
    int r = check_whole(&restoring->description, restoring->reader);

    if (r != 0) {
        return fault_up(r);
    }
    log_store_close(partition->identities);
    partition->identities = NULL;
    r = log_store_restore(partition_store_options(partition, name), restoring->description.bytes,
                          restoring->description.total_bytes, NULL, NULL, &partition->identities, reason);
    for (uint32_t i = 0; i < partition->tenants.count; i++) {
        partition_tenant_at(partition, i)->identity.store = partition->identities;
    }
    return r == -EUCLEAN ? state_reader_bad(restoring->reader, reason) : fault_up(r);
}

static int
restore_window(struct partition *partition, bool is_kept, const uint8_t **at, uint64_t *left)
{
    const struct dedup_row *row = take(at, left, sizeof(*row));

    if (row == NULL) {
        return fault_new(-EINVAL);
    }
    return is_kept ? dedup_restore_kept(&partition->dedup, row) : dedup_restore(&partition->dedup, row);
}

static int
restore_item(struct restoring *restoring, uint16_t type, const uint8_t **at, uint64_t *left)
{
    struct partition *partition = restoring->partition;

    switch ((enum section)type) {
    case SECTION_PARTITION:
        return restore_partition(restoring, at, left);
    case SECTION_TENANTS:
        return restore_tenant(restoring, at, left);
    case SECTION_DAYS:
        return restore_day(partition, at, left);
    case SECTION_ADMISSIONS:
        return restore_admission(partition, at, left);
    case SECTION_VALUES:
        return restore_value(partition, at, left);
    case SECTION_MERGES:
        return restore_merge(partition, at, left);
    case SECTION_WINDOW_KEPT:
        return restore_window(partition, true, at, left);
    case SECTION_WINDOW:
        return restore_window(partition, false, at, left);
    case SECTION_RECORDS:
        return gather_piece(&restoring->description, at, left);
    }
    return fault_new(-EINVAL);
}

static int
restore_section(struct restoring *restoring, const struct state_section *section)
{
    const uint8_t *at = section->items;
    uint64_t left = section->bytes;

    if (section->version != STATE_VERSION || section->type > SECTION_RECORDS) {
        return state_reader_newer(restoring->reader);
    }
    for (uint32_t i = 0; i < section->count; i++) {
        int r = restore_item(restoring, section->type, &at, &left);

        if (r == -EINVAL) {
            return state_reader_bad(restoring->reader, "a section makes no sense");
        }
        if (r != 0) {
            return fault_up(r);
        }
    }
    return left == 0 ? 0 : state_reader_bad(restoring->reader, "a section is longer than its items");
}

static int
restore_all(struct restoring *restoring)
{
    struct state_section section;
    int r;

    while ((r = state_reader_next(restoring->reader, &section)) == 0) {
        r = restore_section(restoring, &section);
        if (r != 0) {
            return fault_up(r);
        }
    }
    if (r != STATE_END) {
        return fault_up(r);
    }
    if (!restoring->has_row || restoring->row.tenant_count != restoring->partition->tenants.count) {
        return state_reader_bad(restoring->reader, "tenants are missing");
    }
    return restore_store(restoring);
}

static int
state_restore(void *part, struct state_reader *reader, uint64_t checkpoint)
{
    struct partition *partition = part;
    struct restoring restoring = {
        .partition = partition, .reader = reader, .description = {.region = partition->region}};
    int r;

    (void)checkpoint;
    REQUIRE(partition->next_position == 0);
    r = restore_all(&restoring);
    gather_end(&restoring.description);
    return r;
}

/* ---- Verifying. ---- */

static int
gather_section(struct gather *description, struct state_reader *reader, const struct state_section *section)
{
    const uint8_t *at = section->items;
    uint64_t left = section->bytes;

    if (section->version != STATE_VERSION || section->type > SECTION_RECORDS) {
        return state_reader_newer(reader);
    }
    for (uint32_t i = 0; section->type == SECTION_RECORDS && i < section->count; i++) {
        int r = gather_piece(description, &at, &left);

        if (r != 0) {
            return r == -EINVAL ? state_reader_bad(reader, "a section makes no sense") : fault_up(r);
        }
    }
    return 0;
}

static int
gather_all(struct gather *description, struct state_reader *reader)
{
    struct state_section section;
    int r;

    while ((r = state_reader_next(reader, &section)) == 0) {
        r = gather_section(description, reader, &section);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return r == STATE_END ? check_whole(description, reader) : fault_up(r);
}

int
partition_state_verify(struct disk *disk, struct uuid store_id, uint16_t number, struct state_reader *reader)
{
    struct gather description = {0};
    struct log_store_verified verified;
    char name[DISK_NAME_BYTES_MAX];
    char reason[LOG_STORE_REASON_BYTES] = "";
    int r = gather_all(&description, reader);

    if (r == 0) {
        partition_store_name(number, name);
        r = log_store_verify(disk, name, &store_id, description.bytes, description.total_bytes, &verified,
                             reason);
        state_reader_say(reader, reason);
    }
    gather_end(&description);
    return fault_up(r);
}

const struct checkpoint_part_ops partition_state_ops = {
    .cut = state_cut,
    .write = state_write,
    .end = state_end,
    .release = state_release,
    .restore = state_restore,
};
