/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * traits - what is known about a person, key by key
 *
 * Per key the value of the newest event that set it; `null` removes the value and stays as a mark. Keys of one
 * event are taken in byte order; what would pass a limit is ignored and counted (the semantics).
 *
 * Threads  Home shard only.
 * Memory   Rows and texts lie in the pack that the traits lie in.
 * Limits   TRAIT_COUNT_MAX keys, marks included; TRAIT_BYTES_MAX of keys and raw values that are not marks.
 */

#include "shards/latest.h"
#include "shards/memory.h"

#define TRAIT_COUNT_MAX 256u
#define TRAIT_BYTES_MAX 32768u

#define TRAITS_FEW 64u
#define TRAITS_FEW_BYTES 2048u

struct trait {
    struct pack_text key;
    struct pack_text value; /* JSON as it was sent; bytes 0: a mark */
    struct stamp at;
};

struct traits {
    struct pack_list rows; /* by key */
    uint32_t bytes;        /* keys and values; a mark counts as null */
};

/* What an object sets, in byte order of keys; each comes once. Lends the object's text. */
struct traits_members {
    struct traits_member *rows;
    uint32_t count;
    uint32_t key_bytes;
    char *keys; /* room for keys that had to be unescaped */
    uint64_t rows_bytes;
    uint64_t keys_bytes;
    struct traits_member {
        struct text key;
        struct text value; /* bytes 0: null */
        uint32_t index;
    } few[TRAITS_FEW];
    char few_keys[TRAITS_FEW_BYTES];
};

/* Home. */
static inline struct trait *
traits_rows(const struct pack *pack, const struct traits *traits)
{
    return pack_at(pack, traits->rows.at);
}

/* Home. Reads a validated JSON object, which is borrowed until the end. */
void traits_members_begin(struct memory *memory, struct traits_members *members, struct text object);
void traits_members_end(struct memory *memory, struct traits_members *members);

/* Home. Returns how many keys were ignored for a limit. */
uint32_t traits_apply(struct pack *pack, struct traits *traits, const struct traits_members *members,
                      struct stamp at);
/* Home. The bytes that this takes at most. */
uint64_t traits_need(const struct pack *pack, const struct traits *traits,
                     const struct traits_members *members);
/* Home. One key; an empty value is a mark. False: ignored for a limit. */
bool traits_put(struct pack *pack, struct traits *traits, struct text key, struct text value,
                struct stamp at);
/* Home. Puts all keys of `other`, in another pack. Returns how many were ignored. Needs at most twice the bytes of
   both. */
uint32_t traits_combine(struct pack *pack, struct traits *traits, const struct pack *from,
                        const struct traits *other);
/* Home. To a new pack, into which the traits were copied. */
void traits_move(struct pack *to, struct pack *from, struct traits *traits);
