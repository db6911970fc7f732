/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * graphql_lexer - a GraphQL document as tokens
 *
 * October 2021, with "\u{...}" and characters beyond U+FFFF as in the draft after it. Blanks, commas,
 * comments and byte order marks are skipped.
 *
 * Threads  Home shard only.
 * Memory   Borrows the source as long as the tokens live; strings with escapes are copied to the arena.
 * Limits   GRAPHQL_TOKENS_MAX tokens, the end not counted; names of GRAPHQL_NAME_BYTES_MAX, so that comparing
 *          them is cheap.
 * Errors   GRAPHQL_LEXER_BAD, with one error in the list.
 */

#include "core/base.h"
#include "query/graphql_error.h"

#define GRAPHQL_TOKENS_MAX 2000u
#define GRAPHQL_NAME_BYTES_MAX 256u

enum graphql_lexer_answer {
    GRAPHQL_LEXER_BAD = 1,
};

enum graphql_token_kind {
    GRAPHQL_TOKEN_END,
    GRAPHQL_TOKEN_PUNCTUATOR, /* text is one of ! $ & ( ) ... : = @ [ ] { | } */
    GRAPHQL_TOKEN_NAME,
    GRAPHQL_TOKEN_INT,
    GRAPHQL_TOKEN_FLOAT,
    GRAPHQL_TOKEN_STRING, /* text is the value: unescaped, a block string without its indentation */
};

struct graphql_token {
    enum graphql_token_kind kind;
    bool is_block; /* a string in three quotes */
    struct text text;
    struct graphql_place place;
};

struct graphql_lexer {
    struct text source;
    struct arena *arena;
    struct graphql_errors *errors;
    uint32_t offset;
    uint32_t line;
    uint32_t line_offset;      /* where the line begins */
    uint32_t line_extra_bytes; /* beyond one for each character of the line before `offset` */
    uint32_t token_count;
};

/* Home. BAD when the source is not UTF-8. Errors go to `errors`, copies to its arena. */
MUST_USE int graphql_lexer_init(struct graphql_lexer *lexer, struct text source,
                                struct graphql_errors *errors);

/* Home. After the last token comes END, for ever. */
MUST_USE int graphql_lexer_next(struct graphql_lexer *lexer, struct graphql_token *out_token);
