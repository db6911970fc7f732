/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/log_line.h"
#include "core/metrics.h"
#include "shards/metrics_table.h"
#include "shards/partition.h"
#include "shards/partition_state.h"
#include "shards/shard.h"
#include "storage/segment.h"

/*
 * A shard's way through a round, a step in a turn at the earliest; what it waits for is a word of every shard:
 *
 *   IDLE --a round was begun--> STOPPED --all stopped, and what they sent is applied--> STILL --all still--> WRITING
 *     ^                                                                                                        |
 *     +--settled-- WRITTEN <--every file is durable, or one cannot be-------------------------------------------+
 *
 * Shard 0 leads besides: it begins a round, waits for all to have written, and lets a side task write the manifest and
 * take away files that nothing names.
 *
 * Steps are taken at the beginning of a turn: what the turns before sent was published by then, so who sees a word sees
 * at least where the messages end that were sent before it.
 */

#define LOOK_NS NS_PER_S /* how often it is asked whether there were enough events */

enum phase {
    PHASE_IDLE,
    PHASE_STOPPED,
    PHASE_STILL,
    PHASE_WRITING,
    PHASE_WRITTEN,
};

/* Shard 0's. */
struct leader {
    struct timer timer;
    bool is_leading; /* a round is under way */
    bool is_saving;  /* its manifest is */
    bool has_tried_last;
    struct mono_ns begun_at;
    uint64_t applied_before; /* when the last durable one was begun */
    uint64_t applied_now;
    struct mono_ns due;
    uint64_t number_next;
    /* The side task. */
    struct env_op op;
    struct manifest next; /* with the new checkpoint */
    bool is_given_up;
    bool is_durable;
    struct manifest_file *to_unlink;
    uint32_t unlink_count;
};

struct checkpoint {
    struct shard *shard;
    struct node *node;
    struct checkpoint_round *round;
    struct state_writer *writer;
    struct checkpoint_part *parts;
    uint32_t part_count;

    enum phase phase;
    uint64_t number;
    struct mono_ns stopped_at;
    uint32_t cut_count; /* parts that were cut, and need an end */
    uint32_t part_now;  /* being written */
    bool is_begun;      /* its file */
    bool is_added;      /* all of it */
    bool is_ended;
    int fault;
    struct leader leader;
};

/* ---- What is shared. ---- */

int
checkpoint_round_create(const struct node *node, uint64_t interval_ns, uint64_t event_count,
                        struct checkpoint_round **out_round)
{
    struct checkpoint_round *round = calloc(1, sizeof(*round));
    uint32_t shards = node->shard_count;

    if (round == NULL) {
        return fault_new(-ENOMEM);
    }
    round->interval_ns = interval_ns;
    round->event_count = event_count;
    round->marks = calloc((size_t)shards * shards, sizeof(*round->marks));
    round->stream_begins = calloc(shards, sizeof(*round->stream_begins));
    round->positions = calloc(node->partition_count, sizeof(*round->positions));
    round->files = calloc(node->partition_count + node->slice_count, sizeof(*round->files));
    if (round->marks == NULL || round->stream_begins == NULL || round->positions == NULL ||
        round->files == NULL) {
        checkpoint_round_destroy(round);
        return fault_new(-ENOMEM);
    }
    *out_round = round;
    return 0;
}

void
checkpoint_round_destroy(struct checkpoint_round *round)
{
    if (round == NULL) {
        return;
    }
    free(round->dropped_epochs);
    free(round->marks);
    free(round->stream_begins);
    free(round->positions);
    free(round->files);
    free(round);
}

/* ---- A start. ---- */

static uint32_t
file_index(const struct checkpoint *checkpoint, const struct checkpoint_part *part)
{
    return part->ops == &partition_state_ops ? part->number
                                             : checkpoint->node->partition_count + part->number;
}

static int
restore_parts(struct checkpoint *checkpoint, const struct manifest_checkpoint *from, char *out_reason)
{
    struct disk *disk = checkpoint->shard->env->disk;

    for (uint32_t i = 0; i < checkpoint->part_count; i++) {
        const struct checkpoint_part *part = &checkpoint->parts[i];
        struct state_reader *reader;
        int r = state_reader_open(disk, &from->files[file_index(checkpoint, part)],
                                  checkpoint->node->manifest->store_id, from->number, out_reason, &reader);

        if (r != 0) {
            return fault_up(r);
        }
        r = part->ops->restore(part->part, reader, from->number);
        state_reader_close(reader);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

static void
list_parts(struct checkpoint *checkpoint)
{
    struct shard *shard = checkpoint->shard;
    struct node *node = shard->node;

    for (uint16_t p = 0; p < node->partition_count; p++) {
        if (node_partition_owner(node, p) == shard->id.n) {
            checkpoint->parts[checkpoint->part_count++] =
                (struct checkpoint_part){.ops = &partition_state_ops,
                                         .part = sequencer_partition(shard->sequencer, p),
                                         .folder = PARTITION_FOLDER,
                                         .number = p};
        }
    }
    for (uint16_t s = 0; s < node->slice_count; s++) {
        if (node_slice_owner(node, s) == shard->id.n) {
            checkpoint->parts[checkpoint->part_count++] = keeper_part(shard->keeper, s);
        }
    }
}

static void look(struct timer *timer);

static void
look_later(struct checkpoint *checkpoint)
{
    uint64_t interval = checkpoint->round->interval_ns;
    uint64_t now = env_mono(checkpoint->shard->env).ns;

    timer_start(&checkpoint->shard->timers, &checkpoint->leader.timer,
                (struct mono_ns){.ns = now + (interval < LOOK_NS ? interval : LOOK_NS)}, look);
}

int
checkpoint_open(struct shard *shard, char *out_reason, struct checkpoint **out_checkpoint)
{
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(shard->node->manifest);
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    int r = 0;

    out_reason[0] = '\0';
    if (checkpoint == NULL) {
        return fault_new(-ENOMEM);
    }
    checkpoint->shard = shard;
    checkpoint->node = shard->node;
    checkpoint->round = shard->node->round;
    checkpoint->parts =
        calloc(shard->node->partition_count + shard->node->slice_count, sizeof(*checkpoint->parts));
    if (checkpoint->parts == NULL) {
        r = fault_new(-ENOMEM);
        goto fail;
    }
    if (shard->node->has_checkpoints) {
        list_parts(checkpoint);
        r = state_writer_create(shard->env, &checkpoint->writer);
    }
    if (r == 0 && newest != NULL) {
        r = restore_parts(checkpoint, newest, out_reason);
    }
    if (r != 0) {
        goto fail;
    }
    checkpoint->leader.number_next = newest == NULL ? 1 : newest->number + 1;
    checkpoint->leader.due.ns = env_mono(shard->env).ns + checkpoint->round->interval_ns;
    if (shard->id.n == 0 && checkpoint->round->interval_ns > 0) {
        look_later(checkpoint);
    }
    *out_checkpoint = checkpoint;
    return 0;

fail:
    checkpoint_close(checkpoint);
    return fault_up(r);
}

void
checkpoint_close(struct checkpoint *checkpoint)
{
    if (checkpoint == NULL) {
        return;
    }
    timer_stop(&checkpoint->shard->timers, &checkpoint->leader.timer);
    manifest_deinit(&checkpoint->leader.next);
    free(checkpoint->leader.to_unlink);
    state_writer_destroy(checkpoint->writer);
    free(checkpoint->parts);
    free(checkpoint);
}

/* ---- A round, as every shard sees it. ---- */

static void
wake_others(const struct checkpoint *checkpoint)
{
    for (uint16_t i = 0; i < checkpoint->node->shard_count; i++) {
        if (i != checkpoint->shard->id.n) {
            shard_wake(checkpoint->node, (struct shard_id){.n = i});
        }
    }
}

static struct shard_word *
own_word(const struct checkpoint *checkpoint)
{
    return &checkpoint->node->words[checkpoint->shard->id.n];
}

/* Acquire: pairs with the release of who tells; what was sent or noted before is seen. */
#define ALL_HAVE(checkpoint, word) all_have(checkpoint, offsetof(struct shard_word, word))

static bool
all_have(const struct checkpoint *checkpoint, size_t offset)
{
    for (uint32_t i = 0; i < checkpoint->node->shard_count; i++) {
        _Atomic uint64_t *word =
            (_Atomic uint64_t *)(void *)((uint8_t *)&checkpoint->node->words[i] + offset);

        if (atomic_load_explicit(word, memory_order_acquire) < checkpoint->number) {
            return false;
        }
    }
    return true;
}

static bool
begin_to_stop(struct checkpoint *checkpoint)
{
    struct node *node = checkpoint->node;
    struct shard *shard = checkpoint->shard;
    uint64_t begun = atomic_load_explicit(&checkpoint->round->begun, memory_order_acquire);

    if (begun <= checkpoint->number) {
        return false;
    }
    checkpoint->number = begun;
    checkpoint->stopped_at = env_mono(shard->env);
    checkpoint->fault = 0;
    sequencer_pause(shard->sequencer);
    for (uint32_t to = 0; to < node->shard_count; to++) {
        checkpoint->round->marks[shard->id.n * node->shard_count + to] =
            lane_index(mesh_lane(&node->mesh, STAGE_APPLY, shard->id.n, to));
    }
    checkpoint->phase = PHASE_STOPPED;
    atomic_store_explicit(&own_word(checkpoint)->stopped, begun, memory_order_release);
    wake_others(checkpoint);
    return true;
}

static bool
wait_for_stillness(struct checkpoint *checkpoint)
{
    struct node *node = checkpoint->node;
    struct shard *shard = checkpoint->shard;
    uint64_t marks[SHARD_COUNT_MAX];

    if (!ALL_HAVE(checkpoint, stopped)) {
        return false;
    }
    for (uint32_t from = 0; from < node->shard_count; from++) {
        marks[from] = checkpoint->round->marks[from * node->shard_count + shard->id.n];
    }
    if (!keeper_is_still(shard->keeper, marks)) {
        return false;
    }
    keeper_pause(shard->keeper);
    checkpoint->phase = PHASE_STILL;
    atomic_store_explicit(&own_word(checkpoint)->still, checkpoint->number, memory_order_release);
    wake_others(checkpoint);
    return true;
}

/* A fault that is not for now ends this checkpoint; others end the node. */
static bool
is_given_up(int fault)
{
    return fault == -ENOMEM || segment_is_disk_full(fault);
}

static void
fail(struct checkpoint *checkpoint, int fault, const char *what)
{
    char line[160];

    checkpoint->fault = fault;
    if (!is_given_up(fault)) {
        snprintf(line, sizeof(line), "checkpoint %llu: %s: %s", (unsigned long long)checkpoint->number, what,
                 strerror(-fault));
        checkpoint->node->fatal(checkpoint->node, 74, line);
    }
}

static bool
cut_when_all_are_still(struct checkpoint *checkpoint)
{
    struct shard *shard = checkpoint->shard;
    struct checkpoint_round *round = checkpoint->round;

    if (!ALL_HAVE(checkpoint, still)) {
        return false;
    }
    round->stream_begins[shard->id.n] = sequencer_tail_begin(shard->sequencer);
    checkpoint->cut_count = 0;
    for (uint32_t i = 0; i < checkpoint->part_count && checkpoint->fault == 0; i++) {
        struct checkpoint_part *part = &checkpoint->parts[i];
        int r = part->ops->cut(part->part, checkpoint->number);

        if (part->ops == &partition_state_ops) {
            round->positions[part->number] = ((const struct partition *)part->part)->applied_count;
        }
        if (r != 0) {
            fail(checkpoint, r, "a cut failed");
        } else {
            checkpoint->cut_count++;
        }
    }
    checkpoint->part_now = 0;
    checkpoint->is_begun = false;
    checkpoint->phase = PHASE_WRITING;
    keeper_resume(shard->keeper);
    sequencer_resume(shard->sequencer);
    atomic_store_explicit(&own_word(checkpoint)->cut, checkpoint->number, memory_order_release);
    if (shard->metrics != NULL) {
        metrics_observe(shard->metrics, METRIC_CHECKPOINT_PAUSE,
                        env_mono(shard->env).ns - checkpoint->stopped_at.ns);
    }
    return true;
}

static void
part_name(const struct checkpoint_part *part, uint64_t number, char *out_name)
{
    snprintf(out_name, STATE_NAME_BYTES, "%s/%03u-%08llu.state", part->folder, part->number,
             (unsigned long long)number);
}

static void
begin_part(struct checkpoint *checkpoint)
{
    char name[STATE_NAME_BYTES];

    part_name(&checkpoint->parts[checkpoint->part_now], checkpoint->number, name);
    state_writer_begin(checkpoint->writer, name, checkpoint->node->manifest->store_id, checkpoint->number);
    checkpoint->is_begun = true;
    checkpoint->is_added = false;
    checkpoint->is_ended = false;
}

/* Goes on with the part that is being written. 0: its file is durable; STATE_LATER; or a fault. */
static int
write_part(struct checkpoint *checkpoint, const struct time_slice *time, bool *out_is_busy)
{
    const struct checkpoint_part *part = &checkpoint->parts[checkpoint->part_now];
    struct manifest_file *file = &checkpoint->round->files[file_index(checkpoint, part)];
    int r = state_writer_result(checkpoint->writer, file);

    if (r != STATE_LATER) {
        return r;
    }
    if (!checkpoint->is_added) {
        r = part->ops->write(part->part, checkpoint->writer, time);
        if (r < 0) {
            return fault_up(r);
        }
        checkpoint->is_added = r == STEP_DONE;
        *out_is_busy |= time_slice_is_over(time);
    }
    if (checkpoint->is_added && !checkpoint->is_ended && state_writer_may_end(checkpoint->writer)) {
        state_writer_end(checkpoint->writer);
        checkpoint->is_ended = true;
    }
    return STATE_LATER;
}

static bool
are_parts_durable(const struct checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < checkpoint->part_count; i++) {
        const struct checkpoint_part *part = &checkpoint->parts[i];

        if (part->ops->is_durable != NULL && !part->ops->is_durable(part->part)) {
            return false;
        }
    }
    return true;
}

/* False: something is still under way. */
static bool
write_parts(struct checkpoint *checkpoint, bool *out_is_busy)
{
    struct time_slice time = run_queue_time(&checkpoint->shard->queries);

    while (checkpoint->fault == 0 && checkpoint->part_now < checkpoint->part_count) {
        int r;

        if (!checkpoint->is_begun) {
            begin_part(checkpoint);
        }
        r = write_part(checkpoint, &time, out_is_busy);
        if (r == STATE_LATER) {
            return false;
        }
        if (r < 0) {
            fail(checkpoint, r, "writing a state file failed");
            break;
        }
        if (!state_writer_leave(checkpoint->writer)) {
            return false;
        }
        checkpoint->is_begun = false;
        checkpoint->part_now++;
    }
    return state_writer_leave(checkpoint->writer) &&
           (checkpoint->fault != 0 || are_parts_durable(checkpoint));
}

static bool
write_on(struct checkpoint *checkpoint)
{
    bool is_busy = false;

    if (!write_parts(checkpoint, &is_busy)) {
        return is_busy;
    }
    checkpoint->phase = PHASE_WRITTEN;
    atomic_store_explicit(&own_word(checkpoint)->write_fault, checkpoint->fault, memory_order_relaxed);
    atomic_store_explicit(&own_word(checkpoint)->written, checkpoint->number, memory_order_release);
    shard_wake(checkpoint->node, (struct shard_id){.n = 0});
    return true;
}

/* The manifest is not changed until all have stopped again. */
static void
give_back(const struct checkpoint *checkpoint)
{
    struct shard *shard = checkpoint->shard;
    const struct checkpoint_round *round = checkpoint->round;
    const struct manifest *manifest = checkpoint->node->manifest;
    const struct manifest_epoch *epoch = manifest_find_epoch(manifest, checkpoint->node->epoch);

    for (uint32_t i = 0; i < round->dropped_count; i++) {
        sequencer_recycle_epoch(shard->sequencer, round->dropped_epochs[i]);
    }
    sequencer_recycle(shard->sequencer, epoch->stream_begins[shard->id.n]);
    if (manifest->checkpoint_count < MANIFEST_CHECKPOINT_COUNT_MAX) {
        return;
    }
    for (uint32_t i = 0; i < checkpoint->part_count; i++) {
        const struct checkpoint_part *part = &checkpoint->parts[i];

        if (part->ops->release != NULL) {
            part->ops->release(part->part, manifest->checkpoints[0].number);
        }
    }
}

static bool
settle(struct checkpoint *checkpoint)
{
    const struct checkpoint_round *round = checkpoint->round;

    if (atomic_load_explicit(&round->settled, memory_order_acquire) < checkpoint->number) {
        return false;
    }
    for (uint32_t i = 0; i < checkpoint->cut_count; i++) {
        const struct checkpoint_part *part = &checkpoint->parts[i];

        part->ops->end(part->part, checkpoint->number, round->is_given_up);
    }
    if (!round->is_given_up) {
        give_back(checkpoint);
    }
    checkpoint->phase = PHASE_IDLE;
    return true;
}

/* ---- Shard 0. ---- */

static uint64_t
applied_count(const struct node *node)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < node->shard_count; i++) {
        count += atomic_load_explicit(&node->words[i].applied_count, memory_order_relaxed);
    }
    return count;
}

static void
begin_round(struct checkpoint *checkpoint)
{
    struct leader *leader = &checkpoint->leader;

    leader->is_leading = true;
    leader->begun_at = env_mono(checkpoint->shard->env);
    leader->applied_now = applied_count(checkpoint->node);
    atomic_store_explicit(&checkpoint->round->begun, leader->number_next++, memory_order_release);
    wake_others(checkpoint);
}

static bool
is_disk_full(const struct node *node)
{
    for (uint32_t i = 0; i < node->shard_count; i++) {
        if (atomic_load_explicit(&node->words[i].is_disk_full, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/* The log is kept for the older one of the checkpoints: another one gives back what lies between them. */
static bool
has_more_to_give_back(const struct node *node)
{
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(node->manifest);
    const struct manifest_checkpoint *older = &node->manifest->checkpoints[0];

    return newest != NULL &&
           (older == newest || older->epoch != node->epoch ||
            memcmp(older->positions, newest->positions, newest->position_count * sizeof(uint64_t)) != 0);
}

static void
look(struct timer *timer)
{
    struct checkpoint *checkpoint = CONTAINER_OF(timer, struct checkpoint, leader.timer);
    struct leader *leader = &checkpoint->leader;
    struct node *node = checkpoint->node;
    uint64_t now = env_mono(checkpoint->shard->env).ns;
    uint64_t applied = applied_count(node) - leader->applied_before;
    bool is_full = is_disk_full(node);
    bool is_due = now >= leader->due.ns ||
                  (checkpoint->round->event_count > 0 && applied >= checkpoint->round->event_count) ||
                  (is_full && !checkpoint->round->is_given_up);

    if (!leader->is_leading && is_due && (applied > 0 || (is_full && has_more_to_give_back(node))) &&
        node_is_ready(node) && !atomic_load_explicit(&node->is_stopping, memory_order_relaxed)) {
        begin_round(checkpoint);
    } else if (leader->is_leading && is_full && now >= leader->begun_at.ns + checkpoint->round->interval_ns) {
        log_warn_seldom("there is no room on the disk for a checkpoint, nor, before it is made, for the log: "
                        "events are refused until there is",
                        LOG_UINT("checkpoint", checkpoint->number));
    }
    look_later(checkpoint);
}

/* Side. Files that no manifest names any more; one that stays is swept at the next start. */
static void
unlink_files(struct checkpoint *checkpoint)
{
    struct disk *disk = checkpoint->shard->env->disk;

    for (uint32_t i = 0; i < checkpoint->leader.unlink_count; i++) {
        (void)disk->ops->unlink(disk, checkpoint->leader.to_unlink[i].name);
    }
}

/* Side. */
static int
save_run(void *context)
{
    struct checkpoint *checkpoint = context;
    struct leader *leader = &checkpoint->leader;
    struct disk *disk = checkpoint->shard->env->disk;
    int r = 0;

    if (!leader->is_given_up) {
        r = disk->ops->sync_folder(disk, PARTITION_FOLDER);
        if (r == 0) {
            r = disk->ops->sync_folder(disk, SLICE_FOLDER);
        }
        if (r == 0) {
            r = manifest_save(disk, &leader->next);
        }
    }
    if (r == 0) {
        unlink_files(checkpoint);
    }
    return r;
}

static void
count_round(struct checkpoint *checkpoint)
{
    struct metrics *metrics = checkpoint->shard->metrics;
    const struct manifest_checkpoint *newest = manifest_newest_checkpoint(checkpoint->node->manifest);
    uint64_t bytes = 0;

    if (metrics == NULL) {
        return;
    }
    if (checkpoint->round->is_given_up) {
        metrics_add(metrics, METRIC_CHECKPOINTS_GIVEN_UP, 1);
        return;
    }
    for (uint32_t i = 0; i < newest->file_count; i++) {
        bytes += newest->files[i].bytes;
    }
    metrics_add(metrics, METRIC_CHECKPOINTS, 1);
    metrics_set(metrics, METRIC_CHECKPOINT_BYTES, bytes);
    metrics_set(metrics, METRIC_CHECKPOINT_TIME, (uint64_t)env_wall(checkpoint->shard->env).ms);
    metrics_observe(metrics, METRIC_CHECKPOINT_DURATION,
                    env_mono(checkpoint->shard->env).ns - checkpoint->leader.begun_at.ns);
}

/* The epochs that were there before and are not now. */
static void
note_dropped(struct checkpoint *checkpoint, const struct manifest *before)
{
    struct checkpoint_round *round = checkpoint->round;

    round->dropped_count = 0;
    for (uint32_t i = 0; i < before->epoch_count; i++) {
        if (manifest_find_epoch(checkpoint->node->manifest, before->epochs[i].epoch) == NULL) {
            round->dropped_epochs[round->dropped_count++] = before->epochs[i].epoch;
        }
    }
}

static void
end_round(struct checkpoint *checkpoint, bool is_durable)
{
    struct leader *leader = &checkpoint->leader;

    if (is_durable) {
        struct manifest before = *checkpoint->node->manifest;

        *checkpoint->node->manifest = leader->next;
        leader->next = (struct manifest){0};
        note_dropped(checkpoint, &before);
        manifest_deinit(&before);
        leader->applied_before = leader->applied_now;
    } else {
        log_warn_seldom("a checkpoint was given up, for the disk or memory is full; it is tried again",
                        LOG_UINT("checkpoint", checkpoint->number));
    }
    manifest_deinit(&leader->next);
    free(leader->to_unlink);
    leader->to_unlink = NULL;
    leader->unlink_count = 0;
    leader->is_leading = false;
    leader->is_saving = false;
    leader->due.ns = env_mono(checkpoint->shard->env).ns + checkpoint->round->interval_ns;
    checkpoint->round->is_given_up = !is_durable;
    count_round(checkpoint);
    atomic_store_explicit(&checkpoint->round->settled, checkpoint->number, memory_order_release);
    wake_others(checkpoint);
}

static void
save_done(struct env_op *op, int result)
{
    struct checkpoint *checkpoint = CONTAINER_OF(op, struct checkpoint, leader.op);

    if (result != 0) {
        fail(checkpoint, result, "writing the manifest failed");
    }
    end_round(checkpoint, result == 0 && !checkpoint->leader.is_given_up);
}

/* What a given-up round may have left. */
static void
list_files_of_round(struct checkpoint *checkpoint)
{
    struct node *node = checkpoint->node;
    struct leader *leader = &checkpoint->leader;

    for (uint16_t i = 0; i < node->partition_count + node->slice_count; i++) {
        bool is_partition = i < node->partition_count;
        struct checkpoint_part part = {
            .folder = is_partition ? PARTITION_FOLDER : SLICE_FOLDER,
            .number = is_partition ? i : (uint16_t)(i - node->partition_count),
        };

        part_name(&part, checkpoint->number, leader->to_unlink[leader->unlink_count++].name);
    }
}

/* The manifest with this checkpoint. False: no memory. */
static bool
make_next(struct checkpoint *checkpoint)
{
    struct node *node = checkpoint->node;
    struct leader *leader = &checkpoint->leader;
    const struct manifest *now = node->manifest;
    struct manifest_checkpoint made = {
        .number = checkpoint->number,
        .epoch = node->epoch,
        .stream_count = node->shard_count,
        .position_count = node->partition_count,
        .file_count = node->partition_count + node->slice_count,
        .rules_version = NODE_RULES_VERSION,
        .stream_begins = checkpoint->round->stream_begins,
        .positions = checkpoint->round->positions,
        .files = checkpoint->round->files,
    };
    uint64_t *dropped = realloc(checkpoint->round->dropped_epochs, (now->epoch_count + 1) * sizeof(*dropped));

    if (dropped == NULL) {
        return false;
    }
    checkpoint->round->dropped_epochs = dropped;
    if (manifest_copy(now, &leader->next) != 0) {
        return false;
    }
    if (manifest_add_checkpoint(&leader->next, &made) != 0) {
        manifest_deinit(&leader->next);
        return false;
    }
    if (now->checkpoint_count == MANIFEST_CHECKPOINT_COUNT_MAX) {
        const struct manifest_checkpoint *oldest = &now->checkpoints[0];

        memcpy(leader->to_unlink, oldest->files, oldest->file_count * sizeof(*leader->to_unlink));
        leader->unlink_count = oldest->file_count;
    }
    return true;
}

static bool
lead(struct checkpoint *checkpoint)
{
    struct leader *leader = &checkpoint->leader;
    struct node *node = checkpoint->node;

    if (!leader->is_leading || leader->is_saving || checkpoint->phase != PHASE_WRITTEN ||
        !ALL_HAVE(checkpoint, written)) {
        return false;
    }
    leader->is_saving = true;
    leader->is_given_up = false;
    for (uint32_t i = 0; i < node->shard_count; i++) {
        leader->is_given_up |= atomic_load_explicit(&node->words[i].write_fault, memory_order_relaxed) != 0;
    }
    leader->unlink_count = 0;
    leader->to_unlink = calloc(node->partition_count + node->slice_count, sizeof(*leader->to_unlink));
    if (leader->to_unlink == NULL) {
        end_round(checkpoint, false);
        return true;
    }
    leader->is_given_up = leader->is_given_up || !make_next(checkpoint);
    if (leader->is_given_up) {
        list_files_of_round(checkpoint);
    }
    leader->op = (struct env_op){.done = save_done};
    env_side(checkpoint->shard->env, &leader->op, save_run, checkpoint);
    return false;
}

bool
checkpoint_step(struct checkpoint *checkpoint)
{
    bool is_busy = false;

    REQUIRE_HERE(checkpoint->shard->id);
    atomic_store_explicit(&own_word(checkpoint)->applied_count,
                          sequencer_applied_count(checkpoint->shard->sequencer), memory_order_relaxed);
    switch (checkpoint->phase) {
    case PHASE_IDLE:
        is_busy = begin_to_stop(checkpoint);
        break;
    case PHASE_STOPPED:
        is_busy = wait_for_stillness(checkpoint);
        break;
    case PHASE_STILL:
        is_busy = cut_when_all_are_still(checkpoint);
        break;
    case PHASE_WRITING:
        is_busy = write_on(checkpoint);
        break;
    case PHASE_WRITTEN:
        is_busy = settle(checkpoint);
        break;
    }
    return lead(checkpoint) || is_busy;
}

bool
checkpoint_may_leave(struct checkpoint *checkpoint)
{
    struct leader *leader = &checkpoint->leader;
    struct checkpoint_round *round = checkpoint->round;

    if (checkpoint->shard->id.n == 0 && !leader->is_leading && checkpoint->phase == PHASE_IDLE) {
        if (!leader->has_tried_last && round->interval_ns > 0 && node_is_ready(checkpoint->node) &&
            applied_count(checkpoint->node) > leader->applied_before) {
            leader->has_tried_last = true;
            begin_round(checkpoint);
        } else {
            atomic_store_explicit(&round->is_last_done, true, memory_order_release);
        }
    }
    return atomic_load_explicit(&round->is_last_done, memory_order_acquire) &&
           checkpoint->phase == PHASE_IDLE;
}
