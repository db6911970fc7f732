/* SPDX-License-Identifier: Apache-2.0 */
#include "query/json_tree.h"

#include <math.h>
#include <stdlib.h>

#include "core/utf8.h"

/* Longer numbers are read by their first digits; nobody means the rest. */
#define NUMBER_BYTES_MAX 400u

struct reader {
    struct arena *arena;
    const char *at;
    const char *end;
    uint32_t depth;
};

static int read_value(struct reader *reader, struct json_tree *value);

static bool
at_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool
at_char(const struct reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static void
skip_blanks(struct reader *reader)
{
    while (at_char(reader, ' ') || at_char(reader, '\t') || at_char(reader, '\n') || at_char(reader, '\r')) {
        reader->at++;
    }
}

static void
skip_digits(struct reader *reader)
{
    while (at_digit(reader)) {
        reader->at++;
    }
}

static int
read_word(struct reader *reader, struct text word, enum json_kind kind, struct json_tree *value)
{
    if ((size_t)(reader->end - reader->at) < word.bytes || memcmp(reader->at, word.data, word.bytes) != 0) {
        return JSON_TREE_BAD;
    }
    reader->at += word.bytes;
    value->kind = kind;
    return 0;
}

static int
read_number(struct reader *reader, struct json_tree *value)
{
    const char *begin = reader->at;

    if (at_char(reader, '-')) {
        reader->at++;
    }
    if (!at_digit(reader)) {
        return JSON_TREE_BAD;
    }
    if (at_char(reader, '0')) {
        reader->at++;
    } else {
        skip_digits(reader);
    }
    if (at_char(reader, '.')) {
        reader->at++;
        if (!at_digit(reader)) {
            return JSON_TREE_BAD;
        }
        skip_digits(reader);
    }
    if (at_char(reader, 'e') || at_char(reader, 'E')) {
        reader->at++;
        if (at_char(reader, '+') || at_char(reader, '-')) {
            reader->at++;
        }
        if (!at_digit(reader)) {
            return JSON_TREE_BAD;
        }
        skip_digits(reader);
    }
    value->kind = JSON_NUMBER;
    value->text = (struct text){.data = begin, .bytes = (uint32_t)(reader->at - begin)};
    return 0;
}

/* Reads "XXXX" after "\u", and the second half of a pair after its first. */
static bool
read_escaped_code(struct reader *reader, uint32_t *out_code)
{
    uint32_t low;

    if (reader->end - reader->at < 4 || !utf8_hex(reader->at, 4, out_code)) {
        return false;
    }
    reader->at += 4;
    if (*out_code < 0xd800 || *out_code > 0xdfff) {
        return true;
    }
    if (*out_code > 0xdbff || reader->end - reader->at < 6 || reader->at[0] != '\\' || reader->at[1] != 'u' ||
        !utf8_hex(reader->at + 2, 4, &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *out_code = 0x10000 + ((*out_code - 0xd800) << 10) + (low - 0xdc00);
    reader->at += 6;
    return true;
}

static bool
read_escape(struct reader *reader, char **out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t code;

    if (reader->at == reader->end || *reader->at == '\0') {
        return false;
    }
    if (*reader->at == 'u') {
        reader->at++;
        if (!read_escaped_code(reader, &code)) {
            return false;
        }
        *out += utf8_encode(code, *out);
        return true;
    }
    letter = strchr(letters, *reader->at++);
    if (letter == NULL) {
        return false;
    }
    *(*out)++ = meanings[letter - letters];
    return true;
}

/* Between the quotes, which have been found: an unescaped text is never longer than its source. */
static int
unescape(struct reader *reader, const char *end, struct text *out_text)
{
    struct reader inside = {.arena = reader->arena, .at = reader->at, .end = end};
    char *begin = arena_take(reader->arena, (uint64_t)(end - reader->at) + 1);
    char *out = begin;

    if (begin == NULL) {
        return JSON_TREE_FULL;
    }
    while (inside.at < end) {
        char c = *inside.at++;

        if (c != '\\') {
            *out++ = c;
        } else if (!read_escape(&inside, &out)) {
            return JSON_TREE_BAD;
        }
    }
    *out_text = (struct text){.data = begin, .bytes = (uint32_t)(out - begin)};
    return 0;
}

static int
read_string(struct reader *reader, struct text *out_text)
{
    const char *end = reader->at + 1;
    bool has_escapes = false;
    int r = 0;

    if (!at_char(reader, '"')) {
        return JSON_TREE_BAD;
    }
    reader->at++;
    while (end < reader->end && *end != '"') {
        if ((unsigned char)*end < 0x20) {
            return JSON_TREE_BAD;
        }
        if (*end == '\\') {
            has_escapes = true;
            end++;
        }
        end++;
    }
    if (end >= reader->end) {
        return JSON_TREE_BAD;
    }
    *out_text = (struct text){.data = reader->at, .bytes = (uint32_t)(end - reader->at)};
    if (has_escapes) {
        r = unescape(reader, end, out_text);
    }
    reader->at = end + 1;
    return r;
}

static int
read_name(struct reader *reader, struct text *out_name)
{
    int r;

    skip_blanks(reader);
    r = read_string(reader, out_name);
    if (r != 0) {
        return r;
    }
    skip_blanks(reader);
    if (!at_char(reader, ':')) {
        return JSON_TREE_BAD;
    }
    reader->at++;
    return 0;
}

/* At the first byte after the bracket. */
static int
read_children(struct reader *reader, struct json_tree *parent, char closing)
{
    struct json_tree **tail = &parent->children;

    skip_blanks(reader);
    if (at_char(reader, closing)) {
        reader->at++;
        return 0;
    }
    for (;;) {
        struct json_tree *child = arena_take_zero(reader->arena, sizeof(*child));
        int r = 0;

        if (child == NULL) {
            return JSON_TREE_FULL;
        }
        if (parent->kind == JSON_OBJECT) {
            r = read_name(reader, &child->name);
        }
        if (r == 0) {
            r = read_value(reader, child);
        }
        if (r != 0) {
            return r;
        }
        *tail = child;
        tail = &child->next;
        parent->count++;

        skip_blanks(reader);
        if (at_char(reader, closing)) {
            reader->at++;
            return 0;
        }
        if (!at_char(reader, ',')) {
            return JSON_TREE_BAD;
        }
        reader->at++;
    }
}

static int
read_branch(struct reader *reader, struct json_tree *value, enum json_kind kind)
{
    int r;

    if (reader->depth == JSON_TREE_DEPTH_MAX) {
        return JSON_TREE_BAD;
    }
    reader->at++;
    reader->depth++;
    value->kind = kind;
    r = read_children(reader, value, kind == JSON_OBJECT ? '}' : ']');
    reader->depth--;
    return r;
}

static int
read_value(struct reader *reader, struct json_tree *value)
{
    skip_blanks(reader);
    if (reader->at == reader->end) {
        return JSON_TREE_BAD;
    }
    switch (*reader->at) {
    case '{':
        return read_branch(reader, value, JSON_OBJECT);
    case '[':
        return read_branch(reader, value, JSON_ARRAY);
    case '"':
        value->kind = JSON_STRING;
        return read_string(reader, &value->text);
    case 't':
        return read_word(reader, TEXT("true"), JSON_TRUE, value);
    case 'f':
        return read_word(reader, TEXT("false"), JSON_FALSE, value);
    case 'n':
        return read_word(reader, TEXT("null"), JSON_NULL, value);
    default:
        return read_number(reader, value);
    }
}

int
json_tree_parse(struct arena *arena, struct text input, struct json_tree **out_value)
{
    struct reader reader = {.arena = arena, .at = input.data, .end = input.data};
    struct json_tree *value;
    int r;

    if (input.bytes == 0 || !utf8_is_valid(input)) {
        return JSON_TREE_BAD;
    }
    reader.end = input.data + input.bytes;
    value = arena_take_zero(arena, sizeof(*value));
    if (value == NULL) {
        return JSON_TREE_FULL;
    }
    r = read_value(&reader, value);
    if (r != 0) {
        return r;
    }
    skip_blanks(&reader);
    if (reader.at != reader.end) {
        return JSON_TREE_BAD;
    }
    *out_value = value;
    return 0;
}

const struct json_tree *
json_tree_member(const struct json_tree *object, struct text name)
{
    const struct json_tree *found = NULL;

    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    for (const struct json_tree *child = object->children; child != NULL; child = child->next) {
        if (text_equal(child->name, name)) {
            found = child;
        }
    }
    return found;
}

bool
json_tree_double(struct text number, double *out_value)
{
    char buffer[NUMBER_BYTES_MAX + 1];
    double value;

    if (number.bytes == 0 || number.bytes > NUMBER_BYTES_MAX) {
        return false;
    }
    memcpy(buffer, number.data, number.bytes);
    buffer[number.bytes] = '\0';
    value = strtod(buffer, NULL);
    if (!isfinite(value)) {
        return false;
    }
    *out_value = value;
    return true;
}

/* Digits only, so that 64 bits stay exact where a double would round. */
static bool
read_digits(struct text number, int64_t *out_value)
{
    uint32_t i = number.bytes > 0 && number.data[0] == '-' ? 1 : 0;
    int64_t value = 0;

    if (i == number.bytes) {
        return false;
    }
    for (; i < number.bytes; i++) {
        int digit = number.data[i] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (number.data[0] != '-') {
        return !__builtin_sub_overflow(0, value, out_value);
    }
    *out_value = value;
    return true;
}

bool
json_tree_whole(struct text number, int64_t *out_value)
{
    double value;

    if (read_digits(number, out_value)) {
        return true;
    }
    /* Beyond 2^53 a fraction or an exponent does not say which whole number is meant. */
    if (!json_tree_double(number, &value) || value != trunc(value) || fabs(value) > 9007199254740992.0) {
        return false;
    }
    *out_value = (int64_t)value;
    return true;
}
