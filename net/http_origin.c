/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_origin.h"

#include <strings.h>

static bool
is_equal(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || strncasecmp(a.data, b.data, a.bytes) == 0);
}

/* Brackets of an IPv6 address are taken off with the port. */
static struct text
without_port(struct text host)
{
    const char *end;

    if (host.bytes > 0 && host.data[0] == '[') {
        end = memchr(host.data, ']', host.bytes);
        return end != NULL ? (struct text){.data = host.data + 1, .bytes = (uint32_t)(end - host.data) - 1}
                           : host;
    }
    end = host.bytes > 0 ? memchr(host.data, ':', host.bytes) : NULL;
    return end != NULL ? (struct text){.data = host.data, .bytes = (uint32_t)(end - host.data)} : host;
}

/* 127.0.0.1, not 127.0.0.1.example.org. */
static bool
is_loopback_number(struct text name)
{
    if (name.bytes < 4 || memcmp(name.data, "127.", 4) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < name.bytes; i++) {
        if (name.data[i] != '.' && (name.data[i] < '0' || name.data[i] > '9')) {
            return false;
        }
    }
    return true;
}

static bool
is_one_of(struct text text, const struct conf_texts *texts)
{
    for (uint32_t i = 0; i < texts->count; i++) {
        if (is_equal(text, texts->item[i])) {
            return true;
        }
    }
    return false;
}

bool
http_host_is_ours(struct text host, struct text listen_host, const struct conf_texts *names)
{
    struct text name = without_port(host);

    return is_equal(name, TEXT("localhost")) || text_equal(name, TEXT("::1")) || is_loopback_number(name) ||
           (name.bytes > 0 && (is_equal(name, listen_host) || is_one_of(name, names)));
}

bool
http_origin_is_same(struct text origin, struct text host)
{
    struct text http = TEXT("http://");
    struct text https = TEXT("https://");
    uint32_t skipped = 0;

    if (origin.bytes > http.bytes && strncasecmp(origin.data, http.data, http.bytes) == 0) {
        skipped = http.bytes;
    } else if (origin.bytes > https.bytes && strncasecmp(origin.data, https.data, https.bytes) == 0) {
        skipped = https.bytes;
    } else {
        return false;
    }
    return is_equal((struct text){.data = origin.data + skipped, .bytes = origin.bytes - skipped}, host);
}

bool
http_origin_is_one_of(struct text origin, const struct conf_texts *origins)
{
    return is_one_of(origin, origins);
}
