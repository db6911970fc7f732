/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cursor - a place in the order of a list, as an opaque text
 *
 * A cursor names the value and the tie-break of one row, never an offset or an address: pages stay right while
 * rows are added before them. It is the base64 (URL alphabet, no padding) of a letter for the kind of list and of
 * the place's numbers, most significant byte first.
 *
 * Threads  Any thread; everything here is pure.
 * Errors   False: not a cursor that we made for that kind of list.
 */

#include "shards/question.h"

/* With the NUL at the end. */
#define CURSOR_TEXT_BYTES 36u

void cursor_of_event(struct event_place place, char out_text[CURSOR_TEXT_BYTES]);
void cursor_of_session(struct session_place place, char out_text[CURSOR_TEXT_BYTES]);
void cursor_of_merge(uint64_t ordinal, char out_text[CURSOR_TEXT_BYTES]);
void cursor_of_profile(struct profile_place place, enum profile_order order,
                       char out_text[CURSOR_TEXT_BYTES]);

MUST_USE bool cursor_to_event(struct text cursor, struct event_place *out_place);
MUST_USE bool cursor_to_session(struct text cursor, struct session_place *out_place);
MUST_USE bool cursor_to_merge(struct text cursor, uint64_t *out_ordinal);
/* A place in one order is none in another. */
MUST_USE bool cursor_to_profile(struct text cursor, enum profile_order order,
                                struct profile_place *out_place);
