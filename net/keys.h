/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * keys - who may write, and who may read
 *
 * A write key belongs to one tenant and only writes; a read token has tenants and rights and does not write. They
 * stand in files, one or more lines each, which keys.write and keys.read name. The node keeps a hash of each, keyed
 * with dice of this start: looking one up takes a time that says nothing about the secrets, and no secret stays in
 * memory or gets into a log line.
 *
 *     r = keys_find(keys, secret, now, &key);
 *     if (r == 0 && key->principal.may_write) ...
 *
 * Without any configured key the node is open, and nobody looks here.
 *
 * Threads  Boot makes them; then any shard reads.
 * Memory   Tenants of principals are lent by the settings, which must live as long.
 * Limits   KEYS_FILE_BYTES_MAX a file, KEYS_COUNT_MAX in all. A write key is named as a tenant may be, because it stands
 *          in URLs; a token is up to KEYS_TOKEN_BYTES_MAX printable ASCII characters without blanks.
 * Errors   KEYS_BAD with a problem that names the file, the line in it and the setting; never what is there.
 */

#include "core/hash.h"
#include "net/settings.h"
#include "query/principal.h"

#define KEYS_FILE_BYTES_MAX (64u << 10)
#define KEYS_COUNT_MAX 65536u
#define KEYS_TOKEN_BYTES_MAX 512u
#define KEYS_PROBLEM_BYTES 768u

enum keys_answer {
    KEYS_BAD = 1,
    KEYS_UNKNOWN = 2,
    KEYS_EXPIRED = 3,
};

struct key {
    struct hash128 digest;
    struct principal principal;
    int64_t expires_ms;     /* Unix; CONF_NEVER */
    uint32_t tenant_number; /* of a write key: 0, 1, 2 ... as they stand in the settings */
    const char *where;      /* the setting, "millrace.yaml:7" */
};

struct keys;

/* Boot. Reads all files. `secret` is dice. 0; KEYS_BAD; -ENOMEM. */
MUST_USE int keys_open(const struct settings *settings, struct hash_key secret, struct keys **out_keys,
                       char problem[KEYS_PROBLEM_BYTES]);
/* Boot. NULL is nothing to do. */
void keys_close(struct keys *keys);

/* Boot. Tenants that have write keys. */
uint32_t keys_tenant_count(const struct keys *keys);
/* Boot. Of those that have expired by then, one each time; NULL when there are no more. Begins with *at 0. */
const struct key *keys_next_expired(const struct keys *keys, struct wall_ms now, uint32_t *at);

/* Any shard. 0 and the key, KEYS_UNKNOWN, KEYS_EXPIRED. A key is good until the millisecond in which it expires. */
MUST_USE int keys_find(const struct keys *keys, struct text secret, struct wall_ms now,
                       const struct key **out_key);
