/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * conf_value - one value that a person sets, from text and back
 *
 * What conf.c does with each row, wherever the text is from. `where` begins a problem: "millrace.yaml:7".
 *
 * Threads  Boot.
 * Memory   Texts are copied into the conf's arena.
 * Errors   CONF_REFUSED with conf->problem; the value may then be half set.
 */

#include "core/conf.h"

/* Boot. Notes why, and returns CONF_REFUSED. */
PRINTF_LIKE(2, 3) int conf_refuse(struct conf *conf, const char *format, ...);

/* Boot. Any type but CONF_ITEMS; a list is one text with commas. */
MUST_USE int conf_value_set(struct conf *conf, const char *where, const struct conf_row *row,
                            struct text value, void *target);
/* Boot. One item more. */
MUST_USE int conf_value_add(struct conf *conf, const char *where, const struct conf_row *row,
                            struct text value, struct conf_texts *texts);
/* Boot. Room for one item more than `count`, the old ones kept, perhaps elsewhere; NULL when there is none. */
MUST_USE void *conf_grow(struct conf *conf, void *items, uint32_t count, uint64_t item_bytes);

/* Boot. As conf_value_set() and YAML take it. Any type but CONF_ITEMS. */
void conf_value_print(const struct conf_row *row, const void *target, FILE *out);

/* Any thread. Not empty, not too long, no control characters. */
bool conf_is_printable(struct text value);
