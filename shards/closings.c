/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/closings.h"

#define ROOM_COUNT_MIN 64u /* rows that are not worth a trim */
#define DEADLINE_MIN (-(INT64_C(1) << 46))
#define DEADLINE_BITS 48u
#define START_LOW_BITS 20u
#define PERSON_ALIGN_BYTES UINT64_C(8)

/* There is one for each session that is open, of everybody. */
struct closing_row {
    uint64_t start_high : CLOSING_START_BITS - START_LOW_BITS;
    uint64_t deadline : DEADLINE_BITS; /* from DEADLINE_MIN on */
    uint64_t start_low : START_LOW_BITS;
    uint64_t person : 64 - START_LOW_BITS; /* address / PERSON_ALIGN_BYTES */
};

static_assert(sizeof(struct closing_row) == 16, "two words");

static struct closing_row
pack_row(int64_t deadline, struct event_ms start, const struct person *person)
{
    const uint64_t deadline_max = (UINT64_C(1) << DEADLINE_BITS) - 1;
    const uint64_t from_min = (uint64_t)deadline - (uint64_t)DEADLINE_MIN;

    ASSERT(deadline >= DEADLINE_MIN);
    ASSERT((uintptr_t)person % PERSON_ALIGN_BYTES == 0);
    return (struct closing_row){
        .deadline = from_min < deadline_max ? from_min : deadline_max,
        .start_high = (uint64_t)start.ms >> START_LOW_BITS,
        .start_low = (uint64_t)start.ms,
        .person = (uintptr_t)person / PERSON_ALIGN_BYTES,
    };
}

static int64_t
deadline_of(const struct closing_row *row)
{
    return (int64_t)row->deadline + DEADLINE_MIN;
}

static struct closing
unpack_row(const struct closing_row *row)
{
    return (struct closing){
        .deadline = deadline_of(row),
        .start = (uint64_t)row->start_high << START_LOW_BITS | row->start_low,
        .person = (struct person *)(uintptr_t)(row->person * PERSON_ALIGN_BYTES),
    };
}

static void
sift_up(struct closings *closings, uint32_t at, struct closing_row row)
{
    while (at > 1 && closings->rows[at / 2].deadline > row.deadline) {
        closings->rows[at] = closings->rows[at / 2];
        at /= 2;
    }
    closings->rows[at] = row;
}

static void
sift_down(struct closings *closings, uint32_t at, struct closing_row row)
{
    for (;;) {
        uint32_t child = at * 2;
        if (child > closings->count) {
            break;
        }
        if (child < closings->count && closings->rows[child + 1].deadline < closings->rows[child].deadline) {
            child++;
        }
        if (closings->rows[child].deadline >= row.deadline) {
            break;
        }
        closings->rows[at] = closings->rows[child];
        at = child;
    }
    closings->rows[at] = row;
}

void
closings_add(struct memory *memory, struct closings *closings, int64_t deadline, struct event_ms start,
             struct person *person)
{
    closings->rows = memory_grow(memory, closings->rows, &closings->capacity, closings->count + 1,
                                 sizeof(*closings->rows));
    closings->count++;
    closings->due = deadline < closings->due ? deadline : closings->due;
    sift_up(closings, closings->count, pack_row(deadline, start, person));
}

bool
closings_pop(struct closings *closings, struct event_ms watermark, struct closing *out_row)
{
    if (LIKELY(watermark.ms <= closings->due)) {
        return false;
    }
    if (closings->count == 0 || watermark.ms <= deadline_of(&closings->rows[1])) {
        closings->due = closings->count == 0 ? INT64_MAX : deadline_of(&closings->rows[1]);
        return false;
    }
    *out_row = unpack_row(&closings->rows[1]);
    struct closing_row last = closings->rows[closings->count--];

    if (closings->count > 0) {
        sift_down(closings, 1, last);
    }
    return true;
}

void
closings_trim(struct memory *memory, struct closings *closings)
{
    const uint64_t row_bytes = sizeof(*closings->rows);

    if (closings->capacity <= ROOM_COUNT_MIN || closings->count >= closings->capacity / 2) {
        return;
    }
    uint64_t bytes = region_piece_bytes((closings->count + UINT64_C(1)) * row_bytes);
    struct closing_row *rows = region_take(memory->region, bytes);

    if (rows == NULL) {
        return; /* another time */
    }
    memcpy(rows, closings->rows, (closings->count + 1) * row_bytes);
    memory_put(memory, closings->rows, closings->capacity * row_bytes);
    closings->rows = rows;
    closings->capacity = (uint32_t)(bytes / row_bytes);
}

void
closings_clear(struct memory *memory, struct closings *closings)
{
    memory_put(memory, closings->rows, (uint64_t)closings->capacity * sizeof(*closings->rows));
    *closings = (struct closings){0};
}
