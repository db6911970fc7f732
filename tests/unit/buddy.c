/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buddy.h"

#include "core/hash.h"
#include "tests/check.h"

#include <sys/mman.h>

#define LEAF ((uint64_t)BUDDY_LEAF_BYTES)

static struct buddy buddy;

static void
given(uint64_t bytes_kept_max)
{
    CHECK_EQ(buddy_init(&buddy, 1, bytes_kept_max), 0);
    CHECK_EQ(buddy.leaf_count, BUDDY_PIECE_BYTES_MAX / LEAF);
}

static uint8_t *
must_take(uint64_t bytes)
{
    uint8_t *piece = buddy_take(&buddy, bytes);

    CHECK(piece != NULL);
    CHECK_EQ((uintptr_t)piece % 4096, 0);
    piece[0] = piece[bytes - 1] = 0x5a;
    return piece;
}

/* Pages that are in memory. */
static uint64_t
touched_count(const uint8_t *piece, uint64_t bytes)
{
    static unsigned char pages[BUDDY_PIECE_BYTES_MAX / 4096];
    uint64_t count = 0;

    CHECK_EQ(mincore((void *)(uintptr_t)piece, bytes, pages), 0);
    for (uint64_t i = 0; i < bytes / 4096; i++) {
        count += pages[i] & 1;
    }
    return count;
}

TEST(what_is_too_large_or_not_there_is_refused)
{
    uint8_t *whole;

    given(0);
    CHECK(buddy_take(&buddy, BUDDY_PIECE_BYTES_MAX + 1) == NULL);
    CHECK(buddy_take(&buddy, UINT64_MAX) == NULL);
    whole = must_take(BUDDY_PIECE_BYTES_MAX);
    CHECK(buddy_take(&buddy, 1) == NULL);
    buddy_put(&buddy, whole, BUDDY_PIECE_BYTES_MAX);
    CHECK(must_take(1) != NULL);
    CHECK(buddy_take(&buddy, BUDDY_PIECE_BYTES_MAX) == NULL);
    CHECK(must_take(BUDDY_PIECE_BYTES_MAX / 2) != NULL);
    CHECK(buddy_take(&buddy, BUDDY_PIECE_BYTES_MAX / 2) == NULL);
    buddy_deinit(&buddy);
    buddy_deinit(&buddy);
}

TEST(what_was_not_taken_so_is_not_given_back)
{
    uint8_t *piece;

    given(0);
    piece = must_take(2 * LEAF);
    CHECK_DIES(buddy_put(&buddy, piece + 16, 2 * LEAF));
    CHECK_DIES(buddy_put(&buddy, piece, LEAF));
    CHECK_DIES(buddy_put(&buddy, piece + 4 * LEAF, 4 * LEAF));
    buddy_put(&buddy, piece, 2 * LEAF);
    CHECK_DIES(buddy_put(&buddy, piece, 2 * LEAF));
    buddy_deinit(&buddy);
}

TEST(a_range_full_of_small_pieces_is_one_again)
{
    static uint8_t *pieces[BUDDY_PIECE_BYTES_MAX / BUDDY_LEAF_BYTES];

    given(0);
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
            pieces[i] = must_take(LEAF);
        }
        CHECK(buddy_take(&buddy, 1) == NULL);
        for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
            uint32_t which = (uint32_t)(i * UINT64_C(2654435761) % COUNT_OF(pieces)); /* each, out of order */

            buddy_put(&buddy, pieces[which], LEAF);
        }
        buddy_put(&buddy, must_take(BUDDY_PIECE_BYTES_MAX), BUDDY_PIECE_BYTES_MAX);
    }
    buddy_deinit(&buddy);
}

TEST(what_is_free_gives_its_memory_back_bit_by_bit)
{
    uint8_t *piece;
    uint8_t *used;

    given(4 * LEAF);
    used = must_take(LEAF);
    memset(used, 2, LEAF);
    piece = must_take(16 * LEAF);
    memset(piece, 1, 16 * LEAF);
    buddy_trim(&buddy, 99); /* nothing is free */
    CHECK_EQ(touched_count(piece, 16 * LEAF), 16 * LEAF / 4096);
    buddy_put(&buddy, piece, 16 * LEAF);
    CHECK_EQ(buddy.kept_count, 16);
    buddy_trim(&buddy, 5);
    CHECK_EQ(touched_count(piece, 16 * LEAF), 11 * LEAF / 4096);
    buddy_trim(&buddy, 99);
    CHECK_EQ(buddy.kept_count, 4);
    CHECK_EQ(touched_count(piece, 16 * LEAF), 4 * LEAF / 4096);
    buddy_trim(&buddy, 99);
    CHECK_EQ(touched_count(piece, 16 * LEAF), 4 * LEAF / 4096);

    /* As pieces of other sizes it is counted once. */
    for (uint32_t i = 1; i < 40; i++) {
        piece = must_take(i * LEAF);
        memset(piece, 1, i * LEAF);
        buddy_put(&buddy, piece, i * LEAF);
    }
    CHECK(buddy.kept_count >= 39);
    CHECK(buddy.kept_count <= 128);
    buddy_trim(&buddy, 999);
    CHECK_EQ(buddy.kept_count, 4);
    CHECK_EQ(touched_count(used, BUDDY_PIECE_BYTES_MAX - (uint64_t)(used - buddy.base)), 5 * LEAF / 4096);
    CHECK_EQ(used[LEAF - 1], 2);
    buddy_deinit(&buddy);
}

/* Pieces of any size, taken and put by dice: none lies in another, and all of it comes together in the end. */
TEST(pieces_never_overlap)
{
    struct {
        uint8_t *piece;
        uint64_t bytes;
    } pieces[64] = {{NULL, 0}};
    uint64_t dice = 7;

    given(64 * LEAF);
    for (uint32_t round = 0; round < 50000; round++) {
        uint32_t i;

        dice = hash_mix(dice + round + 1);
        i = dice % COUNT_OF(pieces);
        if (pieces[i].piece != NULL) {
            CHECK_EQ(pieces[i].piece[0], i);
            CHECK_EQ(pieces[i].piece[pieces[i].bytes - 1], i);
            buddy_put(&buddy, pieces[i].piece, pieces[i].bytes);
        }
        pieces[i].bytes = 1 + (dice >> 8) % (LEAF << (dice >> 40) % 8);
        pieces[i].piece = buddy_take(&buddy, pieces[i].bytes);
        if (pieces[i].piece != NULL) {
            pieces[i].piece[0] = pieces[i].piece[pieces[i].bytes - 1] = (uint8_t)i;
        }
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        if (pieces[i].piece != NULL) {
            buddy_put(&buddy, pieces[i].piece, pieces[i].bytes);
        }
    }
    buddy_trim(&buddy, UINT32_MAX);
    CHECK_EQ(buddy.kept_count, 64);
    CHECK(must_take(BUDDY_PIECE_BYTES_MAX) != NULL);
    buddy_deinit(&buddy);
}
