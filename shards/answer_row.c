/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/answer_row.h"

#include "shards/counts.h"
#include "shards/profile.h"
#include "shards/record.h"

const struct event_record *
answer_row_record(struct arena *arena, const struct event_record *record, uint32_t texts)
{
    struct event_record *copy;
    uint32_t record_bytes;
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        bytes += (texts >> i & 1) != 0 ? event_text(record, i).bytes : 0;
    }
    record_bytes = (uint32_t)align_up(sizeof(*copy) + bytes, 8);
    copy = arena_take(arena, record_bytes);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *record;
    copy->header.bytes = record_bytes;
    bytes = 0;
    for (uint32_t i = 0; i < EVENT_TEXT_COUNT; i++) {
        struct text text = event_text(record, i);

        if ((texts >> i & 1) != 0) {
            memcpy(copy->texts + bytes, text.data, text.bytes);
            bytes += text.bytes;
        }
        copy->text_end[i] = (uint16_t)bytes;
    }
    return copy;
}

static const struct text_count *
copy_counts(struct arena *arena, const struct pack *pack, const struct counts *counts, uint64_t other,
            uint32_t *out_count)
{
    const struct counts_row *from = counts_rows(pack, counts);
    uint32_t count = counts->rows.count + (other > 0 ? 1 : 0);
    struct text_count *rows = arena_take(arena, (uint64_t)count * sizeof(*rows));

    if (rows == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < counts->rows.count; i++) {
        rows[i] = (struct text_count){.key = arena_text(arena, counts_name(pack, &from[i])),
                                      .count = from[i].count};
    }
    if (other > 0) {
        rows[count - 1] = (struct text_count){.key = TEXT("other"), .count = other};
    }
    if (!arena->is_full) {
        counts_rank(rows, count);
    }
    *out_count = count;
    return rows;
}

static const struct text_count *
copy_top(struct arena *arena, const struct pack *pack, const struct top *top, uint32_t *out_count)
{
    const struct top_row *from = top_rows(pack, top);
    struct text_count *rows = arena_take(arena, (uint64_t)top->rows.count * sizeof(*rows));

    if (rows == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < top->rows.count; i++) {
        rows[i] =
            (struct text_count){.key = arena_text(arena, top_name(pack, &from[i])), .count = from[i].count};
    }
    if (!arena->is_full) {
        counts_rank(rows, top->rows.count);
    }
    *out_count = top->rows.count;
    return rows;
}

static struct text
copy_latest(struct arena *arena, const struct pack *pack, const struct latest *latest)
{
    return arena_text(arena, pack_text(pack, &latest->text));
}

static void
copy_pages(struct arena *arena, struct session_row *row, struct session_at at)
{
    const struct session_page *from = session_pages(at.pack, at.session);
    uint32_t count = at.session->pages.count;
    struct text *pages = arena_take(arena, (uint64_t)count * sizeof(*pages));

    for (uint32_t i = 0; pages != NULL && i < count; i++) {
        pages[i] = arena_text(arena, pack_text(at.pack, &from[i].page));
    }
    row->pages = pages;
    row->page_count = pages != NULL ? count : 0;
}

static void
copy_sources(struct arena *arena, struct session_row *row, struct session_at at)
{
    uint32_t count = at.session->sources.count;
    uint32_t *sources = arena_take(arena, (uint64_t)count * sizeof(*sources));

    if (sources != NULL) {
        memcpy(sources, session_sources(at.pack, at.session), count * sizeof(*sources));
        row->sources = sources;
        row->source_count = count;
    }
}

void
answer_row_session(struct arena *arena, struct session_row *row, struct session_at at, bool is_open,
                   uint32_t with)
{
    const struct session *session = at.session;

    *row = (struct session_row){
        .session_id = session->session_id,
        .revision = session->revision,
        .person = session->person,
        .is_open = is_open,
        .start = session->start,
        .end = session->end,
        .event_count = session->event_count,
        .device_type = copy_latest(arena, at.pack, &session->latest[SESSION_DEVICE_TYPE]),
        .browser = copy_latest(arena, at.pack, &session->latest[SESSION_BROWSER]),
        .os = copy_latest(arena, at.pack, &session->latest[SESSION_OS]),
        .country = copy_latest(arena, at.pack, &session->latest[SESSION_COUNTRY]),
    };
    if ((with & SESSION_WITH_PAGES) != 0) {
        copy_pages(arena, row, at);
    }
    if ((with & SESSION_WITH_ENTRY_PAGE) != 0 && session->pages.count > 0) {
        row->entry_page = arena_text(arena, pack_text(at.pack, &session_pages(at.pack, session)[0].page));
    }
    if ((with & SESSION_WITH_EXIT_PAGE) != 0) {
        row->exit_page = copy_latest(arena, at.pack, &session->exit_page);
    }
    if ((with & SESSION_WITH_EVENT_TYPES) != 0) {
        row->event_types = copy_counts(arena, at.pack, &session->event_types, 0, &row->event_type_count);
    }
    if ((with & SESSION_WITH_SOURCES) != 0) {
        copy_sources(arena, row, at);
    }
}

static const struct bucket *
copy_buckets(struct arena *arena, const struct pack *pack, const struct pack_list *list, uint32_t *out_count)
{
    struct bucket *rows = arena_take(arena, (uint64_t)list->count * sizeof(*rows));

    if (rows == NULL) {
        return NULL;
    }
    if (list->count > 0) {
        memcpy(rows, buckets_rows(pack, list), (uint64_t)list->count * sizeof(*rows));
    }
    *out_count = list->count;
    return rows;
}

static const struct trait_row *
copy_traits(struct arena *arena, const struct pack *pack, const struct traits *traits, uint32_t *out_count)
{
    const struct trait *from = traits_rows(pack, traits);
    struct trait_row *rows = arena_take(arena, (uint64_t)traits->rows.count * sizeof(*rows));
    uint32_t count = 0;

    if (rows == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < traits->rows.count; i++) {
        if (from[i].value.bytes > 0) {
            rows[count++] = (struct trait_row){.key = arena_text(arena, pack_text(pack, &from[i].key)),
                                               .value = arena_text(arena, pack_text(pack, &from[i].value))};
        }
    }
    *out_count = count;
    return rows;
}

static void
copy_session_totals(struct arena *arena, struct profile_answer *answer, const struct profile *profile,
                    uint32_t with, struct event_ms watermark, int64_t gap_ms)
{
    const struct pack *pack = &profile->pack;
    const struct session_set *sessions = &profile->sessions;
    const struct session *rows = session_set_rows(pack, sessions);
    const struct session *current = session_set_current(pack, sessions, watermark, gap_ms);

    answer->total_sessions = sessions->archived_count + sessions->rows.count;
    answer->closed_sessions = sessions->archived_count;
    answer->closed_duration_ms = sessions->archived_duration_ms;
    for (uint32_t i = 0; i < sessions->rows.count; i++) {
        if (session_is_closed(&rows[i], watermark, gap_ms)) {
            answer->closed_sessions++;
            answer->closed_duration_ms += (uint64_t)session_duration_ms(&rows[i]);
        }
    }
    if (current != NULL && (with & PROFILE_WITH_CURRENT_SESSION) != 0) {
        struct session_row *row = arena_take(arena, sizeof(*row));
        if (row != NULL) {
            answer_row_session(arena, row, (struct session_at){.pack = pack, .session = current}, true,
                               with >> PROFILE_WITH_SESSION_SHIFT);
        }
        answer->current_session = row;
    }
}

void
answer_row_profile(struct arena *arena, struct profile_answer *answer, const struct profile *profile,
                   uint32_t with, struct event_ms watermark, int64_t gap_ms)
{
    const struct pack *pack = &profile->pack;

    *answer = (struct profile_answer){
        .is_known = true,
        .first_seen = profile->first_seen,
        .last_seen = profile->last_seen,
        .total_events = profile->total_events,
        .page_views = profile->kinds[PROFILE_PAGE_VIEWS],
        .clicks = profile->kinds[PROFILE_CLICKS],
        .signups = profile->kinds[PROFILE_SIGNUPS],
        .logins = profile->kinds[PROFILE_LOGINS],
        .feature_uses = profile->kinds[PROFILE_FEATURE_USES],
        .last_page = copy_latest(arena, pack, &profile->latest[PROFILE_LAST_PAGE]),
        .last_country = copy_latest(arena, pack, &profile->latest[PROFILE_LAST_COUNTRY]),
        .last_device = copy_latest(arena, pack, &profile->latest[PROFILE_LAST_DEVICE]),
        .last_browser = copy_latest(arena, pack, &profile->latest[PROFILE_LAST_BROWSER]),
        .last_os = copy_latest(arena, pack, &profile->latest[PROFILE_LAST_OS]),
    };
    if ((with & PROFILE_WITH_BUCKETS) != 0) {
        answer->hours = copy_buckets(arena, pack, &profile->buckets.hours, &answer->hour_count);
        answer->days = copy_buckets(arena, pack, &profile->buckets.days, &answer->day_count);
    }
    if ((with & PROFILE_WITH_EVENT_COUNTS) != 0) {
        answer->event_counts = copy_counts(arena, pack, &profile->event_counts, profile->other_count,
                                           &answer->event_count_count);
    }
    if ((with & PROFILE_WITH_TOP_PAGES) != 0) {
        answer->top_pages = copy_top(arena, pack, &profile->top_pages, &answer->top_page_count);
    }
    if ((with & PROFILE_WITH_TOP_FEATURES) != 0) {
        answer->top_features = copy_top(arena, pack, &profile->top_features, &answer->top_feature_count);
    }
    if ((with & PROFILE_WITH_TRAITS) != 0) {
        answer->traits = copy_traits(arena, pack, &profile->traits, &answer->trait_count);
    }
    copy_session_totals(arena, answer, profile, with, watermark, gap_ms);
}
