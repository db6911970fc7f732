/* SPDX-License-Identifier: Apache-2.0 */

#include "core/json_in.h"

/* A JSON number taken apart. Its digits, with the point left out, are those of `at` to `end` from `first` on. */
struct decimal {
    const char *first; /* the first digit that is not 0, or `end` */
    const char *end;   /* of the digits */
    int64_t point;     /* digits of the value before its point, from `first`; may be negative */
    bool is_negative;
    bool is_whole_digits; /* neither a fraction nor an exponent was written */
};

/* An exponent is cut at this, which is more than the bytes of any text can make up for. */
#define EXPONENT_MAX INT64_C(100000000000)

static bool
is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const char *
skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* Behind the e. NULL when it is none. */
static const char *
read_exponent(const char *at, const char *end, int64_t *out_exponent)
{
    bool is_negative = at < end && *at == '-';
    int64_t exponent = 0;
    const char *digits_end;

    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    digits_end = skip_digits(at, end);
    if (digits_end == at) {
        return NULL;
    }
    for (; at < digits_end; at++) {
        exponent = exponent * 10 + (*at - '0');
        if (exponent > EXPONENT_MAX) {
            exponent = EXPONENT_MAX;
        }
    }
    *out_exponent = is_negative ? -exponent : exponent;
    return digits_end;
}

/* False when it is no JSON number. */
static bool
decimal_read(struct text raw, struct decimal *out)
{
    const char *end = raw.data + raw.bytes;
    const char *at = raw.data;
    const char *whole;
    const char *point;
    int64_t exponent = 0;

    if (raw.bytes == 0) {
        return false;
    }
    *out = (struct decimal){.is_negative = *at == '-', .is_whole_digits = true};
    if (out->is_negative) {
        at++;
    }
    whole = at;
    at = skip_digits(at, end);
    if (at == whole || (*whole == '0' && at - whole > 1)) {
        return false;
    }
    point = at;
    if (at < end && *at == '.') {
        at = skip_digits(at + 1, end);
        if (at == point + 1) {
            return false;
        }
        out->is_whole_digits = false;
    }
    out->end = at;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = read_exponent(at + 1, end, &exponent);
        if (at == NULL) {
            return false;
        }
        out->is_whole_digits = false;
    }
    if (at != end) {
        return false;
    }

    out->first = whole;
    while (out->first < out->end && (*out->first == '0' || *out->first == '.')) {
        out->first++;
    }
    /* A first digit behind the point stands one place to the right of it for each 0, and for the point. */
    out->point = exponent + (point - out->first) + (out->first > point ? 1 : 0);
    return true;
}

bool
json_number_int64(struct text raw, int64_t *out_value)
{
    struct decimal decimal;
    uint64_t limit;
    uint64_t value = 0;
    const char *at;

    if (!decimal_read(raw, &decimal)) {
        return false;
    }
    if (decimal.first == decimal.end || decimal.point <= 0) {
        *out_value = 0;
        return true;
    }
    if (decimal.point > 19) {
        return false;
    }
    at = decimal.first;
    for (int64_t i = 0; i < decimal.point; i++) {
        if (at < decimal.end && *at == '.') {
            at++;
        }
        /* 19 digits fit in 64 bits without sign. */
        value = value * 10 + (at < decimal.end ? (uint64_t)(*at++ - '0') : 0);
    }
    limit = decimal.is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (value > limit) {
        return false;
    }
    *out_value = (int64_t)(decimal.is_negative ? 0 - value : value);
    return true;
}

struct text
json_number_text(struct text raw, char out_buffer[JSON_NUMBER_BYTES_MAX])
{
    struct decimal decimal;
    double value;

    if (!decimal_read(raw, &decimal)) {
        return (struct text){.data = out_buffer, .bytes = 0};
    }
    if (decimal.is_whole_digits && raw.bytes < JSON_NUMBER_BYTES_MAX && decimal.first < decimal.end) {
        memcpy(out_buffer, raw.data, raw.bytes);
        return (struct text){.data = out_buffer, .bytes = raw.bytes};
    }
    if (!json_number_double(raw, &value)) {
        return (struct text){.data = out_buffer, .bytes = 0};
    }
    return json_double_text(value, out_buffer);
}
