/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * produce_keys - the tenants of a node that has keys, each with its own: a file of lines "TENANT: KEY"
 *
 * Blank lines and those that begin with '#' do not count, as in a node's own files of secrets. What is in the file is
 * never said: a problem names the line.
 *
 * Threads  One.
 * Memory   All at opening.
 * Limits   PRODUCE_KEYS_MAX tenants, each once; PRODUCE_KEYS_FILE_BYTES_MAX.
 */

#include "core/base.h"

#define PRODUCE_KEYS_MAX 256u
#define PRODUCE_KEYS_FILE_BYTES_MAX 65536u
#define PRODUCE_KEY_BYTES 65u /* with its NUL: a tenant's name, and a key */

enum produce_keys_answer {
    PRODUCE_KEYS_BAD = 1,
};

struct produce_key {
    char tenant[PRODUCE_KEY_BYTES];
    char key[PRODUCE_KEY_BYTES];
};

struct produce_keys {
    struct produce_key *rows; /* as the file has them */
    uint32_t count;           /* at least one */
};

/* Boot. PRODUCE_KEYS_BAD: `problem` says what and where. -ENOMEM. */
MUST_USE int produce_keys_open(const char *path, struct produce_keys *out_keys, char *problem,
                               size_t problem_bytes);
/* Boot. May be called twice. */
void produce_keys_close(struct produce_keys *keys);

/* Any thread. Its number, or `none`. */
uint32_t produce_keys_find(const struct produce_keys *keys, struct text tenant, uint32_t none);
