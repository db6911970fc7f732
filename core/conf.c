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
 * Depth is bounded by the keys of the table, so there is no recursion to bound.
 */

#include "core/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <fcntl.h>
#include <unistd.h>

#include <yaml.h>

#define DEPTH_MAX 4u
#define GROUP_COUNT_MAX 32u
#define DURATION_MS_MAX (UINT64_C(100) * 365 * 24 * 3600 * 1000)
#define ROW_NONE UINT32_MAX

struct suffix {
    const char *name;
    uint64_t factor;
};

static const struct suffix bytes_suffixes[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};
static const struct suffix duration_suffixes[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static PRINTF_LIKE(2, 3) int refuse(struct conf *conf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(conf->problem, sizeof(conf->problem), format, arguments);
    va_end(arguments);
    return CONF_REFUSED;
}

static uint32_t
find_row(const struct conf_table *table, struct text key)
{
    for (uint32_t row = 0; row < table->row_count; row++) {
        if (text_equal(text_of(table->row[row].key), key)) {
            return row;
        }
    }
    return ROW_NONE;
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

static int
refuse_unknown(struct conf *conf, const char *where, struct text key)
{
    uint32_t nearest = ROW_NONE;
    uint32_t least = 4;

    if (key.bytes <= CONF_KEY_BYTES_MAX) {
        for (uint32_t row = 0; row < conf->table->row_count; row++) {
            uint32_t distance = edit_distance(key, text_of(conf->table->row[row].key));
            if (distance < least) {
                least = distance;
                nearest = row;
            }
        }
    }
    if (nearest == ROW_NONE) {
        return refuse(conf, "%s: unknown key %.*s", where, (int)key.bytes, key.data);
    }
    return refuse(conf, "%s: unknown key %.*s; did you mean %s?", where, (int)key.bytes, key.data,
                  conf->table->row[nearest].key);
}

/* Digits, perhaps a space, and a suffix of the list. False for anything else, and for what overflows. */
static bool
parse_amount(struct text value, const struct suffix *suffixes, uint32_t suffix_count, uint64_t *out_amount)
{
    uint64_t amount = 0;
    uint32_t at = 0;

    for (; at < value.bytes && isdigit((unsigned char)value.data[at]); at++) {
        if (__builtin_mul_overflow(amount, 10, &amount) ||
            __builtin_add_overflow(amount, (uint64_t)(value.data[at] - '0'), &amount)) {
            return false;
        }
    }
    if (at == 0) {
        return false;
    }
    while (at < value.bytes && value.data[at] == ' ') {
        at++;
    }
    for (uint32_t i = 0; i < suffix_count; i++) {
        struct text rest = {.data = value.data + at, .bytes = value.bytes - at};
        if (text_equal(rest, text_of(suffixes[i].name))) {
            return !__builtin_mul_overflow(amount, suffixes[i].factor, out_amount);
        }
    }
    return false;
}

/* The largest suffix that loses nothing: 1800000 is "30m". */
static void
format_amount(char *out, size_t bytes_max, uint64_t amount, const struct suffix *suffixes,
              uint32_t suffix_count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < suffix_count && amount > 0; i++) {
        if (amount % suffixes[i].factor == 0 && suffixes[i].factor > suffixes[best].factor) {
            best = i;
        }
    }
    if (best == 0 && suffixes == duration_suffixes) {
        best = 1; /* "ms" is said */
    }
    snprintf(out, bytes_max, "%llu%s", (unsigned long long)(amount / suffixes[best].factor),
             suffixes[best].name);
}

static void
format_row_amount(char *out, size_t bytes_max, const struct conf_row *row, uint64_t amount)
{
    if (row->type == CONF_BYTES) {
        format_amount(out, bytes_max, amount, bytes_suffixes, COUNT_OF(bytes_suffixes));
    } else if (row->type == CONF_DURATION) {
        format_amount(out, bytes_max, amount, duration_suffixes, COUNT_OF(duration_suffixes));
    } else {
        snprintf(out, bytes_max, "%llu", (unsigned long long)amount);
    }
}

static int
refuse_value(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
             const char *wanted)
{
    return refuse(conf, "%s: %s: \"%.*s\" is not %s", where, row->key,
                  value.bytes < 100 ? (int)value.bytes : 100, value.data, wanted);
}

static int
set_amount(struct conf *conf, const char *where, const struct conf_row *row, struct text value, void *target)
{
    uint64_t max = row->max != 0 ? row->max : row->type == CONF_DURATION ? DURATION_MS_MAX : UINT64_MAX;
    uint64_t amount = 0;
    char range[2][32];
    bool is_good;

    if (row->type == CONF_BYTES) {
        is_good = parse_amount(value, bytes_suffixes, COUNT_OF(bytes_suffixes), &amount);
        if (!is_good) {
            return refuse_value(conf, where, row, value, "a size like 4096, 256KiB, 32MiB or 1GiB");
        }
    } else if (row->type == CONF_DURATION) {
        is_good = parse_amount(value, duration_suffixes, COUNT_OF(duration_suffixes), &amount);
        if (!is_good) {
            return refuse_value(conf, where, row, value, "a duration like 500ms, 60s, 30m, 24h or 7d");
        }
    } else {
        is_good = parse_amount(value, bytes_suffixes, 1, &amount);
        if (!is_good) {
            return refuse_value(conf, where, row, value, "a whole number");
        }
    }
    if (amount < row->min || amount > max) {
        format_row_amount(range[0], sizeof(range[0]), row, row->min);
        format_row_amount(range[1], sizeof(range[1]), row, max);
        return refuse(conf, "%s: %s: %.*s is not from %s to %s", where, row->key, (int)value.bytes,
                      value.data, range[0], range[1]);
    }
    memcpy(target, &amount, sizeof(amount)); /* a duration is an int64_t and far below its end */
    return 0;
}

static int
set_flag(struct conf *conf, const char *where, const struct conf_row *row, struct text value, bool *target)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (uint32_t i = 0; i < COUNT_OF(words); i++) {
        if (value.bytes == strlen(words[i]) && strncasecmp(value.data, words[i], value.bytes) == 0) {
            *target = i % 2 == 1;
            return 0;
        }
    }
    return refuse_value(conf, where, row, value, "true or false");
}

static int
set_choice(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
           uint32_t *target)
{
    const char *choice = row->unit;

    for (uint32_t place = 0;; place++) {
        const char *end = strchrnul(choice, '|');

        if (text_equal(value, (struct text){.data = choice, .bytes = (uint32_t)(end - choice)})) {
            *target = place;
            return 0;
        }
        if (*end == '\0') {
            break;
        }
        choice = end + 1;
    }
    return refuse(conf, "%s: %s: \"%.*s\" is not one of %s", where, row->key,
                  value.bytes < 100 ? (int)value.bytes : 100, value.data, row->unit);
}

static bool
is_printable(struct text value)
{
    for (uint32_t i = 0; i < value.bytes; i++) {
        unsigned char byte = (unsigned char)value.data[i];
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return value.bytes > 0 && value.bytes <= CONF_TEXT_BYTES_MAX;
}

static int
copy_text(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
          struct text *out_copy)
{
    char *copy;

    if (!is_printable(value)) {
        return refuse_value(conf, where, row, TEXT(""),
                            "a text: empty, too long, or with control characters");
    }
    copy = arena_take(&conf->arena, value.bytes + 1);
    if (copy == NULL) {
        return refuse(conf, "%s: %s: too much text in all", where, row->key);
    }
    memcpy(copy, value.data, value.bytes);
    copy[value.bytes] = '\0';
    *out_copy = (struct text){.data = copy, .bytes = value.bytes};
    return 0;
}

static int
add_item(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
         struct conf_texts *texts)
{
    struct text copy;
    int r;

    if (texts->item == NULL) {
        texts->item = arena_take_zero(&conf->arena, CONF_ITEM_COUNT_MAX * sizeof(struct text));
    }
    if (texts->item == NULL || texts->count == CONF_ITEM_COUNT_MAX) {
        return refuse(conf, "%s: %s: more than %u items", where, row->key, CONF_ITEM_COUNT_MAX);
    }
    r = copy_text(conf, where, row, value, &copy);
    if (r != 0) {
        return r;
    }
    texts->item[texts->count] = copy;
    texts->count++;
    return 0;
}

static struct text
trim(struct text value)
{
    while (value.bytes > 0 && value.data[0] == ' ') {
        value.data++;
        value.bytes--;
    }
    while (value.bytes > 0 && value.data[value.bytes - 1] == ' ') {
        value.bytes--;
    }
    return value;
}

/* Items between commas; empty ones are none. */
static int
set_texts(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
          struct conf_texts *target)
{
    struct conf_texts texts = {0};

    while (value.bytes > 0) {
        const char *comma = memchr(value.data, ',', value.bytes);
        uint32_t bytes = comma != NULL ? (uint32_t)(comma - value.data) : value.bytes;
        struct text item = trim((struct text){.data = value.data, .bytes = bytes});

        if (item.bytes > 0) {
            int r = add_item(conf, where, row, item, &texts);
            if (r != 0) {
                return r;
            }
        }
        bytes += comma != NULL;
        value = (struct text){.data = value.data + bytes, .bytes = value.bytes - bytes};
    }
    *target = texts;
    return 0;
}

static int
set_value(struct conf *conf, const char *where, uint32_t row_index, struct text value,
          enum conf_origin origin)
{
    const struct conf_row *row = &conf->table->row[row_index];
    void *target = (char *)conf->values + row->offset;
    struct text copy;
    int r = 0;

    switch (row->type) {
    case CONF_TEXT:
        r = copy_text(conf, where, row, value, &copy);
        if (r == 0) {
            *(const char **)target = copy.data;
        }
        break;
    case CONF_FLAG:
        r = set_flag(conf, where, row, value, target);
        break;
    case CONF_COUNT:
    case CONF_BYTES:
    case CONF_DURATION:
        r = set_amount(conf, where, row, value, target);
        break;
    case CONF_CHOICE:
        r = set_choice(conf, where, row, value, target);
        break;
    case CONF_TEXTS:
        r = set_texts(conf, where, row, value, target);
        break;
    }
    if (r == 0) {
        conf->origin[row_index] = origin;
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
    for (uint32_t row = 0; row < table->row_count; row++) {
        int r = set_value(conf, "default", row, text_of(table->row[row].initial), CONF_DEFAULT);
        REQUIRE(strlen(table->row[row].key) <= CONF_KEY_BYTES_MAX);
        REQUIRE(r == 0);
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
    char path[CONF_KEY_BYTES_MAX * 2];
    uint32_t path_bytes[DEPTH_MAX]; /* of the group that each open mapping is */
    uint32_t key_bytes;             /* of path with the key; 0: no key is read */
    uint32_t row;                   /* of the key; ROW_NONE: it is a group */
    bool is_in_list;
    struct conf_texts list;
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

static int
note_group(struct reader *reader, struct text key)
{
    for (uint32_t i = 0; i < reader->group_count; i++) {
        if (text_equal(reader->group[i], key)) {
            return refuse(reader->conf, "%s: %.*s is there twice", reader->where, (int)key.bytes, key.data);
        }
    }
    if (reader->group_count == GROUP_COUNT_MAX) {
        return refuse(reader->conf, "%s: too many groups", reader->where);
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
    struct text key;

    if (name.bytes == 0 || name.bytes > CONF_KEY_BYTES_MAX || bytes > CONF_KEY_BYTES_MAX - 1 ||
        !is_printable(name)) {
        return refuse(conf, "%s: that is not a key", reader->where);
    }
    if (bytes > 0) {
        reader->path[bytes] = '.';
        bytes++;
    }
    memcpy(reader->path + bytes, name.data, name.bytes);
    reader->key_bytes = bytes + name.bytes;

    key = reader_key(reader);
    reader->row = find_row(conf->table, key);
    if (reader->row == ROW_NONE) {
        return is_group(conf->table, key) ? note_group(reader, key)
                                          : refuse_unknown(conf, reader->where, key);
    }
    if (conf->line[reader->row] != 0) {
        return refuse(conf, "%s: %.*s is there twice; it is on line %u too", reader->where, (int)key.bytes,
                      key.data, conf->line[reader->row]);
    }
    conf->line[reader->row] = (uint32_t)line_index + 1;
    return 0;
}

static bool
is_null(struct text value, bool is_plain)
{
    return is_plain && (value.bytes == 0 || text_equal(value, TEXT("~")) || text_equal(value, TEXT("null")));
}

static int
on_scalar(struct reader *reader, struct text value, bool is_plain, size_t line_index)
{
    struct conf *conf = reader->conf;
    struct text key = reader_key(reader);
    int r;

    if (reader->depth == 0) {
        if (is_null(value, is_plain)) {
            return 0; /* a file of comments */
        }
        return refuse(conf, "%s: no `key: value` here", reader->where);
    }
    if (reader->is_in_list) {
        return add_item(conf, reader->where, &conf->table->row[reader->row], value, &reader->list);
    }
    if (reader->key_bytes == 0) {
        return on_key(reader, value, line_index);
    }
    if (is_null(value, is_plain) && reader->row != ROW_NONE) {
        return refuse(conf, "%s: %.*s has no value; leave the key out for its default", reader->where,
                      (int)key.bytes, key.data);
    }
    if (reader->row == ROW_NONE) {
        reader->key_bytes = 0;
        if (is_null(value, is_plain)) {
            return 0; /* a group whose keys are all commented out */
        }
        return refuse(conf, "%s: %.*s is a group of keys", reader->where, (int)key.bytes, key.data);
    }
    if (conf->table->row[reader->row].type == CONF_TEXTS) {
        return refuse(conf, "%s: %.*s is a list: [a, b]", reader->where, (int)key.bytes, key.data);
    }
    r = set_value(conf, reader->where, reader->row, value, CONF_FROM_FILE);
    reader->key_bytes = 0;
    return r;
}

static int
on_mapping(struct reader *reader)
{
    struct text key = reader_key(reader);

    if (reader->depth > 0 && reader->key_bytes == 0) {
        return refuse(reader->conf, "%s: that is not a key", reader->where);
    }
    if (reader->is_in_list || (reader->depth > 0 && reader->row != ROW_NONE)) {
        return refuse(reader->conf, "%s: %.*s is not a group of keys", reader->where, (int)key.bytes,
                      key.data);
    }
    REQUIRE(reader->depth < DEPTH_MAX); /* groups are in the table, and its keys are not that deep */
    reader->path_bytes[reader->depth] = reader->key_bytes;
    reader->depth++;
    reader->key_bytes = 0;
    return 0;
}

static int
on_list(struct reader *reader)
{
    struct text key = reader_key(reader);

    if (reader->key_bytes == 0) {
        return refuse(reader->conf, "%s: no `key: value` here", reader->where);
    }
    if (reader->is_in_list || reader->row == ROW_NONE ||
        reader->conf->table->row[reader->row].type != CONF_TEXTS) {
        return refuse(reader->conf, "%s: %.*s is not a list%s", reader->where, (int)key.bytes, key.data,
                      reader->is_in_list ? " of lists" : "");
    }
    reader->is_in_list = true;
    reader->list = (struct conf_texts){0};
    return 0;
}

static void
on_list_end(struct reader *reader)
{
    struct conf *conf = reader->conf;

    *(struct conf_texts *)(void *)((char *)conf->values + conf->table->row[reader->row].offset) =
        reader->list;
    conf->origin[reader->row] = CONF_FROM_FILE;
    reader->is_in_list = false;
    reader->key_bytes = 0;
}

static int
on_event(struct reader *reader, const yaml_event_t *event)
{
    struct text value;

    point_at(reader, event->start_mark.line);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        reader->document_count++;
        return reader->document_count == 1 ? 0 : refuse(reader->conf, "%s: a second document", reader->where);
    case YAML_ALIAS_EVENT:
        return refuse(reader->conf, "%s: an alias; write the value out", reader->where);
    case YAML_SCALAR_EVENT:
        value = (struct text){.data = (const char *)event->data.scalar.value,
                              .bytes = (uint32_t)event->data.scalar.length};
        return on_scalar(reader, value, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
                         event->start_mark.line);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(reader);
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        reader->key_bytes = 0;
        return 0;
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
    return refuse(reader->conf, "%s: not YAML: %s", reader->where,
                  parser->problem != NULL ? parser->problem : "out of memory");
}

int
conf_read(struct conf *conf, const char *name, struct text yaml)
{
    struct reader reader = {.conf = conf, .name = name, .row = ROW_NONE};
    bool is_done = false;
    int r = 0;

    if (yaml.bytes > CONF_FILE_BYTES_MAX) {
        return refuse(conf, "%s: larger than %u bytes", name, CONF_FILE_BYTES_MAX);
    }
    memset(conf->line, 0, sizeof(conf->line));
    if (!yaml_parser_initialize(&reader.parser)) {
        return fault_new(-ENOMEM);
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(yaml.bytes > 0 ? yaml.data : ""),
                                 yaml.bytes);
    while (r == 0 && !is_done) {
        yaml_event_t event;

        if (!yaml_parser_parse(&reader.parser, &event)) {
            r = refuse_yaml(&reader);
            break;
        }
        r = on_event(&reader, &event);
        is_done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&reader.parser);
    return r;
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

int
conf_read_environment(struct conf *conf, char *const environment[])
{
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        size_t name_bytes = equals != NULL ? (size_t)(equals - *environment) : 0;

        if (equals == NULL || equals[1] == '\0') {
            continue;
        }
        for (uint32_t row = 0; row < conf->table->row_count; row++) {
            const char *key = conf->table->row[row].key;
            char where[128];
            int r;

            if (!is_variable_of(*environment, name_bytes, conf->table->environment_prefix, key)) {
                continue;
            }
            snprintf(where, sizeof(where), "%.*s", (int)name_bytes, *environment);
            r = set_value(conf, where, row, text_of(equals + 1), CONF_FROM_ENVIRONMENT);
            if (r != 0) {
                return r;
            }
        }
    }
    return 0;
}

int
conf_set(struct conf *conf, const char *key, const char *value, const char *name)
{
    uint32_t row = find_row(conf->table, text_of(key));

    if (row == ROW_NONE) {
        return refuse_unknown(conf, name, text_of(key));
    }
    return set_value(conf, name, row, text_of(value), CONF_FROM_FLAG);
}

enum conf_origin
conf_origin_of(const struct conf *conf, const char *key)
{
    uint32_t row = find_row(conf->table, text_of(key));

    REQUIRE(row != ROW_NONE);
    return conf->origin[row];
}

/* Double quotes: what is_printable() let in needs no more than these. */
static void
print_quoted(struct text value, FILE *out)
{
    fputc('"', out);
    for (uint32_t i = 0; i < value.bytes; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\') {
            fputc('\\', out);
        }
        fputc(value.data[i], out);
    }
    fputc('"', out);
}

static void
print_choice(const struct conf_row *row, uint32_t place, FILE *out)
{
    const char *choice = row->unit;

    for (; place > 0; place--) {
        choice = strchrnul(choice, '|') + 1;
    }
    fprintf(out, "%.*s", (int)(strchrnul(choice, '|') - choice), choice);
}

static void
print_texts(const struct conf_texts *texts, FILE *out)
{
    fputc('[', out);
    for (uint32_t i = 0; i < texts->count; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_quoted(texts->item[i], out);
    }
    fputc(']', out);
}

static void
print_value(const struct conf_row *row, const void *target, FILE *out)
{
    char amount[32];
    uint64_t number;

    switch (row->type) {
    case CONF_TEXT:
        print_quoted(text_of(*(const char *const *)target), out);
        break;
    case CONF_FLAG:
        fputs(*(const bool *)target ? "true" : "false", out);
        break;
    case CONF_COUNT:
    case CONF_BYTES:
    case CONF_DURATION:
        memcpy(&number, target, sizeof(number));
        format_row_amount(amount, sizeof(amount), row, number);
        fputs(amount, out);
        break;
    case CONF_CHOICE:
        print_choice(row, *(const uint32_t *)target, out);
        break;
    case CONF_TEXTS:
        print_texts(target, out);
        break;
    }
}

void
conf_print(const struct conf *conf, FILE *out)
{
    static const char *const origins[] = {
        [CONF_DEFAULT] = "default",
        [CONF_FROM_FILE] = "file",
        [CONF_FROM_ENVIRONMENT] = "environment",
        [CONF_FROM_FLAG] = "flag",
    };
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
        print_value(row, (const char *)conf->values + row->offset, out);
        fprintf(out, " # %s\n", origins[conf->origin[i]]);
    }
}
