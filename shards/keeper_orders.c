/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/keeper_state.h"

/*
 * The order of a tenant's events has an entry of each, and nobody looks at most of them for a long time. When memory is
 * wanted, the oldest chunk of one order after the other becomes a stretch of its shelf, which is on disk: only what lies
 * before the watermark, since others may still come between; and never the last chunk, to which nearly all are added.
 */

#define LOOK_COUNT 64u /* shares at a time */

void
keeper_note_order(struct keeper *keeper, const struct share *share, uint32_t full_before)
{
    keeper->order_chunks += (uint64_t)order_full_count(&share->events) - full_before;
}

uint64_t
keeper_order_bytes(const struct keeper *keeper)
{
    return keeper->order_chunks * ORDER_CHUNK_BYTES;
}

/* The entries of a chunk, from the place on, when they are before the watermark. */
static bool
shelve(struct keeper *keeper, struct share *share, struct order_place place, uint32_t count_max)
{
    const struct keeper_tenant *tenant = keeper_known_tenant(keeper, share->partition, share->tenant_no);
    struct event_ms watermark = keeper_watermark(&keeper->partitions[share->partition], tenant);
    uint32_t full_before = order_full_count(&share->events);
    uint32_t count;
    const struct order_entry *entries = order_entries(&share->events, &place, &count);

    if (entries == NULL) {
        return false;
    }
    count = count < count_max ? count : count_max;
    if (entries[count - 1].time >= watermark.ms) {
        return false;
    }
    shelf_add(&keeper->memory, &share->shelf, share->state, slice_record_head(share, SLICE_STRETCH), entries,
              count);
    order_take(&keeper->memory, &share->events, place, count);
    keeper_note_order(keeper, share, full_before);
    return true;
}

/* The first chunk that lies behind the shelf. */
static bool
shelve_chunk(struct keeper *keeper, struct share *share)
{
    struct order_place place = shelf_end(&share->shelf, &share->events);

    if (place.index > 0) {
        place = (struct order_place){.chunk = place.chunk + 1};
    }
    return place.chunk < order_full_count(&share->events) && shelve(keeper, share, place, ORDER_CHUNK_COUNT);
}

bool
keeper_shelve(struct keeper *keeper)
{
    bool has_shelved = false;

    if (keeper->order_bytes_max == 0 || keeper_order_bytes(keeper) <= keeper->order_bytes_max ||
        keeper_is_behind(keeper)) {
        return false;
    }
    for (uint32_t i = 0; i < LOOK_COUNT && keeper_order_bytes(keeper) > keeper->order_bytes_max; i++) {
        struct share *share = keeper->shelving != NULL ? keeper->shelving : keeper->shares;
        has_shelved = shelve_chunk(keeper, share) || has_shelved;
        keeper->shelving = share->next;
    }
    return has_shelved && keeper_order_bytes(keeper) > keeper->order_bytes_max;
}

void
keeper_shelve_little(struct keeper *keeper, uint32_t count)
{
    for (struct share *share = keeper->shares; share != NULL; share = share->next) {
        (void)shelve(keeper, share, shelf_end(&share->shelf, &share->events), count);
    }
}
