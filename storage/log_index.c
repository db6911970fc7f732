/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/log_index.h"

#include <errno.h>

/*
 * An entry is 0 (free) or tag << 40 | address. The tag is bits 8 to 31 of the hash, counted from the highest; the
 * directory uses the first 8 to 24 bits, so the bit by which a page is split is in the tag of each of its entries. Of
 * two keys in one page at depth d, 32 - d bits of tag tell them apart: 18 with a million keys, 12 with 50 millions.
 *
 * A page's home for a tag is spread over its capacity, collisions go to the next place. Pages are at most 13/16 full
 * and grow by 8 places: between half full, after a split, and full there are several sizes, and nearly all of a page
 * is in use. Past the deepest directory they double.
 *
 * Cost: a look-up is three dependent reads (directory, entry, record); an entry costs 8 bytes / 0.6 .. 0.81.
 */

#define CLASS_SPLIT 7u /* pages of this class are split, while the directory may be deeper */
#define CLASS_MAX 15u
#define PRESIZE_COUNT 36u /* keys a page */

static uint64_t
class_bytes(uint32_t class)
{
    return (log_index_capacity(class) + UINT64_C(1)) * sizeof(uint64_t);
}

static uint32_t
class_limit(uint32_t class)
{
    return log_index_capacity(class) * 13 / 16;
}

static struct log_index_page *
page_of(uint64_t word)
{
    return (struct log_index_page *)(uintptr_t)(word & ~UINT64_C(15));
}

static uint64_t
word_of(const struct log_index_page *page)
{
    ASSERT((uintptr_t)page % 16 == 0);
    return (uint64_t)(uintptr_t)page | page->class;
}

static uint64_t *
take_directory(struct log_index *index, uint32_t depth)
{
    uint64_t bytes = sizeof(uint64_t) << depth;
    uint64_t *directory = region_take(index->region, bytes);

    if (directory != NULL) {
        index->bytes += bytes;
    }
    return directory;
}

static void
put_directory(struct log_index *index)
{
    uint64_t bytes = sizeof(uint64_t) << index->depth;

    region_put(index->region, index->directory, bytes);
    index->bytes -= bytes;
    index->directory = NULL;
}

int
log_index_init(struct log_index *index, struct region *region, const uint64_t *seed)
{
    *index = (struct log_index){.region = region, .seed = {seed[0], seed[1]}, .depth = LOG_INDEX_DEPTH_MIN};
    index->directory = take_directory(index, index->depth);
    if (index->directory == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(index->directory, 0, sizeof(uint64_t) << index->depth);
    return 0;
}

static void
put_page(struct log_index *index, struct log_index_page *page)
{
    if (page != NULL) {
        index->bytes -= class_bytes(page->class);
        region_put(index->region, page, class_bytes(page->class));
    }
}

void
log_index_deinit(struct log_index *index)
{
    uint32_t at = 0;

    if (index->directory == NULL) {
        return;
    }
    while (at < 1u << index->depth) {
        struct log_index_page *page = page_of(index->directory[at]);
        at += page != NULL ? 1u << (index->depth - page->depth) : 1;
        put_page(index, page);
    }
    put_directory(index);
    index->count = 0;
}

int
log_index_presize(struct log_index *index, uint64_t count)
{
    uint32_t depth = LOG_INDEX_DEPTH_MIN;

    REQUIRE(index->count == 0);
    while (depth < LOG_INDEX_DEPTH_MAX && count >> depth > PRESIZE_COUNT) {
        depth++;
    }
    uint64_t *directory = take_directory(index, depth);
    if (directory == NULL) {
        return fault_new(-ENOMEM);
    }
    memset(directory, 0, sizeof(uint64_t) << depth);
    put_directory(index);
    index->directory = directory;
    index->depth = depth;
    return 0;
}

static struct log_index_page *
page_create(struct log_index *index, uint32_t depth, uint32_t class)
{
    struct log_index_page *page = region_take_zero(index->region, class_bytes(class));

    if (page != NULL) {
        page->depth = (uint8_t)depth;
        page->class = (uint8_t) class;
        index->bytes += class_bytes(class);
    }
    return page;
}

static void
page_add(struct log_index_page *page, uint64_t entry)
{
    uint32_t capacity = log_index_capacity(page->class);
    uint32_t at = log_index_home(entry >> LOG_INDEX_ADDRESS_BITS, capacity);

    while (page->entries[at] != 0) {
        at = at + 1 == capacity ? 0 : at + 1;
    }
    page->entries[at] = entry;
    page->count++;
}

/* All places of the directory that begin with these bits lead to `page` now. */
static void
direct_to(struct log_index *index, uint64_t hash, uint32_t depth, const struct log_index_page *page)
{
    uint32_t width = index->depth - depth;
    uint32_t first = (uint32_t)(hash >> (64 - depth)) << width;

    for (uint32_t i = 0; i < 1u << width; i++) {
        index->directory[first + i] = word_of(page);
    }
}

static int
page_grow(struct log_index *index, uint64_t hash, struct log_index_page *page)
{
    uint32_t capacity = log_index_capacity(page->class);
    struct log_index_page *larger = page_create(index, page->depth, page->class + 1u);

    if (larger == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < capacity; i++) {
        if (page->entries[i] != 0) {
            page_add(larger, page->entries[i]);
        }
    }
    direct_to(index, hash, page->depth, larger);
    put_page(index, page);
    return 0;
}

static int
directory_double(struct log_index *index)
{
    uint32_t count = 1u << index->depth;
    uint64_t *larger = take_directory(index, index->depth + 1);

    if (larger == NULL) {
        return fault_new(-ENOMEM);
    }
    for (uint32_t i = 0; i < count; i++) {
        larger[2 * i] = index->directory[i];
        larger[2 * i + 1] = index->directory[i];
    }
    put_directory(index);
    index->directory = larger;
    index->depth++;
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

static int
page_split(struct log_index *index, uint64_t hash, struct log_index_page *page)
{
    uint32_t capacity = log_index_capacity(page->class);
    uint32_t depth = page->depth;
    uint64_t bit = UINT64_C(1) << (LOG_INDEX_ADDRESS_BITS + 31 - depth); /* in an entry */
    struct log_index_page *half[2];
    uint32_t ones = 0;

    if (depth == index->depth) {
        int r = directory_double(index);
        if (r != 0) {
            return fault_up(r);
        }
    }
    for (uint32_t i = 0; i < capacity; i++) {
        ones += page->entries[i] != 0 && (page->entries[i] & bit) != 0;
    }
    half[0] = page_create(index, depth + 1, class_for(page->count - ones));
    half[1] = half[0] == NULL ? NULL : page_create(index, depth + 1, class_for(ones));
    if (half[1] == NULL) {
        put_page(index, half[0]);
        return fault_new(-ENOMEM);
    }

    for (uint32_t i = 0; i < capacity; i++) {
        if (page->entries[i] != 0) {
            page_add(half[(page->entries[i] & bit) != 0], page->entries[i]);
        }
    }
    direct_to(index, hash & ~(UINT64_C(1) << (63 - depth)), depth + 1, half[0]);
    direct_to(index, hash | UINT64_C(1) << (63 - depth), depth + 1, half[1]);
    put_page(index, page);
    return 0;
}

int
log_index_reserve(struct log_index *index, uint64_t hash)
{
    for (;;) {
        uint64_t *word = &index->directory[hash >> (64 - index->depth)];
        struct log_index_page *page = page_of(*word);
        int r;

        if (page == NULL) {
            page = page_create(index, index->depth, 0);
            if (page == NULL) {
                return fault_new(-ENOMEM);
            }
            *word = word_of(page);
        }
        if (page->count < class_limit(page->class)) {
            return 0;
        }
        if (page->class >= CLASS_SPLIT && page->depth < LOG_INDEX_DEPTH_MAX) {
            r = page_split(index, hash, page);
        } else {
            r = page->class < CLASS_MAX ? page_grow(index, hash, page) : fault_new(-ENOMEM);
        }
        if (r != 0) {
            return fault_up(r);
        }
    }
}

void
log_index_insert(struct log_index *index, uint64_t hash, uint64_t address)
{
    struct log_index_page *page = page_of(index->directory[hash >> (64 - index->depth)]);

    REQUIRE(address > 0);
    REQUIRE(address <= LOG_INDEX_ADDRESS_MAX);
    REQUIRE(page != NULL);
    REQUIRE(page->count < log_index_capacity(page->class));
    page_add(page, log_index_tag(hash) << LOG_INDEX_ADDRESS_BITS | address);
    index->count++;
}

uint64_t *
log_index_find(const struct log_index *index, uint64_t hash, uint64_t address)
{
    struct log_probe probe = log_index_probe(index, hash);

    for (;;) {
        uint64_t *entry = log_index_next(&probe);
        if (entry == NULL || log_index_address(*entry) == address) {
            return entry;
        }
    }
}
