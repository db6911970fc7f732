/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * json_in - JSON text in, validated once, read without copies
 *
 * json_in_open() validates one value, json_in_open_lines() and json_in_next_line() one value a line (NDJSON;
 * a bad line spoils no other). Once opened, objects and arrays are listed at any depth and in any order for
 * the price of their own members: nothing is parsed twice. A value keeps its raw text, so that a sub-object
 * can be stored as it was sent; strings are unescaped.
 *
 *     json_in_open_lines(json, body);
 *     while ((r = json_in_next_line(json, &event)) != JSON_IN_END) {
 *         if (r == 0) {
 *             r = json_in_members(json, &event, &members, &count);
 *         }
 *         ...
 *
 * Strict: RFC 8259 with UTF-8 throughout, inside of raw sub-objects too. Refused are control characters in strings, a
 * byte order mark, and anything after the value. Accepted are \u0000 (a NUL byte in the text), a surrogate alone in a \u
 * escape (U+FFFD in the text), any size of number (see json_number_int64()), and keys that come twice: both are listed,
 * the last one counts for callers.
 *
 * Threads  A struct json_in belongs to its home shard and is reused.
 * Memory   Raw text, and strings without a backslash, point into the input. Other strings, values and lists are
 *          lent until the next json_in_open(), json_in_open_lines(), json_in_next_line(), json_in_object() or
 *          json_in_validate() on this json_in; lists also end with the json_in_next_element() of the loop they
 *          were made in. All memory is taken at creation, about 11 times bytes_max, and touched when needed.
 *          The input needs JSON_IN_PADDING readable bytes after its end, whatever they are. Every text lent
 *          here has them, and may be opened in its turn in another json_in.
 * Limits   JSON_IN_DEPTH_MAX levels; bytes_max of one value or line; JSON_IN_MEMBERS_MAX members of one object
 *          that is listed (raw ones may have any number); JSON_IN_LISTED_MAX members in lists at one time.
 * Errors   JSON_IN_BAD with a reason in words.
 */

#include "core/base.h"

#define JSON_IN_DEPTH_MAX 128u /* a body: an object of 64 levels inside an event of a batch */
#define JSON_IN_PADDING 64u
#define JSON_IN_MEMBERS_MAX 1024u
#define JSON_IN_LISTED_MAX 16384u
#define JSON_IN_BYTES_MAX (1u << 30)

enum json_in_answer {
    JSON_IN_BAD = 1,  /* not JSON, or past a limit; see json_in_reason() */
    JSON_IN_TYPE = 2, /* JSON, but not an object (or an array, for json_in_elements()) */
    JSON_IN_END = 3,  /* no more lines */
};

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER, /* raw is its text */
    JSON_STRING, /* text is unescaped, raw includes the quotes */
    JSON_OBJECT,
    JSON_ARRAY,
};

struct json_value {
    struct text key;  /* of members: unescaped */
    struct text raw;  /* as it was sent */
    struct text text; /* of strings: unescaped */
    enum json_kind kind;
    uint32_t token;  /* private: where it begins in the index */
    uint32_t opened; /* private: in which opening it was read */
};

/* A loop over the elements of an array; may be copied, and given up half-way. */
struct json_cursor {
    uint32_t token;
    uint32_t opened;
    uint32_t listed_count; /* when the loop began */
};

struct json_in;

/* Boot. -ENOMEM. For values and lines of at most bytes_max. */
MUST_USE int json_in_create(uint32_t bytes_max, struct json_in **out_json);
/* Boot. NULL is nothing to do. */
void json_in_destroy(struct json_in *json);

/* Home. Exactly one value and blanks. JSON_IN_BAD. Borrows the input until the next opening. */
MUST_USE int json_in_open(struct json_in *json, struct text input, struct json_value *out_value);

/* Home. Any number of lines of any total size; blank ones do not count. Borrows the input until the next opening. */
void json_in_open_lines(struct json_in *json, struct text input);
/* Home. JSON_IN_BAD: this line is bad, the next call goes on behind it. JSON_IN_END. */
MUST_USE int json_in_next_line(struct json_in *json, struct json_value *out_value);

/* Home. The members of an object in their order. JSON_IN_TYPE, JSON_IN_BAD (too many). */
MUST_USE int json_in_members(struct json_in *json, const struct json_value *object,
                             const struct json_value **out_members, uint32_t *out_count);

/* Home. No less than the levels of a value: 1 for an object of plain values. Costs nothing, and is usually far more. */
uint32_t json_in_levels_max(const struct json_in *json, const struct json_value *value);

/* Home. Begins a loop over an array. JSON_IN_TYPE. */
MUST_USE int json_in_elements(struct json_in *json, const struct json_value *array,
                              struct json_cursor *out_cursor);
/* Home. The next element, or false and unchanged. Lists made since json_in_elements() end here. */
MUST_USE bool json_in_next_element(struct json_in *json, struct json_cursor *cursor,
                                   struct json_value *out_element);

/* Home. json_in_open() and json_in_members() in one. JSON_IN_BAD, JSON_IN_TYPE. */
MUST_USE int json_in_object(struct json_in *json, struct text input, const struct json_value **out_members,
                            uint32_t *out_count);
/* Home. json_in_open() for who wants to know no more. JSON_IN_BAD. */
MUST_USE int json_in_validate(struct json_in *json, struct text input, enum json_kind *out_kind);

/* Home. Why the last answer was JSON_IN_BAD, in words; a constant. */
const char *json_in_reason(const struct json_in *json);

/*
 * Any thread. A JSON number's text as integer, exactly: "1.5e3" is 1500 and a fraction is cut off. False when it
 * is no JSON number or does not fit.
 */
MUST_USE bool json_number_int64(struct text raw, int64_t *out_value);

#define JSON_NUMBER_BYTES_MAX 32u

/*
 * Any thread. The shortest decimal text of a JSON number: "1.0" and "1e0" are "1", "1e21" is "1e+21". Whole
 * numbers written as digits keep them all, up to 31 characters. bytes 0 when it is no JSON number or not finite.
 */
struct text json_number_text(struct text raw, char out_buffer[JSON_NUMBER_BYTES_MAX]);

/* Any thread. As JavaScript's String(value), the shortest that reads back the same; bytes 0 when it is not finite. */
struct text json_double_text(double value, char out_buffer[JSON_NUMBER_BYTES_MAX]);
/* Any thread. The double nearest to a JSON number's text; false when it is no number or not finite. */
MUST_USE bool json_number_double(struct text raw, double *out_value);
