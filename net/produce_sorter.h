/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_sorter - rows of many tenants on their way into requests of one tenant each
 *
 * A write key is for one tenant, so a request must not mix them. Rows wait in their tenant's pile, in their order, until
 * the pile is a batch, or its oldest row is PRODUCE_SORTER_LINGER_NS old, or nothing more will come.
 *
 * Threads  One.
 * Memory   All at creation: for each tenant a batch, and what one call adds.
 */

#include "net/produce_keys.h"

#define PRODUCE_SORTER_LINGER_NS (50 * NS_PER_MS)

struct produce_sorter;

struct produce_batch;

/* Boot. Borrows the keys. A pile that has batch_count rows is a batch; a call adds at most add_bytes_max. -ENOMEM. */
MUST_USE int produce_sorter_create(const struct produce_keys *keys, uint32_t batch_count,
                                   uint32_t add_bytes_max, struct produce_sorter **out_sorter);
/* Boot. NULL is nothing to do. */
void produce_sorter_destroy(struct produce_sorter *sorter);

/* Bytes that a batch may have. */
uint32_t produce_sorter_bytes_max(const struct produce_sorter *sorter);
/*
 * Rows of NDJSON, due at `ready_at`. One that does not begin by naming a tenant of the keys belongs to the row before
 * it, and the first one names one. True: there is a batch. Then nothing may be added before it was taken.
 */
bool produce_sorter_add(struct produce_sorter *sorter, struct text rows, struct mono_ns ready_at);
/* A batch, or with `is_end` whatever is left. Returns its bytes, 0: there is none. */
uint32_t produce_sorter_take(struct produce_sorter *sorter, struct mono_ns now, bool is_end, char *body,
                             struct produce_batch *out_batch);
/* When the oldest row has waited long enough; MONO_NEVER: there is none. */
struct mono_ns produce_sorter_due(const struct produce_sorter *sorter);
