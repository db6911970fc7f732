/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/field.h"

PRINTF_LIKE(3, 4)
static int
bad(char *problem, size_t problem_bytes, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, problem_bytes, format, arguments);
    va_end(arguments);
    return PRODUCE_KEYS_BAD;
}

/* The next line, trimmed; what is left of the text is behind it. */
static struct text
take_line(struct text *text)
{
    const char *end = memchr(text->data, '\n', text->bytes);
    uint32_t bytes = end != NULL ? (uint32_t)(end - text->data) + 1 : text->bytes;
    struct text line = {.data = text->data, .bytes = bytes};

    *text = (struct text){.data = text->data + bytes, .bytes = text->bytes - bytes};
    return field_trim(line);
}

static bool
read_row(struct text line, struct produce_key *out_row)
{
    const char *colon = memchr(line.data, ':', line.bytes);
    struct text tenant;
    struct text key;

    if (colon == NULL) {
        return false;
    }
    tenant = field_trim((struct text){.data = line.data, .bytes = (uint32_t)(colon - line.data)});
    key =
        field_trim((struct text){.data = colon + 1, .bytes = line.bytes - (uint32_t)(colon + 1 - line.data)});
    if (!field_is_tenant(tenant) || !field_is_tenant(key)) { /* a key has the alphabet of a name */
        return false;
    }
    snprintf(out_row->tenant, sizeof(out_row->tenant), "%.*s", (int)tenant.bytes, tenant.data);
    snprintf(out_row->key, sizeof(out_row->key), "%.*s", (int)key.bytes, key.data);
    return true;
}

static int
read_rows(struct produce_keys *keys, struct text text, const char *path, char *problem, size_t problem_bytes)
{
    for (uint32_t number = 1; text.bytes > 0; number++) {
        struct text line = take_line(&text);
        struct produce_key row;

        if (line.bytes == 0 || line.data[0] == '#') {
            continue;
        }
        if (!read_row(line, &row)) {
            return bad(problem, problem_bytes, "%s: line %u is not TENANT: KEY", path, number);
        }
        if (keys->count == PRODUCE_KEYS_MAX) {
            return bad(problem, problem_bytes, "%s: line %u: more than %u tenants", path, number,
                       PRODUCE_KEYS_MAX);
        }
        if (produce_keys_find(keys, text_of(row.tenant), PRODUCE_KEYS_MAX) != PRODUCE_KEYS_MAX) {
            return bad(problem, problem_bytes, "%s: line %u: %s has a key already", path, number, row.tenant);
        }
        keys->rows[keys->count++] = row;
    }
    return keys->count > 0 ? 0 : bad(problem, problem_bytes, "%s: there is no line TENANT: KEY", path);
}

int
produce_keys_open(const char *path, struct produce_keys *out_keys, char *problem, size_t problem_bytes)
{
    struct produce_keys keys = {.rows = calloc(PRODUCE_KEYS_MAX, sizeof(*keys.rows))};
    char *text = malloc(PRODUCE_KEYS_FILE_BYTES_MAX + 1);
    FILE *file = fopen(path, "re");
    size_t bytes = 0;
    int r = 0;

    if (keys.rows == NULL || text == NULL) {
        r = fault_new(-ENOMEM);
    } else if (file == NULL) {
        r = bad(problem, problem_bytes, "%s: %s", path, strerror(errno));
    } else {
        errno = 0;
        bytes = fread(text, 1, PRODUCE_KEYS_FILE_BYTES_MAX + 1, file);
        if (ferror(file) != 0) {
            r = bad(problem, problem_bytes, "%s: %s", path, strerror(errno));
        } else if (bytes > PRODUCE_KEYS_FILE_BYTES_MAX) {
            r = bad(problem, problem_bytes, "%s: over %u bytes", path, PRODUCE_KEYS_FILE_BYTES_MAX);
        }
    }
    if (r == 0) {
        r = read_rows(&keys, (struct text){.data = text, .bytes = (uint32_t)bytes}, path, problem,
                      problem_bytes);
    }
    if (file != NULL) {
        fclose(file);
    }
    free(text);
    if (r != 0) {
        produce_keys_close(&keys);
        return r;
    }
    *out_keys = keys;
    return 0;
}

void
produce_keys_close(struct produce_keys *keys)
{
    free(keys->rows);
    *keys = (struct produce_keys){.rows = NULL};
}

uint32_t
produce_keys_find(const struct produce_keys *keys, struct text tenant, uint32_t none)
{
    /* Linear: a few tenants; asked for each row, so the lengths are compared first. */
    for (uint32_t i = 0; i < keys->count; i++) {
        if (text_equal(text_of(keys->rows[i].tenant), tenant)) {
            return i;
        }
    }
    return none;
}
