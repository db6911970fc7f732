/* SPDX-License-Identifier: Apache-2.0 */
#include "net/import.h"

#include "tests/check.h"

/* Up to three words. What a node is needed for is in tests/e2e. */
static int
run(const char *first, const char *second, const char *third)
{
    const char *words[] = {"import", first, second, third, NULL};
    int count = 1;

    while (words[count] != NULL) {
        count++;
    }
    return import_main(count, (char **)(uintptr_t)words);
}

TEST(wrong_words_are_status_2)
{
    CHECK_EQ(run(NULL, NULL, NULL), 2);
    CHECK_EQ(run("--quiet", NULL, NULL), 2);
    CHECK_EQ(run("--nonsense", "a", "b"), 2);
    CHECK_EQ(run("file", "--tenant", "not a tenant"), 2);
    CHECK_EQ(run("file", "--tenant", NULL), 2);
    CHECK_EQ(run("file", "--key=a", "--tenant=b"), 2);
    CHECK_EQ(run("file", "--key-file", "/nowhere/at/all"), 2);
    CHECK_EQ(run("file", "--key-file", "/dev/null"), 2);
    CHECK_EQ(run("file", "--batch", "10001"), 2);
    CHECK_EQ(run("file", "--url", "https://127.0.0.1"), 2);
}

TEST(a_file_that_is_not_there_is_status_1)
{
    CHECK_EQ(run("/nowhere/at/all", NULL, NULL), 1);
    CHECK_EQ(run("--", "--quiet", NULL), 1); /* a file of that name */
}

TEST(help_is_status_0)
{
    CHECK_EQ(run("--help", NULL, NULL), 0);
}
