/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "core/hash.h"
#include "core/map.h"

#include <errno.h>
#include <stdlib.h>

#define KEY_COUNT 4096u

static struct region region;
static struct map map;
static uint64_t hashes[KEY_COUNT]; /* of each number */
static uint32_t asked;

static void
given_a_map(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    map_init(&map, &region);
    asked = 0;
}

static void
then_nothing_is_left(void)
{
    map_deinit(&map);
    map_deinit(&map);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static bool
is_number(const void *owner, uint32_t value, const void *key)
{
    CHECK(owner == hashes);
    asked++;
    return value == *(const uint32_t *)key;
}

static uint32_t
find(uint32_t number)
{
    return map_find(&map, hashes[number], is_number, hashes, &number);
}

static void
insert(uint32_t number)
{
    CHECK_EQ(map_insert(&map, hashes[number], number), 0);
}

TEST(a_map_takes_as_much_as_is_said_before)
{
    static const uint32_t counts[] = {1, 12, 13, 1000, KEY_COUNT};

    for (uint32_t i = 0; i < COUNT_OF(counts); i++) {
        given_a_map(UINT64_C(1) << 20);
        for (uint32_t k = 0; k < counts[i]; k++) {
            CHECK_EQ(map_insert(&map, hash_mix(k + 1), k), 0);
        }
        CHECK_EQ(region_used(&region), map_memory_bytes(counts[i]));
        then_nothing_is_left();
    }
}

TEST(what_is_not_there_cannot_be_removed)
{
    given_a_map(1 << 20);
    CHECK_DIES(map_remove(&map, 1, 1));

    hashes[1] = 7;
    insert(1);
    CHECK_DIES(map_remove(&map, 7, 2));
    CHECK_DIES(map_remove(&map, 8, 1));
    CHECK_EQ(find(1), 1);
    then_nothing_is_left();
}

TEST(the_number_that_means_none_is_refused)
{
    given_a_map(1 << 20);
    CHECK_DIES(CHECK_EQ(map_insert(&map, 1, MAP_NONE), 0));
    CHECK_EQ(map_insert(&map, 1, MAP_NONE - 1), 0);
    then_nothing_is_left();
}

TEST(an_empty_map_finds_nothing_and_asks_nobody)
{
    given_a_map(1 << 20);
    CHECK_EQ(find(0), MAP_NONE);
    CHECK_EQ(asked, 0);
    CHECK_EQ(region_used(&region), 0);
    then_nothing_is_left();
}

TEST(a_map_that_cannot_grow_keeps_what_it_has)
{
    uint32_t count = 0;

    given_a_map(4096); /* growing needs the old entries and the new ones at once */
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        hashes[i] = hash_mix(i);
    }
    while (map_insert(&map, hashes[count], count) == 0) {
        count++;
        CHECK(count < KEY_COUNT);
    }
    CHECK_EQ(map.count, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(find(i), i);
    }
    CHECK_EQ(find(count), MAP_NONE);
    CHECK_EQ(map_insert(&map, hashes[count], count), -ENOMEM);

    map_remove(&map, hashes[0], 0);
    insert(count); /* one went, one comes */
    CHECK_EQ(find(0), MAP_NONE);
    CHECK_EQ(find(count), count);
    then_nothing_is_left();
}

TEST(numbers_of_one_hash_are_told_apart_by_their_owner)
{
    given_a_map(1 << 20);
    for (uint32_t i = 0; i < 100; i++) {
        hashes[i] = UINT64_MAX;
        insert(i);
    }
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQ(find(i), i);
    }
    for (uint32_t i = 0; i < 100; i += 2) {
        map_remove(&map, hashes[i], i);
    }
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQ(find(i), i % 2 == 0 ? MAP_NONE : i);
    }
    then_nothing_is_left();
}

TEST(a_gap_is_closed_round_the_end_of_the_table)
{
    given_a_map(1 << 20);
    /* Sixteen places. Tags 14, 14, 15, 14, 0, 1 lie in 14, 15, 0, 1, 2, 3. */
    static const uint64_t tags[] = {14, 14, 15, 14, 0, 1};
    for (uint32_t i = 0; i < COUNT_OF(tags); i++) {
        hashes[i] = tags[i];
        insert(i);
    }
    CHECK_EQ(map.capacity, 16);

    map_remove(&map, hashes[0], 0);
    for (uint32_t i = 1; i < COUNT_OF(tags); i++) {
        CHECK_EQ(find(i), i);
    }
    map_remove(&map, hashes[2], 2);
    map_remove(&map, hashes[1], 1);
    CHECK_EQ(find(3), 3);
    CHECK_EQ(find(4), 4);
    CHECK_EQ(find(5), 5);
    CHECK_EQ(map.entries[0].value, 4 + 1); /* everybody is at home */
    CHECK_EQ(map.entries[1].value, 5 + 1);
    CHECK_EQ(map.entries[14].value, 3 + 1);
    then_nothing_is_left();
}

TEST(most_questions_are_answered_by_the_tag)
{
    given_a_map(1 << 20);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        hashes[i] = hash_mix(i);
        insert(i);
    }
    asked = 0;
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        CHECK_EQ(find(i), i);
    }
    CHECK(asked < KEY_COUNT + 16);
    then_nothing_is_left();
}

/* Few hashes, so that clusters are long; now and then nearly full. */
TEST(a_map_knows_what_a_plain_list_knows)
{
    static bool is_there[KEY_COUNT];
    uint64_t dice = 42;

    given_a_map(1 << 20);
    memset(is_there, 0, sizeof(is_there));
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        hashes[i] = hash_mix(i % 97) & UINT64_C(0x1f0000001f);
    }
    for (uint32_t round = 0; round < 60000; round++) {
        uint32_t number;

        dice = hash_mix(dice + round + 1);
        number = (uint32_t)(dice % 200);
        if (is_there[number]) {
            map_remove(&map, hashes[number], number);
        } else {
            insert(number);
        }
        is_there[number] = !is_there[number];
        number = (uint32_t)((dice >> 32) % 200);
        CHECK_EQ(find(number), is_there[number] ? number : MAP_NONE);
    }
    then_nothing_is_left();
}

TEST(a_guess_is_whom_the_hash_alone_would_find)
{
    given_a_map(1 << 20);
    map_prefetch(&map, 7);
    CHECK_EQ(map_guess(&map, 7), MAP_NONE);
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQ(map_insert(&map, hash_mix(i), i), 0);
    }
    for (uint32_t i = 0; i < 100; i++) {
        map_prefetch(&map, hash_mix(i));
        CHECK_EQ(map_guess(&map, hash_mix(i)), i);
    }
    CHECK_EQ(map_guess(&map, hash_mix(100)), MAP_NONE);
    then_nothing_is_left();
}
