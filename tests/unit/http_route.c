/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_route.h"

#include "tests/check.h"

static struct http_route
find(const char *path)
{
    return http_route_find(text_of(path));
}

TEST(what_is_no_route_is_nothing)
{
    static const char *const paths[] = {"",
                                        "/",
                                        "//",
                                        "/v1",
                                        "/v1/",
                                        "/v1/event",
                                        "/v1/eventss",
                                        "/V1/events",
                                        "/v1/events//",
                                        "v1/events",
                                        "/v1/../v1/events",
                                        "/healthz/x"};

    for (uint32_t i = 0; i < COUNT_OF(paths); i++) {
        CHECK_EQ(find(paths[i]).door, HTTP_DOOR_NONE);
    }
}

TEST(every_ingest_route_has_its_shape)
{
    static const struct {
        const char *path;
        enum normaliser_route shape;
        bool is_browser;
    } routes[] = {
        {"/v1/events", NORMALISER_EVENTS, false}, {"/v1/batch", NORMALISER_BATCH, false},
        {"/v1/b", NORMALISER_BATCH, true},        {"/v1/track", NORMALISER_TRACK, false},
        {"/v1/t", NORMALISER_TRACK, true},        {"/v1/identify", NORMALISER_IDENTIFY, false},
        {"/v1/i", NORMALISER_IDENTIFY, true},     {"/v1/page", NORMALISER_PAGE, false},
        {"/v1/p", NORMALISER_PAGE, true},         {"/v1/screen", NORMALISER_SCREEN, false},
        {"/v1/s", NORMALISER_SCREEN, true},       {"/v1/group", NORMALISER_GROUP, false},
        {"/v1/g", NORMALISER_GROUP, true},        {"/v1/alias", NORMALISER_ALIAS, false},
        {"/v1/a", NORMALISER_ALIAS, true},
    };

    for (uint32_t i = 0; i < COUNT_OF(routes); i++) {
        struct http_route route = find(routes[i].path);

        CHECK_EQ(route.door, HTTP_DOOR_INGEST);
        CHECK_EQ(route.shape, routes[i].shape);
        CHECK_EQ(route.is_browser, routes[i].is_browser);
        CHECK(http_route_has_cors(&route));
    }
}

TEST(a_slash_at_the_end_makes_no_difference)
{
    CHECK_EQ(find("/v1/batch/").shape, NORMALISER_BATCH);
    CHECK_EQ(find("/graphql/").door, HTTP_DOOR_GRAPHQL);
    CHECK_EQ(find("/readyz/").door, HTTP_DOOR_READY);
    CHECK_EQ(find("/v1/m/").door, HTTP_DOOR_DROP);
}

TEST(settings_are_those_of_a_key)
{
    static const char *const nowhere[] = {"/v1/projects/settings",     "/v1/projects//settings",
                                          "/v1/projects/a b/settings", "/v1/projects/a/b/settings",
                                          "/v1/projects/a/setting",    "/v1/projects/projects//settings"};

    for (uint32_t i = 0; i < COUNT_OF(nowhere); i++) {
        CHECK_EQ(find(nowhere[i]).door, HTTP_DOOR_NONE);
    }
    CHECK_EQ(find("/v1/projects/key.1/settings").door, HTTP_DOOR_SEGMENT_SETTINGS);
    CHECK_TEXT(find("/v1/projects/key.1/settings/").key, "key.1");
    CHECK_TEXT(find("/v1/projects/projects/key/settings").key, "key");
    CHECK_TEXT(find("/v1/projects/projects/settings").key, "projects");
    CHECK_EQ(find("/sourceConfig/").door, HTTP_DOOR_RUDDER_CONFIG);
}

TEST(doors_know_their_methods)
{
    struct http_route ingest = find("/v1/track");
    struct http_route graphql = find("/graphql");
    struct http_route metrics = find("/metrics");

    CHECK(!http_route_allows(&ingest, HTTP_GET));
    CHECK(!http_route_allows(&ingest, HTTP_OTHER));
    CHECK(http_route_allows(&ingest, HTTP_POST));
    CHECK(http_route_allows(&ingest, HTTP_OPTIONS));
    CHECK_TEXT(http_route_methods(&ingest), "POST, OPTIONS");
    CHECK(http_route_allows(&graphql, HTTP_GET));
    CHECK(http_route_allows(&graphql, HTTP_POST));
    CHECK(!http_route_allows(&graphql, HTTP_OPTIONS));
    CHECK(!http_route_has_cors(&graphql));
    CHECK(http_route_allows(&metrics, HTTP_HEAD));
    CHECK(!http_route_allows(&metrics, HTTP_POST));
}

TEST(what_reads_needs_a_token)
{
    static const char *const with[] = {"/graphql", "/graphql/", "/metrics"};
    static const char *const without[] = {
        "/v1/events",   "/v1/b", "/v1/m", "/healthz", "/readyz", "/nothing", "/v1/projects/x/settings",
        "/sourceConfig"};

    for (uint32_t i = 0; i < COUNT_OF(with); i++) {
        struct http_route route = find(with[i]);
        CHECK(http_route_needs_token(&route));
    }
    for (uint32_t i = 0; i < COUNT_OF(without); i++) {
        struct http_route route = find(without[i]);
        CHECK(!http_route_needs_token(&route));
    }
}

TEST(methods_are_case_sensitive)
{
    CHECK_EQ(http_method_of(TEXT("POST")), HTTP_POST);
    CHECK_EQ(http_method_of(TEXT("HEAD")), HTTP_HEAD);
    CHECK_EQ(http_method_of(TEXT("post")), HTTP_OTHER);
    CHECK_EQ(http_method_of(TEXT("")), HTTP_OTHER);
    CHECK_EQ(http_method_of(TEXT("DELETE")), HTTP_OTHER);
}
