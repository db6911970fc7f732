/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * question - what a query asks of a partition's sequencer or of a slice's keeper
 *
 * A coordinator fills a question, sends it (scatter.h), and reads the answer when it comes back. Questions to
 * slices carry a `reading`: the tenant's durable position and watermark, stamped by its sequencer, which is
 * asked first. A slice answers once it has applied that position; it may be further.
 *
 * Threads  The coordinator's until it is sent and after it came back; the answering shard's in between.
 * Memory   Arguments live in the coordinator's arena. Answers live in `arena`, which the answering shard opens
 *          from its own pool; they are lent to the coordinator until it releases the question.
 * Errors   `fault`: 0, or -E2BIG (the answer does not fit the arena), -ENOMEM (nor would another one now: all answers
 *          together have no more memory), -ESTALE (people were merged in the
 *          meantime: begin again), -EAGAIN (starting), -ETIMEDOUT (nobody wants the answer any more).
 */

#include "core/arena.h"
#include "shards/message.h"

enum question_kind {
    /* To a partition. */
    QUESTION_TENANTS,
    QUESTION_STAMP,
    QUESTION_RESOLVE,
    QUESTION_PEOPLE,
    QUESTION_MERGES,
    QUESTION_CODES,
    QUESTION_USERS,
    /* To a slice. */
    QUESTION_PROFILE,
    QUESTION_PROFILES,
    QUESTION_EVENTS,
    QUESTION_EVENT,
    QUESTION_SESSIONS,
    QUESTION_EVENT_SESSION,
    QUESTION_CUBE,
    QUESTION_OPEN_SESSIONS,
};

/* At which point of a tenant's history an answer is given. */
struct reading {
    bool is_known; /* false: the tenant has no accepted event */
    uint16_t partition;
    uint32_t tenant_no;
    uint64_t position;         /* NO_POSITION when nothing is in the partition's log */
    struct event_ms watermark; /* NO_WATERMARK before its first event */
    struct wall_ms wall;       /* of the block it was seen from */
};

struct question {
    enum question_kind kind;
    uint16_t target; /* partition or slice number */
    struct reading reading;
    int fault;
    struct arena arena;       /* of the answer; the answering shard's */
    struct question *sibling; /* the next of one message; the coordinator's */
    struct question *next;    /* in the answering shard's lists */
    struct subquery *subquery;
    uint64_t resume[4]; /* where a long scan goes on; the answering shard's, zero at first */
    void *resume_pointer;

    union {
        struct {
            struct text tenant_id;
            /* Values to look up in the dictionaries (for `where`): code CODE_UNKNOWN when never seen. */
            struct dimension_value *values;
            uint32_t value_count;
        } stamp;
        struct {
            struct text tenant_id;
            enum { RESOLVE_CANONICAL, RESOLVE_USER, RESOLVE_ANONYMOUS } by;
            struct text value; /* canonical: 36 characters */
        } resolve;
        struct {
            const uint32_t *persons;
            uint32_t count;
        } people;
        struct {
            uint32_t count_max;
            uint64_t before; /* only merges with a lesser ordinal; UINT64_MAX for all */
        } merges;
        struct {
            enum dimension dimension;
            const uint32_t *codes;
            uint32_t count;
        } codes;
        struct {
            const struct person_set *sets;
            uint32_t count;
        } users;
        struct {
            struct uuid canonical;
            uint32_t with; /* PROFILE_WITH_... */
        } profile;
        struct profile_scan *profiles;
        struct event_scan *events;
        struct {
            struct text event_id;
            uint32_t texts; /* wanted of it: bits 1 << enum event_text */
        } event;
        struct session_scan *sessions;
        struct {
            const struct member *members; /* winner and all merged into it */
            uint32_t member_count;
            uint32_t person; /* that the event was kept under */
            struct event_ms event_time;
            uint32_t with; /* SESSION_WITH_... */
        } event_session;
        struct cube_scan *cube;
    } ask;

    union {
        const struct tenants_answer *tenants;
        const struct stamp_answer *stamp;
        const struct resolve_answer *resolve;
        const struct people_answer *people;
        const struct merges_answer *merges;
        const struct text *codes; /* [ask.codes.count] */
        const uint64_t *users;    /* [ask.users.count] distinct living people, merged ones counted once */
        const struct profile_answer *profile;
        const struct profiles_answer *profiles;
        const struct events_answer *events; /* EVENTS and EVENT */
        /* SESSIONS and EVENT_SESSION (at most one; when several slices have one, the right one ends first) */
        const struct sessions_answer *sessions;
        const struct cube_answer *cube;
        uint64_t open_sessions;
    } answer;
};

#define CODE_UNKNOWN UINT32_MAX

struct dimension_value {
    enum dimension dimension;
    bool is_missing; /* equals: null */
    struct text equals;
    /* Answered. */
    uint32_t code;
    bool is_unseen; /* no event has it: of CODE_UNKNOWN some may, under CODE_OTHER */
};

struct tenant_row {
    struct text tenant_id;
    struct reading reading;
    uint64_t total_events;
    uint64_t total_profiles; /* living canonicals */
};

struct tenants_answer {
    const struct tenant_row *rows;
    uint32_t count;
};

struct stamp_answer {
    struct tenant_row row;
    int64_t out_of_orderness_ms;
};

/* A canonical as history knows it. */
struct member {
    uint32_t person;
    uint16_t slice;
    struct uuid canonical;
};

struct resolve_answer {
    struct reading reading;
    bool is_known; /* the person */
    struct member winner;
    bool has_owner;
    struct text owner;
    const struct text *user_ids; /* in the order in which they were linked */
    uint32_t user_id_count;
    const struct text *anonymous_ids;
    uint32_t anonymous_id_count;
    uint32_t
        merge_count; /* of the tenant so far: of two answers with the same one, neither is before the other */
    /* All that were ever merged into it, oldest merge first; then the winner itself last. */
    const struct member *members;
    uint32_t member_count;
};

struct people_answer {
    const struct member *winners; /* [ask.people.count] who each is now */
};

struct merge_row {
    struct uuid loser;
    struct uuid winner;
    struct event_ms event_time;
    uint64_t ordinal; /* the how-manieth merge of its tenant, from 0 */
};

struct merges_answer {
    const struct merge_row *rows; /* newest first */
    uint32_t count;
};

struct person_set {
    const uint32_t *persons; /* in any order, may repeat */
    uint64_t count;
};

struct text_count {
    struct text key;
    uint64_t count;
};

/* What of a session may be long is in its row when it was asked for. */
#define SESSION_WITH_PAGES (1u << 0)
#define SESSION_WITH_ENTRY_PAGE (1u << 1)
#define SESSION_WITH_EXIT_PAGE (1u << 2)
#define SESSION_WITH_EVENT_TYPES (1u << 3)
#define SESSION_WITH_SOURCES (1u << 4)

struct session_row {
    struct uuid session_id;
    uint32_t revision;
    uint32_t person; /* whose it is (as kept); QUESTION_PEOPLE tells who that is now */
    bool is_open;
    struct event_ms start;
    struct event_ms end;
    uint64_t event_count;
    const struct text *pages;
    uint32_t page_count;
    struct text entry_page; /* bytes 0: none */
    struct text exit_page;
    const struct text_count *event_types; /* by count desc, then name */
    uint32_t event_type_count;
    struct text device_type;
    struct text browser;
    struct text os;
    struct text country;
    const uint32_t *sources; /* persons under whom its events were kept */
    uint32_t source_count;
};

struct sessions_answer {
    const struct session_row *rows; /* latest start first, of equals the greater id first */
    uint32_t count;
    bool has_more; /* there may be some behind the last one */
};

#define WINDOW_COUNT 4u /* 1, 7, 30, 90 days */
#define BUCKET_HOURS 25u
#define BUCKET_DAYS 91u

struct bucket {
    int64_t index; /* hour or day number since the epoch */
    uint32_t events;
    uint32_t sessions;
};

struct trait_row {
    struct text key;
    struct text value; /* JSON */
};

/* The same of a profile. */
#define PROFILE_WITH_BUCKETS (1u << 0)
#define PROFILE_WITH_EVENT_COUNTS (1u << 1)
#define PROFILE_WITH_TOP_PAGES (1u << 2)
#define PROFILE_WITH_TOP_FEATURES (1u << 3)
#define PROFILE_WITH_TRAITS (1u << 4)
#define PROFILE_WITH_CURRENT_SESSION (1u << 5)
#define PROFILE_WITH_SESSION_SHIFT 8 /* and SESSION_WITH_... of that, so far to the left */

struct profile_answer {
    bool is_known;
    struct event_ms first_seen;
    struct event_ms last_seen;
    uint64_t total_events;
    uint64_t total_sessions;
    uint64_t closed_sessions;
    uint64_t closed_duration_ms;
    /* Those kept: hours from H(last_seen) - 24, days from D(last_seen) - 90; ascending. Windows are summed by the asker. */
    const struct bucket *hours;
    uint32_t hour_count;
    const struct bucket *days;
    uint32_t day_count;
    const struct session_row *current_session; /* NULL: none */
    const struct text_count *event_counts;     /* by count desc, then name; "other" included */
    uint32_t event_count_count;
    uint64_t page_views;
    uint64_t clicks;
    uint64_t signups;
    uint64_t logins;
    uint64_t feature_uses;
    const struct text_count *top_pages;
    uint32_t top_page_count;
    const struct text_count *top_features;
    uint32_t top_feature_count;
    struct text last_page;
    struct text last_country;
    struct text last_device;
    struct text last_browser;
    struct text last_os;
    const struct trait_row *traits; /* by key; removed ones left out */
    uint32_t trait_count;
};

struct event_row {
    uint64_t position;
    uint32_t person; /* as kept */
    bool is_late;
    bool is_in_session;
    const struct event_record *record; /* a copy in the answer's arena, with the texts that were asked for */
};

struct events_answer {
    const struct event_row *rows; /* newest event_time first, of equals the greater position first */
    uint32_t count;
    bool has_more; /* there may be some behind the last one */
};

enum tri {
    TRI_ANY,
    TRI_NO,
    TRI_YES,
};

/* A place in the order of events or sessions; rows strictly behind it are wanted. */
struct event_place {
    struct event_ms event_time;
    uint64_t position;
};
struct session_place {
    struct event_ms start;
    struct uuid session_id;
};

struct event_scan {
    const struct member *members; /* only events kept under these; NULL: the whole tenant */
    uint32_t member_count;
    struct text event_type; /* bytes 0: any */
    struct text device_type;
    struct text country;
    struct event_ms from; /* inclusive; INT64_MIN */
    struct event_ms to;   /* exclusive; INT64_MAX */
    enum tri late;
    bool only_in_session;
    bool has_after;
    struct event_place after;
    uint32_t texts;     /* wanted of each: bits 1 << enum event_text */
    uint32_t count_max; /* rows wanted of each slice, */
    uint64_t bytes_max; /* unless they take so much before; one row always fits */
};

/* The greatest value first, of equals the greater canonical. */
enum profile_order {
    PROFILE_ORDER_LAST_SEEN,
    PROFILE_ORDER_FIRST_SEEN,
    PROFILE_ORDER_TOTAL_EVENTS,
    PROFILE_ORDER_TOTAL_SESSIONS,
};

struct profile_place {
    int64_t value; /* of the order: milliseconds or a count */
    struct uuid canonical;
};

/* Any thread. Whether `a` comes before `b`. */
static inline bool
profile_place_precedes(const struct profile_place *a, const struct profile_place *b)
{
    if (a->value != b->value) {
        return a->value > b->value;
    }
    return memcmp(a->canonical.byte, b->canonical.byte, sizeof(a->canonical.byte)) > 0;
}

struct profile_scan {
    enum profile_order order;
    struct text country;       /* the last one; bytes 0: any */
    struct text device_type;   /* the last one; bytes 0: any */
    struct event_ms seen_from; /* of last_seen; inclusive */
    struct event_ms seen_to;   /* exclusive */
    enum tri identified;       /* has a user ID */
    bool has_after;
    struct profile_place after;
    uint32_t count_max;
};

/* Where people stood when they were looked at; what they have is asked for by QUESTION_PROFILE. */
struct profiles_answer {
    const struct profile_place *rows;
    uint32_t count;
    bool has_previous; /* some that pass the filter are not behind `after` */
    uint64_t total;    /* how many pass the filter, here and elsewhere in the order */
};

struct session_scan {
    /* NULL: the whole tenant. Winner and all merged into it: live ones lie with the winner. */
    const struct member *members;
    uint32_t member_count;
    enum tri open;
    struct event_ms from; /* of the start; inclusive */
    struct event_ms to;   /* exclusive */
    bool has_after;
    struct session_place after;
    uint32_t with;      /* SESSION_WITH_... */
    uint32_t count_max; /* as of events */
    uint64_t bytes_max;
};

struct code_filter {
    enum dimension dimension;
    uint32_t code; /* the same dimension ORed, different ones ANDed */
};

struct cube_scan {
    struct event_ms from; /* inclusive; whole minutes or hours */
    struct event_ms to;   /* exclusive */
    /* 0: one bucket for the whole range; MS_PER_HOUR, MS_PER_DAY; 60 000: reads the event store. */
    int64_t bucket_ms;
    bool reads_events; /* the event store whatever the buckets are: from and to need not be whole hours */
    bool has_dimension;
    enum dimension dimension;
    /* Rows of other codes than these, ascending, are one: CODE_OTHER. Without it every code has rows. */
    bool has_codes;
    const uint32_t *codes;
    uint32_t code_count;
    const struct code_filter *filters;
    uint32_t filter_count;
    bool wants_users;
    bool wants_sessions;
};

struct cube_row {
    uint32_t bucket; /* index from `from` */
    uint32_t code;   /* CODE_NONE without a dimension */
    uint64_t events;
    uint64_t sessions; /* closed ones and those open now, by start */
    uint64_t closed_sessions;
    uint64_t closed_duration_ms;
    struct person_set users; /* sorted, each once; empty unless wanted */
};

struct cube_answer {
    const struct cube_row *rows; /* those that are not zero, by (bucket, code) */
    uint32_t count;
};
