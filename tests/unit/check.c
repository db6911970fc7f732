/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/check.h"

#include <stdlib.h>

#include <signal.h>
#include <unistd.h>

TEST(numbers_of_every_width_compare)
{
    CHECK_EQ((uint8_t)255, 255);
    CHECK_EQ(-1, (int64_t)-1);
    CHECK_EQ(UINT64_MAX, UINT64_MAX);
    CHECK_EQ(true, 1);
}

TEST(texts_and_strings_compare)
{
    char letters[] = "abc";

    CHECK_TEXT(letters, "abc");
    CHECK_TEXT(TEXT("abc"), letters);
    CHECK_TEXT((struct text){0}, "");
    CHECK_BYTES("ab", "ac", 1);
}

TEST(only_an_abort_is_a_death)
{
    int before = 1;

    CHECK_DIES(abort());
    CHECK_DIES(REQUIRE(before == 2), (void)0);
    CHECK_EQ(before, 1);
}

TEST(what_the_child_does_stays_there)
{
    int count = 0;

    CHECK_DIES(count++; abort());
    CHECK_EQ(count, 0);
}
