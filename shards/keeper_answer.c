/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

#include <errno.h>

#include "shards/answer_row.h"

/*
 * A message's questions are a task, which answers one after the other, piece by piece. One whose position is not
 * applied yet waits in its partition's list and comes back to its message; so does one that waits for a read, and the
 * others of its message go on meanwhile. Pieces end with their time; a scan goes on behind the last item it looked at,
 * whatever was added in between.
 *
 * Everything that is not closed or final by itself is judged by the greatest watermark known here, which is at
 * least the reading's.
 */

#define TURN_COUNT 64u       /* items between two looks at the clock */
#define QUESTION_COUNT 8u    /* questions */
#define COPY_BYTES 65536u    /* or so much of their texts */
#define ROW_COUNT_FIRST 256u /* at most */

/* By position; from the end, for newer questions have greater ones. */
static void
insert_by_position(struct asked_list *list, struct asked *asked)
{
    struct asked *before = list->last;

    while (before != NULL && before->question->reading.position > asked->question->reading.position) {
        before = before->previous;
    }
    asked->previous = before;
    asked->next = before != NULL ? before->next : list->first;
    *(before != NULL ? &before->next : &list->first) = asked;
    *(asked->next != NULL ? &asked->next->previous : &list->last) = asked;
}

static bool
is_reached(const struct keeper *keeper, const struct reading *reading)
{
    if (!reading->is_known || reading->position == NO_POSITION) {
        return true;
    }
    return reading->position < keeper_applied_count(&keeper->partitions[reading->partition]);
}

static enum step answer_message(struct task *task, const struct time_slice *time);

void
keeper_ask(struct keeper *keeper, struct subquery *subquery)
{
    REQUIRE_HERE(keeper->options.home);
    subquery->answerer = keeper;
    subquery->unbegun = subquery->first;
    keeper->asked_count += subquery->unanswered;
    run_queue_add(&keeper->tasks, &subquery->task, answer_message);
}

static void
append_asked(struct subquery *subquery, struct asked *asked)
{
    asked->next = NULL;
    *(subquery->last_asked != NULL ? &subquery->last_asked->next : &subquery->first_asked) = asked;
    subquery->last_asked = asked;
}

void
keeper_make_ready(struct keeper *keeper, struct asked *asked)
{
    struct subquery *subquery = asked->question->subquery;

    append_asked(subquery, asked);
    run_queue_add(&keeper->tasks, &subquery->task, answer_message);
}

/*
 * Whether people or sessions may be missing or be there twice: a merge behind the reading has moved them here, and
 * another slice may have answered from before it. Events and their counts stay where they were kept, so they never tear.
 */
static bool
is_torn(struct keeper *keeper, const struct question *question)
{
    const struct reading *reading = &question->reading;

    if (reading->position == NO_POSITION) {
        return false;
    }
    switch (question->kind) {
    case QUESTION_PROFILES:
    case QUESTION_SESSIONS:
    case QUESTION_EVENT_SESSION:
    case QUESTION_CUBE:
    case QUESTION_OPEN_SESSIONS:
        return keeper_tenant(keeper, reading->partition, reading->tenant_no)->merged_until >
               reading->position + 1;
    default:
        return false;
    }
}

void
keeper_finish(struct keeper *keeper, struct asked *asked, int fault)
{
    struct question *question = asked->question;

    cube_work_destroy(keeper, asked->cube_work);
    recall_destroy(&keeper->memory, asked->recall);
    keeper_end_stretch(keeper, asked);
    keeper->recall_count -= asked->may_recall;
    slice_parts_end(&keeper->memory, &asked->parts);
    memory_put(&keeper->memory, asked, sizeof(*asked));
    keeper->asked_count--;

    if (fault == 0) {
        fault = arena_fault(&question->arena);
    }
    if (fault == 0 && is_torn(keeper, question)) {
        fault = -ESTALE;
    }
    if (fault != 0) {
        arena_reset(&question->arena);
        memset(&question->answer, 0, sizeof(question->answer));
    }
    question->fault = fault;
    keeper->options.answered(keeper->options.context, question);
}

struct share *
keeper_share_of(const struct keeper *keeper, const struct question *question)
{
    const struct reading *reading = &question->reading;

    if (!reading->is_known) {
        return NULL;
    }
    const struct keeper_tenant *tenant = keeper_known_tenant(keeper, reading->partition, reading->tenant_no);

    if (tenant == NULL || tenant->shares == NULL) {
        return NULL;
    }
    return tenant->shares[question->target];
}

struct event_ms
keeper_watermark_of(struct keeper *keeper, const struct question *question)
{
    const struct reading *reading = &question->reading;
    struct keeper_tenant *tenant = keeper_tenant(keeper, reading->partition, reading->tenant_no);

    keeper_raise(tenant, reading->watermark);
    return keeper_watermark(&keeper->partitions[reading->partition], tenant);
}

int64_t
keeper_gap_of(const struct keeper *keeper, const struct question *question)
{
    return keeper->partitions[question->reading.partition].rules.gap_ms;
}

struct person *
keeper_person_of(const struct keeper *keeper, const struct question *question, const struct member *member)
{
    struct store_key key;

    if (member->slice != question->target) {
        return NULL;
    }
    memcpy(&key, &member->canonical, sizeof(key));
    return store_peek(&keeper->persons[question->target], key);
}

/* Rows of an answer, in its arena. */

bool
keeper_has_enough(const struct asked *asked, uint32_t count_max, uint64_t bytes_max)
{
    const struct arena *arena = &asked->question->arena;

    return asked->row_count >= count_max || arena->is_full ||
           (asked->row_count > 0 && arena->bytes_used >= bytes_max);
}

static uint32_t
row_count_max(const struct question *question)
{
    switch (question->kind) {
    case QUESTION_EVENTS:
        return question->ask.events->count_max;
    case QUESTION_SESSIONS:
        return question->ask.sessions->count_max;
    default:
        return 1;
    }
}

void *
keeper_add_row(struct asked *asked, uint32_t row_bytes)
{
    struct arena *arena = &asked->question->arena;

    if (asked->row_count == asked->row_capacity) {
        uint32_t count_max = row_count_max(asked->question);
        uint32_t capacity = asked->row_capacity == 0 ? ROW_COUNT_FIRST : 2 * asked->row_capacity;
        capacity = capacity < count_max ? capacity : count_max;
        ASSERT(capacity > asked->row_count);
        void *rows = arena_take(arena, (uint64_t)capacity * row_bytes);
        if (rows == NULL) {
            return NULL;
        }
        if (asked->row_count > 0) {
            memcpy(rows, asked->rows, (uint64_t)asked->row_count * row_bytes);
        }
        asked->rows = rows;
        asked->row_capacity = capacity;
    }
    void *row = (uint8_t *)asked->rows + (uint64_t)asked->row_count * row_bytes;

    asked->row_count++;
    memset(row, 0, row_bytes);
    return row;
}

void
keeper_answer_profile(struct keeper *keeper, struct asked *asked, const struct person *person)
{
    struct question *question = asked->question;
    struct arena *arena = &question->arena;
    struct profile_answer *answer = arena_take_zero(arena, sizeof(*answer));

    if (person != NULL && person_profile(person) == NULL) {
        keeper_finish(keeper, asked, -ESTALE);
        return;
    }
    if (answer != NULL && person != NULL) {
        answer_row_profile(arena, answer, person->profile, question->ask.profile.with,
                           keeper_watermark_of(keeper, question), keeper_gap_of(keeper, question));
    }
    question->answer.profile = answer;
    keeper_finish(keeper, asked, 0);
}

static enum step
ask_profile(struct keeper *keeper, struct asked *asked)
{
    struct question *question = asked->question;

    if (!question->reading.is_known) {
        keeper_answer_profile(keeper, asked, NULL);
        return STEP_DONE;
    }
    keeper_dispatch(keeper,
                    &(struct job){
                        .kind = JOB_QUESTION,
                        .slice = question->target,
                        .partition = question->reading.partition,
                        .asked = asked,
                    },
                    question->ask.profile.canonical);
    return STEP_DONE;
}

bool
keeper_is_time_up(struct asked *asked, uint32_t count, const struct time_slice *time)
{
    uint64_t copied = asked->question->arena.bytes_used - asked->bytes_seen;

    if (count % TURN_COUNT != 0 && copied < COPY_BYTES) {
        return false;
    }
    asked->bytes_seen = asked->question->arena.bytes_used;
    return time_slice_is_over(time);
}

static enum step
answer_open_sessions(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    struct question *question = asked->question;
    struct share *share = keeper_share_of(keeper, question);

    if (share != NULL) {
        struct event_ms watermark = keeper_watermark_of(keeper, question);
        while (share_close(&keeper->memory, share, watermark, TURN_COUNT) == TURN_COUNT) {
            if (time_slice_is_over(time)) {
                return STEP_MORE;
            }
        }
    }
    question->answer.open_sessions = share != NULL ? share->open_count : 0;
    keeper_finish(keeper, asked, 0);
    return STEP_DONE;
}

/* STEP_DONE: it was handed back, or went to a key's queue. STEP_LATER: it will be made ready. */
static enum step
answer(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    switch (asked->question->kind) {
    case QUESTION_PROFILE:
        return ask_profile(keeper, asked);
    case QUESTION_PROFILES:
        return keeper_answer_profiles(keeper, asked, time);
    case QUESTION_EVENTS:
        return keeper_answer_events(keeper, asked, time);
    case QUESTION_EVENT:
        return keeper_answer_event(keeper, asked);
    case QUESTION_SESSIONS:
        return keeper_answer_sessions(keeper, asked, time);
    case QUESTION_EVENT_SESSION:
        return keeper_answer_event_session(keeper, asked, time);
    case QUESTION_CUBE:
        return keeper_answer_cube(keeper, asked, time);
    case QUESTION_OPEN_SESSIONS:
        return answer_open_sessions(keeper, asked, time);
    case QUESTION_TENANTS:
    case QUESTION_STAMP:
    case QUESTION_RESOLVE:
    case QUESTION_PEOPLE:
    case QUESTION_MERGES:
    case QUESTION_CODES:
    case QUESTION_USERS:
        break;
    }
    base_die("REQUIRE", "the question is one to a slice", __FILE__, __LINE__);
}

static enum step
answer_piece(struct keeper *keeper, struct asked *asked, const struct time_slice *time)
{
    struct person *pinned = asked->awaited;

    asked->awaited = NULL;
    enum step step = answer(keeper, asked, time);

    if (pinned != NULL) {
        keeper_unpin(pinned);
    }
    return step;
}

static void
begin(struct keeper *keeper, struct question *question)
{
    REQUIRE(question->reading.partition < keeper->options.node->partition_count);
    REQUIRE(question->target < keeper->options.node->slice_count);
    struct asked *asked = memory_take_zero(&keeper->memory, sizeof(*asked));

    asked->question = question;
    question->fault = 0;
    scatter_open_answer(question, keeper->options.arenas);
    if (is_reached(keeper, &question->reading)) {
        append_asked(question->subquery, asked);
        return;
    }
    insert_by_position(&keeper->partitions[question->reading.partition].asked, asked);
    keeper->asked_waiting_count++;
}

/* The next one that can be answered; NULL when all that are left wait. */
static struct asked *
take_ready(struct keeper *keeper, struct subquery *subquery)
{
    while (subquery->first_asked == NULL && subquery->unbegun != NULL) {
        struct question *question = subquery->unbegun;

        subquery->unbegun = question->sibling;
        begin(keeper, question);
    }
    struct asked *asked = subquery->first_asked;

    if (asked != NULL) {
        subquery->first_asked = asked->next;
        subquery->last_asked = asked->next != NULL ? subquery->last_asked : NULL;
    }
    return asked;
}

static enum step
answer_message(struct task *task, const struct time_slice *time)
{
    struct subquery *subquery = CONTAINER_OF(task, struct subquery, task);
    struct keeper *keeper = subquery->answerer;

    for (uint32_t count = 1;; count++) {
        struct asked *asked = take_ready(keeper, subquery);
        if (asked == NULL) {
            return STEP_DONE;
        }
        const bool is_last = subquery->unanswered == 1; /* behind its answer the message may be gone */
        enum step step = STEP_DONE;
        if (scatter_is_unwanted(subquery->scatter)) {
            if (asked->awaited != NULL) {
                keeper_unpin(asked->awaited);
            }
            keeper_finish(keeper, asked, -ETIMEDOUT);
        } else {
            step = answer_piece(keeper, asked, time);
        }
        if (step == STEP_MORE) {
            asked->next = subquery->first_asked;
            subquery->first_asked = asked;
            subquery->last_asked = asked->next != NULL ? subquery->last_asked : asked;
            return STEP_MORE;
        }
        if (is_last) {
            return STEP_DONE;
        }
        /* Not without work: the others may be answered without this task, and then it must not be in the queue. */
        if (count % QUESTION_COUNT == 0 && time_slice_is_over(time)) {
            return subquery->first_asked != NULL || subquery->unbegun != NULL ? STEP_MORE : STEP_DONE;
        }
    }
}
