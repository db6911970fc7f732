/* SPDX-License-Identifier: Apache-2.0 */
#include "query/cursor.h"

#define KIND_EVENT 'e'
#define KIND_SESSION 's'
#define KIND_MERGE 'm'
#define KIND_PROFILE 'p' /* and a letter for the order */
#define EVENT_BYTES 17u
#define SESSION_BYTES 25u
#define MERGE_BYTES 9u
#define PROFILE_BYTES 26u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint32_t
encoded_bytes(uint32_t bytes)
{
    return (bytes * 8 + 5) / 6;
}

static_assert((PROFILE_BYTES * 8 + 5) / 6 < CURSOR_TEXT_BYTES, "the longest fits");

static void
encode(const uint8_t *from, uint32_t bytes, char *to)
{
    uint32_t bits = 0;
    uint32_t bit_count = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        bits = bits << 8 | from[i];
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            *to++ = alphabet[bits >> bit_count & 63];
        }
    }
    if (bit_count > 0) {
        *to++ = alphabet[bits << (6 - bit_count) & 63];
    }
    *to = '\0';
}

/* Exactly `bytes` of them, and no other spelling of the same. */
static bool
decode(struct text cursor, uint8_t *to, uint32_t bytes)
{
    uint32_t bits = 0;
    uint32_t bit_count = 0;
    uint32_t count = 0;

    if (cursor.bytes != encoded_bytes(bytes)) {
        return false;
    }
    for (uint32_t i = 0; i < cursor.bytes; i++) {
        const char *found = memchr(alphabet, cursor.data[i], sizeof(alphabet) - 1);

        if (found == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(found - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            to[count++] = (uint8_t)(bits >> bit_count);
        }
    }
    ASSERT(count == bytes);
    return (bits & ((1u << bit_count) - 1)) == 0;
}

static void
put_number(uint8_t *to, uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static uint64_t
get_number(const uint8_t *from)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < 8; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

void
cursor_of_event(struct event_place place, char out_text[CURSOR_TEXT_BYTES])
{
    uint8_t bytes[EVENT_BYTES] = {KIND_EVENT};

    put_number(bytes + 1, (uint64_t)place.event_time.ms);
    put_number(bytes + 9, place.position);
    encode(bytes, sizeof(bytes), out_text);
}

void
cursor_of_session(struct session_place place, char out_text[CURSOR_TEXT_BYTES])
{
    uint8_t bytes[SESSION_BYTES] = {KIND_SESSION};

    put_number(bytes + 1, (uint64_t)place.start.ms);
    memcpy(bytes + 9, place.session_id.byte, sizeof(place.session_id.byte));
    encode(bytes, sizeof(bytes), out_text);
}

void
cursor_of_merge(uint64_t ordinal, char out_text[CURSOR_TEXT_BYTES])
{
    uint8_t bytes[MERGE_BYTES] = {KIND_MERGE};

    put_number(bytes + 1, ordinal);
    encode(bytes, sizeof(bytes), out_text);
}

static uint8_t
order_letter(enum profile_order order)
{
    switch (order) {
    case PROFILE_ORDER_LAST_SEEN:
        return 'l';
    case PROFILE_ORDER_FIRST_SEEN:
        return 'f';
    case PROFILE_ORDER_TOTAL_EVENTS:
        return 'e';
    case PROFILE_ORDER_TOTAL_SESSIONS:
        return 's';
    }
    base_die("REQUIRE", "an order of profiles", __FILE__, __LINE__);
}

void
cursor_of_profile(struct profile_place place, enum profile_order order, char out_text[CURSOR_TEXT_BYTES])
{
    uint8_t bytes[PROFILE_BYTES] = {KIND_PROFILE, order_letter(order)};

    put_number(bytes + 2, (uint64_t)place.value);
    memcpy(bytes + 10, place.canonical.byte, sizeof(place.canonical.byte));
    encode(bytes, sizeof(bytes), out_text);
}

bool
cursor_to_event(struct text cursor, struct event_place *out_place)
{
    uint8_t bytes[EVENT_BYTES];

    if (!decode(cursor, bytes, sizeof(bytes)) || bytes[0] != KIND_EVENT) {
        return false;
    }
    out_place->event_time.ms = (int64_t)get_number(bytes + 1);
    out_place->position = get_number(bytes + 9);
    return true;
}

bool
cursor_to_session(struct text cursor, struct session_place *out_place)
{
    uint8_t bytes[SESSION_BYTES];

    if (!decode(cursor, bytes, sizeof(bytes)) || bytes[0] != KIND_SESSION) {
        return false;
    }
    out_place->start.ms = (int64_t)get_number(bytes + 1);
    memcpy(out_place->session_id.byte, bytes + 9, sizeof(out_place->session_id.byte));
    return true;
}

bool
cursor_to_merge(struct text cursor, uint64_t *out_ordinal)
{
    uint8_t bytes[MERGE_BYTES];

    if (!decode(cursor, bytes, sizeof(bytes)) || bytes[0] != KIND_MERGE) {
        return false;
    }
    *out_ordinal = get_number(bytes + 1);
    return true;
}

bool
cursor_to_profile(struct text cursor, enum profile_order order, struct profile_place *out_place)
{
    uint8_t bytes[PROFILE_BYTES];

    if (!decode(cursor, bytes, sizeof(bytes)) || bytes[0] != KIND_PROFILE ||
        bytes[1] != order_letter(order)) {
        return false;
    }
    out_place->value = (int64_t)get_number(bytes + 2);
    memcpy(out_place->canonical.byte, bytes + 10, sizeof(out_place->canonical.byte));
    return true;
}
