/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include "core/json_out.h"
#include "net/http_server.h"

/*
 * What browser SDKs ask before they send anything. Segment's take the host for events from here, even over the one in
 * their code, so it is always this node, by the name that the client used.
 */

static void
member(struct json_out *out, struct text key, struct text value)
{
    json_out_key(out, key);
    json_out_text(out, value);
}

static void
answer(struct http_call *call, struct json_out *out)
{
    struct text body = json_out_finish(out);

    if (body.data == NULL) {
        http_call_refuse(call, 503, TEXT("no memory for this request"));
        return;
    }
    http_call_answer(call, &(struct http_answer){.status = 200, .body = body});
}

/* "localhost:8080/v1"; data NULL when the arena is full. */
static struct text
api_host(struct http_call *call)
{
    struct text end = TEXT("/v1");
    char *to = arena_take(&call->arena, (uint64_t)call->host.bytes + end.bytes);

    if (to == NULL) {
        return (struct text){.data = NULL};
    }
    memcpy(to, call->host.data, call->host.bytes);
    memcpy(to + call->host.bytes, end.data, end.bytes);
    return (struct text){.data = to, .bytes = call->host.bytes + end.bytes};
}

static void
answer_segment(struct http_call *call)
{
    bool is_tls = text_equal(http_call_header(call, TEXT("x-forwarded-proto")), TEXT("https"));
    struct json_out out;
    struct text host;

    if (call->host.bytes == 0) {
        http_call_refuse(call, 400, TEXT("Host: missing"));
        return;
    }
    host = api_host(call);
    json_out_init(&out, &call->arena);
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("integrations"));
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("Segment.io"));
    json_out_object_begin(&out);
    member(&out, TEXT("apiKey"), call->route.key);
    member(&out, TEXT("apiHost"), host);
    member(&out, TEXT("protocol"), is_tls ? TEXT("https") : TEXT("http"));
    json_out_object_end(&out);
    json_out_object_end(&out);
    json_out_key(&out, TEXT("metrics"));
    json_out_object_begin(&out);
    json_out_key(&out, TEXT("sampleRate"));
    json_out_int(&out, 0);
    json_out_object_end(&out);
    json_out_object_end(&out);
    answer(call, &out);
}

void
http_sdk_open(struct http_call *call)
{
    bool is_segment = call->route.door == HTTP_DOOR_SEGMENT_SETTINGS;
    struct text key = is_segment ? call->route.key : http_access_write_key(call);

    /* On an open node any key is good, and none too. */
    if (call->shared->keys != NULL && !http_access_writer(call, key)) {
        return;
    }
    if (is_segment) {
        answer_segment(call);
        return;
    }
    http_call_answer(
        call, &(struct http_answer){
                  .status = 200,
                  .body = TEXT(
                      "{\"source\":{\"id\":\"millrace\",\"name\":\"millrace\",\"workspaceId\":\"millrace\","
                      "\"enabled\":true,\"config\":{},\"destinations\":[]}}"),
              });
}
