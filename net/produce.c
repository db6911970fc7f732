/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/random.h>

#include "core/json_in.h"
#include "core/time_text.h"
#include "net/ingest_answer.h"
#include "net/produce_client.h"
#include "net/produce_options.h"
#include "net/produce_people.h"
#include "net/produce_sorter.h"
#include "net/progress.h"
#include "net/stop_signal.h"

#define PATH "/v1/events"
#define ANSWER_BYTES_BASE 4096u
#define ANSWER_BYTES_REJECT 256u
#define LINGER_NS (50 * NS_PER_MS)  /* a batch that is not full goes when its first event is this old */
#define VISIT_COUNT_LOAD 1024u      /* as fast as it can */
#define PATIENCE_NS (10 * NS_PER_S) /* at the end, for what is not answered */
#define PATIENCE_STOPPED_NS (2 * NS_PER_S)
#define STATUS_NS NS_PER_S
#define NO_HOUR INT64_MIN

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
    struct produce_sorter *sorter; /* of a node with keys; NULL: a request is of all tenants */
    char *rows;                    /* on their way to it */
    struct json_in *json;
    uint32_t body_bytes_max;

    struct mono_ns began;
    struct mono_ns ends;   /* no events are made from here on */
    int64_t wall_ms_ahead; /* wall clock - monotonic clock, at the beginning */
    struct mono_ns pace_began;
    uint64_t pace_count; /* events that were due since, and made */
    double rate;         /* of this hour */
    int64_t hour;        /* that the rate is of */

    /* All in events; of --hostile: rows. */
    uint64_t made;
    uint64_t handed; /* over to connections; of a node with keys some wait in between */
    uint64_t skipped;
    uint64_t answered;
    uint64_t accepted;
    uint64_t duplicates;
    uint64_t rejected;
    uint64_t meant_duplicates; /* what --hostile knows beforehand */
    uint64_t meant_rejected;
    uint64_t body_bytes;
    uint64_t request_count;
    bool has_said_reject;

    struct times since; /* the last line */
    struct times all;
    struct mono_ns said_at;
    uint64_t answered_said;
    struct progress progress; /* of a history */
};

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
    const struct produce_options *options = &producer->options;

    return stop_signal_has_come() || now.ns >= producer->ends.ns ||
           (options->event_count > 0 && producer->made >= options->event_count) ||
           (options->is_history && produce_people_time(producer->people).ms >= options->to.ms);
}

/* When the event after `count` others of the pace is due. */
static struct mono_ns
due_at(const struct producer *producer, uint64_t count)
{
    return (struct mono_ns){.ns =
                                producer->pace_began.ns + (uint64_t)((double)count * (1e9 / producer->rate))};
}

/* What is too far behind is not caught up with. */
static void
skip_backlog(struct producer *producer, struct mono_ns now)
{
    uint64_t oldest = now.ns - PRODUCE_BACKLOG_S * NS_PER_S;

    if (now.ns > PRODUCE_BACKLOG_S * NS_PER_S && due_at(producer, producer->pace_count).ns < oldest) {
        uint64_t count = (uint64_t)((double)(oldest - producer->pace_began.ns) / 1e9 * producer->rate);

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
    if (producer->rate == 0) {
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
visit_count_of(const struct producer *producer)
{
    const struct produce_options *options = &producer->options;
    uint32_t half = (options->person_count + 1) / 2;
    double visits = VISIT_COUNT_LOAD;

    if (options->is_history) {
        return 0;
    }
    if (producer->rate > 0) {
        visits = fmax(ceil(produce_persona_visits(producer->rate)), 1);
    }
    visits = fmin(visits, PRODUCE_VISIT_COUNT_MAX);
    return visits < half ? (uint32_t)visits : half;
}

/* Without a rate that was asked for, days have a shape. */
static void
follow_hour(struct producer *producer, struct mono_ns now)
{
    int64_t hour = floor_div((int64_t)(now.ns / NS_PER_MS) + producer->wall_ms_ahead, MS_PER_HOUR);

    if (!producer->options.is_daily || producer->options.is_history || hour == producer->hour) {
        return;
    }
    producer->hour = hour;
    producer->rate = producer->options.rate * produce_persona_hour((uint32_t)(hour % 24));
    producer->pace_began = now;
    producer->pace_count = 0;
    if (producer->people != NULL) {
        produce_people_set_visits(producer->people, visit_count_of(producer));
    }
}

/* When the event says that it happened: in history when it does, else when it is due. */
static struct event_ms
time_of(const struct producer *producer, uint32_t row, struct mono_ns now)
{
    struct mono_ns due = producer->rate > 0 ? due_at(producer, producer->pace_count + row) : now;

    if (producer->options.is_history) {
        return produce_people_time(producer->people);
    }
    return (struct event_ms){.ms = (int64_t)(due.ns / NS_PER_MS) + producer->wall_ms_ahead};
}

/* What one of the people does next, as rows; `row` is that of the pace. */
static uint32_t
make_rows(struct producer *producer, uint32_t row, struct mono_ns now, char *to, uint32_t *out_row_count)
{
    struct produce_event event;
    uint32_t bytes = produce_people_next(producer->people, time_of(producer, row, now), to, &event);

    *out_row_count = event.row_count;
    producer->meant_duplicates += event.duplicate_count;
    producer->meant_rejected += event.rejected_count;
    producer->body_bytes += bytes;
    return bytes;
}

static uint32_t
fill_mixed(struct producer *producer, struct mono_ns now, char *body, struct produce_batch *out_batch)
{
    uint32_t bytes = 0;
    uint32_t rows = 0;
    uint32_t count;

    if (is_at_end(producer, now)) {
        return 0;
    }
    count = batch_count_now(producer, now, &out_batch->ready_at);
    while (rows < count && (rows == 0 || !is_at_end(producer, now))) {
        uint32_t more;

        bytes += make_rows(producer, rows, now, body + bytes, &more);
        rows += more;
    }
    producer->pace_count += rows;
    producer->made += rows;
    out_batch->count = rows;
    return bytes;
}

/* All that is due goes to the sorter, or as much as makes a batch. */
static uint32_t
fill_sorted(struct producer *producer, struct mono_ns now, char *body, struct produce_batch *out_batch)
{
    for (;;) {
        bool is_end = is_at_end(producer, now);
        bool has_batch = false;
        uint32_t bytes = produce_sorter_take(producer->sorter, now, is_end, body, out_batch);
        struct mono_ns ready_at;
        uint32_t count;

        if (bytes > 0 || is_end) {
            return bytes;
        }
        count = batch_count_now(producer, now, &ready_at);
        if (count == 0) {
            return 0;
        }
        for (uint32_t rows = 0; rows < count && !has_batch && !is_at_end(producer, now);) {
            uint32_t more;

            bytes = make_rows(producer, 0, now, producer->rows, &more);
            has_batch = produce_sorter_add(producer->sorter,
                                           (struct text){.data = producer->rows, .bytes = bytes}, ready_at);
            rows += more;
            producer->pace_count += more;
            producer->made += more;
        }
    }
}

static uint32_t
fill(void *context, char *body, struct produce_batch *out_batch)
{
    struct producer *producer = context;
    struct mono_ns now = produce_client_now();
    uint32_t bytes;

    follow_hour(producer, now);
    bytes = producer->sorter != NULL ? fill_sorted(producer, now, body, out_batch)
                                     : fill_mixed(producer, now, body, out_batch);
    producer->handed += bytes > 0 ? out_batch->count : 0;
    return bytes;
}

/* When fill() will have something again; a free connection alone is enough when there is no pace. */
static struct mono_ns
next_made(const struct producer *producer, struct mono_ns now)
{
    struct mono_ns full;
    struct mono_ns old;

    if (producer->rate == 0 || is_at_end(producer, now)) {
        return MONO_NEVER;
    }
    full = due_at(producer, producer->pace_count + producer->options.batch_count - 1);
    old = (struct mono_ns){.ns = due_at(producer, producer->pace_count).ns + LINGER_NS};
    full = full.ns < old.ns ? full : old;
    /* Due already, and no connection free: its answer will wake us. */
    return full.ns > now.ns ? full : MONO_NEVER;
}

static struct mono_ns
next_due(const struct producer *producer, struct mono_ns now)
{
    struct mono_ns made = next_made(producer, now);
    struct mono_ns sorted = producer->sorter != NULL ? produce_sorter_due(producer->sorter) : MONO_NEVER;

    return sorted.ns > now.ns && sorted.ns < made.ns ? sorted : made;
}

/* Answers. */

/* Of --hostile they are meant. */
static void
say_first_reject(struct producer *producer, struct ingest_answer *answer)
{
    struct ingest_reject reject;

    if (!producer->has_said_reject && !producer->options.is_hostile &&
        ingest_answer_reject(answer, &reject)) {
        progress_break(&producer->progress);
        fprintf(stderr, "the first reject: %.*s\n", (int)reject.error.bytes, reject.error.data);
        producer->has_said_reject = true;
    }
}

static void
answered(void *context, const struct produce_batch *batch, struct text answer)
{
    struct producer *producer = context;
    uint64_t now = produce_client_now().ns;
    uint64_t ns = now > batch->ready_at.ns ? now - batch->ready_at.ns : 0;
    struct ingest_answer said = {.accepted = 0};

    times_add(&producer->since, ns);
    times_add(&producer->all, ns);
    producer->answered += batch->count;
    producer->request_count++;
    if (!ingest_answer_read(producer->json, answer, &said) ||
        said.accepted + said.duplicates > batch->count) {
        said = (struct ingest_answer){.accepted = 0};
        if (!producer->has_said_reject) {
            progress_break(&producer->progress);
            fprintf(stderr, "an answer is not what a node says: %.*s\n",
                    (int)(answer.bytes > 300 ? 300 : answer.bytes), answer.data);
            producer->has_said_reject = true;
        }
    } else {
        say_first_reject(producer, &said);
    }
    producer->accepted += said.accepted;
    producer->duplicates += said.duplicates;
    producer->rejected += batch->count - said.accepted - said.duplicates;
}

/* What people see. */

static const char *
grouped(uint64_t number, char to[PROGRESS_NUMBER_BYTES])
{
    return progress_number(number, to);
}

/* A node that is not there, or that says "later". */
static const char *
trouble(const struct producer *producer, char *to, size_t bytes)
{
    struct produce_client_counts counts;

    to[0] = '\0';
    if (producer->client == NULL) {
        return to;
    }
    counts = produce_client_counts(producer->client);
    if (counts.connected == 0) {
        snprintf(to, bytes, "  (nobody answers at %s)", producer->options.url);
    } else if (counts.unanswered > counts.in_flight && counts.later > 0) {
        snprintf(to, bytes, "  (the node said %u: waiting)", counts.status_later);
    }
    return to;
}

static void
say_progress(struct producer *producer, struct mono_ns now)
{
    const struct produce_options *options = &producer->options;
    int64_t time = produce_people_time(producer->people).ms;
    double seconds = (double)(now.ns - producer->began.ns) / 1e9;
    uint64_t done = options->is_print ? producer->made : producer->answered;
    char date[TIME_TEXT_BYTES];
    char numbers[2][PROGRESS_NUMBER_BYTES];
    char note[160];
    char what[PROGRESS_TEXT_BYTES];

    if (!progress_is_due(&producer->progress, now)) {
        return;
    }
    time = time < options->to.ms ? time : options->to.ms;
    time_text_format(time, date);
    date[16] = '\0'; /* to the minute */
    date[10] = ' ';
    snprintf(what, sizeof(what), "%s  %s events, %s/s%s", date, grouped(done, numbers[0]),
             grouped((uint64_t)((double)done / fmax(seconds, 0.001)), numbers[1]),
             trouble(producer, note, sizeof(note)));
    progress_say(&producer->progress, now,
                 (double)(time - options->from.ms) / (double)(options->to.ms - options->from.ms), what);
}

static void
say_status(struct producer *producer, struct mono_ns now)
{
    double seconds = (double)(now.ns - producer->said_at.ns) / 1e9;
    char text[5][PROGRESS_NUMBER_BYTES];
    char note[160];

    fprintf(stderr, "%5.0f s  sent %s  accepted %s  duplicates %s  rejected %s  %s/s",
            (double)(now.ns - producer->began.ns) / 1e9, grouped(producer->made, text[0]),
            grouped(producer->accepted, text[1]), grouped(producer->duplicates, text[2]),
            grouped(producer->rejected, text[3]),
            grouped((uint64_t)((double)(producer->answered - producer->answered_said) / seconds), text[4]));
    if (producer->since.total > 0) {
        fprintf(stderr, "  p50 %.2f ms  p99 %.2f ms", times_ms(&producer->since, 0.5),
                times_ms(&producer->since, 0.99));
    }
    fprintf(stderr, "%s\n", trouble(producer, note, sizeof(note)));
    producer->answered_said = producer->answered;
    producer->since = (struct times){.total = 0};
}

static void
say_tricks(const struct producer *producer)
{
    char text[3][PROGRESS_NUMBER_BYTES];

    fprintf(stderr, "meant: accepted %s, duplicates %s, rejected %s; rows with",
            grouped(producer->made - producer->meant_duplicates - producer->meant_rejected, text[0]),
            grouped(producer->meant_duplicates, text[1]), grouped(producer->meant_rejected, text[2]));
    for (uint32_t i = 0; i < PRODUCE_TRICK_COUNT; i++) {
        fprintf(stderr, "%s %s %s", i > 0 ? "," : "", produce_trick_rows[i].name,
                grouped(produce_people_trick_count(producer->people, i), text[0]));
    }
    fputc('\n', stderr);
}

static void
say_trouble(const struct producer *producer)
{
    struct produce_client_counts counts = produce_client_counts(producer->client);
    char text[4][PROGRESS_NUMBER_BYTES];

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

static void
say_summary(struct producer *producer)
{
    double seconds = (double)(produce_client_now().ns - producer->began.ns) / 1e9;
    double bytes = producer->made > 0 ? (double)producer->body_bytes / (double)producer->made : 0.0;
    char text[5][PROGRESS_NUMBER_BYTES];

    progress_break(&producer->progress);
    if (producer->client == NULL) {
        fprintf(stderr, "printed %s events in %.1f s: %.0f bytes an event\n",
                grouped(producer->made, text[0]), seconds, bytes);
    } else {
        fprintf(
            stderr,
            "sent %s events in %.1f s: accepted %s, duplicates %s, rejected %s; %s/s, %.0f bytes an event; "
            "answers p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
            grouped(producer->made, text[0]), seconds, grouped(producer->accepted, text[1]),
            grouped(producer->duplicates, text[2]), grouped(producer->rejected, text[3]),
            grouped((uint64_t)((double)producer->answered / (seconds > 0 ? seconds : 1)), text[4]), bytes,
            times_ms(&producer->all, 0.5), times_ms(&producer->all, 0.99), times_ms(&producer->all, 1));
        say_trouble(producer);
    }
    if (producer->options.is_hostile) {
        say_tricks(producer);
    }
}

/* The whole. */

static struct wall_ms
wall_now(void)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct wall_ms){.ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / (int64_t)NS_PER_MS};
}

static void
begin_time(struct producer *producer)
{
    const struct produce_options *options = &producer->options;

    producer->began = produce_client_now();
    producer->pace_began = producer->began;
    producer->said_at = producer->began;
    producer->ends = options->duration_ns > 0
                         ? (struct mono_ns){.ns = producer->began.ns + options->duration_ns}
                         : MONO_NEVER;
    producer->wall_ms_ahead = wall_now().ms - (int64_t)(producer->began.ns / NS_PER_MS);
    producer->rate = options->is_history ? 0 : options->rate;
    producer->hour = NO_HOUR;
    follow_hour(producer, producer->began);
    progress_begin(&producer->progress, stderr, options->is_quiet, producer->began, 0);
}

static int
gather_people(struct producer *producer)
{
    const struct produce_options *options = &producer->options;
    struct produce_people_options people = {
        .people_seed = options->seed,
        .walk_seed = options->seed,
        .tenant_count = options->tenant_count,
        .tenants = options->keys.rows,
        .person_count = options->person_count,
        .visit_count = visit_count_of(producer),
        .begin = options->from,
        .event_bytes = options->event_bytes,
        .is_hostile = options->is_hostile,
    };

    if (!options->has_seed &&
        getrandom(&people.walk_seed, sizeof(people.walk_seed), 0) != sizeof(people.walk_seed)) {
        return fault_new(-EIO);
    }
    return produce_people_create(&people, &producer->people);
}

static int
open_sorter(struct producer *producer)
{
    uint32_t call_bytes_max = produce_people_bytes_max(producer->people);
    int r;

    if (producer->options.keys.count == 0) {
        return 0;
    }
    producer->rows = malloc(call_bytes_max);
    if (producer->rows == NULL) {
        return fault_new(-ENOMEM);
    }
    r = produce_sorter_create(&producer->options.keys, producer->options.batch_count, call_bytes_max,
                              &producer->sorter);
    if (r == 0) {
        producer->body_bytes_max = produce_sorter_bytes_max(producer->sorter);
    }
    return r;
}

static int
produce_open(struct producer *producer, char *problem)
{
    struct produce_options *options = &producer->options;
    uint32_t answer_bytes = ANSWER_BYTES_BASE + options->batch_count * ANSWER_BYTES_REJECT;
    int r;

    begin_time(producer);
    r = gather_people(producer);
    if (r != 0) {
        return fault_up(r);
    }
    producer->body_bytes_max = options->batch_count * produce_people_bytes_max(producer->people);
    if (options->is_print) {
        return 0;
    }
    r = open_sorter(producer);
    r = r == 0 ? json_in_create(answer_bytes, &producer->json) : r;
    if (r != 0) {
        return fault_up(r);
    }
    return produce_client_open(
        &(struct produce_client_options){
            .url = options->url,
            .path = PATH,
            .connection_count = options->connection_count,
            .body_bytes_max = producer->body_bytes_max,
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
    if (counts.unanswered == 0 && producer->handed == producer->made) {
        return true;
    }
    if (stop_signal_has_come()) {
        return (counts.in_flight == 0 && producer->handed == producer->made) ||
               now.ns - ended_at->ns > PATIENCE_STOPPED_NS;
    }
    /* A count alone is a promise: it waits until everything is answered. */
    return producer->options.duration_ns > 0 && now.ns - ended_at->ns > PATIENCE_NS;
}

static void
say(struct producer *producer, struct mono_ns now)
{
    if (producer->options.is_history) {
        say_progress(producer, now);
        producer->said_at = now;
    } else if (now.ns >= producer->said_at.ns + STATUS_NS) {
        if (!producer->options.is_quiet) {
            say_status(producer, now);
        }
        producer->said_at = now; /* said or not: waits end at the next one */
    }
}

/* Standard output instead of a node. */
static int
produce_print(struct producer *producer)
{
    char *body = malloc(producer->body_bytes_max);
    int r = 0;

    if (body == NULL) {
        return fault_new(-ENOMEM);
    }
    while (r == 0) {
        struct mono_ns now = produce_client_now();
        struct produce_batch batch;
        uint32_t bytes = fill(producer, body, &batch);

        if (bytes == 0 && is_at_end(producer, now)) {
            break;
        }
        if (bytes > 0 && fwrite(body, 1, bytes, stdout) != bytes) {
            r = fault_new(-EIO);
        }
        if (producer->options.is_history) {
            say_progress(producer, now);
        }
        if (bytes == 0) {
            struct timespec nap = {.tv_nsec = (long)(5 * NS_PER_MS)};

            fflush(stdout);
            nanosleep(&nap, NULL);
        }
    }
    free(body);
    return r == 0 && fflush(stdout) != 0 ? fault_new(-EIO) : r;
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
        say(producer, now);
        until.ns = until.ns < producer->said_at.ns + STATUS_NS ? until.ns : producer->said_at.ns + STATUS_NS;
        until.ns = until.ns < producer->ends.ns || now.ns > producer->ends.ns ? until.ns : producer->ends.ns;
        r = produce_client_turn(producer->client, until);
        if (r != 0) {
            return r;
        }
    }
}

/* All that it set out to do. */
static bool
is_whole(const struct producer *producer)
{
    if (stop_signal_has_come() || producer->client == NULL) {
        return true;
    }
    return producer->made == producer->answered && (producer->made > 0 || producer->options.is_history);
}

int
produce_main(int argc, char **argv)
{
    static struct producer producer; /* its histograms are large */
    char problem[PRODUCE_PROBLEM_BYTES] = "";
    int status = 1;
    int r;

    producer = (struct producer){.client = NULL};
    r = produce_options_read(argc, argv, wall_now(), &producer.options, problem);
    if (r != 0) {
        fprintf(stderr, "millrace produce: %s\nmillrace produce --help says more\n", problem);
        return 2;
    }
    if (producer.options.is_help) {
        produce_options_help(stdout);
        return 0;
    }
    stop_signal_take(0);
    r = produce_open(&producer, problem);
    if (r == PRODUCE_CLIENT_REFUSED) {
        fprintf(stderr, "millrace produce: %s\n", problem);
        status = 2;
    } else if (r != 0) {
        fprintf(stderr, "millrace produce: %s\n", strerror(-r));
    } else {
        r = producer.client == NULL ? produce_print(&producer) : produce_run(&producer);
        progress_break(&producer.progress);
        if (r != 0) {
            fprintf(stderr, "millrace produce: %s\n",
                    r < 0 ? strerror(-r) : produce_client_problem(producer.client));
        }
        say_summary(&producer);
        status = r == 0 && is_whole(&producer) ? 0 : 1;
    }
    produce_client_close(producer.client);
    produce_people_destroy(producer.people);
    produce_sorter_destroy(producer.sorter);
    produce_keys_close(&producer.options.keys);
    free(producer.rows);
    json_in_destroy(producer.json);
    return status;
}
