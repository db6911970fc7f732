/* SPDX-License-Identifier: Apache-2.0 */

#include "core/conf_value.h"

#include <ctype.h>
#include <stdarg.h>

#include "core/time_text.h"

/* A power of two. */
#define ITEMS_AT_FIRST 8u
#define DURATION_MS_MAX (UINT64_C(100) * 365 * 24 * 3600 * 1000)

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

int
conf_refuse(struct conf *conf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(conf->problem, sizeof(conf->problem), format, arguments);
    va_end(arguments);
    return CONF_REFUSED;
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
    return conf_refuse(conf, "%s: %s: \"%.*s\" is not %s", where, row->key,
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
        return conf_refuse(conf, "%s: %s: %.*s is not from %s to %s", where, row->key, (int)value.bytes,
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
    return conf_refuse(conf, "%s: %s: \"%.*s\" is not one of %s", where, row->key,
                       value.bytes < 100 ? (int)value.bytes : 100, value.data, row->unit);
}

bool
conf_is_printable(struct text value)
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

    if (!conf_is_printable(value)) {
        return refuse_value(conf, where, row, TEXT(""),
                            "a text: empty, too long, or with control characters");
    }
    copy = arena_take(&conf->arena, value.bytes + 1);
    if (copy == NULL) {
        return conf_refuse(conf, "%s: %s: too much text in all", where, row->key);
    }
    memcpy(copy, value.data, value.bytes);
    copy[value.bytes] = '\0';
    *out_copy = (struct text){.data = copy, .bytes = value.bytes};
    return 0;
}

void *
conf_grow(struct conf *conf, void *items, uint32_t count, uint64_t item_bytes)
{
    void *more;

    if (count == CONF_ITEM_COUNT_MAX) {
        return NULL;
    }
    if (count != 0 && (count < ITEMS_AT_FIRST || (count & (count - 1)) != 0)) {
        return items;
    }
    more = arena_take_zero(&conf->arena, (count == 0 ? ITEMS_AT_FIRST : 2 * count) * item_bytes);
    if (more != NULL && count > 0) {
        memcpy(more, items, count * item_bytes);
    }
    return more;
}

int
conf_value_add(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
               struct conf_texts *texts)
{
    struct text *items = conf_grow(conf, texts->item, texts->count, sizeof(struct text));
    struct text copy;
    int r;

    if (items == NULL) {
        return conf_refuse(conf, "%s: %s: more than %u items", where, row->key, CONF_ITEM_COUNT_MAX);
    }
    r = copy_text(conf, where, row, value, &copy);
    if (r != 0) {
        return r;
    }
    texts->item = items;
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
            int r = conf_value_add(conf, where, row, item, &texts);
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

/* A day is its beginning. */
static int
set_time(struct conf *conf, const char *where, const struct conf_row *row, struct text value, int64_t *target)
{
    static const char of_day[] = "T00:00:00Z";
    char whole[10 + sizeof(of_day)];
    struct event_ms time;

    if (text_equal(value, TEXT("never"))) {
        *target = CONF_NEVER;
        return 0;
    }
    if (value.bytes == 10) {
        memcpy(whole, value.data, value.bytes);
        memcpy(whole + value.bytes, of_day, sizeof(of_day));
        value = text_of(whole);
    }
    if (!time_text_parse(value, &time)) {
        return refuse_value(conf, where, row, value, "a time like 2027-01-31, 2027-01-31T12:00:00Z or never");
    }
    *target = time.ms;
    return 0;
}

int
conf_value_set(struct conf *conf, const char *where, const struct conf_row *row, struct text value,
               void *target)
{
    struct text copy;
    int r = 0;

    switch (row->type) {
    case CONF_TEXT:
        if (value.bytes == 0 && row->initial != NULL && row->initial[0] == '\0') {
            *(const char **)target = "";
            return 0;
        }
        r = copy_text(conf, where, row, value, &copy);
        if (r == 0) {
            *(const char **)target = copy.data;
        }
        return r;
    case CONF_FLAG:
        return set_flag(conf, where, row, value, target);
    case CONF_COUNT:
    case CONF_BYTES:
    case CONF_DURATION:
        return set_amount(conf, where, row, value, target);
    case CONF_CHOICE:
        return set_choice(conf, where, row, value, target);
    case CONF_TEXTS:
        return set_texts(conf, where, row, value, target);
    case CONF_TIME:
        return set_time(conf, where, row, value, target);
    case CONF_ITEMS:
        break;
    }
    base_die("REQUIRE", "a value without items", __FILE__, __LINE__);
}

/* Double quotes: what conf_is_printable() let in needs no more than these. */
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

void
conf_value_print(const struct conf_row *row, const void *target, FILE *out)
{
    char amount[32];
    char time[TIME_TEXT_BYTES];
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
    case CONF_TIME:
        time_text_format(*(const int64_t *)target, time);
        fputs(*(const int64_t *)target == CONF_NEVER ? "never" : time, out);
        break;
    case CONF_ITEMS:
        break; /* conf_print() goes into them */
    }
}
