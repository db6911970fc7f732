/* SPDX-License-Identifier: Apache-2.0 */
#include "net/produce.h"

#include "tests/check.h"

static int
run(const char *first, const char *second)
{
    const char *words[] = {"produce", first, second, NULL};

    return produce_main(second != NULL ? 3 : 2, (char **)(uintptr_t)words);
}

TEST(wrong_words_are_status_2)
{
    CHECK_EQ(run("--nonsense", NULL), 2);
    CHECK_EQ(run("--url", "nowhere"), 2);
    CHECK_EQ(run("--from", "2026-01-32"), 2);
}

TEST(help_is_status_0)
{
    CHECK_EQ(run("--help", NULL), 0);
}
