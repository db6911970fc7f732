/* SPDX-License-Identifier: Apache-2.0 */
#include "net/progress.h"

#include "tests/check.h"

static struct progress progress;
static char said[4096];
static FILE *out;

static void
given_progress(bool is_quiet, double part_began)
{
    memset(said, 0, sizeof(said));
    out = tmpfile();
    CHECK(out != NULL);
    progress_begin(&progress, out, is_quiet, (struct mono_ns){.ns = NS_PER_S}, part_began);
}

static void
read_out(void)
{
    rewind(out);
    said[fread(said, 1, sizeof(said) - 1, out)] = '\0';
    fclose(out);
}

static const char *
text(uint64_t seconds, double part)
{
    progress_text(&progress, (struct mono_ns){.ns = seconds * NS_PER_S}, part, "5 things", said);
    return said;
}

TEST(nothing_is_divided_by_nothing)
{
    given_progress(false, 0);
    CHECK_TEXT(text(0, 0), "[........................]   0 %  5 things");
    CHECK_TEXT(text(1, 0), "[........................]   0 %  5 things");
    CHECK_TEXT(text(100, 0), "[........................]   0 %  5 things");
    CHECK_TEXT(text(1, -1), "5 things");
    CHECK_TEXT(text(100, 2), "[########################] 100 %  5 things");
    fclose(out);
}

TEST(what_is_left_is_guessed_from_what_was_done_here)
{
    given_progress(false, 0);
    CHECK_TEXT(text(11, 0.5), "[############............]  50 %  5 things  10 s left");
    CHECK_TEXT(text(101, 0.25), "[######..................]  25 %  5 things  5 min 0 s left");
    CHECK_TEXT(text(3601, 0.25), "[######..................]  25 %  5 things  3 h 0 min left");
    fclose(out);
    given_progress(false, 0.5); /* by somebody else */
    CHECK_TEXT(text(11, 0.75), "[##################......]  75 %  5 things  10 s left");
    fclose(out);
}

TEST(where_nobody_looks_there_is_a_line_now_and_then)
{
    given_progress(false, 0);
    for (uint64_t second = 1; second <= 11; second++) {
        progress_say(&progress, (struct mono_ns){.ns = second * NS_PER_S}, -1, "now");
    }
    progress_break(&progress);
    read_out();
    CHECK_TEXT(said, "now\nnow\n");
}

TEST(quiet_is_quiet)
{
    given_progress(true, 0);
    progress_say(&progress, (struct mono_ns){.ns = 100 * NS_PER_S}, 0.5, "now");
    progress_break(&progress);
    read_out();
    CHECK_TEXT(said, "");
}

TEST(numbers_have_commas)
{
    char to[PROGRESS_NUMBER_BYTES];

    CHECK_TEXT(progress_number(0, to), "0");
    CHECK_TEXT(progress_number(999, to), "999");
    CHECK_TEXT(progress_number(1000, to), "1,000");
    CHECK_TEXT(progress_number(UINT64_MAX, to), "18,446,744,073,709,551,615");
}
