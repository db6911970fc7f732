/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_head - the head of a request, before anybody acts on it
 *
 * A proxy in front of us and h2o must see the same requests in one stream of bytes, or what one takes for a body is a
 * request for the other. So a head that two readers could understand in two ways is refused: a length twice or beside
 * chunks, or not in plain digits; a transfer coding that is not just "chunked"; lines that end in LF alone, are folded,
 * or have a blank before their colon; two hosts, or none in HTTP/1.1.
 *
 * Bytes may come in any pieces: http_head_read() goes on where it was, and is linear in the head however it is cut.
 *
 * Threads  Home shard only.
 * Limits   HTTP_HEAD_BYTES_MAX and HTTP_HEAD_FIELDS_MAX; h2o has higher ones.
 * Errors   Answers only: a head is what a client sends.
 */

#include "core/base.h"

#define HTTP_HEAD_BYTES_MAX (64u << 10)
#define HTTP_HEAD_FIELDS_MAX 100u

enum http_head_answer {
    HTTP_HEAD_MORE = 1,       /* good so far */
    HTTP_HEAD_BAD = 2,        /* 400, see `reason` */
    HTTP_HEAD_TOO_LONG = 3,   /* 431 */
    HTTP_HEAD_BODY_LARGE = 4, /* 413: it announces more than body_bytes_max */
};

struct http_head {
    uint32_t line;     /* offset of the first line that has not been read */
    uint32_t searched; /* there is no end of it before this one */
    uint32_t field_count;
    const char *reason; /* a constant */
    bool has_request_line;
    bool has_blank_line; /* in front, which some clients leave behind a body */
    bool is_http_1_0;
    bool has_host;
    bool has_length;
    bool is_chunked;
    bool has_expectation;   /* the client waits for 100 (Continue) before it sends the body */
    uint64_t content_bytes; /* of a length */
};

/* Home. Before the first byte of a request. */
void http_head_begin(struct http_head *head);

/*
 * Home. `bytes` are all of the request that have come, those of earlier calls included. 0: the head is whole and good,
 * and takes the first `line` bytes; or an answer. After 0 and what refuses, only http_head_begin().
 */
MUST_USE int http_head_read(struct http_head *head, struct text bytes, uint64_t body_bytes_max);

/*
 * Any thread. A target in absolute form ("http://host/path?query") becomes its path, and its authority is lent; others
 * are unchanged. False, and both unchanged: no such form.
 */
bool http_head_split_target(struct text *target, struct text *out_authority);
