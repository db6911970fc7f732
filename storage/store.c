/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/store.h"

#include "storage/log_index.h"

#include <errno.h>

/*
 * An entry is 0 (free) or address / 8 | tag << 45, where the tag is 19 bits of the key's hash. Pages are those of
 * log_index.h, with its places: a tag's home is spread over the capacity, collisions go to the next place, removal shifts
 * back, so there are no tombstones. They are at most 13/16 full and grow by 8 places until they are split: between half
 * full and full there are several sizes, and nearly all of a page is in use. The directory uses the first bits of the
 * hash; it says of which class a page is.
 *
 * The tag begins at bit depth / 8 * 8 of the hash, counted from the highest, so it has the bit by which a page is
 * split: a split reads no record but when it comes to a multiple of 8. At worst 7 bits are those of all keys of the
 * page, which leaves 12 to tell strangers by.
 *
 * Cost: a look-up is three dependent reads (directory, entry, record); an entry costs 8 bytes / 0.6 .. 0.81.
 */

#define TAG_SHIFT 45u
#define TAG_BITS (64 - TAG_SHIFT)
#define ADDRESS_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define RECORD_ALIGN_BYTES 8u
#define DEPTH_STEP 8u
#define CLASS_SPLIT 7u /* pages of this class are split, while the directory may be deeper */
#define CLASS_MAX 15u

struct store_page {
    uint8_t depth; /* how many first bits all its keys share */
    uint8_t class;
    uint16_t reserved;
    uint32_t count;
    uint64_t entries[];
};

static uint32_t
capacity_of(const struct store_page *page)
{
    return log_index_capacity(page->class);
}

static uint64_t
class_bytes(uint32_t class)
{
    return sizeof(struct store_page) + log_index_capacity(class) * sizeof(uint64_t);
}

static uint32_t
class_limit(uint32_t class)
{
    return log_index_capacity(class) * 13 / 16;
}

static struct store_page *
page_of(uint64_t word)
{
    return (struct store_page *)(uintptr_t)(word & ~UINT64_C(15));
}

static uint64_t
word_of(const struct store_page *page)
{
    ASSERT((uintptr_t)page % 16 == 0);
    return (uint64_t)(uintptr_t)page | page->class;
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

static void
page_destroy(struct store *store, struct store_page *page)
{
    region_put(store->options.region, page, page == NULL ? 0 : class_bytes(page->class));
}

void
store_deinit(struct store *store)
{
    uint32_t index = 0;

    while (store->directory != NULL && index < 1u << store->depth) {
        struct store_page *page = page_of(store->directory[index]);
        index += 1u << (store->depth - page->depth);
        page_destroy(store, page);
    }
    region_put(store->options.region, store->directory,
               (UINT64_C(1) << store->depth) * sizeof(*store->directory));
    store->directory = NULL;
    store->depth = 0;
    store->count = 0;
}

static uint32_t
after(uint32_t at, uint32_t capacity)
{
    return at + 1 == capacity ? 0 : at + 1;
}

static uint32_t
distance(uint32_t from, uint32_t to, uint32_t capacity)
{
    return to >= from ? to - from : to + capacity - from;
}

static uint64_t
word_at(const struct store *store, uint64_t hash)
{
    return store->directory[directory_index(store, hash)];
}

/* Where the key is, or the free place where it would be. */
static uint64_t *
probe(const struct store *store, uint64_t word, uint64_t hash, const struct store_key *key)
{
    struct store_page *page = page_of(word);
    uint32_t capacity = log_index_capacity(word & 15);
    uint64_t tag = tag_of(hash, page->depth);

    for (uint32_t at = log_index_home(tag, capacity);; at = after(at, capacity)) {
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

    return record_of(*probe(store, word_at(store, hash), hash, &key));
}

void
store_prefetch(const struct store *store, struct store_key key)
{
    if (store->directory == NULL) {
        return;
    }
    uint64_t hash = hash_of(store, &key);
    uint64_t word = word_at(store, hash);
    const struct store_page *page = page_of(word);

    prefetch_line(page);
    /* Most pages have the directory's depth, or nearly. */
    prefetch_line(&page->entries[log_index_home(tag_of(hash, store->depth), log_index_capacity(word & 15))]);
}

void *
store_prefetch_record(const struct store *store, struct store_key key, uint32_t bytes)
{
    if (store->directory == NULL) {
        return NULL;
    }
    uint64_t hash = hash_of(store, &key);
    uint64_t word = word_at(store, hash);
    const struct store_page *page = page_of(word);
    uint32_t capacity = log_index_capacity(word & 15);
    uint64_t tag = tag_of(hash, page->depth);
    uint32_t at = log_index_home(tag, capacity);

    while (page->entries[at] != 0 && page->entries[at] >> TAG_SHIFT != tag) {
        at = after(at, capacity);
    }
    void *record = record_of(page->entries[at]);

    prefetch_lines(record, bytes);
    return record;
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
page_create(struct store *store, uint32_t depth, uint32_t class)
{
    struct store_page *page = region_take_zero(store->options.region, class_bytes(class));

    if (page != NULL) {
        page->depth = (uint8_t)depth;
        page->class = (uint8_t) class;
    }
    return page;
}

static void
page_add(struct store_page *page, uint64_t entry)
{
    uint32_t capacity = capacity_of(page);
    uint32_t at = log_index_home(entry >> TAG_SHIFT, capacity);

    while (page->entries[at] != 0) {
        at = after(at, capacity);
    }
    page->entries[at] = entry;
    page->count++;
}

/* Of an entry: which half it goes to. */
static uint64_t
split_bit(const struct store_page *page)
{
    return UINT64_C(1) << (63 - page->depth % DEPTH_STEP);
}

/* Entries keep their tags, but where those begin further on from now. */
static void
page_move(struct store *store, const struct store_page *page, struct store_page *half[2])
{
    uint32_t depth = page->depth;
    bool is_new_tag = depth / DEPTH_STEP != (depth + 1) / DEPTH_STEP;
    uint64_t bit = split_bit(page);

    for (uint32_t i = 0; i < capacity_of(page); i++) {
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
        store->directory[first + i] = word_of(page);
    }
}

static int
page_grow(struct store *store, uint64_t hash, struct store_page *page)
{
    if (page->class == CLASS_MAX) {
        return fault_new(-ENOMEM);
    }
    struct store_page *larger = page_create(store, page->depth, page->class + 1u);
    if (larger == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < capacity_of(page); i++) {
        if (page->entries[i] != 0) {
            page_add(larger, page->entries[i]);
        }
    }
    direct_to(store, hash, page->depth, larger);
    page_destroy(store, page);
    return 0;
}

static int
directory_double(struct store *store)
{
    uint32_t count = 1u << store->depth;
    uint64_t *larger = region_take(store->options.region, UINT64_C(2) * count * sizeof(*larger));

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

/* The least that has room for so many and one more. */
static uint32_t
class_for(uint32_t count)
{
    uint32_t class = 0;

    while (class < CLASS_SPLIT && class_limit(class) <= count) {
        class ++;
    }
    return class;
}

static uint32_t
count_ones(const struct store_page *page, uint64_t bit)
{
    uint32_t ones = 0;

    for (uint32_t i = 0; i < capacity_of(page); i++) {
        ones += (page->entries[i] & bit) != 0; /* which a free one has not */
    }
    return ones;
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
    uint32_t ones = count_ones(page, split_bit(page));
    half[0] = page_create(store, page->depth + 1u, class_for(page->count - ones));
    half[1] = half[0] == NULL ? NULL : page_create(store, page->depth + 1u, class_for(ones));
    if (half[1] == NULL) {
        page_destroy(store, half[0]);
        return fault_new(-ENOMEM);
    }

    uint64_t bit = UINT64_C(1) << (63 - page->depth);
    page_move(store, page, half);
    direct_to(store, hash & ~bit, page->depth + 1, half[0]);
    direct_to(store, hash | bit, page->depth + 1, half[1]);
    page_destroy(store, page);
    return 0;
}

static int
make_first_page(struct store *store)
{
    struct store_page *page = page_create(store, 0, 0);

    if (page == NULL) {
        return fault_new(-ENOMEM);
    }
    store->directory = region_take(store->options.region, sizeof(*store->directory));
    if (store->directory == NULL) {
        page_destroy(store, page);
        return fault_new(-ENOMEM);
    }
    store->directory[0] = word_of(page);
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
        uint64_t word = word_at(store, hash);
        struct store_page *page = page_of(word);
        if (page->count < class_limit(page->class)) {
            uint64_t *place = probe(store, word, hash, key_of(store, record));
            if (*place != 0) {
                *out_known = record_of(*place);
                return STORE_THERE;
            }
            *place = entry_of(tag_of(hash, page->depth), record);
            page->count++;
            store->count++;
            return 0;
        }
        if (page->class < CLASS_SPLIT || page->depth == STORE_DEPTH_MAX) {
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
    uint64_t word = word_at(store, hash);
    uint64_t *place = probe(store, word, hash, key_of(store, record));
    REQUIRE(*place != 0);
    void *replaced = record_of(*place);
    *place = entry_of(tag_of(hash, page_of(word)->depth), record);
    return replaced;
}

void
store_remove(struct store *store, const void *record)
{
    uint64_t hash = hash_of(store, key_of(store, record));

    REQUIRE(store->directory != NULL);
    struct store_page *page = page_of(word_at(store, hash));
    uint64_t *place = probe(store, word_of(page), hash, key_of(store, record));
    REQUIRE(record_of(*place) == record);

    uint32_t capacity = capacity_of(page);
    uint32_t hole = (uint32_t)(place - page->entries);
    uint32_t shift = 0; /* from the hole to `at` */
    page->entries[hole] = 0;
    for (uint32_t at = after(hole, capacity); page->entries[at] != 0; at = after(at, capacity)) {
        uint32_t home = log_index_home(page->entries[at] >> TAG_SHIFT, capacity);
        shift++;
        /* It may move back to the hole when its home is not behind the hole. */
        if (distance(home, at, capacity) >= shift) {
            page->entries[hole] = page->entries[at];
            page->entries[at] = 0;
            hole = at;
            shift = 0;
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
        const struct store_page *page = page_of(store->directory[index]);
        index += 1u << (store->depth - page->depth);
        for (uint32_t i = 0; i < capacity_of(page); i++) {
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
