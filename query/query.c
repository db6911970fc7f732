/* SPDX-License-Identifier: Apache-2.0 */
#include "query/query.h"

#include "query/write.h"
#include "shards/shard.h"

/*
 *            query_start
 *                 | refused: over at once
 *                 v
 *     +------> WORKING <----------- round_done ----- WAITING
 *     | slice     |  |                                 ^ |
 *     +-----------+  +---- a round is sent ------------+ | deadline, abandoned
 *                 |                                      v
 *                 | all is written                     ZOMBIE, waits for its round
 *                 v                                      |
 *              answer -----> finish <--------------------+
 *
 * Where there was no memory for answers, it gives back those that came and is PAUSED, until whoever asked resumes it: then
 * it begins again. After QUERY_PATIENCE_NS it does not wait any more.
 *
 * What it works on (rounds, then the writing of the answer) is a task of the shard, a slice at a time. When its
 * deadline comes in between, it is a zombie, and its next slice finishes it.
 *
 * A zombie has nobody to answer any more, but its questions are still out there and point into its arena. The shards
 * are told that nobody wants them, and they come back soon.
 */

#define CODE_DEADLINE "DEADLINE"
#define CODE_UNSAFE "METHOD_NOT_ALLOWED"
#define BODY_TOO_LARGE \
    "{\"data\":null,\"errors\":[{\"message\":\"The answer needs more memory than one request may use.\"," \
    "\"extensions\":{\"code\":\"" GRAPHQL_CODE_MEMORY "\"}}]}"
#define BODY_STARVED \
    "{\"data\":null,\"errors\":[{\"message\":\"Requests have no more memory than those that run now take: " \
    "try again.\"," \
    "\"extensions\":{\"code\":\"" LOAD_CODE_UNAVAILABLE "\"}}]}"
#define BODY_DEADLINE \
    "{\"errors\":[{\"message\":\"The query took longer than queries may.\"," \
    "\"extensions\":{\"code\":\"" CODE_DEADLINE "\"}}]}"
#define BODY_BUSY \
    "{\"data\":null,\"errors\":[{\"message\":\"Too many queries are running: try again.\"," \
    "\"extensions\":{\"code\":\"" LOAD_CODE_UNAVAILABLE "\"}}]}"

#define QUERY_PATIENCE_NS NS_PER_S

struct query {
    struct query_request request;
    struct graphql_plan plan;
    struct execute execute;
    struct timer timer;
    struct task task;
    struct writer *writer; /* NULL: not everything is here yet */
    struct json_out out;
    uint32_t start_count;
    struct mono_ns started;
    bool is_paused;
    bool is_zombie;
    bool *is_over; /* for query_start(), which wants to know */
};

static void round_done(struct scatter *scatter);

/* The query is gone afterwards. */
static void
finish(struct query *query)
{
    void (*finished)(void *context) = query->request.finished;
    void *context = query->request.context;

    if (query->is_over != NULL) {
        *query->is_over = true;
    }
    timer_stop(&query->request.shard->timers, &query->timer);
    scatter_end(&query->execute.loads.scatter);
    finished(context);
}

static void
answer(struct query *query, enum query_answer_kind kind, struct text body)
{
    query->request.answered(query->request.context, kind, body);
}

static bool
begin(struct query *query)
{
    const struct query_request *request = &query->request;
    struct execute_options options = {
        .shard = request->shard,
        .arena = request->arena,
        .plan = &query->plan,
        .principal = &query->request.principal,
        .now = {.ms = request->now_ms},
        .may_restart = query->start_count + 1 < EXECUTE_STARTS_MAX,
        .may_wait = request->starved != NULL && query->start_count + 1 < EXECUTE_STARTS_MAX &&
                    request->shard->now.ns - query->started.ns < QUERY_PATIENCE_NS,
        .done = round_done,
        .context = query,
    };

    query->start_count++;
    return execute_begin(&query->execute, &options);
}

/* What is said when an arena is full: for good, or for now. */
static struct text
body_of_full(const struct arena *arena)
{
    return arena->is_starved ? TEXT(BODY_STARVED) : TEXT(BODY_TOO_LARGE);
}

static void
answer_too_large(struct query *query)
{
    answer(query, QUERY_OK, body_of_full(query->request.arena));
    finish(query);
}

/* Everything is here. */
static enum step
write_answer(struct query *query, const struct time_slice *time)
{
    struct text body;

    if (query->writer == NULL) {
        json_out_init(&query->out, query->request.arena);
        query->writer = write_begin(&query->execute, &query->out);
    }
    if (query->writer == NULL) {
        answer_too_large(query);
        return STEP_DONE;
    }
    if (write_step(query->writer, time) == STEP_MORE) {
        return STEP_MORE;
    }
    body = json_out_finish(&query->out);
    answer(query, QUERY_OK,
           body.data != NULL && !query->request.arena->is_full ? body : body_of_full(query->request.arena));
    finish(query);
    return STEP_DONE;
}

/* STEP_DONE: a round is out, or the query is over. */
static enum step
work(struct query *query, const struct time_slice *time)
{
    if (query->is_zombie) {
        finish(query);
        return STEP_DONE;
    }
    if (query->writer != NULL) {
        return write_answer(query, time);
    }
    for (;;) {
        switch (execute_round(&query->execute, time)) {
        case 0:
            return STEP_DONE;
        case EXECUTE_READY:
            return write_answer(query, time);
        case EXECUTE_MORE:
            return STEP_MORE;
        case EXECUTE_STALE:
            scatter_end(&query->execute.loads.scatter);
            if (begin(query)) {
                continue;
            }
            break;
        case EXECUTE_STARVED:
            scatter_end(&query->execute.loads.scatter);
            query->is_paused = true;
            query->request.starved(query->request.context);
            return STEP_DONE;
        case EXECUTE_FULL:
            break;
        }
        answer_too_large(query);
        return STEP_DONE;
    }
}

static enum step
work_on(struct task *task, const struct time_slice *time)
{
    return work(CONTAINER_OF(task, struct query, task), time);
}

static void
round_done(struct scatter *scatter)
{
    struct query *query = scatter->context;

    if (query->is_zombie) {
        finish(query);
        return;
    }
    execute_arrived(&query->execute);
    run_queue_add(&query->request.shard->queries, &query->task, work_on);
}

/* Its questions are out, so round_done() will come; or it has another slice, or will be resumed. */
static void
deadline_passed(struct timer *timer)
{
    struct query *query = CONTAINER_OF(timer, struct query, timer);

    ASSERT(query->execute.loads.scatter.outstanding > 0 || query->task.is_queued || query->is_paused);
    query->is_zombie = true;
    scatter_abandon(&query->execute.loads.scatter);
    answer(query, QUERY_DEADLINE, TEXT(BODY_DEADLINE));
}

static void
refuse(const struct query_request *request, enum query_answer_kind kind, const struct graphql_errors *errors)
{
    struct json_out out;
    struct text body;

    json_out_init(&out, request->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("errors"));
    graphql_errors_write(errors, &out);
    json_out_object_end(&out);
    body = json_out_finish(&out);
    if (body.data == NULL && request->arena->is_starved) {
        body = TEXT(BODY_STARVED);
    } else if (body.data == NULL) {
        body = TEXT("{\"errors\":[{\"message\":\"The request needs more memory than one request may use.\","
                    "\"extensions\":{\"code\":\"" GRAPHQL_CODE_MEMORY "\"}}]}");
    }
    request->answered(request->context, kind, body);
    request->finished(request->context);
}

static bool
is_mutation(const struct query *query)
{
    return query->plan.has_operation && query->plan.operation == GRAPHQL_MUTATION;
}

/* Also one that is no good otherwise: who may not change anything learns nothing about how. */
static void
refuse_mutation(struct query *query)
{
    bool is_unsafe = query->request.only_asks;
    struct graphql_errors errors;

    graphql_errors_init(&errors, query->request.arena);
    graphql_error_add(&errors, (struct graphql_place){.line = 0},
                      is_unsafe ? CODE_UNSAFE : LOAD_CODE_FORBIDDEN, "%s",
                      is_unsafe ? "Mutations are for POST." : "Mutations need the right admin.");
    refuse(&query->request, is_unsafe ? QUERY_UNSAFE : QUERY_FORBIDDEN, &errors);
}

static void
give_up(const struct query_request *request, struct text body)
{
    request->answered(request->context, QUERY_OK, body);
    request->finished(request->context);
}

/* What is small need not wait for a turn. NULL: it is over. */
static struct query *
begin_working(struct query *query)
{
    struct run_queue *queue = &query->request.shard->queries;
    struct time_slice time = run_queue_time(queue);
    bool is_over = false;

    query->is_over = &is_over;
    if (work(query, &time) == STEP_MORE) {
        run_queue_add(queue, &query->task, work_on);
    }
    if (is_over) {
        return NULL;
    }
    query->is_over = NULL;
    return query;
}

struct query *
query_start(const struct query_request *request)
{
    struct shard *shard = request->shard;
    struct query *query;
    int r;
    struct mono_ns due = {.ns = shard->now.ns + shard->node->deadline_ns};

    REQUIRE_HERE(shard->id);
    query = arena_take_zero(request->arena, sizeof(*query));
    if (query == NULL) {
        give_up(request, body_of_full(request->arena));
        return NULL;
    }
    query->request = *request;
    query->started = shard->now;
    r = graphql_prepare(request->arena, request->text, request->operation_name, request->variables,
                        &query->plan);
    if (is_mutation(query) && (request->only_asks || !request->principal.may_administer)) {
        refuse_mutation(query);
        return NULL;
    }
    if (r != 0) {
        refuse(&query->request, QUERY_REFUSED, &query->plan.errors);
        return NULL;
    }
    if (!timer_start(&shard->timers, &query->timer, due, deadline_passed)) {
        give_up(&query->request, TEXT(BODY_BUSY));
        return NULL;
    }
    if (!begin(query)) {
        timer_stop(&shard->timers, &query->timer);
        give_up(&query->request, body_of_full(request->arena));
        return NULL;
    }
    return begin_working(query);
}

void
query_resume(struct query *query)
{
    REQUIRE(query->is_paused);
    query->is_paused = false;
    if (query->is_zombie) {
        finish(query);
    } else if (begin(query)) {
        run_queue_add(&query->request.shard->queries, &query->task, work_on);
    } else {
        answer_too_large(query);
    }
}

void
query_abandon(struct query *query)
{
    query->is_zombie = true;
    scatter_abandon(&query->execute.loads.scatter);
    timer_stop(&query->request.shard->timers, &query->timer);
}
