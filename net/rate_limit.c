/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rate_limit.h"

#include <errno.h>
#include <stdlib.h>

int
rate_limit_open(struct rate_limit *limit, uint64_t events_per_s, uint32_t bucket_count)
{
    REQUIRE(bucket_count > 0);
    *limit = (struct rate_limit){.events_per_s = events_per_s};
    if (events_per_s == 0) {
        return 0;
    }
    limit->buckets = aligned_alloc(CACHE_LINE_BYTES, bucket_count * sizeof(*limit->buckets));
    if (limit->buckets == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(limit->buckets, 0, bucket_count * sizeof(*limit->buckets));
    limit->bucket_count = bucket_count;
    return 0;
}

void
rate_limit_close(struct rate_limit *limit)
{
    free(limit->buckets);
    *limit = (struct rate_limit){.events_per_s = 0};
}

uint32_t
rate_limit_wait_s(const struct rate_limit *limit, uint64_t bucket, struct mono_ns now)
{
    uint64_t full_ns;

    if (limit->events_per_s == 0) {
        return 0;
    }
    /* Relaxed, here and below: the word stands for itself. */
    full_ns =
        atomic_load_explicit(&limit->buckets[bucket % limit->bucket_count].full_ns, memory_order_relaxed);
    if (full_ns < now.ns + NS_PER_S) {
        return 0; /* there is a part of a token */
    }
    return (uint32_t)((full_ns - now.ns - NS_PER_S) / NS_PER_S) + 1;
}

void
rate_limit_charge(struct rate_limit *limit, uint64_t bucket, uint32_t event_count, struct mono_ns now)
{
    _Atomic uint64_t *word;
    uint64_t full_ns;
    uint64_t next_ns;

    if (limit->events_per_s == 0) {
        return;
    }
    word = &limit->buckets[bucket % limit->bucket_count].full_ns;
    full_ns = atomic_load_explicit(word, memory_order_relaxed);
    do {
        next_ns = (full_ns > now.ns ? full_ns : now.ns) + event_count * NS_PER_S / limit->events_per_s;
    } while (!atomic_compare_exchange_weak_explicit(word, &full_ns, next_ns, memory_order_relaxed,
                                                    memory_order_relaxed));
}
