/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * stores_rocksdb - the yardstick of log_store: RocksDB, tuned as its own documents say for look-ups of single keys
 *
 * Where its library is not there, rocks_open() returns NULL and `out_why` says so.
 *
 * Threads  One, and RocksDB's own.
 */

#include "core/base.h"

struct rocks;

struct rocks_options {
    const char *directory;
    uint64_t memory_bytes; /* for blocks, filters and memtables together */
    uint64_t data_bytes;   /* about, for the sizes of its files */
    bool
        is_logged; /* with its write-ahead log, not synced; else durable at a flush, as log_store is at a cut */
};

struct rocks *rocks_open(struct rocks_options options, const char **out_why);
void rocks_close(struct rocks *rocks);
/* `count` records of `bytes`, at values + i × bytes. */
void rocks_put(struct rocks *rocks, const struct uuid *keys, uint32_t count, const uint8_t *values,
               uint32_t bytes);
/* The same, read. All are there. */
void rocks_get(struct rocks *rocks, const struct uuid *keys, uint32_t count, uint8_t *values, uint32_t bytes);
/* What was put so far becomes durable, in the background. */
void rocks_flush(struct rocks *rocks);
/* What it writes in the background is written. */
void rocks_settle(struct rocks *rocks);
