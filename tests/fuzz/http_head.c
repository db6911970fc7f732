/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_head.h"

#include <sys/types.h>

#include "net/http_chunks.h"
#include "tests/fuzz/fuzz.h"

#define BODY_BYTES_MAX (16u << 20)

/* h2o's own, which it exports without a header. */
struct phr_header {
    const char *name;
    size_t name_bytes;
    const char *value;
    size_t value_bytes;
};

struct phr_chunked_decoder {
    size_t bytes_left_in_chunk;
    char consume_trailer;
    char hex_count;
    char state;
};

int phr_parse_request(const char *bytes, size_t count, const char **method, size_t *method_bytes,
                      const char **path, size_t *path_bytes, int *minor_version, struct phr_header *headers,
                      size_t *header_count, size_t last_count);
ssize_t phr_decode_chunked(struct phr_chunked_decoder *decoder, char *bytes, size_t *count);

/* What we take, h2o takes too, and ends where we see the end: it has no words of its own for a client. */
static void
check_head(struct text input, const struct http_head *head)
{
    struct phr_header headers[HTTP_HEAD_FIELDS_MAX];
    size_t header_count = HTTP_HEAD_FIELDS_MAX;
    const char *method;
    const char *path;
    size_t method_bytes;
    size_t path_bytes;
    int minor_version;

    REQUIRE(phr_parse_request(input.data, input.bytes, &method, &method_bytes, &path, &path_bytes,
                              &minor_version, headers, &header_count, 0) == (int)head->line);
    REQUIRE(header_count == head->field_count);
    REQUIRE(minor_version == (head->is_http_1_0 ? 0 : 1));
}

/* The end of a body that we have seen is where h2o sees it. */
static void
check_chunks(struct text body)
{
    struct phr_chunked_decoder decoder = {.consume_trailer = 1};
    struct http_chunks chunks;
    struct text copy;
    size_t count;
    uint32_t end = 0;
    int r = HTTP_CHUNKS_MORE;

    http_chunks_begin(&chunks);
    for (; end < body.bytes && r == HTTP_CHUNKS_MORE; end++) {
        r = http_chunks_read(&chunks, (struct text){.data = body.data + end, .bytes = 1});
    }
    http_chunks_begin(&chunks);
    REQUIRE(http_chunks_read(&chunks, body) == r);
    if (r != 0) {
        return;
    }
    copy = fuzz_copy((const uint8_t *)body.data, body.bytes, 0);
    count = copy.bytes;
    REQUIRE(phr_decode_chunked(&decoder, (char *)(uintptr_t)copy.data, &count) ==
            (ssize_t)(body.bytes - end));
    fuzz_free(copy);
}

FUZZ(data, bytes)
{
    struct http_head head;
    struct http_head again;
    uint32_t half = bytes > 0 ? data[bytes - 1] % (uint32_t)bytes : 0;
    int r;

    if (bytes > 2 * HTTP_HEAD_BYTES_MAX) {
        return 0;
    }
    const struct text input = fuzz_copy(data, bytes, 0);
    http_head_begin(&head);
    r = http_head_read(&head, input, BODY_BYTES_MAX);
    http_head_begin(&again);
    if (http_head_read(&again, (struct text){.data = input.data, .bytes = half}, BODY_BYTES_MAX) ==
        HTTP_HEAD_MORE) {
        REQUIRE(http_head_read(&again, input, BODY_BYTES_MAX) == r);
        REQUIRE(again.line == head.line);
    }
    if (r == 0) {
        check_head(input, &head);
    }
    if (r == 0 && head.is_chunked) {
        check_chunks((struct text){.data = input.data + head.line, .bytes = input.bytes - head.line});
    }
    fuzz_free(input);
    return 0;
}
