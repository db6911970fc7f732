/* SPDX-License-Identifier: Apache-2.0 */
#include "net/normaliser.h"

#include "net/body.h"
#include "tests/fuzz/fuzz.h"

#define RECEIVED_AT INT64_C(1780315200000)
#define BYTES_MAX (256u << 10)

static uint64_t dice;

static struct mono_ns
no_time(struct env *env)
{
    (void)env;
    return (struct mono_ns){.ns = 0};
}

static const struct env_ops env_ops = {.mono = no_time};
static struct env env = {.ops = &env_ops};

static uint64_t
throw_dice(void *context)
{
    (void)context;
    return ++dice;
}

/* A draft that was accepted becomes a record that can be read back. */
static void
check_draft(const struct event_draft *draft)
{
    static const uint8_t secret[32];
    const uint32_t bytes = record_event_bytes(draft);

    if (bytes == 0) {
        return; /* its texts are too long together: refused by who takes it */
    }
    void *record = aligned_alloc(8, bytes);
    REQUIRE(record != NULL);
    record_write_event(record, draft, secret, 16);
    REQUIRE(record_is_sound(record, bytes));
    REQUIRE(draft->event_time.ms <= RECEIVED_AT);
    free(record);
}

static void
normalise(enum normaliser_route route, bool has_key, struct text body)
{
    static struct normaliser *normaliser;
    const struct event_draft *draft;
    struct normaliser_options options = {
        .route = route,
        .body = body,
        .received_at = {.ms = RECEIVED_AT},
        .idempotency_key = has_key ? TEXT("key") : (struct text){.bytes = 0},
        .random = throw_dice,
    };
    int r;

    REQUIRE(normaliser != NULL || normaliser_create(NULL, 0, false, BYTES_MAX, &normaliser) == 0);
    if (normaliser_begin(normaliser, &options) != 0) {
        REQUIRE(normaliser_reason(normaliser).bytes > 0);
        return;
    }
    REQUIRE(normaliser_bind(normaliser, TEXT("acme"), NORMALISER_IS_FREE));
    while ((r = normaliser_next(normaliser, &draft)) != NORMALISER_END) {
        if (r == 0) {
            check_draft(draft);
            continue;
        }
        REQUIRE(normaliser_reason(normaliser).bytes > 0);
        if (r == NORMALISER_NOT_JSON) {
            break;
        }
    }
}

/* The first byte is the route and whether there is an Idempotency-Key; the others are a body, compressed or not. */
FUZZ(data, bytes)
{
    static struct arena_pool pool;
    struct arena arena;
    struct body body;
    struct text text;

    if (bytes < 1 || bytes > BYTES_MAX) {
        return 0;
    }
    const struct text raw = fuzz_copy(data + 1, bytes - 1, JSON_IN_PADDING);
    const struct body_options options = {.raw = raw, .bytes_max = BYTES_MAX, .is_padded = true};
    arena_init(&arena, &pool, 0);
    if (body_open(&body, &arena, &options) == 0) {
        int r;
        while ((r = body_step(&body, &env, MONO_NEVER, &text)) == BODY_MORE) {
        }
        if (r == 0) {
            normalise(data[0] % (NORMALISER_ALIAS + 1), (data[0] & 0x80) != 0, text);
        }
    }
    arena_reset(&arena);
    fuzz_free(raw);
    return 0;
}
