/* SPDX-License-Identifier: Apache-2.0 */
#include "net/serve.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/log_line.h"
#include "core/version.h"
#include "net/http_server.h"
#include "net/keys.h"
#include "net/listener.h"
#include "net/settings.h"
#include "net/settings_files.h"
#include "net/settings_flags.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"
#include "storage/recovery.h"

/*
 * The life of a shard's thread:
 *
 *   open --all are open--> run --every shard is at rest--> (all have left) --> close
 *
 * "All" is a barrier, twice: nobody may publish to a shard that is not open, and nobody may ring the bell of one that
 * is closed. A thread that cannot open still comes to both.
 */

#define EXIT_GOOD 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_STORAGE 74
#define STOP_NS (9500 * NS_PER_MS)
/* Ctrl-C reaches a whole group of processes, and who started us passes it on: that is one wish, not two. */
#define ONE_WISH_NS (500 * NS_PER_MS)
#define WAIT_READY_MS 20
#define FILES_FOR_OURSELVES 256u
#define CONNECTIONS_MAX 65536u
/* Of an open node, whose tenants are not known beforehand: some may have to share one. */
#define RATE_BUCKETS_OPEN 4096u

struct serve {
    struct settings settings;
    const char *config_file;
    bool accept_loss;
    uint64_t begun_ns;

    struct disk *disk;
    struct node node;
    struct recovery_report report;
    struct http_shared shared;
    struct settings_files files;
    char address[LISTENER_TEXT_BYTES];
    int listeners[SHARD_COUNT_MAX]; /* a thread takes its own */
    uint32_t shard_count;
    bool is_pinned;
    cpu_set_t cpus;
    struct thread *threads;
    uint32_t thread_count; /* that were started */
    pthread_barrier_t all_open;
    pthread_barrier_t all_left;
    _Atomic uint32_t failed_count;
    _Atomic uint32_t ended_count;
    int event; /* a thread has ended */
    int signals;
};

struct thread {
    struct serve *serve;
    uint32_t index;
    int listener; /* -1 once the server has it */
    pthread_t id;
    struct metrics metrics;
    struct env *env;
    struct http_server *server;
    enum env_backend backend;
    char io_reason[128];
    struct shard shard;
};

static uint64_t
mono_ns_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t
dice(void *context)
{
    uint64_t number;

    (void)context;
    while (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number)) {
    }
    return number;
}

static void
die(struct node *node, int status, const char *what)
{
    (void)node;
    log_error("the node must end", LOG_TEXT("why", what));
    _exit(status);
}

/* ---- A shard's thread. ---- */

static const char *
io_said(enum env_backend backend)
{
    return backend == ENV_URING ? "io_uring" : "epoll";
}

static int
open_shard(struct thread *thread)
{
    static const enum env_backend backends[] = {
        [SETTINGS_IO_AUTO] = ENV_AUTO, [SETTINGS_IO_URING] = ENV_URING, [SETTINGS_IO_EPOLL] = ENV_EPOLL};
    struct serve *serve = thread->serve;
    const struct settings *settings = &serve->settings;
    int listener = thread->listener;
    int r;

    r = env_open(backends[settings->io], serve->disk, &thread->env, thread->io_reason);
    if (r != 0) {
        log_error("cannot wait and write the way that was asked for", LOG_TEXT("setting", "io"),
                  LOG_FAULT(r));
        return fault_up(r);
    }
    thread->backend = thread->env->backend;
    if (thread->index == 0) {
        serve->shared.io = io_said(thread->backend); /* the barrier makes it known to the others */
    }
    r = shard_open(&thread->shard,
                   (struct shard_options){
                       .node = &serve->node,
                       .id = {.n = (uint16_t)thread->index},
                       .env = thread->env,
                       .metrics = &thread->metrics,
                       .region_bytes = settings_memory_bytes(settings) + settings_memory_bytes(settings) / 2,
                       .segment_bytes = settings->log_segment_bytes,
                       .block_bytes = (uint32_t)settings->log_block_bytes,
                       .wall_floor = serve->report.wall_floor,
                   });
    if (r != 0) {
        log_error(r == -ENOSPC ? "the disk is full"
                  : r == -EUCLEAN
                      ? "the newest checkpoint is damaged; --accept-loss starts from the one before, "
                        "where that is whole"
                      : "a shard cannot be opened",
                  LOG_TEXT("why", thread->shard.reason), LOG_FAULT(r));
        if (r == -EUCLEAN || r == -ENOTSUP) {
            _exit(EXIT_STORAGE); /* nobody listens yet */
        }
        return fault_up(r);
    }
    thread->listener = -1;
    r = http_server_open(&thread->shard, &serve->shared, listener, &thread->server);
    if (r != 0) {
        log_error("HTTP cannot be served", LOG_FAULT(r));
        return fault_up(r);
    }
    return 0;
}

static void *
thread_main(void *context)
{
    struct thread *thread = context;
    struct serve *serve = thread->serve;
    uint64_t one = 1;

    log_shard((int)thread->index);
    if (open_shard(thread) != 0) {
        atomic_fetch_add(&serve->failed_count, 1);
    }
    pthread_barrier_wait(&serve->all_open);
    if (atomic_load(&serve->failed_count) == 0) {
        shard_run(&thread->shard);
    }
    http_server_close(thread->server);
    pthread_barrier_wait(&serve->all_left);
    if (thread->shard.env != NULL) {
        shard_close(&thread->shard);
    }
    if (thread->listener >= 0) {
        close(thread->listener);
    }
    atomic_fetch_add(&serve->ended_count, 1);
    (void)!write(serve->event, &one, sizeof(one));
    return NULL;
}

static int
start_thread(struct serve *serve, struct thread *thread)
{
    pthread_attr_t attributes;
    char name[16];
    int r;

    pthread_attr_init(&attributes);
    if (serve->is_pinned) {
        cpu_set_t mine;
        uint32_t seen = 0;

        CPU_ZERO(&mine);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &serve->cpus) && seen++ == thread->index) {
                CPU_SET(cpu, &mine);
            }
        }
        pthread_attr_setaffinity_np(&attributes, sizeof(mine), &mine);
    }
    r = pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (r != 0) {
        return fault_new(-r);
    }
    snprintf(name, sizeof(name), "shard-%u", thread->index);
    pthread_setname_np(thread->id, name);
    return 0;
}

/* ---- Before the threads. ---- */

static void
raise_file_limit(struct serve *serve)
{
    struct rlimit limit;
    uint64_t for_clients = 1024;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
        for_clients = limit.rlim_cur > 2 * FILES_FOR_OURSELVES ? limit.rlim_cur - FILES_FOR_OURSELVES
                                                               : limit.rlim_cur / 2;
    }
    for_clients /= serve->shard_count;
    serve->shared.connection_count_max =
        for_clients < CONNECTIONS_MAX ? (uint32_t)for_clients : CONNECTIONS_MAX;
}

static int
open_disk(struct serve *serve)
{
    const char *folder = serve->settings.storage_data_dir;
    int r = disk_real_open(folder, &serve->disk);

    if (r == 0) {
        return 0;
    }
    log_error(r == -EBUSY ? "another process uses this data directory"
                          : "the data directory cannot be opened",
              LOG_TEXT("data", folder), LOG_TEXT("why", strerror(-r)), LOG_FAULT(r));
    return fault_up(r);
}

static struct wall_ms
wall_ms_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (struct wall_ms){.ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / (int64_t)NS_PER_MS};
}

/* No refusal: Kubernetes makes such variables for a service of our name. */
static void
warn_of_variables(struct serve *serve)
{
    char said[256];
    uint32_t at = 0;

    while (conf_next_unknown(&serve->settings.conf, environ, &at, said, sizeof(said))) {
        log_warn("an environment variable is ignored", LOG_TEXT("why", said));
    }
}

static int
open_access(struct serve *serve)
{
    uint32_t bucket_count =
        serve->files.keys != NULL ? keys_tenant_count(serve->files.keys) : RATE_BUCKETS_OPEN;
    struct wall_ms now = wall_ms_now();
    const struct key *expired;
    uint32_t at = 0;

    while (serve->files.keys != NULL && (expired = keys_next_expired(serve->files.keys, now, &at)) != NULL) {
        log_warn("a key or token has expired", LOG_TEXT("setting", expired->where));
    }
    serve->shared.keys = serve->files.keys;
    serve->shared.geoip = serve->files.geoip;
    return fault_up(rate_limit_open(&serve->shared.rate_limit, serve->settings.ingest_rate_limit,
                                    bucket_count > 0 ? bucket_count : 1));
}

/* Before the log is touched: a node that cannot listen leaves no trace of a start in it. */
static int
open_listeners(struct serve *serve)
{
    char problem[LISTENER_TEXT_BYTES] = "";
    struct text host;
    uint16_t port;
    int r;

    if (!settings_listen_parts(serve->settings.listen, &host, &port)) {
        return fault_new(-EINVAL); /* settings_check() has seen it */
    }
    r = listener_open(host, port, serve->shard_count, serve->listeners, serve->address, problem);
    if (r != 0) {
        log_error("the node cannot listen", LOG_TEXT("listen", serve->settings.listen),
                  LOG_TEXT("why", problem));
        return fault_up(r);
    }
    serve->shared.listen_host = host;
    return 0;
}

static int
open_node(struct serve *serve)
{
    const struct settings *settings = &serve->settings;
    struct recovery_report *report = &serve->report;
    int r = node_open(
        &serve->node, serve->disk,
        (struct node_options){
            .shard_count = serve->shard_count,
            .partition_count = (uint32_t)settings->storage_partitions,
            .slice_count = (uint32_t)settings->storage_slices,
            .rules =
                {
                    .out_of_orderness_ms = settings->event_time_out_of_orderness_ms,
                    .allowed_lateness_ms = settings->event_time_allowed_lateness_ms,
                    .session_gap_ms = settings->sessions_gap_ms,
                    .session_horizon_ms = settings->sessions_horizon_ms,
                    .dedup_events = settings->dedup_events,
                },
            .deadline_ns = (uint64_t)settings->query_deadline_ms * NS_PER_MS,
            .memory_bytes_max = settings_memory_bytes(settings),
            .accept_loss = serve->accept_loss,
            .checkpoint_interval_ns = (uint64_t)settings->storage_checkpoint_interval_ms * NS_PER_MS,
            .checkpoint_events = settings->storage_checkpoint_events,
            .dice = dice,
            .fatal = die,
        },
        report);

    if (r == -EUCLEAN && report->is_manifest) {
        log_error("the manifest is damaged: the data directory cannot be used without it",
                  LOG_TEXT("why", report->reason), LOG_TEXT("data", settings->storage_data_dir));
    } else if (r == -EUCLEAN && report->is_foreign) {
        log_error("the data directory holds the log of another store", LOG_TEXT("why", report->reason),
                  LOG_TEXT("data", settings->storage_data_dir));
    } else if (r == -EUCLEAN && report->is_checkpoint && serve->accept_loss) {
        log_error(
            "no checkpoint is whole, and the log has no longer what they hold: only a backup of the data "
            "directory brings it back",
            LOG_TEXT("why", report->reason), LOG_TEXT("data", settings->storage_data_dir));
    } else if (r == -EUCLEAN && report->is_checkpoint) {
        log_error("the newest checkpoint is damaged; --accept-loss starts from the one before",
                  LOG_TEXT("why", report->reason), LOG_TEXT("data", settings->storage_data_dir));
    } else if (r == -EUCLEAN) {
        log_error("the log is damaged; --accept-loss starts without what was lost",
                  LOG_TEXT("why", report->reason), LOG_TEXT("data", settings->storage_data_dir));
    } else if (r != 0) {
        log_error("the data directory cannot be read", LOG_TEXT("why", report->reason),
                  LOG_TEXT("data", settings->storage_data_dir), LOG_FAULT(r));
    } else if (report->lost_blocks > 0) {
        log_warn("starting without blocks of the log that were damaged",
                 LOG_UINT("lost_blocks", report->lost_blocks), LOG_TEXT("first", report->reason));
    }
    return r != 0 ? fault_up(r) : 0;
}

static int
make_threads(struct serve *serve)
{
    serve->threads = aligned_alloc(CACHE_LINE_BYTES,
                                   align_up(serve->shard_count * sizeof(*serve->threads), CACHE_LINE_BYTES));
    if (serve->threads == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(serve->threads, 0, serve->shard_count * sizeof(*serve->threads));
    for (uint32_t i = 0; i < serve->shard_count; i++) {
        struct thread *thread = &serve->threads[i];
        int r;

        thread->serve = serve;
        thread->index = i;
        thread->listener = serve->listeners[i];
        r = metrics_init(&thread->metrics, &metrics_table);
        if (r != 0) {
            return fault_up(r);
        }
        serve->shared.metrics[i] = &thread->metrics;
    }
    return 0;
}

/* ---- Running. ---- */

static void
say_started(struct serve *serve)
{
    const struct thread *first = &serve->threads[0];

    if (first->io_reason[0] != '\0') {
        log_warn("io_uring is not used", LOG_TEXT("why", first->io_reason));
    }
    log_info("started", LOG_TEXT("listen", serve->address), LOG_UINT("shards", serve->shard_count),
             LOG_BOOL("pinned", serve->is_pinned), LOG_TEXT("io", io_said(first->backend)),
             LOG_TEXT("disk", serve->disk->is_direct ? "direct" : "buffered"),
             LOG_TEXT("data", serve->settings.storage_data_dir), LOG_TEXT("version", version_number),
             LOG_UINT("epoch", serve->report.epoch), LOG_BOOL("open", serve->files.keys == NULL),
             LOG_UINT("start_ms", (mono_ns_now() - serve->begun_ns) / NS_PER_MS));
}

static void
say_ready(struct serve *serve)
{
    log_info("ready", LOG_UINT("torn_streams", serve->report.torn_streams),
             LOG_UINT("ready_ms", (mono_ns_now() - serve->begun_ns) / NS_PER_MS));
}

static void
wake_all(struct serve *serve)
{
    for (uint32_t i = 0; i < serve->shard_count; i++) {
        shard_wake(&serve->node, (struct shard_id){.n = (uint16_t)i});
    }
}

/* A signal, or the end of a thread, or nothing for that long. */
static bool
wait_for_signal(struct serve *serve, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = serve->signals, .events = POLLIN}, {.fd = serve->event, .events = POLLIN}};
    struct signalfd_siginfo info;

    if (poll(fds, COUNT_OF(fds), timeout_ms) <= 0 || (fds[0].revents & POLLIN) == 0) {
        return false;
    }
    return read(serve->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static void
run_until_signal(struct serve *serve)
{
    bool is_ready = false;

    for (;;) {
        if (!is_ready && node_is_ready(&serve->node)) {
            is_ready = true;
            say_ready(serve);
        }
        if (wait_for_signal(serve, is_ready ? -1 : WAIT_READY_MS) || atomic_load(&serve->ended_count) > 0) {
            return;
        }
    }
}

static int
stop(struct serve *serve)
{
    uint64_t begun_ns = mono_ns_now();
    uint64_t late_ns = begun_ns + STOP_NS;

    log_info("stopping: what is in flight is finished; a second signal stops at once");
    atomic_store(&serve->node.is_stopping, true);
    wake_all(serve);
    while (atomic_load(&serve->ended_count) < serve->thread_count) {
        uint64_t now_ns = mono_ns_now();
        uint64_t drained;

        if (now_ns >= late_ns) {
            log_warn("stopped without waiting longer: some requests were not answered");
            _exit(EXIT_GOOD); /* what was answered is on disk */
        }
        if (wait_for_signal(serve, (int)((late_ns - now_ns) / NS_PER_MS) + 1) &&
            mono_ns_now() > begun_ns + ONE_WISH_NS) {
            log_warn("stopped at once");
            _exit(EXIT_FAILED);
        }
        (void)!read(serve->event, &drained, sizeof(drained));
    }
    log_info("stopped", LOG_UINT("stop_ms", (mono_ns_now() - begun_ns) / NS_PER_MS));
    return EXIT_GOOD;
}

static int
run_threads(struct serve *serve)
{
    int status = EXIT_FAILED;

    pthread_barrier_init(&serve->all_open, NULL, serve->shard_count + 1);
    pthread_barrier_init(&serve->all_left, NULL, serve->shard_count);
    for (uint32_t i = 0; i < serve->shard_count; i++) {
        int r = start_thread(serve, &serve->threads[i]);

        if (r != 0) {
            log_error("a thread cannot be started", LOG_FAULT(r));
            _exit(EXIT_FAILED); /* the others wait for it */
        }
        serve->thread_count++;
    }
    pthread_barrier_wait(&serve->all_open);
    if (atomic_load(&serve->failed_count) == 0) {
        say_started(serve);
        run_until_signal(serve);
        status = stop(serve);
    }
    for (uint32_t i = 0; i < serve->thread_count; i++) {
        pthread_join(serve->threads[i].id, NULL);
    }
    pthread_barrier_destroy(&serve->all_open);
    pthread_barrier_destroy(&serve->all_left);
    return status;
}

/* For every thread: they are started later, and take it over. */
static void
take_signals(struct serve *serve)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    serve->signals = signalfd(-1, &set, SFD_CLOEXEC);
    serve->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int
run(struct serve *serve)
{
    const struct settings *settings = &serve->settings;
    int status = EXIT_FAILED;
    int r;

    log_open(STDERR_FILENO, (enum log_format)settings->log_format, LOG_LEVEL_INFO);
    warn_of_variables(serve);
    take_signals(serve);
    serve->shard_count = settings_shard_count(settings);
    serve->is_pinned = sched_getaffinity(0, sizeof(serve->cpus), &serve->cpus) == 0 &&
                       (uint32_t)CPU_COUNT(&serve->cpus) == serve->shard_count && serve->shard_count > 1;
    serve->shared = (struct http_shared){
        .settings = settings,
        .node = &serve->node,
        .io = "",
        .shard_count = serve->shard_count,
    };
    raise_file_limit(serve);

    r = open_access(serve);
    if (r != 0) {
        log_error("no memory for the rate limit", LOG_FAULT(r));
        return EXIT_FAILED;
    }
    r = open_disk(serve);
    if (r != 0) {
        return EXIT_FAILED;
    }
    r = open_listeners(serve);
    if (r != 0) {
        disk_real_close(serve->disk);
        return EXIT_FAILED;
    }
    r = open_node(serve);
    if (r != 0) {
        disk_real_close(serve->disk);
        return EXIT_STORAGE; /* the listeners go with the process, here and below */
    }
    r = make_threads(serve);
    if (r == 0) {
        status = run_threads(serve);
    } else {
        log_error("no memory for the shards", LOG_FAULT(r));
    }
    for (uint32_t i = 0; serve->threads != NULL && i < serve->shard_count; i++) {
        metrics_deinit(&serve->threads[i].metrics);
    }
    node_close(&serve->node);
    disk_real_close(serve->disk);
    free(serve->threads);
    rate_limit_close(&serve->shared.rate_limit);
    close(serve->signals);
    close(serve->event);
    return status;
}

/* ---- Arguments. ---- */

static void
print_usage(FILE *out)
{
    fputs("millrace serve [OPTION...]     runs a node\n"
          "\n"
          "  --config FILE      settings (YAML); every key is also an environment variable "
          "(MILLRACE_...)\n" SETTINGS_FLAGS_USAGE "  --accept-loss      starts even if parts of the log or "
          "the newest checkpoint are damaged, without them\n"
          "  --help             this\n"
          "\n"
          "Without keys (keys.write and keys.read in the settings) the node is open: it listens on loopback "
          "only.\n"
          "\n"
          "SIGTERM and SIGINT stop it in order. Exit status: 0 stopped, 1 could not start, 2 wrong usage,\n"
          "74 storage failed.\n",
          out);
}

enum {
    OPTION_HELP = 'h',
    OPTION_CONFIG = 1000,
    OPTION_ACCEPT_LOSS,
    OPTION_SETTING, /* and the flag's place */
};

/* -1: go on. */
static int
read_arguments(struct serve *serve, int argc, char **argv, struct settings_flags *flags)
{
    struct option options[SETTINGS_FLAG_COUNT + 4] = {
        {"help", no_argument, NULL, OPTION_HELP},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"accept-loss", no_argument, NULL, OPTION_ACCEPT_LOSS},
    };
    int option;

    settings_flags_options(options + 3, OPTION_SETTING);

    optind = 0; /* argv is not that of the process */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case OPTION_HELP:
            print_usage(stdout);
            return EXIT_GOOD;
        case OPTION_CONFIG:
            serve->config_file = optarg;
            break;
        case OPTION_ACCEPT_LOSS:
            serve->accept_loss = true;
            break;
        case '?':
            fputs("millrace serve --help says more\n", stderr);
            return EXIT_USAGE;
        default:
            flags->value[option - OPTION_SETTING] = optarg != NULL ? optarg : "true";
            break;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "millrace serve: what is %s?\nmillrace serve --help says more\n", argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}

/* Defaults, file, environment, flags. */
static int
load_settings(struct serve *serve, const struct settings_flags *flags)
{
    struct conf *conf = &serve->settings.conf;
    int r = settings_load(&serve->settings, serve->config_file, environ);

    if (r < 0) {
        fprintf(stderr, "millrace: %s: %s\n", serve->config_file, strerror(-r));
        return EXIT_USAGE;
    }
    r = r == 0 ? settings_flags_set(flags, conf) : r;
    r = r == 0 ? settings_check(&serve->settings) : r;
    if (r != 0) {
        fprintf(stderr, "millrace: %s\n", conf->problem);
        return EXIT_USAGE;
    }
    return EXIT_GOOD;
}

static int
open_files(struct serve *serve)
{
    struct hash_key secret = {.lo = dice(NULL), .hi = dice(NULL)};
    char problem[SETTINGS_FILES_PROBLEM_BYTES] = "";

    if (settings_files_open(&serve->settings, secret, &serve->files, problem)) {
        return EXIT_GOOD;
    }
    fprintf(stderr, "millrace: %s\n", problem);
    return EXIT_USAGE;
}

int
serve_main(int argc, char **argv)
{
    static struct serve serve;
    struct settings_flags flags = {.value = {NULL}};
    int status;

    serve = (struct serve){.begun_ns = mono_ns_now(), .signals = -1, .event = -1};
    status = read_arguments(&serve, argc, argv, &flags);
    if (status >= 0) {
        return status;
    }
    settings_open(&serve.settings);
    status = load_settings(&serve, &flags);
    if (status == EXIT_GOOD) {
        status = open_files(&serve);
    }
    if (status == EXIT_GOOD) {
        status = run(&serve);
    }
    settings_files_close(&serve.files);
    settings_close(&serve.settings);
    return status;
}
