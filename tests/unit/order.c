/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/order.h"

static struct order order;

static int
compare(const struct order_entry *entry, const void *key)
{
    uint64_t a = *(const uint64_t *)entry->item;
    uint64_t b = *(const uint64_t *)key;

    return (a > b) - (a < b);
}

static const void *
key_of(const struct order_entry *entry)
{
    return entry->item;
}

TEST(an_empty_order_has_no_places)
{
    struct order_place place;
    uint64_t key = 3;

    given_memory();
    order = (struct order){0};
    place = order_seek(&order, 5, &key, compare);
    CHECK(order_previous(&order, &place) == NULL);
    CHECK(order_next(&order, &place) == NULL);
    place = order_end(&order);
    CHECK(order_previous(&order, &place) == NULL);
    then_nothing_is_left();
}

TEST(what_is_not_there_cannot_be_removed)
{
    uint64_t item = 1;
    uint64_t other = 1;
    uint64_t same = 1;

    given_memory();
    order = (struct order){0};
    order_insert(&memory, &order, 5, &item, &item, compare);
    CHECK_DIES(order_remove(&memory, &order, 5, &other, &other, compare));
    CHECK_DIES(order_remove(&memory, &order, 6, &item, &item, compare));
    CHECK_DIES(order_replace(&order, 5, &item, &other, &item, compare));
    order_replace(&order, 5, &item, &item, &same, compare);
    order_replace(&order, 5, &item, &same, &item, compare);
    order_remove(&memory, &order, 5, &item, &item, compare);
    CHECK_EQ(order.count, 0);
    order_insert(&memory, &order, 5, &item, &item, compare); /* empty, and used again */
    CHECK_EQ(order.count, 1);
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
            CHECK(last->time < entry->time || (last->time == entry->time && compare(last, entry->item) < 0));
        }
        last = entry;
        seen++;
    }
    CHECK_EQ(seen, count);
    CHECK_EQ(order.count, count);

    place = order_end(&order);
    while (order_previous(&order, &place) != NULL) {
        seen--;
    }
    CHECK_EQ(seen, 0);
}

TEST(any_order_of_insertions_and_removals_ascends)
{
    enum { COUNT = 6000 };
    uint64_t *items = calloc(COUNT, sizeof(*items));
    int64_t *times = calloc(COUNT, sizeof(*times));

    CHECK(items != NULL && times != NULL);
    for (uint64_t how = 0; how < 4; how++) {
        uint64_t dice = how + 5;
        given_memory();
        order = (struct order){0};
        for (uint64_t i = 0; i < COUNT; i++) {
            dice = dice * UINT64_C(6364136223846793005) + 1;
            items[i] = i;
            times[i] = how == 0   ? (int64_t)i
                       : how == 1 ? -(int64_t)i
                                  : (int64_t)((dice >> 33) % (how == 2 ? 40 : 100000));
            order_insert(&memory, &order, times[i], &items[i], &items[i], compare);
        }
        then_it_ascends(COUNT);

        /* Strictly in front of and from a key on. */
        for (uint64_t i = 0; i < COUNT; i += 97) {
            struct order_place place = order_seek(&order, times[i], &items[i], compare);
            struct order_place back = place;
            CHECK(order_next(&order, &place)->item == &items[i]);
            const struct order_entry *before = order_previous(&order, &back);
            CHECK(before == NULL || before->time < times[i] ||
                  (before->time == times[i] && compare(before, &items[i]) < 0));
            place = order_seek(&order, times[i], NULL, compare);
            CHECK_EQ(order_next(&order, &place)->time, times[i]);
        }
        for (uint64_t i = 0; i < COUNT; i++) {
            if (i % 7 != 0) {
                order_remove(&memory, &order, times[i], &items[i], &items[i], compare);
            }
        }
        then_it_ascends((COUNT + 6) / 7);
        order_clear(&memory, &order);
        then_nothing_is_left();
    }
    free(items);
    free(times);
}

/* Many at once. */

static uint64_t sorted_items[3000];
static struct order_entry entries[3000];

static void
given_entries(uint32_t count, int64_t (*time_of)(uint32_t index))
{
    given_memory();
    order = (struct order){0};
    for (uint32_t i = 0; i < count; i++) {
        sorted_items[i] = (i * 7919) % count;
        entries[i] = (struct order_entry){.time = time_of(i), .item = &sorted_items[i]};
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

TEST(sorted_entries_ascend_by_time_and_key_whatever_they_were)
{
    int64_t (*const times[])(uint32_t index) = {any_time, near_time, one_time};
    static const uint32_t counts[] = {0, 1, 2, 3, 257, 3000};

    for (uint32_t t = 0; t < COUNT_OF(times); t++) {
        for (uint32_t c = 0; c < COUNT_OF(counts); c++) {
            given_entries(counts[c], times[t]);
            order_sort(&memory, entries, counts[c], key_of, compare);
            for (uint32_t i = 1; i < counts[c]; i++) {
                CHECK(entries[i - 1].time < entries[i].time ||
                      (entries[i - 1].time == entries[i].time &&
                       compare(&entries[i - 1], entries[i].item) < 0));
            }
            then_nothing_is_left();
        }
    }
}

TEST(without_a_key_those_of_one_time_stay_as_they_came)
{
    given_entries(3000, near_time);
    order_sort(&memory, entries, 3000, NULL, NULL);
    for (uint32_t i = 1; i < 3000; i++) {
        CHECK(entries[i - 1].time < entries[i].time ||
              (entries[i - 1].time == entries[i].time && entries[i - 1].item < entries[i].item));
    }
    then_nothing_is_left();
}

TEST(a_filled_order_is_as_one_that_grew_and_goes_on)
{
    static const uint32_t counts[] = {0, 1, 4, 5, 255, 256, 257, 512, 3000};
    uint64_t more[8];

    for (uint32_t c = 0; c < COUNT_OF(counts); c++) {
        given_entries(counts[c], near_time);
        order_sort(&memory, entries, counts[c], key_of, compare);
        order_fill(&memory, &order, entries, counts[c]);
        then_it_ascends(counts[c]);
        for (uint32_t i = 0; i < COUNT_OF(more); i++) {
            more[i] = 5000 + i;
            order_insert(&memory, &order, T0 + (int64_t)i * 13000, &more[i], &more[i], compare);
        }
        then_it_ascends(counts[c] + COUNT_OF(more));
        order_clear(&memory, &order);
        then_nothing_is_left();
    }
}
