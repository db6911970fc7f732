/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_origin.h"

#include "tests/check.h"

static bool
is_ours(const char *host)
{
    return http_host_is_ours(text_of(host), TEXT("10.1.2.3"));
}

static bool
is_same(const char *origin, const char *host)
{
    return http_origin_is_same(text_of(origin), text_of(host));
}

TEST(names_that_others_point_at_us_are_not_ours)
{
    CHECK(!is_ours(""));
    CHECK(!is_ours("evil.example"));
    CHECK(!is_ours("localhost.evil.example"));
    CHECK(!is_ours("127.0.0.1.evil.example"));
    CHECK(!is_ours("evil.example:8080"));
    CHECK(!is_ours("[::2]:8080"));
    CHECK(!is_ours("[::1"));
    CHECK(!is_ours("10.1.2.4:8080"));
    CHECK(!http_host_is_ours(TEXT(""), TEXT("")));
}

TEST(loopback_and_where_we_listen_are_ours)
{
    CHECK(is_ours("localhost"));
    CHECK(is_ours("LocalHost:8080"));
    CHECK(is_ours("127.0.0.1:8080"));
    CHECK(is_ours("127.8.9.1"));
    CHECK(is_ours("[::1]:8080"));
    CHECK(is_ours("10.1.2.3:1"));
    CHECK(is_ours("10.1.2.3"));
}

TEST(an_origin_is_the_same_with_its_port)
{
    CHECK(is_same("http://localhost:8080", "localhost:8080"));
    CHECK(is_same("https://A.example", "a.example"));
    CHECK(!is_same("http://localhost:8081", "localhost:8080"));
    CHECK(!is_same("http://localhost", "localhost:8080"));
    CHECK(!is_same("null", "localhost"));
    CHECK(!is_same("http://", ""));
    CHECK(!is_same("localhost", "localhost"));
    CHECK(!is_same("file://localhost", "localhost"));
}
