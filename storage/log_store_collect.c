/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Garbage is collected page by page: what in a page is still the newest of its key goes to the end of the cold stream,
 * and then the page is dead. It is read whole first when it is not in memory.
 *
 * When: there is more than half as much garbage as there is that lives. Which: the page with the best ratio of what is
 * won, weighed by its age (what is old changes seldom, so what is won is won for long), to what it costs to read and
 * write: (1 - u) × age / (1 + u), where u is the part that lives.
 *
 * How fast: each byte that is added pays for PAY_PART bytes to be gone through. With a third of all being garbage the
 * best page has no less, so three would do to keep it there.
 */

#include "storage/log_store_state.h"

#define PAY_PART 4u
#define CREDIT_PAGES_MAX 16u
#define SPARE_PAGES 4u /* a small store needs no collection */
#define LOOK_COUNT 4096u
#define LIVE_PART 8u /* less garbage than this part of a page is not worth it */
#define BATCH_COUNT 16u

struct candidate {
    const struct log_record *record;
    uint64_t hash;
    uint32_t offset;
};

void
log_collect_pay(struct log_store *store, enum log_stream stream, uint32_t bytes)
{
    int64_t most = (int64_t)(CREDIT_PAGES_MAX * store->options.page_bytes);

    if (stream == LOG_STREAM_HOT && store->collect.credit < most) {
        store->collect.credit += (int64_t)bytes * PAY_PART;
    }
}

static bool
is_wanted(const struct log_store *store)
{
    uint64_t live = store->counts.live_bytes;
    uint64_t all = (uint64_t)store->used_count * store->room;

    return store->options.is_indexed && store->collect.credit > 0 &&
           all > live + live / 2 + (uint64_t)SPARE_PAGES * store->room;
}

static uint32_t
choose(struct log_store *store)
{
    uint32_t count = store->pages.count < LOOK_COUNT ? store->pages.count : LOOK_COUNT;
    uint32_t best = LOG_SLOT_NONE;
    uint64_t best_worth = 0;

    for (uint32_t i = 0; i < count; i++) {
        store->collect.look_at =
            store->collect.look_at + 1 < store->pages.count ? store->collect.look_at + 1 : 0;
        const struct log_page *page = log_page_at(store, store->collect.look_at);

        if (page->state != LOG_PAGE_USED || page->is_tail || page->is_open || page->unwritten_count > 0 ||
            page->live_bytes == 0 || page->live_bytes > store->room / LIVE_PART * (LIVE_PART - 1)) {
            continue;
        }
        uint64_t age = store->opened - page->opened + 1;
        uint64_t worth = (store->room - page->live_bytes) * age / (store->room + page->live_bytes);
        if (worth > best_worth) {
            best = store->collect.look_at;
            best_worth = worth;
        }
    }
    return best;
}

static void
begin_moving(struct log_store *store)
{
    store->collect.state = LOG_COLLECT_MOVING;
    store->collect.run_index = 0;
    store->collect.offset = 0;
}

static void
victim_read(struct env_op *op, int result)
{
    struct log_store *store = CONTAINER_OF(op, struct log_store, collect.op);

    if (result != 0) {
        log_store_fatal(store, result, log_place_in_file(store, store->collect.victim, 0), "reading failed");
        return;
    }
    begin_moving(store);
}

/* False: there is nothing worth it, or no memory for it now. */
static bool
begin(struct log_store *store)
{
    struct log_collect *collect = &store->collect;
    uint32_t victim = choose(store);

    if (victim == LOG_SLOT_NONE) {
        return false;
    }
    collect->victim = victim;
    collect->frame = store->frames[victim];
    if (collect->frame != NULL) {
        begin_moving(store);
        return true;
    }
    if (store->options.env->ops_outstanding >= ENV_OPS_MAX - LOG_OPS_LEFT) {
        return false;
    }
    collect->frame = log_frame_take(store, &collect->piece);
    if (collect->frame == NULL) {
        return false;
    }
    collect->state = LOG_COLLECT_READING;
    collect->op = (struct env_op){.done = victim_read};
    env_read(store->options.env, &collect->op, store->file, collect->frame,
             log_page_at(store, victim)->closed, log_place_in_file(store, victim, 0));
    return false;
}

static void
end(struct log_store *store)
{
    struct log_collect *collect = &store->collect;

    if (collect->piece != NULL) {
        log_frame_put(store, collect->piece);
        collect->piece = NULL;
    }
    collect->state = LOG_COLLECT_IDLE;
    ASSERT(log_page_at(store, collect->victim)->live_bytes == 0);
    log_pages_check(store, collect->victim);
}

/* The next records of the victim. Their places in the index are on their way then. 0: there are none left. */
static uint32_t
gather(struct log_store *store, struct candidate *candidates)
{
    struct log_collect *collect = &store->collect;
    const struct log_page *page = log_page_at(store, collect->victim);
    uint32_t count = 0;

    while (count < BATCH_COUNT && collect->run_index < page->run_count) {
        const struct log_run *run = &page->runs[collect->run_index];
        uint32_t end = run->offset + run->bytes;

        if (collect->offset == 0) {
            collect->offset = run->offset + (uint32_t)sizeof(struct log_run_header);
        }
        if (collect->offset >= end) {
            collect->run_index++;
            collect->offset = 0;
            continue;
        }
        const struct log_record *record =
            (const struct log_record *)(const void *)(collect->frame + collect->offset);
        if (collect->piece != NULL && log_record_check(record, page->seed, collect->offset, end) != 0) {
            log_store_fatal(store, -EUCLEAN, log_place_in_file(store, collect->victim, collect->offset),
                            "the checksum of a record is wrong");
            return 0;
        }
        uint64_t hash = log_index_hash(&store->index, record->key);
        if (!log_store_has_places(store)) {
            log_index_prefetch(&store->index, hash);
        }
        candidates[count] = (struct candidate){.record = record, .hash = hash, .offset = collect->offset};
        count++;
        collect->offset += log_record_stride(record->size);
    }
    return count;
}

/* False: no memory now. */
static bool
move(struct log_store *store, const struct candidate *candidate)
{
    uint64_t address = log_address_of(store, store->collect.victim, candidate->offset);
    uint64_t *entry;

    store->collect.credit -= log_record_stride(candidate->record->size);
    if (log_record_is_dead(candidate->record->size)) {
        return true;
    }
    entry = log_store_entry(store, candidate->record->key, candidate->hash, address);
    return entry == NULL || log_store_copy(store, LOG_STREAM_COLD, entry, candidate->record) != NULL;
}

bool
log_collect_step(struct log_store *store, struct mono_ns until)
{
    struct candidate candidates[BATCH_COUNT];

    if (store->collect.state == LOG_COLLECT_IDLE && (!is_wanted(store) || !begin(store))) {
        return false;
    }
    while (store->collect.state == LOG_COLLECT_MOVING && store->collect.credit > 0) {
        uint32_t run_index = store->collect.run_index;
        uint32_t offset = store->collect.offset;
        uint32_t count = gather(store, candidates);

        if (store->is_fatal) {
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (!move(store, &candidates[i])) {
                store->collect.run_index = run_index; /* those that are moved will not be found again */
                store->collect.offset = offset;
                return false;
            }
        }
        if (count == 0) {
            end(store);
            return is_wanted(store);
        }
        if (env_mono(store->options.env).ns >= until.ns) {
            return true;
        }
    }
    return false;
}

void
log_collect_deinit(struct log_store *store)
{
    if (store->collect.piece != NULL) {
        log_frame_put(store, store->collect.piece);
    }
}
