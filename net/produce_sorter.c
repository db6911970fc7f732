/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_sorter.h"

#include <errno.h>
#include <stdlib.h>

#include "net/produce_client.h"

struct pile {
    char *rows;
    uint32_t bytes;
    uint32_t count;
    struct mono_ns oldest;
};

struct produce_sorter {
    const struct produce_keys *keys;
    uint32_t batch_count;
    uint32_t pile_bytes_max;
    struct pile *full; /* NULL: none is */
    struct pile piles[];
};

int
produce_sorter_create(const struct produce_keys *keys, uint32_t batch_count, uint32_t add_bytes_max,
                      struct produce_sorter **out_sorter)
{
    struct produce_sorter *sorter = calloc(1, sizeof(*sorter) + keys->count * sizeof(sorter->piles[0]));

    if (sorter == NULL) {
        return fault_new(-ENOMEM);
    }
    sorter->keys = keys;
    sorter->batch_count = batch_count;
    /* A pile that was one row short, and a call more: no row has more bytes than a call. */
    sorter->pile_bytes_max = (batch_count + 1) * add_bytes_max;
    for (uint32_t i = 0; i < keys->count; i++) {
        sorter->piles[i].rows = malloc(sorter->pile_bytes_max);
        if (sorter->piles[i].rows == NULL) {
            produce_sorter_destroy(sorter);
            return fault_new(-ENOMEM);
        }
    }
    *out_sorter = sorter;
    return 0;
}

void
produce_sorter_destroy(struct produce_sorter *sorter)
{
    for (uint32_t i = 0; sorter != NULL && i < sorter->keys->count; i++) {
        free(sorter->piles[i].rows);
    }
    free(sorter);
}

uint32_t
produce_sorter_bytes_max(const struct produce_sorter *sorter)
{
    return sorter->pile_bytes_max;
}

/* What a row says of its tenant, or nothing. */
static struct text
tenant_of(struct text row)
{
    static const struct text begin = {"{\"tenant_id\":\"", 14};
    const char *end;

    if (row.bytes <= begin.bytes || memcmp(row.data, begin.data, begin.bytes) != 0) {
        return (struct text){.bytes = 0};
    }
    end = memchr(row.data + begin.bytes, '"', row.bytes - begin.bytes);
    return (struct text){.data = row.data + begin.bytes,
                         .bytes = end != NULL ? (uint32_t)(end - row.data) - begin.bytes : 0};
}

static void
add_row(struct produce_sorter *sorter, struct pile *pile, struct text row, struct mono_ns ready_at)
{
    REQUIRE(pile->bytes + row.bytes <= sorter->pile_bytes_max);
    if (pile->count == 0) {
        pile->oldest = ready_at;
    }
    memcpy(pile->rows + pile->bytes, row.data, row.bytes);
    pile->bytes += row.bytes;
    pile->count++;
    if (pile->count >= sorter->batch_count) {
        sorter->full = pile;
    }
}

bool
produce_sorter_add(struct produce_sorter *sorter, struct text rows, struct mono_ns ready_at)
{
    uint32_t number = sorter->keys->count;

    REQUIRE(sorter->full == NULL);
    while (rows.bytes > 0) {
        const char *end = memchr(rows.data, '\n', rows.bytes);
        struct text row = {.data = rows.data, .bytes = (uint32_t)(end + 1 - rows.data)};

        REQUIRE(end != NULL);
        number = produce_keys_find(sorter->keys, tenant_of(row), number);
        REQUIRE(number < sorter->keys->count);
        add_row(sorter, &sorter->piles[number], row, ready_at);
        rows = (struct text){.data = rows.data + row.bytes, .bytes = rows.bytes - row.bytes};
    }
    return sorter->full != NULL;
}

/* The one with the oldest row; NULL: all are empty. */
static struct pile *
oldest_of(const struct produce_sorter *sorter)
{
    const struct pile *oldest = NULL;

    for (uint32_t i = 0; i < sorter->keys->count; i++) {
        const struct pile *pile = &sorter->piles[i];

        if (pile->count > 0 && (oldest == NULL || pile->oldest.ns < oldest->oldest.ns)) {
            oldest = pile;
        }
    }
    return (struct pile *)(uintptr_t)oldest;
}

uint32_t
produce_sorter_take(struct produce_sorter *sorter, struct mono_ns now, bool is_end, char *body,
                    struct produce_batch *out_batch)
{
    struct pile *pile = sorter->full != NULL ? sorter->full : oldest_of(sorter);
    uint32_t bytes;

    if (pile == NULL ||
        (sorter->full == NULL && !is_end && now.ns < pile->oldest.ns + PRODUCE_SORTER_LINGER_NS)) {
        return 0;
    }
    bytes = pile->bytes;
    memcpy(body, pile->rows, bytes);
    out_batch->count = pile->count;
    out_batch->ready_at = pile->oldest;
    out_batch->key = sorter->keys->rows[pile - sorter->piles].key;
    pile->bytes = pile->count = 0;
    sorter->full = NULL;
    for (uint32_t i = 0; i < sorter->keys->count; i++) { /* one call may fill two */
        if (sorter->piles[i].count >= sorter->batch_count) {
            sorter->full = &sorter->piles[i];
        }
    }
    return bytes;
}

struct mono_ns
produce_sorter_due(const struct produce_sorter *sorter)
{
    const struct pile *pile = oldest_of(sorter);

    if (pile == NULL) {
        return MONO_NEVER;
    }
    return (struct mono_ns){.ns = sorter->full != NULL ? 0 : pile->oldest.ns + PRODUCE_SORTER_LINGER_NS};
}
