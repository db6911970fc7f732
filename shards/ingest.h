/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * ingest - a request's events on their way to the log
 *
 * The shard that received a request writes its events as records into runs, one for each partition, and
 * the runs of one sequencer shard travel together as a part. ingest_submit() admits the request whole or not
 * at all: bytes of credit at every sequencer it touches, and a slot in each lane. A credit stands for log space
 * that is already preallocated. When every part is durable, `done` is called with an outcome for each event.
 *
 * Threads  The receiving shard (home of the request); a sequencer writes outcomes until it replies.
 * Memory   All in the request's arena, lent to the sequencers until `done`.
 * Limits   node->credit_bytes outstanding for each pair of shards.
 */

#include "core/arena.h"
#include "shards/record.h"

#define INGEST_RUN_BYTES_FIRST 4096u
#define INGEST_RUN_BYTES_MAX (256u << 10) /* then another run is begun */

enum ingest_answer {
    INGEST_BUSY = 1,      /* 503: no credit, a lane is full, memory is tight, starting or stopping */
    INGEST_DISK_FULL = 2, /* 507 */
    INGEST_TOO_LARGE = 3, /* 413: more than could ever be admitted at once */
};

enum ingest_outcome {
    INGEST_PENDING = 0,
    INGEST_ACCEPTED,
    INGEST_DUPLICATE,
};

/* Records of one partition, back to back. A partition with many has several runs, in order. */
struct ingest_run {
    struct ingest_run *next; /* of the partition while it is filled, of the part once it is submitted */
    uint32_t partition;
    uint32_t count;
    uint32_t bytes;
    uint32_t bytes_max;
    uint8_t *records;
    uint8_t *outcomes; /* [count] enum ingest_outcome; the sequencer's to write */
    uint32_t *indexes; /* [count] of the event in the request; its owner's */
    uint32_t count_max;
};

struct ingest_request;

/* What one sequencer shard gets of a request. */
struct ingest_part {
    struct ingest_part *next; /* private: a list of the sequencer while it works on it */
    struct ingest_request *request;
    struct ingest_run *runs;
    uint64_t cost; /* credit spent */
    uint16_t from; /* shard that waits for the reply */
    uint16_t to;
    bool is_used;
    /* The sequencer's while it has the part. */
    struct ingest_run *run_now;
    uint32_t record_index;
    uint32_t record_offset;
    uint64_t durable_when; /* sequence of the last block that holds one of its events or an original of one */
};

struct shard;

struct ingest_request {
    struct shard *shard;
    struct arena *arena;
    struct ingest_run **runs;      /* [partition_count]: the first of each */
    struct ingest_run **last_runs; /* [partition_count] */
    struct ingest_part *parts;     /* [shard_count] */
    uint32_t count;
    uint32_t parts_outstanding;
    void (*done)(struct ingest_request *request);
    void *context;
    uint32_t accepted;
    uint32_t duplicates;
    bool is_full; /* the arena had no room */
};

/* Home. False when the arena is full. */
MUST_USE bool ingest_begin(struct ingest_request *request, struct shard *shard, struct arena *arena);
/* Home. Adds one event; index is its place in the request. False when the arena is full. The draft's texts are
   copied. The draft must have passed the normaliser (record_event_bytes() != 0). */
MUST_USE bool ingest_add(struct ingest_request *request, const struct event_draft *draft, uint32_t index);
/* Home. 0: `done` will be called (from a later turn, or now when there are no events); else nothing was taken. */
MUST_USE int ingest_submit(struct ingest_request *request, void (*done)(struct ingest_request *request),
                           void *context);

/* Home. A part came back from its sequencer: everything in it is durable. For shard.c. */
void ingest_part_done(struct ingest_part *part);
