/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json_split - where the parts of text are that as a whole is not JSON
 *
 * One bad element of an array must not cost the others. This finds where elements and members begin and end by quotes,
 * backslashes and brackets alone, so that each can be parsed by itself. It says nothing about what is in them, but that
 * it is something: what has no element between two commas is no array. Brackets are counted, not paired, so depth costs
 * nothing.
 *
 *     if (json_split_array(text, &rest)) {
 *         while (json_split_next(&rest, &element)) {
 *
 * Threads  Everything here is pure.
 * Limits   Linear in the text, about a nanosecond a byte.
 */

#include "core/base.h"

/* Any thread. An array of at least one element, with blanks around it; out_inside is what is between its brackets. */
MUST_USE bool json_split_array(struct text text, struct text *out_inside);

/* Any thread. Takes the next element off what is inside of an array, without blanks around it. False: there is none. */
MUST_USE bool json_split_next(struct text *inside, struct text *out_element);

/*
 * Any thread. The value of the last member with this key, written without escapes, of an object with blanks around it.
 * False: it is no object of members, or has none of this name.
 */
MUST_USE bool json_split_member(struct text object, struct text key, struct text *out_value);
