/* SPDX-License-Identifier: Apache-2.0 */

#include "net/user_agent.h"

#include "core/hash.h"

struct word {
    struct text word; /* as it stands in the line; case matters, since it does in real ones */
    struct text name;
};

/* clang-format off: the order is the meaning, so a line each. */

/* First hit counts: Edge says Chrome and Safari too, Chrome says Safari. */
static const struct word browsers[] = {
    {TEXT("Edg/"), TEXT("Edge")},
    {TEXT("EdgA/"), TEXT("Edge")},
    {TEXT("EdgiOS/"), TEXT("Edge")},
    {TEXT("Edge/"), TEXT("Edge")},
    {TEXT("OPR/"), TEXT("Opera")},
    {TEXT("OPiOS/"), TEXT("Opera")},
    {TEXT("Opera"), TEXT("Opera")},
    {TEXT("SamsungBrowser/"), TEXT("Samsung Internet")},
    {TEXT("FxiOS/"), TEXT("Firefox")},
    {TEXT("Firefox/"), TEXT("Firefox")},
    {TEXT("CriOS/"), TEXT("Chrome")},
    {TEXT("Chrome/"), TEXT("Chrome")},
    {TEXT("Chromium/"), TEXT("Chrome")},
    {TEXT("MSIE "), TEXT("Internet Explorer")},
    {TEXT("Trident/"), TEXT("Internet Explorer")},
    {TEXT("Safari/"), TEXT("Safari")},
};

/* iPads and iPhones say "like Mac OS X", Android and ChromeOS say Linux or X11. */
static const struct word systems[] = {
    {TEXT("Windows"), TEXT("Windows")}, {TEXT("iPhone"), TEXT("iOS")},      {TEXT("iPad"), TEXT("iOS")},
    {TEXT("iPod"), TEXT("iOS")},        {TEXT("Android"), TEXT("Android")}, {TEXT("CrOS"), TEXT("ChromeOS")},
    {TEXT("Mac OS X"), TEXT("macOS")},  {TEXT("Macintosh"), TEXT("macOS")}, {TEXT("Linux"), TEXT("Linux")},
};

static const struct word devices[] = {
    {TEXT("bot/"), TEXT("bot")},           {TEXT("Bot/"), TEXT("bot")},
    {TEXT("bot;"), TEXT("bot")},           {TEXT("bot)"), TEXT("bot")},
    {TEXT("crawler"), TEXT("bot")},        {TEXT("Crawler"), TEXT("bot")},
    {TEXT("spider"), TEXT("bot")},         {TEXT("Spider"), TEXT("bot")},
    {TEXT("HeadlessChrome"), TEXT("bot")}, {TEXT("SmartTV"), TEXT("tv")},
    {TEXT("SMART-TV"), TEXT("tv")},        {TEXT("AppleTV"), TEXT("tv")},
    {TEXT("iPad"), TEXT("tablet")},        {TEXT("Tablet"), TEXT("tablet")},
    {TEXT("Mobile"), TEXT("mobile")},      {TEXT("iPhone"), TEXT("mobile")},
    {TEXT("iPod"), TEXT("mobile")},        {TEXT("Android"), TEXT("tablet")}, /* Android phones say Mobile. */
    {TEXT("Windows"), TEXT("desktop")},    {TEXT("Macintosh"), TEXT("desktop")},
    {TEXT("CrOS"), TEXT("desktop")},       {TEXT("X11"), TEXT("desktop")},
    {TEXT("Linux"), TEXT("desktop")},
};

/* clang-format on */

static struct text
find(const struct word *words, uint32_t count, struct text line)
{
    for (uint32_t i = 0; i < count; i++) {
        if (memmem(line.data, line.bytes, words[i].word.data, words[i].word.bytes) != NULL) {
            return words[i].name;
        }
    }
    return (struct text){.bytes = 0};
}

struct user_agent
user_agent_read(struct text line)
{
    if (line.bytes == 0) {
        return (struct user_agent){.device_type = {.bytes = 0}};
    }
    if (line.bytes > USER_AGENT_BYTES_MAX) {
        line.bytes = USER_AGENT_BYTES_MAX;
    }
    return (struct user_agent){
        .device_type = find(devices, COUNT_OF(devices), line),
        .browser = find(browsers, COUNT_OF(browsers), line),
        .os = find(systems, COUNT_OF(systems), line),
    };
}

struct user_agent
user_agent_recall(struct user_agent_cache *cache, struct text line)
{
    uint32_t i;

    if (line.bytes == 0 || line.bytes > USER_AGENT_CACHE_BYTES_MAX) {
        return user_agent_read(line);
    }
    /* Whoever makes lines collide makes each of them cost what it costs without a cache. */
    i = (uint32_t)(hash64(0, line) % USER_AGENT_CACHE_COUNT);
    if (!text_equal(line, (struct text){.data = cache->entries[i].line, .bytes = cache->entries[i].bytes})) {
        memcpy(cache->entries[i].line, line.data, line.bytes);
        cache->entries[i].bytes = line.bytes;
        cache->entries[i].user_agent = user_agent_read(line);
    }
    return cache->entries[i].user_agent;
}
