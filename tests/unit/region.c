/* SPDX-License-Identifier: Apache-2.0 */
#include "core/region.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "tests/check.h"

static struct region region;

static void
given_a_region(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
}

static void *
must_take(uint64_t bytes)
{
    uint8_t *piece = region_take(&region, bytes);

    CHECK(piece != NULL);
    CHECK_EQ((uintptr_t)piece % 16, 0);
    memset(piece, 0x5a, bytes);
    return piece;
}

TEST(a_full_region_says_no_until_something_comes_back)
{
    void *pieces[64];

    given_a_region(65536);
    for (uint32_t i = 0; i < 64; i++) {
        pieces[i] = must_take(1024);
    }
    CHECK_EQ(region_used(&region), 65536);
    CHECK(region_take(&region, 1) == NULL);
    CHECK(region_take_zero(&region, 1) == NULL);
    CHECK(region_resize(&region, pieces[0], 1024, 2000) == NULL);
    CHECK_EQ(((uint8_t *)pieces[0])[1023], 0x5a); /* untouched */
    CHECK(region_text(&region, TEXT("hello")).data == NULL);

    region_put(&region, pieces[7], 1024);
    CHECK_EQ(region_used(&region), 64512);
    (void)must_take(1024);
    CHECK(region_take(&region, 16) == NULL);
    region_deinit(&region);
}

TEST(what_cannot_fit_is_refused_at_once)
{
    given_a_region(65536);
    CHECK(region_take(&region, 65537) == NULL);
    CHECK(region_take(&region, UINT64_MAX) == NULL);
    CHECK(region_take(&region, UINT64_C(1) << 63) == NULL);
    (void)must_take(65536);
    CHECK(region_take(&region, 1) == NULL);
    region_deinit(&region);
    region_deinit(&region); /* twice is once */
    CHECK(region_take(&region, 1) == NULL);
}

TEST(an_address_range_larger_than_the_machine_is_refused)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK_EQ(region_init(&region, UINT64_C(1) << 60), -ENOMEM);
    region_deinit(&region);
#endif
}

TEST(every_size_gets_memory_of_its_own)
{
    static uint8_t *pieces[3000];

    given_a_region(UINT64_C(64) << 20);
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = must_take(i);
        memset(pieces[i], (int)(i % 251), i);
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        for (uint32_t k = 0; k < i; k++) {
            CHECK_EQ(pieces[i][k], i % 251);
        }
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        region_put(&region, pieces[i], i);
    }
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(little_is_lost_to_rounding)
{
    uint64_t before;

    given_a_region(UINT64_C(1) << 32);
    for (uint64_t bytes = 1; bytes < 70000; bytes += 1 + bytes / 50) {
        before = region_used(&region);
        void *piece = region_take(&region, bytes);
        uint64_t cost = region_used(&region) - before;
        CHECK(cost >= bytes);
        CHECK(bytes > REGION_LARGE_BYTES || cost <= bytes + 16 || cost <= bytes + bytes / 4);
        region_put(&region, piece, bytes);
    }
    for (uint64_t bytes = 131072; bytes <= UINT64_C(1) << 30; bytes += 32768 + bytes / 3 / 32768 * 32768) {
        before = region_used(&region);
        void *piece = region_take(&region, bytes - 16);
        CHECK(piece != NULL);
        CHECK_EQ(region_used(&region) - before, bytes);
        region_put(&region, piece, bytes - 16);
        CHECK_EQ(region_used(&region), before);
    }
    region_deinit(&region);
}

TEST(what_was_touched_stays_touched)
{
    given_a_region(UINT64_C(1) << 20);
    CHECK_EQ(region_touched(&region), 0);
    void *piece = must_take(4096);
    uint64_t touched = region_touched(&region);
    CHECK(touched >= 4096);
    region_put(&region, piece, 4096);
    CHECK(region_touched(&region) == touched || region_touched(&region) == region_used(&region));
    region_deinit(&region);
}

#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)

static void *
count_up(void *context)
{
    uint64_t *counter = context;

    for (uint32_t i = 0; i < 1000000; i++) {
        __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

TEST(the_next_huge_pages_are_given_once_and_stay_what_they_are)
{
    uint8_t resident[512];
    pthread_t owner;
    uint8_t *page;
    uint8_t *last;
    uint64_t *counter;
    uint32_t count = 0;

    given_a_region(UINT64_C(40) << 20);
    CHECK(region_ahead(&region) == NULL);
    if (region.base == NULL) {
        return; /* checked: each piece is a malloc of its own */
    }
    (void)must_take(16 << 20);
    page = region_ahead(&region);
    CHECK(page == region.base + (16 << 20));
    CHECK(region_ahead(&region) == NULL);
    region_touch(page);
    CHECK_EQ(mincore(page, HUGE_PAGE_BYTES, resident), 0);
    for (uint32_t i = 0; i < COUNT_OF(resident); i++) {
        CHECK(resident[i] & 1);
    }

    /* Its owner does not notice that it is touched. */
    counter = must_take(8 << 20);
    CHECK((uint8_t *)counter == page);
    *counter = 0;
    CHECK_EQ(pthread_create(&owner, NULL, count_up, counter), 0);
    for (uint32_t i = 0; i < 100; i++) {
        region_touch(page);
    }
    CHECK_EQ(pthread_join(owner, NULL), 0);
    CHECK_EQ(*counter, 1000000);

    /* What was used meanwhile is left out, and so is what lies beyond the end. */
    last = region_ahead(&region);
    CHECK(last == region.base + (24 << 20));
    (void)must_take(8 << 20);
    (void)must_take(4 << 20);
    while ((page = region_ahead(&region)) != NULL) {
        last = page;
        count++;
    }
    CHECK_EQ(count, 2);
    CHECK(last + HUGE_PAGE_BYTES == region.base + (40 << 20));
    region_deinit(&region);
}

TEST(a_freed_piece_serves_its_class_again)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    given_a_region(UINT64_C(1) << 30);
    uint64_t sizes[] = {1, 16, 17, 100, 129, 160, 161, 65536, 65537, 200000};
    for (uint32_t i = 0; i < COUNT_OF(sizes); i++) {
        void *piece = must_take(sizes[i]);
        region_put(&region, piece, sizes[i]);
        CHECK_EQ(must_take(sizes[i]), piece);
    }
    region_deinit(&region);
#endif
}

TEST(a_larger_free_piece_is_split_when_nothing_else_is_left)
{
    given_a_region(65536);
    void *whole = must_take(65536);

    region_put(&region, whole, 65536);
    uint64_t count = 0;
    while (region_take(&region, 48) != NULL) {
        count++;
    }
    CHECK(count > 900); /* of 1365: some rests are too small */
    CHECK(region_used(&region) <= 65536);
    region_deinit(&region);
}

TEST(what_was_freed_serves_smaller_ones_before_more_is_touched)
{
    void *pieces[20];

    given_a_region(1 << 20);
    if (region.base == NULL) {
        return; /* checked: each piece is a malloc of its own */
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = must_take(2048);
    }
    uint64_t held = region_held(&region);
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        region_put(&region, pieces[i], 2048);
    }
    for (uint32_t i = 0; i < 16 * COUNT_OF(pieces); i++) {
        (void)must_take(128);
    }
    CHECK_EQ(region_held(&region), held);
    region_deinit(&region);
}

TEST(there_is_a_large_piece_as_long_as_so_much_is_left_in_one_place)
{
    given_a_region(1 << 20);
    if (region.base == NULL) {
        return;
    }
    void *page = must_take(256 << 10);

    region_put(&region, page, 256 << 10);
    for (uint32_t i = 0; i < (768 << 10) / 1024; i++) {
        (void)must_take(1024);
    }
    CHECK(!region_is_tight(&region));
    page = must_take(256 << 10);
    CHECK(region_is_tight(&region));
    region_put(&region, page, 256 << 10);
    CHECK(!region_is_tight(&region));
    (void)must_take(1024);
    CHECK(region_take(&region, 256 << 10) == NULL);
    region_deinit(&region);
}

TEST(a_region_with_small_free_pieces_alone_is_tight)
{
    static void *pieces[1024];

    given_a_region(1 << 20);
    if (region.base == NULL) {
        return;
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = must_take(1024);
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        if (i % 32 != 5) {
            region_put(&region, pieces[i], 1024);
        }
    }
    CHECK_EQ(region_used(&region), 32 << 10);
    CHECK(region_is_tight(&region));
    CHECK(region_take(&region, 128 << 10) == NULL);
    for (uint32_t i = 5; i < COUNT_OF(pieces); i += 32) {
        region_put(&region, pieces[i], 1024);
    }
    CHECK(!region_is_tight(&region));
    (void)must_take(1 << 20);
    region_deinit(&region);
}

TEST(zeroed_memory_is_zero_even_when_used_before)
{
    given_a_region(1 << 20);
    region_put(&region, must_take(500), 500);
    uint8_t *piece = region_take_zero(&region, 500);
    for (uint32_t i = 0; i < 500; i++) {
        CHECK_EQ(piece[i], 0);
    }
    region_put(&region, NULL, 77);
    region_deinit(&region);
}

TEST(resizing_keeps_the_contents)
{
    given_a_region(UINT64_C(1) << 24);
    uint8_t *piece = region_resize(&region, NULL, 0, 10);
    memcpy(piece, "0123456789", 10);
    for (uint64_t bytes = 10; bytes < 1000000; bytes = bytes * 3 / 2) {
        piece = region_resize(&region, piece, bytes, bytes * 3 / 2);
        CHECK(piece != NULL);
        CHECK_BYTES(piece, "0123456789", 10);
    }
    region_deinit(&region);

    given_a_region(UINT64_C(1) << 24);
    piece = region_resize(&region, NULL, 0, 100000);
    memcpy(piece, "0123456789", 10);
    piece = region_resize(&region, piece, 100000, 5);
    CHECK_BYTES(piece, "01234", 5);
    region_put(&region, piece, 5);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(a_text_is_copied_and_an_empty_one_takes_nothing)
{
    char original[] = "customer";

    given_a_region(4096);
    struct text copy = region_text(&region, text_of(original));
    original[0] = 'X';
    CHECK_TEXT(copy, "customer");
    uint64_t used = region_used(&region);
    CHECK_EQ(region_text(&region, (struct text){0}).bytes, 0);
    CHECK_EQ(region_used(&region), used);
    region_deinit(&region);
}

/* Who grows is freed in one class and taken in the next: what is left behind must serve others. */
TEST(pieces_that_grow_for_ever_do_not_fill_a_region)
{
    static uint8_t *pieces[256];
    uint64_t bytes = 100;

    given_a_region(UINT64_C(4) << 20);
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = must_take(bytes);
        (void)must_take(48); /* something between them that stays */
    }
    while (bytes < 8000) {
        uint64_t more = bytes + bytes / 5;
        for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
            uint8_t *piece = must_take(more);
            region_put(&region, pieces[i * 37 % COUNT_OF(pieces)], bytes);
            pieces[i * 37 % COUNT_OF(pieces)] = piece;
        }
        bytes = more;
        CHECK(region_held(&region) < UINT64_C(256) * 5 / 4 * bytes + (UINT64_C(256) << 10));
    }
    for (uint32_t i = 0; i < COUNT_OF(pieces); i++) {
        region_put(&region, pieces[i], bytes);
    }
    (void)must_take(UINT64_C(2) << 20);
    (void)must_take(UINT64_C(1) << 20);
    region_deinit(&region);
}

TEST(a_region_is_tight_when_less_than_a_sixteenth_is_left)
{
    given_a_region(65536);
    CHECK(!region_is_tight(&region));
    (void)must_take(61440); /* a class of its own: 57344 < 61440 <= 65536 */
    CHECK(region_is_tight(&region));
    region_deinit(&region);

    given_a_region(4 << 20);
    for (uint32_t i = 0; i < 15; i++) {
        (void)must_take(256 << 10);
    }
    CHECK(!region_is_tight(&region)); /* exactly a sixteenth */
    (void)must_take(16);
    CHECK(region_is_tight(&region));
    region_deinit(&region);
}

TEST(a_thousand_random_lives_end_at_zero)
{
    static struct {
        uint8_t *piece;
        uint64_t bytes;
        uint8_t mark;
    } lives[500];
    uint64_t random = 42;

    given_a_region(UINT64_C(32) << 20);
    for (uint32_t i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t who = (uint32_t)(random >> 40) % COUNT_OF(lives);
        if (lives[who].piece != NULL) {
            CHECK_EQ(lives[who].piece[0], lives[who].mark);
            CHECK_EQ(lives[who].piece[lives[who].bytes - 1], lives[who].mark);
            region_put(&region, lives[who].piece, lives[who].bytes);
            lives[who].piece = NULL;
            continue;
        }
        uint64_t bytes = 1 + ((random >> 20) & ((UINT64_C(2) << (random >> 60)) * 8 - 1));
        lives[who].piece = region_take(&region, bytes);
        lives[who].bytes = bytes;
        lives[who].mark = (uint8_t)(random >> 33);
        if (lives[who].piece != NULL) {
            lives[who].piece[0] = lives[who].mark;
            lives[who].piece[bytes - 1] = lives[who].mark;
        }
    }
    for (uint32_t i = 0; i < COUNT_OF(lives); i++) {
        region_put(&region, lives[i].piece, lives[i].bytes);
        lives[i].piece = NULL;
    }
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}
