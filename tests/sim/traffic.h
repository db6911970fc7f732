/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * traffic - what hostile clients send, by dice
 *
 * Few people, few devices and few pages, so that everything collides: shared devices, aliases in both
 * directions, merges of merges, duplicates, late and ancient events, clocks that stand still.
 *
 * Threads  One.
 * Memory   Texts of a draft are lent until the next one is made.
 */

#include "shards/record.h"
#include "tests/sim/cluster.h"

#define TRAFFIC_TENANT_COUNT 3u

struct traffic {
    struct dice *dice;
    uint64_t sent; /* distinct events */
    /* The mood of a run. */
    uint32_t person_count;
    uint32_t page_count;
    uint32_t type_count;
    uint32_t live_percent;
    int64_t history_ms;
    int64_t history_end_ms;
    char scratch[8][2048];
    char json[8192];
};

/* One event of a client's batch; number identifies it in the run. */
struct traffic_event {
    uint64_t number;
    struct event_draft draft;
    char *texts; /* malloc'd, what the draft points to */
};

void traffic_init(struct traffic *traffic, struct dice *dice, struct wall_ms now);
/* A new event, or sometimes one that was sent before (the same ID, other contents). free() texts. */
struct traffic_event traffic_event(struct traffic *traffic, struct wall_ms now);
/* "t0", "t1" ... */
struct text traffic_tenant(uint32_t index);
/* The ID of event `number`. */
struct text traffic_event_id(uint64_t number, char buffer[32]);
/* Some identifier of the run, for look-ups. */
struct text traffic_user_id(struct traffic *traffic, char buffer[32]);
struct text traffic_anonymous_id(struct traffic *traffic, char buffer[32]);
