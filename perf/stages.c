/* SPDX-License-Identifier: Apache-2.0 */

/*
 * stages - what one event costs, stage by stage, from a body in memory to kept
 *
 *   parse      core/json_in over the body, nothing read
 *   normalise  the normaliser: parse, and every field of every event taken
 *   record     the draft becomes a record of the log
 *   sequence   duplicate? the window, the position; the copy into a block, and the block's checksum
 *   apply      identity, watermark, codes; the message for the keeper
 *   keep       the keeper: profile, session, history, cube, and the round for sessions that close
 *
 * beside simdjson's parser alone, and beside memcpy of the body to where nobody wrote lately. One thread, a node of one shard whose lanes end where they begin; no HTTP, no disk.
 * Body after body goes through all of it, as in a node, so that the stages find the caches as they do there: the
 * body was just written, the records are fresh, the state is where the events before left it. What is before the
 * first `--warm` events is not counted.
 *
 * Each stage is one function that is not inlined, so that callgrind's inclusive count of it is the stage's.
 *
 * Prints ns of CPU for each, beside the parser's and the copy's, and with --json a line of JSON instead.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sys/mman.h>

#include "core/env_sim.h"
#include "core/json_in.h"
#include "net/normaliser.h"
#include "net/produce_people.h"
#include "perf/number.h"
#include "perf/parse_alone.h"
#include "shards/keeper.h"
#include "shards/node.h"
#include "shards/partition.h"

#define PARTITION_COUNT 16u
#define SLICE_COUNT 16u
#define TENANT_COUNT 16u
#define VISIT_COUNT 1024u
#define BODY_EVENTS 100u
#define AHEAD_COUNT 6u /* of one tenant in a body */
#define BODY_BYTES_MAX (4u << 20)
#define RECORD_BYTES_EACH 4096u
#define REGION_BYTES (UINT64_C(4) << 30)
#define WARM_BYTES_EACH 2048u /* more than an event takes */
#define WARM_STEP_BYTES (UINT64_C(4) << 20)
#define COPIES_BYTES (UINT64_C(64) << 20) /* more than the caches hold */
#define BODY_MS 2                         /* the clocks go on by that for each body: 50 000 events/s */
#define START_MS INT64_C(1780315200000)

#define STAGE __attribute__((noinline)) static void

enum part {
    PART_COPY,
    PART_ALONE_MANY,
    PART_ALONE_EACH,
    PART_PARSE,
    PART_NORMALISE,
    PART_RECORD,
    PART_SEQUENCE,
    PART_APPLY,
    PART_KEEP,
    PART_COUNT
};

static const char *const part_names[PART_COUNT] = {
    [PART_COPY] = "memcpy",
    [PART_ALONE_MANY] = "simdjson_parse_many",
    [PART_ALONE_EACH] = "simdjson_parse_each",
    [PART_PARSE] = "parse",
    [PART_NORMALISE] = "normalise",
    [PART_RECORD] = "record",
    [PART_SEQUENCE] = "sequence",
    [PART_APPLY] = "apply",
    [PART_KEEP] = "keep",
};

struct options {
    uint32_t event_count;
    uint32_t warm_count;
    uint32_t person_count;
    uint32_t event_bytes;
    bool is_json;
};

struct body_progress {
    struct progress head;
    struct progress_tenant tenants[TENANT_COUNT];
};

struct bench {
    struct options options;
    struct produce_people *people;
    struct json_in *json;
    struct normaliser *normaliser;
    struct node node;
    struct region region;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct env *env; /* nothing of it is used but its disk, which stays empty */
    struct arena_pool arenas;
    struct keeper *keeper;
    struct partition partitions[PARTITION_COUNT];
    struct settings_record settings;

    int64_t now_ms;
    uint64_t sequence; /* of the block */
    struct text body;
    char *body_room;
    char *copies; /* COPIES_BYTES, written round and round */
    uint64_t copies_at;
    uint8_t *records; /* as ingest leaves them */
    uint32_t records_bytes;
    uint8_t *block; /* as the log has them */
    uint32_t block_bytes;
    struct applied_event events[BODY_EVENTS];
    struct applied_merge merges[BODY_EVENTS * 2];
    uint32_t merge_count;
    struct body_progress progress[PARTITION_COUNT];
    uint32_t checksum;
    uint64_t dice;

    uint8_t *warm; /* memory that was touched, and is free up to warm_at */
    uint64_t warm_bytes;
    uint64_t warm_at;

    uint64_t ns[PART_COUNT];
};

static struct bench bench;

/* Of this thread's CPU: a busy machine takes time from us, and that is not ours. */
static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t
throw_dice(void *context)
{
    (void)context;
    return ++bench.dice;
}

static struct mono_ns
keeper_now(void *context)
{
    (void)context;
    return (struct mono_ns){.ns = now_ns()};
}

static void
keeper_answered(void *context, struct question *question)
{
    (void)context;
    (void)question;
}

static void
node_fatal(struct node *node, int status, const char *what)
{
    (void)node;
    fprintf(stderr, "stages: %d: %s\n", status, what);
    exit(1);
}

static void
store_fatal(void *context, int status, const char *what)
{
    node_fatal(context, status, what);
}

/* ---- The stages. ---- */

/* A body that came goes somewhere at least once: nothing that is done with it can cost less. */
STAGE
stage_copy(void)
{
    if (bench.copies_at + bench.body.bytes > COPIES_BYTES) {
        bench.copies_at = 0;
    }
    memcpy(bench.copies + bench.copies_at, bench.body.data, bench.body.bytes);
    __asm__ volatile("" : : "r"(bench.copies) : "memory");
    bench.copies_at += bench.body.bytes;
}

STAGE
stage_alone_many(void)
{
    REQUIRE(parse_alone_many(bench.body) == BODY_EVENTS);
}

STAGE
stage_alone_each(void)
{
    REQUIRE(parse_alone_each(bench.body) == BODY_EVENTS);
}

STAGE
stage_parse(void)
{
    struct json_value event;
    uint32_t count = 0;

    json_in_open_lines(bench.json, bench.body);
    while (json_in_next_line(bench.json, &event) == 0) {
        count++;
    }
    REQUIRE(count == BODY_EVENTS);
}

static void
begin_body(void)
{
    REQUIRE(normaliser_begin(bench.normaliser, &(struct normaliser_options){
                                                   .route = NORMALISER_EVENTS,
                                                   .body = bench.body,
                                                   .received_at = {.ms = bench.now_ms},
                                                   .random = throw_dice,
                                               }) == 0);
}

STAGE
stage_normalise(void)
{
    const struct event_draft *draft;
    uint32_t count = 0;

    begin_body();
    while (normaliser_next(bench.normaliser, &draft) == 0) {
        count++;
    }
    REQUIRE(count == BODY_EVENTS);
}

/* Normalises again: a draft is lent until the next one. */
STAGE
stage_record(void)
{
    const struct event_draft *draft;

    begin_body();
    bench.records_bytes = 0;
    while (normaliser_next(bench.normaliser, &draft) == 0) {
        uint32_t bytes = record_event_bytes(draft);

        REQUIRE(bytes > 0);
        record_write_event(bench.records + bench.records_bytes, draft, bench.node.secret, PARTITION_COUNT);
        bench.records_bytes += bytes;
    }
}

/* As the sequencer asks ahead for a run's IDs. */
static void
prefetch_ids(uint32_t at)
{
    for (uint32_t i = 0; i < AHEAD_COUNT && at < bench.records_bytes; i++) {
        const struct event_record *record = (const void *)(bench.records + at);

        dedup_prefetch(&bench.partitions[record->partition].dedup, record->id_hash);
        at += record->header.bytes;
    }
}

STAGE
stage_sequence(void)
{
    uint32_t count = 0;

    bench.block_bytes = 0;
    bench.sequence++;
    for (uint32_t at = 0; at < bench.records_bytes; count++) {
        const struct event_record *record = (const void *)(bench.records + at);
        struct partition *partition = &bench.partitions[record->partition];

        if (count % AHEAD_COUNT == 0) {
            prefetch_ids(at);
        }
        struct record_header *copy = (void *)(bench.block + bench.block_bytes);

        REQUIRE(dedup_find(&partition->dedup, record->id_hash, record->received_at) == NULL);
        memcpy(copy, record, record->header.bytes);
        REQUIRE(partition_sequence(partition, copy, bench.sequence) == 0);
        bench.block_bytes += record->header.bytes;
        at += record->header.bytes;
    }
    bench.checksum ^= checksum32(bench.block, bench.block_bytes);
}

static void
send(struct message message)
{
    struct message *slot = (void *)lane_claim(mesh_lane(&bench.node.mesh, STAGE_APPLY, 0, 0));

    REQUIRE(slot != NULL);
    *slot = message;
}

static void
send_merge(const struct applied_merge *merge, uint16_t partition)
{
    struct applied_merge *note = &bench.merges[bench.merge_count++];
    struct message message = {.partition = partition, .position = merge->position, .payload = note};

    *note = *merge;
    message.kind = MESSAGE_TAKE;
    message.slice = merge->winner_slice;
    send(message);
    message.kind = MESSAGE_GIVE;
    message.slice = merge->loser_slice;
    send(message);
}

static void
send_event(struct applied_event *event, uint16_t partition)
{
    send((struct message){
        .kind = MESSAGE_EVENT,
        .slice = node_slice(&bench.node, event->canonical),
        .partition = partition,
        .position = event->position,
        .payload = event,
    });
}

/* The clock of each tenant that moved, as a sequencer tells it at the end of a step. */
static void
send_progress(struct partition *partition)
{
    struct progress *progress = &bench.progress[partition->number].head;

    *progress = (struct progress){.wall = partition->wall};
    for (uint32_t i = 0; i < partition->moved_count; i++) {
        struct tenant *tenant = partition_tenant_at(partition, *(uint32_t *)table_at(&partition->moved, i));

        REQUIRE(progress->tenant_count < TENANT_COUNT);
        tenant->has_moved = false;
        progress->tenants[progress->tenant_count++] =
            (struct progress_tenant){.tenant_no = tenant->no, .clock = tenant->clock};
    }
    partition->moved_count = 0;
    partition->has_progress = false;
    send((struct message){
        .kind = MESSAGE_PROGRESS,
        .partition = partition->number,
        .position = partition->applied_count - 1,
        .payload = progress,
    });
}

/* As the sequencer asks ahead for the next events. */
static void
prefetch_events(uint32_t at)
{
    struct event_ahead ahead[PARTITION_AHEAD_COUNT];
    uint32_t before[PARTITION_COUNT] = {0};
    uint32_t count = 0;

    while (count < COUNT_OF(ahead) && at < bench.block_bytes) {
        const struct event_record *record = (const void *)(bench.block + at);

        ahead[count++] = (struct event_ahead){
            .partition = &bench.partitions[record->partition],
            .record = record,
            .before = before[record->partition]++,
        };
        at += record->header.bytes;
    }
    partition_prefetch(ahead, count);
}

STAGE
stage_apply(void)
{
    struct partition_outcome outcome;
    uint32_t count = 0;

    bench.merge_count = 0;
    for (uint32_t at = 0; at < bench.block_bytes;) {
        const struct event_record *record = (const void *)(bench.block + at);
        struct partition *partition = &bench.partitions[record->partition];

        if (count % PARTITION_AHEAD_COUNT == 0) {
            prefetch_events(at);
        }
        REQUIRE(partition_apply_event(partition, record, partition->applied_count,
                                      (struct wall_ms){.ms = bench.now_ms}, &outcome) == 0);
        for (uint32_t i = 0; i < outcome.merge_count; i++) {
            send_merge(&outcome.merges[i], record->partition);
        }
        bench.events[count] = outcome.event;
        send_event(&bench.events[count], record->partition);
        partition->applied_count++;
        at += record->header.bytes;
        count++;
    }
    REQUIRE(count == BODY_EVENTS);
    for (uint32_t i = 0; i < PARTITION_COUNT; i++) {
        if (bench.partitions[i].moved_count > 0) {
            send_progress(&bench.partitions[i]);
        }
    }
}

STAGE
stage_keep(void)
{
    do {
        mesh_publish(&bench.node.mesh, here);
        (void)keeper_step(bench.keeper, MONO_NEVER);
    } while (!keeper_is_idle(bench.keeper));
}

/* ---- Around them. ---- */

static void
make_body(void)
{
    uint32_t bytes = 0;

    bench.now_ms += BODY_MS;
    for (uint32_t i = 0; i < BODY_EVENTS; i++) {
        bytes += produce_people_next(bench.people, (struct event_ms){.ms = bench.now_ms},
                                     bench.body_room + bytes, NULL);
    }
    bench.body = (struct text){.data = bench.body_room, .bytes = bytes};
}

/*
 * A virtual machine gets memory from its host at the first touch, twenty times slower than a process gets it from its
 * kernel, and gives back what was free for two seconds. That says nothing about us. So as much as will be used is
 * touched before, and freed a little at a time, ahead of the region: our kernel hands out again what was just freed.
 */
static void
warm_machine(void)
{
    bench.warm_bytes = (uint64_t)(bench.options.event_count + bench.options.warm_count) * WARM_BYTES_EACH;
    bench.warm_bytes = align_up(bench.warm_bytes + WARM_STEP_BYTES, WARM_STEP_BYTES);
    bench.warm = mmap(NULL, bench.warm_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(bench.warm != MAP_FAILED);
    (void)madvise(bench.warm, bench.warm_bytes, MADV_HUGEPAGE);
    memset(bench.warm, 1, bench.warm_bytes);
}

static void
free_warm(void)
{
    while (bench.warm_at < bench.warm_bytes && bench.warm_at < region_used(&bench.region) + WARM_STEP_BYTES) {
        REQUIRE(munmap(bench.warm + bench.warm_at, WARM_STEP_BYTES) == 0);
        bench.warm_at += WARM_STEP_BYTES;
    }
}

static void
run_body(bool is_counted)
{
    static void (*const stages[PART_COUNT])(void) = {
        [PART_COPY] = stage_copy,
        [PART_ALONE_MANY] = stage_alone_many,
        [PART_ALONE_EACH] = stage_alone_each,
        [PART_PARSE] = stage_parse,
        [PART_NORMALISE] = stage_normalise,
        [PART_RECORD] = stage_record,
        [PART_SEQUENCE] = stage_sequence,
        [PART_APPLY] = stage_apply,
        [PART_KEEP] = stage_keep,
    };

    make_body();
    free_warm();
    for (uint32_t part = 0; part < PART_COUNT; part++) {
        uint64_t began = now_ns();

        stages[part]();
        bench.ns[part] += is_counted ? now_ns() - began : 0;
    }
}

static void
open_partitions(void)
{
    bench.settings = (struct settings_record){
        .header = {.bytes = sizeof(bench.settings), .kind = RECORD_SETTINGS, .version = 1},
        .out_of_orderness_ms = 60000,
        .session_gap_ms = 30 * 60000,
        .session_horizon_ms = MS_PER_DAY,
        .dedup_events = 4194304,
    };
    for (uint16_t i = 0; i < PARTITION_COUNT; i++) {
        struct partition *partition = &bench.partitions[i];

        REQUIRE(partition_init(partition, (struct partition_options){.node = &bench.node,
                                                                     .region = &bench.region,
                                                                     .number = i,
                                                                     .env = bench.env,
                                                                     .on_fatal = store_fatal}) == 0);
        REQUIRE(partition_sequence(partition, &bench.settings.header, 0) == 0);
        REQUIRE(partition_apply_settings(partition, &bench.settings, partition->wall) == 0);
        partition->applied_count++;
        send((struct message){.kind = MESSAGE_SETTINGS, .partition = i, .payload = &bench.settings});
    }
    stage_keep();
}

static void
open_node(void)
{
    static const uint32_t slot_counts[STAGE_COUNT] = {
        [STAGE_INGEST] = 1,
        [STAGE_APPLY] = NODE_APPLY_SLOTS,
        [STAGE_HANDOVER] = NODE_HANDOVER_SLOTS,
        [STAGE_QUERY] = 1,
        [STAGE_REPLY] = 1,
    };

    here = (struct shard_id){.n = 0};
    bench.node = (struct node){
        .shard_count = 1,
        .partition_count = PARTITION_COUNT,
        .slice_count = SLICE_COUNT,
        .dictionary_day_count_max = DICTIONARY_DAY_COUNT_MAX,
        .fatal = node_fatal,
    };
    for (uint32_t i = 0; i < sizeof(bench.node.secret); i++) {
        bench.node.secret[i] = (uint8_t)(i * 7 + 1);
    }
    REQUIRE(mesh_init(&bench.node.mesh, 1, STAGE_COUNT, slot_counts) == 0);
    REQUIRE(region_init(&bench.region, REGION_BYTES) == 0);
    arena_pool_init(&bench.arenas, 16u << 20);
    bench.disk = sim_disk_create((struct sim_disk_options){.seed = 1});
    bench.env = env_sim_create(bench.disk, &bench.clock, 1);
    REQUIRE(keeper_open(
                (struct keeper_options){
                    .node = &bench.node,
                    .home = here,
                    .region = &bench.region,
                    .arenas = &bench.arenas,
                    .now = keeper_now,
                    .answered = keeper_answered,
                },
                &bench.keeper) == 0);
    open_partitions();
}

static void
open_bodies(void)
{
    struct produce_people_options options = {
        .people_seed = 1,
        .walk_seed = 1,
        .tenant_count = TENANT_COUNT,
        .person_count = bench.options.person_count,
        .visit_count = VISIT_COUNT,
        .event_bytes = bench.options.event_bytes,
    };

    REQUIRE(produce_people_create(&options, &bench.people) == 0);
    REQUIRE(json_in_create(BODY_BYTES_MAX, &bench.json) == 0);
    REQUIRE(normaliser_create(NULL, 0, false, BODY_BYTES_MAX, &bench.normaliser) == 0);
    bench.body_room = calloc(1, BODY_EVENTS * produce_people_bytes_max(bench.people) + JSON_IN_PADDING);
    bench.records = aligned_alloc(CACHE_LINE_BYTES, BODY_EVENTS * RECORD_BYTES_EACH * 16);
    bench.block = aligned_alloc(CACHE_LINE_BYTES, BODY_EVENTS * RECORD_BYTES_EACH * 16);
    bench.copies = malloc(COPIES_BYTES);
    REQUIRE(bench.body_room != NULL);
    REQUIRE(bench.copies != NULL);
    memset(bench.copies, 1, COPIES_BYTES);
    REQUIRE(bench.records != NULL);
    REQUIRE(bench.block != NULL);
    bench.now_ms = START_MS;
}

static void
read_options(int argc, char **argv)
{
    struct options *options = &bench.options;

    *options = (struct options){
        .event_count = 200000, .warm_count = 50000, .person_count = 100000, .event_bytes = 600};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->is_json = true;
        } else if (strcmp(argv[i], "--events") == 0) {
            options->event_count = (uint32_t)number_of("stages", "--events", argv[++i], 1000, 20000000);
        } else if (strcmp(argv[i], "--warm") == 0) {
            options->warm_count = (uint32_t)number_of("stages", "--warm", argv[++i], 0, 20000000);
        } else if (strcmp(argv[i], "--people") == 0) {
            options->person_count =
                (uint32_t)number_of("stages", "--people", argv[++i], VISIT_COUNT, 100000000);
        } else if (strcmp(argv[i], "--event-bytes") == 0) {
            options->event_bytes = (uint32_t)number_of("stages", "--event-bytes", argv[++i],
                                                       PRODUCE_EVENT_BYTES_MIN, PRODUCE_EVENT_BYTES_MAX);
        } else {
            fputs("perf_stages [--events N] [--warm N] [--people N] [--event-bytes N] [--json]\n", stderr);
            exit(2);
        }
    }
}

/* Normalising includes parsing, and the record's stage both: only what each adds is its own. */
static double
ns_of(enum part part)
{
    double ns = (double)bench.ns[part];

    if (part == PART_NORMALISE || part == PART_RECORD) {
        ns -= (double)bench.ns[part - 1];
    }
    return ns / (double)(bench.options.event_count / BODY_EVENTS * BODY_EVENTS);
}

static void
say(void)
{
    double parse = ns_of(PART_ALONE_MANY);
    double copy = ns_of(PART_COPY);
    double total = 0;

    for (uint32_t part = 0; part < PART_COUNT; part++) {
        double ns = ns_of(part);

        total += part >= PART_PARSE ? ns : 0;
        if (bench.options.is_json) {
            printf("%s\"%s\":%.1f", part == 0 ? "{" : ",", part_names[part], ns);
        } else {
            printf("stages %-20s %8.1f ns  %5.2f parses  %6.2f copies\n", part_names[part], ns, ns / parse,
                   ns / copy);
        }
    }
    if (bench.options.is_json) {
        printf(",\"total\":%.1f,\"events\":%u}\n", total,
               bench.options.event_count / BODY_EVENTS * BODY_EVENTS + bench.options.warm_count);
        return;
    }
    printf("stages %-20s %8.1f ns  %5.2f parses  %6.2f copies, of %u events, %" PRIu64 " profiles\n", "total",
           total, total / parse, total / copy, bench.options.event_count,
           keeper_counts(bench.keeper).profiles);
}

int
main(int argc, char **argv)
{
    read_options(argc, argv);
    warm_machine();
    open_bodies();
    open_node();
    for (uint32_t i = 0; i < bench.options.warm_count; i += BODY_EVENTS) {
        run_body(false);
    }
    for (uint32_t i = 0; i < bench.options.event_count / BODY_EVENTS; i++) {
        run_body(true);
    }
    say();
    return 0;
}
