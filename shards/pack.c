/* SPDX-License-Identifier: Apache-2.0 */
#include "shards/pack.h"

/* In front of each longer text: where it has moved to, or 0. */
#define MARK_BYTES ((uint32_t)sizeof(uint32_t))

static uint32_t
take(struct pack *pack, uint64_t bytes)
{
    uint32_t at = pack->used;

    ASSERT(at % 8 == 0);
    REQUIRE(pack_has_room(pack, bytes));
    pack->used += (uint32_t)bytes;
    return at;
}

static struct pack_text
text_at(struct text text, uint32_t at)
{
    struct pack_text of = {.bytes = text.bytes};

    memcpy(of.room, text.data + text.bytes - 4, 4);
    memcpy(of.room + 4, &at, sizeof(at));
    return of;
}

static uint32_t
keep_long(struct pack *pack, struct text text)
{
    uint32_t at = take(pack, pack_keep_need(text));

    memset(pack_at(pack, at), 0, MARK_BYTES);
    memcpy(pack_at(pack, at + MARK_BYTES), text.data, text.bytes);
    return at + MARK_BYTES;
}

struct pack_text
pack_keep_long(struct pack *pack, struct text text)
{
    return text_at(text, keep_long(pack, text));
}

/* Half as many again: what a list has left behind is never more than three times what it has. */
static uint32_t
larger_capacity(const struct pack_list *list, uint32_t more)
{
    uint32_t least = list->count + more;
    uint32_t usual = list->capacity + list->capacity / 2;

    return usual > least ? usual : least;
}

static uint64_t
rows_bytes(uint32_t capacity, uint32_t row_bytes)
{
    return align_up((uint64_t)capacity * row_bytes, 8);
}

uint64_t
pack_list_grow_need(const struct pack_list *list, uint32_t more, uint32_t row_bytes)
{
    return rows_bytes(larger_capacity(list, more), row_bytes);
}

void
pack_list_grow(struct pack *pack, struct pack_list *list, uint32_t more, uint32_t row_bytes)
{
    uint32_t capacity = larger_capacity(list, more);
    uint64_t bytes = rows_bytes(capacity, row_bytes);
    uint64_t bytes_old = rows_bytes(list->capacity, row_bytes);

    if (list->capacity > 0 && list->at + bytes_old == pack->used) {
        (void)take(pack, bytes - bytes_old); /* it is the last thing: it grows where it is */
    } else {
        uint32_t at = take(pack, bytes);
        memcpy(pack_at(pack, at), pack_at(pack, list->at), (uint64_t)list->count * row_bytes);
        list->at = at;
        pack->left += (uint32_t)bytes_old;
    }
    list->capacity = capacity;
}

void *
pack_list_insert(struct pack *pack, struct pack_list *list, uint32_t index, uint32_t row_bytes)
{
    pack_list_reserve(pack, list, 1, row_bytes);
    uint8_t *row = (uint8_t *)pack_at(pack, list->at) + (uint64_t)index * row_bytes;

    memmove(row + row_bytes, row, (uint64_t)(list->count - index) * row_bytes);
    list->count++;
    return row;
}

void
pack_list_remove(struct pack *pack, struct pack_list *list, uint32_t index, uint32_t count,
                 uint32_t row_bytes)
{
    uint8_t *row = (uint8_t *)pack_at(pack, list->at) + (uint64_t)index * row_bytes;

    list->count -= count;
    memmove(row, row + (uint64_t)count * row_bytes, (uint64_t)(list->count - index) * row_bytes);
}

static void *
carry_list(struct pack *to, const struct pack *from, struct pack_list *list, uint32_t capacity,
           uint32_t row_bytes)
{
    uint32_t at = capacity > 0 ? take(to, rows_bytes(capacity, row_bytes)) : 0;
    void *rows = pack_at(to, at);

    if (list->count > 0) {
        memcpy(rows, pack_at(from, list->at), (uint64_t)list->count * row_bytes);
    }
    list->at = at;
    list->capacity = capacity;
    return rows;
}

void *
pack_move_list(struct pack *to, const struct pack *from, struct pack_list *list, uint32_t row_bytes)
{
    uint32_t usual = list->count + list->count / 2 + 1;

    return carry_list(to, from, list, list->capacity < usual ? list->capacity : usual, row_bytes);
}

void *
pack_copy_list(struct pack *to, const struct pack *from, struct pack_list *list, uint32_t row_bytes)
{
    return carry_list(to, from, list, list->count, row_bytes);
}

void
pack_move_text(struct pack *to, struct pack *from, struct pack_text *text)
{
    if (text->bytes <= SHORT_TEXT_ROOM) {
        return;
    }
    uint32_t *moved = pack_at(from, pack_place(text) - MARK_BYTES);

    if (*moved == 0) {
        *moved = keep_long(to, pack_text(from, text));
    }
    memcpy(text->room + 4, moved, sizeof(*moved));
}

void
pack_copy_text(struct pack *to, const struct pack *from, struct pack_text *text)
{
    if (text->bytes > SHORT_TEXT_ROOM) {
        uint32_t at = keep_long(to, pack_text(from, text));
        memcpy(text->room + 4, &at, sizeof(at));
    }
}
