/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_request.h"

#include "core/arena.h"
#include "tests/fuzz/fuzz.h"

/* Every selection is where the plan says it is, and no deeper than allowed. */
static uint32_t
count(const struct graphql_selection *at, uint32_t depth)
{
    uint32_t all = 0;

    REQUIRE(depth <= 2 * GRAPHQL_DEPTH_MAX);
    for (; at != NULL; at = at->next) {
        REQUIRE(at->response_key.bytes > 0);
        all += 1 + count(at->children, depth + 1);
    }
    return all;
}

/* The document, and behind the first NUL byte its variables. */
FUZZ(data, bytes)
{
    static struct arena_pool pool;
    struct arena arena;
    struct graphql_plan plan;
    struct json_tree *variables = NULL;
    const uint8_t *end = bytes == 0 ? NULL : memchr(data, 0, bytes);
    const size_t query_bytes = end == NULL ? bytes : (size_t)(end - data);
    const struct text query = fuzz_copy(data, query_bytes, 0);

    arena_init(&arena, &pool, 0);
    if (end != NULL) {
        const struct text text = {.data = (const char *)end + 1,
                                  .bytes = (uint32_t)(bytes - query_bytes - 1)};
        if (json_tree_parse(&arena, text, &variables) != 0) {
            variables = NULL;
        }
    }
    if (graphql_prepare(&arena, query, (struct text){.bytes = 0}, variables, &plan) == 0) {
        REQUIRE(count(plan.selections, 1) <= GRAPHQL_EXPANSIONS_MAX);
    } else {
        REQUIRE(plan.errors.first != NULL);
        REQUIRE(plan.errors.first->message.bytes > 0);
    }
    arena_reset(&arena);
    fuzz_free(query);
    return 0;
}
