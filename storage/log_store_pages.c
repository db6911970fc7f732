/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The way of a page, with the function behind each arrow:
 *
 *   free --page_open--> tail --log_pages_place, no room--> full --relieve: close, written, evict--> on disk only
 *     ^                                                     |                                          |
 *     |                                 nothing in it lives |                                          |
 *     |                                                     v                                          |
 *     +----------- log_store_release <------- dead <--log_pages_bury-----------------------------------+
 *
 * A page that no cut has is free at once. A cold page is closed when it is full, as nothing in it is about to change;
 * a hot one stays open, and changes in place, until a cut or the limit of memory closes it.
 *
 * Invariants
 * 1. live_bytes is the sum of the strides of the page's records that the index points at.
 * 2. A page in `resident` has a frame; lists are in order of `opened`.
 * 3. A tail, a page with an open run or with unwritten runs, and a victim being moved keep their frames.
 */

#include "storage/log_store_state.h"

#define HEADROOM_PART 8u /* of the limit is closed and written ahead, so that eviction need not wait */
#define EVICT_LOOK_COUNT 8u
#define OLD_PART 4u /* the oldest quarter of memory: what is found there is kept by a copy */

/* Memory. */

uint8_t *
log_frame_take(struct log_store *store, void **out_piece)
{
    void *piece = region_take(store->region, store->options.page_bytes);

    if (piece == NULL) {
        return NULL;
    }
    *out_piece = piece;
    return (uint8_t *)piece + (align_up((uintptr_t)piece, DISK_SECTOR_BYTES) - (uintptr_t)piece);
}

void
log_frame_put(struct log_store *store, void *piece)
{
    region_put(store->region, piece, store->options.page_bytes);
}

static void
resident_add(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);
    struct log_list *list = &store->resident[page->stream];

    page->resident_prev = list->last;
    page->resident_next = LOG_SLOT_NONE;
    if (list->last != LOG_SLOT_NONE) {
        ASSERT(log_page_at(store, list->last)->opened < page->opened);
        log_page_at(store, list->last)->resident_next = slot;
    } else {
        list->first = slot;
    }
    list->last = slot;
    store->resident_count++;
}

static void
resident_remove(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);
    struct log_list *list = &store->resident[page->stream];

    if (page->resident_prev != LOG_SLOT_NONE) {
        log_page_at(store, page->resident_prev)->resident_next = page->resident_next;
    } else {
        list->first = page->resident_next;
    }
    if (page->resident_next != LOG_SLOT_NONE) {
        log_page_at(store, page->resident_next)->resident_prev = page->resident_prev;
    } else {
        list->last = page->resident_prev;
    }
    store->resident_count--;
}

void
log_pages_add_resident(struct log_store *store, uint32_t slot, void *piece, uint8_t *frame)
{
    log_page_at(store, slot)->piece = piece;
    store->frames[slot] = frame;
    resident_add(store, slot);
}

static void
evict(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);

    resident_remove(store, slot);
    log_frame_put(store, page->piece);
    page->piece = NULL;
    store->frames[slot] = NULL;
}

/* Slots. */

static int
grow_frames(struct log_store *store)
{
    uint32_t count = store->frame_count_max > 0 ? store->frame_count_max * 2 : 64;
    uint8_t **frames = region_resize(store->region, store->frames, store->frame_count_max * sizeof(*frames),
                                     count * sizeof(*frames));

    if (frames == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(frames + store->frame_count_max, 0, (count - store->frame_count_max) * sizeof(*frames));
    store->frames = frames;
    store->frame_count_max = count;
    return 0;
}

static int
add_slot(struct log_store *store)
{
    uint32_t slot = store->pages.count;
    struct log_page *page;

    if (log_address_of(store, slot, store->room) > LOG_INDEX_ADDRESS_MAX) {
        return fault_new(-ENOMEM);
    }
    if (slot == store->frame_count_max) {
        int r = grow_frames(store);
        if (r != 0) {
            return fault_up(r);
        }
    }
    page = table_add(&store->pages);
    if (page == NULL) {
        return fault_new(-ENOMEM);
    }
    page->list_next = store->free;
    store->free = slot;
    return 0;
}

int
log_pages_make(struct log_store *store, uint32_t count)
{
    while (store->pages.count < count) {
        int r = add_slot(store);
        if (r != 0) {
            return fault_up(r);
        }
    }
    return 0;
}

int
log_pages_set_runs(struct log_store *store, struct log_page *page, const struct log_run *runs, uint32_t count)
{
    page->runs = region_take(store->region, count * sizeof(*runs));
    if (page->runs == NULL) {
        return fault_new(-ENOMEM);
    }
    memcpy(page->runs, runs, count * sizeof(*runs));
    page->run_count = count;
    page->run_count_max = count;
    page->started_count = count;
    return 0;
}

static void
forget_runs(struct log_store *store, struct log_page *page)
{
    region_put(store->region, page->runs, page->run_count_max * sizeof(*page->runs));
    page->runs = NULL;
    page->run_count = 0;
    page->run_count_max = 0;
}

static uint32_t
page_open(struct log_store *store, enum log_stream stream)
{
    void *piece;
    uint8_t *frame = log_frame_take(store, &piece);

    if (frame == NULL) {
        return LOG_SLOT_NONE;
    }
    store->counts.reused_pages += store->free != LOG_SLOT_NONE;
    if (store->free == LOG_SLOT_NONE && add_slot(store) != 0) {
        log_frame_put(store, piece);
        return LOG_SLOT_NONE;
    }
    uint32_t slot = store->free;
    struct log_page *page = log_page_at(store, slot);

    store->free = page->list_next;
    *page = (struct log_page){
        .stamp = store->options.env != NULL ? env_random(store->options.env) : 0,
        .opened = ++store->opened,
        .state = LOG_PAGE_USED,
        .stream = (uint8_t)stream,
        .is_tail = true,
    };
    page->seed = log_page_seed(store->options.number, page->stamp);
    store->used_count++;
    log_pages_add_resident(store, slot, piece, frame);
    return slot;
}

/* Dying. */

static bool
is_dead(const struct log_store *store, uint32_t slot)
{
    const struct log_page *page = log_page_at(store, slot);
    bool is_victim = store->collect.state != LOG_COLLECT_IDLE && store->collect.victim == slot;

    return page->state == LOG_PAGE_USED && page->live_bytes == 0 && !page->is_tail &&
           page->unwritten_count == 0 && !is_victim && store->options.is_indexed;
}

void
log_pages_check(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);

    if (!page->is_dying && is_dead(store, slot)) {
        page->is_dying = true;
        page->dying_next = store->dying;
        store->dying = slot;
    }
}

void
log_pages_lose(struct log_store *store, uint64_t address, uint32_t stride)
{
    uint32_t slot = log_slot_of(store, address);
    struct log_page *page = log_page_at(store, slot);

    ASSERT(page->live_bytes >= stride); /* invariant 1 */
    page->live_bytes -= stride;
    store->counts.live_bytes -= stride;
    if (page->live_bytes == 0) {
        log_pages_check(store, slot);
    }
}

void
log_pages_bury(struct log_store *store)
{
    while (store->dying != LOG_SLOT_NONE) {
        uint32_t slot = store->dying;
        struct log_page *page = log_page_at(store, slot);

        store->dying = page->dying_next;
        page->is_dying = false;
        if (!is_dead(store, slot)) {
            continue;
        }
        if (page->piece != NULL) {
            evict(store, slot);
        }
        store->open_count -= page->is_open;
        page->is_open = false;
        store->used_count--;
        if (store->has_cut && page->run_count > 0 && page->runs[0].sequence <= store->cut_sequence) {
            page->state = LOG_PAGE_DEAD;
            page->needed_before = store->cut + 1;
            page->list_next = store->dead;
            store->dead = slot;
            store->dead_count++;
        } else {
            forget_runs(store, page);
            page->state = LOG_PAGE_FREE;
            page->list_next = store->free;
            store->free = slot;
        }
    }
}

void
log_store_release(struct log_store *store, uint64_t cut)
{
    uint32_t *link = &store->dead;

    while (*link != LOG_SLOT_NONE) {
        uint32_t slot = *link;
        struct log_page *page = log_page_at(store, slot);

        if (page->needed_before > cut) {
            link = &page->list_next;
            continue;
        }
        *link = page->list_next;
        forget_runs(store, page);
        page->state = LOG_PAGE_FREE;
        page->list_next = store->free;
        store->free = slot;
        store->dead_count--;
    }
}

/* Filling. */

static bool
has_room(const struct log_store *store, const struct log_page *page, uint32_t stride)
{
    uint32_t header = page->is_open ? 0 : (uint32_t)sizeof(struct log_run_header);

    return page->used + header + stride <= store->room;
}

/* Room for what log_pages_close_run() will note is taken now. */
static int
begin_run(struct log_store *store, struct log_page *page)
{
    if (page->run_count == page->run_count_max) {
        uint32_t count = page->run_count_max > 0 ? page->run_count_max * 2 : 1;
        struct log_run *runs = region_resize(store->region, page->runs, page->run_count_max * sizeof(*runs),
                                             count * sizeof(*runs));

        if (runs == NULL) {
            return fault_new(-ENOMEM);
        }
        page->runs = runs;
        page->run_count_max = count;
    }
    page->used = page->closed + (uint32_t)sizeof(struct log_run_header);
    page->is_open = true;
    store->open_count++;
    return 0;
}

void
log_pages_close_run(struct log_store *store, uint32_t slot)
{
    struct log_page *page = log_page_at(store, slot);

    ASSERT(page->is_open);
    ASSERT(page->run_count < page->run_count_max);
    page->runs[page->run_count] = (struct log_run){
        .sequence = ++store->sequence,
        .offset = page->closed,
        .bytes = page->used - page->closed,
    };
    page->run_count++;
    page->unwritten_count++;
    page->closed = (uint32_t)align_up(page->used, DISK_SECTOR_BYTES);
    page->used = page->closed;
    page->is_open = false;
    store->open_count--;
    log_writes_add(store, slot);
}

static void
leave_tail(struct log_store *store, enum log_stream stream)
{
    uint32_t slot = store->tails[stream];

    if (slot == LOG_SLOT_NONE) {
        return;
    }
    struct log_page *page = log_page_at(store, slot);
    page->is_tail = false;
    if (page->is_open && page->live_bytes > 0 && (stream == LOG_STREAM_COLD || !store->options.is_indexed)) {
        log_pages_close_run(store, slot);
    }
    log_pages_check(store, slot);
}

void
log_store_end_page(struct log_store *store)
{
    REQUIRE(!store->options.is_indexed);
    leave_tail(store, LOG_STREAM_HOT);
    store->tails[LOG_STREAM_HOT] = LOG_SLOT_NONE;
}

struct log_record *
log_pages_place(struct log_store *store, enum log_stream stream, uint32_t stride, uint64_t *out_address)
{
    uint32_t slot = store->tails[stream];
    struct log_page *page = slot != LOG_SLOT_NONE ? log_page_at(store, slot) : NULL;

    ASSERT(sizeof(struct log_run_header) + stride <= store->room);
    if (page == NULL || !has_room(store, page, stride)) {
        slot = page_open(store, stream);
        if (slot == LOG_SLOT_NONE) {
            return NULL;
        }
        leave_tail(store, stream);
        store->tails[stream] = slot;
        page = log_page_at(store, slot);
    }
    if (!page->is_open && begin_run(store, page) != 0) {
        return NULL;
    }

    struct log_record *record = (struct log_record *)(void *)(store->frames[slot] + page->used);
    *out_address = log_address_of(store, slot, page->used);
    page->used += stride;
    page->live_bytes += stride;
    store->counts.live_bytes += stride;
    log_collect_pay(store, stream, stride);
    /* The padding is part of the checksum, and nobody's old memory goes to the disk. */
    memset((uint8_t *)record + stride - LOG_RECORD_ALIGN, 0, LOG_RECORD_ALIGN);
    return record;
}

/* The limit. */

static bool
can_leave(const struct log_store *store, uint32_t slot)
{
    const struct log_page *page = log_page_at(store, slot);
    bool is_victim = store->collect.state == LOG_COLLECT_MOVING && store->collect.victim == slot;

    return !page->is_tail && !page->is_open && page->unwritten_count == 0 && !is_victim; /* invariant 3 */
}

static void
close_oldest(struct log_store *store, uint32_t count)
{
    uint32_t slot = store->resident[LOG_STREAM_HOT].first;

    while (slot != LOG_SLOT_NONE && count > 0) {
        const struct log_page *page = log_page_at(store, slot);
        uint32_t next = page->resident_next;

        if (page->is_open && !page->is_tail) {
            log_pages_close_run(store, slot);
            count--;
        }
        slot = next;
    }
}

/* What collecting left over is not about to be used, so it goes first. */
static bool
evict_one(struct log_store *store)
{
    static const enum log_stream order[] = {LOG_STREAM_COLD, LOG_STREAM_HOT};

    for (uint32_t i = 0; i < COUNT_OF(order); i++) {
        uint32_t slot = store->resident[order[i]].first;

        for (uint32_t looked = 0; slot != LOG_SLOT_NONE && looked < EVICT_LOOK_COUNT; looked++) {
            if (can_leave(store, slot)) {
                evict(store, slot);
                return true;
            }
            slot = log_page_at(store, slot)->resident_next;
        }
    }
    return false;
}

void
log_pages_relieve(struct log_store *store)
{
    uint64_t headroom = store->limit_count / HEADROOM_PART > 0 ? store->limit_count / HEADROOM_PART : 1;
    const struct log_list *hot = &store->resident[LOG_STREAM_HOT];

    store->second_chance = 0;
    if (store->limit_count == UINT64_MAX || store->resident_count + headroom <= store->limit_count) {
        return;
    }
    uint64_t surplus = store->resident_count + headroom - store->limit_count;
    uint32_t closed_count = store->resident_count - store->open_count;
    if (surplus > closed_count) {
        close_oldest(store, (uint32_t)(surplus - closed_count));
    }
    while (store->resident_count > store->limit_count && evict_one(store)) {
    }
    if (hot->first != LOG_SLOT_NONE) {
        uint64_t oldest = log_page_at(store, hot->first)->opened;
        store->second_chance = oldest + (log_page_at(store, hot->last)->opened - oldest) / OLD_PART;
    }
}

void
log_pages_deinit(struct log_store *store)
{
    for (uint32_t slot = 0; slot < store->pages.count; slot++) {
        struct log_page *page = log_page_at(store, slot);

        if (page->piece != NULL) {
            log_frame_put(store, page->piece);
        }
        forget_runs(store, page);
    }
    table_deinit(&store->pages);
    region_put(store->region, store->frames, store->frame_count_max * sizeof(*store->frames));
}
