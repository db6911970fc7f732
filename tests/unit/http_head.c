/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_head.h"

#include <stdio.h>

#include "tests/check.h"

#define BODY_BYTES_MAX 1000000u
#define GET "GET /x HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static struct http_head head;

/* What is said to all of it at once, after the same was said to every way of cutting it in two, and to single bytes. */
static int
read_text(struct text text)
{
    int whole;
    int r;

    http_head_begin(&head);
    whole = http_head_read(&head, text, BODY_BYTES_MAX);
    if (text.bytes > 4096) {
        return whole;
    }
    for (uint32_t cut = 0; cut < text.bytes; cut++) {
        http_head_begin(&head);
        r = http_head_read(&head, (struct text){.data = text.data, .bytes = cut}, BODY_BYTES_MAX);
        if (r == HTTP_HEAD_MORE) {
            r = http_head_read(&head, text, BODY_BYTES_MAX);
        }
        CHECK_EQ(r, whole);
    }
    http_head_begin(&head);
    r = HTTP_HEAD_MORE;
    for (uint32_t bytes = 0; bytes <= text.bytes && r == HTTP_HEAD_MORE; bytes++) {
        r = http_head_read(&head, (struct text){.data = text.data, .bytes = bytes}, BODY_BYTES_MAX);
    }
    CHECK_EQ(r, whole);
    return whole;
}

static int
read_all(const char *text)
{
    return read_text(text_of(text));
}

TEST(what_two_readers_could_understand_in_two_ways_is_refused)
{
    static const char *const rows[] = {
        GET HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        GET HOST "Content-Length: 5, 5\r\n\r\n",
        GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET HOST "transfer-ENCODING: chunked\r\ncontent-LENGTH: 5\r\n\r\n",
        GET HOST "Content-Length: +5\r\n\r\n",
        GET HOST "Content-Length: -1\r\n\r\n",
        GET HOST "Content-Length: 0x5\r\n\r\n",
        GET HOST "Content-Length: 5 5\r\n\r\n",
        GET HOST "Content-Length: 5\t1\r\n\r\n",
        GET HOST "Content-Length: 1e3\r\n\r\n",
        GET HOST "Content-Length: \r\n\r\n",
        GET HOST "Content-Length : 5\r\n\r\n",
        GET HOST "Content-Length\t: 5\r\n\r\n",
        GET HOST "Transfer-Encoding: xchunked\r\n\r\n",
        GET HOST "Transfer-Encoding: chunked, identity\r\n\r\n",
        GET HOST "Transfer-Encoding: identity\r\n\r\n",
        GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
        GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n",
        GET HOST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n",
        GET HOST "Transfer-Encoding:\r\n chunked\r\n\r\n",
        GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET HOST HOST "\r\n",
        GET "X: 1\r\n\r\n",
        GET HOST "X: 1\r\n folded\r\n\r\n",
        GET HOST "X: 1\r\n\tfolded\r\n\r\n",
        GET " X: 1\r\n" HOST "\r\n",
        GET HOST "X: 1\n\r\n",
        GET HOST "\n",
        "GET /x HTTP/1.1\nHost: a\n\n",
        GET HOST "X: a\rb\r\n\r\n",
        GET HOST "X: a\x01\r\n\r\n",
        GET HOST "X: a\x7f\r\n\r\n",
        GET HOST "X\r\n\r\n",
        GET HOST ": 1\r\n\r\n",
        GET HOST "X y: 1\r\n\r\n",
        GET HOST "\xc3\xa9: 1\r\n\r\n",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(read_all(rows[i]), HTTP_HEAD_BAD);
        CHECK(head.reason[0] != '\0');
    }
    CHECK_EQ(read_text(TEXT(GET HOST "X: a\0b\r\n\r\n")), HTTP_HEAD_BAD);
}

TEST(what_is_no_request_line_is_refused)
{
    static const char *const rows[] = {
        "nonsense\r\n",
        "GET\r\n",
        "GET /\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET / HTTP/1.2\r\n",
        "GET / HTTP/2.0\r\n",
        "GET / http/1.1\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET /a\tb HTTP/1.1\r\n",
        "GET x HTTP/1.1\r\n",
        "GET http:// HTTP/1.1\r\n",
        "GET ftp://a/ HTTP/1.1\r\n",
        "CONNECT a:80 HTTP/1.1\r\n",
        " GET / HTTP/1.1\r\n",
        "G(T / HTTP/1.1\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01",
        "\n",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(read_all(rows[i]), HTTP_HEAD_BAD);
    }
}

TEST(a_head_is_good_when_its_empty_line_has_come)
{
    static const char *const rows[] = {
        GET HOST "\r\n",
        "\r\n" GET HOST "\r\n",
        "GET /x HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost:a\r\n\r\n",
        "GET http://a:1/x?y HTTP/1.1\r\nHOST: \r\n\r\n",
        GET HOST "X: a\tb \xc3\xa9 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\r\n"
                 "Y:\r\n"
                 "Z:\t 1 \t\r\n\r\n",
        GET HOST "Content-Length: 0\r\n\r\n",
        GET HOST "Content-Length: \t 1000000\r\n\r\n",
        GET HOST "Transfer-Encoding: Chunked\r\n\r\n",
        GET HOST "Content-Lengthy: 5\r\nX-Content-Length: 6\r\n\r\n",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        struct text text = text_of(rows[i]);

        CHECK_EQ(read_text(text), 0);
        CHECK_EQ(head.line, text.bytes);
        for (uint32_t bytes = 0; bytes < text.bytes; bytes++) {
            http_head_begin(&head);
            CHECK_EQ(http_head_read(&head, (struct text){.data = text.data, .bytes = bytes}, BODY_BYTES_MAX),
                     HTTP_HEAD_MORE);
        }
    }
}

TEST(it_says_what_the_body_is)
{
    CHECK_EQ(read_all(GET HOST "Content-Length: 000123\r\n\r\nbody\x01"), 0);
    CHECK(head.has_length);
    CHECK(!head.is_chunked);
    CHECK(!head.has_expectation);
    CHECK_EQ(head.content_bytes, 123);
    CHECK_EQ(read_all(GET HOST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"), 0);
    CHECK(head.is_chunked);
    CHECK(head.has_expectation);
    CHECK_EQ(read_all(GET HOST "Content-Length: 1000001\r\n\r\n"), HTTP_HEAD_BODY_LARGE);
    CHECK_EQ(read_all(GET HOST "Content-Length: 99999999999999999999999999\r\n\r\n"), HTTP_HEAD_BODY_LARGE);
    CHECK_EQ(read_all(GET HOST "Content-Length: 18446744073709551617\r\n\r\n"), HTTP_HEAD_BODY_LARGE);
}

TEST(a_head_has_limits)
{
    static char text[HTTP_HEAD_BYTES_MAX + 100];
    uint32_t bytes = (uint32_t)snprintf(text, sizeof(text), GET HOST);
    uint32_t first = bytes;

    for (uint32_t i = 1; i < HTTP_HEAD_FIELDS_MAX; i++) {
        bytes += (uint32_t)snprintf(text + bytes, sizeof(text) - bytes, "X: %u\r\n", i);
    }
    snprintf(text + bytes, sizeof(text) - bytes, "\r\n");
    CHECK_EQ(read_all(text), 0);
    snprintf(text + bytes, sizeof(text) - bytes, "X: 1\r\n\r\n");
    CHECK_EQ(read_all(text), HTTP_HEAD_TOO_LONG);

    memset(text + first, 'x', sizeof(text) - first);
    memcpy(text + first, "X: ", 3);
    memcpy(text + HTTP_HEAD_BYTES_MAX - 5, "\r\n\r\n", 4);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = HTTP_HEAD_BYTES_MAX - 2}), HTTP_HEAD_MORE);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = HTTP_HEAD_BYTES_MAX - 1}), 0);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = sizeof(text)}), 0);
    memset(text + HTTP_HEAD_BYTES_MAX - 5, 'x', 4);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = HTTP_HEAD_BYTES_MAX - 1}), HTTP_HEAD_MORE);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = HTTP_HEAD_BYTES_MAX}), HTTP_HEAD_TOO_LONG);
    CHECK_EQ(read_text((struct text){.data = text, .bytes = sizeof(text)}), HTTP_HEAD_TOO_LONG);
}

TEST(a_target_with_a_host_is_its_path)
{
    static const struct {
        const char *target;
        const char *path; /* NULL: unchanged */
        const char *authority;
    } rows[] = {
        {"/x", NULL, NULL},
        {"*", NULL, NULL},
        {"//a/x", NULL, NULL},
        {"http:/a", NULL, NULL},
        {"http://", NULL, NULL},
        {"http:///x", NULL, NULL},
        {"http://a", "/", "a"},
        {"http://a/", "/", "a"},
        {"HTTP://a:80/x/y?z=http://b/", "/x/y?z=http://b/", "a:80"},
        {"https://[::1]:8080/x", "/x", "[::1]:8080"},
        {"http://a?x", "?x", "a"},
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        struct text target = text_of(rows[i].target);
        struct text authority = TEXT("as before");

        CHECK_EQ(http_head_split_target(&target, &authority), rows[i].path != NULL);
        CHECK_TEXT(target, rows[i].path != NULL ? rows[i].path : rows[i].target);
        CHECK_TEXT(authority, rows[i].path != NULL ? rows[i].authority : "as before");
    }
}
