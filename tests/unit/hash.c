/* SPDX-License-Identifier: Apache-2.0 */

#include "core/hash.h"

#include "tests/check.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

static const struct hash_key key = {.lo = UINT64_C(0x0706050403020100), .hi = UINT64_C(0x0f0e0d0c0b0a0908)};

/* OpenSSL's SipHash with our numbers of rounds. */
static struct hash128
sip_of_openssl(unsigned rounds, unsigned last_rounds, const void *data, size_t bytes)
{
    size_t size = 16;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &rounds),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &last_rounds),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    struct hash128 hash = {0};
    size_t written = 0;

    CHECK_EQ(EVP_MAC_init(context, (const unsigned char *)&key, sizeof(key), params), 1);
    CHECK_EQ(EVP_MAC_update(context, data, bytes), 1);
    CHECK_EQ(EVP_MAC_final(context, (unsigned char *)&hash, &written, sizeof(hash)), 1);
    CHECK_EQ(written, sizeof(hash));
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    return hash;
}

static void
fill(char *buffer, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        buffer[i] = (char)i;
    }
}

TEST(the_judge_knows_the_reference_vectors)
{
    static const uint8_t empty[16] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                      0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    static const uint8_t one_zero[16] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                         0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    struct hash128 hash = sip_of_openssl(2, 4, "", 0);

    CHECK_BYTES(&hash, empty, 16);
    hash = sip_of_openssl(2, 4, "\0", 1);
    CHECK_BYTES(&hash, one_zero, 16);
}

TEST(the_keyed_hash_of_one_text_is_siphash_1_3_128)
{
    char buffer[300];

    fill(buffer, sizeof(buffer));
    for (uint32_t bytes = 0; bytes <= sizeof(buffer); bytes++) {
        struct hash128 ours = hash128_keyed_one(key, (struct text){.data = buffer, .bytes = bytes});
        struct hash128 theirs = sip_of_openssl(1, 3, buffer, bytes);

        CHECK(hash128_equal(ours, theirs));
    }
}

TEST(the_keyed_hash_of_two_texts_is_that_of_lengths_and_padded_texts)
{
    char buffer[40];

    fill(buffer, sizeof(buffer));
    for (uint32_t first = 0; first <= 20; first++) {
        for (uint32_t second = 0; second <= 20; second++) {
            struct text a = {.data = buffer, .bytes = first};
            struct text b = {.data = buffer + first, .bytes = second};
            char message[8 + 24 + 24] = {0};
            uint32_t bytes = 8;

            memcpy(message, &first, 4);
            memcpy(message + 4, &second, 4);
            memcpy(message + bytes, a.data, a.bytes);
            bytes += (uint32_t)align_up(first, 8);
            memcpy(message + bytes, b.data, b.bytes);
            bytes += (uint32_t)align_up(second, 8);
            CHECK(hash128_equal(hash128_keyed(key, a, b),
                                hash128_keyed_one(key, (struct text){.data = message, .bytes = bytes})));
        }
    }
}

TEST(two_texts_are_not_one_cut_elsewhere)
{
    CHECK(
        !hash128_equal(hash128_keyed(key, TEXT("ab"), TEXT("c")), hash128_keyed(key, TEXT("a"), TEXT("bc"))));
    CHECK(
        !hash128_equal(hash128_keyed(key, TEXT(""), TEXT("abc")), hash128_keyed(key, TEXT("abc"), TEXT(""))));
    CHECK(!hash128_equal(hash128_keyed(key, TEXT("a"), TEXT("")), hash128_keyed(key, TEXT("a\0"), TEXT(""))));
    CHECK(hash128_equal(hash128_keyed(key, (struct text){0}, TEXT("")),
                        hash128_keyed(key, TEXT(""), (struct text){0})));
}

TEST(another_secret_is_another_hash)
{
    struct hash_key other = {.lo = key.lo ^ 1, .hi = key.hi};

    CHECK(!hash128_equal(hash128_keyed_one(key, TEXT("x")), hash128_keyed_one(other, TEXT("x"))));
}

TEST(the_fast_hash_is_xxh3)
{
    CHECK_EQ(hash64(0, TEXT("")), UINT64_C(0x2d06800538d394c2));
    CHECK_EQ(hash64(0, (struct text){0}), UINT64_C(0x2d06800538d394c2));
    CHECK(hash64(0, TEXT("a")) != hash64(1, TEXT("a")));
}

TEST(mixing_keeps_numbers_apart)
{
    CHECK_EQ(hash_mix(0), 0);
    for (uint64_t i = 1; i < 1000; i++) {
        CHECK(hash_mix(i) >> 32 != hash_mix(i - 1) >> 32);
    }
}

TEST(the_checksum_is_crc_32c)
{
    char buffer[32];

    CHECK_EQ(checksum32("", 0), 0);
    CHECK_EQ(checksum32("123456789", 9), UINT32_C(0xe3069283));
    memset(buffer, 0, sizeof(buffer));
    CHECK_EQ(checksum32(buffer, sizeof(buffer)), UINT32_C(0x8a9136aa));
    memset(buffer, 0xff, sizeof(buffer));
    CHECK_EQ(checksum32(buffer, sizeof(buffer)), UINT32_C(0x62a8ab43));
    fill(buffer, sizeof(buffer));
    CHECK_EQ(checksum32(buffer, sizeof(buffer)), UINT32_C(0x46dd794e));
    CHECK_EQ(checksum32_more_portable(0, "123456789", 9), UINT32_C(0xe3069283));
}

TEST(lanes_and_tables_agree_at_every_length)
{
    static char buffer[3 * 3 * 1024 + 64];

    for (uint32_t i = 0; i < sizeof(buffer); i++) {
        buffer[i] = (char)hash_mix(i + 1);
    }
    for (uint32_t bytes = 0; bytes <= sizeof(buffer) - 3;
         bytes += bytes < 100 || bytes % 1024 > 1000 ? 1 : 37) {
        CHECK_EQ(checksum32(buffer + 3, bytes), checksum32_more_portable(0, buffer + 3, bytes));
    }
}

TEST(a_checksum_goes_on_where_it_stopped)
{
    static char buffer[7000];

    fill(buffer, sizeof(buffer));
    for (uint32_t cut = 0; cut <= sizeof(buffer); cut += 333) {
        CHECK_EQ(checksum32_more(checksum32(buffer, cut), buffer + cut, sizeof(buffer) - cut),
                 checksum32(buffer, sizeof(buffer)));
    }
}
