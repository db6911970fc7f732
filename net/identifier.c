/* SPDX-License-Identifier: Apache-2.0 */

#include "net/identifier.h"

#include "net/field.h"

static const struct text built_in[] = {
    TEXT("null"),
    TEXT("undefined"),
    TEXT("none"),
    TEXT("nil"),
    TEXT("nan"),
    TEXT("anonymous"),
    TEXT("unknown"),
    TEXT("guest"),
    TEXT("0"),
    TEXT("-1"),
    TEXT("true"),
    TEXT("false"),
    TEXT("[object object]"),
    TEXT("00000000-0000-0000-0000-000000000000"),
};

static char
folded(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static uint64_t
length_bit(uint32_t bytes)
{
    return UINT64_C(1) << (bytes < 63 ? bytes : 63);
}

static bool
block(struct identifier_blocked *blocked, struct text value)
{
    uint8_t first;

    value = field_trim(value);
    if (value.bytes == 0) {
        return true; /* Blocked anyway. */
    }
    if (blocked->count == IDENTIFIER_BLOCKED_COUNT_MAX ||
        value.bytes > IDENTIFIER_BLOCKED_BYTES_MAX - blocked->bytes) {
        return false;
    }
    for (uint32_t i = 0; i < value.bytes; i++) {
        blocked->values[blocked->bytes + i] = folded(value.data[i]);
    }
    first = (uint8_t)folded(value.data[0]);
    blocked->first_bytes[first / 64] |= UINT64_C(1) << (first % 64);
    blocked->lengths |= length_bit(value.bytes);
    blocked->bytes += value.bytes;
    blocked->value_end[blocked->count] = (uint16_t)blocked->bytes;
    blocked->count++;
    return true;
}

bool
identifier_blocked_init(struct identifier_blocked *blocked, const struct text *configured,
                        uint32_t configured_count)
{
    memset(blocked, 0, sizeof(*blocked));

    for (uint32_t i = 0; i < COUNT_OF(built_in); i++) {
        if (!block(blocked, built_in[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < configured_count; i++) {
        if (!block(blocked, configured[i])) {
            return false;
        }
    }
    return true;
}

static bool
equals_folded(const char *value, struct text text)
{
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (folded(text.data[i]) != value[i]) {
            return false;
        }
    }
    return true;
}

bool
identifier_is_blocked(const struct identifier_blocked *blocked, struct text value)
{
    uint32_t begin = 0;
    uint8_t first;

    value = field_trim(value);
    if (value.bytes == 0) {
        return true;
    }
    /* Nearly all values leave here. */
    first = (uint8_t)folded(value.data[0]);
    if ((blocked->lengths & length_bit(value.bytes)) == 0 ||
        (blocked->first_bytes[first / 64] >> (first % 64) & 1) == 0) {
        return false;
    }
    /* Linear: some tens of values, and few of one length. */
    for (uint32_t i = 0; i < blocked->count; i++) {
        uint32_t end = blocked->value_end[i];
        if (end - begin == value.bytes && equals_folded(blocked->values + begin, value)) {
            return true;
        }
        begin = end;
    }
    return false;
}
