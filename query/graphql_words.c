/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_words.h"

#include <stdarg.h>
#include <stdio.h>

#define MEANT_MAX 5u

static void
add_bytes(struct graphql_words *words, const char *data, uint32_t bytes)
{
    uint32_t room = (uint32_t)sizeof(words->data) - words->bytes;

    if (bytes > room) {
        bytes = room;
        while (bytes > 0 && ((unsigned char)data[bytes] & 0xc0u) == 0x80u) {
            bytes--; /* between two characters */
        }
    }
    memcpy(words->data + words->bytes, data, bytes);
    words->bytes += bytes;
}

void
graphql_words_add(struct graphql_words *words, const char *format, ...)
{
    char text[GRAPHQL_MESSAGE_BYTES_MAX + 1];
    va_list arguments;
    int bytes;

    va_start(arguments, format);
    bytes = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (bytes > 0) {
        add_bytes(words, text, bytes < (int)sizeof(text) ? (uint32_t)bytes : (uint32_t)sizeof(text) - 1);
    }
}

/* ---- literals ---- */

static void
add_string(struct graphql_words *words, struct text text)
{
    static const char letters[] = "\b\t\n\f\r\"\\";
    static const char escapes[] = "btnfr\"\\";

    add_bytes(words, "\"", 1);
    for (uint32_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];
        const char *letter = c != '\0' ? strchr(letters, c) : NULL;
        bool is_c1 = c == 0xc2 && i + 1 < text.bytes && (unsigned char)text.data[i + 1] < 0xa0;

        if (letter != NULL) {
            graphql_words_add(words, "\\%c", escapes[letter - letters]);
        } else if (c < 0x20 || c == 0x7f) {
            graphql_words_add(words, "\\u%04X", c);
        } else if (is_c1) {
            graphql_words_add(words, "\\u%04X", (unsigned char)text.data[++i]);
        } else {
            uint32_t end = i + 1;

            while (end < text.bytes && ((unsigned char)text.data[end] & 0xc0u) == 0x80u) {
                end++;
            }
            add_bytes(words, text.data + i, end - i);
            i = end - 1;
        }
    }
    add_bytes(words, "\"", 1);
}

static void
add_block_string(struct graphql_words *words, struct text text)
{
    const char *line = text.bytes > 0 && memchr(text.data, '\n', text.bytes) != NULL ? "\n" : "";

    graphql_words_add(words, "\"\"\"%s", line);
    add_bytes(words, text.data, text.bytes);
    graphql_words_add(words, "%s\"\"\"", line);
}

static void
add_items(struct graphql_words *words, const struct graphql_ast_value *items)
{
    for (const struct graphql_ast_value *at = items; at != NULL && words->bytes < sizeof(words->data);
         at = at->next) {
        if (at->name.bytes > 0) {
            graphql_words_add(words, "%.*s: ", GRAPHQL_NAME(at->name));
        }
        graphql_words_add_value(words, at);
        if (at->next != NULL) {
            add_bytes(words, ", ", 2);
        }
    }
}

/* As deep as the parser lets it be. */
void
graphql_words_add_value(struct graphql_words *words, const struct graphql_ast_value *value)
{
    switch (value->kind) {
    case GRAPHQL_AST_VARIABLE:
        graphql_words_add(words, "$%.*s", GRAPHQL_NAME(value->text));
        break;
    case GRAPHQL_AST_STRING:
        if (value->is_block) {
            add_block_string(words, value->text);
        } else {
            add_string(words, value->text);
        }
        break;
    case GRAPHQL_AST_LIST:
        add_bytes(words, "[", 1);
        add_items(words, value->items);
        add_bytes(words, "]", 1);
        break;
    case GRAPHQL_AST_OBJECT:
        add_bytes(words, "{", 1);
        add_items(words, value->items);
        add_bytes(words, "}", 1);
        break;
    case GRAPHQL_AST_INT:
    case GRAPHQL_AST_FLOAT:
    case GRAPHQL_AST_BOOLEAN:
    case GRAPHQL_AST_NULL:
    case GRAPHQL_AST_ENUM:
        add_bytes(words, value->text.data, value->text.bytes);
        break;
    }
}

/* ---- what was meant ---- */

void
graphql_options_add(struct graphql_options *options, struct text name)
{
    REQUIRE(options->count < GRAPHQL_OPTIONS_MAX);

    options->names[options->count++] = name;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_equal_but_for_case(struct text a, struct text b)
{
    if (a.bytes != b.bytes) {
        return false;
    }
    for (uint32_t i = 0; i < a.bytes; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

#define DISTANCE_BYTES_MAX 128u

/*
 * Optimal string alignment: insertions, deletions, substitutions and swaps of two neighbours, but case counts
 * nothing here, and 1 where nothing else differs. UINT32_MAX: more than `distance_max`, or too long to tell.
 */
static uint32_t
distance_of(struct text a, struct text b, uint32_t distance_max)
{
    uint32_t rows[3][DISTANCE_BYTES_MAX + 1];

    if (text_equal(a, b)) {
        return 0;
    }
    if (is_equal_but_for_case(a, b)) {
        return 1;
    }
    if (a.bytes > DISTANCE_BYTES_MAX || b.bytes > DISTANCE_BYTES_MAX || a.bytes > b.bytes + distance_max ||
        b.bytes > a.bytes + distance_max) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= b.bytes; j++) {
        rows[0][j] = j;
    }
    for (uint32_t i = 1; i <= a.bytes; i++) {
        const uint32_t *above = rows[(i - 1) % 3];
        uint32_t *row = rows[i % 3];

        row[0] = i;
        for (uint32_t j = 1; j <= b.bytes; j++) {
            char from = lower(a.data[i - 1]);
            char to = lower(b.data[j - 1]);

            row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (from == to ? 0 : 1));
            if (i > 1 && j > 1 && from == lower(b.data[j - 2]) && lower(a.data[i - 2]) == to) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a.bytes % 3][b.bytes] <= distance_max ? rows[a.bytes % 3][b.bytes] : UINT32_MAX;
}

/* Digits count as the number they make, so that "events7d" comes before "events30d". */
static int
compare_naturally(struct text a, struct text b)
{
    uint32_t i = 0;
    uint32_t j = 0;

    while (i < a.bytes && j < b.bytes) {
        uint64_t left = (unsigned char)a.data[i++];
        uint64_t right = (unsigned char)b.data[j++];

        if (left >= '0' && left <= '9' && right >= '0' && right <= '9') {
            left -= '0';
            right -= '0';
            while (left > 0 && left < UINT32_MAX && i < a.bytes && a.data[i] >= '0' && a.data[i] <= '9') {
                left = left * 10 + (uint64_t)(a.data[i++] - '0');
            }
            while (right > 0 && right < UINT32_MAX && j < b.bytes && b.data[j] >= '0' && b.data[j] <= '9') {
                right = right * 10 + (uint64_t)(b.data[j++] - '0');
            }
        }
        if (left != right) {
            return left < right ? -1 : 1;
        }
    }
    return (int)a.bytes - (int)b.bytes;
}

struct meant {
    struct text name;
    uint32_t distance;
};

/* Into the best so far, kept in order. */
static uint32_t
insert(struct meant *best, uint32_t count, struct meant meant)
{
    uint32_t at = count;

    while (at > 0 && (meant.distance < best[at - 1].distance ||
                      (meant.distance == best[at - 1].distance &&
                       compare_naturally(meant.name, best[at - 1].name) < 0))) {
        at--;
    }
    if (at == MEANT_MAX) {
        return count;
    }
    count = least(count + 1, MEANT_MAX);
    for (uint32_t i = count - 1; i > at; i--) {
        best[i] = best[i - 1];
    }
    best[at] = meant;
    return count;
}

void
graphql_words_add_meant(struct graphql_words *words, const char *what, struct text name,
                        const struct graphql_options *options)
{
    uint32_t distance_max = name.bytes * 2 / 5 + 1;
    struct meant best[MEANT_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < options->count; i++) {
        uint32_t distance = distance_of(options->names[i], name, distance_max);

        if (distance != UINT32_MAX) {
            count = insert(best, count, (struct meant){.name = options->names[i], .distance = distance});
        }
    }
    if (count == 0) {
        return;
    }
    graphql_words_add(words, " Did you mean %s", what);
    for (uint32_t i = 0; i < count; i++) {
        const char *before = i == 0 ? "" : i + 1 < count ? ", " : count == 2 ? " or " : ", or ";

        graphql_words_add(words, "%s\"%.*s\"", before, GRAPHQL_NAME(best[i].name));
    }
    graphql_words_add(words, "?");
}
