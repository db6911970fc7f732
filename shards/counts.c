/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/counts.h"

#include "shards/question.h"
#include "shards/sort.h"

/* The row of a name, or where it would be. */
static uint32_t
find_place(const struct counts *counts, struct text name, bool *out_is_there)
{
    uint32_t low = 0;
    uint32_t high = counts->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = text_compare(short_text(&counts->rows[middle].name), name);
        if (order == 0) {
            *out_is_there = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *out_is_there = false;
    return low;
}

struct counts_row *
counts_find(const struct counts *counts, struct text name)
{
    bool is_there;
    uint32_t place = find_place(counts, name, &is_there);

    return is_there ? &counts->rows[place] : NULL;
}

void
counts_add(struct memory *memory, struct counts *counts, struct text name, uint64_t by)
{
    bool is_there;
    uint32_t place = find_place(counts, name, &is_there);

    if (is_there) {
        counts->rows[place].count += by;
        return;
    }
    counts->rows = memory_grow(memory, counts->rows, &counts->capacity, counts->count, sizeof(*counts->rows));
    memmove(&counts->rows[place + 1], &counts->rows[place], (counts->count - place) * sizeof(*counts->rows));
    counts->rows[place] = (struct counts_row){.name = short_text_take(memory, name), .count = by};
    counts->count++;
}

void
counts_clear(struct memory *memory, struct counts *counts)
{
    for (uint32_t i = 0; i < counts->count; i++) {
        short_text_put(memory, &counts->rows[i].name);
    }
    memory_put(memory, counts->rows, (uint64_t)counts->capacity * sizeof(*counts->rows));
    *counts = (struct counts){0};
}

static int
compare_rank(const void *a, const void *b)
{
    const struct text_count *row_a = a;
    const struct text_count *row_b = b;

    if (row_a->count != row_b->count) {
        return row_a->count > row_b->count ? -1 : 1;
    }
    return text_compare(row_a->key, row_b->key);
}

void
counts_rank(struct text_count *rows, uint32_t count)
{
    sort_items(rows, count, sizeof(*rows), compare_rank);
}
