/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * hash - short numbers for long texts
 *
 * Three strengths. hash64() is the fastest and is for texts that nobody chooses against us. hash128_keyed()
 * (SipHash-1-3 with 128 bits) is for text of clients: without the store's secret nobody can make two that
 * collide or fall into one place. checksum32() (CRC-32C) finds damage in what was written to disk.
 *
 * All of them are on disk, or decide what is: their values never change.
 *
 * Threads  Any thread; everything here is pure.
 */

#include "core/base.h"

struct hash128 {
    uint64_t lo;
    uint64_t hi;
};

/* The secret of a keyed hash: 16 bytes of dice, read as two little-endian numbers. */
struct hash_key {
    uint64_t lo;
    uint64_t hi;
};

static inline bool
hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* Any thread. Spreads a number over all 64 bits, each one once (for tables keyed by counters and identifiers). */
static inline uint64_t
hash_mix(uint64_t value)
{
    value ^= value >> 32;
    value *= UINT64_C(0xe9846af9b1a615d);
    value ^= value >> 32;
    value *= UINT64_C(0xe9846af9b1a615d);
    value ^= value >> 28;
    return value;
}

/* Any thread. XXH3. */
uint64_t hash64(uint64_t seed, struct text text);

/* Any thread. Of two texts, so that ("ab", "c") and ("a", "bc") differ. */
struct hash128 hash128_keyed(struct hash_key key, struct text first, struct text second);
/* Any thread. Of one: SipHash-1-3-128 as its authors define it. */
struct hash128 hash128_keyed_one(struct hash_key key, struct text text);

/* Any thread. CRC-32C as iSCSI and ext4 define it. */
uint32_t checksum32(const void *data, uint64_t bytes);
/* Any thread. Goes on: checksum32_more(checksum32(a), b) is the checksum of a followed by b; begins with 0. */
uint32_t checksum32_more(uint32_t checksum, const void *data, uint64_t bytes);
/* Any thread. The same by tables alone; for machines without SSE 4.2 and for tests. */
uint32_t checksum32_more_portable(uint32_t checksum, const void *data, uint64_t bytes);
