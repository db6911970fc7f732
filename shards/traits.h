/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * traits - what is known about a person, key by key
 *
 * Per key the value of the newest event that set it; `null` removes the value and stays as a mark. Keys of one
 * event are taken in byte order; what would pass a limit is ignored and counted (the semantics).
 *
 * Threads  Home shard only.
 * Memory   Region; keys and values are copies.
 * Limits   TRAIT_COUNT_MAX keys, marks included; TRAIT_BYTES_MAX of keys and raw values that are not marks.
 */

#include "shards/latest.h"

#define TRAIT_COUNT_MAX 256u
#define TRAIT_BYTES_MAX 32768u

struct trait {
    struct text key;
    struct text value; /* JSON as it was sent; bytes 0: a mark */
    struct stamp at;
};

struct traits {
    struct trait *rows; /* by key */
    uint32_t count;
    uint32_t capacity;
    uint32_t bytes; /* keys and values; a mark counts as null */
};

/* Home. Applies a validated JSON object. Returns how many keys were ignored for a limit. */
uint32_t traits_apply(struct memory *memory, struct traits *traits, struct text object, struct stamp at);
/* Home. One key; an empty value is a mark. False: ignored for a limit. */
bool traits_put(struct memory *memory, struct traits *traits, struct text key, struct text value,
                struct stamp at);
/* Home. Puts all keys of `other` and empties it. Returns how many were ignored. */
uint32_t traits_combine(struct memory *memory, struct traits *traits, struct traits *other);
void traits_clear(struct memory *memory, struct traits *traits);
