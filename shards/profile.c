/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/profile.h"

#include "shards/sort.h"

struct profile *
profile_create(struct memory *memory)
{
    return memory_take_zero(memory, sizeof(struct profile));
}

void
profile_destroy(struct memory *memory, struct profile *profile)
{
    if (profile == NULL) {
        return;
    }
    counts_clear(memory, &profile->event_counts);
    buckets_clear(memory, &profile->buckets);
    session_set_clear(memory, &profile->sessions);
    top_clear(memory, &profile->top_pages);
    top_clear(memory, &profile->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        short_text_put(memory, &profile->latest[i].text);
    }
    traits_clear(memory, &profile->traits);
    memory_put(memory, profile, sizeof(*profile));
}

static void
prefetch_lists(const struct profile *profile)
{
    const struct bucket_list *hours = &profile->buckets.hours;
    const struct bucket_list *days = &profile->buckets.days;

    if (profile->sessions.count > 0) {
        __builtin_prefetch(&profile->sessions.rows[profile->sessions.count - 1]);
    }
    if (hours->count > 0) {
        __builtin_prefetch(&hours->rows[hours->count - 1]);
    }
    if (days->count > 0) {
        __builtin_prefetch(&days->rows[days->count - 1]);
    }
    if (profile->event_counts.count > 0) {
        __builtin_prefetch(&profile->event_counts.rows[0]);
        __builtin_prefetch(&profile->event_counts.rows[profile->event_counts.count - 1]);
    }
    if (profile->top_pages.count > 0) {
        __builtin_prefetch(&profile->top_pages.rows[0]);
        __builtin_prefetch(&profile->top_pages.rows[profile->top_pages.count - 1]);
    }
    __builtin_prefetch(short_text(&profile->latest[PROFILE_LAST_PAGE].text).data);
}

void
profile_prefetch(const struct profile *profile, uint32_t step)
{
    if (step == 0) {
        prefetch_lines(profile, sizeof(*profile));
    } else if (step == 1) {
        prefetch_lists(profile);
    } else if (profile->sessions.count > 0) {
        session_prefetch(profile->sessions.rows[profile->sessions.count - 1], step - 2);
    }
}

static struct session_change
session_change(struct person *person, const struct profile_change *change)
{
    return (struct session_change){
        .memory = change->memory,
        .share = person->share,
        .archive = &person->archive,
        .buckets = &person->profile->buckets,
        .newest = person->profile->last_seen,
        .watermark = change->watermark,
        .rules = change->rules,
        .tenant_namespace = change->tenant_namespace,
        .canonical = person->canonical,
        .person = person->number,
    };
}

static void
see(struct profile *profile, struct event_ms first, struct event_ms last)
{
    bool is_new = profile->total_events == 0;

    profile->first_seen = is_new || first.ms < profile->first_seen.ms ? first : profile->first_seen;
    profile->last_seen = is_new || last.ms > profile->last_seen.ms ? last : profile->last_seen;
}

static void
count_name(struct memory *memory, struct profile *profile, struct text name, uint64_t by)
{
    struct counts_row *row = counts_find(&profile->event_counts, name);

    if (row != NULL) {
        row->count += by;
    } else if (profile->event_counts.count == PROFILE_NAME_COUNT_MAX || text_equal(name, TEXT("other"))) {
        profile->other_count += by;
    } else {
        counts_add(memory, &profile->event_counts, name, by);
    }
}

static void
count_kind(struct profile *profile, struct text name)
{
    static const struct text names[PROFILE_KIND_COUNT] = {
        [PROFILE_PAGE_VIEWS] = {.data = "page_view", .bytes = 9},
        [PROFILE_CLICKS] = {.data = "click", .bytes = 5},
        [PROFILE_SIGNUPS] = {.data = "signup", .bytes = 6},
        [PROFILE_LOGINS] = {.data = "login", .bytes = 5},
        [PROFILE_FEATURE_USES] = {.data = "feature_used", .bytes = 12},
    };

    for (uint32_t i = 0; i < PROFILE_KIND_COUNT; i++) {
        if (text_equal(name, names[i])) {
            profile->kinds[i]++;
            return;
        }
    }
}

static void
count_event(struct memory *memory, struct profile *profile, const struct event_record *record)
{
    struct text type = event_text(record, EVENT_EVENT_TYPE);
    struct text page = event_text(record, EVENT_PAGE_URL);
    struct text feature = event_text(record, EVENT_FEATURE_NAME);

    profile->total_events++;
    profile->is_identified |= event_has(record, EVENT_USER_ID);
    count_kind(profile, type);
    count_name(memory, profile, type, 1);
    if (page.bytes > 0) {
        top_count(memory, &profile->top_pages, page);
    }
    if (feature.bytes > 0) {
        top_count(memory, &profile->top_features, feature);
    }
}

static void
note_latest(struct memory *memory, struct profile *profile, const struct event_record *record,
            struct stamp at)
{
    static const enum event_text texts[PROFILE_LATEST_COUNT] = {
        [PROFILE_LAST_PAGE] = EVENT_PAGE_URL,
        [PROFILE_LAST_COUNTRY] = EVENT_COUNTRY,
        [PROFILE_LAST_DEVICE] = EVENT_DEVICE_TYPE,
        [PROFILE_LAST_BROWSER] = EVENT_BROWSER,
        [PROFILE_LAST_OS] = EVENT_OS,
    };

    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        latest_offer(memory, &profile->latest[i], event_text(record, texts[i]), at);
    }
}

/* the semantics: by the watermark of before the event. */
static bool
takes_part(const struct applied_event *event, struct session_rules rules)
{
    return event->watermark_before.ms == NO_WATERMARK.ms ||
           event->record->event_time.ms >= event->watermark_before.ms - rules.horizon_ms;
}

bool
profile_apply(struct person *person, struct profile_change *change, const struct applied_event *event)
{
    struct profile *profile = person->profile;
    struct memory *memory = change->memory;
    const struct event_record *record = event->record;
    struct stamp at = {.event_time = record->event_time, .position = event->position};
    struct event_ms newest = profile->last_seen;

    see(profile, record->event_time, record->event_time);
    count_event(memory, profile, record);
    if (profile->last_seen.ms != newest.ms) {
        buckets_expire(&profile->buckets, profile->last_seen);
    }
    buckets_count(memory, &profile->buckets, profile->last_seen, record->event_time, 1, 0);
    note_latest(memory, profile, record, at);
    if (event_has(record, EVENT_TRAITS)) {
        change->traits_ignored +=
            traits_apply(memory, &profile->traits, event_text(record, EVENT_TRAITS), at);
    }

    struct session_change sessions = session_change(person, change);
    session_set_archive(&profile->sessions, &sessions);
    if (!takes_part(event, change->rules)) {
        return false;
    }
    session_set_add(&profile->sessions, &sessions, event);
    return true;
}

/* The loser's names by (count desc, name), as far as there is room. */
static void
combine_names(struct memory *memory, struct profile *profile, struct profile *loser)
{
    struct text_count ranked[PROFILE_NAME_COUNT_MAX];
    uint32_t count = loser->event_counts.count;

    ASSERT(count <= PROFILE_NAME_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct counts_row *row = &loser->event_counts.rows[i];
        ranked[i] = (struct text_count){.key = short_text(&row->name), .count = row->count};
    }
    counts_rank(ranked, count);
    for (uint32_t i = 0; i < count; i++) {
        count_name(memory, profile, ranked[i].key, ranked[i].count);
    }
    profile->other_count += loser->other_count;
}

void
profile_combine(struct person *person, struct profile_change *change, struct profile *loser)
{
    struct profile *profile = person->profile;
    struct memory *memory = change->memory;

    if (loser->total_events > 0) {
        see(profile, loser->first_seen, loser->last_seen);
    }
    profile->total_events += loser->total_events;
    profile->is_identified |= loser->is_identified;
    for (uint32_t i = 0; i < PROFILE_KIND_COUNT; i++) {
        profile->kinds[i] += loser->kinds[i];
    }
    combine_names(memory, profile, loser);
    top_combine(memory, &profile->top_pages, &loser->top_pages);
    top_combine(memory, &profile->top_features, &loser->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        latest_take(memory, &profile->latest[i], &loser->latest[i]);
    }
    change->traits_ignored += traits_combine(memory, &profile->traits, &loser->traits);
    buckets_combine(memory, &profile->buckets, profile->last_seen, &loser->buckets);

    struct session_change sessions = session_change(person, change);
    session_set_archive(&profile->sessions, &sessions);
    session_set_combine(&profile->sessions, &sessions, &loser->sessions);
    profile_destroy(memory, loser);
}

void
profile_detach(struct person *person, const struct profile_change *change)
{
    struct session_change sessions = session_change(person, change);

    session_set_archive(&person->profile->sessions, &sessions);
    session_set_leave(&person->profile->sessions, &sessions);
}
