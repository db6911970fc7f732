/* SPDX-License-Identifier: Apache-2.0 */

#include "core/time_text.h"

#define MS_MIN INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define MS_PER_MINUTE INT64_C(60000)
#define ERA_DAYS 146097         /* 400 years, after which the calendar repeats */
#define EPOCH_MARCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

/* Two digits, or 100 and more for what is none. */
static inline uint32_t
two_digits(const char *at)
{
    uint32_t tens = (uint32_t)(unsigned char)at[0] - '0';
    uint32_t ones = (uint32_t)(unsigned char)at[1] - '0';

    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

static inline bool
is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static uint32_t
days_of_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month] + (month == 2 && is_leap_year ? 1u : 0u);
}

/* Since 1970-01-01. Counts years from March, so that the leap day is a year's last. */
static int64_t
days_of_date(uint32_t year, uint32_t month, uint32_t day)
{
    int64_t march_year = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = floor_div(march_year, 400);
    int64_t year_of_era = march_year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           EPOCH_MARCH_DAYS;
}

/* "YYYY-MM-DD" */
static bool
parse_date(const char *at, int64_t *out_days)
{
    uint32_t century = two_digits(at);
    uint32_t year = two_digits(at + 2);
    uint32_t month = two_digits(at + 5);
    uint32_t day = two_digits(at + 8);

    if (century > 99 || year > 99 || at[4] != '-' || at[7] != '-') {
        return false;
    }
    year += century * 100;
    if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) {
        return false;
    }
    *out_days = days_of_date(year, month, day);
    return true;
}

/* "HH:MM:SS" */
static bool
parse_clock(const char *at, int64_t *out_ms)
{
    uint32_t hour = two_digits(at);
    uint32_t minute = two_digits(at + 3);
    uint32_t second = two_digits(at + 6);

    if (at[2] != ':' || at[5] != ':' || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *out_ms = (int64_t)(hour * 3600 + minute * 60 + second) * 1000;
    return true;
}

/* ".f..." Behind it, or NULL when there is no digit. */
static const char *
parse_fraction(const char *at, const char *end, int64_t *out_ms)
{
    int64_t unit = 100;
    const char *digit = at + 1;

    *out_ms = 0;
    for (; digit < end && is_digit(*digit); digit++) {
        *out_ms += unit * (*digit - '0');
        unit /= 10;
    }
    return digit > at + 1 ? digit : NULL;
}

/* "Z" or "+hh:mm", and the end */
static bool
parse_zone(const char *at, const char *end, int64_t *out_ms)
{
    uint32_t hour;
    uint32_t minute;
    int64_t ms;

    *out_ms = 0;
    if (end - at == 1) {
        return *at == 'Z' || *at == 'z';
    }
    if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') {
        return false;
    }
    hour = two_digits(at + 1);
    minute = two_digits(at + 4);
    if (hour > 23 || minute > 59) {
        return false;
    }
    ms = (int64_t)(hour * 60 + minute) * MS_PER_MINUTE;
    *out_ms = *at == '-' ? -ms : ms;
    return true;
}

bool
time_text_parse(struct text text, struct event_ms *out_time)
{
    const char *at = text.data;
    const char *end = text.data + text.bytes;
    int64_t fraction_ms = 0;
    int64_t zone_ms = 0;
    int64_t clock_ms;
    int64_t days;
    bool is_blank;

    if (text.bytes < sizeof("YYYY-MM-DD HH:MM:SS") - 1) {
        return false;
    }
    is_blank = at[10] == ' ';
    if (!is_blank && at[10] != 'T' && at[10] != 't') {
        return false;
    }
    if (!parse_date(at, &days) || !parse_clock(at + 11, &clock_ms)) {
        return false;
    }
    at += 19;
    if (at < end && *at == '.') {
        at = parse_fraction(at, end, &fraction_ms);
        if (at == NULL) {
            return false;
        }
    }
    if (at == end) {
        if (!is_blank) {
            return false;
        }
    } else if (!parse_zone(at, end, &zone_ms)) {
        return false;
    }
    out_time->ms = days * MS_PER_DAY + clock_ms + fraction_ms - zone_ms;
    return true;
}

static inline char *
write_two(char *to, uint32_t value)
{
    to[0] = (char)('0' + value / 10);
    to[1] = (char)('0' + value % 10);
    return to + 2;
}

void
time_text_format(int64_t unix_ms, char out_text[TIME_TEXT_BYTES])
{
    int64_t ms = unix_ms < MS_MIN ? MS_MIN : unix_ms > MS_MAX ? MS_MAX : unix_ms;
    int64_t days = floor_div(ms, MS_PER_DAY);
    uint32_t day_ms = (uint32_t)(ms - days * MS_PER_DAY);
    /* An era on, so that January and February of the year 0 (which belong to the March year before) count too. */
    uint32_t march_days = (uint32_t)(days + EPOCH_MARCH_DAYS + ERA_DAYS);
    uint32_t era = march_days / ERA_DAYS;
    uint32_t era_day = march_days % ERA_DAYS;
    uint32_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / (ERA_DAYS - 1)) / 365;
    uint32_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    uint32_t march_month = (5 * year_day + 2) / 153;
    uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    uint32_t year = era * 400 + era_year - 400 + (month <= 2 ? 1u : 0u);
    char *to = out_text;

    to = write_two(to, year / 100);
    to = write_two(to, year % 100);
    *to++ = '-';
    to = write_two(to, month);
    *to++ = '-';
    to = write_two(to, year_day - (153 * march_month + 2) / 5 + 1);
    *to++ = 'T';
    to = write_two(to, day_ms / 3600000);
    *to++ = ':';
    to = write_two(to, day_ms / 60000 % 60);
    *to++ = ':';
    to = write_two(to, day_ms / 1000 % 60);
    *to++ = '.';
    *to++ = (char)('0' + day_ms / 100 % 10);
    to = write_two(to, day_ms % 100);
    *to++ = 'Z';
    *to = '\0';
}
