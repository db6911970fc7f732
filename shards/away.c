/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/away.h"

static uint64_t
bytes_for(uint32_t session_count)
{
    return sizeof(struct away) + (uint64_t)session_count * sizeof(struct away_session);
}

uint64_t
away_bytes(const struct away *away)
{
    return bytes_for(away->session_count);
}

uint64_t
profile_session_count(const struct profile *profile)
{
    return profile->sessions.archived_count + profile->sessions.rows.count;
}

struct away *
away_create(struct memory *memory, const struct profile *profile)
{
    const struct session *rows = session_set_rows(&profile->pack, &profile->sessions);
    uint32_t count = profile->sessions.rows.count;
    struct away *away = memory_take(memory, bytes_for(count));

    *away = (struct away){
        .first_seen = profile->first_seen,
        .last_seen = profile->last_seen,
        .total_events = profile->total_events,
        .total_sessions = profile_session_count(profile),
        .session_count = count,
        .is_identified = profile->is_identified,
    };
    for (uint32_t i = 0; i < count; i++) {
        ASSERT(rows[i].is_entered);
        away->sessions[i] = (struct away_session){
            .start = rows[i].start,
            .end = rows[i].end,
            .is_counted_closed = rows[i].is_counted_closed,
        };
        memcpy(away->sessions[i].code, rows[i].code, sizeof(rows[i].code));
    }
    return away;
}

void
away_destroy(struct memory *memory, struct away *away)
{
    if (away != NULL) {
        memory_put(memory, away, away_bytes(away));
    }
}

bool
away_return(const struct away *away, struct profile *profile)
{
    struct session *rows = session_set_rows(&profile->pack, &profile->sessions);

    if (profile->sessions.rows.count != away->session_count || profile->total_events != away->total_events) {
        return false;
    }
    for (uint32_t i = 0; i < away->session_count; i++) {
        if (rows[i].start.ms != away->sessions[i].start.ms || rows[i].end.ms != away->sessions[i].end.ms) {
            return false;
        }
        rows[i].is_entered = true;
        rows[i].is_counted_closed = away->sessions[i].is_counted_closed;
    }
    return true;
}
