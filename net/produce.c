/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <sys/random.h>

#include "core/json_in.h"
#include "net/produce_client.h"
#include "net/produce_people.h"

#define PATH "/v1/events"
#define BODY_BYTES_MAX (4u << 20) /* of a node, unless configured */
#define BATCH_COUNT_MAX 10000u
#define ANSWER_BYTES_BASE 4096u
#define ANSWER_BYTES_REJECT 256u
#define LINGER_NS (50 * NS_PER_MS)  /* a batch that is not full goes when its first event is this old */
#define THINK_S 5.0                 /* between two steps of a visit, on average */
#define VISIT_COUNT_LOAD 1024u      /* as fast as it can */
#define PATIENCE_NS (10 * NS_PER_S) /* at the end, for what is not answered */
#define PATIENCE_STOPPED_NS (2 * NS_PER_S)
#define STATUS_NS NS_PER_S

/* Times of answers: 16 buckets to each doubling, so a quantile is within 1/16. */
#define SUB_BITS 4u
#define BUCKET_COUNT ((64u - SUB_BITS + 1u) << SUB_BITS)

struct times {
    uint64_t total;
    uint64_t count[BUCKET_COUNT];
};

struct producer {
    struct produce_options options;
    struct produce_people *people;
    struct produce_client *client;
    struct json_in *json;
    uint32_t event_bytes_max;

    struct mono_ns began;
    struct mono_ns ends;   /* no events are made from here on */
    int64_t wall_ms_ahead; /* wall clock - monotonic clock, at the beginning */
    struct mono_ns pace_began;
    uint64_t pace_count; /* events that were due since, and made */

    /* All in events. */
    uint64_t made;
    uint64_t skipped;
    uint64_t answered;
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t rejected;
    uint64_t body_bytes;
    uint64_t request_count;
    bool has_said_reject;

    struct times since; /* the last line */
    struct times all;
    struct mono_ns said_at;
    uint64_t answered_said;
    bool has_line; /* a line on the terminal is open */
};

static volatile sig_atomic_t stop_count;

static void
stop_signalled(int signal_number)
{
    (void)signal_number;
    stop_count++;
    if (stop_count > 1) {
        _Exit(0);
    }
}

/* Options. */

static const char help[] =
    "millrace produce [OPTION...]\n"
    "\n"
    "Sends the events of people who do not exist to a node, until it is stopped.\n"
    "\n"
    "  --url URL          the node (http://127.0.0.1:8080)\n"
    "  --rate N/s         events a second; 0 is as fast as it can (200/s)\n"
    "  --tenants N        tenants; the n-th has 1/n of the people of the first (3)\n"
    "  --users N          people, of all tenants together (10000)\n"
    "  --seed S           fixes people, what they do and the IDs of events (the same people each\n"
    "                     time, doing something else)\n"
    "  --batch N          events in a request, at most (100)\n"
    "  --connections N    connections, each with one request at a time (4)\n"
    "  --count N          ends after N events (no end)\n"
    "  --duration TIME    ends after 500ms, 60s, 10m, 2h (no end)\n"
    "  --event-bytes N    bytes of an event on average, 500 to 16384 (as they come, about 420)\n"
    "  --quiet            no line a second\n"
    "  --help             this\n"
    "\n"
    "What was not answered is sent again with the same IDs, so a node may be stopped under it.\n";

PRINTF_LIKE(2, 3)
static int
wrong(char *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, PRODUCE_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
    return PRODUCE_WRONG;
}

static int
read_count(const char *name, const char *value, uint64_t min, uint64_t max, char *problem,
           uint64_t *out_count)
{
    char *end;
    uint64_t count;

    errno = 0;
    count = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || count < min || count > max) {
        return wrong(problem, "%s: %s is no number from %" PRIu64 " to %" PRIu64, name, value, min, max);
    }
    *out_count = count;
    return 0;
}

static int
read_rate(const char *value, char *problem, double *out_rate)
{
    char *end;
    double rate = strtod(value, &end);

    if (end == value || (*end != '\0' && strcmp(end, "/s") != 0) || !isfinite(rate) || rate < 0 ||
        rate > 1e9 || (rate > 0 && rate < 0.001)) {
        return wrong(problem, "--rate: %s is no rate; say 200/s, or 0 for as fast as it can", value);
    }
    *out_rate = rate;
    return 0;
}

static int
read_duration(const char *value, char *problem, uint64_t *out_ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    char *end;
    double number = strtod(value, &end);

    for (uint32_t i = 0; i < COUNT_OF(units); i++) {
        if (end != value && strcmp(end, units[i].name) == 0 && number * units[i].ns >= 1e6 &&
            number * units[i].ns <= 1e18) {
            *out_ns = (uint64_t)(number * units[i].ns);
            return 0;
        }
    }
    return wrong(problem, "--duration: %s is no duration; say 500ms, 60s, 10m or 2h", value);
}

/* One option that takes a value. */
static int
read_value(struct produce_options *options, const char *name, const char *value, char *problem)
{
    uint64_t count = 0;
    int r;

    if (strcmp(name, "--url") == 0) {
        options->url = value;
        return 0;
    }
    if (strcmp(name, "--rate") == 0) {
        return read_rate(value, problem, &options->rate);
    }
    if (strcmp(name, "--duration") == 0) {
        return read_duration(value, problem, &options->duration_ns);
    }
    if (strcmp(name, "--tenants") == 0) {
        r = read_count(name, value, 1, PRODUCE_TENANT_COUNT_MAX, problem, &count);
        options->tenant_count = (uint32_t)count;
    } else if (strcmp(name, "--users") == 0) {
        r = read_count(name, value, 1, PRODUCE_PERSON_COUNT_MAX, problem, &count);
        options->person_count = (uint32_t)count;
    } else if (strcmp(name, "--seed") == 0) {
        r = read_count(name, value, 0, UINT64_MAX, problem, &options->seed);
        options->has_seed = true;
    } else if (strcmp(name, "--batch") == 0) {
        r = read_count(name, value, 1, BATCH_COUNT_MAX, problem, &count);
        options->batch_count = (uint32_t)count;
    } else if (strcmp(name, "--connections") == 0) {
        r = read_count(name, value, 1, PRODUCE_CONNECTION_COUNT_MAX, problem, &count);
        options->connection_count = (uint32_t)count;
    } else if (strcmp(name, "--count") == 0) {
        r = read_count(name, value, 1, UINT64_MAX / 2, problem, &options->event_count);
    } else if (strcmp(name, "--event-bytes") == 0) {
        r = read_count(name, value, PRODUCE_EVENT_BYTES_MIN, PRODUCE_EVENT_BYTES_MAX, problem, &count);
        options->event_bytes = (uint32_t)count;
    } else {
        r = wrong(problem, "what is %s?", name);
    }
    return r;
}

static bool
is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

int
produce_options_read(int argc, char **argv, struct produce_options *out_options, char *problem)
{
    static const char *const later[] = {"--hostile", "--from", "--to", "--personas", NULL};
    struct produce_options options = {
        .url = "http://127.0.0.1:8080",
        .rate = 200,
        .tenant_count = 3,
        .person_count = 10000,
        .seed = 1,
        .batch_count = 100,
        .connection_count = 4,
    };

    for (int i = 1; i < argc; i++) {
        char name[32];
        const char *value = strchr(argv[i], '=');
        int r;

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(argv[i], "="), argv[i]);
        if (is_one_of(name, later)) {
            return wrong(problem,
                         "%s is not there yet: this producer sends polite events with the clock's times",
                         name);
        }
        if (strcmp(argv[i], "--quiet") == 0) {
            options.is_quiet = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            options.is_help = true;
            continue;
        }
        if (strncmp(name, "--", 2) != 0) {
            return wrong(problem, "what is %s?", argv[i]);
        }
        if (value == NULL && i + 1 < argc) {
            value = argv[++i];
        } else if (value != NULL) {
            value++;
        }
        r = read_value(&options, name, value == NULL ? "" : value, problem);
        if (r != 0) {
            return r;
        }
    }
    if (options.person_count < options.tenant_count) {
        return wrong(problem, "--users: fewer than --tenants, and each tenant has somebody");
    }
    if ((uint64_t)options.batch_count * (options.event_bytes > 0 ? options.event_bytes : 600) >
        BODY_BYTES_MAX / 2) {
        return wrong(problem, "--batch: %u events are over 2 MiB, and a node takes 4 MiB at most",
                     options.batch_count);
    }
    *out_options = options;
    return 0;
}

/* Times of answers. */

static uint32_t
bucket_of(uint64_t value)
{
    uint32_t shift;

    if (value < (1u << SUB_BITS)) {
        return (uint32_t)value;
    }
    shift = 63u - (uint32_t)__builtin_clzll(value) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (uint32_t)(value >> shift) - (1u << SUB_BITS);
}

/* The largest value of a bucket. */
static uint64_t
bucket_top(uint32_t bucket)
{
    uint32_t shift;

    if (bucket < (1u << SUB_BITS)) {
        return bucket;
    }
    shift = (bucket >> SUB_BITS) - 1;
    return ((((uint64_t)bucket & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS) + 1) << shift) - 1;
}

static void
times_add(struct times *times, uint64_t ns)
{
    times->count[bucket_of(ns)]++;
    times->total++;
}

static double
times_ms(const struct times *times, double quantile)
{
    uint64_t wanted = (uint64_t)ceil((double)times->total * quantile);
    uint64_t passed = 0;

    for (uint32_t i = 0; i < BUCKET_COUNT; i++) {
        passed += times->count[i];
        if (passed >= wanted && passed > 0) {
            return (double)bucket_top(i) / 1e6;
        }
    }
    return 0;
}

/* Making events. */

static bool
is_at_end(const struct producer *producer, struct mono_ns now)
{
    return stop_count > 0 || now.ns >= producer->ends.ns ||
           (producer->options.event_count > 0 && producer->made >= producer->options.event_count);
}

/* When the event after `count` others of the pace is due. */
static struct mono_ns
due_at(const struct producer *producer, uint64_t count)
{
    return (struct mono_ns){.ns = producer->pace_began.ns +
                                  (uint64_t)((double)count * (1e9 / producer->options.rate))};
}

/* What is too far behind is not caught up with. */
static void
skip_backlog(struct producer *producer, struct mono_ns now)
{
    uint64_t oldest = now.ns - PRODUCE_BACKLOG_S * NS_PER_S;

    if (now.ns > PRODUCE_BACKLOG_S * NS_PER_S && due_at(producer, producer->pace_count).ns < oldest) {
        uint64_t count =
            (uint64_t)((double)(oldest - producer->pace_began.ns) / 1e9 * producer->options.rate);

        producer->skipped += count - producer->pace_count;
        producer->pace_count = count;
    }
}

/* How many events a batch would have now; 0: it is not yet time. */
static uint32_t
batch_count_now(struct producer *producer, struct mono_ns now, struct mono_ns *out_ready_at)
{
    uint32_t count = producer->options.batch_count;
    uint64_t left = producer->options.event_count - producer->made;
    struct mono_ns last;

    if (producer->options.event_count > 0 && left < count) {
        count = (uint32_t)left;
    }
    *out_ready_at = now;
    if (producer->options.rate == 0) {
        return count;
    }
    skip_backlog(producer, now);
    last = due_at(producer, producer->pace_count + count - 1);
    if (last.ns <= now.ns) {
        *out_ready_at = last;
        return count;
    }
    if (due_at(producer, producer->pace_count).ns + LINGER_NS > now.ns) {
        return 0;
    }
    count = 1;
    while (due_at(producer, producer->pace_count + count).ns <= now.ns) {
        count++;
    }
    return count;
}

static uint32_t
fill(void *context, char *body, struct produce_batch *out_batch)
{
    struct producer *producer = context;
    struct mono_ns now = produce_client_now();
    bool has_pace = producer->options.rate > 0;
    uint32_t bytes = 0;
    uint32_t count;

    if (is_at_end(producer, now)) {
        return 0;
    }
    count = batch_count_now(producer, now, &out_batch->ready_at);
    for (uint32_t i = 0; i < count; i++) {
        struct mono_ns due = has_pace ? due_at(producer, producer->pace_count + i) : now;
        struct event_ms time = {.ms = (int64_t)(due.ns / NS_PER_MS) + producer->wall_ms_ahead};

        bytes += produce_people_next(producer->people, time, body + bytes);
    }
    producer->pace_count += count;
    producer->made += count;
    producer->body_bytes += bytes;
    out_batch->count = count;
    return bytes;
}

/* When fill() will have something again; a free connection alone is enough when there is no pace. */
static struct mono_ns
next_due(const struct producer *producer, struct mono_ns now)
{
    struct mono_ns full;
    struct mono_ns old;

    if (producer->options.rate == 0 || is_at_end(producer, now)) {
        return MONO_NEVER;
    }
    full = due_at(producer, producer->pace_count + producer->options.batch_count - 1);
    old = (struct mono_ns){.ns = due_at(producer, producer->pace_count).ns + LINGER_NS};
    full = full.ns < old.ns ? full : old;
    /* Due already, and no connection free: its answer will wake us. */
    return full.ns > now.ns ? full : MONO_NEVER;
}

/* Answers. */

static void
say_first_reject(struct producer *producer, const struct json_value *list)
{
    struct json_cursor cursor;
    struct json_value reject;

    if (!producer->has_said_reject && json_in_elements(producer->json, list, &cursor) == 0 &&
        json_in_next_element(producer->json, &cursor, &reject)) {
        fprintf(stderr, "%sthe first reject: %.*s\n", producer->has_line ? "\n" : "", (int)reject.raw.bytes,
                reject.raw.data);
        producer->has_line = false;
        producer->has_said_reject = true;
    }
}

static bool
read_answer(struct producer *producer, struct text text, uint64_t *out_accepted, uint64_t *out_duplicates)
{
    const struct json_value *members;
    uint32_t count;
    uint32_t found = 0;

    if (json_in_object(producer->json, text, &members, &count) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t number = -1;

        if (text_equal(members[i].key, TEXT("accepted")) || text_equal(members[i].key, TEXT("duplicates"))) {
            bool is_accepted = members[i].key.bytes == 8;

            if (!json_number_int64(members[i].raw, &number) || number < 0) {
                return false;
            }
            *(is_accepted ? out_accepted : out_duplicates) = (uint64_t)number;
            found++;
        } else if (text_equal(members[i].key, TEXT("rejected"))) {
            say_first_reject(producer, &members[i]);
        }
    }
    return found == 2;
}

static void
answered(void *context, const struct produce_batch *batch, struct text answer)
{
    struct producer *producer = context;
    uint64_t now = produce_client_now().ns;
    uint64_t ns = now > batch->ready_at.ns ? now - batch->ready_at.ns : 0;
    uint64_t accepted = 0;
    uint64_t duplicates = 0;

    times_add(&producer->since, ns);
    times_add(&producer->all, ns);
    producer->answered += batch->count;
    producer->request_count++;
    if (!read_answer(producer, answer, &accepted, &duplicates) || accepted + duplicates > batch->count) {
        accepted = 0;
        duplicates = 0;
        if (!producer->has_said_reject) {
            fprintf(stderr, "an answer is not what a node says: %.*s\n",
                    (int)(answer.bytes > 300 ? 300 : answer.bytes), answer.data);
            producer->has_said_reject = true;
        }
    }
    producer->accepted += accepted;
    producer->duplicates += duplicates;
    producer->rejected += batch->count - accepted - duplicates;
}

/* What people see. */

/* "1 234 567" */
static const char *
grouped(uint64_t number, char to[32])
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char *at = to;

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return to;
}

static void
say_status(struct producer *producer, struct mono_ns now)
{
    struct produce_client_counts counts = produce_client_counts(producer->client);
    double seconds = (double)(now.ns - producer->said_at.ns) / 1e9;
    char text[5][32];

    fprintf(stderr, "%5.0f s  sent %s  accepted %s  duplicates %s  rejected %s  %s/s",
            (double)(now.ns - producer->began.ns) / 1e9, grouped(producer->made, text[0]),
            grouped(producer->accepted, text[1]), grouped(producer->duplicates, text[2]),
            grouped(producer->rejected, text[3]),
            grouped((uint64_t)((double)(producer->answered - producer->answered_said) / seconds), text[4]));
    if (producer->since.total > 0) {
        fprintf(stderr, "  p50 %.2f ms  p99 %.2f ms", times_ms(&producer->since, 0.5),
                times_ms(&producer->since, 0.99));
    }
    if (counts.connected == 0) {
        fprintf(stderr, "  (nobody answers at %s)", producer->options.url);
    } else if (counts.unanswered > counts.in_flight && counts.later > 0) {
        fprintf(stderr, "  (the node said %u: waiting)", counts.status_later);
    }
    fputc('\n', stderr);
    producer->said_at = now;
    producer->answered_said = producer->answered;
    producer->since = (struct times){.total = 0};
}

static void
say_summary(const struct producer *producer)
{
    struct produce_client_counts counts = produce_client_counts(producer->client);
    double seconds = (double)(produce_client_now().ns - producer->began.ns) / 1e9;
    char text[6][32];

    fprintf(stderr,
            "sent %s events in %.1f s: accepted %s, duplicates %s, rejected %s; %s/s, %.0f bytes an event; "
            "answers p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
            grouped(producer->made, text[0]), seconds, grouped(producer->accepted, text[1]),
            grouped(producer->duplicates, text[2]), grouped(producer->rejected, text[3]),
            grouped((uint64_t)((double)producer->answered / (seconds > 0 ? seconds : 1)), text[4]),
            producer->made > 0 ? (double)producer->body_bytes / (double)producer->made : 0.0,
            times_ms(&producer->all, 0.5), times_ms(&producer->all, 0.99), times_ms(&producer->all, 1));
    if (counts.again > 0 || counts.later > 0) {
        fprintf(stderr,
                "requests: %s answered, %s sent again after %s lost connections and %s times \"later\"\n",
                grouped(producer->request_count, text[0]), grouped(counts.again, text[1]),
                grouped(counts.lost, text[2]), grouped(counts.later, text[3]));
    }
    if (producer->skipped > 0) {
        fprintf(stderr, "left out: %s events that were due more than %u s before a connection was free\n",
                grouped(producer->skipped, text[0]), PRODUCE_BACKLOG_S);
    }
    if (producer->made > producer->answered) {
        fprintf(stderr, "not answered: %s events\n", grouped(producer->made - producer->answered, text[0]));
    }
}

/* The whole. */

static int
produce_open(struct producer *producer, char *problem)
{
    struct produce_options *options = &producer->options;
    struct produce_people_options people = {
        .people_seed = options->seed,
        .walk_seed = options->seed,
        .tenant_count = options->tenant_count,
        .person_count = options->person_count,
        .visit_count = VISIT_COUNT_LOAD,
        .event_bytes = options->event_bytes,
    };
    uint64_t half = (options->person_count + 1) / 2;
    uint32_t answer_bytes = ANSWER_BYTES_BASE + options->batch_count * ANSWER_BYTES_REJECT;
    struct timespec wall;
    int r;

    if (!options->has_seed &&
        getrandom(&people.walk_seed, sizeof(people.walk_seed), 0) != sizeof(people.walk_seed)) {
        return fault_new(-EIO);
    }
    if (options->rate > 0 && options->rate * THINK_S < PRODUCE_VISIT_COUNT_MAX) {
        people.visit_count = (uint32_t)ceil(options->rate * THINK_S);
    } else if (options->rate > 0) {
        people.visit_count = PRODUCE_VISIT_COUNT_MAX;
    }
    people.visit_count = people.visit_count > half ? (uint32_t)half : people.visit_count;
    r = produce_people_create(&people, &producer->people);
    if (r == 0) {
        r = json_in_create(answer_bytes, &producer->json);
    }
    if (r != 0) {
        return fault_up(r);
    }
    producer->event_bytes_max = produce_people_event_bytes_max(producer->people);
    clock_gettime(CLOCK_REALTIME, &wall);
    producer->began = produce_client_now();
    producer->pace_began = producer->began;
    producer->said_at = producer->began;
    producer->ends = options->duration_ns > 0
                         ? (struct mono_ns){.ns = producer->began.ns + options->duration_ns}
                         : MONO_NEVER;
    producer->wall_ms_ahead = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / (int64_t)NS_PER_MS -
                              (int64_t)(producer->began.ns / NS_PER_MS);
    return produce_client_open(
        &(struct produce_client_options){
            .url = options->url,
            .path = PATH,
            .connection_count = options->connection_count,
            .body_bytes_max = options->batch_count * producer->event_bytes_max,
            .answer_bytes_max = answer_bytes,
            .fill = fill,
            .answered = answered,
            .context = producer,
        },
        &producer->client, problem);
}

/* True when there is nothing more to wait for. */
static bool
is_over(const struct producer *producer, struct mono_ns now, struct mono_ns *ended_at)
{
    struct produce_client_counts counts;

    if (!is_at_end(producer, now)) {
        return false;
    }
    if (ended_at->ns == 0) {
        *ended_at = now;
    }
    counts = produce_client_counts(producer->client);
    if (counts.unanswered == 0) {
        return true;
    }
    if (stop_count > 0) {
        return counts.in_flight == 0 || now.ns - ended_at->ns > PATIENCE_STOPPED_NS;
    }
    /* A count alone is a promise: it waits until everything is answered. */
    return producer->options.duration_ns > 0 && now.ns - ended_at->ns > PATIENCE_NS;
}

static int
produce_run(struct producer *producer)
{
    struct mono_ns ended_at = {.ns = 0};

    for (;;) {
        struct mono_ns now = produce_client_now();
        struct mono_ns until = next_due(producer, now);
        int r;

        if (is_over(producer, now, &ended_at)) {
            return 0;
        }
        if (now.ns >= producer->said_at.ns + STATUS_NS && !producer->options.is_quiet) {
            say_status(producer, now);
        }
        until.ns = until.ns < producer->said_at.ns + STATUS_NS ? until.ns : producer->said_at.ns + STATUS_NS;
        until.ns = until.ns < producer->ends.ns || now.ns > producer->ends.ns ? until.ns : producer->ends.ns;
        r = produce_client_turn(producer->client, until);
        if (r != 0) {
            return r;
        }
    }
}

static void
take_signals(void)
{
    struct sigaction action = {.sa_handler = stop_signalled};

    stop_count = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int
produce_main(int argc, char **argv)
{
    static struct producer producer; /* its histograms are large */
    char problem[PRODUCE_PROBLEM_BYTES] = "";
    int status = 1;
    int r;

    producer = (struct producer){.client = NULL};
    r = produce_options_read(argc, argv, &producer.options, problem);
    if (r != 0) {
        fprintf(stderr, "millrace produce: %s\nmillrace produce --help says more\n", problem);
        return 2;
    }
    if (producer.options.is_help) {
        fputs(help, stdout);
        return 0;
    }
    take_signals();
    r = produce_open(&producer, problem);
    if (r == PRODUCE_CLIENT_REFUSED) {
        fprintf(stderr, "millrace produce: %s\n", problem);
        status = 2;
    } else if (r != 0) {
        fprintf(stderr, "millrace produce: %s\n", strerror(-r));
    } else {
        r = produce_run(&producer);
        if (r != 0) {
            fprintf(stderr, "millrace produce: %s\n", produce_client_problem(producer.client));
        }
        say_summary(&producer);
        status =
            r == 0 && (stop_count > 0 || (producer.made > 0 && producer.answered == producer.made)) ? 0 : 1;
    }
    produce_client_close(producer.client);
    produce_people_destroy(producer.people);
    json_in_destroy(producer.json);
    return status;
}
