/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * metrics_table - what this product counts
 *
 * The rows are in shards/metrics.def; a new one is a line there. Count with
 * metrics_add(shard's set, METRIC_MERGES, 1).
 *
 * Threads  The table never changes.
 */

#include "core/metrics.h"

enum metric {
#define METRIC(id, name, kind, unit, labels, help) METRIC_##id,
#include "shards/metrics.def"
#undef METRIC
    METRIC_COUNT
};

extern const struct metric_table metrics_table;

/* Any thread. The row of ingest_requests_total for a status; one that has none counts as 400 or 503. */
enum metric metrics_ingest_status(int status);
