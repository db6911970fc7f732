/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/away.h"

/*
 * A number takes 7 bits a byte, the last ones first; all but its last byte have the highest bit set. One that may be
 * less than 0 has its sign in the last bit. There is one of these for everybody who is not in memory: so times are told
 * by how far they are from the last one.
 *
 *   session_count * 2 + is_identified, last_seen (signed), last_seen - first_seen, total_events, total_sessions
 *   of each session: is_counted_closed, last_seen - end (signed), end - start, codes
 */

static uint64_t
fold_sign(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t
unfold_sign(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

struct writer {
    uint8_t *to; /* NULL: only counts */
    uint64_t bytes;
};

static void
put_byte(struct writer *writer, uint8_t byte)
{
    if (writer->to != NULL) {
        writer->to[writer->bytes] = byte;
    }
    writer->bytes++;
}

static void
put(struct writer *writer, uint64_t value)
{
    while (value >= 0x80) {
        put_byte(writer, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    put_byte(writer, (uint8_t)value);
}

static uint64_t
get(uint8_t **at)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte;

    do {
        byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80);
    return value;
}

uint64_t
profile_session_count(const struct profile *profile)
{
    return profile->sessions.archived_count + profile->sessions.rows.count;
}

static uint64_t
encode(const struct profile *profile, uint8_t *to)
{
    const struct session *rows = session_set_rows(&profile->pack, &profile->sessions);
    const uint32_t count = profile->sessions.rows.count;
    const int64_t last_seen = profile->last_seen.ms;
    struct writer writer = {.to = to};

    put(&writer, (uint64_t)count << 1 | profile->is_identified);
    put(&writer, fold_sign(last_seen));
    put(&writer, (uint64_t)(last_seen - profile->first_seen.ms));
    put(&writer, profile->total_events);
    put(&writer, profile_session_count(profile));
    for (uint32_t i = 0; i < count; i++) {
        ASSERT(rows[i].is_entered);
        put_byte(&writer, rows[i].is_counted_closed);
        put(&writer, fold_sign(last_seen - rows[i].end.ms));
        put(&writer, (uint64_t)(rows[i].end.ms - rows[i].start.ms));
        for (uint32_t k = 0; k < DIMENSION_COUNT; k++) {
            put(&writer, rows[i].code[k]);
        }
    }
    return writer.bytes;
}

struct away *
away_create(struct memory *memory, const struct profile *profile)
{
    uint8_t *piece = memory_take(memory, encode(profile, NULL));

    (void)encode(profile, piece);
    return (struct away *)piece;
}

struct away_summary
away_read(struct away *away, struct away_reader *out_reader)
{
    uint8_t *at = (uint8_t *)away;
    uint64_t head = get(&at);
    struct away_summary summary = {
        .session_count = (uint32_t)(head >> 1),
        .is_identified = (head & 1) != 0,
        .last_seen = {.ms = unfold_sign(get(&at))},
    };

    summary.first_seen.ms = summary.last_seen.ms - (int64_t)get(&at);
    summary.total_events = get(&at);
    summary.total_sessions = get(&at);
    *out_reader =
        (struct away_reader){.at = at, .left = summary.session_count, .last_seen = summary.last_seen};
    return summary;
}

bool
away_next(struct away_reader *reader, struct known_session *out_session)
{
    if (reader->left == 0) {
        return false;
    }
    reader->left--;
    out_session->is_counted_closed = (bool *)reader->at++;
    out_session->end.ms = reader->last_seen.ms - unfold_sign(get(&reader->at));
    out_session->start.ms = out_session->end.ms - (int64_t)get(&reader->at);
    for (uint32_t k = 0; k < DIMENSION_COUNT; k++) {
        out_session->code[k] = (uint32_t)get(&reader->at);
    }
    return true;
}

uint64_t
away_bytes(struct away *away)
{
    struct known_session session;
    struct away_reader reader;

    (void)away_read(away, &reader);
    while (away_next(&reader, &session)) {
    }
    return (uint64_t)(reader.at - (uint8_t *)away);
}

void
away_destroy(struct memory *memory, struct away *away)
{
    if (away != NULL) {
        memory_put(memory, away, away_bytes(away));
    }
}

bool
away_return(struct away *away, struct profile *profile)
{
    struct session *rows = session_set_rows(&profile->pack, &profile->sessions);
    struct known_session session;
    struct away_reader reader;
    struct away_summary summary = away_read(away, &reader);

    if (profile->sessions.rows.count != summary.session_count ||
        profile->total_events != summary.total_events) {
        return false;
    }
    for (uint32_t i = 0; away_next(&reader, &session); i++) {
        if (rows[i].start.ms != session.start.ms || rows[i].end.ms != session.end.ms) {
            return false;
        }
        rows[i].is_entered = true;
        rows[i].is_counted_closed = *session.is_counted_closed;
    }
    return true;
}
