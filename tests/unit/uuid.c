/* SPDX-License-Identifier: Apache-2.0 */

#include "core/uuid.h"

#include "tests/check.h"

static struct text
formatted(struct uuid uuid)
{
    static char buffer[UUID_TEXT_BYTES];

    uuid_format(uuid, buffer);
    return text_of(buffer);
}

static struct uuid
parsed(const char *text)
{
    struct uuid uuid = {{0}};

    CHECK(uuid_parse(text_of(text), &uuid));
    return uuid;
}

TEST(what_is_no_uuid_is_refused)
{
    static const char *const refused[] = {
        "",
        "6ba7b812-9dad-11d1-80b4-00c04fd430c",
        "6ba7b812-9dad-11d1-80b4-00c04fd430c88",
        "6ba7b8129dad11d180b400c04fd430c8",
        "6ba7b812 9dad-11d1-80b4-00c04fd430c8",
        "6ba7b812-9dad-11d1-80b4_00c04fd430c8",
        "6ba7b81-29dad-11d1-80b4-00c04fd430c8",
        "6ba7b812-9dad-11d1-80b4-00c04fd430cg",
        "{ba7b812-9dad-11d1-80b4-00c04fd430c}",
        "6ba7b812-9dad-11d1-80b4-00c04fd430\xc3\xa9",
        "`ba7b812-9dad-11d1-80b4-00c04fd430c8",
        "@ba7b812-9dad-11d1-80b4-00c04fd430c8",
    };
    struct uuid uuid = {{9}};

    for (uint32_t i = 0; i < COUNT_OF(refused); i++) {
        if (uuid_parse(text_of(refused[i]), &uuid)) {
            check_failed(__FILE__, __LINE__, "\"%s\" was taken for a UUID", refused[i]);
        }
    }
    CHECK_EQ(uuid.byte[0], 9);
}

TEST(letters_may_be_large_and_come_back_small)
{
    CHECK_TEXT(formatted(parsed("6BA7B812-9DAD-11D1-80b4-00C04FD430C8")),
               "6ba7b812-9dad-11d1-80b4-00c04fd430c8");
    CHECK(uuid_equal(parsed("6ba7b812-9dad-11d1-80b4-00c04fd430c8"), UUID_NAMESPACE_OID));
    CHECK_TEXT(formatted(parsed("00010203-0405-0607-0809-0a0b0c0d0eff")),
               "00010203-0405-0607-0809-0a0b0c0d0eff");
}

TEST(version_5_is_that_of_rfc_4122)
{
    struct uuid dns = parsed("6ba7b810-9dad-11d1-80b4-00c04fd430c8");

    CHECK_TEXT(formatted(uuid_v5(dns, TEXT("www.example.com"))), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    CHECK_TEXT(formatted(uuid_v5(dns, TEXT("python.org"))), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
    /* python3 -c "import uuid; print(uuid.uuid5(uuid.NAMESPACE_OID, '...'))" */
    CHECK_TEXT(formatted(uuid_v5(UUID_NAMESPACE_OID, TEXT(""))), "0a68eb57-c88a-5f34-9e9d-27f85e68af4f");
    CHECK_TEXT(formatted(uuid_v5(UUID_NAMESPACE_OID,
                                 TEXT("a name that is longer than one block of SHA-1, which has 64 bytes"))),
               "939d8843-cf9d-5495-a570-439a7bf017ba");
}

TEST(version_4_keeps_all_other_bits)
{
    CHECK_TEXT(formatted(uuid_random(0, 0)), "00000000-0000-4000-8000-000000000000");
    CHECK_TEXT(formatted(uuid_random(UINT64_MAX, UINT64_MAX)), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    CHECK_TEXT(formatted(uuid_random(UINT64_C(0x0123456789abcdef), UINT64_C(0x0123456789abcdef))),
               "01234567-89ab-4def-8123-456789abcdef");
}
