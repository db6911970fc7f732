/* SPDX-License-Identifier: Apache-2.0 */

#include "core/json_out.h"

#include <math.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/json_in.h"
#include "core/time_text.h"
#include "core/uuid.h"

#define PIECE_BYTES_MIN 1024u
#define PIECE_BYTES_MAX 16384u /* larger ones would waste the ends of the arena's chunks */
#define SLICE_BYTES 256u       /* of a text, escaped at one time */
#define ESCAPE_BYTES_MAX 6u    /* \u001f */
#define OVERSHOOT_BYTES 64u    /* a slice may end one step late, and a step writes up to 16 bytes too many */

struct json_out_piece {
    struct json_out_piece *next;
    uint64_t bytes;
    char data[];
};

void
json_out_init(struct json_out *out, struct arena *arena)
{
    *out = (struct json_out){.arena = arena};
}

static uint64_t
bytes_in_last(const struct json_out *out)
{
    return out->last != NULL ? (uint64_t)(out->at - out->last->data) : 0;
}

uint64_t
json_out_bytes(const struct json_out *out)
{
    return out->bytes_before + bytes_in_last(out);
}

__attribute__((noinline)) static bool
add_piece(struct json_out *out, uint64_t bytes)
{
    uint64_t room = out->last != NULL ? 2 * (uint64_t)(out->end - out->last->data) : PIECE_BYTES_MIN;
    struct json_out_piece *piece;

    if (out->is_full) {
        return false;
    }
    if (room > PIECE_BYTES_MAX) {
        room = PIECE_BYTES_MAX;
    }
    if (room < bytes) {
        room = bytes;
    }
    piece = arena_take(out->arena, sizeof(*piece) + room);
    if (piece == NULL) {
        out->is_full = true;
        return false;
    }
    piece->next = NULL;
    if (out->last == NULL) {
        out->first = piece;
    } else {
        out->last->bytes = bytes_in_last(out);
        out->bytes_before += out->last->bytes;
        out->last->next = piece;
    }
    out->last = piece;
    out->at = piece->data;
    out->end = piece->data + room;
    return true;
}

/* So many bytes to write at out->at, or false. */
static inline bool
has_room(struct json_out *out, uint64_t bytes)
{
    return LIKELY((uint64_t)(out->end - out->at) >= bytes) ? !out->is_full : add_piece(out, bytes);
}

/* Room for so many bytes and a comma; writes the comma. */
static inline bool
begin_value(struct json_out *out, uint64_t bytes)
{
    if (!has_room(out, bytes + 1)) {
        return false;
    }
    if (out->needs_comma) {
        *out->at++ = ',';
    }
    out->needs_comma = true;
    return true;
}

static inline void
bracket_begin(struct json_out *out, char bracket)
{
    if (begin_value(out, 1)) {
        *out->at++ = bracket;
        out->needs_comma = false;
    }
}

static inline void
bracket_end(struct json_out *out, char bracket)
{
    if (has_room(out, 1)) {
        *out->at++ = bracket;
        out->needs_comma = true;
    }
}

void
json_out_object_begin(struct json_out *out)
{
    bracket_begin(out, '{');
}

void
json_out_object_end(struct json_out *out)
{
    bracket_end(out, '}');
}

void
json_out_array_begin(struct json_out *out)
{
    bracket_begin(out, '[');
}

void
json_out_array_end(struct json_out *out)
{
    bracket_end(out, ']');
}

static inline bool
is_tail(unsigned char c, unsigned char min, unsigned char max)
{
    return c >= min && c <= max;
}

/* Bytes of the UTF-8 character at `at`, which is not ASCII; 0 when it is none. */
static uint32_t
character_bytes(const unsigned char *at, uint64_t left)
{
    unsigned char c = at[0];

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }
    if (c < 0xe0) {
        return left >= 2 && is_tail(at[1], 0x80, 0xbf) ? 2 : 0;
    }
    if (c < 0xf0) {
        return left >= 3 && is_tail(at[1], c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf) &&
                       is_tail(at[2], 0x80, 0xbf)
                   ? 3
                   : 0;
    }
    return left >= 4 && is_tail(at[1], c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf) &&
                   is_tail(at[2], 0x80, 0xbf) && is_tail(at[3], 0x80, 0xbf)
               ? 4
               : 0;
}

static char *
write_escape(char *to, unsigned char c)
{
    static const char meaning[32] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    *to++ = '\\';
    if (c >= 0x20) {
        *to++ = (char)c;
        return to;
    }
    if (meaning[c] != 0) {
        *to++ = meaning[c];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = (char)('0' + (c >> 4));
    to[4] = "0123456789abcdef"[c & 0xf];
    return to + 5;
}

/* Moves what needs no care from `*at` to `to`, 16 bytes at a time; `stop` may be passed by up to 15 bytes. */
static inline char *
copy_plain(char *to, const unsigned char **at, const unsigned char *stop, const unsigned char *end)
{
#ifdef __SSE2__
    while (*at < stop && end - *at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)*at);
        /* Signed: control characters, and all that is not ASCII. */
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
        uint32_t mask = (uint32_t)_mm_movemask_epi8(special);
        uint32_t plain = mask != 0 ? (uint32_t)__builtin_ctz(mask) : 16;

        _mm_storeu_si128((__m128i *)(void *)to, bytes);
        *at += plain;
        to += plain;
        if (mask != 0) {
            break;
        }
    }
#else
    (void)stop;
    (void)end;
    (void)at;
#endif
    return to;
}

static const unsigned char *
write_slice(struct json_out *out, const unsigned char *at, const unsigned char *stop,
            const unsigned char *end)
{
    char *to = out->at;

    while (at < stop) {
        unsigned char c;

        to = copy_plain(to, &at, stop, end);
        if (at >= stop) {
            break;
        }
        c = *at;
        if (LIKELY(c >= 0x20 && c < 0x80 && c != '"' && c != '\\')) {
            *to++ = (char)c;
            at++;
        } else if (c < 0x80) {
            to = write_escape(to, c);
            at++;
        } else {
            uint32_t bytes = character_bytes(at, (uint64_t)(end - at));

            memcpy(to, bytes > 0 ? (const void *)at : "\xef\xbf\xbd", bytes > 0 ? bytes : 3);
            to += bytes > 0 ? bytes : 3;
            at += bytes > 0 ? bytes : 1;
        }
    }
    out->at = to;
    return at;
}

/* With its quotes. */
static void
write_string(struct json_out *out, struct text text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.bytes;

    *out->at++ = '"';
    while (at < end) {
        uint64_t bytes = end - at < (ptrdiff_t)SLICE_BYTES ? (uint64_t)(end - at) : SLICE_BYTES;

        if (!has_room(out, bytes * ESCAPE_BYTES_MAX + OVERSHOOT_BYTES)) {
            return;
        }
        at = write_slice(out, at, at + bytes, end);
    }
    if (has_room(out, 2)) {
        *out->at++ = '"';
    }
}

void
json_out_key(struct json_out *out, struct text key)
{
    if (!begin_value(out, 1)) {
        return;
    }
    write_string(out, key);
    if (has_room(out, 1)) {
        *out->at++ = ':';
    }
    out->needs_comma = false;
}

void
json_out_text(struct json_out *out, struct text text)
{
    if (begin_value(out, 1)) {
        write_string(out, text);
    }
}

void
json_out_raw(struct json_out *out, struct text json)
{
    if (begin_value(out, json.bytes) && json.bytes > 0) {
        memcpy(out->at, json.data, json.bytes);
        out->at += json.bytes;
    }
}

void
json_out_int(struct json_out *out, int64_t value)
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[20];
    uint32_t at = sizeof(digits);

    if (!begin_value(out, 1 + sizeof(digits))) {
        return;
    }
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *out->at++ = '-';
    }
    memcpy(out->at, digits + at, sizeof(digits) - at);
    out->at += sizeof(digits) - at;
}

void
json_out_double(struct json_out *out, double value)
{
    char buffer[JSON_NUMBER_BYTES_MAX];
    struct text text;

    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    if (fabs(value) < 0x1p53 && value == (double)(int64_t)value) {
        json_out_int(out, (int64_t)value);
        return;
    }
    text = json_double_text(value, buffer);
    json_out_raw(out, text);
    /* Up to 1e21 the text of a large whole number is its digits. */
    if (fabs(value) >= 0x1p53 && memchr(text.data, 'e', text.bytes) == NULL && has_room(out, 2)) {
        memcpy(out->at, ".0", 2);
        out->at += 2;
    }
}

void
json_out_bool(struct json_out *out, bool value)
{
    json_out_raw(out, value ? TEXT("true") : TEXT("false"));
}

void
json_out_null(struct json_out *out)
{
    json_out_raw(out, TEXT("null"));
}

void
json_out_time(struct json_out *out, int64_t unix_ms)
{
    char buffer[2 + TIME_TEXT_BYTES];

    buffer[0] = '"';
    time_text_format(unix_ms, buffer + 1);
    buffer[TIME_TEXT_BYTES] = '"';
    json_out_raw(out, (struct text){.data = buffer, .bytes = TIME_TEXT_BYTES + 1});
}

void
json_out_uuid(struct json_out *out, struct uuid uuid)
{
    char buffer[2 + UUID_TEXT_BYTES];

    buffer[0] = '"';
    uuid_format(uuid, buffer + 1);
    buffer[UUID_TEXT_BYTES] = '"';
    json_out_raw(out, (struct text){.data = buffer, .bytes = UUID_TEXT_BYTES + 1});
}

struct text
json_out_finish(struct json_out *out)
{
    uint64_t bytes = json_out_bytes(out);
    char *joined;
    char *to;

    if (out->is_full || bytes > UINT32_MAX) {
        return (struct text){.data = NULL, .bytes = 0};
    }
    if (out->first == NULL) {
        return TEXT("");
    }
    if (out->first == out->last) {
        return (struct text){.data = out->first->data, .bytes = (uint32_t)bytes};
    }
    out->last->bytes = bytes_in_last(out);
    joined = to = arena_take(out->arena, bytes);
    if (joined == NULL) {
        out->is_full = true;
        return (struct text){.data = NULL, .bytes = 0};
    }
    for (const struct json_out_piece *piece = out->first; piece != NULL; piece = piece->next) {
        memcpy(to, piece->data, piece->bytes);
        to += piece->bytes;
    }
    return (struct text){.data = joined, .bytes = (uint32_t)bytes};
}
