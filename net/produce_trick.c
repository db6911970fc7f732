/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_trick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Remembered rows, one of so many: together they span fewer rows than a node remembers IDs of every tenant. */
#define KEPT_COUNT 16u
#define KEPT_EVERY 8u
#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

const struct produce_trick_row produce_trick_rows[PRODUCE_TRICK_COUNT] = {
#define TRICK(TRICK, name, rate, per, help) {name, rate, per, help},
#include "net/produce_people.def"
};

/* %s is the tenant. A row that is torn is made of the good one in front of it. */
static const char *const malformed[] = {
    NULL,
    "this is no JSON at all",
    "[1,2,3]",
    "\"{}\"",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\"}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\",\"event_type\":\"click\",\"event_time\":\"yesterday\"}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\",\"event_type\":\"click\",\"event_time\":1767225600}",
    "{\"tenant_id\":\"%s of course!\",\"anonymous_id\":\"a\",\"event_type\":\"click\"}",
    "{\"tenant_id\":\"%s\",\"user_id\":{\"id\":1},\"event_type\":\"click\"}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\",\"event_type\":17}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\",\"event_type\":\"click\",\"properties\":\"a=1\"}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"a\",\"event_type\":\"click\",\"traits\":[]}",
    "{\"tenant_id\":\"%s\",\"anonymous_id\":\"\xff\xfe\",\"event_type\":\"click\"}",
};
static const char *const blocked[] = {"null", "undefined", "anonymous", "Guest", "unknown",         "0",
                                      "-1",   "  none  ",  "NaN",       "true",  "[object Object]", "nil"};

struct produce_tricks {
    bool is_past;
    uint32_t line_bytes_max;
    uint32_t line_count;
    uint32_t kept_count; /* ever */
    uint32_t kept_bytes[KEPT_COUNT];
    char *kept; /* KEPT_COUNT times line_bytes_max */
};

int
produce_tricks_create(uint32_t line_bytes_max, bool is_past, struct produce_tricks **out_tricks)
{
    struct produce_tricks *tricks = calloc(1, sizeof(*tricks));

    if (tricks == NULL) {
        return fault_new(-ENOMEM);
    }
    tricks->is_past = is_past;
    tricks->line_bytes_max = line_bytes_max;
    tricks->kept = malloc((size_t)KEPT_COUNT * line_bytes_max);
    if (tricks->kept == NULL) {
        produce_tricks_destroy(tricks);
        return fault_new(-ENOMEM);
    }
    *out_tricks = tricks;
    return 0;
}

void
produce_tricks_destroy(struct produce_tricks *tricks)
{
    if (tricks != NULL) {
        free(tricks->kept);
        free(tricks);
    }
}

/* 0 <= result < count, of 16 bits of dice. */
static uint32_t
below(uint64_t dice, uint32_t count)
{
    return (uint32_t)((dice & UINT16_MAX) * count >> 16);
}

bool
produce_trick_happens(enum produce_trick trick, uint64_t dice)
{
    return below(dice, 1000) < produce_trick_rows[trick].rate;
}

const char *
produce_trick_blocked(uint64_t dice)
{
    return blocked[below(dice, COUNT_OF(blocked))];
}

int64_t
produce_trick_shift(const struct produce_tricks *tricks, enum produce_trick trick, uint64_t dice)
{
    int64_t minutes;

    if (trick == PRODUCE_TRICK_LATE) {
        return -(2 * MINUTE_MS + (int64_t)below(dice, 358 * 60) * SECOND_MS);
    }
    if (trick == PRODUCE_TRICK_DISORDER) {
        return -(int64_t)below(dice, 50000);
    }
    REQUIRE(trick == PRODUCE_TRICK_SKEW);
    minutes = 60 + below(dice, 11 * 60);
    return (tricks->is_past || (dice >> 16) % 2 == 0 ? -minutes : minutes) * MINUTE_MS;
}

static uint32_t
put_malformed(uint64_t dice, const char *tenant, struct text line, char *to)
{
    const char *format = malformed[below(dice, COUNT_OF(malformed))];
    const char *hole;
    int bytes;

    if (format == NULL) {
        uint32_t torn = line.bytes / 2;

        memcpy(to, line.data, torn);
        to[torn] = '\n';
        return torn + 1;
    }
    hole = strstr(format, "%s");
    if (hole == NULL) {
        bytes = snprintf(to, PRODUCE_TRICK_BYTES_MAX, "%s\n", format);
    } else {
        bytes = snprintf(to, PRODUCE_TRICK_BYTES_MAX, "%.*s%s%s\n", (int)(hole - format), format, tenant,
                         hole + 2);
    }
    return (uint32_t)bytes;
}

static uint32_t
put_nobody(uint64_t dice, const char *tenant, char *to)
{
    return (uint32_t)snprintf(
        to, PRODUCE_TRICK_BYTES_MAX,
        "{\"tenant_id\":\"%s\",\"anonymous_id\":\"%s\",\"user_id\":\"%s\",\"event_type\":\"page_view\"}\n",
        tenant, produce_trick_blocked(dice), produce_trick_blocked(dice >> 16));
}

static void
keep(struct produce_tricks *tricks, struct text line)
{
    uint32_t slot;

    if (tricks->line_count++ % KEPT_EVERY != 0) {
        return;
    }
    ASSERT(line.bytes <= tricks->line_bytes_max);
    slot = tricks->kept_count++ % KEPT_COUNT;
    memcpy(tricks->kept + (size_t)slot * tricks->line_bytes_max, line.data, line.bytes);
    tricks->kept_bytes[slot] = line.bytes;
}

static uint32_t
put_kept(const struct produce_tricks *tricks, uint64_t dice, char *to)
{
    uint32_t slot = below(dice, tricks->kept_count < KEPT_COUNT ? tricks->kept_count : KEPT_COUNT);

    memcpy(to, tricks->kept + (size_t)slot * tricks->line_bytes_max, tricks->kept_bytes[slot]);
    return tricks->kept_bytes[slot];
}

uint32_t
produce_tricks_row(struct produce_tricks *tricks, uint64_t dice, const char *tenant, struct text line,
                   char *to, enum produce_trick *out_trick)
{
    uint32_t chance = below(dice, 1000);

    keep(tricks, line);
    if (chance < produce_trick_rows[PRODUCE_TRICK_DUPLICATE].rate) {
        *out_trick = PRODUCE_TRICK_DUPLICATE;
        return put_kept(tricks, dice >> 16, to);
    }
    chance -= produce_trick_rows[PRODUCE_TRICK_DUPLICATE].rate;
    if (chance < produce_trick_rows[PRODUCE_TRICK_MALFORMED].rate) {
        *out_trick = PRODUCE_TRICK_MALFORMED;
        return put_malformed(dice >> 16, tenant, line, to);
    }
    chance -= produce_trick_rows[PRODUCE_TRICK_MALFORMED].rate;
    if (chance < produce_trick_rows[PRODUCE_TRICK_NOBODY].rate) {
        *out_trick = PRODUCE_TRICK_NOBODY;
        return put_nobody(dice >> 16, tenant, to);
    }
    return 0;
}
