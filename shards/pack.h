/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * pack - lists and texts in one piece of memory, named by where they lie in it
 *
 * The piece begins with this header, then comes what the owner puts there. Nothing in it is an address: it may be
 * copied elsewhere, to another shard or to disk, and read there as it is.
 *
 *   | header, owner's fixed part | lists and texts, in no order ..          | free       |
 *                                                                     used ^   capacity ^
 *
 * It only grows at its end. What a list or a text has left behind is lost until the owner makes the pack anew, in
 * another piece: pack_move_list() and pack_move_text() carry over what is alive, a text that several share once. So
 * the owner says before a change how much room it may take (the .._need() of everything that could grow), makes the
 * pack anew when that is not there, and in the change itself nothing moves and nothing fails.
 *
 * Threads  Home shard only.
 * Memory   The owner's.
 * Limits   4 GiB.
 * Errors   Taking more than there is room for ends the node: the need was counted wrong.
 */

#include "shards/short_text.h"

struct pack {
    uint32_t capacity; /* bytes of the whole piece, this header included */
    uint32_t used;     /* of these, from the beginning */
    uint32_t left;     /* of these, that lists have left behind */
    uint32_t reserved;
};

/* Rows of one size. */
struct pack_list {
    uint32_t at; /* of the first row; 8-byte aligned */
    uint32_t count;
    uint32_t capacity;
};

/* Text of this pack. A short one lies here, like that of a struct short_text; of a longer one the length, its last
   four bytes, and where it lies. */
struct pack_text {
    uint32_t bytes;
    char room[SHORT_TEXT_ROOM];
};
static_assert(sizeof(struct pack_text) == sizeof(struct short_text), "they are compared");

/* Home. What lies at a place; to be read when the pack is const. */
static inline void *
pack_at(const struct pack *pack, uint32_t at)
{
    return (void *)((uintptr_t)pack + at);
}

static inline uint32_t
pack_place(const struct pack_text *of)
{
    uint32_t at;

    memcpy(&at, of->room + 4, sizeof(at));
    return at;
}

/* Home. Lends: until the pack or `of` moves or changes. */
static inline struct text
pack_text(const struct pack *pack, const struct pack_text *of)
{
    const char *data = of->bytes <= SHORT_TEXT_ROOM ? of->room : pack_at(pack, pack_place(of));

    return (struct text){.data = data, .bytes = of->bytes};
}

/* Home. Both of this pack. */
static inline bool
pack_text_equal(const struct pack *pack, const struct pack_text *a, const struct pack_text *b)
{
    return short_text_may_be_same(a, b) && short_text_same(a, pack_text(pack, a), b, pack_text(pack, b));
}

/* Home. */
static inline bool
pack_text_is(const struct pack *pack, const struct pack_text *a, const struct short_text *lent)
{
    return short_text_may_be_same(a, lent) && short_text_same(a, pack_text(pack, a), lent, short_text(lent));
}

/* Home. Room is there for `bytes` more; else the owner makes it anew. */
static inline bool
pack_has_room(const struct pack *pack, uint64_t bytes)
{
    return bytes <= pack->capacity - pack->used;
}

/* Home. A copy in the pack. */
struct pack_text pack_keep_long(struct pack *pack, struct text text);
static inline struct pack_text
pack_keep(struct pack *pack, struct text text)
{
    struct pack_text of;

    if (text.bytes > SHORT_TEXT_ROOM) {
        return pack_keep_long(pack, text);
    }
    struct short_text lent = short_text_lend(text);

    memcpy(&of, &lent, sizeof(of));
    return of;
}
/* Home. The bytes that pack_keep() takes at most. */
static inline uint64_t
pack_keep_need(struct text text)
{
    return text.bytes <= SHORT_TEXT_ROOM ? 0 : align_up(sizeof(uint32_t) + (uint64_t)text.bytes, 8);
}

/* Home. Room for `more` rows in the list; their contents are the owner's to write, as is `count`. */
void pack_list_grow(struct pack *pack, struct pack_list *list, uint32_t more, uint32_t row_bytes);
static inline void
pack_list_reserve(struct pack *pack, struct pack_list *list, uint32_t more, uint32_t row_bytes)
{
    if (UNLIKELY(list->capacity - list->count < more)) {
        pack_list_grow(pack, list, more, row_bytes);
    }
}
/* Home. The bytes that this takes at most. */
uint64_t pack_list_grow_need(const struct pack_list *list, uint32_t more, uint32_t row_bytes);
static inline uint64_t
pack_list_need(const struct pack_list *list, uint32_t more, uint32_t row_bytes)
{
    return LIKELY(list->capacity - list->count >= more) ? 0 : pack_list_grow_need(list, more, row_bytes);
}

/* Home. Room for a row at an index up to `count`, which grows; returns the row. */
void *pack_list_insert(struct pack *pack, struct pack_list *list, uint32_t index, uint32_t row_bytes);
/* Home. */
void pack_list_remove(struct pack *pack, struct pack_list *list, uint32_t index, uint32_t count,
                      uint32_t row_bytes);

/* Home. Into a new pack with room for all that `from` uses and has not left behind: `list`, which lies in the new one already, gets its rows,
   and as much spare room as it had, but not more than a list has that grows. Returns the rows. */
void *pack_move_list(struct pack *to, const struct pack *from, struct pack_list *list, uint32_t row_bytes);
/* Home. The same for a text. Leaves marks in `from`, which serves for nothing else but moving to `to` any more. */
void pack_move_text(struct pack *to, struct pack *from, struct pack_text *text);
/* Home. The same from a pack that stays: without spare room, and what several share comes as often. */
void *pack_copy_list(struct pack *to, const struct pack *from, struct pack_list *list, uint32_t row_bytes);
void pack_copy_text(struct pack *to, const struct pack *from, struct pack_text *text);
