/* SPDX-License-Identifier: Apache-2.0 */
#include "net/query_string.h"

#include "tests/check.h"

static struct arena_pool pool;
static struct arena arena;

/* "(none)" when there is none. */
static struct text
find(const char *query, const char *name)
{
    struct text value;

    arena_pool_init(&pool, 1u << 20);
    arena_init(&arena, &pool, 0);
    return query_string_find(text_of(query), text_of(name), &arena, &value) ? value : TEXT("(none)");
}

static void
done(void)
{
    arena_reset(&arena);
    arena_pool_deinit(&pool);
}

#define CHECK_FOUND(query, name, value) \
    do { \
        CHECK_TEXT(find((query), (name)), (value)); \
        done(); \
    } while (0)

TEST(what_is_not_there_is_not_found)
{
    CHECK_FOUND("", "a", "(none)");
    CHECK_FOUND("b=1", "a", "(none)");
    CHECK_FOUND("aa=1&ba=2", "a", "(none)");
    CHECK_FOUND("&&=&", "a", "(none)");
    CHECK_FOUND("A=1", "a", "(none)");
}

TEST(the_first_of_a_name_counts)
{
    CHECK_FOUND("a=1", "a", "1");
    CHECK_FOUND("b=2&a=1&a=3", "a", "1");
    CHECK_FOUND("a=x=y&b", "a", "x=y");
    CHECK_FOUND("%61=1", "a", "1");
}

TEST(a_name_alone_is_an_empty_value)
{
    CHECK_FOUND("a", "a", "");
    CHECK_FOUND("a=", "a", "");
    CHECK_FOUND("b&a&c", "a", "");
}

TEST(values_are_decoded)
{
    CHECK_FOUND("a=%7B__typename%7D", "a", "{__typename}");
    CHECK_FOUND("a=b+c%2Bd", "a", "b c+d");
    CHECK_FOUND("a=%c3%a4&b", "a", "\xc3\xa4");
}

TEST(broken_escapes_stay_as_they_are)
{
    CHECK_FOUND("a=%", "a", "%");
    CHECK_FOUND("a=%4", "a", "%4");
    CHECK_FOUND("a=%zz%41", "a", "%zzA");
    CHECK_FOUND("%=1", "%", "1");
}

TEST(a_full_arena_finds_nothing)
{
    struct text value;

    arena_pool_init(&pool, 1u << 20);
    arena_init(&arena, &pool, 16);
    (void)!arena_take(&arena, 16);
    CHECK(!query_string_find(TEXT("a=%41"), TEXT("a"), &arena, &value));
    CHECK(query_string_find(TEXT("a=A"), TEXT("a"), &arena, &value)); /* needs none */
    done();
}
