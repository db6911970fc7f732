/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

TEST(a_broken_contract_dies)
{
    CHECK_DIES(REQUIRE(1 + 1 == 3));
    CHECK_DIES(ASSERT(false));
}

TEST(a_kept_contract_lives_and_is_evaluated_once)
{
    int count = 0;

    REQUIRE(++count == 1);
    ASSERT(++count == 2);
    CHECK_EQ(count, 2);
}

#ifdef MILLRACE_AUDIT
TEST(an_audit_dies_where_it_is_on)
{
    CHECK_DIES(AUDIT(false));
}
#else
TEST(an_audit_costs_nothing_where_it_is_off)
{
    int count = 0;

    AUDIT(++count == 1);
    CHECK_EQ(count, 0);
}
#endif

TEST(a_fault_is_negative)
{
    CHECK_DIES((void)fault_new(EIO));
    CHECK_DIES((void)fault_new(0));
    CHECK_EQ(fault_new(-EIO), -EIO);
}

TEST(an_answer_passes_without_a_trail)
{
    (void)fault_new(-EIO);
    CHECK_EQ(fault_up(7), 7);
    CHECK_EQ(fault_up(0), 0);
    CHECK(strchr(fault_path(), '<') == NULL);
}

static int
deep(int depth)
{
    return depth == 0 ? fault_new(-ENOSPC) : fault_up(deep(depth - 1));
}

TEST(a_trail_names_each_frame)
{
    char expected[128];

    snprintf(expected, sizeof(expected), "tests/unit/base.c:%d < tests/unit/base.c:%d", __LINE__ - 7,
             __LINE__ + 2);

    CHECK_EQ(fault_up(deep(0)), -ENOSPC);
    CHECK_TEXT(fault_path(), expected);
}

TEST(a_new_fault_forgets_the_last)
{
    (void)deep(4);
    (void)deep(0);
    CHECK(strchr(fault_path(), '<') == NULL);
}

TEST(a_trail_keeps_its_first_eight_frames)
{
    int frame_count = 1;

    CHECK_EQ(deep(20), -ENOSPC);
    for (const char *c = fault_path(); *c != '\0'; c++) {
        frame_count += *c == '<';
    }
    CHECK_EQ(frame_count, 8);
}

static void *
other_thread(void *out_bytes)
{
    *(size_t *)out_bytes = strlen(fault_path());
    return NULL;
}

TEST(a_trail_belongs_to_its_thread)
{
    pthread_t thread;
    size_t bytes = 1;

    (void)fault_new(-EIO);
    CHECK_EQ(pthread_create(&thread, NULL, other_thread, &bytes), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(bytes, 0);
}

TEST(texts_compare_by_bytes_and_a_prefix_comes_first)
{
    CHECK(text_equal(TEXT("a"), text_of("a")));
    CHECK(text_equal(text_of(NULL), TEXT("")));
    CHECK(!text_equal(TEXT("a"), TEXT("ab")));
    CHECK(text_compare(TEXT("a"), TEXT("ab")) < 0);
    CHECK(text_compare(TEXT("\xff"), TEXT("a")) > 0);
    CHECK_EQ(text_compare(TEXT(""), (struct text){0}), 0);
}

TEST(division_goes_down_before_1970_too)
{
    CHECK_EQ(floor_div(7, 2), 3);
    CHECK_EQ(floor_div(-1, MS_PER_DAY), -1);
    CHECK_EQ(floor_div(-MS_PER_DAY, MS_PER_DAY), -1);
    CHECK_EQ(floor_div(0, MS_PER_DAY), 0);
    CHECK_EQ(align_up(0, 16), 0);
    CHECK_EQ(align_up(17, 16), 32);
}
