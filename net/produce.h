/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce - `millrace produce`: traffic of people who do not exist, for demos and for measuring
 *
 * People (produce_people) make events at a rate, connections (produce_client) bring them to a node in batches; here
 * are the options, the pace and the line of figures a second.
 *
 * The pace is open: events are due at fixed times whatever the node does, and the time of an answer counts from when
 * its batch was due. What is more than PRODUCE_BACKLOG_S behind is left out, and said. Without a rate the next batch
 * is made when a connection is free.
 *
 * Threads  The process's only one: signals are the producer's.
 */

#include "core/base.h"

#include <stdio.h>

#define PRODUCE_BACKLOG_S 10u

struct produce_options {
    const char *url;
    double rate; /* events/s; 0: as fast as it can */
    uint32_t tenant_count;
    uint32_t person_count;
    uint64_t seed;
    bool has_seed; /* else the walk is thrown */
    uint32_t batch_count;
    uint32_t connection_count;
    uint64_t event_count; /* 0: no end */
    uint64_t duration_ns; /* 0: no end */
    uint32_t event_bytes; /* 0: as they come */
    bool is_quiet;
    bool is_help;
};

enum produce_answer {
    PRODUCE_WRONG = 1,
};

/* `millrace produce ...`; argv[0] is skipped. The exit status: 0 good, 1 not everything was answered, 2 wrong usage. */
int produce_main(int argc, char **argv);

/* Boot. PRODUCE_WRONG, with a sentence. `problem` has PRODUCE_PROBLEM_BYTES. */
MUST_USE int produce_options_read(int argc, char **argv, struct produce_options *out_options, char *problem);
