/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * rate_limit - how many events a second a tenant may send
 *
 * A bucket of tokens for each tenant, filled at the configured rate, never with more than a second's worth. A request
 * is let in when there is any token, and then charged for all of its events, so that a batch larger than the bucket
 * gets in too; what it took too much, the next ones wait for.
 *
 * A bucket is one word: when it will be full again. So any shard may ask and charge.
 *
 * Threads  Boot makes it; then any shard. Two requests at once may both get the last token: the debt is right.
 * Limits   A connection to another shard may see a charge a moment late.
 */

#include "core/base.h"

#include <stdatomic.h>

struct rate_bucket {
    alignas(CACHE_LINE_BYTES) _Atomic uint64_t full_ns; /* mono_ns */
};

struct rate_limit {
    uint64_t events_per_s; /* 0: no limit */
    uint32_t bucket_count;
    struct rate_bucket *buckets;
};

/* Boot. -ENOMEM. events_per_s 0 needs no buckets. */
MUST_USE int rate_limit_open(struct rate_limit *limit, uint64_t events_per_s, uint32_t bucket_count);
/* Boot. May be called twice. */
void rate_limit_close(struct rate_limit *limit);

/* Any shard. 0: go on; else in how many seconds it is worth trying again. Buckets are taken modulo their number. */
uint32_t rate_limit_wait_s(const struct rate_limit *limit, uint64_t bucket, struct mono_ns now);
/* Any shard. */
void rate_limit_charge(struct rate_limit *limit, uint64_t bucket, uint32_t event_count, struct mono_ns now);
