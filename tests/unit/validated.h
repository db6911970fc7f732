/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * validated - a document after validation, for the tests of its rules
 *
 * Threads  One.
 */

#include "query/graphql_validate.h"

#include "core/arena.h"
#include "query/graphql_parser.h"
#include "tests/check.h"
#include "tests/unit/written.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;
static struct graphql_ast_document document;

static inline bool
validate(const char *source)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, 0);
    graphql_errors_init(&errors, &arena);
    if (graphql_parse(text_of(source), &errors, &document) != 0) {
        check_failed(__FILE__, __LINE__, "does not parse: %s", source);
    }
    return graphql_validate(&document, &errors);
}

static inline void
accepts(const char *source)
{
    if (!validate(source)) {
        check_failed(__FILE__, __LINE__, "refused: %s: %.*s", source, (int)errors.first->message.bytes,
                     errors.first->message.data);
    }
}

/* With one error, of exactly these words and places: "Unknown fragment "a". 1:5". */
static inline void
refuses(const char *source, const char *said)
{
    static char text[2000];
    struct written written = {.to = text, .room = sizeof(text)};

    if (validate(source)) {
        check_failed(__FILE__, __LINE__, "accepted: %s", source);
    }
    write_on(&written, "%.*s", (int)errors.first->message.bytes, errors.first->message.data);
    for (uint32_t i = 0; i < errors.first->place_count; i++) {
        write_on(&written, " %u:%u", errors.first->places[i].line, errors.first->places[i].column);
    }
    CHECK_TEXT(text_of(text), said);
    if (errors.count != 1) {
        check_failed(__FILE__, __LINE__, "%u errors: %s", errors.count, source);
    }
}
