/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/counts.h"

#include "shards/question.h"
#include "shards/sort.h"

#define FEW 16u /* found by looking at all of them: that is a comparison of two numbers each */

/* The first row that is not before the name. */
static uint32_t
find_place(const struct counts *counts, struct text name)
{
    uint32_t low = 0;
    uint32_t high = counts->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (text_compare(short_text(&counts->rows[middle].name), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct counts_row *
counts_find(const struct counts *counts, struct text name)
{
    struct short_text lent = short_text_lend(name);
    uint32_t first = counts->count > FEW ? find_place(counts, name) : 0;
    uint32_t end = counts->count > FEW && first < counts->count ? first + 1 : counts->count;

    for (uint32_t i = first; i < end; i++) {
        if (short_text_equal(&counts->rows[i].name, &lent)) {
            return &counts->rows[i];
        }
    }
    return NULL;
}

void
counts_add(struct memory *memory, struct counts *counts, struct text name, uint64_t by)
{
    struct counts_row *row = counts_find(counts, name);

    if (row != NULL) {
        row->count += by;
        return;
    }
    uint32_t place = find_place(counts, name);

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
