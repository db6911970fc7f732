/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * clients - who sends to a simulated node, sends again what was not answered, and reads back what was
 *
 * Three of them, each with one batch on its way. What was answered is noted by number, and must be in the log exactly
 * once whatever happens to the node.
 *
 * Threads  One.
 */

#include "shards/ingest.h"
#include "tests/sim/check_run.h"

#define CLIENT_COUNT 3u
#define CLIENT_BATCH_MAX 16u
#define CLIENT_WHY_BYTES 512u

struct clients;

struct client {
    struct clients *clients;
    struct traffic_event batch[CLIENT_BATCH_MAX];
    uint32_t batch_count;
    bool is_sent;     /* and not answered */
    bool is_answered; /* durable: may be read back */
    struct ingest_request request;
    struct arena arena;
    /* Reading back one of its events. */
    bool is_reading;
    bool is_read;
    struct arena query_arena;
    char wanted[32];
    char identifier[32]; /* of somebody, anybody */
};

struct clients {
    struct cluster *cluster;
    struct traffic *traffic;
    struct arena_pool *arenas;
    uint32_t batch_max;     /* events of most batches; CLIENT_BATCH_MAX unless told */
    uint32_t burst_percent; /* batches so large that several blocks are under way; 0 unless told */
    char *why;              /* [CLIENT_WHY_BYTES]: what is wrong, empty as long as nothing is */
    struct client client[CLIENT_COUNT];
    uint8_t *acked; /* by number of event */
    uint64_t acked_count_max;
    uint64_t answered;
    uint64_t answered_read;
    uint64_t refused_full; /* batches, because the disk is full */
};

/* Borrows all of them until clients_deinit(). */
void clients_init(struct clients *clients, struct cluster *cluster, struct traffic *traffic,
                  struct arena_pool *arenas, char *why);
/* The node is down. */
void clients_deinit(struct clients *clients);
/* The node is down: nobody waits any more, and what was not answered will be sent again. */
void clients_forget(struct clients *clients);
/* One of them, by dice, does what there is to do. */
void clients_act(struct clients *clients);
/* Every event that was answered is in the log once; one that was not, at most once. False: `why` says which not. */
bool clients_check(const struct clients *clients, const struct census *census, char *out_why);
