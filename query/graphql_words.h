/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_words - a message of validation while it is put together
 *
 * Messages say what the reference implementation says, so that people find them when they search: literals
 * are printed as GraphQL, and who misspelt a name is told which one was meant.
 *
 * Threads  Home shard only.
 * Limits   GRAPHQL_MESSAGE_BYTES_MAX; what is longer is cut. GRAPHQL_OPTIONS_MAX names to choose from.
 */

#include "query/graphql_ast.h"

#define GRAPHQL_OPTIONS_MAX 64u

struct graphql_words {
    char data[GRAPHQL_MESSAGE_BYTES_MAX];
    uint32_t bytes;
};

/* Names that could have been meant. */
struct graphql_options {
    struct text names[GRAPHQL_OPTIONS_MAX];
    uint32_t count;
};

/* Home. Begins empty: {.bytes = 0}. */
PRINTF_LIKE(2, 3)
void graphql_words_add(struct graphql_words *words, const char *format, ...);
/* Home. A literal. */
void graphql_words_add_value(struct graphql_words *words, const struct graphql_ast_value *value);
/*
 * Home. " Did you mean "a", "b", or "c"?", those most like `name` first; nothing when none is like it. `what`
 * stands before them: "" or "the enum value ".
 */
void graphql_words_add_meant(struct graphql_words *words, const char *what, struct text name,
                             const struct graphql_options *options);

/* Home. REQUIREs that there is room. */
void graphql_options_add(struct graphql_options *options, struct text name);

/* Home. Lends the text until the words change. */
static inline struct text
graphql_words_text(const struct graphql_words *words)
{
    return (struct text){.data = words->data, .bytes = words->bytes};
}
