/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/latest.h"

static struct pack *pack;

static struct stamp
at(int64_t time, uint64_t position)
{
    return (struct stamp){.event_time = {.ms = time}, .position = position};
}

static void
offer(struct latest *latest, const char *text, struct stamp stamp)
{
    struct pack_text kept = latest_keep(pack, latest, text_of(text));

    latest_offer(latest, &kept, stamp);
}

TEST(empty_text_and_older_events_change_nothing)
{
    struct latest latest = {0};

    given_memory();
    pack = given_pack();
    offer(&latest, "a", at(5, 5));
    offer(&latest, "", at(9, 9));
    offer(&latest, "b", at(4, 9));
    offer(&latest, "c", at(5, 4));
    CHECK_TEXT(pack_text(pack, &latest.text), "a");
    offer(&latest, "d", at(5, 6));
    CHECK_TEXT(pack_text(pack, &latest.text), "d");
    then_memory_ends();
}

TEST(the_same_text_again_is_not_kept_again)
{
    struct latest latest = {0};
    uint32_t used;

    given_memory();
    pack = given_pack();
    offer(&latest, "a text of many bytes", at(1, 1));
    used = pack->used;
    offer(&latest, "a text of many bytes", at(2, 2));
    CHECK_EQ(pack->used, used);
    CHECK_EQ(latest.at.position, 2);
    offer(&latest, "b text of many bytes", at(3, 3));
    CHECK(pack->used > used);
    CHECK_TEXT(pack_text(pack, &latest.text), "b text of many bytes");
    then_memory_ends();
}

TEST(the_newer_of_two_is_taken)
{
    struct latest latest = {0};
    struct latest other = {0};
    struct pack *from;

    given_memory();
    from = given_pack();
    pack = given_pack();
    latest_take(pack, &latest, from, &other);
    CHECK_EQ(latest.text.bytes, 0);
    other = (struct latest){.text = pack_keep(from, TEXT("a text of many bytes")), .at = at(-5, 5)};
    latest_take(pack, &latest, from, &other);
    CHECK_TEXT(pack_text(pack, &latest.text), "a text of many bytes");
    other = (struct latest){.text = pack_keep(from, TEXT("b")), .at = at(-6, 9)};
    latest_take(pack, &latest, from, &other);
    CHECK_TEXT(pack_text(pack, &latest.text), "a text of many bytes");
    then_memory_ends();
}
