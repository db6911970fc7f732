/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keeper_state - what the files of the keeper share
 *
 * keeper.c runs the step: lanes, partitions, rounds. keeper_prefetch.c fetches what messages will touch from memory.
 * keeper_wait.c holds what waits for a key. keeper_people.c lets profiles leave memory and come back, keeper_orders.c the
 * older parts of orders. keeper_apply.c
 * applies a job to a person. keeper_answer.c, keeper_events.c, keeper_sessions.c, keeper_cube.c and keeper_profiles.c
 * answer questions.
 * keeper_save.c is a slice as a part of a checkpoint, keeper_restore.c makes one from its records.
 *
 *   lane -> job -> its key waits?  yes -> appended to the key's queue
 *                                  no  -> look-up: found -> applied
 *                                                  later -> a queue for the key, LOADING
 *   TAKE without its hand-over, GIVE without room on the lane: the job stays at the head of its key's queue
 *
 * Threads  Home shard only. For keeper*.c alone.
 */

#include "core/table.h"
#include "shards/keeper.h"
#include "shards/profile.h"
#include "shards/recall.h"
#include "shards/scan.h"
#include "shards/scatter.h"
#include "shards/slice_state.h"

enum job_kind {
    JOB_EVENT,
    JOB_TAKE,
    JOB_GIVE,
    JOB_QUESTION,
};

enum job_answer {
    JOB_DONE,
    JOB_BLOCKED, /* nothing happened; it stays at the head of its key's queue */
};

struct asked;

/* A message for a key, or a question for one. */
struct job {
    enum job_kind kind;
    uint16_t slice;
    uint16_t partition;
    uint16_t source; /* shard whose apply lane it came on */
    uint64_t position;
    struct session_rules rules; /* in force where it stands in the log */
    const struct applied_event *event;
    const struct applied_merge *merge;
    struct asked *asked;
    struct person *known; /* whose it is, when that is known already; until the job waits */
};

/* A job that waits, with a copy of its payload behind it. */
struct waiting {
    struct waiting *next;           /* of its key, in order */
    struct waiting *partition_next; /* unfinished ones of its partition, in log order */
    struct waiting *partition_previous;
    uint64_t bytes;
    struct job job;
};

struct key_queue {
    struct store_key key;
    struct keeper *keeper;
    struct store_waiter waiter;
    struct person *person;        /* NULL: there is none. Known once it is not loading. */
    struct log_store_waiter cold; /* for the person's profile */
    bool is_pinning;              /* the person, whose profile came from disk for this queue */
    struct waiting *first;
    struct waiting *last;
    struct key_queue *next; /* of the list it is on */
    uint16_t slice;
    bool is_loading;
    bool is_listed; /* to be run, or waiting for room on a hand-over lane */
};

/* A loser's profile that has arrived; by the loser, who is merged only once. */
struct handover {
    struct store_key loser;
    struct profile *profile;
};

/* A hand-over on its way; its label and the profile follow. */
struct outgoing {
    struct outgoing *next;
    uint64_t lane_index; /* free when lane_passed() is beyond it */
    uint64_t bytes;      /* of all of it */
};

struct outbox {
    struct outgoing *first;
    struct outgoing *last;
};

struct source {
    uint32_t wait_count;
    uint64_t wait_bytes;
};

struct keeper_tenant {
    bool is_known;
    bool has_clock;
    struct event_ms watermark; /* greatest seen */
    struct tenant_clock clock;
    /* Merges at positions below have moved people out of or into this shard; 0: none. */
    uint64_t merged_until;
    struct text name;
    struct uuid namespace;
    struct share **shares; /* [slice_count] */
};

struct asked_list {
    struct asked *first;
    struct asked *last;
};

struct keeper_partition {
    struct session_rules rules;
    int64_t out_of_orderness_ms;
    struct wall_ms wall;
    uint64_t sent_count; /* positions below were sent to us */
    struct waiting *unfinished_first;
    struct waiting *unfinished_last;
    struct asked_list asked; /* not reached yet; by position of their reading */
    struct table tenants;    /* struct keeper_tenant by tenant_no */
};

/* A question while we work on it. */
struct asked {
    struct question *question;
    struct asked *next; /* of its message, or of those that wait for a position */
    struct asked *previous;
    struct scan *scan;   /* in the question's arena */
    void *rows;          /* likewise */
    uint64_t bytes_seen; /* of that arena, when the clock was looked at */
    uint32_t row_count;
    uint32_t row_capacity;
    struct cube_work *cube_work;
    struct profiles_work *profiles_work; /* in the question's arena */
    struct log_store_waiter waiter;      /* while what it needs is read: STEP_LATER */
    bool may_recall;                     /* one of KEEPER_RECALL_COUNT_MAX */
    struct person *awaited;              /* whose profile that is: pinned until the next piece has run */
    struct recall *recall;               /* records of the journal that were read for it */
    struct order_entry *stretch;         /* that was given to its scan; NULL: none */
    struct slice_parts parts;            /* of the long session it looks at */
    struct history_search search;        /* for an event's ID; */
    uint64_t candidate;                  /* the event to look at next, 0: the search goes on; */
    uint64_t best;                       /* and that of the newest one so far; 0: none */
    uint64_t best_position;
    uint64_t
        archived_count; /* of an event's session: of all members, when it was sought; `best` is its address, */
    struct event_ms best_end; /* and it ends then */
    bool is_searching;
};

/* What a checkpoint that is under way still has to write of a slice. */
struct slice_save {
    uint32_t writing;                   /* what kind of item is next; 0: nothing yet */
    uint64_t written;                   /* of that kind: items, or bytes */
    struct slice_partition *partitions; /* [partition_count] */
    struct slice_tenant *tenants;
    uint32_t tenant_count;
    void *people; /* descriptions of the stores */
    void *journal;
    uint64_t people_bytes;
    uint64_t journal_bytes;
};

struct keeper_slice {
    struct keeper *keeper;
    uint16_t number;
    struct share *shares; /* by slice_next */
    uint32_t share_count;
    struct slice_state state;
    struct history history;
    struct slice_save save;
};

struct keeper {
    uint32_t magic;
    bool is_paused; /* for a checkpoint */
    struct keeper_options options;
    struct memory memory;
    uint64_t seed[2];
    struct hash_key id_key; /* of event IDs */
    struct keeper_partition *partitions;
    struct store *persons;       /* [slice_count], struct person by canonical; those of our slices */
    struct keeper_slice *slices; /* [slice_count]; those that are ours are open */
    struct source *sources;      /* [shard_count] */
    struct outbox *outboxes;
    uint32_t outgoing_count;

    struct store queues; /* struct key_queue */
    struct key_queue *spare;
    struct key_queue *ready_first;
    struct key_queue *ready_last;
    struct key_queue *giving; /* wait for room on a hand-over lane */
    struct store handovers;

    struct run_queue tasks;       /* messages with questions that can be answered */
    uint32_t asked_count;         /* questions that are unanswered */
    uint32_t asked_waiting_count; /* of those, in lists of partitions */
    uint32_t recall_count;        /* of those, that may hold records of journals; */
    struct asked_list recalling;  /* and that will, when one of these has ended */

    /* People whose profiles are in memory, in no order. The hand goes round: who was not used since it came by leaves. */
    struct person **residents;
    uint32_t resident_count;
    uint32_t resident_capacity;
    uint32_t hand;
    uint64_t people_bytes; /* of their profiles */
    uint64_t people_bytes_max;
    uint64_t order_chunks; /* of tenants' events, but for each order's last one */
    uint64_t order_bytes_max;
    struct share *shelving; /* the share to look at next; NULL: the first one */
    uint64_t people_left;   /* as in keeper_counts */
    uint64_t people_read;

    struct cube_queue cube_queue; /* of all shares */
    struct share *shares;         /* all */
    struct share *round;          /* where the closing round goes on; NULL: none is running */
    bool wants_round;             /* the clock moved since it began */
    uint64_t round_event_count;   /* events there were when it began */
    uint64_t profile_count;
    uint64_t event_count;
};

/* keeper.c */

/* The tenant, noted when it is new. */
struct keeper_tenant *keeper_tenant(struct keeper *keeper, uint16_t partition, uint32_t tenant_no);
/* NULL when it is not known here. */
struct keeper_tenant *keeper_known_tenant(const struct keeper *keeper, uint16_t partition,
                                          uint32_t tenant_no);
/* The greatest watermark that any of event, PROGRESS and question has told. */
struct event_ms keeper_watermark(const struct keeper_partition *partition,
                                 const struct keeper_tenant *tenant);
void keeper_raise(struct keeper_tenant *tenant, struct event_ms watermark);
/* The share of a slice in a tenant, made when it is not there. */
struct share *keeper_share(struct keeper *keeper, uint16_t partition, uint32_t tenant_no, uint16_t slice);
/* Positions below are applied. */
uint64_t keeper_applied_count(const struct keeper_partition *partition);

/* keeper_prefetch.c */

#define KEEPER_BATCH_COUNT 64u
#define KEEPER_STEP_COUNT 6u

/* A message, and what is known of it before it is applied. */
struct keeper_ahead {
    struct message message;
    struct person *person;     /* of an event: whose it is; NULL: nobody who was there */
    const struct share *share; /* likewise */
};

/* To be called for turns 0, 1, 2 ..: message `i` comes after turn i + KEEPER_STEP_COUNT. */
void keeper_prefetch(const struct keeper *keeper, struct keeper_ahead *batch, uint32_t count, uint32_t turn);

/* keeper_wait.c */

/* Applies the job now, or queues it behind its key. */
void keeper_dispatch(struct keeper *keeper, const struct job *job, struct uuid key);
/* Runs queues that can go on. False: the time is up. */
bool keeper_run_queues(struct keeper *keeper, struct mono_ns until);
/* Whatever waits at the head of this key's queue may go on now. */
void keeper_wake(struct keeper *keeper, struct uuid key);
/* Queues that wait for room on a hand-over lane try again. */
void keeper_retry_giving(struct keeper *keeper);
bool keeper_has_room(const struct keeper *keeper, uint16_t source);

/* keeper_people.c */

/* Boot or home. A profile that took `bytes_before` was made, changed or given away: who has one is listed. */
void keeper_note_profile(struct keeper *keeper, struct person *person, uint64_t bytes_before);
/* Bytes of the person's profile in memory. */
uint64_t keeper_profile_bytes(const struct person *person);
/* The profile of somebody in a record; NULL: it is none of this person. */
MUST_USE struct profile *keeper_read_profile(struct memory *memory, const void *record, uint32_t bytes,
                                             const struct person *person);
/* Boot. Beyond the limit, a profile that has one record in the store makes way at once. */
void keeper_let_go_early(struct keeper *keeper, struct person *person);
/* Reads the profile of somebody who is away: true, and they are here; or false, and the waiter is called, which then gives
   what it has to keeper_return(). */
bool keeper_fetch(struct keeper *keeper, struct person *person, struct log_store_waiter *waiter);
void keeper_return(struct keeper *keeper, struct person *person, const struct log_store_waiter *waiter);
/* The profile stays in memory until as many unpins. */
void keeper_pin(struct person *person);
void keeper_unpin(struct person *person);
/* True: the person is away, and the question comes back when they are here. */
bool keeper_await(struct keeper *keeper, struct asked *asked, struct person *person);
/* Lets profiles leave, some at a time. True: there are more that should. */
bool keeper_relieve(struct keeper *keeper);
/* Profiles leave faster than the disk takes them: nobody is changed meanwhile. */
bool keeper_is_behind(const struct keeper *keeper);

/* keeper_orders.c */

/* Boot or home. An order of events had so many full chunks before it changed. */
void keeper_note_order(struct keeper *keeper, const struct share *share, uint32_t full_before);
/* Bytes of memory that orders of tenants' events may leave. */
uint64_t keeper_order_bytes(const struct keeper *keeper);
/* Puts the oldest parts of orders on disk, some at a time. True: there are more that should go. */
bool keeper_shelve(struct keeper *keeper);
/* Simulation. Puts something of each there, however little it is. */
void keeper_shelve_little(struct keeper *keeper, uint32_t count);

/* keeper_apply.c */

/* *person is NULL when there is none, and is set when one is made. */
enum job_answer keeper_apply(struct keeper *keeper, const struct job *job, struct person **person);
/* A hand-over message has come. */
void keeper_receive(struct keeper *keeper, const struct message *message);
/* Frees what receivers have passed. */
void keeper_free_outgoing(struct keeper *keeper);

/* The tenant's name, told with each message about it; only the first time is news. */
void keeper_name_tenant(struct keeper *keeper, struct keeper_tenant *tenant, struct text name);

struct slice_state_options keeper_slice_options(struct keeper *keeper, uint16_t slice);

/* keeper_restore.c */

struct slice_restore;

/* Home, at a quiet point. Rows of what the keeper knows that belongs to nobody's record. */
struct slice_partition keeper_partition_row(const struct keeper *keeper, uint16_t partition);
struct slice_tenant keeper_tenant_row(const struct keeper *keeper, const struct share *share);

/*
 * Boot. A slice of a keeper that has nothing of it yet: first the rows of all partitions, then those of its tenants;
 * then of each person one record, and those of the journal, with their addresses. A record stays the caller's. What
 * makes no sense is passed over, and told at the end.
 */
struct slice_restore *keeper_restore_begin(struct keeper *keeper, uint16_t slice);
void keeper_restore_partition(struct slice_restore *restore, const struct slice_partition *row);
void keeper_restore_tenant(struct slice_restore *restore, const struct slice_tenant *row);
void keeper_restore_person(struct slice_restore *restore, struct store_key canonical, const void *record,
                           uint32_t bytes, log_store_place place);
void keeper_restore_kept(struct slice_restore *restore, const void *record, uint32_t bytes, uint64_t address);
/* Boot. Makes all that is derived. -EUCLEAN: some records make no sense, what they made may be left. */
MUST_USE int keeper_restore_end(struct slice_restore *restore);

/* keeper_answer.c */

/* Its position is reached, or what it waited for has come: it goes on where it was. */
void keeper_make_ready(struct keeper *keeper, struct asked *asked);
/* Answers QUESTION_PROFILE. */
void keeper_answer_profile(struct keeper *keeper, struct asked *asked, const struct person *person);
/* Hands the question back. */
void keeper_finish(struct keeper *keeper, struct asked *asked, int fault);
/* The gap that is in force now. */
int64_t keeper_gap_of(const struct keeper *keeper, const struct question *question);
/* What of its tenant lies in the question's slice; NULL for nothing. */
struct share *keeper_share_of(const struct keeper *keeper, const struct question *question);
/* Raised by the reading's. */
struct event_ms keeper_watermark_of(struct keeper *keeper, const struct question *question);

/* A person of the question's slice; NULL for none. */
struct person *keeper_person_of(const struct keeper *keeper, const struct question *question,
                                const struct member *member);
/* No more rows, or none that are wanted now. */
bool keeper_has_enough(const struct asked *asked, uint32_t count_max, uint64_t bytes_max);
/* A zeroed row at the end; NULL when the arena is full. */
void *keeper_add_row(struct asked *asked, uint32_t row_bytes);
/* After so many items, or when they were large: one may have 64 KiB of texts, or a hundred of them. */
bool keeper_is_time_up(struct asked *asked, uint32_t count, const struct time_slice *time);

static inline bool
tri_takes(enum tri tri, bool is_so)
{
    return tri == TRI_ANY || (tri == TRI_YES) == is_so;
}

/* keeper_events.c */

#define KEEPER_READ_COUNT_MIN 8u /* records read ahead, though fewer rows are wanted: not all may be taken */

/* The record of the journal at an address, lent for this step; NULL: it is to be asked for. */
const void *keeper_record_at(const struct asked *asked, const struct history *history, uint64_t address);
/* Reads records that are on disk, as the first of these is: the question waits. */
enum step keeper_read_records(struct keeper *keeper, struct asked *asked, const struct history *history,
                              const uint64_t *addresses, uint32_t count);
/* What is read with a record that is missing: those that the scan of the question comes to next. */
struct read_ahead {
    uint64_t missing;
    int64_t from_ms;                                         /* entries before are not wanted */
    uint32_t wanted;                                         /* rows */
    uint64_t (*address_of)(const struct order_entry *entry); /* 0: of no record */
};
enum step keeper_read_ahead(struct keeper *keeper, struct asked *asked, const struct history *history,
                            const struct read_ahead *ahead);
/* A scan of all events of a tenant here. False: the arena is full. */
MUST_USE bool keeper_scan_events(struct asked *asked, const struct share *share);
/* The scan has come to a stretch that must be given to it. STEP_LATER: it is read, else it goes on. */
enum step keeper_read_stretch(struct keeper *keeper, struct asked *asked, const struct history *history);
/* The question ends. */
void keeper_end_stretch(struct keeper *keeper, struct asked *asked);
uint64_t keeper_event_address(const struct order_entry *entry);
enum step keeper_answer_events(struct keeper *keeper, struct asked *asked, const struct time_slice *time);
enum step keeper_answer_event(struct keeper *keeper, struct asked *asked);

/* keeper_sessions.c */

/* The archived session of this address, lent for this step; NULL: the record at *out_missing is to be asked for. */
const struct slice_session *keeper_archived_at(struct keeper *keeper, struct asked *asked,
                                               const struct share *share, uint64_t address,
                                               uint64_t *out_missing);
enum step keeper_answer_sessions(struct keeper *keeper, struct asked *asked, const struct time_slice *time);
enum step keeper_answer_event_session(struct keeper *keeper, struct asked *asked,
                                      const struct time_slice *time);

/* Questions that waited for others to end may read now. */
void keeper_wake_recalling(struct keeper *keeper);
bool keeper_can_wake_recalling(const struct keeper *keeper);

/* keeper_cube.c */

enum step keeper_answer_cube(struct keeper *keeper, struct asked *asked, const struct time_slice *time);
void cube_work_destroy(struct keeper *keeper, struct cube_work *work);

/* keeper_profiles.c */

enum step keeper_answer_profiles(struct keeper *keeper, struct asked *asked, const struct time_slice *time);
