/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/order.h"

#define LITTLE_COUNT (ORDER_CHUNK_COUNT / 8) /* behind one that comes a little late */
#define CHUNK_COUNT_FIRST 2u
#define DIGIT_BITS 11u /* the counts of a digit fit the first cache */
#define DIGIT_COUNT (1u << DIGIT_BITS)

static_assert(sizeof(struct order_chunk) + ORDER_CHUNK_COUNT * sizeof(struct order_entry) <=
                  ORDER_CHUNK_BYTES,
              "it fits");

static uint64_t
chunk_bytes(uint32_t capacity)
{
    return sizeof(struct order_chunk) + capacity * sizeof(struct order_entry);
}

static struct order_chunk *
chunk_at(const struct order *order, uint32_t index)
{
    return order->chunk_capacity == 0 ? order->of.only : order->of.chunks[index];
}

static void
set_chunk(struct order *order, uint32_t index, struct order_chunk *chunk)
{
    if (order->chunk_capacity == 0) {
        order->of.only = chunk;
    } else {
        order->of.chunks[index] = chunk;
    }
}

/* The entries of a chunk: of the only one that needs none, too. */
static const struct order_entry *
entries_at(const struct order *order, uint32_t index)
{
    return order_has_chunks(order) ? chunk_at(order, index)->entries : &order->one;
}

static uint32_t
count_at(const struct order *order, uint32_t index)
{
    return order_has_chunks(order) ? chunk_at(order, index)->count : order->one.item != 0;
}

static uint32_t
chunk_count(const struct order *order)
{
    return order_has_chunks(order) ? order->chunk_count : 1;
}

/* The last chunk that begins with less than (time, key), or the first chunk. */
static uint32_t
seek_chunk(const struct order *order, int64_t time, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = order->chunk_count;

    /* Usually it is the last or near it: step back by 1, 2, 4 .. before halving. */
    for (uint32_t step = 1; step < high; step *= 2) {
        if (order_is_before(&chunk_at(order, high - step)->entries[0], time, key)) {
            low = high - step;
            break;
        }
        high -= step;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (order_is_before(&chunk_at(order, middle)->entries[0], time, key)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void
order_prefetch(const struct order *order, uint32_t step)
{
    if (!order_has_chunks(order) || step > 2) {
        return;
    }
    if (step == 0) {
        prefetch_line(order->chunk_capacity == 0 ? (const void *)order->of.only
                                                 : &order->of.chunks[order->chunk_count - 1]);
        return;
    }
    const struct order_chunk *chunk = chunk_at(order, order->chunk_count - 1);

    if (step == 1) {
        prefetch_line(chunk);
        return;
    }
    prefetch_line_to_write(&chunk->entries[chunk->count - 1]);
    prefetch_line_to_write(&chunk->entries[chunk->count]); /* where the new one will be */
}

struct order_place
order_seek(const struct order *order, int64_t time, uint64_t key)
{
    if (!order_has_chunks(order)) {
        return (struct order_place){.index = order->one.item != 0 && order_is_before(&order->one, time, key)};
    }
    const struct order_chunk *last = chunk_at(order, order->chunk_count - 1);

    if (order_is_before(&last->entries[last->count - 1], time, key)) {
        return order_end(order);
    }
    uint32_t at = seek_chunk(order, time, key);
    const struct order_chunk *chunk = chunk_at(order, at);
    uint32_t low = 0;
    uint32_t high = chunk->count;

    if (order_is_before(&chunk->entries[high - 1], time, key)) {
        return (struct order_place){.chunk = at, .index = high};
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (order_is_before(&chunk->entries[middle], time, key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (struct order_place){.chunk = at, .index = low};
}

struct order_place
order_end(const struct order *order)
{
    uint32_t last = chunk_count(order) - 1;

    return (struct order_place){.chunk = last, .index = count_at(order, last)};
}

const struct order_entry *
order_previous(const struct order *order, struct order_place *place)
{
    if (place->index == 0) {
        if (place->chunk == 0) {
            return NULL;
        }
        place->chunk--;
        place->index = count_at(order, place->chunk);
    }
    place->index--;
    return &entries_at(order, place->chunk)[place->index];
}

const struct order_entry *
order_next(const struct order *order, struct order_place *place)
{
    if (place->index == count_at(order, place->chunk)) {
        if (place->chunk + 1 == chunk_count(order)) {
            return NULL;
        }
        place->chunk++;
        place->index = 0;
    }
    return &entries_at(order, place->chunk)[place->index++];
}

/* With room for so many at least: for all that its piece of the region has room for. */
static struct order_chunk *
chunk_create(struct memory *memory, uint32_t count)
{
    uint64_t room = region_piece_bytes(chunk_bytes(count)) - sizeof(struct order_chunk);
    uint32_t capacity = (uint32_t)(room / sizeof(struct order_entry));

    capacity = capacity < ORDER_CHUNK_COUNT ? capacity : ORDER_CHUNK_COUNT;
    struct order_chunk *chunk = memory_take(memory, chunk_bytes(capacity));

    chunk->count = 0;
    chunk->capacity = capacity;
    return chunk;
}

static struct order_chunk *
chunk_grow(struct memory *memory, struct order *order, uint32_t at)
{
    struct order_chunk *chunk = chunk_at(order, at);
    uint32_t wanted = chunk->capacity + chunk->capacity / 2 + 1;
    struct order_chunk *larger =
        chunk_create(memory, wanted < ORDER_CHUNK_COUNT ? wanted : ORDER_CHUNK_COUNT);

    larger->count = chunk->count;
    memcpy(larger->entries, chunk->entries, chunk->count * sizeof(*chunk->entries));
    memory_put(memory, chunk, chunk_bytes(chunk->capacity));
    set_chunk(order, at, larger);
    return larger;
}

static void
insert_chunk(struct memory *memory, struct order *order, uint32_t at, struct order_chunk *chunk)
{
    if (!order_has_chunks(order)) {
        *order = (struct order){.of.only = chunk, .chunk_count = 1, .count = ORDER_HAS_CHUNKS};
        return;
    }
    if (order->chunk_capacity == 0) {
        struct order_chunk *only = order->of.only;
        order->of.chunks = memory_grow(memory, NULL, &order->chunk_capacity, 0, sizeof(struct order_chunk *));
        order->of.chunks[0] = only;
    }
    order->of.chunks = memory_grow(memory, order->of.chunks, &order->chunk_capacity, order->chunk_count,
                                   sizeof(struct order_chunk *));
    memmove(&order->of.chunks[at + 1], &order->of.chunks[at],
            (order->chunk_count - at) * sizeof(struct order_chunk *));
    order->of.chunks[at] = chunk;
    order->chunk_count++;
}

/* What is behind a place near the end of its full chunk goes to the front of the next one, if there is room. */
static bool
make_room_in_next(struct order *order, struct order_place *place)
{
    struct order_chunk *chunk = chunk_at(order, place->chunk);
    uint32_t moved = chunk->count - place->index;

    if (place->chunk + 1 == order->chunk_count || moved > LITTLE_COUNT) {
        return false;
    }
    struct order_chunk *next = chunk_at(order, place->chunk + 1);

    if (next->count + moved >= next->capacity) {
        return false;
    }
    if (moved == 0) {
        *place = (struct order_place){.chunk = place->chunk + 1, .index = 0};
        return true;
    }
    memmove(&next->entries[moved], next->entries, next->count * sizeof(*next->entries));
    memcpy(next->entries, &chunk->entries[place->index], moved * sizeof(*next->entries));
    next->count += moved;
    chunk->count = place->index;
    return true;
}

/* Makes room at a place whose chunk is full. Entries come nearly in order: where one comes a little late, the chunks
   stay nearly full. */
static void
make_room(struct memory *memory, struct order *order, struct order_place *place)
{
    struct order_chunk *chunk = chunk_at(order, place->chunk);
    struct order_chunk *more;

    if (chunk->capacity < ORDER_CHUNK_COUNT) {
        (void)chunk_grow(memory, order, place->chunk);
        return;
    }
    if (make_room_in_next(order, place)) {
        return;
    }
    more = chunk_create(memory, ORDER_CHUNK_COUNT);
    insert_chunk(memory, order, place->chunk + 1, more);
    bool is_late = place->chunk + 2 == order->chunk_count && chunk->count - place->index <= LITTLE_COUNT;
    uint32_t first = is_late ? place->index : chunk->count / 2;

    more->count = chunk->count - first;
    memcpy(more->entries, &chunk->entries[first], more->count * sizeof(*chunk->entries));
    chunk->count = first;
    if (place->index > first || first == ORDER_CHUNK_COUNT) {
        *place = (struct order_place){.chunk = place->chunk + 1, .index = place->index - first};
    }
}

/* As nearly always: behind everything, in a chunk that has room. */
static bool
append(struct order *order, const struct order_entry *entry)
{
    if (!order_has_chunks(order)) {
        return false;
    }
    struct order_chunk *chunk = chunk_at(order, order->chunk_count - 1);

    if (chunk->count == chunk->capacity ||
        !order_is_before(&chunk->entries[chunk->count - 1], entry->time, entry->key)) {
        return false;
    }
    chunk->entries[chunk->count++] = *entry;
    order->count++;
    return true;
}

static void
put_one_in_chunk(struct memory *memory, struct order *order)
{
    struct order_entry one = order->one;
    struct order_chunk *chunk = chunk_create(memory, CHUNK_COUNT_FIRST);

    insert_chunk(memory, order, 0, chunk);
    chunk->entries[chunk->count++] = one;
    order->count++;
}

void
order_insert(struct memory *memory, struct order *order, struct order_entry entry)
{
    ASSERT(entry.item > 0 && entry.item < ORDER_HAS_CHUNKS);
    if (LIKELY(append(order, &entry))) {
        return;
    }
    if (!order_has_chunks(order)) {
        if (order->one.item == 0) {
            order->one = entry;
            return;
        }
        put_one_in_chunk(memory, order);
    }
    struct order_place place = order_seek(order, entry.time, entry.key);

    if (chunk_at(order, place.chunk)->count == chunk_at(order, place.chunk)->capacity) {
        make_room(memory, order, &place);
    }
    struct order_chunk *chunk = chunk_at(order, place.chunk);

    memmove(&chunk->entries[place.index + 1], &chunk->entries[place.index],
            (chunk->count - place.index) * sizeof(*chunk->entries));
    chunk->entries[place.index] = entry;
    chunk->count++;
    order->count++;
}

/* The place behind the item, which is there. */
static struct order_place
find_item(const struct order *order, const struct order_entry *wanted)
{
    struct order_place place = order_seek(order, wanted->time, wanted->key);
    const struct order_entry *entry;

    do {
        entry = order_next(order, &place);
        REQUIRE(entry != NULL);
        REQUIRE(entry->time == wanted->time);
        REQUIRE(entry->key == wanted->key);
    } while (entry->item != wanted->item);
    return place;
}

void
order_replace(struct order *order, struct order_entry entry, uint64_t other)
{
    struct order_place place = find_item(order, &entry);

    if (order_has_chunks(order)) {
        chunk_at(order, place.chunk)->entries[place.index - 1].item = other;
    } else {
        order->one.item = other;
    }
}

const struct order_entry *
order_entries(const struct order *order, struct order_place *place, uint32_t *out_count)
{
    struct order_place next = *place;

    if (order_next(order, &next) == NULL) {
        return NULL;
    }
    *place = (struct order_place){.chunk = next.chunk, .index = next.index - 1};
    *out_count = count_at(order, place->chunk) - place->index;
    return &entries_at(order, place->chunk)[place->index];
}

void
order_take(struct memory *memory, struct order *order, struct order_place place, uint32_t count)
{
    REQUIRE(place.index + count <= count_at(order, place.chunk));
    if (order_count(order) == count) {
        order_clear(memory, order);
        return;
    }
    struct order_chunk *chunk = chunk_at(order, place.chunk);

    memmove(&chunk->entries[place.index], &chunk->entries[place.index + count],
            (chunk->count - place.index - count) * sizeof(*chunk->entries));
    chunk->count -= count;
    order->count -= count;
    if (chunk->count > 0) {
        return;
    }
    memory_put(memory, chunk, chunk_bytes(chunk->capacity));
    order->chunk_count--;
    memmove(&order->of.chunks[place.chunk], &order->of.chunks[place.chunk + 1],
            (order->chunk_count - place.chunk) * sizeof(struct order_chunk *));
}

void
order_remove(struct memory *memory, struct order *order, struct order_entry entry)
{
    struct order_place place = find_item(order, &entry);

    place.index--;
    order_take(memory, order, place, 1);
}

void
order_clear(struct memory *memory, struct order *order)
{
    for (uint32_t i = 0; order_has_chunks(order) && i < order->chunk_count; i++) {
        struct order_chunk *chunk = chunk_at(order, i);
        memory_put(memory, chunk, chunk_bytes(chunk->capacity));
    }
    if (order_has_chunks(order) && order->chunk_capacity > 0) {
        memory_put(memory, order->of.chunks, (uint64_t)order->chunk_capacity * sizeof(struct order_chunk *));
    }
    *order = (struct order){0};
}

/* One pass of a radix sort: stable, by one digit. */
static void
sort_digit(struct order_entry *to, const struct order_entry *from, uint64_t count, int64_t least,
           uint32_t shift)
{
    uint64_t places[DIGIT_COUNT] = {0};
    uint64_t place = 0;

    for (uint64_t i = 0; i < count; i++) {
        places[((uint64_t)from[i].time - (uint64_t)least) >> shift & (DIGIT_COUNT - 1)]++;
    }
    for (uint32_t digit = 0; digit < DIGIT_COUNT; digit++) {
        uint64_t next = place + places[digit];
        places[digit] = place;
        place = next;
    }
    for (uint64_t i = 0; i < count; i++) {
        to[places[((uint64_t)from[i].time - (uint64_t)least) >> shift & (DIGIT_COUNT - 1)]++] = from[i];
    }
}

static void
sort_times(struct memory *memory, struct order_entry *entries, uint64_t count, int64_t least, int64_t most)
{
    uint64_t range = (uint64_t)most - (uint64_t)least;
    struct order_entry *spare = memory_take(memory, count * sizeof(*spare));
    struct order_entry *from = entries;
    struct order_entry *to = spare;

    for (uint32_t shift = 0; shift < 64 && range >> shift > 0; shift += DIGIT_BITS) {
        struct order_entry *sorted = to;
        sort_digit(sorted, from, count, least, shift);
        to = from;
        from = sorted;
    }
    if (from != entries) {
        memcpy(entries, from, count * sizeof(*entries));
    }
    memory_put(memory, spare, count * sizeof(*spare));
}

/* Runs of one time are short. */
static void
sort_keys(struct order_entry *entries, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        struct order_entry entry = entries[i];
        uint64_t at = i;
        while (at > 0 && entries[at - 1].time == entry.time && entries[at - 1].key > entry.key) {
            entries[at] = entries[at - 1];
            at--;
        }
        entries[at] = entry;
    }
}

void
order_sort(struct memory *memory, struct order_entry *entries, uint64_t count)
{
    int64_t least = INT64_MAX;
    int64_t most = INT64_MIN;
    bool is_sorted = true;

    for (uint64_t i = 0; i < count; i++) {
        is_sorted = is_sorted && entries[i].time >= most;
        least = entries[i].time < least ? entries[i].time : least;
        most = entries[i].time > most ? entries[i].time : most;
    }
    if (!is_sorted) {
        sort_times(memory, entries, count, least, most);
    }
    sort_keys(entries, count);
}

void
order_fill(struct memory *memory, struct order *order, const struct order_entry *entries, uint64_t count)
{
    REQUIRE(order_count(order) == 0);
    if (count == 1) {
        order->one = entries[0];
        return;
    }
    for (uint64_t done = 0; done < count;) {
        uint64_t left = count - done;
        uint32_t here_count = left < ORDER_CHUNK_COUNT ? (uint32_t)left : ORDER_CHUNK_COUNT;
        struct order_chunk *chunk = chunk_create(memory, done == 0 ? here_count : ORDER_CHUNK_COUNT);

        chunk->count = here_count;
        memcpy(chunk->entries, &entries[done], chunk->count * sizeof(*entries));
        insert_chunk(memory, order, done == 0 ? 0 : order->chunk_count, chunk);
        order->count += chunk->count;
        done += chunk->count;
    }
}
