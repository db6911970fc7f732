/* SPDX-License-Identifier: Apache-2.0 */
#include "net/geoip.h"

#include <errno.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include <maxminddb.h>

struct geoip {
    MMDB_s database;
};

int
geoip_open(const char *path, struct geoip **out_geoip, const char **out_why)
{
    struct geoip *geoip = calloc(1, sizeof(*geoip));
    int r;

    if (geoip == NULL) {
        *out_why = "no memory";
        return fault_new(-ENOMEM);
    }
    r = MMDB_open(path, MMDB_MODE_MMAP, &geoip->database);
    if (r != MMDB_SUCCESS) {
        *out_why = r == MMDB_FILE_OPEN_ERROR ? strerror(errno) : MMDB_strerror(r);
        free(geoip); /* a database that was not opened needs no closing */
        return fault_new(-EINVAL);
    }
    *out_geoip = geoip;
    return 0;
}

void
geoip_close(struct geoip *geoip)
{
    if (geoip != NULL) {
        MMDB_close(&geoip->database);
        free(geoip);
    }
}

/* False: no address. An IPv4 address that is written as IPv6 is one. */
static bool
parse(struct text text, struct sockaddr_storage *out_address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out_address;
    char said[INET6_ADDRSTRLEN];

    *out_address = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    if (text.bytes == 0 || text.bytes >= sizeof(said)) {
        return false;
    }
    memcpy(said, text.data, text.bytes);
    said[text.bytes] = '\0';
    if (inet_pton(AF_INET, said, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, said, &six->sin6_addr) != 1) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        struct in_addr mapped;

        memcpy(&mapped, &six->sin6_addr.s6_addr[12], sizeof(mapped));
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = mapped};
        return true;
    }
    six->sin6_family = AF_INET6;
    return true;
}

/* The text at a path of keys, or nothing. */
static struct text
text_at(MMDB_lookup_result_s *found, const char *const *path)
{
    MMDB_entry_data_s data;

    if (MMDB_aget_value(&found->entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || data.data_size > GEOIP_CODE_BYTES_MAX) {
        return (struct text){.bytes = 0};
    }
    return (struct text){.data = data.utf8_string, .bytes = data.data_size};
}

struct text
geoip_country(const struct geoip *geoip, struct text address)
{
    static const char *const of_country[] = {"country", "iso_code", NULL};
    static const char *const of_code[] = {"country_code", NULL};
    struct sockaddr_storage parsed;
    MMDB_lookup_result_s found;
    struct text code;
    int r;

    if (!parse(address, &parsed)) {
        return (struct text){.bytes = 0};
    }
    found = MMDB_lookup_sockaddr(&geoip->database, (const struct sockaddr *)&parsed, &r);
    if (r != MMDB_SUCCESS || !found.found_entry) {
        return (struct text){.bytes = 0};
    }
    code = text_at(&found, of_country);
    return code.bytes > 0 ? code : text_at(&found, of_code);
}
