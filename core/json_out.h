/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json_out - JSON text, written straight into an arena
 *
 * No tree. The writer keeps track of commas: json_out_key() and values put one where it is needed.
 * When the arena is full the writer goes quiet and `is_full` stays true; the owner answers with an error.
 *
 * Threads  Home shard only.
 * Memory   Output lives in pieces in the arena; json_out_finish() joins them.
 */

#include "core/arena.h"
#include "core/base.h"

struct json_out_piece;

struct json_out {
    struct arena *arena;
    struct json_out_piece *first;
    struct json_out_piece *last;
    char *at; /* where the next byte goes, in the last piece */
    char *end;
    uint64_t bytes_before; /* in the pieces before the last one */
    bool needs_comma;
    bool is_full;
};

/* Home. Borrows the arena until the last call on this json_out; takes from it with the first byte. */
void json_out_init(struct json_out *out, struct arena *arena);

void json_out_object_begin(struct json_out *out);
void json_out_object_end(struct json_out *out);
void json_out_array_begin(struct json_out *out);
void json_out_array_end(struct json_out *out);
/* Quoted and escaped. */
void json_out_key(struct json_out *out, struct text key);
/* Quoted and escaped; invalid UTF-8 cannot come here, and is replaced by U+FFFD if it does. */
void json_out_text(struct json_out *out, struct text text);
/* Already JSON: copied as it is. */
void json_out_raw(struct json_out *out, struct text json);
void json_out_int(struct json_out *out, int64_t value);
/*
 * The shortest that reads back the same. Whole numbers below 2^53 have neither point nor exponent, all others have.
 * What is not finite is null.
 */
void json_out_double(struct json_out *out, double value);
void json_out_bool(struct json_out *out, bool value);
void json_out_null(struct json_out *out);
/* "2026-01-01T00:00:01.000Z". Years outside 0000-9999 are written as the nearest time inside. */
void json_out_time(struct json_out *out, int64_t unix_ms);
void json_out_uuid(struct json_out *out, struct uuid uuid);

/* Home. Written so far. */
uint64_t json_out_bytes(const struct json_out *out);
/* Home. Ends the writing. One piece, lent until the arena is reset; data NULL when the arena was full. */
struct text json_out_finish(struct json_out *out);
