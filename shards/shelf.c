/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/shelf.h"

#include "shards/slice_state.h"

static struct shelf_place
place_of(const struct order_entry *entry)
{
    return (struct shelf_place){.time = entry->time, .key = entry->key};
}

static void
add_stretch(struct memory *memory, struct shelf *shelf, const struct order_entry *entries, uint32_t count,
            uint64_t address)
{
    shelf->stretches = memory_grow(memory, shelf->stretches, &shelf->stretch_capacity, shelf->stretch_count,
                                   sizeof(*shelf->stretches));
    shelf->stretches[shelf->stretch_count++] = (struct shelf_stretch){
        .first = place_of(&entries[0]),
        .last = place_of(&entries[count - 1]),
        .address = address,
    };
}

/* Whether the entry lies behind all stretches. */
static bool
is_behind(const struct shelf *shelf, const struct order_entry *entry)
{
    if (shelf->stretch_count == 0) {
        return true;
    }
    struct shelf_place last = shelf->stretches[shelf->stretch_count - 1].last;

    return !order_is_before(entry, last.time, last.key);
}

void
shelf_add(struct memory *memory, struct shelf *shelf, struct slice_state *state, struct slice_head head,
          const struct order_entry *entries, uint32_t count)
{
    uint64_t bytes = count * sizeof(*entries);
    uint64_t address;

    REQUIRE(count > 0);
    REQUIRE(count <= ORDER_CHUNK_COUNT);
    REQUIRE(is_behind(shelf, &entries[0]));
    struct slice_stretch *record =
        slice_state_append(state, (struct store_key){0}, (uint32_t)(sizeof(*record) + bytes), &address);

    *record = (struct slice_stretch){.head = head, .count = count};
    memcpy(record->entries, entries, bytes);
    add_stretch(memory, shelf, entries, count, address);
}

static bool
ascends(const struct order_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (!order_is_before(&entries[i - 1], entries[i].time, entries[i].key)) {
            return false;
        }
    }
    return true;
}

bool
shelf_restore(struct memory *memory, struct shelf *shelf, const struct slice_stretch *record,
              uint64_t address)
{
    if (!is_behind(shelf, &record->entries[0]) || !ascends(record->entries, record->count)) {
        return false;
    }
    add_stretch(memory, shelf, record->entries, record->count, address);
    return true;
}

uint32_t
shelf_seek(const struct shelf *shelf, int64_t time, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = shelf->stretch_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct shelf_place first = shelf->stretches[middle].first;
        if (first.time < time || (first.time == time && first.key < key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct order_place
shelf_end(const struct shelf *shelf, const struct order *order)
{
    if (shelf->stretch_count == 0) {
        return (struct order_place){0};
    }
    struct shelf_place last = shelf->stretches[shelf->stretch_count - 1].last;

    return order_seek(order, last.time, last.key);
}
