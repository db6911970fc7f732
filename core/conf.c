/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The file is read as libyaml's events, not by a schema on top: a problem has to name the line it is
 * on, for a value as well as for a key, and libcyaml 1.3 names the place of the event before.
 *
 *     key ──────────> row or group, else unknown; seen before, else its line is noted
 *     value ────────> what the row's type takes
 *     { ────────────> one group deeper; only behind a group's key
 *     [ ────────────> only behind the key of a list
 *
 * In a list of items each { begins a struct, and keys are looked for among those of the list. Depth is bounded by
 * the keys of the table, so there is no recursion to bound.
 */

#include "core/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <fcntl.h>
#include <unistd.h>

#include <yaml.h>

#include "core/conf_value.h"

#define DEPTH_MAX 5u
#define GROUP_COUNT_MAX 32u
/* A key that is further away is not what was meant; nor is one of which half would be another. */
#define EDITS_MAX 3u

/* Keys that stand together: those of the table, or those of an item. */
struct rows {
    const struct conf_row *row;
    uint32_t count;
};

static const struct conf_row *
find_row(struct rows rows, struct text key)
{
    for (uint32_t i = 0; i < rows.count; i++) {
        if (text_equal(text_of(rows.row[i].key), key)) {
            return &rows.row[i];
        }
    }
    return NULL;
}

static struct rows
rows_of(const struct conf_table *table)
{
    return (struct rows){.row = table->row, .count = table->row_count};
}

/* Of the table. The key exists. */
static uint32_t
index_of(const struct conf *conf, const char *key)
{
    const struct conf_row *row = find_row(rows_of(conf->table), text_of(key));

    REQUIRE(row != NULL);
    return (uint32_t)(row - conf->table->row);
}

static bool
is_group(const struct conf_table *table, struct text key)
{
    for (uint32_t row = 0; row < table->row_count; row++) {
        struct text other = text_of(table->row[row].key);
        if (other.bytes > key.bytes && other.data[key.bytes] == '.' &&
            memcmp(other.data, key.data, key.bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* How many letters to add, leave out or change; both are short. */
static uint32_t
edit_distance(struct text a, struct text b)
{
    uint32_t row[CONF_KEY_BYTES_MAX + 1];

    for (uint32_t j = 0; j <= b.bytes; j++) {
        row[j] = j;
    }
    for (uint32_t i = 0; i < a.bytes; i++) {
        uint32_t diagonal = row[0];

        row[0] = i + 1;
        for (uint32_t j = 0; j < b.bytes; j++) {
            uint32_t changed = diagonal + (a.data[i] != b.data[j]);
            uint32_t added = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = changed < added ? changed : added;
        }
    }
    return row[b.bytes];
}

/* NULL: none is near. */
static const struct conf_row *
nearest_row(struct rows rows, struct text key)
{
    const struct conf_row *nearest = NULL;
    uint32_t least = EDITS_MAX + 1;

    for (uint32_t i = 0; i < rows.count && key.bytes <= CONF_KEY_BYTES_MAX; i++) {
        uint32_t distance = edit_distance(key, text_of(rows.row[i].key));

        if (distance < least && 2 * distance < strlen(rows.row[i].key)) {
            least = distance;
            nearest = &rows.row[i];
        }
    }
    return nearest;
}

static int
refuse_unknown(struct conf *conf, const char *where, struct rows rows, struct text group, struct text name)
{
    const struct conf_row *nearest = nearest_row(rows, name);
    const char *dot = group.bytes > 0 ? "." : "";

    if (nearest == NULL) {
        return conf_refuse(conf, "%s: unknown key %.*s%s%.*s", where, (int)group.bytes, group.data, dot,
                           (int)name.bytes, name.data);
    }
    return conf_refuse(conf, "%s: unknown key %.*s%s%.*s; did you mean %.*s%s%s?", where, (int)group.bytes,
                       group.data, dot, (int)name.bytes, name.data, (int)group.bytes, group.data, dot,
                       nearest->key);
}

/* A copy; NULL never comes of a whole configuration that fits. */
static const char *
keep(struct conf *conf, const char *said)
{
    size_t bytes = strlen(said) + 1;
    char *copy = arena_take(&conf->arena, bytes);

    return copy != NULL ? memcpy(copy, said, bytes) : "";
}

static int read_items(struct conf *conf, const char *name, const struct conf_row *row, struct text yaml);

/* Of a row of the table; the text is whole, so a list is in it. */
static int
set_value(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
          enum conf_origin origin)
{
    uint32_t i = (uint32_t)(row - conf->table->row);
    int r = row->type == CONF_ITEMS
                ? read_items(conf, where, row, value)
                : conf_value_set(conf, where, row, value, (char *)conf->values + row->offset);

    if (r == 0) {
        conf->origin[i] = origin;
        conf->where[i] = keep(conf, where);
    }
    return r;
}

void
conf_open(struct conf *conf, const struct conf_table *table, void *values)
{
    REQUIRE(table->row_count <= CONF_ROW_COUNT_MAX);

    *conf = (struct conf){.table = table, .values = values};
    arena_pool_init(&conf->pool, 0);
    arena_init(&conf->arena, &conf->pool, 0);
    for (uint32_t i = 0; i < table->row_count; i++) {
        const struct conf_row *row = &table->row[i];
        void *target = (char *)values + row->offset;
        int r = 0;

        REQUIRE(strlen(row->key) <= CONF_KEY_BYTES_MAX);
        if (row->type == CONF_ITEMS) {
            REQUIRE(row->list->row_count <= CONF_LIST_ROW_COUNT_MAX);
            *(struct conf_items *)target = (struct conf_items){.count = 0};
        } else {
            r = conf_value_set(conf, "default", row, text_of(row->initial), target);
        }
        REQUIRE(r == 0);
        conf->where[i] = "default";
    }
}

void
conf_close(struct conf *conf)
{
    if (conf->arena.pool != NULL) {
        arena_reset(&conf->arena);
        arena_pool_deinit(&conf->pool);
    }
}

/* Where the reader of a file is. */
struct reader {
    struct conf *conf;
    const char *name;
    yaml_parser_t parser;
    uint32_t document_count;
    uint32_t depth; /* of mappings open */
    char path[CONF_KEY_BYTES_MAX * 3];
    uint32_t path_bytes[DEPTH_MAX]; /* of the group that each open mapping is */
    uint32_t key_bytes;             /* of path with the key */
    bool has_key;                   /* and its value is next */
    const struct conf_row *row;     /* of the key; NULL: it is a group */
    const struct conf_row *texts_row;
    struct conf_texts texts; /* of the list that is being read, if there is a row */
    const struct conf_row *items_row;
    struct conf_items items;
    uint32_t item_depth; /* of the item being read; 0: between two */
    uint32_t item_line[CONF_LIST_ROW_COUNT_MAX];
    struct text group[GROUP_COUNT_MAX]; /* seen before */
    uint32_t group_count;
    char where[300]; /* "millrace.yaml:7" */
};

static void
point_at(struct reader *reader, size_t line_index)
{
    snprintf(reader->where, sizeof(reader->where), "%.256s:%zu", reader->name, line_index + 1);
}

static struct text
reader_key(const struct reader *reader)
{
    return (struct text){.data = reader->path, .bytes = reader->key_bytes};
}

static struct rows
rows_here(const struct reader *reader)
{
    if (reader->item_depth > 0) {
        const struct conf_list *list = reader->items_row->list;
        return (struct rows){.row = list->row, .count = list->row_count};
    }
    return rows_of(reader->conf->table);
}

/* The struct of the item being read. */
static char *
item_here(const struct reader *reader)
{
    return (char *)reader->items.item + (reader->items.count - 1) * reader->items_row->list->item_bytes;
}

static void *
target_of(const struct reader *reader, const struct conf_row *row)
{
    return (reader->item_depth > 0 ? item_here(reader) : (char *)reader->conf->values) + row->offset;
}

/* The row of the table, or the item's, has its value. */
static void
has_value(struct reader *reader, const struct conf_row *row)
{
    struct conf *conf = reader->conf;

    reader->has_key = false;
    if (reader->item_depth == 0) {
        conf->origin[row - conf->table->row] = CONF_FROM_FILE;
        conf->where[row - conf->table->row] = keep(conf, reader->where);
    }
}

static int
note_group(struct reader *reader, struct text key)
{
    for (uint32_t i = 0; i < reader->group_count; i++) {
        if (text_equal(reader->group[i], key)) {
            return conf_refuse(reader->conf, "%s: %.*s is there twice", reader->where, (int)key.bytes,
                               key.data);
        }
    }
    if (reader->group_count == GROUP_COUNT_MAX) {
        return conf_refuse(reader->conf, "%s: too many groups", reader->where);
    }
    reader->group[reader->group_count] = arena_text(&reader->conf->arena, key);
    reader->group_count++;
    return 0;
}

static int
on_key(struct reader *reader, struct text name, size_t line_index)
{
    struct conf *conf = reader->conf;
    uint32_t bytes = reader->path_bytes[reader->depth - 1];
    struct text group = {.data = reader->path, .bytes = reader->item_depth > 0 ? bytes : 0};
    struct rows rows = rows_here(reader);
    uint32_t *line;
    struct text key;

    if (name.bytes == 0 || name.bytes > CONF_KEY_BYTES_MAX || bytes > 2 * CONF_KEY_BYTES_MAX - 1 ||
        !conf_is_printable(name)) {
        return conf_refuse(conf, "%s: that is not a key", reader->where);
    }
    if (bytes > 0) {
        reader->path[bytes] = '.';
        bytes++;
    }
    memcpy(reader->path + bytes, name.data, name.bytes);
    reader->key_bytes = bytes + name.bytes;
    reader->has_key = true;

    key = reader_key(reader);
    reader->row = find_row(rows, reader->item_depth > 0 ? name : key);
    if (reader->row == NULL) {
        return reader->item_depth == 0 && is_group(conf->table, key)
                   ? note_group(reader, key)
                   : refuse_unknown(conf, reader->where, rows, group, reader->item_depth > 0 ? name : key);
    }
    line = (reader->item_depth > 0 ? reader->item_line : conf->line) + (reader->row - rows.row);
    if (*line != 0) {
        return conf_refuse(conf, "%s: %.*s is there twice; it is on line %u too", reader->where,
                           (int)key.bytes, key.data, *line);
    }
    *line = (uint32_t)line_index + 1;
    return 0;
}

static bool
is_null(struct text value, bool is_plain)
{
    return is_plain && (value.bytes == 0 || text_equal(value, TEXT("~")) || text_equal(value, TEXT("null")));
}

static int
on_value(struct reader *reader, struct text value, bool is_plain)
{
    const struct conf_row *row = reader->row;
    struct conf *conf = reader->conf;
    struct text key = reader_key(reader);
    int r;

    if (row == NULL) {
        reader->has_key = false;
        if (is_null(value, is_plain)) {
            return 0; /* a group whose keys are all commented out */
        }
        return conf_refuse(conf, "%s: %.*s is a group of keys", reader->where, (int)key.bytes, key.data);
    }
    if (is_null(value, is_plain)) {
        return conf_refuse(conf, "%s: %.*s has no value; leave the key out for its default", reader->where,
                           (int)key.bytes, key.data);
    }
    if (row->type == CONF_TEXTS) {
        return conf_refuse(conf, "%s: %.*s is a list: [a, b]", reader->where, (int)key.bytes, key.data);
    }
    if (row->type == CONF_ITEMS) {
        return conf_refuse(conf, "%s: %.*s is a list: [{%s: ...}]", reader->where, (int)key.bytes, key.data,
                           row->list->row[0].key);
    }
    r = conf_value_set(conf, reader->where, row, value, target_of(reader, row));
    has_value(reader, row);
    return r;
}

static int
on_scalar(struct reader *reader, struct text value, bool is_plain, size_t line_index)
{
    struct conf *conf = reader->conf;
    struct text key = reader_key(reader);

    if (reader->depth == 0) {
        if (is_null(value, is_plain)) {
            return 0; /* a file of comments */
        }
        return conf_refuse(conf, "%s: no `key: value` here", reader->where);
    }
    if (reader->texts_row != NULL) {
        return conf_value_add(conf, reader->where, reader->texts_row, value, &reader->texts);
    }
    if (reader->items_row != NULL && reader->item_depth == 0) {
        return conf_refuse(conf, "%s: an item of %.*s is a group of keys", reader->where, (int)key.bytes,
                           key.data);
    }
    return reader->has_key ? on_value(reader, value, is_plain) : on_key(reader, value, line_index);
}

static int
begin_item(struct reader *reader)
{
    const struct conf_list *list = reader->items_row->list;
    void *items = conf_grow(reader->conf, reader->items.item, reader->items.count, list->item_bytes);

    if (items == NULL) {
        return conf_refuse(reader->conf, "%s: %s: more than %u items", reader->where, reader->items_row->key,
                           CONF_ITEM_COUNT_MAX);
    }
    reader->items.item = items;
    reader->items.count++;
    *(const char **)(void *)item_here(reader) = keep(reader->conf, reader->where);
    memset(reader->item_line, 0, sizeof(reader->item_line));
    reader->item_depth = reader->depth + 1;
    for (uint32_t i = 0; i < list->row_count; i++) {
        const struct conf_row *row = &list->row[i];
        int r = row->initial == NULL ? 0
                                     : conf_value_set(reader->conf, "default", row, text_of(row->initial),
                                                      target_of(reader, row));
        REQUIRE(r == 0);
    }
    return 0;
}

static int
on_mapping(struct reader *reader)
{
    struct text key = reader_key(reader);
    int r = 0;

    if (reader->items_row != NULL && reader->item_depth == 0 && reader->texts_row == NULL) {
        r = begin_item(reader);
    } else if (reader->depth > 0 && !reader->has_key) {
        return conf_refuse(reader->conf, "%s: that is not a key", reader->where);
    } else if (reader->texts_row != NULL || (reader->depth > 0 && reader->row != NULL)) {
        return conf_refuse(reader->conf, "%s: %.*s is not a group of keys", reader->where, (int)key.bytes,
                           key.data);
    }
    REQUIRE(reader->depth < DEPTH_MAX); /* groups are in the table, and its keys are not that deep */
    reader->path_bytes[reader->depth] = reader->key_bytes;
    reader->depth++;
    reader->has_key = false;
    return r;
}

static int
end_item(struct reader *reader)
{
    const struct conf_list *list = reader->items_row->list;
    const char *where = *(const char **)(void *)item_here(reader);

    reader->item_depth = 0;
    reader->key_bytes = reader->path_bytes[reader->depth];
    for (uint32_t i = 0; i < list->row_count; i++) {
        if (list->row[i].initial == NULL && reader->item_line[i] == 0) {
            return conf_refuse(reader->conf, "%s: %s.%s is missing", where, reader->items_row->key,
                               list->row[i].key);
        }
    }
    return 0;
}

static int
on_mapping_end(struct reader *reader)
{
    reader->depth--;
    reader->has_key = false;
    return reader->item_depth > reader->depth ? end_item(reader) : 0;
}

static int
on_list(struct reader *reader)
{
    struct text key = reader_key(reader);
    bool is_in_list = reader->texts_row != NULL || (reader->items_row != NULL && reader->item_depth == 0);

    if (!reader->has_key && !is_in_list) {
        return conf_refuse(reader->conf, "%s: no `key: value` here", reader->where);
    }
    if (is_in_list || reader->row == NULL ||
        (reader->row->type != CONF_TEXTS && reader->row->type != CONF_ITEMS)) {
        return conf_refuse(reader->conf, "%s: %.*s is not a list%s", reader->where, (int)key.bytes, key.data,
                           is_in_list ? " of lists" : "");
    }
    if (reader->row->type == CONF_TEXTS) {
        reader->texts_row = reader->row;
        reader->texts = (struct conf_texts){.count = 0};
    } else {
        reader->items_row = reader->row;
        reader->items = (struct conf_items){.count = 0};
    }
    return 0;
}

static void
on_list_end(struct reader *reader)
{
    const struct conf_row *row = reader->texts_row != NULL ? reader->texts_row : reader->items_row;

    if (reader->texts_row != NULL) {
        *(struct conf_texts *)target_of(reader, row) = reader->texts;
        reader->texts_row = NULL;
    } else {
        *(struct conf_items *)target_of(reader, row) = reader->items;
        reader->items_row = NULL;
    }
    has_value(reader, row);
}

static int
on_event(struct reader *reader, const yaml_event_t *event)
{
    struct text value;

    point_at(reader, event->start_mark.line);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        reader->document_count++;
        return reader->document_count == 1
                   ? 0
                   : conf_refuse(reader->conf, "%s: a second document", reader->where);
    case YAML_ALIAS_EVENT:
        return conf_refuse(reader->conf, "%s: an alias; write the value out", reader->where);
    case YAML_SCALAR_EVENT:
        value = (struct text){.data = (const char *)event->data.scalar.value,
                              .bytes = (uint32_t)event->data.scalar.length};
        return on_scalar(reader, value, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
                         event->start_mark.line);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(reader);
    case YAML_MAPPING_END_EVENT:
        return on_mapping_end(reader);
    case YAML_SEQUENCE_START_EVENT:
        return on_list(reader);
    case YAML_SEQUENCE_END_EVENT:
        on_list_end(reader);
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    }
    return 0;
}

static int
refuse_yaml(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;

    point_at(reader, parser->problem_mark.line);
    return conf_refuse(reader->conf, "%s: not YAML: %s", reader->where,
                       parser->problem != NULL ? parser->problem : "out of memory");
}

static int
read_yaml(struct reader *reader, struct text yaml)
{
    bool is_done = false;
    int r = 0;

    if (!yaml_parser_initialize(&reader->parser)) {
        return fault_new(-ENOMEM);
    }
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)(yaml.bytes > 0 ? yaml.data : ""),
                                 yaml.bytes);
    while (r == 0 && !is_done) {
        yaml_event_t event;

        if (!yaml_parser_parse(&reader->parser, &event)) {
            r = refuse_yaml(reader);
            break;
        }
        r = on_event(reader, &event);
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&reader->parser);
    return r;
}

int
conf_read(struct conf *conf, const char *name, struct text yaml)
{
    struct reader reader = {.conf = conf, .name = name};

    if (yaml.bytes > CONF_FILE_BYTES_MAX) {
        return conf_refuse(conf, "%s: larger than %u bytes", name, CONF_FILE_BYTES_MAX);
    }
    memset(conf->line, 0, sizeof(conf->line));
    return read_yaml(&reader, yaml);
}

/* As behind the row's key in a file. */
static int
read_items(struct conf *conf, const char *name, const struct conf_row *row, struct text yaml)
{
    struct reader reader = {.conf = conf,
                            .name = name,
                            .depth = 1,
                            .row = row,
                            .has_key = true,
                            .key_bytes = text_of(row->key).bytes};

    memcpy(reader.path, row->key, reader.key_bytes);
    return read_yaml(&reader, yaml);
}

/* Up to bytes_max; the rest of a longer file is not read. */
static int
read_all(int fd, char *out, uint32_t bytes_max, uint32_t *out_bytes)
{
    uint32_t bytes = 0;

    while (bytes < bytes_max) {
        ssize_t got = read(fd, out + bytes, bytes_max - bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fault_new(-errno);
        }
        if (got == 0) {
            break;
        }
        bytes += (uint32_t)got;
    }
    *out_bytes = bytes;
    return 0;
}

int
conf_read_file(struct conf *conf, const char *path)
{
    char *data = NULL;
    uint32_t bytes = 0;
    int fd;
    int r;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fault_new(-errno);
    }
    data = malloc(CONF_FILE_BYTES_MAX + 1);
    if (data == NULL) {
        r = fault_new(-ENOMEM);
        goto done;
    }
    r = read_all(fd, data, CONF_FILE_BYTES_MAX + 1, &bytes);
    if (r != 0) {
        r = fault_up(r);
        goto done;
    }
    r = conf_read(conf, path, (struct text){.data = data, .bytes = bytes});

done:
    free(data);
    close(fd);
    return r;
}

/* a.b_c is PREFIX_A_B_C. */
static bool
is_variable_of(const char *variable, size_t name_bytes, const char *prefix, const char *key)
{
    size_t prefix_bytes = strlen(prefix);

    if (name_bytes != prefix_bytes + strlen(key) || memcmp(variable, prefix, prefix_bytes) != 0) {
        return false;
    }
    for (const char *c = variable + prefix_bytes; *key != '\0'; c++, key++) {
        if (*c != (*key == '.' ? '_' : (char)toupper((unsigned char)*key))) {
            return false;
        }
    }
    return true;
}

/* NULL: no row's, or empty. */
static const struct conf_row *
row_of_variable(const struct conf_table *table, const char *variable, size_t name_bytes)
{
    for (uint32_t i = 0; i < table->row_count; i++) {
        if (is_variable_of(variable, name_bytes, table->environment_prefix, table->row[i].key)) {
            return &table->row[i];
        }
    }
    return NULL;
}

int
conf_read_environment(struct conf *conf, char *const environment[])
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        size_t name_bytes = equals != NULL ? (size_t)(equals - *environment) : 0;
        const struct conf_row *row = row_of_variable(conf->table, *environment, name_bytes);
        char where[128];
        int r;

        if (row == NULL || equals[1] == '\0') {
            continue;
        }
        snprintf(where, sizeof(where), "%.*s", (int)name_bytes, *environment);
        r = set_value(conf, where, row, text_of(equals + 1), CONF_FROM_ENVIRONMENT);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* A_B as the key that it would be, if a dot were an underscore. */
static const struct conf_row *
nearest_of_variable(const struct conf_table *table, const char *name, size_t bytes)
{
    char keys[CONF_ROW_COUNT_MAX][CONF_KEY_BYTES_MAX + 1];
    struct conf_row rows[CONF_ROW_COUNT_MAX];
    char meant[CONF_KEY_BYTES_MAX];
    const struct conf_row *nearest;

    if (bytes > sizeof(meant)) {
        return NULL;
    }
    for (size_t i = 0; i < bytes; i++) {
        meant[i] = (char)tolower((unsigned char)name[i]);
    }
    for (uint32_t i = 0; i < table->row_count; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%s", table->row[i].key);
        for (char *dot = strchr(keys[i], '.'); dot != NULL; dot = strchr(dot, '.')) {
            *dot = '_';
        }
        rows[i] = (struct conf_row){.key = keys[i]};
    }
    nearest = nearest_row((struct rows){.row = rows, .count = table->row_count},
                          (struct text){.data = meant, .bytes = (uint32_t)bytes});
    return nearest != NULL ? &table->row[nearest - rows] : NULL;
}

static bool
is_other(const struct conf_table *table, const char *variable, size_t name_bytes)
{
    for (const char *const *other = table->others; other != NULL && *other != NULL; other++) {
        if (strlen(*other) == name_bytes && memcmp(*other, variable, name_bytes) == 0) {
            return true;
        }
    }
    return false;
}

bool
conf_next_unknown(const struct conf *conf, char *const environment[], uint32_t *at, char *said,
                  size_t said_bytes)
{
    const char *prefix = conf->table->environment_prefix;
    size_t prefix_bytes = strlen(prefix);

    for (; environment[*at] != NULL; (*at)++) {
        const char *variable = environment[*at];
        size_t name_bytes = strcspn(variable, "=");
        const struct conf_row *nearest;

        if (strncmp(variable, prefix, prefix_bytes) != 0 ||
            row_of_variable(conf->table, variable, name_bytes) != NULL ||
            is_other(conf->table, variable, name_bytes)) {
            continue;
        }
        (*at)++;
        nearest = nearest_of_variable(conf->table, variable + prefix_bytes, name_bytes - prefix_bytes);
        snprintf(said, said_bytes, "%.*s is no setting%s%s%s", (int)name_bytes, variable,
                 nearest != NULL ? "; did you mean that of " : "", nearest != NULL ? nearest->key : "",
                 nearest != NULL ? "?" : "");
        return true;
    }
    return false;
}

int
conf_set(struct conf *conf, const char *key, const char *value, const char *name)
{
    const struct conf_row *row = find_row(rows_of(conf->table), text_of(key));

    if (row == NULL) {
        return refuse_unknown(conf, name, rows_of(conf->table), TEXT(""), text_of(key));
    }
    return set_value(conf, name, row, text_of(value), CONF_FROM_FLAG);
}

enum conf_origin
conf_origin_of(const struct conf *conf, const char *key)
{
    return conf->origin[index_of(conf, key)];
}

const char *
conf_where(const struct conf *conf, const char *key)
{
    return conf->where[index_of(conf, key)];
}

static void
print_items(const struct conf_list *list, const struct conf_items *items, const char *indent, FILE *out)
{
    for (uint32_t i = 0; i < items->count; i++) {
        for (uint32_t k = 0; k < list->row_count; k++) {
            fprintf(out, "%s  %s %s: ", indent, k == 0 ? "-" : " ", list->row[k].key);
            conf_value_print(&list->row[k],
                             (const char *)items->item + i * list->item_bytes + list->row[k].offset, out);
            fputc('\n', out);
        }
    }
}

/* Behind its key: value and origin, items below. */
static void
print_row(const struct conf *conf, const struct conf_row *row, const char *indent, FILE *out)
{
    static const char *const origins[] = {
        [CONF_DEFAULT] = "",
        [CONF_FROM_FILE] = "file ",
        [CONF_FROM_ENVIRONMENT] = "environment ",
        [CONF_FROM_FLAG] = "flag ",
    };
    const void *value = (const char *)conf->values + row->offset;
    const struct conf_items *items = row->type == CONF_ITEMS ? value : NULL;
    uint32_t i = (uint32_t)(row - conf->table->row);

    if (items == NULL) {
        conf_value_print(row, value, out);
    } else if (items->count == 0) {
        fputs("[]", out);
    }
    fprintf(out, " # %s%s\n", origins[conf->origin[i]], conf->where[i]);
    if (items != NULL) {
        print_items(row->list, items, indent, out);
    }
}

void
conf_print(const struct conf *conf, FILE *out)
{
    struct text group = {0};

    for (uint32_t i = 0; i < conf->table->row_count; i++) {
        const struct conf_row *row = &conf->table->row[i];
        const char *dot = strrchr(row->key, '.');
        struct text own_group = {.data = row->key, .bytes = dot != NULL ? (uint32_t)(dot - row->key) : 0};
        const char *indent = dot != NULL ? "  " : "";

        if (!text_equal(group, own_group) && own_group.bytes > 0) {
            fprintf(out, "%.*s:\n", (int)own_group.bytes, own_group.data);
        }
        group = own_group;
        fprintf(out, "%s# %s%s%s%s\n%s%s: ", indent, row->help, row->unit[0] != '\0' ? " (" : "", row->unit,
                row->unit[0] != '\0' ? ")" : "", indent, dot != NULL ? dot + 1 : row->key);
        print_row(conf, row, indent, out);
    }
}
