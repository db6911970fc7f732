/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/pack.h"

static struct pack *pack;

static struct pack *
a_pack_of(uint32_t bytes)
{
    struct pack *of = memory_take(&memory, bytes);

    *of = (struct pack){.capacity = bytes, .used = sizeof(*of)};
    return of;
}

static void
add(struct pack_list *list, uint32_t value)
{
    uint32_t *row = pack_list_insert(pack, list, list->count, sizeof(*row));

    *row = value;
}

TEST(more_than_there_is_room_for_ends_the_node)
{
    struct pack_list list = {0};

    given_memory();
    pack = a_pack_of(sizeof(struct pack) + 24);
    CHECK(pack_has_room(pack, 24));
    CHECK(!pack_has_room(pack, 25));
    CHECK_DIES((void)pack_keep(pack, TEXT("123456789012345678901"))); /* and four bytes */
    (void)pack_keep(pack, TEXT("12345678901234567890"));
    CHECK_DIES(add(&list, 1));
    (void)pack_keep(pack, TEXT("123456789012")); /* takes none */
    then_memory_ends();
}

TEST(a_need_is_what_is_taken_at_most)
{
    struct pack_list list = {0};
    uint64_t dice = 7;

    given_memory();
    pack = given_pack();
    for (uint32_t i = 0; i < 2000; i++) {
        dice = dice * UINT64_C(6364136223846793005) + 1;
        uint32_t more = 1 + (uint32_t)(dice >> 60);
        uint64_t need = pack_list_need(&list, more, 12);
        uint32_t used = pack->used;

        pack_list_reserve(pack, &list, more, 12);
        CHECK(pack->used - used <= need);
        CHECK(list.capacity - list.count >= more);
        CHECK_EQ(list.at % 8, 0);
        list.count += more / 2;
        (void)pack_keep(pack, TEXT("so that the list is not the last"));
        if (list.count > 200) {
            pack_list_remove(pack, &list, 3, 150, 12);
        }
    }
    then_memory_ends();
}

TEST(rows_go_in_and_out_anywhere)
{
    struct pack_list list = {0};
    uint32_t *row;

    given_memory();
    pack = given_pack();
    for (uint32_t i = 0; i < 10; i++) {
        add(&list, i);
    }
    row = pack_list_insert(pack, &list, 3, sizeof(*row));
    *row = 99;
    pack_list_remove(pack, &list, 0, 2, sizeof(*row));
    row = pack_at(pack, list.at);
    CHECK_EQ(list.count, 9);
    CHECK_EQ(row[0], 2);
    CHECK_EQ(row[1], 99);
    CHECK_EQ(row[2], 3);
    CHECK_EQ(row[8], 9);
    then_memory_ends();
}

TEST(a_copy_elsewhere_is_the_same)
{
    struct {
        struct pack pack;
        struct pack_list list;
        uint32_t spare;
        struct pack_text texts[2];
    } * owner;
    uint32_t used;

    given_memory();
    pack = given_pack();
    owner = (void *)pack;
    *owner = (__typeof__(*owner)){.pack = {.capacity = pack->capacity, .used = sizeof(*owner)}};
    owner->texts[0] = pack_keep(pack, TEXT("short"));
    owner->texts[1] = pack_keep(pack, TEXT("one that is not so short"));
    add(&owner->list, 5);
    add(&owner->list, 6);
    used = pack->used;
    pack = moved_pack(pack, used);
    owner = (void *)pack;
    CHECK_TEXT(pack_text(pack, &owner->texts[0]), "short");
    CHECK_TEXT(pack_text(pack, &owner->texts[1]), "one that is not so short");
    CHECK_EQ(((const uint32_t *)pack_at(pack, owner->list.at))[1], 6);
    then_memory_ends();
}

TEST(what_moves_is_compact_and_shared_texts_stay_shared)
{
    struct pack_list list = {0};
    struct pack *to;

    given_memory();
    pack = given_pack();
    struct pack_text text = pack_keep(pack, TEXT("a text that two share"));
    struct pack_text same = text;

    for (uint32_t i = 0; i < 100; i++) {
        add(&list, i);
        (void)pack_keep(pack, TEXT("a text that nobody has"));
    }
    to = a_pack_of(pack->used);
    uint32_t *rows = pack_move_list(to, pack, &list, sizeof(*rows));
    pack_move_text(to, pack, &text);
    pack_move_text(to, pack, &same);
    CHECK_EQ(rows[99], 99);
    CHECK(list.capacity <= 151);
    CHECK_TEXT(pack_text(to, &text), "a text that two share");
    CHECK_EQ(pack_place(&text), pack_place(&same));
    CHECK(to->used < sizeof(struct pack) + 4 * 152 + 32 + 8);
    then_memory_ends();
}

TEST(what_is_copied_leaves_the_old_one_as_it_was)
{
    struct pack *to;
    struct pack_list list = {0};

    given_memory();
    pack = given_pack();
    struct pack_text text = pack_keep(pack, TEXT("a text of many bytes"));
    struct pack_text copy = text;
    add(&list, 1);
    struct pack_list list_copy = list;

    to = a_pack_of(256);
    pack_copy_text(to, pack, &copy);
    (void)pack_copy_list(to, pack, &list_copy, sizeof(uint32_t));
    CHECK_TEXT(pack_text(pack, &text), "a text of many bytes");
    CHECK_TEXT(pack_text(to, &copy), "a text of many bytes");
    to = a_pack_of(256);
    copy = text;
    pack_copy_text(to, pack, &copy); /* no mark in front of it leads elsewhere */
    CHECK_TEXT(pack_text(to, &copy), "a text of many bytes");
    CHECK_EQ(list_copy.capacity, 1);
    then_memory_ends();
}

TEST(texts_are_equal_by_their_bytes_wherever_they_lie)
{
    char letters[20] = "abcdefghijklmnopqrs";

    given_memory();
    pack = given_pack();
    for (uint32_t bytes = 0; bytes < 20; bytes++) {
        struct text text = {.data = letters, .bytes = bytes};
        struct pack_text a = pack_keep(pack, text);
        struct pack_text b = pack_keep(pack, text);
        struct short_text lent = short_text_lend(text);

        CHECK(pack_text_equal(pack, &a, &b));
        CHECK(pack_text_is(pack, &a, &lent));
        CHECK(text_equal(pack_text(pack, &a), text));
        for (uint32_t i = 0; i < bytes; i++) {
            letters[i] ^= 1;
            lent = short_text_lend(text);
            b = pack_keep(pack, text);
            CHECK(!pack_text_is(pack, &a, &lent));
            CHECK(!pack_text_equal(pack, &a, &b));
            letters[i] ^= 1;
        }
    }
    then_memory_ends();
}
