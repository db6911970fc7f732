/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * check_run - compares a node at rest with the model
 *
 * Reads the log as it lies on the simulated disk, feeds it to a fresh model, and asks node and model the same
 * GraphQL queries; every answer must be equal, byte for byte.
 *
 * Threads  One.
 */

#include "tests/sim/cluster.h"
#include "tests/sim/model.h"
#include "tests/sim/traffic.h"

/* How often an event of the run stands in the log within a day: 0, 1, or 2 for more. */
struct census_row {
    struct wall_ms received_at; /* of the last */
    uint8_t times;
};

/* By number of event; the array is grown as needed. */
struct census {
    struct census_row *rows;
    uint64_t count;
    uint64_t log_hash; /* of every block of the log: equal logs, equal answers */
};

/* The cluster must be drained. False: *out_why (512 bytes) says what differs. Fills the census. */
bool check_run(struct cluster *cluster, struct traffic *traffic, struct census *census, char *out_why);

/* Fills the census alone, from the log as it lies on the disk. False as above. */
bool check_log(struct cluster *cluster, struct traffic *traffic, struct census *census, char *out_why);
