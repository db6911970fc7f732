/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_route - which of our doors a path is
 *
 * A path is served with and without a slash at its end, and never answered by a redirect: some SDKs count a redirect
 * of a POST as delivered.
 *
 * Threads  Everything here is pure.
 */

#include "core/base.h"
#include "net/normaliser.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OPTIONS,
    HTTP_OTHER,
};

enum http_door {
    HTTP_DOOR_NONE, /* 404 */
    HTTP_DOOR_INGEST,
    HTTP_DOOR_DROP,             /* SDK self-metrics: 200, and forgotten */
    HTTP_DOOR_SEGMENT_SETTINGS, /* where Segment's SDKs must send */
    HTTP_DOOR_RUDDER_CONFIG,    /* that RudderStack's browser SDK may send */
    HTTP_DOOR_GRAPHQL,
    HTTP_DOOR_METRICS,
    HTTP_DOOR_HEALTH,
    HTTP_DOOR_READY,
};

struct http_route {
    enum http_door door;
    enum normaliser_route shape; /* of ingest */
    bool is_browser;             /* ingest that only browsers use */
    struct text key;             /* of Segment's settings: the write key in the path */
};

/* Any thread. `path` as it was sent, up to the query; the key points into it. */
struct http_route http_route_find(struct text path);

/* Any thread. Methods are case-sensitive. */
enum http_method http_method_of(struct text name);
/* Any thread. */
bool http_route_allows(const struct http_route *route, enum http_method method);
/* Any thread. What goes into the header Allow. */
const char *http_route_methods(const struct http_route *route);
/* Any thread. Pages of other origins may call it: it takes, and tells nothing. */
bool http_route_has_cors(const struct http_route *route);
/* Any thread. Who asks must show a read token, once there are keys. */
bool http_route_needs_token(const struct http_route *route);
