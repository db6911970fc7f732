/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * settings - what the person who runs the node may choose
 *
 * The rows are in net/settings.def, one line a setting; a field of struct settings is made of each. The order is
 * defaults, file, environment (MILLRACE_STORAGE_DATA_DIR is storage.data_dir), flags:
 *
 *     settings_open(&settings);
 *     r = settings_load(&settings, file_or_null, environ);
 *     r = conf_set(&settings.conf, "listen", "127.0.0.1:9000", "--listen");
 *     r = settings_check(&settings);
 *
 * Threads  Boot writes; then any shard reads.
 * Memory   Texts lend until settings_close().
 * Errors   CONF_REFUSED with settings.conf.problem; settings_load() also a fault of the file.
 */

#include "core/conf.h"

enum settings_io {
    SETTINGS_IO_AUTO,
    SETTINGS_IO_URING,
    SETTINGS_IO_EPOLL,
};

/* Items of keys.write and keys.read. */
struct settings_write_key {
    const char *where;
    const char *key_file;
    const char *tenant;
    int64_t expires_ms;
};

struct settings_read_token {
    const char *where;
    const char *token_file;
    struct conf_texts tenants;
    struct conf_texts rights;
    int64_t expires_ms;
};

#define SETTING_FIELD_TEXT(field) const char *field;
#define SETTING_FIELD_FLAG(field) bool field;
#define SETTING_FIELD_COUNT(field) uint64_t field;
#define SETTING_FIELD_BYTES(field) uint64_t field;
#define SETTING_FIELD_DURATION(field) int64_t field;
#define SETTING_FIELD_CHOICE(field) uint32_t field;
#define SETTING_FIELD_TEXTS(field) struct conf_texts field;

struct settings {
    struct conf conf;
#define SETTING(field, key, type, initial, unit, min, max, help) SETTING_FIELD_##type(field)
#define SETTING_LIST(field, key, list, help) struct conf_items field;
#include "net/settings.def"
#undef SETTING
#undef SETTING_LIST
};

extern const struct conf_table settings_table;

/* Boot. All defaults. */
void settings_open(struct settings *settings);
/* Boot. May be called twice. */
void settings_close(struct settings *settings);

/* Boot. The file, unless it is NULL, and then the environment. */
MUST_USE int settings_load(struct settings *settings, const char *file, char *const environment[]);
/* Boot. Any key or token: then who has none is refused. */
bool settings_have_keys(const struct settings *settings);
/* Boot. What one row cannot say: values that must fit each other, and that an open node listens on loopback only
   unless it is told to be insecure. Files that settings name are not looked at. */
MUST_USE int settings_check(struct settings *settings);

/* Boot. 0 becomes what the machine (or its control group) has: cores, and 60 % of the memory. */
uint32_t settings_shard_count(const struct settings *settings);
uint64_t settings_memory_bytes(const struct settings *settings);

/* Any thread. `out_host` borrows from `listen`, brackets of [::1] taken off. False when it is no host:port. */
MUST_USE bool settings_listen_parts(const char *listen, struct text *out_host, uint16_t *out_port);
