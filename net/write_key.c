/* SPDX-License-Identifier: Apache-2.0 */
#include "net/write_key.h"

#include <strings.h>

#include "net/field.h"
#include "net/query_string.h"

#define KEY_BYTES_MAX 1024u

static struct text
nothing(void)
{
    return (struct text){.bytes = 0};
}

/* What follows the scheme, or nothing when it is another one. Schemes are not case-sensitive. */
static struct text
after_scheme(struct text authorization, struct text scheme)
{
    if (authorization.bytes <= scheme.bytes ||
        strncasecmp(authorization.data, scheme.data, scheme.bytes) != 0 ||
        authorization.data[scheme.bytes] != ' ') {
        return nothing();
    }
    return field_trim((struct text){.data = authorization.data + scheme.bytes,
                                    .bytes = authorization.bytes - scheme.bytes});
}

static int
digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

/* Up to the first byte that is no digit of base64. */
static struct text
decode_base64(struct text encoded, struct arena *arena)
{
    uint8_t *to;
    uint32_t bytes = 0;
    uint32_t bits = 0;
    uint32_t bit_count = 0;

    if (encoded.bytes > KEY_BYTES_MAX) {
        return nothing();
    }
    to = arena_take(arena, encoded.bytes);
    if (to == NULL) {
        return nothing();
    }
    for (uint32_t i = 0; i < encoded.bytes && digit_of(encoded.data[i]) >= 0; i++) {
        bits = bits << 6 | (uint32_t)digit_of(encoded.data[i]);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            to[bytes++] = (uint8_t)(bits >> bit_count);
        }
    }
    return (struct text){.data = (const char *)to, .bytes = bytes};
}

static struct text
of_authorization(struct text authorization, struct arena *arena)
{
    struct text basic = after_scheme(authorization, TEXT("Basic"));

    if (basic.bytes > 0) {
        struct text pair = decode_base64(basic, arena);
        const char *colon = pair.bytes > 0 ? memchr(pair.data, ':', pair.bytes) : NULL;

        return colon != NULL ? (struct text){.data = pair.data, .bytes = (uint32_t)(colon - pair.data)}
                             : pair;
    }
    return write_key_bearer(authorization);
}

struct text
write_key_find(const struct write_key_places *places, struct arena *arena)
{
    struct text key = of_authorization(places->authorization, arena);

    if (key.bytes > 0) {
        return key;
    }
    key = field_trim(places->x_write_key);
    if (key.bytes > 0) {
        return key;
    }
    if (query_string_find(places->query, TEXT("writeKey"), arena, &key) && key.bytes > 0) {
        return key;
    }
    if (query_string_find(places->query, TEXT("writekey"), arena, &key) && key.bytes > 0) {
        return key;
    }
    return nothing();
}

struct text
write_key_bearer(struct text authorization)
{
    return after_scheme(authorization, TEXT("Bearer"));
}
