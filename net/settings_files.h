/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * settings_files - the files that settings name: secrets, and the GeoIP database
 *
 * Threads  Boot.
 * Memory   Borrows the settings until settings_files_close().
 */

#include "net/geoip.h"
#include "net/keys.h"

#define SETTINGS_FILES_PROBLEM_BYTES (KEYS_PROBLEM_BYTES + CONF_TEXT_BYTES_MAX)

struct settings_files {
    struct keys *keys;   /* NULL: the node is open */
    struct geoip *geoip; /* NULL: no database */
};

/* Boot. `secret` as in keys.h. False: a problem, which begins with where the setting is from. */
MUST_USE bool settings_files_open(const struct settings *settings, struct hash_key secret,
                                  struct settings_files *files, char problem[SETTINGS_FILES_PROBLEM_BYTES]);
/* Boot. May be called twice. */
void settings_files_close(struct settings_files *files);
