/* SPDX-License-Identifier: Apache-2.0 */

/*
 * population - more people than a node's memory holds, and what it must answer about them
 *
 * First every person comes once, in order, with a user ID and an anonymous ID: two identifiers each. Then people come as
 * Zipf has it (0.99), by one of the two. Event times go on by a millisecond an event, so that the same options give
 * the same bytes.
 *
 * Prints a line of JSON: seconds of both parts, and of some people how many events they had, for who asks the node.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "net/produce_client.h"
#include "perf/number.h"
#include "perf/zipf.h"

#define BODY_EVENTS 200u
#define EVENT_BYTES_MAX 320u
#define ANSWER_BYTES_MAX 65536u
#define CONNECTION_COUNT 32u
#define START_MS INT64_C(1780315200000)
#define SAMPLE_COUNT_MAX 4096u
#define TURN_NS (100 * NS_PER_MS)

static struct {
    const char *url;
    uint64_t person_count;
    uint64_t mix_count;
    uint64_t seed;
    uint32_t sample_count;
} options = {.person_count = 100000, .mix_count = 200000, .seed = 1, .sample_count = 200};

static struct {
    struct produce_client *client;
    struct zipf zipf;
    uint32_t *events; /* of each person */
    uint64_t made;
    uint64_t end; /* of what is wanted now */
    uint64_t answered;
} load;

static uint32_t
write_event(char *to)
{
    uint64_t number = load.made++;
    bool is_first = number < options.person_count;
    uint64_t person = is_first ? number : zipf_next(&load.zipf);
    bool is_named = is_first || (hash_mix(number + options.seed) & 1) != 0;
    char who[96];
    int bytes = 0;

    load.events[person]++;
    if (is_named) {
        bytes = snprintf(who, sizeof(who), "\"user_id\":\"customer-%010" PRIu64 "\",", person);
    }
    if (is_first || !is_named) {
        snprintf(who + bytes, sizeof(who) - (size_t)bytes, "\"anonymous_id\":\"device-%012" PRIu64 "\",",
                 person);
    }
    return (uint32_t)snprintf(to, EVENT_BYTES_MAX,
                              "{\"tenant_id\":\"acme\",%s\"event_id\":\"%" PRIx64 "-%" PRIx64
                              "\",\"event_type\":\"page_view\",\"event_time\":%" PRId64
                              ",\"page_url\":\"/products/%" PRIu64 "\"}\n",
                              who, options.seed, number, START_MS + (int64_t)number, hash_mix(number) % 50);
}

static uint32_t
fill(void *context, char *body, struct produce_batch *batch)
{
    uint32_t bytes = 0;

    (void)context;
    *batch = (struct produce_batch){.ready_at = produce_client_now()};
    while (batch->count < BODY_EVENTS && load.made < load.end) {
        bytes += write_event(body + bytes);
        batch->count++;
    }
    return bytes;
}

static void
answered(void *context, const struct produce_batch *batch, struct text answer)
{
    char wanted[64];
    int bytes = snprintf(wanted, sizeof(wanted), "\"accepted\":%u,", batch->count);

    (void)context;
    if (memmem(answer.data, answer.bytes, wanted, (size_t)bytes) == NULL) {
        fprintf(stderr, "population: not all of %u events were accepted: %.*s\n", batch->count,
                (int)(answer.bytes < 300 ? answer.bytes : 300), answer.data);
        exit(1);
    }
    load.answered += batch->count;
}

/* Returns seconds. */
static double
send_until(uint64_t end)
{
    struct mono_ns began = produce_client_now();

    load.end = end;
    while (load.answered < end) {
        struct mono_ns until = {.ns = produce_client_now().ns + TURN_NS};
        if (produce_client_turn(load.client, until) != 0) {
            fprintf(stderr, "population: %s\n", produce_client_problem(load.client));
            exit(1);
        }
    }
    return (double)(produce_client_now().ns - began.ns) / (double)NS_PER_S;
}

static void
read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--url") == 0 && i + 1 < argc) {
            options.url = argv[++i];
        } else if (strcmp(argv[i], "--people") == 0) {
            options.person_count = number_of("population", "--people", argv[++i], 1, 100000000);
        } else if (strcmp(argv[i], "--mix") == 0) {
            options.mix_count = number_of("population", "--mix", argv[++i], 0, 1000000000);
        } else if (strcmp(argv[i], "--seed") == 0) {
            options.seed = number_of("population", "--seed", argv[++i], 1, 1000000);
        } else if (strcmp(argv[i], "--samples") == 0) {
            options.sample_count =
                (uint32_t)number_of("population", "--samples", argv[++i], 1, SAMPLE_COUNT_MAX);
        } else {
            options.url = NULL;
            break;
        }
    }
    if (options.url == NULL) {
        fputs("perf_population --url URL [--people N] [--mix N] [--seed N] [--samples N]\n", stderr);
        exit(2);
    }
}

/* Half of them anybody, half of them as they come. */
static void
say(double first_seconds, double mix_seconds)
{
    printf("{\"first\":%.3f,\"mix\":%.3f,\"samples\":[", first_seconds, mix_seconds);
    for (uint32_t i = 0; i < options.sample_count; i++) {
        uint64_t person =
            i % 2 == 0 ? hash_mix(options.seed * 7919 + i) % options.person_count : zipf_next(&load.zipf);
        printf("%s[%" PRIu64 ",%u]", i == 0 ? "" : ",", person, load.events[person]);
    }
    puts("]}");
}

int
main(int argc, char **argv)
{
    char problem[PRODUCE_PROBLEM_BYTES];

    read_options(argc, argv);
    struct produce_client_options client = {
        .url = options.url,
        .path = "/v1/events",
        .connection_count = CONNECTION_COUNT,
        .body_bytes_max = BODY_EVENTS * EVENT_BYTES_MAX,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .fill = fill,
        .answered = answered,
    };

    zipf_init(&load.zipf, options.person_count, options.seed);
    load.events = calloc(options.person_count, sizeof(*load.events));
    REQUIRE(load.events != NULL);
    if (produce_client_open(&client, &load.client, problem) != 0) {
        fprintf(stderr, "population: %s\n", problem);
        return 1;
    }
    double first_seconds = send_until(options.person_count);
    double mix_seconds = send_until(options.person_count + options.mix_count);

    say(first_seconds, mix_seconds);
    produce_client_close(load.client);
    free(load.events);
    return 0;
}
