/* SPDX-License-Identifier: Apache-2.0 */

#include "net/body.h"

#include <stdlib.h>

#include <zlib.h>

#include "core/json_in.h"
#include "tests/check.h"

#define BYTES_MAX (1u << 20)

/* A clock that goes on by `tick_ns` each time it is asked. */
static uint64_t now_ns;
static uint64_t tick_ns;

static struct mono_ns
test_mono(struct env *env)
{
    (void)env;
    now_ns += tick_ns;
    return (struct mono_ns){.ns = now_ns};
}

static const struct env_ops env_ops = {.mono = test_mono};
static struct env env = {.ops = &env_ops};

static struct arena_pool pool;
static struct arena arena;
static struct body body;
static struct text out;
static uint32_t step_count;

static char plain[4u << 20];
static uint8_t packed[4u << 20];

static void
given_memory(uint64_t bytes_max)
{
    arena_reset(&arena);
    arena_pool_init(&pool, 0);
    arena_init(&arena, &pool, bytes_max);
    tick_ns = 0;
    now_ns = 0;
}

/* As a gzip member (15 + 16), zlib (15) or bare deflate (-15). */
static uint32_t
pack(const char *data, uint32_t bytes, int window_bits, uint8_t *to, uint32_t to_bytes)
{
    z_stream stream = {
        .next_in = (Bytef *)(uintptr_t)data, .avail_in = bytes, .next_out = to, .avail_out = to_bytes};

    CHECK_EQ(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    CHECK_EQ(deflateEnd(&stream), Z_OK);
    return (uint32_t)stream.total_out;
}

static int
open_and_step(const void *data, uint32_t bytes, const char *encoding, uint32_t bytes_max)
{
    /* Exactly as long as it says, so that overruns are seen. */
    static char *raw;
    int r;

    free(raw);
    raw = malloc(bytes + 1);
    CHECK(raw != NULL);
    memcpy(raw, data, bytes);
    r = body_open(&body, &arena,
                  &(struct body_options){.raw = {.data = raw, .bytes = bytes},
                                         .encoding = text_of(encoding),
                                         .bytes_max = bytes_max});
    step_count = 0;
    while (r == 0) {
        step_count++;
        r = body_step(&body, &env, (struct mono_ns){.ns = now_ns + 1}, &out);
        if (r != BODY_MORE) {
            break;
        }
        r = 0;
    }
    return r;
}

static void
check_out(const char *expected, uint32_t bytes)
{
    static const char zeros[JSON_IN_PADDING];

    CHECK_EQ(out.bytes, bytes);
    CHECK_BYTES(out.data, expected, bytes);
    CHECK_BYTES(out.data + out.bytes, zeros, JSON_IN_PADDING);
}

/* Thrown dice, the same each time. */
static uint32_t throw(uint32_t sides)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % sides;
}

static void
fill_plain(void)
{
    for (uint32_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (char)('a' + (i * 2654435761u >> 28));
    }
}

TEST(what_is_not_compressed_as_it_says_is_bad)
{
    uint32_t bytes;

    given_memory(0);
    CHECK_EQ(open_and_step("{}", 2, "gzip", BYTES_MAX), BODY_BAD);
    CHECK_TEXT(body_reason(&body), "body: said to be gzip, and is not");
    CHECK_EQ(open_and_step("", 0, "gzip", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("{}", 2, "br", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("{}", 2, "gzip, gzip", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("{\"a\":1}", 7, "deflate", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("", 0, "deflate", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("\x1f\x8b", 2, "", BYTES_MAX), BODY_BAD);
    CHECK_EQ(open_and_step("\x1f\x8b\x08 and so on, but no", 22, "", BYTES_MAX), BODY_BAD);

    bytes = pack("{\"a\":1}", 7, 31, packed, sizeof(packed));
    for (uint32_t cut = 2; cut < bytes; cut++) {
        CHECK_EQ(open_and_step(packed, cut, "gzip", BYTES_MAX), BODY_BAD);
    }
    packed[bytes] = 'x';
    CHECK_EQ(open_and_step(packed, bytes + 1, "gzip", BYTES_MAX), BODY_BAD);
    CHECK_TEXT(body_reason(&body), "body: more after the end of its compressed data");
    packed[bytes - 8] ^= 1; /* its checksum */
    CHECK_EQ(open_and_step(packed, bytes, "gzip", BYTES_MAX), BODY_BAD);
    CHECK_TEXT(body_reason(&body), "body: its compressed data is damaged");
}

TEST(over_the_limit_is_too_large_compressed_or_not)
{
    uint32_t bytes;

    given_memory(0);
    fill_plain();
    CHECK_EQ(open_and_step(plain, 1001, "", 1000), BODY_TOO_LARGE);
    CHECK_EQ(open_and_step(plain, 1000, "", 1000), 0);
    check_out(plain, 1000);
    bytes = pack(plain, 1001, 31, packed, sizeof(packed));
    CHECK_EQ(open_and_step(packed, bytes, "", 1000), BODY_TOO_LARGE);
    bytes = pack(plain, 1000, 31, packed, sizeof(packed));
    CHECK_EQ(open_and_step(packed, bytes, "", 1000), 0);
    check_out(plain, 1000);
    CHECK_EQ(open_and_step(packed, bytes, "", bytes - 1), BODY_TOO_LARGE);
    /* 0: the usual limit. */
    CHECK_EQ(open_and_step(plain, BODY_BYTES_MAX, "", 0), 0);
}

TEST(a_bomb_stops_at_the_limit_and_takes_no_more_memory)
{
    uint32_t bytes;
    uint32_t more = 0;

    memset(plain, 0, sizeof(plain));
    bytes = pack(plain, sizeof(plain), 31, packed, sizeof(packed));
    given_memory(0);
    CHECK_EQ(open_and_step(packed, bytes, "", 65536), BODY_TOO_LARGE);
    CHECK(arena.bytes_used < 65536 * 4 + 65536);

    /* 100 members of 4 MiB, and a trailer that lies. */
    for (uint32_t i = 0; i < 100; i++) {
        memcpy(packed + more, packed, bytes);
        more += bytes;
    }
    memset(packed + more - 4, 0xff, 4);
    given_memory(0);
    CHECK_EQ(open_and_step(packed, more, "", BODY_BYTES_MAX), BODY_TOO_LARGE);
    CHECK(arena.bytes_used < 4 * BODY_BYTES_MAX);
}

TEST(no_memory_is_an_answer)
{
    uint32_t bytes;

    fill_plain();
    bytes = pack(plain, 100000, 31, packed, sizeof(packed));
    for (uint64_t limit = 1; limit < 300000; limit += 9973) {
        int r;
        given_memory(limit);
        r = open_and_step(packed, bytes, "", BYTES_MAX);
        CHECK(r == BODY_FULL || r == 0);
        given_memory(limit);
        r = open_and_step(plain, 100000, "", BYTES_MAX);
        CHECK(r == BODY_FULL || r == 0);
    }
}

TEST(plain_bodies_come_back_padded)
{
    given_memory(0);
    CHECK_EQ(open_and_step("", 0, "", BYTES_MAX), 0);
    check_out("", 0);
    CHECK_EQ(open_and_step("{}", 2, "identity", BYTES_MAX), 0);
    check_out("{}", 2);
}

TEST(a_padded_plain_body_is_not_copied)
{
    static const char padded[2 + JSON_IN_PADDING] = "{}";

    given_memory(0);
    CHECK_EQ(body_open(&body, &arena,
                       &(struct body_options){.raw = {.data = padded, .bytes = 2}, .is_padded = true}),
             0);
    CHECK_EQ(body_step(&body, &env, MONO_NEVER, &out), 0);
    CHECK(out.data == padded);
    CHECK_EQ(out.bytes, 2);
    CHECK_EQ(arena.bytes_used, 0);
}

TEST(gzip_is_seen_by_its_first_bytes_or_its_header)
{
    static const char *const encodings[] = {"", "gzip", "GZIP", " x-gzip ", "identity", "deflate", "br"};
    uint32_t bytes = pack("{\"a\":1}", 7, 31, packed, sizeof(packed));

    given_memory(0);
    for (uint32_t i = 0; i < COUNT_OF(encodings); i++) {
        CHECK_EQ(open_and_step(packed, bytes, encodings[i], BYTES_MAX), 0);
        check_out("{\"a\":1}", 7);
    }
}

TEST(deflate_is_zlib_or_bare)
{
    uint32_t bytes;

    given_memory(0);
    bytes = pack("{\"a\":1}", 7, 15, packed, sizeof(packed));
    CHECK_EQ(open_and_step(packed, bytes, "deflate", BYTES_MAX), 0);
    check_out("{\"a\":1}", 7);
    CHECK_EQ(open_and_step(packed, bytes - 1, "deflate", BYTES_MAX), BODY_BAD);
    bytes = pack("{\"a\":1}", 7, -15, packed, sizeof(packed));
    CHECK_EQ(open_and_step(packed, bytes, "Deflate", BYTES_MAX), 0);
    check_out("{\"a\":1}", 7);
}

TEST(members_follow_each_other_and_zeros_may_follow_them)
{
    uint32_t bytes;

    given_memory(0);
    bytes = pack("{\"a\"", 4, 31, packed, sizeof(packed));
    bytes += pack("", 0, 31, packed + bytes, (uint32_t)sizeof(packed) - bytes);
    bytes += pack(":1}", 3, 31, packed + bytes, (uint32_t)sizeof(packed) - bytes);
    memset(packed + bytes, 0, 9);
    CHECK_EQ(open_and_step(packed, bytes + 9, "gzip", BYTES_MAX), 0);
    check_out("{\"a\":1}", 7);
}

TEST(long_work_is_done_in_steps)
{
    uint32_t bytes;

    fill_plain();
    bytes = pack(plain, 3u << 20, 31, packed, sizeof(packed));
    given_memory(0);
    tick_ns = 1; /* every look at the clock is a deadline */
    CHECK_EQ(open_and_step(packed, bytes, "", BODY_BYTES_MAX), 0);
    CHECK(step_count >= (3u << 20) / 32768);
    check_out(plain, 3u << 20);

    CHECK_EQ(open_and_step(plain, 3u << 20, "", BODY_BYTES_MAX), 0);
    CHECK(step_count >= 12);
    check_out(plain, 3u << 20);
}

TEST(noise_does_no_harm)
{
    uint32_t bytes =
        pack("{\"tenant_id\":\"t\",\"event_type\":\"page_view\"}", 42, 31, packed, sizeof(packed));
    uint8_t noisy[256];

    for (uint32_t round = 0; round < 20000; round++) {
        int r;
        memcpy(noisy, packed, bytes);
        for (uint32_t i = throw(4) + 1; i > 0; i--) {
            noisy[2 + throw(bytes - 2)] = (uint8_t) throw(256);
        }
        given_memory(0);
        r = open_and_step(noisy, bytes, "", BYTES_MAX);
        CHECK(r == 0 || r == BODY_BAD);
    }
}
