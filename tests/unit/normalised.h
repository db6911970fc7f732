/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * normalised - what tests of the normaliser share
 *
 * One normaliser, one body, its drafts one by one. Received at RECEIVED_AT; dice count up from 1.
 */

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/normaliser.h"

#define RECEIVED_AT INT64_C(1780315200000) /* 2026-06-01T12:00:00.000Z */
#define BODY_BYTES (4u << 20)

static struct normaliser *normaliser;
static struct normaliser_options options;
static bool is_bound;
static struct text tenant; /* of the key */
static char *body_copy;    /* exactly as long as the body and its padding, so that overruns are seen */
static uint64_t dice;

static inline uint64_t
throw_dice(void *context)
{
    (void)context;
    return ++dice;
}

/* Everything as in an open node, with this route. */
static inline void
given(enum normaliser_route route, const struct text *blocked, uint32_t blocked_count, bool keep_query)
{
    normaliser_destroy(normaliser);
    normaliser = NULL;
    CHECK_EQ(normaliser_create(blocked, blocked_count, keep_query, BODY_BYTES, &normaliser), 0);
    options =
        (struct normaliser_options){.route = route, .received_at = {.ms = RECEIVED_AT}, .random = throw_dice};
    tenant = route == NORMALISER_EVENTS ? (struct text){.bytes = 0} : TEXT("acme");
    is_bound = false;
    dice = 0;
}

static inline int
begin(struct text body)
{
    int r;

    free(body_copy);
    body_copy = malloc(body.bytes + JSON_IN_PADDING);
    CHECK(body_copy != NULL);
    memcpy(body_copy, body.data, body.bytes);
    memset(body_copy + body.bytes, 0, JSON_IN_PADDING);
    options.body = (struct text){.data = body_copy, .bytes = body.bytes};
    r = normaliser_begin(normaliser, &options);
    if (r == 0 && tenant.bytes > 0) {
        CHECK(normaliser_bind(normaliser, tenant, is_bound ? NORMALISER_IS_BOUND : NORMALISER_IS_FREE));
    }
    return r;
}

/* The only event of a body, which is good. */
static inline const struct event_draft *
event_of(const char *body)
{
    const struct event_draft *draft = NULL;
    int r;

    CHECK_EQ(begin(text_of(body)), 0);
    r = normaliser_next(normaliser, &draft);
    if (r != 0) {
        check_failed(__FILE__, __LINE__, "%s\nanswered %d: %s", body, r, normaliser_reason(normaliser).data);
    }
    CHECK_EQ(normaliser_index(normaliser), 0);
    return draft;
}

/* Why the only event of a body is rejected. */
static inline struct text
reject_of(const char *body)
{
    const struct event_draft *draft = NULL;

    CHECK_EQ(begin(text_of(body)), 0);
    if (normaliser_next(normaliser, &draft) != NORMALISER_REJECT) {
        check_failed(__FILE__, __LINE__, "%s\nwas not rejected", body);
    }
    CHECK_EQ(normaliser_index(normaliser), 0);
    return normaliser_reason(normaliser);
}

/* "aaa...", `bytes` of them, lent until the next call. */
static inline const char *
many(char of, uint32_t bytes)
{
    static char text[2u << 20];

    CHECK(bytes < sizeof(text));
    memset(text, of, bytes);
    text[bytes] = '\0';
    return text;
}

/* printf() into a buffer that is lent until the fourth call from now. */
PRINTF_LIKE(1, 2) static inline const char *print(const char *format, ...)
{
    static char said[4][1u << 20];
    static uint32_t next;
    va_list arguments;

    next = (next + 1) % COUNT_OF(said);
    va_start(arguments, format);
    CHECK(vsnprintf(said[next], sizeof(said[next]), format, arguments) < (int)sizeof(said[next]));
    va_end(arguments);
    return said[next];
}
