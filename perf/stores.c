/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stores - read, modify, write of records by key: log_store beside RocksDB, one thread each
 *
 * The same keys, in the same order (Zipf, 0.99), in the same memory, and equally durable: what has been changed is on disk
 * some seconds later, ours by a cut, RocksDB's by a flush of its memtable, as either would be used under a log that
 * makes every change durable first. Batches of 32: ours looks ahead, RocksDB gets and writes them in one call each.
 *
 * Part of the data that fits in memory: `memory` is twice the data, `third` a third of it. Our index is part of our
 * memory; blocks, filters, indexes and memtables of RocksDB are part of its. O_DIRECT, so that the system's memory helps
 * neither. The load comes first and is not measured, nor is what follows until it is warm: half of --seconds.
 *
 * `restart`: 16 stores, and how long two threads take to have them again from disk.
 */

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/disk_real.h"
#include "core/env.h"
#include "core/hash.h"
#include "core/region.h"
#include "perf/number.h"
#include "perf/stores_rocksdb.h"
#include "perf/zipf.h"
#include "storage/log_store.h"

#define BATCH_COUNT 32u
#define WAITING_COUNT 256u
#define PAGE_BYTES (UINT64_C(4) << 20)
#define RECORD_BYTES_EXTRA 24u
#define TRACE_COUNT (UINT32_C(1) << 23)
#define FOLDER "slices"
#define RESTART_STORE_COUNT 16u
#define RESTART_THREAD_COUNT 2u
#define STEP_NS (100 * NS_PER_US)

static struct {
    uint64_t key_count;
    uint32_t record_bytes;
    uint32_t seconds;
    uint32_t cut_seconds;
    const char *directory;
    const char *what;
    bool is_ours;
    bool is_theirs;
    bool is_logged;
    bool is_checked;
} options = {
    .key_count = 1000000,
    .record_bytes = 300,
    .seconds = 15,
    .cut_seconds = 5,
    .directory = "build/perf/stores",
    .what = "memory",
    .is_ours = true,
    .is_theirs = true,
    .is_checked = true,
};

static uint32_t *trace;

static uint64_t
now_ns(void)
{
    struct timespec time;

    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static uint64_t
cpu_ns(void)
{
    struct rusage usage;

    REQUIRE(getrusage(RUSAGE_SELF, &usage) == 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NS_PER_US;
}

static void
make_trace(void)
{
    struct zipf zipf;

    zipf_init(&zipf, options.key_count, 42);
    trace = malloc(TRACE_COUNT * sizeof(*trace));
    REQUIRE(trace != NULL);
    for (uint32_t i = 0; i < TRACE_COUNT; i++) {
        trace[i] = (uint32_t)zipf_next(&zipf);
    }
}

static struct store_key
key_of(uint64_t n)
{
    struct store_key key;
    uint64_t word[2] = {hash_mix(n * 2 + 1), hash_mix(n * 2 + 2)};

    memcpy(key.byte, word, sizeof(word));
    return key;
}

/* A count at the beginning, and noise. */
static void
make_record(uint8_t *record, uint64_t n)
{
    for (uint32_t i = 0; i + 8 <= options.record_bytes; i += 8) {
        uint64_t word = i == 0 ? 0 : hash_mix(n * 64 + i);
        memcpy(record + i, &word, sizeof(word));
    }
}

static void
change_record(uint8_t *record)
{
    uint64_t count;
    uint64_t sum;

    memcpy(&count, record, sizeof(count));
    count++;
    memcpy(record, &count, sizeof(count));
    for (uint32_t i = 64; i + 8 <= options.record_bytes; i += 64) {
        memcpy(&sum, record + i, sizeof(sum));
        sum += count;
        memcpy(record + i, &sum, sizeof(sum));
    }
}

static uint64_t
data_bytes(void)
{
    return options.key_count * (options.record_bytes + 16);
}

static uint64_t
memory_bytes(void)
{
    uint64_t bytes = strcmp(options.what, "third") == 0 ? data_bytes() / 3 : data_bytes() * 2;

    return bytes > (UINT64_C(64) << 20) ? bytes : UINT64_C(64) << 20;
}

struct measure {
    uint64_t began_ns;
    uint64_t from_ns; /* of what is measured; 0: still warming up */
    uint64_t from_cpu_ns;
    uint64_t from_count;
    uint64_t cut_ns;
    uint64_t count;
    uint64_t longest_ns; /* of a batch */
};

static void
measure_begin(struct measure *measure)
{
    *measure = (struct measure){.began_ns = now_ns()};
    measure->cut_ns = measure->began_ns;
}

/* False: it is over. */
static bool
measure_goes_on(struct measure *measure, bool *out_cut)
{
    uint64_t now = now_ns();

    if (measure->from_ns == 0 && now - measure->began_ns >= options.seconds * NS_PER_S / 2) {
        measure->from_ns = now;
        measure->from_cpu_ns = cpu_ns();
        measure->from_count = measure->count;
    }
    *out_cut = now - measure->cut_ns >= options.cut_seconds * NS_PER_S;
    measure->cut_ns = *out_cut ? now : measure->cut_ns;
    return measure->from_ns == 0 || now - measure->from_ns < options.seconds * NS_PER_S;
}

static double
measure_end(const struct measure *measure, const char *who)
{
    double seconds = (double)(now_ns() - measure->from_ns) / (double)NS_PER_S;
    double cpu = (double)(cpu_ns() - measure->from_cpu_ns) / (double)NS_PER_S;
    double rate = (double)(measure->count - measure->from_count) / seconds;

    printf("stores %s.%s: %.0f changes/s, %.2f CPUs, %" PRIu64 " keys of %u bytes, %" PRIu64
           " MiB of memory\n",
           who, options.what, rate, cpu / seconds, options.key_count, options.record_bytes,
           memory_bytes() >> 20);
    (void)fflush(stdout);
    return rate;
}

/* Ours. */

struct waiting {
    struct log_store_waiter waiter;
    struct waiting *next;
    uint64_t n;
};

static struct {
    struct disk *disk;
    struct env *env;
    struct region region;
    struct log_store *store;
    struct waiting waiting[WAITING_COUNT];
    struct waiting *unused;
    uint32_t waiting_count;
    uint64_t cut;
    uint64_t done;
    uint64_t sum;
    bool is_cutting;
    bool is_counting;
} ours;

static void
on_fatal(void *context, int fault, const char *what)
{
    (void)context;
    fprintf(stderr, "stores: %s (%d)\n", what, fault);
    abort();
}

static struct log_store_options
store_options(struct env *env, struct region *region, const char *name, uint64_t bytes)
{
    return (struct log_store_options){
        .env = env,
        .region = region,
        .name = name,
        .number = 1,
        .seed = {1, 2},
        .page_bytes = PAGE_BYTES,
        .memory_bytes = bytes,
        .is_indexed = true,
        .on_fatal = on_fatal,
    };
}

static void
use_record(void *record, uint64_t n)
{
    if (ours.is_counting) {
        uint64_t count;
        memcpy(&count, record, sizeof(count));
        ours.sum += count;
        return;
    }
    record = log_store_change(ours.store, key_of(n), record, options.record_bytes);
    REQUIRE(record != NULL);
    change_record(record);
    ours.done++;
}

static void
arrived(struct log_store_waiter *waiter)
{
    struct waiting *waiting = CONTAINER_OF(waiter, struct waiting, waiter);
    void *record;
    uint32_t bytes;

    REQUIRE(log_store_find(ours.store, key_of(waiting->n), waiter, &record, &bytes) == 0);
    use_record(record, waiting->n);
    waiting->next = ours.unused;
    ours.unused = waiting;
    ours.waiting_count--;
}

static void
look_up(uint64_t n)
{
    struct waiting *waiting = ours.unused;
    void *record;
    uint32_t bytes;
    int r;

    waiting->waiter.arrived = arrived;
    waiting->n = n;
    r = log_store_find(ours.store, key_of(n), &waiting->waiter, &record, &bytes);
    REQUIRE(r != LOG_STORE_ABSENT);
    if (r == LOG_STORE_LATER) {
        ours.unused = waiting->next;
        ours.waiting_count++;
        return;
    }
    use_record(record, n);
}

static void
turn_ours(void)
{
    (void)log_store_step(ours.store, (struct mono_ns){.ns = env_mono(ours.env).ns + STEP_NS});
    (void)env_turn(ours.env, (struct mono_ns){0});
    while (ours.waiting_count > WAITING_COUNT - BATCH_COUNT || log_store_is_behind(ours.store)) {
        bool has_more = log_store_step(ours.store, (struct mono_ns){.ns = env_mono(ours.env).ns + STEP_NS});
        (void)env_turn(ours.env, (struct mono_ns){.ns = has_more ? 0 : NS_PER_MS});
    }
}

static void
cut_ours(bool is_due)
{
    void *description;
    uint64_t bytes;

    if (ours.is_cutting && log_store_is_cut_durable(ours.store)) {
        REQUIRE(log_store_describe(ours.store, &ours.region, &description, &bytes) == 0);
        region_put(&ours.region, description, bytes);
        log_store_release(ours.store, ours.cut - 1); /* two are kept */
        ours.is_cutting = false;
    }
    if (is_due && !ours.is_cutting) {
        ours.cut++;
        log_store_cut(ours.store, ours.cut);
        ours.is_cutting = true;
    }
}

static void
settle_ours(void)
{
    for (;;) {
        bool has_more = log_store_step(ours.store, MONO_NEVER);
        if (!has_more && log_store_is_idle(ours.store) && ours.waiting_count == 0) {
            return;
        }
        (void)env_turn(ours.env, (struct mono_ns){.ns = has_more ? 0 : NS_PER_MS});
    }
}

static void
load_ours(void)
{
    uint64_t began = now_ns();

    for (uint64_t n = 0; n < options.key_count; n++) {
        void *record = log_store_add(ours.store, key_of(n), options.record_bytes);
        REQUIRE(record != NULL);
        make_record(record, n);
        if (n % 256 == 255) {
            turn_ours();
        }
    }
    printf("stores ours.load: %.0f records/s, %.1f bytes of index a key\n",
           (double)options.key_count * 1e9 / (double)(now_ns() - began),
           (double)log_store_counts(ours.store).index_bytes / (double)options.key_count);
    cut_ours(true);
    settle_ours();
    cut_ours(false);
}

static void
check_ours(void)
{
    ours.is_counting = true;
    for (uint64_t n = 0; n < options.key_count; n++) {
        look_up(n);
        if (n % BATCH_COUNT == 0) {
            turn_ours();
        }
    }
    settle_ours();
    REQUIRE(ours.sum == ours.done);
}

static void
say_counts(void)
{
    struct log_store_counts counts = log_store_counts(ours.store);

    printf("stores ours.%s: written / changed %.2f, live %" PRIu64 " MiB, pages %" PRIu64
           " MiB, kept %" PRIu64 " MiB, resident %" PRIu64 " MiB, index %" PRIu64 " MiB, file %" PRIu64
           " MiB, cold reads %" PRIu64 "\n",
           options.what, (double)counts.written_bytes / (double)counts.changed_bytes, counts.live_bytes >> 20,
           counts.page_bytes >> 20, counts.kept_bytes >> 20, counts.resident_bytes >> 20,
           counts.index_bytes >> 20, counts.file_bytes >> 20, counts.cold_reads);
}

static void
open_world(uint64_t region_bytes)
{
    char reason[128];

    REQUIRE(disk_real_open(options.directory, &ours.disk) == 0);
    REQUIRE(ours.disk->ops->make_folder(ours.disk, FOLDER) == 0);
    REQUIRE(region_init(&ours.region, region_bytes) == 0);
    REQUIRE(env_open(ENV_AUTO, ours.disk, &ours.env, reason) == 0);
    for (uint32_t i = 0; i < WAITING_COUNT; i++) {
        ours.waiting[i].next = ours.unused;
        ours.unused = &ours.waiting[i];
    }
}

static double
run_ours(void)
{
    uint64_t index_bytes = options.key_count * 13;
    struct measure measure;
    uint64_t at = 0;
    bool is_cut_due;

    open_world(memory_bytes() * 2 + (UINT64_C(1) << 30));
    REQUIRE(log_store_open(
                store_options(ours.env, &ours.region, FOLDER "/000.pages", memory_bytes() - index_bytes),
                &ours.store) == 0);
    load_ours();
    measure_begin(&measure);
    while (measure_goes_on(&measure, &is_cut_due)) {
        const uint32_t *batch = &trace[at];

        at = (at + BATCH_COUNT) % TRACE_COUNT;
        for (uint32_t i = 0; i < BATCH_COUNT; i++) {
            log_store_prefetch(ours.store, key_of(batch[i]));
        }
        for (uint32_t i = 0; i < BATCH_COUNT; i++) {
            log_store_prefetch_record(ours.store, key_of(batch[i]));
        }
        for (uint32_t i = 0; i < BATCH_COUNT; i++) {
            look_up(batch[i]);
        }
        turn_ours();
        cut_ours(is_cut_due);
        measure.count = ours.done;
    }
    double rate = measure_end(&measure, "ours");
    settle_ours();
    say_counts();
    if (options.is_checked) {
        check_ours();
    }
    env_close(ours.env);
    log_store_close(ours.store);
    region_deinit(&ours.region);
    disk_real_close(ours.disk);
    return rate;
}

/* Theirs. */

static double
run_theirs(void)
{
    struct rocks_options rocks_options = {
        .directory = options.directory,
        .memory_bytes = memory_bytes(),
        .data_bytes = data_bytes(),
        .is_logged = options.is_logged,
    };
    const char *why = "";
    struct rocks *rocks = rocks_open(rocks_options, &why);
    uint8_t *values = calloc(BATCH_COUNT, options.record_bytes);
    struct uuid keys[BATCH_COUNT];
    struct measure measure;
    uint64_t at = 0;
    bool is_cut_due;

    REQUIRE(values != NULL);
    if (rocks == NULL) {
        printf("stores rocksdb: skipped: %s\n", why);
        free(values);
        return 0;
    }
    for (uint64_t n = 0; n < options.key_count; n += BATCH_COUNT) {
        uint32_t count = 0;
        for (; count < BATCH_COUNT && n + count < options.key_count; count++) {
            struct store_key key = key_of(n + count);
            memcpy(&keys[count], &key, sizeof(key));
            make_record(values + (size_t)count * options.record_bytes, n + count);
        }
        rocks_put(rocks, keys, count, values, options.record_bytes);
    }
    rocks_settle(rocks);
    measure_begin(&measure);
    while (measure_goes_on(&measure, &is_cut_due)) {
        for (uint32_t i = 0; i < BATCH_COUNT; i++) {
            struct store_key key = key_of(trace[at + i]);
            memcpy(&keys[i], &key, sizeof(key));
        }
        at = (at + BATCH_COUNT) % TRACE_COUNT;
        rocks_get(rocks, keys, BATCH_COUNT, values, options.record_bytes);
        for (uint32_t i = 0; i < BATCH_COUNT; i++) {
            change_record(values + (size_t)i * options.record_bytes);
        }
        rocks_put(rocks, keys, BATCH_COUNT, values, options.record_bytes);
        if (is_cut_due) {
            rocks_flush(rocks);
        }
        measure.count += BATCH_COUNT;
    }
    double rate = measure_end(&measure, options.is_logged ? "rocksdb_logged" : "rocksdb");
    rocks_close(rocks);
    free(values);
    return rate;
}

/* Restart. */

struct restart {
    uint32_t thread;
    struct region region;
    struct env *env;
    struct log_store *stores[RESTART_STORE_COUNT];
    void *descriptions[RESTART_STORE_COUNT];
    uint64_t bytes[RESTART_STORE_COUNT];
    uint64_t visited;
};

static struct restart restarts[RESTART_THREAD_COUNT];

static void
name_store(uint32_t i, char *name)
{
    snprintf(name, DISK_NAME_BYTES_MAX, FOLDER "/%03u.pages", i);
}

static void
count_visit(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    (void)place;
    uint64_t *visited = context;

    (void)key;
    (void)record;
    *visited += bytes == options.record_bytes;
}

static void *
run_restart(void *context)
{
    struct restart *restart = context;
    char reason[LOG_STORE_REASON_BYTES];
    char name[DISK_NAME_BYTES_MAX];

    for (uint32_t i = restart->thread; i < RESTART_STORE_COUNT; i += RESTART_THREAD_COUNT) {
        name_store(i, name);
        int r = log_store_restore(store_options(restart->env, &restart->region, name, 0),
                                  restart->descriptions[i], restart->bytes[i], count_visit, &restart->visited,
                                  &restart->stores[i], reason);
        if (r != 0) {
            fprintf(stderr, "stores: %s\n", reason);
            abort();
        }
    }
    return NULL;
}

static void
fill_stores(struct restart *restart)
{
    char name[DISK_NAME_BYTES_MAX];

    for (uint32_t i = restart->thread; i < RESTART_STORE_COUNT; i += RESTART_THREAD_COUNT) {
        void *description;

        name_store(i, name);
        REQUIRE(log_store_open(store_options(restart->env, &restart->region, name, 8 * PAGE_BYTES),
                               &ours.store) == 0);
        for (uint64_t n = i; n < options.key_count; n += RESTART_STORE_COUNT) {
            void *record = log_store_add(ours.store, key_of(n), options.record_bytes);
            REQUIRE(record != NULL);
            make_record(record, n);
            if (n / RESTART_STORE_COUNT % 256 == 255) {
                turn_ours();
            }
        }
        log_store_cut(ours.store, 1);
        settle_ours();
        REQUIRE(log_store_describe(ours.store, &restart->region, &description, &restart->bytes[i]) == 0);
        restart->descriptions[i] = malloc(restart->bytes[i]);
        memcpy(restart->descriptions[i], description, restart->bytes[i]);
        log_store_close(ours.store);
    }
}

static void
run_restarts(void)
{
    pthread_t threads[RESTART_THREAD_COUNT];
    uint64_t visited = 0;

    open_world(UINT64_C(1) << 30);
    for (uint32_t i = 0; i < RESTART_THREAD_COUNT; i++) {
        restarts[i].thread = i;
        restarts[i].env = ours.env;
        REQUIRE(region_init(&restarts[i].region, data_bytes() + (UINT64_C(1) << 30)) == 0);
        fill_stores(&restarts[i]);
        region_deinit(&restarts[i].region);
        REQUIRE(region_init(&restarts[i].region, data_bytes() + (UINT64_C(1) << 30)) == 0);
    }
    uint64_t began = now_ns();
    uint64_t cpu = cpu_ns();
    for (uint32_t i = 0; i < RESTART_THREAD_COUNT; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, run_restart, &restarts[i]) == 0);
    }
    for (uint32_t i = 0; i < RESTART_THREAD_COUNT; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        visited += restarts[i].visited;
    }
    REQUIRE(visited == options.key_count);
    printf("stores ours.restart: %.3f s, %.3f s of CPU, %" PRIu64
           " records of %u bytes in %u stores, %u threads\n",
           (double)(now_ns() - began) / (double)NS_PER_S, (double)(cpu_ns() - cpu) / (double)NS_PER_S,
           options.key_count, options.record_bytes, RESTART_STORE_COUNT, RESTART_THREAD_COUNT);
}

static void
read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--keys") == 0) {
            options.key_count = number_of("stores", "--keys", argv[++i], 1000, 100000000);
        } else if (strcmp(argv[i], "--bytes") == 0) {
            options.record_bytes = (uint32_t)number_of("stores", "--bytes", argv[++i], 8, 1000000);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = (uint32_t)number_of("stores", "--seconds", argv[++i], 1, 3600);
        } else if (strcmp(argv[i], "--cut-seconds") == 0) {
            options.cut_seconds = (uint32_t)number_of("stores", "--cut-seconds", argv[++i], 1, 3600);
        } else if (strcmp(argv[i], "--directory") == 0 && i + 1 < argc) {
            options.directory = argv[++i];
        } else if (strcmp(argv[i], "--ours") == 0) {
            options.is_theirs = false;
        } else if (strcmp(argv[i], "--theirs") == 0) {
            options.is_ours = false;
        } else if (strcmp(argv[i], "--rocksdb-log") == 0) {
            options.is_logged = true;
        } else if (strcmp(argv[i], "--unchecked") == 0) {
            options.is_checked = false;
        } else if (strcmp(argv[i], "memory") == 0 || strcmp(argv[i], "third") == 0 ||
                   strcmp(argv[i], "restart") == 0) {
            options.what = argv[i];
        } else {
            fputs(
                "perf_stores [memory|third|restart] [--keys N] [--bytes N] [--seconds N] [--cut-seconds N]\n"
                "            [--directory PATH] [--ours|--theirs] [--rocksdb-log] [--unchecked]\n",
                stderr);
            exit(2);
        }
    }
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void
remove_directory(void)
{
    (void)nftw(options.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new one, in the given one. */
static void
make_directory(void)
{
    static char name[4096];

    (void)mkdir(options.directory, 0700);
    snprintf(name, sizeof(name), "%s/stores-XXXXXX", options.directory);
    if (mkdtemp(name) == NULL) {
        fprintf(stderr, "stores: %s: %s\n", options.directory, strerror(errno));
        exit(2);
    }
    options.directory = name;
}

int
main(int argc, char **argv)
{
    double our_rate = 0;
    double their_rate = 0;
    const char *place;

    read_options(argc, argv);
    place = options.directory;
    make_directory();
    if (strcmp(options.what, "restart") == 0) {
        run_restarts();
        remove_directory();
        return 0;
    }
    make_trace();
    if (!options.is_ours) {
        remove_directory();
    } else {
        our_rate = run_ours();
        remove_directory();
    }
    if (options.is_theirs) {
        options.directory = place;
        make_directory();
        their_rate = run_theirs();
        remove_directory();
    }
    if (our_rate > 0 && their_rate > 0) {
        printf("stores ratio.%s: %.1f\n", options.what, our_rate / their_rate);
    }
    return 0;
}
