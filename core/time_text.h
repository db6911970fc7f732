/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * time_text - times as people and SDKs write them
 *
 * Threads  Any thread; everything here is pure.
 */

#include "core/base.h"

/* With the NUL at the end. */
#define TIME_TEXT_BYTES 25u

/*
 * Any thread. False and nothing written when it is none of
 *   2026-01-31T23:59:59.123456Z        RFC 3339: a zone (Z or +hh:mm), t and z too, a blank for the T
 *   2026-01-31 23:59:59.123            without a zone, only with a blank: UTC
 * Fractions have any length and are cut to milliseconds. A leap second (:60) is the next minute's first.
 */
MUST_USE bool time_text_parse(struct text text, struct event_ms *out_time);

/* Any thread. "2026-01-01T00:00:01.000Z" and a NUL; outside of the years 0000 to 9999 the nearest time inside. */
void time_text_format(int64_t unix_ms, char out_text[TIME_TEXT_BYTES]);
