/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include <stdio.h>

#include "core/json_out.h"
#include "core/log_line.h"
#include "net/body.h"
#include "net/http_server.h"
#include "net/normaliser.h"
#include "shards/ingest.h"
#include "shards/metrics_table.h"
#include "shards/shard.h"

/*
 * A body is inflated, normalised and put into records in slices, then submitted as a whole, and answered when all of it
 * is durable. Until it is submitted the client may leave and nothing has happened; afterwards what it sent counts.
 */

#define EVENTS_A_LOOK 8u /* at the clock; an event takes about a microsecond */
/* Of more rejects only their number is told: the rest of them is likely to be alike. */
#define REJECTED_LISTED_MAX 10000u

enum phase {
    PHASE_BODY,
    PHASE_BEGIN,
    PHASE_EVENTS,
    PHASE_DONE, /* answered, submitted, or nobody waits for it */
};

struct work {
    struct http_call *call;
    enum phase phase;
    bool is_admitted; /* we know who writes */
    struct body body;
    struct text text;
    struct ingest_request request;
    struct json_out rejected;
    uint32_t rejected_count;
};

static struct wall_ms
wall_of(const struct http_call *call)
{
    return env_wall(call->shard->env);
}

static uint64_t
random_of(void *context)
{
    return env_random(context);
}

static enum step
refuse(struct work *work, int status, struct text why)
{
    work->phase = PHASE_DONE;
    http_call_refuse(work->call, status, why);
    return STEP_DONE;
}

static enum step
refuse_body(struct work *work, int answer)
{
    int status = answer == BODY_BAD ? 400 : answer == BODY_TOO_LARGE ? 413 : 503;

    return refuse(work, status, text_of(body_reason(&work->body)));
}

/* ---- The end: everything is durable. ---- */

static struct text
answer_body(struct work *work, const struct ingest_request *request)
{
    struct text rejected = TEXT("[]");
    bool is_cut = work->rejected_count > REJECTED_LISTED_MAX;
    struct json_out out;

    if (work->rejected_count > 0) {
        json_out_array_end(&work->rejected);
        rejected = json_out_finish(&work->rejected);
    }
    if (rejected.data == NULL) { /* the arena was full */
        rejected = TEXT("[]");
        is_cut = true;
    }
    json_out_init(&out, &work->call->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("success"));
    json_out_bool(&out, work->rejected_count == 0 || request->accepted > 0);
    json_out_key(&out, TEXT("accepted"));
    json_out_int(&out, request->accepted);
    json_out_key(&out, TEXT("duplicates"));
    json_out_int(&out, request->duplicates);
    json_out_key(&out, TEXT("rejected"));
    json_out_raw(&out, rejected);
    if (is_cut) {
        json_out_key(&out, TEXT("rejectedCount"));
        json_out_int(&out, work->rejected_count);
    }
    json_out_object_end(&out);
    return json_out_finish(&out);
}

static void
submitted(struct ingest_request *request)
{
    struct work *work = request->context;
    struct http_call *call = work->call;
    struct metrics *metrics = call->shard->metrics;
    struct text body;

    if (metrics != NULL) {
        metrics_add(metrics, METRIC_INGEST_REJECTED, work->rejected_count);
    }
    body = answer_body(work, request);
    if (body.data == NULL) {
        body = TEXT("{\"success\":true}"); /* it is in the log, and that is what counts */
    }
    http_call_answer(call, &(struct http_answer){.status = 200, .body = body});
    http_call_let_go(call);
}

static enum step
submit(struct work *work, uint32_t event_count)
{
    struct http_call *call = work->call;
    int r;

    http_call_hold(call);
    http_call_hold(call); /* once for here: `submitted` may come at once */
    work->phase = PHASE_DONE;
    r = ingest_submit(&work->request, submitted, work);
    if (r == 0) {
        http_access_charge(call, event_count);
        http_call_let_go(call);
        return STEP_DONE;
    }
    http_call_let_go(call);
    if (r == INGEST_DISK_FULL) {
        log_warn_seldom("the disk is full: events are refused",
                        LOG_TEXT("data", call->shared->settings->storage_data_dir));
    }
    switch ((enum ingest_answer)r) {
    case INGEST_BUSY:
        refuse(work, 503, TEXT("busy: try again"));
        break;
    case INGEST_DISK_FULL:
        refuse(work, 507, TEXT("the disk is full"));
        break;
    case INGEST_TOO_LARGE:
        refuse(work, 413, TEXT("more events than one request can hold: send fewer at once"));
        break;
    }
    http_call_let_go(call);
    return STEP_DONE;
}

/* ---- Events. ---- */

static void
note_reject(struct work *work, struct normaliser *normaliser)
{
    struct json_out *out = &work->rejected;

    work->rejected_count++;
    if (work->rejected_count > REJECTED_LISTED_MAX) {
        return;
    }
    if (work->rejected_count == 1) {
        json_out_init(out, &work->call->arena);
        json_out_array_begin(out);
    }
    json_out_object_begin(out);
    json_out_key(out, TEXT("index"));
    json_out_int(out, normaliser_index(normaliser));
    json_out_key(out, TEXT("error"));
    json_out_text(out, normaliser_reason(normaliser));
    json_out_object_end(out);
}

static enum step
read_events(struct work *work, struct mono_ns until)
{
    struct http_call *call = work->call;
    struct normaliser *normaliser = http_call_normaliser(call);

    for (uint32_t count = 1;; count++) {
        const struct event_draft *draft;
        int r = normaliser_next(normaliser, &draft);

        if (r == NORMALISER_END) {
            return submit(work, normaliser_index(normaliser) + 1);
        }
        if (r == NORMALISER_REJECT) {
            note_reject(work, normaliser);
        } else if (r != 0) {
            return refuse(work, 400, normaliser_reason(normaliser));
        } else if (!ingest_add(&work->request, draft, normaliser_index(normaliser))) {
            return refuse(work, 413, TEXT("body: its events need more memory than a request has"));
        }
        if (count % EVENTS_A_LOOK == 0 && env_mono(call->shard->env).ns >= until.ns) {
            return STEP_MORE;
        }
    }
}

/* False: refused. The key may go with the client, the principal stays. */
static bool
admit(struct work *work, struct text write_key)
{
    struct http_call *call = work->call;

    if (write_key.bytes > 0) {
        write_key = arena_text(&call->arena, write_key);
    }
    work->is_admitted = http_access_writer(call, write_key) && http_access_in_time(call);
    return work->is_admitted;
}

static enum step
bind(struct work *work, struct mono_ns until)
{
    struct http_call *call = work->call;
    struct normaliser *normaliser = http_call_normaliser(call);
    struct text tenant_id;

    if (!work->is_admitted && !admit(work, normaliser_write_key(normaliser))) {
        work->phase = PHASE_DONE;
        return STEP_DONE;
    }
    tenant_id = call->principal.tenant_id;
    if (tenant_id.bytes > 0) {
        bool is_tenant = normaliser_bind(
            normaliser, tenant_id, call->principal.is_any_tenant ? NORMALISER_IS_FREE : NORMALISER_IS_BOUND);
        ASSERT(is_tenant);
    }
    if (!ingest_begin(&work->request, call->shard, &call->arena)) {
        return refuse(work, 503, TEXT("no memory for this request"));
    }
    work->phase = PHASE_EVENTS;
    return read_events(work, until);
}

static enum step
begin(struct work *work, struct mono_ns until)
{
    struct http_call *call = work->call;
    struct normaliser *normaliser = http_call_normaliser(call);
    const struct geoip *geoip = call->shared->geoip;
    bool is_browser = call->route.is_browser || http_call_header(call, TEXT("origin")).bytes > 0;
    struct normaliser_options options = {
        .route = call->route.shape,
        .body = work->text,
        .received_at = wall_of(call),
        .idempotency_key = http_call_header(call, TEXT("idempotency-key")),
        .sent_at = http_call_header(call, TEXT("sentat")),
        .user_agent = is_browser ? http_call_header(call, TEXT("user-agent")) : (struct text){.bytes = 0},
        .address = is_browser && geoip != NULL ? http_call_address(call) : (struct text){.bytes = 0},
        .geoip = geoip,
        .random = random_of,
        .random_context = call->shard->env,
    };

    if (normaliser_begin(normaliser, &options) != 0) {
        return refuse(work, 400, normaliser_reason(normaliser));
    }
    return bind(work, until);
}

static enum step
read_body(struct work *work, struct mono_ns until)
{
    int r = body_step(&work->body, work->call->shard->env, until, &work->text);

    if (r == BODY_MORE) {
        return STEP_MORE;
    }
    if (r != 0) {
        return refuse_body(work, r);
    }
    work->phase = PHASE_BEGIN;
    return begin(work, until);
}

static enum step
step(struct http_call *call, struct mono_ns until)
{
    struct work *work = call->work;

    switch (work->phase) {
    case PHASE_BODY:
        return read_body(work, until);
    case PHASE_BEGIN:
        return begin(work, until);
    case PHASE_EVENTS:
        return read_events(work, until);
    case PHASE_DONE:
        return STEP_DONE;
    }
    return STEP_DONE;
}

/* ---- The beginning. ---- */

/* What was not submitted never happened; the body that it was reading is no more. */
static void
gone(struct http_call *call)
{
    struct work *work = call->work;

    work->phase = PHASE_DONE;
}

void
http_ingest_open(struct http_call *call)
{
    const struct settings *settings = call->shared->settings;
    const char *why_not = http_shared_why_not(call->shared);
    struct work *work;
    struct text key;
    int r;

    if (why_not != NULL) {
        http_call_refuse(call, 503, text_of(why_not));
        return;
    }
    if (call->body.bytes > settings->net_body_bytes_max) {
        http_call_refuse(call, 413, TEXT("body: over the limit"));
        return;
    }
    if (http_call_is_overloaded(call)) {
        http_call_refuse(call, 503, TEXT("too many bodies are being received"));
        return;
    }
    work = arena_take_zero(&call->arena, sizeof(*work));
    if (work == NULL) {
        http_call_refuse(call, 503, TEXT("no memory for this request"));
        return;
    }
    work->call = call;
    call->work = work;
    call->gone = gone;
    key = http_access_write_key(call);
    if ((key.bytes > 0 || call->route.shape == NORMALISER_EVENTS) && !admit(work, key)) {
        return; /* before anything of the body is looked at */
    }
    r = body_open(&work->body, &call->arena,
                  &(struct body_options){
                      .raw = call->body,
                      .encoding = http_call_header(call, TEXT("content-encoding")),
                      .bytes_max = (uint32_t)settings->net_body_bytes_max,
                      .is_padded = call->is_body_padded,
                  });
    if (r != 0) {
        refuse_body(work, r);
        return;
    }
    http_call_queue(call, step);
}
