/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_split.h"

static bool
is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct text
text_between(const char *at, const char *end)
{
    return (struct text){.data = at, .bytes = (uint32_t)(end - at)};
}

static struct text
trim(struct text text)
{
    const char *at = text.data;
    const char *end = text.data + text.bytes;

    while (at < end && is_blank(*at)) {
        at++;
    }
    while (at < end && is_blank(end[-1])) {
        end--;
    }
    return text_between(at, end);
}

/* At a quote. Behind the one that ends the string, or NULL. */
static const char *
skip_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        if (*at == '\\') {
            at++;
        }
    }
    return NULL;
}

/* The comma, or the bracket that opened before `at`, at which the part that begins at `at` ends. NULL: neither comes. */
static const char *
skip_part(const char *at, const char *end)
{
    uint32_t depth = 0;

    while (at < end) {
        switch (*at) {
        case '"':
            at = skip_string(at, end);
            if (at == NULL) {
                return NULL;
            }
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) {
                return at;
            }
            depth--;
            break;
        case ',':
            if (depth == 0) {
                return at;
            }
            break;
        default:
            break;
        }
        at++;
    }
    return NULL;
}

bool
json_split_array(struct text text, struct text *out_inside)
{
    struct text array = trim(text);
    const char *end = array.data + array.bytes;

    if (array.bytes < 2 || array.data[0] != '[') {
        return false;
    }
    for (const char *at = array.data + 1;;) {
        const char *part = at;

        at = skip_part(at, end);
        if (at == NULL || trim(text_between(part, at)).bytes == 0) {
            return false;
        }
        if (*at != ',') {
            if (*at != ']' || at + 1 != end) {
                return false;
            }
            *out_inside = text_between(array.data + 1, at);
            return true;
        }
        at++;
    }
}

bool
json_split_next(struct text *inside, struct text *out_element)
{
    const char *end;
    const char *comma;

    if (inside->data == NULL) {
        return false;
    }
    end = inside->data + inside->bytes;
    comma = skip_part(inside->data, end);
    if (comma == NULL || *comma != ',') {
        *out_element = trim(*inside);
        *inside = (struct text){.data = NULL, .bytes = 0};
        return true;
    }
    *out_element = trim(text_between(inside->data, comma));
    *inside = text_between(comma + 1, end);
    return true;
}

/* At a key, blanks before it. Behind its colon, or NULL. */
static const char *
read_key(const char *at, const char *end, struct text *out_key)
{
    const char *begin;

    while (at < end && is_blank(*at)) {
        at++;
    }
    if (at == end || *at != '"') {
        return NULL;
    }
    begin = at + 1;
    at = skip_string(at, end);
    if (at == NULL) {
        return NULL;
    }
    *out_key = text_between(begin, at - 1);
    while (at < end && is_blank(*at)) {
        at++;
    }
    return at < end && *at == ':' ? at + 1 : NULL;
}

bool
json_split_member(struct text object, struct text key, struct text *out_value)
{
    struct text trimmed = trim(object);
    const char *end = trimmed.data + trimmed.bytes;
    struct text value = {.data = NULL, .bytes = 0};
    const char *at;

    if (trimmed.bytes < 2 || trimmed.data[0] != '{') {
        return false;
    }
    for (at = trimmed.data + 1;; at++) {
        struct text name;
        const char *begin = read_key(at, end, &name);

        at = begin != NULL ? skip_part(begin, end) : NULL;
        if (at == NULL) {
            return false;
        }
        if (text_equal(name, key)) {
            value = trim(text_between(begin, at));
        }
        if (*at != ',') {
            break;
        }
    }
    if (value.data == NULL || *at != '}' || at + 1 != end) {
        return false;
    }
    *out_value = value;
    return true;
}
