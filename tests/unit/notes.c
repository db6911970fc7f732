/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/notes.h"

static struct region region;
static struct notes_pool pool;
static struct notes notes;

static void
given_notes(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    notes_pool_init(&pool, &region);
    notes_init(&notes, &pool);
}

static void
then_nothing_is_left(void)
{
    notes_deinit(&notes);
    notes_deinit(&notes);
    notes_pool_deinit(&pool);
    notes_pool_deinit(&pool);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(notes_without_memory_say_no)
{
    given_notes(0);
    CHECK(notes_take(&notes, 1) == NULL);
    CHECK(notes_text(&notes, TEXT("abc")).data == NULL);
    CHECK_EQ(notes_text(&notes, TEXT("abc")).bytes, 0);
    then_nothing_is_left();
}

TEST(notes_at_the_limit_say_no_and_keep_what_they_hold)
{
    uint8_t *first;

    given_notes(2 * NOTES_CHUNK_BYTES);
    first = notes_take(&notes, 1000);
    CHECK(first != NULL);
    memset(first, 0x5a, 1000);
    CHECK(notes_take(&notes, 2 * NOTES_CHUNK_BYTES) == NULL);
    CHECK(notes_take(&notes, 100) != NULL); /* the chunk has room yet */
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(first[i], 0x5a);
    }
    then_nothing_is_left();
}

TEST(a_size_that_wraps_is_refused)
{
    given_notes(1 << 20);
    CHECK(notes_take(&notes, UINT64_MAX) == NULL);
    CHECK(notes_take(&notes, UINT64_MAX - 14) == NULL);
    CHECK(notes_take(&notes, UINT64_MAX - NOTES_CHUNK_BYTES) == NULL);
    CHECK(notes_take(&notes, 16) != NULL);
    then_nothing_is_left();
}

TEST(pieces_are_aligned_and_do_not_touch)
{
    uint8_t *piece[700];

    given_notes(1 << 22);
    for (uint64_t i = 0; i < COUNT_OF(piece); i++) {
        piece[i] = notes_take(&notes, i);
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

TEST(chunks_go_back_to_the_pool_and_serve_again)
{
    uint64_t used;

    given_notes(1 << 22);
    for (uint32_t i = 0; i < 20; i++) {
        CHECK(notes_take(&notes, 10000) != NULL);
    }
    used = region_used(&region);
    notes_deinit(&notes);
    CHECK_EQ(region_used(&region), used);

    for (uint32_t round = 0; round < 3; round++) {
        notes_init(&notes, &pool);
        for (uint32_t i = 0; i < 20; i++) {
            CHECK(notes_take(&notes, 10000) != NULL);
        }
        notes_deinit(&notes);
        CHECK_EQ(region_used(&region), used);
    }
    then_nothing_is_left();
}

TEST(a_piece_larger_than_a_chunk_goes_back_to_the_region)
{
    uint8_t *large;

    given_notes(1 << 22);
    large = notes_take(&notes, 5 * NOTES_CHUNK_BYTES + 1);
    CHECK(large != NULL);
    memset(large, 1, 5 * NOTES_CHUNK_BYTES + 1);
    CHECK(notes_take(&notes, 1) != NULL);
    notes_deinit(&notes);
    CHECK(region_used(&region) <= UINT64_C(2) * NOTES_CHUNK_BYTES);

    /* The largest that a pooled chunk holds, and one more. */
    for (uint64_t bytes = NOTES_CHUNK_BYTES - 64; bytes <= NOTES_CHUNK_BYTES; bytes++) {
        notes_init(&notes, &pool);
        uint8_t *piece = notes_take(&notes, bytes);
        CHECK(piece != NULL);
        memset(piece, 2, bytes);
        notes_deinit(&notes);
    }
    then_nothing_is_left();
}

TEST(a_text_is_a_copy)
{
    char letters[] = "abc";
    struct text text;

    given_notes(1 << 20);
    text = notes_text(&notes, text_of(letters));
    letters[0] = 'x';
    CHECK_TEXT(text, "abc");
    text = notes_text(&notes, (struct text){0});
    CHECK(text.data != NULL);
    CHECK_EQ(text.bytes, 0);
    then_nothing_is_left();
}
