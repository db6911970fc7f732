/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_trick - what real clients do and a polite demo never shows
 *
 * The table is in produce_people.def. Some tricks are of a visit, and produce_people plays them; some move a row's
 * time; some are a row more, which comes behind a good one, so that no body is without one. Rows that are sent a second
 * time come from a few that are remembered, which are all within a tenant's newest 256.
 *
 * Threads  One.
 * Memory   All at creation.
 */

#include "core/base.h"

enum produce_trick {
#define TRICK(TRICK, name, rate, per, help) PRODUCE_TRICK_##TRICK,
#include "net/produce_people.def"
    PRODUCE_TRICK_COUNT,
};

#define PRODUCE_TRICK_BIT(trick) (1u << (trick))

struct produce_trick_row {
    const char *name;
    uint32_t rate; /* of 1,000 */
    const char *per;
    const char *help;
};
extern const struct produce_trick_row produce_trick_rows[PRODUCE_TRICK_COUNT];

struct produce_tricks;

/* Boot. -ENOMEM. A line has at most line_bytes_max; is_past: nobody cuts times that are ahead. */
MUST_USE int produce_tricks_create(uint32_t line_bytes_max, bool is_past, struct produce_tricks **out_tricks);
/* Boot. NULL is nothing to do. */
void produce_tricks_destroy(struct produce_tricks *tricks);

/* True as often as the table says; of the lowest 16 bits. */
bool produce_trick_happens(enum produce_trick trick, uint64_t dice);
/* A user ID that names nobody. */
const char *produce_trick_blocked(uint64_t dice);
/* Milliseconds that a time is moved by LATE, DISORDER or SKEW. */
int64_t produce_trick_shift(const struct produce_tricks *tricks, enum produce_trick trick, uint64_t dice);

/*
 * Perhaps a row more behind this line: its bytes, newline included, and which trick it is; else 0. At most
 * line_bytes_max + PRODUCE_TRICK_BYTES_MAX.
 */
#define PRODUCE_TRICK_BYTES_MAX 1024u
uint32_t produce_tricks_row(struct produce_tricks *tricks, uint64_t dice, const char *tenant,
                            struct text line, char *to, enum produce_trick *out_trick);
