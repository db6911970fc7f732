/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/sim/model_json.h"

#include <stdlib.h>

static void
skip_blanks(const char **at)
{
    while (**at != '\0' && strchr(" \t\r\n", **at) != NULL) {
        ++*at;
    }
}

static struct text
read_string(struct arena *arena, const char **at)
{
    const char *end = *at + 1;
    char *to;
    uint32_t bytes = 0;

    while (*end != '"') {
        end += *end == '\\' ? 2 : 1;
    }
    to = arena_take(arena, (uint64_t)(end - *at));
    REQUIRE(to != NULL);
    for (++*at; *at < end; ++*at) {
        static const char escapes[] = "\"\\/bfnrt";
        static const char meanings[] = "\"\\/\b\f\n\r\t";
        char digits[5] = {0};
        uint32_t c;
        if (**at != '\\') {
            to[bytes++] = **at;
            continue;
        }
        ++*at;
        if (**at != 'u') {
            to[bytes++] = meanings[strchr(escapes, **at) - escapes];
            continue;
        }
        memcpy(digits, *at + 1, 4);
        c = (uint32_t)strtoul(digits, NULL, 16);
        *at += 4;
        REQUIRE(c < 0xd800 || c > 0xdfff);
        if (c < 0x80) {
            to[bytes++] = (char)c;
        } else if (c < 0x800) {
            to[bytes++] = (char)(0xc0 | c >> 6);
            to[bytes++] = (char)(0x80 | (c & 0x3f));
        } else {
            to[bytes++] = (char)(0xe0 | c >> 12);
            to[bytes++] = (char)(0x80 | (c >> 6 & 0x3f));
            to[bytes++] = (char)(0x80 | (c & 0x3f));
        }
    }
    *at = end + 1;
    return (struct text){.data = to, .bytes = bytes};
}

static struct model_json *
read_value(struct arena *arena, const char **at)
{
    struct model_json *value = arena_take_zero(arena, sizeof(*value));
    const char *begin;

    REQUIRE(value != NULL);
    skip_blanks(at);
    begin = *at;
    if (**at == '{' || **at == '[') {
        value->kind = **at == '{' ? MODEL_JSON_OBJECT : MODEL_JSON_ARRAY;
        ++*at;
        for (skip_blanks(at); **at != '}' && **at != ']'; skip_blanks(at)) {
            struct text key = {0};
            struct model_json *child;
            if (value->kind == MODEL_JSON_OBJECT) {
                key = read_string(arena, at);
                skip_blanks(at);
                REQUIRE(**at == ':');
                ++*at;
            }
            child = read_value(arena, at);
            child->key = key;
            *(value->first == NULL ? &value->first : &value->last->next) = child;
            value->last = child;
            value->count++;
            skip_blanks(at);
            *at += **at == ',';
        }
        ++*at;
    } else if (**at == '"') {
        value->kind = MODEL_JSON_STRING;
        value->string = read_string(arena, at);
    } else if (**at == 't' || **at == 'f' || **at == 'n') {
        value->kind = **at == 'n' ? MODEL_JSON_NULL : MODEL_JSON_BOOL;
        value->number = **at == 't';
        *at += **at == 'f' ? 5 : 4;
    } else {
        char *end;
        value->kind = MODEL_JSON_NUMBER;
        value->number = strtod(*at, &end);
        REQUIRE(end != *at);
        *at = end;
    }
    value->raw = (struct text){.data = begin, .bytes = (uint32_t)(*at - begin)};
    return value;
}

const struct model_json *
model_json_parse(struct arena *arena, const char *text)
{
    return read_value(arena, &text);
}

const struct model_json *
model_json_get(const struct model_json *value, struct text key)
{
    for (const struct model_json *child = value != NULL ? value->first : NULL; child != NULL;
         child = child->next) {
        if (text_equal(child->key, key)) {
            return child;
        }
    }
    return NULL;
}

const struct model_json *
model_json_path(const struct model_json *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        const char *end = strchrnul(path, '.');
        struct text word = {.data = path, .bytes = (uint32_t)(end - path)};
        if (value->kind == MODEL_JSON_ARRAY) {
            uint32_t index = (uint32_t)atoi(path);
            for (value = value->first; value != NULL && index > 0; index--) {
                value = value->next;
            }
        } else {
            value = model_json_get(value, word);
        }
        path = *end == '.' ? end + 1 : end;
    }
    return value;
}

struct text
model_json_string(const struct model_json *value)
{
    return value != NULL && value->kind == MODEL_JSON_STRING ? value->string : (struct text){0};
}
