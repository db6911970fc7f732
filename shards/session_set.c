/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/session_set.h"

#include "shards/profile.h"
#include "shards/share.h"
#include "shards/slice_state.h"

#define ROW_BYTES ((uint32_t)sizeof(struct session))

static struct session *
insert_row(struct pack *pack, struct session_set *set, const struct session *session)
{
    const struct session *rows = session_set_rows(pack, set);
    uint32_t at = set->rows.count;

    while (at > 0 && session_compare(&rows[at - 1], session) > 0) {
        at--;
    }
    struct session *row = pack_list_insert(pack, &set->rows, at, ROW_BYTES);

    *row = *session;
    return row;
}

static void
count_start(const struct session_change *change, struct event_ms start, int32_t sessions)
{
    struct profile *profile = change->person->profile;

    buckets_count(&profile->pack, &profile->buckets, profile->last_seen, start, 0, sessions);
}

void
session_archive_add(struct memory *memory, struct person *person, struct order_entry entry,
                    int64_t duration_ms)
{
    struct session_archive *archive = person->archive;

    if (archive == NULL) {
        archive = memory_take_zero(memory, sizeof(*archive));
        person->archive = archive;
    }
    order_insert(memory, &archive->order, entry);
    archive->duration_ms_max =
        duration_ms > archive->duration_ms_max ? duration_ms : archive->duration_ms_max;
}

static void
archive_session(const struct session_change *change, struct session *session)
{
    struct person *person = change->person;
    struct share *share = person->share;
    int64_t duration = session_duration_ms(session);
    uint64_t address = slice_state_keep_session(
        share->state, share, (struct session_at){.pack = &person->profile->pack, .session = session});

    share_archive(change->memory, share, person, session, address);
    session_archive_add(change->memory, person, share_archived_entry(session, address), duration);
}

void
session_set_archive(const struct session_change *change)
{
    struct pack *pack = &change->person->profile->pack;
    struct session_set *set = &change->person->profile->sessions;
    struct session *rows = session_set_rows(pack, set);
    uint32_t count = 0;

    /* Disjoint and in order of start is in order of end. */
    while (count < set->rows.count && session_is_final(&rows[count], change->watermark, change->rules)) {
        archive_session(change, &rows[count]);
        set->archived_count++;
        set->archived_duration_ms += (uint64_t)session_duration_ms(&rows[count]);
        count++;
    }
    if (count > 0) {
        pack_list_remove(pack, &set->rows, 0, count, ROW_BYTES);
    }
}

static void
enter(const struct session_change *change, struct session *session)
{
    share_enter(change->memory, change->person->share, change->person, session);
}

static void
open_session(const struct session_change *change, const struct applied_event *event,
             const struct session_texts *texts)
{
    const struct person *person = change->person;
    struct pack *pack = &person->profile->pack;
    struct uuid id = session_make_id(change->tenant_namespace, person->canonical, event->record->event_time);
    struct session new = session_begin(id, person->number, event);
    struct session *session = insert_row(pack, &person->profile->sessions, &new);

    session_add_event(pack, session, event, texts);
    enter(change, session);
    count_start(change, session->start, 1);
}

/* Joins rows [first, end), of which the first one stays, and adds the event if there is one. */
static void
join(const struct session_change *change, uint32_t first, uint32_t end, const struct applied_event *event,
     const struct session_texts *texts)
{
    struct person *person = change->person;
    struct pack *pack = &person->profile->pack;
    struct session_set *set = &person->profile->sessions;
    struct session *rows = session_set_rows(pack, set);
    struct session *session = &rows[first];
    uint32_t revision = session->revision;
    bool was_closed = false;

    for (uint32_t i = first; i < end; i++) {
        struct session *row = &rows[i];
        was_closed = was_closed || session_is_closed(row, change->watermark, change->rules.gap_ms);
        revision = row->revision > revision ? row->revision : revision;
        if (row->is_entered) {
            share_leave(change->memory, person->share, person, row);
        }
        count_start(change, row->start, -1);
    }
    session_absorb(pack, session, session + 1, end - first - 1);
    pack_list_remove(pack, &set->rows, first + 1, end - first - 1, ROW_BYTES);
    if (event != NULL) {
        session_add_event(pack, session, event, texts);
    }
    session->revision = revision + (was_closed ? 1 : 0);
    enter(change, session);
    count_start(change, session->start, 1);
}

/* The rows [first, end) that an event at this time belongs to. */
static uint32_t
find_near(const struct session *rows, uint32_t count, struct event_ms time, int64_t gap_ms, uint32_t *out_end)
{
    uint32_t end = count;

    /* From the end: most events are new. */
    while (end > 0 && rows[end - 1].start.ms - gap_ms > time.ms) {
        end--;
    }
    uint32_t first = end;
    while (first > 0 && rows[first - 1].end.ms + gap_ms >= time.ms) {
        first--;
    }
    *out_end = end;
    return first;
}

void
session_set_add(const struct session_change *change, const struct applied_event *event,
                const struct session_texts *texts)
{
    struct pack *pack = &change->person->profile->pack;
    struct session_set *set = &change->person->profile->sessions;
    struct session *rows = session_set_rows(pack, set);
    struct event_ms time = event->record->event_time;
    int64_t gap_ms = change->rules.gap_ms;
    uint32_t end;
    uint32_t first = find_near(rows, set->rows.count, time, gap_ms, &end);

    if (first == end) {
        open_session(change, event, texts);
        return;
    }
    struct session *session = &rows[first];

    /* Nearly always one that goes on: neither its place nor what the cube knows of it changes. */
    if (end - first == 1 && time.ms >= session->start.ms && !session->is_counted_closed) {
        session->revision += session_is_closed(session, change->watermark, gap_ms) ? 1 : 0;
        session_add_event(pack, session, event, texts);
        return;
    }
    join(change, first, end, event, texts);
}

uint64_t
session_set_need(const struct pack *pack, const struct session_set *set, struct event_ms time, int64_t gap_ms)
{
    const struct session *rows = session_set_rows(pack, set);
    uint32_t end;
    uint32_t first = find_near(rows, set->rows.count, time, gap_ms, &end);

    if (first == end) {
        static const struct session new; /* as one begins */
        return pack_list_need(&set->rows, 1, ROW_BYTES) + session_need(&new, NULL, 0);
    }
    return session_need(&rows[first], &rows[first + 1], end - first - 1);
}

/* The loser's have never been entered; those of both are in order then, and may overlap until they join. */
static void
add_all(const struct session_change *change, struct profile *loser)
{
    struct pack *pack = &change->person->profile->pack;
    struct session_set *set = &change->person->profile->sessions;
    const struct session *others = session_set_rows(&loser->pack, &loser->sessions);

    pack_list_reserve(pack, &set->rows, loser->sessions.rows.count, ROW_BYTES);
    for (uint32_t i = 0; i < loser->sessions.rows.count; i++) {
        struct session *row = insert_row(pack, set, &others[i]);
        session_move(pack, &loser->pack, row);
        row->person = change->person->number;
        row->is_entered = false;
        row->is_counted_closed = false;
    }
}

void
session_set_combine(const struct session_change *change, struct profile *loser)
{
    struct pack *pack = &change->person->profile->pack;
    struct session_set *set = &change->person->profile->sessions;

    add_all(change, loser);
    set->archived_count += loser->sessions.archived_count;
    set->archived_duration_ms += loser->sessions.archived_duration_ms;

    for (uint32_t first = 0; first < set->rows.count; first++) {
        struct session *rows = session_set_rows(pack, set);
        uint32_t end = first + 1;
        int64_t last = rows[first].end.ms;
        while (end < set->rows.count && rows[end].start.ms - last <= change->rules.gap_ms) {
            last = rows[end].end.ms > last ? rows[end].end.ms : last;
            end++;
        }
        if (end - first > 1) {
            join(change, first, end, NULL, NULL);
        } else if (!rows[first].is_entered) {
            enter(change, &rows[first]);
        }
    }
}

void
session_set_leave(const struct session_change *change)
{
    struct profile *profile = change->person->profile;
    struct session *rows = session_set_rows(&profile->pack, &profile->sessions);

    for (uint32_t i = 0; i < profile->sessions.rows.count; i++) {
        share_leave(change->memory, change->person->share, change->person, &rows[i]);
    }
}

void
session_set_move(struct pack *to, struct pack *from, struct session_set *set)
{
    struct session *rows = pack_move_list(to, from, &set->rows, ROW_BYTES);

    for (uint32_t i = 0; i < set->rows.count; i++) {
        session_move(to, from, &rows[i]);
    }
}

const struct session *
session_set_current(const struct pack *pack, const struct session_set *set, struct event_ms watermark,
                    int64_t gap_ms)
{
    const struct session *rows = session_set_rows(pack, set);
    const struct session *current = NULL;

    for (uint32_t i = 0; i < set->rows.count; i++) {
        const struct session *row = &rows[i];
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
