/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/arena.h"

static struct arena_pool pool;
static struct arena arena;

static void
given_an_arena(uint64_t bytes_max)
{
    arena_pool_init(&pool, 4 * ARENA_CHUNK_BYTES);
    arena_init(&arena, &pool, bytes_max);
}

static void
then_nothing_is_left(void)
{
    arena_reset(&arena);
    CHECK_EQ(pool.bytes_taken, 0);
    arena_pool_deinit(&pool);
}

TEST(a_full_arena_says_no_until_it_is_reset)
{
    given_an_arena(64);

    CHECK(arena_take(&arena, 48) != NULL);
    CHECK(!arena.is_full);
    CHECK(arena_take(&arena, 17) == NULL);
    CHECK(arena.is_full);
    CHECK(arena_take(&arena, 1) == NULL); /* sticky, though it would fit */
    CHECK_EQ(arena.bytes_used, 48);

    arena_reset(&arena);
    CHECK(!arena.is_full);
    CHECK(arena_take(&arena, 64) != NULL);
    CHECK(!arena.is_full);
    CHECK(arena_take(&arena, 0) == NULL); /* nothing costs something, so that it cannot go on for ever */

    then_nothing_is_left();
}

TEST(a_size_that_wraps_is_refused)
{
    given_an_arena(UINT64_MAX);
    CHECK(arena_take(&arena, 100) != NULL);
    CHECK(arena_take(&arena, UINT64_MAX - 8) == NULL);
    then_nothing_is_left();

    given_an_arena(1024);
    CHECK(arena_take(&arena, UINT64_MAX) == NULL);
    CHECK(arena_take_zero(&arena, UINT64_MAX) == NULL);
    then_nothing_is_left();
}

TEST(a_text_that_does_not_fit_has_no_data)
{
    struct text text;

    given_an_arena(16);
    text = arena_text(&arena, TEXT("seventeen letters"));
    CHECK(text.data == NULL);
    CHECK_EQ(text.bytes, 0);
    then_nothing_is_left();
}

TEST(a_pool_with_memory_out_is_not_closed)
{
    given_an_arena(0);
    CHECK(arena_take(&arena, 1) != NULL);
    CHECK_DIES(arena_pool_deinit(&pool));
    then_nothing_is_left();
}

TEST(takes_are_aligned_and_do_not_touch)
{
    uint8_t *piece[600];

    given_an_arena(0);
    for (uint64_t i = 0; i < COUNT_OF(piece); i++) {
        piece[i] = arena_take(&arena, i);
        CHECK(piece[i] != NULL);
        CHECK_EQ((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], (int)(i & 0xff), i);
    }
    for (uint64_t i = 1; i < COUNT_OF(piece); i++) {
        CHECK_EQ(piece[i][0], i & 0xff);
        CHECK_EQ(piece[i][i - 1], i & 0xff);
    }
    then_nothing_is_left();
}

TEST(a_take_larger_than_a_chunk_is_one_piece)
{
    uint8_t *small;
    uint8_t *large;
    uint8_t *after;

    given_an_arena(0);
    small = arena_take(&arena, 10);
    large = arena_take(&arena, 3 * ARENA_CHUNK_BYTES + 1);
    after = arena_take(&arena, 10);
    CHECK(small != NULL && large != NULL && after != NULL);
    memset(large, 1, 3 * ARENA_CHUNK_BYTES + 1);
    memset(small, 2, 10);
    memset(after, 3, 10);
    CHECK_EQ(large[0], 1);
    CHECK_EQ(large[3 * ARENA_CHUNK_BYTES], 1);
    then_nothing_is_left();
}

TEST(zeroed_is_zeroed_in_used_memory_too)
{
    uint8_t *piece;

    given_an_arena(0);
    piece = arena_take(&arena, 4096);
    CHECK(piece != NULL);
    memset(piece, 0xff, 4096);
    arena_reset(&arena);

    piece = arena_take_zero(&arena, 4096);
    CHECK(piece != NULL);
    for (int i = 0; i < 4096; i++) {
        CHECK_EQ(piece[i], 0);
    }
    then_nothing_is_left();
}

TEST(a_text_is_a_copy)
{
    char letters[] = "abc";
    struct text text;

    given_an_arena(0);
    text = arena_text(&arena, text_of(letters));
    letters[0] = 'x';
    CHECK_TEXT(text, "abc");

    text = arena_text(&arena, (struct text){0});
    CHECK(text.data != NULL); /* empty, and not full */
    CHECK_EQ(text.bytes, 0);
    then_nothing_is_left();
}

TEST(a_reset_arena_may_be_reset_and_used_again)
{
    given_an_arena(0);
    for (int i = 0; i < 3; i++) {
        CHECK(arena_take(&arena, 100) != NULL);
        arena_reset(&arena);
        arena_reset(&arena);
        CHECK_EQ(arena.bytes_used, 0);
    }
    then_nothing_is_left();
}

#ifdef __SANITIZE_ADDRESS__
static void
overrun(void)
{
    volatile uint8_t *piece = arena_take(&arena, 24);

    piece[24] = 1;
}

TEST(an_overrun_is_seen_though_alignment_leaves_room)
{
    pid_t child;

    given_an_arena(0);
    child = check_fork();
    if (child == 0) {
        overrun();
        check_child_lived();
    }
    check_child_exited(child, 66, __FILE__, __LINE__);
    then_nothing_is_left();
}
#else
TEST(a_pool_keeps_free_chunks_up_to_its_limit)
{
    given_an_arena(0);
    for (int i = 0; i < 64; i++) {
        CHECK(arena_take(&arena, ARENA_CHUNK_BYTES / 4 / 16 * 16) != NULL);
    }
    CHECK_EQ(pool.bytes_taken, UINT64_C(16) * ARENA_CHUNK_BYTES);
    arena_reset(&arena);
    CHECK_EQ(pool.free_count, 4);

    CHECK(arena_take(&arena, 1) != NULL);
    CHECK_EQ(pool.free_count, 3);
    then_nothing_is_left();
}

TEST(a_large_take_does_not_waste_the_chunk_in_use)
{
    given_an_arena(0);
    CHECK(arena_take(&arena, 64) != NULL);
    CHECK(arena_take(&arena, ARENA_CHUNK_BYTES) != NULL);
    CHECK(arena_take(&arena, ARENA_CHUNK_BYTES - 64) != NULL);
    CHECK_EQ(pool.bytes_taken, 2 * ARENA_CHUNK_BYTES);
    then_nothing_is_left();
}
#endif

TEST(a_pool_with_a_reserve_says_no_at_its_limit_and_who_asked_knows_why)
{
    struct arena other;
    struct arena small;
    struct arena little[12];

    CHECK_EQ(arena_pool_init_reserve(&pool, 4 * ARENA_CHUNK_BYTES, 640 * ARENA_CHUNK_BYTES), 0);
    arena_init(&arena, &pool, 32u << 20);
    arena_init(&other, &pool, 32u << 20);
    arena_init(&small, &pool, 16);
    CHECK_EQ(arena_fault(&arena), 0);
    CHECK(arena_take(&small, 17) == NULL);
    CHECK_EQ(arena_fault(&small), -E2BIG);
    CHECK(arena_take(&other, 400 * ARENA_CHUNK_BYTES) != NULL);
    CHECK(arena_take(&arena, 80 * ARENA_CHUNK_BYTES + 16) == NULL);
    CHECK_EQ(arena_fault(&arena), -ENOMEM);
    CHECK(arena_take(&arena, 16) == NULL); /* sticky */
    CHECK_EQ(arena_fault(&arena), -ENOMEM);

    arena_reset(&arena);
    CHECK_EQ(arena_fault(&arena), 0);
    CHECK(arena_take(&arena, 80 * ARENA_CHUNK_BYTES) != NULL);
    CHECK(arena_take(&other, ARENA_CHUNK_BYTES) == NULL);
    CHECK_EQ(arena_fault(&other), -ENOMEM);

    /* The last quarter is for who takes little. */
    for (uint32_t i = 0; i < COUNT_OF(little); i++) {
        arena_init(&little[i], &pool, 0);
        CHECK_EQ(arena_take(&little[i], 15 * ARENA_CHUNK_BYTES) != NULL, i < 10);
    }
    CHECK_EQ(arena_fault(&little[10]), -ENOMEM);
    CHECK(arena_take(&little[4], 2 * ARENA_CHUNK_BYTES) == NULL);
    CHECK_EQ(arena_fault(&little[4]), -ENOMEM);
    arena_reset(&little[4]);
    little[4].bytes_before = ARENA_SMALL_BYTES; /* of one that takes much, it is one more piece */
    CHECK(arena_take(&little[4], 16) == NULL);
    CHECK_EQ(arena_fault(&little[4]), -ENOMEM);
    arena_reset(&other);
    CHECK(arena_take(&little[0], 100 * ARENA_CHUNK_BYTES) != NULL);
    for (uint32_t i = 0; i < COUNT_OF(little); i++) {
        arena_reset(&little[i]);
    }
    then_nothing_is_left();
    CHECK_EQ(pool.buddy.leaf_count, 0);
}

TEST(a_pool_with_a_reserve_serves_large_after_many_small)
{
    struct arena arenas[8];

    CHECK_EQ(arena_pool_init_reserve(&pool, 4 * ARENA_CHUNK_BYTES, 48u << 20), 0);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < COUNT_OF(arenas); i++) {
            arena_init(&arenas[i], &pool, 64u << 20);
        }
        for (uint32_t i = 0; i < 800; i++) { /* 28 MiB in all */
            CHECK(arena_take(&arenas[i % COUNT_OF(arenas)], 20000 + i * 37 % 32768) != NULL);
        }
        for (uint32_t i = 0; i < COUNT_OF(arenas); i++) {
            arena_reset(&arenas[(i * 5) % COUNT_OF(arenas)]);
        }
        CHECK_EQ(pool.bytes_taken, 0);
        arena_init(&arena, &pool, 64u << 20);
        CHECK(arena_take(&arena, 32u << 20) != NULL);
        arena_reset(&arena);
    }
    arena_pool_deinit(&pool);
    arena_pool_deinit(&pool);
}

TEST(many_small_ones_lie_together)
{
    struct arena each[8];
    char *texts[COUNT_OF(each)];
    uint64_t bytes;

    given_an_arena(0);
    for (uint32_t i = 0; i < COUNT_OF(each); i++) {
        arena_init_in(&each[i], &arena, 0);
        texts[i] = arena_take_zero(&each[i], 100);
        CHECK(texts[i] != NULL);
        CHECK_EQ(each[i].bytes_held, 0);
        CHECK_EQ(each[i].bytes_used, 112);
    }
    CHECK(arena.bytes_held <= ARENA_CHUNK_BYTES);

    /* What is too much for that is its own, and is back at once. */
    bytes = pool.bytes_taken;
    CHECK(arena_take(&each[0], ARENA_COMMON_BYTES) != NULL);
    CHECK(each[0].bytes_held >= ARENA_COMMON_BYTES);
    arena_reset(&each[0]);
    CHECK_EQ(pool.bytes_taken, bytes);
    CHECK_EQ(texts[1][99], 0);
    then_nothing_is_left();
}

TEST(a_small_one_is_starved_where_all_together_are)
{
    struct arena first;
    struct arena second;

    CHECK_EQ(arena_pool_init_reserve(&pool, 0, 4 * ARENA_CHUNK_BYTES), 0);
    arena_init(&arena, &pool, 0);
    arena_init_in(&first, &arena, 0);
    arena_init_in(&second, &arena, 0);
    while (arena_take(&first, 1024) != NULL) {
    }
    CHECK_EQ(arena_fault(&first), -ENOMEM);
    while (arena_take(&second, 1024) != NULL) {
    }
    CHECK_EQ(arena_fault(&second), -ENOMEM);
    CHECK(first.bytes_used + second.bytes_used <= 4 * ARENA_CHUNK_BYTES);
    arena_reset(&first);
    arena_reset(&second);
    then_nothing_is_left();
}

TEST(what_nobody_gives_back_goes_with_its_pool)
{
    struct arena_pool lost;
    struct arena arenas[3];

    arena_pool_init(&lost, 1 << 20);
    for (uint32_t i = 0; i < COUNT_OF(arenas); i++) {
        arena_init(&arenas[i], &lost, 0);
        CHECK(arena_take(&arenas[i], 100) != NULL);
        CHECK(arena_take(&arenas[i], 2 * ARENA_CHUNK_BYTES) != NULL);
    }
    arena_reset(&arenas[1]);
    CHECK(lost.bytes_taken > 0);
    arena_pool_drop(&lost);
    CHECK_EQ(lost.bytes_taken, 0);
    arena_pool_deinit(&lost);
}
