/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * window - how many events or sessions of a profile lie in its last day, week, month, quarter
 *
 * Summed from the buckets when it is read: nothing runs for a counter to decay. The window of one day has the 24
 * hour buckets up to that of `as_of`, the others 7, 30 and 90 day buckets. A window that begins before what is
 * kept (24 hour buckets before the newest event's, 90 day buckets before its day) has no answer, even when the
 * profile is younger.
 *
 * Threads  Any thread; everything here is pure.
 */

#include "shards/question.h"

enum window {
    WINDOW_1D,
    WINDOW_7D,
    WINDOW_30D,
    WINDOW_90D,
};

enum window_answer {
    WINDOW_TOO_EARLY = 1,
};

MUST_USE int window_events(const struct profile_answer *profile, enum window window, struct event_ms as_of,
                           uint64_t *out_count);
MUST_USE int window_sessions(const struct profile_answer *profile, enum window window, struct event_ms as_of,
                             uint64_t *out_count);
