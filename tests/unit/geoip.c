/* SPDX-License-Identifier: Apache-2.0 */
#include "net/geoip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <unistd.h>

#include "tests/unit/mmdb.h"

static char path[64];
static struct geoip *geoip;

static void
write_database(uint32_t bytes)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/unit_geoip.XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, mmdb.file, bytes), bytes);
    close(fd);
}

static uint32_t
make_database(void)
{
    uint32_t germany;
    uint32_t kept;

    mmdb_begin();
    germany = mmdb_country("DE");
    mmdb_add("1.2.3.0", 24, germany);
    mmdb_add("2001:db8::", 32, germany);
    mmdb_add("5.6.7.8", 32, mmdb_country("NZ"));
    kept = mmdb.data_bytes;
    mmdb_map(1);
    mmdb_text("country_code");
    mmdb_text("BR");
    mmdb_add("9.0.0.0", 8, kept);
    mmdb_add("10.0.0.0", 8, mmdb_country("NOT A CODE"));
    kept = mmdb.data_bytes;
    mmdb_map(1);
    mmdb_text("country");
    mmdb_text("Germany");
    mmdb_add("11.0.0.0", 8, kept);
    return mmdb_end();
}

static void
check_bad(const char *bad, const char *said)
{
    const char *why = NULL;

    CHECK(geoip_open(bad, &geoip, &why) < 0);
    if (why == NULL || strstr(why, said) == NULL) {
        check_failed(__FILE__, __LINE__, "%s: %s, not %s", bad, why, said);
    }
}

TEST(what_is_no_database_is_refused)
{
    uint32_t bytes = make_database();

    check_bad("/nowhere/at/all.mmdb", "No such file");
    check_bad("/etc/passwd", "invalid metadata");
    write_database(0);
    check_bad(path, "");
    unlink(path);
    write_database(bytes / 2); /* torn: no metadata */
    check_bad(path, "invalid metadata");
    unlink(path);
}

TEST(what_nobody_knows_is_nothing)
{
    static const char *const unknown[] = {
        "",           "1.2.4.0",        "nonsense",    "1.2.3",     "1.2.3.4.5",   "0.0.0.0",
        "1.2.3.4:80", " 1.2.3.4",       "2001:db9::1", "::1",       "10.0.0.1",    "11.0.0.1",
        "1.2.3.0/24", "::ffff:5.6.7.9", "256.1.1.1",   "127.0.0.1", "fe80::1%eth0"};
    static char long_text[100];
    const char *why;

    write_database(make_database());
    CHECK_EQ(geoip_open(path, &geoip, &why), 0);
    for (uint32_t i = 0; i < COUNT_OF(unknown); i++) {
        CHECK_TEXT(geoip_country(geoip, text_of(unknown[i])), "");
    }
    memset(long_text, '1', sizeof(long_text));
    CHECK_TEXT(geoip_country(geoip, (struct text){.data = long_text, .bytes = sizeof(long_text)}), "");
    CHECK_TEXT(geoip_country(geoip, (struct text){.data = "1.2.3.4\0", .bytes = 8}), "DE"); /* as C has it */
    geoip_close(geoip);
    unlink(path);
}

TEST(an_address_has_the_code_of_its_net)
{
    const char *why;

    write_database(make_database());
    CHECK_EQ(geoip_open(path, &geoip, &why), 0);
    unlink(path); /* it is mapped */
    CHECK_TEXT(geoip_country(geoip, TEXT("1.2.3.0")), "DE");
    CHECK_TEXT(geoip_country(geoip, TEXT("1.2.3.255")), "DE");
    CHECK_TEXT(geoip_country(geoip, TEXT("::ffff:1.2.3.4")), "DE");
    CHECK_TEXT(geoip_country(geoip, TEXT("2001:db8:1::1")), "DE");
    CHECK_TEXT(geoip_country(geoip, TEXT("2001:DB8::")), "DE");
    CHECK_TEXT(geoip_country(geoip, TEXT("5.6.7.8")), "NZ");
    CHECK_TEXT(geoip_country(geoip, TEXT("9.255.255.255")), "BR");
    geoip_close(geoip);
    geoip_close(NULL);
}

TEST(a_damaged_file_never_hurts)
{
    static uint8_t good[sizeof(mmdb.file)];
    uint32_t bytes = make_database();
    uint64_t dice = 1;

    memcpy(good, mmdb.file, bytes);
    for (int round = 0; round < 300; round++) {
        const char *why;

        memcpy(mmdb.file, good, bytes);
        for (int i = 0; i < 8; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
            mmdb.file[(dice >> 33) % bytes] = (uint8_t)(dice >> 20);
        }
        write_database(bytes);
        if (geoip_open(path, &geoip, &why) == 0) {
            (void)geoip_country(geoip, TEXT("1.2.3.4"));
            (void)geoip_country(geoip, TEXT("9.1.1.1"));
            (void)geoip_country(geoip, TEXT("2001:db8::1"));
            geoip_close(geoip);
        }
        unlink(path);
    }
}
