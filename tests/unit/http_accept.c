/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_accept.h"

#include "tests/check.h"

static enum http_media
accept_of(const char *header)
{
    return http_accept_graphql(text_of(header));
}

static bool
is_json(const char *content_type)
{
    return http_content_type_is(text_of(content_type), TEXT("application/json"));
}

TEST(what_we_cannot_make_is_refused)
{
    CHECK_EQ(accept_of("text/html"), HTTP_MEDIA_NONE);
    CHECK_EQ(accept_of("application/json;q=0"), HTTP_MEDIA_NONE);
    CHECK_EQ(accept_of("*/*;q=0.0"), HTTP_MEDIA_NONE);
    CHECK_EQ(accept_of("application/jsonp"), HTTP_MEDIA_NONE);
    CHECK_EQ(accept_of(",;,"), HTTP_MEDIA_NONE);
}

TEST(who_says_nothing_or_anything_is_old)
{
    CHECK_EQ(accept_of(""), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of(NULL), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("  "), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("*/*"), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("application/*"), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("text/html, */*;q=0.1"), HTTP_MEDIA_JSON);
}

TEST(who_names_the_new_type_gets_it)
{
    CHECK_EQ(accept_of("application/graphql-response+json"), HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("Application/GraphQL-Response+JSON; charset=utf-8"), HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("application/json, application/graphql-response+json"), HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("application/graphql-response+json, */*"), HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("application/json;q=0, application/*"), HTTP_MEDIA_GRAPHQL);
}

TEST(quality_decides)
{
    CHECK_EQ(accept_of("application/graphql-response+json;q=0.5, application/json;q=0.9"), HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("application/graphql-response+json;q=0.95, application/json; q=0.9"),
             HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("application/graphql-response+json;q=0.001, application/json;q=0"),
             HTTP_MEDIA_GRAPHQL);
    CHECK_EQ(accept_of("application/json;q=1.000, application/graphql-response+json;q=0.999"),
             HTTP_MEDIA_JSON);
    CHECK_EQ(accept_of("application/json;q=nonsense"), HTTP_MEDIA_JSON);
}

TEST(a_content_type_is_itself_with_any_parameters_but_another_charset)
{
    CHECK(is_json("application/json"));
    CHECK(is_json("Application/JSON"));
    CHECK(is_json("application/json; charset=utf-8"));
    CHECK(is_json("application/json;charset=\"UTF-8\""));
    CHECK(is_json("application/json; x=y"));
    CHECK(!is_json(""));
    CHECK(!is_json("text/plain"));
    CHECK(!is_json("application/json5"));
    CHECK(!is_json("application/json; charset=iso-8859-1"));
}
