/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * user_agent - device, browser and system from a User-Agent line
 *
 * Tables of words, in the order in which they must be tried, because every browser claims to be the ones before it. They
 * know what people group by, not versions: browsers, and the apps in which most pages are shown; systems; and as device
 * desktop, mobile, tablet, tv, console or bot. A bot has the browser and system that it claims. What is not known is
 * absent, never a guess: an HTTP library, an iPad that says it is a Macintosh (that is a desktop then), Brave (which says it
 * is Chrome).
 *
 * Reading a line costs about a microsecond, and the lines of a site are few, so a shard remembers some.
 *
 * Threads  user_agent_read() is pure; a cache belongs to its home shard.
 * Limits   The first USER_AGENT_BYTES_MAX bytes are looked at.
 */

#include "core/base.h"

#define USER_AGENT_BYTES_MAX 512u

struct user_agent {
    struct text device_type; /* literals, or bytes 0 */
    struct text browser;
    struct text os;
};

/* Any thread. */
struct user_agent user_agent_read(struct text text);

#define USER_AGENT_CACHE_COUNT 64u
#define USER_AGENT_CACHE_BYTES_MAX 256u /* longer lines are read each time */

/* All zero is empty. */
struct user_agent_cache {
    struct {
        uint32_t bytes;
        char line[USER_AGENT_CACHE_BYTES_MAX];
        struct user_agent user_agent;
    } entries[USER_AGENT_CACHE_COUNT];
};

/* Home. The same answer, mostly at once. */
struct user_agent user_agent_recall(struct user_agent_cache *cache, struct text line);
