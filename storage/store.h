/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * store - a map of 16-byte keys to records, that may answer later
 *
 * Each record holds its own key, at the same offset in all records of a store. A look-up answers now, or says
 * STORE_LATER and calls the waiter once, from store_arrive(), with what it found. Every record is in memory,
 * and it is late only when told to be (simulation); log_store is the one that need not hold them all.
 *
 * Extendible hashing: a directory, indexed by the first bits of the key's hash, of pages of 8-byte entries (19 bits
 * of hash, 45 of address). A full page grows in small steps, then is split in two, so growing never touches more than
 * one page and, when it doubles, the directory.
 *
 * Threads  Home shard only.
 * Memory   Directory and pages from the region, 10 to 12 bytes a key; records are the caller's, 8-byte aligned, and must
 *          stay where they are.
 * Limits   2^STORE_DEPTH_MAX pages; past that pages grow.
 * Errors   -ENOMEM: the region is full; nothing changed.
 */

#include "core/base.h"
#include "core/region.h"

#define STORE_DEPTH_MAX 24u

struct store_key {
    uint8_t byte[16];
};

enum store_answer {
    STORE_ABSENT = 1,
    STORE_LATER = 2,
    STORE_THERE = 3,
};

struct store_waiter {
    /* `record` is NULL when there is none. May use the store. */
    void (*arrived)(struct store_waiter *waiter, void *record);
    struct store_waiter *next; /* private, as is the key */
    struct store_key key;
};

struct store_options {
    struct region *region;
    uint64_t seed[2];    /* secret, so that nobody can make keys that fall together */
    uint32_t key_offset; /* of the key in a record */
    /* Simulation: true makes this look-up late. NULL: never. */
    bool (*is_late)(void *context);
    void *context;
};

struct store {
    struct store_options options;
    uint64_t *directory; /* [1 << depth]: a page, its class in the low 4 bits */
    uint32_t depth;
    uint64_t count;
    struct store_waiter *late_first;
    struct store_waiter *late_last;
    uint64_t late_count;
};

/* Boot. Takes no memory until the first record. */
void store_init(struct store *store, struct store_options options);
/* Home. Gives directory and pages back; records stay the caller's. May be called twice. */
void store_deinit(struct store *store);

/* Home. 0 and the record, STORE_ABSENT, or STORE_LATER: the waiter is borrowed until it is called. `known` is what
   store_peek() gave to who has peeked already, and was not removed since; or NULL. */
MUST_USE int store_find_known(struct store *store, struct store_key key, void *known,
                              struct store_waiter *waiter, void **out_record);
/* Home. Only what is in memory: NULL for none. For keys whose look-up has answered, and for what is never late. */
void *store_peek(const struct store *store, struct store_key key);
/* Home. A look-up of this key will follow soon: its page; when that has come, so many bytes of its record. Says where that
   is, or that of another key that looks like it; NULL: the key is not there. */
void store_prefetch(const struct store *store, struct store_key key);
void *store_prefetch_record(const struct store *store, struct store_key key, uint32_t bytes);
/* Home. Adds a record whose key is not there. */
MUST_USE int store_add(struct store *store, void *record);
/* Home. Adds a record unless its key is there: STORE_THERE and that record. */
MUST_USE int store_add_new(struct store *store, void *record, void **out_known);
/* Home. A record with the same key takes the place of the one that is there; returns that. */
void *store_replace(struct store *store, void *record);
/* Home. Forgets a record that is there. */
void store_remove(struct store *store, const void *record);

/* Home. Calls `visit` for every record, in no order; it must not change the store. */
void store_each(const struct store *store, void (*visit)(void *context, void *record), void *context);
/* Simulation. Lets up to `count` late look-ups arrive, oldest first; returns how many did. */
uint64_t store_arrive(struct store *store, uint64_t count);
