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

#include <assert.h>

#include "core/map.h"
#include "core/run_queue.h"
#include "core/table.h"
#include "shards/message.h"

#define DICTIONARY_DAY_COUNT_MAX 10000u
#define DICTIONARY_TOGETHER_MAX 8u /* whose codes are asked for at once */

struct state_writer;

/* On disk: what a cut is made of. `of` says whose it is, to its owner. */
struct dictionary_day_row {
    uint64_t of;
    int64_t day;
    uint32_t count;
    uint32_t reserved;
};
struct dictionary_admission_row {
    uint64_t of;
    int64_t day;
    uint32_t code;
    uint32_t reserved;
};
struct dictionary_value_row {
    uint64_t of;
    int64_t newest_day;
    uint32_t bytes; /* of the text that follows, filled up with zeros to a multiple of 8 */
    uint32_t reserved;
};
static_assert(sizeof(struct dictionary_day_row) == 24 && sizeof(struct dictionary_admission_row) == 24 &&
                  sizeof(struct dictionary_value_row) == 24,
              "on disk");

/*
 * The dictionary as of a moment, written while it goes on. Values and admissions are only added, so counts say what was
 * there; days are copied, and the newest day of a value is noted before it changes.
 */
struct dictionary_cut {
    uint32_t value_count;
    uint32_t value_next; /* to be written */
    uint32_t admitted_count;
    uint32_t admitted_next;
    const struct dictionary_day_row *days; /* [day_count], borrowed */
    uint32_t day_count;
    uint32_t day_next;
    bool has_failed;    /* no memory for a note: the cut is not whole */
    struct table noted; /* newest days as they were */
    struct map by_noted;
};

struct dictionary {
    struct region *region;
    struct table values; /* struct dictionary_value, code - CODE_FIRST */
    struct map by_text;
    struct table days; /* struct dictionary_day */
    struct map by_day;
    struct table admitted; /* (day, code) pairs of days that are not the value's newest */
    struct map by_admission;
    uint32_t day_count_max;
    struct dictionary_cut *cut; /* being written; NULL: none */
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

/* Home. The dictionary as of now. `days` has room for dictionary->days.count rows; both are borrowed until the end. */
void dictionary_cut_begin(struct dictionary *dictionary, uint64_t of, struct dictionary_cut *cut,
                          struct dictionary_day_row *days);
/* Home. Goes on: days, admissions and values, in sections of three types from `type` on. STEP_DONE: all were added. */
enum step dictionary_cut_write(struct dictionary *dictionary, uint64_t of, struct state_writer *writer,
                               uint16_t type, uint16_t version, const struct time_slice *time);
/* Home. At any point, or without a cut. */
void dictionary_cut_end(struct dictionary *dictionary);

/* Boot. In the order in which they were written. -EINVAL: no cut has this. -ENOMEM. */
MUST_USE int dictionary_restore_day(struct dictionary *dictionary, const struct dictionary_day_row *row);
MUST_USE int dictionary_restore_admission(struct dictionary *dictionary,
                                          const struct dictionary_admission_row *row);
MUST_USE int dictionary_restore_value(struct dictionary *dictionary, const struct dictionary_value_row *row,
                                      struct text text);
/* Home. */
uint64_t dictionary_state_hash(const struct dictionary *dictionary);
