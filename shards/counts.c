/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/counts.h"

#include "shards/question.h"
#include "shards/sort.h"

#define FEW 16u /* found by looking at all of them: that is a comparison of two numbers each */

/* The first row that is not before the name. */
static uint32_t
find_place(const struct pack *pack, const struct counts *counts, struct text name)
{
    const struct counts_row *rows = counts_rows(pack, counts);
    uint32_t low = 0;
    uint32_t high = counts->rows.count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (text_compare(counts_name(pack, &rows[middle]), name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct counts_row *
counts_find(const struct pack *pack, const struct counts *counts, struct text name)
{
    struct short_text lent = short_text_lend(name);
    struct counts_row *rows = counts_rows(pack, counts);
    uint32_t count = counts->rows.count;
    uint32_t first = count > FEW ? find_place(pack, counts, name) : 0;
    uint32_t end = count > FEW && first < count ? first + 1 : count;

    for (uint32_t i = first; i < end; i++) {
        if (pack_text_is(pack, &rows[i].name, &lent)) {
            return &rows[i];
        }
    }
    return NULL;
}

void
counts_add(struct pack *pack, struct counts *counts, const struct pack_text *name, uint64_t by)
{
    struct counts_row *rows = counts_rows(pack, counts);
    uint32_t few = counts->rows.count <= FEW ? counts->rows.count : 0;

    for (uint32_t i = 0; i < few; i++) {
        if (pack_text_equal(pack, &rows[i].name, name)) {
            rows[i].count += by;
            return;
        }
    }
    uint32_t place = find_place(pack, counts, pack_text(pack, name));

    if (few == 0 && place < counts->rows.count && pack_text_equal(pack, &rows[place].name, name)) {
        rows[place].count += by;
        return;
    }
    struct counts_row *row = pack_list_insert(pack, &counts->rows, place, sizeof(*row));

    *row = (struct counts_row){.name = *name, .count = by};
}

void
counts_move(struct pack *to, struct pack *from, struct counts *counts)
{
    struct counts_row *rows = pack_move_list(to, from, &counts->rows, sizeof(*rows));

    for (uint32_t i = 0; i < counts->rows.count; i++) {
        pack_move_text(to, from, &rows[i].name);
    }
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
