/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * metrics - what is counted, and how it is told
 *
 * A table of rows (name, labels, help) lives with those who count; here is the counting. Each shard
 * has a set of its own, so that adding is a plain add in its own cache; a reader sums the sets of
 * all shards into Prometheus text 0.0.4. Names get `millrace_` in front.
 *
 * A histogram is log-linear: four buckets to each doubling from 1024 on, so that a quantile is at
 * most a quarter too high; the text has one bucket a doubling. 1024 ns to 68 s, or the like in bytes.
 *
 * Threads  One writer for each set, any readers. Values are read one by one, so a scrape is no
 *          consistent cut; a bucket and the sum may differ by what is being added.
 * Memory   A set is one allocation at boot. Rendering allocates nothing.
 * Limits   METRIC_ROW_COUNT_MAX rows in a table.
 * Errors   metrics_init(): -ENOMEM. A page that is too small says is_cut.
 */

#include "core/base.h"

#include <stdatomic.h>

#define METRIC_ROW_COUNT_MAX 512u

#define HISTOGRAM_SHIFT_MIN 10u /* the first bucket ends at 2^10 */
#define HISTOGRAM_SHIFT_MAX 36u /* the last that ends, at 2^36 */
#define HISTOGRAM_STEP_COUNT 4u /* to each doubling */
/* The first, four to each doubling, and what is beyond. */
#define HISTOGRAM_BUCKET_COUNT (1u + (HISTOGRAM_SHIFT_MAX - HISTOGRAM_SHIFT_MIN) * HISTOGRAM_STEP_COUNT + 1u)

enum metric_kind {
    METRIC_KIND_COUNTER,     /* only grows; the name ends in _total */
    METRIC_KIND_GAUGE,       /* goes up and down; summed over shards */
    METRIC_KIND_GAUGE_LEAST, /* the least of the shards that have set it */
    METRIC_KIND_HISTOGRAM,
};

/* What a value counts; text is in base units. */
enum metric_unit {
    METRIC_UNIT_ONE, /* things, or bytes */
    METRIC_UNIT_NS,  /* told in seconds; the name ends in _seconds */
    METRIC_UNIT_MS,
};

struct metric_row {
    const char *name;   /* rows of one name stand together */
    const char *labels; /* `outcome="accepted"`, or "" */
    const char *help;
    enum metric_kind kind;
    enum metric_unit unit;
};

struct metric_table {
    const struct metric_row *row;
    uint32_t row_count;
};

/* The set of one shard. */
struct metrics {
    const struct metric_table *table;
    _Atomic uint64_t *value;  /* of each row; a histogram's sum */
    _Atomic uint64_t *bucket; /* HISTOGRAM_BUCKET_COUNT for each histogram */
    uint16_t histogram_index[METRIC_ROW_COUNT_MAX];
};

/* Text being made, in the caller's memory. */
struct metrics_page {
    char *data;
    uint64_t bytes;
    uint64_t bytes_max;
    bool is_cut; /* it did not fit; data is not to be used */
};

/* Boot. -ENOMEM. */
MUST_USE int metrics_init(struct metrics *metrics, const struct metric_table *table);
/* Boot. May be called twice. */
void metrics_deinit(struct metrics *metrics);

/* Home. Relaxed: a reader wants a recent number, not an order. */
static inline void
metrics_add(struct metrics *metrics, uint32_t row, uint64_t n)
{
    uint64_t value = atomic_load_explicit(&metrics->value[row], memory_order_relaxed);

    atomic_store_explicit(&metrics->value[row], value + n, memory_order_relaxed);
}

/* Home. A gauge goes down. */
static inline void
metrics_sub(struct metrics *metrics, uint32_t row, uint64_t n)
{
    metrics_add(metrics, row, -n);
}

/* Home. */
static inline void
metrics_set(struct metrics *metrics, uint32_t row, uint64_t value)
{
    atomic_store_explicit(&metrics->value[row], value, memory_order_relaxed);
}

/* Home. One value into a histogram, in the unit of its row. */
void metrics_observe(struct metrics *metrics, uint32_t row, uint64_t value);

/* Any thread. Over all sets: a counter, a gauge, the sum of a histogram. */
uint64_t metrics_value(const struct metrics *const sets[], uint32_t set_count, uint32_t row);
/* Any thread. How many values a histogram has. */
uint64_t metrics_observed_count(const struct metrics *const sets[], uint32_t set_count, uint32_t row);
/* Any thread. No value of `permille` of them was above this; 0 when there is none, UINT64_MAX when it is beyond 2^36. */
uint64_t metrics_quantile(const struct metrics *const sets[], uint32_t set_count, uint32_t row,
                          uint32_t permille);

/* Any thread. Adds to the page; the sets have the same table, and there is at least one. */
void metrics_render(struct metrics_page *page, const struct metrics *const sets[], uint32_t set_count);
/* Any thread. The process_* that every Prometheus client has. */
void metrics_render_process(struct metrics_page *page);
/* Any thread. millrace_build_info; io is the backend in use. */
void metrics_render_build(struct metrics_page *page, const char *version, const char *commit, const char *io);
