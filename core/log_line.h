/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * log_line - one thing that happened, on one line of standard error
 *
 *     log_info("started", LOG_TEXT("io", "uring"), LOG_INT("shards", 2));
 *
 * On a terminal a line is text, otherwise a JSON object with ts, level, msg and the fields. The
 * message is a constant; what varies are fields, so that a machine can count lines by message. No
 * payloads and no secrets go here.
 *
 * Threads  Any. A line is one write(2), so that lines never mix.
 * Memory   None is asked for: a line is made on the stack.
 * Limits   LOG_LINE_BYTES_MAX a line; a longer text is cut and ends in "...", a field for which no
 *          room is left is dropped and the line says "cut":true.
 * Errors   None: a line that cannot be written is lost.
 */

#include "core/base.h"

#include <stdatomic.h>

#define LOG_LINE_BYTES_MAX 4096u
#define LOG_TEXT_BYTES_MAX 1024u

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
};

/* In the order of the setting's choices: auto, text, json. */
enum log_format {
    LOG_FORMAT_AUTO,
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
};

enum log_kind {
    LOG_KIND_END,
    LOG_KIND_TEXT,
    LOG_KIND_INT,
    LOG_KIND_UINT,
    LOG_KIND_BOOL,
    LOG_KIND_FAULT,
};

struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        struct text text;
        int64_t integer;
        uint64_t natural;
        bool is_true;
    };
};

/* A call site that may speak once a second, and says then how often it was silent. */
struct log_site {
    _Atomic uint64_t next_ns;
    _Atomic uint64_t silent_count;
};

/* Fields. A text is a struct text, or a string that may be NULL. */
#define LOG_TEXT(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_KIND_TEXT, .text = LOG_TEXT_OF(value)})
#define LOG_INT(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_KIND_INT, .integer = (int64_t)(value)})
#define LOG_UINT(name, value) \
    ((struct log_field){.key = (name), .kind = LOG_KIND_UINT, .natural = (uint64_t)(value)})
#define LOG_BOOL(name, value) ((struct log_field){.key = (name), .kind = LOG_KIND_BOOL, .is_true = (value)})
/* Two fields: fault (the errno's name) and at (where it passed, see fault_path()). */
#define LOG_FAULT(code) ((struct log_field){.key = "fault", .kind = LOG_KIND_FAULT, .integer = (code)})

#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
/* For what a client can cause: at most one line a second from this place. */
#define log_warn_seldom(message, ...) \
    do { \
        static struct log_site log_site_here; \
        uint64_t log_silent_count; \
        if (log_site_may(&log_site_here, &log_silent_count)) { \
            log_warn(message, __VA_ARGS__ __VA_OPT__(, ) LOG_UINT("silent", log_silent_count)); \
        } \
    } while (0)

#define LOG_AT(level, message, ...) \
    log_line((level), (message), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_KIND_END}})
#define LOG_TEXT_OF(value) \
    _Generic((value), struct text : log_text_of_text, char * : text_of, const char * : text_of)(value)

/* Boot. Where lines go and how; before this, standard error, auto, and info and above. */
void log_open(int fd, enum log_format format, enum log_level level_min);
/* Any thread. Lines of this thread carry "shard":n from now on; a negative n ends that. */
void log_shard(int shard);
/* Any thread. True when a line of this level would be written. */
bool log_is_on(enum log_level level);

/* What the macros are made of. */
void log_line(enum log_level level, const char *message, const struct log_field *fields);
MUST_USE bool log_site_may(struct log_site *site, uint64_t *out_silent_count);
struct text log_text_of_text(struct text text);
