/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/sequencer.h"

#include "core/log_line.h"
#include "core/metrics.h"
#include "shards/budget.h"
#include "shards/scatter.h"
#include "shards/sequencer_state.h"

#include <errno.h>
#include <stdio.h>

#define BLOCK_COUNT 12u
#define IN_FLIGHT_MAX 4u
#define AHEAD_COUNT 16u /* records whose IDs are looked for next */
#define BEAT_NS NS_PER_S
#define WINDOW_WARN_MS (15 * 60 * INT64_C(1000))
#define QUESTION_COUNT 8u              /* between two looks at the clock */
#define ROOM_MARGIN_BYTES (256u << 10) /* kept for settings and the wall clock */

static bool
is_owned(void *context, uint32_t partition)
{
    const struct sequencer *sequencer = context;

    return node_partition_owner(sequencer->node, (uint16_t)partition) == sequencer->options.home.n;
}

static void
block_is_durable(void *context, struct log_block *block)
{
    struct sequencer *sequencer = context;

    sequencer_count(sequencer, METRIC_LOG_BLOCKS, 1);
    sequencer_count(sequencer, METRIC_LOG_BYTES, align_up(block->header->length, DISK_SECTOR_BYTES));
    if (sequencer->options.metrics != NULL) {
        metrics_observe(sequencer->options.metrics, METRIC_LOG_WRITE,
                        env_mono(sequencer->options.env).ns - block->started.ns);
    }
    sequencer_enter(sequencer, block, sequencer->node->shard_count, false);
}

static void
log_failed(void *context, int fault, const char *what)
{
    (void)fault;
    sequencer_fail(context, what);
}

static bool
look_up_is_late(void *context)
{
    struct sequencer *sequencer = context;

    return sequencer->options.is_late(sequencer->options.context);
}

/* ---- Parts: from the ingest lanes into the log. ---- */

/* Appends a record. False: no buffer is free now. */
static bool
append(struct sequencer *sequencer, struct partition *partition, const struct record_header *record,
       struct wall_ms received_at)
{
    struct log_block *block;
    struct record_header *copy =
        commit_log_append(sequencer->log, partition->number, partition->next_position, record->bytes, &block);

    if (copy == NULL) {
        return false;
    }
    memcpy(copy, record, record->bytes);
    if (record->kind == RECORD_EVENT) {
        ((struct event_record *)(void *)copy)->received_at = received_at;
    }
    sequencer->appended_sequence = block->header->sequence;
    if (partition_sequence(partition, copy, block->header->sequence + 1) != 0) {
        sequencer_fail(sequencer, "no memory for an event's ID");
    }
    return true;
}

/* One record of a part. False: try again later. */
static bool
take_record(struct sequencer *sequencer, struct ingest_part *part, struct ingest_run *run)
{
    struct partition *partition = sequencer->partitions[run->partition];
    const struct event_record *event = (const void *)(run->records + part->record_offset);
    struct wall_ms received_at = event->received_at;
    const struct dedup_entry *original;

    ASSERT(partition != NULL);
    if (received_at.ms < partition->last_received.ms) {
        received_at = partition->last_received;
    }
    original = dedup_find(&partition->dedup, event->id_hash, received_at);
    if (original != NULL) {
        run->outcomes[part->record_index] = INGEST_DUPLICATE;
        if (original->durable_when > part->durable_when) {
            part->durable_when = original->durable_when;
        }
        sequencer_count(sequencer, METRIC_INGEST_DUPLICATE, 1);
    } else {
        if (!append(sequencer, partition, &event->header, received_at)) {
            return false;
        }
        run->outcomes[part->record_index] = INGEST_ACCEPTED;
        part->durable_when = sequencer->appended_sequence + 1;
        sequencer_count(sequencer, METRIC_INGEST_ACCEPTED, 1);
    }
    part->record_index++;
    part->record_offset += event->header.bytes;
    return true;
}

/* Where the window would have their IDs is nowhere near: the waits for memory overlap. */
static void
prefetch_records(const struct sequencer *sequencer, const struct ingest_part *part,
                 const struct ingest_run *run)
{
    const struct dedup *dedup = &sequencer->partitions[run->partition]->dedup;
    uint32_t offset = part->record_offset;

    for (uint32_t i = part->record_index; i < run->count && i < part->record_index + AHEAD_COUNT; i++) {
        const struct event_record *event = (const void *)(run->records + offset);
        dedup_prefetch(dedup, event->id_hash);
        offset += event->header.bytes;
    }
}

/* False: no log buffer; the part stays in hand. */
static bool
take_part(struct sequencer *sequencer, struct ingest_part *part)
{
    while (part->run_now != NULL) {
        while (part->record_index < part->run_now->count) {
            if (part->record_index % AHEAD_COUNT == 0) {
                prefetch_records(sequencer, part, part->run_now);
            }
            if (!take_record(sequencer, part, part->run_now)) {
                return false;
            }
        }
        part->run_now = part->run_now->next;
        part->record_index = 0;
        part->record_offset = 0;
    }
    return true;
}

static void
wait_until_durable(struct sequencer *sequencer, struct ingest_part *part)
{
    part->next = NULL;
    if (sequencer->last_waiting != NULL) {
        sequencer->last_waiting->next = part;
    } else {
        sequencer->first_waiting = part;
    }
    sequencer->last_waiting = part;
}

static enum step
take_parts(struct sequencer *sequencer, struct mono_ns until)
{
    struct node *node = sequencer->node;

    for (uint32_t i = 0; i < node->shard_count; i++) {
        uint32_t from = (sequencer->lane_first + i) % node->shard_count;
        struct lane *lane = mesh_lane(&node->mesh, STAGE_INGEST, from, sequencer->options.home.n);

        for (;;) {
            struct ingest_part *part = sequencer->in_hand[from];

            if (part == NULL) {
                const struct message *message = (const void *)lane_fetch(lane);

                if (message == NULL) {
                    break;
                }
                part = (struct ingest_part *)(uintptr_t)message->payload;
                part->run_now = part->runs;
                part->record_index = 0;
                part->record_offset = 0;
                part->durable_when = 0;
                sequencer->in_hand[from] = part;
                lane_release(lane);
            }
            if (!take_part(sequencer, part)) {
                /* Buffers come back from the disk, which wakes us, or from the lanes, which do not. */
                return sequencer->first_applying != NULL || sequencer->first_passing != NULL ? STEP_MORE
                                                                                             : STEP_DONE;
            }
            sequencer->in_hand[from] = NULL;
            wait_until_durable(sequencer, part);
            if (env_mono(sequencer->options.env).ns >= until.ns) {
                sequencer->lane_first = from + 1; /* the others first, next time */
                return STEP_MORE;
            }
        }
    }
    return STEP_DONE;
}

static void
reply_to_parts(struct sequencer *sequencer)
{
    uint64_t durable = commit_log_durable(sequencer->log);
    struct node *node = sequencer->node;

    while (sequencer->first_waiting != NULL && sequencer->first_waiting->durable_when <= durable) {
        struct ingest_part *part = sequencer->first_waiting;
        struct message *message =
            (void *)lane_claim(mesh_lane(&node->mesh, STAGE_REPLY, sequencer->options.home.n, part->from));

        ASSERT(message != NULL); /* a receiving shard never has more outstanding than the reply lane holds */
        sequencer->first_waiting = part->next;
        if (sequencer->first_waiting == NULL) {
            sequencer->last_waiting = NULL;
        }
        sequencer->processed[part->from] += part->cost;
        *message = (struct message){.kind = MESSAGE_PART_DONE, .payload = part};
    }
}

/* Room that is not ours to use: credit that is out, and a margin. */
static uint64_t
promised(const struct sequencer *sequencer)
{
    uint64_t bytes = ROOM_MARGIN_BYTES;

    for (uint32_t to = 0; to < sequencer->node->shard_count; to++) {
        bytes += sequencer->granted[to] - sequencer->processed[to];
    }
    return bytes;
}

static void
note_disk(struct sequencer *sequencer)
{
    _Atomic bool *is_full = &sequencer->node->words[sequencer->options.home.n].is_disk_full;
    bool is_full_now = commit_log_is_disk_full(sequencer->log);

    if (is_full_now != atomic_load_explicit(is_full, memory_order_relaxed)) {
        atomic_store_explicit(is_full, is_full_now, memory_order_relaxed);
        if (is_full_now) {
            log_warn_seldom("the disk is full: events are refused when the room at hand is used up");
        } else {
            log_warn_seldom("the disk has room again");
        }
    }
}

/* Credit stands for room that the log surely has. */
static void
grant_credit(struct sequencer *sequencer)
{
    struct node *node = sequencer->node;
    uint64_t room = commit_log_room(sequencer->log);
    uint64_t outstanding = promised(sequencer);
    uint64_t most = node_credit_max(node, room);

    if (!sequencer->settings_appended) {
        room = 0; /* they come first */
    }
    for (uint32_t to = 0; to < node->shard_count && outstanding < room; to++) {
        uint64_t has = sequencer->granted[to] - sequencer->processed[to];
        uint64_t share = (room - outstanding) / (node->shard_count - to);
        uint64_t wanted = has > most ? 0 : most - has < share ? most - has : share;

        if (wanted > 0) {
            struct credit_line *line = &node->credits[sequencer->options.home.n * node->shard_count + to];

            sequencer->granted[to] += wanted;
            outstanding += wanted;
            /* Release: pairs with the acquire of ingest_submit(); the room was there before the credit. */
            atomic_store_explicit(&line->returned_bytes, sequencer->granted[to], memory_order_release);
        }
    }
    note_disk(sequencer);
}

/* ---- Start: replay, then the settings. ---- */

static enum step
replay(struct sequencer *sequencer, struct mono_ns until)
{
    while (!sequencer->has_failed) {
        struct log_block *block;
        int r = log_reader_next(sequencer->reader, &block);

        if (r == LOG_READER_WAIT) {
            /* For a read, which wakes us, or for blocks to come back: a keeper that passes them wakes nobody. */
            return sequencer->first_applying != NULL || sequencer->first_passing != NULL ? STEP_MORE
                                                                                         : STEP_DONE;
        }
        if (r == LOG_READER_END) {
            if (sequencer->first_applying != NULL || sequencer->first_passing != NULL) {
                return STEP_MORE;
            }
            log_reader_close(sequencer->reader);
            sequencer->reader = NULL;
            return STEP_MORE;
        }
        if (r < 0) {
            const char *reason = log_reader_reason(sequencer->reader);

            char line[256];

            snprintf(line, sizeof(line), "%.180s; --accept-loss starts without what was lost",
                     reason[0] != 0 ? reason : "the log cannot be read");
            sequencer_fail(sequencer, line);
            return STEP_DONE;
        }

        uint32_t stream_count = sequencer->node->shard_count;
        const struct manifest *manifest = sequencer->node->tail;
        for (uint32_t i = 0; i < manifest->epoch_count; i++) {
            if (manifest->epochs[i].epoch == block->header->epoch) {
                stream_count = manifest->epochs[i].stream_count;
            }
        }
        sequencer_enter(sequencer, block, stream_count, true);
        if (env_mono(sequencer->options.env).ns >= until.ns) {
            return STEP_MORE;
        }
    }
    return STEP_DONE;
}

static bool
has_settings(const struct partition *partition, const struct settings_record *settings)
{
    return memcmp(&partition->newest_settings, settings, sizeof(*settings)) == 0;
}

/* Writes the configured rules to the log of every partition that has others. False: try again later. */
static bool
append_settings(struct sequencer *sequencer)
{
    const struct rules *rules = &sequencer->node->rules;
    struct settings_record settings;
    uint64_t needed = 0;

    memset(&settings, 0, sizeof(settings));
    settings = (struct settings_record){
        .header = {.bytes = sizeof(settings), .kind = RECORD_SETTINGS, .version = 1},
        .out_of_orderness_ms = rules->out_of_orderness_ms,
        .allowed_lateness_ms = rules->allowed_lateness_ms,
        .session_gap_ms = rules->session_gap_ms,
        .session_horizon_ms = rules->session_horizon_ms,
        .dedup_events = rules->dedup_events,
    };
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        const struct partition *partition = sequencer->partitions[p];

        needed +=
            partition != NULL && !has_settings(partition, &settings) ? commit_log_cost(sizeof(settings)) : 0;
    }
    if (commit_log_room(sequencer->log) < needed) {
        return false;
    }
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && !has_settings(partition, &settings) &&
            !append(sequencer, partition, &settings.header, (struct wall_ms){.ms = 0})) {
            return false;
        }
    }
    return true;
}

static bool
is_all_applied(const struct sequencer *sequencer)
{
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        const struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && partition->applied_count < partition->next_position) {
            return false;
        }
    }
    return true;
}

/*
 * A disk without room refuses events and keeps no answers away: until it has some, what the log says about settings holds.
 * No event can come before the new ones, because nobody has credit. A log that says nothing yet has no answers either.
 */
static bool
may_answer_without(const struct sequencer *sequencer)
{
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        if (sequencer->partitions[p] != NULL && sequencer->partitions[p]->newest_settings.header.bytes == 0) {
            return false;
        }
    }
    return commit_log_is_disk_full(sequencer->log);
}

static enum step
start(struct sequencer *sequencer, struct mono_ns until)
{
    if (sequencer->reader != NULL) {
        return replay(sequencer, until);
    }
    if (!sequencer->settings_appended) {
        sequencer->settings_appended = append_settings(sequencer);
        if (sequencer->settings_appended) {
            return STEP_MORE;
        }
        if (!may_answer_without(sequencer)) {
            return STEP_DONE; /* the log tries again, and wakes us */
        }
    }
    if (is_all_applied(sequencer)) {
        sequencer->is_ready = true;
    }
    return STEP_DONE;
}

/* ---- The clock, questions, and the step that holds it together. ---- */

/* The shortest of the shard's windows, and a warning when retries may come too late for it. */
static void
note_windows(struct sequencer *sequencer)
{
    int64_t least = DEDUP_WINDOW_MS;

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        const struct partition *partition = sequencer->partitions[p];

        if (partition != NULL) {
            int64_t window = dedup_window_ms(&partition->dedup, env_wall(sequencer->options.env));

            least = window < least ? window : least;
        }
    }
    if (sequencer->options.metrics != NULL) {
        metrics_set(sequencer->options.metrics, METRIC_DEDUP_WINDOW, (uint64_t)least);
        if (least < WINDOW_WARN_MS) {
            log_warn_seldom("the duplicate window is short: raise dedup.events",
                            LOG_INT("covers_s", least / 1000));
        }
    }
}

static void
beat(struct timer *timer)
{
    struct sequencer *sequencer = CONTAINER_OF(timer, struct sequencer, beat);
    bool is_needed = false;

    note_windows(sequencer);

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        is_needed |= partition != NULL && partition_needs_clock(partition);
    }
    /* What is promised to clients is not spent on the clock. */
    if (is_needed && sequencer->is_ready && sequencer->settings_appended &&
        commit_log_room(sequencer->log) > promised(sequencer)) {
        commit_log_beat(sequencer->log);
    }
    timer_start(sequencer->options.timers, timer,
                (struct mono_ns){.ns = env_mono(sequencer->options.env).ns + BEAT_NS}, beat);
}

/* ---- Questions: a message's are a task. One waits until what was durable when it was begun is applied. ---- */

static enum step answer_message(struct task *task, const struct time_slice *time);

void
sequencer_ask(struct sequencer *sequencer, struct subquery *subquery)
{
    for (const struct question *question = subquery->first; question != NULL; question = question->sibling) {
        REQUIRE(sequencer->partitions[question->target] != NULL);
    }
    subquery->answerer = sequencer;
    subquery->unbegun = subquery->first;
    run_queue_add(&sequencer->tasks, &subquery->task, answer_message);
}

static void
park(struct question **first, struct question **last, struct question *question)
{
    question->next = NULL;
    if (*last != NULL) {
        (*last)->next = question;
    } else {
        *first = question;
    }
    *last = question;
}

static struct question *
take_first(struct question **first, struct question **last)
{
    struct question *question = *first;

    *first = question->next;
    if (*first == NULL) {
        *last = NULL;
    }
    question->next = NULL;
    return question;
}

/* Questions that have waited long enough. */
static void
wake_questions(struct sequencer *sequencer)
{
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];
        struct question *late;

        while (partition != NULL && (late = partition_answered(partition)) != NULL) {
            sequencer->options.answered(sequencer->options.context, late);
        }
        while (partition != NULL && partition->first_parked != NULL &&
               partition->first_parked->resume[0] <= partition->applied_count) {
            struct question *question = take_first(&partition->first_parked, &partition->last_parked);
            struct subquery *subquery = question->subquery;

            park(&subquery->first_ready, &subquery->last_ready, question);
            run_queue_add(&sequencer->tasks, &subquery->task, answer_message);
        }
    }
}

/* The next one that can be answered; NULL when all that are left wait. */
static struct question *
take_ready(struct sequencer *sequencer, struct subquery *subquery)
{
    while (subquery->first_ready == NULL && subquery->unbegun != NULL) {
        struct question *question = subquery->unbegun;
        struct partition *partition = sequencer->partitions[question->target];

        subquery->unbegun = question->sibling;
        question->fault = 0;
        scatter_open_answer(question, sequencer->options.arenas);
        question->resume[0] = partition->durable_count;
        if (question->resume[0] <= partition->applied_count) {
            park(&subquery->first_ready, &subquery->last_ready, question);
        } else {
            park(&partition->first_parked, &partition->last_parked, question);
        }
    }
    return subquery->first_ready != NULL ? take_first(&subquery->first_ready, &subquery->last_ready) : NULL;
}

static enum step
answer_message(struct task *task, const struct time_slice *time)
{
    struct subquery *subquery = CONTAINER_OF(task, struct subquery, task);
    struct sequencer *sequencer = subquery->answerer;

    for (uint32_t count = 1;; count++) {
        struct question *question = take_ready(sequencer, subquery);
        struct partition *partition;
        int r = 0;

        if (question == NULL) {
            return STEP_DONE;
        }
        const bool is_last = subquery->unanswered == 1; /* behind its answer the message may be gone */

        partition = sequencer->partitions[question->target];
        if (scatter_is_unwanted(subquery->scatter)) {
            partition_forget(partition, question);
        } else {
            r = partition_answer(partition, question, time);
        }
        if (r == PARTITION_MORE) {
            question->next = subquery->first_ready;
            subquery->first_ready = question;
            subquery->last_ready = question->next != NULL ? subquery->last_ready : question;
            return STEP_MORE;
        }
        if (r == 0) {
            sequencer->options.answered(sequencer->options.context, question);
        }
        if (is_last) {
            return STEP_DONE;
        }
        /* Not without work: the others may be answered without this task, and then it must not be in the queue. */
        if (count % QUESTION_COUNT == 0 && time_slice_is_over(time)) {
            return subquery->first_ready != NULL || subquery->unbegun != NULL ? STEP_MORE : STEP_DONE;
        }
    }
}

/* Nothing that was looked up in this turn is used any more. */
static enum step
step_stores(struct sequencer *sequencer, struct mono_ns until)
{
    enum step step = STEP_DONE;

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && log_store_step(partition->identities, until)) {
            step = STEP_MORE;
        }
    }
    return step;
}

uint64_t
sequencer_leavable_bytes(const struct sequencer *sequencer)
{
    uint64_t bytes = 0;

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        const struct partition *partition = sequencer->partitions[p];

        bytes += partition != NULL ? log_store_counts(partition->identities).resident_bytes : 0;
    }
    return bytes;
}

struct sequencer_memory
sequencer_memory(const struct sequencer *sequencer)
{
    struct sequencer_memory memory = {0};

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        const struct partition *partition = sequencer->partitions[p];

        if (partition != NULL) {
            struct log_store_counts counts = log_store_counts(partition->identities);
            memory.identifiers_bytes += counts.resident_bytes + counts.index_bytes;
            memory.duplicates_bytes += dedup_memory_bytes(&partition->dedup);
        }
    }
    return memory;
}

void
sequencer_keep_to(struct sequencer *sequencer, const struct budget *budget)
{
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL) {
            uint64_t bytes = log_store_counts(partition->identities).resident_bytes;
            log_store_set_memory(partition->identities, budget_limit(budget, bytes));
        }
    }
}

enum step
sequencer_step(struct sequencer *sequencer, struct mono_ns until)
{
    enum step step = STEP_DONE;

    REQUIRE_HERE(sequencer->options.home);
    if (sequencer->has_failed) {
        return STEP_DONE;
    }
    sequencer_release_passed(sequencer);
    if (!sequencer->is_ready) {
        step = start(sequencer, until);
    } else if (!sequencer->settings_appended) {
        sequencer->settings_appended = append_settings(sequencer);
    } else if (take_parts(sequencer, until) == STEP_MORE) {
        step = STEP_MORE;
    }
    if (sequencer->reader == NULL) {
        commit_log_flush(sequencer->log);
    }
    for (uint32_t p = 0;
         p < sequencer->node->partition_count && !sequencer->has_failed && !sequencer->is_paused; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && partition->first_piece != NULL &&
            sequencer_apply(sequencer, partition, until) == STEP_MORE) {
            step = STEP_MORE;
        }
    }
    sequencer_tell_progress(sequencer);
    sequencer_let_pass(sequencer);
    sequencer_release_passed(sequencer);
    reply_to_parts(sequencer);
    if (sequencer->is_ready) {
        grant_credit(sequencer);
        wake_questions(sequencer);
        if (run_queue_run(&sequencer->tasks) == STEP_MORE) {
            step = STEP_MORE;
        }
    }
    return step_stores(sequencer, until) == STEP_MORE ? STEP_MORE : step;
}

uint64_t
sequencer_look_ups_arrive(struct sequencer *sequencer, uint64_t count)
{
    uint64_t left = 0;

    REQUIRE_HERE(sequencer->options.home);
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL) {
            count -= log_store_arrive(partition->identities, count);
            left += log_store_counts(partition->identities).late;
        }
    }
    return left;
}

bool
sequencer_is_ready(const struct sequencer *sequencer)
{
    return sequencer->is_ready;
}

bool
sequencer_is_idle(const struct sequencer *sequencer)
{
    for (uint32_t from = 0; from < sequencer->node->shard_count; from++) {
        if (sequencer->in_hand[from] != NULL) {
            return false;
        }
    }
    return sequencer->is_ready && sequencer->first_waiting == NULL && commit_log_is_idle(sequencer->log) &&
           sequencer->first_applying == NULL && sequencer->first_passing == NULL && is_all_applied(sequencer);
}

void
sequencer_pause(struct sequencer *sequencer)
{
    REQUIRE_HERE(sequencer->options.home);
    sequencer->is_paused = true;
}

void
sequencer_resume(struct sequencer *sequencer)
{
    sequencer->is_paused = false;
}

/* A partition that is behind may still have to see the clock of later blocks: those are behind this one too. */
uint64_t
sequencer_tail_begin(const struct sequencer *sequencer)
{
    for (const struct applying *applying = sequencer->first_applying; applying != NULL;
         applying = applying->next) {
        if (applying->pieces_left > 0) {
            return applying->block->header->sequence;
        }
    }
    return commit_log_durable(sequencer->log);
}

struct partition *
sequencer_partition(struct sequencer *sequencer, uint16_t number)
{
    return sequencer->partitions[number];
}

void
sequencer_recycle(struct sequencer *sequencer, uint64_t sequence)
{
    commit_log_recycle(sequencer->log, sequence);
}

void
sequencer_recycle_epoch(struct sequencer *sequencer, uint64_t epoch)
{
    commit_log_recycle_epoch(sequencer->log, epoch);
}

uint64_t
sequencer_log_bytes(const struct sequencer *sequencer)
{
    return commit_log_held_bytes(sequencer->log);
}

uint64_t
sequencer_applied_count(const struct sequencer *sequencer)
{
    return sequencer->applied_count;
}

uint64_t
sequencer_state_hash(struct sequencer *sequencer)
{
    uint64_t hash = 0;

    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        if (sequencer->partitions[p] != NULL) {
            hash += partition_state_hash(sequencer->partitions[p]);
        }
    }
    return hash;
}

static struct mono_ns
sequencer_now(void *context)
{
    struct sequencer *sequencer = context;

    return env_mono(sequencer->options.env);
}

int
sequencer_open(struct sequencer_options options, struct sequencer **out_sequencer)
{
    struct node *node = options.node;
    struct sequencer *sequencer = region_take_zero(options.region, sizeof(*sequencer));
    uint64_t credit = node->credit_bytes * node->shard_count + ROOM_MARGIN_BYTES;
    /* All credit that may be out, what a segment cannot use at its end, and one to go on with. */
    uint32_t segments_ahead = (uint32_t)(credit / (options.segment_bytes - options.block_bytes)) + 2;
    int r;

    if (sequencer == NULL) {
        return fault_new(-ENOMEM);
    }
    sequencer->options = options;
    sequencer->node = node;
    notes_pool_init(&sequencer->notes, options.region);
    run_queue_init(&sequencer->tasks, sequencer_now, sequencer);
    for (uint16_t p = 0; p < node->partition_count; p++) {
        if (is_owned(sequencer, p)) {
            sequencer->partitions[p] = region_take(options.region, sizeof(struct partition));
            if (sequencer->partitions[p] == NULL) {
                r = fault_new(-ENOMEM);
                goto fail;
            }
            r = partition_init(sequencer->partitions[p],
                               (struct partition_options){
                                   .node = node,
                                   .region = options.region,
                                   .number = p,
                                   .env = options.env,
                                   .store_id = node->manifest->store_id,
                                   .on_fatal = log_failed,
                                   .is_late = options.is_late != NULL ? look_up_is_late : NULL,
                                   .context = sequencer,
                               });
            if (r != 0) {
                goto fail;
            }
        }
    }
    r = commit_log_open(options.env, options.timers, node->manifest, node->epoch, options.home.n,
                        options.wall_floor,
                        (struct commit_log_options){
                            .segment_bytes = options.segment_bytes,
                            .block_bytes = options.block_bytes,
                            .block_count = BLOCK_COUNT,
                            .in_flight_max = IN_FLIGHT_MAX,
                            .segments_ahead = segments_ahead,
                            .is_modest = node->round->interval_ns > 0,
                            .on_durable = block_is_durable,
                            .on_fatal = log_failed,
                            .context = sequencer,
                        },
                        &sequencer->log);
    if (r != 0 && r != -ENOSPC) {
        goto fail;
    }
    r = log_reader_open(options.env, node->tail, node->epoch, is_owned, sequencer, &sequencer->reader);
    if (r != 0) {
        goto fail;
    }
    timer_start(options.timers, &sequencer->beat, (struct mono_ns){.ns = env_mono(options.env).ns + BEAT_NS},
                beat);
    *out_sequencer = sequencer;
    return 0;

fail:
    sequencer_close(sequencer);
    return fault_up(r);
}

void
sequencer_close(struct sequencer *sequencer)
{
    if (sequencer == NULL) {
        return;
    }
    timer_stop(sequencer->options.timers, &sequencer->beat);
    if (sequencer->reader != NULL) {
        log_reader_close(sequencer->reader);
    }
    if (sequencer->log != NULL) {
        commit_log_close(sequencer->log);
    }
    for (uint32_t p = 0; p < PARTITION_COUNT_MAX; p++) {
        if (sequencer->partitions[p] != NULL) {
            partition_deinit(sequencer->partitions[p]);
            region_put(sequencer->options.region, sequencer->partitions[p], sizeof(struct partition));
        }
    }
    region_put(sequencer->options.region, sequencer, sizeof(*sequencer));
}
