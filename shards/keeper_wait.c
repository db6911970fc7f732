/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

/*
 * What waits for a key.
 *
 *            look-up is late,                   the look-up has answered,
 *            the profile is on disk             the profile is in memory
 *   (none) ------------------> LOADING --------------------------------> ready
 *      |   TAKE without hand-over, GIVE without room                       |
 *      +-------------------------------------------> blocked <------------ + the head is JOB_BLOCKED
 *                                                       |
 *                     keeper_wake(), keeper_retry_giving()  -> ready
 *
 * Invariants
 *   1. While a key has a queue, every job for it is appended, so a person's jobs run in order.
 *   2. A queue is empty only while it runs, or while it loads.
 *   3. A job that waits is in the unfinished list of its partition, which is in log order: jobs of a partition come
 *      by one lane.
 */

#define TURN_COUNT 64u /* jobs between two looks at the clock */

bool
keeper_has_room(const struct keeper *keeper, uint16_t source)
{
    const struct source *from = &keeper->sources[source];

    return from->wait_count < KEEPER_WAIT_MAX && from->wait_bytes < KEEPER_WAIT_BYTES_MAX;
}

static struct store_key
key_from(struct uuid uuid)
{
    struct store_key key;

    static_assert(sizeof(key) == sizeof(uuid), "a canonical is a key");
    memcpy(&key, &uuid, sizeof(key));
    return key;
}

static uint64_t
payload_bytes(const struct job *job)
{
    switch (job->kind) {
    case JOB_EVENT:
        return align_up(sizeof(*job->event), 8) + job->event->record->header.bytes;
    case JOB_TAKE:
    case JOB_GIVE:
        return align_up(sizeof(*job->merge), 8) + job->merge->tenant_id.bytes;
    case JOB_QUESTION:
        break;
    }
    return 0;
}

static void
copy_payload(struct waiting *waiting)
{
    struct job *job = &waiting->job;
    uint8_t *to = (uint8_t *)(waiting + 1);

    if (job->kind == JOB_EVENT) {
        struct applied_event *event = (struct applied_event *)(void *)to;
        void *record = to + align_up(sizeof(*event), 8);
        *event = *job->event;
        memcpy(record, job->event->record, job->event->record->header.bytes);
        event->record = record;
        job->event = event;
    } else if (job->kind != JOB_QUESTION) {
        struct applied_merge *merge = (struct applied_merge *)(void *)to;
        char *tenant_id = (char *)to + align_up(sizeof(*merge), 8);
        *merge = *job->merge;
        if (merge->tenant_id.bytes > 0) {
            memcpy(tenant_id, merge->tenant_id.data, merge->tenant_id.bytes);
        }
        merge->tenant_id.data = tenant_id;
        job->merge = merge;
    }
}

static void
note_unfinished(struct keeper *keeper, struct waiting *waiting)
{
    struct keeper_partition *partition = &keeper->partitions[waiting->job.partition];

    waiting->partition_previous = partition->unfinished_last;
    if (partition->unfinished_last != NULL) {
        ASSERT(partition->unfinished_last->job.position <= waiting->job.position); /* invariant 3 */
        partition->unfinished_last->partition_next = waiting;
    } else {
        partition->unfinished_first = waiting;
    }
    partition->unfinished_last = waiting;
    keeper->sources[waiting->job.source].wait_count++;
    keeper->sources[waiting->job.source].wait_bytes += waiting->bytes;
}

static void
note_finished(struct keeper *keeper, struct waiting *waiting)
{
    struct keeper_partition *partition = &keeper->partitions[waiting->job.partition];

    if (waiting->partition_previous != NULL) {
        waiting->partition_previous->partition_next = waiting->partition_next;
    } else {
        partition->unfinished_first = waiting->partition_next;
    }
    if (waiting->partition_next != NULL) {
        waiting->partition_next->partition_previous = waiting->partition_previous;
    } else {
        partition->unfinished_last = waiting->partition_previous;
    }
    keeper->sources[waiting->job.source].wait_count--;
    keeper->sources[waiting->job.source].wait_bytes -= waiting->bytes;
}

static void
append(struct keeper *keeper, struct key_queue *queue, const struct job *job)
{
    uint64_t bytes = align_up(sizeof(struct waiting), 8) + payload_bytes(job);
    struct waiting *waiting = memory_take(&keeper->memory, bytes);

    static_assert(sizeof(struct waiting) % 8 == 0, "the payload behind it is aligned");
    *waiting = (struct waiting){.bytes = bytes, .job = *job};
    copy_payload(waiting);
    if (queue->last != NULL) {
        queue->last->next = waiting;
    } else {
        queue->first = waiting;
    }
    queue->last = waiting;
    if (job->kind != JOB_QUESTION) {
        note_unfinished(keeper, waiting);
    }
}

static void
remove_first(struct keeper *keeper, struct key_queue *queue)
{
    struct waiting *waiting = queue->first;

    queue->first = waiting->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    if (waiting->job.kind != JOB_QUESTION) {
        note_finished(keeper, waiting);
    }
    memory_put(&keeper->memory, waiting, waiting->bytes);
}

static void
list_ready(struct keeper *keeper, struct key_queue *queue)
{
    if (queue->is_listed) {
        return;
    }
    queue->is_listed = true;
    queue->next = NULL;
    if (keeper->ready_last != NULL) {
        keeper->ready_last->next = queue;
    } else {
        keeper->ready_first = queue;
    }
    keeper->ready_last = queue;
}

static void
list_giving(struct keeper *keeper, struct key_queue *queue)
{
    ASSERT(!queue->is_listed);
    queue->is_listed = true;
    queue->next = keeper->giving;
    keeper->giving = queue;
}

void
keeper_retry_giving(struct keeper *keeper)
{
    while (keeper->giving != NULL) {
        struct key_queue *queue = keeper->giving;
        keeper->giving = queue->next;
        queue->is_listed = false;
        list_ready(keeper, queue);
    }
}

static void
loaded(struct key_queue *queue)
{
    queue->is_loading = false;
    if (!queue->is_pinning) {
        queue->is_pinning = true;
        keeper_pin(queue->person);
    }
    list_ready(queue->keeper, queue);
}

static void
profile_arrived(struct log_store_waiter *waiter)
{
    struct key_queue *queue = CONTAINER_OF(waiter, struct key_queue, cold);

    ASSERT(queue->is_loading);
    keeper_return(queue->keeper, queue->person, waiter);
    loaded(queue);
}

/* The queue's person is away. */
static void
load(struct key_queue *queue)
{
    queue->is_loading = true;
    queue->cold.arrived = profile_arrived;
    if (keeper_fetch(queue->keeper, queue->person, &queue->cold)) {
        loaded(queue);
    }
}

static bool
is_away(const struct person *person)
{
    return person != NULL && person->is_away;
}

static void
look_up_done(struct store_waiter *waiter, void *record)
{
    struct key_queue *queue = CONTAINER_OF(waiter, struct key_queue, waiter);

    ASSERT(queue->is_loading);
    queue->person = record;
    if (is_away(queue->person)) {
        load(queue);
        return;
    }
    queue->is_loading = false;
    list_ready(queue->keeper, queue);
}

static struct key_queue *
take_spare(struct keeper *keeper)
{
    if (keeper->spare == NULL) {
        keeper->spare = memory_take_zero(&keeper->memory, sizeof(*keeper->spare));
    }
    return keeper->spare;
}

static struct key_queue *
add_queue(struct keeper *keeper, uint16_t slice, struct store_key key)
{
    struct key_queue *queue = take_spare(keeper);

    keeper->spare = NULL;
    queue->key = key;
    queue->keeper = keeper;
    queue->slice = slice;
    if (store_add(&keeper->queues, queue) != 0) {
        memory_exhausted(&keeper->memory);
    }
    return queue;
}

/* The head did not move: who will wake it? */
static void
block(struct keeper *keeper, struct key_queue *queue)
{
    if (queue->first->job.kind == JOB_GIVE) {
        list_giving(keeper, queue);
    }
    /* A TAKE is woken by its hand-over. */
}

void
keeper_dispatch(struct keeper *keeper, const struct job *job, struct uuid canonical)
{
    struct store_key key = key_from(canonical);
    struct key_queue *queue = keeper->queues.count > 0 ? store_peek(&keeper->queues, key) : NULL;

    if (queue != NULL) {
        append(keeper, queue, job);
        return;
    }
    struct key_queue *spare = take_spare(keeper);
    void *record = NULL;

    spare->waiter.arrived = look_up_done;
    if (store_find_known(&keeper->persons[job->slice], key, job->known, &spare->waiter, &record) ==
        STORE_LATER) {
        queue = add_queue(keeper, job->slice, key);
        queue->is_loading = true;
        append(keeper, queue, job);
        return;
    }
    struct person *person = record;

    if (UNLIKELY(is_away(person))) {
        queue = add_queue(keeper, job->slice, key);
        queue->person = person;
        append(keeper, queue, job);
        load(queue);
        return;
    }
    if (keeper_apply(keeper, job, &person) == JOB_BLOCKED) {
        queue = add_queue(keeper, job->slice, key);
        queue->person = person;
        append(keeper, queue, job);
        block(keeper, queue);
    }
}

void
keeper_wake(struct keeper *keeper, struct uuid canonical)
{
    struct key_queue *queue =
        keeper->queues.count > 0 ? store_peek(&keeper->queues, key_from(canonical)) : NULL;

    if (queue != NULL && !queue->is_loading) {
        list_ready(keeper, queue);
    }
}

/* False: the time is up. */
static bool
run_queue(struct keeper *keeper, struct key_queue *queue, uint32_t *count, struct mono_ns until)
{
    if (queue->first != NULL && UNLIKELY(is_away(queue->person))) { /* left while it was blocked */
        load(queue);
        return true;
    }
    while (queue->first != NULL) {
        if (keeper_apply(keeper, &queue->first->job, &queue->person) == JOB_BLOCKED) {
            block(keeper, queue);
            return true;
        }
        remove_first(keeper, queue);
        if (++*count % TURN_COUNT == 0 && keeper->options.now(keeper->options.context).ns >= until.ns) {
            list_ready(keeper, queue); /* empty or not: it is looked at again */
            return false;
        }
    }
    if (queue->is_pinning) {
        keeper_unpin(queue->person);
    }
    store_remove(&keeper->queues, queue);
    memory_put(&keeper->memory, queue, sizeof(*queue));
    return true;
}

bool
keeper_run_queues(struct keeper *keeper, struct mono_ns until)
{
    uint32_t count = 0;

    while (keeper->ready_first != NULL) {
        struct key_queue *queue = keeper->ready_first;
        keeper->ready_first = queue->next;
        if (keeper->ready_first == NULL) {
            keeper->ready_last = NULL;
        }
        queue->is_listed = false;
        if (!run_queue(keeper, queue, &count, until)) {
            return false;
        }
    }
    return true;
}
