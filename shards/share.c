/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/share.h"

#include "shards/slice_state.h"

/* An item is a person with this bit set: the session of theirs that begins then. Or the address of an archived one, a bit
   further left. */
#define ITEM_IS_PERSON 1u

#define AHEAD_COUNT 8u /* sessions whose waits for memory overlap */

struct order_entry
share_entry(const struct person *person, const struct session *session)
{
    return (struct order_entry){.time = session->start.ms,
                                .key = session_key(session->session_id),
                                .item = order_item(person) | ITEM_IS_PERSON};
}

static uint64_t
item_of(uint64_t address)
{
    return address << 1;
}

struct order_entry
share_archived_entry(const struct session *session, uint64_t address)
{
    return (struct order_entry){
        .time = session->start.ms, .key = session_key(session->session_id), .item = item_of(address)};
}

static bool
is_person(const struct order_entry *entry)
{
    return (entry->item & ITEM_IS_PERSON) != 0;
}

static struct person *
person_of(const struct order_entry *entry)
{
    return (struct person *)(uintptr_t)(entry->item - ITEM_IS_PERSON);
}

static struct known_session
known_of(struct session *session)
{
    struct known_session known = {
        .start = session->start,
        .end = session->end,
        .is_counted_closed = &session->is_counted_closed,
    };

    memcpy(known.code, session->code, sizeof(known.code));
    return known;
}

static struct session *
find_session(const struct profile *profile, struct event_ms start)
{
    struct session *rows = session_set_rows(&profile->pack, &profile->sessions);
    uint32_t low = 0;
    uint32_t high = profile->sessions.rows.count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (rows[middle].start.ms < start.ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* While two people become one, there may be two that begin then. */
    for (; low < profile->sessions.rows.count && rows[low].start.ms == start.ms; low++) {
        if (rows[low].is_entered) {
            return &rows[low];
        }
    }
    return NULL;
}

static struct known_session
find_away(struct away *away, struct event_ms start)
{
    struct known_session known;
    struct away_reader reader;

    (void)away_read(away, &reader);
    while (away_next(&reader, &known)) {
        if (known.start.ms == start.ms) {
            return known;
        }
    }
    return (struct known_session){0};
}

static struct known_session
find_known(const struct person *person, struct event_ms start)
{
    const struct profile *profile = person_profile(person);

    if (profile == NULL) {
        return person->is_away ? find_away(person->away, start) : (struct known_session){0};
    }
    struct session *session = find_session(profile, start);

    return session != NULL ? known_of(session) : (struct known_session){0};
}

/* The session that a row of the closings means, unless it is counted as closed. */
static struct known_session
find_closing(const struct closing *row)
{
    const struct profile *profile = person_profile(row->person);
    struct known_session known;
    struct away_reader reader = {0};

    if (profile != NULL) {
        struct session *rows = session_set_rows(&profile->pack, &profile->sessions);
        for (uint32_t i = 0; i < profile->sessions.rows.count; i++) {
            if (rows[i].is_entered && !rows[i].is_counted_closed && closing_is_of(row, rows[i].start)) {
                return known_of(&rows[i]);
            }
        }
    } else if (row->person->is_away) {
        (void)away_read(row->person->away, &reader);
    }
    while (away_next(&reader, &known)) {
        if (!*known.is_counted_closed && closing_is_of(row, known.start)) {
            return known;
        }
    }
    return (struct known_session){0};
}

struct known_session
share_known_session(const struct order_entry *entry)
{
    REQUIRE(is_person(entry));
    return find_known(person_of(entry), (struct event_ms){.ms = entry->time});
}

struct person *
share_entry_person(const struct order_entry *entry)
{
    return is_person(entry) ? person_of(entry) : NULL;
}

uint64_t
share_entry_address(const struct order_entry *entry)
{
    return is_person(entry) ? 0 : entry->item >> 1;
}

struct session_at
share_session(const struct order_entry *entry)
{
    REQUIRE(is_person(entry));
    const struct profile *profile = person_profile(person_of(entry));

    REQUIRE(profile != NULL);
    return (struct session_at){
        .pack = &profile->pack,
        .session = find_session(profile, (struct event_ms){.ms = entry->time}),
    };
}

static void
count_closed(struct memory *memory, struct share *share, struct known_session known, int64_t sign)
{
    struct cube_cell *cell = cube_cell(memory, &share->cube, known.start, known.code);

    cell->closed_sessions += sign;
    cell->closed_duration_ms += sign * (known.end.ms - known.start.ms);
    *known.is_counted_closed = sign > 0;
    share->open_count -= (uint64_t)sign;
}

static void
add_closing(struct memory *memory, struct share *share, struct person *person, struct known_session known)
{
    closings_add(memory, &share->closings, known.end.ms + share->gap_ms, known.start, person);
}

static void
count_in(struct memory *memory, struct share *share, struct known_session known)
{
    cube_add_session(memory, &share->cube, known.start, known.code);
    share->session_count++;
    share->open_count++;
}

void
share_enter(struct memory *memory, struct share *share, struct person *person, struct session *session)
{
    ASSERT(!session->is_entered);
    order_insert(memory, &share->sessions, share_entry(person, session));
    session->is_entered = true;
    count_in(memory, share, known_of(session));
    add_closing(memory, share, person, known_of(session));
}

/* They are three waits for memory away, one behind the other. */
static void
prefetch_entry(const struct order_entry *sessions, uint64_t count, uint64_t index)
{
    if (index + 2 * AHEAD_COUNT < count && is_person(&sessions[index + 2 * AHEAD_COUNT])) {
        const struct person *person = person_of(&sessions[index + 2 * AHEAD_COUNT]);
        prefetch_line(person);
        prefetch_line(&person->profile);
    }
    if (index + AHEAD_COUNT < count && is_person(&sessions[index + AHEAD_COUNT])) {
        const struct person *person = person_of(&sessions[index + AHEAD_COUNT]);
        if (person->is_away) {
            prefetch_line(person->away);
        } else if (person->profile != NULL) {
            profile_prefetch(person->profile, person->profile_bytes, 0);
        }
    }
}

void
share_count_archived(struct memory *memory, struct share *share, const struct session *session)
{
    bool is_counted_closed = false;
    struct known_session known = {
        .start = session->start, .end = session->end, .is_counted_closed = &is_counted_closed};

    memcpy(known.code, session->code, sizeof(known.code));
    count_in(memory, share, known);
    count_closed(memory, share, known, 1);
}

void
share_fill(struct memory *memory, struct share *share, const struct order_entry *sessions, uint64_t count)
{
    order_fill(memory, &share->sessions, sessions, count);
    for (uint64_t i = 0; i < count; i++) {
        prefetch_entry(sessions, count, i);
        if (is_person(&sessions[i])) {
            struct known_session known = share_known_session(&sessions[i]);
            count_in(memory, share, known);
            add_closing(memory, share, person_of(&sessions[i]), known);
        }
    }
}

void
share_leave(struct memory *memory, struct share *share, struct person *person, struct session *session)
{
    ASSERT(session->is_entered);
    order_remove(memory, &share->sessions, share_entry(person, session));
    session->is_entered = false;
    cube_cell(memory, &share->cube, session->start, session->code)->sessions--;
    share->session_count--;
    if (session->is_counted_closed) {
        count_closed(memory, share, known_of(session), -1);
    }
    share->open_count--;
}

void
share_archive(struct memory *memory, struct share *share, struct person *person, struct session *session,
              uint64_t address)
{
    ASSERT(session->is_entered);
    if (!session->is_counted_closed) {
        count_closed(memory, share, known_of(session), 1);
    }
    session->is_entered = false;
    order_replace(&share->sessions, share_entry(person, session), item_of(address));
}

uint32_t
share_close(struct memory *memory, struct share *share, struct event_ms watermark, uint32_t count_max)
{
    uint32_t count = 0;
    struct closing row;

    while (count < count_max && closings_pop(&share->closings, watermark, &row)) {
        struct known_session known = find_closing(&row);
        if (known.is_counted_closed == NULL) {
            count++;
        } else if (watermark.ms > known.end.ms + share->gap_ms) {
            count_closed(memory, share, known, 1);
            count++;
        } else {
            add_closing(memory, share, row.person, known);
        }
    }
    if (count > 0) {
        closings_trim(memory, &share->closings);
    }
    return count;
}

void
share_regap(struct memory *memory, struct share *share, int64_t gap_ms)
{
    struct order_place place = {0};

    share->gap_ms = gap_ms;
    share->closings.count = 0;
    for (;;) {
        const struct order_entry *entry = order_next(&share->sessions, &place);
        if (entry == NULL) {
            return;
        }
        if (!is_person(entry)) {
            continue;
        }
        struct known_session known = share_known_session(entry);
        if (*known.is_counted_closed) {
            count_closed(memory, share, known, -1);
        }
        add_closing(memory, share, person_of(entry), known);
    }
}

void
share_add_person(struct memory *memory, struct share *share, struct person *person)
{
    share->people = memory_grow(memory, share->people, &share->person_capacity, share->person_count,
                                sizeof(struct person *));
    share->people[share->person_count++] = person;
}
