/* SPDX-License-Identifier: Apache-2.0 */

#include "net/user_agent.h"

#include "tests/check.h"

/* Lines as they come, of browsers, apps, machines and libraries. */
static const struct {
    const char *line;
    const char *device_type;
    const char *browser;
    const char *os;
} rows[] = {
    {"", "", "", ""},
    {"curl/8.5.0", "", "", ""},
    {"Wget/1.21.4", "", "", ""},
    {"python-requests/2.31.0", "", "", ""},
    {"Go-http-client/1.1", "", "", ""},
    {"okhttp/4.12.0", "", "", ""},
    {"PostmanRuntime/7.36.0", "", "", ""},
    {"Apache-HttpClient/4.5.14 (Java/17.0.9)", "", "", ""},
    {"analytics-node-next/latest", "", "", ""},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 "
     "Safari/537.36",
     "desktop", "Chrome", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 "
     "Safari/537.36 Edg/125.0.0.0",
     "desktop", "Edge", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 "
     "Safari/537.36 Edge/18.17763",
     "desktop", "Edge", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
     "Safari/537.36 OPR/110.0.0.0",
     "desktop", "Opera", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 "
     "YaBrowser/24.4.0.0 Safari/537.36",
     "desktop", "Yandex Browser", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
     "Safari/537.36 Vivaldi/6.7.3329.31",
     "desktop", "Vivaldi", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
     "Whale/3.26.244.21 Safari/537.36",
     "desktop", "Whale", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0", "desktop", "Firefox",
     "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:91.0) Gecko/20100101 Firefox/91.0 SeaMonkey/2.53.18",
     "desktop", "SeaMonkey", "Windows"},
    {"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "Internet Explorer",
     "Windows"},
    {"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; WOW64; Trident/4.0; SLCC2; .NET CLR 2.0.50727; "
     "Media Center PC 6.0; Tablet PC 2.0)",
     "desktop", "Internet Explorer", "Windows"},
    {"Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop", "Opera", "Windows"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
     "Safari/605.1.15",
     "desktop", "Safari", "macOS"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/125.0.0.0 Safari/537.36",
     "desktop", "Chrome", "macOS"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:126.0) Gecko/20100101 Firefox/126.0", "desktop",
     "Firefox", "macOS"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.38.125 "
     "Chrome/124.0.6367.119 Electron/30.0.2 Safari/537.36",
     "desktop", "Chrome", "macOS"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
     "Safari/605.1.15 Ddg/17.5",
     "desktop", "DuckDuckGo", "macOS"},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
     "desktop", "Chrome", "Linux"},
    {"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0", "desktop", "Firefox",
     "Linux"},
    {"Mozilla/5.0 (X11; FreeBSD amd64; rv:122.0) Gecko/20100101 Firefox/122.0", "desktop", "Firefox",
     "FreeBSD"},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15",
     "desktop", "", "Linux"},
    {"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 "
     "Safari/537.36",
     "desktop", "Chrome", "ChromeOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/17.5 Mobile/15E148 Safari/604.1",
     "mobile", "Safari", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "CriOS/125.0.6422.80 Mobile/15E148 Safari/604.1",
     "mobile", "Chrome", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "FxiOS/126.0 Mobile/15E148 Safari/605.1.15",
     "mobile", "Firefox", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/17.0 EdgiOS/125.0.2535.60 Mobile/15E148 Safari/604.1",
     "mobile", "Edge", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "GSA/317.0.634488990 Mobile/15E148 Safari/604.1",
     "mobile", "Google App", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Mobile/15E148 [FBAN/FBIOS;FBAV/463.0.0.29.109;FBBV/592310041;FBDV/iPhone14,5;FBMD/iPhone]",
     "mobile", "Facebook", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Mobile/21F90 Instagram 333.0.3.29.96 (iPhone14,5; iOS 17_5_1; en_US; en; scale=3.00)",
     "mobile", "Instagram", "iOS"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Mobile/15E148",
     "mobile", "", "iOS"},
    {"Shop/5.2 (iPhone; iOS 17.5.1; Scale/3.00)", "mobile", "", "iOS"},
    {"Shop/52 CFNetwork/1496.0.7 Darwin/23.5.0", "", "", ""},
    {"Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 "
     "Mobile/15E148 Safari/604.1",
     "tablet", "Safari", "iOS"},
    {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile "
     "Safari/537.36",
     "mobile", "Chrome", "Android"},
    {"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 "
     "Safari/537.36",
     "tablet", "Chrome", "Android"},
    {"Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) "
     "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
     "mobile", "Samsung Internet", "Android"},
    {"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 "
     "Chrome/115.0.0.0 Safari/537.36",
     "tablet", "Samsung Internet", "Android"},
    {"Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0", "mobile", "Firefox", "Android"},
    {"Mozilla/5.0 (Android 13; Tablet; rv:126.0) Gecko/126.0 Firefox/126.0", "tablet", "Firefox", "Android"},
    {"Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
     "Mobile Safari/537.36",
     "mobile", "Chrome", "Android"},
    {"Mozilla/5.0 (Linux; U; Android 13; en-us; 22101316G Build/TP1A.220624.014) AppleWebKit/537.36 (KHTML, "
     "like Gecko) Version/4.0 Chrome/112.0.5615.136 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.9.1-gn",
     "mobile", "MIUI Browser", "Android"},
    {"Mozilla/5.0 (Linux; U; Android 12; en-US; RMX3363) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
     "Chrome/100.0.4896.58 UCBrowser/13.4.0.1306 Mobile Safari/537.36",
     "mobile", "UC Browser", "Android"},
    {"Mozilla/5.0 (Linux; Android 10; LIO-AN00 Build/HUAWEILIO-AN00; wv) AppleWebKit/537.36 (KHTML, like "
     "Gecko) Version/4.0 Chrome/86.0.4240.99 Mobile Safari/537.36 MMWEBID/1 MicroMessenger/8.0.2 "
     "NetType/WIFI",
     "mobile", "WeChat", "Android"},
    {"Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Version/4.0 Chrome/125.0.6422.53 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/463.0.0.55.91;]",
     "mobile", "Facebook", "Android"},
    {"Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN01; HMSCore 6.13.0.321) AppleWebKit/537.36 (KHTML, "
     "like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/14.0.5.303 Mobile Safari/537.36",
     "mobile", "Huawei Browser", "HarmonyOS"},
    {"Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like "
     "Gecko) Version/4.0 Mobile Safari/534.30",
     "mobile", "Android Browser", "Android"},
    {"Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.4.1 like "
     "Chrome/120.0.6099.268 Safari/537.36",
     "tablet", "Silk", "Android"},
    {"Dalvik/2.1.0 (Linux; U; Android 13; SM-S901B Build/TP1A.220624.014)", "", "", "Android"},
    {"Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10", "mobile",
     "Opera", ""},
    {"Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "mobile", "Firefox",
     "KaiOS"},
    {"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like "
     "Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
     "mobile", "Edge", "Windows Phone"},
    {"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/6.0 TV "
     "Safari/537.36",
     "tv", "", "Tizen"},
    {"Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 "
     "Safari/537.36 WebAppManager",
     "tv", "Chrome", "webOS"},
    {"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7633; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Version/4.0 Chrome/120.0.6099.230 Mobile Safari/537.36",
     "tv", "Chrome", "Android"},
    {"Mozilla/5.0 (Linux; Android 10; BRAVIA 4K UR2 Build/PTT1.190515.001.S104) AppleWebKit/537.36 (KHTML, "
     "like Gecko) Chrome/120.0.0.0 Safari/537.36",
     "tv", "Chrome", "Android"},
    {"AppleTV11,1/11.1", "tv", "", "tvOS"},
    {"Mozilla/5.0 (PlayStation; PlayStation 5/7.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 "
     "Safari/605.1.15",
     "console", "", "PlayStation"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/110.0.0.0 Safari/537.36 Edg/110.0.1587.41",
     "console", "Edge", "Windows"},
    {"Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/609.4 (KHTML, like Gecko) NF/6.0.2.21.3 "
     "NintendoBrowser/5.1.0.22474",
     "console", "", "Nintendo"},
    {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "", ""},
    {"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/125.0.6422.60 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
     "bot", "Chrome", "Android"},
    {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; "
     "+http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
     "bot", "Chrome", ""},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
     "bot", "Safari", "macOS"},
    {"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "bot", "", ""},
    {"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "bot", "", ""},
    {"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)", "bot", "", ""},
    {"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "bot", "", ""},
    {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
     "bot", "", ""},
    {"Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 "
     "(compatible; Bytespider; spider-feedback@bytedance.com)",
     "bot", "Android Browser", "Android"},
    {"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot", "", ""},
    {"Twitterbot/1.0", "bot", "", ""},
    {"LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "bot", "", ""},
    {"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "bot", "", ""},
    {"TelegramBot (like TwitterBot)", "bot", "", ""},
    {"Mediapartners-Google", "bot", "", ""},
    {"Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "bot", "", ""},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/125.0.6422.60 "
     "Safari/537.36",
     "bot", "Chrome", "Linux"},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/109.0.0.0 Safari/537.36 Chrome-Lighthouse",
     "bot", "Chrome", "macOS"},
};

TEST(a_line_is_read_for_device_browser_and_system)
{
    for (uint32_t i = 0; i < COUNT_OF(rows); i++) {
        struct user_agent user_agent = user_agent_read(text_of(rows[i].line));

        if (!text_equal(user_agent.device_type, text_of(rows[i].device_type)) ||
            !text_equal(user_agent.browser, text_of(rows[i].browser)) ||
            !text_equal(user_agent.os, text_of(rows[i].os))) {
            check_failed(__FILE__, __LINE__, "%s\nis %.*s, %.*s, %.*s", rows[i].line,
                         (int)user_agent.device_type.bytes, user_agent.device_type.data,
                         (int)user_agent.browser.bytes, user_agent.browser.data, (int)user_agent.os.bytes,
                         user_agent.os.data);
        }
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
