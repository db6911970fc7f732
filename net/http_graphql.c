/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include "core/json_out.h"
#include "net/http_accept.h"
#include "net/http_origin.h"
#include "net/http_server.h"
#include "net/query_string.h"
#include "query/query.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"

/*
 * GraphQL over HTTP, as the draft has it. A request that was read but is no good (syntax, validation, variables) is 400
 * for application/graphql-response+json and 200 for application/json; one that could not even be read is 400 for both.
 */

/* 2 000 tokens and their variables; parsing this takes some milliseconds. */
#define GRAPHQL_BODY_BYTES_MAX (1u << 20)
/*
 * Of a shard: so many run whatever they take, and more as long as all together take little, so that those that are
 * long and look at much do not keep out those that are short. What is short is answered between two slices of what is
 * long, but it has to begin. Where they take much, one more begins now and then: it may be short too.
 */
#define QUERIES_LARGE_MAX 4u
#define QUERIES_RUNNING_MAX 128u
#define QUERIES_BYTES_SMALL (64u << 20)
#define QUERIES_PACE_NS (10 * NS_PER_MS)
/* A query for whose answers there was no memory begins again when others have given half of it back, or after this. */
#define QUERIES_STARVED_NS NS_PER_S

#define JSON_OF_OURS ", or it has half a surrogate pair or more than 64 levels"
static_assert(JSON_TREE_DEPTH_MAX == 64, "as it says");

struct work {
    struct http_call *call;
    enum http_media media;
    struct text query;
    struct text operation_name;
    const struct json_tree *variables;
    struct query *running; /* NULL: not begun, or over */
    struct http_call *next_waiting;
    struct mono_ns starved;
    bool is_over;
};

static const char *
content_type_of(enum http_media media)
{
    return media == HTTP_MEDIA_GRAPHQL ? "application/graphql-response+json; charset=utf-8"
                                       : "application/json; charset=utf-8";
}

static void
refuse(struct http_call *call, enum http_media media, int status, const char *code, const char *message)
{
    struct json_out out;
    struct text body;

    json_out_init(&out, &call->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("errors"));
    json_out_array_begin(&out);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("message"));
    json_out_text(&out, text_of(message));
    json_out_key(&out, TEXT("extensions"));
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("code"));
    json_out_text(&out, text_of(code));
    json_out_object_end(&out);
    json_out_object_end(&out);
    json_out_array_end(&out);
    json_out_object_end(&out);
    body = json_out_finish(&out);
    if (body.data == NULL) {
        body = TEXT("{\"errors\":[{\"message\":\"no memory for this request\"}]}");
    }
    http_call_answer(call, &(struct http_answer){
                               .status = status,
                               .content_type = content_type_of(media),
                               .body = body,
                               .is_busy = status == 503,
                           });
}

static void
refuse_request(struct work *work, const char *message)
{
    refuse(work->call, work->media, 400, "BAD_REQUEST", message);
}

void
http_graphql_refuse(struct http_call *call, int status, const char *code, const char *why)
{
    refuse(call, http_accept_graphql(http_call_header(call, TEXT("accept"))), status, code, why);
}

/* ---- Running. ---- */

static int
status_of(enum http_media media, enum query_answer_kind kind)
{
    if (kind == QUERY_UNSAFE) {
        return 405;
    }
    if (media != HTTP_MEDIA_GRAPHQL || kind == QUERY_OK) {
        return 200;
    }
    return kind == QUERY_REFUSED ? 400 : kind == QUERY_FORBIDDEN ? 403 : 503;
}

static void
answered(void *context, enum query_answer_kind kind, struct text response)
{
    static const enum metric rows[] = {[QUERY_OK] = METRIC_QUERIES_OK,
                                       [QUERY_REFUSED] = METRIC_QUERIES_ERROR,
                                       [QUERY_FORBIDDEN] = METRIC_QUERIES_ERROR,
                                       [QUERY_UNSAFE] = METRIC_QUERIES_ERROR,
                                       [QUERY_DEADLINE] = METRIC_QUERIES_DEADLINE};
    struct work *work = context;
    struct http_call *call = work->call;

    if (call->shard->metrics != NULL) {
        metrics_add(call->shard->metrics, rows[kind], 1);
        metrics_observe(call->shard->metrics, METRIC_QUERY, env_mono(call->shard->env).ns - call->begun.ns);
    }
    http_call_answer(call, &(struct http_answer){
                               .status = status_of(work->media, kind),
                               .content_type = content_type_of(work->media),
                               .body = response,
                               .allow = kind == QUERY_UNSAFE ? "POST" : NULL,
                           });
}

static struct http_queries *
queries_of(const struct http_call *call)
{
    return &call->shared->queries[call->shard->id.n];
}

static bool
has_place(const struct http_call *call)
{
    uint32_t running = queries_of(call)->running;

    return running < QUERIES_LARGE_MAX ||
           (running < QUERIES_RUNNING_MAX &&
            call->shard->arenas.bytes_taken + call->shard->answers.bytes_taken < QUERIES_BYTES_SMALL);
}

static bool
has_memory(const struct http_call *call)
{
    uint64_t bytes_max = call->shard->answers.bytes_max / 2;

    for (uint32_t i = 0; i < call->shared->shard_count; i++) {
        if (atomic_load_explicit(&call->shared->bodies[i].answer_bytes, memory_order_relaxed) > bytes_max) {
            return false;
        }
    }
    return true;
}

static void
append(struct http_queue *queue, struct http_call *call)
{
    ((struct work *)call->work)->next_waiting = NULL;
    if (queue->first == NULL) {
        queue->first = call;
    } else {
        ((struct work *)queue->last->work)->next_waiting = call;
    }
    queue->last = call;
}

/* The next one begins in a later turn, so that a row of short ones does not grow the stack. */
static void
let_in(struct http_queries *queries, struct http_queue *queue,
       enum step (*begin)(struct http_call *call, struct mono_ns until))
{
    struct http_call *next = queue->first;

    queue->first = ((struct work *)next->work)->next_waiting;
    queries->running++;
    http_call_queue(next, begin);
}

static enum step start_waiting(struct http_call *call, struct mono_ns until);

static enum step
start_starved(struct http_call *call, struct mono_ns until)
{
    struct work *work = call->work;

    (void)until;
    query_resume(work->running);
    return STEP_DONE;
}

/* At most one, which may take as much as there is. */
static void
let_starved_in(struct http_queries *queries)
{
    const struct http_call *call = queries->starved.first;

    if (call == NULL || queries->running == QUERIES_RUNNING_MAX) {
        return;
    }
    if (has_memory(call) ||
        call->shard->now.ns - ((struct work *)call->work)->starved.ns > QUERIES_STARVED_NS) {
        let_in(queries, &queries->starved, start_starved);
    }
}

static void let_one_in(struct timer *timer);

/* Where there is no timer left they wait for those that run. */
static void
let_one_in_later(struct http_queries *queries, struct shard *shard)
{
    if (queries->timer.heap_index == 0) {
        (void)timer_start(&shard->timers, &queries->timer,
                          (struct mono_ns){.ns = shard->now.ns + QUERIES_PACE_NS}, let_one_in);
    }
}

/* One of each line. */
static void
let_one_in(struct timer *timer)
{
    struct http_queries *queries = CONTAINER_OF(timer, struct http_queries, timer);
    struct http_call *first =
        queries->starved.first != NULL ? queries->starved.first : queries->waiting.first;
    struct shard *shard;

    if (first == NULL) {
        return;
    }
    shard = first->shard;
    let_starved_in(queries);
    if (queries->waiting.first != NULL && queries->running < QUERIES_RUNNING_MAX) {
        let_in(queries, &queries->waiting, start_waiting);
    }
    if (queries->starved.first != NULL || queries->waiting.first != NULL) {
        let_one_in_later(queries, shard);
    }
}

static void
leave_place(const struct http_call *call)
{
    struct http_queries *queries = queries_of(call);

    queries->running--;
    let_starved_in(queries);
    while (queries->waiting.first != NULL && has_place(call)) {
        let_in(queries, &queries->waiting, start_waiting);
    }
}

/* It waits without a place. */
static void
starved(void *context)
{
    struct work *work = context;
    struct http_queries *queries = queries_of(work->call);

    work->starved = work->call->shard->now;
    leave_place(work->call);
    append(&queries->starved, work->call);
    let_one_in_later(queries, work->call->shard);
}

static void
finished(void *context)
{
    struct work *work = context;

    work->running = NULL;
    work->is_over = true;
    leave_place(work->call);
    http_call_let_go(work->call);
}

static void
gone(struct http_call *call)
{
    struct work *work = call->work;

    if (work->running != NULL) {
        query_abandon(work->running);
    }
}

/* Has a place, and is held until it is finished. */
static void
start(struct work *work)
{
    struct http_call *call = work->call;
    struct query_request request = {
        .shard = call->shard,
        .arena = &call->arena,
        .text = work->query,
        .operation_name = work->operation_name,
        .variables = work->variables,
        .principal = call->principal,
        .only_asks = call->method != HTTP_POST,
        .now_ms = env_wall(call->shard->env).ms,
        .answered = answered,
        .finished = finished,
        .starved = starved,
        .context = work,
    };
    struct query *query;

    http_call_hold(call); /* `work` is looked at below, when all may be over */
    query = query_start(&request);
    if (!work->is_over) {
        work->running = query;
    }
    http_call_let_go(call);
}

/* It has a place already. */
static enum step
start_waiting(struct http_call *call, struct mono_ns until)
{
    struct work *work = call->work;
    uint64_t waited = call->shard->now.ns - call->begun.ns;

    (void)until;
    if (call->request != NULL && waited < call->shard->node->deadline_ns && !http_call_is_overloaded(call)) {
        start(work);
        return STEP_DONE;
    }
    if (call->request != NULL) {
        refuse(call, work->media, 503, "UNAVAILABLE", "too many queries are running: try again");
    }
    leave_place(call);
    http_call_let_go(call);
    return STEP_DONE;
}

static void
run(struct work *work)
{
    struct http_call *call = work->call;
    struct http_queries *queries = queries_of(call);

    http_call_hold(call); /* until finished */
    if (queries->waiting.first == NULL && has_place(call)) {
        queries->running++;
        start(work);
        return;
    }
    append(&queries->waiting, call);
    let_one_in_later(queries, call->shard);
}

/* ---- Reading the request. ---- */

static bool
is_null(const struct json_tree *value)
{
    return value == NULL || value->kind == JSON_NULL;
}

/* NULL for null. False: it was refused. */
static bool
take_object(struct work *work, const struct json_tree *value, const char *what_it_is_not,
            const struct json_tree **out_object)
{
    if (!is_null(value) && value->kind != JSON_OBJECT) {
        refuse_request(work, what_it_is_not);
        return false;
    }
    *out_object = is_null(value) ? NULL : value;
    return true;
}

/* The same. Nothing is done with extensions. */
static bool
take_variables(struct work *work, const struct json_tree *variables, const struct json_tree *extensions)
{
    return take_object(work, variables, "variables: not an object", &work->variables) &&
           take_object(work, extensions, "extensions: not an object", &extensions);
}

/* The same. */
static bool
take_parameters(struct work *work, const struct json_tree *body)
{
    const struct json_tree *query = json_tree_member(body, TEXT("query"));
    const struct json_tree *operation_name = json_tree_member(body, TEXT("operationName"));

    if (body->kind != JSON_OBJECT) {
        refuse_request(work, "the body is not a JSON object");
        return false;
    }
    if (query == NULL || query->kind != JSON_STRING) {
        refuse_request(work, "query: missing, or not a string");
        return false;
    }
    if (!is_null(operation_name) && operation_name->kind != JSON_STRING) {
        refuse_request(work, "operationName: not a string");
        return false;
    }
    work->query = query->text;
    work->operation_name = is_null(operation_name) ? (struct text){.bytes = 0} : operation_name->text;
    return take_variables(work, json_tree_member(body, TEXT("variables")),
                          json_tree_member(body, TEXT("extensions")));
}

static bool
parse(struct work *work, struct text json, const char *what_it_is_not, struct json_tree **out_value)
{
    int r = json_tree_parse(&work->call->arena, json, out_value);

    if (r == JSON_TREE_FULL && work->call->arena.is_starved) {
        refuse(work->call, work->media, 503, "UNAVAILABLE", "no memory for this request");
    } else if (r == JSON_TREE_FULL) {
        refuse(work->call, work->media, 413, "TOO_LARGE", "the request needs too much memory");
    } else if (r != 0) {
        refuse_request(work, what_it_is_not);
    }
    return r == 0;
}

static void
open_post(struct work *work)
{
    struct http_call *call = work->call;
    struct text body = call->body;
    struct json_tree *value;

    if (!http_content_type_is(http_call_header(call, TEXT("content-type")), TEXT("application/json"))) {
        refuse(call, work->media, 415, "UNSUPPORTED_MEDIA_TYPE",
               "the body must be application/json, in UTF-8");
        return;
    }
    if (http_call_header(call, TEXT("content-encoding")).bytes > 0) {
        refuse(call, work->media, 415, "UNSUPPORTED_MEDIA_TYPE", "the body must not be compressed");
        return;
    }
    if (body.bytes > GRAPHQL_BODY_BYTES_MAX) {
        refuse(call, work->media, 413, "TOO_LARGE", "the body is over 1 MiB");
        return;
    }
    body = arena_text(&call->arena, body); /* the query may outlive the client */
    if (parse(work, body, "the body is not JSON" JSON_OF_OURS, &value) && take_parameters(work, value)) {
        run(work);
    }
}

/* Empty is as good as not there. False: it was refused. */
static bool
parse_parameter(struct work *work, struct text query_string, struct text name, const char *what_it_is_not,
                struct json_tree **out_value)
{
    struct text json;

    *out_value = NULL;
    return !query_string_find(query_string, name, &work->call->arena, &json) || json.bytes == 0 ||
           parse(work, json, what_it_is_not, out_value);
}

static void
open_get(struct work *work)
{
    struct http_call *call = work->call;
    struct text query_string = arena_text(&call->arena, call->query); /* it may outlive the client */
    struct json_tree *variables;
    struct json_tree *extensions;

    if (!query_string_find(query_string, TEXT("query"), &call->arena, &work->query)) {
        refuse_request(work, "query: missing");
        return;
    }
    if (!query_string_find(query_string, TEXT("operationName"), &call->arena, &work->operation_name)) {
        work->operation_name = (struct text){.bytes = 0};
    }
    if (parse_parameter(work, query_string, TEXT("variables"), "variables: not JSON" JSON_OF_OURS,
                        &variables) &&
        parse_parameter(work, query_string, TEXT("extensions"), "extensions: not JSON" JSON_OF_OURS,
                        &extensions) &&
        take_variables(work, variables, extensions)) {
        run(work);
    }
}

static bool
is_ours(const struct http_call *call)
{
    const struct settings *settings = call->shared->settings;

    return settings->insecure ||
           http_host_is_ours(call->host, call->shared->listen_host, &settings->net_hosts);
}

static bool
is_from_our_page(const struct http_call *call)
{
    struct text origin = http_call_header(call, TEXT("origin"));

    return origin.bytes == 0 || http_origin_is_same(origin, call->host) ||
           http_origin_is_one_of(origin, &call->shared->settings->net_origins);
}

void
http_graphql_open(struct http_call *call)
{
    enum http_media media = http_accept_graphql(http_call_header(call, TEXT("accept")));
    const char *why_not = http_shared_why_not(call->shared);
    struct work *work;

    if (!is_from_our_page(call)) {
        refuse(call, media, 403, "FORBIDDEN", "pages of other hosts may not ask here (net.origins)");
        return;
    }
    if (!is_ours(call)) {
        refuse(call, media, 403, "FORBIDDEN", "Host: not a name of this node (net.hosts)");
        return;
    }
    if (media == HTTP_MEDIA_NONE) {
        refuse(call, media, 406, "NOT_ACCEPTABLE",
               "there is application/graphql-response+json and application/json");
        return;
    }
    if (http_call_is_overloaded(call)) { /* also by answers that their clients do not read */
        refuse(call, media, 503, "UNAVAILABLE", "too much is under way: try again");
        return;
    }
    call->arena.bytes_max = ARENA_BYTES_MAX; /* more is for bodies */
    work = arena_take_zero(&call->arena, sizeof(*work));
    if (why_not != NULL || work == NULL) {
        refuse(call, media, 503, "UNAVAILABLE", why_not != NULL ? why_not : "no memory for this request");
        return;
    }
    *work = (struct work){.call = call, .media = media};
    call->work = work;
    call->gone = gone;
    if (call->method == HTTP_POST) {
        open_post(work);
    } else {
        open_get(work);
    }
}
