/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * recall - records of a journal that one question reads back from disk
 *
 * A question that looks at many records uses those in memory where they lie. When it comes to one that is on disk, it
 * asks for that one and for those that it will look at next, waits until all have come, and finds them here. Its turn
 * may be over, and pages may leave memory, before it has looked at them: these stay until it asks again.
 *
 * Threads  Home shard only.
 * Memory   Region, from the first question to recall_destroy(). Of long records only the first that was asked for is
 *          sure to be kept: the others are asked for again.
 * Limits   RECALL_COUNT_MAX records; RECALL_BYTES_MAX and one record.
 */

#include "shards/memory.h"
#include "storage/log_store.h"

#define RECALL_COUNT_MAX 64u
#define RECALL_BYTES_MAX (UINT64_C(128) << 10)

struct recall;

/* Boot to end of the journal. When all have come: `arrived(context)`, once, from the journal's env. */
struct recall *recall_create(struct memory *memory, struct log_store *journal, void (*arrived)(void *context),
                             void *context);
/* Home. Nothing is awaited. NULL is allowed. */
void recall_destroy(struct memory *memory, struct recall *recall);
/* Home. The record at this address, in memory or among those that have come; lent until the next log_store_step() or
   recall_ask(). NULL: it is to be asked for. */
const void *recall_find(const struct recall *recall, uint64_t address);
/* Home. Forgets what it has, and reads those of these that are on disk; the first one is. Returns how many are. */
uint32_t recall_ask(struct recall *recall, const uint64_t *addresses, uint32_t count);
