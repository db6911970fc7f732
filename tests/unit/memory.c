/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include "shards/memory.h"
#include "shards/node.h"

static struct node node;
static struct region region;
static int fatal_status;

static void
fatal(struct node *fatal_node, int status, const char *what)
{
    (void)fatal_node;
    (void)what;
    fatal_status = status;
    base_die("TEST", "fatal", __FILE__, status);
}

static struct memory
given_memory(uint64_t bytes_max)
{
    CHECK_EQ(region_init(&region, bytes_max), 0);
    node.fatal = fatal;
    return (struct memory){.region = &region, .node = &node};
}

TEST(the_node_ends_where_there_is_no_memory)
{
    struct memory memory = given_memory(65536);
    uint32_t capacity = 0;

    CHECK_DIES((void)!memory_take(&memory, 1 << 20));
    CHECK_DIES((void)!memory_grow(&memory, NULL, &capacity, 0, 1 << 20));
    CHECK_DIES(memory_text(&memory, (struct text){.data = "", .bytes = 1 << 20}));
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(an_array_grows_and_keeps_what_is_in_it)
{
    struct memory memory = given_memory(1 << 20);
    uint32_t *array = NULL;
    uint32_t capacity = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        array = memory_grow(&memory, array, &capacity, i, sizeof(*array));
        array[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(array[i], i);
    }
    memory_put(&memory, array, capacity * sizeof(*array));
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}

TEST(little_of_a_large_array_is_room)
{
    struct memory memory = given_memory(UINT64_C(64) << 20);
    uint64_t *array = NULL;
    uint32_t capacity = 0;

    for (uint32_t i = 0; i < 1000000; i++) {
        array = memory_grow(&memory, array, &capacity, i, sizeof(*array));
        array[i] = i;
        CHECK(i < 8192 || capacity <= i + i / 8 + 4096);
    }
    CHECK_EQ(array[0], 0);
    CHECK_EQ(array[99999], 99999);
    memory_put(&memory, array, capacity * sizeof(*array));
    CHECK_EQ(region_used(&region), 0);
    region_deinit(&region);
}
