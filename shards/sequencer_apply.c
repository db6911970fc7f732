/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/sequencer_state.h"

#include "core/log_line.h"
#include "core/metrics.h"

#include <errno.h>
#include <stdio.h>

#define APPLY_BATCH 32u         /* records between two looks at the clock */
#define SLOTS_FOR_ONE_RECORD 5u /* two merges and an event: at most so many on one lane */

void
sequencer_fail(struct sequencer *sequencer, const char *what)
{
    char line[512];

    if (!sequencer->has_failed) {
        sequencer->has_failed = true;
        snprintf(line, sizeof(line), "%s (%s)", what, fault_path());
        sequencer->node->fatal(sequencer->node, 74, line);
    }
}

void
sequencer_count(struct sequencer *sequencer, enum metric metric, uint64_t amount)
{
    if (sequencer->options.metrics != NULL) {
        metrics_add(sequencer->options.metrics, metric, amount);
    }
}

/* ---- Blocks enter: durable now, or read back. ---- */

static struct applying *
applying_take(struct sequencer *sequencer)
{
    struct applying *applying = sequencer->free_applying;

    if (applying != NULL) {
        sequencer->free_applying = applying->next;
    } else {
        applying = region_take(sequencer->options.region, sizeof(*applying));
        if (applying == NULL) {
            return NULL;
        }
    }
    *applying = (struct applying){.block = NULL};
    notes_init(&applying->notes, &sequencer->notes);
    return applying;
}

static void
append_piece(struct partition *partition, struct piece *piece)
{
    if (partition->last_piece != NULL) {
        partition->last_piece->next = piece;
    } else {
        partition->first_piece = piece;
    }
    partition->last_piece = piece;
    piece->from->pieces_left++;
}

static bool
queue_piece(struct partition *partition, struct applying *applying, const struct log_section *section,
            const uint8_t *records)
{
    struct piece *piece = notes_take(&applying->notes, sizeof(*piece));

    if (piece == NULL) {
        return false;
    }
    *piece = (struct piece){
        .from = applying,
        .record = records,
        .position = section->first_position,
        .count = section->count,
    };
    ASSERT(section->first_position == partition->durable_count);
    partition->durable_count += section->count;
    append_piece(partition, piece);
    return true;
}

/* The block's wall clock, behind everything that the partition has to apply. The block does not wait for a partition
   that is behind and has nothing else in it. */
static bool
queue_wall(struct partition *partition, struct applying *applying)
{
    struct wall_ms wall = {.ms = applying->block->header->wall_ms};
    struct piece *piece = partition->last_piece;

    if (piece == NULL) {
        piece = notes_take(&applying->notes, sizeof(*piece));
        if (piece == NULL) {
            return false;
        }
        *piece = (struct piece){.from = applying};
        append_piece(partition, piece);
    }
    piece->wall = wall;
    return true;
}

/* Positions are consecutive, but where somebody accepted the loss of the end of an earlier start. */
static bool
comes_next(struct partition *partition, const struct log_section *section, uint64_t epoch)
{
    bool is_new_epoch = epoch > partition->epoch;

    partition->epoch = epoch;
    if (section->first_position == partition->next_position) {
        return true;
    }
    if (section->first_position < partition->next_position || !is_new_epoch) {
        return false;
    }
    log_warn("events are missing: their loss was accepted", LOG_INT("partition", partition->number),
             LOG_INT("from", (int64_t)partition->next_position),
             LOG_INT("to", (int64_t)section->first_position));
    partition->next_position = section->first_position;
    partition->durable_count = section->first_position;
    return true;
}

/* Replayed records pass the sequenced stage here; appended ones did when they were appended. */
static bool
sequence_again(struct partition *partition, const struct log_section *section, const uint8_t *records,
               uint64_t epoch)
{
    const uint8_t *end = records + section->bytes;

    if (!comes_next(partition, section, epoch)) {
        return false;
    }
    for (uint32_t i = 0; i < section->count; i++) {
        const struct record_header *record = (const void *)records;

        if (!record_is_sound(records, (uint32_t)(end - records)) ||
            partition_sequence(partition, record, 0) != 0) {
            return false;
        }
        records += record->bytes;
    }
    return true;
}

/* What a restored partition has of this section already is left out. False: nothing is left. */
static bool
leave_out_restored(const struct partition *partition, uint64_t epoch, struct log_section *section,
                   const uint8_t **records)
{
    const uint8_t *at = *records;
    const uint8_t *end = at + section->bytes;

    if (epoch != partition->restored_epoch) {
        return true;
    }
    while (section->count > 0 && section->first_position < partition->restored_count &&
           record_is_sound(at, (uint32_t)(end - at))) {
        at += ((const struct record_header *)(const void *)at)->bytes;
        section->first_position++;
        section->count--;
    }
    section->bytes = (uint32_t)(end - at);
    *records = at;
    return section->count > 0;
}

void
sequencer_enter(struct sequencer *sequencer, struct log_block *block, uint32_t stream_count, bool is_replay)
{
    const struct log_block_header *header = block->header;
    struct applying *applying = applying_take(sequencer);
    const struct log_section *section;
    const uint8_t *records;
    uint32_t cursor = 0;
    bool is_good = applying != NULL;

    if (!is_good) {
        sequencer_fail(sequencer, "no memory for a log block");
        return;
    }
    applying->block = block;
    applying->is_replay = is_replay;
    while (is_good && log_block_next_section(header, &cursor, &section, &records)) {
        struct partition *partition = section->partition < sequencer->node->partition_count
                                          ? sequencer->partitions[section->partition]
                                          : NULL;

        if (partition == NULL) {
            continue; /* another shard's */
        }
        struct log_section rest = *section;

        if (is_replay && !leave_out_restored(partition, header->epoch, &rest, &records)) {
            continue;
        }
        is_good = (!is_replay || sequence_again(partition, &rest, records, header->epoch)) &&
                  queue_piece(partition, applying, &rest, records);
    }
    for (uint32_t p = 0; is_good && p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && p % stream_count == header->stream) {
            is_good = queue_wall(partition, applying);
        }
    }
    if (!is_good) {
        sequencer_fail(sequencer, is_replay ? "a log record cannot be read" : "no memory for a log block");
        return;
    }
    if (sequencer->last_applying != NULL) {
        sequencer->last_applying->next = applying;
    } else {
        sequencer->first_applying = applying;
    }
    sequencer->last_applying = applying;
}

/* ---- Apply: in log order, to the lanes. ---- */

static struct message *
claim_apply(struct sequencer *sequencer, uint32_t to)
{
    struct message *message =
        (void *)lane_claim(mesh_lane(&sequencer->node->mesh, STAGE_APPLY, sequencer->options.home.n, to));

    ASSERT(message != NULL); /* room was looked for before the record was begun */
    return message;
}

static bool
has_lane_room(struct sequencer *sequencer, uint64_t slots)
{
    struct node *node = sequencer->node;

    for (uint32_t to = 0; to < node->shard_count; to++) {
        if (lane_room(mesh_lane(&node->mesh, STAGE_APPLY, sequencer->options.home.n, to)) < slots) {
            return false;
        }
    }
    return true;
}

static bool
send_merge(struct sequencer *sequencer, struct partition *partition, struct notes *notes,
           const struct applied_merge *merge)
{
    struct applied_merge *note = notes_take(notes, sizeof(*note));

    if (note == NULL) {
        return false;
    }
    *note = *merge;
    note->tenant_id = notes_text(notes, merge->tenant_id);
    *claim_apply(sequencer, node_slice_owner(sequencer->node, merge->winner_slice)) = (struct message){
        .kind = MESSAGE_TAKE,
        .slice = merge->winner_slice,
        .partition = partition->number,
        .position = merge->position,
        .payload = note,
    };
    *claim_apply(sequencer, node_slice_owner(sequencer->node, merge->loser_slice)) = (struct message){
        .kind = MESSAGE_GIVE,
        .slice = merge->loser_slice,
        .partition = partition->number,
        .position = merge->position,
        .payload = note,
    };
    sequencer_count(sequencer, METRIC_MERGES, 1);
    return note->tenant_id.data != NULL;
}

/* 0, STORE_LATER, -ENOMEM. */
static int
apply_event(struct sequencer *sequencer, struct partition *partition, struct piece *piece,
            const struct event_record *record)
{
    struct notes *notes = &piece->from->notes;
    struct partition_outcome outcome;
    struct applied_event *note;
    uint16_t slice;
    int r = partition_apply_event(partition, record, piece->position,
                                  (struct wall_ms){.ms = piece->from->block->header->wall_ms}, &outcome);

    if (r != 0) {
        return r;
    }
    for (uint32_t i = 0; i < outcome.merge_count; i++) {
        if (!send_merge(sequencer, partition, notes, &outcome.merges[i])) {
            return fault_new(-ENOMEM);
        }
    }
    note = notes_take(notes, sizeof(*note));
    if (note == NULL) {
        return fault_new(-ENOMEM);
    }
    *note = outcome.event;
    slice = node_slice(sequencer->node, note->canonical);
    *claim_apply(sequencer, node_slice_owner(sequencer->node, slice)) = (struct message){
        .kind = MESSAGE_EVENT,
        .slice = slice,
        .partition = partition->number,
        .position = piece->position,
        .payload = note,
    };
    sequencer_count(sequencer, METRIC_ALIAS_REFUSED, outcome.alias_refused);
    sequencer_count(sequencer, METRIC_IDENTITY_LIMIT, outcome.limit_reached);
    sequencer_count(sequencer, METRIC_LATE_EVENTS, note->is_late);
    return 0;
}

static void
send_settings(struct sequencer *sequencer, struct partition *partition,
              const struct settings_record *settings)
{
    for (uint32_t to = 0; to < sequencer->node->shard_count; to++) {
        *claim_apply(sequencer, to) = (struct message){
            .kind = MESSAGE_SETTINGS,
            .partition = partition->number,
            .payload = settings,
        };
    }
}

/* Adds a partition's next events to the batch. */
static uint32_t
gather_ahead(struct partition *partition, struct event_ahead *batch, uint32_t count)
{
    uint32_t before = 0;

    for (const struct piece *piece = partition->first_piece; piece != NULL; piece = piece->next) {
        const uint8_t *at = piece->record;

        for (uint32_t i = 0; i < piece->count && count < PARTITION_AHEAD_COUNT; i++) {
            const struct record_header *record = (const void *)at;

            if (record->kind == RECORD_EVENT) {
                batch[count++] = (struct event_ahead){
                    .partition = partition, .record = (const void *)record, .before = before++};
            }
            at += record->bytes;
        }
    }
    return count;
}

/* What the next events touch is fetched ahead: those of this partition, then of those behind it, whose turn is next. */
static void
prefetch_ahead(struct sequencer *sequencer, const struct partition *first)
{
    struct event_ahead batch[PARTITION_AHEAD_COUNT];
    uint32_t count = 0;

    for (uint32_t p = first->number; p < sequencer->node->partition_count && count < PARTITION_AHEAD_COUNT;
         p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && !partition_is_prefetched(partition)) {
            count = gather_ahead(partition, batch, count);
        }
    }
    partition_prefetch(batch, count);
}

/* As apply_event(). */
static int
apply_record(struct sequencer *sequencer, struct partition *partition, struct piece *piece)
{
    const struct record_header *record = (const void *)piece->record;
    int r;

    switch ((enum record_kind)record->kind) {
    case RECORD_EVENT:
        if (!partition_is_prefetched(partition)) {
            prefetch_ahead(sequencer, partition);
        }
        r = apply_event(sequencer, partition, piece, (const void *)record);
        if (r != 0) {
            return r;
        }
        break;
    case RECORD_SETTINGS:
        r = partition_apply_settings(partition, (const void *)record,
                                     (struct wall_ms){.ms = piece->from->block->header->wall_ms});
        if (r != 0) {
            return r;
        }
        send_settings(sequencer, partition, (const void *)record);
        break;
    case RECORD_DELETE:
    case RECORD_MERGE:
    case RECORD_WATERMARK:
        sequencer_fail(sequencer, "the log holds a record of a kind that this version does not write");
        break;
    }
    piece->record += record->bytes;
    piece->position++;
    piece->count--;
    partition->applied_count = piece->position;
    sequencer->applied_count++;
    partition->has_progress = true;
    return 0;
}

static void
finish_piece(struct partition *partition)
{
    struct piece *piece = partition->first_piece;

    partition_see(partition, piece->wall);
    partition->first_piece = piece->next;
    if (partition->first_piece == NULL) {
        partition->last_piece = NULL;
    }
    piece->from->pieces_left--;
}

enum step
sequencer_apply(struct sequencer *sequencer, struct partition *partition, struct mono_ns until)
{
    uint32_t batch = 0;
    int r;

    while (partition->first_piece != NULL) {
        struct piece *piece = partition->first_piece;

        for (;;) {
            /* Room for the record and for the PROGRESS of every partition at the end of the step. */
            if (!has_lane_room(sequencer, SLOTS_FOR_ONE_RECORD + sequencer->node->partition_count)) {
                sequencer_count(sequencer, METRIC_LANE_FULL_APPLY, 1);
                return STEP_MORE;
            }
            sequencer->newest = piece->from;
            if (piece->count == 0) {
                break;
            }
            if (log_store_is_behind(partition->identities) &&
                !log_store_is_disk_full(partition->identities)) {
                return STEP_DONE; /* writes that end wake us */
            }
            r = apply_record(sequencer, partition, piece);
            if (r == LOG_STORE_LATER) {
                return STEP_DONE; /* what arrives wakes us */
            }
            if (r != 0) {
                sequencer_fail(sequencer, "no memory to apply an event");
                return STEP_DONE;
            }
            if (sequencer->has_failed) {
                return STEP_DONE;
            }
            if (++batch % APPLY_BATCH == 0 && env_mono(sequencer->options.env).ns >= until.ns) {
                return STEP_MORE;
            }
        }
        finish_piece(partition);
    }
    return STEP_DONE;
}

/* Tells every shard how far a partition has come. */
static bool
send_progress(struct sequencer *sequencer, struct partition *partition)
{
    struct notes *notes;
    struct progress *progress;

    ASSERT(sequencer->newest !=
           NULL); /* progress comes from a piece of this step, whose block is still here */
    notes = &sequencer->newest->notes;
    partition_needs_clock(partition);
    progress =
        notes_take(notes, sizeof(*progress) + (uint64_t)(partition->moved_count + partition->watched_count) *
                                                  sizeof(progress->tenants[0]));
    if (progress == NULL) {
        return false;
    }
    *progress = (struct progress){.wall = partition->wall};
    for (uint32_t i = 0; i < partition->moved_count; i++) {
        struct tenant *tenant = partition_tenant_at(partition, *(uint32_t *)table_at(&partition->moved, i));

        tenant->has_moved = false;
        progress->tenants[progress->tenant_count++] =
            (struct progress_tenant){.tenant_no = tenant->no, .clock = tenant->clock};
    }
    partition->moved_count = 0;
    partition->has_progress = false;
    for (uint32_t to = 0; to < sequencer->node->shard_count; to++) {
        *claim_apply(sequencer, to) = (struct message){
            .kind = MESSAGE_PROGRESS,
            .partition = partition->number,
            .position = partition->applied_count == 0 ? NO_POSITION : partition->applied_count - 1,
            .payload = progress,
        };
    }
    return true;
}

void
sequencer_tell_progress(struct sequencer *sequencer)
{
    for (uint32_t p = 0; p < sequencer->node->partition_count; p++) {
        struct partition *partition = sequencer->partitions[p];

        if (partition != NULL && partition->has_progress && !send_progress(sequencer, partition)) {
            sequencer_fail(sequencer, "no memory to tell progress");
        }
    }
    sequencer->newest = NULL;
}

/* ---- Blocks leave: applied, then passed by every lane. ---- */

void
sequencer_let_pass(struct sequencer *sequencer)
{
    struct node *node = sequencer->node;
    struct applying **at = &sequencer->first_applying;
    bool is_held = false;

    sequencer->last_applying = NULL;
    while (*at != NULL) {
        struct applying *applying = *at;

        /* A partition that waits for a look-up holds its own blocks, not those behind them; a log_reader takes its own
           back in order. */
        if (applying->pieces_left > 0 || (is_held && applying->is_replay)) {
            is_held = true;
            sequencer->last_applying = applying;
            at = &applying->next;
            continue;
        }
        *at = applying->next;
        applying->next = NULL;
        for (uint32_t to = 0; to < node->shard_count; to++) {
            applying->marks[to] =
                lane_index(mesh_lane(&node->mesh, STAGE_APPLY, sequencer->options.home.n, to));
        }
        if (sequencer->last_passing != NULL) {
            sequencer->last_passing->next = applying;
        } else {
            sequencer->first_passing = applying;
        }
        sequencer->last_passing = applying;
    }
}

static bool
is_passed(struct sequencer *sequencer, const struct applying *applying)
{
    struct node *node = sequencer->node;

    for (uint32_t to = 0; to < node->shard_count; to++) {
        if (lane_passed(mesh_lane(&node->mesh, STAGE_APPLY, sequencer->options.home.n, to)) <
            applying->marks[to]) {
            return false;
        }
    }
    return true;
}

void
sequencer_release_passed(struct sequencer *sequencer)
{
    while (sequencer->first_passing != NULL && is_passed(sequencer, sequencer->first_passing)) {
        struct applying *applying = sequencer->first_passing;

        sequencer->first_passing = applying->next;
        if (sequencer->first_passing == NULL) {
            sequencer->last_passing = NULL;
        }
        if (applying->is_replay) {
            log_reader_release(sequencer->reader, applying->block);
        } else {
            commit_log_release(sequencer->log, applying->block);
        }
        notes_deinit(&applying->notes);
        applying->next = sequencer->free_applying;
        sequencer->free_applying = applying;
    }
}
