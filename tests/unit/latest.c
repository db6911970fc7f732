/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/kept.h"

#include "shards/latest.h"

static struct stamp
at(int64_t time, uint64_t position)
{
    return (struct stamp){.event_time = {.ms = time}, .position = position};
}

TEST(empty_text_and_older_events_change_nothing)
{
    struct latest latest = {0};

    given_memory();
    latest_offer(&memory, &latest, TEXT("a"), at(5, 5));
    latest_offer(&memory, &latest, (struct text){0}, at(9, 9));
    latest_offer(&memory, &latest, TEXT("b"), at(4, 9));
    latest_offer(&memory, &latest, TEXT("c"), at(5, 4));
    CHECK_TEXT(short_text(&latest.text), "a");
    latest_offer(&memory, &latest, TEXT("d"), at(5, 6));
    CHECK_TEXT(short_text(&latest.text), "d");
    short_text_put(&memory, &latest.text);
    then_nothing_is_left();
}

TEST(the_newer_of_two_is_taken_and_the_other_emptied)
{
    struct latest latest = {0};
    struct latest other = {0};

    given_memory();
    latest_take(&memory, &latest, &other);
    CHECK_EQ(latest.text.bytes, 0);
    latest_offer(&memory, &other, TEXT("a"), at(-5, 5));
    latest_take(&memory, &latest, &other);
    CHECK_TEXT(short_text(&latest.text), "a");
    CHECK_EQ(other.text.bytes, 0);
    latest_offer(&memory, &other, TEXT("b"), at(-6, 9));
    latest_take(&memory, &latest, &other);
    CHECK_TEXT(short_text(&latest.text), "a");
    short_text_put(&memory, &latest.text);
    then_nothing_is_left();
}
