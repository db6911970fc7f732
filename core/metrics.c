/* SPDX-License-Identifier: Apache-2.0 */

#include "core/metrics.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PREFIX "millrace_"
#define LEAST_UNSET UINT64_MAX /* a gauge of the least that nobody has set */

int
metrics_init(struct metrics *metrics, const struct metric_table *table)
{
    uint32_t histogram_count = 0;
    uint64_t bytes_values = align_up(table->row_count * sizeof(uint64_t), CACHE_LINE_BYTES);
    uint64_t bytes;

    REQUIRE(table->row_count <= METRIC_ROW_COUNT_MAX);
    *metrics = (struct metrics){.table = table};

    for (uint32_t row = 0; row < table->row_count; row++) {
        if (table->row[row].kind == METRIC_KIND_HISTOGRAM) {
            metrics->histogram_index[row] = (uint16_t)histogram_count;
            histogram_count++;
        }
    }
    bytes = bytes_values + histogram_count * HISTOGRAM_BUCKET_COUNT * sizeof(uint64_t);
    bytes = align_up(bytes > 0 ? bytes : 1, CACHE_LINE_BYTES);
    metrics->value = aligned_alloc(CACHE_LINE_BYTES, bytes);
    if (metrics->value == NULL) {
        return fault_new(-ENOMEM);
    }
    memset((void *)metrics->value, 0, bytes);
    metrics->bucket = metrics->value + bytes_values / sizeof(uint64_t);

    for (uint32_t row = 0; row < table->row_count; row++) {
        if (table->row[row].kind == METRIC_KIND_GAUGE_LEAST) {
            metrics_set(metrics, row, LEAST_UNSET);
        }
    }
    return 0;
}

void
metrics_deinit(struct metrics *metrics)
{
    free((void *)metrics->value);
    *metrics = (struct metrics){0};
}

/*
 * Bucket 0 holds 0 to 1024; the last of each four ends at a power of two and holds it, as `le` says
 * "less or equal": hence the value less one.
 */
static uint32_t
bucket_of(uint64_t value)
{
    uint64_t below = value > 0 ? value - 1 : 0;
    uint32_t shift;

    if (below < UINT64_C(1) << HISTOGRAM_SHIFT_MIN) {
        return 0;
    }
    shift = 63u - (uint32_t)__builtin_clzll(below);
    if (shift >= HISTOGRAM_SHIFT_MAX) {
        return HISTOGRAM_BUCKET_COUNT - 1;
    }
    /* Two bits behind the leading one choose among the four. */
    return 1 + (shift - HISTOGRAM_SHIFT_MIN) * HISTOGRAM_STEP_COUNT +
           (uint32_t)(below >> (shift - 2) & (HISTOGRAM_STEP_COUNT - 1));
}

/* The greatest value of a bucket. */
static uint64_t
bucket_end(uint32_t bucket)
{
    uint32_t shift;
    uint64_t step;

    if (bucket == 0) {
        return UINT64_C(1) << HISTOGRAM_SHIFT_MIN;
    }
    if (bucket == HISTOGRAM_BUCKET_COUNT - 1) {
        return UINT64_MAX;
    }
    shift = HISTOGRAM_SHIFT_MIN + (bucket - 1) / HISTOGRAM_STEP_COUNT;
    step = (bucket - 1) % HISTOGRAM_STEP_COUNT + 1;
    return (UINT64_C(1) << shift) + (step << (shift - 2));
}

static _Atomic uint64_t *
buckets_of(const struct metrics *metrics, uint32_t row)
{
    REQUIRE(row < metrics->table->row_count);
    REQUIRE(metrics->table->row[row].kind == METRIC_KIND_HISTOGRAM);
    return metrics->bucket + metrics->histogram_index[row] * HISTOGRAM_BUCKET_COUNT;
}

void
metrics_observe(struct metrics *metrics, uint32_t row, uint64_t value)
{
    _Atomic uint64_t *bucket = buckets_of(metrics, row) + bucket_of(value);

    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    metrics_add(metrics, row, value);
}

static uint64_t
load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

uint64_t
metrics_value(const struct metrics *const sets[], uint32_t set_count, uint32_t row)
{
    bool is_least = sets[0]->table->row[row].kind == METRIC_KIND_GAUGE_LEAST;
    uint64_t result = is_least ? LEAST_UNSET : 0;

    for (uint32_t i = 0; i < set_count; i++) {
        uint64_t value = load(&sets[i]->value[row]);
        if (!is_least) {
            result += value;
        } else if (value < result) {
            result = value;
        }
    }
    return is_least && result == LEAST_UNSET ? 0 : result;
}

static uint64_t
bucket_count(const struct metrics *const sets[], uint32_t set_count, uint32_t row, uint32_t bucket)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < set_count; i++) {
        count += load(&buckets_of(sets[i], row)[bucket]);
    }
    return count;
}

uint64_t
metrics_observed_count(const struct metrics *const sets[], uint32_t set_count, uint32_t row)
{
    uint64_t count = 0;

    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
        count += bucket_count(sets, set_count, row, bucket);
    }
    return count;
}

uint64_t
metrics_quantile(const struct metrics *const sets[], uint32_t set_count, uint32_t row, uint32_t permille)
{
    uint64_t count = metrics_observed_count(sets, set_count, row);
    uint64_t below = 0;
    uint64_t wanted = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;

    REQUIRE(permille <= 1000);

    if (count == 0) {
        return 0;
    }
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
        below += bucket_count(sets, set_count, row, bucket);
        if (below >= wanted && below > 0) {
            return bucket_end(bucket);
        }
    }
    return UINT64_MAX;
}

static PRINTF_LIKE(2, 3) void put(struct metrics_page *page, const char *format, ...)
{
    va_list arguments;
    int bytes;

    if (page->is_cut) {
        return;
    }
    va_start(arguments, format);
    bytes = vsnprintf(page->data + page->bytes, page->bytes_max - page->bytes, format, arguments);
    va_end(arguments);
    if (bytes < 0 || (uint64_t)bytes >= page->bytes_max - page->bytes) {
        page->is_cut = true;
        return;
    }
    page->bytes += (uint64_t)bytes;
}

/* Exact: seconds by integers. */
static void
put_value(struct metrics_page *page, enum metric_unit unit, uint64_t value, bool is_signed)
{
    const char *sign = "";

    if (is_signed && (int64_t)value < 0) {
        sign = "-";
        value = -value;
    }
    switch (unit) {
    case METRIC_UNIT_ONE:
        put(page, "%s%llu", sign, (unsigned long long)value);
        break;
    case METRIC_UNIT_NS:
        put(page, "%s%llu.%09llu", sign, (unsigned long long)(value / NS_PER_S),
            (unsigned long long)(value % NS_PER_S));
        break;
    case METRIC_UNIT_MS:
        put(page, "%s%llu.%03llu", sign, (unsigned long long)(value / 1000),
            (unsigned long long)(value % 1000));
        break;
    }
}

static void
put_histogram(struct metrics_page *page, const struct metrics *const sets[], uint32_t set_count,
              uint32_t row_index)
{
    const struct metric_row *row = &sets[0]->table->row[row_index];
    const char *comma = row->labels[0] != '\0' ? "," : "";
    const char *open = row->labels[0] != '\0' ? "{" : "";
    const char *close = row->labels[0] != '\0' ? "}" : "";
    uint64_t count = 0;

    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKET_COUNT; bucket++) {
        count += bucket_count(sets, set_count, row_index, bucket);
        if (bucket % HISTOGRAM_STEP_COUNT == 0) {
            put(page, PREFIX "%s_bucket{%s%sle=\"", row->name, row->labels, comma);
            put_value(page, row->unit, bucket_end(bucket), false);
            put(page, "\"} %llu\n", (unsigned long long)count);
        }
    }
    put(page, PREFIX "%s_bucket{%s%sle=\"+Inf\"} %llu\n", row->name, row->labels, comma,
        (unsigned long long)count);
    put(page, PREFIX "%s_sum%s%s%s ", row->name, open, row->labels, close);
    put_value(page, row->unit, metrics_value(sets, set_count, row_index), false);
    put(page, "\n" PREFIX "%s_count%s%s%s %llu\n", row->name, open, row->labels, close,
        (unsigned long long)count);
}

static_assert((HISTOGRAM_BUCKET_COUNT - 2) % HISTOGRAM_STEP_COUNT == 0,
              "every fourth bucket ends at a power of two");

static void
put_head(struct metrics_page *page, const struct metric_row *row)
{
    const char *type = "gauge";

    if (row->kind == METRIC_KIND_COUNTER) {
        type = "counter";
    } else if (row->kind == METRIC_KIND_HISTOGRAM) {
        type = "histogram";
    }
    put(page, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", row->name, row->help, row->name, type);
}

void
metrics_render(struct metrics_page *page, const struct metrics *const sets[], uint32_t set_count)
{
    const struct metric_table *table = sets[0]->table;

    REQUIRE(set_count > 0);

    for (uint32_t i = 0; i < table->row_count && !page->is_cut; i++) {
        const struct metric_row *row = &table->row[i];
        bool has_labels = row->labels[0] != '\0';

        if (i == 0 || strcmp(row->name, table->row[i - 1].name) != 0) {
            put_head(page, row);
        }
        if (row->kind == METRIC_KIND_HISTOGRAM) {
            put_histogram(page, sets, set_count, i);
            continue;
        }
        put(page, PREFIX "%s%s%s%s ", row->name, has_labels ? "{" : "", row->labels, has_labels ? "}" : "");
        put_value(page, row->unit, metrics_value(sets, set_count, i), row->kind == METRIC_KIND_GAUGE);
        put(page, "\n");
    }
}

static void
put_process(struct metrics_page *page, const char *name, const char *type, const char *help,
            enum metric_unit unit, uint64_t value)
{
    put(page, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s ", name, help, name, type, name);
    put_value(page, unit, value, false);
    put(page, "\n");
}

/* A small file of /proc as a string; empty when it cannot be read. */
static void
read_small(const char *path, char *out, size_t bytes_max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, out, bytes_max - 1) : -1;

    out[bytes > 0 ? bytes : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

/* The directory is read without opendir(), which allocates. */
static uint64_t
open_file_count(void)
{
    alignas(struct dirent64) char entries[4096];
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t count = 0;
    ssize_t bytes;

    if (fd < 0) {
        return 0;
    }
    while ((bytes = getdents64(fd, entries, sizeof(entries))) > 0) {
        for (ssize_t at = 0; at < bytes;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
            count += entry->d_name[0] != '.';
            at += entry->d_reclen;
        }
    }
    close(fd);
    return count > 0 ? count - 1 : 0; /* without the one that looks */
}

/* Field 22 of /proc/self/stat is the start in ticks since boot; its field 2 may hold anything but ')'. */
static uint64_t
start_time_ms(void)
{
    char stat[1024];
    const char *field;
    unsigned long long ticks = 0;
    struct timespec since_boot = {0};
    struct timespec now = {0};
    int64_t age_ms;

    read_small("/proc/self/stat", stat, sizeof(stat));
    field = strrchr(stat, ')');
    for (int i = 2; field != NULL && i < 22; i++) {
        field = strchr(field + 1, ' ');
    }
    if (field == NULL) {
        return 0;
    }
    ticks = strtoull(field, NULL, 10);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    clock_gettime(CLOCK_REALTIME, &now);
    age_ms = (int64_t)since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1000000 -
             (int64_t)ticks * 1000 / sysconf(_SC_CLK_TCK);
    return (uint64_t)((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - age_ms);
}

void
metrics_render_process(struct metrics_page *page)
{
    char statm[256];
    char *end = statm;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t virtual_pages;
    uint64_t resident_pages;
    struct timespec cpu = {0};
    struct rlimit files = {0};

    read_small("/proc/self/statm", statm, sizeof(statm));
    virtual_pages = strtoull(statm, &end, 10);
    resident_pages = strtoull(end, NULL, 10);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    getrlimit(RLIMIT_NOFILE, &files);

    put_process(page, "resident_memory_bytes", "gauge", "Memory of the process that is in RAM.",
                METRIC_UNIT_ONE, resident_pages * page_bytes);
    put_process(page, "virtual_memory_bytes", "gauge", "Address space of the process.", METRIC_UNIT_ONE,
                virtual_pages * page_bytes);
    put_process(page, "cpu_seconds_total", "counter", "User and system CPU time.", METRIC_UNIT_NS,
                (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec);
    put_process(page, "open_fds", "gauge", "Open file descriptors.", METRIC_UNIT_ONE, open_file_count());
    put_process(page, "max_fds", "gauge", "File descriptors that may be open.", METRIC_UNIT_ONE,
                files.rlim_cur);
    put_process(page, "start_time_seconds", "gauge", "When the process started, since the Unix epoch.",
                METRIC_UNIT_MS, start_time_ms());
}

void
metrics_render_build(struct metrics_page *page, const char *version, const char *commit, const char *io)
{
    put(page, "# HELP " PREFIX "build_info What is running, and on which I/O.\n# TYPE " PREFIX
              "build_info gauge\n");
    put(page, PREFIX "build_info{version=\"%s\",commit=\"%s\",io=\"%s\"} 1\n", version, commit, io);
}
