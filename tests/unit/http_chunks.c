/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_chunks.h"

#include "tests/check.h"

static struct http_chunks chunks;

/* The same at once, in two pieces, and byte by byte. */
static int
read_all(const char *text)
{
    struct text bytes = text_of(text);
    int whole;
    int r = HTTP_CHUNKS_MORE;

    http_chunks_begin(&chunks);
    whole = http_chunks_read(&chunks, bytes);
    for (uint32_t cut = 0; cut <= bytes.bytes; cut++) {
        http_chunks_begin(&chunks);
        r = http_chunks_read(&chunks, (struct text){.data = bytes.data, .bytes = cut});
        if (r == HTTP_CHUNKS_MORE) {
            r = http_chunks_read(&chunks,
                                 (struct text){.data = bytes.data + cut, .bytes = bytes.bytes - cut});
        }
        CHECK_EQ(r, whole);
    }
    http_chunks_begin(&chunks);
    r = HTTP_CHUNKS_MORE;
    for (uint32_t i = 0; i < bytes.bytes && r == HTTP_CHUNKS_MORE; i++) {
        r = http_chunks_read(&chunks, (struct text){.data = bytes.data + i, .bytes = 1});
    }
    CHECK_EQ(r, whole);
    return whole;
}

TEST(frames_that_two_readers_see_differently_are_refused)
{
    static const char *const rows[] = {
        "\r\n",
        "g\r\n",
        "zz\r\n",
        " 5\r\n",
        "5 \r\n",
        "5 ;x\r\n",
        "0x5\r\n",
        "+5\r\n",
        "-5\r\n",
        "5\n",
        "5\rhello",
        "5;x\nhello",
        "5;x\x01\r\n",
        "5\r\nhellox",
        "5\r\nhello\rx",
        "5\r\nhello\n",
        "5\r\nhello\r\n\r\n",
        "1\r\na\r\n0\n",
        "0\r\n\n",
        "0\r\nX: 1\n",
        "0\r\nX: 1\r\n\n",
        "0\r\n\r0",
        "0000000000000005\r\n",
        "0\r\nX: \x01",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(read_all(rows[i]), HTTP_CHUNKS_BAD);
    }
}

TEST(a_body_ends_with_its_last_chunk_and_the_empty_line)
{
    static const char *const rows[] = {
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "5;name=value;\tother=\"x\"\r\nhello\r\n0;x\r\n\r\n",
        "A\r\n0\r\n\r\n56789\r\n00a\r\n\r\n\r\n0\r\n\r\nX\r\n00\r\n\r\n",
        "1\r\na\r\n1\r\nb\r\n0\r\nX: 1\r\nY: 2\r\n\r\n",
        "0\r\n\r\nGET / HTTP/1.1\r\n",
    };

    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EQ(read_all(rows[i]), 0);
    }
    CHECK_EQ(read_all(""), HTTP_CHUNKS_MORE);
    CHECK_EQ(read_all("5\r\nhello\r\n0\r\n\r"), HTTP_CHUNKS_MORE);
    CHECK_EQ(read_all("fffffffffff\r\nhello"), HTTP_CHUNKS_MORE);
}

TEST(what_stands_beside_the_data_has_a_limit)
{
    int r = HTTP_CHUNKS_MORE;

    http_chunks_begin(&chunks);
    CHECK_EQ(http_chunks_read(&chunks, TEXT("0\r\n")), HTTP_CHUNKS_MORE);
    for (uint32_t i = 0; i < HTTP_CHUNKS_BESIDE_MAX; i++) {
        r = http_chunks_read(&chunks, TEXT("x"));
        CHECK_EQ(r, HTTP_CHUNKS_MORE);
    }
    CHECK_EQ(http_chunks_read(&chunks, TEXT("x")), HTTP_CHUNKS_BAD);

    http_chunks_begin(&chunks);
    for (uint32_t i = 0; r != HTTP_CHUNKS_BAD; i++) {
        CHECK(i <= HTTP_CHUNKS_BESIDE_MAX / 2);
        r = http_chunks_read(&chunks, TEXT("1;x\r\na\r\n"));
    }
}
