/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "core/time_text.h"
#include "net/produce_client.h"
#include "net/produce_people.h"

#define BODY_BYTES_MAX (4u << 20) /* of a node, unless configured */
#define BATCH_COUNT_MAX 10000u
#define BATCH_COUNT 100u
#define CONNECTION_COUNT 4u
/* A history is sent in order, one request after the other, so that it is the same each time. */
#define BATCH_COUNT_HISTORY 1000u

static const char help[] =
    "millrace produce [OPTION...]\n"
    "\n"
    "Sends the events of people who do not exist to a node, until it is stopped.\n"
    "\n"
    "  --url URL          the node (http://127.0.0.1:8080)\n"
    "  --key-file FILE    for a node that has keys: a line \"TENANT: KEY\" for each tenant, and events are\n"
    "                     of these tenants; a request is of one of them\n"
    "  --rate N/s         events a second, evenly; 0 is as fast as it can (200/s on average of a day,\n"
    "                     more by day than by night)\n"
    "  --tenants N        tenants; the n-th has 1/n of the people of the first (3; with --key-file as many\n"
    "                     as it has)\n"
    "  --users N          people, of all tenants together (20000)\n"
    "  --seed S           fixes people, what they do and the IDs of events (the same people each\n"
    "                     time, doing something else)\n"
    "  --from TIME        writes history from then on as fast as it can, people coming and going as\n"
    "                     they do: 2026-01-31, 2026-01-31T12:00:00Z; with --seed times are fixed too\n"
    "  --to TIME          and until then (now)\n"
    "  --hostile          adds what real clients do; see below\n"
    "  --print            NDJSON to standard output, and to no node\n"
    "  --batch N          events in a request, at most (100; history 1000)\n"
    "  --connections N    connections, each with one request at a time (4; history 1: more are faster,\n"
    "                     and mix the order)\n"
    "  --count N          ends after N events (no end)\n"
    "  --duration TIME    ends after 500ms, 60s, 10m, 2h (no end)\n"
    "  --event-bytes N    bytes of an event on average, 500 to 16384 (as they come, about 420)\n"
    "  --quiet            no line a second, no bar\n"
    "  --help             this\n"
    "\n"
    "What was not answered is sent again with the same IDs, so a node may be stopped under it.\n"
    "\n"
    "--hostile adds, of 1,000 rows or visits:\n";

void
produce_options_help(FILE *out)
{
    fputs(help, out);
    for (uint32_t i = 0; i < PRODUCE_TRICK_COUNT; i++) {
        const struct produce_trick_row *row = &produce_trick_rows[i];

        fprintf(out, "  %-14s %3u %-6s  %s\n", row->name, row->rate, row->per, row->help);
    }
}

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

/* A day begins at midnight, UTC. */
static int
read_time(const char *name, const char *value, char *problem, struct event_ms *out_time)
{
    char text[40];

    snprintf(text, sizeof(text), strlen(value) == 10 ? "%sT00:00:00Z" : "%s", value);
    if (strlen(value) >= sizeof(text) || !time_text_parse(text_of(text), out_time)) {
        return wrong(problem, "%s: %s is no time; say 2026-01-31 or 2026-01-31T12:00:00Z", name, value);
    }
    return 0;
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
    if (strcmp(name, "--key-file") == 0) {
        options->key_file = value;
        return 0;
    }
    if (strcmp(name, "--rate") == 0) {
        options->is_daily = false;
        return read_rate(value, problem, &options->rate);
    }
    if (strcmp(name, "--from") == 0) {
        options->is_history = true;
        return read_time(name, value, problem, &options->from);
    }
    if (strcmp(name, "--to") == 0) {
        return read_time(name, value, problem, &options->to);
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

/* One option that takes none. */
static bool
read_flag(struct produce_options *options, const char *word)
{
    if (strcmp(word, "--quiet") == 0) {
        options->is_quiet = true;
    } else if (strcmp(word, "--hostile") == 0) {
        options->is_hostile = true;
    } else if (strcmp(word, "--print") == 0) {
        options->is_print = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        options->is_help = true;
    } else {
        return false;
    }
    return true;
}

/* The first tenants of the file, or all. */
static int
read_keys(struct produce_options *options, bool has_tenants, char *problem)
{
    char why[PRODUCE_PROBLEM_BYTES / 2];
    int r;

    if (options->key_file == NULL) {
        return 0;
    }
    r = produce_keys_open(options->key_file, &options->keys, why, sizeof(why));
    if (r != 0) {
        return wrong(problem, "--key-file: %s", r == PRODUCE_KEYS_BAD ? why : strerror(-r));
    }
    if (!has_tenants) {
        options->tenant_count = options->keys.count;
    }
    if (options->tenant_count > options->keys.count) {
        return wrong(problem, "--tenants: --key-file has %u", options->keys.count);
    }
    return 0;
}

/* What words say together. */
static int
check(struct produce_options *options, bool has_to, struct wall_ms now, char *problem)
{
    if (options->person_count < options->tenant_count) {
        return wrong(problem, "--users: fewer than --tenants, and each tenant has somebody");
    }
    if (has_to && !options->is_history) {
        return wrong(problem, "--to: there is no --from");
    }
    if (options->is_history && !options->is_daily) {
        return wrong(problem,
                     "--rate: history comes as fast as it can; --users says how much of it there is");
    }
    if (options->is_history && options->to.ms > now.ms) {
        return wrong(problem, "--to: that is yet to come");
    }
    if (options->is_history && options->to.ms <= options->from.ms) {
        return wrong(problem, "--from: not before --to");
    }
    if (options->batch_count == 0) {
        options->batch_count = options->is_history ? BATCH_COUNT_HISTORY : BATCH_COUNT;
    }
    if (options->connection_count == 0) {
        options->connection_count = options->is_history ? 1 : CONNECTION_COUNT;
    }
    if ((uint64_t)options->batch_count * (options->event_bytes > 0 ? options->event_bytes : 600) >
        BODY_BYTES_MAX / 2) {
        return wrong(problem, "--batch: %u events are over 2 MiB, and a node takes 4 MiB at most",
                     options->batch_count);
    }
    return 0;
}

int
produce_options_read(int argc, char **argv, struct wall_ms now, struct produce_options *out_options,
                     char *problem)
{
    struct produce_options options = {
        .url = "http://127.0.0.1:8080",
        .rate = 200,
        .is_daily = true,
        .tenant_count = 3,
        .person_count = 20000,
        .seed = 1,
        .to = {.ms = now.ms},
    };
    bool has_to = false;
    bool has_tenants = false;
    int r;

    for (int i = 1; i < argc; i++) {
        char name[32];
        const char *value = strchr(argv[i], '=');

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(argv[i], "="), argv[i]);
        if (read_flag(&options, argv[i])) {
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
        has_to |= strcmp(name, "--to") == 0;
        has_tenants |= strcmp(name, "--tenants") == 0;
        r = read_value(&options, name, value == NULL ? "" : value, problem);
        if (r != 0) {
            return r;
        }
    }
    if (!options.is_help) {
        r = read_keys(&options, has_tenants, problem);
        r = r == 0 ? check(&options, has_to, now, problem) : r;
        if (r != 0) {
            produce_keys_close(&options.keys);
            return r;
        }
    }
    *out_options = options;
    return 0;
}
