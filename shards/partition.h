/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * partition - what the sequencer knows of one partition: its tenants, its window, how far it has come
 *
 * Two stages, both in log order: *sequenced* (appended or replayed: positions, duplicates, received_at, tenants are
 * numbered) and *applied* (durable: watermark, identity, dictionaries). Everything here is a function of the log.
 *
 * Threads  Home shard only.
 * Memory   Region.
 */

#include "core/run_queue.h"
#include "shards/dedup.h"
#include "shards/dictionary.h"
#include "shards/identity.h"
#include "shards/node.h"
#include "shards/question.h"

struct tenant {
    struct text name;
    uint32_t no;
    /* Applied. */
    uint64_t total_events;
    struct tenant_clock clock;
    struct event_ms newest_time; /* greatest event_time, and when that event was received */
    struct wall_ms newest_received;
    bool has_moved;  /* since the last PROGRESS */
    bool is_watched; /* on the list of tenants that need the wall clock */
    struct identity identity;
    struct dictionary dictionaries[DIMENSION_COUNT];
};

/* An event that was sequenced and is not applied yet. */
struct unapplied {
    uint32_t tenant_no;
    bool has_keys; /* and what they lead to was asked for */
    struct identity_keys keys;
};

struct applying;
struct partition_cut;

/* A run of records of one partition, waiting to be applied. */
struct piece {
    struct piece *next;
    struct applying *from; /* its block */
    const uint8_t *record; /* next to apply */
    uint64_t position;
    uint32_t count;      /* left */
    struct wall_ms wall; /* of the newest block without records behind these; 0: none */
};

struct partition_options {
    const struct node *node;
    struct region *region;
    uint16_t number;
    struct env *env;
    struct uuid store_id;
    void (*on_fatal)(void *context, int fault, const char *what); /* see log_store.h */
    /* Simulation: see log_store.h. NULL: no look-up is late. */
    bool (*is_late)(void *context);
    void *context;
};

struct partition {
    uint16_t number;
    struct region *region;
    const struct node *node;
    struct partition_options options;

    /* Sequenced. */
    uint64_t next_position;
    uint64_t epoch; /* of the last section that was replayed */
    uint64_t
        restored_count; /* positions below came with a checkpoint, which was made in this epoch; 0: none did */
    uint64_t restored_epoch;
    struct wall_ms last_received;
    struct dedup dedup;
    struct settings_record newest_settings; /* header.bytes 0: none yet */
    struct table tenants;                   /* struct tenant * */
    struct map by_name;
    struct tenant *last_made; /* whose partition_make_tenant() was asked for last; NULL: nobody's */
    /* The events that are not applied yet, in their order: a ring. They are in buffers of the log. */
    struct unapplied *unapplied;
    uint32_t unapplied_room; /* a power of two, or 0 */
    uint32_t unapplied_first;
    uint32_t unapplied_count;

    /* Applied. */
    uint64_t durable_count;          /* positions below are durable */
    uint64_t applied_count;          /* positions below are applied */
    struct wall_ms applied_received; /* of the newest event of these */
    struct settings_record settings;
    struct wall_ms wall;          /* of the last block seen */
    struct log_store *identities; /* the records of all tenants' identities */
    struct identity_case event;   /* the next one to apply, while it is looked up */
    struct piece *first_piece;
    struct piece *last_piece;
    bool has_progress;  /* to be told at the end of the step */
    struct table moved; /* uint32_t tenant_no: moved since the last PROGRESS; only `moved_count` are valid */
    uint32_t moved_count;
    struct table watched; /* uint32_t tenant_no, `watched_count` valid */
    uint32_t watched_count;

    /* Questions that wait until everything durable at their arrival is applied. */
    struct question *first_parked;
    struct question *last_parked;
    /* Questions that wait for a look-up, or did and have their answer: it is told when somebody asks. */
    struct question *late;
    uint32_t late_answered_count;

    struct partition_cut *cut; /* partition_state.c: what is being saved; NULL: nothing */
};

/* Boot. -ENOMEM; partition_deinit() all the same. */
MUST_USE int partition_init(struct partition *partition, struct partition_options options);
/* Boot. What its log_store is opened with; the name is lent to it. */
struct log_store_options partition_store_options(const struct partition *partition,
                                                 char name[DISK_NAME_BYTES_MAX]);
/* Any thread. The file of that store. */
void partition_store_name(uint16_t number, char name[DISK_NAME_BYTES_MAX]);
/* After env_close(), or when nothing is under way. */
void partition_deinit(struct partition *partition);

/* Home. NULL when the tenant has no event. */
struct tenant *partition_tenant(const struct partition *partition, struct text name);
static inline struct tenant *
partition_tenant_at(const struct partition *partition, uint32_t no)
{
    return *(struct tenant **)table_at(&partition->tenants, no);
}

/* Home. The tenant of that name, which is made when it is not there. NULL: -ENOMEM. */
MUST_USE struct tenant *partition_make_tenant(struct partition *partition, struct text name);
/* Home. Its clock may have sessions to close. -ENOMEM. */
MUST_USE int partition_watch(struct partition *partition, struct tenant *tenant);
/* Home. How many events these settings let the partition's window have. */
uint32_t partition_window_count(const struct partition *partition, const struct settings_record *settings);

/* Home. Notes that a record is in the log at next_position (durable_when: see dedup_entry). -ENOMEM. */
MUST_USE int partition_sequence(struct partition *partition, const struct record_header *record,
                                uint64_t durable_when);

/* One of the next events to apply. */
struct event_ahead {
    struct partition *partition;
    const struct event_record *record;
    uint32_t before; /* events of the partition that will be applied before it */
};

#define PARTITION_AHEAD_COUNT 32u /* in one batch */

/* Home. What these will touch is fetched from memory ahead, for all of them at once. */
void partition_prefetch(const struct event_ahead *batch, uint32_t count);
/* Home. Whether that was done for the next event; false when there is none. */
bool partition_is_prefetched(const struct partition *partition);

/* What applying an event decided. */
struct partition_outcome {
    struct applied_event event;
    struct applied_merge merges[2];
    uint32_t merge_count;
    bool alias_refused;
    bool limit_reached;
};

/* Home. Applies the next event, in a block with this wall clock. LOG_STORE_LATER: nothing happened, call again with the
   same one; it waits for look-ups, whose arrival wakes the shard. -ENOMEM. */
MUST_USE int partition_apply_event(struct partition *partition, const struct event_record *event,
                                   uint64_t position, struct wall_ms wall,
                                   struct partition_outcome *out_outcome);
/* Home. From the same block on. Watermarks stay where they were before it. -ENOMEM. */
MUST_USE int partition_apply_settings(struct partition *partition, const struct settings_record *settings,
                                      struct wall_ms wall);
/* Home. A block with this wall clock was seen. */
void partition_see(struct partition *partition, struct wall_ms wall);
/* Home. Whether a tenant's sessions would close if only the clock went on. */
bool partition_needs_clock(struct partition *partition);
/* Home. The tenant's watermark as seen from the last block. */
struct event_ms partition_watermark(const struct partition *partition, const struct tenant *tenant);
/* Home. The point that a question is answered at. */
struct reading partition_reading(const struct partition *partition, const struct tenant *tenant);
/* Tests. All records must be in memory. */
uint64_t partition_state_hash(const struct partition *partition);

enum { PARTITION_MORE = LOG_STORE_LATER + 1 }; /* its time is over: call again */

/* Home. Goes on answering a question (partition_answer.c); its reading must be applied. 0, PARTITION_MORE, or
   LOG_STORE_LATER: it waits for a look-up, and partition_answered() has it when it is answered. */
MUST_USE int partition_answer(struct partition *partition, struct question *question,
                              const struct time_slice *time);
/* Home. Nobody wants the answer any more, before it was begun or after PARTITION_MORE; the fault is -ETIMEDOUT. */
void partition_forget(struct partition *partition, struct question *question);
/* Home. One that was late and is answered, or NULL. */
struct question *partition_answered(struct partition *partition);
