/* SPDX-License-Identifier: Apache-2.0 */
#include "query/graphql_error.h"

#include "core/json_out.h"
#include "tests/check.h"

static struct arena_pool pool; /* empty, and keeps nothing */
static struct arena arena;
static struct graphql_errors errors;

static void
given_a_list(uint64_t bytes_max)
{
    if (arena.pool != NULL) {
        arena_reset(&arena);
    }
    arena_init(&arena, &pool, bytes_max);
    graphql_errors_init(&errors, &arena);
}

static struct text
written(void)
{
    static struct arena other;
    static struct json_out out;

    if (other.pool != NULL) {
        arena_reset(&other);
    }
    arena_init(&other, &pool, 0);
    json_out_init(&out, &other);
    graphql_errors_write(&errors, &out);
    return json_out_finish(&out);
}

TEST(a_full_arena_still_has_something_to_say)
{
    given_a_list(16);
    graphql_error_add(&errors, (struct graphql_place){0}, "CODE", "lost");
    CHECK(graphql_errors_any(&errors));
    CHECK_TEXT(written(), "[{\"message\":\"The request needs more memory than one request may use.\","
                          "\"extensions\":{\"code\":\"TOO_LARGE\"}}]");
}

TEST(more_errors_than_the_limit_are_counted_and_dropped)
{
    given_a_list(0);
    for (uint32_t i = 0; i < GRAPHQL_ERRORS_MAX + 3; i++) {
        graphql_error_add(&errors, (struct graphql_place){0}, "CODE", "%u", i);
    }
    CHECK_EQ(errors.count, GRAPHQL_ERRORS_MAX);
    CHECK_EQ(errors.dropped_count, 3);
}

TEST(a_long_message_is_cut)
{
    given_a_list(0);
    graphql_error_add(&errors, (struct graphql_place){0}, "CODE", "%2000d", 1);
    CHECK_EQ(errors.first->message.bytes, GRAPHQL_MESSAGE_BYTES_MAX);
}

TEST(an_empty_list_is_not_written)
{
    given_a_list(0);
    CHECK(!graphql_errors_any(&errors));
    CHECK_DIES(written());
}

TEST(errors_are_written_in_order_with_place_path_and_code)
{
    struct graphql_path nodes = {.key = TEXT("nodes")};
    struct graphql_path third = {.parent = &nodes, .index = 3};
    struct graphql_path traits = {.parent = &third, .key = TEXT("traits")};

    given_a_list(0);
    graphql_error_add(&errors, (struct graphql_place){.line = 2, .column = 7}, "A", "say \"%s\"", "no");
    graphql_error_add_at(&errors, (struct graphql_place){0}, &traits, "B", "late");
    CHECK_TEXT(written(),
               "[{\"message\":\"say \\\"no\\\"\",\"locations\":[{\"line\":2,\"column\":7}],"
               "\"extensions\":{\"code\":\"A\"}},"
               "{\"message\":\"late\",\"path\":[\"nodes\",3,\"traits\"],\"extensions\":{\"code\":\"B\"}}]");
}
