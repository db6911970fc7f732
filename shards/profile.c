/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/profile.h"

#include "shards/sort.h"

#define PART_BYTES 768u /* fetched at once: more are lost, for a core waits for some twenty lines at a time */
#define ROOM_BYTES 256u /* left free at least when one is made anew */
#define YOUNG_BYTES 1024u /* what is dead in one of so few is not worth looking for: it is copied as it is */

static struct profile *
create(struct memory *memory, uint64_t bytes)
{
    uint64_t capacity = region_piece_bytes(bytes);
    struct profile *profile = memory_take(memory, capacity);

    REQUIRE(capacity <= UINT32_MAX);
    *profile = (struct profile){.pack = {.capacity = (uint32_t)capacity, .used = sizeof(*profile)}};
    static_assert(sizeof(*profile) % 8 == 0, "lists behind it are aligned");
    return profile;
}

struct profile *
profile_create(struct memory *memory, uint64_t bytes)
{
    return create(memory, sizeof(struct profile) + bytes);
}

void
profile_destroy(struct memory *memory, struct profile *profile)
{
    if (profile != NULL) {
        memory_put(memory, profile, profile->pack.capacity);
    }
}

static struct profile *
copy(struct memory *memory, const struct profile *from, uint64_t room)
{
    struct profile *profile = create(memory, from->pack.used + room);
    uint32_t capacity = profile->pack.capacity;

    memcpy(profile, from, from->pack.used);
    profile->pack.capacity = capacity;
    return profile;
}

struct profile *
profile_copy(struct memory *memory, const struct profile *from)
{
    return copy(memory, from, 0);
}

/* Everything that is alive, to a piece with room for it: what an event touches first, and together. */
static void
move(struct profile *to, struct profile *from)
{
    struct pack pack = to->pack;

    *to = *from;
    to->pack = pack;
    session_set_move(&to->pack, &from->pack, &to->sessions);
    counts_move(&to->pack, &from->pack, &to->event_counts);
    buckets_move(&to->pack, &from->pack, &to->buckets);
    top_move(&to->pack, &from->pack, &to->top_pages);
    top_move(&to->pack, &from->pack, &to->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        pack_move_text(&to->pack, &from->pack, &to->latest[i].text);
    }
    traits_move(&to->pack, &from->pack, &to->traits);
}

struct profile *
profile_renew(struct memory *memory, struct profile *from, uint64_t bytes)
{
    uint64_t used = from->pack.used - from->pack.left;
    uint64_t room = bytes + ROOM_BYTES > used / 2 ? bytes + ROOM_BYTES : used / 2;

    if (from->pack.left == 0 && used <= YOUNG_BYTES) {
        return copy(memory, from, room);
    }
    struct profile *profile = create(memory, used + room);

    move(profile, from);
    return profile;
}

void
profile_prefetch(const struct profile *profile, uint32_t bytes, uint32_t part)
{
    /* As much always: to look where it ends costs more than the lines behind it. */
    if (part == 0 || bytes > part * PART_BYTES) {
        prefetch_lines((const char *)profile + (uint64_t)part * PART_BYTES, PART_BYTES);
    }
}

/* Room for so much in the person's profile. What a list had to spare may be gone, so that more is needed than before;
   after a second time it is not. */
static struct profile *
renew(struct memory *memory, struct person *person, uint64_t bytes)
{
    struct profile *renewed = profile_renew(memory, person->profile, bytes);

    profile_destroy(memory, person->profile);
    person->profile = renewed;
    return renewed;
}

static struct session_change
session_change(struct person *person, const struct profile_change *change)
{
    return (struct session_change){
        .memory = change->memory,
        .person = person,
        .watermark = change->watermark,
        .rules = change->rules,
        .tenant_namespace = change->tenant_namespace,
    };
}

static void
see(struct profile *profile, struct event_ms first, struct event_ms last)
{
    bool is_new = profile->total_events == 0;

    profile->first_seen = is_new || first.ms < profile->first_seen.ms ? first : profile->first_seen;
    profile->last_seen = is_new || last.ms > profile->last_seen.ms ? last : profile->last_seen;
}

/* The name is of the profile from then on. */
static struct pack_text
count_name(struct profile *profile, struct text name, uint64_t by)
{
    struct pack *pack = &profile->pack;
    struct counts_row *row = counts_find(pack, &profile->event_counts, name);

    if (row != NULL) {
        row->count += by;
        return row->name;
    }
    struct pack_text kept = pack_keep(pack, name);

    if (profile->event_counts.rows.count == PROFILE_NAME_COUNT_MAX || text_equal(name, TEXT("other"))) {
        profile->other_count += by;
    } else {
        counts_add(pack, &profile->event_counts, &kept, by);
    }
    return kept;
}

static void
count_kind(struct profile *profile, struct text name)
{
    static const struct short_text names[PROFILE_KIND_COUNT] = {
        [PROFILE_PAGE_VIEWS] = {.bytes = 9, .room = "page_view"},
        [PROFILE_CLICKS] = {.bytes = 5, .room = "click"},
        [PROFILE_SIGNUPS] = {.bytes = 6, .room = "signup"},
        [PROFILE_LOGINS] = {.bytes = 5, .room = "login"},
        [PROFILE_FEATURE_USES] = {.bytes = 12,
                                  .room = {'f', 'e', 'a', 't', 'u', 'r', 'e', '_', 'u', 's', 'e', 'd'}},
    };
    struct short_text lent = short_text_lend(name);

    /* All of them: which one it is, no processor can foresee. */
    for (uint32_t i = 0; i < PROFILE_KIND_COUNT; i++) {
        profile->kinds[i] += short_text_is(&lent, &names[i]);
    }
}

/* The same value in a session and in the profile. */
static const struct {
    enum event_text text;
    enum profile_latest profile;
} latest_texts[SESSION_LATEST_COUNT] = {
    [SESSION_DEVICE_TYPE] = {.text = EVENT_DEVICE_TYPE, .profile = PROFILE_LAST_DEVICE},
    [SESSION_BROWSER] = {.text = EVENT_BROWSER, .profile = PROFILE_LAST_BROWSER},
    [SESSION_OS] = {.text = EVENT_OS, .profile = PROFILE_LAST_OS},
    [SESSION_COUNTRY] = {.text = EVENT_COUNTRY, .profile = PROFILE_LAST_COUNTRY},
};

/* What an event takes, whatever of it is there already. */
static uint64_t
event_need(const struct profile *profile, const struct event_record *record, int64_t gap_ms)
{
    uint64_t bytes = pack_list_need(&profile->event_counts.rows, 1, sizeof(struct counts_row)) +
                     buckets_need(&profile->buckets) +
                     session_set_need(&profile->pack, &profile->sessions, record->event_time, gap_ms);
    struct text page = event_text(record, EVENT_PAGE_URL);
    struct text feature = event_text(record, EVENT_FEATURE_NAME);

    bytes += page.bytes > 0 ? top_need(&profile->top_pages) + pack_keep_need(page) : 0;
    bytes += feature.bytes > 0 ? top_need(&profile->top_features) + pack_keep_need(feature) : 0;
    bytes += pack_keep_need(event_text(record, EVENT_EVENT_TYPE));
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        bytes += pack_keep_need(event_text(record, latest_texts[i].text));
    }
    return bytes;
}

static struct profile *
make_room(struct memory *memory, struct person *person, const struct event_record *record, int64_t gap_ms)
{
    struct profile *profile = person->profile;

    for (;;) {
        uint64_t bytes = event_need(profile, record, gap_ms);
        if (pack_has_room(&profile->pack, bytes)) {
            return profile;
        }
        profile = renew(memory, person, bytes);
    }
}

static void
count_event(struct profile *profile, const struct event_record *record, struct session_texts *out_texts)
{
    struct text type = event_text(record, EVENT_EVENT_TYPE);
    struct text page = event_text(record, EVENT_PAGE_URL);
    struct text feature = event_text(record, EVENT_FEATURE_NAME);

    profile->total_events++;
    profile->is_identified |= event_has(record, EVENT_USER_ID);
    count_kind(profile, type);
    out_texts->type = count_name(profile, type, 1);
    out_texts->page = (struct pack_text){0};
    if (page.bytes > 0) {
        out_texts->page = top_count(&profile->pack, &profile->top_pages, page);
    }
    if (feature.bytes > 0) {
        (void)top_count(&profile->pack, &profile->top_features, feature);
    }
}

static void
note_latest(struct profile *profile, const struct event_record *record, struct stamp at,
            struct session_texts *texts)
{
    latest_offer(&profile->latest[PROFILE_LAST_PAGE], &texts->page, at);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        struct latest *latest = &profile->latest[latest_texts[i].profile];
        texts->latest[i] = latest_keep(&profile->pack, latest, event_text(record, latest_texts[i].text));
        latest_offer(latest, &texts->latest[i], at);
    }
}

static void
apply_traits(struct person *person, struct profile_change *change, struct text object, struct stamp at)
{
    struct traits_members members;
    struct profile *profile = person->profile;

    traits_members_begin(change->memory, &members, object);
    for (;;) {
        uint64_t bytes = traits_need(&profile->pack, &profile->traits, &members);
        if (pack_has_room(&profile->pack, bytes)) {
            break;
        }
        profile = renew(change->memory, person, bytes);
    }
    change->traits_ignored += traits_apply(&profile->pack, &profile->traits, &members, at);
    traits_members_end(change->memory, &members);
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
    const struct event_record *record = event->record;
    struct stamp at = {.event_time = record->event_time, .position = event->position};
    struct session_change sessions = session_change(person, change);
    struct session_texts texts;

    session_set_archive(&sessions);
    if (event_has(record, EVENT_TRAITS)) {
        apply_traits(person, change, event_text(record, EVENT_TRAITS), at);
    }
    struct profile *profile = make_room(change->memory, person, record, change->rules.gap_ms);
    struct event_ms newest = profile->last_seen;

    see(profile, record->event_time, record->event_time);
    count_event(profile, record, &texts);
    if (profile->last_seen.ms != newest.ms) {
        buckets_expire(&profile->pack, &profile->buckets, profile->last_seen);
    }
    buckets_count(&profile->pack, &profile->buckets, profile->last_seen, record->event_time, 1, 0);
    note_latest(profile, record, at, &texts);

    bool is_in_session = takes_part(event, change->rules);

    if (is_in_session) {
        session_set_add(&sessions, event, &texts);
    }
    person->profile_bytes = profile->pack.used;
    return is_in_session;
}

/* The loser's names by (count desc, name), as far as there is room. */
static void
combine_names(struct profile *profile, const struct profile *loser)
{
    struct text_count ranked[PROFILE_NAME_COUNT_MAX];
    const struct counts_row *rows = counts_rows(&loser->pack, &loser->event_counts);
    uint32_t count = loser->event_counts.rows.count;

    ASSERT(count <= PROFILE_NAME_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        ranked[i] = (struct text_count){.key = counts_name(&loser->pack, &rows[i]), .count = rows[i].count};
    }
    counts_rank(ranked, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)count_name(profile, ranked[i].key, ranked[i].count);
    }
    profile->other_count += loser->other_count;
}

static void
combine(struct profile *profile, struct profile_change *change, struct profile *loser)
{
    struct pack *pack = &profile->pack;

    if (loser->total_events > 0) {
        see(profile, loser->first_seen, loser->last_seen);
    }
    profile->total_events += loser->total_events;
    profile->is_identified |= loser->is_identified;
    for (uint32_t i = 0; i < PROFILE_KIND_COUNT; i++) {
        profile->kinds[i] += loser->kinds[i];
    }
    combine_names(profile, loser);
    change->traits_ignored += traits_combine(pack, &profile->traits, &loser->pack, &loser->traits);
    top_combine(pack, &profile->top_pages, &loser->pack, &loser->top_pages);
    top_combine(pack, &profile->top_features, &loser->pack, &loser->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        latest_take(pack, &profile->latest[i], &loser->pack, &loser->latest[i]);
    }
    buckets_combine(pack, &profile->buckets, profile->last_seen, &loser->pack, &loser->buckets);
}

/* Lists grow row by row to at most half as much again as both have, and leave behind twice that. All of it goes when
   that is done. */
void
profile_combine(struct person *person, struct profile_change *change, struct profile *loser)
{
    struct session_change sessions = session_change(person, change);
    uint64_t both = (uint64_t)person->profile->pack.used + loser->pack.used;

    session_set_archive(&sessions);
    (void)renew(change->memory, person, 6 * both);
    combine(person->profile, change, loser);
    session_set_combine(&sessions, loser);
    (void)renew(change->memory, person, 0);
    person->profile_bytes = person->profile->pack.used;
    profile_destroy(change->memory, loser);
}

void
profile_detach(struct person *person, const struct profile_change *change)
{
    struct session_change sessions = session_change(person, change);

    session_set_archive(&sessions);
    session_set_leave(&sessions);
}
