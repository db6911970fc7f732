/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * here - which shard the running thread is
 *
 * Set once by the thread of a shard (and by the simulator before each turn), so that code can check
 * that it runs where it should.
 */

#include "core/base.h"

struct shard_id {
    uint16_t n;
};

#define SHARD_NONE ((struct shard_id){.n = UINT16_MAX})
#define SHARD_COUNT_MAX 64u

extern _Thread_local struct shard_id here;

#define REQUIRE_HERE(home) REQUIRE((home).n == here.n)
