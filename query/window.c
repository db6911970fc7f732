/* SPDX-License-Identifier: Apache-2.0 */
#include "query/window.h"

struct sums {
    uint64_t events;
    uint64_t sessions;
};

static int
sum_window(const struct profile_answer *profile, enum window window, struct event_ms as_of,
           struct sums *out_sums)
{
    static const int64_t bucket_counts[] = {24, 7, 30, 90};
    bool is_hours = window == WINDOW_1D;
    int64_t bucket_ms = is_hours ? MS_PER_HOUR : MS_PER_DAY;
    int64_t kept_count = is_hours ? BUCKET_HOURS - 1 : BUCKET_DAYS - 1;
    const struct bucket *buckets = is_hours ? profile->hours : profile->days;
    uint32_t count = is_hours ? profile->hour_count : profile->day_count;
    int64_t last = floor_div(as_of.ms, bucket_ms);
    int64_t first = last - bucket_counts[window] + 1;

    if (first < floor_div(profile->last_seen.ms, bucket_ms) - kept_count) {
        return WINDOW_TOO_EARLY;
    }
    *out_sums = (struct sums){0};
    for (uint32_t i = 0; i < count; i++) {
        if (buckets[i].index >= first && buckets[i].index <= last) {
            out_sums->events += buckets[i].events;
            out_sums->sessions += buckets[i].sessions;
        }
    }
    return 0;
}

int
window_events(const struct profile_answer *profile, enum window window, struct event_ms as_of,
              uint64_t *out_count)
{
    struct sums sums;
    int r = sum_window(profile, window, as_of, &sums);

    if (r == 0) {
        *out_count = sums.events;
    }
    return r;
}

int
window_sessions(const struct profile_answer *profile, enum window window, struct event_ms as_of,
                uint64_t *out_count)
{
    struct sums sums;
    int r = sum_window(profile, window, as_of, &sums);

    if (r == 0) {
        *out_count = sums.sessions;
    }
    return r;
}
