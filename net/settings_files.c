/* SPDX-License-Identifier: Apache-2.0 */
#include "net/settings_files.h"

#include <stdio.h>

static bool
open_keys(const struct settings *settings, struct hash_key secret, struct settings_files *files,
          char problem[SETTINGS_FILES_PROBLEM_BYTES])
{
    int r;

    if (!settings_have_keys(settings)) {
        return true;
    }
    r = keys_open(settings, secret, &files->keys, problem);
    if (r < 0) {
        snprintf(problem, SETTINGS_FILES_PROBLEM_BYTES, "keys: %s", strerror(-r));
    }
    return r == 0;
}

static bool
open_geoip(const struct settings *settings, struct settings_files *files,
           char problem[SETTINGS_FILES_PROBLEM_BYTES])
{
    const char *path = settings->geoip_database;
    const char *why = "";

    if (path[0] == '\0' || geoip_open(path, &files->geoip, &why) == 0) {
        return true;
    }
    snprintf(problem, SETTINGS_FILES_PROBLEM_BYTES, "%s: geoip.database: %s: %s",
             conf_where(&settings->conf, "geoip.database"), path, why);
    return false;
}

bool
settings_files_open(const struct settings *settings, struct hash_key secret, struct settings_files *files,
                    char problem[SETTINGS_FILES_PROBLEM_BYTES])
{
    *files = (struct settings_files){.keys = NULL};
    if (open_keys(settings, secret, files, problem) && open_geoip(settings, files, problem)) {
        return true;
    }
    settings_files_close(files);
    return false;
}

void
settings_files_close(struct settings_files *files)
{
    keys_close(files->keys);
    geoip_close(files->geoip);
    *files = (struct settings_files){.keys = NULL};
}
