/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mesh - all lanes of a node, and the bells that wake sleeping shards
 *
 * One lane for each ordered pair of shards (a shard has lanes to itself too) and each stage. A shard
 * that is about to sleep calls mesh_may_sleep(): the flag is raised, a fence, and the lanes are looked
 * at once more. A shard that published calls mesh_ring_bells() once a turn: a fence, and each peer that
 * was sent something and has its flag up is woken once.
 *
 * Threads  As said at each function. The two fences are sequentially consistent and pair with each other.
 */

#include "core/here.h"
#include "core/lane.h"

#define MESH_STAGE_COUNT_MAX 8u

struct env;

struct mesh_bell {
    alignas(CACHE_LINE_BYTES) _Atomic uint32_t is_sleeping;
    struct env *_Atomic env; /* NULL until the shard runs */
};

struct mesh {
    uint32_t shard_count;
    uint32_t stage_count;
    struct lane *lanes; /* [stage][from][to] */
    struct lane_slot *slots;
    uint64_t bytes; /* of the one reservation that holds lanes and slots */
    struct mesh_bell bells[SHARD_COUNT_MAX];
};

/* Boot. slot_counts[stage] is the size of each lane of that stage, a power of two. -ENOMEM. */
MUST_USE int mesh_init(struct mesh *mesh, uint32_t shard_count, uint32_t stage_count,
                       const uint32_t *slot_counts);
void mesh_deinit(struct mesh *mesh);

static inline struct lane *
mesh_lane(struct mesh *mesh, uint32_t stage, uint32_t from, uint32_t to)
{
    return &mesh->lanes[(stage * mesh->shard_count + from) * mesh->shard_count + to];
}

/* Home. From now on this shard can be woken through env. */
void mesh_join(struct mesh *mesh, struct shard_id shard, struct env *env);
/* Home. Publishes all lanes that start here and wakes whoever sleeps and was sent something. */
void mesh_publish(struct mesh *mesh, struct shard_id shard);
/* Home. Raises the flag and looks again: true means go and wait, then call mesh_awake(). */
MUST_USE bool mesh_may_sleep(struct mesh *mesh, struct shard_id shard);
void mesh_awake(struct mesh *mesh, struct shard_id shard);
