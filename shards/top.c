/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/top.h"

#include "shards/sort.h"

/* Linear: at most 64 rows, and frequent names move to the front. */
static struct top_row *
find(const struct top *top, const struct short_text *name)
{
    for (uint32_t i = 0; i < top->count; i++) {
        struct top_row *row = &top->rows[i];
        if (short_text_equal(&row->name, name)) {
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
    struct short_text lent = short_text_lend(name);
    struct top_row *row = find(top, &lent);

    if (row != NULL) {
        row->count++;
        step_forward(top, row);
        return;
    }
    row = top->count < TOP_COUNT_MAX ? add_row(memory, top) : find_weakest(top);
    short_text_set(memory, &row->name, name);
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
        struct top_row *row = find(top, &from->name);
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
        short_text_put(memory, &top->rows[--top->count].name);
    }
}

void
top_restore(struct memory *memory, struct top *top, struct text name, uint64_t count)
{
    REQUIRE(top->count < TOP_COUNT_MAX);
    struct top_row *row = add_row(memory, top);

    row->name = short_text_take(memory, name);
    row->count = count;
}

void
top_clear(struct memory *memory, struct top *top)
{
    for (uint32_t i = 0; i < top->count; i++) {
        short_text_put(memory, &top->rows[i].name);
    }
    memory_put(memory, top->rows, (uint64_t)top->capacity * sizeof(*top->rows));
    *top = (struct top){0};
}
