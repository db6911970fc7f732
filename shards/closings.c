/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/closings.h"

static void
put(struct closings *closings, uint32_t at, struct closing row)
{
    closings->rows[at] = row;
    row.session->closing_index = at;
}

static void
sift_up(struct closings *closings, uint32_t at, struct closing row)
{
    while (at > 1 && closings->rows[at / 2].deadline > row.deadline) {
        put(closings, at, closings->rows[at / 2]);
        at /= 2;
    }
    put(closings, at, row);
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
        put(closings, at, closings->rows[child]);
        at = child;
    }
    put(closings, at, row);
}

void
closings_add(struct memory *memory, struct closings *closings, struct session *session, int64_t gap_ms)
{
    REQUIRE(session->closing_index == 0);
    closings->rows = memory_grow(memory, closings->rows, &closings->capacity, closings->count + 1,
                                 sizeof(*closings->rows));
    closings->count++;
    sift_up(closings, closings->count,
            (struct closing){.deadline = session->end.ms + gap_ms, .session = session});
}

void
closings_remove(struct closings *closings, struct session *session)
{
    uint32_t at = session->closing_index;

    if (at == 0) {
        return;
    }
    ASSERT(closings->rows[at].session == session);
    session->closing_index = 0;
    struct closing last = closings->rows[closings->count--];

    if (last.session == session) {
        return;
    }
    if (at > 1 && closings->rows[at / 2].deadline > last.deadline) {
        sift_up(closings, at, last);
    } else {
        sift_down(closings, at, last);
    }
}

struct session *
closings_pop(struct closings *closings, struct event_ms watermark, int64_t gap_ms)
{
    while (closings->count > 0 && watermark.ms > closings->rows[1].deadline) {
        struct session *session = closings->rows[1].session;
        int64_t deadline = session->end.ms + gap_ms;
        if (watermark.ms > deadline) {
            closings_remove(closings, session);
            return session;
        }
        sift_down(closings, 1, (struct closing){.deadline = deadline, .session = session});
    }
    return NULL;
}

void
closings_clear(struct memory *memory, struct closings *closings)
{
    memory_put(memory, closings->rows, (uint64_t)closings->capacity * sizeof(*closings->rows));
    *closings = (struct closings){0};
}
