/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/session_set.h"

static void
insert_row(struct memory *memory, struct session_set *set, struct session *session)
{
    uint32_t at = set->count;

    set->rows = memory_grow(memory, set->rows, &set->capacity, set->count, sizeof(*set->rows));
    for (; at > 0 && session_compare(set->rows[at - 1], session) > 0; at--) {
        set->rows[at] = set->rows[at - 1];
    }
    set->rows[at] = session;
    set->count++;
}

static void
remove_rows(struct session_set *set, uint32_t at, uint32_t count)
{
    memmove(&set->rows[at], &set->rows[at + count], (set->count - at - count) * sizeof(*set->rows));
    set->count -= count;
}

static void
count_start(const struct session_change *change, struct event_ms start, int32_t sessions)
{
    buckets_count(change->memory, change->buckets, change->newest, start, 0, sessions);
}

static void
archive_session(const struct session_change *change, struct session *session)
{
    struct session_archive *archive = change->archive;
    int64_t duration = session_duration_ms(session);

    order_insert(change->memory, &archive->order, session->start.ms, &session->session_id, session,
                 share_compare_session);
    archive->duration_ms_max = duration > archive->duration_ms_max ? duration : archive->duration_ms_max;
}

void
session_set_archive(struct session_set *set, const struct session_change *change)
{
    uint32_t count = 0;

    /* Disjoint and in order of start is in order of end. */
    while (count < set->count && session_is_final(set->rows[count], change->watermark, change->rules)) {
        struct session *session = set->rows[count];
        share_archive(change->memory, change->share, session);
        archive_session(change, session);
        set->archived_count++;
        set->archived_duration_ms += (uint64_t)session_duration_ms(session);
        count++;
    }
    if (count > 0) {
        remove_rows(set, 0, count);
    }
}

static void
open_session(struct session_set *set, const struct session_change *change, const struct applied_event *event)
{
    struct uuid id = session_make_id(change->tenant_namespace, change->canonical, event->record->event_time);
    struct session *session = session_create(change->memory, id, event);

    session->person = change->person;
    insert_row(change->memory, set, session);
    share_enter(change->memory, change->share, session, change->rules.gap_ms);
    count_start(change, session->start, 1);
}

/* Joins rows [first, end), of which the first one stays, and adds the event if there is one. */
static void
join(struct session_set *set, const struct session_change *change, uint32_t first, uint32_t end,
     const struct applied_event *event)
{
    struct session *session = set->rows[first];
    uint32_t revision = session->revision;
    bool was_closed = false;

    for (uint32_t i = first; i < end; i++) {
        struct session *row = set->rows[i];
        was_closed = was_closed || session_is_closed(row, change->watermark, change->rules.gap_ms);
        revision = row->revision > revision ? row->revision : revision;
        share_leave(change->memory, change->share, row);
        count_start(change, row->start, -1);
    }
    for (uint32_t i = first + 1; i < end; i++) {
        session_absorb(change->memory, session, set->rows[i]);
    }
    remove_rows(set, first + 1, end - first - 1);
    if (event != NULL) {
        session_add_event(change->memory, session, event);
    }
    session->revision = revision + (was_closed ? 1 : 0);
    share_enter(change->memory, change->share, session, change->rules.gap_ms);
    count_start(change, session->start, 1);
}

void
session_set_add(struct session_set *set, const struct session_change *change,
                const struct applied_event *event)
{
    int64_t time = event->record->event_time.ms;
    int64_t gap = change->rules.gap_ms;
    uint32_t end = set->count;

    /* From the end: most events are new. */
    while (end > 0 && set->rows[end - 1]->start.ms - gap > time) {
        end--;
    }
    uint32_t first = end;
    while (first > 0 && set->rows[first - 1]->end.ms + gap >= time) {
        first--;
    }
    if (first == end) {
        open_session(set, change, event);
        return;
    }
    struct session *session = set->rows[first];

    /* Nearly always one that goes on: neither its place nor what the cube knows of it changes. */
    if (end - first == 1 && time >= session->start.ms && !session->is_counted_closed) {
        session->revision += session_is_closed(session, change->watermark, gap) ? 1 : 0;
        session_add_event(change->memory, session, event);
        return;
    }
    join(set, change, first, end, event);
}

void
session_set_combine(struct session_set *set, const struct session_change *change, struct session_set *other)
{
    for (uint32_t i = 0; i < other->count; i++) {
        struct session *session = other->rows[i];
        session->person = change->person;
        insert_row(change->memory, set, session);
        share_enter(change->memory, change->share, session, change->rules.gap_ms);
    }
    set->archived_count += other->archived_count;
    set->archived_duration_ms += other->archived_duration_ms;
    other->count = 0;
    session_set_clear(change->memory, other);

    for (uint32_t first = 0; first < set->count; first++) {
        uint32_t end = first + 1;
        int64_t last = set->rows[first]->end.ms;
        while (end < set->count && set->rows[end]->start.ms - last <= change->rules.gap_ms) {
            last = set->rows[end]->end.ms > last ? set->rows[end]->end.ms : last;
            end++;
        }
        if (end - first > 1) {
            join(set, change, first, end, NULL);
        }
    }
}

void
session_set_leave(struct session_set *set, const struct session_change *change)
{
    for (uint32_t i = 0; i < set->count; i++) {
        share_leave(change->memory, change->share, set->rows[i]);
    }
}

void
session_set_clear(struct memory *memory, struct session_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        session_destroy(memory, set->rows[i]);
    }
    memory_put(memory, set->rows, (uint64_t)set->capacity * sizeof(*set->rows));
    *set = (struct session_set){0};
}

void
session_set_restore(struct memory *memory, struct session_set *set, struct session *session)
{
    set->rows = memory_grow(memory, set->rows, &set->capacity, set->count, sizeof(*set->rows));
    set->rows[set->count++] = session;
}

const struct session *
session_set_current(const struct session_set *set, struct event_ms watermark, int64_t gap_ms)
{
    const struct session *current = NULL;

    for (uint32_t i = 0; i < set->count; i++) {
        const struct session *row = set->rows[i];
        if (session_is_closed(row, watermark, gap_ms)) {
            continue;
        }
        if (current == NULL || row->end.ms > current->end.ms ||
            (row->end.ms == current->end.ms &&
             memcmp(row->session_id.byte, current->session_id.byte, sizeof(row->session_id.byte)) > 0)) {
            current = row;
        }
    }
    return current;
}
