/* SPDX-License-Identifier: Apache-2.0 */

#include "net/user_agent.h"

#include "core/hash.h"

struct word {
    struct text word; /* as it stands in the line; case matters, since it does in real ones */
    struct text name;
};

#define ANDROID TEXT("Android")

/* clang-format off: the order is the meaning, so a line each. */

/* First hit counts: Edge says Chrome and Safari too, Chrome says Safari; apps that show pages say what they show them by. */
static const struct word browsers[] = {
    {TEXT("Edg/"), TEXT("Edge")},
    {TEXT("EdgA/"), TEXT("Edge")},
    {TEXT("EdgiOS/"), TEXT("Edge")},
    {TEXT("Edge/"), TEXT("Edge")},
    {TEXT("OPR/"), TEXT("Opera")},
    {TEXT("OPiOS/"), TEXT("Opera")},
    {TEXT("OPT/"), TEXT("Opera")},
    {TEXT("OPX/"), TEXT("Opera")},
    {TEXT("Opera"), TEXT("Opera")},
    {TEXT("SamsungBrowser/"), TEXT("Samsung Internet")},
    {TEXT("YaBrowser/"), TEXT("Yandex Browser")},
    {TEXT("Vivaldi/"), TEXT("Vivaldi")},
    {TEXT("UCBrowser/"), TEXT("UC Browser")},
    {TEXT("DuckDuckGo/"), TEXT("DuckDuckGo")},
    {TEXT("Ddg/"), TEXT("DuckDuckGo")},
    {TEXT("Whale/"), TEXT("Whale")},
    {TEXT("MiuiBrowser/"), TEXT("MIUI Browser")},
    {TEXT("HuaweiBrowser/"), TEXT("Huawei Browser")},
    {TEXT("QQBrowser/"), TEXT("QQ Browser")},
    {TEXT("Silk/"), TEXT("Silk")},
    {TEXT("Instagram "), TEXT("Instagram")},
    {TEXT("FBAN/"), TEXT("Facebook")},
    {TEXT("FBAV/"), TEXT("Facebook")},
    {TEXT("FB_IAB/"), TEXT("Facebook")},
    {TEXT("MicroMessenger/"), TEXT("WeChat")},
    {TEXT("BytedanceWebview/"), TEXT("TikTok")},
    {TEXT("musical_ly"), TEXT("TikTok")},
    {TEXT("GSA/"), TEXT("Google App")},
    {TEXT("SeaMonkey/"), TEXT("SeaMonkey")},
    {TEXT("FxiOS/"), TEXT("Firefox")},
    {TEXT("Focus/"), TEXT("Firefox")},
    {TEXT("Firefox/"), TEXT("Firefox")},
    {TEXT("CriOS/"), TEXT("Chrome")},
    {TEXT("Chrome/"), TEXT("Chrome")},
    {TEXT("Chromium/"), TEXT("Chrome")},
    {TEXT("MSIE "), TEXT("Internet Explorer")},
    {TEXT("Trident/"), TEXT("Internet Explorer")},
};

/* iPads and iPhones say "like Mac OS X"; Windows phones say Android; Android, Tizen and ChromeOS say Linux or X11. */
static const struct word systems[] = {
    {TEXT("Windows Phone"), TEXT("Windows Phone")},
    {TEXT("Windows"), TEXT("Windows")},
    {TEXT("iPhone"), TEXT("iOS")},
    {TEXT("iPad"), TEXT("iOS")},
    {TEXT("iPod"), TEXT("iOS")},
    {TEXT("AppleTV"), TEXT("tvOS")},
    {TEXT("HarmonyOS"), TEXT("HarmonyOS")},
    {TEXT("OpenHarmony"), TEXT("HarmonyOS")},
    {TEXT("KAIOS/"), TEXT("KaiOS")},
    {TEXT("Tizen"), TEXT("Tizen")},
    {TEXT("Web0S"), TEXT("webOS")},
    {TEXT("PlayStation"), TEXT("PlayStation")},
    {TEXT("Nintendo"), TEXT("Nintendo")},
    {TEXT("Android"), ANDROID},
    {TEXT("CrOS"), TEXT("ChromeOS")},
    {TEXT("Mac OS X"), TEXT("macOS")},
    {TEXT("Macintosh"), TEXT("macOS")},
    {TEXT("FreeBSD"), TEXT("FreeBSD")},
    {TEXT("OpenBSD"), TEXT("OpenBSD")},
    {TEXT("Linux"), TEXT("Linux")},
};

/* In small letters: here the writers do not agree. Who fetches pages for a machine comes as any device. */
static const struct word devices[] = {
    {TEXT("crawl"), TEXT("bot")},
    {TEXT("spider"), TEXT("bot")},
    {TEXT("slurp"), TEXT("bot")},
    {TEXT("headless"), TEXT("bot")},
    {TEXT("phantomjs"), TEXT("bot")},
    {TEXT("lighthouse"), TEXT("bot")},
    {TEXT("preview"), TEXT("bot")},
    {TEXT("externalhit"), TEXT("bot")},
    {TEXT("externalagent"), TEXT("bot")},
    {TEXT("mediapartners"), TEXT("bot")},
    {TEXT("inspectiontool"), TEXT("bot")},
    {TEXT("googleother"), TEXT("bot")},
    {TEXT("feedfetcher"), TEXT("bot")},
    {TEXT("chatgpt-user"), TEXT("bot")},
    {TEXT("perplexity-user"), TEXT("bot")},
    {TEXT("ptst/"), TEXT("bot")},
    {TEXT("smart-tv"), TEXT("tv")},
    {TEXT("smarttv"), TEXT("tv")},
    {TEXT("appletv"), TEXT("tv")},
    {TEXT("googletv"), TEXT("tv")},
    {TEXT("google tv"), TEXT("tv")},
    {TEXT("android tv"), TEXT("tv")},
    {TEXT("hbbtv"), TEXT("tv")},
    {TEXT("bravia"), TEXT("tv")},
    {TEXT("crkey/"), TEXT("tv")},
    {TEXT("roku/"), TEXT("tv")},
    {TEXT("web0s"), TEXT("tv")},
    {TEXT("; aft"), TEXT("tv")}, /* Fire TV: AFTS, AFTMM ... */
    {TEXT("playstation"), TEXT("console")},
    {TEXT("xbox"), TEXT("console")},
    {TEXT("nintendo"), TEXT("console")},
    {TEXT("tablet pc"), TEXT("desktop")}, /* Internet Explorer where Windows could have had a pen */
    {TEXT("ipad"), TEXT("tablet")},
    {TEXT("tablet"), TEXT("tablet")},
    {TEXT("kindle"), TEXT("tablet")},
    {TEXT("mobile"), TEXT("mobile")},
    {TEXT("iphone"), TEXT("mobile")},
    {TEXT("ipod"), TEXT("mobile")},
    {TEXT("opera mini"), TEXT("mobile")},
    {TEXT("opera mobi"), TEXT("mobile")},
    {TEXT("blackberry"), TEXT("mobile")},
    {TEXT("windows phone"), TEXT("mobile")},
};

/* When nothing above says more. */
static const struct word machines[] = {
    {TEXT("Windows"), TEXT("desktop")}, {TEXT("Macintosh"), TEXT("desktop")}, {TEXT("CrOS"), TEXT("desktop")},
    {TEXT("X11"), TEXT("desktop")},     {TEXT("Linux"), TEXT("desktop")},
};

/* clang-format on */

/* A line, and which pairs of letters are in it: most words are not, and their first pair says so at once. */
struct line {
    struct text text;
    uint64_t pairs[64];
};

static uint32_t
pair_of(const char *at)
{
    return ((uint32_t)at[0] & 63) << 6 | ((uint32_t)at[1] & 63);
}

static void
note_pairs(struct line *line)
{
    memset(line->pairs, 0, sizeof(line->pairs));
    for (uint32_t i = 0; i + 1 < line->text.bytes; i++) {
        uint32_t pair = pair_of(line->text.data + i);

        line->pairs[pair / 64] |= UINT64_C(1) << pair % 64;
    }
}

static bool
has(const struct line *line, struct text word)
{
    uint32_t pair = pair_of(word.data);

    return (line->pairs[pair / 64] >> pair % 64 & 1) != 0 &&
           memmem(line->text.data, line->text.bytes, word.data, word.bytes) != NULL;
}

static struct text
find(const struct word *words, uint32_t count, const struct line *line)
{
    for (uint32_t i = 0; i < count; i++) {
        if (has(line, words[i].word)) {
            return words[i].name;
        }
    }
    return (struct text){.bytes = 0};
}

/* "bot" at the end of a word, but for the phones of that name. `small`: in small letters. */
static bool
is_bot(struct text small)
{
    const char *end = small.data + small.bytes;
    const char *at = small.data;

    while ((at = memmem(at, (size_t)(end - at), "bot", 3)) != NULL) {
        bool is_phone = at - small.data >= 2 && memcmp(at - 2, "cu", 2) == 0;

        at += 3;
        if (!is_phone && (at == end || *at < 'a' || *at > 'z')) {
            return true;
        }
    }
    return false;
}

static struct text
device_of(const struct line *line, struct text os)
{
    char letters[USER_AGENT_BYTES_MAX];
    struct line small = {.text = {.data = letters, .bytes = line->text.bytes}};
    struct text device;

    for (uint32_t i = 0; i < line->text.bytes; i++) {
        char letter = line->text.data[i];

        letters[i] = letter >= 'A' && letter <= 'Z' ? (char)(letter | 0x20) : letter;
    }
    if (is_bot(small.text)) {
        return TEXT("bot");
    }
    note_pairs(&small);
    device = find(devices, COUNT_OF(devices), &small);
    if (device.bytes > 0) {
        return device;
    }
    if (text_equal(os, ANDROID)) {
        /* Browsers of phones say Mobile; apps say nothing. */
        return has(line, TEXT("Mozilla/")) ? TEXT("tablet") : (struct text){.bytes = 0};
    }
    return find(machines, COUNT_OF(machines), line);
}

static struct text
browser_of(const struct line *line, struct text os)
{
    struct text browser = find(browsers, COUNT_OF(browsers), line);

    if (browser.bytes > 0 || !has(line, TEXT("Safari/"))) {
        return browser;
    }
    /* Everybody says Safari; who says nothing else, and is elsewhere, is none. */
    if (text_equal(os, ANDROID)) {
        return TEXT("Android Browser");
    }
    return text_equal(os, TEXT("iOS")) || text_equal(os, TEXT("macOS")) || text_equal(os, TEXT("Windows"))
               ? TEXT("Safari")
               : browser;
}

struct user_agent
user_agent_read(struct text text)
{
    struct line line = {.text = text};
    struct text os;

    if (text.bytes == 0) {
        return (struct user_agent){.device_type = {.bytes = 0}};
    }
    if (text.bytes > USER_AGENT_BYTES_MAX) {
        line.text.bytes = USER_AGENT_BYTES_MAX;
    }
    note_pairs(&line);
    os = find(systems, COUNT_OF(systems), &line);
    return (struct user_agent){
        .device_type = device_of(&line, os),
        .browser = browser_of(&line, os),
        .os = os,
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
