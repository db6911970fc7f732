/* SPDX-License-Identifier: Apache-2.0 */
#include "net/write_key.h"

#include "tests/check.h"

static struct arena_pool pool;
static struct arena arena;

static struct text
find(const char *authorization, const char *x_write_key, const char *query)
{
    arena_pool_init(&pool, 1u << 20);
    arena_init(&arena, &pool, 0);
    return write_key_find(
        &(struct write_key_places){
            .authorization = text_of(authorization),
            .x_write_key = text_of(x_write_key),
            .query = text_of(query),
        },
        &arena);
}

#define CHECK_KEY(authorization, x_write_key, query, key) \
    do { \
        CHECK_TEXT(find((authorization), (x_write_key), (query)), (key)); \
        arena_reset(&arena); \
        arena_pool_deinit(&pool); \
    } while (0)

TEST(where_there_is_none_there_is_none)
{
    CHECK_KEY("", "", "", "");
    CHECK_KEY("Basic", "", "", "");
    CHECK_KEY("Basic ", "", "", "");
    CHECK_KEY("Digest a2V5", "", "", "");
    CHECK_KEY("Basica2V5", "", "", "");
    CHECK_KEY("", "  ", "writeKey=", "");
    CHECK_KEY("Basic Ojpw", "", "", ""); /* "::p" has an empty user */
}

TEST(the_user_of_basic_is_the_key)
{
    CHECK_KEY("Basic a2V5Og==", "", "", "key");           /* key: */
    CHECK_KEY("basic a2V5", "", "", "key");               /* without a colon */
    CHECK_KEY("Basic  a2V5OnNlY3JldA== ", "", "", "key"); /* key:secret */
    CHECK_KEY("Basic a2V5Og", "", "", "key");             /* without padding */
}

TEST(bearer_is_a_key_too)
{
    CHECK_KEY("Bearer key", "", "", "key");
    CHECK_KEY("bearer  key ", "", "", "key");
}

TEST(what_is_no_bearer_is_no_token)
{
    CHECK_TEXT(write_key_bearer(TEXT("")), "");
    CHECK_TEXT(write_key_bearer(TEXT("Basic a2V5Og==")), "");
    CHECK_TEXT(write_key_bearer(TEXT("Bearer")), "");
    CHECK_TEXT(write_key_bearer(TEXT("Bearertoken")), "");
    CHECK_TEXT(write_key_bearer(TEXT("bearer  a/b+c= ")), "a/b+c=");
}

TEST(the_most_deliberate_place_wins)
{
    CHECK_KEY("Bearer a", "b", "writeKey=c", "a");
    CHECK_KEY("", "b", "writeKey=c", "b");
    CHECK_KEY("", "", "x=1&writeKey=c", "c");
    CHECK_KEY("", "", "writekey=%63", "c");
    CHECK_KEY("Digest x", "b", "", "b");
}

TEST(a_key_of_a_kilobyte_is_nobodys)
{
    static char header[4096];

    memcpy(header, "Basic ", 6);
    memset(header + 6, 'Q', sizeof(header) - 7);
    CHECK_KEY(header, "", "", "");
}
