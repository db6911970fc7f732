/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce_sorter.h"

#include "net/produce_client.h"
#include "tests/check.h"

#define ADD_BYTES_MAX 256u
#define A(id) "{\"tenant_id\":\"a\",\"event_id\":\"" id "\"}\n"
#define B(id) "{\"tenant_id\":\"b\",\"event_id\":\"" id "\"}\n"

static struct produce_key rows[] = {{"a", "key-of-a"}, {"b", "key-of-b"}, {"never", "n"}};
static struct produce_keys keys = {.rows = rows, .count = COUNT_OF(rows)};
static struct produce_sorter *sorter;
static struct produce_batch batch;
static char body[4 * ADD_BYTES_MAX];

static void
given_batches_of(uint32_t count)
{
    CHECK_EQ(produce_sorter_create(&keys, count, ADD_BYTES_MAX, &sorter), 0);
    CHECK(produce_sorter_bytes_max(sorter) >= count * ADD_BYTES_MAX);
}

static bool
add(const char *text, uint64_t ready_ms)
{
    return produce_sorter_add(sorter, text_of(text), (struct mono_ns){.ns = ready_ms * NS_PER_MS});
}

static struct text
take(uint64_t now_ms, bool is_end)
{
    batch = (struct produce_batch){.count = 0};
    return (struct text){.data = body,
                         .bytes = produce_sorter_take(sorter, (struct mono_ns){.ns = now_ms * NS_PER_MS},
                                                      is_end, body, &batch)};
}

TEST(nothing_is_taken_before_it_is_full_or_old_or_the_end)
{
    given_batches_of(2);
    CHECK_EQ(produce_sorter_due(sorter).ns, MONO_NEVER.ns);
    CHECK_EQ(take(1000, false).bytes, 0);
    CHECK_EQ(take(1000, true).bytes, 0);
    CHECK(!add(A("1"), 1000));
    CHECK(!add(B("2"), 1010));
    CHECK_EQ(produce_sorter_due(sorter).ns, 1050 * NS_PER_MS);
    CHECK_EQ(take(1049, false).bytes, 0);
    CHECK_TEXT(take(1050, false), A("1"));
    CHECK_TEXT(text_of(batch.key), "key-of-a");
    CHECK_EQ(batch.ready_at.ns, 1000 * NS_PER_MS);
    CHECK_EQ(take(1050, false).bytes, 0);
    CHECK_EQ(produce_sorter_due(sorter).ns, 1060 * NS_PER_MS);
    CHECK_TEXT(take(1050, true), B("2"));
    CHECK_TEXT(text_of(batch.key), "key-of-b");
    CHECK_EQ(take(9999, true).bytes, 0);
    produce_sorter_destroy(sorter);
    produce_sorter_destroy(NULL);
}

TEST(a_batch_is_of_one_tenant_in_its_order)
{
    given_batches_of(2);
    CHECK(!add(A("1"), 1000));
    CHECK(!add(B("2"), 1000));
    CHECK(add(B("3"), 1000));
    CHECK_EQ(produce_sorter_due(sorter).ns, 0);
    CHECK_DIES(add(A("4"), 1000));
    CHECK_TEXT(take(1000, false), B("2") B("3"));
    CHECK_EQ(batch.count, 2);
    CHECK_TEXT(text_of(batch.key), "key-of-b");
    CHECK(add(A("4"), 1000));
    CHECK_TEXT(take(1000, false), A("1") A("4"));
    produce_sorter_destroy(sorter);
}

TEST(a_row_that_names_nobody_stays_with_the_one_before_it)
{
    given_batches_of(2);
    CHECK(add(A("1") "{\"tenant_id\":\"a of course!\"}\n", 1000));
    CHECK_TEXT(take(1000, false), A("1") "{\"tenant_id\":\"a of course!\"}\n");
    CHECK(add(B("2") "{\"tenant_id\":\"a\n", 1000));
    CHECK_TEXT(take(1000, false), B("2") "{\"tenant_id\":\"a\n");
    CHECK(add(B("3") "\n", 1000));
    CHECK_TEXT(take(1000, false), B("3") "\n");

    /* Sent again, from a visit of another tenant. */
    CHECK(!add(A("4") B("2"), 1000));
    CHECK(add(A("5") B("3"), 1000)); /* both are full */
    CHECK_EQ(take(1000, false).bytes, 2 * strlen(A("4")));
    CHECK_EQ(take(1000, false).bytes, 2 * strlen(A("4")));
    CHECK_EQ(take(1000, true).bytes, 0);
    CHECK_DIES(add("{\"tenant_id\":\"c\"}\n", 1000));
    produce_sorter_destroy(sorter);
}
