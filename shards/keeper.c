/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper.h"

#include "shards/keeper_state.h"
#include "shards/profile_codec.h"
#include "shards/slice_record.h"

#include <errno.h>

#define KEEPER_MAGIC 0x6b656570u
#define STORAGE_STATUS 74
#define TURN_COUNT 32u          /* messages of one lane between two looks at the clock */
#define ROUND_EVENT_COUNT 2048u /* a busy keeper begins a round not sooner than after so many events */
#define ROUND_SHARE_COUNT 64u   /* shares looked at in a step for sessions that have closed */
#define CLOSE_COUNT 256u        /* sessions closed of one share in a step */

/* Until the first settings record of a partition; every log begins with one. */
static const struct settings_record settings_first = {
    .out_of_orderness_ms = 60000,
    .session_gap_ms = 30 * INT64_C(60000),
    .session_horizon_ms = MS_PER_DAY,
};

static void
init_secrets(struct keeper *keeper)
{
    const uint8_t *secret = keeper->options.node->secret;

    /* The key of event IDs is the one of record_write_event(): the first half of the store's secret. */
    memcpy(&keeper->id_key.lo, secret, sizeof(keeper->id_key.lo));
    memcpy(&keeper->id_key.hi, secret + 8, sizeof(keeper->id_key.hi));
    memcpy(keeper->seed, secret + 16, sizeof(keeper->seed));
}

static struct store_options
store_options(const struct keeper *keeper, uint32_t key_offset)
{
    return (struct store_options){
        .region = keeper->memory.region,
        .seed = {keeper->seed[0], keeper->seed[1]},
        .key_offset = key_offset,
    };
}

static bool
take_tables(struct keeper *keeper)
{
    const struct node *node = keeper->options.node;
    struct region *region = keeper->options.region;

    keeper->partitions = region_take_zero(region, node->partition_count * sizeof(*keeper->partitions));
    keeper->persons = region_take_zero(region, node->slice_count * sizeof(*keeper->persons));
    keeper->slices = region_take_zero(region, node->slice_count * sizeof(*keeper->slices));
    keeper->sources = region_take_zero(region, node->shard_count * sizeof(*keeper->sources));
    keeper->outboxes = region_take_zero(region, node->shard_count * sizeof(*keeper->outboxes));
    return keeper->partitions != NULL && keeper->persons != NULL && keeper->slices != NULL &&
           keeper->sources != NULL && keeper->outboxes != NULL;
}

static void
init_tables(struct keeper *keeper)
{
    const struct node *node = keeper->options.node;
    struct store_options persons = store_options(keeper, offsetof(struct person, canonical));

    persons.is_late = keeper->options.is_late;
    persons.context = keeper->options.context;
    for (uint32_t i = 0; i < node->slice_count; i++) {
        store_init(&keeper->persons[i], persons);
    }
    store_init(&keeper->queues, store_options(keeper, offsetof(struct key_queue, key)));
    store_init(&keeper->handovers, store_options(keeper, offsetof(struct handover, loser)));
    for (uint32_t i = 0; i < node->partition_count; i++) {
        struct keeper_partition *partition = &keeper->partitions[i];
        partition->rules = (struct session_rules){.gap_ms = settings_first.session_gap_ms,
                                                  .horizon_ms = settings_first.session_horizon_ms};
        partition->out_of_orderness_ms = settings_first.out_of_orderness_ms;
        table_init(&partition->tenants, keeper->memory.region, sizeof(struct keeper_tenant));
    }
}

static void
storage_failed(void *context, int fault, const char *what)
{
    struct keeper *keeper = context;

    (void)fault;
    keeper->options.node->fatal(keeper->options.node, STORAGE_STATUS, what);
}

/* Each of our slices has the same part, and no limit only when there is none. */
static uint64_t
journal_bytes_of_slice(const struct keeper *keeper)
{
    const struct node *node = keeper->options.node;
    uint64_t count = (node->slice_count + node->shard_count - 1) / node->shard_count;

    return (keeper->options.journal_bytes_max + count - 1) / count;
}

struct slice_state_options
keeper_slice_options(struct keeper *keeper, uint16_t slice)
{
    struct slice_state_options options = {
        .memory = &keeper->memory,
        .env = keeper->options.env,
        .seed = {keeper->seed[0], keeper->seed[1]},
        .persons = &keeper->persons[slice],
        .slice = slice,
        .people_page_bytes = keeper->options.people_page_bytes,
        .journal_bytes_max = journal_bytes_of_slice(keeper),
        .on_fatal = storage_failed,
        .context = keeper,
    };

    if (options.env != NULL) {
        options.store_id = keeper->options.node->manifest->store_id;
    }
    return options;
}

/* Those of the others stay closed: nothing of them comes here. */
static int
open_slices(struct keeper *keeper)
{
    const struct node *node = keeper->options.node;

    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        struct keeper_slice *slice = &keeper->slices[i];
        int r = slice_state_open(&slice->state, keeper_slice_options(keeper, (uint16_t)i));

        slice->keeper = keeper;
        slice->number = (uint16_t)i;
        if (r != 0) {
            return fault_up(r);
        }
        history_init(&slice->history, &keeper->memory, &slice->state,
                     keeper->options.run_events > 0 ? keeper->options.run_events : HISTORY_RUN_EVENTS);
    }
    return 0;
}

int
keeper_open(struct keeper_options options, struct keeper **out_keeper)
{
    struct keeper *keeper = region_take_zero(options.region, sizeof(*keeper));

    if (keeper == NULL) {
        return fault_new(-ENOMEM);
    }
    *keeper = (struct keeper){
        .magic = KEEPER_MAGIC,
        .options = options,
        .memory = {.region = options.region, .node = options.node},
        .people_bytes_max = options.people_bytes_max,
    };
    run_queue_init(&keeper->tasks, options.now, options.context);
    init_secrets(keeper);
    if (!take_tables(keeper)) {
        keeper_close(keeper);
        return fault_new(-ENOMEM);
    }
    init_tables(keeper);
    int r = open_slices(keeper);

    if (r != 0) {
        keeper_close(keeper);
        return fault_up(r);
    }
    *out_keeper = keeper;
    return 0;
}

void
keeper_set_journal_memory(struct keeper *keeper, uint64_t bytes)
{
    const struct node *node = keeper->options.node;

    REQUIRE_HERE(keeper->options.home);
    keeper->options.journal_bytes_max = bytes;
    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        log_store_set_memory(keeper->slices[i].state.journal, journal_bytes_of_slice(keeper));
    }
}

void
keeper_end_pages(struct keeper *keeper)
{
    const struct node *node = keeper->options.node;

    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        log_store_end_page(keeper->slices[i].state.journal);
    }
    if (keeper->options.run_events > 0) {
        keeper_shelve_little(keeper, keeper->options.run_events);
    }
}

/* What it kept goes with the region. */
void
keeper_close(struct keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    REQUIRE(keeper->magic == KEEPER_MAGIC);
    for (uint32_t i = keeper->options.home.n; keeper->slices != NULL && i < keeper->options.node->slice_count;
         i += keeper->options.node->shard_count) {
        slice_state_close(&keeper->slices[i].state);
    }
    keeper->magic = 0;
}

struct keeper_tenant *
keeper_known_tenant(const struct keeper *keeper, uint16_t partition, uint32_t tenant_no)
{
    const struct table *tenants = &keeper->partitions[partition].tenants;

    if (tenant_no >= tenants->count) {
        return NULL;
    }
    struct keeper_tenant *tenant = table_at(tenants, tenant_no);
    return tenant->is_known ? tenant : NULL;
}

struct keeper_tenant *
keeper_tenant(struct keeper *keeper, uint16_t partition, uint32_t tenant_no)
{
    struct table *tenants = &keeper->partitions[partition].tenants;

    while (tenants->count <= tenant_no) {
        if (table_add(tenants) == NULL) {
            memory_exhausted(&keeper->memory);
        }
    }
    struct keeper_tenant *tenant = table_at(tenants, tenant_no);
    if (!tenant->is_known) {
        tenant->is_known = true;
        tenant->watermark = NO_WATERMARK;
    }
    return tenant;
}

void
keeper_raise(struct keeper_tenant *tenant, struct event_ms watermark)
{
    if (watermark.ms > tenant->watermark.ms) {
        tenant->watermark = watermark;
    }
}

static struct event_ms
clock_watermark(const struct keeper_partition *partition, const struct keeper_tenant *tenant)
{
    if (!tenant->has_clock) {
        return NO_WATERMARK;
    }
    return tenant_clock_watermark(&tenant->clock, partition->wall, partition->out_of_orderness_ms);
}

struct event_ms
keeper_watermark(const struct keeper_partition *partition, const struct keeper_tenant *tenant)
{
    struct event_ms now = clock_watermark(partition, tenant);

    return now.ms > tenant->watermark.ms ? now : tenant->watermark;
}

struct share *
keeper_share(struct keeper *keeper, uint16_t partition, uint32_t tenant_no, uint16_t slice)
{
    struct keeper_tenant *tenant = keeper_tenant(keeper, partition, tenant_no);

    REQUIRE(slice < keeper->options.node->slice_count);
    REQUIRE(node_slice_owner(keeper->options.node, slice) == keeper->options.home.n);
    if (tenant->shares == NULL) {
        tenant->shares =
            memory_take_zero(&keeper->memory, keeper->options.node->slice_count * sizeof(*tenant->shares));
    }
    if (tenant->shares[slice] == NULL) {
        struct share *share = memory_take_zero(&keeper->memory, sizeof(*share));
        share->slice = slice;
        share->state = &keeper->slices[slice].state;
        share->history = &keeper->slices[slice].history;
        share->slice_next = keeper->slices[slice].shares;
        keeper->slices[slice].shares = share;
        keeper->slices[slice].share_count++;
        share->partition = partition;
        share->tenant_no = tenant_no;
        share->gap_ms = keeper->partitions[partition].rules.gap_ms;
        share->cube.queue = &keeper->cube_queue;
        share->next = keeper->shares;
        keeper->shares = share;
        tenant->shares[slice] = share;
    }
    return tenant->shares[slice];
}

uint64_t
keeper_applied_count(const struct keeper_partition *partition)
{
    uint64_t count = partition->sent_count;

    if (partition->unfinished_first != NULL && partition->unfinished_first->job.position < count) {
        count = partition->unfinished_first->job.position;
    }
    return count;
}

/* What the clock said so far stays: a watermark never goes back. */
static void
fold_clock(struct keeper_partition *partition, struct keeper_tenant *tenant)
{
    keeper_raise(tenant, clock_watermark(partition, tenant));
}

static void
take_progress(struct keeper *keeper, const struct message *message)
{
    struct keeper_partition *partition = &keeper->partitions[message->partition];
    const struct progress *progress = message->payload;

    for (uint32_t i = 0; i < progress->tenant_count; i++) {
        const struct progress_tenant *moved = &progress->tenants[i];
        struct keeper_tenant *tenant = keeper_tenant(keeper, message->partition, moved->tenant_no);
        fold_clock(partition, tenant);
        tenant->clock = moved->clock;
        tenant->has_clock = true;
        keeper_raise(tenant, moved->clock.watermark);
    }
    if (progress->wall.ms > partition->wall.ms) {
        partition->wall = progress->wall;
    }
    /* NO_POSITION: nothing is in its log yet. */
    if (message->position != NO_POSITION && message->position + 1 > partition->sent_count) {
        partition->sent_count = message->position + 1;
    }
    keeper->wants_round = true;
}

static void
take_settings(struct keeper *keeper, const struct message *message)
{
    struct keeper_partition *partition = &keeper->partitions[message->partition];
    const struct settings_record *settings = message->payload;
    bool is_new_gap = settings->session_gap_ms != partition->rules.gap_ms;

    if (settings->out_of_orderness_ms != partition->out_of_orderness_ms) {
        for (uint32_t i = 0; i < partition->tenants.count; i++) {
            struct keeper_tenant *tenant = table_at(&partition->tenants, i);
            fold_clock(partition, tenant);
        }
    }
    partition->rules = (struct session_rules){.gap_ms = settings->session_gap_ms,
                                              .horizon_ms = settings->session_horizon_ms};
    partition->out_of_orderness_ms = settings->out_of_orderness_ms;
    for (struct share *share = keeper->shares; is_new_gap && share != NULL; share = share->next) {
        if (share->partition == message->partition) {
            share_regap(&keeper->memory, share, settings->session_gap_ms);
        }
    }
}

static void
take_message(struct keeper *keeper, uint16_t source, const struct message *message, struct person *known)
{
    struct job job = {
        .slice = message->slice,
        .partition = message->partition,
        .source = source,
        .position = message->position,
        .known = known,
    };

    REQUIRE(message->partition < keeper->options.node->partition_count);
    job.rules = keeper->partitions[message->partition].rules;
    switch ((enum message_kind)message->kind) {
    case MESSAGE_EVENT:
        job.kind = JOB_EVENT;
        job.event = message->payload;
        keeper_dispatch(keeper, &job, job.event->canonical);
        return;
    case MESSAGE_TAKE:
        job.kind = JOB_TAKE;
        job.merge = message->payload;
        keeper_dispatch(keeper, &job, job.merge->winner);
        return;
    case MESSAGE_GIVE:
        job.kind = JOB_GIVE;
        job.merge = message->payload;
        keeper_dispatch(keeper, &job, job.merge->loser);
        return;
    case MESSAGE_SETTINGS:
        take_settings(keeper, message);
        return;
    case MESSAGE_PROGRESS:
        take_progress(keeper, message);
        return;
    case MESSAGE_PART:
    case MESSAGE_HANDOVER:
    case MESSAGE_ASK:
    case MESSAGE_RELEASE:
    case MESSAGE_PART_DONE:
    case MESSAGE_ANSWER:
        break;
    }
    base_die("REQUIRE", "the message belongs on an apply lane", __FILE__, __LINE__);
}

static struct lane *
lane_from(struct keeper *keeper, uint32_t stage, uint32_t from)
{
    return mesh_lane(&keeper->options.node->mesh, stage, from, keeper->options.home.n);
}

static void
drain_handovers(struct keeper *keeper)
{
    for (uint32_t from = 0; from < keeper->options.node->shard_count; from++) {
        struct lane *lane = lane_from(keeper, STAGE_HANDOVER, from);
        for (;;) {
            const struct lane_slot *slot = lane_fetch(lane);
            if (slot == NULL) {
                break;
            }
            struct message message;
            memcpy(&message, slot, sizeof(message));
            keeper_receive(keeper, &message);
        }
        (void)lane_release(lane);
    }
}

static bool
is_over(const struct keeper *keeper, struct mono_ns until)
{
    return keeper->options.now(keeper->options.context).ns >= until.ns;
}

/* A batch of one lane, as far as there is room to wait. Returns how many were taken. */
static uint32_t
read_lane(struct keeper *keeper, struct lane *lane, uint16_t from)
{
    struct keeper_ahead batch[KEEPER_BATCH_COUNT];
    uint32_t count = 0;
    uint32_t taken = 0;
    uint32_t turn = 0;

    while (count < KEEPER_BATCH_COUNT && keeper_has_room(keeper, from)) {
        const struct lane_slot *slot = lane_fetch(lane);
        if (slot == NULL) {
            break;
        }
        struct keeper_ahead *ahead = &batch[count++];
        memcpy(&ahead->message, slot, sizeof(ahead->message));
        ahead->person = NULL;
        ahead->share = NULL;
    }
    while (count > 0 && turn < KEEPER_STEP_COUNT) {
        keeper_prefetch(keeper, batch, count, turn++);
    }
    while (taken < count && keeper_has_room(keeper, from)) {
        keeper_prefetch(keeper, batch, count, turn++);
        take_message(keeper, from, &batch[taken].message, batch[taken].person);
        taken++;
    }
    for (uint32_t i = taken; i < count; i++) {
        lane_unfetch(lane);
    }
    return taken;
}

/* Some of each lane. True when a lane may have more. */
static bool
read_lanes(struct keeper *keeper)
{
    bool has_more = false;

    for (uint32_t from = 0; from < keeper->options.node->shard_count; from++) {
        struct lane *lane = lane_from(keeper, STAGE_APPLY, from);
        uint32_t count = 0;
        uint32_t taken;
        do {
            taken = read_lane(keeper, lane, (uint16_t)from);
            count += taken;
        } while (taken == KEEPER_BATCH_COUNT && count < TURN_COUNT);
        (void)lane_release(lane);
        has_more = has_more || taken == KEEPER_BATCH_COUNT;
    }
    return has_more;
}

/* Questions whose position is reached may be answered. */
static void
wake_questions(struct keeper *keeper)
{
    for (uint32_t i = 0; keeper->asked_waiting_count > 0 && i < keeper->options.node->partition_count; i++) {
        struct keeper_partition *partition = &keeper->partitions[i];
        uint64_t applied = keeper_applied_count(partition);
        while (partition->asked.first != NULL &&
               partition->asked.first->question->reading.position < applied) {
            struct asked *asked = partition->asked.first;
            partition->asked.first = asked->next;
            *(asked->next != NULL ? &asked->next->previous : &partition->asked.last) = NULL;
            keeper->asked_waiting_count--;
            keeper_make_ready(keeper, asked);
        }
    }
}

static bool
close_share(struct keeper *keeper, struct share *share)
{
    const struct keeper_partition *partition = &keeper->partitions[share->partition];
    const struct keeper_tenant *tenant = keeper_known_tenant(keeper, share->partition, share->tenant_no);

    return share_close(&keeper->memory, share, keeper_watermark(partition, tenant), CLOSE_COUNT) <
           CLOSE_COUNT;
}

/*
 * Closing work for everyone, a little at a time. It moves counts only; answers never wait for it. Each share that is
 * looked at is a wait for memory, so while there are events it is not done at each turn's end.
 */
static bool
go_round(struct keeper *keeper, bool is_busy)
{
    if (keeper->round == NULL) {
        if (!keeper->wants_round) {
            return false;
        }
        if (is_busy && keeper->event_count - keeper->round_event_count < ROUND_EVENT_COUNT) {
            return true;
        }
        keeper->round_event_count = keeper->event_count;
        keeper->wants_round = false;
        keeper->round = keeper->shares;
    }
    for (uint32_t i = 0; i < ROUND_SHARE_COUNT && keeper->round != NULL; i++) {
        prefetch_line(keeper->round->next);
        if (!close_share(keeper, keeper->round)) {
            return true;
        }
        keeper->round = keeper->round->next;
    }
    return keeper->round != NULL || keeper->wants_round;
}

/* Pages that are full are written while there is nothing else to wait for. */
static bool
step_slices(struct keeper *keeper, struct mono_ns until)
{
    const struct node *node = keeper->options.node;
    bool has_more = false;

    for (uint32_t i = keeper->options.home.n; i < node->slice_count; i += node->shard_count) {
        has_more = slice_state_step(&keeper->slices[i].state, until) || has_more;
    }
    return has_more;
}

enum step
keeper_step(struct keeper *keeper, struct mono_ns until)
{
    REQUIRE(keeper->magic == KEEPER_MAGIC);
    REQUIRE_HERE(keeper->options.home);
    uint64_t event_count = keeper->event_count;
    bool was_behind = keeper_is_behind(keeper);
    bool has_more;

    keeper_free_outgoing(keeper);
    keeper_retry_giving(keeper);
    do {
        has_more = false;
        if (!keeper->is_paused) {
            drain_handovers(keeper);
            has_more = !was_behind && read_lanes(keeper);
        }
        has_more = !keeper_run_queues(keeper, until) || has_more;
        cube_queue_run(&keeper->memory, &keeper->cube_queue);
        wake_questions(keeper);
        keeper_wake_recalling(keeper);
        has_more = keeper_relieve(keeper) || has_more;
        has_more = keeper_shelve(keeper) || has_more;
    } while (has_more && !is_over(keeper, until));
    has_more = run_queue_run(&keeper->tasks) == STEP_MORE || has_more;
    has_more = go_round(keeper, keeper->event_count != event_count) || has_more;
    has_more = step_slices(keeper, until) || has_more;
    /* Nobody rings when a hand-over lane has room again, or when reads have ended in step_slices(). */
    has_more = keeper->giving != NULL || keeper->ready_first != NULL || !run_queue_is_empty(&keeper->tasks) ||
               keeper_can_wake_recalling(keeper) || has_more;
    has_more = (was_behind && !keeper_is_behind(keeper)) || has_more;
    return has_more ? STEP_MORE : STEP_DONE;
}

static uint64_t
store_arrive_all(struct keeper *keeper, uint64_t count)
{
    uint64_t left = 0;

    for (uint32_t i = 0; i < keeper->options.node->slice_count; i++) {
        count -= store_arrive(&keeper->persons[i], count);
        left += keeper->persons[i].late_count;
    }
    return left;
}

uint32_t
keeper_look_ups_arrive(struct keeper *keeper, uint32_t count)
{
    return (uint32_t)store_arrive_all(keeper, count);
}

bool
keeper_is_still(const struct keeper *keeper, const uint64_t *marks)
{
    struct mesh *mesh = &keeper->options.node->mesh;

    for (uint32_t from = 0; from < keeper->options.node->shard_count; from++) {
        /* A hand-over on its way has a TAKE that waits for it, here or at the end of a lane. */
        if (keeper->sources[from].wait_count > 0 ||
            lane_fetched(mesh_lane(mesh, STAGE_APPLY, from, keeper->options.home.n)) < marks[from]) {
            return false;
        }
    }
    return keeper->handovers.count == 0;
}

void
keeper_pause(struct keeper *keeper)
{
    REQUIRE_HERE(keeper->options.home);
    keeper->is_paused = true;
}

void
keeper_resume(struct keeper *keeper)
{
    keeper->is_paused = false;
}

bool
keeper_is_idle(const struct keeper *keeper)
{
    struct mesh *mesh = &keeper->options.node->mesh;

    if (keeper->queues.count > 0 || keeper->handovers.count > 0 || keeper->asked_count > 0 ||
        keeper->outgoing_count > 0) {
        return false;
    }
    for (uint32_t from = 0; from < keeper->options.node->shard_count; from++) {
        if (!lane_is_empty(mesh_lane(mesh, STAGE_APPLY, from, keeper->options.home.n)) ||
            !lane_is_empty(mesh_lane(mesh, STAGE_HANDOVER, from, keeper->options.home.n))) {
            return false;
        }
    }
    return true;
}

struct keeper_counts
keeper_counts(const struct keeper *keeper)
{
    struct keeper_counts counts = {
        .profiles = keeper->profile_count,
        .events = keeper->event_count,
        .people_bytes = keeper->people_bytes,
        .people_left = keeper->people_left,
        .people_read = keeper->people_read,
        .history_bytes = keeper_order_bytes(keeper),
    };

    for (const struct share *share = keeper->shares; share != NULL; share = share->next) {
        counts.sessions_open += share->open_count;
    }
    for (uint32_t i = keeper->options.home.n; i < keeper->options.node->slice_count;
         i += keeper->options.node->shard_count) {
        struct log_store_counts journal = log_store_counts(keeper->slices[i].state.journal);
        counts.journal_bytes += journal.resident_bytes;
        counts.journal_cold_reads += journal.cold_reads;
        counts.history_bytes += history_bytes(&keeper->slices[i].history);
    }
    return counts;
}

/* State hash: a sum over things, each hashed with where it lies, so that no order is needed. */

struct hashing {
    struct keeper *keeper;
    uint64_t sum;
};

static uint64_t
hash_piece(uint64_t seed, const void *data, uint64_t bytes)
{
    return hash64(seed, (struct text){.data = data, .bytes = (uint32_t)bytes});
}

static uint64_t
seed_of(const struct share *share, uint64_t kind)
{
    uint64_t words[4] = {kind, share->slice, share->partition, share->tenant_no};

    return hash_piece(0, words, sizeof(words));
}

/* What is on disk are the bytes that are hashed. */
static void
hash_away(struct hashing *hashing, const struct person *person)
{
    struct slice_state *state = person->share->state;
    struct log_piece piece;

    REQUIRE(slice_state_fetch_now(state, person, &piece) == 0);
    const struct slice_person *record = piece.record;

    REQUIRE(piece.record_bytes - sizeof(*record) == record->profile_bytes);
    hashing->sum += hash_piece(seed_of(person->share, 1), record->profile, record->profile_bytes);
    log_piece_put(state->people, &piece);
}

static void
hash_person(void *context, void *record)
{
    struct hashing *hashing = context;
    struct memory *memory = &hashing->keeper->memory;
    const struct person *person = record;
    struct order_place place = {0};

    if (person->is_away) {
        hash_away(hashing, person);
    } else if (person->profile != NULL) {
        struct profile_label label = {
            .canonical = person->canonical, .person = person->number, .tenant_no = person->share->tenant_no};
        uint64_t bytes = profile_codec_bytes(person->profile);
        void *encoded = memory_take(memory, bytes);
        (void)profile_codec_encode(person->profile, label, encoded, bytes);
        hashing->sum += hash_piece(seed_of(person->share, 1), encoded, bytes);
        memory_put(memory, encoded, bytes);
    }
    for (;;) {
        const struct order_entry *entry =
            person->archive == NULL ? NULL : order_next(&person->archive->order, &place);
        if (entry == NULL) {
            return;
        }
        struct slice_parts parts = {0};
        slice_parts_begin(&parts, share_entry_address(entry));
        slice_parts_add_all_now(person->share->state, &parts);
        hashing->sum += hash_piece(seed_of(person->share, 2) + person->number, parts.whole->session,
                                   parts.whole->session_bytes);
        slice_parts_end(memory, &parts);
    }
}

static void
hash_event(struct hashing *hashing, const struct share *share, uint64_t address)
{
    struct log_piece piece;

    REQUIRE(log_store_read_at_now(share->state->journal, address, &piece) == 0);
    const struct kept_event *event = piece.record;
    uint64_t seed = hash_piece(seed_of(share, 3), event, sizeof(*event));

    hashing->sum += hash_piece(seed, kept_event_record(event), kept_event_record(event)->header.bytes);
    log_piece_put(share->state->journal, &piece);
}

static void
hash_stretch(struct hashing *hashing, const struct share *share, uint64_t address)
{
    struct log_piece piece;

    REQUIRE(log_store_read_at_now(share->state->journal, address, &piece) == 0);
    const struct slice_stretch *stretch = piece.record;

    for (uint32_t i = 0; i < stretch->count; i++) {
        hash_event(hashing, share, stretch->entries[i].item);
    }
    log_piece_put(share->state->journal, &piece);
}

static void
hash_events(struct hashing *hashing, const struct share *share)
{
    struct order_place place = {0};

    for (uint32_t i = 0; i < share->shelf.stretch_count; i++) {
        hash_stretch(hashing, share, share->shelf.stretches[i].address);
    }
    for (;;) {
        const struct order_entry *entry = order_next(&share->events, &place);
        if (entry == NULL) {
            break;
        }
        hash_event(hashing, share, entry->item);
    }
}

static void
hash_cube(struct hashing *hashing, const struct share *share)
{
    for (uint32_t i = 0; i < share->cube.hour_count; i++) {
        const struct cube_hour *hour = share->cube.hours[i];
        uint64_t seed = seed_of(share, 4) + (uint64_t)hour->hour;
        for (uint32_t k = 0; k < hour->cell_count; k++) {
            const struct cube_cell *cell = &hour->cells[k];
            if (cell->events != 0 || cell->sessions != 0) {
                hashing->sum += hash_piece(seed, cell, sizeof(*cell));
            }
        }
        for (uint32_t k = 0; k < hour->user_count; k++) {
            uint64_t cell_seed =
                hash_piece(seed, hour->cells[hour->users[k].cell].code, sizeof(hour->cells[0].code));
            hashing->sum += hash_piece(cell_seed, &hour->users[k].person, sizeof(hour->users[k].person));
        }
    }
}

uint64_t
keeper_state_hash(struct keeper *keeper)
{
    struct hashing hashing = {.keeper = keeper};

    for (struct share *share = keeper->shares; share != NULL; share = share->next) {
        while (!close_share(keeper, share)) {
        }
        hash_events(&hashing, share);
        hash_cube(&hashing, share);
    }
    for (uint32_t i = 0; i < keeper->options.node->slice_count; i++) {
        store_each(&keeper->persons[i], hash_person, &hashing);
    }
    return hashing.sum;
}
