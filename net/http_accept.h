/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * http_accept - media types: what a client sends, and what it will take
 *
 * The media type of a GraphQL answer decides its status too: application/graphql-response+json may say 400 with
 * errors inside, while older clients of application/json read errors only from a 200.
 *
 * Threads  Everything here is pure.
 */

#include "core/base.h"

enum http_media {
    HTTP_MEDIA_NONE, /* 406 */
    HTTP_MEDIA_JSON,
    HTTP_MEDIA_GRAPHQL,
};

/* Any thread. By the header Accept; nothing in it is as good as everything. */
enum http_media http_accept_graphql(struct text accept);

/* Any thread. True when a Content-Type is `type` (small letters), in UTF-8 if it says so at all. */
bool http_content_type_is(struct text content_type, struct text type);
