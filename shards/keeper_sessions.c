/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

#include <errno.h>

#include "shards/answer_row.h"
#include "shards/profile_codec.h"

/*
 * Questions about sessions: pages of a tenant's or of some people's, and that of an event.
 *
 * One that can still change lies in a profile, which may have to be read. An archived one is a record of the journal:
 * when that is on disk, it is read with those that will be looked at next, and the question waits meanwhile and then
 * looks at the first of them again. What is in an entry decides first whether a session is looked at.
 */

const struct slice_session *
keeper_archived_at(struct keeper *keeper, struct asked *asked, const struct share *share, uint64_t address,
                   uint64_t *out_missing)
{
    struct slice_parts *parts = &asked->parts;

    if (parts->address != address) {
        const struct slice_session *session = keeper_record_at(asked, share->history, address);
        slice_parts_end(&keeper->memory, parts);
        if (session == NULL) {
            *out_missing = address;
            return NULL;
        }
        if (LIKELY(session->head.kind == SLICE_SESSION)) {
            return session;
        }
        slice_parts_begin(parts, address);
    }
    while (parts->next != 0) {
        const void *record = keeper_record_at(asked, share->history, parts->next);
        if (record == NULL) {
            *out_missing = parts->next;
            return NULL;
        }
        slice_parts_add(share->state, parts, record);
    }
    return parts->whole;
}

/* The record at this address is on disk: it is read, with those that the scan will come to next. */
static enum step
read_ahead(struct keeper *keeper, struct asked *asked, const struct share *share, uint64_t missing,
           int64_t from_ms, uint32_t wanted)
{
    return keeper_read_ahead(
        keeper, asked, share->history,
        &(struct read_ahead){
            .missing = missing, .from_ms = from_ms, .wanted = wanted, .address_of = share_entry_address});
}

static struct session_block *
decode(struct keeper *keeper, const struct slice_session *record)
{
    struct session_block *block;
    int r = profile_codec_decode_session(&keeper->memory, record->session, record->session_bytes, &block);

    REQUIRE(r == 0); /* it was read at the start, or written since */
    return block;
}

static void
add_session_row(struct asked *asked, struct session_at at, bool is_open, uint32_t with)
{
    struct session_row *row = keeper_add_row(asked, sizeof(*row));

    if (row != NULL) {
        answer_row_session(&asked->question->arena, row, at, is_open, with);
    }
}

static void
add_archived_row(struct keeper *keeper, struct asked *asked, const struct slice_session *record,
                 uint32_t with)
{
    struct session_block *block = decode(keeper, record);

    add_session_row(asked, (struct session_at){.pack = &block->pack, .session = &block->session}, false,
                    with);
    session_block_destroy(&keeper->memory, block);
}

static void
finish_sessions(struct keeper *keeper, struct asked *asked, bool has_more)
{
    struct sessions_answer *answer = arena_take(&asked->question->arena, sizeof(*answer));

    if (answer != NULL) {
        *answer =
            (struct sessions_answer){.rows = asked->rows, .count = asked->row_count, .has_more = has_more};
    }
    asked->question->answer.sessions = answer;
    keeper_finish(keeper, asked, 0);
}

static void
start_sessions(struct scan *scan, const struct session_scan *ask)
{
    if (ask->has_after && ask->after.start.ms < ask->to.ms) {
        scan_start_at(scan, ask->after.start.ms, session_key(ask->after.session_id));
    } else {
        scan_start_at(scan, ask->to.ms, 0);
    }
}

/* The winner is the last member; when it lies here and has no profile any more, the members are out of date. */
static bool
is_stale(const struct keeper *keeper, const struct question *question, const struct member *members,
         uint32_t count)
{
    const struct person *winner = count > 0 ? keeper_person_of(keeper, question, &members[count - 1]) : NULL;

    return winner != NULL && person_profile(winner) == NULL && !winner->is_away;
}

/* The winner is the only one of the members who may have a profile. */
static bool
await_members(struct keeper *keeper, struct asked *asked, const struct member *members, uint32_t count)
{
    struct person *winner = count > 0 ? keeper_person_of(keeper, asked->question, &members[count - 1]) : NULL;

    return winner != NULL && keeper_await(keeper, asked, winner);
}

/* Live sessions are sought anew in each piece: a profile may come and go between two. */
static bool
begin_sessions(struct keeper *keeper, struct asked *asked, const struct share *share)
{
    struct question *question = asked->question;
    const struct session_scan *ask = question->ask.sessions;
    uint32_t count = ask->members != NULL ? 2 * ask->member_count : 1;

    if (asked->scan == NULL) {
        asked->scan = scan_create(&question->arena, count > 0 ? count : 1);
        if (asked->scan == NULL) {
            return false;
        }
        start_sessions(asked->scan, ask);
    }
    scan_clear(asked->scan);
    if (ask->members == NULL) {
        scan_add_order(asked->scan, &share->sessions);
    }
    for (uint32_t i = 0; ask->members != NULL && i < ask->member_count; i++) {
        const struct person *person = keeper_person_of(keeper, question, &ask->members[i]);
        if (person == NULL) {
            continue;
        }
        if (person->archive != NULL) {
            scan_add_order(asked->scan, &person->archive->order);
        }
        if (person_profile(person) != NULL) {
            scan_add_person(asked->scan, person);
        }
    }
    scan_resume(asked->scan);
    return true;
}

/* STEP_DONE: it has been looked at. STEP_LATER: it must be read. */
static enum step
take_session(struct keeper *keeper, struct asked *asked, const struct share *share,
             const struct order_entry *entry, struct event_ms watermark)
{
    const struct session_scan *ask = asked->question->ask.sessions;
    struct person *person = share_entry_person(entry);

    if (person != NULL) {
        if (keeper_await(keeper, asked, person)) {
            return STEP_LATER;
        }
        struct session_at at = share_session(entry);
        bool is_open = !session_is_closed(at.session, watermark, keeper_gap_of(keeper, asked->question));
        if (tri_takes(ask->open, is_open)) {
            add_session_row(asked, at, is_open, ask->with);
        }
        return STEP_DONE;
    }
    if (!tri_takes(ask->open, false)) {
        return STEP_DONE;
    }
    uint64_t missing;
    const struct slice_session *record =
        keeper_archived_at(keeper, asked, share, share_entry_address(entry), &missing);

    if (record == NULL) {
        return read_ahead(keeper, asked, share, missing, ask->from.ms, ask->count_max - asked->row_count);
    }
    add_archived_row(keeper, asked, record, ask->with);
    return STEP_DONE;
}

enum step
keeper_answer_sessions(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    struct question *question = asked->question;
    const struct session_scan *ask = question->ask.sessions;
    const struct share *share = keeper_share_of(keeper, question);

    if (share == NULL) {
        finish_sessions(keeper, asked, false);
        return STEP_DONE;
    }
    if (ask->members != NULL && is_stale(keeper, question, ask->members, ask->member_count)) {
        keeper_finish(keeper, asked, -ESTALE);
        return STEP_DONE;
    }
    if (ask->members != NULL && await_members(keeper, asked, ask->members, ask->member_count)) {
        return STEP_LATER;
    }
    if (!begin_sessions(keeper, asked, share)) {
        finish_sessions(keeper, asked, false);
        return STEP_DONE;
    }
    struct event_ms watermark = keeper_watermark_of(keeper, question);

    for (uint32_t count = 1; !keeper_has_enough(asked, ask->count_max, ask->bytes_max); count++) {
        int64_t before_time = asked->scan->time;
        uint64_t before_key = asked->scan->key;
        struct order_entry entry;
        if (!scan_next(asked->scan, &entry) || entry.time < ask->from.ms) {
            finish_sessions(keeper, asked, false);
            return STEP_DONE;
        }
        if (take_session(keeper, asked, share, &entry, watermark) == STEP_LATER) {
            scan_start_at(asked->scan, before_time, before_key);
            return STEP_LATER;
        }
        if (keeper_is_time_up(asked, count, time)) {
            return STEP_MORE;
        }
    }
    finish_sessions(keeper, asked, true);
    return STEP_DONE;
}

/*
 * The session of an event: it covers the event's time and has the event's person among its sources. There may be
 * two: one that was final before its person was merged, and one that came with the merge and reaches over it. The
 * first one was final sooner, so it ends sooner, and an event that old could not have joined the second.
 *
 * The archives are searched first, as one, from the event's time back to where none can cover it any more. If a session
 * is archived meanwhile they are searched anew, for it may belong where the search has been.
 */

static bool
covers(struct session_at at, uint32_t person, struct event_ms time)
{
    return at.session->start.ms <= time.ms && at.session->end.ms >= time.ms && session_has_source(at, person);
}

static bool
has_archives(const struct keeper *keeper, const struct question *question)
{
    for (uint32_t i = 0; i < question->ask.event_session.member_count; i++) {
        const struct person *person =
            keeper_person_of(keeper, question, &question->ask.event_session.members[i]);
        if (person != NULL && person->archive != NULL) {
            return true;
        }
    }
    return false;
}

/* False: the arena is full. Says when the earliest begins that can cover the time. No scan: there are no archives. */
static bool
begin_archives(struct keeper *keeper, struct asked *asked, int64_t *out_from_ms)
{
    struct question *question = asked->question;
    const struct member *members = question->ask.event_session.members;
    uint32_t member_count = question->ask.event_session.member_count;
    struct event_ms time = question->ask.event_session.event_time;
    uint64_t archived_count = 0;
    int64_t duration_ms_max = 0;

    *out_from_ms = time.ms;
    if (asked->scan == NULL && !has_archives(keeper, question)) {
        return true;
    }
    if (asked->scan == NULL) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < member_count; i++) {
            count += members[i].slice == question->target;
        }
        asked->scan = scan_create(&question->arena, count > 0 ? count : 1);
        if (asked->scan == NULL) {
            return false;
        }
        scan_start_at(asked->scan, time.ms, UINT64_MAX);
    }
    scan_clear(asked->scan);
    for (uint32_t i = 0; i < member_count; i++) {
        const struct person *person = keeper_person_of(keeper, question, &members[i]);
        if (person != NULL && person->archive != NULL) {
            int64_t longest_ms = person->archive->duration_ms_max;
            scan_add_order(asked->scan, &person->archive->order);
            archived_count += order_count(&person->archive->order);
            duration_ms_max = longest_ms > duration_ms_max ? longest_ms : duration_ms_max;
        }
    }
    if (archived_count != asked->archived_count) {
        asked->archived_count = archived_count;
        asked->best = 0;
        scan_start_at(asked->scan, time.ms, UINT64_MAX);
    }
    scan_resume(asked->scan);
    *out_from_ms = time.ms - duration_ms_max;
    return true;
}

static void
compare_archived(struct keeper *keeper, struct asked *asked, const struct slice_session *record,
                 uint64_t address)
{
    const struct question *question = asked->question;
    const struct profile_codec_session *known = (const void *)record->session;

    if (known->end.ms < question->ask.event_session.event_time.ms ||
        (asked->best != 0 && known->end.ms >= asked->best_end.ms)) {
        return;
    }
    struct session_block *block = decode(keeper, record);

    if (covers((struct session_at){.pack = &block->pack, .session = &block->session},
               question->ask.event_session.person, question->ask.event_session.event_time)) {
        asked->best = address;
        asked->best_end = block->session.end;
    }
    session_block_destroy(&keeper->memory, block);
}

/* STEP_DONE: `best` is the address of the archived one, or 0. */
static enum step
search_archives(struct keeper *keeper, struct asked *asked, const struct share *share, int64_t from_ms,
                const struct time_slice *time)
{
    for (uint32_t count = 1; asked->scan != NULL; count++) {
        int64_t before_time = asked->scan->time;
        uint64_t before_key = asked->scan->key;
        struct order_entry entry;
        uint64_t missing;
        if (!scan_next(asked->scan, &entry) || entry.time < from_ms) {
            return STEP_DONE;
        }
        uint64_t address = share_entry_address(&entry);
        const struct slice_session *record = keeper_archived_at(keeper, asked, share, address, &missing);
        if (record == NULL) {
            enum step step = read_ahead(keeper, asked, share, missing, from_ms, RECALL_COUNT_MAX);
            scan_start_at(asked->scan, before_time, before_key);
            return step;
        }
        compare_archived(keeper, asked, record, address);
        if (keeper_is_time_up(asked, count, time)) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

/* One that ends sooner than the archived one, of those that can still change. */
static struct session_at
search_profiles(const struct keeper *keeper, const struct asked *asked)
{
    const struct question *question = asked->question;
    struct session_at found = {0};

    for (uint32_t i = 0; i < question->ask.event_session.member_count; i++) {
        const struct person *person =
            keeper_person_of(keeper, question, &question->ask.event_session.members[i]);
        const struct profile *profile = person != NULL ? person_profile(person) : NULL;
        for (uint32_t k = 0; profile != NULL && k < profile->sessions.rows.count; k++) {
            struct session_at at = {.pack = &profile->pack,
                                    .session = &session_set_rows(&profile->pack, &profile->sessions)[k]};
            if ((asked->best == 0 || at.session->end.ms < asked->best_end.ms) &&
                (found.session == NULL || at.session->end.ms < found.session->end.ms) &&
                covers(at, question->ask.event_session.person, question->ask.event_session.event_time)) {
                found = at;
            }
        }
    }
    return found;
}

enum step
keeper_answer_event_session(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    struct question *question = asked->question;
    const struct member *members = question->ask.event_session.members;
    uint32_t member_count = question->ask.event_session.member_count;
    const struct share *share = keeper_share_of(keeper, question);
    uint32_t with = question->ask.event_session.with;
    int64_t from_ms;

    if (share == NULL) {
        finish_sessions(keeper, asked, false);
        return STEP_DONE;
    }
    if (is_stale(keeper, question, members, member_count)) {
        keeper_finish(keeper, asked, -ESTALE);
        return STEP_DONE;
    }
    if (await_members(keeper, asked, members, member_count)) {
        return STEP_LATER;
    }
    if (!begin_archives(keeper, asked, &from_ms)) {
        finish_sessions(keeper, asked, false);
        return STEP_DONE;
    }
    enum step step = search_archives(keeper, asked, share, from_ms, time);

    if (step != STEP_DONE) {
        return step;
    }
    struct session_at found = search_profiles(keeper, asked);

    if (found.session != NULL) {
        bool is_open = !session_is_closed(found.session, keeper_watermark_of(keeper, question),
                                          keeper_gap_of(keeper, question));
        add_session_row(asked, found, is_open, with);
    } else if (asked->best != 0) {
        uint64_t missing;
        const struct slice_session *record = keeper_archived_at(keeper, asked, share, asked->best, &missing);
        if (record == NULL) {
            return keeper_read_records(keeper, asked, share->history, &missing, 1);
        }
        add_archived_row(keeper, asked, record, with);
    }
    finish_sessions(keeper, asked, false);
    return STEP_DONE;
}
