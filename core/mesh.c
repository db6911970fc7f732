/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mesh.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "core/env.h"
#include "core/mesh_order.h"

static_assert(SHARD_COUNT_MAX <= 64, "a word has a bit for each peer");

int
mesh_init(struct mesh *mesh, uint32_t shard_count, uint32_t stage_count, const uint32_t *slot_counts)
{
    REQUIRE(shard_count >= 1 && shard_count <= SHARD_COUNT_MAX);
    REQUIRE(stage_count <= MESH_STAGE_COUNT_MAX);
    uint64_t pair_count = (uint64_t)shard_count * shard_count;
    uint64_t lanes_bytes = align_up(pair_count * stage_count * sizeof(struct lane), 4096);
    uint64_t slot_count = 0;

    *mesh = (struct mesh){.shard_count = shard_count, .stage_count = stage_count};
    for (uint32_t stage = 0; stage < stage_count; stage++) {
        slot_count += pair_count * slot_counts[stage];
    }
    mesh->bytes = lanes_bytes + slot_count * sizeof(struct lane_slot);
    if (mesh->bytes == 0) {
        return 0;
    }

    /* One reservation: pages of a lane that nobody uses are never touched and cost nothing. */
    void *base =
        mmap(NULL, mesh->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        *mesh = (struct mesh){0};
        return fault_new(-ENOMEM);
    }
    mesh->lanes = base;
    mesh->slots = (struct lane_slot *)(void *)((uint8_t *)base + lanes_bytes);

    struct lane_slot *slots = mesh->slots;
    for (uint32_t stage = 0; stage < stage_count; stage++) {
        for (uint32_t pair = 0; pair < pair_count; pair++) {
            struct shard_id from = {.n = (uint16_t)(pair / shard_count)};
            struct shard_id to = {.n = (uint16_t)(pair % shard_count)};
            lane_init(mesh_lane(mesh, stage, from.n, to.n), slots, slot_counts[stage], from, to);
            slots += slot_counts[stage];
        }
    }
    return 0;
}

void
mesh_deinit(struct mesh *mesh)
{
    if (mesh->lanes != NULL) {
        (void)munmap(mesh->lanes, mesh->bytes);
    }
    *mesh = (struct mesh){0};
}

void
mesh_join(struct mesh *mesh, struct shard_id shard, struct env *env)
{
    REQUIRE(shard.n < mesh->shard_count);

    /* Release, with ring(): the env is whole before it is seen. */
    atomic_store_explicit(&mesh->bells[shard.n].env, env, memory_order_release);
}

static void
ring(struct mesh_bell *bell)
{
    if (atomic_load_explicit(&bell->is_sleeping, MESH_ORDER_FLAG) == 0) {
        return;
    }
    /* Whoever lowers the flag rings, so a sleeper is woken once by all its peers together. */
    if (atomic_exchange_explicit(&bell->is_sleeping, 0, MESH_ORDER_FLAG) == 0) {
        return;
    }
    struct env *env = atomic_load_explicit(&bell->env, memory_order_acquire);
    if (env != NULL) {
        env_wake(env);
    }
}

void
mesh_publish(struct mesh *mesh, struct shard_id shard)
{
    uint64_t sent_to = 0;

    for (uint32_t stage = 0; stage < mesh->stage_count; stage++) {
        for (uint32_t to = 0; to < mesh->shard_count; to++) {
            if (lane_publish(mesh_lane(mesh, stage, shard.n, to)) > 0) {
                sent_to |= UINT64_C(1) << to;
            }
        }
    }
    sent_to &= ~(UINT64_C(1) << shard.n); /* we are awake, and look at our own lanes before we sleep */
    if (sent_to == 0) {
        return;
    }

    /* Pairs with mesh_may_sleep(): the peer sees what we published, or we see its flag. */
    mesh_order_fence();
    while (sent_to != 0) {
        ring(&mesh->bells[__builtin_ctzll(sent_to)]);
        sent_to &= sent_to - 1;
    }
}

static bool
has_mail(struct mesh *mesh, struct shard_id shard)
{
    for (uint32_t stage = 0; stage < mesh->stage_count; stage++) {
        for (uint32_t from = 0; from < mesh->shard_count; from++) {
            if (!lane_is_empty(mesh_lane(mesh, stage, from, shard.n))) {
                return true;
            }
        }
    }
    return false;
}

bool
mesh_may_sleep(struct mesh *mesh, struct shard_id shard)
{
    atomic_store_explicit(&mesh->bells[shard.n].is_sleeping, 1, MESH_ORDER_FLAG);
    /* Pairs with mesh_publish(). */
    mesh_order_fence();
    if (has_mail(mesh, shard)) {
        mesh_awake(mesh, shard);
        return false;
    }
    return true;
}

void
mesh_awake(struct mesh *mesh, struct shard_id shard)
{
    atomic_store_explicit(&mesh->bells[shard.n].is_sleeping, 0, MESH_ORDER_FLAG);
}
