/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * answer_row - what an answer holds of an event, a session, a profile
 *
 * Copies in the answer's arena, of what was asked for: what may be long is left out unless somebody wants it.
 *
 * Threads  Any; what is copied must stay meanwhile.
 * Memory   Nothing points at what was copied.
 * Errors   None: who asks looks at the arena, which is full when something is missing.
 */

#include "shards/question.h"
#include "shards/session.h"

struct event_record;
struct profile;

/* A record with these texts (bits 1 << enum event_text) and without the others. NULL: the arena is full. */
const struct event_record *answer_row_record(struct arena *arena, const struct event_record *record,
                                             uint32_t texts);
/* With SESSION_WITH_... */
void answer_row_session(struct arena *arena, struct session_row *row, struct session_at at, bool is_open,
                        uint32_t with);
/* With PROFILE_WITH_...; its sessions are judged by this watermark. */
void answer_row_profile(struct arena *arena, struct profile_answer *answer, const struct profile *profile,
                        uint32_t with, struct event_ms watermark, int64_t gap_ms);
