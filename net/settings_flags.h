/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * settings_flags - settings that are flags too, of `serve` and of `config`
 *
 * Threads  Boot.
 */

#include <getopt.h>

#include "core/conf.h"

#define SETTINGS_FLAG_COUNT 6u

/* Of --help. */
#define SETTINGS_FLAGS_USAGE \
    "  --data DIR         where everything is kept (./millrace-data)\n" \
    "  --listen HOST:PORT where HTTP is served (127.0.0.1:8080)\n" \
    "  --shards N         threads that own data (one for each core)\n" \
    "  --io auto|uring|epoll\n" \
    "                     how the node waits and reads (auto)\n" \
    "  --insecure         lets a node without keys listen beyond loopback\n" \
    "  --log-format auto|text|json\n" \
    "                     log lines: text on a terminal, JSON otherwise (auto)\n"

/* What was said, in the order of the options; NULL: nothing. A flag without a value says "true". */
struct settings_flags {
    const char *value[SETTINGS_FLAG_COUNT];
};

/* Boot. For getopt_long(), whose values are `first` and those behind it. */
void settings_flags_options(struct option options[SETTINGS_FLAG_COUNT], int first);
/* Boot. 0, or CONF_REFUSED with conf->problem. */
MUST_USE int settings_flags_set(const struct settings_flags *flags, struct conf *conf);
