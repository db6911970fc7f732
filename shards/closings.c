/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/closings.h"

#define ROOM_COUNT_MIN 64u /* rows that are not worth a trim */

static void
sift_up(struct closings *closings, uint32_t at, struct closing row)
{
    while (at > 1 && closings->rows[at / 2].deadline > row.deadline) {
        closings->rows[at] = closings->rows[at / 2];
        at /= 2;
    }
    closings->rows[at] = row;
}

static void
sift_down(struct closings *closings, uint32_t at, struct closing row)
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
closings_add(struct memory *memory, struct closings *closings, struct closing row)
{
    closings->rows = memory_grow(memory, closings->rows, &closings->capacity, closings->count + 1,
                                 sizeof(*closings->rows));
    closings->count++;
    closings->due = row.deadline < closings->due ? row.deadline : closings->due;
    sift_up(closings, closings->count, row);
}

bool
closings_pop(struct closings *closings, struct event_ms watermark, struct closing *out_row)
{
    if (LIKELY(watermark.ms <= closings->due)) {
        return false;
    }
    if (closings->count == 0 || watermark.ms <= closings->rows[1].deadline) {
        closings->due = closings->count == 0 ? INT64_MAX : closings->rows[1].deadline;
        return false;
    }
    *out_row = closings->rows[1];
    struct closing last = closings->rows[closings->count--];

    if (closings->count > 0) {
        sift_down(closings, 1, last);
    }
    return true;
}

void
closings_trim(struct memory *memory, struct closings *closings)
{
    const uint64_t row_bytes = sizeof(*closings->rows);
    uint32_t capacity = closings->capacity;

    while (capacity > ROOM_COUNT_MIN && closings->count < capacity / 4) {
        capacity /= 2;
    }
    if (capacity == closings->capacity) {
        return;
    }
    struct closing *rows = region_take(memory->region, capacity * row_bytes);

    if (rows == NULL) {
        return; /* another time */
    }
    memcpy(rows, closings->rows, (closings->count + 1) * row_bytes);
    memory_put(memory, closings->rows, closings->capacity * row_bytes);
    closings->rows = rows;
    closings->capacity = capacity;
}

void
closings_clear(struct memory *memory, struct closings *closings)
{
    memory_put(memory, closings->rows, (uint64_t)closings->capacity * sizeof(*closings->rows));
    *closings = (struct closings){0};
}
