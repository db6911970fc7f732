/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * native - one event in our own shape
 *
 * Exactly the names of the unified event, flat; other members are ignored, and of a name that comes twice the last
 * one counts.
 *
 * Threads  Home shard only.
 * Memory   As in draft.h.
 */

#include "net/draft.h"

/* Home. 0, or DRAFT_REJECT with draft->reason. */
MUST_USE int native_read(struct draft *draft, const struct json_value *event, uint32_t index);
