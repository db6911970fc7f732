/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * base - the words every file uses
 *
 * Borrowed text, three clocks that cannot be mixed, assertions that stay in the release build,
 * and the convention for bad news: 0 is done, > 0 is an answer named in the header, < 0 is a
 * fault (a negative errno) that is passed up and logged once, where it is dropped.
 *
 * Threads  Everything here is pure.
 */

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CACHE_LINE_BYTES 64u
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/*
 * Any thread. The cache line of this address will be needed soon, or written. Anything may be there, or nothing. gcc
 * takes a function that only fetches ahead for one without effect and leaves out the calls of it: hence the second line.
 */
static inline void
prefetch_line(const void *at)
{
    __builtin_prefetch(at);
    __asm__ volatile("" : : "r"(at));
}
static inline void
prefetch_line_to_write(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("" : : "r"(at));
}

/* Any thread. All cache lines of an object will be needed soon. */
static inline void
prefetch_lines(const void *object, uint64_t bytes)
{
    const char *at = (const char *)object;

#pragma GCC unroll 16
    for (uint64_t i = 0; i < bytes; i += CACHE_LINE_BYTES) {
        prefetch_line(at + i);
    }
    prefetch_line(at + bytes - 1); /* it may begin anywhere in its first line */
}

/* The caller broke the contract in the header. */
#define REQUIRE(condition) (LIKELY(condition) ? (void)0 : base_die("REQUIRE", #condition, __FILE__, __LINE__))
/* We broke an invariant of our own. */
#define ASSERT(condition) (LIKELY(condition) ? (void)0 : base_die("ASSERT", #condition, __FILE__, __LINE__))
/* Too dear for production: in debug builds only. */
#ifdef MILLRACE_AUDIT
#define AUDIT(condition) ASSERT(condition)
#else
#define AUDIT(condition) ((void)sizeof(!(condition)))
#endif

/* Any thread. Prints one line to standard error and aborts. */
__attribute__((noreturn, cold)) void base_die(const char *kind, const char *condition, const char *file,
                                              int line);

/* A fault is a negative errno. fault_new() notes where it began, fault_up() each frame it passes. */
#define fault_new(code) fault_note((code), __FILE__, __LINE__, true)
#define fault_up(code) fault_note((code), __FILE__, __LINE__, false)

/* Any thread. Returns `code` unchanged. */
int fault_note(int code, const char *file, int line, bool is_first);
/* Any thread. "storage/commit_log.c:120 < ...", of this thread's last fault; lends until the next fault. */
const char *fault_path(void);

/* Borrowed bytes, usually UTF-8, never NUL-terminated. data may be NULL only when bytes is 0. */
struct text {
    const char *data;
    uint32_t bytes;
};

#define TEXT(literal) ((struct text){.data = (literal), .bytes = sizeof(literal) - 1})

static inline struct text
text_of(const char *string)
{
    return (struct text){.data = string, .bytes = string != NULL ? (uint32_t)strlen(string) : 0};
}

static inline bool
text_equal(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

/* Order by bytes, a prefix before what it begins. */
static inline int
text_compare(struct text a, struct text b)
{
    uint32_t bytes = a.bytes < b.bytes ? a.bytes : b.bytes;
    int order = bytes > 0 ? memcmp(a.data, b.data, bytes) : 0;

    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

struct mono_ns {
    uint64_t ns; /* durations and deadlines; starts anywhere, never goes back */
};
struct wall_ms {
    int64_t ms; /* the server's clock, since the Unix epoch, UTC */
};
struct event_ms {
    int64_t ms; /* the customer's clock, since the Unix epoch, UTC */
};

#define MONO_NEVER ((struct mono_ns){.ns = UINT64_MAX})
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)
#define NS_PER_S UINT64_C(1000000000)
#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_DAY INT64_C(86400000)

/* A 128-bit name-based UUID, in network byte order. */
struct uuid {
    uint8_t byte[16];
};

static inline bool
uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.byte, b.byte, sizeof(a.byte)) == 0;
}

/* Floor division, so that times before 1970 fall into the right hour and day. */
static inline int64_t
floor_div(int64_t value, int64_t by)
{
    int64_t quotient = value / by;

    return value % by < 0 ? quotient - 1 : quotient;
}

static inline uint64_t
align_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}
