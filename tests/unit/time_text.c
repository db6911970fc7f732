/* SPDX-License-Identifier: Apache-2.0 */

#include "core/time_text.h"

#include "tests/check.h"

#include <stdio.h>
#include <time.h>

static bool
is_time(const char *text)
{
    struct event_ms time;

    return time_text_parse(text_of(text), &time);
}

static int64_t
ms_of(const char *text)
{
    struct event_ms time = {.ms = -1};

    CHECK(time_text_parse(text_of(text), &time));
    return time.ms;
}

static struct text
formatted(int64_t ms)
{
    static char buffer[TIME_TEXT_BYTES];

    time_text_format(ms, buffer);
    return text_of(buffer);
}

TEST(what_is_no_time_is_refused)
{
    static const char *const refused[] = {
        "",
        "2026",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.123",
        "2026-01-01T00:00Z",
        "2026-01-01_00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01 00:00:00.",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00Z ",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+01",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00*01:00",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026/01/01T00:00:00Z",
        "26-01-01T00:00:00.0Z",
        "+026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z1",
        "202a-01-01T00:00:00Z",
        "2026-01-01T-1:00:00Z",
        "1767225600000",
    };

    for (uint32_t i = 0; i < COUNT_OF(refused); i++) {
        if (is_time(refused[i])) {
            check_failed(__FILE__, __LINE__, "\"%s\" was taken for a time", refused[i]);
        }
    }
}

TEST(a_refused_time_writes_nothing)
{
    struct event_ms time = {.ms = 7};

    CHECK(!time_text_parse(TEXT("2026-01-01T00:00:00"), &time));
    CHECK_EQ(time.ms, 7);
    CHECK(!time_text_parse((struct text){.data = NULL, .bytes = 0}, &time));
}

TEST(rfc_3339_is_read_in_all_its_spellings)
{
    CHECK_EQ(ms_of("1970-01-01T00:00:00Z"), 0);
    CHECK_EQ(ms_of("2026-01-01T00:00:01.000Z"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2026-01-01t00:00:01z"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2026-01-01T01:00:01+01:00"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2025-12-31T18:30:01-05:30"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2026-01-01T00:00:01-00:00"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2026-01-01 01:00:01+01:00"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2024-02-29T00:00:00Z"), INT64_C(1709164800000));
    CHECK_EQ(ms_of("2000-02-29T00:00:00Z"), INT64_C(951782400000));
    CHECK_EQ(ms_of("0000-01-01T00:00:00Z"), INT64_C(-62167219200000));
    CHECK_EQ(ms_of("9999-12-31T23:59:59.999Z"), INT64_C(253402300799999));
}

TEST(a_blank_without_a_zone_is_utc)
{
    CHECK_EQ(ms_of("2026-01-01 00:00:01"), INT64_C(1767225601000));
    CHECK_EQ(ms_of("2026-01-01 00:00:01.5"), INT64_C(1767225601500));
}

TEST(fractions_are_cut_to_milliseconds)
{
    CHECK_EQ(ms_of("1970-01-01T00:00:00.1Z"), 100);
    CHECK_EQ(ms_of("1970-01-01T00:00:00.12Z"), 120);
    CHECK_EQ(ms_of("1970-01-01T00:00:00.1239Z"), 123);
    CHECK_EQ(ms_of("1970-01-01T00:00:00.0009Z"), 0);
    CHECK_EQ(ms_of("1970-01-01T00:00:00.99999999999999999999999999999999Z"), 999);
    CHECK_EQ(ms_of("1969-12-31T23:59:59.9999Z"), -1);
}

TEST(a_leap_second_is_the_next_minute)
{
    CHECK_EQ(ms_of("2016-12-31T23:59:60Z"), ms_of("2017-01-01T00:00:00Z"));
}

TEST(times_are_written_with_milliseconds)
{
    CHECK_TEXT(formatted(0), "1970-01-01T00:00:00.000Z");
    CHECK_TEXT(formatted(-1), "1969-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(INT64_C(1767225601000)), "2026-01-01T00:00:01.000Z");
    CHECK_TEXT(formatted(INT64_C(1709164800123)), "2024-02-29T00:00:00.123Z");
}

TEST(times_outside_of_the_calendar_are_the_nearest_inside)
{
    CHECK_TEXT(formatted(INT64_MIN), "0000-01-01T00:00:00.000Z");
    CHECK_TEXT(formatted(INT64_C(-62167219200001)), "0000-01-01T00:00:00.000Z");
    CHECK_TEXT(formatted(INT64_C(-62167219199999)), "0000-01-01T00:00:00.001Z");
    CHECK_TEXT(formatted(INT64_C(253402300799999)), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(INT64_C(253402300800000)), "9999-12-31T23:59:59.999Z");
    CHECK_TEXT(formatted(INT64_MAX), "9999-12-31T23:59:59.999Z");
}

TEST(each_day_of_the_calendar_reads_back)
{
    for (int64_t day = -719528; day < 2932897; day++) {
        int64_t ms = day * MS_PER_DAY + (day & 0xffff) * 1000 + 7;
        struct event_ms back;
        char buffer[TIME_TEXT_BYTES];

        time_text_format(ms, buffer);
        CHECK(time_text_parse(text_of(buffer), &back));
        CHECK_EQ(back.ms, ms);
    }
}

TEST(the_system_agrees_on_the_calendar)
{
    for (int64_t day = -719528; day < 2932897; day += 13) {
        time_t seconds = (time_t)(day * 86400);
        struct tm tm;
        char theirs[64];
        char ours[TIME_TEXT_BYTES];

        CHECK(gmtime_r(&seconds, &tm) != NULL);
        snprintf(theirs, sizeof(theirs), "%04d-%02d-%02dT00:00:00.000Z", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday);
        time_text_format(day * MS_PER_DAY, ours);
        CHECK_TEXT((const char *)theirs, (const char *)ours);
    }
}
