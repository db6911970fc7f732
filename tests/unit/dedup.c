/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/dedup.h"

#include <errno.h>

#define NOW 1000000

static struct region region;
static struct dedup dedup;

static void
given_a_window(uint32_t capacity)
{
    CHECK_EQ(region_init(&region, 64 << 20), 0);
    dedup_init(&dedup, &region);
    CHECK_EQ(dedup_resize(&dedup, capacity), 0);
}

static void
then_nothing_is_left(void)
{
    dedup_deinit(&dedup);
    dedup_deinit(&dedup);
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

static struct hash128
id_of(uint64_t id)
{
    return (struct hash128){.lo = hash_mix(id), .hi = hash_mix(id + UINT64_C(1000000007))};
}

static bool
knows(uint64_t id, int64_t now)
{
    const struct dedup_entry *entry = dedup_find(&dedup, id_of(id), (struct wall_ms){.ms = now});

    return entry != NULL;
}

static void
add(uint64_t id, uint32_t tenant_no, int64_t now)
{
    CHECK_EQ(dedup_add(&dedup, id_of(id), tenant_no, (struct wall_ms){.ms = now}, id), 0);
}

TEST(a_window_that_was_never_sized_knows_nothing)
{
    CHECK_EQ(region_init(&region, 1 << 20), 0);
    dedup_init(&dedup, &region);
    CHECK(!knows(1, NOW));
    CHECK_EQ(dedup_window_ms(&dedup, (struct wall_ms){.ms = NOW}), DEDUP_WINDOW_MS);
    CHECK_DIES(CHECK_EQ(dedup_resize(&dedup, 0), 0));
    CHECK_DIES(CHECK_EQ(dedup_add(&dedup, id_of(1), 0, (struct wall_ms){.ms = NOW}, 0), 0));
    then_nothing_is_left();
}

TEST(a_window_without_memory_says_so)
{
    CHECK_EQ(region_init(&region, 4096), 0);
    dedup_init(&dedup, &region);
    CHECK_EQ(dedup_resize(&dedup, 1000), -ENOMEM);
    then_nothing_is_left();
}

TEST(half_an_id_is_not_the_id)
{
    given_a_window(16);
    add(1, 0, NOW);
    CHECK(dedup_find(&dedup, (struct hash128){.lo = id_of(1).lo, .hi = id_of(2).hi},
                     (struct wall_ms){.ms = NOW}) == NULL);
    CHECK(dedup_find(&dedup, (struct hash128){.lo = id_of(2).lo, .hi = id_of(1).hi},
                     (struct wall_ms){.ms = NOW}) == NULL);
    CHECK(knows(1, NOW));
    then_nothing_is_left();
}

TEST(an_original_says_when_it_is_durable)
{
    const struct dedup_entry *entry;

    given_a_window(16);
    add(5, 3, NOW);
    entry = dedup_find(&dedup, id_of(5), (struct wall_ms){.ms = NOW + 1});
    CHECK(entry != NULL);
    CHECK_EQ(entry->durable_when, 5);
    CHECK_EQ(entry->tenant_no, 3);
    CHECK_EQ(entry->received_at.ms, NOW);
    then_nothing_is_left();
}

TEST(an_id_is_known_for_24_hours_and_not_a_millisecond_more)
{
    given_a_window(2000);
    add(1, 0, NOW);
    for (uint64_t id = 2; id <= DEDUP_TENANT_COUNT_MIN + 1; id++) {
        add(id, 0, NOW + MS_PER_DAY); /* 256 newer ones of the same tenant */
    }
    CHECK(knows(1, NOW + MS_PER_DAY));
    CHECK(!knows(1, NOW + MS_PER_DAY + 1));
    CHECK(knows(2, NOW + MS_PER_DAY + 1));
    then_nothing_is_left();
}

TEST(a_tenants_newest_256_are_known_for_ever)
{
    given_a_window(2000);
    for (uint64_t id = 0; id <= DEDUP_TENANT_COUNT_MIN; id++) {
        add(id, 0, NOW);
    }
    CHECK(!knows(0, NOW + 400 * MS_PER_DAY));
    for (uint64_t id = 1; id <= DEDUP_TENANT_COUNT_MIN; id++) {
        CHECK(knows(id, NOW + 400 * MS_PER_DAY));
    }
    CHECK_EQ(dedup.count, 0);

    /* Each new one ends the oldest of them. */
    for (uint64_t id = 1; id <= DEDUP_TENANT_COUNT_MIN; id++) {
        CHECK(knows(id, NOW + 400 * MS_PER_DAY));
        add(1000 + id, 0, NOW + 400 * MS_PER_DAY);
        CHECK(!knows(id, NOW + 400 * MS_PER_DAY));
    }
    then_nothing_is_left();
}

TEST(the_oldest_leave_a_full_window)
{
    given_a_window(600);
    for (uint64_t id = 0; id < 1000; id++) {
        add(id, 0, NOW);
    }
    CHECK_EQ(dedup.count, 600);
    for (uint64_t id = 0; id < 1000; id++) {
        CHECK(knows(id, NOW) == (id >= 400));
    }
    then_nothing_is_left();
}

TEST(a_loud_tenant_does_not_push_out_a_quiet_ones_newest_256)
{
    given_a_window(100);
    for (uint64_t id = 0; id < 300; id++) {
        add(id, 7, NOW);
    }
    for (uint64_t id = 1000; id < 5000; id++) {
        add(id, 2, NOW);
    }
    for (uint64_t id = 0; id < 300; id++) {
        CHECK(knows(id, NOW) == (id >= 300 - DEDUP_TENANT_COUNT_MIN));
    }
    for (uint64_t id = 1000; id < 5000; id++) {
        CHECK(knows(id, NOW) == (id >= 5000 - DEDUP_TENANT_COUNT_MIN));
    }
    /* An ID that was let go is an original again. */
    add(0, 7, NOW);
    CHECK(knows(0, NOW));
    CHECK(!knows(300 - DEDUP_TENANT_COUNT_MIN, NOW));
    then_nothing_is_left();
}

TEST(a_smaller_window_keeps_the_newest_of_all_and_of_each_tenant)
{
    given_a_window(2000);
    for (uint64_t id = 0; id < 1500; id++) {
        add(id, id % 3 == 0 ? 0 : 1, NOW); /* tenant 0 has 500, tenant 1 has 1000 */
    }
    CHECK_EQ(dedup_resize(&dedup, 900), 0);
    for (uint64_t id = 0; id < 1500; id++) {
        CHECK(knows(id, NOW) == (id >= 600));
    }
    CHECK_EQ(dedup_resize(&dedup, 1), 0);
    for (uint64_t id = 0; id < 1500; id++) {
        uint64_t of_tenant = id % 3 == 0 ? id / 3 : id / 3 * 2 + id % 3 - 1;
        uint64_t count = id % 3 == 0 ? 500 : 1000;

        CHECK(knows(id, NOW) == (of_tenant + DEDUP_TENANT_COUNT_MIN >= count));
    }
    CHECK_EQ(dedup_resize(&dedup, 3000), 0);
    for (uint64_t id = 10000; id < 12990; id++) {
        add(id, 2, NOW);
    }
    CHECK(knows(1499, NOW));
    CHECK(knows(10000, NOW));
    CHECK_EQ(dedup_resize(&dedup, 3000), 0);
    CHECK(knows(10000, NOW));
    then_nothing_is_left();
}

TEST(a_window_of_one_works)
{
    given_a_window(1);
    for (uint64_t id = 0; id < 2000; id++) {
        CHECK(!knows(id, NOW));
        add(id, 0, NOW);
        CHECK(knows(id, NOW));
        if (id >= DEDUP_TENANT_COUNT_MIN) {
            CHECK(!knows(id - DEDUP_TENANT_COUNT_MIN, NOW));
            CHECK(knows(id - DEDUP_TENANT_COUNT_MIN + 1, NOW));
        }
    }
    then_nothing_is_left();
}

TEST(a_window_takes_memory_as_it_fills_and_forgets_nothing_when_it_grows)
{
    given_a_window(5000);
    uint64_t empty = region_used(&region);
    CHECK(empty < 5000 * sizeof(struct dedup_entry) / 2);
    for (uint64_t id = 0; id < 6000; id++) {
        add(id, (uint32_t)(id % 2), NOW);
    }
    for (uint64_t id = 1000; id < 6000; id++) {
        CHECK(knows(id, NOW));
    }
    CHECK(!knows(999, NOW));
    CHECK(region_used(&region) >= 5000 * sizeof(struct dedup_entry));
    CHECK(dedup_memory_bytes(&dedup) > 5000 * sizeof(struct dedup_entry));
    CHECK(dedup_memory_bytes(&dedup) <= region_used(&region));
    CHECK(dedup_memory_bytes(&dedup) <= dedup_memory_bytes_max(5000 + 2 * DEDUP_TENANT_COUNT_MIN));
    then_nothing_is_left();
}

TEST(the_window_tells_how_far_back_it_reaches)
{
    given_a_window(300);
    for (uint64_t id = 0; id < 600; id++) {
        add(id, 0, NOW + (int64_t)id * 10);
    }
    CHECK_EQ(dedup_window_ms(&dedup, (struct wall_ms){.ms = NOW + 6000}), 3000);
    then_nothing_is_left();
}

/* Ten tenants, ring and kept rings, time passing, sizes changing: against a list of everything. */
TEST(a_window_knows_what_a_plain_list_knows)
{
    enum { EVENT_COUNT = 20000, TENANTS = 10 };
    static struct {
        uint32_t tenant_no;
        int64_t at;
        uint64_t order;
    } all[EVENT_COUNT];
    static const uint32_t sizes[] = {700, 50, 1900, 1, 700};
    uint64_t accepted[TENANTS] = {0};
    uint64_t ring_first = 0; /* what the capacity has let go never comes back */
    int64_t now = NOW;
    uint64_t dice = 7;

    given_a_window(sizes[0]);
    for (uint64_t id = 0; id < EVENT_COUNT; id++) {
        uint32_t capacity = sizes[id * COUNT_OF(sizes) / EVENT_COUNT];

        dice = hash_mix(dice + id + 1);
        CHECK_EQ(dedup_resize(&dedup, capacity), 0);
        now += (int64_t)(dice % 4 == 0 ? (dice >> 8) % 400000 : 0);
        all[id].tenant_no = (uint32_t)((dice >> 40) % TENANTS);
        all[id].tenant_no = all[id].tenant_no < 3 ? all[id].tenant_no : 9;
        all[id].at = now;
        all[id].order = ++accepted[all[id].tenant_no];
        add(id, all[id].tenant_no, now);
        ring_first = id + 1 > capacity && id + 1 - capacity > ring_first ? id + 1 - capacity : ring_first;
        for (uint32_t i = 0; i < 4; i++) {
            dice = hash_mix(dice + 1);
            uint64_t look = id - (dice % (id < 3000 ? id + 1 : 3000));
            bool is_young = now - all[look].at <= MS_PER_DAY;
            bool is_newest = accepted[all[look].tenant_no] - all[look].order < DEDUP_TENANT_COUNT_MIN;

            CHECK(knows(look, now) == ((is_young && look >= ring_first) || is_newest));
        }
    }
    then_nothing_is_left();
}
