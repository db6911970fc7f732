/* SPDX-License-Identifier: Apache-2.0 */
#include "net/query_string.h"

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number of bytes of `in` that make the next one. */
static uint32_t
decode_one(struct text in, char *out_byte)
{
    if (in.data[0] == '%' && in.bytes >= 3) {
        int high = hex_digit(in.data[1]);
        int low = hex_digit(in.data[2]);

        if (high >= 0 && low >= 0) {
            *out_byte = (char)(high * 16 + low);
            return 3;
        }
    }
    *out_byte = in.data[0] == '+' ? ' ' : in.data[0];
    return 1;
}

static bool
decode(struct text raw, struct arena *arena, struct text *out_value)
{
    uint32_t bytes = 0;
    char *to;

    if (memchr(raw.data, '%', raw.bytes) == NULL && memchr(raw.data, '+', raw.bytes) == NULL) {
        *out_value = raw;
        return true;
    }
    to = arena_take(arena, raw.bytes);
    if (to == NULL) {
        return false;
    }
    while (raw.bytes > 0) {
        uint32_t taken = decode_one(raw, &to[bytes]);

        bytes++;
        raw = (struct text){.data = raw.data + taken, .bytes = raw.bytes - taken};
    }
    *out_value = (struct text){.data = to, .bytes = bytes};
    return true;
}

/* A name may be escaped too, and then be longer than it looks. */
static bool
is_name(struct text raw, struct text name)
{
    uint32_t at = 0;

    while (raw.bytes > 0) {
        char byte;
        uint32_t taken = decode_one(raw, &byte);

        if (at == name.bytes || name.data[at] != byte) {
            return false;
        }
        at++;
        raw = (struct text){.data = raw.data + taken, .bytes = raw.bytes - taken};
    }
    return at == name.bytes;
}

bool
query_string_find(struct text query, struct text name, struct arena *arena, struct text *out_value)
{
    while (query.bytes > 0) {
        const char *end = memchr(query.data, '&', query.bytes);
        struct text pair = {.data = query.data,
                            .bytes = end != NULL ? (uint32_t)(end - query.data) : query.bytes};
        const char *equals = pair.bytes > 0 ? memchr(pair.data, '=', pair.bytes) : NULL;
        uint32_t name_bytes = equals != NULL ? (uint32_t)(equals - pair.data) : pair.bytes;

        if (name_bytes > 0 && is_name((struct text){.data = pair.data, .bytes = name_bytes}, name)) {
            uint32_t skipped = equals != NULL ? name_bytes + 1 : name_bytes;

            return decode((struct text){.data = pair.data + skipped, .bytes = pair.bytes - skipped}, arena,
                          out_value);
        }
        if (end == NULL) {
            return false;
        }
        query = (struct text){.data = end + 1, .bytes = query.bytes - pair.bytes - 1};
    }
    return false;
}
