/* SPDX-License-Identifier: Apache-2.0 */

#include "net/body.h"

#include <zlib.h>

#include "core/json_in.h"
#include "net/field.h"

/* Inflating runs at 200 to 400 MB/s here, so a piece is at most some 100 us. Empty blocks and members give no
   output, so input is bounded too. */
#define PIECE_IN_BYTES_MAX 32768u
#define PIECE_OUT_BYTES_MAX 32768u
#define PIECE_COPY_BYTES_MAX (256u << 10)
/* What JSON deflates to; a trailer that promises more gets its room when it delivers. */
#define RATIO_LIKELY 32u
#define ROOM_BYTES_MIN 4096u
#define GZIP_BYTES_MIN 18u
#define WINDOW_BITS_ZLIB 15
#define WINDOW_BITS_RAW (-15)
#define WINDOW_BITS_GZIP (15 + 16)

static int
refuse(struct body *body, enum body_answer answer, const char *reason)
{
    body->reason = reason;
    return (int)answer;
}

static void *
zlib_take(void *context, unsigned count, unsigned bytes)
{
    return arena_take(context, (uint64_t)count * bytes);
}

/* The arena gives everything back at once. */
static void
zlib_put(void *context, void *memory)
{
    (void)context;
    (void)memory;
}

static bool
begins_like_gzip(struct text bytes)
{
    return bytes.bytes >= 2 && (uint8_t)bytes.data[0] == 0x1f && (uint8_t)bytes.data[1] == 0x8b;
}

/* RFC 9110 says that "deflate" is zlib's format; clients that send bare deflate are older than that sentence. */
static bool
begins_like_zlib(struct text bytes)
{
    return bytes.bytes >= 2 && ((uint8_t)bytes.data[0] & 0x0f) == Z_DEFLATED &&
           ((uint8_t)bytes.data[0] * 256 + (uint8_t)bytes.data[1]) % 31 == 0;
}

static bool
is_word(struct text text, const char *word)
{
    return text.bytes == strlen(word) && strncasecmp(text.data, word, text.bytes) == 0;
}

static int
find_form(struct body *body)
{
    struct text encoding = field_trim(body->options.encoding);

    if (begins_like_gzip(body->options.raw)) {
        body->form = BODY_GZIP;
        return 0;
    }
    if (encoding.bytes == 0 || is_word(encoding, "identity")) {
        body->form = BODY_PLAIN;
        return 0;
    }
    if (is_word(encoding, "gzip") || is_word(encoding, "x-gzip")) {
        return refuse(body, BODY_BAD, "body: said to be gzip, and is not");
    }
    if (is_word(encoding, "deflate")) {
        body->form = BODY_DEFLATE;
        return 0;
    }
    return refuse(body, BODY_BAD, "body: a content encoding other than gzip and deflate");
}

/* A gzip file ends with its length. It may lie, so it is a hint. */
static uint32_t
likely_bytes(const struct body *body)
{
    struct text raw = body->options.raw;
    uint64_t bytes = (uint64_t)raw.bytes * RATIO_LIKELY;

    if (body->form == BODY_GZIP && raw.bytes >= GZIP_BYTES_MIN) {
        uint32_t said;

        memcpy(&said, raw.data + raw.bytes - sizeof(said), sizeof(said));
        /* One more, so that inflating sees the end of the stream without asking for room. */
        bytes = said < bytes ? (uint64_t)said + 1 : bytes;
    } else {
        bytes = (uint64_t)raw.bytes * 4;
    }
    if (bytes < ROOM_BYTES_MIN) {
        return ROOM_BYTES_MIN;
    }
    return bytes < body->options.bytes_max ? (uint32_t)bytes : body->options.bytes_max + 1;
}

/* One byte over the limit is room that only a body over the limit uses. */
static int
make_room(struct body *body, uint32_t bytes)
{
    uint32_t room = bytes <= body->options.bytes_max ? bytes : body->options.bytes_max + 1;
    char *out = arena_take(body->arena, (uint64_t)room + JSON_IN_PADDING);

    if (out == NULL) {
        return refuse(body, BODY_FULL, "body: no memory for it now");
    }
    if (body->out_bytes > 0) {
        memcpy(out, body->out, body->out_bytes);
    }
    body->out = out;
    body->out_bytes_max = room;
    return 0;
}

static int
open_stream(struct body *body)
{
    int window_bits = body->form == BODY_GZIP               ? WINDOW_BITS_GZIP
                      : begins_like_zlib(body->options.raw) ? WINDOW_BITS_ZLIB
                                                            : WINDOW_BITS_RAW;
    struct z_stream_s *stream = arena_take_zero(body->arena, sizeof(*stream));

    if (stream == NULL) {
        return refuse(body, BODY_FULL, "body: no memory for it now");
    }
    stream->zalloc = zlib_take;
    stream->zfree = zlib_put;
    stream->opaque = body->arena;
    if (inflateInit2(stream, window_bits) != Z_OK) {
        return refuse(body, BODY_FULL, "body: no memory for it now");
    }
    body->stream = stream;
    return make_room(body, likely_bytes(body));
}

int
body_open(struct body *body, struct arena *arena, const struct body_options *options)
{
    int r;

    *body = (struct body){.arena = arena, .options = *options, .reason = ""};
    if (body->options.bytes_max == 0) {
        body->options.bytes_max = BODY_BYTES_MAX;
    }
    REQUIRE(body->options.bytes_max < UINT32_MAX - JSON_IN_PADDING);

    if (body->options.raw.bytes > body->options.bytes_max) {
        return refuse(body, BODY_TOO_LARGE, "body: over the limit");
    }
    r = find_form(body);
    if (r != 0) {
        return r;
    }
    if (body->form != BODY_PLAIN) {
        return open_stream(body);
    }
    if (body->options.is_padded) {
        return 0;
    }
    return make_room(body, body->options.raw.bytes);
}

/* Plain bodies: 0 when all is there, else BODY_MORE. */
static int
copy_piece(struct body *body)
{
    struct text raw = body->options.raw;
    uint32_t bytes = raw.bytes - body->raw_used;

    if (body->options.is_padded) {
        body->out = (char *)(uintptr_t)raw.data; /* Never written to. */
        body->out_bytes = raw.bytes;
        return 0;
    }
    bytes = bytes < PIECE_COPY_BYTES_MAX ? bytes : PIECE_COPY_BYTES_MAX;
    if (bytes > 0) {
        memcpy(body->out + body->out_bytes, raw.data + body->raw_used, bytes);
    }
    body->raw_used += bytes;
    body->out_bytes += bytes;
    return body->raw_used < raw.bytes ? BODY_MORE : 0;
}

/* What follows the end of a stream: another member, the zeros that some tools pad with, or a lie. */
static int
end_of_stream(struct body *body)
{
    struct text rest = {.data = body->options.raw.data + body->raw_used,
                        .bytes = body->options.raw.bytes - body->raw_used};

    if (body->form == BODY_GZIP && begins_like_gzip(rest)) {
        return inflateReset(body->stream) == Z_OK ? BODY_MORE : refuse(body, BODY_BAD, "body: not gzip");
    }
    for (uint32_t i = 0; i < rest.bytes; i++) {
        if (rest.data[i] != '\0') {
            return refuse(body, BODY_BAD, "body: more after the end of its compressed data");
        }
    }
    return 0;
}

static int
inflate_piece(struct body *body)
{
    struct z_stream_s *stream = body->stream;
    uint32_t in_bytes = body->options.raw.bytes - body->raw_used;
    uint32_t out_bytes;
    int code;

    if (body->out_bytes == body->out_bytes_max) {
        int r = make_room(body, body->out_bytes_max * 2);
        if (r != 0) {
            return r;
        }
    }
    in_bytes = in_bytes < PIECE_IN_BYTES_MAX ? in_bytes : PIECE_IN_BYTES_MAX;
    out_bytes = body->out_bytes_max - body->out_bytes;
    out_bytes = out_bytes < PIECE_OUT_BYTES_MAX ? out_bytes : PIECE_OUT_BYTES_MAX;

    stream->next_in = (Bytef *)(uintptr_t)(body->options.raw.data + body->raw_used); /* zlib only reads it. */
    stream->avail_in = in_bytes;
    stream->next_out = (Bytef *)body->out + body->out_bytes;
    stream->avail_out = out_bytes;
    code = inflate(stream, Z_NO_FLUSH);
    body->raw_used += in_bytes - stream->avail_in;
    body->out_bytes += out_bytes - stream->avail_out;

    if (body->out_bytes > body->options.bytes_max) {
        return refuse(body, BODY_TOO_LARGE, "body: over the limit when inflated");
    }
    switch (code) {
    case Z_OK:
        return BODY_MORE;
    case Z_STREAM_END:
        return end_of_stream(body);
    case Z_BUF_ERROR: /* There was room, so what lacks is input. */
        return refuse(body, BODY_BAD, "body: its compressed data is cut short");
    case Z_MEM_ERROR:
        return refuse(body, BODY_FULL, "body: no memory for it now");
    default:
        return refuse(body, BODY_BAD, "body: its compressed data is damaged");
    }
}

int
body_step(struct body *body, struct env *env, struct mono_ns until, struct text *out_text)
{
    int r;

    for (;;) {
        r = body->form == BODY_PLAIN ? copy_piece(body) : inflate_piece(body);
        if (r != BODY_MORE) {
            break;
        }
        if (env_mono(env).ns >= until.ns) {
            return BODY_MORE;
        }
    }
    if (r != 0) {
        return r;
    }
    if (body->form != BODY_PLAIN || !body->options.is_padded) {
        memset(body->out + body->out_bytes, 0, JSON_IN_PADDING);
    }
    *out_text = (struct text){.data = body->out, .bytes = body->out_bytes};
    return 0;
}

const char *
body_reason(const struct body *body)
{
    return body->reason;
}
