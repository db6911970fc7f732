/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lane.h"

#include <pthread.h>
#include <sched.h>

#include "tests/check.h"

#define A ((struct shard_id){.n = 0})
#define B ((struct shard_id){.n = 1})
#define PUMP_COUNT 3000000u

static struct lane lane;
static alignas(CACHE_LINE_BYTES) struct lane_slot slots[1024];

static void
given_an_empty_lane(void)
{
    lane_init(&lane, slots, 4, A, B);
}

static void
given_a_lane_about_to_wrap(void)
{
    uint64_t near = UINT64_MAX - 2;

    lane_init(&lane, slots, 4, A, B);
    lane.claimed = near;
    lane.held = near;
    lane.released_seen = near;
    lane.fetched = near;
    lane.published_seen = near;
    atomic_store(&lane.published, near);
    atomic_store(&lane.released, near);
}

static bool
send(uint64_t value)
{
    struct lane_slot *slot = lane_claim(&lane);

    if (slot == NULL) {
        return false;
    }
    slot->word[0] = value;
    slot->word[7] = ~value;
    return true;
}

static uint64_t
receive(void)
{
    const struct lane_slot *slot = lane_fetch(&lane);

    CHECK(slot != NULL);
    CHECK_EQ(slot->word[7], ~slot->word[0]);
    return slot->word[0];
}

TEST(a_full_lane_says_no_until_slots_come_back)
{
    given_an_empty_lane();

    for (uint64_t i = 0; i < 4; i++) {
        CHECK_EQ(lane_room(&lane), 4 - i);
        CHECK(send(i));
    }
    CHECK_EQ(lane_room(&lane), 0);
    CHECK(!send(4));
    CHECK_EQ(lane_publish(&lane), 4);

    CHECK_EQ(receive(), 0);
    CHECK(!send(4)); /* fetched, not yet released */
    CHECK_EQ(lane_release(&lane), 1);
    CHECK(send(4));
    CHECK(!send(5));
}

TEST(nothing_is_seen_before_it_is_published)
{
    given_an_empty_lane();

    CHECK(lane_is_empty(&lane));
    CHECK(send(7));
    CHECK(lane_is_empty(&lane));
    CHECK(lane_fetch(&lane) == NULL);
    CHECK_EQ(lane_publish(&lane), 1);
    CHECK_EQ(lane_publish(&lane), 0);
    CHECK(!lane_is_empty(&lane));
    CHECK_EQ(receive(), 7);
    CHECK(lane_is_empty(&lane));
}

TEST(a_slot_unfetched_is_fetched_again)
{
    given_an_empty_lane();
    CHECK(send(1) && send(2));
    CHECK_EQ(lane_publish(&lane), 2);

    CHECK_EQ(receive(), 1);
    lane_unfetch(&lane);
    CHECK_EQ(lane_release(&lane), 0);
    CHECK_EQ(receive(), 1);
    CHECK_EQ(lane_release(&lane), 1);
    CHECK_DIES(lane_unfetch(&lane)); /* it is the sender's again */
    CHECK_EQ(receive(), 2);
    lane_unfetch(&lane);
    CHECK(!lane_is_empty(&lane));
}

TEST(a_payload_is_free_once_the_receiver_has_passed_it)
{
    given_an_empty_lane();

    uint64_t first = lane_index(&lane);
    CHECK(send(1));
    uint64_t second = lane_index(&lane);
    CHECK(send(2));
    CHECK_EQ(lane_publish(&lane), 2);
    CHECK_EQ(receive(), 1);
    CHECK(lane_passed(&lane) <= first);
    CHECK_EQ(lane_release(&lane), 1);
    CHECK(lane_passed(&lane) > first);
    CHECK(lane_passed(&lane) <= second);
}

TEST(indexes_wrap_without_anybody_noticing)
{
    given_a_lane_about_to_wrap();

    for (uint64_t round = 0; round < 5; round++) {
        for (uint64_t i = 0; i < 4; i++) {
            CHECK(send(round * 4 + i));
        }
        CHECK(!send(99));
        CHECK_EQ(lane_publish(&lane), 4);
        for (uint64_t i = 0; i < 4; i++) {
            CHECK_EQ(receive(), round * 4 + i);
        }
        CHECK(lane_fetch(&lane) == NULL);
        CHECK_EQ(lane_release(&lane), 4);
        CHECK_EQ(lane_room(&lane), 4);
    }
    CHECK(lane_index(&lane) < 100);
}

TEST(a_held_lane_shows_only_what_is_let_through)
{
    given_an_empty_lane();
    lane.is_held = true;

    CHECK(send(1) && send(2) && send(3));
    CHECK_EQ(lane_publish(&lane), 3);
    CHECK(lane_is_empty(&lane));
    CHECK(send(4));
    CHECK_EQ(lane_unhold(&lane, 2), 1); /* the fourth is not yet published */
    CHECK_EQ(receive(), 1);
    CHECK_EQ(receive(), 2);
    CHECK(lane_is_empty(&lane));
    CHECK_EQ(lane_publish(&lane), 1);
    CHECK_EQ(lane_unhold(&lane, 99), 0);
    CHECK_EQ(receive(), 3);
    CHECK_EQ(receive(), 4);
    CHECK_EQ(lane_release(&lane), 4);

    CHECK(send(5));
    CHECK_EQ(lane_publish(&lane), 1);
    lane.is_held = false;
    CHECK(send(6));
    CHECK_EQ(lane_publish(&lane), 1);
    CHECK_EQ(receive(), 5);
    CHECK_EQ(receive(), 6);
}

TEST(a_lane_of_one_slot_works)
{
    lane_init(&lane, slots, 1, A, A);

    for (uint64_t i = 0; i < 10; i++) {
        CHECK(send(i));
        CHECK(!send(i));
        CHECK_EQ(lane_publish(&lane), 1);
        CHECK_EQ(receive(), i);
        CHECK_EQ(lane_release(&lane), 1);
    }
}

TEST(a_crooked_lane_is_refused)
{
    CHECK_DIES(lane_init(&lane, slots, 0, A, B));
    CHECK_DIES(lane_init(&lane, slots, 3, A, B));
    CHECK_DIES(lane_init(&lane, (struct lane_slot *)(void *)((uint8_t *)slots + 8), 4, A, B));
}

static void *
pump(void *nothing)
{
    uint64_t sent = 0;

    (void)nothing;
    while (sent < PUMP_COUNT) {
        uint64_t burst = 1 + sent % 61;
        while (burst > 0 && sent < PUMP_COUNT && send(sent)) {
            sent++;
            burst--;
        }
        if (lane_publish(&lane) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

TEST(two_threads_pass_millions_in_order)
{
    uint64_t received = 0;
    uint64_t wrong = 0;
    pthread_t thread;

    lane_init(&lane, slots, 64, A, B);
    CHECK_EQ(pthread_create(&thread, NULL, pump, NULL), 0);
    while (received < PUMP_COUNT) {
        const struct lane_slot *slot = lane_fetch(&lane);
        if (slot == NULL) {
            if (lane_release(&lane) == 0) {
                sched_yield();
            }
            continue;
        }
        wrong += slot->word[0] != received || slot->word[7] != ~received;
        received++;
        if (received % 37 == 0) {
            (void)lane_release(&lane);
        }
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(wrong, 0);
    CHECK(lane_is_empty(&lane));
}
