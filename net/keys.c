/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <fcntl.h>
#include <unistd.h>

#include "net/field.h"

struct keys {
    struct hash_key secret;
    uint32_t count;
    uint32_t room;
    uint32_t tenant_count;
    struct key *key; /* by digest, once all are there */
};

/* What is being read. */
struct source {
    struct keys *keys;
    char *problem;
    const char *where; /* of the setting */
    const char *file;
    const char *what; /* a key, a token */
    bool (*is_good)(struct text line);
    const char *rule;
    struct key like; /* all but its digest */
};

static PRINTF_LIKE(2, 3) int refuse(const struct source *source, const char *format, ...)
{
    int bytes = snprintf(source->problem, KEYS_PROBLEM_BYTES, "%s: %.256s: ", source->where, source->file);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(source->problem + bytes, KEYS_PROBLEM_BYTES - (size_t)bytes, format, arguments);
    va_end(arguments);
    return KEYS_BAD;
}

static int
compare(const void *a, const void *b)
{
    const struct hash128 *first = &((const struct key *)a)->digest;
    const struct hash128 *second = &((const struct key *)b)->digest;

    if (first->hi != second->hi) {
        return first->hi < second->hi ? -1 : 1;
    }
    return first->lo < second->lo ? -1 : first->lo > second->lo;
}

/* ---- Reading files. ---- */

static bool
is_write_key(struct text line)
{
    return field_is_tenant(line);
}

static bool
is_token(struct text line)
{
    for (uint32_t i = 0; i < line.bytes; i++) {
        if (line.data[i] <= ' ' || line.data[i] > '~') {
            return false;
        }
    }
    return line.bytes <= KEYS_TOKEN_BYTES_MAX;
}

static int
add(const struct source *source, struct text line, uint32_t line_number)
{
    struct keys *keys = source->keys;

    if (!source->is_good(line)) {
        return refuse(source, "line %u: a %s is %s", line_number, source->what, source->rule);
    }
    if (keys->count == KEYS_COUNT_MAX) {
        return refuse(source, "more than %u keys in all", KEYS_COUNT_MAX);
    }
    if (keys->count == keys->room) {
        struct key *more = realloc(keys->key, (keys->room + 1) * 2 * sizeof(*more));

        if (more == NULL) {
            return fault_new(-ENOMEM);
        }
        keys->key = more;
        keys->room = (keys->room + 1) * 2;
    }
    keys->key[keys->count] = source->like;
    keys->key[keys->count].digest = hash128_keyed_one(keys->secret, line);
    keys->count++;
    return 0;
}

/* A secret a line; blank lines and those that begin with # are none. */
static int
read_lines(const struct source *source, struct text rest)
{
    uint32_t before = source->keys->count;

    for (uint32_t line_number = 1; rest.bytes > 0; line_number++) {
        const char *end = memchr(rest.data, '\n', rest.bytes);
        uint32_t bytes = end != NULL ? (uint32_t)(end - rest.data) : rest.bytes;
        struct text line = field_trim((struct text){.data = rest.data, .bytes = bytes});

        if (line.bytes > 0 && line.data[0] != '#') {
            int r = add(source, line, line_number);
            if (r != 0) {
                return r;
            }
        }
        bytes += end != NULL;
        rest = (struct text){.data = rest.data + bytes, .bytes = rest.bytes - bytes};
    }
    return source->keys->count > before ? 0 : refuse(source, "no %s in it", source->what);
}

/* Fewer than bytes_max, else the file is too large. */
static ssize_t
read_file(const char *path, char *to, size_t bytes_max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = 0;
    ssize_t got = 1;

    if (fd < 0) {
        return -errno;
    }
    while (got > 0 && (size_t)bytes < bytes_max) {
        got = read(fd, to + bytes, bytes_max - (size_t)bytes);
        if (got < 0) {
            bytes = -errno;
            break;
        }
        bytes += got;
    }
    close(fd);
    return bytes;
}

static int
read_source(const struct source *source)
{
    static char data[KEYS_FILE_BYTES_MAX + 1]; /* at the start of the process, by one thread */
    ssize_t bytes = read_file(source->file, data, sizeof(data));
    int r;

    if (bytes < 0) {
        r = refuse(source, "%s", strerror((int)-bytes));
    } else if ((size_t)bytes == sizeof(data)) {
        r = refuse(source, "larger than %u bytes", KEYS_FILE_BYTES_MAX);
    } else {
        r = read_lines(source, (struct text){.data = data, .bytes = (uint32_t)bytes});
    }
    explicit_bzero(data, sizeof(data));
    return r;
}

/* ---- What settings say. ---- */

/* Linear, once: a tenant that has had a key before keeps its number. */
static uint32_t
tenant_number(struct keys *keys, struct text tenant_id)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        if (text_equal(keys->key[i].principal.tenant_id, tenant_id)) {
            return keys->key[i].tenant_number;
        }
    }
    return keys->tenant_count++;
}

static int
read_write_keys(struct source *source, const struct conf_items *items)
{
    for (uint32_t i = 0; i < items->count; i++) {
        const struct settings_write_key *item = (const struct settings_write_key *)items->item + i;
        int r;

        source->where = item->where;
        source->file = item->key_file;
        source->what = "write key";
        source->rule = "1 to 64 of A-Z a-z 0-9 . _ -";
        source->is_good = is_write_key;
        source->like = (struct key){
            .principal = {.may_write = true, .tenant_id = text_of(item->tenant)},
            .expires_ms = item->expires_ms,
            .tenant_number = tenant_number(source->keys, text_of(item->tenant)),
            .where = item->where,
        };
        if (!field_is_tenant(source->like.principal.tenant_id)) {
            return refuse(source, "keys.write.tenant: not 1 to 64 of A-Z a-z 0-9 . _ -");
        }
        r = read_source(source);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int
read_tenants(const struct source *source, const struct conf_texts *tenants, struct principal *principal)
{
    for (uint32_t i = 0; i < tenants->count; i++) {
        if (text_equal(tenants->item[i], TEXT("*"))) {
            principal->is_any_tenant = true;
        } else if (!field_is_tenant(tenants->item[i])) {
            return refuse(source, "keys.read.tenants: \"%.64s\" is neither a tenant nor \"*\"",
                          tenants->item[i].data);
        }
    }
    if (tenants->count == 0) {
        return refuse(source, "keys.read.tenants: empty; \"*\" is all of them");
    }
    principal->tenants = tenants->item;
    principal->tenant_count = tenants->count;
    return 0;
}

static int
read_rights(const struct source *source, const struct conf_texts *rights, struct principal *principal)
{
    for (uint32_t i = 0; i < rights->count; i++) {
        if (text_equal(rights->item[i], TEXT("admin"))) {
            principal->may_read = true; /* what it changes it is also told */
            principal->may_administer = true;
        } else if (text_equal(rights->item[i], TEXT("read"))) {
            principal->may_read = true;
        } else {
            return refuse(source, "keys.read.rights: \"%.64s\" is neither read nor admin",
                          rights->item[i].data);
        }
    }
    return rights->count > 0 ? 0 : refuse(source, "keys.read.rights: empty; there is read and admin");
}

static int
read_tokens(struct source *source, const struct conf_items *items)
{
    for (uint32_t i = 0; i < items->count; i++) {
        const struct settings_read_token *item = (const struct settings_read_token *)items->item + i;
        int r;

        source->where = item->where;
        source->file = item->token_file;
        source->what = "token";
        source->rule = "up to 512 printable ASCII characters without blanks";
        source->is_good = is_token;
        source->like = (struct key){.expires_ms = item->expires_ms, .where = item->where};
        r = read_tenants(source, &item->tenants, &source->like.principal);
        if (r == 0) {
            r = read_rights(source, &item->rights, &source->like.principal);
        }
        if (r == 0) {
            r = read_source(source);
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* Whose is a secret that two have? */
static int
refuse_doubles(const struct keys *keys, char *problem)
{
    for (uint32_t i = 1; i < keys->count; i++) {
        if (compare(&keys->key[i - 1], &keys->key[i]) == 0) {
            snprintf(problem, KEYS_PROBLEM_BYTES,
                     "%s: a key or token of its file is there twice; it is also in that of %s",
                     keys->key[i - 1].where, keys->key[i].where);
            return KEYS_BAD;
        }
    }
    return 0;
}

int
keys_open(const struct settings *settings, struct hash_key secret, struct keys **out_keys,
          char problem[KEYS_PROBLEM_BYTES])
{
    struct keys *keys = calloc(1, sizeof(*keys));
    struct source source = {.keys = keys, .problem = problem};
    int r;

    if (keys == NULL) {
        return fault_new(-ENOMEM);
    }
    keys->secret = secret;
    r = read_write_keys(&source, &settings->keys_write);
    if (r == 0) {
        r = read_tokens(&source, &settings->keys_read);
    }
    if (r == 0 && keys->count > 0) {
        qsort(keys->key, keys->count, sizeof(*keys->key), compare);
        r = refuse_doubles(keys, problem);
    }
    if (r != 0) {
        keys_close(keys);
        return r;
    }
    *out_keys = keys;
    return 0;
}

void
keys_close(struct keys *keys)
{
    if (keys != NULL) {
        free(keys->key);
        free(keys);
    }
}

uint32_t
keys_tenant_count(const struct keys *keys)
{
    return keys->tenant_count;
}

const struct key *
keys_next_expired(const struct keys *keys, struct wall_ms now, uint32_t *at)
{
    while (*at < keys->count) {
        const struct key *key = &keys->key[(*at)++];

        if (now.ms >= key->expires_ms) {
            return key;
        }
    }
    return NULL;
}

int
keys_find(const struct keys *keys, struct text secret, struct wall_ms now, const struct key **out_key)
{
    struct key wanted = {.digest = hash128_keyed_one(keys->secret, secret)};
    const struct key *key;

    if (keys->count == 0) {
        return KEYS_UNKNOWN;
    }
    key = bsearch(&wanted, keys->key, keys->count, sizeof(*keys->key), compare);
    if (key == NULL) {
        return KEYS_UNKNOWN;
    }
    if (now.ms >= key->expires_ms) {
        return KEYS_EXPIRED;
    }
    *out_key = key;
    return 0;
}
