/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_index - where in a log the newest record of a key is
 *
 * Extendible hashing: a directory, indexed by the first bits of the key's hash, of pages of 8-byte entries (24 bits of
 * hash, 40 of address). Entries do not hold keys and records may be on disk, so the tag is always the same 24 bits, and
 * with the directory's they tell everything that growing needs: a full page grows in small steps, then is split in two,
 * and no record is read. Who looks up gets all entries with his tag and compares the keys himself.
 *
 * Threads  Home shard only.
 * Memory   From the region: 10 to 12 bytes a key.
 * Limits   Addresses are 1 .. LOG_INDEX_ADDRESS_MAX.
 * Errors   -ENOMEM: the region is full; nothing changed.
 */

#include "core/region.h"
#include "storage/store.h" /* struct store_key */

#define LOG_INDEX_ADDRESS_BITS 40u
#define LOG_INDEX_ADDRESS_MAX ((UINT64_C(1) << LOG_INDEX_ADDRESS_BITS) - 1)
#define LOG_INDEX_DEPTH_MIN 8u
#define LOG_INDEX_DEPTH_MAX 24u

struct log_index_page {
    uint16_t count;
    uint8_t depth; /* how many first bits all its keys share */
    uint8_t class;
    uint32_t reserved;
    uint64_t entries[];
};

struct log_index {
    struct region *region;
    uint64_t seed[2];
    uint64_t *directory; /* [1 << depth]: a page, its class in the low 4 bits; 0: no key begins so */
    uint32_t depth;
    uint64_t count;
    uint64_t bytes;
};

/* Entries with one tag, one after the other. */
struct log_probe {
    uint64_t *entries; /* NULL: there are none */
    uint64_t tag;
    uint32_t capacity;
    uint32_t at;
};

/* Boot. The seed is secret, so that nobody can make keys that fall together. -ENOMEM. */
MUST_USE int log_index_init(struct log_index *index, struct region *region, const uint64_t *seed);
/* Home. May be called twice. */
void log_index_deinit(struct log_index *index);
/* Boot, while it is empty. So many keys will come, best in the order of their hashes. */
MUST_USE int log_index_presize(struct log_index *index, uint64_t count);
/* Home. Makes room for one more key with this hash. */
MUST_USE int log_index_reserve(struct log_index *index, uint64_t hash);
/* Home. After log_index_reserve(). */
void log_index_insert(struct log_index *index, uint64_t hash, uint64_t address);
/* Home. The entry with this hash and address; NULL for none. */
uint64_t *log_index_find(const struct log_index *index, uint64_t hash, uint64_t address);

static inline uint64_t
log_index_hash(const struct log_index *index, struct store_key key)
{
    uint64_t word[2];

    memcpy(word, &key, sizeof(word));
    unsigned __int128 product = (unsigned __int128)(word[0] ^ index->seed[0]) *
                                (word[1] ^ index->seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64) ^ word[0];
    mixed = (mixed ^ (mixed >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return mixed ^ (mixed >> 32);
}

static inline uint32_t
log_index_capacity(uint32_t class)
{
    return class < 8 ? 8 * (class + 1) - 1 : (64u << (class - 7)) - 1;
}

static inline uint64_t
log_index_address(uint64_t entry)
{
    return entry & LOG_INDEX_ADDRESS_MAX;
}

static inline uint64_t
log_index_tag(uint64_t hash)
{
    return hash >> 32 & 0xffffff;
}

/* Of all 24 bits: the first of them are those of every key in the page when the directory is deep. */
static inline uint32_t
log_index_home(uint64_t tag, uint32_t capacity)
{
    return ((uint32_t)tag * UINT32_C(0x9e3779b1) >> 16) * capacity >> 16;
}

/* Home. Valid until the index is changed, but for entries that get another address. */
static inline struct log_probe
log_index_probe(const struct log_index *index, uint64_t hash)
{
    uint64_t word = index->directory[hash >> (64 - index->depth)];
    struct log_index_page *page = (struct log_index_page *)(uintptr_t)(word & ~UINT64_C(15));
    struct log_probe probe = {.tag = log_index_tag(hash), .capacity = log_index_capacity(word & 15)};

    if (page != NULL) {
        probe.entries = page->entries;
        probe.at = log_index_home(probe.tag, probe.capacity);
    }
    return probe;
}

/* Home. The next entry with the tag; NULL when there is none left. */
static inline uint64_t *
log_index_next(struct log_probe *probe)
{
    if (probe->entries == NULL) {
        return NULL;
    }
    for (;;) {
        uint64_t *entry = &probe->entries[probe->at];
        if (*entry == 0) {
            probe->entries = NULL;
            return NULL;
        }
        probe->at = probe->at + 1 == probe->capacity ? 0 : probe->at + 1;
        if (*entry >> LOG_INDEX_ADDRESS_BITS == probe->tag) {
            return entry;
        }
    }
}

/* Home. */
static inline void
log_index_move(uint64_t *entry, uint64_t address)
{
    *entry = (*entry & ~LOG_INDEX_ADDRESS_MAX) | address;
}

/* Home. A key with this hash will be looked up soon: where its page is; when that has come, its place there. */
static inline void
log_index_prefetch_directory(const struct log_index *index, uint64_t hash)
{
    prefetch_line(&index->directory[hash >> (64 - index->depth)]);
}

static inline void
log_index_prefetch(const struct log_index *index, uint64_t hash)
{
    struct log_probe probe = log_index_probe(index, hash);

    if (probe.entries != NULL) {
        prefetch_line(&probe.entries[probe.at]);
    }
}
