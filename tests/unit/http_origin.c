/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_origin.h"

#include "tests/check.h"

static struct text name[] = {TEXT("cdp.example.org")};
static const struct conf_texts names = {.item = name, .count = 1};
static const struct conf_texts no_names = {.count = 0};

static bool
is_ours(const char *host)
{
    return http_host_is_ours(text_of(host), TEXT("10.1.2.3"), &names);
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
    CHECK(!http_host_is_ours(TEXT(""), TEXT(""), &names));
    CHECK(!http_host_is_ours(TEXT("cdp.example.org"), TEXT("10.1.2.3"), &no_names));
    CHECK(!is_ours("a.cdp.example.org"));
    CHECK(!is_ours("cdp.example.org.evil.example"));
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

TEST(configured_names_and_origins_are_ours)
{
    static struct text origin[] = {TEXT("https://cdp.example.org")};
    const struct conf_texts origins = {.item = origin, .count = 1};

    CHECK(is_ours("cdp.example.org"));
    CHECK(is_ours("CDP.example.org:443"));
    CHECK(!http_origin_is_one_of(TEXT("http://cdp.example.org"), &origins));
    CHECK(!http_origin_is_one_of(TEXT("https://cdp.example.org:8443"), &origins));
    CHECK(!http_origin_is_one_of(TEXT(""), &origins));
    CHECK(!http_origin_is_one_of(TEXT("https://cdp.example.org"), &no_names));
    CHECK(http_origin_is_one_of(TEXT("https://CDP.example.org"), &origins));
}
