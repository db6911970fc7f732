/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_options - the words behind `millrace produce`
 *
 * Threads  One.
 * Errors   PRODUCE_WRONG, with a sentence.
 */

#include "net/produce_keys.h"

#include <stdio.h>

enum produce_answer {
    PRODUCE_WRONG = 1,
};

struct produce_options {
    const char *url;
    const char *key_file; /* NULL: the node has no keys */
    struct produce_keys keys;
    double rate;   /* events/s; 0: as fast as it can */
    bool is_daily; /* the rate is that of an average hour */
    uint32_t tenant_count;
    uint32_t person_count;
    uint64_t seed;
    bool has_seed; /* else the walk is thrown */
    uint32_t batch_count;
    uint32_t connection_count;
    uint64_t event_count; /* 0: no end */
    uint64_t duration_ns; /* 0: no end */
    uint32_t event_bytes; /* 0: as they come */
    bool is_history;
    struct event_ms from; /* of a history */
    struct event_ms to;
    bool is_hostile;
    bool is_print; /* to standard output, not to a node */
    bool is_quiet;
    bool is_help;
};

/* Boot. PRODUCE_WRONG; on 0 the keys are the caller's to close. argv[0] is skipped. `now` is where a history ends. `problem` has PRODUCE_PROBLEM_BYTES. */
MUST_USE int produce_options_read(int argc, char **argv, struct wall_ms now,
                                  struct produce_options *out_options, char *problem);
void produce_options_help(FILE *out);
