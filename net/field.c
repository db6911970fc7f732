/* SPDX-License-Identifier: Apache-2.0 */

#include "net/field.h"

/* 10xxxxxx goes on with a character. */
static bool
is_inside(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

struct text
field_cut(struct text text, uint32_t bytes_max)
{
    uint32_t bytes = bytes_max;

    if (text.bytes <= bytes_max) {
        return text;
    }
    while (bytes > 0 && is_inside(text.data[bytes])) {
        bytes--;
    }
    return (struct text){.data = text.data, .bytes = bytes};
}

struct text
field_without_query(struct text url)
{
    for (uint32_t i = 0; i < url.bytes; i++) {
        if (url.data[i] == '?' || url.data[i] == '#') {
            return (struct text){.data = url.data, .bytes = i};
        }
    }
    return url;
}

/* Where "//authority" begins: at 0, or after "scheme:"; -1 when there is none. */
static int64_t
find_authority(struct text url)
{
    uint32_t at = 0;

    while (at < url.bytes && url.data[at] != ':' && url.data[at] != '/') {
        at++;
    }
    if (at < url.bytes && at > 0 && url.data[at] == ':') {
        at++;
    } else if (at > 0) {
        return -1;
    }
    return url.bytes - at >= 2 && url.data[at] == '/' && url.data[at + 1] == '/' ? (int64_t)at : -1;
}

struct text
field_path(struct text url)
{
    struct text rest = field_without_query(url);
    int64_t authority = find_authority(rest);
    uint32_t at;

    if (authority < 0) {
        return rest;
    }
    at = (uint32_t)authority + 2;
    while (at < rest.bytes && rest.data[at] != '/') {
        at++;
    }
    if (at == rest.bytes) {
        return TEXT("/");
    }
    return (struct text){.data = rest.data + at, .bytes = rest.bytes - at};
}

bool
field_is_tenant(struct text tenant_id)
{
    if (tenant_id.bytes == 0 || tenant_id.bytes > FIELD_TENANT_BYTES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < tenant_id.bytes; i++) {
        char byte = tenant_id.data[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '.' && byte != '_' && byte != '-') {
            return false;
        }
    }
    return true;
}

static bool
is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct text
field_trim(struct text text)
{
    while (text.bytes > 0 && is_blank(text.data[0])) {
        text.data++;
        text.bytes--;
    }
    while (text.bytes > 0 && is_blank(text.data[text.bytes - 1])) {
        text.bytes--;
    }
    return text;
}
