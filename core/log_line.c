/* SPDX-License-Identifier: Apache-2.0 */

#include "core/log_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <unistd.h>

#define TAIL_BYTES 16u /* room that fields leave for `,"cut":true}` and a newline */

/* A line being made. It never holds more than bytes_max, and says when that was too little. */
struct line {
    char data[LOG_LINE_BYTES_MAX];
    uint32_t bytes;
    uint32_t bytes_max;
    bool is_json;
    bool is_cut;
};

/* Written at boot, before other threads begin. */
static int log_fd = STDERR_FILENO;
static enum log_format log_format = LOG_FORMAT_AUTO;
static enum log_level log_level_min = LOG_LEVEL_INFO;
static _Thread_local int thread_shard = -1;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void
log_open(int fd, enum log_format format, enum log_level level_min)
{
    if (format == LOG_FORMAT_AUTO) {
        format = isatty(fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    }
    log_fd = fd;
    log_format = format;
    log_level_min = level_min;
}

void
log_shard(int shard)
{
    thread_shard = shard;
}

bool
log_is_on(enum log_level level)
{
    return level >= log_level_min;
}

struct text
log_text_of_text(struct text text)
{
    return text;
}

static void
put(struct line *line, const char *data, uint32_t bytes)
{
    if (bytes > line->bytes_max - line->bytes) {
        line->is_cut = true;
        return;
    }
    memcpy(line->data + line->bytes, data, bytes);
    line->bytes += bytes;
}

static void
put_string(struct line *line, const char *string)
{
    put(line, string, (uint32_t)strlen(string));
}

static PRINTF_LIKE(2, 3) void put_format(struct line *line, const char *format, ...)
{
    char made[128];
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(made, sizeof(made), format, arguments);
    va_end(arguments);
    if (bytes > 0 && bytes < (int)sizeof(made)) {
        put(line, made, (uint32_t)bytes);
    }
}

/* The bytes of the UTF-8 character at the start of `text`, 0 when there is none. */
static uint32_t
utf8_bytes(struct text text)
{
    const uint8_t *byte = (const uint8_t *)text.data;
    uint32_t bytes;
    uint32_t point;

    if (byte[0] < 0x80) {
        return 1;
    }
    if (byte[0] < 0xc2 || byte[0] > 0xf4) {
        return 0;
    }
    bytes = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (bytes > text.bytes) {
        return 0;
    }
    point = byte[0] & (0x7fu >> bytes);
    for (uint32_t i = 1; i < bytes; i++) {
        if ((byte[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (byte[i] & 0x3f);
    }
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) || (bytes == 3 && point < 0x800) ||
        (bytes == 4 && point < 0x10000)) {
        return 0;
    }
    return bytes;
}

/* Control characters never reach a terminal, and what is no UTF-8 never reaches a JSON parser. */
static void
put_escaped(struct line *line, struct text text)
{
    bool is_shortened = text.bytes > LOG_TEXT_BYTES_MAX;
    uint32_t bytes;

    if (is_shortened) {
        text.bytes = LOG_TEXT_BYTES_MAX;
    }
    for (; text.bytes > 0; text.data += bytes, text.bytes -= bytes) {
        unsigned char byte = (unsigned char)text.data[0];

        bytes = utf8_bytes(text);
        if (bytes == 0) {
            put_string(line, "\\ufffd");
            bytes = 1;
        } else if (byte == '"' || byte == '\\') {
            put(line, (const char[]){'\\', (char)byte}, 2);
        } else if (byte == '\n') {
            put_string(line, "\\n");
        } else if (byte < 0x20 || byte == 0x7f) {
            put_format(line, "\\u%04x", byte);
        } else if (byte == 0xc2 && (unsigned char)text.data[1] < 0xa0) {
            put_format(line, "\\u%04x", (unsigned char)text.data[1]);
        } else {
            put(line, text.data, bytes);
        }
    }
    if (is_shortened) {
        put_string(line, "...");
    }
}

static bool
is_bare_word(struct text text)
{
    for (uint32_t i = 0; i < text.bytes; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '"' || byte == '\\' || byte == '=') {
            return false;
        }
    }
    return text.bytes > 0;
}

static void
put_text(struct line *line, struct text text)
{
    bool is_bare = !line->is_json && is_bare_word(text);

    if (!is_bare) {
        put(line, "\"", 1);
    }
    put_escaped(line, text);
    if (!is_bare) {
        put(line, "\"", 1);
    }
}

static void
put_key(struct line *line, const char *key)
{
    if (line->is_json) {
        put_string(line, ",\"");
        put_escaped(line, text_of(key));
        put_string(line, "\":");
    } else {
        put(line, " ", 1);
        put_string(line, key);
        put(line, "=", 1);
    }
}

static void
put_fault(struct line *line, int64_t code)
{
    const char *name = code < 0 && code > -4096 ? strerrorname_np((int)-code) : NULL;

    put_key(line, "fault");
    if (name != NULL) {
        put_text(line, text_of(name));
    } else {
        put_format(line, "%lld", (long long)code);
    }
    if (code < 0) {
        put_key(line, "at");
        put_text(line, text_of(fault_path()));
    }
}

static void
put_field(struct line *line, const struct log_field *field)
{
    if (field->kind == LOG_KIND_FAULT) {
        put_fault(line, field->integer);
        return;
    }
    put_key(line, field->key);
    switch (field->kind) {
    case LOG_KIND_TEXT:
        put_text(line, field->text);
        break;
    case LOG_KIND_INT:
        put_format(line, "%lld", (long long)field->integer);
        break;
    case LOG_KIND_UINT:
        put_format(line, "%llu", (unsigned long long)field->natural);
        break;
    case LOG_KIND_BOOL:
        put_string(line, field->is_true ? "true" : "false");
        break;
    case LOG_KIND_END:
    case LOG_KIND_FAULT:
        break;
    }
}

/* Whole or not at all: the line stays well-formed. */
static void
put_field_whole(struct line *line, const struct log_field *field, bool *out_is_dropped)
{
    uint32_t bytes_before = line->bytes;

    line->is_cut = false;
    put_field(line, field);
    if (line->is_cut) {
        line->bytes = bytes_before;
        *out_is_dropped = true;
    }
}

static void
put_head(struct line *line, enum log_level level, const char *message)
{
    struct timespec now = {0};
    struct tm utc = {0};
    int milliseconds;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    milliseconds = (int)(now.tv_nsec / 1000000);

    if (line->is_json) {
        put_format(line, "{\"ts\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"level\":\"%s\",\"msg\":\"",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   milliseconds, level_names[level]);
        line->bytes_max--; /* so that the quote fits after any message */
        put_escaped(line, text_of(message));
        line->bytes_max++;
        put(line, "\"", 1);
    } else {
        put_format(line, "%02d:%02d:%02d.%03d %-5s ", utc.tm_hour, utc.tm_min, utc.tm_sec, milliseconds,
                   level_names[level]);
        put_escaped(line, text_of(message));
    }
}

void
log_line(enum log_level level, const char *message, const struct log_field *fields)
{
    struct line line;
    bool is_dropped = false;
    int saved_errno = errno;
    enum log_format format = log_format;

    if (!log_is_on(level)) {
        return;
    }
    if (format == LOG_FORMAT_AUTO) {
        format = isatty(log_fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    }
    line.bytes = 0;
    line.bytes_max = LOG_LINE_BYTES_MAX - TAIL_BYTES;
    line.is_json = format == LOG_FORMAT_JSON;

    put_head(&line, level, message);
    if (thread_shard >= 0) {
        put_field_whole(&line, &LOG_INT("shard", thread_shard), &is_dropped);
    }
    for (; fields->kind != LOG_KIND_END; fields++) {
        put_field_whole(&line, fields, &is_dropped);
    }
    line.bytes_max = LOG_LINE_BYTES_MAX;
    if (is_dropped) {
        put_field(&line, &LOG_BOOL("cut", true));
    }
    put_string(&line, line.is_json ? "}\n" : "\n");

    while (write(log_fd, line.data, line.bytes) < 0 && errno == EINTR) {
    }
    errno = saved_errno;
}

bool
log_site_may(struct log_site *site, uint64_t *out_silent_count)
{
    struct timespec now = {0};
    uint64_t now_ns;
    uint64_t next_ns = atomic_load_explicit(&site->next_ns, memory_order_relaxed);

    clock_gettime(CLOCK_MONOTONIC, &now);
    now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    /* Relaxed: two threads may at worst differ about who speaks; the exchange lets one of them. */
    if (now_ns < next_ns ||
        !atomic_compare_exchange_strong_explicit(&site->next_ns, &next_ns, now_ns + NS_PER_S,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&site->silent_count, 1, memory_order_relaxed);
        return false;
    }
    *out_silent_count = atomic_exchange_explicit(&site->silent_count, 0, memory_order_relaxed);
    return true;
}
