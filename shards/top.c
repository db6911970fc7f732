/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/top.h"

#include "shards/sort.h"

/* Linear: at most 64 rows, and frequent names move to the front. */
static struct top_row *
find(const struct pack *pack, const struct top *top, struct text name)
{
    struct short_text lent = short_text_lend(name);
    struct top_row *rows = top_rows(pack, top);

    for (uint32_t i = 0; i < top->rows.count; i++) {
        if (pack_text_is(pack, &rows[i].name, &lent)) {
            return &rows[i];
        }
    }
    return NULL;
}

static void
step_forward(struct top_row *first, struct top_row *row)
{
    if (row > first && row->count > row[-1].count) {
        struct top_row spare = row[-1];
        row[-1] = *row;
        *row = spare;
    }
}

static struct top_row *
add_row(struct pack *pack, struct top *top)
{
    struct top_row *row = pack_list_insert(pack, &top->rows, top->rows.count, sizeof(*row));

    *row = (struct top_row){0};
    return row;
}

/* Least count, of equals the greatest name. */
static struct top_row *
find_weakest(const struct pack *pack, const struct top *top)
{
    struct top_row *rows = top_rows(pack, top);
    struct top_row *weakest = &rows[0];

    for (uint32_t i = 1; i < top->rows.count; i++) {
        struct top_row *row = &rows[i];
        if (row->count < weakest->count || (row->count == weakest->count &&
                                            text_compare(top_name(pack, row), top_name(pack, weakest)) > 0)) {
            weakest = row;
        }
    }
    return weakest;
}

struct pack_text
top_count(struct pack *pack, struct top *top, struct text name)
{
    struct top_row *row = find(pack, top, name);

    if (row != NULL) {
        struct pack_text kept = row->name;
        row->count++;
        step_forward(top_rows(pack, top), row);
        return kept;
    }
    row = top->rows.count < TOP_COUNT_MAX ? add_row(pack, top) : find_weakest(pack, top);
    row->name = pack_keep(pack, name);
    row->count++;
    return row->name;
}

uint64_t
top_need(const struct top *top)
{
    uint32_t more = top->rows.count < TOP_COUNT_MAX ? 1 : 0;

    return pack_list_need(&top->rows, more, sizeof(struct top_row));
}

struct ranked {
    struct text name;
    struct top_row row;
};

static int
compare_rank(const void *a, const void *b)
{
    const struct ranked *ranked_a = a;
    const struct ranked *ranked_b = b;

    if (ranked_a->row.count != ranked_b->row.count) {
        return ranked_a->row.count > ranked_b->row.count ? -1 : 1;
    }
    return text_compare(ranked_a->name, ranked_b->name);
}

static void
keep_best(const struct pack *pack, struct top *top)
{
    struct top_row all[2 * TOP_COUNT_MAX]; /* stays where it is while names are compared */
    struct ranked ranked[2 * TOP_COUNT_MAX];
    struct top_row *rows = top_rows(pack, top);
    uint32_t count = top->rows.count;

    ASSERT(count <= COUNT_OF(all));
    memcpy(all, rows, count * sizeof(*rows));
    for (uint32_t i = 0; i < count; i++) {
        ranked[i] = (struct ranked){.name = top_name(pack, &all[i]), .row = all[i]};
    }
    sort_items(ranked, count, sizeof(ranked[0]), compare_rank);
    for (uint32_t i = 0; i < TOP_COUNT_MAX; i++) {
        rows[i] = ranked[i].row;
    }
    top->rows.count = TOP_COUNT_MAX;
}

void
top_combine(struct pack *pack, struct top *top, struct pack *from, const struct top *other)
{
    const struct top_row *others = top_rows(from, other);

    for (uint32_t i = 0; i < other->rows.count; i++) {
        struct top_row *row = find(pack, top, top_name(from, &others[i]));
        if (row != NULL) {
            row->count += others[i].count;
            continue;
        }
        row = add_row(pack, top);
        *row = others[i];
        pack_move_text(pack, from, &row->name);
    }
    if (top->rows.count > TOP_COUNT_MAX) {
        keep_best(pack, top);
    }
}

void
top_restore(struct pack *pack, struct top *top, struct text name, uint64_t count)
{
    REQUIRE(top->rows.count < TOP_COUNT_MAX);
    struct pack_text kept = pack_keep(pack, name);
    struct top_row *row = add_row(pack, top);

    row->name = kept;
    row->count = count;
}

void
top_move(struct pack *to, struct pack *from, struct top *top)
{
    struct top_row *rows = pack_move_list(to, from, &top->rows, sizeof(*rows));

    for (uint32_t i = 0; i < top->rows.count; i++) {
        pack_move_text(to, from, &rows[i].name);
    }
}
