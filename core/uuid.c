/* SPDX-License-Identifier: Apache-2.0 */

#include "core/uuid.h"

/* The one-shot call of OpenSSL 3 looks its algorithm up by name each time: 5 times as slow on short names. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

const struct uuid UUID_NAMESPACE_OID = {
    .byte = {0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8},
};

static void
set_version(struct uuid *uuid, uint8_t version)
{
    uuid->byte[6] = (uint8_t)((uuid->byte[6] & 0x0f) | version << 4);
    uuid->byte[8] = (uint8_t)((uuid->byte[8] & 0x3f) | 0x80);
}

struct uuid
uuid_v5(struct uuid space, struct text name)
{
    uint8_t digest[SHA_DIGEST_LENGTH];
    struct uuid uuid;
    SHA_CTX sha;

    SHA1_Init(&sha);
    SHA1_Update(&sha, space.byte, sizeof(space.byte));
    SHA1_Update(&sha, name.data, name.bytes);
    SHA1_Final(digest, &sha);
    memcpy(uuid.byte, digest, sizeof(uuid.byte));
    set_version(&uuid, 5);
    return uuid;
}

struct uuid
uuid_random(uint64_t hi, uint64_t lo)
{
    struct uuid uuid;

    for (uint32_t i = 0; i < 8; i++) {
        uuid.byte[i] = (uint8_t)(hi >> (56 - 8 * i));
        uuid.byte[8 + i] = (uint8_t)(lo >> (56 - 8 * i));
    }
    set_version(&uuid, 4);
    return uuid;
}

/* 0 to 15, or more for what is no hexadecimal digit. */
static uint32_t
digit_value(char c)
{
    uint32_t digit = (uint32_t)(unsigned char)c - '0';
    uint32_t letter = ((uint32_t)(unsigned char)c | 0x20) - 'a';

    if (digit < 10) {
        return digit;
    }
    return letter < 6 ? letter + 10 : 0x100;
}

static bool
is_before_dash(uint32_t byte_index)
{
    return byte_index == 3 || byte_index == 5 || byte_index == 7 || byte_index == 9;
}

bool
uuid_parse(struct text text, struct uuid *out_uuid)
{
    const char *at = text.data;
    struct uuid uuid;

    if (text.bytes != UUID_TEXT_BYTES - 1) {
        return false;
    }
    for (uint32_t i = 0; i < sizeof(uuid.byte); i++) {
        uint32_t value = digit_value(at[0]) << 4 | digit_value(at[1]);

        if (value > 0xff) {
            return false;
        }
        uuid.byte[i] = (uint8_t)value;
        at += 2;
        if (is_before_dash(i) && *at++ != '-') {
            return false;
        }
    }
    *out_uuid = uuid;
    return true;
}

void
uuid_format(struct uuid uuid, char out_text[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *to = out_text;

    for (uint32_t i = 0; i < sizeof(uuid.byte); i++) {
        *to++ = digits[uuid.byte[i] >> 4];
        *to++ = digits[uuid.byte[i] & 0xf];
        if (is_before_dash(i)) {
            *to++ = '-';
        }
    }
    *to = '\0';
}
