/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mesh.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "core/env.h"
#include "tests/check.h"

#define A ((struct shard_id){.n = 0})
#define B ((struct shard_id){.n = 1})
#define C ((struct shard_id){.n = 2})
#define WATCHDOG_S 60

#if defined(__SANITIZE_THREAD__)
#define PUMP_COUNT 1000000u
#define BALL_COUNT 30000u
#define ROUND_COUNT UINT64_C(50000)
#else
#define PUMP_COUNT 10000000u
#define BALL_COUNT 100000u
#define ROUND_COUNT UINT64_C(500000)
#endif

/* An env that can only be woken. */
struct bed {
    struct env env;
    sem_t semaphore;
    _Atomic uint32_t woken_count;
};

static void
bed_wake(struct env *env)
{
    struct bed *bed = CONTAINER_OF(env, struct bed, env);

    atomic_fetch_add(&bed->woken_count, 1);
    (void)sem_post(&bed->semaphore);
}

static const struct env_ops bed_ops = {.wake = bed_wake};
static struct mesh mesh;
static struct bed beds[3];

static void
given_a_mesh(uint32_t shard_count, uint32_t slot_count)
{
    uint32_t slot_counts[2] = {slot_count, slot_count * 2};

    CHECK_EQ(mesh_init(&mesh, shard_count, 2, slot_counts), 0);
    for (uint32_t i = 0; i < COUNT_OF(beds); i++) {
        beds[i] = (struct bed){.env = {.ops = &bed_ops}};
        CHECK_EQ(sem_init(&beds[i].semaphore, 0, 0), 0);
        if (i < shard_count) {
            mesh_join(&mesh, (struct shard_id){.n = (uint16_t)i}, &beds[i].env);
        }
    }
}

static void
send(uint32_t stage, struct shard_id from, struct shard_id to, uint64_t value)
{
    struct lane_slot *slot = lane_claim(mesh_lane(&mesh, stage, from.n, to.n));

    CHECK(slot != NULL);
    slot->word[0] = value;
}

TEST(more_memory_than_there_is_addresses_is_refused)
{
    uint32_t slot_counts[8];

    for (uint32_t i = 0; i < COUNT_OF(slot_counts); i++) {
        slot_counts[i] = 1u << 31;
    }
    CHECK_EQ(mesh_init(&mesh, 64, 8, slot_counts), -ENOMEM);
    mesh_deinit(&mesh);
    CHECK_DIES(int r = mesh_init(&mesh, SHARD_COUNT_MAX + 1, 1, slot_counts); CHECK_EQ(r, 0));
    CHECK_DIES(int r = mesh_init(&mesh, 0, 1, slot_counts); CHECK_EQ(r, 0));
}

TEST(every_pair_and_stage_has_its_own_lane)
{
    given_a_mesh(3, 4);

    for (uint32_t stage = 0; stage < 2; stage++) {
        for (uint16_t from = 0; from < 3; from++) {
            for (uint16_t to = 0; to < 3; to++) {
                struct lane *lane = mesh_lane(&mesh, stage, from, to);
                CHECK_EQ(lane->sender.n, from);
                CHECK_EQ(lane->receiver.n, to);
                CHECK_EQ(lane->slot_count, stage == 0 ? 4 : 8);
                for (uint64_t i = 0; i < lane->slot_count; i++) {
                    uint64_t value = stage * 1000 + from * 100u + to * 10u + i;
                    send(stage, (struct shard_id){from}, (struct shard_id){to}, value);
                }
            }
        }
    }
    for (uint16_t from = 0; from < 3; from++) {
        mesh_publish(&mesh, (struct shard_id){from});
    }
    for (uint32_t stage = 0; stage < 2; stage++) {
        for (uint16_t from = 0; from < 3; from++) {
            for (uint16_t to = 0; to < 3; to++) {
                struct lane *lane = mesh_lane(&mesh, stage, from, to);
                for (uint64_t i = 0; i < lane->slot_count; i++) {
                    const struct lane_slot *slot = lane_fetch(lane);
                    CHECK(slot != NULL);
                    CHECK_EQ(slot->word[0], stage * 1000 + from * 100u + to * 10u + i);
                }
                CHECK(lane_fetch(lane) == NULL);
            }
        }
    }
    mesh_deinit(&mesh);
}

TEST(nobody_sleeps_on_mail)
{
    given_a_mesh(2, 4);

    send(1, A, B, 1);
    CHECK(mesh_may_sleep(&mesh, B)); /* claimed is not sent */
    mesh_awake(&mesh, B);
    mesh_publish(&mesh, A);
    CHECK(!mesh_may_sleep(&mesh, B));
    mesh_publish(&mesh, A);
    CHECK_EQ(beds[1].woken_count, 0); /* the flag went down again */

    send(0, A, A, 1);
    mesh_publish(&mesh, A);
    CHECK(!mesh_may_sleep(&mesh, A)); /* to oneself counts too */
    mesh_deinit(&mesh);
}

TEST(a_sleeper_is_woken_once_whatever_is_sent)
{
    given_a_mesh(3, 4);

    CHECK(mesh_may_sleep(&mesh, B));
    send(0, A, B, 1);
    send(0, A, B, 2);
    send(1, A, B, 3);
    send(1, C, B, 4);
    mesh_publish(&mesh, A);
    CHECK_EQ(beds[1].woken_count, 1);
    mesh_publish(&mesh, C);
    CHECK_EQ(beds[1].woken_count, 1);
    CHECK_EQ(beds[0].woken_count, 0);
    CHECK_EQ(beds[2].woken_count, 0);
    mesh_awake(&mesh, B);
    mesh_deinit(&mesh);
}

TEST(nobody_is_woken_for_nothing)
{
    given_a_mesh(3, 4);

    CHECK(mesh_may_sleep(&mesh, B));
    CHECK(mesh_may_sleep(&mesh, C));
    send(0, A, C, 1);
    send(0, A, A, 1);
    mesh_publish(&mesh, A);
    mesh_publish(&mesh, A);
    CHECK_EQ(beds[0].woken_count, 0);
    CHECK_EQ(beds[1].woken_count, 0);
    CHECK_EQ(beds[2].woken_count, 1);
    mesh_deinit(&mesh);
}

TEST(a_shard_that_never_joined_is_not_rung)
{
    given_a_mesh(2, 4);

    mesh_join(&mesh, B, NULL);
    CHECK(mesh_may_sleep(&mesh, B));
    send(0, A, B, 1);
    mesh_publish(&mesh, A);
    CHECK_EQ(beds[1].woken_count, 0);
    mesh_deinit(&mesh);
}

/*
 * B sends numbers to A, A answers every 16th; both sleep whenever they may. A wake-up that is lost leaves
 * a sleeper in bed until the watchdog's deadline, and the test says so.
 */

struct talker {
    struct shard_id me;
    struct shard_id peer;
    uint64_t send_count; /* to send in all */
    uint64_t receive_count;
    uint64_t slept_count;
    uint64_t window; /* how far one may be ahead of the other */
    uint64_t random;
    bool is_wrong;
};

static _Atomic bool is_lost;

static uint64_t
dice(struct talker *talker)
{
    talker->random = talker->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return talker->random >> 33;
}

static void
sleep_if_allowed(struct talker *talker)
{
    struct timespec deadline;

    if (!mesh_may_sleep(&mesh, talker->me)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WATCHDOG_S;
    talker->slept_count++;
    while (sem_timedwait(&beds[talker->me.n].semaphore, &deadline) != 0) {
        if (errno == ETIMEDOUT) {
            atomic_store(&is_lost, true);
            break;
        }
    }
    mesh_awake(&mesh, talker->me);
}

static void *
talk(void *context)
{
    struct talker *talker = context;
    struct lane *out = mesh_lane(&mesh, 0, talker->me.n, talker->peer.n);
    struct lane *in = mesh_lane(&mesh, 0, talker->peer.n, talker->me.n);
    uint64_t sent = 0;
    uint64_t received = 0;

    while (!atomic_load(&is_lost) && (sent < talker->send_count || received < talker->receive_count)) {
        uint64_t burst = 1 + dice(talker) % 64;
        while (burst > 0 && sent < talker->send_count && sent < received + talker->window) {
            struct lane_slot *slot = lane_claim(out);
            if (slot == NULL) {
                break;
            }
            slot->word[0] = sent++;
            burst--;
        }
        mesh_publish(&mesh, talker->me);

        bool is_idle = lane_is_empty(in);
        for (const struct lane_slot *slot; (slot = lane_fetch(in)) != NULL;) {
            talker->is_wrong |= slot->word[0] != received;
            received++;
        }
        (void)lane_release(in);
        bool has_room = sent < talker->send_count && sent < received + talker->window;
        if (!is_idle) {
            continue;
        }
        if (!has_room && received < talker->receive_count) {
            sleep_if_allowed(talker);
        } else if (dice(talker) % 4 == 0) {
            sched_yield();
        }
    }
    mesh_publish(&mesh, talker->me);
    return NULL;
}

/* Returns how often they slept. */
static uint64_t
converse(uint32_t slot_count, uint64_t count, uint64_t window)
{
    struct talker talkers[2] = {
        {.me = A, .peer = B, .send_count = count, .receive_count = count, .window = window, .random = 1},
        {.me = B, .peer = A, .send_count = count, .receive_count = count, .window = window, .random = 2},
    };
    pthread_t thread;

    given_a_mesh(2, slot_count);
    atomic_store(&is_lost, false);
    CHECK_EQ(pthread_create(&thread, NULL, talk, &talkers[1]), 0);
    talk(&talkers[0]);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(!atomic_load(&is_lost));
    CHECK(!talkers[0].is_wrong);
    CHECK(!talkers[1].is_wrong);
    mesh_deinit(&mesh);
    return talkers[0].slept_count + talkers[1].slept_count;
}

TEST(no_wake_up_is_ever_lost)
{
    CHECK(converse(1024, PUMP_COUNT, 4096) > 100);
}

TEST(a_ball_goes_back_and_forth_between_sleepers)
{
    /* Each message finds its receiver asleep or falling asleep: the window where a bell can be missed. */
    CHECK(converse(1, BALL_COUNT, 1) > 100);
}

/*
 * The window itself, again and again: A publishes in the same moment in which B goes to sleep. Either B
 * sees the message or A rings; both may happen, neither may not. Without the fences this fails here.
 */

static _Atomic uint64_t round_begun;
static _Atomic uint64_t round_ended;

static void
wait_for(_Atomic uint64_t *round, uint64_t wanted)
{
    for (uint32_t spin = 1; atomic_load_explicit(round, memory_order_acquire) < wanted; spin++) {
        if (spin % 4096 == 0) {
            sched_yield();
        }
    }
}

static void *
publish_each_round(void *nothing)
{
    (void)nothing;
    for (uint64_t round = 1; round <= ROUND_COUNT; round++) {
        struct lane_slot *slot = lane_claim(mesh_lane(&mesh, 0, A.n, B.n));
        if (slot != NULL) {
            slot->word[0] = round;
        }
        wait_for(&round_begun, round);
        mesh_publish(&mesh, A);
        atomic_store(&round_ended, round);
    }
    return NULL;
}

TEST(a_sleeper_sees_the_message_or_hears_the_bell)
{
    pthread_t thread;
    uint64_t lost_count = 0;
    uint64_t seen_count = 0;
    uint64_t rung_count = 0;

    given_a_mesh(2, 16);
    atomic_store(&round_begun, 0);
    atomic_store(&round_ended, 0);
    CHECK_EQ(pthread_create(&thread, NULL, publish_each_round, NULL), 0);
    for (uint64_t round = 1; round <= ROUND_COUNT; round++) {
        atomic_store_explicit(&round_begun, round, memory_order_release);
        for (volatile uint64_t i = 0; i < round % 768; i++) {
        }
        bool is_seen = !mesh_may_sleep(&mesh, B);
        wait_for(&round_ended, round);
        bool is_rung = atomic_exchange(&beds[1].woken_count, 0) > 0;
        mesh_awake(&mesh, B);
        seen_count += is_seen;
        rung_count += is_rung;
        lost_count += !is_seen && !is_rung;
        CHECK(lane_fetch(mesh_lane(&mesh, 0, A.n, B.n)) != NULL);
        (void)lane_release(mesh_lane(&mesh, 0, A.n, B.n));
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(lost_count, 0);
    CHECK(seen_count + rung_count >= ROUND_COUNT);
    mesh_deinit(&mesh);
}
