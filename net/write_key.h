/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * write_key - by which name a client says it may write
 *
 * SDKs put the key in many places. What says it most deliberately is looked at first: the Authorization header
 * (the user of Basic, with or without a colon behind it, else the token of Bearer), X-Write-Key, and ?writeKey=.
 * The body's writeKey is the normaliser's to find, and comes last: one SDK masks it there.
 *
 * Threads  Home shard only.
 */

#include "core/arena.h"

struct write_key_places {
    struct text authorization; /* the header's value, or nothing */
    struct text x_write_key;
    struct text query; /* behind the question mark */
};

/* Home. Nothing when there is none; else it points into the places or the arena. */
struct text write_key_find(const struct write_key_places *places, struct arena *arena);

/* Any thread. The token of Bearer, or nothing. */
struct text write_key_bearer(struct text authorization);
