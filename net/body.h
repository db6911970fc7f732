/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * body - a request's body, made text that a parser can take
 *
 * What clients declare is not what they send: the browser SDK of one vendor posts gzip as text/plain without a
 * header, another says application/x-www-form-urlencoded. So the bytes are looked at: 1f 8b is gzip whatever the
 * headers say, and a content type is never asked for. Compressed bodies are inflated in slices, into memory that
 * is bounded from the start; a bomb stops at the limit.
 *
 * Threads  Home shard only.
 * Memory   All in the request's arena, zlib's own too; there is nothing to close. `raw` and `encoding` are borrowed
 *          until body_step() has returned something else than BODY_MORE. The text is lent until the arena is reset.
 * Limits   bytes_max, before inflating and after; inflating takes at most three times bytes_max of the arena.
 * Errors   BODY_BAD (400), BODY_TOO_LARGE (413), BODY_FULL (503), with a reason in words.
 */

#include "core/arena.h"
#include "core/base.h"
#include "core/env.h"

#define BODY_BYTES_MAX (4u << 20)

enum body_answer {
    BODY_MORE = 1,      /* not done at the deadline: call again, in a later turn */
    BODY_BAD = 2,       /* not compressed as it says */
    BODY_TOO_LARGE = 3, /* compressed or not */
    BODY_FULL = 4,      /* the arena has no room */
};

struct body_options {
    struct text raw;      /* as received */
    struct text encoding; /* the Content-Encoding header, or nothing */
    uint32_t bytes_max;   /* 0: BODY_BYTES_MAX */
    bool is_padded;       /* JSON_IN_PADDING zero bytes follow raw, so a plain body need not be copied */
};

enum body_form {
    BODY_PLAIN,
    BODY_GZIP,
    BODY_DEFLATE,
};

struct z_stream_s;

struct body {
    struct arena *arena;
    struct body_options options;
    struct z_stream_s *stream; /* NULL for plain bodies */
    char *out;
    uint32_t out_bytes;
    uint32_t out_bytes_max; /* room at `out`, padding not counted */
    uint32_t raw_used;
    enum body_form form;
    const char *reason;
};

/* Home. 0, or an answer other than BODY_MORE. */
MUST_USE int body_open(struct body *body, struct arena *arena, const struct body_options *options);

/*
 * Home. Works until the deadline, at least one small piece. 0: *out_text is the text and JSON_IN_PADDING zero
 * bytes follow it.
 */
MUST_USE int body_step(struct body *body, struct env *env, struct mono_ns until, struct text *out_text);

/* Home. Why the last call said BODY_BAD, BODY_TOO_LARGE or BODY_FULL; a literal. */
const char *body_reason(const struct body *body);
