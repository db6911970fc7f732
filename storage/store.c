/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/store.h"

#include <errno.h>

/*
 * An entry is 0 (free) or address / 8 | tag << 45, where the tag is 19 bits of the key's hash. Its home in a page is
 * tag & (capacity - 1), collisions go to the next place (linear probing), removal shifts back, so there are no
 * tombstones. Pages are at most 3/4 full. The directory uses the first bits of the hash.
 *
 * The tag begins at bit depth / 8 * 8 of the hash, counted from the highest, so it has the bit by which a page is
 * split: a split reads no record but when it comes to a multiple of 8. At worst 7 bits are those of all keys of the
 * page and 6 say where the home is, which leaves 6 to tell strangers by.
 *
 * Cost: a look-up is three dependent reads (directory, page, record); an entry costs 8 bytes / 0.37 .. 0.75.
 */

#define TAG_SHIFT 45u
#define TAG_BITS (64 - TAG_SHIFT)
#define ADDRESS_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define RECORD_ALIGN_BYTES 8u
#define DEPTH_STEP 8u
#define PAGE_ENTRIES_MIN 8u
#define PAGE_ENTRIES_LIMIT 65536u /* the tag has no more bits */

struct store_page {
    uint32_t depth; /* how many first bits all its keys share */
    uint32_t capacity;
    uint32_t count;
    uint32_t reserved;
    uint64_t entries[];
};

static uint64_t
page_bytes(uint32_t capacity)
{
    return sizeof(struct store_page) + capacity * sizeof(uint64_t);
}

static uint64_t
hash_of(const struct store *store, const struct store_key *key)
{
    uint64_t word[2];

    memcpy(word, key, sizeof(word));
    unsigned __int128 product = (unsigned __int128)(word[0] ^ store->options.seed[0]) *
                                (word[1] ^ store->options.seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64) ^ word[0];
    mixed = (mixed ^ (mixed >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return mixed ^ (mixed >> 32);
}

static const struct store_key *
key_of(const struct store *store, const void *record)
{
    return (const struct store_key *)(const void *)((const char *)record + store->options.key_offset);
}

static void *
record_of(uint64_t entry)
{
    return (void *)(uintptr_t)((entry & ADDRESS_MASK) * RECORD_ALIGN_BYTES);
}

/* Of a key in a page of this depth. */
static uint64_t
tag_of(uint64_t hash, uint32_t depth)
{
    return hash << (depth / DEPTH_STEP * DEPTH_STEP) >> TAG_SHIFT;
}

static uint64_t
entry_of(uint64_t tag, const void *record)
{
    uint64_t address = (uint64_t)(uintptr_t)record / RECORD_ALIGN_BYTES;

    ASSERT((uintptr_t)record % RECORD_ALIGN_BYTES == 0);
    ASSERT(address <= ADDRESS_MASK);
    return address | tag << TAG_SHIFT;
}

static uint32_t
directory_index(const struct store *store, uint64_t hash)
{
    return store->depth == 0 ? 0 : (uint32_t)(hash >> (64 - store->depth));
}

void
store_init(struct store *store, struct store_options options)
{
    *store = (struct store){.options = options};
}

void
store_deinit(struct store *store)
{
    uint32_t index = 0;

    while (store->directory != NULL && index < 1u << store->depth) {
        struct store_page *page = store->directory[index];
        index += 1u << (store->depth - page->depth);
        region_put(store->options.region, page, page_bytes(page->capacity));
    }
    region_put(store->options.region, store->directory,
               (UINT64_C(1) << store->depth) * sizeof(struct store_page *));
    store->directory = NULL;
    store->depth = 0;
    store->count = 0;
}

/* Where the key is, or the free place where it would be. */
static uint64_t *
probe(const struct store *store, struct store_page *page, uint64_t hash, const struct store_key *key)
{
    uint32_t mask = page->capacity - 1;
    uint64_t tag = tag_of(hash, page->depth);

    for (uint32_t at = (uint32_t)tag & mask;; at = (at + 1) & mask) {
        uint64_t entry = page->entries[at];
        if (entry == 0) {
            return &page->entries[at];
        }
        if (entry >> TAG_SHIFT == tag && memcmp(key_of(store, record_of(entry)), key, sizeof(*key)) == 0) {
            return &page->entries[at];
        }
    }
}

void *
store_peek(const struct store *store, struct store_key key)
{
    if (store->directory == NULL) {
        return NULL;
    }
    uint64_t hash = hash_of(store, &key);
    uint64_t entry = *probe(store, store->directory[directory_index(store, hash)], hash, &key);

    return record_of(entry);
}

void
store_prefetch(const struct store *store, struct store_key key)
{
    if (store->directory == NULL) {
        return;
    }
    uint64_t hash = hash_of(store, &key);
    const struct store_page *page = store->directory[directory_index(store, hash)];

    prefetch_line(page);
    /* Pages have at most 64 entries until the directory is as deep as it gets, and most of them its depth. */
    prefetch_line(&page->entries[tag_of(hash, store->depth) & (STORE_PAGE_ENTRIES_MAX - 1)]);
}

void
store_prefetch_record(const struct store *store, struct store_key key, uint32_t bytes)
{
    if (store->directory == NULL) {
        return;
    }
    uint64_t hash = hash_of(store, &key);
    const struct store_page *page = store->directory[directory_index(store, hash)];
    uint32_t mask = page->capacity - 1;
    uint64_t tag = tag_of(hash, page->depth);
    uint32_t at = (uint32_t)tag & mask;

    while (page->entries[at] != 0 && page->entries[at] >> TAG_SHIFT != tag) {
        at = (at + 1) & mask;
    }
    prefetch_lines(record_of(page->entries[at]), bytes);
}

int
store_find_known(struct store *store, struct store_key key, void *known, struct store_waiter *waiter,
                 void **out_record)
{
    if (store->options.is_late != NULL && store->options.is_late(store->options.context)) {
        waiter->next = NULL;
        waiter->key = key;
        if (store->late_last != NULL) {
            store->late_last->next = waiter;
        } else {
            store->late_first = waiter;
        }
        store->late_last = waiter;
        store->late_count++;
        return STORE_LATER;
    }
    void *record = known != NULL ? known : store_peek(store, key);
    if (record == NULL) {
        return STORE_ABSENT;
    }
    *out_record = record;
    return 0;
}

static struct store_page *
page_create(struct store *store, uint32_t depth, uint32_t capacity)
{
    struct store_page *page = region_take_zero(store->options.region, page_bytes(capacity));

    if (page != NULL) {
        page->depth = depth;
        page->capacity = capacity;
    }
    return page;
}

static void
page_add(struct store_page *page, uint64_t entry)
{
    uint32_t mask = page->capacity - 1;
    uint32_t at = (uint32_t)(entry >> TAG_SHIFT) & mask;

    while (page->entries[at] != 0) {
        at = (at + 1) & mask;
    }
    page->entries[at] = entry;
    page->count++;
}

/* Entries keep their tags, but where those begin further on from now. */
static void
page_move(struct store *store, const struct store_page *page, struct store_page *half[2])
{
    uint32_t depth = page->depth;
    bool is_new_tag = depth / DEPTH_STEP != (depth + 1) / DEPTH_STEP;
    uint64_t bit = UINT64_C(1) << (63 - depth % DEPTH_STEP);

    for (uint32_t i = 0; i < page->capacity; i++) {
        uint64_t entry = page->entries[i];
        if (entry == 0) {
            continue;
        }
        struct store_page *to = half[(entry & bit) != 0];
        if (is_new_tag) {
            const void *record = record_of(entry);
            entry = entry_of(tag_of(hash_of(store, key_of(store, record)), depth + 1), record);
        }
        page_add(to, entry);
    }
}

/* All places of the directory that lead to a page with this hash and depth lead to `page` now. */
static void
direct_to(struct store *store, uint64_t hash, uint32_t depth, struct store_page *page)
{
    uint32_t width = store->depth - depth;
    uint32_t first = depth == 0 ? 0 : (uint32_t)(hash >> (64 - depth)) << width;

    for (uint32_t i = 0; i < 1u << width; i++) {
        store->directory[first + i] = page;
    }
}

static int
page_grow(struct store *store, uint64_t hash, struct store_page *page)
{
    if (page->capacity >= PAGE_ENTRIES_LIMIT) {
        return fault_new(-ENOMEM);
    }
    struct store_page *larger = page_create(store, page->depth, page->capacity * 2);
    if (larger == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < page->capacity; i++) {
        if (page->entries[i] != 0) {
            page_add(larger, page->entries[i]);
        }
    }
    direct_to(store, hash, page->depth, larger);
    region_put(store->options.region, page, page_bytes(page->capacity));
    return 0;
}

static int
directory_double(struct store *store)
{
    uint32_t count = 1u << store->depth;
    struct store_page **larger = region_take(store->options.region, UINT64_C(2) * count * sizeof(*larger));

    if (larger == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < count; i++) {
        larger[2 * i] = store->directory[i];
        larger[2 * i + 1] = store->directory[i];
    }
    region_put(store->options.region, store->directory, count * sizeof(*larger));
    store->directory = larger;
    store->depth++;
    return 0;
}

static int
page_split(struct store *store, uint64_t hash, struct store_page *page)
{
    struct store_page *half[2];

    if (page->depth == store->depth) {
        int r = directory_double(store);
        if (r != 0) {
            return fault_up(r);
        }
    }
    half[0] = page_create(store, page->depth + 1, page->capacity);
    half[1] = half[0] == NULL ? NULL : page_create(store, page->depth + 1, page->capacity);
    if (half[1] == NULL) {
        region_put(store->options.region, half[0], page_bytes(page->capacity));
        return fault_new(-ENOMEM);
    }

    uint64_t bit = UINT64_C(1) << (63 - page->depth);
    page_move(store, page, half);
    direct_to(store, hash & ~bit, page->depth + 1, half[0]);
    direct_to(store, hash | bit, page->depth + 1, half[1]);
    region_put(store->options.region, page, page_bytes(page->capacity));
    return 0;
}

static int
make_first_page(struct store *store)
{
    store->directory = region_take(store->options.region, sizeof(struct store_page *));
    if (store->directory == NULL) {
        return fault_new(-ENOMEM);
    }
    store->directory[0] = page_create(store, 0, PAGE_ENTRIES_MIN);
    if (store->directory[0] == NULL) {
        region_put(store->options.region, store->directory, sizeof(struct store_page *));
        store->directory = NULL;
        return fault_new(-ENOMEM);
    }
    return 0;
}

int
store_add(struct store *store, void *record)
{
    void *known;
    int r = store_add_new(store, record, &known);

    REQUIRE(r != STORE_THERE);
    return r;
}

int
store_add_new(struct store *store, void *record, void **out_known)
{
    uint64_t hash = hash_of(store, key_of(store, record));
    int r;

    if (store->directory == NULL) {
        r = make_first_page(store);
        if (r != 0) {
            return fault_up(r);
        }
    }
    for (;;) {
        struct store_page *page = store->directory[directory_index(store, hash)];
        if (page->count < page->capacity / 4 * 3) {
            uint64_t *place = probe(store, page, hash, key_of(store, record));
            if (*place != 0) {
                *out_known = record_of(*place);
                return STORE_THERE;
            }
            *place = entry_of(tag_of(hash, page->depth), record);
            page->count++;
            store->count++;
            return 0;
        }
        if (page->capacity < STORE_PAGE_ENTRIES_MAX || page->depth == STORE_DEPTH_MAX) {
            r = page_grow(store, hash, page);
        } else {
            r = page_split(store, hash, page);
        }
        if (r != 0) {
            return fault_up(r);
        }
    }
}

void *
store_replace(struct store *store, void *record)
{
    uint64_t hash = hash_of(store, key_of(store, record));

    REQUIRE(store->directory != NULL);
    struct store_page *page = store->directory[directory_index(store, hash)];
    uint64_t *place = probe(store, page, hash, key_of(store, record));
    REQUIRE(*place != 0);
    void *replaced = record_of(*place);
    *place = entry_of(tag_of(hash, page->depth), record);
    return replaced;
}

void
store_remove(struct store *store, const void *record)
{
    uint64_t hash = hash_of(store, key_of(store, record));

    REQUIRE(store->directory != NULL);
    struct store_page *page = store->directory[directory_index(store, hash)];
    uint64_t *place = probe(store, page, hash, key_of(store, record));
    REQUIRE(record_of(*place) == record);

    uint32_t mask = page->capacity - 1;
    uint32_t hole = (uint32_t)(place - page->entries);
    page->entries[hole] = 0;
    for (uint32_t at = (hole + 1) & mask; page->entries[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)(page->entries[at] >> TAG_SHIFT) & mask;
        /* It may move back to the hole when its home is not behind the hole. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            page->entries[hole] = page->entries[at];
            page->entries[at] = 0;
            hole = at;
        }
    }
    page->count--;
    store->count--;
}

void
store_each(const struct store *store, void (*visit)(void *context, void *record), void *context)
{
    uint32_t index = 0;

    while (store->directory != NULL && index < 1u << store->depth) {
        const struct store_page *page = store->directory[index];
        index += 1u << (store->depth - page->depth);
        for (uint32_t i = 0; i < page->capacity; i++) {
            if (page->entries[i] != 0) {
                visit(context, record_of(page->entries[i]));
            }
        }
    }
}

uint64_t
store_arrive(struct store *store, uint64_t count)
{
    uint64_t arrived = 0;

    while (arrived < count && store->late_first != NULL) {
        struct store_waiter *waiter = store->late_first;
        store->late_first = waiter->next;
        if (store->late_first == NULL) {
            store->late_last = NULL;
        }
        store->late_count--;
        arrived++;
        waiter->arrived(waiter, store_peek(store, waiter->key));
    }
    return arrived;
}
