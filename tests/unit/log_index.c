/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/log_index.h"

#include <errno.h>

#include "tests/check.h"

static struct region region;
static struct log_index log_index;

static void
given_an_index(uint64_t region_bytes)
{
    const uint64_t seed[2] = {11, 12};

    CHECK_EQ(region_init(&region, region_bytes), 0);
    CHECK_EQ(log_index_init(&log_index, &region, seed), 0);
}

static void
then_nothing_is_left(void)
{
    log_index_deinit(&log_index);
    log_index_deinit(&log_index);
    CHECK_EQ(log_index.bytes, 0);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static uint64_t
hash_of(uint64_t n)
{
    struct store_key key = {0};

    memcpy(key.byte, &n, sizeof(n));
    return log_index_hash(&log_index, key);
}

static int
add(uint64_t hash, uint64_t address)
{
    int r = log_index_reserve(&log_index, hash);

    if (r == 0) {
        log_index_insert(&log_index, hash, address);
    }
    return r;
}

TEST(an_empty_index_has_nothing)
{
    given_an_index(1 << 20);
    CHECK(log_index_find(&log_index, hash_of(1), 1) == NULL);
    log_index_prefetch(&log_index, hash_of(1));
    then_nothing_is_left();
}

TEST(when_the_region_is_full_nothing_changes_and_all_is_still_found)
{
    uint64_t count = 0;

    given_an_index(256 << 10);
    while (add(hash_of(count), count + 1) == 0) {
        count++;
    }
    CHECK(count > 1000);
    CHECK_EQ(log_index_reserve(&log_index, hash_of(count)), -ENOMEM);
    CHECK_EQ(log_index.count, count);
    for (uint64_t n = 0; n < count; n++) {
        CHECK(log_index_find(&log_index, hash_of(n), n + 1) != NULL);
    }
    then_nothing_is_left();
}

TEST(an_index_without_memory_for_a_directory_says_so)
{
    const uint64_t seed[2] = {0};

    CHECK_EQ(region_init(&region, 0), 0);
    CHECK_EQ(log_index_init(&log_index, &region, seed), -ENOMEM);
    then_nothing_is_left();
}

TEST(addresses_have_their_limits)
{
    given_an_index(1 << 20);
    CHECK_EQ(log_index_reserve(&log_index, 1), 0);
    CHECK_DIES(log_index_insert(&log_index, 1, 0));
    CHECK_DIES(log_index_insert(&log_index, 1, LOG_INDEX_ADDRESS_MAX + 1));
    log_index_insert(&log_index, 1, LOG_INDEX_ADDRESS_MAX);
    CHECK(log_index_find(&log_index, 1, LOG_INDEX_ADDRESS_MAX) != NULL);
    then_nothing_is_left();
}

TEST(keys_with_the_same_tag_are_told_one_after_the_other)
{
    uint64_t hash = UINT64_C(0x123456789abcdef0);
    uint64_t sum = 0;

    given_an_index(1 << 20);
    for (uint64_t address = 1; address <= 4; address++) {
        CHECK_EQ(add(hash + address, address), 0);
    }
    CHECK_EQ(add(hash ^ UINT64_C(1) << 40, 100), 0); /* another tag */
    struct log_probe probe = log_index_probe(&log_index, hash);
    for (uint64_t *entry = log_index_next(&probe); entry != NULL; entry = log_index_next(&probe)) {
        sum += log_index_address(*entry);
    }
    CHECK_EQ(sum, 1 + 2 + 3 + 4);
    CHECK(log_index_next(&probe) == NULL);
    then_nothing_is_left();
}

TEST(an_entry_that_is_moved_is_found_where_it_is_now)
{
    given_an_index(1 << 20);
    CHECK_EQ(add(hash_of(7), 70), 0);
    log_index_move(log_index_find(&log_index, hash_of(7), 70), 71);
    CHECK(log_index_find(&log_index, hash_of(7), 70) == NULL);
    CHECK(log_index_find(&log_index, hash_of(7), 71) != NULL);
    then_nothing_is_left();
}

/* The first 24 bits are the same, as an attacker would like it. */
TEST(keys_that_fall_together_make_one_page_larger_until_it_cannot_grow)
{
    uint64_t count = 0;

    given_an_index(1 << 28);
    while (add(UINT64_C(0xabcdef) << 40 | (count & 0xff) << 32 | count, count + 1) == 0) {
        count++;
    }
    CHECK(count > 10000);
    for (uint64_t n = 0; n < count; n += 97) {
        uint64_t hash = UINT64_C(0xabcdef) << 40 | (n & 0xff) << 32 | n;
        CHECK(log_index_find(&log_index, hash, n + 1) != NULL);
    }
    then_nothing_is_left();
}

TEST(everything_is_found_and_a_key_costs_about_12_bytes)
{
    enum { COUNT = 300000 };
    uint64_t worst = 0;

    given_an_index(64 << 20);
    for (uint64_t n = 0; n < COUNT; n++) {
        CHECK_EQ(add(hash_of(n), n + 1), 0);
        if (n > COUNT / 8 && log_index.bytes * 100 / log_index.count > worst) {
            worst = log_index.bytes * 100 / log_index.count;
        }
    }
    CHECK_EQ(log_index.count, COUNT);
    CHECK(worst <= 1350);
    CHECK(log_index.bytes * 10 / COUNT <= 125);
    for (uint64_t n = 0; n < COUNT; n++) {
        CHECK(log_index_find(&log_index, hash_of(n), n + 1) != NULL);
        CHECK(log_index_find(&log_index, hash_of(n + COUNT), n + 1) == NULL);
    }
    then_nothing_is_left();
}

TEST(an_index_that_knows_how_many_will_come_is_as_good_as_one_that_grew)
{
    enum { COUNT = 100000 };

    given_an_index(64 << 20);
    CHECK_EQ(log_index_presize(&log_index, COUNT), 0);
    for (uint64_t n = 0; n < COUNT; n++) {
        CHECK_EQ(add(hash_of(n), n + 1), 0);
    }
    CHECK(log_index.bytes / COUNT <= 13);
    for (uint64_t n = 0; n < COUNT; n++) {
        CHECK(log_index_find(&log_index, hash_of(n), n + 1) != NULL);
    }
    CHECK_DIES((void)!log_index_presize(&log_index, COUNT));
    then_nothing_is_left();
}
