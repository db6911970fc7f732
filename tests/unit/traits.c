/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/traits.h"

#include <stdio.h>

static struct pack *pack;
static struct traits traits;

static uint32_t
apply_to(struct pack *to, struct traits *of, struct text object, struct stamp at)
{
    struct traits_members members;
    uint32_t used = to->used;

    traits_members_begin(&memory, &members, object);
    uint64_t need = traits_need(to, of, &members);
    uint32_t ignored = traits_apply(to, of, &members, at);
    traits_members_end(&memory, &members);
    CHECK(to->used - used <= need);
    return ignored;
}

static uint32_t
apply(const char *object, int64_t time, uint64_t position)
{
    return apply_to(pack, &traits, text_of(object),
                    (struct stamp){.event_time = {.ms = time}, .position = position});
}

static struct text
value_of(const char *key)
{
    const struct trait *rows = traits_rows(pack, &traits);

    for (uint32_t i = 0; i < traits.rows.count; i++) {
        if (text_equal(pack_text(pack, &rows[i].key), text_of(key))) {
            return pack_text(pack, &rows[i].value);
        }
    }
    return TEXT("nothing");
}

static void
given_no_traits(void)
{
    given_memory();
    pack = given_pack();
    traits = (struct traits){0};
}

static void
then_they_end(void)
{
    memory_put(&memory, pack, pack->capacity);
    then_nothing_is_left();
}

TEST(keys_past_256_are_ignored_and_counted_in_byte_order)
{
    char object[8192] = "{";

    given_no_traits();
    for (int i = 299; i >= 0; i--) {
        snprintf(object + strlen(object), 32, "\"k%03d\":%d%s", i, i, i > 0 ? "," : "}");
    }
    CHECK_EQ(apply(object, 1, 1), 44);
    CHECK_EQ(traits.rows.count, 256);
    CHECK_TEXT(value_of("k255"), "255");
    CHECK_TEXT(value_of("k256"), "nothing");
    CHECK_EQ(apply("{\"k000\":null,\"zz\":1}", 2, 2), 1); /* a mark still is a key */
    CHECK_TEXT(value_of("k000"), "");
    then_they_end();
}

TEST(values_past_32_kib_are_ignored_and_the_old_one_stays)
{
    static char object[40000];

    given_no_traits();
    CHECK_EQ(apply("{\"a\":1}", 1, 1), 0);
    memset(object, 'x', sizeof(object));
    memcpy(object, "{\"a\":\"", 6);
    memcpy(object + 6 + 32768 - 3 + 1, "\"}", 3); /* one byte too many: key and value are 32769 */
    CHECK_EQ(apply(object, 2, 2), 1);
    CHECK_TEXT(value_of("a"), "1");
    memcpy(object + 6 + 32768 - 3, "\"}", 3);
    CHECK_EQ(apply(object, 2, 2), 0);
    CHECK_EQ(value_of("a").bytes, 32767);
    CHECK_EQ(apply("{\"b\":1}", 3, 3), 1);
    CHECK_EQ(apply("{\"a\":null}", 4, 4), 0);
    CHECK_EQ(apply("{\"b\":1}", 5, 5), 0);
    CHECK_EQ(traits.bytes, 7); /* a mark counts as its key and null */
    then_they_end();
}

TEST(nonsense_is_survived)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"",
                                        "{\"a",
                                        "{\"a\"",
                                        "{\"a\":",
                                        "{\"a\\",
                                        "{\"a\":\"\\",
                                        "{\"a\":[[[",
                                        "]]]",
                                        "{\"a\":]]}",
                                        "{\"\\u12\":1}",
                                        "{\"\\ud800\":1}",
                                        "{\"\\ud800\\u0041\":1}",
                                        "{\"a\"\"b\"\"c\"}",
                                        "null",
                                        "{}}}}"};

    given_no_traits();
    for (uint32_t i = 0; i < COUNT_OF(texts); i++) {
        (void)apply(texts[i], 1, 1);
    }
    then_they_end();
}

TEST(the_newest_by_time_then_position_wins)
{
    given_no_traits();
    apply("{\"a\":1}", 5, 2);
    apply("{\"a\":2}", 4, 3);
    CHECK_TEXT(value_of("a"), "1");
    apply("{\"a\":3}", 5, 1);
    CHECK_TEXT(value_of("a"), "1");
    apply("{\"a\":4}", 5, 4);
    CHECK_TEXT(value_of("a"), "4");
    then_they_end();
}

TEST(null_removes_and_stays_as_a_mark_against_older_values)
{
    given_no_traits();
    apply("{\"a\":null}", 5, 1);
    apply("{\"a\":1}", 4, 2);
    CHECK_TEXT(value_of("a"), "");
    apply("{\"a\":1}", 6, 3);
    CHECK_TEXT(value_of("a"), "1");
    then_they_end();
}

TEST(members_are_split_whatever_is_in_them)
{
    given_no_traits();
    CHECK_EQ(apply(" { \"a\" : {\"x\":[1,\"}\\\"\"],\"y\":{}} ,\n\"b\":[ ],\"c\":\"\\\\\", \"d\" :-1.5e3 , "
                   "\"\":true,"
                   "\"n\\u0065w\":false,\"\\ud83d\\ude00\":1,\"tab\\t\\/\":2,\"a\":\"last\" } ",
                   1, 1),
             0);
    CHECK_EQ(traits.rows.count, 8);
    CHECK_TEXT(value_of("a"), "\"last\""); /* duplicates: the last one */
    CHECK_TEXT(value_of("b"), "[ ]");
    CHECK_TEXT(value_of("c"), "\"\\\\\"");
    CHECK_TEXT(value_of("d"), "-1.5e3");
    CHECK_TEXT(value_of(""), "true");
    CHECK_TEXT(value_of("new"), "false");
    CHECK_TEXT(value_of("\xf0\x9f\x98\x80"), "1");
    CHECK_TEXT(value_of("tab\t/"), "2");
    const struct trait *rows = traits_rows(pack, &traits);

    for (uint32_t i = 1; i < traits.rows.count; i++) {
        CHECK(text_compare(pack_text(pack, &rows[i - 1].key), pack_text(pack, &rows[i].key)) < 0);
    }
    then_they_end();
}

TEST(combining_takes_the_newer_of_each_key)
{
    struct traits loser = {0};
    struct pack *from;
    struct stamp at = {.event_time = {.ms = 9}, .position = 9};

    given_no_traits();
    from = given_pack();
    apply("{\"a\":1,\"b\":2}", 5, 1);
    apply_to(from, &loser, TEXT("{\"b\":null,\"c\":3}"), at);
    at.event_time.ms = 1;
    apply_to(from, &loser, TEXT("{\"a\":7}"), at);
    CHECK_EQ(traits_combine(pack, &traits, from, &loser), 0);
    CHECK_TEXT(value_of("a"), "1");
    CHECK_TEXT(value_of("b"), "");
    CHECK_TEXT(value_of("c"), "3");
    memory_put(&memory, from, from->capacity);
    then_they_end();
}
