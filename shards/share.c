/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/share.h"

int
share_compare_session(const void *item, const void *key)
{
    const struct session *session = item;
    const struct uuid *session_id = key;

    return memcmp(session->session_id.byte, session_id->byte, sizeof(session_id->byte));
}

static void
count_closed(struct memory *memory, struct share *share, struct session *session, int64_t sign)
{
    struct cube_cell *cell = cube_cell(memory, &share->cube, session->start, session->code);

    cell->closed_sessions += sign;
    cell->closed_duration_ms += sign * session_duration_ms(session);
    session->is_counted_closed = sign > 0;
}

static void
count_in(struct memory *memory, struct share *share, struct session *session, int64_t gap_ms)
{
    cube_cell(memory, &share->cube, session->start, session->code)->sessions++;
    share->session_count++;
    if (session->is_archived) {
        count_closed(memory, share, session, 1);
    } else {
        closings_add(memory, &share->closings, session, gap_ms);
    }
}

void
share_enter(struct memory *memory, struct share *share, struct session *session, int64_t gap_ms)
{
    order_insert(memory, &share->sessions, session->start.ms, &session->session_id, session,
                 share_compare_session);
    count_in(memory, share, session, gap_ms);
}

void
share_fill(struct memory *memory, struct share *share, const struct order_entry *sessions, uint64_t count,
           int64_t gap_ms)
{
    order_fill(memory, &share->sessions, sessions, count);
    for (uint64_t i = 0; i < count; i++) {
        count_in(memory, share, sessions[i].item, gap_ms);
    }
}

void
share_leave(struct memory *memory, struct share *share, struct session *session)
{
    order_remove(memory, &share->sessions, session->start.ms, &session->session_id, session,
                 share_compare_session);
    cube_cell(memory, &share->cube, session->start, session->code)->sessions--;
    share->session_count--;
    if (session->is_counted_closed) {
        count_closed(memory, share, session, -1);
    }
    closings_remove(&share->closings, session);
}

void
share_archive(struct memory *memory, struct share *share, struct session *session)
{
    closings_remove(&share->closings, session);
    if (!session->is_counted_closed) {
        count_closed(memory, share, session, 1);
    }
    session->is_archived = true;
}

uint32_t
share_close(struct memory *memory, struct share *share, struct event_ms watermark, int64_t gap_ms,
            uint32_t count_max)
{
    uint32_t count = 0;

    while (count < count_max) {
        struct session *session = closings_pop(&share->closings, watermark, gap_ms);
        if (session == NULL) {
            break;
        }
        count_closed(memory, share, session, 1);
        count++;
    }
    return count;
}

void
share_regap(struct memory *memory, struct share *share, int64_t gap_ms)
{
    struct order_place place = {0};

    for (;;) {
        const struct order_entry *entry = order_next(&share->sessions, &place);
        if (entry == NULL) {
            return;
        }
        struct session *session = entry->item;
        if (session->is_archived) {
            continue;
        }
        if (session->is_counted_closed) {
            count_closed(memory, share, session, -1);
        }
        closings_remove(&share->closings, session);
        closings_add(memory, &share->closings, session, gap_ms);
    }
}

void
share_add_person(struct memory *memory, struct share *share, struct person *person)
{
    share->people = memory_grow(memory, share->people, &share->person_capacity, share->person_count,
                                sizeof(struct person *));
    share->people[share->person_count++] = person;
}
