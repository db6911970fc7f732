/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * session - one visit: events of a person that are near each other
 *
 * What the semantics says a session has, in a form in which two can be joined: first and latest things carry the
 * stamp of their event. Open, closed and final are predicates on the watermark.
 *
 * Threads  Home shard only.
 * Memory   In the pack of its person while it can change. Then it is a record of its slice's journal (slice_record.h), and
 *          in a struct session_block while somebody looks at it.
 * Limits   SESSION_PAGE_COUNT_MAX pages.
 */

#include "shards/counts.h"
#include "shards/latest.h"
#include "shards/memory.h"
#include "shards/question.h"

#include <endian.h>

#define SESSION_PAGE_COUNT_MAX 100u

/* What decides over sessions; of the settings record that was in force. */
struct session_rules {
    int64_t gap_ms;
    int64_t horizon_ms;
};

struct session_page {
    struct pack_text page;
    struct stamp first; /* visit */
};

enum session_latest {
    SESSION_DEVICE_TYPE,
    SESSION_BROWSER,
    SESSION_OS,
    SESSION_COUNTRY,
    SESSION_LATEST_COUNT
};

struct session {
    struct uuid session_id;
    uint32_t revision;
    uint32_t person; /* whose it is */
    struct event_ms start;
    struct event_ms end;
    uint64_t event_count;
    struct stamp first;             /* its first event, */
    uint32_t code[DIMENSION_COUNT]; /* and under which values that was counted */

    struct pack_list pages; /* struct session_page, by first visit; the earliest */
    struct counts event_types;
    struct pack_list sources; /* uint32_t, ascending: persons under whom its events were kept */
    struct latest exit_page;
    struct latest latest[SESSION_LATEST_COUNT];

    /* What its share knows of it (share.h); none of this belongs to what it is. */
    bool is_entered;
    bool is_counted_closed; /* in the cube */
    bool is_archived;       /* was final when its person was looked at: nothing changes it any more */
};

/* Where sessions of one start stand: as their IDs, of which the first half decides. They are SHA-1 sums, so two that
   agree in it are not expected once in any customer's life. */
static inline uint64_t
session_key(struct uuid session_id)
{
    uint64_t half;

    memcpy(&half, session_id.byte, sizeof(half));
    return be64toh(half);
}

/* One that is archived, read from its record. */
struct session_block {
    struct pack pack;
    struct session session;
};

/* A session and what it lies in; lent until that changes. */
struct session_at {
    const struct pack *pack;
    const struct session *session; /* NULL: none */
};

/* What a session has of the texts of an event, kept in its pack. */
struct session_texts {
    struct pack_text type;
    struct pack_text page;
    struct pack_text latest[SESSION_LATEST_COUNT];
};

static inline struct session_page *
session_pages(const struct pack *pack, const struct session *session)
{
    return pack_at(pack, session->pages.at);
}

static inline uint32_t *
session_sources(const struct pack *pack, const struct session *session)
{
    return pack_at(pack, session->sources.at);
}

static inline bool
session_is_closed(const struct session *session, struct event_ms watermark, int64_t gap_ms)
{
    return session->is_archived || watermark.ms > session->end.ms + gap_ms;
}

static inline bool
session_is_final(const struct session *session, struct event_ms watermark, struct session_rules rules)
{
    return session->is_archived || watermark.ms > session->end.ms + rules.gap_ms + rules.horizon_ms;
}

static inline int64_t
session_duration_ms(const struct session *session)
{
    return session->end.ms - session->start.ms;
}

/* Home. The session of its first event, with nothing else of it in. */
struct session session_begin(struct uuid session_id, uint32_t person, const struct applied_event *event);
/* Home. Start, end and contents; not the revision. */
void session_add_event(struct pack *pack, struct session *session, const struct applied_event *event,
                       const struct session_texts *texts);
/* Home. All that is in `others` of the same pack is added; not the revision. There is room for an event then. */
void session_absorb(struct pack *pack, struct session *session, const struct session *others, uint32_t count);
/* Home. The bytes that it takes at most to absorb `count` others, and an event. */
uint64_t session_need(const struct session *session, const struct session *others, uint32_t count);
/* Home. */
void session_add_source(struct pack *pack, struct session *session, uint32_t person);
bool session_has_source(struct session_at at, uint32_t person);

/* Home. To a new pack, into which the session was copied. */
void session_move(struct pack *to, struct pack *from, struct session *session);
/* Home. */
void session_block_destroy(struct memory *memory, struct session_block *block);

/* Any shard. < 0 when `a` comes first by (start, session_id). */
int session_compare(const struct session *a, const struct session *b);

/* Any shard. uuid5(tenant_namespace, "session:" + canonical + ":" + opened at). */
struct uuid session_make_id(struct uuid tenant_namespace, struct uuid canonical, struct event_ms opened);
