/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * node - what all shards of a process share, and which shard owns what
 *
 * Written at boot, then read only, but for the words that say so: each of those has one writer.
 *
 * Threads  Boot writes; any shard reads.
 */

#include "core/mesh.h"
#include "shards/message.h"
#include "storage/manifest.h"

#include <stdatomic.h>

#define PARTITION_COUNT_MAX 256u
#define SLICE_COUNT_MAX 256u

/* The settings that change what the numbers mean, as configured now; they reach state only through settings records. */
struct rules {
    int64_t out_of_orderness_ms;
    int64_t allowed_lateness_ms;
    int64_t session_gap_ms;
    int64_t session_horizon_ms;
    uint64_t dedup_events;
};

/* What a sequencer shard (from) says to a receiving shard (to) about the room in its log. */
struct credit_line {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t returned_bytes; /* written by the sequencer's shard */
};

/* What a shard tells everybody. Written by its home only. */
struct shard_word {
    alignas(CACHE_LINE_BYTES) _Atomic bool is_ready; /* replay done, listening may begin */
    _Atomic bool is_disk_full;
    _Atomic bool is_memory_tight;
    _Atomic uint64_t memory_used_bytes; /* of its region */
    _Atomic bool has_left;          /* stopping: nothing is in flight that began here, and nothing begins */
    _Atomic uint64_t applied_count; /* records applied since the start */
    /* Checkpoint rounds: see checkpoint.h. */
    _Atomic uint64_t stopped;
    _Atomic uint64_t still;
    _Atomic uint64_t cut;
    _Atomic uint64_t written;
    _Atomic int32_t write_fault; /* of the round that `written` tells of */
};

struct checkpoint_round;

struct node {
    uint32_t shard_count;
    uint32_t partition_count;
    uint32_t slice_count;
    uint8_t secret[MANIFEST_SECRET_BYTES];
    uint64_t epoch;
    struct rules rules;
    uint64_t memory_bytes_max;         /* of all regions together */
    uint64_t credit_bytes;             /* INGEST credit of each ordered pair of shards */
    uint64_t deadline_ns;              /* of a query */
    uint32_t dictionary_day_count_max; /* DICTIONARY_DAY_COUNT_MAX but in tests */
    struct manifest *manifest; /* once all are ready, shard 0's; others read it when a round is settled */
    struct manifest *tail;     /* as a start sees it: nothing before the newest checkpoint is in it */
    struct checkpoint_round *round;
    bool has_checkpoints; /* one was made, or some will be */
    struct mesh mesh;
    struct credit_line *credits; /* [sequencer shard * shard_count + receiving shard] */
    struct shard_word words[SHARD_COUNT_MAX];
    _Atomic bool is_stopping;
    struct shard *shards[SHARD_COUNT_MAX];
    /* Ends the process with a status (74: storage failed); the simulator notes it instead. */
    void (*fatal)(struct node *node, int status, const char *what);
};

static inline uint16_t
node_partition_owner(const struct node *node, uint16_t partition)
{
    return (uint16_t)(partition % node->shard_count);
}

static inline uint16_t
node_slice_owner(const struct node *node, uint16_t slice)
{
    return (uint16_t)(slice % node->shard_count);
}

/* Any shard. The most credit that each pair of shards has while a log has so much room. Where there is not enough for all,
   half of it is for those who use what they have. */
static inline uint64_t
node_credit_max(const struct node *node, uint64_t room)
{
    uint64_t share = room / (2 * node->shard_count);

    return share < node->credit_bytes && room < node->credit_bytes * node->shard_count ? share
                                                                                       : node->credit_bytes;
}

/* Any shard. Where a canonical is kept; by keyed hash. */
uint16_t node_slice(const struct node *node, struct uuid canonical);

/* What the numbers mean, as far as replay depends on it: raised when the same log comes to mean something else. */
#define NODE_RULES_VERSION 1u

struct node_options {
    uint32_t shard_count;
    uint32_t partition_count; /* of a new store; an old one keeps its own */
    uint32_t slice_count;
    struct rules rules;
    uint64_t deadline_ns;
    uint32_t dictionary_day_count_max; /* 0: DICTIONARY_DAY_COUNT_MAX */
    uint64_t memory_bytes_max;         /* of the state of all shards together; 0: each region's own limit */
    uint64_t credit_bytes;             /* 0: as many shards allow, see NODE_CREDIT_BYTES */
    bool accept_loss;
    uint64_t checkpoint_interval_ns; /* 0: no checkpoints are made */
    uint64_t checkpoint_events;
    /* Fills the secret and the id of a new store. */
    uint64_t (*dice)(void *context);
    void *dice_context;
    void (*fatal)(struct node *node, int status, const char *what);
};

/* A request of 4 MiB of the smallest events becomes records of about 16 MB. */
#define NODE_CREDIT_BYTES (24u << 20)
/* With many shards each pair has less, because the log keeps room for all of them. */
#define NODE_CREDIT_BYTES_ALL (96u << 20)
#define NODE_CREDIT_BYTES_LEAST (6u << 20)
#define NODE_INGEST_SLOTS 1024u
#define NODE_APPLY_SLOTS 4096u
#define NODE_HANDOVER_SLOTS 256u
#define NODE_QUERY_SLOTS 1024u
#define NODE_REPLY_SLOTS 1024u

#define NODE_START_PART 8u /* of memory_bytes_max */

/* Boot. What a shard's profiles, its kept events, its identifiers may each take of memory when it starts: rows and orders
   come, too, and then there is a budget. 0: no limit. */
static inline uint64_t
node_bytes_at_start(const struct node *node)
{
    return node->has_checkpoints ? node->memory_bytes_max / NODE_START_PART / node->shard_count : 0;
}

struct recovery_report;

/*
 * Boot. Reads or makes the manifest, settles what the log holds, and starts a new epoch; no shard runs yet.
 * Borrows the disk. out_report->reason says in words why a store is refused.
 */
MUST_USE int node_open(struct node *node, struct disk *disk, struct node_options options,
                       struct recovery_report *out_report);
/* Boot. After every shard is closed. */
void node_close(struct node *node);
