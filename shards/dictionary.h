/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * dictionary - numbers for the values of one dimension of a tenant
 *
 * The first DICTIONARY_DAY_COUNT_MAX distinct values on a day (the event's day) have a code on that day, later
 * ones fall under CODE_OTHER for that day. A value keeps its code over all days on which it has one.
 *
 * Threads  Home shard only; used by the sequencer, in log order.
 * Memory   Region.
 */

#include "core/map.h"
#include "core/table.h"
#include "shards/message.h"

#define DICTIONARY_DAY_COUNT_MAX 10000u
#define DICTIONARY_TOGETHER_MAX 8u /* whose codes are asked for at once */

struct dictionary {
    struct region *region;
    struct table values; /* struct dictionary_value, code - CODE_FIRST */
    struct map by_text;
    struct table days; /* struct dictionary_day */
    struct map by_day;
    struct table admitted; /* (day, code) pairs of days that are not the value's newest */
    struct map by_admission;
    uint32_t day_count_max;
    bool
        has_refused; /* some value had no code on some day: it may have none at all, and events nevertheless */
};

/* day_count_max: DICTIONARY_DAY_COUNT_MAX but in tests. */
void dictionary_init(struct dictionary *dictionary, struct region *region, uint32_t day_count_max);
void dictionary_deinit(struct dictionary *dictionary);
/* Home. The code of a value (bytes 0: absent) for an event of that day, given now when need be; of each dictionary
   one, because their waits for memory overlap. -ENOMEM. */
MUST_USE int dictionary_codes(struct dictionary *dictionaries, const struct text *values, uint32_t count,
                              int64_t day, uint32_t *out_codes);
/* Home. The code that a value has, CODE_UNKNOWN when it never got one. Changes nothing. */
uint32_t dictionary_find(const struct dictionary *dictionary, struct text value);
/* Home. No event has this value; false when that is not known. */
bool dictionary_is_unseen(const struct dictionary *dictionary, struct text value);
/* Home. "(none)", "(other)" or the value; lent for ever. */
struct text dictionary_text(const struct dictionary *dictionary, uint32_t code);
