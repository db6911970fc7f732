/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * field - the rules that fields of events share
 *
 * What is "cut" is cut after query and fragment are gone, and between characters: a page address is a name that
 * people group by, and half a character is no text. A tenant's name also names folders and metrics, so its
 * alphabet is small.
 *
 * Threads  Everything here is pure.
 * Limits   As in the table of the unified event.
 */

#include "core/base.h"

#define FIELD_EVENT_BYTES_MAX 65536u /* its JSON text */
#define FIELD_DEPTH_MAX 64u          /* of properties, traits, context */
#define FIELD_TENANT_BYTES_MAX 64u
#define FIELD_EVENT_ID_BYTES_MAX 128u
#define FIELD_EVENT_TYPE_BYTES_MAX 128u
#define FIELD_IDENTIFIER_BYTES_MAX 256u
#define FIELD_SESSION_BYTES_MAX 128u
#define FIELD_URL_BYTES_MAX 1024u
#define FIELD_NAME_BYTES_MAX 1024u
#define FIELD_LABEL_BYTES_MAX 128u
/* A number below this would be a time in seconds. */
#define FIELD_TIME_MS_MIN INT64_C(100000000000)
/* The first millisecond of the year 0000, and the last of 9999: what is outside cannot be written as RFC 3339. */
#define FIELD_TIME_MS_FIRST INT64_C(-62167219200000)
#define FIELD_TIME_MS_MAX INT64_C(253402300799999)

/* Any thread. The longest beginning of at most bytes_max bytes that ends between two characters. */
struct text field_cut(struct text text, uint32_t bytes_max);

/* Any thread. All before the first '?' or '#'. */
struct text field_without_query(struct text url);

/* Any thread. The path of a URL, without query and fragment: "/" when it has none; a relative one is a path. */
struct text field_path(struct text url);

/* Any thread. 1 to 64 of [A-Za-z0-9._-]. */
bool field_is_tenant(struct text tenant_id);

/* Any thread. Space, tab, newline and their like at both ends go. */
struct text field_trim(struct text text);
