/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/profile_codec.h"

#include "shards/sort.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

/* What bytes become takes at most so many times their number: rows and texts twice, sessions besides for their rows,
   and a list that is announced and does not come as much as a whole one. */
#define GROWTH_MAX 8u
#define SESSION_BYTES_MIN 120u
static_assert(sizeof(struct session) <= UINT64_C(3) * SESSION_BYTES_MIN, "room for it is counted");

/* What does not fit is counted, and not written. */
struct writer {
    uint8_t *to;
    uint64_t room;
    uint64_t bytes;
};

struct reader {
    const uint8_t *from;
    uint64_t left;
    bool is_bad;
    struct pack *pack; /* with room for all that the bytes can become */
};

static void
write_bytes(struct writer *writer, const void *data, uint64_t bytes)
{
    if (writer->bytes + bytes <= writer->room && bytes > 0) {
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
write_latest(struct writer *writer, const struct pack *pack, const struct latest *latest)
{
    write_text(writer, pack_text(pack, &latest->text));
    if (latest->text.bytes > 0) {
        write_stamp(writer, latest->at);
    }
}

static void
write_counts(struct writer *writer, const struct pack *pack, const struct counts *counts)
{
    const struct counts_row *rows = counts_rows(pack, counts);

    write_32(writer, counts->rows.count);
    for (uint32_t i = 0; i < counts->rows.count; i++) {
        write_text(writer, counts_name(pack, &rows[i]));
        write_64(writer, rows[i].count);
    }
}

static_assert(offsetof(struct profile_codec_session, start) == 24, "as it is written");
static_assert(offsetof(struct profile_codec_session, code) == 64, "as it is written");

static void
write_session(struct writer *writer, const struct pack *pack, const struct session *session)
{
    const struct session_page *pages = session_pages(pack, session);

    write_bytes(writer, session->session_id.byte, sizeof(session->session_id.byte));
    write_32(writer, session->revision);
    write_32(writer, session->person);
    write_64(writer, (uint64_t)session->start.ms);
    write_64(writer, (uint64_t)session->end.ms);
    write_64(writer, session->event_count);
    write_stamp(writer, session->first);
    write_bytes(writer, session->code, sizeof(session->code));
    write_32(writer, session->pages.count);
    for (uint32_t i = 0; i < session->pages.count; i++) {
        write_text(writer, pack_text(pack, &pages[i].page));
        write_stamp(writer, pages[i].first);
    }
    write_latest(writer, pack, &session->exit_page);
    for (uint32_t i = 0; i < SESSION_LATEST_COUNT; i++) {
        write_latest(writer, pack, &session->latest[i]);
    }
    write_counts(writer, pack, &session->event_types);
    write_32(writer, session->sources.count);
    write_bytes(writer, session_sources(pack, session), session->sources.count * sizeof(uint32_t));
}

/* A row of a top, to be ordered by its name. */
struct named {
    struct text name;
    uint64_t count;
};

static int
compare_names(const void *a, const void *b)
{
    const struct named *named_a = a;
    const struct named *named_b = b;

    return text_compare(named_a->name, named_b->name);
}

static void
write_top(struct writer *writer, const struct pack *pack, const struct top *top)
{
    struct named named[TOP_COUNT_MAX];
    const struct top_row *rows = top_rows(pack, top);
    uint32_t count = top->rows.count;

    ASSERT(count <= TOP_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        named[i] = (struct named){.name = top_name(pack, &rows[i]), .count = rows[i].count};
    }
    if (writer->to != NULL) {
        sort_items(named, count, sizeof(named[0]), compare_names);
    }
    write_32(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        write_text(writer, named[i].name);
        write_64(writer, named[i].count);
    }
}

static void
write_buckets(struct writer *writer, const struct pack *pack, const struct pack_list *list)
{
    const struct bucket *rows = buckets_rows(pack, list);

    write_32(writer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        write_64(writer, (uint64_t)rows[i].index);
        write_32(writer, rows[i].events);
        write_32(writer, rows[i].sessions);
    }
}

static void
write_traits(struct writer *writer, const struct pack *pack, const struct traits *traits)
{
    const struct trait *rows = traits_rows(pack, traits);

    write_32(writer, traits->rows.count);
    for (uint32_t i = 0; i < traits->rows.count; i++) {
        write_text(writer, pack_text(pack, &rows[i].key));
        write_text(writer, pack_text(pack, &rows[i].value));
        write_stamp(writer, rows[i].at);
    }
}

static void
write_profile(struct writer *writer, const struct profile *profile, struct profile_label label)
{
    const struct pack *pack = &profile->pack;
    const struct session *sessions = session_set_rows(pack, &profile->sessions);

    write_32(writer, PROFILE_CODEC_VERSION);
    write_bytes(writer, label.canonical.byte, sizeof(label.canonical.byte));
    write_32(writer, label.person);
    write_32(writer, label.tenant_no);
    write_64(writer, (uint64_t)profile->first_seen.ms);
    write_64(writer, (uint64_t)profile->last_seen.ms);
    write_64(writer, profile->total_events);
    write_32(writer, profile->is_identified ? 1 : 0);
    write_bytes(writer, profile->kinds, sizeof(profile->kinds));
    write_counts(writer, pack, &profile->event_counts);
    write_64(writer, profile->other_count);
    write_buckets(writer, pack, &profile->buckets.hours);
    write_buckets(writer, pack, &profile->buckets.days);
    write_top(writer, pack, &profile->top_pages);
    write_top(writer, pack, &profile->top_features);
    for (uint32_t i = 0; i < PROFILE_LATEST_COUNT; i++) {
        write_latest(writer, pack, &profile->latest[i]);
    }
    write_traits(writer, pack, &profile->traits);
    write_64(writer, profile->sessions.archived_count);
    write_64(writer, profile->sessions.archived_duration_ms);
    write_32(writer, profile->sessions.rows.count);
    for (uint32_t i = 0; i < profile->sessions.rows.count; i++) {
        write_session(writer, pack, &sessions[i]);
    }
}

uint64_t
profile_codec_bytes(const struct profile *profile)
{
    struct writer writer = {0};

    write_profile(&writer, profile, (struct profile_label){0});
    return writer.bytes;
}

uint64_t
profile_codec_encode(const struct profile *profile, struct profile_label label, void *to, uint64_t room)
{
    struct writer writer = {.to = to, .room = room};

    write_profile(&writer, profile, label);
    return writer.bytes;
}

uint64_t
profile_codec_session_bytes(struct session_at at)
{
    struct writer writer = {0};

    write_session(&writer, at.pack, at.session);
    return writer.bytes;
}

void
profile_codec_encode_session(struct session_at at, void *to)
{
    struct writer writer = {.to = to, .room = UINT64_MAX};

    write_session(&writer, at.pack, at.session);
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
        *latest = (struct latest){.text = pack_keep(reader->pack, text), .at = read_stamp(reader)};
    }
}

/* Room for as many rows as there are to come. */
static uint32_t
read_list(struct reader *reader, struct pack_list *list, uint32_t count_max, uint32_t item_bytes,
          uint32_t row_bytes)
{
    uint32_t count = read_count(reader, count_max, item_bytes);

    pack_list_reserve(reader->pack, list, count, row_bytes);
    return count;
}

static void
read_counts(struct reader *reader, struct counts *counts, uint32_t count_max)
{
    uint32_t count = read_list(reader, &counts->rows, count_max, 12, sizeof(struct counts_row));
    const struct counts_row *rows = counts_rows(reader->pack, counts);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text name = read_text(reader);
        if (i > 0 && text_compare(counts_name(reader->pack, &rows[i - 1]), name) >= 0) {
            reader->is_bad = true;
            return;
        }
        struct pack_text kept = pack_keep(reader->pack, name);
        counts_add(reader->pack, counts, &kept, read_64(reader));
    }
}

static void
read_pages(struct reader *reader, struct session *session)
{
    uint32_t count =
        read_list(reader, &session->pages, SESSION_PAGE_COUNT_MAX, 20, sizeof(struct session_page));
    struct session_page *pages = session_pages(reader->pack, session);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text page = read_text(reader);
        struct stamp first = read_stamp(reader);
        if (i > 0 && !stamp_is_after(first, pages[i - 1].first)) {
            reader->is_bad = true;
            return;
        }
        pages[i] = (struct session_page){.page = pack_keep(reader->pack, page), .first = first};
        session->pages.count++;
    }
}

static void
read_session(struct reader *reader, struct session *session)
{
    *session = (struct session){0};
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
    uint32_t source_count =
        read_list(reader, &session->sources, UINT32_MAX, sizeof(uint32_t), sizeof(uint32_t));

    for (uint32_t i = 0; i < source_count; i++) {
        session_add_source(reader->pack, session, read_32(reader));
    }
}

static void
read_sessions(struct reader *reader, struct session_set *set)
{
    set->archived_count = read_64(reader);
    set->archived_duration_ms = read_64(reader);
    uint32_t count = read_list(reader, &set->rows, UINT32_MAX, SESSION_BYTES_MIN, sizeof(struct session));
    struct session *rows = session_set_rows(reader->pack, set);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        read_session(reader, &rows[i]);
        set->rows.count++;
        if (rows[i].start.ms > rows[i].end.ms || (i > 0 && session_compare(&rows[i - 1], &rows[i]) >= 0)) {
            reader->is_bad = true;
        }
    }
}

static void
read_top(struct reader *reader, struct top *top)
{
    uint32_t count = read_list(reader, &top->rows, TOP_COUNT_MAX, 12, sizeof(struct top_row));
    const struct top_row *rows = top_rows(reader->pack, top);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text name = read_text(reader);
        uint64_t number = read_64(reader);
        if (i > 0 && text_compare(top_name(reader->pack, &rows[i - 1]), name) >= 0) {
            reader->is_bad = true;
            return;
        }
        top_restore(reader->pack, top, name, number);
    }
}

static void
read_buckets(struct reader *reader, struct pack_list *list, uint32_t count_max)
{
    uint32_t count = read_list(reader, list, count_max, 16, sizeof(struct bucket));
    const struct bucket *rows = buckets_rows(reader->pack, list);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct bucket row = {.index = (int64_t)read_64(reader)};
        row.events = read_32(reader);
        row.sessions = read_32(reader);
        if (i > 0 && rows[i - 1].index >= row.index) {
            reader->is_bad = true;
            return;
        }
        buckets_restore(reader->pack, list, row);
    }
}

static void
read_traits(struct reader *reader, struct traits *traits)
{
    uint32_t count = read_list(reader, &traits->rows, TRAIT_COUNT_MAX, 24, sizeof(struct trait));
    const struct trait *rows = traits_rows(reader->pack, traits);

    for (uint32_t i = 0; i < count && !reader->is_bad; i++) {
        struct text key = read_text(reader);
        struct text value = read_text(reader);
        struct stamp at = read_stamp(reader);
        if (i > 0 && text_compare(pack_text(reader->pack, &rows[i - 1].key), key) >= 0) {
            reader->is_bad = true;
        } else if (!traits_put(reader->pack, traits, key, value, at)) {
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
    struct profile *profile = profile_create(memory, bytes * GROWTH_MAX);
    struct reader reader = {.from = from, .left = bytes, .pack = &profile->pack};
    struct profile_label label;

    read_profile(&reader, &label, profile);
    if (!reader.is_bad) {
        *out_label = label;
        *out_profile = profile_renew(memory, profile, 0);
    }
    profile_destroy(memory, profile);
    return reader.is_bad ? PROFILE_CODEC_BAD : 0;
}

int
profile_codec_decode_session(struct memory *memory, const void *from, uint64_t bytes,
                             struct session_block **out_session)
{
    uint64_t capacity = sizeof(struct session_block) + bytes * GROWTH_MAX;
    struct session_block *block = memory_take(memory, capacity);
    struct reader reader = {.from = from, .left = bytes, .pack = &block->pack};

    block->pack = (struct pack){.capacity = (uint32_t)capacity, .used = sizeof(*block)};
    read_session(&reader, &block->session);
    if (reader.is_bad || reader.left > 0 || block->session.start.ms > block->session.end.ms) {
        session_block_destroy(memory, block);
        return PROFILE_CODEC_BAD;
    }
    block->session.is_archived = true;
    *out_session = block;
    return 0;
}
