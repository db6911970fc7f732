/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_store_world - a log_store on a simulated disk, and a naive map beside it
 *
 * Keys are numbers; a record is filled from its key and a value. What the map says is what every look-up must answer.
 * With world_has_places() the store has no index: where records are is in a table here.
 */

#include "core/env_sim.h"
#include "core/sim_file.h"
#include "storage/log_index.h"
#include "storage/log_scan.h"
#include "storage/log_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/check.h"

#define WORLD_KEY_COUNT 4096u
#define WORLD_PAGE_BYTES (UINT64_C(64) << 10)
#define WORLD_NAME "slices/007.pages"
#define WORLD_CUT_COUNT 2u
#define WORLD_SEED UINT64_C(0x243f6a8885a308d3)
#define WORLD_STRANGER_COUNT 16u /* the first keys: the index cannot tell each even one from the next */
#define WORLD_STRANGER_LOOKED UINT32_C(300000)

struct known {
    uint64_t value; /* 0: not there */
    uint32_t bytes;
};

/* A checkpoint: what a manifest would hold, and the map at that moment. */
struct world_cut {
    uint64_t cut;
    void *description;
    uint64_t bytes;
    struct known map[WORLD_KEY_COUNT];
};

struct waiting {
    struct log_store_waiter waiter;
    uint32_t key;
    uint64_t ticket;
    uint32_t change_bytes; /* UINT32_MAX: only look */
    bool is_used;
};

#define WORLD_WAITING_COUNT 256u

static struct {
    struct sim_disk *disk;
    struct sim_clock clock;
    struct env *env;
    struct region region;
    struct log_store *store;
    struct log_store_options options;
    uint64_t dice;
    uint64_t value;
    int fault;
    char what[LOG_STORE_REASON_BYTES];
    char reason[LOG_STORE_REASON_BYTES];
    struct known map[WORLD_KEY_COUNT];
    struct world_cut *cuts[WORLD_CUT_COUNT]; /* newest first, those that are kept */
    struct world_cut *pending;
    uint64_t cut_next;
    struct waiting waiting[WORLD_WAITING_COUNT];
    uint32_t waiting_count;
    uint64_t ticket;
    uint64_t called[WORLD_KEY_COUNT]; /* the last ticket of a waiter for the key */
    uint64_t visited;
    log_store_place places[WORLD_KEY_COUNT];
} world;

static inline uint64_t
world_dice(uint64_t limit)
{
    return sim_dice(&world.dice) % limit;
}

static uint64_t world_strangers[WORLD_STRANGER_COUNT]; /* found once, as they cost a moment */

static inline struct store_key
world_key(uint64_t n)
{
    struct store_key key = {0};
    uint64_t mixed = n < WORLD_STRANGER_COUNT ? world_strangers[n] : n;

    n++;
    memcpy(key.byte, &n, sizeof(n));
    memcpy(key.byte + 8, &mixed, sizeof(mixed));
    return key;
}

static inline int
world_compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;

    return (first > second) - (first < second);
}

/* Pairs of keys whose hashes have the same first 32 bits, which is all that the index knows. */
static inline void
world_find_strangers(const uint64_t *seed)
{
    struct log_index index = {.seed = {seed[0], seed[1]}};
    uint64_t *sorted;

    if (world_strangers[0] != 0) {
        return;
    }
    sorted = malloc(WORLD_STRANGER_LOOKED * sizeof(*sorted));
    CHECK(sorted != NULL);
    for (uint32_t pair = 0; pair < WORLD_STRANGER_COUNT; pair += 2) {
        for (uint32_t i = 0; i < WORLD_STRANGER_LOOKED; i++) {
            world_strangers[pair] = i + 1000000;
            sorted[i] = log_index_hash(&index, world_key(pair)) >> 32 << 32 | i;
        }
        qsort(sorted, WORLD_STRANGER_LOOKED, sizeof(*sorted), world_compare);
        for (uint64_t i = 0;; i++) {
            world_strangers[pair + 1] = i + 1000000;
            uint64_t hash = log_index_hash(&index, world_key(pair + 1)) >> 32 << 32;
            uint32_t from = 0;
            uint32_t until = WORLD_STRANGER_LOOKED;
            while (from < until) {
                uint32_t middle = (from + until) / 2;
                if (sorted[middle] < hash) {
                    from = middle + 1;
                } else {
                    until = middle;
                }
            }
            if (from < WORLD_STRANGER_LOOKED && sorted[from] >> 32 << 32 == hash) {
                world_strangers[pair] = (uint32_t)sorted[from] + UINT64_C(1000000);
                break;
            }
        }
    }
    free(sorted);
}

static inline log_store_place *
world_place_of(void *context, struct store_key key)
{
    uint64_t n;

    (void)context;
    memcpy(&n, key.byte, sizeof(n));
    CHECK(n > 0);
    return n <= WORLD_KEY_COUNT ? &world.places[n - 1] : NULL;
}

static inline bool
world_has_places(void)
{
    return world.options.place_of != NULL;
}

static inline uint8_t
world_byte(uint64_t key, uint64_t value, uint64_t i)
{
    return (uint8_t)(hash_mix(value * 4099 + key) >> (i % 8 * 8)) ^ (uint8_t)(i / 8);
}

static inline void
world_fill(void *record, uint64_t key, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        ((uint8_t *)record)[i] = world_byte(key, value, i);
    }
}

static inline void
world_then_is(const uint8_t *record, uint64_t key, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        if (record[i] != world_byte(key, value, i)) {
            check_failed(__FILE__, __LINE__, "key %llu, byte %u of %u", (unsigned long long)key, i, bytes);
        }
    }
}

static inline void
world_fatal(void *context, int fault, const char *what)
{
    (void)context;
    CHECK_EQ(world.fault, 0); /* once */
    world.fault = fault;
    snprintf(world.what, sizeof(world.what), "%s", what);
}

static inline void
world_begin_disk(struct sim_disk_options options)
{
    static const struct uuid id = {.byte = {1, 2, 3}};
    struct disk *disk;

    memset(&world, 0, sizeof(world));
    world.dice = options.seed;
    world.disk = sim_disk_create(options);
    disk = sim_disk_interface(world.disk);
    CHECK_EQ(disk->ops->make_folder(disk, "slices"), 0);
    CHECK_EQ(disk->ops->sync_folder(disk, ""), 0);
    world.env = env_sim_create(world.disk, &world.clock, options.seed);
    CHECK_EQ(region_init(&world.region, UINT64_C(64) << 20), 0);
    world_find_strangers((const uint64_t[]){WORLD_SEED, 2});
    world.options = (struct log_store_options){
        .env = world.env,
        .region = &world.region,
        .name = WORLD_NAME,
        .store_id = id,
        .number = 7,
        .seed = {WORLD_SEED, 2},
        .page_bytes = WORLD_PAGE_BYTES,
        .is_indexed = true,
        .on_fatal = world_fatal,
    };
}

static inline void
world_begin(uint64_t seed)
{
    world_begin_disk((struct sim_disk_options){.seed = seed});
    CHECK_EQ(log_store_open(world.options, &world.store), 0);
}

static inline void
world_cut_destroy(struct world_cut *cut)
{
    if (cut != NULL) {
        free(cut->description);
        free(cut);
    }
}

/* Whatever is under way is abandoned. */
static inline void
world_close(void)
{
    env_close(world.env);
    log_store_close(world.store);
    CHECK_EQ(region_used(&world.region), 0);
    world.env = NULL;
    world.store = NULL;
    world.waiting_count = 0;
    memset(world.waiting, 0, sizeof(world.waiting));
    memset(world.called, 0, sizeof(world.called));
    memset(world.places, 0, sizeof(world.places));
    world_cut_destroy(world.pending);
    world.pending = NULL;
}

static inline void
world_end(void)
{
    world_close();
    for (uint32_t i = 0; i < WORLD_CUT_COUNT; i++) {
        world_cut_destroy(world.cuts[i]);
    }
    region_deinit(&world.region);
    sim_disk_destroy(world.disk);
}

static inline bool
world_step(void)
{
    return log_store_step(world.store, MONO_NEVER);
}

/* Everything that is under way ends. */
static inline void
world_drain(void)
{
    do {
        while (world_step()) {
        }
        env_sim_release(world.env, UINT32_MAX);
    } while (env_turn(world.env, (struct mono_ns){0}) > 0);
}

static inline struct known
world_next(uint32_t bytes)
{
    return (struct known){.value = ++world.value, .bytes = bytes};
}

/* The newest version of a key, whatever there was. */
static inline void
world_put(uint32_t key, uint32_t bytes)
{
    void *record = log_store_put(world.store, world_key(key), &world.places[key], bytes);

    CHECK(record != NULL);
    CHECK_EQ((uintptr_t)record % 8, 0);
    world.map[key] = world_next(bytes);
    world_fill(record, key, world.map[key].value, bytes);
}

static inline void
world_add(uint32_t key, uint32_t bytes)
{
    if (world_has_places()) {
        CHECK_EQ(world.map[key].value, 0);
        world_put(key, bytes);
        return;
    }
    void *record = log_store_add(world.store, world_key(key), bytes);

    CHECK(record != NULL);
    CHECK_EQ((uintptr_t)record % 8, 0);
    CHECK_EQ(world.map[key].value, 0);
    world.map[key] = world_next(bytes);
    world_fill(record, key, world.map[key].value, bytes);
}

static inline void
world_change_found(uint32_t key, void *record, uint32_t bytes)
{
    uint32_t kept = world.map[key].bytes < bytes ? world.map[key].bytes : bytes;

    if (world_has_places()) {
        world_put(key, bytes);
        return;
    }
    record = log_store_change(world.store, world_key(key), record, bytes);
    CHECK(record != NULL);
    world_then_is(record, key, world.map[key].value, kept);
    world.map[key] = world_next(bytes);
    world_fill(record, key, world.map[key].value, bytes);
}

/* The answer of a look-up that is not late, against the map. The record, or NULL. */
static inline void *
world_check(uint32_t key, int answer, void *record, uint32_t bytes)
{
    if (world.map[key].value == 0) {
        CHECK_EQ(answer, LOG_STORE_ABSENT);
        return NULL;
    }
    CHECK_EQ(answer, 0);
    CHECK_EQ(bytes, world.map[key].bytes);
    world_then_is(record, key, world.map[key].value, bytes);
    return record;
}

static inline void world_look(uint32_t key, uint32_t change_bytes);

static inline void
world_arrived(struct log_store_waiter *waiter)
{
    struct waiting *waiting = CONTAINER_OF(waiter, struct waiting, waiter);
    void *record = NULL;
    uint32_t bytes = 0;
    uint32_t key = waiting->key;

    CHECK(waiting->is_used);
    CHECK(world.called[key] < waiting->ticket); /* in order */
    world.called[key] = waiting->ticket;
    int r = 0;
    if (!world_has_places()) {
        r = log_store_find(world.store, world_key(key), waiter, &record, &bytes);
    } else if (waiter->record != NULL) {
        record = (void *)(uintptr_t)waiter->record;
        bytes = waiter->record_bytes;
    } else {
        r = LOG_STORE_ABSENT;
    }
    CHECK(r != LOG_STORE_LATER);
    record = world_check(key, r, record, bytes);
    if (record != NULL && waiting->change_bytes != UINT32_MAX) {
        world_change_found(key, record, waiting->change_bytes);
    }
    waiting->is_used = false;
    world.waiting_count--;
}

/* Now or later: looks at a key, and changes it when change_bytes is not UINT32_MAX. */
static inline void
world_look(uint32_t key, uint32_t change_bytes)
{
    struct waiting *waiting = world.waiting;
    void *record = NULL;
    uint32_t bytes = 0;

    if (world.waiting_count == WORLD_WAITING_COUNT) {
        return;
    }
    while (waiting->is_used) {
        waiting++;
    }
    *waiting = (struct waiting){.waiter = {.arrived = world_arrived},
                                .key = key,
                                .ticket = ++world.ticket,
                                .change_bytes = change_bytes};
    if (!world_has_places()) {
        log_store_prefetch(world.store, world_key(key));
        log_store_prefetch_record(world.store, world_key(key));
    }
    int r = log_store_find(world.store, world_key(key), &waiting->waiter, &record, &bytes);
    if (r == LOG_STORE_LATER) {
        waiting->is_used = true;
        world.waiting_count++;
        return;
    }
    record = world_check(key, r, record, bytes);
    if (record != NULL && change_bytes != UINT32_MAX) {
        world_change_found(key, record, change_bytes);
    }
}

static inline void
world_check_all(void)
{
    uint64_t count = 0;

    for (uint32_t key = 0; key < WORLD_KEY_COUNT; key++) {
        count += world.map[key].value != 0;
        world_look(key, UINT32_MAX);
        if (world.waiting_count >= 64) {
            world_drain();
        }
    }
    world_drain();
    CHECK_EQ(world.waiting_count, 0);
    CHECK_EQ(log_store_counts(world.store).keys, count);
}

/* A cut begins; the cut before is durable. */
static inline void
world_cut_begin(void)
{
    CHECK(world.pending == NULL);
    world.pending = calloc(1, sizeof(*world.pending));
    CHECK(world.pending != NULL);
    world.pending->cut = ++world.cut_next;
    memcpy(world.pending->map, world.map, sizeof(world.map));
    log_store_cut(world.store, world.pending->cut);
}

/* Of the last cut, to be freed. */
static inline void *
world_describe(uint64_t *out_count)
{
    void *taken;
    void *description;

    CHECK_EQ(log_store_describe(world.store, &world.region, &taken, out_count), 0);
    description = malloc(*out_count);
    CHECK(description != NULL);
    memcpy(description, taken, *out_count);
    region_put(&world.region, taken, *out_count);
    return description;
}

/* It is durable: a manifest names it, the oldest is forgotten. */
static inline void
world_cut_end(void)
{
    struct world_cut *cut = world.pending;

    CHECK(log_store_is_cut_durable(world.store));
    cut->description = world_describe(&cut->bytes);
    world_cut_destroy(world.cuts[1]);
    world.cuts[1] = world.cuts[0];
    world.cuts[0] = cut;
    world.pending = NULL;
    if (world.cuts[1] != NULL) {
        log_store_release(world.store, world.cuts[1]->cut);
    }
}

static inline void
world_cut(void)
{
    world_cut_begin();
    world_drain();
    world_cut_end();
}

static inline void
world_visit(void *context, struct store_key key, void *record, uint32_t bytes, log_store_place place)
{
    uint64_t n;

    (void)context;
    memcpy(&n, key.byte, sizeof(n));
    CHECK(n > 0);
    CHECK(n <= WORLD_KEY_COUNT);
    CHECK_EQ(world.map[n - 1].bytes, bytes);
    world_then_is(record, n - 1, world.map[n - 1].value, bytes);
    world.places[n - 1] = place;
    world.visited++;
}

/* A new life, from a kept cut or, without one, from nothing. */
static inline int
world_restore(struct world_cut *cut)
{
    world.env = env_sim_create(world.disk, &world.clock, sim_dice(&world.dice));
    world.options.env = world.env;
    world.visited = 0;
    if (cut == NULL) {
        memset(world.map, 0, sizeof(world.map));
        return log_store_open(world.options, &world.store);
    }
    memcpy(world.map, cut->map, sizeof(world.map));
    return log_store_restore(world.options, cut->description, cut->bytes, world_visit, NULL, &world.store,
                             world.reason);
}

static inline void
world_crash(void)
{
    world_close();
    sim_disk_crash(world.disk);
}
