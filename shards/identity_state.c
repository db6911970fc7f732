/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/identity_state.h"

#include <errno.h>

#include "storage/state_file.h"

#define ROWS_A_LOOK 256u /* between two looks at the clock */

static uint64_t
row_bytes(const struct identity_record_row *row)
{
    return sizeof(*row) + align_up(row->bytes, 8);
}

static void
count_record(void *context, void *record)
{
    struct identity_cut *cut = context;

    cut->room += sizeof(struct identity_record_row) + align_up(identity_record_bytes(record), 8);
}

static void
copy_record(void *context, void *record)
{
    struct identity_cut *cut = context;
    struct identity_record_row *row = (void *)(cut->rows + cut->bytes);

    *row = (struct identity_record_row){.bytes = (uint32_t)identity_record_bytes(record)};
    memset((uint8_t *)row + row_bytes(row) - 8, 0, 8);
    memcpy(row + 1, record, row->bytes);
    cut->bytes += row_bytes(row);
    ASSERT(cut->bytes <= cut->room);
}

int
identity_cut_begin(struct identity_cut *cut, struct region *region, const struct store *store)
{
    *cut = (struct identity_cut){.region = region};
    store_each(store, count_record, cut);
    cut->rows = region_take(region, cut->room);
    if (cut->rows == NULL) {
        cut->room = 0;
        return fault_new(-ENOMEM);
    }
    store_each(store, copy_record, cut);
    return 0;
}

enum step
identity_cut_write(struct identity_cut *cut, struct state_writer *writer, uint16_t type, uint16_t version,
                   const struct time_slice *time)
{
    for (uint32_t count = 1; cut->next < cut->bytes; count++) {
        const struct identity_record_row *row = (const void *)(cut->rows + cut->next);
        void *to = state_writer_add(writer, type, version, (uint32_t)row_bytes(row));

        if (to == NULL) {
            return STEP_MORE;
        }
        memcpy(to, row, row_bytes(row));
        cut->next += row_bytes(row);
        if (count % ROWS_A_LOOK == 0 && time_slice_is_over(time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

void
identity_cut_end(struct identity_cut *cut)
{
    region_put(cut->region, cut->rows, cut->room);
    *cut = (struct identity_cut){.region = cut->region};
}

int
identity_restore_record(struct region *region, struct store *store, const struct identity_record_row *row)
{
    const struct identity_people *first = (const void *)(row + 1); /* of all kinds the longest head */
    void *copy;
    void *known;
    int r;

    static_assert(sizeof(struct identity_people) <= sizeof(struct identifier), "as the next line says");
    if (row->bytes < sizeof(struct identity_people) || first->kind >= IDENTITY_KIND_COUNT ||
        row->bytes != identity_record_bytes(first)) {
        return fault_new(-EINVAL);
    }
    copy = region_take(region, row->bytes);
    if (copy == NULL) {
        return fault_new(-ENOMEM);
    }
    memcpy(copy, first, row->bytes);
    r = store_add_new(store, copy, &known);
    if (r != 0) {
        region_put(region, copy, row->bytes);
    }
    return r == STORE_THERE ? fault_new(-EINVAL) : fault_up(r);
}
