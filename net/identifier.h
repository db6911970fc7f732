/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * identifier - values that name nobody
 *
 * A client bug writes "null" or "[object Object]" where a user's ID belongs, for thousands of visitors at once;
 * taken at its word it would make one person of them all. Such values count as absent. The list is that of
 * the semantics and what `identity.blocked` adds; ASCII case and ASCII blanks at the ends do not matter for this
 * comparison, and only for this one.
 *
 * Threads  Read-only after boot, so any thread.
 * Memory   Values are copied into the struct.
 * Limits   IDENTIFIER_BLOCKED_COUNT_MAX values, IDENTIFIER_BLOCKED_BYTES_MAX bytes of them together.
 */

#include "core/base.h"

#define IDENTIFIER_BLOCKED_COUNT_MAX 256u
#define IDENTIFIER_BLOCKED_BYTES_MAX 8192u

struct identifier_blocked {
    uint64_t lengths;        /* bit n: a value has n bytes; bit 63: 63 bytes or more */
    uint64_t first_bytes[4]; /* bit n: a value begins with byte n */
    uint32_t count;
    uint32_t bytes;
    uint16_t value_end[IDENTIFIER_BLOCKED_COUNT_MAX]; /* in `values` */
    char values[IDENTIFIER_BLOCKED_BYTES_MAX];        /* folded and trimmed, one after the other */
};

/* Boot. The built-in list and `configured`, of which a copy is kept. False: passes the limits. */
MUST_USE bool identifier_blocked_init(struct identifier_blocked *blocked, const struct text *configured,
                                      uint32_t configured_count);

/* Any thread. */
bool identifier_is_blocked(const struct identifier_blocked *blocked, struct text value);
