/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_route.h"

#include "net/field.h"

static const struct {
    struct text path;
    struct http_route route;
} routes[] = {
#define INGEST(path_, shape_, is_browser_) \
    { \
        .path = {.data = (path_), .bytes = sizeof(path_) - 1}, .route = { \
            .door = HTTP_DOOR_INGEST, \
            .shape = (shape_), \
            .is_browser = (is_browser_) \
        } \
    }
#define OTHER(path_, door_) \
    { \
        .path = {.data = (path_), .bytes = sizeof(path_) - 1}, .route = {.door = (door_) } \
    }
    INGEST("/v1/events", NORMALISER_EVENTS, false),
    INGEST("/v1/batch", NORMALISER_BATCH, false),
    INGEST("/v1/b", NORMALISER_BATCH, true),
    INGEST("/v1/track", NORMALISER_TRACK, false),
    INGEST("/v1/t", NORMALISER_TRACK, true),
    INGEST("/v1/identify", NORMALISER_IDENTIFY, false),
    INGEST("/v1/i", NORMALISER_IDENTIFY, true),
    INGEST("/v1/page", NORMALISER_PAGE, false),
    INGEST("/v1/p", NORMALISER_PAGE, true),
    INGEST("/v1/screen", NORMALISER_SCREEN, false),
    INGEST("/v1/s", NORMALISER_SCREEN, true),
    INGEST("/v1/group", NORMALISER_GROUP, false),
    INGEST("/v1/g", NORMALISER_GROUP, true),
    INGEST("/v1/alias", NORMALISER_ALIAS, false),
    INGEST("/v1/a", NORMALISER_ALIAS, true),
    OTHER("/v1/m", HTTP_DOOR_DROP),
    OTHER("/sourceConfig", HTTP_DOOR_RUDDER_CONFIG),
    OTHER("/graphql", HTTP_DOOR_GRAPHQL),
    OTHER("/metrics", HTTP_DOOR_METRICS),
    OTHER("/healthz", HTTP_DOOR_HEALTH),
    OTHER("/readyz", HTTP_DOOR_READY),
#undef INGEST
#undef OTHER
};

#define BIT(method) (1u << (method))

static const struct {
    uint32_t methods;
    const char *said;
} doors[] = {
    [HTTP_DOOR_NONE] = {0, ""},
    [HTTP_DOOR_INGEST] = {BIT(HTTP_POST) | BIT(HTTP_OPTIONS), "POST, OPTIONS"},
    [HTTP_DOOR_DROP] = {BIT(HTTP_POST) | BIT(HTTP_OPTIONS), "POST, OPTIONS"},
    [HTTP_DOOR_SEGMENT_SETTINGS] = {BIT(HTTP_GET) | BIT(HTTP_HEAD) | BIT(HTTP_OPTIONS), "GET, HEAD, OPTIONS"},
    [HTTP_DOOR_RUDDER_CONFIG] = {BIT(HTTP_GET) | BIT(HTTP_HEAD) | BIT(HTTP_OPTIONS), "GET, HEAD, OPTIONS"},
    [HTTP_DOOR_GRAPHQL] = {BIT(HTTP_GET) | BIT(HTTP_HEAD) | BIT(HTTP_POST), "GET, HEAD, POST"},
    [HTTP_DOOR_METRICS] = {BIT(HTTP_GET) | BIT(HTTP_HEAD), "GET, HEAD"},
    [HTTP_DOOR_HEALTH] = {BIT(HTTP_GET) | BIT(HTTP_HEAD), "GET, HEAD"},
    [HTTP_DOOR_READY] = {BIT(HTTP_GET) | BIT(HTTP_HEAD), "GET, HEAD"},
};

/* False, and both unchanged, unless `text` begins so. */
static bool
skip(struct text *text, struct text beginning)
{
    if (text->bytes < beginning.bytes || memcmp(text->data, beginning.data, beginning.bytes) != 0) {
        return false;
    }
    *text = (struct text){.data = text->data + beginning.bytes, .bytes = text->bytes - beginning.bytes};
    return true;
}

/* /v1/projects/KEY/settings; some SDKs put "projects" in front twice. */
static bool
is_settings(struct text path, struct text *out_key)
{
    struct text end = TEXT("/settings");

    if (!skip(&path, TEXT("/v1/projects/")) || path.bytes <= end.bytes ||
        memcmp(path.data + path.bytes - end.bytes, end.data, end.bytes) != 0) {
        return false;
    }
    path.bytes -= end.bytes;
    (void)skip(&path, TEXT("projects/"));
    *out_key = path;
    return field_is_tenant(path);
}

struct http_route
http_route_find(struct text path)
{
    struct text key;

    if (path.bytes > 1 && path.data[path.bytes - 1] == '/') {
        path.bytes--;
    }
    for (uint32_t i = 0; i < COUNT_OF(routes); i++) {
        if (text_equal(routes[i].path, path)) {
            return routes[i].route;
        }
    }
    if (is_settings(path, &key)) {
        return (struct http_route){.door = HTTP_DOOR_SEGMENT_SETTINGS, .key = key};
    }
    return (struct http_route){.door = HTTP_DOOR_NONE};
}

enum http_method
http_method_of(struct text name)
{
    static const struct {
        struct text name;
        enum http_method method;
    } methods[] = {
        {{"POST", 4}, HTTP_POST},
        {{"GET", 3}, HTTP_GET},
        {{"HEAD", 4}, HTTP_HEAD},
        {{"OPTIONS", 7}, HTTP_OPTIONS},
    };

    for (uint32_t i = 0; i < COUNT_OF(methods); i++) {
        if (text_equal(methods[i].name, name)) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

bool
http_route_allows(const struct http_route *route, enum http_method method)
{
    return (doors[route->door].methods & BIT(method)) != 0;
}

const char *
http_route_methods(const struct http_route *route)
{
    return doors[route->door].said;
}

bool
http_route_has_cors(const struct http_route *route)
{
    return route->door == HTTP_DOOR_INGEST || route->door == HTTP_DOOR_DROP ||
           route->door == HTTP_DOOR_SEGMENT_SETTINGS || route->door == HTTP_DOOR_RUDDER_CONFIG;
}

/* A door that is not named here needs one, so a new one is not open by oversight. */
bool
http_route_needs_token(const struct http_route *route)
{
    switch (route->door) {
    case HTTP_DOOR_NONE:
    case HTTP_DOOR_INGEST: /* these ask for a write key */
    case HTTP_DOOR_SEGMENT_SETTINGS:
    case HTTP_DOOR_RUDDER_CONFIG:
    case HTTP_DOOR_DROP: /* writes nothing, and SDKs send no key with it */
    case HTTP_DOOR_HEALTH:
    case HTTP_DOOR_READY:
        return false;
    case HTTP_DOOR_GRAPHQL:
    case HTTP_DOOR_METRICS:
        break;
    }
    return true;
}
