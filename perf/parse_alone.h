/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * parse_alone - the yardstick of ingest: simdjson's own parser over NDJSON, and nothing else
 *
 * What anybody pays who wants the events as documents. It is not our parser (core/json_in), so that it does not
 * get longer when we get slower.
 *
 * Threads  One.
 */

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Both dom::parser; they differ in how the events are told apart. Return how many there were; 0: it is broken. */

/* parse_many(), which finds the ends of the lines itself: the yardstick. */
uint32_t parse_alone_many(struct text lines);
/* One parse() a line. */
uint32_t parse_alone_each(struct text lines);

#ifdef __cplusplus
}
#endif
