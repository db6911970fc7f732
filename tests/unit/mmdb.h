/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mmdb - a tiny GeoIP database, written by the test that reads it
 *
 * MaxMind's format 2.0: a binary tree over the bits of IPv6 addresses (IPv4 below ::/96) with records of 24 bits, 16
 * bytes of nothing, data, and metadata behind a mark.
 *
 *     mmdb_begin();
 *     mmdb_add("1.2.3.0", 24, mmdb_country("DE"));
 *     bytes = mmdb_end();                           of mmdb.file
 */

#include "tests/check.h"

#include <arpa/inet.h>

#define MMDB_NODES_MAX 2048u
#define MMDB_DATA (1u << 24) /* in a record: the rest is an offset */

static struct {
    uint32_t node[MMDB_NODES_MAX][2]; /* 0: nothing */
    uint32_t node_count;
    uint8_t data[4096];
    uint32_t data_bytes;
    uint8_t file[6 * MMDB_NODES_MAX + 8192];
} mmdb;

static inline void
mmdb_put(uint8_t byte)
{
    CHECK(mmdb.data_bytes < sizeof(mmdb.data));
    mmdb.data[mmdb.data_bytes++] = byte;
}

static inline void
mmdb_text(const char *text)
{
    mmdb_put((uint8_t)(2u << 5 | strlen(text)));
    for (; *text != '\0'; text++) {
        mmdb_put((uint8_t)*text);
    }
}

static inline void
mmdb_map(uint32_t count)
{
    mmdb_put((uint8_t)(7u << 5 | count));
}

static inline void
mmdb_number(uint32_t type, uint32_t bytes, uint64_t number)
{
    mmdb_put((uint8_t)((type < 8 ? type << 5 : 0) | bytes));
    if (type >= 8) {
        mmdb_put((uint8_t)(type - 7));
    }
    while (bytes-- > 0) {
        mmdb_put((uint8_t)(number >> 8 * bytes));
    }
}

static inline void
mmdb_begin(void)
{
    memset(&mmdb, 0, sizeof(mmdb));
    mmdb.node_count = 1;
}

/* {"country": {"iso_code": code}}; where it is. */
static inline uint32_t
mmdb_country(const char *code)
{
    uint32_t at = mmdb.data_bytes;

    mmdb_map(1);
    mmdb_text("country");
    mmdb_map(1);
    mmdb_text("iso_code");
    mmdb_text(code);
    return at;
}

static inline void
mmdb_add(const char *address, uint32_t bit_count, uint32_t data)
{
    uint8_t bits[16] = {0};
    uint32_t *record = NULL;
    uint32_t node = 0;

    if (inet_pton(AF_INET, address, bits + 12) == 1) {
        bit_count += 96;
    } else {
        CHECK_EQ(inet_pton(AF_INET6, address, bits), 1);
    }
    for (uint32_t i = 0; i < bit_count; i++) {
        record = &mmdb.node[node][bits[i / 8] >> (7 - i % 8) & 1];
        if (i + 1 < bit_count && *record == 0) {
            CHECK(mmdb.node_count < MMDB_NODES_MAX);
            *record = mmdb.node_count++;
        }
        node = *record;
    }
    *record = MMDB_DATA | data;
}

static inline uint32_t
mmdb_end(void)
{
    static const char mark[] = "\xab\xcd\xefMaxMind.com";
    uint32_t metadata_at = mmdb.data_bytes;
    uint32_t bytes = 0;

    mmdb_map(9);
    mmdb_text("binary_format_major_version");
    mmdb_number(5, 2, 2);
    mmdb_text("binary_format_minor_version");
    mmdb_number(5, 2, 0);
    mmdb_text("build_epoch");
    mmdb_number(9, 8, 1767225600);
    mmdb_text("database_type");
    mmdb_text("Test-Country");
    mmdb_text("description");
    mmdb_map(0);
    mmdb_text("ip_version");
    mmdb_number(5, 2, 6);
    mmdb_text("languages");
    mmdb_number(11, 0, 0);
    mmdb_text("node_count");
    mmdb_number(6, 4, mmdb.node_count);
    mmdb_text("record_size");
    mmdb_number(5, 2, 24);

    for (uint32_t i = 0; i < 2 * mmdb.node_count; i++) {
        uint32_t record = mmdb.node[i / 2][i % 2];
        uint32_t value = record == 0                 ? mmdb.node_count
                         : (record & MMDB_DATA) != 0 ? mmdb.node_count + 16 + (record & ~MMDB_DATA)
                                                     : record;
        mmdb.file[bytes++] = (uint8_t)(value >> 16);
        mmdb.file[bytes++] = (uint8_t)(value >> 8);
        mmdb.file[bytes++] = (uint8_t)value;
    }
    bytes += 16;
    memcpy(mmdb.file + bytes, mmdb.data, metadata_at);
    bytes += metadata_at;
    memcpy(mmdb.file + bytes, mark, sizeof(mark) - 1);
    bytes += sizeof(mark) - 1;
    memcpy(mmdb.file + bytes, mmdb.data + metadata_at, mmdb.data_bytes - metadata_at);
    return bytes + mmdb.data_bytes - metadata_at;
}
