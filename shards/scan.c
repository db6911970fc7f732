/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/scan.h"

#include "shards/profile.h"
#include "shards/shelf.h"

struct scan *
scan_create(struct arena *arena, uint32_t cursor_count_max)
{
    struct scan *scan = arena_take_zero(arena, sizeof(*scan));
    struct scan_cursor *cursors = arena_take_zero(arena, cursor_count_max * sizeof(*cursors));
    uint32_t *heap = arena_take(arena, cursor_count_max * sizeof(*heap));

    if (scan == NULL || cursors == NULL || heap == NULL) {
        return NULL;
    }
    *scan = (struct scan){
        .cursors = cursors,
        .cursor_count_max = cursor_count_max,
        .heap = heap,
        .time = INT64_MAX,
    };
    return scan;
}

void
scan_start_at(struct scan *scan, int64_t time, uint64_t key)
{
    scan->time = time;
    scan->key = key;
}

static struct scan_cursor *
add_cursor(struct scan *scan)
{
    REQUIRE(scan->cursor_count < scan->cursor_count_max);
    struct scan_cursor *cursor = &scan->cursors[scan->cursor_count++];

    *cursor = (struct scan_cursor){0};
    return cursor;
}

void
scan_clear(struct scan *scan)
{
    scan->cursor_count = 0;
    scan->heap_count = 0;
}

void
scan_add_order(struct scan *scan, const struct order *order)
{
    add_cursor(scan)->order = order;
}

void
scan_add_shelf(struct scan *scan, const struct shelf *shelf)
{
    add_cursor(scan)->shelf = shelf;
}

void
scan_add_person(struct scan *scan, const struct person *person)
{
    add_cursor(scan)->person = person;
}

/* `place` has how many stretches begin there or before, and of the last one how many entries are there. */
static bool
step_shelf(const struct scan *scan, struct scan_cursor *cursor)
{
    for (; cursor->place.chunk > 0; cursor->place.chunk--) {
        const struct shelf_stretch *stretch = &cursor->shelf->stretches[cursor->place.chunk - 1];
        if (stretch->address != scan->stretch_address) {
            cursor->entry = (struct order_entry){.time = stretch->last.time, .key = stretch->last.key};
            return true;
        }
        if (cursor->place.index > 0) {
            cursor->entry = scan->stretch[--cursor->place.index];
            return true;
        }
    }
    return false;
}

/* Steps back to the next older entry; false at the end. */
static bool
step_cursor(const struct scan *scan, struct scan_cursor *cursor)
{
    if (cursor->shelf != NULL) {
        return step_shelf(scan, cursor);
    }
    if (cursor->order != NULL) {
        const struct order_entry *entry = order_previous(cursor->order, &cursor->place);
        if (entry == NULL) {
            return false;
        }
        cursor->entry = *entry;
        return true;
    }
    if (cursor->place.index == 0) {
        return false;
    }
    const struct profile *profile = cursor->person->profile;
    const struct session *rows = session_set_rows(&profile->pack, &profile->sessions);

    cursor->entry = share_entry(cursor->person, &rows[--cursor->place.index]);
    return true;
}

static uint32_t
count_before(const struct scan *scan)
{
    uint32_t count = scan->stretch_count;

    while (count > 0 && !order_is_before(&scan->stretch[count - 1], scan->time, scan->key)) {
        count--;
    }
    return count;
}

static bool
seek_cursor(const struct scan *scan, struct scan_cursor *cursor)
{
    if (cursor->order != NULL) {
        cursor->place = order_seek(cursor->order, scan->time, scan->key);
        return step_cursor(scan, cursor);
    }
    if (cursor->shelf != NULL) {
        cursor->place = (struct order_place){.chunk = shelf_seek(cursor->shelf, scan->time, scan->key),
                                             .index = count_before(scan)};
        return step_cursor(scan, cursor);
    }
    cursor->place = (struct order_place){.index = cursor->person->profile->sessions.rows.count};
    while (step_cursor(scan, cursor)) {
        if (order_is_before(&cursor->entry, scan->time, scan->key)) {
            return true;
        }
    }
    return false;
}

static bool
is_newer(const struct scan *scan, uint32_t a, uint32_t b)
{
    const struct order_entry *entry = &scan->cursors[a].entry;

    return order_is_before(&scan->cursors[b].entry, entry->time, entry->key);
}

static void
sift(struct scan *scan, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= scan->heap_count) {
            return;
        }
        if (child + 1 < scan->heap_count && is_newer(scan, scan->heap[child + 1], scan->heap[child])) {
            child++;
        }
        if (!is_newer(scan, scan->heap[child], scan->heap[at])) {
            return;
        }
        uint32_t cursor = scan->heap[at];
        scan->heap[at] = scan->heap[child];
        scan->heap[child] = cursor;
        at = child;
    }
}

void
scan_resume(struct scan *scan)
{
    scan->heap_count = 0;
    for (uint32_t i = 0; i < scan->cursor_count; i++) {
        if (seek_cursor(scan, &scan->cursors[i])) {
            scan->heap[scan->heap_count++] = i;
        }
    }
    for (uint32_t at = scan->heap_count / 2; at > 0; at--) {
        sift(scan, at - 1);
    }
}

bool
scan_next(struct scan *scan, struct order_entry *out_entry)
{
    if (scan->heap_count == 0) {
        return false;
    }
    struct scan_cursor *cursor = &scan->cursors[scan->heap[0]];
    struct order_entry entry = cursor->entry;

    *out_entry = entry;
    if (UNLIKELY(entry.item == 0)) {
        scan->missing = cursor->shelf->stretches[cursor->place.chunk - 1].address;
        return true;
    }
    if (!step_cursor(scan, cursor)) {
        scan->heap[0] = scan->heap[--scan->heap_count];
    }
    sift(scan, 0);
    scan_start_at(scan, entry.time, entry.key);
    return true;
}

void
scan_give(struct scan *scan, const struct slice_stretch *stretch, struct order_entry *room)
{
    REQUIRE(stretch->count <= ORDER_CHUNK_COUNT);
    memcpy(room, stretch->entries, stretch->count * sizeof(*room));
    scan->stretch = room;
    scan->stretch_count = stretch->count;
    scan->stretch_address = scan->missing;
    scan_resume(scan);
}
