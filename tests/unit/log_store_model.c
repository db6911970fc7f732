/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Random lives of a log_store beside a naive map: adds, changes, look-ups, cuts, steps, operations that end in any
 * order, deaths at any write with what a disk may make of it, starts from either of the two checkpoints that are kept.
 * Half of them have their places in the owner's table: then what is there is replaced without a look at it.
 */

#include "tests/unit/log_store_world.h"

#ifndef SEED_FIRST
#define SEED_FIRST UINT64_C(1) /* the seed of a failed run repeats it: -DSEED_FIRST=77 -DSEED_COUNT=1 */
#define SEED_COUNT 300u
#endif
#define OPERATION_COUNT 1500u
#define LIFE_COUNT 4u

static struct {
    uint64_t seed; /* 0: none is being run */
    uint64_t lives;
    uint64_t cold_reads;
    uint64_t cuts;
    uint64_t from_older;
    uint32_t key_count;
    uint32_t bytes_typical;
} run;

__attribute__((destructor)) static void
say_seed(void)
{
    if (run.seed != 0) {
        fprintf(stderr, "log_store_model: it was seed %llu\n", (unsigned long long)run.seed);
    }
}

static uint32_t
dice_bytes(void)
{
    switch (world_dice(40)) {
    case 0:
        return (uint32_t)world_dice(log_store_record_bytes_max(WORLD_PAGE_BYTES) + 1u);
    case 1:
    case 2:
        return (uint32_t)world_dice(9000);
    case 3:
        return 0;
    default:
        return (uint32_t)world_dice(run.bytes_typical);
    }
}

static uint32_t
dice_key(void)
{
    uint64_t width = world_dice(4) == 0 ? run.key_count : run.key_count / 8 + 1;

    return (uint32_t)world_dice(width);
}

static void
cut_goes_on(void)
{
    if (world.pending == NULL) {
        world_cut_begin();
    } else if (log_store_is_cut_durable(world.store)) {
        run.cuts++;
        world_cut_end();
    }
}

static void
one_operation(void)
{
    uint32_t key = dice_key();

    switch (world_dice(16)) {
    case 0:
        if (world_dice(4) == 0) {
            cut_goes_on();
        }
        break;
    case 1:
    case 2:
        world.clock.mono.ns += world_dice(NS_PER_MS);
        (void)log_store_step(world.store,
                             (struct mono_ns){.ns = world.clock.mono.ns + world_dice(50) * NS_PER_US});
        break;
    case 3:
    case 4:
        env_sim_release(world.env, 1 + (uint32_t)world_dice(4));
        (void)env_turn(world.env, (struct mono_ns){0});
        break;
    case 5:
    case 6:
        world_look(key, UINT32_MAX);
        break;
    default:
        if (world_has_places() && world_dice(2) == 0) {
            world_put(key, dice_bytes());
        } else if (world.map[key].value != 0) {
            world_look(key, dice_bytes());
        } else {
            world_add(key, dice_bytes());
        }
        break;
    }
    if (log_store_is_behind(world.store)) {
        world_drain();
    }
}

static void
start_again(void)
{
    uint32_t which = world.cuts[1] != NULL && world_dice(3) == 0;
    int r;

    world_crash();
    if (which == 1) { /* the newer one is found to be damaged, and is no checkpoint any more */
        world_cut_destroy(world.cuts[0]);
        world.cuts[0] = world.cuts[1];
        world.cuts[1] = NULL;
        run.from_older++;
    }
    r = world_restore(world.cuts[0]);
    if (r != 0) {
        check_failed(__FILE__, __LINE__, "%d: %s", r, world.reason);
    }
    run.lives++;
}

static void
live(void)
{
    uint64_t count = world_dice(OPERATION_COUNT);

    if (world_dice(2) == 0) {
        sim_disk_die_at(world.disk, sim_disk_operation_count(world.disk) + world_dice(60));
    }
    for (uint64_t i = 0; i < count && !sim_disk_is_dead(world.disk); i++) {
        one_operation();
    }
    CHECK_EQ(world.fault, 0);
    run.cold_reads += log_store_counts(world.store).cold_reads;
}

static void
run_seed(uint64_t seed)
{
    world_begin_disk((struct sim_disk_options){.seed = seed});
    world.clock.ns_per_look = 10 * NS_PER_US;
    world.options.memory_bytes = world_dice(3) == 0 ? 0 : (4 + world_dice(8)) * WORLD_PAGE_BYTES;
    world.options.place_of = seed % 2 == 0 ? world_place_of : NULL;
    run.key_count = 50 + (uint32_t)world_dice(800);
    run.bytes_typical = 1 + (uint32_t)world_dice(2000);
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
    for (uint32_t i = 0; i < LIFE_COUNT; i++) {
        live();
        start_again();
        if (world_dice(2) == 0) {
            world_check_all();
        }
    }
    world_check_all();
    world_end();
}

TEST(whatever_happens_a_start_has_its_cut_and_every_look_up_is_right)
{
    for (uint64_t seed = SEED_FIRST; seed < SEED_FIRST + SEED_COUNT; seed++) {
        run.seed = seed;
        run_seed(seed);
    }
    run.seed = 0;
    /* It was not in vain. */
    CHECK_EQ(run.lives, SEED_COUNT * LIFE_COUNT);
    if (SEED_COUNT >= 100) {
        CHECK(run.cuts > SEED_COUNT);
        CHECK(run.cold_reads > SEED_COUNT);
        CHECK(run.from_older > SEED_COUNT / 8);
    }
}
