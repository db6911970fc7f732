/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * session - one visit: events of a person that are near each other
 *
 * What the semantics says a session has, in a form in which two can be joined: first and latest things carry the
 * stamp of their event. Open, closed and final are predicates on the watermark.
 *
 * Threads  Home shard only.
 * Memory   Region; a session never moves.
 * Limits   SESSION_PAGE_COUNT_MAX pages.
 */

#include "shards/counts.h"
#include "shards/latest.h"
#include "shards/question.h"

#define SESSION_PAGE_COUNT_MAX 100u

/* What decides over sessions; of the settings record that was in force. */
struct session_rules {
    int64_t gap_ms;
    int64_t horizon_ms;
};

struct session_page {
    struct short_text page;
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

    struct session_page *pages; /* by first visit; the earliest */
    uint32_t page_count;
    uint32_t page_capacity;
    struct latest exit_page;
    struct latest latest[SESSION_LATEST_COUNT];
    struct counts event_types;
    uint32_t *sources; /* ascending: persons under whom its events were kept */
    uint32_t source_count;
    uint32_t source_capacity;

    /* Its place in the share of its slice (share.h); none of this belongs to what it is. */
    uint32_t closing_index; /* in the heap of those to be closed; 0: not there */
    bool is_counted_closed; /* in the cube */
    bool is_archived;       /* was final when its person was looked at: nothing changes it any more */
};

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

/* Home. An event will be added soon: the steps of fetching from memory what it touches. */
void session_prefetch(const struct session *session, uint32_t step);
/* Home. With its first event. */
MUST_USE struct session *session_create(struct memory *memory, struct uuid session_id,
                                        const struct applied_event *event);
void session_destroy(struct memory *memory, struct session *session);
/* Home. Start, end and contents; not the revision. */
void session_add_event(struct memory *memory, struct session *session, const struct applied_event *event);
/* Home. All that is in `other` is added, and `other` destroyed; not the revision. */
void session_absorb(struct memory *memory, struct session *session, struct session *other);
/* Home. */
void session_add_source(struct memory *memory, struct session *session, uint32_t person);
bool session_has_source(const struct session *session, uint32_t person);

/* Any shard. < 0 when `a` comes first by (start, session_id). */
int session_compare(const struct session *a, const struct session *b);

/* Any shard. uuid5(tenant_namespace, "session:" + canonical + ":" + opened at). */
struct uuid session_make_id(struct uuid tenant_namespace, struct uuid canonical, struct event_ms opened);
