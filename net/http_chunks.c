/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_chunks.h"

#define SIZE_DIGITS_MAX 15u

void
http_chunks_begin(struct http_chunks *chunks)
{
    *chunks = (struct http_chunks){.state = HTTP_CHUNKS_SIZE_FIRST};
}

/* 16 for what is no digit. */
static uint32_t
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0');
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;
}

static bool
read_digit(struct http_chunks *chunks, char c)
{
    uint32_t digit = hex_digit(c);

    if (digit > 15 || chunks->digit_count == SIZE_DIGITS_MAX) {
        return false;
    }
    chunks->digit_count++;
    chunks->left = chunks->left << 4 | digit;
    chunks->state = HTTP_CHUNKS_SIZE;
    return true;
}

/* One of the bytes beside data and sizes. */
static bool
read_beside(struct http_chunks *chunks, char c, enum http_chunks_state state, enum http_chunks_state after_cr)
{
    chunks->state = c == '\r' ? after_cr : state;
    chunks->beside_bytes++;
    return chunks->beside_bytes <= HTTP_CHUNKS_BESIDE_MAX &&
           (c == '\r' || c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f));
}

static bool
read_line_end(struct http_chunks *chunks, char c, enum http_chunks_state state)
{
    chunks->state = state;
    return c == '\n';
}

/* One byte that is no data. False: not here. */
static bool
read_byte(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case HTTP_CHUNKS_SIZE_FIRST:
        chunks->left = 0;
        chunks->digit_count = 0;
        return read_digit(chunks, c);
    case HTTP_CHUNKS_SIZE:
        if (c == '\r' || c == ';') {
            chunks->state = c == '\r' ? HTTP_CHUNKS_SIZE_END : HTTP_CHUNKS_EXTENSION;
            return true;
        }
        return read_digit(chunks, c);
    case HTTP_CHUNKS_EXTENSION:
        return read_beside(chunks, c, HTTP_CHUNKS_EXTENSION, HTTP_CHUNKS_SIZE_END);
    case HTTP_CHUNKS_SIZE_END:
        return read_line_end(chunks, c, chunks->left > 0 ? HTTP_CHUNKS_DATA : HTTP_CHUNKS_TRAILER_FIRST);
    case HTTP_CHUNKS_DATA_CR:
        chunks->state = HTTP_CHUNKS_DATA_LF;
        return c == '\r';
    case HTTP_CHUNKS_DATA_LF:
        return read_line_end(chunks, c, HTTP_CHUNKS_SIZE_FIRST);
    case HTTP_CHUNKS_TRAILER_FIRST:
        return read_beside(chunks, c, HTTP_CHUNKS_TRAILER, HTTP_CHUNKS_LAST_LF);
    case HTTP_CHUNKS_TRAILER:
        return read_beside(chunks, c, HTTP_CHUNKS_TRAILER, HTTP_CHUNKS_TRAILER_LF);
    case HTTP_CHUNKS_TRAILER_LF:
        return read_line_end(chunks, c, HTTP_CHUNKS_TRAILER_FIRST);
    case HTTP_CHUNKS_DATA:
    case HTTP_CHUNKS_LAST_LF:
        break;
    }
    return false;
}

int
http_chunks_read(struct http_chunks *chunks, struct text bytes)
{
    for (uint32_t at = 0; at < bytes.bytes;) {
        if (chunks->state == HTTP_CHUNKS_DATA) {
            uint64_t here = bytes.bytes - at < chunks->left ? bytes.bytes - at : chunks->left;

            chunks->left -= here;
            at += (uint32_t)here;
            if (chunks->left == 0) {
                chunks->state = HTTP_CHUNKS_DATA_CR;
            }
            continue;
        }
        if (chunks->state == HTTP_CHUNKS_LAST_LF) {
            return bytes.data[at] == '\n' ? 0 : HTTP_CHUNKS_BAD;
        }
        if (!read_byte(chunks, bytes.data[at])) {
            return HTTP_CHUNKS_BAD;
        }
        at++;
    }
    return HTTP_CHUNKS_MORE;
}
