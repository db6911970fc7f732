/* SPDX-License-Identifier: Apache-2.0 */

#include "net/user_agent.h"

#include "tests/check.h"

static const struct {
    const char *line;
    const char *device_type;
    const char *browser;
    const char *os;
} rows[] = {
    {"", "", "", ""},
    {"curl/8.5.0", "", "", ""},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
     "Safari/537.36",
     "desktop", "Chrome", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
     "Safari/537.36 "
     "Edg/120.0.0.0",
     "desktop", "Edge", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 "
     "OPR/106.0",
     "desktop", "Opera", "Windows"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 "
     "Safari/605.1.15",
     "desktop", "Safari", "macOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/17.0 "
     "Mobile/15E148 Safari/604.1",
     "mobile", "Safari", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "CriOS/120.0 "
     "Mobile/15E148 Safari/604.1",
     "mobile", "Chrome", "iOS"},
    {"Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 "
     "Mobile/15E148 Safari/604.1",
     "tablet", "Safari", "iOS"},
    {"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile "
     "Safari/537.36",
     "mobile", "Chrome", "Android"},
    {"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 "
     "Chrome/115.0 "
     "Safari/537.36",
     "tablet", "Samsung Internet", "Android"},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", "desktop", "Firefox", "Linux"},
    {"Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0", "mobile", "Firefox", "Android"},
    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0 "
     "Safari/537.36",
     "desktop", "Chrome", "ChromeOS"},
    {"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "Internet Explorer",
     "Windows"},
    {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "", ""},
    {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
     "bot", "Chrome", ""},
};

TEST(a_line_is_read_for_device_browser_and_system)
{
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        struct user_agent user_agent = user_agent_read(text_of(rows[i].line));
        CHECK_TEXT(user_agent.device_type, rows[i].device_type);
        CHECK_TEXT(user_agent.browser, rows[i].browser);
        CHECK_TEXT(user_agent.os, rows[i].os);
    }
}

TEST(a_cache_gives_the_same_answers)
{
    static struct user_agent_cache cache;
    static char line[600];

    for (uint32_t i = 0; i < 4 * COUNT_OF(rows); i++) {
        const char *said = rows[i % COUNT_OF(rows)].line;
        CHECK_TEXT(user_agent_recall(&cache, text_of(said)).os, rows[i % COUNT_OF(rows)].os);
    }
    /* More lines than places, and lines too long for it. */
    memset(line, ' ', sizeof(line));
    memcpy(line, "X11", 3);
    for (uint32_t bytes = 3; bytes < sizeof(line); bytes++) {
        CHECK_TEXT(user_agent_recall(&cache, (struct text){.data = line, .bytes = bytes}).device_type,
                   "desktop");
    }
}

TEST(what_is_far_behind_is_not_looked_at)
{
    static char line[USER_AGENT_BYTES_MAX + 8];

    memset(line, ' ', sizeof(line));
    memcpy(line + USER_AGENT_BYTES_MAX - 2, "X11", 3);
    CHECK_EQ(user_agent_read((struct text){.data = line, .bytes = sizeof(line)}).device_type.bytes, 0);
    memcpy(line + USER_AGENT_BYTES_MAX - 3, "X11", 3);
    CHECK_TEXT(user_agent_read((struct text){.data = line, .bytes = sizeof(line)}).device_type, "desktop");
}
