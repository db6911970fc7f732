/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/order.h"

static struct order order;

static struct order_entry
entry_of(int64_t time, uint64_t key)
{
    return (struct order_entry){.time = time, .key = key, .item = key + 7};
}

TEST(an_empty_order_has_no_places)
{
    struct order_place place;

    given_memory();
    order = (struct order){0};
    place = order_seek(&order, 5, 3);
    CHECK(order_previous(&order, &place) == NULL);
    CHECK(order_next(&order, &place) == NULL);
    place = order_end(&order);
    CHECK(order_previous(&order, &place) == NULL);
    then_nothing_is_left();
}

TEST(an_only_entry_takes_no_memory)
{
    struct order_place place = {0};

    given_memory();
    order = (struct order){0};
    order_insert(&memory, &order, entry_of(T0, 4));
    CHECK_EQ(region_used(&kept_region), 0);
    CHECK_EQ(order_count(&order), 1);
    CHECK_EQ(order_next(&order, &place)->item, 11);
    CHECK(order_next(&order, &place) == NULL);
    CHECK_EQ(order_previous(&order, &place)->time, T0);
    CHECK(order_previous(&order, &place) == NULL);
    place = order_seek(&order, T0, 4);
    CHECK(order_previous(&order, &place) == NULL);
    place = order_seek(&order, T0, 5);
    CHECK(order_next(&order, &place) == NULL);
    place = order_end(&order);
    CHECK_EQ(order_previous(&order, &place)->key, 4);
    order_insert(&memory, &order, entry_of(T0 - 1, 3)); /* in front of it */
    CHECK_EQ(order_count(&order), 2);
    place = (struct order_place){0};
    CHECK_EQ(order_next(&order, &place)->key, 3);
    CHECK_EQ(order_next(&order, &place)->key, 4);
    order_remove(&memory, &order, entry_of(T0, 4));
    order_remove(&memory, &order, entry_of(T0 - 1, 3));
    CHECK_EQ(order_count(&order), 0);
    then_nothing_is_left();
}

TEST(what_is_not_there_cannot_be_removed)
{
    struct order_entry entry = {.time = 5, .key = 1, .item = 1};
    struct order_entry other = {.time = 5, .key = 1, .item = 2};

    given_memory();
    order = (struct order){0};
    order_insert(&memory, &order, entry);
    CHECK_DIES(order_remove(&memory, &order, other));
    CHECK_DIES(order_remove(&memory, &order, (struct order_entry){.time = 6, .key = 1, .item = 1}));
    CHECK_DIES(order_remove(&memory, &order, (struct order_entry){.time = 5, .key = 0, .item = 1}));
    CHECK_DIES(order_replace(&order, other, entry.item));
    order_replace(&order, entry, other.item);
    order_replace(&order, other, entry.item);
    order_remove(&memory, &order, entry);
    CHECK_EQ(order_count(&order), 0);
    order_insert(&memory, &order, entry); /* empty, and used again */
    CHECK_EQ(order_count(&order), 1);
    order_clear(&memory, &order);
    then_nothing_is_left();
}

/* Of those with one time and one key each is one's own. */
TEST(of_equals_none_is_lost_and_the_right_one_goes)
{
    struct order_place place = {0};
    uint64_t sum = 0;

    given_memory();
    order = (struct order){0};
    for (uint64_t i = 0; i < 3; i++) {
        order_insert(&memory, &order, (struct order_entry){.time = 5, .key = 9, .item = 1 + i});
        order_insert(&memory, &order,
                     (struct order_entry){.time = 4 + 2 * (int64_t)(i % 2), .key = 9, .item = 100});
    }
    order_remove(&memory, &order, (struct order_entry){.time = 5, .key = 9, .item = 2});
    for (const struct order_entry *entry = order_next(&order, &place); entry != NULL;
         entry = order_next(&order, &place)) {
        sum += entry->item;
    }
    CHECK_EQ(sum, 304);
    order_remove(&memory, &order, (struct order_entry){.time = 5, .key = 9, .item = 1});
    order_remove(&memory, &order, (struct order_entry){.time = 5, .key = 9, .item = 3});
    CHECK_EQ(order_count(&order), 3);
    order_clear(&memory, &order);
    then_nothing_is_left();
}

static void
then_it_ascends(uint64_t count)
{
    struct order_place place = {0};
    const struct order_entry *last = NULL;
    uint64_t seen = 0;

    for (;;) {
        const struct order_entry *entry = order_next(&order, &place);
        if (entry == NULL) {
            break;
        }
        if (last != NULL) {
            CHECK(order_is_before(last, entry->time, entry->key));
        }
        CHECK_EQ(entry->item, entry->key + 7);
        last = entry;
        seen++;
    }
    CHECK_EQ(seen, count);
    CHECK_EQ(order_count(&order), count);

    place = order_end(&order);
    while (order_previous(&order, &place) != NULL) {
        seen--;
    }
    CHECK_EQ(seen, 0);
}

TEST(any_order_of_insertions_and_removals_ascends)
{
    enum { COUNT = 6000 };
    int64_t *times = calloc(COUNT, sizeof(*times));

    CHECK(times != NULL);
    for (uint64_t how = 0; how < 4; how++) {
        uint64_t dice = how + 5;
        given_memory();
        order = (struct order){0};
        for (uint64_t i = 0; i < COUNT; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            times[i] = how == 0   ? (int64_t)i
                       : how == 1 ? -(int64_t)i
                                  : (int64_t)((dice >> 33) % (how == 2 ? 40 : 100000));
            order_insert(&memory, &order, entry_of(times[i], i));
        }
        then_it_ascends(COUNT);

        /* Strictly in front of and from a key on. */
        for (uint64_t i = 0; i < COUNT; i += 97) {
            struct order_place place = order_seek(&order, times[i], i);
            struct order_place back = place;
            CHECK_EQ(order_next(&order, &place)->item, i + 7);
            const struct order_entry *before = order_previous(&order, &back);
            CHECK(before == NULL || order_is_before(before, times[i], i));
            place = order_seek(&order, times[i], 0);
            CHECK_EQ(order_next(&order, &place)->time, times[i]);
        }
        for (uint64_t i = 0; i < COUNT; i++) {
            if (i % 7 != 0) {
                order_remove(&memory, &order, entry_of(times[i], i));
            }
        }
        then_it_ascends((COUNT + 6) / 7);
        order_clear(&memory, &order);
        then_nothing_is_left();
    }
    free(times);
}

TEST(entries_behind_a_place_are_lent_and_taken)
{
    struct order_place place = {0};
    uint32_t count;
    uint64_t left = 600;

    given_memory();
    order = (struct order){0};
    CHECK(order_entries(&order, &place, &count) == NULL);
    for (uint64_t i = 0; i < left; i++) {
        order_insert(&memory, &order, entry_of(T0 + (int64_t)i, i));
    }
    CHECK_EQ(order_full_count(&order), 2);
    place = (struct order_place){.chunk = 0, .index = ORDER_CHUNK_COUNT}; /* the next chunk */
    CHECK_EQ(order_entries(&order, &place, &count)->key, ORDER_CHUNK_COUNT);
    CHECK_EQ(count, ORDER_CHUNK_COUNT);
    place.index = 5;
    CHECK_DIES(order_take(&memory, &order, place, ORDER_CHUNK_COUNT));
    order_take(&memory, &order, place, 10);
    left -= 10;
    then_it_ascends(left);
    for (place = (struct order_place){0}; order_entries(&order, &place, &count) != NULL;
         place = (struct order_place){0}) {
        order_take(&memory, &order, place, count);
        left -= count;
        then_it_ascends(left);
    }
    CHECK_EQ(left, 0);
    order_insert(&memory, &order, entry_of(T0, 1)); /* one needs no chunk */
    place = (struct order_place){0};
    CHECK_EQ(order_entries(&order, &place, &count)->key, 1);
    order_take(&memory, &order, place, count);
    then_nothing_is_left();
}

/* Many at once. */

static struct order_entry entries[3000];

static void
given_entries(uint32_t count, int64_t (*time_of)(uint32_t index))
{
    given_memory();
    order = (struct order){0};
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = entry_of(time_of(i), (i * 7919) % count);
    }
}

static int64_t
any_time(uint32_t index)
{
    static const int64_t far[] = {INT64_MIN, INT64_MAX, 0, -1, 1, INT64_C(1780315200000)};
    uint64_t mixed = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return index % 5 == 0 ? far[mixed % COUNT_OF(far)] : (int64_t)mixed;
}

static int64_t
near_time(uint32_t index)
{
    return T0 + (int64_t)(index * 31 % 97) * 1000;
}

static int64_t
one_time(uint32_t index)
{
    (void)index;
    return T0;
}

TEST(entries_that_come_nearly_in_order_leave_little_room)
{
    enum { COUNT = 40000, LATE = 16 };
    struct order_place place = {0};
    uint64_t dice = 5;
    int64_t last = INT64_MIN;

    given_memory();
    order = (struct order){0};
    for (uint64_t i = 0; i < COUNT; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        order_insert(&memory, &order, entry_of((int64_t)(i + (dice >> 33) % LATE), i));
    }
    CHECK(region_used(&kept_region) < COUNT * sizeof(struct order_entry) * 9 / 8);
    for (uint64_t i = 0; i < COUNT; i++) {
        const struct order_entry *entry = order_next(&order, &place);
        CHECK(entry->time >= last);
        CHECK_EQ(entry->item, entry->key + 7);
        last = entry->time;
    }
    CHECK(order_next(&order, &place) == NULL);
    order_clear(&memory, &order);
    then_nothing_is_left();
}

TEST(sorted_entries_ascend_by_time_and_key_whatever_they_were)
{
    int64_t (*const times[])(uint32_t index) = {any_time, near_time, one_time};
    static const uint32_t counts[] = {0, 1, 2, 3, 257, 3000};

    for (uint32_t t = 0; t < COUNT_OF(times); t++) {
        for (uint32_t c = 0; c < COUNT_OF(counts); c++) {
            given_entries(counts[c], times[t]);
            order_sort(&memory, entries, counts[c]);
            for (uint32_t i = 1; i < counts[c]; i++) {
                CHECK(order_is_before(&entries[i - 1], entries[i].time, entries[i].key));
            }
            then_nothing_is_left();
        }
    }
}

TEST(sorted_equals_stay_as_they_came)
{
    given_entries(3000, near_time);
    for (uint32_t i = 0; i < 3000; i++) {
        entries[i] = (struct order_entry){.time = entries[i].time, .item = i + 1};
    }
    order_sort(&memory, entries, 3000);
    for (uint32_t i = 1; i < 3000; i++) {
        CHECK(entries[i - 1].time < entries[i].time ||
              (entries[i - 1].time == entries[i].time && entries[i - 1].item < entries[i].item));
    }
    then_nothing_is_left();
}

TEST(a_filled_order_is_as_one_that_grew_and_goes_on)
{
    static const uint32_t counts[] = {0, 1, 4, 5, 255, 256, 257, 512, 3000};
    const uint32_t more = 8;

    for (uint32_t c = 0; c < COUNT_OF(counts); c++) {
        given_entries(counts[c], near_time);
        order_sort(&memory, entries, counts[c]);
        order_fill(&memory, &order, entries, counts[c]);
        then_it_ascends(counts[c]);
        for (uint32_t i = 0; i < more; i++) {
            order_insert(&memory, &order, entry_of(T0 + (int64_t)i * 13000, 5000 + i));
        }
        then_it_ascends(counts[c] + more);
        order_clear(&memory, &order);
        then_nothing_is_left();
    }
}
