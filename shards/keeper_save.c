/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"
#include "storage/gather.h"

#include <errno.h>

/*
 * A slice as a part of a checkpoint. At the cut its stores note what is theirs, and the rows of partitions and
 * tenants are copied. Then people are encoded and the stores flushed; when both are on disk, the state file is
 * written: the rows, and what a start needs to find the stores' pages.
 */

#define SAVED_VERSION 1u
#define PIECE_BYTES_MAX 65536u /* of a description in one item */

enum saved_type {
    SAVED_PARTITION = 1, /* struct slice_partition */
    SAVED_TENANT = 2,    /* struct slice_tenant */
    SAVED_SIZES = 3,     /* struct saved_sizes, once, before the descriptions */
    SAVED_PEOPLE = 4,    /* pieces of the store's description; zeros behind the last one */
    SAVED_JOURNAL = 5,
};

struct saved_sizes {
    uint64_t people_bytes;
    uint64_t journal_bytes;
};

/* Saving. */

static void
forget(struct keeper_slice *slice)
{
    struct keeper *keeper = slice->keeper;
    struct region *region = keeper->memory.region;
    struct slice_save *save = &slice->save;

    region_put(region, save->partitions,
               (uint64_t)keeper->options.node->partition_count * sizeof(*save->partitions));
    region_put(region, save->tenants, (uint64_t)save->tenant_count * sizeof(*save->tenants));
    region_put(region, save->people, save->people_bytes);
    region_put(region, save->journal, save->journal_bytes);
    *save = (struct slice_save){0};
}

static bool
copy_rows(struct keeper_slice *slice)
{
    struct keeper *keeper = slice->keeper;
    struct slice_save *save = &slice->save;
    uint32_t partition_count = keeper->options.node->partition_count;
    struct region *region = keeper->memory.region;
    uint32_t at = 0;

    save->tenant_count = slice->share_count;
    save->partitions = region_take(region, (uint64_t)partition_count * sizeof(*save->partitions));
    save->tenants = region_take(region, (uint64_t)save->tenant_count * sizeof(*save->tenants));
    if (save->partitions == NULL || save->tenants == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < partition_count; i++) {
        save->partitions[i] = keeper_partition_row(keeper, (uint16_t)i);
    }
    for (const struct share *share = slice->shares; share != NULL; share = share->slice_next) {
        save->tenants[at++] = keeper_tenant_row(keeper, share);
    }
    return true;
}

/* What an earlier checkpoint left to be written keeps this one from beginning, as no memory does: it is tried again. */
static int
cut(void *part, uint64_t checkpoint)
{
    struct keeper_slice *slice = part;

    REQUIRE_HERE(slice->keeper->options.home);
    if (!copy_rows(slice) || slice_state_cut(&slice->state, checkpoint) != 0) {
        forget(slice);
        return fault_new(-ENOMEM);
    }
    return 0;
}

/* One kind of items after the other, from where the last call stopped. False: the writer says not now. */

static bool
write_items(struct slice_save *save, struct state_writer *writer, uint16_t type, const void *items,
            uint32_t item_bytes, uint32_t count)
{
    for (; save->written < count; save->written++) {
        void *item = state_writer_add(writer, type, SAVED_VERSION, item_bytes);
        if (item == NULL) {
            return false;
        }
        memcpy(item, (const uint8_t *)items + save->written * item_bytes, item_bytes);
    }
    save->written = 0;
    return true;
}

static bool
write_pieces(struct slice_save *save, struct state_writer *writer, uint16_t type, const void *bytes,
             uint64_t count)
{
    while (save->written < count) {
        uint64_t left = count - save->written;
        uint32_t piece = left < PIECE_BYTES_MAX ? (uint32_t)left : PIECE_BYTES_MAX;
        uint8_t *item = state_writer_add(writer, type, SAVED_VERSION, (uint32_t)align_up(piece, 8));
        if (item == NULL) {
            return false;
        }
        memset(item + piece, 0, align_up(piece, 8) - piece);
        memcpy(item, (const uint8_t *)bytes + save->written, piece);
        save->written += piece;
    }
    save->written = 0;
    return true;
}

static bool
write_rows(struct keeper_slice *slice, struct state_writer *writer)
{
    struct slice_save *save = &slice->save;
    struct saved_sizes sizes = {.people_bytes = save->people_bytes, .journal_bytes = save->journal_bytes};
    bool is_done = false;

    switch ((enum saved_type)save->writing) {
    case SAVED_PARTITION:
        is_done = write_items(save, writer, SAVED_PARTITION, save->partitions, sizeof(*save->partitions),
                              slice->keeper->options.node->partition_count);
        break;
    case SAVED_TENANT:
        is_done = write_items(save, writer, SAVED_TENANT, save->tenants, sizeof(*save->tenants),
                              save->tenant_count);
        break;
    case SAVED_SIZES:
        is_done = write_items(save, writer, SAVED_SIZES, &sizes, sizeof(sizes), 1);
        break;
    case SAVED_PEOPLE:
        is_done = write_pieces(save, writer, SAVED_PEOPLE, save->people, save->people_bytes);
        break;
    case SAVED_JOURNAL:
        is_done = write_pieces(save, writer, SAVED_JOURNAL, save->journal, save->journal_bytes);
        break;
    }
    save->writing += is_done;
    return is_done;
}

static int
describe(struct keeper_slice *slice)
{
    struct region *region = slice->keeper->memory.region;
    struct slice_save *save = &slice->save;
    int r = log_store_describe(slice->state.people, region, &save->people, &save->people_bytes);

    if (r == 0) {
        r = log_store_describe(slice->state.journal, region, &save->journal, &save->journal_bytes);
    }
    save->writing = SAVED_PARTITION;
    return r;
}

static int
write_part(void *part, struct state_writer *writer, const struct time_slice *time)
{
    struct keeper_slice *slice = part;
    struct slice_save *save = &slice->save;

    if (save->writing == 0) {
        int r = slice_state_save(&slice->state, time);
        if (r != STEP_DONE) {
            return r;
        }
        if (!slice_state_is_durable(&slice->state)) {
            return STEP_MORE;
        }
        r = describe(slice);
        if (r != 0) {
            return fault_up(r);
        }
    }
    while (save->writing <= SAVED_JOURNAL) {
        if (!write_rows(slice, writer)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static void
end(void *part, uint64_t checkpoint, bool is_given_up)
{
    struct keeper_slice *slice = part;

    (void)checkpoint;
    (void)is_given_up; /* who was not saved is saved next time, either way */
    slice_state_end(&slice->state);
    forget(slice);
}

static void
release(void *part, uint64_t checkpoint)
{
    struct keeper_slice *slice = part;

    slice_state_release(&slice->state, checkpoint);
}

/* Restoring. */

struct loading {
    struct keeper_slice *slice;
    struct slice_restore *restore;
    struct state_reader *reader;
    struct gather people; /* descriptions of the stores */
    struct gather journal;
};

static int
gather_sizes(struct loading *loading, const struct state_section *section)
{
    struct saved_sizes sizes;
    int r = -EINVAL;

    if (section->bytes == sizeof(sizes)) {
        memcpy(&sizes, section->items, sizeof(sizes));
        r = gather_begin(&loading->people, sizes.people_bytes);
    }
    if (r == 0) {
        r = gather_begin(&loading->journal, sizes.journal_bytes);
    }
    return r == -EINVAL
               ? state_reader_bad(loading->reader, "the sizes of a slice's stores are not there once")
               : fault_up(r);
}

/* Zeros may follow the last piece. */
static int
gather_pieces(struct loading *loading, const struct state_section *section, struct gather *description)
{
    uint64_t left = description->total_bytes - description->gathered_bytes;
    uint64_t bytes = section->bytes == align_up(left, 8) ? left : section->bytes;

    if (gather_add(description, section->items, bytes) != 0) {
        return state_reader_bad(loading->reader, "the description of a slice's store is longer than it says");
    }
    return 0;
}

/* Another section than those of descriptions is none of this. */
static int
gather_section(struct loading *loading, const struct state_section *section)
{
    switch ((enum saved_type)section->type) {
    case SAVED_SIZES:
        return gather_sizes(loading, section);
    case SAVED_PEOPLE:
        return gather_pieces(loading, section, &loading->people);
    case SAVED_JOURNAL:
        return gather_pieces(loading, section, &loading->journal);
    case SAVED_PARTITION:
    case SAVED_TENANT:
        break;
    }
    return 0;
}

static int
check_whole(const struct loading *loading)
{
    if (!gather_is_whole(&loading->people) || !gather_is_whole(&loading->journal)) {
        return state_reader_bad(loading->reader, "the description of a slice's store is not all there");
    }
    return 0;
}

static struct slice_description
description_of(const struct loading *loading)
{
    return (struct slice_description){
        .people = loading->people.bytes,
        .people_bytes = loading->people.total_bytes,
        .journal = loading->journal.bytes,
        .journal_bytes = loading->journal.total_bytes,
    };
}

static void
end_loading(struct loading *loading)
{
    gather_end(&loading->people);
    gather_end(&loading->journal);
}

static int
load_section(struct loading *loading, const struct state_section *section)
{
    if (section->version != SAVED_VERSION) {
        return state_reader_newer(loading->reader);
    }
    switch ((enum saved_type)section->type) {
    case SAVED_PARTITION:
        if (section->bytes != section->count * sizeof(struct slice_partition)) {
            break;
        }
        for (uint32_t i = 0; i < section->count; i++) {
            keeper_restore_partition(loading->restore,
                                     &((const struct slice_partition *)(const void *)section->items)[i]);
        }
        return 0;
    case SAVED_TENANT:
        if (section->bytes != section->count * sizeof(struct slice_tenant)) {
            break;
        }
        for (uint32_t i = 0; i < section->count; i++) {
            keeper_restore_tenant(loading->restore,
                                  &((const struct slice_tenant *)(const void *)section->items)[i]);
        }
        return 0;
    case SAVED_SIZES:
    case SAVED_PEOPLE:
    case SAVED_JOURNAL:
        return gather_section(loading, section);
    }
    return state_reader_bad(loading->reader, "this is nothing of a slice");
}

static void
load_person(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    keeper_restore_person(context, key, record, bytes, place);
}

static void
load_kept(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    (void)key;
    keeper_restore_kept(context, record, bytes, log_store_address(place));
}

static int
load_stores(struct loading *loading)
{
    struct keeper_slice *slice = loading->slice;
    const struct slice_description description = description_of(loading);
    char reason[LOG_STORE_REASON_BYTES] = "";
    int r = check_whole(loading);

    if (r != 0) {
        return fault_up(r);
    }
    slice_state_close(&slice->state);
    r = slice_state_restore(
        &slice->state, keeper_slice_options(slice->keeper, slice->number), &description,
        (struct slice_visitor){.person = load_person, .kept = load_kept, .context = loading->restore},
        reason);

    if (r != 0) {
        int told = state_reader_bad(loading->reader, reason);
        return r == -EUCLEAN ? told : fault_up(r);
    }
    return 0;
}

static int
restore(void *part, struct state_reader *reader, uint64_t checkpoint)
{
    struct keeper_slice *slice = part;
    struct region *region = slice->keeper->memory.region;
    struct loading loading = {
        .slice = slice, .reader = reader, .people = {.region = region}, .journal = {.region = region}};
    struct state_section section;
    int r;

    (void)checkpoint;
    loading.restore = keeper_restore_begin(slice->keeper, slice->number);
    for (;;) {
        r = state_reader_next(reader, &section);
        if (r != 0) {
            break;
        }
        r = load_section(&loading, &section);
        if (r != 0) {
            break;
        }
    }
    if (r == STATE_END) {
        r = load_stores(&loading);
    }
    int sense = keeper_restore_end(loading.restore);

    if (r == 0 && sense != 0) {
        r = state_reader_bad(reader, "the people and the journal of a slice do not fit together");
    }
    end_loading(&loading);
    return fault_up(r);
}

/* Verifying. */

static int
gather(struct loading *loading)
{
    struct state_section section;
    int r;

    while ((r = state_reader_next(loading->reader, &section)) == 0) {
        if (section.version != SAVED_VERSION) {
            return state_reader_newer(loading->reader);
        }
        r = gather_section(loading, &section);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return r == STATE_END ? check_whole(loading) : fault_up(r);
}

int
keeper_verify(struct disk *disk, struct uuid store_id, uint16_t slice, struct state_reader *reader)
{
    struct loading loading = {.reader = reader};
    char reason[LOG_STORE_REASON_BYTES] = "";
    int r = gather(&loading);

    if (r == 0) {
        const struct slice_description description = description_of(&loading);

        r = slice_state_verify(disk, store_id, slice, &description, reason);
        state_reader_say(reader, reason);
    }
    end_loading(&loading);
    return fault_up(r);
}

static const struct checkpoint_part_ops ops = {
    .cut = cut,
    .write = write_part,
    .end = end,
    .release = release,
    .restore = restore,
};

struct checkpoint_part
keeper_part(struct keeper *keeper, uint16_t slice)
{
    REQUIRE(node_slice_owner(keeper->options.node, slice) == keeper->options.home.n);
    return (struct checkpoint_part){
        .ops = &ops,
        .part = &keeper->slices[slice],
        .folder = SLICE_FOLDER,
        .number = slice,
    };
}
