/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_call.h"

#include "core/hash.h"
#include "net/http_server.h"
#include "net/keys.h"
#include "net/write_key.h"
#include "shards/shard.h"

/*
 * 401: no key, an unknown one, or one that has expired. 403: a good one, of the other kind. On an open node there are
 * no keys to know: any write key is good, and names its tenant.
 */

static void
refuse(struct http_call *call, int status, const char *why)
{
    if (call->route.door == HTTP_DOOR_GRAPHQL) {
        http_graphql_refuse(call, status, status == 401 ? "UNAUTHENTICATED" : "FORBIDDEN", why);
        return;
    }
    http_call_refuse(call, status, text_of(why));
}

bool
http_access_reader(struct http_call *call)
{
    const struct keys *keys = call->shared->keys;
    struct text token = write_key_bearer(http_call_header(call, TEXT("authorization")));
    const struct key *key = NULL;
    int r;

    if (keys == NULL) {
        call->principal = principal_open();
        return true;
    }
    if (token.bytes == 0) {
        refuse(call, 401, "no read token (Authorization: Bearer)");
        return false;
    }
    r = keys_find(keys, token, env_wall(call->shard->env), &key);
    if (r != 0) {
        refuse(call, 401, r == KEYS_EXPIRED ? "read token: expired" : "read token: unknown");
        return false;
    }
    if (!key->principal.may_read) {
        refuse(call, 403, "a write key may not read");
        return false;
    }
    call->principal = key->principal;
    return true;
}

struct text
http_access_write_key(struct http_call *call)
{
    return write_key_find(
        &(struct write_key_places){
            .authorization = http_call_header(call, TEXT("authorization")),
            .x_write_key = http_call_header(call, TEXT("x-write-key")),
            .query = call->query,
        },
        &call->arena);
}

static bool
admit_anybody(struct http_call *call, struct text write_key)
{
    if (write_key.bytes > 0 && !field_is_tenant(write_key)) {
        refuse(call, 401, "write key: no tenant has this name (1 to 64 of A-Z a-z 0-9 . _ -)");
        return false;
    }
    if (write_key.bytes == 0 && call->route.shape != NORMALISER_EVENTS) {
        refuse(call, 401, "no write key");
        return false;
    }
    call->principal = principal_open();
    call->principal.tenant_id = write_key;
    call->rate_bucket = hash64(0, write_key);
    return true;
}

bool
http_access_writer(struct http_call *call, struct text write_key)
{
    const struct keys *keys = call->shared->keys;
    const struct key *key = NULL;
    int r;

    if (keys == NULL) {
        return admit_anybody(call, write_key);
    }
    if (write_key.bytes == 0) {
        refuse(call, 401, "no write key");
        return false;
    }
    r = keys_find(keys, write_key, env_wall(call->shard->env), &key);
    if (r != 0) {
        refuse(call, 401, r == KEYS_EXPIRED ? "write key: expired" : "write key: unknown");
        return false;
    }
    if (!key->principal.may_write) {
        refuse(call, 403, "a read token may not write");
        return false;
    }
    call->principal = key->principal;
    call->rate_bucket = key->tenant_number;
    return true;
}

bool
http_access_in_time(struct http_call *call)
{
    uint32_t wait_s = rate_limit_wait_s(&call->shared->rate_limit, call->rate_bucket, call->shard->now);

    if (wait_s == 0) {
        return true;
    }
    http_call_answer(call, &(struct http_answer){
                               .status = 429,
                               .body = TEXT("{\"success\":false,\"error\":\"more events than this tenant may "
                                            "send: try again after Retry-After seconds\"}"),
                               .wait_s = wait_s,
                           });
    return false;
}

void
http_access_charge(struct http_call *call, uint32_t event_count)
{
    rate_limit_charge(&call->shared->rate_limit, call->rate_bucket, event_count, call->shard->now);
}
