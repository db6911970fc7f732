/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include "core/json_out.h"
#include "core/metrics.h"
#include "core/version.h"
#include "net/http_server.h"
#include "shards/shard.h"

#define METRICS_BYTES_FIRST (256u << 10)
#define METRICS_BYTES_MAX (4u << 20)

static void
answer_metrics(struct http_call *call)
{
    const struct http_shared *shared = call->shared;

    for (uint64_t bytes = METRICS_BYTES_FIRST; bytes <= METRICS_BYTES_MAX; bytes *= 2) {
        struct metrics_page page = {.data = arena_take(&call->arena, bytes), .bytes_max = bytes};

        if (page.data == NULL) {
            break;
        }
        metrics_render(&page, shared->metrics, shared->shard_count);
        metrics_render_process(&page);
        metrics_render_build(&page, version_number, version_commit, shared->io);
        if (!page.is_cut) {
            http_call_answer(call, &(struct http_answer){
                                       .status = 200,
                                       .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                       .body = {.data = page.data, .bytes = (uint32_t)page.bytes},
                                   });
            return;
        }
    }
    http_call_refuse(call, 503, TEXT("no memory for the metrics"));
}

static void
answer_ready(struct http_call *call)
{
    const char *why_not = http_shared_why_not(call->shared);
    struct json_out out;

    json_out_init(&out, &call->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("ready"));
    json_out_bool(&out, why_not == NULL);
    if (why_not != NULL) {
        json_out_key(&out, TEXT("reason"));
        json_out_text(&out, text_of(why_not));
    }
    json_out_object_end(&out);
    http_call_answer(call, &(struct http_answer){
                               .status = why_not == NULL ? 200 : 503,
                               .body = json_out_finish(&out),
                               .is_busy = why_not != NULL,
                           });
}

void
http_status_open(struct http_call *call)
{
    switch (call->route.door) {
    case HTTP_DOOR_METRICS:
        answer_metrics(call);
        return;
    case HTTP_DOOR_READY:
        answer_ready(call);
        return;
    case HTTP_DOOR_HEALTH:
        http_call_answer(call, &(struct http_answer){.status = 200, .body = TEXT("{\"alive\":true}")});
        return;
    case HTTP_DOOR_DROP:
        http_call_answer(call, &(struct http_answer){.status = 200, .body = TEXT("{\"success\":true}")});
        return;
    case HTTP_DOOR_NONE:
    case HTTP_DOOR_INGEST:
    case HTTP_DOOR_SEGMENT_SETTINGS:
    case HTTP_DOOR_RUDDER_CONFIG:
    case HTTP_DOOR_GRAPHQL:
        break;
    }
    ASSERT(false); /* not our doors */
}
