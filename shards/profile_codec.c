/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/profile_codec.h"

#include "shards/sort.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

/* Without `to` it only counts. */
struct writer {
    uint8_t *to;
    uint64_t bytes;
};

struct reader {
    const uint8_t *from;
    uint64_t left;
    bool is_bad;
    struct memory *memory;
};

static void
write_bytes(struct writer *writer, const void *data, uint64_t bytes)
{
    if (writer->to != NULL && bytes > 0) {
        memcpy(writer->to + writer->bytes, data, bytes);
    }
    writer->bytes += bytes;
}

static void
write_32(struct writer *writer, uint32_t value)
{
    write_bytes(writer, &value, sizeof(value));
}

static void
write_64(struct writer *writer, uint64_t value)
{
    write_bytes(writer, &value, sizeof(value));
}

static void
write_text(struct writer *writer, struct text text)
{
    write_32(writer, text.bytes);
    write_bytes(writer, text.data, text.bytes);
}

static void
write_stamp(struct writer *writer, struct stamp stamp)
{
    write_64(writer, (uint64_t)stamp.event_time.ms);
    write_64(writer, stamp.position);
}

static void
write_latest(struct writer *writer, const struct latest *latest)
{
    write_text(writer, short_text(&latest->text));
    if (latest->text.bytes > 0) {
        write_stamp(writer, latest->at);
    }
}

static void
write_counts(struct writer *writer, const struct counts *counts)
{
    write_32(writer, counts->count);
    for (uint32_t i = 0; i < counts->count; i++) {
        write_text(writer, short_text(&counts->rows[i].name));
        write_64(writer, counts->rows[i].count);
    }
}

static void
write_session(struct writer *writer, const struct session *session)
{
    write_bytes(writer, session->session_id.byte, sizeof(session->session_id.byte));
    write_32(writer, session->revision);
    write_32(writer, session->person);
    write_64(writer, (uint64_t)session->start.ms);
    write_64(writer, (uint64_t)session->end.ms);
    write_64(writer, session->event_count);
    write_stamp(writer, session->first);
    write_bytes(writer, session->code, sizeof(session->code));
    write_32(writer, session->page_count);
    for (uint32_t i = 0; i < session->page_count; i++) {
        write_text(writer, short_text(&session->pages[i].page));
        write_stamp(writer, session->pages[i].first);
    }
    write_latest(writer, &session->exit_page);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        write_latest(writer, &session->latest[i]);
    }
    write_counts(writer, &session->event_types);
    write_32(writer, session->source_count);
    write_bytes(writer, session->sources, session->source_count * sizeof(*session->sources));
}

static int
compare_names(const void *a, const void *b)
{
    const struct top_row *const *row_a = a;
    const struct top_row *const *row_b = b;

    return text_compare(top_name(*row_a), top_name(*row_b));
}

static void
write_top(struct writer *writer, const struct top *top)
{
    const struct top_row *rows[TOP_COUNT_MAX];

    ASSERT(top->count <= TOP_COUNT_MAX);
    for (uint32_t i = 0; i < top->count; i++) {
        rows[i] = &top->rows[i];
    }
    if (writer->to != NULL) {
        sort_items(rows, top->count, sizeof(rows[0]), compare_names);
    }
    write_32(writer, top->count);
    for (uint32_t i = 0; i < top->count; i++) {
        write_text(writer, top_name(rows[i]));
        write_64(writer, rows[i]->count);
    }
}

static void
write_buckets(struct writer *writer, const struct bucket_list *list)
{
    write_32(writer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        write_64(writer, (uint64_t)list->rows[i].index);
        write_32(writer, list->rows[i].events);
        write_32(writer, list->rows[i].sessions);
    }
}

static void
write_traits(struct writer *writer, const struct traits *traits)
{
    write_32(writer, traits->count);
    for (uint32_t i = 0; i < traits->count; i++) {
        write_text(writer, traits->rows[i].key);
        write_text(writer, traits->rows[i].value);
        write_stamp(writer, traits->rows[i].at);
    }
}

static void
write_profile(struct writer *writer, const struct profile *profile, struct profile_label label)
{
    write_32(writer, PROFILE_CODEC_VERSION);
    write_bytes(writer, label.canonical.byte, sizeof(label.canonical.byte));
    write_32(writer, label.person);
    write_32(writer, label.tenant_no);
    write_64(writer, (uint64_t)profile->first_seen.ms);
    write_64(writer, (uint64_t)profile->last_seen.ms);
    write_64(writer, profile->total_events);
    write_32(writer, profile->is_identified ? 1 : 0);
    write_bytes(writer, profile->kinds, sizeof(profile->kinds));
    write_counts(writer, &profile->event_counts);
    write_64(writer, profile->other_count);
    write_buckets(writer, &profile->buckets.hours);
    write_buckets(writer, &profile->buckets.days);
    write_top(writer, &profile->top_pages);
    write_top(writer, &profile->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        write_latest(writer, &profile->latest[i]);
    }
    write_traits(writer, &profile->traits);
    write_64(writer, profile->sessions.archived_count);
    write_64(writer, profile->sessions.archived_duration_ms);
    write_32(writer, profile->sessions.count);
    for (uint32_t i = 0; i < profile->sessions.count; i++) {
        write_session(writer, profile->sessions.rows[i]);
    }
}

uint64_t
profile_codec_bytes(const struct profile *profile)
{
    struct writer writer = {0};

    write_profile(&writer, profile, (struct profile_label){0});
    return writer.bytes;
}

void
profile_codec_encode(const struct profile *profile, struct profile_label label, void *to)
{
    struct writer writer = {.to = to};

    write_profile(&writer, profile, label);
}

uint64_t
profile_codec_session_bytes(const struct session *session)
{
    struct writer writer = {0};

    write_session(&writer, session);
    return writer.bytes;
}

void
profile_codec_encode_session(const struct session *session, void *to)
{
    struct writer writer = {.to = to};

    write_session(&writer, session);
}

static void
read_bytes(struct reader *reader, void *to, uint64_t bytes)
{
    if (reader->is_bad || bytes > reader->left) {
        reader->is_bad = true;
        memset(to, 0, bytes);
        return;
    }
    if (bytes > 0) {
        memcpy(to, reader->from, bytes);
    }
    reader->from += bytes;
    reader->left -= bytes;
}

static uint32_t
read_32(struct reader *reader)
{
    uint32_t value;

    read_bytes(reader, &value, sizeof(value));
    return value;
}

static uint64_t
read_64(struct reader *reader)
{
    uint64_t value;

    read_bytes(reader, &value, sizeof(value));
    return value;
}

static bool
read_bool(struct reader *reader)
{
    uint32_t value = read_32(reader);

    reader->is_bad |= value > 1;
    return value == 1;
}

static struct event_ms
read_time(struct reader *reader)
{
    return (struct event_ms){.ms = (int64_t)read_64(reader)};
}

/* A count of things of at least `item_bytes` bytes each. */
static uint32_t
read_count(struct reader *reader, uint32_t count_max, uint32_t item_bytes)
{
    uint32_t count = read_32(reader);

    if (count > count_max || count > reader->left / item_bytes) {
        reader->is_bad = true;
        return 0;
    }
    return count;
}

/* Lends the reader's bytes. */
static struct text
read_text(struct reader *reader)
{
    uint32_t bytes = read_32(reader);

    if (reader->is_bad || bytes > reader->left) {
        reader->is_bad = true;
        return (struct text){0};
    }
    struct text text = {.data = (const char *)reader->from, .bytes = bytes};

    reader->from += bytes;
    reader->left -= bytes;
    return text;
}

static struct stamp
read_stamp(struct reader *reader)
{
    struct event_ms event_time = read_time(reader);

    return (struct stamp){.event_time = event_time, .position = read_64(reader)};
}

static void
read_latest(struct reader *reader, struct latest *latest)
{
    struct text text = read_text(reader);

    if (text.bytes > 0) {
        latest_offer(reader->memory, latest, text, read_stamp(reader));
    }
}

static void
read_counts(struct reader *reader, struct counts *counts, uint32_t count_max)
{
    uint32_t count = read_count(reader, count_max, 12);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text name = read_text(reader);
        if (i > 0 && text_compare(short_text(&counts->rows[i - 1].name), name) >= 0) {
            reader->is_bad = true;
            return;
        }
        counts_add(reader->memory, counts, name, read_64(reader));
    }
}

static void
read_pages(struct reader *reader, struct session *session)
{
    uint32_t count = read_count(reader, SESSION_PAGE_COUNT_MAX, 20);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text page = read_text(reader);
        struct stamp first = read_stamp(reader);
        if (i > 0 && !stamp_is_after(first, session->pages[i - 1].first)) {
            reader->is_bad = true;
            return;
        }
        session->pages =
            memory_grow(reader->memory, session->pages, &session->page_capacity, i, sizeof(*session->pages));
        session->pages[i] =
            (struct session_page){.page = short_text_take(reader->memory, page), .first = first};
        session->page_count++;
    }
}

static struct session *
read_session(struct reader *reader)
{
    struct session *session = memory_take_zero(reader->memory, sizeof(*session));

    read_bytes(reader, session->session_id.byte, sizeof(session->session_id.byte));
    session->revision = read_32(reader);
    session->person = read_32(reader);
    session->start = read_time(reader);
    session->end = read_time(reader);
    session->event_count = read_64(reader);
    session->first = read_stamp(reader);
    read_bytes(reader, session->code, sizeof(session->code));
    read_pages(reader, session);
    read_latest(reader, &session->exit_page);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        read_latest(reader, &session->latest[i]);
    }
    read_counts(reader, &session->event_types, UINT32_MAX);
    uint32_t source_count = read_count(reader, UINT32_MAX, sizeof(uint32_t));

    for (uint32_t i = 0; i < source_count; i++) {
        session_add_source(reader->memory, session, read_32(reader));
    }
    return session;
}

static void
read_sessions(struct reader *reader, struct session_set *set)
{
    set->archived_count = read_64(reader);
    set->archived_duration_ms = read_64(reader);
    uint32_t count = read_count(reader, UINT32_MAX, 100);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct session *session = read_session(reader);
        session_set_restore(reader->memory, set, session);
        if (session->start.ms > session->end.ms ||
            (i > 0 && session_compare(set->rows[i - 1], session) >= 0)) {
            reader->is_bad = true;
        }
    }
}

static void
read_top(struct reader *reader, struct top *top)
{
    uint32_t count = read_count(reader, TOP_COUNT_MAX, 12);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text name = read_text(reader);
        uint64_t number = read_64(reader);
        if (i > 0 && text_compare(top_name(&top->rows[i - 1]), name) >= 0) {
            reader->is_bad = true;
            return;
        }
        top_restore(reader->memory, top, name, number);
    }
}

static void
read_buckets(struct reader *reader, struct bucket_list *list, uint32_t count_max)
{
    uint32_t count = read_count(reader, count_max, 16);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct bucket row = {.index = (int64_t)read_64(reader)};
        row.events = read_32(reader);
        row.sessions = read_32(reader);
        if (i > 0 && list->rows[i - 1].index >= row.index) {
            reader->is_bad = true;
            return;
        }
        buckets_restore(reader->memory, list, row);
    }
}

static void
read_traits(struct reader *reader, struct traits *traits)
{
    uint32_t count = read_count(reader, TRAIT_COUNT_MAX, 24);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text key = read_text(reader);
        struct text value = read_text(reader);
        struct stamp at = read_stamp(reader);
        if (i > 0 && text_compare(traits->rows[i - 1].key, key) >= 0) {
            reader->is_bad = true;
        } else if (!traits_put(reader->memory, traits, key, value, at)) {
            reader->is_bad = true;
        }
    }
}

static void
read_profile(struct reader *reader, struct profile_label *label, struct profile *profile)
{
    if (read_32(reader) != PROFILE_CODEC_VERSION) {
        reader->is_bad = true;
    }
    read_bytes(reader, label->canonical.byte, sizeof(label->canonical.byte));
    label->person = read_32(reader);
    label->tenant_no = read_32(reader);
    profile->first_seen = read_time(reader);
    profile->last_seen = read_time(reader);
    profile->total_events = read_64(reader);
    profile->is_identified = read_bool(reader);
    read_bytes(reader, profile->kinds, sizeof(profile->kinds));
    read_counts(reader, &profile->event_counts, PROFILE_NAME_COUNT_MAX);
    profile->other_count = read_64(reader);
    read_buckets(reader, &profile->buckets.hours, BUCKET_HOURS);
    read_buckets(reader, &profile->buckets.days, BUCKET_DAYS);
    read_top(reader, &profile->top_pages);
    read_top(reader, &profile->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        read_latest(reader, &profile->latest[i]);
    }
    read_traits(reader, &profile->traits);
    read_sessions(reader, &profile->sessions);
    if (reader->left > 0) {
        reader->is_bad = true;
    }
}

int
profile_codec_decode(struct memory *memory, const void *from, uint64_t bytes, struct profile_label *out_label,
                     struct profile **out_profile)
{
    struct reader reader = {.from = from, .left = bytes, .memory = memory};
    struct profile *profile = profile_create(memory);
    struct profile_label label;

    read_profile(&reader, &label, profile);
    if (reader.is_bad) {
        profile_destroy(memory, profile);
        return PROFILE_CODEC_BAD;
    }
    *out_label = label;
    *out_profile = profile;
    return 0;
}

int
profile_codec_decode_session(struct memory *memory, const void *from, uint64_t bytes,
                             struct session **out_session)
{
    struct reader reader = {.from = from, .left = bytes, .memory = memory};
    struct session *session = read_session(&reader);

    if (reader.is_bad || reader.left > 0 || session->start.ms > session->end.ms) {
        session_destroy(memory, session);
        return PROFILE_CODEC_BAD;
    }
    *out_session = session;
    return 0;
}
