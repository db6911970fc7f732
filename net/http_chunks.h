/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_chunks - where a chunked body ends, strictly
 *
 * h2o takes anything behind the digits of a chunk's size, and a line that ends in LF alone. Another reader of the same
 * bytes may not, and see another request behind them; see http_head.h. This looks at the frames only, and decodes nothing.
 *
 * Threads  Home shard only.
 * Limits   HTTP_CHUNKS_BESIDE_MAX bytes of extensions and trailers in a body.
 */

#include "core/base.h"

#define HTTP_CHUNKS_BESIDE_MAX 16384u

enum http_chunks_answer {
    HTTP_CHUNKS_MORE = 1,
    HTTP_CHUNKS_BAD = 2, /* 400 */
};

enum http_chunks_state {
    HTTP_CHUNKS_SIZE_FIRST, /* at least one digit */
    HTTP_CHUNKS_SIZE,
    HTTP_CHUNKS_EXTENSION,
    HTTP_CHUNKS_SIZE_END, /* LF */
    HTTP_CHUNKS_DATA,
    HTTP_CHUNKS_DATA_CR,
    HTTP_CHUNKS_DATA_LF,
    HTTP_CHUNKS_TRAILER_FIRST, /* CR of the end, or a trailer */
    HTTP_CHUNKS_TRAILER,
    HTTP_CHUNKS_TRAILER_LF,
    HTTP_CHUNKS_LAST_LF,
};

struct http_chunks {
    enum http_chunks_state state;
    uint32_t digit_count;
    uint32_t beside_bytes;
    uint64_t left; /* of the chunk */
};

/* Home. Before the first byte of a body. */
void http_chunks_begin(struct http_chunks *chunks);

/* Home. The next bytes. 0: the body has ended within them; or an answer. After 0 and BAD, only http_chunks_begin(). */
MUST_USE int http_chunks_read(struct http_chunks *chunks, struct text bytes);
