/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * message - what shards say to each other, one lane slot each
 *
 * apply lanes, sequencer to keeper, in log order of each partition:
 *   EVENT     one kept event
 *   TAKE      to the slice of a merge's winner: the winner is awaited from now on
 *   GIVE      to the slice of the loser: send the loser to the winner's shard on the hand-over lane
 *   SETTINGS  to every shard, once for each settings record
 *   PROGRESS  to every shard, at the end of a turn in which a partition moved on
 * hand-over lanes, keeper to keeper:
 *   HANDOVER  a loser's profile, encoded
 * ingest lanes: PART. query lanes: ASK, RELEASE. reply lanes: PART_DONE, ANSWER.
 *
 * Memory   Payloads belong to the sender and stay until the receiver has released the slot. A receiver that
 *          keeps a message (it waits for a key) copies the payload first.
 */

#include "core/lane.h"
#include "shards/record.h"

enum stage { STAGE_INGEST, STAGE_APPLY, STAGE_HANDOVER, STAGE_QUERY, STAGE_REPLY, STAGE_COUNT };

enum message_kind {
    MESSAGE_PART = 1,
    MESSAGE_EVENT,
    MESSAGE_TAKE,
    MESSAGE_GIVE,
    MESSAGE_SETTINGS,
    MESSAGE_PROGRESS,
    MESSAGE_HANDOVER,
    MESSAGE_ASK,
    MESSAGE_RELEASE,
    MESSAGE_PART_DONE,
    MESSAGE_ANSWER,
};

/* Lies in a struct lane_slot. */
struct message {
    uint8_t kind; /* enum message_kind */
    uint8_t reserved;
    uint16_t slice;     /* EVENT, TAKE, GIVE, HANDOVER: whose it is */
    uint16_t partition; /* of the tenant */
    uint16_t from;      /* ASK, PART: the shard that waits */
    /* EVENT, TAKE, GIVE, HANDOVER: in the partition; PROGRESS: everything up to here was sent. */
    uint64_t position;
    const void *payload;
    uint64_t bytes;        /* HANDOVER: of the payload */
    struct uuid canonical; /* HANDOVER: the winner */
    uint64_t spare[2];
};
static_assert(sizeof(struct message) == LANE_SLOT_BYTES, "one slot");

#define NO_WATERMARK ((struct event_ms){.ms = INT64_MIN})
#define NO_POSITION UINT64_MAX

enum dimension {
    DIMENSION_EVENT_TYPE,
    DIMENSION_COUNTRY,
    DIMENSION_DEVICE_TYPE,
    DIMENSION_BROWSER,
    DIMENSION_OS,
    DIMENSION_PAGE_URL,
    DIMENSION_COUNT
};

/* Codes are numbers of a tenant's dictionary for one dimension. */
#define CODE_NONE 0u  /* the value is absent: (none) */
#define CODE_OTHER 1u /* past the 10 000 of its day: (other) */
#define CODE_FIRST 2u

/* A tenant, by its number in its partition; canonicals are numbered within their tenant. */
struct applied_event {
    const struct event_record *record;
    uint64_t position;
    struct uuid canonical;
    uint32_t person;                  /* number of the canonical in its tenant */
    uint32_t tenant_no;               /* number of the tenant in its partition */
    struct event_ms watermark_before; /* W of step 1 (NO_WATERMARK: none yet) */
    struct event_ms watermark;        /* W after step 3 */
    uint32_t code[DIMENSION_COUNT];
    bool is_late;
};

struct applied_merge {
    uint64_t position; /* of the event that caused it */
    uint32_t tenant_no;
    uint32_t loser_person;
    uint32_t winner_person;
    uint16_t loser_slice;
    uint16_t winner_slice;
    struct uuid loser;
    struct uuid winner;
    /* W of step 1 of the event that caused it (a merge is step 2): it decides what is closed or final. */
    struct event_ms watermark;
    struct text tenant_id;
};

/* A tenant's clock as its last accepted event left it. W(w) below. */
struct tenant_clock {
    struct event_ms watermark; /* W0 */
    struct wall_ms block_wall; /* w0 */
    bool is_live;              /* newest event_time within 10 minutes of its receipt */
};

struct progress_tenant {
    uint32_t tenant_no;
    struct tenant_clock clock;
};

struct progress {
    struct wall_ms wall;   /* of the last block seen */
    uint32_t tenant_count; /* tenants that moved since the last PROGRESS of this partition */
    struct progress_tenant tenants[];
};

/* Any shard. The watermark looked at from a block with time `wall`. */
static inline struct event_ms
tenant_clock_watermark(const struct tenant_clock *clock, struct wall_ms wall, int64_t out_of_orderness_ms)
{
    int64_t watermark = clock->watermark.ms;

    if (clock->is_live && watermark != INT64_MIN) {
        int64_t silent = clock->watermark.ms + (wall.ms - clock->block_wall.ms - 10000);
        int64_t bound = wall.ms - out_of_orderness_ms;

        silent = silent < bound ? silent : bound;
        watermark = silent > watermark ? silent : watermark;
    }
    return (struct event_ms){.ms = watermark};
}
