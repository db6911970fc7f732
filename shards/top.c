/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/top.h"

#include "core/hash.h"
#include "shards/sort.h"

static uint32_t
short_hash(struct text name)
{
    return (uint32_t)hash64(0, name);
}

/* Linear: at most 64 rows, and frequent names move to the front. */
static struct top_row *
find(const struct top *top, struct text name, uint32_t hash)
{
    for (uint32_t i = 0; i < top->count; i++) {
        struct top_row *row = &top->rows[i];
        if (row->hash == hash && text_equal(top_name(row), name)) {
            return row;
        }
    }
    return NULL;
}

static void
step_forward(struct top *top, struct top_row *row)
{
    if (row > top->rows && row->count > row[-1].count) {
        struct top_row spare = row[-1];
        row[-1] = *row;
        *row = spare;
    }
}

static struct top_row *
add_row(struct memory *memory, struct top *top)
{
    top->rows = memory_grow(memory, top->rows, &top->capacity, top->count, sizeof(*top->rows));
    top->rows[top->count] = (struct top_row){0};
    return &top->rows[top->count++];
}

static void
name_row(struct memory *memory, struct top_row *row, struct text name, uint32_t hash)
{
    struct text own = top_name(row);

    memory_text_put(memory, &own);
    own = memory_text(memory, name);
    row->data = own.data;
    row->bytes = own.bytes;
    row->hash = hash;
}

/* Least count, of equals the greatest name. */
static struct top_row *
find_weakest(const struct top *top)
{
    struct top_row *weakest = &top->rows[0];

    for (uint32_t i = 1; i < top->count; i++) {
        struct top_row *row = &top->rows[i];
        if (row->count < weakest->count ||
            (row->count == weakest->count && text_compare(top_name(row), top_name(weakest)) > 0)) {
            weakest = row;
        }
    }
    return weakest;
}

void
top_count(struct memory *memory, struct top *top, struct text name)
{
    uint32_t hash = short_hash(name);
    struct top_row *row = find(top, name, hash);

    if (row != NULL) {
        row->count++;
        step_forward(top, row);
        return;
    }
    row = top->count < TOP_COUNT_MAX ? add_row(memory, top) : find_weakest(top);
    name_row(memory, row, name, hash);
    row->count++;
}

static int
compare_rank(const void *a, const void *b)
{
    const struct top_row *row_a = a;
    const struct top_row *row_b = b;

    if (row_a->count != row_b->count) {
        return row_a->count > row_b->count ? -1 : 1;
    }
    return text_compare(top_name(row_a), top_name(row_b));
}

void
top_combine(struct memory *memory, struct top *top, struct top *other)
{
    for (uint32_t i = 0; i < other->count; i++) {
        struct top_row *from = &other->rows[i];
        struct top_row *row = find(top, top_name(from), from->hash);
        if (row != NULL) {
            row->count += from->count;
            continue;
        }
        *add_row(memory, top) = *from;
        *from = (struct top_row){0}; /* its name has moved */
    }
    top_clear(memory, other);

    if (top->count <= TOP_COUNT_MAX) {
        return;
    }
    sort_items(top->rows, top->count, sizeof(*top->rows), compare_rank);
    while (top->count > TOP_COUNT_MAX) {
        struct text name = top_name(&top->rows[--top->count]);
        memory_text_put(memory, &name);
    }
}

void
top_restore(struct memory *memory, struct top *top, struct text name, uint64_t count)
{
    REQUIRE(top->count < TOP_COUNT_MAX);
    struct top_row *row = add_row(memory, top);

    name_row(memory, row, name, short_hash(name));
    row->count = count;
}

void
top_clear(struct memory *memory, struct top *top)
{
    for (uint32_t i = 0; i < top->count; i++) {
        struct text name = top_name(&top->rows[i]);
        memory_text_put(memory, &name);
    }
    memory_put(memory, top->rows, (uint64_t)top->capacity * sizeof(*top->rows));
    *top = (struct top){0};
}
