/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/ingest.h"

#include "shards/shard.h"

#define RUN_COUNT_FIRST 16u

/* What a block may waste at its end, for each block that a part spans. */
#define WASTE_BYTES (2 * DISK_SECTOR_BYTES)
#define BLOCK_BYTES_LEAST (32u << 10)

bool
ingest_begin(struct ingest_request *request, struct shard *shard, struct arena *arena)
{
    *request = (struct ingest_request){.shard = shard, .arena = arena};
    request->runs = arena_take_zero(arena, shard->node->partition_count * sizeof(request->runs[0]));
    request->last_runs = arena_take_zero(arena, shard->node->partition_count * sizeof(request->runs[0]));
    request->parts = arena_take_zero(arena, shard->node->shard_count * sizeof(request->parts[0]));
    return request->runs != NULL && request->last_runs != NULL && request->parts != NULL;
}

/* The partition's run that still takes a record of this size, begun now when there is none. */
static struct ingest_run *
run_of(struct ingest_request *request, uint16_t partition, uint32_t bytes)
{
    struct ingest_run *last = request->last_runs[partition];
    uint16_t owner = node_partition_owner(request->shard->node, partition);
    struct ingest_run *run;

    if (last != NULL && last->bytes + bytes <= INGEST_RUN_BYTES_MAX) {
        return last;
    }
    run = arena_take_zero(request->arena, sizeof(*run));
    if (run == NULL) {
        return NULL;
    }
    run->partition = partition;
    request->last_runs[partition] = run;
    if (last != NULL) {
        last->next = run;
        return run;
    }
    request->runs[partition] = run;
    request->parts[owner] = (struct ingest_part){
        .request = request,
        .from = request->shard->id.n,
        .to = owner,
        .is_used = true,
    };
    return run;
}

static bool
make_room(struct ingest_request *request, struct ingest_run *run, uint32_t bytes)
{
    if (run->bytes + bytes > run->bytes_max) {
        uint32_t bytes_max = run->bytes_max == 0 ? INGEST_RUN_BYTES_FIRST : run->bytes_max * 2;
        uint8_t *records;

        bytes_max = bytes_max < run->bytes + bytes ? (uint32_t)align_up(run->bytes + bytes, 16) : bytes_max;
        records = arena_take(request->arena, bytes_max);
        if (records == NULL) {
            return false;
        }
        if (run->bytes > 0) {
            memcpy(records, run->records, run->bytes);
        }
        run->records = records;
        run->bytes_max = bytes_max;
    }
    if (run->count == run->count_max) {
        uint32_t count_max = run->count_max == 0 ? RUN_COUNT_FIRST : run->count_max * 2;
        uint8_t *outcomes = arena_take_zero(request->arena, count_max);
        uint32_t *indexes = arena_take(request->arena, count_max * sizeof(*indexes));

        if (outcomes == NULL || indexes == NULL) {
            return false;
        }
        if (run->count > 0) {
            memcpy(indexes, run->indexes, run->count * sizeof(*indexes));
        }
        run->outcomes = outcomes;
        run->indexes = indexes;
        run->count_max = count_max;
    }
    return true;
}

bool
ingest_add(struct ingest_request *request, const struct event_draft *draft, uint32_t index)
{
    const struct node *node = request->shard->node;
    uint32_t bytes = record_event_bytes(draft);
    uint16_t partition = record_partition(node->secret, draft->text[EVENT_TENANT_ID], node->partition_count);
    struct ingest_run *run = run_of(request, partition, bytes);

    REQUIRE(bytes != 0);
    if (run == NULL || !make_room(request, run, bytes)) {
        request->is_full = true;
        return false;
    }
    record_write_event_in(run->records + run->bytes, draft, node->secret, partition);
    run->bytes += bytes;
    run->indexes[run->count++] = index;
    request->count++;
    return true;
}

/* What the part may use up of the log, in the worst case. */
static uint64_t
cost_of(const struct ingest_part *part)
{
    uint64_t bytes = 0;

    for (const struct ingest_run *run = part->runs; run != NULL; run = run->next) {
        /* Its records are appended one behind the other: a section where it begins, and one a block (in the cost). */
        bytes += run->bytes + sizeof(struct log_section);
    }
    return commit_log_cost(bytes) + (bytes / BLOCK_BYTES_LEAST + 1) * WASTE_BYTES;
}

static int
admit(struct shard *shard, struct ingest_part *part)
{
    struct node *node = shard->node;
    struct credit_line *line = &node->credits[part->to * node->shard_count + shard->id.n];
    /* Acquire: pairs with the release of the sequencer's grant. */
    uint64_t granted = atomic_load_explicit(&line->returned_bytes, memory_order_acquire);

    part->cost = cost_of(part);
    if (part->cost > node->credit_bytes) {
        return INGEST_TOO_LARGE;
    }
    if (shard->credit_spent[part->to] + part->cost > granted) {
        bool is_disk_full = atomic_load_explicit(&node->words[part->to].is_disk_full, memory_order_relaxed);

        return is_disk_full ? INGEST_DISK_FULL : INGEST_BUSY;
    }
    if (shard->parts_out[part->to] >= INGEST_PARTS_MAX ||
        lane_room(mesh_lane(&node->mesh, STAGE_INGEST, shard->id.n, part->to)) == 0) {
        return INGEST_BUSY;
    }
    return 0;
}

static int
admit_all(struct shard *shard, struct ingest_request *request)
{
    struct node *node = shard->node;

    if (request->is_full) {
        return request->arena->is_starved ? INGEST_BUSY : INGEST_TOO_LARGE;
    }
    if (!node_is_ready(node) || atomic_load_explicit(&node->is_stopping, memory_order_relaxed)) {
        return INGEST_BUSY;
    }
    for (uint32_t i = 0; i < node->shard_count; i++) {
        if (atomic_load_explicit(&node->words[i].is_memory_tight, memory_order_relaxed)) {
            return INGEST_BUSY;
        }
    }
    for (uint32_t i = 0; i < node->shard_count; i++) {
        int r = request->parts[i].is_used ? admit(shard, &request->parts[i]) : 0;

        if (r != 0) {
            return r;
        }
    }
    return 0;
}

int
ingest_submit(struct ingest_request *request, void (*done)(struct ingest_request *request), void *context)
{
    struct shard *shard = request->shard;
    struct node *node = shard->node;
    int r;

    REQUIRE_HERE(shard->id);
    request->done = done;
    request->context = context;

    /* Runs of one owner, in the order of their partitions. */
    for (uint32_t i = 0; i < node->shard_count; i++) {
        request->parts[i].runs = NULL;
    }
    for (uint32_t p = node->partition_count; p-- > 0;) {
        if (request->runs[p] != NULL) {
            struct ingest_part *part = &request->parts[node_partition_owner(node, (uint16_t)p)];

            request->last_runs[p]->next = part->runs;
            part->runs = request->runs[p];
        }
    }

    r = admit_all(shard, request);
    if (r != 0) {
        return r;
    }
    if (request->count == 0) {
        done(request);
        return 0;
    }
    for (uint32_t i = 0; i < node->shard_count; i++) {
        struct ingest_part *part = &request->parts[i];

        if (part->is_used) {
            struct message *message =
                (void *)lane_claim(mesh_lane(&node->mesh, STAGE_INGEST, shard->id.n, i));

            ASSERT(message != NULL);
            *message = (struct message){.kind = MESSAGE_PART, .from = shard->id.n, .payload = part};
            shard->credit_spent[i] += part->cost;
            shard->parts_out[i]++;
            request->parts_outstanding++;
        }
    }
    shard->requests_out++;
    return 0;
}

/* Home. A part came back: everything in it is durable (shard.c). */
void
ingest_part_done(struct ingest_part *part)
{
    struct ingest_request *request = part->request;
    struct shard *shard = request->shard;

    for (const struct ingest_run *run = part->runs; run != NULL; run = run->next) {
        for (uint32_t i = 0; i < run->count; i++) {
            request->accepted += run->outcomes[i] == INGEST_ACCEPTED;
            request->duplicates += run->outcomes[i] == INGEST_DUPLICATE;
        }
    }
    shard->parts_out[part->to]--;
    if (--request->parts_outstanding == 0) {
        shard->requests_out--;
        request->done(request);
    }
}
