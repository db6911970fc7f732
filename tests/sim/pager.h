/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * pager - a client that pages through lists while everything changes
 *
 * It reads a list whole, then page by page, a page now and then, then whole again; in between events come, people are
 * merged, and the node dies and comes back with another number of shards. What has the same place in both whole
 * readings must have been on exactly one page, and no place may come twice. Cursors are places, so they name what was
 * seen.
 *
 * Threads  One.
 */

#include "core/arena.h"
#include "tests/sim/cluster.h"

/* Cursors, one behind the other, each ended by a NUL. */
struct pager_places {
    char *texts;
    uint32_t count;
    uint32_t count_max;
};

enum pager_stage {
    PAGER_BEFORE,
    PAGER_PAGES,
    PAGER_AFTER,
};

struct pager {
    struct cluster *cluster;
    char *why; /* 512 bytes; set when something is wrong */
    struct arena_pool *arenas;
    struct arena arena; /* of the query that is out */
    bool is_asking;
    enum pager_stage stage;
    uint32_t list;
    uint32_t tenant;
    uint32_t first;
    char cursor[64]; /* empty: from the beginning */
    struct pager_places before;
    struct pager_places pages;
    uint64_t lists_read;
};

void pager_init(struct pager *pager, struct cluster *cluster, struct arena_pool *arenas, char *why);
void pager_deinit(struct pager *pager);
/* Asks for what is next, on any shard; nothing while an answer is awaited. */
void pager_act(struct pager *pager);
/* The node died. What was asked is asked again; the cursor stays. */
void pager_forget(struct pager *pager);
