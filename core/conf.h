/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * conf - values that a person sets
 *
 * A table of rows (key, type, default, help) belongs to those who use the values; here is the
 * reading. The order is defaults, file, environment, flags; who calls later wins. The file is YAML:
 * `a: {b: 1}` sets the key a.b. Every key is an environment variable too: a.b is MILLRACE_A_B with
 * the prefix MILLRACE_; an empty variable is none. An unknown one may be somebody else's (Kubernetes makes
 * MILLRACE_PORT for a service of that name), so it is no refusal: conf_next_unknown() names it for a warning.
 *
 * A value may be a list of items that have keys of their own (CONF_ITEMS); in the environment and in a flag it is
 * written as in the file: `[{a: 1}, {a: 2}]`.
 *
 * A refusal is a sentence in `problem` that begins with where: `millrace.yaml:7: unknown key a.c; did
 * you mean a.b?`. What is refused: unknown and duplicate keys, a wrong type, a value out of its
 * range, aliases, a second document, and what is not YAML.
 *
 * Threads  Boot.
 * Memory   Texts are copied and lend until conf_close().
 * Limits   CONF_FILE_BYTES_MAX, CONF_TEXT_BYTES_MAX a text, CONF_ITEM_COUNT_MAX in a list.
 * Errors   CONF_REFUSED with a problem; conf_read_file() also a fault when the file cannot be read.
 *          After a refusal some values may have been set: do not start with them.
 */

#include "core/arena.h"
#include "core/base.h"

#include <stdio.h>

#define CONF_ROW_COUNT_MAX 128u
#define CONF_LIST_ROW_COUNT_MAX 16u
#define CONF_FILE_BYTES_MAX (1u << 20)
#define CONF_TEXT_BYTES_MAX 4096u
#define CONF_ITEM_COUNT_MAX 4096u
#define CONF_KEY_BYTES_MAX 64u

enum conf_answer {
    CONF_REFUSED = 1,
};

/* What a value is, and what it is in the struct of values. */
enum conf_type {
    CONF_TEXT,     /* const char *, not empty unless its default is */
    CONF_FLAG,     /* bool: true, false, yes, no, on, off, 1, 0 */
    CONF_COUNT,    /* uint64_t */
    CONF_BYTES,    /* uint64_t: 4096, 256KiB, 32MiB, 1GiB */
    CONF_DURATION, /* int64_t of milliseconds: 500ms, 60s, 30m, 24h, 7d, or a plain number of ms */
    CONF_CHOICE,   /* uint32_t: the place in the row's choices */
    CONF_TEXTS,    /* struct conf_texts: a YAML list; commas elsewhere */
    CONF_TIME,     /* int64_t of Unix milliseconds: 2027-01-31, RFC 3339, or never: CONF_NEVER */
    CONF_ITEMS,    /* struct conf_items: a YAML list of groups of keys */
};

#define CONF_NEVER INT64_MAX

enum conf_origin {
    CONF_DEFAULT,
    CONF_FROM_FILE,
    CONF_FROM_ENVIRONMENT,
    CONF_FROM_FLAG,
};

struct conf_texts {
    struct text *item;
    uint32_t count;
};

/* Each item begins with `const char *where`, which says where it stands: "millrace.yaml:7". */
struct conf_items {
    void *item;
    uint32_t count;
};

struct conf_row {
    const char *key; /* small letters, digits, _ and . */
    enum conf_type type;
    uint64_t offset;     /* of the value in the struct of values */
    const char *initial; /* the default, as a person would write it; NULL: an item must have this key */
    const char *unit;    /* for people; for a CONF_CHOICE the choices: "auto|uring|epoll" */
    uint64_t min;        /* of a count, bytes, or a duration in ms */
    uint64_t max;        /* 0: no limit */
    const char *help;
    const struct conf_list *list; /* of CONF_ITEMS */
};

/* The keys of one item; offsets are those in its struct. Lists of lists there are none. */
struct conf_list {
    const struct conf_row *row;
    uint32_t row_count;
    uint64_t item_bytes;
};

/* Rows of one group (what is before the dot) stand together. */
struct conf_table {
    const struct conf_row *row;
    uint32_t row_count;
    const char *environment_prefix; /* "MILLRACE_" */
    const char *const
        *others; /* variables with that prefix that are known and no keys; NULL at the end; NULL: none */
};

struct conf {
    const struct conf_table *table;
    void *values;
    struct arena_pool pool;
    struct arena arena;
    enum conf_origin origin[CONF_ROW_COUNT_MAX];
    const char
        *where[CONF_ROW_COUNT_MAX];    /* "millrace.yaml:7", the variable, the flag; of a default "default" */
    uint32_t line[CONF_ROW_COUNT_MAX]; /* in the file being read; 0: not there */
    char problem[1024];
};

/* Boot. Sets every default. Borrows values until conf_close(); a default that is refused dies. */
void conf_open(struct conf *conf, const struct conf_table *table, void *values);
/* Boot. The texts among the values are gone. May be called twice. */
void conf_close(struct conf *conf);

/* Boot. CONF_REFUSED, or why the file cannot be read: -ENOENT, ... */
MUST_USE int conf_read_file(struct conf *conf, const char *path);
/* Boot. `name` is what the problem calls the file. */
MUST_USE int conf_read(struct conf *conf, const char *name, struct text yaml);
/* Boot. `environment` as environ(7). */
MUST_USE int conf_read_environment(struct conf *conf, char *const environment[]);
/* Boot. One key, as a flag does; the problem begins with `name`, say "--data". */
MUST_USE int conf_set(struct conf *conf, const char *key, const char *value, const char *name);

/* Boot. Where the value of a key is from. The key exists. */
enum conf_origin conf_origin_of(const struct conf *conf, const char *key);
/* Boot. The same, as a problem would begin: "millrace.yaml:7". Lends until conf_close(). */
const char *conf_where(const struct conf *conf, const char *key);
/* Boot. From *at on the next variable that has the prefix, is no key and not known, said with what may have been meant, cut to
   said_bytes. False: there is none. Begins with *at 0. */
bool conf_next_unknown(const struct conf *conf, char *const environment[], uint32_t *at, char *said,
                       size_t said_bytes);
/* Boot. All values as YAML that conf_read() takes, with help and origin in comments. */
void conf_print(const struct conf *conf, FILE *out);
