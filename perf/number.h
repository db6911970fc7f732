/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * number - numbers on the command line of a bench
 *
 * Threads  One, at the start.
 * Errors   Ends the program with status 2 and a sentence.
 */

#include "core/base.h"

/* `value` NULL is none. `program` and `option` are for the sentence. */
uint64_t number_of(const char *program, const char *option, const char *value, uint64_t min, uint64_t max);
