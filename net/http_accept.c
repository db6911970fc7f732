/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_accept.h"

#include <strings.h>

#include "net/field.h"

/* Cuts off what is before `separator`; false when nothing is left. Quoted texts have no place where we look. */
static bool
next_part(struct text *rest, char separator, struct text *out_part)
{
    const char *end;

    if (rest->data == NULL) {
        return false;
    }
    end = memchr(rest->data, separator, rest->bytes);
    if (end == NULL) {
        *out_part = field_trim(*rest);
        rest->data = NULL;
        return true;
    }
    *out_part = field_trim((struct text){.data = rest->data, .bytes = (uint32_t)(end - rest->data)});
    *rest = (struct text){.data = end + 1, .bytes = rest->bytes - (uint32_t)(end + 1 - rest->data)};
    return true;
}

static bool
is_word(struct text text, struct text word)
{
    return text.bytes == word.bytes && strncasecmp(text.data, word.data, word.bytes) == 0;
}

/* "name=value" of this name; the value without quotes. */
static bool
parameter(struct text part, struct text name, struct text *out_value)
{
    struct text value;

    if (part.bytes <= name.bytes || part.data[name.bytes] != '=' ||
        strncasecmp(part.data, name.data, name.bytes) != 0) {
        return false;
    }
    value = (struct text){.data = part.data + name.bytes + 1, .bytes = part.bytes - name.bytes - 1};
    if (value.bytes >= 2 && value.data[0] == '"' && value.data[value.bytes - 1] == '"') {
        value = (struct text){.data = value.data + 1, .bytes = value.bytes - 2};
    }
    *out_value = value;
    return true;
}

/* "0.75" is 750; what is no quality is 1000. */
static uint32_t
quality_of(struct text value)
{
    uint32_t permille = 0;
    uint32_t weight = 100;

    if (value.bytes == 0 || (value.data[0] != '0' && value.data[0] != '1')) {
        return 1000;
    }
    if (value.data[0] == '1') {
        return 1000;
    }
    for (uint32_t i = 2; i < value.bytes && weight > 0; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return 1000;
        }
        permille += (uint32_t)(value.data[i] - '0') * weight;
        weight /= 10;
    }
    return permille;
}

/* What was said of one media type; the most specific range counts. */
struct liking {
    uint32_t quality;
    uint32_t precision; /* 3: named, 2: application, 1: anything, 0: nothing was said */
};

static void
like(struct liking *liking, uint32_t precision, uint32_t quality)
{
    if (precision > liking->precision) {
        *liking = (struct liking){.quality = quality, .precision = precision};
    } else if (precision == liking->precision && quality > liking->quality) {
        liking->quality = quality;
    }
}

enum http_media
http_accept_graphql(struct text accept)
{
    struct liking json = {0};
    struct liking graphql = {0};
    struct text rest = field_trim(accept);
    struct text range;

    if (rest.bytes == 0) {
        return HTTP_MEDIA_JSON;
    }
    while (next_part(&rest, ',', &range)) {
        struct text parameters = range;
        struct text type;
        struct text part;
        uint32_t quality = 1000;

        if (range.bytes == 0 || !next_part(&parameters, ';', &type)) {
            continue;
        }
        while (next_part(&parameters, ';', &part)) {
            struct text value;

            if (parameter(part, TEXT("q"), &value)) {
                quality = quality_of(value);
            }
        }
        if (is_word(type, TEXT("application/json"))) {
            like(&json, 3, quality);
        } else if (is_word(type, TEXT("application/graphql-response+json"))) {
            like(&graphql, 3, quality);
        } else if (is_word(type, TEXT("application/*"))) {
            like(&json, 2, quality);
            like(&graphql, 2, quality);
        } else if (is_word(type, TEXT("*/*"))) {
            like(&json, 1, quality);
            like(&graphql, 1, quality);
        }
    }
    /* Who only says "anything" is likely to be old. */
    if (graphql.precision == 3 && graphql.quality > 0 && graphql.quality >= json.quality) {
        return HTTP_MEDIA_GRAPHQL;
    }
    if (json.quality > 0) {
        return HTTP_MEDIA_JSON;
    }
    return graphql.quality > 0 ? HTTP_MEDIA_GRAPHQL : HTTP_MEDIA_NONE;
}

bool
http_content_type_is(struct text content_type, struct text type)
{
    struct text rest = content_type;
    struct text part;

    if (content_type.bytes == 0 || !next_part(&rest, ';', &part) || !is_word(part, type)) {
        return false;
    }
    while (next_part(&rest, ';', &part)) {
        struct text value;

        if (parameter(part, TEXT("charset"), &value) && !is_word(value, TEXT("utf-8")) &&
            !is_word(value, TEXT("utf8"))) {
            return false;
        }
    }
    return true;
}
