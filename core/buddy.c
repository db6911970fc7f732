/* SPDX-License-Identifier: Apache-2.0 */
#include "core/buddy.h"

#include <errno.h>

#include <sys/mman.h>

/*
 * A piece of order k is 2^k leaves and begins at a multiple of that, so the one that it may be merged with differs from
 * it in one bit. What is known of a piece stands at its first leaf. Lists are of leaf numbers, and lie beside the range
 * and not in it: what is free need not be touched.
 */

#define NONE UINT32_MAX
#define ORDER_MAX (BUDDY_ORDER_COUNT - 1)

struct buddy_leaf {
    uint32_t next;
    uint32_t previous;
    uint8_t order;
    bool is_free; /* the first leaf of a free piece */
    bool is_kept; /* free, and has its memory: of every leaf */
};

static_assert(sizeof(struct buddy_leaf) == 12, "as the header says");

static void *
reserve(uint64_t bytes)
{
    void *range =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return range != MAP_FAILED ? range : NULL;
}

static void
push(struct buddy *buddy, uint32_t number, uint32_t order)
{
    struct buddy_leaf *leaf = &buddy->leaves[number];

    leaf->order = (uint8_t)order;
    leaf->is_free = true;
    leaf->previous = NONE;
    leaf->next = buddy->free[order];
    if (leaf->next != NONE) {
        buddy->leaves[leaf->next].previous = number;
    }
    buddy->free[order] = number;
}

static void
unlink_piece(struct buddy *buddy, uint32_t number)
{
    struct buddy_leaf *leaf = &buddy->leaves[number];

    leaf->is_free = false;
    *(leaf->previous != NONE ? &buddy->leaves[leaf->previous].next : &buddy->free[leaf->order]) = leaf->next;
    if (leaf->next != NONE) {
        buddy->leaves[leaf->next].previous = leaf->previous;
    }
}

int
buddy_init(struct buddy *buddy, uint64_t bytes, uint64_t bytes_kept_max)
{
    uint32_t count = (uint32_t)(align_up(bytes, BUDDY_PIECE_BYTES_MAX) / BUDDY_LEAF_BYTES);

    *buddy =
        (struct buddy){.leaf_count = count, .kept_count_max = (uint32_t)(bytes_kept_max / BUDDY_LEAF_BYTES)};
    buddy->base = reserve((uint64_t)count * BUDDY_LEAF_BYTES);
    buddy->leaves = reserve(count * sizeof(*buddy->leaves));
    if (buddy->base == NULL || buddy->leaves == NULL) {
        buddy_deinit(buddy);
        return fault_new(-ENOMEM);
    }
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        buddy->free[order] = NONE;
    }
    for (uint32_t number = count; number > 0; number -= 1u << ORDER_MAX) {
        push(buddy, number - (1u << ORDER_MAX), ORDER_MAX); /* the first is at the head */
    }
    return 0;
}

void
buddy_deinit(struct buddy *buddy)
{
    if (buddy->base != NULL) {
        (void)munmap(buddy->base, (uint64_t)buddy->leaf_count * BUDDY_LEAF_BYTES);
    }
    if (buddy->leaves != NULL) {
        (void)munmap(buddy->leaves, buddy->leaf_count * sizeof(*buddy->leaves));
    }
    *buddy = (struct buddy){.base = NULL};
}

static uint32_t
leaves_of(uint64_t bytes)
{
    return bytes > 0 ? (uint32_t)((bytes - 1) / BUDDY_LEAF_BYTES) + 1 : 1;
}

static uint32_t
order_of(uint32_t leaf_count)
{
    return leaf_count > 1 ? 32 - (uint32_t)__builtin_clz(leaf_count - 1) : 0;
}

void *
buddy_take(struct buddy *buddy, uint64_t bytes)
{
    uint32_t order;
    uint32_t from;
    uint32_t number;

    if (bytes > BUDDY_PIECE_BYTES_MAX) {
        return NULL;
    }
    order = from = order_of(leaves_of(bytes));
    while (from < BUDDY_ORDER_COUNT && buddy->free[from] == NONE) {
        from++;
    }
    if (from == BUDDY_ORDER_COUNT) {
        return NULL;
    }
    number = buddy->free[from];
    unlink_piece(buddy, number);
    while (from > order) {
        from--;
        push(buddy, number + (1u << from), from);
    }
    buddy->leaves[number].order = (uint8_t)order;
    for (uint32_t i = number; i < number + leaves_of(bytes); i++) {
        buddy->kept_count -= buddy->leaves[i].is_kept;
        buddy->leaves[i].is_kept = false;
    }
    return buddy->base + (uint64_t)number * BUDDY_LEAF_BYTES;
}

void
buddy_put(struct buddy *buddy, void *piece, uint64_t bytes)
{
    uint64_t offset = (uint64_t)((uint8_t *)piece - buddy->base);
    uint32_t number = (uint32_t)(offset / BUDDY_LEAF_BYTES);
    uint32_t order = order_of(leaves_of(bytes));

    REQUIRE(offset % BUDDY_LEAF_BYTES == 0);
    REQUIRE(number < buddy->leaf_count);
    REQUIRE(!buddy->leaves[number].is_free);
    REQUIRE(buddy->leaves[number].order == order);
    for (uint32_t i = number; i < number + leaves_of(bytes); i++) {
        buddy->leaves[i].is_kept = true;
    }
    buddy->kept_count += leaves_of(bytes);
    for (; order < ORDER_MAX; order++) {
        uint32_t other = number ^ (1u << order);

        if (!buddy->leaves[other].is_free || buddy->leaves[other].order != order) {
            break;
        }
        unlink_piece(buddy, other);
        number &= ~(1u << order);
    }
    push(buddy, number, order);
}

/* The next leaves in a row that are free and have their memory, from the hand on; it ends behind them. */
static uint32_t
next_kept(struct buddy *buddy, uint32_t count_max, uint32_t *out_count)
{
    uint32_t begin;

    while (!buddy->leaves[buddy->hand].is_kept) { /* there is one */
        buddy->hand = buddy->hand + 1 < buddy->leaf_count ? buddy->hand + 1 : 0;
    }
    begin = buddy->hand;
    *out_count = 0;
    while (*out_count < count_max && begin + *out_count < buddy->leaf_count &&
           buddy->leaves[begin + *out_count].is_kept) {
        buddy->leaves[begin + *out_count].is_kept = false;
        ++*out_count;
    }
    buddy->hand = (begin + *out_count) % buddy->leaf_count;
    return begin;
}

void
buddy_trim(struct buddy *buddy, uint32_t leaf_count_max)
{
    while (leaf_count_max > 0 && buddy->kept_count > buddy->kept_count_max) {
        uint32_t spare = buddy->kept_count - buddy->kept_count_max;
        uint32_t count;
        uint32_t number = next_kept(buddy, spare < leaf_count_max ? spare : leaf_count_max, &count);

        (void)madvise(buddy->base + (uint64_t)number * BUDDY_LEAF_BYTES, (uint64_t)count * BUDDY_LEAF_BYTES,
                      MADV_DONTNEED);
        buddy->kept_count -= count;
        leaf_count_max -= count;
    }
}
